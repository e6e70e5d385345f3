"""A Gantt chart: one bar an action from its start to its due date, coloured by its state, with what is done of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

MONTHS_SHOWN = 6
STATES = (style.INK, style.PALE, style.GREY, style.GOLD, style.WARM)


@style.form
def gantt(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    y: str,
    start: str = "start_date",
    end: str = "due_date",
    colour: str = "origin",
    colour_order: Sequence[str] = (),
    progress: str | None = "progress",
    note: str | None = None,
    today: date | None = None,
    limit: int = 24,
) -> Figure:
    """``frame``: one row an action, at most ``limit``. ``y``: its name; ``start``, ``end``: dates; ``colour``: its
    state, in the order of ``colour_order``; ``progress``: the share done, a white line in the bar; ``note``: a
    short word after the bar, such as its owner. ``today``: a line across. Rows without both dates are left out.
    """
    frame = frame.dropna(subset=[start, end])
    total = len(frame)
    frame = frame.head(limit).reset_index(drop=True)
    if frame.empty:
        return style.blank(book)
    drawn, axes = style.figure(1.9 + 0.38 * max(len(frame), 2))
    begins = mdates.date2num(frame[start])
    ends = np.maximum(mdates.date2num(frame[end]), begins + 3)
    states = frame[colour].astype(str)
    every = [*colour_order, *(word for word in states.unique() if word not in colour_order)]
    colours = {word: STATES[place % len(STATES)] for place, word in enumerate(every)}
    order = [word for word in every if (states == word).any()]
    places = np.arange(len(frame))
    axes.barh(places, ends - begins, left=begins, height=0.62, color=[colours[word] for word in states])
    if progress and progress in frame:
        done = frame[progress].astype(float).fillna(0.0).clip(0, 1).to_numpy()
        for place in np.flatnonzero(done > 0).tolist():
            reach = begins[place] + done[place] * (ends[place] - begins[place])
            axes.plot([begins[place], reach], [place, place], color="white", linewidth=2.2, solid_capstyle="butt")
    low, high = float(begins.min()), float(ends.max())
    if today is not None:
        day = float(mdates.date2num(today))
        low, high = min(low, day), max(high, day)
        axes.axvline(day, color=style.WARM, linewidth=1.1, linestyle=(0, (4, 2)), zorder=3)
        axes.annotate(
            style.plain(book.say("today")), (day, -0.75), xytext=(3, 0), textcoords="offset points",
            fontsize=style.SMALL, color=style.WARM, va="center", path_effects=style.halo(), annotation_clip=False,
        )  # fmt: skip
    room = 0.02 * (high - low or 1)
    if note:
        for place, word in enumerate(style.labels(frame, note, book, 24)):
            axes.annotate(
                word, (ends[place], place), xytext=(4, 0), textcoords="offset points", fontsize=style.SMALL,
                color=style.QUIET, va="center", path_effects=style.halo(),
            )  # fmt: skip
    axes.set(yticks=places, yticklabels=style.labels(frame, y, book, 34), ylim=(len(frame) - 0.4, -1.1))
    axes.set_xlim(low - room, high + (0.26 * (high - low) if note else room))
    _months(axes, low, high, book)
    style.names(axes)
    style.grid(axes, "x")
    style.key(axes, [(book.value(word, colour), colours[word]) for word in order])
    if total > limit:
        style.note(axes, book.say("first_of", shown=limit, total=total))
    return drawn


def _months(axes: object, low: float, high: float, book: Phrasebook) -> None:
    """A tick at the first day of a month, every so many months that they can be read."""
    first, last = (pd.Timestamp(mdates.num2date(day)).tz_localize(None) for day in (low, high))
    months = pd.date_range(first.to_period("M").to_timestamp(), last, freq="MS")
    step = -(-len(months) // MONTHS_SHOWN) or 1
    ticks = [float(tick) for tick in mdates.date2num(months[::step]) if tick >= low]
    axis = axes.xaxis  # type: ignore[attr-defined]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: book.month_short(pd.Timestamp(mdates.num2date(value)).tz_localize(None)))
    )
