"""The rules T08-R1 to T08-R8: how to lead the meeting, never what the person is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from salespilot.finding import Finding, Severity
from salespilot.plans.one_to_one.facts import QUALITY, VOLUME
from salespilot.plans.one_to_one.model import CODES, NAME, Result, Thresholds

Rules = dict[str, Mapping[str, Any]]
RUNNING = 2
"""Meetings in a row that make a pattern."""

OWNED = ("T08-R3", "T08-R5", "T08-R7", "T08-R8")
"""Rules whose action the salesperson takes on; the manager's own are the others."""


def judge(
    person: Mapping[Any, Any],
    met: pd.DataFrame | None,
    lever: str | None,
    contribution: float | None,
    effort: str | None,
    styles: pd.DataFrame | None,
    chosen: Sequence[Finding],
    is_logging: bool,
    bias: tuple[str, int] | None,
    thresholds: Thresholds,
    is_known: bool = True,
) -> Rules:
    """Which rules hold for one salesperson, and what fills their sentences.

    ``effort`` is the effort against one's own usual level in words, None where it is not known; ``bias`` the verdict
    on forecasts and the periods it rests on; ``is_known``: something could be compared or charted, without which the
    absence of signals says nothing. Who is new gets R5 and R8 only, who leaves R1 and R6 to R8 only.
    """
    rules: Rules = {}
    presence = person["presence"]
    if presence == "new":
        rules["T08-R5"] = {"since": _day(person["start_date"])}
    else:
        kept = _slipping(met, thresholds)
        if kept is not None:
            rules["T08-R1"] = kept
        if bias is not None and bias[0] in ("over_forecaster", "under_forecaster"):
            rules["T08-R7"] = {"verdict": bias[0], "n": bias[1]}
    if presence == "in_post":
        is_down = effort == "low" or any(_is_effort_down(one) for one in chosen)
        loss = None if contribution is None else -contribution
        if lever in VOLUME and is_down:
            rules["T08-R2"] = {"lever": lever, "loss": loss}
        steps = [one for one in chosen if one.rule == "T02-R4"]
        if lever in QUALITY or steps:
            step = next((one.values.get("step") for one in chosen if one.rule == "T02-R2"), None)
            step = step or (steps[0].code.removeprefix("below_") if steps else lever)
            rules["T08-R3"] = {"step": step, "loss": loss if lever in QUALITY else None}
        high = [] if styles is None else list(styles.loc[styles["mastery"] == "high", "task"])
        if high and is_down:
            rules["T08-R4"] = {"task": high[0]}
    if not is_logging:
        rules["T08-R8"] = {}
    elif presence != "new" and not chosen and is_known:
        rules["T08-R6"] = {}
    return rules


def _slipping(met: pd.DataFrame | None, th: Thresholds) -> Mapping[str, Any] | None:
    """R1: the last two meetings that had actions due both saw less than half of them kept."""
    due = None if met is None else met[met["due_actions"] > 0].head(RUNNING)
    if due is None or len(due) < RUNNING or (due["commitment_completion"] >= th.completion_low_share).any():
        return None
    return {"kept": int(due["kept_count"].sum()), "due": int(due["due_actions"].sum())}


def _is_effort_down(one: Finding) -> bool:
    return one.rule == "T07-R4" or (one.rule == "T06-R1" and one.code == "signal_low" and "day" in _indicator(one))


def _indicator(one: Finding) -> str:
    name = str(one.values.get("indicator", ""))
    return "" if name == "revenue_per_day" else name


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """The rules that hold for the salesperson of the sheet, the gravest first; none for the manager's page.

    They price nothing: the money stands in the reports whose facts they use.
    """
    found = []
    rep = result.said.get("rep_id")
    for rule, values in result.rules.items():
        code, severity = CODES[rule]
        lead = thresholds.training_days if rule in ("T08-R3", "T08-R5") else thresholds.meeting_days
        found.append(
            Finding(
                NAME, rule, code, severity, "rep", str(rep), owner=str(rep) if rule in OWNED else None,
                targets=(("rep", str(rep)),), lead_days=lead, values={"name": result.said.get("name"), **values},
            )
        )  # fmt: skip
    gravity = list(Severity)
    return sorted(found, key=lambda one: (gravity.index(one.severity), one.rule))


def _day(value: Any) -> Any:
    return None if pd.isna(value) else value.date()
