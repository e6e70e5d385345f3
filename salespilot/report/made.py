"""What a run made, and what is remembered of each document until its next run. Imports no reader of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salespilot.finding import Finding

FORMATS = ("html", "pdf", "xlsx", "svg")
DEFAULT_FORMATS = ("html", "pdf", "xlsx")


@dataclass(frozen=True)
class Entry:
    """What became of one document: ``state`` is done, failed or not_run; ``reason`` says why it is not done.

    ``person``: the rep_id of whom it is about, where its report is made once for each. ``is_kept``: it was made by an
    earlier run and nothing that it rests on has changed.
    """

    name: str
    title: str
    state: str
    reason: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    found: Sequence[Finding] = ()
    seconds: float = 0.0
    report: str = ""
    person: str = ""
    is_kept: bool = False


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its index page, an entry for each report, and whether the data were fit for any."""

    folder: Path
    index: Path
    entries: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()
    is_fit: bool = True

    @property
    def failed(self) -> tuple[Entry, ...]:
        """The reports that failed."""
        return tuple(entry for entry in self.entries if entry.state == "failed")


@dataclass(frozen=True)
class Record:
    """What is remembered of a document: what it was made of (``key``), for what was asked, and its files.

    ``files``: name -> SHA-256. ``findings``: how many.
    """

    name: str
    title: str
    state: str
    key: str
    reason: str | None = None
    report: str = ""
    person: str = ""
    months: int = 12
    formats: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    findings: int = 0
    seconds: float = 0.0
