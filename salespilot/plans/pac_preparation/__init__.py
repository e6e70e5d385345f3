"""Commercial action plan: which gap to close, by which actions, on whom and by whom; is it enough, does it work?"""

from __future__ import annotations

from salespilot.dataset import Dataset
from salespilot.finding import Finding
from salespilot.fitness import Needs
from salespilot.plans.pac_preparation import verdicts
from salespilot.plans.pac_preparation.candidates import active
from salespilot.plans.pac_preparation.compute import compute
from salespilot.plans.pac_preparation.model import NAME, Parameters, Result, Thresholds

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings", "people"]

NEEDS: Needs = ("targets", "sales_lines")
USES = ("portfolio_review", "abc_cross_matrix", "portfolio_alignment", "sales_contest", "dynamic_steering")


def people(dataset: Dataset) -> list[str]:
    """Those who get a sheet of their own: the salespeople in post."""
    return active(dataset)


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """Rules T05-R1 to R7 (method, section 6)."""
    return verdicts.findings(result, thresholds)
