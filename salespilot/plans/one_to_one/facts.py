"""What is worth discussing: signals that the reports found about one salesperson, at most three."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from salespilot.finding import Finding, Reason
from salespilot.plans.one_to_one.model import NotComputable, Results, Thresholds

SIGNALS = ("T02-R1", "T02-R2", "T02-R3", "T02-R4", "T02-R6", "T06-R1", "T07-R4", "T09-R2", "T01-R8")
"""The rules whose findings about a person are beyond what chance gives, or measured over a whole portfolio."""

LOGGED = ("T02-R1", "T02-R2", "T02-R4", "T02-R6", "T07-R4", "T01-R8")
"""Those that rest on activities logged: not judged where little is logged."""

EFFORT = ("visits_per_day", "quotes_per_day", "contacts_per_day")
VOLUME = ("visits_per_day", "deals_per_day", "orders_per_day")
QUALITY = ("orders_per_visit", "win_rate")
LEAST = 1.0


def signals(results: Results, is_logging: dict[str, bool]) -> dict[str, list[Finding]]:
    """The signals of all reports by rep_id, in no order; what rests on activities is left out for who logs few."""
    found: dict[str, list[Finding]] = {}
    for _, own in results.values():
        for one in own:
            if one.subject_kind != "rep" or one.rule not in SIGNALS:
                continue
            rests_on_log = one.rule in LOGGED or one.values.get("indicator") in EFFORT
            if rests_on_log and not is_logging.get(one.subject_id, True):
                continue
            found.setdefault(one.subject_id, []).append(one)
    return found


def chosen(found: Sequence[Finding], thresholds: Thresholds) -> tuple[Finding, ...]:
    """One success where there is one, then the biggest gaps, one a rule: at most ``facts_shown`` [J]."""
    successes = sorted((one for one in found if is_success(one)), key=lambda one: one.id)[:1]
    gaps: dict[str, Finding] = {}
    for one in sorted((one for one in found if not is_success(one)), key=lambda one: (-(one.stake or 0.0), one.id)):
        gaps.setdefault(one.rule, one)
    return (*successes, *gaps.values())[: thresholds.facts_shown]


def is_success(one: Finding) -> bool:
    """A signal upwards in the salesperson's own series."""
    return one.rule == "T06-R1" and one.code.startswith("signal_high")


def loggers(results: Results) -> dict[str, bool]:
    """Whether each salesperson logs enough to be judged on it; those of whom nothing is known are absent."""
    known: dict[str, bool] = {}
    if "activity_productivity" in results:
        people = results["activity_productivity"][0].people
        known |= {str(rep): not bool(silent) for rep, silent in zip(people["rep_id"], people["is_silent"], strict=True)}
    review = results["portfolio_review"][0].reps if "portfolio_review" in results else None
    if review is not None and "is_logging" in review:
        for rep, is_logging in zip(review["rep_id"], review["is_logging"], strict=True):
            known[str(rep)] = bool(is_logging) and known.get(str(rep), True)
    return known


def decomposition(results: Results, rep: str) -> tuple[pd.DataFrame, str | None, float | None]:
    """From what the peers' ways give to what the salesperson sold, lever by lever: (steps, lever, its contribution).

    The lever is the one that takes most, None where none is a signal. Exact: the steps sum to what was sold [T02].
    Raises NotComputable where the salesperson cannot be compared.
    """
    if "activity_productivity" not in results:
        raise NotComputable(Reason("absent_report", {"report": "activity_productivity"}))
    measured = results["activity_productivity"][0]
    person = measured.people[measured.people["rep_id"] == rep]
    if measured.levers is None or measured.gaps is None or rep not in set(measured.levers["rep_id"]):
        exclusion = person["exclusion"].iloc[0] if len(person) else None
        code = f"not_compared_{exclusion}" if isinstance(exclusion, str) else "not_compared"
        raise NotComputable(Reason(code))
    own = measured.levers[measured.levers["rep_id"] == rep]
    basis = own["basis"].min()
    own = own[own["basis"] == basis]
    parts = own.groupby("lever", sort=False)["contribution"].sum()
    parts = parts[parts.abs() >= LEAST]
    first, last = own[["reference_revenue", "revenue"]].iloc[0].astype(float)
    steps = pd.DataFrame(
        {"step": ["peers_ways", *parts.index, "own_sales"], "amount": [first, *parts.astype(float), last]}
    )
    row = measured.gaps[(measured.gaps["rep_id"] == rep) & (measured.gaps["basis"] == basis)].iloc[0]
    if not row["is_signal"]:
        return steps, None, None
    return steps, str(row["lever"]), float(row["contribution"])
