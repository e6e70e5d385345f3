"""The SQL behind a Dataset: every standard table as it was known at one date, on an embedded DuckDB connection.

``raw_<table>`` is what the exports hold, with every column of the model; ``<table>``, in a schema of its date, is what
was known then. Each is created when a query first names it: most queries name a few of the many.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd

from salespilot import aliases, deal_states, embedded
from salespilot.client import Client
from salespilot.engines import Remote
from salespilot.intake.cache import FOLDER
from salespilot.tables import TABLES, Table

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


def _until(spec: Table, as_of: date) -> str:
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
        ) from raw_actions where {_until(TABLES["actions"], as_of)}"""


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
        return f"select * from raw_sales_lines where {_until(spec, as_of)}"
    return f"""
        select r.* replace (coalesce(o.day, r.invoice_date) as invoice_date)
        from raw_sales_lines r left join (
            select invoice_id, min(invoice_date) as day from raw_sales_lines
            where coalesce(doc_type, 'invoice') = 'invoice' group by invoice_id
        ) o on r.doc_type = 'credit_note' and r.original_invoice_id = o.invoice_id
        where {_until(spec, as_of)}"""


def _with_seen(spec: Table, as_of: date, filled: Collection[str], remote: Collection[str]) -> str:
    key, name = spec.key[0], "name" if spec.name == "customers" else "display_name"
    seen = " union all ".join(
        f"select {column} as id, {label or 'null'} as label "
        f"from {'parties_' if table in remote else ''}{table} where {column} is not null"
        for table, column, label in SEEN[spec.name]
        if table in filled
    )
    known = f"from raw_{spec.name} where {_until(spec, as_of)}"
    status = " replace (coalesce(status, 'customer') as status)" if spec.name == "customers" else ""
    if not seen:
        return f"select *{status} {known} order by {key}"
    added = {key: "s.id", name: "s.label", "status": "'customer'"}
    chosen = [f'cast({added.get(c.name, "null")} as {c.sql_type}) as "{c.name}"' for c in spec.columns]
    return f"""
        with seen as (select id, max(label) as label from ({seen}) group by id)
        select *{status} {known}
        union all by name
        select {", ".join(chosen)} from seen s
        where s.id not in (select {key} from raw_{spec.name})
        order by {key}"""


_NAMED = re.compile(rf"\b(raw_|export_)?((?:parties_)?(?:{'|'.join(TABLES)}))\b")
LATEST = date(2199, 12, 31)


class Catalog:
    """The standard tables of one client, from Parquet paths, pandas frames or an engine.

    ``exported`` says which columns each table has been given; the others are null, and a table not given is empty.
    Names and codes are replaced by aliases where the client's ``[privacy]`` says so. Of a table on an engine there is
    ``parties_<table>``, who is seen in it; a query that names the table itself fetches it whole, once.
    """

    def __init__(self, sources: Mapping[str, Any], client: Client | None, credit_note_dating: str) -> None:
        spill = client.folder / FOLDER / "spill" if client else Path(tempfile.gettempdir()) / "salespilot-spill"
        self._connection = embedded.connect(spill)
        self._sources = {
            name: source.copy(deep=False) if isinstance(source, pd.DataFrame) else source
            for name, source in sources.items()
        }
        self._client, self._dating = client, credit_note_dating
        self._made: set[str] = set()
        self._making = Lock()  # documents of one run are made in threads that share this
        self._hidden: Mapping[str, str] = {}
        self.remotes = {name: source for name, source in self._sources.items() if isinstance(source, Remote)}
        self.exported = {name: self._columns(name) for name in TABLES if name in self._sources}
        self.basis = sales_basis(self.exported)
        if client is not None and aliases.hidden_kinds(client):
            for name in TABLES:
                self.cursor(f"export_{'parties_' if name in self.remotes else ''}{name}")
            self._hidden = aliases.install(self._connection, client, self.remotes)

    def cursor(self, query: str, as_of: date = LATEST) -> Any:
        """A cursor for a query: the tables that it names are there, as known at ``as_of``."""
        schema = f"known_{as_of:%Y_%m_%d}"
        cursor = self._connection.cursor()
        with self._making:
            cursor.execute(f"create schema if not exists {schema}")
            cursor.execute(f"use {schema}")
            self._create(query, schema, as_of, cursor)
        return cursor

    def _create(self, query: str, schema: str, as_of: date, cursor: Any) -> None:
        for layer, name in dict.fromkeys(_NAMED.findall(query.lower())):
            full_name = f"{'main' if layer else schema}.{layer}{name}"
            if full_name not in self._made:
                if layer == "export_" or (layer and not self._hidden):
                    kind, definition = self._export(name, cursor)
                else:
                    kind, definition = self._masked(name) if layer else self._known(name, as_of)
                    self._create(definition, schema, as_of, cursor)
                cursor.execute(f"create {kind} {full_name} as {definition}")
                self._made.add(full_name)

    def _export(self, name: str, cursor: Any) -> tuple[str, str]:
        """Whether it becomes a view or a table, and its SQL; so below."""
        table = name.removeprefix("parties_")
        source = self._sources.get(table)
        if name != table:
            cursor.register("given", self.remotes[table].parties)
            return "table", "select * from given"
        if isinstance(source, Remote):
            assert self._client is not None
            source = source.fetch(self._client)
        given = self.exported.get(name, ())
        chosen = ", ".join(
            f'cast({c.name if c.name in given else "null"} as {c.sql_type}) as "{c.name}"' for c in TABLES[name].columns
        )
        if isinstance(source, pd.DataFrame):
            cursor.register("given", source.copy())  # DuckDB refuses a reversed view of a frame
            return "table", f"select {chosen} from given"
        return "view", f"select {chosen} {'where false' if source is None else f'from {_parquet(source)}'}"

    def _masked(self, name: str) -> tuple[str, str]:
        table = name.removeprefix("parties_")
        columns = TABLES[table].column_names if name == table else self.remotes[table].parties.column_names
        return "view", aliases.masked(table, self._hidden, f"export_{name}", columns)

    def _known(self, name: str, as_of: date) -> tuple[str, str]:
        if name.startswith("parties_"):
            return "view", f"select * from raw_{name} where dated_count < row_count or known_from <= date '{as_of}'"
        filled = {*self.exported, *(["opportunities"] if "opportunity_events" in self.exported else ())}
        if name == "opportunities" and name in filled:
            return "table", f"{deal_states.opportunities(as_of)} order by opportunity_id"
        if name in SEEN:
            return "table", _with_seen(TABLES[name], as_of, filled, self.remotes)
        if name == "sales_lines":
            return "view", _sales_lines(self.basis, as_of, self._dating)
        if name == "actions":
            return "view", _actions(as_of)
        return "view", f"select * from raw_{name} where {_until(TABLES[name], as_of)}"

    def _columns(self, name: str) -> tuple[str, ...]:
        source = self._sources[name]
        if isinstance(source, Path | str):
            known = self._connection.execute(f"describe select * from {_parquet(source)}").fetchall()
            given: Collection[str] = {column for column, *_ in known}
        else:
            given = source.columns
        return tuple(c for c in TABLES[name].column_names if c in given)


def _parquet(path: Path | str) -> str:
    return "read_parquet('{}')".format(str(path).replace("'", "''"))
