"""Which contest matters at the as-of date, whom it concerns, and what is drawn up where none was exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil

import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset, month_start
from salespilot.diagnostics.sales_contest.ledger import Ledger, metric_of
from salespilot.diagnostics.sales_contest.model import RULES, Parameters, Thresholds

DRAWN_UP = "new"


@dataclass(frozen=True)
class Contest:
    """One contest, exported or drawn up.

    ``phase`` is before, during or after at the as-of date. ``prizes``: (rank_from, rank_to, value of each), by rank.
    """

    contest_id: str
    name: str | None
    start: date
    end: date
    metric: str
    metric_told: str | None
    rule: str
    winners: int | None
    budget: float | None
    prizes: tuple[tuple[int, int, float], ...]
    phase: str
    is_drawn_up: bool = False

    @property
    def days(self) -> int:
        """The length in days, both ends included."""
        return (self.end - self.start).days + 1

    @property
    def prize_total(self) -> float:
        """What the prizes come to."""
        return sum((last - first + 1) * value for first, last, value in self.prizes)

    @property
    def has_equal_prizes(self) -> bool:
        """Whether every winner gets the same."""
        return len({value for _, _, value in self.prizes}) <= 1

    def overlap(self, start: date, end: date) -> int:
        """The days that a period shares with the contest."""
        return max((min(end, self.end) - max(start, self.start)).days + 1, 0)


def contests(dataset: Dataset) -> list[Contest]:
    """The contests exported, by date; those without both dates, or ended before they begin, are left out."""
    table = dataset.table("contests").dropna(subset=["start_date", "end_date"])
    table = table[table["end_date"] >= table["start_date"]].sort_values(["start_date", "contest_id"], kind="stable")
    prizes = dataset.table("contest_prizes").dropna(subset=["value"])
    found = []
    for row in table.to_dict("records"):
        own = prizes[prizes["contest_id"] == row["contest_id"]].sort_values("rank_from", kind="stable")
        ranks = tuple(
            (int(p["rank_from"]), int(p["rank_to"] if pd.notna(p["rank_to"]) else p["rank_from"]), float(p["value"]))
            for p in own.to_dict("records")
        )
        told = [last for _, last, value in ranks if value > 0]
        winners = int(row["winners"]) if pd.notna(row["winners"]) and row["winners"] > 0 else max(told, default=None)
        found.append(
            Contest(
                str(row["contest_id"]), row["name"] if isinstance(row["name"], str) else None,
                row["start_date"].date(), row["end_date"].date(), metric_of(row["metric"]),
                row["metric"] if isinstance(row["metric"], str) else None,
                row["score_rule"] if isinstance(row["score_rule"], str) else "zscore", winners,
                float(row["budget"]) if pd.notna(row["budget"]) and row["budget"] > 0 else None, ranks,
                phase(dataset.as_of, row["start_date"].date(), row["end_date"].date()),
            )
        )  # fmt: skip
    return found


def phase(as_of: date, start: date, end: date) -> str:
    """Where a date stands in a contest: before, during or after (its last day is over at its end)."""
    return "before" if as_of < start else "during" if as_of < end else "after"


def chosen(known: list[Contest], parameters: Parameters) -> Contest | None:
    """The contest asked for, else the one that runs, else the next, else the last; None where there is none.

    Raises SettingError when the code asked for is no contest's.
    """
    if parameters.contest:
        for contest in known:
            if contest.contest_id == parameters.contest:
                return contest
        codes = ", ".join(contest.contest_id for contest in known) or "none exported"
        raise SettingError(f"contest: no contest has the code {parameters.contest!r}; contests: {codes}")
    by_phase = {name: [contest for contest in known if contest.phase == name] for name in ("during", "before", "after")}
    for name, take in (("during", 0), ("before", 0), ("after", -1)):
        if by_phase[name]:
            return by_phase[name][take]
    return None


def drawn_up(dataset: Dataset, parameters: Parameters, thresholds: Thresholds) -> Contest:
    """The contest proposed where none was exported: from the first day of a month, a month from now at the least."""
    start = month_start(dataset.as_of + timedelta(days=thresholds.lead_days), 1)
    end = start + timedelta(days=thresholds.design_days - 1)
    proposed = Contest(
        DRAWN_UP, None, start, end, "revenue", "revenue", "zscore", None, None, (), "before", is_drawn_up=True
    )
    return amended(proposed, dataset.as_of, parameters)


def amended(contest: Contest, as_of: date, parameters: Parameters) -> Contest:
    """A contest not yet over, with what the parameters change of it. Raises SettingError on dates that do not fit."""
    if contest.phase == "after":
        return contest
    start = date.fromisoformat(parameters.start) if parameters.start else contest.start
    end = date.fromisoformat(parameters.end) if parameters.end else contest.end
    if parameters.start and not parameters.end:
        end = start + timedelta(days=contest.days - 1)
    if end < start:
        raise SettingError(f"end: the contest would end on {end}, before it begins, on {start}")
    return replace(
        contest, start=start, end=end, rule=parameters.rule or contest.rule, phase=phase(as_of, start, end),
        winners=parameters.winners or contest.winners, budget=parameters.budget or contest.budget,
        prizes=contest.prizes if not parameters.winners or parameters.winners == contest.winners else (),
    )  # fmt: skip


def winner_count(contest: Contest, people: int, thresholds: Thresholds) -> int:
    """How many win: as exported, else one in three, never more than half of a ranking (method, section 5)."""
    if contest.winners is not None:
        return min(contest.winners, people)
    return max(min(ceil(people * thresholds.winner_share - 1e-9), int(people * thresholds.most_winners)), 1)


def participants(dataset: Dataset, contest: Contest, sold: Ledger) -> pd.DataFrame:
    """Who takes part: rep_id, rep_name, role, team_id, start_date, end_date, fte, told_baseline (_sigma, _result).

    Those exported, else everyone in post at its start, with sales in the 12 months before, who manages nobody here.
    """
    reps = dataset.table("reps").assign(rep_name=lambda t: t["display_name"].fillna(t["rep_id"]))
    told = dataset.table("contest_participants")
    told = told[told["contest_id"] == contest.contest_id].set_index("rep_id")
    if len(told):
        chosen = pd.DataFrame({"rep_id": told.index}).merge(reps, on="rep_id", how="left")
        chosen["rep_name"] = chosen["rep_name"].fillna(chosen["rep_id"])
    else:
        until = min(sold.last, contest.start - timedelta(days=1))
        recent = dict(zip(sold.people, sold.between(month_start(until, -11), until), strict=True))
        sells = reps["rep_id"].map(recent).fillna(0.0) > 0
        is_new = reps["start_date"] > pd.Timestamp(month_start(until, -11))
        is_there = (reps["end_date"].isna() | (reps["end_date"] >= pd.Timestamp(contest.start))) & (
            reps["start_date"].isna() | (reps["start_date"] <= pd.Timestamp(contest.end))
        )
        manages = reps["rep_id"].isin(set(reps["manager_id"].dropna()))
        chosen = reps[(sells | is_new) & is_there & ~manages]
    gone = chosen["end_date"] < pd.Timestamp(contest.start)
    chosen = chosen[~gone.fillna(False)]
    for column, given in (("told_baseline", "baseline"), ("told_sigma", "sigma"), ("told_result", "result")):
        chosen[column] = chosen["rep_id"].map(told[given].astype(float) if len(told) else {}).astype(float)
    columns = [
        "rep_id", "rep_name", "role", "team_id", "start_date", "end_date", "fte", "told_baseline", "told_sigma",
        "told_result",
    ]  # fmt: skip
    return chosen[columns].sort_values(["rep_name", "rep_id"], kind="stable", ignore_index=True)


def rule_of(contest: Contest, people: int, thresholds: Thresholds) -> str:
    """The scoring in force: below ``min_ranking`` participants nobody is ranked, each has an objective."""
    if people < thresholds.min_ranking and contest.is_drawn_up:
        return "objective"
    return contest.rule if contest.rule in RULES else "zscore"


def shifted(day: date, years: int) -> date:
    """The same day of another year; 28 February for the 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def others(known: list[Contest], contest_id: str) -> list[Contest]:
    """Every contest but one."""
    return [contest for contest in known if contest.contest_id != contest_id]


Weights = Mapping[str, float]
POINTS: Weights = {"visit": 3.0, "demo": 4.0, "remote_meeting": 2.0, "call_connected": 1.0, "quote": 2.0}
"""Points of each activity where activities are scored: choices of this kit, to adapt to the client."""
