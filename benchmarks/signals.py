"""False alarms of behaviour charts on pure noise, and the power to see a shift, beside two published packages.

    python benchmarks/signals.py

What a chart of the kit states as its false-alarm rate (salespilot/behaviour.py, SIGNAL_RULES) is simulated anew: series
of independent normal values signal by chance in that share of cases, and a shift of 1.5 sigma in their second half (or
after the frozen baseline) is found in the share beside it. Months that are not normal, or resemble each other, alarm
more often: how much is printed too; so is what the median moving range would bring where one range is huge. The peers
judge the same series in an environment of their own, by their default rules.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

from salespilot.behaviour import (
    LIMIT,
    MEDIAN_LIMIT,
    RANGE_LIMIT,
    SIGNAL_RULES,
    alarmed,
    behaviour,
    signal_rule,
)

SEED, DRAWS, PEER_DRAWS, SHIFT = 20260630, 4_000, 400, 1.5
SHAPE_DRAWS, HUGE = 20_000, 8.0
SKEW, ALIKE = 0.3, 0.5
GOALS = {24: 0.05, 52: 0.07}  # of whole series
PEERS = ("shewhart==0.1.1", "pycontrolcharts==0.1.2")
JUDGE = """
import json, sys, warnings
import numpy as np, pandas as pd, pycontrolcharts, shewhart
warnings.simplefilter("ignore")
alarms = {}
for points in (24, 52):
    x = np.random.default_rng(SEED).standard_normal((DRAWS, points))
    told = [not shewhart.imr(pd.DataFrame({"v": row}), value="v", rules="nelson").ok for row in x]
    alarms[f"shewhart {points}"] = sum(told) / DRAWS
    charts = (pycontrolcharts.calc_xmr(list(row)) for row in x)
    alarms[f"pycontrolcharts {points}"] = sum(bool(chart["violations"].map(len).any()) for chart in charts) / DRAWS
print(json.dumps(alarms))
"""


def signalling(points: int, baseline: int, shift: float, draws: int = DRAWS) -> float:
    """The share of series of noise, shifted from the middle (or the end of the baseline) on, that signal."""
    x = np.random.default_rng(SEED).standard_normal((draws, points))
    x[:, baseline or points // 2 :] += shift
    return float(np.mean([(behaviour(row, baseline)["signal"] != "").any() for row in x]))


def shaped(points: int) -> dict[str, np.ndarray]:
    """Series in which nothing happens: skewed months (log-normal), and months each like the one before."""
    noise = np.random.default_rng(SEED).standard_normal((SHAPE_DRAWS, points))
    alike = noise.copy()
    for i in range(1, points):
        alike[:, i] = ALIKE * alike[:, i - 1] + (1 - ALIKE**2) ** 0.5 * noise[:, i]
    return {"normal": noise, "skewed": np.exp(SKEW * noise), "alike": alike}


def signal_share(series: np.ndarray, baseline: int, median_factor: float | None = None, since: int = 0) -> float:
    """The share of series (one a row) that signal from the ``since``-th value on; ``median_factor``: by that factor on
    k of the median moving range where the baseline holds a range above the range limit."""
    rule = signal_rule(series.shape[1], baseline)
    base = series[:, : baseline or series.shape[1]]
    ranges = np.abs(np.diff(base, axis=1))
    mean = ranges.mean(axis=1, keepdims=True)
    reach = rule.k * mean
    if median_factor:
        is_huge = (ranges > RANGE_LIMIT * mean).any(axis=1, keepdims=True)
        reach = np.where(is_huge, median_factor * rule.k * np.median(ranges, axis=1, keepdims=True), reach)
    return float(alarmed(series[:, since:], base.mean(axis=1, keepdims=True), reach, rule.run).mean())


def shapes_and_median() -> None:
    """Print false alarms of other shapes, and of the median variant, with the factor that would make it honest and
    the shifts then found beside one huge value of the baseline, by the mean and by the median."""
    heads = f"{'skewed':>7} {'alike':>6} {'median':>7} {'honest k':>9} {'found: mean, median':>20}"
    print(f"{'baseline':>8} {'points':>6} {heads}")
    for (baseline, points), rule in SIGNAL_RULES.items():
        series = shaped(points)
        stated, skewed, alike = (signal_share(own, baseline) for own in series.values())
        usual = signal_share(series["normal"], baseline, MEDIAN_LIMIT / LIMIT)
        factors = np.arange(MEDIAN_LIMIT / LIMIT, 3.0, 0.02)
        honest = next(f for f in factors if signal_share(series["normal"], baseline, f) <= stated)
        first = baseline or points // 2
        shifted = series["normal"].copy()
        shifted[:, first:] += SHIFT
        shifted[::2, first // 2] += HUGE
        shifted[1::2, first // 2] -= HUGE
        found = [signal_share(shifted, baseline, factor, first) for factor in (None, honest)]
        print(
            f"{baseline or 'whole':>8} {points:>6} {skewed:>7.1%} {alike:>6.1%} {usual:>7.1%} {honest * rule.k:>9.2f} "
            f"{found[0]:>12.1%} {found[1]:>7.1%}"
        )


def peers() -> dict[str, float]:
    """The share of the peers' false alarms on whole series of 24 and 52 values."""
    place = Path(tempfile.gettempdir()) / "salespilot-benchmarks" / "peers-signals"
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    code = f"SEED, DRAWS = {SEED}, {PEER_DRAWS}\n{JUDGE}"
    told = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def main() -> int:
    """Print the table; exit 1 when a goal is missed."""
    print(f"{'baseline':>8} {'points':>6} {'k':>5} {'run':>4} {'stated':>7} {'false alarms':>13} {'power 1.5 s':>12}")
    missed = False
    for baseline, points in SIGNAL_RULES:
        rule = signal_rule(points, baseline)
        false, power = signalling(points, baseline, 0.0), signalling(points, baseline, SHIFT)
        goal = GOALS.get(points, 0.07)
        within = false <= goal + 2 * np.sqrt(goal * (1 - goal) / DRAWS)
        missed |= not within
        print(
            f"{baseline or 'whole':>8} {points:>6} {rule.k:>5} {rule.run:>4} {rule.false_alarm_share:>7.1%} "
            f"{false:>13.1%} {power:>12.1%}{'' if within else '  MISSED'}"
        )
    shapes_and_median()
    for name, share in peers().items():
        print(f"{name:>40} points: {share:.0%} of noise declared out of control ({PEER_DRAWS} series)")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
