"""Who moved from which cell to which: a flow diagram between two ordered sets (Sankey)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

GAP = 0.02
BAR = 0.018


@style.form
def flow(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    source: str = "cell_from",
    target: str = "cell_to",
    size: str = "customer_count",
    order: Sequence[str] = (),
    height: float | None = None,
) -> Figure:
    """``frame``: one row a pair of states. ``source``, ``target``: the states before and after; ``size``: how much
    moved (nothing is drawn for what is not positive). ``order``: the states from best to worst; the others follow.
    ``height``: cm; default: by the number of states.

    Dark: moved up; warm: moved down; pale: stayed. Without an order there is no up nor down: what moves has one colour.
    """
    frame = frame[frame[size].astype(float) > 0].dropna(subset=[source, target])
    if frame.empty:
        return style.blank(book)
    found = pd.unique(pd.concat([frame[source], frame[target]]))
    states = [state for state in order if state in set(found)] + sorted(s for s in found if s not in order)
    table = frame.groupby([source, target], observed=True)[size].sum().astype(float)
    total = float(table.sum())
    drawn, axes = style.figure(height or max(5.5, min(2 + 0.85 * len(states), 13)))

    left = _stack(axes, book, states, table.groupby(level=0).sum().to_dict(), total, size, source, 0.0)
    right = _stack(axes, book, states, table.groupby(level=1).sum().to_dict(), total, size, target, 1.0)
    for i, start in enumerate(states):
        for j, end in enumerate(states):
            if (start, end) not in table.index:
                continue
            height = table[start, end] / total
            colour = style.PALE if i == j else style.ACCENT if not order else style.INK if j < i else style.WARM
            _ribbon(axes, left[start], right[end], height, colour, 0.45 if i == j else 0.6)
            left[start] += height
            right[end] += height
    tall = 1 + GAP * (len(states) - 1)
    axes.set(xlim=(-0.01, 1.01), ylim=(tall + 0.01, -0.01))
    axes.set_axis_off()
    for x, column, side in ((0.0, source, "right"), (1.0, target, "left")):
        axes.text(
            x, -0.03, book.heading(column), ha={"right": "left", "left": "right"}[side], va="bottom", color=style.QUIET
        )
    return drawn


def _stack(
    axes: Axes,
    book: Phrasebook,
    states: Sequence[str],
    sums: Mapping[Any, float],
    total: float,
    size: str,
    column: str,
    x: float,
) -> dict[str, float]:
    """Draws one side's bars and names; returns where each state's ribbons begin."""
    tops, centres, y = {}, [], 0.0
    shown = [state for state in states if state in sums]
    spare = GAP * (len(states) - 1) / max(len(shown) - 1, 1)
    for state in shown:
        height = sums[state] / total
        axes.add_patch(Rectangle((x - BAR * x, y), BAR, height, color=style.INK))
        tops[state] = y
        centres.append(y + height / 2)
        y += height + spare
    for state, centre in zip(shown, style.spread(centres, 0.07), strict=True):
        short = book.money_short if book.format_of(size) == "money" else book.count
        text = book.say("label_value", label=book.value(state, column), value=short(sums[state]))
        axes.text(
            x - 0.012 if x == 0 else x + 0.012, centre, style.short(text, 34), ha="left" if x else "right", va="center"
        )
    return tops


def _ribbon(axes: Axes, left: float, right: float, height: float, colour: str, alpha: float) -> None:
    a, b = BAR, 1 - BAR
    middle = (a + b) / 2
    points = [(a, left), (middle, left), (middle, right), (b, right), (b, right + height)]
    points += [(middle, right + height), (middle, left + height), (a, left + height), (a, left)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(
        PathPatch(
            Path(points, codes), facecolor=colour, alpha=alpha, linewidth=0, zorder=1 if colour == style.PALE else 2
        )
    )
