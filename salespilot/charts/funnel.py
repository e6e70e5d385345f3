"""The funnel of a chain by cohort: how many started each step, how many went on, and what a point of rate is worth."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook, is_missing

LEAST = 0.03
"""The narrowest band, as a share of the widest: thousands of calls must not hide a hundred orders."""


@style.form
def funnel(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    y: str = "basis",
    start: str = "from_count",
    success: str = "success_count",
    rate: str = "rate",
    low: str | None = "rate_low",
    high: str | None = "rate_high",
    side: tuple[str, ...] = (),
) -> Figure:
    """``frame``: one row a step, from the first to the last, each with its own cohort.

    ``y``: what starts the step, written at the left; ``start``, ``success``: how many, drawn as a band that narrows
    from one to the other (the square root of the count: steps differ a hundredfold); ``rate`` with its bounds, written
    beside it; ``side``: columns written at the right, under their headings.
    """
    drawn, axes = style.figure(1.5 + 1.25 * len(frame))
    widest = float(frame[start].astype(float).max()) or 1.0
    left, right = -1.0, 1.0
    for place, row in enumerate(frame.to_dict("records")):
        outer, inner = (max((float(row[c]) / widest) ** 0.5, LEAST) for c in (start, success))
        for half, next_half, colour in ((outer, outer, style.WASH), (outer, inner, style.ACCENT)):
            top, foot = place - 0.38, place + 0.38
            corners = [(-half, top), (half, top), (next_half, foot), (-next_half, foot)]
            axes.add_patch(Polygon(corners, closed=True, facecolor=colour, edgecolor="white", linewidth=0.8))
        words = book.cell(rate, row[rate])
        if low and high and not is_missing(row[low]):
            words += "\n" + book.say("rate_interval", low=row[low], high=row[high])
        lines = "\n".join(style.plain(line) for line in words.split("\n"))
        axes.text(right + 0.12, place, lines, va="center", fontsize=8.5, color=style.INK)
        count = book.say("label_value", label=book.cell(y, row[y]), value=book.cell(start, row[start]))
        axes.text(left - 0.06, place, style.wrapped(count, 22), ha="right", va="center", fontsize=8.5)
        for k, column in enumerate(side):
            kind = book.format_of(column)
            shown = book.money_short(row[column]) if kind == "money" else book.cell(column, row[column])
            axes.text(right + 0.95 + 0.5 * k, place, style.plain(shown), ha="center", va="center", fontsize=8.5)
    for k, column in enumerate(side):
        heading = style.wrapped(book.heading(column), 15)
        axes.text(right + 0.95 + 0.5 * k, -0.55, heading, ha="center", va="bottom", fontsize=style.SMALL,
                  color=style.QUIET)  # fmt: skip
    axes.set(xlim=(left - 0.75, right + 0.7 + 0.5 * max(len(side), 1)), ylim=(len(frame) - 0.4, -1.05))
    axes.set_axis_off()
    return drawn
