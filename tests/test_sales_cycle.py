"""Sales cycle: figures worked out by hand, traps of CRM lists, published numbers, planted truths and decoys."""

from __future__ import annotations

import tomllib
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import paced

from salespilot import dataset as datasets
from salespilot import results, sentences
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics import sales_cycle
from salespilot.diagnostics.sales_cycle import Parameters, Thresholds, reasons, scope, slippage
from salespilot.finding import Severity
from salespilot.phrasebook import Phrasebook
from salespilot.tables import TABLES

ROOT = Path(__file__).parent.parent
PLANTED = ROOT / "data" / "demo" / "truths" / "sales_cycle.toml"
TRUTHS = tomllib.loads(PLANTED.read_text(encoding="utf-8"))
AS_OF = date(2026, 6, 30)
STAGES = pd.DataFrame(
    {
        "stage_code": ["J1", "J2", "J3", "GAG", "PER"],
        "stage_order": [1, 2, 3, 4, 5],
        "kind": ["open", "open", "open", "won", "lost"],
        "name_fr": ["Contact", "Offre", "Accord", "Gagnée", "Perdue"],
        "exit_criteria": ["besoin; décideur", "offre lue", None, None, None],
    }
)
REPS = pd.DataFrame(
    {
        "rep_id": ["R1", "R2", "R9"],
        "display_name": ["Ana", "Bob", "Zoé"],
        "role": ["field", "kam", "field"],
        "end_date": pd.to_datetime([None, None, "2026-03-31"]),
    }
)
SALES = pd.DataFrame(  # so that June 2026 is a closed month
    {"line_id": ["1"], "invoice_date": pd.to_datetime(["2026-06-30"]), "customer_id": ["c"], "amount_net": [1.0]}
)


# --- tables by hand ---------------------------------------------------------------------------------------------------


def deal(number: str, created: str, status: str = "open", closed: str | None = None, **other) -> dict:
    row = {"opportunity_id": number, "created_date": created, "status": status, "closed_date": closed, "rep_id": "R1"}
    return row | {"amount": 100.0, "customer_id": f"c-{number}"} | other


def opened(rows: list[dict], changes: list[tuple] | None = None, months: int = 0, **tables) -> Dataset:
    frame = pd.DataFrame(rows)
    for column in ("created_date", "closed_date", "expected_close_date", "next_step_date"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column])
    every = {"opportunities": frame, "stages": STAGES, "reps": REPS, "sales_lines": SALES, **tables}
    if changes is not None:
        events = pd.DataFrame(changes, columns=["opportunity_id", "event_ts", "field", "old_value", "new_value"])
        events["event_ts"] = pd.to_datetime(events["event_ts"], format="ISO8601")
        every["opportunity_events"] = events.assign(event_id=[f"{i:05d}" for i in range(len(events))])
    return Dataset.from_frames({k: v for k, v in every.items() if v is not None}, as_of=AS_OF, months=months)


def path(number: str, *steps: tuple[str, str]) -> list[tuple]:
    """Changes of stage: (day, stage) one after the other."""
    before = [None, *(stage for _, stage in steps)]
    return [(number, day, "stage", old, stage) for (day, stage), old in zip(steps, before, strict=False)]


def result(*args, **kw) -> sales_cycle.Result:
    return sales_cycle.compute(opened(*args, **kw))


def codes(one: sales_cycle.Result, thresholds: Thresholds = Thresholds()) -> set[str]:
    return {finding.code for finding in sales_cycle.findings(one, thresholds)}


# --- two win rates, and what falsifies them ---------------------------------------------------------------------------


def test_two_win_rates_with_their_denominators():
    rows = [deal(f"w{i}", "2026-01-01", "won", "2026-03-01") for i in range(3)]
    rows += [deal("l", "2026-01-01", "lost", "2026-02-01"), deal("x", "2026-01-01", "cancelled", "2026-02-01")]
    rows += [deal("o", "2026-01-01"), deal("p", "2026-05-01")]
    figures = result(rows).key_figures
    assert [figures[name] for name in ("deals", "won", "lost", "cancelled", "open")] == [7, 3, 1, 1, 2]
    assert figures["win_rate_closed"] == 3 / 4
    assert figures["win_rate_all"] == 3 / 7
    assert (figures["won_value"], figures["lost_value"]) == (300, 100)


def test_the_strict_win_rate_counts_what_is_past_its_date_as_missed():
    closed = [deal("w", "2026-01-01", "won", "2026-03-01"), deal("l", "2026-01-01", "lost", "2026-02-01")]
    past = deal("o", "2026-01-01", expected_close_date="2026-02-01")
    figures = result([*closed, past, deal("p", "2026-05-01", expected_close_date="2026-12-01")]).key_figures
    assert (figures["doubtful_deals"], figures["win_rate_strict"]) == (1, 1 / 3)
    assert result([*closed, deal("o", "2026-01-01")]).key_figures["win_rate_strict"] is None


def test_only_what_ended_in_the_period_counts_and_all_that_is_open():
    rows = [deal("old", "2024-01-01", "won", "2025-03-01"), deal("now", "2024-01-01", "won", "2025-08-01")]
    rows += [deal("open", "2024-01-01")]
    figures = result(rows, months=12).key_figures
    assert [figures[name] for name in ("deals", "won", "open", "deals_known")] == [2, 1, 1, 3]


def test_deals_born_won_count_as_won_but_have_no_cycle():
    rows = [deal("a", "2026-01-01", "won", "2026-03-02"), deal("b", "2026-03-02", "won", "2026-03-02")]
    rows += [deal("c", "2026-03-05", "won", "2026-03-02"), deal("d", "2026-01-01", "lost", "2026-01-21")]
    one = result(rows)
    assert one.key_figures["won"] == 3
    assert one.key_figures["born_closed"] == 2
    assert one.key_figures["cycle_days_median_won"] == one.key_figures["cycle_days_mean_won"] == 60
    assert one.key_figures["cycle_days_mean"] == 40
    apart = one.outcomes.set_index("scope").loc["without_born_closed"]
    assert (apart["won"], apart["win_rate_closed"]) == (1, 0.5)


def test_renewals_are_told_apart():
    rows = [deal(f"r{i}", "2026-01-01", "won", "2026-03-01", type="renewal") for i in range(8)]
    rows += [deal(f"n{i}", "2026-01-01", "lost", "2026-03-01", type="new") for i in range(8)]
    table = result(rows).outcomes.set_index("scope")
    assert table["win_rate_closed"].to_dict() == {"all": 0.5, "new": 0, "renewal": 1}


def cleaned() -> list[dict]:
    rows = [deal(f"x{i:02d}", "2025-01-01", "lost", "2026-03-01", loss_reason_code="prix") for i in range(20)]
    rows += [deal(f"w{i}", "2025-01-01", "won", "2026-03-01") for i in range(5)]
    return [*rows, deal("l", "2025-01-01", "lost", "2026-02-01", loss_reason_code="budget")]


def test_bulk_clean_ups_are_flagged_and_separable():
    one = result(cleaned())
    assert one.key_figures["lost"] == 21
    assert one.key_figures["win_rate_closed"] == 5 / 26
    assert one.outcomes.set_index("scope").loc["without_cleanups", "win_rate_closed"] == 5 / 6
    assert one.key_figures["cleanup_losses"] == 20
    assert one.losses["is_cleanup"].sum() == 20
    assert one.key_figures["lost_kept"] == one.key_figures["reasoned_losses"] == 1
    assert one.loss_reasons["loss_reason"].to_list() == ["budget"]
    (found,) = [f for f in sales_cycle.findings(one) if f.code == "cleanup"]
    assert (found.subject_id, found.owner, found.values["n"]) == ("R1", "R1", 20)
    (found,) = [f for f in sales_cycle.findings(result([row | {"rep_id": None} for row in cleaned()]))
                if f.code.startswith("cleanup")]  # fmt: skip
    assert (found.code, found.subject_id, found.owner) == ("cleanup_unowned", "all", None)


def test_amounts_of_zero_and_of_other_currencies_are_counted_apart():
    rows = [deal("a", "2026-01-01", currency="EUR"), deal("b", "2026-01-01", currency="USD")]
    rows += [deal("c", "2026-01-01", currency="EUR", amount=0.0), deal("d", "2026-01-01", "lost", "2026-02-01")]
    one = result(rows)
    assert (one.key_figures["zero_amounts"], one.key_figures["foreign_deals"]) == (1, 1)
    assert one.key_figures["open_value"] == 100
    assert "foreign_currency" in codes(one)


def test_losses_set_to_zero_have_no_value_rather_than_none():
    rows = [deal("a", "2026-01-01", "lost", "2026-02-01", amount=0.0), deal("b", "2026-01-01", "won", "2026-02-01")]
    one = result(rows)
    assert one.key_figures["lost_value"] is None
    assert one.not_computable["lost_value"].code == "no_lost_amount"
    assert one.top_losses is None


def test_what_signing_does_to_amounts():
    changes = [("a", "2026-02-01", "amount", "1000", "900"), ("a", "2026-03-01", "amount", "900", "810")]
    changes += [("b", "2026-02-01", "amount", "1000", "1100")]
    rows = [deal("a", "2026-01-01", "won", "2026-03-01", amount=810.0)]
    rows += [deal("b", "2026-01-01", "won", "2026-03-01", amount=1100.0)]
    figures = result(rows, changes).key_figures
    assert figures["signature_change"] == pytest.approx(1910 / 2000 - 1)
    assert (figures["signature_changed"], figures["signature_known"]) == (1, 2)


def test_f4_is_the_win_probability():
    lived = [(10, "won"), (20, "lost"), (30, "open"), (40, "won"), (50, "lost"), (60, "open")]
    rows = []
    for i, (days, status) in enumerate(lived):
        start = pd.Timestamp(AS_OF) - pd.Timedelta(days=days)
        rows.append(deal(str(i), start, status, None if status == "open" else pd.Timestamp(AS_OF)))
    figures = result(rows).key_figures
    assert figures["win_probability"] == pytest.approx(0.3889, abs=1e-4)
    assert figures["win_rate_closed"] == 0.5
    assert figures["undecided_share"] == pytest.approx(0.2222, abs=1e-4)


# --- stages -----------------------------------------------------------------------------------------------------------


def test_passages_survive_skips_and_steps_back():
    changes = [
        *path("skip", ("2026-01-01", "J1"), ("2026-01-11", "J3"), ("2026-02-01", "GAG")),
        *path("back", ("2026-01-01", "J1"), ("2026-01-05", "J2"), ("2026-01-20", "J1"), ("2026-02-20", "PER")),
        *path("open", ("2026-06-20", "J1")),
    ]
    rows = [deal("skip", "2026-01-01", "won", "2026-02-01"), deal("back", "2026-01-01", "lost", "2026-02-20")]
    one = result([*rows, deal("open", "2026-06-20")], changes)
    river = one.stages.set_index("stage_code")
    assert river["entrants"].to_dict() == {"J1": 3, "J2": 1, "J3": 1}
    assert river.loc["J1", ["advanced_count", "lost_count", "open_count"]].to_list() == [2, 0, 1]
    assert river.loc["J2", ["advanced_count", "lost_count"]].to_list() == [0, 1]
    assert river.loc["J3", "advanced_count"] == 1
    assert (one.key_figures["backward_deals"], one.key_figures["skipped_deals"]) == (1, 1)
    taken = one.stage_times.set_index("stage_code")
    assert taken.loc["J1", "median_days"] == 7  # 10 days to skip to J3, 4 to J2
    assert taken["stage"].to_list() == ["Contact", "Offre", "Accord"]


def many(n: int = 20, open_days: int = 3) -> tuple[list[dict], list[tuple]]:
    """n deals that spent 1, 2 ... n days in J1 before J2 and were won, one young and one old still in J1."""
    rows, changes = [], []
    for i in range(1, n + 1):
        start = pd.Timestamp("2026-01-01")
        changes += path(f"w{i:02d}", (str(start), "J1"), (str(start + pd.Timedelta(days=i)), "J2"))
        changes += [(f"w{i:02d}", "2026-03-01", "stage", "J2", "GAG")]
        rows.append(deal(f"w{i:02d}", start, "won", "2026-03-01", stage_code="GAG"))
    young = pd.Timestamp(AS_OF) - pd.Timedelta(days=open_days)
    rows += [deal("young", young, stage_code="J1"), deal("old", "2026-05-01", stage_code="J1")]
    return rows, [*changes, *path("young", (str(young), "J1")), *path("old", ("2026-05-01", "J1"))]


def test_ageing_against_the_deals_that_advanced():
    one = result(*many())
    limits = one.stage_times.set_index("stage_code").loc["J1"]
    assert (limits["median_days"], limits["age_basis"]) == (10.5, "own")
    assert limits["p90_days"] == pytest.approx(np.quantile(range(1, 21), 0.9))
    status = one.open_deals.set_index("opportunity_id")["age_status"]
    assert status.to_dict() == {"young": "fresh", "old": "stalled"}
    assert one.key_figures["stalled_deals"] == 1
    stalled = [f for f in sales_cycle.findings(one) if f.code == "stalled"]
    assert [(f.rule, f.subject_id, f.owner, f.severity) for f in stalled] == [("T09-R3", "old", "R1", Severity.ALERT)]
    assert ("customer", "c-old") in stalled[0].targets


def test_few_cases_fall_back_on_twice_the_median():
    one = result(*many(n=6, open_days=8))
    limits = one.stage_times.set_index("stage_code").loc["J1"]
    assert (limits["age_basis"], limits["stalled_days"]) == ("median", 7)
    assert one.open_deals.set_index("opportunity_id").loc["young", "age_status"] == "stalled"
    assert "stalled_few" in codes(one)
    assert result(*many(n=4)).key_figures["stalled_deals"] is None


def test_young_entrants_do_not_lower_conversion():
    one = result(*many())
    row = one.stages.set_index("stage_code").loc["J1"]
    assert (row["entrants"], row["mature"], row["converted"], row["conversion"]) == (22, 21, 20, 20 / 21)
    cohort = one.cohorts.set_index(["cohort", "stage_code"])["conversion"]
    assert cohort[pd.Timestamp("2026-01-01"), "J1"] == 1
    assert np.isnan(cohort[pd.Timestamp("2026-04-01"), "J1"])


def test_without_history_only_what_one_export_tells():
    rows = [deal(f"w{i:02d}", "2026-01-01", "won", f"2026-02-{i + 1:02d}") for i in range(12)]
    one = result([*rows, deal("o", "2026-06-29"), deal("p", "2025-06-01")])
    assert one.history == "export"
    assert one.key_figures["history"] == "known_by_export"
    for name in ("stages", "slippage", "bridge", "pushes", "evidence"):
        assert getattr(one, name) is None
        assert name in one.not_computable
    assert one.key_figures["slippage_rate"] is None
    assert one.key_figures["stalled_deals"] == 1  # older than nine in ten of the cycles won
    assert {"no_history", "old_list"} <= codes(one)


def test_a_thin_history_gives_no_ageing():
    rows, changes = many()
    rows += [deal(f"z{i}", "2026-01-01", "lost", "2026-02-01") for i in range(10)]
    one = result(rows, changes)
    assert one.stages is None
    assert one.not_computable["stages"].code == "thin_history"


# --- close dates and the bridge ---------------------------------------------------------------------------------------


def test_slippage_is_what_is_still_open_when_the_month_ends():
    rows = [
        deal("won", "2026-03-01", "won", "2026-04-20", expected_close_date="2026-04-20", amount=600.0),
        deal("late", "2026-03-01", "won", "2026-05-10", expected_close_date="2026-05-10", amount=300.0),
        deal("dead", "2026-03-01", "lost", "2026-04-10", expected_close_date="2026-04-10", amount=100.0),
        deal("new", "2026-04-10", expected_close_date="2026-04-25", amount=999.0),
    ]
    changes = [
        ("won", "2026-04-20", "close_date", "2026-04-28", "2026-04-20"),
        ("late", "2026-04-15", "close_date", "2026-04-15", "2026-05-31"),
        ("late", "2026-05-10", "close_date", "2026-05-31", "2026-05-10"),
        ("dead", "2026-04-10", "close_date", "2026-04-30", "2026-04-10"),
    ]
    one = result(rows, changes, months=3)
    april = one.slippage.set_index("due_month").loc["2026-04-01"]
    assert april[["due_count", "due_value", "won_value", "lost_value", "slipped_value"]].to_list() == [
        3, 1000, 600, 100, 300,
    ]  # fmt: skip
    assert april["slippage_rate"] == 0.3
    cells = one.slippage_matrix.set_index(["due_month", "landed"])["amount"]
    assert cells[pd.Timestamp("2026-04-01"), "one_month_late"] == 300
    assert cells[pd.Timestamp("2026-04-01"), "on_time"] == 600
    # May: "late" is due and won in May.
    assert one.key_figures["slippage_rate"] == 300 / 1300
    assert "slippage" not in codes(one)
    assert "slippage" in codes(one, Thresholds(slippage_act_share=0.2)) or len(one.slippage) < 5


def steps(table: pd.DataFrame) -> dict[str, float]:
    return table.set_index("step")["amount"].to_dict()


def test_the_bridge_by_hand():
    rows = [
        deal("kept", "2026-01-01", amount=110.10),
        deal("won", "2026-01-01", "won", "2026-05-01", amount=180.0),
        deal("lost", "2026-01-01", "lost", "2026-05-02", amount=0.0),
        deal("gone", "2026-01-01", "cancelled", "2026-05-02", amount=30.0),
        deal("new", "2026-04-10", amount=70.0),
        deal("quick", "2026-04-10", "won", "2026-06-01", amount=45.0),
        deal("again", "2026-01-01", amount=20.0),
        deal("before", "2026-01-01", "won", "2026-03-01", amount=500.0),
    ]
    changes = [
        ("kept", "2026-05-01", "amount", "100.05", "110.10"),
        ("won", "2026-05-01", "amount", "200", "180"),
        ("lost", "2026-05-02", "amount", "60", "0"),
        ("new", "2026-05-02", "amount", "50", "70"),
        ("again", "2026-02-01", "status", "open", "lost"),
        ("again", "2026-05-01", "status", "lost", "open"),
    ]
    dataset = opened(rows, changes, months=3)
    one = sales_cycle.compute(dataset)
    assert steps(one.bridge) == {
        "start": 390.05,  # kept 100.05, won 200, lost 60, gone 30
        "created": 95.0,  # new 50, quick 45
        "reopened": 20.0,
        "amount_change": 10.05,  # kept +10.05, won −20, new +20
        "won": -225.0,
        "lost": -60.0,
        "cancelled": -30.0,
        "end": 200.1,
    }  # fmt: skip
    assert one.key_figures["bridge_gap"] == 0


def test_deals_pulled_in_and_pushed_out_of_the_months_ahead():
    rows = [deal("in", "2026-01-01", expected_close_date="2026-08-01", amount=10.0)]
    rows += [deal("out", "2026-01-01", expected_close_date="2027-01-15", amount=20.0)]
    rows += [deal("far", "2026-01-01", expected_close_date="2027-06-15", amount=40.0)]
    changes = [("in", "2026-05-01", "close_date", "2026-12-01", "2026-08-01")]
    changes += [("out", "2026-05-01", "close_date", "2026-07-01", "2027-01-15")]
    one = result(rows, changes, months=3)
    told = steps(one.bridge_due)
    assert (told["start"], told["pulled_in"], told["pushed_out"], told["end"]) == (20, 10, -20, 10)


DAYS = st.dates(date(2026, 1, 1), AS_OF).map(str)


@st.composite
def histories(draw):
    rows, changes = [], []
    for i in range(draw(st.integers(1, 8))):
        created = draw(DAYS)
        status = draw(st.sampled_from(["open", "won", "lost", "cancelled"]))
        closed = None if status == "open" else max(created, draw(DAYS))
        cents = draw(st.integers(0, 10**7))
        rows.append(deal(str(i), created, status, closed, amount=cents / 100, expected_close_date=draw(DAYS)))
        for _ in range(draw(st.integers(0, 3))):
            field = draw(st.sampled_from(["amount", "close_date", "status", "stage"]))
            values = {
                "amount": st.integers(0, 10**6).map(lambda cents: f"{cents / 100:.2f}"),
                "close_date": DAYS,
                "status": st.sampled_from(["open", "won", "lost"]),
                "stage": st.sampled_from(["J1", "J2", "GAG", "PER"]),
            }[field]
            changes.append((str(i), max(created, draw(DAYS)), field, draw(values), draw(values)))
    return rows, changes


@settings(max_examples=10)
@given(histories())
def test_every_bridge_balances_to_the_cent(history):
    rows, changes = history
    dataset = opened(rows, changes or [(rows[0]["opportunity_id"], "2026-01-02", "amount", "1", "2")])
    frame = scope.everyone(dataset)
    for due_by in (None, date(2026, 5, 31)):
        table, gap = slippage.bridge(dataset, frame, date(2026, 3, 1), date(2026, 5, 31), due_by)
        assert gap == 0
        told = steps(table)
        assert round(sum(told.values()) - 2 * told["end"], 2) == 0


def test_pushes_are_calibrated_on_the_clients_own_record(demo_client):
    table = results.of(datasets.open(demo_client), sales_cycle.NAME)[0].pushes
    assert table["pushes"].to_list()[:3] == ["0", "1", "2"]
    assert table["expected_share"].between(0, 1).all()


# --- upkeep, proof and effort -----------------------------------------------------------------------------------------


def test_upkeep_of_open_deals():
    rows = [
        deal("ok", "2026-06-01", expected_close_date="2026-08-01", next_step_date="2026-07-05"),
        deal("idle", "2026-06-01", expected_close_date="2026-08-01", next_step_date="2026-06-05"),
        deal("late", "2026-06-01", expected_close_date="2026-06-15", next_step_date=None, amount=0.0),
        deal("left", "2026-06-01", expected_close_date=None, next_step_date="2026-07-05", rep_id="R9"),
    ]
    changes = [change for n in ("ok", "idle", "late", "left") for change in path(n, ("2026-06-01", "J1"))]
    one = result(rows, changes)
    faults = one.hygiene.set_index("issue")["deal_count"]
    assert faults["is_past_close"] == faults["is_zero_amount"] == faults["is_without_close_date"] == 1
    assert faults["is_without_owner"] == 1
    assert one.key_figures["next_step_share"] == 0.5
    idle = {f.subject_id for f in sales_cycle.findings(one) if f.code == "no_next_step"}
    assert idle == {"idle", "late"}
    assert one.reps.set_index("rep_id").loc["R9", "is_former"]


def test_the_open_deals_bring_their_weighted_sum_within_a_range():
    starts = [f"2025-{1 + i % 9:02d}-01" for i in range(36)]
    ends = [str(pd.Timestamp(start) + pd.Timedelta(days=60 + i)) for i, start in enumerate(starts)]
    rows = [deal(f"d{i:02d}", starts[i], "won" if i % 2 else "lost", ends[i]) for i in range(36)]
    figures = result([*rows, *(deal(f"o{i}", "2026-06-01") for i in range(4))]).key_figures
    low, middle, high = (figures[f"weighted_{name}"] for name in ("low", "value", "high"))
    assert 100 <= middle <= 300
    assert low <= middle - 50 < middle + 50 <= high
    assert {low % 100, high % 100} == {0}


def test_no_next_step_is_not_blamed_where_the_export_has_no_such_date():
    one = result(*many())
    assert one.key_figures["next_step_share"] is None
    assert "no_next_step" not in codes(one)


@pytest.mark.parametrize(("amount", "told"), [(5000.0, "Montant : 5 000 €."), (None, "")])
def test_an_amount_that_is_not_known_is_not_told(amount, told):
    rows = [deal("idle", "2026-06-28", next_step_date="2026-06-28", amount=amount)]
    (found,) = [f for f in sales_cycle.findings(result(rows, path("idle", ("2026-06-28", "J1")))) if f.owner]
    said = sentences.observation(found, Phrasebook("sales_cycle", "fr")).replace("\u202f", " ")
    assert said == f"c-idle (idle), jalon « Contact » : aucune prochaine étape datée à venir. {told}".strip()


def test_a_list_in_order_is_not_blamed():
    rows = [deal("ok", "2026-06-28", expected_close_date="2026-08-01", next_step_date="2026-07-05")]
    one = result(rows, path("ok", ("2026-06-28", "J1")))
    assert len(one.open_deals) == 1
    assert [f for f in sales_cycle.findings(one) if f.rule == "T09-R3"] == []


def test_two_pushes_call_for_a_second_look():
    rows, changes = many()
    moves = [("2026-03-31", "2026-06-30"), ("2026-06-30", "2026-09-30")]
    for old, new in moves:
        changes.append(("young", "2026-06-29", "close_date", old, new))
    found = [f for f in sales_cycle.findings(result(rows, changes)) if f.code == "pushed"]
    assert [(f.subject_id, f.values["pushes"]) for f in found] == [("young", 2)]


def test_evidence_counts_criteria_met_by_the_day_of_passage():
    changes = path("a", ("2026-01-01", "J1"), ("2026-02-01", "J2"), ("2026-03-01", "GAG"))
    met = pd.DataFrame(
        {
            "opportunity_id": "a",
            "criterion": ["Besoin", "décideur", "offre lue"],
            "met_date": pd.to_datetime(["2026-01-15", "2026-02-10", "2026-02-20"]),
        }
    )
    one = result([deal("a", "2026-01-01", "won", "2026-03-01")], changes, milestone_evidence=met)
    assert one.evidence.set_index("criterion")["met"].to_dict() == {"besoin": 1, "décideur": 0, "offre lue": 1}
    assert one.key_figures["evidence_share"] == 2 / 3


def visits(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["opportunity_id", "done_date", "duration_min"])
    given_ids = [f"a{i}" for i in range(len(frame))]
    return frame.assign(activity_id=given_ids, done_date=pd.to_datetime(frame["done_date"]), type="visit", rep_id="R1")


def test_hours_by_milestone_against_the_stake():
    rows, changes = many()
    changes += [("old", "2026-06-01", "stage", "J1", "J2")]
    work = visits(("old", "2026-05-10", 180), ("old", "2026-06-10", 60), ("w01", "2026-02-01", 0))
    one = sales_cycle.compute(opened(rows, changes, activities=work))
    table = one.effort.set_index("stage_code")
    assert table["hours"].to_dict() == {"J1": 3, "J2": 1, "J3": 0}
    stake = one.open_deals.groupby("stage_code")["weighted_amount"].sum()
    assert table["stake"].to_dict() == pytest.approx({"J1": stake["J1"], "J2": stake["J2"], "J3": 0})
    expected = abs(0.75 - stake["J1"] / stake.sum())
    assert one.key_figures["misalignment"] == pytest.approx(expected)


def test_the_cost_of_pursuing_deals_that_were_lost():
    rows = [deal("l", "2026-01-01", "lost", "2026-03-01"), deal("k", "2026-01-01", "lost", "2026-03-01", rep_id="R2")]
    rows += [deal("w", "2026-01-01", "won", "2026-03-01")]
    costs = pd.DataFrame({"role": ["all", "kam"], "hourly_cost": [50.0, 80.0]})
    work = visits(("l", "2026-02-01", 120), ("k", "2026-02-01", 60), ("w", "2026-02-01", 600))
    one = result(rows, activities=work, costs=costs)
    assert (one.key_figures["pursuit_hours"], one.key_figures["pursuit_cost"]) == (3, 180)
    assert result(rows, activities=work).key_figures["pursuit_cost"] is None


# --- losses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Prix trop élevé", "price"), ("Too expensive", "price"), ("Sans décision", "no_decision"),
        ("Offre tardive", "late"), ("Délai", "delivery"), ("statu quo", "status_quo"), ("Concurrent", "competitor"),
        ("no_bid", "no_bid"), ("Budget gelé", "budget"), ("42", "other"), ("Fait en interne", "in_house"),
    ],
)  # fmt: skip
def test_reasons_are_classed_from_the_clients_words(said, code):
    (found,), (bucket,) = (series.to_list() for series in reasons.classed(pd.Series([said])))
    assert found == code
    assert code in reasons.BUCKETS[bucket]


def lost(n: int, stage: str, reason: str, prefix: str, **other) -> tuple[list[dict], list[tuple]]:
    numbers = [f"{prefix}{i:02d}" for i in range(n)]
    day = pd.date_range("2026-02-01", periods=n).astype(str)
    before = {"J1": [], "J2": [("2026-01-05", "J2")], "J3": [("2026-01-05", "J2"), ("2026-01-10", "J3")]}[stage]
    rows = [
        deal(number, "2026-01-01", "lost", end, loss_reason_code=reason, loss_reason_source="rep", **other)
        for number, end in zip(numbers, day, strict=True)
    ]
    changes = [c for n, d in zip(numbers, day, strict=True) for c in path(n, ("2026-01-01", "J1"), *before, (d, "PER"))]
    return rows, changes


def joined(*parts) -> tuple[list[dict], list[tuple]]:
    return [row for rows, _ in parts for row in rows], [change for _, changes in parts for change in changes]


def test_shares_of_the_losses_and_their_rules():
    # 12 losses: 7 late (J2 or J3: the last two of three), 6 for price, 4 without decision, 2 too late.
    rows, changes = joined(
        lost(5, "J1", "prix", "a"), lost(1, "J2", "prix", "b"), lost(4, "J3", "sans décision", "c"),
        lost(2, "J3", "offre tardive", "d", amount=1000.0),
    )  # fmt: skip
    one = result(rows, changes)
    figures = one.key_figures
    assert (figures["late_loss_share"], figures["no_decision_share"], figures["price_share"]) == (7 / 12, 4 / 12, 0.5)
    assert figures["avoidable_reason_value"] == 2000
    heat = one.loss_heat.set_index(["stage", "reason_bucket"])["lost_value"]
    assert (heat["Contact", "competitor"], heat["Accord", "own_process"]) == (500, 2000)
    found = {f.code: f for f in sales_cycle.findings(one)}
    assert {"late_losses", "price_said"} <= set(found)
    assert "no_decision" not in found
    assert found["late_losses"].rule == "T09-R5"
    assert found["late_losses"].severity is Severity.WATCH  # 58 % of 12: the interval goes down to 32 %
    assert found["late_losses"].stake == 4 * 100 + 2000 + 100
    assert len(found["price_said"].targets) == 6


def test_silence_is_no_decision_too():
    rows, changes = joined(lost(6, "J1", "prix", "a"), lost(1, "J1", "sans décision", "b"))
    for i in range(5):
        rows.append(deal(f"s{i}", "2025-06-01", expected_close_date="2025-09-01", amount=50.0, stage_code="J2"))
        changes += path(f"s{i}", ("2025-06-01", "J1"), ("2025-06-20", "J2"))
    work = visits(("a00", "2026-01-15", 30), ("s0", "2025-07-01", 30))
    one = result(rows, changes, activities=work)
    assert one.key_figures["silent_deals"] == 5
    assert one.key_figures["no_decision_share"] == (1 + 5) / (7 + 5)
    (found,) = [f for f in sales_cycle.findings(one) if f.rule == "T09-R6"]
    assert found.stake == 100 + 250


def test_the_stage_where_some_lose_more_than_the_best():
    rows, changes = [], []
    for rep, kept in (("R1", 18), ("R2", 18), ("R3", 17), ("R4", 4)):
        for i in range(20):
            number, is_won = f"{rep}-{i:02d}", i < kept
            end = str(date(2026, 3, 1 + i))
            rows.append(deal(number, "2026-01-01", "won" if is_won else "lost", end, rep_id=rep))
            changes += path(number, ("2026-01-01", "J1"), ("2026-01-20", "J2"), (end, "GAG" if is_won else "PER"))
    one = result(rows, changes)
    (found,) = [f for f in sales_cycle.findings(one) if f.rule == "T09-R4"]
    assert (found.subject_kind, found.subject_id) == ("stage", "J2")
    assert ("rep", "R4") in found.targets
    own = one.loss_reps[one.loss_reps["stage_code"] == "J2"].set_index("rep_id")
    gap = (own.loc["R4", "q3_rate"] - own.loc["R4", "shrunk_rate"]) / (1 - own.loc["R4", "shrunk_rate"])
    assert own.loc["R4", "excess_loss"] == pytest.approx(gap * 1600)
    assert 1000 < own.loc["R4", "excess_loss"] < 1600
    assert one.key_figures["avoidable_stage_value"] == pytest.approx(own["excess_loss"].sum())


def test_people_alike_have_no_weak_stage():
    rows, changes = [], []
    for rep in ("R1", "R2", "R3", "R4"):
        for i in range(20):
            number, end = f"{rep}-{i:02d}", str(date(2026, 3, 1 + i))
            rows.append(deal(number, "2026-01-01", "won" if i < 14 else "lost", end, rep_id=rep))
            changes += path(number, ("2026-01-01", "J1"), (end, "GAG" if i < 14 else "PER"))
    assert "weak_stage" not in codes(result(rows, changes))


def test_win_rate_by_competitor():
    rows = [deal(f"w{i}", "2026-01-01", "won", "2026-03-01", competitor="Rhoda") for i in range(3)]
    rows += [deal(f"l{i}", "2026-01-01", "lost", "2026-03-01", competitor="Rhoda") for i in range(7)]
    rows += [deal("m", "2026-01-01", "lost", "2026-03-01", competitor="Norma")]
    table = result(rows).competitors.set_index("competitor")
    assert table.loc["Rhoda", ["win_rate", "win_low", "win_high"]].to_list() == pytest.approx(
        [0.3, 0.1078, 0.6032], abs=1e-4
    )
    assert np.isnan(table.loc["Norma", "win_rate"])  # one deal is no rate


def test_what_salespeople_say_against_what_buyers_say():
    rows = [deal(f"r{i}", "2026-01-01", "lost", "2026-03-01", loss_reason_code="prix", loss_reason_source="rep")
            for i in range(8)]  # fmt: skip
    rows += [deal(f"b{i}", "2026-01-01", "lost", "2026-03-01", loss_reason_code=code, loss_reason_source="buyer",
                  amount=900.0) for i, code in enumerate(["prix", "délai", "délai", "relation", "délai"])]  # fmt: skip
    one = result(rows)
    table = one.reason_sources.set_index("loss_reason")
    assert table.loc["price", ["rep_share", "buyer_share"]].to_list() == [1, 0.2]
    assert one.key_figures["buyer_confirmed_share"] == 1  # the biggest fifth: three losses, all told by the buyer
    assert one.key_figures["price_share"] == 1


# --- salespeople, parameters, periods ---------------------------------------------------------------------------------


def test_small_samples_have_no_rate_and_shrunk_ones():
    rows = [deal(f"a{i}", "2026-01-01", "won" if i < 2 else "lost", "2026-03-01") for i in range(4)]
    rows += [deal(f"b{i}", "2026-01-01", "won" if i < 1 else "lost", "2026-03-01", rep_id="R2") for i in range(6)]
    table = result(rows).reps.set_index("rep_id")
    assert np.isnan(table.loc["R1", "win_rate_closed"])
    assert table.loc["R2", "win_rate_closed"] == 1 / 6
    assert 1 / 6 < table.loc["R2", "shrunk_rate"] <= 0.3


def test_a_salesperson_filters_lists_only(demo_client):
    dataset = datasets.open(demo_client)
    whole, part = results.of(dataset, sales_cycle.NAME)[0], sales_cycle.compute(dataset, Parameters(rep="R07"))
    assert set(part.open_deals["rep_id"]) == set(part.losses["rep_id"]) == {"R07"}
    assert part.key_figures == whole.key_figures
    with pytest.raises(SettingError, match="nobody"):
        sales_cycle.compute(dataset, Parameters(rep="R99"))


@pytest.mark.slow
def test_nothing_after_the_date_is_seen(demo_client):
    dataset = datasets.open(demo_client)
    earlier = dataset.at(date(2025, 12, 31))
    frames = {name: earlier.table(name) for name, spec in TABLES.items() if earlier.has(name) and not spec.is_large}
    alone = Dataset.from_frames(frames, as_of=date(2025, 12, 31), client=dataset.client)
    assert earlier.window == alone.window
    then, again = sales_cycle.compute(earlier), sales_cycle.compute(alone)
    for name in ("deals", "won", "lost", "open", "won_value", "slippage_rate", "stalled_deals", "bridge_end"):
        assert then.key_figures[name] == pytest.approx(again.key_figures[name])


# --- published numbers ------------------------------------------------------------------------------------------------


def test_maven(real_client):
    """D-MAVEN: the figures of at least nine public readings."""
    figures = sales_cycle.compute(datasets.open(real_client("crm"), as_of="2017-12-31", months=0)).key_figures
    assert [figures[name] for name in ("deals", "won", "lost", "open")] == [8800, 4238, 2473, 1589 + 500]
    assert figures["win_rate_closed"] == pytest.approx(0.6315, abs=5e-5)
    assert figures["win_rate_all"] == pytest.approx(0.4816, abs=5e-5)
    assert figures["won_value"] == 10005534
    assert figures["cycle_days_median_won"] == 57
    assert figures["cycle_days_mean_won"] == pytest.approx(51.78, abs=5e-3)
    assert figures["cycle_days_mean"] == pytest.approx(47.99, abs=5e-3)
    assert figures["lost_value"] is None  # lost deals are exported at zero
    assert figures["late_entry"] == 1  # deals closed before March 2017 are not in the file


def test_receipt(real_data):
    """D-RECEIPT: an event log without outcomes; cases last from their first to their last event."""
    log = pd.read_csv(real_data / "event_logs" / "receipt.csv.gz")
    stamps = pd.to_datetime(log["time:timestamp"], utc=True, format="ISO8601").dt.tz_localize(None)
    events = pd.DataFrame(
        {
            "event_id": [f"{i:06d}" for i in range(len(log))], "opportunity_id": log["case"], "event_ts": stamps,
            "field": "stage", "new_value": log["concept:name"],
        }
    )  # fmt: skip
    cases = pd.DataFrame({"opportunity_id": log["case"].unique(), "created_date": pd.NaT, "status": None})
    frames = {"opportunities": cases, "opportunity_events": events}
    one = sales_cycle.compute(Dataset.from_frames(frames, as_of=stamps.max().date(), months=0))
    assert one.key_figures["cycle_days_mean"] == pytest.approx(5.408, abs=5e-4)
    assert one.key_figures["cycle_days_median"] == pytest.approx(0.033, abs=5e-4)
    assert one.key_figures["won"] is None
    assert one.key_figures["lost"] is None
    assert one.not_computable["won"].code == "no_outcome"
    assert len(one.stage_times) > 5
    sales_cycle.findings(one)


# --- degraded inputs --------------------------------------------------------------------------------------------------

OPTIONAL = [
    "opportunity_events", "stages", "milestone_evidence", "activities", "reps", "costs", "customers", "quotes",
    "sales_lines", "calendar",
]  # fmt: skip


@pytest.fixture(scope="module")
def tables(demo_client) -> dict[str, pd.DataFrame]:
    dataset = datasets.open(demo_client)
    frames = {name: dataset.table(name) for name, spec in TABLES.items() if dataset.has(name) and not spec.is_large}
    frames["activities"] = dataset.sql("select * from activities")
    return frames


@pytest.mark.parametrize("gone", paced(OPTIONAL, "opportunity_events", "stages"))
def test_a_table_removed_degrades_its_sections_only(tables, gone):
    frames = {name: frame for name, frame in tables.items() if name != gone}
    one = sales_cycle.compute(Dataset.from_frames(frames, as_of=AS_OF))
    sales_cycle.findings(one)
    assert one.key_figures["deals"] == len(one.deals)
    for name, value in one.key_figures.items():
        assert value is not None or name in one.not_computable, name
    for name in sales_cycle.compute.__globals__["FRAMES"]:
        assert getattr(one, name) is not None or name in one.not_computable, name


COLUMNS = ["rep_id", "amount", "created_date", "expected_close_date", "stage_code", "type", "loss_reason_code",
           "closed_date", "next_step_date", "customer_id"]  # fmt: skip


@pytest.mark.parametrize(
    "case", paced(product(COLUMNS, [True, False]), ("created_date", True), ("amount", False)), ids=str
)
def test_a_column_removed_does_no_harm(tables, case):
    column, history = case
    frames = dict(tables, opportunities=tables["opportunities"].drop(columns=column))
    if not history:
        del frames["opportunity_events"]
    one = sales_cycle.compute(Dataset.from_frames(frames, as_of=AS_OF))
    sales_cycle.findings(one)
    assert one.key_figures["deals"] is not None


@pytest.mark.parametrize("case", paced(product([0, 1, 2], [True, False]), (0, True), (1, False)), ids=str)
def test_hardly_any_deal(tables, case):
    rows, history = case
    frames = dict(tables, opportunities=tables["opportunities"].head(rows))
    if not history:
        del frames["opportunity_events"]
    sales_cycle.findings(sales_cycle.compute(Dataset.from_frames(frames, as_of=AS_OF)))


@pytest.mark.slow
def test_the_order_of_rows_is_nothing(tables):
    shuffled = {name: frame.sample(frac=1, random_state=3) for name, frame in tables.items()}
    one, two = (sales_cycle.compute(Dataset.from_frames(frames, as_of=AS_OF)) for frames in (tables, shuffled))
    assert one.key_figures == pytest.approx(two.key_figures, nan_ok=True)
    assert [f.id for f in sales_cycle.findings(one)] == [f.id for f in sales_cycle.findings(two)]


# --- the demo ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(demo_client):
    return results.of(datasets.open(demo_client), sales_cycle.NAME)[1]


def fires(findings, line) -> bool:
    return any(
        f.rule == line["rule"]
        and (
            (f.subject_kind, f.subject_id) == (line["subject_kind"], line["subject_id"])
            or (line["subject_kind"], line["subject_id"]) in f.targets
        )
        for f in findings
    )


def label(line) -> str:
    return f"{line['rule']}-{line['subject_id']}"


@pytest.mark.parametrize("line", TRUTHS["truth"], ids=label)
def test_planted_truths_are_found(found, line):
    assert fires(found, line)


@pytest.mark.parametrize("line", TRUTHS["decoy"], ids=label)
def test_decoys_are_not_flagged(found, line):
    assert not fires(found, line)


def test_findings_are_ordered_and_say_whom_to_act(found):
    gravity = list(Severity)
    ranks = [gravity.index(f.severity) for f in found]
    assert ranks == sorted(ranks)
    assert all(f.owner for f in found if f.subject_kind in ("opportunity", "rep"))
    assert all(f.stake is None or f.stake > 0 for f in found)
    assert len({f.id for f in found}) == len(found)
