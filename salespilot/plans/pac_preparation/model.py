"""What the commercial action plan is asked for, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Reason

NAME = "pac_preparation"
Figures = dict[str, float | int | None]
Reasons = dict[str, Reason]


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "salesperson whose sheet is made; empty: the plan of the whole team")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, sections 6 and 14)."""

    coverage_goal: float = threshold(1.3, "times the gap", "contributions disappoint: plan for more than the gap")
    close_goal: float = threshold(0.70, "share", "chance of closing the gap from which a plan holds")
    open_actions: int = threshold(5, "actions", "open at once for one salesperson", "J")
    budget_envelope: float = threshold(0.0, "money", "of the plan, over the period; 0: not told")
    launch_days: int = threshold(14, "days", "from the report to the start of a new action")
    spread_months: int = threshold(3, "months", "over which the hours of a new action are spread")
    default_lead_days: int = threshold(30, "days", "before an action pays, where nothing says")
    default_hours: float = threshold(8.0, "hours", "an action takes, where nothing says")
    deal_hours: float = threshold(2.0, "hours", "to take up a deal again, where nothing says")
    least_hours: float = threshold(1.0, "hours", "no action takes less")
    default_probability: float = threshold(0.50, "share", "of success, where nothing says")
    low_factor: float = threshold(0.50, "times the expected", "lowest contribution, where no range is known")
    high_factor: float = threshold(1.50, "times the expected", "highest contribution, where no range is known")
    lever_capture: float = threshold(0.25, "share of the gap with peers", "won back in a year by a way of working")
    lever_hours: float = threshold(40.0, "hours", "to change a way of working: training, joint visits")
    usual_load: float = threshold(0.85, "share of worked hours", "taken by current work, where none is logged")
    load_low: float = threshold(0.70, "share of worked hours", "current work takes at least that: not all is logged")
    load_high: float = threshold(0.95, "share of worked hours", "current work leaves at least the rest to a plan")
    draws: int = threshold(10_000, "draws", "of the contributions of the plan", "G")
    seed: int = threshold(11, "seed", "same data, same chances")
    quiet_rank: float = threshold(0.40, "quantile of months", "launch in one of the quietest")
    month_end_days: int = threshold(5, "working days", "at the end of a month: no launch", "S2")
    absence_limit: float = threshold(0.25, "share of the team", "absent: no launch", "S2")
    timely_share: float = threshold(0.80, "share of actions", "from which the rule counts as kept")
    sum_margin: float = threshold(0.05, "share of the team target", "salespeople's targets may exceed it by", "J")
    focus_share: float = threshold(0.70, "share of hours", "on customers to develop and big ones in decline")
    load_cv: float = threshold(0.30, "coefficient of variation", "of the monthly load")
    clustered_share: float = threshold(0.40, "share of starts", "in one month at most")
    review_days: int = threshold(30, "days", "between two reviews at most", "S17")
    reviewed_share: float = threshold(0.90, "share of actions", "reviewed on time")
    executed_share: float = threshold(0.80, "share of actions due", "done")
    near_share: float = threshold(0.20, "share of the target", "above or below: near it", "S79")
    healthy_low: float = threshold(0.55, "share of salespeople", "reach a healthy target, at least", "S79")
    healthy_high: float = threshold(0.65, "share of salespeople", "reach a healthy target, at most", "S79")
    late_share: float = threshold(0.20, "share of progress", "behind the calendar: late")
    effect_months: int = threshold(4, "months", "after the start before an effect is judged")
    before_months: int = threshold(12, "months", "before the start, to compare with")
    controls: int = threshold(10, "customers", "like each targeted one, to compare with")
    match_limit: float = threshold(0.5, "logarithms", "further from all others, a customer compares with none")
    effect_interval: float = threshold(0.90, "share", "of the interval of a measured effect")
    effect_draws: int = threshold(2000, "draws", "enough for the interval to be stable", "G")
    block_months: int = threshold(3, "months", "drawn together: months follow each other", "G")
    named: int = threshold(5, "findings a rule", "the rest stands in the tables")
    lead_days: int = threshold(30, "days", "the next monthly review of the plan")


@dataclass(frozen=True)
class Result:
    """What was planned and measured; a frame is None where ``not_computable`` says why.

    ``bridge``       from the landing to the target: landing, decided, proposed, not covered, target (money, the period)
    ``plan``         one row an action of the plan, decided or proposed: owner, dates, hours, contributions
    ``renounced``    one row a candidate left out, and why
    ``candidates``   one row a candidate and owner, the dearest an hour first; each customer once a kind of stake
    ``levers``       findings with money but no customers of their own: told, never added
    ``load``         one row a salesperson and month: worked hours, current work, the plan, what is free
    ``people``       one row a salesperson: gap, hours, load, actions, activity needed a week
    ``needs``        one row a step, from the order back to the call: needed for the gap, and a week
    ``checks``       one row a rule of the ten: kept or not, measure, what is missing, an example
    ``missing``      one row a rule and field: actions that lack it
    ``progress``     one row an action due or in progress: progress, time gone, lateness
    ``impacts``      one row an action on customers: measured effect with its interval, verdict
    ``untouched``    one row a salesperson whose customers with most left to win no action touches
    ``unowned``      one row an action open or in draft that nobody owns
    ``quality``      the phrase on last year's targets: within reach, out of it, or not known
    """

    plan_columns = (
        "action_name", "target_name", "target_count", "owner_name", "stake_kind", "due_date", "hours_planned",
        "contribution", "next_year",
    )  # fmt: skip
    sheet_columns = (
        "action_name", "target_name", "target_count", "origin", "due_date", "hours_planned", "contribution",
        "next_year",
    )  # fmt: skip
    lever_columns = ("report", "action_name", "subject_kind", "stake_kind", "stake")
    renounced_columns = (
        "action_name", "target_name", "target_count", "owner_name", "stake_kind", "hours_planned", "contribution",
        "next_year", "why",
    )  # fmt: skip
    people_columns = (
        "owner_name", "rep_gap", "decided_count", "proposed_count", "hours_planned", "capacity_hours", "load_rate",
        "weekly_orders", "weekly_f2f",
    )  # fmt: skip
    progress_columns = (
        "action_id", "title", "owner_name", "status", "due_date", "progress", "elapsed_share", "variance", "late_days",
    )  # fmt: skip
    sheet_progress_columns = (
        "action_id", "title", "status", "due_date", "progress", "elapsed_share", "variance", "late_days",
    )  # fmt: skip
    impact_columns = (
        "action_id", "title", "start_date", "go_date", "target_count", "after_count", "impact", "impact_low",
        "impact_high", "verdict",
    )  # fmt: skip

    bridge: pd.DataFrame | None = None
    plan: pd.DataFrame | None = None
    renounced: pd.DataFrame | None = None
    candidates: pd.DataFrame | None = None
    levers: pd.DataFrame | None = None
    load: pd.DataFrame | None = None
    people: pd.DataFrame | None = None
    needs: pd.DataFrame | None = None
    checks: pd.DataFrame | None = None
    missing: pd.DataFrame | None = None
    progress: pd.DataFrame | None = None
    impacts: pd.DataFrame | None = None
    untouched: pd.DataFrame | None = None
    unowned: pd.DataFrame | None = None
    quality: str = "target_quality_none"
    key_figures: Mapping[str, float | int | None] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def proposed(self) -> pd.DataFrame | None:
        """The actions that the plan proposes, those that bring most over a full year first; None without any."""
        if self.plan is None:
            return None
        own = self.plan[self.plan["origin"] == "proposed"].sort_values("next_year", ascending=False, kind="stable")
        return own if len(own) else None

    @property
    def judged(self) -> pd.DataFrame | None:
        """The actions whose effect is measured, each under a ``label`` of its own; None where there is none."""
        if self.impacts is None:
            return None
        own = self.impacts.dropna(subset="impact")
        return own.assign(label=own["action_id"] + " " + own["title"].fillna("")) if len(own) else None
