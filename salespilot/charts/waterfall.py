"""From one total to the next, step by step (a bridge)."""

from __future__ import annotations

import itertools
from collections.abc import Collection

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

CUT_BELOW = 0.2


@style.form
def waterfall(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "step",
    y: str = "amount",
    totals: Collection[str] = ("previous", "current"),
    height: float = 7.4,
) -> Figure:
    """``frame``: one row a step, in order. ``x``: the step's word; ``y``: its signed amount; ``height``: in cm.

    Steps named in ``totals`` stand on the ground with their own amount; the others hang where the last one ended.
    Where the steps would be slivers beside the totals, these are cut at the foot, and a note says so.
    """
    frame = frame.dropna(subset=[y])
    if frame.empty:
        return style.blank(book)
    drawn, axes = style.figure(height)
    level, ends, tops = 0.0, list[float](), list[float]()
    for place, (word, amount) in enumerate(zip(frame[x], frame[y].astype(float), strict=True)):
        total = word in totals
        start, level = (0.0, amount) if total else (level, level + amount)
        colour = style.INK if total else style.PALE if amount >= 0 else style.WARM
        axes.bar(place, level - start, bottom=start, width=0.66, color=colour)
        sign = "+" if amount > 0 and not total else ""
        up = (total and amount >= 0) or not total
        axes.annotate(
            sign + style.plain(book.money_short(amount)),
            (place, max(start, level) if up else min(start, level)),
            xytext=(0, 3 if up else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if up else "top",
            fontsize=8,
            fontweight="bold" if total else "normal",
        )
        ends.append(level)
        tops += [start, level]
    for place, end in enumerate(itertools.islice(ends, len(ends) - 1)):
        axes.plot([place + 0.33, place + 0.67], [end, end], color=style.GREY, linewidth=0.8)
    floor = _floor(ends)
    if floor:
        _cut(axes, [place for place, word in enumerate(frame[x]) if word in totals], floor, max(tops))
        style.note(axes, book.say("scale_cut"))
    low, high = floor or min(*tops, 0.0), max(*tops, 0.0)
    room = 0.1 * (high - low or 1)
    axes.set(xlim=(-0.6, len(frame) - 0.4), ylim=(low - (room if low < 0 else 0), high + room), yticks=[])
    words = [style.wrapped(book.value(word, x), 13) for word in frame[x]]
    axes.set_xticks(range(len(frame)), words, color=style.TEXT)
    axes.spines["left"].set_visible(False)
    if low < 0:
        axes.spines["bottom"].set_visible(False)
        axes.axhline(0, color=style.GREY, linewidth=0.8)
    return drawn


def _floor(levels: list[float]) -> float:
    """Where the scale may begin so that the steps are seen: 0 unless all levels lie close together, far above it."""
    spread = max(levels) - min(levels)
    return min(levels) - spread if 0 < spread < CUT_BELOW * min(levels) else 0.0


def _cut(axes: Axes, places: list[int], floor: float, high: float) -> None:
    """A white slash across the foot of each total."""
    height = high - floor
    for place in places:
        foot = floor + 0.06 * height
        axes.plot([place - 0.36, place + 0.36], [foot, foot + 0.05 * height], color="white", linewidth=4)
