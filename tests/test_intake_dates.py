"""Dates as software writes them: read one by one, their order judged on the whole column."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salespilot.intake import dates


def read(text: str, order: str = "", column: str = "invoice_date") -> date | None:
    return dates.settled(dates.look(text, 1, column), order)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-31", date(2024, 1, 31)),
        ("2024/1/31", date(2024, 1, 31)),
        ("2010-12-01 08:26:00", date(2010, 12, 1)),
        ("2024-05-01T10:00:00Z", date(2024, 5, 1)),
        ("20240131", date(2024, 1, 31)),
        ("19970101", date(1997, 1, 1)),
        ("May 31 2011 12:00AM", date(2011, 5, 31)),
        ("May 31, 2011", date(2011, 5, 31)),
        ("12 mars 2024", date(2024, 3, 12)),
        ("31-déc.-24", date(2024, 12, 31)),
        ("1 août 2023", date(2023, 8, 1)),
        ("sam. 3 mai 2025", date(2025, 5, 3)),
        ("45321", date(2024, 1, 30)),
        ("45321.5", date(2024, 1, 30)),
        ("janv. 2024", date(2024, 1, 1)),
        ("2024-03", date(2024, 3, 1)),
        ("03/2024", date(2024, 3, 1)),
        ("2024-13-01", None),
        ("31/11/2025", None),
        ("12/12", None),
        ("hier", None),
    ],
)
def test_dates_that_need_no_judgement(text: str, expected: date | None) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("03/04/2024", "dmy", date(2024, 4, 3)),
        ("03/04/2024", "mdy", date(2024, 3, 4)),
        ("3.4.24", "dmy", date(2024, 4, 3)),
        ("03-04-24", "dmy", date(2024, 4, 3)),
        ("03/04/24", "ymd", date(2003, 4, 24)),
        ("31/12/98", "dmy", date(1998, 12, 31)),
        ("02/23/26 08:55 PM", "mdy", date(2026, 2, 23)),
        ("31122024", "dmy", date(2024, 12, 31)),
        ("311224", "dmy", date(2024, 12, 31)),
        ("241231", "ymd", date(2024, 12, 31)),
        ("25/12/2024", "mdy", None),
    ],
)
def test_dates_whose_order_is_told(text: str, order: str, expected: date | None) -> None:
    assert read(text, order) == expected


def order(*texts: str) -> str | None:
    return dates.order([dates.weigh([(t, 1) for t in texts], "invoice_date")])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["03/04/2024", "25/12/2024"], "dmy"),
        (["03/04/2024", "12/25/2024"], "mdy"),
        (["03/04/2024", "05/06/2024"], None),
        (["25/12/2024", "12/25/2024"], None),
        (["03/03/2024", "04/04/2024"], ""),
        (["2024-03-04"], ""),
        (["", "NULL", "2024-03-04"], ""),
    ],
)
def test_the_whole_column_decides_the_order(texts: list[str], expected: str | None) -> None:
    assert order(*texts) == expected


def test_a_slip_among_many_is_unreadable_not_a_conflict() -> None:
    values = [(f"{day:02d}/01/2024", 20) for day in range(13, 29)] + [("02/28/2024", 1)]
    assert dates.order([dates.weigh(values, "invoice_date")]) == "dmy"


def test_instants_are_utc() -> None:
    value = dates.look("2024-05-01T01:30:00+02:00", 1, "event_ts")
    assert dates.moment(value, dates.settled(value, "")) == datetime(2024, 4, 30, 23, 30)
    value = dates.look("02/23/26 12:05 AM", 1, "event_ts")
    assert dates.moment(value, dates.settled(value, "mdy")) == datetime(2026, 2, 23, 0, 5)


def test_the_end_of_a_period_is_its_last_day() -> None:
    assert read("2024-02", column="period_end") == date(2024, 2, 29)
    assert read("2024", column="period_end") == date(2024, 12, 31)
    assert read("2024", column="period_start") == date(2024, 1, 1)
    assert read("2024") is None


days = st.dates(date(1990, 1, 1), date(2068, 12, 31))
FORMATS = {"dmy": ["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%Y %H:%M"], "mdy": ["%m/%d/%Y", "%m/%d/%y %I:%M %p"]}


@given(st.lists(days, min_size=1, max_size=40), st.sampled_from([(o, f) for o, fs in FORMATS.items() for f in fs]))
def test_a_column_is_read_back_or_refused(values: list[date], written: tuple[str, str]) -> None:
    true_order, form = written
    looked = dates.weigh(((value.strftime(form), 1) for value in values), "invoice_date")
    found = dates.order([looked])
    assert found in (true_order, None, "")
    if found is not None:
        assert [dates.settled(value, found) for value in looked.values] == values


@pytest.mark.parametrize(
    ("form", "expected"), [("%d%m%y", "dmy"), ("%m%d%y", "mdy"), ("%y%m%d", "ymd"), ("%y-%m-%d", "ymd")]
)
def test_two_digits_that_run_through_a_month_are_its_days(form: str, expected: str) -> None:
    days = [date(2024 + month // 12, month % 12 + 1, day) for month in range(24) for day in range(1, 29)]
    votes = dates.weigh([(day.strftime(form), 1) for day in days], "invoice_date")
    assert dates.order([votes]) == expected
    assert [dates.settled(value, expected) for value in votes.values] == days
