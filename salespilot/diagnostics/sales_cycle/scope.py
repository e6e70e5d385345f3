"""Which deals are judged, how they ended, and what would falsify the judgement."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.deals import CLEANUP_LOSSES, ENDED, cumulative_incidence, incidence_at, observed_from, stage_names
from salespilot.deals import deals as known_deals
from salespilot.diagnostics.sales_cycle.reasons import classed
from salespilot.diagnostics.sales_cycle.settings import Thresholds
from salespilot.inference import wilson

AGES = (30, 60, 90, 120, 180, 270, 365, 545, 730)
Figures = dict[str, float | int | None]


def everyone(dataset: Dataset) -> pd.DataFrame:
    """Every deal known at as_of, with names, reason class and whether it belongs to the period.

    Adds name (of the customer), owner_name, stage (its name), reason and reason_bucket, is_open, is_ended (in the
    period), in_scope (ended in the period or open at as_of), is_early (its stage is not one of the last two).
    """
    frame = known_deals(dataset)
    customers = dataset.names("customers")
    frame["name"] = (
        frame["customer_id"].map(customers).astype(object).fillna(frame["customer_name"]).fillna(frame["customer_id"])
    )
    frame["name"] = frame["name"].fillna(frame["opportunity_id"])
    frame["owner_name"] = frame["rep_id"].map(dataset.names("reps")).astype(object).fillna(frame["rep_id"])
    frame["stage"] = frame["stage_code"].map(stage_names(dataset)).astype(object).fillna(frame["stage_code"])
    frame["loss_reason"], frame["reason_bucket"] = classed(frame["loss_reason_code"])
    frame["is_open"] = frame["status"] == "open"
    start, end = pd.Timestamp(dataset.window.start), pd.Timestamp(dataset.window.end)
    closed = frame["status"].isin(ENDED)
    frame["is_ended"] = closed & frame["closed_date"].between(start, end)
    if dataset.months == 0:
        frame["is_ended"] = closed
    frame["in_scope"] = frame["is_ended"] | frame["is_open"]
    return frame


def outcomes(frame: pd.DataFrame, has_losses: bool) -> pd.DataFrame:
    """One row a way to count: every deal, without clean-ups, without deals born closed, and each type apart.

    Columns: scope, deals, won, lost, cancelled, open, win_rate_closed (of won and lost) with its 95 % interval,
    win_rate_all (of all deals), won_value, lost_value.
    """
    inside = frame[frame["in_scope"]]
    chosen = {"all": inside}
    if inside["is_cleanup"].any():
        chosen["without_cleanups"] = inside[~inside["is_cleanup"]]
    if inside["is_born_closed"].any():
        chosen["without_born_closed"] = inside[~inside["is_born_closed"]]
    if inside["type"].nunique() > 1:
        chosen |= {str(word): rows for word, rows in inside.groupby("type")}
    rows = [{"scope": scope, **_counted(rows)} for scope, rows in chosen.items()]
    table = pd.DataFrame(rows)
    closed = table["won"] + table["lost"]
    table["win_rate_closed"] = table["won"] / closed.where(closed > 0)
    table["win_low"], table["win_high"] = wilson(table["won"], closed)
    table["win_rate_all"] = table["won"] / table["deals"].where(table["deals"] > 0)
    if not has_losses:
        table["lost_value"] = np.nan
    order = ["scope", "deals", "won", "lost", "cancelled", "open", "win_rate_closed", "win_low", "win_high"]
    return table[[*order, "win_rate_all", "won_value", "lost_value"]]


def _counted(rows: pd.DataFrame) -> dict[str, float]:
    count = rows["status"].value_counts()
    numbers: dict[str, float] = {"deals": len(rows)}
    numbers |= {word: int(count.get(word, 0)) for word in (*ENDED, "open")}
    numbers["won_value"] = float(rows.loc[rows["status"] == "won", "amount"].sum())
    numbers["lost_value"] = float(rows.loc[rows["status"] == "lost", "amount"].sum())
    return numbers


def cleanups(frame: pd.DataFrame) -> pd.DataFrame | None:
    """One row a clean-up of the list in the period: who, when, how many deals, how much money; None without any."""
    rows = frame[frame["is_cleanup"] & frame["is_ended"]]
    if rows.empty:
        return None
    table = rows.groupby(["rep_id", "owner_name", "closed_date"], dropna=False).agg(
        lost_count=("opportunity_id", "size"), lost_value=("amount", "sum")
    )
    return table[table["lost_count"] >= CLEANUP_LOSSES].reset_index()


def curve(frame: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """The cumulative incidence of won and lost by the age of a deal, over all that is known; and whether the export
    lacks the deals closed before it begins."""
    lived = frame[frame["status"].isin([*ENDED, "open"]) & frame["age_days"].notna()]
    entry = observed_from(lived["created_date"], lived["closed_date"])
    return cumulative_incidence(lived["age_days"], lived["status"], entry), bool((entry > 0).any())


def incidence_figures(table: pd.DataFrame, thresholds: Thresholds) -> Figures:
    """The chance to win by the horizon, or by the last day seen, with its interval; and the part still open then."""
    if table.empty or table["won"].iloc[-1] == 0:
        names = ("win_probability", "win_probability_low", "win_probability_high", "undecided_share", "horizon")
        return dict.fromkeys(names)
    row = incidence_at(table, thresholds.horizon_days)
    return {
        "win_probability": float(row["won"]),
        "win_probability_low": float(row["won_low"]),
        "win_probability_high": float(row["won_high"]),
        "undecided_share": float(max(row["open"], 0.0)),
        "horizon": float(min(thresholds.horizon_days, table["day"].max())),
    }


def marks(table: pd.DataFrame) -> pd.DataFrame:
    """One row an age (within the ages seen) and outcome: share of the deals that had ended so by then, or were open.

    Columns: age_days, outcome (won, lost, cancelled, open), share.
    """
    known = [day for day in AGES if day <= table["day"].max()] or [int(table["day"].max())]
    rows = []
    for day in known:
        row = incidence_at(table, day)
        for outcome, column in (("won", "won"), ("open", "open"), ("lost", "lost"), ("cancelled", "other")):
            rows.append((float(day), outcome, max(float(row[column]), 0.0)))
    return pd.DataFrame(rows, columns=["age_days", "outcome", "share"])


def cycles(dataset: Dataset, frame: pd.DataFrame) -> Figures:
    """Mean and median length of the cycle in days: of deals won in the period, and of all that ended in it.

    Deals born closed showed no cycle and are left out. Where the client records no outcome, each case lasts from its
    first to its last event, in fractions of days.
    """
    names = ("cycle_days_median_won", "cycle_days_mean_won", "cycle_days_median", "cycle_days_mean")
    figures: Figures = dict.fromkeys(names)
    if not frame["status"].notna().any():
        lasted = dataset.sql(
            "select (epoch(max(event_ts)) - epoch(min(event_ts))) / 86400.0 as days from opportunity_events "
            "group by opportunity_id"
        )["days"]
        if len(lasted):
            figures |= {"cycle_days_median": float(lasted.median()), "cycle_days_mean": float(lasted.mean())}
        return figures
    ended = frame[frame["is_ended"] & ~frame["is_born_closed"] & frame["age_days"].notna()]
    won = ended.loc[ended["status"] == "won", "age_days"]
    if len(won):
        figures |= {"cycle_days_median_won": float(won.median()), "cycle_days_mean_won": float(won.mean())}
    if len(ended):
        lasted = ended["age_days"]
        figures |= {"cycle_days_median": float(lasted.median()), "cycle_days_mean": float(lasted.mean())}
    return figures


def signature(frame: pd.DataFrame) -> Figures:
    """What signing did to amounts: money at closing over money the day before, for deals won with a history of both."""
    won = frame[frame["is_ended"] & (frame["status"] == "won")].dropna(subset=["amount_before", "amount_at_close"])
    before = won["amount_before"].sum()
    change = float(won["amount_at_close"].sum() / before - 1) if before > 0 else None
    moved = won["amount_at_close"].round(2) != won["amount_before"].round(2)
    return {"signature_change": change, "signature_changed": int(moved.sum()), "signature_known": len(won)}
