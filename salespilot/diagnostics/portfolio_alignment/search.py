"""Balances between salespeople, what an attribution costs, and the local search that repairs and polishes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BATCHES = 400
SWAP_ROUNDS = 8
SWAP_UNITS = 25
TINY = 1e-10


@dataclass(frozen=True)
class Balance:
    """How much of one measure each salesperson should hold.

    ``amounts``  (n,) of each unit, or (n, m) where it depends on who holds it
    ``targets``  (m,) what each salesperson should hold, positive
    ``low``, ``high``  (m,) how far below and above, as a share of the target, is inside the band; infinite: no band
    ``deviation_price``  cost of a deviation of 100 % of the target
    ``outside_price``    cost of it beyond the band, on top; infinite: the band is hard
    """

    amounts: np.ndarray
    targets: np.ndarray
    low: np.ndarray
    high: np.ndarray
    deviation_price: float = 0.0
    outside_price: float = np.inf

    def by_pair(self, units: np.ndarray | None = None, people: np.ndarray | None = None) -> np.ndarray:
        """Amount over target of each unit at each salesperson: (n, m), or one a pair given."""
        if units is None or people is None:
            return (self.amounts if self.amounts.ndim == 2 else self.amounts[:, None]) / self.targets
        held = self.amounts[units, people] if self.amounts.ndim == 2 else self.amounts[units]
        return held / self.targets[people]

    def price(self, shares: np.ndarray, people: np.ndarray | slice = slice(None)) -> np.ndarray:
        """What it costs that these people hold these shares of their targets (1: the target itself)."""
        deviation = shares - 1
        beyond = np.maximum(deviation - self.high[people], 0) + np.maximum(-deviation - self.low[people], 0)
        paid = self.deviation_price * np.abs(deviation)
        return paid + (np.where(beyond > TINY, beyond, 0.0) * _finite(self.outside_price))


def _finite(price: float) -> float:
    return price if np.isfinite(price) else 1e12


def sums(balance: Balance, owner: np.ndarray) -> np.ndarray:
    """(m,) what each salesperson holds, over the target."""
    held = balance.by_pair(np.arange(len(owner)), owner)
    return np.bincount(owner, weights=held, minlength=len(balance.targets))


def excess(balance: Balance, owner: np.ndarray) -> np.ndarray:
    """(m,) how far outside the band each salesperson is, as a share of the target; 0 inside."""
    deviation = sums(balance, owner) - 1
    return np.maximum(np.maximum(deviation - balance.high, -deviation - balance.low), 0.0)


def value(cost: np.ndarray, balances: Sequence[Balance], owner: np.ndarray) -> float:
    """What an attribution costs: its pairs and its imbalances."""
    paid = float(cost[np.arange(len(owner)), owner].sum())
    return paid + sum(float(balance.price(sums(balance, owner)).sum()) for balance in balances)


def polish(
    cost: np.ndarray, balances: Sequence[Balance], owner: np.ndarray, guide: np.ndarray | None = None
) -> np.ndarray:
    """The attribution after shifts of one unit and swaps of two, as long as they pay. Deterministic.

    ``guide``: (n, m), what a pair costs once balances are paid for (the reduced costs of the relaxation): the units
    most worth swapping are those that it finds nearly as good elsewhere. Without it, by ``cost``.
    """
    owner = owner.copy()
    guide = cost if guide is None else guide
    _shift(cost, balances, owner)
    for _ in range(SWAP_ROUNDS):
        if not _swap(cost, balances, owner, guide):
            break
        _shift(cost, balances, owner)
    return owner


def _shift(cost: np.ndarray, balances: Sequence[Balance], owner: np.ndarray) -> None:
    """Moves units to better hands, best gain first; in one pass each salesperson takes part in one move."""
    n, m = cost.shape
    every = np.arange(n)
    shares = [balance.by_pair() for balance in balances]
    for _ in range(BATCHES):
        gain = cost - cost[every, owner][:, None]
        for balance, share in zip(balances, shares, strict=True):
            held = sums(balance, owner)
            now = balance.price(held)
            leaving = balance.price(held[owner] - share[every, owner], owner) - now[owner]
            gain = gain + leaving[:, None] + balance.price(held + share) - now
        gain[every, owner] = 0.0
        to = gain.argmin(axis=1)
        best = gain[every, to]
        busy = np.zeros(m, dtype=bool)
        moved = False
        for c in np.argsort(best, kind="stable")[: 4 * m]:
            if best[c] >= -TINY:
                break
            if busy[owner[c]] or busy[to[c]]:
                continue
            busy[owner[c]] = busy[to[c]] = moved = True
            owner[c] = to[c]
        if not moved:
            return


def _swap(cost: np.ndarray, balances: Sequence[Balance], owner: np.ndarray, guide: np.ndarray) -> bool:
    """Exchanges two units between two salespeople where it pays; whether anything moved."""
    m = cost.shape[1]
    shares = [balance.by_pair() for balance in balances]
    held = [sums(balance, owner) for balance in balances]
    moved = False
    for r in range(m):
        for s in range(r + 1, m):
            ours, theirs = _candidates(cost, guide, owner, r, s), _candidates(cost, guide, owner, s, r)
            if not len(ours) or not len(theirs):
                continue
            gain = (cost[ours, s] - cost[ours, r])[:, None] + (cost[theirs, r] - cost[theirs, s])[None, :]
            for balance, share, sum_ in zip(balances, shares, held, strict=True):
                at_r = sum_[r] - share[ours, r][:, None] + share[theirs, r][None, :]
                at_s = sum_[s] + share[ours, s][:, None] - share[theirs, s][None, :]
                one, two = np.array([r]), np.array([s])
                gain = gain + balance.price(at_r, one) + balance.price(at_s, two)
                gain = gain - balance.price(sum_[one], one) - balance.price(sum_[two], two)
            i, j = np.unravel_index(int(gain.argmin()), gain.shape)
            if gain[i, j] >= -TINY:
                continue
            owner[ours[i]], owner[theirs[j]] = s, r
            held = [sums(balance, owner) for balance in balances]
            moved = True
    return moved


def _candidates(cost: np.ndarray, guide: np.ndarray, owner: np.ndarray, giver: int, taker: int) -> np.ndarray:
    """The giver's units that the guide would soonest pass to the taker."""
    units = np.flatnonzero((owner == giver) & np.isfinite(cost[:, taker]))
    dearer = guide[units, taker] - guide[units, giver]
    return units[np.argsort(dearer, kind="stable")[:SWAP_UNITS]]


def spread_out(amounts: np.ndarray, targets: np.ndarray, allowed: np.ndarray, asked: float = 0.0) -> np.ndarray:
    """An attribution as even as found: heaviest first to the lightest loaded, then moves that lower the worst.

    Stops as soon as every deviation is within ``asked``.
    """
    n, m = allowed.shape
    owner, held = np.zeros(n, dtype=int), np.zeros(m)
    fixed = allowed.sum(axis=1) == 1
    for c in np.lexsort((-amounts, ~fixed)):
        after = np.where(allowed[c], (held + amounts[c]) / targets, np.inf)
        owner[c] = int(after.argmin())
        held[owner[c]] += amounts[c]
    cost = np.where(allowed, 0.0, np.inf)
    for _ in range(12):
        worst = float(np.abs(np.bincount(owner, weights=amounts, minlength=m) / targets - 1).max())
        if worst <= asked:
            break
        goal = np.full(m, max(worst * 0.9, asked))
        better = polish(cost, [Balance(amounts, targets, goal, goal, 0.0, 1.0)], owner)
        reached = float(np.abs(np.bincount(better, weights=amounts, minlength=m) / targets - 1).max())
        if reached >= worst - 1e-9:
            break
        owner = better
    return owner
