"""The choices that all reports share."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salespilot.classes import abc_classes
from salespilot.conventions import Conventions, SettingError, Settings, from_text, parameter, settings, threshold

F1 = pd.Series([50e3, 20e3, 10e3, 5e3, 5e3, 4e3, 3e3, 2e3, 1e3, 0, -2e3])


def classes(values, **conventions) -> str:
    return "".join(abc_classes(pd.Series(values), Conventions(**conventions)).frame["abc_class"])


def test_f1_cumulative_share():
    assert classes(F1) == "AAABBBBCCZN"


def test_headcount():
    assert classes([100, 90, 80, 70, 60, 50, 40, 30, 20, 10], abc_mode="headcount") == "AABBBCCCCC"


def test_bands():
    assert classes([60e3, 50e3, 10e3 + 1, 10e3, 9e3], abc_mode="bands") == "ABBCC"


def test_ties_get_the_same_class():
    assert classes([40, 20, 20, 20]) == "AAAA"
    assert classes([50, 25, 10, 5, 5, 5]) == "AAABBB"


def test_one_giant_customer_makes_bands_take_over():
    answer = abc_classes(pd.Series([900e3, 60e3, 20e3, 20e3]), Conventions())
    assert answer.mode == "bands"
    assert "".join(answer.frame["abc_class"]) == "AABB"


def test_flat_revenue_does_not_separate():
    assert not abc_classes(pd.Series([10, 11, 12, 10]), Conventions()).is_separating
    assert abc_classes(F1, Conventions()).is_separating


@given(st.lists(st.integers(-1000, 10**6), min_size=1, max_size=60))
def test_at_least_one_a_and_shares_sum_to_one(values):
    frame = abc_classes(pd.Series(values, dtype=float), Conventions()).frame
    if max(values) > 0:
        assert frame["share"].sum() == pytest.approx(1)
        assert "A" in set(frame["abc_class"]) or max(values) <= 50e3
    assert (frame["abc_class"] == "N").sum() == sum(v < 0 for v in values)
    assert (frame["abc_class"] == "Z").sum() == values.count(0)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=40, unique=True), st.randoms())
def test_classes_do_not_depend_on_the_order_of_rows(values, random):
    series = pd.Series(values, dtype=float)
    shuffled = series.sample(frac=1, random_state=random.randint(0, 9999))
    first = abc_classes(series, Conventions()).frame["abc_class"]
    assert first.equals(abc_classes(shuffled, Conventions()).frame["abc_class"].sort_index())


@dataclass(frozen=True)
class Sample(Settings):
    share: float = threshold(0.15, "share", "why")
    mode: str = parameter("a", "which", ("a", "b"))


def test_settings_are_strict():
    assert settings(Sample, {"share": 1}, "here").share == 1.0
    with pytest.raises(SettingError, match=r"here: unknown name 'shar'; did you mean 'share'\?"):
        settings(Sample, {"shar": 0.2}, "here")
    with pytest.raises(SettingError, match="share must be of type float"):
        settings(Sample, {"share": "0.2"}, "here")
    with pytest.raises(SettingError, match="mode must be one of 'a', 'b', not 'c'"):
        settings(Sample, {"mode": "c"}, "here")


def test_text_takes_the_type_of_the_default():
    assert from_text("007", "", "rep") == "007"
    assert from_text("7", 1, "months") == 7
    assert from_text("a, b", (), "list") == ("a", "b")
    assert from_text("true", False, "flag") is True
    with pytest.raises(SettingError, match="months must be of type int, not 'x'"):
        from_text("x", 1, "months")
