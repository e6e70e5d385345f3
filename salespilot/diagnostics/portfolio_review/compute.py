"""The measures of the portfolio review: Dataset in, frozen frames of raw numbers out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from salespilot import cells
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset, Window, month_start
from salespilot.diagnostics.portfolio_review import coverage, customers, effort, evolution, lists
from salespilot.diagnostics.portfolio_review.flags import decision, fallen, flags
from salespilot.diagnostics.portfolio_review.reallocation import reallocation
from salespilot.diagnostics.portfolio_review.result import Grounds, Result
from salespilot.diagnostics.portfolio_review.settings import Parameters, Thresholds
from salespilot.finding import Reason, absent
from salespilot.inference import gini, hhi, misalignment

Figures = dict[str, float | int | None]


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Measure one client's portfolio over the dataset's window. ``parameters.rep`` filters what is shown, no more."""
    frame, classes = customers.base(dataset, thresholds)
    if parameters.rep and parameters.rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"parameter rep: no salesperson {parameters.rep!r}")
    sales = customers.totals(dataset, dataset.window)
    missing: dict[str, Reason] = {}
    parts: dict[str, Any] = {}
    _contacts(dataset, frame, parts, missing, thresholds)
    _evolve(dataset, frame, sales, parts, missing, thresholds)
    _costs(dataset, frame, parts, missing, thresholds)
    marks = flags(frame, thresholds, classes.is_separating)
    frame["decision"] = decision(marks)
    years = cells.years(dataset.window)
    effort_by_customer = parts.pop("effort", None)
    if (frame["net_revenue"] > 0).any():
        parts["curves"] = effort.concentration_curves(frame, effort_by_customer)
    figures = _figures(frame, sales, effort_by_customer, parts, dataset.conventions.dormant_factor)
    figures |= dict.fromkeys(("misalignment_headroom_after", "hours_moved", "reallocation_gain"))
    if effort_by_customer is not None:
        parts["reallocation"], change = reallocation(frame, marks, years, thresholds)
        after = (frame["f2f_count"] + change).clip(lower=0) * _unit(effort_by_customer, frame)
        figures["misalignment_headroom_after"] = misalignment(after, frame["headroom"])
        figures["hours_moved"] = float(parts["reallocation"]["hours_moved"].sum())
        figures["reallocation_gain"] = float(parts["reallocation"]["gain"].sum())
    frame = frame.sort_values(["net_revenue", "customer_id"], ascending=[False, True])
    parts["groups"] = coverage.groups(frame) if "f2f_count" in frame else None
    if parts["groups"] is not None and parts["groups"].empty:
        parts["groups"], missing["groups"] = None, Reason("no_group")
    frame["contact_status"] = frame.get("contact_status", pd.Series("unknown", index=frame.index))
    parts["actions"] = lists.actions(dataset)
    if parts["actions"] is None:
        missing["actions"] = absent("actions")
    people = parts.pop("people", None)
    shown = frame[frame["owner_id"] == parameters.rep] if parameters.rep else frame
    parts["sleeping"] = lists.sleeping(shown)
    parts["loss_makers"] = lists.loss_makers(shown) if "net_contribution" in shown else None
    result = Result(
        customers=lists.customers(shown),
        concentration=lists.concentration(frame, dataset.previous is not None),
        overdue=lists.overdue(shown),
        decisions=lists.decisions(shown),
        decided=lists.decided(shown),
        **{name: _of_rep(parts.get(name), parameters.rep, lists.BY_REP.get(name)) for name in lists.OPTIONAL},
        key_figures=_clean(figures | _headlines(frame, shown, parts)),
        not_computable=missing,
        grounds=Grounds(
            customers=shown,
            people=_of_rep(people, parameters.rep, "rep_id"),
            abc_mode=classes.mode,
            is_separating=classes.is_separating,
            years=years,
            activity_years=parts.get("activity_years"),
            loss=parts.get("loss"),
        ),
    )
    return replace(result, not_computable=_reasons(result, missing, dataset))


def _contacts(
    dataset: Dataset, frame: pd.DataFrame, parts: dict[str, Any], missing: dict[str, Reason], thresholds: Thresholds
) -> None:
    """Coverage, and the effort by customer (hours, or visits where too few have a duration)."""
    if not dataset.has("activities"):
        for name in lists.OF_ACTIVITIES:
            missing[name] = absent("activities")
        return
    done = coverage.contacts(dataset, frame)
    if done["f2f_count"].sum() + done["remote_count"].sum() == 0:
        for name in lists.OF_ACTIVITIES:
            missing[name] = Reason("no_contact_of_customers")
        return
    activities = dataset.mart("rep_activities")
    people = coverage.reps(dataset, activities, frame, thresholds)
    years = coverage.activity_years(dataset, activities)
    coverage.cover(frame, done, cells.policy(dataset), people["is_logging"], years, dataset.window.start)
    visits = done["f2f_count"].sum()
    travel = (
        done["travel_minutes"].sum() / visits if done["travel_minutes"].sum() > 0 else thresholds.default_travel_minutes
    )
    frame["hours_per_visit"] = frame["plan_hours"] + travel / 60
    timed = done["f2f_timed"] == done["f2f_count"]
    own = (done["f2f_minutes"] + done["travel_minutes"]) / 60 / done["f2f_count"].where(done["f2f_count"] > 0)
    frame["actual_hours_per_visit"] = own.where(timed).fillna(frame["hours_per_visit"])
    frame["service_zone"] = coverage.service_zone(frame, thresholds)
    in_hours = visits > 0 and done["f2f_timed"].sum() / visits >= thresholds.timed_visits_share
    parts["effort"] = frame["visit_hours"] if in_hours else frame["f2f_count"].astype(float)
    parts["timed_share"] = float(done["f2f_timed"].sum() / visits) if visits else None
    parts["activity_years"] = years
    parts["deciles"] = effort.deciles(frame)
    parts["service"] = lists.service(frame)
    if frame["in_portfolio"].any():
        parts["coverage"] = coverage.by_class(frame, thresholds, dataset.conventions.small_n_hide)
        parts["people"] = coverage.portfolios(frame, people, dataset.conventions.small_n_hide).reset_index()
        parts["reps"] = parts["people"][lists.REP_COLUMNS]
    else:
        missing |= dict.fromkeys(lists.OF_PORTFOLIOS, absent("customer_assignments"))


def _evolve(
    dataset: Dataset,
    frame: pd.DataFrame,
    sales: pd.DataFrame,
    parts: dict[str, Any],
    missing: dict[str, Reason],
    thresholds: Thresholds,
) -> None:
    frame["is_seasonal_shift"] = False
    frame["is_comparable"] = False
    frame["is_yearly"] = dataset.months >= 12
    if dataset.previous is None:
        for name in lists.OF_PREVIOUS:
            missing[name] = Reason("no_previous_period")
        return
    start = pd.Timestamp(dataset.previous.start)
    frame["is_comparable"] = frame["first_order_date"] < start + pd.DateOffset(months=1)
    frame["bridge_status"] = evolution.bridge_status(frame, frame["first_order_date"] < start, thresholds.growth_share)
    frame["life_cycle"] = evolution.life_cycle(frame, thresholds.growth_share)
    candidates = frame[fallen(frame, thresholds)]
    if len(candidates):
        back = month_start(dataset.previous.start, -thresholds.seasonal_shift_months)
        months = dataset.mart("customer_months", Window(back, dataset.window.end))
        last = dataset.window.end.year * 12 + dataset.window.end.month
        shifted = evolution.eroding_by_season(candidates, months, last, dataset.months, thresholds)
        frame.loc[candidates.index, "is_seasonal_shift"] = shifted
    before = float(customers.totals(dataset, dataset.previous)["net_revenue"].sum())
    parts["bridge"] = evolution.bridge(frame, before, float(sales["net_revenue"].sum()))
    retention = evolution.retention(frame, dataset.conventions.small_n_hide)
    parts["retention"] = retention.drop(columns=["attrition_shrunk", "gross_low", "gross_high"])
    parts["loss"] = _loss(retention)
    parts["life_cycle"] = evolution.by_life_cycle(frame)
    parts["migration"] = evolution.migration(frame)
    parts["rep_retention"] = evolution.rep_retention(frame, dataset.conventions.small_n_hide)
    if parts["rep_retention"].empty:
        parts["rep_retention"], missing["rep_retention"] = None, absent("customer_assignments")


def _loss(retention: pd.DataFrame) -> tuple[float, float, float] | None:
    """The share of revenue that class A lost in a year, increases apart, and its bounds; None for too few."""
    of_a = retention.set_index("segment").loc["A"]
    if pd.isna(of_a["retention_gross"]):
        return None
    return 1 - float(of_a["retention_gross"]), 1 - float(of_a["gross_high"]), 1 - float(of_a["gross_low"])


def _costs(
    dataset: Dataset, frame: pd.DataFrame, parts: dict[str, Any], missing: dict[str, Reason], thresholds: Thresholds
) -> None:
    if "product_family" in dataset.columns("sales_lines"):
        frame["equipment_rate"] = effort.equipment(dataset, frame, thresholds, dataset.conventions.small_n_hide)
    names = ("costs", "loss_makers", "loss_making_customers", "break_even_size")
    costs = effort.unit_costs(dataset, frame["owner_id"])
    if costs is not None:
        frame["visit_cost"] = costs["visit_cost"]
    if costs is None:
        missing |= dict.fromkeys(names, absent("costs"))
    elif "f2f_count" not in frame:
        missing |= dict.fromkeys(names, missing["misalignment_revenue"])
    elif frame["gross_margin"].isna().all():
        missing |= dict.fromkeys(names, Reason("absent_column", {"table": "sales_lines", "column": "margin"}))
    else:
        orders = dataset.mart("order_rhythm").set_index("customer_id")["order_days"]
        effort.cost_to_serve(frame, costs, orders, thresholds.selling_share)
        parts["costs"] = effort.costs_by_class(frame)
        parts["break_even_size"] = _break_even(dataset, frame)
        if parts["break_even_size"] is None:
            missing["break_even_size"] = Reason("absent_column", {"table": "reps", "column": "annual_cost"})


def _break_even(dataset: Dataset, frame: pd.DataFrame) -> float | None:
    """Revenue a year under which visits cost more than selling may: what the visits to a customer met cost, over the
    cost of the sales force as a share of revenue (S84)."""
    force = dataset.table("reps")
    there = force["end_date"].isna() | (force["end_date"] >= pd.Timestamp(dataset.window.end))
    cost = force.loc[there, "annual_cost"].sum() * cells.years(dataset.window)
    revenue, met = frame["net_revenue"].sum(), frame["f2f_count"] > 0
    if cost <= 0 or revenue <= 0 or not met.any():
        return None
    spent = (frame["f2f_count"] * frame["visit_cost"])[met].mean() / cells.years(dataset.window)
    return float(spent / (cost / revenue))


def _unit(effort_by_customer: pd.Series, frame: pd.DataFrame) -> pd.Series:
    """Effort of one visit, customer by customer: its own where it is visited, else the mean."""
    visits = frame["f2f_count"].where(frame["f2f_count"] > 0)
    return (effort_by_customer / visits).fillna(effort_by_customer.sum() / max(frame["f2f_count"].sum(), 1))


def _figures(
    frame: pd.DataFrame, sales: pd.DataFrame, spent: pd.Series | None, parts: dict[str, Any], dormant_factor: float
) -> Figures:
    net = sales["net_revenue"]
    known = net[net.index.notna()]
    positive = np.sort(known[known > 0].to_numpy())[::-1]
    base = float(positive.sum())
    share = np.concatenate([[0.0], np.cumsum(positive) / base]) if base > 0 else np.array([0.0])
    bought = sales[sales.index.notna()]
    count = len(positive)
    top = int(np.ceil(0.2 * count - 1e-9))
    status = frame["buying_status"]
    figures: Figures = {
        "sales_lines": int(sales["line_count"].sum()),
        "credit_note_lines": int(sales["credit_note_lines"].sum()),
        "customers": len(bought),
        "active_customers": int((bought["positive_lines"] > 0).sum()),
        "positive_customers": count,
        "net_revenue": float(net.sum()),
        "unattributed_revenue": float(net[net.index.isna()].sum()),
        "positive_base": base,
        "negative_revenue": float(known[known < 0].sum()),
        "gini": gini(positive),
        "hhi": hhi(positive),
        "effective_customers": 1 / hhi(positive) if count else np.nan,
        "top1_share": float(share[1]) if count else np.nan,
        "top5_share": float(share[min(5, count)]) if count else np.nan,
        "top20pct_share": float(share[top]) if count else np.nan,
        "customers_for_80pct": int((share[:-1] < 0.8 - 1e-9).sum()) if count else 0,
        **{f"class_{word.lower()}_count": int((frame["abc_class"] == word).sum()) for word in "ABC"},
        "dormant_customers": int((status == "dormant").sum()),
        "late_customers": int((status == "late").sum()),
        "lost_customers": int((status == "lost").sum()),
        "rhythm_customers": int(frame["mean_gap_days"].notna().sum()),
        "expected_false_alarms": float(frame["mean_gap_days"].notna().sum() * np.exp(-dormant_factor)),
    }
    retention = parts.get("retention")
    total = retention.iloc[0] if retention is not None else None
    for name in ("retention_gross", "retention_net", "attrition_rate"):
        figures[name] = None if total is None else float(total[name])
    return figures | _effort_figures(frame, spent, parts)


def _headlines(frame: pd.DataFrame, shown: pd.DataFrame, parts: dict[str, Any]) -> Figures:
    """Figures that the titles of the pictures tell."""
    bridge, deciles, sleeping = parts.get("bridge"), parts.get("deciles"), parts.get("sleeping")
    amount = {} if bridge is None else bridge.set_index("step")["bridge_amount"].to_dict()
    figures: Figures = {
        "net_revenue_previous": amount.get("previous"),
        "revenue_gained": sum(amount.get(step, 0.0) for step in evolution.GAINS) if amount else None,
        "revenue_eroded": -sum(amount.get(step, 0.0) for step in evolution.LOSSES) if amount else None,
        "sleeping_amount": None if sleeping is None else float(sleeping["sleeping_amount"].sum()),
        "upgraded_count": None,
        "downgraded_count": None,
        "decided_customers": int((shown["decision"] != "keep").sum()),
        "top_decile_revenue_share": None,
        "top_decile_visits_share": None,
        "under_served_customers": None,
        "over_served_customers": None,
    }
    migration = parts.get("migration")
    if migration is not None:
        rank = {word: place for place, word in enumerate("ABCZN")}
        rise = migration["class_from"].map(rank).astype(float) - migration["class_to"].map(rank).astype(float)
        figures["upgraded_count"] = int(migration.loc[rise > 0, "customer_count"].sum())
        figures["downgraded_count"] = int(migration.loc[rise < 0, "customer_count"].sum())
    if deciles is not None and len(deciles):
        figures["top_decile_revenue_share"] = float(deciles["revenue_share"].iloc[0])
        figures["top_decile_visits_share"] = float(deciles["f2f_count"].iloc[0] / max(deciles["f2f_count"].sum(), 1))
    if "service_zone" in frame:
        figures["under_served_customers"] = int((frame["service_zone"] == "under_served").sum())
        figures["over_served_customers"] = int((frame["service_zone"] == "over_served").sum())
    return figures


def _effort_figures(frame: pd.DataFrame, spent: pd.Series | None, parts: dict[str, Any]) -> Figures:
    covered = parts.get("coverage")
    total = None if covered is None else covered.iloc[-1]
    names = ("coverage_rate", "revenue_covered_share", "potential_covered_share", "compliance", "over_service_rate")
    figures: Figures = {name: None if total is None else float(total[name]) for name in names}
    if covered is not None:
        of_a = covered.loc[covered["abc_class"] == "A", "coverage_rate"]
        figures["coverage_rate_a"] = float(of_a.iloc[0]) if len(of_a) else None
    else:
        figures["coverage_rate_a"] = None
    stakes = {"revenue": frame["net_revenue"], "margin": frame["gross_margin"], "headroom": frame["headroom"]}
    for word, stake in stakes.items():
        figures[f"misalignment_{word}"] = None if spent is None else misalignment(spent, stake)
    figures["timed_share"] = parts.get("timed_share")
    figures["headroom"] = float(frame["headroom"].sum()) if frame["headroom"].notna().any() else None
    costly = "net_contribution" in frame
    figures["loss_making_customers"] = len(lists.loss_makers(frame)) if costly else None
    figures["break_even_size"] = parts.get("break_even_size")
    return figures


def _of_rep(frame: pd.DataFrame | None, rep: str, column: str | None) -> pd.DataFrame | None:
    """The rows of one salesperson, where one is asked for; ranks, classes and medians stay those of the team."""
    if frame is None or not rep or column is None:
        return frame
    return frame[frame[column] == rep]


def _clean(figures: Figures) -> Figures:
    return {name: None if value is None or not np.isfinite(value) else value for name, value in figures.items()}


def _reasons(result: Result, missing: dict[str, Reason], dataset: Dataset) -> dict[str, Reason]:
    """A reason for each figure or frame that is not there, and for no other."""
    wanted = [name for name in lists.OPTIONAL if getattr(result, name) is None]
    wanted += [name for name, value in result.key_figures.items() if value is None]
    return {name: missing.get(name) or _why(name, dataset) for name in wanted}


def _why(name: str, dataset: Dataset) -> Reason:
    if name in ("sleeping", "sleeping_amount"):
        return Reason("nothing_sleeps")
    if name in ("misalignment_headroom", "misalignment_headroom_after", "headroom", "potential_covered_share"):
        return Reason("no_headroom") if dataset.has("customer_potential") else absent("customer_potential")
    if name == "misalignment_margin":
        return Reason("absent_column", {"table": "sales_lines", "column": "margin"})
    return Reason("no_revenue")
