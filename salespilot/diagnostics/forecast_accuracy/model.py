"""What the report on forecasts is asked for, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Reason

NAME = "forecast_accuracy"
NAIVE = ("naive", "seasonal", "statistical")
Figures = Mapping[str, float | int | None]


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "salesperson whose forecasts are shown; empty: everyone")
    horizon_days: int = parameter(0, "how long before the start of a period its forecast is taken", unit="days")
    period: str = parameter(
        "", "length of the periods; empty: the most frequent", ("", "week", "month", "quarter", "year")
    )


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, sections 10 and 14)."""

    bias_ok: float = threshold(0.05, "share of actual", "a bias within is no matter")
    bias_act: float = threshold(0.10, "share of actual", "a bias beyond distorts what rests on the forecast")
    tracking_signal: float = threshold(4.0, "mean errors", "errors that add up so far are not chance")
    prone_probability: float = threshold(
        0.975, "share of chances", "one false alarm in twenty people, both ways together"
    )
    min_periods: int = threshold(6, "periods", "fewer prove nothing about anyone")
    usual_periods: int = threshold(12, "periods", "taken back where the window holds too few")
    prior_spread: float = threshold(0.10, "share of actual", "how people differ, where two or fewer forecast")
    commit_conversion_limit: float = threshold(0.70, "share of the commitment", "less won than that is over-commitment")
    surprise_limit: float = threshold(0.30, "share of the value won", "more unannounced: sandbagging or poor capture")
    scope_ratio: float = threshold(3.0, "times", "totals further apart do not measure the same thing")
    constant_spread: float = threshold(0.03, "share of actual", "a gap that varies less is a difference of scope")
    forecast_hours: float = threshold(0.5, "hours", "one person's forecast of one period, made and discussed")
    maturity_quantile: float = threshold(0.90, "share of deals", "deals so old have met their fate")
    lead_days: int = threshold(30, "days", "the next round of forecasts")


@dataclass(frozen=True)
class Result:
    """What was measured; a frame is None where ``not_computable`` says why. Errors are forecast less actual.

    ``course``        one row a period and series (actual, each source, naive): amounts on one scope
    ``sources``       one row a level and source: bias, WAPE, MAPE, MASE, tracking signal, value added at each step
    ``horizons``      one row a horizon: the same for the last source, and the spread of its errors
    ``reps``          one row a salesperson: bias with interval, shrunk, probability of over-forecasting, verdict
    ``errors``        one row a salesperson and period: forecast, actual, naive, error
    ``rollup``        one row a period to come: announced, corrected by the shrunk biases, final, a year before
    ``rollup_reps``   one row a salesperson and period to come
    ``commit``        one row a period: value committed at the start, won of it, won besides
    ``surprises``     one row a way in which a win was announced or not: deals, value
    ``calibration``   one row a band of declared probability: what came true
    ``scope``         one row a check of what is compared with what
    """

    course: pd.DataFrame | None = None
    sources: pd.DataFrame | None = None
    horizons: pd.DataFrame | None = None
    reps: pd.DataFrame | None = None
    errors: pd.DataFrame | None = None
    rollup: pd.DataFrame | None = None
    rollup_reps: pd.DataFrame | None = None
    commit: pd.DataFrame | None = None
    surprises: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    scope: pd.DataFrame | None = None
    verdict_order = ("in_line", "left", "over_forecaster", "not_enough_evidence", "under_forecaster")
    step_columns = ("level", "source", "n", "bias", "wape", "mase", "fva", "fva_seasonal", "step_from", "fva_step")
    horizon_columns = ("days_before_end", "n", "bias", "wape", "wape_naive", "fva", "mase", "error_low", "error_high")
    rollup_columns = ("period_start", "entity_count", "announced", "corrected", "last_forecast", "year_before")
    rollup_rep_columns = ("rep_name", "period_start", "announced", "bias_shrunk", "corrected")
    rep_columns = ("rep_name", "n", "over_count", "bias", "bias_low", "bias_high", "bias_shrunk", "verdict")

    key_figures: Figures = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def stairs(self) -> pd.DataFrame | None:
        """The sources and the naive forecasts at the level where hand-overs are compared, in the order of the chain."""
        if self.sources is None:
            return None
        return self.sources[self.sources["is_main"]].assign(is_human=~self.sources["source"].isin(NAIVE))

    @property
    def zone(self) -> tuple[float, float]:
        """The biases that call for nothing: from minus to plus the limit."""
        limit = float(self.key_figures["bias_limit"] or 0)
        return (-limit, limit)

    @property
    def judged_reps(self) -> pd.DataFrame | None:
        """The salespeople whose bias can be shown, or None."""
        rows = None if self.reps is None else self.reps.dropna(subset="bias")
        return None if rows is None or rows.empty else rows
