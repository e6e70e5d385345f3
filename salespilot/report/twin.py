"""The machine-readable twin of a report: what tests and other programs read."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from salespilot import sentences
from salespilot.dataset import Dataset
from salespilot.finding import Finding
from salespilot.phrasebook import Phrasebook
from salespilot.results import thresholds_of


def twin(
    path: Path, dataset: Dataset, module: Any, parameters: Any, result: Any, found: Sequence[Finding], book: Phrasebook
) -> Path:
    """Write ``NAME.json``: parameters, thresholds, counts of the data, key figures, findings and tables of a report.

    A key figure that cannot be computed is null, with its reason in ``not_computable``: never absent, never 0.
    """
    content = {
        "report": module.NAME,
        "client": dataset.client.name if dataset.client else None,
        "as_of": dataset.as_of,
        "window": [dataset.window.start, dataset.window.end],
        "language": book.language,
        "parameters": {"months": dataset.months, **dataclasses.asdict(parameters)},
        "thresholds": dataclasses.asdict(thresholds_of(dataset, module)),
        "conventions": dataclasses.asdict(dataset.conventions),
        "sales_basis": dataset.sales_basis,
        "data": counts(dataset),
        "key_figures": dict(result.key_figures),
        "not_computable": {key: book.say(why.code, **why.values) for key, why in result.not_computable.items()},
        "findings": [_finding(item, book) for item in found],
        "tables": {
            name: {"columns": list(frame.columns), "rows": len(frame)} for name, frame in frames(result).items()
        },
    }
    path.write_text(json.dumps(plain(content), ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def frames(result: Any) -> dict[str, pd.DataFrame]:
    """The tables of a Result, by field name, without those that could not be computed."""
    fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return {name: value for name, value in fields.items() if isinstance(value, pd.DataFrame)}


def counts(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Rows read, kept, rejected and set aside of each table, with the fingerprints of its files."""
    totals: dict[str, dict[str, Any]] = {}
    for source in dataset.intake.counts if dataset.intake else ():
        total = totals.setdefault(
            source.table,
            {"rows_read": 0, "rows_kept": 0, "rows_rejected": 0, "rows_set_aside": 0, "sha256": []},
        )
        total["rows_read"] += source.rows_read
        total["rows_kept"] += source.rows_kept
        total["rows_rejected"] += source.rows_rejected
        total["rows_set_aside"] += sum(source.set_aside.values())
        total["sha256"].append(source.sha256)
    return totals


def _finding(item: Finding, book: Phrasebook) -> dict[str, Any]:
    return {
        "id": item.id,
        **dataclasses.asdict(item),
        "observation": sentences.observation(item, book),
        "action": sentences.action(item, book),
    }


def plain(value: Any) -> Any:
    """A value as JSON knows it: NaN and infinities become null, dates ISO text, NumPy scalars Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return None if value is pd.NaT or value is pd.NA else str(value)
