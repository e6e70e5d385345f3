"""Hours: what each salesperson has in each month to come, what current work takes, and what is left for a plan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.periods import worked_days
from salespilot.plans.pac_preparation.candidates import active
from salespilot.plans.pac_preparation.model import Thresholds

LOGGED = """
select rep_id, sum(coalesce(duration_min, 0) + coalesce(travel_min, 0))::double / 60 as logged from activities
where status = 'done' and done_date between date '{start}' and date '{end}' group by rep_id
"""


def capacity(dataset: Dataset, end: pd.Timestamp, thresholds: Thresholds) -> pd.DataFrame:
    """One row a salesperson in post and month from the day after ``as_of`` to the end of the period.

    Columns: rep_id, month (its first day), hours (worked), base_hours (current work), capacity_hours (left for the
    plan), is_measured (the current work is that logged over the window; else the usual share).
    """
    ahead = Window(dataset.as_of + timedelta(days=1), end.date())
    if ahead.end < ahead.start:
        return pd.DataFrame(columns=["rep_id", "month", "hours", "base_hours", "capacity_hours", "is_measured"])
    table = worked_days(dataset, ahead)
    table = table[table["rep_id"].isin(active(dataset))].reset_index(drop=True)
    share = base_share(dataset, thresholds)
    told = table["rep_id"].map(share)
    table["base_hours"] = table["hours"] * told.fillna(thresholds.usual_load)
    table["capacity_hours"] = table["hours"] - table["base_hours"]
    table["is_measured"] = told.notna()
    month = (table["month_index"] - 1).astype(int)
    table["month"] = pd.to_datetime({"year": month // 12, "month": month % 12 + 1, "day": 1})
    return table[["rep_id", "month", "hours", "base_hours", "capacity_hours", "is_measured"]]


def base_share(dataset: Dataset, thresholds: Thresholds) -> pd.Series:
    """The share of worked hours that current work took over the window, by rep_id, within bounds: logs forget much."""
    if not dataset.has("activities"):
        return pd.Series(dtype=float)
    window = dataset.window
    logged = dataset.sql(LOGGED.format(start=window.start, end=window.end)).set_index("rep_id")["logged"]
    hours = worked_days(dataset, window).groupby("rep_id")["hours"].sum()
    share = (logged / hours.where(hours > 0)).dropna()
    return share[share > 0].clip(thresholds.load_low, thresholds.load_high)


def spread(actions: pd.DataFrame, months: Iterable[pd.Timestamp], since: pd.Timestamp) -> pd.DataFrame:
    """The hours of actions month by month: evenly over the days from their start (or ``since``) to their due date.

    ``actions``: owner_id, start_date, due_date, hours_left. What is overdue falls in the first month, what lies beyond
    the months is left out. Columns: rep_id, month, decided_hours.
    """
    starts = pd.DatetimeIndex(list(months))
    own = actions.dropna(subset=["owner_id"])
    if starts.empty or own.empty:
        return pd.DataFrame(columns=["rep_id", "month", "decided_hours"])
    first = np.maximum(own["start_date"].fillna(since).to_numpy(), since.to_numpy())[:, None]
    last = own["due_date"].to_numpy()[:, None]
    last = np.where(np.isnat(last) | (last < first), first, last) + np.timedelta64(1, "D")
    ends = (starts + pd.DateOffset(months=1)).to_numpy()
    inside = np.minimum(last, ends) - np.maximum(first, starts.to_numpy())
    share = inside.clip(min=np.timedelta64(0, "D")) / (last - first)
    hours = pd.DataFrame(share * own["hours_left"].to_numpy(dtype=float)[:, None], own["owner_id"], starts)
    table = hours.rename_axis("rep_id").groupby(level=0).sum().reset_index()
    frame = table.melt("rep_id", var_name="month", value_name="decided_hours")
    frame["month"] = pd.to_datetime(frame["month"])
    return frame[frame["decided_hours"] > 0].reset_index(drop=True)


def load(table: pd.DataFrame, decided: pd.DataFrame, proposed: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """The capacity with decided_hours, proposed_hours, plan_hours (both), load_rate (plan / capacity), owner_name."""
    joined = table.merge(decided, on=["rep_id", "month"], how="left").merge(
        proposed, on=["rep_id", "month"], how="left"
    )
    joined = joined.fillna({"decided_hours": 0.0, "proposed_hours": 0.0})
    joined["plan_hours"] = joined["decided_hours"] + joined["proposed_hours"].astype(float)
    left = joined["capacity_hours"].where(joined["capacity_hours"] > 0)
    joined["load_rate"] = joined["plan_hours"] / left
    joined.insert(1, "owner_name", joined["rep_id"].map(names))
    return joined.sort_values(["rep_id", "month"], ignore_index=True)
