"""The measures of the sales cycle: Dataset in, frozen frames of raw numbers out."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from salespilot import cells
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.deals import deal_history, landing_draws, spells, stage_names, stage_table
from salespilot.diagnostics.sales_cycle import ageing, effort, flow, losses, scope, slippage
from salespilot.diagnostics.sales_cycle.figures import missing_figure, named
from salespilot.diagnostics.sales_cycle.result import Result
from salespilot.diagnostics.sales_cycle.scope import Figures
from salespilot.diagnostics.sales_cycle.settings import Parameters, Thresholds
from salespilot.finding import Reason, absent

FRAMES = tuple(f.name for f in fields(Result) if f.name not in ("deals", "history", "years", "key_figures",
                                                                "not_computable"))  # fmt: skip
OF_OUTCOMES = (
    "outcomes", "incidence", "incidence_marks", "open_deals", "hygiene", "reps", "losses", "loss_stages", "loss_reps",
    "loss_cells", "loss_heat", "loss_reasons", "reason_sources", "competitors", "cleanups",
)  # fmt: skip
OF_HISTORY = ("stages", "cohorts", "stage_times", "durations", "loss_reps", "effort", "evidence", "evidence_reps")
OF_MOVES = ("pushes", "slippage", "slippage_matrix")
DEAL_COLUMNS = [
    "opportunity_id", "customer_id", "name", "rep_id", "owner_name", "created_date", "closed_date", "status", "type",
    "stage_code", "stage", "amount", "amount_before", "amount_at_close", "expected_close_date", "first_expected_date",
    "push_count", "age_days", "stage_age_days", "loss_reason", "reason_bucket", "competitor", "is_cleanup",
    "is_born_closed",
]  # fmt: skip
BY_REP = ("open_deals", "reps", "evidence_reps", "losses", "loss_reps", "cleanups")


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Measure one client's sales cycle over the dataset's window.

    ``parameters.rep`` filters the lists of deals and people; rates, quantiles and money are those of the team. Raises
    SettingError when it is nobody's code.
    """
    if parameters.rep and parameters.rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
    frame = scope.everyone(dataset)
    parts: dict[str, Any] = {}
    why: dict[str, Reason] = {}
    figures: Figures = {"deals_known": len(frame)}
    history = deal_history(dataset)
    stays = spells(dataset) if dataset.has("opportunity_events") else None
    worked = effort.hours(dataset)
    figures |= scope.cycles(dataset, frame)
    passed = _flow(dataset, frame, stays, parts, why, figures, thresholds)
    has_outcomes = bool(frame["status"].notna().any())
    if has_outcomes:
        _outcomes(frame, parts, why, figures, thresholds)
        _moves(dataset, frame, parts, why, figures, thresholds)
    else:
        why |= dict.fromkeys((*OF_OUTCOMES, *OF_MOVES, "bridge", "bridge_due"), Reason("no_outcome"))
    _proof(dataset, passed, parts, why, figures)
    if has_outcomes:
        _open(dataset, frame, parts, why, figures, thresholds)
        _losses(dataset, frame, passed, worked, parts, why, figures, thresholds)
    _work(dataset, frame, stays, worked, parts, why, figures)
    if parts.get("open_deals") is not None:
        parts["open_deals"] = parts["open_deals"][ageing.OPEN_COLUMNS]
    for name in BY_REP:
        if parameters.rep and parts.get(name) is not None:
            parts[name] = parts[name][parts[name]["rep_id"] == parameters.rep].reset_index(drop=True)
    listed = frame[frame["in_scope"]] if has_outcomes else frame
    if parameters.rep:
        listed = listed[listed["rep_id"] == parameters.rep]
    figures = {name: None if value is None or pd.isna(value) else value for name, value in named(figures).items()}
    for name in FRAMES:
        if parts.get(name) is None:
            why.setdefault(name, Reason("no_deal"))
    for name, value in figures.items():
        if value is None:
            why.setdefault(name, missing_figure(name, why, has_outcomes))
    missing = {name for name in FRAMES if parts.get(name) is None} | {n for n, v in figures.items() if v is None}
    if history is None:
        why["history"] = Reason("no_deal")
        missing.add("history")
    if figures["lost_value"] is None:
        why.setdefault("losses", why["lost_value"])
        missing.add("losses")
    return Result(
        **{name: parts.get(name) for name in FRAMES},
        deals=listed[DEAL_COLUMNS].reset_index(drop=True),
        history=history,
        years=cells.years(dataset.window) if dataset.months else 1.0,
        key_figures=figures | {"history": f"known_by_{history}" if history else None},
        not_computable={name: reason for name, reason in why.items() if name in missing},
    )


def _outcomes(
    frame: pd.DataFrame, parts: dict[str, Any], why: dict[str, Reason], figures: Figures, thresholds: Thresholds
) -> None:
    lost = frame[frame["is_ended"] & (frame["status"] == "lost")]
    priced = bool(lost["amount"].gt(0).any())
    table = scope.outcomes(frame, priced)
    parts["outcomes"] = table
    total = table.iloc[0].to_dict()
    for name in ("deals", "won", "lost", "cancelled", "open"):
        figures[name] = int(total[name])
    for name in ("win_rate_closed", "win_rate_all", "won_value", "win_low", "win_high"):
        figures[name] = float(total[name])
    figures["lost_value"] = float(total["lost_value"]) if priced else None
    if not priced:
        why["lost_value"] = Reason("no_lost_amount", {"n": len(lost)}) if len(lost) else Reason("no_loss")
    apart = "without_cleanups" if "without_cleanups" in set(table["scope"]) else "all"
    kept = table[table["scope"] == apart]
    figures |= {"kept_win_rate": float(kept["win_rate_closed"].item()), "kept_lost": int(kept["lost"].item())}
    parts["cleanups"] = scope.cleanups(frame)
    swept = frame[frame["is_cleanup"] & frame["is_ended"]]
    figures |= {"cleanup_losses": len(swept), "cleanup_value": float(swept["amount"].sum())}
    if parts["cleanups"] is None:
        why["cleanups"] = Reason("no_cleanup")
    inside = frame[frame["in_scope"]]
    figures |= {
        "born_closed": int(inside["is_born_closed"].sum()),
        "zero_amounts": int((~(inside["amount"] > 0) & ~inside["is_foreign"]).sum()),
        "foreign_deals": int(inside["is_foreign"].sum()),
    }
    curve, is_late = scope.curve(frame)
    figures["late_entry"] = int(is_late)
    figures |= scope.incidence_figures(curve, thresholds)
    if figures["win_probability"] is None:
        why |= dict.fromkeys(("incidence", "incidence_marks"), Reason("no_win"))
    else:
        parts["incidence"], parts["incidence_marks"] = curve, scope.marks(curve)
    figures |= scope.signature(frame)


def _flow(
    dataset: Dataset, frame: pd.DataFrame, stays: pd.DataFrame | None, parts: dict[str, Any], why: dict[str, Reason],
    figures: Figures, thresholds: Thresholds,
) -> pd.DataFrame | None:  # fmt: skip
    """The stages: needs a history of most deals."""
    inside = frame[frame["in_scope"]] if frame["in_scope"].any() else frame
    share = float(inside["has_history"].mean()) if len(inside) else 0.0
    if stays is None or stays.empty:
        why |= dict.fromkeys((*OF_HISTORY, "late_loss_share"), Reason("no_stage_history"))
        return None
    figures |= {"history_share": share, "stage_deals": int(inside["has_history"].sum())}
    if share < thresholds.history_min_share:
        reason = Reason("thin_history", {"share": share, "needed": thresholds.history_min_share})
        why |= dict.fromkeys(OF_HISTORY, reason)
        return None
    passed = flow.passages(dataset, stays, frame, thresholds)
    parts["stages"] = flow.by_stage(dataset, passed)
    parts["cohorts"] = flow.cohorts(dataset, passed)
    parts["stage_times"] = flow.times(dataset, passed, thresholds)
    parts["durations"] = flow.durations(dataset, passed, thresholds)
    stages = parts["stages"]
    if len(stages):
        figures |= {
            "first_entrants": int(stages["entrants"].iloc[0]),
            "last_entrants": int(stages["entrants"].iloc[-1]),
        }
        figures |= {
            "river_lost": int(stages["lost_count"].sum()),
            "river_lost_value": float(stages["lost_value"].sum()),
        }
    figures["backward_deals"] = int(stays.loc[stays["is_backward"], "opportunity_id"].nunique())
    order = stage_table(dataset)
    rank = order.loc[order["kind"] == "open"].set_index("stage_code")["stage_order"].rank(method="dense")
    steps = stays.assign(
        own=stays["stage_code"].map(rank).astype(float), target=stays["exit_to"].map(rank).astype(float)
    )
    figures["skipped_deals"] = int(steps.loc[steps["target"] - steps["own"] > 1, "opportunity_id"].nunique())
    for name in ("stages", "cohorts", "stage_times", "durations"):
        if parts[name].empty:
            parts[name], why[name] = None, Reason("no_deal")
    return passed


def _moves(
    dataset: Dataset, frame: pd.DataFrame, parts: dict[str, Any], why: dict[str, Reason], figures: Figures,
    thresholds: Thresholds,
) -> None:  # fmt: skip
    """Pushes, slippage and the bridges: need a history of close dates and of what each deal was."""
    if not dataset.has("opportunity_events"):
        why |= dict.fromkeys((*OF_MOVES, "bridge", "bridge_due"), Reason("no_history"))
        return
    dated = dataset.sql("select count(*) as n from opportunity_events where field = 'close_date'")["n"].iloc[0]
    if dated and frame["expected_close_date"].notna().any():
        parts["pushes"] = slippage.pushes(dataset, frame, dataset.conventions.small_n_hide)
        months, each = slippage.slipped(dataset, frame)
        if len(each):
            parts["slippage"], parts["slippage_matrix"] = months, slippage.matrix(each)
            due, slid = float(months["due_value"].sum()), float(months["slipped_value"].sum())
            figures |= {"due_value": due, "slipped_value": slid, "slippage_rate": slid / due if due else None}
            last = each[each["is_slipped"].astype(bool)].drop_duplicates("opportunity_id", keep="last")
            figures["slipped_deal_value"] = float(last["amount"].sum())
        else:
            why |= dict.fromkeys(("slippage", "slippage_matrix"), Reason("nothing_due"))
    else:
        why |= dict.fromkeys(OF_MOVES, Reason("no_close_date_history"))
    if not frame["amount"].gt(0).any():
        why |= dict.fromkeys(("bridge", "bridge_due"), Reason("no_amount"))
        return
    window = dataset.window
    parts["bridge"], gap = slippage.bridge(dataset, frame, window.start, window.end)
    start, end, due_by = slippage.bridge_period(dataset, thresholds)
    near = 0
    if dated:
        parts["bridge_due"], near = slippage.bridge(dataset, frame, start, end, due_by)
        due = parts["bridge_due"].set_index("step")["amount"]
        figures |= {"due_start": float(due["start"]), "due_end": float(due["end"])}
    else:
        why["bridge_due"] = Reason("no_close_date_history")
    amounts = parts["bridge"].set_index("step")["amount"]
    figures |= {"bridge_gap": (abs(gap) + abs(near)) / 100}
    figures |= {"bridge_start": float(amounts["start"]), "bridge_end": float(amounts["end"])}


def _proof(
    dataset: Dataset, passed: pd.DataFrame | None, parts: dict[str, Any], why: dict[str, Reason],
    figures: Figures,
) -> None:  # fmt: skip
    if passed is None:
        return
    proof = effort.proofs(dataset, passed)
    if proof is None:
        reason = Reason("no_criteria") if dataset.has("milestone_evidence") else absent("milestone_evidence")
        why |= dict.fromkeys(("evidence", "evidence_reps"), reason)
        return
    parts["evidence"] = effort.evidence(proof, stage_names(dataset))
    parts["evidence_reps"] = effort.evidence_reps(proof, dataset.conventions.small_n_hide)
    figures |= {"evidence_share": float(proof["is_met"].mean()), "evidence_required": len(proof)}


def _open(
    dataset: Dataset, frame: pd.DataFrame, parts: dict[str, Any], why: dict[str, Reason], figures: Figures,
    thresholds: Thresholds,
) -> None:  # fmt: skip
    rows = ageing.open_deals(dataset, frame, parts.get("stage_times"), thresholds)
    aged = rows["age_status"] != "unknown"
    if rows.empty or not aged.any():
        why["ageing"] = why.get("stage_times", Reason("no_open_deal")) if len(rows) else Reason("no_open_deal")
    else:
        figures["stalled_deals"] = int(rows["is_stalled"].sum())
        figures["watched_deals"] = int((rows["age_status"] == "watch").sum())
    figures["aged_deals"] = int(aged.sum())
    if rows["expected_close_date"].notna().any():
        figures["past_close_deals"] = int(rows["is_past_close"].sum())
    if rows["push_count"].notna().any():
        figures["pushed_deals"] = int(rows["is_pushed"].sum())
    if aged.any() or rows["expected_close_date"].notna().any():
        doubtful = int((rows["is_past_close"].eq(True) | rows["is_stalled"].eq(True)).sum())
        figures["doubtful_deals"] = doubtful
        if figures["won"]:
            figures["win_rate_strict"] = figures["won"] / (figures["won"] + (figures["lost"] or 0) + doubtful)
    if rows["amount"].gt(0).any():
        figures["open_value"] = float(rows["amount"].sum())
        if rows["weighted_amount"].notna().any():
            priced = rows.dropna(subset="weighted_amount")
            figures["weighted_value"] = float(priced["weighted_amount"].sum())
            totals = landing_draws(priced["amount"], priced["win_probability"])
            low, high = (float(bound) for bound in np.quantile(totals, [0.1, 0.9]))
            figures |= {"weighted_low": low, "weighted_high": high}
    if rows["has_next_step"].notna().any():
        figures["next_step_share"] = float(rows["has_next_step"].astype(bool).mean())
    if rows.empty:
        why |= dict.fromkeys(("open_deals", "hygiene"), Reason("no_open_deal"))
    else:
        parts["open_deals"], parts["hygiene"] = rows, ageing.hygiene(rows, dataset)
    parts["reps"] = ageing.reps(dataset, frame, rows, parts.get("evidence_reps"), thresholds)
    if parts["reps"] is None:
        why["reps"] = Reason("no_owner")
    else:
        there = parts["reps"][~parts["reps"]["is_former"]]
        figures["deals_per_rep"] = float(there["open_count"].mean()) if len(there) else None


def _losses(
    dataset: Dataset, frame: pd.DataFrame, passed: pd.DataFrame | None, worked: pd.DataFrame | None,
    parts: dict[str, Any], why: dict[str, Reason], figures: Figures, thresholds: Thresholds,
) -> None:  # fmt: skip
    stages = stage_table(dataset)
    rows = losses.lost_deals(frame, stages, worked)
    names = ("losses", "loss_stages", "loss_reps", "loss_cells", "loss_heat", "loss_reasons", "reason_sources")
    if rows.empty:
        why |= dict.fromkeys((*names, "competitors"), Reason("no_loss"))
        figures |= {"silent_deals": 0}
        return
    parts["losses"] = rows[losses.LOSS_COLUMNS]
    kept = rows[~rows["is_cleanup"]]
    order = stages.set_index("stage_code")["stage_order"]
    parts["loss_reasons"] = losses.reasons(kept)
    if parts["loss_reasons"] is None:
        why["loss_reasons"] = Reason("no_reason_given", {"n": len(kept)})
    has_stage = kept["stage_code"].map(stages.set_index("stage_code")["kind"]).eq("open").any()
    if (has_stage or parts["loss_reasons"] is not None) and len(kept):
        parts["loss_cells"], parts["loss_heat"] = losses.by_stage_and_reason(kept, order), losses.heat(kept, order)
    else:
        why |= dict.fromkeys(("loss_cells", "loss_heat"), Reason("no_stage_of_death"))
    if passed is not None:
        parts["loss_stages"], parts["loss_reps"] = losses.stage_losses(
            dataset, passed, rows, thresholds.lookback_months
        )
        if parts["loss_reps"].empty:
            parts["loss_reps"], why["loss_reps"] = None, Reason("no_owner")
    else:
        why["loss_stages"] = why.get("stages", Reason("no_stage_history"))
    parts["reason_sources"] = losses.reliability(kept, dataset.conventions.small_n_hide)
    if parts["reason_sources"] is None:
        why["reason_sources"] = Reason("no_reason_source")
    parts["competitors"] = losses.competitors(frame[~frame["is_cleanup"]], dataset.conventions.small_n_hide)
    if parts["competitors"] is None:
        why["competitors"] = Reason("no_competitor")
    late = set(rows.loc[rows["is_late"].eq(True), "stage_code"])
    opened = parts["open_deals"] if parts.get("open_deals") is not None else frame.head(0).assign(is_silent=False)
    figures |= losses.figures(rows, opened, parts.get("loss_reps"), late)


def _work(
    dataset: Dataset, frame: pd.DataFrame, stays: pd.DataFrame | None, worked: pd.DataFrame | None,
    parts: dict[str, Any], why: dict[str, Reason], figures: Figures,
) -> None:  # fmt: skip
    if worked is None:
        reason = Reason("no_hours_on_deals") if dataset.has("activities") else absent("activities")
        why |= dict.fromkeys(("effort", "pursuit", "pursuit_cost"), reason)
        return
    if frame["is_ended"].any():
        parts["pursuit"] = effort.pursuit(dataset, worked, frame)
        lost = parts["pursuit"].set_index("outcome").reindex(["lost"]).iloc[0]
        figures |= {"pursuit_hours": float(lost["hours"]), "pursuit_cost": float(lost["pursuit_cost"])}
    rows = parts.get("open_deals")
    if stays is not None and len(stays) and rows is not None and rows["weighted_amount"].notna().any():
        table, distance = effort.by_stage(dataset, worked, stays, rows)
        if np.isfinite(distance):
            parts["effort"], figures["misalignment"] = table, distance
            figures["misalignment_limit"] = dataset.conventions.misalignment_act
    if parts.get("effort") is None:
        why.setdefault("effort", Reason("no_hours_on_deals"))
