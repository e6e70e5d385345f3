"""Several curves of concentration against the diagonal of equal shares (Lorenz curves)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def curves(
    frame: pd.DataFrame, book: Phrasebook, *, x: str = "customer_share", y: str = "cum_share", series: str = "measure"
) -> Figure:
    """One line a word of ``series``, from 0 to 1 on both axes.

    ``frame``: one row a point: ``x`` and ``y`` are cumulative shares; ``series`` names the curve. Each curve is named
    in the corner that the curves leave empty, with a thread to its line.
    """
    drawn, axes = style.figure(7.6)
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle=(0, (1, 2)))
    frame = frame.dropna(subset=[x, y])
    points = {word: rows.sort_values(x)[[x, y]].astype(float).to_numpy() for word, rows in frame.groupby(series)}
    grid = np.linspace(0, 1, 101)
    heights = {word: np.interp(grid, line[:, 0], line[:, 1]) for word, line in points.items()}
    # Best first gives curves above the diagonal, worst first below: the empty corner is on the other side.
    above = sum(float((height - grid).mean()) for height in heights.values()) >= 0
    ordered = sorted(points, key=lambda word: -heights[word].mean() if above else heights[word].mean())

    for i, word in enumerate(ordered):
        colour = style.SERIES[i % len(style.SERIES)]
        axes.plot(points[word][:, 0], points[word][:, 1], color=colour, linestyle=style.DASHES[i % len(style.DASHES)])
        # The outermost curve is held furthest along, so that no thread crosses another.
        hook = max(0.52 - 0.12 * i, 0.06) if above else min(0.48 + 0.12 * i, 0.94)
        level = float(np.interp(hook, grid, heights[word]))
        place = (0.66, 0.36 - 0.075 * i) if above else (0.34, 0.64 + 0.075 * i)
        axes.annotate(
            style.short(book.value(word, series), 34),
            (hook, level),
            xytext=place,
            textcoords="data",
            ha="left" if above else "right",
            va="center",
            color=colour,
            fontweight="bold",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "relpos": (0 if above else 1, 0.5)},
        )
        axes.plot([hook], [level], marker="o", markersize=3.5, color=colour)
    axes.annotate(
        style.plain(book.say("equality")),
        (0.3, 0.3),
        xytext=(4, -4) if above else (-4, 4),
        textcoords="offset points",
        ha="left" if above else "right",
        va="top" if above else "bottom",
        color=style.QUIET,
        fontsize=style.SMALL,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    for which, column in (("x", x), ("y", y)):
        style.tick_axis(axes, which, "percent", book)
        getattr(axes, f"set_{which}label")(book.heading(column))
    style.grid(axes, "y")
    return drawn
