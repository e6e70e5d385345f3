"""The plan put together: gap, candidates, hours, what is proposed, what was decided and what it brought."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.finding import Reason, absent
from salespilot.intake.register import OPEN
from salespilot.plans.pac_preparation import candidates, capacity, checks, choice, follow, impact
from salespilot.plans.pac_preparation.model import Figures, Parameters, Reasons, Result, Thresholds
from salespilot.plans.pac_preparation.needs import Gap, Results, by_rep, gap, needs, target_quality

KEYS = (
    "gap", "expected_contribution", "plan_coverage", "close_probability", "hours_planned", "capacity_hours",
    "rules_passed", "execution_rate", "measured_impact", "measured_impact_low", "measured_impact_high",
)  # fmt: skip
MORE = (
    "target", "landing", "residual", "protected", "next_year_gain", "decided_contribution", "decided_count",
    "proposed_count", "renounced_count", "renounced_amount", "candidate_count", "lever_count", "weeks_left",
    "decided_probability", "actions_due", "actions_late", "judged_count", "effective_count", "assumed_load_count",
    "uncounted_count", "target_people", "target_reached_share", "target_near_share",
)  # fmt: skip
Frames = dict[str, pd.DataFrame | None]
TEAM_FRAMES = ("bridge", "checks", "missing", "needs", "levers", "unowned")


def compute(
    dataset: Dataset,
    results: Results,
    parameters: Parameters = Parameters(),
    thresholds: Thresholds = Thresholds(),
) -> Result:
    """Prepare the plan of the current fiscal year, check what was decided and measure what it brought.

    With ``parameters.rep``, the same plan as this salesperson sees it. Raises SettingError where the code is nobody's.
    """
    if parameters.rep and parameters.rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
    short = gap(dataset, results)
    end = pd.Timestamp(short.period.end)
    figures: Figures = dict.fromkeys((*KEYS, *MORE))
    missing: Reasons = {}
    frames: Frames = {}
    actions = follow.decided(dataset, short.period)
    customers = follow.targets_of(dataset, actions)
    open_ones = follow.priced(actions, customers, dataset, end, thresholds)
    touched = {customer for id in open_ones["action_id"] for customer in customers[id]}

    table, levers = candidates.pool(dataset, results, {*touched, *actions["action_id"]}, thresholds)
    margin = _margin(dataset)
    pool = candidates.names_of(candidates.timed(table, dataset, end, margin, thresholds), dataset)
    hours = capacity.capacity(dataset, end, thresholds)
    months = sorted(hours["month"].unique())
    now = pd.Timestamp(dataset.as_of) + pd.Timedelta(days=1)
    known = open_ones.rename(columns={"owner_rep_id": "owner_id"})
    committed = capacity.spread(known, months, now)
    taken, why, laid = _choose(dataset, pool, hours, committed, open_ones, thresholds)
    _planned(dataset, frames, pool, taken, why, open_ones, customers)
    names = dataset.names("reps")
    frames["candidates"] = pool if len(pool) else None
    frames["levers"] = levers if len(levers) else None
    frames["load"] = capacity.load(hours, committed, laid, names) if len(hours) else None

    total = _money(short, pool[taken], open_ones, figures, missing, thresholds)
    _hours(frames["load"], open_ones, pool[taken], hours, figures, missing)
    figures |= {
        "candidate_count": len(pool), "lever_count": len(levers), "decided_count": len(open_ones),
        "proposed_count": int(taken.sum()), "renounced_count": int((~taken).sum()),
        "renounced_amount": float(pool.loc[~taken & (pool["stake_kind"] == "gain"), "next_year"].sum()),
        "weeks_left": max(round((end - pd.Timestamp(dataset.as_of)).days / 7), 0),
    }  # fmt: skip
    figures |= target_quality(dataset, thresholds.near_share)
    frames["bridge"] = _bridge(short, pool[taken], open_ones)
    frames |= _activity(dataset, results, short, frames["load"], open_ones, pool[taken], figures)
    whole = frames["load"]
    plan = checks.Plan(actions, short.period, customers, whole if whole is not None else pd.DataFrame(), total)
    _follow(dataset, frames, plan, figures, missing, thresholds)
    top = follow.untouched(dataset, touched)
    if top is None:
        missing["untouched"] = (
            Reason("no_potential_known") if dataset.has("customer_potential") else absent("customer_potential")
        )
    else:
        top = candidates.names_of(top.rename(columns={"customer_id": "target_id"}), dataset)
    frames["untouched"] = top if top is not None and len(top) else None
    lone = follow.unowned(dataset)
    frames["unowned"] = lone if len(lone) else None
    if parameters.rep:
        _seen_by(parameters.rep, frames, figures, short)
    quality = _quality(figures["target_reached_share"], thresholds)
    return Result(
        **frames, quality=quality, key_figures=figures, not_computable=_explained(frames, figures, missing, short)
    )


def _quality(reached: float | None, thresholds: Thresholds) -> str:
    if reached is None:
        return "target_quality_none"
    healthy = thresholds.healthy_low <= reached <= thresholds.healthy_high
    return "target_quality" if healthy else "target_quality_doubtful"


def _margin(dataset: Dataset) -> float | None:
    sales = dataset.mart("customer_sales")[["margin", "margin_revenue"]].sum()
    return float(sales["margin"] / sales["margin_revenue"]) if sales["margin_revenue"] > 0 else None


def _choose(
    dataset: Dataset,
    pool: pd.DataFrame,
    hours: pd.DataFrame,
    committed: pd.DataFrame,
    open_ones: pd.DataFrame,
    thresholds: Thresholds,
) -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """Which candidates the plan takes up beside what is decided, why not the others, and the hours they take."""
    if pool.empty or hours.empty:
        why = pd.Series("no_capacity", index=pool.index, dtype=object)
        return pd.Series(False, index=pool.index), why, pd.DataFrame(columns=["rep_id", "month", "proposed_hours"])
    free = hours.merge(committed, on=["rep_id", "month"], how="left").fillna({"decided_hours": 0.0})
    free = free.assign(hours=(free["capacity_hours"] - free["decided_hours"]).clip(lower=0))
    crowd = open_ones["owner_rep_id"].value_counts()
    people = pd.Index(hours["rep_id"].unique())
    slots = thresholds.open_actions - crowd.reindex(people).fillna(0)
    costs = dataset.table("costs")
    hourly = float(costs["hourly_cost"].mean()) if costs["hourly_cost"].notna().any() else None
    budget = None
    if thresholds.budget_envelope > 0:
        budget = thresholds.budget_envelope - float(open_ones["budget"].fillna(0.0).sum())
    return choice.chosen(pool, free, slots, hourly, budget, thresholds)


def _planned(
    dataset: Dataset,
    frames: Frames,
    pool: pd.DataFrame,
    taken: pd.Series,
    why: pd.Series,
    open_ones: pd.DataFrame,
    customers: dict[str, list[str]],
) -> None:
    """The frames plan (decided first, then proposed) and renounced."""
    first = open_ones["action_id"].map(lambda id: customers[id][0] if customers[id] else None)
    own = open_ones.assign(
        action_name=open_ones["title"], owner_id=open_ones["owner_rep_id"], origin=open_ones["status"],
        stake_kind="told", target_id=first, target_count=open_ones["action_id"].map(lambda id: len(customers[id])),
    )  # fmt: skip
    own = candidates.names_of(own, dataset)
    new = pool[taken].assign(origin="proposed", action_id=pool["finding_id"], progress=0.0)
    columns = [
        "action_id", "action_name", "target_name", "target_count", "owner_id", "owner_name", "origin", "stake_kind",
        "start_date", "due_date", "progress", "hours_planned", "probability", "contribution", "next_year",
    ]  # fmt: skip
    parts = [part[columns] for part in (own, new) if len(part)]
    frames["plan"] = pd.concat(parts, ignore_index=True) if parts else None
    left = pool[~taken].assign(why=why[~taken]).sort_values("next_year", ascending=False, ignore_index=True)
    frames["renounced"] = left if len(left) else None


def _money(
    short: Gap, new: pd.DataFrame, open_ones: pd.DataFrame, figures: Figures, missing: Reasons, thresholds: Thresholds
) -> float | None:
    """Contributions, coverage and chances; returns the chance that the decided actions alone close the gap."""
    gains, kept = new[new["stake_kind"] == "gain"], new[new["stake_kind"] == "at_risk"]
    told = float(open_ones["contribution"].sum())
    figures |= {
        "gap": short.amount, "target": short.target, "landing": short.landing, "decided_contribution": told,
        "expected_contribution": told + float(gains["contribution"].sum()),
        "protected": float(kept["contribution"].sum()),
        "next_year_gain": float(open_ones["next_year"].sum() + gains["next_year"].sum()),
        "uncounted_count": int((open_ones["impact_mode"].isna()).sum()),
    }  # fmt: skip
    if short.amount is None:
        assert short.reason is not None
        missing |= dict.fromkeys(("gap", "plan_coverage", "close_probability", "bridge", "residual"), short.reason)
        return None
    if short.amount <= 0:
        missing |= dict.fromkeys(("plan_coverage", "residual"), Reason("no_gap"))
        figures |= {"close_probability": 1.0, "decided_probability": 1.0}
        return 1.0
    expected = figures["expected_contribution"]
    assert expected is not None
    scaled = gains.assign(
        low=gains["yearly_low"] * gains["time_factor"], mode=gains["yearly"] * gains["time_factor"],
        high=gains["yearly_high"] * gains["time_factor"],
    )  # fmt: skip
    columns = ["low", "mode", "high", "probability"]
    alone = choice.chance_of(short.amount, choice.draws(open_ones[columns], thresholds))
    every = pd.concat([open_ones[columns], scaled[columns]])
    figures["plan_coverage"] = expected / short.amount
    figures["residual"] = max(short.amount - expected, 0.0)
    figures["close_probability"] = choice.chance_of(short.amount, choice.draws(every, thresholds))
    figures["decided_probability"] = alone
    return alone


def _hours(
    load: pd.DataFrame | None,
    open_ones: pd.DataFrame,
    new: pd.DataFrame,
    hours: pd.DataFrame,
    figures: Figures,
    missing: Reasons,
) -> None:
    figures["hours_planned"] = float(open_ones["hours_left"].sum() + new["hours_planned"].sum())
    if load is None:
        missing |= dict.fromkeys(("capacity_hours", "load"), Reason("period_over"))
        return
    figures["capacity_hours"] = float(load["capacity_hours"].sum())
    figures["assumed_load_count"] = int(hours.loc[~hours["is_measured"], "rep_id"].nunique())


def _bridge(short: Gap, new: pd.DataFrame, open_ones: pd.DataFrame) -> pd.DataFrame | None:
    """landing + decided + proposed + not covered = target."""
    if short.amount is None or short.landing is None or short.target is None:
        return None
    told = float(open_ones["contribution"].sum())
    gained = float(new.loc[new["stake_kind"] == "gain", "contribution"].sum())
    steps = [("landing", short.landing), ("decided", told), ("proposed", gained)]
    steps += [("not_covered", short.amount - told - gained), ("target", short.target)]
    return pd.DataFrame(steps, columns=["step", "amount"])


def _activity(
    dataset: Dataset,
    results: Results,
    short: Gap,
    load: pd.DataFrame | None,
    open_ones: pd.DataFrame,
    new: pd.DataFrame,
    figures: Figures,
) -> Frames:
    """The frames needs and people."""
    weeks = figures["weeks_left"] or 0.0
    table = needs(dataset, results, short.amount, weeks) if short.amount is not None and short.amount > 0 else None
    people = candidates.active(dataset)
    frame = by_rep(table, short.by_rep, people)
    frame.insert(1, "owner_name", frame["rep_id"].map(dataset.names("reps")))
    frame["decided_count"] = frame["rep_id"].map(open_ones["owner_rep_id"].value_counts()).fillna(0).astype(int)
    frame["proposed_count"] = frame["rep_id"].map(new["owner_id"].value_counts()).fillna(0).astype(int)
    if load is not None:
        own = load.groupby("rep_id")[["plan_hours", "capacity_hours"]].sum()
        frame["hours_planned"] = frame["rep_id"].map(own["plan_hours"]).fillna(0.0)
        frame["capacity_hours"] = frame["rep_id"].map(own["capacity_hours"])
        frame["load_rate"] = frame["hours_planned"] / frame["capacity_hours"].where(frame["capacity_hours"] > 0)
    else:
        frame = frame.assign(hours_planned=np.nan, capacity_hours=np.nan, load_rate=np.nan)
    return {"needs": table, "people": frame if len(frame) else None}


def _follow(
    dataset: Dataset, frames: Frames, plan: checks.Plan, figures: Figures, missing: Reasons, thresholds: Thresholds
) -> None:
    """The frames checks, missing, progress and impacts, and their figures."""
    names = dataset.names("reps")
    if plan.actions.empty:
        none = absent("actions") if not dataset.has("actions") else Reason("no_decided_action")
        wanted = [
            "checks", "missing", "progress", "impacts", "rules_passed", "execution_rate", "actions_due", "actions_late",
            "judged_count", "effective_count", "measured_impact", "measured_impact_low", "measured_impact_high",
        ]  # fmt: skip
        missing |= dict.fromkeys(wanted if dataset.has("actions") else [*wanted, "unowned"], none)
        return
    ten, lacking = checks.checked(dataset, plan, thresholds)
    frames |= {"checks": ten, "missing": lacking}
    figures["rules_passed"] = int((ten["verdict"] == "kept").sum())
    table = follow.progress(plan.actions, dataset, thresholds)
    table = table.assign(owner_id=table["owner_rep_id"], owner_name=table["owner_rep_id"].map(names))
    frames["progress"] = table if len(table) else None
    figures |= {"execution_rate": follow.execution_rate(table), "actions_due": int(table["is_due"].sum())}
    figures["actions_late"] = int(table["is_late"].sum())
    if figures["execution_rate"] is None:
        missing["execution_rate"] = Reason("nothing_due")
    every = dataset.table("actions")
    every = every[every["status"].isin((*OPEN, "done"))]
    found, whole = impact.measured(dataset, every, follow.targets_of(dataset, every), thresholds)
    if found.empty:
        missing |= dict.fromkeys(("impacts", "measured_impact"), Reason("no_targeted_action"))
    else:
        said = every.set_index("action_id")[["title", "start_date", "due_date", "status", "owner_rep_id"]]
        found = found.merge(said, on="action_id").rename(columns={"owner_rep_id": "owner_id"})
        order = found["verdict"].map({word: place for place, word in enumerate(impact.VERDICTS)})
        found = found.assign(order=order).sort_values(["order", "start_date"], ignore_index=True)
        frames["impacts"] = found.drop(columns="order")
        figures["judged_count"] = int(found["impact"].notna().sum())
        figures["effective_count"] = int((found["verdict"] == "effective").sum())
    if whole is None:
        short = missing.get("measured_impact", Reason("too_early", {"n": thresholds.effect_months}))
        missing |= dict.fromkeys(("measured_impact", "measured_impact_low", "measured_impact_high"), short)
        return
    low, high = whole.interval(thresholds.effect_interval)
    figures |= {
        "measured_impact": 12 * whole.estimate,
        "measured_impact_low": 12 * low,
        "measured_impact_high": 12 * high,
    }


def _seen_by(rep: str, frames: Frames, figures: Figures, short: Gap) -> None:
    """The plan as one salesperson sees it: their own rows, gap, hours and execution; the chances are the team's."""
    for name, frame in frames.items():
        if frame is None or name in TEAM_FRAMES:
            continue
        column = next((c for c in ("owner_id", "rep_id") if c in frame), None)
        own = frame[frame[column] == rep].reset_index(drop=True) if column else frame
        frames[name] = own if len(own) else None
    frames |= dict.fromkeys(TEAM_FRAMES)
    people, plan, late = frames.get("people"), frames.get("plan"), frames.get("progress")
    figures["gap"] = float(short.by_rep[rep]) if rep in short.by_rep.index else None
    figures["hours_planned"] = float(people["hours_planned"].iloc[0]) if people is not None else None
    figures["capacity_hours"] = float(people["capacity_hours"].iloc[0]) if people is not None else None
    gains = plan[plan["stake_kind"] != "at_risk"] if plan is not None else None
    figures["expected_contribution"] = 0.0 if gains is None else float(gains["contribution"].sum())
    own_gap, expected = figures["gap"], figures["expected_contribution"] or 0.0
    figures["plan_coverage"] = expected / own_gap if own_gap is not None and own_gap > 0 else None
    figures["execution_rate"] = follow.execution_rate(late) if late is not None else None
    figures["proposed_count"] = int((plan["origin"] == "proposed").sum()) if plan is not None else 0
    figures["decided_count"] = int((plan["origin"] != "proposed").sum()) if plan is not None else 0


def _explained(frames: Frames, figures: Figures, missing: Reasons, short: Gap) -> Reasons:
    """One reason at least for each frame and figure that is missing."""
    usual = {
        "plan": "no_candidate", "proposed": "no_candidate", "judged": "too_early_all", "levers": "no_lever",
        "renounced": "nothing_renounced", "candidates": "no_candidate",
        "progress": "nothing_due", "execution_rate": "nothing_due", "untouched": "all_touched",
        "unowned": "all_owned", "people": "nobody_in_post", "load": "period_over", "capacity_hours": "period_over",
        "gap": "no_rep_target", "plan_coverage": "no_gap", "target_reached_share": "no_target_before",
        "target_near_share": "no_target_before",
    }  # fmt: skip
    empty = [name for name in Result.__dataclass_fields__ if name not in ("quality", "key_figures", "not_computable")]
    wanted = [name for name in empty if frames.get(name) is None]
    wanted += [name for name, value in figures.items() if value is None]
    result = Result(**frames, key_figures=figures, not_computable=missing, quality="")
    wanted += [name for name in ("proposed", "judged") if getattr(result, name) is None]
    for name in wanted:
        fallback = short.reason if name in ("needs", "bridge") and short.reason else None
        missing.setdefault(name, fallback or Reason(usual.get(name, "not_of_use")))
    return missing
