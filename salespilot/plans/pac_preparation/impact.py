"""What decided actions really brought: targeted customers against similar ones that no action touched.

Difference in differences (method, section 6 c): the change of the targeted customers' monthly sales since the start of
the action, less that of their matched controls. What moves everybody (season, prices, the market) cancels out; so does
the return to the usual of customers chosen after a bad year, since their controls had the same year.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from salespilot.classes import abc_classes
from salespilot.dataset import Dataset, Window
from salespilot.inference import block_means
from salespilot.plans.pac_preparation.model import Thresholds

MONTHS = """
select customer_id, date_trunc('month', invoice_date)::date as month, sum({measure})::double as amount
from sales_lines where invoice_date between date '{start}' and date '{end}' and customer_id in ({ids}) group by all
"""
SUMS = """
select customer_id, sum({measure}) filter (invoice_date < date '{middle}')::double as early,
    sum({measure}) filter (invoice_date >= date '{middle}')::double as late from sales_lines
where invoice_date between date '{start}' and date '{end}' and customer_id is not null group by all
"""
MEASURES = {"margin": "margin"}
VERDICTS = ("effective", "stop", "not_shown", "not_proven", "too_early", "unmeasured")
HALFWAY = re.compile(r"mi-parcours|mi parcours|half-?way|midway|mid-term", re.IGNORECASE)
DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})|(\d{1,2})/(\d{1,2})/(\d{4})")


@dataclass(frozen=True)
class Effect:
    """A measured effect, money a month over all targets: estimate, and draws of it from which intervals come."""

    estimate: float
    draws: np.ndarray

    def interval(self, share: float) -> tuple[float, float]:
        """The bounds that hold that share of the draws."""
        tail = (1 - share) / 2
        low, high = np.quantile(self.draws, [tail, 1 - tail])
        return float(low), float(high)


def effect(targets: np.ndarray, controls: np.ndarray, before: int, thresholds: Thresholds, seed: int) -> Effect:
    """The effect on targeted customers, with draws of what chance makes of it.

    ``targets``: customers x months; ``controls``: customers x controls x months; the first ``before`` months precede
    the action. Chance is drawn in two ways, and the wider is kept: months in blocks (moving-block bootstrap of the gap
    between targets and controls), and controls in the place of targets (what the same measure says of customers that
    nobody touched); the second sees customers who drift on their own, the first what hits all targets together.
    """
    rng = np.random.default_rng(seed)
    gap = (targets - controls.mean(axis=1)).sum(axis=0)
    estimate = float(gap[before:].mean() - gap[:before].mean())
    length, draws = thresholds.block_months, thresholds.effect_draws
    # The mean of few months varies more than draws from them do: n / (n - 1), as for any variance.
    parts = []
    for part in (gap[before:], gap[:before]):
        wide = np.sqrt(len(part) / max(len(part) - 1, 1))
        parts.append((block_means(part, length, draws, rng) - part.mean()) * wide)
    noise = parts[0] - parts[1]
    count = controls.shape[1]
    if count > 2:
        change = controls[:, :, before:].mean(axis=2) - controls[:, :, :before].mean(axis=2)
        # A control against the others, as the target against all: their mean is that of count - 1, not of count.
        alone = (change - change.mean(axis=1, keepdims=True)) * count / (count - 1)
        alone *= np.sqrt((count + 1) * (count - 1)) / count
        picks = rng.integers(0, count, (draws, len(alone)))
        placebo = alone[np.arange(len(alone)), picks].sum(axis=1)
        if placebo.std() > noise.std():
            noise = placebo - placebo.mean()
    return Effect(estimate, estimate - noise)


def matched(
    before: pd.DataFrame, role: pd.Series, targets: Sequence[str], banned: set[str], thresholds: Thresholds
) -> tuple[list[str], np.ndarray]:
    """The targets that can be compared, and for each the ``controls`` customers most like it (targets x controls).

    Like: near in sales before the action, in the two halves of that period each (who had just fallen is compared with
    who had fallen); those of another class or role are set back. A target whose controls differ by more than
    ``match_limit`` (in logarithms, on average) resembles nobody, and is left out. ``before``: early and late sales, by
    customer; ``role``: the class and role of each; ``banned``: customers that any action touches.
    """
    free = before[~before.index.isin(banned)]
    nobody: tuple[list[str], np.ndarray] = ([], np.empty((0, 0), dtype=object))
    if len(free) < thresholds.controls:
        return nobody
    size, ids = np.log1p(free.clip(lower=0).to_numpy(dtype=float)), free.index.to_numpy()
    own = np.log1p(before.reindex(pd.Index(targets)).fillna(0.0).clip(lower=0).to_numpy(dtype=float))
    roles = role.reindex(free.index).to_numpy()
    kept, picks = [], []
    for target, place in zip(targets, own, strict=True):
        away = np.abs(size - place).mean(axis=1)
        behind = away + np.where(roles == role.get(target), 0.0, 0.5)  # as far as two thirds more sales
        nearest = np.argsort(behind, kind="stable")[: thresholds.controls]
        if away[nearest].mean() <= thresholds.match_limit:
            kept.append(target)
            picks.append(ids[nearest])
    return (kept, np.array(picks, dtype=object)) if kept else nobody


def measured(dataset: Dataset, actions: pd.DataFrame, targets: dict[str, list[str]], thresholds: Thresholds) -> tuple[
    pd.DataFrame, Effect | None
]:  # fmt: skip
    """One row a decided action on customers: effect of a year with interval, and a verdict; and the effect of all.

    A customer of several actions is measured with the first. Verdicts: effective (the interval lies above 0), stop (it
    does not, and the date to decide is past), not_shown (it does not yet), not_proven (it does not, and the action is
    closed), too_early, unmeasured (no past, too few customers to compare with). Money a year; that of all is money
    a month.
    """
    rows, effects = [], []
    every = {customer for many in targets.values() for customer in many}
    roles = _roles(dataset)
    seen: set[str] = set()
    for action in actions.sort_values(["start_date", "action_id"]).to_dict("records"):
        own = [customer for customer in targets.get(action["action_id"], []) if customer not in seen]
        if not own or pd.isna(action["start_date"]):
            continue
        seen |= set(own)
        go = go_date(action["stop_rule"], action["start_date"], action["due_date"])
        row = {"action_id": action["action_id"], "go_date": go, "target_count": len(own), "control_count": 0}
        row |= {"impact": np.nan, "impact_low": np.nan, "impact_high": np.nan, "after_count": 0}
        found = _one(dataset, action, own, every, roles, thresholds)
        if isinstance(found, str):
            rows.append(row | {"verdict": found})
            continue
        one, after, count = found
        low, high = one.interval(thresholds.effect_interval)
        row |= {"impact": 12 * one.estimate, "impact_low": 12 * low, "impact_high": 12 * high}
        row |= {"after_count": after, "target_count": count, "control_count": thresholds.controls * count}
        is_due = pd.notna(go) and go <= pd.Timestamp(dataset.as_of)
        unproven = "not_proven" if action["status"] == "done" else "stop" if is_due else "not_shown"
        rows.append(row | {"verdict": "effective" if low > 0 else unproven})
        effects.append(one)
    if not rows:
        return pd.DataFrame(), None
    whole = Effect(sum(e.estimate for e in effects), np.sum([e.draws for e in effects], axis=0)) if effects else None
    return pd.DataFrame(rows), whole


def _one(
    dataset: Dataset, action: dict[Any, Any], own: list[str], every: set[str], roles: pd.Series, thresholds: Thresholds
) -> tuple[Effect, int, int] | str:
    """The effect, the months after, and the targets that could be compared; or the verdict where there is none."""
    start = pd.Timestamp(action["start_date"])
    first = start if start.day == 1 else start + pd.offsets.MonthBegin(1)
    last = pd.Timestamp(dataset.window.end) + timedelta(days=1)
    after = min((last.year - first.year) * 12 + last.month - first.month, 12)
    if after < thresholds.effect_months:
        return "too_early"
    since = start.to_period("M").to_timestamp() - pd.DateOffset(months=thresholds.before_months)
    begun = dataset.first_transaction
    if begun is None or pd.Timestamp(begun) > since:
        return "unmeasured"
    until = start.to_period("M").to_timestamp() - timedelta(days=1)
    measure = MEASURES.get(str(action["metric"]), "amount_net")
    past = Window(since.date(), until.date())
    middle = since + pd.DateOffset(months=thresholds.before_months // 2)
    asked = SUMS.format(measure=measure, start=past.start, end=past.end, middle=middle.date())
    sums = dataset.sql(asked).set_index("customer_id")[["early", "late"]]
    known = sums.reindex(sums.index.union(own)).fillna(0.0)
    classes = abc_classes(known.sum(axis=1), dataset.conventions).frame["abc_class"]
    role = roles.reindex(known.index).fillna("").str.cat(classes, sep="|")
    alike, pairs = matched(known, role, own, every, thresholds)
    if not alike:
        return "unmeasured"
    past_months = pd.date_range(since, periods=thresholds.before_months, freq="MS")
    months = pd.DatetimeIndex([*past_months, *pd.date_range(first, periods=after, freq="MS")])
    wide = _wide(dataset, {*alike, *pairs.ravel()}, months, measure)
    treated = wide.reindex(alike).fillna(0.0).to_numpy()
    untouched = np.stack([wide.reindex(list(row)).fillna(0.0).to_numpy() for row in pairs])
    seed = thresholds.seed + int(start.toordinal()) % 1000
    return effect(treated, untouched, thresholds.before_months, thresholds, seed), after, len(alike)


def _wide(dataset: Dataset, ids: set[str], months: pd.DatetimeIndex, measure: str) -> pd.DataFrame:
    quoted = ", ".join("'" + str(id).replace("'", "''") + "'" for id in sorted(ids))
    end = (months[-1] + pd.offsets.MonthEnd(0)).date()
    frame = dataset.sql(MONTHS.format(measure=measure, start=months[0].date(), end=end, ids=quoted))
    wide = frame.pivot_table(index="customer_id", columns=pd.to_datetime(frame["month"]), values="amount")
    return wide.reindex(columns=months)


def _roles(dataset: Dataset) -> pd.Series:
    """The role of the salesperson of each customer."""
    owners = dataset.owners.drop_duplicates("customer_id").set_index("customer_id")["rep_id"]
    return owners.map(dataset.table("reps").set_index("rep_id")["role"])


def go_date(rule: object, start: pd.Timestamp, due: pd.Timestamp) -> pd.Timestamp:
    """The day fixed in advance to stop or go on: written in the stop rule, else halfway where it says so, else due."""
    text = rule if isinstance(rule, str) else ""
    told = DAY.search(text)
    if told:
        y, m, d, day, month, year = told.groups()
        try:
            return pd.Timestamp(date(int(y), int(m), int(d)) if y else date(int(year), int(month), int(day)))
        except ValueError:
            return due
    if HALFWAY.search(text) and pd.notna(start) and pd.notna(due):
        return pd.Timestamp(start + (due - start) / 2).normalize()
    return due


def has_threshold(rule: object) -> bool:
    """Whether a stop rule says under which result to stop: a number, or a part in words."""
    text = DAY.sub("", rule) if isinstance(rule, str) else ""
    return bool(re.search(r"\d|moitié|tiers|quart|half|third|quarter", text, re.IGNORECASE))
