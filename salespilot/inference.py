"""Statistics shared by the diagnostics: concentration, small samples, shrinkage, comparisons, decomposition of gaps."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd
import scipy
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


def rate_limits(centre: ArrayLike, trials: ArrayLike, sigmas: float) -> tuple[np.ndarray, np.ndarray]:
    """Between which rates chance alone leaves a group of that size whose true rate is ``centre``: (low, high).

    The limits of a funnel plot: p0 ± σ·√(p0(1−p0)/n), cut at 0 and 1; exact binomial ones where fewer than five
    successes, or failures, are expected. A rate strictly outside is a signal. NaN where there is no trial.
    """
    p, n = np.broadcast_arrays(np.asarray(centre, dtype=float), np.asarray(trials, dtype=float))
    tail = NormalDist().cdf(-sigmas)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = sigmas * np.sqrt(p * (1 - p) / n)
        exact = (n * p < 5) | (n * (1 - p) < 5)
        low = np.where(exact, scipy.stats.binom.ppf(tail, n, p) / n, p - half)
        high = np.where(exact, scipy.stats.binom.isf(tail, n, p) / n, p + half)
    seen = n > 0
    return np.where(seen, np.clip(low, 0, 1), np.nan), np.where(seen, np.clip(high, 0, 1), np.nan)


def chance_of_rate(successes: ArrayLike, trials: ArrayLike, centre: ArrayLike) -> np.ndarray:
    """Two-sided binomial probability of a rate as far from ``centre`` by chance: twice the smaller tail, at most 1."""
    k, n, p = (np.asarray(x, dtype=float) for x in np.broadcast_arrays(successes, trials, centre))
    tails = np.minimum(scipy.stats.binom.cdf(k, n, p), scipy.stats.binom.sf(k - 1, n, p))
    return np.where(n > 0, np.minimum(2 * tails, 1.0), np.nan)


def discoveries(chances: ArrayLike, share: float = 0.10) -> np.ndarray:
    """Which of many comparisons stand, at most ``share`` of them being false alarms on average (Benjamini-Hochberg).

    ``chances``: the probability of each under chance alone; NaN is no comparison and never stands.
    """
    p = np.asarray(chances, dtype=float)
    stands = np.zeros(len(p), dtype=bool)
    places = np.flatnonzero(~np.isnan(p))
    if len(places) == 0:
        return stands
    order = places[np.argsort(p[places], kind="stable")]
    passing = np.flatnonzero(p[order] <= share * np.arange(1, len(order) + 1) / len(order))
    if len(passing):
        stands[order[: passing[-1] + 1]] = True
    return stands


def needed_trials(first: float, second: float, power: float = 0.80, level: float = 0.05) -> float:
    """How many trials a group tells two rates apart (arcsine, two-sided); half as many against a fixed norm."""
    effect = 2 * np.arcsin(np.sqrt(first)) - 2 * np.arcsin(np.sqrt(second))
    spread = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)
    return float(2 * (spread / effect) ** 2)


def lmdi(values: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """What each factor of a product contributes to its gap with a reference product; sums exactly to the gap.

    Logarithmic mean Divisia index: L(a, b)·ln(x / y) with L(a, b) = (a−b) / ln(a/b). Both arguments hold factors, not
    negative, along the last axis. A factor of zero takes the whole gap, in equal parts where several are zero (the
    limit of small values); NaN where a factor is unknown.
    """
    x, y = np.broadcast_arrays(np.asarray(values, dtype=float), np.asarray(reference, dtype=float))
    if (x < 0).any() or (y < 0).any():
        raise ValueError("factors of a product must not be negative")
    a, b = x.prod(axis=-1, keepdims=True), y.prod(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(x) - np.log(y)
        whole = ratio.sum(axis=-1, keepdims=True)
        mean = np.where(np.abs(whole) < 1e-12, a, (a - b) / whole)
        parts = mean * ratio
    zero = np.where(a == 0, x == 0, y == 0)
    none = zero.sum(axis=-1, keepdims=True)
    shared = np.where(zero, (a - b) / np.maximum(none, 1), 0.0)
    either = ((a == 0) | (b == 0)) & ~np.isnan(a + b)
    return np.where(either, np.where((a == 0) & (b == 0), 0.0, shared), parts)


def block_means(values: ArrayLike, length: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Means of ``draws`` series as long as ``values``, drawn block by block (moving blocks, ends joined) [G].

    Blocks of ``length`` keep together what follows each other; joined ends give every month the same weight.
    """
    series = np.asarray(values, dtype=float)
    length = min(length, len(series))
    starts = rng.integers(0, len(series), (draws, -(-len(series) // length)))
    places = (starts[:, :, None] + np.arange(length)).reshape(draws, -1)[:, : len(series)]
    return np.asarray(series[places % len(series)].mean(axis=1))
