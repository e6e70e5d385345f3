"""The cross matrix: one tile a cell, what it holds in words, a bar as long as its money, tinted by misalignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook, is_missing

ABOVE, BELOW = "▲", "▼"
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
    ``size``: the measure of the bar at its foot; ``colour``: a signed measure, blue and ▼ below zero, orange and ▲
    above it; ``colour_labels``: the phrases that name the two ends of the colours (below, above).
    """
    lines = [line for line in lines if line in frame and frame[line].notna().any()]
    drawn, axes = style.figure(1.6 + 2.75 * len(rows))
    cells = {(str(cell[row]), str(cell[column])): cell for cell in frame.to_dict("records")}
    largest = max(frame[size].astype(float).max(), 0) if size in frame else 0
    reach = max(float(frame[colour].astype(float).abs().max()), 0.01) if colour and frame[colour].notna().any() else 1.0
    tint = Normalize(-reach, reach)
    for i, down in enumerate(rows):
        for j, across in enumerate(columns):
            cell = cells.get((down, across))
            signed = float(cell[colour]) if cell and colour and pd.notna(cell[colour]) else 0.0
            _tile(axes, j, i, TINTS(tint(signed)) if cell else "white")
            name = f"{book.value(down, row)}{book.value(across, column)}"
            axes.text(
                j + 0.07, i + 0.17, style.plain(name), fontsize=11, fontweight="bold", color=style.INK, va="center"
            )
            if cell is None:
                axes.text(j + 0.5, i + 0.55, "–", ha="center", va="center", color=style.GREY)
                continue
            if title and pd.notna(cell.get(title)):
                word = style.short(book.value(cell[title], title), 84 // len(columns))
                axes.text(
                    j + 0.055 + 0.048 * len(columns),
                    i + 0.17,
                    word,
                    fontsize=style.SMALL,
                    color=style.QUIET,
                    va="center",
                )
            if abs(signed) > 0.15 * reach:
                mark = ABOVE if signed > 0 else BELOW
                axes.text(j + 0.93, i + 0.36, mark, fontsize=8, color=style.INK, ha="right", va="center")
            _write(axes, book, cell, lines, j, i)
            _bar(axes, cell.get(size), largest, j, i)
    axes.set(xlim=(-0.02, len(columns) + 0.02), ylim=(len(rows) + 0.02, -0.02))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(book.heading(column))
    axes.set_ylabel(book.heading(row))
    axes.spines[:].set_visible(False)
    named: list[tuple[str, Any]] = [(book.heading(size), style.INK)]
    if colour_labels and colour and frame[colour].notna().any():
        named.append((f"{BELOW} {book.say(colour_labels[0])}", TINTS(0.15)))
        named.append((f"{ABOVE} {book.say(colour_labels[1])}", TINTS(0.85)))
    style.key(axes, named, y=1.0)
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
    step = min(0.56 / max(len(lines), 1), 0.135)
    for k, column in enumerate(lines):
        value = cell.get(column)
        short = book.money_short(value) if book.format_of(column) == "money" else book.cell(column, value)
        text = style.plain(book.say("label_value", label=book.heading(column), value=short))
        axes.text(x + 0.07, y + 0.36 + k * step, text, fontsize=8, va="center")


def _bar(axes: Axes, value: Any, largest: float, x: int, y: int) -> None:
    """A bar at the tile's foot; the largest fills the tile."""
    axes.add_patch(Rectangle((x + 0.07, y + 0.87), 0.86, 0.045, color="white", alpha=0.7))
    if not is_missing(value) and value > 0 and largest:
        axes.add_patch(Rectangle((x + 0.07, y + 0.87), 0.86 * float(value) / largest, 0.045, color=style.INK))
