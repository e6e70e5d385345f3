"""Which exports feed which table: globs resolved, layouts found, databases queried, every file read once as text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from salespilot.client import Client, ClientError, Source
from salespilot.exports import beside, expanded, exported_on, matches, place_of
from salespilot.intake import native, presets
from salespilot.intake.cache import digest
from salespilot.intake.model import IntakeError, Issue
from salespilot.intake.sniff import Layout, SniffError, layout, models
from salespilot.intake.source import Export, machine_text, read_export
from salespilot.intake.store import ARROW, show, suffix, write_rows
from salespilot.intake.words import named, normal
from salespilot.tables import TABLES

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Feed:
    """One ``[[source]]`` with the files it names. ``place`` is how messages name it."""

    source: Source
    place: str
    files: tuple[Path, ...]
    preset: tuple[presets.PresetTable, ...] = ()

    def columns(self, headers: Sequence[str]) -> dict[str, str]:
        """Standard column -> header or expression: what client.toml says, completed by the preset."""
        found: dict[str, str] = {}
        if self.source.sql or self.source.url:
            standard = {normal(h): h for h in headers}
            found = {c: standard[normal(c)] for c in TABLES[self.source.table].column_names if normal(c) in standard}
        for table in self.preset:
            if table.table == self.source.table and table.recognises(headers):
                found |= table.columns_for(headers)
        return found | dict(self.source.columns)


@dataclass
class Gathered:
    """The files of a client, hashed but not yet read."""

    feeds: list[Feed]
    digests: dict[Path, str]
    unmatched: tuple[str, ...]
    exported_on: date
    issues: list[Issue] = field(default_factory=list)


def resolve(client: Client) -> Gathered:
    """Resolve and hash the files of every source. Raises ClientError on an unknown preset or variable."""
    feeds, issues = [], []
    for number, source in enumerate(client.sources, start=1):
        place = place_of(client, number)
        files: list[Path] = []
        for pattern in source.files:
            found = matches(client.folder, expanded(pattern, place))
            files += [path for path in found if path not in files]
            if not found:
                values = {"effect": "blocks", "pattern": pattern, "remedy": f"files = [...] in {place}"}
                issues.append(Issue("no_file", source.table, pattern, None, 0, None, values))
        try:
            preset = presets.load(source.preset, client.folder) if source.preset else ()
        except presets.PresetError as error:
            raise ClientError(f"{place} preset: {error}") from error
        feeds.append(Feed(source, place, tuple(files), preset))
    paths = list(dict.fromkeys(path for feed in feeds for path in feed.files))
    digests = {path: digest(path) for path in paths}
    unmatched = tuple(path.relative_to(client.folder).as_posix() for path in beside(client, paths))
    return Gathered(feeds, digests, unmatched, exported_on(client, paths), issues)


class Reader:
    """Reads each file of a client once as text, whatever the number of sources that use it."""

    def __init__(self, client: Client, gathered: Gathered, work: Path, progress: Progress | None) -> None:
        self.client, self.gathered, self.work, self.progress = client, gathered, work, progress
        self.texts = work / "text"
        self.texts.mkdir(parents=True, exist_ok=True)
        self.read: dict[object, Export] = {}
        self.stems: dict[str, Path] = {}
        self.total = sum(len(feed.files) or 1 for feed in gathered.feeds)
        self.done = 0

    def exports(self, feed: Feed, issues: list[Issue]) -> list[Export]:
        """The files of one source as text; one that cannot be read is an issue that blocks its table."""
        found = []
        sharing = [path for other in self.gathered.feeds for path in other.files]
        for path in feed.files:
            alone = sharing.count(path) == 1 and path.stat().st_size >= native.WORTH_BYTES
            try:
                found.append(self._export(path, feed.source.hints, feed=feed if alone else None))
            except (IntakeError, SniffError) as error:
                values = {"effect": "blocks", "reason": str(error)}
                issues.append(Issue("unreadable_file", feed.source.table, self._name(path), None, 0, None, values))
        return found

    def _export(
        self, path: Path, hints: Mapping[str, object], model: str | None = None, feed: Feed | None = None
    ) -> Export:
        """One file as text; its numbers as numbers where it is large and ``feed`` alone uses it."""
        hints = {**hints, **({"model": model} if model else {})}
        key = (path, tuple(sorted((k, str(v)) for k, v in hints.items() if k not in ("decimal", "date_order"))))
        if key not in self.read:
            if self.progress:
                self.progress(path.name, self.done, self.total)
            found = layout(path, hints)
            text = self.texts / f"{len(self.read)}{suffix(path.stat().st_size)}"
            stem = self._stem(path)
            numeric = native.Native({})
            if feed and found.format == "csv":
                numeric = native.guess(path, found, feed.source, TABLES[feed.source.table], feed.columns(found.headers))
            sha = self.gathered.digests[path]
            self.read[key] = read_export(path, self._name(path), stem, sha, found, text, numeric)
            self.done += 1
        return self.read[key]

    def _name(self, path: Path) -> str:
        """The file's name, with its folder where two exports bear the same."""
        alike = [p for p in self.gathered.digests if p.name == path.name]
        return path.name if len(alike) == 1 else f"{path.parent.name}/{path.name}"

    def _stem(self, path: Path) -> str:
        stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
        for candidate in (stem, f"{path.parent.name}_{stem}", path.name, str(path)):
            if self.stems.setdefault(candidate, path) == path:
                return candidate
        return str(path)

    # ---- queries ----

    def query(self, connection: Any, feed: Feed, number: int) -> Export:
        """The answer of a source's SQL over its exports, as an export of its own. Raises ClientError."""
        views = []
        for path in feed.files:
            for name, export in self._views(path, feed.source.hints):
                show(connection, f"export {name}", export.text)
                connection.execute(f"create or replace view {named(name)} as select * from {named(f'export {name}')}")
                views.append(name)
        try:
            described = connection.execute(f"describe {feed.source.sql}").fetchall()
            described = [row for row in described if row[0] != "_record"]  # of the views: a query may order by it
            chosen = ", ".join(_as_text(row[0], row[1]) for row in described)
            reader = connection.sql(f"select {chosen} from ({feed.source.sql})").to_arrow_reader(20_000)
        except duckdb.Error as error:
            known = ", ".join(named(name) for name in views) or "none: no file matches"
            raise ClientError(f"{feed.place} sql: {str(error).splitlines()[0]}; the exports are {known}") from error
        names = [row[0] for row in described]
        joined = hashlib.sha256("".join(self.gathered.digests[p] for p in feed.files).encode()).hexdigest()
        label = " + ".join(self._name(path) for path in feed.files)
        return self._answer(f"query_{number}", label, names, joined, None, reader)

    def _views(self, path: Path, hints: Mapping[str, object]) -> Iterator[tuple[str, Export]]:
        found = () if hints.get("model") else models(path)
        for model in found:
            yield model, self._export(path, hints, model)
        if not found:
            export = self._export(path, hints)
            yield export.stem, export

    def _answer(self, stem: str, label: str, names: list[str], sha: str, rows: Any, batches: Any) -> Export:
        made = Layout("parquet", None, None, 0, None, None, tuple(names))
        text = self.texts / f"{stem}{ARROW}"
        count = write_rows(text, names, rows or (), batches)
        return Export(Path(label), label, stem, sha, made, text, count)

    def database(self, feed: Feed, number: int) -> Export:
        """The answer of a source's query to its database. Raises ClientError, never showing a password."""
        import sqlalchemy

        url = expanded(feed.source.url or "", feed.place)
        if self.progress:
            self.progress(feed.source.table, self.done, self.total)
        hasher = hashlib.sha256()
        try:
            address = sqlalchemy.make_url(url)
            if address.drivername.startswith("sqlite") and address.database and address.database != ":memory:":
                place = self.client.folder / address.database
                if not place.is_file():
                    raise ClientError(f"{feed.place} url: no such file {place}")
                address = address.set(database=str(place))
            engine = sqlalchemy.create_engine(address)
            with engine.connect().execution_options(stream_results=True, yield_per=10_000) as connection:
                answer = connection.execute(sqlalchemy.text(feed.source.query or ""))
                names = list(answer.keys())
                rows = _hashed(([machine_text(value) for value in row] for row in answer), hasher)
                made = self._answer(f"database_{number}", f"{feed.source.table} (query)", names, "", rows, None)
            engine.dispose()
        except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
            message = without_password(str(getattr(error, "orig", None) or error).splitlines()[0], url)
            raise ClientError(f"{feed.place}: the query failed: {message}") from error
        self.done += 1
        sha = hasher.hexdigest()
        return Export(**{**vars(made), "sha256": sha})


def without_password(message: str, url: str) -> str:
    """A message about a url, its password replaced by ``***``."""
    secret = re.search(r"://[^:/@]*:([^@]+)@", url)
    return message.replace(secret[1], "***") if secret else message


def _hashed(rows: Iterator[list[str]], hasher: Any) -> Iterator[list[str]]:
    for row in rows:
        hasher.update("\x1f".join(row).encode("utf-8", "replace") + b"\x1e")
        yield row


def _as_text(name: str, kind: str) -> str:
    """SQL: a column of a query as text that reads in one way only (see :mod:`.source`)."""
    text = f"coalesce(cast({named(name)} as varchar), '')"
    if kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        text = f"regexp_replace({text}, '^(-?[0-9]+\\.[0-9]{{3}})$', '\\10')"
    return f"{text} as {named(name)}"
