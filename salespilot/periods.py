"""Working days and fiscal periods: which days are worked, which month, quarter and year a day belongs to, who worked.

A fiscal year begins on ``first_fiscal_month`` of ``client.toml`` and is named after the calendar year in which it
ends. Years made of weeks (4-4-5) come from ``calendar.fiscal_period`` where that table holds a whole year, else from
the convention ``fiscal_weeks``; years that the table does not hold repeat the pattern of the nearest one that it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import holidays
import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window, month_end, month_start

DAY = timedelta(days=1)
PERIODS = {"month": 1, "quarter": 3, "year": 12}
USUAL_HOURS = 7.0


def working_day_table(dataset: Dataset, start: date, end: date) -> pd.DataFrame:
    """One row a day from ``start`` to ``end``, both included: date, is_working_day, basis.

    ``basis`` says where the answer comes from: "calendar" (the client's own table), "holidays" (Monday to Friday less
    the public holidays of the client's country) or "weekdays" (Monday to Friday, for a country without a list).
    """
    days = pd.date_range(start, end, freq="D")
    country = dataset.client.country if dataset.client else "FR"
    table = pd.DataFrame({"date": days, "is_working_day": days.day_of_week < 5, "basis": "weekdays"})
    if country in holidays.list_supported_countries():
        closed = holidays.country_holidays(country, years=range(start.year, end.year + 1))
        table["is_working_day"] &= ~days.isin(pd.to_datetime(list(closed)))
        table["basis"] = "holidays"
    own = dataset.table("calendar").drop_duplicates("date").set_index("date")["is_working_day"].dropna()
    told = own.reindex(days).to_numpy()
    is_told = ~pd.isna(told)
    table.loc[is_told, "is_working_day"] = told[is_told].astype(bool)
    table.loc[is_told, "basis"] = "calendar"
    return table


def working_days(dataset: Dataset, start: date, end: date) -> int:
    """The number of working days from ``start`` to ``end``, both included; 0 where ``end`` lies before."""
    return int(working_day_table(dataset, start, end)["is_working_day"].sum()) if end >= start else 0


@dataclass(frozen=True)
class _Rule:
    """How fiscal years are cut: from a month, or in weeks; ``known`` holds the twelve month starts of some years."""

    first_month: int = 1
    weeks: tuple[int, ...] = ()
    weekday: int = 0
    known: Mapping[int, tuple[date, ...]] = field(default_factory=dict)

    def first_day(self, year: int) -> date:
        """The first day of a fiscal year."""
        if year in self.known:
            return self.known[year][0]
        if self.known:
            nearest = min(self.known, key=lambda other: abs(other - year))
            start = self.known[nearest][0]
            day = date(start.year + year - nearest, start.month, min(start.day, 28))
        else:
            day = date(year - (self.first_month > 1), self.first_month, 1)
        if not self.weeks:
            return day
        shift = (self.weekday - day.weekday()) % 7
        return day + timedelta(days=shift if shift <= 3 else shift - 7)

    def month_starts(self, year: int) -> tuple[date, ...]:
        """The first days of the twelve months of a fiscal year."""
        if year in self.known:
            return self.known[year]
        first = self.first_day(year)
        if not self.weeks:
            return tuple(month_start(first, n) for n in range(12))
        gone = np.concatenate([[0], np.cumsum(self.weeks[:11])])
        return tuple(first + timedelta(weeks=int(n)) for n in gone)

    def year_of(self, day: date) -> int:
        """The fiscal year of a day."""
        year = day.year + 1
        while self.first_day(year) > day:
            year -= 1
        return year


def _rule(dataset: Dataset) -> _Rule:
    first = dataset.client.first_fiscal_month if dataset.client else 1
    pattern = tuple(int(n) for n in dataset.conventions.fiscal_weeks.split("-") if n) * 4
    known = _told(dataset)
    if not known:
        return _Rule(first, pattern)
    start = known[max(known)][0]
    lengths = np.diff([day.toordinal() for day in known[max(known)]])
    if (lengths % 7 == 0).all():
        return _Rule(first, (*(int(n) // 7 for n in lengths), 0), start.weekday(), known)
    return _Rule(first, (), 0, known)


def _told(dataset: Dataset) -> dict[int, tuple[date, ...]]:
    """The month starts of the whole years that the calendar labels, unless its labels are plain calendar months.

    A label is read as a year of four digits and a number from 1 to 12: "2026-03", "P03 2026", "FY2026 M3".
    """
    table = dataset.table("calendar").dropna(subset="fiscal_period").sort_values("date")
    if table.empty:
        return {}
    numbers = table["fiscal_period"].map(_numbers)
    if numbers.isna().any():
        return {}
    table = table.assign(year=[n[0] for n in numbers], number=[n[1] for n in numbers])
    if ((table["date"].dt.year == table["year"]) & (table["date"].dt.month == table["number"])).all():
        return {}
    starts = table.groupby(["year", "number"])["date"].min().dt.date
    is_cut = starts == table["date"].min().date()  # the calendar may begin in the middle of its first month
    whole = {int(year): rows for year, rows in starts.groupby(level="year") if len(rows) == 12}
    return {year: tuple(rows) for year, rows in whole.items() if not is_cut[rows.index[1:]].any()}


def _numbers(label: str) -> tuple[int, int] | None:
    year = re.search(r"(?:19|20)\d\d", label)
    if not year:
        return None
    number = re.search(r"\d{1,2}", label[: year.start()] + " " + label[year.end() :])
    return (int(year.group()), int(number.group())) if number and 1 <= int(number.group()) <= 12 else None


def fiscal_months(dataset: Dataset, start: date, end: date) -> pd.DataFrame:
    """The fiscal months of the years that ``start`` and ``end`` belong to, whole years, in order.

    Columns: fiscal_year, number (1 to 12), start, end (days, both included).
    """
    rule = _rule(dataset)
    years = range(rule.year_of(start), rule.year_of(end) + 1)
    rows = [(year, number, day) for year in years for number, day in enumerate(rule.month_starts(year), 1)]
    table = pd.DataFrame(rows, columns=["fiscal_year", "number", "start"])
    table["start"] = pd.to_datetime(table["start"])
    after = pd.Timestamp(rule.first_day(years[-1] + 1))
    table["end"] = table["start"].shift(-1).fillna(after) - pd.Timedelta(days=1)
    return table


def period_of(dataset: Dataset, day: date, kind: str) -> Window:
    """The fiscal "month", "quarter" or "year" that holds a day."""
    months = fiscal_months(dataset, day, day)
    row = int(((months["start"] <= pd.Timestamp(day)) & (months["end"] >= pd.Timestamp(day))).to_numpy().argmax())
    size = PERIODS[kind]
    first = row // size * size
    return Window(months["start"][first].date(), months["end"][first + size - 1].date())


def fiscal_year(dataset: Dataset, day: date) -> Window:
    """The fiscal year that holds a day."""
    return period_of(dataset, day, "year")


def worked_days(dataset: Dataset, window: Window) -> pd.DataFrame:
    """Who worked how much: rep_id, month_index (12·year + month), worked_days, hours, field_hours.

    One row a salesperson and calendar month of the window in which they were in post. ``rep_capacity`` where it holds
    the month (working less absence days), else the working days between entry and exit; both times the FTE. Months
    cut by the window, an entry or an exit count for the working days left. ``field_hours`` is missing where no field
    share is known.
    """
    reps = dataset.table("reps")[["rep_id", "start_date", "end_date", "fte"]]
    days = working_day_table(dataset, month_start(window.start), month_end(window.end))
    worked = pd.DatetimeIndex(days.loc[days["is_working_day"], "date"])
    index = (worked.year * 12 + worked.month).to_numpy()
    since = reps["start_date"].fillna(pd.Timestamp(window.start)).to_numpy()[:, None]
    until = reps["end_date"].fillna(pd.Timestamp(window.end)).to_numpy()[:, None]
    day = worked.to_numpy()
    inside = (day >= np.datetime64(window.start)) & (day <= np.datetime64(window.end))
    present = pd.DataFrame(inside & (day >= since) & (day <= until), reps["rep_id"], index).T.groupby(level=0).sum()
    table = present.rename_axis("month_index").reset_index().melt("month_index", value_name="present")
    table["whole"] = table["month_index"].map(pd.Series(index).value_counts())
    months = dataset.table("rep_capacity").dropna(subset="working_days")
    months = months.assign(month_index=months["month"].dt.year * 12 + months["month"].dt.month)
    months = months.drop_duplicates(["rep_id", "month_index"])
    table = table.merge(months, on=["rep_id", "month_index"], how="left")
    own = table["working_days"] - table["absence_days"].fillna(0)
    part = table["present"] / table["whole"]
    fte = table["rep_id"].map(reps.set_index("rep_id")["fte"]).astype(float).fillna(1.0)
    table["worked_days"] = (own * part).fillna(table["present"]) * fte
    table["hours"] = table["worked_days"] * table["hours_per_day"].fillna(USUAL_HOURS)
    table["field_hours"] = table["hours"] * table["field_share"]
    kept = table[table["present"] > 0].sort_values(["rep_id", "month_index"], ignore_index=True)
    return kept[["rep_id", "month_index", "worked_days", "hours", "field_hours"]]
