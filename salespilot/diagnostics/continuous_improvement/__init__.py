"""Continuous improvement: is this figure a signal or noise, did the change work, and what do we try next?"""

from __future__ import annotations

import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset, Window
from salespilot.diagnostics.continuous_improvement import changes, judge, series, verdicts
from salespilot.diagnostics.continuous_improvement.model import NAME, Parameters, Result, Thresholds
from salespilot.diagnostics.continuous_improvement.pillars import pillars
from salespilot.finding import Finding, Reason, absent
from salespilot.periods import working_days

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS = ("sales_lines",)
USES: tuple[str, ...] = ()
FIGURES = (
    "charts", "signals", "false_alarm_rate", "interventions", "adopted", "abandoned", "adapted", "waiting",
    "documented_share", "expected_false_alarms", "process_year", "target_year", "target_gap", "watched",
)  # fmt: skip


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Chart every indicator that the tables give, and set each documented change against what followed it.

    Raises SettingError when ``parameters.rep`` is nobody's code.
    """
    if parameters.rep and parameters.rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
    figures: dict[str, float | int | None] = dict.fromkeys(FIGURES)
    missing: dict[str, Reason] = {}
    window = series.span(dataset, thresholds)
    panel = series.panel(dataset, window, thresholds)
    listed = changes.listed(dataset)
    is_aside = (panel["scope_kind"] == "rep") & ~panel["indicator"].isin(series.PERSONAL)
    points, personal = (
        judge.judged(own, changes.causes(listed, own), thresholds) for own in (panel[~is_aside], panel[is_aside])
    )
    frames: dict[str, pd.DataFrame | None] = {}
    short = Reason("too_short", {"n": int(panel["month"].nunique()), "needed": thresholds.min_points})
    if personal.empty:
        missing["personal"] = short
    else:
        frames["personal"] = _named(_own(personal, parameters.rep), dataset)
    if points.empty or "signal" not in points:
        wanted = ("points", "charts", "signals", "expectations")
        missing |= dict.fromkeys((*wanted, "signals", "false_alarm_rate"), short)
        figures["charts"] = 0
    else:
        frames |= _charts(dataset, points, listed, parameters, thresholds, figures)
    ledger = _ledger(dataset, listed, panel, window, thresholds)
    if ledger.empty:
        missing |= dict.fromkeys(("changes", "marks", "adopted", "abandoned"), Reason("no_change_recorded"))
    else:
        frames |= {"changes": ledger, "marks": _marks(ledger)}
        figures |= _decisions(ledger)
    figures["interventions"] = len(ledger)
    figures |= _target(dataset, points, missing)
    own = pillars(dataset)
    if own[["self_assessed", "measured"]].notna().any(axis=None):
        frames["pillars"] = own
    else:
        missing["pillars"] = Reason("no_pillar_told")
    missing |= {name: Reason("not_measured") for name in FIGURES if figures[name] is None and name not in missing}
    return Result(**frames, key_figures=figures, not_computable=missing)


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """Rules T06-R1 to R7 (method, section 7)."""
    return verdicts.findings(result, thresholds)


def _charts(
    dataset: Dataset,
    points: pd.DataFrame,
    listed: pd.DataFrame,
    parameters: Parameters,
    thresholds: Thresholds,
    figures: dict[str, float | int | None],
) -> dict[str, pd.DataFrame | None]:
    reps = dataset.table("reps")
    gone = reps.loc[reps["end_date"].notna() & (reps["end_date"] <= pd.Timestamp(dataset.as_of)), "rep_id"]
    points = points[~((points["scope_kind"] == "rep") & points["scope_id"].isin(gone))]
    points = _named(points, dataset)
    start = pd.Timestamp(dataset.window.start)
    charts = _named(judge.summaries(points, start, thresholds), dataset)
    told = points[(points["signal"] != "") & (points["month"] >= start)]
    recent = points["month"].max() - pd.DateOffset(months=thresholds.recent_months - 1)
    away = (told["value"] / told["centre"] - 1).where(told["centre"] > 0)
    signals = told.assign(is_recent=told["month"] >= recent, cause=_cause(told, listed), deviation_share=away)
    figures["charts"] = len(charts)
    figures["signals"] = int(charts["signal_count"].gt(0).sum())
    figures["watched"] = int((charts["verdict"] == "watch").sum())
    figures["false_alarm_rate"] = float(charts["false_alarm_share"].mean())
    figures["expected_false_alarms"] = float(charts["false_alarm_share"].sum())
    expected = judge.expectations(points, "revenue_per_day")
    expected.insert(1, "rep_name", expected["rep_id"].map(dataset.names("reps")))
    return {
        "points": _own(points, parameters.rep),
        "charts": _own(charts, parameters.rep),
        "signals": signals.sort_values("month", ascending=False, ignore_index=True),
        "expectations": expected if len(expected) else None,
    }


def _own(frame: pd.DataFrame, rep: str) -> pd.DataFrame:
    """The series of one salesperson where one is asked for."""
    return frame[frame["scope_id"] == rep] if rep else frame


def _named(frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    names = dataset.names("reps")
    own = frame["scope_id"].where(frame["scope_kind"] != "rep", frame["scope_id"].map(names))
    return frame.assign(scope_name=own.where(frame["scope_kind"] != "company", "sales_force"))


def _cause(told: pd.DataFrame, listed: pd.DataFrame) -> pd.Series:
    """The documented change of the month of a signal or of the two before it, in its scope or the company's."""
    found: list[str | None] = []
    for row in told.itertuples():
        gap = (row.month - listed["start_date"].dt.to_period("M").dt.to_timestamp()).dt.days
        near = listed[gap.between(0, 62) & (listed["indicator"] == row.indicator)]
        near = near[(near["scope_kind"] == "company") | (near["scope_id"] == row.scope_id)]
        found.append(str(near["description"].iloc[-1]) if len(near) else None)
    return pd.Series(found, told.index, dtype=object)


def _ledger(
    dataset: Dataset, listed: pd.DataFrame, panel: pd.DataFrame, window: Window, thresholds: Thresholds
) -> pd.DataFrame:
    ledger = changes.measured(dataset, listed, panel, window, thresholds)
    if ledger.empty:
        return ledger
    year = panel[(panel["indicator"] == "revenue_per_day") & (panel["scope_kind"] == "company")]
    annual = float(year["raw_value"].tail(12).sum())
    is_money = (ledger["indicator"] == "revenue_per_day") & (ledger["scope_kind"] == "company")
    ledger["yearly_effect"] = (ledger["effect"] * annual / (1 + ledger["effect"])).where(is_money)
    names = dataset.names("reps")
    own = ledger["scope_id"].where(ledger["scope_kind"] != "rep", ledger["scope_id"].map(names))
    own = own.where(ledger["scope_kind"] != "company", "sales_force").where(
        ledger["scope_kind"] != "targets", "targeted"
    )
    ledger["is_documented"] = ledger["is_hypothesis"] & ledger["decision"].isin(("adopt", "adapt", "abandon"))
    order = ledger["decision"].map({word: place for place, word in enumerate(changes.DECISIONS)})
    return ledger.assign(scope_name=own, order=order).sort_values(["order", "start_date"]).drop(columns="order")


def _marks(ledger: pd.DataFrame) -> pd.DataFrame:
    own = ledger[ledger["origin"] == "intervention"]
    own = own if len(own) else ledger[ledger["scope_kind"] == "company"]
    return own.rename(columns={"start_date": "month", "change_id": "label"})[["month", "label"]]


def _decisions(ledger: pd.DataFrame) -> dict[str, float | int | None]:
    count = ledger["decision"].value_counts()
    due = ledger[~ledger["decision"].isin(("wait", "redefined"))]
    return {
        "adopted": int(count.get("adopt", 0)),
        "abandoned": int(count.get("abandon", 0)),
        "adapted": int(count.get("adapt", 0)),
        "waiting": int(count.get("wait", 0)),
        "documented_share": float(due["is_documented"].mean()) if len(due) else None,
    }


def _target(dataset: Dataset, points: pd.DataFrame, missing: dict[str, Reason]) -> dict[str, float | int | None]:
    """What the process gives in a year as it is, against the company's revenue target of the year of ``as_of``."""
    targets = dataset.table("targets")
    own = targets[(targets["metric"] == "revenue") & (targets["entity_level"] == "company")]
    year = dataset.as_of.year
    own = own[own["period_start"].dt.year == year]
    own = own.sort_values("version").drop_duplicates("period_start", keep="last")
    main = points[(points["indicator"] == "revenue_per_day") & (points["scope_kind"] == "company")]
    keys = ("process_year", "target_year", "target_gap")
    if own.empty or main.empty or "centre" not in main:
        untold = Reason("no_company_target") if dataset.has("targets") else absent("targets")
        missing |= dict.fromkeys(keys, untold if own.empty else missing.get("charts", Reason("not_measured")))
        return dict.fromkeys(keys)
    first, last = dataset.as_of.replace(month=1, day=1), dataset.as_of.replace(month=12, day=31)
    regime = main.loc[main["regime"] == main["regime"].max(), "value"]
    process = float(regime.mean()) * working_days(dataset, first, last)
    target = float(own["value"].sum())
    return {"process_year": process, "target_year": target, "target_gap": target - process}
