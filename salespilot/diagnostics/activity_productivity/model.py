"""What the productivity report shows, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Reason

NAME = "activity_productivity"

STEPS = ("rate_conversation", "rate_appointment", "rate_visit", "rate_quote", "rate_order")
"""The steps of the chain: calls, conversations, appointments, visits, quotes, orders."""


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "salesperson shown, compared with all the others all the same; empty: everyone")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, section 3)."""

    short_call_seconds: float = threshold(30.0, "seconds", "a shorter call is an attempt, not a conversation")
    horizon_share: float = threshold(0.90, "share of successes", "a start is judged once so many have come")
    horizon_min_days: int = threshold(7, "days", "no step is judged sooner")
    horizon_max_days: int = threshold(365, "days", "no step is waited for longer")
    horizon_default_days: int = threshold(90, "days", "where too few successes say how long they take")
    horizon_min_count: int = threshold(10, "successes", "fewer do not say how long they take")
    peers_min: int = threshold(3, "salespeople", "fewer in a role are shown, not compared")
    unlogged_ratio: float = threshold(0.5, "times the peers' median", "fewer contacts a worked day: not logged")
    false_alarm_share: float = threshold(0.10, "share of the signals", "what many comparisons may cost", "G")
    signal_interval_share: float = threshold(0.80, "interval", "a gap is a signal when it excludes the peers")
    gap_min_share: float = threshold(0.05, "share of the peers' revenue", "a smaller lever is not worth a word")
    honoured_min_share: float = threshold(0.80, "share of appointments", "below, confirm appointments")
    internal_max_share: float = threshold(0.35, "share of worked time", "office work beyond costs visits")
    giant_share: float = threshold(0.15, "share of a year's revenue", "one order beyond is set apart")
    giant_times: float = threshold(10.0, "times the median order", "and it is far from a usual one")
    joint_visits: int = threshold(3, "visits", "enough to see how a step is done")
    upside_quantile: float = threshold(0.75, "quantile", "the top quartile is within reach of the others")
    upside_draws: int = threshold(400, "draws", "enough for the bounds of the upside")
    seed: int = threshold(20, "seed", "same draws from run to run")
    audit_past_months: int = threshold(3, "months", "of an indicator, read against its own last year")
    audit_next_months: int = threshold(3, "months", "of result, that the indicator should announce")
    audit_min_folds: int = threshold(6, "origins", "fewer forecasts prove nothing")
    audit_draws: int = threshold(499, "draws", "shuffled indicators that a real one must beat")
    redundant_correlation: float = threshold(0.90, "Spearman", "two indicators beyond tell the same story")
    steerable_min_share: float = threshold(0.20, "share of the variance", "below: who and where, not when")
    log_minutes: float = threshold(2.0, "minutes", "to record one activity or deal")
    lead_days: int = threshold(60, "days", "two months to change a way of working")


@dataclass(frozen=True)
class Result:
    """What was measured; a frame is None where ``not_computable`` says why. Money of the period unless said otherwise.

    ``indicators``     one row an indicator: its level, what it announces, what it costs, keep, drop, replace or trial
    ``redundancies``   one row a pair of indicators that tell the same story
    ``chain``          one row a step for the company: starts, successes, rate with interval, days waited, worth
    ``groups``         one row a group (team, role, class of customer, source) and step: the same rates
    ``group_rates``    the same, one row a group
    ``rep_steps``      one row a salesperson and step: rates, shrunk, case-mix index, limits, verdict
    ``rep_rates``      one row a salesperson: shrunk rate of each step
    ``limits``         the rows of ``rep_steps`` at the step with most to win, where people can be compared
    ``gaps``           one row a salesperson and way of counting: revenue, peers, gap, first lever
    ``levers``         one row a salesperson and lever: contribution to the gap, in money; they sum to it
    ``volume_quality`` one row a salesperson: actions a day, and what each brings, over the peers'
    ``company_gap``    from the previous period to this one, lever by lever
    ``velocity``       opportunities, win rate, value won and cycle, now and before
    ``velocity_gap``   what each of them brings to the change in velocity
    ``upside``         one row a step: what the top quartile's rate would bring in a year
    ``visit_costs``    one row a salesperson: cost of the year, visits, cost and revenue of a visit
    ``segments``       one row a cell of customers: visits, margin a visit, cost of a visit
    ``time_use``       one row a salesperson and use of the worked time
    ``plan``           one row a step, from the order back to the call: needed for one order, and for the target
    ``people``         one row a salesperson: worked days, peers, why not compared
    """

    people: pd.DataFrame
    indicators: pd.DataFrame | None = None
    redundancies: pd.DataFrame | None = None
    chain: pd.DataFrame | None = None
    groups: pd.DataFrame | None = None
    group_rates: pd.DataFrame | None = None
    rep_steps: pd.DataFrame | None = None
    rep_rates: pd.DataFrame | None = None
    limits: pd.DataFrame | None = None
    gaps: pd.DataFrame | None = None
    levers: pd.DataFrame | None = None
    volume_quality: pd.DataFrame | None = None
    company_gap: pd.DataFrame | None = None
    velocity: pd.DataFrame | None = None
    velocity_gap: pd.DataFrame | None = None
    upside: pd.DataFrame | None = None
    visit_costs: pd.DataFrame | None = None
    segments: pd.DataFrame | None = None
    time_use: pd.DataFrame | None = None
    plan: pd.DataFrame | None = None
    quadrant = MappingProxyType(
        {"x": "volume_index", "y": "quality_index", "x_cuts": {"": 1.0}, "y_cuts": {"": 1.0}, "log": False,
         "corners": ("fewer_better", "more_better", "fewer_poorer", "more_poorer")}
    )  # fmt: skip
    key_figures: Mapping[str, float | int | None] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def main_levers(self) -> pd.DataFrame | None:
        """The levers of invoiced revenue where it is known, else of deals won; biggest gap first. Who is counted
        without visits among others counted with them is left to the workbook, with what is set apart as one lever."""
        if self.levers is None:
            return None
        own = self.levers[(self.levers["basis"] == self.levers["basis"].min()) & (self.levers["contribution"] != 0)]
        if (own["lever"] == "visits_per_day").any():
            own = own[~own["rep_id"].isin(own.loc[own["lever"] == "orders_per_day", "rep_id"])]
        own = own.assign(lever=own["lever"].replace(["giant_orders", "credit_notes"], "apart"))
        return own.sort_values(["gap", "rep_id"], kind="stable")

    @property
    def retired(self) -> pd.DataFrame | None:
        """The indicators to replace or to drop, and why."""
        if self.indicators is None:
            return None
        columns = ["indicator", "why", "redundant_with", "steerable_share", "replacement"]
        return self.indicators.loc[self.indicators["decision"].isin(["replace", "drop"]), columns]

    @property
    def rep_funnels(self) -> pd.DataFrame | None:
        """The steps of those who are compared, by name: what starts each (``basis``), how many a day, at which rate."""
        if self.rep_steps is None or self.chain is None:
            return None
        basis = self.chain.set_index("step")["basis"]
        free = self.people.loc[self.people["exclusion"].isna(), "rep_id"]
        own = self.rep_steps[self.rep_steps["rep_id"].isin(free) & self.rep_steps["starts_per_day"].notna()]
        own = own.assign(basis=own["step"].map(basis)).sort_values("name", kind="stable")
        return None if own.empty else own

    @property
    def uncompared(self) -> pd.DataFrame:
        """Who is shown without being compared, and why: name, role, exclusion."""
        return self.people.loc[self.people["exclusion"].notna(), ["name", "role", "exclusion"]].sort_values("name")

    @property
    def segment_bars(self) -> pd.DataFrame | None:
        """The cells of customers whose margin a visit is known, the most profitable first; None without one."""
        if self.segments is None:
            return None
        own = self.segments[~self.segments["is_prospect"]].dropna(subset="margin_per_visit")
        return None if own.empty else own.sort_values("margin_per_visit", ascending=False)


class NotComputable(Exception):
    """A measure that these data do not allow; its argument is the Reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason
