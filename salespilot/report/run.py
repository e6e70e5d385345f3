"""One run: notebooks executed by Papermill, printed, and left beside their Excel and JSON twins in one folder."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
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
UNSAFE = re.compile(r"[^\w.-]+")


class RunError(Exception):
    """The run cannot start: unknown report or format, or a client folder in use. The message says what to do."""


@dataclass(frozen=True)
class Plan:
    """One document to make: its report (or own notebook), the parameters, and whose it is (a rep_id) where a report
    is made once for each salesperson."""

    report: str
    notebook: Path
    parameters: Any
    person: str = ""

    @property
    def name(self) -> str:
        """The name of its files; a code that no file may bear gets one that no other person has."""
        if not self.person:
            return self.report
        safe = UNSAFE.sub("_", self.person)
        mark = hashlib.sha1(self.person.encode(), usedforsecurity=False).hexdigest()[:4]
        return f"{self.report}--{safe if safe == self.person else f'{safe}-{mark}'}"


@dataclass(frozen=True)
class Entry:
    """What became of one document: ``state`` is done, failed or not_run; ``reason`` says why it is not done.

    ``person``: the rep_id of whom it is about, where its report is made once for each.
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
        plans = [each for plan in plans for each in making.expand(plan)]
        entries = []
        with making.figures(), ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            for entry in pool.map(making.make, plans):
                notify(entry)
                entries.append(entry)
        page = index.index(folder, entries, making.book(None), client=client, as_of=opened.as_of, fitness=verdicts)
        _write_run(folder, opened, language, entries)
        remark = register.update(opened, _found(plans, entries))
        if remark:
            making.remarks.add(making.book(None).say(remark))
    is_fit = verdicts.is_any_fit([plan.report for plan in plans])
    return Run(folder, page, tuple(entries), tuple(sorted(making.remarks)), is_fit)


def _check_thresholds(client: Client) -> None:
    """Every ``[thresholds.NAME]``, of the reports not asked for too: one that nobody reads would be lost in silence."""
    for name, given in client.thresholds.items():
        if name not in REPORTS:
            raise SettingError(f"client.toml [thresholds.{name}]: no such report; {nearest(name, REPORTS)}")
        settings(REPORTS[name].Thresholds, given, f"client.toml [thresholds.{name}]")


def _found(plans: Sequence[Plan], entries: Sequence[Entry]) -> list[register.Found]:
    """What each report of the kit found; whole when it was made with its own defaults, for everyone and to the end."""
    made: dict[str, list[Entry]] = {}
    for entry in entries:
        made.setdefault(entry.report, []).append(entry)
    is_whole = {
        name: all(entry.state == "done" for entry in own)
        and any(plan.report == name and plan.parameters == REPORTS[name].Parameters() for plan in plans)
        for name, own in made.items()
        if name in REPORTS
    }
    return [
        register.Found(name, [item for entry in made[name] for item in entry.found if item.report == name], whole)
        for name, whole in is_whole.items()
    ]


def _plan(client: Client, names: Sequence[str], given: Mapping[str, Any]) -> list[Plan]:
    """Each report's notebook and own parameters, checked: every parameter given is known to one of them."""
    plans: list[Plan] = []
    used: set[str] = set()
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
        plans.append(Plan(name, notebook, settings(cls, values, f"parameters of {name}") if cls else values))
    for key in set(given) - used:
        known = sorted({key for plan in plans for key in _own(plan)})
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(('as_of', 'months', 'language', *known))}"
        raise RunError(f"unknown parameter {key!r} for {', '.join(names)}: {hint}")
    return plans


def _own(plan: Plan) -> dict[str, Any]:
    return plan.parameters if isinstance(plan.parameters, dict) else dataclasses.asdict(plan.parameters)


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

    def expand(self, plan: Plan) -> list[Plan]:
        """A report made once for each salesperson becomes its page for the manager and one document for each."""
        if getattr(plan.parameters, "since", None) == "":
            plan = dataclasses.replace(plan, parameters=dataclasses.replace(plan.parameters, since=self._previous()))
        people = getattr(REPORTS.get(plan.report), "people", None)
        if not callable(people) or self.verdicts.obstacle(plan.report):
            return [plan]
        if plan.parameters.rep:
            return [dataclasses.replace(plan, person=plan.parameters.rep)]
        self._clear(f"{plan.report}--*")
        each = [dataclasses.replace(plan.parameters, rep=person) for person in people(self.dataset)]
        return [plan, *(dataclasses.replace(plan, parameters=own, person=own.rep) for own in each)]

    def _previous(self) -> str:
        """The as-of date of the last earlier run of this client; empty where there is none."""
        runs = self.folder.parent.parent.glob("*/*/run.json")
        return max((run.parts[-3] for run in runs if run.parts[-3] < self.folder.parent.name), default="")

    def make(self, plan: Plan) -> Entry:
        """Make one document."""
        name, book = plan.name, self.book(plan.report)
        title = book.say("title") if book.has("title") else name
        if plan.person:
            title = str(self.dataset.names("reps").get(plan.person, plan.person))
        missing = self.verdicts.obstacle(plan.report) if plan.report in REPORTS else None
        entry = partial(Entry, name, title, report=plan.report, person=plan.person)
        if missing:
            self._clear(name)
            return entry("not_run", book.say(missing.code, **missing.values))
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f".{name}-") as place:
            draft = Path(place)
            try:
                found = self._draft(draft, plan, book)
            except ExecutionError as error:
                self._clear(name)
                files = self._deliver(draft, [path.name for path in draft.glob("*.ipynb")])
                return entry("failed", str(error), files, (), time.monotonic() - begun)
            self._clear(name)
            files = self._deliver(draft, sorted(path.name for path in draft.iterdir()))
        return entry("done", None, files, found, time.monotonic() - begun)

    def _draft(self, draft: Path, plan: Plan, book: Phrasebook) -> Sequence[Finding]:
        opened, name = self.dataset, plan.name
        assert opened.client is not None
        common = {
            "client": str(opened.client.folder),
            "as_of": opened.as_of.isoformat(),
            "months": opened.months,
            "language": self.language,
        }
        executed = execute(plan.notebook, draft / f"{name}.ipynb", common | _own(plan))
        found: Sequence[Finding] = ()
        if plan.report in REPORTS:
            result, found = results.of(opened, plan.report, plan.parameters)
            twin(draft / f"{name}.json", opened, REPORTS[plan.report], plan.parameters, result, found, book)
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
