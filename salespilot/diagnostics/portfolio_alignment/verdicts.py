"""The rules T03-R1 to T03-R9: what to do about hours, portfolios, groups, segments and hand-overs."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from salespilot.diagnostics.portfolio_alignment.model import NAME, Result, Thresholds
from salespilot.finding import Finding, Severity, Value

FAR = 2.0
"""Times the band beyond which an imbalance is an alert."""


def findings(result: Result, thresholds: Thresholds) -> list[Finding]:
    """What to tell, the gravest first; within a rule, the biggest stake first and at most ``named`` subjects."""
    found = [
        *_capacity(result, thresholds),
        *_whole(result, thresholds),
        *_people(result, thresholds),
        *_kept(result),
        *_care(result, thresholds),
        *_groups(result, thresholds),
        *_inherited(result, thresholds),
        *_merged(result, thresholds),
        *_contractual(result, thresholds),
        *_places(result),
    ]
    gravity = list(Severity)
    return sorted(found, key=lambda f: (gravity.index(f.severity), -(f.stake or 0.0), f.rule, f.subject_id))


def _capacity(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R1 and R2: hours needed against hours there are."""
    figures = result.key_figures
    load, needed, capacity = (figures[name] for name in ("load_rate", "workload_hours", "capacity_hours"))
    if load is None or needed is None or not capacity or result.relief is None:
        return
    steps = result.relief.set_index("relief_step")
    is_told = bool(figures["has_policy"])  # nobody is hired or let go on a policy that is not the client's
    hourly = figures["hourly_cost"] if is_told else None
    values = {"load": load, "needed": needed, "capacity": capacity, "reps": figures["rep_count"]}
    values |= {"assumed": figures["assumed_capacity_count"]}
    if load > th.load_high:
        values |= {"missing": needed - capacity, "halved": int(steps["account_count"]["halve_visits"])}
        values |= {"freed": float(steps["hours"][["halve_visits", "remote"]].sum())}
        values |= {"fte": (needed - capacity) * (figures["fte"] or 0) / capacity, "left": steps["people"]["hire"]}
        yield Finding(
            NAME, "T03-R1", "overload" if is_told else "load_assumed", Severity.ALERT if is_told else Severity.WATCH,
            "company", "all", stake_kind="cost",
            stake=None if hourly is None else hourly * (needed - capacity), lead_days=th.lead_days, values=values,
        )  # fmt: skip
    elif load < th.load_low:
        values |= {"spare": capacity - needed, "used": float(steps["hours"]["raise_visits"])}
        values |= {"n": int(steps["account_count"]["raise_visits"]), "fte": float(steps["people"]["vacant_posts"])}
        code = "load_assumed" if not is_told else "spare_hours" if values["n"] else "spare_posts"
        yield Finding(
            NAME, "T03-R2", code, Severity.WATCH, "company", "all", stake_kind="cost",
            stake=None if hourly is None else hourly * (capacity - needed), lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _whole(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R3 for the whole: the attribution proposed, or why the band cannot be held."""
    if result.moves is None:
        return
    figures = result.key_figures
    if figures["feasible_band"] is not None and figures["feasible_band"] > th.band_share + 1e-6:
        row = result.accounts.set_index("customer_id")
        heaviest = row.index[row["is_heaviest"]][0]
        by_locks = (figures["free_band"] or 0) < figures["feasible_band"] - 1e-3
        why: dict[str, Value] = {
            "band": th.band_share,
            "smallest": figures["feasible_band"],
            "free": figures["free_band"],
        }
        locked = int((row["is_locked"] & ~row["is_reserve"]).sum())
        why |= {"name": row["name"][heaviest], "share": figures["heaviest_share"], "locked": locked}
        code = "infeasible_locks" if by_locks else "infeasible_band"
        yield Finding(NAME, "T03-R3", code, Severity.ALERT, "company", "all",
                      targets=(("customer", str(heaviest)),), values=why)  # fmt: skip
    values: dict[str, Value] = {
        "outside": figures["outside_before"],
        "reps": figures["rep_count"],
        "band": th.band_share,
    }
    if not figures["outside_before"] and not figures["attached_count"]:
        yield Finding(NAME, "T03-R3", "balanced_already", Severity.GOOD, "company", "all", values=values)
        return
    values |= {"moved": figures["moved_count"], "attached": figures["attached_count"]}
    values |= {"after": figures["outside_after"], "share": figures["moved_share"] or 0.0}
    values |= {"revenue": figures["revenue_moved"], "revenue_share": figures["revenue_moved_share"] or 0.0}
    values |= {"low": figures["risk_low"], "high": figures["risk_high"], "scenario": result.chosen}
    yield Finding(
        NAME, "T03-R3", "realign", Severity.ALERT if figures["outside_before"] else Severity.WATCH, "company", "all",
        stake=figures["risk_planned"], stake_low=0.0, stake_high=figures["risk_high"], stake_kind="at_risk",
        targets=tuple(("customer", str(code)) for code in result.moves["customer_id"]),
        lead_days=th.lead_days, values=values,
    )  # fmt: skip


def _people(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R3 for each salesperson beyond the band on load, else on potential."""
    if result.portfolios is None or result.moves is None:
        return
    for row in result.portfolios.to_dict("records"):
        away = row["load_index"] - 1
        given = result.moves[result.moves["from_id"] == row["rep_id"]]
        taken = result.moves[result.moves["to_id"] == row["rep_id"]]
        values = {"name": row["name"], "load": row["load_rate"], "index": row["load_index"], "away": abs(away)}
        values |= {"after": row["load_rate_after"], "given": len(given), "taken": len(taken), "band": th.band_share}
        code = "rep_overloaded" if away > 0 else "rep_underloaded"
        if abs(away) <= th.band_share:
            off = row["potential_index"] - 1
            if pd.isna(off) or abs(off) <= th.band_share:
                continue
            code = "rep_rich" if off > 0 else "rep_poor"
            values |= {"away": abs(off), "index": row["potential_index"], "index_after": row["potential_index_after"]}
        grave = abs(away) > FAR * th.band_share
        yield Finding(
            NAME, "T03-R3", code, Severity.ALERT if grave else Severity.WATCH, "rep", row["rep_id"],
            targets=(("rep", row["rep_id"]),), lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _kept(result: Result) -> Iterator[Finding]:
    """R4: class A relations that are old and sound keep their contact, asked for or not."""
    accounts = result.accounts
    kept = accounts[accounts["is_locked"] & ~accounts["is_asked"] & ~accounts["is_reserve"]]
    if len(kept):
        yield Finding(
            NAME, "T03-R4", "locked", Severity.GOOD, "company", "all",
            targets=tuple(("customer", str(code)) for code in kept["customer_id"]),
            values={"n": len(kept), "revenue": float(kept["net_revenue"].sum())},
        )  # fmt: skip


def _care(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R5: who is to be handed over with care."""
    if result.moves is None:
        return
    for row in result.moves[result.moves["is_care"]].head(th.named).to_dict("records"):
        revenue = max(row["net_revenue"], 0.0)
        cell = row["cell"].upper().replace("_UNKNOWN", "?")
        values = {"name": row["name"], "cell": cell, "revenue": revenue, "to": row["to_name"]}
        values |= {"giver": row["from_name"], "day": row["transfer_date"].date(), "headroom": row["headroom"]}
        code = "hand_over" if isinstance(row["from_name"], str) else "attach"
        yield Finding(
            NAME, "T03-R5", code, Severity.WATCH, "customer", row["customer_id"], owner=row["to_id"],
            stake=revenue * th.loss_planned, stake_low=0.0, stake_high=revenue * th.loss_high, stake_kind="at_risk",
            targets=(("customer", row["customer_id"]),), hours=4.5, lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _groups(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R6: one owner and a named local contact for each group."""
    for row in result.groups.head(th.named).to_dict("records"):
        values = {key: row[key] for key in ("name", "main_name")}
        values |= {"n": row["account_count"], "reps": row["rep_count"], "revenue": row["net_revenue"]}
        share = row["main_share"]
        values |= {"share": None if pd.isna(share) else float(share)}
        yield Finding(
            NAME, "T03-R6", "split_group", Severity.WATCH, "customer", row["group_id"], owner=row["main_id"],
            targets=(("customer", row["group_id"]),), lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _inherited(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R7: too many new customers at once."""
    if result.portfolios is None:
        return
    for row in result.portfolios[result.portfolios["new_share"] > th.inherit_share].to_dict("records"):
        values = {"name": row["name"], "new": int(row["new_count"]), "n": int(row["account_count_after"])}
        values |= {"share": row["new_share"], "index": _number(row["potential_index_after"])}
        known = values["index"] is not None
        yield Finding(
            NAME, "T03-R7", "inherits" if known else "inherits_unknown", Severity.WATCH, "rep", row["rep_id"],
            targets=(("rep", row["rep_id"]),), lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _merged(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R8: segments too small to stand alone."""
    small = result.joined[result.joined["merge_reason"] == "small"]
    for row in small.head(th.named).to_dict("records"):
        code = row["segment_from"].lower().replace("?", "_unknown").replace(" ", "+")
        values = {"segment": row["segment_from"], "into": row["segment_into"], "n": int(row["account_count"])}
        yield Finding(NAME, "T03-R8", "small_segment", Severity.WATCH, "segment", code, values=values)


def _contractual(result: Result, th: Thresholds) -> Iterator[Finding]:
    """R9: a change of sector that may need the employee's agreement."""
    if result.moves is None:
        return
    moved = result.moves[result.moves["is_contractual"]]
    ends = pd.concat([moved["from_id"], moved["to_id"]]).dropna().unique()
    for rep in sorted(rep for rep in ends if rep in result.contractual):
        own = moved[(moved["from_id"] == rep) | (moved["to_id"] == rep)]
        given = int((own["from_id"] == rep).sum())
        name = own["from_name"].where(own["from_id"] == rep, own["to_name"]).iloc[0]
        values = {"name": name, "given": given, "taken": len(own) - given}
        values |= {"revenue": float(own["net_revenue"].clip(lower=0).sum())}
        yield Finding(
            NAME, "T03-R9", "contractual_sector", Severity.ALERT, "rep", rep, targets=(("rep", rep),),
            lead_days=th.lead_days, values=values,
        )  # fmt: skip


def _places(result: Result) -> Iterator[Finding]:
    """What the reading leaves out: classes that separate nothing, accounts without a place."""
    if not result.key_figures["is_separating"] and result.key_figures["account_count"]:
        buyers = {"n": int(result.accounts["net_revenue"].gt(0).sum())}
        yield Finding(NAME, "T03-R0", "low_concentration", Severity.WATCH, "company", "all", values=buyers)
    house = result.reserve[result.reserve["reserve_reason"] == "house"]
    if len(house):
        revenue, total = float(house["net_revenue"].sum()), float(result.accounts["net_revenue"].clip(lower=0).sum())
        sold = {"n": len(house), "revenue": revenue, "share": revenue / total if total > 0 else 0.0}
        yield Finding(NAME, "T03-R0", "house", Severity.WATCH, "company", "all", values=sold)
    lacking = result.accounts[result.accounts["is_unskilled"] & ~result.accounts["is_reserve"]]
    if len(lacking):
        skills = ", ".join(sorted(lacking["required_skill"].unique()))
        targets = tuple(("customer", str(code)) for code in lacking["customer_id"])
        said = {"n": len(lacking), "skills": skills, "first": lacking["name"].iloc[0]}
        yield Finding(NAME, "T03-R0", "no_skill", Severity.WATCH, "company", "all", targets=targets, values=said)
    visited = result.unplaced[result.unplaced["f2f_per_year"] > 0]
    if len(visited):
        values = {"n": len(visited), "of": result.key_figures["account_count"], "first": visited["name"].iloc[0]}
        targets = tuple(("customer", str(code)) for code in visited["customer_id"])
        yield Finding(NAME, "T03-R0", "no_place", Severity.WATCH, "company", "all", targets=targets, values=values)


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
