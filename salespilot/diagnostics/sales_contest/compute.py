"""The report on sales contests: the contest to come or running, and what the last one did."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.sales_contest import aftermath, budget, calendar_meets, running
from salespilot.diagnostics.sales_contest.choice import (
    Contest,
    amended,
    chosen,
    contests,
    drawn_up,
    others,
    participants,
    winner_count,
)
from salespilot.diagnostics.sales_contest.draft import Report
from salespilot.diagnostics.sales_contest.launch import Launch, launch
from salespilot.diagnostics.sales_contest.ledger import ledger
from salespilot.diagnostics.sales_contest.model import KEY_FIGURES, Parameters, Result, Thresholds
from salespilot.diagnostics.sales_contest.outcome import EFFECT_FIGURES, LEAST_HISTORY, judged, portfolios
from salespilot.diagnostics.sales_contest.settlement import articles, terms
from salespilot.finding import Reason, absent

DAY = timedelta(days=1)
BEFORE = ("people", "chances", "rules", "winner_counts")
LAUNCH_FIGURES = (
    "participants", "winners", "hope_index", "fairness_min", "fairness_max", "baseline_total", "tie_chance",
    "best_hope_index", "best_fairness_min", "best_fairness_max",
)  # fmt: skip
COST_FIGURES = ("full_cost", "break_even_lift", "highest_cost", "needed_revenue", "usual_lift")
OTHER_FIGURES = (
    "won_deals",
    "pulled_deals",
    "margin_rate",
    "base_revenue",
    "unnamed_share",
    "unfair_count",
    "placebo_count",
)


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Judge the contest that matters before its start or on its way, and the last one by what it left.

    Raises SettingError when ``parameters`` name a contest or a salesperson whom nobody knows, or dates that do not fit.
    """
    if parameters.rep and parameters.rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
    known = contests(dataset)
    subject = chosen(known, parameters)
    subject = (
        drawn_up(dataset, parameters, thresholds) if subject is None else amended(subject, dataset.as_of, parameters)
    )
    report = Report(dict.fromkeys((*KEY_FIGURES, *LAUNCH_FIGURES, *COST_FIGURES, *EFFECT_FIGURES, *OTHER_FIGURES)))
    cycle = calendar_meets.cycle_days(dataset)
    after = round(min(max(cycle, 14.0), thresholds.longest_after_days)) if cycle is not None else thresholds.after_days
    report.figures |= {"cycle_days": cycle, "contest_days": subject.days, "after_days": after}
    report.figures |= {"contest_count": len(known), "is_drawn_up": subject.is_drawn_up}
    started = _launch(dataset, subject, known, thresholds, report)
    _cost(dataset, subject, started, thresholds, report)
    if started is not None and subject.phase == "during":
        _running(dataset, subject, started, parameters.rep, after, thresholds, report)
    report.lack(("race", "standings", "pace", "signals"), Reason("not_running"))
    over = [contest for contest in known if contest.phase == "after"]
    last = subject if subject.phase == "after" else over[-1] if over and not parameters.contest else None
    if last is not None:
        judged(dataset, last, known, after, parameters.rep, thresholds, report)
    missing = Reason("not_over") if known else absent("contests")
    report.lack((*EFFECT_FIGURES, "phases", "course", "placebos", "quality", "podium", "history"), missing)
    if known:
        report.frames["contests"] = _listed(known)
    report.lack(("contests",), absent("contests"))
    words = terms(dataset, subject, last, started, report.frames.get("cost"), report.figures, thresholds)
    clauses = articles(subject, started, words)
    return Result(
        **report.frames, terms=words, articles=clauses, key_figures=report.figures, not_computable=report.reasons
    )


def _listed(known: list[Contest]) -> pd.DataFrame:
    rows = [
        (
            c.name,
            pd.Timestamp(c.start),
            pd.Timestamp(c.end),
            c.metric,
            c.rule,
            c.winners,
            c.budget,
            c.phase,
            c.contest_id,
        )
        for c in known
    ]
    columns = [
        "contest_name",
        "start_date",
        "end_date",
        "metric",
        "score_rule",
        "winners",
        "budget",
        "phase",
        "contest_id",
    ]
    return pd.DataFrame(rows, columns=columns).astype({"winners": float, "budget": float})


def _launch(dataset: Dataset, subject: Contest, known: list[Contest], th: Thresholds, report: Report) -> Launch | None:
    rivals = others(known, subject.contest_id)
    sold = portfolios(dataset, subject, subject.metric)
    if sold is not None:
        report.frames["clashes"] = calendar_meets.clashes(dataset, subject, rivals, sold)
        report.frames["season"] = calendar_meets.season(sold, [*rivals, subject])
        report.frames["capture"] = calendar_meets.capture(dataset, subject, sold, th)
        report.figures["unnamed_share"] = sold.unnamed
    report.lack(("clashes", "season", "capture"), Reason("no_sales"))
    if sold is None or not sold.people:
        report.lack((*BEFORE, *LAUNCH_FIGURES), Reason("no_salesperson"))
        return None
    people = participants(dataset, subject, sold)
    if sold.first > subject.start - LEAST_HISTORY:
        if len(people) > 1:
            report.figures |= {"participants": len(people), "winners": winner_count(subject, len(people), th)}
        report.lack((*BEFORE, *LAUNCH_FIGURES), Reason("no_sales_before"))
        return None
    if len(people) < 2:
        report.lack((*BEFORE, *LAUNCH_FIGURES), Reason("too_few_people", {"n": len(people)}))
        return None
    started = launch(dataset, subject, people, sold, rivals, th)
    report.figures |= started.figures
    report.frames |= {"people": started.people, "chances": started.chances, "rules": started.rules}
    if started.winner_counts is not None:
        report.frames["winner_counts"] = started.winner_counts
    report.lack(("winner_counts",), Reason("no_ranking"))
    report.lack(("tie_chance", "best_hope_index", "best_fairness_min", "best_fairness_max"), Reason("no_ranking"))
    return started


def _cost(dataset: Dataset, subject: Contest, started: Launch | None, th: Thresholds, report: Report) -> None:
    parts = budget.cost(dataset, subject, th)
    margin = budget.margin_rate(dataset)
    report.figures["margin_rate"] = margin
    base = float(started.base_revenue) if started is not None and started.base_revenue > 0 else None
    report.figures["base_revenue"] = base
    if base is not None and margin is not None:
        report.figures["highest_cost"] = th.cap_share * th.expected_lift * base * margin
    report.figures["charge_rate"] = budget.charge_rate(dataset, th)[0]
    if parts is None and report.figures.get("highest_cost") is not None:
        # Nothing is decided yet: the cost shown is the most that the contest may cost.
        parts = budget.cost(dataset, _with_budget(subject, float(str(report.figures["highest_cost"]))), th)
    if parts is not None:
        total = float(parts.set_index("part")["amount"]["total"])
        report.frames["cost"] = parts
        report.figures["full_cost"] = total
        if margin is not None:
            report.figures["needed_revenue"] = total / margin
            if base is not None:
                report.figures["break_even_lift"] = total / margin / base
                report.frames["break_even"] = budget.break_even(total, margin, base)
    if started is not None and len(started.lifts) >= th.min_ranking:
        report.figures["usual_lift"] = float(np.quantile(started.lifts, th.lift_quantile))
    report.lack(("full_cost", "cost"), Reason("no_cost"))
    unknown = Reason("no_margin") if margin is None else report.reasons.get("baseline_total", Reason("no_cost"))
    report.lack(("needed_revenue", "break_even_lift", "break_even", "highest_cost"), unknown)
    report.lack(("usual_lift",), Reason("no_two_years"))


def _with_budget(contest: Contest, amount: float) -> Contest:
    return replace(contest, budget=amount)


def _running(
    dataset: Dataset, subject: Contest, started: Launch, rep: str, after: int, th: Thresholds, report: Report
) -> None:
    sold = ledger(dataset, subject.metric)
    if sold is None:
        return
    sold = sold.only(list(started.entrants.rep_id))
    done = sold.between(subject.start, dataset.as_of)
    rule = started.rule
    ranked = running.to_date(dataset, subject, rule, started.entrants, done)
    seen = running.shown(ranked, started.winners, rep)
    report.frames["standings"] = seen
    report.frames["race"] = running.race(dataset, subject, rule, started.entrants, sold, seen)
    lift = report.figures.get("break_even_lift")
    report.frames["pace"] = running.pace(
        dataset, subject, started.entrants, done, float(str(lift)) if lift is not None else None
    )
    usual = aftermath.quality(dataset, subject, th.before_days, after, th)
    signs = aftermath.early_signs(dataset, subject)
    report.frames["signals"] = running.signals(usual, th.quality_drift, signs)
