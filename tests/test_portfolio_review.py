"""Portfolio review: measures and rules on tables made by hand, published numbers, what was planted in the demo."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salespilot.client import Client
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.portfolio_review import NAME, Parameters, Thresholds, compute, findings
from salespilot.diagnostics.portfolio_review.evolution import retained
from salespilot.diagnostics.portfolio_review.reallocation import response
from salespilot.diagnostics.portfolio_review.rules import plain
from salespilot.finding import Severity
from salespilot.inference import misalignment, shrunk_rates, wilson
from salespilot.phrasebook import Phrasebook

TRUTHS = tomllib.loads((Path(__file__).parent.parent / "data" / "demo" / "truths" / f"{NAME}.toml").read_text("utf-8"))
AS_OF = date(2026, 6, 30)
CLOSED = Client(folder=Path(), name="Test", complete_until=AS_OF)
F1 = [50_000, 20_000, 10_000, 5_000, 5_000, 4_000, 3_000, 2_000, 1_000, 0, -2_000]


def lines(*rows, **columns) -> pd.DataFrame:
    """Sales lines from (customer, ISO date, amount) rows; ``columns`` adds constant columns."""
    frame = pd.DataFrame(rows, columns=["customer_id", "invoice_date", "amount_net"])
    frame["invoice_date"] = pd.to_datetime(frame["invoice_date"])
    frame["amount_net"] = frame["amount_net"].astype(float)
    frame.insert(0, "line_id", [f"L{i}" for i in range(len(frame))])
    return frame.assign(**columns)


def monthly(customer: str, a_year: float, *, start: str = "2023-07", months: int = 36) -> list[tuple]:
    """One order a month on the 10th, adding up to ``a_year`` over twelve of them."""
    first = pd.Period(start, "M")
    return [(customer, f"{first + i}-10", a_year / 12) for i in range(months)]


def visits(
    customer: str, count: int, *, rep: str = "R1", kind: str = "visit", minutes: float | None = 60
) -> list[dict]:
    """Visits spread over the last twelve months."""
    days = [date(2025, 7, 3) + timedelta(days=int(i * 360 / max(count, 1))) for i in range(count)]
    return [
        {
            "customer_id": customer,
            "rep_id": rep,
            "type": kind,
            "done_date": day,
            "status": "done",
            "duration_min": minutes,
        }
        for day in days
    ]


def activities(*groups: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame([row for group in groups for row in group])
    return frame.assign(activity_id=[f"V{i}" for i in range(len(frame))])


def held(**owners: str) -> pd.DataFrame:
    """Assignments, customer=salesperson."""
    return pd.DataFrame(
        [(customer, rep, pd.Timestamp("2020-01-01"), "owner") for customer, rep in owners.items()],
        columns=["customer_id", "rep_id", "valid_from", "role"],
    )


def potentials(**amounts: float) -> pd.DataFrame:
    frame = pd.DataFrame(list(amounts.items()), columns=["customer_id", "potential_accessible"])
    return frame.assign(valid_from=pd.Timestamp("2026-01-01"), method="driver", confidence="med")


def of(
    rows, *, months: int = 12, thresholds: Thresholds = Thresholds(), parameters: Parameters = Parameters(), **tables
):
    """The Result and findings of a client made of sales rows and other tables."""
    sales = rows if isinstance(rows, pd.DataFrame) else lines(*rows)
    dataset = Dataset.from_frames({"sales_lines": sales} | tables, as_of=AS_OF, months=months, client=CLOSED)
    result = compute(dataset, parameters, thresholds)
    return result, findings(result, thresholds)


def fired(found, rule: str) -> set[str]:
    return {finding.subject_id for finding in found if finding.rule == f"T01-{rule}"}


def once(values) -> list[tuple]:
    return [(f"C{i:02d}", "2026-03-10", value) for i, value in enumerate(values, start=1)]


# A portfolio of regular buyers for three years: A1 and A2 are class A, B1 class B, C1 to C9 class C.
BASE = [
    *monthly("A1", 60_000),
    *monthly("A2", 21_000),
    *monthly("B1", 14_000),
    *[row for i in range(1, 10) for row in monthly(f"C{i}", 500)],
]
TEAM = {"A1": "R1", "A2": "R1", "B1": "R1"} | {f"C{i}": "R1" for i in range(1, 10)}
SEEN = visits("A2", 8) + [row for i in range(1, 10) for row in visits(f"C{i}", 1, kind="call_connected")]


# --- concentration ---------------------------------------------------------------------------------------------------


def test_f1_classes_and_concentration():
    result, _ = of(once(F1))
    classes = result.customers.set_index("customer_id")["abc_class"].sort_index()
    assert "".join(classes) == "AAABBBBCCZN"
    figures = result.key_figures
    assert figures["hhi"] == pytest.approx(0.308, abs=5e-4)
    assert figures["effective_customers"] == pytest.approx(3.247, abs=5e-4)
    assert figures["gini"] == pytest.approx(0.58889, abs=5e-6)
    assert figures["top1_share"] == 0.5
    assert figures["top5_share"] == 0.9
    assert figures["top20pct_share"] == 0.7  # ceil(0.2 × 9) = 2
    assert figures["customers_for_80pct"] == 3
    assert (figures["class_a_count"], figures["class_b_count"], figures["class_c_count"]) == (3, 4, 2)
    assert figures["positive_base"] == 100_000
    assert figures["net_revenue"] == 98_000
    assert figures["positive_base"] + figures["negative_revenue"] + figures["unattributed_revenue"] == 98_000


def test_counts_of_lines_and_customers():
    rows = lines(("a", "2026-01-05", 100), ("a", "2026-02-05", -30), ("b", "2026-02-06", -10), (None, "2026-02-07", 5),
                 ("c", "2025-02-07", 50))  # fmt: skip
    rows["doc_type"] = ["invoice", "credit_note", "credit_note", "invoice", "invoice"]
    figures = of(rows)[0].key_figures
    assert figures["sales_lines"] == 4
    assert figures["credit_note_lines"] == 2
    assert figures["customers"] == 2
    assert figures["active_customers"] == 1
    assert figures["net_revenue"] == 65
    assert figures["unattributed_revenue"] == 5
    assert figures["positive_base"] == 70


def test_d_ineq(real_data):
    expected = {case["id"]: case for case in json.loads((real_data / "expected.json").read_text("utf-8"))}
    published = expected["D-INEQ"]["expected"]
    figures = of(once(published["x"]))[0].key_figures
    assert figures["gini"] == pytest.approx(published["gini"], abs=1e-7)
    assert figures["hhi"] == pytest.approx(published["HHI"], abs=1e-7)


def test_d_chinook_is_little_concentrated(real_data):
    records = json.loads((real_data / "chinook" / "initial_data.json").read_text("utf-8"))
    invoices = [record["fields"] for record in records if record["model"] == "chinook.invoice"]
    key = next(name for name in invoices[0] if name.startswith("customer"))
    day = next(name for name in invoices[0] if "date" in name)
    rows = [(f"K{item[key]}", item[day][:10], float(item["total"])) for item in invoices]
    dataset = Dataset.from_frames({"sales_lines": lines(*rows)}, as_of="2026-12-31", months=0)
    result = compute(dataset)
    assert result.key_figures["sales_lines"] == 412
    assert result.key_figures["customers"] == 59
    assert result.key_figures["net_revenue"] == pytest.approx(2328.60)
    assert result.key_figures["gini"] == pytest.approx(0.034, abs=1e-3)
    found = findings(result)
    assert [finding.code for finding in found if finding.severity is Severity.GOOD] == ["low_concentration"]
    assert {finding.rule for finding in found} <= {"T01-R0", "T01-R4"}


def test_d_cdnow_top_customers(real_data):
    rows = pd.read_csv(
        real_data / "cdnow" / "CDNOW_master.txt",
        sep=r"\s+",
        header=0,
        names=["customer_id", "day", "cds", "amount_net"],
    )
    sales = pd.DataFrame(
        {
            "line_id": np.arange(len(rows)).astype(str),
            "customer_id": rows["customer_id"].astype(str),
            "invoice_date": pd.to_datetime(rows["day"].astype(str), format="%Y%m%d"),
            "amount_net": rows["amount_net"],
        }
    )
    figures = compute(Dataset.from_frames({"sales_lines": sales}, as_of="1998-12-31", months=0)).key_figures
    assert figures["sales_lines"] == 69_659
    assert figures["customers"] == 23_570
    assert figures["net_revenue"] == pytest.approx(2_500_315.63)
    assert figures["gini"] == pytest.approx(0.6335, abs=5e-5)
    assert figures["top20pct_share"] == pytest.approx(0.6771, abs=5e-5)
    assert figures["customers_for_80pct"] == 7_695


def test_dependence_fires_above_15_percent_and_not_at_14():
    found = of(once([16, *[2] * 42]))[1]
    assert fired(found, "R7") == {"C01"}
    assert fired(of(once([14, *[2] * 43]))[1], "R7") == set()


def test_dependence_on_a_group_whose_sites_are_small():
    customers = pd.DataFrame(
        {"customer_id": ["C01", "C02"], "name": ["Head", "Site"], "parent_customer_id": [None, "C01"]}
    )
    _, found = of(once([10, 9, *[1] * 81]), customers=customers)
    (finding,) = [finding for finding in found if finding.rule == "T01-R7"]
    assert finding.code == "dependence_group"
    assert finding.subject_id == "C01"
    assert finding.values["share"] == pytest.approx(0.19)
    assert finding.targets == (("customer", "C01"), ("customer", "C02"))


def test_one_customer_above_80_percent_falls_back_to_bands():
    result, _ = of(once([900_000, 60_000, 20_000, 5_000]))
    assert result.grounds.abc_mode == "bands"
    assert list(result.customers["abc_class"]) == ["A", "A", "B", "C"]


# --- rhythm ----------------------------------------------------------------------------------------------------------


def _gaps(*gaps: int, silence: int) -> list[tuple]:
    day = AS_OF - timedelta(days=silence)
    days = [day]
    for gap in reversed(gaps):
        day -= timedelta(days=gap)
        days.append(day)
    return [("F18", day.isoformat(), 100.0) for day in reversed(days)] + [("other", "2026-06-29", 5.0)]


def test_f18_late_not_dormant():
    result, _ = of(_gaps(30, 28, 35, 31, 27, silence=75))
    row = result.overdue.set_index("customer_id").loc["F18"]
    assert row["buying_status"] == "late"
    assert row["mean_gap_days"] == pytest.approx(30.2)
    assert row["order_probability"] == pytest.approx(0.083, abs=5e-4)
    assert (result.key_figures["late_customers"], result.key_figures["dormant_customers"]) == (1, 0)


@pytest.mark.parametrize(
    ("gaps", "silence", "status"),
    [
        ((30, 30), 60, "on_time"),
        ((30, 30), 61, "late"),
        ((30, 30), 90, "late"),
        ((30, 30), 91, "dormant"),
        ((5, 5), 59, "late"),  # no customer is dormant before 60 days
        ((5, 5), 60, "dormant"),
        ((365, 365), 330, "on_time"),  # a once-a-year buyer
        ((30,), 365, "on_time"),  # two orders give no rhythm
        ((30,), 366, "dormant"),
        ((30, 30), 730, "lost"),
    ],
)
def test_status_on_own_rhythm(gaps, silence, status):
    customers = of(_gaps(*gaps, silence=silence))[0].customers.set_index("customer_id")
    assert customers.loc["F18", "buying_status"] == status


def test_a_credit_note_is_no_order():
    rows = lines(*_gaps(30, 30, silence=100), ("F18", "2026-06-20", -10), ("F18", "2026-06-21", 10))
    rows["doc_type"] = ["invoice"] * (len(rows) - 2) + ["credit_note", "credit_note"]
    customers = of(rows)[0].customers.set_index("customer_id")
    assert customers.loc["F18", "buying_status"] == "dormant"


def test_silence_stops_with_the_data():
    dataset = Dataset.from_frames({"sales_lines": lines(*_gaps(30, 30, silence=20))}, as_of="2026-12-31")
    customers = compute(dataset).customers.set_index("customer_id")
    assert customers.loc["F18", "gap_days"] == 19  # the last line is of 29 June


def test_dormant_customer_is_reactivated_when_it_was_worth_it():
    rows = [*BASE, *monthly("big", 9_000, months=30), *monthly("tiny", 60, months=30)]
    _, found = of(rows)
    assert fired(found, "R4") == {"big"}
    (finding,) = [finding for finding in found if finding.rule == "T01-R4"]
    assert finding.severity is Severity.ALERT
    assert finding.values["past"] == pytest.approx(9_000 / 12 * 18)
    assert finding.stake == pytest.approx(9_000 / 12 * 18 / 2)


# --- coverage --------------------------------------------------------------------------------------------------------


def test_coverage_rate_and_alignment():
    rows = once([50, 30, 15, 5])
    owners = held(C01="R1", C02="R1", C03="R1", C04="R1")
    done = activities(
        visits("C01", 2), visits("C02", 3), visits("C03", 3), visits("C04", 2), visits("C04", 1, kind="email")
    )
    result, _ = of(rows, customer_assignments=owners, activities=done)
    assert result.key_figures["coverage_rate"] == 1.0
    assert result.key_figures["misalignment_revenue"] == pytest.approx(0.30)  # F18
    fewer, _ = of(
        rows, customer_assignments=owners, activities=activities(visits("C01", 2), visits("C04", 2, kind="demo"))
    )
    assert fewer.key_figures["coverage_rate"] == 0.5


def test_effort_in_hours_only_when_enough_visits_have_a_duration():
    rows = once([60, 40])
    timed = activities(visits("C01", 4, minutes=30), visits("C02", 4, minutes=90))
    owners = held(C01="R1", C02="R1")
    in_hours = of(rows, customer_assignments=owners, activities=timed)[0].key_figures
    assert in_hours["misalignment_revenue"] == pytest.approx(0.35)
    assert in_hours["timed_share"] == 1.0
    half = activities(visits("C01", 4, minutes=30), visits("C02", 4, minutes=None))
    in_visits = of(rows, customer_assignments=owners, activities=half)[0].key_figures
    assert in_visits["misalignment_revenue"] == pytest.approx(0.10)
    assert in_visits["timed_share"] == 0.5


def test_orphans_and_prospects_are_outside_active_portfolios():
    customers = pd.DataFrame({"customer_id": ["C01", "C02", "P"], "status": ["customer", "customer", "prospect"]})
    reps = pd.DataFrame({"rep_id": ["R1", "R2"], "end_date": [pd.NaT, pd.Timestamp("2026-01-31")]})
    owners, done = held(C01="R1", C02="R2", P="R1"), activities(visits("C01", 1), visits("P", 5))
    result, _ = of(once([60, 40]), customers=customers, reps=reps, customer_assignments=owners, activities=done)
    assert result.key_figures["coverage_rate"] == 1.0
    assert set(result.customers["customer_id"]) == {"C01", "C02"}


@pytest.mark.parametrize(("done", "codes"), [(0, {"secure_unseen"}), (6, {"secure"}), (7, set()), (12, set())])
def test_secure_a_class_a_customer_below_80_percent_of_the_policy(done, codes):
    # A1 with unknown potential is owed 8 visits a year: 80 % of them is 6.4.
    contacts = activities(visits("A1", done), visits("B1", 6), SEEN)
    _, found = of(BASE, customer_assignments=held(**TEAM), activities=contacts)
    secured = [finding for finding in found if finding.rule == "T01-R1"]
    assert {finding.code for finding in secured} == codes
    if secured:
        assert secured[0].owner == "R1"
        assert secured[0].lead_days == 30
        assert secured[0].values["target"] == 8
        assert secured[0].stake_kind == "at_risk"


def test_visits_logged_on_the_parent_count_for_its_sites():
    customers = pd.DataFrame({"customer_id": [*TEAM, "head"], "parent_customer_id": ["head"] + [None] * 12})
    contacts = activities(visits("head", 8), visits("B1", 6), SEEN)
    result, found = of(BASE, customers=customers, customer_assignments=held(**TEAM, head="R1"), activities=contacts)
    assert fired(found, "R1") == set()
    sites = result.customers.set_index("customer_id")
    assert sites.loc["A1", "contact_status"] == "met_group"
    assert result.groups.loc[0, "head_f2f_count"] == 8


def test_visits_logged_on_the_delivered_site_count_for_who_is_billed():
    sales = lines(*BASE)
    sales["delivery_customer_id"] = sales["customer_id"].where(sales["customer_id"] != "A1", "site of A1")
    contacts = activities(visits("site of A1", 8), visits("B1", 6), SEEN)
    result, found = of(sales, customer_assignments=held(**TEAM), activities=contacts)
    assert fired(found, "R1") == set()
    assert result.customers.set_index("customer_id").loc["A1", "f2f_count"] == 8


def test_a_new_customer_is_owed_visits_since_its_first_order():
    rows = [*BASE, *monthly("new", 200_000, start="2026-05", months=2)]
    late = [visits("new", 1)[0] | {"done_date": date(2026, 6, 2)}]
    contacts = activities(visits("A1", 8), visits("B1", 6), SEEN, late)
    result, found = of(rows, customer_assignments=held(**TEAM, new="R1"), activities=contacts)
    assert result.customers.set_index("customer_id").loc["new", "target_f2f"] < 2
    assert fired(found, "R1") == set()


def test_nugget_by_potential_and_by_growth():
    up = [*monthly("up", 100, months=24), *monthly("up", 1_300, start="2025-07", months=12)]
    small_up = [*monthly("small up", 100, months=24), *monthly("small up", 900, start="2025-07", months=12)]
    rows = [*BASE, *monthly("A3", 60_000), *up, *small_up]
    known = potentials(A1=90_000, B1=20_000, C1=120_000, C2=600, C3=0)
    _, found = of(rows, customer_potential=known)
    codes = {finding.subject_id: finding.code for finding in found if finding.rule == "T01-R2"}
    assert codes == {"C1": "nugget_potential_unknown_visits", "up": "nugget_growth"}
    nugget = next(finding for finding in found if finding.subject_id == "C1")
    assert nugget.stake == pytest.approx(0.10 * (120_000 - 500))
    assert (nugget.stake_low, nugget.stake_high) == (pytest.approx(nugget.stake / 2), pytest.approx(nugget.stake * 2))


COSTS = pd.DataFrame({"role": ["all"], "visit_cost": [150.0], "call_cost": [10.0], "order_cost": [5.0]})


def test_loss_making_class_c_without_potential_only():
    contacts = activities(visits("A1", 8), visits("B1", 6), visits("C1", 4), visits("C2", 4), visits("C3", 4))
    known = potentials(A1=90_000, B1=20_000, C1=550, C2=120_000)
    result, found = of(lines(*BASE, margin=10.0), customer_assignments=held(**TEAM), activities=contacts,
                       customer_potential=known, costs=COSTS)  # fmt: skip
    assert fired(found, "R3") == {"C1"}  # C2 has potential, that of C3 is unknown
    (finding,) = [finding for finding in found if finding.rule == "T01-R3"]
    assert finding.stake == pytest.approx(4 * 150 + 12 * 5 - 12 * 10)
    assert (finding.stake_kind, finding.stake_basis) == ("cost", "margin")
    row = result.customers.set_index("customer_id").loc["A1"]
    assert row["net_contribution"] == pytest.approx(120 - 8 * 150 - 12 * 5)
    assert row["max_affordable_visits"] == 0


@pytest.mark.parametrize(
    ("done", "potential", "names"), [(16, 61_000, {"A1"}), (16, 200_000, set()), (13, 61_000, set())]
)
def test_over_served_without_headroom_only(done, potential, names):
    contacts = activities(visits("A1", done), visits("B1", 6), SEEN)
    _, found = of(
        BASE, customer_assignments=held(**TEAM), activities=contacts, customer_potential=potentials(A1=potential)
    )
    assert fired(found, "R6") == names


def test_over_served_names_the_customers_who_receive_the_hours():
    contacts = activities(visits("A1", 30), visits("A2", 1), visits("B1", 6))
    result, found = of(BASE, customer_assignments=held(**TEAM), activities=contacts,
                       customer_potential=potentials(A1=61_000, A2=40_000), costs=COSTS)  # fmt: skip
    (finding,) = [finding for finding in found if finding.rule == "T01-R6"]
    assert finding.code == "over_served"
    assert finding.values["receivers"] == "A2"
    assert finding.stake == pytest.approx(finding.values["extra"] * 150)
    moved = result.reallocation.set_index("rep_id").loc["R1"]
    assert 0 < moved["hours_moved"] <= min(moved["hours_freed"], moved["hours_needed"])
    assert moved["gain"] > 0


def test_f10_response_curve():
    assert response([0, 1, 1.5, 2], 0.6, 1.15, 1.4) == pytest.approx([0.6, 1.0, 1.15, 1.235], abs=5e-4)


def _team(silent: int = 10, usual: int = 200, revenue: float = 50_000):
    """Four salespeople with ten customers each; R4 logs ``silent`` activities, the others ``usual``."""
    rows, done, owners = [], [], {}
    for k in range(1, 5):
        for i in range(10):
            customer = f"K{k}{i}"
            owners[customer] = f"R{k}"
            rows += monthly(customer, (revenue if k == 4 else 50_000) * (0.5 if i else 5))
        count = silent if k == 4 else usual
        done += [row for j in range(count) for row in visits(f"K{k}{j % 10}", 1, rep=f"R{k}")]
    return lines(*rows), held(**owners), activities(done)


def test_who_does_not_log_is_a_matter_of_data_not_of_coverage():
    sales, owners, done = _team(silent=2)
    result, found = of(sales, customer_assignments=owners, activities=done)
    assert fired(found, "R9") == {"R4"}
    assert fired(found, "R8") == set()
    assert not any(finding.subject_id.startswith("K4") for finding in found if finding.rule in ("T01-R1", "T01-R6"))
    status = result.customers.set_index("customer_id")["contact_status"]
    assert status["K45"] == "unknown"


def test_few_activities_with_little_revenue_is_not_a_logging_problem():
    sales, owners, done = _team(silent=2, revenue=5_000)
    _, found = of(sales, customer_assignments=owners, activities=done)
    assert fired(found, "R9") == set()
    assert fired(found, "R8") == {"R4"}


def test_uncovered_portfolio_gives_its_interval():
    sales, owners, done = _team()
    done = done[~done["customer_id"].isin(["K11", "K12", "K13", "K14", "K15"])]
    _, found = of(sales, customer_assignments=owners, activities=done)
    (finding,) = [finding for finding in found if finding.rule == "T01-R8"]
    assert finding.subject_id == "R1"
    assert (finding.values["count"], finding.values["customers"]) == (5, 10)
    low, high = wilson(5, 10)
    assert (finding.values["low"], finding.values["high"]) == (pytest.approx(float(low)), pytest.approx(float(high)))
    assert {target for _, target in finding.targets} == {"K11", "K12", "K13", "K14", "K15"}


def test_a_portfolio_of_four_gets_counts_and_no_rate():
    contacts = activities(visits("A1", 8))
    result, found = of(BASE, customer_assignments=held(A1="R1", B1="R1", C1="R1", C2="R1"), activities=contacts)
    row = result.reps.set_index("rep_id").loc["R1"]
    assert (row["customer_count"], row["met_count"], row["no_contact_count"]) == (4, 1, 3)
    assert math.isnan(row["coverage_rate"])
    assert fired(found, "R8") == set()


# --- evolution -------------------------------------------------------------------------------------------------------


def test_f17_retention():
    before, now = [100, 80, 50, 0, 40], [120, 60, 0, 30, 40]
    rows = [(f"C{i}", "2025-03-10", value) for i, value in enumerate(before) if value]
    rows += [(f"C{i}", "2026-03-10", value) for i, value in enumerate(now) if value]
    table = retained(pd.Series(now), pd.Series(before), pd.Series("all", index=range(5)))
    assert table.loc["all", "retention_net"] == pytest.approx(0.8148, abs=5e-5)
    assert table.loc["all", "retention_gross"] == pytest.approx(0.7407, abs=5e-5)
    assert table.loc["all", "attrition_rate"] == 0.25
    rows.append(("old", "2024-06-10", 1))  # a whole previous period
    figures = of([*rows, ("old", "2024-07-03", 0.0)])[0].key_figures
    assert figures["retention_net"] == pytest.approx(220 / 270)
    assert figures["retention_gross"] == pytest.approx(200 / 270)
    assert figures["attrition_rate"] == 0.25


def test_bridge_names_each_move_and_adds_up():
    rows = [("start", "2023-07-10", 1), ("start", "2024-07-10", 10), ("start", "2025-07-10", 10),
            ("new", "2026-01-10", 7), ("back", "2024-01-10", 5), ("back", "2026-01-10", 6),
            ("up", "2025-01-10", 100), ("up", "2026-01-10", 110),
            ("down", "2025-01-10", 100), ("down", "2026-01-10", 90),
            ("flat", "2025-01-10", 100), ("flat", "2026-01-10", 109), ("gone", "2025-01-10", 3),
            ("credit", "2026-01-10", -4), (None, "2026-01-10", 2), (None, "2025-01-10", 1)]  # fmt: skip
    result, _ = of(rows)
    amounts = result.bridge.set_index("step")["bridge_amount"]
    assert amounts.drop(["previous", "current"]).to_dict() == pytest.approx(
        {
            "new": 7,
            "won_back": 6,
            "growing": 10,
            "stable": 9,
            "declining": -10,
            "lost": -3,
            "negative": -4,
            "unattributed": 1,
        }
    )
    assert amounts["previous"] + amounts.iloc[1:-1].sum() == pytest.approx(amounts["current"])


def test_erosion_needs_a_real_fall_of_some_weight():
    halved = [*monthly("half", 20_000, months=24), *monthly("half", 9_000, start="2025-07", months=12)]
    slight = [*monthly("slight", 20_000, months=24), *monthly("slight", 17_000, start="2025-07", months=12)]
    small = [*monthly("small", 800, months=24), *monthly("small", 400, start="2025-07", months=12)]
    _, found = of([*BASE, *halved, *slight, *small])
    assert fired(found, "R5") == {"half"}
    (finding,) = [finding for finding in found if finding.rule == "T01-R5"]
    assert finding.stake == pytest.approx(11_000)
    assert finding.values["change"] == pytest.approx(-0.55)


def test_a_credit_note_on_last_years_invoice_is_no_erosion():
    sales = lines(
        *BASE, *monthly("credited", 20_000), ("credited", "2025-05-12", 9_000), ("credited", "2025-09-02", -9_000)
    )
    sales["doc_type"] = ["invoice"] * (len(sales) - 1) + ["credit_note"]
    assert fired(of(sales)[1], "R5") == set()


def test_the_end_of_a_project_is_no_erosion():
    rows = [*BASE, *monthly("project", 20_000), ("project", "2024-11-12", 60_000)]
    assert fired(of(rows)[1], "R5") == set()


def test_a_season_on_the_other_side_of_the_date_is_no_erosion():
    days = ["2023-07-05", "2024-07-03", "2025-06-12", "2026-06-11"]
    rows = [*BASE, *[("season", day, 10_000) for day in days]]
    assert fired(of(rows)[1], "R5") == set()
    stopped = [*BASE, *[("season", day, 10_000) for day in ["2023-05-05", "2024-05-03", "2025-05-12"]]]
    assert "season" not in fired(of(stopped)[1], "R5")  # 414 days: not late on a yearly rhythm, and no whole fall
    level = [*BASE, *[("season", day, 10_000) for day in ["2023-09-05", "2024-09-03"]], ("season", "2025-09-03", 4_000)]
    assert fired(of(level)[1], "R5") == {"season"}


def test_a_new_customer_never_declines():
    rows = [*BASE, ("new", "2025-08-10", 9_000), ("new", "2026-06-10", 10)]
    result, found = of(rows)
    assert "new" not in fired(found, "R5")
    assert result.customers.set_index("customer_id").loc["new", "life_cycle"] == "start"


# --- degraded exports ------------------------------------------------------------------------------------------------


def test_sales_lines_alone_give_a_report_with_reasons():
    result, found = of(lines(*BASE))
    missing = result.not_computable
    assert missing["coverage_rate"].values == {"table": "activities"}
    assert missing["misalignment_revenue"].values == {"table": "activities"}
    assert missing["costs"].values == {"table": "costs"}
    assert missing["headroom"].values == {"table": "customer_potential"}
    assert result.coverage is None
    assert result.deciles is None
    assert result.costs is None
    assert result.bridge is not None
    assert fired(found, "R1") | fired(found, "R2") | fired(found, "R3") | fired(found, "R6") == set()


def test_key_figures_are_the_same_whatever_is_absent(demo):
    assert set(of(lines(*BASE))[0].key_figures) == set(demo()[0].key_figures)


def test_nothing_before_gives_no_retention():
    result, _ = of([row for row in BASE if row[1] >= "2025-07"])
    for name in ("retention_gross", "retention_net", "attrition_rate", "bridge"):
        assert result.not_computable[name].code == "no_previous_period"
    assert result.key_figures["attrition_rate"] is None


@pytest.mark.parametrize("months", [0, 3, 12, 24])
def test_every_absence_is_said(months):
    result, _ = of(lines(*BASE), months=months)
    book = Phrasebook(NAME, "fr")
    silent = {name for name, value in result.key_figures.items() if value is None}
    silent |= {f.name for f in dataclasses.fields(result) if getattr(result, f.name) is None}
    assert silent == set(result.not_computable)
    assert all(book.say(why.code, **why.values) for why in result.not_computable.values())
    assert not any(isinstance(value, float) and math.isnan(value) for value in result.key_figures.values())


def test_credit_notes_alone_do_not_crash():
    result, found = of([("a", "2026-01-10", -5), ("b", "2026-01-11", -7)])
    assert result.key_figures["gini"] is None
    assert result.key_figures["positive_customers"] == 0
    assert found == []


def test_activities_without_customers_are_no_coverage():
    done = activities(visits("x", 3)).assign(customer_id=None)
    result, _ = of(lines(*BASE), activities=done, customer_assignments=held(**TEAM))
    assert result.not_computable["coverage_rate"].code == "no_contact_of_customers"


def test_rep_filters_what_is_shown_and_the_team_stays_the_reference():
    owners = held(**{customer: "R1" if customer == "A1" else "R2" for customer in TEAM})
    contacts = activities(visits("A1", 2), visits("B1", 6, rep="R2"))
    whole, _ = of(BASE, customer_assignments=owners, activities=contacts)
    mine, found = of(BASE, customer_assignments=owners, activities=contacts, parameters=Parameters(rep="R1"))
    assert set(mine.customers["customer_id"]) == {"A1"}
    assert mine.key_figures["net_revenue"] == whole.key_figures["net_revenue"]
    assert mine.customers["share"].iloc[0] == whole.customers["share"].iloc[0]
    assert fired(found, "R1") == {"A1"}
    with pytest.raises(SettingError, match="R9"):
        of(BASE, parameters=Parameters(rep="R9"))


def test_thresholds_change_the_verdict_without_computing_again():
    result, found = of(once([14, *[2] * 43]))
    assert fired(found, "R7") == set()
    assert fired(findings(result, Thresholds(dependence_alert_share=0.13)), "R7") == {"C01"}


def test_at_most_so_many_findings_a_rule():
    rows = [row for i in range(40) for row in monthly(f"D{i:02d}", 5_000 + i, months=30)]
    _, found = of([*BASE, *rows])
    assert len(fired(found, "R4")) == Thresholds().max_findings
    assert "D39" in fired(found, "R4")


def test_f5_f6_and_d_are_those_of_the_kit():
    low, high = wilson([3, 30, 0], [10, 100, 8])
    assert low == pytest.approx([0.1078, 0.2189, 0.0], abs=5e-5)
    assert high == pytest.approx([0.6032, 0.3958, 0.3244], abs=5e-5)
    assert shrunk_rates([3, 0, 12], [4, 6, 30], kappa=20, centre=0.25) == pytest.approx(
        [0.3333, 0.1923, 0.34], abs=5e-5
    )
    assert misalignment([0.5, 0.3, 0.15, 0.05], [0.2, 0.3, 0.3, 0.2]) == pytest.approx(0.30)


def test_values_are_plain():
    assert plain(np.float64(1.5)) == 1.5
    assert plain(pd.NaT) is None
    assert plain(pd.Timestamp("2026-01-02")) == date(2026, 1, 2)
    assert plain(np.bool_(True)) is True


# --- properties ------------------------------------------------------------------------------------------------------

amounts = st.lists(st.integers(-500_00, 5_000_00), min_size=2, max_size=12)


@settings(max_examples=6)
@given(now=amounts, before=amounts)
def test_shares_sum_to_one_and_the_bridge_adds_up_to_the_cent(now, before):
    rows = [(f"C{i}", "2026-03-10", cents / 100) for i, cents in enumerate(now)]
    rows += [(f"C{i}", "2025-03-10", cents / 100) for i, cents in enumerate(before)]
    rows += [(None, "2026-03-11", 12.34), ("first", "2024-06-10", 1.0)]
    result, _ = of(rows)
    if any(cents > 0 for cents in now):
        assert result.customers["share"].sum() == pytest.approx(1)
        assert result.customers["cum_share"].max() == pytest.approx(1)
    amounts = result.bridge["bridge_amount"]
    assert round(amounts.iloc[:-1].sum(), 2) == round(amounts.iloc[-1], 2) == round(sum(now) / 100 + 12.34, 2)


def test_the_order_of_lines_changes_nothing():
    rows = lines(*BASE, *monthly("half", 20_000, months=24), *monthly("half", 9_000, start="2025-07", months=12))
    contacts = activities(visits("A1", 2), visits("B1", 6), SEEN)
    plainly, found = of(rows, customer_assignments=held(**TEAM), activities=contacts)
    for seed in range(3):
        mixed, mixed_found = of(
            rows.sample(frac=1, random_state=seed),
            customer_assignments=held(**TEAM),
            activities=contacts.sample(frac=1, random_state=seed),
        )
        assert mixed.key_figures == pytest.approx(plainly.key_figures)
        assert [finding.id for finding in mixed_found] == [finding.id for finding in found]
        pd.testing.assert_frame_equal(mixed.customers, plainly.customers)


def test_scaling_revenue_scales_the_stakes():
    rows = lines(*BASE, *monthly("half", 20_000, months=24), *monthly("half", 9_000, start="2025-07", months=12),
                 *monthly("asleep", 9_000, months=30))  # fmt: skip
    contacts = activities(visits("A1", 2), visits("B1", 6), SEEN)
    _, found = of(rows, customer_assignments=held(**TEAM), activities=contacts)
    stakes = {finding.id: finding.stake for finding in found}
    for factor in (0.5, 2.0, 10.0):
        scaled = rows.assign(amount_net=rows["amount_net"] * factor)
        _, bigger = of(scaled, customer_assignments=held(**TEAM), activities=contacts)
        assert {finding.id for finding in bigger} == stakes.keys()
        for finding in bigger:
            assert finding.stake == pytest.approx(factor * stakes[finding.id], rel=1e-4)


# --- the demo --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(make_demo):
    """``demo(variant)``: the findings on the demo client, by variant."""
    known: dict[str | None, tuple] = {}

    def found(variant: str | None = None):
        if variant not in known:
            dataset = Dataset.from_frames(make_demo.frames(variant=variant), as_of=AS_OF)
            result = compute(dataset)
            known[variant] = (result, findings(result))
        return known[variant]

    return found


def planted(kind: str) -> list:
    cases = [(None, item) for item in TRUTHS.get(kind, [])]
    cases += [(variant["name"], item) for variant in TRUTHS.get("variant", []) for item in variant.get(kind, [])]
    return [
        pytest.param(name, item, id=f"{name or 'demo'}-{item['rule']}-{item['subject_id']}") for name, item in cases
    ]


@pytest.mark.parametrize(("variant", "truth"), planted("truth"))
def test_planted_truths_are_found(demo, variant, truth):
    subjects = {(f.subject_kind, f.subject_id) for f in demo(variant)[1] if f.rule == truth["rule"]}
    assert (truth["subject_kind"], truth["subject_id"]) in subjects


@pytest.mark.parametrize(("variant", "decoy"), planted("decoy"))
def test_decoys_are_not_flagged(demo, variant, decoy):
    subjects = {
        f.subject_id for f in demo(variant)[1] if f.rule == decoy["rule"] and f.subject_kind == decoy["subject_kind"]
    }
    assert subjects == set() if decoy["subject_id"] == "*" else decoy["subject_id"] not in subjects


def test_findings_of_the_demo_are_few_owned_and_said(demo):
    result, found = demo()
    assert 10 <= len(found) <= 40
    assert len({finding.id for finding in found}) == len(found)
    assert {finding.rule for finding in found} == {f"T01-R{n}" for n in (1, 2, 3, 4, 5, 6, 8, 9)}
    for language in ("fr", "en"):
        book = Phrasebook(NAME, language)
        for finding in found:
            assert "n. c." not in book.say(f"{finding.code}_observation", **finding.values)
            assert book.say(f"{finding.code}_action", **finding.values)
    assert result.not_computable == {}


def test_flat_demo_says_so(demo):
    _, found = demo("flat")
    assert "low_concentration" in {finding.code for finding in found}


def test_every_threshold_is_named():
    book = Phrasebook(NAME, "fr")
    assert [f.name for f in dataclasses.fields(Thresholds) if not book.has(f"threshold_{f.name}")] == []
