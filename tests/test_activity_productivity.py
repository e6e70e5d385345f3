"""The productivity of sales actions: each measure and rule on tables made by hand, published counts, the demo."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import paced

from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics import activity_productivity as productivity
from salespilot.diagnostics.activity_productivity import audit, chain, clock, compare, costs, gaps, panel, sales, worth
from salespilot.diagnostics.activity_productivity.model import STEPS, Thresholds
from salespilot.diagnostics.activity_productivity.team import people
from salespilot.diagnostics.portfolio_alignment.response import fitted
from salespilot.finding import Severity
from salespilot.phrasebook import LANGUAGES, Phrasebook, phrases

ROOT = Path(__file__).parent.parent
AS_OF = date(2026, 6, 30)
TH = Thresholds()
KEY_FIGURES = (
    *STEPS, "chain_yield", "visits", "revenue_per_visit", "visit_cost", "break_even_order", "face_to_face_share",
    "gap_total", "upside_top_quartile", "kpi_keep", "kpi_drop",
)  # fmt: skip


# --- tables by hand ---------------------------------------------------------------------------------------------------


def acts(*rows: tuple, **more: object) -> pd.DataFrame:
    """Activities: (rep, customer, type, day) and, further, status, minutes, planned day, outcome."""
    wide = [(*row, *[None] * (8 - len(row))) for row in rows]
    columns = ["rep_id", "customer_id", "type", "day", "status", "duration_min", "planned_date", "outcome"]
    frame = pd.DataFrame(wide, columns=columns)
    frame["day"], frame["planned_date"] = pd.to_datetime(frame["day"]), pd.to_datetime(frame["planned_date"])
    frame["status"] = frame["status"].fillna("done")
    frame["duration_min"] = frame["duration_min"].astype(float)
    done = frame["status"] == "done"
    frame["done_date"] = frame["day"].where(done)
    frame["planned_date"] = frame["planned_date"].where(done, frame["day"])
    return frame.drop(columns="day").assign(activity_id=[f"A{i}" for i in range(len(frame))], **more)


def lines(*rows: tuple) -> pd.DataFrame:
    """Sales lines: (rep, customer, day, amount) and, further, order, kind of document."""
    wide = [(*row, *[None] * (6 - len(row))) for row in rows]
    frame = pd.DataFrame(
        wide, columns=["rep_id_booked", "customer_id", "invoice_date", "amount_net", "order_id", "doc_type"]
    )
    frame["invoice_date"] = pd.to_datetime(frame["invoice_date"])
    frame["doc_type"] = frame["doc_type"].fillna("invoice")
    frame["margin"] = frame["amount_net"] * 0.3
    return frame.assign(line_id=[f"L{i}" for i in range(len(frame))])


def opened(months: int = 12, **tables: pd.DataFrame) -> Dataset:
    """The tables, with a line, deal or mail of nothing that closes the month of the day."""
    if "sales_lines" in tables:
        tables["sales_lines"] = pd.concat([tables["sales_lines"], lines((None, None, "2026-06-30", 0.0))])
    elif "opportunities" in tables:
        mark = opportunities(("mark", "R1", "a", None, "2026-06-30", "cancelled", 0.0))
        tables["opportunities"] = pd.concat([tables["opportunities"], mark])
    elif "activities" in tables:
        mark = acts((None, None, "email", "2026-06-30")).assign(activity_id="mark")
        tables["activities"] = pd.concat([tables["activities"], mark])
    return Dataset.from_frames(tables, as_of=AS_OF, months=months)


def step(name: str, dataset: Dataset, thresholds: Thresholds = TH) -> chain.Step:
    return chain.steps(dataset, thresholds)[0][name]


def counted(step: chain.Step) -> tuple[int, int]:
    return int(step.counts["from_count"].sum()), int(step.counts["success_count"].sum())


# --- the chain --------------------------------------------------------------------------------------------------------


def test_a_call_of_a_few_seconds_is_an_attempt():
    calls = acts(
        ("R1", "a", "call_attempt", "2026-01-05"), ("R1", "a", "call_connected", "2026-01-06", "done", 0.3),
        ("R1", "a", "call_connected", "2026-01-07", "done", 0.5), ("R1", None, "call_connected", "2026-01-08"),
    )  # fmt: skip
    assert counted(step("rate_conversation", opened(activities=calls))) == (4, 2)


def test_without_attempts_there_is_no_connect_rate():
    calls = acts(("R1", "a", "call_connected", "2026-01-07", "done", 5.0))
    assert chain.steps(opened(activities=calls), TH)[1]["rate_conversation"].code == "no_attempt"


def test_activities_without_a_type_are_neither_calls_nor_visits():
    rows = acts(*[("R1", "a", None, f"2026-0{m}-05", "done", 30.0) for m in range(1, 7)])
    result = productivity.compute(Dataset.from_frames({"activities": rows}, as_of=AS_OF))
    for name in ("rate_conversation", "rate_appointment", "rate_visit", "visits", "visit_cost", "face_to_face_share"):
        assert result.key_figures[name] is None
        assert result.not_computable[name].code == "no_type"


def test_one_success_counts_for_one_start_the_last_before_it():
    talk = [("R1", "a", "call_connected", f"2026-01-{day:02d}") for day in (5, 6, 7, 8)]
    held = step("rate_appointment", opened(activities=acts(*talk, ("R1", "a", "visit", "2026-01-20"))))
    assert counted(held) == (4, 1)
    table = compare.chain({"rate_appointment": held}).iloc[0]
    assert (table["rate"], table["customer_rate"]) == (0.25, 1.0)


def test_a_start_too_recent_to_be_judged_is_not_counted():
    talk = [("R1", f"c{i}", "call_connected", "2026-01-05") for i in range(20)]
    met = [("R1", f"c{i}", "visit", f"2026-01-{10 + i}") for i in range(10)]
    fresh = ("R1", "new", "call_connected", "2026-06-29")
    held = step("rate_appointment", opened(activities=acts(*talk, *met, fresh)))
    assert held.horizon_days == 14  # nine of ten came within 13.1 days, rounded up
    assert held.end == date(2026, 6, 16)
    assert counted(held) == (20, 10)


def test_outcomes_that_name_appointments_go_before_what_followed():
    rows = [("R1", "a", "call_connected", "2026-01-05", "done", 5.0, None, word)
            for word in ("rdv pris", "sans suite", "RDV annulé", "rappeler", None)]  # fmt: skip
    assert counted(step("rate_appointment", opened(activities=acts(*rows)))) == (4, 1)


def test_appointments_honoured():
    rows = [("R1", "a", "visit", "2026-01-05", "done", None, "2026-01-05"), ("R1", "a", "visit", "2026-01-06", "done"),
            ("R1", "a", "visit", "2026-01-07", "cancelled"), ("R1", "a", "demo", "2026-01-08", "no_show"),
            ("R1", "a", "visit", "2026-01-09", "planned")]  # fmt: skip
    assert counted(step("rate_visit", opened(activities=acts(*rows)))) == (3, 1)  # one was not planned, one not told
    told = chain.steps(opened(activities=acts(*rows[:2])), TH)[1]
    assert told["rate_visit"].code == "no_missed_appointment"


def quotes(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["quote_id", "opportunity_id", "customer_id", "sent_date", "amount", "status",
                                        "decided_date", "is_latest"])  # fmt: skip
    frame[["sent_date", "decided_date"]] = frame[["sent_date", "decided_date"]].apply(pd.to_datetime)
    return frame.assign(rep_id="R1")


def test_revisions_of_a_quote_count_once_with_the_last_amount():
    sent = quotes(
        ("q1", "o1", "a", "2026-01-05", 900.0, "expired", None, False),
        ("q2", "o1", "a", "2026-01-20", 800.0, "accepted", "2026-02-10", True),
        ("q3", None, "b", "2026-01-05", 500.0, "expired", None, False),
        ("q4", None, "b", "2026-01-09", 400.0, "refused", "2026-02-01", True),
    )
    held = step("rate_order", opened(quotes=sent))
    assert counted(held) == (2, 1)
    assert held.counts[["from_value", "success_value"]].sum().tolist() == [1200.0, 800.0]
    assert held.basis == "quotes"
    assert held.median_days is None  # one success says nothing of delays


def test_a_quote_decided_after_the_day_is_not_yet_decided():
    sent = quotes(("q1", None, "a", "2026-01-05", 900.0, "accepted", "2026-07-10", True))
    assert counted(step("rate_order", opened(quotes=sent))) == (1, 0)


def test_quotes_that_say_nothing_of_their_end_give_no_rate():
    sent = quotes(("q1", None, "a", "2026-01-05", 900.0, None, None, True))
    found, reasons = chain.steps(opened(quotes=sent), TH)
    assert "rate_order" not in found
    assert reasons["rate_order"].code == "quotes_without_outcome"


def test_an_order_without_a_quote_is_no_success_of_a_quote():
    sent = quotes(("q1", None, "a", "2026-01-05", 900.0, "refused", "2026-02-01", True))
    bought = lines(*[("R1", "a", f"2026-0{m}-10", 900.0) for m in range(1, 7)])
    assert counted(step("rate_order", opened(quotes=sent, sales_lines=bought))) == (1, 0)


def opportunities(*rows: tuple, **more: object) -> pd.DataFrame:
    """Deals: (id, rep, customer, created, closed, status, amount)."""
    names = ["opportunity_id", "rep_id", "customer_id", "created_date", "closed_date", "status", "amount"]
    frame = pd.DataFrame(rows, columns=names)
    frame[["created_date", "closed_date"]] = frame[["created_date", "closed_date"]].apply(pd.to_datetime)
    return frame.assign(**more)


def test_a_ratio_of_one_period_would_be_another_figure():
    """Deals of December won in March: orders of March over deals of March would be 10 / 1."""
    old = [(f"o{i}", "R1", "a", "2025-12-05", "2026-03-05", "won", 100.0) for i in range(10)]
    lost = [(f"l{i}", "R1", "a", "2025-12-05", "2026-01-05", "lost", 100.0) for i in range(10)]
    held = step(
        "rate_order",
        opened(opportunities=opportunities(*old, *lost, ("n", "R1", "a", "2026-03-06", None, "open", 1.0))),
    )
    assert held.basis == "deals"
    assert held.horizon_days == 90
    assert counted(held) == (21, 10)  # the one of March has had its 90 days


def test_a_clean_up_of_the_list_is_no_loss_of_deals():
    purge = [(f"p{i}", "R1", "a", "2025-09-05", "2025-12-19", "lost", 100.0) for i in range(24)]
    kept = [
        ("w", "R1", "a", "2025-09-05", "2025-10-05", "won", 100.0),
        ("l", "R1", "a", "2025-09-05", "2025-10-06", "lost", 1.0),
    ]
    assert counted(step("rate_order", opened(opportunities=opportunities(*purge, *kept)))) == (2, 1)


def test_success_per_customer_and_per_call_are_two_figures(real_data):
    """D-BANK: 451 of 4,119 clients, 451 of 10,451 calls."""
    bank = pd.read_csv(real_data / "bank_calls" / "bank-additional.csv", sep=";")
    bank["customer_id"] = bank.index.astype(str)
    calls = bank.loc[bank.index.repeat(bank["campaign"])].reset_index(drop=True)
    last = ~calls.duplicated("customer_id", keep="last")
    frame = pd.DataFrame(
        {
            "activity_id": calls.index.astype(str), "rep_id": calls["contact"], "customer_id": calls["customer_id"],
            "type": "call_connected", "status": "done", "done_date": pd.Timestamp("2026-05-05"),
            "duration_min": (calls["duration"] / 60).where(last, 0.0),
            "outcome": np.where(last & (calls["y"] == "yes"), "appointment", "other"),
        }
    )  # fmt: skip
    every = dataclasses.replace(TH, short_call_seconds=0.0)
    dataset = opened(activities=frame)
    held = step("rate_appointment", dataset, every)
    table = compare.chain({"rate_appointment": held}).iloc[0]
    assert counted(held) == (10451, 451)
    assert table["customer_count"] == 4119
    assert table["rate"] == pytest.approx(0.04315, abs=5e-6)
    assert table["customer_rate"] == pytest.approx(0.1095, abs=5e-5)
    by_contact = held.counts.assign(won=held.counts["success_count"] > 0).groupby("rep_id")["won"].mean()
    assert by_contact["cellular"] == pytest.approx(0.1414, abs=5e-5)
    assert by_contact["telephone"] == pytest.approx(0.0518, abs=5e-5)
    used = clock.time_use(dataset, people(dataset, TH))
    assert used.loc[used["use"] == "remote", "hours"].sum() == pytest.approx(293.81, abs=0.005)


# --- people and rates -------------------------------------------------------------------------------------------------


def force(*rows: tuple) -> pd.DataFrame:
    """Salespeople: (id, role) and, further, start, end, fte, annual cost."""
    wide = [(*row, *[None] * (6 - len(row))) for row in rows]
    frame = pd.DataFrame(wide, columns=["rep_id", "role", "start_date", "end_date", "fte", "annual_cost"])
    frame["start_date"] = pd.to_datetime(frame["start_date"]).fillna(pd.Timestamp("2020-01-01"))
    frame["end_date"] = pd.to_datetime(frame["end_date"])
    return frame.assign(fte=frame["fte"].astype(float).fillna(1.0), annual_cost=frame["annual_cost"].astype(float))


@pytest.fixture
def crew() -> pd.DataFrame:
    return force(("R1", "field"), ("R2", "field"), ("R3", "field"), ("R4", "field", None, "2026-03-31"),
                 ("R5", "field", "2026-04-01"), ("R6", "inside"), ("R7", "field"),
                 ("R8", "field", None, None, 0.5))  # fmt: skip


@pytest.fixture
def visited() -> pd.DataFrame:
    pace = {"R1": 100, "R2": 110, "R3": 90, "R4": 70, "R5": 20, "R6": 5, "R7": 20, "R8": 50}
    days = pd.bdate_range("2025-07-01", "2026-06-30")
    rows = [(rep, f"{rep}c{i % 9}", "visit", days[i * len(days) // n]) for rep, n in pace.items() for i in range(n)]
    return acts(*rows)


def test_who_is_not_compared_and_why(crew, visited):
    found = people(opened(reps=crew, activities=visited), TH)["exclusion"]
    assert found.dropna().to_dict() == {"R4": "left", "R5": "ramping", "R6": "no_peers", "R7": "silent"}
    assert found["R8"] is None  # half-time: half the visits, as many a worked day


def one_step(**rates: tuple[int, int]) -> chain.Step:
    rows = [(rep, None, None, None, n, k, np.nan, np.nan) for rep, (n, k) in rates.items()]
    columns = [*chain.KEYS, "from_count", "success_count", "from_value", "success_value"]
    counts = pd.DataFrame(rows, columns=columns).assign(customer_id="c")
    return chain.Step("rate_order", "quotes", counts, date(2025, 7, 1), AS_OF)


def squad(*names: str) -> pd.DataFrame:
    frame = pd.DataFrame({"rep_id": names, "name": names, "team_id": "T", "role": "field", "peers": "field"})
    return frame.assign(exclusion=None, is_silent=False, worked_days=200.0).set_index("rep_id")


def test_small_numbers_are_counts_only_and_names_need_a_signal():
    held = one_step(A=(400, 120), B=(400, 124), C=(400, 116), D=(400, 40), E=(4, 0))
    table = compare.rep_steps({"rate_order": held}, squad(*"ABCDE"), pd.Series(dtype=object), 5, TH)
    table = table.set_index("rep_id")
    assert table.loc[["D", "E"], "verdict"].tolist() == ["below", "too_few"]
    assert np.isnan(table.loc["E", "rate"])
    assert table.loc["D", "rate"] < table.loc["D", "limit_low3"]
    assert 0.1 < table.loc["D", "shrunk_rate"] < table.loc["D", "peer_rate"]


def test_luck_names_nobody():
    rng = np.random.default_rng(3)
    for _ in range(20):
        held = one_step(**{f"R{i}": (60, int(rng.binomial(60, 0.3))) for i in range(12)})
        table = compare.rep_steps(
            {"rate_order": held}, squad(*[f"R{i}" for i in range(12)]), pd.Series(dtype=object), 5, TH
        )
        assert table["is_signal"].sum() <= 1


def test_an_easy_portfolio_is_no_merit():
    """Everybody turns 60 % of the old customers and 20 % of the new; B has mostly new ones."""
    counts = pd.DataFrame(
        {"rep_id": ["A", "A", "B", "B", "C", "C"], "customer_id": ["old", "new"] * 3,
         "from_count": [900, 100, 100, 900, 500, 500], "success_count": [540, 20, 60, 180, 300, 100]}
    ).assign(type=None, source=None, from_value=np.nan, success_value=np.nan)  # fmt: skip
    held = chain.Step("rate_quote", "visits", counts, date(2025, 7, 1), AS_OF)
    table = compare.rep_steps({"rate_quote": held}, squad(*"ABC"), pd.Series({"old": "A", "new": "C"}), 5, TH)
    assert table["rate"].tolist() == [0.56, 0.24, 0.4]
    assert table["index"].tolist() == pytest.approx([1, 1, 1], abs=0.01)
    assert not table["is_signal"].any()


# --- gaps -------------------------------------------------------------------------------------------------------------


def trade(orders: dict[str, int], size: dict[str, float], visits: dict[str, int]) -> Dataset:
    days = pd.bdate_range("2025-07-01", "2026-06-30")
    at = lambda i, n: days[i * len(days) // n]  # noqa: E731
    sold = [(rep, f"{rep}c{i % 7}", at(i, n), size[rep], f"{rep}o{i}") for rep, n in orders.items() for i in range(n)]
    seen = [(rep, f"{rep}c{i % 7}", "visit", at(i, n)) for rep, n in visits.items() for i in range(n)]
    marks = [(None, None, "2025-07-01", 0.0), (None, None, "2026-06-30", 0.0)]
    return opened(
        sales_lines=lines(*sold, *marks), activities=acts(*seen), reps=force(*[(rep, "field") for rep in orders])
    )


@pytest.fixture
def uneven() -> Dataset:
    """R1 visits half as often, R2 sells half the baskets, R3 turns half as many visits into orders."""
    return trade(
        {"R1": 60, "R2": 120, "R3": 60, "R4": 120, "R5": 120},
        {"R1": 1000.0, "R2": 500.0, "R3": 1000.0, "R4": 1000.0, "R5": 1000.0},
        {"R1": 100, "R2": 200, "R3": 200, "R4": 200, "R5": 200},
    )


def test_every_gap_is_explained_to_the_cent(uneven):
    result = productivity.compute(uneven)
    levers = result.levers[result.levers["basis"] == "invoiced"]
    sums = levers.groupby("rep_id")["contribution"].sum()
    gap = levers.groupby("rep_id")["gap"].first()
    assert sums.to_dict() == pytest.approx(gap.to_dict(), abs=1e-6)
    assert gap.to_dict() == pytest.approx({"R1": -24e3, "R2": -24e3, "R3": -24e3, "R4": 36e3, "R5": 36e3})
    assert result.key_figures["gap_total"] == pytest.approx(-72e3)


def test_volume_and_quality_by_hand(uneven):
    """Peers: 180 visits on average, 96 orders and 84,000; nobody holds another portfolio."""
    plane = productivity.compute(uneven).volume_quality.set_index("rep_id")
    assert plane["volume_index"].tolist() == pytest.approx([100 / 180, *[200 / 180] * 4])
    each = 84_000 / 180
    assert plane["quality_index"].tolist() == pytest.approx([600 / each, 300 / each, 300 / each, *[600 / each] * 2])


def test_starts_a_day_are_set_against_the_peers(crew, visited):
    dataset = opened(reps=crew, activities=visited, opportunities=opportunities(("o", "R1", "R1c0", "2026-01-05", None,
                                                                                 "open", 1.0)))  # fmt: skip
    team = people(dataset, TH)
    held = one_step(R1=(100, 10), R2=(110, 11), R3=(90, 9))
    table = compare.rep_steps({"rate_order": held}, team, pd.Series(dtype=object), 5, TH).set_index("rep_id")
    days = team.loc[["R1", "R2", "R3"], "worked_days"]
    assert table["starts_per_day"].to_dict() == pytest.approx(
        (pd.Series({"R1": 100, "R2": 110, "R3": 90}) / days).to_dict()
    )
    assert table["peer_starts_per_day"].unique() == pytest.approx([300 / days.sum()])


def test_each_gap_has_its_rule(uneven):
    found = {(f.rule, f.subject_id): f for f in productivity.findings(productivity.compute(uneven))}
    assert {key for key in found if key[0] < "T02-R4"} == {("T02-R1", "R1"), ("T02-R2", "R3"), ("T02-R3", "R2")}
    assert found["T02-R1", "R1"].severity is Severity.ALERT
    assert found["T02-R1", "R1"].stake > 0


def test_shared_customers_and_hand_overs():
    held = pd.DataFrame(
        [("a", "R1", "2025-01-01", None, 0.8), ("a", "R2", "2025-01-01", None, 0.2),
         ("b", "R1", "2025-01-01", "2026-02-28", 1.0), ("b", "R2", "2026-03-01", None, 1.0)],
        columns=["customer_id", "rep_id", "valid_from", "valid_to", "split_share"],
    )  # fmt: skip
    held[["valid_from", "valid_to"]] = held[["valid_from", "valid_to"]].apply(pd.to_datetime)
    sold = lines(("R1", "a", "2026-01-10", 1000.0), (None, "b", "2026-01-10", 100.0), (None, "b", "2026-04-10", 100.0),
                 ("R3", "b", "2026-05-10", 7.0), (None, "z", "2026-05-10", 1.0))  # fmt: skip
    dataset = opened(sales_lines=sold, customer_assignments=held)
    frame = sales.credited(dataset, sales.orders(dataset, dataset.window), ["order_value"])
    sums = frame.groupby("rep_id", dropna=False)["order_value"].sum()
    assert sums.dropna().drop(np.nan, errors="ignore").to_dict() == pytest.approx({"R1": 900.0, "R2": 300.0, "R3": 7.0})
    assert frame["order_value"].sum() == pytest.approx(1208.0)


def test_a_giant_order_is_set_apart():
    usual = [("R1", "a", f"2026-0{1 + i % 6}-10", 100.0, f"o{i}") for i in range(60)]
    dataset = opened(sales_lines=lines(*usual, ("R1", "b", "2026-03-10", 9000.0, "giant")))
    months = gaps.revenue_months(dataset, dataset.window, pd.Series(dtype=object), TH)
    assert months[["order_count", "order_value", "giant_orders"]].sum().tolist() == [60, 6000.0, 9000.0]


def test_an_order_in_three_invoices_is_one_order_and_a_credit_is_none():
    sold = lines(("R1", "a", "2026-01-10", 60.0, "o1"), ("R1", "a", "2026-02-10", 40.0, "o1"),
                 ("R1", "a", "2026-03-10", -30.0, None, "credit_note"),
                 ("R1", "a", "2026-04-10", 0.0, "o2"))  # fmt: skip
    dataset = opened(sales_lines=sold)
    table = sales.orders(dataset, dataset.window)
    assert table[["order_count", "order_value"]].sum().tolist() == [1, 100.0]
    assert sales.credits(dataset, dataset.window)["credit_value"].sum() == -30.0


# --- what it is worth -------------------------------------------------------------------------------------------------


def test_cost_of_sales_is_of_the_time_in_post_and_unknown_where_a_cost_is():
    """60,000 a year, and half of 40,000 for who came on 1 January: 80,000 over 1,000,000 at 25 % of margin."""
    reps = pd.DataFrame({"rep_id": ["R1", "R2"], "start_date": pd.to_datetime(["2020-01-01", "2025-12-30"])})
    sold = lines(
        ("R1", "a", "2024-07-01", 0.0), ("R1", "a", "2025-01-15", 500_000.0), ("R1", "a", "2026-01-15", 1_000_000.0)
    ).assign(margin=lambda t: t["amount_net"] / 4)  # fmt: skip
    told = {"sales_lines": sold, "activities": acts(("R1", "a", "visit", "2026-01-10"))}
    figures = productivity.compute(opened(reps=reps.assign(annual_cost=[60_000.0, 40_000.0]), **told)).key_figures
    assert figures["cost_of_sales"] == pytest.approx(0.08, rel=0.01)
    assert figures["cost_of_margin"] == pytest.approx(0.32, rel=0.01)
    assert figures["cost_of_sales_before"] == pytest.approx(0.12)
    unknown = productivity.compute(opened(reps=reps.assign(annual_cost=[60_000.0, None]), **told))
    assert unknown.key_figures["cost_of_sales"] is None
    assert unknown.not_computable["cost_of_sales"].code == "no_annual_cost"


def test_f12_visit_cost_and_break_even_order():
    assert costs.visit_cost(120_000, 200 * 8) == 75
    assert costs.break_even_order(150, 6, 0.30) == pytest.approx(3000)
    assert np.isnan(costs.visit_cost(1000, 0))
    assert np.isnan(costs.break_even_order(150, 6, 0.0))


def test_the_clients_own_cost_goes_before_the_standard():
    seen = acts(*[("R1", "a", "visit", f"2026-01-{d:02d}") for d in range(5, 15)],
                *[("R2", "a", "visit", f"2026-02-{d:02d}") for d in range(2, 7)])  # fmt: skip
    standard = pd.DataFrame({"role": ["all", "field"], "visit_cost": [150.0, 180.0], "hourly_cost": 50.0})
    crew = force(("R1", "field", None, None, None, 60_000.0), ("R2", "field"))
    dataset = opened(activities=seen, reps=crew, costs=standard, sales_lines=lines(("R1", "a", "2026-06-30", 900.0)))
    result = productivity.compute(dataset)
    table = result.visit_costs.set_index("rep_id")
    assert table["visit_cost"].to_dict() == {"R1": 6000.0, "R2": 180.0}
    assert table["basis"].to_dict() == {"R1": "own", "R2": "standard"}
    assert result.key_figures["visit_cost"] == pytest.approx((60_000 + 5 * 180) / 15)
    assert result.key_figures["break_even_order"] == pytest.approx(60_900 / 15 * 15 / 1 / 0.3)


def test_the_chain_is_priced_backwards():
    """S26: 320/350 reached, 100/320 appointments, 85/100 honoured, 35/85 quotes, 10/35 orders (an exercise)."""
    table = pd.DataFrame(
        {"step": STEPS, "basis": ["calls", "conversations", "appointments", "visits", "quotes"],
         "from_count": [350, 320, 100, 85, 35], "success_count": [320, 100, 85, 35, 10]}
    )  # fmt: skip
    table["rate"] = table["success_count"] / table["from_count"]
    assert worth.chain_yield(table) == pytest.approx(10 / 350)
    priced = worth.priced(table, 7000.0, 1.0).set_index("step")
    assert priced.loc["rate_order", "success_value"] == 7000
    assert priced.loc["rate_quote", "success_value"] == pytest.approx(2000)  # a quote
    assert priced.loc["rate_quote", "point_value"] == pytest.approx(0.01 * 85 * 2000)
    needed = worth.plan(table, 7000.0, 140_000.0, 200.0, 1.0).set_index("step")
    assert needed["needed_per_order"]["rate_conversation"] == pytest.approx(35)
    assert needed["needed_year"].tolist() == pytest.approx([70, 170, 200, 640, 700])  # twenty orders, twice the ten
    assert needed["effort"].tolist() == pytest.approx([2.0] * 5)


def test_a_chain_with_a_hole_is_priced_from_the_hole_on():
    table = pd.DataFrame(
        {"step": ["rate_conversation", "rate_order"], "basis": ["calls", "quotes"], "rate": [0.5, 0.25]}
    )
    assert worth.unbroken(table) == ["rate_order"]
    assert worth.chain_yield(table) == 0.25


def test_the_top_quartile_of_equals_is_nothing_to_win():
    held = one_step(**dict.fromkeys("ABCD", (100, 30)))
    team = squad(*"ABCD")
    table = compare.rep_steps({"rate_order": held}, team, pd.Series(dtype=object), 5, TH)
    priced = worth.priced(compare.chain({"rate_order": held}), 1000.0, 1.0)
    row = worth.upside(table, priced, team, 1.0, TH).iloc[0]
    assert row["upside"] == 0
    assert row["upside_low"] == 0
    held = one_step(A=(1000, 200), B=(1000, 200), C=(1000, 200), D=(1000, 400), E=(1000, 400))
    table = compare.rep_steps({"rate_order": held}, squad(*"ABCDE"), pd.Series(dtype=object), 5, TH)
    row = worth.upside(table, priced, squad(*"ABCDE"), 1.0, TH).iloc[0]
    assert row["upside"] == pytest.approx(3 * 200 * 1000, rel=0.05)
    assert row["upside_low"] < row["upside"] < row["upside_high"]


def test_costly_cells_change_their_mode_of_contact_but_not_those_of_high_potential():
    bought = {"big": 90_000.0, "small": 1000.0, "rich": 500.0} | dict.fromkeys(["x1", "x2", "x3", "x4", "x5"], 4000.0)
    sold = lines(
        *[("R1", who, "2026-01-10", amount) for who, amount in bought.items()], (None, None, "2026-06-30", 0.0)
    )
    seen = acts(
        *[("R1", who, "visit", f"2026-0{m}-12") for who in ("big", "small", "rich", "pros") for m in range(1, 6)]
    )
    potential = pd.DataFrame({"customer_id": ["big", "small", "rich", "pros"], "valid_from": pd.Timestamp("2026-01-01"),
                              "potential_accessible": [95_000.0, 1100.0, 300_000.0, 5000.0]})  # fmt: skip
    crew = force(("R1", "field", None, None, None, 20_000.0))
    dataset = opened(sales_lines=sold, activities=seen, customer_potential=potential, reps=crew)
    result = productivity.compute(dataset)
    found = [f.subject_id for f in productivity.findings(result) if f.rule == "T02-R5"]
    cells = result.segments.set_index("cell")
    assert cells.loc["c1", "net_per_visit"] < 0
    assert found == ["c3"]


def test_appointments_missed_too_often():
    rows = [
        ("R1", "a", "visit", f"2026-{m:02d}-{d:02d}", "done", None, "2026-01-05") for m in (1, 2) for d in range(1, 16)
    ]
    rows += [("R1", "a", "visit", f"2026-03-{d:02d}", "cancelled") for d in range(1, 16)]
    found = productivity.findings(productivity.compute(opened(activities=acts(*rows))))
    assert [(f.subject_kind, f.values["missed"]) for f in found if f.rule == "T02-R6"] == [("rep", 15), ("company", 15)]


def test_office_work_that_eats_visits():
    days = pd.bdate_range("2025-07-01", "2026-06-30")
    rows = [("R1", None, "admin", day, "done", 180.0) for day in days] + [
        ("R1", "a", "visit", day, "done", 60.0) for day in days[::2]
    ]
    dataset = opened(activities=acts(*rows), reps=force(("R1", "field")))
    result = productivity.compute(dataset)
    (found,) = [f for f in productivity.findings(result) if f.rule == "T02-R8"]
    assert found.values["share"] == pytest.approx(3 / 7, abs=0.02)
    assert found.hours == pytest.approx(3 * 261 - 0.35 * 7 * 251, rel=0.01)  # it is done on holidays too
    used = result.time_use.groupby("rep_id")["hour_share"].sum()
    assert used["R1"] == pytest.approx(1.0)


# --- the audit of the indicators --------------------------------------------------------------------------------------


def matrix(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        values, index=[f"R{i}" for i in range(len(values))], columns=range(24300, 24300 + values.shape[1])
    )


def test_steerability_is_the_share_of_the_variance_within_people():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (20, 36))
    assert audit.steerability(matrix(noise)) > 0.95
    who = rng.normal(0, 3, (20, 1))
    assert audit.steerability(matrix(noise + who)) == pytest.approx(0.1, abs=0.06)
    assert np.isnan(audit.steerability(matrix(noise[:1])))


def test_an_indicator_that_leads_is_found_and_noise_is_not():
    rng = np.random.default_rng(4)
    swing = rng.normal(0, 0.25, (10, 40)).cumsum(axis=1) * 0.4
    lead = np.exp(swing[:, 2:38] + rng.normal(0, 0.05, (10, 36)))
    result = np.exp(swing[:, :36] + rng.normal(0, 0.05, (10, 36)))
    found = audit.predictive_gain(matrix(lead), matrix(result), TH)
    assert found.predictive_gain > 0.15
    assert found.chance < 0.02
    assert found.fold_count >= TH.audit_min_folds
    kept = [
        audit.predictive_gain(matrix(np.exp(rng.normal(0, 0.3, (10, 36)))), matrix(result), TH).chance <= 0.1
        for _ in range(40)
    ]
    assert sum(kept) <= 8


def test_what_announces_in_the_wrong_sense_is_no_lever():
    rng = np.random.default_rng(4)
    swing = rng.normal(0, 0.25, (10, 40)).cumsum(axis=1) * 0.4
    lead, result = matrix(np.exp(-swing[:, 2:38])), matrix(np.exp(swing[:, :36]))
    assert audit.predictive_gain(lead, result, TH).predictive_gain <= 0.02
    assert audit.predictive_gain(lead, result, TH, sense=-1.0).predictive_gain > 0.15


def test_a_short_history_proves_nothing():
    values = matrix(np.ones((5, 14)) + np.arange(14) / 10)
    assert np.isnan(audit.predictive_gain(values, values, TH).predictive_gain)


def test_no_outcome_later_than_the_origin_is_used():
    """Changing the last outcome changes no forecast but that of its own origin."""
    rng = np.random.default_rng(2)
    y = np.exp(rng.normal(0, 0.2, (6, 36)))
    base, change = audit._outcomes(y, 3)
    later = y.copy()
    later[:, 30:] *= 5
    base2, change2 = audit._outcomes(later, 3)
    assert np.allclose(base[:, :30], base2[:, :30], equal_nan=True)
    assert np.allclose(change[:, :27], change2[:, :27], equal_nan=True)


def test_two_names_for_one_thing_are_seen_once():
    rng = np.random.default_rng(5)
    visits = rng.poisson(20, 120).astype(float)
    rows = [("visits", visits), ("customers_met", visits + rng.normal(0, 0.5, 120)), ("emails", rng.random(120))]
    keys = {"rep_id": np.repeat([f"R{i}" for i in range(10)], 12), "month_index": np.tile(range(12), 10)}
    table = pd.concat([pd.DataFrame(keys | {"indicator": name, "value": values}) for name, values in rows])
    pairs = audit.redundancies(table, ["visits", "customers_met", "emails"], 0.9)
    assert pairs[["first", "second"]].to_numpy().tolist() == [["visits", "customers_met"]]


def test_decisions():
    names = ["calls", "visits", "customers_met", "emails", "admin_hours", "revenue", "new_customers"]
    found = pd.DataFrame(
        {
            "indicator": names, "level": [panel.LEVELS[name] for name in names],
            "chance": [0.001, 0.3, 0.2, 0.9, 0.9, 0.5, np.nan],
            "predictive_gain": [0.2, 0.05, 0.06, -0.1, 0.02, 0.1, np.nan], "is_proven": [True, *[False] * 6],
            "steerable_share": [0.6, 0.6, 0.6, 0.6, 0.1, 0.6, 0.9], "cost_to_collect": 1.0, "announces": "revenue",
        }
    )  # fmt: skip
    pairs = pd.DataFrame({"first": ["visits"], "second": ["customers_met"], "correlation": [0.97], "value_count": [99]})
    decided = audit._decided(found, pairs, TH).set_index("indicator")
    assert decided["decision"].to_dict() == {
        "calls": "keep", "customers_met": "trial", "new_customers": "trial", "revenue": "replace", "visits": "drop",
        "admin_hours": "drop", "emails": "drop",
    }  # fmt: skip
    assert decided.loc["visits", ["why", "redundant_with"]].tolist() == ["redundant", "customers_met"]
    assert decided.loc["revenue", "replacement"] == "calls"
    assert decided.loc["emails", "why"] == "not_predictive"
    assert decided.loc["admin_hours", "why"] == "structural"


# --- from any part of the chain ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(make_demo) -> dict[str, pd.DataFrame]:
    return make_demo.frames(7)


FEW = dataclasses.replace(TH, audit_draws=19, upside_draws=20)
"""What does not judge by chance needs no more draws."""


def seen(tables: dict[str, pd.DataFrame], as_of: date = AS_OF, months: int = 12) -> productivity.Result:
    return productivity.compute(Dataset.from_frames(tables, as_of=as_of, months=months), thresholds=FEW)


@pytest.fixture(scope="module")
def whole(tables) -> productivity.Result:
    return seen(tables)


def spoken(result: productivity.Result) -> None:
    """Every finding can be said in both languages, every missing figure and frame has its sentence."""
    for language in LANGUAGES:
        book = Phrasebook(productivity.NAME, language)
        for found in productivity.findings(result):
            assert book.missing not in book.say(f"{found.code}_observation", **found.values)
            assert found.severity is Severity.GOOD or book.say(f"{found.code}_action", **found.values)
        for reason in result.not_computable.values():
            assert book.say(reason.code, **reason.values)
    assert set(KEY_FIGURES) <= set(result.key_figures)
    for name, value in result.key_figures.items():
        assert (value is None) == (name in result.not_computable), name
    for field in dataclasses.fields(result):
        if field.name not in ("key_figures", "not_computable") and getattr(result, field.name) is None:
            assert field.name in result.not_computable, field.name


SUBSETS = {
    "activities": {"rate_conversation", "rate_appointment", "rate_visit", "visits", "face_to_face_share"},
    "opportunities": {"rate_order", "chain_yield", "gap_total", "upside_top_quartile"},
    "quotes": {"rate_order", "chain_yield", "gap_total", "upside_top_quartile"},
}


@pytest.mark.parametrize("table", SUBSETS)
def test_one_table_is_enough(tables, table):
    result = seen({table: tables[table]})
    known = {name for name in KEY_FIGURES if result.key_figures[name] is not None}
    assert SUBSETS[table] <= known
    spoken(result)


TAKEN = ("activities", "opportunities", "opportunity_events", "quotes", "sales_lines", "reps", "rep_capacity", "costs",
         "customer_potential", "customer_assignments", "targets", "calendar", "interventions", "customers")  # fmt: skip


@pytest.mark.parametrize("table", paced(TAKEN, "activities", "sales_lines"))
def test_any_table_may_be_absent(tables, table):
    spoken(seen({name: frame for name, frame in tables.items() if name != table}))


@pytest.mark.parametrize("months", paced([0, 1, 24], 0))
def test_any_window(tables, months):
    spoken(seen(tables, months=months))


def test_empty_tables_are_no_crash(tables):
    spoken(seen({name: frame.iloc[:0] for name, frame in tables.items()} | {"sales_lines": tables["sales_lines"]}))


@pytest.mark.slow
def test_nothing_after_the_day_counts(tables):
    cut = {
        "activities": tables["activities"][
            pd.to_datetime(tables["activities"]["done_date"].fillna(tables["activities"]["planned_date"]))
            <= "2025-12-31"
        ],
        "sales_lines": tables["sales_lines"][pd.to_datetime(tables["sales_lines"]["invoice_date"]) <= "2025-12-31"],
        "quotes": tables["quotes"][pd.to_datetime(tables["quotes"]["sent_date"]) <= "2025-12-31"],
    }
    late = seen(tables, date(2025, 12, 31)).key_figures
    known = seen(tables | cut, date(2025, 12, 31)).key_figures
    assert late == known


def test_a_salesperson_shown_is_judged_among_all(tables, whole):
    dataset = Dataset.from_frames(tables, as_of=AS_OF)
    one = productivity.compute(dataset, productivity.Parameters(rep="R07"), FEW)
    assert set(one.rep_steps["rep_id"]) == {"R07"}
    assert one.key_figures == whole.key_figures
    assert set(one.rep_funnels["name"]) == set(whole.rep_funnels.loc[whole.rep_funnels["rep_id"] == "R07", "name"])
    with pytest.raises(SettingError, match="R99"):
        productivity.compute(dataset, productivity.Parameters(rep="R99"))


@pytest.mark.slow
def test_it_is_the_same_twice(tables, whole):
    again = seen(tables)
    pd.testing.assert_frame_equal(whole.indicators, again.indicators)
    pd.testing.assert_frame_equal(whole.upside, again.upside)


def test_the_pictures_of_people_hold_whoever_is_compared(whole):
    free = set(whole.people.loc[whole.people["exclusion"].isna(), "rep_id"])
    assert set(whole.rep_funnels["rep_id"]) == set(whole.volume_quality["rep_id"]) == free
    assert len(whole.uncompared) == len(whole.people) - len(free)
    assert whole.rep_funnels["name"].is_monotonic_increasing
    below = (whole.volume_quality[["volume_index", "quality_index"]] < 1).sum().tolist()
    assert below == [whole.key_figures["volume_below_count"], whole.key_figures["quality_below_count"]]


# --- properties -------------------------------------------------------------------------------------------------------

trials = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=3, max_size=9)


@settings(max_examples=30)
@given(trials)
def test_rates_and_limits_are_rates(pairs):
    rates = {f"R{i}": (max(pair), min(pair)) for i, pair in enumerate(pairs)}
    held = one_step(**rates)
    table = compare.rep_steps({"rate_order": held}, squad(*rates), pd.Series(dtype=object), 5, TH)
    shares = [
        "rate",
        "rate_low",
        "rate_high",
        "shrunk_rate",
        "expected_rate",
        "limit_low",
        "limit_high",
        "adjusted_rate",
    ]
    values = table[shares].to_numpy(dtype=float)
    assert ((values >= -1e-12) & (values <= 1 + 1e-12) | np.isnan(values)).all()
    expected = table["expected"].sum()
    assert np.isnan(expected) or expected == pytest.approx(table["success_count"].sum(), rel=0.02, abs=1)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 300), st.booleans()), min_size=1, max_size=60))
def test_successes_never_exceed_starts_nor_ends(events):
    day = pd.Timestamp("2025-06-01")
    rows = [("R1", f"c{who}", "visit" if is_visit else "call_connected", day + pd.Timedelta(days=after))
            for who, after, is_visit in events]  # fmt: skip
    found, _ = chain.steps(opened(activities=acts(*rows)), TH)
    if "rate_appointment" in found:
        starts, successes = counted(found["rate_appointment"])
        assert successes <= min(starts, sum(is_visit for *_, is_visit in events))


# --- response to effort -----------------------------------------------------------------------------------------------


def test_d_crawford_response_of_sales_to_effort(real_data):
    """The fit y = b + (a − b)·x^c / (d + x^c) and its reading at 115 % of the present effort."""
    data = pd.read_csv(real_data / "sales_response" / "crawford_labs.csv") / 100
    curve = fitted(data["effort_pct_of_current"], data["sales_pct_of_current"])
    assert (curve.shape, curve.scale) == pytest.approx((4.5153, 0.7336), rel=2e-3)
    assert curve.saturated / curve.none == pytest.approx(1.3706 / 0.5109, rel=2e-3)
    assert 0.5109 / curve.none * curve.at(1.15) == pytest.approx(1.129, abs=1e-3)


# --- what was planted in the demo client ------------------------------------------------------------------------------

TRUTHS_FILE = ROOT / "data" / "demo" / "truths" / f"{productivity.NAME}.toml"
TRUTHS = tomllib.loads(TRUTHS_FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo(tables) -> dict[tuple[str, str, str], set[Severity]]:
    found: dict[tuple[str, str, str], set[Severity]] = {}
    for f in productivity.findings(productivity.compute(Dataset.from_frames(tables, as_of=AS_OF))):
        found.setdefault((f.rule, f.subject_kind, f.subject_id), set()).add(f.severity)
    return found


@pytest.mark.parametrize("line", TRUTHS.get("truth", []), ids=lambda line: f"{line['rule']}-{line['subject_id']}")
def test_what_was_planted_is_found(demo, line):
    assert (line["rule"], line["subject_kind"], line["subject_id"]) in demo


@pytest.mark.parametrize("line", TRUTHS.get("decoy", []), ids=lambda line: f"{line['rule']}-{line['subject_id']}")
def test_what_looks_alike_is_not(demo, line):
    """Good news of the same rule is no fault."""
    severities = demo.get((line["rule"], line["subject_kind"], line["subject_id"]), set())
    assert severities <= {Severity.GOOD}


def test_thresholds_have_a_label_in_both_languages():
    known = phrases(productivity.NAME)
    assert {f"threshold_{f.name}" for f in dataclasses.fields(productivity.Thresholds)} <= set(known)
    frames = {f.name for f in dataclasses.fields(productivity.Result)} - {"key_figures", "not_computable"}
    assert {f"sheet_{name}" for name in frames} <= set(known)
