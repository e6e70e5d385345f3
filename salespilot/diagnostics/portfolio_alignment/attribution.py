"""Who gets whom: the attribution of accounts to salespeople as a mixed-integer programme [S85], and nothing else.

Pure: arrays in, arrays out. ``n`` units (an account, or a group kept whole) go to ``m`` salespeople, each unit to one:

    minimise   Σ cost[c, r]·x[c, r]  +  Σ over balances and salespeople of price(sum / target − 1)
    subject to Σ_r x[c, r] = 1,  x binary,  x[c, r] = 0 where cost[c, r] is infinite

``cost`` holds travel and disruption (locks, bans and skills are infinite costs). A balance says how much of a measure
(hours, potential) each salesperson should hold: its price is piecewise linear, ``deviation_price`` per unit of relative
deviation inside the band, ``outside_price`` more beyond it (infinite: the band is hard).

How it is solved, whatever the size, without a time limit (the same answer on every machine):

1. ``relax``: the linear relaxation by column generation (only the pairs worth having enter; the price of the others is
   checked). Its Lagrangian bound is valid at any point: no attribution can cost less.
2. Small programmes (``EXACT_PAIRS``): HiGHS, to the optimum. Larger ones: the relaxation is whole for all but a few
   units; these and the most marginal ones are decided by HiGHS, the others keep their place; then shifts and swaps
   (:mod:`.search`) repair and polish.
3. ``Solution.gap`` is the proven distance to the bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from salespilot.diagnostics.portfolio_alignment import search
from salespilot.diagnostics.portfolio_alignment.search import Balance, excess, sums, value

EXACT_PAIRS = 800
"""Pairs of unit and salesperson up to which the optimum is proven by branch and bound."""
EXACT_NODES = 10_000
KERNEL_UNITS = 40
KERNEL_COLUMNS = 5
KERNEL_NODES = 5
KERNEL_GAP = 2e-3
FIRST_COLUMNS = 6
PRICED_COLUMNS = 3
ROUNDS = 30
BOUND_GAP = 1e-4
TINY = 1e-9

__all__ = ["Balance", "Solution", "excess", "relax", "smallest_band", "solve", "sums", "value"]


@dataclass(frozen=True)
class Solution:
    """An attribution: ``owner[c]`` the salesperson's number, its ``value``, and the ``bound`` none can be below.

    ``gap``: (value − bound) / |value|, 0 where the optimum is proven. ``is_feasible``: every hard band holds.
    """

    owner: np.ndarray
    value: float
    bound: float
    is_feasible: bool

    @property
    def gap(self) -> float:
        """How far from the best possible this attribution may be, at most, as a share of its value."""
        distance = max(self.value - self.bound, 0.0)
        return 0.0 if distance <= TINY * max(1.0, abs(self.value)) else distance / max(abs(self.value), TINY)


def solve(
    cost: np.ndarray,
    balances: Sequence[Balance],
    start: np.ndarray | None = None,
    exact_pairs: int = EXACT_PAIRS,
    is_quick: bool = False,
) -> Solution:
    """The best attribution found, and how good it is proven to be.

    ``cost``: (n, m), infinite where the pair is forbidden. ``start``: an attribution to set out from as well (warm
    start): the answer is never worse. ``is_quick`` rounds the relaxation without branch and bound, whatever the
    size. Where a hard band cannot hold, the answer minimises what lies outside it and ``is_feasible`` is False. Raises
    ValueError when a unit may go to nobody.
    """
    nowhere = ~np.isfinite(cost).any(axis=1)
    if nowhere.any():
        raise ValueError(f"units that nobody may take: {np.flatnonzero(nowhere).tolist()}")
    if len(cost) == 0:
        return Solution(np.zeros(0, dtype=int), 0.0, 0.0, True)
    soft = [_priced(balance, cost) for balance in balances]
    if cost.size <= exact_pairs and not is_quick:
        owner, bound = _exact(cost, balances)
        if owner is not None:
            return Solution(owner, value(cost, balances, owner), bound, True)
    relaxed = relax(cost, soft)
    starts = [_nearest_whole(cost, relaxed)]
    if not is_quick:
        starts.append(_rounded(cost, soft, relaxed))
    if start is not None and np.isfinite(cost[np.arange(len(cost)), start]).all():
        starts.append(start)
    owners = [_repaired(cost, balances, soft, owner, relaxed.reduced) for owner in starts]
    best = min(owners, key=lambda owner: (_violation(balances, owner) > 1e-7, value(cost, soft, owner)))
    return Solution(best, value(cost, soft, best), relaxed.bound, _violation(balances, best) <= 1e-7)


def _violation(balances: Sequence[Balance], owner: np.ndarray) -> float:
    """How far outside a hard band anybody is, at most."""
    return max((float(excess(b, owner).max()) for b in balances if np.isinf(b.outside_price)), default=0.0)


def _repaired(
    cost: np.ndarray, balances: Sequence[Balance], soft: Sequence[Balance], owner: np.ndarray, guide: np.ndarray
) -> np.ndarray:
    """The attribution polished; dearer and dearer outside a hard band, as long as somebody is there."""
    owner = search.polish(cost, soft, owner, guide)
    for factor in (1e2, 1e4, 1e6):
        if _violation(balances, owner) <= 1e-7:
            break
        dear = [
            replace(b, outside_price=b.outside_price * factor) if np.isinf(hard.outside_price) else b
            for b, hard in zip(soft, balances, strict=True)
        ]
        owner = search.polish(cost, dear, owner, guide)
    return owner


@dataclass(frozen=True)
class Relaxation:
    """The linear relaxation: its value, the Lagrangian ``bound``, the parts (n, m sparse) and the reduced costs."""

    value: float
    bound: float
    parts: scipy.sparse.csr_matrix
    reduced: np.ndarray


def relax(cost: np.ndarray, balances: Sequence[Balance]) -> Relaxation:
    """The linear relaxation by column generation, to within ``BOUND_GAP`` of its own bound. No hard band."""
    n, m = cost.shape
    chosen = np.zeros((n, m), dtype=bool)
    np.put_along_axis(chosen, np.argsort(cost, axis=1, kind="stable")[:, : min(FIRST_COLUMNS, m)], True, axis=1)
    chosen &= np.isfinite(cost)
    best_bound, best = -np.inf, None
    for _ in range(ROUNDS):
        units, people = np.nonzero(chosen)
        rows, target, bounds, prices = _program(cost, balances, units, people)
        answer = scipy.optimize.linprog(
            np.concatenate([cost[units, people], prices]), A_eq=rows, b_eq=target, bounds=bounds, method="highs"
        )
        if answer.x is None:
            raise RuntimeError(f"the relaxation was not solved: {answer.message}")
        dual = np.asarray(answer.eqlin.marginals)[n:].reshape(len(balances), m)
        reduced, bound = _lagrangian(cost, balances, dual)
        best_bound = max(best_bound, bound)
        parts = scipy.sparse.csr_matrix((answer.x[: len(units)], (units, people)), shape=(n, m))
        best = Relaxation(float(answer.fun), best_bound, parts, reduced)
        if answer.fun - best_bound <= BOUND_GAP * max(abs(answer.fun), TINY):
            break
        entering = np.where(chosen, np.inf, reduced - np.asarray(answer.eqlin.marginals)[:n, None])
        order = np.argsort(entering, axis=1, kind="stable")[:, :PRICED_COLUMNS]
        gains = np.take_along_axis(entering, order, axis=1) < -TINY
        if not gains.any():
            break
        np.put_along_axis(chosen, order, np.take_along_axis(chosen, order, axis=1) | gains, axis=1)
    assert best is not None
    return best


def smallest_band(
    amounts: np.ndarray, targets: np.ndarray, allowed: np.ndarray, asked: float = 0.0
) -> tuple[float, np.ndarray]:
    """The narrowest band ± b of a balance that some attribution holds, and that attribution; ``asked`` if it does.

    ``amounts``: (n,) hours of each unit; ``targets``: (m,); ``allowed``: (n, m). The answer is found by moves that
    lower the worst deviation; small programmes are then settled by branch and bound. One unit heavier than any target
    alone proves a bound.
    """
    n, m = allowed.shape
    owner = search.spread_out(amounts, targets, allowed, asked)
    found = float(np.abs(np.bincount(owner, weights=amounts, minlength=m) / targets - 1).max())
    alone = float(max(np.where(allowed, amounts[:, None] / targets - 1, np.inf).min(axis=1).max(), 0.0))
    if found <= max(asked, alone + 1e-6) or n * m > EXACT_PAIRS:
        return found, owner
    units, people = np.nonzero(allowed)
    pair = np.arange(len(units))
    one = scipy.sparse.csr_matrix((np.ones(len(units)), (units, pair)), shape=(n, len(units) + 1))
    held = scipy.sparse.csr_matrix((amounts[units] / targets[people], (people, pair)), shape=(m, len(units)))
    above = scipy.sparse.hstack([held, -np.ones((m, 1))]).tocsr()
    below = scipy.sparse.hstack([held, np.ones((m, 1))]).tocsr()
    answer = scipy.optimize.milp(
        np.append(np.zeros(len(units)), 1.0),
        integrality=np.append(np.ones(len(units)), 0),
        bounds=scipy.optimize.Bounds(0, np.append(np.ones(len(units)), np.inf)),
        constraints=[
            scipy.optimize.LinearConstraint(one, 1, 1),
            scipy.optimize.LinearConstraint(above, -np.inf, 1),
            scipy.optimize.LinearConstraint(below, 1, np.inf),
        ],
        options={"node_limit": EXACT_NODES},
    )
    if answer.x is None or answer.fun >= found:
        return found, owner
    taken = answer.x[:-1] > 0.5
    owner[units[taken]] = people[taken]
    return float(np.abs(np.bincount(owner, weights=amounts, minlength=m) / targets - 1).max()), owner


def _priced(balance: Balance, cost: np.ndarray) -> Balance:
    """The balance with a finite price in place of a hard band: more than any move can save."""
    if np.isfinite(balance.outside_price):
        return balance
    finite = np.where(np.isfinite(cost), cost, np.nan)
    spread = np.nanmax(finite, axis=1) - np.nanmin(finite, axis=1)
    heavy = np.maximum(np.broadcast_to(balance.by_pair(), cost.shape).max(axis=1), TINY)
    dearest = float(np.quantile(spread / heavy, 0.99)) if len(cost) else 1.0
    return replace(balance, outside_price=max(20 * dearest, 20 * float(np.nanmean(spread)), 1.0))


def _program(
    cost: np.ndarray, balances: Sequence[Balance], units: np.ndarray, people: np.ndarray
) -> tuple[scipy.sparse.csr_matrix, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, right-hand sides, bounds, and prices of the deviations, for the given pairs.

    Rows: one a unit (its parts make one), then one a balance and salesperson: share held − above + below = 1, where
    above and below are each split at the band. Deviations stand after the pairs, four a row.
    """
    n, m = cost.shape
    pairs = len(units)
    row, column, entry = [units], [np.arange(pairs)], [np.ones(pairs)]
    prices, bounds = [], [np.tile([0.0, 1.0], (pairs, 1))]
    for q, balance in enumerate(balances):
        first = n + q * m
        row.append(first + people)
        column.append(np.arange(pairs))
        entry.append(balance.by_pair(units, people))
        for k, (sign, outside) in enumerate(((-1.0, False), (-1.0, True), (1.0, False), (1.0, True))):
            band = balance.high if sign < 0 else balance.low
            top = np.full(m, np.inf) if outside else band
            if outside:
                top = np.where(np.isinf(band) | np.isinf(balance.outside_price), 0.0, np.inf)
            row.append(first + np.arange(m))
            column.append(pairs + (4 * q + k) * m + np.arange(m))
            entry.append(np.full(m, sign))
            bounds.append(np.column_stack([np.zeros(m), top]))
            price = balance.deviation_price + (balance.outside_price if outside else 0.0)
            prices.append(np.full(m, price if np.isfinite(price) else 0.0))
    shape = (n + len(balances) * m, pairs + 4 * m * len(balances))
    rows = scipy.sparse.csr_matrix((np.concatenate(entry), (np.concatenate(row), np.concatenate(column))), shape=shape)
    return rows, np.ones(shape[0]), np.vstack(bounds), np.concatenate(prices) if prices else np.zeros(0)


def _lagrangian(cost: np.ndarray, balances: Sequence[Balance], dual: np.ndarray) -> tuple[np.ndarray, float]:
    """The costs once balances are paid at these prices, and the bound they prove."""
    priced = cost.copy()
    bound = float(dual.sum())
    for balance, prices in zip(balances, dual, strict=True):
        priced -= balance.by_pair() * prices
        for sign, band in ((1.0, balance.high), (-1.0, balance.low)):
            inside = balance.deviation_price + sign * prices
            outside = inside + balance.outside_price
            ends = np.isfinite(band)
            if (inside[~ends] < -1e-7).any() or (outside[ends] < -1e-7).any():
                return priced, -np.inf
            bound += float((np.minimum(inside[ends], 0.0) * band[ends]).sum())
    return priced, bound + float(priced.min(axis=1).sum())


def _exact(cost: np.ndarray, balances: Sequence[Balance]) -> tuple[np.ndarray | None, float]:
    """The optimum by branch and bound with hard bands, and its bound; None where no attribution holds them."""
    units, people = np.nonzero(np.isfinite(cost))
    return _decided(cost, balances, units, people, gap=0.0, nodes=EXACT_NODES)


def _decided(
    cost: np.ndarray, balances: Sequence[Balance], units: np.ndarray, people: np.ndarray, gap: float, nodes: int
) -> tuple[np.ndarray | None, float]:
    rows, target, bounds, prices = _program(cost, balances, units, people)
    answer = scipy.optimize.milp(
        np.concatenate([cost[units, people], prices]),
        integrality=np.concatenate([np.ones(len(units)), np.zeros(len(prices))]),
        bounds=scipy.optimize.Bounds(bounds[:, 0], bounds[:, 1]),
        constraints=scipy.optimize.LinearConstraint(rows, target, target),
        options={"mip_rel_gap": gap, "node_limit": nodes},
    )
    if answer.x is None:
        return None, -np.inf
    owner = np.zeros(len(cost), dtype=int)
    taken = answer.x[: len(units)] > 0.5
    owner[units[taken]] = people[taken]
    return owner, float(answer.mip_dual_bound)


def _nearest_whole(cost: np.ndarray, relaxed: Relaxation) -> np.ndarray:
    """Each unit where the relaxation puts most of it."""
    parts = relaxed.parts.toarray()
    return np.where(np.isfinite(cost), parts + TINY, 0.0).argmax(axis=1)


def _rounded(cost: np.ndarray, balances: Sequence[Balance], relaxed: Relaxation) -> np.ndarray:
    """The relaxation made whole: its undecided and most marginal units decided together, the others kept."""
    n, m = cost.shape
    parts = relaxed.parts.toarray()
    owner = parts.argmax(axis=1)
    ranked = np.sort(relaxed.reduced, axis=1)
    margin = ranked[:, 1] - ranked[:, 0] if m > 1 else np.full(n, np.inf)
    margin = np.where(parts.max(axis=1) < 1 - 1e-6, -1.0, margin)
    count = max(int((margin < 0).sum()), min(KERNEL_UNITS, n))
    kernel = np.sort(np.argsort(margin, kind="stable")[:count])
    kept = np.setdiff1d(np.arange(n), kernel)
    wanted = np.zeros((len(kernel), m), dtype=bool)
    order = np.argsort(relaxed.reduced[kernel], axis=1, kind="stable")[:, :KERNEL_COLUMNS]
    np.put_along_axis(wanted, order, True, axis=1)
    wanted |= parts[kernel] > 1e-6
    wanted &= np.isfinite(cost[kernel])
    units, people = np.nonzero(wanted)
    units = np.concatenate([kernel[units], kept])
    people = np.concatenate([people, owner[kept]])
    order = np.lexsort((people, units))
    decided, _ = _decided(cost, balances, units[order], people[order], KERNEL_GAP, KERNEL_NODES)
    return owner if decided is None else decided
