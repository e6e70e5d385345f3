"""The measures of the productivity report: Dataset in, frozen frames of raw numbers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from salespilot.cells import years
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.activity_productivity import audit, clock, compare, costs, gaps, worth
from salespilot.diagnostics.activity_productivity.chain import Step, unlogged
from salespilot.diagnostics.activity_productivity.chain import steps as steps_of
from salespilot.diagnostics.activity_productivity.model import STEPS, NotComputable, Parameters, Result, Thresholds
from salespilot.diagnostics.activity_productivity.team import compared, people
from salespilot.diagnostics.activity_productivity.velocity import velocity
from salespilot.finding import Reason, absent
from salespilot.inference import needed_trials

T = TypeVar("T")
Figures = dict[str, float | int | None]


class _Work:
    """One computing: the frames found so far, the key figures, and why others are missing."""

    def __init__(self, dataset: Dataset, thresholds: Thresholds) -> None:
        self.dataset, self.thresholds = dataset, thresholds
        self.frames: dict[str, pd.DataFrame | None] = {}
        self.figures: Figures = {}
        self.reasons: dict[str, Reason] = {}
        self.team = people(dataset, thresholds)
        self.years = years(dataset.window)
        self.unlogged = unlogged(dataset)
        self.classes = compare.customer_classes(dataset)
        self.credited = (
            gaps.revenue_months(dataset, dataset.window, self.classes, thresholds) if dataset.sales_basis else None
        )

    def attempt(self, names: tuple[str, ...], make: Callable[[], T]) -> T | None:
        """What ``make`` gives, or None with its reason under each of the names."""
        try:
            return make()
        except NotComputable as refusal:
            # Where something else is tried in its place, the first reason is the one to tell.
            self.reasons = dict.fromkeys(names, refusal.reason) | self.reasons
            return None

    def say(self, name: str, value: Any, reason: Reason) -> None:
        """A key figure; its reason where it is missing."""
        missing = value is None or pd.isna(value)
        self.figures[name] = None if missing else int(value) if isinstance(value, int | np.integer) else float(value)
        if missing:
            self.reasons.setdefault(name, reason)


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Measure the productivity of one client's sales actions. ``parameters.rep`` filters what is shown, no more.

    Raises SettingError when ``parameters.rep`` is nobody's code.
    """
    if parameters.rep and parameters.rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
    work = _Work(dataset, thresholds)
    found = _chain(work)
    _gaps(work)
    _visits(work)
    _cost_of_sales(work)
    _time(work)
    _audit(work)
    _plan(work, found)
    work.figures["years"] = work.years
    shown = {name: _of_rep(frame, parameters.rep) for name, frame in work.frames.items()}
    return Result(
        people=_of_rep(work.team.rename_axis("rep_id").reset_index(), parameters.rep),
        **shown,
        key_figures=work.figures,
        not_computable=work.reasons,
    )


def _of_rep(frame: pd.DataFrame | None, rep: str) -> Any:
    if frame is None or not rep or "rep_id" not in frame:
        return frame
    return frame[frame["rep_id"] == rep].reset_index(drop=True)


def _chain(work: _Work) -> dict[str, Step]:
    dataset, th, classes = work.dataset, work.thresholds, work.classes
    hide = dataset.conventions.small_n_hide
    found, reasons = steps_of(dataset, th)
    work.reasons |= reasons
    nothing = Reason("no_start")
    table = compare.chain(found)
    rates = table.set_index("step")["rate"] if len(table) else pd.Series(dtype=float)
    for name in STEPS:
        work.say(name, rates.get(name), nothing)
    if table.empty:
        names = (
            "chain",
            "groups",
            "group_rates",
            "rep_steps",
            "rep_rates",
            "limits",
            "upside",
            "chain_yield",
            "upside_top_quartile",
        )
        work.reasons |= dict.fromkeys(names, nothing)
        work.figures |= {"chain_yield": None, "upside_top_quartile": None}
        return found
    value = worth.order_value(found.get("rate_order"))
    table = worth.priced(table, value, work.years)
    last = table.set_index("step").to_dict("index").get("rate_order", {})
    work.say("order_count", last.get("from_count"), reasons.get("rate_order", nothing))
    work.say("order_days", last.get("wait_days"), reasons.get("rate_order", nothing))
    work.say("chain_yield", worth.chain_yield(table), reasons.get("rate_order", nothing))
    work.say("average_won", value, Reason("no_amount"))
    work.frames |= {"chain": table, "groups": compare.groups(found, work.team, classes, hide)}
    if work.frames["groups"] is None or work.frames["groups"].empty:
        work.frames["groups"] = None
        work.reasons |= dict.fromkeys(("groups", "group_rates"), Reason("one_group"))
    else:
        work.frames["group_rates"] = compare.group_rates(work.frames["groups"])

    steps = compare.rep_steps(found, work.team, classes, hide, th)
    if steps.empty:
        work.reasons |= dict.fromkeys(("rep_steps", "rep_rates", "limits"), Reason("no_rep"))
    else:
        work.frames["rep_steps"] = steps
        work.frames["rep_rates"] = _rates(steps, work.team)
    tested = int(steps["chance"].notna().sum())
    work.figures |= {
        "test_count": tested,
        "expected_false_alarms": 0.05 * tested,
        "signal_count": int(steps["is_signal"].sum()),
        "needed_trials": needed_trials(0.25, 0.35),
        "compared_count": int(compared(work.team, with_silent=True).sum()),
    }
    _upside(work, steps, table)
    return found


def _rates(steps: pd.DataFrame, team: pd.DataFrame) -> pd.DataFrame:
    """One row a salesperson: the shrunk rate of each step (of those not compared, the plain one), and signals."""
    value = steps["shrunk_rate"].fillna(steps["rate"])
    table = steps.assign(value=value).pivot(index="rep_id", columns="step", values="value")
    table = table.reindex(columns=[name for name in STEPS if name in table])
    about = team[["name", "role", "worked_days", "exclusion"]].reindex(table.index)
    signals = steps.groupby("rep_id")["is_signal"].sum().rename("signal_count")
    about["exclusion"] = about["exclusion"].astype(object).where(about["exclusion"].notna(), "compared")
    return about.join(table).join(signals).reset_index()


def _upside(work: _Work, steps: pd.DataFrame, chain: pd.DataFrame) -> None:
    """The frames upside and limits (the step with most to win), and the headline."""
    nobody = Reason("no_peers")
    has_peers = len(steps) and steps["chance"].notna().any()
    table = worth.upside(steps, chain, work.team, work.years, work.thresholds) if has_peers else pd.DataFrame()
    best = table.iloc[int(table["upside"].argmax())] if len(table) else None
    work.say("upside_top_quartile", None if best is None else float(best["upside"]), nobody)
    for bound in ("upside_low", "upside_high"):
        work.say(bound, None if best is None else float(best[bound]), nobody)
    if len(table):
        work.frames["upside"] = table
    else:
        work.reasons["upside"] = nobody if not has_peers else Reason("no_amount")
    if not has_peers:
        work.reasons["limits"] = nobody
        return
    seen = steps[steps["chance"].notna()]
    worst = seen.groupby("step")["is_signal"].sum().reindex([n for n in STEPS if n in set(seen["step"])])
    step = str(worst.idxmax()) if worst.max() > 0 else str(seen["step"].iloc[-1] if best is None else best["step"])
    work.frames["limits"] = seen[seen["step"] == step].reset_index(drop=True)


def _gaps(work: _Work) -> None:
    dataset, th = work.dataset, work.thresholds
    names = ("gaps", "levers", "gap_total")
    sold = work.credited
    parts = [
        work.attempt(names, lambda: gaps.invoiced(dataset, work.team, sold, th))
        if sold is not None and dataset.sales_basis == "invoiced"
        else None,
        work.attempt(names, lambda: gaps.won(dataset, work.team, th)),
    ]
    levers = pd.concat([part for part in parts if part is not None], ignore_index=True) if any(
        part is not None for part in parts
    ) else None  # fmt: skip
    if levers is None:
        work.figures |= dict.fromkeys(("gap_total", "volume_below_count", "quality_below_count"))
        work.reasons.setdefault("gap_total", Reason("no_peers"))
    else:
        for name in names:
            work.reasons.pop(name, None)
        levers["name"] = levers["rep_id"].map(work.team["name"])
        table = gaps.summary(levers, th)
        table.insert(1, "name", table["rep_id"].map(work.team["name"]))
        work.frames |= {"levers": levers, "gaps": table}
        main = table[table["basis"] == table["basis"].min()]  # invoiced, where there is a choice
        work.figures["gap_total"] = float(main["gap"].clip(upper=0).sum()) / work.years
        plane = gaps.volume_quality(levers)
        work.frames["volume_quality"] = plane
        for figure in ("volume_index", "quality_index"):
            below = None if plane is None else (plane[figure] < 1).sum()
            work.say(figure.replace("index", "below_count"), below, Reason("no_visit"))
    if work.frames.get("volume_quality") is None:
        unseen = work.unlogged or Reason("no_visit" if levers is not None else "no_peers")
        work.reasons |= dict.fromkeys(("volume_quality", "volume_below_count", "quality_below_count"), unseen)
    if sold is not None and dataset.sales_basis == "invoiced":
        work.frames["company_gap"] = work.attempt(("company_gap",), lambda: gaps.company(dataset, work.team, sold, th))
    else:
        work.reasons["company_gap"] = absent("sales_lines")
    both = work.attempt(("velocity", "velocity_gap"), lambda: velocity(dataset))
    work.frames["velocity"], work.frames["velocity_gap"] = both or (None, None)
    if both is not None and both[1] is None:
        work.reasons["velocity_gap"] = Reason("no_previous_period")
    now = None if both is None else both[0].iloc[-1]["velocity"]
    work.say("velocity", now, work.reasons.get("velocity", Reason("no_deal_won")))


def _visits(work: _Work) -> None:
    """The frames visit_costs and segments; visits, what one costs and brings, the order that pays for it."""
    dataset = work.dataset
    names = ("visits", "revenue_per_visit", "margin_per_visit", "visit_cost", "break_even_order", "visits_per_order")
    if work.unlogged:
        work.figures |= dict.fromkeys(names)
        work.reasons |= dict.fromkeys((*names, "visit_costs", "segments", "segment_bars"), work.unlogged)
        return
    by_rep = gaps.visit_months(dataset, dataset.window).groupby("rep_id")["visits"].sum()
    total = int(by_rep.sum())
    work.figures["visits"] = total
    none = Reason("no_visit")
    credited = work.credited
    table = costs.by_rep(dataset, work.team, by_rep, credited)
    cost = costs.company_cost(table)
    work.frames["visit_costs"] = table if len(table) else None
    if table.empty:
        work.reasons["visit_costs"] = none
    work.say("visit_cost", cost, none if not total else Reason("no_cost"))
    segments = work.attempt(("segments",), lambda: costs.segments(dataset, cost))
    work.frames["segments"] = segments
    if segments is None or segments["margin"].isna().all():
        work.reasons["segment_bars"] = work.reasons.get("segments", Reason("no_margin"))
    without = work.reasons.get("segments", none)
    met = None if segments is None else segments[["visits", "revenue", "margin", "account_count"]].sum(min_count=1)
    for figure, money in (("revenue_per_visit", "revenue"), ("margin_per_visit", "margin")):
        work.say(figure, None if met is None else met[money] / met["visits"], without)
    orders = None
    if credited is not None and table["visits"].sum() > 0:
        own = credited[credited["rep_id"].isin(table["rep_id"])]["order_count"].sum()
        orders = float(table["visits"].sum()) / float(own) if own else None
    work.say("visits_per_order", orders, without)
    rate = costs.margin_rate(dataset) if dataset.sales_basis else np.nan
    even = np.nan if orders is None else costs.break_even_order(cost, orders, rate)
    why = Reason("no_margin") if orders is not None and not rate > 0 else work.reasons.get("visit_cost", without)
    work.say("break_even_order", even, why)


def _cost_of_sales(work: _Work) -> None:
    """What the sales force costs, over revenue: now, in the previous period, and over gross margin."""
    now, before = work.dataset.window, work.dataset.previous
    spent = costs.cost_of_sales(work.dataset, now)
    rate = costs.margin_rate(work.dataset) if work.dataset.sales_basis else np.nan
    unknown = Reason("no_annual_cost") if work.dataset.sales_basis else absent("sales_lines")
    work.say("cost_of_sales", spent, unknown)
    work.say(
        "cost_of_margin", spent / rate if rate > 0 else np.nan, unknown if np.isnan(spent) else Reason("no_margin")
    )
    earlier = np.nan if before is None else costs.cost_of_sales(work.dataset, before)
    work.say("cost_of_sales_before", earlier, Reason("no_previous_period") if before is None else unknown)


def _time(work: _Work) -> None:
    if work.unlogged:
        work.reasons["time_use"] = work.unlogged
        table = None
    else:
        table = work.attempt(("time_use",), lambda: clock.time_use(work.dataset, work.team))
    work.frames["time_use"] = table
    field = work.team.index[~work.team["is_silent"] & (work.team["role"] != costs.INSIDE)]
    for figure, use in (("face_to_face_share", "face_to_face"), ("internal_share", "internal"),
                        ("unlogged_share", "unlogged")):  # fmt: skip
        share = None if table is None else clock.share(table, use, field)
        work.say(figure, share, work.reasons.get("time_use", Reason("no_duration")))


def _audit(work: _Work) -> None:
    names = ("indicators", "redundancies", "kpi_keep", "kpi_drop", "kpi_replace", "kpi_trial", "kpi_count")
    both = work.attempt(names, lambda: audit.audit(work.dataset, work.team, work.thresholds))
    if both is None:
        work.figures |= dict.fromkeys(names[2:])
        work.figures["kpi_hours"] = None
        work.reasons["kpi_hours"] = work.reasons["indicators"]
        return
    table, pairs = both
    work.frames |= {"indicators": table, "redundancies": pairs}
    counts = table["decision"].value_counts()
    work.figures |= {f"kpi_{name}": int(counts.get(name, 0)) for name in ("keep", "drop", "replace", "trial")}
    dropped = table["decision"] == "drop"
    work.figures |= {"kpi_count": len(table), "kpi_hours": float(table.loc[dropped, "hours_to_collect"].sum())}


def _plan(work: _Work, found: dict[str, Step]) -> None:
    """The frame plan, and the target behind it."""
    chain = work.frames.get("chain")
    step = found.get("rate_order")
    value = worth.order_value(step)
    target, need = worth.to_be_won(work.dataset, step, work.years)
    work.say("target", target, Reason("no_target"))
    work.say("to_be_won", need, Reason("no_target"))
    if chain is None or step is None:
        work.reasons["plan"] = work.reasons.get("rate_order", Reason("no_start"))
        return
    days = float(work.team["worked_days"].sum())
    table = worth.plan(chain, value, need, days, work.years)
    work.frames["plan"] = table
    work.say("effort", table["effort"].max() if len(table) else None, Reason("no_target"))
