"""One run: notebooks executed by Papermill, printed, and left beside their Excel and JSON twins in one folder."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import papermill
from filelock import FileLock, Timeout

from salespilot import __version__, dataset, fitness, results
from salespilot.client import Client, load, nearest
from salespilot.conventions import SettingError, from_text, settings
from salespilot.dataset import Dataset
from salespilot.finding import Finding
from salespilot.phrasebook import Phrasebook
from salespilot.places import shared
from salespilot.report import index, register
from salespilot.report.execute import ExecutionError, execute
from salespilot.report.pdf import pdf
from salespilot.report.print import html
from salespilot.report.twin import plain, twin
from salespilot.report.workbook import workbook
from salespilot.reports import REPORTS

FORMATS = ("html", "pdf", "xlsx", "svg")
DEFAULT_FORMATS = ("html", "pdf", "xlsx")
COMMON = ("client", "as_of", "months", "language")


class RunError(Exception):
    """The run cannot start: unknown report or format, or a client folder in use. The message says what to do."""


@dataclass(frozen=True)
class Entry:
    """What became of one report: ``state`` is done, failed or not_run; ``reason`` says why it is not done."""

    name: str
    title: str
    state: str
    reason: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    found: Sequence[Finding] = ()
    seconds: float = 0.0


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


def run(
    client: Client | str | Path,
    names: Sequence[str] = (),
    *,
    as_of: str | None = None,
    months: int = 12,
    language: str | None = None,
    formats: Sequence[str] = DEFAULT_FORMATS,
    parameters: Mapping[str, Any] | None = None,
    jobs: int = 1,
    notify: Callable[[Entry], None] = lambda _: None,
) -> Run:
    """Make reports of a client and leave them in ``CLIENT/reports/<as-of>/<language>/``.

    ``names``: reports of the kit or notebooks of ``CLIENT/notebooks`` (default: every report whose tables are there).
    ``parameters``: own parameters of the reports named. A report that fails leaves its executed notebook and one
    line; the others go on. Raises ClientError or SettingError on bad settings, RunError when the run cannot start.
    """
    client = client if isinstance(client, Client) else load(Path(client))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise RunError(f"unknown format {unknown[0]!r}; formats are {', '.join(FORMATS)}")
    _check_thresholds(client)
    plans = _plan(client, tuple(names) or tuple(REPORTS), parameters or {})
    language = language or client.language
    with _locked(client):
        opened = dataset.open(client, as_of=as_of, months=months)
        assert opened.intake is not None
        folder = client.folder / "reports" / opened.as_of.isoformat() / language
        folder.mkdir(parents=True, exist_ok=True)
        verdicts = fitness.assess(opened.intake, {name: REPORTS[name].NEEDS for name in REPORTS}, client)
        making = _Making(opened, folder, language, tuple(formats), verdicts)
        entries = []
        with making.figures(), ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            for entry in pool.map(lambda plan: making.make(*plan), plans):
                notify(entry)
                entries.append(entry)
        page = index.index(folder, entries, making.book(None), client=client, as_of=opened.as_of, fitness=verdicts)
        _write_run(folder, opened, language, entries)
        found = [
            register.Found(name, entry.found, parameters == REPORTS[name].Parameters())
            for (name, _, parameters), entry in zip(plans, entries, strict=True)
            if name in REPORTS and entry.state == "done"
        ]
        remark = register.update(opened, found)
        if remark:
            making.remarks.add(making.book(None).say(remark))
    is_fit = verdicts.is_any_fit([name for name, _, _ in plans])
    return Run(folder, page, tuple(entries), tuple(sorted(making.remarks)), is_fit)


def _check_thresholds(client: Client) -> None:
    """Every ``[thresholds.NAME]``, of the reports not asked for too: one that nobody reads would be lost in silence."""
    for name, given in client.thresholds.items():
        if name not in REPORTS:
            raise SettingError(f"client.toml [thresholds.{name}]: no such report; {nearest(name, REPORTS)}")
        settings(REPORTS[name].Thresholds, given, f"client.toml [thresholds.{name}]")


def _plan(client: Client, names: Sequence[str], given: Mapping[str, Any]) -> list[tuple[str, Path, Any]]:
    """Each report's name, notebook and own parameters, checked: every parameter given is known to one of them."""
    plans, used = [], set()
    for name in names:
        if name in REPORTS:
            cls = REPORTS[name].Parameters
            defaults = {spec.name: spec.default for spec in dataclasses.fields(cls)}
            notebook = shared("notebooks") / f"{name}.ipynb"
        else:
            cls, notebook = None, _own_notebook(client, name)
            defaults = _declared(notebook)
        values = {
            key: from_text(value, defaults[key], f"parameter {key}") if isinstance(value, str) else value
            for key, value in given.items()
            if key in defaults
        }
        used |= set(values)
        plans.append((name, notebook, settings(cls, values, f"parameters of {name}") if cls else values))
    for key in set(given) - used:
        known = sorted({key for _, _, own in plans for key in (own if isinstance(own, dict) else vars(own))})
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(('as_of', 'months', 'language', *known))}"
        raise RunError(f"unknown parameter {key!r} for {', '.join(names)}: {hint}")
    return plans


def _declared(notebook: Path) -> dict[str, Any]:
    """The parameters that a notebook declares in its first cell, with their defaults."""
    try:
        declared = papermill.inspect_notebook(notebook)
    except ValueError as error:
        raise RunError(f"{notebook}: {error} Open it once in JupyterLab and save it.") from error
    return {key: _literal(spec["default"]) for key, spec in declared.items() if key not in COMMON}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _own_notebook(client: Client, name: str) -> Path:
    path = client.folder / "notebooks" / f"{name}.ipynb"
    if path.exists():
        return path
    known = [*REPORTS, *(own.stem for own in sorted(path.parent.glob("*.ipynb")))]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"reports are {', '.join(known)}"
    raise RunError(f"no report named {name!r}: {hint}")


class _Making:
    """Makes the reports of one run, each whole or not at all."""

    def __init__(
        self, opened: Dataset, folder: Path, language: str, formats: tuple[str, ...], verdicts: fitness.Fitness
    ) -> None:
        self.dataset, self.folder, self.language = opened, folder, language
        self.formats, self.verdicts = formats, verdicts
        self.remarks: set[str] = set()

    def book(self, name: str | None) -> Phrasebook:
        client = self.dataset.client
        return Phrasebook(name or "_house", self.language, client.currency if client else "EUR")

    @contextmanager
    def figures(self) -> Iterator[None]:
        """While it lasts, kernels leave their figures as files where the run asks for them (format svg)."""
        if "svg" not in self.formats:
            yield
            return
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".figures-") as place:
            os.environ["SALESPILOT_FIGURES"] = place
            try:
                yield
            finally:
                del os.environ["SALESPILOT_FIGURES"]
            (self.folder / "figures").mkdir(exist_ok=True)
            for path in Path(place).iterdir():
                path.replace(self.folder / "figures" / path.name)

    def make(self, name: str, notebook: Path, parameters: Any) -> Entry:
        book = self.book(name)
        title = book.say("title") if book.has("title") else name
        missing = self.verdicts.obstacle(name) if name in REPORTS else None
        if missing:
            self._clear(name)
            return Entry(name, title, "not_run", book.say(missing.code, **missing.values))
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f".{name}-") as place:
            draft = Path(place)
            try:
                found = self._draft(draft, name, notebook, parameters, book)
            except ExecutionError as error:
                self._clear(name)
                files = self._deliver(draft, [path.name for path in draft.glob("*.ipynb")])
                return Entry(name, title, "failed", str(error), files, (), time.monotonic() - begun)
            self._clear(name)
            files = self._deliver(draft, sorted(path.name for path in draft.iterdir()))
        return Entry(name, title, "done", None, files, found, time.monotonic() - begun)

    def _draft(self, draft: Path, name: str, notebook: Path, parameters: Any, book: Phrasebook) -> Sequence[Finding]:
        opened = self.dataset
        assert opened.client is not None
        own = parameters if isinstance(parameters, dict) else dataclasses.asdict(parameters)
        common = {
            "client": str(opened.client.folder),
            "as_of": opened.as_of.isoformat(),
            "months": opened.months,
            "language": self.language,
        }
        executed = execute(notebook, draft / f"{name}.ipynb", common | own)
        found: Sequence[Finding] = ()
        if name in REPORTS:
            result, found = results.of(opened, name, parameters)
            twin(draft / f"{name}.json", opened, REPORTS[name], parameters, result, found, book)
            if "xlsx" in self.formats:
                workbook(draft / f"{name}.xlsx", result, book, found=found)
        if {"html", "pdf"} & set(self.formats):
            printed = html(executed, draft / f"{name}.html")
            if "pdf" in self.formats and pdf(printed, draft / f"{name}.pdf") is None:
                self.remarks.add(book.say("no_pdf_engine"))
            if "html" not in self.formats:
                printed.unlink()
        return found

    def _clear(self, name: str) -> None:
        for path in self.folder.glob(f"{name}.*"):
            path.unlink()

    def _deliver(self, draft: Path, names: Sequence[str]) -> dict[str, Path]:
        files = {}
        for name in names:
            (draft / name).replace(self.folder / name)
            files[name.rsplit(".", 1)[-1]] = self.folder / name
        return files


def _locked(client: Client) -> AbstractContextManager[Any]:
    place = client.folder / ".salespilot"
    place.mkdir(exist_ok=True)
    lock = FileLock(place / "lock", timeout=0)
    try:
        return lock.acquire()
    except Timeout as error:
        raise RunError(f"another run is using {client.folder}: wait for it to end") from error


def _write_run(folder: Path, opened: Dataset, language: str, entries: Sequence[Entry]) -> None:
    content = {
        "salespilot": __version__,
        "client": opened.client.name if opened.client else None,
        "as_of": opened.as_of,
        "months": opened.months,
        "window": [opened.window.start, opened.window.end],
        "language": language,
        "fingerprint": opened.intake.fingerprint if opened.intake else None,
        "reports": {
            entry.name: {
                "state": entry.state,
                "reason": entry.reason,
                "seconds": round(entry.seconds, 2),
                "findings": len(entry.found),
                "files": sorted(path.name for path in entry.files.values()),
            }
            for entry in entries
        },
    }
    text = json.dumps(plain(content), ensure_ascii=False, indent=1) + "\n"
    draft = folder / ".run.json"
    draft.write_text(text, encoding="utf-8")
    draft.replace(folder / "run.json")
