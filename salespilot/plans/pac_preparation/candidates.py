"""The candidates of the plan: what the reports found that somebody can do, each customer counted once.

A finding contributes where its customers are known: named by it, through its deals, or as the portfolio of the
salesperson whose way of working it is about. Its money is laid on these customers; on each of them, and for each kind
of stake, only the biggest contribution stays (method, section 6 f), so that a partial overlap scales a finding down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from salespilot.dataset import Dataset
from salespilot.finding import Finding, Severity
from salespilot.plans.pac_preparation.model import Thresholds

GAP_REPORTS = ("dynamic_steering", "continuous_improvement", "forecast_accuracy", "data_fitness")
"""Their stakes are the gap itself, or what is known of it: no contribution to closing it."""
OWNED = ("customer", "opportunity", "rep", "segment")
"""Subjects that an action can take up; what is said of the company, a stage or an indicator names nobody to call."""
KINDS = ("gain", "at_risk")
COLUMNS = [
    "finding_id", "report", "rule", "action_name", "owner_id", "stake_kind", "target_count", "target_id",
    "hours_planned", "probability", "lead_days", "yearly", "yearly_low", "yearly_high", "is_margin",
]  # fmt: skip


def pool(
    dataset: Dataset, results: Mapping[str, tuple[Any, list[Finding]]], taken: set[str], thresholds: Thresholds
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The candidates, one row a finding and owner, and the levers: findings with money that no customer of their own
    lets count.

    ``taken``: customers that decided actions touch already, and ids of findings that are decided: both left out.
    Candidates have the columns ``COLUMNS``; ``yearly`` is a year's money if it succeeds, ``owner_id`` is missing where
    nobody in post holds the customers. Levers: report, rule, action_name, subject_id, stake, stake_kind.
    """
    found = [one for name, (_, many) in results.items() if name not in GAP_REPORTS for one in many if _is_open(one)]
    holdings = _holdings(dataset)
    deals = _deals(dataset)
    rows, levers = [], []
    for one in found:
        if one.id in taken:
            continue
        laid = _laid(one, holdings, deals, thresholds)
        if laid is None:
            levers.append((one.report, one.rule, one.code, one.subject_kind, one.subject_id, one.stake, one.stake_kind))
        else:
            rows.append(laid)
    names = ["report", "rule", "action_name", "subject_kind", "subject_id", "stake", "stake_kind"]
    told = pd.DataFrame(levers, columns=names).sort_values("stake", ascending=False, ignore_index=True)
    if not rows:
        return pd.DataFrame(columns=COLUMNS), told
    return _grouped(_once(pd.concat(rows, ignore_index=True), taken), holdings, dataset, thresholds), told


def _is_open(one: Finding) -> bool:
    return one.severity is not Severity.GOOD and one.stake_kind in KINDS and bool(one.stake and one.stake > 0)


def _holdings(dataset: Dataset) -> pd.DataFrame:
    """Customers with who holds them and what they bought in the window: indexed by customer_id, rep_id, revenue."""
    owners = dataset.owners.drop_duplicates("customer_id").set_index("customer_id")
    owners = owners.loc[~owners["is_orphan"].fillna(False).astype(bool), ["rep_id"]]
    sales = dataset.mart("customer_sales").dropna(subset="customer_id").groupby("customer_id")["net_revenue"].sum()
    return owners.join(sales.rename("revenue"), how="outer").assign(revenue=lambda t: t["revenue"].fillna(0.0))


def _deals(dataset: Dataset) -> Mapping[str, str]:
    table = dataset.table("opportunities").dropna(subset="customer_id")
    return dict(zip(table["opportunity_id"], table["customer_id"], strict=True))


def _laid(
    one: Finding, holdings: pd.DataFrame, deals: Mapping[str, str], thresholds: Thresholds
) -> pd.DataFrame | None:
    """The finding on its customers: customer_id, money (a year), with what it takes; None where it has none."""
    if one.subject_kind not in OWNED:
        return None
    named = dict.fromkeys(id for kind, id in one.targets if kind == "customer")
    named |= dict.fromkeys(deals[id] for kind, id in one.targets if kind == "opportunity" and id in deals)
    stake, hours = float(one.stake or 0.0), one.hours
    if one.subject_kind == "opportunity" and hours is None:
        hours = thresholds.deal_hours
    probability = thresholds.default_probability if one.probability is None else one.probability
    if named:
        # A deal's stake is weighted by its chance already.
        probability = 1.0 if one.subject_kind == "opportunity" else probability
        customers = pd.Series(1.0 / len(named), index=list(named))
    elif one.subject_kind == "rep" and one.report == "activity_productivity":
        own = holdings[(holdings["rep_id"] == one.subject_id) & (holdings["revenue"] > 0)]["revenue"]
        if own.empty:
            return None
        stake = min(stake, float(own.sum())) * thresholds.lever_capture
        hours = thresholds.lever_hours if hours is None else hours
        customers = own / own.sum()
    else:
        return None
    low = one.stake_low / one.stake if one.stake_low is not None and one.stake else thresholds.low_factor
    high = one.stake_high / one.stake if one.stake_high is not None and one.stake else thresholds.high_factor
    return pd.DataFrame(
        {
            "customer_id": customers.index,
            "money": stake * customers.to_numpy(),
            "part": customers.to_numpy(),
            "finding_id": one.id,
            "report": one.report,
            "rule": one.rule,
            "action_name": one.code,
            "told_owner": one.owner if one.owner is not None else one.subject_id if one.subject_kind == "rep" else None,
            "stake_kind": one.stake_kind,
            "hours": thresholds.default_hours if hours is None else hours,
            "probability": min(max(float(probability), 0.0), 1.0),
            "lead_days": thresholds.default_lead_days if one.lead_days is None else one.lead_days,
            "low": min(low, 1.0),
            "high": max(high, 1.0),
            "is_margin": one.stake_basis == "margin",
        }
    )


def _once(laid: pd.DataFrame, taken: set[str]) -> pd.DataFrame:
    """Of what is laid on one customer, the biggest expected contribution of each kind of stake."""
    laid = laid[~laid["customer_id"].isin(taken)]
    order = (laid["money"] * laid["probability"]).rename("expected")
    laid = laid.assign(expected=order).sort_values(
        ["expected", "finding_id", "customer_id"], ascending=[False, True, True], kind="stable"
    )
    return laid.drop_duplicates(["stake_kind", "customer_id"])


def _grouped(laid: pd.DataFrame, holdings: pd.DataFrame, dataset: Dataset, thresholds: Thresholds) -> pd.DataFrame:
    """Back to actions: a finding whose customers several salespeople hold is one action for each of them."""
    in_post = active(dataset)
    own = laid["customer_id"].map(holdings["rep_id"]).astype(object)
    owner = laid["told_owner"].astype(object).where(laid["told_owner"].notna(), own)
    laid = laid.assign(owner_id=owner.where(owner.isin(in_post), None), revenue=laid["money"])
    first = ["report", "rule", "action_name", "probability", "lead_days", "low", "high", "is_margin", "hours"]
    table = laid.groupby(["finding_id", "stake_kind", "owner_id"], dropna=False, sort=False).agg(
        **{name: (name, "first") for name in first},
        yearly=("money", "sum"), part=("part", "sum"), target_count=("customer_id", "nunique"),
        target_id=("customer_id", "first"),
    ).reset_index()  # fmt: skip
    table["hours_planned"] = (table["hours"] * table["part"]).clip(lower=thresholds.least_hours)
    table["yearly_low"], table["yearly_high"] = table["yearly"] * table["low"], table["yearly"] * table["high"]
    table["owner_id"] = table["owner_id"].astype(object).where(table["owner_id"].notna(), None)
    return table[COLUMNS]


def active(dataset: Dataset) -> list[str]:
    """The salespeople in post at ``as_of``."""
    reps = dataset.table("reps")
    day = pd.Timestamp(dataset.as_of)
    here = (reps["end_date"].isna() | (reps["end_date"] >= day)) & ~(reps["start_date"] > day)
    return [str(rep) for rep in reps.loc[here, "rep_id"]]


def timed(
    candidates: pd.DataFrame, dataset: Dataset, end: pd.Timestamp, margin: float | None, thresholds: Thresholds
) -> pd.DataFrame:
    """The candidates with start_date, due_date, contribution (expected, in the period), next_year (expected, in the
    year after it) and value_hour: expected margin of the year to come for an hour of work, by which they are ranked.

    time_factor = max(0, (period end − start − lead) / 365); ``margin``: margin rate of sales, None where unknown.
    """
    start = pd.Timestamp(dataset.as_of) + timedelta(days=thresholds.launch_days)
    table = candidates.assign(start_date=start)
    pays = start + pd.to_timedelta(table["lead_days"].astype(float), unit="D")
    table["due_date"] = start + pd.DateOffset(months=thresholds.spread_months)
    table["time_factor"] = ((end - pays).dt.days / 365).clip(0, 1).astype(float)
    expected = table["yearly"] * table["probability"]
    table["contribution"] = expected * table["time_factor"]
    table["next_year"] = expected
    rate = pd.Series(1.0, table.index).where(table["is_margin"].astype(bool), margin if margin else 1.0)
    table["value_hour"] = expected * rate / table["hours_planned"]
    order = ["value_hour", "due_date", "finding_id"]
    return table.sort_values(order, ascending=[False, True, True], kind="stable", ignore_index=True)


def names_of(frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The frame with owner_name and target_name in the place of nothing: names for owner_id and target_id."""
    reps, customers = dataset.names("reps"), dataset.names("customers")
    owner = frame["owner_id"].map(reps)
    return frame.assign(owner_name=owner, target_name=frame["target_id"].map(customers))


def customers_of(actions: Iterable[str], dataset: Dataset) -> set[str]:
    """The customers that these actions touch, by themselves or through a deal."""
    table = dataset.table("action_targets")
    own = table[table["action_id"].isin(set(actions))]
    through = own["opportunity_id"].dropna().map(_deals(dataset)).dropna()
    return {*own["customer_id"].dropna(), *through}
