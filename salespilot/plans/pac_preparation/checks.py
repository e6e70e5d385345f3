"""The ten rules of a plan, checked on what the client decided (method, section 6 b).

Rules 1 to 3 are sourced (ACOS, Action Commerciale: [S2], [S14]); rules 4 to 10 are this kit's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salespilot.cells import potential_classes
from salespilot.classes import abc_classes
from salespilot.dataset import Dataset, Window, month_start
from salespilot.periods import working_day_table
from salespilot.plans.pac_preparation.candidates import active
from salespilot.plans.pac_preparation.impact import go_date, has_threshold
from salespilot.plans.pac_preparation.model import Thresholds

SOURCED = (1, 2, 3)
SMART = ("metric", "baseline", "target_value", "unit", "owner_rep_id", "start_date", "due_date")
MONTHLY = """
select date_trunc('month', invoice_date)::date as month, sum(amount_net)::double as amount from sales_lines
where invoice_date between date '{start}' and date '{end}' group by 1
"""
FOCUS = ("a1", "b1", "c1", "p1")


@dataclass(frozen=True)
class Plan:
    """What the rules look at: the decided actions of the period, those open, the period, and what was measured."""

    actions: pd.DataFrame
    period: Window
    customers: dict[str, list[str]]
    load: pd.DataFrame
    close_probability: float | None


@dataclass
class Check:
    """One rule: ``share`` measured (None: nothing to measure), whether it is kept, and what is missing by field."""

    number: int
    share: float | None = None
    goal: float | None = None
    n: int | None = None
    is_kept: bool = False
    missing: dict[str, int] = field(default_factory=dict)


def checked(dataset: Dataset, plan: Plan, thresholds: Thresholds) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ten rules (rule, origin, verdict, share, goal_share, n, missing_field, example), and the fields that lack
    (rule, missing_field, n). A rule that nothing can prove is not kept."""
    rows, lacking = [], []
    for check in _checks(dataset, plan, thresholds):
        first = max(check.missing, key=lambda name: check.missing[name]) if check.missing else None
        code = f"pac_rule_{check.number}"
        rows.append(
            {
                "rule": code,
                "origin": "sourced" if check.number in SOURCED else "own",
                "verdict": "kept" if check.is_kept else "broken" if check.share is not None else "unproven",
                "share": check.share,
                "goal_share": check.goal,
                "n": check.n,
                "missing_field": None if check.is_kept else first,
                "example": None if check.is_kept else f"pac_example_{check.number}",
            }
        )
        lacking += [(code, name, n) for name, n in check.missing.items() if n]
    return pd.DataFrame(rows), pd.DataFrame(lacking, columns=["rule", "missing_field", "n"])


def _checks(dataset: Dataset, plan: Plan, th: Thresholds) -> Iterator[Check]:
    yield _moment(dataset, plan, th)
    yield _shared(dataset, plan, th)
    yield _analysed(dataset, plan, th)
    yield _aimed(dataset, plan, th)
    yield _smart(plan)
    yield _loaded(plan, th)
    yield _sequenced(plan, th)
    yield _covering(plan, th)
    yield _followed(dataset, plan, th)
    yield _adjusted(plan)


def _moment(dataset: Dataset, plan: Plan, th: Thresholds) -> Check:
    """1: launched in a quiet month, not at its end, with the team at work."""
    starts = plan.actions["start_date"].dropna()
    check = Check(1, goal=th.timely_share, n=len(starts))
    missing = int(plan.actions["start_date"].isna().sum())
    check.missing = {"start_date": missing}
    if starts.empty:
        return check
    good = pd.Series(True, starts.index)
    season = _season(dataset)
    if season is not None:
        quiet = season[season <= season.quantile(th.quiet_rank)].index
        good &= starts.dt.month.isin(quiet)
    days = working_day_table(dataset, month_start(starts.min().date()), month_start(starts.max().date(), 1))
    worked = days.loc[days["is_working_day"], "date"]
    last = worked.groupby(worked.dt.to_period("M")).nlargest(th.month_end_days).droplevel(1)
    first_late = last.groupby(level=0).min()
    good &= ~(starts >= starts.dt.to_period("M").map(first_late))
    away = dataset.table("rep_capacity").dropna(subset="working_days")
    if len(away):
        own = away.groupby(away["month"].dt.to_period("M"))[["absence_days", "working_days"]].sum()
        share = own["absence_days"] / own["working_days"]
        good &= ~(starts.dt.to_period("M").map(share) > th.absence_limit)
    check.share = float(good.mean())
    check.is_kept = check.share >= th.timely_share and not missing
    if not check.is_kept:
        check.missing["start_date"] = missing + int((~good).sum())
    return check


def _season(dataset: Dataset) -> pd.Series | None:
    """Mean sales of each calendar month over whole years before the end of the window; None under two years."""
    end = pd.Timestamp(dataset.window.end)
    frame = dataset.sql(MONTHLY.format(start=month_start(dataset.window.end, -35), end=end.date()))
    if len(frame) < 24:
        return None
    months = pd.to_datetime(frame["month"])
    tail = frame.assign(month=months).sort_values("month").tail(len(frame) // 12 * 12)
    return tail.groupby(tail["month"].dt.month)["amount"].mean()


def _shared(dataset: Dataset, plan: Plan, th: Thresholds) -> Check:
    """2: targets for the company, teams and salespeople, that add up, each set by the end of its first month."""
    table = dataset.table("targets")
    table = table[(table["metric"] == "revenue") & (table["period_start"] >= pd.Timestamp(plan.period.start))]
    table = table[table["period_end"] <= pd.Timestamp(plan.period.end)]
    keys = ["period_start", "entity_level", "entity_id"]
    first = table.sort_values("version").drop_duplicates(keys)
    last = table.sort_values("version").drop_duplicates(keys, keep="last")
    check = Check(2, goal=1.0, n=len(last))
    if last.empty:
        check.missing = {"entity_level": 1}
        return check
    levels = {"company", "team", "rep"} - set(last["entity_level"])
    total = last.groupby("entity_level")["value"].sum()
    parts = [not levels]
    if not levels:
        excess = total["rep"] / total["team"] - 1 if total["team"] else np.nan
        parts.append(bool(-1e-9 <= excess <= th.sum_margin + 1e-9))
    begun = first.sort_values("period_start").drop_duplicates(["entity_level", "entity_id"])
    late = int((begun["set_date"].isna() | (begun["set_date"] > begun["period_end"])).sum())
    parts.append(late == 0)
    check.share = float(np.mean(parts))
    check.is_kept = all(parts)
    check.missing = {"entity_level": len(levels), "set_date": late}
    if len(parts) == 3 and not parts[1]:
        check.missing["value"] = 1
    return check


def _analysed(dataset: Dataset, plan: Plan, th: Thresholds) -> Check:
    """3: what the last plan brought is written, and every salesperson had a say in the last twelve months."""
    every = dataset.table("actions")
    past = every[(every["status"] == "done") & (every["due_date"] < pd.Timestamp(plan.period.start))]
    people = active(dataset)
    since = pd.Timestamp(month_start(dataset.as_of, -11))
    said = every[(every["source"] == "one_to_one") & (every["start_date"].fillna(every["decided_on"]) >= since)]
    heard = set(said["owner_rep_id"].dropna()) & set(people)
    check = Check(3, goal=1.0, n=len(past))
    known = past["actual_impact"].notna()
    check.missing = {"actual_impact": int((~known).sum()) if len(past) else 1, "owner_rep_id": len(people) - len(heard)}
    parts = [float(known.mean()) if len(past) else 0.0, len(heard) / len(people) if people else 0.0]
    check.share = float(np.mean(parts))
    check.is_kept = len(past) > 0 and parts[0] >= th.executed_share and not check.missing["owner_rep_id"]
    return check


def _aimed(dataset: Dataset, plan: Plan, th: Thresholds) -> Check:
    """4: every action names its targets, and most hours go where there is something to win."""
    actions = plan.actions
    has = actions["action_id"].isin(set(dataset.table("action_targets")["action_id"]))
    check = Check(4, goal=th.focus_share, n=len(actions))
    check.missing = {"customer_id": int((~has).sum())}
    rows = [
        (customer, hours / len(plan.customers[id]))
        for id, hours in zip(actions["action_id"], actions["hours_planned"].fillna(0.0), strict=True)
        for customer in plan.customers.get(id, [])
    ]
    if not rows or sum(hours for _, hours in rows) <= 0:
        return check
    hours = pd.DataFrame(rows, columns=["customer_id", "hours"])
    focus = _focus(dataset)
    check.share = float(hours.loc[hours["customer_id"].isin(focus), "hours"].sum() / hours["hours"].sum())
    check.is_kept = bool(has.all()) and check.share >= th.focus_share
    return check


def _focus(dataset: Dataset) -> set[str]:
    """Customers to develop (a1, b1, c1, p1) and those of class A that buy less than a year before."""
    sales = dataset.mart("customer_sales").dropna(subset="customer_id").set_index("customer_id")["net_revenue"]
    potential = potential_classes(dataset, dataset.window).set_index("customer_id")["potential_class"]
    net = sales.reindex(potential.index).fillna(0.0)
    row = abc_classes(net, dataset.conventions).frame["abc_class"].str.lower().replace({"z": "p"})
    chosen = set(potential.index[(row + potential).isin(FOCUS)])
    if dataset.previous is not None:
        past = dataset.mart("customer_sales", dataset.previous).dropna(subset="customer_id")
        before = past.set_index("customer_id")["net_revenue"].reindex(net.index).fillna(0.0)
        chosen |= set(net.index[(row == "a") & (net < before)])
    return {str(customer) for customer in chosen}


def _smart(plan: Plan) -> Check:
    """5: metric, start, target, unit, owner and dates are all there, and the action ends within the period."""
    actions = plan.actions
    check = Check(5, goal=1.0, n=len(actions))
    if actions.empty:
        return check
    check.missing = {name: int(actions[name].isna().sum()) for name in SMART}
    late = actions["due_date"] > pd.Timestamp(plan.period.end)
    check.missing["due_date"] += int(late.sum())
    whole = actions[list(SMART)].notna().all(axis=1) & ~late
    check.share = float(whole.mean())
    check.is_kept = bool(whole.all())
    return check


def _loaded(plan: Plan, th: Thresholds) -> Check:
    """6: the hours fit each salesperson's month, and the budgets the envelope."""
    check = Check(6, goal=1.0, n=len(plan.load))
    check.missing = {"hours_planned": int(plan.actions["hours_planned"].isna().sum())}
    if plan.load.empty or plan.actions.empty:
        check.missing["working_days"] = int(plan.load.empty)
        return check
    fits = plan.load["decided_hours"] <= plan.load["capacity_hours"] + 1e-6
    spent = float(plan.actions["budget"].fillna(0.0).sum())
    check.share = float(fits.mean())
    is_paid = th.budget_envelope <= 0 or spent <= th.budget_envelope
    check.missing |= {"budget": int(plan.actions["budget"].isna().sum()) + int(not is_paid)}
    if not fits.all():
        check.missing["hours_planned"] += int((~fits).sum())
    check.is_kept = bool(fits.all()) and is_paid and not check.missing["hours_planned"]
    return check


def _sequenced(plan: Plan, th: Thresholds) -> Check:
    """7: few actions open at once, an even load, starts spread over the months."""
    actions = plan.actions
    check = Check(7, goal=1.0, n=len(actions))
    if actions.empty or actions["start_date"].isna().all():
        check.missing = {"start_date": len(actions)}
        return check
    still = actions[actions["status"].isin(("planned", "in_progress"))]
    crowd = still["owner_rep_id"].value_counts()
    starts = actions["start_date"].dropna().dt.to_period("M").value_counts(normalize=True)
    monthly = plan.load.groupby("month")["decided_hours"].sum() if len(plan.load) else pd.Series(dtype=float)
    even = len(monthly) < 2 or monthly.mean() <= 0 or monthly.std(ddof=0) / monthly.mean() <= th.load_cv
    parts = [bool((crowd <= th.open_actions).all()), bool(even), bool(starts.max() <= th.clustered_share)]
    check.share = float(np.mean(parts))
    check.is_kept = all(parts)
    check.missing = {
        "owner_rep_id": int((crowd > th.open_actions).sum()),
        "hours_planned": int(not even),
        "start_date": int(not parts[2]),
    }
    return check


def _covering(plan: Plan, th: Thresholds) -> Check:
    """8: the decided actions close the gap with a fair chance."""
    open_ones = plan.actions[plan.actions["status"].isin(("planned", "in_progress"))]
    check = Check(8, share=plan.close_probability, goal=th.close_goal, n=len(open_ones))
    check.is_kept = plan.close_probability is not None and plan.close_probability >= th.close_goal
    lacking = open_ones["impact_mode"].isna() | open_ones["probability"].isna()
    check.missing = {"impact_mode": int(lacking.sum()) or int(not check.is_kept)}
    return check


def _followed(dataset: Dataset, plan: Plan, th: Thresholds) -> Check:
    """9: reviews at least monthly, and held."""
    begun = plan.actions[plan.actions["status"] == "in_progress"]
    check = Check(9, goal=th.reviewed_share, n=len(begun))
    if begun.empty:
        check.missing = {"review_cadence_days": len(plan.actions) or 1}
        return check
    cadence = begun["review_cadence_days"].astype(float)
    rare = cadence.isna() | (cadence > th.review_days)
    since = (pd.Timestamp(dataset.as_of) - begun["last_review_date"].fillna(begun["start_date"])).dt.days
    late = ~(since <= cadence.fillna(th.review_days))
    check.share = float((~late).mean())
    check.is_kept = check.share >= th.reviewed_share and not rare.any()
    check.missing = {"review_cadence_days": int(rare.sum()), "last_review_date": int(late.sum())}
    return check


def _adjusted(plan: Plan) -> Check:
    """10: for every action, a day to decide and the result under which to stop, both written in advance."""
    still = plan.actions[plan.actions["status"].isin(("planned", "in_progress"))]
    check = Check(10, goal=1.0, n=len(still))
    if still.empty:
        check.missing = {"stop_rule": len(plan.actions) or 1}
        return check
    told = [
        isinstance(rule, str) and has_threshold(rule) and pd.notna(go_date(rule, start, due))
        for rule, start, due in zip(still["stop_rule"], still["start_date"], still["due_date"], strict=True)
    ]
    check.share = float(np.mean(told))
    check.is_kept = all(told)
    check.missing = {"stop_rule": len(told) - sum(told)}
    return check
