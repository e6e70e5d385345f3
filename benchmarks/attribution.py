"""The attribution of accounts to salespeople: generated forces, published instances, and a peer side by side.

    python benchmarks/attribution.py                            ours alone
    python benchmarks/attribution.py --peer VENV/bin/python     and the package b2b-territory-optimization

The peer is installed in an environment of its own, whose Python is named:
``uv venv VENV && uv pip install --python VENV/bin/python b2b-territory-optimization``. It balances one measure and
knows no geography; its territories are given to people by the assignment that travels least, in its favour.

Forces of 5 000 accounts and 50 people, uniform and clustered, loads and potentials lognormal. Printed: the furthest
load and potential from their targets, travel over that of a random balanced attribution and over the linear
relaxation, the proven gap, accounts moved from a force of today in which one account in five is misplaced, seconds.
Goals: load and potential within ±15 %, travel at most 22 % of random and within 3 % of the relaxation, 60 s.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from salespilot.diagnostics.portfolio_alignment import attribution, search
from salespilot.diagnostics.portfolio_alignment.attribution import Balance

BAND = 0.15
SEEDS = (1, 2, 3)
ACCOUNTS, PEOPLE = 5_000, 50
OPTIMA = {
    "gap1": (336, 327, 339, 341, 326),
    "gap2": (434, 436, 420, 419, 428),
    "gap3": (580, 564, 573, 570, 564),
    "gap4": (656, 644, 673, 647, 664),
    "gap5": (563, 558, 564, 568, 559),
    "gap6": (761, 759, 758, 752, 747),
}
PEER = """
import json, sys, time
import pandas as pd
from b2b_territory_optimization import TerritoryAllocator
given = json.load(sys.stdin)
frame = pd.DataFrame({"Account_ID": range(len(given["hours"])), "hours": given["hours"]})
begun = time.perf_counter()
made = TerritoryAllocator("hours").allocate_bucket(frame, given["people"], "force")
taken = time.perf_counter() - begun
territory = made.sort_values("Account_ID")["Territory_ID"].astype("category").cat.codes
json.dump({"territory": territory.tolist(), "seconds": taken}, sys.stdout)
"""


@dataclass(frozen=True)
class Force:
    """A generated force: distances (accounts, people), hours, potential, capacity, and who holds what today."""

    km: np.ndarray
    hours: np.ndarray
    potential: np.ndarray
    capacity: np.ndarray
    owner: np.ndarray

    @property
    def balances(self) -> list[Balance]:
        """Load and potential within the band, in proportion to capacity."""
        band = np.full(len(self.capacity), BAND)
        share = self.capacity / self.capacity.sum()
        return [Balance(amounts, amounts.sum() * share, band, band) for amounts in (self.hours, self.potential)]


def force(kind: str, seed: int) -> Force:
    """A force of ``ACCOUNTS`` and ``PEOPLE``: places uniform on a square of 1000 km, or around twelve towns."""
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        places, homes = (rng.random((count, 2)) * 1000 for count in (ACCOUNTS, PEOPLE))
    else:
        towns = rng.random((12, 2)) * 1000
        places, homes = (
            towns[rng.integers(0, 12, count)] + rng.normal(0, 40, (count, 2)) for count in (ACCOUNTS, PEOPLE)
        )
    km = np.hypot(*(places[:, None] - homes[None]).transpose(2, 0, 1))
    owner = np.where(rng.random(ACCOUNTS) < 0.2, rng.integers(0, PEOPLE, ACCOUNTS), km.argmin(axis=1))
    hours, potential = rng.lognormal(2, 0.8, ACCOUNTS), rng.lognormal(10, 1.2, ACCOUNTS)
    return Force(km, hours, potential, np.ones(PEOPLE), owner)


def random_balanced(given: Force, seed: int) -> np.ndarray:
    """Accounts in random order, each to who is loaded least."""
    owner, held = np.zeros(ACCOUNTS, dtype=int), np.zeros(PEOPLE)
    for account in np.random.default_rng(seed).permutation(ACCOUNTS):
        owner[account] = int((held / given.capacity).argmin())
        held[owner[account]] += given.hours[account]
    return owner


def peer(given: Force, python: str) -> tuple[np.ndarray, float]:
    """The peer's attribution by load, its territories given to people where they travel least; and its seconds."""
    from scipy.optimize import linear_sum_assignment

    asked = json.dumps({"hours": given.hours.tolist(), "people": PEOPLE})
    done = subprocess.run([python, "-c", PEER], input=asked, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    territory = np.asarray(answer["territory"])
    km = np.zeros((PEOPLE, PEOPLE))
    np.add.at(km, territory, given.km)
    _, person = linear_sum_assignment(km)
    return person[territory], float(answer["seconds"])


def line(
    name: str, given: Force, owner: np.ndarray, random_km: float, bound: float, gap: float, seconds: float
) -> None:
    """Print one attribution."""
    load, potential = (float(np.abs(search.sums(balance, owner) - 1).max()) for balance in given.balances)
    km = float(given.km[np.arange(ACCOUNTS), owner].sum())
    moved = float((owner != given.owner).mean())
    proven = f"{gap:7.2%}" if gap == gap else "      -"
    print(f"{name:34} {load:7.1%} {potential:9.1%} {km / random_km:8.1%} {km / bound - 1:9.2%} {proven} {moved:6.1%} "
          f"{seconds:6.1f}", flush=True)  # fmt: skip


def forces(python: str | None) -> None:
    """Print generated forces: travel alone within the bands, and travel with as few moves as possible."""
    print(f"{'':34} {'load ±':>7} {'potential ±':>9} {'/random':>6} {'/relaxed':>8} {'gap':>6} {'moved':>6} {'s':>5}")
    for kind in ("uniform", "clustered"):
        for seed in SEEDS:
            given = force(kind, seed)
            cost = given.km / given.km.min(axis=1).sum()
            begun = time.perf_counter()
            solution = attribution.solve(cost, given.balances)
            taken = time.perf_counter() - begun
            bound = solution.bound * given.km.min(axis=1).sum()
            random_km = float(given.km[np.arange(ACCOUNTS), random_balanced(given, seed)].sum())
            name = f"{kind} {seed}"
            line(f"{name}, ours: proximity", given, solution.owner, random_km, bound, solution.gap, taken)
            begun = time.perf_counter()
            away = np.ones_like(cost)
            away[np.arange(ACCOUNTS), given.owner] = 0.0
            kept = attribution.solve(away / ACCOUNTS + 0.1 * cost, given.balances, given.owner)
            line(f"{name}, ours: stability", given, kept.owner, random_km, bound, kept.gap, time.perf_counter() - begun)
            if python:
                owner, seconds = peer(given, python)
                line(f"{name}, peer", given, owner, random_km, bound, float("nan"), seconds)


def published(folder: Path) -> None:
    """Print the thirty generalised assignment instances of the OR-Library (maximisation) against their optima."""
    for name, optima in OPTIMA.items():
        numbers = iter(map(int, (folder / f"{name}.txt").read_text().split()))
        begun, found = time.perf_counter(), []
        for _ in range(next(numbers)):
            people, units = next(numbers), next(numbers)
            profit, hours = (
                np.array([[next(numbers) for _ in range(units)] for _ in range(people)], dtype=float).T
                for _ in range(2)
            )
            capacity = np.array([next(numbers) for _ in range(people)], dtype=float)
            balance = Balance(hours, capacity, np.full(people, np.inf), np.zeros(people))
            found.append(round(-attribution.solve(-profit, [balance]).value))
        right = "optimal" if tuple(found) == optima else f"expected {optima}"
        print(f"{name:8} {found} {right:10} {time.perf_counter() - begun:6.1f} s", flush=True)


def main() -> None:
    """Print both."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--peer", help="Python of an environment with b2b-territory-optimization")
    given = options.parse_args()
    forces(given.peer)
    folder = Path(os.environ.get("SALESPILOT_REAL_DATA", "")) / "gap"
    if folder.is_dir():
        published(folder)


if __name__ == "__main__":
    main()
