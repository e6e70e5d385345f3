"""The same run asked for again, answered from what it left where nothing that it read or wrote has changed.

Nothing is opened here but files to be hashed: no reader of data, no notebook, no printer is imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from salespilot.client import FILE, Client, load, user_brand
from salespilot.exports import beside, expanded, exported_on, matches, place_of
from salespilot.places import edition, shared
from salespilot.report.made import Entry, Run

FOLDER = Path(".salespilot") / "repeats"
READ = (FILE, "corrections.csv")
BOTH = ("rejects.csv", "aliases.xlsx", "actions.xlsx")
"""Files that a run writes or reads back: nobody has touched them since."""


@dataclass(frozen=True)
class Request:
    """What a run is asked for, as it is asked: what was left to a default is a default here."""

    names: tuple[str, ...] = ()
    as_of: str | None = None
    months: int = 12
    language: str | None = None
    formats: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name under which its answer is kept."""
        given = asdict(self) | {"parameters": sorted(self.parameters.items())}
        return hashlib.sha256(repr(sorted(given.items())).encode()).hexdigest()[:24]


def answer(folder: Path, request: Request) -> Run | None:
    """The run that has answered this request, findings left out; None where it has to be made.

    Raises ClientError on a bad ``client.toml``.
    """
    client = load(folder)
    try:
        kept = json.loads((client.folder / FOLDER / f"{request.key}.json").read_text(encoding="utf-8"))
        if kept["inputs"] != inputs(client) or kept["outputs"] != _digests(client, kept["outputs"]):
            return None
        run = kept["run"]
        if kept["previous"] != previous(client, Path(run["folder"]).parts[1]):
            return None
        place = client.folder / run["folder"]
        if any(path.name.startswith(".") for path in place.iterdir()):
            return None  # a run was killed since: another clears away what it left
        entries = tuple(
            Entry(**{**entry, "files": {kind: place / name for kind, name in entry["files"].items()}, "is_kept": True})
            for entry in run["entries"]
        )
        return Run(place, place / "index.html", entries, is_fit=run["is_fit"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(client: Client, request: Request, seen: str | None, run: Run) -> None:
    """Keep what a run left, to answer the same request again; ``seen``: the inputs before it began.

    A run that left something to be done or to be said is made again.
    """
    path = client.folder / FOLDER / f"{request.key}.json"
    path.unlink(missing_ok=True)
    if seen is None or run.failed or run.remarks or seen != inputs(client):
        return
    place = run.folder.relative_to(client.folder)
    lying = [f for f in run.folder.iterdir() if f.is_file() and not f.name.startswith(".")]
    outputs = [*lying, *(client.folder / name for name in BOTH if (client.folder / name).is_file())]
    entries = [
        {
            **{name: getattr(entry, name) for name in ("name", "title", "state", "reason", "report", "person")},
            "files": {kind: file.name for kind, file in entry.files.items()},
        }
        for entry in run.entries
    ]
    content = {
        "inputs": seen,
        "previous": previous(client, place.parts[1]),
        "outputs": _digests(client, [file.relative_to(client.folder).as_posix() for file in outputs]),
        "run": {"folder": place.as_posix(), "is_fit": run.is_fit, "entries": entries},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)


def inputs(client: Client) -> str | None:
    """A hash of all that a run of this client reads and does not write; None where that is not all in files."""
    if client.engine or any(source.url for source in client.sources):
        return None
    exports: list[Path] = []
    for number, source in enumerate(client.sources, start=1):
        for pattern in source.files:
            exports += matches(client.folder, expanded(pattern, place_of(client, number)))
    paths = [*exports, *(client.folder / name for name in READ)]
    paths += [*(client.folder / "notebooks").glob("*.ipynb"), *shared("notebooks").glob("*.ipynb")]
    paths += (client.folder / "presets").glob("*.toml")
    paths += [path for path in (user_brand(), client.brand.logo) if path]
    known = (
        edition(),
        repr(client),
        exported_on(client, exports),
        beside(client, exports),
        [(str(path), _digest(path)) for path in sorted(paths) if path.is_file()],
    )
    return hashlib.sha256(repr(known).encode()).hexdigest()


def previous(client: Client, as_of: str) -> str:
    """The as-of date of the last run of this client for an earlier date; empty where there is none."""
    runs = (client.folder / "reports").glob("*/*/run.json")
    return max((run.parts[-3] for run in runs if run.parts[-3] < as_of), default="")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digests(client: Client, names: Iterable[str]) -> dict[str, str]:
    return {name: _digest(client.folder / name) for name in names}
