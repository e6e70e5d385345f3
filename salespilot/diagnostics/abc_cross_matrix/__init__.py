"""Cross ABC matrix: what is each customer worth today and what could it be worth, and where should the visits go?"""

from __future__ import annotations

import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.abc_cross_matrix import effort, matrix, migration, plan, robustness, verdicts
from salespilot.diagnostics.abc_cross_matrix.model import NAME, Parameters, Result, Thresholds
from salespilot.finding import Finding, Reason, absent
from salespilot.inference import wilson

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS = ("sales_lines",)
USES: tuple[str, ...] = ()

CUSTOMER_COLUMNS = [
    "customer_id", "name", "owner_id", "owner_name", "status", "is_former", "is_new", "revenue_class",
    "potential_class", "cell", "segment", "net_revenue", "net_revenue_previous", "revenue_a_year",
    "annualised_revenue", "potential_accessible", "headroom", "share_of_wallet", "potential_method",
    "potential_confidence", "potential_age_months", "is_stale", "is_raised", "is_shared", "is_estimated", "visits",
    "remote_count", "last_contact_date", "contact_status", "margin_rate", "probability", "expected_gain",
    "hours_needed", "score", "stability", "is_robust", "second_cell",
]  # fmt: skip


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Place every customer and prospect in the matrix, and measure what follows from it.

    Raises SettingError when ``parameters.rep`` is nobody's code.
    """
    reasons: dict[str, Reason] = {}
    now = matrix.placed(dataset, dataset.window)
    axes = matrix.axes(now, dataset.conventions)
    everyone = matrix.described(dataset, now.frame, thresholds)
    before = matrix.placed(dataset, dataset.previous).frame.reindex(everyone.index) if dataset.previous else None
    silent = effort.who_does_not_log(dataset, thresholds) if dataset.has("activities") else frozenset()
    cost = plan.effort_by_cell(dataset, thresholds)

    everyone["net_revenue_previous"] = _previous(everyone.index, before)
    everyone["probability"] = migration.win_probability(everyone, before, thresholds).astype(float)
    everyone = plan.scored(effort.contacted(dataset, everyone, silent), cost, thresholds)
    in_matrix = everyone["abc_class"] != "N"
    held = robustness.stability(everyone[in_matrix], axes, thresholds).reindex(everyone.index)
    everyone["stability"], everyone["second_cell"] = held["stability"], held["second_cell"]
    everyone["is_robust"] = (held["stability"] >= thresholds.robust_min_share).where(held["stability"].notna())

    inside_headroom = everyone["headroom"].where(in_matrix & (everyone["headroom"] > 0))
    everyone["headroom_rank"] = inside_headroom.rank(ascending=False, method="min")

    shown = _of_rep(everyone, dataset, parameters.rep)
    inside, outside = shown[shown["abc_class"] != "N"], shown[shown["abc_class"] == "N"]
    steps = matrix.bridge(inside, outside, 0.0 if parameters.rep else now.unattributed)
    cells = matrix.by_cell(inside, thresholds)
    total = float(steps["net_revenue"].iloc[-1])
    figures, why = matrix.figures(inside, cells, total, dataset.has("customer_potential"))
    figures |= {"customers": int((shown["line_count"] > 0).sum()), "outside_count": len(outside)}
    reasons |= why

    frames: dict[str, pd.DataFrame | None] = {}
    if inside["headroom"].notna().any():
        frames |= _of_headroom(inside, thresholds)
        figures["robust_share"] = _share(frames["robustness"], "robust_count", "account_count")
    else:
        nothing = reasons.get("headroom", Reason("unknown_potential"))
        reasons |= dict.fromkeys(
            ["matrix", "plotted", "headroom_curve", "top_headroom", "robustness", "readings", "candidates"], nothing
        )
        figures["robust_share"], reasons["robust_share"] = None, nothing
    frames |= _of_effort(dataset, inside, cells, cost, silent, thresholds, figures, reasons)
    if inside["headroom"].notna().any():
        frames["candidates"] = verdicts.candidates(
            inside, frames.get("effort"), cost, verdicts.separates(axes), thresholds
        )
    frames |= _of_migration(dataset, inside, before, figures, reasons)
    frames |= _of_plan(dataset, inside, cells, cost, parameters.rep, thresholds, figures, reasons)
    figures |= _said(cells, frames, reasons)
    return Result(
        customers=_listed(inside),
        cells=cells,
        classes=matrix.by_class(cells),
        segments=matrix.by_segment(inside),
        outside=_listed(outside).sort_values("net_revenue", kind="stable", ignore_index=True),
        bridge=steps,
        axes=axes,
        **frames,
        key_figures=figures,
        not_computable=reasons,
    )


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """What to do about it, by the rules T10-R1 to T10-R8, the gravest first."""
    return verdicts.findings(result, thresholds)


def _previous(customers: pd.Index, before: pd.DataFrame | None) -> pd.Series:
    return pd.Series(float("nan"), index=customers) if before is None else before["net_revenue"].fillna(0.0)


def _of_rep(everyone: pd.DataFrame, dataset: Dataset, rep: str) -> pd.DataFrame:
    if not rep:
        return everyone
    if rep not in set(dataset.table("reps")["rep_id"]):
        raise SettingError(f"rep: nobody has the code {rep!r}")
    return everyone[everyone["owner_id"] == rep]


def _listed(frame: pd.DataFrame) -> pd.DataFrame:
    order = frame.reset_index().sort_values(
        ["headroom", "net_revenue", "customer_id"], ascending=[False, False, True], ignore_index=True
    )
    return order[CUSTOMER_COLUMNS]


def _share(table: pd.DataFrame | None, part: str, whole: str) -> float | None:
    if table is None or table[whole].sum() == 0:
        return None
    return float(table[part].sum() / table[whole].sum())


def _said(
    cells: pd.DataFrame, frames: dict[str, pd.DataFrame | None], reasons: dict[str, Reason]
) -> dict[str, float | int | None]:
    """What the titles of the pictures say besides; adds why some of it could not be computed."""
    by_cell = cells.set_index("cell")
    said: dict[str, float | int | None] = {
        f"{cell}_{share}": _number(by_cell[share][cell])
        for cell in ("a1", "p1")
        for share in ("revenue_share", "headroom_share", "visit_share")
    }
    curve, robust = frames.get("headroom_curve"), frames.get("robustness")
    said["top10_headroom_share"] = None if curve is None else _number(curve["headroom_cum_share"].head(10).max())
    said["headroom_count"] = None if curve is None else len(curve)
    said["half_headroom_count"] = None if curve is None else int((curve["headroom_cum_share"] < 0.5).sum()) + 1
    counts = (0, 0) if robust is None else (int(robust["robust_count"].sum()), int(robust["account_count"].sum()))
    low, high = (float(bound) for bound in wilson(*counts))
    said |= {
        "robust_count": counts[0],
        "robust_low": _number(low),
        "robust_high": _number(high),
        "cell_count": counts[1],
    }
    candidates = frames.get("candidates")
    said["candidate_count"] = None if candidates is None else len(candidates)
    unknown = reasons.get("headroom", Reason("unknown_potential"))
    why = {"revenue_share": Reason("no_revenue"), "visit_share": reasons.get("effort", unknown)}
    for name in [name for name, value in said.items() if value is None]:
        reasons[name] = why.get(name[3:], unknown)
    return said


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _of_headroom(inside: pd.DataFrame, thresholds: Thresholds) -> dict[str, pd.DataFrame | None]:
    columns = ["customer_id", "name", "owner_name", "cell", "net_revenue", "headroom", "potential_confidence"]
    columns += ["visits", "last_contact_date", "contact_status"]
    listed = _listed(inside)
    unsettled = listed[listed["stability"] < thresholds.robust_min_share]
    readings = ["customer_id", "name", "owner_name", "cell", "second_cell", "stability", "net_revenue", "headroom"]
    return {
        "headroom_curve": matrix.headroom_curve(inside),
        "top_headroom": listed[listed["headroom"] > 0][columns].head(10),
        "robustness": robustness.by_cell(inside, thresholds),
        "readings": unsettled[readings].reset_index(drop=True),
    }


def _of_effort(
    dataset: Dataset,
    inside: pd.DataFrame,
    cells: pd.DataFrame,
    cost: pd.DataFrame,
    silent: frozenset[str],
    thresholds: Thresholds,
    figures: dict[str, float | int | None],
    reasons: dict[str, Reason],
) -> dict[str, pd.DataFrame | None]:
    """Adds visits and misalignment to ``cells`` and gives the frame ``effort``."""
    cells["visits"] = cells["cell"].map(inside.groupby("cell")["visits"].sum()).fillna(0.0)
    cells["visit_share"] = cells["misalignment"] = float("nan")
    figures["misalignment_headroom"] = None
    figures["hourly_cost"] = _number(plan.hourly_cost(dataset))
    if figures["hourly_cost"] is None:
        reasons["hourly_cost"] = absent("costs")
    figures["silent_reps"] = len(silent) if dataset.has("activities") else None
    if not dataset.has("activities"):
        cells["visits"] = float("nan")
        reasons |= dict.fromkeys(["effort", "misalignment_headroom", "silent_reps"], absent("activities"))
        return {}
    table, distance = effort.by_cell(inside, cells, silent)
    if pd.isna(distance):
        reasons |= dict.fromkeys(["effort", "misalignment_headroom"], Reason("no_visit_or_headroom"))
        return {}
    for column in ("visit_share", "misalignment"):
        cells[column] = cells["cell"].map(table.set_index("cell")[column])
    figures["misalignment_headroom"] = distance
    return {"effort": verdicts.judged_effort(table, inside, cost, thresholds)}


def _of_migration(
    dataset: Dataset,
    inside: pd.DataFrame,
    before: pd.DataFrame | None,
    figures: dict[str, float | int | None],
    reasons: dict[str, Reason],
) -> dict[str, pd.DataFrame | None]:
    """The frames ``migration`` and ``class_migration`` and the rates of rise and fall."""
    rates = ["upgraded_count", "downgraded_count", "upgrade_rate", "downgrade_rate"]
    if before is None:
        figures |= dict.fromkeys(rates)
        reasons |= dict.fromkeys(["migration", "class_migration", *rates], Reason("no_previous_period"))
        return {}
    moved = migration.moves(before, inside)
    figures |= migration.rates(moved, dataset.conventions.small_n_hide)
    few = {name: Reason("too_few_customers") for name in rates if figures[name] is None}
    reasons |= few
    return {
        "migration": migration.counted(moved, "cell_from", "cell_to"),
        "class_migration": migration.counted(moved, "class_from", "class_to"),
    }


def _of_plan(
    dataset: Dataset,
    inside: pd.DataFrame,
    cells: pd.DataFrame,
    cost: pd.DataFrame,
    rep: str,
    thresholds: Thresholds,
    figures: dict[str, float | int | None],
    reasons: dict[str, Reason],
) -> dict[str, pd.DataFrame | None]:
    """The frames ``plan``, ``plan_reps`` and ``targets``, and hours needed and available."""
    names = dataset.names("reps")
    hours = plan.capacity(dataset, thresholds) if dataset.has("reps") or dataset.has("rep_capacity") else None
    available = None
    if hours is None:
        reasons |= dict.fromkeys(["capacity_hours", "load_rate", "assumed_capacity_count"], absent("reps"))
    else:
        available = float(hours.get(rep, 0.0)) if rep else float(hours.sum())
    table = plan.by_cell(cells, cost, available)
    needed = float(table["hours_needed"].sum())
    figures |= {"hours_needed": needed, "capacity_hours": available}
    figures["assumed_capacity_count"] = None if hours is None else plan.without_capacity(dataset, hours.index)
    figures["load_rate"] = needed / available if available else None
    frames: dict[str, pd.DataFrame | None] = {"plan": table}
    figures |= {"cell_target": None, "official_target": None}
    if inside["owner_id"].isna().all():
        names_of = ["plan_reps", "targets", "target_gaps", "cell_target", "official_target"]
        reasons |= dict.fromkeys(names_of, Reason("no_owner"))
        return frames
    frames["plan_reps"] = plan.by_rep(inside, hours, names)
    targets = plan.targets(dataset, inside)
    frames["targets"] = targets
    compared = targets.dropna(subset="official_target")
    if compared.empty:
        reasons |= dict.fromkeys(["target_gaps", "cell_target", "official_target"], Reason("no_official_target"))
        return frames
    figures |= {name: float(compared[name].sum()) for name in ("cell_target", "official_target")}
    return frames
