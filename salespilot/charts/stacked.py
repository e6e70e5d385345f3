"""Stacked bars: how each total is made up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

STEPS = (style.INK, style.ACCENT, style.PALE, style.GOLD, style.WARM, style.GREY)


@style.form
def stacked(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str,
    y: str,
    series: str,
    order: Sequence[str] = (),
    beside: str | None = None,
    limit: int = 30,
) -> Figure:
    """``frame``: one row a bar and part. ``y``: the bar, in order of appearance, at most ``limit`` of them;
    ``series``: the part, in the order given; ``x``: its measure. Negative parts stand left of zero. ``beside``: a
    column of the bar, written at its right under its heading.
    """
    names = frame[y].drop_duplicates()
    total = len(names)
    names = names.head(limit)
    parts = [*order, *(part for part in frame[series].dropna().unique() if part not in order)]
    table = frame.pivot_table(x, y, series, aggfunc="sum", observed=True).reindex(index=names, columns=parts)
    numbers = table.fillna(0).astype(float).to_numpy()
    drawn, axes = style.figure(2.0 + 0.58 * max(len(names), 2))
    places = np.arange(len(names))
    right, left = np.zeros(len(names)), np.zeros(len(names))
    width = float(np.clip(numbers, 0, None).sum(axis=1).max() - np.clip(numbers, None, 0).sum(axis=1).min()) or 1.0
    colours = [STEPS[k % len(STEPS)] for k in range(len(parts))]
    for k, colour in enumerate(colours):
        values = numbers[:, k]
        start = np.where(values >= 0, right, left)
        axes.barh(places, values, left=start, height=0.7, color=colour, edgecolor="white", linewidth=0.6)
        for place, (value, begin) in enumerate(zip(values, start, strict=True)):
            short = book.money_short(value) if book.format_of(x) == "money" else book.cell(x, value)
            if abs(value) > width * (0.0115 * len(short) + 0.012):
                middle = begin + value / 2
                ink = style.ink_on(to_rgba(colour))
                axes.text(middle, place, style.plain(short), ha="center", va="center", fontsize=style.SMALL, color=ink)
        right += np.clip(values, 0, None)
        left += np.clip(values, None, 0)
    axes.set(yticks=places, ylim=(len(names) - 0.4, -0.6))
    style.names(axes)
    axes.set_yticklabels([style.short(book.cell(y, name)) for name in names])
    axes.set_xlim(left.min() * 1.02, right.max() * 1.02 or 1)
    if left.min() < 0:
        axes.axvline(0, color=style.GREY, linewidth=0.8)
    if beside:
        told = frame.drop_duplicates(y).set_index(y)[beside].reindex(names)
        style.column(axes, book.heading(beside), [book.cell(beside, value) for value in told])
    style.key(axes, [(book.value(part, series), colour) for part, colour in zip(parts, colours, strict=True)], y=1.0)
    style.tick_axis(axes, "x", book.format_of(x), book)
    style.grid(axes, "x")
    axes.set_xlabel(book.heading(x))
    if total > limit:
        style.note(axes, book.say("first_of", shown=limit, total=total))
    return drawn
