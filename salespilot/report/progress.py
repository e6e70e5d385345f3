"""What a run says while it lasts: nothing, bars on a terminal, or one JSON object a line for other programs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from salespilot.report.made import Entry, Run


@dataclass
class Estimate:
    """The time left, from what each document took an earlier time, else from the mean of those made by now.

    ``expected``: name -> seconds, of those known. Nothing is said before there is ground for it.
    """

    expected: Mapping[str, float]
    waiting: set[str]
    workers: int
    begun: float = field(default_factory=time.monotonic)
    taken: dict[str, float] = field(default_factory=dict)

    def ended(self, entry: Entry) -> None:
        """A document is made."""
        self.waiting.discard(entry.name)
        self.taken[entry.name] = entry.seconds

    def left(self) -> float | None:
        """Seconds; None without ground."""
        known = [*self.taken.values()] or [*self.expected.values()]
        if not self.waiting:
            return 0.0
        if not known:
            return None
        mean = sum(known) / len(known)
        work = sum(self.expected.get(name, mean) for name in self.waiting)
        if not self.taken:
            return work / min(self.workers, len(self.waiting))
        # What was expected of the documents made against the time that they took, with as many at once as there were.
        done = sum(self.expected.get(name, mean) for name in self.taken)
        return work * (time.monotonic() - self.begun) / done if done else None


class Progress:
    """Told how a run goes; says nothing of it."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def planned(self, entries: Sequence[Entry], making: Sequence[str], left: float | None) -> None:
        """What stands without work (``entries``: kept, or not to be run), and the names of what will be made."""

    def running(self, names: Sequence[str], left: float | None) -> None:
        """The documents being made, where that is known."""

    def ended(self, entry: Entry, left: float | None) -> None:
        """A document is made, or failed."""

    def finished(self, run: Run) -> None:
        """The run is over."""


class Lines(Progress):
    """One JSON object a line on standard output: ``start``, a ``document`` for each, ``end``."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.total = self.done = 0

    def planned(self, entries: Sequence[Entry], making: Sequence[str], left: float | None) -> None:
        """What stands without work, and the names of what will be made."""
        self.total = len(entries) + len(making)
        self._say("start", documents=self.total, to_make=len(making), left_seconds=_rounded(left))
        for entry in entries:
            self._document(entry, left)

    def ended(self, entry: Entry, left: float | None) -> None:
        """A document is made, or failed."""
        self._document(entry, left)

    def finished(self, run: Run) -> None:
        """The run is over."""
        seconds = round(time.monotonic() - self.begun, 2)
        self._say(
            "end", index=str(run.index), is_fit=run.is_fit, **counted(run), remarks=list(run.remarks), seconds=seconds
        )

    def _document(self, entry: Entry, left: float | None) -> None:
        self.done += 1
        told = {name: getattr(entry, name) for name in ("name", "report", "person", "state", "reason", "is_kept")}
        files = sorted(str(path) for path in entry.files.values())
        seconds = round(entry.seconds, 2)
        progress = {"done": self.done, "total": self.total, "left_seconds": _rounded(left)}
        self._say("document", **told, seconds=seconds, files=files, **progress)

    @staticmethod
    def _say(event: str, **told: Any) -> None:
        click.echo(json.dumps({"event": event, **told}, ensure_ascii=False))


class Screen(Progress):
    """A line for each document being made and one for all, drawn on a terminal; a line stays of each one made."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn())
        self.bars = Bars(
            *columns, TimeElapsedColumn(), TextColumn("{task.fields[left]}"), console=console, transient=True
        )
        self.all: TaskID | None = None
        self.each: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        self.bars.start()
        self.all = self.bars.add_task("salespilot", total=None, left="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bars.stop()

    def planned(self, entries: Sequence[Entry], making: Sequence[str], left: float | None) -> None:
        """What stands without work, and the names of what will be made."""
        assert self.all is not None
        if entries and making:
            self.bars.console.print(f"{len(entries)} unchanged", markup=False)
        self.bars.update(self.all, total=len(making), left=_told(left))

    def running(self, names: Sequence[str], left: float | None) -> None:
        """The documents being made, where that is known."""
        assert self.all is not None
        for name in set(self.each) - set(names):
            self.bars.remove_task(self.each.pop(name))
        for name in names:
            if name not in self.each:
                self.each[name] = self.bars.add_task(f"  {name}", total=1, left="")
        self.bars.update(self.all, left=_told(left))

    def ended(self, entry: Entry, left: float | None) -> None:
        """A document is made, or failed."""
        assert self.all is not None
        self.bars.update(self.all, advance=1, left=_told(left))
        if entry.state == "done":
            self.bars.console.print(f"{entry.name:32} {entry.seconds:6.1f} s", markup=False)


def counted(run: Run) -> dict[str, int]:
    """How many documents of a run were made, unchanged, failed, not run."""
    states = [
        ("unchanged" if entry.is_kept else "made") if entry.state == "done" else entry.state for entry in run.entries
    ]
    return {word: states.count(word) for word in ("made", "unchanged", "failed", "not_run")}


def _rounded(left: float | None) -> float | None:
    return None if left is None else round(left, 1)


def _told(left: float | None) -> str:
    if left is None:
        return ""
    minutes, seconds = divmod(round(left), 60)
    return f"{minutes}:{seconds:02d} left"
