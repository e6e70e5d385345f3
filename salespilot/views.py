"""The SQL behind a Dataset: every standard table as it was known at one date, on an embedded DuckDB connection.

``raw_<table>`` is what the exports hold, with every column of the model; ``<table>`` is what was known at ``as_of``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from salespilot import aliases, deal_states
from salespilot.client import Client
from salespilot.engines import Remote
from salespilot.tables import TABLES, Table

SPECIAL = ("sales_lines", "opportunities", "customers", "reps", "actions")
SEEN = {
    "customers": (
        ("sales_lines", "customer_id", "customer_name"),
        ("opportunities", "customer_id", "customer_name"),
        ("customer_assignments", "customer_id", None),
        ("customer_potential", "customer_id", None),
        ("activities", "customer_id", None),
        ("quotes", "customer_id", None),
    ),
    "reps": (
        ("sales_lines", "rep_id_booked", "rep_name"),
        ("opportunities", "rep_id", "rep_name"),
        ("customer_assignments", "rep_id", None),
        ("activities", "rep_id", None),
        ("quotes", "rep_id", None),
    ),
}

OWNERS = """
with held as (
    select customer_id, rep_id, row_number() over (
        partition by customer_id order by coalesce(split_share, 1) desc, valid_from desc, rep_id) as place
    from customer_assignments
    where coalesce(role, 'owner') = 'owner' and (valid_to is null or valid_to >= date '{as_of}')
), booked as (
    select customer_id, rep_id_booked as rep_id, row_number() over (
        partition by customer_id order by net_revenue desc, rep_id_booked) as place
    from customer_reps
    where customer_id not in (select customer_id from customer_assignments where customer_id is not null)
), owned as (
    select customer_id, rep_id from held where place = 1
    union all
    select customer_id, rep_id from booked where place = 1
)
select c.customer_id, o.rep_id, coalesce(r.end_date < date '{as_of}', false) as is_orphan
from customers c left join owned o using (customer_id) left join reps r using (rep_id)
order by c.customer_id
"""


def register(connection: Any, sources: Mapping[str, Any], client: Client | None) -> dict[str, tuple[str, ...]]:
    """Create ``raw_<table>`` for every standard table from Parquet paths or pandas frames; returns what each gives.

    Absent tables become empty views; absent columns are null. Names and codes are replaced by aliases where the
    client's ``[privacy]`` says so. Of a table on an engine there is ``raw_parties_<table>`` until it is fetched.
    """
    exported: dict[str, tuple[str, ...]] = {}
    for name, spec in TABLES.items():
        source = sources.get(name)
        if isinstance(source, Remote):
            connection.register("given", source.parties)
            connection.execute(f"create table export_parties_{name} as select * from given")
            exported[name] = source.columns
            continue
        if isinstance(source, pd.DataFrame):
            connection.register("given", source.copy())  # DuckDB refuses a reversed view of a frame
            connection.execute(f"create table frame_{name} as select * from given")
            origin: str | None = f"frame_{name}"
        else:
            origin = f"read_parquet('{_quoted(source)}')" if isinstance(source, Path | str) else None
        columns = _columns_of(connection, origin)
        if origin is not None:
            exported[name] = tuple(c for c in spec.column_names if c in columns)
        _export(connection, spec, origin, columns)
    remote = [name for name in TABLES if isinstance(sources.get(name), Remote)]
    hidden = aliases.install(connection, client, remote) if client else {}
    for name in TABLES:
        if name in remote:
            masked = aliases.masked(name, hidden, f"export_parties_{name}", sources[name].parties.column_names)
            connection.execute(f"create view raw_parties_{name} as {masked}")
        else:
            connection.execute(f"create view raw_{name} as {aliases.masked(name, hidden)}")
    return exported


def _export(connection: Any, spec: Table, origin: str | None, columns: Collection[str]) -> None:
    chosen = [f'cast({c.name if c.name in columns else "null"} as {c.sql_type}) as "{c.name}"' for c in spec.columns]
    tail = f"from {origin}" if origin is not None else "where false"
    connection.execute(f"create view if not exists export_{spec.name} as select {', '.join(chosen)} {tail}")


def _quoted(path: Path | str) -> str:
    return str(path).replace("'", "''")


def _columns_of(connection: Any, origin: str | None) -> set[str]:
    if origin is None:
        return set()
    return {row[0] for row in connection.execute(f"describe select * from {origin}").fetchall()}


def sales_basis(exported: Mapping[str, tuple[str, ...]]) -> str | None:
    """What stands for sales: invoices, else deals won, else nothing (deals without an outcome are never won)."""
    if "sales_lines" in exported:
        return "invoiced"
    return "won_deals" if "status" in exported.get("opportunities", ()) else None


def _transactions(basis: str | None, remote: Collection[str]) -> str:
    if basis == "invoiced":
        return _days("sales_lines", "invoice_date", remote)
    if basis == "won_deals":
        return "select closed_date as day from raw_opportunities where closed_date is not null"
    return (
        f"{_days('activities', 'done_date', remote)} where day is not null "
        "union all select sent_date from raw_quotes where sent_date is not null "
        "union all select event_ts::date from raw_opportunity_events where event_ts is not null"
    )


def _days(table: str, column: str, remote: Collection[str]) -> str:
    if table not in remote:
        return f"from (select {column} as day from raw_{table})"
    return f"from (select unnest([first_day, last_day]) as day from raw_parties_{table})"


def last_transaction(basis: str | None, exported_on: date | None, remote: Collection[str]) -> str:
    """SQL: the last day with a sales line (or deal closing), not later than the day of the export."""
    until = f"where day <= date '{exported_on}'" if exported_on else ""
    return f"select max(day) from ({_transactions(basis, remote)}) {until}"


def first_transaction(basis: str | None, remote: Collection[str]) -> str:
    """SQL: the first day with a sales line (or deal closing)."""
    return f"select min(day) from ({_transactions(basis, remote)})"


def create(
    connection: Any, as_of: date, basis: str | None, credit_note_dating: str, remote: Collection[str] = ()
) -> None:
    """Create every standard table as known at ``as_of``; of a ``remote`` one ``parties_<table>``, who is seen in it."""
    for name, spec in TABLES.items():
        if name in remote:
            known = f"dated_count < row_count or known_from <= date '{as_of}'"
            connection.execute(f"create view parties_{name} as select * from raw_parties_{name} where {known}")
        elif name not in SPECIAL:
            connection.execute(f"create view {name} as select * from raw_{name} where {_known(spec, as_of)}")
    connection.execute(f"create table opportunities as {deal_states.opportunities(as_of)} order by opportunity_id")
    if "sales_lines" not in remote:
        connection.execute(f"create view sales_lines as {_sales_lines(basis, as_of, credit_note_dating)}")
    connection.execute(f"create view actions as {_actions(as_of)}")
    for name in ("customers", "reps"):
        connection.execute(f"create table {name} as {_with_seen(TABLES[name], as_of, remote)}")


def create_fetched(connection: Any, name: str, path: Path, hidden: Mapping[str, str], as_of: date, dating: str) -> None:
    """Create a table of an engine as known at ``as_of``, now that it has been fetched."""
    spec, origin = TABLES[name], f"read_parquet('{_quoted(path)}')"
    _export(connection, spec, origin, _columns_of(connection, origin))
    connection.execute(f"create view if not exists raw_{name} as {aliases.masked(name, hidden)}")
    known = f"select * from raw_{name} where {_known(spec, as_of)}"
    chosen = _sales_lines("invoiced", as_of, dating) if name == "sales_lines" else known
    connection.execute(f"create view if not exists {name} as {chosen}")


def _known(spec: Table, as_of: date) -> str:
    if not spec.dated_by:
        return "true"
    dated = f"cast(coalesce({', '.join(spec.dated_by)}) as date)"
    return f"({dated} is null or {dated} <= date '{as_of}')"


def _actions(as_of: date) -> str:
    """What was done after ``as_of`` was in progress then."""
    return f"""
        select * replace (
            if(status = 'done' and done_on > date '{as_of}', 'in_progress', status) as status,
            if(done_on > date '{as_of}', null, done_on) as done_on,
            if(done_on > date '{as_of}', null, progress) as progress
        ) from raw_actions where {_known(TABLES["actions"], as_of)}"""


def _sales_lines(basis: str | None, as_of: date, credit_note_dating: str) -> str:
    spec = TABLES["sales_lines"]
    if basis == "won_deals":
        stand_in = {
            "line_id": "opportunity_id",
            "invoice_id": "opportunity_id",
            "invoice_date": "closed_date",
            "doc_type": "'invoice'",
            "customer_id": "customer_id",
            "customer_name": "customer_name",
            "rep_id_booked": "rep_id",
            "rep_name": "rep_name",
            "product_family": "product_family",
            "amount_net": "amount",
            "currency": "currency",
        }
        chosen = [f'cast({stand_in.get(c.name, "null")} as {c.sql_type}) as "{c.name}"' for c in spec.columns]
        return f"select {', '.join(chosen)} from opportunities where status = 'won' and closed_date <= date '{as_of}'"
    if credit_note_dating == "issue":
        return f"select * from raw_sales_lines where {_known(spec, as_of)}"
    return f"""
        select r.* replace (coalesce(o.day, r.invoice_date) as invoice_date)
        from raw_sales_lines r left join (
            select invoice_id, min(invoice_date) as day from raw_sales_lines
            where coalesce(doc_type, 'invoice') = 'invoice' group by invoice_id
        ) o on r.doc_type = 'credit_note' and r.original_invoice_id = o.invoice_id
        where {_known(spec, as_of)}"""


def _with_seen(spec: Table, as_of: date, remote: Collection[str]) -> str:
    key, name = spec.key[0], "name" if spec.name == "customers" else "display_name"
    seen = " union all ".join(
        f"select {column} as id, {label or 'null'} as label "
        f"from {'parties_' if table in remote else ''}{table} where {column} is not null"
        for table, column, label in SEEN[spec.name]
    )
    added = {key: "s.id", name: "s.label", "status": "'customer'"}
    chosen = [f'cast({added.get(c.name, "null")} as {c.sql_type}) as "{c.name}"' for c in spec.columns]
    status = " replace (coalesce(status, 'customer') as status)" if spec.name == "customers" else ""
    return f"""
        with seen as (select id, max(label) as label from ({seen}) group by id)
        select *{status} from raw_{spec.name} where {_known(spec, as_of)}
        union all by name
        select {", ".join(chosen)} from seen s
        where s.id not in (select {key} from raw_{spec.name})
        order by {key}"""
