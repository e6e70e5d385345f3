"""Bars by decile over a line by decile, one above the other: two measures, no second axis to misread."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def decile_bars(
    frame: pd.DataFrame, book: Phrasebook, *, x: str = "decile", y: str = "visits_per_customer", line: str | None = None
) -> Figure:
    """``frame``: one row a decile (or any other ordered group). ``x``: its number; ``y``: the measure of the bars;
    ``line``: the measure of the line, drawn below them (absent or all missing: bars alone).
    """
    with_line = line is not None and frame[line].notna().any()
    drawn, axes = style.figure(7.6 if with_line else 5.6, nrows=2 if with_line else 1, sharex=True)
    upper, lower = axes if with_line else (axes, None)
    places = range(len(frame))
    names = style.labels(frame, x, book, 12)

    values = frame[y].astype(float)
    upper.bar(places, values, width=0.7, color=style.ACCENT)
    _write(upper, book, y, values)
    if lower is not None and line is not None:
        values = frame[line].astype(float)
        lower.plot(places, values, color=style.WARM, marker="o", markersize=5)
        lower.fill_between(places, values.fillna(0), color=style.WARM, alpha=0.1, linewidth=0)
        _write(lower, book, line, values)
    bottom = lower if lower is not None else upper
    bottom.set(xticks=places, xticklabels=names, xlim=(-0.6, len(frame) - 0.4))
    bottom.set_xlabel(book.heading(x))
    return drawn


def _write(axes: Axes, book: Phrasebook, column: str, values: pd.Series) -> None:
    """Values above their marks, the measure's name over the panel, no other scale."""
    for place, value in enumerate(values):
        if pd.notna(value):
            short = book.money_short(value) if book.format_of(column) == "money" else book.cell(column, value)
            axes.annotate(
                style.plain(short),
                (place, value),
                xytext=(0, 4 if value >= 0 else -4),
                textcoords="offset points",
                ha="center",
                va="bottom" if value >= 0 else "top",
                fontsize=8,
                path_effects=style.halo(),
            )
    top, bottom = max(0, values.max()), min(0, values.min())  # 0 first: NaN, where all are missing, loses
    axes.set_ylim(bottom - (0.2 * (top - bottom) if bottom < 0 else 0), top + 0.2 * (top - bottom) or 1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if bottom < 0:
        axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.set_title(
        style.plain(book.heading(column)), loc="left", fontsize=8.5, fontweight="bold", color=style.TEXT, pad=9
    )
