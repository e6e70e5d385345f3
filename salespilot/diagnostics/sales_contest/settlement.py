"""The rules of the contest, ready to be worded: what fills each article, and which wording it takes."""

from __future__ import annotations

import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.sales_contest.choice import Contest
from salespilot.diagnostics.sales_contest.launch import Launch
from salespilot.diagnostics.sales_contest.ledger import worked_between
from salespilot.diagnostics.sales_contest.model import Figures, Thresholds
from salespilot.finding import Value

NAMES = 12
PROPOSED = "proposed_contest"


def terms(
    dataset: Dataset, contest: Contest, last: Contest | None, started: Launch | None, cost: pd.DataFrame | None,
    figures: Figures, thresholds: Thresholds,
) -> dict[str, Value]:  # fmt: skip
    """What fills the rules: dates, people, measure, prizes; None where unknown."""
    people = list(started.entrants.rep_name) if started is not None else []
    prizes = _prize(contest, started, cost)
    words: dict[str, Value] = {
        "contest_id": contest.contest_id, "contest_label": _label(contest), "phase": contest.phase,
        "is_told": bool(figures.get("told_baselines")), "has_unequal_prizes": not contest.has_equal_prizes,
        "last_id": last.contest_id if last else None, "last_label": _label(last) if last else None,
        "contest_name": contest.name, "contest_start": contest.start, "contest_end": contest.end,
        "contest_days": contest.days, "working_days": worked_between(dataset, contest.start, contest.end),
        "metric": contest.metric, "rule": started.rule if started else contest.rule,
        "best_rule": started.best_rule if started else None,
        "participant_names": ", ".join(people[:NAMES]) + (" …" if len(people) > NAMES else "") if people else None,
        "participant_count": len(people) or None, "winner_count": started.winners if started else contest.winners,
        "prize_each": prizes, "prize_total": _part(cost, "prizes"), "charges": _part(cost, "charges"),
        "objective_lift": thresholds.objective_lift, "last_name": last.name if last else None,
        "last_start": last.start if last else None, "last_end": last.end if last else None,
        "cycle": figures.get("cycle_days"),
    }  # fmt: skip
    return words


def _label(contest: Contest) -> str:
    return contest.name or (PROPOSED if contest.is_drawn_up else contest.contest_id)


def _part(cost: pd.DataFrame | None, part: str) -> float | None:
    return None if cost is None else float(cost.set_index("part")["amount"][part])


def _prize(contest: Contest, started: Launch | None, cost: pd.DataFrame | None) -> float | None:
    """What each winner gets if prizes are equal: what is told, else the whole shared out."""
    winners = started.winners if started else contest.winners
    total = _part(cost, "prizes")
    if contest.prizes and contest.has_equal_prizes:
        return contest.prizes[0][2]
    return total / winners if total is not None and winners else None


def articles(contest: Contest, started: Launch | None, words: dict[str, Value]) -> tuple[str, ...]:
    """The keys of the wording of the ten articles: object, people, period, measure, scoring, prizes, tie, absence,
    publication, data."""
    if contest.phase == "after" or started is None:
        return ("article_past" if contest.phase == "after" else "article_absent",)
    named = "people_named" if len(started.entrants.rep_name) <= NAMES else "people_counted"
    is_ranking = started.rule != "objective"
    prizes = "prizes_objective" if not is_ranking else "prizes_equal" if contest.has_equal_prizes else "prizes_ranked"
    if words["prize_each"] is None:
        prizes = "prizes_unknown"
    parts = (
        "object_named" if contest.name else "object", named, "period", f"measure_{contest.metric}",
        f"scoring_{started.rule}", prizes, "tie" if is_ranking else "tie_objective", "absence", "publication", "data",
    )  # fmt: skip
    return tuple(f"article_{part}" for part in parts)
