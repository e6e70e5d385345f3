"""The report on sales contests: the contest to come or running, and what the last one did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.sales_contest import aftermath, budget, calendar_meets, effect, running
from salespilot.diagnostics.sales_contest.choice import (
    Contest,
    amended,
    chosen,
    contests,
    drawn_up,
    others,
    participants,
    rule_of,
    winner_count,
)
from salespilot.diagnostics.sales_contest.launch import Launch, launch, targets
from salespilot.diagnostics.sales_contest.ledger import Ledger, company_ledger, ledger
from salespilot.diagnostics.sales_contest.model import KEY_FIGURES, Figures, Parameters, Result, Thresholds
from salespilot.diagnostics.sales_contest.settlement import articles, terms
from salespilot.finding import Reason, absent

DAY = timedelta(days=1)
MOST_PAST = 6
LEAST_HISTORY = timedelta(days=60)
BEFORE = ("people", "chances", "rules", "winner_counts")
LAUNCH_FIGURES = (
    "participants", "winners", "hope_index", "fairness_min", "fairness_max", "baseline_total", "tie_chance",
    "best_hope_index", "best_fairness_min", "best_fairness_max",
)  # fmt: skip
COST_FIGURES = ("full_cost", "break_even_lift", "highest_cost", "needed_revenue", "usual_lift")
EFFECT_FIGURES = (
    "net_effect", "net_effect_low", "net_effect_high", "net_share", "contest_effect", "contest_share",
    "effect_probability", "pull_forward_share", "placebo_p", "placebo_count", "roi", "roi_low", "roi_high",
    "last_cost", "held_back", "missing_after", "followed_people", "followed_share", "control_share",
)  # fmt: skip
OTHER_FIGURES = (
    "won_deals",
    "pulled_deals",
    "margin_rate",
    "base_revenue",
    "unnamed_share",
    "unfair_count",
    "placebo_count",
)


@dataclass
class Report:
    """The result as it is being made."""

    figures: Figures = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)

    def lack(self, names: Sequence[str], reason: Reason) -> None:
        """Says why for each figure or frame of the list that is still unknown."""
        for name in names:
            if self.figures.get(name) is None and name not in self.frames:
                self.reasons.setdefault(name, reason)


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
        _after(dataset, last, known, after, parameters.rep, thresholds, report)
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


def _sold(dataset: Dataset, contest: Contest, metric: str) -> Ledger | None:
    """The measure by person, portfolios as held at the start of the contest (at the as-of date if earlier)."""
    return ledger(dataset, metric, min(contest.start, dataset.as_of))


def _launch(dataset: Dataset, subject: Contest, known: list[Contest], th: Thresholds, report: Report) -> Launch | None:
    rivals = others(known, subject.contest_id)
    sold = _sold(dataset, subject, subject.metric)
    if sold is not None:
        report.frames["clashes"] = calendar_meets.clashes(dataset, subject, rivals, sold)
        report.frames["capture"] = calendar_meets.capture(dataset, subject, sold, th)
        report.figures["unnamed_share"] = sold.unnamed
    report.lack(("clashes", "capture"), Reason("no_sales"))
    if sold is None or not sold.people:
        report.lack((*BEFORE, *LAUNCH_FIGURES), Reason("no_salesperson"))
        return None
    people = participants(dataset, subject, sold)
    if len(people) < 2:
        report.lack((*BEFORE, *LAUNCH_FIGURES), Reason("too_few_people", {"n": len(people)}))
        return None
    if sold.first > subject.start - LEAST_HISTORY:
        report.figures |= {"participants": len(people), "winners": winner_count(subject, len(people), th)}
        report.lack((*BEFORE, *LAUNCH_FIGURES), Reason("no_sales_before"))
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
    report.lack(
        ("needed_revenue", "break_even_lift", "break_even", "highest_cost"),
        Reason("no_margin" if margin is None else "no_cost"),
    )
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


def _after(
    dataset: Dataset, last: Contest, known: list[Contest], after: int, rep: str, th: Thresholds, report: Report
) -> None:
    over = [contest for contest in known if contest.phase == "after"][-MOST_PAST:]
    over = over if last in over else [last, *over]
    spans = [(contest.start - th.before_days * DAY, contest.end + after * DAY) for contest in known]
    rows, ranked = [], {}
    for contest in over:
        sold = _sold(dataset, contest, "revenue")
        everyone = company_ledger(dataset)
        if sold is None or everyone is None:
            continue
        people = participants(dataset, contest, sold)
        ids = [rep_id for rep_id in people["rep_id"] if rep_id in sold.people]
        rival = [span for other, span in zip(known, spans, strict=True) if other.contest_id != contest.contest_id]
        own = sold.only(ids) if ids else everyone
        found = effect.measured(own, contest.start, contest.end, th.before_days, after, rival)
        order = _final(dataset, contest, people, known, th)
        if order is not None:
            ranked[contest.contest_id] = order
        actual, expected = found.phase("during") if found else (np.nan, np.nan)
        rows.append(
            {
                "contest_id": contest.contest_id, "contest_name": contest.name, "participant_count": len(people),
                "contest_share": actual / expected - 1, "net_effect": found.net if found else np.nan,
                "net_share": float(np.expm1(found.ratio)) if found else np.nan,
                "effect_probability": found.probability if found else np.nan,
            }
        )  # fmt: skip
        if contest.contest_id == last.contest_id:
            _measure(dataset, last, own, found, sold, ids, rival, spans, after, th, report)
            if order is not None:
                count = winner_count(last, len(people), th)
                shown = running.shown(order, count, rep)
                report.frames["podium"] = shown
    table = pd.DataFrame(rows)
    sold = ledger(dataset)
    if len(table) and sold is not None:
        prizes = aftermath.prize_shares(over, sold, ranked)
        table = table.merge(
            prizes[["contest_id", "end_date", "winner_count", "top_seller_prizes"]], on="contest_id", how="left"
        )
        columns = [
            "contest_name", "end_date", "participant_count", "winner_count", "contest_share", "net_share", "net_effect",
            "effect_probability", "top_seller_prizes", "contest_id",
        ]  # fmt: skip
        report.frames["history"] = table[columns]
    quality = aftermath.quality(dataset, last, th.before_days, after, th)
    if len(quality):
        report.frames["quality"] = quality
    report.lack(("quality",), Reason("no_quality"))
    report.lack(("podium",), Reason("no_sales_before"))
    pulled = aftermath.pulled_deals(dataset, last.start, last.end)
    if pulled is not None and pulled[0] > 0:
        report.figures |= {"won_deals": pulled[0], "pulled_deals": pulled[1]}


def _final(
    dataset: Dataset, contest: Contest, people: pd.DataFrame, known: list[Contest], th: Thresholds
) -> pd.DataFrame | None:
    """Everyone's final place: results as exported, else as sold."""
    booked, held = ledger(dataset, contest.metric), _sold(dataset, contest, contest.metric)
    if booked is None or held is None or people.empty:
        return None
    sold = booked.only(list(people["rep_id"])).between(contest.start, contest.end)
    results = people["told_result"].fillna(pd.Series(sold, index=people.index)).to_numpy(dtype=float)
    ids, names = tuple(people["rep_id"]), tuple(people["rep_name"])
    told, sigma = people["told_baseline"].to_numpy(dtype=float), people["told_sigma"].to_numpy(dtype=float)
    rule = rule_of(contest, len(people), th)
    goals = targets(dataset, contest, list(ids))
    needs_sigma = rule == "zscore"
    if rule in ("lift", "zscore", "objective") and (np.isnan(told).any() or (needs_sigma and np.isnan(sigma).any())):
        if held.first > contest.start - LEAST_HISTORY:
            return None
        rivals = others(known, contest.contest_id)
        entrants = launch(dataset, contest, people, held, rivals, th, is_quick=True).entrants
    else:
        entrants = running.Field(ids, names, told, sigma, goals)
    return running.standings(rule, entrants, results)


def _measure(
    dataset: Dataset, last: Contest, own: Ledger, found: effect.Effect | None, sold: Ledger, ids: list[str],
    rival: Sequence[effect.SPAN], spans: Sequence[effect.SPAN], after: int, th: Thresholds, report: Report,
) -> None:  # fmt: skip
    parts = budget.cost(dataset, last, th)
    last_cost = float(parts.set_index("part")["amount"]["total"]) if parts is not None else None
    report.figures["last_cost"] = last_cost
    report.lack(("last_cost",), Reason("no_cost"))
    if found is None:
        report.lack((*EFFECT_FIGURES, "phases", "course", "placebos"), Reason("no_two_years_around"))
        return
    low, high = found.bound(th.effect_level)
    actual, expected = found.phase("during")
    before_actual, before_expected = found.phase("pre")
    post_actual, post_expected = found.phase("post")
    gained, missing = actual - expected, post_expected - post_actual
    report.figures |= {
        "net_effect": found.net, "net_effect_low": low, "net_effect_high": high,
        "net_share": float(np.expm1(found.ratio)), "contest_effect": gained, "contest_share": actual / expected - 1,
        "effect_probability": found.probability, "held_back": before_expected - before_actual,
        "missing_after": missing, "followed_people": found.people, "followed_share": found.share,
        "known_after_days": max(min((own.last - last.end).days, after), 0),
    }  # fmt: skip
    if gained > 0 and post_expected > 0:
        report.figures["pull_forward_share"] = max(missing, 0.0) / gained
    report.lack(("pull_forward_share",), Reason("no_gain" if gained <= 0 else "no_time_after"))
    margin = report.figures.get("margin_rate")
    if margin is not None and last_cost:
        rate = float(str(margin))
        for name, value in (("roi", found.net), ("roi_low", low), ("roi_high", high)):
            report.figures[name] = (value * rate - last_cost) / last_cost
    report.lack(("roi", "roi_low", "roi_high"), Reason("no_margin" if margin is None else "no_cost"))
    rest = [person for person in sold.people if person not in ids]
    control = (
        effect.measured(sold.only(rest), last.start, last.end, th.before_days, after, rival) if len(rest) > 2 else None
    )
    if control is not None and control.people >= 2:
        report.figures["control_share"] = float(np.expm1(control.ratio))
    report.lack(("control_share",), Reason("no_control"))
    report.frames |= {"phases": _phases(found, low, high), "course": _course(found)}
    table = effect.placebos(own, last.start, last.end, th.before_days, after, spans)
    report.figures["placebo_count"] = len(table)
    if len(table) >= th.min_placebos:
        as_good = int((table["net_share"] >= np.expm1(found.ratio)).sum())
        report.figures["placebo_p"] = (1 + as_good) / (1 + len(table))
        report.frames["placebos"] = table
    report.lack(("placebo_p", "placebos"), Reason("too_few_placebos", {"n": len(table)}))


def _phases(found: effect.Effect, low: float, high: float) -> pd.DataFrame:
    slots = found.slots
    rows = []
    for kind in ("pre", "during", "post"):
        own = slots[slots["kind"] == kind]
        if len(own):
            actual, expected = found.phase(kind)
            rows.append((kind, own["start"].min(), own["end"].max(), actual, expected))
    actual, expected = found.phase("pre", "during", "post")
    own = slots[slots["kind"] != "rest"]
    rows.append(("net", own["start"].min(), own["end"].max(), actual, expected))
    frame = pd.DataFrame(rows, columns=["contest_phase", "start_date", "end_date", "sold", "expected"])
    frame = frame.assign(start_date=pd.to_datetime(frame["start_date"]), end_date=pd.to_datetime(frame["end_date"]))
    frame = frame.assign(difference=frame["sold"] - frame["expected"], lift=frame["sold"] / frame["expected"] - 1)
    bounds = [(np.nan, np.nan)] * (len(frame) - 1) + [(low, high)]
    return frame.assign(difference_low=[b[0] for b in bounds], difference_high=[b[1] for b in bounds])


def _course(found: effect.Effect) -> pd.DataFrame:
    """The slots around the contest: start, sales a month sold and expected, and between what chance leaves them."""
    around = np.flatnonzero(found.slots["kind"] != "rest")
    slots = found.slots.iloc[max(around[0] - 8, 0) : around[-1] + 7].reset_index(drop=True)
    chance = found.slots.loc[found.slots["kind"] == "rest", "ratio"].std(ddof=1) * 1.645
    middle = pd.to_datetime(slots["start"]) + (pd.to_datetime(slots["end"]) - pd.to_datetime(slots["start"])) / 2
    length = (pd.to_datetime(slots["end"]) - pd.to_datetime(slots["start"])).dt.days + 1
    a_month = 30.4 / length
    frame = pd.DataFrame({"date": middle.dt.normalize(), "contest_phase": slots["kind"]})
    frame = frame.assign(start_date=pd.to_datetime(slots["start"]), end_date=pd.to_datetime(slots["end"]))
    frame = frame.assign(sold=slots["actual"] * a_month, expected=slots["expected"] * a_month)
    return frame.assign(
        expected_low=frame["expected"] * np.exp(-chance), expected_high=frame["expected"] * np.exp(chance)
    )
