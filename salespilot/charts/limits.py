"""The funnel plot: a rate against the number of trials, with the limits within which chance alone would leave it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.inference import rate_limits
from salespilot.phrasebook import Phrasebook

POINTS = 200


@style.form
def limits(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "equivalent_count",
    y: str = "adjusted_rate",
    centre: str = "peer_rate",
    label: str = "name",
    what: str | None = "step",
    highlight: str | None = "is_signal",
    top: int = 15,
) -> Figure:
    """``frame``: one row a salesperson. ``x``: trials; ``y``: the rate, at the same mix; ``centre``: the peers' rate,
    one number for all who are compared (the rate of most rows where there are several).

    Two bands, at two and three standard deviations, exact where few successes are expected. ``highlight``: a column of
    flags; these points are warm. ``what``: a column whose word, the same in all rows, says what the rate is. At most
    ``top`` rows are named, those highlighted and the furthest from the centre first.
    """
    frame = frame.dropna(subset=[x, y, centre])
    if frame.empty:
        return style.blank(book)
    middle = float(frame[centre].mode().iloc[0])
    n, rates = frame[x].astype(float).to_numpy(), frame[y].astype(float).to_numpy()
    drawn, axes = style.figure(8.0)
    across = np.unique(np.linspace(max(n.min() * 0.6, 1), n.max() * 1.08, POINTS).round())
    for sigmas, colour in ((3.0, style.WASH), (2.0, style.PALE)):
        low, high = rate_limits(middle, across, sigmas)
        axes.fill_between(across, low, high, color=colour, alpha=0.55, linewidth=0, zorder=1)
    axes.axhline(middle, color=style.INK, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
    strong = frame[highlight].fillna(False).astype(bool).to_numpy() if highlight else np.zeros(len(frame), dtype=bool)
    colours = np.where(strong, style.WARM, style.INK)
    axes.scatter(n, rates, s=34, c=colours, edgecolors="white", linewidths=0.6, zorder=3)
    floor, roof = rate_limits(middle, n, 3.0)
    reach = max(float(np.max(np.abs(rates - middle))), float(np.max(np.maximum(roof - middle, middle - floor))))
    axes.set(
        xlim=(across.min(), across.max()), ylim=(max(middle - 1.15 * reach, -0.01), min(middle + 1.15 * reach, 1.02))
    )
    style.tick_axis(axes, "x", "count", book)
    style.tick_axis(axes, "y", book.format_of(y), book)
    style.grid(axes, "y")
    axes.set_xlabel(book.heading(x))
    said = style.wrapped(book.value(frame[what].iloc[0], what), 40) + "\n" if what and what in frame else ""
    axes.set_ylabel(said + style.plain(book.heading(y)))
    style.key(axes, [(book.say("limits_usual"), style.PALE), (book.say("limits_rare"), style.WASH),
                     (book.say("limits_signal"), style.WARM)])  # fmt: skip
    order = np.lexsort((-np.abs(rates - middle), ~strong))[:top]
    names = style.labels(frame, label, book, 26)
    style.place_labels(drawn, axes, [(n[i], rates[i], names[i]) for i in order])
    return drawn
