"""The landing of a period, as pure functions of arrays: several methods, each scored on the client's own past.

Time is cut into slots (fiscal months; two a month where the as-of date falls inside one). A method says how much the
rest of the period will bring. The same question, asked at every earlier month of the series with what was known then,
gives each method its error, and the combination its interval: those errors hold what struck all salespeople alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

FLOOR = 0.02
FEW = 4
SEASONAL = ("M2", "M3")


@dataclass(frozen=True)
class History:
    """A series of sales and what remains of the current period.

    ``amount``   sales by slot, oldest first, up to the as-of date; NaN: left out (an excluded year)
    ``days``     working days by slot, up to the end of the period
    ``year``     slots a year; ``length``: slots of the period; ``elapsed``: slots of it gone by
    ``step``     slots a month: earlier questions are asked that far apart
    """

    amount: np.ndarray
    days: np.ndarray
    year: int = 12
    length: int = 12
    elapsed: int = 6
    step: int = 1

    @property
    def start(self) -> int:
        """The first slot of the current period."""
        return len(self.amount) - self.elapsed


@dataclass(frozen=True)
class Settings:
    """How methods are scored (defaults: those of the report's thresholds)."""

    profile_years: int = 3
    phi_min: float = 0.15
    origins: int = 36
    level: float = 0.80


@dataclass(frozen=True)
class Landing:
    """Where the period lands.

    ``actual``     sold to date; ``rest``: the median of what is still to come
    ``scale``      of log(actual rest / forecast rest), ``freedom`` its degrees of freedom; None: no past to tell
    ``methods``    one row a method: method, landing, wape, weight, n (earlier questions answered)
    ``backtest``   one row an earlier question, latest first: slots_back, actual, forecast, low, high, is_inside
    ``phi``        the mean share of the period gone by at this point of earlier years (NaN: unknown)
    ``uses_days``  working days were levelled out, because that lowered the error in the past
    """

    actual: float
    rest: float
    scale: float | None
    freedom: float | None
    methods: pd.DataFrame
    backtest: pd.DataFrame
    phi: float
    uses_days: bool
    level: float = 0.80

    def quantile(self, share: float) -> float | None:
        """The landing that is not reached with probability ``share``; None where no past tells the spread, or where
        nothing is left to foretell."""
        if share == 0.5:
            return self.actual + self.rest
        if self.scale is None or self.freedom is None or self.rest == 0:
            return None
        return self.actual + self.rest * float(np.exp(scipy.stats.t.ppf(share, self.freedom) * self.scale))

    def probability(self, target: float) -> float | None:
        """The chance to reach a target."""
        if target <= self.actual:
            return 1.0
        if self.rest == 0:
            return 0.0
        if self.scale is None or self.freedom is None:
            return None
        return float(scipy.stats.t.sf(np.log((target - self.actual) / self.rest) / self.scale, self.freedom))

    @property
    def coverage(self) -> float | None:
        """The share of earlier questions whose answer fell inside the interval told by the others."""
        return float(self.backtest["is_inside"].mean()) if len(self.backtest) and self.scale is not None else None

    @property
    def main_method(self) -> str | None:
        """The method with most weight."""
        return None if self.methods.empty else str(self.methods.sort_values("weight")["method"].iloc[-1])

    @property
    def disagreement(self) -> float | None:
        """The range of the methods in use over the landing; None with fewer than two."""
        used = self.methods.loc[self.methods["weight"] > 0, "landing"]
        return float((used.max() - used.min()) / (self.actual + self.rest)) if len(used) > 1 else None


def run_rate(actual: float, elapsed_days: float, rest_days: float) -> float:
    """M1: what the rest brings at the pace of the working days gone by."""
    return actual * rest_days / elapsed_days


def seasonal(actual: float, phi: float) -> float:
    """M2: what the rest brings if the share ``phi`` of the period is done, as in earlier years."""
    return actual * (1 / phi - 1)


def carry(actual: float, previous: float, previous_total: float, elapsed_share: float) -> float:
    """M3: what the rest of last year brought, times g' = 1 + (g − 1) · elapsed share, g the growth to date."""
    return (previous_total - previous) * (1 + (actual / previous - 1) * elapsed_share)


@dataclass(frozen=True)
class _Question:
    """One origin: sold to date, the true rest (NaN: not yet known), working days, earlier years at the same point."""

    back: int
    actual: float
    rest: float
    elapsed_days: float
    rest_days: float
    earlier: tuple[tuple[float, float], ...]


def _questions(history: History, settings: Settings, uses_days: bool, needs_year: bool = True) -> list[_Question]:
    """The current question, then the earlier ones, latest first; ``needs_year``: those with a year before them."""
    y, w, gone, size = history.amount, history.days, history.elapsed, history.length
    asked = []
    for back in range(0, min(history.start, settings.origins * history.step + history.length) + 1, history.step):
        start = history.start - back
        if back and needs_year and start < history.year:
            break
        current, whole = slice(start, start + gone), slice(start, start + size)
        is_known = start + size <= len(y)
        rest = float(y[start + gone : start + size].sum()) if is_known else float("nan")
        if back and not is_known:
            continue
        earlier = []
        for first in range(start - history.year, -1, -history.year):
            then = y[first : first + size]
            if uses_days:
                own = w[first : first + size]
                then = then * np.divide(w[whole], own, out=np.ones(size), where=own > 0)
            if not np.isnan(then).any():
                earlier.append((float(then[:gone].sum()), float(then.sum())))
        elapsed_days, rest_days = float(w[current].sum()), float(w[start + gone : start + size].sum())
        asked.append(_Question(back, float(y[current].sum()), rest, elapsed_days, rest_days, tuple(earlier)))
    return asked


def _phi(question: _Question, settings: Settings) -> float:
    shares = [done / total for done, total in question.earlier if done > 0 and total > 0]
    return float(np.mean(shares[: settings.profile_years])) if shares else float("nan")


def _answers(question: _Question, history: History, settings: Settings) -> dict[str, float]:
    """What each method says of the rest; methods that cannot answer, or not soundly so early, are left out."""
    if not question.actual > 0:
        return {}
    said = {}
    days = question.elapsed_days + question.rest_days
    if question.elapsed_days > 0 and question.elapsed_days / days >= settings.phi_min:
        said["M1"] = run_rate(question.actual, question.elapsed_days, question.rest_days)
    phi = _phi(question, settings)
    # Today's season is averaged over two years at least; in the past one must do, or too few questions are left.
    if len(question.earlier) >= (1 if question.back else 2) and phi >= settings.phi_min:
        said["M2"] = seasonal(question.actual, phi)
    if question.earlier and question.earlier[0][0] > 0:
        said["M3"] = carry(question.actual, *question.earlier[0], history.elapsed / history.length)
    return {method: rest for method, rest in said.items() if rest > 0}


Extra = Mapping[str, Mapping[int, float]]
"""Further methods: what each says of the rest, by ``back`` (0 now, else slots back)."""


def land(history: History, settings: Settings | None = None, extra: Extra | None = None) -> Landing | None:
    """Where the current period lands; None where no method can answer.

    ``extra``: methods computed elsewhere (M4, M5). Weights are 1 / (WAPE² + 0.02²) over the earlier questions that all
    scored methods answered; M1, which knows no season, counts only where it errs less than the seasonal ones. The
    interval is Student's t on the errors log(actual rest / forecast rest), with as many degrees of freedom as there
    are questions that do not overlap.
    """
    settings = settings or Settings()
    if history.elapsed >= history.length:
        return _over(history, settings)
    best: Landing | None = None
    varied = np.ptp(history.days) > 0
    for uses_days in (False, True) if varied else (False,):
        found = _landed(history, settings, extra or {}, uses_days)
        if found and (best is None or _error(found) < _error(best)):
            best = found
    return best


def past_answers(history: History, settings: Settings | None = None) -> pd.DataFrame:
    """What each method said of the rest, and what it was: one row an origin, index ``back`` (0: now, rest unknown).

    Columns: rest, M1, M2, M3; NaN where a method could not answer.
    """
    settings = settings or Settings()
    asked = _questions(history, settings, uses_days=False)
    rows = {question.back: {"rest": question.rest} | _answers(question, history, settings) for question in asked}
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=["rest", "M1", "M2", "M3"])


def _over(history: History, settings: Settings) -> Landing:
    empty = pd.DataFrame(columns=["method", "landing", "wape", "weight", "n"])
    actual = float(history.amount[history.start :].sum())
    return Landing(actual, 0.0, None, None, empty, pd.DataFrame(), 1.0, False, settings.level)


def _error(found: Landing) -> float:
    table = found.backtest
    return float((table["actual"] - table["forecast"]).abs().sum() / table["actual"].sum()) if len(table) else 0.0


def _landed(history: History, settings: Settings, extra: Extra, uses_days: bool) -> Landing | None:
    asked = _questions(history, settings, uses_days)
    if not asked[0].earlier:  # only the plain run-rate can answer, now and before
        asked = _questions(history, settings, uses_days, needs_year=False)
    now = asked[0]

    def answers(question: _Question) -> dict[str, float]:
        own = _answers(question, history, settings)
        return own | {name: said[question.back] for name, said in extra.items() if question.back in said}

    current = answers(now)
    if not current:
        return None
    past = [(question, answers(question)) for question in asked[1:] if question.rest > 0]
    past = [(question, said) for question, said in past if said][: settings.origins]
    methods = _scored(current, past, now.actual)
    weights = dict(zip(methods["method"], methods["weight"], strict=True))
    blend = _blend(weights)
    table = pd.DataFrame(
        [(q.back, q.actual, q.rest, blend(said)) for q, said in past], columns=["slots_back", "to_date", "true", "said"]
    )
    remaining = (history.length - history.elapsed) / history.step
    scale, freedom, backtest = _spread(table, remaining, settings.level)
    return Landing(
        now.actual,
        float(blend(current)),
        scale,
        freedom,
        methods,
        backtest,
        _phi(now, settings),
        uses_days,
        settings.level,
    )


def _scored(
    current: Mapping[str, float], past: list[tuple[_Question, dict[str, float]]], actual: float
) -> pd.DataFrame:
    common = [(q, said) for q, said in past if set(current) <= set(said)]
    common = common if len(common) >= FEW else []
    rows = []
    for method, rest in current.items():
        own = [(q, said[method]) for q, said in (common or past) if method in said]
        total = sum(q.actual + q.rest for q, _ in own)
        wape = sum(abs(q.rest - said) for q, said in own) / total if own else float("nan")
        rows.append((method, actual + rest, wape, len(own)))
    table = pd.DataFrame(rows, columns=["method", "landing", "wape", "n"])
    weight = 1 / (table["wape"] ** 2 + FLOOR**2)
    error = table.set_index("method")["wape"]
    season = error.reindex(SEASONAL).min()
    is_flat = (table["method"] == "M1") & ((error.get("M1", np.nan) > season) | (weight.isna() & table["n"].eq(0)))
    weight = weight.mask(is_flat & (len(table) > 1), 0.0)
    if not weight.sum() > 0:  # nothing scored: the seasonal methods alike
        weight = table["method"].isin(SEASONAL).astype(float) if len(table) > 1 else pd.Series([1.0])
    table["weight"] = weight.fillna(0.0) / weight.sum()
    return table[["method", "landing", "wape", "weight", "n"]]


def _blend(weights: Mapping[str, float]) -> Callable[[Mapping[str, float]], float]:
    def blend(said: Mapping[str, float]) -> float:
        held = {method: weights.get(method, 0.0) for method in said}
        total = sum(held.values())
        if total == 0:
            return float(np.mean(list(said.values())))
        return sum(weight * said[method] for method, weight in held.items()) / total

    return blend


def _spread(table: pd.DataFrame, horizon: float, level: float) -> tuple[float | None, float | None, pd.DataFrame]:
    """The scale of the errors, its degrees of freedom, and each earlier question judged by the errors of the others."""
    columns = ["slots_back", "actual", "forecast", "low", "high", "is_inside"]
    if len(table) < 2:
        return None, None, pd.DataFrame(columns=columns)
    error = np.log(table["true"].to_numpy() / table["said"].to_numpy())
    n = len(error)
    freedom = max(n / horizon, 1.0)
    scale = float(np.sqrt((error**2).mean()))
    others = np.sqrt(np.maximum((error**2).sum() - error**2, 0.0) / (n - 1))
    half = scipy.stats.t.ppf((1 + level) / 2, max((n - 1) / horizon, 1.0)) * others
    judged = pd.DataFrame({"slots_back": table["slots_back"], "actual": table["to_date"] + table["true"]})
    judged["forecast"] = table["to_date"] + table["said"]
    judged["low"] = table["to_date"] + table["said"] * np.exp(-half)
    judged["high"] = table["to_date"] + table["said"] * np.exp(half)
    judged["is_inside"] = np.abs(error) <= half + 1e-12
    return (scale if scale > 0 else None), freedom, judged[columns]
