"""The engine: a warehouse or a cluster where the large standard tables of a client live (``[engine]``).

Marts run there and only their answers come back. What asks for lines themselves (a query of ``Dataset.sql`` that names
a large table) fetches that table once, as Parquet, into the client's folder. Small tables found there are fetched when
the client is opened.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from salespilot.client import FILE, Client, ClientError, Engine
from salespilot.exports import expanded
from salespilot.intake.cache import FOLDER
from salespilot.intake.gather import without_password
from salespilot.intake.model import Intake, SourceCount, money
from salespilot.tables import TABLES, Table

PARTIES: Mapping[str, tuple[str, ...]] = {
    "sales_lines": ("customer_id", "customer_name", "delivery_customer_id", "rep_id_booked", "rep_name"),
    "activities": ("customer_id", "rep_id"),
}
"""Large table -> the columns that name customers and salespeople: those seen in it, who may need an alias."""
CHUNK_ROWS = 100_000


@dataclass(frozen=True, eq=False)
class Remote:
    """A standard table on an engine.

    ``frame`` has every column of the model, typed as in Parquet and null where the engine has none; ``columns`` are
    those that it has; ``until`` is the day of the export.
    """

    spec: Table
    frame: nw.LazyFrame[Any]
    columns: tuple[str, ...]
    until: date
    session: _Ibis | _Spark

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def collect(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """The answer of an expression over ``frame``. Raises ClientError where the engine refuses it."""
        with self.session.refusals(self.spec.name):
            return frame.collect("pyarrow").to_native()

    def known(self, as_of: date, credit_note_dating: str) -> nw.LazyFrame[Any]:
        """The rows known at ``as_of``: what :mod:`salespilot.views` says in SQL of tables at home."""
        known = self.frame.filter(self._day.is_null() | (self._day <= nw.lit(as_of)))
        if self.spec.name != "sales_lines" or credit_note_dating == "issue":
            return known
        is_invoice = nw.col("doc_type").is_null() | (nw.col("doc_type") == "invoice")
        invoices = self.frame.filter(is_invoice).group_by("invoice_id").agg(_original=nw.col("invoice_date").min())
        original = nw.when(nw.col("doc_type") == "credit_note").then(nw.col("_original"))
        return known.join(
            invoices.rename({"invoice_id": "original_invoice_id"}), on="original_invoice_id", how="left"
        ).with_columns(invoice_date=nw.coalesce(original, nw.col("invoice_date")))

    @property
    def _day(self) -> nw.Expr:
        return nw.coalesce(*(nw.col(column) for column in self.spec.dated_by))

    @cached_property
    def parties(self) -> pa.Table:
        """Who stands on the rows: one row a combination of PARTIES, with ``row_count``, ``dated_count``, ``known_from``
        (their first day), ``first_day`` and ``last_day`` (of what was done, not later than the export) and the sum of
        each money column."""
        keys, done = PARTIES[self.spec.name], nw.col(self.spec.dated_by[0])
        sums = {c.name: nw.col(c.name).sum() for c in self.spec.columns if c.type == "money"}
        grouped = (
            self.frame.with_columns(_day=self._day, _done=nw.when(done <= nw.lit(self.until)).then(done))
            .group_by(*keys)
            .agg(
                row_count=nw.len(),
                dated_count=nw.col("_day").count(),
                known_from=nw.col("_day").min(),
                first_day=nw.col("_done").min(),
                last_day=nw.col("_done").max(),
                **sums,
            )
        )
        return self.collect(grouped).sort_by([(key, "ascending") for key in keys])

    @cached_property
    def content(self) -> pa.Table:
        """A small table whole, sorted by its key."""
        return self.collect(self.frame.select(*self.columns)).sort_by([(key, "ascending") for key in self.spec.key])

    @cached_property
    def fingerprint(self) -> str:
        """A hash of a small table's rows; of a large one, of who stands on them, how often, when and for how much."""
        told = self.parties if self.spec.is_large else self.content
        return hashlib.sha256(repr((self.columns, told.to_pydict())).encode()).hexdigest()[:20]

    @cached_property
    def count(self) -> SourceCount:
        """The rows that are there and what they weigh."""
        told = self.parties.to_pydict() if self.spec.is_large else {"row_count": [self.content.num_rows]}
        rows, amounts = sum(told["row_count"]), told.get(self.spec.money_column or "", ())
        weight = money(sum(amount for amount in amounts if amount is not None))
        return SourceCount(self.spec.name, self.session.place, self.fingerprint, rows, rows, 0, {}, weight)

    def fetch(self, client: Client) -> Path:
        """The table as Parquet in the client's folder; written unless it is there."""
        folder = client.folder / FOLDER / "engine"
        path = folder / f"{self.spec.name}-{self.fingerprint}.parquet"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as place:
                draft = Path(place) / path.name
                if self.spec.is_large:
                    with self.session.refusals(self.spec.name):
                        self.session.fetch(self.frame.select(*self.columns).to_native(), draft)
                else:
                    pq.write_table(self.content, draft)
                for old in folder.glob(f"{self.spec.name}-*.parquet"):
                    old.unlink(missing_ok=True)
                draft.replace(path)
        return path


def tables(client: Client, until: date) -> dict[str, Remote]:
    """The standard tables found on the client's engine (none where it has no ``[engine]``). Raises ClientError."""
    if client.engine is None:
        return {}
    session = _session(client, client.engine)
    found = {}
    with session.refusals("schema" if client.engine.schema else "url"):
        for name, (native, columns) in session.tables().items():
            known = tuple(c for c in TABLES[name].column_names if c in columns)
            found[name] = Remote(TABLES[name], nw.from_native(native), known, until, session)
    if not found:
        raise ClientError(
            f"{session.place}: no standard table is there; `salespilot load {client.folder.name}` writes those of the "
            f"exports, or give views the names of ours: {', '.join(PARTIES)}"
        )
    return found


def join(intake: Intake, client: Client) -> Intake:
    """The intake of a client with the tables of its engine, which take the place of those exported.

    Raises ClientError where the engine holds other rows than the exports.
    """
    remotes = tables(client, intake.exported_on)
    if not remotes:
        return intake
    exported = {count.table for count in intake.counts}
    for name, remote in remotes.items():
        kept = sum(count.rows_kept for count in intake.counts if count.table == name)
        if remote.spec.is_large and name in exported and kept != remote.count.rows_kept:
            raise ClientError(
                f"{remote.session.place}: {name} has {remote.count.rows_kept} rows there and {kept} in the exports; "
                f"`salespilot load {client.folder.name}` loads them anew"
            )
    parts = [intake.fingerprint, *(f"{name} {remote.fingerprint}" for name, remote in sorted(remotes.items()))]
    return replace(
        intake,
        fingerprint=hashlib.sha256(repr(parts).encode()).hexdigest()[:20],
        tables={
            **intake.tables,
            **{name: remote if remote.spec.is_large else remote.fetch(client) for name, remote in remotes.items()},
        },
        columns={**intake.columns, **{name: remote.columns for name, remote in remotes.items()}},
        counts=(*intake.counts, *(remote.count for name, remote in remotes.items() if name not in exported)),
    )


def load(client: Client, intake: Intake) -> list[str]:
    """Write the large tables of the exports to the client's engine, in place of what stands there; returns their names.

    PostgreSQL and Spark. Raises ClientError where there is no engine, or one that is filled by its own loader.
    """
    if client.engine is None:
        raise ClientError(f"{client.folder / FILE}: no [engine] says where to load the tables; see docs/scale.md")
    session = _session(client, client.engine)
    names = [name for name in PARTIES if name in intake.tables]
    for name in names:
        with session.refusals(name):
            session.load(TABLES[name], intake.tables[name], intake.columns[name])
    return names


def _session(client: Client, engine: Engine) -> _Ibis | _Spark:
    place = f"{client.folder / FILE} [engine]"
    url = expanded(engine.url, place)
    kind = "spark" if engine.is_spark else "warehouse"
    try:
        return _Spark(engine, client, url, place) if engine.is_spark else _Ibis(engine, url, place)
    except ImportError as error:
        raise ClientError(f'{place}: {error.name} is missing; pip install "salespilot[{kind}]"') from error


class _Session:
    """What both kinds of engine share: how they are called in messages, and their refusals as one sentence."""

    place: str
    url: str

    @contextmanager
    def refusals(self, what: str) -> Iterator[None]:
        """What the engine refuses, as a ClientError without a password."""
        try:
            yield
        except (ClientError, ImportError):
            raise
        except Exception as error:  # each engine has errors of its own
            told = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ClientError(f"{self.place} {what}: {without_password(told.strip(), self.url)}") from error


class _Ibis(_Session):
    """A database, through Ibis."""

    TYPES: Mapping[str, str] = {"VARCHAR": "string", "BIGINT": "int64"}
    WRITTEN: Mapping[str, str] = {"VARCHAR": 'text collate "C"', "DOUBLE": "double precision"}

    def __init__(self, engine: Engine, url: str, place: str) -> None:
        import ibis

        self.url, self.place, self.schema = url, place, engine.schema
        self.null = ibis.null
        with self.refusals("url"):
            self.connection = ibis.connect(url)

    def tables(self) -> dict[str, tuple[Any, set[str]]]:
        """The standard tables of the schema, with every column of the model, and the columns that each has."""
        there = {name.lower(): name for name in self.connection.list_tables(database=self.schema)}
        return {
            name: self._typed(spec, self.connection.table(there[name], database=self.schema))
            for name, spec in TABLES.items()
            if name in there
        }

    def _typed(self, spec: Table, table: Any) -> tuple[Any, set[str]]:
        own = {column.lower(): column for column in table.columns}
        chosen = {
            column.name: (table[own[column.name]] if column.name in own else self.null()).cast(
                self.TYPES.get(column.sql_type, column.sql_type.lower())
            )
            for column in spec.columns
        }
        return table.select(**chosen), set(own)

    def fetch(self, table: Any, path: Path) -> None:
        """Write a table as Parquet, a chunk at a time."""
        batches = table.to_pyarrow_batches(chunk_size=CHUNK_ROWS)
        with pq.ParquetWriter(path, batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)

    def load(self, spec: Table, source: Path, columns: tuple[str, ...]) -> None:
        """Write a table to PostgreSQL, whole or not at all."""
        if self.connection.name != "postgres":
            raise ClientError(
                f"{self.place}: only PostgreSQL is loaded from here; give {self.connection.name} {source}"
            )
        import duckdb
        from psycopg import sql

        names: dict[str, Any] = {"table": sql.Identifier(*filter(None, (self.schema, spec.name)))}
        kinds = [(name, spec[name].sql_type) for name in columns]
        names["columns"] = sql.SQL(", ".join(f"{name} {self.WRITTEN.get(kind, kind)}" for name, kind in kinds))
        with tempfile.TemporaryDirectory() as place, self.connection.con.transaction():
            text = Path(place) / "rows.csv"
            duckdb.read_parquet(str(source)).project(", ".join(columns)).write_csv(str(text), header=False)
            with self.connection.con.cursor() as cursor:
                if self.schema:
                    cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(self.schema)))
                cursor.execute(sql.SQL("drop table if exists {table}").format(**names))
                cursor.execute(sql.SQL("create table {table} ({columns})").format(**names))
                filling = sql.SQL("copy {table} from stdin (format csv)").format(**names)
                with text.open("rb") as rows, cursor.copy(filling) as copy:
                    shutil.copyfileobj(rows, copy)
                cursor.execute(sql.SQL("analyze {table}").format(**names))


class _Spark(_Session):
    """A Spark master; the tables are Parquet in a folder, or in a database of its catalog."""

    TYPES: Mapping[str, str] = {"VARCHAR": "string", "TIMESTAMP": "timestamp_ntz"}

    def __init__(self, engine: Engine, client: Client, url: str, place: str) -> None:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # it has not seen pandas 3 yet
            from pyspark.errors import AnalysisException
            from pyspark.sql import SparkSession, functions

        self.url, self.place, self.schema = url, place, engine.schema
        self.folder = (
            str(client.folder / engine.folder) if engine.folder and "://" not in engine.folder else engine.folder
        )
        self.functions, self.absent = functions, AnalysisException
        with self.refusals("url"):
            builder = SparkSession.builder.master(url).appName("salespilot").config("spark.ui.enabled", "false")
            builder = builder.config("spark.ui.showConsoleProgress", "false")
            self.spark = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()

    def _name(self, name: str) -> str:
        if self.folder:
            return f"{self.folder.rstrip('/')}/{name}.parquet"
        return f"{self.schema}.{name}" if self.schema else name

    def tables(self) -> dict[str, tuple[Any, set[str]]]:
        """The standard tables that are there, with every column of the model, and the columns that each has."""
        found = {}
        for name, spec in TABLES.items():
            try:
                read = self.spark.read.parquet if self.folder else self.spark.table
                found[name] = self._typed(spec, read(self._name(name)))
            except self.absent:
                continue
        return found

    def _typed(self, spec: Table, table: Any) -> tuple[Any, set[str]]:
        own = {column.lower() for column in table.columns}
        null = self.functions.lit(None)
        chosen = [
            (table[column.name] if column.name in own else null)
            .cast(self.TYPES.get(column.sql_type, column.sql_type.lower()))
            .alias(column.name)
            for column in spec.columns
        ]
        return table.select(*chosen), own

    def fetch(self, table: Any, path: Path) -> None:
        """Write a table as Parquet; the workers must see the client's folder."""
        parts = path.with_suffix(".parts")
        table.coalesce(1).write.parquet(parts.as_uri())
        next(parts.glob("part-*.parquet")).replace(path)

    def load(self, spec: Table, source: Path, columns: tuple[str, ...]) -> None:
        """Write a table to the folder or the catalog; the workers must see the client's folder."""
        writer = self.spark.read.parquet(source.as_uri()).select(*columns).write.mode("overwrite")
        if self.folder:
            writer.parquet(self._name(spec.name))
        else:
            writer.saveAsTable(self._name(spec.name))
