"""The files that a client's sources name, found without reading them: nothing here imports a reader of data."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from salespilot.client import FILE, Client, ClientError

OURS = re.compile(rf"{re.escape(FILE)}|(rejects|corrections)\.csv|(aliases|actions(-\d{{4}}-\d\d-\d\d)?)\.xlsx")
"""Names of the files that the kit itself keeps in a client's folder."""


def expanded(text: str, place: str) -> str:
    """A text with each ``${NAME}`` replaced by the environment's value; raises ClientError when one is not set."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise ClientError(f"{place}: the environment variable {match[1]} is not set")
        return found

    return re.sub(r"\$\{(\w+)\}", value, text)


def place_of(client: Client, number: int) -> str:
    """How messages name the source of that number, counted from 1."""
    return f"{client.folder / FILE}: [[source]] {number} ({client.sources[number - 1].table})"


def matches(folder: Path, pattern: str) -> list[Path]:
    """The files of a glob relative to a client folder, without those that the kit keeps there."""
    found = glob.glob(str(folder / pattern), recursive=True)  # noqa: PTH207 - the pattern may be absolute
    if not found and (folder / pattern).is_file():
        found = [str(folder / pattern)]  # a name with brackets in it
    paths = [Path(os.path.normpath(name)) for name in found]
    return sorted(p for p in paths if p.is_file() and not _is_aside(p, folder))


def _is_aside(path: Path, folder: Path) -> bool:
    return path.name.startswith((".", "~$")) or (path.parent == folder and OURS.fullmatch(path.name) is not None)


def exported_on(client: Client, paths: Iterable[Path]) -> date:
    """The day of the exports: as ``client.toml`` says, else that of the newest file, else today."""
    newest = max((path.stat().st_mtime for path in paths), default=None)
    return client.exported_on or (date.fromtimestamp(newest) if newest else date.today())


def beside(client: Client, matched: Iterable[Path]) -> list[Path]:
    """Files that lie where exports lie and feed nothing."""
    known = {path.resolve() for path in matched}
    folders = {path.parent for path in known if path.is_relative_to(client.folder)}
    for number, source in enumerate(client.sources, start=1):
        for pattern in source.files:
            plain = (client.folder / re.split(r"[*?\[]", expanded(pattern, place_of(client, number)))[0]).resolve()
            folder = plain if plain.is_dir() else plain.parent
            if folder.is_dir() and folder.is_relative_to(client.folder):
                folders.add(folder)
    found = []
    for folder in sorted(folders):
        for path in sorted(folder.iterdir()):
            if path.is_file() and path not in known and not _is_aside(path, client.folder):
                found.append(path)
    return found
