"""What calls bring: response curves, and hours given where they bring most.

ADBUDG through four judgements, and allocation by incremental analysis, as in CALLPLAN [S33].
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Curve:
    """s(x) = s0 + (s∞ − s0)·x^c / (d + x^c): sales, 1 today, against calls, 1 today.

    ``basis``: judgement or history; ``n``: customers behind a history; ``p_value``: chance that a history without any
    response fits as well.
    """

    none: float
    saturated: float
    shape: float
    scale: float
    basis: str = "judgement"
    n: int = 0
    p_value: float = float("nan")

    def at(self, calls: ArrayLike) -> np.ndarray:
        """Sales over today's at that many calls over today's."""
        power = np.power(np.clip(np.asarray(calls, dtype=float), 0, None), self.shape)
        return self.none + (self.saturated - self.none) * power / (self.scale + power)


def judged(none: float, half_more: float, saturated: float) -> Curve:
    """The curve through four judgements: sales without calls, with today's (1), with half as many more, with any.

    d = (s∞ − 1)/(1 − s0); c = ln(d·(s1.5 − s0)/(s∞ − s1.5))/ln 1.5 [S33]. Raises ValueError unless
    s0 < 1 < s1.5 < s∞.
    """
    if not 0 <= none < 1 < half_more < saturated:
        raise ValueError(f"judgements must rise: 0 <= {none} < 1 < {half_more} < {saturated}")
    scale = (saturated - 1) / (1 - none)
    shape = float(np.log(scale * (half_more - none) / (saturated - half_more)) / np.log(1.5))
    return Curve(none, saturated, shape, scale)


def fitted(calls: ArrayLike, sales: ArrayLike) -> Curve | None:
    """The curve of a history: each customer's calls and sales over those of the year before, by least squares.

    It goes through (1, 1) but for a common growth of sales. None where fewer than four points or no spread. A history
    is no experiment: customers who buy more are also visited more, which flatters the curve.
    """
    x, y = np.asarray(calls, dtype=float), np.asarray(sales, dtype=float)
    if len(x) < 5 or np.ptp(x) < 1e-9:
        return None

    def residuals(free: np.ndarray) -> np.ndarray:
        none, extra, shape, growth = free
        return np.asarray(growth * Curve(none, 1 + extra, shape, extra / (1 - none)).at(x) - y)

    answer = scipy.optimize.least_squares(
        residuals, [0.5, 0.5, 1.5, max(float(np.median(y)), 0.01)], bounds=([0, 0.01, 0.5, 0.01], [0.99, 5, 6, 10])
    )
    none, extra, shape, _ = (float(value) for value in answer.x)
    flat = float(((y - y.mean()) ** 2).sum())
    left = float((answer.fun**2).sum())
    freedom = len(x) - 4
    ratio = (flat - left) / 3 / (left / freedom) if left > 0 and freedom > 0 else np.inf
    return Curve(
        none, 1 + extra, shape, extra / (1 - none), "history", len(x), float(scipy.stats.f.sf(ratio, 3, freedom))
    )


def allocate(
    curves: Sequence[Curve],
    margin: ArrayLike,
    hours: ArrayLike,
    available: float,
    most: float = 2.0,
    steps: int = 40,
) -> pd.DataFrame:
    """Hours given to segments where the next one brings most, along the concave envelope of each curve [S33].

    ``margin``: a year's margin of each segment today; ``hours``: of its calls today; ``most``: calls may go up to that
    many times today's. One row a segment: calls (over today's), hours, margin.
    """
    worth, spent = np.asarray(margin, dtype=float), np.asarray(hours, dtype=float)
    pieces = []
    for k, curve in enumerate(curves):
        grid = np.linspace(0, most, steps + 1)
        points = _envelope(grid, curve.at(grid))
        for a, b in itertools.pairwise(points):
            rise = worth[k] * float(curve.at(b) - curve.at(a))
            pieces.append((rise / max(spent[k] * (b - a), 1e-9), k, float(a), float(b)))
    calls = np.zeros(len(curves))
    left = available
    for gain, k, a, b in sorted(pieces, key=lambda piece: (-piece[0], piece[1], piece[2])):
        taken = min(left, spent[k] * (b - a))
        if gain <= 0 or taken <= 0:
            continue
        calls[k] = a + (taken / spent[k] if spent[k] > 0 else b - a)
        left -= taken
    brought = [float(curve.at(x)) * m for curve, x, m in zip(curves, calls, worth, strict=True)]
    return pd.DataFrame({"calls": calls, "hours": calls * spent, "margin": brought})


def _envelope(x: np.ndarray, y: np.ndarray) -> list[float]:
    """The abscissae of the upper concave envelope of a curve."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (y[b] - y[a]) * (x[i] - x[a]) > (y[i] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(i)
    return [float(x[i]) for i in kept]
