"""The cells of the register of actions: which columns it knows, what was last written in them, how each is read."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from python_calamine import CalamineSheet

from salespilot.intake.words import choice, is_empty
from salespilot.tables import TABLES, Column

MEMORY = "salespilot"  # the hidden sheet: kind, id, JSON
HEADER_ROWS = 2
COVERED = object()
"""In the place of a cell that a merged one hides: nobody emptied it."""
SEARCHED = 20  # rows: people insert a title above the headings, not a page
FEW = 3  # columns known, from which a row is that of the headings

SEEN = (Column("first_seen", "date"), Column("last_seen", "date"), Column("is_found", "flag"))
ORIGIN = (
    *(Column("observation", "text"), Column("stake", "money"), Column("stake_kind", "text")),
    *(Column("targets", "text"), Column("report", "text"), Column("rule", "text")),
)
COLUMNS: Mapping[str, Column] = {c.name: c for c in (*TABLES["actions"].columns, *SEEN, *ORIGIN)}
"""The columns that the register knows; those whose code is not among them are the user's own, and are kept."""

OWN = frozenset(c.name for c in (*SEEN, *ORIGIN)) - {"targets"}
"""Columns that only runs write: what a sheet holds there is not read back."""
WORDS = ("status", "source", "metric", "stake_kind", "report")
"""Columns whose codes the sheet shows as words of its language."""


@dataclass(frozen=True)
class Memory:
    """What was last written: the rows by id, those that people had edited, the owners that may be chosen (code, name
    or both, as :func:`plain` -> id), the words shown ((column, word) -> code), the headings (heading -> code), the
    imports, the name of the sheet of what is no longer found, the date."""

    rows: Mapping[str, dict[str, Any]]
    edited: frozenset[str]
    owners: Mapping[str, str]
    words: Mapping[tuple[str, str], str]
    headings: Mapping[str, str]
    imported: frozenset[str]
    gone: str
    as_of: date | None


def remembered(lines: list[list[Any]]) -> Memory:
    """What the lines (kind, id, text) of the hidden sheet say. Raises ValueError where they are damaged."""
    rows: dict[str, dict[str, Any]] = {}
    owners: dict[str, str] = {}
    names: defaultdict[str, set[str]] = defaultdict(set)
    words: dict[tuple[str, str], str] = {}
    headings: dict[str, str] = {}
    imported, edited, gone, as_of = set(), set(), "", None
    for kind, id, text in (line[:3] for line in lines):
        if kind in ("row", "edited"):
            rows[id] = {name: _typed(name, value) for name, value in json.loads(text).items()}
            edited |= {id} if kind == "edited" else set()
        elif kind == "owner":
            names[plain(text.partition(" – ")[2] or text)].add(id)
            owners[plain(text)] = owners[plain(id)] = id
        elif kind in WORDS:
            words[kind, text] = id
        elif kind == "heading":
            headings[text] = id
        elif kind == "imported":
            imported.add(id)
        elif kind == "gone":
            gone = id
        elif kind == "as_of":
            as_of = date.fromisoformat(id)
    owners = {name: next(iter(ids)) for name, ids in names.items() if len(ids) == 1} | owners
    return Memory(rows, frozenset(edited), owners, words, headings, frozenset(imported), gone, as_of)


def unmerged(sheet: CalamineSheet) -> list[list[Any]]:
    """The lines of a sheet. A cell merged down its column says the same for each of its rows; what lies beside the
    first column of a merged cell is ``COVERED``."""
    lines: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        for cells in lines[top : bottom + 1]:
            cells[left] = lines[top][left]
            cells[left + 1 : right + 1] = [COVERED] * len(cells[left + 1 : right + 1])
    return lines


def layout(lines: list[list[Any]], memory: Memory) -> tuple[list[str], list[str], int] | None:
    """Where a sheet has its columns: their codes ("" for those of the user), their headings, the place of the first
    row; None for a sheet that is not the register's. Without the row of codes, the headings tell."""
    for place, cells in enumerate(lines[:SEARCHED]):
        shown = [text_of(cell) for cell in cells]
        if sum(text in COLUMNS for text in shown) >= FEW:
            below = lines[place + 1] if len(lines) > place + 1 else []
            codes = [text if text in COLUMNS else "" for text in shown]
            return codes, [text_of(cell) for cell in below], place + HEADER_ROWS
        if sum(text in memory.headings for text in shown) >= FEW:
            return [memory.headings.get(text, "") for text in shown], shown, place + 1
    return None


def _typed(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if value and name in COLUMNS and COLUMNS[name].type == "date" else value


def alike(one: Any, other: Any) -> bool:
    """Whether two values of a cell are the same; an empty one is as good as none."""
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    return (one or None) == (other or None) or one == other


def new_id(text: str) -> str:
    """An id for a row that people added."""
    return hashlib.sha1(f"register|{text}".encode(), usedforsecurity=False).hexdigest()[:10]


def value(cell: Any, column: Column, memory: Memory) -> tuple[Any, str]:
    """A cell as its column's type, and the code of why it was refused (empty where it was not)."""
    text = text_of(cell)
    if is_empty(text):
        return None, ""
    if column.name == "owner_rep_id":
        return (memory.owners[plain(text)], "") if plain(text) in memory.owners else (None, "unknown_owner")
    if (column.name, text) in memory.words:
        return memory.words[column.name, text], ""
    if column.choices:
        meant = choice(text, "actions", column, {})
        return (meant, "") if meant else (None, "unknown_word")
    if column.type == "date":
        return _date(cell, text)
    if column.type in ("number", "money", "share", "integer"):
        return _number(cell, text, column)
    return text, ""


def _date(cell: Any, text: str) -> tuple[date | None, str]:
    if isinstance(cell, datetime):
        return cell.date(), ""
    if isinstance(cell, date):
        return cell, ""
    for pattern in ("%d/%m/%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, pattern).date(), ""
        except ValueError:
            continue
    return None, "not_a_date"


def _number(cell: Any, text: str, column: Column) -> tuple[float | None, str]:
    is_percent = text.endswith("%")
    try:
        plain = "".join(text.rstrip("%€ ").split()).replace(",", ".")
        value = float(cell) if isinstance(cell, int | float) else float(plain) / (100 if is_percent else 1)
    except ValueError:
        return None, "not_a_number"
    if column.type == "share" and not 0 <= value <= 1:
        return None, "not_a_share"
    return value, ""


def text_of(cell: Any) -> str:
    """What a cell shows; a whole number has no decimal point."""
    if cell is COVERED:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


def plain(text: str) -> str:
    """A text as it is compared: without capitals, with one kind of dash and of space."""
    return " ".join(text.replace("–", "-").split()).casefold()
