"""What changed from the previous period: the bridge, retention, the life cycle, who moved class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.diagnostics.portfolio_review.settings import Thresholds
from salespilot.inference import Z95, shrunk_rates, wilson

STEPS = ("new", "won_back", "growing", "stable", "declining", "lost", "negative")
GAINS = ("new", "won_back", "growing")
LOSSES = ("declining", "lost")
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
    rows += [
        (step, int(size), float(amount)) for step, (size, amount) in zip(groups.index, groups.to_numpy(), strict=True)
    ]
    if abs(rest) >= 0.005:
        rows.append(("unattributed", 0, float(rest)))
    rows.append(("current", int((frame["net_revenue"] > 0).sum()), total_now))
    return pd.DataFrame(rows, columns=["step", "customer_count", "bridge_amount"])


def retained(now: pd.Series, before: pd.Series, segment: pd.Series) -> pd.DataFrame:
    """Retention of the customers active before, by segment (those without one are left out); one row a segment.

    customers_previous, customers_lost, attrition_rate = lost / active before, retention_gross = Σ min(max(now, 0),
    before) / Σ before with its 95 % bounds gross_low and gross_high (a ratio of two sums over customers),
    retention_net = Σ max(now, 0) / Σ before, attrition_low and attrition_high (Wilson), attrition_shrunk.
    """
    active = (before > 0) & segment.notna()
    table = pd.DataFrame({"segment": segment[active], "before": before[active], "kept": now[active].clip(lower=0)})
    table["secured"] = np.minimum(table["kept"], table["before"])
    table["is_lost"] = table["kept"] <= 0
    groups = table.groupby("segment")
    sums = groups[["before", "kept", "secured"]].sum()
    count, lost = groups.size(), groups["is_lost"].sum()
    gross = sums["secured"] / sums["before"]
    error = table["secured"] - table["segment"].map(gross).astype(float) * table["before"]
    spread = np.sqrt((error**2).groupby(table["segment"]).sum() * count / (count - 1).clip(lower=1)) / sums["before"]
    rows = pd.DataFrame({"customers_previous": count, "customers_lost": lost.astype(int)})
    rows["attrition_rate"] = lost / count
    rows["attrition_low"], rows["attrition_high"] = wilson(lost, count)
    rows["attrition_shrunk"] = shrunk_rates(lost, count)
    rows["retention_gross"] = gross
    rows["gross_low"], rows["gross_high"] = (gross - Z95 * spread).clip(lower=0), (gross + Z95 * spread).clip(upper=1)
    rows["retention_net"] = sums["kept"] / sums["before"]
    rows["life_years"] = 1 / rows["attrition_rate"].where(rows["attrition_rate"] > 0)
    return rows


def retention(frame: pd.DataFrame, small: int) -> pd.DataFrame:
    """`retained` in total (segment "total", first) and by class of the previous period; life_years = 1 / attrition.

    Rates of classes of fewer than ``small`` customers are NaN.
    """
    now, before = frame["net_revenue"], frame["net_revenue_previous"]
    whole = retained(now, before, pd.Series("total", index=frame.index))
    classes = retained(now, before, frame["class_from"])
    rows = pd.concat([whole, classes]).reindex(["total", "A", "B", "C"])
    counts = ["customers_previous", "customers_lost"]
    rows[counts] = rows[counts].fillna(0).astype(int)
    rows = pd.concat([rows.loc[["total"]], _counted(rows.drop("total"), small)])
    return rows.rename_axis("segment").reset_index()


def rep_retention(frame: pd.DataFrame, small: int) -> pd.DataFrame:
    """`retained` by salesperson who holds the customers today: rep_id, owner_name and its columns."""
    held = frame[frame["in_portfolio"]]
    rows = _counted(retained(held["net_revenue"], held["net_revenue_previous"], held["owner_id"]), small)
    names = held.drop_duplicates("owner_id").set_index("owner_id")["owner_name"]
    rows.insert(0, "owner_name", names.reindex(rows.index))
    return rows.rename_axis("rep_id").reset_index()


def _counted(rows: pd.DataFrame, small: int) -> pd.DataFrame:
    rates = rows.columns.difference(["customers_previous", "customers_lost", "attrition_shrunk"])
    rows.loc[rows["customers_previous"] < small, rates] = np.nan
    return rows


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
    months = months[candidates.index.get_indexer(pd.Index(months["customer_id"])) >= 0]
    age = last_month - months["month_index"]
    table = months.assign(age=age).pivot_table("net_revenue", "customer_id", "age", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=candidates.index, columns=range(2 * period + thresholds.seasonal_shift_months)).fillna(
        0.0
    )
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
        is_cured |= now > thresholds.erosion_kept_share * before
    on_time = (candidates["buying_status"] == "on_time").to_numpy()
    return pd.Series(is_seasonal & is_cured & on_time, index=candidates.index)
