"""Working days, fiscal periods and worked days, counted on a calendar by hand."""

from datetime import date

import pandas as pd
import pytest

from salespilot import periods
from salespilot.client import Client
from salespilot.conventions import Conventions
from salespilot.dataset import Dataset, Window


def opened(tmp_path, country="FR", first=1, weeks="", **frames):
    client = Client(tmp_path, "C", country=country, first_fiscal_month=first)
    return Dataset.from_frames(frames, "2026-06-30", conventions=Conventions(fiscal_weeks=weeks), client=client)


def labelled(start, end, label):
    days = pd.date_range(start, end)
    return pd.DataFrame(
        {"date": days, "is_working_day": days.day_of_week < 5, "fiscal_period": [label(d) for d in days]}
    )


def test_french_holidays_are_not_worked(tmp_path):
    dataset = opened(tmp_path)
    # May 2026 has 21 weekdays; the 1st, the 8th, Ascension (14th) and Whit Monday (25th) are holidays.
    assert periods.working_days(dataset, date(2026, 5, 1), date(2026, 5, 31)) == 17
    assert set(periods.working_day_table(dataset, date(2026, 5, 1), date(2026, 5, 2))["basis"]) == {"holidays"}
    assert periods.working_days(dataset, date(2026, 5, 2), date(2026, 5, 1)) == 0


def test_the_country_is_the_clients_and_an_unknown_one_has_weekdays(tmp_path):
    assert periods.working_days(opened(tmp_path, "GB"), date(2026, 5, 1), date(2026, 5, 31)) == 19
    nowhere = opened(tmp_path, "ZZ")
    assert periods.working_days(nowhere, date(2026, 5, 1), date(2026, 5, 31)) == 21
    assert set(periods.working_day_table(nowhere, date(2026, 5, 1), date(2026, 5, 1))["basis"]) == {"weekdays"}


def test_the_clients_calendar_goes_first_where_it_covers(tmp_path):
    days = pd.date_range("2026-05-01", "2026-05-15")
    dataset = opened(tmp_path, calendar=pd.DataFrame({"date": days, "is_working_day": False}))
    table = periods.working_day_table(dataset, date(2026, 5, 1), date(2026, 5, 31))
    assert table["is_working_day"].sum() == 9  # 18 to 29 May less Whit Monday
    assert list(table["basis"].value_counts()[["calendar", "holidays"]]) == [15, 16]


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("month", date(2026, 5, 1), date(2026, 5, 31)),
        ("quarter", date(2026, 4, 1), date(2026, 6, 30)),
        ("year", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_calendar_years(tmp_path, kind, start, end):
    assert periods.period_of(opened(tmp_path), date(2026, 5, 20), kind) == Window(start, end)


def test_a_fiscal_year_that_begins_in_july(tmp_path):
    dataset = opened(tmp_path, first=7)
    assert periods.fiscal_year(dataset, date(2026, 6, 30)) == Window(date(2025, 7, 1), date(2026, 6, 30))
    assert periods.fiscal_year(dataset, date(2026, 7, 1)) == Window(date(2026, 7, 1), date(2027, 6, 30))
    assert periods.period_of(dataset, date(2026, 2, 28), "quarter") == Window(date(2026, 1, 1), date(2026, 3, 31))
    months = periods.fiscal_months(dataset, date(2025, 7, 1), date(2026, 6, 30))
    assert list(months["fiscal_year"].unique()) == [2026]
    assert months["number"][months["start"] == "2026-01-01"].item() == 7


def test_weeks_by_convention(tmp_path):
    months = periods.fiscal_months(opened(tmp_path, weeks="4-4-5"), date(2026, 6, 30), date(2026, 6, 30))
    weeks = ((months["end"] - months["start"]).dt.days + 1) / 7
    assert list(weeks) == [4, 4, 5, 4, 4, 5, 4, 4, 5, 4, 4, 6]  # 2026 has 53 weeks
    assert months["start"][0] == pd.Timestamp("2025-12-29")  # the Monday nearest to 1 January
    lengths = periods.fiscal_months(opened(tmp_path, weeks="4-4-5"), date(2020, 6, 1), date(2030, 6, 1))
    assert (lengths["start"].shift(-1) - lengths["end"]).dropna().eq(pd.Timedelta(days=1)).all()
    assert set(lengths.groupby("fiscal_year").size()) == {12}


def test_weeks_from_the_clients_calendar(tmp_path):
    first = date(2025, 2, 3)
    ends = [sum(([4, 4, 5] * 4)[: n + 1]) for n in range(12)]

    def label(day):
        week = (day.date() - first).days // 7
        return f"FY2026 P{next((n for n, end in enumerate(ends, 1) if week < end), 12):02d}"

    dataset = opened(tmp_path, calendar=labelled(first, date(2026, 2, 1), label))
    assert periods.fiscal_year(dataset, date(2025, 12, 31)) == Window(first, date(2026, 2, 1))
    assert periods.period_of(dataset, date(2025, 3, 5), "month") == Window(date(2025, 3, 3), date(2025, 3, 30))
    before = periods.fiscal_year(dataset, date(2024, 12, 31))
    assert (before.start.weekday(), before.end) == (0, date(2025, 2, 2))


def test_labels_that_are_calendar_months_teach_nothing(tmp_path):
    calendar = labelled("2025-01-01", "2026-12-31", lambda day: f"{day:%Y-%m}")
    dataset = opened(tmp_path, first=10, calendar=calendar)
    assert periods.fiscal_year(dataset, date(2026, 1, 15)).start == date(2025, 10, 1)
    odd = opened(tmp_path, calendar=labelled("2025-01-01", "2025-12-31", lambda _: "clôture"))
    assert periods.fiscal_year(odd, date(2026, 1, 15)).start == date(2026, 1, 1)


def test_month_labels_shifted_against_the_calendar(tmp_path):
    def label(day):
        return f"{day.year + (day.month > 6)}-{(day.month + 5) % 12 + 1:02d}"

    dataset = opened(tmp_path, calendar=labelled("2024-07-01", "2025-06-30", label))
    assert periods.fiscal_year(dataset, date(2026, 1, 15)) == Window(date(2025, 7, 1), date(2026, 6, 30))
    assert periods.fiscal_year(dataset, date(2025, 1, 15)) == Window(date(2024, 7, 1), date(2025, 6, 30))


def test_worked_days(tmp_path):
    reps = pd.DataFrame(
        {
            "rep_id": ["A", "B", "C", "D"],
            "start_date": pd.to_datetime(["2020-01-01", "2026-05-18", "2020-01-01", "2020-01-01"]),
            "end_date": pd.to_datetime([None, None, None, "2025-01-01"]),
            "fte": [1.0, 1.0, 0.5, 1.0],
        }
    )
    capacity = pd.DataFrame({"rep_id": ["A"], "month": pd.to_datetime(["2026-05-01"]), "working_days": [17.0]})
    capacity = capacity.assign(absence_days=3.0, hours_per_day=8.0, field_share=0.5)
    dataset = opened(tmp_path, reps=reps, rep_capacity=capacity)
    found = periods.worked_days(dataset, Window(date(2026, 5, 1), date(2026, 5, 31))).set_index("rep_id")
    assert list(found.index) == ["A", "B", "C"]
    assert found.loc["A", ["worked_days", "hours", "field_hours"]].tolist() == [14, 112, 56]
    assert found["worked_days"]["B"] == 9  # 18 to 29 May less Whit Monday
    assert found["worked_days"]["C"] == 8.5
    assert found["hours"]["C"] == 8.5 * 7
    assert pd.isna(found["field_hours"]["C"])
    assert set(found["month_index"]) == {2026 * 12 + 5}


def test_a_window_that_cuts_a_month_takes_its_share_of_the_capacity(tmp_path):
    capacity = pd.DataFrame({"rep_id": ["A"], "month": pd.to_datetime(["2026-05-01"]), "working_days": [17.0]})
    dataset = opened(tmp_path, reps=pd.DataFrame({"rep_id": ["A"]}), rep_capacity=capacity.assign(absence_days=8.5))
    found = periods.worked_days(dataset, Window(date(2026, 5, 18), date(2026, 5, 31)))
    assert found["worked_days"].item() == pytest.approx(8.5 * 9 / 17)


def test_no_rep_has_worked_where_none_is_known(tmp_path):
    assert periods.worked_days(opened(tmp_path), Window(date(2026, 5, 1), date(2026, 5, 31))).empty


def test_numbers_of_a_label():
    cases = {"2026-03": (2026, 3), "P03 2026": (2026, 3), "FY2026 M12": (2026, 12), "2026-13": None, "mars": None}
    assert {label: periods._numbers(label) for label in cases} == cases
