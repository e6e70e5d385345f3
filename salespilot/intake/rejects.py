"""Every value that could not be read: found again in the client's file, named, and written to ``rejects.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from salespilot.intake.conserve import REJECTED
from salespilot.intake.model import Issue, Reject
from salespilot.intake.plan import SHOWN, Plan, joined
from salespilot.intake.relation import Relation
from salespilot.intake.source import Export
from salespilot.intake.words import quoted
from salespilot.tables import Table

HEADERS = ("table", "file", "line", "column", "value", "reason")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
LONGEST = 1000
MOST = 200_000  # rejects listed for one column: beyond it the column is wrong, not its values
CODES = {
    "unreadable": "unreadable_values",
    "missing_key": "missing_key",
    "before_1990": "dates_before_1990",
    "too_many_cells": "too_many_cells",
}


@dataclass
class Rejects:
    """The rejects of one table and the issues that sum them up."""

    table: Table
    listed: list[Reject] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def add_misfits(self, export: Export) -> None:
        """List the rows of a file that hold more cells than it has columns."""
        lines = export.lines(number for number, _ in export.misfits)
        found = [(lines[number], text) for number, text in export.misfits]
        self._add(export, "", None, "too_many_cells", found, {"width": len(export.layout.headers)})

    def add_values(self, connection: Any, relation: Relation, plans: Sequence[Plan], aside: str) -> None:
        """List the values for which rows of a relation were rejected; ``aside`` names the table of its odd rows."""
        keys = () if self.table.made_key else self.table.key
        for plan in plans:
            if plan.unread:
                old = f"{plan.text} in ({', '.join(map(quoted, plan.absurd))})" if plan.absurd else "false"
                reason = f"case when {old} then 'before_1990' else 'unreadable' end"
                self._find(connection, relation, plan, joined(plans), plan.is_unread, reason, aside)
            if plan.empty and plan.column.name in keys:
                self._find(connection, relation, plan, joined(plans), plan.is_empty, "'missing_key'", aside)

    def _find(
        self, connection: Any, relation: Relation, plan: Plan, joins: str, condition: str, reason: str, aside: str
    ) -> None:
        rows = connection.execute(
            f"select r._file, {reason}, r._record, {plan.text} from {relation.view} r {joins}"
            f" where {condition} and (r._file, r._record) in"
            f" (select (_file, _record) from {aside} where reason = '{REJECTED}') order by all limit {MOST}"
        ).fetchall()
        groups: dict[tuple[int, str], list[tuple[int, str]]] = {}
        for file, why, record, value in rows:
            groups.setdefault((file, why), []).append((record, value))
        for (file, why), found in groups.items():
            export = relation.exports[file]
            lines = export.lines(record for record, _ in found)
            placed = [(lines[record], value) for record, value in found]
            self._add(export, plan.source, plan.column.name, why, placed, {"header": plan.source})

    def _add(
        self,
        export: Export,
        header: str,
        column: str | None,
        reason: str,
        found: Sequence[tuple[int, str]],
        values: dict[str, Any],
    ) -> None:
        for line, value in found:
            self.listed.append(Reject(self.table.name, export.name, line, header, value, reason))
        told = {"effect": "weakens", "line": found[0][0], "value": found[0][1][:LONGEST], **values}
        examples = tuple(dict.fromkeys(value[:LONGEST] for _, value in found if value))[:SHOWN]
        self.issues.append(Issue(CODES[reason], self.table.name, export.name, column, len(found), None, told, examples))


def write(path: Path, rejects: Iterable[Reject]) -> None:
    """Write the file whole or not at all: UTF-8 with byte-order mark, semicolons, no cell that Excel would compute."""
    with NamedTemporaryFile("w", encoding="utf-8-sig", newline="", dir=path.parent, delete=False) as stream:
        writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        writer.writerow(HEADERS)
        for r in rejects:
            writer.writerow([r.table, _safe(r.file), r.line, _safe(r.column), _safe(r.value), r.reason])
    Path(stream.name).chmod(0o644)
    Path(stream.name).replace(path)


def _safe(text: str) -> str:
    """A text that a spreadsheet shows and does not compute."""
    text = text.replace("\0", "")[:LONGEST]
    return "'" + text if text.startswith(FORMULA) else text
