"""A few series side by side, small, each against its natural limits: only what is a signal is coloured."""

from __future__ import annotations

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def sparks(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "month",
    y: str = "value",
    panel: str = "indicator",
    height: float = 3.6,
    limit: int = 6,
) -> Figure:
    """``frame``: one row a series (``panel``, at most ``limit``) and moment (``x``, a date), in order, with its measure
    (``y``) and its ``centre``, ``lower``, ``upper`` and ``signal`` ("high", "low" or empty).

    Panels stand three in a row, each with its own scale; each is written in the format of the column of its name,
    where there is one. ``height``: of a row, in cm.
    """
    groups = list(frame.groupby(panel, sort=False, observed=True))[:limit]
    columns = min(len(groups), 3)
    rows = -(-len(groups) // columns)
    drawn, grid = style.figure(height * rows, nrows=rows, ncols=columns, squeeze=False)
    for axes in grid.flat[len(groups) :]:
        axes.set_axis_off()
    for axes, (name, own) in zip(grid.flat, groups, strict=False):
        _panel(axes, own.sort_values(x), book, x, y, str(name))
        axes.set_title(style.short(book.value(name, panel), 34), loc="left", fontsize=8.5, color=style.TEXT, pad=4)
    return drawn


def _panel(axes: Axes, own: pd.DataFrame, book: Phrasebook, x: str, y: str, name: str) -> None:
    days, values = pd.to_datetime(own[x]), own[y].astype(float)
    centre, lower, upper = (own[column].astype(float) for column in ("centre", "lower", "upper"))
    axes.fill_between(days, lower, upper, step="mid", color=style.WASH, linewidth=0)
    axes.step(days, centre, where="mid", color=style.ACCENT, linewidth=1.0)
    axes.plot(days, values, color=style.GREY, linewidth=0.9, marker="o", markersize=1.8)
    for word, colour in (("low", style.WARM), ("high", style.INK)):
        told = (own["signal"] == word).to_numpy()
        axes.plot(days[told], values[told], "o", color=colour, markersize=4.5)
    column = name if book.knows(name) else y
    style.tick_axis(axes, "y", book.format_of(column), book, count=3)
    axes.set_xticks([float(mdates.date2num(day)) for day in (days.iloc[0], days.iloc[-1])])
    is_monthly = len(days) < 2 or (days.iloc[-1] - days.iloc[0]).days / (len(days) - 1) > 20
    axes.xaxis.set_major_formatter(book.axis("month" if is_monthly else "date"))
    axes.tick_params(labelsize=style.SMALL)
    axes.margins(y=0.15)
    first, last = axes.get_xticklabels()[0], axes.get_xticklabels()[-1]
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    axes.spines["left"].set_visible(False)
