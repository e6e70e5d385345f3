"""Process behaviour charts (XmR): what a series of figures does by itself, and what is a signal.

Limits and rules are those of Wheeler [S53][S54]; what is judged a signal is stricter, so that the share of series
that signal by chance is known: see :data:`SIGNAL_RULES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

LIMIT, RANGE_LIMIT = 2.66, 3.268
MEDIAN_LIMIT, MEDIAN_RANGE_LIMIT = 3.14, 3.865
RUN = 8


@dataclass(frozen=True)
class SignalRule:
    """When a series signals: a point beyond ``k`` mean moving ranges, or ``run`` points on one side of the centre.

    ``false_alarm_share`` is the share of series of pure noise that signal all the same, by simulation: independent
    normal values. Skewed ones (log-normal, 0.3) signal in 10-23 %, values each like the one before (0.5) in 26-57 %
    (benchmarks/signals.py): it is a floor.
    """

    k: float
    run: int
    false_alarm_share: float


# Keyed by (points of the baseline, points of the series); baseline 0: the whole series sets the limits (section 7).
# false_alarm_share: 200,000 simulated series of normal noise each.
SIGNAL_RULES: Mapping[tuple[int, int], SignalRule] = MappingProxyType(
    {
        (0, 24): SignalRule(3.0, 8, 0.048),
        (0, 36): SignalRule(2.95, 9, 0.060),
        (0, 52): SignalRule(3.3, 9, 0.068),
        (12, 24): SignalRule(3.85, 10, 0.049),
        (12, 36): SignalRule(4.0, 12, 0.058),
        (12, 52): SignalRule(4.15, 13, 0.069),
        (24, 52): SignalRule(3.4, 11, 0.068),
    }
)


@dataclass(frozen=True)
class Limits:
    """The natural limits of a series: centre line, lower and upper limit, mean (or median) moving range, its limit."""

    centre: float
    lower: float
    upper: float
    moving_range: float
    range_limit: float


def limits(values: ArrayLike, baseline: int | None = None, *, median: bool = False, k: float | None = None) -> Limits:
    """Natural limits of a series: centre ± 2.66 mean moving ranges; range limit 3.268 mean moving ranges [S53].

    ``baseline``: only the first that many values set them. ``median``: ± 3.14 median moving ranges (range limit 3.865)
    around the mean, where one huge range would inflate them. ``k`` replaces 2.66 or 3.14. Missing values are left out.
    NaN with fewer than two values.

    The median is for exploring: nothing is judged by it. Taken wherever the baseline holds a range above its limit, it
    raises the false alarms of whole series from 5-7 % to 7-9 %; widened until they are what they were, it finds a shift
    beside a huge range no more often than the mean does (benchmarks/signals.py).
    """
    x = np.asarray(values, dtype=float)[:baseline]
    x = x[~np.isnan(x)]
    if len(x) < 2:
        return Limits(*[float("nan")] * 5)
    ranges = np.abs(np.diff(x))
    spread = float(np.median(ranges) if median else ranges.mean())
    half = (k if k is not None else MEDIAN_LIMIT if median else LIMIT) * spread
    centre = float(x.mean())
    ceiling = (MEDIAN_RANGE_LIMIT if median else RANGE_LIMIT) * spread
    return Limits(centre, centre - half, centre + half, spread, ceiling)


def signal_rule(points: int, baseline: int = 0) -> SignalRule:
    """The rule for a series of that many points: that of the nearest longer series simulated, else of the longest."""
    rows = {key: rule for key, rule in SIGNAL_RULES.items() if (key[0] > 0) == (baseline > 0)}
    if baseline:
        nearest = min({key[0] for key in rows}, key=lambda known: abs(known - baseline))
        rows = {key: rule for key, rule in rows.items() if key[0] == nearest}
    longer = [key for key in rows if key[1] >= points]
    return rows[min(longer) if longer else max(rows)]


def behaviour(values: ArrayLike, baseline: int = 0) -> pd.DataFrame:
    """A series against its natural limits, one row a value, in order.

    Columns: value, moving_range, is_jump (a range above the range limit), centre, lower, upper, side (+1, 0, −1),
    is_outside (rule 1, 2.66), is_run (rule 2, at least 8 in a row on one side, from the 8th on), is_leaning (rule 3, 3
    of the last 4 nearer one limit than the centre), signal ("high", "low" or empty: beyond k, or the run of the
    :func:`signal_rule`; rule 3 is to be watched, never a signal). ``baseline``: the first that many values set the
    limits (0: all of them).
    """
    x = np.asarray(values, dtype=float)
    own = limits(x, baseline or None)
    rule = signal_rule(len(x), baseline)
    strict = limits(x, baseline or None, k=rule.k)
    side = np.nan_to_num(np.sign(x - own.centre))
    length = _run_lengths(side)
    leaning = _leaning(x, own)
    beyond = np.where(x > strict.upper, 1.0, np.where(x < strict.lower, -1.0, 0.0))
    direction = np.where(beyond != 0, beyond, np.where(length >= rule.run, side, 0.0))
    frame = pd.DataFrame({"value": x, "moving_range": np.abs(np.diff(x, prepend=np.nan))})
    frame["is_jump"] = frame["moving_range"] > own.range_limit
    frame["centre"], frame["lower"], frame["upper"] = own.centre, own.lower, own.upper
    frame["side"] = side.astype(int)
    frame["is_outside"] = (x > own.upper) | (x < own.lower)
    frame["is_run"] = length >= RUN
    frame["is_leaning"] = leaning
    frame["signal"] = np.select([direction > 0, direction < 0], ["high", "low"], "")
    return frame


def _run_lengths(side: np.ndarray) -> np.ndarray:
    """How many values in a row, up to each, lie on its side of the centre; 0 on the centre itself."""
    lengths = np.zeros(len(side), dtype=int)
    for i, current in enumerate(side):
        if current:
            lengths[i] = lengths[i - 1] + 1 if i and side[i - 1] == current else 1
    return lengths


def _leaning(x: np.ndarray, own: Limits) -> np.ndarray:
    """The values at which 3 of the last 4, itself among them, lie nearer the same limit than the centre."""
    half = (own.upper - own.centre) / 2
    near = [pd.Series(side.astype(int)) for side in (x > own.centre + half, x < own.centre - half)]
    flags = [(side.rolling(4, min_periods=3).sum() >= 3) & (side == 1) for side in near]
    return (flags[0] | flags[1]).to_numpy()


def false_alarm_share(points: int, baseline: int = 0, *, draws: int = 20_000, seed: int = 7) -> float:
    """The share of series of that many independent normal values that signal although nothing happens, simulated."""
    rule = signal_rule(points, baseline)
    x = np.random.default_rng(seed).standard_normal((draws, points))
    base = x[:, : baseline or points]
    centre = base.mean(axis=1, keepdims=True)
    spread = np.abs(np.diff(base, axis=1)).mean(axis=1, keepdims=True)
    return float(alarmed(x, centre, rule.k * spread, rule.run).mean())


def alarmed(series: np.ndarray, centre: np.ndarray, reach: np.ndarray, run: int) -> np.ndarray:
    """Which series (one a row) hold a point beyond ``centre`` ± ``reach``, or ``run`` points in a row on one side."""
    beyond = (np.abs(series - centre) > reach).any(axis=1)
    side = np.sign(series - centre)
    length = np.ones(len(series), dtype=int)
    for i in range(1, series.shape[1]):
        length = np.where(side[:, i] == side[:, i - 1], length + 1, 1)
        beyond |= length >= run
    return beyond
