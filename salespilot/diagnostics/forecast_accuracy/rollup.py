"""Who is how biased, and the forecast of the periods to come once each bias is taken out of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, month_start
from salespilot.diagnostics.forecast_accuracy.actuals import COMPANY
from salespilot.diagnostics.forecast_accuracy.ground import Ground
from salespilot.diagnostics.forecast_accuracy.measures import accuracy
from salespilot.diagnostics.forecast_accuracy.model import Thresholds
from salespilot.diagnostics.forecast_accuracy.persons import biases
from salespilot.diagnostics.forecast_accuracy.snapshots import CHAIN, LEVELS

LEAST_FACTOR = 0.2
"""A shrunk bias never divides by less: nobody's forecast is multiplied by more than five."""


def own_errors(ground: Ground) -> tuple[pd.DataFrame, str]:
    """Each one's own forecasts, at the lowest level where anyone forecasts: those of the first source of the chain.

    Columns: entity_id, period_start, period_end, snapshot_date, forecast, actual, naive, error, error_share; and the
    level.
    """
    rows = _own(ground.rows)
    level = next(one for one in LEVELS if (rows["level"] == one).any())
    rows = rows[rows["level"] == level]
    source = next(one for one in (*CHAIN, "statistical") if (rows["source"] == one).any())
    rows = rows[rows["source"] == source]
    made = rows[["entity_id", "period_start", "period_end", "snapshot_date", "forecast", "actual", "naive"]].copy()
    made["error"] = made["forecast"] - made["actual"]
    made["error_share"] = made["error"] / made["actual"].where(made["actual"] > 0)
    return made.reset_index(drop=True), level


def _own(rows: pd.DataFrame) -> pd.DataFrame:
    """The forecasts as they were given; where only their sums can be judged, the sums."""
    given = rows[~rows["is_summed"]]
    return given if len(given) else rows


def people(dataset: Dataset, errors: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a salesperson: rep_id, rep_name, team_id, then as :func:`persons.biases`, the biggest bias first.

    Who has left, or arrived less than ``ramp_months`` ago, is shown and not judged: verdict left or ramping.
    """
    made = biases(errors, dataset.conventions.small_n_hide, thresholds)
    reps = dataset.table("reps").set_index("rep_id").reindex(made.index)
    ramping = pd.Timestamp(month_start(dataset.as_of, 1 - dataset.conventions.ramp_months))
    made["verdict"] = np.select(
        [reps["end_date"] < pd.Timestamp(dataset.as_of), reps["start_date"] >= ramping], ["left", "ramping"],
        made["verdict"],
    )  # fmt: skip
    made.insert(0, "rep_name", dataset.names("reps").reindex(made.index).fillna(made.index.to_series()))
    made.insert(1, "team_id", reps["team_id"])
    made = made.rename_axis("rep_id").reset_index()
    return made.sort_values(["bias", "rep_id"], ascending=[False, True], ignore_index=True)


def corrected(forecast: pd.Series, bias: pd.Series) -> pd.Series:
    """The forecast without its bias: F / (1 + b), as b = ΣE / ΣA."""
    return forecast / (1 + bias).clip(lower=LEAST_FACTOR)


def to_come(ground: Ground, level: str, bias: pd.Series) -> pd.DataFrame:
    """One row an entity and period to come: entity_id, period_start, period_end, snapshot_date, announced, bias_shrunk,
    corrected. ``bias``: the shrunk one by entity; who has none yet takes the mean of the others."""
    rows = _own(ground.future[ground.future["level"] == level])
    sources = [one for one in (*CHAIN, "statistical") if (rows["source"] == one).any()]
    rows = rows[rows["source"] == sources[0]] if sources else rows
    made = rows[["entity_id", "period_start", "period_end", "snapshot_date"]].copy()
    made["announced"] = rows["forecast"]
    made["bias_shrunk"] = rows["entity_id"].map(bias).astype(float).fillna(bias.mean())
    made["corrected"] = corrected(made["announced"], made["bias_shrunk"])
    return made.sort_values(["period_start", "entity_id"], ignore_index=True)


def summed(ground: Ground, single: pd.DataFrame) -> pd.DataFrame:
    """One row a period to come: entity_count, announced, corrected, correction, last_forecast (the company's, by the
    last source), year_before (actual of the same period a year before)."""
    made = single.groupby(["period_start", "period_end"], as_index=False).agg(
        snapshot_date=("snapshot_date", "max"), entity_count=("entity_id", "nunique"), announced=("announced", "sum"),
        corrected=("corrected", "sum"),
    )  # fmt: skip
    made["correction"] = made["corrected"] - made["announced"]
    company = ground.future[ground.future["level"] == COMPANY]
    last = company[company["source"] == ground.last].set_index("period_start")
    made["last_forecast"] = made["period_start"].map(last["forecast"])
    past = company.drop_duplicates("period_start").set_index("period_start")["seasonal"]
    made["year_before"] = made["period_start"].map(past)
    return made


def proof(errors: pd.DataFrame, small: int, thresholds: Thresholds) -> tuple[float, float]:
    """WAPE of the sum announced, and of the sum corrected, period by period, each period corrected by the biases of the
    others: what the correction would have been worth."""
    rows = []
    for period, own in errors.groupby("period_start"):
        others = errors[errors["period_start"] != period]
        if others["period_start"].nunique() < thresholds.min_periods - 1:
            return float("nan"), float("nan")
        bias = own["entity_id"].map(biases(others, small, thresholds)["bias_shrunk"]).fillna(0.0)
        rows.append((period, own["actual"].sum(), own["forecast"].sum(), corrected(own["forecast"], bias).sum()))
    frame = pd.DataFrame(rows, columns=["ds", "y", "announced", "corrected"]).assign(unique_id="all")
    found = accuracy(frame, ["announced", "corrected"])["wape"]
    return float(found["announced"]), float(found["corrected"])
