"""The house style of figures: colours, fonts, sizes, and the few moves that several forms share.

Colours follow two rules: any two that meet in one figure differ in lightness (legible in black and white), and no
pair relies on red against green. Text is drawn as paths in the SVG, in Inter where the template carries it, else in
matplotlib's own DejaVu Sans: a figure looks the same on every machine. Sizes are those of an A4 page
with 17 cm of text.
"""

from __future__ import annotations

import io
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import font_manager, patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from salespilot.phrasebook import Phrasebook
from salespilot.places import shared

INK = "#0b3a5b"
ACCENT = "#2e86c1"
PALE = "#9cc9e6"
WASH = "#dcebf6"
WARM = "#c8452b"
GOLD = "#e0a526"
GREY = "#8a97a3"
TEXT = "#2b3a46"
QUIET = "#5f6b76"
GRID = "#e2e8ed"
SERIES = (INK, WARM, ACCENT, GOLD, GREY, PALE)
"""Colours of lines, in order; neighbours differ in lightness. Lines also differ in `DASHES`."""
LADDER = (INK, PALE, WARM, GREY, GOLD)
"""Colours of the steps of one scale, from the best served to the worst, then the unknown."""
DASHES = ("-", (0, (5, 1.6)), (0, (1.4, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 3)), (0, (8, 2)))

WIDTH = 17.0
SMALL = 7.5
LABEL_GAP = 3
"""Pixels kept free around a label: two that touch read as one."""
INCH = 2.54
RASTER_DPI = 200
KEY_POINTS = 400
"""Width beyond which a key is written on two lines."""

P = ParamSpec("P")


def _fonts() -> list[str]:
    """The families to draw in, best first; registers the template's Inter with matplotlib."""
    files = sorted((shared("templates") / "salespilot" / "static" / "fonts").glob("Inter-*.ttf"))
    for file in files:
        font_manager.fontManager.addfont(str(file))
    # The bold of the house is Inter's semibold; without this matplotlib warns that Inter has no weight 700.
    known = font_manager.fontManager.ttflist
    known[:] = [replace(font, weight=700) if font.fname.endswith("Inter-SemiBold.ttf") else font for font in known]
    return [*(["Inter"] if files else []), "DejaVu Sans"]


RC: Any = {
    "font.family": _fonts(),
    "font.size": 8.5,
    "text.color": TEXT,
    "axes.labelsize": 8.5,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": "#b7c2cc",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.pad": 4,
    "ytick.major.pad": 5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "patch.linewidth": 0,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}


def form(
    draw: Callable[Concatenate[pd.DataFrame, Phrasebook, P], Figure],
) -> Callable[Concatenate[pd.DataFrame, Phrasebook, P], Figure]:
    """Makes a drawing function a form of the house: drawn in its style; a frame without rows gives a quiet note."""

    @wraps(draw)
    def drawn(frame: pd.DataFrame, book: Phrasebook, *args: P.args, **options: P.kwargs) -> Figure:
        with mpl.rc_context(RC):
            return blank(book) if frame.empty else draw(frame, book, *args, **options)

    return drawn


class Drawing(Figure):
    """A figure that a notebook shows as it is, whatever its backend."""

    def _repr_svg_(self) -> str:
        return svg(self)


def figure(height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure as wide as the text and ``height`` cm high, and its axes. Options are those of ``Figure.subplots``.

    Not pyplot's: nothing stays open behind the reader's back.
    """
    drawn = Drawing(figsize=(WIDTH / INCH, height / INCH), layout="constrained")
    return drawn, drawn.subplots(**options)


def blank(book: Phrasebook) -> Figure:
    """What is drawn when there is nothing to draw."""
    drawn, axes = figure(2.2)
    axes.set_axis_off()
    axes.text(0.5, 0.5, book.say("no_data"), ha="center", va="center", color=QUIET, transform=axes.transAxes)
    return drawn


def svg(drawn: Figure) -> str:
    """Any figure as SVG, from ``<svg``: letters as outlines, and the same text every time."""
    target = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "salespilot"}):
        drawn.savefig(target, format="svg", dpi=RASTER_DPI, metadata={"Date": None, "Creator": None})
    return target.getvalue()[target.getvalue().index("<svg") :]


def plain(text: str) -> str:
    """Text that matplotlib draws as it is: no formula between dollars, no control or direction marks, and a box for
    what our fonts do not have (an emoji in a customer's name).
    """
    text = re.sub(r"[\t\n\v\f\r\u2028\u2029]+", " ", text)
    kept = (char for char in text if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return "".join(char if ord(char) in _drawable() else "□" for char in kept).replace("$", r"\$")


@cache
def _drawable() -> frozenset[int]:
    found = [font_manager.get_font(font_manager.findfont(family)).get_charmap() for family in RC["font.family"]]
    return frozenset(point for charmap in found for point in charmap)


def short(text: str, length: int = 30) -> str:
    """A name that fits: cut at ``length`` characters with an ellipsis, and drawable."""
    text = plain(text[: 4 * length]).replace(r"\$", "$")
    return plain(text if len(text) <= length else text[: length - 1].rstrip() + "…")


def wrapped(text: str, width: int) -> str:
    """A label on several lines of at most ``width`` characters."""
    return "\n".join(textwrap.wrap(plain(text), width, break_long_words=True, break_on_hyphens=False)) or ""


def labels(frame: pd.DataFrame, column: str, book: Phrasebook, length: int = 30) -> list[str]:
    """The cells of a column as drawable labels in the reader's language."""
    return [short(book.cell(column, value), length) for value in frame[column]]


def tick_axis(axes: Axes, which: str, kind: str | None, book: Phrasebook, *, count: int = 6) -> None:
    """Writes the ticks of one axis (x or y) as that kind, few of them, whole when they count things."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(
        mpl.ticker.MaxNLocator(nbins=count, integer=kind == "count", steps=[1, 2, 2.5, 5, 10], min_n_ticks=2)
    )
    axis.set_major_formatter(mpl.ticker.FuncFormatter(book.axis(kind or "number")))


def halo() -> list[Any]:
    """A white rim around text that lines and points may cross."""
    return [patheffects.withStroke(linewidth=2.4, foreground="white")]


def names(axes: Axes) -> None:
    """The ticks at the left are names, to be read, not a scale."""
    axes.tick_params(axis="y", labelcolor=TEXT)


def grid(axes: Axes, which: str) -> None:
    """Thin lines across one axis, and no frame on the other side."""
    axes.grid(axis=which)  # type: ignore[arg-type]
    axes.spines["left" if which == "y" else "bottom"].set_visible(False)


def key(axes: Axes, entries: Iterable[tuple[str, Any]], *, y: float = 1.02) -> None:
    """Coloured squares with their words above the axes, on a line or two: names what cannot be named in its place."""
    named = [(plain(word), colour) for word, colour in entries]
    handles = [mpl.patches.Patch(facecolor=colour, label=word) for word, colour in named]
    width = sum(28 + 4.4 * len(word) for word, _ in named)
    a_row = len(handles) if width <= KEY_POINTS else -(-len(handles) // 2)
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, y),
        ncols=min(a_row, 5),
        fontsize=8,
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.5,
        columnspacing=1.6,
        borderaxespad=0,
        borderpad=0.2,
    )


def column(axes: Axes, heading: str, cells: Sequence[str]) -> None:
    """A column of text at the right of the plot, under its heading."""
    width = 8 + 4.6 * max(len(text) for text in (heading, *cells))
    for place, text in [(-0.85, heading), *enumerate(cells)]:
        axes.annotate(
            plain(text),
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(width, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            color=QUIET if place < 0 else TEXT,
            annotation_clip=False,
        )


def note(axes: Axes, text: str) -> None:
    """A quiet line under the axes, at the right."""
    axes.figure.supxlabel(plain(text), x=0.995, ha="right", fontsize=SMALL, color=QUIET)


def ink_on(colour: Any) -> str:
    """The text colour that reads on that background."""
    red, green, blue = mpl.colors.to_rgb(colour)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else TEXT


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """The positions moved as little as needed so that no two are nearer than ``gap``; the order is kept."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    groups: list[list[float]] = []  # each: centre, count
    for i in order:
        groups.append([positions[i], 1])
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            centre, count = groups.pop()
            centre = (centre * count + groups[-1][0] * groups[-1][1]) / (count + groups[-1][1])
            groups[-1] = [centre, count + groups[-1][1]]
    moved = [0.0] * len(positions)
    place = iter(order)
    for centre, count in groups:
        for k in range(int(count)):
            moved[next(place)] = centre + (k - (count - 1) / 2) * gap
    return moved


def place_labels(
    drawn: Figure, axes: Axes, points: Sequence[tuple[float, float, str]], others: np.ndarray | None = None
) -> list[Text]:
    """Writes each label beside its point, where it covers the fewest of the ``others`` (x and y in two columns) and
    neither another label, another labelled point nor the edge.

    A label that finds no room is left out: an unreadable heap says less than a missing name. Points come in order of
    importance. Returns the labels written.
    """
    drawn.draw_without_rendering()
    renderer = FigureCanvasAgg(drawn).get_renderer()
    frame = axes.get_window_extent(renderer)
    spots = [axes.transData.transform((x, y)) for x, y, _ in points]
    taken = [mpl.transforms.Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in spots]
    crowd = axes.transData.transform(others) if others is not None and len(others) else np.empty((0, 2))
    written: list[Text] = []
    for own, (x, y, word) in enumerate(points):
        label = axes.annotate(
            word, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=SMALL, path_effects=halo(), zorder=4
        )
        label.set_in_layout(False)
        best = None
        for dx, dy, ha, va in _AROUND:
            label.set(position=(dx, dy), ha=ha, va=va)
            box = label.get_window_extent(renderer).padded(LABEL_GAP)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 + 4 and frame.y0 <= box.y0 and box.y1 <= frame.y1 + 4
            if not inside or any(box.overlaps(other) for i, other in enumerate(taken) if i != own):
                continue
            covered = int(((crowd > box.min) & (crowd < box.max)).all(axis=1).sum())
            if best is None or covered < best[0]:
                best = covered, (dx, dy, ha, va), box
        if best is None:
            label.remove()
            continue
        _, (dx, dy, ha, va), box = best
        label.set(position=(dx, dy), ha=ha, va=va)
        taken.append(box)
        written.append(label)
    return written


_AROUND = (
    (5, 0, "left", "center"),
    (-5, 0, "right", "center"),
    (4, 5, "left", "bottom"),
    (-4, 5, "right", "bottom"),
    (4, -5, "left", "top"),
    (-4, -5, "right", "top"),
    (0, 6, "center", "bottom"),
    (0, -6, "center", "top"),
    (14, 13, "left", "bottom"),
    (-14, 13, "right", "bottom"),
    (14, -13, "left", "top"),
    (-14, -13, "right", "top"),
)
