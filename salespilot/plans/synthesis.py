"""Synthesis: on two pages, what there is to gain, what is at risk, what to check, and what changed since last time?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from salespilot.conventions import SettingError, Settings, parameter, settings, threshold
from salespilot.dataset import Dataset
from salespilot.diagnostics import abc_cross_matrix, portfolio_review
from salespilot.finding import Finding, Reason, Severity, absent
from salespilot.fitness import Needs
from salespilot.intake.register import CLOSED, OPEN

NAME = "synthesis"
NEEDS: Needs = (("sales_lines", "opportunities"),)
USES = (
    "data_fitness", "portfolio_review", "abc_cross_matrix", "activity_productivity", "portfolio_alignment",
    "sales_contest", "dynamic_steering", "sales_cycle", "forecast_accuracy", "continuous_improvement",
)  # fmt: skip
LISTS = ("at_risk", "gain", "check")
"""The lists, in the order of reading."""
COUNTED = ("customer", "opportunity")
COMPARED = {
    "portfolio_review": ("net_revenue", "active_customers", "coverage_rate", "dormant_customers"),
    "abc_cross_matrix": ("headroom", "share_of_wallet"),
}


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    since: str = parameter("", "as-of date compared with; empty: the previous one reported on", is_date=True)


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge."""

    shown: int = threshold(3, "findings", "of each list: what a director reads")
    whole_share: float = threshold(0.5, "share of targets", "a finding mostly counted elsewhere is not shown again")


@dataclass(frozen=True)
class Result:
    """What was brought together; a frame is None where ``not_computable`` says why.

    ``stakes``   one row a finding of any report: list (gain, at_risk, check), stake, share of it counted here, place
    ``totals``   one row a list: findings, stake counted once a customer, hours of work
    ``decided``  one row an action decided and not closed: owner, dates, progress, is_late
    ``changes``  two rows, then and now: as_of, key figures
    ``moves``    one row a former and present revenue class: customers, revenue now
    ``tops``     list -> its first findings, as they are
    """

    stakes: pd.DataFrame | None = None
    totals: pd.DataFrame | None = None
    decided: pd.DataFrame | None = None
    changes: pd.DataFrame | None = None
    moves: pd.DataFrame | None = None
    tops: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    key_figures: Mapping[str, float | int | None] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)


Results = Mapping[str, tuple[Any, Sequence[Finding]]]


def compute(
    dataset: Dataset,
    results: Results,
    parameters: Parameters = Parameters(),
    thresholds: Thresholds = Thresholds(),
) -> Result:
    """Bring the findings of all reports together, each customer counted once in a list, lists never added up.

    Raises SettingError when ``parameters.since`` is no earlier date than the data's.
    """
    missing: dict[str, Reason] = {}
    found = [one for _, own in results.values() for one in own if one.severity is not Severity.GOOD]
    stakes, tops = _lists(found, thresholds)
    frames: dict[str, pd.DataFrame | None] = {"stakes": stakes, "totals": _totals(stakes)}
    figures: dict[str, float | int | None] = {
        "finding_count": len(found),
        "gain_total": _total(stakes, "gain"),
        "at_risk_total": _total(stakes, "at_risk"),
        "check_count": int((stakes["list"] == "check").sum()),
    }
    decided = _decided(dataset)
    if decided is None:
        missing |= dict.fromkeys(("decided", "decided_count", "late_count", "done_count"), absent("actions"))
        figures |= dict.fromkeys(("decided_count", "late_count", "done_count"))
    else:
        closed = dataset.table("actions")["status"].isin(CLOSED)
        figures["decided_count"], figures["late_count"] = len(decided), int(decided["is_late"].sum())
        figures["done_count"] = int(closed.sum())
        frames["decided"] = decided
    since = _since(parameters, dataset)
    if since is None:
        missing |= dict.fromkeys(("changes", "moves"), Reason("no_previous"))
    else:
        then = _then(dataset.at(since), results)
        frames["changes"] = _changes(since, then, dataset.as_of, results)
        frames["moves"] = _moves(then, results)
        for name in ("changes", "moves"):
            if frames[name] is None:
                missing[name] = Reason("nothing_before", {"since": since})
    return Result(**frames, tops=tops, key_figures=figures, not_computable=missing)


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:  # noqa: ARG001 the contract
    """The first findings of each list, in their own reports' words."""
    return [one for name in LISTS for one in result.tops.get(name, ())]


def list_of(finding: Finding) -> str:
    """The list of a finding: at_risk, gain (costs to spare too), or check where it has no price or doubtful data."""
    if not finding.stake or finding.report == "data_fitness":
        return "check"
    return "at_risk" if finding.stake_kind == "at_risk" else "gain"


def _lists(found: Iterable[Finding], thresholds: Thresholds) -> tuple[pd.DataFrame, dict[str, tuple[Finding, ...]]]:
    """Every finding in its list, the dearest first; a customer or deal counts in the first finding that touches it.

    Findings on the company, a team, a person or a milestone overlap with those on customers: they are shown, and never
    added. The biggest of each rule is shown, not two of one, nor the same money twice of one report.
    """
    rows = []
    tops: dict[str, list[Finding]] = {"gain": [], "at_risk": [], "check": []}
    claimed: dict[str, set[tuple[str, str]]] = {"gain": set(), "at_risk": set()}
    told: set[tuple[str, object]] = set()
    for one in sorted(found, key=lambda f: (-(f.stake or 0.0), f.id)):
        name = list_of(one)
        touched = {target for target in (*one.targets, (one.subject_kind, one.subject_id)) if target[0] in COUNTED}
        share = len(touched - claimed.get(name, set())) / len(touched) if touched else 0.0
        if name in claimed:
            claimed[name] |= touched
        is_new = share >= thresholds.whole_share or not touched
        marks: set[tuple[str, object]] = {("rule", one.rule)} | (
            {(one.report, round(one.stake))} if one.stake else set()
        )
        is_shown = is_new and not marks & told and len(tops[name]) < thresholds.shown
        if is_shown:
            told |= marks
            tops[name].append(one)
        rows.append(
            {
                "list": name,
                "report": one.report,
                "rule": one.rule,
                "subject_kind": one.subject_kind,
                "subject_id": one.subject_id,
                "severity": one.severity.value,
                "stake": one.stake,
                "counted_share": share,
                "counted_stake": one.stake * share if one.stake else None,
                "hours": one.hours,
                "owner_id": one.owner,
                "finding_id": one.id,
                "is_shown": is_shown,
            }
        )
    columns = ["list", "report", "rule", "subject_kind", "subject_id", "severity", "stake", "counted_share"]
    columns += ["counted_stake", "hours", "owner_id", "finding_id", "is_shown"]
    frame = pd.DataFrame(rows, columns=columns).astype({"stake": float, "counted_stake": float, "hours": float})
    gravity = [severity.value for severity in Severity]
    tops["check"].sort(key=lambda f: gravity.index(f.severity.value))
    return frame, {name: tuple(own) for name, own in tops.items()}


def _totals(stakes: pd.DataFrame) -> pd.DataFrame:
    """One row a list; what is to check has no price, and none is shown as zero."""
    grouped = stakes.groupby("list").agg(
        finding_count=("finding_id", "size"),
        counted_stake=("counted_stake", lambda own: own.sum(min_count=1)),
        hours=("hours", "sum"),
    )
    return grouped.reindex(["gain", "at_risk", "check"]).dropna(how="all").rename_axis("list").reset_index()


def _total(stakes: pd.DataFrame, name: str) -> float:
    return float(stakes.loc[stakes["list"] == name, "counted_stake"].sum())


def _decided(dataset: Dataset) -> pd.DataFrame | None:
    if not dataset.has("actions"):
        return None
    own = dataset.table("actions")
    own = own[own["status"].isin(OPEN)].copy()
    own["owner_name"] = own["owner_rep_id"].map(dataset.names("reps"))
    own["is_late"] = own["due_date"] < pd.Timestamp(dataset.as_of)
    columns = ["title", "owner_name", "due_date", "progress", "is_late", "status", "action_id"]
    return own.sort_values(["is_late", "due_date"], ascending=[False, True])[columns].reset_index(drop=True)


def _since(parameters: Parameters, dataset: Dataset) -> date | None:
    if not parameters.since:
        return None
    since = date.fromisoformat(parameters.since)
    if since >= dataset.as_of:
        raise SettingError(f"since must lie before {dataset.as_of}, not {since}")
    return since


def _then(before: Dataset, results: Results) -> dict[str, Any]:
    """The results of then that are compared, computed again by today's rules; none before the first sale."""
    if before.first_transaction is None:
        return {}
    given = before.client.thresholds if before.client else {}
    return {
        module.NAME: module.compute(
            before,
            thresholds=settings(module.Thresholds, given.get(module.NAME, {}), f"[thresholds.{module.NAME}]"),
        )
        for module in (portfolio_review, abc_cross_matrix)
        if module.NAME in results
    }


def _changes(since: date, then: Mapping[str, Any], as_of: date, results: Results) -> pd.DataFrame | None:
    """The key figures then and now."""
    if not then:
        return None
    now = {name: results[name][0] for name in then}
    rows = [
        {"as_of": day} | {figure: made[name].key_figures[figure] for name in made for figure in COMPARED[name]}
        for day, made in ((since, then), (as_of, now))
    ]
    frame = pd.DataFrame(rows)
    frame["as_of"] = pd.to_datetime(frame["as_of"])
    return frame.astype({name: float for name in frame.columns if name != "as_of"})


def _moves(then: Mapping[str, Any], results: Results) -> pd.DataFrame | None:
    """Customers by their revenue class then and now; those in no class on either date bought nothing."""
    if portfolio_review.NAME not in then:
        return None
    before = then[portfolio_review.NAME].customers
    now = results[portfolio_review.NAME][0].customers
    if before is None or now is None:
        return None
    keys = ["customer_id", "abc_class"]
    both = before[keys].merge(now[[*keys, "net_revenue"]], on="customer_id", how="outer", suffixes=("_then", "_now"))
    both = both[both["customer_id"].notna()]
    both = both.rename(columns={"abc_class_then": "class_then", "abc_class_now": "class_now"})
    moved = both[both["class_then"].notna() & both["class_now"].notna() & (both["class_then"] != both["class_now"])]
    if moved.empty:
        return None
    counted = (
        moved.groupby(["class_then", "class_now"], observed=True)["net_revenue"].agg(["size", "sum"]).reset_index()
    )
    return counted.rename(columns={"size": "customer_count", "sum": "net_revenue"})
