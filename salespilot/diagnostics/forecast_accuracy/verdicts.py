"""The rules T09-R1 and T09-R2, and what exceeds the limits of the method's section on forecast accuracy (T09-R0)."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from salespilot.diagnostics.forecast_accuracy.model import NAME, Result, Thresholds
from salespilot.diagnostics.forecast_accuracy.rollup import corrected
from salespilot.finding import Finding, Severity

COVERED = 0.95


def findings(result: Result, thresholds: Thresholds) -> list[Finding]:
    """What to tell, the gravest first.

    An error of forecast is no sale to make: the only stakes are the sales announced and not to come (at risk), and
    the hours of a hand-over that adds nothing (cost).
    """
    found = [
        *_unknown(result, thresholds),
        *_hand_overs(result, thresholds),
        *_people(result, thresholds),
        *_whole(result, thresholds),
        *_deals(result, thresholds),
    ]
    gravity = list(Severity)
    return sorted(found, key=lambda f: (gravity.index(f.severity), f.rule == "T09-R0", -(f.stake or 0.0), f.subject_id))


def _unknown(result: Result, th: Thresholds) -> Iterator[Finding]:
    """What cannot be known, and what to record from today."""
    figures = result.key_figures
    reason = result.not_computable.get("sources")
    if reason is not None and reason.code in ("no_snapshots", "no_closed_period"):
        yield Finding(NAME, "T09-R0", reason.code, Severity.ALERT, "company", "all", lead_days=th.lead_days)
    elif reason is not None and reason.code == "scope_mismatch":
        yield Finding(
            NAME, "T09-R0", "scope_mismatch", Severity.ALERT, "company", "all", lead_days=th.lead_days,
            values=dict(reason.values),
        )  # fmt: skip
    elif figures["periods"] is not None and figures["periods"] < th.min_periods:
        values = {"n": figures["periods"], "needed": th.min_periods}
        yield Finding(NAME, "T09-R0", "few_periods", Severity.WATCH, "company", "all", values=values)
    share = figures["covered_share"]
    if share is not None and share < COVERED:
        yield Finding(
            NAME, "T09-R0", "partly_covered", Severity.WATCH, "company", "all", lead_days=th.lead_days,
            values={"share": share, "n": figures["entity_count"]},
        )  # fmt: skip


def _hand_overs(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R1: a step that adds nothing over enough periods; an alert where the loss is not chance."""
    if result.sources is None:
        return
    table = result.sources
    steps = table[(table["is_main"] | (table["source"] == "statistical")) & (table["periods"] >= th.min_periods)]
    wapes = table.set_index(["level", "source"])["wape"]
    for row in steps[steps["fva_step"] <= 0].to_dict("records"):
        yearly = row["n"] / row["periods"] * float(result.key_figures["periods_a_year"] or 0)
        hours = 0.0 if row["source"] == "statistical" else yearly * th.forecast_hours
        before = row["step_from"]
        values = {"source": row["source"], "before": before, "wape": row["wape"], "periods": int(row["periods"])}
        values |= {"wape_before": wapes[row["level"], before], "fva": row["fva_step"], "n": int(row["n"])}
        values |= {"low": row["fva_step_low"], "high": row["fva_step_high"], "hours": hours}
        hourly = result.key_figures["hourly_cost"]
        proven = row["fva_step_high"] < 0
        code = "naive_is_better" if before == "naive" else "step_adds_nothing"
        yield Finding(
            NAME, "T09-R1", code if proven else f"{code}_unproven", Severity.ALERT if proven else Severity.WATCH,
            "kpi", row["source"], stake=hourly * hours if hourly and hours else None, stake_kind="cost", hours=hours,
            lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _people(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R2: who announces too much or too little, beyond chance and beyond the limit."""
    if result.reps is None:
        return
    a_year = float(result.key_figures["periods_a_year"] or 0)
    for row in result.reps.to_dict("records"):
        if row["verdict"] not in ("over_forecaster", "under_forecaster"):
            continue
        is_over = row["verdict"] == "over_forecaster"
        excess = row["forecast"] - float(
            corrected(pd.Series([row["forecast"]]), pd.Series([row["bias_shrunk"]])).iloc[0]
        )
        share = abs(excess) / row["forecast"]
        excess *= a_year / row["n"]
        hits = row["over_count"] if is_over else row["n"] - row["over_count"]
        values = {"name": row["rep_name"], "hits": int(hits), "n": int(row["n"]), "bias": abs(row["bias"])}
        low, high = (row["bias_low"], row["bias_high"]) if is_over else (-row["bias_high"], -row["bias_low"])
        values |= {"low": low, "high": high, "correction": share}
        values |= {"probability": row["over_probability"] if is_over else 1 - row["over_probability"]}
        yield Finding(
            NAME, "T09-R2", row["verdict"], Severity.ALERT if is_over else Severity.WATCH, "rep", row["rep_id"],
            stake=excess if is_over else None, stake_kind="at_risk", targets=(("rep", row["rep_id"]),),
            lead_days=th.lead_days, values=values | {"excess": abs(excess)},
        )  # fmt: skip


def _whole(result: Result, th: Thresholds) -> Iterator[Finding]:
    """The bias of all forecasts together, errors that add up, a gap too steady to be a forecast's, or a good record."""
    figures = result.key_figures
    bias, signal, periods = figures["bias"], figures["tracking_signal"], figures["periods"]
    if bias is None or periods is None or periods < th.min_periods:
        return
    values = {"bias": abs(bias), "n": periods, "wape": figures["wape"], "signal": signal, "fva": figures["fva"]}
    values["fva_seasonal"] = figures["fva_seasonal"]
    spread = figures["error_spread"]
    if abs(bias) >= th.bias_act and spread is not None and spread < th.constant_spread:
        yield Finding(
            NAME, "T09-R0", "constant_gap", Severity.ALERT, "company", "all", lead_days=th.lead_days,
            values=values | {"spread": spread, "signed": bias},
        )  # fmt: skip
    elif abs(bias) > th.bias_act:
        excess = (figures["forecast_total"] or 0) - (figures["actual_total"] or 0)
        yield Finding(
            NAME, "T09-R0", "bias_over" if bias > 0 else "bias_under", Severity.ALERT, "company", "all",
            stake=excess * float(figures["periods_a_year"] or 0) / periods if bias > 0 else None, stake_kind="at_risk",
            lead_days=th.lead_days, values=values,
        )  # fmt: skip
    elif signal is not None and abs(signal) > th.tracking_signal:
        yield Finding(
            NAME, "T09-R0", "signal_over" if signal > 0 else "signal_under", Severity.WATCH, "company", "all",
            lead_days=th.lead_days, values=values | {"signal": abs(signal), "limit": th.tracking_signal},
        )  # fmt: skip
    elif abs(bias) <= th.bias_ok and min(figures["fva"] or 0, figures["fva_seasonal"] or figures["fva"] or 0) > 0:
        yield Finding(NAME, "T09-R0", "sound", Severity.GOOD, "company", "all", values=values)


def _deals(result: Result, th: Thresholds) -> Iterator[Finding]:
    """Commitments not kept, wins that nobody announced, probabilities that do not mean what they say."""
    figures = result.key_figures
    conversion, share = figures["commit_conversion"], figures["surprise_win_share"]
    if conversion is not None and conversion < th.commit_conversion_limit and result.commit is not None:
        missing = (figures["commit_value"] or 0) - (figures["commit_won_value"] or 0)
        years = len(result.commit) / float(figures["periods_a_year"] or 12)
        values = {"share": conversion, "committed": figures["commit_value"], "won": figures["commit_won_value"]}
        values |= {"kept": figures["commit_kept"], "n": figures["committed_deals"], "limit": th.commit_conversion_limit}
        code = "commit_low" if figures["commit_kept"] is not None else "commit_low_forecast"
        yield Finding(
            NAME, "T09-R0", code, Severity.ALERT, "company", "commit", stake=missing / years, stake_kind="at_risk",
            lead_days=th.lead_days, values=values,
        )  # fmt: skip
    if share is not None and share > th.surprise_limit:
        values = {"share": share, "n": figures["surprise_deals"], "of": figures["won_deals"]}
        values |= {"value": figures["surprise_value"], "limit": th.surprise_limit}
        yield Finding(
            NAME, "T09-R0", "surprise_wins", Severity.WATCH, "company", "surprises", lead_days=th.lead_days,
            values=values,
        )  # fmt: skip
    if result.calibration is not None and figures["off_bands"]:
        off = result.calibration[result.calibration["is_off"]]
        worst = off.assign(gap=(off["won_rate"] - off["probability_declared"]).abs()).nlargest(1, "gap")
        band = worst.to_dict("records")[0]
        values = {"declared": band["probability_declared"], "rate": band["won_rate"], "n": int(band["n"])}
        values |= {"low": band["won_low"], "high": band["won_high"], "bands": figures["off_bands"]}
        values |= {"of": figures["band_count"], "weighted": figures["declared_pipeline"]}
        values |= {"corrected": figures["empirical_pipeline"]}
        yield Finding(
            NAME, "T09-R0", "probabilities_off", Severity.WATCH, "company", "probabilities", lead_days=th.lead_days,
            values=values,
        )  # fmt: skip
