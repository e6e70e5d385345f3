"""How often each value of a measure was seen, and where one value stands among them."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def histogram(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str,
    reference: float | None = None,
    reference_label: str | None = None,
    bins: int = 15,
) -> Figure:
    """``frame``: one row a case. ``x``: the measure, parted in ``bins`` of equal width. ``reference``: the value that
    is compared with the others, drawn across and named by the phrase ``reference_label`` (filled by ``value``).
    """
    values = frame[x].dropna().astype(float).to_numpy()
    if len(values) == 0:
        return style.blank(book)
    drawn, axes = style.figure(6.4)
    low, high = float(values.min()), float(values.max())
    if reference is not None:
        low, high = min(low, reference), max(high, reference)
    pad = 0.04 * (high - low) or abs(high) or 1.0
    _, _, patches = axes.hist(values, bins=bins, range=(low - pad, high + pad), color=style.PALE, rwidth=0.92)
    axes.set_xlim(low - 2 * pad, high + 2 * pad)
    style.tick_axis(axes, "x", book.format_of(x), book)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.yaxis.set_major_formatter(book.axis("count"))
    style.grid(axes, "y")
    axes.set(xlabel=book.heading(x), ylabel=book.say("cases"))
    if reference is not None:
        axes.axvline(reference, color=style.WARM, linewidth=1.6)
        for patch in patches:
            if patch.get_x() + patch.get_width() / 2 >= reference:
                patch.set_facecolor(style.INK)
        if reference_label:
            share = (reference - low + 2 * pad) / (high - low + 4 * pad)
            axes.annotate(
                style.plain(book.say(reference_label, value=reference)), (reference, 1),
                xycoords=("data", "axes fraction"), xytext=(0, 4), textcoords="offset points",
                ha="left" if share < 0.3 else "right" if share > 0.7 else "center", va="bottom", color=style.WARM,
                fontsize=8, fontweight="bold",
            )  # fmt: skip
    return drawn
