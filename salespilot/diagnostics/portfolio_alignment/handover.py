"""From a chosen attribution to hand-overs: each move and its why, waves, checks, and revenue at risk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.portfolio_alignment.model import Thresholds
from salespilot.diagnostics.portfolio_alignment.scenarios import Programme

CLOSER_SHARE = 0.2
REASONS = ("orphan", "banned", "group", "relieve", "fill", "closer", "potential", "balance")
STEPS = (("joint_visit", 0.0), ("transfer", 0.0), ("check_30", 30.0), ("check_60", 60.0), ("check_90", 90.0))
CARE_HOURS = {"joint_visit": 2.0, "transfer": 1.0, "check_30": 0.5, "check_60": 0.5, "check_90": 0.5, "overdue": 0.0}


def moves(
    dataset: Dataset,
    frame: pd.DataFrame,
    km: np.ndarray,
    new: pd.Series,
    loads: pd.DataFrame,
    given: Programme,
    bans: frozenset[tuple[str, str]],
    contractual: frozenset[str],
    scenario: str,
    thresholds: Thresholds,
) -> pd.DataFrame:
    """One row an account that changes hands or finds some, biggest revenue first: from whom, to whom, why, which wave.

    ``move_reason``, the first that holds: orphan (nobody in post held it), banned, group (the rest of the group is
    there), relieve (who gives is beyond the band), fill (who takes is below it), closer (a fifth of the way saved),
    potential (who gives holds too much of it), balance (one of the moves that even out the rest).
    """
    now = frame["owner_id"].where(frame["owner_id"].isin(given.people))
    changed = ~frame["is_reserve"] & new.notna() & (now.isna() | (now != new))
    table = frame.loc[changed, ["name", "cell", "operating_segment", "net_revenue", "headroom", "workload_hours",
                                "revenue_class", "group_id", "sector_code", "is_care"]].copy()  # fmt: skip
    table["from_id"], table["to_id"] = now[changed], new[changed]
    names = dataset.names("reps")
    # Who has left keeps the name of who left it.
    former = frame.loc[changed, "former_id"]
    table["from_name"] = table["from_id"].fillna(former).map(names)
    table["to_name"] = table["to_id"].map(names)
    row = np.flatnonzero(changed)
    give, take = (given.people.get_indexer(pd.Index(table[end])) for end in ("from_id", "to_id"))
    before = np.where(give >= 0, km[row, np.maximum(give, 0)], np.nan)
    after = km[row, take]
    table["km_saved"] = before - after if given.has_travel else np.nan
    index = loads[loads["scenario"] == "current"].set_index("rep_id")
    rates = loads[loads["scenario"] == scenario].set_index("rep_id")["load_rate"]
    load, potential = index["load_index"], index["potential_index"]
    grouped = now.groupby(frame["group_id"]).agg(lambda held: held.nunique(dropna=True))
    table["from_load"] = table["from_id"].map(index["load_rate"]).astype(float)
    table["to_load"] = table["to_id"].map(index["load_rate"]).astype(float)
    table["from_load_after"] = table["from_id"].map(rates).astype(float)
    table["to_load_after"] = table["to_id"].map(rates).astype(float)
    high, low = 1 + thresholds.band_share, 1 - thresholds.band_share
    banned = [(customer, rep) in bans for customer, rep in zip(table.index, table["from_id"], strict=True)]
    conditions = [
        table["from_id"].isna(),
        pd.Series(banned, index=table.index, dtype=bool),
        table["group_id"].map(grouped) > 1,
        table["from_id"].map(load).astype(float) > high,
        table["to_id"].map(load).astype(float) < low,
        pd.Series(before - after > CLOSER_SHARE * before, index=table.index) & (before - after >= 1) & given.has_travel,
        table["from_id"].map(potential).astype(float) > high,
    ]
    table["move_reason"] = np.select(conditions, REASONS[:-1], REASONS[-1])
    held = frame.loc[~frame["is_reserve"] & (now == new)]
    known = held.groupby([now[held.index], held["sector_code"]]).size()
    pairs = pd.MultiIndex.from_arrays([table["to_id"], table["sector_code"]])
    table["same_sector_count"] = known.reindex(pairs).fillna(0).astype(int).to_numpy()
    table["is_contractual"] = table["from_id"].isin(contractual) | table["to_id"].isin(contractual)
    light = table["from_id"].isna() | (table["net_revenue"] <= 0)
    table["wave"] = np.select([table["is_care"], light], [3, 1], 2)
    table["transfer_date"] = pd.Timestamp(dataset.as_of) + pd.to_timedelta(table["wave"] * thresholds.wave_days, "D")
    table = table.rename_axis("customer_id").reset_index()
    table = table.sort_values(["net_revenue", "customer_id"], ascending=[False, True], ignore_index=True)
    columns = ["customer_id", "name", "cell", "operating_segment", "net_revenue", "headroom", "workload_hours"]
    columns += ["from_id", "from_name", "to_id", "to_name", "move_reason", "km_saved", "from_load", "from_load_after"]
    columns += ["to_load", "to_load_after", "same_sector_count", "is_care", "is_contractual", "wave", "transfer_date"]
    return table[columns]


def waves(table: pd.DataFrame) -> pd.DataFrame:
    """One row a wave: wave, transfer_date, account_count, net_revenue, care_count."""
    groups = table.groupby("wave")
    return groups.agg(
        transfer_date=("transfer_date", "first"),
        account_count=("customer_id", "size"),
        net_revenue=("net_revenue", "sum"),
        care_count=("is_care", "sum"),
    ).reset_index()


def steps(table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Candidate actions of the hand-overs, by date: source, handover_step, customer_id, name, from, owner, due_date,
    hours.

    An account handed over with care (R5) gets a joint visit before the date, checks at 30, 60 and 90 days and a watch
    on overdue orders for twelve months; another one its transfer and a check at 90 days.
    """
    parts = []
    for step, days in (*STEPS, ("overdue", 365.0)):
        careful = step in ("joint_visit", "check_30", "check_60", "overdue")
        chosen = table[table["is_care"]] if careful else table
        offset = -float(thresholds.joint_visit_days) if step == "joint_visit" else days
        parts.append(
            chosen[["customer_id", "name", "from_id", "from_name", "to_id", "to_name", "wave"]].assign(
                source="handover",
                handover_step=step,
                due_date=chosen["transfer_date"] + pd.Timedelta(days=offset),
                hours=CARE_HOURS[step],
            )
        )
    made = pd.concat(parts, ignore_index=True).rename(columns={"to_id": "owner_id", "to_name": "owner_name"})
    order = ["due_date", "customer_id", "handover_step"]
    columns = ["due_date", "handover_step", "customer_id", "name", "from_name", "owner_id", "owner_name", "hours"]
    return made.sort_values(order, ignore_index=True)[[*columns, "wave", "source"]]


def at_risk(summary: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Revenue at risk: one row a loss rate (loss_case, loss_rate), one column a scenario.

    Σ moved revenue x loss rate, at 0 %, a planned hand-over, and what one distributor lost when salespeople left:
    13.2 to 17.6 % of annual sales [S39], an upper reference for a planned hand-over.
    """
    cases = (
        ("nothing", 0.0),
        ("planned", thresholds.loss_planned),
        ("departure_low", thresholds.loss_low),
        ("departure_high", thresholds.loss_high),
    )
    moved = summary.set_index("scenario")["revenue_moved"]
    rows = [
        {"loss_case": case, "loss_rate": rate, **{f"{name}_at_risk": float(moved[name]) * rate for name in moved.index}}
        for case, rate in cases
    ]
    return pd.DataFrame(rows).drop(columns="current_at_risk", errors="ignore")


def flows(frame: pd.DataFrame, now: pd.Series, new: pd.Series, names: pd.Series) -> pd.DataFrame:
    """Revenue by origin and new portfolio: unit_from, portfolio_to, net_revenue, account_count.

    The origin is the client's old unit (``legacy_unit``), or where it has none the salesperson of today.
    """
    active = ~frame["is_reserve"] & (frame["net_revenue"] > 0)
    has_units = bool(frame.loc[active, "legacy_unit"].notna().any())
    origin = frame["legacy_unit"] if has_units else now.map(names)
    table = pd.DataFrame(
        {
            "unit_from": origin[active].fillna("nobody"),
            "portfolio_to": new[active].map(names).fillna("nobody"),
            "net_revenue": frame.loc[active, "net_revenue"],
        }
    )
    made = table.groupby(["unit_from", "portfolio_to"])["net_revenue"].agg(["sum", "size"]).reset_index()
    return made.rename(columns={"sum": "net_revenue", "size": "account_count"})
