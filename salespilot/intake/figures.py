"""Columns of numbers: the marks of each file decided on the whole column, and the SQL that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from salespilot.intake import numbers
from salespilot.intake.expressions import Computed
from salespilot.intake.numbers import Votes
from salespilot.intake.plan import UNKNOWN, Plan, Scope
from salespilot.intake.words import named, quoted
from salespilot.tables import Column

COMPUTED_TYPE = "DECIMAL(18,6)"
PERCENT_ABOVE = 1.5  # a column of shares whose largest exceeds this is written in percent
MARKS = {",": ",", ".": ".", "comma": ",", "point": "."}
COUNTS = 6  # numbers that numbers.counts() gives for a column


class Figures:
    """What the number columns of one source say, by file: standard columns, and headers used in computations."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.votes: dict[str, dict[int, Votes]] = {}

    def hear(self, name: str, file: int, rows: int, counted: Sequence[int]) -> None:
        """Take the counts of one column of one file."""
        by_file = self.votes.setdefault(name, {})
        votes = numbers.quick(rows, *counted)
        if votes is not None:
            by_file[file] = votes

    def know(self, name: str, mark: str) -> None:
        """Take note that a column is read already, and which decimal mark it proves."""
        votes = Votes()
        if mark:
            votes.proof[mark] = 1
        self.votes[name] = {0: votes}

    def look(self, name: str, text: str, files: Sequence[int]) -> None:
        """Look at the shapes of a column in the files whose counts did not settle it."""
        files = [file for file in files if file not in self.votes.setdefault(name, {})]
        if not files:
            return
        within = f"and r._file in ({', '.join(map(str, files))})" if self.scope.has_many_files else ""
        rows = self.scope.fetch(
            f"select r._file, {numbers.shape(text)} as shape, count(*), min({text}) from {self.scope.view} r"
            f" where {numbers.is_present(text)} {within} group by all order by all"
        )
        for file in files:
            self.votes[name][file] = numbers.weigh((row[1], row[2], row[3]) for row in rows if row[0] == file)

    def total(self, name: str) -> Votes:
        """The votes of all files together."""
        votes = Votes()
        for part in self.votes.get(name, {}).values():
            votes.add(part)
        return votes

    # ---- plans ----

    def plan(self, column: Column, written: str, text: str, given: frozenset[int]) -> Plan | None:
        """The plan of a standard column; None when it is refused."""
        votes = self.total(column.name)
        marks = self._marks(column, column.name)
        if marks is None:
            return None
        if votes.destroyed and column.name not in self.scope.source.formats:
            self._doubt_destroyed(column, votes)
        sql_type = {"money": column.sql_type, "integer": "DECIMAL(18,4)"}.get(column.type, "DOUBLE")
        typed = self._by_file(column.name, text, sql_type, marks)
        if column.type == "integer":
            typed = f"case when {typed} = floor({typed}) then cast({typed} as bigint) end"
        if column.type == "share":
            typed = self._share(column, text, typed, votes)
        doubtful = votes.looked or column.type == "integer"
        present = numbers.is_present(text)
        unread = f"({present} and ({typed}) is null)" if doubtful else "false"
        empty = f"not {present}" if votes.looked else f"{text} = ''"
        return Plan(column, written, typed, text, empty, unread, "", UNKNOWN if doubtful else 0, UNKNOWN, given)

    def computed(self, column: Column, written: str, made: Computed) -> Plan | None:
        """The plan of a computed column; None when one of its numbers is refused."""
        refused = len(self.scope.refused)
        body = self.fill(made)
        try:
            self.scope.connection.execute(f"select {body} from {self.scope.view} r limit 0")
        except duckdb.Error:  # a product with more decimals than a decimal holds: compute in floating point
            body = self.fill(made, "DOUBLE")
        if len(self.scope.refused) > refused:
            self.scope.refused.append(column.name)
            return None
        typed = f"try_cast(try({body}) as {column.sql_type})"
        sources = [f"r.{named(h)}" for h in (*made.as_numbers, *made.as_text)]
        text = f"concat_ws(' | ', {', '.join(sources)})" if sources else quoted(written)
        doubtful = [
            f"({numbers.is_present(f'r.{named(h)}')} and ({self.number(h, COMPUTED_TYPE)}) is null)"
            for h in made.as_numbers
            if self.total(h).looked
        ]
        unread = f"({' or '.join(doubtful)})" if doubtful else "false"
        count = UNKNOWN if doubtful else 0
        return Plan(
            column, written, typed, text, f"({typed}) is null", unread, "", count, UNKNOWN, self.scope.everywhere
        )

    def fill(self, made: Computed, sql_type: str = COMPUTED_TYPE) -> str:
        """SQL of an expression over ``r``, its numbers read as the whole columns of their headers are."""
        return made.filled(lambda header: self.number(header, sql_type), lambda header: f"r.{named(header)}")

    def number(self, header: str, sql_type: str) -> str:
        """SQL of the number that a header holds."""
        marks = self._marks(Column(header, "number"), header)
        if marks is None:
            return f"cast(null as {sql_type})"
        return self._by_file(header, f"r.{named(header)}", sql_type, marks)

    # ---- marks ----

    def _marks(self, column: Column, name: str) -> dict[int, str] | None:
        """The decimal mark of each file; None when the column is refused."""
        by_file = self.votes.get(name, {})
        told = MARKS.get(self.scope.source.formats.get(column.name, "")) or self.scope.source.hints.get("decimal")
        whole = self.total(name)
        if told:
            return dict.fromkeys(by_file, str(told))
        mark = whole.decimal()
        each = {file: votes.decimal() for file, votes in by_file.items()}
        if mark in (None, "mixed") and len(each) > 1 and not {None, "mixed"} & set(each.values()):
            return {file: str(found) for file, found in each.items()}  # each file in its own way
        if mark == "mixed":
            self._note("mixed_decimals", column, whole.present, {"effect": "informs"}, whole.examples())
        if mark is not None:
            return dict.fromkeys(by_file, mark)
        mark = self._neighbour(name, whole)
        if mark:
            example = whole.example.get(f"doubt{mark}", "")
            values = {"effect": "informs", "value": example, "mark": mark}
            self._note("decimal_from_neighbour", column, whole.doubt[mark], values, [example])
            return dict.fromkeys(by_file, mark)
        self._refuse(column, whole)
        return None

    def _neighbour(self, name: str, votes: Votes) -> str | None:
        """The doubtful mark, where the other number columns of the source prove that it is the decimal one."""
        doubted = [mark for mark in ".," if votes.doubt[mark]]
        if len(doubted) != 1 or any(votes.proof.values()):
            return None
        others = [v for other, files in self.votes.items() if other != name for v in files.values()]
        other_mark = "," if doubted[0] == "." else "."
        proven = sum(v.proof[doubted[0]] for v in others)
        return doubted[0] if proven and not sum(v.proof[other_mark] for v in others) else None

    def _refuse(self, column: Column, votes: Votes) -> None:
        if column.name in self.scope.refused:
            return
        example = votes.example.get("doubt.") or votes.example.get("doubt,") or next(iter(votes.examples()), "")
        found = numbers.readings(example)
        values = {
            "value": example,
            "first": found.get(",", ""),
            "second": found.get(".", ""),
            "remedy": f'[source.formats] {column.name} = ","',
            "other_remedy": f'[source.formats] {column.name} = "."',
        }
        if column.name not in self.scope.table.column_names:  # a header inside an expression
            values |= {"remedy": 'decimal = ","', "other_remedy": 'decimal = "."', "effect": "blocks"}
        self.scope.refuse("ambiguous_numbers", column, votes.present, values, votes.examples())

    def _doubt_destroyed(self, column: Column, votes: Votes) -> None:
        blocks = column.name == self.scope.table.money_column
        values = {
            "effect": "blocks" if blocks else "weakens",
            "value": next(iter(votes.examples()), ""),
            "remedy": f'[source.formats] {column.name} = ","',
        }
        self._note("decimals_destroyed", column, votes.present, values, votes.examples())

    def _note(self, code: str, column: Column, count: int, values: Mapping[str, Any], examples: Sequence[str]) -> None:
        if not any(i.code == code and i.column == column.name for i in self.scope.issues):
            self.scope.issue(code, column, count, values, examples)

    # ---- reading ----

    def _by_file(self, name: str, text: str, sql_type: str, marks: Mapping[int, str]) -> str:
        by_mark: dict[str, tuple[list[int], Votes]] = {}
        for file, mark in marks.items():
            files, votes = by_mark.setdefault(mark, ([], Votes()))
            files.append(file)
            votes.add(self.votes[name][file])
        parts = {mark: numbers.typed(text, mark, sql_type, votes) for mark, (_, votes) in by_mark.items()}
        if not parts:
            return f"cast(null as {sql_type})"
        if len(parts) == 1:
            return next(iter(parts.values()))
        cases = [f"when r._file in ({', '.join(map(str, by_mark[m][0]))}) then {sql}" for m, sql in parts.items()]
        return f"case {' '.join(cases)} end"

    def _share(self, column: Column, text: str, typed: str, votes: Votes) -> str:
        """SQL of a fraction: "12,5 %" is 0.125, and so is 12,5 in a column that goes up to 100."""
        plain = f"case when not contains({text}, '%') then {typed} end"
        top = self.scope.fetch(f"select max({plain}) from {self.scope.view} r")[0][0]
        if top is not None and top > PERCENT_ABOVE:
            self._note("read_as_percent", column, votes.present, {"effect": "informs", "top": float(top)}, [])
            return f"({typed}) / 100"
        return f"case when contains({text}, '%') then ({typed}) / 100 else {typed} end" if votes.percent else typed
