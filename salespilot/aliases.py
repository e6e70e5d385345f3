"""Stable aliases for people and customers, where ``[privacy]`` asks for them.

Codes and names are replaced before anything else sees them, so that no page, picture, file name or figure can leak.
The key stays with the consultant, in ``CLIENT/aliases.xlsx``: an alias given once is never given to another.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from python_calamine import CalamineWorkbook

from salespilot.client import Client
from salespilot.tables import TABLES

WORDS = {
    "fr": {"customers": "Client", "reps": "Commercial"},
    "en": {"customers": "Customer", "reps": "Salesperson"},
}
WIDTH = {"customers": 4, "reps": 2}
CODES = {
    "customers": ("customer_id", "parent_customer_id", "delivery_customer_id"),
    "reps": ("rep_id", "rep_id_booked", "owner_rep_id", "manager_id"),
}
NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "customers": {"customers": ("name",)},
    "reps": {"reps": ("display_name",)},
}
TELLING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "customers": {"customers": ("legal_id", "lat", "lon"), "sales_lines": ("customer_name",)}
    | {"opportunities": ("customer_name",), "actions": ("title",), "interventions": ("description",)},
    "reps": {"reps": ("home_postcode",), "sales_lines": ("rep_name",), "opportunities": ("rep_name",)}
    | {"actions": ("title",), "interventions": ("description",)},
}


def hidden_kinds(client: Client | None) -> dict[str, str]:
    """The kinds hidden by the client's settings: kind -> "alias"."""
    return {kind: mode for kind, mode in client.privacy.items() if mode == "alias"} if client else {}


def install(connection: Any, client: Client, remote: Collection[str] = ()) -> dict[str, str]:
    """Create ``alias_<kind>`` (id, alias) for each kind hidden by the client's settings.

    Of a ``remote`` table the codes are read in ``export_parties_<table>``. Returns kind -> "alias"; writes new aliases
    to ``CLIENT/aliases.xlsx``.
    """
    hidden = hidden_kinds(client)
    if not hidden:
        return {}
    path = client.folder / "aliases.xlsx"
    known = _read(path)
    for kind in hidden:
        union = " union ".join(
            f"select cast({column} as varchar) as id from export_{'parties_' if table in remote else ''}{table}"
            for table, spec in TABLES.items()
            for column in CODES[kind]
            if column in spec.column_names
        )
        ids = [
            row[0]
            for row in connection.execute(f"select id from ({union}) where id is not null order by id").fetchall()
        ]
        given = known.setdefault(kind, {})
        for code in ids:
            if code not in given:
                given[code] = f"{WORDS[client.language][kind]} {len(given) + 1:0{WIDTH[kind]}d}"
        frame = pd.DataFrame({"id": list(given), "alias": list(given.values())}, dtype=str)
        connection.register(f"alias_frame_{kind}", frame)
        connection.execute(f"create table alias_{kind} as select id, alias from alias_frame_{kind}")
    _write(path, known, connection)
    return hidden


def codes(client: Client) -> dict[str, str]:
    """The code behind each alias ever given, for what people wrote in a list that shows aliases only."""
    known = _read(client.folder / "aliases.xlsx") if "alias" in client.privacy.values() else {}
    return {alias: code for given in known.values() for code, alias in given.items()}


def masked(table: str, hidden: Mapping[str, str], origin: str = "", columns: Collection[str] = ()) -> str:
    """SQL of a table with the codes and names of the hidden kinds replaced, and telling free text removed.

    Read from ``export_<table>``, or from an ``origin`` that has these of its ``columns``.
    """
    replaced: dict[str, str] = {}
    origin, columns = origin or f"export_{table}", columns or TABLES[table].column_names
    for kind in hidden:
        alias = f"(select alias from alias_{kind} where id = t.{{}})"
        for column in CODES[kind]:
            if column in columns:
                replaced[column] = alias.format(column)
        for column in NAMES[kind].get(table, ()):
            replaced[column] = alias.format(TABLES[table].key[0])
        for column in TELLING[kind].get(table, ()):
            if column in columns:
                replaced[column] = "null"
    if "reps" in hidden and "entity_id" in columns:
        replaced["entity_id"] = (
            "case when entity_level = 'rep' "
            "then (select alias from alias_reps where id = t.entity_id) else entity_id end"
        )
    if "reps" in hidden and table == "opportunity_events":
        for column in ("old_value", "new_value"):
            replaced[column] = (
                f"case when field = 'owner' then (select alias from alias_reps where id = t.{column}) else {column} end"
            )
    if not replaced:
        return f"select * from {origin}"
    swaps = ", ".join(
        f"cast({expression} as {TABLES[table][column].sql_type}) as {column}" for column, expression in replaced.items()
    )
    return f"select * replace ({swaps}) from {origin} t"


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    book = CalamineWorkbook.from_path(path)
    return {
        sheet: {str(row[0]): str(row[1]) for row in book.get_sheet_by_name(sheet).to_python()[1:]}
        for sheet in book.sheet_names
    }


def _write(path: Path, known: Mapping[str, Mapping[str, str]], connection: Any) -> None:
    import xlsxwriter  # only where aliases are asked for

    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".aliases-", suffix=".xlsx")
    os.close(handle)
    names = dict(
        connection.execute(
            "select customer_id, name from export_customers union all select rep_id, display_name from export_reps"
        ).fetchall()
    )
    with xlsxwriter.Workbook(temporary) as book:
        for kind, given in known.items():
            sheet = book.add_worksheet(kind)
            for place, text in enumerate(("id", "alias", "name")):
                sheet.write_string(0, place, text)
            for line, (code, alias) in enumerate(given.items(), start=1):
                sheet.write_string(line, 0, code)
                sheet.write_string(line, 1, alias)
                sheet.write_string(line, 2, names.get(code) or "")
            sheet.set_column(0, 2, 24)
    Path(temporary).replace(path)
