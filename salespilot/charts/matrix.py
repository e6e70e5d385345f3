"""The cross matrix: one tile a cell, what it holds in words, a disc as large as its money, tinted by misalignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

TINTS = LinearSegmentedColormap.from_list("misalignment", [style.ACCENT, "#f3f5f7", style.WARM])


@style.form
def matrix(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    row: str = "revenue_class",
    column: str = "potential_class",
    lines: Sequence[str] = ("customer_count", "net_revenue", "headroom", "visits"),
    title: str | None = "segment",
    size: str = "net_revenue",
    colour: str | None = "misalignment",
    rows: Sequence[str] = ("A", "B", "C", "P"),
    columns: Sequence[str] = ("1", "2", "3"),
    colour_labels: tuple[str, str] | None = None,
) -> Figure:
    """``frame``: one row a cell. ``row``, ``column``: where it stands, in the order of ``rows`` and ``columns``.

    ``lines``: the measures written in the tile, one a line; ``title``: the word written beside the cell's name;
    ``size``: the measure of the disc (its area); ``colour``: a signed measure, blue below zero, orange above;
    ``colour_labels``: the phrases that name the two ends of the colours (below, above).
    """
    drawn, axes = style.figure(1.6 + 2.75 * len(rows))
    cells = {(str(cell[row]), str(cell[column])): cell for cell in frame.to_dict("records")}
    largest = max(frame[size].astype(float).max(), 0) if size in frame else 0
    reach = max(float(frame[colour].astype(float).abs().max()), 0.01) if colour and frame[colour].notna().any() else 1.0
    tint = Normalize(-reach, reach)
    side = float(min(drawn.get_size_inches() * 72 / (len(columns), len(rows))))
    for i, down in enumerate(rows):
        for j, across in enumerate(columns):
            cell = cells.get((down, across))
            signed = cell[colour] if cell and colour and pd.notna(cell[colour]) else 0.0
            _tile(axes, j, i, TINTS(tint(float(signed))) if cell else "white")
            name = f"{book.value(down, row)}{book.value(across, column)}"
            axes.text(
                j + 0.07, i + 0.17, style.plain(name), fontsize=11, fontweight="bold", color=style.INK, va="center"
            )
            if cell is None:
                axes.text(j + 0.5, i + 0.55, "–", ha="center", va="center", color=style.GREY)
                continue
            if title and pd.notna(cell.get(title)):
                word = style.short(book.value(cell[title], title), 30)
                axes.text(j + 0.2, i + 0.17, word, fontsize=style.SMALL, color=style.QUIET, va="center")
            _write(axes, book, cell, lines, j, i)
            _disc(axes, cell.get(size), largest, j, i, side)
    axes.set(xlim=(-0.02, len(columns) + 0.02), ylim=(len(rows) + 0.02, -0.02))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(book.heading(column))
    axes.set_ylabel(book.heading(row))
    axes.spines[:].set_visible(False)
    if colour_labels and colour:
        below, above = (book.say(phrase) for phrase in colour_labels)
        style.key(axes, [(below, TINTS(0.1)), (above, TINTS(0.9))], y=1.0)
    return drawn


def _tile(axes: Axes, x: int, y: int, colour: object) -> None:
    box = FancyBboxPatch(
        (x + 0.03, y + 0.03),
        0.94,
        0.94,
        boxstyle="round,pad=0,rounding_size=0.03",
        facecolor=colour,
        alpha=0.55,
        edgecolor="#c3ccd4",
        linewidth=0.8,
    )
    axes.add_patch(box)


def _write(axes: Axes, book: Phrasebook, cell: dict[Any, Any], lines: Sequence[str], x: int, y: int) -> None:
    step = min(0.62 / max(len(lines), 1), 0.155)
    for k, column in enumerate(lines):
        value = cell.get(column)
        short = book.money_short(value) if book.format_of(column) == "money" else book.cell(column, value)
        text = style.plain(book.say("label_value", label=book.heading(column), value=short))
        axes.text(x + 0.07, y + 0.4 + k * step, text, fontsize=8, va="center")


def _disc(axes: Axes, value: Any, largest: float, x: int, y: int, side: float) -> None:
    """A disc whose area is the value's; the largest fills a good third of a tile's ``side`` (in points)."""
    if value is None or pd.isna(value) or value <= 0 or not largest:
        return
    points = (0.38 * side) ** 2 * float(value) / largest
    axes.scatter([x + 0.83], [y + 0.62], s=max(points, 3), color=style.INK, alpha=0.85, linewidths=0)
