"""Intake: raw exports become standard tables, and every row read is accounted for.

:func:`read` is the whole of it. Text becomes numbers and dates only here; after it the client's headers are unknown.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from salespilot import embedded
from salespilot.client import Client
from salespilot.intake import cache, checks, corrections, drafts, events, keys, rejects, signs, snapshots, typing
from salespilot.intake.assemble import Assembly, Part, ordered
from salespilot.intake.conserve import sift
from salespilot.intake.gather import Feed, Gathered, Progress, Reader, resolve
from salespilot.intake.model import Intake, IntakeError, Issue, Reject, SourceCount, money
from salespilot.intake.plan import Scope
from salespilot.intake.relation import relate
from salespilot.intake.snapshots import SNAPSHOT
from salespilot.intake.source import Export
from salespilot.tables import TABLES

__all__ = ["SNAPSHOT", "Intake", "IntakeError", "Issue", "SourceCount", "read"]

REJECTS = "rejects.csv"
WORKPLACE = "reading-"
ABANDONED = 86_400
"""Seconds after which the folder of a reading is what a killed run left: gigabytes, of a large export."""


def read(client: Client, progress: Progress | None = None) -> Intake:
    """The standard tables of a client, read from its exports or found read.

    ``progress(name, done, total)`` is told which export is being read. Writes ``rejects.csv`` in the client folder.
    Raises ClientError where ``client.toml`` asks for what the exports do not have; what is wrong in the exports
    themselves is an Issue of the result.
    """
    gathered = resolve(client)
    work = _workplace(client)
    try:
        reader = Reader(client, gathered, work, progress)
        databases = {n: reader.database(f, n) for n, f in enumerate(gathered.feeds) if f.source.url}
        name = cache.fingerprint(client, _parts(client, gathered, databases))
        found = cache.load(client, name)
        if found is None:
            found = _read(client, gathered, reader, databases, work, name)
        _publish_rejects(client, found)
        return found
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _workplace(client: Client) -> Path:
    home = client.folder / cache.FOLDER
    home.mkdir(exist_ok=True)
    for left in home.glob(f"{WORKPLACE}*"):
        with suppress(OSError):  # another run was first
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left)
    return Path(tempfile.mkdtemp(prefix=WORKPLACE, dir=home))


def _parts(client: Client, gathered: Gathered, databases: Mapping[int, Export]) -> list[object]:
    parts: list[object] = [gathered.exported_on, gathered.unmatched]
    for number, feed in enumerate(gathered.feeds):
        # As the folder names them: one that is moved or copied is not read again.
        names = [str(p.relative_to(client.folder) if p.is_relative_to(client.folder) else p) for p in feed.files]
        files = [(name, gathered.digests[path]) for name, path in zip(names, feed.files, strict=True)]
        parts.append((files, feed.preset, databases[number].sha256 if number in databases else ""))
    path = client.folder / corrections.FILE
    parts.append(cache.digest(path) if path.is_file() else "")
    return parts


def _read(
    client: Client,
    gathered: Gathered,
    reader: Reader,
    databases: Mapping[int, Export],
    work: Path,
    name: str,
) -> Intake:
    tables = work / "tables"
    tables.mkdir()
    issues = list(gathered.issues)
    listed: list[Reject] = []
    written: dict[str, Path] = {}
    columns: dict[str, tuple[str, ...]] = {}
    counts: list[SourceCount] = []
    wanted = corrections.load(client)
    with _connect(work) as connection:
        assemblies = _assemblies(connection, gathered, reader, databases, wanted, issues)
        rebuilt = False
        for table, assembly in assemblies.items():
            signs.settle(assembly)
            drafts.tell(assembly)
            events.settle(assembly, client.sources)
            keys.settle(assembly)
            rebuilt = snapshots.settle(assembly, events.LOG in assemblies) or rebuilt
            _leave_group(assemblies, assembly)
            path = assembly.finish(tables)
            if path is not None:
                written[table], columns[table] = path, assembly.columns
            counts += assembly.counts()
            issues += [*assembly.issues, *assembly.rejects.issues]
            listed += assembly.listed
        found = snapshots.CHANGES if rebuilt else None
        issues += checks.check(connection, client, gathered.exported_on, assemblies, found)
        if rebuilt:
            written[events.LOG], columns[events.LOG] = snapshots.write(connection, tables)
    rejects.write(tables / REJECTS, listed)
    made = Intake(
        name, tables, written, columns, tuple(counts), tuple(issues), gathered.unmatched, gathered.exported_on
    )
    return cache.save(client, made, tables)


def _connect(work: Path) -> Any:
    """A DuckDB that reads and writes nothing outside ``work``."""
    connection = embedded.connect(work / "spill")
    with suppress(duckdb.InvalidInputException):  # refused in a kernel without widgets, which has no bar anyway
        connection.execute("set enable_progress_bar = false")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set python_enable_replacements = false")
    connection.execute(f"set allowed_directories = ['{str(work).replace(chr(39), chr(39) * 2)}']")
    connection.execute("set enable_external_access = false")  # a client's SQL reads its exports and nothing else
    return connection


def _assemblies(
    connection: Any,
    gathered: Gathered,
    reader: Reader,
    databases: Mapping[int, Export],
    wanted: tuple[corrections.Correction, ...],
    issues: list[Issue],
) -> dict[str, Assembly]:
    """The tables, each with what its sources give, in the order in which they are finished."""
    parts: dict[str, list[Part]] = {}
    used: set[int] = set()
    for number, feed in enumerate(gathered.feeds):
        if number in databases:
            exports = [databases[number]]
        elif feed.source.sql:
            exports = [reader.query(connection, feed, number)]
        else:
            exports = reader.exports(feed, issues)
        if exports:
            part = _part(connection, reader.client, feed, exports, number, wanted, used, gathered.exported_on)
            parts.setdefault(feed.source.table, []).append(part)
    issues += corrections.unmatched(wanted, used)
    blocked = {issue.table for issue in issues if issue.effect == "blocks"}
    sources = reader.client.sources
    tables = {name: snapshots.assembled(TABLES[name], sources) for name in ordered(parts)}
    return {name: Assembly(connection, table, parts[name], name in blocked) for name, table in tables.items()}


def _part(
    connection: Any,
    client: Client,
    feed: Feed,
    exports: list[Export],
    number: int,
    wanted: tuple[corrections.Correction, ...],
    used: set[int],
    exported_on: date,
) -> Part:
    """What one source gives; adds to ``used`` the lines of the corrections that found their row."""
    table = snapshots.dated(TABLES[feed.source.table], client.sources)
    originals, copies = _without_copies(exports, feed)
    relation = relate(connection, f"source_{number}", originals)
    scope = Scope(connection, table, events.followed(feed.source, relation, connection), relation, feed.place)
    reading = typing.read(scope, {**feed.columns(relation.headers), **snapshots.moments(feed.source)})
    reading = snapshots.with_moment(scope, reading, exported_on)
    reading, found = corrections.apply(scope, reading, wanted, relation.record_key if table.made_key else None)
    used |= found
    reading = signs.with_kind(scope, reading)
    return Part(feed.source, relation, reading, sift(connection, table, relation, reading.plans), copies)


def _without_copies(exports: list[Export], feed: Feed) -> tuple[list[Export], tuple[tuple[Export, Export], ...]]:
    """The files of a source, and apart those that are byte for byte another one: (copy, original).

    A list exported twice on different days is no copy: it says that nothing changed.
    """
    originals: dict[object, Export] = {}
    copies = []
    for export in exports:
        day = snapshots.file_day(export, feed.place) if feed.source.snapshot == "file" else None
        key = (export.sha256, export.layout.sheet, export.layout.model, day)
        original = originals.setdefault(key, export)
        if original is not export:
            copies.append((export, original))
    return list(originals.values()), tuple(copies)


def _leave_group(assemblies: Mapping[str, Assembly], assembly: Assembly) -> None:
    """Set aside sales to the client's own group: customers marked ``is_intercompany``."""
    customers = assemblies.get("customers")
    if assembly.table.name != signs.SALES or customers is None or customers.refused:
        return
    if "is_intercompany" not in customers.columns or "customer_id" not in assembly.columns:
        return
    own = f"customer_id in (select customer_id from {customers.rows} where is_intercompany)"
    count, amount = assembly.set_aside(own, "intercompany")
    if count:
        issue = Issue("intercompany", signs.SALES, None, None, count, money(amount), {"effect": "informs"})
        assembly.issues.append(issue)


def _publish_rejects(client: Client, found: Intake) -> None:
    """Put the rejects of this state in the client folder, unless they are there."""
    kept = (found.folder / REJECTS).read_bytes()
    place = client.folder / REJECTS
    if not place.is_file() or place.read_bytes() != kept:
        draft = place.with_name(f".{REJECTS}.draft")
        draft.write_bytes(kept)
        draft.replace(place)
