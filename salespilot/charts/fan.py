"""The landing of a period: what is done, what is aimed at, and the fan of where it ends."""

from __future__ import annotations

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def fan(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "date",
    actual: str = "actual",
    low: str = "landing_p10",
    middle: str = "landing_p50",
    high: str = "landing_p90",
    target: str | None = "target",
    previous: str | None = "previous",
) -> Figure:
    """``frame``: one row a moment, all measures cumulated since the start of the period. ``x``: a date; ``actual``:
    missing after today; ``low``, ``middle``, ``high``: the landing, missing before today; ``target`` and ``previous``
    (last year): lines, where known.

    Each line is named at its end with its last amount.
    """
    shown = [column for column in (actual, low, middle, high, target, previous) if column]
    frame = frame.dropna(subset=shown, how="all")
    if frame.empty:
        return style.blank(book)
    drawn, axes = style.figure(8.6)
    frame = frame.sort_values(x).assign(**{x: lambda rows: pd.to_datetime(rows[x])})
    days = frame[x].to_numpy()
    ends: list[tuple[float, str, str, bool]] = []
    for column, colour, dash in ((previous, style.GREY, (0, (1.4, 1.2))), (target, style.WARM, (0, (5, 1.6)))):
        if column and frame[column].notna().any():
            axes.plot(days, frame[column].astype(float), color=colour, linestyle=dash, linewidth=1.4)
            ends.append((_last(frame[column]), column, colour, False))
    if frame[low].notna().any() and frame[high].notna().any():
        bounds = frame[[low, high]].astype(float).to_numpy()
        axes.fill_between(days, bounds[:, 0], bounds[:, 1], color=style.PALE, alpha=0.55, linewidth=0)
        ends += [(_last(frame[column]), column, style.QUIET, False) for column in (low, high)]
    if frame[middle].notna().any():
        axes.plot(days, frame[middle].astype(float), color=style.ACCENT, linestyle=(0, (2.5, 1.5)))
        ends.append((_last(frame[middle]), middle, style.ACCENT, True))
    done = frame.dropna(subset=[actual])
    axes.plot(done[x], done[actual].astype(float), color=style.INK, linewidth=2.4)
    if len(done):
        today = done.iloc[-1]
        axes.plot(today[x], float(today[actual]), "o", color=style.INK, markersize=6)
        text = f"{book.heading(actual)}\n{book.money_short(today[actual])}"
        axes.annotate(
            style.plain(text), (today[x], float(today[actual])), xytext=(9, -6), textcoords="offset points", ha="left",
            va="top", color=style.INK, fontweight="bold", fontsize=8, path_effects=style.halo(),
        )  # fmt: skip
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=3, maxticks=8))
    axes.xaxis.set_major_formatter(book.axis("month" if len(frame) > 5 else "date"))
    style.tick_axis(axes, "y", "money", book)
    style.grid(axes, "y")
    if len(frame) > 1:
        axes.set_xlim(days.min(), days.max())
    low_end, high_end = axes.get_ylim()
    axes.set_ylim(min(low_end, 0.0), max(high_end, 0.0) or 1.0)
    _name(axes, ends, book)
    return drawn


def _last(column: pd.Series) -> float:
    return float(column.dropna().iloc[-1])


def _name(axes: Axes, ends: list[tuple[float, str, str, bool]], book: Phrasebook) -> None:
    low, high = axes.get_ylim()
    places = style.spread([level for level, *_ in ends], 0.066 * (high - low))
    for (level, column, colour, is_bold), place in zip(ends, places, strict=True):
        axes.annotate(
            style.plain(f"{book.heading(column)}  {book.money_short(level)}"), (1.0, place),
            xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points", va="center", color=colour,
            fontsize=8, fontweight="bold" if is_bold else "normal", annotation_clip=False,
        )  # fmt: skip
