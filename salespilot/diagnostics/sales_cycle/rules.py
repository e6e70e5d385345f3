"""The rules T09-R3 to T09-R9 on deals (R1 and R2 judge forecasts, R7 the milestones needed), and what bends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from salespilot.diagnostics.sales_cycle.result import Result
from salespilot.diagnostics.sales_cycle.settings import NAME, Thresholds
from salespilot.finding import Finding, Severity, Value
from salespilot.inference import wilson

FEW = 5


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """What to tell, the gravest first, then the biggest stake."""
    found = [
        *_reading(result),
        *_deals(result, thresholds),
        *_weak_stage(result, thresholds),
        *_shares(result, thresholds),
        *_upkeep(result, thresholds),
    ]
    gravity = {Severity.ALERT: 0, Severity.WATCH: 1, Severity.GOOD: 2}
    return sorted(found, key=lambda f: (gravity[f.severity], -(f.stake or 0.0), f.rule, f.subject_id))


def _reading(result: Result) -> Iterator[Finding]:
    """What changes the reading of all the rest: no history, clean-ups, deals missing at the beginning."""
    figures = result.key_figures
    if result.history == "export":
        yield Finding(
            NAME, "T09-R0", "no_history", Severity.WATCH, "company", "all", values={"n": figures["deals_known"]}
        )
    if figures["late_entry"]:
        yield Finding(NAME, "T09-R0", "late_entry", Severity.WATCH, "company", "all", values={})
    if figures["foreign_deals"]:
        values: dict[str, Value] = {"n": figures["foreign_deals"], "of": figures["deals"]}
        yield Finding(NAME, "T09-R0", "foreign_currency", Severity.WATCH, "company", "all", values=values)
    if result.cleanups is not None:
        for row in result.cleanups.to_dict("records"):
            values = {"name": _text(row["owner_name"]), "n": int(row["lost_count"]), "value": float(row["lost_value"])}
            values |= {"day": row["closed_date"].date(), "rate": figures["win_rate_closed"]}
            values["kept_rate"] = figures["kept_win_rate"]
            rep = _text(row["rep_id"])
            code, kind, subject = ("cleanup", "rep", rep) if rep else ("cleanup_unowned", "company", "all")
            yield Finding(NAME, "T09-R0", code, Severity.WATCH, kind, subject, rep, values=values)


def _deals(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T09-R3: stalled, pushed too often, or without a next step. Without stages, salesperson by salesperson."""
    rows = result.open_deals
    if rows is None:
        return
    if result.stage_times is None:
        yield from _old_lists(rows, th)
        return
    idle = rows["has_next_step"].eq(False)
    own = result.stage_times.set_index("stage_code")["age_basis"].to_dict()
    chosen = rows[rows["is_stalled"] | rows["is_pushed"] | idle]
    chosen = chosen.assign(grave=chosen["is_stalled"] | chosen["is_pushed"])
    chosen = chosen.sort_values(["grave", "weighted_amount", "opportunity_id"], ascending=[False, False, True])
    for row in chosen.head(th.max_findings).to_dict("records"):
        late = "stalled" if own.get(row["stage_code"]) == "own" else "stalled_few"
        code = late if row["is_stalled"] else "pushed" if row["is_pushed"] else "no_next_step"
        yield Finding(
            NAME, "T09-R3", code, Severity.ALERT if row["grave"] else Severity.WATCH,
            "opportunity", row["opportunity_id"], _text(row["rep_id"]),
            stake=_number(row["weighted_amount"]) or None, stake_kind="at_risk",
            targets=_targets(row["opportunity_id"], row["customer_id"]), probability=_number(row["win_probability"]),
            lead_days=th.decide_days,
            values={
                "name": _text(row["name"]) or row["opportunity_id"], "deal": row["opportunity_id"],
                "stage": _text(row["stage"]), "amount": _number(row["amount"]), "age": _number(row["stage_age_days"]),
                "limit": _number(row["stalled_days"]), "pushes": _number(row["push_count"]),
                "quantile": th.stalled_quantile, "factor": th.fallback_factor, "days": th.decide_days,
            },
        )  # fmt: skip


def _old_lists(rows: pd.DataFrame, th: Thresholds) -> Iterator[Finding]:
    old = rows[rows["is_stalled"] & rows["rep_id"].notna()]
    total = rows.groupby("rep_id").size()
    grouped = sorted(old.groupby("rep_id"), key=lambda pair: (-len(pair[1]), str(pair[0])))
    for rep, part in grouped[: th.max_findings]:
        first = part.iloc[0]
        worth = float(part["weighted_amount"].sum()) if part["weighted_amount"].gt(0).any() else None
        values: dict[str, Value] = {"name": _text(first["owner_name"]), "n": len(part), "of": int(total[rep])}
        yield Finding(
            NAME, "T09-R3", "old_list", Severity.WATCH, "rep", str(rep), str(rep), stake=worth, stake_kind="at_risk",
            targets=tuple(("opportunity", deal) for deal in part["opportunity_id"].head(th.max_findings)),
            lead_days=th.decide_days,
            values=values
            | {"limit": _number(first["stalled_days"]), "quantile": th.stalled_quantile, "days": th.decide_days},
        )  # fmt: skip


def _targets(deal: str, customer: object) -> tuple[tuple[str, str], ...]:
    own: tuple[tuple[str, str], ...] = (("opportunity", deal),)
    return (*own, ("customer", customer)) if isinstance(customer, str) else own


def _weak_stage(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T09-R4: the stage that costs most against what the better quarter of salespeople keep."""
    if result.loss_stages is None or result.loss_reps is None or result.loss_stages.empty:
        return
    worst = result.loss_stages.sort_values(["excess_loss", "stage_code"], ascending=[False, True]).iloc[0]
    people = result.loss_reps[(result.loss_reps["stage_code"] == worst["stage_code"])]
    below = people[people["excess_loss"] > 0].sort_values(["excess_loss", "rep_id"], ascending=[False, True])
    if not worst["excess_loss"] > 0 or below.empty:
        return
    first = below.iloc[0]
    low, high = (float(bound) for bound in wilson(first["advanced_count"], first["resolved"]))
    yield Finding(
        NAME, "T09-R4", "weak_stage", Severity.ALERT, "stage", str(worst["stage_code"]),
        stake=float(worst["excess_loss"]) / result.years, stake_kind="gain",
        targets=tuple(("rep", rep) for rep in below["rep_id"]), lead_days=th.lead_days,
        values={
            "stage": _text(worst["stage"]), "lost": float(worst["lost_value"]), "n": int(worst["lost_count"]),
            "excess": float(worst["excess_loss"]), "q3": float(worst["q3_rate"]), "team": float(worst["team_rate"]),
            "below": len(below), "name": _text(first["owner_name"]), "rate": float(first["passage_rate"]),
            "rate_n": int(first["resolved"]), "low": low, "high": high,
        },
    )  # fmt: skip


def _shares(result: Result, th: Thresholds) -> Iterator[Finding]:
    """T09-R5, R6, R8, R9: a share of the losses, or of the money due, beyond its threshold."""
    figures = result.key_figures

    def share(
        rule: str, code: str, name: str, count: str, base: str, limit: float, stake: float | None, **other: Any
    ) -> Iterator[Finding]:
        value, n = figures[name], figures[base]
        if value is None or not n or n < FEW or value <= limit:
            return
        low, high = (float(bound) for bound in wilson(figures[count] or 0, n))
        severity = Severity.ALERT if low > limit else Severity.WATCH
        values: dict[str, Value] = {"share": value, "count": figures[count], "n": n, "low": low, "high": high}
        values |= {"threshold": limit} | other.pop("values", {})
        yield Finding(
            NAME, rule, code, severity, "company", "all", stake=None if stake is None else stake / result.years,
            stake_kind="at_risk", lead_days=th.lead_days, values=values, **other,
        )  # fmt: skip

    yield from share("T09-R5", "late_losses", "late_loss_share", "late_loss_count", "staged_losses",
                     th.late_loss_act_share, _money(figures["late_loss_value"]))  # fmt: skip
    undecided = (figures["no_decision_value"] or 0.0) + (figures["silent_value"] or 0.0)
    yield from share("T09-R6", "no_decision", "no_decision_share", "no_decision_count", "no_decision_base",
                     th.no_decision_act_share, _money(undecided),
                     values={"silent": figures["silent_deals"] or 0})  # fmt: skip
    if result.losses is not None:
        said = result.losses[(result.losses["loss_reason"] == "price") & (result.losses["loss_reason_source"] == "rep")]
        said = said[~said["is_cleanup"]]
        asked = said.head(th.big_losses)["customer_id"].dropna().drop_duplicates()
        yield from share("T09-R9", "price_said", "price_share", "price_count", "price_base", th.price_act_share,
                         _money(float(said["amount"].sum())), targets=tuple(("customer", c) for c in asked),
                         values={"asked": len(asked)})  # fmt: skip
    rate = figures["slippage_rate"]
    if result.slippage is not None and rate is not None and rate > th.slippage_act_share:
        n = int(result.slippage["due_count"].sum())
        if n >= FEW:
            values: dict[str, Value] = {"share": rate, "n": n, "count": int(result.slippage["slipped_count"].sum())}
            values |= {"due": figures["due_value"], "slipped": figures["slipped_value"]}
            yield Finding(
                NAME, "T09-R8", "slippage", Severity.ALERT, "company", "all", stake=figures["slipped_deal_value"],
                stake_kind="at_risk", lead_days=th.lead_days, values=values | {"threshold": th.slippage_act_share},
            )  # fmt: skip


def _upkeep(result: Result, th: Thresholds) -> Iterator[Finding]:
    """What the method asks for besides its numbered rules: proven milestones, next steps, hours where the money is."""
    figures = result.key_figures
    if result.evidence_reps is not None:
        for row in result.evidence_reps[result.evidence_reps["evidence_share"] < th.evidence_min_share].to_dict(
            "records"
        ):
            low, high = (float(bound) for bound in wilson(row["met"], row["required"]))
            if high >= th.evidence_min_share:
                continue
            values: dict[str, Value] = {"name": _text(row["owner_name"]), "share": float(row["evidence_share"])}
            values |= {"met": int(row["met"]), "n": int(row["required"]), "low": low, "high": high}
            yield Finding(
                NAME, "T09-R0", "unproven", Severity.WATCH, "rep", row["rep_id"], row["rep_id"],
                lead_days=th.lead_days, values=values | {"threshold": th.evidence_min_share},
            )  # fmt: skip
    steps, n = figures["next_step_share"], figures["open"]
    if steps is not None and n and steps < th.next_step_min_share:
        values = {"share": steps, "n": n, "threshold": th.next_step_min_share}
        yield Finding(
            NAME, "T09-R0", "few_next_steps", Severity.WATCH, "company", "all", lead_days=th.decide_days, values=values
        )
    distance, limit = figures["misalignment"], figures["misalignment_limit"]
    if result.effort is not None and distance is not None and limit is not None and distance > limit:
        over = result.effort.sort_values("misalignment", ascending=False)
        values = {"share": distance, "threshold": limit, "most": over["stage"].iloc[0], "least": over["stage"].iloc[-1]}
        yield Finding(
            NAME, "T09-R0", "misaligned", Severity.WATCH, "company", "all", lead_days=th.lead_days, values=values
        )


def _money(value: float | int | None) -> float | None:
    return float(value) if value else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(float(value)) else float(value)
