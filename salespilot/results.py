"""Results of diagnostics and plans, each computed once per tables, parameters, thresholds and code."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from salespilot import fitness
from salespilot.conventions import settings
from salespilot.dataset import Dataset
from salespilot.finding import Finding
from salespilot.places import edition
from salespilot.reports import READS_ACTIONS, REPORTS

ELSEWHERE = ("folder", "brand", "conventions", "thresholds")
"""What of a client a result does not rest on, or rests on in the form that the Dataset and thresholds give it."""


def thresholds_of(dataset: Dataset, module: ModuleType) -> Any:
    """The thresholds in force for a report: its own, overridden by ``[thresholds.NAME]`` of the client."""
    given = dataset.client.thresholds.get(module.NAME, {}) if dataset.client else {}
    return settings(module.Thresholds, given, f"client.toml [thresholds.{module.NAME}]")


def of(dataset: Dataset, name: str, parameters: Any = None) -> tuple[Any, list[Finding]]:
    """The Result of a report and what it found, from the client's cache where nothing has changed.

    ``parameters`` is an instance of the report's Parameters (default: its defaults). Plans get the results of those of
    the reports they use that the data can feed.
    """
    module = REPORTS[name]
    parameters = parameters if parameters is not None else module.Parameters()
    thresholds = thresholds_of(dataset, module)
    path = _path(dataset, name, parameters)
    if path and path.exists():
        return pickle.loads(path.read_bytes())
    if module.USES:
        used = {other: of(dataset, other) for other in module.USES if _can_be_made(dataset, other)}
        result = module.compute(dataset, used, parameters, thresholds)
    else:
        result = module.compute(dataset, parameters, thresholds)
    answer = (result, module.findings(result, thresholds))
    if path:
        _keep(path, pickle.dumps(answer))
    return answer


def _can_be_made(dataset: Dataset, name: str) -> bool:
    needs = REPORTS[name].NEEDS
    if dataset.client is None or dataset.intake is None:
        alternatives = [(need,) if isinstance(need, str) else need for need in needs]
        return all(any(dataset.has(table) for table in tables) for tables in alternatives)
    return fitness.assess(dataset.intake, {name: needs}, dataset.client).obstacle(name) is None


def key(dataset: Dataset, name: str | None, parameters: Any = None) -> str | None:
    """A hash of all that the result of a report rests on, but the report's own notebook.

    ``name`` None: what a consultant's own notebook may read. None for a Dataset that was not read from a client.
    """
    if dataset.client is None or dataset.intake is None:
        return None
    client = dataset.client
    settled = [(f.name, getattr(client, f.name)) for f in fields(client) if f.name not in ELSEWHERE]
    judged = [(other, thresholds_of(dataset, REPORTS[other])) for other in sorted(_judged_by(name))]
    reads_actions = name is None or name in READS_ACTIONS
    tables = dataset.intake.fingerprint if reads_actions else dataset.intake.exports_fingerprint
    tables = tables or dataset.intake.fingerprint
    known = (edition(), tables, dataset.as_of, dataset.months, dataset.window, name, parameters)
    return hashlib.sha256(repr((known, dataset.conventions, judged, settled)).encode()).hexdigest()[:24]


def _judged_by(name: str | None) -> set[str]:
    """The reports whose thresholds a report depends on: its own, those it uses, and the verdict on the data."""
    if name is None:
        return set(REPORTS)
    return {name, fitness.REPORT}.union(*(_judged_by(other) for other in REPORTS[name].USES))


def _path(dataset: Dataset, name: str, parameters: Any) -> Path | None:
    found = key(dataset, name, parameters)
    if found is None or dataset.client is None:
        return None
    return dataset.client.folder / ".salespilot" / "results" / f"{name}-{found}.pickle"


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder of results, which thus holds whole ones only, whoever copies it meanwhile.
    handle, temporary = tempfile.mkstemp(dir=path.parent.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
