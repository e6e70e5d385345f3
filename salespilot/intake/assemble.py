"""One standard table out of all its sources: united, keyed, counted, written.

Nothing leaves in silence: every row that does not reach the Parquet file is rejected or set aside under a name, with
its weight in money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from salespilot.client import Source
from salespilot.intake.conserve import REJECTED, Sifted
from salespilot.intake.model import Issue, Reject, SourceCount, money
from salespilot.intake.plan import Reading, joined
from salespilot.intake.rejects import Rejects
from salespilot.intake.relation import Relation
from salespilot.intake.source import Export
from salespilot.intake.words import named, quoted
from salespilot.tables import TABLES, Table

VIEWED = 300_000  # rows
RUN_ROWS = 1_000_000  # sorted and written together: what a sort holds in memory, whatever the size of the exports
PARQUET = "format parquet, parquet_version v2, dictionary_size_limit 10000"  # delta encodings: smaller and faster
SORTED = {"sales_lines": ("rep_id_booked",)}  # a salesperson's lines together; finer costs more than it saves


@dataclass
class Part:
    """What one source gives to a table. ``copies``: files that are the same, byte for byte, as one of its exports."""

    source: Source
    relation: Relation
    reading: Reading
    sifted: Sifted
    copies: tuple[tuple[Export, Export], ...] = ()


@dataclass
class Tally:
    """Rows and money of one export, by where they went."""

    rows: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def add(self, where: str, rows: int, amount: Decimal | None = None) -> None:
        """Count rows and what they weigh."""
        self.rows[where] += rows
        self.amounts[where] = self.amounts.get(where, Decimal(0)) + (amount or Decimal(0))


class Assembly:
    """One table on its way from its parts to Parquet. ``rows`` names the DuckDB table that holds it.

    ``exports``  the files, numbered as ``_export`` in ``rows``.
    ``gives``    column -> the exports that give it.
    ``columns``  the columns that the table will have.
    """

    def __init__(self, connection: Any, table: Table, parts: Sequence[Part], is_blocked: bool) -> None:
        self.connection, self.table, self.parts = connection, table, parts
        self.exports: list[Export] = [export for part in parts for export in part.relation.exports]
        self.tallies = [Tally() for _ in self.exports]
        self.rejects = Rejects(table)
        self.issues: list[Issue] = [issue for part in parts for issue in part.reading.issues]
        self.refused = is_blocked or any(issue.effect == "blocks" for issue in self.issues)
        self.rows = f"rows_{table.name}"
        self.gives = self._gives()
        self.has_own_key = all(c in self.gives for c in table.key)
        made = table.key if table.made_key else ()
        self.columns = tuple(c for c in table.column_names if c in self.gives or c in made)
        self._set_aside()
        self._unite()

    @property
    def listed(self) -> list[Reject]:
        """What ``rejects.csv`` will say of this table."""
        return self.rejects.listed

    @property
    def priced(self) -> str:
        """SQL: what a row weighs."""
        column = self.table.money_column
        return column if column and column in self.columns else "cast(null as decimal(18,4))"

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return list(self.connection.execute(query).fetchall())

    def _gives(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        start = 0
        for part in self.parts:
            for plan in part.reading.plans:
                found.setdefault(plan.column.name, set()).update(start + number for number in plan.given)
            start += len(part.relation.exports)
        return found

    def _set_aside(self) -> None:
        start = 0
        for part in self.parts:
            for number, export in enumerate(part.relation.exports):
                tally = self.tallies[start + number]
                for reason, rows in export.above.items():
                    tally.add(reason, rows)
                if export.misfits:
                    tally.add(REJECTED, len(export.misfits))
                    self.rejects.add_misfits(export)
                if export.spoilt:
                    values = {"effect": "weakens", "encoding": export.layout.encoding or ""}
                    self.issues.append(Issue("spoilt_bytes", self.table.name, export.name, None, 0, None, values))
            if part.sifted.aside:
                counted = self.fetch(
                    f"select _file, reason, count(*), sum(amount) from {part.sifted.aside} group by all order by all"
                )
                for file, reason, rows, amount in counted:
                    self.tallies[start + file].add(reason, rows, amount)
                self.rejects.add_values(self.connection, part.relation, part.reading.plans, part.sifted.aside)
            start += len(part.relation.exports)

    def _unite(self) -> None:
        selects = []
        start = 0
        for part in self.parts:
            typed = [f"{plan.typed} as {plan.column.name}" for plan in part.reading.plans]
            mapped = {plan.column.name for plan in part.reading.plans}
            keys = [key for key in self.table.key if key not in mapped]
            if self.table.made_key:
                typed += [f"{self._made(part, start)} as {key}" for key in keys]
            selects.append(
                f"select {start} + r._file as _export, r._record{''.join(', ' + t for t in typed)}"
                f" from {part.relation.view} r {joined(part.reading.plans)} where {part.sifted.keeps}"
            )
            start += len(part.relation.exports)
        # Rows of large exports are not copied into DuckDB: they stay a view of the text until they are written.
        self.is_view = sum(export.records for export in self.exports) > VIEWED
        kind = "view" if self.is_view else "table"
        self.connection.execute(f"create temp {kind} {self.rows} as {' union all by name '.join(selects)}")
        if self.table.made_key and self.has_own_key:
            key = self.table.key[0]
            if self.fetch(f"select 1 from {self.rows} where {key} is null limit 1"):
                made = f"{self._stems()}[_export + 1] || ':' || _record"
                self.hold()
                self.connection.execute(f"update {self.rows} set {key} = {made} where {key} is null")

    def _made(self, part: Part, start: int) -> str:
        """SQL of a key made from file and record."""
        if len(part.relation.exports) == 1:
            return f"{quoted(self.stems()[start] + ':')} || r._record"
        return f"{self._stems()}[{start} + r._file + 1] || ':' || r._record"

    def stems(self) -> list[str]:
        """The names of the exports in made keys: numbered where one file feeds the table twice."""
        seen: Counter[str] = Counter()
        made = []
        for export in self.exports:
            seen[export.stem] += 1
            made.append(export.stem if seen[export.stem] == 1 else f"{export.stem}#{seen[export.stem]}")
        return made

    def _stems(self) -> str:
        return "[" + ", ".join(map(quoted, self.stems())) + "]"

    # ---- while the rows are in hand ----

    def part_of_export(self) -> list[Part]:
        """The part of each export."""
        return [part for part in self.parts for _ in part.relation.exports]

    def replace_rows(self, query: str) -> None:
        """Put the answer of a query in the place of the rows."""
        self.connection.execute(f"create or replace temp table {self.rows}_next as {query}")
        self.connection.execute(f"drop {'view' if self.is_view else 'table'} {self.rows}")
        self.connection.execute(f"alter table {self.rows}_next rename to {self.rows}")
        self.is_view = False

    def hold(self) -> None:
        """Have the rows as a table that can be changed."""
        if self.is_view:
            self.replace_rows(f"select * from {self.rows}")

    def set_aside(self, condition: str, reason: str) -> tuple[int, Decimal]:
        """Set aside the rows that meet a condition; returns how many and their weight."""
        counted = self.fetch(
            f"select _export, count(*), sum({self.priced}) from {self.rows} where {condition} group by all order by all"
        )
        for export, rows, amount in counted:
            self.tallies[export].add(reason, rows, amount)
        if counted:
            self.hold()
            self.connection.execute(f"delete from {self.rows} where {condition}")
        return sum(row[1] for row in counted), sum((row[2] or Decimal(0) for row in counted), Decimal(0))

    def refuse(self, issue: Issue) -> None:
        """The table cannot be used."""
        self.refused = True
        self.issues.append(issue)

    def lines(self, rows: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """The physical line of each (export, record)."""
        wanted: dict[int, list[int]] = {}
        for export, record in rows:
            wanted.setdefault(export, []).append(record)
        found = {export: self.exports[export].lines(records) for export, records in wanted.items()}
        return {(export, record): line for export, lines in found.items() for record, line in lines.items()}

    # ---- leaving ----

    def finish(self, folder: Path) -> Path | None:
        """Count what is left and write it; None when the table is refused."""
        counted = self.fetch(f"select _export, count(*), sum({self.priced}) from {self.rows} group by all order by all")
        for export, rows, amount in counted:
            self.tallies[export].add(REJECTED if self.refused else "kept", rows, amount)
        if self.refused:
            return None
        path = folder / f"{self.table.name}.parquet"
        runs = self._runs()
        if len(runs) == 1:
            self._write(path, "true")
        else:  # a folder of files, which reads like one file
            path.mkdir()
            for number, run in enumerate(runs):
                self._write(path / f"{number}.parquet", run)
        if self.is_view:  # what follows looks at the written table, not at the text again
            self.connection.execute(f"create or replace temp view {self.rows} as from read_parquet({quoted(path)})")
        return path

    def _runs(self) -> list[str]:
        """SQL: conditions that part the rows by export and record into runs, small exports together."""
        runs: list[list[str]] = [[]]
        held = 0
        for number, export in enumerate(self.exports):
            for start in range(0, export.records, RUN_ROWS):
                size = min(RUN_ROWS, export.records - start)
                if held + size > RUN_ROWS:
                    runs.append([])
                    held = 0
                held += size
                runs[-1].append(f"(_export = {number} and _record between {start + 1} and {start + size})")
        return [" or ".join(run) for run in runs]

    def _write(self, path: Path, run: str) -> None:
        order = [c for c in SORTED.get(self.table.name, self.table.key) if c in self.columns]
        sort = f" order by {', '.join(order)}" if order else ""
        self.connection.execute(
            f"copy (select {', '.join(named(c) for c in self.columns)} from {self.rows} where {run}{sort})"
            f" to {quoted(path)} ({PARQUET})"
        )

    def counts(self) -> list[SourceCount]:
        """Where the rows of each export went."""
        made = [_count(self.table, export, tally) for export, tally in zip(self.exports, self.tallies, strict=True)]
        by_export = {id(export): tally for export, tally in zip(self.exports, self.tallies, strict=True)}
        for part in self.parts:
            for copy, original in part.copies:
                tally = Tally()
                for reason, rows in copy.above.items():
                    tally.add(reason, rows)
                weight = sum(by_export[id(original)].amounts.values(), Decimal(0))
                tally.add("duplicate", copy.records, weight)
                made.append(_count(self.table, copy, tally))
                values = {"effect": "weakens", "original": original.name}
                issue = Issue("same_file_twice", self.table.name, copy.name, None, copy.records, money(weight), values)
                self.issues.append(issue)
        return made


def _count(table: Table, export: Export, tally: Tally) -> SourceCount:
    aside = {reason: rows for reason, rows in tally.rows.items() if reason not in ("kept", REJECTED) and rows}
    return SourceCount(
        table=table.name,
        file=export.name,
        sha256=export.sha256,
        rows_read=export.records + sum(export.above.values()),
        rows_kept=tally.rows["kept"],
        rows_rejected=tally.rows[REJECTED],
        set_aside=aside,
        amount_kept=money(tally.amounts.get("kept")),
        amount_rejected=money(tally.amounts.get(REJECTED)),
        amount_set_aside=money(sum((tally.amounts[reason] for reason in aside), Decimal(0))),
    )


def ordered(names: Mapping[str, Any]) -> list[str]:
    """Tables in the order in which they are finished: customers first, their marks decide on lines."""
    return sorted(names, key=lambda name: (name != "customers", list(TABLES).index(name)))
