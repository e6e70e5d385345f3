"""How deals flow through the stages: how many enter, advance, die or stay, and how long it takes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.deals import stage_names, stage_table
from salespilot.diagnostics.sales_cycle.settings import Thresholds
from salespilot.inference import wilson

DAY = pd.Timedelta(days=1)


def passages(dataset: Dataset, stays: pd.DataFrame, frame: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a deal and open stage that it entered: when first, what became of it, and when.

    ``outcome``: advanced (it later reached a later stage or was won, whatever it skipped or went back to), lost,
    cancelled, or open (it may still advance). ``days``: from entering to advancing or ending, else to as_of. Clean-ups
    of the list are left out: their date says nothing. ``is_mature``: entered so long ago that ``maturity_quantile`` of
    those that advanced or ended had done so.
    """
    order = stage_table(dataset).set_index("stage_code")["stage_order"]
    rows = stays.merge(
        frame[["opportunity_id", "status", "amount", "created_date", "rep_id", "owner_name", "is_cleanup", "type"]],
        on="opportunity_id",
    )
    rows = rows[~rows["is_cleanup"] & rows["entered"].notna()].copy()
    rows["own"] = rows["stage_code"].map(order).astype(float)
    target = rows["exit_to"].map(order).astype(float)
    target = target.mask(rows["exit_to"] == "won", np.inf).fillna(-np.inf)
    rows["target"] = target
    grouped = rows[::-1].groupby("opportunity_id", sort=False)
    rows["furthest"] = grouped["target"].cummax()
    first = rows.drop_duplicates(["opportunity_id", "stage_code"]).copy()
    first["advanced"] = (first["furthest"] > first["own"]) & first["own"].notna()
    ends = rows.groupby("opportunity_id")["exited"].max()
    first["ended"] = first["opportunity_id"].map(ends)
    jump = rows[rows["target"] > rows["own"]]
    # The first time that a deal gets beyond a stage: it may go back before it does.
    passed = first[first["advanced"]].merge(jump[["opportunity_id", "exited", "target"]], on="opportunity_id")
    passed = passed[(passed["target_y"] > passed["own"]) & (passed["exited_y"] >= passed["entered"])]
    when = passed.groupby(["opportunity_id", "stage_code"])["exited_y"].min().rename("passed")
    first = first.merge(when, left_on=["opportunity_id", "stage_code"], right_index=True, how="left")
    as_of = pd.Timestamp(dataset.as_of) + DAY
    closed = first["status"].isin(["lost", "cancelled"])
    first["outcome"] = np.select([first["advanced"], closed], ["advanced", first["status"].astype(object)], "open")
    end = first["passed"].where(first["advanced"], first["ended"].where(closed, as_of))
    first["days"] = _days(end - first["entered"]).clip(lower=0)
    resolved = first[first["outcome"] != "open"]
    needed = resolved.groupby("stage_code")["days"].quantile(thresholds.maturity_quantile)
    first["is_mature"] = _days(as_of - first["entered"]) >= first["stage_code"].map(needed).astype(float)
    kept = ["opportunity_id", "stage_code", "entered", "outcome", "days", "is_mature", "amount", "created_date"]
    return first[[*kept, "rep_id", "owner_name", "type", "ended", "own"]].sort_values(
        ["own", "stage_code", "entered", "opportunity_id"], ignore_index=True
    )


def _days(length: pd.Series) -> pd.Series:
    return length.dt.total_seconds() / 86400


def by_stage(dataset: Dataset, passed: pd.DataFrame) -> pd.DataFrame:
    """One row a stage, over the deals that entered it in the period: the river.

    entrants, entered_value, advanced, advanced_value, lost (with cancelled), lost_value, open_count, open_value, and
    conversion: of the ``mature`` entrants those that advanced (``converted``), with its 95 % interval.
    """
    rows = _in_window(dataset, passed)
    rows = rows.assign(outcome=rows["outcome"].replace({"cancelled": "lost"}))
    names = stage_names(dataset)
    table = rows.groupby("stage_code", sort=False).agg(
        entrants=("opportunity_id", "size"), entered_value=("amount", "sum")
    )
    for word, column in (("advanced", "advanced"), ("lost", "lost"), ("open", "open")):
        part = rows[rows["outcome"] == word].groupby("stage_code")
        table[f"{column}_count"] = part.size().reindex(table.index, fill_value=0)
        table[f"{column}_value"] = part["amount"].sum().reindex(table.index, fill_value=0.0)
    mature = rows[rows["is_mature"]]
    table["mature"] = mature.groupby("stage_code").size().reindex(table.index, fill_value=0)
    table["converted"] = (
        mature[mature["outcome"] == "advanced"].groupby("stage_code").size().reindex(table.index, fill_value=0)
    )
    enough = table["mature"] >= dataset.conventions.small_n_hide
    table["conversion"] = (table["converted"] / table["mature"].where(table["mature"] > 0)).where(enough)
    low, high = wilson(table["converted"], table["mature"])
    table["conversion_low"] = pd.Series(low, index=table.index).where(enough)
    table["conversion_high"] = pd.Series(high, index=table.index).where(enough)
    table.insert(0, "stage", names.reindex(table.index))
    return table.reset_index()


def _in_window(dataset: Dataset, passed: pd.DataFrame) -> pd.DataFrame:
    end = pd.Timestamp(dataset.window.end) + DAY
    start = pd.Timestamp(dataset.window.start)
    return passed[(passed["entered"] < end) & (passed["entered"] >= start)] if dataset.months else passed


def cohorts(dataset: Dataset, passed: pd.DataFrame) -> pd.DataFrame:
    """One row a quarter of creation and stage: entrants, converted, conversion where all of them are mature.

    A quarter with a young entrant has no rate: it would look worse than it is [S67]; nor has one of too few.
    """
    quarter = passed["created_date"].dt.to_period("Q").dt.start_time
    grouped = passed.assign(cohort=quarter, converted=passed["outcome"] == "advanced").groupby(["cohort", "stage_code"])
    table = grouped.agg(
        entrants=("opportunity_id", "size"), converted=("converted", "sum"), is_mature=("is_mature", "all")
    ).reset_index()
    enough = table["is_mature"] & (table["entrants"] >= dataset.conventions.small_n_hide)
    table["conversion"] = (table["converted"] / table["entrants"]).where(enough)
    order = stage_table(dataset).set_index("stage_code")["stage_order"]
    table = table.assign(own=table["stage_code"].map(order)).sort_values(["cohort", "own", "stage_code"])
    table.insert(2, "stage", table["stage_code"].map(stage_names(dataset)))
    return table.drop(columns="own").reset_index(drop=True)


def times(dataset: Dataset, passed: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a stage: how long the deals that advanced took, and the ages from which one left is watched or stalled.

    advanced_count, median_days, p75_days, p90_days, lost_median_days, watch_days, stalled_days, and age_basis: own
    (quantiles of the stage), median (``fallback_factor`` times its median, from ``min_stays`` down), or None.
    """
    recent = passed["entered"] >= pd.Timestamp(dataset.as_of) - pd.DateOffset(months=thresholds.lookback_months)
    rows = passed[recent]
    order = rows["stage_code"].drop_duplicates()
    done = rows[rows["outcome"] == "advanced"].groupby("stage_code")["days"]
    table = pd.DataFrame(index=pd.Index(order, name="stage_code"))
    table["advanced_count"] = done.size().reindex(order, fill_value=0).to_numpy()
    table["median_days"] = done.median().reindex(order).to_numpy()
    table["p75_days"] = done.quantile(0.75).reindex(order).to_numpy()
    table["p90_days"] = done.quantile(0.90).reindex(order).to_numpy()
    lost = rows[rows["outcome"].isin(["lost", "cancelled"])].groupby("stage_code")["days"]
    table["lost_median_days"] = lost.median().reindex(order).to_numpy()
    own = table["advanced_count"] >= thresholds.min_stays
    watch = done.quantile(thresholds.watch_quantile).reindex(order).to_numpy()
    stalled = done.quantile(thresholds.stalled_quantile).reindex(order).to_numpy()
    fallback = thresholds.fallback_factor * table["median_days"]
    table["watch_days"] = np.where(own, watch, table["median_days"])
    table["stalled_days"] = np.where(own, stalled, fallback)
    table["age_basis"] = np.where(own, "own", "median")
    hidden = table["advanced_count"] < dataset.conventions.small_n_hide
    table.loc[hidden, ["watch_days", "stalled_days"]] = np.nan
    table.loc[hidden, "age_basis"] = None
    table.insert(0, "stage", stage_names(dataset).reindex(table.index))
    return table.reset_index()


def durations(dataset: Dataset, passed: pd.DataFrame, thresholds: Thresholds, bins: int = 40) -> pd.DataFrame:
    """One row a stage and length of stay: how many of the deals that advanced took that long (share of the stage).

    Columns: stage_code, stage, days (the middle of the class), advanced_count, advanced_share. One scale for all
    stages, up to the longest of their 95th centiles.
    """
    recent = passed["entered"] >= pd.Timestamp(dataset.as_of) - pd.DateOffset(months=thresholds.lookback_months)
    rows = passed[recent & (passed["outcome"] == "advanced")]
    if rows.empty:
        return pd.DataFrame(columns=["stage_code", "stage", "days", "advanced_count", "advanced_share"])
    top = max(float(rows.groupby("stage_code")["days"].quantile(0.95).max()), 1.0)
    edges = np.linspace(0, top, bins + 1)
    parts = []
    for code, days in rows.groupby("stage_code", sort=False)["days"]:
        count = np.histogram(days.clip(upper=top), edges)[0]
        middle = (edges[1:] + edges[:-1]) / 2
        parts.append(
            pd.DataFrame(
                {"stage_code": code, "days": middle, "advanced_count": count, "advanced_share": count / count.sum()}
            )
        )
    table = pd.concat(parts, ignore_index=True)
    table.insert(1, "stage", table["stage_code"].map(stage_names(dataset)))
    return table
