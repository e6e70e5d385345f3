"""What the report on continuous improvement is asked for, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Reason

NAME = "continuous_improvement"
Figures = Mapping[str, float | int | None]


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "salesperson whose series are shown; empty: everyone")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, section 7)."""

    baseline_points: int = threshold(12, "months", "the first of a regime that set its limits, then frozen")
    min_points: int = threshold(6, "months", "fewer draw no limits", "S55")
    history_months: int = threshold(36, "months", "older months are left out of the charts")
    season_months: int = threshold(24, "months", "shorter series have no season of their own", "G")
    regime_points: int = threshold(6, "months", "in a new regime before its limits are drawn")
    regime_run: int = threshold(8, "months", "in a row on one side that confirm a new regime", "S54")
    regime_delay: int = threshold(3, "months", "a shift that begins later has another cause")
    autocorrelation_limit: float = threshold(0.5, "lag-1 correlation", "above, limits are too narrow", "S56")
    effect_points: int = threshold(8, "months", "after a change before it is judged")
    effect_interval: float = threshold(0.90, "share", "of the interval of an effect")
    useful_effect: float = threshold(0.10, "share", "a likely effect smaller than this is not worth a second try")
    bootstrap_draws: int = threshold(2000, "draws", "enough for the interval to be stable")
    block_months: int = threshold(3, "months", "of a block: what follows each other is drawn together", "G")
    mixed_share: float = threshold(0.20, "share of points", "more signals: the series mixes processes")
    recent_months: int = threshold(3, "months", "older signals are in the log, not on the first page")
    documented_share: float = threshold(0.80, "share of changes", "with a hypothesis, a measure and a decision")
    rare_count: float = threshold(1.0, "events a month", "rarer ones are charted by the days between them", "G")
    cause_hours: float = threshold(2.0, "hours", "a note of one page on the cause of one signal")
    lead_days: int = threshold(30, "days", "the next monthly review")
    seed: int = threshold(7, "seed", "of the bootstrap: same data, same interval")


@dataclass(frozen=True)
class Result:
    """What was measured; a frame is None where ``not_computable`` says why.

    ``points``       one row an indicator, scope and month: value, limits, regime, signal
    ``personal``     the same for what is charted of each salesperson and not judged: on no wall, in no finding
    ``charts``       one row an indicator and scope: kind, points, centre, limits, signals, false-alarm rate, verdict
    ``signals``      one row a signal of the window, and what was changed about then
    ``changes``      one row a change (intervention, decided action): hypothesis, effect with interval, decision
    ``marks``        the dates of the changes, for the charts
    ``expectations`` one row a salesperson far from their usual: what to expect next month, were nothing to change
    ``pillars``      one row a pillar: self-assessed and measured, both 0 to 1
    """

    points: pd.DataFrame | None = None
    personal: pd.DataFrame | None = None
    charts: pd.DataFrame | None = None
    signals: pd.DataFrame | None = None
    changes: pd.DataFrame | None = None
    marks: pd.DataFrame | None = None
    expectations: pd.DataFrame | None = None
    pillars: pd.DataFrame | None = None
    chart_columns = (
        "indicator", "scope_name", "point_count", "limit_share", "jump_count", "signal_count", "false_alarm_share",
        "verdict",
    )  # fmt: skip
    signal_columns = ("month", "indicator", "scope_name", "signal", "deviation_share", "cause")
    change_columns = (
        "change_id", "description", "start_date", "indicator", "scope_name", "expected_direction", "before_count",
        "after_count", "effect", "effect_low", "effect_high", "decision",
    )  # fmt: skip
    expectation_columns = ("rep_name", "last_value", "centre", "expected_next")

    key_figures: Figures = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    def series(self, indicator: str, *kinds: str) -> pd.DataFrame | None:
        """The points of one indicator in the scopes of those kinds (default: company and teams), its values in a column
        of its name; None where there are none."""
        if self.points is None:
            return None
        own = self.points[self.points["indicator"] == indicator]
        own = own[own["scope_kind"].isin(kinds or ("company", "team"))]
        return own.rename(columns={"value": indicator}) if len(own) else None

    @property
    def pillars_told(self) -> tuple[str, ...]:
        """The sentence on the half of the pillars that nothing tells, where there is one."""
        halves = {"self_assessed": "pillars_unrated", "measured": "pillars_unmeasured"}
        own = self.pillars
        return () if own is None else tuple(code for name, code in halves.items() if own[name].isna().all())

    @property
    def loud_people(self) -> pd.DataFrame | None:
        """The revenue of the salespeople whose chart holds a signal of the period; None where there is none."""
        own = self.series("revenue_per_day", "rep")
        if own is None or self.charts is None:
            return None
        told = self.charts[self.charts["signal_count"] > 0]
        told = told[(told["indicator"] == "revenue_per_day") & (told["scope_kind"] == "rep")]
        kept = own[own["scope_id"].isin(told["scope_id"])]
        return kept if len(kept) else None
