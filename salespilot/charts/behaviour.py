"""Series against their natural limits (process behaviour charts): only what is a signal is coloured."""

from __future__ import annotations

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def behaviour(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "month",
    y: str = "value",
    panel: str | None = None,
    centre: str = "centre",
    lower: str = "lower",
    upper: str = "upper",
    signal: str = "signal",
    marks: pd.DataFrame | None = None,
    limit: int = 6,
) -> Figure:
    """``frame``: one row a moment (and panel), in order. ``x``: a date; ``y``: the measure; ``panel``: the column that
    parts the panels, at most ``limit``, one under the other. ``centre``, ``lower``, ``upper``: its limits, which may
    step; ``signal``: "high", "low" or empty. ``marks``: dates (``x``) and words (``label``) of what was changed.
    """
    groups = list(frame.groupby(panel, sort=False, observed=True))[:limit] if panel else [("", frame)]
    drawn, grid = style.figure(1.4 + (2.5 if len(groups) > 1 else 6.0) * len(groups), nrows=len(groups), squeeze=False)
    for axes, (name, rows) in zip(grid[:, 0], groups, strict=True):
        _panel(axes, rows.sort_values(x), book, x, y, (centre, lower, upper), signal)
        if panel:
            axes.set_title(style.short(book.value(name, panel), 60), loc="left", fontsize=8.5, color=style.TEXT, pad=4)
        if marks is not None:
            _mark(axes, marks, x)
        axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=2, maxticks=7))
        axes.xaxis.set_major_formatter(book.axis("month" if book.format_of(x) == "month" else "date"))
        axes.sharex(grid[0, 0])
        if axes is not grid[-1, 0]:
            axes.tick_params(labelbottom=False)
    style.note(grid[-1, 0], book.heading(y))
    return drawn


def _panel(
    axes: Axes, rows: pd.DataFrame, book: Phrasebook, x: str, y: str, limits: tuple[str, str, str], signal: str
) -> None:
    days, values = pd.to_datetime(rows[x]), rows[y].astype(float)
    centre, lower, upper = (rows[column].astype(float) for column in limits)
    axes.fill_between(days, lower, upper, step="mid", color=style.WASH, linewidth=0)
    axes.step(days, centre, where="mid", color=style.ACCENT, linewidth=1.1)
    for edge in (lower, upper):
        axes.step(days, edge, where="mid", color=style.ACCENT, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.plot(days, values, color=style.GREY, linewidth=1.0, marker="o", markersize=2.6)
    for word, colour in (("low", style.WARM), ("high", style.INK)):
        told = (rows[signal] == word).to_numpy()
        axes.plot(days[told], values[told], "o", color=colour, markersize=6)
    for level in (centre, upper, lower):
        last = float(level.iloc[-1])
        axes.annotate(
            style.plain(book.cell(y, last)), (1.0, last), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=style.SMALL, color=style.ACCENT, annotation_clip=False,
        )  # fmt: skip
    style.tick_axis(axes, "y", book.format_of(y), book, count=3)
    axes.margins(y=0.12)
    if (values.min(), lower.min()) >= (0.0, 0.0):
        axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    axes.spines["left"].set_visible(False)


def _mark(axes: Axes, marks: pd.DataFrame, x: str) -> None:
    first, last = axes.get_xlim()
    for day, word in zip(pd.to_datetime(marks[x]), marks["label"], strict=True):
        place = float(mdates.date2num(day))
        if first <= place <= last:
            axes.axvline(place, color=style.GOLD, linewidth=1.2)
            axes.annotate(
                style.short(word, 34), (place, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2),
                textcoords="offset points", va="top", fontsize=style.SMALL, color=style.QUIET,
                path_effects=style.halo(),
            )  # fmt: skip
