"""Dataset: the tables and marts of one client as they were known at one date.

Nothing dated after ``as_of`` is seen through it: later rows are set aside, versions obey their dates, and a deal's
stage, amount, owner and status are those of that day, rebuilt from its events or from dated snapshots of the list;
without either a deal closed later is open and its stage and amount are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import narwhals as nw
import pandas as pd

from salespilot import aliases, engines, views
from salespilot.client import Client, load
from salespilot.conventions import Conventions, SettingError, settings
from salespilot.intake import SNAPSHOT, Intake, Issue, read, register
from salespilot.marts import MARTS
from salespilot.tables import TABLES
from salespilot.views import LATEST, Catalog

BEGINNING = date(1990, 1, 1)
MOST_MONTHS = 1200


@dataclass(frozen=True)
class Window:
    """A period of days, both ends included. ``is_partial``: its last month is not closed."""

    start: date
    end: date
    is_partial: bool = False

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.end - self.start).days + 1


def month_start(day: date, months: int = 0) -> date:
    """The first day of the month that lies ``months`` after that of ``day``."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def month_end(day: date) -> date:
    """The last day of the month of ``day``."""
    return month_start(day, 1) - timedelta(days=1)


def last_closed_month(as_of: date, last_transaction: date, complete_until: date | None = None) -> date:
    """The end of the last month that is closed at ``as_of``.

    A month is closed when it ends on or before ``as_of`` and the last transaction lies on or after its last
    Monday-to-Friday day; ``complete_until`` overrides the second condition.
    """
    known = complete_until or last_transaction
    end = month_end(as_of) if as_of == month_end(as_of) else month_start(as_of) - timedelta(days=1)
    while end > known:
        last_weekday = end - timedelta(days=max(0, end.weekday() - 4))
        if known >= last_weekday:
            break
        end = month_start(end) - timedelta(days=1)
    return end


@dataclass(frozen=True)
class Dataset:
    """What a diagnostic may see of a client. Made by :func:`open` or :meth:`from_frames`; immutable.

    ``window`` is the period reported on, ``previous`` the equally long one before it (None for ``months=0`` or where
    the first transaction lies after its start). ``sales_basis`` is "invoiced", or "won_deals" where deals won stand
    in for invoices that were not exported, or None where there are neither.
    """

    as_of: date
    months: int
    window: Window
    previous: Window | None
    conventions: Conventions
    sales_basis: str | None
    exported: Mapping[str, tuple[str, ...]]
    client: Client | None = None
    intake: Intake | None = None
    _catalog: Catalog = field(kw_only=True, repr=False)
    _frames: dict[object, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, pd.DataFrame],
        as_of: date | str | None = None,
        months: int = 12,
        conventions: Conventions | None = None,
        client: Client | None = None,
    ) -> Dataset:
        """A Dataset of pandas frames named and headed like the standard tables (some columns may be absent)."""
        conventions = conventions or Conventions()
        catalog = Catalog(frames, client, conventions.credit_note_dating)
        return _opened(catalog, as_of, months, conventions, client, None)

    def at(self, as_of: date | str) -> Dataset:
        """The same client as it was known at another date."""
        return _opened(self._catalog, as_of, self.months, self.conventions, self.client, self.intake)

    def has(self, table: str) -> bool:
        """Whether the client exported this table with at least one row known at ``as_of``."""
        if table == "sales_lines" and self.sales_basis == "won_deals":
            return True
        known = f"parties_{table}" if table in self._catalog.remotes else table
        return table in self.exported and not self.sql(f"select 1 from {known} limit 1").empty

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of a table that the exports give."""
        return self.exported.get(table, ())

    def table(self, name: str) -> pd.DataFrame:
        """A whole table as pandas, with every column of the model (missing where not exported), sorted by key.

        Customers and salespeople not exported are derived from the ids seen in other tables. Raises ValueError for
        tables that may hold millions of rows: those are asked for as marts.
        """
        spec = TABLES[name]
        if spec.is_large:
            raise ValueError(f"{name} may hold millions of rows: ask for a mart of it, or use Dataset.sql")
        query = f"select * from {name} order by {', '.join(spec.key)}"
        return self.once(("table", name), lambda: _tidy(self.sql(query), name))

    def mart(self, name: str, window: Window | None = None) -> pd.DataFrame:
        """A mart (see :mod:`salespilot.marts`) over a period (default: the window), sorted by its key columns.

        Frames of a table that was not exported are empty, with the mart's columns. Each is computed once.
        """
        period = window or self.window
        return self.once((name, period.start, period.end), lambda: self._computed(name, period))

    def once(self, key: object, compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The frame named by a key, computed when first asked for; each caller has a copy of its own (on write)."""
        if key not in self._frames:
            self._frames[key] = compute()
        return self._frames[key].copy(deep=False)

    def _computed(self, name: str, period: Window) -> pd.DataFrame:
        table, expression = MARTS[name]
        if table in self._catalog.remotes:
            remote = self._catalog.remotes[table]
            known = remote.known(self.as_of, self.conventions.credit_note_dating)
            answer = remote.collect(expression(known, period.start, period.end))
            masked = aliases.masked(table, aliases.hidden_kinds(self.client), "answer", answer.column_names)
            frame = self._catalog.cursor("").register("answer", answer).sql(masked).df()
        else:
            query = f"select * from {table}"
            relation = self._catalog.cursor(query, self.as_of).sql(query)
            frame = expression(nw.from_native(relation), period.start, period.end).collect("pandas").to_native()
        keys = [c for c in frame.columns if c.endswith("_id") or c in ("month_index", "product_family", "type")]
        frame = frame.sort_values([*keys, "rep_id_booked"] if "rep_id_booked" in frame else keys, ignore_index=True)
        for column in frame.columns:
            if column.endswith(("_date", "_order")):
                frame[column] = pd.to_datetime(frame[column])
        return frame

    def sql(self, query: str) -> pd.DataFrame:
        """The answer of a DuckDB query over the standard tables as known at ``as_of``.

        A table on an engine that the query names is fetched whole, once.
        """
        return self._catalog.cursor(query, self.as_of).sql(query).df()

    @cached_property
    def history(self) -> Window:
        """Everything known up to ``as_of``."""
        return Window(BEGINNING, self.as_of)

    @cached_property
    def first_transaction(self) -> date | None:
        """The date of the first sales line."""
        first = self.mart("customer_starts", self.history)["first_date"].min()
        return None if pd.isna(first) else first.date()

    def names(self, table: str) -> pd.Series:
        """Names of ``customers`` or ``reps`` indexed by id; the id itself where no name is known."""
        key, name = ("customer_id", "name") if table == "customers" else ("rep_id", "display_name")
        frame = self.table(table).set_index(key)
        return frame[name].fillna(frame.index.to_series()).rename("name")

    @cached_property
    def owners(self) -> pd.DataFrame:
        """Who holds each customer at ``as_of``: customer_id, rep_id, is_orphan (its salesperson has left).

        From ``customer_assignments`` (role owner; the biggest share where two hold it at once); customers never
        assigned go to the salesperson with most revenue booked over the last 12 months, if lines name one.
        """
        query = views.OWNERS.format(as_of=self.as_of.isoformat())
        cursor = self._catalog.cursor(query, self.as_of)
        cursor.register("customer_reps", self.mart("customer_reps", Window(month_start(self.as_of, -12), self.as_of)))
        return cursor.sql(query).df()

    @cached_property
    def deal_history(self) -> str | None:
        """What is known of how deals came to stand as they do.

        "events" (every change recorded), "snapshots" (several dated exports of one list, turned into changes dated by
        the first export that shows them), "export" (one list of today), or None without deals.
        """
        if self.has("opportunity_events"):
            own = f"select 1 from opportunity_events where not starts_with(event_id, '{SNAPSHOT}') limit 1"
            return "snapshots" if self.sql(own).empty else "events"
        return "export" if self.has("opportunities") else None

    @cached_property
    def issues(self) -> tuple[Issue, ...]:
        """What intake found wrong with the exports (none for a Dataset made of frames)."""
        return self.intake.issues if self.intake else ()


def open(client: Client | str | Path, as_of: date | str | None = None, months: int = 12) -> Dataset:
    """The Dataset of a client folder: reads its exports (or finds them read) and fixes the date and the period.

    ``as_of`` (a date or ISO text) defaults to the end of the last closed month; ``months=0`` means everything up to
    ``as_of``, partial months included. Raises ClientError on a bad ``client.toml``.
    """
    client = client if isinstance(client, Client) else load(Path(client))
    conventions = settings(Conventions, client.conventions, "client.toml [conventions]")
    exports, known, codes = engines.join(read(client), client), register.read(client), aliases.codes(client)
    intake = register.join(exports, known, codes)
    catalog = Catalog(intake.tables, client, conventions.credit_note_dating)
    opened = _opened(catalog, as_of, months, conventions, client, intake)
    if (dated := known.dated(opened.as_of)) != known:
        intake = register.join(exports, dated, codes)
        catalog = Catalog(intake.tables, client, conventions.credit_note_dating)
        opened = _opened(catalog, opened.as_of, months, conventions, client, intake)
    if as_of and opened.sales_basis and opened.first_transaction is None:
        first = opened.at(LATEST).first_transaction
        if first is not None:
            raise SettingError(f"as_of {as_of} lies before the first sale of the exports, {first}")
    return opened


def _opened(
    catalog: Catalog,
    as_of: date | str | None,
    months: int,
    conventions: Conventions,
    client: Client | None,
    intake: Intake | None,
) -> Dataset:
    given = _parse(as_of)
    exported_on = intake.exported_on if intake else None
    last = _day(catalog, views.last_transaction(catalog.basis, exported_on, catalog.remotes))
    complete_until = client.complete_until if client else None
    closed = last_closed_month(given or month_end(complete_until or last), last, complete_until) if last else None
    first = _day(catalog, views.first_transaction(catalog.basis, catalog.remotes))
    if closed is not None and first is not None and closed < month_start(first):
        closed = None
    fixed = given or closed or last or exported_on or date.today()
    window, previous = _periods(fixed, months, closed, first)
    return Dataset(
        fixed, months, window, previous, conventions, catalog.basis, catalog.exported, client, intake, _catalog=catalog
    )


def _periods(as_of: date, months: int, closed: date | None, first: date | None) -> tuple[Window, Window | None]:
    if not 0 <= months <= MOST_MONTHS:
        raise SettingError(f"months must be 0 (everything) to {MOST_MONTHS}, not {months}")
    if months == 0:
        return Window(first or BEGINNING, as_of, is_partial=closed != as_of), None
    end = closed or as_of
    start = month_start(end, 1 - months)
    before = Window(month_start(end, 1 - 2 * months), start - timedelta(days=1))
    is_covered = first is not None and first <= month_end(before.start)
    return Window(start, end, is_partial=closed is None), before if is_covered else None


def _parse(as_of: date | str | None) -> date | None:
    if not as_of:
        return None
    try:
        day = as_of if isinstance(as_of, date) else date.fromisoformat(as_of)
    except ValueError as error:
        raise SettingError(f"as_of must be a date like 2026-06-30, not {as_of!r}") from error
    if not BEGINNING <= day <= LATEST:
        raise SettingError(f"as_of must lie between {BEGINNING} and {LATEST}, not {day}")
    return day


def _day(catalog: Catalog, query: str) -> date | None:
    (value,) = catalog.cursor(query).execute(query).fetchone()
    return value.date() if hasattr(value, "date") else value


def _tidy(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    for column in TABLES[table].columns:
        if column.type in ("money", "number", "share"):
            frame[column.name] = frame[column.name].astype(float)
        elif column.type in ("date", "timestamp"):
            frame[column.name] = pd.to_datetime(frame[column.name])
    return frame
