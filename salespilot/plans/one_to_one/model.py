"""What the one-to-one is asked for, how it judges, and what it brought together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Finding, Reason, Severity
from salespilot.fitness import Needs

NAME = "one_to_one"
NEEDS: Needs = ("reps", ("sales_lines", "opportunities"))
USES = (
    "dynamic_steering", "activity_productivity", "sales_cycle", "forecast_accuracy", "portfolio_review",
    "abc_cross_matrix", "continuous_improvement",
)  # fmt: skip

Results = Mapping[str, tuple[Any, Sequence[Finding]]]
"""What the reports it uses found: name -> (Result, findings); those that the data cannot feed are missing."""

Figures = Mapping[str, float | int | str | None]

CODES: Mapping[str, tuple[str, Severity]] = {
    "T08-R1": ("fewer_actions", Severity.ALERT),
    "T08-R2": ("ask_first", Severity.ALERT),
    "T08-R3": ("joint_visit", Severity.WATCH),
    "T08-R4": ("career", Severity.WATCH),
    "T08-R5": ("train", Severity.WATCH),
    "T08-R6": ("no_signal", Severity.GOOD),
    "T08-R7": ("ask_evidence", Severity.WATCH),
    "T08-R8": ("capture", Severity.ALERT),
}
"""Each rule, its code and its gravity."""


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "salesperson whose sheet is made; empty: the manager's page")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, section 9)."""

    facts_shown: int = threshold(3, "facts", "one success, one gap, one focus: more is not discussed")
    deals_shown: int = threshold(5, "deals", "as many as a meeting decides on", "S4")
    customers_shown: int = threshold(5, "customers", "as many as a meeting decides on", "S4")
    overdue_most: float = threshold(3.0, "times the mean gap", "a dormant customer is no more urgent for being older")
    actions_most: int = threshold(3, "actions", "more are not kept", "S4")
    completion_low_share: float = threshold(0.50, "share of commitments due", "below, twice running: fewer actions")
    commitments_days: int = threshold(365, "days", "older meetings teach nothing about today")
    competence_cases: int = threshold(30, "cases", "fewer say nothing about how a task is mastered")
    competence_band: float = threshold(0.5, "standard deviations", "nearer the others is as the others")
    clip: float = threshold(2.0, "standard deviations", "one extreme rate must not speak for all")
    rating_middle: float = threshold(3.0, "on a scale of 1 to 5", "the rating of a task done as expected")
    rating_days: int = threshold(550, "days", "an older rating is out of date")
    effort_points: int = threshold(3, "months", "of effort, compared with one's own usual level")
    effort_weeks: int = threshold(8, "weeks", "of contacts, compared with one's own usual level")
    effort_low: float = threshold(-1.65, "standard errors", "below one's usual level more than chance gives")
    meeting_days: int = threshold(7, "days", "the next meeting: the ritual is weekly", "S4")
    training_days: int = threshold(30, "days", "a month to set up joint visits or training")


@dataclass(frozen=True)
class Result:
    """What was brought together; a frame is None where ``not_computable`` says why. Money of the period.

    ``index``        the manager's page: one row a salesperson, in alphabetical order, never ranked
    ``pace``         one row: sold, target, landing with its range, chance of the target, pace needed
    ``levers``       one row a step from what the peers' ways give to what was sold; they sum to the gap
    ``series``       one row an indicator and month: the salesperson's own charts
    ``deals``        open deals that call for a decision, dearest expected value first
    ``customers``    customers that call for a decision
    ``commitments``  one row an action decided at an earlier one-to-one: kept, missed, pending, dropped
    ``meetings``     one row an earlier one-to-one: actions due, kept, completion
    ``tasks``        one row a task: mastery, effort, style suggested, confidence and why
    ``questions``    what to ask, in order
    ``decisions``    the lines left blank
    ``facts``        what is worth discussing: findings of the reports used, signals only
    ``said``         what fills the sentences of the sheet
    ``lever``        the lever that takes most, where it is a signal, else None
    ``rules``        what the rules T08-R1 to R8 rest on: rule -> values
    """

    index: pd.DataFrame | None = None
    pace: pd.DataFrame | None = None
    levers: pd.DataFrame | None = None
    series: pd.DataFrame | None = None
    deals: pd.DataFrame | None = None
    customers: pd.DataFrame | None = None
    commitments: pd.DataFrame | None = None
    meetings: pd.DataFrame | None = None
    tasks: pd.DataFrame | None = None
    questions: pd.DataFrame | None = None
    decisions: pd.DataFrame | None = None
    facts: tuple[Finding, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)
    lever: str | None = None
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    key_figures: Figures = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    deal_columns = (
        "name", "stage", "amount", "win_probability", "why", "expected_close_date",
    )  # fmt: skip
    customer_columns = ("customer_name", "why", "net_revenue", "headroom", "gap_ratio", "last_order_date")
    commitment_columns = ("decided_on", "title", "due_date", "progress", "commitment_state")
    task_columns = ("task", "case_count", "mastery", "manager_rating", "engagement", "style", "style_confidence", "why")
    index_columns = (
        "rep_name",
        "team_id",
        "rep_presence",
        "start_date",
        "fact_count",
        "commitments_due",
        "commitments_late",
    )

    @property
    def pace_told(self) -> tuple[str, ...]:
        """The sentences on pace: what was sold, and the target where there is one."""
        if self.pace is None:
            return ()
        return ("pace_target",) if self.said.get("target") else ("pace_sales",)

    @property
    def series_told(self) -> tuple[str, ...]:
        """The sentence on the false alarms that the charts give by themselves."""
        return () if self.series is None else ("series_alarms",)

    @property
    def facts_told(self) -> tuple[str, ...]:
        """That nothing can be judged, where that is so."""
        return () if self.facts or self.rules else ("facts_unknown",)

    @property
    def commitments_told(self) -> tuple[str, ...]:
        """The sentence on what was kept of what came due."""
        return () if self.commitments is None else ("commitments_told",)

    @property
    def gap_told(self) -> tuple[str, ...]:
        """The sentence on the gap: its lever, or that none is demonstrated."""
        if self.levers is None:
            return ()
        return ("lever_told",) if self.lever else ("lever_none",)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the rules shown beside the facts: not those that a fact already tells."""
        told = {"T08-R3", "T08-R7"} if self.facts else set()
        return tuple(code for rule, (code, _) in CODES.items() if rule not in told)


class NotComputable(Exception):
    """A part that these data do not allow; its argument is the Reason."""
