"""The plan proposed: the candidates that bring most within the hours left, and the chance that it closes the gap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy

from salespilot.plans.pac_preparation.model import Thresholds

EXACT = 400
"""Candidates beyond which only the dearest an hour enter the programme: the others would hardly be chosen."""


def chosen(
    candidates: pd.DataFrame, free: pd.DataFrame, slots: pd.Series, hourly_cost: float | None, budget: float | None,
    thresholds: Thresholds,
) -> tuple[pd.Series, pd.Series, pd.DataFrame]:  # fmt: skip
    """Which candidates the plan takes up (True), why the others are renounced, and the hours by rep_id and month.

    A mixed-integer programme (HiGHS): most margin of the year to come, each action whole, its hours laid on the months
    from its start where they are free. ``free``: rep_id, month, hours; ``slots``: actions that each may still open, by
    rep_id. Reasons: no_owner, no_capacity (more hours than its owner has left), full (better ones took the hours, the
    places or the budget).
    """
    why = pd.Series("", index=candidates.index, dtype=object)
    owner = candidates["owner_id"]
    why[owner.isna()] = "no_owner"
    months = free[free["month"] < free["month"].min() + pd.DateOffset(months=thresholds.spread_months)]
    room = months.groupby("rep_id")["hours"].sum()
    short = owner.notna() & (candidates["hours_planned"] > owner.map(room).fillna(0.0).astype(float) + 1e-9)
    why[short] = "no_capacity"
    able = candidates[why == ""].head(EXACT)
    why[(why == "") & ~candidates.index.isin(able.index)] = "full"
    taken = pd.Series(False, index=candidates.index)
    laid = months[["rep_id", "month"]].assign(proposed_hours=0.0)
    if len(able):
        taken[able.index], laid["proposed_hours"] = _solved(able, months, slots, hourly_cost, budget)
    why[(why == "") & ~taken] = "full"
    return taken, why.where(~taken, ""), laid


def _solved(
    able: pd.DataFrame, months: pd.DataFrame, slots: pd.Series, hourly_cost: float | None, budget: float | None
) -> tuple[np.ndarray, np.ndarray]:
    cells = {(row.rep_id, row.month): place for place, row in enumerate(months.itertuples())}
    by_rep = {rep: [place for (who, _), place in cells.items() if who == rep] for rep in able["owner_id"].unique()}
    uses = [(n, place) for n, rep in enumerate(able["owner_id"]) for place in by_rep[rep]]
    reps = list(by_rep)
    count = len(able)
    rows = count + len(cells) + len(reps) + 1
    matrix = scipy.sparse.lil_matrix((rows, count + len(uses)))
    low, high = np.full(rows, -np.inf), np.zeros(rows)
    hours = able["hours_planned"].to_numpy(dtype=float)
    matrix[np.arange(count), np.arange(count)] = -hours  # the hours laid on the months are those of the action
    low[:count] = 0.0
    for variable, (n, place) in enumerate(uses, count):
        matrix[n, variable] = 1.0
        matrix[count + place, variable] = 1.0
    high[count : count + len(cells)] = months["hours"].clip(lower=0).to_numpy(dtype=float)
    for place, rep in enumerate(reps, count + len(cells)):
        matrix[place, np.flatnonzero((able["owner_id"] == rep).to_numpy())] = 1.0
        high[place] = max(float(slots.get(rep, 0)), 0.0)
    matrix[rows - 1, :count] = hours * (hourly_cost or 0.0)
    high[rows - 1] = np.inf if budget is None else max(budget, 0.0)
    worth = able["value_hour"].to_numpy(dtype=float) * hours
    goal = np.concatenate([-worth, np.zeros(len(uses))])
    whole = np.concatenate([np.ones(count), np.zeros(len(uses))])
    bounds = scipy.optimize.Bounds(0.0, np.concatenate([np.ones(count), np.full(len(uses), np.inf)]))
    found = scipy.optimize.milp(
        goal, constraints=scipy.optimize.LinearConstraint(matrix.tocsc(), low, high), integrality=whole, bounds=bounds,
        options={"time_limit": 20.0, "mip_rel_gap": 1e-4},
    )  # fmt: skip
    laid = np.zeros(len(cells))
    if found.x is None:
        return np.zeros(count, dtype=bool), laid
    np.add.at(laid, [place for _, place in uses], found.x[count:])
    return np.asarray(found.x[:count] > 0.5), laid


def draws(actions: pd.DataFrame, thresholds: Thresholds) -> np.ndarray:
    """Total contributions of a plan, one a draw: each action succeeds or not, and brings a triangular amount.

    ``actions``: low, mode, high (money of the period, low ≤ mode ≤ high) and probability.
    """
    rng = np.random.default_rng(thresholds.seed)
    total = np.zeros(thresholds.draws)
    for low, mode, high, chance in actions[["low", "mode", "high", "probability"]].to_numpy(dtype=float):
        brought = rng.triangular(low, mode, high, thresholds.draws) if high > low else np.full(thresholds.draws, mode)
        total += brought * (rng.random(thresholds.draws) < chance)
    return total


def chance_of(gap: float, total: np.ndarray) -> float:
    """The share of draws that close the gap."""
    return float((total >= gap).mean())
