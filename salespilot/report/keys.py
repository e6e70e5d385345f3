"""What each document is made of, as one hash: the same hash, the same document."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from salespilot import results
from salespilot.dataset import Dataset
from salespilot.intake.cache import digest
from salespilot.report.pdf import engine
from salespilot.report.plan import Plan
from salespilot.reports import REPORTS


def key(opened: Dataset, plan: Plan, language: str, formats: tuple[str, ...]) -> str:
    """A hash of a document's data, date, parameters, thresholds and those of the reports it uses, code, template,
    notebook, language, brand and formats.

    All tables count, for each report prints where every figure of its data comes from.
    """
    assert opened.client is not None
    brand = opened.client.brand
    parts = (
        results.key(opened, plan.report if plan.report in REPORTS else None, plan.parameters),
        _content(plan.notebook(opened.client.folder)),
        plan.person,
        language,
        replace(brand, logo=None),
        _content(brand.logo),
        sorted(formats),
        engine() if "pdf" in formats else None,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _content(path: Path | None) -> str:
    return digest(path) if path else ""
