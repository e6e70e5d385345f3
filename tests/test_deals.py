"""Deals: incidence with competing ends, stays in the stages, traps of CRM lists, chances of open deals."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salespilot import dataset as datasets
from salespilot import deals
from salespilot.dataset import Dataset
from salespilot.deals import incidence

F4 = ([10, 20, 30, 40, 50, 60], ["won", "lost", "open", "won", "lost", "open"])
AS_OF = date(2026, 6, 30)


# --- cumulative incidence ---------------------------------------------------------------------------------------------


def test_f4():
    last = deals.incidence_at(deals.cumulative_incidence(*F4), 60)
    assert last[["won", "lost", "open"]].round(4).to_list() == [0.3889, 0.3889, 0.2222]


def test_ends_of_one_day_share_its_risk_set():
    # Day 10: 4 at risk, 2 won, 1 lost, 1 censored. Day 20: nobody.
    curve = deals.cumulative_incidence([10, 10, 10, 10], ["won", "open", "lost", "won"])
    assert curve.loc[0, ["at_risk", "won", "lost", "open"]].to_list() == [4, 0.5, 0.25, 0.25]
    # Day 5 one of 5 is lost; day 10 two of the 4 left are won: 4/5 · 2/4.
    curve = deals.cumulative_incidence([10, 10, 5, 10, 12], ["won", "won", "lost", "open", "open"])
    assert curve["won"].to_list() == pytest.approx([0, 0.4, 0.4])


def test_freireich(real_data):
    """With one cause the complement is Kaplan-Meier: remission times of 6-MP (D-KM-6MP)."""
    cases = json.loads((real_data / "expected.json").read_text())
    expected = next(case for case in cases if case["id"] == "D-KM-6MP")["expected"]
    frame = pd.read_csv(real_data / "survival" / "gehan_6mp.csv")
    for group, median in (("6-MP", 23), ("control", 8)):
        rows = frame[frame["treat"] == group]
        curve = deals.cumulative_incidence(rows["time"], np.where(rows["cens"] == 1, "lost", "open")).set_index("day")
        for day, share in expected[group].items():
            assert curve.loc[float(day), "open"] == pytest.approx(share, abs=6e-4)
        assert curve.index[curve["open"] <= 0.5][0] == expected[f"median {group}"] == median


OUTCOMES = st.sampled_from(["won", "lost", "cancelled", "open"])
LIVES = st.lists(st.tuples(st.integers(0, 40), OUTCOMES), min_size=1, max_size=60)


@given(LIVES, st.randoms())
def test_shares_add_up_and_order_is_nothing(lives, random):
    curve = deals.cumulative_incidence(*zip(*lives, strict=True))
    assert (curve[["won", "lost", "other", "open"]].sum(axis=1) - 1).abs().max() < 1e-9
    assert curve[["won", "lost", "other"]].diff().min().min() >= -1e-12 if len(curve) > 1 else True
    assert ((curve["won_low"] <= curve["won"] + 1e-9) & (curve["won"] <= curve["won_high"] + 1e-9)).all()
    shuffled = list(lives)
    random.shuffle(shuffled)
    pd.testing.assert_frame_equal(curve, deals.cumulative_incidence(*zip(*shuffled, strict=True)), check_exact=True)


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["won", "lost", "cancelled"])), min_size=1, max_size=60))
def test_nothing_censored_is_the_plain_share(lives):
    day, outcome = map(np.array, zip(*lives, strict=True))
    curve = deals.cumulative_incidence(day, outcome)
    for row in curve.itertuples():
        assert row.won == pytest.approx(((day <= row.day) & (outcome == "won")).mean())
        assert row.lost == pytest.approx(((day <= row.day) & (outcome == "lost")).mean())


def test_the_variance_without_censoring_is_binomial():
    outcome = ["won"] * 30 + ["lost"] * 70
    curve = deals.cumulative_incidence(range(100), np.random.default_rng(1).permutation(outcome))
    last = curve.iloc[-1]
    spread = 1.96 * np.sqrt(0.3 * 0.7 / 100) / (0.7 * -np.log(0.7))
    assert last["won_low"] == pytest.approx(1 - 0.7 ** np.exp(-spread), abs=1e-3)
    assert last["won_high"] == pytest.approx(1 - 0.7 ** np.exp(spread), abs=1e-3)


def test_the_interval_holds_the_truth_19_times_in_20():
    generator, held = np.random.default_rng(7), 0
    truth = 0.4 * (1 - np.exp(-2.0))
    for _ in range(400):
        days = generator.exponential(50, 120)
        outcome = np.where(generator.random(120) < 0.4, "won", "lost")
        seen = generator.uniform(20, 200, 120)
        curve = deals.cumulative_incidence(np.minimum(days, seen), np.where(days <= seen, outcome, "open"))
        row = deals.incidence_at(curve, 100)
        held += row["won_low"] <= truth <= row["won_high"]
    assert 0.92 <= held / 400 <= 0.98


def test_before_the_first_end_nothing_is_won():
    row = deals.incidence_at(deals.cumulative_incidence(*F4), 5)
    assert (row["won"], row["open"]) == (0, 1)
    assert row["won_high"] == pytest.approx(0.3903, abs=1e-3)  # Wilson on 0 of 6


def test_exports_that_lack_early_closings_are_seen():
    generator = np.random.default_rng(3)
    created = pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta(generator.integers(0, 500, 3000), "D"))
    life = pd.Series(generator.exponential(60, 3000).astype(int))
    is_won = pd.Series(generator.random(3000) < np.where(life > 60, 0.8, 0.2))
    closed = created + pd.to_timedelta(life, "D")
    as_of = pd.Timestamp("2026-06-30")
    closed = closed.where(closed <= as_of)
    assert (deals.observed_from(created, closed) == 0).all()
    kept = ~(closed < "2025-04-01")  # what closed in the first quarter was never exported
    entry = deals.observed_from(created[kept], closed[kept])
    assert (entry > 0).sum() == (created[kept] < pd.Timestamp("2025-03-31")).sum()
    outcome = np.where(closed.isna(), "open", np.where(is_won, "won", "lost"))
    age = (closed.fillna(as_of) - created).dt.days
    whole = deals.incidence_at(deals.cumulative_incidence(age, outcome), 365)["won"]
    part = deals.incidence_at(deals.cumulative_incidence(age[kept], outcome[kept], entry), 365)["won"]
    blind = deals.incidence_at(deals.cumulative_incidence(age[kept], outcome[kept]), 365)["won"]
    assert abs(part - whole) < 0.02 < abs(blind - whole)


@pytest.mark.parametrize("call", [([1], ["gone"]), ([-1], ["won"])])
def test_odd_lives_are_refused(call):
    with pytest.raises(ValueError, match=r"outcomes are|negative"):
        deals.cumulative_incidence(*call)


# --- what is known of each deal ---------------------------------------------------------------------------------------

STAGES = pd.DataFrame(
    {
        "stage_code": ["J1", "J2", "J3", "GAG", "PER"],
        "stage_order": [1, 2, 3, 4, 5],
        "kind": ["open", "open", "open", "won", "lost"],
    }
)


def deal(number: str, created: str, status: str = "open", closed: str | None = None, **other) -> dict:
    row = {"opportunity_id": number, "created_date": created, "status": status, "closed_date": closed, "rep_id": "R1"}
    return row | {"amount": 100.0, "customer_id": "c"} | other


def opened(rows: list[dict], changes: list[tuple] | None = None, **tables: pd.DataFrame) -> Dataset:
    frame = pd.DataFrame(rows)
    for column in ("created_date", "closed_date", "expected_close_date"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column])
    every = {"opportunities": frame, "stages": STAGES, **tables}
    if changes is not None:
        events = pd.DataFrame(changes, columns=["opportunity_id", "event_ts", "field", "old_value", "new_value"])
        events["event_ts"] = pd.to_datetime(events["event_ts"])
        every["opportunity_events"] = events.assign(event_id=[f"{i:04d}" for i in range(len(events))])
    return Dataset.from_frames(every, as_of=AS_OF, months=0)


def stays(dataset: Dataset) -> list[tuple]:
    frame = deals.spells(dataset)
    days = frame[["entered", "exited"]].apply(lambda column: column.dt.strftime("%m-%d"))
    return list(zip(frame["stage_code"], days["entered"], days["exited"], frame["exit_to"], strict=True))


def test_spells_handle_stages_skipped_gone_back_to_and_repeated():
    changes = [
        ("a", "2026-01-05 09:00", "stage", None, "J1"),
        ("a", "2026-01-06 09:00", "stage", "J1", "J1"),
        ("a", "2026-01-20 09:00", "stage", "J1", "J3"),
        ("a", "2026-02-10 09:00", "stage", "J3", "J2"),
        ("a", "2026-03-01 09:00", "stage", "J2", "GAG"),
    ]
    dataset = opened([deal("a", "2026-01-05", "won", "2026-03-01", stage_code="GAG")], changes)
    assert stays(dataset) == [
        ("J1", "01-05", "01-20", "J3"), ("J3", "01-20", "02-10", "J2"), ("J2", "02-10", "03-01", "won"),
    ]  # fmt: skip
    assert deals.spells(dataset)["is_backward"].to_list() == [False, True, False]
    row = deals.deals(dataset).iloc[0]
    assert (row["stage_code"], row["stage_order"]) == ("J2", 2)


def test_spells_begin_at_creation_and_end_at_closing_where_no_change_tells():
    changes = [("a", "2026-02-01", "stage", "J1", "J2"), ("b", "2026-02-03", "stage", None, "J1")]
    rows = [deal("a", "2026-01-10", "lost", "2026-03-01"), deal("b", "2026-02-03")]
    dataset = opened(rows, changes)
    assert stays(dataset)[:2] == [("J1", "01-10", "02-01", "J2"), ("J2", "02-01", "03-01", "lost")]
    assert stays(dataset)[2][:2] == ("J1", "02-03")
    assert pd.isna(stays(dataset)[2][2])
    assert deals.deals(dataset)["stage_age_days"].to_list()[1] == 147
    assert deals.spells(opened(rows)).empty
    assert deals.deals(opened(rows))["stage_age_days"].isna().all()


def test_reopened_deals_are_in_their_stage_again():
    changes = [
        ("a", "2026-01-05", "stage", None, "J1"),
        ("a", "2026-02-05", "stage", "J1", "PER"),
        ("a", "2026-03-05", "stage", "PER", "J2"),
    ]
    dataset = opened([deal("a", "2026-01-05", stage_code="J2")], changes)
    assert [(s[0], s[3]) for s in stays(dataset)] == [("J1", "lost"), ("J2", None)]
    assert deals.deals(dataset).loc[0, "stage_age_days"] == 117


def test_amounts_are_those_of_the_day_that_counts():
    changes = [
        ("signed", "2026-02-10", "amount", "1000", "900"),
        ("signed", "2026-03-01", "amount", "900", "810"),
        ("signed", "2026-04-01", "amount", "810", "500"),
        ("zeroed", "2026-02-10", "amount", "700", "650"),
        ("zeroed", "2026-03-01", "amount", "650", "0"),
        ("late", "2026-03-05", "amount", "70", "0"),
    ]
    rows = [
        deal("late", "2026-01-01", "lost", "2026-03-01", amount=0.0),
        deal("plain", "2026-01-01", "lost", "2026-03-01", amount=50.0),
        deal("signed", "2026-01-01", "won", "2026-03-01", amount=500.0),
        deal("zeroed", "2026-01-01", "lost", "2026-03-01", amount=0.0),
    ]
    frame = deals.deals(opened(rows, changes)).set_index("opportunity_id")
    assert frame["amount"].to_dict() == {"late": 70, "plain": 50, "signed": 810, "zeroed": 650}
    assert frame.loc["signed", ["amount_before", "amount_at_close"]].to_list() == [900, 810]


def test_a_close_date_overwritten_at_the_win_is_no_push():
    changes = [
        ("a", "2026-02-01", "close_date", None, "2026-03-31"),
        ("a", "2026-03-20", "close_date", "2026-03-31", "2026-05-31"),
        ("a", "2026-04-20", "close_date", "2026-05-31", "2026-04-30"),
        ("a", "2026-06-10", "close_date", "2026-04-30", "2026-06-10"),
    ]
    rows = [deal("a", "2026-01-01", "won", "2026-06-10"), deal("b", "2026-01-01")]
    frame = deals.deals(opened(rows, changes))
    assert frame["push_count"].to_list() == [1, 0]
    assert frame.loc[0, "first_expected_date"] == pd.Timestamp("2026-03-31")
    assert deals.deals(opened(rows))["push_count"].isna().all()


def test_deals_closed_by_a_leaver_stay_the_leavers():
    changes = [("a", "2026-05-01", "owner", "R1", "R2"), ("b", "2026-05-01", "owner", "R1", "R2")]
    rows = [deal("a", "2026-01-01", "won", "2026-03-01", rep_id="R2"), deal("b", "2026-01-01", rep_id="R2")]
    assert deals.deals(opened(rows, changes))["rep_id"].to_list() == ["R1", "R2"]


def test_clean_ups_and_deals_born_closed_are_told():
    rows = [deal(f"x{i:02d}", "2025-01-01", "lost", "2026-03-01") for i in range(20)]
    rows += [deal(f"y{i:02d}", "2025-01-01", "lost", "2026-03-02") for i in range(19)]
    rows += [deal("z", "2026-03-02", "won", "2026-03-02")]
    frame = deals.deals(opened(rows)).set_index("opportunity_id")
    assert frame.index[frame["is_cleanup"]].str[0].to_list() == ["x"] * 20
    assert frame.index[frame["is_born_closed"]].to_list() == ["z"]


def test_amounts_in_another_currency_do_not_count():
    rows = [deal(n, "2026-01-01", currency=c) for n, c in (("a", "EUR"), ("b", "USD"), ("c", "EUR"), ("d", None))]
    frame = deals.deals(opened(rows))
    assert frame["is_foreign"].to_list() == [False, True, False, False]
    assert frame["amount"].isna().to_list() == [False, True, False, False]


def test_stages_that_nobody_listed_are_inferred():
    changes = [
        (n, f"2026-0{m}-01", "stage", None, code)
        for n in "ab"
        for m, code in enumerate(["Qualify", "Offer", "Signed" if n == "a" else "Gone"], 1)
    ]
    rows = [
        deal("a", "2026-01-01", "won", "2026-03-01", stage_code="Signed"),
        deal("b", "2026-01-01", "lost", "2026-03-01", stage_code="Gone"),
        deal("c", "2026-01-01", stage_code="Qualify"),
    ]
    table = deals.stage_table(opened(rows, changes, stages=STAGES.head(0)))
    assert list(zip(table["stage_code"], table["kind"], strict=True)) == [
        ("Qualify", "open"), ("Offer", "open"), ("Signed", "won"), ("Gone", "lost"),
    ]  # fmt: skip
    assert set(table["order_basis"]) == {"history"}


# --- chances ----------------------------------------------------------------------------------------------------------


def test_f8():
    totals = deals.landing_draws([100, 50, 20], [0.5, 0.2, 0.9], draws=40_000)
    assert totals.mean() == pytest.approx(78, abs=1)
    assert totals.std() == pytest.approx(54.18, abs=0.5)
    assert (totals >= 70).mean() == pytest.approx(0.59, abs=0.01)


def lived(n: int = 600, seed: int = 5) -> Dataset:
    """Deals of two stages: half are lost in J1, of those that reach J2 four in five are won."""
    generator = np.random.default_rng(seed)
    rows, changes = [], []
    for i in range(n):
        number = f"d{i:04d}"
        created = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(generator.integers(0, 910)))
        first = created + pd.Timedelta(days=int(generator.integers(10, 40)))
        second = first + pd.Timedelta(days=int(generator.integers(10, 60)))
        reaches, wins = generator.random() < 0.5, generator.random() < 0.8
        changes.append((number, created, "stage", None, "J1"))
        end, status = (first, "lost") if not reaches else (second, "won" if wins else "lost")
        if reaches and first <= pd.Timestamp(AS_OF):
            changes.append((number, first, "stage", "J1", "J2"))
        is_open = end > pd.Timestamp(AS_OF)
        stage = "J2" if reaches and first <= pd.Timestamp(AS_OF) else "J1"
        rows.append(deal(number, created, "open" if is_open else status, None if is_open else end, stage_code=stage))
        rows[-1]["type"] = "new"
    return opened(rows, changes)


def test_chances_follow_the_stage():
    dataset = lived()
    frame = deals.win_probabilities(dataset).merge(deals.deals(dataset), on="opportunity_id")
    assert len(frame) == (deals.deals(dataset)["status"] == "open").sum()
    mean = frame.groupby("stage_code")["win_probability"].mean()
    assert mean["J1"] == pytest.approx(0.4, abs=0.07)
    assert mean["J2"] == pytest.approx(0.8, abs=0.07)
    assert frame["n"].gt(0).all()


def test_chances_by_a_date_are_smaller_and_grow_with_it():
    dataset = lived()
    ever = deals.win_probabilities(dataset)["win_probability"]
    month = deals.win_probabilities(dataset, until=date(2026, 7, 31))["win_probability"]
    quarter = deals.win_probabilities(dataset, until=date(2026, 9, 30))["win_probability"]
    assert month.mean() < quarter.mean() <= ever.mean() + 1e-9


def test_without_history_the_age_stands_in():
    dataset = lived()
    rows = dataset.table("opportunities").to_dict("records")
    answer = deals.win_probabilities(opened(rows))
    assert answer["win_probability"].between(0.2, 0.9).all()
    assert deals.deal_history(opened(rows)) == "export"
    assert deals.deal_history(dataset) == "events"


def test_no_win_gives_no_chance():
    answer = deals.win_probabilities(opened([deal("a", "2026-01-01"), deal("b", "2026-01-01", "lost", "2026-02-01")]))
    assert answer["win_probability"].isna().all()


def test_the_demo(demo_client):
    dataset = datasets.open(demo_client)
    frame, stay = deals.deals(dataset), deals.spells(dataset)
    assert frame["opportunity_id"].is_unique
    assert (stay["exited"].isna() | (stay["exited"] >= stay["entered"])).all()
    assert set(stay.loc[stay["exited"].isna(), "opportunity_id"]) <= set(
        frame.loc[frame["status"] == "open", "opportunity_id"]
    )
    earlier = dataset.at(date(2025, 6, 30))
    assert deals.deals(earlier)["closed_date"].max() <= pd.Timestamp("2025-06-30")


def test_pushes_are_judged_against_deals_of_the_same_age(demo_client):
    record = deals.push_record(datasets.open(demo_client)).set_index("pushes")
    assert {"0", "1", "2"} <= set(record.index)
    weights = record["deal_count"] / record["deal_count"].sum()
    seen, expected = (float((record[name] * weights).sum()) for name in ("observed_share", "expected_share"))
    assert seen == pytest.approx(expected, abs=0.1)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["won", "lost", "cancelled", "open"])), min_size=1))
def test_the_share_won_by_an_age_is_that_of_the_curve(lives):
    days, outcome = zip(*lives, strict=True)
    curve = deals.cumulative_incidence(days, outcome)
    for age in (0, 7, 30):
        assert incidence.won_by(days, outcome, age) == pytest.approx(deals.incidence_at(curve, age)["won"])


def test_frames_of_a_dataset_are_computed_once_and_never_shared():
    rows = pd.DataFrame({"opportunity_id": ["a"], "created_date": pd.to_datetime(["2026-01-05"]), "status": ["open"]})
    dataset = Dataset.from_frames({"opportunities": rows}, as_of="2026-06-30")
    first = deals.deals(dataset)
    first["status"] = "won"
    assert deals.deals(dataset)["status"].tolist() == ["open"]
    asked = []
    for _ in range(2):
        dataset.once("mine", lambda: asked.append(1) or pd.DataFrame())
    assert len(asked) == 1
