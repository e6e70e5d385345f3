"""Truth of the statistics: what the reports conclude on simulated clients whose parameters are known.

    python benchmarks/truth.py [NAME...]

Each check draws its cases from a fixed seed, runs the reports' own functions on them, and prints what was reached
beside its goal. A check is a function that returns rows; adding one is adding it to ``CHECKS``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from salespilot.diagnostics.dynamic_steering.landing import History, Landing, land
from salespilot.diagnostics.forecast_accuracy import Thresholds
from salespilot.diagnostics.forecast_accuracy.persons import biases

SEED = 20260630
SMALL = 5
"""Fewer periods than that are counted, not judged (the house's convention)."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, what was reached, the goal in words, and whether it is met (None:
    printed for information)."""

    check: str
    measure: str
    reached: float
    goal: str = ""
    is_met: bool | None = None


def forecasters() -> list[Row]:
    """People whose errors are known: 4,000 each, 12 periods, actual sales that vary by 20 % from period to period.

    Wrong flags, either way, of those without bias; flags the right way of those with a true bias of 20 %.
    """
    rows = []
    for spread in (0.15, 0.25, 0.35):
        fair, over, under = (_flags(bias, spread) for bias in (0.0, 0.20, -0.20))
        wrong = fair["over_forecaster"] + fair["under_forecaster"]
        found = {"+20 %": over["over_forecaster"], "-20 %": under["under_forecaster"]}
        name, is_judged = f"forecasters, error CV {spread:.0%}", spread == 0.15
        goals = ("<= 5 %", ">= 80 %") if is_judged else ("", "")
        rows.append(Row(name, "wrong flags, no bias", wrong, goals[0], wrong <= 0.05 if is_judged else None))
        rows += [
            Row(name, f"true bias of {words} found", share, goals[1], share >= 0.80 if is_judged else None)
            for words, share in found.items()
        ]
    return rows


def _flags(bias: float, spread: float, people: int = 4000, periods: int = 12) -> Mapping[str, float]:
    """Share of each verdict among people with that true bias and that spread of errors."""
    rng = np.random.default_rng(SEED)
    actual = 100_000 * rng.lognormal(-0.02, 0.2, (people, periods))
    forecast = actual * (1 + bias + rng.normal(0, spread, (people, periods)))
    frame = pd.DataFrame(
        {
            "entity_id": np.repeat(np.arange(people), periods).astype(str),
            "forecast": forecast.ravel(),
            "actual": actual.ravel(),
        }
    )
    shares = biases(frame, SMALL, Thresholds())["verdict"].value_counts(normalize=True)
    return shares.reindex(["over_forecaster", "under_forecaster"], fill_value=0.0).to_dict()


def landings(clients: int = 200) -> list[Row]:
    """Clients whose sales are drawn: 3 to 6 full years, then one cut after its months 3, 6 and 9, pooled.

    Coverage of the 80 % interval, and the error of the combined landing beside that of each method. See
    :func:`drawn_sales` for what varies from client to client.
    """
    rng = np.random.default_rng(SEED)
    inside: list[bool] = []
    errors: dict[str, list[float]] = {}
    for _ in range(clients):
        amount, days = drawn_sales(rng)
        start = len(amount) - 12
        for gone in (3, 6, 9):
            found = land(History(amount[: start + gone], days, elapsed=gone))
            assert found is not None
            truth = float(amount[start:].sum())
            low, high = found.quantile(0.1), found.quantile(0.9)
            assert low is not None
            assert high is not None
            inside.append(low <= truth <= high)
            _err(errors, found, truth)
    coverage = float(np.mean(inside))
    name = f"landing, {clients} drawn clients"
    rows = [Row(name, "80 % interval holds the truth", coverage, "75-85 %", 0.75 <= coverage <= 0.85)]
    return [*rows, *_compared(name, errors)]


def drawn_sales(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Monthly sales of a client and working days, 3 to 6 years and one more; what differs between clients is drawn.

    Seasons from nearly flat to very uneven, growth (mean 3 %, sd 5 % a year) that drifts from year to year by 1 to 6 %,
    month noise of 4 to 20 %, independent or not (autocorrelation 0, 0.3, 0.6), sales that follow the working days
    (7 clients in 10) or not.
    """
    years = int(rng.integers(3, 7)) + 1
    n = 12 * years
    season = rng.dirichlet(np.full(12, rng.choice([8, 20, 60]))) * 12
    days = rng.integers(18, 24, n).astype(float)
    follows = rng.choice([0.0, 1.0], p=[0.3, 0.7])
    drift = np.repeat(rng.normal(0, rng.uniform(0.01, 0.06), years), 12) + rng.normal(0.03, 0.05)
    noise, rho = rng.normal(0, 1, n), rng.choice([0.0, 0.3, 0.6])
    for month in range(1, n):
        noise[month] = rho * noise[month - 1] + np.sqrt(1 - rho**2) * noise[month]
    level = np.exp(np.cumsum(drift) / 12 + rng.uniform(0.04, 0.20) * noise)
    return 1e6 * np.tile(season, years) * level * (days / 20.5) ** follows, days


def m3_landings() -> list[Row]:
    """20 monthly series of the M3 competition, cut at months 3 to 9 of their last two years, pooled (140 each year)."""
    place = Path(os.environ.get("SALESPILOT_REAL_DATA", "")) / "m3_sample" / "m3_monthly20_series.csv"
    if not place.is_file():
        return [Row("landing, M3 sample", "no data: set SALESPILOT_REAL_DATA", float("nan"))]
    errors: dict[str, list[float]] = {}
    inside: list[bool] = []
    for _, rows in pd.read_csv(place).groupby("id"):
        series = rows.sort_values("t")["y"].to_numpy()
        for end in (len(series), len(series) - 12):
            truth = float(series[end - 12 : end].sum())
            for gone in range(3, 10):
                found = land(History(series[: end - 12 + gone], np.full(end, 21.0), elapsed=gone))
                assert found is not None
                low, high = found.quantile(0.1), found.quantile(0.9)
                inside.append(low is not None and high is not None and low <= truth <= high)
                _err(errors, found, truth)
    rows_of = _compared("landing, M3 sample", errors)
    best = min(float(np.mean(errors[method])) for method in ("M1", "M2", "M3"))
    ratio = float(np.mean(errors["combined"])) / best
    return [
        Row("landing, M3 sample", "combined over best single", ratio, "<= 102 %", ratio <= 1.02),
        Row("landing, M3 sample", "80 % interval holds the truth", float(np.mean(inside))),
        *rows_of,
    ]


def _err(errors: dict[str, list[float]], found: Landing, truth: float) -> None:
    said = dict(zip(found.methods["method"], found.methods["landing"], strict=True))
    said["combined"] = found.actual + found.rest
    for method, landing in said.items():
        errors.setdefault(method, []).append(abs(landing - truth) / truth)


def _compared(name: str, errors: Mapping[str, list[float]]) -> list[Row]:
    return [Row(name, f"mean error, {method}", float(np.mean(errors[method]))) for method in sorted(errors)]


CHECKS: Mapping[str, Callable[[], list[Row]]] = {
    "forecasters": forecasters,
    "landings": landings,
    "m3_landings": m3_landings,
}


def main(names: list[str]) -> int:
    """Print the table of the checks named (all by default); 1 when a goal is missed."""
    rows = [row for name in names or CHECKS for row in CHECKS[name]()]
    words = {True: "met", False: "MISSED", None: ""}
    for row in rows:
        print(f"{row.check:38} {row.measure:32} {row.reached:8.1%}   {row.goal:8} {words[row.is_met]}")
    return int(any(row.is_met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
