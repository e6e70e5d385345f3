"""Proof of milestones, and where the hours go: by stage against the value there, and into deals lost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.deals import stage_names, stage_table
from salespilot.inference import misalignment

_HOURS = """
select opportunity_id, done_date, sum(coalesce(duration_min, 0) + coalesce(travel_min, 0)) / 60.0 as hours,
    count(*) as activity_count, count(duration_min) as timed_count
from activities
where coalesce(status, 'done') = 'done' and done_date is not null and opportunity_id is not null
group by 1, 2 order by 1, 2
"""


def proofs(dataset: Dataset, passed: pd.DataFrame) -> pd.DataFrame | None:
    """One row a deal, stage passed in the period and exit criterion of that stage: is_met (by the day it passed)."""
    criteria = stage_table(dataset).set_index("stage_code")["criteria"].explode().dropna().rename("criterion")
    if criteria.empty or not dataset.has("milestone_evidence"):
        return None
    start, end = pd.Timestamp(dataset.window.start), pd.Timestamp(dataset.window.end) + pd.Timedelta(days=1)
    rows = passed[passed["outcome"] == "advanced"].copy()
    rows["passed_on"] = rows["entered"] + pd.to_timedelta(rows["days"], unit="D")
    if dataset.months:
        rows = rows[(rows["passed_on"] >= start) & (rows["passed_on"] < end)]
    rows = rows.merge(criteria.reset_index(), on="stage_code")
    met = dataset.table("milestone_evidence")
    met = met.assign(key=met["criterion"].str.strip().str.casefold())[["opportunity_id", "key", "met_date"]]
    rows["key"] = rows["criterion"].str.casefold()
    rows = rows.merge(met.drop_duplicates(["opportunity_id", "key"]), on=["opportunity_id", "key"], how="left")
    known = met.assign(found=True).drop_duplicates(["opportunity_id", "key"])
    found = rows.merge(known[["opportunity_id", "key", "found"]], on=["opportunity_id", "key"], how="left")["found"]
    in_time = rows["met_date"].isna() | (rows["met_date"] <= rows["passed_on"])
    rows["is_met"] = found.notna().to_numpy() & in_time.to_numpy()
    kept = ["opportunity_id", "stage_code", "criterion", "rep_id", "owner_name", "is_met"]
    return rows[kept] if len(rows) else None


def evidence(proof: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """One row a stage and exit criterion: passages (n), met, evidence_share."""
    grouped = proof.groupby(["stage_code", "criterion"], sort=False)
    table = grouped.agg(passages=("is_met", "size"), met=("is_met", "sum")).reset_index()
    table["evidence_share"] = table["met"] / table["passages"]
    table.insert(1, "stage", table["stage_code"].map(names))
    return table


def evidence_reps(proof: pd.DataFrame, hide: int) -> pd.DataFrame:
    """One row a salesperson: criteria required by the stages its deals passed, met, evidence_share."""
    grouped = proof.groupby(["rep_id", "owner_name"])
    table = grouped.agg(required=("is_met", "size"), met=("is_met", "sum")).reset_index()
    table["evidence_share"] = (table["met"] / table["required"]).where(table["required"] >= hide)
    return table.sort_values(["evidence_share", "rep_id"], ignore_index=True)


def hours(dataset: Dataset) -> pd.DataFrame | None:
    """One row a deal and day with work on it: hours (durations and travel); None where none is linked or timed."""
    if not dataset.has("activities"):
        return None
    table = dataset.sql(_HOURS)
    table["done_date"] = pd.to_datetime(table["done_date"]).astype("datetime64[us]")
    return table if len(table) and table["hours"].sum() > 0 else None


def by_stage(
    dataset: Dataset, worked: pd.DataFrame, stays: pd.DataFrame, rows: pd.DataFrame
) -> tuple[pd.DataFrame, float]:
    """One row a stage: hours spent on deals while they were in it, over the period, against what is at stake there now.

    stake: money, the chance to win times the amount of the open deals in it. The second answer is the share of the
    hours that would have to move to be proportional to the stake (method, section 1).
    """
    inside = worked
    if dataset.months:
        period = pd.Timestamp(dataset.window.start), pd.Timestamp(dataset.window.end)
        inside = worked[worked["done_date"].between(*period)]
    then = stays.dropna(subset="entered").assign(day=lambda frame: frame["entered"].dt.normalize()).sort_values("day")
    there = pd.merge_asof(
        inside.sort_values("done_date"), then[["opportunity_id", "day", "exited", "stage_code"]],
        left_on="done_date", right_on="day", by="opportunity_id",
    )  # fmt: skip
    there = there[there["exited"].isna() | (there["done_date"] <= there["exited"])]
    stages = stage_table(dataset)
    codes = stages.loc[stages["kind"] == "open", "stage_code"]
    table = pd.DataFrame({"stage_code": codes, "stage": codes.map(stage_names(dataset))})
    table["hours"] = table["stage_code"].map(there.groupby("stage_code")["hours"].sum()).fillna(0.0)
    table["stake"] = table["stage_code"].map(rows.groupby("stage_code")["weighted_amount"].sum()).fillna(0.0)
    total_hours, total_stake = table["hours"].sum(), table["stake"].sum()
    table["hours_share"] = table["hours"] / total_hours if total_hours else np.nan
    table["stake_share"] = table["stake"] / total_stake if total_stake else np.nan
    table["misalignment"] = table["hours_share"] - table["stake_share"]
    return table.reset_index(drop=True), misalignment(table["hours"], table["stake"])


def pursuit(dataset: Dataset, worked: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """One row an outcome of the deals that ended in the period: deals, deals with work logged, hours, cost.

    cost: hours times the hourly cost of the owner's role, else that of all; missing where no cost is exported.
    """
    ended = frame[frame["is_ended"]].copy()
    ended["hours"] = ended["opportunity_id"].map(worked.groupby("opportunity_id")["hours"].sum()).astype(float)
    ended["cost"] = ended["hours"] * hourly_cost(dataset, ended["rep_id"])
    table = ended.groupby("status").agg(
        deal_count=("opportunity_id", "size"), worked_count=("hours", "count"), hours=("hours", "sum")
    )
    table["pursuit_cost"] = ended.groupby("status")["cost"].sum(min_count=1)
    order = [word for word in ("won", "lost", "cancelled") if word in table.index]
    return table.loc[order].rename_axis("outcome").reset_index()


def hourly_cost(dataset: Dataset, rep_ids: pd.Series) -> pd.Series:
    """The cost of an hour of each salesperson: of its role, else of "all", else the mean; NaN without any."""
    costs = dataset.table("costs").dropna(subset="hourly_cost").set_index("role")["hourly_cost"]
    if costs.empty:
        return pd.Series(np.nan, index=rep_ids.index)
    role = dataset.table("reps").set_index("rep_id")["role"]
    own = rep_ids.map(role).map(costs[~costs.index.duplicated()])
    return own.fillna(costs.get("all", costs.mean())).astype(float)
