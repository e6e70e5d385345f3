"""What acting takes and brings: priority of each customer, contacts that fit the capacity, targets by cell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.cells import policy
from salespilot.dataset import Dataset, month_start
from salespilot.diagnostics.abc_cross_matrix.matrix import CELLS
from salespilot.diagnostics.abc_cross_matrix.model import Thresholds


def effort_by_cell(dataset: Dataset, thresholds: Thresholds) -> pd.DataFrame:
    """What the policy asks of each cell: f2f_per_year, remote_per_year, contact_mode, visit_hours and hours a year.

    ``visit_hours`` is one visit with its preparation and the mean travel logged, ``hours`` a customer's year.
    """
    table = policy(dataset).set_index("cell").loc[list(CELLS)]
    travel = dataset.mart("customer_contacts")[["travel_minutes", "f2f_count"]].sum()
    travel_minutes = travel["travel_minutes"] / travel["f2f_count"] if travel["f2f_count"] > 0 else 0.0
    table["visit_hours"] = (table["visit_min"] + table["prep_min"] + travel_minutes) / 60
    table["hours"] = (
        table["f2f_per_year"] * table["visit_hours"] + table["remote_per_year"] * thresholds.remote_minutes / 60
    )
    return table


def hourly_cost(dataset: Dataset) -> float:
    """What a salesperson's hour costs, from ``costs``: of all roles, else the mean of the roles; NaN unknown."""
    costs = dataset.table("costs").set_index("role")["hourly_cost"]
    return float(costs["all"]) if "all" in costs.index else float(costs.mean())


def scored(frame: pd.DataFrame, effort: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The customers with hours_needed, score and expected_gain; both missing where the headroom is unknown.

    score = headroom x probability x margin rate / hours of the cell's policy: margin an hour if all were won, for
    ranking (revenue an hour where no margin is known). expected_gain is what a year may bring: a share of the headroom
    of those who buy; for the others, probability x revenue of a customer just won.
    """
    share = {"a1": thresholds.capture_a1_share, "b1": thresholds.capture_b1_share, "c1": thresholds.capture_c1_share}
    captured = frame["cell"].map(share).astype(float).fillna(thresholds.win_gain_share) * frame["headroom"]
    won = np.minimum(frame["headroom"], _new_customer_revenue(frame)) * frame["probability"]
    frame["expected_gain"] = captured.where(frame["revenue_class"] != "P", won)
    frame["hours_needed"] = frame["cell"].map(effort["hours"]).astype(float)
    value = frame["headroom"] * frame["probability"] * frame["margin_rate"].fillna(1.0)
    frame["score"] = value / frame["hours_needed"].where(frame["hours_needed"] > 0)
    return frame


def capacity(dataset: Dataset, thresholds: Thresholds) -> pd.Series:
    """Hours a year each salesperson in post can give to customers, by rep_id.

    worked days x hours a day x field share x FTE x ramp, over the last twelve months that ``rep_capacity`` holds;
    ``field_days`` x ``field_hours`` x FTE x ramp where it holds none of the salesperson.
    """
    reps = dataset.table("reps").set_index("rep_id")
    as_of = pd.Timestamp(dataset.as_of)
    reps = reps[reps["end_date"].isna() | (reps["end_date"] >= as_of)]
    months = dataset.table("rep_capacity")
    months = months[months["month"] < pd.Timestamp(month_start(dataset.as_of, 13))]
    months = months.sort_values("month").groupby("rep_id").tail(12)
    worked = months["working_days"] - months["absence_days"].fillna(0)
    hours = worked * months["hours_per_day"].fillna(7.0) * months["field_share"].fillna(1.0)
    yearly = hours.groupby(months["rep_id"]).mean() * 12
    usual = thresholds.field_days * thresholds.field_hours
    base = yearly.reindex(reps.index).fillna(usual) * reps["fte"].fillna(1.0)
    return (base * _ramp(reps, as_of)).rename("capacity_hours")


def without_capacity(dataset: Dataset, reps: pd.Index) -> int:
    """How many of these salespeople have no exported capacity, and are given the usual one."""
    return int((~reps.isin(dataset.table("rep_capacity")["rep_id"].unique())).sum())


def _ramp(reps: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Mean share of full capacity over the coming year of who is still learning."""
    tenure = ((as_of - reps["start_date"]).dt.days / 30.4375).fillna(1e3).clip(lower=0)
    ramp = reps["ramp_months"].astype(float).fillna(0).clip(lower=1e-9)
    return pd.concat([((tenure + k + 0.5) / ramp).clip(upper=1) for k in range(12)], axis=1).mean(axis=1)


def by_cell(cells: pd.DataFrame, effort: pd.DataFrame, capacity_hours: float | None) -> pd.DataFrame:
    """Contacts by cell: the policy, its hours, and the frequencies that fit when capacity is short.

    Columns: cell, segment, contact_mode, account_count, f2f_per_year, remote_per_year, hours_needed, f2f_plan,
    remote_plan (a customer a year), hours_planned. All frequencies shrink by the same factor.
    """
    table = cells.set_index("cell")[["segment", "account_count"]].join(
        effort[["contact_mode", "f2f_per_year", "remote_per_year", "hours"]]
    )
    table["hours_needed"] = table["account_count"] * table.pop("hours")
    needed = table["hours_needed"].sum()
    factor = 1.0 if capacity_hours is None or needed <= capacity_hours else capacity_hours / needed
    table["f2f_plan"] = table["f2f_per_year"] * factor
    table["remote_plan"] = table["remote_per_year"] * factor
    table["hours_planned"] = table["hours_needed"] * factor
    return table.reset_index()


def by_rep(frame: pd.DataFrame, hours: pd.Series | None, names: pd.Series) -> pd.DataFrame:
    """One row a salesperson in post with customers, the most loaded first.

    Columns: owner_id, owner_name, account_count, hours_needed, capacity_hours, load_rate.
    """
    held = frame.dropna(subset="owner_id")
    table = held.groupby("owner_id").agg(account_count=("cell", "size"), hours_needed=("hours_needed", "sum"))
    table["capacity_hours"] = np.nan if hours is None else hours.reindex(table.index)
    table["load_rate"] = table["hours_needed"] / table["capacity_hours"].where(table["capacity_hours"] > 0)
    table.insert(0, "owner_name", names.reindex(table.index))
    return table.sort_values("load_rate", ascending=False, kind="stable").reset_index()


def targets(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """Each salesperson's target for a year by the rules of the cells, against the official one.

    Columns: owner_id, owner_name, held (net revenue of the year to repeat), captured (share of the headroom of a1, b1,
    c1), conquered (p1 x probability x mean revenue of a new customer), cell_target, official_target, target_gap
    (official / cells - 1), is_ramping.
    """
    gain = frame["expected_gain"].fillna(0.0)
    parts = pd.DataFrame(
        {
            "owner_id": frame["owner_id"],
            "held": frame["revenue_a_year"].clip(lower=0),
            "captured": gain.where(frame["cell"].isin(["a1", "b1", "c1"]), 0.0),
            "conquered": gain.where(frame["cell"] == "p1", 0.0),
        }
    )
    table = parts.dropna(subset="owner_id").groupby("owner_id").sum()
    table["cell_target"] = table.sum(axis=1)
    table["official_target"] = _official(dataset).reindex(table.index)
    table["target_gap"] = table["official_target"] / table["cell_target"].where(table["cell_target"] > 0) - 1
    reps = dataset.table("reps").set_index("rep_id").reindex(table.index)
    ramping = pd.Timestamp(month_start(dataset.as_of, 1 - dataset.conventions.ramp_months))
    table["is_ramping"] = reps["start_date"] >= ramping
    table.insert(0, "owner_name", dataset.names("reps").reindex(table.index))
    return table.sort_values("cell_target", ascending=False, kind="stable").reset_index()


def _new_customer_revenue(frame: pd.DataFrame) -> float:
    """A year's revenue of a customer just won: the mean of the new ones, else the median of class C."""
    new = frame.loc[frame["is_new"] & (frame["revenue_a_year"] > 0), "revenue_a_year"]
    small = frame.loc[frame["revenue_class"] == "C", "revenue_a_year"]
    return float(new.mean()) if len(new) else float(small.median()) if len(small) else 0.0


def _official(dataset: Dataset) -> pd.Series:
    """Revenue targets by salesperson, last version, over the last twelve months that they cover.

    A target that covers less than twelve months compares with nothing: empty.
    """
    table = dataset.table("targets")
    table = table[(table["metric"] == "revenue") & (table["entity_level"] == "rep")].dropna(subset="value")
    if table.empty or table["period_end"].isna().all():
        return pd.Series(dtype=float)
    last = table["period_end"].max()
    first = pd.Timestamp(month_start(last.date(), -11))
    table = table[(table["period_start"] >= first) & (table["period_end"] <= last)]
    if table.empty or table["period_start"].min() > first:
        return pd.Series(dtype=float)
    table = table.sort_values("version").drop_duplicates(["entity_id", "period_start", "period_end"], keep="last")
    return table.groupby("entity_id")["value"].sum()
