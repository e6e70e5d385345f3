"""The decision for one column, and what those who decide share: the relation, the client's wishes, the issues found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from salespilot.client import Source
from salespilot.intake.model import Issue
from salespilot.intake.relation import Relation
from salespilot.tables import Column, Table

UNKNOWN = -1  # a count that the cheap counts could not tell
SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """How one standard column is read. ``r`` is the relation in all SQL; ``join`` adds the dictionary it needs.

    ``source``     the header or expression, as the client wrote it.
    ``unread``     rows that hold something unreadable; ``is_unread`` the SQL that tells them.
    ``empty``      rows that hold nothing; ``is_empty`` the SQL that tells them.
    ``given``      positions of the files that have the column.
    ``absurd``     texts that are dates, but of before 1990.
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
    absurd: frozenset[str] = frozenset()


def joined(plans: Sequence[Plan]) -> str:
    """SQL: the dictionaries that the plans read through."""
    return " ".join(plan.join for plan in plans if plan.join)


@dataclass(frozen=True)
class Reading:
    """The plans of one source and what was found on the way."""

    plans: tuple[Plan, ...]
    issues: tuple[Issue, ...]


@dataclass
class Scope:
    """One source being read: where its text is, what the client said of it, what was found so far."""

    connection: Any
    table: Table
    source: Source
    relation: Relation
    place: str
    issues: list[Issue] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    dictionaries: int = 0

    @property
    def view(self) -> str:
        """The name of the relation's view."""
        return self.relation.view

    @property
    def has_many_files(self) -> bool:
        """Whether the relation spans several files."""
        return len(self.relation.exports) > 1

    @property
    def everywhere(self) -> frozenset[int]:
        """The positions of all files."""
        return frozenset(range(len(self.relation.exports)))

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return list(self.connection.execute(query).fetchall())

    def issue(
        self, code: str, column: Column, count: int, values: Mapping[str, Any], examples: Sequence[str] = ()
    ) -> None:
        """Note something found in a column."""
        file = None if self.has_many_files else self.relation.exports[0].name
        shown = tuple(dict.fromkeys(e for e in examples if e))[:SHOWN]
        self.issues.append(Issue(code, self.table.name, file, column.name, count, None, dict(values), shown))

    def refuse(self, code: str, column: Column, count: int, values: Mapping[str, Any], examples: Sequence[str]) -> None:
        """Leave a column out; the table too, where it is of no use without."""
        self.issue(code, column, count, {"effect": self.weight(column), **values}, examples)
        self.refused.append(column.name)

    def weight(self, column: Column) -> str:
        """What losing a column does: without key, date or amount a table is of no use."""
        table = self.table
        vital = {*(() if table.made_key else table.key), table.money_column, *table.essential, *table.dated_by[:1]}
        return "blocks" if column.name in vital else "weakens"

    def dictionary(self, written: Sequence[str], meaning: Sequence[Any], kind: Any, files: Sequence[int] = ()) -> str:
        """A small table (written, meaning, file) to join on; returns its name."""
        self.dictionaries += 1
        name = f"{self.view}_words_{self.dictionaries}"
        arrays = {"written": pa.array(written, pa.string()), "meaning": pa.array(meaning, kind)}
        if files:
            arrays["file"] = pa.array(files, pa.int16())
        self.connection.register("given_words", pa.table(arrays))
        self.connection.execute(f"create or replace temp table {name} as select * from given_words")
        self.connection.unregister("given_words")
        return name

    def recounted(self, plans: Sequence[Plan]) -> list[Plan]:
        """The plans with exact counts of unread and empty values where the cheap counts could not tell."""
        unsure = [plan for plan in plans if UNKNOWN in (plan.unread, plan.empty)]
        if not unsure:
            return list(plans)
        parts = [f"count(*) filter ({plan.is_unread}), count(*) filter ({plan.is_empty})" for plan in unsure]
        joins = joined(plans) if any(plan.join for plan in unsure) else ""
        row = self.fetch(f"select {', '.join(parts)} from {self.view} r {joins}")[0]
        counted = {
            plan.column.name: replace(plan, unread=row[2 * place], empty=row[2 * place + 1])
            for place, plan in enumerate(unsure)
        }
        return [counted.get(plan.column.name, plan) for plan in plans]
