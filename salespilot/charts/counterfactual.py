"""What was sold against what would have been sold all the same, before, during and after something was tried."""

from __future__ import annotations

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

GROUND = {"pre": "#f1f4f6", "during": style.WASH, "post": "#f1f4f6"}


@style.form
def counterfactual(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "date",
    y: str = "actual",
    expected: str = "expected",
    low: str = "expected_low",
    high: str = "expected_high",
    phase: str = "contest_phase",
) -> Figure:
    """``frame``: one row a moment, in order. ``x``: a date; ``y``: what was measured; ``expected``: what would have
    been without it, between ``low`` and ``high``. ``phase``: pre, during, post or rest; the first three are shaded,
    from ``start_date`` to ``end_date``, and named.
    """
    known = frame.dropna(subset=[x, y, expected])
    if known.empty:
        return style.blank(book)
    drawn, axes = style.figure(8.0)
    days = pd.to_datetime(frame[x])
    bounds = frame[[low, high]].astype(float)
    axes.fill_between(days, bounds[low], bounds[high], color=style.PALE, alpha=0.6, linewidth=0)
    axes.plot(days, frame[expected].astype(float), color=style.ACCENT, linestyle=(0, (4, 2)), linewidth=1.3)
    axes.plot(days, frame[y].astype(float), color=style.INK, marker="o", markersize=3.6)
    for kind, ground in GROUND.items():
        rows = frame[frame[phase] == kind]
        if rows.empty:
            continue
        start, end = pd.to_datetime(rows["start_date"]).min(), pd.to_datetime(rows["end_date"]).max()
        axes.axvspan(start, end, color=ground, linewidth=0, zorder=0)
        axes.annotate(
            style.plain(book.value(kind, phase)), (start + (end - start) / 2, 1), xycoords=("data", "axes fraction"),
            xytext=(0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=style.SMALL,
            color=style.INK if kind == "during" else style.QUIET,
            fontweight="bold" if kind == "during" else "normal",
        )  # fmt: skip
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=3, maxticks=8))
    axes.xaxis.set_major_formatter(book.axis("month"))
    style.tick_axis(axes, "y", book.format_of(y), book)
    style.grid(axes, "y")
    axes.set_ylim(0, float(frame[[y, expected, high]].astype(float).max().max()) * 1.06 or 1.0)
    ends = [float(known[column].iloc[-1]) for column in (y, expected)]
    places = style.spread(ends, 0.07 * axes.get_ylim()[1])
    for column, colour, place in zip((y, expected), (style.INK, style.ACCENT), places, strict=True):
        axes.annotate(
            style.wrapped(book.heading(column, "course"), 18), (1, place), xycoords=("axes fraction", "data"),
            xytext=(6, 0), textcoords="offset points", va="center", color=colour, fontsize=8, fontweight="bold",
            annotation_clip=False,
        )  # fmt: skip
    return drawn
