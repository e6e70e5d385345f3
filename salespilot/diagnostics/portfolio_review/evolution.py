"""What changed from the previous period: the bridge, retention, the life cycle, who moved class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.conventions import Conventions
from salespilot.diagnostics.portfolio_review.settings import Thresholds
from salespilot.inference import shrunk_rates, wilson

STEPS = ("new", "won_back", "growing", "stable", "declining", "lost", "negative")
LIFE = ("start", "growth", "mature", "ageing")


def bridge_status(frame: pd.DataFrame, bought_before: pd.Series, growth: float) -> pd.Series:
    """How each customer's revenue moved: new, won_back, growing, stable, declining, lost, negative; NaN: no line.

    ``bought_before``: flags of those with revenue before the previous period. Negative: credited on both sides.
    """
    now, before = frame["net_revenue"], frame["net_revenue_previous"]
    change = frame["growth_rate"]
    status = np.select(
        [
            (before <= 0) & (now > 0) & bought_before,
            (before <= 0) & (now > 0),
            (before > 0) & (now <= 0),
            (before > 0) & (change >= growth),
            (before > 0) & (change <= -growth),
            before > 0,
        ],
        ["won_back", "new", "lost", "growing", "declining", "stable"],
        "negative",
    )
    moved = (now != 0) | (before != 0)
    return pd.Series(status, index=frame.index).where(moved)


def bridge(frame: pd.DataFrame, total_before: float, total_now: float) -> pd.DataFrame:
    """From the previous period's net revenue to this one's: step, customer_count, bridge_amount.

    Steps add up to the difference of the totals; what no customer accounts for is ``unattributed``.
    """
    groups = frame.groupby("bridge_status")["net_revenue_change"].agg(["size", "sum"]).reindex(STEPS)
    groups = groups[groups["size"] > 0]
    rest = (total_now - frame["net_revenue"].sum()) - (total_before - frame["net_revenue_previous"].sum())
    rows = [("previous", int((frame["net_revenue_previous"] > 0).sum()), total_before)]
    rows += [(step, int(size), float(amount)) for step, (size, amount) in zip(groups.index, groups.to_numpy(), strict=True)]
    if abs(rest) >= 0.005:
        rows.append(("unattributed", 0, float(rest)))
    rows.append(("current", int((frame["net_revenue"] > 0).sum()), total_now))
    return pd.DataFrame(rows, columns=["step", "customer_count", "bridge_amount"])


def retained(now: pd.Series, before: pd.Series) -> dict[str, float]:
    """Gross and net retention and attrition of the customers active before; NaN where there is none.

    GRR = Σ min(max(now, 0), before) / Σ before; NRR = Σ max(now, 0) / Σ before; attrition = lost / active before.
    """
    active = before > 0
    kept, base = now[active].clip(lower=0), before[active]
    count, lost = int(active.sum()), int((kept <= 0).sum())
    total = base.sum()
    return {
        "customers_previous": count,
        "customers_lost": lost,
        "attrition_rate": lost / count if count else np.nan,
        "retention_gross": float(np.minimum(kept, base).sum() / total) if count else np.nan,
        "retention_net": float(kept.sum() / total) if count else np.nan,
    }


def retention(frame: pd.DataFrame, conventions: Conventions) -> pd.DataFrame:
    """Retention in total and by the class of the previous period, with Wilson bounds and the shrunk attrition.

    segment ("total", "A", "B", "C"), customers_previous, customers_lost, attrition_rate, attrition_low,
    attrition_high, attrition_shrunk, retention_gross, retention_net, life_years (1 / attrition). Rates of fewer than
    ``small_n_hide`` customers are NaN.
    """
    rows = [{"segment": "total"} | retained(frame["net_revenue"], frame["net_revenue_previous"])]
    for word in "ABC":
        part = frame[frame["class_from"] == word]
        rows.append({"segment": word} | retained(part["net_revenue"], part["net_revenue_previous"]))
    return _judged(pd.DataFrame(rows), conventions)


def rep_retention(frame: pd.DataFrame, conventions: Conventions) -> pd.DataFrame:
    """Retention by salesperson who holds the customers today: rep_id, owner_name and the columns of `retention`."""
    rows = []
    for rep, part in frame[frame["in_portfolio"]].groupby("owner_id"):
        line = {"rep_id": rep, "owner_name": part["owner_name"].iloc[0]}
        rows.append(line | retained(part["net_revenue"], part["net_revenue_previous"]))
    if not rows:
        return pd.DataFrame(columns=["rep_id", "owner_name", "customers_previous"])
    return _judged(pd.DataFrame(rows), conventions)


def _judged(table: pd.DataFrame, conventions: Conventions) -> pd.DataFrame:
    lost, count = table["customers_lost"], table["customers_previous"]
    table["attrition_low"], table["attrition_high"] = wilson(lost, count)
    parts = table.get("segment", pd.Series("", index=table.index)) != "total"
    table["attrition_shrunk"] = table["attrition_rate"]
    table.loc[parts, "attrition_shrunk"] = shrunk_rates(lost[parts], count[parts])
    table["life_years"] = 1 / table["attrition_rate"].where(table["attrition_rate"] > 0)
    rates = [c for c in table.columns if c not in ("segment", "rep_id", "owner_name", "customers_previous", "customers_lost")]
    few = count < conventions.small_n_hide
    table.loc[few, [c for c in rates if c != "attrition_shrunk"]] = np.nan
    return table


def life_cycle(frame: pd.DataFrame, growth: float) -> pd.Series:
    """Where each customer with revenue stands: start (first bought in the last 12 months), growth, ageing, mature."""
    change = frame["growth_rate"]
    stage = np.select(
        [frame["is_new"], (frame["net_revenue_previous"] <= 0) | (change >= growth), change <= -growth],
        ["start", "growth", "ageing"],
        "mature",
    )
    return pd.Series(stage, index=frame.index).where(frame["net_revenue"] > 0)


def by_life_cycle(frame: pd.DataFrame) -> pd.DataFrame:
    """life_cycle, customer_count, customer_share, net_revenue, revenue_share."""
    table = frame.groupby("life_cycle").agg(customer_count=("net_revenue", "size"), net_revenue=("net_revenue", "sum"))
    table = table.reindex(LIFE).fillna(0)
    table["customer_count"] = table["customer_count"].astype(int)
    table.insert(1, "customer_share", table["customer_count"] / max(table["customer_count"].sum(), 1))
    table["revenue_share"] = table["net_revenue"] / table["net_revenue"].sum() if len(frame) else np.nan
    return table.reset_index()


def migration(frame: pd.DataFrame) -> pd.DataFrame:
    """Who moved class: class_from, class_to, customer_count, net_revenue_change; from best to worst."""
    moved = frame[frame["bridge_status"].notna()].assign(class_to=frame["abc_class"])
    table = moved.groupby(["class_from", "class_to"], as_index=False).agg(
        customer_count=("net_revenue", "size"), net_revenue_change=("net_revenue_change", "sum")
    )
    rank = {word: i for i, word in enumerate("ABCZN")}
    return table.sort_values(["class_from", "class_to"], key=lambda column: column.map(rank), ignore_index=True)


def eroding_by_season(
    candidates: pd.DataFrame, months: pd.DataFrame, last_month: int, period: int, thresholds: Thresholds
) -> pd.Series:
    """Flags of the customers whose fall is only a purchase of the season on the other side of the date.

    ``candidates``: customers, indexed by id, with ``buying_status``. ``months``: customer_months of the two periods
    and the ``seasonal_shift_months`` before them; ``last_month``: 12·year + month of the end of the period, which is
    ``period`` months long. True where most of the revenue falls in three neighbouring months of the year, the
    customer is not late on its own rhythm, and the fall disappears when both periods are moved back by a month or two.
    """
    months = months[months["customer_id"].isin(candidates.index)]
    age = last_month - months["month_index"]
    table = months.assign(age=age).pivot_table("net_revenue", "customer_id", "age", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=candidates.index, columns=range(2 * period + thresholds.seasonal_shift_months)).fillna(0.0)
    values = table.to_numpy(dtype=float)
    year = np.zeros((len(values), 12))
    for lag in range(2 * period):
        year[:, lag % 12] += values[:, lag].clip(min=0)
    total = year.sum(axis=1)
    best = (year + np.roll(year, -1, axis=1) + np.roll(year, -2, axis=1)).max(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        is_seasonal = best / total >= thresholds.seasonal_share
    is_cured = np.zeros(len(values), dtype=bool)
    for shift in range(1, thresholds.seasonal_shift_months + 1):
        now = values[:, shift : shift + period].sum(axis=1)
        before = values[:, shift + period : shift + 2 * period].sum(axis=1)
        is_cured |= now > thresholds.erosion_ratio * before
    on_time = (candidates["buying_status"] == "on_time").to_numpy()
    return pd.Series(is_seasonal & is_cured & on_time, index=candidates.index)
