"""Natural limits against published charts, the three rules, and the share of false alarms that is claimed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salespilot import behaviour as b

F2B = [102, 98, 105, 97, 101, 99, 104, 100, 96, 103, 110, 112, 111, 113, 109, 114, 112, 111]


def test_f2():
    found = b.limits([10, 50, 40, 30])
    assert (found.centre, found.moving_range) == (32.5, 20)
    assert found.upper == pytest.approx(85.7)
    assert found.lower == pytest.approx(-20.7)
    assert found.range_limit == pytest.approx(65.36)


def test_f2b_with_a_frozen_baseline_and_three_rules():
    chart = b.behaviour(F2B, baseline=10)
    assert chart["centre"][0] == 100.5
    assert chart["upper"][0] == pytest.approx(113.8)
    assert chart["lower"][0] == pytest.approx(87.2)
    assert list(chart.index[chart["is_outside"]]) == [15]
    assert chart.index[chart["is_run"]].min() == 16
    assert chart.index[chart["is_leaning"]].min() == 12


def test_nist_individuals(real_data):
    spc = pd.read_csv(real_data / "nist_spc.csv")
    found = b.limits(spc.loc[spc["case"] == "imr_flowrate", "x"])
    assert found.centre == pytest.approx(50.81)
    assert found.moving_range == pytest.approx(1.8778, abs=5e-5)
    assert (found.lower, found.upper) == pytest.approx((45.8151, 55.8049), abs=5e-5)


def test_one_huge_range_does_not_inflate_the_median_limits():
    series = [10, 11, 10, 11, 60, 10, 11, 10]
    assert b.limits(series, median=True).upper == pytest.approx(np.mean(series) + 3.14)
    assert b.limits(series).upper > 50


def test_a_leap_is_a_range_above_its_limit():
    assert list(b.behaviour([10, 11, 10, 11, 60, 61, 60, 61])["is_jump"]) == [False] * 4 + [True] + [False] * 3


def test_a_point_or_a_run_signals_and_leaning_never_does():
    calm = [10, 11, 9, 10, 11, 9, 10, 11, 9, 10, 11, 9]
    assert (b.behaviour([*calm, *calm], 12)["signal"] == "").all()
    assert b.behaviour([*calm, 30], 12)["signal"].iloc[-1] == "high"
    assert b.behaviour([*calm, -10], 12)["signal"].iloc[-1] == "low"
    shifted = b.behaviour([*calm, *[10.5, 10.6] * 5], 12)
    assert list(shifted["signal"]) == [""] * 21 + ["high"]
    leaning = b.behaviour([*calm, 13, 13, 13], 12)
    assert leaning["is_leaning"].iloc[-1]
    assert leaning["signal"].iloc[-1] == ""


def test_points_on_the_centre_break_a_run():
    assert not b.behaviour([5.0] * 12)["is_run"].any()
    assert list(b._run_lengths(np.array([1, 1, 0, 1, -1, -1]))) == [1, 2, 0, 1, 1, 2]


@pytest.mark.parametrize(("key", "rule"), b.SIGNAL_RULES.items())
def test_the_false_alarms_claimed_are_those_simulated(key, rule):
    baseline, points = key
    assert rule.false_alarm_share <= (0.05 if points == 24 else 0.07)
    assert b.false_alarm_share(points, baseline) == pytest.approx(rule.false_alarm_share, abs=0.007)


def test_the_rule_for_a_length_that_was_not_simulated_is_that_of_the_next_longer():
    assert b.signal_rule(18) == b.SIGNAL_RULES[0, 24]
    assert b.signal_rule(30, 12) == b.SIGNAL_RULES[12, 36]
    assert b.signal_rule(40, 26) == b.SIGNAL_RULES[24, 52]
    assert b.signal_rule(80) == b.SIGNAL_RULES[0, 52]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), st.floats(0.1, 100), st.floats(-1e5, 1e5))
def test_limits_follow_the_scale(series, scale, shift):
    own, moved = b.limits(series), b.limits(np.array(series) * scale + shift)
    assert moved.upper == pytest.approx(own.upper * scale + shift, rel=1e-6, abs=1e-3)
    assert moved.lower == pytest.approx(own.lower * scale + shift, rel=1e-6, abs=1e-3)


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=30), st.integers(0, 12))
def test_any_series_gets_its_rows(series, baseline):
    chart = b.behaviour(series, baseline)
    assert len(chart) == len(series)
    assert set(chart["signal"]) <= {"high", "low", ""}
