"""A contest judged before its launch: references, chances under each rule, how many should win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window, month_start
from salespilot.diagnostics.sales_contest.choice import POINTS, Contest, rule_of, winner_count
from salespilot.diagnostics.sales_contest.ledger import MONEY, Ledger, ledger, points
from salespilot.diagnostics.sales_contest.model import RULES, Figures, Thresholds
from salespilot.diagnostics.sales_contest.reference import Reference, reference
from salespilot.diagnostics.sales_contest.running import Field
from salespilot.diagnostics.sales_contest.scoring import Draws, drawn, fairness, is_fair, tie_chance, wins

ANNOUNCED = "announced"
RANKINGS = ("amount", "attainment", "lift", "zscore", "leagues")


@dataclass(frozen=True)
class Launch:
    """What is known of a contest before it starts.

    ``people``: the frame of participants; ``entrants``: what the rule in force compares with; ``rule``, ``winners``;
    ``chances``, ``rules``, ``winner_counts``: see Result; ``base_revenue``: what participants would sell without it.
    """

    people: pd.DataFrame
    entrants: Field
    rule: str
    winners: int
    base_revenue: float
    lifts: np.ndarray
    chances: pd.DataFrame = field(default_factory=pd.DataFrame)
    rules: pd.DataFrame = field(default_factory=pd.DataFrame)
    winner_counts: pd.DataFrame | None = None
    best_rule: str | None = None
    figures: Figures = field(default_factory=dict)


def launch(
    dataset: Dataset, contest: Contest, people: pd.DataFrame, sold: Ledger, rivals: Sequence[Contest], th: Thresholds,
    *, is_quick: bool = False,
) -> Launch:  # fmt: skip
    """Judge a contest on the sales known before it began. ``is_quick``: references only, no chances."""
    found = reference(dataset, contest, people, sold, rivals, th)
    table = found.frame.assign(told_baseline=people["told_baseline"], told_sigma=people["told_sigma"])
    rule, winners = rule_of(contest, len(people), th), winner_count(contest, len(people), th)
    own, sigma = table["baseline"].to_numpy(), table["sigma"].to_numpy()
    is_told = bool(table["told_baseline"].notna().all())
    told = table["told_baseline"].to_numpy() if is_told else own
    told_sigma = table["told_sigma"].fillna(table["sigma"]).to_numpy() if is_told else sigma
    target = targets(dataset, contest, list(people["rep_id"]))
    ids, names = tuple(people["rep_id"]), tuple(people["rep_name"])
    base = float(own.sum()) if contest.metric in MONEY[:1] else _revenue(dataset, contest, people, rivals, th)
    in_force = Field(ids, names, told, told_sigma, target)
    if is_quick:
        return Launch(table, in_force, rule, winners, base, found.lifts)
    results = drawn(own, table["spread"].to_numpy(), found.shocks, th)
    scored = _points(dataset, contest, ids, th)
    fair = Draws(results, own, sigma, target, scored)
    announced = Draws(results, told, told_sigma, target, scored)
    options = {name: (name, fair) for name in RULES}
    if not contest.is_drawn_up:
        options = {ANNOUNCED: (rule, announced)} | options
    chances, rows = [], []
    for name, (scoring, draws) in options.items():
        won = wins(scoring, draws, winners, th)
        if won is None:
            continue
        rates = fairness(won, th)
        chances.append(rates.assign(score_rule=name, rep_name=names, rep_id=ids))
        rows.append(_summary(name, rates, won, tie_chance(scoring, draws, winners), th))
    rules = pd.DataFrame(rows)
    force = ANNOUNCED if not contest.is_drawn_up and (rules["score_rule"] == ANNOUNCED).any() else rule
    if not (rules["score_rule"] == force).any():
        force = "zscore"
    rules["is_in_force"] = rules["score_rule"] == force
    columns = ["score_rule", "rep_name", "win_probability", "fairness_ratio", "has_hope", "rep_id"]
    judged = rules.set_index("score_rule").T[force]
    best = _best(rules, len(people), th)
    figures: Figures = {
        "participants": len(people), "winners": winners, "hope_index": float(judged["hope_index"]),
        "fairness_min": float(judged["fairness_min"]), "fairness_max": float(judged["fairness_max"]),
        "tie_chance": float(judged["tie_chance"]), "baseline_total": float(own.sum()),
        "unfair_count": int(judged["unfair_count"]), "new_people": int((table["basis"] == "segment").sum()),
        "base_years": found.base_year, "is_base_met": found.is_met, "told_baselines": int(is_told),
    }  # fmt: skip
    if best is not None:
        chosen = rules.set_index("score_rule").T[best]
        figures |= {f"best_{name}": float(chosen[name]) for name in ("hope_index", "fairness_min", "fairness_max")}
    counts = None if rule == "objective" else _counts(rule, announced, winners, th)
    return Launch(
        _shown(table), in_force, rule, winners, base, found.lifts, pd.concat(chances, ignore_index=True)[columns],
        rules, counts, best, figures,
    )  # fmt: skip


def _summary(name: str, rates: pd.DataFrame, won: np.ndarray, tie: float, th: Thresholds) -> dict[str, object]:
    outside = (rates["fairness_ratio"] < th.fair_low) | (rates["fairness_ratio"] > th.fair_high)
    return {
        "score_rule": name, "winner_count": float(won.sum(axis=1).mean()),
        "hope_index": float(rates["has_hope"].mean()),
        "fairness_min": float(rates["fairness_ratio"].min()), "fairness_max": float(rates["fairness_ratio"].max()),
        "unfair_count": int(outside.sum()), "is_fair": is_fair(rates["fairness_ratio"], th), "tie_chance": tie,
    }  # fmt: skip


def _best(rules: pd.DataFrame, people: int, th: Thresholds) -> str | None:
    """The ranking that is fair to most and leaves hope to most; objectives where too few take part to be ranked."""
    wanted = RANKINGS if people >= th.min_ranking else ("objective",)
    options = rules[rules["score_rule"].isin(wanted)]
    if options.empty:
        return None
    spread = (options["fairness_max"] - options["fairness_min"]).round(2)
    ranked = options.assign(spread=spread).sort_values(
        ["unfair_count", "hope_index", "spread"], ascending=[True, False, True], kind="stable"
    )
    return str(ranked["score_rule"].iloc[0])


def _counts(rule: str, given: Draws, winners: int, th: Thresholds) -> pd.DataFrame | None:
    """The same judgement for each number of winners up to half of the participants (or those announced)."""
    people = given.results.shape[1]
    rows = []
    for count in range(1, max(int(people * th.most_winners), winners) + 1):
        won = wins(rule, given, min(count, people), th)
        if won is None:
            return None
        summary = _summary(rule, fairness(won, th), won, 0.0, th)
        rows.append({"winner_count": count} | {k: summary[k] for k in ("hope_index", "fairness_min", "fairness_max")})
    return pd.DataFrame(rows).assign(is_in_force=lambda frame: frame["winner_count"] == winners)


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    gap = table["told_baseline"] / table["baseline"] - 1
    columns = [
        "rep_name", "baseline", "sigma", "volatility", "trend", "basis", "presence", "told_baseline", "told_sigma",
        "baseline_gap", "rep_id",
    ]  # fmt: skip
    return table.assign(volatility=table["spread"], baseline_gap=gap.replace(np.inf, np.nan))[columns]


def _revenue(
    dataset: Dataset, contest: Contest, people: pd.DataFrame, rivals: Sequence[Contest], th: Thresholds
) -> float:
    """What participants would sell without the contest, where another measure is scored."""
    sold = ledger(dataset, "revenue", min(contest.start, dataset.as_of))
    if sold is None or sold.first >= contest.start:
        return 0.0
    found: Reference = reference(dataset, contest, people, sold, rivals, th)
    return float(found.frame["baseline"].sum())


def targets(dataset: Dataset, contest: Contest, ids: list[str]) -> np.ndarray:
    """Each person's target for the contest, its measure's targets shared out by days; NaN where days lack one."""
    table = dataset.table("targets").dropna(subset=["period_start", "period_end", "value"])
    table = table[(table["entity_level"] == "rep") & (table["metric"].fillna("revenue") == contest.metric)]
    table = table.sort_values("version", na_position="first", kind="stable")
    table = table.drop_duplicates(["entity_id", "period_start", "period_end"], keep="last")
    length = (table["period_end"] - table["period_start"]).dt.days + 1
    low = table["period_start"].where(table["period_start"] > pd.Timestamp(contest.start), pd.Timestamp(contest.start))
    high = table["period_end"].where(table["period_end"] < pd.Timestamp(contest.end), pd.Timestamp(contest.end))
    days = ((high - low).dt.days + 1).clip(lower=0)
    table = table.assign(days=days, part=table["value"] * days / length, length=length)[days > 0]
    # Nested periods say the same twice: the shortest that cover the contest count.
    found = {}
    for rep, rows in table.groupby("entity_id"):
        for _, same in rows.groupby(pd.cut(rows["length"], [0, 10, 45, 100, 400], labels=False), sort=True):
            if same["days"].sum() >= contest.days:
                found[rep] = float(same["part"].sum())
                break
    return np.array([found.get(rep, np.nan) for rep in ids])


def _points(dataset: Dataset, contest: Contest, ids: tuple[str, ...], th: Thresholds) -> np.ndarray | None:
    """Points of activities drawn from each person's months of the year before; None without activities."""
    if not dataset.has("activities"):
        return None
    until = min(dataset.as_of, contest.start)
    window = Window(month_start(until, -12), month_start(until) - pd.Timedelta(days=1))
    told = points(dataset, dict(POINTS), window).pivot_table("points", "month_index", "rep_id", aggfunc="sum")
    table = told.reindex(columns=list(ids)).fillna(0.0).to_numpy(dtype=float)
    if len(table) < 6 or not table.any():
        return None
    months = contest.days / 30.4
    rng = np.random.default_rng(th.seed + 1)
    noise = rng.standard_normal((th.draws, len(ids)))
    drawn_points = table.mean(axis=0) * months + table.std(axis=0, ddof=1) * np.sqrt(months) * noise
    return np.asarray(np.maximum(drawn_points, 0.0))
