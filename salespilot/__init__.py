"""salespilot: from a client's raw sales exports to client-ready reports on the steering of the sales force.

What a notebook may import::

    import salespilot as sp

    ds = sp.open("CLIENT")                        # tables and marts as known at one date
    r = sp.abc_cross_matrix.compute(ds)           # one diagnostic
    page = sp.open_page("abc_cross_matrix", client="CLIENT")
    sp.charts.pareto(r.customers, page.book, ...)

Names are loaded when first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

__version__ = version("salespilot")

_PLACES = {
    "open": "salespilot.dataset",
    "Dataset": "salespilot.dataset",
    "Conventions": "salespilot.conventions",
    "Finding": "salespilot.finding",
    "Phrasebook": "salespilot.phrasebook",
    "open_page": "salespilot.page",
    "run": "salespilot.report.run",
    "REPORTS": "salespilot.reports",
}

__all__ = [*_PLACES, "charts"]


def __getattr__(name: str) -> Any:
    if name == "charts":
        return import_module("salespilot.charts")
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    for home in ("diagnostics", "plans"):
        if not name.startswith("_") and find_spec(f"salespilot.{home}.{name}"):
            return import_module(f"salespilot.{home}.{name}")
    raise AttributeError(f"module 'salespilot' has no attribute {name!r}")
