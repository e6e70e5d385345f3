"""From text columns to standard columns: what each value means, decided on the whole column.

A :class:`Plan` is the decision for one standard column: SQL for the typed value, for the text it came from, and for
whether a value is there that cannot be read. Numbers are read by expressions (:mod:`.numbers`); dates, closed lists
and flags by small dictionary tables made here, joined on the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from salespilot.client import ClientError, Source
from salespilot.intake import dates, numbers
from salespilot.intake.expressions import Computed, ExpressionError, compute
from salespilot.intake.model import Issue
from salespilot.intake.relation import Relation
from salespilot.intake.words import choice, flag, in_list, is_empty, named, normal, quoted
from salespilot.tables import Column, Table

NUMERIC = ("money", "share", "number", "integer")
NOTHING = ("NULL", "null", "NaN", "nan", "#N/A", "\\N", "<NA>")  # what programs write where a code is missing
TRIMMED = " \t\r\n\u00a0\u202f\u2009\u200b\ufeff"
ODD_BLANK = "[\t\r\n\u00a0\u202f\u2009\u200b\ufeff]"
COMPUTED_TYPE = "DECIMAL(18,6)"
PERCENT_ABOVE = 1.5
MANY = 5
MARKS = {",": ",", ".": ".", "comma": ",", "point": "."}


@dataclass(frozen=True)
class Plan:
    """How one standard column is read. ``r`` is the relation in all SQL; ``join`` adds the dictionary it needs.

    ``unread``   rows that hold something unreadable; ``is_unread`` the SQL that tells them.
    ``empty``    rows that hold nothing.
    ``given``    positions of the files that have the column.
    """

    column: Column
    source: str
    typed: str
    text: str
    is_empty: str
    is_unread: str
    join: str = ""
    unread: int = 0
    empty: int = 0
    given: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Reading:
    """The plans of one source, what was found on the way, and the columns that could be read in two ways."""

    plans: tuple[Plan, ...]
    issues: tuple[Issue, ...]
    refused: tuple[str, ...]


class Typist:
    """Decides, column by column, how the text of one relation is read."""

    def __init__(self, connection: Any, table: Table, source: Source, relation: Relation, place: str) -> None:
        self.connection, self.table, self.source, self.relation, self.place = connection, table, source, relation, place
        self.issues: list[Issue] = []
        self.refused: list[str] = []
        self.many = len(relation.exports) > 1
        self.number_votes: dict[str, dict[int, numbers.Votes]] = {}
        self.stats: dict[str, list[int]] = {}
        self.tables = 0

    def read(self, columns: Mapping[str, str]) -> Reading:
        """Plans for standard column -> header or expression."""
        texts: dict[str, tuple[str, frozenset[int]]] = {}
        computed: dict[str, Computed] = {}
        for name, written in columns.items():
            self._resolve(self.table[name], written, texts, computed)
        wanted = {name: text for name, (text, _) in texts.items()}
        inputs = {h: f"r.{named(h)}" for c in computed.values() for h in c.as_numbers}
        self._count(wanted, inputs)
        plans = []
        late = []  # dates wait for each other: one that proves its order may settle its neighbours
        for name, (text, given) in texts.items():
            column = self.table[name]
            if column.type in ("date", "timestamp"):
                late.append((column, text, given))
            elif column.type in NUMERIC:
                plans.append(self._number(column, columns[name], text, given))
            elif column.choices or column.type == "flag":
                plans.append(self._listed(column, columns[name], text, given))
            else:
                plans.append(self._words(column, columns[name], text, given))
        plans += self._dates(late, columns)
        plans += [self._computed(self.table[name], columns[name], made) for name, made in computed.items()]
        kept = [plan for plan in plans if plan is not None]
        order = {name: place for place, name in enumerate(self.table.column_names)}
        kept = sorted(self._recount(kept), key=lambda plan: order[plan.column.name])
        return Reading(tuple(kept), tuple(self.issues), tuple(self.refused))

    # ---- where the text of a column comes from ----

    def _resolve(self, column: Column, written: str, texts: dict[str, Any], computed: dict[str, Computed]) -> None:
        header = self.relation.find(written)
        everywhere = frozenset(range(len(self.relation.exports)))
        if header is not None:
            text, given = f"r.{named(header)}", self.relation.given[header]
            if given != everywhere:
                missing = [self.relation.exports[n].name for n in sorted(everywhere - given)]
                self._issue("header_absent", column, len(missing), {"header": header}, missing)
        else:
            made = self._expression(column, written)
            if column.type in NUMERIC:
                computed[column.name] = made
                return
            prepared = self._with_numbers(made)
            text = f"coalesce(cast({prepared} as varchar), '')"
            given = everywhere
        translation = self.source.values.get(column.name, {})
        if translation and not column.choices and column.type != "flag":
            cases = " ".join(f"when {quoted(k)} then {quoted(v)}" for k, v in translation.items())
            text = f"case trim({text}) {cases} else {text} end"
        texts[column.name] = (text, given)

    def _expression(self, column: Column, written: str) -> Computed:
        try:
            return compute(self.connection, written, self.relation.find, column.type in NUMERIC, self.relation.suggest)
        except ExpressionError as error:
            message = str(error)
            if normal(written).replace(" ", "").isalnum() and message.startswith("not a SQL"):
                message = f"no header {written!r}; {self.relation.suggest(written)}"
            raise ClientError(f"{self.place} columns {column.name}: {written!r}: {message}") from error

    def _with_numbers(self, made: Computed, sql_type: str = COMPUTED_TYPE) -> str:
        """SQL of a computed column over ``r``, its numbers read as the whole columns of their headers are."""
        unseen = {h: f"r.{named(h)}" for h in made.as_numbers if h not in self.number_votes}
        self._count({}, unseen)
        return made.filled(
            lambda header: self._typed_number(header, f"r.{named(header)}", sql_type), lambda h: f"r.{named(h)}"
        )

    # ---- counting ----

    def _count(self, texts: Mapping[str, str], inputs: Mapping[str, str]) -> None:
        """One pass over the text: what is enough to decide most columns."""
        numeric = {n: t for n, t in texts.items() if self.table[n].type in NUMERIC} | dict(inputs)
        others = {n: t for n, t in texts.items() if n not in numeric}
        parts = [numbers.counts(text) for text in numeric.values()]
        for name, text in others.items():
            parts.append(f"count(*) filter ({text} < '!')")  # empty, or begins with a blank
            plain = self.table[name].type in ("id", "text") and not self.table[name].choices
            parts.append(f"count(*) filter ({in_list(text, NOTHING)})" if plain else "0")
            whole = f"ends_with({text}, '0') and substr({text}, -2, 1) in ('.', ',')"
            parts.append(f"count(*) filter ({whole})" if self.table[name].type == "id" else "0")
            timed = self.table[name].type == "date"
            parts.append(f"count(*) filter (contains({text}, ':'))" if timed else "0")
        if not parts:
            return
        group = "r._file" if self.many else "0::smallint"
        tail = " group by r._file" if self.many else ""
        rows = self._fetch(f"select {group}, count(*), {', '.join(parts)} from {self.relation.view} r{tail}")
        self.stats |= {name: [0, 0, 0, 0] for name in others}
        for row in rows:
            cells = iter(row[2:])
            for name in numeric:
                found = [next(cells) for _ in range(6)]
                votes = numbers.quick(row[1], *found)
                by_file = self.number_votes.setdefault(name, {})
                if votes is not None:
                    by_file[row[0]] = votes
            for name in others:
                self.stats[name] = [a + next(cells) for a in self.stats[name]]
        for name, text in numeric.items():
            files = [row[0] for row in rows if row[0] not in self.number_votes[name]]
            if files:
                self._look_at_shapes(name, text, files)

    def _look_at_shapes(self, name: str, text: str, files: Sequence[int]) -> None:
        within = f"and r._file in ({', '.join(map(str, files))})" if self.many else ""
        rows = self._fetch(
            f"select r._file, {numbers.shape(text)} as shape, count(*), min({text}) from {self.relation.view} r"
            f" where {numbers.is_present(text)} {within} group by all order by all"
        )
        for file in files:
            shapes = [tuple(row[1:]) for row in rows if row[0] == file]
            self.number_votes[name][file] = numbers.weigh(shapes)
            self.number_votes[name][file].example.setdefault("", "")

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(query).fetchall())

    # ---- numbers ----

    def _number(self, column: Column, written: str, text: str, given: frozenset[int]) -> Plan | None:
        votes = numbers.Votes()
        for part in self.number_votes.get(column.name, {}).values():
            votes.add(part)
        marks = self._marks(column, votes)
        if marks is None:
            return None
        if votes.destroyed and column.name not in self.source.formats:
            effect = "blocks" if column.name == self.table.money_column else "weakens"
            self._issue("decimals_destroyed", column, votes.present, {"effect": effect}, _examples(votes))
            if effect == "blocks":
                self.refused.append(column.name)
        sql_type = {"money": column.sql_type, "integer": "DECIMAL(18,4)"}.get(column.type, "DOUBLE")
        typed = self._by_file(column.name, text, sql_type, marks)
        if column.type == "integer":
            typed = f"case when {typed} = floor({typed}) then cast({typed} as bigint) end"
        if column.type == "share":
            typed = self._share(column, text, typed, votes)
        doubtful = bool(votes.unread or votes.example or column.type == "integer")
        present = numbers.is_present(text)
        unread = f"({present} and ({typed}) is null)" if doubtful else "false"
        empty = f"not {present}" if votes.example else f"{text} = ''"
        return Plan(column, written, typed, text, empty, unread, "", -1 if doubtful else 0, -1, given)

    def _marks(self, column: Column, votes: numbers.Votes) -> dict[int, str] | None:
        """The decimal mark of each file; None when the column is refused."""
        by_file = self.number_votes.get(column.name, {})
        told = MARKS.get(self.source.formats.get(column.name, "")) or self.source.hints.get("decimal")
        if told:
            return dict.fromkeys(by_file, str(told))
        whole = votes.decimal()
        if whole == "mixed" and len(by_file) > 1 and all(v.decimal() not in (None, "mixed") for v in by_file.values()):
            return {file: str(v.decimal()) for file, v in by_file.items()}
        if whole == "mixed":
            self._issue("mixed_decimals", column, votes.present, {"effect": "informs"}, _examples(votes))
        if whole is not None:
            return dict.fromkeys(by_file, whole)
        if len(by_file) > 1 and all(v.decimal() for v in by_file.values()):
            return {file: str(v.decimal()) for file, v in by_file.items()}  # files written in two ways, each settled
        mark = self._neighbour(column.name, votes)
        if mark:
            example = votes.example.get(f"doubt{mark}", "")
            self._issue("decimal_from_neighbour", column, votes.doubt[mark], {"effect": "informs"}, [example])
            return dict.fromkeys(by_file, mark)
        self._refuse_number(column, votes)
        return None

    def _neighbour(self, name: str, votes: numbers.Votes) -> str | None:
        """The doubtful mark, where the other number columns of the same files prove that it is the decimal one."""
        marks = [mark for mark in ".," if votes.doubt[mark]]
        if len(marks) != 1 or any(votes.proof.values()):
            return None
        others = [v for n, files in self.number_votes.items() if n != name for v in files.values()]
        other_mark = "," if marks[0] == "." else "."
        proven = sum(v.proof[marks[0]] for v in others)
        return marks[0] if proven and not sum(v.proof[other_mark] for v in others) else None

    def _refuse_number(self, column: Column, votes: numbers.Votes) -> None:
        example = votes.example.get("doubt.") or votes.example.get("doubt,") or next(iter(_examples(votes)), "")
        found = numbers.readings(example)
        values = {
            "effect": self._weight(column),
            "value": example,
            "first": found.get(".", ""),
            "second": found.get(",", ""),
            "remedy": f'[source.formats] {column.name} = ","',
            "other_remedy": f'[source.formats] {column.name} = "."',
        }
        self._issue("ambiguous_numbers", column, votes.present, values, _examples(votes))
        self.refused.append(column.name)

    def _typed_number(self, name: str, text: str, sql_type: str) -> str:
        """The numbers of a header used in a computed column."""
        votes = numbers.Votes()
        for part in self.number_votes[name].values():
            votes.add(part)
        column = Column(name, "number")
        marks = self._marks(column, votes)
        return self._by_file(name, text, sql_type, marks) if marks else f"cast(null as {sql_type})"

    def _by_file(self, name: str, text: str, sql_type: str, marks: Mapping[int, str]) -> str:
        by_mark: dict[str, tuple[list[int], numbers.Votes]] = {}
        for file, mark in marks.items():
            files, votes = by_mark.setdefault(mark, ([], numbers.Votes()))
            files.append(file)
            votes.add(self.number_votes[name][file])
        parts = {mark: numbers.typed(text, mark, sql_type, votes) for mark, (_, votes) in by_mark.items()}
        if not parts:
            return f"cast(null as {sql_type})"
        if len(parts) == 1:
            return next(iter(parts.values()))
        cases = [f"when r._file in ({', '.join(map(str, by_mark[m][0]))}) then {sql}" for m, sql in parts.items()]
        return f"case {' '.join(cases)} end"

    def _share(self, column: Column, text: str, typed: str, votes: numbers.Votes) -> str:
        top = self._fetch(
            f"select max(case when contains({text}, '%') then 0 else {typed} end) from {self.relation.view} r"
        )[0][0]
        if top is not None and top > PERCENT_ABOVE:
            self._issue("read_as_percent", column, votes.present, {"effect": "informs", "top": float(top)}, [])
            return f"({typed}) / 100"
        if votes.percent:
            return f"case when contains({text}, '%') then ({typed}) / 100 else {typed} end"
        return typed

    def _computed(self, column: Column, written: str, made: Computed) -> Plan | None:
        everywhere = frozenset(range(len(self.relation.exports)))
        refused = len(self.refused)
        body = self._with_numbers(made)
        try:
            self.connection.execute(f"select {body} from {self.relation.view} r limit 0")
        except Exception:  # more decimals than a decimal holds: compute in floating point
            body = self._with_numbers(made, "DOUBLE")
        if len(self.refused) > refused:
            return None
        typed = f"try_cast(try({body}) as {column.sql_type})"
        sources = [f"r.{named(h)}" for h in (*made.as_numbers, *made.as_text)]
        text = f"concat_ws(' | ', {', '.join(sources)})" if sources else quoted(written)
        unreadable = [
            f"({numbers.is_present(f'r.{named(h)}')} and "
            f"({self._typed_number(h, f'r.{named(h)}', COMPUTED_TYPE)}) is null)"
            for h in made.as_numbers
            if any(v.example or v.unread for v in self.number_votes[h].values())
        ]
        unread = f"({' or '.join(unreadable)})" if unreadable else "false"
        return Plan(
            column, written, typed, text, f"({typed}) is null", unread, "", -1 if unreadable else 0, -1, everywhere
        )

    # ---- words ----

    def _words(self, column: Column, written: str, text: str, given: frozenset[int]) -> Plan:
        blank, nothing, floats, _ = self.stats[column.name]
        trimmed = f"trim(nfc_normalize({text}))"
        odd = any(export.odd_blanks for export in self.relation.exports)
        if odd:
            every = f"trim(nfc_normalize({text}), {quoted(TRIMMED)})"
            trimmed = f"case when regexp_matches({text}, {quoted(ODD_BLANK)}) then {every} else {trimmed} end"
        typed = f"nullif({trimmed}, '')"
        if column.type == "id" and floats and self._are_whole(text):
            typed = f"regexp_replace({typed}, '[.,]0+$', '')"
        if nothing:
            typed = f"case when not {in_list(text, NOTHING)} then {typed} end"
        unsure = -1 if blank or nothing or odd else 0
        return Plan(column, written, typed, text, f"({typed}) is null", "false", "", 0, unsure, given)

    def _are_whole(self, text: str) -> bool:
        """Whether all codes of a column are whole numbers, some of them written as 17850.0."""
        odd = self._fetch(
            f"select 1 from {self.relation.view} r where trim({text}) <> '' and not {in_list(text, NOTHING)}"
            f" and not regexp_full_match(trim({text}), '[0-9]+([.,]0+)?') limit 1"
        )
        return not odd

    def _listed(self, column: Column, written: str, text: str, given: frozenset[int]) -> Plan:
        """A closed list or a flag: every distinct value is looked up once."""
        translation = self.source.values.get(column.name, {})
        known = {normal(k): v for k, v in translation.items()}
        rows = self._fetch(f"select {text}, count(*) from {self.relation.view} r group by all order by all")
        made, unread, unknown = [], 0, []
        for value, count in rows:
            meant = self._meaning(column, value, translation, known)
            if meant == "" or (meant is None and is_empty(value)):
                continue
            made.append((value, meant))
            if meant is None:
                unread += count
                if normal(value) != normal(written):  # else a header repeated among the rows
                    unknown.append((value, count))
        if unknown:
            examples = [value for value, _ in sorted(unknown, key=lambda pair: -pair[1])]
            values = {
                "value": examples[0],
                "distinct": len(unknown),
                "choices": ", ".join(column.choices) or "true, false",
                "remedy": f'[source.values.{column.name}] "{examples[0]}" = "..."',
            }
            self._issue("unknown_values", column, sum(count for _, count in unknown), values, examples)
        alias = self._dictionary([v for v, _ in made], [m for _, m in made], pa.string())
        typed = f"cast({alias}.meaning as boolean)" if column.type == "flag" else f"{alias}.meaning"
        join = f"left join {alias} on {alias}.written = {text}"
        empty = sum(count for _, count in rows) - sum(count for value, count in rows if value in dict(made))
        return Plan(
            column, written, typed, text, f"{alias}.written is null",
            f"({alias}.written is not null and {alias}.meaning is null)", join, unread, empty, given,
        )  # fmt: skip

    def _meaning(
        self, column: Column, value: str, translation: Mapping[str, str], known: Mapping[str, str]
    ) -> str | None:
        if column.type == "flag":
            return flag(known.get(normal(value), value)) or ("" if known.get(normal(value)) == "" else None)
        return choice(value, self.table.name, column, translation)

    def _dictionary(self, written: Sequence[str], meaning: Sequence[Any], kind: Any, files: Sequence[int] = ()) -> str:
        """A small table to join on; returns its name."""
        self.tables += 1
        name = f"{self.relation.view}_words_{self.tables}"
        arrays = {"written": pa.array(written, pa.string()), "meaning": pa.array(meaning, kind)}
        if files:
            arrays["file"] = pa.array(files, pa.int16())
        self.connection.register("_words", pa.table(arrays))
        self.connection.execute(f"create or replace temp table {name} as select * from _words")
        self.connection.unregister("_words")
        return name

    # ---- dates ----

    def _dates(self, columns: Sequence[tuple[Column, str, frozenset[int]]], written: Mapping[str, str]) -> list[Any]:
        looked = {}
        for column, text, given in columns:
            told = self.source.formats.get(column.name) or str(self.source.hints.get("date_order") or "") or None
            key = text
            if column.type == "date" and self.stats[column.name][3] and not (told and "%" in told):
                key = f"regexp_replace({text}, '[ T]+[0-9]{{1,2}}[:h][0-9]{{2}}.*$', '')"
            rows = self._fetch(f"select r._file, {key}, count(*) from {self.relation.view} r group by all order by all")
            votes = {}
            for file in sorted({row[0] for row in rows}):
                votes[file] = dates.weigh(((v, n) for f, v, n in rows if f == file), column.name, told)
            looked[column.name] = (column, text, key, given, told, votes, rows)
        chosen = {}
        for name, (_, _, _, _, told, votes, _) in looked.items():
            order = told if told in ("dmy", "mdy", "ymd") else "" if told else dates.order(votes.values())
            by_file = dict.fromkeys(votes, order)
            if order is None:
                by_file = {file: dates.order([vote]) for file, vote in votes.items()}
            chosen[name] = by_file
        proven = {order for by_file in chosen.values() for order in by_file.values() if order in ("dmy", "mdy")}
        plans = []
        for name, (column, text, key, given, _, votes, rows) in looked.items():
            by_file = chosen[name]
            if any(order is None for order in by_file.values()):
                conflicting = any(sum(1 for n in vote.proofs().values() if n) > 1 for vote in votes.values())
                if len(proven) != 1 or conflicting:
                    self._refuse_date(column, votes)
                    continue
                order = next(iter(proven))
                doubtful = sum(value.count for vote in votes.values() for value in vote.doubtful())
                self._issue("order_from_neighbour", column, doubtful, {"effect": "informs", "order": order}, [])
                by_file = {file: found or order for file, found in by_file.items()}
            plans.append(self._dated(column, written[name], text, key, given, votes, by_file, rows))
        return plans

    def _refuse_date(self, column: Column, votes: Mapping[int, dates.Votes]) -> None:
        doubtful = [value for vote in votes.values() for value in vote.doubtful()]
        proofs = {"dmy": "", "mdy": ""}
        for vote in votes.values():
            for value in vote.values:
                if value.settles and not proofs[value.settles]:
                    proofs[value.settles] = value.text
        example = doubtful[0] if doubtful else None
        values = {
            "effect": self._weight(column),
            "value": example.text if example else proofs["dmy"],
            "first": example.days["dmy"].isoformat() if example else "",
            "second": example.days["mdy"].isoformat() if example else "",
            "dmy_proof": proofs["dmy"],
            "mdy_proof": proofs["mdy"],
            "remedy": f'[source.formats] {column.name} = "dmy"',
            "other_remedy": f'[source.formats] {column.name} = "mdy"',
        }
        count = sum(value.count for vote in votes.values() for value in vote.values)
        self._issue("ambiguous_dates", column, count, values, [v.text for v in doubtful])
        self.refused.append(column.name)

    def _dated(
        self,
        column: Column,
        written: str,
        text: str,
        key: str,
        given: frozenset[int],
        votes: Mapping[int, dates.Votes],
        by_file: Mapping[int, str | None],
        rows: Sequence[tuple[Any, ...]],
    ) -> Plan:
        files, texts, days, unread, filled = [], [], [], 0, 0
        for file, vote in votes.items():
            for value in vote.values:
                day = dates.settled(value, by_file[file] or "")
                filled += value.count
                unread += value.count if day is None else 0
                files.append(file)
                texts.append(value.text)
                days.append(dates.moment(value, day) if day and column.type == "timestamp" else day)
        kind = pa.timestamp("us") if column.type == "timestamp" else pa.date32()
        alias = self._dictionary(texts, days, kind, files)
        join = f"left join {alias} on {alias}.written = {key}"
        if self.many:
            join += f" and {alias}.file = r._file"
        empty = sum(row[2] for row in rows) - filled
        return Plan(
            column, written, f"{alias}.meaning", text, f"{alias}.written is null",
            f"({alias}.written is not null and {alias}.meaning is null)", join, unread, empty, given,
        )  # fmt: skip

    # ---- what was found ----

    def _recount(self, plans: Sequence[Plan]) -> list[Plan]:
        """Exact counts of unread and empty values where the cheap counts could not tell."""
        unsure = [plan for plan in plans if plan.unread < 0 or plan.empty < 0]
        if not unsure:
            return list(plans)
        parts = [f"count(*) filter ({plan.is_unread}), count(*) filter ({plan.is_empty})" for plan in unsure]
        row = self._fetch(f"select {', '.join(parts)} from {self.relation.view} r")[0]
        counted = {}
        for place, plan in enumerate(unsure):
            unread, empty = row[2 * place], row[2 * place + 1]
            counted[plan.column.name] = Plan(**{**vars(plan), "unread": unread, "empty": empty})
        return [counted.get(plan.column.name, plan) for plan in plans]

    def _weight(self, column: Column) -> str:
        """What losing a column does: without key, date or amount a table is of no use."""
        table = self.table
        vital = {*(() if table.made_key else table.key), table.money_column, *table.essential, *table.dated_by[:1]}
        return "blocks" if column.name in vital else "weakens"

    def _issue(self, code: str, column: Column, count: int, values: Mapping[str, Any], examples: Sequence[str]) -> None:
        file = self.relation.exports[0].name if len(self.relation.exports) == 1 else None
        shown = tuple(dict.fromkeys(e for e in examples if e))[:MANY]
        self.issues.append(Issue(code, self.table.name, file, column.name, count, None, dict(values), shown))


def _examples(votes: numbers.Votes) -> list[str]:
    order = ("doubt.", "doubt,", "proof.", "proof,", "group.", "group,", "plain", "unread")
    return [votes.example[kind] for kind in order if votes.example.get(kind)]
