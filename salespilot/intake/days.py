"""Columns of dates: the order of day and month decided on the whole column, and the dictionary that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from salespilot.intake import dates
from salespilot.intake.dates import ORDERS, Votes
from salespilot.intake.plan import Plan, Scope
from salespilot.intake.words import normal
from salespilot.tables import Column

EARLIEST = date(1990, 1, 1)
WITHOUT_TIME = "'[ T]+[0-9]{1,2}[:h][0-9]{2}.*$'"


@dataclass(frozen=True)
class Dated:
    """One date column: its source as the client wrote it, the header ("" for an expression), the SQL of its text."""

    column: Column
    source: str
    header: str
    text: str
    given: frozenset[int]


@dataclass
class _Looked:
    """One date column, looked at: ``key`` is the SQL of what its dictionary is joined on."""

    dated: Dated
    key: str
    told: str | None
    votes: dict[int, Votes]
    rows: int

    @property
    def column(self) -> Column:
        return self.dated.column

    def order(self) -> dict[int, str | None]:
        """The order of each file; None where it could be either."""
        if self.told:
            return dict.fromkeys(self.votes, self.told if self.told in ORDERS else "")
        whole = dates.order(self.votes.values())
        if whole is not None:
            return dict.fromkeys(self.votes, whole)
        return {file: dates.order([vote]) for file, vote in self.votes.items()}


def plans(scope: Scope, columns: Sequence[Dated], timed: Mapping[str, int]) -> list[Plan]:
    """The plans of columns of dates; ``timed``: how many values carry a time, by column.

    A column that does not prove its order takes that of its neighbours, told as an issue; refused where there is none.
    """
    looked = [_look(scope, entry, bool(timed.get(entry.column.name))) for entry in columns]
    orders = {column.column.name: column.order() for column in looked}
    proven = {order for by_file in orders.values() for order in by_file.values() if order in ("dmy", "mdy")}
    made = []
    for column in looked:
        by_file = orders[column.column.name]
        if None in by_file.values():
            conflicting = any(sum(1 for n in vote.proofs().values() if n) > 1 for vote in column.votes.values())
            if len(proven) != 1 or conflicting:
                _refuse(scope, column)
                continue
            order = next(iter(proven))
            doubtful = [value for vote in column.votes.values() for value in vote.doubtful()]
            values = {"effect": "informs", "order": order, "value": doubtful[0].text}
            count = sum(value.count for value in doubtful)
            scope.issue("order_from_neighbour", column.column, count, values, [v.text for v in doubtful])
            by_file = {file: found if found is not None else order for file, found in by_file.items()}
        made.append(_plan(scope, column, by_file))
    return made


def _look(scope: Scope, dated: Dated, timed: bool) -> _Looked:
    column, text = dated.column, dated.text
    told = scope.source.formats.get(column.name) or str(scope.source.hints.get("date_order") or "") or None
    key = text
    if column.type == "date" and timed and not (told and "%" in told):
        key = f"regexp_replace({text}, {WITHOUT_TIME}, '')"  # many instants, few days
    rows = scope.fetch(f"select r._file, {key}, count(*) from {scope.view} r group by all order by all")
    by_file: dict[int, list[tuple[str, int]]] = {}
    for file, value, count in rows:
        if normal(value) != normal(dated.header):  # a header repeated among the rows
            by_file.setdefault(file, []).append((value, count))
    votes = {file: dates.weigh(values, column.name, told) for file, values in by_file.items()}
    return _Looked(dated, key, told, votes, sum(row[2] for row in rows))


def _refuse(scope: Scope, looked: _Looked) -> None:
    doubtful = [value for vote in looked.votes.values() for value in vote.doubtful()]
    proofs = {"dmy": "", "mdy": ""}
    for vote in looked.votes.values():
        for value in vote.values:
            if value.settles and not proofs[value.settles]:
                proofs[value.settles] = value.text
    example = doubtful[0] if doubtful else None
    name = looked.column.name
    values: dict[str, Any] = {
        "value": example.text if example else proofs["dmy"],
        "first": example.days["dmy"].isoformat() if example else "",
        "second": example.days["mdy"].isoformat() if example else "",
        "dmy_proof": proofs["dmy"],
        "mdy_proof": proofs["mdy"],
        "remedy": f'[source.formats] {name} = "dmy"',
        "other_remedy": f'[source.formats] {name} = "mdy"',
    }
    code = "conflicting_dates" if all(proofs.values()) else "ambiguous_dates"
    count = sum(value.count for vote in looked.votes.values() for value in vote.values)
    scope.refuse(code, looked.column, count, values, [value.text for value in doubtful] or list(proofs.values()))


def _plan(scope: Scope, looked: _Looked, by_file: Mapping[int, str | None]) -> Plan:
    column = looked.column
    may_be_old = column.name in scope.table.exempt
    files, texts, days, absurd = [], [], [], set()
    unread = filled = 0
    for file, vote in looked.votes.items():
        for value in vote.values:
            day = dates.settled(value, by_file[file] or "")
            if day and day < EARLIEST and not may_be_old:
                absurd.add(value.text)
                day = None
            filled += value.count
            unread += value.count if day is None else 0
            files.append(file)
            texts.append(value.text)
            days.append(dates.moment(value, day) if day and column.type == "timestamp" else day)
    kind = pa.timestamp("us") if column.type == "timestamp" else pa.date32()
    alias = scope.dictionary(texts, days, kind, files)
    join = f"left join {alias} on {alias}.written = {looked.key}"
    if scope.has_many_files:
        join += f" and {alias}.file = r._file"
    is_unread = f"({alias}.written is not null and {alias}.meaning is null)"
    return Plan(
        column=column,
        source=looked.dated.source,
        typed=f"{alias}.meaning",
        text=looked.dated.text,
        is_empty=f"{alias}.written is null",
        is_unread=is_unread,
        join=join,
        unread=unread,
        empty=looked.rows - filled,
        given=looked.dated.given,
        absurd=frozenset(absurd),
    )
