"""Rates before names: intervals, shrinkage, case mix, limits and many comparisons, salesperson by salesperson.

Everybody is compared with the peers of the same role, at the peers' rates in the same kinds of customers or deals
(case mix): expected = Σ segment rate × n, index = actual / expected.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from salespilot.classes import abc_classes
from salespilot.dataset import Dataset
from salespilot.diagnostics.activity_productivity.chain import Step
from salespilot.diagnostics.activity_productivity.model import STEPS, Thresholds
from salespilot.diagnostics.activity_productivity.team import compared
from salespilot.inference import chance_of_rate, discoveries, rate_limits, shrunk_rates, wilson

UNUSUAL, OUT = 2.0, 3.0
"""Limits of the funnel plot, in standard deviations."""


def customer_classes(dataset: Dataset) -> pd.Series:
    """Each customer's revenue class of the previous period, by customer_id: A, B, C, or "new" for the others.

    The class before the period, so that this period's successes do not make the class. Empty without a previous one.
    """
    if dataset.previous is None or dataset.sales_basis != "invoiced":
        return pd.Series(dtype=object)
    before = dataset.mart("customer_sales", dataset.previous).dropna(subset="customer_id")
    classes = abc_classes(before.set_index("customer_id")["net_revenue"], dataset.conventions)
    kept = classes.frame["abc_class"].where(classes.frame["abc_class"].isin(["A", "B", "C"]))
    return kept.dropna() if classes.is_separating else pd.Series(dtype=object)


def segmented(step: Step, classes: pd.Series) -> pd.DataFrame:
    """The counts of a step with ``segment``: type and source of the deal where known, else class of the customer."""
    counts = step.counts
    if counts["type"].notna().any() or counts["source"].notna().any():
        segment = counts["type"].fillna("?").astype(str) + "|" + counts["source"].fillna("?").astype(str)
    elif len(classes):
        segment = counts["customer_id"].map(classes).fillna("new")
    else:
        segment = pd.Series("all", index=counts.index)
    return counts.assign(segment=segment)


def rep_steps(
    steps: Mapping[str, Step], team: pd.DataFrame, classes: pd.Series, hide: int, thresholds: Thresholds
) -> pd.DataFrame:
    """One row a salesperson and step with at least one start.

    ``from_count``, ``success_count``; ``starts_per_day`` (a worked day of the window) and ``peer_starts_per_day``;
    ``rate`` with its 95 % interval (missing under ``hide`` starts), ``shrunk_rate``
    towards the peers, ``peer_rate``; ``expected_rate`` (the peers' in the same segments), ``index`` of actual over
    expected with its interval, ``adjusted_rate`` (the peers' rate × index) and
    ``equivalent_count`` (starts at the peers' rate that would make it as sure); ``limit_low``, ``limit_high`` (2σ) and
    ``limit_low3``, ``limit_high3`` (3σ) around the expected rate; ``chance`` of so far a rate by luck; ``is_signal``
    (stands among all the comparisons); ``verdict``: below, above, within, too_few, not_compared.
    """
    rows = [_of_step(step, team, classes, hide) for step in steps.values()]
    if not rows:
        return pd.DataFrame(columns=["rep_id", "step", "verdict", "is_signal", "chance"])
    table = pd.concat(rows, ignore_index=True)
    table["is_signal"] = discoveries(table["chance"], thresholds.false_alarm_share)
    far = table["is_signal"]
    verdict = np.select(
        [~table["is_compared"], table["from_count"] < hide, far & (table["index"] < 1), far & (table["index"] > 1)],
        ["not_compared", "too_few", "below", "above"],
        "within",
    )
    return table.assign(verdict=verdict)


def _of_step(step: Step, team: pd.DataFrame, classes: pd.Series, hide: int) -> pd.DataFrame:
    counts = segmented(step, classes)
    counts = counts[counts["rep_id"].isin(team.index)]
    peers = counts["rep_id"].map(team["peers"])
    # Who does not log visits may well record quotes and deals.
    is_free = compared(team, with_silent=step.name == "rate_order")
    free = counts["rep_id"].map(is_free).astype(bool)
    counts = counts.assign(peers=peers, free=free)
    segment_rates = _segment_rates(counts[free])
    counts = counts.merge(segment_rates, on=["peers", "segment"], how="left")
    counts["expected"] = counts["from_count"] * counts["segment_rate"]
    sums = counts.groupby("rep_id")[["from_count", "success_count", "expected"]].sum(min_count=1)
    table = sums.reset_index()
    table.insert(1, "step", step.name)
    n, k = table["from_count"].astype(float), table["success_count"].astype(float)
    about = table["rep_id"].map
    table["name"], table["role"], peers = about(team["name"]), about(team["role"]), about(team["peers"])
    is_compared = about(is_free).astype(bool)
    seen = n >= hide
    table["worked_days"] = about(team["worked_days"])
    total = table[is_compared].groupby(peers[is_compared])[["from_count", "success_count", "worked_days"]].sum()
    days = table.pop("worked_days")
    table["starts_per_day"] = n / days.where(days > 0)
    table["peer_starts_per_day"] = peers.map(total["from_count"] / total["worked_days"]).astype(float)
    table["peer_rate"] = peers.map(total["success_count"] / total["from_count"]).astype(float)
    low, high = wilson(k, n)
    table["rate"], table["rate_low"], table["rate_high"] = (k / n).where(seen), low, high
    table[["rate_low", "rate_high"]] = table[["rate_low", "rate_high"]].where(seen)
    table["shrunk_rate"] = np.nan
    for role, p0 in table["peer_rate"].groupby(peers).first().items():
        own = (peers == role) & is_compared
        if own.any():
            table.loc[own, "shrunk_rate"] = shrunk_rates(k[own], n[own], centre=float(p0))
    table["expected_rate"] = (table["expected"] / n).where(is_compared)
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, value in (("index", k / n), ("index_low", low), ("index_high", high)):
            table[name] = (value / table["expected_rate"]).where(seen & (table["expected_rate"] > 0))
    table["adjusted_rate"] = (table["index"] * table["peer_rate"]).clip(upper=1.0)
    # As many starts at the peers' rate as make the adjusted rate as uncertain as it is.
    odds, usual = (rate / (1 - rate) for rate in (table["expected_rate"], table["peer_rate"]))
    table["equivalent_count"] = (n * odds / usual).where(seen & (usual > 0) & np.isfinite(odds / usual))
    table["limit_low"], table["limit_high"] = rate_limits(table["expected_rate"], n, UNUSUAL)
    table["limit_low3"], table["limit_high3"] = rate_limits(table["expected_rate"], n, OUT)
    chance = chance_of_rate(k, n, table["expected_rate"])
    table["chance"] = np.where(seen & is_compared & table["index"].notna(), chance, np.nan)
    table["is_compared"] = is_compared
    order = {rep: place for place, rep in enumerate(team.index)}
    return table.sort_values("rep_id", key=lambda ids: ids.map(order)).reset_index(drop=True)


def _segment_rates(counts: pd.DataFrame) -> pd.DataFrame:
    """The peers' rate in each segment, drawn towards their overall rate where a segment is small."""
    sums = counts.groupby(["peers", "segment"])[["from_count", "success_count"]].sum().reset_index()
    sums["segment_rate"] = np.nan
    for _, own in sums.groupby("peers"):
        rates = shrunk_rates(own["success_count"], own["from_count"])
        # The expected successes of the peers as a whole are those that they had.
        expected = float((rates * own["from_count"]).sum())
        scale = own["success_count"].sum() / expected if expected > 0 else 1.0
        sums.loc[own.index, "segment_rate"] = np.clip(rates * scale, 0, 1)
    return sums[["peers", "segment", "segment_rate"]]


def chain(steps: Mapping[str, Step]) -> pd.DataFrame:
    """One row a step of the chain for the company, in its order.

    ``step``, ``basis``, ``from_count``, ``success_count``, ``rate`` with its 95 % interval, ``wait_days`` (0: judged
    at once), ``median_days``, ``cohort_start``, ``cohort_end``, ``customer_count`` and ``customer_rate``: of the
    customers approached, those with at least one success.
    """
    rows = []
    for name in STEPS:
        if name not in steps:
            continue
        step = steps[name]
        n, k = (int(step.counts[column].sum()) for column in ("from_count", "success_count"))
        low, high = wilson(k, n)
        by_customer = step.counts.groupby("customer_id")[["from_count", "success_count"]].sum()
        rows.append(
            {
                "step": name, "basis": step.basis, "from_count": n, "success_count": k, "rate": k / n,
                "rate_low": float(low), "rate_high": float(high), "customer_count": len(by_customer),
                "customer_rate": float((by_customer["success_count"] > 0).mean()) if len(by_customer) else np.nan,
                "wait_days": float(step.horizon_days), "median_days": step.median_days,
                "cohort_start": pd.Timestamp(step.start), "cohort_end": pd.Timestamp(step.end),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def group_rates(groups: pd.DataFrame) -> pd.DataFrame:
    """The rates of the groups, one row a group and a column a step: scope, group, and the steps of the chain."""
    order = groups[["scope", "group"]].drop_duplicates()
    table = groups.pivot(index=["scope", "group"], columns="step", values="rate")
    table = table.reindex(columns=[name for name in STEPS if name in table]).reset_index()
    return order.merge(table, on=["scope", "group"]).sort_values("scope", kind="stable", ignore_index=True)


def groups(steps: Mapping[str, Step], team: pd.DataFrame, classes: pd.Series, hide: int) -> pd.DataFrame:
    """The rates of each step by group. ``scope``: team, role, abc_class (of the customer), type or source (of the
    deal); ``group``; from_count, success_count, rate with its 95 % interval (missing under ``hide`` starts)."""
    parts = []
    for name, step in steps.items():
        counts = step.counts
        by = {
            "team": counts["rep_id"].map(team["team_id"]),
            "role": counts["rep_id"].map(team["role"]),
            "abc_class": counts["customer_id"].map(classes).fillna("new") if len(classes) else None,
            "type": counts["type"],
            "source": counts["source"],
        }
        for scope, group in by.items():
            if group is None or group.nunique() < 2:
                continue
            sums = counts.groupby(group.rename("group"))[["from_count", "success_count"]].sum().reset_index()
            parts.append(sums.assign(scope=scope, step=name))
    if not parts:
        return pd.DataFrame(columns=["scope", "group", "step", "from_count", "success_count", "rate"])
    table = pd.concat(parts, ignore_index=True)
    table = table[table["from_count"] > 0]
    seen = table["from_count"] >= hide
    table["rate"] = (table["success_count"] / table["from_count"]).where(seen)
    low, high = wilson(table["success_count"], table["from_count"])
    table["rate_low"], table["rate_high"] = low, high
    table[["rate_low", "rate_high"]] = table[["rate_low", "rate_high"]].where(seen)
    columns = ["scope", "group", "step", "from_count", "success_count", "rate", "rate_low", "rate_high"]
    return table[columns].reset_index(drop=True)
