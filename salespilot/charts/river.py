"""The river of deals: how many enter each stage, and where they leave it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

BAR = 0.46
PARTS: Mapping[str, str] = {"advanced": style.ACCENT, "open": style.PALE, "lost": style.WARM}


@style.form
def river(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "stage",
    entrants: str = "entrants",
    value: str | None = "entered_value",
    count: str = "{part}_count",
    worth: str | None = "{part}_value",
    limit: int = 9,
) -> Figure:
    """``frame``: one row a stage, in the order of the cycle, at most ``limit`` of them (those that most deals enter).

    ``entrants``, ``value``: how many deals entered it and their money. ``count``, ``worth``: the columns that hold the
    number and the money of those that advanced, that are open in it, and that were lost from it (``{part}`` becomes
    advanced, open, lost). Bars are as high as the deals that entered; the lost leave at the foot.
    """
    total = len(frame)
    if total > limit:
        frame = frame.loc[frame[entrants].nlargest(limit).index.sort_values()]
    top = float(frame[entrants].max())
    if not top > 0:
        return style.blank(book)
    drawn, axes = style.figure(8.6)
    numbers = {part: frame[count.format(part=part)].astype(float).to_numpy() for part in PARTS}
    heights = frame[entrants].astype(float).to_numpy() / top
    passed = numbers["advanced"] / top
    for place in range(len(frame) - 1):
        edges = [(place + BAR / 2, 0), (place + 1 - BAR / 2, 0), (place + 1 - BAR / 2, heights[place + 1])]
        axes.add_patch(Polygon([*edges, (place + BAR / 2, passed[place])], color=style.WASH, linewidth=0))
    level = np.zeros(len(frame))
    places = np.arange(len(frame))
    for part, colour in PARTS.items():
        size = numbers[part] / top
        axes.bar(places, size, bottom=level, width=BAR, color=colour)
        if part != "lost":
            for wide in np.flatnonzero(size > 0.05):
                text = style.plain(book.count(numbers[part][wide]))
                middle, ink = level[wide] + size[wide] / 2, style.ink_on(colour)
                axes.text(float(wide), middle, text, ha="center", va="center", fontsize=8, color=ink)
        level = level + size
    for column, side, colour, count_of, at in (
        (worth and worth.format(part="lost"), -1, style.WARM, numbers["lost"], level),
        (value, 1, style.TEXT, heights * top, np.zeros(len(frame))),
    ):
        priced = column is not None and column in frame and bool(frame[column].gt(0).any())
        amounts = frame[column] if priced else pd.Series(np.nan, index=frame.index)
        for place, (number, amount) in enumerate(zip(count_of, amounts, strict=True)):
            money = book.money_short(amount) if priced else ""
            _written(axes, place, at[place], side, colour, book.count(number), money)
    axes.set(xlim=(-0.6, len(frame) - 0.4), ylim=(1.22, -0.2), yticks=[])
    width = max(90 // len(frame), 9)
    names = [style.wrapped(book.cell(x, word)[: 3 * width], width) for word in frame[x]]
    axes.set_xticks(places, names, color=style.TEXT, fontweight="bold")
    axes.xaxis.tick_top()
    for side in axes.spines.values():
        side.set_visible(False)
    style.key(axes, [(book.value(part, "outcome"), colour) for part, colour in PARTS.items()], y=-0.07)
    if total > limit:
        style.note(axes, book.say("first_of", shown=limit, total=total))
    return drawn


def _written(
    axes: Axes,
    place: int,
    level: float,
    side: int,
    colour: str,
    number: str,
    amount: str,
) -> None:
    """A count and its money, above (``side`` 1) or below (-1) a level of one bar."""
    lines = [(number, "bold"), (amount, "normal")]
    if side > 0:
        lines.reverse()
    gap = 4.0
    for text, weight in lines:
        if not text:
            continue
        axes.annotate(
            style.plain(text),
            (place, level),
            xytext=(0, side * gap),
            textcoords="offset points",
            ha="center",
            va="bottom" if side > 0 else "top",
            fontsize=8,
            color=colour,
            fontweight=weight,
        )
        gap += 10.5
