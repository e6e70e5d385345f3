"""Portfolio alignment: which segments, how many hours, how many people, who gets which customer, at what risk?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.portfolio_alignment import (
    handover,
    places,
    relief,
    scenarios,
    segments,
    verdicts,
    workload,
)
from salespilot.diagnostics.portfolio_alignment.model import (
    NAME,
    OPTIMISED,
    SCENARIOS,
    Parameters,
    Result,
    Thresholds,
)
from salespilot.finding import Finding, Reason, absent

__all__ = ["NAME", "NEEDS", "USES", "Parameters", "Result", "Thresholds", "compute", "findings"]

NEEDS = ("sales_lines", "reps")
USES: tuple[str, ...] = ()

Figures = dict[str, float | int | None]
MEASURES = ("load_cv", "potential_cv", "travel_km", "moved_share", "revenue_moved", "gap")
PLACED_SHARE = 0.5
ATTRIBUTED = ("loads", "scenarios", "portfolios", "moves", "waves", "handover", "at_risk", "flows", "frontier")
ACCOUNT_COLUMNS = [
    "customer_id", "name", "status", "cell", "operating_segment", "service_mode", "revenue_class", "net_revenue",
    "potential_accessible", "headroom", "f2f_per_year", "remote_per_year", "workload_hours", "group_id",
    "is_reserve", "is_locked", "is_asked", "required_skill", "is_unskilled", "is_care", "tenure_months", "owner_id",
    "owner_name", "lat", "lon", "basis",
]  # fmt: skip


def compute(dataset: Dataset, parameters: Parameters = Parameters(), thresholds: Thresholds = Thresholds()) -> Result:
    """Hours needed and available, the segments, and the attribution in each scenario.

    Raises SettingError when a parameter names nobody's code.
    """
    reasons: dict[str, Reason] = {}
    frame = workload.accounts(dataset)
    team = workload.people(dataset, frame, thresholds)
    _check(parameters, dataset, frame)
    parameters = replace(parameters, contractual=_contractual(dataset, parameters))
    frame = workload.with_reserve(frame, team, thresholds)
    need = workload.durations(dataset, frame)
    frame = frame.join(need[["f2f_per_year", "remote_per_year", "visit_min", "prep_min"]])
    homes = places.homes(dataset, frame[["lat", "lon", "basis"]], frame["owner_id"], frame["f2f_per_year"])
    homes = homes.reindex(team.index)
    away = places.distances(frame, homes)
    minutes = workload.travel(dataset, frame, _nearest(away, frame.index), thresholds)
    frame["visit_hours"] = (frame["visit_min"] + frame["prep_min"] + minutes) / 60
    frame["workload_hours"] = workload.hours(frame, need, minutes, thresholds)
    frame["service_mode"] = segments.service_mode(frame, thresholds)
    frame["operating_segment"], table, joined = segments.segmented(frame, thresholds)
    frame = workload.related(dataset, frame, thresholds)
    frame["is_asked"] |= frame.index.isin(parameters.locks)
    frame["is_unskilled"] = frame["required_skill"].notna() & (scenarios.skilled(frame, team).sum(axis=1) == 0)
    figures = _sizes(dataset, frame, team, reasons)
    km = away * (frame["f2f_per_year"].to_numpy(dtype=float) * 2 / thresholds.visits_per_tour)[:, None]
    frames: dict[str, pd.DataFrame | None] = {}
    _size(dataset, frame, team, thresholds, frames, reasons)
    chosen = _attribute(dataset, frame, team, homes, km, parameters, thresholds, frames, figures, reasons)
    for name in [name for name, value in figures.items() if value is None and name not in reasons]:
        reasons[name] = Reason("unknown_potential" if "potential" in name else "not_attributed")
    return Result(
        accounts=_listed(frame, team),
        segments=table,
        joined=joined,
        reserve=_reserve(frame),
        unplaced=_unplaced(frame),
        groups=_split_groups(frame, team),
        homes=homes.join(team["name"]).rename_axis("rep_id").reset_index(),
        **frames,
        chosen=chosen,
        contractual=parameters.contractual,
        band=thresholds.band_share,
        key_figures=figures,
        not_computable=reasons,
    )


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """What to do about it, by the rules T03-R1 to T03-R9, the gravest first."""
    return verdicts.findings(result, thresholds)


def _check(parameters: Parameters, dataset: Dataset, frame: pd.DataFrame) -> None:
    reps = set(dataset.table("reps")["rep_id"])
    for what, codes in (("rep", [parameters.rep] if parameters.rep else ()), ("contractual", parameters.contractual)):
        for code in codes:
            if code not in reps:
                raise SettingError(f"{what}: nobody has the code {code!r}")
    for code in parameters.locks:
        if code not in frame.index:
            raise SettingError(f"locks: no customer has the code {code!r}")
    _pairs(parameters.bans)


def _pairs(parts: Sequence[str]) -> frozenset[tuple[str, str]]:
    pairs = []
    for part in parts:
        customer, separator, rep = part.partition(":")
        if not separator or not customer.strip() or not rep.strip():
            raise SettingError(f"bans: {part!r} is no pair like customer:salesperson")
        pairs.append((customer.strip(), rep.strip()))
    return frozenset(pairs)


def _excluded(frame: pd.DataFrame, able: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """The pairs of customer and salesperson that the exports rule out; those of nobody in post say nothing."""
    codes = {str(rep).casefold(): str(rep) for rep in able.index}
    told = zip(frame.index, frame["excluded_reps"], strict=True)
    return frozenset((str(c), codes[word]) for c, cell in told for word in scenarios.listed(cell) if word in codes)


def _contractual(dataset: Dataset, parameters: Parameters) -> tuple[str, ...]:
    """Who has a contractual sector, by the parameters or by the exports."""
    reps = dataset.table("reps")
    told = reps.loc[reps["is_contractual"].fillna(False).astype(bool), "rep_id"]
    return tuple(sorted({*parameters.contractual, *told}))


def _sizes(dataset: Dataset, frame: pd.DataFrame, team: pd.DataFrame, reasons: dict[str, Reason]) -> Figures:
    needed, capacity = float(frame["workload_hours"].sum()), float(team["capacity_hours"].sum())
    fte = float((team["fte"] * team["ramp"]).sum())
    figures: Figures = {
        "workload_hours": needed,
        "capacity_hours": capacity,
        "load_rate": needed / capacity if capacity > 0 else None,
        "needed_fte": needed * fte / capacity if capacity > 0 else None,
        "fte": float(team["fte"].sum()),
        "rep_count": len(team),
        "is_separating": int(frame["is_separating"].all()),
        "has_policy": int(dataset.has("coverage_policy")),
        "assumed_capacity_count": int((~team["has_capacity"]).sum()),
        "account_count": int((~frame["is_reserve"]).sum()),
        "reserve_count": int(frame["is_reserve"].sum()),
        "house_count": int(frame["is_house"].sum()),
        "orphan_count": int((frame["owner_id"].isna() & ~frame["is_reserve"]).sum()),
        "unplaced_count": int(frame["lat"].isna().sum()),
        "department_count": int((frame["basis"] == "department").sum()),
        "locked_count": int((frame["is_locked"] & ~frame["is_reserve"]).sum()),
        "asked_count": int((frame["is_asked"] & ~frame["is_locked"] & ~frame["is_reserve"]).sum()),
        "f2f_total": float(frame.loc[~frame["is_reserve"], "f2f_per_year"].sum()),
    }
    costs = dataset.table("costs").set_index("role")["hourly_cost"]
    figures["hourly_cost"] = _number(costs["all"] if "all" in costs.index else costs.mean())
    if figures["hourly_cost"] is None:
        reasons["hourly_cost"] = absent("costs")
    if capacity <= 0:
        reasons |= dict.fromkeys(["load_rate", "needed_fte"], Reason("no_capacity"))
    return figures


def _nearest(away: np.ndarray, customers: pd.Index) -> pd.Series:
    """Kilometres from each account to the nearest salesperson; missing where one of them has no place."""
    return pd.DataFrame(away, index=customers).min(axis=1)


def _reserve(frame: pd.DataFrame) -> pd.DataFrame:
    columns = ["name", "cell", "status", "net_revenue", "potential_accessible", "owner_id", "reserve_reason"]
    return frame.loc[frame["is_reserve"], columns].rename_axis("customer_id").reset_index()


def _unplaced(frame: pd.DataFrame) -> pd.DataFrame:
    lost = frame[frame["lat"].isna()]
    return lost[["name", "owner_id", "net_revenue", "f2f_per_year"]].rename_axis("customer_id").reset_index()


def _split_groups(frame: pd.DataFrame, team: pd.DataFrame) -> pd.DataFrame:
    """Groups whose accounts several salespeople hold: group_id, name, account_count, rep_count, net_revenue,
    main_id, main_name, main_revenue_share."""
    held = frame[frame["owner_id"].isin(team.index) & ~frame["is_reserve"]]
    counts = held.groupby("group_id")["owner_id"].agg(["nunique", "size"])
    split = held[held["group_id"].isin(counts.index[counts["nunique"] > 1])]
    revenue = split["net_revenue"].clip(lower=0).groupby([split["group_id"], split["owner_id"]]).sum()
    rows = []
    names = team["name"].to_dict()
    for group, shares in revenue.groupby(level=0):
        main = shares.droplevel(0)
        best = min(main.index, key=lambda rep: (-main[rep], rep))
        name = frame["name"].get(group, group)
        total = float(main.sum())
        share = float(main[best] / total) if total > 0 else np.nan
        size, people = (int(counts[column][group]) for column in ("size", "nunique"))
        rows.append((group, name, size, people, total, best, names[best], share))
    columns = ["group_id", "name", "account_count", "rep_count", "net_revenue", "main_id", "main_name", "main_share"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["net_revenue", "group_id"], ascending=[False, True], ignore_index=True)


def _size(
    dataset: Dataset,
    frame: pd.DataFrame,
    team: pd.DataFrame,
    thresholds: Thresholds,
    frames: dict[str, pd.DataFrame | None],
    reasons: dict[str, Reason],
) -> None:
    """Adds the frames sizing, relief, responses and allocation, or why they cannot be."""
    capacity = float(team["capacity_hours"].sum())
    if capacity > 0:
        frames["sizing"] = workload.sizing(frame, team, thresholds)
        each = capacity / float((team["fte"] * team["ramp"]).sum())
        frames["relief"] = relief.relief(frame, capacity, each, thresholds)
        if frames["relief"] is None:
            reasons["relief"] = Reason("load_in_bounds")
    else:
        reasons |= dict.fromkeys(["sizing", "relief"], Reason("no_capacity"))
    frames["responses"], curves, why = relief.responses(dataset, frame, thresholds)
    if why is not None:
        reasons |= dict.fromkeys(["responses", "allocation"], why)
        return
    frames["allocation"] = relief.allocation(dataset, frame[~frame["is_reserve"]], curves)
    if frames["allocation"] is None:
        reasons["allocation"] = Reason("one_response")


def _attribute(
    dataset: Dataset,
    frame: pd.DataFrame,
    team: pd.DataFrame,
    homes: pd.DataFrame,
    km: np.ndarray,
    parameters: Parameters,
    thresholds: Thresholds,
    frames: dict[str, pd.DataFrame | None],
    figures: Figures,
    reasons: dict[str, Reason],
) -> str:
    """Solves the scenarios: adds owners to ``frame``, frames, figures and reasons; returns the scenario shown."""
    able = team[team["capacity_hours"] > 0]
    figures |= {f"{name}_{measure}": None for name in SCENARIOS for measure in MEASURES}
    reasons["current_gap"] = Reason("not_optimised")
    visited = (frame["f2f_per_year"] > 0) & ~frame["is_reserve"]
    placed = visited & frame["lat"].notna()
    rooted = len(able) > 0 and bool(homes.loc[able.index, "lat"].notna().all())
    has_travel = bool(visited.any() and placed.sum() >= PLACED_SHARE * visited.sum() and rooted)
    if not has_travel:
        hidden = [
            *(f"{name}_travel_km" for name in SCENARIOS),
            *(f"proximity_{m}" for m in MEASURES),
            "map",
            "travel_before",
            "travel_after",
        ]
        reasons |= dict.fromkeys(hidden, Reason("no_placement"))
    why = _obstacle(frame, able)
    if why is not None:
        reasons |= dict.fromkeys(
            [*ATTRIBUTED, "map", "balance", *(key for key in figures if key.startswith(SCENARIOS))], why
        )
        return parameters.scenario
    near = np.where(np.isnan(km), 0.0, km)[:, team.index.get_indexer(able.index)]
    frame["is_locked"] |= frame["is_asked"]
    locks = frozenset(frame.index[frame["is_locked"]])
    bans = _pairs(parameters.bans) | _excluded(frame, able)
    given = scenarios.programme(frame, able, near, locks, bans, has_travel, thresholds)
    solutions = scenarios.all_scenarios(given, thresholds)
    owners = {"current": scenarios.owners_by_account(given, frame, None)}
    owners |= {name: scenarios.owners_by_account(given, frame, s) for name, s in solutions.items()}
    loads = scenarios.loads(frame, able, near, owners, given)
    summary = scenarios.summary(frame, loads, owners, solutions, thresholds)
    for row in summary.to_dict("records"):
        figures |= {f"{row['scenario']}_{measure}": _number(row[measure]) for measure in MEASURES}
    chosen = parameters.scenario if parameters.scenario in solutions else "balanced"
    for name, owner in owners.items():
        frame[f"{name}_owner_id"] = owner
    frame["is_heaviest"] = given.unit_of == given.heaviest
    frame["owner_after"] = owners[chosen].map(able["name"])
    table = handover.moves(
        dataset, frame, near, owners[chosen], loads, given, bans, frozenset(parameters.contractual),
        chosen, thresholds,
    )  # fmt: skip
    figures |= _said(given, summary, table, chosen, thresholds)
    figures |= {"balanced_before": _balanced(loads, "current", given.band)}
    figures |= {"balanced_after": _balanced(loads, chosen, given.band)}
    if figures["balanced_after"] is None:
        reasons |= dict.fromkeys(["balance", "balanced_before", "balanced_after"], Reason("unknown_potential"))
    if parameters.rep:
        is_shown = (table["from_id"] == parameters.rep) | (table["to_id"] == parameters.rep)
        table = table[is_shown].reset_index(drop=True)
    frames |= {
        "loads": loads,
        "scenarios": summary,
        "portfolios": scenarios.portfolios(loads, chosen, able, thresholds),
        "moves": table,
        "waves": handover.waves(table),
        "handover": handover.steps(table, thresholds),
        "at_risk": handover.at_risk(summary, thresholds),
        "flows": handover.flows(frame, owners["current"], owners[chosen], dataset.names("reps")),
        "frontier": scenarios.frontier(given, frame, able, near, owners, thresholds),
    }
    return chosen


def _obstacle(frame: pd.DataFrame, able: pd.DataFrame) -> Reason | None:
    """Why nothing can be attributed, if so."""
    if len(able) < 2:
        return Reason("one_salesperson" if len(able) else "no_capacity")
    return None if frame["workload_hours"].sum() > 0 else Reason("no_workload")


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _balanced(loads: pd.DataFrame, scenario: str, band: float) -> int | None:
    """How many portfolios are within the band in load and potential; None where potential is not known."""
    away = (loads.loc[loads["scenario"] == scenario, ["load_index", "potential_index"]] - 1).abs()
    return None if away["potential_index"].isna().all() else int((away <= band + 1e-6).all(axis=1).sum())


def _said(
    given: scenarios.Programme, summary: pd.DataFrame, table: pd.DataFrame, chosen: str, thresholds: Thresholds
) -> Figures:
    """What sentences say besides: the scenario shown, the band that can be held, the heaviest unit."""
    rows = {row["scenario"]: row for row in summary.to_dict("records")}
    now, then = rows["current"], rows[chosen]
    moved = float(then["revenue_moved"])
    return {
        "feasible_band": float(given.feasible_band),
        "free_band": float(given.free_band),
        "heaviest_hours": float(given.hours[given.heaviest]),
        "heaviest_share": float(given.hours[given.heaviest] / given.load_target.mean()),
        "heaviest_count": int((given.unit_of == given.heaviest).sum()),
        "outside_before": int(now["outside_count"]),
        "outside_after": int(then["outside_count"]),
        "load_cv_before": float(now["load_cv"]),
        "load_cv_after": float(then["load_cv"]),
        "travel_before": _number(now["travel_km"]),
        "travel_after": _number(then["travel_km"]),
        "moved_count": int(then["moved_count"]),
        "moved_share": _number(then["moved_share"]),
        "attached_count": int(then["attached_count"]),
        "move_count": len(table),
        "care_count": int(table["is_care"].sum()),
        "revenue_moved": moved,
        "revenue_moved_share": _number(then["revenue_moved_share"]),
        "shown_gap": _number(then["gap"]),
        "risk_planned": moved * thresholds.loss_planned,
        "risk_low": moved * thresholds.loss_low,
        "risk_high": moved * thresholds.loss_high,
    }


def _listed(frame: pd.DataFrame, team: pd.DataFrame) -> pd.DataFrame:
    table = frame.rename_axis("customer_id").reset_index()
    table["owner_name"] = table["owner_id"].map(team["name"])
    after = [c for c in (*(f"{name}_owner_id" for name in OPTIMISED), "owner_after", "is_heaviest") if c in table]
    order = table.sort_values(["net_revenue", "customer_id"], ascending=[False, True], ignore_index=True)
    return order[[*ACCOUNT_COLUMNS, *after]]
