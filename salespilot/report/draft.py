"""One document made from its plan, in a folder of its own: what a thread, a process or a machine elsewhere is given.

A job names paths and holds no table, so that it can be sent anywhere the client's folder can be seen; done twice, it
leaves two drafts, of which the run delivers one.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from salespilot import dataset, results
from salespilot.dataset import Dataset
from salespilot.finding import Finding
from salespilot.intake.cache import digest
from salespilot.phrasebook import Phrasebook
from salespilot.places import edition
from salespilot.report.execute import ExecutionError, execute
from salespilot.report.pdf import pdf
from salespilot.report.plan import Plan
from salespilot.report.print import html
from salespilot.report.twin import twin
from salespilot.report.workbook import workbook
from salespilot.reports import REPORTS

PREFIX = ".draft-"


@dataclass(frozen=True)
class Job:
    """One document to make. ``client``: the client's folder, ``folder``: that of the run; ``fingerprint`` and
    ``edition``: the data and the code that the run has seen."""

    client: Path
    as_of: str
    months: int
    language: str
    formats: tuple[str, ...]
    plan: Plan
    folder: Path
    fingerprint: str
    edition: str


@dataclass(frozen=True)
class Draft:
    """A document whose files (name -> SHA-256) wait in ``folder``; ``reason`` says why it failed, if it did."""

    folder: Path | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    found: Sequence[Finding] = ()
    seconds: float = 0.0
    reason: str | None = None


_held: dict[tuple[Path, str, int, str], Dataset] = {}
_opening = Lock()


@contextmanager
def holding(opened: Dataset) -> Iterator[None]:
    """While it lasts, jobs done in this process read this Dataset."""
    assert opened.client is not None
    assert opened.intake is not None
    key = (opened.client.folder, opened.as_of.isoformat(), opened.months, opened.intake.fingerprint)
    _held.clear()
    _held[key] = opened
    try:
        yield
    finally:
        _held.pop(key, None)


def _opened(job: Job) -> Dataset:
    key = (job.client, job.as_of, job.months, job.fingerprint)
    with _opening:
        if key not in _held:
            opened = dataset.open(job.client, as_of=job.as_of, months=job.months)
            if opened.intake is None or opened.intake.fingerprint != job.fingerprint:
                raise ExecutionError(f"{job.client}: the exports changed during the run, or are others here")
            _held.clear()  # the tables of one client at a time
            _held[key] = opened
        return _held[key]


def draft(job: Job) -> Draft:
    """Make a document. What fails leaves its executed notebook as evidence, and one line."""
    begun = time.monotonic()
    place = Path(tempfile.mkdtemp(dir=job.folder, prefix=f"{PREFIX}{job.plan.name}-"))
    found: Sequence[Finding] = ()
    reason = None
    try:
        found = _written(place, job)
    except ExecutionError as error:
        reason = str(error)
        for path in place.iterdir():
            if path.suffix != ".ipynb":
                path.unlink()
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    files = {path.name: digest(path) for path in sorted(place.iterdir())}
    return Draft(place, files, found, time.monotonic() - begun, reason)


def _written(place: Path, job: Job) -> Sequence[Finding]:
    if job.edition != edition():
        raise ExecutionError("another version of salespilot or of its libraries is installed where this report is made")
    opened, plan, name = _opened(job), job.plan, job.plan.name
    assert opened.client is not None
    book = Phrasebook(plan.report, job.language, opened.client.currency)
    common = {"client": str(job.client), "as_of": job.as_of, "months": job.months, "language": job.language}
    executed = execute(plan.notebook(job.client), place / f"{name}.ipynb", common | plan.own)
    found: Sequence[Finding] = ()
    if plan.report in REPORTS:
        result, found = results.of(opened, plan.report, plan.parameters)
        twin(place / f"{name}.json", opened, REPORTS[plan.report], plan.parameters, result, found, book)
        if "xlsx" in job.formats:
            workbook(place / f"{name}.xlsx", result, book, found=found)
    if {"html", "pdf"} & set(job.formats):
        printed = html(executed, place / f"{name}.html")
        if "pdf" in job.formats:
            pdf(printed, place / f"{name}.pdf")
        if "html" not in job.formats:
            printed.unlink()
    return found
