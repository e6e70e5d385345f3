"""How often and how soon deals are won, when many are still open: cumulative incidence with competing ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from salespilot.inference import Z95, wilson

CAUSES = ("won", "lost", "other")
CAUSE_OF = {"won": "won", "lost": "lost", "cancelled": "other", "open": ""}
TRUNCATED_FROM = 5.0
"""Closings expected before the first one recorded, above which their absence is no chance (under 1 % by Poisson)."""


def cumulative_incidence(days: ArrayLike, outcome: ArrayLike, entry: ArrayLike | None = None) -> pd.DataFrame:
    """The Aalen-Johansen estimate: the share of deals won, lost or otherwise ended by each day of their life.

    ``days``: the age at which the deal ended or, where still open, was last seen; missing ages are left out.
    ``outcome``: won, lost, cancelled (a cause of its own) or open (censored). ``entry``: the age from which a deal is
    observed at all (0: from its creation), for exports that lack the deals closed before a date.

    Deals that end on one day share that day's risk set, and those censored on it are in it: the order of rows changes
    nothing (method, F4). With nothing censored it is the plain share. One row a distinct age: day, at_risk, won, lost,
    other, open (their complement) and the pointwise 95 % bounds won_low, won_high, lost_low, lost_high (variance of
    Marubini and Valsecchi, on the scale log(−log), where the estimate is inside 0 and 1; else Wilson's).
    """
    day, at_risk, before, events = _ends(days, outcome, entry)
    ended = sum(events.values(), np.zeros(len(day)))
    frame = pd.DataFrame({"day": day, "at_risk": at_risk.astype(int)})
    for name in CAUSES:
        frame[name] = np.cumsum(before * events[name] / at_risk)
    frame["open"] = 1 - frame[list(CAUSES)].sum(axis=1)
    for name in ("won", "lost"):
        low, high = _bounds(frame[name].to_numpy(), events[name], ended, at_risk, before)
        frame[f"{name}_low"], frame[f"{name}_high"] = low, high
    return frame


def won_by(days: ArrayLike, outcome: ArrayLike, limit: float) -> float:
    """The share of deals won by an age: what :func:`cumulative_incidence` says there, without its bounds."""
    day, at_risk, before, events = _ends(days, outcome)
    return float((before * events["won"] / at_risk)[day <= limit].sum())


def _ends(
    days: ArrayLike, outcome: ArrayLike, entry: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The distinct ages, the deals at risk at each, the share not ended before it, and the ends by cause."""
    age = np.asarray(days, dtype=float)
    ends = [CAUSE_OF.get(word) for word in np.asarray(outcome, dtype=object)]
    if None in ends:
        raise ValueError(f"outcomes are {', '.join(CAUSE_OF)}")
    start = np.full(len(age), -1.0) if entry is None else np.asarray(entry, dtype=float)
    if (age < 0).any():
        raise ValueError("an age cannot be negative")
    start = np.where(start > 0, start, -1.0)
    kept = np.isfinite(age) & (start < age)
    age, start, cause = age[kept], start[kept], np.array(ends, dtype=str)[kept]
    day = np.unique(age)
    at_risk = _reached(age, day) - _reached(start, day)
    events = {name: np.bincount(np.searchsorted(day, age[cause == name]), minlength=len(day)) for name in CAUSES}
    survival = np.cumprod(1 - sum(events.values(), np.zeros(len(day))) / at_risk)
    return day, at_risk, np.concatenate([[1.0], survival])[: len(day)], events


def _reached(values: np.ndarray, day: np.ndarray) -> np.ndarray:
    """How many of the values are at least each day."""
    return len(values) - np.searchsorted(np.sort(values), day, side="left")


def _bounds(
    share: np.ndarray, own: np.ndarray, ended: np.ndarray, at_risk: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # Once all at risk have ended, the share never moves again: that term is nil.
    left = at_risk - ended
    a = np.divide(ended, at_risk * left, out=np.zeros(len(share)), where=left > 0)
    b = before**2 * (at_risk - own) * own / at_risk**3
    c = before * own / at_risk**2
    variance = (
        share**2 * np.cumsum(a) - 2 * share * np.cumsum(share * a) + np.cumsum(share**2 * a) + np.cumsum(b)
    ) - 2 * (share * np.cumsum(c) - np.cumsum(share * c))
    inside = (share > 0) & (share < 1 - 1e-12) & (variance > 0)
    p = np.where(inside, share, 0.5)
    spread = Z95 * np.sqrt(np.where(inside, variance, 0.0)) / ((1 - p) * -np.log1p(-p))
    low, high = wilson(share * at_risk[:1], np.broadcast_to(at_risk[:1], share.shape))
    return np.where(inside, 1 - (1 - p) ** np.exp(-spread), low), np.where(inside, 1 - (1 - p) ** np.exp(spread), high)


def incidence_at(curve: pd.DataFrame, day: float) -> pd.Series:
    """The row of a cumulative incidence in force on a day, with its columns; nothing has ended before its first row."""
    known = curve[curve["day"] <= day]
    if len(known):
        return known.iloc[-1]
    at_risk = int(curve["at_risk"].max()) if len(curve) else 0
    low, high = wilson(0, at_risk)
    bounds = {"won_low": low, "won_high": high, "lost_low": low, "lost_high": high}
    nothing = {"day": 0.0, "at_risk": at_risk, "won": 0.0, "lost": 0.0, "other": 0.0, "open": 1.0}
    return pd.Series({name: float(value) for name, value in (nothing | bounds).items()})


def observed_from(created: pd.Series, closed: pd.Series) -> pd.Series:
    """The age from which each deal is observed: 0, unless the export lacks the deals closed before a date.

    Exports that begin at a date hold, of the older deals, only those that outlived it: early deals then look better
    than they were. It shows: on the lives of later deals, more than ``TRUNCATED_FROM`` of the early ones would have
    closed before the first closing recorded.
    """
    nothing = pd.Series(0.0, index=created.index)
    first = closed.min()
    if pd.isna(first):
        return nothing
    early = created < first
    later = created >= first
    last = max(closed.max(), created.max())
    age = ((closed.fillna(last) - created).dt.days)[later]
    if not early.any() or not (age >= 0).any():
        return nothing
    outcome = np.where(closed[later].notna(), "won", "open")
    curve = cumulative_incidence(age.clip(lower=0), outcome)
    exposure = (first - created[early]).dt.days - 1
    places = np.searchsorted(curve["day"], exposure, side="right")
    expected = np.concatenate([[0.0], curve["won"]])[places].sum()
    if expected <= TRUNCATED_FROM:
        return nothing
    return ((first - created).dt.days - 1).clip(lower=0).astype(float).where(created.notna(), 0.0)
