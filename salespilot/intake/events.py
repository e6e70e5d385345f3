"""Logs of changes of deals: what a value means depends on the field that changed.

Amounts, dates, statuses and categories stand in one column of text, as the client's system writes them. Here each is
judged with the values of its own field, and written in one way: 1234.50, 2026-06-30, won, best_case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from salespilot.client import Source
from salespilot.intake import dates, numbers
from salespilot.intake.assemble import Assembly, Part
from salespilot.intake.conserve import REJECTED
from salespilot.intake.model import Issue, Reject
from salespilot.intake.plan import SHOWN
from salespilot.intake.rejects import MOST
from salespilot.intake.relation import Relation
from salespilot.intake.words import choice, is_empty
from salespilot.tables import TABLES

LOG, DEALS = "opportunity_events", "opportunities"
OTHER = "other_field"
COLUMNS = {
    "stage": "stage_code",
    "amount": "amount",
    "close_date": "expected_close_date",
    "category": "forecast_category",
    "owner": "rep_id",
    "status": "status",
}
"""Field of a change -> column of a deal."""


def followed(source: Source, relation: Relation, connection: Any) -> Source:
    """The source of a log with the fields that no report follows (next step, description ...) read as nothing."""
    header = relation.find(source.columns.get("field", "")) if source.table == LOG else None
    if header is None:
        return source
    rows = connection.execute(f"select distinct {relation.cell(header)} from {relation.view} r").fetchall()
    column, told = TABLES[LOG]["field"], source.values.get("field", {})
    meant = {value: choice(value, LOG, column, told) for (value,) in rows}
    if not any(meant.values()):
        return source
    others = {value: "" for value, meaning in meant.items() if meaning is None and not is_empty(value)}
    return replace(source, values={**source.values, "field": {**told, **others}})


def settle(assembly: Assembly, sources: Sequence[Source]) -> None:
    """Write the values of a log in one way, field by field; set aside changes of other fields, reject what is unread.

    Words for statuses and categories are those that the client's deals use. A value before the change that cannot be
    read is left out; one after it costs the row.
    """
    if assembly.table.name != LOG or not {"field", "new_value"} <= set(assembly.columns):
        return
    _leave_others(assembly)
    translations = [source.values for source in sources if source.table == DEALS]
    meanings: list[tuple[int, str, str, str | None]] = []
    for number, part in enumerate(assembly.parts):
        for field in COLUMNS:
            found = _values(assembly, part, field)
            read = _read(assembly, part, field, found, translations) if found else {}
            meanings += [(number, field, value, meaning) for value, meaning in read.items() if meaning != value]
    if meanings:
        _replace(assembly, meanings)
    if not assembly.has_own_key:
        width = len(str(max(export.records for export in assembly.exports)))
        padded = f"lpad(cast(_record as varchar), {width}, '0')"  # ids in the order of the file, where moments tie
        assembly.hold()
        assembly.connection.execute(
            f"update {assembly.rows} set event_id = regexp_replace(event_id, '[0-9]+$', '') || {padded}"
            " where ends_with(event_id, ':' || _record)"
        )


def _leave_others(assembly: Assembly) -> None:
    count, _ = assembly.set_aside("field is null", OTHER)
    if count:
        values = {"effect": "informs"}
        assembly.issues.append(Issue("other_fields", LOG, None, "field", count, None, values))


def _exports(assembly: Assembly, part: Part) -> str:
    numbers_of = [str(n) for n, other in enumerate(assembly.part_of_export()) if other is part]
    return f"_export in ({', '.join(numbers_of)})"


def _sides(assembly: Assembly) -> tuple[str, ...]:
    return tuple(c for c in ("new_value", "old_value") if c in assembly.columns)


def _values(assembly: Assembly, part: Part, field: str) -> list[tuple[str, int]]:
    """The distinct values of a field in one source, with how often each is there."""
    where = f"field = '{field}' and {_exports(assembly, part)}"
    union = " union all ".join(
        f"select {side} as value from {assembly.rows} where {where} and {side} is not null" for side in _sides(assembly)
    )
    return assembly.fetch(f"select value, count(*) from ({union}) group by 1 order by 2 desc, 1")


def _read(
    assembly: Assembly,
    part: Part,
    field: str,
    found: Sequence[tuple[str, int]],
    translations: Sequence[Mapping[str, Mapping[str, str]]],
) -> dict[str, str | None]:
    """What each value of a field means; None where it cannot be read."""
    told: dict[str, str] = {}
    for values in translations:
        told |= values.get(COLUMNS[field], {})
    if field == "amount":
        return _amounts(assembly, part, found)
    if field == "close_date":
        return _days(assembly, part, found)
    column = TABLES[DEALS][COLUMNS[field]]
    if not column.choices:
        return {value: told.get(value, value) for value, _ in found}
    meant = {value: choice(value, DEALS, column, told) for value, _ in found}
    unknown = {value: count for value, count in found if meant[value] is None}
    if unknown:
        first = next(iter(unknown))
        remedy = f'[source.values.new_value] "{first}" = "..."'
        shown = {"value": first, "distinct": len(unknown), "choices": ", ".join(column.choices), "remedy": remedy}
        _note(assembly, "unknown_values", sum(unknown.values()), shown, list(unknown))
    return meant


def _amounts(assembly: Assembly, part: Part, found: Sequence[tuple[str, int]]) -> dict[str, str | None]:
    votes = numbers.weigh((numbers.shape_of(value), count, value) for value, count in found)
    mark = votes.decimal() or part.source.hints.get("decimal")  # a log may hold numbers as a machine writes them
    if mark is None:
        example = votes.examples()[0]
        read = numbers.readings(example)
        values = {"value": example, "first": read.get(",", ""), "second": read.get(".", "")}
        values |= {"remedy": '[[source]] decimal = ","', "other_remedy": '[[source]] decimal = "."'}
        _note(assembly, "ambiguous_numbers", sum(count for _, count in found), values, votes.examples())
        return {value: None for value, _ in found}
    marks = ",." if mark == "mixed" else str(mark)
    read_as = {value: [numbers.parse(value, one) for one in marks] for value, _ in found}
    return {v: next((f"{number:f}" for number in tried if number is not None), None) for v, tried in read_as.items()}


def _days(assembly: Assembly, part: Part, found: Sequence[tuple[str, int]]) -> dict[str, str | None]:
    told = part.source.formats.get("new_value") or part.source.hints.get("date_order")
    votes = dates.weigh(found, "close_date", str(told) if told else None)
    order = str(told) if told in dates.ORDERS else dates.order([votes])
    if order is None:
        doubtful = votes.doubtful()
        values = {"value": doubtful[0].text, "dmy_proof": "", "mdy_proof": ""}
        values |= {"first": doubtful[0].days["dmy"].isoformat(), "second": doubtful[0].days["mdy"].isoformat()}
        values |= {"remedy": '[source.formats] new_value = "dmy"', "other_remedy": '[source.formats] new_value = "mdy"'}
        _note(assembly, "ambiguous_dates", len(doubtful), values, [value.text for value in doubtful])
        return {value: None for value, _ in found}
    days = {value.text: dates.settled(value, order) for value in votes.values}
    return {text: day.isoformat() if (day := days.get(text)) else None for text, _ in found}


def _note(assembly: Assembly, code: str, count: int, values: Mapping[str, Any], examples: Sequence[str]) -> None:
    told = {"effect": "weakens", **values}
    assembly.issues.append(Issue(code, LOG, None, "new_value", count, None, told, tuple(examples[:SHOWN])))


def _replace(assembly: Assembly, meanings: Sequence[tuple[int, str, str, str | None]]) -> None:
    """Put the meanings in the place of the values; reject the rows whose new value has none."""
    part, field, written, meaning = (list(column) for column in zip(*meanings, strict=True))
    arrays = {"part": pa.array(part, pa.int16()), "field": field, "written": written}
    assembly.connection.register("given_words", pa.table({**arrays, "meaning": pa.array(meaning, pa.string())}))
    assembly.connection.execute("create or replace temp table event_words as select * from given_words")
    assembly.connection.unregister("given_words")
    numbers_of = {id(one): number for number, one in enumerate(assembly.parts)}
    listed = ", ".join(str(numbers_of[id(one)]) for one in assembly.part_of_export())
    part_of = f"[{listed}][_export + 1]"
    lost = f"({part_of}, field, new_value) in (select (part, field, written) from event_words where meaning is null)"
    _reject(assembly, lost)
    chosen, joins = [], ""
    for side in _sides(assembly):
        chosen.append(f"case when {side}_.written is null then e.{side} else {side}_.meaning end as {side}")
        joins += (
            f" left join event_words {side}_ on {side}_.part = {part_of} and {side}_.field = e.field"
            f" and {side}_.written = e.{side}"
        )
    assembly.replace_rows(f"select e.* replace ({', '.join(chosen)}) from {assembly.rows} e{joins}")


def _reject(assembly: Assembly, lost: str) -> None:
    """Set aside as rejected, and list, the rows whose new value cannot be read."""
    rows = assembly.fetch(
        f"select _export, _record, new_value from {assembly.rows} where {lost} order by all limit {MOST}"
    )
    if not rows:
        return
    lines = assembly.lines((row[0], row[1]) for row in rows)
    header = next((p.source for part in assembly.parts for p in part.reading.plans if p.column.name == "new_value"), "")
    for export, record, value in rows:
        name = assembly.exports[export].name
        assembly.listed.append(Reject(LOG, name, lines[export, record], header, value, "unreadable"))
    count, _ = assembly.set_aside(lost, REJECTED)
    first = rows[0]
    values = {"effect": "weakens", "line": lines[first[0], first[1]], "value": first[2], "header": header}
    examples = tuple(dict.fromkeys(row[2] for row in rows))[:SHOWN]
    file = assembly.exports[first[0]].name
    assembly.issues.append(Issue("unreadable_values", LOG, file, "new_value", count, None, values, examples))
