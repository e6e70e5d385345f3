"""What each participant would sell in the contest without it, and how far chance moves that result.

Reference: sales of the same dates a year before, times one's own trend drawn half-way to the team's. Volatility: how
far the same reckoning missed on past periods of the same length (method, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, month_end, month_start
from salespilot.diagnostics.sales_contest.choice import Contest, shifted
from salespilot.diagnostics.sales_contest.ledger import Ledger, worked_between
from salespilot.diagnostics.sales_contest.model import Thresholds

DAY = timedelta(days=1)
YEAR = 365
SHRINK_WINDOWS = 4
TREND = (0.5, 2.0)
MET_SHARE = 0.2
FEW = 3


@dataclass(frozen=True)
class Reference:
    """The references of the participants.

    ``frame``: one row a participant, in their order: baseline, sigma (money), spread (of log), trend, basis, presence.
    ``shocks``: standardised past misses of everyone, to draw from. ``lifts``: of the team as a whole, past periods
    against the same reckoning. ``base_year``: how many years back the reference lies (0: recent pace).
    """

    frame: pd.DataFrame
    shocks: np.ndarray
    lifts: np.ndarray
    base_year: int
    is_met: bool


def reference(
    dataset: Dataset, contest: Contest, people: pd.DataFrame, sold: Ledger, others: Sequence[Contest], th: Thresholds
) -> Reference:
    """The reference of each participant of a contest, from the sales known before it began.

    ``people``: as :func:`choice.participants` gives them; ``sold``: the measure scored, portfolios as held at the start
    of the contest; ``others``: other contests, whose periods are no reference where another year will do.
    """
    known = sold.until(min(sold.last, contest.start - DAY)).only(list(people["rep_id"]))
    own, team = trends(known)
    base, years, is_met = _base(dataset, contest, known, others)
    baseline = base * (0.5 * own + 0.5 * team) ** max(years, 0)
    presence = _presence(dataset, contest, people)
    baseline = baseline * presence
    is_new = _is_new(people, known, baseline)
    basis = np.where(is_new, "segment", "same_dates" if years else "recent_pace")
    baseline = _with_segments(people, baseline, presence, is_new)
    spread, shocks, lifts = _misses(known, contest, others, 0.5 * own + 0.5 * team, team, th)
    if (~is_new).any():
        spread[is_new] = np.sqrt((spread[~is_new] ** 2).mean())
    frame = people[["rep_id", "rep_name", "role"]].assign(
        baseline=baseline, sigma=baseline * spread, spread=spread, trend=0.5 * own + 0.5 * team - 1, basis=basis,
        presence=presence,
    )  # fmt: skip
    return Reference(frame, shocks, lifts, years, is_met)


def trends(known: Ledger) -> tuple[np.ndarray, float]:
    """Growth of each person and of the team: last 12 months over the 12 before, or what of them two years allow."""
    last = known.last
    span = min(YEAR, (last - known.first).days + 1 - YEAR)
    if span < 60:
        return np.ones(len(known.people)), 1.0
    now = known.between(last - (span - 1) * DAY, last)
    then = known.between(last - (YEAR + span - 1) * DAY, last - YEAR * DAY)
    team = float(np.clip(now.sum() / then.sum(), *TREND)) if then.sum() > 0 and now.sum() > 0 else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where((then > 0) & (now > 0), now / then, team)
    return np.clip(own, *TREND), team


def _base(dataset: Dataset, contest: Contest, known: Ledger, others: Sequence[Contest]) -> tuple[np.ndarray, int, bool]:
    """Sales on the same dates of the nearest year without a contest, at the contest's working days; how many years
    back; whether a contest ran then all the same."""
    reach = contest.start.year - known.first.year + 1
    spans = {years: (shifted(contest.start, -years), shifted(contest.end, -years)) for years in range(1, reach + 1)}
    held = {years: span for years, span in spans.items() if known.holds(*span)}
    clear = [years for years, span in held.items() if not _met(others, *span)]
    days = worked_between(dataset, contest.start, contest.end)
    if not held:
        start = max(known.first, known.last - (YEAR - 1) * DAY)
        return known.between(start, known.last) * days / max(_worked(known, start, known.last), 1), 0, False
    years = clear[0] if clear else min(held)
    start, end = held[years]
    return known.between(start, end) * days / max(_worked(known, start, end), 1), years, not clear


def _worked(known: Ledger, start: date, end: date) -> float:
    return float(known.worked[known.place(end + DAY)] - known.worked[known.place(start)])


def _met(others: Sequence[Contest], start: date, end: date) -> bool:
    return sum(contest.overlap(start, end) for contest in others) > MET_SHARE * ((end - start).days + 1)


def _presence(dataset: Dataset, contest: Contest, people: pd.DataFrame) -> np.ndarray:
    """Share of the contest's working days in post: entry and exit on the way count pro rata."""
    whole = max(worked_between(dataset, contest.start, contest.end), 1)
    shares = []
    for start, end in zip(people["start_date"], people["end_date"], strict=True):
        since = max(contest.start, start.date()) if pd.notna(start) else contest.start
        until = min(contest.end, end.date()) if pd.notna(end) else contest.end
        is_whole = since == contest.start and until == contest.end
        shares.append(1.0 if is_whole else worked_between(dataset, since, until) / whole)
    return np.array(shares)


def _is_new(people: pd.DataFrame, known: Ledger, baseline: np.ndarray) -> np.ndarray:
    """Who has no year of one's own before the contest, or less than the sales known, or sold nothing in the reference.

    Where sales are known for less than a year, who was there from their first day is no newer than anyone.
    """
    joined = people["start_date"] > pd.Timestamp(max(month_start(known.last, -11), known.first))
    return np.asarray(joined.fillna(False).to_numpy(dtype=bool) | (baseline <= 0))


def _with_segments(people: pd.DataFrame, baseline: np.ndarray, presence: np.ndarray, is_new: np.ndarray) -> np.ndarray:
    """New people take the mean of those of their role (two at least), else of everyone, by full-time equivalent."""
    fte = people["fte"].astype(float).fillna(1.0).to_numpy()
    rate = baseline / np.maximum(presence * fte, 1e-9)
    filled = baseline.copy()
    for place in np.flatnonzero(is_new):
        peers = ~is_new & (people["role"] == people["role"].iloc[place]).to_numpy()
        peers = peers if peers.sum() >= 2 else ~is_new
        if peers.any():
            filled[place] = rate[peers].mean() * presence[place] * fte[place]
    return filled


def _misses(
    known: Ledger, contest: Contest, others: Sequence[Contest], growth: np.ndarray, team_growth: float, th: Thresholds
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spread of each person's log result around such a reference, standardised misses, and lifts of the whole team."""
    rows, lifts = [], []
    end = known.last
    while end - (contest.days - 1) * DAY - YEAR * DAY >= known.first:
        start = end - (contest.days - 1) * DAY
        before = (start - YEAR * DAY, end - YEAR * DAY)
        if not _met(others, start, end) and not _met(others, *before):
            ratio = _worked(known, start, end) / max(_worked(known, *before), 1)
            then, now = known.between(*before) * ratio, known.between(start, end)
            with np.errstate(divide="ignore", invalid="ignore"):
                rows.append(np.where((then > 0) & (now > 0), np.log(now / (then * growth)), np.nan))
            if then.sum() > 0:
                lifts.append(now.sum() / (then.sum() * team_growth) - 1)
        end = month_end(month_start(end, -1))
    if len(rows) < FEW:
        return _short(known, contest, th), np.array([]), np.array([])
    misses = np.array(rows)
    count = max((len(rows) + contest.days / 30.4 - 1) * 30.4 / contest.days, 1.0)  # periods that do not overlap
    seen = (~np.isnan(misses)).sum(axis=0)
    square = np.where(seen > 0, np.nansum(misses**2, axis=0) / np.maximum(seen, 1), np.nan)
    team = float(np.nanmean(square)) if np.isfinite(square).any() else th.usual_volatility**2
    spread = np.sqrt((count * np.nan_to_num(square, nan=team) + SHRINK_WINDOWS * team) / (count + SHRINK_WINDOWS))
    shocks = (misses / spread).ravel()
    shocks = shocks[~np.isnan(shocks)]
    deviation = shocks.std()
    return spread, (shocks - shocks.mean()) / deviation if deviation > 0 else np.array([]), np.array(lifts)


def _short(known: Ledger, contest: Contest, th: Thresholds) -> np.ndarray:
    """With under two years of sales: how months differ from one another, over the root of the contest's months."""
    months = pd.date_range(known.first, known.last, freq="MS")
    months = months[months + pd.offsets.MonthEnd(0) <= pd.Timestamp(known.last)]
    sums = [known.between(day.date(), (day + pd.offsets.MonthEnd(0)).date()) for day in months]
    if len(sums) < FEW:
        return np.full(len(known.people), th.usual_volatility)
    table = np.array(sums)
    mean = table.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(mean > 0, table.std(axis=0, ddof=1) / mean, np.nan) / np.sqrt(max(contest.days / 30.4, 1))
    team = float(np.nanmean(own)) if np.isfinite(own).any() else th.usual_volatility
    return np.asarray(np.clip((np.nan_to_num(own, nan=team) + team) / 2, 0.01, 2.0))
