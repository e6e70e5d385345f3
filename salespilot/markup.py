"""HTML fragments of a page: text, tables, figures. All HTML is written here, so that escaping has one place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from salespilot.phrasebook import Phrasebook, is_missing
from salespilot.places import shared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Marks that turn the direction of the text after them, and control characters: a name may hold them, a page may not.
UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
LONGEST_TEXT = 1200
LONGEST_CELL = 120
LONGEST_WORD = 24
COMFORTABLE_TEXT = 18
SHORT_LIST = 6
NUMERIC = frozenset({"number", "count", "decimal", "percent", "points", "money", "money_short", "days", "hours"})
DATED = frozenset({"date", "date_short", "month", "month_short"})
# Widths of Inter, measured; long words of headings are hyphenated where the table is set small.
EM_OF_LETTER = 0.55
EM_OF_BOLD = 0.6
EM_OF_GAP = 1.2
EM_OF_SMALL_GAP = 0.8
HYPHENATED_WORD = 8
# The widest table in em that fits an A4 page as it is; then set smaller and smaller, then on a page turned aside.
PLAIN_EM = 60
DENSITIES = ((70, "sp-dense"), (79, "sp-denser"), (105, "sp-broad sp-dense"), (118, "sp-broad sp-denser"))


def clean(value: object, limit: int = LONGEST_TEXT) -> str:
    """Plain text fit for print: no control or direction marks, at most ``limit`` characters."""
    written = UNPRINTABLE.sub("", str(value))
    return written if len(written) <= limit else written[: limit - 1].rstrip() + "…"


def text(value: object, limit: int = LONGEST_TEXT) -> str:
    """The value as HTML text, also safe between the quotes of an attribute."""
    return escape(clean(value, limit), quote=True)


def element(tag: str, content: str, classes: str = "", **attributes: object) -> str:
    """One element around content that is HTML already; ``classes`` are its CSS classes."""
    given = {"class": classes or None, **attributes}
    written = "".join(
        f' {name.replace("_", "-")}="{text(value)}"' for name, value in given.items() if value is not None
    )
    return f"<{tag}{written}>{content}</{tag}>"


def caption(label: str, title: str, tag: str = "figcaption") -> str:
    """The line above a figure or table: its number, and its title, which carries the message."""
    return element(tag, f"{element('span', text(label), 'sp-label')} {text(title)}", "sp-caption")


def note(sentence: str) -> str:
    """A small line: a source, the reason why something is not shown."""
    return element("p", text(sentence), "sp-note")


def svg(figure: Figure) -> bytes:
    """The figure as SVG: letters as outlines, so that it looks the same everywhere, and the same bytes every time."""
    from salespilot.charts import style

    return style.svg(figure).encode()


def picture(image: bytes, alt: str) -> str:
    """An SVG as an ``<img>``, where it stays crisp and cannot run anything, at its natural size."""
    size = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"|height="([\d.]+)pt"[^>]*width="([\d.]+)pt"', image)
    drawing = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", image.decode(), flags=re.DOTALL)
    drawing = re.sub(r"\s+", " ", drawing).strip().replace('"', "'")
    source = "data:image/svg+xml," + quote(drawing, safe=" ='/:;,.()-_!*~+$@[]?|")
    pixels = _pixels(size)
    return element("div", f'<img src="{source}" alt="{text(alt)}"{pixels}>', "sp-plot")


def _pixels(size: re.Match[bytes] | None) -> str:
    if size is None:
        return ""
    width, height = (float(part) for part in (size.group(1, 2) if size.group(1) else size.group(4, 3)))
    return f' width="{width * 96 / 72:.0f}" height="{height * 96 / 72:.0f}"'


def table(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    name: str | None = None,
    bars: Sequence[str] = (),
    shades: Sequence[str] = (),
    style: str = "",
) -> str:
    """A frame as an HTML table: headings and formats of ``_columns.toml``, numbers to the right, all text escaped.

    ``name``: the table's name, for columns that one table words differently. ``bars`` and ``shades`` name columns of
    numbers of which each cell gets a bar, or a tint, in proportion; both print in black and white.
    """
    columns = [_Column.of(frame[column], book, name) for column in frame.columns]
    for column in columns:
        if column.name in bars or column.name in shades:
            column.grounds = (_bars if column.name in bars else _shades)(frame[column.name])
    head = "".join(
        element("th", text(column.heading), column.style_of(column.heading), scope="col") for column in columns
    )
    rows = "".join("<tr>" + "".join(column.cell(place) for column in columns) + "</tr>" for place in range(len(frame)))
    styles = " ".join(part for part in ("sp-table", style, _density(columns)) if part)
    return element("table", f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>", styles)


@dataclass
class _Column:
    """One column as it is shown: ``kind`` is ``num`` (numbers, to the right), ``date`` or empty (text)."""

    name: str
    heading: str
    kind: str
    values: list[Any]
    shown: list[str]
    grounds: list[str]

    @classmethod
    def of(cls, values: pd.Series, book: Phrasebook, table: str | None) -> _Column:
        column, raw = str(values.name), values.tolist()
        digits = _digits(values, book.format_of(column, table))
        shown = [clean(book.cell(column, value, table, digits), LONGEST_CELL) for value in raw]
        heading = clean(book.heading(column, table), LONGEST_CELL)
        return cls(column, heading, _kind_of(values, book.format_of(column, table)), raw, shown, [""] * len(raw))

    def style_of(self, words: str) -> str:
        """The class of a cell; a text that must be cut inside a word says so, or its column would be too wide."""
        return self.kind or ("sp-longword" if _longest_word(words) > LONGEST_WORD else "")

    def style_of_text(self, words: str) -> str:
        """As ``style_of``, in the body: a text for which `width` makes room stays on one line."""
        return self.style_of(words) or ("sp-line" if 0 < len(words) <= COMFORTABLE_TEXT and " " in words else "")

    def cell(self, place: int) -> str:
        """One cell; numbers and dates carry what they are sorted by."""
        value, shown, order = self.values[place], self.shown[place], None
        if self.kind and not is_missing(value):
            order = f"{float(value):.6g}" if self.kind == "num" else str(value)[:10]
        return element("td", escape(shown), self.style_of_text(shown), data_v=order, style=self.grounds[place] or None)

    def width(self, heading_word: int, gap: float) -> float:
        """About how wide the column must be, in em: numbers are never cut, text between its words."""
        longest = max(map(len, self.shown), default=0)
        if not self.kind:
            words = min(max(map(_longest_word, self.shown), default=0), LONGEST_WORD)
            longest = max(min(longest, COMFORTABLE_TEXT), words)
        return max(longest * EM_OF_LETTER, min(_longest_word(self.heading), heading_word) * EM_OF_BOLD) + gap


def _longest_word(words: str) -> int:
    return max(map(len, words.split()), default=0)


def _density(columns: Sequence[_Column]) -> str:
    """How a table is set so that it fits the paper."""
    if sum(column.width(LONGEST_WORD, EM_OF_GAP) for column in columns) <= PLAIN_EM:
        return ""
    width = sum(column.width(HYPHENATED_WORD, EM_OF_SMALL_GAP) for column in columns)
    return next((style for most, style in DENSITIES if width <= most), DENSITIES[-1][1])


def _kind_of(values: pd.Series, known: str | None) -> str:
    if known in NUMERIC or (known is None and pd.api.types.is_numeric_dtype(values)):
        return "" if pd.api.types.is_bool_dtype(values) else "num"
    return "date" if known in DATED or pd.api.types.is_datetime64_any_dtype(values) else ""


def _digits(values: pd.Series, kind: str | None) -> int | None:
    """The decimals that all cells of a column share, so that they can be compared down the page; None: each its own.

    Days and hours have none from ten on. Numbers have up to two, but large ones beside small ones are of different
    kinds, row by row.
    """
    if kind not in ("number", "days", "hours") or not pd.api.types.is_numeric_dtype(values):
        return None
    sizes = values[np.isfinite(values.astype(float))].astype(float).abs()
    if sizes.empty or sizes.max() >= (100 if kind == "number" else np.inf):
        return None
    if kind != "number":
        return 0 if sizes.max() >= 10 or sizes.round(1).mod(1).eq(0).all() else 1
    return next((places for places in (0, 1) if np.allclose(sizes.round(2), sizes.round(places), atol=1e-9)), 2)


def _bars(values: pd.Series) -> list[str]:
    sizes = values.astype(float).clip(lower=0)
    shares = (sizes / sizes.max() * 100 if sizes.max() > 0 else sizes * 0).fillna(0)
    # The gradient ends on white and not on transparent, which prints as a grey line.
    bar = "background:linear-gradient(90deg,#cfe0ee {0:.0f}%,#fff {0:.0f}%)"
    return [bar.format(share) if share >= 1 else "" for share in shares]


def _shades(values: pd.Series) -> list[str]:
    sizes = values.astype(float)
    low, high = sizes.min(), sizes.max()
    shares = ((sizes - low) / (high - low) if high > low else sizes * 0).fillna(0)
    return [f"background:{_tint(share)}" if share > 0.02 else "" for share in shares]


def _tint(share: float) -> str:
    # From white to a blue on which dark text keeps a contrast above 7.
    return "#" + "".join(f"{round(255 + (end - 255) * share):02x}" for end in (158, 200, 228))


def pairs(rows: Mapping[str, str]) -> str:
    """Labels and values, one pair a line; in two columns where there is room."""
    lines = (f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in rows.items())
    return element("dl", "".join(lines), "sp-pairs" if len(rows) > SHORT_LIST else "sp-pairs sp-short")


@cache
def pieces_style() -> str:
    """The style sheet of the pieces, alike in a notebook and in the printed report."""
    return (shared("templates") / "salespilot" / "static" / "pieces.css").read_text(encoding="utf-8")


def notebook_style() -> str:
    """The style that goes before a piece in a notebook; the printed report drops it, having it once."""
    return f"<style>{pieces_style()}</style>"
