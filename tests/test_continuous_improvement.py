"""Continuous improvement: figures worked out by hand, simulated noise and changes, and what the demo client hides."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pace import paced

import salespilot as sp
from salespilot import results
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics import continuous_improvement as improve
from salespilot.diagnostics.continuous_improvement import Thresholds, changes, judge, series
from salespilot.phrasebook import LANGUAGES, Phrasebook

AS_OF = date(2026, 6, 30)
TRUTHS = tomllib.loads((Path(__file__).parent.parent / "data/demo/truths/continuous_improvement.toml").read_text())
MONTHS = pd.date_range("2023-07-01", periods=36, freq="MS")


def lines(values, customer: str = "C1", rep: str = "R1", months=MONTHS) -> pd.DataFrame:
    """One invoice a month, on its 15th and (for closed months) a token line at its end."""
    frame = pd.DataFrame({"invoice_date": [m + pd.Timedelta(days=14) for m in months], "amount_net": values})
    frame = frame.assign(customer_id=customer, rep_id_booked=rep, doc_type="invoice")
    names = [f"{customer}-{rep}-{n}" for n in range(len(frame))]
    return frame.assign(line_id=names, invoice_id=names)


def sold(*parts: pd.DataFrame, **tables: pd.DataFrame) -> Dataset:
    last = parts[0].tail(1).assign(invoice_date=pd.Timestamp(AS_OF), amount_net=0.0, line_id="last", invoice_id="last")
    return Dataset.from_frames({"sales_lines": pd.concat([*parts, last], ignore_index=True), **tables}, as_of=AS_OF)


def panel(values, kind: str = "value", n=np.nan, indicator: str = "x") -> pd.DataFrame:
    months = pd.date_range("2023-01-01", periods=len(values), freq="MS")
    frame = pd.DataFrame({"month": months, "value": np.asarray(values, float), "raw_value": values, "n": n})
    return frame.assign(indicator=indicator, kind=kind, scope_kind="company", scope_id="ALL")


def cause(day: str, kind: str = "change") -> pd.DataFrame:
    row = {"indicator": "x", "scope_kind": "company", "scope_id": "ALL", "start_date": pd.Timestamp(day), "kind": kind}
    return pd.DataFrame([row])


NO_CAUSE = cause("2030-01-01").head(0)


# --- series -----------------------------------------------------------------------------------------------------------


def test_revenue_is_per_working_day():
    dataset = sold(lines([21_000.0] * 36))
    window = series.span(dataset, Thresholds())
    assert (window.start, window.end) == (date(2023, 8, 1), AS_OF)  # July 2023 begins before the first sale
    whole = series.panel(dataset, window, dataclasses.replace(Thresholds(), season_months=99))
    own = whole[(whole["indicator"] == "revenue_per_day") & (whole["scope_kind"] == "company")].set_index("month")
    assert own["value"][pd.Timestamp("2025-09-01")] == pytest.approx(21_000 / 22)  # 22 working days, no holiday
    assert own["value"][pd.Timestamp("2025-05-01")] == pytest.approx(21_000 / 19)  # 22 less 1, 8 and 29 May


def test_the_season_is_found_and_removed():
    shape = np.array([1, 1, 1.2, 1, 0.9, 1.1, 0.9, 0.5, 1.2, 1.2, 1.0, 1.0])
    values = pd.Series(np.tile(100 * shape / shape.mean(), 3))
    index = series.season(values, pd.Series(pd.date_range("2023-01-01", periods=36, freq="MS")))
    assert index.to_numpy() == pytest.approx(shape / shape.mean(), rel=1e-9)


def test_rare_newcomers_are_charted_by_the_days_between_them():
    old = lines([100.0] * 36)
    new = [lines([50.0], f"N{n}", months=[m]) for n, m in enumerate(MONTHS[14::3])]
    whole = series.panel(sold(old, *new), series.span(sold(old), Thresholds()), Thresholds())
    assert "new_customers" not in set(whole["indicator"])
    assert set(whole.loc[whole["indicator"] == "days_between_new_customers", "value"]) <= {90.0, 91.0, 92.0}


def test_a_salesperson_is_charted_in_post_only():
    reps = pd.DataFrame({"rep_id": ["R1", "R2"], "start_date": pd.to_datetime(["2020-01-01", "2025-03-10"])})
    reps["end_date"] = pd.to_datetime(["2026-01-15", None])
    both = sold(lines([100.0] * 36), lines([100.0] * 36, "C2", "R2"), reps=reps)
    whole = series.panel(both, series.span(both, Thresholds()), Thresholds())
    own = whole[(whole["indicator"] == "revenue_per_day") & (whole["scope_kind"] == "rep")].groupby("scope_id")["month"]
    assert own.max()["R1"] == pd.Timestamp("2025-12-01")
    assert own.min()["R2"] == pd.Timestamp("2025-04-01")


# --- signal or noise --------------------------------------------------------------------------------------------------


def test_a_frozen_baseline_sets_the_limits():
    """F2b with more points before it is judged: the shift is outside limits drawn on the first twelve."""
    base = [102, 98, 105, 97, 101, 99, 104, 100, 96, 103, 101, 99]
    points = judge.judged(
        panel([*base, 110, 112, 111, 113, 109, 114, 112, 111, 110, 113, 112, 111]), NO_CAUSE, Thresholds()
    )
    first = np.asarray(base, float)
    spread = np.abs(np.diff(first)).mean()
    assert points["centre"].unique() == pytest.approx([first.mean()])
    assert points["upper"].iloc[0] == pytest.approx(first.mean() + 2.66 * spread)
    assert (points["signal"].iloc[12:] == "high").any()
    assert (points["signal"].iloc[:12] == "").all()


def test_rates_have_limits_as_wide_as_their_denominators_are_small():
    rng = np.random.default_rng(1)
    n = np.tile([20, 200], 15)
    points = judge.judged(panel(rng.binomial(n, 0.4) / n, "rate", n), NO_CAUSE, Thresholds())
    width = points["upper"] - points["lower"]
    few, many = width[points["n"] == 20], width[points["n"] == 200]
    assert few.mean() / many.mean() == pytest.approx(10**0.5, rel=0.05)
    assert points["upper"].max() <= 1


def test_noise_stays_silent_and_a_stated_rate_is_kept():
    rng = np.random.default_rng(3)
    alarms = [
        (judge.judged(panel(100 + 10 * rng.standard_normal(36)), NO_CAUSE, Thresholds())["signal"] != "").any()
        for _ in range(300)
    ]
    assert np.mean(alarms) <= 0.058 + 2.5 * (0.058 * 0.942 / 300) ** 0.5


def test_a_documented_shift_begins_a_new_regime_and_an_undocumented_one_does_not():
    rng = np.random.default_rng(5)
    values = 100 + 4 * rng.standard_normal(36)
    values[20:] += 15
    month = (pd.Timestamp("2023-01-01") + pd.DateOffset(months=20)).date().isoformat()
    known = judge.judged(panel(values), cause(month), Thresholds())
    assert known["regime"].max() == 2
    assert known["centre"].iloc[-1] == pytest.approx(values[20:].mean(), rel=0.05)
    assert (known["signal"].iloc[20:] == "").all()
    unknown = judge.judged(panel(values), NO_CAUSE, Thresholds())
    assert unknown["regime"].max() == 1
    assert (unknown["signal"].iloc[20:] == "high").sum() >= 3


def test_a_change_of_definition_always_begins_a_new_regime_and_a_change_without_effect_never():
    flat = panel(100 + 4 * np.random.default_rng(1).standard_normal(36))
    assert judge.judged(flat, cause("2024-06-01", "definition_break"), Thresholds())["regime"].max() == 2
    assert judge.judged(flat, cause("2024-06-01"), Thresholds())["regime"].max() == 1


def test_autocorrelation_is_taken_out_before_anything_is_judged():
    rng = np.random.default_rng(8)
    slow = np.zeros(36)
    for i in range(1, 36):
        slow[i] = 0.85 * slow[i - 1] + rng.standard_normal()
    points = judge.judged(panel(100 + slow), NO_CAUSE, Thresholds())
    naive = judge.judged(panel(100 + slow), NO_CAUSE, dataclasses.replace(Thresholds(), autocorrelation_limit=1.0))
    assert points["autocorrelation"].iloc[0] > 0.5
    assert (points["signal"] != "").sum() < (naive["signal"] != "").sum()


def test_a_leap_among_the_months_of_reference_is_told():
    told = judge.judged(panel([100.0, 101.0] * 6 + [150.0, 151.0] * 6), NO_CAUSE, Thresholds())
    assert not told["is_jump"].any()
    told = judge.judged(panel([100.0, 101.0, 100.0, 150.0] + [149.0, 150.0] * 10), NO_CAUSE, Thresholds())
    assert list(told.index[told["is_jump"]]) == [3]
    summary = judge.summaries(told, told["month"].iloc[0], Thresholds()).iloc[0]
    assert summary["jump_month"] == pd.Timestamp("2023-04-01")
    assert summary["limit_share"] == pytest.approx((told["upper"] - told["centre"]).iloc[-1] / told["value"].mean())


STEADY = [20_000.0 + 400 * (n % 3) for n in range(34)]


def told_of_revenue(*parts: pd.DataFrame) -> list[sp.finding.Finding]:
    found = improve.findings(improve.compute(sold(*parts)))
    return [one for one in found if one.rule == "T06-R1" and one.values["indicator"] == "revenue_per_day"]


def test_revenue_that_rises_without_orders_is_price_before_it_is_performance():
    dearer = told_of_revenue(lines([*STEADY, 60_000.0, 60_000.0]))
    assert {one.code for one in dearer} == {"signal_high_value"}
    late = lines([20_000.0] * 2, months=MONTHS[-2:])
    orders = [late.assign(invoice_id=late["invoice_id"] + x, line_id=late["line_id"] + x) for x in "abcdefgh"]
    busier = told_of_revenue(lines([*STEADY, 20_000.0, 20_000.0]), *orders)
    assert {one.code for one in busier} == {"signal_high"}


def test_the_signal_told_is_the_last_of_its_series():
    told = told_of_revenue(lines([*STEADY[:-1], 60_000.0, 60_000.0, 60_000.0]))
    assert {one.values["month"] for one in told} == {date(2026, 6, 1)}


def test_what_stands_out_is_expected_to_come_back():
    values = [100.0, 110, 90, 105, 95, 108, 92, 103, 97, 106, 94, 130]
    own = panel(values, indicator="revenue_per_day").assign(scope_kind="rep", scope_id="R1")
    points = judge.judged(own, NO_CAUSE, Thresholds())
    (row,) = judge.expectations(points, "revenue_per_day").to_dict("records")
    assert row["expected_next"] == pytest.approx(np.mean(values))  # alternating months: nothing carries over
    assert row["last_value"] == 130


@given(st.lists(st.floats(0, 1e6), min_size=6, max_size=40))
def test_limits_hold_the_centre_and_stay_above_zero(values):
    points = judge.judged(panel(values), NO_CAUSE, Thresholds())
    assert (points["lower"] <= points["centre"] + 1e-6).all()
    assert (points["centre"] <= points["upper"] + 1e-6).all()
    assert (points["lower"] >= 0).all()


# --- changes ----------------------------------------------------------------------------------------------------------


def acted(effect: float, seed: int = 0, count: int = 25) -> Dataset:
    """One action on ``count`` of 100 customers whose sales rise by ``effect`` over the last 9 months."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in range(100):
        values = 1000 * rng.lognormal(0, 0.4) * rng.lognormal(0, 0.25, 36)
        if n < count:
            values[27:] *= 1 + effect
        parts.append(lines(values, f"C{n:02d}"))
    actions = pd.DataFrame(
        {"action_id": ["A1"], "title": ["Ouvrir une famille"], "metric": ["revenue"], "status": ["in_progress"],
         "start_date": [pd.Timestamp("2025-10-01")], "decided_on": [pd.Timestamp("2025-09-20")],
         "impact_mode": [1000.0], "owner_rep_id": ["R1"]}
    )  # fmt: skip
    targets = pd.DataFrame({"action_target_id": [f"T{n}" for n in range(count)], "action_id": "A1"})
    targets["customer_id"] = [f"C{n:02d}" for n in range(count)]
    return sold(*parts, actions=actions, action_targets=targets)


def test_an_action_that_worked_is_adopted_with_its_effect():
    (row,) = improve.compute(acted(0.40)).changes.to_dict("records")
    assert row["decision"] == "adopt"
    assert row["effect_low"] <= 0.40 <= row["effect_high"]
    assert (row["before_count"], row["after_count"]) == (26, 9)  # the first month is not whole


@pytest.mark.slow
def test_actions_without_effect_are_rarely_adopted():
    decisions = []
    for dataset in (acted(0.0, seed) for seed in range(12)):
        own = changes.measured(
            dataset, changes.listed(dataset), panel([1.0]), series.span(dataset, Thresholds()), Thresholds()
        )
        decisions.append(own["decision"].iloc[0])
    assert decisions.count("adopt") <= 1


def test_an_intervention_is_judged_after_eight_months_in_the_direction_foretold():
    rng = np.random.default_rng(11)
    values = 20_000 * rng.normal(1, 0.03, 36)
    values[24:] *= 1.15

    def row(day, direction, kind="change"):
        frame = pd.DataFrame({"intervention_id": ["I"], "date": [pd.Timestamp(day)], "scope": ["company"]})
        frame = frame.assign(description="x", metric="revenue", expected_direction=direction, kind=kind)
        made = improve.compute(sold(lines(values), interventions=frame))
        return made.changes["decision"].iloc[0]

    assert row("2025-07-01", "up") == "adopt"
    assert row("2025-07-01", "down") == "abandon"
    assert row("2025-07-01", None) == "no_hypothesis"
    assert row("2025-07-01", "up", "external") == "external"
    assert row("2025-07-01", "up", "definition_break") == "redefined"
    assert row("2026-02-01", "up") == "wait"


def test_a_relative_effect_is_a_ratio_of_means():
    effect, low, high = changes.relative_effect(np.full(12, 10.0), np.full(9, 12.0), Thresholds())
    assert (effect, low, high) == pytest.approx((0.2, 0.2, 0.2))


# --- reports ----------------------------------------------------------------------------------------------------------


def test_a_short_history_says_so():
    made = improve.compute(sold(lines([100.0] * 3, months=MONTHS[-3:])))
    assert made.charts is None
    assert made.not_computable["charts"].code == "too_short"
    assert made.key_figures["charts"] == 0
    assert improve.findings(made) == []


def test_an_unknown_salesperson_is_refused():
    with pytest.raises(SettingError, match="R99"):
        improve.compute(sold(lines([1.0] * 36)), improve.Parameters(rep="R99"))


@pytest.fixture(scope="module")
def demo(demo_client):
    (demo_client / "actions.xlsx").unlink(missing_ok=True)
    return results.of(sp.open(demo_client, AS_OF), improve.NAME)


@pytest.fixture(scope="module")
def two_people(make_demo):
    """The tables of the demo client, with the rows of two salespeople of two teams where a table names any."""
    frames = {}
    for name, frame in make_demo.frames(7).items():
        column = next((c for c in ("rep_id", "rep_id_booked") if c in frame), None)
        frames[name] = frame[frame[column].isin(("R03", "R08"))] if column else frame
    return frames


def fires(findings, line) -> bool:
    wanted = (line["rule"], line["subject_kind"], line["subject_id"])
    return wanted in {(f.rule, f.subject_kind, f.subject_id) for f in findings}


def test_what_is_charted_of_each_alone_is_judged_nowhere(demo):
    made, findings = demo
    assert set(made.personal["indicator"]) >= {"orders_per_day", "avg_order_value", "quotes_per_day"}
    assert set(made.personal["scope_kind"]) == {"rep"}
    for frame in (made.points, made.charts, made.signals):
        assert set(frame.loc[frame["scope_kind"] == "rep", "indicator"]) <= set(series.PERSONAL)
    told = {one.values["indicator"] for one in findings if one.subject_kind == "rep"}
    assert told <= set(series.PERSONAL)


@pytest.mark.parametrize("line", TRUTHS["truth"], ids=lambda t: f"{t['rule']}-{t['subject_id']}")
def test_planted_truths_are_found(demo, line):
    assert fires(demo[1], line)


@pytest.mark.parametrize("line", TRUTHS["decoy"], ids=lambda t: f"{t['rule']}-{t['subject_id']}")
def test_decoys_are_not_flagged(demo, line):
    assert not fires(demo[1], line)


OPTIONAL = ["activities", "opportunities", "quotes", "interventions", "actions", "targets", "reps", "rep_capacity",
            "rep_assessments", "calendar"]  # fmt: skip


@pytest.mark.parametrize("absent", paced(OPTIONAL, "activities", "interventions"))
def test_every_optional_table_may_be_absent(two_people, absent):
    frames = {name: frame for name, frame in two_people.items() if name != absent}
    made = improve.compute(Dataset.from_frames(frames, as_of=AS_OF))
    assert made.key_figures["charts"] > 0
    assert {name for name, value in made.key_figures.items() if value is None} <= set(made.not_computable)
    assert all(
        getattr(made, name) is not None or name in made.not_computable for name in ("charts", "changes", "pillars")
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_there(demo, language):
    made, findings = demo
    book = Phrasebook(improve.NAME, language)
    for finding in findings:
        assert book.say(f"{finding.code}_observation", **finding.values)
        if finding.severity is not sp.finding.Severity.GOOD:
            assert book.say(f"{finding.code}_action", **finding.values)
    for reason in made.not_computable.values():
        assert book.say(reason.code, **reason.values)
    for field in dataclasses.fields(made):
        frame = getattr(made, field.name)
        if isinstance(frame, pd.DataFrame):
            assert all(book.heading(column, field.name) for column in frame.columns)
            assert book.has(f"sheet_{field.name}")


@pytest.mark.usefixtures("real_data")
def test_chinook_says_that_nothing_happened(real_client):
    made = improve.compute(sp.open(real_client("chinook")))
    assert made.key_figures["charts"] > 0
    assert made.key_figures["signals"] <= made.key_figures["expected_false_alarms"] + 2
