"""What the chain is worth: money lost at each step, the top quartile within reach, and the activity a target needs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.activity_productivity.chain import Step
from salespilot.diagnostics.activity_productivity.model import STEPS, Thresholds
from salespilot.inference import shrunk_rates
from salespilot.periods import fiscal_year


def order_value(step: Step | None) -> float:
    """The average order that the last step brought, NaN where no amount is known."""
    if step is None:
        return float("nan")
    won = float(step.counts["success_count"].sum())
    value = float(step.counts["success_value"].sum())
    return value / won if won and value else float("nan")


def unbroken(chain: pd.DataFrame) -> list[str]:
    """The steps that follow each other without a gap up to the order, the first one first."""
    have = set(chain["step"])
    kept: list[str] = []
    for name in reversed(STEPS):
        if name not in have:
            break
        kept.insert(0, name)
    if kept and chain.set_index("step").loc["rate_order", "basis"] == "deals":
        return kept[-1:]  # deals do not come out of visits one by one
    return kept


def priced(chain: pd.DataFrame, value: float, years: float) -> pd.DataFrame:
    """The chain with, a year: ``success_value`` (one success: the orders that follow from it), ``lost_value`` (what the
    starts that failed would have brought at the later steps' rates) and ``point_value`` (one point of rate more)."""
    rates = chain.set_index("step")["rate"]
    later, worth = 1.0, {}
    for name in reversed(unbroken(chain)):
        worth[name] = later * value
        later *= float(rates[name])
    chain = chain.assign(success_value=chain["step"].map(worth).astype(float))
    lost = chain["from_count"] - chain["success_count"]
    chain["lost_value"] = lost * chain["success_value"] / years
    chain["point_value"] = 0.01 * chain["from_count"] * chain["success_value"] / years
    return chain


def chain_yield(chain: pd.DataFrame) -> float | None:
    """Orders for one start of the first step of the unbroken chain: the product of its rates. None without orders."""
    names = unbroken(chain)
    return float(np.prod(chain.loc[chain["step"].isin(names), "rate"])) if names else None


def upside(
    rep_steps: pd.DataFrame, chain: pd.DataFrame, team: pd.DataFrame, years: float, th: Thresholds
) -> pd.DataFrame:
    """One row a step where people are compared: what the top quartile's rate would bring in a year.

    Σ max(0, Q3 − rate)·starts·value of a success, on shrunk rates at the same mix, peers by peers; ``upside`` with its
    95 % interval (``upside_low``, ``upside_high``: counts drawn again from the shrunk rates, seeded), ``top_rate``,
    ``rep_count`` (below it) and ``from_count``.
    """
    rng = np.random.default_rng(th.seed)
    worth = chain.set_index("step")["success_value"]
    rows = []
    for step, own in rep_steps[rep_steps["is_compared"] & (rep_steps["from_count"] > 0)].groupby("step", sort=False):
        if pd.isna(worth.get(step, np.nan)):
            continue
        groups = [group for _, group in own.groupby(own["rep_id"].map(team["peers"])) if len(group) >= th.peers_min]
        if not groups:
            continue
        gain, low, high, tops, below = 0.0, 0.0, 0.0, [], 0
        draws = np.zeros(th.upside_draws)
        for group in groups:
            n = group["from_count"].to_numpy(dtype=float)
            mix = (group["expected_rate"] / group["peer_rate"]).fillna(1.0).to_numpy(dtype=float)
            k = group["success_count"].to_numpy(dtype=float)
            rate = _at_the_same_mix(k, n, mix)
            won, top = _within_reach(rate, n * mix, th.upside_quantile)
            gain += won
            tops.append(top)
            below += int((rate < top - 1e-9).sum())
            again = rng.binomial(n.astype(int), np.clip(rate * mix, 0, 1), (th.upside_draws, len(n)))
            draws += [_within_reach(_at_the_same_mix(row, n, mix), n * mix, th.upside_quantile)[0] for row in again]
        scale = float(worth[step]) / years
        low, high = np.quantile(draws, [0.025, 0.975])
        rows.append(
            {"step": step, "from_count": int(own["from_count"].sum()), "rep_count": below, "top_rate": float(max(tops)),
             "upside": gain * scale, "upside_low": min(low, gain) * scale, "upside_high": max(high, gain) * scale}
        )  # fmt: skip
    columns = ["step", "from_count", "rep_count", "top_rate", "upside", "upside_low", "upside_high"]
    return pd.DataFrame(rows, columns=columns)


def _at_the_same_mix(k: np.ndarray, n: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """Shrunk rates as if everyone had the peers' mix: starts are counted for what they can give."""
    return np.clip(shrunk_rates(k, np.maximum(n * mix, k)), 0, 1)


def _within_reach(rate: np.ndarray, n: np.ndarray, quantile: float) -> tuple[float, float]:
    top = float(np.quantile(rate, quantile))
    return float((np.clip(top - rate, 0, None) * n).sum()), top


def plan(chain: pd.DataFrame, value: float, need: float | None, worked_days: float, years: float) -> pd.DataFrame:
    """Backward planning: one row a step of the unbroken chain, from the order back to the first start.

    ``needed_per_order``: starts for one order, were all to come through the whole chain; ``current_year``: starts a
    year now; and where a target says what must be won (``need``, money a year): ``effort``, the orders needed over
    those of today, and ``needed_year`` and ``needed_per_day`` (a worked day of the whole team) at that effort. Some
    visits come of no call, and some quotes of no visit: the effort keeps their part as it is.
    """
    names = unbroken(chain)
    rates = chain.set_index("step")
    rows, each, effort = [], 1.0, np.nan
    if need is not None and value > 0 and names and rates["success_count"]["rate_order"] > 0:
        effort = need / value / (float(rates["success_count"]["rate_order"]) / years)
    for name in reversed(names):
        rate = float(rates["rate"][name])
        each = each / rate if rate > 0 else np.nan
        current = float(rates["from_count"][name]) / years
        rows.append(
            {"basis": rates["basis"][name], "step": name, "rate": rate, "needed_per_order": each,
             "current_year": current, "needed_year": current * effort,
             "needed_per_day": current * effort / (worked_days / years) if worked_days else np.nan, "effort": effort}
        )  # fmt: skip
    return pd.DataFrame(rows)


def official_target(dataset: Dataset) -> float | None:
    """The revenue target of the fiscal year of ``as_of``, last versions: the company's, else the sum of the
    salespeople's. None where the targets do not cover that year."""
    table = dataset.table("targets")
    year = fiscal_year(dataset, dataset.as_of)
    start, end = pd.Timestamp(year.start), pd.Timestamp(year.end)
    table = table[(table["metric"] == "revenue") & (table["period_start"] >= start) & (table["period_end"] <= end)]
    table = table.sort_values("version", kind="stable")
    table = table.drop_duplicates(["period_start", "entity_level", "entity_id"], keep="last")
    for level in ("company", "team", "rep"):
        own = table[table["entity_level"] == level]
        days = own.drop_duplicates(["period_start", "period_end"])
        covered = ((days["period_end"] - days["period_start"]).dt.days + 1).sum()
        if abs(covered - year.days) <= 7:  # each day once: months or quarters or the year
            return float(own["value"].sum())
    return None


def to_be_won(dataset: Dataset, step: Step | None, years: float) -> tuple[float | None, float | None]:
    """A year's target, and what of it must come from quotes or deals: the target less what comes without any.

    Revenue that no quote brought is taken to come again as it did over the period.
    """
    target = official_target(dataset)
    if target is None or step is None:
        return target, None
    won = float(step.counts["success_value"].sum()) / years
    if dataset.sales_basis != "invoiced":
        return target, target
    revenue = float(dataset.mart("customer_sales")["net_revenue"].sum()) / years
    return target, max(target - (revenue - won), 0.0)
