"""Accuracy of forecasts: the measures of utilsforecast on its long format, and what it lacks.

Frames have the columns ``unique_id`` (the series), ``ds`` (the period), ``y`` (the actual) and one column a model.
Error E = forecast − actual: positive is over-forecast.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

NOUGHT = 1e-9


def accuracy(
    frame: pd.DataFrame, models: Sequence[str], train: pd.DataFrame | None = None, lag: int | None = None
) -> pd.DataFrame:
    """One row a model over all series together, on the rows where all models and the actual are known.

    Columns: n, bias ΣE/ΣA, wape Σ|E|/Σ|A|, mape, mae, mase, tracking_signal ΣE/MAD (of the sums by period: errors of
    many series at once would add up whatever they are). Missing where the actuals sum to nothing. ``train``: the
    actuals before (unique_id, ds, y) that scale the MASE [S60], at the seasonal ``lag``.
    """
    from utilsforecast import losses

    columns = ["n", "bias", "wape", "mape", "mae", "mase", "tracking_signal"]
    frame = frame.dropna(subset=["y", *models])
    if frame.empty:
        return pd.DataFrame(np.nan, index=list(models), columns=columns).assign(n=0)
    pooled, names = frame.assign(unique_id="all"), list(models)
    made = pd.DataFrame(index=names)
    made["n"] = len(frame)
    total, wrong = frame["y"].sum(), _row(losses.cfe(pooled, names), names)
    made["bias"] = wrong / total if abs(total) > NOUGHT else np.nan
    made["wape"] = _row(losses.wape(pooled, names), names)
    made["mape"] = _row(losses.mape(pooled, names), names)
    made["mae"] = _row(losses.mae(pooled, names), names)
    made["mase"] = np.nan if train is None or lag is None else _mase(frame, names, train, lag)
    course = frame.groupby("ds", as_index=False)[["y", *names]].sum().assign(unique_id="all")
    usual = _row(losses.mae(course, names), names)
    made["tracking_signal"] = (wrong / usual.where(usual > NOUGHT)).fillna(0.0)
    return made[columns]


def _row(found: pd.DataFrame, models: list[str]) -> pd.Series:
    return found.set_index("unique_id")[models].iloc[0].astype(float)


def _mase(frame: pd.DataFrame, models: list[str], train: pd.DataFrame, lag: int) -> pd.Series:
    """Mean of the scaled errors of all series: each error is scaled by its own series; those without scale left out."""
    from utilsforecast import losses

    known = train.dropna(subset=["y"]).sort_values(["unique_id", "ds"])
    known = known[known.groupby("unique_id")["y"].transform("size") > lag]
    if known.empty:
        return pd.Series(np.nan, index=models)
    scaled = losses.mase(frame[frame["unique_id"].isin(known["unique_id"])], models, lag, known)
    weight = scaled["unique_id"].map(frame.groupby("unique_id").size())
    scaled = scaled.set_index(weight.to_numpy())[models].astype(float).replace([np.inf, -np.inf], np.nan).dropna()
    if scaled.empty:
        return pd.Series(np.nan, index=models)
    return pd.Series(np.average(scaled.to_numpy(), axis=0, weights=scaled.index), index=models)


def gain(frame: pd.DataFrame, model: str, against: str) -> dict[str, float]:
    """The forecast value added of a model against another one, in WAPE [S59]: ``fva``, ``fva_low``, ``fva_high``.

    The 95 % interval is that of the mean of the periods' differences of absolute error, paired, over the mean actual
    (Student's t, a period being one draw).
    """
    rows = frame.dropna(subset=["y", model, against])
    better = ((rows[against] - rows["y"]).abs() - (rows[model] - rows["y"]).abs()).groupby(rows["ds"]).sum()
    scale = rows["y"].abs().groupby(rows["ds"]).sum().mean() if len(rows) else 0.0
    if scale <= NOUGHT:
        return dict.fromkeys(("fva", "fva_low", "fva_high"), float("nan"))
    share, n = better / scale, len(better)
    half = scipy.stats.t.ppf(0.975, n - 1) * share.std() / np.sqrt(n) if n > 1 else float("nan")
    return {"fva": float(share.mean()), "fva_low": float(share.mean() - half), "fva_high": float(share.mean() + half)}
