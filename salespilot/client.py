"""One client: what ``client.toml`` says of the client, of its exports and of how its reports should look.

:func:`load` reads the file strictly: an unknown key, a value of the wrong type or a missing logo is a
:class:`ClientError` that names the file, the key, the nearest known name and the remedy.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from salespilot.tables import TABLES

FILE = "client.toml"
LANGUAGES = ("fr", "en")
FORMATS = ("csv", "xlsx", "parquet", "jsonl", "json")
ORDERS = ("dmy", "mdy", "ymd")
HINTS = ("format", "encoding", "separator", "decimal", "date_order", "header_row", "sheet", "model")
STATES = ("snapshot", "changed_at")
SOURCE_KEYS = (
    *("table", "files", "sql", "url", "query", "preset", "duplicates", "columns", "formats", "values"),
    *STATES,
    *HINTS,
)


class PlainError(ValueError):
    """What was asked for cannot be done; the message is one line, for whoever asked, that says what to do."""


class ClientError(PlainError):
    """``client.toml`` cannot be used as it is; the message names the file, the key and the remedy."""


@dataclass(frozen=True)
class Source:
    """One ``[[source]]``: where a standard table comes from and how it is read.

    ``files``    globs relative to the client folder (none for a database).
    ``sql``      a query over the exports, each a view named after its file's stem.
    ``url``      a SQLAlchemy URL whose ``${NAME}`` come from the environment, with its ``query``.
    ``columns``  standard column -> header, or SQL expression over headers.
    ``snapshot``   of a list of deals exported again and again: the column that dates each export, or "file" where
                   the date is in the files' names.
    ``changed_at``  of a list of deals with one row a change: the column that dates each change.
    ``formats``  standard column -> how its values are written: ``dmy``, a strptime format, a decimal mark.
    ``values``   standard column -> translation of its values.
    ``hints``    the reading options given (see HINTS); what is absent is found out.
    """

    table: str
    files: tuple[str, ...] = ()
    sql: str | None = None
    url: str | None = None
    query: str | None = None
    preset: str | None = None
    duplicates: str = "keep"
    snapshot: str | None = None
    changed_at: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    hints: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Engine:
    """``[engine]``: where the large standard tables live when that is not on this machine.

    ``url``     of a database that Ibis knows (``postgresql://...``) or of a Spark master (``local[4]``,
                ``spark://host:7077``, ``yarn``); its ``${NAME}`` come from the environment.
    ``schema``  the database schema, or the Spark catalog's database, that holds the tables.
    ``folder``  for Spark, in place of ``schema``: the folder that holds them as Parquet.
    """

    url: str
    schema: str | None = None
    folder: str | None = None

    @property
    def is_spark(self) -> bool:
        """Whether the url is that of a Spark master."""
        return re.match(r"local\b|yarn$|spark://|k8s://", self.url) is not None


@dataclass(frozen=True)
class Brand:
    """The consultant's mark on the reports: two colours, a logo, a firm, an author, a mention."""

    firm: str | None = None
    author: str | None = None
    logo: Path | None = None
    primary: str | None = None
    accent: str | None = None
    confidentiality: str | None = None


@dataclass(frozen=True)
class Client:
    """One client folder, as its ``client.toml`` describes it."""

    folder: Path
    name: str
    language: str = "fr"
    currency: str = "EUR"
    country: str = "FR"
    exported_on: date | None = None
    complete_until: date | None = None
    max_rejected_share: float = 0.02
    first_fiscal_month: int = 1
    sources: tuple[Source, ...] = ()
    engine: Engine | None = None
    control: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    conventions: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    privacy: Mapping[str, str] = field(default_factory=lambda: {"reps": "names", "customers": "names"})
    brand: Brand = field(default_factory=Brand)


TOP_KEYS = ("source", *(f.name for f in fields(Client) if f.name not in ("folder", "sources")))


def load(folder: Path | str) -> Client:
    """The client of a folder that holds a ``client.toml``, looked for from the current folder upwards.

    A notebook opened in JupyterLab runs in its own folder, under Papermill in that of the command: both find "demo".
    Raises ClientError when the folder or the file is missing, is not TOML, or says something unknown.
    """
    given = Path(folder).expanduser()
    places = [base / given for base in (Path.cwd(), *Path.cwd().parents)]
    folder = next((place for place in places if (place / FILE).is_file()), places[0]).resolve()
    path = folder / FILE
    if not path.is_file():
        raise ClientError(f"{path}: no such file; `salespilot new {folder.name} EXPORT...` writes one")
    return _client(folder, _Reader(path, _toml(path)))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ClientError(f"{path}: not valid TOML: {error}") from error
    except (UnicodeDecodeError, OSError) as error:
        raise ClientError(f"{path}: cannot be read: {error}; save it as UTF-8 text") from error


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"


class _Reader:
    """One table of a TOML file: gives its values checked, and complains with the place of the value."""

    def __init__(self, path: Path, table: Mapping[str, Any], place: str = "") -> None:
        self.path, self.values, self.place = path, table, place

    def fail(self, key: str, message: str) -> ClientError:
        return ClientError(f"{self.path}: {self.place + ' ' if self.place else ''}{key}: {message}")

    def only(self, known: Iterable[str]) -> None:
        names = tuple(known)
        for key in self.values:
            if key not in names:
                raise self.fail(key, f"unknown key; {nearest(key, names)}")

    def get(self, key: str, wanted: type | tuple[type, ...], default: Any = None, choices: tuple[Any, ...] = ()) -> Any:
        if key not in self.values:
            return default
        value = self.values[key]
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.fail(key, f"must be {' or '.join(k.__name__ for k in kinds)}, not {value!r}")
        if choices and value not in choices:
            raise self.fail(key, f"must be one of {', '.join(map(str, choices))}, not {value!r}")
        return value

    def day(self, key: str) -> date | None:
        value = self.get(key, (date, str))
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError as error:
                raise self.fail(key, f"must be a date such as 2026-06-30, not {value!r}") from error
        return value.date() if isinstance(value, datetime) else value

    def within(self, key: str, low: float, high: float, default: float, kind: Any = (int, float)) -> Any:
        value = self.get(key, kind, default)
        if not low <= value <= high:
            raise self.fail(key, f"must lie between {low} and {high}, not {value!r}")
        return value

    def table(self, key: str) -> _Reader:
        return _Reader(self.path, self.get(key, dict, {}), f"{self.place[:-1]}.{key}]" if self.place else f"[{key}]")


def _client(folder: Path, top: _Reader) -> Client:
    top.only(TOP_KEYS)
    privacy = top.table("privacy")
    privacy.only(("reps", "customers"))
    conventions = top.table("conventions")
    thresholds = top.table("thresholds")
    currency = top.get("currency", str, "EUR")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise top.fail("currency", f"must be an ISO code such as EUR, not {currency!r}")
    country = top.get("country", str, "FR")
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise top.fail("country", f"must be an ISO code such as FR, not {country!r}")
    entries = top.get("source", list, [])
    for entry in entries:
        if not isinstance(entry, dict):
            raise top.fail("source", "write each source as a [[source]] table")
    return Client(
        folder=folder,
        name=top.get("name", str, folder.name),
        language=top.get("language", str, "fr", LANGUAGES),
        currency=currency,
        country=country,
        exported_on=top.day("exported_on"),
        complete_until=top.day("complete_until"),
        max_rejected_share=float(top.within("max_rejected_share", 0, 1, 0.02)),
        first_fiscal_month=top.within("first_fiscal_month", 1, 12, 1, int),
        sources=tuple(_source(_Reader(top.path, entry, f"[[source]] {n}")) for n, entry in enumerate(entries, 1)),
        engine=_engine(top.table("engine")) if "engine" in top.values else None,
        control=_control(top.table("control")),
        conventions=dict(conventions.values),
        thresholds={name: dict(thresholds.get(name, dict)) for name in thresholds.values},
        privacy={key: privacy.get(key, str, "names", ("names", "alias")) for key in ("reps", "customers")},
        brand=_brand(folder, top.table("brand")),
    )


def _engine(table: _Reader) -> Engine:
    table.only(f.name for f in fields(Engine))
    found = Engine(table.get("url", str, ""), table.get("schema", str), table.get("folder", str))
    if not found.url:
        raise table.fail("url", "is missing: postgresql://USER:${NAME}@HOST/DATABASE, or a Spark master like local[4]")
    if re.search(r"://[^/@:]*:(?!\$\{\w+\}@)[^@]*@", found.url):
        raise table.fail("url", "write the password as ${NAME}: it comes from the environment variable NAME")
    if found.folder and (found.schema or not found.is_spark):
        raise table.fail("folder", "is for Spark, in place of schema: a database holds its tables in a schema")
    return found


def _control(table: _Reader) -> dict[str, dict[int, float]]:
    table.only(("net_revenue",))
    years = table.table("net_revenue")
    for year in years.values:
        if not re.fullmatch(r"(19|20)\d\d", year):
            raise years.fail(year, "must be a year, as in net_revenue = {2025 = 12345678.90}")
    return {"net_revenue": {int(y): float(years.get(y, (int, float))) for y in years.values}} if years.values else {}


def _brand(folder: Path, table: _Reader) -> Brand:
    """The client's ``[brand]`` over the user's own ``brand.toml``."""
    brand = Brand()
    user = user_brand()
    readers = [(folder, table)]
    if user is not None:
        readers.insert(0, (user.parent, _Reader(user, _toml(user))))
    for home, reader in readers:
        reader.only(f.name for f in fields(Brand))
        given: dict[str, Any] = {name: reader.get(name, str) for name in reader.values}
        for name in ("primary", "accent"):
            if name in given and not re.fullmatch(r"#[0-9a-fA-F]{6}", given[name]):
                raise reader.fail(name, f"must be a colour such as #0b3a5b, not {given[name]!r}")
        if "logo" in given:
            given["logo"] = (home / given["logo"]).resolve()
            if given["logo"].suffix.lower() not in (".svg", ".png"):
                raise reader.fail("logo", "must be an .svg or .png file")
            if not given["logo"].is_file():
                raise reader.fail("logo", f"no such file {given['logo']}; the path is relative to {home}")
        brand = replace(brand, **given)
    return brand


def user_brand() -> Path | None:
    """The user's own ``brand.toml``: where SALESPILOT_BRAND says, else in the user's configuration folder."""
    told = os.environ.get("SALESPILOT_BRAND")
    if told:
        path = Path(told).expanduser()
        if not path.is_file():
            raise ClientError(f"{path}: no such file; mend or unset SALESPILOT_BRAND")
        return path
    if sys.platform == "win32":
        home = Path(os.environ.get("APPDATA", "~/AppData/Roaming")).expanduser()
    elif sys.platform == "darwin":
        home = Path("~/Library/Application Support").expanduser()
    else:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    path = home / "salespilot" / "brand.toml"
    return path if path.is_file() else None


def _source(entry: _Reader) -> Source:
    name = entry.get("table", str)
    if name not in TABLES:
        raise entry.fail("table", f"unknown table {name!r}; {nearest(str(name), TABLES)}")
    entry.place = f"{entry.place} ({name})"
    entry.only(SOURCE_KEYS)
    files = entry.get("files", (list, str), [])
    files = [files] if isinstance(files, str) else files
    if not all(isinstance(pattern, str) and pattern for pattern in files):
        raise entry.fail("files", f"must be a list of names or globs, not {files!r}")
    url, query, sql = (entry.get(key, str) for key in ("url", "query", "sql"))
    if bool(files) == bool(url):
        raise entry.fail("files", "give either files (globs relative to client.toml) or a database url")
    if bool(url) != bool(query):
        raise entry.fail("query", "a database url needs a query, and a query a url")
    if url and sql:
        raise entry.fail("sql", "sql is a query over files; for a database write query")
    hints = {key: entry.get(key, int if key == "header_row" else str) for key in HINTS if key in entry.values}
    entry.get("format", str, None, FORMATS)
    _check_hints(entry, hints)
    snapshot, changed_at = (entry.get(key, str) for key in STATES)
    for key in STATES:
        if key in entry.values and name != "opportunities":
            raise entry.fail(key, "only a list of deals (table opportunities) is rebuilt from its states")
    if snapshot and changed_at:
        raise entry.fail(
            "snapshot", "give either snapshot (dated exports of the list) or changed_at (one row a change)"
        )
    if snapshot == "file" and (sql or url):
        raise entry.fail("snapshot", "a query has no file name: name the column that dates each export")
    return Source(
        table=name,
        files=tuple(files),
        sql=sql,
        url=url,
        query=query,
        preset=entry.get("preset", str),
        duplicates=entry.get("duplicates", str, "keep", ("keep", "drop")),
        snapshot=snapshot,
        changed_at=changed_at,
        columns=_by_column(entry, "columns", name, str),
        formats=_by_column(entry, "formats", name, str),
        values=_by_column(entry, "values", name, dict),
        hints=hints,
    )


def _check_hints(entry: _Reader, hints: Mapping[str, Any]) -> None:
    separator = hints.get("separator", ";")
    if separator != "whitespace" and len(separator) != 1:
        raise entry.fail("separator", f'must be one character or "whitespace", not {separator!r}')
    entry.get("decimal", str, None, (".", ","))
    order = hints.get("date_order", "dmy")
    if order not in ORDERS and "%" not in order:
        raise entry.fail("date_order", f'must be dmy, mdy, ymd or a format such as "%b %d %Y", not {order!r}')
    if hints.get("header_row", 1) < 0:
        raise entry.fail("header_row", "must be the line of the header, counted from 1 (0: there is none)")


def _by_column(entry: _Reader, key: str, table: str, wanted: type) -> dict[str, Any]:
    part = _Reader(entry.path, entry.get(key, dict, {}), f"{entry.place} {key}")
    known = TABLES[table].column_names
    for column in part.values:
        if column not in known:
            raise part.fail(column, f"unknown column of {table}; {nearest(column, known)}")
        part.get(column, wanted)
        if wanted is dict:
            _check_translation(part, table, column)
    return dict(part.values)


def _check_translation(part: _Reader, table: str, column: str) -> None:
    choices = TABLES[table][column].choices
    for written, meant in part.values[column].items():
        if not isinstance(meant, str):
            raise part.fail(column, f"{written!r} must become a text, not {meant!r}")
        if choices and meant and meant not in choices:
            raise part.fail(column, f"{written!r} becomes {meant!r}, which is unknown; {nearest(meant, choices)}")
