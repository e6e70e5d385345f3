"""From text columns to standard columns: what each value means, decided on the whole column.

Numbers are read by expressions (:mod:`.figures`); dates (:mod:`.days`), closed lists and flags by small dictionary
tables joined on the text. One pass of cheap counts tells which columns need a closer look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from salespilot.client import ClientError
from salespilot.intake import days, numbers
from salespilot.intake.expressions import Computed, ExpressionError, compute
from salespilot.intake.figures import COUNTS, Figures
from salespilot.intake.plan import UNKNOWN, Plan, Reading, Scope
from salespilot.intake.words import choice, flag, in_list, is_empty, named, normal, quoted
from salespilot.tables import Column

NUMERIC = ("money", "share", "number", "integer")
DAYS = ("date", "timestamp")
NOTHING = ("NULL", "null", "NaN", "nan", "#N/A", "\\N", "<NA>")  # what programs write where a code is missing
TRIMMED = " \t\r\n\u00a0\u202f\u2009\u200b\ufeff"
HEAD = 1000  # rows that show whether a code may be a number at all
FEW = 24  # values of a closed list that a CASE tells apart faster than a join
ODD_BLANK = "[\t\r\n\u00a0\u202f\u2009\u200b\ufeff]"

Texts = dict[str, tuple[str, frozenset[int], str]]  # SQL of the text, the files that give it, the header


def read(scope: Scope, columns: Mapping[str, str]) -> Reading:
    """Plans for standard column -> header or expression. Raises ClientError on a header that no file has."""
    typist = _Typist(scope)
    texts, computed = typist.resolve(columns)
    typist.count({name: text for name, (text, _, h) in texts.items() if h not in scope.relation.numeric})
    for name, (_, _, header) in texts.items():
        if header in scope.relation.numeric:
            typist.figures.know(name, scope.relation.numeric[header])
    plans: list[Plan | None] = []
    dated = []
    for name, (text, given, header) in texts.items():
        column, written = scope.table[name], columns[name]
        if header in scope.relation.numeric:
            plans.append(_native(scope, column, written, header, given))
        elif column.type in DAYS:
            dated.append(days.Dated(column, written, header, text, given))
        elif column.type in NUMERIC:
            plans.append(typist.figures.plan(column, written, text, given))
        elif column.choices or column.type == "flag":
            plans.append(typist.listed(column, written, header, text, given))
        else:
            plans.append(typist.words(column, written, text, given))
    plans += days.plans(scope, dated, typist.timed)
    plans += [typist.figures.computed(scope.table[name], columns[name], made) for name, made in computed.items()]
    order = {name: place for place, name in enumerate(scope.table.column_names)}
    kept = scope.recounted([plan for plan in plans if plan is not None])
    return Reading(tuple(sorted(kept, key=lambda plan: order[plan.column.name])), tuple(scope.issues))


def _native(scope: Scope, column: Column, written: str, header: str, given: frozenset[int]) -> Plan:
    """A column that the reader has turned into numbers."""
    cell = f"r.{named(header)}"
    typed = f"cast({cell} as {column.sql_type})"
    return Plan(
        column, written, typed, scope.relation.cell(header), f"({cell} is null)", "false", "", 0, UNKNOWN, given
    )


class _Typist:
    """Decides, column by column, how the text of one relation is read."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.figures = Figures(scope)
        self.blank: dict[str, int] = {}
        self.nothing: dict[str, int] = {}
        self.whole: dict[str, int] = {}
        self.timed: dict[str, int] = {}

    # ---- where the text of a column comes from ----

    def resolve(self, columns: Mapping[str, str]) -> tuple[Texts, dict[str, Computed]]:
        """SQL of the text of each column and the files that give it; apart, the numbers that are computed."""
        texts: Texts = {}
        computed: dict[str, Computed] = {}
        for name, written in columns.items():
            column = self.scope.table[name]
            header = self.scope.relation.find(written)
            if header is None:
                made = self._expression(column, written)
                self.count_inputs(made)
                if column.type in NUMERIC:
                    computed[name] = made
                    continue
                text, given = f"coalesce(cast({self.figures.fill(made)} as varchar), '')", self.scope.everywhere
            else:
                text, given = f"r.{named(header)}", self.scope.relation.given[header]
                self._tell_absent(column, header, given)
            texts[name] = (self._translated(column, text), given, header or "")
        return texts, computed

    def _translated(self, column: Column, text: str) -> str:
        translation = self.scope.source.values.get(column.name, {})
        if not translation or column.choices or column.type == "flag":
            return text
        cases = " ".join(f"when {quoted(k)} then {quoted(v)}" for k, v in translation.items())
        return f"case trim({text}) {cases} else {text} end"

    def _tell_absent(self, column: Column, header: str, given: frozenset[int]) -> None:
        absent = [self.scope.relation.exports[n].name for n in sorted(self.scope.everywhere - given)]
        if absent:
            values = {"effect": "weakens", "header": header, "files": ", ".join(absent)}
            self.scope.issue("header_absent", column, len(absent), values, absent)

    def _expression(self, column: Column, written: str) -> Computed:
        relation = self.scope.relation
        try:
            return compute(self.scope.connection, written, relation.find, column.type in NUMERIC, relation.suggest)
        except ExpressionError as error:
            message = str(error)
            if message.startswith("not a SQL"):
                message = f"no such header, and {message}; {relation.suggest(written)}"
            raise ClientError(f"{self.scope.place} columns {column.name} = {written!r}: {message}") from error

    # ---- counting ----

    def count_inputs(self, made: Computed) -> None:
        """Look at the headers that an expression uses as numbers."""
        self._count({h: f"r.{named(h)}" for h in made.as_numbers if h not in self.figures.votes}, {})

    def count(self, texts: Mapping[str, str]) -> None:
        """One pass over the text: what is enough to decide most columns."""
        numeric = {name: text for name, text in texts.items() if self.scope.table[name].type in NUMERIC}
        self._count(numeric, {name: text for name, text in texts.items() if name not in numeric})

    def _count(self, numeric: Mapping[str, str], others: Mapping[str, str]) -> None:
        parts = [numbers.counts(text) for text in numeric.values()]
        for name, text in others.items():
            column = self.scope.table[name]
            plain = column.type in ("id", "text") and not column.choices
            parts.append(f"count(*) filter ({text} < '!' or ends_with({text}, ' '))")  # empty, or blanks at an end
            parts.append(f"count(*) filter ({in_list(text, NOTHING)})" if plain else "0")
            whole = column.type == "id" and self._are_whole(text, f"(from {self.scope.view} limit {HEAD})")
            parts.append(f"count(*) filter (ends_with({text}, '.0') or ends_with({text}, ',0'))" if whole else "0")
            parts.append(f"count(*) filter (contains({text}, ':'))" if column.type == "date" else "0")
        if not parts:
            return
        group, tail = ("r._file", " group by r._file") if self.scope.has_many_files else ("0", "")
        rows = self.scope.fetch(f"select {group}, count(*), {', '.join(parts)} from {self.scope.view} r{tail}")
        for file, count, *cells in rows:
            values = iter(cells)
            for name in numeric:
                self.figures.hear(name, file, count, [next(values) for _ in range(COUNTS)])
            for name in others:
                for counter in (self.blank, self.nothing, self.whole, self.timed):
                    counter[name] = counter.get(name, 0) + next(values)
        for name, text in numeric.items():
            self.figures.look(name, text, [row[0] for row in rows])

    # ---- words ----

    def words(self, column: Column, written: str, text: str, given: frozenset[int]) -> Plan:
        """A code or free text: trimmed, NFC; whole numbers written 17850.0 lose their decimals where all are whole."""
        exports = self.scope.relation.exports
        odd = any(export.odd_blanks for export in exports)
        composed = text if all(export.composed for export in exports) else f"nfc_normalize({text})"
        typed = f"nullif(trim({composed}), '')" if self.blank.get(column.name) else composed
        if odd:
            every = f"trim({composed}, {quoted(TRIMMED)})"
            typed = f"nullif(case when regexp_matches({text}, {quoted(ODD_BLANK)}) then {every}"
            typed += f" else trim({composed}) end, '')"
        if self.whole.get(column.name) and self._are_whole(text, self.scope.view):
            typed = f"regexp_replace({typed}, '[.,]0+$', '')"
        nothing = self.nothing.get(column.name)
        if nothing:
            typed = f"case when not {in_list(text, NOTHING)} then {typed} end"
        unsure = UNKNOWN if odd or nothing or self.blank.get(column.name) else 0
        return Plan(column, written, typed, text, f"({typed}) is null", "false", "", 0, unsure, given)

    def _are_whole(self, text: str, rows: str) -> bool:
        odd = self.scope.fetch(
            f"select 1 from {rows} r where trim({text}) <> '' and not {in_list(text, NOTHING)}"
            f" and not regexp_full_match(trim({text}), '[0-9]+([.,]0+)?') limit 1"
        )
        return not odd

    def listed(self, column: Column, written: str, header: str, text: str, given: frozenset[int]) -> Plan:
        """A closed list or a flag: every distinct value is looked up once."""
        rows = self.scope.fetch(f"select {text}, count(*) from {self.scope.view} r group by all order by all")
        meanings: dict[str, str | None] = {}
        unread, empty = 0, 0
        unknown: dict[str, int] = {}
        for value, count in rows:
            meant = self._meaning(column, value)
            if meant == "" or (meant is None and is_empty(value)):
                empty += count
                continue
            meanings[value] = meant
            if meant is None:
                unread += count
                if normal(value) != normal(header):  # else a header repeated among the rows
                    unknown[value] = count
        if unknown:
            self._tell_unknown(column, unknown)
        join = ""
        if len(meanings) <= FEW:
            cases = " ".join(f"when {quoted(k)} then {quoted(v)}" for k, v in meanings.items() if v is not None)
            typed = f"case {text} {cases} end" if cases else "cast(null as varchar)"
            is_empty_sql = f"({text} not in ({', '.join(map(quoted, meanings))}))" if meanings else "true"
            strange = [value for value, meant in meanings.items() if meant is None]
            is_unread = in_list(text, strange) if strange else "false"
        else:
            alias = self.scope.dictionary(list(meanings), list(meanings.values()), pa.string())
            typed, is_empty_sql = f"{alias}.meaning", f"{alias}.written is null"
            is_unread = f"({alias}.written is not null and {alias}.meaning is null)"
            join = f"left join {alias} on {alias}.written = {text}"
        if column.type == "flag":
            typed = f"cast({typed} as boolean)"
        return Plan(column, written, typed, text, is_empty_sql, is_unread, join, unread, empty, given)

    def _tell_unknown(self, column: Column, unknown: Mapping[str, int]) -> None:
        examples = sorted(unknown, key=lambda value: (-unknown[value], value))
        values: dict[str, Any] = {
            "effect": "weakens",
            "value": examples[0],
            "distinct": len(unknown),
            "choices": ", ".join(column.choices or ("true", "false")),
            "remedy": f'[source.values.{column.name}] "{examples[0]}" = "..."',
        }
        self.scope.issue("unknown_values", column, sum(unknown.values()), values, examples)

    def _meaning(self, column: Column, value: str) -> str | None:
        translation = self.scope.source.values.get(column.name, {})
        if column.type == "flag":
            known = {normal(written): meant for written, meant in translation.items()}
            meant = known.get(normal(value), value)
            return flag(meant) if meant else ""
        return choice(value, self.scope.table.name, column, translation)
