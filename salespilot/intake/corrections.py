"""``corrections.csv``: values that the consultant corrects by hand, each with its reason, applied and listed.

Columns: table, key, column, value, reason (any usual separator). The key of a table with several key columns is
written with `` | `` between them; a line without a number of its own is ``file-stem:record``, as ``line_id`` shows.
A correction also saves a row that would be rejected for the value it replaces.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from salespilot.client import Client, ClientError, nearest
from salespilot.intake import dates, numbers
from salespilot.intake.model import Issue
from salespilot.intake.plan import Plan, Reading, Scope
from salespilot.intake.text import encoding_of
from salespilot.intake.words import choice, flag, quoted
from salespilot.tables import TABLES, Column

FILE = "corrections.csv"
HEADERS = ("table", "key", "column", "value", "reason")
JOINT = " | "


@dataclass(frozen=True)
class Correction:
    """One corrected value, as written and as read."""

    table: str
    key: str
    column: str
    value: str
    reason: str
    line: int
    meaning: str | None


def load(client: Client) -> tuple[Correction, ...]:
    """The corrections of a client. Raises ClientError, naming the line, on one that cannot be understood."""
    path = client.folder / FILE
    if not path.is_file():
        return ()
    text = path.read_text(encoding=encoding_of(path)).removeprefix("\ufeff")
    first = text.splitlines()[0] if text.strip() else ""
    separator = max(";,\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    if tuple(h.strip().lower() for h in reader.fieldnames or ()) != HEADERS:
        raise ClientError(f"{path}: the headers must be {';'.join(HEADERS)}, not {first!r}")
    reader.fieldnames = list(HEADERS)
    return tuple(_read(path, reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader)


def _read(path: Path, line: int, row: Mapping[str, str]) -> Correction:
    place = f"{path}: line {line}"
    if row["table"] not in TABLES:
        raise ClientError(f"{place}: unknown table {row['table']!r}; {nearest(row['table'], TABLES)}")
    table = TABLES[row["table"]]
    if row["column"] not in table.column_names:
        raise ClientError(f"{place}: unknown column {row['column']!r}; {nearest(row['column'], table.column_names)}")
    if row["column"] in table.key:
        raise ClientError(f"{place}: {row['column']} is the key of {table.name}; a key cannot be corrected")
    if not row["key"]:
        raise ClientError(f"{place}: the key of the row to correct is missing")
    meaning = _meaning(place, table.name, table[row["column"]], row["value"])
    return Correction(**row, line=line, meaning=meaning)


def _meaning(place: str, table: str, column: Column, value: str) -> str | None:
    """The value as DuckDB casts it to the column's type; None for an empty one."""
    if not value:
        return None
    if column.type in ("money", "share", "number", "integer"):
        votes = numbers.weigh([(numbers.shape_of(value), 1, value)])
        mark = votes.decimal()
        if votes.unread or mark is None:
            raise ClientError(f"{place}: {value!r} is no number, or could be read in two ways; write 1234.50")
        number = numbers.parse(value, "," if mark == "," else ".")
        return f"{number / 100:f}" if votes.percent and number is not None else f"{number:f}"
    if column.type in ("date", "timestamp"):
        looked = dates.look(value, 1, column.name)
        day = dates.settled(looked, looked.settles or "")
        if day is None or looked.is_doubtful:
            raise ClientError(f"{place}: {value!r} is no date, or could be read in two ways; write 2026-06-30")
        return str(dates.moment(looked, day) if column.type == "timestamp" else day)
    if column.type == "flag":
        known = flag(value)
        if known is None:
            raise ClientError(f"{place}: {value!r} must be true or false")
        return known
    if column.choices:
        meant = choice(value, table, column, {})
        if not meant:
            raise ClientError(f"{place}: {value!r} is not one of {', '.join(column.choices)}")
        return meant
    return value


def apply(
    scope: Scope, reading: Reading, wanted: Sequence[Correction], made_key: str | None
) -> tuple[Reading, set[int]]:
    """A reading with the corrections of its table; also the lines of those that found their row.

    ``made_key`` is the SQL of the key where the export has none.
    """
    mine = [c for c in wanted if c.table == scope.table.name]
    plans = {plan.column.name: plan for plan in reading.plans}
    keys = [plans.get(name) for name in scope.table.key]
    if not mine or (None in keys and made_key is None):
        return reading, set()
    known = [plan for plan in keys if plan is not None]
    own_key = f" || {quoted(JOINT)} || ".join(f"cast({plan.typed} as varchar)" for plan in known)
    key = str(made_key) if None in keys else own_key
    joins = " ".join(plan.join for plan in known if plan.join)
    issues = list(reading.issues)
    used: set[int] = set()
    for name in dict.fromkeys(c.column for c in mine):
        chosen = {c.key: c for c in mine if c.column == name}
        plan = plans.get(name)
        old = plan.text if plan else "''"
        keyed = f"({key}) in ({', '.join(map(quoted, chosen))})"
        found = scope.fetch(f"select {key}, {old} from {scope.view} r {joins} where {keyed} order by all")
        for code, value in found:
            correction = chosen[code]
            used.add(correction.line)
            values: dict[str, Any] = {
                "effect": "informs", "key": code, "old": value, "new": correction.value, "reason": correction.reason,
            }  # fmt: skip
            issues.append(Issue("correction_applied", scope.table.name, FILE, name, 1, None, values))
        if found:
            plans[name] = _corrected(scope, scope.table[name], plan, key, list(chosen.values()))
    ordered = sorted(plans.values(), key=lambda plan: scope.table.column_names.index(plan.column.name))
    return Reading(tuple(scope.recounted(ordered)), tuple(issues)), used


def _corrected(scope: Scope, column: Column, plan: Plan | None, key: str, chosen: Sequence[Correction]) -> Plan:
    alias = scope.dictionary([c.key for c in chosen], [c.meaning for c in chosen], pa.string())
    join = f"left join {alias} on {alias}.written = {key}"
    value = f"cast({alias}.meaning as {column.sql_type})"
    if plan is None:
        return Plan(
            column, "", value, "''", f"{alias}.meaning is null", "false", join, 0, -1, scope.everywhere
        )  # fmt: skip
    return replace(
        plan,
        typed=f"case when {alias}.written is not null then {value} else {plan.typed} end",
        is_unread=f"({alias}.written is null and {plan.is_unread})",
        is_empty=f"(case when {alias}.written is not null then {alias}.meaning is null else {plan.is_empty} end)",
        join=f"{plan.join} {join}",
        unread=-1,
        empty=-1,
    )


def unmatched(wanted: Sequence[Correction], used: set[int]) -> list[Issue]:
    """Corrections whose key no row has."""
    made = []
    for c in wanted:
        if c.line not in used:
            values = {"effect": "weakens", "key": c.key, "new": c.value, "line": c.line}
            made.append(Issue("correction_unmatched", c.table, FILE, c.column, 1, None, values))
    return made
