"""The indicators as monthly series: per working day, without the season, each with what it is counted on.

A panel has one row an indicator, scope and month: indicator, kind (value, rate, count, gap), scope_kind (company,
team, rep), scope_id, month, value (corrected), raw_value, n (the denominator; missing for plain values).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window, month_end, month_start
from salespilot.diagnostics.continuous_improvement.model import Thresholds
from salespilot.periods import worked_days, working_day_table

COMPANY = "ALL"
KINDS = {
    "revenue_per_day": "value",
    "orders_per_day": "value",
    "avg_order_value": "value",
    "visits_per_day": "value",
    "quotes_per_day": "value",
    "win_rate": "rate",
    "new_customers": "count",
    "days_between_new_customers": "gap",
}
SEASONAL = ("revenue_per_day", "orders_per_day", "quotes_per_day")
PERSONAL = ("revenue_per_day", "visits_per_day")
"""What is judged for each salesperson; the rest is charted on their own sheet (one_to_one) and judged nowhere: more
charts would mean more false alarms among the findings."""
METRICS = {
    "revenue": "revenue_per_day",
    "margin": "revenue_per_day",
    "orders": "orders_per_day",
    "visits": "visits_per_day",
    "quotes": "quotes_per_day",
    "win_rate": "win_rate",
    "conversion_rate": "win_rate",
    "new_customers": "new_customers",
    "avg_order_value": "avg_order_value",
}
"""The metric of an intervention, action or target -> the indicator that shows it."""

SALES = """
select rep_id_booked as rep_id, date_trunc('month', invoice_date)::date as month, sum(amount_net)::double as revenue,
    count(distinct invoice_id) filter (amount_net > 0) as orders
from sales_lines where invoice_date between date '{start}' and date '{end}' group by all
"""
VISITS = """
select rep_id, date_trunc('month', done_date)::date as month, count(*)::double as visits
from activities
where status = 'done' and type in ('visit', 'demo') and done_date between date '{start}' and date '{end}' group by all
"""
QUOTES = """
select rep_id, date_trunc('month', sent_date)::date as month, count(*)::double as quotes
from quotes where coalesce(is_latest, true) and sent_date between date '{start}' and date '{end}' group by all
"""
ENDED = """
select rep_id, date_trunc('month', closed_date)::date as month, count(*) filter (status = 'won')::double as won,
    count(*)::double as n
from opportunities where status in ('won', 'lost') and closed_date between date '{start}' and date '{end}' group by all
"""
FIRSTS = """
select day from (select customer_id, min(invoice_date) as day from sales_lines where amount_net > 0 group by all)
where day between date '{start}' and date '{end}' and customer_id is not null order by day
"""


def span(dataset: Dataset, thresholds: Thresholds) -> Window:
    """The whole closed months that are charted, up to the end of the window."""
    last = dataset.window.end
    end = month_end(month_start(last, -1)) if dataset.window.is_partial else last
    first = dataset.first_transaction or end
    whole = month_start(first) if first.day <= 3 else month_start(first, 1)
    return Window(max(whole, month_start(end, 1 - thresholds.history_months)), month_end(end))


def panel(dataset: Dataset, window: Window, thresholds: Thresholds) -> pd.DataFrame:
    """Every series that the tables give, corrected for working days and, with enough months, for the season."""
    months = pd.date_range(window.start, window.end, freq="MS")
    days = _days(dataset, window)
    parts = []
    sales = _sums(dataset, SALES, window)
    for scope in _scopes(dataset, sales, months, ["revenue", "orders"]):
        kind, id, frame = scope
        parts.append(_series("revenue_per_day", kind, id, frame["revenue"] / days, frame["revenue"]))
        parts.append(_series("orders_per_day", kind, id, frame["orders"] / days, frame["orders"]))
        mean = (frame["revenue"] / frame["orders"]).where(frame["orders"] > 0)
        parts.append(_series("avg_order_value", kind, id, mean, mean, frame["orders"]))
    parts += _activity(dataset, window, months, days)
    if dataset.has("opportunities") and len(ended := _sums(dataset, ENDED, window)):
        for kind, id, frame in _scopes(dataset, ended, months, ["won", "n"]):
            rate = (frame["won"] / frame["n"]).where(frame["n"] > 0)
            if kind != "rep" or frame["n"].mean() >= dataset.conventions.small_n_hide:
                parts.append(_series("win_rate", kind, id, rate, rate, frame["n"]))
    parts.append(_newcomers(dataset, window, months, thresholds))
    whole = pd.concat(parts, ignore_index=True).dropna(subset="value")
    return _deseasonalised(whole, thresholds) if len(months) >= thresholds.season_months else whole


def season(values: pd.Series, months: pd.Series) -> pd.Series:
    """Seasonal index by calendar month: mean of value over its centred 12-month average, scaled to a mean of 1 [G]."""
    wide, narrow = (values.rolling(n, center=True, min_periods=n).sum() for n in (13, 11))
    smooth = (wide + narrow) / 24
    index = (values / smooth).groupby(months.dt.month).mean()
    index = index.reindex(range(1, 13))
    return index / index.mean() if index.notna().all() else pd.Series(1.0, range(1, 13))


def _deseasonalised(whole: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Everyone gets the company's season: one's own would swallow what one is to be shown."""
    for indicator in SEASONAL:
        is_own = whole["indicator"] == indicator
        company = whole[is_own & (whole["scope_kind"] == "company")].sort_values("month")
        if len(company) >= thresholds.season_months:
            index = season(company["value"].reset_index(drop=True), company["month"].reset_index(drop=True))
            whole.loc[is_own, "value"] /= whole.loc[is_own, "month"].dt.month.map(index)
    return whole


def _days(dataset: Dataset, window: Window) -> pd.Series:
    table = working_day_table(dataset, window.start, window.end)
    month = table["date"].dt.to_period("M").dt.to_timestamp()
    return table["is_working_day"].groupby(month).sum().astype(float)


def _sums(dataset: Dataset, query: str, window: Window) -> pd.DataFrame:
    frame = dataset.sql(query.format(start=window.start, end=window.end))
    frame["month"] = pd.to_datetime(frame["month"])
    return frame


def _scopes(
    dataset: Dataset, frame: pd.DataFrame, months: pd.DatetimeIndex, columns: list[str]
) -> list[tuple[str, str, pd.DataFrame]]:
    """The sums of the company, of each team and of each salesperson in post, month by month (0 where nothing)."""
    team = dataset.table("reps").set_index("rep_id")["team_id"]
    found = [("company", COMPANY, frame.groupby("month")[columns].sum())]
    teams = frame.assign(team=frame["rep_id"].map(team)).dropna(subset="team")
    if teams["team"].nunique() > 1:
        found += [("team", str(id), own.groupby("month")[columns].sum()) for id, own in teams.groupby("team")]
    for id, own in frame.dropna(subset="rep_id").groupby("rep_id"):
        found.append(("rep", str(id), own.groupby("month")[columns].sum()))
    return [(kind, id, _in_post(dataset, kind, id, own.reindex(months, fill_value=0.0))) for kind, id, own in found]


def _in_post(dataset: Dataset, kind: str, id: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A salesperson's months between entry and exit only: nobody is judged on months of absence from the firm."""
    if kind != "rep":
        return frame
    reps = dataset.table("reps").set_index("rep_id")
    start, end = (reps[name].get(id, pd.NaT) for name in ("start_date", "end_date"))
    first = frame.index[(frame != 0).any(axis=1)].min()
    start = first if pd.isna(start) else max(start, first)
    ends = pd.DatetimeIndex(frame.index) + pd.offsets.MonthEnd(0)
    return frame[(frame.index >= start) & (pd.isna(end) | (ends <= end))]


def _series(
    indicator: str, kind: str, id: str, value: pd.Series, raw: pd.Series, n: pd.Series | None = None
) -> pd.DataFrame:
    frame = pd.DataFrame({"value": value, "raw_value": raw, "n": np.nan if n is None else n}).rename_axis("month")
    frame = frame.loc[raw.index].reset_index()
    return frame.assign(indicator=indicator, kind=KINDS[indicator], scope_kind=kind, scope_id=id)


def _activity(dataset: Dataset, window: Window, months: pd.DatetimeIndex, days: pd.Series) -> list[pd.DataFrame]:
    parts = []
    if dataset.has("activities") and len(visits := _sums(dataset, VISITS, window)):
        worked = worked_days(dataset, window)
        index = worked["month_index"] - 1
        worked["month"] = pd.to_datetime({"year": index // 12, "month": index % 12 + 1, "day": 1})
        logging = worked.loc[worked["rep_id"].isin(visits["rep_id"]), ["rep_id", "month", "worked_days"]]
        both = logging.merge(visits, how="left", on=["rep_id", "month"]).fillna({"visits": 0.0})
        for kind, id, frame in _scopes(dataset, both, months, ["visits", "worked_days"]):
            rate = (frame["visits"] / frame["worked_days"]).where(frame["worked_days"] >= 1)
            parts.append(_series("visits_per_day", kind, id, rate, frame["visits"], frame["worked_days"]))
    if dataset.has("quotes") and len(quotes := _sums(dataset, QUOTES, window)):
        for kind, id, frame in _scopes(dataset, quotes, months, ["quotes"]):
            parts.append(_series("quotes_per_day", kind, id, frame["quotes"] / days, frame["quotes"]))
    return parts


def _newcomers(dataset: Dataset, window: Window, months: pd.DatetimeIndex, thresholds: Thresholds) -> pd.DataFrame:
    """Customers by the month of their first order; where they are rare, the days from one to the next [G].

    Those of the first year known may be old customers, and are left out.
    """
    days = pd.to_datetime(dataset.sql(FIRSTS.format(start=month_start(window.start, 12), end=window.end))["day"])
    count = days.dt.to_period("M").dt.to_timestamp().value_counts().reindex(months[12:], fill_value=0).astype(float)
    if len(count) and count.mean() >= thresholds.rare_count:
        return _series("new_customers", "company", COMPANY, count, count)
    distinct = days.drop_duplicates().reset_index(drop=True)
    gap = distinct.diff().dt.days.set_axis(distinct).iloc[1:].astype(float)
    return _series("days_between_new_customers", "company", COMPANY, gap, gap)
