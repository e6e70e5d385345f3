"""What was announced against what came true: on the diagonal, the probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def reliability(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str,
    y: str,
    low: str,
    high: str,
    count: str,
    highlight: str | None = None,
) -> Figure:
    """``frame``: one row a band of probability. ``x``: the probability announced, ``y``: the rate that came true, both
    from 0 to 1; ``low``, ``high``: the bounds of its interval; ``count``: the cases, written beside each dot.

    ``highlight``: a column of flags; these bands stand out (their interval misses the diagonal).
    """
    frame = frame.dropna(subset=[x, y]).sort_values(x)
    if frame.empty:
        return style.blank(book)
    drawn, axes = style.figure(8.6)
    strong = frame[highlight].fillna(False).astype(bool).to_numpy() if highlight else np.zeros(len(frame), dtype=bool)
    colours = np.where(strong, style.WARM, style.INK)
    across, rate = frame[x].astype(float).clip(0, 1), frame[y].astype(float).clip(0, 1)
    bounds = [frame[column].astype(float).clip(0, 1) for column in (low, high)]
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle=(0, (4, 2)))
    axes.vlines(across, *bounds, color=colours, linewidth=1.6, alpha=0.75)
    axes.scatter(across, rate, s=38, c=colours, edgecolors="white", linewidths=0.6, zorder=3)
    for place, level, n, colour in zip(across, rate, frame[count], colours, strict=True):
        axes.annotate(
            style.plain(f"n = {book.count(n)}"),
            (place, level),
            xytext=(-6, 0) if place > 0.85 else (6, 0),
            textcoords="offset points",
            ha="right" if place > 0.85 else "left",
            va="center",
            fontsize=style.SMALL,
            color=colour,
            path_effects=style.halo(),
            zorder=4,
        )
    axes.annotate(
        style.plain(book.say("exact_probability")),
        (0.02, 0.02),
        xytext=(12, 2),
        textcoords="offset points",
        fontsize=style.SMALL,
        color=style.QUIET,
        path_effects=style.halo(),
    )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    for which, column in (("x", x), ("y", y)):
        style.tick_axis(axes, which, "percent", book)
        getattr(axes, f"set_{which}label")(book.heading(column))
    style.grid(axes, "y")
    return drawn
