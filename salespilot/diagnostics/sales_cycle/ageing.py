"""The open deals: which are stalled, silent, badly kept, and what they are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.deals import win_probabilities
from salespilot.diagnostics.sales_cycle.settings import Thresholds
from salespilot.inference import shrunk_rates, wilson

OPEN_COLUMNS = [
    "opportunity_id", "customer_id", "name", "rep_id", "owner_name", "stage_code", "stage", "amount",
    "win_probability", "weighted_amount", "age_days", "stage_age_days", "watch_days", "stalled_days", "age_status",
    "push_count", "expected_close_date", "next_step_date", "last_activity_date", "is_stalled", "is_pushed",
    "has_next_step", "is_past_close", "is_silent", "is_zero_amount", "is_without_owner", "type",
]  # fmt: skip
ISSUES = ("is_past_close", "is_zero_amount", "is_without_owner", "is_without_close_date", "without_next_step",
          "is_stalled", "is_pushed", "is_silent", "is_foreign")  # fmt: skip


def open_deals(
    dataset: Dataset, frame: pd.DataFrame, times: pd.DataFrame | None, thresholds: Thresholds
) -> pd.DataFrame:
    """One row an open deal, biggest expected value first: its age against its stage, and what is wrong with it.

    ``age_status``: fresh, watch (older than ``watch_days``), stalled (older than ``stalled_days``) or unknown. Without
    a history of stages the age since creation is set against the cycle of the deals won.
    """
    rows = frame[frame["is_open"]].copy()
    as_of = pd.Timestamp(dataset.as_of)
    won = frame.loc[(frame["status"] == "won") & ~frame["is_born_closed"], "age_days"].dropna()
    if times is not None:
        limits = times.set_index("stage_code")
        age = rows["stage_age_days"]
        rows["watch_days"] = rows["stage_code"].map(limits["watch_days"]).astype(float)
        rows["stalled_days"] = rows["stage_code"].map(limits["stalled_days"]).astype(float)
    else:
        age = rows["age_days"]
        enough = len(won) >= thresholds.min_stays
        rows["watch_days"] = won.quantile(thresholds.watch_quantile) if enough else np.nan
        rows["stalled_days"] = won.quantile(thresholds.stalled_quantile) if enough else np.nan
    known = age.notna() & rows["stalled_days"].notna()
    rows["age_status"] = np.select(
        [~known, age > rows["stalled_days"], age > rows["watch_days"]], ["unknown", "stalled", "watch"], "fresh"
    )
    rows["is_stalled"] = rows["age_status"] == "stalled"
    rows["is_pushed"] = rows["push_count"] >= thresholds.push_act
    tells_steps = "next_step_date" in dataset.columns("opportunities")
    rows["has_next_step"] = (
        (rows["next_step_date"] >= as_of) if tells_steps else pd.Series(None, index=rows.index, dtype=object)
    )
    rows["without_next_step"] = ~rows["has_next_step"].astype(bool) if tells_steps else False
    rows["is_past_close"] = rows["expected_close_date"] < as_of
    rows["is_without_close_date"] = rows["expected_close_date"].isna()
    rows["is_zero_amount"] = ~(rows["amount"] > 0) & ~rows["is_foreign"]
    leavers = dataset.table("reps").dropna(subset="end_date")
    gone = set(leavers.loc[leavers["end_date"] < as_of, "rep_id"])
    rows["is_without_owner"] = rows["rep_id"].isna() | rows["rep_id"].isin(gone)
    rows["is_silent"] = _silent(dataset, rows, times, won, thresholds)
    chance = win_probabilities(dataset).set_index("opportunity_id")["win_probability"]
    rows["win_probability"] = rows["opportunity_id"].map(chance).astype(float)
    rows["weighted_amount"] = rows["win_probability"] * rows["amount"]
    return rows.sort_values(
        ["weighted_amount", "amount", "win_probability", "opportunity_id"],
        ascending=[False, False, False, True],
        ignore_index=True,
    )


def _silent(
    dataset: Dataset, rows: pd.DataFrame, times: pd.DataFrame | None, won: pd.Series, thresholds: Thresholds
) -> pd.Series:
    """Past its close date for long, and without an activity for longer than twice the usual stay: nobody will decide.

    Where no activity is linked to any deal, the last change of the deal stands in; without either, nobody knows.
    """
    nobody_knows = pd.Series(None, index=rows.index, dtype=object)
    as_of = pd.Timestamp(dataset.as_of)
    if rows["expected_close_date"].isna().all():
        return nobody_knows
    overdue = (as_of - rows["expected_close_date"]).dt.days > thresholds.silent_days
    last = rows["last_activity_date"]
    if last.isna().all() and dataset.has("opportunity_events"):
        changed = dataset.sql("select opportunity_id, max(event_ts)::date as day from opportunity_events group by 1")
        last = pd.to_datetime(rows["opportunity_id"].map(changed.set_index("opportunity_id")["day"]))
    if last.isna().all():
        return nobody_knows
    median = times["median_days"].median() if times is not None else won.median()
    if pd.isna(median):
        return nobody_knows
    quiet = (as_of - last.fillna(rows["created_date"])).dt.days
    return overdue & (quiet > thresholds.silent_factor * median)


def hygiene(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """One row a fault of the list of open deals: how many deals have it, their share and their money."""
    told = set(dataset.columns("opportunities"))
    needed = {
        "is_past_close": "expected_close_date", "is_without_close_date": "expected_close_date",
        "without_next_step": "next_step_date", "is_zero_amount": "amount", "is_without_owner": "rep_id",
    }  # fmt: skip
    table = []
    for issue in ISSUES:
        if needed.get(issue, "status") not in told or (issue == "is_pushed" and rows["push_count"].isna().all()):
            continue
        if issue == "is_stalled" and rows["age_status"].eq("unknown").all():
            continue
        if issue == "is_silent" and rows["is_silent"].isna().all():
            continue
        if issue == "is_foreign" and not rows["is_foreign"].any():
            continue
        hit = rows[rows[issue].astype(bool)]
        share = len(hit) / len(rows) if len(rows) else np.nan
        table.append(
            {"issue": issue, "deal_count": len(hit), "deal_share": share, "amount": float(hit["amount"].sum())}
        )
    return pd.DataFrame(table, columns=["issue", "deal_count", "deal_share", "amount"])


def reps(
    dataset: Dataset, frame: pd.DataFrame, rows: pd.DataFrame, evidence: pd.DataFrame | None, thresholds: Thresholds
) -> pd.DataFrame | None:
    """One row a salesperson with a deal in scope: the load of open deals, their upkeep, and the two win rates.

    Rates by the small-sample rule: none under ``small_n_hide`` closed deals; an interval and a value drawn towards the
    team's otherwise. Those who left are marked and keep what they closed. None where deals have no owner.
    """
    inside = frame[frame["in_scope"] & frame["rep_id"].notna() & ~frame["is_cleanup"]]
    if inside.empty:
        return None
    table = pd.DataFrame(index=pd.Index(sorted(inside["rep_id"].unique()), name="rep_id"))
    table["owner_name"] = inside.groupby("rep_id")["owner_name"].first()
    left = dataset.table("reps").set_index("rep_id")["end_date"].reindex(table.index)
    table["is_former"] = left < pd.Timestamp(dataset.as_of)
    opened = rows.groupby("rep_id")
    for column, what in (("open_count", "size"), ("open_value", "amount"), ("weighted_amount", "weighted_amount")):
        table[column] = opened.size() if what == "size" else opened[what].sum(min_count=1)
    table["open_count"] = table["open_count"].fillna(0).astype(int)
    low, high = thresholds.load_low, thresholds.load_high
    table["load_status"] = np.select(
        [table["open_count"] < low, table["open_count"] <= high], ["light", "workable"], "heavy"
    )
    table["stalled_count"] = opened["is_stalled"].sum().reindex(table.index, fill_value=0).astype(int)
    if rows["has_next_step"].notna().any():
        table["next_step_share"] = opened["has_next_step"].mean().astype(float)
    if evidence is not None:
        table["evidence_share"] = evidence.set_index("rep_id")["evidence_share"]
    closed = inside[inside["status"].isin(["won", "lost"])]
    count = pd.crosstab(closed["rep_id"], closed["status"]).reindex(
        index=table.index, columns=["won", "lost"], fill_value=0
    )
    table["won"], table["lost"] = count["won"], count["lost"]
    total = table["won"] + table["lost"]
    enough = total >= dataset.conventions.small_n_hide
    table["win_rate_closed"] = (table["won"] / total.where(total > 0)).where(enough)
    low_bound, high_bound = wilson(table["won"], total)
    table["win_low"], table["win_high"] = np.where(enough, low_bound, np.nan), np.where(enough, high_bound, np.nan)
    table["shrunk_rate"] = shrunk_rates(table["won"], total)
    cycle = inside[(inside["status"] == "won") & ~inside["is_born_closed"]].groupby("rep_id")["age_days"]
    table["cycle_days"] = cycle.median().where(cycle.size() >= dataset.conventions.small_n_hide)
    return table.reset_index().sort_values(["is_former", "open_value", "rep_id"], ascending=[True, False, True],
                                           ignore_index=True)  # fmt: skip
