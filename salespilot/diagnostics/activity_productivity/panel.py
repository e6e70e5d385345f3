"""The indicators, salesperson by salesperson and month by month: what a dashboard could follow.

Counts are per worked day, rates are rates; months without a worked day are missing, not zero. Whoever does not log is
left out of what is read in the log.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window, month_start
from salespilot.deals import deals
from salespilot.diagnostics.activity_productivity import sales
from salespilot.diagnostics.activity_productivity.chain import APPOINTMENT, CONVERSATION, QUOTES
from salespilot.diagnostics.activity_productivity.model import Thresholds
from salespilot.marts import FACE_TO_FACE
from salespilot.periods import worked_days

MOST_MONTHS = 36
ACTIVITY, OBJECTIVE, RESULT = "activity", "objective", "result"
LEVELS = {
    **dict.fromkeys(
        ("calls", "conversations", "appointments", "visits", "remote_meetings", "emails", "customers_met",
         "admin_hours", "quotes_sent", "deals_created"),
        ACTIVITY,
    ),
    **dict.fromkeys(
        ("conversation_rate", "honoured_rate", "win_rate", "average_order", "new_customers"), OBJECTIVE
    ),
    **dict.fromkeys(("revenue", "margin", "orders", "won_value"), RESULT),
}  # fmt: skip
"""What an indicator is: an activity that can be decided, an objective of the way of selling, a result. [S28]"""
LOGGED = ("calls", "conversations", "appointments", "visits", "remote_meetings", "emails", "customers_met",
          "admin_hours", "conversation_rate", "honoured_rate")  # fmt: skip
"""Read in the log of activities: somebody typed each record."""
RATES = ("conversation_rate", "honoured_rate", "win_rate", "average_order")
TARGETED = {"revenue": "revenue", "margin": "margin", "orders": "orders", "new_customers": "new_customers",
            "visits": "visits"}  # fmt: skip
"""Metric of the official targets -> indicator."""
BREAKS = {"quotes": ("quotes_sent",), "calls": ("calls", "conversations", "conversation_rate"), "activities": LOGGED}
"""What a change of definition is written about -> the indicators it breaks, besides the one of its own name."""


def panel(dataset: Dataset, team: pd.DataFrame, thresholds: Thresholds) -> tuple[pd.DataFrame, pd.Series]:
    """The indicators in long form (rep_id, month_index, indicator, value), and how many records a year each takes.

    Up to 36 closed months before the end of the window, from the first month of each source.
    """
    end = dataset.window.end
    window = Window(month_start(end, 1 - MOST_MONTHS), end)
    worked = worked_days(dataset, window).set_index(["rep_id", "month_index"])["worked_days"]
    worked = worked[worked >= 1]
    found: dict[str, pd.Series] = {}
    records: dict[str, float] = {}
    if dataset.has("activities"):
        counts = _logged(dataset, window, thresholds)
        silent = team.index[team["is_silent"]]
        counts = counts[~counts.index.get_level_values("rep_id").isin(silent)]
        _add(found, counts, worked)
        last_year = counts[counts.index.get_level_values("month_index") > _index(end) - 12]
        records |= {name: float(last_year[name].sum()) for name in counts if name in LEVELS}
        records["conversation_rate"] = records["honoured_rate"] = 0.0
    if dataset.has("quotes"):
        sent = dataset.sql(QUOTES).assign(day=lambda t: pd.to_datetime(t["sent_date"]), quotes_sent=1.0)
        _add(found, _monthly(sent, ["quotes_sent"], window), worked)
    if dataset.has("opportunities"):
        known = deals(dataset)
        known = known[~known["is_cleanup"]]
        made = _monthly(known.assign(day=known["created_date"], deals_created=1.0), ["deals_created"], window)
        ended = known[known["status"].isin(["won", "lost", "cancelled"])].assign(day=known["closed_date"], closed=1.0)
        ended["is_won"] = (ended["status"] == "won").astype(float)
        ended["won_value"] = ended["amount"].fillna(0.0) * ended["is_won"]
        closed = _monthly(ended, ["closed", "is_won", "won_value"], window)
        _add(found, made.join(closed, how="outer").fillna(0.0), worked)
        recent = made.index.get_level_values("month_index") > _index(end) - 12
        records["deals_created"] = float(made.loc[recent, "deals_created"].sum())
    if dataset.sales_basis == "invoiced":
        _add(found, _sold(dataset, window), worked)
    long = [series.rename("value").reset_index().assign(indicator=name) for name, series in found.items()]
    if not long:
        return pd.DataFrame(columns=["rep_id", "month_index", "indicator", "value"]), pd.Series(dtype=float)
    table = pd.concat(long, ignore_index=True).dropna(subset="value")
    return _unbroken(dataset, table), pd.Series(records, dtype=float)


def _index(day: date) -> int:
    return day.year * 12 + day.month


def _add(found: dict[str, pd.Series], counts: pd.DataFrame, worked: pd.Series) -> None:
    """Adds the indicators of one source: 0 in worked months without a record, from its first month with any."""
    if counts.empty:
        return
    first = counts.index.get_level_values("month_index").min()
    seen = counts.index.get_level_values("rep_id").unique()
    months = worked.index.get_level_values("month_index")
    rows = worked[(months >= first) & worked.index.get_level_values("rep_id").isin(seen)]
    counts = counts.reindex(rows.index).fillna(0.0)
    for name in counts:
        if name in LEVELS and name not in RATES and counts[name].any():
            found[name] = counts[name] / rows
    ratios = {
        "conversation_rate": ("conversations", "calls"), "honoured_rate": ("honoured", "appointments"),
        "win_rate": ("is_won", "closed"), "average_order": ("revenue_of_orders", "orders"),
    }  # fmt: skip
    for name, (over, under) in ratios.items():
        if over in counts and under in counts and counts[under].any():
            rate = counts[over] / counts[under].where(counts[under] > 0)
            if rate.nunique() > 1:
                found[name] = rate


def _logged(dataset: Dataset, window: Window, thresholds: Thresholds) -> pd.DataFrame:
    met = ", ".join(f"'{kind}'" for kind in FACE_TO_FACE)
    done = "coalesce(status, 'done') = 'done'"
    talk = CONVERSATION.format(seconds=thresholds.short_call_seconds)
    frame = dataset.sql(
        f"""
        select rep_id, year(day) * 12 + month(day) as month_index,
            count(*) filter (type in ('call_attempt', 'call_connected') and {done}) as calls,
            count(*) filter ({talk} and {done}) as conversations,
            count(*) filter ({APPOINTMENT} and coalesce(status, 'done') <> 'planned') as appointments,
            count(*) filter ({APPOINTMENT} and {done}) as honoured,
            count(*) filter (type in ({met}) and {done}) as visits,
            count(*) filter (type = 'remote_meeting' and {done}) as remote_meetings,
            count(*) filter (type = 'email' and {done}) as emails,
            count(distinct customer_id) filter (type in ({met}) and {done}) as customers_met,
            coalesce(sum(duration_min) filter (type in ('admin', 'training') and {done}), 0) / 60 as admin_hours
        from (select *, coalesce(done_date, planned_date) as day from activities)
        where day between date '{window.start}' and date '{window.end}' group by 1, 2 order by 1, 2
        """
    )
    return frame.set_index(["rep_id", "month_index"]).astype(float)


def _monthly(frame: pd.DataFrame, sums: list[str], window: Window) -> pd.DataFrame:
    inside = frame[frame["day"].between(pd.Timestamp(window.start), pd.Timestamp(window.end))]
    inside = inside.assign(month_index=inside["day"].dt.year * 12 + inside["day"].dt.month)
    return inside.groupby(["rep_id", "month_index"])[sums].sum().astype(float)


def _sold(dataset: Dataset, window: Window) -> pd.DataFrame:
    bought = sales.credited(dataset, sales.orders(dataset, window), ["order_count", "order_value", "margin"])
    given = sales.credited(dataset, sales.credits(dataset, window), ["credit_value"])
    keys = ["rep_id", "month_index"]
    table = bought.groupby(keys)[["order_count", "order_value", "margin"]].sum(min_count=1)
    table = table.join(given.groupby(keys)["credit_value"].sum(), how="outer").fillna(0.0)
    first = dataset.sql(
        "select arg_min(rep_id_booked, invoice_date) as rep_id, min(invoice_date) as day from sales_lines "
        "where customer_id is not null and amount_net > 0 group by customer_id order by 1, 2"
    )
    opening = pd.Timestamp(month_start(dataset.first_transaction or window.start, 12))
    first = first[pd.to_datetime(first["day"]) >= opening].assign(new_customers=1.0)
    first["day"] = pd.to_datetime(first["day"])
    table = table.join(_monthly(first, ["new_customers"], window), how="outer").fillna(0.0)
    table["revenue"] = table["order_value"] + table["credit_value"]
    return table.rename(columns={"order_count": "orders", "order_value": "revenue_of_orders"})


def _unbroken(dataset: Dataset, table: pd.DataFrame) -> pd.DataFrame:
    """The indicators from the last change of their definition on."""
    changes = dataset.table("interventions")
    changes = changes[(changes["kind"] == "definition_break") & changes["metric"].notna()]
    kept = pd.Series(True, index=table.index)
    for metric, day in zip(changes["metric"].str.strip().str.lower(), changes["date"], strict=True):
        broken = table["indicator"].isin([metric, *BREAKS.get(metric, ())])
        kept &= ~broken | (table["month_index"] >= _index(day + pd.Timedelta(days=27)))
    return table[kept].reset_index(drop=True)


def wide(table: pd.DataFrame, indicator: str) -> pd.DataFrame:
    """One indicator: a row a salesperson, a column a month, from the first month of the whole panel to the last."""
    months = np.arange(table["month_index"].min(), table["month_index"].max() + 1)
    own = table[table["indicator"] == indicator]
    return own.pivot(index="rep_id", columns="month_index", values="value").reindex(columns=months)
