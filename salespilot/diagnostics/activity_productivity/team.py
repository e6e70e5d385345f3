"""Who is compared with whom: worked days, roles, and why somebody is shown without being compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.diagnostics.activity_productivity.model import Thresholds
from salespilot.marts import FACE_TO_FACE, REMOTE
from salespilot.periods import worked_days

EVERYONE = "all"


def people(dataset: Dataset, thresholds: Thresholds) -> pd.DataFrame:
    """One row a salesperson in post in the window or named in its activities, deals or sales, indexed by rep_id.

    ``name``, ``team_id``, ``role``, ``annual_cost``, ``worked_days`` and ``hours`` of the window, ``post_share`` (of
    the window in post), ``contacts_per_day``, ``is_silent``, ``peers`` (the role compared within), ``exclusion``:
    None for those who are compared, else why not: left, ramping, silent, absent, inactive, no_peers.
    """
    reps = dataset.table("reps").set_index("rep_id")
    frame = pd.DataFrame(index=reps.index)
    frame["name"] = dataset.names("reps")
    frame[["team_id", "role"]] = reps[["team_id", "role"]]
    frame["annual_cost"] = reps["annual_cost"].astype(float)
    worked = worked_days(dataset, dataset.window).groupby("rep_id")[["worked_days", "hours"]].sum()
    frame[["worked_days", "hours"]] = worked.reindex(frame.index).fillna(0.0)
    frame["post_share"] = in_post(reps, dataset.window)
    active = _active(dataset)
    frame = frame[(frame["worked_days"] > 0) & (frame["post_share"] > 0) | frame.index.isin(active)]
    reps = reps.loc[frame.index]

    as_of = pd.Timestamp(dataset.as_of)
    tenure = (as_of - reps["start_date"]).dt.days / 30.4375
    ramp = reps["ramp_months"].astype(float).fillna(dataset.conventions.ramp_months)
    frame["peers"] = frame["role"].astype(object).where(frame["role"].notna(), EVERYONE)
    frame["contacts_per_day"] = _contacts(dataset).reindex(frame.index).fillna(0.0) / frame["worked_days"].where(
        frame["worked_days"] > 0
    )
    left, ramping = reps["end_date"] < as_of, tenure < ramp
    steady = ~left & ~ramping & (frame["worked_days"] > 0)
    frame["is_silent"] = _silent(dataset, frame, steady, thresholds)
    reasons = {
        "left": left,
        "ramping": ramping,
        "absent": frame["worked_days"] == 0,
        "inactive": ~frame.index.isin(active),
        "silent": frame["is_silent"],
    }
    exclusion = pd.Series(np.select(list(reasons.values()), list(reasons), ""), index=frame.index, dtype=object)
    size = (exclusion == "").groupby(frame["peers"]).transform("sum")
    exclusion = exclusion.mask((exclusion == "") & (size < thresholds.peers_min), "no_peers")
    frame["exclusion"] = exclusion.where(exclusion != "", None)
    return frame


def compared(team: pd.DataFrame, *, with_silent: bool = False) -> pd.Series:
    """Who is compared: a flag by rep_id. ``with_silent``: also those whose only fault is not to log."""
    free = team["exclusion"].isna()
    return free | (team["exclusion"] == "silent") if with_silent else free


def in_post(reps: pd.DataFrame, window: Window) -> pd.Series:
    """Share of the window that each salesperson was in post."""
    start, end = pd.Timestamp(window.start), pd.Timestamp(window.end)
    since = reps["start_date"].where(reps["start_date"] > start, start)
    until = reps["end_date"].where(reps["end_date"] < end, end)
    return (((until - since).dt.days + 1) / window.days).clip(lower=0.0, upper=1.0)


def _active(dataset: Dataset) -> set[str]:
    """Who did something in the window: an activity, a deal created or closed, a quote, a sale."""
    between = f"between date '{dataset.window.start}' and date '{dataset.window.end}'"
    seen = dataset.sql(
        f"""
        select rep_id from activities where done_date {between}
        union select rep_id from opportunities where created_date {between} or closed_date {between}
        union select rep_id from quotes where sent_date {between}
        union select rep_id_booked from sales_lines where invoice_date {between}
        """
    )
    return set(seen["rep_id"].dropna())


def _contacts(dataset: Dataset) -> pd.Series:
    activities = dataset.mart("rep_activities")
    contacts = activities[activities["type"].isin([*FACE_TO_FACE, *REMOTE])]
    return contacts.groupby("rep_id")["activity_count"].sum().astype(float)


def _silent(dataset: Dataset, frame: pd.DataFrame, steady: pd.Series, thresholds: Thresholds) -> pd.Series:
    """Those who log under ``unlogged_ratio`` times the median contacts a worked day of at least three in their role."""
    if not dataset.has("activities"):
        return pd.Series(False, index=frame.index)
    pace = frame["contacts_per_day"].where(steady)
    role = pace.groupby(frame["peers"])
    return (pace < thresholds.unlogged_ratio * role.transform("median")) & (role.transform("count") >= 3)
