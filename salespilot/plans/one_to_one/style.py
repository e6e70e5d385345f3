"""A style hypothesis per task: how well it is mastered, how the effort goes, and what follows; never a verdict.

Situational leadership: the task is judged, not the person, and research support for the model is mixed [S77][S78][G].
Nothing here infers personality or motives: effort is compared with one's own usual level, and only where it is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.inference import shrunk_rates
from salespilot.plans.one_to_one.model import Results, Thresholds

TASKS: Mapping[str, tuple[str, ...]] = {
    "prospecting": ("rate_conversation", "rate_appointment"),
    "discovery": ("rate_visit", "rate_quote"),
    "closing": ("rate_order", "win_rate"),
    "follow_up": ("evidence", "next_step"),
    "forecasting": (),
}
"""Each task and the rates that show how it is mastered; forecasts are judged by their bias."""

SKILLS: Mapping[str, tuple[str, ...]] = {
    "prospecting": ("prospecting", "preparation"),
    "discovery": ("discovery", "offer"),
    "closing": ("closing", "negotiation"),
    "follow_up": ("follow_up",),
    "forecasting": ("forecasting", "forecast"),
}
"""Each task and the skills rated by the manager that speak of it."""

STYLES: Mapping[tuple[str, str], str] = {
    ("low", "high"): "directive",
    ("low", "variable"): "persuasive",
    ("low", "low"): "persuasive",
    ("middle", "high"): "participative",
    ("middle", "variable"): "persuasive",
    ("middle", "low"): "persuasive",
    ("high", "high"): "delegative",
    ("high", "variable"): "participative",
    ("high", "low"): "participative",
}
"""(mastery, effort) -> style [S77][S78]; effort kept at one's usual level counts as high."""

EFFORT_SERIES = ("visits_per_day", "quotes_per_day", "contacts_per_day")
SIGMAS = 3.0
"""Natural limits stand about three standard deviations from the centre."""


@dataclass(frozen=True)
class Ground:
    """What is common to all: ``rates`` one row a salesperson and rate (cases, z), ``ratings`` one row a salesperson and
    task (rating), ``efforts`` rep_id -> low (a signal of a fall), variable, high; ``biases`` rep_id -> verdict on
    forecasts, periods."""

    rates: pd.DataFrame
    ratings: pd.DataFrame
    efforts: Mapping[str, str]
    biases: Mapping[str, tuple[str, int]]


def ground(dataset: Dataset, results: Results, thresholds: Thresholds) -> Ground:
    """All that styles rest on, for everyone at once."""
    return Ground(_rates(results), _ratings(dataset, thresholds), efforts(results, thresholds), _biases(results))


def _rates(results: Results) -> pd.DataFrame:
    """z of each shrunk rate among the salespeople compared; 0 where they differ no more than by chance."""
    parts = []
    steps = results["activity_productivity"][0].rep_steps if "activity_productivity" in results else None
    if steps is not None:
        compared = steps[steps["is_compared"]]
        parts.append(
            pd.DataFrame(
                {
                    "rep_id": compared["rep_id"],
                    "measure": compared["step"],
                    # Case-mix adjusted: successes per case of the peers' mix.
                    "successes": compared["adjusted_rate"] * compared["equivalent_count"],
                    "trials": compared["equivalent_count"],
                    "cases": compared["from_count"],
                }
            )
        )
    cycle = results["sales_cycle"][0] if "sales_cycle" in results else None
    for frame, measure, kept, all_of in _cycle_rates(cycle):
        parts.append(
            pd.DataFrame(
                {"rep_id": frame["rep_id"], "measure": measure, "successes": kept, "trials": all_of, "cases": all_of}
            )
        )
    columns = ["rep_id", "measure", "cases", "z"]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=columns)
    rates = pd.concat(parts, ignore_index=True)
    rates = rates[rates["trials"].gt(0) & rates["successes"].notna()].reset_index(drop=True)
    rates["z"] = 0.0
    for _, own in rates.groupby("measure"):
        shrunk = shrunk_rates(own["successes"], own["trials"])
        spread = float(np.std(shrunk, ddof=1)) if len(own) > 2 else 0.0
        if spread > 1e-9:
            rates.loc[own.index, "z"] = (shrunk - shrunk.mean()) / spread
    return rates[columns]


def _cycle_rates(cycle: object) -> list[tuple[pd.DataFrame, str, pd.Series, pd.Series]]:
    rates = []
    reps = getattr(cycle, "reps", None)
    if reps is not None:
        reps = reps[~reps["is_former"]]
        rates.append((reps, "win_rate", reps["won"].astype(float), (reps["won"] + reps["lost"]).astype(float)))
        if "next_step_share" in reps:
            rates.append((reps, "next_step", reps["next_step_share"] * reps["open_count"], reps["open_count"]))
    evidence = getattr(cycle, "evidence_reps", None)
    if evidence is not None:
        rates.append((evidence, "evidence", evidence["met"].astype(float), evidence["required"].astype(float)))
    return rates


def _ratings(dataset: Dataset, thresholds: Thresholds) -> pd.DataFrame:
    """The manager's last rating of each skill, averaged over the skills of a task: rep_id, task, rating."""
    columns = ["rep_id", "task", "rating"]
    if not dataset.has("rep_assessments"):
        return pd.DataFrame(columns=columns)
    own = dataset.table("rep_assessments")
    recent = pd.Timestamp(dataset.as_of) - pd.Timedelta(days=thresholds.rating_days)
    own = own[(own["assessor"] == "manager") & (own["date"] >= recent)].dropna(subset="rating")
    own = own.sort_values("date").drop_duplicates(["rep_id", "skill_code"], keep="last")
    tasks = {skill: task for task, skills in SKILLS.items() for skill in skills}
    own = own.assign(task=own["skill_code"].map(tasks), rating=own["rating"].astype(float)).dropna(subset="task")
    return own.groupby(["rep_id", "task"])["rating"].mean().reset_index()[columns]


def efforts(results: Results, thresholds: Thresholds) -> dict[str, str]:
    """Each salesperson's effort against their own usual level, of those whose activity is charted.

    low: a signal of a fall in a recent behaviour chart; variable: no signal, but the mean of the last months and weeks
    lies below the centre by more than chance gives one time in twenty; high: at the usual level or above [J].
    """
    points = results["continuous_improvement"][0].points if "continuous_improvement" in results else None
    weeks = results["dynamic_steering"][0].weeks if "dynamic_steering" in results else None
    shown = ["scope_id", "indicator", "moment", "value", "centre", "upper"]
    parts = []
    if points is not None:
        own = points[(points["scope_kind"] == "rep") & points["indicator"].isin(EFFORT_SERIES)]
        parts.append(_last(own.rename(columns={"month": "moment"})[shown], thresholds.effort_points))
    if weeks is not None:
        own = weeks.rename(columns={"rep_id": "scope_id", "week": "moment", "weekly_rate": "value"})
        parts.append(_last(own.assign(indicator="weekly_rate")[shown], thresholds.effort_weeks))
    if not parts:
        return {}
    last = pd.concat(parts, ignore_index=True)
    grouped = last.groupby(["scope_id", "indicator"]).agg(
        value=("value", "mean"), centre=("centre", "last"), upper=("upper", "last"), n=("value", "size")
    )
    sigma = (grouped["upper"] - grouped["centre"]) / SIGMAS
    z = (grouped["value"] - grouped["centre"]) / (sigma / np.sqrt(grouped["n"])).where(sigma > 0)
    means = z.groupby("scope_id").mean().dropna()
    fallen = _fallen(results)
    words = {str(rep): "variable" if value <= thresholds.effort_low else "high" for rep, value in means.items()}
    return words | dict.fromkeys(fallen & set(words), "low")


def _fallen(results: Results) -> set[str]:
    """Those whose activity signals a fall: weekly contacts, or a recent month of an effort series."""
    alerts = results["dynamic_steering"][0].alerts if "dynamic_steering" in results else None
    told = results["continuous_improvement"][0].signals if "continuous_improvement" in results else None
    fallen: set[str] = set()
    if alerts is not None:
        fallen |= set(alerts.loc[alerts["signal"] == "low", "rep_id"].astype(str))
    if told is not None:
        low = told[(told["scope_kind"] == "rep") & told["is_recent"] & (told["signal"] == "low")]
        fallen |= set(low.loc[low["indicator"].isin(EFFORT_SERIES), "scope_id"].astype(str))
    return fallen


def _last(series: pd.DataFrame, points: int) -> pd.DataFrame:
    known = series.dropna(subset=["value", "centre", "upper"]).sort_values("moment")
    return known.groupby(["scope_id", "indicator"]).tail(points)


def _biases(results: Results) -> dict[str, tuple[str, int]]:
    reps = results["forecast_accuracy"][0].reps if "forecast_accuracy" in results else None
    if reps is None:
        return {}
    return {
        str(rep): (str(verdict), int(n))
        for rep, verdict, n in zip(reps["rep_id"], reps["verdict"], reps["n"], strict=True)
    }


def tasks(rep: str, known: Ground, is_logging: bool, is_new: bool, thresholds: Thresholds) -> pd.DataFrame:
    """One row a task: case_count, mastery, manager_rating, engagement, style, style_confidence, why.

    Confidence A: figures and the manager's rating agree; B: one of them; C: not enough, the manager judges.
    """
    rows = []
    effort = known.efforts.get(rep) if is_logging else None
    for task in TASKS:
        count, measured = _measured(task, rep, known, thresholds)
        rated = known.ratings[(known.ratings["rep_id"] == rep) & (known.ratings["task"] == task)]["rating"]
        rating = float(rated.iloc[0]) if len(rated) else None
        judged = None if rating is None else _class(rating - thresholds.rating_middle, thresholds)
        mastery, confidence, why = weighed(measured, judged)
        if is_new:
            style, confidence, why = "directive", "B", "new"
        elif mastery is None:
            style = "undetermined"
        elif effort is None:
            style, confidence, why = "undetermined", "C", "effort_unknown" if is_logging else "not_logged"
        else:
            style = STYLES[mastery, effort]
        rows.append(
            {
                "task": task, "case_count": count, "mastery": mastery, "manager_rating": rating, "engagement": effort,
                "style": style, "style_confidence": confidence, "why": why,
            }
        )  # fmt: skip
    return pd.DataFrame(rows).astype({"manager_rating": float, "case_count": float})


def _measured(task: str, rep: str, known: Ground, th: Thresholds) -> tuple[int | None, str | None]:
    """How many cases the figures of a task rest on, and the mastery they show; None where they are too few."""
    if task == "forecasting":
        verdict, n = known.biases.get(rep, ("", 0))
        shown = {"in_line": "high", "over_forecaster": "low", "under_forecaster": "low"}.get(verdict)
        return n or None, shown
    own = known.rates[(known.rates["rep_id"] == rep) & known.rates["measure"].isin(TASKS[task])]
    enough = own[own["cases"] >= th.competence_cases]
    if enough.empty:
        return int(own["cases"].max()) if len(own) else None, None
    return int(enough["cases"].sum()), _class(float(enough["z"].clip(-th.clip, th.clip).mean()), th)


def _class(z: float, th: Thresholds) -> str:
    return "low" if z <= -th.competence_band else "high" if z >= th.competence_band else "middle"


def weighed(measured: str | None, rated: str | None) -> tuple[str | None, str, str]:
    """Figures and rating together: (mastery, confidence, why)."""
    if measured is None and rated is None:
        return None, "C", "few_cases"
    if measured is None or rated is None:
        return measured or rated, "B", "figures_only" if rated is None else "rating_only"
    if measured == rated:
        return measured, "A", "agree"
    if {measured, rated} == {"low", "high"}:
        return None, "C", "disagree"
    return (rated if measured == "middle" else measured), "B", "nearly_agree"
