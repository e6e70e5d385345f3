"""One run: what has changed is made, what has not is kept, and all of it is listed in one folder."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import time
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from salespilot import dataset, fitness, results
from salespilot.client import Client, load, nearest
from salespilot.conventions import Common, SettingError, settings
from salespilot.dataset import Dataset
from salespilot.phrasebook import Phrasebook
from salespilot.places import edition
from salespilot.report import index, pdf, register, repeat
from salespilot.report.draft import Draft, Job, draft, holding
from salespilot.report.keys import key
from salespilot.report.made import DEFAULT_FORMATS, FORMATS, Entry, Record, Run
from salespilot.report.plan import Plan, RunError, again, expanded, is_by_person, plan
from salespilot.report.progress import Estimate, Progress
from salespilot.report.shelf import Shelf
from salespilot.reports import REPORTS

TICK = 0.2  # seconds between two looks at what is running
STOPPING = 2.0  # seconds for which a stopped run waits; a page that is being printed takes longer

__all__ = ["DEFAULT_FORMATS", "FORMATS", "Entry", "Run", "RunError", "run"]


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
    force: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Run:
    """Make reports of a client and leave them in ``CLIENT/reports/<as-of>/<language>/``.

    ``names``: reports of the kit or notebooks of ``CLIENT/notebooks`` (default: every report whose tables are there).
    ``parameters``: own parameters of the reports named. A document that lies there whole and rests on nothing that has
    changed is kept (``force`` makes it again), and so are the other documents of that folder. ``executor`` makes the
    documents (default: ``jobs`` threads, with a kernel each); it must see the client's folder. A report that fails
    leaves its executed notebook and one line; the others go on. Raises ClientError or SettingError on bad settings,
    RunError when the run cannot start.
    """
    client = client if isinstance(client, Client) else load(Path(client))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise RunError(f"unknown format {unknown[0]!r}; formats are {', '.join(FORMATS)}")
    settings(Common, {"as_of": as_of, "months": months, "language": language}, "parameters")
    _check_thresholds(client)
    asked = plan(client, tuple(names) or tuple(REPORTS), parameters or {})
    request = repeat.Request(tuple(names), as_of, months, language, tuple(formats), parameters or {})
    language = language or client.language
    with _locked(client), progress or Progress() as told:
        seen = repeat.inputs(client)
        opened = dataset.open(client, as_of=as_of, months=months)
        making = _Making(opened, language, tuple(formats), told)
        with holding(opened):
            made = making.documents(asked, force, executor, max(1, jobs))
        done = Run(making.shelf.folder, making.shelf.folder / "index.html", tuple(made), making.remarks(asked, made))
        done = dataclasses.replace(done, is_fit=making.verdicts.is_any_fit([one.report for one in asked]))
        if dataset.open(client, as_of=as_of, months=months).intake == opened.intake:
            repeat.keep(client, request, seen, done)
        told.finished(done)
    return done


def _check_thresholds(client: Client) -> None:
    """Every ``[thresholds.NAME]``, of the reports not asked for too: one that nobody reads would be lost in silence."""
    for name, given in client.thresholds.items():
        if name not in REPORTS:
            raise SettingError(f"client.toml [thresholds.{name}]: no such report; {nearest(name, REPORTS)}")
        settings(REPORTS[name].Thresholds, given, f"client.toml [thresholds.{name}]")


def _locked(client: Client) -> AbstractContextManager[Any]:
    place = client.folder / ".salespilot"
    place.mkdir(exist_ok=True)
    lock = FileLock(place / "lock", timeout=0)
    try:
        return lock.acquire()
    except Timeout as error:
        raise RunError(f"another run is using {client.folder}: wait for it to end") from error


def _descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _stop(futures: Collection[Future[Draft]], before: set[psutil.Process]) -> None:
    """Drop what has not begun and kill the kernels, and whatever else was started since; wait a moment for the rest."""
    for future in futures:
        future.cancel()
    deadline = time.monotonic() + STOPPING
    while True:
        for process in _descendants() - before:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if not any(future.running() for future in futures) or time.monotonic() > deadline:
            return
        time.sleep(TICK)


class _Making:
    """The documents of one run, each whole or not at all."""

    def __init__(self, opened: Dataset, language: str, formats: tuple[str, ...], told: Progress) -> None:
        assert opened.client is not None
        assert opened.intake is not None
        self.dataset, self.client, self.language, self.formats, self.told = (
            opened,
            opened.client,
            language,
            formats,
            told,
        )
        self.verdicts = fitness.assess(opened.intake, {name: REPORTS[name].NEEDS for name in REPORTS}, opened.client)
        self.shelf = Shelf(opened, language)
        self.shelf.sweep()
        self.records = self.shelf.records()
        self.plans: list[Plan] = []

    def book(self, name: str | None) -> Phrasebook:
        return Phrasebook(name or "_house", self.language, self.client.currency)

    def documents(self, asked: Sequence[Plan], force: bool, executor: Executor | None, jobs: int) -> list[Entry]:
        """An entry for each document asked for, in the order of the plans."""
        self.plans = [each for one in asked for each in self._expanded(one)]
        others = self._others()
        entries = {one.name: entry for one in self.plans if (entry := self._standing(one, force))}
        waiting = [one for one in self.plans if one.name not in entries]
        known = {name: record.seconds for name, record in self.records.items() if record.seconds}
        left = Estimate(known, {one.name for one in waiting}, jobs)
        self.told.planned([*entries.values()], [one.name for one in waiting], left.left())
        try:
            with self._figures(), contextlib.closing(self._made(waiting, executor, jobs, left)) as made:
                for entry in made:
                    entries[entry.name] = entry
                    left.ended(entry)
                    self.told.ended(entry, left.left())
        finally:
            self.shelf.sweep()
            self._publish([entries[one.name] for one in self.plans if one.name in entries], others)
        return [entries[one.name] for one in self.plans]

    def remarks(self, asked: Sequence[Plan], made: Sequence[Entry]) -> tuple[str, ...]:
        """What is left to say after the documents are made, the register of actions brought up to date."""
        codes = {register.update(self.dataset, self._found(asked, made))}
        if "pdf" in self.formats and pdf.engine() is None:
            codes.add("no_pdf_engine")
        return tuple(sorted(self.book(None).say(code) for code in codes if code))

    def _expanded(self, asked: Plan) -> list[Plan]:
        if asked.report in REPORTS and self.verdicts.obstacle(asked.report):
            return [asked]
        plans = expanded(asked, self.dataset, repeat.previous(self.client, self.dataset.as_of.isoformat()))
        if is_by_person(asked.report) and not asked.parameters.rep:
            self.shelf.keep_only(asked.report, [one.name for one in plans])
        return plans

    def _standing(self, one: Plan, force: bool) -> Entry | None:
        """The entry of a document that needs no work: it cannot be made, or lies there unchanged."""
        missing = self.verdicts.obstacle(one.report) if one.report in REPORTS else None
        if missing:
            self.shelf.remove(one.name)
            book = self.book(one.report)
            entry = Entry(
                one.name, self._title(one), "not_run", book.say(missing.code, **missing.values), report=one.report
            )
            self.shelf.remember(self._record(one, entry))
            return entry
        record = self.records.get(one.name)
        if force or record is None or record.state != "done" or "svg" in self.formats:
            return None
        if record.key != key(self.dataset, one, self.language, self.formats) or not self.shelf.is_whole(record):
            return None
        return self._kept(record, one, self.dataset)

    def _others(self) -> list[Entry]:
        """The other documents of the folder that are still what a run would make; of people no longer there, none."""
        names = {one.name for one in self.plans}
        found = []
        opened = {self.dataset.months: self.dataset}
        for record in self.records.values():
            one = again(self.client, record.report, record.parameters, record.person)
            if record.name in names or one is None or not (self.shelf.memory / f"{record.name}.json").exists():
                continue
            if one.person and not self._is_there(one):
                self.shelf.remove(record.name)
                continue
            if record.months not in opened:
                given = dataset.open(self.client, as_of=self.dataset.as_of, months=record.months)
                opened[record.months] = given
            if record.key == key(opened[record.months], one, self.language, record.formats) and self.shelf.is_whole(
                record
            ):
                found.append(self._kept(record, one, opened[record.months]))
        return found

    def _is_there(self, one: Plan) -> bool:
        return not self.verdicts.obstacle(one.report) and one.person in REPORTS[one.report].people(self.dataset)

    def _kept(self, record: Record, one: Plan, opened: Dataset) -> Entry:
        is_ours = record.state == "done" and record.report in REPORTS
        found = results.of(opened, record.report, one.parameters)[1] if is_ours else ()
        told = {
            name: getattr(record, name) for name in ("name", "title", "state", "reason", "seconds", "report", "person")
        }
        return Entry(**told, files=self.shelf.files(record.files), found=found, is_kept=True)

    def _title(self, one: Plan) -> str:
        if one.person:
            return str(self.dataset.names("reps").get(one.person, one.person))
        book = self.book(one.report)
        return book.say("title") if book.has("title") else one.name

    def _record(self, one: Plan, entry: Entry, files: Mapping[str, str] | None = None) -> Record:
        return Record(
            entry.name,
            entry.title,
            entry.state,
            key(self.dataset, one, self.language, self.formats),
            entry.reason,
            one.report,
            one.person,
            self.dataset.months,
            self.formats,
            one.own,
            files or {},
            len(entry.found),
            entry.seconds,
        )

    def _made(self, plans: Sequence[Plan], executor: Executor | None, jobs: int, left: Estimate) -> Generator[Entry]:
        """Each document as it is made and delivered."""
        if not plans:
            return
        pool = executor or ThreadPoolExecutor(max_workers=jobs)
        futures: dict[Future[Draft], Plan] = {}
        before = _descendants()
        try:
            futures |= {pool.submit(draft, self._job(one)): one for one in plans}
            waiting, order = set(futures), list(futures)
            while waiting:
                ready, waiting = wait(waiting, timeout=TICK, return_when=FIRST_COMPLETED)
                for future in sorted(ready, key=order.index):
                    yield self._delivered(futures[future], future)
                self.told.running([futures[f].name for f in futures if f in waiting and f.running()], left.left())
        except BaseException:
            _stop(futures, before)
            raise
        finally:
            if executor is None:
                pool.shutdown(wait=False)

    def _job(self, one: Plan) -> Job:
        assert self.dataset.intake is not None
        return Job(
            self.client.folder,
            self.dataset.as_of.isoformat(),
            self.dataset.months,
            self.language,
            self.formats,
            one,
            self.shelf.folder,
            self.dataset.intake.fingerprint,
            edition(),
        )

    def _delivered(self, one: Plan, future: Future[Draft]) -> Entry:
        try:
            made = future.result()
        except Exception as error:  # whatever it is, it costs one document
            lines = str(error).strip().splitlines() or [""]
            made = Draft(reason=f"{type(error).__name__}: {lines[0]}")
        files = self.shelf.deliver(one.name, made)
        state = "failed" if made.reason else "done"
        entry = Entry(
            one.name, self._title(one), state, made.reason, files, made.found, made.seconds, one.report, one.person
        )
        self.shelf.remember(self._record(one, entry, made.files))
        return entry

    @contextlib.contextmanager
    def _figures(self) -> Iterator[None]:
        """While it lasts, kernels leave their figures as files where the run asks for them (format svg)."""
        if "svg" not in self.formats:
            yield
            return
        with tempfile.TemporaryDirectory(dir=self.shelf.folder, prefix=".draft-figures-") as place:
            os.environ["SALESPILOT_FIGURES"] = place
            try:
                yield
            finally:
                del os.environ["SALESPILOT_FIGURES"]
            (self.shelf.folder / "figures").mkdir(exist_ok=True)
            for path in Path(place).iterdir():
                path.replace(self.shelf.folder / "figures" / path.name)

    def _publish(self, made: Sequence[Entry], others: Sequence[Entry]) -> None:
        """Write the index and ``run.json`` of the folder: the reports in reading order, people under theirs."""
        order = {name: place for place, name in enumerate(REPORTS)}
        entries = sorted([*made, *others], key=lambda e: (order.get(e.report, len(order)), e.report, e.person))
        index.index(
            self.shelf.folder,
            entries,
            self.book(None),
            client=self.client,
            as_of=self.dataset.as_of,
            fitness=self.verdicts,
        )
        self.shelf.list(entries)

    def _found(self, asked: Sequence[Plan], made: Sequence[Entry]) -> list[register.Found]:
        """What each report of the kit found; whole when it was made with its own defaults, for everyone, to the end."""
        by_report: dict[str, list[Entry]] = {}
        for entry in made:
            if entry.report in REPORTS:
                by_report.setdefault(entry.report, []).append(entry)
        as_is = {
            one.report for one in asked if one.report in REPORTS and one.parameters == REPORTS[one.report].Parameters()
        }
        return [
            register.Found(
                name,
                [item for entry in own for item in entry.found if item.report == name],
                name in as_is and all(entry.state == "done" for entry in own),
            )
            for name, own in by_report.items()
        ]
