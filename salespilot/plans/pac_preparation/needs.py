"""The gap, the period it is about, and the activity that closing it by new business alone would take, week by week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.diagnostics.dynamic_steering.series import daily_sales, targets_of
from salespilot.finding import Finding, Reason, absent
from salespilot.periods import fiscal_year

Results = Mapping[str, tuple[Any, list[Finding]]]
ORDERS = """
select count(distinct invoice_id)::double as orders, sum(amount_net)::double as amount from sales_lines
where amount_net > 0 and invoice_date between date '{start}' and date '{end}'
"""


@dataclass(frozen=True)
class Gap:
    """What is missing to the target of the fiscal year, as it lands: ``amount`` = target − landing P50 [G]; None with
    ``reason`` where either is unknown. ``by_rep``: the same by salesperson, where known."""

    period: Window
    target: float | None
    landing: float | None
    by_rep: pd.Series
    reason: Reason | None = None

    @property
    def amount(self) -> float | None:
        """Target less landing; negative where the landing passes the target."""
        return None if self.target is None or self.landing is None else self.target - self.landing


def gap(dataset: Dataset, results: Results) -> Gap:
    """The gap of the current fiscal year, from what dynamic steering found."""
    period = fiscal_year(dataset, dataset.as_of)
    none = pd.Series(dtype=float)
    if "dynamic_steering" not in results:
        return Gap(period, None, None, none, Reason("absent_report", {"report": "dynamic_steering"}))
    steered = results["dynamic_steering"][0]
    figures = steered.key_figures
    target, landing = figures.get("target"), figures.get("landing_p50")
    people = steered.entities
    by_rep = none
    if people is not None:
        own = people[people["entity_kind"] == "rep"].set_index("entity_id")
        by_rep = (own["target"] - own["landing_p50"]).dropna()
    if target is None or landing is None:
        why = Reason("no_landing") if target is not None else None
        untold = Reason("no_target_of_year") if dataset.has("targets") else absent("targets")
        return Gap(period, target, landing, by_rep, why or untold)
    return Gap(period, float(target), float(landing), by_rep)


def target_quality(dataset: Dataset, near: float) -> dict[str, float | None]:
    """Were last year's targets within reach? ``target_people``: salespeople with a target for the whole fiscal year
    before; shares of them that reached it, and that ended within ``near`` of it (method, section 6 c).

    The shares are None where nobody had one, or sales do not go back to the first month of that year.
    """
    year = fiscal_year(dataset, fiscal_year(dataset, dataset.as_of).start - timedelta(days=1))
    aims = targets_of(dataset, year)
    aims = aims[(aims["entity_level"] == "rep") & (aims["value"] > 0)]
    whole = aims.groupby("entity_id")["period_start"].min() <= pd.Timestamp(year.start)
    aim = aims.groupby("entity_id")["value"].sum()[whole]
    sales = daily_sales(dataset)
    if aim.empty or not (sales["day"] < pd.Timestamp(year.start) + pd.DateOffset(months=1)).any():
        return {"target_people": 0, "target_reached_share": None, "target_near_share": None}
    sold = sales[sales["day"].between(pd.Timestamp(year.start), pd.Timestamp(year.end))].groupby("rep_id")["amount"]
    reached = sold.sum().reindex(aim.index).fillna(0.0) / aim
    return {
        "target_people": len(aim),
        "target_reached_share": float((reached >= 1).mean()),
        "target_near_share": float(((reached - 1).abs() <= near).mean()),
    }


def needs(dataset: Dataset, results: Results, amount: float, weeks: float) -> pd.DataFrame | None:
    """From orders back to calls: step, needed_per_order, needed_count (for the amount), weekly_count, usual_weekly.

    orders = amount / average order; each step before is what an order takes (method, section 6 c). Orders are deals won
    and the chain is that of the activity report; else invoices, and visits an invoice. None where no order is known.
    """
    chain, size, usual = _chain(dataset, results)
    if size is None or size <= 0 or weeks <= 0:
        return None
    orders = amount / size
    rows = [("orders", 1.0, usual), *chain]
    table = pd.DataFrame(rows, columns=["step", "needed_per_order", "usual_weekly"])
    table["needed_count"] = table["needed_per_order"] * orders
    table["weekly_count"] = table["needed_count"] / weeks
    return table[["step", "needed_per_order", "needed_count", "weekly_count", "usual_weekly"]]


def _chain(dataset: Dataset, results: Results) -> tuple[list[tuple[str, float, float]], float | None, float | None]:
    weeks = dataset.window.days / 7
    if "activity_productivity" in results:
        done = results["activity_productivity"][0]
        size = done.key_figures.get("average_won")
        if done.plan is not None and len(done.plan) and size:
            usual = done.plan["current_year"] / 52
            steps = zip(done.plan["basis"], done.plan["needed_per_order"], usual, strict=True)
            won = usual.iloc[0] * done.plan["rate"].iloc[0]
            return [(str(b), float(n), float(u)) for b, n, u in steps], float(size), float(won)
    found = dataset.sql(ORDERS.format(start=dataset.window.start, end=dataset.window.end)).iloc[0]
    if not found["orders"] > 0:
        return [], None, None
    visits = float(dataset.mart("customer_contacts")["f2f_count"].sum())
    chain = [("visits", visits / float(found["orders"]), visits / weeks)] if visits else []
    return chain, float(found["amount"] / found["orders"]), float(found["orders"]) / weeks


def by_rep(table: pd.DataFrame | None, gaps: pd.Series, people: list[str]) -> pd.DataFrame:
    """Each one's part of the orders and visits a week, in proportion to their own gap (equal parts where unknown).

    Columns: rep_id, rep_gap, weekly_orders, weekly_f2f.
    """
    own = gaps.reindex(people)
    share = own.clip(lower=0)
    share = share / share.sum() if share.sum() > 0 else pd.Series(1 / max(len(people), 1), index=people)
    weekly = table.set_index("step")["weekly_count"] if table is not None else pd.Series(dtype=float)
    frame = pd.DataFrame({"rep_id": people, "rep_gap": own.to_numpy()})
    for column, step in (("weekly_orders", "orders"), ("weekly_f2f", "visits")):
        frame[column] = (share * weekly.get(step, float("nan"))).to_numpy()
    return frame
