"""One dot a row with its interval, against a level or a zone: people's bias, methods compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def dots(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    reference: float | None = None,
    reference_label: str | None = None,
    zone: tuple[float, float] | None = None,
    colour: str | None = None,
    colour_order: Sequence[str] = (),
    count: str | None = None,
    sort: bool = False,
    limit: int = 30,
) -> Figure:
    """One row a line of the frame, in its order (``sort``: from the highest value to the lowest), at most ``limit``.

    ``x``: the value; ``y``: the column of names; ``low``, ``high``: the bounds of its interval. ``reference``: a level
    drawn across all rows, named by the phrase ``reference_label`` (filled by ``value``). ``zone``: two levels between
    which the ground is shaded. ``colour``: a column of words, in the order of
    ``colour_order``. ``count``: a column written at the right of each row, under its heading.
    """
    frame = frame.dropna(subset=[x])
    if frame.empty:
        return style.blank(book)
    frame = frame.sort_values(x, ascending=False, kind="stable") if sort else frame
    total = len(frame)
    frame = frame.head(limit)
    drawn, axes = style.figure(2.2 + 0.52 * max(len(frame), 2))
    places = np.arange(len(frame))
    values = frame[x].astype(float).to_numpy()
    words = frame[colour] if colour else pd.Series("", index=frame.index)
    present = list(words.dropna().unique())
    order = [*colour_order, *(word for word in present if word not in colour_order)]
    colours = {word: style.LADDER[i % len(style.LADDER)] for i, word in enumerate(order)} if colour else {}
    painted = [colours.get(word, style.INK) for word in words]
    ends = [values]
    if low and high:
        bounds = frame[[low, high]].astype(float).to_numpy()
        axes.hlines(places, bounds[:, 0], bounds[:, 1], color=painted, linewidth=1.6, alpha=0.75)
        ends += [bounds[:, 0], bounds[:, 1]]
    axes.scatter(values, places, s=38, c=painted, edgecolors="white", linewidths=0.6, zorder=3)
    axes.set(yticks=places, yticklabels=style.labels(frame, y, book), ylim=(len(frame) - 0.4, -0.6))
    marks = [level for level in (reference, *(zone or ())) if level is not None]
    _limits(axes, np.concatenate([*ends, np.asarray(marks, dtype=float)]))
    if zone:
        axes.axvspan(*zone, color=style.GRID, alpha=0.7, linewidth=0, zorder=0)
    if reference is not None:
        axes.axvline(reference, color=style.GREY, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1)
    entries = [(book.value(word, colour), colours[word]) for word in order if colour and word in present]
    if entries:
        style.key(axes, entries, y=1.06 if reference_label else 1.0)
    if reference is not None and reference_label:
        axes.annotate(
            style.plain(book.say(reference_label, value=reference)),
            (reference, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=style.QUIET,
            fontsize=style.SMALL,
        )
    if count:
        style.column(axes, book.heading(count), [book.cell(count, value) for value in frame[count]])
    style.names(axes)
    style.tick_axis(axes, "x", book.format_of(x), book)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(book.heading(x))
    if total > limit:
        style.note(axes, book.say("first_of", shown=limit, total=total))
    return drawn


def _limits(axes: Axes, shown: np.ndarray) -> None:
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    room = 0.06 * (high - low or abs(high) or 1.0)
    axes.set_xlim(low - room, high + room)
