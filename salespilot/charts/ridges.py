"""How long deals stay in each stage: a ridge for those that advanced, a dot for each one still there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

COLOURS: Mapping[str, str] = {"fresh": style.ACCENT, "watch": style.GOLD, "stalled": style.WARM}
KERNEL = np.array([1, 4, 6, 4, 1]) / 16


@style.form
def ridges(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "days",
    y: str = "stage",
    share: str = "advanced_share",
    dots: pd.DataFrame | None = None,
    dot_x: str = "stage_age_days",
    dot_colour: str = "age_status",
    limit: str = "stalled_days",
    most: int = 10,
) -> Figure:
    """``frame``: one row a stage (``y``, in order, at most ``most``) and class of length (``x``), with the ``share`` of
    the stays in it. ``dots``: one row a deal still there, with its stage (``y``), age (``dot_x``), state
    (``dot_colour``: fresh, watch, stalled) and the age from which it is stalled (``limit``), drawn as a mark. Ages
    beyond the scale stand at its end.
    """
    frame = frame.dropna(subset=[x, share])
    if frame.empty:
        return style.blank(book)
    total = frame[y].nunique()
    names = frame[y].drop_duplicates().head(most)
    drawn, axes = style.figure(1.8 + 1.35 * max(len(names), 2))
    longest = float(frame[x].max())
    end = longest * 1.6
    if dots is not None:
        dots = dots[dots[y].isin(names) & dots[dot_x].notna() & dots[dot_colour].isin(list(COLOURS))]
        end = max(longest * 1.1, min(float(dots[dot_x].max()) if len(dots) else 0.0, end) * 1.03)
    peak = float(frame[share].max()) or 1.0
    for place, name in enumerate(names):
        rows = frame[frame[y] == name].sort_values(x)
        sizes = np.pad(rows[share].astype(float).to_numpy(), 2)
        curve = np.convolve(sizes, KERNEL, mode="valid") / peak
        axes.fill_between(rows[x], place - 0.82 * curve, place, color=style.WASH, zorder=1 + place)
        axes.plot(rows[x], place - 0.82 * curve, color=style.INK, linewidth=1.1, zorder=1 + place)
        axes.axhline(place, color=style.GRID, linewidth=0.8, zorder=0)
        if dots is None:
            continue
        there = dots[dots[y] == name]
        for word, colour in COLOURS.items():
            part = there.loc[there[dot_colour] == word, dot_x].astype(float).clip(upper=end * 0.985)
            options = {"s": 20, "edgecolors": "white", "linewidths": 0.5, "zorder": 30, "rasterized": len(dots) > 500}
            axes.scatter(part, np.full(len(part), place + 0.12), color=colour, clip_on=False, **options)
        mark = there[limit].astype(float).max()
        if np.isfinite(mark) and mark <= end:
            axes.plot([mark, mark], [place - 0.34, place + 0.2], color=style.WARM, linewidth=1.4, zorder=29)
    axes.set(xlim=(0, end), ylim=(len(names) - 0.6, -0.95))
    axes.set_yticks(range(len(names)), [style.short(book.cell(y, name)) for name in names])
    style.names(axes)
    style.tick_axis(axes, "x", "days", book)
    axes.set_xlabel(book.heading(dot_x))
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    if dots is not None and len(dots):
        shown = [word for word in COLOURS if (dots[dot_colour] == word).any()]
        words = [*(book.value(word, dot_colour) for word in shown), book.heading(limit)]
        marks = [Line2D([], [], marker="o", linestyle="", markersize=5, color=COLOURS[word]) for word in shown]
        marks.append(Line2D([], [], color=style.WARM, linewidth=1.4, marker="|", linestyle="", markersize=9))
        axes.legend(
            marks, [style.plain(word) for word in words], loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4,
            fontsize=8, handletextpad=0.3, columnspacing=1.6, borderaxespad=0,
        )  # fmt: skip
    if total > most:
        style.note(axes, book.say("first_of", shown=most, total=total))
    return drawn
