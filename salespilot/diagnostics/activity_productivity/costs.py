"""What a visit costs and brings: the client's own figures, by salesperson and by cell of customers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.cells import attributed, cell_of, classified, years
from salespilot.classes import abc_classes
from salespilot.dataset import Dataset, Window
from salespilot.diagnostics.activity_productivity.model import NotComputable
from salespilot.diagnostics.activity_productivity.team import in_post
from salespilot.finding import Reason, absent

INSIDE = "inside"


def visit_cost(cost: float, visits: float) -> float:
    """Cost of a visit: a year's full cost of the sales force over its visits of that year; NaN without visits. [S24]"""
    return cost / visits if visits > 0 else float("nan")


def break_even_order(cost: float, visits_an_order: float, margin_rate: float) -> float:
    """The order whose gross margin pays for the visits it takes; NaN where nothing is earned on it."""
    return cost * visits_an_order / margin_rate if margin_rate > 0 else float("nan")


def by_rep(dataset: Dataset, team: pd.DataFrame, visits: pd.Series, credited: pd.DataFrame | None) -> pd.DataFrame:
    """One row a salesperson who visits: visits, cost (of the period, for the time in post), visit_cost and its basis,
    visits_per_day, revenue and revenue_per_visit.

    ``basis``: own, from ``reps.annual_cost``; standard, from the table of costs where no annual cost is known.
    Salespeople who do not log, or work from the office, have no cost of a visit. ``visits``: done, by rep_id;
    ``credited``: revenue by rep_id and month, None without sales.
    """
    standard = standard_cost(dataset, team)
    table = team[["name", "team_id", "role", "annual_cost", "post_share", "worked_days", "is_silent"]].copy()
    table["visits"] = visits.reindex(table.index).fillna(0.0)
    table["cost"] = table["annual_cost"] * table["post_share"] * years(dataset.window)
    field = (table["role"] != INSIDE) & ~table["is_silent"] & (table["visits"] > 0)
    table = table[field]
    own = table["cost"] / table["visits"]
    table["visit_cost"] = own.fillna(standard.reindex(table.index))
    table["basis"] = np.select([own.notna(), table["visit_cost"].notna()], ["own", "standard"], "unknown")
    table["visits_per_day"] = table["visits"] / table["worked_days"].where(table["worked_days"] > 0)
    table["revenue"] = np.nan if credited is None else credited.groupby("rep_id")["order_value"].sum()
    table["revenue_per_visit"] = table["revenue"] / table["visits"]
    kept = ["name", "team_id", "role", "visits", "visits_per_day", "cost", "visit_cost", "basis", "revenue",
            "revenue_per_visit"]  # fmt: skip
    return table[kept].rename_axis("rep_id").reset_index()


def standard_cost(dataset: Dataset, team: pd.DataFrame) -> pd.Series:
    """The table of costs' cost of a visit for each salesperson's role ("all" for roles that it leaves out)."""
    costs = dataset.table("costs").drop_duplicates("role").set_index("role")["visit_cost"].astype(float)
    general = costs.get("all", costs.iloc[0] if len(costs) == 1 else np.nan)
    return team["role"].map(costs).astype(float).fillna(general)


def company_cost(by_rep: pd.DataFrame) -> float:
    """Cost of a visit for the company: total cost over total visits; a mean weighted by visits where only standard
    costs are known."""
    known = by_rep.dropna(subset="visit_cost")
    return float((known["visit_cost"] * known["visits"]).sum() / known["visits"].sum()) if len(known) else np.nan


def segments(dataset: Dataset, cost: float) -> pd.DataFrame:
    """One row a cell of customers met in the period (a1 to c3; the class alone where no potential is known).

    account_count (met), visits, revenue and margin of those met, revenue_per_visit, margin_per_visit, visit_cost,
    net_per_visit (margin less cost) and ``is_prospect``: nothing bought, so no margin is due yet.
    """
    contacts = attributed(dataset.mart("customer_contacts"))
    met = contacts["f2f_count"].astype(float)
    met = met[met > 0]
    if met.empty:
        raise NotComputable(Reason("no_visit"))
    if dataset.sales_basis is None:
        raise NotComputable(absent("sales_lines"))
    bought = attributed(dataset.mart("customer_sales"))
    potential, _ = classified(dataset, dataset.window, bought)
    revenue = bought["net_revenue"].reindex(potential.index).fillna(0.0)
    classes = abc_classes(revenue, dataset.conventions).frame["abc_class"]
    has_potential = bool((potential["potential_class"] != "?").any())
    cell = cell_of(classes, potential["potential_class"]) if has_potential else classes.str.lower().replace("z", "p")
    frame = pd.DataFrame({"visits": met}).join(bought[["net_revenue", "margin", "margin_revenue"]])
    frame["cell"] = cell.reindex(frame.index)
    frame = frame.dropna(subset="cell")
    frame = frame.fillna({"net_revenue": 0.0})
    grouped = frame.groupby("cell")
    table = grouped.agg(account_count=("visits", "size"), visits=("visits", "sum"), revenue=("net_revenue", "sum"))
    # Lines that do not state their margin earn at the rate of those that do.
    table["margin"] = grouped["margin"].sum(min_count=1)
    stated = grouped["margin_revenue"].sum()
    table["margin"] *= (table["revenue"] / stated).where(stated > 0, 1.0)
    table["is_prospect"] = table.index.str.startswith("p")
    table["margin"] = table["margin"].mask(table["is_prospect"], 0.0)
    table["revenue_per_visit"] = table["revenue"] / table["visits"]
    table["margin_per_visit"] = table["margin"] / table["visits"]
    table["visit_cost"] = cost
    table["net_per_visit"] = table["margin_per_visit"] - cost
    return table.reset_index()


def cost_of_sales(dataset: Dataset, window: Window) -> float:
    """Full cost of the sales force over net revenue; NaN where somebody in post has no annual cost."""
    reps = dataset.table("reps").set_index("rep_id")
    share = in_post(reps, window)
    employed = share > 0
    cost = (reps["annual_cost"].astype(float) * share)[employed].sum(skipna=False) * years(window)
    revenue = float(dataset.mart("customer_sales", window)["net_revenue"].sum()) if dataset.sales_basis else 0.0
    return float(cost / revenue) if employed.any() and revenue > 0 else float("nan")


def margin_rate(dataset: Dataset) -> float:
    """Gross margin over net revenue of the lines that state a margin; NaN without any."""
    total = dataset.mart("customer_sales")[["margin", "margin_revenue"]].sum()
    return float(total["margin"] / total["margin_revenue"]) if total["margin_revenue"] > 0 else float("nan")
