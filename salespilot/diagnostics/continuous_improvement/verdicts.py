"""What the charts and the ledger have to say, as findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from salespilot.diagnostics.continuous_improvement.model import NAME, Result, Thresholds
from salespilot.finding import Finding, Severity, Value

WORTH = ("revenue_per_day", "avg_order_value")
"""What rises with prices as well as with work."""


def findings(result: Result, thresholds: Thresholds) -> list[Finding]:
    """Rules T06-R1 to R7; a series without a signal gets no comment but that it has none (R3)."""
    found: list[Finding] = []
    if result.charts is not None and result.points is not None:
        found += _signals(result, thresholds)
        found += _processes(result)
    if result.changes is not None:
        found += _changes(result, thresholds)
    return found


def _subject(row: dict[Any, Any]) -> tuple[str, str]:
    """A salesperson's or team's series is about them; the company's about its indicator."""
    kind = str(row["scope_kind"])
    return ("kpi", str(row["indicator"])) if kind == "company" else (kind, str(row["scope_id"]))


def _finding(rule: str, code: str, severity: Severity, subject: tuple[str, str], **options: object) -> Finding:
    return Finding(NAME, rule, code, severity, *subject, **options)  # type: ignore[arg-type]


def _values(row: dict[Any, Any]) -> dict[str, Value]:
    kept = ("indicator", "scope_name", "month", "false_alarm_share")
    return {name: _plain(row[name]) for name in kept} | {"gap": abs(row["deviation_share"])}


def _plain(value: object) -> Value:
    if isinstance(value, pd.Timestamp):
        return value.date()
    return None if pd.isna(value) else value  # type: ignore[call-overload, return-value]


def _signals(result: Result, thresholds: Thresholds) -> Iterator[Finding]:
    """R1: a recent signal that no documented change explains, the last of each series.

    Revenue that rises while orders do not is worth more an order: price, mix or one big order, not yet performance.
    """
    assert result.signals is not None
    fresh = result.signals[result.signals["is_recent"] & result.signals["cause"].isna()]
    busier = _busier(result, fresh["month"].min())
    last = (
        fresh.sort_values("month", kind="stable").groupby(["indicator", "scope_kind", "scope_id"], sort=False).tail(1)
    )
    for row in last.to_dict("records"):
        is_worth = row["indicator"] in WORTH and (row["scope_kind"], row["scope_id"]) not in busier
        code = "signal_high_value" if row["signal"] == "high" and is_worth else f"signal_{row['signal']}"
        severity = Severity.ALERT if row["signal"] == "low" else Severity.WATCH
        is_rep = row["scope_kind"] == "rep"
        yield _finding(
            "T06-R1", code, severity, _subject(row),
            owner=str(row["scope_id"]) if is_rep else None, hours=thresholds.cause_hours,
            lead_days=thresholds.lead_days, values=_values(row),
        )  # fmt: skip


def _busier(result: Result, since: pd.Timestamp) -> set[tuple[str, str]]:
    """The scopes whose orders a day signal a rise too, since that month."""
    frames = [frame for frame in (result.points, result.personal) if frame is not None]
    told = pd.concat(frames, ignore_index=True)
    told = told[(told["indicator"] == "orders_per_day") & (told["signal"] == "high") & (told["month"] >= since)]
    return set(zip(told["scope_kind"], told["scope_id"], strict=True))


def _processes(result: Result) -> Iterator[Finding]:
    """R2: steady below its target; R3: nothing to say; R6: limits that stop at zero; R7: mixed processes."""
    charts = result.charts
    assert charts is not None
    figures = result.key_figures
    quiet = charts[charts["verdict"].isin(("noise", "watch"))]
    steady = quiet[(quiet["scope_kind"] == "company") & (quiet["indicator"] == "revenue_per_day")]
    gap = figures.get("target_gap")
    if len(steady) and gap and gap > 0:
        values = {name: figures[name] for name in ("process_year", "target_year", "target_gap")}
        # What it weighs is the gap of the landing, priced by dynamic_steering: priced here it would count twice.
        yield _finding("T06-R2", "steady_below_target", Severity.ALERT, ("kpi", "revenue_per_day"), values=values)
    if len(quiet):
        values = {"quiet_count": len(quiet), "chart_count": len(charts)}
        yield _finding("T06-R3", "no_comment", Severity.GOOD, ("company", "ALL"), values=values)
    one_sided = charts[charts["is_one_sided"]]
    if len(one_sided):
        values = {"one_sided_count": len(one_sided), "chart_count": len(charts)}
        yield _finding("T06-R6", "one_sided", Severity.GOOD, ("company", "ALL"), values=values)
    for row in charts[charts["verdict"] == "mixed"].to_dict("records"):
        values = {"indicator": row["indicator"], "scope_name": row["scope_name"], "signal_share": row["signal_share"]}
        values |= {"point_count": row["point_count"]}
        yield _finding("T06-R7", "mixed_processes", Severity.WATCH, _subject(row), hours=2.0, values=values)


def _changes(result: Result, thresholds: Thresholds) -> Iterator[Finding]:
    """R4: adopt what worked; R5: abandon or adapt what did not; and changes made without a hypothesis."""
    changes = result.changes
    assert changes is not None
    wanted = ("description", "effect", "effect_low", "effect_high", "before_count", "after_count", "start_date")
    for row in changes.to_dict("records"):
        values = {name: _plain(row[name]) for name in wanted}
        subject = ("intervention", str(row["change_id"]))
        options = {"values": values, "stake": _plain(row["yearly_effect"]), "hours": 2.0}
        if row["decision"] == "adopt":
            yield _finding("T06-R4", "adopt", Severity.WATCH, subject, **options)
        elif row["decision"] in ("abandon", "adapt"):
            options |= {"stake": None, "lead_days": thresholds.lead_days}
            yield _finding("T06-R5", str(row["decision"]), Severity.WATCH, subject, **options)
