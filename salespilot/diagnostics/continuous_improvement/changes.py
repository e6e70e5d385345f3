"""What was changed, and did it work: interventions and decided actions with their effect and a decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.diagnostics.continuous_improvement.judge import KEY
from salespilot.diagnostics.continuous_improvement.model import Thresholds
from salespilot.diagnostics.continuous_improvement.series import COMPANY, METRICS
from salespilot.inference import block_means
from salespilot.intake.register import DECIDED

MONTHS = """
select date_trunc('month', invoice_date)::date as month,
    sum(amount_net)::double as revenue, sum(margin)::double as margin,
    count(distinct invoice_id) filter (amount_net > 0)::double as orders, customer_id in ({ids}) as is_target
from sales_lines where invoice_date between date '{start}' and date '{end}' and customer_id is not null group by all
"""
VISITS = """
select date_trunc('month', done_date)::date as month, count(*)::double as visits, customer_id in ({ids}) as is_target
from activities where status = 'done' and type in ('visit', 'demo') and customer_id is not null
    and done_date between date '{start}' and date '{end}' group by all
"""
TARGETED = {"revenue": MONTHS, "margin": MONTHS, "orders": MONTHS, "visits": VISITS}
DECISIONS = ("adopt", "adapt", "abandon", "no_hypothesis", "external", "redefined", "wait", "unmeasured")
COLUMNS = [
    "change_id", "origin", "description", "start_date", "kind", "metric", "indicator", "scope_kind", "scope_id",
    "expected_direction", "target_count", "is_hypothesis",
]  # fmt: skip


def listed(dataset: Dataset) -> pd.DataFrame:
    """Interventions and decided actions, one row each, in order of their dates; columns as in ``COLUMNS``.

    An action is a change from its start date on, on its metric and targets; its hypothesis is its target value or
    expected impact.
    """
    reps = dataset.table("reps")
    rows = []
    for item in dataset.table("interventions").to_dict("records"):
        scope = _scope(item["scope"], reps)
        rows.append(
            {
                "change_id": item["intervention_id"],
                "origin": "intervention",
                "description": item["description"],
                "start_date": item["date"],
                "kind": item["kind"] if isinstance(item["kind"], str) else "change",
                "metric": item["metric"],
                "scope_kind": scope[0],
                "scope_id": scope[1],
                "expected_direction": item["expected_direction"],
                "target_count": 0,
            }
        )
    actions = dataset.table("actions")
    targets = dataset.table("action_targets").dropna(subset="customer_id").groupby("action_id").size()
    for item in actions[actions["status"].isin(DECIDED) & actions["start_date"].notna()].to_dict("records"):
        has_aim = any(pd.notna(item[name]) for name in ("target_value", "impact_mode"))
        count = int(targets.get(item["action_id"], 0))
        owner = item["owner_rep_id"]
        rows.append(
            {
                "change_id": item["action_id"],
                "origin": "action",
                "description": item["title"],
                "start_date": item["start_date"],
                "kind": "change",
                "metric": item["metric"],
                "scope_kind": "targets" if count else "rep" if isinstance(owner, str) else "company",
                "scope_id": item["action_id"] if count else owner if isinstance(owner, str) else COMPANY,
                "expected_direction": "up" if has_aim else None,
                "target_count": count,
            }
        )
    frame = pd.DataFrame(rows, columns=COLUMNS[:-1]).sort_values(["start_date", "change_id"], ignore_index=True)
    frame["start_date"] = pd.to_datetime(frame["start_date"])
    frame["indicator"] = frame["metric"].map(METRICS)
    frame["is_hypothesis"] = frame["expected_direction"].isin(("up", "down"))
    return frame[frame["start_date"] <= pd.Timestamp(dataset.as_of)].reset_index(drop=True)


def _scope(scope: object, reps: pd.DataFrame) -> tuple[str, str]:
    text = str(scope).strip()
    if text in set(reps["team_id"].dropna()):
        return "team", text
    return ("rep", text) if text in set(reps["rep_id"]) else ("company", COMPANY)


def causes(changes: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """The series that each change may have moved: those of its indicator in its scope and, for the company's and a
    team's, in everything below it."""
    series = panel[KEY].drop_duplicates()
    known = changes.dropna(subset="indicator")[["indicator", "scope_kind", "scope_id", "start_date", "kind"]]
    both = series.merge(known, on="indicator", suffixes=("", "_of"))
    is_same = (both["scope_kind"] == both["scope_kind_of"]) & (both["scope_id"] == both["scope_id_of"])
    return both[is_same | (both["scope_kind_of"] == "company")][[*KEY, "start_date", "kind"]]


def measured(
    dataset: Dataset, changes: pd.DataFrame, panel: pd.DataFrame, window: Window, thresholds: Thresholds
) -> pd.DataFrame:
    """The changes with before_count, after_count, effect, effect_low, effect_high and a decision.

    The effect is relative: mean after over mean before, less one, with an interval by block bootstrap; that of an
    action on targets is the same for its customers' share against all other customers' (common shocks and seasons
    cancel out). Decisions: adopt (shown, and lasting), adapt (likely, but not shown or not lasting), abandon, wait (too
    few months), external (nobody's choice), redefined (the measure itself changed), unmeasured, no_hypothesis.
    """
    rows = []
    for change in changes.to_dict("records"):
        series = _targeted(dataset, change, window) if change["scope_kind"] == "targets" else _own(change, panel)
        rows.append(change | _effect(series, change, thresholds))
    return pd.DataFrame(rows) if rows else changes.assign(decision=pd.Series(dtype=str))


def _own(change: dict[Any, Any], panel: pd.DataFrame) -> pd.Series:
    is_own = (panel[KEY] == pd.Series({name: change[name] for name in KEY})).all(axis=1)
    return panel[is_own].set_index("month")["value"].sort_index()


def _targeted(dataset: Dataset, change: dict[Any, Any], window: Window) -> pd.Series:
    query = TARGETED.get(str(change["metric"]))
    if query is None:
        return pd.Series(dtype=float, index=pd.DatetimeIndex([]))
    table = dataset.table("action_targets")
    ids = table.loc[table["action_id"] == change["change_id"], "customer_id"].dropna()
    quoted = ", ".join("'" + str(id).replace("'", "''") + "'" for id in ids)
    frame = dataset.sql(query.format(ids=quoted, start=window.start, end=window.end))
    months = pd.date_range(window.start, window.end, freq="MS")
    wide = frame.pivot_table(index="month", columns="is_target", values=str(change["metric"]), aggfunc="sum")
    wide = wide.set_axis(pd.to_datetime(wide.index)).reindex(months).fillna(0.0)
    wide = wide[wide.index >= wide.ne(0).any(axis=1).idxmax()] if len(wide) else wide
    if len(wide.columns) < 2 or (wide[False] <= 0).any():
        return pd.Series(dtype=float, index=pd.DatetimeIndex([]))
    return (wide[True] / wide[False]).astype(float)


def _effect(series: pd.Series, change: dict[Any, Any], thresholds: Thresholds) -> dict[Any, Any]:
    start = pd.Timestamp(str(change["start_date"]))
    first = start if start.day == 1 else start + pd.offsets.MonthBegin(1)
    before, after = series[series.index < start.to_period("M").to_timestamp()], series[series.index >= first]
    counts = {"before_count": len(before), "after_count": len(after)}
    missing: dict[Any, Any] = {"effect": np.nan, "effect_low": np.nan, "effect_high": np.nan}
    if change["kind"] == "definition_break":
        return counts | missing | {"decision": "redefined"}
    if len(before) < thresholds.min_points or before.mean() <= 0:
        return counts | missing | {"decision": "unmeasured"}
    if len(after) < thresholds.effect_points:
        return counts | missing | {"decision": "wait"}
    effect, low, high = relative_effect(before.to_numpy(), after.to_numpy(), thresholds)
    found: dict[Any, Any] = {"effect": effect, "effect_low": low, "effect_high": high}
    return counts | found | {"decision": _decision(change, effect, low, high, before, after, thresholds)}


def _decision(
    change: dict[Any, Any],
    effect: float,
    low: float,
    high: float,
    before: pd.Series,
    after: pd.Series,
    thresholds: Thresholds,
) -> str:
    if change["kind"] == "external":
        return "external"
    if not change["is_hypothesis"]:
        return "no_hypothesis"
    sign = 1.0 if change["expected_direction"] == "up" else -1.0
    is_proven = low > 0 if sign > 0 else high < 0
    if not is_proven:
        return "adapt" if effect * sign >= thresholds.useful_effect else "abandon"
    side = ((after - before.mean()) * sign > 0).to_numpy()
    longest = max((sum(1 for _ in run) for run in _runs(side)), default=0)
    return "adopt" if longest >= thresholds.regime_run else "adapt"


def _runs(flags: Sequence[bool] | np.ndarray) -> list[range]:
    """The stretches of consecutive True, as ranges of places."""
    found, begin = [], None
    for place, flag in enumerate([*flags, False]):
        if flag and begin is None:
            begin = place
        elif not flag and begin is not None:
            found.append(range(begin, place))
            begin = None
    return found


def relative_effect(before: np.ndarray, after: np.ndarray, thresholds: Thresholds) -> tuple[float, float, float]:
    """Mean after over mean before, less one, and its interval by a bootstrap of moving blocks on either side [G]."""
    rng = np.random.default_rng(thresholds.seed)
    draws = [
        block_means(values, thresholds.block_months, thresholds.bootstrap_draws, rng) for values in (before, after)
    ]
    ratio = draws[1] / np.where(draws[0] > 0, draws[0], np.nan) - 1
    tail = (1 - thresholds.effect_interval) / 2
    low, high = np.nanquantile(ratio, [tail, 1 - tail])
    return float(after.mean() / before.mean() - 1), float(low), float(high)
