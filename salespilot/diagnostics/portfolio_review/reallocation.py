"""Hours freed where visits bring nothing more, given to the customers to secure or develop of the same salesperson."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from salespilot.diagnostics.portfolio_review.settings import Thresholds


def response(visits: ArrayLike, none: float, more: float, most: float) -> np.ndarray:
    """Sales as a share of those at the policy, for visits as a multiple of the policy (ADBUDG, method section 4 S33).

    s(x) = none + (most − none)·x^c / (d + x^c), through s(0) = ``none``, s(1) = 1, s(1.5) = ``more`` and s(∞) =
    ``most``; needs none < 1 < more < most.
    """
    d = (most - 1) / (1 - none)
    c = math.log(d * (more - none) / (most - more)) / math.log(1.5)
    x = np.asarray(visits, dtype=float) ** c
    return none + (most - none) * x / (d + x)


def reallocation(
    customers: pd.DataFrame, table: pd.DataFrame, years: float, thresholds: Thresholds
) -> tuple[pd.DataFrame, pd.Series]:
    """What each salesperson would move, within its own hours, and the visits that each customer would gain or lose.

    ``customers``: indexed by id, with their service; ``table``: the flags of the rules. Returns one row a salesperson
    with hours to move (rep_id, owner_name, hours_freed, hours_needed, hours_moved, donor_count, receiver_count, gain:
    money a year) and the change of visits by customer. Hours go first to where they bring most; a salesperson who
    does not log gives and receives nothing.
    """
    held = customers[customers["in_portfolio"] & customers["is_logged"]]
    marks = table.loc[held.index]
    visits_freed = held["over_service"].where(marks["over_served"], 0.0)
    visits_freed = held["f2f_count"].astype(float).where(marks["loss_making"], visits_freed)
    freed = visits_freed * held["actual_hours_per_visit"]
    receives = marks["secure"] | marks["nugget"] | marks["growing_nugget"]
    lacking = (held["target_f2f"] - held["f2f_count"]).clip(lower=0).where(receives, 0.0)
    needed = lacking * held["hours_per_visit"]
    gain = _gain(held, lacking, years, thresholds).where(marks["secure"], _developed(held, lacking, thresholds))

    pool = freed.groupby(held["owner_id"]).sum()
    queue = held.loc[needed > 0, ["owner_id"]].assign(hours=needed, per_hour=gain / needed)
    queue = queue.sort_values("per_hour", ascending=False, kind="stable")
    before = queue.groupby("owner_id")["hours"].cumsum() - queue["hours"]
    granted = queue["hours"].clip(upper=(queue["owner_id"].map(pool) - before).clip(lower=0))
    part = (granted / queue["hours"]).reindex(held.index).fillna(0.0)

    moved = granted.groupby(queue["owner_id"]).sum()
    rows = pd.DataFrame({"owner_name": held.groupby("owner_id")["owner_name"].first(), "hours_freed": pool})
    rows["hours_needed"] = needed.groupby(held["owner_id"]).sum()
    rows["hours_moved"] = moved.reindex(rows.index).fillna(0.0)
    rows["donor_count"] = (freed > 0).groupby(held["owner_id"]).sum()
    rows["receiver_count"] = (part > 0).groupby(held["owner_id"]).sum()
    rows["gain"] = (gain * part).groupby(held["owner_id"]).sum()
    rows = rows[(rows["hours_freed"] > 0) | (rows["hours_needed"] > 0)].sort_values(
        "gain", ascending=False, kind="stable"
    )
    used = (rows["hours_moved"] / rows["hours_freed"].where(rows["hours_freed"] > 0)).fillna(0.0)
    change = lacking * part - visits_freed * held["owner_id"].map(used).fillna(0.0)
    return rows.rename_axis("rep_id").reset_index(), change.reindex(customers.index).fillna(0.0)


def _gain(held: pd.DataFrame, lacking: pd.Series, years: float, thresholds: Thresholds) -> pd.Series:
    """Revenue a year that visits up to the policy would bring, by the response curve, within the headroom known."""
    target = held["target_f2f"].where(held["target_f2f"] > 0)
    curve = (thresholds.response_none_share, thresholds.response_more_share, thresholds.response_max_share)
    now = response((held["f2f_count"] / target).fillna(1.0), *curve)
    then = response(((held["f2f_count"] + lacking) / target).fillna(1.0), *curve)
    gain = held["net_revenue"].clip(lower=0) / years * (then / now - 1)
    return gain.clip(upper=held["headroom"].fillna(np.inf))


def _developed(held: pd.DataFrame, lacking: pd.Series, thresholds: Thresholds) -> pd.Series:
    return (held["headroom"].fillna(0.0) * thresholds.capture_share).where(lacking > 0, 0.0)
