"""The cross ABC matrix: each measure and rule on tables made by hand, and what was planted in the demo client."""

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

import salespilot as sp
from salespilot.conventions import Conventions, SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics import abc_cross_matrix as matrix
from salespilot.diagnostics.abc_cross_matrix import robustness
from salespilot.finding import Severity
from salespilot.phrasebook import LANGUAGES, Phrasebook, phrases

ROOT = Path(__file__).parent.parent
AS_OF = date(2026, 6, 30)
BANDS = Conventions(abc_mode="bands", abc_a_band=1000.0, abc_b_band=100.0, low_concentration_gini=0.0)
TRUTHS = tomllib.loads((ROOT / "data/demo/truths/abc_cross_matrix.toml").read_text(encoding="utf-8"))


# --- tables by hand ---------------------------------------------------------------------------------------------------


def sales(revenue: dict[str | None, float], day: str = "2026-01-15") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "line_id": [f"{day}-{i}" for i in range(len(revenue))],
            "invoice_date": pd.Timestamp(day),
            "customer_id": pd.Series(list(revenue), dtype=object),
            "amount_net": [float(amount) for amount in revenue.values()],
        }
    )


def potentials(amounts: dict[str, float], **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame({"customer_id": list(amounts), "potential_accessible": list(amounts.values())})
    return frame.assign(**{"valid_from": pd.Timestamp("2026-01-01"), "confidence": "med", **columns})


def visits(done: dict[str, int], rep: str = "R1") -> pd.DataFrame:
    who = [customer for customer, count in done.items() for _ in range(count)]
    frame = pd.DataFrame({"customer_id": who, "rep_id": rep, "type": "visit", "status": "done"})
    return frame.assign(activity_id=frame.index.astype(str), done_date=pd.Timestamp("2026-02-01"), duration_min=60.0)


def held(customers: list[str], rep: str = "R1") -> pd.DataFrame:
    return pd.DataFrame({"customer_id": customers, "rep_id": rep, "valid_from": pd.Timestamp("2020-01-01")})


def statuses(**status: str) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": list(status), "status": list(status.values())})


def opened(
    now: dict, before: dict | None = None, conventions: Conventions = BANDS, months: int = 12, **tables: pd.DataFrame
) -> Dataset:
    """Sales of the last year, and of the year before where given; two lines without amount fix the period."""
    start = "2024-07-01" if before is not None else "2025-07-01"
    marks = [sales({None: 0.0}, start), sales({None: 0.0}, "2026-06-30")]
    lines = pd.concat([sales(now), sales(before or {}, "2025-01-15"), *marks], ignore_index=True)
    every = {"sales_lines": lines, **tables}
    return Dataset.from_frames(every, as_of=AS_OF, months=months, conventions=conventions)


def result(*args: object, thresholds: matrix.Thresholds = matrix.Thresholds(), **kwargs: object) -> matrix.Result:
    return matrix.compute(opened(*args, **kwargs), thresholds=thresholds)


def found(result: matrix.Result, rule: str) -> dict[str, object]:
    return {f.subject_id: f for f in matrix.findings(result) if f.rule == rule}


# --- where customers stand --------------------------------------------------------------------------------------------


@pytest.fixture
def small() -> matrix.Result:
    """A1 to C3, a prospect, a former customer, a customer at zero, a net creditor, an unattributed line."""
    now = {"a": 2000.0, "b": 500.0, "c": 50.0, "u": 300.0, "zero": 0.0, "minus": -80.0, None: 25.0}
    return result(
        now,
        {"gone": 70.0},
        customers=statuses(p="prospect", s="suspect"),
        customer_potential=potentials({"a": 5000.0, "b": 600.0, "c": 90.0, "p": 1500.0, "minus": 400.0, "gone": 80.0}),
    )


def test_every_account_has_its_cell(small):
    assert small.customers.set_index("customer_id")["cell"].to_dict() == {
        "a": "a1", "b": "b2", "c": "c3", "u": "b_unknown", "p": "p1", "s": "p_unknown", "zero": "p_unknown",
        "gone": "p3",
    }  # fmt: skip
    assert small.outside["customer_id"].tolist() == ["minus"]
    former = small.customers.set_index("customer_id")["is_former"]
    assert former[former].index.tolist() == ["gone", "zero"]


def test_key_figures(small):
    figures = small.key_figures
    assert figures["customers"] == 6
    assert figures["prospects"] == 1
    assert figures["net_revenue"] == 2795.0
    assert figures["potential"] == 5000 + 600 + 90 + 1500 + 80
    assert figures["headroom"] == 3000 + 100 + 40 + 1500 + 80
    assert figures["share_of_wallet"] == pytest.approx(2550 / 5690)
    assert figures["unknown_potential_count"] == 3
    assert (figures["cell_a1_count"], figures["cell_a1_revenue"], figures["cell_a1_headroom"]) == (1, 2000.0, 3000.0)
    assert (figures["cell_c1_count"], figures["cell_c1_revenue"], figures["cell_c1_headroom"]) == (0, 0.0, 0.0)
    assert figures["cell_b_unknown_headroom"] is None
    assert small.not_computable["cell_b_unknown_headroom"].code == "unknown_potential"
    for row in "abcp":
        for column in ("1", "2", "3", "_unknown"):
            assert {f"cell_{row}{column}_{m}" for m in ("count", "revenue", "headroom")} <= set(figures)


def test_the_bridge_reaches_net_revenue(small):
    assert small.bridge.set_index("step")["net_revenue"].to_dict() == {
        "row_a": 2000.0, "row_b": 800.0, "row_c": 50.0, "negative": -80.0, "unattributed": 25.0, "net_total": 2795.0,
    }  # fmt: skip


def test_every_null_key_figure_has_its_reason(small):
    missing = {name for name, value in small.key_figures.items() if value is None}
    assert missing <= set(small.not_computable)
    assert small.not_computable["effort"].values == {"table": "activities"}


@pytest.mark.parametrize(("mode", "expected"), [("cumshare", "AAABC"), ("headcount", "ABBCC"), ("bands", "AABBC")])
def test_three_modes_on_both_axes(mode, expected):
    amounts = {f"c{i}": v for i, v in enumerate([500.0, 300.0, 160.0, 50.0, 30.0])}
    conventions = Conventions(abc_mode=mode, abc_a_band=200.0, abc_b_band=40.0)
    made = result(amounts, customer_potential=potentials(amounts), conventions=conventions)
    customers = made.customers.sort_values("customer_id")
    assert "".join(customers["revenue_class"]) == expected
    assert "".join(customers["potential_class"]) == expected.translate(str.maketrans("ABC", "123"))
    assert made.axes["mode"].tolist() == [mode, mode]


def test_one_giant_falls_back_to_bands_and_says_so():
    giant = result({"giant": 90_000.0, "b": 11_000.0, "c": 4000.0}, conventions=Conventions())
    assert giant.axes["is_fallback"].tolist() == [True, False]
    assert giant.axes["mode"][0] == "bands"
    assert giant.customers.set_index("customer_id")["revenue_class"].to_dict() == {"giant": "A", "b": "B", "c": "C"}
    assert {f.code for f in matrix.findings(giant)} >= {"bands_revenue"}


def test_low_concentration_draws_nothing_from_classes():
    amounts = {f"c{i:02d}": 100.0 + i for i in range(20)}
    made = result(amounts, customer_potential=potentials(dict.fromkeys(amounts, 5000.0)), conventions=Conventions())
    said = {f.rule for f in matrix.findings(made)}
    assert "T10-R0" in said
    assert said.isdisjoint({"T10-R1", "T10-R2", "T10-R3", "T10-R4", "T10-R5", "T10-R7"})


def test_a_period_of_three_months_is_brought_to_a_year():
    dataset = opened({"a": 0.0}, customer_potential=potentials({"a": 1000.0}), months=3)
    lines = pd.concat([sales({"a": 100.0}, "2026-05-05"), sales({None: 0.0}, "2026-06-30")], ignore_index=True)
    dataset = Dataset.from_frames({"sales_lines": lines, "customer_potential": potentials({"a": 1000.0})},
                                  as_of=AS_OF, months=3, conventions=BANDS)  # fmt: skip
    made = matrix.compute(dataset)
    assert made.key_figures["net_revenue"] == 100.0
    assert made.key_figures["headroom"] == 600.0


def test_a_new_customer_shows_its_annualised_revenue():
    made = result({"new": 300.0, "old": 300.0}, {"old": 300.0})
    row = made.customers.set_index("customer_id").loc["new"]
    assert row["is_new"]
    assert row["annualised_revenue"] == pytest.approx(300 * 12 / (166 / 30.4375))
    assert made.customers.set_index("customer_id")["is_new"].to_dict() == {"new": True, "old": False}


def test_segments_are_settled_by_thresholds():
    chosen = matrix.Thresholds(segment_b2="economy")
    made = result({"b": 500.0}, customer_potential=potentials({"b": 600.0}), thresholds=chosen)
    assert made.customers["segment"].tolist() == ["economy"]
    assert made.segments["segment"].tolist() == ["economy"]


def test_rep_shows_its_customers_by_the_classes_of_all():
    dataset = opened({"a": 2000.0, "b": 500.0}, customer_assignments=held(["b"], "R2"))
    made = matrix.compute(dataset, matrix.Parameters(rep="R2"))
    assert made.customers[["customer_id", "revenue_class"]].to_numpy().tolist() == [["b", "B"]]
    assert made.key_figures["net_revenue"] == 500.0
    with pytest.raises(SettingError, match="R9"):
        matrix.compute(dataset, matrix.Parameters(rep="R9"))


def test_a_row_of_unknown_potentials_has_no_headroom_of_zero(small):
    assert small.classes.set_index("revenue_class")["headroom"].to_dict() == {
        "A": 3000.0, "B": 100.0, "C": 40.0, "P": 1580.0,
    }  # fmt: skip
    made = result({"a": 2000.0, "b": 500.0}, customer_potential=potentials({"a": 2500.0}))
    headroom = made.classes.set_index("revenue_class")["headroom"]
    assert headroom["A"] == 500.0
    assert np.isnan(headroom["B"])


def test_the_biggest_headrooms_are_those_of_all():
    revenue = {"big": 100.0, "little": 100.0}
    worth = potentials({"big": 900.0, "little": 300.0}, confidence="low")
    owners = pd.concat([held(["big"], "R1"), held(["little"], "R2")])
    dataset = opened(revenue, customer_potential=worth, customer_assignments=owners)
    made = matrix.compute(dataset, matrix.Parameters(rep="R2"), matrix.Thresholds(qualify_top=1))
    assert found(made, "T10-R6") == {}


# --- what is absent ---------------------------------------------------------------------------------------------------


def test_revenue_alone_when_no_potential_is_known():
    made = result({"a": 2000.0, "b": 500.0})
    assert made.matrix is None
    assert made.key_figures["cell_a_unknown_count"] == 1
    for name in ("potential", "headroom", "share_of_wallet", "robust_share", "cell_a1_count", "cell_p3_headroom"):
        assert made.key_figures[name] is None
        assert made.not_computable[name].code == "no_potential_no_size"
    assert made.classes["headroom"].isna().all()
    assert made.cells["headroom"].isna().all()
    assert {f.code for f in matrix.findings(made)} == {"no_potential"}
    cuts = made.axes.set_index("axis")[["mode", "first_cut", "second_cut"]]
    assert cuts.loc["revenue"].notna().all()
    assert cuts.loc["potential"].isna().all()


def test_the_largest_net_creditor_comes_first():
    made = result({"a": 900.0, "b": 100.0, "less": -20.0, "more": -300.0})
    assert made.outside["customer_id"].tolist() == ["more", "less"]


def test_peer_estimates_are_labelled_and_qualified_first():
    revenue = {f"c{i:02d}": 100.0 * (i + 1) for i in range(12)}
    size = pd.DataFrame({"customer_id": [*revenue, "p"], "employees": 10, "status": ["customer"] * 12 + ["prospect"]})
    made = result(revenue, customers=size, conventions=dataclasses.replace(BANDS, abc_mode="cumshare"))
    assert made.key_figures["estimated_count"] == 13
    assert set(made.customers["potential_method"]) == {"peer"}
    finding = found(made, "T10-R6")["all"]
    assert finding.code == "qualify_estimates"
    assert found(made, "T10-R3") == found(made, "T10-R4") == {}


TABLES = ("activities", "customer_potential", "coverage_policy", "reps", "rep_capacity", "targets", "costs",
          "customer_assignments", "customers", "calendar")  # fmt: skip


ABSENT = [*((name,) for name in TABLES), TABLES]


@pytest.mark.parametrize("absent", paced(ABSENT, ("customer_potential",), TABLES), ids="+".join)
def test_each_absent_table_leaves_a_reason_not_a_crash(make_demo, absent):
    frames = {name: frame for name, frame in make_demo.frames(7).items() if name not in absent}
    made = matrix.compute(Dataset.from_frames(frames, as_of=AS_OF))
    matrix.findings(made)
    optional = {f.name for f in dataclasses.fields(made) if getattr(made, f.name) is None}
    assert optional <= set(made.not_computable)
    assert {name for name, value in made.key_figures.items() if value is None} <= set(made.not_computable)
    assert made.key_figures["net_revenue"] == pytest.approx(20_751_939.16)


def test_no_sale_at_all():
    made = matrix.compute(Dataset.from_frames({"customers": statuses(p="prospect")}, as_of=AS_OF))
    assert made.key_figures["prospects"] == 1
    assert made.key_figures["net_revenue"] == 0.0


# --- rules ------------------------------------------------------------------------------------------------------------


def effort_case(c3_visits: int, c1_visits: int) -> matrix.Result:
    revenue = {"a": 2000.0, "c3": 90.0, "c1": 50.0}
    worth = {"a": 2100.0, "c3": 95.0, "c1": 4000.0}
    return result(
        revenue,
        customer_potential=potentials(worth),
        activities=visits({"a": 4, "c3": c3_visits, "c1": c1_visits}),
        customer_assignments=held(list(revenue)),
    )


def test_r1_releases_and_r2_develops():
    made = effort_case(c3_visits=10, c1_visits=1)
    effort = made.effort.set_index("cell")
    assert effort.loc["c3", ["visits", "verdict"]].tolist() == [10.0, "release"]
    assert effort.loc["c3", "hours_released"] == 10 * 1.5
    assert made.key_figures["misalignment_headroom"] == pytest.approx(
        0.5 * (abs(4 / 15 - 100 / 4055) + abs(10 / 15 - 5 / 4055) + abs(1 / 15 - 3950 / 4055))
    )
    assert found(made, "T10-R1")["c3"].hours == 15.0
    develop = found(made, "T10-R2")["c1"]
    assert develop.targets == (("customer", "c1"),)
    assert develop.stake == pytest.approx(0.10 * 3950)


def test_r1_and_r2_are_silent_when_effort_follows_the_stake():
    made = effort_case(c3_visits=0, c1_visits=150)
    assert found(made, "T10-R1") == {}
    assert found(made, "T10-R2") == {}


def test_r1_asks_for_a_days_work():
    assert found(effort_case(c3_visits=5, c1_visits=1), "T10-R1") == {}


def test_who_does_not_log_is_left_out_of_the_effort():
    many = {f"c{i}": 500.0 for i in range(8)}
    owners = pd.concat([held([f"c{2 * i}", f"c{2 * i + 1}"], f"R{i}") for i in range(4)])
    done = pd.concat(
        [visits({f"c{2 * i}": 6, f"c{2 * i + 1}": 6}, f"R{i}") for i in range(3)] + [visits({"c6": 1}, "R3")]
    )
    made = result(many, customer_potential=potentials(dict.fromkeys(many, 900.0)),
                  activities=done.assign(activity_id=range(len(done))), customer_assignments=owners)  # fmt: skip
    assert made.key_figures["silent_reps"] == 1
    assert made.effort["visits"].sum() == 36
    assert made.customers.set_index("customer_id")["contact_status"][["c0", "c7"]].tolist() == ["met", "unknown"]


@pytest.mark.parametrize(("revenue", "fires"), [(90.0, True), (99.9, True), (200.0, False)])
def test_r3_visits_a_c1_that_buys_elsewhere(revenue, fires):
    conventions = dataclasses.replace(BANDS, abc_b_band=300.0)
    made = result({"c": revenue, "a": 5000.0}, customer_potential=potentials({"c": 1500.0}), conventions=conventions)
    assert ("c" in found(made, "T10-R3")) is fires


@pytest.mark.parametrize(("potential", "fires"), [(2200.0, True), (2600.0, False), (1500.0, False)])
def test_r4_defends_a_well_held_a(potential, fires):
    made = result({"a": 2000.0, "b": 500.0}, customer_potential=potentials({"a": potential, "b": 510.0}))
    assert set(found(made, "T10-R4")) == ({"a"} if fires else set())


@pytest.mark.parametrize(("before", "fires"), [(2000.0, True), (1600.0, True), (1510.0, False)])
def test_r5_retains_a_falling_a3(before, fires):
    conventions = Conventions(abc_mode="headcount", abc_a_headcount=0.5, low_concentration_gini=0.0)
    worth = {"a": 1450.0, "c": 9000.0, "p": 8000.0, "q": 7000.0}
    people = statuses(p="prospect", q="prospect")
    years = ({"a": 1400.0, "c": 10.0}, {"a": before, "c": 10.0})
    made = result(*years, conventions=conventions, customer_potential=potentials(worth), customers=people)
    assert made.customers.set_index("customer_id").loc["a", "cell"] == "a3"
    assert ("a" in found(made, "T10-R5")) is fires
    assert ("a" in found(made, "T10-R4")) is not fires
    a1 = result(*years, customer_potential=potentials({"a": 1450.0}))
    assert a1.customers.set_index("customer_id").loc["a", "cell"] == "a1"
    assert found(a1, "T10-R5") == {}


def test_r6_qualifies_doubtful_potentials_of_the_biggest_headrooms():
    worth = potentials({"low": 900.0, "stale": 800.0, "sound": 700.0, "tiny": 600.0})
    worth["confidence"] = ["low", "high", "high", "low"]
    worth["valid_from"] = pd.to_datetime(["2026-01-01", "2025-01-01", "2026-01-01", "2026-01-01"])
    revenue = {"low": 200.0, "stale": 200.0, "sound": 200.0, "tiny": 200.0}
    made = result(revenue, customer_potential=worth, thresholds=matrix.Thresholds(qualify_top=3))
    said = found(made, "T10-R6")
    assert {subject: f.code for subject, f in said.items()} == {"low": "qualify_doubtful", "stale": "qualify_stale"}


def test_r7_gives_both_readings_of_an_unsafe_cell():
    made = result({"edge": 1001.0, "safe": 5000.0}, customer_potential=potentials({"edge": 3000.0, "safe": 9000.0}))
    rows = made.customers.set_index("customer_id")
    assert rows.loc["safe", "stability"] == 1.0
    assert rows.loc["edge", "stability"] == pytest.approx(0.5, abs=0.07)
    assert rows.loc["edge", "second_cell"] == "b1"
    assert made.key_figures["robust_share"] == 0.5
    assert found(made, "T10-R7")["all"].targets == (("customer", "edge"),)
    safe = result({"safe": 5000.0}, customer_potential=potentials({"safe": 9000.0}))
    assert found(safe, "T10-R7") == {}


def targets(value: float, version: int = 1, months: int = 12) -> pd.DataFrame:
    starts = pd.date_range("2026-01-01", periods=months, freq="MS")
    frame = pd.DataFrame({"period_start": starts, "period_end": starts + pd.offsets.MonthEnd(0)})
    return frame.assign(entity_level="rep", entity_id="R1", metric="revenue", version=version, value=value / months,
                        set_date=pd.Timestamp("2025-12-01"))  # fmt: skip


@pytest.mark.parametrize(("official", "code"), [(2500.0, "target_above"), (2100.0, None), (1500.0, "target_below")])
def test_r8_compares_targets(official, code):
    given_targets = pd.concat([targets(99.0), targets(official, version=2)])
    made = result({"a": 2000.0}, customer_potential=potentials({"a": 3000.0}), customer_assignments=held(["a"]),
                  targets=given_targets)  # fmt: skip
    row = made.targets.iloc[0]
    assert (row["held"], row["captured"], row["cell_target"]) == (2000.0, 100.0, 2100.0)
    assert row["official_target"] == pytest.approx(official)
    assert [f.code for f in found(made, "T10-R8").values()] == ([code] if code else [])


def test_r8_does_not_compare_half_a_year():
    made = result({"a": 2000.0}, customer_assignments=held(["a"]), targets=targets(900.0, months=6))
    assert made.targets["official_target"].isna().all()
    assert made.target_gaps is None
    assert made.not_computable["target_gaps"].code == "no_official_target"


# --- migration, plan, priority ----------------------------------------------------------------------------------------


def test_migration_counts_customers_and_money():
    now = {"up": 2000.0, "down": 50.0, "same": 500.0, "new": 500.0}
    before = {"up": 500.0, "down": 500.0, "same": 400.0, "lost": 300.0}
    created = pd.DataFrame({"customer_id": ["new"], "created_date": [pd.Timestamp("2026-01-01")]})
    made = result(now, before, customers=created)
    moves = made.class_migration.set_index(["class_from", "class_to"])
    assert moves["account_count"].to_dict() == {
        ("B", "A"): 1, ("B", "B"): 1, ("B", "C"): 1, ("B", "P"): 1, ("new", "B"): 1,
    }  # fmt: skip
    assert moves.loc[("B", "A"), "net_revenue_change"] == 1500.0
    assert moves["net_revenue"].sum() == sum(now.values())
    assert moves["net_revenue_previous"].sum() == 1700.0
    assert (made.key_figures["upgraded_count"], made.key_figures["downgraded_count"]) == (1, 2)
    assert made.key_figures["upgrade_rate"] is None
    assert made.not_computable["upgrade_rate"].code == "too_few_customers"


def test_win_probability_leans_on_history():
    before = {f"b{i}": 200.0 for i in range(20)}
    now = {c: (600.0 if i < 10 else 200.0) for i, c in enumerate(before)}
    worth = potentials(dict.fromkeys(before, 900.0), valid_from=pd.Timestamp("2024-01-01"))
    made = result(now, before, customer_potential=worth)
    assert made.customers["probability"].unique() == pytest.approx([(10 + 20 * 0.3) / 40])


def test_score_is_margin_an_hour():
    dataset = opened({"a": 2000.0}, customer_potential=potentials({"a": 3000.0}))
    lines = sales({"a": 2000.0}).assign(margin=500.0)
    dataset = Dataset.from_frames({"sales_lines": lines, "customer_potential": potentials({"a": 3000.0})},
                                  as_of=AS_OF, conventions=BANDS)  # fmt: skip
    row = matrix.compute(dataset).customers.iloc[0]
    hours = 12 * 1.5 + 12 * 20 / 60
    assert row["hours_needed"] == hours
    assert row["score"] == pytest.approx(1000 * 0.5 * 0.25 / hours)


@pytest.mark.parametrize(("days", "factor"), [(200.0, 1.0), (1.0, 0.5454545)])
def test_the_plan_fits_the_capacity(days, factor):
    reps = pd.DataFrame({"rep_id": ["R1", "gone"], "end_date": [pd.NaT, pd.Timestamp("2026-01-01")]})
    months = pd.DataFrame({"rep_id": ["R1", "gone"], "month": pd.Timestamp("2026-01-01"), "working_days": days,
                           "absence_days": 0.0, "field_share": 0.5, "hours_per_day": 2.0})  # fmt: skip
    made = result({"a": 2000.0}, customer_potential=potentials({"a": 3000.0}), reps=reps, rep_capacity=months,
                  customer_assignments=held(["a"]))  # fmt: skip
    plan = made.plan.set_index("cell")
    assert made.key_figures["hours_needed"] == 22.0
    assert made.key_figures["capacity_hours"] == 12.0 * days
    assert plan.loc["a1", "f2f_plan"] == pytest.approx(12 * factor)
    assert plan["hours_planned"].sum() <= made.key_figures["capacity_hours"] + 1e-9
    assert made.plan_reps[["owner_id", "load_rate"]].to_numpy().tolist() == [["R1", pytest.approx(22 / (12 * days))]]


# --- properties -------------------------------------------------------------------------------------------------------

AMOUNTS = st.dictionaries(
    st.sampled_from([f"c{i}" for i in range(12)]), st.integers(-2000, 60_000).map(float), min_size=1
)


@settings(max_examples=5)
@given(AMOUNTS, st.dictionaries(st.sampled_from([f"c{i}" for i in range(15)]), st.integers(0, 90_000).map(float)),
       st.sampled_from(["cumshare", "headcount", "bands"]), st.integers(-500, 500), st.randoms())  # fmt: skip
def test_properties(revenue, worth, mode, loose, random):
    lines = pd.concat([sales(revenue), sales({None: float(loose)}), sales({None: 0.0}, "2026-06-30")])
    lines["line_id"] = range(len(lines))
    tables = {"sales_lines": lines, "customer_potential": potentials(worth)}
    made = matrix.compute(Dataset.from_frames(tables, as_of=AS_OF, conventions=Conventions(abc_mode=mode)))
    placed = [*made.customers["customer_id"], *made.outside["customer_id"]]
    assert sorted(placed) == sorted({*revenue, *worth})
    inside, outside = made.cells["net_revenue"].sum(), made.outside["net_revenue"].sum()
    assert inside + outside + loose == pytest.approx(made.key_figures["net_revenue"], abs=1e-6)
    assert made.cells["account_count"].sum() == len(made.customers)
    assert (made.customers["headroom"].dropna() >= 0).all()
    assert (made.customers["share_of_wallet"].dropna() <= 1 + 1e-9).all()
    order = list(range(len(lines)))
    random.shuffle(order)
    tables = {"sales_lines": lines.iloc[order], "customer_potential": potentials(worth).iloc[::-1]}
    again = matrix.compute(Dataset.from_frames(tables, as_of=AS_OF, conventions=Conventions(abc_mode=mode)))
    pd.testing.assert_frame_equal(made.customers, again.customers)
    assert made.key_figures == pytest.approx(again.key_figures, nan_ok=True)


def test_draws_agree_with_one_customer_at_a_time():
    """An oracle without vectors: the same draws, cut by cut."""
    thresholds = matrix.Thresholds()
    frame = pd.DataFrame(
        {"revenue_a_year": [950.0], "potential_accessible": [1100.0], "revenue_class": ["B"], "potential_class": ["1"],
         "cell": ["b1"]}, index=["x"])  # fmt: skip
    axes = pd.DataFrame({"axis": ["revenue", "potential"], "first_cut": 1000.0, "second_cut": 100.0})
    rng = np.random.default_rng(thresholds.robust_seed)
    moved = rng.uniform(0.9, 1.1, (4, thresholds.robust_draws))
    factors = 0.75 + 0.5 * rng.random((thresholds.robust_draws, 1), dtype=np.float32)[:, 0]
    same = 0
    for draw in range(thresholds.robust_draws):
        is_b = 100 * moved[1, draw] <= 950 < 1000 * moved[0, draw]
        same += is_b and max(1100 * factors[draw], 950) >= 1000 * moved[2, draw]
    held_share = robustness.stability(frame, axes, thresholds).loc["x", "stability"]
    assert held_share == pytest.approx(same / thresholds.robust_draws)


# --- the demo client and real data ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(make_demo):
    """``demo(variant)``: what the matrix finds in the demo client."""
    made: dict[str | None, tuple] = {}

    def compute(variant: str | None = None):
        if variant not in made:
            dataset = Dataset.from_frames(make_demo.frames(7, variant=variant), as_of=AS_OF)
            one = matrix.compute(dataset)
            made[variant] = (one, matrix.findings(one))
        return made[variant]

    return compute


def fires(findings, line) -> bool:
    """Whether the rule names the subject: as a finding's own, or among those that one finding lists (R7)."""
    subject = (line["subject_kind"], line["subject_id"])
    listed = [f for f in findings if f.rule == line["rule"]]
    return any((f.subject_kind, f.subject_id) == subject or (f.subject_kind == "company" and subject in f.targets)
               for f in listed)  # fmt: skip


def label(line) -> str:
    return f"{line['rule']}-{line['subject_id']}"


@pytest.mark.parametrize("line", TRUTHS["truth"], ids=label)
def test_planted_truths_are_found(demo, line):
    assert fires(demo()[1], line)


@pytest.mark.parametrize("line", TRUTHS["decoy"], ids=label)
def test_decoys_are_not_flagged(demo, line):
    assert not fires(demo()[1], line)


@pytest.mark.parametrize("variant", TRUTHS.get("variant", []), ids=lambda v: v["name"])
def test_variants(demo, variant):
    findings = demo(variant["name"])[1]
    assert all(fires(findings, line) for line in variant.get("truth", []))
    assert not any(fires(findings, line) for line in variant.get("decoy", []))


def test_the_giant_variant_is_read_by_bands(demo):
    one, findings = demo("giant")
    assert one.axes["mode"][0] == "bands"
    assert "bands_revenue" in {f.code for f in findings}


def test_the_flat_variant_concludes_nothing_from_classes(demo):
    assert {f.rule for f in demo("flat")[1]} <= {"T10-R0", "T10-R6", "T10-R8"}


def test_findings_are_few_and_ordered(demo):
    findings = demo()[1]
    assert len(findings) <= 40
    order = [list(Severity).index(f.severity) for f in findings]
    assert order == sorted(order)
    assert len({f.id for f in findings}) == len(findings)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("variant", [None, "giant", "flat"])
def test_every_word_is_there(demo, language, variant):
    one, findings = demo(variant)
    book = Phrasebook(matrix.NAME, language)
    for finding in findings:
        book.say(f"{finding.code}_observation", **finding.values)
        book.say(f"{finding.code}_action", **finding.values)
    for reason in one.not_computable.values():
        book.say(reason.code, **reason.values)
    for field in dataclasses.fields(one):
        frame = getattr(one, field.name)
        if isinstance(frame, pd.DataFrame):
            assert all(book.heading(column, field.name) for column in frame.columns)
            assert book.has(f"sheet_{field.name}")


@pytest.mark.parametrize(
    "made",
    [lambda: result({"a": 2000.0}), lambda: result({"giant": 9e4, "b": 1e4}, conventions=Conventions())],
    ids=["no_potential", "giant"],
)
def test_reasons_and_readings_have_words(made):
    one = made()
    for language in LANGUAGES:
        book = Phrasebook(matrix.NAME, language)
        for finding in matrix.findings(one):
            assert book.say(f"{finding.code}_observation", **finding.values)
        for reason in one.not_computable.values():
            assert book.say(reason.code, **reason.values)


def test_codes_in_the_module_are_codes_in_the_phrases():
    text = "".join(path.read_text() for path in Path(matrix.__file__).parent.glob("*.py"))
    codes = {key.removesuffix("_observation") for key in phrases(matrix.NAME) if key.endswith("_observation")}
    assert {code for code in codes if f'"{code}"' not in text} == {"bands_revenue", "bands_potential"}


@pytest.mark.usefixtures("real_data")
def test_maven_won_deals_stand_in_and_peers_estimate(real_client):
    dataset = sp.open(real_client("crm"), as_of="2017-12-31", months=0)
    made = matrix.compute(dataset)
    assert dataset.sales_basis == "won_deals"
    assert made.key_figures["customers"] == 85
    assert made.key_figures["net_revenue"] == pytest.approx(10_005_534)
    assert made.key_figures["estimated_count"] == 85
    assert made.cells["account_count"].sum() == 85
    assert "qualify_estimates" in {f.code for f in matrix.findings(made)}
