"""The measures of dynamic steering, put together for one entity: the company, a team or a salesperson."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.dynamic_steering import alerts, indicators, milestones, parts, pipeline, series
from salespilot.diagnostics.dynamic_steering.landing import Landing, Settings, land, past_answers
from salespilot.diagnostics.dynamic_steering.model import Parameters, Result, Thresholds
from salespilot.finding import Reason, absent

Frames = dict[str, pd.DataFrame | None]
KEYS = (
    "actual_to_date", "target", "landing_p10", "landing_p50", "landing_p90", "target_probability",
    "required_pace_ratio", "interval_coverage", "method",
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """Whose landing it is: the level and code of the targets, and the salespeople (None: everyone)."""

    level: str
    ids: tuple[str, ...]
    reps: set[str] | None


def scope_of(dataset: Dataset, parameters: Parameters) -> Scope:
    """The scope that the parameters name; raises SettingError on a code that is nobody's."""
    reps = dataset.table("reps")
    if parameters.rep:
        if parameters.rep not in set(reps["rep_id"]):
            raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
        return Scope("rep", (parameters.rep,), {parameters.rep})
    if parameters.team:
        members = set(reps.loc[reps["team_id"] == parameters.team, "rep_id"])
        if not members:
            raise SettingError(f"team: no salesperson belongs to {parameters.team!r}")
        return Scope("team", (parameters.team,), members)
    return Scope("company", (), None)


def settings_of(thresholds: Thresholds) -> Settings:
    """The part of the thresholds that scores the methods."""
    return Settings(thresholds.profile_years, thresholds.phi_min, thresholds.origins, thresholds.interval)


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Land the current fiscal period, say what the landing is made of and what can still be done.

    Raises SettingError on a salesperson or a team that does not exist, and on a price rise badly written.
    """
    scope = scope_of(dataset, parameters)
    time = series.timeline(dataset, parameters.period, thresholds)
    if time is None:
        return _nothing(Reason("no_sales"))
    sales = series.daily_sales(dataset)
    restated = sales.assign(amount=sales["amount"] * series.price_factor(sales["day"], thresholds))
    own, own_restated = _of(sales, scope), _of(restated, scope)
    history = series.history_of(time, own_restated)
    actual = float(own.loc[own["day"] >= pd.Timestamp(time.period.start), "amount"].sum())
    reasons: dict[str, Reason] = {}
    book: pipeline.Book | None = None
    m4: dict[int, float] = {}
    rest: pipeline.Rest | None = None
    if dataset.has("opportunities"):
        book = pipeline.booked(dataset, time, scope.reps)
        if history.elapsed < history.length:
            m4, rest = pipeline.forecasts(dataset, time, history.amount, book, scope.reps, thresholds)
    told = _indicators(dataset, restated, thresholds, reasons)
    extra = {name: said for name, said in (("M4", m4), ("M5", _driven(time, history, told, scope))) if said}
    found = land(history, settings_of(thresholds), extra)
    targets = series.targets_of(dataset, time.period)
    aims = series.target_rows(targets, scope.level, scope.ids)
    target = float(aims["value"].sum()) if len(aims) else None
    if target is None:
        known = dataset.has("targets")
        reasons |= dict.fromkeys(
            ["target", "target_probability", "required_pace_ratio"],
            Reason("no_target_of_period") if known else absent("targets"),
        )
    figures = _figures(time, found, actual, target, thresholds, reasons)
    figures["scope"] = f"{scope.level}|{scope.ids[0] if scope.ids else 'all'}"
    if found is not None:
        found = series.at_true_prices(found, actual)
    people = parts.entities(dataset, time, sales, restated, targets, thresholds)
    if scope.reps is not None and people is not None:
        shown = people["entity_id"].isin({*scope.reps, *scope.ids})
        people = people[shown].reset_index(drop=True)
    frames: Frames = {"entities": people}
    figures |= {"event_count": _outside_events(dataset), "restated_count": len(thresholds.price_rises)}
    figures["excluded_count"] = len(thresholds.excluded_years)
    judged = people.dropna(subset="target_probability") if people is not None else pd.DataFrame({"entity_kind": []})
    judged = judged[judged["entity_kind"] == "rep"]
    figures["judged_count"] = len(judged) or None
    figures["reachable_count"] = int((judged["target_probability"] >= thresholds.amber).sum()) if len(judged) else None
    if people is None:
        reasons |= dict.fromkeys(["entities", "aimed"], Reason("no_rep_booked"))
    elif people["target"].isna().all():
        reasons["aimed"] = reasons.get("target", Reason("no_target_of_period"))
    if found is not None:
        frames["path"] = parts.path(time, history, found, aims)
        frames["components"] = parts.components(found, book, rest, target)
        frames["methods"] = None if found.methods.empty else found.methods.copy()
        frames["backtest"] = parts.dated(found.backtest, time) if len(found.backtest) else None
    frames |= _of_deals(dataset, time, scope, book, frames.get("components"), target, figures, reasons, thresholds)
    frames |= {"indicators": told.table, "leads": told.leads}
    frames |= _of_activity(dataset, sales, scope, figures, reasons, thresholds)
    over = Reason("period_over") if history.elapsed >= history.length else None
    for name in ("path", "components", "methods", "backtest"):
        if frames.get(name) is None:
            reasons[name] = over or Reason("too_early" if found is None else "no_past")
    return Result(**frames, key_figures=figures, not_computable=_explained(frames, figures, reasons))


# What cannot be computed for want of the same thing as another figure or frame.
SAME_REASON = {
    "gap": "required_pace_ratio", "required_pace": "required_pace_ratio", "current_pace": "required_pace_ratio",
    "judged_count": "target_probability", "reachable_count": "target_probability",
    "kept_landing": "landing_p50", "origin_count": "landing_p50", "outside_count": "landing_p10",
    "open_count": "milestones", "overdue_count": "milestones", "dropped_count": "milestones",
    "weighted_pipeline": "milestones", "lag_days": "milestones", "rolled_backlog": "milestones",
    "leads": "indicators", "deals_needed": "milestones", "stage_values": "milestones", "charted_count": "alerts",
    "signal_count": "alerts", "false_alarm_share": "alerts", "false_alarms": "alerts", "cycle_weeks": "alerts",
}  # fmt: skip


def _explained(frames: Frames, figures: dict[str, object], reasons: dict[str, Reason]) -> dict[str, Reason]:
    """The reasons, one at least for each frame and figure that is missing."""
    optional = [field.name for field in fields(Result) if field.name not in ("key_figures", "not_computable")]
    missing = [name for name in optional if frames.get(name) is None]
    missing += [name for name, value in figures.items() if value is None]
    for name in [*missing, "stage_values"] if "milestones" in missing else missing:
        if name not in reasons:
            reasons[name] = reasons.get(SAME_REASON.get(name, ""), Reason("no_past"))
    return reasons


def _nothing(reason: Reason) -> Result:
    figures: dict[str, object] = dict.fromkeys([*KEYS, "scope", "period_end"])
    frames = [field.name for field in fields(Result) if field.name not in ("key_figures", "not_computable")]
    return Result(
        key_figures=figures,
        not_computable=dict.fromkeys([*figures, *frames, "charted", "aimed", "stage_values"], reason),
    )


def _of(sales: pd.DataFrame, scope: Scope) -> pd.DataFrame:
    return sales if scope.reps is None else sales[sales["rep_id"].isin(scope.reps)]


def _figures(
    time: series.Timeline,
    found: Landing | None,
    actual: float,
    target: float | None,
    thresholds: Thresholds,
    reasons: dict[str, Reason],
) -> dict[str, object]:
    """The key figures; adds why some cannot be computed."""
    figures: dict[str, object] = dict.fromkeys(KEYS)
    figures |= {"actual_to_date": actual, "target": target}
    low, high = (1 - thresholds.interval) / 2, (1 + thresholds.interval) / 2
    figures |= {"days_gone": time.days_gone, "days_left": time.days_left, "kept_landing": None, "gap": None}
    figures |= {"elapsed_share": time.days_gone / max(time.days_gone + time.days_left, 1)}
    figures |= {"origin_count": None, "outside_count": None}
    figures |= {"disagreement": None, "method_error": None, "required_pace": None, "current_pace": None}
    figures |= {"period_start": time.period.start, "period_end": time.period.end}
    if found is None:
        names = ["landing_p10", "landing_p50", "landing_p90", "target_probability", "interval_coverage", "method"]
        reasons |= dict.fromkeys([*names, "required_pace_ratio"], Reason("too_early"))
        return figures
    found = series.at_true_prices(found, actual)
    figures |= {"landing_p10": found.quantile(low), "landing_p90": found.quantile(high)}
    figures |= {"landing_p50": found.quantile(0.5), "interval_coverage": found.coverage}
    figures |= {"method": found.main_method, "disagreement": found.disagreement, "origin_count": len(found.backtest)}
    figures["kept_landing"] = figures["landing_p50"]
    if (found.disagreement or 0.0) > thresholds.disagreement_limit and found.quantile(thresholds.careful) is not None:
        figures["kept_landing"] = found.quantile(thresholds.careful)
    if len(found.backtest):
        figures["outside_count"] = int((~found.backtest["is_inside"]).sum())
        missed = (found.backtest["actual"] - found.backtest["forecast"]).abs().sum()
        figures["method_error"] = float(missed / found.backtest["actual"].sum())
    over = found.rest == 0
    unknown = Reason("period_over" if over else "no_past")
    for name in ("landing_p10", "landing_p90", "interval_coverage", "method"):
        if figures[name] is None:
            reasons[name] = unknown
    if target is not None:
        figures["gap"] = target - float(found.quantile(0.5) or 0.0)
        figures["target_probability"] = found.probability(target)
        if figures["target_probability"] is None:
            reasons["target_probability"] = unknown
        if over or time.days_left == 0:
            reasons["required_pace_ratio"] = Reason("period_over")
        else:
            pace = parts.current_pace(found, time.days_gone, time.days_left, thresholds.phi_min)
            figures["required_pace"] = max(target - actual, 0.0) / time.days_left
            figures["current_pace"] = pace
            figures["required_pace_ratio"] = max(target - actual, 0.0) / time.days_left / pace if pace > 0 else None
            if pace <= 0:
                reasons["required_pace_ratio"] = Reason("no_sales")
    return figures


def _outside_events(dataset: Dataset) -> int:
    """How many outside events were noted on revenue: price rises, lockdowns ... that may have bent the past."""
    table = dataset.table("interventions")
    return int(((table["kind"] == "external") & (table["metric"] == "revenue")).sum())


@dataclass(frozen=True)
class Told:
    """The indicators: their verdicts, their months, the months of sales they were tested on, their correlations."""

    table: pd.DataFrame | None
    months: pd.DataFrame
    sales: pd.Series
    leads: pd.DataFrame | None = None


def _indicators(dataset: Dataset, sales: pd.DataFrame, thresholds: Thresholds, reasons: dict[str, Reason]) -> Told:
    """The verdicts on the company's sales, by calendar month."""
    candidates = indicators.series(dataset)
    days = sales["day"]
    monthly = sales.groupby(days.dt.year * 12 + days.dt.month)["amount"].sum()
    last = dataset.as_of.year * 12 + dataset.as_of.month
    if (pd.Timestamp(dataset.as_of) + series.DAY).day > 1:
        last -= 1
    monthly = monthly[(monthly.index <= last) & (monthly.index > monthly.index.min())]
    candidates = candidates[candidates.index <= last]
    if candidates.empty:
        reasons["indicators"] = absent("activities")
        return Told(None, candidates, monthly)
    table = indicators.tested(monthly, candidates, thresholds)
    if (table["verdict"] == "untested").all():
        reasons["indicators"] = Reason("too_few_months", {"months": 24 + thresholds.indicator_folds})
        return Told(None, candidates, monthly)
    leads = indicators.leads(monthly, candidates, thresholds)
    return Told(table, candidates, monthly, None if leads.empty else leads)


def _driven(time: series.Timeline, history: series.History, told: Told, scope: Scope) -> dict[int, float]:
    """M5 by ``back``: what M2 says, moved by the best leading indicator; kept only where it erred less than M2."""
    if told.table is None or scope.reps is not None or time.step > 1 or history.elapsed >= history.length:
        return {}
    leading = told.table[told.table["verdict"] == "leading"]
    starts = time.slots["start"]
    if leading.empty or not (starts.dt.day == 1).all():
        return {}
    best = leading.iloc[0]
    months = (starts.dt.year * 12 + starts.dt.month).to_numpy()
    said: dict[int, float] = {}
    seasonal = past_answers(history)
    answered = seasonal["M2"].dropna()
    for back, rest in zip(answered.index.tolist(), answered, strict=True):
        known = int(months[time.known - 1 - back])
        past = told.sales[told.sales.index <= known]
        if len(past) < 24:
            continue
        left = [int(m) for m in months[time.known - back : len(months) - back]]
        announced = told.months.loc[told.months.index <= known, best["kpi"]]
        said[back] = indicators.driver_rest(past, announced, int(best["lag_months"]), left, rest)
    judged = seasonal.loc[[back for back in said if back], ["rest", "M2"]].assign(M5=pd.Series(said))
    if len(judged) < 2 or 0 not in said:
        return {}
    error = judged[["M2", "M5"]].sub(judged["rest"], axis=0).abs().sum()
    return said if error["M5"] < error["M2"] else {}


def _of_deals(
    dataset: Dataset,
    time: series.Timeline,
    scope: Scope,
    book: pipeline.Book | None,
    components: pd.DataFrame | None,
    target: float | None,
    figures: dict[str, object],
    reasons: dict[str, Reason],
    thresholds: Thresholds,
) -> Frames:
    """The frames milestones, quotas, accelerate and basket."""
    names = ("milestones", "quotas", "accelerate", "basket")
    figures |= dict.fromkeys(["open_count", "overdue_count", "dropped_count", "weighted_pipeline", "lag_days"])
    figures |= dict.fromkeys(["deals_needed", "rolled_backlog"])
    if book is None:
        reasons |= dict.fromkeys(names, absent("opportunities"))
        return {}
    waiting = book.deals
    figures |= {"open_count": len(waiting), "overdue_count": int(waiting["is_overdue"].sum())}
    figures |= {"dropped_count": int((~waiting["is_counted"]).sum()), "weighted_pipeline": book.weighted}
    figures |= {"lag_days": book.lag_days, "rolled_backlog": book.rolled_backlog}
    frames: Frames = {}
    if waiting.empty:
        reasons |= dict.fromkeys(["accelerate"], Reason("no_open_deal"))
    else:
        frames["accelerate"] = milestones.accelerate(dataset, book).head(thresholds.accelerate_listed)
    if target is None or components is None:
        why = reasons.get("target") or reasons.get("landing_p50") or Reason("too_early")
        reasons |= dict.fromkeys(["milestones", "quotas", "basket"], why)
        return frames
    amount = components.set_index("step")["amount"]
    needed = target - float(amount.drop(["open_deals", "landing", "gap", "target"], errors="ignore").sum())
    figures["deals_needed"] = max(needed, 0.0)
    table = milestones.milestones(dataset, book, needed, thresholds) if time.days_left else None
    if table is None:
        reasons |= dict.fromkeys(["milestones", "quotas"], Reason("no_stage_history"))
    else:
        frames["milestones"] = table
        frames["quotas"] = milestones.quotas(dataset, table, book.closed, scope.reps)
    yearly = target * 12 / (time.length / time.step)
    frames["basket"] = milestones.basket(dataset, book, needed, yearly, thresholds)
    if frames["basket"] is None:
        reasons["basket"] = Reason("too_few_closed")
    return frames


def _of_activity(
    dataset: Dataset,
    sales: pd.DataFrame,
    scope: Scope,
    figures: dict[str, object],
    reasons: dict[str, Reason],
    thresholds: Thresholds,
) -> Frames:
    """The frames alerts and weeks, and the false alarms to expect."""
    figures |= dict.fromkeys(["charted_count", "signal_count", "false_alarm_share", "false_alarms", "cycle_weeks"])
    if not dataset.has("activities"):
        reasons |= dict.fromkeys(["alerts", "weeks", "charted"], absent("activities"))
        return {}
    weeks = alerts.charted(alerts.weekly(dataset, thresholds), dataset.names("reps"))
    if scope.reps is not None:
        weeks = weeks[weeks["rep_id"].isin(scope.reps)].reset_index(drop=True)
    if weeks.empty:
        reasons |= dict.fromkeys(["alerts", "weeks", "charted"], Reason("too_few_weeks"))
        return {}
    table = alerts.alerts(weeks, alerts.growth_by_rep(sales, dataset), thresholds)
    share = alerts.false_alarm_share(thresholds)
    figures |= {"charted_count": len(table), "signal_count": int(table["signal"].isin(["low", "high"]).sum())}
    figures |= {"false_alarm_share": share, "false_alarms": share * len(table)}
    figures["cycle_weeks"] = parts.cycle_weeks(dataset)
    if figures["cycle_weeks"] is None:
        reasons["cycle_weeks"] = Reason("too_few_closed")
    return {"alerts": table, "weeks": weeks}
