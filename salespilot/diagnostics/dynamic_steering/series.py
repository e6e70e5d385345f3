"""Sales by slot of time, for the company, a team or a salesperson, and the targets of the period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset, Window
from salespilot.diagnostics.dynamic_steering.landing import History, Landing
from salespilot.diagnostics.dynamic_steering.model import Thresholds
from salespilot.periods import PERIODS, fiscal_months, period_of, working_day_table

FIRST_DAYS = 7
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Timeline:
    """The slots of time: fiscal months, cut in two where the as-of date falls inside one.

    ``slots``: one row a slot up to the end of the period: fiscal_year, number, start, end, days (worked), is_excluded.
    ``elapsed`` and ``length`` count the slots of the current ``period``; ``step`` is the slots of a month.
    """

    period: Window
    slots: pd.DataFrame
    elapsed: int
    length: int
    step: int
    calendar: str

    @property
    def known(self) -> int:
        """The slots up to the as-of date."""
        return len(self.slots) - self.length + self.elapsed

    @property
    def days_left(self) -> int:
        """The working days from the as-of date to the end of the period."""
        return int(self.slots["days"].iloc[self.known :].sum())

    @property
    def days_gone(self) -> int:
        """The working days of the period up to the as-of date."""
        return int(self.slots["days"].iloc[len(self.slots) - self.length : self.known].sum())

    def date_at(self, back: int) -> date:
        """The last day of the slot that lies ``back`` slots before the current one."""
        day: date = self.slots["end"].iloc[self.known - 1 - back].date()
        return day

    def end_at(self, back: int) -> date:
        """The end of the period as seen ``back`` slots earlier."""
        day: date = self.slots["end"].iloc[len(self.slots) - 1 - back].date()
        return day


def timeline(dataset: Dataset, kind: str, thresholds: Thresholds) -> Timeline | None:
    """The slots since the first fiscal month that the sales cover; None without sales."""
    first = dataset.first_transaction
    if first is None:
        return None
    as_of = pd.Timestamp(dataset.as_of)
    period = period_of(dataset, dataset.as_of, kind)
    months = fiscal_months(dataset, first, period.end)
    # A first month that begins late teaches nothing; the current period is kept whole all the same.
    begun = months["start"] + pd.Timedelta(days=FIRST_DAYS) > pd.Timestamp(first)
    begun |= months["start"] >= pd.Timestamp(period.start)
    months = months[begun & (months["end"] <= pd.Timestamp(period.end))].reset_index(drop=True)
    table = working_day_table(dataset, months["start"].iloc[0].date(), period.end)
    table["place"] = np.searchsorted(months["start"].to_numpy(), table["date"].to_numpy(), side="right") - 1
    table["rank"] = table.groupby("place")["is_working_day"].cumsum()
    current = months.index[months["end"] >= as_of][0]
    step = 1 if months["end"][current] == as_of else 2
    if step == 2:
        # Every month is cut after the same number of working days as the current one.
        gone = table.loc[table["date"] == as_of, "rank"].iloc[0]
        before = table[table["rank"] <= max(gone, 1)].groupby("place")["date"].max().to_numpy()
        first_half = months.assign(end=np.minimum(before, (months["end"] - DAY).to_numpy()))
        first_half.loc[current, "end"] = as_of
        second = months.assign(start=first_half["end"] + DAY)
        months = pd.concat([first_half, second]).sort_values(["start", "end"], kind="stable", ignore_index=True)
    worked = table.loc[table["is_working_day"], "date"].to_numpy()
    begun_by = np.searchsorted(worked, months["start"].to_numpy(), "left")
    ended_by = np.searchsorted(worked, months["end"].to_numpy(), "right")
    months["days"] = np.where(months["end"] < pd.Timestamp(first), 0.0, ended_by - begun_by)
    months["is_excluded"] = months["fiscal_year"].astype(str).isin([str(year) for year in thresholds.excluded_years])
    length = PERIODS[kind] * step
    elapsed = int((months["end"].iloc[-length:] <= as_of).sum())
    basis = str(table.loc[table["date"] >= pd.Timestamp(period.start), "basis"].mode().iloc[0])
    return Timeline(period, months, elapsed, length, step, basis)


def daily_sales(dataset: Dataset) -> pd.DataFrame:
    """Net revenue by day and salesperson booked, sales inside the group left out: day, rep_id, amount."""
    frame = dataset.sql(
        "select invoice_date as day, rep_id_booked as rep_id, sum(amount_net)::double as amount from sales_lines "
        "where invoice_date is not null and (customer_id is null or customer_id not in "
        "(select customer_id from customers where is_intercompany)) group by 1, 2 order by 1, 2"
    )
    frame["day"] = pd.to_datetime(frame["day"])
    return frame


def price_factor(days: pd.Series, thresholds: Thresholds) -> np.ndarray:
    """What brings the sales of each day to today's prices: the product of the rises that came after it."""
    factor = np.ones(len(days))
    for text in thresholds.price_rises:
        try:
            day, share = text.split("=")
            rise, since = float(share), pd.Timestamp(date.fromisoformat(day))
        except ValueError as error:
            raise SettingError(f"price_rises: write each as 2024-01-01=0.03, not {text!r}") from error
        factor *= np.where(days < since, 1 + rise, 1.0)
    return factor


def by_slot(time: Timeline, sales: pd.DataFrame) -> np.ndarray:
    """The amounts of the slots up to the as-of date; excluded years are NaN."""
    known = time.slots.iloc[: time.known]
    place = np.searchsorted(known["start"].to_numpy(), sales["day"].to_numpy(), side="right") - 1
    kept = place >= 0
    amount = np.bincount(place[kept], weights=sales["amount"].to_numpy()[kept], minlength=len(known))
    return np.where(known["is_excluded"] & (np.arange(len(known)) < time.known - time.elapsed), np.nan, amount)


def history_of(time: Timeline, sales: pd.DataFrame) -> History:
    """The sales of someone, ready to land."""
    return History(
        by_slot(time, sales), time.slots["days"].to_numpy(), 12 * time.step, time.length, time.elapsed, time.step
    )


def at_true_prices(found: Landing, actual: float) -> Landing:
    """The landing with what was really invoiced to date, where the past was restated at today's prices."""
    shift = actual - found.actual
    return replace(found, actual=actual, methods=found.methods.assign(landing=found.methods["landing"] + shift))


def targets_of(dataset: Dataset, window: Window) -> pd.DataFrame:
    """The revenue targets of a period as last known: entity_level, entity_id, period_start, period_end, value.

    The latest version of each is kept, and of nested periods (months of a year) the finest that cover the window; a
    salesperson's may begin later, when they joined.
    """
    table = dataset.table("targets")
    table = table[table["metric"].fillna("revenue") == "revenue"].dropna(subset=["value", "period_start", "period_end"])
    start, end = pd.Timestamp(window.start), pd.Timestamp(window.end)
    table = table[(table["period_start"] >= start) & (table["period_end"] <= end)]
    table = table.sort_values("version", kind="stable", na_position="first")
    table = table.drop_duplicates(["entity_level", "entity_id", "period_start", "period_end"], keep="last")
    table = table.assign(days=(table["period_end"] - table["period_start"]).dt.days + 1)
    chosen = [_finest(rows, start, end) for _, rows in table.groupby(["entity_level", "entity_id"], sort=True)]
    columns = ["entity_level", "entity_id", "period_start", "period_end", "value"]
    return pd.concat(chosen, ignore_index=True)[columns] if chosen else table[columns]


def _finest(rows: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    for _, group in rows.groupby(pd.cut(rows["days"], [0, 10, 45, 100, 400], labels=False), sort=True):
        first = group["period_start"].min() if group["entity_level"].iloc[0] == "rep" else start
        if group["days"].sum() == (end - first).days + 1:
            return group
    return rows.iloc[:0]


def target_rows(targets: pd.DataFrame, level: str, ids: Iterable[str] | None) -> pd.DataFrame:
    """The rows of one entity: of the company, else the sum of its teams, else of its salespeople."""
    if level == "company":
        for known in ("company", "team", "rep"):
            rows = targets[targets["entity_level"] == known]
            if len(rows):
                return rows
        return targets.iloc[:0]
    wanted = set(ids or ())
    return targets[(targets["entity_level"] == level) & targets["entity_id"].isin(wanted)]
