"""Signal or noise: each series against limits frozen on the first months of its regime.

Every kind is judged on one scale. Rates and counts are standardised by what chance alone gives at their denominator
(√(p(1−p)/n), √c) and charted as individual values, which also allows for more scatter than chance gives; limits are
then given back in the unit of the series, month by month. Where a value resembles the one before (lag-1 correlation
above the limit), what is judged is the part that it does not explain [S56]. Days between rare events are judged as
their power 1/3.6, which makes chance gaps look normal [G].
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.behaviour import behaviour, signal_rule
from salespilot.diagnostics.continuous_improvement.model import Thresholds

GAP_POWER = 3.6
KEY = ["indicator", "scope_kind", "scope_id"]


def judged(panel: pd.DataFrame, causes: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The panel with centre, lower, upper, signal, is_leaning, is_jump (a leap within the months that set the limits),
    regime (from 1) and autocorrelation.

    ``causes``: one row a documented change and series (KEY, start_date, kind): a change of definition begins a new
    regime; any other does where a run on one side follows it within the delay, and enough months are there.
    Series with fewer points than the minimum are left out.
    """
    parts = []
    for key, frame in panel.groupby(KEY, sort=False):
        own = frame.sort_values("month", ignore_index=True)
        if len(own) >= thresholds.min_points:
            known = causes[(causes[KEY] == pd.Series(key, KEY)).all(axis=1)]
            parts.append(_series(own, known.sort_values("start_date"), thresholds))
    return pd.concat(parts, ignore_index=True) if parts else panel.head(0)


def _series(own: pd.DataFrame, causes: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One series, cut into its regimes one cause after the other."""
    starts = [0]
    for day, kind in zip(pd.to_datetime(causes["start_date"]), causes["kind"], strict=True):
        place = int((own["month"] >= day.to_period("M").to_timestamp()).sum())
        place = len(own) - place
        if place - starts[-1] < thresholds.min_points or len(own) - place < thresholds.regime_points:
            continue
        if kind == "definition_break" or _shifts(own.iloc[starts[-1] :], place - starts[-1], thresholds):
            starts.append(place)
    edges = zip(starts, [*starts[1:], len(own)], strict=True)
    regimes = [_regime(own.iloc[a:b], thresholds).assign(regime=n) for n, (a, b) in enumerate(edges, 1)]
    return pd.concat(regimes)


def _shifts(own: pd.DataFrame, place: int, thresholds: Thresholds) -> bool:
    """Whether a run on one side of the centre drawn before a cause begins at the cause or soon after."""
    z, _ = _standardised(own, place)
    side = np.sign(z - np.nanmean(z[:place]))
    for begin in range(place, min(place + thresholds.regime_delay, len(side)) + 1):
        run = side[begin : begin + thresholds.regime_run]
        if len(run) == thresholds.regime_run and abs(run.sum()) == thresholds.regime_run:
            return True
    return False


def _standardised(own: pd.DataFrame, baseline: int) -> tuple[np.ndarray, np.ndarray]:
    """The values on a scale where all months weigh alike, and the unit of that scale month by month."""
    x, n = own["value"].to_numpy(float), own["n"].to_numpy(float)
    base = slice(0, baseline or len(x))
    kind = own["kind"].iloc[0]
    if kind == "rate":
        p = float(np.sum(x[base] * n[base]) / np.sum(n[base]))
        return x, np.sqrt(np.maximum(p * (1 - p), 1e-12) / n)
    if kind == "count":
        return x, np.full(len(x), max(float(np.mean(x[base])), 1e-12) ** 0.5)
    return x, np.ones(len(x))


def _regime(own: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    if own["kind"].iloc[0] == "gap":
        flat = _limits(own.assign(value=own["value"] ** (1 / GAP_POWER)), thresholds)
        raised = {name: flat[name].clip(lower=0.0) ** GAP_POWER for name in ("centre", "lower", "upper")}
        return flat.assign(value=own["value"], **raised)
    return _limits(own, thresholds)


def _limits(own: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    points = len(own)
    frozen = thresholds.baseline_points if points >= thresholds.baseline_points + thresholds.min_points else 0
    x, unit = _standardised(own, frozen)
    centre = _centre(own, frozen)
    z = (x - centre) / unit
    lag = autocorrelation(z[:frozen] if frozen else z)  # of the baseline: a later shift would look like it
    rest = _unexplained(z, lag, frozen) if lag > thresholds.autocorrelation_limit else z
    chart = behaviour(rest, frozen)
    half = (chart["upper"] - chart["centre"]).to_numpy() * unit
    middle = centre + (chart["centre"].to_numpy() + z - rest) * unit
    ceiling = 1.0 if own["kind"].iloc[0] == "rate" else np.inf
    lower = np.maximum(middle - half, 0.0) if (x >= 0).all() else middle - half
    return own.assign(
        centre=middle,
        lower=lower,
        upper=np.minimum(middle + half, ceiling),
        is_one_sided=(middle - half < 0) & (x >= 0).all(),
        signal=chart["signal"].to_numpy(),
        is_leaning=chart["is_leaning"].to_numpy(),
        is_jump=chart["is_jump"].to_numpy() & (np.arange(points) < (frozen or points)),
        autocorrelation=lag,
        false_alarm_share=signal_rule(points, frozen).false_alarm_share,
    )


def _centre(own: pd.DataFrame, frozen: int) -> float:
    base = own.iloc[: frozen or len(own)]
    if base["kind"].iloc[0] == "rate":
        return float((base["value"] * base["n"]).sum() / base["n"].sum())
    return float(base["value"].mean())


def autocorrelation(values: np.ndarray) -> float:
    """The correlation of a series with itself one step before; 0 for fewer than 8 values or none that vary."""
    if len(values) < 8 or np.std(values) == 0:
        return 0.0
    away = values - values.mean()
    return float(np.sum(away[1:] * away[:-1]) / np.sum(away**2))


def _unexplained(z: np.ndarray, lag: float, frozen: int) -> np.ndarray:
    """What a value is beyond what the one before leads to expect: residuals of an autoregression of order one."""
    centre = float(z[: frozen or len(z)].mean())
    expected = np.concatenate([[centre], centre + lag * (z[:-1] - centre)])
    return z - expected + centre


def summaries(points: pd.DataFrame, window_start: pd.Timestamp, thresholds: Thresholds) -> pd.DataFrame:
    """One row a series: its last regime's limits, its signals in the window, and a verdict.

    Verdicts: signal, mixed (so many signals that the series mixes processes), watch (three of four points near a
    limit), noise.
    """
    rows = []
    for key, own in points.groupby(KEY, sort=False):
        last = own.iloc[-1]
        regime = own[own["regime"] == last["regime"]]
        leaps, level = regime.loc[regime["is_jump"], "month"], float(regime["value"].mean())
        recent = own[own["month"] >= window_start]
        told = int((recent["signal"] != "").sum())
        share = float((own["signal"] != "").mean())
        is_mixed = share > thresholds.mixed_share and len(own) >= thresholds.baseline_points
        leaning = bool(recent["is_leaning"].tail(thresholds.recent_months).any())
        verdict = "mixed" if is_mixed else "signal" if told else "watch" if leaning else "noise"
        rows.append(
            dict(zip(KEY, key, strict=True))
            | {"kind": last["kind"], "point_count": len(own), "regime_count": int(own["regime"].max())}
            | {name: float(last[name]) for name in ("centre", "lower", "upper", "autocorrelation")}
            | {"last_value": float(last["value"]), "signal_count": told, "signal_share": share}
            | {"false_alarm_share": float(own["false_alarm_share"].max()), "verdict": verdict}
            | {"is_one_sided": bool(last["is_one_sided"]), "jump_count": len(leaps)}
            | {"jump_month": leaps.max() if len(leaps) else pd.NaT}
            | {"limit_share": (last["upper"] - last["centre"]) / level if level > 0 else np.nan}
        )
    return pd.DataFrame(rows)


def expectations(points: pd.DataFrame, indicator: str) -> pd.DataFrame:
    """What to expect next month of each salesperson whose last month lies in the outer part of its limits.

    centre + ρ (last − centre), ρ the lag-1 correlation, 0 where it is negative: most of what stands out comes back by
    itself, praised or blamed. Columns: rep_id, last_value, centre, autocorrelation, expected_next.
    """
    own = points[(points["indicator"] == indicator) & (points["scope_kind"] == "rep")]
    last = own.groupby("scope_id").tail(1)
    half = (last["upper"] - last["centre"]) / 2
    far = last[(last["value"] - last["centre"]).abs() > half].copy()
    far["autocorrelation"] = far["autocorrelation"].clip(lower=0.0)
    far["expected_next"] = far["centre"] + far["autocorrelation"] * (far["value"] - far["centre"])
    far = far.rename(columns={"scope_id": "rep_id", "value": "last_value"})
    return far[["rep_id", "last_value", "centre", "autocorrelation", "expected_next"]].reset_index(drop=True)
