"""What the plan has to say, as findings: rules T05-R1 to R7."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from salespilot.finding import Finding, Severity, Value
from salespilot.plans.pac_preparation.model import NAME, Result, Thresholds

CHECK_HOURS = 1.0


def findings(result: Result, thresholds: Thresholds) -> list[Finding]:
    """All that the rules find, in their order."""
    found = [*_covered(result, thresholds), *_checked(result, thresholds), *_loaded(result, thresholds)]
    found += [*_late(result), *_effects(result), *_untouched(result, thresholds)]
    return [*found, *_unowned(result)]


def _checked(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R1: each rule that the decided actions break, the field that lacks and an example."""
    if result.checks is None:
        return
    for row in result.checks.to_dict("records"):
        if row["verdict"] == "kept":
            continue
        lacking = row["missing_field"]
        count = 0
        if result.missing is not None and lacking:
            own = result.missing[(result.missing["rule"] == row["rule"]) & (result.missing["missing_field"] == lacking)]
            count = int(own["n"].sum())
        values: dict[str, Value] = {"missing_field": lacking, "n": count, "of": _plain(row["n"])}
        values |= {"example": row["example"], "share": _plain(row["share"]), "goal": _plain(row["goal_share"])}
        yield Finding(
            NAME, "T05-R1", row["rule"].replace("pac_", ""), Severity.WATCH, "kpi", row["rule"], hours=CHECK_HOURS,
            lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _covered(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R2: the plan does not cover the gap, or not with a margin."""
    figures = result.key_figures
    coverage, gap = figures.get("plan_coverage"), figures.get("gap")
    if coverage is None or gap is None or result.bridge is None:
        return
    names = ("gap", "expected_contribution", "plan_coverage", "close_probability", "next_year_gain", "proposed_count")
    values: dict[str, Value] = {name: figures[name] for name in (*names, "decided_count", "residual", "lever_count")}
    subject = ("company", "all")
    if coverage < 1:
        yield Finding(
            NAME, "T05-R2", "gap_uncovered", Severity.ALERT, *subject, stake=figures["residual"], stake_kind="at_risk",
            targets=(subject,), lead_days=th.lead_days, values=values,
        )  # fmt: skip
    elif coverage < th.coverage_goal:
        values["coverage_goal"] = th.coverage_goal
        yield Finding(
            NAME, "T05-R2", "gap_barely_covered", Severity.WATCH, *subject, lead_days=th.lead_days, values=values
        )
    else:
        yield Finding(NAME, "T05-R2", "gap_covered", Severity.GOOD, *subject, values=values)


def _loaded(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R3: salespeople whose decided actions alone exceed their hours, and what the plan renounces."""
    if result.load is not None:
        over = result.load[result.load["decided_hours"] > result.load["capacity_hours"] + 0.5]
        many = over.assign(excess=over["decided_hours"] - over["capacity_hours"]).sort_values("excess", ascending=False)
        for row in many.drop_duplicates("rep_id").head(th.named).to_dict("records"):
            values = {"name": row["owner_name"], "month": row["month"].date(), "decided_hours": row["decided_hours"]}
            values |= {"capacity_hours": row["capacity_hours"]}
            yield Finding(
                NAME, "T05-R3", "overload", Severity.ALERT, "rep", row["rep_id"], targets=(("rep", row["rep_id"]),),
                hours=CHECK_HOURS, lead_days=14, values=values,
            )  # fmt: skip
    if result.renounced is None or result.bridge is None:
        return
    full = result.renounced[result.renounced["why"].isin(("full", "no_capacity"))]
    if len(full):
        first = full.iloc[0]
        values = {"n": len(full), "of": int(result.key_figures["candidate_count"] or 0)}
        values |= {"first": first["target_name"], "owner_name": _plain(first["owner_name"])}
        yield Finding(NAME, "T05-R3", "renounced", Severity.WATCH, "team", "all", lead_days=th.lead_days, values=values)


def _late(result: Result) -> Iterator[Finding]:
    """R4: actions more than 20 points behind the calendar."""
    if result.progress is None:
        return
    late = result.progress[result.progress["is_late"]]
    for row in late.to_dict("records"):
        values = {"title": row["title"], "action": row["action_id"], "progress": _plain(row["progress"]) or 0.0}
        values |= {"elapsed_share": row["elapsed_share"], "due_date": _plain(row["due_date"])}
        code = "late_overdue" if row["is_due"] else "late"
        yield Finding(
            NAME, "T05-R4", code, Severity.WATCH, "intervention", row["action_id"], _plain_text(row["owner_id"]),
            hours=CHECK_HOURS, lead_days=14, values=values,
        )  # fmt: skip


def _effects(result: Result) -> Iterator[Finding]:
    """R5: stop what shows no effect at the date fixed in advance; what works is said too."""
    if result.impacts is None:
        return
    wanted = ("impact", "impact_low", "impact_high")
    for row in result.impacts.to_dict("records"):
        values = {name: _plain(row[name]) for name in wanted} | {"title": row["title"], "action": row["action_id"]}
        values |= {"n": int(row["target_count"]), "months": int(row["after_count"]), "go_date": _plain(row["go_date"])}
        subject = ("intervention", str(row["action_id"]))
        if row["verdict"] == "effective":
            yield Finding(
                NAME, "T05-R5", "effective", Severity.GOOD, *subject, stake=row["impact"],
                stake_low=row["impact_low"], stake_high=row["impact_high"], values=values,
            )  # fmt: skip
        elif row["verdict"] in ("stop", "not_proven"):
            code = "stop" if row["verdict"] == "stop" else "not_again"
            yield Finding(
                NAME, "T05-R5", code, Severity.WATCH, *subject, _plain_text(row["owner_id"]), hours=CHECK_HOURS,
                lead_days=14, values=values,
            )  # fmt: skip


def _untouched(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R6: nothing decided on the customers with most left to win."""
    if result.untouched is None:
        return
    for row in result.untouched.head(th.named).to_dict("records"):
        values = {"name": row["owner_name"], "first": row["target_name"], "n": int(row["top_count"])}
        values |= {"headroom": row["headroom"]}
        yield Finding(
            NAME, "T05-R6", "top_untouched", Severity.WATCH, "rep", row["owner_id"], row["owner_id"],
            targets=(("customer", row["target_id"]),), hours=th.default_hours, lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _unowned(result: Result) -> Iterator[Finding]:
    """R7: an action that nobody owns cannot be planned."""
    if result.unowned is None:
        return
    for row in result.unowned.to_dict("records"):
        values = {"title": row["title"], "action": row["action_id"], "status": row["status"]}
        code = "unowned" if pd.isna(row["owner_name"]) else "owner_gone"
        values |= {"name": _plain(row["owner_name"])}
        yield Finding(
            NAME, "T05-R7", code, Severity.WATCH, "intervention", row["action_id"], hours=0.5, lead_days=7,
            values=values,
        )  # fmt: skip


def _plain(value: object) -> Value:
    if isinstance(value, pd.Timestamp):
        return value.date()
    return None if pd.isna(value) else value  # type: ignore[call-overload, return-value]


def _plain_text(value: object) -> str | None:
    return value if isinstance(value, str) else None
