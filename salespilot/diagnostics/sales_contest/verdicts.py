"""What to do about it: rules T04-R1 to T04-R9 (method, section 5)."""

from __future__ import annotations

import pandas as pd

from salespilot.diagnostics.sales_contest.model import NAME, Result, Thresholds
from salespilot.finding import Finding, Severity, Value, leading

A_YEAR = pd.DateOffset(months=12)


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """The rules that fire, the gravest first: R1 to R5 and R9 on a contest not yet over, R6 and R7 on the last one
    that is, R8 on all."""
    found = [*_before(result, thresholds), *_misuse(result), *_after(result, thresholds), *_fatigue(result, thresholds)]
    return leading(found)


def _number(result: Result, name: str) -> float | None:
    value = result.key_figures.get(name)
    return None if value is None else float(str(value)) if not isinstance(value, bool) else float(value)


def _made(rule: str, code: str, severity: Severity, subject: str, thresholds: Thresholds, **given: object) -> Finding:
    values: dict[str, Value] = given.pop("values")  # type: ignore[assignment]
    is_good = severity is Severity.GOOD
    return Finding(
        NAME, f"T04-{rule}", code, severity, "contest", subject, values=values,
        hours=None if is_good else thresholds.preparation_hours, lead_days=None if is_good else thresholds.lead_days,
        **given,  # type: ignore[arg-type]
    )  # fmt: skip


def _before(result: Result, th: Thresholds) -> list[Finding]:
    terms, subject = result.terms, str(result.terms["contest_id"])
    if terms["phase"] == "after":
        return []
    found = []
    name, cost = terms["contest_label"], _number(result, "full_cost")
    priced = {"stake": cost, "stake_kind": "cost", "stake_basis": "margin"}
    low, high, hope = (_number(result, key) for key in ("fairness_min", "fairness_max", "hope_index"))
    measures = {f"best_{key}": _number(result, f"best_{key}") for key in ("fairness_min", "fairness_max", "hope_index")}
    best: dict[str, Value] = {"best_rule": terms["best_rule"], **measures}
    people, winners = _number(result, "participants"), _number(result, "winners")
    if low is not None and high is not None and (low < th.fair_low or high > th.fair_high):
        values = {
            "low": low,
            "high": high,
            "unfair": _number(result, "unfair_count"),
            "n": people,
            "rule": terms["rule"],
        }
        better = terms["best_rule"] is not None and (measures["best_fairness_max"] or 0) < high
        code = "unfair" if better and (terms["best_rule"] != terms["rule"] or terms["is_told"]) else "unfair_objective"
        found.append(_made("R1", code, Severity.ALERT, subject, th, **priced, values=values | best | {"contest": name}))
    if hope is not None and hope < th.hope_index:
        values = {"hope": hope, "limit": th.hope_index, "n": people, "winners": winners, "contest": name}
        found.append(_made("R2", "little_hope", Severity.WATCH, subject, th, values=values | best))
    lift, usual = _number(result, "break_even_lift"), _number(result, "usual_lift")
    if lift is not None:
        limit = usual if usual is not None and usual > 0 else th.break_even_limit
        values = {
            "lift": lift,
            "limit": limit,
            "cost": cost,
            "revenue": _number(result, "needed_revenue"),
            "contest": name,
        }
        if lift > limit:
            code = "too_dear" if usual is not None and usual > 0 else "too_dear_unproven"
            found.append(_made("R3", code, Severity.ALERT, subject, th, **priced, values=values))
    cap = _number(result, "highest_cost")
    if cost is not None and cap is not None and cost > cap * 1.001 and not any(f.rule == "T04-R3" for f in found):
        values = {"cost": cost, "cap": cap, "share": th.cap_share, "lift": th.expected_lift, "contest": name}
        found.append(_made("R3", "over_cap", Severity.WATCH, subject, th, stake=cost - cap, stake_kind="cost",
                           stake_basis="margin", values=values))  # fmt: skip
    cycle, days = _number(result, "cycle_days"), _number(result, "contest_days")
    if cycle is not None and days is not None and cycle > days:
        found.append(
            _made(
                "R4", "too_short", Severity.WATCH, subject, th, values={"cycle": cycle, "days": days, "contest": name}
            )
        )
    if result.capture is not None:
        for row in result.capture[result.capture["is_problem"]].to_dict("records"):
            values = {"share": float(row["share"]), "limit": float(row["limit"]), "contest": name}
            found.append(_made("R5", f"capture_{row['doubt']}", Severity.WATCH, subject, th, values=values))
    tie = _number(result, "tie_chance")
    if terms["has_unequal_prizes"]:
        found.append(
            _made(
                "R9",
                "unequal_prizes",
                Severity.WATCH,
                subject,
                th,
                values={"tie": tie, "contest": name, "winners": winners},
            )
        )
    elif tie is not None and tie >= th.tie_chance:
        values = {"tie": tie, "winners": winners, "limit": th.tie_chance, "contest": name}
        found.append(_made("R9", "tie_ahead", Severity.WATCH, subject, th, values=values))
    return found


def _misuse(result: Result) -> list[Finding]:
    if result.signals is None or result.terms["phase"] != "during":
        return []
    th, name = Thresholds(), result.terms["contest_label"]
    return [
        _made("R7", f"early_{row['measure']}", Severity.WATCH, str(result.terms["contest_id"]), th,
              values={key: float(row[key]) for key in ("usual", "now", "drift")} | {"contest": name})
        for row in result.signals[result.signals["is_problem"]].to_dict("records")
    ]  # fmt: skip


def _after(result: Result, th: Thresholds) -> list[Finding]:
    terms = result.terms
    if terms["last_id"] is None:
        return []
    subject, name, found = str(terms["last_id"]), terms["last_label"], []
    net, chance = _number(result, "net_effect"), _number(result, "effect_probability")
    cost, pulled = _number(result, "last_cost"), _number(result, "pull_forward_share")
    priced = {"stake": cost, "stake_kind": "cost", "stake_basis": "margin"}
    if net is not None and chance is not None:
        names = ("net_effect_low", "net_effect_high", "contest_effect", "contest_share")
        values: dict[str, Value] = {key: _number(result, key) for key in names}
        values |= {"net": net, "chance": chance, "share": _number(result, "net_share"), "pulled": pulled}
        values |= {"contest": name, "n": _number(result, "followed_people"), "limit": th.pull_forward_limit}
        low, high = _number(result, "net_effect_low"), _number(result, "net_effect_high")
        is_moved = pulled is not None and pulled > th.pull_forward_limit and bool(result.key_figures["has_clear_gain"])
        if is_moved:
            found.append(_made("R6", "moved", Severity.ALERT, subject, th, **priced, values=values))
        elif chance > th.effect_level:
            found.append(_made("R6", "no_effect", Severity.ALERT, subject, th, **priced, values=values))
        else:
            gain = {"stake": net, "stake_low": low, "stake_high": high, "stake_kind": "gain"}
            found.append(_made("R6", "created", Severity.GOOD, subject, th, **gain, values=values))
    if result.quality is not None:
        sold = result.phases.set_index("contest_phase")["sold"].get("during") if result.phases is not None else None
        for row in result.quality[result.quality["is_problem"]].to_dict("records"):
            worse = {"stake": abs(row["drift"]) * float(sold) if sold is not None else None, "stake_kind": "cost"}
            worse |= {"stake_basis": "revenue" if row["measure"] == "credit_notes" else "margin"}
            told = {key: float(row[key]) for key in ("usual", "now", "drift")} | {"contest": name}
            found.append(_made("R7", f"drift_{row['measure']}", Severity.ALERT, subject, th, **worse, values=told))
    return found


def _fatigue(result: Result, th: Thresholds) -> list[Finding]:
    found = []
    if result.contests is not None and len(result.contests) >= th.fatigue_contests:
        starts = result.contests.sort_values("start_date")
        # The fullest twelve months that hold the contest judged, or the last one.
        anchor = pd.Timestamp(str(result.terms["contest_start"]))
        counts = {
            start: int(((starts["start_date"] > start) & (starts["start_date"] <= start + A_YEAR)).sum())
            for start in (anchor - A_YEAR + pd.DateOffset(months=m) for m in range(13))
        }
        most = max(counts.values())
        if most >= th.fatigue_contests:
            found.append(
                _made("R8", "fatigue", Severity.WATCH, "all", th, values={"n": most, "limit": th.fatigue_contests})
            )
    if result.history is not None and len(result.history.dropna(subset="top_seller_prizes")) >= 2:
        rows = result.history.dropna(subset="top_seller_prizes")
        prizes = float(rows["winner_count"].sum())
        share = float((rows["top_seller_prizes"] * rows["winner_count"]).sum()) / prizes if prizes else 0.0
        if share > th.same_winner_share:
            values = {"share": share, "n": prizes, "contests": len(rows), "limit": th.same_winner_share}
            found.append(_made("R8", "same_winners", Severity.WATCH, "all", th, values=values))
    return found
