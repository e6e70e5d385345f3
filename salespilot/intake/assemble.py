"""One standard table out of all its sources: united, corrected, keyed, freed of duplicates, and counted.

Nothing leaves in silence: every row that does not reach the Parquet file is rejected or set aside under a name, with
its weight in money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from salespilot.client import Source
from salespilot.intake.conserve import REJECTED, Sifted, joins
from salespilot.intake.model import Issue, Reject, SourceCount, money
from salespilot.intake.relation import Relation
from salespilot.intake.source import Export
from salespilot.intake.plan import Reading
from salespilot.intake.words import named, quoted
from salespilot.tables import TABLES, Table

SORTED = {"sales_lines": ("rep_id_booked", "customer_id", "invoice_date")}
SHOWN = 5
MOST_REJECTS = 200_000


@dataclass
class Part:
    """What one source gives to a table."""

    source: Source
    relation: Relation
    reading: Reading
    sifted: Sifted


@dataclass
class Tally:
    """Rows and money of one export, by where they went."""

    rows: dict[str, int] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def add(self, where: str, rows: int, amount: Decimal | None = None) -> None:
        self.rows[where] = self.rows.get(where, 0) + rows
        self.amounts[where] = self.amounts.get(where, Decimal(0)) + (amount or Decimal(0))


class Assembly:
    """One table on its way from its parts to Parquet. ``rows`` names the DuckDB table that holds it."""

    def __init__(self, connection: Any, table: Table, parts: Sequence[Part]) -> None:
        self.connection, self.table, self.parts = connection, table, parts
        self.exports: list[Export] = [export for part in parts for export in part.relation.exports]
        self.tallies = [Tally() for _ in self.exports]
        self.copies: list[tuple[int, int]] = []
        self.issues: list[Issue] = [issue for part in parts for issue in part.reading.issues]
        self.rejects: list[Reject] = []
        self.refused = any(issue.effect == "blocks" for issue in self.issues)
        self.rows = f"rows_{table.name}"
        self.gives = self._gives()
        self.columns = tuple(c for c in table.column_names if c in self.gives)
        self.has_own_key = all(c in self.gives for c in table.key)
        self._set_aside()
        self._unite()

    # ---- bringing together ----

    def _gives(self) -> dict[str, set[int]]:
        """Column -> the exports that give it."""
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
                    self._list_misfits(export)
            if part.sifted.aside:
                counted = self._fetch(
                    f"select _file, reason, count(*), sum(amount) from {part.sifted.aside} group by all order by all"
                )
                for file, reason, rows, amount in counted:
                    self.tallies[start + file].add(reason, rows, amount)
                self._list_rejects(part)
            start += len(part.relation.exports)

    def _unite(self) -> None:
        selects = []
        start = 0
        for part in self.parts:
            typed = [f"{plan.typed} as {plan.column.name}" for plan in part.reading.plans]
            keys = [c for c in self.table.key if c not in {p.column.name for p in part.reading.plans}]
            typed += [f"{self._made(part, start)} as {key}" for key in keys if self.table.made_key]
            selects.append(
                f"select {start} + r._file as _export, r._record, {', '.join(typed)} from {part.relation.view} r"
                f" {joins(part.reading.plans)} where {part.sifted.keeps}"
            )
            start += len(part.relation.exports)
        self.connection.execute(f"create temp table {self.rows} as {' union all by name '.join(selects)}")
        if self.table.made_key:
            self.columns = tuple(c for c in self.table.column_names if c in self.gives or c in self.table.key)
            if self.has_own_key and self._fetch(f"select 1 from {self.rows} where {self.table.key[0]} is null limit 1"):
                made = f"{self._stems()}[_export + 1] || ':' || _record"
                self.connection.execute(
                    f"update {self.rows} set {self.table.key[0]} = {made} where {self.table.key[0]} is null"
                )

    def _made(self, part: Part, start: int) -> str:
        """SQL of a key made from file and record."""
        exports = part.relation.exports
        if len(exports) == 1:
            return f"{quoted(exports[0].stem + ':')} || r._record"
        return f"{self._stems()}[{start} + r._file + 1] || ':' || r._record"

    def _stems(self) -> str:
        return "[" + ", ".join(quoted(export.stem) for export in self.exports) + "]"

    # ---- rows that cannot be used ----

    def _list_misfits(self, export: Export) -> None:
        lines = export.lines(number for number, _ in export.misfits)
        for number, text in export.misfits:
            self.rejects.append(Reject(self.table.name, export.name, lines[number], "", text, "too_many_cells"))
        values = {"effect": "weakens", "line": lines[export.misfits[0][0]], "width": len(export.layout.headers)}
        examples = tuple(text[:200] for _, text in export.misfits[:SHOWN])
        self.issues.append(
            Issue("too_many_cells", self.table.name, export.name, None, len(export.misfits), None, values, examples)
        )

    def _list_rejects(self, part: Part) -> None:
        """Name every value for which a row of this part was rejected."""
        keys = () if self.table.made_key else self.table.key
        for plan in part.reading.plans:
            name = plan.column.name
            reasons = [("unreadable", plan.is_unread)] if plan.unread else []
            reasons += [("missing_key", plan.is_empty)] if name in keys and plan.empty else []
            for reason, condition in reasons:
                found = self._fetch(
                    f"select r._file, r._record, {plan.text} from {part.relation.view} r {plan.join}"
                    f" where {condition} and (r._file, r._record) in (select (_file, _record) from"
                    f" {part.sifted.aside} where reason = '{REJECTED}') order by 1, 2 limit {MOST_REJECTS}"
                )
                for file in sorted({row[0] for row in found}):
                    self._list_values(part.relation.exports[file], plan.source, name, reason,
                                      [row[1:] for row in found if row[0] == file])  # fmt: skip

    def _list_values(
        self, export: Export, header: str, column: str, reason: str, found: Sequence[tuple[int, str]]
    ) -> None:
        lines = export.lines(record for record, _ in found)
        for record, value in found:
            self.rejects.append(Reject(self.table.name, export.name, lines[record], header, value, reason))
        values = {"effect": "weakens", "header": header, "line": lines[found[0][0]], "value": found[0][1]}
        examples = tuple(dict.fromkeys(value for _, value in found if value))[:SHOWN]
        code = "unreadable_values" if reason == "unreadable" else "missing_key"
        self.issues.append(Issue(code, self.table.name, export.name, column, len(found), None, values, examples))

    # ---- keys and duplicates ----

    def settle_keys(self) -> None:
        """Refuse a key with two contents; make rows that say the same one row."""
        if self.table.made_key and not self.has_own_key:
            self._duplicates()
            return
        missing = [c for c in self.table.key if c not in self.columns]
        if missing:
            values = {
                "effect": "blocks",
                "columns": ", ".join(missing),
                "remedy": f"[source.columns] {missing[0]} = ...",
            }
            self._refuse(Issue("key_unmapped", self.table.name, None, missing[0], self._count(), None, values))
            return
        key = ", ".join(self.table.key)
        twice = f"select {key} from {self.rows} group by {key} having count(*) > 1"
        if not self._fetch(f"{twice} limit 1"):
            return
        others = [c for c in self.columns if c not in self.table.key]
        self.connection.execute(
            f"create or replace temp table twice as select {self.rows}.* from {self.rows} semi join ({twice})"
            f" using ({key})"
        )
        differs = [
            f"count(distinct coalesce(cast({c} as varchar), '')) filter (_export in ({_numbers(self.gives[c])})) > 1"
            for c in others
        ]
        if differs:
            clashes = f"select {key} from twice group by {key} having {' or '.join(differs)}"
            found = self._fetch(f"select count(*) from ({clashes})")[0][0]
            if found:
                self._show_clash(key, others, clashes, found)
                return
        self._merge(key, others)

    def _show_clash(self, key: str, others: Sequence[str], clashes: str, found: int) -> None:
        rows = self._fetch(
            f"select _export, _record, {key}, {', '.join(others)} from twice semi join ({clashes}) using ({key})"
            f" order by {key}, _export, _record limit {MOST_REJECTS}"
        )
        width = len(self.table.key)
        columns = [*self.table.key, *others]
        lines = self._lines((row[0], row[1]) for row in rows)
        for row in rows:
            code = " | ".join(str(v) for v in row[2 : 2 + width])
            self.rejects.append(
                Reject(self.table.name, self.exports[row[0]].name, lines[row[0], row[1]], key, code, "key_conflict")
            )
        first, second = rows[0], next(r for r in rows[1:] if r[2:] != rows[0][2:])
        both = [n for n, (a, b) in enumerate(zip(first[2:], second[2:], strict=True)) if a != b]
        told = [
            f"{self.exports[row[0]].name}:{lines[row[0], row[1]]} "
            + ", ".join(f"{columns[n]}={row[2 + n]}" for n in both)
            for row in (first, second)
        ]
        values = {
            "effect": "blocks",
            "key": " | ".join(str(v) for v in first[2 : 2 + width]),
            "first": told[0],
            "second": told[1],
        }
        self._refuse(Issue("key_conflict", self.table.name, None, self.table.key[0], found, None, values, tuple(told)))

    def _merge(self, key: str, others: Sequence[str]) -> None:
        """One row for each key that appears several times with the same content."""
        priced = self._priced()
        counted = self._fetch(
            f"select _export, count(*), sum({priced}) from (select *, row_number() over (partition by {key}"
            f" order by _export, _record) as place from twice) where place > 1 group by all order by all"
        )
        for export, rows, amount in counted:
            self.tallies[export].add("duplicate", rows, amount)
        total = sum(row[1] for row in counted)
        merged = ", ".join(f"max({c}) as {c}" for c in others)
        self.connection.execute(
            f"create or replace temp table {self.rows}_one as select * from {self.rows} anti join"
            f" (select distinct {key} from twice) using ({key}) union all by name"
            f" select min(_export) as _export, min(_record) as _record, {key}{', ' + merged if merged else ''}"
            f" from twice group by {key}"
        )
        self.connection.execute(f"drop table {self.rows}")
        self.connection.execute(f"alter table {self.rows}_one rename to {self.rows}")
        values = {"effect": "informs", "files": len(counted)}
        self.issues.append(Issue("identical_rows", self.table.name, None, self.table.key[0], total, None, values))

    def _duplicates(self) -> None:
        """Rows that are the same in every column, where no key tells them apart: kept and counted, or dropped."""
        columns = [c for c in self.columns if c not in self.table.key]
        if not columns:
            return
        same = ", ".join(columns)
        # A hash finds the few candidates; only those are compared in full.
        hashed = f"select hash({same}) as h from {self.rows} group by h having count(*) > 1"
        found = self._fetch(f"select count(*), min(h) from ({hashed})")[0][0]
        if not found:
            return
        self.connection.execute(
            f"create or replace temp table twice as select *, row_number() over (partition by {same} order by _export,"
            f" _record) as place from {self.rows} where hash({same}) in ({hashed})"
        )
        counted = self._fetch(
            f"select _export, count(*), sum({self._priced()}) from twice where place > 1 group by all order by all"
        )
        total = sum(row[1] for row in counted)
        if not total:
            return
        drops = [n for n, part in enumerate(self._part_of_export()) if part.source.duplicates == "drop"]
        dropped = 0
        if drops:
            self.connection.execute(
                f"delete from {self.rows} where (_export, _record) in (select (_export, _record) from twice"
                f" where place > 1 and _export in ({_numbers(drops)}))"
            )
            for export, rows, amount in counted:
                if export in drops:
                    self.tallies[export].add("duplicate", rows, amount)
                    dropped += rows
        amount = sum((row[2] or Decimal(0) for row in counted), Decimal(0))
        values = {"effect": "informs", "dropped": dropped, "remedy": 'duplicates = "drop"'}
        code = "duplicate_lines_dropped" if dropped else "duplicate_lines"
        priced = money(amount) if self.table.money_column else None
        self.issues.append(Issue(code, self.table.name, None, None, total, priced, values))

    def _part_of_export(self) -> list[Part]:
        return [part for part in self.parts for _ in part.relation.exports]

    def drop_where(self, condition: str, reason: str) -> int:
        """Set aside the rows that meet a condition; returns how many."""
        counted = self._fetch(
            f"select _export, count(*), sum({self._priced()}) from {self.rows} where {condition} group by all order by all"
        )
        for export, rows, amount in counted:
            self.tallies[export].add(reason, rows, amount)
        if counted:
            self.connection.execute(f"delete from {self.rows} where {condition}")
        return sum(row[1] for row in counted)

    # ---- leaving ----

    def finish(self, folder: Path) -> Path | None:
        """Count what is left and write it; None when the table is refused."""
        counted = self._fetch(
            f"select _export, count(*), sum({self._priced()}) from {self.rows} group by all order by all"
        )
        for export, rows, amount in counted:
            self.tallies[export].add(REJECTED if self.refused else "kept", rows, amount)
        if self.refused:
            return None
        path = folder / f"{self.table.name}.parquet"
        order = [c for c in SORTED.get(self.table.name, self.table.key) if c in self.columns]
        sort = f" order by {', '.join(order)}" if order else ""
        self.connection.execute(
            f"copy (select {', '.join(named(c) for c in self.columns)} from {self.rows}{sort})"
            f" to {quoted(path)} (format parquet)"
        )
        return path

    def counts(self) -> list[SourceCount]:
        """Where the rows of each export went."""
        made = []
        for export, tally in zip(self.exports, self.tallies, strict=True):
            aside = {reason: n for reason, n in tally.rows.items() if reason not in ("kept", REJECTED) and n}
            away = sum((tally.amounts[reason] for reason in aside), Decimal(0))
            read = export.records + sum(export.above.values())
            made.append(
                SourceCount(
                    self.table.name,
                    export.name,
                    export.sha256,
                    read,
                    tally.rows.get("kept", 0),
                    tally.rows.get(REJECTED, 0),
                    aside,
                    money(tally.amounts.get("kept")),
                    money(tally.amounts.get(REJECTED)),
                    money(away),
                )
            )
        return made

    def _refuse(self, issue: Issue) -> None:
        self.refused = True
        self.issues.append(issue)

    def _priced(self) -> str:
        column = self.table.money_column
        return column if column in self.columns else "cast(null as decimal(18,4))"  # type: ignore[return-value]

    def _count(self) -> int:
        return int(self._fetch(f"select count(*) from {self.rows}")[0][0])

    def _lines(self, rows: Any) -> dict[tuple[int, int], int]:
        wanted: dict[int, list[int]] = {}
        for export, record in rows:
            wanted.setdefault(export, []).append(record)
        found = {export: self.exports[export].lines(records) for export, records in wanted.items()}
        return {(export, record): line for export, lines in found.items() for record, line in lines.items()}

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(query).fetchall())


def _numbers(values: Any) -> str:
    return ", ".join(map(str, sorted(values)))


def ordered(names: Mapping[str, Any]) -> list[str]:
    """Tables in the order in which they can be assembled: customers first, their marks decide on lines."""
    return sorted(names, key=lambda name: (name != "customers", list(TABLES).index(name)))
