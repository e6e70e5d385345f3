"""The cache of standard tables: found again by a hash of the exports, of how they are read, and of the code that reads.

Everything is written beside its place and moved there whole, so that two runs at once, or one cut short, do no harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from salespilot import tables as standard
from salespilot.client import Client
from salespilot.intake.model import Intake, Issue, SourceCount

KEPT = 3  # cached states of one client: going back to yesterday's exports costs nothing
FOLDER = ".salespilot"


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def code_digest() -> str:
    """A hash of the code that turns exports into tables."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "client.py", Path(standard.__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def fingerprint(client: Client, parts: Iterable[object]) -> str:
    """The name of a state of the client: of its exports (``parts``: their names and hashes) and of their reading."""
    settings: list[object] = [
        client.currency,
        client.exported_on,
        client.complete_until,
        client.sources,
        client.control,
    ]
    settings.append(client.first_fiscal_month)
    text = repr([code_digest(), settings, list(parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def load(client: Client, name: str) -> Intake | None:
    """The intake of a state read before; None when there is none (whole)."""
    folder = client.folder / FOLDER / "tables" / name
    try:
        raw = json.loads((folder / "intake.json").read_text(encoding="utf-8"))
        made = Intake(
            fingerprint=name,
            folder=folder,
            tables={table: folder / f"{table}.parquet" for table in raw["tables"]},
            columns={table: tuple(columns) for table, columns in raw["columns"].items()},
            counts=tuple(SourceCount(**count) for count in raw["counts"]),
            issues=tuple(Issue(**{**issue, "examples": tuple(issue["examples"])}) for issue in raw["issues"]),
            unmatched=tuple(raw["unmatched"]),
            exported_on=date.fromisoformat(raw["exported_on"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not all(path.exists() for path in made.tables.values()):
        return None
    os.utime(folder)
    return made


def save(client: Client, made: Intake, work: Path) -> Intake:
    """Move what was written in ``work`` to its place in the cache; returns the intake as it stands there."""
    raw: dict[str, Any] = {
        "tables": list(made.tables),
        "columns": made.columns,
        "counts": [asdict(count) for count in made.counts],
        "issues": [asdict(issue) for issue in made.issues],
        "unmatched": made.unmatched,
        "exported_on": made.exported_on.isoformat(),
    }
    (work / "intake.json").write_text(json.dumps(raw, ensure_ascii=False, default=_plain, indent=1), encoding="utf-8")
    place = client.folder / FOLDER / "tables" / made.fingerprint
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        work.rename(place)
    except OSError:  # another run was first, or left it broken
        found = load(client, made.fingerprint)
        if found is not None:
            shutil.rmtree(work, ignore_errors=True)
            return found
        shutil.rmtree(place, ignore_errors=True)
        work.rename(place)
    _forget(place)
    found = load(client, made.fingerprint)
    assert found is not None, place
    return found


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else dict(value) if isinstance(value, Mapping) else str(value)


def _forget(kept: Path) -> None:
    """Remove the oldest states, never the one just written."""
    states = sorted((p for p in kept.parent.iterdir() if p.is_dir() and p != kept), key=lambda p: p.stat().st_mtime)
    for old in states[: max(0, len(states) - (KEPT - 1))]:
        shutil.rmtree(old, ignore_errors=True)
