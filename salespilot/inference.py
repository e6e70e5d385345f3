"""Statistics shared by the diagnostics: concentration, small samples, shrinkage, alignment of effort and stake."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

Z95 = NormalDist().inv_cdf(0.975)


def gini(values: ArrayLike) -> float:
    """Gini index of positive values, without small-sample correction: (2 Σ i·x_(i)) / (n·Σx) − (n+1)/n, x ascending.

    Zeros and negatives are left out. NaN when nothing is positive.
    """
    x = np.sort(np.asarray(values, dtype=float))
    x = x[x > 0]
    n = len(x)
    if n == 0:
        return float("nan")
    return float(2 * (np.arange(1, n + 1) * x).sum() / (n * x.sum()) - (n + 1) / n)


def hhi(values: ArrayLike) -> float:
    """Herfindahl-Hirschman index: sum of squared shares of the positive values; 1 / hhi is the effective number."""
    x = np.asarray(values, dtype=float)
    x = x[x > 0]
    return float(((x / x.sum()) ** 2).sum()) if len(x) else float("nan")


def wilson(successes: ArrayLike, trials: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Wilson 95 % interval of a rate: (low, high), NaN where there is no trial."""
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = k / n
        scale = 1 + Z95**2 / n
        centre = (p + Z95**2 / (2 * n)) / scale
        half = Z95 * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2)) / scale
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def shrunk_rates(
    successes: ArrayLike, trials: ArrayLike, kappa: float | None = None, centre: float | None = None
) -> np.ndarray:
    """Empirical-Bayes rates (k + κ·p0) / (n + κ) of one group of people or segments.

    κ by moments, κ = p0(1−p0)/τ² − 1 with τ² the variance between them, unless given; no variance between them gives
    the common rate p0 to all; a group of one takes κ = 20. ``centre`` replaces p0 = Σk / Σn.
    """
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    total = n.sum()
    if total == 0:
        return np.full(len(k), np.nan)
    p0 = centre if centre is not None else k.sum() / total
    if kappa is None:
        kappa = _kappa(k, n, float(p0))
    if np.isinf(kappa):
        return np.full(len(k), float(p0))
    return (k + kappa * p0) / (n + kappa)


def _kappa(k: np.ndarray, n: np.ndarray, p0: float) -> float:
    seen = n > 0
    k, n = k[seen], n[seen]
    total, groups = n.sum(), len(n)
    denominator = ((n - 1) * (1 - n / total)).sum()
    if groups < 2 or denominator <= 0:
        return 20.0
    between = ((n * (k / n - p0) ** 2).sum() - p0 * (1 - p0) * (groups - 1)) / denominator
    if between <= 0:
        return float("inf")
    return max(p0 * (1 - p0) / between - 1, 0.0)


def misalignment(effort: ArrayLike, stake: ArrayLike) -> float:
    """Share of the effort that would have to move to be proportional to the stake: ½·Σ|effort share − stake share|.

    Negative stakes count as zero; NaN when either side sums to zero.
    """
    e = np.nan_to_num(np.asarray(effort, dtype=float)).clip(min=0)
    s = np.nan_to_num(np.asarray(stake, dtype=float)).clip(min=0)
    if e.sum() == 0 or s.sum() == 0:
        return float("nan")
    return float(np.abs(e / e.sum() - s / s.sum()).sum() / 2)


def silence_probability(silence_days: ArrayLike, mean_gap_days: ArrayLike) -> np.ndarray:
    """Chance that a buyer who keeps its rhythm is silent that long, if gaps are exponential: exp(−silence / mean gap).

    Conservative: real buyers are more regular than exponential.
    """
    return np.exp(-np.asarray(silence_days, dtype=float) / np.asarray(mean_gap_days, dtype=float))


def lorenz(values: ArrayLike, order_by: ArrayLike | None = None) -> pd.DataFrame:
    """Points of a concentration curve, biggest first, from (0, 0) to (1, 1): ``population_share``, ``value_share``.

    ``order_by`` ranks by another measure (visits ranked by revenue, for example).
    """
    x = np.nan_to_num(np.asarray(values, dtype=float)).clip(min=0)
    rank = x if order_by is None else np.asarray(order_by, dtype=float)
    x = x[np.argsort(-rank, kind="stable")]
    total = x.sum()
    cumulated = np.concatenate([[0.0], np.cumsum(x) / total if total > 0 else np.full(len(x), np.nan)])
    return pd.DataFrame({"population_share": np.linspace(0, 1, len(x) + 1), "value_share": cumulated})
