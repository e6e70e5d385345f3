"""Horizontal bars: one measure, name by name, with its interval and the level to compare with."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def bars(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    reference: float | None = None,
    reference_label: str | None = None,
    highlight: str | None = None,
    sort: bool = False,
    limit: int = 30,
) -> Figure:
    """One bar a row, in the frame's order (``sort``: from the longest to the shortest), at most ``limit``.

    ``x``: the measure; ``y``: the column of names. ``low``, ``high``: the bounds of its interval, drawn as a line.
    ``reference``: a level drawn across all bars, named by the phrase ``reference_label`` (filled by ``value``).
    ``highlight``: a column of flags; these bars are dark, the others pale.
    """
    frame = frame.dropna(subset=[x])
    if frame.empty:
        return style.blank(book)
    frame = frame.sort_values(x, ascending=False, kind="stable") if sort else frame
    total = len(frame)
    frame = frame.head(limit)
    kind = book.format_of(x)
    drawn, axes = style.figure(1.6 + 0.56 * max(len(frame), 2))
    places = np.arange(len(frame))
    strong = frame[highlight].fillna(False).astype(bool).to_numpy() if highlight else np.ones(len(frame), dtype=bool)
    values = frame[x].astype(float).to_numpy()
    axes.barh(places, values, height=0.68, color=np.where(strong, style.ACCENT, style.PALE))
    axes.set(yticks=places, yticklabels=style.labels(frame, y, book), ylim=(len(frame) - 0.4, -0.6))

    ends = values.copy()
    if low and high:
        bounds = frame[[low, high]].astype(float).to_numpy()
        axes.hlines(places, bounds[:, 0], bounds[:, 1], color=style.INK, linewidth=1.4)
        ends = np.where(
            values < 0, np.nanmin([values, bounds[:, 0]], axis=0), np.nanmax([values, bounds[:, 1]], axis=0)
        )
    for place, value, end in zip(places, values, ends, strict=True):
        axes.annotate(
            style.plain(book.cell(x, value)),
            (end, place),
            xytext=(4 if value >= 0 else -4, 0),
            textcoords="offset points",
            ha="left" if value >= 0 else "right",
            va="center",
            fontsize=8,
            path_effects=style.halo(),
            zorder=4,
        )
    if values.min() < 0:
        axes.axvline(0, color=style.GREY, linewidth=0.8)
        axes.spines["left"].set_visible(False)
    widest = max(len(book.cell(x, value)) for value in values)
    room = (0.016 * widest + 0.025) * (max(ends.max(), 0) - min(ends.min(), 0) or 1)
    axes.set_xlim(
        min(ends.min() - room, 0) if ends.min() < 0 else 0, max(ends.max() + room, room, (reference or 0) * 1.06)
    )
    style.names(axes)
    style.tick_axis(axes, "x", kind, book)
    style.grid(axes, "x")
    axes.set_xlabel(book.heading(x))
    if reference is not None:
        axes.axvline(reference, color=style.WARM, linewidth=1.2, linestyle=(0, (4, 2)))
        if reference_label:
            axes.annotate(
                style.plain(book.say(reference_label, value=reference)),
                (reference, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                color=style.WARM,
                fontsize=8,
                fontweight="bold",
            )
    if total > limit:
        style.note(axes, book.say("first_of", shown=limit, total=total))
    return drawn
