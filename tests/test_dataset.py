"""What was known at one date: windows, closed months, versions, deals rebuilt, owners, marts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salespilot.conventions import Conventions, SettingError
from salespilot.dataset import Dataset, Window, last_closed_month, month_end, month_start


def lines(*rows, **columns) -> pd.DataFrame:
    """Sales lines of (date, customer, amount)."""
    frame = pd.DataFrame(rows, columns=["invoice_date", "customer_id", "amount_net"])
    frame["invoice_date"] = pd.to_datetime(frame["invoice_date"])
    return frame.assign(line_id=[str(i) for i in range(len(frame))], **columns)


def test_months():
    assert month_start(date(2026, 1, 31), -1) == date(2025, 12, 1)
    assert month_end(date(2024, 2, 1)) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("as_of", "last", "until", "closed"),
    [
        (date(2026, 6, 30), date(2026, 6, 30), None, date(2026, 6, 30)),
        (date(2026, 6, 30), date(2026, 6, 29), None, date(2026, 5, 31)),
        (date(2026, 5, 31), date(2026, 5, 29), None, date(2026, 5, 31)),  # a Friday, then a weekend
        (date(2026, 6, 15), date(2026, 6, 30), None, date(2026, 5, 31)),
        (date(2026, 9, 30), date(2026, 6, 30), None, date(2026, 6, 30)),
        (date(2026, 6, 30), date(2026, 6, 3), date(2026, 6, 30), date(2026, 6, 30)),
    ],
)
def test_a_month_is_closed_when_it_has_ended_and_its_data_go_to_its_last_weekday(as_of, last, until, closed):
    assert last_closed_month(as_of, last, until) == closed


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.dates(date(2000, 1, 1), date(2030, 1, 1)))
def test_the_last_closed_month_is_a_month_end_not_after_as_of(as_of, last):
    closed = last_closed_month(as_of, last)
    assert closed == month_end(closed)
    assert closed <= as_of


def test_default_as_of_is_the_end_of_the_last_closed_month():
    ds = Dataset.from_frames({"sales_lines": lines(("2024-01-05", "a", 1), ("2026-07-10", "a", 1))})
    assert ds.as_of == date(2026, 6, 30)
    assert ds.window == Window(date(2025, 7, 1), date(2026, 6, 30))
    assert ds.previous == Window(date(2024, 7, 1), date(2025, 6, 30))


def test_a_month_that_ends_on_a_weekend_is_closed_by_its_last_friday():
    ds = Dataset.from_frames({"sales_lines": lines(("2024-01-05", "a", 1), ("2026-05-29", "a", 1))})
    assert ds.as_of == date(2026, 5, 31)


def test_without_a_closed_month_everything_is_partial():
    ds = Dataset.from_frames({"sales_lines": lines(("2026-07-02", "a", 1), ("2026-07-10", "a", 1))})
    assert ds.as_of == date(2026, 7, 10)
    assert ds.window.is_partial
    assert ds.previous is None


def test_months_zero_is_everything_up_to_as_of():
    ds = Dataset.from_frames({"sales_lines": lines(("2010-12-01", "a", 1), ("2010-12-23", "a", 1))}, "2010-12-31", 0)
    assert ds.window == Window(date(2010, 12, 1), date(2010, 12, 31), is_partial=True)
    assert ds.mart("customer_sales")["net_revenue"].tolist() == [2.0]


@pytest.mark.parametrize("bad", ["2026-13-01", "30/06/2026", "soon"])
def test_a_bad_date_is_refused(bad):
    with pytest.raises(SettingError, match="as_of must be a date like 2026-06-30"):
        Dataset.from_frames({"sales_lines": lines(("2026-06-30", "a", 1))}, bad)


def test_nothing_later_is_seen():
    ds = Dataset.from_frames(
        {
            "sales_lines": lines(("2025-01-01", "a", 1), ("2026-07-01", "b", 5), ("2026-08-01", "a", 9)),
            "customer_potential": pd.DataFrame(
                {
                    "customer_id": ["a", "a"],
                    "valid_from": pd.to_datetime(["2025-01-01", "2026-07-15"]),
                    "potential_accessible": [10.0, 99.0],
                }
            ),
        },
        "2026-06-30",
    )
    assert ds.mart("customer_sales", ds.history)["net_revenue"].sum() == 1
    assert ds.table("customers")["customer_id"].tolist() == ["a"]
    assert ds.table("customer_potential")["potential_accessible"].tolist() == [10.0]
    assert ds.at("2026-07-20").table("customers")["customer_id"].tolist() == ["a", "b"]


def deals(**columns) -> pd.DataFrame:
    base = {
        "opportunity_id": ["o"],
        "customer_id": ["c"],
        "rep_id": ["R2"],
        "created_date": pd.to_datetime(["2026-01-10"]),
        "amount": [80.0],
        "stage_code": ["won"],
        "status": ["won"],
        "closed_date": pd.to_datetime(["2026-06-15"]),
    }
    return pd.DataFrame(base | columns)


def test_a_deal_closed_later_is_open_and_unknown_without_history():
    deal = Dataset.from_frames({"opportunities": deals()}, "2026-05-31").table("opportunities").iloc[0]
    assert deal["status"] == "open"
    assert pd.isna(deal["closed_date"])
    assert pd.isna(deal["stage_code"])
    assert pd.isna(deal["amount"])


def test_a_deal_is_rebuilt_from_its_events():
    events = pd.DataFrame(
        [
            ("1", "o", "2026-01-10", "stage", None, "lead"),
            ("2", "o", "2026-03-01", "stage", "lead", "quote"),
            ("3", "o", "2026-06-15", "stage", "quote", "won"),
            ("4", "o", "2026-06-15", "amount", "100.0", "80.0"),
            ("5", "o", "2026-04-01", "owner", "R1", "R2"),
        ],
        columns=["event_id", "opportunity_id", "event_ts", "field", "old_value", "new_value"],
    )
    events["event_ts"] = pd.to_datetime(events["event_ts"])
    ds = Dataset.from_frames({"opportunities": deals(), "opportunity_events": events}, "2026-03-31")
    deal = ds.table("opportunities").iloc[0]
    assert (deal["stage_code"], deal["amount"], deal["rep_id"], deal["status"]) == ("quote", 100.0, "R1", "open")
    now = ds.at("2026-06-30").table("opportunities").iloc[0]
    assert (now["stage_code"], now["amount"], now["rep_id"], now["status"]) == ("won", 80.0, "R2", "won")


def test_won_deals_stand_in_for_invoices():
    ds = Dataset.from_frames({"opportunities": deals()}, "2026-06-30", 0)
    assert ds.sales_basis == "won_deals"
    assert ds.has("sales_lines")
    assert ds.mart("customer_sales")["net_revenue"].tolist() == [80.0]
    assert ds.at("2026-05-31").mart("customer_sales")["net_revenue"].tolist() == []


def test_absent_tables_are_absent_and_derived_ones_are_said():
    ds = Dataset.from_frames({"sales_lines": lines(("2026-06-30", "a", 1), rep_id_booked="R1", customer_name="Été")})
    assert not ds.has("activities")
    assert not ds.has("customers")
    assert ds.names("customers").to_dict() == {"a": "Été"}
    assert ds.names("reps").to_dict() == {"R1": "R1"}
    assert ds.mart("customer_contacts").empty
    with pytest.raises(ValueError, match="may hold millions of rows"):
        ds.table("sales_lines")


def test_documents_made_at_once_read_the_same_dataset():
    ds = Dataset.from_frames({"sales_lines": lines(("2026-06-30", "a", 1), rep_id_booked="R1")})
    names = ["customers", "reps", "opportunities", "activities", "targets", "actions"] * 5
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda name: int(ds.sql(f"select count(*) as n from {name}")["n"].iloc[0]), names))
    assert counts == counts[:6] * 5


def test_owner_is_who_holds_the_customer_at_as_of():
    assignments = pd.DataFrame(
        [
            ("a", "R1", "2024-01-01", "2025-12-31", 1.0),
            ("a", "R2", "2026-01-01", None, 1.0),
            ("b", "R1", "2024-01-01", None, 0.4),
            ("b", "R3", "2024-01-01", None, 0.6),
        ],
        columns=["customer_id", "rep_id", "valid_from", "valid_to", "split_share"],
    )
    assignments[["valid_from", "valid_to"]] = assignments[["valid_from", "valid_to"]].apply(pd.to_datetime)
    ds = Dataset.from_frames(
        {
            "sales_lines": lines(("2024-01-02", "a", 1), ("2026-06-30", "c", 5), rep_id_booked="R1"),
            "customer_assignments": assignments,
            "reps": pd.DataFrame(
                {"rep_id": ["R1", "R2", "R3"], "end_date": pd.to_datetime([None, None, "2026-03-01"])}
            ),
        },
        "2026-06-30",
    )
    owners = ds.owners.set_index("customer_id")
    assert owners["rep_id"].to_dict() == {"a": "R2", "b": "R3", "c": "R1"}
    assert owners["is_orphan"].to_dict() == {"a": False, "b": True, "c": False}
    assert ds.at("2025-06-30").owners.set_index("customer_id").loc["a", "rep_id"] == "R1"


def test_credit_notes_may_be_dated_as_their_invoice():
    frame = lines(("2026-01-10", "a", 100), ("2026-05-10", "a", -40))
    frame["invoice_id"] = ["F1", "A1"]
    frame["original_invoice_id"] = [None, "F1"]
    frame["doc_type"] = ["invoice", "credit_note"]
    for dating, months in (("issue", [100, -40]), ("original", [60])):
        ds = Dataset.from_frames(
            {"sales_lines": frame}, "2026-05-31", conventions=Conventions(credit_note_dating=dating)
        )
        assert ds.mart("customer_months", ds.history)["net_revenue"].tolist() == months


def test_order_days_ignore_credit_notes_and_count_a_day_once():
    frame = lines(("2026-01-01", "a", 10), ("2026-01-01", "a", 5), ("2026-01-20", "a", -3), ("2026-03-02", "a", 1))
    frame["doc_type"] = ["invoice", "invoice", "credit_note", "invoice"]
    ds = Dataset.from_frames({"sales_lines": frame}, "2026-03-31")
    rhythm = ds.mart("order_rhythm", ds.history)
    assert rhythm["order_days"].tolist() == [2]
    assert rhythm["last_order"].tolist() == [pd.Timestamp("2026-03-02")]


def test_contacts_are_done_and_of_a_contact_type():
    activities = pd.DataFrame(
        [
            ("visit", "done", "2026-05-02", 60, 30),
            ("visit", "cancelled", "2026-05-03", 60, 30),
            ("demo", "done", "2026-05-04", None, None),
            ("call_connected", "done", "2026-05-05", 10, None),
            ("call_attempt", "done", "2026-05-06", 1, None),
            ("email", "done", "2026-05-07", None, None),
        ],
        columns=["type", "status", "done_date", "duration_min", "travel_min"],
    )
    activities = activities.assign(
        activity_id=range(6), rep_id="R1", customer_id="a", done_date=pd.to_datetime(activities["done_date"])
    )
    ds = Dataset.from_frames({"sales_lines": lines(("2026-05-29", "a", 1)), "activities": activities}, "2026-05-31")
    row = ds.mart("customer_contacts").iloc[0]
    assert (row["f2f_count"], row["f2f_timed"], row["f2f_minutes"], row["remote_count"]) == (2, 1, 60.0, 1)
    assert row["last_contact_date"] == pd.Timestamp("2026-05-05")


@settings(max_examples=20)
@given(st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=40))
def test_sums_are_exact_to_the_cent(amounts):
    frame = lines(*[("2026-06-30", "a", amount) for amount in amounts])
    frame["amount_net"] = frame["amount_net"].astype(str)
    ds = Dataset.from_frames({"sales_lines": frame}, "2026-06-30")
    assert round(ds.mart("customer_sales")["net_revenue"].iloc[0] * 100) == int(sum(amounts) * 100)
