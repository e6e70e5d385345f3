"""Where the worked time goes: face to face, on the road, at a distance, in quotes, inside the company, not logged."""

from __future__ import annotations

import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.activity_productivity.model import NotComputable
from salespilot.finding import Reason, absent
from salespilot.marts import FACE_TO_FACE

USES = ("face_to_face", "travel", "remote", "offers", "internal", "unlogged")
_USE_OF = {
    **dict.fromkeys(FACE_TO_FACE, "face_to_face"),
    **dict.fromkeys(("call_attempt", "call_connected", "remote_meeting", "email"), "remote"),
    **dict.fromkeys(("quote", "event"), "offers"),
    **dict.fromkeys(("admin", "training"), "internal"),
    "travel": "travel",
}


def time_use(dataset: Dataset, team: pd.DataFrame) -> pd.DataFrame:
    """One row a salesperson and use of time, in the order of `USES`: hours and hour_share (of the worked hours).

    An activity without a duration lasts as long as the mean of its type; types that nobody times are not counted.
    ``unlogged`` is what is left of the worked hours, so that shares are of the time worked, never of the time logged.
    """
    if not dataset.has("activities"):
        raise NotComputable(absent("activities"))
    window = f"done_date between date '{dataset.window.start}' and date '{dataset.window.end}'"
    logged = dataset.sql(
        f"""
        select rep_id, type, count(*) as activity_count, count(duration_min) as timed, sum(duration_min) as minutes,
            sum(travel_min) as travel_minutes
        from activities where coalesce(status, 'done') = 'done' and {window} group by 1, 2 order by 1, 2
        """
    )
    total = logged.groupby("type")[["timed", "minutes"]].sum()
    usual = logged["type"].map((total["minutes"] / total["timed"].where(total["timed"] > 0)).astype(float))
    if usual.isna().all():
        raise NotComputable(Reason("no_duration"))
    logged["hours"] = (logged["minutes"].fillna(0) + (logged["activity_count"] - logged["timed"]) * usual) / 60
    logged["use"] = logged["type"].map(_USE_OF)
    on_the_road = logged.groupby("rep_id")["travel_minutes"].sum() / 60
    table = logged.pivot_table("hours", "rep_id", "use", aggfunc="sum").reindex(columns=list(USES[:-1])).fillna(0.0)
    table["travel"] = table["travel"] + on_the_road.reindex(table.index).fillna(0.0)
    table = table.reindex(team.index[team["hours"] > 0]).fillna(0.0)
    worked = team["hours"].reindex(table.index)
    table["unlogged"] = (worked - table.sum(axis=1)).clip(lower=0.0)
    long = table.reset_index().melt("rep_id", list(USES), "use", "hours").sort_values("rep_id", kind="stable")
    whole = worked.clip(lower=table.sum(axis=1))
    long["hour_share"] = long["hours"] / long["rep_id"].map(whole)
    long["name"] = long["rep_id"].map(team["name"])
    return long[["rep_id", "name", "use", "hours", "hour_share"]].reset_index(drop=True)


def share(time_use: pd.DataFrame, use: str, reps: pd.Index) -> float | None:
    """The share of the worked hours of these salespeople that goes to one use."""
    own = time_use[time_use["rep_id"].isin(reps)]
    hours = own["hours"].sum()
    return float(own.loc[own["use"] == use, "hours"].sum() / hours) if hours > 0 else None
