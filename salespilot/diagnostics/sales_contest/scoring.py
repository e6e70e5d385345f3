"""Who may win: results drawn from each participant's reference and volatility, scored by each rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salespilot.diagnostics.sales_contest.model import Thresholds

LEAGUE_PEOPLE = 8
DECIMALS = {"amount": 0, "attainment": 3, "lift": 3, "zscore": 1, "leagues": 0, "points": 0, "objective": 3}


@dataclass(frozen=True)
class Draws:
    """Results drawn: ``results`` (draws, people) on the measure scored; ``points`` likewise, None without activities.

    ``baseline``, ``sigma``: what the score compares with; ``target``: revenue targets, NaN where unknown.
    """

    results: np.ndarray
    baseline: np.ndarray
    sigma: np.ndarray
    target: np.ndarray
    points: np.ndarray | None = None


def drawn(
    baseline: np.ndarray, spread: np.ndarray, shocks: np.ndarray, th: Thresholds, done: np.ndarray | None = None,
    rest: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Results of the contest, one row a draw: reference times a past miss, drawn at random from everyone's.

    ``done``: sold already, where the contest runs, and ``rest``, the share of it still to come: only that is drawn.
    """
    rng = np.random.default_rng(th.seed)
    size = (th.draws, len(baseline))
    chance = rng.choice(shocks, size) if len(shocks) >= 20 else rng.standard_normal(size)
    if done is None or rest is None:
        return np.asarray(baseline * np.exp(spread * chance - spread**2 / 2))
    wide = spread / np.sqrt(np.clip(rest, 0.02, 1.0))  # a shorter time is known less well
    return np.asarray(done + baseline * rest * np.exp(wide * chance - wide**2 / 2))


def scores(rule: str, given: Draws) -> np.ndarray | None:
    """The score of each draw and person; None where the rule lacks what it compares with (targets, activities)."""
    results, base = given.results, given.baseline
    if rule in ("amount", "leagues"):
        return results
    if rule == "attainment":
        return None if np.isnan(given.target).any() or (given.target <= 0).any() else results / given.target
    if rule == "zscore":
        return (results - base) / np.maximum(given.sigma, 1e-9)
    if rule == "points":
        return given.points
    floor = np.maximum(base, np.quantile(base, 0.25)) if len(base) else base
    return (results - base) / np.maximum(floor, 1e-9)


def wins(rule: str, given: Draws, winners: int, th: Thresholds) -> np.ndarray | None:
    """Whether each person wins in each draw; None where the rule cannot be applied.

    ``leagues``: two leagues by reference where eight or more take part, winners shared out by their size.
    ``objective``: all who sell ``objective_lift`` above their reference win, however many.
    """
    score = scores(rule, given)
    if score is None:
        return None
    if rule == "objective":
        return np.asarray(score >= th.objective_lift)
    won = np.zeros(score.shape, dtype=bool)
    for members, places in _leagues(rule, given.baseline, winners):
        order = np.argsort(-score[:, members], axis=1, kind="stable")[:, :places]
        np.put_along_axis(won, np.asarray(members)[order], True, axis=1)
    return won


def _leagues(rule: str, baseline: np.ndarray, winners: int) -> list[tuple[np.ndarray, int]]:
    everyone = np.arange(len(baseline))
    if rule != "leagues" or len(baseline) < LEAGUE_PEOPLE or winners < 2:
        return [(everyone, winners)]
    order = np.argsort(-baseline, kind="stable")
    top = order[: len(order) // 2]
    places = winners // 2
    return [(top, places), (order[len(order) // 2 :], winners - places)]


def tie_chance(rule: str, given: Draws, winners: int) -> float:
    """How often the last winner and the next one have the same score as published (one decimal; percent for lifts)."""
    score = scores(rule, given)
    if score is None or rule == "objective" or winners >= score.shape[1]:
        return 0.0
    ranked = -np.sort(-score, axis=1)
    digits = DECIMALS[rule]
    return float((np.round(ranked[:, winners - 1], digits) == np.round(ranked[:, winners], digits)).mean())


def fairness(won: np.ndarray, th: Thresholds) -> pd.DataFrame:
    """One row a person: win_probability, fairness_ratio (over an equal chance), has_hope (neither nil nor sure)."""
    probability = won.mean(axis=0)
    equal = float(probability.mean())
    ratio = probability / equal if equal > 0 else np.full(len(probability), np.nan)
    hope = (probability >= th.hope_low) & (probability <= th.hope_high)
    return pd.DataFrame({"win_probability": probability, "fairness_ratio": ratio, "has_hope": hope})


def is_fair(ratios: pd.Series, th: Thresholds) -> bool:
    """Whether everyone's chance lies within the fair range."""
    return bool(((ratios >= th.fair_low) & (ratios <= th.fair_high)).all())
