"""Forecast accuracy: how wrong are the forecasts, which way, whose, how early, and do they beat a naive one?"""

from __future__ import annotations

import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.forecast_accuracy import calibration, hand_overs, rollup, verdicts, wins
from salespilot.diagnostics.forecast_accuracy.actuals import COMPANY
from salespilot.diagnostics.forecast_accuracy.ground import Ground, ground, scope
from salespilot.diagnostics.forecast_accuracy.model import NAME, Parameters, Result, Thresholds
from salespilot.diagnostics.forecast_accuracy.snapshots import A_YEAR
from salespilot.finding import Finding, Reason, absent

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

# Without snapshots of forecasts, deals still tell whether their probabilities and categories mean what they say.
NEEDS = (("forecast_snapshots", "opportunities"), "sales_lines")
USES: tuple[str, ...] = ()

Figures = dict[str, float | int | None]
Reasons = dict[str, Reason]
Frames = dict[str, pd.DataFrame | None]

ACCURACY = (
    "periods", "bias", "wape", "mase", "wape_naive", "fva", "mape", "tracking_signal", "wape_seasonal", "fva_seasonal",
    "wape_company", "bias_company", "forecast_total", "actual_total", "entity_count", "comparison_count", "mase_lag",
    "covered_share", "periods_a_year", "hourly_cost", "error_spread", "wape_far", "days_far", "wape_near", "days_near",
)  # fmt: skip
PEOPLE = (
    "over_forecasters", "under_forecasters", "in_line_count", "unproven_count", "tested_count", "unjudged_count",
    "expected_false_alarms",
)  # fmt: skip
ROLLUP = ("announced", "corrected", "correction_share", "wape_announced", "wape_corrected")
COMMIT = ("commit_conversion", "commit_value", "commit_won_value", "commit_kept", "committed_deals")
SURPRISES = ("surprise_win_share", "surprise_value", "surprise_deals", "won_deals", "won_value")
CALIBRATION = (
    "brier", "brier_base", "case_count", "open_case_count", "stage_case_count", "off_bands", "band_count",
    "declared_pipeline", "empirical_pipeline",
)  # fmt: skip


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Set the forecasts against what was sold, and the deals' declared categories and probabilities against their fate.

    Raises SettingError when ``parameters.rep`` is nobody's code.
    """
    if parameters.rep and parameters.rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"rep: nobody has the code {parameters.rep!r}")
    reasons: Reasons = {}
    figures: Figures = dict.fromkeys((*ACCURACY, *PEOPLE, *ROLLUP, *COMMIT, *SURPRISES, *CALIBRATION))
    frames: Frames = {}
    found = ground(dataset, parameters, thresholds)
    costs = dataset.table("costs").set_index("role")["hourly_cost"]
    figures["hourly_cost"] = _number(costs["all"] if "all" in costs.index else costs.mean())
    _unknown(figures, ("hourly_cost",), reasons, absent("costs"))
    figures["bias_limit"] = thresholds.bias_act
    if isinstance(found, Reason):
        given = (
            "course",
            "sources",
            "stairs",
            "horizons",
            "reps",
            "people",
            "errors",
            "rollup",
            "rollup_reps",
            "scope",
        )
        reasons = dict.fromkeys((*given, *ACCURACY, *PEOPLE, *ROLLUP), found) | reasons
        periods = _months(dataset)
    else:
        periods = found.periods
        frames |= _accuracy(found, figures, reasons)
        frames |= _people(dataset, found, parameters.rep, thresholds, figures, reasons)
    frames |= _wins(dataset, found, periods, parameters.horizon_days, figures, reasons)
    frames |= _calibration(dataset, thresholds, figures, reasons)
    return Result(**frames, key_figures=figures, not_computable=reasons)


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """What to do about it: the rules T09-R1 and T09-R2 and the limits of section c1, the gravest first."""
    return verdicts.findings(result, thresholds)


def _months(dataset: Dataset) -> pd.DataFrame:
    """The calendar months of the period reported on."""
    months = pd.period_range(dataset.window.start, dataset.window.end, freq="M")
    return pd.DataFrame({"period_start": months.start_time, "period_end": months.end_time.normalize()})


def _unknown(figures: Figures, names: tuple[str, ...], reasons: Reasons, reason: Reason) -> None:
    """Says why for each figure of the group that is still unknown."""
    for name in names:
        if figures[name] is None:
            reasons.setdefault(name, reason)


def _number(value: object) -> float | None:
    return None if value is None or pd.isna(value) else float(value)  # type: ignore[call-overload,arg-type]


def _accuracy(found: Ground, figures: Figures, reasons: Reasons) -> Frames:
    sources, lag = hand_overs.by_source(found)
    horizons = hand_overs.by_horizon(found)
    checks = scope(found).set_index("check")
    main = sources[sources["is_main"]].set_index("source")
    last = main.loc[found.last]
    company = sources[(sources["level"] == COMPANY) & (sources["source"] == found.last)]
    figures |= {name: _number(last[name]) for name in ("bias", "wape", "mase", "mape", "tracking_signal")}
    figures |= {"fva": _number(last["fva"]), "fva_seasonal": _number(last["fva_seasonal"])}
    for source in ("naive", "seasonal"):
        figures[f"wape_{source}"] = _number(main["wape"].get(source))
    for name in ("wape", "bias"):
        figures[f"{name}_company"] = _number(company[name].iloc[0]) if len(company) else None
    wide = found.wide(found.level)
    figures |= {
        "periods": len(found.periods),
        "comparison_count": int(main["n"].to_dict()[found.last]),
        "mase_lag": lag,
    }
    figures |= {"entity_count": int(wide["unique_id"].nunique()), "covered_share": _number(checks["share"]["covered"])}
    figures |= {"forecast_total": _number(checks["forecast"]["compared"])}
    figures |= {"actual_total": _number(checks["actual"]["compared"]), "periods_a_year": _periods_a_year(found)}
    company_error = wide.groupby("ds")[[found.last, "y"]].sum()
    sold = company_error["y"].where(company_error["y"] > 0)
    figures["error_spread"] = _number(((company_error[found.last] - sold) / sold).std())
    if len(horizons):
        far, near = horizons.iloc[0], horizons.iloc[-1]
        for name, row in (("far", far), ("near", near)):
            figures |= {f"wape_{name}": _number(row["wape"]), f"days_{name}": round(float(row["days_before_end"]))}
    _unknown(figures, ("mase", "mase_lag"), reasons, Reason("no_history_before"))
    _unknown(figures, ("wape_naive", "fva", "wape_seasonal", "fva_seasonal"), reasons, Reason("no_naive"))
    _unknown(figures, ("wape_company", "bias_company"), reasons, Reason("no_company_forecast"))
    _unknown(figures, ACCURACY, reasons, Reason("no_actual"))
    return {
        "course": hand_overs.course(found), "sources": sources, "horizons": horizons, "scope": checks.reset_index()
    }  # fmt: skip


def _periods_a_year(found: Ground) -> float:
    first = found.periods.iloc[0]
    if found.kind in A_YEAR:
        return float(A_YEAR[found.kind])
    return round(365.25 / ((first["period_end"] - first["period_start"]).days + 1), 1)


def _people(
    dataset: Dataset, found: Ground, rep: str, thresholds: Thresholds, figures: Figures, reasons: Reasons
) -> Frames:
    errors, level = rollup.own_errors(found)
    table = rollup.people(dataset, errors, thresholds)
    single = rollup.to_come(found, level, table.set_index("rep_id")["bias_shrunk"])
    frames: Frames = {}
    if single.empty:
        reasons |= dict.fromkeys(("rollup", "rollup_reps", *ROLLUP[:3]), Reason("no_forecast_to_come"))
    else:
        frames["rollup"] = rollup.summed(found, single)
        figures["announced"], figures["corrected"] = (
            _number(single[name].sum()) for name in ("announced", "corrected")
        )
        figures["correction_share"] = _number(single["corrected"].sum() / single["announced"].sum() - 1)
    proof = rollup.proof(errors, dataset.conventions.small_n_hide, thresholds)
    figures["wape_announced"], figures["wape_corrected"] = map(_number, proof)
    _unknown(figures, ROLLUP, reasons, Reason("too_few_periods", {"n": figures["periods"]}))
    if level != "rep":
        reasons |= dict.fromkeys(("reps", "people", "errors", "rollup_reps", *PEOPLE), Reason("no_rep_forecast"))
        return frames
    if table["bias"].isna().all():
        reasons["people"] = Reason("too_few_periods", {"n": figures["periods"]})
    names = table.set_index("rep_id")["rep_name"]
    said = {"left": "unjudged_count", "ramping": "unjudged_count", "in_line": "in_line_count"}
    said |= {"over_forecaster": "over_forecasters", "under_forecaster": "under_forecasters"}
    counts = table["verdict"].map(said).fillna("unproven_count").value_counts()
    figures |= {name: int(counts.get(name, 0)) for name in ("unjudged_count", *PEOPLE[:4])}
    tested = (table["n"] >= thresholds.min_periods) & ~table["verdict"].isin(["left", "ramping"])
    figures["tested_count"] = int(tested.sum())
    figures["expected_false_alarms"] = float(tested.sum() * 2 * (1 - thresholds.prone_probability))
    shown = {"reps": table, "errors": errors.rename(columns={"entity_id": "rep_id"})}
    if not single.empty:
        shown["rollup_reps"] = single.rename(columns={"entity_id": "rep_id"})
    for name, frame in shown.items():
        named = (
            frame if "rep_name" in frame else frame.assign(rep_name=frame["rep_id"].map(names).fillna(frame["rep_id"]))
        )
        named = named[["rep_name", *(column for column in named if column != "rep_name")]]
        frames[name] = named[named["rep_id"] == rep].reset_index(drop=True) if rep else named
    return frames


def _wins(
    dataset: Dataset, found: Ground | Reason, periods: pd.DataFrame, horizon: int, figures: Figures, reasons: Reasons
) -> Frames:
    frames: Frames = {}
    missing = absent("opportunities") if not dataset.has("opportunities") else Reason("no_category_history")
    states = wins.states(dataset, periods, horizon)
    if states is not None:
        kinds = wins.surprises(states)
        frames |= {"surprises": kinds, "commit": wins.committed(states)}
        table = kinds.set_index("win_kind")
        unannounced = table.drop(index="announced")
        figures |= {"won_deals": int(table["deal_count"].sum()), "won_value": float(table["won_value"].sum())}
        figures |= {"surprise_deals": int(unannounced["deal_count"].sum())}
        figures |= {"surprise_value": float(unannounced["won_value"].sum())}
        figures["surprise_win_share"] = _number(unannounced["value_share"].sum(min_count=1))
        figures["committed_deals"] = wins.committed_count(states)
    elif isinstance(found, Ground):
        frames["commit"] = hand_overs.committed(found)
    commit = frames.get("commit")
    if commit is not None and commit["commit_value"].sum() > 0:
        value, won, kept = (float(commit[name].sum()) for name in ("commit_value", "won_value", "commit_won"))
        figures |= {"commit_value": value, "commit_won_value": won, "commit_conversion": won / value}
        figures["commit_kept"] = kept / value if states is not None else None
    elif commit is not None:
        frames["commit"], missing = None, Reason("nothing_committed")
    for name, group in (("commit", COMMIT), ("surprises", SURPRISES)):
        if frames.get(name) is None:
            reasons[name] = missing
        _unknown(figures, group, reasons, missing)
    return frames


def _calibration(dataset: Dataset, thresholds: Thresholds, figures: Figures, reasons: Reasons) -> Frames:
    told = calibration.declared(dataset, thresholds.maturity_quantile)
    if isinstance(told, calibration.Declared) and len(told.cases) < dataset.conventions.small_n_hide:
        told = Reason("too_few_deals", {"n": len(told.cases)})
    if isinstance(told, Reason):
        reasons["calibration"] = told
        _unknown(figures, CALIBRATION, reasons, told)
        return {}
    bands = calibration.reliability(told.cases, dataset.conventions.small_n_hide)
    base = float(told.cases["is_won"].mean())
    figures |= {"brier": calibration.brier(told.cases), "brier_base": base * (1 - base), "case_count": len(told.cases)}
    figures |= {"off_bands": int(bands["is_off"].sum()), "band_count": int(bands["won_rate"].notna().sum())}
    figures["declared_pipeline"], figures["empirical_pipeline"] = calibration.weighted(dataset, bands)
    if told.is_by_stage:
        figures |= {"stage_case_count": len(told.cases), "open_case_count": told.open_count}
    _unknown(figures, CALIBRATION, reasons, Reason("probability_kept"))
    return {"calibration": bands}
