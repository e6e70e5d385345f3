"""The scorecard of indicators: one line each, under the decision made on it, with what it adds and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook, is_missing

COLOURS = (style.INK, style.ACCENT, style.GOLD, style.WARM)


@style.form
def scorecard(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "predictive_gain",
    y: str = "indicator",
    group: str = "decision",
    order: Sequence[str] = ("keep", "trial", "replace", "drop"),
    side: Sequence[str] = ("level", "hours_to_collect"),
) -> Figure:
    """``frame``: one row an indicator. ``group``: the decision, a heading over its indicators, in the given order;
    ``x``: a signed measure drawn as a bar (right: it helps; left: it misleads; a dot where it is not known);
    ``side``: columns written at the right, under their headings.
    """
    groups = [name for name in order if (frame[group] == name).any()]
    values = frame[x].astype(float)
    reach = max(float(values.abs().max()) if values.notna().any() else 0.0, 0.01)
    height = len(frame) + 1.25 * len(groups)
    drawn, axes = style.figure(1.5 + 0.45 * height)
    place = 0.0
    words: list[tuple[float, str]] = []
    columns = [reach * (1.62 + 0.62 * k) for k in range(len(side))]
    for name in groups:
        colour = COLOURS[list(order).index(name) % len(COLOURS)]
        rows = frame[frame[group] == name]
        title = book.say("label_count", label=book.value(name, group), n=len(rows))
        axes.text(-2.62 * reach, place, style.plain(title), fontweight="bold", color=colour, va="center", fontsize=9.5)
        axes.plot([-2.62 * reach, columns[-1] + 0.4 * reach], [place + 0.5] * 2, color=style.GRID, linewidth=0.8)
        place += 1.0
        for row in rows.to_dict("records"):
            value = row[x]
            words.append((place, book.cell(y, row[y])))
            if is_missing(value):
                axes.plot([0], [place], marker="o", markersize=4, color=style.GREY)
            else:
                bar = min(max(float(value), -reach), reach)
                axes.barh(place, bar, height=0.62, color=colour)
                gap = 0.03 * reach * (1 if bar >= 0 else -1)
                sign = "+" if value > 0 else ""
                axes.text(bar + gap, place, style.plain(sign + book.percent(value, 0)), va="center",
                          ha="left" if bar >= 0 else "right", fontsize=style.SMALL)  # fmt: skip
            for at, column in zip(columns, side, strict=True):
                shown = "–" if is_missing(row[column]) or row[column] == 0 else book.cell(column, row[column])
                axes.text(at, place, style.plain(shown), ha="center", va="center", fontsize=style.SMALL + 0.5)
            place += 1.0
        place += 0.25
    for at, word in words:
        axes.text(-2.5 * reach, at, style.short(word, 36), va="center", fontsize=8.5, color=style.TEXT)
    for at, column in [(0.0, x), *zip(columns, side, strict=True)]:
        heading = style.wrapped(book.heading(column), 34 if at == 0.0 else 14)
        axes.text(at, -0.75, heading, ha="center", va="bottom", fontsize=style.SMALL, color=style.QUIET)
    axes.plot([0, 0], [0.5, place - 0.6], color=style.GREY, linewidth=0.8, zorder=0)
    axes.set(xlim=(-2.65 * reach, columns[-1] + 0.42 * reach if columns else 1.3 * reach), ylim=(place - 0.4, -1.75))
    axes.set_axis_off()
    return drawn
