"""Synthesis: what is counted once, what is shown, and what changed since the date before."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import salespilot as sp
from salespilot import results as made
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics import portfolio_review
from salespilot.finding import Finding, Severity
from salespilot.phrasebook import LANGUAGES, Phrasebook
from salespilot.plans import synthesis

AS_OF = date(2026, 6, 30)
TRUTHS = tomllib.loads((Path(__file__).parent.parent / "data/demo/truths/synthesis.toml").read_text())


def finding(rule: str, stake: float | None, *customers: str, kind: str = "gain", report: str = "portfolio_review"):
    subject = ("customer", customers[0]) if customers else ("company", "ALL")
    targets = tuple(("customer", one) for one in customers)
    return Finding(report, rule, "any", Severity.ALERT, *subject, stake=stake, stake_kind=kind, targets=targets)


def lists(*found: Finding):
    return synthesis._lists(found, synthesis.Thresholds())


def test_a_customer_counts_in_its_dearest_finding_only():
    stakes, tops = lists(finding("R1", 100.0, "a"), finding("R2", 80.0, "a"), finding("R3", 60.0, "a", "b"))
    assert stakes.set_index("rule")["counted_stake"].to_dict() == {"R1": 100.0, "R2": 0.0, "R3": 30.0}
    assert [one.rule for one in tops["gain"]] == ["R1", "R3"]


def test_the_same_money_of_one_report_is_shown_once():
    gap = [finding(f"R{n}", 500.0, kind="at_risk", report="dynamic_steering") for n in (1, 2)]
    _, tops = lists(*gap, finding("R3", 500.0, "a", kind="at_risk"), finding("R1", None, "b"))
    assert len(tops["at_risk"]) == 2
    assert not tops["check"]  # its rule is told already


def test_what_has_no_price_has_no_total():
    stakes, _ = lists(finding("R1", None, "a"), finding("R2", 10.0, "b"))
    totals = synthesis._totals(stakes).set_index("list")["counted_stake"]
    assert totals["gain"] == 10.0
    assert pd.isna(totals["check"])


def test_gains_and_risks_are_apart_and_the_whole_is_never_added():
    stakes, tops = lists(
        finding("R1", 100.0, "a"), finding("R2", 80.0, "a", kind="at_risk"), finding("R3", 900.0, kind="at_risk")
    )
    counted = stakes.groupby("list")["counted_stake"].sum()
    assert counted.to_dict() == {"gain": 100.0, "at_risk": 80.0}
    assert [one.rule for one in tops["at_risk"]] == ["R3", "R2"]


def test_what_has_no_price_or_rests_on_doubtful_data_is_to_check():
    stakes, tops = lists(finding("R1", None, "a"), finding("F1", 1e6, report="data_fitness"))
    assert set(stakes["list"]) == {"check"}
    assert len(tops["check"]) == 2


def test_the_biggest_of_each_rule_is_shown():
    _, tops = lists(*(finding("R1", 100.0 - n, f"c{n}") for n in range(5)), finding("R2", 1.0, "z"))
    assert [(one.rule, one.stake) for one in tops["gain"]] == [("R1", 100.0), ("R2", 1.0)]


@given(st.lists(st.tuples(st.floats(1, 1e6), st.sets(st.sampled_from("abcdef"), min_size=1)), max_size=12))
def test_no_more_is_counted_than_the_dearest_of_each_customer(parts):
    found = [finding(f"R{n}", stake, *sorted(who)) for n, (stake, who) in enumerate(parts)]
    stakes, _ = lists(*found)
    counted = stakes["counted_stake"].sum()
    assert counted <= sum(stake for stake, _ in parts) + 1e-6
    assert stakes["counted_share"].between(0, 1).all()
    if parts:
        assert counted >= max(stake for stake, _ in parts) - 1e-6


def fires(findings, line) -> bool:
    wanted = (line["rule"], line["subject_kind"], line["subject_id"])
    return wanted in {(one.rule, one.subject_kind, one.subject_id) for one in findings}


def test_planted_truths_are_found_and_decoys_are_not(demo):
    dataset, results = demo
    whole = results | {"dynamic_steering": made.of(dataset, "dynamic_steering")}
    told = synthesis.findings(synthesis.compute(dataset, whole))
    assert all(fires(told, line) for line in TRUTHS["truth"])
    assert not any(fires(told, line) for line in TRUTHS["decoy"])


@pytest.fixture(scope="module")
def demo(demo_client):
    dataset = sp.open(demo_client, AS_OF)
    return dataset, {name: made.of(dataset, name) for name in ("portfolio_review", "abc_cross_matrix")}


@pytest.fixture(scope="module")
def compared(demo):
    return synthesis.compute(*demo, synthesis.Parameters(since="2026-03-31"))


def test_since_compares_by_todays_rules(demo, compared):
    dataset, results = demo
    assert list(compared.changes["as_of"].dt.date) == [date(2026, 3, 31), AS_OF]
    before = portfolio_review.compute(dataset.at("2026-03-31"))
    assert compared.changes["net_revenue"].tolist() == pytest.approx(
        [before.key_figures["net_revenue"], results["portfolio_review"][0].key_figures["net_revenue"]]
    )
    then = before.customers.set_index("customer_id")["abc_class"]
    now = results["portfolio_review"][0].customers.set_index("customer_id")["abc_class"]
    moved = pd.concat([then.rename("then"), now.rename("now")], axis=1).dropna()
    assert compared.moves["customer_count"].sum() == (moved["then"] != moved["now"]).sum()


@pytest.mark.parametrize("since", ["2026-06-30", "2027-01-01", "last month"])
def test_a_date_that_is_no_earlier_one_is_refused(demo, since):
    with pytest.raises(SettingError, match="since"):
        synthesis.compute(*demo, synthesis.Parameters(since=since))


@pytest.mark.parametrize("absent", [(), ("portfolio_review",), ("portfolio_review", "abc_cross_matrix")])
def test_any_report_may_be_missing(demo, absent):
    dataset, results = demo
    kept = {name: made for name, made in results.items() if name not in absent}
    whole = synthesis.compute(dataset, kept, synthesis.Parameters(since="2026-03-31"))
    assert whole.key_figures["finding_count"] == sum(
        one.severity is not Severity.GOOD for _, own in kept.values() for one in own
    )
    assert whole.moves is not None or "moves" in whole.not_computable


def test_without_actions_it_says_so():
    none = synthesis.compute(Dataset.from_frames({}, as_of=AS_OF), {})
    assert none.decided is None
    assert none.not_computable["decided"].values == {"table": "actions"}
    assert none.key_figures["late_count"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_there(demo, compared, language):
    book = Phrasebook(synthesis.NAME, language)
    for field in dataclasses.fields(compared):
        frame = getattr(compared, field.name)
        if isinstance(frame, pd.DataFrame):
            assert all(book.heading(column, field.name) for column in frame.columns)
            assert book.has(f"sheet_{field.name}")
    for reason in synthesis.compute(demo[0], {}).not_computable.values():
        assert book.say(reason.code, **reason.values)
