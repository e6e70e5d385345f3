"""One-to-one: what is worth discussing with this salesperson, what is there to decide, and what became of it?"""

from salespilot.plans.one_to_one.compute import compute
from salespilot.plans.one_to_one.model import NAME, NEEDS, USES, Parameters, Result, Thresholds
from salespilot.plans.one_to_one.people import people
from salespilot.plans.one_to_one.verdicts import findings

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings", "people"]
