"""Portfolio alignment: the optimiser against published optima and brute force, each measure and rule by hand."""

from __future__ import annotations

import dataclasses
import itertools
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
from salespilot import results
from salespilot.conventions import Conventions, SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics import portfolio_alignment as alignment
from salespilot.diagnostics.portfolio_alignment import attribution, places, response, search, segments, workload
from salespilot.diagnostics.portfolio_alignment.attribution import Balance, solve
from salespilot.finding import Severity
from salespilot.phrasebook import LANGUAGES, Phrasebook, phrases

ROOT = Path(__file__).parent.parent
AS_OF = date(2026, 6, 30)
BANDS = Conventions(abc_mode="bands", abc_a_band=1000.0, abc_b_band=100.0, low_concentration_gini=0.0)
MEASURES = ("load_cv", "potential_cv", "travel_km", "moved_share", "revenue_moved", "gap")

# Generalised assignment instances of the OR-Library: proven optima, maximisation.
OPTIMA = {
    1: [336, 327, 339, 341, 326],
    2: [434, 436, 420, 419, 428],
    3: [580, 564, 573, 570, 564],
    4: [656, 644, 673, 647, 664],
    5: [563, 558, 564, 568, 559],
    6: [761, 759, 758, 752, 747],
}


# --- the optimiser ----------------------------------------------------------------------------------------------------


def gap_instances(path: Path):
    """Each instance: profits (units, people), resources (units, people), capacities."""
    numbers = iter(map(int, path.read_text().split()))
    for _ in range(next(numbers)):
        people, units = next(numbers), next(numbers)
        profit, resource = (
            np.array([[next(numbers) for _ in range(units)] for _ in range(people)], dtype=float).T for _ in range(2)
        )
        yield profit, resource, np.array([next(numbers) for _ in range(people)], dtype=float)


def capacities(resource: np.ndarray, capacity: np.ndarray) -> Balance:
    people = len(capacity)
    return Balance(resource, capacity, np.full(people, np.inf), np.zeros(people))


@pytest.mark.parametrize("number", OPTIMA)
def test_published_instances_to_the_optimum(real_data, number):
    found = []
    for profit, resource, capacity in gap_instances(real_data / "gap" / f"gap{number}.txt"):
        solution = solve(-profit, [capacities(resource, capacity)])
        assert solution.is_feasible
        assert solution.gap < 1e-6
        found.append(round(-solution.value))
    assert found == OPTIMA[number]


@pytest.mark.parametrize("number", [1, 3, 6])
def test_the_way_of_large_programmes_is_near_the_published_optimum_and_its_bound_holds(real_data, number):
    instances = gap_instances(real_data / "gap" / f"gap{number}.txt")
    for (profit, resource, capacity), optimum in zip(instances, OPTIMA[number], strict=True):
        solution = solve(-profit, [capacities(resource, capacity)], exact_pairs=0)
        assert solution.is_feasible
        assert -solution.value >= 0.99 * optimum
        assert -solution.bound >= optimum - 1e-6


def f15() -> tuple[np.ndarray, Balance, np.ndarray]:
    hours, values = np.array([30, 20, 20, 15, 10, 5.0]), np.array([50, 10, 8, 6, 5, 2.0])
    owner = np.array([0, 0, 0, 0, 1, 1])
    cost = np.repeat(values[:, None], 2, axis=1)
    cost[np.arange(6), owner] = 0.0
    return cost, Balance(hours, np.array([50.0, 50.0]), np.full(2, 0.15), np.full(2, 0.15)), owner


@pytest.mark.parametrize("exact_pairs", [800, 0])
def test_f15_the_fewest_and_lightest_moves(exact_pairs):
    cost, balance, owner = f15()
    solution = solve(cost, [balance], exact_pairs=exact_pairs)
    assert np.flatnonzero(solution.owner != owner).tolist() == [2, 3]
    assert solution.value == pytest.approx(14)
    assert search.sums(balance, solution.owner) * 50 == pytest.approx([50, 50])


def brute_force(cost: np.ndarray, balance: Balance) -> float:
    best = np.inf
    for owner in itertools.product(range(cost.shape[1]), repeat=len(cost)):
        held = np.array(owner)
        if attribution.excess(balance, held).max() <= 1e-9:
            best = min(best, attribution.value(cost, [balance], held))
    return best


@settings(max_examples=40)
@given(st.data())
def test_small_programmes_agree_with_brute_force(data):
    n, m = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    numbers = st.integers(0, 20)
    cost = np.array(data.draw(st.lists(numbers, min_size=n * m, max_size=n * m)), dtype=float).reshape(n, m)
    hours = np.array(data.draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)), dtype=float)
    band = data.draw(st.sampled_from([0.1, 0.3, 0.8]))
    price = data.draw(st.sampled_from([0.0, 5.0]))
    balance = Balance(hours, np.full(m, hours.sum() / m), np.full(m, band), np.full(m, band), price)
    expected = brute_force(cost, balance)
    solution = solve(cost, [balance])
    assert solution.is_feasible == np.isfinite(expected)
    if solution.is_feasible:
        assert solution.value == pytest.approx(expected, abs=1e-6)
        assert solution.bound <= expected + 1e-6
        large = solve(cost, [balance], exact_pairs=0)
        assert large.bound <= expected + 1e-6
        if large.is_feasible:
            assert large.value >= expected - 1e-6


def force(n: int, m: int, is_clustered: bool) -> tuple[np.ndarray, list[Balance], np.ndarray]:
    rng = np.random.default_rng(7)
    towns = rng.random((6, 2)) * 1000
    if is_clustered:
        points, homes = (towns[rng.integers(0, 6, k)] + rng.normal(0, 40, (k, 2)) for k in (n, m))
    else:
        points, homes = rng.random((n, 2)) * 1000, rng.random((m, 2)) * 1000
    km = np.hypot(*(points[:, None] - homes[None]).transpose(2, 0, 1))
    band = np.full(m, 0.15)
    both = [rng.lognormal(2, 0.8, n), rng.lognormal(10, 1.0, n)]
    return km, [Balance(amounts, np.full(m, amounts.sum() / m), band, band) for amounts in both], both[0]


@pytest.mark.parametrize("is_clustered", paced([False, True], False))
def test_generated_forces_are_balanced_near_and_proven(is_clustered):
    km, balances, hours = force(1500, 15, is_clustered)
    solution = solve(km, balances)
    assert solution.is_feasible
    assert max(float(np.abs(search.sums(b, solution.owner) - 1).max()) for b in balances) <= 0.15 + 1e-6
    assert solution.value <= 1.03 * attribution.relax(km, [attribution._priced(b, km) for b in balances]).value
    assert solution.gap <= 0.03
    at_random, held = 0.0, np.zeros(15)
    for c in np.random.default_rng(0).permutation(1500):
        least = int(held.argmin())
        held[least] += hours[c]
        at_random += km[c, least]
    assert solution.value <= 0.4 * at_random  # the more people, the nearer: 22 % at fifty
    again = solve(km, balances)
    assert (again.owner == solution.owner).all()


def test_a_warm_start_is_never_made_worse():
    km, balances, hours = force(300, 6, False)
    even = search.spread_out(hours, balances[0].targets, np.ones_like(km, dtype=bool))
    soft = [dataclasses.replace(b, outside_price=1e4) for b in balances]
    assert solve(km, soft, even, is_quick=True).value <= attribution.value(km, soft, even)


def test_locks_and_bans_are_infinite_costs():
    cost, balance, _ = f15()
    cost[2, 1] = np.inf
    solution = solve(cost, [balance])
    assert solution.owner[2] == 0
    assert solution.value == pytest.approx(16)  # clients 2 and 4 move instead
    cost[2, 0] = np.inf
    with pytest.raises(ValueError, match=r"\[2\]"):
        solve(cost, [balance])


def test_nothing_to_attribute():
    assert solve(np.zeros((0, 3)), []).gap == 0.0


@pytest.mark.parametrize(
    ("hours", "expected"), [([60, 20, 10, 10], 0.2), ([50, 25, 25], 0.0), ([90, 5, 5], 0.8), ([40, 40, 20], 0.2)]
)
def test_the_smallest_band_of_an_indivisible_account(hours, expected):
    band, owner = attribution.smallest_band(
        np.array(hours, dtype=float), np.full(2, 50.0), np.ones((len(hours), 2), bool)
    )
    assert band == pytest.approx(expected, abs=1e-6)
    assert np.abs(np.bincount(owner, weights=hours, minlength=2) / 50 - 1).max() == pytest.approx(expected, abs=1e-6)


def test_an_impossible_band_is_said():
    cost, balance, _ = f15()
    heavy = dataclasses.replace(balance, amounts=np.array([90, 2, 2, 2, 2, 2.0]))
    solution = solve(cost, [heavy])
    assert not solution.is_feasible


# --- size, response, places -------------------------------------------------------------------------------------------


def test_f3_visits_make_people():
    visits = 492 * 4 + 198 * 2 + 230
    assert visits == 2594
    assert workload.people_needed(visits, 45, 4, 3) == pytest.approx(2594 / 540)
    assert np.ceil(workload.people_needed(visits, 45, 4, 3)) == 5
    # Kotler's example: 1000 x 36 + 2000 x 12 = 60 000 calls, 1000 a person
    assert workload.talley(1000, 36, 1, 1000) + workload.talley(2000, 12, 1, 1000) == 60


def test_f10_adbudg_in_closed_form():
    curve = response.judged(0.6, 1.15, 1.4)
    assert curve.scale == pytest.approx(1)
    assert curve.shape == pytest.approx(1.94458, abs=5e-6)
    assert curve.at([0, 1, 1.5]) == pytest.approx([0.6, 1, 1.15])
    assert float(curve.at(2)) == pytest.approx(1.235, abs=5e-4)


@pytest.mark.parametrize("judgement", [(1.0, 1.1, 1.2), (0.5, 0.9, 1.2), (0.5, 1.3, 1.2), (-0.1, 1.1, 1.2)])
def test_judgements_must_rise(judgement):
    with pytest.raises(ValueError, match="rise"):
        response.judged(*judgement)


def test_judgements_make_curves_and_an_allocation():
    thresholds = alignment.Thresholds(response_a=(0.6, 1.15, 1.4), response_b=(0.9, 1.01, 1.05))
    now = {"a": 5000.0, "b": 300.0}
    dataset = opened(now, reps=salespeople("R1", "R2"), customer_assignments=held(dict.fromkeys(now, "R1")))
    made = alignment.compute(dataset, thresholds=thresholds)
    assert made.responses.set_index("revenue_class")["sales_double"]["A"] == pytest.approx(1.235, abs=5e-4)
    planned = made.allocation.set_index("revenue_class")
    assert planned["visits_over_today"]["A"] > 1 > planned["visits_over_today"]["B"]
    assert planned["hours_planned"].sum() <= planned["hours"].sum() + 1e-6
    for wrong in ((0.6, 1.15), (0.6, 0.9, 1.4)):
        with pytest.raises(SettingError, match="response_a"):
            alignment.compute(dataset, thresholds=alignment.Thresholds(response_a=wrong))


def test_a_curve_is_fitted_where_history_shows_one_and_only_there():
    rng = np.random.default_rng(1)
    calls = rng.uniform(0.2, 3, 200)
    true = response.judged(0.5, 1.2, 1.6)
    fitted = response.fitted(calls, true.at(calls) * rng.normal(1, 0.05, 200))
    assert fitted.p_value < 1e-6
    assert fitted.at([0.5, 2]) == pytest.approx(true.at([0.5, 2]), abs=0.05)
    assert response.fitted(calls, rng.normal(1, 0.2, 200)).p_value > 0.01
    assert response.fitted([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]) is None


def test_hours_go_where_they_bring_most():
    curve = response.judged(0.6, 1.15, 1.4)
    made = response.allocate([curve, curve], [100.0, 10.0], [10.0, 10.0], 20.0)
    assert made["hours"].sum() == pytest.approx(20)
    assert made["hours"][0] > made["hours"][1]
    assert made["margin"].sum() >= 110 - 1e-9
    even = response.allocate([curve, curve], [50.0, 50.0], [10.0, 10.0], 20.0)
    assert even["margin"].sum() >= 100 - 1e-9


def test_departments_of_postcodes():
    codes = pd.Series(["69003", "1000", "20167", "20200", "97110", "75 001", None, "ABC", "SW1A 1AA"])
    found = places.department_of(codes)
    assert found.fillna("").tolist() == ["69", "01", "2A", "2B", "971", "75", "", "", ""]
    assert len(places.departments()) == 101


def test_great_circles():
    paris, lyon = pd.DataFrame({"lat": [48.8566], "lon": [2.3522]}), pd.DataFrame({"lat": [45.764], "lon": [4.8357]})
    assert places.distances(paris, lyon)[0, 0] == pytest.approx(391.5, abs=1)
    assert places.distances(paris, paris)[0, 0] == 0


def test_a_group_is_its_topmost_parent():
    parents = pd.Series({"a": None, "b": "a", "c": "b", "d": "gone", "x": "y", "y": "x", "s": "s"}, dtype=object)
    found = workload.groups(pd.Index(parents.index, dtype=object), parents)
    assert found.to_dict() == {"a": "a", "b": "a", "c": "a", "d": "gone", "x": "x", "y": "y", "s": "s"}


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


def salespeople(*codes: str, **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame({"rep_id": codes, "display_name": [f"Name {code}" for code in codes], "role": "field"})
    return frame.assign(start_date=pd.Timestamp("2015-01-01"), **columns)


def held(owner: dict[str, str], since: str = "2020-01-01") -> pd.DataFrame:
    frame = pd.DataFrame({"customer_id": list(owner), "rep_id": list(owner.values())})
    return frame.assign(valid_from=pd.Timestamp(since))


def capacity(**hours: float) -> pd.DataFrame:
    """Ten days a month of that many hours, all of them in the field."""
    months = pd.date_range("2026-07-01", periods=12, freq="MS")
    parts = [pd.DataFrame({"rep_id": rep, "month": months, "hours_per_day": each}) for rep, each in hours.items()]
    return pd.concat(parts).assign(working_days=11.0, absence_days=1.0, field_share=1.0)


def opened(now: dict, before: dict | None = None, **tables: pd.DataFrame) -> Dataset:
    marks = [sales({None: 0.0}, "2024-07-01" if before is not None else "2025-07-01"), sales({None: 0.0}, "2026-06-30")]
    lines = pd.concat([sales(now), sales(before or {}, "2025-01-15"), *marks], ignore_index=True)
    return Dataset.from_frames({"sales_lines": lines, **tables}, as_of=AS_OF, conventions=BANDS)


CLIENTS = {f"c{i}": 300.0 for i in range(8)}


FEW_POINTS = alignment.Thresholds(large_units=0)
"""Without the points of the frontier between the scenarios."""


def attributed(dataset: Dataset, parameters: alignment.Parameters = alignment.Parameters()) -> alignment.Result:
    return alignment.compute(dataset, parameters, FEW_POINTS)


@pytest.fixture(scope="module")
def lopsided() -> alignment.Result:
    """Eight alike customers, seven at R1 and one at R2, whose capacities are equal."""
    owner = dict.fromkeys(CLIENTS, "R1") | {"c7": "R2"}
    dataset = opened(CLIENTS, reps=salespeople("R1", "R2"), customer_assignments=held(owner),
                     rep_capacity=capacity(R1=7, R2=7))  # fmt: skip
    return alignment.compute(dataset)


def found(result: alignment.Result, rule: str, **thresholds: object) -> dict[str, object]:
    return {f.subject_id: f for f in alignment.findings(result, alignment.Thresholds(**thresholds)) if f.rule == rule}


def test_workload_and_capacity_by_hand(lopsided):
    # B, unknown potential: 6 visits of 60 + 30 minutes and 30 of travel, 6 remote of 20, one hour of administration
    assert lopsided.accounts["workload_hours"].tolist() == pytest.approx([6 * 2 + 6 / 3 + 1] * 8)
    assert lopsided.key_figures["workload_hours"] == pytest.approx(8 * 15)
    # twelve months of ten days of seven hours, two people
    assert lopsided.key_figures["capacity_hours"] == pytest.approx(2 * 12 * 10 * 7)
    assert lopsided.key_figures["load_rate"] == pytest.approx(120 / 1680)
    assert lopsided.key_figures["needed_fte"] == pytest.approx(2 * 120 / 1680)


def test_the_fewest_moves_restore_balance(lopsided):
    by_scenario = lopsided.scenarios.set_index("scenario")
    assert by_scenario["moved_count"].to_dict() == {"current": 0, "stability": 3, "balanced": 3}
    assert by_scenario["load_cv"]["current"] == pytest.approx(0.75)  # 7/8 and 1/8 of the load
    assert by_scenario["load_cv"]["balanced"] == pytest.approx(0)
    assert by_scenario["revenue_moved"]["balanced"] == pytest.approx(900)
    assert by_scenario["gap"]["stability"] == pytest.approx(0, abs=1e-6)
    assert len(lopsided.moves) == 3
    assert set(lopsided.moves["move_reason"]) == {"relieve"}
    assert lopsided.at_risk["balanced_at_risk"].tolist() == pytest.approx([0, 63, 118.8, 158.4])


def test_key_figures_are_complete_and_every_null_has_its_reason(lopsided):
    for scenario in ("current", "stability", "balanced", "proximity"):
        assert {f"{scenario}_{measure}" for measure in MEASURES} <= set(lopsided.key_figures)
    assert {"workload_hours", "capacity_hours", "load_rate", "needed_fte"} <= set(lopsided.key_figures)
    missing = {name for name, value in lopsided.key_figures.items() if value is None}
    assert missing <= set(lopsided.not_computable)
    assert lopsided.not_computable["proximity_load_cv"].code == "no_placement"
    assert lopsided.not_computable["current_gap"].code == "not_optimised"
    assert lopsided.not_computable["balanced_potential_cv"].code == "unknown_potential"


def test_part_time_ramp_and_arrivals_count_in_capacity():
    reps = salespeople("R1", "R2", "R3", "R4", "GONE")
    reps["fte"] = [1.0, 0.5, 1.0, 1.0, 1.0]
    reps.loc[2, ["start_date", "ramp_months"]] = [pd.Timestamp("2026-06-15"), 12]
    reps.loc[4, "end_date"] = pd.Timestamp("2026-02-01")
    dataset = opened(CLIENTS, reps=reps, rep_capacity=capacity(R1=7, R2=7, R3=7, GONE=7))
    made = attributed(dataset).portfolios.set_index("rep_id")["capacity_hours"]
    assert made["R1"] == pytest.approx(840)
    assert made["R2"] == pytest.approx(420)
    assert made["R3"] == pytest.approx(840 * 0.541, rel=0.01)  # half-way up the ramp on average
    assert 650 < made["R4"] < 850  # not exported: working days less leave, seven hours, half in the field
    assert "GONE" not in made


def test_an_office_without_customers_is_no_portfolio():
    reps = pd.DataFrame({"rep_id": ["BOSS", "R1", "R2", "IT"], "manager_id": [None, "BOSS", "BOSS", "BOSS"]})
    made = attributed(
        opened(CLIENTS, reps=reps, customer_assignments=held(dict.fromkeys(CLIENTS, "R1") | {"c7": "R2"}))
    )
    assert sorted(made.portfolios["rep_id"]) == ["R1", "R2"]


def test_groups_are_kept_whole_and_flagged():
    customers = pd.DataFrame({"customer_id": list(CLIENTS), "parent_customer_id": [None, "c0", "c0", *[None] * 5]})
    owner = {"c0": "R1", "c1": "R2", "c2": "R1", "c3": "R1", "c4": "R1", "c5": "R2", "c6": "R2", "c7": "R2"}
    made = attributed(opened(CLIENTS, reps=salespeople("R1", "R2"), customers=customers,
                                    customer_assignments=held(owner), rep_capacity=capacity(R1=7, R2=7)))  # fmt: skip
    after = made.accounts.set_index("customer_id")["balanced_owner_id"]
    assert after[["c0", "c1", "c2"]].nunique() == 1
    finding = found(made, "T03-R6")["c0"]
    assert finding.owner == "R1"
    assert finding.values["reps"] == 2
    assert made.moves.set_index("customer_id").loc["c1", "move_reason"] == "group"


def test_locks_bans_and_contractual_sectors():
    owner = dict.fromkeys(CLIENTS, "R1") | {"c7": "R2"}
    dataset = opened(CLIENTS, reps=salespeople("R1", "R2"), customer_assignments=held(owner),
                     rep_capacity=capacity(R1=7, R2=7))  # fmt: skip
    chosen = alignment.Parameters(locks="c0,c1,c2,c3", bans="c6:R2", contractual="R2")
    made = attributed(dataset, chosen)
    after = made.accounts.set_index("customer_id")["balanced_owner_id"]
    assert (after[["c0", "c1", "c2", "c3", "c6"]] == "R1").all()
    assert set(found(made, "T03-R9")) == {"R2"}
    assert found(made, "T03-R9")["R2"].severity is Severity.ALERT
    assert found(attributed(dataset), "T03-R9") == {}
    for wrong in ({"locks": "zz"}, {"bans": "c1"}, {"bans": "c1:R9"}, {"rep": "R9"}, {"contractual": "R9"}):
        with pytest.raises(SettingError, match=min(wrong)):
            attributed(dataset, alignment.Parameters(**wrong))


def test_locks_bans_skills_and_sectors_come_with_the_exports():
    """As a customer file states them: c0 to c3 stay, c6 and c7 are not for R2, c4 asks for English that R1 alone
    speaks, c5 for Russian that nobody speaks: whatever the balance, R2 may get nothing."""
    owner = dict.fromkeys(CLIENTS, "R1") | {"c7": "R2"}
    reps = salespeople("R1", "R2", skills=["Anglais; export", None], is_contractual=[False, True])
    customers = pd.DataFrame({"customer_id": list(CLIENTS)}).assign(
        is_locked=lambda t: t["customer_id"].isin(["c0", "c1", "c2", "c3"]),
        excluded_reps=lambda t: t["customer_id"].map({"c6": "r2, R9", "c7": "R2"}),
        required_skill=lambda t: t["customer_id"].map({"c4": "anglais", "c5": "russe"}),
    )
    made = attributed(opened(CLIENTS, reps=reps, customers=customers, customer_assignments=held(owner),
                                    rep_capacity=capacity(R1=7, R2=7)))  # fmt: skip
    after = made.accounts.set_index("customer_id")
    assert (after["balanced_owner_id"] == "R1").all()
    assert after.index[after["is_unskilled"]].tolist() == ["c5"]
    assert made.moves.set_index("customer_id").loc["c7", "move_reason"] == "banned"
    assert set(found(made, "T03-R9")) == {"R2"}
    assert "no_skill" in {finding.code for finding in alignment.findings(made)}
    assert made.key_figures["asked_count"] == 4


def test_too_many_locks_are_reported_with_the_smallest_band():
    owner = dict.fromkeys(CLIENTS, "R1") | {"c7": "R2"}
    dataset = opened(CLIENTS, reps=salespeople("R1", "R2"), customer_assignments=held(owner),
                     rep_capacity=capacity(R1=7, R2=7))  # fmt: skip
    made = attributed(dataset, alignment.Parameters(locks="c0,c1,c2,c3,c4,c5"))
    assert made.key_figures["feasible_band"] == pytest.approx(0.5, rel=1e-3)
    assert made.key_figures["free_band"] == pytest.approx(0.15)
    assert "infeasible_locks" in {f.code for f in alignment.findings(made)}


def test_an_indivisible_giant_is_reported_with_the_smallest_band():
    policy = pd.DataFrame({"cell": ["a_unknown", "a2"], "f2f_per_year": [0.0, 120.0], "visit_min": 60.0})
    dataset = opened({"giant": 5000.0, "x": 300.0, "y": 300.0}, reps=salespeople("R1", "R2"), coverage_policy=policy,
                     customer_assignments=held({"giant": "R1", "x": "R1", "y": "R2"}),
                     rep_capacity=capacity(R1=7, R2=7))  # fmt: skip
    made = attributed(dataset)
    hours = made.accounts.set_index("customer_id")["workload_hours"]
    expected = hours["giant"] / (hours.sum() / 2) - 1
    assert made.key_figures["feasible_band"] == pytest.approx(expected, rel=1e-4)
    finding = next(f for f in alignment.findings(made) if f.code == "infeasible_band")
    assert finding.targets == (("customer", "giant"),)
    after = made.accounts.set_index("customer_id")["stability_owner_id"]
    assert after["x"] == after["y"] != after["giant"]


def test_class_a_relations_that_hold_keep_their_contact():
    now = {"a": 2000.0, "falls": 2000.0, "young": 2000.0, "small": 300.0}
    made = attributed(opened(
        now, now | {"falls": 2500.0}, reps=salespeople("R1", "R2"), rep_capacity=capacity(R1=7, R2=7),
        customer_assignments=pd.concat([held({"a": "R1", "falls": "R1", "small": "R1"}),
                                        held({"young": "R1"}, "2025-06-01")]),
    ))  # fmt: skip
    assert made.accounts.set_index("customer_id")["is_locked"].to_dict() == {
        "a": True, "falls": False, "young": False, "small": False,
    }  # fmt: skip
    assert found(made, "T03-R4")["all"].targets == (("customer", "a"),)


def test_orphans_are_attached_not_moved():
    reps = salespeople("R1", "R2", "GONE")
    reps.loc[2, "end_date"] = pd.Timestamp("2026-02-01")
    owner = {"c0": "GONE", "c1": "R1", "c2": "R2", "big": "GONE"}
    made = attributed(opened({"c0": 300.0, "c1": 300.0, "c2": 300.0, "big": 5000.0}, reps=reps,
                                    customer_assignments=held(owner), rep_capacity=capacity(R1=7, R2=7)))  # fmt: skip
    row = made.scenarios.set_index("scenario").loc["balanced"]
    assert row["attached_count"] == 2
    moves = made.moves.set_index("customer_id")
    assert moves.loc["big", ["move_reason", "from_name", "wave"]].tolist() == ["orphan", "Name GONE", 3]
    assert moves.loc["c0", "wave"] == 1
    steps = made.handover[made.handover["customer_id"] == "big"]
    assert steps["handover_step"].tolist() == [
        "joint_visit", "transfer", "check_30", "check_60", "check_90", "overdue",
    ]  # fmt: skip
    assert (steps["due_date"].iloc[1] - steps["due_date"].iloc[0]).days == 15
    assert set(found(made, "T03-R5")) == {"big"}
    assert found(made, "T03-R5")["big"].stake == pytest.approx(5000 * 0.07)


def test_nearness_decides_where_nothing_else_does():
    customers = pd.DataFrame({"customer_id": list(CLIENTS), "postcode": ["69001"] * 4 + ["44000"] * 4, "country": "FR"})
    owner = dict(zip(CLIENTS, ["R1", "R2"] * 4, strict=True))
    made = attributed(opened(CLIENTS, reps=salespeople("R1", "R2", home_postcode=["69003", "44800"]),
                                    customers=customers, customer_assignments=held(owner),
                                    rep_capacity=capacity(R1=7, R2=7)))  # fmt: skip
    after = made.accounts.set_index("customer_id")["proximity_owner_id"]
    assert after.tolist() == ["R1"] * 4 + ["R2"] * 4
    by_scenario = made.scenarios.set_index("scenario")["travel_km"]
    assert by_scenario["proximity"] == pytest.approx(0)
    km = places.distances(*(places.departments().loc[[code]] for code in ("69", "44")))[0, 0]
    assert by_scenario["current"] == pytest.approx(4 * 6 * 2 * km / 3)  # 6 visits, out and back, rounds of three
    assert made.map is not None
    assert found(made, "T03-R0") == {}


def test_accounts_without_a_place_are_flagged():
    customers = pd.DataFrame({"customer_id": list(CLIENTS), "lat": [45.0] * 7 + [None], "lon": [4.0] * 7 + [None]})
    made = attributed(opened(CLIENTS, reps=salespeople("R1", "R2", home_postcode="69003"), customers=customers,
                                    customer_assignments=held(dict.fromkeys(CLIENTS, "R1"))))  # fmt: skip
    assert made.unplaced["customer_id"].tolist() == ["c7"]
    assert found(made, "T03-R0")["all"].targets == (("customer", "c7"),)
    assert made.key_figures["proximity_travel_km"] is not None


def test_prospects_do_not_drown_the_workload():
    prospects = {f"p{i:03d}": 5000.0 - i for i in range(80)} | {"p_zero": 0.0}
    customers = pd.DataFrame({"customer_id": [*CLIENTS, *prospects],
                              "status": ["customer"] * 8 + ["prospect"] * 81})  # fmt: skip
    potential = pd.DataFrame({"customer_id": list(prospects), "potential_accessible": list(prospects.values())})
    made = attributed(opened(
        CLIENTS, reps=salespeople("R1", "R2"), customers=customers, rep_capacity=capacity(R1=7, R2=7),
        customer_potential=potential.assign(valid_from=pd.Timestamp("2026-01-01")),
        customer_assignments=held(dict.fromkeys(CLIENTS, "R1")),
    ))  # fmt: skip
    reserve = made.reserve.set_index("customer_id")["reserve_reason"]
    assert (~made.accounts["is_reserve"]).sum() == 8 + 60  # thirty a full-time salesperson
    assert reserve["p_zero"] == "unknown_potential"
    assert reserve["p079"] == "beyond_capacity"
    assert "p000" not in reserve.index


def test_buyers_whom_nobody_ever_held_stay_outside():
    now = CLIENTS | {"web": 300.0}
    tables = {"reps": salespeople("R1", "R2"), "rep_capacity": capacity(R1=7, R2=7)}
    made = attributed(opened(now, customer_assignments=held(dict.fromkeys(CLIENTS, "R1")), **tables))
    assert made.reserve["customer_id"].tolist() == ["web"]
    assert {f.code for f in alignment.findings(made)} >= {"house"}
    # where nobody is known to hold anything, everything is to be attributed
    assert attributed(opened(now, **tables)).scenarios["attached_count"].tolist() == [0, 9, 9]


def test_skills_by_role():
    now = {"a": 2000.0, "b": 300.0, "c": 20.0, "d": 20.0}
    reps = salespeople("IN", "F")
    reps["role"] = ["inside", "field"]
    made = attributed(opened(now, reps=reps, rep_capacity=capacity(IN=7, F=7),
                                    customer_assignments=held(dict.fromkeys(now, "F"))))  # fmt: skip
    after = made.accounts.set_index("customer_id")[
        "proximity_owner_id" if made.map is not None else "balanced_owner_id"
    ]
    assert (after[["a", "b"]] == "F").all()  # eight and six visits a year are no work for the office


def test_overload_and_spare_hours():
    owner = dict(zip(CLIENTS, ["R1", "R2"] * 4, strict=True))
    tight = opened(CLIENTS, reps=salespeople("R1", "R2"), customer_assignments=held(owner),
                   rep_capacity=capacity(R1=0.4, R2=0.4))  # fmt: skip
    made = attributed(tight)
    assert made.key_figures["load_rate"] == pytest.approx(120 / 96)
    finding = found(made, "T03-R1")["all"]
    assert finding.values["missing"] == pytest.approx(24)
    assert finding.values["fte"] == pytest.approx(0.5)
    assert (finding.code, finding.severity) == ("load_assumed", Severity.WATCH)  # the policy is not the client's
    told = dataclasses.replace(made, key_figures=dict(made.key_figures) | {"has_policy": 1})
    assert (found(told, "T03-R1")["all"].code, found(told, "T03-R1")["all"].severity) == ("overload", Severity.ALERT)
    assert made.relief["relief_step"].tolist() == ["halve_visits", "remote", "hire"]
    assert found(made, "T03-R2") == {}
    even = opened(CLIENTS, reps=salespeople("R1", "R2"), customer_assignments=held(owner),
                  rep_capacity=capacity(R1=0.5, R2=0.5))  # fmt: skip
    calm = attributed(even)
    assert calm.relief is None
    assert found(calm, "T03-R1") == found(calm, "T03-R2") == {}
    assert {f.code for f in alignment.findings(calm)} >= {"balanced_already"}


def test_heirs_are_protected(lopsided):
    finding = found(lopsided, "T03-R7")["R2"]
    assert finding.values["share"] == pytest.approx(3 / 4)
    assert set(found(lopsided, "T03-R3")) == {"all", "R1", "R2"}
    assert found(lopsided, "T03-R3")["R1"].severity is Severity.ALERT


def test_segments_served_alike_are_one_and_small_ones_are_merged():
    rows = [("a1", 12, 12, 900.0, 10), ("a2", 12, 12, 800.0, 10), ("b1", 10, 8, 1.0, 1), ("c3", 0, 2, 300.0, 40)]
    parts = [pd.DataFrame({"cell": cell, "f2f_per_year": f2f, "remote_per_year": remote, "net_revenue": revenue},
                          index=range(count)) for cell, f2f, remote, revenue, count in rows]  # fmt: skip
    frame = pd.concat(parts, ignore_index=True).assign(
        is_buyer=True, is_reserve=False, channel=None, prep_min=30.0, headroom=1.0, workload_hours=1.0
    )
    frame["service_mode"] = segments.service_mode(frame, alignment.Thresholds())
    label, table, merges = segments.segmented(frame, alignment.Thresholds())
    assert merges["merge_reason"].tolist() == ["same_policy", "small"]
    assert sorted(table["operating_segment"]) == ["A1 A2 B1", "C3"]
    assert table["account_count"].sum() == len(frame) == label.notna().sum()
    few, short, _ = segments.segmented(frame, alignment.Thresholds(max_segments=1))
    assert few.nunique() == len(short) == 1


@settings(max_examples=4)
@given(st.integers(0, 10_000))
def test_conservation(seed):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 25)), int(rng.integers(2, 5))
    codes, reps = [f"c{i}" for i in range(n)], [f"R{i}" for i in range(m)]
    owner = {code: reps[rng.integers(0, m)] for code in codes if rng.random() < 0.9}
    made = attributed(opened(
        dict(zip(codes, rng.lognormal(6, 2, n), strict=True)), reps=salespeople(*reps),
        customer_assignments=held(owner) if owner else held({codes[0]: reps[0]}),
        rep_capacity=capacity(**{rep: float(rng.uniform(1, 8)) for rep in reps}),
    ))  # fmt: skip
    total = made.key_figures["workload_hours"]
    for _, part in made.loads[made.loads["scenario"] != "current"].groupby("scenario"):
        assert part["workload_hours"].sum() == pytest.approx(total)
        assert part["account_count"].sum() == made.key_figures["account_count"]
        assert (part["load_index"] <= 1 + made.key_figures["feasible_band"] + 1e-5).all()
    assert made.moves["customer_id"].is_unique
    assert len(made.moves) == made.key_figures["moved_count"] + made.key_figures["attached_count"]


# --- the demo client --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(demo_client):
    dataset = sp.open(demo_client)
    return dataset, results.of(dataset, alignment.NAME)[0]


TRUTHS = tomllib.loads((ROOT / "data/demo/truths/portfolio_alignment.toml").read_text(encoding="utf-8"))


def said(result: alignment.Result, is_all: bool = True) -> set[tuple[str, str, str]]:
    """Rule, kind and code of every subject and target of the findings; without good news where not ``is_all``."""
    kept = [f for f in alignment.findings(result, alignment.Thresholds(named=1000)) if is_all or f.severity != "good"]
    return {(f.rule, kind, code) for f in kept for kind, code in [(f.subject_kind, f.subject_id), *f.targets]}


def keys(entries: list[dict]) -> set[tuple[str, str, str]]:
    return {(entry["rule"], entry["subject_kind"], entry["subject_id"]) for entry in entries}


def assert_told(result: alignment.Result, planted: dict) -> None:
    assert keys(planted["truth"]) - said(result) == set()
    assert keys(planted.get("decoy", [])) & said(result, is_all=False) == set()


def test_what_was_planted_is_found_and_decoys_are_not(demo):
    assert_told(demo[1], TRUTHS)


@pytest.mark.parametrize("variant", TRUTHS["variant"], ids=lambda variant: variant["name"])
def test_variants(demo, variant):
    dataset = demo[0]
    if variant["name"] == "overloaded":
        policy = dataset.table("coverage_policy")
        policy[["f2f_per_year", "remote_per_year"]] *= 2.2
        dataset = Dataset.from_frames(dict(dataset.intake.tables) | {"coverage_policy": policy}, as_of=AS_OF)
    parameters = alignment.Parameters(**variant.get("parameters", {}))
    assert_told(alignment.compute(dataset, parameters, FEW_POINTS), variant)


def test_demo_scenarios_keep_their_promise(demo):
    made = demo[1].scenarios.set_index("scenario")
    assert (made.loc[["stability", "balanced", "proximity"], "outside_count"] == 0).all()
    assert made["moved_count"]["stability"] < made["moved_count"]["balanced"] < made["moved_count"]["proximity"]
    assert made["travel_km"].idxmin() == "proximity"
    assert made["load_cv"].idxmin() == "balanced"
    assert (made["gap"].dropna() <= 0.06).all()
    assert len(demo[1].segments) <= 8


@pytest.mark.slow
def test_the_same_twice(demo):
    dataset, first = demo
    again = alignment.compute(dataset, thresholds=FEW_POINTS)
    pd.testing.assert_frame_equal(first.moves, again.moves)
    assert first.key_figures == again.key_figures


def test_portfolios_in_both_bands_are_counted(demo):
    made = demo[1]
    after = made.balance[made.balance["moment"] == "after"]
    within = ((after[["load_index", "potential_index"]] - 1).abs() <= 0.15 + 1e-6).all(axis=1)
    assert within.sum() == made.key_figures["balanced_after"] > made.key_figures["balanced_before"]
    assert len(made.balance) == 2 * len(made.portfolios)
    unknown = dataclasses.replace(made, portfolios=made.portfolios.assign(potential_index=np.nan))
    assert unknown.balance is None


def test_every_segment_has_its_contacts_in_each_channel(demo):
    table = demo[1].promises.pivot(index="operating_segment", columns="channel", values="contacts_per_account")
    want = demo[1].segments.set_index("operating_segment")
    assert table["face_to_face"].to_dict() == want["f2f_per_year"].to_dict()
    assert table["remote"].to_dict() == want["remote_per_year"].to_dict()


def test_points_of_a_frontier_take_no_branch_and_bound():
    cost, balance, _ = f15()
    quick = solve(cost, [balance], is_quick=True)
    assert quick.is_feasible
    assert quick.value >= solve(cost, [balance]).value == pytest.approx(14)


def test_nothing_of_the_future(demo):
    made = alignment.compute(demo[0].at("2025-12-31"), thresholds=FEW_POINTS)
    assert "R11" not in set(made.portfolios["rep_id"])  # who arrived in March 2026
    assert "R12" in set(made.portfolios["rep_id"])


def test_every_sentence_can_be_said(demo):
    codes = {f.code for f in alignment.findings(demo[1])}
    for language in LANGUAGES:
        book = Phrasebook(alignment.NAME, language)
        for finding in alignment.findings(demo[1]):
            assert book.missing not in book.say(f"{finding.code}_observation", **finding.values)
            if finding.severity is not Severity.GOOD:
                assert book.missing not in book.say(f"{finding.code}_action", **finding.values)
    assert len(codes) > 5
    for field in dataclasses.fields(alignment.Thresholds):
        assert f"threshold_{field.name}" in phrases(alignment.NAME)


OPTIONAL = ["customers", "customer_potential", "customer_assignments", "activities", "rep_capacity", "coverage_policy",
            "costs", "calendar", "opportunities"]  # fmt: skip


@pytest.mark.parametrize("lost", paced(OPTIONAL, "customer_potential", "activities"))
def test_a_table_less_is_a_section_less(demo, lost):
    dataset = demo[0]
    frames = {name: path for name, path in dataset.intake.tables.items() if name != lost}
    thinner = Dataset.from_frames(frames, as_of=AS_OF)
    made = alignment.compute(thinner, thresholds=FEW_POINTS)
    assert made.scenarios is not None
    missing = {name for name, value in made.key_figures.items() if value is None}
    assert missing <= set(made.not_computable)
    for field in dataclasses.fields(made):
        if getattr(made, field.name) is None:
            assert field.name in made.not_computable, field.name
    assert alignment.findings(made)


def test_nobody_and_one():
    alone = attributed(opened(CLIENTS, reps=salespeople("R1"), customer_assignments=held(dict.fromkeys(CLIENTS, "R1"))))
    assert alone.not_computable["moves"].code == "one_salesperson"
    assert alone.key_figures["workload_hours"] > 0
    gone = salespeople("R1").assign(end_date=pd.Timestamp("2026-01-01"))
    empty = attributed(opened(CLIENTS, reps=gone))
    assert empty.not_computable["load_rate"].code == "no_capacity"
    assert alignment.findings(empty) is not None


def test_chinook_runs(real_client):
    made = alignment.compute(sp.open(real_client("chinook"), months=0))
    assert sorted(made.portfolios["rep_id"]) == ["3", "4", "5"]
    assert made.scenarios.set_index("scenario")["outside_count"]["balanced"] == 0
    assert "low_concentration" in {f.code for f in alignment.findings(made)}


def test_adventureworks_runs(real_client):
    made = alignment.compute(sp.open(real_client("adventureworks")))
    assert len(made.portfolios) == 10  # who sold by the end of the window; managers without a territory hold nothing
    assert made.key_figures["house_count"] == 1013  # customers of the web site
    by_scenario = made.scenarios.set_index("scenario")
    assert by_scenario.loc[["stability", "balanced"], "outside_count"].tolist() == [0, 0]
    assert by_scenario["outside_count"]["current"] == 10
