"""Where the effort goes against where the money and the headroom are, and what it costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.portfolio_review.settings import Thresholds
from salespilot.inference import lorenz

POINTS = 200


def deciles(frame: pd.DataFrame) -> pd.DataFrame:
    """Buyers in ten groups of equal number, biggest revenue first.

    decile, customer_count, net_revenue, revenue_share, f2f_count, visits_per_customer, headroom (of known potential),
    headroom_share.
    """
    buyers = frame[frame["net_revenue"] > 0].sort_values("net_revenue", ascending=False, kind="stable")
    number = np.arange(len(buyers)) * 10 // max(len(buyers), 1) + 1
    table = buyers.groupby(number).agg(
        customer_count=("net_revenue", "size"), net_revenue=("net_revenue", "sum"), f2f_count=("f2f_count", "sum")
    )
    table["headroom"] = buyers.groupby(number)["headroom"].sum(min_count=1)
    table.insert(2, "revenue_share", table["net_revenue"] / table["net_revenue"].sum())
    table["visits_per_customer"] = table["f2f_count"] / table["customer_count"]
    table["headroom_share"] = table["headroom"] / table["headroom"].sum()
    return table.rename_axis("decile").reset_index()


def concentration_curves(frame: pd.DataFrame, effort: pd.Series | None) -> pd.DataFrame:
    """Shares of revenue, visits and headroom reached by the first customers, ranked by revenue for all three.

    measure (revenue, visits, headroom), customer_share, cum_share; at most 200 points a curve. Ranked alike, the
    curves part where effort and headroom do not follow revenue.
    """
    served = frame[(frame["net_revenue"] > 0) | (effort > 0 if effort is not None else False) | (frame["headroom"] > 0)]
    measures = {"revenue": served["net_revenue"].clip(lower=0), "headroom": served["headroom"]}
    if effort is not None:
        measures["visits"] = effort.reindex(served.index)
    curves = []
    for word, values in measures.items():
        if values.fillna(0).sum() > 0:
            points = lorenz(values, order_by=served["net_revenue"])
            kept = np.unique(np.linspace(0, len(points) - 1, min(len(points), POINTS)).round().astype(int))
            curves.append(points.iloc[kept].assign(measure=word))
    columns = {"population_share": "customer_share", "value_share": "cum_share"}
    return pd.concat(curves, ignore_index=True).rename(columns=columns)[["measure", *columns.values()]]


def unit_costs(dataset: Dataset, owners: pd.Series) -> pd.DataFrame | None:
    """Cost of a visit, a call and an order for each customer, by its owner's role; None without ``costs``.

    A role without a row takes that of ``all``, else the mean of the roles.
    """
    costs = dataset.table("costs").set_index("role")[["visit_cost", "call_cost", "order_cost"]].astype(float)
    if costs.empty or costs["visit_cost"].isna().all():
        return None
    usual = costs.loc["all"] if "all" in costs.index else costs.mean()
    role = owners.map(dataset.table("reps").set_index("rep_id")["role"])
    table = costs.reindex(role.to_numpy()).set_axis(owners.index)
    return table.fillna(usual).fillna(0.0)


def cost_to_serve(frame: pd.DataFrame, costs: pd.DataFrame, orders: pd.Series, selling_share: float) -> None:
    """Add order_count, cost_to_serve, net_contribution and max_affordable_visits to the customers."""
    frame["order_count"] = orders.reindex(frame.index).fillna(0).astype(int)
    frame["cost_to_serve"] = (
        frame["f2f_count"] * costs["visit_cost"]
        + frame["remote_count"] * costs["call_cost"]
        + frame["order_count"] * costs["order_cost"]
    )
    margin = frame["gross_margin"].where(frame["has_lines"], 0.0)
    frame["net_contribution"] = margin - frame["cost_to_serve"]
    affordable = margin.clip(lower=0) * selling_share / costs["visit_cost"].where(costs["visit_cost"] > 0)
    frame["max_affordable_visits"] = np.floor(affordable + 1e-9)


def costs_by_class(frame: pd.DataFrame) -> pd.DataFrame:
    """abc_class, customer_count, f2f_count, remote_count, order_count, cost_to_serve, gross_margin, net_contribution,
    loss_count (customers whose service costs more than their margin)."""
    table = frame.assign(loss_count=frame["net_contribution"] < 0).groupby("abc_class")
    sums = table[
        [
            "f2f_count",
            "remote_count",
            "order_count",
            "cost_to_serve",
            "gross_margin",
            "net_contribution",
            "loss_count",
        ]
    ].sum()
    sums.insert(0, "customer_count", table.size())
    return sums.reindex([word for word in "ABCZN" if word in sums.index]).reset_index()


def equipment(dataset: Dataset, frame: pd.DataFrame, thresholds: Thresholds, few: int) -> pd.Series:
    """Families bought in the period over the families that concern the customer's sector; NaN without a purchase.

    A family concerns a sector when ``family_min_share`` of its buyers buy it (of all buyers, for a sector of few).
    """
    bought = dataset.mart("customer_families").query("net_revenue > 0")
    buyers = frame[frame["net_revenue"] > 0]
    sector = buyers["sector_code"].astype(object)
    sizes = sector.value_counts()
    sector = sector.where(sector.map(sizes) >= few, "").fillna("")
    bought = bought.assign(sector=bought["customer_id"].map(sector)).dropna(subset="sector")
    share = bought.groupby(["sector", "product_family"]).size() / sector.value_counts().rename_axis("sector")
    relevant = share[share >= thresholds.family_min_share]
    wanted = relevant.groupby(level="sector").size()
    known = bought.set_index(["sector", "product_family"]).index.isin(relevant.index)
    count = bought[known].groupby("customer_id").size().reindex(buyers.index).fillna(0)
    return (count / sector.map(wanted)).reindex(frame.index)
