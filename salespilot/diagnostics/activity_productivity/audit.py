"""The audit of the indicators: which ones announce results, which only restate them, which nobody can steer.

An indicator *announces* a result when forecasts made with it beat, out of sample, forecasts made without: at each
month of the recent past (rolling origin) the result of the next months is forecast from the same months a year before,
with and without the indicator's own change on a year. The gain is the fall in the scaled error (MASE). Luck is
measured on the same indicator shuffled over salespeople and months, many comparisons are controlled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.activity_productivity.model import NotComputable, Thresholds
from salespilot.diagnostics.activity_productivity.panel import LEVELS, LOGGED, RESULT, TARGETED, panel, wide
from salespilot.finding import Reason
from salespilot.inference import discoveries

ANNOUNCED = ("revenue", "won_value")
LESS = {"admin_hours": -1.0}
NONE = "none"
LEAST_MONTHS = 6
LEAST_VALUES = 30
TREND = (-0.9, 2.0)
"""Changes on a year beyond are cut: a month of nothing, or of next to nothing, would outweigh all others."""


@dataclass(frozen=True)
class Gain:
    """What an indicator adds to forecasts: 1 − MASE with / MASE without, over how many origins, and the share of
    shuffled indicators that do as well. NaN where it cannot be tested."""

    predictive_gain: float = float("nan")
    fold_count: int = 0
    chance: float = float("nan")


def audit(dataset: Dataset, team: pd.DataFrame, thresholds: Thresholds) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The indicators judged, best first, and the redundant pairs.

    Indicators: ``indicator``, ``level``, ``is_official`` (a target is set on it), ``value_count`` (months of
    salespeople), ``steerable_share`` (within-salesperson share of the variance), ``announces`` (the result it announces
    best), ``predictive_gain`` (fall in MASE), ``fold_count``, ``chance``, ``is_proven``, ``redundant_with``,
    ``hours_to_collect`` and ``cost_to_collect`` a year, ``decision`` (keep, trial, replace, drop), ``why`` (proven,
    likely, promising, unproven_yet, result, redundant, not_predictive, structural) and ``replacement``.
    """
    table, records = panel(dataset, team, thresholds)
    sizes = table.groupby("indicator")["value"].size()
    names = [name for name in LEVELS if sizes.get(name, 0) >= LEAST_VALUES]
    if not names:
        raise NotComputable(Reason("short_history"))
    matrices = {name: wide(table, name) for name in names}
    found = pd.DataFrame({"indicator": names})
    found["level"] = found["indicator"].map(LEVELS)
    official = set(dataset.table("targets")["metric"].dropna().map(TARGETED).dropna())
    found["is_official"] = found["indicator"].isin(official)
    found["value_count"] = found["indicator"].map(sizes)
    found["steerable_share"] = [steerability(matrices[name]) for name in names]
    tests = [_best(name, matrices, thresholds) for name in names]
    found["announces"] = [result for result, _ in tests]
    for column in ("predictive_gain", "fold_count", "chance"):
        found[column] = [getattr(test, column) for _, test in tests]
    found["is_proven"] = discoveries(found["chance"], thresholds.false_alarm_share) & (found["predictive_gain"] > 0)
    pairs = redundancies(table, names, thresholds.redundant_correlation)
    hourly = dataset.table("costs").set_index("role")["hourly_cost"].astype(float)
    rate = hourly.get("all", hourly.median())
    typed = found["indicator"].map(records).fillna(0.0).where(found["indicator"].isin([*LOGGED, "deals_created"]), 0.0)
    found["hours_to_collect"] = typed * thresholds.log_minutes / 60
    found["cost_to_collect"] = found["hours_to_collect"] * rate
    return _decided(found, pairs, thresholds), pairs


def steerability(matrix: pd.DataFrame) -> float:
    """Within-salesperson share of the variance: σ²_within / (σ²_within + σ²_between), by one-way analysis of variance.

    ``matrix``: a row a salesperson, a column a month. Near 0: it depends on who and where; near 1: on when.
    """
    values = matrix.to_numpy(dtype=float)
    values = values[(~np.isnan(values)).sum(axis=1) >= 2]
    n = (~np.isnan(values)).sum(axis=1)
    if len(n) < 2:
        return float("nan")
    means = np.nanmean(values, axis=1)
    within = np.nansum((values - means[:, None]) ** 2) / (n.sum() - len(n))
    grand = np.nansum(values) / n.sum()
    size = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    between = max(((n * (means - grand) ** 2).sum() / (len(n) - 1) - within) / size, 0.0)
    return float(within / (within + between)) if within + between > 0 else float("nan")


def redundancies(table: pd.DataFrame, names: list[str], limit: float) -> pd.DataFrame:
    """Pairs of indicators whose Spearman correlation over months of salespeople exceeds ``limit`` in size.

    first, second, correlation, value_count.
    """
    values = table[table["indicator"].isin(names)].pivot(
        index=["rep_id", "month_index"], columns="indicator", values="value"
    )
    rho = values.corr("spearman", min_periods=LEAST_VALUES).reindex(index=names, columns=names)
    size = rho.to_numpy(dtype=float)
    rows = [
        {"first": a, "second": b, "correlation": float(size[i, j]),
         "value_count": int((values[a].notna() & values[b].notna()).sum())}
        for i, a in enumerate(names) for j, b in enumerate(names) if j > i and abs(size[i, j]) > limit
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["first", "second", "correlation", "value_count"])


def _best(name: str, matrices: dict[str, pd.DataFrame], thresholds: Thresholds) -> tuple[str | None, Gain]:
    """The result that an indicator announces best; its chance counts every result tried."""
    tried: list[tuple[str, Gain]] = []
    for result in ANNOUNCED:
        if result in matrices and result != name:
            tried.append((result, predictive_gain(matrices[name], matrices[result], thresholds, LESS.get(name, 1.0))))
    tried = [(result, test) for result, test in tried if not np.isnan(test.predictive_gain)]
    if not tried:
        return None, Gain()
    result, best = min(tried, key=lambda pair: (pair[1].chance, -pair[1].predictive_gain))
    return result, replace(best, chance=min(best.chance * len(tried), 1.0))


def predictive_gain(indicator: pd.DataFrame, result: pd.DataFrame, thresholds: Thresholds, sense: float = 1.0) -> Gain:
    """How much an indicator lowers the error of forecasts of the next months' result, out of sample.

    Both: a row a salesperson, a column a month. ``sense``: 1 where more of the indicator should announce more of the
    result, −1 where it should announce less. Unknown under ``audit_min_folds`` origins or three salespeople.
    """
    past, ahead = thresholds.audit_past_months, thresholds.audit_next_months
    reps = indicator.index.intersection(result.index)
    x, y = indicator.loc[reps].to_numpy(dtype=float), result.loc[reps].to_numpy(dtype=float)
    base, change = _outcomes(y, ahead)
    moved = sense * _on_a_year(x, past)
    gains, folds = _gains(moved[None], base, change, ahead)
    if folds < thresholds.audit_min_folds or len(reps) < 3:
        return Gain(fold_count=folds)
    rng = np.random.default_rng(thresholds.seed)
    shuffled, _ = _gains(_shuffled(moved, thresholds.audit_draws, rng), base, change, ahead)
    beaten = int((shuffled >= gains[0]).sum())
    return Gain(float(gains[0]), folds, (1 + beaten) / (1 + len(shuffled)))


def _on_a_year(x: np.ndarray, past: int) -> np.ndarray:
    """The relative change, at each month, of the last ``past`` months on the same months a year before."""
    moved = np.full(x.shape, np.nan)
    for t in range(12 + past - 1, x.shape[1]):
        now, then = x[:, t - past + 1 : t + 1].mean(axis=1), x[:, t - 12 - past + 1 : t - 11].mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved[:, t] = np.where(then > 0, now / then - 1, np.nan)
    return np.clip(moved, TREND[0], TREND[1])


def _outcomes(y: np.ndarray, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """At each month: the same ``ahead`` months of last year, and the relative change that is to be forecast."""
    base, change = np.full(y.shape, np.nan), np.full(y.shape, np.nan)
    for t in range(11, y.shape[1]):
        then = y[:, t - 11 : t - 11 + ahead].mean(axis=1)
        base[:, t] = np.where(then > 0, then, np.nan)
        if t + ahead < y.shape[1]:
            change[:, t] = y[:, t + 1 : t + 1 + ahead].mean(axis=1) / base[:, t] - 1
    return base, change


def _gains(moved: np.ndarray, base: np.ndarray, change: np.ndarray, ahead: int) -> tuple[np.ndarray, int]:
    """1 − error with / error without for each indicator of ``moved`` (one a first axis), and the number of origins.

    The two forecasts of the salespeople's total are weighted least squares on the months whose outcome was known at
    the origin: a constant, and a constant with the indicator, whose slope must not be negative: what announces in the
    wrong sense is no lever. Both errors have one scale, so that their ratio is that of the MASE.
    """
    known = ~(np.isnan(moved) | np.isnan(change))
    weight = np.where(known, base, 0.0)
    u, z = np.where(known, moved, 0.0), np.where(known, np.clip(change, TREND[0], TREND[1]), 0.0)
    w, wu, wz, wuu, wuz = (
        (weight * value).sum(axis=1).cumsum(axis=1) for value in (np.ones_like(u), u, z, u * u, u * z)
    )
    actual = (weight * np.where(known, change, 0.0)).sum(axis=1)
    told = (weight.sum(axis=1) > 0).cumsum(axis=1).max(axis=0)
    with_, without, folds = np.zeros(len(moved)), np.zeros(len(moved)), 0
    for t in range(ahead, u.shape[2]):
        past = t - ahead
        if told[past] < LEAST_MONTHS or weight[0, :, t].sum() == 0:
            continue
        folds += 1
        with np.errstate(divide="ignore", invalid="ignore"):
            mean_u, mean_z = wu[:, past] / w[:, past], wz[:, past] / w[:, past]
            spread = wuu[:, past] / w[:, past] - mean_u**2
            slope = np.where(spread > 1e-12, (wuz[:, past] / w[:, past] - mean_u * mean_z) / spread, 0.0).clip(min=0)
        plain = weight[:, :, t].sum(axis=1) * mean_z
        told_by = plain + slope * (weight[:, :, t] * (u[:, :, t] - mean_u[:, None])).sum(axis=1)
        without += np.nan_to_num(np.abs(actual[:, t] - plain))
        with_ += np.nan_to_num(np.abs(actual[:, t] - told_by))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(without > 0, 1 - with_ / without, np.nan), folds


def _shuffled(moved: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The indicator given to other salespeople and turned round in time, where it can announce nothing."""
    seen = np.flatnonzero(~np.isnan(moved).all(axis=0))
    turned = np.repeat(moved[None], draws, axis=0)
    for k in range(draws):
        if len(seen) > 3:
            turned[k][:, seen] = np.roll(moved[:, seen], int(rng.integers(2, len(seen) - 1)), axis=1)
        turned[k] = turned[k][rng.permutation(len(moved))]
    return turned


def _decided(found: pd.DataFrame, pairs: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Adds redundant_with, decision, why and replacement, and ranks: keep, trial, replace, drop; best gain first."""
    level = {"activity": 0, "objective": 1, "result": 2}
    ranked = (
        found.assign(rank=found["level"].map(level), gain=found["predictive_gain"].fillna(-np.inf))
        .sort_values(
            ["is_proven", "gain", "rank", "cost_to_collect", "indicator"], ascending=[False, False, True, True, True]
        )["indicator"]
        .tolist()
    )
    doubled: dict[str, str] = {}
    for name in reversed(ranked):  # the least useful of a pair first
        near = pairs[(pairs["first"] == name) | (pairs["second"] == name)]
        others = [other for pair in near[["first", "second"]].to_numpy() for other in pair if other != name]
        better = [other for other in others if ranked.index(other) < ranked.index(name) and other not in doubled]
        if better:
            doubled[name] = min(better, key=ranked.index)
    found["redundant_with"] = found["indicator"].map(doubled)
    gain, share = found["predictive_gain"], found["steerable_share"]
    reasons = {
        "result": found["level"] == RESULT,
        "redundant": found["redundant_with"].notna(),
        "structural": share < thresholds.steerable_min_share,
        "unproven_yet": gain.isna(),
        "not_predictive": gain <= 0,
        "proven": found["is_proven"],
        "likely": found["chance"] <= thresholds.false_alarm_share,
    }
    found["why"] = np.select(list(reasons.values()), list(reasons), "promising")
    decisions = {"result": "replace", "redundant": "drop", "structural": "drop", "not_predictive": "drop",
                 "proven": "keep", "likely": "keep"}  # fmt: skip
    found["decision"] = found["why"].map(decisions).fillna("trial")
    kept = found[found["decision"].isin(["keep", "trial"]) & (gain > 0)].set_index("indicator")
    best = [name for name in ranked if name in kept.index]
    found["replacement"] = None
    for name in found.loc[found["decision"] == "replace", "indicator"]:
        fitting = [other for other in best if kept.loc[other, "announces"] == name]
        found.loc[found["indicator"] == name, "replacement"] = next(iter(fitting or best), None)
    # Without anything to put in its place, a result stays on the page, to be read and not to be steered by.
    order = {"keep": 0, "trial": 1, "replace": 2, "drop": 3}
    found["rank"] = found["decision"].map(order)
    found = found.sort_values(["rank", "predictive_gain", "indicator"], ascending=[True, False, True])
    words = ["announces", "redundant_with", "replacement"]
    found[words] = found[words].astype(object).where(found[words].notna(), NONE)
    return found.drop(columns="rank").reset_index(drop=True)
