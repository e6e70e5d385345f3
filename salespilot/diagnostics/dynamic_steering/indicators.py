"""Which measures announce the sales of the months to come, proved on months they were not fitted on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.dynamic_steering.model import Thresholds
from salespilot.marts import FACE_TO_FACE

YEAR = 12
MIN_FIT = 10
LEAD_FOLDS = 12

# name: (table, date, SQL of the measure)
SOURCES = {
    "visits": ("activities", "done_date", "count(*) filter (type in {f2f} and coalesce(status, 'done') = 'done')"),
    "quoted_amount": ("quotes", "sent_date", "sum(amount) filter (coalesce(is_latest, true))"),
    "deals_created": ("opportunities", "created_date", "count(*)"),
    "created_amount": ("opportunities", "created_date", "sum(amount)"),
    "active_customers": ("sales_lines", "invoice_date", "count(distinct customer_id)"),
}

# A change of definition named after one of these words (``interventions.metric``) cuts the series before it.
REDEFINED = {
    "visits": ("visits", "activities"),
    "quoted_amount": ("quotes", "quoted_amount"),
    "deals_created": ("deals", "opportunities", "deals_created"),
    "created_amount": ("deals", "opportunities", "created_amount"),
    "active_customers": ("customers", "active_customers"),
}


def series(dataset: Dataset) -> pd.DataFrame:
    """Candidate indicators by calendar month, one column each, on an index of 12·year + month; missing where the
    table was not exported, and before a change of its definition."""
    months = {}
    broken = dataset.table("interventions")
    broken = broken[(broken["kind"] == "definition_break") & broken["metric"].notna()]
    for name, (table, day, measure) in SOURCES.items():
        if not dataset.has(table) or day not in dataset.columns(table):
            continue
        value = measure.format(f2f=str(FACE_TO_FACE))
        rows = dataset.sql(
            f"select year({day}) * 12 + month({day}) as month_index, ({value})::double as value from {table} "
            f"where {day} is not null and {day} <= date '{dataset.as_of}' group by 1 order by 1"
        )
        own = rows.set_index("month_index")["value"]
        changes = broken.loc[broken["metric"].str.lower().isin(REDEFINED[name]), "date"]
        if len(changes):
            own = own[own.index > changes.max().year * YEAR + changes.max().month]
        months[name] = own
    return pd.DataFrame(months)


def tested(sales: pd.Series, candidates: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Each candidate's verdict: kpi, lag_months, correlation, fold_count, mase_base, mase, error_saved, verdict.

    ``sales``: by month, whole months only, on the same index. Both series are taken as logarithms without their
    season (means of each month of the year, of the months known then). The lag (1 to 6) is that of the strongest
    positive correlation once both are prewhitened (AR(1)), on the first part: more now, more later. On the folds that
    follow, month by month, sales are forecast that many months ahead with and without the indicator.
    ``error_saved``: the part of the error (MASE) that it saves; "leading" from 5 % on at least 6 folds, else
    "followed"; "untested" where months are too few.
    """
    rows = [_tested(name, sales, candidates[name], thresholds) for name in candidates.columns]
    columns = ["kpi", "lag_months", "correlation", "fold_count", "mase_base", "mase", "error_saved", "verdict"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["error_saved", "kpi"], ascending=[False, True], na_position="last", ignore_index=True)


def leads(sales: pd.Series, candidates: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row an indicator tested and lead, in months: kpi, lag_months, correlation (as in :func:`tested`)."""
    rows = []
    for name in candidates.columns:
        known = _months(sales, candidates[name], thresholds)
        if known is not None:
            found = _correlations(*known, thresholds)
            rows += [(name, lag, correlation) for lag, correlation in found.items()]
    return pd.DataFrame(rows, columns=["kpi", "lag_months", "correlation"])


def _months(
    sales: pd.Series, candidate: pd.Series, thresholds: Thresholds
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The logarithms of an indicator and of sales, and the months of the year; None where they are too few to test."""
    index = sales.index.intersection(candidate.dropna().index)
    x, y = candidate.reindex(index).to_numpy(dtype=float), sales.reindex(index).to_numpy(dtype=float)
    enough = 2 * YEAR + thresholds.indicator_folds
    if len(index) < enough or (np.diff(index) != 1).any() or (x <= 0).any() or (y <= 0).any():
        return None
    return np.log(x), np.log(y), np.asarray(index) % YEAR


def _folds(y: np.ndarray) -> int:
    return min(LEAD_FOLDS, len(y) - 2 * YEAR)


def _tested(name: str, sales: pd.Series, candidate: pd.Series, thresholds: Thresholds) -> dict[str, object]:
    known = _months(sales, candidate, thresholds)
    if known is None:
        return {"kpi": name, "lag_months": None, "fold_count": 0, "verdict": "untested"}
    x, y, season = known
    folds = _folds(y)
    first = len(y) - folds
    found = _correlations(x, y, season, thresholds)
    lag, correlation = max(found.items(), key=lambda pair: pair[1]) if found else (1, float("nan"))
    base, own = [], []
    for t in range(first, len(y)):
        past = t - lag + 1  # months known when the forecast is made
        level = _adjusted(y[:past], season[:past])
        seasons = _season(y[:past], season[:past])
        usual = seasons[season[t]] + level[-YEAR // 2 :].mean()
        u, v = _adjusted(x[:past], season[:past]), level
        slope = max(_slope(u[: len(u) - lag], v[lag:]), 0.0) if past - lag >= MIN_FIT else 0.0
        base.append(abs(np.exp(y[t]) - np.exp(usual)))
        own.append(abs(np.exp(y[t]) - np.exp(usual + slope * u[-1])))
    money = np.exp(y[:first])
    scale = np.abs(money[YEAR:] - money[:-YEAR]).mean()
    mase_base, mase = float(np.mean(base) / scale), float(np.mean(own) / scale)
    gain = 1 - mase / mase_base if mase_base > 0 else 0.0
    is_leading = gain >= thresholds.indicator_gain and folds >= thresholds.indicator_folds
    return {
        "kpi": name, "lag_months": lag, "correlation": correlation, "fold_count": folds, "mase_base": mase_base,
        "mase": mase, "error_saved": gain, "verdict": "leading" if is_leading else "followed",
    }  # fmt: skip


def _season(x: np.ndarray, season: np.ndarray) -> dict[int, float]:
    return {int(month): float(x[season == month].mean()) for month in np.unique(season)}


def _adjusted(x: np.ndarray, season: np.ndarray) -> np.ndarray:
    """The series less the mean of each month of the year, so that only what is unusual is left."""
    means = _season(x, season)
    return x - np.array([means[int(month)] for month in season])


def _white(x: np.ndarray) -> np.ndarray:
    past, now = x[:-1], x[1:]
    rho = float(past @ now / (past @ past)) if past @ past > 0 else 0.0
    return now - rho * past


def _correlations(x: np.ndarray, y: np.ndarray, season: np.ndarray, thresholds: Thresholds) -> dict[int, float]:
    """The correlation of each lag, in months, over the months before those kept for the trial."""
    first = len(y) - _folds(y)
    a, b = (_white(_adjusted(values[:first], season[:first])) for values in (x, y))
    lags = range(1, thresholds.indicator_lags + 1)
    return {lag: _correlation(a[:-lag], b[lag:]) for lag in lags if len(a) - lag >= MIN_FIT}


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / (x @ x)) if x @ x > 0 else 0.0


def driver_rest(sales: pd.Series, candidate: pd.Series, lag: int, months: list[int], seasonal_rest: float) -> float:
    """M5: the seasonal rest of the period, its next ``lag`` months moved by what the indicator already announces.

    ``months``: the months of the rest, on the index of ``sales``, both cut at what is known.
    """
    index = sales.index.intersection(candidate.dropna().index)
    season = np.asarray(index) % YEAR
    x, y = np.log(candidate.reindex(index).to_numpy(dtype=float)), np.log(sales.reindex(index).to_numpy(dtype=float))
    u, v = _adjusted(x, season), _adjusted(y, season)
    slope = max(_slope(u[:-lag], v[lag:]), 0.0)
    known = dict(zip(index, u, strict=True))
    means = _season(y, season)
    weight = np.array([np.exp(means[month % YEAR]) for month in months])
    moved = np.array([np.exp(slope * known.get(month - lag, 0.0)) for month in months])
    return seasonal_rest * float((weight * moved).sum() / weight.sum())
