"""Weekly activity of each salesperson against its own natural limits: who does less, before sales show it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.behaviour import behaviour, signal_rule
from salespilot.dataset import Dataset
from salespilot.diagnostics.dynamic_steering.model import Thresholds
from salespilot.periods import working_day_table

WEEK = pd.Timedelta(days=7)
FEW_WEEKS = 12
INTERNAL = ("admin", "training", "travel")


def weekly(dataset: Dataset, thresholds: Thresholds) -> pd.DataFrame:
    """Activity of each salesperson in post, week by week over the last whole weeks.

    Columns: rep_id, week, entries, activity_count (all but office work, training and travel: more cases than contacts
    alone, so that a fall shows sooner), working_days, weekly_rate (activities per five working days). A week without
    any entry at all is taken for an absence where the exported capacity has as many days off in its month, or where
    none was exported, and has no rate.
    """
    as_of = pd.Timestamp(dataset.as_of)
    last = as_of - pd.Timedelta(days=(as_of.weekday() + 1) % 7)  # the last Sunday
    first = last - thresholds.alert_weeks * WEEK + pd.Timedelta(days=1)
    rows = dataset.sql(
        f"select rep_id, date_trunc('week', done_date)::date as week, count(*) as entries, "
        f"count(*) filter (type is null or type not in {INTERNAL}) as activity_count from activities "
        "where rep_id is not null and coalesce(status, 'done') = 'done' and "
        f"done_date between date '{first.date()}' and date '{last.date()}' "
        "group by 1, 2"
    )
    rows["week"] = pd.to_datetime(rows["week"])
    reps = dataset.table("reps")
    in_post = reps[reps["end_date"].isna() | (reps["end_date"] > as_of)]
    weeks = pd.date_range(first, last, freq="7D")
    grid = pd.MultiIndex.from_product([in_post["rep_id"], weeks], names=["rep_id", "week"]).to_frame(index=False)
    table = grid.merge(rows, on=["rep_id", "week"], how="left").fillna({"entries": 0, "activity_count": 0})
    days = working_day_table(dataset, first.date(), last.date())
    worked = days[days["is_working_day"]].groupby(days["date"].dt.to_period("W-SUN").dt.start_time).size()
    table["working_days"] = table["week"].map(worked).fillna(0)
    started = table["rep_id"].map(reps.set_index("rep_id")["start_date"])
    table = table[started.isna() | (table["week"] >= started)]
    table["weekly_rate"] = (table["activity_count"] / table["working_days"] * 5).where(table["working_days"] > 1)
    table["weekly_rate"] = table["weekly_rate"].mask(_is_away(dataset, table))
    return table.sort_values(["rep_id", "week"], ignore_index=True)


def _is_away(dataset: Dataset, table: pd.DataFrame) -> pd.Series:
    nothing = table["entries"] == 0
    capacity = dataset.table("rep_capacity").dropna(subset="absence_days")
    if capacity.empty:
        return nothing
    capacity = capacity.assign(month=capacity["month"].dt.to_period("M"))
    off = capacity.groupby(["rep_id", "month"])["absence_days"].sum()
    middle = (table["week"] + pd.Timedelta(days=2)).dt.to_period("M")
    known = off.reindex(pd.MultiIndex.from_arrays([table["rep_id"], middle])).to_numpy()
    return nothing & (np.isnan(known) | (known >= table["working_days"] - 1))


def charted(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """The weeks with their limits: rep_id, owner_name, week, activity_count, weekly_rate, centre, lower, upper, signal.

    A negative lower limit is zero: the chart is one-sided.
    """
    parts = []
    for rep, rows in table.groupby("rep_id", sort=True):
        if rows["weekly_rate"].notna().sum() < FEW_WEEKS:
            continue
        chart = behaviour(rows["weekly_rate"].dropna())
        kept = rows[rows["weekly_rate"].notna()][["rep_id", "week", "activity_count", "weekly_rate"]].reset_index(
            drop=True
        )
        kept = pd.concat([kept, chart[["centre", "lower", "upper", "side", "is_outside", "is_run", "signal"]]], axis=1)
        kept["is_leaning"] = chart["is_leaning"]
        kept.insert(1, "owner_name", names.get(rep, rep))
        parts.append(kept)
    columns = [
        "rep_id",
        "owner_name",
        "week",
        "activity_count",
        "weekly_rate",
        "centre",
        "lower",
        "upper",
        "side",
        "signal",
    ]
    if not parts:
        return pd.DataFrame(columns=[*columns, "is_outside", "is_run", "is_leaning"])
    weeks = pd.concat(parts, ignore_index=True)
    return weeks.assign(lower=weeks["lower"].clip(lower=0.0))


def alerts(weeks: pd.DataFrame, growth: pd.Series, thresholds: Thresholds) -> pd.DataFrame:
    """One row a salesperson, those who signal first: rep_id, owner_name, week_count, centre, lower, last_weeks,
    last_rate, rate_change, signal, sales_growth, is_early_warning.

    ``last_rate`` is the mean of the last weeks below the centre in a row (at least ``alert_last``), ``rate_change`` its
    distance from the weeks before. ``signal``: "low" where the last weeks lie below the centre and one of them is
    beyond the strict limit or ends the strict run; "high" the reverse; "watch" where only the drawn limits flag the
    last week (rules 1 to 3), which is no signal; "none" else. ``sales_growth``: the last three months' sales over
    last year's.
    """
    rows = []
    for rep, own in weeks.groupby("rep_id", sort=True):
        last = own.tail(thresholds.alert_last)
        side = int(last["side"].iloc[-1])
        is_held = bool((last["side"] == side).all()) and side != 0
        run = int((own["side"][::-1] == side).cumprod().sum()) if side else 0
        recent = own.tail(max(run, thresholds.alert_last))
        word = {1: "high", -1: "low"}.get(side, "")
        signal = word if is_held and (recent["signal"] == word).any() else ""
        before = own.iloc[: len(own) - len(recent)]["weekly_rate"].mean()
        if not signal:
            signal = "watch" if last.iloc[-1][["is_outside", "is_run", "is_leaning"]].any() else "none"
        rows.append(
            {
                "rep_id": rep, "owner_name": own["owner_name"].iloc[0], "week_count": len(own),
                "centre": float(own["centre"].iloc[0]), "lower": float(own["lower"].iloc[0]),
                "last_weeks": len(recent), "last_rate": float(recent["weekly_rate"].mean()),
                "rate_change": float(recent["weekly_rate"].mean() / before - 1) if before > 0 else np.nan,
                "signal": signal, "sales_growth": float(growth.get(rep, np.nan)),
            }
        )  # fmt: skip
    columns = [
        "rep_id", "owner_name", "week_count", "centre", "lower", "last_weeks", "last_rate", "rate_change", "signal",
        "sales_growth",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table["is_early_warning"] = (table["signal"] == "low") & (table["sales_growth"] >= thresholds.results_ok)
    place = table["signal"].map({"low": 0, "high": 1, "watch": 2, "none": 3})
    order = pd.DataFrame({"place": place, "rate_change": table["rate_change"]})
    return table.loc[order.sort_values(["place", "rate_change"], kind="stable").index].reset_index(drop=True)


def growth_by_rep(sales: pd.DataFrame, dataset: Dataset) -> pd.Series:
    """Sales of the last three months over those of the same months last year, by rep_id."""
    as_of = pd.Timestamp(dataset.as_of)
    start = as_of - pd.DateOffset(months=3)
    year = pd.DateOffset(years=1)
    now = sales[sales["day"] > start].groupby("rep_id")["amount"].sum()
    then = sales[(sales["day"] > start - year) & (sales["day"] <= as_of - year)].groupby("rep_id")["amount"].sum()
    return (now / then.where(then > 0)).rename("sales_growth")


def false_alarm_share(thresholds: Thresholds) -> float:
    """The share of salespeople whose chart signals by chance."""
    return signal_rule(thresholds.alert_weeks).false_alarm_share
