"""What the report on sales contests is asked for, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.finding import Reason, Value

NAME = "sales_contest"
RULES = ("amount", "attainment", "lift", "zscore", "leagues", "points", "objective")
KEY_FIGURES = (
    "participants", "winners", "hope_index", "fairness_min", "fairness_max", "full_cost", "break_even_lift",
    "net_effect", "net_effect_low", "net_effect_high", "pull_forward_share", "placebo_p", "roi",
)  # fmt: skip
Figures = dict[str, Value]


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report. Those after ``rep`` describe the contest to come: they go before what was exported of it."""

    contest: str = parameter("", "code of the contest; empty: the one that runs, else the next, else the last")
    rep: str = parameter("", "salesperson whose own position is shown; empty: the first places only")
    start: str = parameter("", "first day of the contest to come, like 2026-09-14; empty: as exported", is_date=True)
    end: str = parameter("", "last day of the contest to come; empty: as exported", is_date=True)
    rule: str = parameter("", "scoring to come; empty: as exported", ("", *RULES))
    winners: int = parameter(0, "winners of the contest to come; 0: as exported", unit="people")
    budget: float = parameter(0.0, "whole budget of the contest to come; 0: as exported", unit="money")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, sections 5 and 14)."""

    winner_share: float = threshold(1 / 3, "share of participants", "default number of winners: one in three")
    most_winners: float = threshold(0.5, "share of participants", "more winners leave no contest", "S41")
    min_ranking: int = threshold(6, "participants", "fewer are set objectives, not ranked")
    fair_low: float = threshold(0.5, "times an equal chance", "below, the chance to win is not fair")
    fair_high: float = threshold(2.0, "times an equal chance", "above, the chance to win is not fair")
    hope_low: float = threshold(0.10, "share of draws", "less chance is no hope")
    hope_high: float = threshold(0.90, "share of draws", "more chance is no effort")
    hope_index: float = threshold(0.70, "share of participants", "fewer with a real chance: too few are moved")
    draws: int = threshold(20_000, "draws", "chances known to within half a point")
    seed: int = threshold(4, "seed", "the same draws from one run to the next")
    tie_chance: float = threshold(0.05, "share of draws", "a tie at the last prize is then to be foreseen")
    charge_rate: float = threshold(0.65, "share of prizes", "contributions on prizes where none is exported", "S50")
    running_share: float = threshold(0.15, "share of prizes", "animation and administration where no budget says")
    cap_share: float = threshold(0.20, "share of the margin gained", "the most that a contest may cost")
    expected_lift: float = threshold(0.05, "share of the reference", "gain expected of a contest, for the budget cap")
    objective_lift: float = threshold(0.05, "share of the reference", "goal of each where all who reach it win")
    break_even_limit: float = threshold(0.15, "share of the reference", "needed gain judged out of reach")
    lift_quantile: float = threshold(0.80, "quantile", "gains that one period in five shows without a contest")
    usual_volatility: float = threshold(0.15, "share of the reference", "spread of a result where no past tells it")
    unattributed_limit: float = threshold(0.05, "share of revenue", "more sales without salesperson spoil the score")
    before_days: int = threshold(28, "days", "sales held back before a contest")
    after_days: int = threshold(28, "days", "sales missing after it, where no sales cycle is known")
    longest_after_days: int = threshold(92, "days", "later, other causes take over")
    effect_level: float = threshold(0.05, "share of chances", "an effect is called proven, one-sided t test")
    min_placebos: int = threshold(10, "windows", "fewer prove nothing")
    pull_forward_limit: float = threshold(0.50, "share of the gain", "more taken from later sales: moved, not created")
    quality_drift: float = threshold(0.02, "share of sales", "credit notes or discounts above the usual")
    fatigue_contests: int = threshold(3, "contests in 12 months", "more tire")
    same_winner_share: float = threshold(0.50, "share of prizes", "won by the best-selling quarter: always the same")
    design_days: int = threshold(60, "days", "length of the contest drawn up where none is exported", "S45")
    preparation_hours: float = threshold(7.0, "hours", "preparing rules, follow-up and closing")
    lead_days: int = threshold(30, "days", "to settle and publish new rules")


@dataclass(frozen=True)
class Result:
    """What was measured. Frames are None where they cannot be computed, with the reason in ``not_computable``.

    ``contests``      one row a contest exported or drawn up: its phase and main figures
    ``people``        one row a participant, by name: reference, volatility, and how they were found
    ``chances``       one row a scoring rule and participant: chance to win, fairness ratio
    ``rules``         one row a scoring rule: hope index, lowest and highest ratio, chance of a tie
    ``winner_counts`` one row a number of winners under the rule chosen: the same measures
    ``cost``          one row a part of the full cost
    ``break_even``    one row a lift: margin gained, full cost
    ``clashes``       one row a thing of the calendar that meets the contest
    ``season``        one row a month: sales a working day over the mean, and whether a contest runs
    ``capture``       one row a figure that the score rests on: is it well kept?
    ``race``          one row a week and person shown: cumulated score (the first places and one's own, never more)
    ``standings``     one row a place shown, likewise; ``podium``: those of the last contest over
    ``pace``          one row a measure of the team's pace in the running contest
    ``signals``       one row a sign of misuse in the running contest
    ``phases``        one row a phase of the last contest: sold, expected without it, difference
    ``course``        one row a slot of time around it: sold, expected, bounds
    ``placebos``      one row a window of the same shape without a contest: its net effect
    ``quality``       one row a measure of the sales of the contest against the usual
    ``history``       one row a contest closed: lift, net effect, prizes to the best-selling quarter
    ``terms``         what fills the rules of the contest, and ``articles`` the keys of its paragraphs
    """

    contests: pd.DataFrame | None = None
    people: pd.DataFrame | None = None
    chances: pd.DataFrame | None = None
    rules: pd.DataFrame | None = None
    winner_counts: pd.DataFrame | None = None
    cost: pd.DataFrame | None = None
    break_even: pd.DataFrame | None = None
    clashes: pd.DataFrame | None = None
    season: pd.DataFrame | None = None
    capture: pd.DataFrame | None = None
    race: pd.DataFrame | None = None
    standings: pd.DataFrame | None = None
    podium: pd.DataFrame | None = None
    pace: pd.DataFrame | None = None
    signals: pd.DataFrame | None = None
    phases: pd.DataFrame | None = None
    course: pd.DataFrame | None = None
    placebos: pd.DataFrame | None = None
    quality: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    terms: Mapping[str, Value] = field(default_factory=dict)
    articles: tuple[str, ...] = ("article_absent",)
    rule_columns = ("score_rule", "winner_count", "hope_index", "fairness_min", "fairness_max", "is_fair", "tie_chance")
    people_columns = ("rep_name", "baseline", "sigma", "volatility", "trend", "basis", "told_baseline", "baseline_gap")
    place_columns = ("place", "rep_name", "result", "score")
    history_columns = (
        "contest_name", "end_date", "participant_count", "winner_count", "contest_share", "net_share",
        "effect_probability", "top_seller_prizes",
    )  # fmt: skip
    phase_columns = ("contest_phase", "start_date", "end_date", "sold", "expected", "difference", "lift")
    months = MappingProxyType({"x": "calendar_month", "y": "year", "value": "pace_index", "framed": "has_contest"})
    bounds = MappingProxyType({"y": "sold", "expected": "expected", "low": "expected_low", "high": "expected_high"})

    key_figures: Mapping[str, Value] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def ranked_chances(self) -> pd.DataFrame | None:
        """The chances under the rules that rank sales, and that of the contest first."""
        return None if self.chances is None else self.chances[self.chances["score_rule"] != "points"]

    @property
    def mark(self) -> dict[str, Value]:
        """The contest's own net effect, to be marked among those of other periods."""
        return {"reference": self.key_figures.get("net_share"), "reference_label": "this_contest"}
