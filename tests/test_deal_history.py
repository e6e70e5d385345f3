"""What is known of deals, by level of data: each change, dated exports of one list, or one export of today."""

from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salespilot import dataset
from salespilot.dataset import Dataset
from salespilot.intake.new import new

NOTHING = {"closed_date": None, "loss_reason_code": None, "amount": 100.0, "stage_code": "J2", "status": "open"}


def listed(*deals: dict) -> pd.DataFrame:
    """A list of deals: each a dict over NOTHING."""
    frame = pd.DataFrame([{"created_date": "2026-01-10", **NOTHING, **deal} for deal in deals])
    for column in ("created_date", "closed_date", "expected_close_date"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column])
    return frame.rename(columns={"id": "opportunity_id"})


def changes(*rows: tuple) -> pd.DataFrame:
    """Changes of (deal, moment, field, old, new)."""
    frame = pd.DataFrame(rows, columns=["opportunity_id", "event_ts", "field", "old_value", "new_value"])
    frame["event_ts"] = pd.to_datetime(frame["event_ts"], format="ISO8601")
    return frame.assign(event_id=[f"{i:03d}" for i in range(len(frame))])


STAGES = pd.DataFrame(
    {"stage_code": ["J1", "J2", "GAG", "PER"], "stage_order": [1, 2, 3, 4], "kind": ["open", "open", "won", "lost"]}
)


def deal(dataset: Dataset, day: str) -> dict:
    """The one deal of a dataset as known on a day."""
    frame = dataset.at(day).table("opportunities")
    return frame.astype(object).where(frame.notna(), None).to_dict("records")[0]


def test_the_level_is_said():
    events = changes(("o", "2026-02-01", "stage", "J1", "J2"))
    deals = listed({"id": "o"})
    assert Dataset.from_frames({}, "2026-06-30").deal_history is None
    assert Dataset.from_frames({"opportunities": deals}, "2026-06-30").deal_history == "export"
    both = Dataset.from_frames({"opportunities": deals, "opportunity_events": events}, "2026-06-30")
    assert both.deal_history == "events"
    assert both.at("2026-01-31").deal_history == "export"  # nothing had been recorded yet
    assert Dataset.from_frames({"opportunity_events": events}, "2026-06-30").deal_history == "events"


def test_a_reopened_deal_was_lost_for_a_while():
    deals = listed({"id": "o", "status": "won", "stage_code": "GAG", "closed_date": "2026-06-15"})
    events = changes(
        ("o", "2026-03-01", "status", "open", "lost"),
        ("o", "2026-04-01", "status", "lost", "open"),
        ("o", "2026-06-15", "status", "open", "won"),
    )
    ds = Dataset.from_frames({"opportunities": deals, "opportunity_events": events}, "2026-06-30")
    assert deal(ds, "2026-02-01")["status"] == "open"
    lost = deal(ds, "2026-03-15")
    assert (lost["status"], lost["closed_date"]) == ("lost", pd.Timestamp("2026-03-01"))
    assert (deal(ds, "2026-05-01")["status"], deal(ds, "2026-05-01")["closed_date"]) == ("open", None)
    assert deal(ds, "2026-06-15")["closed_date"] == pd.Timestamp("2026-06-15")


def test_without_changes_of_status_the_closing_date_tells():
    deals = listed({"id": "o", "status": "lost", "closed_date": "2026-05-10", "loss_reason_code": "price"})
    events = changes(("o", "2026-02-01", "stage", "J1", "J2"))
    ds = Dataset.from_frames({"opportunities": deals, "opportunity_events": events}, "2026-06-30")
    before = deal(ds, "2026-05-09")
    assert (before["status"], before["stage_code"], before["loss_reason_code"]) == ("open", "J2", None)
    assert (deal(ds, "2026-05-10")["status"], deal(ds, "2026-05-10")["loss_reason_code"]) == ("lost", "price")


def test_without_changes_of_status_a_declared_stage_tells():
    deals = listed({"id": "o", "status": "won", "stage_code": "GAG"})
    events = changes(("o", "2026-02-01", "stage", "J1", "J2"), ("o", "2026-05-10", "stage", "J2", "GAG"))
    frames = {"opportunities": deals, "opportunity_events": events, "stages": STAGES}
    ds = Dataset.from_frames(frames, "2026-06-30")
    assert (deal(ds, "2026-05-09")["status"], deal(ds, "2026-05-09")["stage_code"]) == ("open", "J2")
    won = deal(ds, "2026-05-10")
    assert (won["status"], won["closed_date"]) == ("won", pd.Timestamp("2026-05-10"))
    assert (
        deal(Dataset.from_frames(frames | {"stages": STAGES.iloc[:2]}, "2026-06-30"), "2026-05-09")["status"] == "won"
    )


def test_deals_brought_in_closed_from_an_older_system_were_closed_before():
    deals = listed({"id": "o", "status": "won", "stage_code": "GAG", "closed_date": "2025-03-01"})
    deals["created_date"] = pd.Timestamp("2025-01-01")
    events = changes(("o", "2026-01-01", "status", None, "won"), ("o", "2026-01-01", "stage", None, "GAG"))
    ds = Dataset.from_frames({"opportunities": deals, "opportunity_events": events}, "2026-06-30")
    then = deal(ds, "2025-06-30")
    assert (then["status"], then["stage_code"]) == ("won", "GAG")
    assert (deal(ds, "2025-02-01")["status"], deal(ds, "2025-02-01")["stage_code"]) == ("open", None)


def test_what_closing_leaves_is_known_where_changes_are_followed():
    closed = {"id": "o", "status": "won", "closed_date": "2026-06-15", "probability_declared": 1.0}
    other = {"id": "p", "created_date": "2026-01-02", "expected_close_date": "2026-05-01", "amount": 7.0}
    deals = listed(closed | {"expected_close_date": "2026-06-15"}, other)
    events = changes(
        ("o", "2026-01-10", "stage", None, "J1"),
        ("p", "2026-03-01", "amount", "9", "7"),
        ("p", "2026-03-02", "close_date", "2026-04-01", "2026-05-01"),
    )
    ds = Dataset.from_frames({"opportunities": deals, "opportunity_events": events}, "2026-06-30")
    then = deal(ds, "2026-05-31")
    assert (then["amount"], then["expected_close_date"]) == (100.0, pd.Timestamp("2026-06-15"))  # never changed
    assert (then["stage_code"], then["probability_declared"]) == ("J1", None)
    alone = deal(Dataset.from_frames({"opportunities": deals.iloc[:1]}, "2026-06-30"), "2026-05-31")
    assert (alone["amount"], alone["stage_code"], alone["expected_close_date"]) == (None, None, None)


def test_an_emptied_field_is_empty_and_ties_follow_the_order_of_the_log():
    deals = listed({"id": "o", "amount": None, "stage_code": "J9"})
    events = changes(
        ("o", "2026-02-01", "amount", "10", None),
        ("o", "2026-02-01", "stage", "J1", "J2"),
        ("o", "2026-02-01", "stage", "J2", "J3"),
    )
    ds = Dataset.from_frames({"opportunities": deals, "opportunity_events": events}, "2026-06-30")
    assert (deal(ds, "2026-03-01")["amount"], deal(ds, "2026-03-01")["stage_code"]) == (None, "J3")
    assert (deal(ds, "2026-01-31")["amount"], deal(ds, "2026-01-31")["stage_code"]) == (10.0, "J1")


def log() -> pd.DataFrame:
    return changes(
        ("a", "2026-01-05T09:00", "stage", None, "J1"),
        ("a", "2026-02-05T10:00", "amount", None, "1200.50"),
        ("a", "2026-03-05T10:00", "owner", "R1", "R2"),
        ("a", "2026-04-01T10:00", "stage", "J1", "GAG"),
        ("b", "2026-03-10T08:00", "stage", None, "J1"),
    )


def test_deals_of_a_log_are_derived_and_have_no_outcome():
    ds = Dataset.from_frames({"opportunity_events": log()})
    assert ds.as_of.isoformat() == "2026-03-31"  # the last month whose changes are complete
    assert ds.sales_basis is None
    assert not ds.has("sales_lines")
    frame = ds.at("2026-06-30").table("opportunities").set_index("opportunity_id")
    assert frame.index.to_list() == ["a", "b"]
    assert frame["status"].isna().all()
    assert frame.loc["a", ["stage_code", "amount", "rep_id"]].to_list() == ["GAG", 1200.5, "R2"]
    assert frame["created_date"].dt.date.astype(str).to_list() == ["2026-01-05", "2026-03-10"]
    assert ds.at("2026-02-28").table("opportunities")["opportunity_id"].to_list() == ["a"]
    assert ds.at("2026-02-28").table("reps")["rep_id"].to_list() == ["R1"]


def test_deals_of_a_log_end_where_a_stage_is_declared_won():
    ds = Dataset.from_frames({"opportunity_events": log(), "stages": STAGES}, "2026-06-30")
    frame = ds.table("opportunities").set_index("opportunity_id")
    assert frame["status"].to_dict() == {"a": "won", "b": "open"}
    assert frame.loc["a", "closed_date"] == pd.Timestamp("2026-04-01")
    assert ds.at("2026-03-31").table("opportunities")["status"].to_list() == ["open", "open"]


def test_deals_without_outcomes_are_no_sales():
    deals = listed({"id": "o"}).drop(columns=["status", "closed_date"])
    assert Dataset.from_frames({"opportunities": deals}, "2026-06-30").sales_basis is None


DAYS = st.integers(0, 120).map(lambda n: pd.Timestamp("2026-01-01") + pd.Timedelta(days=n))
MOVES = st.lists(st.tuples(DAYS, st.sampled_from(["J1", "J2", "GAG", "PER"])), min_size=1, max_size=6)


@settings(max_examples=15)
@given(MOVES, DAYS)
def test_no_change_after_the_day_is_seen(moves, day):
    """A log cut at the day gives the same deals as the whole log seen from that day."""
    ordered = [move for _, move in sorted(enumerate(moves), key=lambda pair: (pair[1][0], pair[0]))]
    stages = [None, *(stage for _, stage in ordered)]
    rows = [("o", at, "stage", old, new) for (at, new), old in zip(ordered, stages[:-1], strict=True)]
    whole = Dataset.from_frames({"opportunity_events": changes(*rows), "stages": STAGES}, day.date())
    cut = Dataset.from_frames(
        {"opportunity_events": changes(*[row for row in rows if row[1] <= day]), "stages": STAGES}, day.date()
    )
    pd.testing.assert_frame_equal(whole.table("opportunities"), cut.table("opportunities"), check_dtype=False)


@pytest.mark.parametrize("day", ["2026-06-30", "2025-12-31", "2024-09-15"])
def test_the_demo_client_stands_as_its_log_says(demo_client, day):
    """On any day the outcome of a deal is what its closing date says, and its stage what the log last wrote."""
    ds = dataset.open(demo_client, day)
    assert ds.deal_history == "events"
    wrong = ds.sql("""
        with last as (select opportunity_id, arg_max(new_value, (event_ts, event_id)) as stage
                      from opportunity_events where field = 'stage' group by 1)
        select count(*) as deals, count(*) filter (o.stage_code <> l.stage) as stage,
            count(*) filter ((o.status = 'open') = (o.closed_date is not null)) as status
        from opportunities o left join last l using (opportunity_id)""")
    assert wrong.loc[0, "deals"] > 200
    assert wrong.loc[0, ["stage", "status"]].to_list() == [0, 0]


# --- real data --------------------------------------------------------------------------------------------------------


def test_receipt(real_client, real_data):
    """A log of 27 activities: the published cases and days, and no outcome at all (D-RECEIPT)."""
    expected = next(
        case["expected"]
        for case in json.loads((real_data / "expected.json").read_text("utf-8"))
        if case["id"] == "D-RECEIPT"
    )
    ds = dataset.open(real_client("receipt"))
    assert (ds.as_of.isoformat(), ds.sales_basis, ds.deal_history) == ("2012-01-31", None, "events")
    events, deals = ds.table("opportunity_events"), ds.table("opportunities")
    assert (len(events), len(deals), events["new_value"].nunique()) == (
        expected["events"],
        expected["cases"],
        expected["activities"],
    )
    assert deals["status"].isna().all()
    lives = events.groupby("opportunity_id")["event_ts"].agg(lambda times: times.max() - times.min())
    days = lives.dt.total_seconds() / 86400
    assert days.mean() == pytest.approx(expected["mean_days"], abs=5e-4)
    assert days.median() == pytest.approx(expected["median_days"], abs=5e-4)


def test_salesforce_history(real_client):
    """Seven deals won in February 2026 were marked as lost on 7 March: on 28 February they were won."""
    ds = dataset.open(real_client("salesforce_sample"), "2026-02-28")
    assert ds.deal_history == "events"
    assert ds.table("opportunities")["status"].value_counts().to_dict() == {"won": 19, "open": 16, "lost": 1}
    after = ds.at("2026-03-08").table("opportunities")
    assert after["status"].value_counts().to_dict() == {"open": 16, "won": 12, "lost": 8}
    then = ds.table("opportunities").set_index("opportunity_id")
    assert (then.loc[then["status"] == "won", "stage_code"] == "Closed Won").all()
    assert (then.loc[then["status"] == "won", "closed_date"] <= pd.Timestamp("2026-02-24")).all()


def test_adventureworks_quarters(real_client):
    """Quotas go on to 2014, sales stop in December 2011: both cover two quarters."""
    ds = dataset.open(real_client("adventureworks_oltp"), "2011-12-31", months=0)
    assert ds.client.first_fiscal_month == 6
    targets = ds.table("targets")
    assert targets["value"].sum() == 95_714_000
    last = pd.Timestamp(ds.sql("select max(invoice_date) as day from sales_lines")["day"].iloc[0])
    covered = targets[targets["period_end"] <= last]
    assert sorted(covered["period_start"].dt.date.astype(str).unique()) == ["2011-06-01", "2011-09-01"]
    assert (len(ds.table("reps")), len(ds.at("2013-12-31").table("reps"))) == (12, 17)  # five began later
    owners = ds.owners.dropna(subset=["rep_id"])
    assert len(owners) > 500
    assert "two_owners" not in {issue.code for issue in ds.issues}
    booked = ds.mart("rep_months", ds.history)
    assert booked.loc[booked["rep_id_booked"].notna(), "net_revenue"].sum() == pytest.approx(8_778_552.0, abs=0.01)


def test_superstore_before_the_end_of_its_last_year(real_client):
    ds = dataset.open(real_client("superstore"), "2022-05-31")
    assert ds.window.end == date(2022, 5, 31)
    assert not ds.window.is_partial
    whole = ds.at("2022-12-31").mart("customer_sales", ds.at("2022-12-31").history)["net_revenue"].sum()
    known = ds.mart("customer_sales", ds.history)["net_revenue"].sum()
    withheld = ds.at("2022-12-31").sql("select sum(amount_net) as s from sales_lines where invoice_date > '2022-05-31'")
    assert known + float(withheld["s"].iloc[0]) == pytest.approx(whole)
    assert known < whole


SEEN = {
    "opportunity_id": "Affaire", "created_date": "Créée le", "amount": "Montant", "stage_code": "Étape",
    "rep_id": "Commercial", "expected_close_date": "Clôture prévue", "status": "État", "closed_date": "Clôturée le",
}  # fmt: skip


def test_monthly_lists_of_the_demo_tell_what_its_log_tells(demo_client, tmp_path):
    """On the day of each list the deals stand as the full history says, after a round trip through monthly exports."""
    logged = dataset.open(demo_client)
    days = [date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    wanted = {}
    for day in days:
        wanted[day] = logged.at(day).table("opportunities")[list(SEEN)]
        text = wanted[day].rename(columns=SEEN).to_csv(sep=";", index=False, decimal=",", date_format="%d/%m/%Y")
        (tmp_path / f"affaires_{day}.csv").write_text(text, encoding="utf-8")
    report = new(tmp_path / "client", sorted(tmp_path.glob("*.csv")))
    assert "4 dated files with the same deals" in report
    rebuilt = dataset.open(tmp_path / "client", days[-1])
    assert rebuilt.deal_history == "snapshots"
    for day in days:
        found = rebuilt.at(day).table("opportunities")[list(SEEN)]
        pd.testing.assert_frame_equal(found, wanted[day], check_dtype=False)
