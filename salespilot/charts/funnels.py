"""Small funnels side by side, one a salesperson, each inside the outline of the peers'."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

A_ROW = 3


@style.form
def funnels(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    panel: str = "name",
    y: str = "basis",
    size: str = "starts_per_day",
    peer_size: str = "peer_starts_per_day",
    rate: str = "shrunk_rate",
    peer_rate: str = "peer_rate",
    signal: str = "is_signal",
    limit: int = 9,
) -> Figure:
    """``frame``: one row a person (``panel``, at most ``limit``) and step, in order. ``y``: what starts the step;
    ``size``: how many a day, the band (its square root: steps differ a hundredfold); ``peer_size``: the outline;
    ``rate`` and ``peer_rate``: written beside it, bold where ``signal``.
    """
    steps = list(frame[y].drop_duplicates())
    frame = frame.assign(**frame[[size, peer_size]].astype(float).fillna(0.0).clip(lower=0.0) ** 0.5)
    groups = list(frame.groupby(panel, sort=False, observed=True))
    total, groups = len(groups), groups[:limit]
    columns = min(len(groups), A_ROW)
    rows = -(-len(groups) // columns)
    widest = float(frame[[size, peer_size]].max().max()) or 1.0
    drawn, grid = style.figure((1.1 + 0.5 * len(steps)) * rows, nrows=rows, ncols=columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xlim=(-1.02, 2.3), ylim=(len(steps) - 0.4, -0.6))
        axes.set_axis_off()
    for place, (axes, (name, own)) in enumerate(zip(grid.flat, groups, strict=False)):
        axes.set_title(style.short(book.value(name, panel), 26), loc="left", fontsize=8.5, color=style.TEXT, pad=3)
        for row in own.to_dict("records"):
            at = steps.index(row[y])
            half, peers = row[size] / widest, row[peer_size] / widest
            axes.barh(at, 2 * half, left=-half, height=0.78, color=style.PALE)
            axes.barh(at, 2 * peers, left=-peers, height=0.78, facecolor="none", edgecolor=style.INK, linewidth=0.9)
            _written(axes, book, at, rate, row[rate], row[peer_rate], bool(row[signal]))
        if place % columns == 0:
            for at, step in enumerate(steps):
                words = style.wrapped(book.value(step, y), 16)
                axes.text(-1.1, at, words, ha="right", va="center", fontsize=style.SMALL)
    if total > limit:
        style.note(grid.flat[0], book.say("first_of", shown=limit, total=total))
    return drawn


def _written(axes: Axes, book: Phrasebook, at: int, rate: str, own: float, peers: float, is_signal: bool) -> None:
    words = style.plain(f"{book.cell(rate, own)} ({book.cell(rate, peers)})")
    weight = "bold" if is_signal else "normal"
    axes.text(1.1, at, words, va="center", fontsize=style.SMALL, fontweight=weight)
