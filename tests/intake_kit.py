"""Tools of the intake tests: a client folder made of texts, read, and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from salespilot.client import load
from salespilot.intake import Intake, Issue, read

HEAD = 'name = "Test"\nexported_on = 2026-07-03\n'
LINES = """
[[source]]
table = "sales_lines"
files = ["*.csv"]
[source.columns]
invoice_id = "Facture"
invoice_date = "Date"
customer_id = "Client"
amount_net = "Montant"
"""


def client(folder: Path, toml: str = LINES, /, head: str = HEAD, **files: str | bytes) -> Path:
    """Write a client folder; a file's name is its keyword with __ for the point."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "client.toml").write_text(head + toml, encoding="utf-8")
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return folder


def take(folder: Path) -> Intake:
    """Read a client folder; holds the conservation of every export."""
    made = read(load(folder))
    for count in made.counts:
        assert count.rows_read == count.rows_kept + count.rows_rejected + sum(count.set_aside.values()), count
    exported = {count.table for count in made.counts}
    for table, path in made.tables.items():
        if table not in exported:
            continue  # found in another table
        kept = sum(count.rows_kept for count in made.counts if count.table == table)
        assert duckdb.sql(f"select count(*) from '{path}'").fetchall()[0][0] == kept
    return made


def rows(made: Intake, columns: str, table: str = "sales_lines", order: str = "all") -> list[tuple[Any, ...]]:
    """Rows of a standard table."""
    return duckdb.sql(f"select {columns} from '{made.tables[table]}' order by {order}").fetchall()


def issue(made: Intake, code: str) -> Issue:
    """The one issue of a code."""
    found = [one for one in made.issues if one.code == code]
    assert len(found) == 1, [one.code for one in made.issues]
    return found[0]


def codes(made: Intake) -> set[str]:
    """The codes of all issues."""
    return {one.code for one in made.issues}
