"""Who is late against their own rhythm: the dot is today's silence, the band the usual one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def overdue(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    y: str = "name",
    x: str = "gap_days",
    band: str = "mean_gap_days",
    band_low: str | None = None,
    amount: str | None = None,
    limit: int = 25,
) -> Figure:
    """One row a customer, in the frame's order, at most ``limit``.

    ``y``: the names; ``x``: days since the last order; ``band``: the usual gap, drawn from 0 (or from ``band_low``).
    ``amount``: a measure written at the end of the row.
    """
    frame = frame.dropna(subset=[x])
    if frame.empty:
        return style.blank(book)
    total = len(frame)
    frame = frame.head(limit)
    drawn, axes = style.figure(2.0 + 0.52 * max(len(frame), 2))
    places = np.arange(len(frame))
    today = frame[x].astype(float).to_numpy()
    usual = frame[band].astype(float).fillna(0).to_numpy()
    start = frame[band_low].astype(float).fillna(0).to_numpy() if band_low else np.zeros(len(frame))

    axes.barh(places, usual - start, left=start, height=0.5, color=style.PALE)
    axes.hlines(places, np.minimum(usual, today), np.maximum(usual, today), color=style.GREY, linewidth=1)
    axes.plot(today, places, "o", markersize=5.5, color=style.WARM)
    widest = max(float(np.nanmax([today.max(), usual.max()])), 1)
    axes.set(yticks=places, yticklabels=style.labels(frame, y, book), ylim=(len(frame) - 0.4, -0.6))
    axes.set_xlim(0, widest * 1.03)
    style.names(axes)
    if amount:
        style.column(axes, book.heading(amount), [book.cell(amount, value) for value in frame[amount]])
    style.key(axes, [(book.say("usual_rhythm"), style.PALE), (book.say("today"), style.WARM)], y=1.0)
    style.tick_axis(axes, "x", "days", book)
    style.grid(axes, "x")
    axes.set_xlabel(book.heading(x))
    if total > limit:
        style.note(axes, book.say("first_of", shown=limit, total=total))
    return drawn
