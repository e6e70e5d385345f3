"""The standard tables: what every export becomes, whatever the client's software called it.

A table states its grain, its key and its columns; a column states its type. The data model is that of the kit's
method (customers, sales lines, deals, activities ...). Types:

==========  =======================================================  =====================
type        meaning                                                  in Parquet
==========  =======================================================  =====================
id          a code, kept as text (leading zeros matter)              VARCHAR
text        free text, Unicode NFC                                   VARCHAR
date        a calendar day                                           DATE
timestamp   an instant, UTC                                          TIMESTAMP
money       the client's currency, excluding VAT, signed             DECIMAL(18,4)
share       a fraction, 0 to 1                                       DOUBLE
number      any other number                                         DOUBLE
integer     a whole number                                           BIGINT
flag        true or false                                            BOOLEAN
==========  =======================================================  =====================

A category is a text column with a closed list of ``choices``. The tables themselves are in ``tables.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

SQL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "id": "VARCHAR",
        "text": "VARCHAR",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "money": "DECIMAL(18,4)",
        "share": "DOUBLE",
        "number": "DOUBLE",
        "integer": "BIGINT",
        "flag": "BOOLEAN",
    }
)


@dataclass(frozen=True)
class Column:
    """One column of a standard table.

    ``choices`` closes the list of a category. ``references`` names the table whose key the column holds.
    """

    name: str
    type: str
    choices: tuple[str, ...] = ()
    references: str | None = None

    @property
    def sql_type(self) -> str:
        """The column's type in DuckDB and Parquet."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """One standard table.

    ``key``        the columns that tell two rows apart; a row without them is rejected.
    ``made_key``   the key may be made from file and record when the export has none.
    ``essential``  columns without which the table is of no use (said by ``salespilot new``).
    ``dated_by``   the columns whose first non-empty value dates the row: rows after ``as_of`` are set aside.
    ``exempt``     date columns that may lie in the future or before 1990.
    ``is_large``   may hold millions of rows: never enters pandas whole.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    essential: tuple[str, ...] = ()
    dated_by: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    made_key: bool = False
    is_large: bool = False

    def __getitem__(self, column: str) -> Column:
        return next(c for c in self.columns if c.name == column)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names, in the order of the model."""
        return tuple(column.name for column in self.columns)

    @property
    def money_column(self) -> str | None:
        """The column by which rows are priced: the first of type money."""
        return next((c.name for c in self.columns if c.type == "money"), None)


REFERENCES = {
    "customer_id": "customers",
    "parent_customer_id": "customers",
    "delivery_customer_id": "customers",
    "rep_id": "reps",
    "rep_id_booked": "reps",
    "owner_rep_id": "reps",
    "opportunity_id": "opportunities",
    "stage_code": "stages",
    "contest_id": "contests",
    "action_id": "actions",
}


def _load() -> dict[str, Table]:
    tables = {}
    entries = tomllib.loads((Path(__file__).parent / "tables.toml").read_text(encoding="utf-8"))
    for name, entry in entries.items():
        columns = []
        for text in entry.pop("columns"):
            column, kind, *choices = text.split()
            reference = REFERENCES.get(column)
            is_own_key = reference == name and column in entry["key"]
            columns.append(Column(column, kind, tuple(choices), None if is_own_key else reference))
        options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
        tables[name] = Table(name, columns=tuple(columns), **options)
    return tables


TABLES: Mapping[str, Table] = MappingProxyType(_load())
