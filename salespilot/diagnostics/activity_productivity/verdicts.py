"""What to do about it: the rules T02-R1 to T02-R8, on what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from salespilot.diagnostics.activity_productivity.model import NAME, Result, Thresholds
from salespilot.finding import Finding, Severity, Value

LEVER_RULES = {
    "visits_per_day": ("T02-R1", "volume_visits"),
    "deals_per_day": ("T02-R1", "volume_deals"),
    "orders_per_visit": ("T02-R2", "conversion_visits"),
    "win_rate": ("T02-R2", "conversion_deals"),
    "average_order": ("T02-R3", "basket_orders"),
    "average_won": ("T02-R3", "basket_deals"),
}
FEW = 30
"""Trials under which a rate alone proves little (method, section 1)."""
LEAST_IDLE = 3
COACHED = ("rate_quote", "rate_order", "rate_appointment")


def findings(result: Result, thresholds: Thresholds) -> list[Finding]:
    """The gravest first; within a severity the biggest stake first."""
    found = [
        *_indicators(result, thresholds),
        *_levers(result, thresholds),
        *_steps(result, thresholds),
        *_segments(result, thresholds),
        *_appointments(result, thresholds),
        *_time(result, thresholds),
    ]
    gravity = {Severity.ALERT: 0, Severity.WATCH: 1, Severity.GOOD: 2}
    return sorted(found, key=lambda f: (gravity[f.severity], -(f.stake or 0.0), f.rule, f.subject_id))


def _years(result: Result) -> float:
    return float(result.key_figures.get("years") or 1.0)


def _levers(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T02-R1 to R3: the first lever of each gap, where it is a signal. Invoices go before deals for the same rule."""
    if result.gaps is None or result.levers is None:
        return
    said: set[tuple[str, str]] = set()
    days = result.levers[result.levers["lever"] == "days"].set_index(["rep_id", "basis"])["contribution"]
    for row in result.gaps[result.gaps["is_signal"]].to_dict("records"):
        rule, code = LEVER_RULES.get(row["lever"], ("", ""))
        if not rule or (rule, row["rep_id"]) in said:
            continue
        said.add((rule, row["rep_id"]))
        lags = row["gap"] - days.get((row["rep_id"], row["basis"]), 0.0) < 0
        step, rate, peers, n = _weakest(result, row["rep_id"])
        values: dict[str, Value] = {
            "name": row["name"], "value": row["value"], "reference": row["reference"], "loss": -row["contribution"],
            "gap": row["gap"], "step": step, "rate": rate, "peers": peers, "n": n,
        }  # fmt: skip
        if rule == "T02-R2" and step is None:
            code += "_plain"
        yield Finding(
            NAME, rule, code, Severity.ALERT if lags else Severity.WATCH, "rep", row["rep_id"],
            stake=-row["contribution"] / _years(result), targets=(("rep", row["rep_id"]),), lead_days=th.lead_days,
            values=values,
        )  # fmt: skip


def _weakest(result: Result, rep: str) -> tuple[str | None, float | None, float | None, int | None]:
    """The step at which a salesperson is furthest below what the same mix gives the peers: step, rate, peers', n."""
    if result.rep_steps is None:
        return None, None, None, None
    own = result.rep_steps[(result.rep_steps["rep_id"] == rep) & result.rep_steps["step"].isin(COACHED)]
    own = own[(own["index"] < 1) & own["chance"].notna()].sort_values("chance", kind="stable")
    if own.empty:
        return None, None, None, None
    row = own.iloc[0]
    return str(row["step"]), float(row["rate"]), float(row["expected_rate"]), int(row["from_count"])


def _steps(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T02-R4: a rate under its lower 3σ limit that stands among all the comparisons."""
    if result.rep_steps is None:
        return
    worth = {} if result.chain is None else result.chain.set_index("step")["success_value"].to_dict()
    low = result.rep_steps[result.rep_steps["is_signal"] & (result.rep_steps["rate"] < result.rep_steps["limit_low3"])]
    for row in low.to_dict("records"):
        missed = row["from_count"] * (row["expected_rate"] - row["shrunk_rate"])
        price = worth.get(row["step"])
        stake = None if price is None or pd.isna(price) or not missed > 0 else missed * price / _years(result)
        yield Finding(
            NAME, "T02-R4", f"below_{row['step']}", Severity.ALERT, "rep", row["rep_id"], stake=stake,
            targets=(("rep", row["rep_id"]),), lead_days=th.lead_days,
            values={
                "name": row["name"], "n": int(row["from_count"]), "rate": row["rate"], "low": row["rate_low"],
                "high": row["rate_high"], "expected": row["expected_rate"], "shrunk": row["shrunk_rate"],
                "limit": row["limit_low3"], "visits": th.joint_visits,
            },
        )  # fmt: skip


def _segments(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T02-R5: customers whose visits cost more than the margin they bring.

    Prospects have no margin yet, and cells of high potential are visited for what they may become: neither is judged.
    """
    if result.segments is None:
        return
    losing = result.segments[result.segments["net_per_visit"] < 0]
    losing = losing[~losing["is_prospect"] & ~losing["cell"].str.endswith("1")]
    for row in losing.to_dict("records"):
        loss = -row["net_per_visit"] * row["visits"] / _years(result)
        yield Finding(
            NAME, "T02-R5", "costly_segment", Severity.WATCH, "segment", row["cell"], stake=loss, stake_kind="cost",
            stake_basis="margin", lead_days=th.lead_days,
            values={
                "cell": row["cell"], "n": int(row["account_count"]), "visits": int(row["visits"]),
                "margin": row["margin_per_visit"], "cost": row["visit_cost"], "loss": loss,
            },
        )  # fmt: skip


def _appointments(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T02-R6: appointments honoured too seldom; of a salesperson with few, when the whole interval lies below."""
    if result.chain is not None:
        chain = result.chain[(result.chain["step"] == "rate_visit") & (result.chain["rate"] < th.honoured_min_share)]
        for row in chain.to_dict("records"):
            yield _honoured("company", "all", "appointments_missed_company", row, th)
    if result.rep_steps is None:
        return
    own = result.rep_steps[result.rep_steps["step"] == "rate_visit"].dropna(subset="rate")
    known = (own["from_count"] >= FEW) | (own["rate_high"] < th.honoured_min_share)
    for row in own[known & (own["rate"] < th.honoured_min_share)].to_dict("records"):
        yield _honoured("rep", row["rep_id"], "appointments_missed", row | {"name": row["name"]}, th)


def _honoured(kind: str, subject: str, code: str, row: dict[Any, Any], th: Thresholds) -> Finding:
    values: dict[str, Value] = {"name": row.get("name"), "rate": row["rate"], "n": int(row["from_count"])}
    values |= {"missed": int(row["from_count"] - row["success_count"]), "limit": th.honoured_min_share}
    values |= {"low": row["rate_low"], "high": row["rate_high"]}
    return Finding(NAME, "T02-R6", code, Severity.WATCH, kind, subject, lead_days=th.lead_days, values=values)


def _indicators(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T02-R7: indicators to drop or to replace; the proven ones are good news."""
    if result.indicators is None:
        return
    counts = result.indicators["decision"].value_counts()
    idle = int(counts.get("drop", 0) + counts.get("replace", 0))
    hours = result.key_figures.get("kpi_hours")
    # Results alone cost nothing to collect: each is told on its own below.
    if hours and idle >= LEAST_IDLE and idle * 3 >= len(result.indicators):
        waste = float(result.indicators.loc[result.indicators["decision"] == "drop", "cost_to_collect"].sum())
        yield Finding(
            NAME, "T02-R7", "dashboard", Severity.ALERT, "company", "all", stake=waste or None, stake_kind="cost",
            stake_basis="margin", lead_days=th.lead_days,
            values={
                "n": len(result.indicators), "idle": idle, "drop": int(counts.get("drop", 0)),
                "replace": int(counts.get("replace", 0)), "keep": int(counts.get("keep", 0)),
                "trial": int(counts.get("trial", 0)), "hours": hours,
            },
        )  # fmt: skip
    for row in result.indicators.to_dict("records"):
        values: dict[str, Value] = {
            "indicator": row["indicator"], "other": _text(row["redundant_with"]), "n": int(row["value_count"]),
            "replacement": _text(row["replacement"]), "announces": _text(row["announces"]),
            "gain": _number(row["predictive_gain"]), "folds": int(row["fold_count"]),
            "steerable": _number(row["steerable_share"]), "hours": float(row["hours_to_collect"]),
            "beaten": _number(1 - row["chance"]),
        }  # fmt: skip
        code = {"drop": f"drop_{row['why']}", "replace": "replace_result", "keep": "keep_proven"}.get(row["decision"])
        if code == "replace_result" and values["replacement"] is None:
            code = "replace_by_nothing"
        if code is None:
            continue
        cost = _number(row["cost_to_collect"])
        is_good = row["decision"] == "keep"
        yield Finding(
            NAME, "T02-R7", code, Severity.GOOD if is_good else Severity.WATCH, "kpi", row["indicator"],
            stake=None if is_good or not cost else cost, stake_kind="cost", stake_basis="margin",
            lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _time(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T02-R8: administration and training beyond what visits can spare.

    Of the worked time: what nobody logs counts as nothing, so that the share is at least that.
    """
    if result.time_use is None:
        return
    hours = result.time_use.pivot(index="rep_id", columns="use", values="hours")
    worked = hours.sum(axis=1)
    people = result.people.set_index("rep_id")
    internal = hours["internal"] / worked
    margin = result.key_figures.get("margin_per_visit")
    met = hours[["face_to_face", "travel"]].sum().sum()
    visits = result.key_figures.get("visits")
    each = float(met) / visits if visits and met else None
    for rep in internal.index[internal > th.internal_max_share]:
        freed = float(hours.loc[rep, "internal"] - th.internal_max_share * worked[rep]) / _years(result)
        gained = freed / each if each else None
        stake = gained * margin if gained and margin else None
        yield Finding(
            NAME, "T02-R8", "internal_time" if gained else "internal_time_plain", Severity.WATCH, "rep", rep,
            stake=stake, stake_basis="margin", hours=freed, lead_days=th.lead_days,
            values={
                "name": people.loc[rep, "name"], "share": float(internal[rep]), "limit": th.internal_max_share,
                "hours": freed, "visits": gained, "margin": margin,
            },
        )  # fmt: skip


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value != "none" else None


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
