"""Results of diagnostics and plans, each computed once per tables, parameters, thresholds and code."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from salespilot import fitness
from salespilot.conventions import settings
from salespilot.dataset import Dataset
from salespilot.finding import Finding
from salespilot.places import PACKAGE
from salespilot.reports import REPORTS


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
    path = _path(dataset, name, parameters, thresholds)
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


def _path(dataset: Dataset, name: str, parameters: Any, thresholds: Any) -> Path | None:
    if dataset.client is None or dataset.intake is None:
        return None
    client = dataset.client
    key = (
        dataset.intake.fingerprint,
        dataset.as_of,
        dataset.months,
        dataset.window,
        name,
        sorted(asdict(parameters).items()),
        sorted(asdict(thresholds).items()),
        sorted(asdict(dataset.conventions).items()),
        sorted(client.privacy.items()),
        sorted(client.thresholds.items()),
        _code(),
    )
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:24]
    return client.folder / ".salespilot" / "results" / f"{name}-{digest}.pickle"


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for source in sorted(PACKAGE.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
