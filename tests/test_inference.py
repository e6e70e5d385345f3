"""Statistics against hand-made tables, published numbers and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from salespilot.inference import (
    chance_of_rate,
    discoveries,
    gini,
    hhi,
    lmdi,
    lorenz,
    misalignment,
    needed_trials,
    rate_limits,
    shrunk_rates,
    silence_probability,
    wilson,
)

INEQ = [541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261]
positive = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=50)


def test_gini_and_hhi_of_the_r_package_ineq():
    assert gini(INEQ) == pytest.approx(0.4620911, abs=1e-7)
    assert hhi(INEQ) == pytest.approx(0.1840812, abs=1e-7)


def test_gini_with_small_sample_correction_of_ineq():
    for sample in (np.repeat([50 / 9, 50], [9, 1]), np.repeat([2, 18], [5, 5])):
        corrected = gini(sample) * len(sample) / (len(sample) - 1)
        assert corrected == pytest.approx(0.4444444, abs=1e-7)


def test_f1_concentration_leaves_out_zero_and_negative():
    revenues = [50, 20, 10, 5, 5, 4, 3, 2, 1, 0, -2]
    assert gini(revenues) == pytest.approx(0.58889, abs=1e-5)
    assert hhi(revenues) == pytest.approx(0.308)
    assert 1 / hhi(revenues) == pytest.approx(3.247, abs=1e-3)


def test_f5_wilson():
    low, high = wilson([3, 30, 0], [10, 100, 8])
    assert_allclose(low, [0.1078, 0.2189, 0.0], atol=1e-4)
    assert_allclose(high, [0.6032, 0.3958, 0.3244], atol=1e-4)


def test_f6_shrunk_rates():
    assert_allclose(shrunk_rates([3, 0, 12], [4, 6, 30], kappa=20, centre=0.25), [1 / 3, 5 / 26, 0.34])


def test_shrinkage_by_moments_finds_the_variance_between_people():
    rng = np.random.default_rng(3)
    spread = []
    for _ in range(200):
        true = rng.beta(6, 14, size=40)
        trials = rng.integers(5, 200, size=40)
        rates = shrunk_rates(rng.binomial(trials, true), trials)
        spread.append(np.var(rates) / np.var(true))
    assert 0.75 < np.mean(spread) < 1.05


def test_without_variance_between_people_all_get_the_common_rate():
    assert_allclose(shrunk_rates([2, 4, 6], [10, 20, 30]), [0.2, 0.2, 0.2])


def test_f18_misalignment_and_silence():
    assert misalignment([0.5, 0.3, 0.15, 0.05], [0.2, 0.3, 0.3, 0.2]) == pytest.approx(0.30)
    mean_gap = np.mean([30, 28, 35, 31, 27])
    assert silence_probability(75, mean_gap) == pytest.approx(0.083, abs=1e-3)
    assert 75 / mean_gap > 2
    assert 75 / mean_gap < 3


def test_misalignment_of_nothing_is_unknown():
    assert math.isnan(misalignment([0, 0], [1, 2]))


@given(positive, st.floats(0.01, 100))
def test_gini_does_not_depend_on_the_unit(values, scale):
    assert gini(values) == pytest.approx(gini([v * scale for v in values]), abs=1e-9)


@given(positive)
def test_hhi_lies_between_one_nth_and_one(values):
    assert 1 / len(values) - 1e-9 <= hhi(values) <= 1 + 1e-9


@given(positive)
def test_lorenz_rises_from_zero_to_one(values):
    curve = lorenz(values)["value_share"]
    assert curve.iloc[0] == 0
    assert curve.iloc[-1] == pytest.approx(1)
    assert (curve.diff().dropna() >= -1e-12).all()


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), min_size=1, max_size=30))
def test_misalignment_is_symmetric_and_bounded(pairs):
    effort, stake = zip(*pairs, strict=True)
    value = misalignment(effort, stake)
    if sum(effort) > 0 and sum(stake) > 0:
        assert 0 <= value <= 1 + 1e-9
        assert value == pytest.approx(misalignment(stake, effort))
    else:
        assert math.isnan(value)


def test_f14_lmdi():
    parts = lmdi([190, 4.4, 0.18, 3300], [200, 4, 0.25, 3000])
    assert_allclose(parts, [-28_040, 52_103, -179_581, 52_103], atol=0.5)
    assert parts.sum() == pytest.approx(-103_416)


factors = st.lists(st.floats(0, 1e3).map(lambda x: 0.0 if x < 1e-3 else x), min_size=4, max_size=4)


@given(factors, factors)
def test_lmdi_sums_to_the_gap_whatever_the_zeros(values, reference):
    gap = math.prod(values) - math.prod(reference)
    scale = max(math.prod(values), math.prod(reference), 1.0)
    assert lmdi(values, reference).sum() == pytest.approx(gap, abs=1e-9 * scale)


def test_lmdi_of_zeros_is_the_limit_of_small_values():
    assert_allclose(lmdi([0, 2, 5], [1, 2, 3]), [-6, 0, 0])
    assert_allclose(lmdi([1, 0, 0], [1, 2, 3]), [0, -3, -3])
    assert_allclose(lmdi([4, 3], [0, 3]), [12, 0])
    assert_allclose(lmdi([2, 3], [3, 2]), 6 * np.log([2 / 3, 3 / 2]))
    assert np.isnan(lmdi([np.nan, 2], [1, 2])).all()
    with pytest.raises(ValueError, match="negative"):
        lmdi([-1, 2], [1, 2])


def test_f19_needed_trials():
    assert needed_trials(0.25, 0.35) == pytest.approx(327.6, abs=0.05)
    assert needed_trials(0.25, 0.35) / 2 == pytest.approx(163.8, abs=0.05)


def test_limits_of_a_rate_are_normal_for_many_and_exact_for_few():
    low, high = rate_limits(0.3, [100, 10, 0], 3)
    assert_allclose([low[0], high[0]], 0.3 + 3 * math.sqrt(0.21 / 100) * np.array([-1, 1]))
    assert (low[1], high[1]) == (0.0, 0.8)  # 9 or 10 of 10 at 30 %: 0.00014; 8 or more: 0.0016 > 0.00135
    assert np.isnan([low[2], high[2]]).all()


def test_chance_of_a_rate():
    assert chance_of_rate([0, 5, 10, 0], [10, 10, 10, 0], 0.5)[:3] == pytest.approx([2 / 1024, 1.0, 2 / 1024])
    assert np.isnan(chance_of_rate([0], [0], 0.5)[0])


def test_benjamini_and_hochberg_1995():
    # The fifteen p-values of their section 3.2: four stand at 5 %, where Bonferroni keeps three.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0]  # fmt: skip
    assert discoveries(p, 0.05).tolist() == [True] * 4 + [False] * 11
    assert discoveries([0.5, np.nan]).tolist() == [False, False]
    assert discoveries([]).tolist() == []
