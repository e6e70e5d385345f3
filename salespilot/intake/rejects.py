"""``rejects.csv``: every value that could not be read, where it stands in the client's file, and why."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from salespilot.intake.model import Reject

HEADERS = ("table", "file", "line", "column", "value", "reason")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
LONGEST = 1000


def write(path: Path, rejects: Iterable[Reject]) -> None:
    """Write the file whole or not at all: UTF-8 with byte-order mark, semicolons, no cell that Excel would compute."""
    with NamedTemporaryFile("w", encoding="utf-8-sig", newline="", dir=path.parent, delete=False) as stream:
        writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        writer.writerow(HEADERS)
        for r in rejects:
            writer.writerow([r.table, _safe(r.file), r.line, _safe(r.column), _safe(r.value), r.reason])
    Path(stream.name).chmod(0o644)
    Path(stream.name).replace(path)


def _safe(text: str) -> str:
    """A text that a spreadsheet shows and does not compute."""
    text = text.replace("\0", "")[:LONGEST]
    return "'" + text if text.startswith(FORMULA) else text
