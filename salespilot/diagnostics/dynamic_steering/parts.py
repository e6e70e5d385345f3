"""What surrounds a landing: its path month by month, what it is made of, and that of each team and salesperson."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, month_start
from salespilot.deals import deals
from salespilot.diagnostics.dynamic_steering import series
from salespilot.diagnostics.dynamic_steering.landing import History, Landing, Settings, land
from salespilot.diagnostics.dynamic_steering.model import Thresholds
from salespilot.diagnostics.dynamic_steering.pipeline import Book, Rest

MIN_CLOSED = 10


def current_pace(found: Landing, days_gone: float, days_left: float, phi_min: float) -> float:
    """Sales a working day that today's rhythm would bring over the rest, its season taken into account.

    From the share of earlier years done at this point; where that is unknown or too small, the pace to date.
    """
    if found.phi >= phi_min and days_left:
        return found.actual * (1 / found.phi - 1) / days_left
    return found.actual / days_gone if days_gone else 0.0


def path(time: series.Timeline, history: History, found: Landing, aims: pd.DataFrame) -> pd.DataFrame:
    """The period month by month, all cumulated: date, actual, target, previous, landing_p10, landing_p50, landing_p90.

    One row the eve of the period, then one a slot end. The fan opens at the as-of date and follows the season of
    earlier years (working days where none is known).
    """
    slots = time.slots.iloc[len(time.slots) - time.length :]
    eve = slots["start"].iloc[:1] - series.DAY
    table = pd.DataFrame({"date": pd.concat([eve, slots["end"]], ignore_index=True)})
    gone, size, start = history.elapsed, history.length, history.start
    actual = np.concatenate([[0.0], np.cumsum(history.amount[start:])])
    if actual[-1] != 0:
        actual *= found.actual / actual[-1]  # at true prices
    table["actual"] = np.concatenate([actual, np.full(size - gone, np.nan)])
    table["target"] = _cumulated_target(table["date"], aims)
    earlier = [history.amount[s : s + size] for s in range(start - history.year, -1, -history.year)]
    earlier = [year for year in earlier if not np.isnan(year).any()]
    table["previous"] = np.concatenate([[0.0], np.cumsum(earlier[0])]) if earlier else np.nan
    shape = np.mean(earlier[:3], axis=0)[gone:] if earlier else history.days[start + gone :]
    total = shape.sum()
    shares = np.cumsum(shape) / total if total > 0 and (shape >= 0).all() else np.linspace(0, 1, size - gone + 1)[1:]
    tail = (1 - found.level) / 2
    for name, share in (("landing_p10", tail), ("landing_p50", 0.5), ("landing_p90", 1 - tail)):
        end = found.quantile(share) if gone < size else None
        line = np.full(size + 1, np.nan)
        if end is not None:
            line[gone:] = found.actual + np.concatenate([[0.0], shares]) * (end - found.actual)
        table[name] = line
    return table


def _cumulated_target(days: pd.Series, aims: pd.DataFrame) -> pd.Series:
    """The target up to each day: whole periods, and the running one by its days."""
    if aims.empty:
        return pd.Series(np.nan, index=days.index)
    total = np.zeros(len(days))
    for start, end, value in zip(aims["period_start"], aims["period_end"], aims["value"], strict=True):
        share = ((days - start).dt.days + 1) / ((end - start).days + 1)
        total += float(value) * share.clip(0, 1).to_numpy()
    return pd.Series(total, index=days.index)


def components(found: Landing, book: Book | None, rest: Rest | None, target: float | None) -> pd.DataFrame:
    """The landing step by step: step, amount, landing_share, driver and remedy (words).

    ``actual`` sold; ``backlog`` ordered and due; ``open_deals`` weighted; ``created`` deals to be created and won in
    time; ``recurring`` sales outside orders and deals known today (``to_come`` where deals tell nothing);
    ``landing``; ``gap`` and ``target`` where there is one. What is not yet created takes what the known parts leave
    of the landing, shared as in the same months of last year.
    """
    landing = found.actual + found.rest
    steps = [("actual", found.actual)]
    known = 0.0
    if book is not None and book.backlog is not None and found.rest:
        steps.append(("backlog", book.backlog))
        known += book.backlog
    if book is not None and len(book.deals) and found.rest:
        steps.append(("open_deals", book.weighted))
        known += book.weighted
    left = found.rest - known
    if rest is None or rest.created + rest.other <= 0:
        steps.append(("to_come", left))
    else:
        share = min(max(rest.created / (rest.created + rest.other), 0.0), 1.0)
        steps += [("created", left * share), ("recurring", left * (1 - share))]
    steps.append(("landing", landing))
    if target is not None:
        steps += [("gap", target - landing), ("target", target)]
    table = pd.DataFrame(steps, columns=["step", "amount"])
    table = table[(table["amount"] != 0) | table["step"].isin(["actual", "landing", "target"])].reset_index(drop=True)
    table["landing_share"] = table["amount"] / landing if landing else np.nan
    table["driver"] = table["remedy"] = table["step"]
    return table


def dated(backtest: pd.DataFrame, time: series.Timeline) -> pd.DataFrame:
    """The back-test with dates: asked_on, period_end, actual, forecast, low, high, forecast_error, is_inside."""
    table = backtest.copy()
    back = table.pop("slots_back").astype(int)
    table.insert(0, "asked_on", pd.to_datetime([time.date_at(n) for n in back]))
    table.insert(1, "period_end", pd.to_datetime([time.end_at(n) for n in back]))
    table.insert(6, "forecast_error", table["forecast"] / table["actual"] - 1)
    return table


def entities(
    dataset: Dataset,
    time: series.Timeline,
    sales: pd.DataFrame,
    restated: pd.DataFrame,
    targets: pd.DataFrame,
    thresholds: Thresholds,
) -> pd.DataFrame | None:
    """The landing of each team and of each salesperson in post, by the methods that read sales alone.

    Columns: entity_kind, entity_id, entity_name, is_ramping (joined less than ``ramp_months`` ago), actual_to_date,
    target, attainment, landing_p10, landing_p50, landing_p90, target_probability, gap, required_pace_ratio, verdict.
    Each lands on its own past: the sum of the parts is not the landing of the whole. None where no line names a
    salesperson.
    """
    if sales["rep_id"].isna().all():
        return None
    reps = dataset.table("reps").set_index("rep_id")
    as_of = pd.Timestamp(dataset.as_of)
    in_post = reps[reps["end_date"].isna() | (reps["end_date"] > as_of)]
    names = dataset.names("reps")
    teams = sorted(in_post["team_id"].dropna().unique())
    listed = [("team", team, team, set(reps.index[reps["team_id"] == team])) for team in teams]
    listed += [("rep", rep, names.get(rep, rep), {rep}) for rep in in_post.index]
    limits = Settings(thresholds.profile_years, thresholds.phi_min, thresholds.origins, thresholds.interval)
    begun = sales["day"] >= pd.Timestamp(time.period.start)
    tail = (1 - thresholds.interval) / 2
    learning = pd.Timestamp(month_start(dataset.as_of, 1 - dataset.conventions.ramp_months))
    rows = []
    for kind, code, name, members in listed:
        mine = sales["rep_id"].isin(members)
        aims = series.target_rows(targets, kind, [code])
        target = float(aims["value"].sum()) if len(aims) else np.nan
        actual = float(sales.loc[mine & begun, "amount"].sum())
        if not mine.any() and np.isnan(target):
            continue
        row: dict[str, object] = {"entity_kind": kind, "entity_id": code, "entity_name": name}
        row |= {"actual_to_date": actual, "target": target, "attainment": actual / target if target > 0 else np.nan}
        joined = reps["start_date"].get(code) if kind == "rep" else None
        row["is_ramping"] = bool(joined is not None and joined >= learning)
        history = series.history_of(time, restated[mine])
        if joined is not None and not pd.isna(joined):  # the days before they came are not theirs
            absent = (time.slots["end"] < joined).to_numpy()
            history = replace(history, days=np.where(absent, 0.0, history.days))
        found = land(history, limits)
        if found is not None:
            found = series.at_true_prices(found, actual)
            row |= {"landing_p10": found.quantile(tail), "landing_p50": found.quantile(0.5)}
            row |= {"landing_p90": found.quantile(1 - tail), "gap": target - float(found.quantile(0.5) or 0.0)}
            gone = float(history.days[history.start : history.start + history.elapsed].sum())
            pace = current_pace(found, gone, time.days_left, thresholds.phi_min)
            if not np.isnan(target):
                row["target_probability"] = found.probability(target)
                if time.days_left and pace > 0:
                    row["required_pace_ratio"] = max(target - actual, 0.0) / time.days_left / pace
        rows.append(row)
    columns = [
        "entity_kind", "entity_id", "entity_name", "is_ramping", "actual_to_date", "target", "attainment",
        "landing_p10", "landing_p50", "landing_p90", "target_probability", "gap", "required_pace_ratio",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table[columns[4:]] = table[columns[4:]].astype(float)
    chance = table["target_probability"]
    reached = [chance.isna(), chance >= thresholds.green, chance >= thresholds.amber]
    words = pd.Series(np.select(reached, ["unknown", "held", "at_stake"], "short"), table.index, dtype=object)
    table["verdict"] = words.where(table["target"].notna(), None)
    return table


def cycle_weeks(dataset: Dataset) -> float | None:
    """The median weeks from creating a deal to winning it: when a lull in activity shows in the sales."""
    if not dataset.has("opportunities"):
        return None
    table = deals(dataset)
    won = table[(table["status"] == "won") & ~table["is_born_closed"]]
    days = (won["closed_date"] - won["created_date"]).dt.days.dropna()
    return float(days.median()) / 7 if len(days) >= MIN_CLOSED else None
