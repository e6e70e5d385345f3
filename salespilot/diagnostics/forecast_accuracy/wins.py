"""What became of the deals that were committed, and where the deals won came from: read from the deals' own history."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset

ANNOUNCED = ("commit", "closed", "best_case")
COMMITTED = ("commit", "closed")
KINDS = ("announced", "pulled_in", "not_announced", "created_later")
"""Ways to win: announced (commit or best case, due in the period), due later, in no such category, created since."""

STATES = """
with period(day, period_start, period_end) as (values {periods}),
known as (
    select day, opportunity_id, {known}
    from period, opportunity_events
    where field in ('category', 'close_date', 'amount')
    group by all
)
select p.period_start, p.period_end, o.opportunity_id, o.rep_id, o.created_date > p.day as is_later,
    case when o.status = 'won' and o.closed_date between p.period_start and p.period_end
        then o.amount::double end as won_value,
    coalesce(t.category, o.forecast_category) as category,
    coalesce(try_cast(t.close_date as date), o.expected_close_date) as due,
    coalesce(try_cast(t.amount as double), o.amount::double) as amount
from period p cross join opportunities o left join known t on t.day = p.day and t.opportunity_id = o.opportunity_id
where (o.closed_date is null or o.closed_date > p.day)
    and (o.created_date <= p.day or (o.status = 'won' and o.closed_date between p.period_start and p.period_end))
"""
KNOWN = (
    "coalesce(arg_max(new_value, event_ts) filter (field = '{name}' and event_ts::date <= day), "
    "arg_min(old_value, event_ts) filter (field = '{name}' and event_ts::date > day)) as {name}"
)


def states(dataset: Dataset, periods: pd.DataFrame, horizon_days: int) -> pd.DataFrame | None:
    """Every deal open at the snapshot of a period, and every one won in it, as it stood then; None without history.

    The snapshot is that of the evening before the period's start, less the horizon. ``periods``: period_start,
    period_end. Columns: period_start, period_end, opportunity_id, rep_id, is_later (created after the snapshot),
    won_value (missing: not won in the period), category, due, amount (of that day).
    """
    if periods.empty or not dataset.has("opportunity_events"):
        return None
    if not dataset.sql("select count(*) as n from opportunity_events where field = 'category'")["n"][0]:
        return None
    days = periods["period_start"] - pd.Timedelta(days=horizon_days + 1)
    rows = zip(days, periods["period_start"], periods["period_end"], strict=True)
    values = ", ".join("({})".format(", ".join(f"date '{day.date()}'" for day in row)) for row in rows)
    known = ", ".join(KNOWN.format(name=name) for name in ("category", "close_date", "amount"))
    frame = dataset.sql(STATES.format(periods=values, known=known))
    for column in ("period_start", "period_end", "due"):
        frame[column] = pd.to_datetime(frame[column])
    return frame.sort_values(["period_start", "opportunity_id"], ignore_index=True)


def committed(states: pd.DataFrame) -> pd.DataFrame:
    """One row a period: commit_value (in commit at the snapshot, due by the end of the period), commit_won (of it, won
    in the period), won_value (all that was won in it), commit_conversion (won / committed), commit_kept."""
    is_committed = states["category"].isin(COMMITTED) & (states["due"] <= states["period_end"]) & ~states["is_later"]
    frame = states[["period_start", "period_end", "won_value"]].assign(
        commit_value=states["amount"].where(is_committed), commit_won=states["won_value"].where(is_committed)
    )
    made = frame.groupby(["period_start", "period_end"], as_index=False).sum()
    base = made["commit_value"].where(made["commit_value"] > 0)
    made["commit_conversion"], made["commit_kept"] = made["won_value"] / base, made["commit_won"] / base
    columns = ["period_start", "period_end", "commit_value", "commit_won", "won_value"]
    return made[[*columns, "commit_conversion", "commit_kept"]]


def surprises(states: pd.DataFrame) -> pd.DataFrame:
    """One row a kind of win: deal_count, won_value, value_share. All but ``announced`` are surprises [S62]."""
    won = states.dropna(subset="won_value")
    named = won["category"].isin(ANNOUNCED)
    kinds = np.select(
        [won["is_later"], ~named, won["due"] > won["period_end"]], ["created_later", "not_announced", "pulled_in"],
        "announced",
    )  # fmt: skip
    counted = won.assign(win_kind=kinds).groupby("win_kind")
    sums = pd.DataFrame({"deal_count": counted.size(), "won_value": counted["won_value"].sum()})
    made = sums.reindex(pd.Index(KINDS, name="win_kind"), fill_value=0).reset_index()
    total = made["won_value"].sum()
    made["value_share"] = made["won_value"] / total if total > 0 else np.nan
    return made


def committed_count(states: pd.DataFrame) -> int:
    """How many times a deal was in commit, due in the period, at the snapshot."""
    due = states["due"] <= states["period_end"]
    return int((states["category"].isin(COMMITTED) & due & ~states["is_later"]).sum())
