"""The lists of the portfolio review that are read row by row, cut out of its customers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.portfolio_review.flags import DECISIONS
from salespilot.inference import gini, hhi

# fmt: off
OPTIONAL = (
    "coverage", "reps", "groups", "deciles", "service", "curves", "bridge", "retention", "rep_retention", "life_cycle",
    "migration", "sleeping", "costs", "loss_makers", "reallocation", "actions",
)
OF_PORTFOLIOS = (
    "coverage", "reps", "coverage_rate", "coverage_rate_a", "revenue_covered_share", "potential_covered_share",
    "compliance", "over_service_rate",
)
OF_ACTIVITIES = (
    *OF_PORTFOLIOS, "groups", "deciles", "service", "reallocation", "misalignment_revenue", "misalignment_margin",
    "misalignment_headroom", "misalignment_headroom_after", "hours_moved", "reallocation_gain", "timed_share",
    "top_decile_revenue_share", "top_decile_visits_share", "under_served_customers", "over_served_customers",
)
OF_PREVIOUS = (
    "bridge", "retention", "rep_retention", "life_cycle", "migration", "retention_gross", "retention_net",
    "attrition_rate", "net_revenue_previous", "revenue_gained", "revenue_eroded", "upgraded_count",
    "downgraded_count",
)
CUSTOMER_COLUMNS = (
    "customer_name", "owner_name", "decision", "abc_class", "class_from", "rank", "net_revenue",
    "net_revenue_previous", "growth_rate", "share", "cum_share", "gross_margin", "potential_accessible", "headroom",
    "potential_class", "is_stale", "cell", "f2f_count", "target_f2f", "compliance", "remote_count", "contact_status",
    "service_zone", "last_contact_date", "order_days", "last_order_date", "mean_gap_days", "gap_days",
    "buying_status", "life_cycle", "bridge_status", "equipment_rate", "cost_to_serve", "net_contribution",
    "max_affordable_visits", "is_new", "is_one_off", "parent_customer_id", "owner_id", "customer_id",
)
REP_COLUMNS = [
    "owner_name", "team_id", "role", "customer_count", "portfolio_revenue", "met_count", "coverage_rate",
    "coverage_low", "coverage_high", "coverage_shrunk", "no_contact_count", "no_contact_share", "no_contact_low",
    "no_contact_high", "no_contact_shrunk", "compliance", "over_service_rate", "worked_days", "activity_count",
    "activities_per_day", "activity_ratio", "revenue_ratio", "is_ramping", "is_logging", "rep_id",
]
BY_REP = {
    "reps": "rep_id", "rep_retention": "rep_id", "reallocation": "rep_id", "actions": "owner_rep_id",
}
# fmt: on
SLEEPING_ROWS = 20
TOP = (1, 5, 10)


def customers(frame: pd.DataFrame) -> pd.DataFrame:
    """What is shown of each customer, in the order given; measures that the exports do not feed are left out."""
    table = frame.reset_index()
    return table[[column for column in CUSTOMER_COLUMNS if column in table]]


def concentration(frame: pd.DataFrame, has_previous: bool) -> pd.DataFrame:
    """One row a period ("current", "previous"): positive_customers, top1_share, top5_share, top10_share,
    top20pct_share, gini, hhi, effective_customers; missing where nothing was bought."""
    rows = [{"period": "current"} | _measures(frame["net_revenue"])]
    if has_previous:
        rows.append({"period": "previous"} | _measures(frame["net_revenue_previous"]))
    names = [f"top{k}_share" for k in TOP]
    columns = ["period", "positive_customers", *names, "top20pct_share", "gini", "hhi", "effective_customers"]
    return pd.DataFrame(rows, columns=columns)


def _measures(net: pd.Series) -> dict[str, float]:
    positive = np.sort(net[net > 0].to_numpy())[::-1]
    if len(positive) == 0:
        return {"positive_customers": 0}
    share = np.cumsum(positive) / positive.sum()
    fifth = int(np.ceil(0.2 * len(share) - 1e-9))
    return {f"top{k}_share": float(share[min(k, len(share)) - 1]) for k in TOP} | {
        "top20pct_share": float(share[fifth - 1]),
        "gini": gini(positive),
        "hhi": hhi(positive),
        "effective_customers": 1 / hhi(positive),
        "positive_customers": len(positive),
    }


def overdue(frame: pd.DataFrame) -> pd.DataFrame:
    """Customers late or dormant on their own rhythm, those who bought most over 24 months first."""
    rows = frame[frame["buying_status"].isin(["late", "dormant"])]
    rows = rows.sort_values(["past_revenue", "gap_days"], ascending=False, kind="stable")
    columns = [
        "customer_id",
        "customer_name",
        "owner_id",
        "owner_name",
        "abc_class",
        "buying_status",
        "past_revenue",
        "order_days",
        "mean_gap_days",
        "gap_days",
        "gap_ratio",
        "order_probability",
        "last_order_date",
    ]
    return rows.reset_index()[columns]


def service(frame: pd.DataFrame) -> pd.DataFrame:
    """Customers of the period or visited in it: what they buy, visits done and due, and ``service_zone``."""
    rows = frame[(frame["net_revenue"] > 0) | (frame["f2f_count"] > 0)]
    rows = rows.sort_values("net_revenue", ascending=False, kind="stable").reset_index()
    return rows[
        ["customer_name", "owner_name", "net_revenue", "f2f_count", "target_f2f", "service_zone", "customer_id"]
    ]


def sleeping(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Euros that nobody goes after: headroom of customers not met or dormant, past revenue of dormant ones.

    The 20 biggest: customer_name, owner_name, sleeping_amount (a year), sleeping_kind (headroom or dormant),
    net_revenue, buying_status, contact_status, customer_id. None where neither is known.
    """
    is_dormant = frame["buying_status"].isin(["dormant"])
    lost = (frame["past_yearly"] - frame["net_revenue"].clip(lower=0)).clip(lower=0).where(is_dormant, 0.0)
    headroom = frame["headroom"].fillna(0.0)
    if "f2f_count" in frame:
        headroom = headroom.where(frame["contact_status"].isin(["not_seen", "remote_only"]) | is_dormant, 0.0)
    else:
        headroom = headroom.where(is_dormant, 0.0)
    rows = frame.assign(
        sleeping_amount=np.maximum(headroom, lost),
        sleeping_kind=np.where(headroom >= lost, "headroom", "dormant"),
    )
    rows = rows[rows["sleeping_amount"] > 0]
    if rows.empty:
        return None
    rows = rows.sort_values("sleeping_amount", ascending=False, kind="stable").head(SLEEPING_ROWS)
    columns = [
        "customer_name",
        "owner_name",
        "sleeping_amount",
        "sleeping_kind",
        "net_revenue",
        "buying_status",
        "contact_status",
        "customer_id",
    ]
    return rows.reset_index()[columns]


def loss_makers(frame: pd.DataFrame) -> pd.DataFrame:
    """Customers visited whose service costs more than their margin, the dearest first."""
    rows = frame[(frame["net_contribution"] < 0) & (frame["f2f_count"] > 0)].sort_values(
        "net_contribution", kind="stable"
    )
    columns = [
        "customer_name",
        "owner_name",
        "abc_class",
        "net_revenue",
        "gross_margin",
        "cost_to_serve",
        "net_contribution",
        "f2f_count",
        "max_affordable_visits",
        "customer_id",
    ]
    return rows.reset_index()[columns]


def decisions(frame: pd.DataFrame) -> pd.DataFrame:
    """decision, customer_count, customer_share, net_revenue, revenue_share; the most pressing first."""
    table = frame.groupby("decision").agg(customer_count=("net_revenue", "size"), net_revenue=("net_revenue", "sum"))
    table = table.reindex([word for word in DECISIONS if word in table.index])
    table.insert(1, "customer_share", table["customer_count"] / max(len(frame), 1))
    total = table["net_revenue"].sum()
    table["revenue_share"] = table["net_revenue"] / total if total > 0 else np.nan
    return table.reset_index()


def decided(frame: pd.DataFrame) -> pd.DataFrame:
    """Customers that call for a decision, the most pressing decision first, then by revenue of 24 months; measures
    that the exports do not feed are missing."""
    rank = {word: place for place, word in enumerate(DECISIONS)}
    rows = frame[frame["decision"] != "keep"].reset_index()
    rows = rows.assign(_rank=rows["decision"].map(rank)).sort_values(
        ["_rank", "past_revenue"], ascending=[True, False], kind="stable"
    )
    columns = [
        "decision",
        "customer_name",
        "owner_name",
        "abc_class",
        "net_revenue",
        "net_revenue_previous",
        "headroom",
        "f2f_count",
        "target_f2f",
        "customer_id",
    ]
    return rows.reindex(columns=columns).reset_index(drop=True)


def actions(dataset: Dataset) -> pd.DataFrame | None:
    """Actions decided at earlier reviews of the portfolio: title, owner, due date, state, progress, ``is_overdue``."""
    if not dataset.has("actions"):
        return None
    table = dataset.table("actions")
    table = table[table["source"].isin(["portfolio", "abc"])]
    table = table.assign(
        owner_name=table["owner_rep_id"].map(dataset.names("reps")),
        is_overdue=(table["due_date"] < pd.Timestamp(dataset.as_of)) & ~table["status"].isin(["done", "dropped"]),
    )
    columns = ["action_id", "title", "owner_rep_id", "owner_name", "due_date", "status", "progress", "is_overdue"]
    return table.sort_values(["due_date", "action_id"])[columns].reset_index(drop=True)
