"""Sales cycle: where do deals stall, slip and die, and how much is lost, why, and what was avoidable?"""

from __future__ import annotations

from salespilot.diagnostics.sales_cycle.compute import compute
from salespilot.diagnostics.sales_cycle.result import Result
from salespilot.diagnostics.sales_cycle.rules import findings
from salespilot.diagnostics.sales_cycle.settings import NAME, Parameters, Thresholds

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS = (("opportunities", "opportunity_events"),)
USES: tuple[str, ...] = ()
