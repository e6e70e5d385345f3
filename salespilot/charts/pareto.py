"""The whole topic in one picture: how fast the money adds up, and who is seen, customer by customer, by rank."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def pareto(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "rank",
    y: str = "cum_share",
    zone: str | None = None,
    band: str | None = None,
    band_order: Sequence[str] = (),
    marks: Sequence[float] = (0.8, 0.95),
) -> Figure:
    """Cumulative share by rank.

    ``frame``: one row a customer, best first. ``x``: its rank; ``y``: the share reached with it (0 to 1).
    ``zone``: a column of classes, named and parted by a line where it changes. ``band``: a column of words (seen, not
    seen ...), drawn as a strip of colour under the curve, in the order of ``band_order`` from best to worst.
    ``marks``: shares at which a dotted line crosses.
    """
    frame = frame.dropna(subset=[x, y]).sort_values(x)
    if frame.empty:
        return style.blank(book)
    # A strip of one colour tells nothing.
    band = band if band and frame[band].nunique() > 1 else None
    drawn, axes = style.figure(
        8.6 if band else 7.4, nrows=2 if band else 1, sharex=True, height_ratios=[12, 1] if band else [1]
    )
    curve, strip = axes if band else (axes, None)

    ranks, shares = [0.0, *frame[x].astype(float)], [0.0, *frame[y].astype(float)]
    curve.fill_between(ranks, shares, color=style.WASH, linewidth=0)
    curve.plot(ranks, shares, color=style.INK, marker="o" if len(frame) < 3 else "", markersize=4)
    for mark in marks:
        curve.axhline(mark, color=style.GREY, linewidth=0.8, linestyle=(0, (1, 2)))
        spot = {"transform": curve.get_yaxis_transform(), "ha": "right", "va": "top", "fontsize": style.SMALL}
        curve.text(0.995, mark - 0.01, style.plain(book.percent(mark, 0)), color=style.QUIET, **spot)
    curve.set(xlim=(0, max(ranks)), ylim=(0, max(1.0, *shares) * 1.02))
    style.tick_axis(curve, "y", "percent", book)
    style.tick_axis(strip or curve, "x", "count", book, count=8)
    style.grid(curve, "y")
    curve.set_ylabel(book.heading(y))
    (strip or curve).set_xlabel(book.heading(x))
    if zone:
        _zones(curve, frame, book, x, zone)
    if strip is not None and band:
        _strip(strip, frame, book, x, band, band_order)
        curve.spines["bottom"].set_visible(False)
    return drawn


def _zones(axes: Axes, frame: pd.DataFrame, book: Phrasebook, x: str, zone: str) -> None:
    ends = frame.groupby(zone, sort=False, observed=True)[x].agg(["min", "max", "size"])
    width = float(frame[x].max())
    for word, (start, end, size) in zip(ends.index, ends.to_numpy(), strict=True):
        if end < width:
            axes.axvline(end, color=style.WARM, linewidth=1, linestyle=(0, (4, 2)))
        name = book.say("label_count", label=book.value(word, zone), n=size)
        narrow = (end - start) / width < 0.09
        axes.annotate(
            style.plain(name),
            (end if narrow else (start - 1 + end) / 2, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(3 if narrow else 0, 3),
            textcoords="offset points",
            ha="left" if narrow else "center",
            color=style.WARM,
            fontweight="bold",
        )


def _strip(axes: Axes, frame: pd.DataFrame, book: Phrasebook, x: str, band: str, order: Sequence[str]) -> None:
    words = [*order, *(word for word in frame[band].dropna().unique() if word not in order)]
    colours = {word: style.LADDER[i % len(style.LADDER)] for i, word in enumerate(words)}
    # Neighbours alike are one piece; each piece reaches under the next, so that no seam shows between them.
    run = (frame[band] != frame[band].shift()).cumsum()
    runs = frame.groupby(run).agg(start=(x, "min"), end=(x, "max"), word=(band, "first"))
    pieces = [(start - 1, end - start + 1.5) for start, end in zip(runs["start"], runs["end"], strict=True)]
    axes.broken_barh(pieces, (0, 1), facecolors=[colours.get(word, style.GRID) for word in runs["word"]])
    axes.set(ylim=(0, 1), yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    style.key(axes, [(book.value(word, band), colours[word]) for word in words], y=1.15)
