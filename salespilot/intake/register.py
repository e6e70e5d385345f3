"""The register of actions as it is read back: ``CLIENT/actions.xlsx``, written by a run and edited by people.

The sheet of actions has the codes of its columns in a hidden first row, its headings in the second, then one row an
action. A hidden sheet remembers what was last written, cell by cell: it tells an edited row from an untouched one and
gives back what a broken edit or a deleted column would lose. What cannot be read is an Issue, never a lost row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from salespilot.client import Client
from salespilot.intake.model import Intake, Issue
from salespilot.intake.register_cells import (
    COLUMNS,
    COVERED,
    MEMORY,
    OWN,
    Memory,
    alike,
    layout,
    new_id,
    remembered,
    text_of,
    unmerged,
)
from salespilot.intake.register_cells import value as read_cell
from salespilot.intake.words import is_empty
from salespilot.tables import TABLES

FILE = "actions.xlsx"
OPEN, CLOSED = ("planned", "in_progress"), ("done", "dropped")
DECIDED = (*OPEN, *CLOSED)
KINDS = "customer", "opportunity", "rep", "segment", "stage", "kpi", "team", "company", "intervention", "contest"
"""What an action may touch."""


@dataclass(frozen=True)
class Broken:
    """A cell that could not be read: ``text`` is what it holds, ``reason`` the code of why it was refused."""

    column: str
    text: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One action of the register: its values by column (what a broken cell held before stands in for it), the user's
    own columns, the cells refused, whether anyone changed what was last written, and whether it is done since, without
    a day."""

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
        sheets = {name: unmerged(book.get_sheet_by_name(name)) for name in book.sheet_names}
        memory = remembered(sheets.pop(MEMORY))
    except (CalamineError, OSError, KeyError, ValueError) as error:
        return _unreadable(str(error))
    past = sheets.pop(memory.gone, [])
    ours = next((lines for lines in sheets.values() if layout(lines, memory)), None)
    if ours is None:
        return _unreadable("no headings")
    rows, issues = _rows(ours, memory)
    gone = _rows(past, memory)[0]
    known = {row.id for row in rows}
    lost = [row for id, row in memory.rows.items() if id not in known and row["status"] in DECIDED]
    rows += [Row(values) for values in lost]
    issues += [_issue("register_row", "action_id", str(values["action_id"])) for values in lost]
    return Register(tuple(rows), tuple(gone), memory.as_of, memory.imported, tuple(issues))


def _unreadable(reason: str) -> Register:
    issue = Issue("register_unreadable", "actions", FILE, values={"effect": "weakens", "reason": reason})
    return Register(issues=(issue,), is_readable=False)


def join(found: Intake, register: Register, codes: Mapping[str, str]) -> Intake:
    """The exports with the decided and closed actions of the register, which replace exported ones of the same id.

    ``codes``: alias -> code, for a register that shows aliases.
    """
    tables, columns = dict(found.tables), dict(found.columns)
    place = found.folder.parent / f"register-{found.fingerprint}-{register.fingerprint}"
    ids = [row.id for row in register.decided]
    added = (("actions", actions(register)), ("action_targets", targets(register))) if ids else ()
    for table, frame in added:
        for column in frame.columns.intersection(["owner_rep_id", "customer_id"]):
            frame[column] = frame[column].replace(dict(codes))
        exported = pd.read_parquet(tables[table]) if table in tables else frame.head(0)
        exported = _typed(exported.reindex(columns=frame.columns), table)
        merged = pd.concat([exported[~exported["action_id"].isin(ids)], frame])
        if _content(merged, table) != _content(exported, table):
            place.mkdir(exist_ok=True)
            merged.to_parquet(place / f"{table}.parquet")
            tables[table], columns[table] = place / f"{table}.parquet", tuple(frame.columns)
    issues = (*register.issues, *_strangers(found.tables, targets(register), codes))
    if tables == dict(found.tables) and not issues:
        return found
    name = f"{found.fingerprint}-{register.fingerprint}"
    # What is wrong with the register is told as a reserve on reports that read none of its actions.
    exports = None if issues else found.fingerprint
    return replace(
        found, fingerprint=name, exports_fingerprint=exports, tables=tables, columns=columns,
        issues=(*found.issues, *issues),
    )  # fmt: skip


def _strangers(tables: Mapping[str, Path], aimed: pd.DataFrame, codes: Mapping[str, str]) -> list[Issue]:
    """Customers that actions aim at and that no export knows: nothing can be measured on a code mistyped."""
    unknown = set(aimed["customer_id"].dropna().replace(dict(codes)))
    for table in ("customers", "sales_lines"):
        if unknown and table in tables:
            asked = [("customer_id", "in", sorted(unknown))]
            unknown -= set(pd.read_parquet(tables[table], columns=["customer_id"], filters=asked)["customer_id"])
    return [_issue("register_target", "targets", customer) for customer in sorted(unknown)]


def _content(frame: pd.DataFrame, table: str) -> list[str]:
    """What a table says, whatever the order of its rows and the key made for them."""
    known = frame if table == "actions" else frame.drop(columns="action_target_id")
    return sorted(repr(row) for row in known.astype(object).where(known.notna(), None).itertuples(index=False))


def actions(register: Register) -> pd.DataFrame:
    """The decided and closed rows as the table ``actions``."""
    rows = [{name: row.values.get(name) for name in TABLES["actions"].column_names} for row in register.decided]
    return _typed(pd.DataFrame(rows, columns=list(TABLES["actions"].column_names)), "actions")


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
    """The (kind, id) of a cell like "customer:000123; opportunity:OPP-7"; a code alone is a customer's. Ids may hold
    colons, not semicolons."""
    parts = (part.strip() for part in str(text or "").split(";"))
    split = [(part, *part.partition(":")) for part in parts if part]
    return [(kind, id.strip()) if kind in KINDS and id.strip() else ("customer", part) for part, kind, _, id in split]


def _rows(lines: list[list[Any]], memory: Memory) -> tuple[list[Row], list[Issue]]:
    codes, headings, first = layout(lines, memory) or ([], [], 0)
    absent = [name for name in COLUMNS if name not in codes and name not in OWN]
    issues = [_issue("register_column", name, name) for name in absent]
    rows: list[Row] = []
    taken: set[str] = set()
    lost = _nameless(codes, lines[first:], memory)
    for number, cells in enumerate(lines[first:], start=first + 1):
        if all(is_empty(text_of(cell)) for cell in cells):
            continue
        known = {code: cell for code, cell in zip(codes, cells, strict=False) if cell is not COVERED}
        if text_of(known.get("action_id", "")) in taken and lost.get(text_of(known.get("title", ""))):
            del known["action_id"]  # merged with the one above
        row = _row(known, _extra(codes, headings, cells), memory, lost)
        if row.id in taken:
            issues.append(_issue("register_twice", "action_id", row.id, number))
            row = replace(row, values={**row.values, "action_id": new_id(f"{number}|{row.values}")})
        taken.add(row.id)
        issues += [_issue("register_cell", cell.column, cell.text, number, cell.reason) for cell in row.broken]
        rows.append(row)
    return rows, issues


def _extra(codes: list[str], headings: list[str], cells: list[Any]) -> dict[str, Any]:
    named = zip(codes, headings, cells, strict=False)
    return {heading: cell for code, heading, cell in named if heading and code not in COLUMNS and cell is not COVERED}


def _nameless(codes: list[str], lines: list[list[Any]], memory: Memory) -> dict[str, list[str]]:
    """Title -> the ids written under it that the sheet no longer holds: a row whose id was erased gets its own back."""
    place = codes.index("action_id") if "action_id" in codes else None
    shown = {text_of(cells[place]) for cells in lines if place is not None and len(cells) > place}
    lost: dict[str, list[str]] = {}
    for id, values in memory.rows.items():
        if id not in shown and values.get("title"):
            lost.setdefault(str(values["title"]), []).append(id)
    return lost


def _row(cells: Mapping[str, Any], extra: Mapping[str, Any], memory: Memory, lost: Mapping[str, list[str]]) -> Row:
    id = text_of(cells.get("action_id", ""))
    if not id and (own := lost.get(text_of(cells.get("title", "")))):
        id = own.pop(0)
    before = memory.rows.get(id, {})
    values: dict[str, Any] = {}
    broken = []
    for name, column in COLUMNS.items():
        if name not in cells or name in OWN:
            values[name] = before.get(name)
            continue
        value, reason = read_cell(cells[name], column, memory)
        if reason:
            broken.append(Broken(name, text_of(cells[name]), reason))
            value = before.get(name)
        values[name] = value
    values["action_id"] = id or new_id(repr(sorted((k, str(v)) for k, v in cells.items())))
    values["status"] = values.get("status") or "draft"
    is_new = values["status"] in DECIDED and before.get("status") not in DECIDED
    if is_new and values["decided_on"] is None:
        known = [day for day in (values["start_date"], memory.as_of) if day is not None]
        values["decided_on"] = min(known) if known else None
    changed = any(not alike(values[name], before.get(name)) for name in COLUMNS)
    is_edited = changed or bool(broken) or not before or id in memory.edited
    is_just_done = values["status"] == "done" and before.get("status") != "done" and values["done_on"] is None
    return Row(values, dict(extra), tuple(broken), is_edited, is_just_done)


def _issue(code: str, column: str, value: str, line: int | None = None, reason: str = "") -> Issue:
    values = {"effect": "weakens", "value": value, "line": line, "reason": reason}
    return Issue(code, "actions", FILE, column, 1, values=values, examples=(value,))


def path_of(client: Client) -> Path:
    """Where the register of a client lies."""
    return client.folder / FILE
