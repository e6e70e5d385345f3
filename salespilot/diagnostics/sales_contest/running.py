"""The contest while it runs: the first places and one's own, the pace to keep, and early signs of misuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.sales_contest.choice import Contest
from salespilot.diagnostics.sales_contest.ledger import Ledger, worked_between
from salespilot.diagnostics.sales_contest.scoring import Draws, scores

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Field:
    """The participants and what their score compares with, in one order."""

    rep_id: tuple[str, ...]
    rep_name: tuple[str, ...]
    baseline: np.ndarray
    sigma: np.ndarray
    target: np.ndarray


def score_of(rule: str, field: Field, results: np.ndarray) -> np.ndarray:
    """The score of everyone for results so far; where a rule lacks its comparison, the result itself."""
    found = scores(rule, Draws(results[None, :], field.baseline, field.sigma, field.target))
    return results if found is None else found[0]


def standings(rule: str, field: Field, results: np.ndarray) -> pd.DataFrame:
    """Everyone by score: place (ties share it), rep_id, rep_name, result, score. Not for show: see :func:`shown`."""
    frame = pd.DataFrame({"rep_id": field.rep_id, "rep_name": field.rep_name, "result": results})
    frame["score"] = score_of(rule, field, results)
    frame["place"] = frame["score"].rank(ascending=False, method="min").astype(int)
    frame = frame.sort_values(["place", "rep_name"], kind="stable", ignore_index=True)
    return frame[["place", "rep_name", "result", "score", "rep_id"]]


def shown(ranked: pd.DataFrame, winners: int, rep: str) -> pd.DataFrame:
    """The places that may be shown: the winners', and one's own. Never the last ones."""
    return ranked[(ranked["place"] <= winners) | (ranked["rep_id"] == rep)].reset_index(drop=True)


def race(
    dataset: Dataset, contest: Contest, rule: str, field: Field, sold: Ledger, ranked: pd.DataFrame
) -> pd.DataFrame:
    """One row a week and person of ``ranked`` (as :func:`shown`): date, rep_name, score, rep_id. A score to date is set
    against the reference of the working days gone by."""
    until = min(dataset.as_of, contest.end, sold.last)
    ends = [day.date() for day in pd.date_range(contest.start + 6 * DAY, until, freq="7D")]
    ends = ends if ends and ends[-1] == until else [*ends, until]
    places = {rep_id: i for i, rep_id in enumerate(field.rep_id)}
    rows = []
    for end in ends:
        score = score_of(rule, _so_far(field, elapsed(dataset, contest, end)), sold.between(contest.start, end))
        rows += [
            (pd.Timestamp(end), row["rep_name"], float(score[places[row["rep_id"]]]), row["rep_id"])
            for row in ranked.to_dict("records")
        ]
    return pd.DataFrame(rows, columns=["date", "rep_name", "score", "rep_id"])


def _so_far(field: Field, part: float) -> Field:
    """What scores compare with after a part of the contest: references by time, volatility by its root."""
    return Field(
        field.rep_id, field.rep_name, field.baseline * part, field.sigma * np.sqrt(part), field.target * part
    )  # fmt: skip


def to_date(dataset: Dataset, contest: Contest, rule: str, field: Field, done: np.ndarray) -> pd.DataFrame:
    """Everyone's place at the as-of date, by score to date."""
    part = elapsed(dataset, contest, dataset.as_of)
    return standings(rule, _so_far(field, part), done)


def elapsed(dataset: Dataset, contest: Contest, day: date) -> float:
    """The share of the contest's working days gone by at the end of a day; a hundredth at the least."""
    whole = worked_between(dataset, contest.start, contest.end)
    return max(worked_between(dataset, contest.start, min(day, contest.end)) / max(whole, 1), 0.01)


def pace(dataset: Dataset, contest: Contest, field: Field, done: np.ndarray, needed_lift: float | None) -> pd.DataFrame:
    """One row a measure of the team: sold to date, reference to date, lift, what each remaining working day must bring
    for the contest to pay (measure, amount, share)."""
    part = elapsed(dataset, contest, dataset.as_of)
    whole, sold = float(field.baseline.sum()), float(done.sum())
    left = worked_between(dataset, dataset.as_of + DAY, contest.end)
    rows = [("sold_to_date", sold, part), ("reference_to_date", whole * part, None)]
    rows.append(("ahead", sold - whole * part, sold / (whole * part) - 1 if whole > 0 else None))
    if needed_lift is not None and left > 0 and whole > 0:
        usual = whole * (1 - part) / left
        need = max(whole * (1 + needed_lift) - sold, 0.0) / left
        rows += [("usual_pace", usual, None), ("needed_pace", need, need / usual - 1 if usual > 0 else None)]
    return pd.DataFrame(rows, columns=["measure", "amount", "share"]).astype({"share": float})


def signals(usual: pd.DataFrame, drift: float, extra: Sequence[tuple[str, float, float]]) -> pd.DataFrame:
    """Signs of misuse: the measures of quality of the contest to date against the usual (measure, usual, now, drift,
    is_problem); ``extra``: further (measure, usual, now), a rise of which beyond ``drift`` is a sign too."""
    rows = pd.DataFrame(extra, columns=["measure", "usual", "now"])
    rows = rows.assign(drift=rows["now"] - rows["usual"])
    rows["is_problem"] = rows["drift"] > drift
    return pd.concat([usual, rows], ignore_index=True) if len(rows) else usual
