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
from scipy.stats import gamma

from salespilot.dataset import Dataset
from salespilot.deals import cumulative_incidence, incidence_at, win_probabilities
from salespilot.diagnostics.dynamic_steering.landing import History, Landing, land
from salespilot.diagnostics.forecast_accuracy import Thresholds
from salespilot.diagnostics.forecast_accuracy.persons import biases
from salespilot.diagnostics.sales_contest import Thresholds as ContestThresholds
from salespilot.diagnostics.sales_contest.effect import measured
from salespilot.diagnostics.sales_contest.ledger import Ledger
from salespilot.plans import pac_preparation
from salespilot.plans.pac_preparation import impact

SEED = 20260630
SMALL = 5
"""Fewer periods than that are counted, not judged (the house's convention)."""
WIN_CHANCE, WIN_SHAPE, SEEN_DAYS = 0.35, 3.0, 548
FIRST_DEAL = pd.Timestamp("2024-01-01")


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


def contests(clients: int = 2000) -> list[Row]:
    """Contests whose effect is known: 12 people, 24 months, three months of contest and one month after it.

    How often an effect is called proven (one-sided t test at 5 % on the net effect) where there is none, where the lift
    is 15 %, and where the 15 % were only taken from the month after. Months vary by 15, 25 or 35 % by person, and by
    3 % for all.
    """
    rows = []
    for spread in (0.15, 0.25, 0.35):
        found = {
            name: _proven(lift, moved, spread, clients)
            for name, lift, moved in (("none", 0.0, 0.0), ("lift", 0.15, 0.0), ("moved", 0.15, 1.0))
        }
        name, is_judged = f"contests, monthly CV {spread:.0%}", spread == 0.15
        goals = ("<= 10 %", ">= 70 %") if is_judged else ("", "")
        judged = (found["none"] <= 0.10, found["lift"] >= 0.70, found["moved"] <= 0.10)
        rows.append(Row(name, "no effect, called proven", found["none"], goals[0], judged[0] if is_judged else None))
        rows.append(Row(name, "lift of 15 % found", found["lift"], goals[1], judged[1] if is_judged else None))
        rows.append(
            Row(name, "sales only moved, called proven", found["moved"], goals[0], judged[2] if is_judged else None)
        )
    return rows


def _proven(lift: float, moved: float, spread: float, clients: int) -> float:
    """Share of clients whose contest is called effective; ``moved``: share of the gain missing the month after."""
    rng = np.random.default_rng(SEED)
    thresholds = ContestThresholds()
    first = pd.Timestamp("2024-01-01")
    start, end = pd.Timestamp("2025-09-01").date(), pd.Timestamp("2025-11-30").date()
    hits = 0
    for _ in range(clients):
        sold = drawn_contest(rng, first, lift, moved, spread)
        found = measured(sold, start, end, thresholds.before_days, thresholds.after_days)
        assert found is not None
        hits += found.probability <= thresholds.effect_level
    return hits / clients


def drawn_contest(
    rng: np.random.Generator, first: pd.Timestamp, lift: float, moved: float, spread: float, people: int = 12
) -> Ledger:
    """Two years of sales by day of people alike, seasonal, with a lift in months 21 to 23; ``moved``: see above."""
    days = pd.date_range(first, periods=24 * 31, freq="D")
    month = np.asarray((days.year - first.year) * 12 + days.month - first.month)
    days, month = days[month < 24], month[month < 24]
    own, common = (np.sqrt(np.log(1 + cv**2)) for cv in (spread, 0.03))
    season = 1 + 0.15 * np.sin(2 * np.pi * np.arange(24) / 12)
    sold = 100_000 * season[:, None] * rng.lognormal(-(own**2) / 2, own, (24, people))
    sold *= rng.lognormal(-(common**2) / 2, common, 24)[:, None]
    gain = sold[20:23] * lift
    sold[20:23] += gain
    sold[23] = np.maximum(sold[23] - moved * gain.sum(axis=0), 0.05 * sold[23])
    worked = np.asarray(days.day_of_week < 5, dtype=float)
    daily = (sold / np.bincount(month, worked)[:, None])[month] * worked[:, None]
    sums = np.vstack([np.zeros(people), daily.cumsum(axis=0)])
    names = tuple(f"R{i:02d}" for i in range(people))
    return Ledger(days, names, sums, np.concatenate([[0.0], worked.cumsum()]))


def chances() -> list[Row]:
    """The 12-month chance of winning where wins take about 180 days and losses 30, deals grow e-fold a year and 18
    months are seen: 200 clients of about 500 deals; then, on 12 of them, whether open deals come in as foretold.
    """
    rng = np.random.default_rng(SEED)
    truth = WIN_CHANCE * gamma.cdf(365, WIN_SHAPE, scale=180 / WIN_SHAPE)
    signed, naive = [], []
    for _ in range(200):
        deals = drawn_deals(rng)
        curve = cumulative_incidence(deals["seen_days"], deals["outcome"])
        signed.append(incidence_at(curve, 365)["won"] - truth)
        ended = deals["outcome"].value_counts()
        naive.append(ended["won"] / (ended["won"] + ended["lost"]) - truth)
    error, plain = float(np.mean(signed)), float(np.mean(naive))
    name = "chances, 12 months, 200 drawn clients"
    return [
        Row(name, "mean signed error", error, "< 3 pts", abs(error) < 0.03),
        Row(name, "that of won / closed", plain, ">= 8 pts", abs(plain) >= 0.08),
        *_reliability(rng),
    ]


def _reliability(rng: np.random.Generator) -> list[Row]:
    """Open deals by band of their chance to be won within 12 months: foretold and come true."""
    parts = []
    for _ in range(12):
        deals = drawn_deals(rng)
        as_of = FIRST_DEAL + pd.Timedelta(days=SEEN_DAYS)
        closed = deals["created_date"] + pd.to_timedelta(deals["end_days"], unit="D")
        is_open = deals["outcome"] == "open"
        frame = deals.assign(
            status=deals["outcome"], closed_date=closed.where(~is_open), amount=1000.0, customer_id="C", rep_id="R",
            opportunity_id=[f"D{n}" for n in range(len(deals))], expected_close_date=as_of,
        )  # fmt: skip
        dataset = Dataset.from_frames({"opportunities": frame.drop(columns="outcome")}, as_of=as_of.date())
        told = win_probabilities(dataset, (as_of + pd.Timedelta(days=365)).date())
        fate = frame.set_index("opportunity_id").assign(closed=closed.to_numpy())
        late = fate["closed"] <= as_of + pd.Timedelta(days=365)
        told["came"] = told["opportunity_id"].map(fate["is_win"] & late).astype(float)
        parts.append(told)
    told = pd.concat(parts)
    band = pd.cut(told["win_probability"], [0, 0.2, 0.4, 0.6, 0.8, 1.0], include_lowest=True)
    rows = []
    for edges, own in told.groupby(band, observed=True):
        words = f"chance {edges.left:.0%} to {edges.right:.0%}, n = {len(own)}"
        rows.append(Row(words, "foretold", float(own["win_probability"].mean())))
        rows.append(Row(words, "came true", float(own["came"].mean())))
    return rows


def drawn_deals(rng: np.random.Generator, count: int = 500) -> pd.DataFrame:
    """Deals of one client: created_date (density growing e-fold a year), is_win, end_days, seen_days and outcome."""
    growth = SEEN_DAYS / 365
    created = np.log1p(rng.random(count) * np.expm1(growth)) / growth * SEEN_DAYS
    is_win = rng.random(count) < WIN_CHANCE
    days = np.where(is_win, rng.gamma(WIN_SHAPE, 180 / WIN_SHAPE, count), rng.gamma(WIN_SHAPE, 30 / WIN_SHAPE, count))
    created, days = np.floor(created), np.ceil(days)
    left = SEEN_DAYS - created
    outcome = np.where(days > left, "open", np.where(is_win, "won", "lost"))
    frame = pd.DataFrame({"created_date": FIRST_DEAL + pd.to_timedelta(created, unit="D"), "is_win": is_win})
    return frame.assign(end_days=days, seen_days=np.minimum(days, left), outcome=outcome)


def plans(rounds: int = 200) -> list[Row]:
    """Actions whose effect is known, on drawn customers: how often the action plan calls them effective.

    300 customers of very unequal size who drift on their own, buy some months and not others, and share a season and
    shocks; 1 to 25 are targeted, picked at random or among those whose sales had just fallen most. True effects: none
    (at most 1 in 10 may be called effective) and +40 % on 25 customers over nine months (power, for information).
    """
    rows = []
    for count, after, how in ((1, 6, "any"), (4, 6, "any"), (25, 9, "any"), (4, 6, "fallen"), (25, 9, "fallen")):
        called = _effective(rounds, count, after, how, 0.0)
        name = f"plan without effect, {count} customers, {how}"
        rows.append(Row(name, "called effective", called, "<= 10 %", called <= 0.10))
    return [*rows, Row("plan, +40 % on 25 customers", "called effective", _effective(rounds, 25, 9, "any", 0.4))]


def _effective(rounds: int, count: int, after: int, how: str, lift: float) -> float:
    """Share of drawn plans called effective, of those that can be measured."""
    rng, thresholds = np.random.default_rng(SEED), pac_preparation.Thresholds(effect_draws=1000)
    called = measured = 0
    for turn in range(rounds):
        amount = _customers(rng, 300, 12 + after)
        halves = {"early": amount[:, :6].sum(axis=1), "late": amount[:, 6:12].sum(axis=1)}
        before = pd.DataFrame(halves, [str(n) for n in range(len(amount))])
        if how == "any":
            chosen = rng.choice(len(amount), count, replace=False)
        else:
            big = np.argsort(-before.sum(axis=1).to_numpy())[:150]
            chosen = big[np.argsort((before["late"] / before["early"].clip(lower=1)).to_numpy()[big])[:count]]
        amount[chosen, 12:] *= 1 + lift
        own = [str(n) for n in chosen]
        alike, pairs = impact.matched(before, pd.Series("", before.index), own, set(own), thresholds)
        if not alike:
            continue
        rows = [int(n) for n in alike]
        found = impact.effect(amount[rows], amount[pairs.astype(int)], 12, thresholds, turn)
        measured += 1
        called += found.interval(thresholds.effect_interval)[0] > 0
    return called / max(measured, 1)


def _customers(rng: np.random.Generator, count: int, months: int) -> np.ndarray:
    """Monthly sales of drawn customers: size, own drift, shared season and shocks, months without an order."""
    size = rng.lognormal(8, 1, (count, 1))
    drift = np.cumsum(rng.normal(0, rng.uniform(0, 0.06), (count, months)), axis=1)
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(months) / 12 + rng.uniform(0, 6))
    shocks = np.cumsum(rng.normal(0, 0.02, months))
    noise = rng.normal(0, rng.uniform(0.2, 0.6), (count, months))
    buys = rng.random((count, months)) < rng.uniform(0.3, 1, (count, 1))
    return np.asarray(size * np.exp(drift + shocks + noise) * season * buys)


CHECKS: Mapping[str, Callable[[], list[Row]]] = {
    "forecasters": forecasters,
    "landings": landings,
    "m3_landings": m3_landings,
    "chances": chances,
    "contests": contests,
    "plans": plans,
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
