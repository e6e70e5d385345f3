"""Productivity of sales actions: where is most lost, which lever explains each gap, which indicators still serve?"""

from salespilot.diagnostics.activity_productivity import verdicts
from salespilot.diagnostics.activity_productivity.compute import compute
from salespilot.diagnostics.activity_productivity.model import NAME, Parameters, Result, Thresholds
from salespilot.finding import Finding

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS = (("activities", "opportunities", "quotes"),)
USES: tuple[str, ...] = ()


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """What to do about it, by the rules T02-R1 to T02-R8, the gravest first."""
    return verdicts.findings(result, thresholds)
