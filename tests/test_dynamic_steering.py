"""Dynamic steering: methods worked out by hand, each rule on small tables, degraded exports, real data."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pace import paced

import salespilot as sp
from salespilot import results
from salespilot.client import Client
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics import dynamic_steering as steering
from salespilot.diagnostics.dynamic_steering import alerts, indicators, landing, milestones, series
from salespilot.diagnostics.dynamic_steering.landing import History, land
from salespilot.finding import Severity
from salespilot.phrasebook import LANGUAGES, Phrasebook, phrases

ROOT = Path(__file__).parent.parent
PLANTED = ROOT / "data" / "demo" / "truths" / "dynamic_steering.toml"
TRUTHS = tomllib.loads(PLANTED.read_text(encoding="utf-8"))
AS_OF = date(2026, 6, 30)
SEASON = [7, 7, 9, 8, 8, 9, 7, 4, 10, 11, 10, 10]


# --- the methods ------------------------------------------------------------------------------------------------------


def test_f7():
    assert 4.3 + landing.seasonal(4.3, 0.48) == pytest.approx(8.958, abs=5e-4)
    assert 4.3 + landing.run_rate(4.3, 6, 6) == pytest.approx(8.6)
    assert 4.3 + landing.carry(4.3, 4.5, 9.0, 0.5) == pytest.approx(8.70, abs=5e-3)


def test_f7_from_a_history():
    found = land(History(np.array([*[x * 0.09 for x in SEASON] * 2, *[x * 4.3 / 48 for x in SEASON[:6]]]), np.ones(36)))
    said = found.methods.set_index("method")["landing"]
    assert said["M1"] == pytest.approx(8.6)
    assert said["M2"] == pytest.approx(4.3 / 0.48)
    # Here last year made 4.32 by June: g = 4.3 / 4.32, over half a year.
    assert said["M3"] == pytest.approx(4.3 + 4.68 * (1 + (4.3 / 4.32 - 1) / 2))
    assert found.phi == pytest.approx(0.48)


def test_f11_and_f13():
    assert milestones.target_coverage(0.20, 0.30) == pytest.approx(3.5)
    assert milestones.deal_basket(2_000_000, 1 / 3, 1) == pytest.approx(545_455, abs=1)


def regular(years: float = 3.5, growth: float = 1.1) -> np.ndarray:
    months = np.arange(int(12 * years))
    return np.array([SEASON[m % 12] for m in months]) * growth ** (months // 12) * 1e4


def test_a_season_that_repeats_is_landed_exactly_and_m1_is_silent():
    found = land(History(regular(growth=1.0), np.ones(48)))
    assert found.quantile(0.5) == pytest.approx(100 * 1e4)
    methods = found.methods.set_index("method")
    assert methods["weight"]["M1"] == 0
    assert methods["wape"][["M2", "M3"]].max() == pytest.approx(0)
    assert found.probability(90 * 1e4) in (1.0, None)


def test_weights_follow_the_errors_of_the_past():
    rng = np.random.default_rng(1)
    found = land(History(regular(7.5) * rng.lognormal(0, 0.1, 90), np.ones(96)))
    methods = found.methods[found.methods["weight"] > 0]
    expected = 1 / (methods["wape"] ** 2 + 0.02**2)
    assert methods["weight"].to_numpy() == pytest.approx((expected / expected.sum()).to_numpy())
    assert found.rest + found.actual == pytest.approx((methods["weight"] * methods["landing"]).sum())


def test_a_flat_series_listens_to_the_linear_pace():
    found = [land(History(1e5 * np.random.default_rng(seed).lognormal(0, 0.1, 66), np.ones(72))) for seed in range(20)]
    weights = [one.methods.set_index("method")["weight"]["M1"] for one in found]
    assert np.mean(np.array(weights) > 0) > 0.6


def test_working_days_are_levelled_out_where_that_helps():
    rng = np.random.default_rng(3)
    days = rng.integers(15, 24, 72).astype(float)
    assert land(History(regular(5.5, 1.0) * days[:66] / 20, days)).uses_days
    assert not land(History(regular(5.5, 1.0), days)).uses_days


def test_early_in_the_period_nothing_explodes():
    young = History(regular(3)[:26].copy(), np.ones(36), elapsed=2)
    assert set(land(young).methods["method"]) == {"M3", "M1"}  # phi is 0.14; 2 months of 12 are gone
    first = History(regular(3)[:25].copy(), np.ones(36), elapsed=1)
    assert set(land(first).methods["method"]) == {"M3"}
    alone = History(np.array([5e4]), np.ones(12), elapsed=1)
    assert land(alone) is None
    nothing = History(np.zeros(30), np.ones(36))
    assert land(nothing) is None


def test_without_a_past_there_is_a_middle_and_no_range():
    found = land(History(np.full(6, 1e5), np.ones(12)))
    assert found.quantile(0.5) == pytest.approx(1.2e6)
    assert found.quantile(0.1) is None
    assert found.probability(2e6) is None
    assert found.probability(5e5) == 1.0
    assert found.coverage is None


def test_a_period_that_is_over_has_landed():
    found = land(History(np.full(24, 1e5), np.ones(24), elapsed=12))
    assert found.quantile(0.5) == pytest.approx(1.2e6)
    assert found.quantile(0.1) is found.quantile(0.9) is None
    assert (found.probability(1.2e6), found.probability(1.3e6)) == (1.0, 0.0)


def test_excluded_years_teach_nothing():
    sales = regular(5.5, 1.0)
    broken = sales.copy()
    broken[36:40] = 0
    without = broken.copy()
    without[36:48] = np.nan
    assert land(History(without, np.ones(72))).quantile(0.5) == pytest.approx(1e6)
    assert land(History(broken, np.ones(72))).quantile(0.5) != pytest.approx(1e6, rel=1e-3)


def test_half_months_ask_the_past_at_the_same_point():
    months = regular(4.5, 1.0)
    halves = np.column_stack([months * 0.4, months * 0.6]).ravel()[:-1]
    found = land(History(halves, np.ones(120), 24, 24, 11, 2))
    assert found.quantile(0.5) == pytest.approx(1e6)
    assert found.phi == pytest.approx((39 + 9 * 0.4) / 100)


def test_further_methods_are_scored_like_the_others():
    rng = np.random.default_rng(4)
    history = History(regular(6.5) * rng.lognormal(0, 0.1, 78), np.ones(84))
    past = landing.past_answers(history)
    perfect = past["rest"].fillna(5e5).to_dict()
    found = land(history, extra={"M4": perfect})
    assert found.main_method == "M4"
    assert found.methods.set_index("method")["wape"]["M4"] == pytest.approx(0)
    assert land(history, extra={"M4": {0: 5e5}}).methods.set_index("method")["weight"]["M4"] == 0


@given(st.lists(st.floats(1, 1e6), min_size=30, max_size=60), st.floats(0.01, 100))
def test_the_landing_follows_the_currency_and_quantiles_are_in_order(amounts, scale):
    history = History(np.array(amounts), np.ones(len(amounts) + 6))
    one, other = land(history), land(dataclasses.replace(history, amount=history.amount * scale))
    assume(one is not None)
    assert other.quantile(0.5) == pytest.approx(one.quantile(0.5) * scale, rel=1e-6)
    low, middle, high = (one.quantile(q) for q in (0.1, 0.5, 0.9))
    if low is not None:
        assert one.actual <= low <= middle <= high
        assert one.probability(middle) == pytest.approx(0.5, abs=1e-6)
    assert one.methods["weight"].sum() == pytest.approx(1)
    assert (one.methods["weight"] >= 0).all()


def test_the_interval_covers_what_it_says():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(150):
        sales = regular(5, 1.0) * rng.lognormal(0, 0.12, 60)
        found = land(History(sales[:54], np.ones(60)))
        inside.append(found.quantile(0.1) <= sales[48:].sum() <= found.quantile(0.9))
    assert 0.72 <= np.mean(inside) <= 0.92


# --- a small client ---------------------------------------------------------------------------------------------------


def lines(as_of: str = "2026-06-30", rep: str = "R1", noise: float = 0.05, seed: int = 1, start: str = "2022-01-01"):
    """One invoice on the 15th of each month, following the season, in full years and the current one."""
    days = pd.date_range(start, as_of, freq="MS") + pd.Timedelta(days=14)
    rng = np.random.default_rng(seed)
    amount = np.array([SEASON[d.month - 1] for d in days]) * 1e4 * rng.lognormal(0, noise, len(days))
    return pd.DataFrame(
        {"line_id": [f"{rep}{i}" for i in range(len(days))], "invoice_date": days, "customer_id": "c1",
         "rep_id_booked": rep, "amount_net": amount}
    )  # fmt: skip


def targets(value: float, start: str = "2026-01-01", end: str = "2026-12-31", level: str = "company", **more):
    row = {"period_start": start, "period_end": end, "entity_level": level, "entity_id": "ALL", "metric": "revenue"}
    row |= {"version": 1, "value": value, "set_date": "2025-12-01"} | more
    return pd.DataFrame([row]).assign(
        **{c: lambda f, c=c: pd.to_datetime(f[c]) for c in ("period_start", "period_end", "set_date")}
    )


FEW_ORIGINS = steering.Thresholds(pipeline_origins=1)
"""With one test of the deals in the past: the others go the same way (the demo client has them all)."""


def made(as_of: str = "2026-06-30", parameters: dict | None = None, thresholds: dict | None = None, **frames):
    frames.setdefault("sales_lines", lines(as_of))
    own = dataclasses.replace(FEW_ORIGINS, **(thresholds or {}))
    dataset = Dataset.from_frames(frames, as_of)
    result = steering.compute(dataset, steering.Parameters(**(parameters or {})), own)
    return result, steering.findings(result, own)


def codes(findings, rule: str | None = None):
    return [f.code for f in findings if rule in (None, f.rule)]


def test_key_figures_are_those_of_the_report():
    result, _ = made(targets=targets(1e6))
    names = {"actual_to_date", "target", "landing_p10", "landing_p50", "landing_p90", "target_probability"}
    names |= {"required_pace_ratio", "interval_coverage", "method"}
    assert names <= set(result.key_figures)
    assert result.key_figures["target"] == 1e6
    assert result.key_figures["actual_to_date"] == pytest.approx(lines()["amount_net"][48:].sum())
    assert result.key_figures["landing_p50"] == pytest.approx(1e6, rel=0.05)
    assert result.key_figures["method"] in ("M2", "M3")
    assert 0.1 < result.key_figures["target_probability"] < 0.95


def test_the_pace_takes_the_season_into_account():
    # 48 % of the year is done by June in 123 of 252 days: no effort is asked of who is on the season's path.
    result, _ = made(sales_lines=lines(noise=1e-9), targets=targets(1e6))
    assert result.key_figures["required_pace_ratio"] == pytest.approx(1.0, abs=1e-3)
    assert result.key_figures["required_pace"] == pytest.approx(52e4 / result.key_figures["days_left"], rel=1e-3)


@pytest.mark.parametrize(("value", "code"), [(1.3e6, "landing_short"), (8e5, "landing_held"), (1.02e6, None)])
def test_r1_speaks_of_the_target_at_stake_or_held(value, code):
    findings = made(targets=targets(value), thresholds={"amber": 0.2})[1]
    assert codes(findings, "T07-R1") == ([code] if code else [])


def test_r1_prices_the_gap_and_its_range():
    (finding,) = [f for f in made(targets=targets(1.3e6))[1] if f.code == "landing_short"]
    assert finding.severity is Severity.ALERT
    assert (finding.subject_kind, finding.subject_id, finding.stake_kind) == ("company", "all", "at_risk")
    assert finding.stake == pytest.approx(3e5, rel=0.15)
    assert finding.stake_low < finding.stake < finding.stake_high


def test_the_latest_version_of_a_target_known_at_the_date_counts():
    versions = [targets(1e6), targets(9e5, version=2, set_date="2026-03-01"),
                targets(5e5, version=3, set_date="2026-08-01")]  # fmt: skip
    assert made(targets=pd.concat(versions))[0].key_figures["target"] == 9e5


def test_months_make_the_target_of_a_year_and_a_part_does_not():
    months = [targets(1e5, f"2026-{m:02d}-01", f"2026-{m:02d}-28") for m in range(1, 13)]
    months = pd.concat(months)
    months["period_end"] = months["period_end"] + pd.offsets.MonthEnd(0)
    result, _ = made(targets=months)
    assert result.key_figures["target"] == pytest.approx(1.2e6)
    assert result.path["target"].tolist()[6] == pytest.approx(6e5)
    part, _ = made(targets=months.head(9))
    assert part.key_figures["target"] is None
    assert part.not_computable["target"].code == "no_target_of_period"


def test_without_a_company_target_those_of_teams_or_people_are_summed():
    people = pd.concat([targets(4e5, level="rep", entity_id="R1"), targets(5e5, level="rep", entity_id="R2")])
    assert made(targets=people)[0].key_figures["target"] == 9e5
    teams = pd.concat([people, targets(7e5, level="team", entity_id="T")])
    assert made(targets=teams)[0].key_figures["target"] == 7e5


def test_no_target_no_probability_and_a_landing_all_the_same():
    result, findings = made()
    assert result.key_figures["landing_p50"] == pytest.approx(1e6, rel=0.05)
    for name in ("target", "target_probability", "required_pace_ratio"):
        assert result.key_figures[name] is None
        assert result.not_computable[name].values == {"table": "targets"}
    assert codes(findings, "T07-R1") == []


def test_a_quarter():
    result, _ = made("2026-05-31", {"period": "quarter"}, targets=targets(2.5e5, "2026-04-01", "2026-06-30"))
    assert result.key_figures["target"] == 2.5e5
    assert result.key_figures["landing_p50"] == pytest.approx(2.5e5, rel=0.05)
    assert len(result.path) == 4


def test_a_date_inside_a_month():
    result, _ = made("2026-05-19")
    assert result.key_figures["landing_p50"] == pytest.approx(1e6, rel=0.06)
    assert result.path["date"].dt.strftime("%Y-%m-%d").tolist()[9:11] == ["2026-05-19", "2026-05-31"]
    assert result.path["actual"].notna().sum() == 10


def test_a_closed_period_says_so():
    result, findings = made("2025-12-31", targets=targets(1e6, "2025-01-01", "2025-12-31"))
    assert result.key_figures["landing_p50"] == result.key_figures["actual_to_date"]
    for name in ("method", "landing_p10", "landing_p90"):
        assert result.not_computable[name].code == "period_over"
    assert result.path[["landing_p10", "landing_p50", "landing_p90"]].isna().all(axis=None)
    assert codes(findings, "T07-R1") == ["target_missed"]
    assert codes(findings, "T07-R6") == []
    _, findings = made("2025-12-31", targets=targets(1.0, "2025-01-01", "2025-12-31"))
    assert codes(findings, "T07-R1") == ["landing_held"]


def test_the_first_weeks_of_a_first_year_are_not_computable():
    result, findings = made("2026-01-31", sales_lines=lines("2026-01-31", start="2026-01-01"), targets=targets(1e6))
    assert result.key_figures["landing_p50"] is None
    assert result.not_computable["landing_p50"].code == "too_early"
    assert findings == []


def test_a_fiscal_year_of_its_own(tmp_path):
    client = Client(tmp_path, "C", first_fiscal_month=7)
    dataset = Dataset.from_frames({"sales_lines": lines("2026-03-31")}, "2026-03-31", client=client)
    result = steering.compute(dataset)
    assert result.key_figures["period_start"] == date(2025, 7, 1)
    assert result.key_figures["period_end"] == date(2026, 6, 30)
    assert result.key_figures["landing_p50"] == pytest.approx(1e6, rel=0.08)


def test_excluded_years_by_their_label():
    sales = lines(noise=0.01)
    sales.loc[sales["invoice_date"].dt.year == 2025, "amount_net"] *= np.where(np.arange(12) < 6, 0.2, 1.0)
    wild, _ = made(sales_lines=sales)
    calm, _ = made(sales_lines=sales, thresholds={"excluded_years": ("2025",)})
    assert calm.key_figures["landing_p50"] == pytest.approx(1e6, rel=0.03)
    assert abs(wild.key_figures["landing_p50"] / 1e6 - 1) > 0.1


def test_price_rises_restate_the_past_and_not_what_was_invoiced():
    sales = lines(noise=1e-9)
    sales.loc[sales["invoice_date"] >= "2026-04-01", "amount_net"] *= 1.10
    plain, _ = made(sales_lines=sales)
    told, _ = made(sales_lines=sales, thresholds={"price_rises": ("2026-04-01=0.10",)})
    assert told.key_figures["actual_to_date"] == plain.key_figures["actual_to_date"] == pytest.approx(505_000)
    assert told.key_figures["landing_p50"] == pytest.approx(505_000 + 520_000 * 1.1, rel=1e-3)
    with pytest.raises(SettingError, match="price_rises"):
        made(thresholds={"price_rises": ("10 %",)})


def test_sales_inside_the_group_are_left_out():
    own = pd.DataFrame({"customer_id": ["c1", "us"], "is_intercompany": [False, True]})
    inside = lines().assign(customer_id="us", line_id=lambda f: f["line_id"] + "x")
    result, _ = made(sales_lines=pd.concat([lines(), inside]), customers=own)
    assert result.key_figures["landing_p50"] == pytest.approx(1e6, rel=0.05)


def test_people_land_on_their_own_past_and_learners_are_not_judged():
    reps = pd.DataFrame(
        {"rep_id": ["R1", "R2", "R3"], "team_id": "T", "start_date": pd.to_datetime(["2015-01-01"] * 3)}
    )
    reps.loc[2, "start_date"] = pd.Timestamp("2026-03-01")
    sales = pd.concat([lines(), lines(rep="R2", seed=2), lines(rep="R3", start="2026-03-01")])
    goals = pd.concat([
        targets(9e5, level="rep", entity_id="R1"), targets(2e6, level="rep", entity_id="R2"),
        targets(3e6, "2026-03-01", level="rep", entity_id="R3"),
    ])  # fmt: skip
    result, findings = made(sales_lines=sales, reps=reps, targets=goals)
    table = result.entities.set_index("entity_id")
    assert table["verdict"][["R1", "R2", "R3"]].tolist() == ["held", "short", "unknown"]
    assert table["is_ramping"].tolist() == [False, False, False, True]
    assert table["landing_p50"]["R2"] == pytest.approx(1e6, rel=0.06)
    assert [f.subject_id for f in findings if f.code == "rep_short"] == ["R2"]
    assert [f.subject_id for f in findings if f.code == "rep_effort_unreal"] == ["R2"]
    one, _ = made(parameters={"rep": "R2"}, sales_lines=sales, reps=reps, targets=goals)
    assert one.key_figures["target"] == 2e6
    assert one.entities["entity_id"].tolist() == ["R2"]
    team, _ = made(parameters={"team": "T"}, sales_lines=sales, reps=reps, targets=goals)
    assert team.key_figures["landing_p50"] > 2e6
    for unknown in ({"rep": "X"}, {"team": "X"}):
        with pytest.raises(SettingError):
            made(parameters=unknown, reps=reps)


def test_r5_keeps_a_careful_figure_where_methods_disagree():
    sales = lines(noise=0.01)
    year = sales["invoice_date"].dt.year
    sales.loc[(year == 2025) & (sales["invoice_date"].dt.month > 6), "amount_net"] *= 2.2
    result, findings = made(sales_lines=sales)
    assert result.key_figures["disagreement"] > 0.15
    assert codes(findings, "T07-R5") == ["methods_apart"]
    assert result.key_figures["kept_landing"] < result.key_figures["landing_p50"]
    assert codes(made()[1], "T07-R5") == []


@pytest.mark.parametrize(("value", "fires"), [(1.6e6, True), (1.2e6, False)])
def test_r6_speaks_of_the_target_beyond_half_as_much_again(value, fires):
    assert codes(made(targets=targets(value))[1], "T07-R6") == (["effort_unreal"] if fires else [])


# --- orders and deals -------------------------------------------------------------------------------------------------


def deals_of(as_of: str = "2026-06-30", every: int = 7):
    """A deal every week, 60 days from creation to its end, one in two won at 5,000; events of its three stages."""
    created = pd.date_range("2023-01-02", as_of, freq=f"{every}D")
    n = len(created)
    closed = created + pd.Timedelta(days=60)
    is_open = closed > pd.Timestamp(as_of)
    won = np.arange(n) % 2 == 0
    status = np.where(is_open, "open", np.where(won, "won", "lost"))
    frame = pd.DataFrame({"opportunity_id": [f"o{i:04d}" for i in range(n)], "customer_id": "c1", "rep_id": "R1"})
    frame = frame.assign(created_date=created, closed_date=closed.where(~is_open), status=status, amount=5000.0)
    frame["expected_close_date"] = closed
    events = []
    for i, day in enumerate(created):
        moves = [("S1", day), ("S2", day + pd.Timedelta(days=20)), ("S3", day + pd.Timedelta(days=40))]
        known = [(stage, when) for stage, when in moves if when <= pd.Timestamp(as_of)]
        if status[i] != "open":
            known.append((status[i].upper(), closed[i]))
        before = None
        for stage, when in known:
            row = {"opportunity_id": f"o{i:04d}", "event_ts": when, "field": "stage", "old_value": before}
            events.append(row | {"new_value": stage, "event_id": f"e{len(events)}"})
            before = stage
        frame.loc[i, "stage_code"] = before
    stages = pd.DataFrame({"stage_code": ["S1", "S2", "S3", "WON", "LOST"], "stage_order": range(1, 6)})
    stages["kind"] = ["open", "open", "open", "won", "lost"]
    return {"opportunities": frame, "opportunity_events": pd.DataFrame(events), "stages": stages}


def test_milestones_say_what_is_missing_and_until_when():
    result, findings = made(**deals_of(), targets=targets(1.3e6))
    table = result.milestones.set_index("stage_code")
    assert table.index.tolist() == ["S1", "S2", "S3"]
    assert table["conversion"].between(0.42, 0.56).all()
    # Won 60, 40 and 20 days after entering each stage.
    expected = pd.to_datetime(["2026-11-01", "2026-11-21", "2026-12-11"])
    assert table["last_useful_date"].tolist() == expected.tolist()
    needed = result.key_figures["deals_needed"]
    assert table["needed_amount"]["S2"] == pytest.approx(needed / table["conversion"]["S2"])
    beyond = result.accelerate["stage"].isin(["S2", "S3"])
    assert table["have_amount"]["S2"] == result.accelerate.loc[beyond, "amount"].sum()
    deficit = table["needed_amount"] - table["have_equivalent"]
    assert table["deficit"].to_numpy() == pytest.approx(deficit.clip(lower=0).to_numpy())
    assert [f.subject_id for f in findings if f.rule == "T07-R2"] == ["S1", "S2", "S3"]
    priced = [f.stake for f in findings if f.rule == "T07-R2"]
    assert priced[0] == pytest.approx(deficit["S1"] * table["conversion"]["S1"])
    assert priced[1:] == [None, None]
    assert len(codes(findings, "T09-R7")) == 1


def test_no_deficit_no_finding():
    _, findings = made(**deals_of(), targets=targets(8e5))
    assert {f.rule for f in findings} & {"T07-R2", "T07-R3", "T09-R7"} == set()


def test_past_the_last_useful_date_only_open_deals_count():
    result, findings = made("2026-11-30", sales_lines=lines("2026-11-30"), **deals_of("2026-11-30"),
                            targets=targets(1.3e6))  # fmt: skip
    assert result.milestones["is_passed"].tolist() == [True, True, False]
    (late,) = [f for f in findings if f.rule == "T07-R3"]
    assert (late.code, late.subject_id) == ("too_late", "S2")
    assert {kind for kind, _ in late.targets} == {"opportunity"}
    assert [f.subject_id for f in findings if f.rule == "T07-R2"] == ["S3"]


def test_overdue_deals_are_rolled_or_dropped():
    tables = deals_of()
    waiting = tables["opportunities"]["status"] == "open"
    tables["opportunities"].loc[waiting, "expected_close_date"] = pd.Timestamp("2026-05-01")
    result, _ = made(**tables)
    assert result.key_figures["overdue_count"] == waiting.sum()
    assert result.key_figures["dropped_count"] == 0  # 60 days at most from now: within the year
    rolled = result.accelerate
    assert rolled["is_overdue"].all()
    assert rolled["due_date"].max() == pd.Timestamp("2026-08-29")
    earlier = deals_of("2026-06-15")
    earlier["opportunities"] = earlier["opportunities"].assign(expected_close_date=pd.Timestamp("2026-05-01"))
    quarter, _ = made("2026-06-15", {"period": "quarter"}, **earlier)
    assert quarter.key_figures["dropped_count"] > 0


def test_the_parts_add_up_to_the_landing_and_the_gap_to_the_target():
    backlog = pd.DataFrame({"order_line_id": ["a", "b", "c"], "remaining": [1e4, 2e4, 4e4], "rep_id": "R1"})
    backlog["order_date"] = pd.Timestamp("2026-06-01")
    backlog["due_date"] = pd.to_datetime(["2026-09-01", "2026-05-01", "2027-02-01"])
    sales = lines().assign(order_date=lambda f: f["invoice_date"] - pd.Timedelta(days=10))
    result, _ = made(sales_lines=sales, **deals_of(), orders_backlog=backlog, targets=targets(1.2e6))
    parts = result.components.set_index("step")["amount"]
    assert parts["backlog"] == 3e4  # what is dated in the past is still due; what is due next year is not
    assert result.key_figures["rolled_backlog"] == 2e4
    assert result.key_figures["lag_days"] == 10
    before = parts.drop(["landing", "gap", "target"])
    assert before.sum() == pytest.approx(parts["landing"]) == pytest.approx(result.key_figures["landing_p50"])
    assert parts["landing"] + parts["gap"] == pytest.approx(parts["target"])
    assert "M4" in result.methods["method"].tolist()


def test_won_deals_stand_in_for_sales():
    tables = deals_of()
    dataset = Dataset.from_frames(tables, "2026-06-30")
    result = steering.compute(dataset)
    assert dataset.sales_basis == "won_deals"
    # 26 deals a year at 5,000.
    assert result.key_figures["landing_p50"] == pytest.approx(130_000, rel=0.06)
    assert result.methods.set_index("method")["landing"]["M4"] == pytest.approx(130_000, rel=0.12)


def test_the_basket_and_the_coverage():
    result, _ = made(**deals_of(), targets=targets(1.3e6))
    row = result.basket.iloc[0]
    assert row["win_rate"] == pytest.approx(0.5, abs=0.03)
    assert row["cycle_months"] == pytest.approx(60 / 30.4375)
    year = 1.3e6 * row["deals_share"]
    assert row["basket_needed"] == pytest.approx(year / 11 / row["win_rate"] * row["cycle_months"])
    assert row["coverage_needed"] == pytest.approx((1 - row["create_close_share"]) / row["win_rate"])


# --- indicators and activity ------------------------------------------------------------------------------------------


def monthly(n: int, lag: int, strength: float, seed: int = 1) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    index = pd.RangeIndex(2020 * 12 + 1, 2020 * 12 + 1 + n)
    shock = rng.normal(0, 0.2, n + lag)
    season = np.array([SEASON[i % 12] for i in range(n)]) / 8
    sales = 1e5 * season * np.exp(strength * shock[:n] + rng.normal(0, 0.04, n))
    return pd.Series(sales, index), pd.Series(100 * np.exp(shock[lag:]), index)


def test_an_indicator_that_leads_is_found_with_its_lag():
    sales, ahead = monthly(60, 2, 0.8)
    table = indicators.tested(sales, pd.DataFrame({"visits": ahead}), steering.Thresholds())
    row = table.iloc[0]
    assert (row["lag_months"], row["verdict"], row["fold_count"]) == (2, "leading", 12)
    assert row["error_saved"] > 0.3


def test_the_correlations_of_every_lead_peak_at_the_lag_that_is_tested():
    sales, ahead = monthly(60, 2, 0.8)
    short = ahead.where(ahead.index > ahead.index[-10])
    frame = pd.DataFrame({"visits": ahead, "quotes": short})
    table = indicators.leads(sales, frame, steering.Thresholds())
    assert table[["kpi", "lag_months"]].to_numpy().tolist() == [["visits", lag] for lag in range(1, 7)]
    best = table.loc[table["correlation"].idxmax()]
    told = indicators.tested(sales, frame, steering.Thresholds()).iloc[0]
    assert (best["lag_months"], best["correlation"]) == (told["lag_months"], told["correlation"]) == (2, best.iloc[2])


def test_noise_is_followed_not_leading():
    verdicts = []
    for seed in range(30):
        sales, ahead = monthly(48, 2, 0.0, seed)
        verdicts += indicators.tested(sales, pd.DataFrame({"x": ahead}), steering.Thresholds())["verdict"].tolist()
    assert verdicts.count("leading") <= 3


def test_too_short_or_redefined_series_are_untested():
    sales, ahead = monthly(26, 1, 0.8)
    assert indicators.tested(sales, pd.DataFrame({"x": ahead}), steering.Thresholds())["verdict"][0] == "untested"
    quotes = pd.DataFrame({"quote_id": ["a", "b"], "sent_date": pd.to_datetime(["2024-01-05", "2025-03-05"])})
    change = pd.DataFrame({"date": pd.to_datetime(["2024-09-02"]), "metric": ["quotes"], "kind": ["definition_break"]})
    dataset = Dataset.from_frames(
        {"sales_lines": lines(), "quotes": quotes.assign(amount=5.0), "interventions": change}, "2026-06-30"
    )
    assert indicators.series(dataset)["quoted_amount"].dropna().index.tolist() == [2025 * 12 + 3]


def activities(rates: list[int], rep: str = "R1", end: str = "2026-06-28") -> pd.DataFrame:
    last = pd.Timestamp(end)
    days = [last - pd.Timedelta(days=7 * back + 6 - k % 5) for back, n in enumerate(rates[::-1]) for k in range(n)]
    frame = pd.DataFrame({"done_date": days, "rep_id": rep, "type": "visit", "status": "done"})
    return frame.assign(activity_id=[f"{rep}{i}" for i in range(len(frame))])


CALM = [10, 11, 9, 10, 10, 11, 9, 10, 9, 11, 10, 10, 11, 9, 10, 10, 9, 11, 10, 10, 9, 11]
REPS = pd.DataFrame({"rep_id": ["R1"], "start_date": pd.to_datetime(["2015-01-01"])})
ALL_DAYS = pd.DataFrame({"date": pd.date_range("2025-01-01", "2026-12-31")}).assign(
    is_working_day=lambda f: f["date"].dt.day_of_week < 5
)


def test_r4_warns_when_activity_falls_and_sales_hold():
    result, findings = made(
        sales_lines=lines(noise=1e-9), reps=REPS, calendar=ALL_DAYS, activities=activities([*CALM, 3, 2])
    )
    row = result.alerts.iloc[0]
    assert (row["signal"], row["last_weeks"], row["week_count"]) == ("low", 2, 24)
    assert row["last_rate"] == pytest.approx(2.5)
    assert row["rate_change"] == pytest.approx(2.5 / np.mean(CALM) - 1)
    (warning,) = [f for f in findings if f.rule == "T07-R4"]
    assert (warning.code, warning.subject_id, warning.owner) == ("activity_fall_undated", "R1", "R1")
    assert result.key_figures["false_alarm_share"] == 0.048


@pytest.mark.parametrize("rates", [[*CALM, 10, 3], [*CALM, 8, 8], [*CALM, 10, 10]], ids=["one week", "small", "calm"])
def test_r4_is_silent_on_noise(rates):
    _, findings = made(sales_lines=lines(noise=1e-9), reps=REPS, calendar=ALL_DAYS, activities=activities(rates))
    assert codes(findings, "T07-R4") == []


def test_r4_is_silent_when_sales_fall_too():
    falling = lines(noise=1e-9)
    falling.loc[falling["invoice_date"] > "2026-03-31", "amount_net"] *= 0.7
    result, findings = made(sales_lines=falling, reps=REPS, calendar=ALL_DAYS, activities=activities([*CALM, 3, 2]))
    assert result.alerts["signal"].tolist() == ["low"]
    assert codes(findings, "T07-R4") == []


def test_weeks_off_are_no_alert():
    frames = {"sales_lines": lines(), "reps": REPS, "calendar": ALL_DAYS, "activities": activities([*CALM, 0, 0])}
    away = pd.DataFrame({"rep_id": ["R1"], "month": [pd.Timestamp("2026-06-01")], "working_days": 22.0})
    on_leave, _ = made(**frames, rep_capacity=away.assign(absence_days=10.0))
    assert on_leave.alerts["signal"].tolist() == ["none"]
    silent, _ = made(**frames, rep_capacity=away.assign(absence_days=0.0))
    assert silent.alerts["signal"].tolist() == ["low"]


def test_holidays_do_not_look_like_a_fall():
    dataset = Dataset.from_frames(
        {"sales_lines": lines(), "reps": REPS, "activities": activities([10] * 24)}, "2026-06-30"
    )
    table = alerts.weekly(dataset, steering.Thresholds())
    assert table["working_days"].min() < 5
    assert (table["weekly_rate"] >= 9.9).all()


# --- the demo client and real data ------------------------------------------------------------------------------------

TABLES = ("activities", "opportunities", "opportunity_events", "stages", "targets", "reps", "rep_capacity", "calendar",
          "orders_backlog", "quotes", "customers", "interventions")  # fmt: skip


@pytest.fixture(scope="module")
def frames(make_demo):
    return make_demo.frames(7)


@pytest.fixture(scope="module")
def demo(demo_client):
    return results.of(sp.open(demo_client), steering.NAME)


def checked(result: steering.Result) -> None:
    optional = {f.name for f in dataclasses.fields(result) if getattr(result, f.name) is None}
    assert optional <= set(result.not_computable)
    assert {name for name, value in result.key_figures.items() if value is None} <= set(result.not_computable)
    for language in LANGUAGES:
        book = Phrasebook(steering.NAME, language)
        for reason in result.not_computable.values():
            book.say(reason.code, **reason.values)
        for finding in steering.findings(result):
            book.say(f"{finding.code}_observation", **finding.values)
            if finding.severity is not Severity.GOOD:
                book.say(f"{finding.code}_action", **finding.values)


ABSENT = [*((name,) for name in TABLES), TABLES]


@pytest.mark.parametrize("absent", paced(ABSENT, ("opportunity_events",), TABLES), ids="+".join)
def test_each_absent_table_leaves_a_reason_not_a_crash(frames, absent):
    kept = {name: frame for name, frame in frames.items() if name not in absent}
    checked(steering.compute(Dataset.from_frames(kept, as_of=AS_OF), thresholds=FEW_ORIGINS))


def test_no_sale_at_all():
    result = steering.compute(Dataset.from_frames({"customers": pd.DataFrame({"customer_id": ["a"]})}, as_of=AS_OF))
    checked(result)
    assert steering.findings(result) == []


def fires(findings, line) -> bool:
    """Whether an alert or a watch of the rule names the subject."""
    subject = (line["rule"], line["subject_kind"], line["subject_id"])
    return any((f.rule, f.subject_kind, f.subject_id) == subject for f in findings if f.severity is not Severity.GOOD)


def label(line) -> str:
    return f"{line['rule']}-{line['subject_id']}"


@pytest.mark.parametrize("line", TRUTHS.get("truth", []), ids=label)
def test_planted_truths_are_found(demo, line):
    assert fires(demo[1], line)


@pytest.mark.parametrize("line", TRUTHS.get("decoy", []), ids=label)
def test_decoys_are_not_flagged(demo, line):
    assert not fires(demo[1], line)


@pytest.mark.parametrize("variant", TRUTHS.get("variant", []), ids=lambda variant: variant["name"])
def test_variants(make_demo, variant):
    dataset = Dataset.from_frames(make_demo.frames(7, variant=variant["name"]), as_of=variant.get("as_of", AS_OF))
    findings = steering.findings(steering.compute(dataset, thresholds=FEW_ORIGINS))
    assert all(fires(findings, line) for line in variant.get("truth", []))
    assert not any(fires(findings, line) for line in variant.get("decoy", []))


def test_the_planted_indicator_is_found_with_its_lead(demo):
    planted, table = TRUTHS["parameters"], demo[0].indicators.set_index("kpi")
    assert table["verdict"][planted["leading_indicator"]] == "leading"
    assert table["lag_months"][planted["leading_indicator"]] == planted["lead_months"]


def test_the_demo_is_whole(demo):
    result, findings = demo
    checked(result)
    assert result.key_figures["target"] > 2e7
    assert result.key_figures["landing_p10"] < result.key_figures["landing_p50"] < result.key_figures["landing_p90"]
    assert len({f.id for f in findings}) == len(findings)
    order = [list(Severity).index(f.severity) for f in findings]
    assert order == sorted(order)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_column_and_sheet_has_its_words(demo, language):
    book = Phrasebook(steering.NAME, language)
    for field in dataclasses.fields(demo[0]):
        frame = getattr(demo[0], field.name)
        if isinstance(frame, pd.DataFrame):
            assert all(book.heading(column, field.name) for column in frame.columns)
            assert book.has(f"sheet_{field.name}")


@pytest.mark.slow
def test_nothing_after_the_date_is_seen(frames):
    whole = Dataset.from_frames(frames, as_of="2026-03-31")
    cut = {name: frame.copy() for name, frame in frames.items()}
    cut["sales_lines"] = cut["sales_lines"][pd.to_datetime(cut["sales_lines"]["invoice_date"]) <= "2026-03-31"]
    one, other = (
        steering.compute(dataset, thresholds=FEW_ORIGINS).key_figures
        for dataset in (whole, Dataset.from_frames(cut, as_of="2026-03-31"))
    )
    assert one == other


def test_codes_in_the_module_are_codes_in_the_phrases():
    text = "".join(path.read_text() for path in Path(steering.__file__).parent.glob("*.py"))
    said = {key.removesuffix("_observation") for key in phrases(steering.NAME) if key.endswith("_observation")}
    assert {code for code in said if f'"{code}"' not in text} == set()


@pytest.mark.usefixtures("real_data")
def test_superstore_lands_where_the_months_withheld_put_it(real_client):
    client = real_client("superstore")
    result = steering.compute(sp.open(client, as_of="2022-05-31"))
    truth = sp.open(client, as_of="2022-12-31").mart("customer_sales")["net_revenue"].sum()
    assert truth == pytest.approx(745_567.53, abs=0.5)
    assert result.key_figures["actual_to_date"] == pytest.approx(207_223.35, abs=0.01)
    assert result.key_figures["landing_p10"] < truth < result.key_figures["landing_p90"]
    assert result.key_figures["landing_p50"] == pytest.approx(truth, rel=0.10)


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(
    "case", paced([("chinook", None), ("crm", "2017-09-30"), ("crm", "2017-11-15")], ("chinook", None))
)
def test_other_clients_say_what_they_can(real_client, case):
    name, as_of = case
    checked(steering.compute(sp.open(real_client(name), as_of=as_of)))


def test_slots_of_a_date_inside_a_month_have_the_same_working_days():
    dataset = Dataset.from_frames({"sales_lines": lines("2026-05-19")}, "2026-05-19")
    time = series.timeline(dataset, "year", steering.Thresholds())
    assert (time.step, time.elapsed, time.length) == (2, 9, 24)
    first_halves = time.slots["days"].iloc[0:-1:2]
    assert set(first_halves) == {first_halves.iloc[-1]}
    assert time.days_gone + time.days_left == time.slots["days"].iloc[-24:].sum()
