"""What the cross matrix reports, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Reason

NAME = "abc_cross_matrix"


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "salesperson whose customers are shown, classes being those of all; empty: everyone")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, section 11)."""

    segment_a1: str = threshold("core_develop", "segment", "both core business and potential: counted once")
    segment_b2: str = threshold("develop_selective", "segment", "the sources leave the cell open")
    segment_c2: str = threshold("economy", "segment", "in low cost to serve in one source, open in another", "S8")
    segment_p2: str = threshold("remote_prospecting", "segment", "no field visit before qualification", "S8")
    segment_p3: str = threshold("watch_list", "segment", "no field visit", "S8")
    release_ratio: float = threshold(1.5, "times the share of headroom", "visits beyond are released")
    release_min_hours: float = threshold(8.0, "hours a year", "less than a day's work is not worth a decision")
    develop_ratio: float = threshold(0.7, "times the share of headroom", "fewer visits leave the cell undeveloped")
    low_share: float = threshold(0.10, "share of wallet", "a C1 below buys nearly all elsewhere: find out why")
    high_share: float = threshold(0.80, "share of wallet", "an A above has little left to win")
    decline_share: float = threshold(0.10, "fall in a year", "an A3 that falls is to be kept, not grown")
    qualify_top: int = threshold(50, "customers", "the biggest headrooms, whose potential must be sound")
    robust_draws: int = threshold(500, "draws", "enough to read 80 % within 4 points")
    robust_seed: int = threshold(20, "seed", "same draws from run to run")
    cut_noise_share: float = threshold(0.10, "of the cut-off", "cut-offs are a choice")
    potential_noise_share: float = threshold(0.25, "of the potential", "potentials are estimates")
    robust_min_share: float = threshold(0.80, "share of draws", "a cell that holds as often is robust")
    win_a: float = threshold(0.5, "probability", "an A wins extra revenue, before its history is known")
    win_b: float = threshold(0.3, "probability", "the same for a B")
    win_c: float = threshold(0.2, "probability", "the same for a C")
    win_p: float = threshold(0.1, "probability", "a prospect buys within the year")
    win_weight: float = threshold(20.0, "customers", "weight of the prior probability against the cell's history")
    win_gain_share: float = threshold(0.10, "share of headroom", "a gain from one year to the next that counts as won")
    remote_minutes: float = threshold(20.0, "minutes", "a call or remote meeting, prepared and logged")
    field_days: float = threshold(180.0, "days a year", "45 weeks of 4 days, where no capacity is exported", "S29")
    field_hours: float = threshold(4.5, "hours a field day", "three visits, where no capacity is exported", "S29")
    unlogged_ratio: float = threshold(0.5, "times the team's median", "fewer contacts a month: visits are not logged")
    capture_a1_share: float = threshold(0.10, "share of headroom", "what an A1 adds in a year")
    capture_b1_share: float = threshold(0.15, "share of headroom", "what a B1 adds in a year")
    capture_c1_share: float = threshold(0.10, "share of headroom", "what a C1 adds in a year")
    target_gap_share: float = threshold(0.15, "of the cells' target", "an official target further away is discussed")
    named: int = threshold(10, "findings a rule", "the rest stands in the list of candidates")
    lead_days: int = threshold(90, "days", "a quarter to act on a customer")


@dataclass(frozen=True)
class Result:
    """What was measured; a frame is None where ``not_computable`` says why. Money a year unless said otherwise.

    ``customers``        one row a customer or prospect of the matrix, biggest headroom first
    ``cells``            one row a cell (16): customers, revenue, headroom, visits, shares
    ``classes``          one row a revenue class: the rows of the matrix
    ``segments``         one row a segment
    ``outside``          one row a customer credited for more than it bought (class N), the most credited first
    ``bridge``           from the matrix to total net revenue: cells, net credits, unattributed lines
    ``axes``             one row an axis: mode in force, cut-offs in money, whether classes separate
    ``headroom_curve``   cumulated headroom by rank (Pareto)
    ``top_headroom``     the ten biggest headrooms, with what is being done about them
    ``effort``           one row a cell: share of visits against share of headroom
    ``migration``        one row a pair of cells, a year before and now: customers and revenue
    ``class_migration``  the same by revenue class
    ``robustness``       one row a cell: share of customers whose cell holds under other cut-offs and potentials
    ``readings``         one row a customer whose cell does not hold: both readings
    ``plan``             one row a cell: contacts by policy, hours, and contacts that fit the capacity
    ``plan_reps``        one row a salesperson: hours the policy asks for, capacity, load
    ``targets``          one row a salesperson: target by the rules of the cells against the official one
    ``candidates``       one row a customer and rule: what the commercial action plan may take up, best score first
    """

    customers: pd.DataFrame
    cells: pd.DataFrame
    classes: pd.DataFrame
    segments: pd.DataFrame
    outside: pd.DataFrame
    bridge: pd.DataFrame
    axes: pd.DataFrame
    headroom_curve: pd.DataFrame | None = None
    top_headroom: pd.DataFrame | None = None
    effort: pd.DataFrame | None = None
    migration: pd.DataFrame | None = None
    class_migration: pd.DataFrame | None = None
    robustness: pd.DataFrame | None = None
    readings: pd.DataFrame | None = None
    plan: pd.DataFrame | None = None
    plan_reps: pd.DataFrame | None = None
    targets: pd.DataFrame | None = None
    candidates: pd.DataFrame | None = None
    key_figures: Mapping[str, float | int | None] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def matrix(self) -> pd.DataFrame | None:
        """The cells, or None where no potential is known and the revenue axis stands alone."""
        return None if self.key_figures["headroom"] is None else self.cells

    @property
    def plotted(self) -> pd.DataFrame | None:
        """The customers, or None where no potential is known."""
        return None if self.key_figures["headroom"] is None else self.customers

    @property
    def target_gaps(self) -> pd.DataFrame | None:
        """The targets that an official one can be compared with, or None."""
        gaps = None if self.targets is None else self.targets.dropna(subset="target_gap")
        return None if gaps is None or gaps.empty else gaps

    def cuts(self, axis: str) -> dict[str, float]:
        """The lowest amount of each class on an axis (revenue, potential): A, B, C or 1, 2, 3."""
        first, second = self.axes.loc[self.axes["axis"] == axis, ["first_cut", "second_cut"]].to_numpy(dtype=float)[0]
        names = ("A", "B", "C") if axis == "revenue" else ("1", "2", "3")
        return dict(zip(names, (float(first), float(second), 0.0), strict=True))
