"""Sales contest: who can win, what must it bring in to pay, and did the last one create sales or move them?"""

from __future__ import annotations

from salespilot.diagnostics.sales_contest.compute import compute
from salespilot.diagnostics.sales_contest.model import NAME, Parameters, Result, Thresholds
from salespilot.diagnostics.sales_contest.verdicts import findings

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS = ("sales_lines",)
USES: tuple[str, ...] = ()
