"""A contest that is over: what it did, what its sales are worth, who won it and those before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.sales_contest import aftermath, budget, effect, running
from salespilot.diagnostics.sales_contest.choice import Contest, others, participants, rule_of, winner_count
from salespilot.diagnostics.sales_contest.draft import Report
from salespilot.diagnostics.sales_contest.launch import launch, targets
from salespilot.diagnostics.sales_contest.ledger import Ledger, company_ledger, ledger
from salespilot.diagnostics.sales_contest.model import Thresholds
from salespilot.finding import Reason

DAY = timedelta(days=1)
MOST_PAST = 6
LEAST_HISTORY = timedelta(days=60)
EFFECT_FIGURES = (
    "net_effect", "net_effect_low", "net_effect_high", "net_share", "contest_effect", "contest_share",
    "effect_probability", "pull_forward_share", "placebo_p", "placebo_count", "roi", "roi_low", "roi_high",
    "last_cost", "held_back", "missing_after", "followed_people", "followed_share", "control_share",
)  # fmt: skip


def portfolios(dataset: Dataset, contest: Contest, metric: str) -> Ledger | None:
    """The measure by person, portfolios as held at the start of the contest (at the as-of date if earlier)."""
    return ledger(dataset, metric, min(contest.start, dataset.as_of))


def judged(
    dataset: Dataset, last: Contest, known: list[Contest], after: int, rep: str, th: Thresholds, report: Report
) -> None:
    """Adds what is known of the contests over, of ``last`` above all, to a report; ``after``: days followed after."""
    over = [contest for contest in known if contest.phase == "after"][-MOST_PAST:]
    over = over if last in over else [last, *over]
    # Months around every contest are lost to what is usual: four weeks on either side are enough of them.
    spans = [(contest.start - th.before_days * DAY, contest.end + th.after_days * DAY) for contest in known]
    periods = [(contest.start, contest.end) for contest in known]
    rows, ranked, winners = [], {}, {}
    for contest in over:
        sold = portfolios(dataset, contest, "revenue")
        if sold is None:
            continue
        people = participants(dataset, contest, sold)
        ids = [rep_id for rep_id in people["rep_id"] if rep_id in sold.people]
        rival = [span for other, span in zip(known, spans, strict=True) if other.contest_id != contest.contest_id]
        own = sold.only(ids) if ids else company_ledger(dataset)
        if own is None:
            continue
        found = effect.measured(own, contest.start, contest.end, th.before_days, after, rival)
        order = _final(dataset, contest, people, known, th)
        if order is not None:
            ranked[contest.contest_id] = order
            winners[contest.contest_id] = winner_count(contest, len(people), th)
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
            _measure(dataset, last, own, found, sold, ids, rival, spans, periods, after, th, report)
            if order is not None:
                report.frames["podium"] = running.shown(order, winners[last.contest_id], rep)
    table = pd.DataFrame(rows)
    sold = ledger(dataset)
    if len(table) and sold is not None:
        prizes = aftermath.prize_shares(over, sold, ranked, winners)
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
    booked, held = ledger(dataset, contest.metric), portfolios(dataset, contest, contest.metric)
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
    rival: Sequence[effect.SPAN], spans: Sequence[effect.SPAN], periods: Sequence[effect.SPAN], after: int,
    th: Thresholds, report: Report,
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
        "missing_after": missing,
        "has_clear_gain": found.has_clear_gain(th.effect_level), "followed_people": found.people,
        "followed_share": found.share,
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
    table = effect.placebos(own, last.start, last.end, th.before_days, after, spans, spans)
    if len(table) < th.min_placebos:
        table = effect.placebos(own, last.start, last.end, th.before_days, after, spans, periods)
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
