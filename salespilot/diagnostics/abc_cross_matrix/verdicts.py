"""The rules T10-R1 to T10-R8: what to do about cells, customers and targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from salespilot.diagnostics.abc_cross_matrix.model import NAME, Result, Thresholds
from salespilot.finding import Finding, Severity

RELEASED = ("a3", "b3", "c2", "c3")
DEVELOPED = ("b1", "c1", "p1")
CLASS_BASED = ("T10-R1", "T10-R2", "T10-R3", "T10-R4", "T10-R5", "T10-R7")


def judged_effort(table: pd.DataFrame, frame: pd.DataFrame, cost: pd.DataFrame, th: Thresholds) -> pd.DataFrame:
    """The effort by cell with ``hours_released`` (visits beyond the policy, R1) and ``verdict``.

    ``verdict``: release, develop or keep. ``cost``: visit_hours and f2f_per_year by cell.
    """
    beyond = (frame["visits"] - frame["cell"].map(cost["f2f_per_year"])).clip(lower=0)
    hours = (beyond * frame["cell"].map(cost["visit_hours"])).groupby(frame["cell"]).sum()
    is_over = table["visit_share"] > th.release_ratio * table["headroom_share"]
    is_under = table["visit_share"] < th.develop_ratio * table["headroom_share"]
    released = is_over & table["cell"].isin(RELEASED)
    table["hours_released"] = table["cell"].map(hours).fillna(0.0).where(released, 0.0)
    chosen = [released & (table["hours_released"] >= th.release_min_hours), is_under & table["cell"].isin(DEVELOPED)]
    table["verdict"] = np.select(chosen, ["release", "develop"], "keep")
    return table


def doubtful(frame: pd.DataFrame, th: Thresholds) -> pd.Series:
    """Whose potential must be checked first: stale or of low confidence, among the biggest headrooms of all (R6)."""
    return (frame["headroom_rank"] <= th.qualify_top) & (frame["is_stale"] | (frame["potential_confidence"] == "low"))


def candidates(
    frame: pd.DataFrame, effort: pd.DataFrame | None, cost: pd.DataFrame, classes: bool, th: Thresholds
) -> pd.DataFrame:
    """One row a customer and rule, best score first: what the commercial action plan may take up.

    Columns: rule, objective, customer_id, name, owner_id, owner_name, cell, segment, net_revenue,
    net_revenue_previous, headroom, share_of_wallet, contact_status, hours (that acting takes), probability,
    expected_gain, score. ``classes``: whether classes separate; if not, R6 alone.
    """
    doubt = doubtful(frame, th)
    sound = ~frame["is_estimated"] & ~frame["is_raised"]
    visit = frame["cell"].map(cost["visit_hours"])
    share, row = frame["share_of_wallet"], frame["revenue_class"]
    fell = frame["net_revenue"] <= (1 - th.decline_share) * frame["net_revenue_previous"]
    picked = {("T10-R6", "qualify_potential"): (doubt, visit * 0 + th.remote_minutes / 60)}
    if classes:
        low = (frame["cell"] == "c1") & (share < th.low_share) & sound & ~doubt
        picked[("T10-R3", "diagnose")] = (low, visit)
        falling = (frame["cell"] == "a3") & fell & ~frame["is_new"]
        picked[("T10-R4", "defend")] = ((row == "A") & (share > th.high_share) & sound & ~falling, visit * 0)
        picked[("T10-R5", "retain")] = (falling, visit)
        if effort is not None:
            chosen, hours = _developed(frame, effort, cost, doubt, th)
            picked[("T10-R2", "develop")] = (chosen, hours)
    kept = ["name", "owner_id", "owner_name", "cell", "segment", "net_revenue", "net_revenue_previous", "headroom"]
    kept += ["share_of_wallet", "contact_status", "probability", "expected_gain", "score"]
    parts = [
        frame.loc[mask, kept].assign(rule=rule, objective=objective, hours=hours[mask])
        for (rule, objective), (mask, hours) in picked.items()
    ]
    table = pd.concat(parts).reset_index(names="customer_id")
    order = ["rule", "objective", "customer_id", *kept[:-3], "hours", "probability", "expected_gain", "score"]
    return table.sort_values(["score", "customer_id", "rule"], ascending=[False, True, True], ignore_index=True)[order]


def _developed(
    frame: pd.DataFrame, effort: pd.DataFrame, cost: pd.DataFrame, doubt: pd.Series, th: Thresholds
) -> tuple[pd.Series, pd.Series]:
    """Customers of the undeveloped cells, best score first, until the hours released are used; and hours for each.

    Where nothing is released, the first ``named``: their hours are still to be found.
    """
    f2f = (frame["cell"].map(cost["f2f_per_year"]) - frame["visits"]).clip(lower=0)
    remote = (frame["cell"].map(cost["remote_per_year"]) - frame["remote_count"]).clip(lower=0)
    hours = f2f * frame["cell"].map(cost["visit_hours"]) + remote * th.remote_minutes / 60
    cells = effort.loc[effort["verdict"] == "develop", "cell"]
    ranked = frame[frame["cell"].isin(cells) & ~doubt & (hours > 0)].sort_values(
        ["score", "customer_id"], ascending=[False, True]
    )
    pool = effort.loc[effort["verdict"] == "release", "hours_released"].sum()
    spent = hours[ranked.index].cumsum()
    taken = ranked.index[spent <= pool] if pool > 0 else ranked.index[: th.named]
    best = ranked.groupby("cell").head(1).index
    return frame.index.to_series().isin(taken.union(best)), hours


def findings(result: Result, thresholds: Thresholds) -> list[Finding]:
    """What to tell, the gravest first; within a rule, the biggest stake first and at most ``named`` customers.

    Where classes do not separate, only what does not rest on them.
    """
    found = [
        *_reading(result),
        *_effort(result, thresholds),
        *_customers(result, thresholds),
        *_unsettled(result, thresholds),
        *_targets(result, thresholds),
    ]
    if not separates(result.axes):
        found = [f for f in found if f.rule not in CLASS_BASED]
    gravity = {Severity.ALERT: 0, Severity.WATCH: 1, Severity.GOOD: 2}
    return sorted(found, key=lambda f: (gravity[f.severity], -(f.stake or 0.0), f.rule, f.subject_id))


def _reading(result: Result) -> Iterator[Finding]:
    """What changes the reading of the whole matrix: one giant, no concentration, no potential."""
    figures, axes = result.key_figures, result.axes.set_index("axis")
    for axis in axes.index[axes["is_fallback"] & axes["mode"].notna()]:
        values = {"first": axes.loc[axis, "first_cut"], "second": axes.loc[axis, "second_cut"]}
        yield Finding(NAME, "T10-R0", f"bands_{axis}", Severity.WATCH, "company", "all", values=values)
    if not separates(result.axes) and figures["buyer_count"]:
        yield Finding(
            NAME, "T10-R0", "low_concentration", Severity.WATCH, "company", "all", values={"n": figures["buyer_count"]}
        )
    if figures["headroom"] is None:
        yield Finding(
            NAME, "T10-R0", "no_potential", Severity.ALERT, "company", "all", values={"n": figures["placed_count"]}
        )


def separates(axes: pd.DataFrame) -> bool:
    """Whether the classes of revenue mean something."""
    return bool(axes.set_index("axis").loc["revenue", "is_separating"])


def _effort(result: Result, th: Thresholds) -> Iterator[Finding]:
    if result.effort is None:
        return
    hourly = result.key_figures["hourly_cost"]
    named = result.candidates if result.candidates is not None else pd.DataFrame()
    for cell in result.effort.to_dict("records"):
        values = {"cell": cell["cell"].upper(), "n": int(cell["account_count"]), "visits": int(cell["visits"])}
        values |= {"visit_share": cell["visit_share"], "headroom_share": cell["headroom_share"]}
        if cell["verdict"] == "release":
            yield Finding(
                NAME, "T10-R1", "release", Severity.WATCH, "segment", cell["cell"],
                stake=None if hourly is None else hourly * cell["hours_released"], stake_kind="cost",
                hours=cell["hours_released"], lead_days=th.lead_days, values=values | {"hours": cell["hours_released"]},
            )  # fmt: skip
        if cell["verdict"] == "develop":
            chosen = named[(named["rule"] == "T10-R2") & (named["cell"] == cell["cell"])]
            if chosen.empty:
                continue
            gain, hours = float(chosen["expected_gain"].sum()), float(chosen["hours"].sum())
            values |= {"headroom": cell["headroom"], "named": len(chosen), "hours": hours}
            values |= {"first": chosen.iloc[0]["name"], "gain": gain}
            code = "develop" if len(chosen) > 1 else "develop_one"
            yield Finding(
                NAME, "T10-R2", code, Severity.ALERT, "segment", cell["cell"], stake=gain, stake_kind="gain",
                targets=_targeted(chosen["customer_id"]), hours=hours,
                probability=float(np.average(chosen["probability"], weights=chosen["headroom"])),
                lead_days=th.lead_days, values=values,
            )  # fmt: skip


def _targeted(customers: pd.Series) -> tuple[tuple[str, str], ...]:
    return tuple(("customer", customer) for customer in customers)


_CUSTOMER_RULES = {
    "T10-R3": ("diagnose", Severity.WATCH, "gain"),
    "T10-R4": ("defend", Severity.WATCH, "at_risk"),
    "T10-R5": ("retain", Severity.ALERT, "at_risk"),
    "T10-R6": ("qualify_potential", Severity.WATCH, "gain"),
}


def _customers(result: Result, th: Thresholds) -> Iterator[Finding]:
    if result.candidates is None:
        return
    table = result.candidates.merge(result.customers[["customer_id", *_POTENTIAL]], on="customer_id", how="left")
    table["fall"] = table["net_revenue_previous"] - table["net_revenue"]
    for rule, (code, severity, kind) in _CUSTOMER_RULES.items():
        stake = {"T10-R4": "net_revenue", "T10-R5": "fall"}.get(rule, "expected_gain")
        is_priced = rule != "T10-R4"  # nothing says how much of a well held customer is at risk
        rows = table[table["rule"] == rule].sort_values([stake, "customer_id"], ascending=[False, True])
        if rule == "T10-R6" and rows["is_estimated"].any():
            yield _estimated(rows, th)
            continue
        for row in rows.head(th.named).to_dict("records"):
            said = code
            if rule == "T10-R6":
                said = "qualify_stale" if row["is_stale"] else "qualify_doubtful"
            yield Finding(
                NAME, rule, said, severity, "customer", row["customer_id"], _text(row["owner_id"]),
                stake=float(row[stake]) if is_priced else None, stake_kind=kind,
                targets=(("customer", row["customer_id"]),),
                hours=float(row["hours"]), probability=float(row["probability"]), lead_days=th.lead_days,
                values={
                    "name": row["name"], "cell": row["cell"].upper(), "revenue": float(row["net_revenue"]),
                    "previous": _number(row["net_revenue_previous"]), "potential": _number(row["potential_accessible"]),
                    "headroom": _number(row["headroom"]), "share": _number(row["share_of_wallet"]),
                    "age": _number(row["potential_age_months"]), "fall": _number(row["fall"]),
                    "fall_share": _number(row["fall"] / row["net_revenue_previous"]) if rule == "T10-R5" else None,
                },
            )  # fmt: skip


_POTENTIAL = ["potential_accessible", "potential_age_months", "is_stale", "is_estimated"]


def _estimated(rows: pd.DataFrame, th: Thresholds) -> Finding:
    values = {"n": len(rows), "headroom": float(rows["headroom"].sum()), "first": rows.iloc[0]["name"]}
    return Finding(
        NAME, "T10-R6", "qualify_estimates", Severity.ALERT, "company", "all", stake=float(rows["expected_gain"].sum()),
        targets=_targeted(rows["customer_id"]), hours=float(rows["hours"].sum()), lead_days=th.lead_days, values=values,
    )  # fmt: skip


def _unsettled(result: Result, th: Thresholds) -> Iterator[Finding]:
    if result.readings is None or result.readings.empty or result.robustness is None:
        return
    rows = result.readings
    count = int(result.robustness["account_count"].sum())
    robust = int(result.robustness["robust_count"].sum())
    values = {"n": len(rows), "of": count, "share": len(rows) / count, "robust_share": robust / count}
    values |= {"first": rows.iloc[0]["name"], "cell": rows.iloc[0]["cell"].upper()}
    values |= {"second_cell": rows.iloc[0]["second_cell"].upper(), "threshold": th.robust_min_share}
    yield Finding(
        NAME, "T10-R7", "two_readings", Severity.WATCH, "company", "all", targets=_targeted(rows["customer_id"]),
        lead_days=th.lead_days, values=values,
    )  # fmt: skip


def _targets(result: Result, th: Thresholds) -> Iterator[Finding]:
    if result.targets is None:
        return
    for row in result.targets.dropna(subset="target_gap").to_dict("records"):
        if row["is_ramping"] or abs(row["target_gap"]) <= th.target_gap_share:
            continue
        is_above = row["target_gap"] > 0
        values = {"name": row["owner_name"], "official": row["official_target"], "cell_target": row["cell_target"]}
        yield Finding(
            NAME, "T10-R8", "target_above" if is_above else "target_below", Severity.WATCH, "rep", row["owner_id"],
            stake=abs(row["official_target"] - row["cell_target"]), stake_kind="at_risk" if is_above else "gain",
            targets=(("rep", row["owner_id"]),), lead_days=th.lead_days, values=values | {"gap": row["target_gap"]},
        )  # fmt: skip


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
