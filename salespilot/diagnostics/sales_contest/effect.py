"""Created or moved? What a contest did to sales, held back before it and missing after it included.

Time is cut into slots of about a month that fall on the same dates each year: the days before the contest, its parts,
the days after it, and the rest of the year. For each salesperson, log sales = a level of the year + an
effect of the season + chance, fitted outside the contest; what it says of the contest's slots is what would have been
sold without it (method, section 5). Chance is taken to strike each salesperson alone: what strikes all of them alike
makes an effect look proven too often, 8 to 9 times in a hundred instead of 5 in ``benchmarks/truth.py``. The placebo
windows, shown beside the test, hold such shocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy

from salespilot.dataset import month_end, month_start
from salespilot.diagnostics.sales_contest.choice import shifted
from salespilot.diagnostics.sales_contest.ledger import Ledger

DAY = timedelta(days=1)
MONTH = 30.4
LEAST_FREEDOM = 3
STEP_DAYS = 7
WORKED_GAIN = 0.5
SPAN = tuple[date, date]


@dataclass(frozen=True)
class Effect:
    """What a contest did.

    ``slots``: one row a slot in order of time: start, end, kind (pre, during, post, rest), season, block, actual,
    expected (without the contest; fitted outside it), ratio (log actual / expected), is_known.
    ``ratio``: log of sold over expected on the whole contest, before and after it included; ``error``: its standard
    error; ``freedom``; ``people``: salespeople whose sales could be followed; ``share``: their share of the sales.
    """

    slots: pd.DataFrame
    ratio: float
    error: float
    freedom: float
    people: int
    share: float

    @property
    def probability(self) -> float:
        """The chance of such an effect, or a greater one, where there is none: one-sided t test."""
        return (
            float(scipy.stats.t.sf(self.ratio / self.error, self.freedom)) if self.error > 0 else float(self.ratio <= 0)
        )

    def phase(self, *kinds: str) -> tuple[float, float]:
        """Sold and expected in the slots of some kinds."""
        rows = self.slots[self.slots["kind"].isin(kinds)]
        return float(rows["actual"].sum()), float(rows["expected"].sum())

    @property
    def net(self) -> float:
        """Sales gained, net of those only moved in time, in money."""
        actual, expected = self.phase("pre", "during", "post")
        return actual - expected

    def has_clear_gain(self, level: float) -> bool:
        """Whether what was gained during the contest alone is more than chance, whatever came before and after."""
        actual, expected = self.phase("during")
        kinds = self.slots["kind"].value_counts()
        fewer = (len(self.slots) - kinds.get("rest", 0)) / kinds["during"]  # fewer slots are known less well
        half = float(scipy.stats.t.ppf(1 - level, self.freedom)) * self.error * float(np.sqrt(fewer))
        return bool(np.log(actual / expected) > half)

    def bound(self, level: float) -> tuple[float, float]:
        """The interval of the net effect in money that leaves out ``level`` of the chances on each side."""
        actual, expected = self.phase("pre", "during", "post")
        half = float(scipy.stats.t.ppf(1 - level, self.freedom)) * self.error
        return actual - expected * float(np.exp(half)), actual - expected * float(np.exp(-half))


def cut(start: date, end: date, before: int, after: int, first: date, last: date) -> pd.DataFrame:
    """The slots of the span from ``first`` to ``last``: start, end, kind, season, block, in order of time.

    ``season`` numbers the slots of a year from the days before the contest; ``block`` counts years back from the last
    slot (0: the last year). Empty where contest and surroundings leave less than a month of the year.
    """
    if start.day == 1 and end == month_end(end):
        return _months(start, end, before, after, first, last)
    length = (end - start).days + 1
    parts = [(-before, 0, "pre")] if before else []
    parts += _parts(0, length, "during")
    parts += _parts(length, length + after, "post")
    year = 365 - before
    if year - length - after < MONTH:
        return pd.DataFrame(columns=["start", "end", "kind", "season", "block"])
    parts += _parts(length + after, year, "rest")
    rows = []
    for shift in range(first.year - start.year - 1, last.year - start.year + 2):
        anchor = shifted(start, shift)
        following = shifted(start, shift + 1)
        for season, (low, high, kind) in enumerate(parts):
            begin, stop = anchor + low * DAY, anchor + high * DAY - DAY
            if high == year:
                stop = following - before * DAY - DAY  # a leap year has a day more
            if first <= begin and stop <= last:
                rows.append((begin, stop, kind if shift == 0 or kind == "rest" else "rest", season))
    slots = pd.DataFrame(rows, columns=["start", "end", "kind", "season"]).sort_values("start", ignore_index=True)
    return slots.assign(block=(len(slots) - 1 - np.arange(len(slots))) // len(parts))


def _months(start: date, end: date, before: int, after: int, first: date, last: date) -> pd.DataFrame:
    """The slots of a contest of whole months: calendar months, at least one before it and one after it."""
    months = pd.date_range(first, last, freq="MS")
    months = months[months + pd.offsets.MonthEnd(0) <= pd.Timestamp(last)]
    number = months.year * 12 + months.month
    low, high = start.year * 12 + start.month, end.year * 12 + end.month
    earliest, latest = low - _whole(before), high + _whole(after)
    if latest - earliest > 10:
        return pd.DataFrame(columns=["start", "end", "kind", "season", "block"])
    kind = np.select(
        [(number < earliest) | (number > latest), number < low, number <= high], ["rest", "pre", "during"], "post"
    )
    ends = [(month + pd.offsets.MonthEnd(0)).date() for month in months]
    return pd.DataFrame(
        {
            "start": [month.date() for month in months], "end": ends, "kind": kind, "season": months.month,
            "block": (len(months) - 1 - np.arange(len(months))) // 12,
        }
    )  # fmt: skip


def _whole(days: int) -> int:
    return max(round(days / MONTH), 1) if days >= MONTH / 2 else 0


def _parts(low: int, high: int, kind: str) -> list[tuple[int, int, str]]:
    count = max(round((high - low) / MONTH), 1) if high > low else 0
    edges = np.round(np.linspace(low, high, count + 1)).astype(int)
    return [(int(a), int(b), kind) for a, b in pairwise(edges)]


def measured(
    sold: Ledger, start: date, end: date, before: int, after: int, other: Sequence[SPAN] = ()
) -> Effect | None:
    """What the contest from ``start`` to ``end`` did to the sales of the people of a ledger; None where two years of
    sales around it do not suffice.

    ``before``, ``after``: days around it on which sales may be held back or missing. ``other``: spans of other
    contests, left out of what is expected as far as the seasons allow.
    """
    after = min(after, (sold.last - end).days)
    slots = cut(start, end, before, max(after, 0), sold.first, sold.last)
    inside = slots["kind"].isin(["pre", "during", "post"]).to_numpy()
    if not (slots["kind"] == "during").any():
        return None
    amounts, days = _amounts(sold, slots)
    amounts, share = _followed(amounts, slots["block"].to_numpy())
    if amounts.shape[1] == 0:
        return None
    outside = _outside(slots, inside, other)
    if outside is None:
        return None
    design = _design(slots)
    weights = np.linalg.pinv(design[outside])
    freedom = int(outside.sum()) - int(np.linalg.matrix_rank(design[outside]))
    if freedom < LEAST_FREEDOM:
        return None
    # What is expected of a slot must follow from those outside: a year known only by the contest says nothing.
    known = design[outside]
    if not np.allclose(design[inside] @ weights @ known, design[inside], atol=1e-6):
        return None
    part = amounts.sum(axis=0) / amounts.sum()
    # Months are compared as they are, unless counting working days halves what is left unexplained of them.
    rests = []
    for lengths in days:
        logs = np.log(amounts / lengths[:, None])
        rests.append(logs - design @ (weights @ logs[outside]))
    by_day, by_month = (float(((errors[outside] @ part) ** 2).sum()) for errors in rests)
    rest = rests[0] if by_day < WORKED_GAIN * by_month else rests[1]
    spread = (rest[outside] ** 2).sum(axis=0) / freedom
    ratio = rest @ part
    actual = amounts.sum(axis=1)
    expected = actual / np.exp(ratio)
    # Weights by actual sales would favour the slots that chance raised, by expected ones those it lowered.
    weight = np.sqrt(actual * expected)[inside]
    weight /= weight.sum()
    gained = float(weight @ ratio[inside])
    expected[inside] *= actual[inside].sum() / np.exp(gained) / expected[inside].sum()
    back = weight @ design[inside] @ weights
    # One spread of chance for all, relative to what each sells: it is known better than anyone's own.
    total = float(spread.mean() * (part**2).sum() * (weight @ weight + back @ back))
    slots = slots.assign(actual=actual, expected=expected, ratio=ratio, is_known=outside | inside)
    return Effect(slots, gained, float(np.sqrt(total)), freedom * amounts.shape[1], amounts.shape[1], share)


def _amounts(sold: Ledger, slots: pd.DataFrame) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The sales of each slot and person; the length of each slot in working days (one at the least) and by the
    calendar, a month being one length."""
    lower = np.array([sold.place(day) for day in slots["start"]], dtype=int)
    upper = np.array([sold.place(day + DAY) for day in slots["end"]], dtype=int)
    worked = np.maximum(sold.worked[upper] - sold.worked[lower], 1.0)
    is_month = all(day.day == 1 for day in slots["start"])
    length = np.ones(len(slots)) if is_month else (upper - lower).astype(float)
    return sold.sums[upper] - sold.sums[lower], (worked, length)


def _followed(amounts: np.ndarray, block: np.ndarray) -> tuple[np.ndarray, float]:
    """The people whose sales are positive in every slot, those who sell now and then added up as one, and the share of
    the sales that this follows. People who were not there in every year cannot be compared with themselves."""
    steady = (amounts > 0).all(axis=0)
    years = [amounts[block == number].sum(axis=0) > 0 for number in np.unique(block)]
    present = np.all([amounts[:3].sum(axis=0) > 0, amounts[-3:].sum(axis=0) > 0, *years], axis=0)
    casual = amounts[:, present & ~steady].sum(axis=1, keepdims=True)
    kept = amounts[:, steady]
    if casual.size and (casual > 0).all():
        kept = np.hstack([kept, casual])
    total = np.abs(amounts).sum()
    return kept, float(kept.sum() / total) if total else 0.0


def _outside(slots: pd.DataFrame, inside: np.ndarray, other: Sequence[SPAN]) -> np.ndarray | None:
    """The slots that say what is usual: not the contest's own, nor another's where its seasons are known without."""
    met = np.array(
        [
            any(a <= end and start <= b for a, b in other)
            for start, end in zip(slots["start"], slots["end"], strict=True)
        ],
        dtype=bool,
    )
    needed, season = set(slots.loc[inside, "season"]), slots["season"].to_numpy()
    if not needed <= set(season[~inside]):
        return None
    usual = ~inside & ~met
    # A season known only under another contest is better than none.
    lacking = [number for number in np.unique(season) if number not in set(season[usual])]
    return np.asarray(usual | (~inside & np.isin(season, lacking)), dtype=bool)


def _design(slots: pd.DataFrame) -> np.ndarray:
    season, block = slots["season"].to_numpy(), slots["block"].to_numpy()
    return np.column_stack([season[:, None] == np.unique(season), block[:, None] == np.unique(block)]).astype(float)


def placebos(
    sold: Ledger, start: date, end: date, before: int, after: int, spans: Sequence[SPAN], periods: Sequence[SPAN]
) -> pd.DataFrame:
    """Windows of the same shape at other dates that meet no contest: date, net_share (of what was expected).

    ``periods``: the contests, this one included, which no window may meet; ``spans``: these and their surroundings,
    left out of what is expected.
    """
    rows = []
    for day, last in _candidates(start, end, before, after, sold):
        reach = (day - before * DAY, last + after * DAY)
        if any(a <= reach[1] and reach[0] <= b for a, b in periods):
            continue
        found = measured(sold, day, last, before, after, spans)
        if found is not None:
            rows.append((pd.Timestamp(day), float(np.expm1(found.ratio))))
    return pd.DataFrame(rows, columns=["date", "net_share"])


def _candidates(start: date, end: date, before: int, after: int, sold: Ledger) -> list[SPAN]:
    """The periods as long as the contest that lie in the span with their surroundings: months, or a week apart."""
    if start.day == 1 and end == month_end(end):
        months = (end.year - start.year) * 12 + end.month - start.month + 1
        firsts = [day.date() for day in pd.date_range(sold.first + before * DAY, sold.last, freq="MS")]
        spans = [(day, month_start(day, months) - DAY) for day in firsts]
    else:
        firsts = [day.date() for day in pd.date_range(sold.first + before * DAY, sold.last, freq=f"{STEP_DAYS}D")]
        spans = [(day, day + (end - start)) for day in firsts]
    return [(day, last) for day, last in spans if last + after * DAY <= sold.last]
