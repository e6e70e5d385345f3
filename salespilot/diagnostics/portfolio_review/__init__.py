"""Portfolio review: where is the revenue, who is seen, what sleeps, what erodes, and what to do with each customer."""

from __future__ import annotations

from salespilot.diagnostics.portfolio_review.compute import compute
from salespilot.diagnostics.portfolio_review.result import Result
from salespilot.diagnostics.portfolio_review.rules import findings
from salespilot.diagnostics.portfolio_review.settings import NAME, Parameters, Thresholds

NEEDS = ("sales_lines",)
USES = ()

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]
