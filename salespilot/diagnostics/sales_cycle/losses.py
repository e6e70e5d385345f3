"""Lost business: how much, at which stage, why, to whom, and what better work would have avoided."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.sales_cycle.reasons import AVOIDABLE, NO_DECISION
from salespilot.diagnostics.sales_cycle.scope import Figures
from salespilot.inference import shrunk_rates, wilson

LOSS_COLUMNS = [
    "opportunity_id", "customer_id", "name", "rep_id", "owner_name", "closed_date", "amount", "stage_code", "stage",
    "loss_reason", "reason_bucket", "loss_reason_code", "loss_reason_source", "competitor", "is_no_decision", "is_late",
    "is_avoidable", "is_cleanup", "age_days", "push_count", "hours", "type",
]  # fmt: skip


def lost_deals(frame: pd.DataFrame, stages: pd.DataFrame, worked: pd.DataFrame | None) -> pd.DataFrame:
    """One row a deal lost in the period, biggest first, clean-ups marked.

    ``is_late``: it died in one of the last two open stages (missing where its stage is unknown). ``is_no_decision``:
    the buyer chose nobody. ``is_avoidable``: by its reason, better work of our own would have kept it.
    """
    rows = frame[frame["is_ended"] & (frame["status"] == "lost")].copy()
    opened = stages[(stages["kind"] == "open") & stages["stage_order"].notna()].sort_values("stage_order")
    last_two = set(opened["stage_code"].tail(2)) if len(opened) > 2 else set()
    known = rows["stage_code"].isin(opened["stage_code"]) & bool(last_two)
    rows["is_late"] = rows["stage_code"].isin(last_two).where(known).astype(object)
    rows["is_no_decision"] = rows["loss_reason"].isin(NO_DECISION).where(rows["loss_reason"].notna()).astype(object)
    rows["is_avoidable"] = rows["loss_reason"].isin(AVOIDABLE)
    spent = worked.groupby("opportunity_id")["hours"].sum() if worked is not None else pd.Series(dtype=float)
    rows["hours"] = rows["opportunity_id"].map(spent).astype(float)
    return rows.sort_values(["amount", "opportunity_id"], ascending=[False, True], ignore_index=True)


def by_stage_and_reason(rows: pd.DataFrame, order: pd.Series) -> pd.DataFrame:
    """One row a stage of death, reason and competitor: lost_count, lost_value. Unknown words are "unknown"."""
    told = ("reason_bucket", "competitor", "stage", "loss_reason")
    kept = rows.fillna(dict.fromkeys(told, "unknown"))
    table = kept.groupby(["stage", "reason_bucket", "loss_reason", "competitor"]).agg(
        lost_count=("opportunity_id", "size"), lost_value=("amount", "sum")
    )
    table = table.reset_index()
    place = kept.groupby("stage")["stage_code"].first().map(order)
    table = table.assign(place=table["stage"].map(place)).sort_values(["place", "lost_value"], ascending=[True, False])
    return table.drop(columns="place").reset_index(drop=True)


def heat(rows: pd.DataFrame, order: pd.Series) -> pd.DataFrame:
    """One row a stage of death and bucket of reasons, every pair: lost_value, lost_count."""
    cells = by_stage_and_reason(rows, order)
    table = cells.groupby(["stage", "reason_bucket"], sort=False)[["lost_count", "lost_value"]].sum()
    buckets = [b for b in ("no_purchase", "competitor", "status_quo", "own_process", "other", "unknown")
               if b in set(cells["reason_bucket"])]  # fmt: skip
    pairs = pd.MultiIndex.from_product([cells["stage"].unique(), buckets], names=["stage", "reason_bucket"])
    return table.reindex(pairs).reset_index()


def reasons(rows: pd.DataFrame) -> pd.DataFrame | None:
    """One row a reason as the client words it: its class, lost_count, lost_share, lost_value, and who said so."""
    told = rows[rows["loss_reason"].notna()]
    if told.empty:
        return None
    table = told.groupby(["loss_reason_code", "loss_reason", "reason_bucket"]).agg(
        lost_count=("opportunity_id", "size"), lost_value=("amount", "sum")
    )
    table["lost_share"] = table["lost_count"] / len(told)
    for source, column in (("rep", "rep_count"), ("buyer", "buyer_count")):
        part = told[told["loss_reason_source"] == source].groupby(["loss_reason_code", "loss_reason", "reason_bucket"])
        table[column] = part.size().reindex(table.index, fill_value=0)
    return table.reset_index().sort_values(["lost_value", "lost_count"], ascending=False, ignore_index=True)


def reliability(rows: pd.DataFrame, hide: int) -> pd.DataFrame | None:
    """One row a class of reasons: its share among losses explained by the salesperson, and among those by the buyer.

    With 95 % intervals; shares of fewer than ``hide`` losses are not given. None where nobody says who explained.
    """
    told = rows[rows["loss_reason"].notna() & rows["loss_reason_source"].isin(["rep", "buyer"])]
    if told.empty:
        return None
    table = pd.crosstab(told["loss_reason"], told["loss_reason_source"]).reindex(columns=["rep", "buyer"], fill_value=0)
    table = table.rename(columns={"rep": "rep_count", "buyer": "buyer_count"})
    for source in ("rep", "buyer"):
        total = int(table[f"{source}_count"].sum())
        share = table[f"{source}_count"] / total if total >= hide else np.nan
        table[f"{source}_share"] = share
        low, high = wilson(table[f"{source}_count"], np.full(len(table), total))
        shown = total >= hide
        table[f"{source}_low"], table[f"{source}_high"] = (low, high) if shown else (np.nan, np.nan)
    table.columns.name = None
    return table.reset_index().sort_values(["rep_count", "loss_reason"], ascending=[False, True], ignore_index=True)


def competitors(frame: pd.DataFrame, hide: int) -> pd.DataFrame | None:
    """One row a competitor named on deals that ended in the period: won, lost, win_rate, its interval, lost_value."""
    rows = frame[frame["is_ended"] & frame["status"].isin(["won", "lost"]) & frame["competitor"].notna()]
    if rows.empty:
        return None
    table = pd.crosstab(rows["competitor"], rows["status"]).reindex(columns=["won", "lost"], fill_value=0)
    closed = table["won"] + table["lost"]
    enough = closed >= hide
    table["win_rate"] = (table["won"] / closed).where(enough)
    low, high = wilson(table["won"], closed)
    table["win_low"], table["win_high"] = np.where(enough, low, np.nan), np.where(enough, high, np.nan)
    table["lost_value"] = rows[rows["status"] == "lost"].groupby("competitor")["amount"].sum()
    table["lost_value"] = table["lost_value"].fillna(0.0)
    # Named on losses only, the rate is 0 whatever happened: it says how the field is filled, not who wins.
    if not table["won"].any():
        table[["win_rate", "win_low", "win_high"]] = np.nan
    table.columns.name = None
    return table.reset_index().sort_values(["lost_value", "competitor"], ascending=[False, True], ignore_index=True)


def stage_losses(
    dataset: Dataset, passed: pd.DataFrame, rows: pd.DataFrame, lookback_months: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Where deals die that those of the better colleagues would have survived: by stage, and by stage and salesperson.

    The rate of passage of each salesperson at each stage (over ``lookback_months``, shrunk towards the team's) is set
    against the third quartile of the salespeople. excess_loss: (Q3 − rate) / (1 − rate) of what that salesperson lost
    at the stage in the period; nothing where salespeople do not differ beyond chance, nor for under ``small_n_hide``.

    By stage: lost_count, lost_value, lost_share, team_rate, q3_rate, excess_loss, below_count, is_late.
    """
    hide = dataset.conventions.small_n_hide
    since = pd.Timestamp(dataset.as_of) - pd.DateOffset(months=lookback_months)
    done = passed[(passed["entered"] >= since) & passed["rep_id"].notna()]
    done = done[done["outcome"].isin(["advanced", "lost"])]
    counted = (
        done.assign(won=done["outcome"] == "advanced")
        .groupby(["stage_code", "own", "rep_id", "owner_name"])["won"]
        .agg(resolved="size", advanced_count="sum")
        .reset_index()
    )
    counted = counted[counted["resolved"] >= hide].copy()
    counted["passage_rate"] = counted["advanced_count"] / counted["resolved"]
    counted["shrunk_rate"] = np.nan
    for _, places in counted.groupby("stage_code").groups.items():
        part = counted.loc[places]
        counted.loc[places, "shrunk_rate"] = shrunk_rates(part["advanced_count"], part["resolved"])
    counted["q3_rate"] = counted.groupby("stage_code")["shrunk_rate"].transform(lambda rates: rates.quantile(0.75))
    kept = rows[~rows["is_cleanup"]]
    lost = kept.groupby(["stage_code", "rep_id"])["amount"].sum().rename("lost_value")
    avoidable = kept[kept["is_avoidable"]].groupby(["stage_code", "rep_id"])["amount"].sum().rename("avoidable_value")
    counted = counted.join(lost, on=["stage_code", "rep_id"]).join(avoidable, on=["stage_code", "rep_id"])
    counted[["lost_value", "avoidable_value"]] = counted[["lost_value", "avoidable_value"]].fillna(0.0)
    gap = ((counted["q3_rate"] - counted["shrunk_rate"]) / (1 - counted["shrunk_rate"])).clip(lower=0)
    counted["excess_loss"] = gap.where(gap > 1e-9, 0.0).fillna(0.0) * counted["lost_value"]
    team = done.groupby("stage_code")["outcome"].agg(lambda words: float((words == "advanced").mean()))
    table = kept.groupby(["stage_code", "stage"]).agg(
        lost_count=("opportunity_id", "size"), lost_value=("amount", "sum"), is_late=("is_late", "first")
    )
    table = table.reset_index()
    total = table["lost_value"].sum()
    table["lost_share"] = table["lost_value"] / total if total else np.nan
    table["team_rate"] = table["stage_code"].map(team).astype(float)
    table["q3_rate"] = table["stage_code"].map(counted.groupby("stage_code")["q3_rate"].first())
    table["excess_loss"] = table["stage_code"].map(counted.groupby("stage_code")["excess_loss"].sum()).fillna(0.0)
    below = counted[counted["excess_loss"] > 0].groupby("stage_code").size()
    table["below_count"] = table["stage_code"].map(below).fillna(0).astype(int)
    order = passed.groupby("stage_code")["own"].first()
    table = table.assign(own=table["stage_code"].map(order)).sort_values(["own", "stage_code"]).drop(columns="own")
    return table.reset_index(drop=True), counted.drop(columns="own").reset_index(drop=True)


def figures(rows: pd.DataFrame, opened: pd.DataFrame, by_rep: pd.DataFrame | None, late: set[str]) -> Figures:
    """Shares and money of the losses of the period, clean-ups left out, each with its denominator.

    no_decision_share: losses without decision and open deals gone silent, of all losses with a reason and those.
    avoidable_lost_value: losses by a reason of our own, and at late stages what those below the third quartile lost
    beyond it on other reasons.
    """
    kept = rows[~rows["is_cleanup"]]
    told, silent = kept[kept["loss_reason"].notna()], opened[opened["is_silent"].astype(bool)]
    unknown = bool(len(opened)) and bool(opened["is_silent"].isna().all())
    evaporated = int(told["is_no_decision"].astype(bool).sum()) + len(silent)
    base = len(told) + len(silent)
    staged = kept[kept["is_late"].notna()]
    own = float(kept.loc[kept["is_avoidable"], "amount"].sum())
    beyond = None
    if by_rep is not None:
        part = by_rep[by_rep["stage_code"].isin(late)]
        share = 1 - part["avoidable_value"] / part["lost_value"].where(part["lost_value"] > 0)
        beyond = float((part["excess_loss"] * share.fillna(0.0)).sum())
    sourced = kept[kept["loss_reason_source"].notna()]
    by_people = sourced[sourced["loss_reason_source"] == "rep"]
    priced = kept["amount"].gt(0).any()
    return {
        "lost_kept": len(kept),
        "no_decision_share": evaporated / base if base and len(told) else None,
        "no_decision_count": evaporated if base else None,
        "no_decision_base": base if base else None,
        "silent_deals": None if unknown else len(silent),
        "silent_value": None if unknown else float(silent["amount"].sum()),
        "no_decision_value": float(told.loc[told["is_no_decision"].astype(bool), "amount"].sum()),
        "late_loss_share": float(staged["is_late"].astype(bool).mean()) if len(staged) else None,
        "late_loss_count": int(staged["is_late"].astype(bool).sum()) if len(staged) else None,
        "staged_losses": len(staged),
        "late_loss_value": float(staged.loc[staged["is_late"].astype(bool), "amount"].sum()) if len(staged) else None,
        "avoidable_lost_value": own + (beyond or 0.0) if priced and (len(told) or beyond is not None) else None,
        "avoidable_reason_value": own if priced and len(told) else None,
        "avoidable_stage_value": beyond if priced else None,
        "reasoned_losses": len(told),
        "price_count": int((by_people["loss_reason"] == "price").sum()) if len(by_people) else None,
        "price_base": len(by_people),
        "price_share": float((by_people["loss_reason"] == "price").mean()) if len(by_people) else None,
        "buyer_confirmed_share": _buyer_share(kept),
        "other_share": float((told["loss_reason"] == "other").mean()) if len(told) else None,
    }


def _buyer_share(kept: pd.DataFrame) -> float | None:
    """Of the biggest fifth of the losses with a reason, those whose buyer gave it."""
    told = kept[kept["loss_reason_source"].notna() & kept["loss_reason"].notna()].sort_values("amount", ascending=False)
    big = told.head(max(int(np.ceil(len(told) / 5)), 1))
    return float((big["loss_reason_source"] == "buyer").mean()) if len(told) else None
