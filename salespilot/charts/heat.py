"""A heat map: one number a cell, written in it, darker where it is greater."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

BLUES = LinearSegmentedColormap.from_list("blues", ["#f4f8fb", style.PALE, style.ACCENT, style.INK])


@style.form
def heat(frame: pd.DataFrame, book: Phrasebook, *, x: str, y: str, value: str, framed: str | None = None) -> Figure:
    """``frame``: one row a cell. ``x``, ``y``: its column and row, in the order they first appear; ``value``: its
    measure. A pair without a row is left white. ``framed``: a column of flags; these cells are framed.
    """
    table = frame.pivot_table(value, y, x, aggfunc="first", sort=False, observed=True, dropna=False).astype(float)
    table = table.reindex(index=frame[y].drop_duplicates(), columns=frame[x].drop_duplicates())
    numbers = np.ma.masked_invalid(table.to_numpy())
    drawn, axes = style.figure(2.0 + 0.5 * max(len(table), 2))
    axes.pcolormesh(numbers, cmap=BLUES, edgecolors="white", linewidth=1.5)
    span = float(numbers.max() - numbers.min()) or 1.0 if numbers.count() else 1.0
    if len(table.columns) <= 14:
        for (i, j), number in np.ndenumerate(table.to_numpy()):
            if np.isfinite(number):
                short = book.money_short(number) if book.format_of(value) == "money" else book.cell(value, number)
                colour = style.ink_on(BLUES((number - float(numbers.min())) / span))
                axes.text(
                    j + 0.5, i + 0.5, style.plain(short), ha="center", va="center", fontsize=style.SMALL, color=colour
                )
    for cell in frame[frame[framed]].to_dict("records") if framed else []:
        corner = (list(table.columns).index(cell[x]) + 0.04, list(table.index).index(cell[y]) + 0.05)
        axes.add_patch(Rectangle(corner, 0.92, 0.9, facecolor="none", edgecolor=style.WARM, linewidth=2.2))
    width = max(80 // len(table.columns), 5)
    across = [style.wrapped(style.short(book.cell(x, word), 3 * width), width) for word in table.columns]
    axes.set_xticks(np.arange(len(table.columns)) + 0.5, across)
    axes.set_yticks(np.arange(len(table)) + 0.5, [style.short(book.cell(y, word)) for word in table.index])
    style.names(axes)
    axes.set_ylim(len(table), 0)
    axes.xaxis.tick_top()
    for side in axes.spines.values():
        side.set_visible(False)
    return drawn
