"""Bringing together, for one salesperson or for the manager, what the reports found. Nothing is measured twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from salespilot.behaviour import signal_rule
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.finding import Finding, Reason, absent
from salespilot.plans.one_to_one import facts as signals
from salespilot.plans.one_to_one import lists
from salespilot.plans.one_to_one.model import NotComputable, Parameters, Result, Results, Thresholds
from salespilot.plans.one_to_one.people import people, presence
from salespilot.plans.one_to_one.style import ground, tasks
from salespilot.plans.one_to_one.verdicts import judge

FIGURES = (
    "attainment", "target_probability", "commitment_completion", "facts", "deals_to_decide", "customers_to_decide",
    "style", "style_confidence",
)  # fmt: skip
PACE = (
    "actual_to_date", "target", "attainment", "landing_p10", "landing_p50", "landing_p90", "target_probability",
    "required_pace_ratio", "gap",
)  # fmt: skip
TASK_OF_LEVER = {
    "visits_per_day": "prospecting", "deals_per_day": "prospecting", "orders_per_day": "prospecting",
    "orders_per_visit": "discovery", "win_rate": "closing", "average_order": "closing", "average_won": "closing",
}  # fmt: skip
SERIES_MONTHS = 24
SERIES = (
    "revenue_per_day", "orders_per_day", "avg_order_value", "visits_per_day", "quotes_per_day", "weekly_rate",
    "win_rate",
)  # fmt: skip
"""What a sheet charts, in this order: the first ``SERIES_SHOWN`` that are known."""
SERIES_SHOWN = 6
LOGGED_SERIES = ("visits_per_day", "weekly_rate")
FED_BY = {
    "sales_cycle": "opportunities", "activity_productivity": "activities", "dynamic_steering": "sales_lines",
    "portfolio_review": "sales_lines",
}  # fmt: skip
"""The table without which a report is not made."""
QUESTIONS = 6
BLANK, BLANK_LINES = "\u00a0", 2


def compute(
    dataset: Dataset, results: Results, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()
) -> Result:
    """The sheet of ``parameters.rep``, or the manager's page where it is empty.

    ``results``: those of the reports in USES that the data can feed; what rests on a missing one is not computable and
    says so. Raises SettingError when nobody has the code ``parameters.rep``.
    """
    known = presence(dataset)
    committed = lists.commitments(dataset, thresholds)
    logging = signals.loggers(results)
    found = signals.signals(results, logging)
    if not parameters.rep:
        return _index(dataset, known, committed, found, thresholds)
    person = known[known["rep_id"] == parameters.rep]
    if person.empty:
        raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
    return _sheet(dataset, results, person.to_dict("records")[0], committed, logging, found, thresholds)


def _index(
    dataset: Dataset,
    known: pd.DataFrame,
    committed: pd.DataFrame | None,
    found: Mapping[str, list[Finding]],
    thresholds: Thresholds,
) -> Result:
    """Who has a sheet, since when, and what is on it: alphabetical, no figure by which to rank anyone."""
    index = known[known["rep_id"].isin(people(dataset))].reset_index(drop=True)
    chosen = {rep: len(signals.chosen(own, thresholds)) for rep, own in found.items()}
    fact_count = index["rep_id"].map(chosen).fillna(0).astype(int)
    index["fact_count"] = fact_count.where(index["presence"].isin(("in_post", "leaving")), 0)
    missing: dict[str, Reason] = dict.fromkeys(FIGURES, Reason("per_person"))
    due = late = None
    if committed is None:
        missing |= dict.fromkeys(("commitments_due", "commitments_late"), absent("actions"))
    else:
        states = committed.groupby("owner_rep_id")["commitment_state"]
        late_counts = index["rep_id"].map(states.agg(lambda own: int((own == "missed").sum())))
        open_counts = index["rep_id"].map(states.agg(lambda own: int(own.isin(("missed", "pending")).sum())))
        index["commitments_due"], index["commitments_late"] = (
            own.fillna(0).astype(int) for own in (open_counts, late_counts)
        )
        due, late = int(index["commitments_due"].sum()), int(index["commitments_late"].sum())
    columns = [
        "rep_name",
        "team_id",
        "rep_presence",
        "start_date",
        "end_date",
        "fact_count",
        "commitments_due",
        "commitments_late",
    ]
    figures = dict.fromkeys(FIGURES) | {"people": len(index), "commitments_due": due, "commitments_late": late}
    frame = index.rename(columns={"presence": "rep_presence"}).reindex(columns=[*columns, "rep_id"])
    return Result(index=frame, said={"n": len(index)}, key_figures=figures, not_computable=missing)


def _sheet(
    dataset: Dataset,
    results: Results,
    person: Mapping[Any, Any],
    committed: pd.DataFrame | None,
    logging: Mapping[str, bool],
    found: Mapping[str, list[Finding]],
    thresholds: Thresholds,
) -> Result:
    rep, is_new = str(person["rep_id"]), person["presence"] == "new"
    is_judged = person["presence"] == "in_post"
    is_logging = logging.get(rep, True)
    missing: dict[str, Reason] = {}

    def part(name: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except NotComputable as reason:
            missing[name] = _traced(dataset, reason.args[0])
            return None

    pace = part("pace", lambda: _pace(results, rep, missing))
    steps, lever, contribution = part("levers", lambda: signals.decomposition(results, rep)) or (None, None, None)
    deals = part("deals", lambda: lists.deals(results, rep, thresholds))
    customers = part("customers", lambda: lists.customers(results, rep, thresholds))
    series = part("series", lambda: _series(results, rep, is_logging))
    own, met, completion = _commitments(committed, rep, missing)
    known = ground(dataset, results, thresholds)
    judged = tasks(rep, known, is_logging, is_new, thresholds)
    chosen = signals.chosen(found.get(rep, ()), thresholds) if is_judged or person["presence"] == "leaving" else ()
    focus = _focus(lever if is_judged else None, chosen, judged, person["presence"])
    styles: pd.DataFrame | None = judged
    if not is_judged and not is_new:
        focus |= {"style": "undetermined", "style_confidence": "C"}
        styles = None
        missing["tasks"] = Reason(f"style_{person['presence']}")
    effort = known.efforts.get(rep) if is_logging else None
    rules = judge(
        person,
        met,
        lever,
        contribution,
        effort,
        styles,
        chosen,
        is_logging,
        known.biases.get(rep),
        thresholds,
        is_known=steps is not None or series is not None or rep in known.biases,
    )
    figures: dict[str, float | int | str | None] = dict.fromkeys(FIGURES)
    figures |= {
        "commitment_completion": completion,
        "facts": len(chosen),
        "deals_to_decide": None if deals is None else len(deals),
        "customers_to_decide": None if customers is None else len(customers),
        "style": focus["style"],
        "style_confidence": focus["style_confidence"],
    }
    for name, frame in (("deals_to_decide", "deals"), ("customers_to_decide", "customers")):
        if frame in missing:
            missing[name] = missing[frame]
    said = _said(person, met, lever, contribution) | focus
    if series is not None:
        shares = series.groupby("indicator")["false_alarm_share"].max()
        said |= {"series_count": len(shares), "false_alarms": float(shares.sum())}
    if pace is not None:
        row = pace.iloc[0]
        figures |= {name: _number(row[name]) for name in ("attainment", "target_probability")}
        said |= {name: _number(row[name]) for name in PACE}
        said["elapsed"] = results["dynamic_steering"][0].key_figures.get("elapsed_share")
    for name in ("attainment", "target_probability"):
        if figures[name] is None:
            missing.setdefault(name, missing.get("pace", Reason("no_target_of_own")))
    blank = [BLANK] * (thresholds.actions_most * BLANK_LINES)
    decisions = pd.DataFrame(dict.fromkeys(("decided_what", "decided_means", "decided_when", "decided_proof"), blank))
    return Result(
        pace=pace, levers=steps, series=series, deals=deals, customers=customers, commitments=own, meetings=met,
        tasks=styles, questions=_questions(rules, chosen, deals, customers, own), decisions=decisions, facts=chosen,
        said=said, lever=lever, rules=rules, key_figures=figures, not_computable=missing,
    )  # fmt: skip


def _traced(dataset: Dataset, reason: Reason) -> Reason:
    """The table that is absent, where that is why a report is not there."""
    table = FED_BY.get(str(reason.values.get("report"))) if reason.code == "absent_report" else None
    return absent(table) if table and not dataset.has(table) else reason


def _said(
    person: Mapping[Any, Any], met: pd.DataFrame | None, lever: str | None, contribution: float | None
) -> dict[str, Any]:
    """What fills the sentences of a sheet; what is not known is None."""
    counts = {"kept": 0, "due": 0, "meetings": 0}
    if met is not None:
        counts = {"kept": int(met["kept_count"].sum()), "due": int(met["due_actions"].sum()), "meetings": len(met)}
    return {
        "rep_id": str(person["rep_id"]),
        "name": person["rep_name"],
        "presence": person["presence"],
        "since": _day(person["start_date"]),
        "until": _day(person["end_date"]),
        "lever": lever,
        "loss": None if contribution is None else -contribution,
        "elapsed": None,
        **dict.fromkeys(PACE),
        **counts,
    }


def _pace(results: Results, rep: str, missing: dict[str, Reason]) -> pd.DataFrame:
    if "dynamic_steering" not in results:
        raise NotComputable(Reason("absent_report", {"report": "dynamic_steering"}))
    steering = results["dynamic_steering"][0]
    if steering.entities is None:
        raise NotComputable(steering.not_computable.get("entities", Reason("no_landing")))
    own = steering.entities[
        (steering.entities["entity_kind"] == "rep") & (steering.entities["entity_id"].astype(str) == rep)
    ]
    if own.empty:
        raise NotComputable(Reason("no_landing"))
    own = own.reindex(columns=list(PACE)).astype(float).reset_index(drop=True)
    if own["target"].isna().all():
        company = steering.not_computable.get("target")
        untold = company if company == absent("targets") else Reason("no_target_of_own")
        missing |= dict.fromkeys(("attainment", "target_probability"), untold)
    elif own["target_probability"].isna().all():
        missing["target_probability"] = Reason("no_landing")
    return own


def _series(results: Results, rep: str, is_logging: bool) -> pd.DataFrame:
    """The salesperson's own charts, month by month and for contacts week by week; no activity of who logs little."""
    shown = ["indicator", "month", "value", "centre", "lower", "upper", "signal", "false_alarm_share"]
    parts = []
    improvement = results["continuous_improvement"][0] if "continuous_improvement" in results else None
    for points in () if improvement is None else (improvement.points, improvement.personal):
        if points is not None:
            own = points[(points["scope_kind"] == "rep") & (points["scope_id"] == rep)]
            parts.append(own.sort_values("month").groupby("indicator").tail(SERIES_MONTHS)[shown])
    weeks = results["dynamic_steering"][0].weeks if "dynamic_steering" in results else None
    if weeks is not None:
        own = weeks[weeks["rep_id"] == rep].rename(columns={"week": "month", "weekly_rate": "value"})
        own = own.assign(indicator="weekly_rate", false_alarm_share=signal_rule(len(own)).false_alarm_share)
        parts.append(own.sort_values("month")[shown])
    series = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=shown)
    series = series[is_logging | ~series["indicator"].isin(LOGGED_SERIES)]
    known = [name for name in SERIES if name in set(series["indicator"])][:SERIES_SHOWN]
    if not known:
        raise NotComputable(Reason("no_series"))
    order = series["indicator"].map({name: place for place, name in enumerate(known)})
    return series.assign(order=order).dropna(subset="order").sort_values(["order", "month"], ignore_index=True)[shown]


def _commitments(
    committed: pd.DataFrame | None, rep: str, missing: dict[str, Reason]
) -> tuple[pd.DataFrame | None, pd.DataFrame | None, float | None]:
    """A salesperson's commitments, their meetings, and the share kept of those due."""
    own = None if committed is None else committed[committed["owner_rep_id"] == rep].drop(columns="owner_rep_id")
    if own is None or own.empty:
        reason = absent("actions") if committed is None else Reason("no_meeting")
        missing |= dict.fromkeys(("commitments", "meetings", "commitment_completion"), reason)
        return None, None, None
    met = lists.meetings(own)
    due = int(met["due_actions"].sum())
    if not due:
        missing["commitment_completion"] = Reason("nothing_due")
    return own.reset_index(drop=True), met, float(met["kept_count"].sum()) / due if due else None


def _focus(lever: str | None, chosen: tuple[Finding, ...], styles: pd.DataFrame, presence: str) -> dict[str, Any]:
    """The task the meeting is about: that of the first signal, else the one least mastered with confidence."""
    if presence == "new":
        return {"task": "all", "style": "directive", "style_confidence": "B"}
    task = TASK_OF_LEVER.get(lever or "")
    if task is None and any(one.rule == "T09-R2" for one in chosen):
        task = "forecasting"
    known = styles[styles["style"] != "undetermined"]
    if task is None and len(known):
        order = {"low": 0, "middle": 1, "high": 2}
        task = (
            known.assign(rank=known["mastery"].map(order))
            .sort_values(["rank", "style_confidence"], kind="stable")["task"]
            .iloc[0]
        )
    if task is None:
        return {"task": None, "style": "undetermined", "style_confidence": "C"}
    row = styles[styles["task"] == task].iloc[0]
    return {"task": task, "style": row["style"], "style_confidence": row["style_confidence"]}


def _questions(
    rules: Mapping[str, Mapping[str, Any]],
    chosen: tuple[Finding, ...],
    deals: pd.DataFrame | None,
    customers: pd.DataFrame | None,
    own: pd.DataFrame | None,
) -> pd.DataFrame:
    """What to ask, in the order of the meeting: success, commitments, gap, deals, customers, what next (GROW) [G]."""
    asked = ["success"]
    asked += ["obstacle" if "T08-R1" in rules else "commitments"] if own is not None else []
    for rule, question in (
        ("T08-R5", "new"), ("T08-R8", "capture"), ("T08-R2", "load"), ("T08-R3", "step"), ("T08-R4", "career"),
        ("T08-R7", "evidence"),
    ):  # fmt: skip
        asked += [question] if rule in rules else []
    if any(not signals.is_success(one) for one in chosen) and not {"T08-R2", "T08-R3", "T08-R7"} & set(rules):
        asked.append("gap")
    asked += ["deals"] if deals is not None and len(deals) else []
    asked += ["customers"] if customers is not None and len(customers) else []
    return pd.DataFrame({"question": [*asked[: QUESTIONS - 1], "next"]})


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _day(value: Any) -> Any:
    return None if pd.isna(value) else value.date()
