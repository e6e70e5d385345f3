"""The scorecard of indicators: one line each, under the decision made on it, with what it adds and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook, is_missing

COLOURS = (style.INK, style.ACCENT, style.GOLD, style.WARM)
NAMES, BARS, SIDE = 0.33, 0.36, 0.15
"""Widths of the names, of the bars and of each column at the right, as shares of the page."""


@style.form
def scorecard(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "predictive_gain",
    y: str = "indicator",
    group: str = "decision",
    order: Sequence[str] = ("keep", "trial", "replace", "drop"),
    side: Sequence[str] = ("level", "why", "hours_to_collect"),
) -> Figure:
    """``frame``: one row an indicator. ``group``: the decision, a heading over its indicators, in the given order;
    ``x``: a signed measure drawn as a bar (right: it helps; left: it misleads; a dot where it is not known);
    ``side``: columns written at the right, under their headings.
    """
    groups = [name for name in order if (frame[group] == name).any()]
    values = frame[x].astype(float).dropna()
    low, high = min(float(values.min()), 0.0) if len(values) else 0.0, float(values.max()) if len(values) else 0.0
    span = max(high - low, 0.01) * 1.4  # room for the figures beside the bars
    zero = NAMES + BARS * (0.1 * span - low) / span if low < 0 else NAMES
    width = BARS / span
    ends = [NAMES + BARS + SIDE * (k + 0.5) for k in range(len(side))]
    right = NAMES + BARS + SIDE * len(side)
    drawn, axes = style.figure(1.3 + 0.34 * (len(frame) + 1.3 * len(groups)))
    place = 0.0
    for name in groups:
        rows, colour = frame[frame[group] == name], COLOURS[list(order).index(name) % len(COLOURS)]
        title = book.say("label_count", label=book.value(name, group), n=len(rows))
        axes.text(0, place, style.plain(title), fontweight="bold", color=colour, va="center", fontsize=9)
        axes.plot([0, right], [place + 0.55] * 2, color=style.GRID, linewidth=0.8)
        for row in rows.to_dict("records"):
            place += 1.0
            axes.text(0.015, place, style.short(book.cell(y, row[y]), 34), va="center", fontsize=8.5)
            if is_missing(row[x]):
                axes.plot([zero], [place], marker="o", markersize=4, color=style.GREY)
            else:
                value = float(row[x])
                axes.barh(place, value * width, left=zero, height=0.62, color=colour)
                axes.text(
                    zero + value * width + (0.008 if value >= 0 else -0.008),
                    place,
                    style.plain(("+" if value > 0 else "") + book.percent(value)),
                    va="center",
                    ha="left" if value >= 0 else "right",
                    fontsize=style.SMALL,
                )
            for at, column in zip(ends, side, strict=True):
                shown = "–" if is_missing(row[column]) or row[column] == 0 else book.cell(column, row[column])
                axes.text(at, place, style.short(shown, 24), ha="center", va="center", fontsize=8)
        place += 1.3
    for at, column in [(NAMES + BARS / 2, x), *zip(ends, side, strict=True)]:
        heading = style.wrapped(book.heading(column), 34 if column == x else 18)
        axes.text(at, -0.8, heading, ha="center", va="bottom", fontsize=style.SMALL, color=style.QUIET)
    axes.plot([zero, zero], [0.6, place - 0.8], color=style.GREY, linewidth=0.8, zorder=0)
    axes.set(xlim=(-0.005, right), ylim=(place - 0.6, -1.8))
    axes.set_axis_off()
    return drawn
