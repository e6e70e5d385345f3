"""What was announced: which forecast counts for a period at a horizon, and what the naive ones would have said."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.forecast_accuracy.actuals import COMPANY, Actuals

CHAIN = ("rep", "manager", "final")
SOURCES = (*CHAIN, "statistical")
LEVELS = ("rep", "team", COMPANY)
KINDS = {"week": (5, 10), "month": (26, 36), "quarter": (80, 100), "year": (350, 380)}
"""Lengths of periods in days, both included; fiscal months of four or five weeks are months."""
A_YEAR = {"week": 52, "month": 12, "quarter": 4, "year": 1}
KEYS = ["period_start", "period_end", "level", "entity_id", "source"]
ROLL_UP_COVER = 0.95
"""Share of the actual that those who forecast must hold for their sum to be the forecast of the whole."""
BIN_DAYS = 6


def announced(dataset: Dataset) -> pd.DataFrame:
    """One row a snapshot, period, entity and source: ``forecast`` (the call, else closed + commit) and ``commit``.

    Columns: snapshot_date, period_start, period_end, kind, level, entity_id, source, forecast, commit. The entity of
    the company is always "company". Of a period without end, the end is that of the calendar month, or the eve of the
    next period. Rows without amount are left out.
    """
    table = dataset.table("forecast_snapshots").dropna(subset=["amount", "snapshot_date", "period_start"])
    table = table.rename(columns={"entity_level": "level"})
    table["period_end"] = table["period_end"].fillna(_ends(table["period_start"]))
    table["entity_id"] = table["entity_id"].where(table["level"] != COMPANY, COMPANY)
    table["kind"] = _kind((table["period_end"] - table["period_start"]).dt.days + 1)
    amounts = table.pivot_table(
        index=["snapshot_date", *KEYS, "kind"], columns="category", values="amount", aggfunc="sum", observed=True
    ).reindex(columns=["call", "closed", "commit"])
    committed = amounts["commit"].add(amounts["closed"], fill_value=0.0)
    made = pd.DataFrame({"forecast": amounts["call"].fillna(committed), "commit": committed}).reset_index()
    return made.dropna(subset=["forecast"])


def _ends(starts: pd.Series) -> pd.Series:
    """The eve of the next period seen; of the last one, as long after as the gap before it."""
    known = pd.Series(sorted(starts.unique()))
    gap = known.diff().dt.days.median()
    if pd.isna(gap) or (known.dt.day == 1).all():
        months = 1 if pd.isna(gap) else max(1, round(gap / 30.4375))
        return starts + pd.offsets.DateOffset(months=months) - pd.Timedelta(days=1)
    following = known.shift(-1).fillna(known + pd.Timedelta(days=gap))
    return starts.map(pd.Series(following.to_numpy(), index=known)) - pd.Timedelta(days=1)


def _kind(days: pd.Series) -> pd.Series:
    chosen = [days.between(*limits) for limits in KINDS.values()]
    return pd.Series(np.select(chosen, list(KINDS), "other"), index=days.index)


def standing(table: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """For each period, entity and source, the last snapshot on or before the period's start less the horizon.

    A negative horizon is a snapshot taken within the period.
    """
    known = table[(table["period_start"] - table["snapshot_date"]).dt.days >= horizon_days]
    return known.sort_values("snapshot_date", kind="stable").drop_duplicates(KEYS, keep="last")


def horizons(table: pd.DataFrame) -> list[int]:
    """The horizons that the snapshots offer, in days before the start of the period, nearest to the end first.

    Snapshots less than six days apart count as one horizon: months do not have the same length.
    """
    leads = sorted((table["period_start"] - table["snapshot_date"]).dt.days[_before_end(table)].unique())
    found: list[int] = []
    for lead in leads:
        if not found or lead - found[-1] >= BIN_DAYS:
            found.append(int(lead))
    return found


def _before_end(table: pd.DataFrame) -> pd.Series:
    return table["snapshot_date"] < table["period_end"]


def judged(standing: pd.DataFrame, actual: Actuals, teams: pd.Series) -> pd.DataFrame:
    """The standing forecasts, summed upwards where a level has none of its own, with ``actual``, ``naive``,
    ``seasonal`` (the naive forecasts known at the snapshot) and ``is_summed``.

    ``naive``: actual of the last period of the same length that had ended at the snapshot. ``seasonal``: the same
    period a year before (364 days where periods are not calendar months). ``teams``: rep_id -> team_id.
    """
    frame = standing.assign(is_summed=False)
    for level, below in (("team", "rep"), (COMPANY, "team"), (COMPANY, "rep")):
        frame = pd.concat([frame, _summed(frame, level, below, actual, teams)], ignore_index=True)
    frame["actual"] = _actual(frame, actual, frame["period_start"], frame["period_end"])
    frame["naive"] = _actual(frame, actual, *before(frame, frame["snapshot_date"]))
    start, end = year_before(frame)
    frame["seasonal"] = _actual(frame, actual, start, end).where(end < frame["snapshot_date"])
    return frame.sort_values([*KEYS[2:], "period_start"], ignore_index=True)


def _actual(frame: pd.DataFrame, actual: Actuals, start: pd.Series, end: pd.Series) -> pd.Series:
    return actual.of(frame["level"], frame["entity_id"], start, end)


def _summed(frame: pd.DataFrame, level: str, below: str, actual: Actuals, teams: pd.Series) -> pd.DataFrame:
    """Forecasts of a level as the sum of those below, where the level has none and hardly anyone is missing.

    Where the actual of nobody is known, everyone is taken to forecast.
    """
    parts = frame[frame["level"] == below].copy()
    parts["part"] = _actual(parts, actual, parts["period_start"], parts["period_end"])
    is_unknown = bool(parts["part"].isna().all())
    parts["part"] = parts["part"].fillna(0.0)
    parts["level"], parts["entity_id"] = level, parts["entity_id"].map(teams) if level == "team" else COMPANY
    made = (
        parts.dropna(subset="entity_id")
        .groupby([*KEYS, "kind"], as_index=False)
        .agg(snapshot_date=("snapshot_date", "max"), forecast=("forecast", "sum"), commit=("commit", "sum"),
             part=("part", "sum"))
    )  # fmt: skip
    if made.empty:
        return frame.head(0)
    whole = _actual(made, actual, made["period_start"], made["period_end"])
    own = pd.MultiIndex.from_frame(frame[KEYS])
    free = ~pd.MultiIndex.from_frame(made[KEYS]).isin(own)
    covers = is_unknown | whole.isna() | (made["part"].abs() >= ROLL_UP_COVER * whole.abs())
    return made[free & covers].drop(columns="part").assign(is_summed=True)


def before(frame: pd.DataFrame, day: pd.Series) -> tuple[pd.Series, pd.Series]:
    """First and last day of the last period of the same length that had ended before a day."""
    start, end = frame["period_start"], frame["period_end"]
    calendar, months = _months(frame)
    back = np.ceil(((_month(start) - _month(day)) / months).clip(lower=0)) + 1
    first, last = moved(frame, -(back * months).astype(int))
    days = (end - start).dt.days + 1
    steps = np.ceil(((start - day).dt.days / days).clip(lower=0)) + 1
    shift = pd.to_timedelta(steps * days, unit="D")
    return first.where(calendar, start - shift), last.where(calendar, end - shift)


def year_before(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """First and last day of the same period a year before."""
    first, last = moved(frame, pd.Series(-12, index=frame.index))
    shift = pd.Timedelta(days=364)
    calendar, _ = _months(frame)
    return first.where(calendar, frame["period_start"] - shift), last.where(calendar, frame["period_end"] - shift)


def earlier(period: pd.Series, count: int) -> pd.DataFrame:
    """The ``count`` periods of the same length that end before the period, the nearest last."""
    frame = pd.DataFrame([period[["period_start", "period_end"]]] * count).reset_index(drop=True)
    steps = pd.Series(range(count, 0, -1))
    calendar, months = _months(frame)
    first, last = moved(frame, -(steps * months).astype(int))
    days = pd.to_timedelta(((frame["period_end"] - frame["period_start"]).dt.days + 1) * steps, unit="D")
    return pd.DataFrame(
        {
            "period_start": first.where(calendar, frame["period_start"] - days),
            "period_end": last.where(calendar, frame["period_end"] - days),
        }
    )


def moved(frame: pd.DataFrame, months: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Calendar periods moved by whole months, each ending at the end of a month."""
    first, after = _month(frame["period_start"]) + months, _month(frame["period_end"]) + months + 1
    return _first_of(first), _first_of(after) - pd.Timedelta(days=1)


def _months(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Whether each period is made of whole calendar months, and of how many."""
    start, end = frame["period_start"], frame["period_end"]
    calendar = (start.dt.day == 1) & (end + pd.Timedelta(days=1)).dt.day.eq(1)
    return calendar, (_month(end) - _month(start) + 1).clip(lower=1)


def _month(day: pd.Series) -> pd.Series:
    return day.dt.year * 12 + day.dt.month - 1


def _first_of(month: pd.Series) -> pd.Series:
    return pd.to_datetime({"year": month // 12, "month": month % 12 + 1, "day": 1})
