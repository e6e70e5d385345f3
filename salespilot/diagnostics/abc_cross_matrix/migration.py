"""Who changed cell in a year, what it weighs, and how often a cell's customers won extra revenue."""

from __future__ import annotations

import pandas as pd

from salespilot.diagnostics.abc_cross_matrix.model import Thresholds

ORDER = {"A": 0, "B": 1, "C": 2, "P": 3, "N": 4}


def moves(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """One row a customer of now: cell_from, cell_to, class_from, class_to, net_revenue_previous, net_revenue.

    Who was not known a year before comes from "new".
    """
    then = before.loc[now.index]
    return pd.DataFrame(
        {
            "cell_from": then["cell"].fillna("new"),
            "cell_to": now["cell"],
            "class_from": then["revenue_class"].fillna("new"),
            "class_to": now["revenue_class"],
            "net_revenue_previous": then["net_revenue"].fillna(0.0),
            "net_revenue": now["net_revenue"],
        }
    )


def counted(moved: pd.DataFrame, source: str, target: str) -> pd.DataFrame:
    """One row a pair of states: account_count, net_revenue_previous, net_revenue and their change."""
    table = moved.groupby([source, target]).agg(
        account_count=("net_revenue", "size"),
        net_revenue_previous=("net_revenue_previous", "sum"),
        net_revenue=("net_revenue", "sum"),
    )
    table["net_revenue_change"] = table["net_revenue"] - table["net_revenue_previous"]
    return table.reset_index()


def rates(moved: pd.DataFrame, min_count: int) -> dict[str, float | int | None]:
    """Among the customers of class A, B or C a year before: how many rose and fell a revenue class.

    Rates are None under ``min_count`` customers.
    """
    bought = moved[moved["class_from"].isin(["A", "B", "C"])]
    step = bought["class_to"].map(ORDER) - bought["class_from"].map(ORDER)
    up, down, count = int((step < 0).sum()), int((step > 0).sum()), len(bought)
    enough = count >= min_count
    return {
        "upgraded_count": up,
        "downgraded_count": down,
        "upgrade_rate": up / count if enough else None,
        "downgrade_rate": down / count if enough else None,
    }


def win_probability(now: pd.DataFrame, before: pd.DataFrame | None, thresholds: Thresholds) -> pd.Series:
    """The chance that each customer, by its cell, wins us extra revenue within the year.

    (won + weight x prior) / (count + weight), where a customer of the cell a year before won when its revenue grew by
    at least ``win_gain_share`` of its headroom of then (a prospect: when it bought). ``before``: where the customers of
    ``now`` stood a year before; None gives the priors.
    """
    rows = {row: getattr(thresholds, f"win_{row}") for row in "abcp"}
    priors = now["cell"].str[0].map(rows)
    if before is None:
        return priors
    then = before["headroom"] > 0
    gained = now["revenue_a_year"] - before["revenue_a_year"].clip(lower=0)
    won = (gained > 0) & ((gained >= thresholds.win_gain_share * before["headroom"]) | (before["revenue_class"] == "P"))
    seen = won[then].groupby(before.loc[then, "cell"]).agg(["sum", "size"])
    k, n = now["cell"].map(seen["sum"]).fillna(0), now["cell"].map(seen["size"]).fillna(0)
    return (k + thresholds.win_weight * priors) / (n + thresholds.win_weight)
