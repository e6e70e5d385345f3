"""Which customers each rule speaks of (method, section 2 e), as flags over the customers of a Result."""

from __future__ import annotations

import pandas as pd

from salespilot.diagnostics.portfolio_review.settings import Thresholds

DECISIONS = ("reactivate", "secure", "shift", "cap", "intensify", "keep")


def fallen(customers: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """Those whose revenue fell over whole years, whatever the season: for real, and enough to weigh in their portfolio.

    Not those who are new, nor where the fall is this period's credit notes on the previous one's invoices, or the end
    of a one-off project.
    """
    now, before, ratio = customers["net_revenue"], customers["net_revenue_previous"], thresholds.erosion_kept_share
    portfolio = before.groupby(customers["owner_id"].fillna("")).transform("sum")
    portfolio = portfolio.where(customers["owner_id"].notna(), before.sum())
    rest = before - customers["largest_line_previous"]
    is_project = customers["largest_line_previous"] > thresholds.one_off_share * customers["positive_revenue_previous"]
    # Whoever buys once a year, every year, has one line a year and no project.
    is_project &= (rest > 0) | customers["mean_gap_days"].isna()
    is_project_end = is_project & (now > ratio * rest)
    return (
        customers["is_yearly"]
        & (before > 0)
        & (now <= ratio * before)
        & (customers["positive_revenue"] <= ratio * (before - customers["credits"]))
        & (before - now >= thresholds.erosion_rep_share * portfolio)
        & ~customers["is_new"]
        & ~is_project_end
    )


def flags(customers: pd.DataFrame, thresholds: Thresholds, is_separating: bool) -> pd.DataFrame:
    """One column a rule, one row a customer; rules whose measures are absent, or need classes that do not separate,
    speak of nobody.

    secure (R1), nugget and growing_nugget (R2), loss_making (R3), dormant (R4), eroding (R5), over_served (R6),
    dependent (R7).
    """
    table = pd.DataFrame(False, index=customers.index, columns=["secure", "nugget", "growing_nugget", "loss_making",
                         "dormant", "eroding", "over_served", "dependent"])  # fmt: skip
    table["dependent"] = customers["share"] > thresholds.dependence_alert_share
    actives = customers.loc[customers["net_revenue"] > 0, "past_revenue"]
    is_dormant = customers["buying_status"] == "dormant"
    table["dormant"] = is_dormant & (customers["past_revenue"] >= actives.median()) & (customers["past_revenue"] > 0)
    if "net_revenue_previous" in customers and customers["net_revenue_previous"].notna().any():
        table["eroding"] = fallen(customers, thresholds) & ~customers["is_seasonal_shift"] & ~table["dormant"]
    if not is_separating:
        return table
    small = customers["abc_class"].isin(["C", "Z"])
    table["nugget"] = (
        small & (customers["potential_class"] == "1") & ~is_dormant.where(customers["abc_class"] == "C", False)
    )
    grown = customers["net_revenue_change"]
    table["growing_nugget"] = (
        small
        & ~table["nugget"]
        & (customers["growth_rate"] >= thresholds.nugget_growth_share)
        & (grown >= thresholds.nugget_growth_min)
        & customers["is_comparable"]
        & customers["is_yearly"]
        & ~customers["is_one_off"]
    )
    if "f2f_count" in customers:
        _served(table, customers, thresholds)
    return table


def _served(table: pd.DataFrame, customers: pd.DataFrame, thresholds: Thresholds) -> None:
    """The rules that look at visits: only of customers whose salesperson logs them."""
    group_ratio = customers["group_f2f"] / customers["group_target"].where(customers["group_target"] > 0)
    table["secure"] = (
        customers["is_logged"]
        & (customers["abc_class"] == "A")
        & (customers["compliance"] < thresholds.secure_visit_share)
        & (group_ratio < thresholds.secure_visit_share)
        & ~customers["is_one_off"]
    )
    left = customers["headroom"] / customers["potential_accessible"]
    table["over_served"] = (
        customers["is_logged"]
        & (left <= thresholds.no_headroom_share)
        & (customers["over_service"] >= thresholds.over_service_min_visits)
        & (customers["f2f_count"] >= thresholds.over_service_factor * customers["target_f2f"])
    )
    if "net_contribution" in customers:
        table["loss_making"] = (
            customers["is_logged"]
            & (customers["abc_class"] == "C")
            & (customers["net_contribution"] < 0)
            & (customers["potential_class"] == "3")
            & (customers["f2f_count"] > 0)
        )
        table["over_served"] &= ~table["loss_making"]


def decision(table: pd.DataFrame) -> pd.Series:
    """What to do with each customer, the most pressing first: reactivate, secure, shift, cap, intensify or keep."""
    word = pd.Series("keep", index=table.index)
    wanted = {
        "intensify": table["nugget"] | table["growing_nugget"],
        "cap": table["over_served"],
        "shift": table["loss_making"],
        "secure": table["secure"] | table["eroding"],
        "reactivate": table["dormant"],
    }
    for name, chosen in wanted.items():
        word = word.where(~chosen, name)
    return word
