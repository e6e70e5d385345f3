"""One point a customer on two scales, with class lines, lines of equal share, or over- and under-served zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

MANY = 1000
"""Points beyond which they are one picture inside the SVG, not as many paths."""


@style.form
def scatter(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str,
    y: str,
    label: str | None = "name",
    colour: str | None = None,
    colour_order: Sequence[str] = (),
    log: bool = True,
    x_cuts: Mapping[str, float] | None = None,
    y_cuts: Mapping[str, float] | None = None,
    shares: Sequence[float] = (),
    zone_above: tuple[float, str] | None = None,
    zone_below: tuple[float, str] | None = None,
    corners: Sequence[str] = (),
    top: int = 10,
) -> Figure:
    """``frame``: one row a point, the most important first: the first ``top`` are named by the column ``label``.

    ``colour``: a column of words, in the order of ``colour_order``. ``log``: both scales logarithmic; what is zero or
    negative then stands in a gutter at the edge, marked "≤ 0". ``x_cuts``, ``y_cuts``: class -> lowest value in it,
    drawn as lines. ``shares``: lines on which x is that share of y. ``zone_above``: (ratio, phrase): the zone in which
    y / x exceeds the ratio, shaded and named; ``zone_below`` likewise. ``corners``: the phrases that name the four
    corners: above left, above right, below left, below right.
    """
    frame = frame.dropna(subset=[x, y])
    if frame.empty:
        return style.blank(book)
    drawn, axes = style.figure(9.2)
    across, gutter_x = _scale(axes, "x", frame[x], book, x, log)
    along, gutter_y = _scale(axes, "y", frame[y], book, y, log)
    _zones(axes, book, zone_above, zone_below)
    _shares(axes, book, shares)
    _cuts(axes, "x", x_cuts or {}, gutter_x)
    _cuts(axes, "y", y_cuts or {}, gutter_y)
    if corners:
        low, high = axes.get_ylim()
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))  # room for their words
    for phrase, (right, upper) in zip(corners, ((0, 1), (1, 1), (0, 0), (1, 0)), strict=False):
        axes.annotate(
            style.plain(book.say(phrase)), (right, upper), xycoords="axes fraction",
            xytext=(4 - 8 * right, 4 - 8 * upper), textcoords="offset points", color=style.QUIET,
            ha="right" if right else "left", va="top" if upper else "bottom", fontsize=style.SMALL,
        )  # fmt: skip

    words = frame[colour] if colour else pd.Series("", index=frame.index)
    order = [*colour_order, *(word for word in words.dropna().unique() if word not in colour_order)]
    colours = {word: style.LADDER[i % len(style.LADDER)] for i, word in enumerate(order)} if colour else {}
    many = len(frame) > MANY
    axes.scatter(
        across,
        along,
        s=7 if many else 20,
        c=[colours.get(word, style.ACCENT) for word in words],
        alpha=0.45 if many else 0.8,
        edgecolors="white",
        linewidths=0 if many else 0.4,
        rasterized=many,
        zorder=3,
    )
    if colour:
        style.key(axes, [(book.value(word, colour), colours[word]) for word in order], y=1.06 if shares else 1.02)
    if label:
        names = style.labels(frame.head(top), label, book, 26)
        others = np.column_stack([across[top:], along[top:]])
        style.place_labels(drawn, axes, list(zip(across[:top], along[:top], names, strict=True)), others)
    return drawn


def _scale(
    axes: Axes, which: str, values: pd.Series, book: Phrasebook, column: str, log: bool
) -> tuple[np.ndarray, float | None]:
    """Sets one scale; returns where the points stand on it, and where its gutter ends (None without one)."""
    raw = values.astype(float).to_numpy()
    axis = axes.xaxis if which == "x" else axes.yaxis
    getattr(axes, f"set_{which}label")(book.heading(column))
    kind = book.format_of(column)
    axes.grid(axis=which)  # type: ignore[arg-type]
    positive = raw[raw > 0]
    if not log or not len(positive):
        style.tick_axis(axes, which, kind, book)
        span = float(np.ptp(raw)) or abs(float(raw[0])) or 1.0
        getattr(axes, f"set_{which}lim")(raw.min() - 0.05 * span, raw.max() + 0.05 * span)
        return raw, None
    low, high = float(positive.min()), float(positive.max())
    if high < 10 * low:
        middle = (low * high) ** 0.5
        low, high = middle / 10**0.5, middle * 10**0.5
    width = max(high / low, 10.0) ** 0.06
    getattr(axes, f"set_{which}scale")("log")
    edge, places, gutter = low / width, raw, None
    if len(positive) < len(raw):
        gutter = low / width
        edge = gutter / width**2
        places = np.where(raw > 0, raw, gutter / width)
    getattr(axes, f"set_{which}lim")(edge, high * width)
    decades = LogLocator(subs=(1,) if high / low > 300 else (1, 2, 5)).tick_values(low, high)
    ticks = [tick for tick in decades if (gutter or edge) <= tick <= high * width]
    written = book.axis(kind or "number")
    lowest = book.say("nothing_below") if raw.min() < 0 else written(0.0, None)
    axis.set_major_locator(FixedLocator([*([places.min()] if gutter else []), *ticks]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: lowest if gutter and value < gutter else written(value, _)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(FixedLocator([]))
    if gutter:
        shade = axes.axvspan if which == "x" else axes.axhspan
        shade(edge, gutter, color=style.GRID, alpha=0.6, linewidth=0, zorder=0)
    return places, gutter


def _cuts(axes: Axes, which: str, cuts: Mapping[str, float], gutter: float | None) -> None:
    """A line at the foot of each class and its name just inside, at the edge of the plot."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    lowest = max((cut for cut in cuts.values() if cut <= low), default=None)  # the class that the plot begins in
    for word, cut in cuts.items():
        inside = low < cut < high
        if inside:
            (axes.axvline if which == "x" else axes.axhline)(cut, color=style.INK, linewidth=1, linestyle=(0, (4, 2)))
        elif cut != lowest:
            continue
        foot = cut if inside else (gutter or low)
        at, shift, align = (
            ((foot, 1.0), (3, -3), ("left", "top")) if which == "x" else ((1.0, foot), (-3, 3), ("right", "bottom"))
        )
        axes.annotate(
            style.plain(word),
            at,
            xycoords=("data", "axes fraction") if which == "x" else ("axes fraction", "data"),
            xytext=shift,
            textcoords="offset points",
            ha=align[0],
            va=align[1],
            color=style.INK,
            fontweight="bold",
        )


def _shares(axes: Axes, book: Phrasebook, shares: Sequence[float]) -> None:
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for share in shares:
        axes.plot([left, right], [left / share, right / share], color=style.GREY, linewidth=0.8, linestyle=(0, (1, 2)))
        # Named where the line leaves the plot: at the top, or at the right.
        leaves_top = high * share <= right
        spot = (high * share, high) if leaves_top else (right, right / share)
        if left < spot[0] <= right and low < spot[1] <= high:
            axes.annotate(
                style.plain(book.percent(share, 0)),
                spot,
                xytext=(0, 3) if leaves_top else (3, 0),
                textcoords="offset points",
                ha="center" if leaves_top else "left",
                va="bottom" if leaves_top else "center",
                color=style.QUIET,
                fontsize=style.SMALL,
                annotation_clip=False,
            )
    axes.set(xlim=(left, right), ylim=(low, high))


def _zones(axes: Axes, book: Phrasebook, above: tuple[float, str] | None, below: tuple[float, str] | None) -> None:
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    span = np.array([left, right])
    for zone, colour, hatch, corner in ((above, style.WARM, "", (0, 1)), (below, style.ACCENT, "", (1, 0))):
        if zone is None:
            continue
        ratio, phrase = zone
        far = high if corner == (0, 1) else low
        axes.fill_between(
            span, span * ratio, far, where=None, color=colour, alpha=0.09, linewidth=0, hatch=hatch, zorder=0
        )
        axes.plot(span, span * ratio, color=colour, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        axes.annotate(
            style.plain(book.say(phrase, value=ratio)),
            corner,
            xycoords="axes fraction",
            xytext=(5, -5) if corner == (0, 1) else (-5, 5),
            textcoords="offset points",
            ha="left" if corner == (0, 1) else "right",
            va="top" if corner == (0, 1) else "bottom",
            color=colour,
            fontweight="bold",
        )
    axes.set(xlim=(left, right), ylim=(low, high))
