"""How far off, how long before: the spread of errors by horizon, which narrows as the day comes near."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def cone(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str,
    y: str,
    low: str,
    high: str,
    reference: float = 0.0,
    reference_label: str | None = None,
    inner: str | None = None,
    outer: str | None = None,
) -> Figure:
    """``frame``: one row a horizon. ``x``: days before the end, the longest at the left; ``y``: the middle of the
    errors; ``low``, ``high``: the bounds of their spread.

    ``reference``: no error, named by the phrase ``reference_label``. ``inner``, ``outer``: the phrases that name the
    middle and the spread. A single horizon is drawn as one upright interval.
    """
    frame = frame.dropna(subset=[x, y]).sort_values(x, ascending=False)
    if frame.empty:
        return style.blank(book)
    drawn, axes = style.figure(7.4)
    across, middle = frame[x].astype(float), frame[y].astype(float)
    bounds = [frame[column].astype(float) for column in (low, high)]
    axes.axhline(reference, color=style.GREY, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1)
    axes.fill_between(across, *bounds, color=style.WASH, linewidth=0, zorder=0)
    axes.vlines(across, *bounds, color=style.PALE, linewidth=3, zorder=2)
    axes.plot(across, middle, color=style.INK, marker="o", markersize=5, zorder=3)
    span = float(across.max() - across.min()) or max(float(across.max()), 1.0)
    axes.set_xlim(across.max() + 0.08 * span, across.min() - 0.08 * span)
    for place, level, top in zip(across, middle, bounds[1], strict=True):
        axes.annotate(
            style.plain(book.cell(y, level)),
            (place, level),
            xytext=(8, 6 if pd.isna(top) or top > level else 8),
            textcoords="offset points",
            fontsize=8,
            color=style.INK,
            path_effects=style.halo(),
            zorder=4,
        )
    if reference_label:
        axes.annotate(
            style.plain(book.say(reference_label, value=reference)),
            (0, reference),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=style.SMALL,
            color=style.QUIET,
            path_effects=style.halo(),
        )
    entries = [(book.say(phrase), colour) for phrase, colour in ((inner, style.INK), (outer, style.PALE)) if phrase]
    if entries:
        style.key(axes, entries)
    axes.set_xticks(across, [style.plain(book.cell(x, value)) for value in across])
    style.tick_axis(axes, "y", book.format_of(y), book)
    style.grid(axes, "y")
    axes.set_xlabel(book.heading(x))
    axes.set_ylabel(book.heading(y))
    return drawn
