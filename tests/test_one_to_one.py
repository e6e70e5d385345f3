"""One-to-one: figures worked out by hand, what must never be said, planted truths and decoys."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import salespilot as sp
from salespilot import inference
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.deals import cumulative_incidence
from salespilot.finding import Finding, Severity, absent
from salespilot.phrasebook import LANGUAGES, Phrasebook
from salespilot.plans import one_to_one
from salespilot.plans.one_to_one import facts, lists, style
from salespilot.plans.one_to_one.compute import LOGGED_SERIES, SERIES, SERIES_SHOWN
from salespilot.plans.one_to_one.model import CODES, NotComputable
from salespilot.plans.one_to_one.verdicts import judge
from salespilot.results import of as results_of

AS_OF = date(2026, 6, 30)
ROOT = Path(__file__).parent.parent
PLANTED = ROOT / "data" / "demo" / "truths" / "one_to_one.toml"
TRUTHS = tomllib.loads(PLANTED.read_text(encoding="utf-8"))
FIGURES = (
    "attainment", "target_probability", "commitment_completion", "facts", "deals_to_decide", "customers_to_decide",
    "style", "style_confidence",
)  # fmt: skip
TH = one_to_one.Thresholds()
STYLES = {"directive", "persuasive", "participative", "delegative", "undetermined"}


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def actions(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Rows of decided_on, due_date, status, owner; all decided at one-to-ones."""
    frame = pd.DataFrame(rows, columns=["decided_on", "due_date", "status", "owner_rep_id"])
    frame[["decided_on", "due_date"]] = frame[["decided_on", "due_date"]].apply(pd.to_datetime)
    frame["action_id"] = [f"A{n}" for n in range(len(frame))]
    return frame.assign(source="one_to_one", title="Appeler", start_date=frame["decided_on"], progress=0.5)


def small(**more: pd.DataFrame) -> Dataset:
    reps = pd.DataFrame(
        {
            "rep_id": ["R1", "R2", "R3", "R4"],
            "display_name": ["Zoé Un", "alice Deux", "Bob Trois", "Carl Quatre"],
            "start_date": pd.to_datetime(["2020-01-01", "2026-05-01", "2019-01-01", "2018-01-01"]),
            "end_date": pd.to_datetime([None, None, "2026-07-31", "2026-02-28"]),
        }
    )
    deals = pd.DataFrame(
        {
            "opportunity_id": ["O1", "O2", "O3"],
            "customer_id": ["C1", "C2", "C3"],
            "rep_id": ["R1", "R2", "R3"],
            "status": "open",
            "amount": [10.0, 20.0, 30.0],
            "created_date": pd.to_datetime(["2026-01-10"] * 3),
        }
    )
    return Dataset.from_frames({"reps": reps, "opportunities": deals, **more}, as_of=AS_OF)


def sheet(dataset: Dataset, rep: str, results=None):
    return one_to_one.compute(dataset, results or {}, one_to_one.Parameters(rep=rep), TH)


# --- who


def test_a_sheet_for_each_in_post_and_none_for_who_left():
    assert one_to_one.people(small()) == ["R2", "R3", "R1"]


def test_the_managers_page_is_alphabetical_and_ranks_nobody():
    index = one_to_one.compute(small(), {}).index
    assert index["rep_name"].tolist() == ["alice Deux", "Bob Trois", "Zoé Un"]
    assert index["rep_presence"].tolist() == ["new", "leaving", "in_post"]
    assert not {"attainment", "rank", "target_probability", "style"} & set(index.columns)


def test_nobody_has_that_code():
    with pytest.raises(SettingError, match="nobody has the code 'R9'"):
        sheet(small(), "R9")


# --- commitments


def committed(*rows: tuple[str, str, str, str]):
    dataset = small(actions=actions(*rows))
    return sheet(dataset, "R1")


def test_completion_is_what_was_kept_of_what_came_due():
    result = committed(
        ("2026-03-02", "2026-04-01", "done", "R1"),
        ("2026-03-02", "2026-04-01", "in_progress", "R1"),
        ("2026-05-04", "2026-06-01", "done", "R1"),
        ("2026-05-04", "2026-09-01", "planned", "R1"),
        ("2026-05-04", "2026-06-01", "dropped", "R1"),
        ("2026-05-04", "2026-06-01", "draft", "R1"),
        ("2026-05-04", "2026-06-01", "done", "R3"),
    )
    assert result.key_figures["commitment_completion"] == pytest.approx(2 / 3)
    assert result.meetings["decided_on"].tolist() == [day("2026-05-04"), day("2026-03-02")]
    assert result.meetings["commitment_completion"].tolist() == [1.0, 0.5]
    assert sorted(result.commitments["commitment_state"]) == ["dropped", "kept", "kept", "missed", "pending"]


def test_done_late_came_due_and_was_not_kept():
    rows = actions(("2026-03-02", "2026-04-01", "done", "R1"), ("2026-03-02", "2026-04-01", "done", "R1"))
    rows["done_on"] = pd.to_datetime(["2026-04-01", "2026-04-02"])
    result = sheet(small(actions=rows), "R1")
    assert result.commitments["commitment_state"].tolist() == ["kept", "done_late"]
    assert result.key_figures["commitment_completion"] == 0.5


def test_an_action_of_another_source_is_no_commitment():
    other = actions(("2026-03-02", "2026-04-01", "done", "R1")).assign(source="pac")
    result = sheet(small(actions=other), "R1")
    assert result.key_figures["commitment_completion"] is None
    assert result.not_computable["commitment_completion"].code == "no_meeting"


def test_decided_after_the_as_of_date_is_not_seen():
    result = committed(("2026-07-02", "2026-07-10", "done", "R1"))
    assert result.commitments is None


def test_nothing_due_has_no_rate():
    result = committed(("2026-06-02", "2026-09-01", "planned", "R1"))
    assert result.key_figures["commitment_completion"] is None
    assert result.not_computable["commitment_completion"].code == "nothing_due"


SLIP = (
    ("2026-03-02", "2026-04-01", "in_progress", "R1"), ("2026-03-02", "2026-04-01", "planned", "R1"),
    ("2026-03-02", "2026-04-01", "done", "R1"), ("2026-05-04", "2026-06-01", "in_progress", "R1"),
)  # fmt: skip


def test_two_meetings_running_below_half_call_for_fewer_actions():
    result = committed(*SLIP)
    assert "T08-R1" in result.rules
    assert result.rules["T08-R1"] == {"kept": 1, "due": 4}
    assert "obstacle" in set(result.questions["question"])
    once = committed(*SLIP[:3], ("2026-05-04", "2026-06-01", "done", "R1"))
    assert "T08-R1" not in once.rules
    assert "T08-R1" not in committed(*SLIP[:3]).rules


@given(st.lists(st.sampled_from(["done", "planned", "in_progress", "dropped"]), min_size=1, max_size=12))
def test_completion_is_a_share(statuses):
    frame = pd.DataFrame({"status": statuses})
    states = {"done": "kept", "dropped": "dropped"}
    own = frame.assign(
        commitment_state=frame["status"].map(lambda one: states.get(one, "missed")),
        decided_on=day("2026-03-02"),
        action_id="A",
    )
    met = lists.meetings(own)
    assert (met["kept_count"] <= met["due_actions"]).all()
    assert met["commitment_completion"].dropna().between(0, 1).all()


# --- deals and customers


def deal(name: str, worth: float, **flags: bool) -> dict[str, object]:
    given = {"is_stalled": False, "is_past_close": False, "has_next_step": True} | flags
    return given | {"opportunity_id": name, "name": name, "rep_id": "R1", "weighted_amount": worth, "amount": worth * 2}


def cycle(*rows: dict[str, object]):
    return {"sales_cycle": (SimpleNamespace(open_deals=pd.DataFrame(rows), reps=None, evidence_reps=None), [])}


def test_deals_to_decide_are_the_blocked_ones_by_likely_value():
    results = cycle(
        deal("healthy", 900.0), deal("stalled", 50.0, is_stalled=True), deal("silent", 80.0, has_next_step=False),
        deal("past", 60.0, is_past_close=True), *(deal(f"small{n}", n, is_stalled=True) for n in range(5)),
        deal("other", 999.0, is_stalled=True) | {"rep_id": "R3"},
    )  # fmt: skip
    shown = lists.deals(results, "R1", TH)
    assert shown["name"].tolist() == ["silent", "past", "stalled", "small4", "small3"]
    assert shown["why"].tolist() == ["no_next_step", "past_close", "stalled", "stalled", "stalled"]


def test_what_is_not_known_of_a_deal_blocks_nothing():
    unknown = pd.DataFrame([deal("A", 10.0), deal("B", 5.0, is_stalled=True)])
    unknown["has_next_step"] = None
    made = {"sales_cycle": (SimpleNamespace(open_deals=unknown, not_computable={}), [])}
    assert list(lists.deals(made, "R1", TH)["name"]) == ["B"]


def customer(name: str, headroom: float | None, gap: float, status: str, decision: str = "keep", revenue: float = 0.0):
    return {
        "customer_id": name, "customer_name": name, "owner_id": "R1", "headroom": headroom, "gap_days": gap * 10,
        "mean_gap_days": 10.0, "buying_status": status, "decision": decision, "net_revenue": revenue,
        "net_revenue_previous": revenue, "last_order_date": pd.NaT,
    }  # fmt: skip


def review(*rows: dict[str, object]):
    return {"portfolio_review": (SimpleNamespace(customers=pd.DataFrame(rows), reps=None), [])}


def test_customers_to_decide_by_headroom_times_silence():
    shown = lists.customers(
        review(
            customer("a", 100.0, 2.5, "late"), customer("b", 90.0, 9.0, "dormant"),
            customer("c", 1000.0, 0.5, "on_time"),
            customer("d", 10.0, 0.5, "on_time", "secure", 260.0),
            customer("e", None, 2.0, "late", revenue=200.0),
        ),
        "R1", TH,
    )  # fmt: skip
    # e: 200 of revenue x 2; b: 90 x 3, a dormant customer being no more urgent for being older; d: 260; a: 100 x 2.5.
    assert shown["customer_name"].tolist() == ["e", "b", "d", "a"]
    assert shown["score"].tolist() == [400.0, 270.0, 260.0, 250.0]
    assert shown["why"].tolist() == ["late", "dormant", "secure", "late"]


def test_no_more_than_five_of_each():
    rows = [customer(f"c{n}", 10.0 * n, 3.0, "late") for n in range(9)]
    assert len(lists.customers(review(*rows), "R1", TH)) == 5


def test_a_chance_of_winning_is_aalen_johansens():
    days, outcome = [10, 20, 30, 40, 50, 60], ["won", "lost", "open", "won", "lost", "open"]
    last = cumulative_incidence(pd.Series(days), pd.Series(outcome)).iloc[-1]
    assert (round(last["won"], 4), round(last["lost"], 4), round(last["open"], 4)) == (0.3889, 0.3889, 0.2222)


# --- facts


def finding(rule: str, rep: str = "R1", stake: float | None = None, code: str = "any", **values: object) -> Finding:
    return Finding("x", rule, code, Severity.ALERT, "rep", rep, stake=stake, values=values)


def test_facts_are_signals_one_a_rule_three_at_most():
    found = [
        finding("T02-R3", stake=10.0), finding("T02-R2", stake=50.0), finding("T02-R2", stake=20.0, code="b"),
        finding("T09-R2", stake=30.0), finding("T06-R1", code="signal_high", indicator="revenue_per_day"),
        finding("T07-R1", stake=9e9), finding("T10-R8", stake=9e9),
    ]  # fmt: skip
    kept = facts.signals({"x": (None, found)}, {})["R1"]
    chosen = facts.chosen(kept, TH)
    assert [one.rule for one in chosen] == ["T06-R1", "T02-R2", "T09-R2"]


def test_who_logs_little_is_not_judged_on_what_is_logged():
    found = [
        finding("T02-R1", stake=10.0), finding("T06-R1", code="signal_low", indicator="visits_per_day"),
        finding("T06-R1", code="signal_low", indicator="revenue_per_day"),
    ]  # fmt: skip
    kept = facts.signals({"x": (None, found)}, {"R1": False})["R1"]
    assert [one.values.get("indicator") for one in kept] == ["revenue_per_day"]


def test_the_gap_is_that_of_f14_and_sums_exactly():
    own, peers = [190, 4.4, 0.18, 3300.0], [200, 4.0, 0.25, 3000.0]
    parts = inference.lmdi(own, peers)
    levers = pd.DataFrame(
        {
            "rep_id": "R1", "basis": "won", "lever": ["days", "deals_per_day", "win_rate", "average_won"],
            "contribution": parts, "revenue": 190 * 4.4 * 0.18 * 3300, "reference_revenue": 600_000.0,
        }
    )  # fmt: skip
    gaps = pd.DataFrame(
        {"rep_id": ["R1"], "basis": ["won"], "lever": ["win_rate"], "contribution": [parts[2]], "is_signal": [True]}
    )
    people = pd.DataFrame({"rep_id": ["R1"], "exclusion": [None]})
    measured = SimpleNamespace(levers=levers, gaps=gaps, people=people)
    steps, lever, contribution = facts.decomposition({"activity_productivity": (measured, [])}, "R1")
    amounts = steps["amount"].tolist()
    assert [round(x) for x in amounts[1:-1]] == [-28_040, 52_103, -179_581, 52_103]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1])
    assert (lever, round(contribution)) == ("win_rate", -179_581)
    gaps["is_signal"] = False
    assert facts.decomposition({"activity_productivity": (measured, [])}, "R1")[1:] == (None, None)


# --- style


@pytest.mark.parametrize(
    ("measured", "rated", "expected"),
    [
        ("low", "low", ("low", "A", "agree")),
        ("low", None, ("low", "B", "figures_only")),
        (None, "high", ("high", "B", "rating_only")),
        ("middle", "high", ("high", "B", "nearly_agree")),
        ("low", "high", (None, "C", "disagree")),
        (None, None, (None, "C", "few_cases")),
    ],
)
def test_confidence_says_what_agrees(measured, rated, expected):
    assert style.weighed(measured, rated) == expected


def known(z: float = 0.0, cases: int = 100, effort: str | None = "high", rating: float | None = None) -> style.Ground:
    rates = pd.DataFrame({"rep_id": ["R1"], "measure": ["win_rate"], "cases": [cases], "z": [z]})
    rated = pd.DataFrame(
        {"rep_id": ["R1"], "task": ["closing"], "rating": [rating]}
        if rating
        else {"rep_id": [], "task": [], "rating": []}
    )
    return style.Ground(rates, rated, {} if effort is None else {"R1": effort}, {"R1": ("over_forecaster", 8)})


def closing(ground: style.Ground, *, is_logging: bool = True, is_new: bool = False) -> tuple[str, str]:
    row = style.tasks("R1", ground, is_logging, is_new, TH).set_index("task").loc["closing"]
    return row["style"], row["style_confidence"]


def test_styles_by_mastery_and_effort():
    assert closing(known(-1.0)) == ("directive", "B")
    assert closing(known(-1.0, effort="low")) == ("persuasive", "B")
    assert closing(known(1.0)) == ("delegative", "B")
    assert closing(known(1.0, effort="variable")) == ("participative", "B")
    assert closing(known(1.0, rating=4.0)) == ("delegative", "A")
    assert closing(known(1.0, rating=2.0)) == ("undetermined", "C")


def test_too_few_cases_no_rating_or_no_effort_give_no_style():
    assert closing(known(1.0, cases=29)) == ("undetermined", "C")
    assert closing(known(1.0, cases=29, rating=4.0)) == ("delegative", "B")
    assert closing(known(1.0, effort=None)) == ("undetermined", "C")
    assert closing(known(1.0), is_logging=False) == ("undetermined", "C")
    assert closing(known(1.0), is_new=True) == ("directive", "B")


@given(st.floats(-5, 5), st.sampled_from(["low", "variable", "high", None]), st.one_of(st.none(), st.floats(1, 5)))
def test_a_style_is_one_of_five_and_never_without_confidence(z, effort, rating):
    rows = style.tasks("R1", known(z, effort=effort, rating=rating), True, False, TH)
    assert set(rows["style"]) <= STYLES
    assert set(rows["style_confidence"]) <= {"A", "B", "C"}
    assert ((rows["style"] == "undetermined") == (rows["style_confidence"] == "C")).all()


def test_seven_of_eight_over_is_beyond_chance():
    # F16: a uniform prior, 7 forecasts of 8 too high.
    from scipy.stats import beta

    assert round(float(beta.sf(0.5, 8, 2)), 4) == 0.9805
    rules = judge({"presence": "in_post"}, None, None, None, None, None, (), True, ("over_forecaster", 8), TH)
    assert rules["T08-R7"] == {"verdict": "over_forecaster", "n": 8}


# --- rules


def rules_of(presence: str = "in_post", **given):
    options = {
        "met": None, "lever": None, "contribution": None, "effort": "high", "styles": None, "chosen": (),
        "is_logging": True, "bias": None,
    }  # fmt: skip
    return judge({"presence": presence, "start_date": day("2026-05-01")}, **options | given, thresholds=TH)


def test_each_rule_when_it_must_and_not_else():
    assert set(rules_of()) == {"T08-R6"}
    gap = (finding("T02-R1"),)
    assert set(rules_of(lever="visits_per_day", contribution=-5.0, chosen=gap)) == set()
    assert set(rules_of(lever="visits_per_day", contribution=-5.0, chosen=gap, effort="low")) == {"T08-R2"}
    step = (finding("T02-R2", step="rate_quote"),)
    assert rules_of(lever="orders_per_visit", contribution=-5.0, chosen=step)["T08-R3"]["step"] == "rate_quote"
    strong = pd.DataFrame({"task": ["closing"], "mastery": ["high"]})
    assert "T08-R4" in rules_of(styles=strong, effort="low")
    assert "T08-R4" not in rules_of(styles=strong)
    assert set(rules_of("new", lever="visits_per_day", effort="low")) == {"T08-R5"}
    assert set(rules_of(is_logging=False)) == {"T08-R8"}
    assert set(rules_of("leaving", lever="visits_per_day", effort="low")) == {"T08-R6"}


def test_every_rule_has_its_words_and_nothing_is_priced():
    for language in LANGUAGES:
        book = Phrasebook("one_to_one", language)
        for code, severity in CODES.values():
            assert book.has(f"{code}_observation")
            assert book.has(f"{code}_action") == (severity is not Severity.GOOD)
    found = one_to_one.findings(committed(*SLIP))
    assert {one.stake for one in found} == {None}
    assert all(one.subject_kind == "rep" for one in found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_speaks_of_absence_health_or_character(language):
    from salespilot.phrasebook import phrases

    forbidden = {
        "fr": ("maladie", "paresse", "optimis", "caractère", "honnête", "bon sens", "motivé", "classé"),
        "en": ("illness", "sick", "lazy", "optimis", "honest", "character", "motivated"),
    }[language]
    text = " ".join(entry[language].casefold() for entry in phrases("one_to_one").values())
    assert [word for word in forbidden if word in text] == []


# --- degraded inputs


def test_alone_it_says_what_is_missing():
    result = sheet(small(), "R1")
    assert set(FIGURES) <= set(result.key_figures)
    for name in ("attainment", "target_probability", "commitment_completion", "deals_to_decide", "customers_to_decide"):
        assert result.key_figures[name] is None
        assert name in result.not_computable
    assert (result.key_figures["style"], result.key_figures["style_confidence"]) == ("undetermined", "C")
    assert result.key_figures["facts"] == 0
    assert result.rules == {}  # where nothing can be judged, the absence of signals is no good news
    assert result.facts_told == ("facts_unknown",)
    books = [Phrasebook("one_to_one", language) for language in LANGUAGES]
    assert all(book.say(why.code, **why.values) for book in books for why in result.not_computable.values())


def test_who_left_is_not_judged():
    result = sheet(small(), "R4")
    assert result.facts == ()
    assert result.tasks is None
    assert result.key_figures["style"] == "undetermined"


def test_the_new_are_trained_and_not_compared():
    result = sheet(small(), "R2")
    assert set(result.rules) == {"T08-R5"}
    assert (result.key_figures["style"], result.key_figures["style_confidence"]) == ("directive", "B")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ["no_sales", "no_rep_booked", "no_open_deal"])
def test_the_reasons_of_other_reports_have_words_here(code, language):
    assert any(Phrasebook(name, "fr").has(code) for name in ("dynamic_steering", "sales_cycle"))
    assert Phrasebook("one_to_one", language).say(code)


def test_a_report_that_its_table_lacks_for_is_traced_to_the_table():
    made = sheet(small(), "R1")
    assert made.not_computable["levers"] == absent("activities")
    assert made.not_computable["deals"].code == "absent_report"  # there are deals: the report itself is missing


def test_a_result_without_its_frames_degrades():
    hollow = {
        "dynamic_steering": (SimpleNamespace(entities=None, weeks=None, alerts=None, not_computable={}), []),
        "activity_productivity": (
            SimpleNamespace(
                people=pd.DataFrame({"rep_id": ["R1"], "is_silent": [False], "exclusion": ["no_peers"]}),
                levers=None, gaps=None, rep_steps=None,
            ),
            [],
        ),
        "sales_cycle": (SimpleNamespace(open_deals=None, reps=None, evidence_reps=None, not_computable={}), []),
        "forecast_accuracy": (SimpleNamespace(reps=None), []),
        "abc_cross_matrix": (SimpleNamespace(candidates=None), []),
        "continuous_improvement": (SimpleNamespace(points=None, personal=None, signals=None), []),
    }  # fmt: skip
    result = sheet(small(), "R1", hollow)
    assert result.not_computable["levers"].code == "not_compared_no_peers"
    assert result.customers.empty
    with pytest.raises(NotComputable):
        facts.decomposition({}, "R1")


# --- the demo client


@pytest.fixture(scope="module")
def demo(demo_client):
    (demo_client / "actions.xlsx").unlink(missing_ok=True)
    dataset = sp.open(demo_client, AS_OF)
    return dataset, {name: results_of(dataset, name) for name in one_to_one.USES}


@pytest.fixture(scope="module")
def sheets(demo):
    dataset, results = demo
    return {rep: sheet(dataset, rep, results) for rep in one_to_one.people(dataset)}


def found_on(sheets) -> set[tuple[str, str]]:
    return {(one.rule, one.subject_id) for made in sheets.values() for one in one_to_one.findings(made)}


def label(line: dict[str, str]) -> str:
    return f"{line['rule']} {line['subject_id']}"


@pytest.mark.parametrize("line", TRUTHS["truth"], ids=label)
def test_planted_truths_are_found(sheets, line):
    assert (line["rule"], line["subject_id"]) in found_on(sheets)


@pytest.mark.parametrize("line", TRUTHS["decoy"], ids=label)
def test_decoys_are_left_alone(sheets, line):
    assert (line["rule"], line["subject_id"]) not in found_on(sheets)


def test_the_variant_of_broken_commitments(demo):
    dataset, results = demo
    frames = {"actions": actions(*((*row[:3], "R07") for row in SLIP)), "reps": dataset.table("reps")}
    frames["opportunities"] = dataset.table("opportunities")
    result = sheet(Dataset.from_frames(frames, as_of=AS_OF), "R07", results)
    assert "T08-R1" in result.rules


def test_key_figures_of_each_sheet(sheets):
    assert set(sheets) == {f"R{n:02d}" for n in range(1, 12)}
    for made in sheets.values():
        assert set(FIGURES) <= set(made.key_figures)
        assert {name for name in FIGURES if made.key_figures[name] is None} <= set(made.not_computable)
        assert len(made.facts) <= 3
        assert len(made.deals) <= 5
        assert len(made.customers) <= 5
        assert made.key_figures["style"] in STYLES


def test_six_charts_and_the_false_alarms_they_give(sheets):
    for rep, made in sheets.items():
        shown = list(dict.fromkeys(made.series["indicator"]))
        assert shown == [name for name in SERIES if name in shown]
        assert len(shown) <= SERIES_SHOWN
        assert made.said["series_count"] == len(shown)
        shares = made.series.drop_duplicates("indicator")["false_alarm_share"]
        assert made.said["false_alarms"] == pytest.approx(shares.sum(), abs=0.02)
        assert made.series_told == ("series_alarms",)
        if rep == "R05":
            assert not set(shown) & set(LOGGED_SERIES)
    assert len(set(sheets["R07"].series["indicator"])) == SERIES_SHOWN


def test_attainment_is_what_steering_says(demo, sheets):
    entities = demo[1]["dynamic_steering"][0].entities.set_index("entity_id")
    for rep in ("R01", "R07"):
        assert sheets[rep].key_figures["attainment"] == pytest.approx(entities.loc[rep, "attainment"])
        assert sheets[rep].key_figures["target_probability"] == pytest.approx(entities.loc[rep, "target_probability"])


def test_steps_sum_to_what_was_sold(sheets):
    for made in sheets.values():
        if made.levers is not None:
            amounts = made.levers["amount"]
            assert amounts.iloc[:-1].sum() == pytest.approx(amounts.iloc[-1], abs=20.0)


def test_every_report_may_be_missing(demo):
    dataset, results = demo
    for name in results:
        made = sheet(dataset, "R07", {other: own for other, own in results.items() if other != name})
        assert set(FIGURES) <= set(made.key_figures)


def test_frames_have_headings(sheets):
    book = Phrasebook("one_to_one", "fr")
    for made in sheets.values():
        for field in dataclasses.fields(made):
            frame = getattr(made, field.name)
            if isinstance(frame, pd.DataFrame):
                assert [column for column in frame if not book.knows(column, field.name)] == []
