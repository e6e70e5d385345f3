"""Who announces too much or too little: the bias of each, its interval, its shrunk value, and the posterior test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike

from salespilot.diagnostics.forecast_accuracy.model import Thresholds

LEAST_SPREAD = 0.01
"""A standard error of the bias is never taken as smaller: a handful of equal errors proves little."""
FEW_PEOPLE = 3


def prone_probability(over: ArrayLike, periods: ArrayLike) -> np.ndarray:
    """Chance that someone is more apt to over-forecast than not, after so many over-forecasts of so many periods.

    1 − BetaCDF(0.5; 1 + k, 1 + n − k), from a flat prior; that of under-forecasting is its complement [S63b].
    """
    k, n = np.asarray(over, dtype=float), np.asarray(periods, dtype=float)
    return np.asarray(scipy.stats.beta.sf(0.5, 1 + k, 1 + n - k))


def biases(errors: pd.DataFrame, small: int, thresholds: Thresholds) -> pd.DataFrame:
    """One row an ``entity_id`` of ``errors`` (entity_id, forecast, actual; one row a period).

    Columns: n (periods), over_count (forecast above actual), forecast, actual (sums), bias ΣE/ΣA, bias_low,
    bias_high (95 %, ratio of sums, Student's t), bias_shrunk, over_probability, verdict. Under ``small`` periods
    counts only. A period forecast to the cent counts neither over nor under.
    """
    frame = errors.dropna(subset=["forecast", "actual"])
    frame = frame.assign(error=frame["forecast"] - frame["actual"])
    frame = frame.assign(is_over=frame["error"] > 0, is_off=frame["error"] != 0)
    made = frame.groupby("entity_id").agg(
        n=("error", "size"), over_count=("is_over", "sum"), off_count=("is_off", "sum"), forecast=("forecast", "sum"),
        actual=("actual", "sum"), error=("error", "sum"),
    )  # fmt: skip
    bias = made["error"] / made["actual"].where(made["actual"] > 0)
    residual = frame["error"] - frame["entity_id"].map(bias) * frame["actual"]
    squares = (residual**2).groupby(frame["entity_id"]).sum()
    spread = np.sqrt(squares * made["n"] / (made["n"] - 1).where(made["n"] > 1)) / made["actual"]
    spread = spread.clip(lower=LEAST_SPREAD).where(made["n"] >= small)
    made["bias"] = bias.where(made["n"] >= small)
    half = scipy.stats.t.ppf(0.975, (made["n"] - 1).clip(lower=1)) * spread
    made["bias_low"], made["bias_high"] = made["bias"] - half, made["bias"] + half
    made["bias_shrunk"] = shrunk(made["bias"], spread, thresholds.prior_spread)
    made["over_probability"] = np.where(made["n"] > 0, prone_probability(made["over_count"], made["off_count"]), np.nan)
    made["verdict"] = verdicts(made, thresholds)
    return made.drop(columns=["error", "off_count"])


def shrunk(bias: pd.Series, spread: pd.Series, prior: float) -> pd.Series:
    """Biases drawn towards the common one, the more the less they are known (DerSimonian and Laird).

    (τ²·b + s²·m) / (τ² + s²), m the mean weighted by 1/s², τ² the variance between people by moments. Two people or
    fewer tell nothing of it: m = 0 and τ = ``prior``. Who has no bias of its own takes m.
    """
    known = bias.notna() & spread.notna()
    b, variance = bias[known], spread[known] ** 2
    if len(b) < FEW_PEOPLE:
        mean, between = 0.0, prior**2
    else:
        weight = 1 / variance
        mean = float((weight * b).sum() / weight.sum())
        excess = float((weight * (b - mean) ** 2).sum()) - (len(b) - 1)
        between = max(0.0, excess / float(weight.sum() - (weight**2).sum() / weight.sum()))
        weight = 1 / (variance + between)
        mean = float((weight * b).sum() / weight.sum())
    drawn = (between * b + variance * mean) / (between + variance)
    return drawn.reindex(bias.index).fillna(mean)


def verdicts(people: pd.DataFrame, thresholds: Thresholds) -> np.ndarray:
    """over_forecaster, under_forecaster, in_line (the interval of the bias lies within the limits), else
    not_enough_evidence: fewer than ``min_periods``, or too little to tell."""
    enough = people["n"] >= thresholds.min_periods
    chance, limit = people["over_probability"], thresholds.bias_act
    over = enough & (chance >= thresholds.prone_probability) & (people["bias"] >= limit)
    under = enough & (1 - chance >= thresholds.prone_probability) & (people["bias"] <= -limit)
    fair = enough & (people["bias_low"] >= -limit) & (people["bias_high"] <= limit)
    return np.select([over, under, fair], ["over_forecaster", "under_forecaster", "in_line"], "not_enough_evidence")
