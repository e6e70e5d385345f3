"""HTML fragments of a page: text, tables, figures. All HTML is written here, so that escaping has one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from salespilot.phrasebook import Phrasebook, is_missing
from salespilot.places import shared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Marks that turn the direction of the text after them, and control characters: a name may hold them, a page may not.
UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
LONGEST_CELL = 120
LONGEST_WORD = 24
LONGEST_TEXT = 1200
NUMERIC = frozenset({"number", "count", "percent", "money", "money_short", "days", "hours"})
DATED = frozenset({"date", "date_short", "month", "month_short"})


def clean(value: object, limit: int = LONGEST_TEXT) -> str:
    """Plain text fit for print: no control or direction marks, at most ``limit`` characters."""
    written = UNPRINTABLE.sub("", str(value))
    return written if len(written) <= limit else written[: limit - 1].rstrip() + "…"


def text(value: object, limit: int = LONGEST_TEXT) -> str:
    """The value as HTML text, also safe between the quotes of an attribute."""
    return escape(clean(value, limit), quote=True)


def element(tag: str, content: str, style: str = "", **attributes: object) -> str:
    """One element around content that is HTML already; ``style`` names its CSS classes."""
    given = {"class": style or None, **attributes}
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
    kinds = {column: kind_of(frame, column, book, name) for column in frame.columns}
    grounds = {column: _bar(frame[column]) for column in bars} | {column: _shade(frame[column]) for column in shades}
    head = "".join(
        element("th", text(heading, LONGEST_CELL), kinds[column] or _long(heading), scope="col")
        for column in frame.columns
        for heading in [book.heading(column, name)]
    )
    places = [(column, kinds[column], grounds.get(column), frame[column].tolist()) for column in frame.columns]
    rows = "".join(
        "<tr>"
        + "".join(_cell(column, values[i], kind, ground, book, name, i) for column, kind, ground, values in places)
        + "</tr>"
        for i in range(len(frame))
    )
    return element("table", f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>", f"sp-table {style}".strip())


def kind_of(frame: pd.DataFrame, column: str, book: Phrasebook, name: str | None = None) -> str | None:
    """How a column is set: ``num`` (numbers, to the right), ``date`` or None (text)."""
    known = book.format_of(column, name)
    if known in NUMERIC or (known is None and pd.api.types.is_numeric_dtype(frame[column])):
        return None if pd.api.types.is_bool_dtype(frame[column]) else "num"
    return "date" if known in DATED or pd.api.types.is_datetime64_any_dtype(frame[column]) else None


def _cell(
    column: str,
    value: Any,
    kind: str | None,
    ground: Callable[[int], str] | None,
    book: Phrasebook,
    name: str | None,
    place: int,
) -> str:
    shown = text(book.cell(column, value, name), LONGEST_CELL)
    raw = None
    if kind and not is_missing(value):
        raw = f"{float(value):.6g}" if kind == "num" else str(value)[:10]
    order = f' data-v="{text(raw)}"' if raw is not None else ""
    style = f' class="{kind or _long(shown)}"' if kind or _long(shown) else ""
    back = f' style="{ground(place)}"' if ground and ground(place) else ""
    return f"<td{style}{order}{back}>{shown}</td>"


def _long(shown: str) -> str:
    """The class of a text that must be cut inside a word, or its column would be wider than the page."""
    return "sp-longword" if any(len(word) > LONGEST_WORD for word in shown.split()) else ""


def _bar(values: pd.Series) -> Callable[[int], str]:
    sizes = values.astype(float).clip(lower=0)
    top = sizes.max()

    def ground(place: int) -> str:
        share = sizes.iloc[place] / top * 100 if top > 0 else 0
        # Ends on white and not on transparent, which prints as a grey line.
        return f"background:linear-gradient(90deg,#cfe0ee {share:.0f}%,#fff {share:.0f}%)" if share >= 1 else ""

    return ground


def _shade(values: pd.Series) -> Callable[[int], str]:
    sizes = values.astype(float)
    low, high = sizes.min(), sizes.max()

    def ground(place: int) -> str:
        share = (sizes.iloc[place] - low) / (high - low) if high > low else 0
        if not share > 0.02:
            return ""
        # From white to a blue on which dark text keeps a contrast above 7.
        red, green, blue = (round(255 + (end - 255) * share) for end in (158, 200, 228))
        return f"background:#{red:02x}{green:02x}{blue:02x}"

    return ground


def pairs(rows: Mapping[str, str], style: str = "") -> str:
    """Labels and values, one pair a row."""
    body = "".join(
        f"<tr>{element('th', text(label), scope='row')}<td>{text(value)}</td></tr>" for label, value in rows.items()
    )
    return element("table", f"<tbody>{body}</tbody>", f"sp-table sp-pairs {style}".strip())


@cache
def pieces_style() -> str:
    """The style sheet of the pieces, alike in a notebook and in the printed report."""
    return (shared("templates") / "salespilot" / "static" / "pieces.css").read_text(encoding="utf-8")


def notebook_style() -> str:
    """The style that goes before a piece in a notebook; the printed report drops it, having it once."""
    return f"<style>{pieces_style()}</style>"
