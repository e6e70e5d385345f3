"""Dynamic steering: where shall we land, with which chance of reaching the target, and until when can we still act?"""

from salespilot.diagnostics.dynamic_steering.compute import compute
from salespilot.diagnostics.dynamic_steering.model import NAME, Parameters, Result, Thresholds
from salespilot.diagnostics.dynamic_steering.rules import findings

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS = ("sales_lines",)
USES: tuple[str, ...] = ()
