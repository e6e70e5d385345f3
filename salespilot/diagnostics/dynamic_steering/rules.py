"""What dynamic steering says: rules T07-R1 to R7, and T09-R7."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pandas as pd

from salespilot.diagnostics.dynamic_steering.model import NAME, Result, Thresholds
from salespilot.finding import Finding, Severity

YEAR_WEEKS = 52.0
Values = dict[str, str | int | float | bool | date | None]


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """The findings of a result, gravest first, then rule by rule."""
    found = [*_landing(result, thresholds), *_people(result, thresholds), *_milestones(result, thresholds)]
    found += [*_passed(result, thresholds), *_activity(result), *_methods(result, thresholds)]
    found += [*_effort(result, thresholds), *_indicators(result, thresholds)]
    return sorted(found, key=lambda finding: list(Severity).index(finding.severity))


def _figure(result: Result, name: str) -> float | None:
    value = result.key_figures.get(name)
    return float(value) if isinstance(value, int | float) else None


def _landing(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T07-R1 for the whole, and the good news."""
    chance, gap = _figure(result, "target_probability"), _figure(result, "gap")
    if chance is None or gap is None:
        return
    names = ("target", "landing_p10", "landing_p50", "landing_p90", "required_pace_ratio", "gap", "days_left")
    values: Values = {name: _figure(result, name) for name in names}
    values |= {"chance": chance, "threshold": th.amber, "period_end": _end(result)}
    subject, code = _subject(result)
    target, best, worst = (_figure(result, name) for name in ("target", "landing_p90", "landing_p10"))
    low = None if target is None or best is None else max(target - best, 0.0)
    high = None if target is None or worst is None else max(target - worst, 0.0)
    if _is_over(result) and gap > 0:
        yield Finding(
            NAME, "T07-R1", "target_missed", Severity.WATCH, subject, code, lead_days=th.lead_days, values=values
        )
    elif chance < th.amber and gap > 0:
        yield Finding(
            NAME, "T07-R1", "landing_short", Severity.ALERT, subject, code, stake=gap, stake_kind="at_risk",
            stake_low=low, stake_high=high,
            targets=((subject, code),), lead_days=th.lead_days, values=values,
        )  # fmt: skip
    elif chance >= th.green:
        yield Finding(NAME, "T07-R1", "landing_held", Severity.GOOD, subject, code, values=values)


def _is_over(result: Result) -> bool:
    return _figure(result, "days_left") == 0


def _end(result: Result) -> date | None:
    end = result.key_figures["period_end"]
    return end if isinstance(end, date) else None


def _subject(result: Result) -> tuple[str, str]:
    kind, _, code = str(result.key_figures["scope"]).partition("|")
    return kind, code


def _people(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T07-R1 for the salespeople furthest from their own target."""
    if result.entities is None or _subject(result)[0] == "rep" or _is_over(result):
        return
    table = result.entities
    rows = table[
        (table["entity_kind"] == "rep")
        & ~table["is_ramping"]
        & (table["target_probability"] < th.amber)
        & (table["gap"] > 0)
    ]
    for row in rows.sort_values("gap", ascending=False).head(th.named).to_dict("records"):
        values = {"name": row["entity_name"], "chance": row["target_probability"], "gap": row["gap"]}
        values |= {name: row[name] for name in ("actual_to_date", "target", "landing_p50", "required_pace_ratio")}
        values |= {"share": row["gap"] / row["target"], "period_end": _end(result)}
        yield Finding(
            NAME, "T07-R1", "rep_short", Severity.WATCH, "rep", row["entity_id"], None, stake=row["gap"],
            stake_kind="at_risk", targets=(("rep", row["entity_id"]),), lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _milestones(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T07-R2 for each stage short of value whose date is to come, and T09-R7 for the entries a week that it takes."""
    if result.milestones is None or result.quotas is None:
        return
    needed = _figure(result, "deals_needed") or 0.0
    short = result.milestones
    short = short[(short["deficit"] > 0) & ~short["is_passed"] & short["last_useful_date"].notna()]
    short = short.sort_values("last_useful_date", kind="stable")
    for place, row in enumerate(short.to_dict("records")):
        values = {name: row[name] for name in ("stage", "needed_amount", "have_equivalent", "have_amount", "deficit")}
        values |= {"conversion": row["conversion"], "entries": int(row["entries"]), "weeks": row["weeks_left"]}
        values |= {"when": row["last_useful_date"].date(), "count": int(row["deficit_count"]), "needed": needed}
        # The same gap is seen at every stage: it is priced once, where it must be closed first.
        severity = Severity.WATCH if place else Severity.ALERT
        yield Finding(
            NAME, "T07-R2", "milestone_deficit", severity, "stage", row["stage_code"],
            stake=row["deficit"] * row["conversion"] if place == 0 else None, stake_kind="at_risk",
            targets=(("stage", row["stage_code"]),), lead_days=int(row["weeks_left"] * 7), values=values,
        )  # fmt: skip
    for row in result.quotas.sort_values("last_useful_date", kind="stable").head(1).to_dict("records"):
        names = ("stage", "weekly_count", "weekly_per_rep", "usual_weekly", "effort_multiple", "deficit")
        values = {name: row[name] for name in names} | {"weeks": row["weeks_left"], "reps": int(row["rep_count"])}
        values |= {"when": row["last_useful_date"].date(), "count": int(row["deficit_count"])}
        is_far = not row["effort_multiple"] <= th.effort_unreal
        code = "weekly_quota_unreal" if is_far else "weekly_quota"
        yield Finding(
            NAME, "T09-R7", code, Severity.WATCH, "stage", row["stage_code"], targets=(("stage", row["stage_code"]),),
            lead_days=int(row["weeks_left"] * 7), values=values,
        )  # fmt: skip


def _passed(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T07-R3: stages whose last useful date has passed; only the open deals can still count."""
    if result.milestones is None:
        return
    late = result.milestones[(result.milestones["deficit"] > 0) & result.milestones["is_passed"]]
    if late.empty:
        return
    last = late.iloc[-1]
    values: Values = {"stage": last["stage"], "when": last["last_useful_date"].date(), "n": len(late)}
    gap = float(last["deficit"] * last["conversion"])
    values["deficit"] = gap
    listed = result.accelerate
    if listed is None or listed.empty:
        yield Finding(
            NAME, "T07-R3", "too_late_nothing", Severity.ALERT, "stage", last["stage_code"], stake=gap,
            stake_kind="at_risk", lead_days=th.lead_days, values=values,
        )  # fmt: skip
        return
    best = listed.head(10)
    weighted = float(best["weighted_amount"].sum())
    values |= {"deals": len(best), "weighted": weighted, "first": best["name"].iloc[0]}
    yield Finding(
        NAME, "T07-R3", "too_late", Severity.ALERT, "stage", last["stage_code"], stake=weighted,
        stake_kind="at_risk", targets=tuple(("opportunity", code) for code in best["opportunity_id"]),
        lead_days=th.lead_days, values=values,
    )  # fmt: skip


def _activity(result: Result) -> Iterator[Finding]:
    """T07-R4: activity fell for good while sales still hold."""
    if result.alerts is None:
        return
    weeks = _figure(result, "cycle_weeks")
    yearly = result.entities.set_index("entity_id")["landing_p50"] if result.entities is not None else pd.Series()
    for row in result.alerts[result.alerts["is_early_warning"]].to_dict("records"):
        values = {"name": row["owner_name"], "weeks": row["last_weeks"], "rate": row["last_rate"]}
        values |= {
            "centre": row["centre"],
            "fall": -row["rate_change"],
            "growth": row["sales_growth"] - 1,
            "lag": weeks,
        }
        values |= {"alarm": _figure(result, "false_alarm_share"), "n": row["week_count"]}
        year = yearly.get(row["rep_id"])
        stake = None
        if year is not None and year > 0 and row["rate_change"] < 0:
            stake = float(year) * -row["rate_change"] * row["last_weeks"] / YEAR_WEEKS
        code = "activity_fall" if weeks is not None else "activity_fall_undated"
        yield Finding(
            NAME, "T07-R4", code, Severity.WATCH, "rep", row["rep_id"], row["rep_id"], stake=stake,
            stake_kind="at_risk", targets=(("rep", row["rep_id"]),), lead_days=14, values=values,
        )  # fmt: skip


def _methods(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T07-R5: the methods lie too far apart for the middle to be announced."""
    apart = _figure(result, "disagreement")
    if apart is None or apart <= th.disagreement_limit or result.methods is None:
        return
    used = result.methods[result.methods["weight"] > 0].sort_values("landing")
    low, high = used.iloc[0], used.iloc[-1]
    values = {
        "apart": apart,
        "threshold": th.disagreement_limit,
        "low_method": low["method"],
        "low": float(low["landing"]),
    }
    values |= {
        "high_method": high["method"],
        "high": float(high["landing"]),
        "low_reads": f"reads_{low['method']}",
        "high_reads": f"reads_{high['method']}",
    }
    values |= {"middle": _figure(result, "landing_p50"), "kept": _figure(result, "kept_landing")}
    values |= {"careful": 1 - th.careful}
    subject, code = _subject(result)
    yield Finding(
        NAME, "T07-R5", "methods_apart", Severity.WATCH, subject, code, targets=((subject, code),),
        lead_days=th.lead_days, values=values,
    )  # fmt: skip


def _effort(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T07-R6: the pace that the target takes is out of reach; that is a matter of target or plan, not of pressure."""
    subject, code = _subject(result)
    ratio = _figure(result, "required_pace_ratio")
    rows: list[tuple[str, str, str, Values]] = []
    if ratio is not None and ratio > th.effort_unreal:
        own: Values = {"required": _figure(result, "required_pace"), "current": _figure(result, "current_pace")}
        rows.append((subject, code, "effort_unreal", own | {"ratio": ratio, "gap": _figure(result, "gap")}))
    if result.entities is not None and subject != "rep":
        table = result.entities[(result.entities["entity_kind"] == "rep") & ~result.entities["is_ramping"]]
        far = table[table["required_pace_ratio"] > th.effort_unreal].sort_values("gap", ascending=False)
        for row in far.head(th.named).to_dict("records"):
            own = {"name": row["entity_name"], "ratio": row["required_pace_ratio"], "gap": row["gap"]}
            own |= {"target": row["target"], "landing": row["landing_p50"]}
            rows.append(("rep", row["entity_id"], "rep_effort_unreal", own))
    for kind, key, said, own in rows:
        # The gap itself is priced by T07-R1.
        yield Finding(
            NAME, "T07-R6", said, Severity.WATCH, kind, key, targets=((kind, key),), lead_days=th.lead_days,
            values={"threshold": th.effort_unreal, **own},
        )  # fmt: skip


def _indicators(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T07-R7: which measures announce sales, and which are only followed."""
    if result.indicators is None:
        return
    for row in result.indicators[result.indicators["verdict"] != "untested"].to_dict("records"):
        values = {
            "kpi": row["kpi"],
            "gain": row["error_saved"],
            "folds": int(row["fold_count"]),
            "lag": int(row["lag_months"]),
        }
        values |= {"threshold": th.indicator_gain, "loss": -row["error_saved"]}
        if row["verdict"] == "leading":
            yield Finding(NAME, "T07-R7", "leading_indicator", Severity.GOOD, "kpi", row["kpi"], values=values)
        else:
            code = "followed_indicator" if row["error_saved"] > 0 else "followed_indicator_worse"
            yield Finding(
                NAME, "T07-R7", code, Severity.WATCH, "kpi", row["kpi"], targets=(("kpi", row["kpi"]),),
                lead_days=th.lead_days, values=values,
            )  # fmt: skip
