"""The client's decided actions: which belong to the plan of the period, what they bring, how they are carried out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.cells import potential_classes
from salespilot.dataset import Dataset, Window
from salespilot.intake.register import DECIDED, OPEN
from salespilot.plans.pac_preparation.candidates import active, customers_of
from salespilot.plans.pac_preparation.model import Thresholds


def decided(dataset: Dataset, period: Window) -> pd.DataFrame:
    """The decided actions that touch the period, in order of their start; those without dates too."""
    table = dataset.table("actions")
    table = table[table["status"].isin(DECIDED)]
    outside = (table["due_date"] < pd.Timestamp(period.start)) | (table["start_date"] > pd.Timestamp(period.end))
    still = table["status"].isin(OPEN)
    kept = table[~outside | still]
    return kept.sort_values(["start_date", "action_id"], ignore_index=True)


def targets_of(dataset: Dataset, actions: pd.DataFrame) -> dict[str, list[str]]:
    """action_id -> the customers that it touches, by itself or through a deal."""
    return {id: sorted(customers_of([id], dataset)) for id in actions["action_id"]}


def priced(
    actions: pd.DataFrame, customers: dict[str, list[str]], dataset: Dataset, end: pd.Timestamp, thresholds: Thresholds
) -> pd.DataFrame:
    """The open actions with hours_left, and what they may still bring in the period: low, mode, high, probability,
    contribution (expected), next_year (expected, a year), scale (share of their customers that no bigger one counts).

    Impacts are a year's money; the effect counts from the day after ``as_of`` or the start and lead, to the end of the
    period. Where only the likely impact is told, its range is the usual one.
    """
    table = actions[actions["status"].isin(OPEN)].copy()
    now = pd.Timestamp(dataset.as_of)
    start = table["start_date"].fillna(now)
    pays = start + pd.Timedelta(days=thresholds.default_lead_days)
    pays = pays.where(pays > now, now)
    factor = ((end - pays).dt.days / 365).clip(0, 1).astype(float)
    table["probability"] = table["probability"].fillna(thresholds.default_probability).clip(0, 1)
    mode = table["impact_mode"]
    table["scale"] = _once(table.assign(expected=mode.fillna(0.0) * table["probability"]), customers)
    for name, told, usual in (
        ("low", "impact_low", thresholds.low_factor), ("mode", "impact_mode", 1.0),
        ("high", "impact_high", thresholds.high_factor),
    ):  # fmt: skip
        table[name] = table[told].fillna(mode * usual).fillna(0.0) * factor * table["scale"]
    table["low"], table["high"] = table[["low", "mode"]].min(axis=1), table[["mode", "high"]].max(axis=1)
    table["contribution"] = table["mode"] * table["probability"]
    table["next_year"] = mode.fillna(0.0) * table["probability"] * table["scale"]
    left = 1 - table["progress"].fillna(0.0).clip(0, 1)
    table["hours_left"] = table["hours_planned"].fillna(thresholds.default_hours) * left
    return table


def _once(table: pd.DataFrame, customers: dict[str, list[str]]) -> pd.Series:
    """The share of each action's customers that no action with more to bring touches; 1 for one without customers."""
    seen: set[str] = set()
    scale: dict[str, float] = {}
    for id in table.sort_values(["expected", "action_id"], ascending=[False, True])["action_id"]:
        own = set(customers.get(id, ()))
        scale[id] = len(own - seen) / len(own) if own else 1.0
        seen |= own
    return table["action_id"].map(scale).astype(float)


def progress(actions: pd.DataFrame, dataset: Dataset, thresholds: Thresholds) -> pd.DataFrame:
    """One row an action due by ``as_of`` or in progress: elapsed_share, variance (progress less time gone), late_days,
    is_due, is_done, is_on_time, is_late; the most behind first. Dropped ones are decided against, not late; a done one
    whose day nobody knows counts as on time."""
    now = pd.Timestamp(dataset.as_of)
    table = actions[actions["status"] != "dropped"].copy()
    table["is_due"] = table["due_date"] <= now
    table = table[table["is_due"] | (table["status"] == "in_progress")].reset_index(drop=True)
    whole = (table["due_date"] - table["start_date"]).dt.days.clip(lower=1)
    table["elapsed_share"] = ((now - table["start_date"]).dt.days / whole).clip(0, 1)
    table["is_done"] = table["status"] == "done"
    overrun = (table["done_on"] - table["due_date"]).dt.days.clip(lower=0)
    table["is_on_time"] = table["is_done"] & ~(overrun > 0)
    told = table["progress"].fillna(0.0).where(~table["is_done"], 1.0)
    table["variance"] = (told - table["elapsed_share"]).where(~table["is_done"], 0.0)
    late = (now - table["due_date"]).dt.days
    table["late_days"] = late.where(table["is_due"] & ~table["is_done"], overrun.where(overrun > 0)).astype(float)
    table["is_late"] = (table["variance"] < -thresholds.late_share) & ~table["is_done"]
    return table.sort_values(["variance", "action_id"], ignore_index=True)


def execution_rate(table: pd.DataFrame) -> float | None:
    """Done on time over due; None where nothing was due."""
    due = table[table["is_due"]]
    return float(due["is_on_time"].mean()) if len(due) else None


def unowned(dataset: Dataset) -> pd.DataFrame:
    """Actions open or in draft that nobody in post owns: action_id, title, status, start_date, impact_mode, owner_name
    (of who has left; missing where nobody was named). Managers are not salespeople, and own what they own."""
    table = dataset.table("actions")
    reps = dataset.table("reps")
    gone = set(reps["rep_id"]) - set(active(dataset)) - set(reps["manager_id"].dropna())
    owner = table["owner_rep_id"]
    open_ones = table[~table["status"].isin(("done", "dropped")) & (owner.isna() | owner.isin(gone))]
    named = open_ones.assign(owner_name=open_ones["owner_rep_id"].map(dataset.names("reps")))
    return named[["action_id", "title", "status", "start_date", "impact_mode", "owner_name"]].reset_index(drop=True)


def untouched(dataset: Dataset, touched: set[str]) -> pd.DataFrame | None:
    """Salespeople whose customers with most left to win (their top tenth) no open action touches.

    Columns: owner_id, customer_id (the first of them), top_count, headroom (of all of them); None where no potential is
    known.
    """
    potential = potential_classes(dataset, dataset.window).set_index("customer_id")["potential_accessible"]
    if not (potential > 0).any():
        return None
    sales = dataset.mart("customer_sales").dropna(subset="customer_id").set_index("customer_id")["net_revenue"]
    years = max(dataset.window.days / 365.25, 1e-9)
    headroom = (potential - (sales.reindex(potential.index).fillna(0.0) / years).clip(lower=0)).clip(lower=0).dropna()
    owners = dataset.owners.drop_duplicates("customer_id").set_index("customer_id")["rep_id"]
    table = pd.DataFrame({"headroom": headroom, "owner_id": owners.reindex(headroom.index)}).dropna()
    table = table[table["headroom"] > 0].sort_values("headroom", ascending=False, kind="stable")
    rows = []
    for rep, own in table[table["owner_id"].isin(active(dataset))].groupby("owner_id"):
        top = own.head(int(np.ceil(len(own) / 10)))
        if not set(top.index) & touched:
            rows.append((rep, top.index[0], len(top), float(top["headroom"].sum())))
    frame = pd.DataFrame(rows, columns=["owner_id", "customer_id", "top_count", "headroom"])
    return frame.sort_values("headroom", ascending=False, ignore_index=True)
