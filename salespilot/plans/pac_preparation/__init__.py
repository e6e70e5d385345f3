"""Commercial action plan: which gap to close, by which actions, on whom and by whom; is it enough, does it work?"""

from __future__ import annotations

from salespilot.finding import Finding
from salespilot.fitness import Needs
from salespilot.plans.pac_preparation import verdicts
from salespilot.plans.pac_preparation.compute import compute
from salespilot.plans.pac_preparation.model import NAME, Parameters, Result, Thresholds

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS: Needs = ("targets", "sales_lines")
USES = (
    "portfolio_review", "abc_cross_matrix", "activity_productivity", "portfolio_alignment", "sales_contest",
    "dynamic_steering", "sales_cycle",
)  # fmt: skip


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """Rules T05-R1 to R7 (method, section 6)."""
    return verdicts.findings(result, thresholds)
