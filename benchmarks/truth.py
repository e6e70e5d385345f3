"""Truth of the statistics: what the reports conclude on simulated clients whose parameters are known.

    python benchmarks/truth.py [NAME...]

Each check draws its cases from a fixed seed, runs the reports' own functions on them, and prints what was reached
beside its goal. A check is a function that returns rows; adding one is adding it to ``CHECKS``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

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


CHECKS: Mapping[str, Callable[[], list[Row]]] = {"forecasters": forecasters}


def main(names: list[str]) -> int:
    """Print the table of the checks named (all by default); 1 when a goal is missed."""
    rows = [row for name in names or CHECKS for row in CHECKS[name]()]
    words = {True: "met", False: "MISSED", None: ""}
    for row in rows:
        print(f"{row.check:38} {row.measure:32} {row.reached:8.1%}   {row.goal:8} {words[row.is_met]}")
    return int(any(row.is_met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
