"""What dynamic steering reports, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Reason

NAME = "dynamic_steering"


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    period: str = parameter("year", "fiscal period that lands", ("year", "quarter"))
    rep: str = parameter("", "salesperson whose landing is shown; empty: the company or the team")
    team: str = parameter("", "team whose landing is shown; empty: the company")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, section 8)."""

    excluded_years: tuple[str, ...] = threshold((), "fiscal years", "years that teach nothing (a lockdown, a fire)")
    price_rises: tuple[str, ...] = threshold((), "date=share", "earlier sales are restated: 2024-01-01=0.03")
    interval: float = threshold(0.80, "share", "8 landings in 10 fall inside", "J")
    green: float = threshold(0.80, "share", "chance from which the target is held")
    amber: float = threshold(0.50, "share", "chance below which the target is at stake")
    effort_unreal: float = threshold(1.50, "times the current pace", "unrealistic beyond without a plan")
    phi_min: float = threshold(0.15, "share of the period", "earlier, dividing by the share done explodes", "G")
    profile_years: int = threshold(3, "years", "latest years whose season is averaged")
    origins: int = threshold(36, "months", "latest earlier dates at which each method is put to the test")
    disagreement_limit: float = threshold(
        0.15, "share of the landing", "methods further apart: a careful figure is kept"
    )
    careful: float = threshold(0.40, "share", "the landing kept where methods disagree: passed 6 times in 10")
    pipeline_origins: int = threshold(6, "earlier dates", "test of the deals, one every two months")
    basket_months: int = threshold(11, "months", "selling months of a year", "S5")
    min_entries: int = threshold(10, "deals", "fewer entries give a stage no rate of its own")
    accelerate_listed: int = threshold(25, "deals", "as many as a sales meeting can go through")
    indicator_gain: float = threshold(0.05, "share of the error", "an indicator that saves less is only followed")
    indicator_folds: int = threshold(6, "months", "fewer forecasts prove nothing")
    indicator_lags: int = threshold(6, "months", "longest lead looked for")
    alert_weeks: int = threshold(24, "weeks", "activity charted for each salesperson")
    alert_last: int = threshold(2, "weeks", "low weeks in a row, at the end, that warn")
    results_ok: float = threshold(0.95, "share of last year's sales", "from there results hold although activity fell")
    named: int = threshold(3, "findings a rule", "the rest stands in the tables")
    lead_days: int = threshold(30, "days", "a month to redress a landing")


@dataclass(frozen=True)
class Result:
    """What was measured; a frame is None where ``not_computable`` says why. Money of the period.

    ``path``        one row a month end of the period: actual, target and last year's sales cumulated, and the fan
    ``components``  what the landing is made of: sold, ordered, open deals, not yet created; and the gap to the target
    ``methods``     one row a method: landing, error in the past, weight
    ``backtest``    one row an earlier date at which the same question was asked: forecast, interval, what came true
    ``entities``    one row a team and salesperson in post: sold, target, landing, chance, pace
    ``milestones``  one row an open stage: needed against have, last useful date
    ``quotas``      one row a stage still of use: entries a week that close the deficit, for all and for each
    ``accelerate``  open deals worth speeding up, best first
    ``basket``      the permanent deal basket and the target coverage, needed against have
    ``indicators``  one row an indicator: lag, correlation, error saved out of sample, verdict
    ``leads``       one row an indicator and lead in months: correlation with the sales that follow
    ``alerts``      one row a salesperson: weekly contacts, limits, signal
    ``weeks``       one row a salesperson and week: the behaviour charts
    """

    entity_columns = (
        "entity_kind", "entity_name", "actual_to_date", "target", "landing_p10", "landing_p50", "landing_p90",
        "target_probability", "required_pace_ratio", "verdict",
    )  # fmt: skip
    milestone_columns = (
        "stage", "entries", "conversion", "needed_amount", "have_amount", "have_equivalent", "deficit",
        "deficit_count", "last_useful_date", "is_passed",
    )  # fmt: skip
    quota_columns = (
        "stage", "deficit_count", "weeks_left", "weekly_count", "usual_weekly", "effort_multiple", "weekly_per_rep",
        "last_useful_date",
    )  # fmt: skip
    deal_columns = (
        "name", "owner_name", "stage", "amount", "win_probability", "weighted_amount", "due_date", "is_overdue",
        "slack_days",
    )  # fmt: skip
    alert_columns = (
        "owner_name", "week_count", "centre", "lower", "last_weeks", "last_rate", "rate_change", "signal",
        "sales_growth",
    )  # fmt: skip

    path: pd.DataFrame | None = None
    components: pd.DataFrame | None = None
    methods: pd.DataFrame | None = None
    backtest: pd.DataFrame | None = None
    entities: pd.DataFrame | None = None
    milestones: pd.DataFrame | None = None
    quotas: pd.DataFrame | None = None
    accelerate: pd.DataFrame | None = None
    basket: pd.DataFrame | None = None
    indicators: pd.DataFrame | None = None
    leads: pd.DataFrame | None = None
    alerts: pd.DataFrame | None = None
    weeks: pd.DataFrame | None = None
    key_figures: Mapping[str, object] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def stage_values(self) -> pd.DataFrame | None:
        """Needed at each milestone: what is in hand and what is missing.

        One row each: stage, last_useful_date, part, amount.
        """
        if self.milestones is None:
            return None
        long = self.milestones.rename(columns={"have_equivalent": "in_hand", "deficit": "missing"})
        return long.melt(["stage", "last_useful_date"], ["in_hand", "missing"], "part", "amount").dropna(
            subset="amount"
        )

    @property
    def spread(self) -> tuple[float, float] | None:
        """The interval of the landing; None where no past tells it."""
        bounds = (self.key_figures["landing_p10"], self.key_figures["landing_p90"])
        return None if None in bounds else bounds  # type: ignore[return-value]

    @property
    def aimed(self) -> pd.DataFrame | None:
        """The landings over their targets, with their ranges: landing_ratio, ratio_low, ratio_high (1: the target)."""
        if self.entities is None or self.entities["target"].isna().all():
            return None
        table = self.entities[self.entities["target"] > 0]
        bounds = {"landing_ratio": "landing_p50", "ratio_low": "landing_p10", "ratio_high": "landing_p90"}
        return table.assign(**{ratio: table[bound] / table["target"] for ratio, bound in bounds.items()})

    @property
    def charted(self) -> pd.DataFrame | None:
        """The weeks of the salespeople whose activity signals, else of the first few."""
        if self.weeks is None or self.alerts is None:
            return None
        weeks = self.weeks.set_index("rep_id")
        return weeks.loc[self.alerts["rep_id"].head(4)].reset_index()
