"""Lists of deals exported again and again, or with one row a change: the changes between them, and the last state.

A change is dated by the first list that shows it, the end of a deal by its own closing date where it lies between two
lists. A deal that the later lists leave out is not lost: from the first of them its status is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from salespilot.client import ClientError, Source
from salespilot.intake import dates
from salespilot.intake.assemble import PARQUET, Assembly
from salespilot.intake.model import Issue
from salespilot.intake.plan import UNKNOWN, Plan, Reading, Scope
from salespilot.intake.source import Export
from salespilot.intake.words import quoted
from salespilot.tables import TABLES, Column, Table

DEALS, LOG = "opportunities", "opportunity_events"
SNAPSHOT = "snapshot:"
"""How the ids of changes found between dated exports of a list begin."""

FIELDS = {
    "stage_code": "stage",
    "amount": "amount",
    "expected_close_date": "close_date",
    "forecast_category": "category",
    "rep_id": "owner",
    "status": "status",
}
EARLIER = "earlier_state"
CHANGES = "changes_found"
"""The temporary table of changes found between states."""

SHOWN = 5
_MOMENT = Column("snapshot", "timestamp")  # named as the option, for the messages about it
_ENDED = "in ('won', 'lost', 'cancelled')"
_YEAR, _MONTH, _DAY = r"((?:19|20)\d\d)", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_DATES = (
    (re.compile(rf"(?<!\d){_YEAR}[-_. ]?{_MONTH}[-_. ]?{_DAY}(?!\d)"), "ymd"),
    (re.compile(rf"(?<!\d){_DAY}[-_. ]?{_MONTH}[-_. ]?{_YEAR}(?!\d)"), "dmy"),
)
_MONTHS = (
    re.compile(rf"(?<!\d)(?:{_YEAR}[-_. ]?{_MONTH}|{_MONTH}[-_. ]?{_YEAR})(?!\d)"),
    re.compile(rf"[^\W\d_]{{3,9}}\.?[-_ ]?{_YEAR}(?!\d)"),
)


def day_in(name: str) -> date | None:
    """The day that a file's name holds (deals_2026-01-31, affaires 31-01-2026, deals_202601: the month's last)."""
    return _find_day(name)[1]


def without_day(name: str) -> str:
    """What stands before the date in a file's name."""
    return name[: _find_day(name)[0]]


def _find_day(name: str) -> tuple[int, date | None]:
    """Where the date of a file's name begins, and what it is."""
    for pattern, order in _DATES:
        found = pattern.search(name)
        if found:
            year, month, day = map(int, found.groups() if order == "ymd" else found.groups()[::-1])
            with suppress(ValueError):
                return found.start(), date(year, month, day)
    for found in (found for pattern in _MONTHS for found in pattern.finditer(name)):
        text = re.sub(r"[-_. ]+", " " if found[0][0].isalpha() else "-", found[0])
        sure = dates.look(text, 1, "period_end").days.get("sure")
        if sure:
            return found.start(), sure
    return len(name), None


# --- reading ---------------------------------------------------------------------------------------------------------


def _has_states(source: Source) -> bool:
    return bool(source.snapshot or source.changed_at)


def dated(table: Table, sources: Sequence[Source], key: tuple[str, ...] = ()) -> Table:
    """The table as it is read: with the moment of each state, where a source gives several states of a deal."""
    if table.name != DEALS or not any(map(_has_states, sources)):
        return table
    return replace(
        table, columns=(*table.columns, _MOMENT), essential=(*table.essential, _MOMENT.name), key=key or table.key
    )


def assembled(table: Table, sources: Sequence[Source]) -> Table:
    """The table as its sources are united: a deal has one row a state."""
    return dated(table, sources, (*table.key, _MOMENT.name))


def moments(source: Source) -> dict[str, str]:
    """What is read besides the source's columns: the column that dates its states."""
    column = source.changed_at or source.snapshot
    return {_MOMENT.name: column} if column and column != "file" else {}


def file_day(export: Export, place: str) -> date:
    """The day in a file's name. Raises ClientError where there is none."""
    day = day_in(export.path.stem)
    if day is None:
        raise ClientError(
            f'{place} snapshot: no date in the name {export.name}; rename it, as in "deals_2026-01-31.csv"'
        )
    return day


def with_moment(scope: Scope, reading: Reading, exported_on: date) -> Reading:
    """The reading with the moment of each state; a plain list stands for the evening of the day of the export."""
    source = scope.source
    if _MOMENT not in scope.table.columns:
        return reading
    plan = next((plan for plan in reading.plans if plan.column == _MOMENT), None)
    if plan is not None:
        # An undated state is of no use; states of one instant keep the order of the file, which microseconds hold.
        step = " + to_microseconds(r._record % 1000000)" if source.changed_at else ""
        plan = replace(
            plan,
            typed=f"({plan.typed}{step})",
            is_unread=f"({plan.is_unread} or {plan.is_empty})",
            is_empty="false",
            unread=UNKNOWN if UNKNOWN in (plan.unread, plan.empty) else plan.unread + plan.empty,
            empty=0,
        )
        (plan,) = scope.recounted([plan])
    elif not source.changed_at and source.snapshot in (None, "file"):
        days = [file_day(e, scope.place) if source.snapshot else exported_on for e in scope.relation.exports]
        time = "00:00:00" if source.snapshot else "23:59:59"
        listed = ", ".join(f"timestamp '{day} {time}'" for day in days)
        plan = Plan(_MOMENT, "file", f"[{listed}][r._file + 1]", "''", "false", "false", given=scope.everywhere)
    if plan is None:
        return reading  # refused: its issue blocks the table
    return replace(reading, plans=(*(p for p in reading.plans if p.column != _MOMENT), plan))


# --- rebuilding ------------------------------------------------------------------------------------------------------


def settle(assembly: Assembly, has_log: bool) -> bool:
    """Keep the last state of each deal and set the earlier ones aside; True where changes were found between them.

    The changes wait to be written by :func:`write`; ``has_log``: a log of changes was exported, so that none are found.
    """
    if _MOMENT not in assembly.table.columns:
        return False
    assembly.table = TABLES[DEALS]
    assembly.columns = tuple(c for c in assembly.columns if c != _MOMENT.name)
    if assembly.refused:
        return False
    _number(assembly)
    (several,) = assembly.fetch("select count(distinct snapshot) > 1 from states")[0]
    _find_changes(assembly)
    if several:
        _leave_out(assembly)
    if several and not has_log:
        _tell(assembly)
    _keep_last(assembly)
    return bool(several) and not has_log


def _number(assembly: Assembly) -> None:
    """Number the states of each deal, and say of each list which one precedes and which one follows."""
    parts = assembly.part_of_export()
    numbers = {id(part): number for number, part in enumerate(assembly.parts)}
    part_of = ", ".join(str(numbers[id(part)]) for part in parts)
    is_list = ", ".join("false" if part.source.changed_at else "true" for part in parts)
    is_plain = ", ".join("false" if _has_states(part.source) else "true" for part in parts)
    assembly.connection.execute(f"""
        create or replace temp table states as
        with dated as (
            select *, [{part_of}][_export + 1] as part, [{is_list}][_export + 1] as is_list,
                [{is_plain}][_export + 1] as is_plain
            from {assembly.rows}
        ), lists as (
            select part, snapshot, lag(snapshot) over w as list_before, lead(snapshot) over w as list_after
            from (select distinct part, snapshot from dated where is_list)
            window w as (partition by part order by snapshot)
        )
        select d.*, coalesce(l.list_before, lag(d.snapshot) over w) as list_before, l.list_after,
            row_number() over w as step, count(*) over (partition by opportunity_id) + 1 - row_number() over w as back
        from dated d left join lists l on d.is_list and d.part = l.part and d.snapshot = l.snapshot
        window w as (partition by opportunity_id order by d.snapshot, _export, _record)""")


def _given(assembly: Assembly, column: str) -> str:
    """SQL: whether the export of a row gives a column at all."""
    return f"_export in ({', '.join(map(str, sorted(assembly.gives.get(column, ())))) or '-1'})"


def _find_changes(assembly: Assembly) -> None:
    """Fill the table of changes: for each field, every state that differs from the one before it."""
    closed = "cast(closed_date as date)" if "closed_date" in assembly.columns else "cast(null as date)"
    ended = f"status {_ENDED}" if "status" in assembly.columns else "false"
    between = f"{closed} <= snapshot::date and {closed} > coalesce(list_before::date, date '0001-01-01')"
    selects = []
    for column, field in FIELDS.items():
        if column not in assembly.columns:
            continue
        selects.append(f"""
            select opportunity_id, is_list, is_plain, '{field}' as field, snapshot,
                case when is_list and {ended} and {between} then cast({closed} as timestamp) else snapshot end as day,
                row_number() over w as place, lag(cast({column} as varchar)) over w as old_value,
                cast({column} as varchar) as new_value
            from states where {_given(assembly, column)}
            window w as (partition by opportunity_id order by step)""")
    assembly.connection.execute(f"""
        create or replace temp table {CHANGES} as
        select case when is_list then '{SNAPSHOT}' else 'change:' end || strftime(snapshot, '%Y%m%d%H%M%S%f')
            || ':' || opportunity_id || ':' || field as event_id,
            opportunity_id, date_trunc('second', day) as event_ts, field, old_value, new_value
        from ({" union all ".join(selects)})
        where new_value is distinct from old_value and not (is_plain and place = 1)""")


def _leave_out(assembly: Assembly) -> None:
    """Say which deals the later lists leave out; from the first of them, whether such a deal is open is unknown."""
    has_status = "status" in assembly.columns
    ended = f"coalesce(status {_ENDED}, false)" if has_status else "false"
    gone = f"select * from states where back = 1 and is_list and list_after is not null and not {ended}"
    (count, amount) = assembly.fetch(f"select count(*), sum({assembly.priced}) from ({gone})")[0]
    if not count:
        return
    codes = tuple(
        str(row[0]) for row in assembly.fetch(f"select opportunity_id from ({gone}) order by 1 limit {SHOWN}")
    )
    (known,) = assembly.fetch("select count(distinct opportunity_id) from states")[0]
    values: Mapping[str, Any] = {"effect": "weakens", "share": count / known, "opportunity_id": codes[0]}
    money = None if amount is None else float(amount)
    assembly.issues.append(Issue("deals_left_out", DEALS, None, "status", count, money, values, codes))
    if has_status:
        assembly.connection.execute(f"""
            insert into {CHANGES}
            select '{SNAPSHOT}' || strftime(list_after, '%Y%m%d%H%M%S%f') || ':' || opportunity_id || ':status',
                opportunity_id, list_after, 'status', status, null from ({gone}) where status is not null""")
        assembly.connection.execute(
            f"update states set status = null where (_export, _record) in (select (_export, _record) from ({gone}))"
        )


def _tell(assembly: Assembly) -> None:
    """Say that changes were found between lists, and which lists."""
    row = assembly.fetch(
        "select count(distinct snapshot), min(snapshot)::date, max(snapshot)::date from states where is_list"
    )[0]
    if row[0] < 2:
        return
    (changes,) = assembly.fetch(f"select count(*) from {CHANGES} where starts_with(event_id, '{SNAPSHOT}')")[0]
    values = {"effect": "weakens", "lists": row[0], "day": row[1].isoformat(), "last_date": row[2].isoformat()}
    assembly.issues.append(Issue("history_rebuilt", DEALS, None, None, changes, None, values))


def _keep_last(assembly: Assembly) -> None:
    """Leave the last state of each deal; a column that its export lacks keeps what was known before."""
    everywhere = set(range(len(assembly.exports)))
    chosen = []
    for column in assembly.columns:
        if column in assembly.table.key or assembly.gives.get(column, everywhere) >= everywhere:
            chosen.append(column)
        else:
            known = f"arg_max_null({column}, step) filter ({_given(assembly, column)}) over w"
            chosen.append(f"{known} as {column}")
    whole = f"select _export, _record, back, {', '.join(chosen)} from states"
    whole += " window w as (partition by opportunity_id)" if " over w" in whole else ""
    assembly.set_aside("(_export, _record) in (select (_export, _record) from states where back > 1)", EARLIER)
    assembly.replace_rows(f"select * exclude (back) from ({whole}) where back = 1")


def write(connection: Any, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the changes found as the table of changes; returns the file and its columns."""
    path = folder / f"{LOG}.parquet"
    columns = TABLES[LOG].column_names
    connection.execute(
        f"copy (select {', '.join(columns)} from {CHANGES} order by event_id) to {quoted(path)} ({PARQUET})"
    )
    return path, columns
