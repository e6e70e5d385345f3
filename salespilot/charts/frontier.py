"""What a little more of one thing costs in another: solutions as points, the best ones joined."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

SHADES = LinearSegmentedColormap.from_list("cost", [style.WASH, style.INK])


@style.form
def frontier(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "relation_moved",
    y: str = "load_cv",
    label: str = "scenario",
    colour: str | None = "travel_km",
    quiet: str = "intermediate",
) -> Figure:
    """``frame``: one row a solution. ``x``, ``y``: two costs, both better when smaller; the solutions that no other
    beats on both are joined. ``label``: the word by which a solution is named (``quiet``: not named). ``colour``: a
    third cost, written under the name; the bigger it is the darker the point.
    """
    frame = frame.dropna(subset=[x, y])
    if frame.empty:
        return style.blank(book)
    drawn, axes = style.figure(8.4)
    across, upward = frame[x].astype(float).to_numpy(), frame[y].astype(float).to_numpy()
    order = np.lexsort((upward, across))
    best = [i for k, i in enumerate(order) if k == 0 or upward[i] < upward[order[:k]].min()]
    axes.plot(across[best], upward[best], color=style.PALE, linewidth=1.6, zorder=1)
    named = (frame[label] != quiet).to_numpy()
    shade = np.full(len(frame), 0.6)
    if colour and frame[colour].notna().any():
        cost = frame[colour].astype(float).to_numpy()
        shade = (cost - np.nanmin(cost)) / (np.nanmax(cost) - np.nanmin(cost) or 1.0)
    tint = SHADES(np.nan_to_num(shade, nan=0.0))
    axes.scatter(across, upward, s=np.where(named, 90, 30), c=tint, edgecolors=style.INK, linewidths=0.7, zorder=3)
    for side, values in (("x", across), ("y", upward)):
        style.tick_axis(axes, side, book.format_of(x if side == "x" else y), book)
        room = 0.12 * (float(np.ptp(values)) or 1.0)
        getattr(axes, f"set_{side}lim")(max(values.min() - room, -0.6 * room), values.max() + 1.6 * room)
    axes.set_xlabel(book.heading(x))
    axes.set_ylabel(book.heading(y))
    axes.grid(True)
    points = []
    for i in np.flatnonzero(named):
        word = style.short(book.value(frame[label].iloc[i], label))
        if colour and pd.notna(frame[colour].iloc[i]):
            value = book.cell(colour, frame[colour].iloc[i])
            word += "\n" + style.plain(book.say("label_value", label=book.heading(colour), value=value))
        points.append((float(across[i]), float(upward[i]), word))
    style.place_labels(drawn, axes, points, np.column_stack([across, upward]))
    if colour and frame[colour].notna().any():
        style.note(axes, book.say("darker_more", measure=book.heading(colour)))
    return drawn
