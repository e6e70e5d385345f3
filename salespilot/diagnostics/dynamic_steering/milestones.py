"""What must stand at each milestone, by when: needed against have, the deal basket, deals worth speeding up."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.deals import ENDED, cumulative_incidence, spells, stage_names, stage_table
from salespilot.diagnostics.dynamic_steering.model import Thresholds
from salespilot.diagnostics.dynamic_steering.pipeline import Book, remaining_days


def target_coverage(win_rate: float, create_close_share: float) -> float:
    """Open value due in the period that a target left takes: (1 − create-and-close share) / win rate [S61] (F11)."""
    return (1 - create_close_share) / win_rate


def deal_basket(yearly: float, win_rate: float, cycle_months: float, selling_months: int = 11) -> float:
    """The permanent basket of open deals that a yearly amount takes: per month / win rate x cycle [S5] (F13)."""
    return yearly / selling_months / win_rate * cycle_months


def open_stages(dataset: Dataset) -> pd.DataFrame:
    """The open stages in order: stage_code, stage_order, stage (its name)."""
    table = stage_table(dataset)
    table = table[(table["kind"] == "open") & table["stage_order"].notna()]
    named = table.assign(stage=table["stage_code"].map(stage_names(dataset)))
    return named[["stage_code", "stage_order", "stage"]].reset_index(drop=True)


def conversions(dataset: Dataset, everyone: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """The share of the deals that entered each stage, or a later one, that end won: stage_code, conversion, entries.

    Open deals count as long as they have lasted (cumulative incidence with losing as the competing end).
    """
    stays = spells(dataset)
    stays = stays.merge(stages, on="stage_code").merge(
        everyone[["opportunity_id", "status", "closed_date"]], on="opportunity_id"
    )
    stays = stays[stays["status"].isin([*ENDED, "open"])]
    end = stays["closed_date"].where(stays["status"] != "open", pd.Timestamp(dataset.as_of))
    stays["days"] = (end - stays["entered"].dt.normalize()).dt.days.clip(lower=0).astype(float)
    rows = []
    for code, order in zip(stages["stage_code"], stages["stage_order"], strict=True):
        reached = stays[stays["stage_order"] >= order].sort_values("entered", kind="stable")
        reached = reached.drop_duplicates("opportunity_id")
        curve = cumulative_incidence(reached["days"], reached["status"])
        rows.append((code, float(curve["won"].iloc[-1]) if len(curve) else np.nan, len(reached)))
    return pd.DataFrame(rows, columns=["stage_code", "conversion", "entries"])


def milestones(dataset: Dataset, book: Book, needed: float, thresholds: Thresholds) -> pd.DataFrame | None:
    """What each open stage must have seen for the target to be reached: one row a stage, in order.

    ``needed`` is what the open deals and those to come through the stages must still bring. Columns: stage_code,
    stage_order, stage, entries, conversion (to won), needed_amount (needed / conversion), have_amount (open deals at
    the stage or beyond), expected_amount (what these should bring in the period), have_equivalent (the same in value
    at the stage: expected / conversion), deficit, last_useful_date, is_passed, weeks_left, mean_amount,
    deficit_count. None without stages or history.
    """
    stages = open_stages(dataset)
    if stages.empty:
        return None
    table = stages.merge(conversions(dataset, book.closed, stages), on="stage_code")
    table["conversion"] = table["conversion"].where(
        (table["entries"] >= thresholds.min_entries) & (table["conversion"] > 0)
    )
    if table["conversion"].isna().all():
        return None
    order, waiting = table["stage_order"].to_numpy()[:, None], book.deals
    beyond = waiting["stage_order"].to_numpy()[None, :] >= order
    table["have_amount"] = beyond @ waiting["amount"].to_numpy()
    table["expected_amount"] = beyond @ waiting["weighted_amount"].to_numpy()
    table["needed_amount"] = max(needed, 0.0) / table["conversion"]
    table["have_equivalent"] = table["expected_amount"] / table["conversion"]
    table["deficit"] = (table["needed_amount"] - table["have_equivalent"]).clip(lower=0.0)
    left = remaining_days(dataset, book.closed).set_index("stage_code")["p50_days"]
    days = pd.to_timedelta(table["stage_code"].map(left).astype(float), unit="D")
    table["last_useful_date"] = (pd.Timestamp(book.until) - days).dt.normalize()
    as_of = pd.Timestamp(dataset.as_of)
    table["is_passed"] = table["last_useful_date"] <= as_of  # the as-of day is over
    table["weeks_left"] = ((table["last_useful_date"] - as_of).dt.days / 7).clip(lower=0.0)
    seen = book.closed[book.closed["amount"] > 0]
    recent = seen[seen["created_date"] >= as_of - pd.DateOffset(years=2)]
    table["mean_amount"] = float((recent if len(recent) else seen)["amount"].mean())
    table["deficit_count"] = np.ceil(table["deficit"] / table["mean_amount"] - 1e-9)
    return table


def quotas(
    dataset: Dataset, table: pd.DataFrame, everyone: pd.DataFrame, members: set[str] | None = None
) -> pd.DataFrame:
    """What closes the deficit of each stage still of use: entries a week, for all and for each salesperson in post.

    Columns: stage_code, stage, deficit, deficit_count, last_useful_date, weeks_left, weekly_count, usual_weekly (what
    entered the stage, or a later one, over the last year), effort_multiple (weekly over usual), rep_count,
    weekly_per_rep. ``members``: the salespeople meant (None: all).
    """
    useful = table[(table["deficit"] > 0) & ~table["is_passed"] & table["last_useful_date"].notna()].copy()
    reps = dataset.table("reps")
    as_of = pd.Timestamp(dataset.as_of)
    in_post = reps[reps["end_date"].isna() | (reps["end_date"] >= as_of)]
    if members is not None:
        in_post = in_post[in_post["rep_id"].isin(members)]
    useful["weekly_count"] = useful["deficit_count"] / useful["weeks_left"].clip(lower=1.0)
    stays = spells(dataset)
    stays = stays[stays["opportunity_id"].isin(everyone["opportunity_id"])]
    firsts = stays.merge(table[["stage_code", "stage_order"]], on="stage_code")
    year = as_of - pd.DateOffset(years=1)
    usual = {}
    for code, order in zip(useful["stage_code"], useful["stage_order"], strict=True):
        entered = firsts[firsts["stage_order"] >= order].groupby("opportunity_id")["entered"].min()
        usual[code] = float((entered > year).sum()) / 52
    useful["usual_weekly"] = useful["stage_code"].map(usual).astype(float)
    useful["effort_multiple"] = useful["weekly_count"] / useful["usual_weekly"].where(useful["usual_weekly"] > 0)
    useful["rep_count"] = len(in_post)
    useful["weekly_per_rep"] = useful["weekly_count"] / max(len(in_post), 1)
    columns = ["stage_code", "stage", "deficit", "deficit_count", "last_useful_date", "weeks_left", "weekly_count"]
    columns += ["usual_weekly", "effort_multiple", "rep_count", "weekly_per_rep"]
    return useful[columns].reset_index(drop=True)


def accelerate(dataset: Dataset, book: Book) -> pd.DataFrame:
    """Open deals that can still count in the period, best first: weighted value x slack.

    Slack is the days left less what the deal's stage usually still takes, as a share of the days left; deals whose
    usual time is longer than what is left need speeding up (``is_late``), the others only care.
    """
    table = book.deals[book.deals["is_counted"]].copy()
    left = remaining_days(dataset, book.closed).set_index("stage_code")["p50_days"]
    usual = table["stage_code"].map(left).astype(float).fillna(left.get("", np.nan))
    days = max((book.until - dataset.as_of).days, 0)
    table["slack_days"] = days - usual
    table["is_late"] = table["slack_days"] < 0
    share = (table["slack_days"] / max(days, 1)).clip(-1.0, 1.0).fillna(0.0)
    table["score"] = table["weighted_amount"] * (1 + share) / 2
    names = open_stages(dataset).set_index("stage_code")["stage"]
    table["stage"] = table["stage_code"].map(names).fillna(table["stage_code"])
    customers = dataset.names("customers")
    table["name"] = table["customer_id"].map(customers).fillna(table["customer_name"]).fillna(table["customer_id"])
    table["owner_name"] = table["rep_id"].map(dataset.names("reps")).fillna(table["rep_id"])
    columns = [
        "opportunity_id", "name", "rep_id", "owner_name", "stage", "amount", "win_probability", "weighted_amount",
        "expected_close_date", "is_overdue", "due_date", "slack_days", "is_late", "score",
    ]  # fmt: skip
    return table.sort_values(["score", "opportunity_id"], ascending=[False, True], ignore_index=True)[columns]


def basket(
    dataset: Dataset, book: Book, left_for_deals: float, yearly_target: float, thresholds: Thresholds
) -> pd.DataFrame | None:
    """The permanent deal basket and the coverage of the target, needed against have, in one row.

    Columns: win_rate (of the deals won or lost in the last year), won_count, closed_count, cycle_months (median),
    deals_share (of the year's sales won through deals), create_close_share (of what was won over the last stretch as
    long as what is left of the period, the part created within it), basket_have, basket_needed (money),
    coverage_needed, coverage_have (times). None with too few closed deals.
    """
    year = pd.Timestamp(dataset.as_of) - pd.DateOffset(years=1)
    closed = book.closed[(book.closed["closed_date"] > year) & book.closed["status"].isin(["won", "lost"])]
    closed = closed[~closed["is_cleanup"]]
    won = closed[closed["status"] == "won"]
    if len(closed) < thresholds.min_entries or won.empty:
        return None
    rate = len(won) / len(closed)
    cycle = float((won["closed_date"] - won["created_date"]).dt.days.median()) / 30.4375
    # Created and won within a stretch as long as what is left of the period.
    left = max((book.until - dataset.as_of).days, 0)
    start = pd.Timestamp(dataset.as_of) - timedelta(days=left)
    inside = won[won["closed_date"] > start]
    total = float(inside["amount"].sum())
    share = float(inside.loc[inside["created_date"] > start, "amount"].sum()) / total if total > 0 else 0.0
    sold = dataset.mart("customer_sales")["net_revenue"].sum() if dataset.months == 12 else np.nan
    deals_share = 1.0
    if dataset.sales_basis == "invoiced" and sold > 0:
        deals_share = min(float(won["amount"].sum()) / float(sold), 1.0)
    counted = book.deals[book.deals["is_counted"]]
    due = float(counted.loc[counted["due_date"] <= pd.Timestamp(book.until), "amount"].sum())
    row = {"win_rate": rate, "won_count": len(won), "closed_count": len(closed), "cycle_months": cycle}
    row |= {"deals_share": deals_share, "create_close_share": share, "basket_have": float(book.deals["amount"].sum())}
    row["basket_needed"] = deal_basket(yearly_target * deals_share, rate, cycle, thresholds.basket_months)
    row["coverage_needed"] = target_coverage(rate, share)
    row["coverage_have"] = due / left_for_deals if left_for_deals > 0 else np.nan
    return pd.DataFrame([row])
