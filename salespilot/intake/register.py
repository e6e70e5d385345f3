"""The register of actions as it is read back: ``CLIENT/actions.xlsx``, written by a run and edited by people.

The sheet of actions has the codes of its columns in a hidden first row, its headings in the second, then one row an
action. A hidden sheet remembers what was last written, cell by cell: it tells an edited row from an untouched one and
gives back what a broken edit or a deleted column would lose. What cannot be read is an Issue, never a lost row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from salespilot.client import Client
from salespilot.intake.model import Intake, Issue
from salespilot.intake.words import choice, is_empty
from salespilot.tables import TABLES, Column

FILE = "actions.xlsx"
MEMORY = "salespilot"  # the hidden sheet: kind, id, JSON
HEADER_ROWS = 2
OPEN, CLOSED = ("planned", "in_progress"), ("done", "dropped")
DECIDED = (*OPEN, *CLOSED)

ACTIONS = TABLES["actions"]
SEEN = (Column("first_seen", "date"), Column("last_seen", "date"), Column("is_found", "flag"))
ORIGIN = (
    *(Column("observation", "text"), Column("stake", "money"), Column("stake_kind", "text")),
    *(Column("targets", "text"), Column("report", "text"), Column("rule", "text")),
)
COLUMNS: Mapping[str, Column] = {c.name: c for c in (*ACTIONS.columns, *SEEN, *ORIGIN)}
"""The columns that the register knows; those whose code is not among them are the user's own, and are kept."""

OWN = frozenset(c.name for c in (*SEEN, *ORIGIN)) - {"targets"}
"""Columns that only runs write: what a sheet holds there is not read back."""
WORDS = ("status", "source", "metric", "stake_kind", "report")
"""Columns whose codes the sheet shows as words of its language."""


@dataclass(frozen=True)
class Broken:
    """A cell that could not be read: ``text`` is what it holds, ``reason`` the code of why it was refused."""

    column: str
    text: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One action of the register: its values by column (what a broken cell held before stands in for it), the user's
    own columns, the cells refused, whether anyone changed what was last written, and whether it is done without a day and
    was not when last written."""

    values: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    is_edited: bool = False
    is_just_done: bool = False

    @property
    def id(self) -> str:
        """The action's id, that of its finding where it comes from one."""
        return str(self.values["action_id"])

    @property
    def status(self) -> str:
        """draft, planned, in_progress, done or dropped."""
        return str(self.values.get("status") or "draft")


@dataclass(frozen=True)
class Register:
    """The register of a client. ``as_of``: the date of the last run that wrote it; ``gone``: drafts no longer found;
    ``imported``: exported actions already taken in; ``is_readable`` is False where the file cannot be opened at all.
    """

    rows: tuple[Row, ...] = ()
    gone: tuple[Row, ...] = ()
    as_of: date | None = None
    imported: frozenset[str] = frozenset()
    issues: tuple[Issue, ...] = ()
    is_readable: bool = True

    @property
    def decided(self) -> tuple[Row, ...]:
        """The rows decided or closed: what the reports may see."""
        return tuple(row for row in self.rows if row.status in DECIDED)

    def dated(self, as_of: date) -> Register:
        """The same, what people have called done since the last run and did not date being done at this run's date."""
        day = max(as_of, self.as_of or as_of)
        rows = (replace(r, values={**r.values, "done_on": day}) if r.is_just_done else r for r in self.rows)
        return replace(self, rows=tuple(rows))

    @property
    def fingerprint(self) -> str:
        """Of the decided and closed rows only: drafts change no report."""
        rows = sorted((sorted(row.values.items(), key=str) for row in self.decided), key=str)
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:16] if rows else ""


def read(client: Client) -> Register:
    """The register of a client; an empty one where there is no file yet. People and customers are as the sheet shows
    them: by code, or by alias where ``[privacy]`` asks for it."""
    path = client.folder / FILE
    if not path.exists():
        return Register()
    try:
        book = CalamineWorkbook.from_path(path)
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
        memory = _memory(sheets[MEMORY])
    except (CalamineError, OSError, KeyError, ValueError) as error:
        values = {"effect": "weakens", "reason": str(error)}
        issue = Issue("register_unreadable", "actions", FILE, values=values)
        return Register(issues=(issue,), is_readable=False)
    names = [name for name in book.sheet_names if name != MEMORY]
    rows, issues = _rows(sheets[names[0]], memory)
    gone = _rows(sheets[names[1]], memory)[0] if len(names) > 1 else []
    known = {row.id for row in rows}
    lost = [row for id, row in memory.rows.items() if id not in known and row["status"] in DECIDED]
    rows += [Row(values) for values in lost]
    issues += [_issue("register_row", "action_id", str(values["action_id"])) for values in lost]
    return Register(tuple(rows), tuple(gone), memory.as_of, memory.imported, tuple(issues))


def join(found: Intake, register: Register, codes: Mapping[str, str]) -> Intake:
    """The exports with the decided and closed actions of the register, which replace exported ones of the same id.

    ``codes``: alias -> code, for a register that shows aliases.
    """
    tables, columns = dict(found.tables), dict(found.columns)
    place = found.folder.parent / f"register-{found.fingerprint}-{register.fingerprint}"
    ids = [row.id for row in register.decided]
    for table, frame in (("actions", actions(register)), ("action_targets", targets(register))):
        for column in frame.columns.intersection(["owner_rep_id", "customer_id"]):
            frame[column] = frame[column].replace(dict(codes))
        exported = pd.read_parquet(tables[table]) if table in tables else frame.head(0)
        exported = _typed(exported.reindex(columns=frame.columns), table)
        merged = pd.concat([exported[~exported["action_id"].isin(ids)], frame])
        if _content(merged, table) != _content(exported, table):
            place.mkdir(exist_ok=True)
            merged.to_parquet(place / f"{table}.parquet")
            tables[table], columns[table] = place / f"{table}.parquet", tuple(frame.columns)
    if tables == dict(found.tables) and not register.issues:
        return found
    name = f"{found.fingerprint}-{register.fingerprint}"
    return replace(found, fingerprint=name, tables=tables, columns=columns, issues=(*found.issues, *register.issues))


def _content(frame: pd.DataFrame, table: str) -> list[str]:
    """What a table says, whatever the order of its rows and the key made for them."""
    known = frame if table == "actions" else frame.drop(columns="action_target_id")
    return sorted(repr(row) for row in known.astype(object).where(known.notna(), None).itertuples(index=False))


def actions(register: Register) -> pd.DataFrame:
    """The decided and closed rows as the table ``actions``."""
    rows = [{name: row.values.get(name) for name in ACTIONS.column_names} for row in register.decided]
    return _typed(pd.DataFrame(rows, columns=list(ACTIONS.column_names)), "actions")


def targets(register: Register) -> pd.DataFrame:
    """The customers and deals that the decided and closed rows touch, as the table ``action_targets``."""
    rows = []
    for row in register.decided:
        for kind, id in split_targets(row.values.get("targets")):
            if kind in ("customer", "opportunity"):
                rows.append((f"{row.id}-{kind}-{id}", row.id, *((id, None) if kind == "customer" else (None, id))))
    columns = list(TABLES["action_targets"].column_names)
    return _typed(pd.DataFrame(rows, columns=columns), "action_targets")


def _typed(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    for column in TABLES[table].columns:
        if column.type == "date":
            frame[column.name] = pd.to_datetime(frame[column.name])
        else:
            frame[column.name] = frame[column.name].astype("string" if column.type in ("id", "text") else float)
    return frame


def split_targets(text: Any) -> list[tuple[str, str]]:
    """The (kind, id) of a cell like "customer:000123; opportunity:OPP-7"; ids may hold colons, not semicolons."""
    parts = (part.strip().partition(":") for part in str(text or "").split(";"))
    return [(kind, id.strip()) for kind, colon, id in parts if colon and id.strip()]


@dataclass(frozen=True)
class _Memory:
    """What was last written: the rows by id, those that people had edited, the owners that may be chosen (label and
    id -> id), the words shown ((column, word) -> code), the imports, the date."""

    rows: Mapping[str, dict[str, Any]]
    edited: frozenset[str]
    owners: Mapping[str, str]
    words: Mapping[tuple[str, str], str]
    imported: frozenset[str]
    as_of: date | None


def _memory(lines: list[list[Any]]) -> _Memory:
    rows: dict[str, dict[str, Any]] = {}
    owners: dict[str, str] = {}
    words: dict[tuple[str, str], str] = {}
    imported, edited, as_of = set(), set(), None
    for kind, id, text in (line[:3] for line in lines):
        if kind in ("row", "edited"):
            rows[id] = {name: _remembered(name, value) for name, value in json.loads(text).items()}
            edited |= {id} if kind == "edited" else set()
        elif kind == "owner":
            owners[text] = owners[id] = id
        elif kind in WORDS:
            words[kind, text] = id
        elif kind == "imported":
            imported.add(id)
        elif kind == "as_of":
            as_of = date.fromisoformat(id)
    return _Memory(rows, frozenset(edited), owners, words, frozenset(imported), as_of)


def _remembered(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if value and name in COLUMNS and COLUMNS[name].type == "date" else value


def _rows(lines: list[list[Any]], memory: _Memory) -> tuple[list[Row], list[Issue]]:
    codes = [str(cell or "").strip() for cell in lines[0]] if lines else []
    headings = [str(cell or "").strip() for cell in lines[1]] if len(lines) > 1 else []
    absent = [name for name in COLUMNS if name not in codes and name not in OWN]
    issues = [_issue("register_column", name, name) for name in absent]
    rows: list[Row] = []
    taken: set[str] = set()
    for number, cells in enumerate(lines[HEADER_ROWS:], start=HEADER_ROWS + 1):
        if all(is_empty(str(cell)) for cell in cells):
            continue
        row = _row(dict(zip(codes, cells, strict=False)), _extra(codes, headings, cells), memory)
        if row.id in taken:
            issues.append(_issue("register_twice", "action_id", row.id, number))
            row = replace(row, values={**row.values, "action_id": _new_id(f"{number}|{row.values}")})
        taken.add(row.id)
        issues += [_issue("register_cell", cell.column, cell.text, number, cell.reason) for cell in row.broken]
        rows.append(row)
    return rows, issues


def _extra(codes: list[str], headings: list[str], cells: list[Any]) -> dict[str, Any]:
    named = zip(codes, headings, cells, strict=False)
    return {heading: cell for code, heading, cell in named if heading and code not in COLUMNS}


def _row(cells: Mapping[str, Any], extra: Mapping[str, Any], memory: _Memory) -> Row:
    id = _text(cells.get("action_id", ""))
    before = memory.rows.get(id, {})
    values: dict[str, Any] = {}
    broken = []
    for name, column in COLUMNS.items():
        if name not in cells or name in OWN:
            values[name] = before.get(name)
            continue
        value, reason = _value(cells[name], column, memory)
        if reason:
            broken.append(Broken(name, _text(cells[name]), reason))
            value = before.get(name)
        values[name] = value
    values["action_id"] = id or _new_id(repr(sorted((k, str(v)) for k, v in cells.items())))
    values["status"] = values.get("status") or "draft"
    is_new = values["status"] in DECIDED and before.get("status") not in DECIDED
    if is_new and values["decided_on"] is None:
        known = [day for day in (values["start_date"], memory.as_of) if day is not None]
        values["decided_on"] = min(known) if known else None
    changed = any(not _alike(values[name], before.get(name)) for name in COLUMNS)
    is_edited = changed or bool(broken) or not before or id in memory.edited
    is_just_done = values["status"] == "done" and before.get("status") != "done" and values["done_on"] is None
    return Row(values, dict(extra), tuple(broken), is_edited, is_just_done)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    return (one or None) == (other or None) or one == other


def _new_id(text: str) -> str:
    return hashlib.sha1(f"register|{text}".encode(), usedforsecurity=False).hexdigest()[:10]


def _value(cell: Any, column: Column, memory: _Memory) -> tuple[Any, str]:
    """A cell as its column's type, and the code of why it was refused (empty where it was not)."""
    text = _text(cell)
    if is_empty(text):
        return None, ""
    if column.name == "owner_rep_id":
        return (memory.owners[text], "") if text in memory.owners else (None, "unknown_owner")
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


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


def _issue(code: str, column: str, value: str, line: int | None = None, reason: str = "") -> Issue:
    values = {"effect": "weakens", "value": value, "line": line, "reason": reason}
    return Issue(code, "actions", FILE, column, 1, values=values, examples=(value,))


def path_of(client: Client) -> Path:
    """Where the register of a client lies."""
    return client.folder / FILE
