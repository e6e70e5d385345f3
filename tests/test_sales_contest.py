"""Sales contest: each measure and rule on tables made by hand, published figures, and the demo client's truths."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import paced

from salespilot import results
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.dataset import open as opened_client
from salespilot.diagnostics import sales_contest as contest
from salespilot.diagnostics.sales_contest import budget, calendar_meets, choice, effect, launch, running, scoring
from salespilot.diagnostics.sales_contest.ledger import ledger, metric_of
from salespilot.finding import Severity
from salespilot.phrasebook import LANGUAGES, Phrasebook, phrases

ROOT = Path(__file__).parent.parent
TH = dataclasses.replace(contest.Thresholds(), draws=4_000)
TRUTHS_FILE = ROOT / "data" / "demo" / "truths" / f"{contest.NAME}.toml"
TRUTHS = tomllib.loads(TRUTHS_FILE.read_text(encoding="utf-8"))
KEY_FIGURES = (
    "participants", "winners", "hope_index", "fairness_min", "fairness_max", "full_cost", "break_even_lift",
    "net_effect", "net_effect_low", "net_effect_high", "pull_forward_share", "placebo_p", "roi",
)  # fmt: skip
PEOPLE = tuple(f"R{i}" for i in range(1, 9))


# --- tables by hand ---------------------------------------------------------------------------------------------------


def sales(
    months: int = 36, first: str = "2023-01-01", people: tuple[str, ...] = PEOPLE, noise: float = 0.0,
    changed: dict[str, float] | None = None, size: float = 100_000.0, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """One invoice a person and month, on the 15th, margin 30 %; ``changed``: month -> factor. A line of nothing on the
    last day closes the last month."""
    rng = np.random.default_rng(seed)
    rows = []
    for month in pd.date_range(first, periods=months, freq="MS"):
        for i, rep in enumerate(people):
            season = 1 + 0.2 * np.sin(2 * np.pi * month.month / 12)
            amount = size * (1 + i) * season * (changed or {}).get(f"{month:%Y-%m}", 1.0) * np.exp(noise * rng.normal())
            rows.append((rep, month + pd.Timedelta(days=14), amount))
    last = pd.date_range(first, periods=months, freq="MS")[-1] + pd.offsets.MonthEnd(0)
    rows.append((people[0], last, 0.0))
    frame = pd.DataFrame(rows, columns=["rep_id_booked", "invoice_date", "amount_net"])
    ids = frame.index.astype(str)
    return frame.assign(
        line_id=ids, invoice_id=ids, customer_id="c" + frame["rep_id_booked"], margin=0.3 * frame["amount_net"],
        doc_type="invoice",
    )  # fmt: skip


def held(start: str, end: str, code: str = "C1", **given: object) -> pd.DataFrame:
    row = {"contest_id": code, "name": "Push", "start_date": start, "end_date": end, "metric": "revenue",
           "score_rule": "zscore", "winners": 3, "budget": None} | given  # fmt: skip
    frame = pd.DataFrame([row])
    return frame.assign(start_date=pd.to_datetime(frame["start_date"]), end_date=pd.to_datetime(frame["end_date"]))


def prizes(*ranks: tuple[int, int, float], code: str = "C1") -> pd.DataFrame:
    return pd.DataFrame([(code, *rank) for rank in ranks], columns=["contest_id", "rank_from", "rank_to", "value"])


def made(as_of: str, tables: dict[str, pd.DataFrame], **parameters: object) -> tuple[contest.Result, dict[str, list]]:
    dataset = Dataset.from_frames(tables, as_of=as_of)
    result = contest.compute(dataset, contest.Parameters(**parameters), TH)
    fired: dict[str, list] = {}
    for finding in contest.findings(result, TH):
        fired.setdefault(finding.code, []).append(finding)
    return result, fired


PAST = held("2025-09-01", "2025-11-30")
NEXT = held("2026-03-01", "2026-04-30")


# --- which contest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "phase"),
    [("2025-08-31", "before"), ("2025-09-01", "during"), ("2025-11-29", "during"), ("2025-11-30", "after")],
)
def test_phase_follows_the_dates(as_of, phase):
    assert choice.phase(date.fromisoformat(as_of), date(2025, 9, 1), date(2025, 11, 30)) == phase


def test_the_contest_that_matters_is_the_running_one_then_the_next_then_the_last():
    table = pd.concat([PAST, held("2026-01-01", "2026-02-28", "C2"), held("2026-06-01", "2026-07-31", "C3")])
    for as_of, code in (("2026-01-31", "C2"), ("2025-12-31", "C2"), ("2026-03-31", "C3"), ("2026-08-31", "C3")):
        known = choice.contests(Dataset.from_frames({"sales_lines": sales(48), "contests": table}, as_of=as_of))
        assert choice.chosen(known, contest.Parameters()).contest_id == code
    with pytest.raises(SettingError, match="contests: C1, C2, C3"):
        choice.chosen(known, contest.Parameters(contest="C9"))


def test_winners_default_to_one_in_three_and_never_more_than_half():
    free = choice.contests(
        Dataset.from_frames({"contests": held("2026-03-01", "2026-04-30", winners=None)}, as_of="2026-01-31")
    )
    assert [choice.winner_count(free[0], n, TH) for n in (3, 8, 9, 10, 12)] == [1, 3, 3, 4, 4]


def test_parameters_change_the_contest_to_come_only():
    known = choice.contests(
        Dataset.from_frames({"contests": pd.concat([PAST, held("2026-03-01", "2026-04-30", "C2")])}, as_of="2025-12-31")
    )
    asked = contest.Parameters(start="2026-05-01", winners=4, budget=5000.0, rule="lift")
    past, to_come = (choice.amended(c, date(2025, 12, 31), asked) for c in known)
    assert past == known[0]
    assert (to_come.start, to_come.end, to_come.winners, to_come.budget, to_come.rule) == (
        date(2026, 5, 1), date(2026, 6, 30), 4, 5000.0, "lift",
    )  # fmt: skip
    with pytest.raises(SettingError, match="before it begins"):
        choice.amended(known[1], date(2025, 12, 31), contest.Parameters(start="2026-05-01", end="2026-04-01"))
    with pytest.raises(SettingError, match="must be a date"):
        choice.amended(known[1], date(2025, 12, 31), contest.Parameters(start="demain"))


def test_metrics_are_read_in_both_languages():
    assert [metric_of(word) for word in ("CA", "Marge", "visites", "new_customers", None, "NPS")] == [
        "revenue", "margin", "visits", "new_customers", "revenue", "revenue",
    ]  # fmt: skip


# --- references -------------------------------------------------------------------------------------------------------


def test_reference_is_last_year_times_a_trend_half_own_half_team():
    """Two people: A grows by 20 %, B by 0; the same dates last year, at this year's working days."""
    lines = sales(36, people=("A", "B"))
    later = lines["invoice_date"] >= "2025-01-01"
    lines.loc[later & (lines["rep_id_booked"] == "A"), "amount_net"] *= 1.2
    result, _ = made("2025-12-31", {"sales_lines": lines, "contests": NEXT})
    told = result.people.set_index("rep_id")
    team = (1.2 + 2) / 3
    assert told["trend"].tolist() == pytest.approx([(1.2 + team) / 2 - 1, (1 + team) / 2 - 1], abs=2e-3)
    sold = lines[lines["invoice_date"].between("2025-03-01", "2025-04-30")].groupby("rep_id_booked")["amount_net"].sum()
    dataset = Dataset.from_frames({"sales_lines": lines}, as_of="2025-12-31")
    days = [calendar_meets.worked_between(dataset, date(y, 3, 1), date(y, 4, 30)) for y in (2025, 2026)]
    want = sold * (1 + told["trend"]) * days[1] / days[0]
    assert told["baseline"].tolist() == pytest.approx(want.tolist(), rel=1e-6)


def test_a_year_with_a_contest_on_the_same_dates_is_no_reference():
    before = held("2025-03-01", "2025-04-30", "C0")
    lines = sales(36, changed={"2025-03": 3.0, "2025-04": 3.0})
    result, _ = made("2025-12-31", {"sales_lines": lines, "contests": pd.concat([before, NEXT])})
    assert result.key_figures["base_years"] == 2


def test_new_people_take_the_mean_of_their_role_and_leavers_are_out():
    reps = pd.DataFrame({"rep_id": [*PEOPLE, "NEW"], "role": "field", "fte": 1.0})
    reps["start_date"] = pd.Timestamp("2020-01-01")
    reps["end_date"] = pd.NaT
    reps.loc[reps["rep_id"] == "NEW", "start_date"] = pd.Timestamp("2025-11-03")
    reps.loc[reps["rep_id"] == "R8", "end_date"] = pd.Timestamp("2025-12-15")
    result, _ = made("2025-12-31", {"sales_lines": sales(), "contests": NEXT, "reps": reps})
    told = result.people.set_index("rep_id")
    assert "R8" not in told.index
    assert told.loc["NEW", "basis"] == "segment"
    assert told.loc["NEW", "baseline"] == pytest.approx(told.loc[list(PEOPLE[:7]), "baseline"].mean())


def test_where_sales_are_young_who_was_there_from_the_first_is_not_new():
    """Six months of sales: each one's own pace, but for who came after the first."""
    reps = pd.DataFrame({"rep_id": PEOPLE, "start_date": pd.Timestamp("2025-07-01")})
    reps.loc[0, "start_date"] = pd.Timestamp("2025-10-01")
    result, _ = made("2025-12-31", {"sales_lines": sales(6, "2025-07-01"), "contests": NEXT, "reps": reps})
    told = result.people.set_index("rep_id")
    assert told["basis"].tolist() == ["segment", *["recent_pace"] * 7]
    assert (told["baseline"] / told.loc["R2", "baseline"]).tolist()[1:] == pytest.approx([n / 2 for n in range(2, 9)])


def test_a_portfolio_that_changed_hands_is_compared_with_itself():
    """R1's customer goes to R2 for 2026: R2's reference holds both portfolios, R1 has nothing of its own left."""
    rows = [("cR1", "R1", "2020-01-01", "2025-12-20"), ("cR1", "R2", "2025-12-21", None)]
    rows += [(f"c{rep}", rep, "2020-01-01", None) for rep in PEOPLE[1:]]
    held_by = pd.DataFrame(rows, columns=["customer_id", "rep_id", "valid_from", "valid_to"]).assign(role="owner")
    tables = {"sales_lines": sales(), "contests": NEXT}
    alone, _ = made("2025-12-31", tables)
    both, _ = made("2025-12-31", tables | {"customer_assignments": held_by})
    apart, moved = (r.people.set_index("rep_id")["baseline"] for r in (alone, both))
    assert moved["R2"] == pytest.approx(apart["R1"] + apart["R2"], rel=1e-6)


# --- scoring ----------------------------------------------------------------------------------------------------------


def draws(baseline: list[float], spread: list[float], told: list[float] | None = None) -> scoring.Draws:
    base, wide = np.array(baseline), np.array(spread)
    results = scoring.drawn(base, wide, np.array([]), dataclasses.replace(TH, draws=4000))
    own = base if told is None else np.array(told)
    return scoring.Draws(results, own, own * wide, np.full(len(base), np.nan))


def test_plain_amounts_favour_the_big_and_standard_scores_nobody():
    given_ = draws([100, 110, 120, 400, 420, 130], [0.1] * 6)
    plain = scoring.fairness(scoring.wins("amount", given_, 2, TH), TH)
    assert plain["win_probability"].tolist() == pytest.approx([0, 0, 0, 1, 1, 0], abs=0.01)
    even = scoring.fairness(scoring.wins("zscore", given_, 2, TH), TH)
    assert even["fairness_ratio"].between(0.9, 1.1).all()
    assert even["has_hope"].all()
    assert not scoring.is_fair(plain["fairness_ratio"], TH)


def test_a_reference_set_too_low_wins_by_itself():
    given_ = draws([100] * 6, [0.1] * 6, told=[50, 100, 100, 100, 100, 100])
    assert scoring.fairness(scoring.wins("zscore", given_, 2, TH), TH)["win_probability"].iloc[0] > 0.99


def test_leagues_share_the_winners_and_objectives_have_as_many_as_reach_them():
    given_ = draws([100, 110, 120, 130, 400, 420, 430, 440], [0.05] * 8)
    won = scoring.wins("leagues", given_, 3, TH)
    assert (won.sum(axis=1) == 3).all()
    assert (won[:, 4:].sum(axis=1) == 1).all()
    assert scoring.wins("objective", given_, 3, TH).mean() == pytest.approx(0.16, abs=0.04)
    assert scoring.wins("attainment", given_, 3, TH) is None
    assert scoring.wins("points", given_, 3, TH) is None


@settings(max_examples=30)
@given(
    st.lists(st.floats(1e3, 1e6), min_size=2, max_size=12), st.floats(0.02, 0.5), st.integers(1, 6), st.sampled_from(
        ["amount", "lift", "zscore", "leagues"]
    )
)  # fmt: skip
def test_as_many_win_as_there_are_prizes(baseline, spread, winners, rule):
    th = dataclasses.replace(TH, draws=200)
    base = np.array(baseline)
    given_ = scoring.Draws(
        scoring.drawn(base, np.full(len(base), spread), np.array([]), th), base, base * spread, base * np.nan
    )
    won = scoring.wins(rule, given_, min(winners, len(base)), th)
    assert (won.sum(axis=1) == min(winners, len(base))).all()
    rates = scoring.fairness(won, th)
    assert rates["win_probability"].sum() == pytest.approx(min(winners, len(base)))
    assert rates["fairness_ratio"].mean() == pytest.approx(1)


def test_draws_are_the_same_every_time_and_right_on_average():
    base = np.array([100.0, 200.0])
    once, twice = (scoring.drawn(base, np.array([0.1, 0.2]), np.array([]), TH) for _ in range(2))
    assert (once == twice).all()
    assert once.mean(axis=0) == pytest.approx(base, rel=0.01)


def test_targets_are_shared_out_by_days_from_the_latest_version():
    rows = [
        ("2026-03-01", "2026-03-31", 1, 90.0),
        ("2026-03-01", "2026-03-31", 2, 100.0),
        ("2026-04-01", "2026-04-30", 1, 200.0),
    ]
    table = pd.DataFrame(rows, columns=["period_start", "period_end", "version", "value"])
    table = table.assign(entity_level="rep", entity_id="R1", metric="revenue")
    dataset = Dataset.from_frames({"targets": table, "contests": held("2026-03-01", "2026-04-15")}, as_of="2026-02-28")
    (subject,) = choice.contests(dataset)
    assert launch.targets(dataset, subject, ["R1", "R2"])[0] == pytest.approx(200)
    assert np.isnan(launch.targets(dataset, subject, ["R1", "R2"])[1])


# --- cost -------------------------------------------------------------------------------------------------------------


def parts(**tables: pd.DataFrame) -> dict[str, float]:
    dataset = Dataset.from_frames({"sales_lines": sales()} | tables, as_of="2025-12-31")
    (subject,) = choice.contests(dataset)
    found = budget.cost(dataset, subject, TH)
    return {} if found is None else found.set_index("part")["amount"].to_dict()


def test_full_cost_is_prizes_with_charges_and_running():
    costs = pd.DataFrame({"role": ["all"], "prize_charge_rate": [0.5]})
    given_ = {"contest_prizes": prizes((1, 2, 1000.0), (3, 3, 500.0)), "costs": costs}
    assert parts(contests=NEXT, **given_) == pytest.approx(
        {"prizes": 2500, "charges": 1250, "running": 375, "total": 4125}
    )
    rich = parts(contests=held("2026-03-01", "2026-04-30", budget=6000.0), **given_)
    assert (rich["running"], rich["total"]) == (2250, 6000)
    poor = parts(contests=held("2026-03-01", "2026-04-30", budget=3000.0), **given_)
    assert poor["total"] == 3750  # the budget forgot the charges
    only = parts(contests=held("2026-03-01", "2026-04-30", budget=9000.0))
    assert only["total"] == pytest.approx(9000)
    assert only["prizes"] == pytest.approx(9000 / (1 + 0.65 + 0.15))
    assert parts(contests=NEXT) == {}


def test_break_even_lift_is_cost_over_margin_over_reference():
    result, fired = made(
        "2025-12-31", {"sales_lines": sales(), "contests": held("2026-03-01", "2026-04-30", budget=60_000.0)}
    )
    figures = result.key_figures
    assert figures["full_cost"] == 60_000
    assert figures["needed_revenue"] == pytest.approx(200_000)
    assert figures["break_even_lift"] == pytest.approx(200_000 / figures["baseline_total"])
    assert figures["highest_cost"] == pytest.approx(0.2 * 0.05 * figures["baseline_total"] * 0.3)
    assert "too_dear" in fired or "over_cap" in fired


def test_a_contest_too_dear_without_a_history_of_lifts():
    lines = sales(14, first="2024-11-01")
    _, fired = made(
        "2025-12-31", {"sales_lines": lines, "contests": held("2026-03-01", "2026-04-30", budget=900_000.0)}
    )
    assert fired["too_dear_unproven"][0].stake == 900_000


# --- the rules before the launch --------------------------------------------------------------------------------------


def test_unfair_references_and_little_hope_and_a_tie():
    people = pd.DataFrame({"contest_id": "C1", "rep_id": PEOPLE, "baseline": 1e5, "sigma": 1e4, "result": np.nan})
    result, fired = made(
        "2025-12-31", {"sales_lines": sales(noise=0.1), "contests": NEXT, "contest_participants": people}
    )
    (finding,) = fired["unfair"]
    assert (finding.rule, finding.severity, finding.subject_id) == ("T04-R1", Severity.ALERT, "C1")
    assert result.key_figures["fairness_max"] == pytest.approx(8 / 3, rel=0.01)
    assert fired["little_hope"][0].rule == "T04-R2"
    assert result.key_figures["hope_index"] < 0.7
    assert result.terms["best_rule"] in ("zscore", "lift")
    fair, quiet = made("2025-12-31", {"sales_lines": sales(noise=0.1), "contests": NEXT})
    assert fair.key_figures["fairness_max"] < 2
    assert not {"unfair", "little_hope"} & set(quiet)
    assert quiet["tie_ahead"][0].rule == "T04-R9"


def test_unequal_prizes_are_seen():
    tables = {"sales_lines": sales(noise=0.1), "contests": NEXT, "contest_prizes": prizes((1, 1, 900.0), (2, 3, 300.0))}
    result, fired = made("2025-12-31", tables)
    assert fired["unequal_prizes"][0].rule == "T04-R9"
    assert "article_prizes_ranked" in result.articles


def test_a_cycle_longer_than_the_contest():
    closed = pd.date_range("2025-01-10", periods=10, freq="30D")
    deals = pd.DataFrame({"opportunity_id": [f"D{i}" for i in range(10)], "customer_id": "cR1", "rep_id": "R1"})
    deals = deals.assign(created_date=closed - pd.Timedelta(days=90), closed_date=closed, status="won", amount=1.0)
    _, fired = made("2025-12-31", {"sales_lines": sales(), "contests": NEXT, "opportunities": deals})
    assert fired["too_short"][0].values["cycle"] == 90


def test_sales_without_salesperson_spoil_the_score():
    lines = sales()
    lines.loc[lines["rep_id_booked"] == "R8", "rep_id_booked"] = None
    _, fired = made("2025-12-31", {"sales_lines": lines, "contests": NEXT})
    assert fired["capture_unnamed_sales"][0].rule == "T04-R5"


def test_the_calendar_is_told():
    both = pd.concat([NEXT, held("2026-04-01", "2026-05-15", "C2")])
    result, _ = made("2025-12-31", {"sales_lines": sales(), "contests": both}, contest="C1")
    told = result.clashes.set_index("clash")
    assert told.loc["quarter_end", "date"] == pd.Timestamp("2026-03-31")
    assert told.loc["other_contest", "date"] == pd.Timestamp("2026-04-01")


def test_few_people_are_set_objectives_and_managers_do_not_take_part():
    reps = pd.DataFrame(
        {
            "rep_id": PEOPLE,
            "manager_id": ["R8"] * 4 + [None] * 4,
            "end_date": [pd.NaT] * 4 + [pd.Timestamp("2024-01-01")] * 3 + [pd.NaT],
        }
    )
    result, _ = made("2025-12-31", {"sales_lines": sales(), "reps": reps})
    assert result.people["rep_id"].tolist() == ["R1", "R2", "R3", "R4"]
    assert (result.terms["rule"], result.terms["contest_id"]) == ("objective", "new")
    assert "article_tie_objective" in result.articles


# --- while it runs ----------------------------------------------------------------------------------------------------


def test_only_the_first_places_and_ones_own_are_shown():
    tables = {"sales_lines": sales(34, noise=0.1), "contests": PAST}
    result, _ = made("2025-10-31", tables)
    assert result.standings["place"].tolist() == [1, 2, 3]
    assert set(result.race["rep_id"]) == set(result.standings["rep_id"])
    own = ({*PEOPLE} - set(result.standings["rep_id"])).pop()
    mine, _ = made("2025-10-31", tables, rep=own)
    assert len(mine.standings) == 4
    assert mine.standings["rep_id"].iloc[-1] == own
    assert result.key_figures["net_effect"] is None


def test_pace_sets_the_team_against_its_reference():
    result, _ = made(
        "2025-10-31", {"sales_lines": sales(34), "contests": held("2025-09-01", "2025-11-30", budget=50_000.0)}
    )
    pace = result.pace.set_index("measure")
    assert pace.loc["ahead", "amount"] == pytest.approx(
        pace.loc["sold_to_date", "amount"] - pace.loc["reference_to_date", "amount"]
    )
    assert pace.loc["needed_pace", "amount"] > 0


def test_discounts_that_rise_while_it_runs_are_an_early_sign():
    lines = sales(34).assign(discount=0.0)
    inside = lines["invoice_date"] >= "2025-09-01"
    lines.loc[inside, "discount"] = 0.1 * lines.loc[inside, "amount_net"]
    _, fired = made("2025-10-31", {"sales_lines": lines, "contests": PAST})
    assert fired["early_discount"][0].values["now"] == pytest.approx(0.1 / 1.1)


# --- created or moved -------------------------------------------------------------------------------------------------


def test_an_effect_without_noise_is_found_to_the_euro():
    """Sales 20 % above in the contest: effect 20 % of what the same months bring otherwise, nothing before or after."""
    changed = {f"2025-{m:02d}": 1.2 for m in (9, 10, 11)}
    result, fired = made("2026-02-28", {"sales_lines": sales(38, changed=changed, noise=1e-6), "contests": PAST})
    plain = sales(38)
    usual = plain[plain["invoice_date"].between("2025-09-01", "2025-11-30")]["amount_net"].sum()
    assert result.key_figures["net_effect"] == pytest.approx(0.2 * usual, rel=1e-3)
    assert result.key_figures["pull_forward_share"] == pytest.approx(0, abs=1e-3)
    assert fired["created"][0].severity is Severity.GOOD
    assert result.key_figures["net_effect_low"] > 0


def test_sales_taken_from_the_month_after_are_no_effect():
    changed = {f"2025-{m:02d}": 1.2 for m in (9, 10, 11)} | {"2025-12": 0.45}
    result, fired = made("2026-02-28", {"sales_lines": sales(38, changed=changed, noise=0.03), "contests": PAST})
    assert result.key_figures["pull_forward_share"] > 0.5
    assert fired["moved"][0].rule == "T04-R6"
    assert result.phases.set_index("contest_phase").loc["post", "difference"] < 0
    phases = result.phases.set_index("contest_phase")
    assert phases.loc[["pre", "during", "post"], "difference"].sum() == pytest.approx(phases.loc["net", "difference"])


def test_the_verdict_and_the_interval_agree():
    for seed in range(6):
        changed = {f"2025-{m:02d}": 1.08 for m in (9, 10, 11)}
        result, fired = made(
            "2026-02-28", {"sales_lines": sales(38, changed=changed, noise=0.1, seed=seed), "contests": PAST}
        )
        is_proven = result.key_figures["net_effect_low"] > 0
        assert is_proven == (result.key_figures["effect_probability"] < 0.05)
        assert is_proven == ("created" in fired) or "moved" in fired


def test_a_seasonal_peak_is_no_lift():
    lines = sales(38, noise=0.02)
    peak = lines["invoice_date"].dt.month.isin([9, 10, 11])
    lines.loc[peak, "amount_net"] *= 1.5
    result, fired = made("2026-02-28", {"sales_lines": lines, "contests": PAST})
    assert "created" not in fired
    assert abs(result.key_figures["net_share"]) < 0.05


def test_placebos_never_meet_a_contest():
    result, _ = made("2026-02-28", {"sales_lines": sales(38, noise=0.05), "contests": PAST})
    assert result.key_figures["placebo_count"] == len(result.placebos)
    touching = result.placebos["date"].between("2025-06-01", "2025-12-31")
    assert not touching.any()
    better = (result.placebos["net_share"] >= result.key_figures["net_share"]).sum()
    assert result.key_figures["placebo_p"] == pytest.approx((1 + better) / (1 + len(result.placebos)))


def test_a_year_known_only_by_the_contest_gives_no_effect():
    """A contest that fills the last block of months but for those of other contests cannot be judged."""
    sold = ledger(Dataset.from_frames({"sales_lines": sales(24, noise=0.05)}, as_of="2024-12-31"))
    start, end = date(2024, 9, 1), date(2024, 11, 30)
    assert effect.measured(sold, start, end, 28, 28) is not None
    assert effect.measured(sold, start, end, 28, 28, [(date(2024, 1, 1), date(2024, 8, 31))]) is None


def test_slots_fall_on_the_same_dates_each_year():
    slots = effect.cut(date(2025, 9, 15), date(2025, 11, 30), 28, 40, date(2023, 1, 1), date(2026, 6, 30))
    assert slots.loc[slots["kind"] == "during", "start"].min() == date(2025, 9, 15)
    assert slots.loc[slots["kind"] == "during", "end"].max() == date(2025, 11, 30)
    assert slots.loc[slots["kind"] == "pre", "start"].tolist() == [date(2025, 8, 18)]
    assert slots.loc[slots["kind"] == "post", "end"].tolist() == [date(2026, 1, 9)]
    gaps = pd.to_datetime(slots["start"]).iloc[1:].to_numpy() - pd.to_datetime(slots["end"]).iloc[:-1].to_numpy()
    assert (gaps == np.timedelta64(1, "D")).all()
    starts = slots.groupby("season")["start"].agg(lambda days: len({(d.month, d.day) for d in days}))
    assert (starts <= 2).all()  # a leap year moves a day


def test_roi_sets_the_margin_gained_against_the_full_cost():
    changed = {f"2025-{m:02d}": 1.2 for m in (9, 10, 11)}
    tables = {
        "sales_lines": sales(38, changed=changed, noise=1e-6),
        "contests": held("2025-09-01", "2025-11-30", budget=50_000.0),
    }
    figures = made("2026-02-28", tables)[0].key_figures
    assert figures["roi"] == pytest.approx((figures["net_effect"] * 0.3 - 50_000) / 50_000)


def test_people_outside_the_contest_are_a_control():
    people = pd.DataFrame(
        {"contest_id": "C1", "rep_id": PEOPLE[:4], "baseline": np.nan, "sigma": np.nan, "result": np.nan}
    )
    changed = {f"2025-{m:02d}": 1.1 for m in (9, 10, 11)}
    tables = {"sales_lines": sales(38, changed=changed, noise=1e-6), "contests": PAST, "contest_participants": people}
    figures = made("2026-02-28", tables)[0].key_figures
    assert figures["followed_people"] == 4
    assert figures["control_share"] == pytest.approx(figures["net_share"], abs=1e-3)


def test_credit_notes_and_discounts_that_drift():
    lines = sales(38).assign(discount=0.0, original_invoice_id=None)
    inside = lines["invoice_date"].between("2025-09-01", "2025-11-30")
    lines.loc[inside, "discount"] = 0.05 * lines.loc[inside, "amount_net"]
    first = lines[inside].iloc[0]
    note = first.to_dict() | {
        "line_id": "n",
        "invoice_id": "n",
        "doc_type": "credit_note",
        "original_invoice_id": first["invoice_id"],
    }
    note |= {
        "invoice_date": pd.Timestamp("2025-12-10"),
        "amount_net": -0.1 * lines.loc[inside, "amount_net"].sum(),
        "margin": 0.0,
    }
    result, fired = made("2026-02-28", {"sales_lines": pd.concat([lines, pd.DataFrame([note])]), "contests": PAST})
    told = result.quality.set_index("measure")
    assert told.loc["credit_notes", "now"] == pytest.approx(0.1)
    assert told.loc["discount", "drift"] == pytest.approx(0.05 / 1.05)
    assert {f.rule for code in ("drift_credit_notes", "drift_discount") for f in fired[code]} == {"T04-R7"}


def test_deals_expected_later_and_won_inside():
    deals = pd.DataFrame({"opportunity_id": list("ABCD"), "customer_id": "cR1", "rep_id": "R1", "amount": 1.0,
                          "status": "won",
                          "created_date": pd.Timestamp("2025-06-01"), "closed_date": pd.Timestamp("2025-10-10"),
                          "expected_close_date": pd.Timestamp("2025-10-10")})  # fmt: skip
    events = pd.DataFrame(
        [("1", "A", "2025-08-01", "2025-10-10", "2026-01-10"), ("2", "B", "2025-09-20", "2025-12-20", "2025-10-10")],
        columns=["event_id", "opportunity_id", "event_ts", "old_value", "new_value"],
    ).assign(field="close_date")
    events["event_ts"] = pd.to_datetime(events["event_ts"])
    tables = {"sales_lines": sales(38), "contests": PAST, "opportunities": deals, "opportunity_events": events}
    figures = made("2026-02-28", tables)[0].key_figures
    assert (figures["won_deals"], figures["pulled_deals"]) == (4, 2)


# --- fatigue ----------------------------------------------------------------------------------------------------------


def test_three_contests_in_a_year_and_always_the_same_winners():
    runs = [
        held(f"2025-{m:02d}-01", f"2025-{m:02d}-28", f"C{m}", score_rule="attainment", winners=2) for m in (2, 6, 10)
    ]
    people = [
        pd.DataFrame({"contest_id": f"C{m}", "rep_id": PEOPLE, "baseline": np.nan, "sigma": np.nan,
                      "result": np.arange(8.0)}) for m in (2, 6, 10)
    ]  # fmt: skip
    result, fired = made(
        "2026-02-28", {"sales_lines": sales(38), "contests": pd.concat(runs), "contest_participants": pd.concat(people)}
    )
    assert fired["fatigue"][0].values["n"] == 3
    assert fired["same_winners"][0].values["share"] == 1
    assert result.history["top_seller_prizes"].tolist() == [1, 1, 1]


# --- degraded inputs --------------------------------------------------------------------------------------------------


def test_without_a_contest_one_is_drawn_up():
    result, fired = made("2025-12-31", {"sales_lines": sales(noise=0.1)})
    assert result.terms["contest_start"] == date(2026, 2, 1)
    assert result.key_figures["participants"] == 8
    assert result.key_figures["full_cost"] == pytest.approx(result.key_figures["highest_cost"])
    assert result.not_computable["net_effect"].code == "absent_table"
    assert len(result.articles) == 10
    assert all(finding.subject_id == "new" for found in fired.values() for finding in found)


def test_lines_that_name_nobody_still_tell_what_the_contest_did():
    lines = sales(38, changed={f"2025-{m:02d}": 1.2 for m in (9, 10, 11)}, noise=1e-6).drop(columns="rep_id_booked")
    result, _ = made("2026-02-28", {"sales_lines": lines, "contests": PAST})
    assert result.not_computable["hope_index"].code == "no_salesperson"
    assert result.articles == ("article_past",)
    assert result.key_figures["net_share"] > 0.05


FULL = {
    "sales_lines": sales(38, noise=0.1),
    "contests": pd.concat([PAST, held("2026-04-01", "2026-05-31", "C2", budget=5000.0)]),
    "contest_prizes": pd.concat([prizes((1, 3, 500.0)), prizes((1, 3, 500.0), code="C2")]),
    "contest_participants": pd.DataFrame(
        {"contest_id": "C2", "rep_id": PEOPLE, "baseline": 2e5, "sigma": 2e4, "result": np.nan}
    ),
    "reps": pd.DataFrame({"rep_id": PEOPLE, "display_name": [f"Name {i}" for i in range(8)], "role": "field"}),
    "costs": pd.DataFrame({"role": ["field"], "prize_charge_rate": [0.6]}),
}


@pytest.mark.parametrize("table", paced(FULL, "contests", "reps"))
def test_a_missing_table_takes_away_its_part_only(table):
    result, _ = made("2026-02-28", {name: frame for name, frame in FULL.items() if name != table})
    assert set(KEY_FIGURES) <= set(result.key_figures)
    lacking = [name for name in KEY_FIGURES if result.key_figures[name] is None]
    assert all(name in result.not_computable for name in lacking), lacking


COLUMNS = ["margin", "doc_type", "customer_id", "invoice_id", "rep_id_booked"]


@pytest.mark.parametrize("column", paced(COLUMNS, "margin", "rep_id_booked"))
def test_a_missing_column_takes_away_its_part_only(column):
    result, _ = made("2026-02-28", FULL | {"sales_lines": FULL["sales_lines"].drop(columns=column)})
    lacking = [name for name in KEY_FIGURES if result.key_figures[name] is None]
    assert all(name in result.not_computable for name in lacking), lacking


def test_the_full_tables_leave_no_key_figure_unknown_but_the_roi_inputs():
    result, _ = made("2026-02-28", FULL)
    assert [name for name in KEY_FIGURES if result.key_figures[name] is None] == []
    assert result.key_figures["full_cost"] == 5000


def test_the_season_frames_the_contests_and_leaves_the_future_blank():
    result, _ = made("2026-02-28", FULL)
    table = result.season.set_index(["year", "calendar_month"])
    assert table.index.is_unique
    framed = [f"{year}-{month}" for year, month in table.index[table["has_contest"]]]
    assert framed == ["2025-m09", "2025-m10", "2025-m11", "2026-m04", "2026-m05"]
    assert table["pace_index"].mean() == pytest.approx(1)
    assert table.loc[(2026, "m03") :, "pace_index"].isna().all()
    assert result.season["calendar_month"].head(12).tolist() == [f"m{month:02d}" for month in range(1, 13)]


def test_a_contest_without_a_past_says_so():
    lines = sales(2, first="2026-01-01")
    result, _ = made("2026-02-28", {"sales_lines": lines, "contests": held("2026-01-01", "2026-02-28", budget=3000.0)})
    assert result.key_figures["participants"] is None
    assert {result.not_computable[n].code for n in ("participants", "break_even_lift")} == {"no_sales_before"}


def test_nothing_after_the_as_of_date_counts():
    late = FULL["sales_lines"].assign(
        amount_net=lambda t: np.where(t["invoice_date"] > "2025-12-31", 9e9, t["amount_net"])
    )
    seen, same = (made("2025-12-31", FULL | {"sales_lines": frame})[0] for frame in (FULL["sales_lines"], late))
    assert seen.key_figures == same.key_figures


def test_a_person_whom_nobody_knows_is_refused():
    with pytest.raises(SettingError, match="nobody has the code"):
        made("2026-02-28", FULL, rep="R99")


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_reason_and_article_has_its_words(language):
    book = Phrasebook(contest.NAME, language)
    result, fired = made("2026-02-28", FULL)
    for found in fired.values():
        for finding in found:
            assert book.say(f"{finding.code}_observation", **finding.values)
            if finding.severity is not Severity.GOOD:
                assert book.say(f"{finding.code}_action", **finding.values)
    for reason in result.not_computable.values():
        assert book.say(reason.code, **reason.values)
    for rule in (*contest.model.RULES,):
        assert f"article_scoring_{rule}" in phrases(contest.NAME)
    for article in result.articles:
        assert book.say(article, **result.terms)


def test_every_code_that_a_rule_may_fire_has_words():
    source = (ROOT / "salespilot/diagnostics/sales_contest/verdicts.py").read_text(encoding="utf-8")
    for code in ("unfair", "unfair_objective", "little_hope", "too_dear", "too_dear_unproven", "over_cap", "too_short",
                 "tie_ahead", "unequal_prizes", "moved", "no_effect", "created", "fatigue",
                 "same_winners"):  # fmt: skip
        assert f'"{code}"' in source
        assert f"{code}_observation" in phrases(contest.NAME)
    for kind, measures in (
        ("drift", ("credit_notes", "discount", "margin")),
        ("early", ("credit_notes", "discount", "margin", "other_sellers")),
    ):
        assert all(f"{kind}_{measure}_observation" in phrases(contest.NAME) for measure in measures)
    for doubt in ("unnamed_sales", "unknown_margin", "unknown_metric", "redefined", "unlogged"):
        assert f"capture_{doubt}_observation" in phrases(contest.NAME)


# --- truth of the verdict ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_verdicts_on_simulated_contests():
    """A small run of ``benchmarks/truth.py contests``: 12 people, 24 months, monthly CV 15 %, common shock 3 %."""
    spec = importlib.util.spec_from_file_location("truth", ROOT / "benchmarks" / "truth.py")
    truth = importlib.util.module_from_spec(spec)
    sys.modules["truth"] = truth
    spec.loader.exec_module(truth)
    assert truth._proven(0.0, 0.0, 0.15, 200) <= 0.13  # 10 % and twice the chance of 200 draws
    assert truth._proven(0.15, 0.0, 0.15, 200) >= 0.64
    assert truth._proven(0.15, 1.0, 0.15, 200) <= 0.13


# --- published figures and real clients -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(real_data) -> dict[str, dict]:
    return {case["id"]: case["expected"] for case in json.loads((real_data / "expected.json").read_text("utf-8"))}


def test_d_aw_sp(real_client, published):
    """The order of sales to date, without the three managers; the quotas to the cent."""
    want = published["D-AW-SP"]
    dataset = opened_client(real_client("adventureworks"), as_of="2011-12-31")
    table = dataset.table("targets")
    assert (len(table), table["value"].sum()) == (want["quota rows"], want["quota sum"])
    assert len(dataset.table("reps")) == want["reps"]
    (subject,) = choice.contests(dataset)
    people = choice.participants(dataset, subject, ledger(dataset))
    nothing = np.full(len(people), np.nan)
    field = running.Field(tuple(people["rep_id"]), tuple(people["rep_name"]), nothing, nothing, nothing)
    ranked = running.standings("amount", field, people["told_result"].to_numpy())
    told = [float(line.split()[-1]) for line in want["order SalesYTD"]]
    assert ranked["result"].tolist() == pytest.approx(told, abs=1e-4)
    assert not {"274", "285", "287"} & set(ranked["rep_id"])
    result = contest.compute(dataset)
    assert result.key_figures["participants"] == len(told)
    assert result.not_computable["net_effect"].code == "no_two_years_around"


def test_chinook_gets_a_contest_drawn_up(real_client):
    result = contest.compute(opened_client(real_client("chinook")))
    assert result.terms["rule"] == "objective"
    assert result.key_figures["participants"] == 3
    assert result.not_computable["full_cost"].code == "no_cost"


# --- the demo client --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(demo_client) -> contest.Result:
    return results.of(opened_client(demo_client), contest.NAME)[0]


@pytest.fixture(scope="module")
def demo(demo_client) -> list:
    return results.of(opened_client(demo_client), contest.NAME)[1]


def fires(found: list, line: dict) -> bool:
    """Good news of the rule is no alarm."""
    return any(
        finding.severity is not Severity.GOOD and
        (finding.rule, finding.subject_kind, finding.subject_id)
        == (line["rule"], line["subject_kind"], line["subject_id"])
        for finding in found
    )  # fmt: skip


def label(line: dict) -> str:
    return f"{line['rule']}-{line['subject_id']}"


@pytest.mark.parametrize("line", TRUTHS.get("truth", []), ids=label)
def test_planted_truths_are_found(demo, line):
    assert fires(demo, line), line["why"]


@pytest.mark.parametrize("line", TRUTHS.get("decoy", []), ids=label)
def test_decoys_are_left_alone(demo, line):
    assert not fires(demo, line), line["why"]


@pytest.mark.parametrize(
    "variant", [v for v in TRUTHS.get("variant", []) if "parameters" in v], ids=lambda v: v["name"]
)
def test_variants_read_with_other_parameters(demo_client, variant):
    dataset = opened_client(demo_client)
    found = contest.findings(contest.compute(dataset, contest.Parameters(**variant["parameters"])))
    assert all(fires(found, line) for line in variant.get("truth", []))
    assert not any(fires(found, line) for line in variant.get("decoy", []))


@pytest.mark.parametrize(
    "variant", [v for v in TRUTHS.get("variant", []) if "parameters" not in v], ids=lambda v: v["name"]
)
def test_variants_of_the_tables(make_demo, variant):
    dataset = Dataset.from_frames(make_demo.frames(7, variant["name"]), as_of="2026-06-30")
    found = contest.findings(contest.compute(dataset))
    assert all(fires(found, line) for line in variant.get("truth", []))
    assert not any(fires(found, line) for line in variant.get("decoy", []))


def test_the_demo_contest_has_its_figures(measured):
    figures = measured.key_figures
    assert [name for name in KEY_FIGURES if figures[name] is None] == []
