"""The verdict on the exports: what blocks, weakens or starves each report, and who can mend it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from salespilot import fitness
from salespilot.client import Client
from salespilot.conventions import SettingError
from salespilot.finding import Reason
from salespilot.fitness import Effect, Mender, Verdict, assess
from salespilot.intake import Intake, Issue, SourceCount

NEEDS = {
    "data_fitness": (),
    "portfolio_review": ("sales_lines",),
    "pac_preparation": ("targets", "sales_lines"),
    "sales_cycle": ("opportunities",),
}
SALES = ("line_id", "invoice_date", "customer_id", "amount_net")
DEALS = ("opportunity_id", "customer_id", "amount", "status", "closed_date")
TARGETS = ("period_start", "entity_level", "entity_id", "metric", "version", "value")


def source(table: str, kept: int = 1000, rejected: int = 0, file: str | None = None, **amounts: float) -> SourceCount:
    file = file or f"{table}.csv"
    return SourceCount(table, file, "0" * 64, kept + rejected, kept, rejected, {}, **amounts)


def intake(*issues: Issue, columns: dict | None = None, counts=None) -> Intake:
    """An intake of sales, deals and targets, or of the tables whose ``columns`` are given."""
    columns = columns if columns is not None else {"sales_lines": SALES, "opportunities": DEALS, "targets": TARGETS}
    counts = counts or tuple(source(table) for table in columns)
    tables = {table: Path(f"{table}.parquet") for table in columns}
    return Intake("f", Path(), tables, columns, tuple(counts), issues, (), date(2026, 7, 3))


def client(**options) -> Client:
    return Client(Path(), "Test", **options)


def orphans(count: int, table: str = "sales_lines", **options) -> Issue:
    return Issue("orphan_keys", table, column="customer_id", count=count, values={"effect": "weakens"}, **options)


def verdicts(judged) -> dict[str, Verdict]:
    return {name: judgement.verdict for name, judgement in judged.judgements.items()}


def test_without_issue_every_report_that_needs_a_table_is_fit():
    judged = assess(intake(), NEEDS, client())
    assert verdicts(judged) == dict.fromkeys(("portfolio_review", "pac_preparation", "sales_cycle"), Verdict.FIT)
    assert judged.obstacle("portfolio_review") is None
    assert judged.obstacle("data_fitness") is None
    assert judged.is_any_fit()


def test_an_issue_weakens_only_the_reports_of_its_table():
    judged = assess(intake(orphans(3)), NEEDS, client())
    assert verdicts(judged) == {
        "portfolio_review": Verdict.RESERVES,
        "pac_preparation": Verdict.RESERVES,
        "sales_cycle": Verdict.FIT,
    }
    assert judged.obstacle("portfolio_review") is None
    assert [reason.code for reason in judged.reserves("portfolio_review")] == ["issue_orphan_keys"]
    assert judged.reserves("sales_cycle") == ()
    assert [reason.code for reason in judged.reserves("data_fitness")] == ["issue_orphan_keys"]


@pytest.mark.parametrize(("count", "verdict"), [(10, Verdict.RESERVES), (11, Verdict.UNFIT)])
def test_unknown_codes_block_beyond_one_row_in_a_hundred(count, verdict):
    judged = assess(intake(orphans(count)), NEEDS, client())
    assert judged.judgements["portfolio_review"].verdict is verdict


def test_the_gate_is_the_clients():
    loose = client(thresholds={"data_fitness": {"orphan_share": 0.5}})
    assert assess(intake(orphans(400)), NEEDS, loose).judgements["portfolio_review"].verdict is Verdict.RESERVES
    with pytest.raises(SettingError, match="did you mean 'orphan_share'"):
        assess(intake(), NEEDS, client(thresholds={"data_fitness": {"orphans_share": 0.5}}))


def test_a_table_that_only_enriches_weakens_and_never_blocks():
    columns = {"sales_lines": SALES, "activities": ("activity_id", "rep_id", "type", "done_date")}
    broken = Issue("ambiguous_dates", "activities", column="done_date", count=9, values={"effect": "blocks"})
    judged = assess(intake(broken, columns=columns), {"portfolio_review": ("sales_lines",)}, client())
    judgement = judged.judgements["portfolio_review"]
    assert (judgement.verdict, judgement.blocking) == (Verdict.RESERVES, ())
    assert judgement.main.mender is Mender.CONSULTANT


def test_a_blocking_issue_makes_unfit_and_names_its_sentence():
    found = Issue("decimals_destroyed", "sales_lines", column="amount_net", count=1000, values={"effect": "blocks"})
    judged = assess(intake(found), NEEDS, client())
    obstacle = judged.obstacle("portfolio_review")
    assert obstacle.code == "issue_decimals_destroyed"
    assert obstacle.values["table"] == "sales_lines"
    assert obstacle.values["file"] == "sales_lines.csv"
    assert judged.judgements["sales_cycle"].verdict is Verdict.FIT
    assert judged.is_any_fit()
    assert not judged.is_any_fit(["portfolio_review"])
    assert judged.is_any_fit(["data_fitness"])
    assert judged.is_any_fit(["a_notebook_of_ones_own"])


def test_what_only_informs_leaves_a_report_fit():
    noted = Issue("decimal_from_neighbour", "sales_lines", column="amount_net", count=5, values={"effect": "informs"})
    judged = assess(intake(noted), NEEDS, client())
    assert set(verdicts(judged).values()) == {Verdict.FIT}
    assert judged.reserves("portfolio_review") == ()
    assert [item.effect for item in judged.issues] == [Effect.INFORMS]


def test_an_absent_table_and_an_absent_column_starve():
    columns = {"sales_lines": ("line_id", "invoice_date", "amount_net"), "targets": TARGETS}
    judged = assess(intake(columns=columns), NEEDS, client())
    assert set(verdicts(judged).values()) == {Verdict.NOT_FED}
    assert judged.obstacle("sales_cycle") == Reason("absent_table", {"table": "opportunities"})
    wanted = Reason("absent_column", {"table": "sales_lines", "column": "customer_id"})
    assert judged.obstacle("portfolio_review") == wanted
    assert not judged.is_any_fit()
    assert not judged.is_any_fit(["data_fitness"])


def test_salespeople_seen_in_other_tables_stand_in_for_their_list():
    needs = {"one_to_one": ("reps", ("sales_lines", "opportunities"))}
    seen = assess(intake(columns={"sales_lines": (*SALES, "rep_id_booked")}), needs, client())
    assert seen.judgements["one_to_one"].verdict is Verdict.RESERVES
    assert seen.reserves("one_to_one") == (
        Reason("issue_derived_table", {**seen.judgements["one_to_one"].weakening[0].values}),
    )
    assert seen.judgements["one_to_one"].weakening[0].values["origin"] == "sales_lines"
    nobody = assess(intake(columns={"sales_lines": SALES}), needs, client())
    assert nobody.obstacle("one_to_one") == Reason("absent_table", {"table": "reps"})


def test_won_deals_stand_in_for_invoices_as_a_reserve():
    judged = assess(intake(columns={"opportunities": DEALS}), NEEDS, client())
    judgement = judged.judgements["portfolio_review"]
    assert judgement.verdict is Verdict.RESERVES
    assert [item.issue.code for item in judgement.weakening] == ["won_deals_basis"]
    assert judgement.main.mender is Mender.ERP
    assert judged.judgements["pac_preparation"].missing[0].table == "targets"
    assert judged.judgements["sales_cycle"].verdict is Verdict.FIT


def test_deals_without_a_closing_date_cannot_stand_in():
    columns = {"opportunities": ("opportunity_id", "customer_id", "amount", "status")}
    judged = assess(intake(columns=columns), {"portfolio_review": ("sales_lines",)}, client())
    assert judged.obstacle("portfolio_review").values == {"table": "opportunities", "column": "closed_date"}


def test_refused_invoices_are_not_replaced_by_deals():
    refused = Issue("ambiguous_dates", "sales_lines", column="invoice_date", count=1000, values={"effect": "blocks"})
    counts = (source("sales_lines"), source("opportunities"))
    judged = assess(intake(refused, columns={"opportunities": DEALS}, counts=counts), NEEDS, client())
    assert judged.judgements["portfolio_review"].verdict is Verdict.UNFIT
    assert judged.obstacle("portfolio_review").code == "issue_ambiguous_dates"


@pytest.mark.parametrize(("rejected", "verdict"), [(20, Verdict.FIT), (21, Verdict.UNFIT)])
def test_rejected_rows_block_beyond_the_share_of_the_client(rejected, verdict):
    counts = (source("sales_lines", 1000 - rejected, rejected, amount_rejected=99.0), source("opportunities"))
    columns = {"sales_lines": SALES, "opportunities": DEALS}
    judged = assess(intake(columns=columns, counts=counts), {"portfolio_review": ("sales_lines",)}, client())
    assert judged.judgements["portfolio_review"].verdict is verdict
    half = client(max_rejected_share=0.5)
    judged = assess(intake(columns=columns, counts=counts), {"portfolio_review": ("sales_lines",)}, half)
    assert judged.judgements["portfolio_review"].verdict is Verdict.FIT


def test_rejects_are_judged_per_table_over_all_its_files():
    counts = (
        source("sales_lines", 97, 3, "a.csv"),
        source("sales_lines", 900, 0, "b.csv"),
        source("opportunities", 1, 1),
    )
    judged = assess(intake(counts=counts), NEEDS, client())
    assert judged.judgements["portfolio_review"].verdict is Verdict.FIT
    assert judged.judgements["sales_cycle"].verdict is Verdict.UNFIT
    item = judged.issues[0]
    assert (item.issue.code, item.issue.count, item.values["rejected_share"]) == ("too_many_rejects", 1, 0.5)


def test_the_main_issue_is_the_dearest():
    judged = assess(intake(orphans(3, amount=10.0), orphans(1, amount=-900.0)), NEEDS, client())
    assert judged.judgements["portfolio_review"].main.issue.amount == -900.0


def test_each_table_has_a_keeper():
    assert fitness.keeper("sales_lines") is Mender.ERP
    assert fitness.keeper("activities") is Mender.CRM
    assert fitness.keeper("targets") is Mender.MANAGEMENT


def test_under_aliases_no_value_of_the_client_is_shown():
    found = Issue(
        "unknown_values",
        "sales_lines",
        column="doc_type",
        count=2,
        values={"effect": "weakens", "value": "Dupont SA", "distinct": 1},
        examples=("Dupont SA",),
    )
    shown = assess(intake(found), NEEDS, client()).issues[0].values
    hidden = assess(intake(found), NEEDS, client(privacy={"reps": "alias", "customers": "names"})).issues[0].values
    assert "Dupont SA" in shown["examples"]
    assert "Dupont" not in repr(hidden)
    assert hidden["distinct"] == 1


# --- control totals -----------------------------------------------------------------------------------------------


def control(year: int, expected: float, found: float) -> Issue:
    gap = found - expected
    values = {"effect": "weakens", "year": year, "expected": expected, "found": found, "gap": gap}
    return Issue("control_gap", "sales_lines", None, "amount_net", 9, gap, values | {"share": abs(gap / expected)})


@pytest.mark.parametrize(("found", "verdict"), [(1010.0, Verdict.FIT), (1011.0, Verdict.RESERVES)])
def test_a_gap_with_the_accounts_is_a_reserve(found, verdict):
    judged = assess(intake(control(2025, 1000.0, found)), NEEDS, client())
    assert judged.judgements["portfolio_review"].verdict is verdict
    assert judged.judgements["sales_cycle"].verdict is Verdict.FIT


def test_every_control_total_is_at_the_foot_of_every_report_once():
    judged = assess(intake(control(2024, 1000.0, 1000.0), control(2025, 1000.0, 1200.0)), NEEDS, client())
    for report in NEEDS:
        assert sorted(reason.values["year"] for reason in judged.reserves(report)) == [2024, 2025]


def test_the_gate_of_the_control_total_is_the_clients():
    loose = client(thresholds={"data_fitness": {"control_gap_share": 0.3}})
    judged = assess(intake(control(2025, 1000.0, 1200.0)), NEEDS, loose)
    assert judged.judgements["portfolio_review"].verdict is Verdict.FIT


# --- links and dates ----------------------------------------------------------------------------------------------


def test_unknown_sites_weaken_and_never_block():
    many = Issue("orphan_keys", "sales_lines", column="delivery_customer_id", count=900, values={"effect": "weakens"})
    assert assess(intake(many), NEEDS, client()).judgements["portfolio_review"].verdict is Verdict.RESERVES


def test_days_are_days_again_whatever_the_cache_made_of_them():
    late = Issue("dates_after_export", "sales_lines", count=1, values={"effect": "weakens", "latest": "2062-05-01"})
    assert assess(intake(late), NEEDS, client()).issues[0].values["latest"] == date(2062, 5, 1)


def test_of_alternatives_the_whole_ones_feed_the_report():
    either = {"activity_productivity": (("activities", "opportunities"),)}
    whole, broken = DEALS, tuple(c for c in DEALS if c != "opportunity_id")
    judged = assess(intake(columns={"opportunities": whole}), either, client())
    assert verdicts(judged) == {"activity_productivity": Verdict.FIT}
    for columns, lacking in (({"sales_lines": SALES}, "activities"), ({"opportunities": broken}, "opportunities")):
        judgement = assess(intake(columns=columns), either, client()).judgements["activity_productivity"]
        assert judgement.verdict is Verdict.NOT_FED
        assert [missing.table for missing in judgement.missing] == [lacking]


def test_deals_that_cannot_be_read_are_a_reserve_where_their_history_stands_in():
    unread = Issue("unreadable_file", "opportunities", file="deals.csv", values={"effect": "blocks"})
    columns = {"opportunity_events": ("event_id", "opportunity_id", "event_ts", "field", "old_value", "new_value")}
    either = {"sales_cycle": (("opportunities", "opportunity_events"),)}
    judgement = assess(intake(unread, columns=columns), either, client()).judgements["sales_cycle"]
    assert (judgement.verdict, judgement.main.issue) == (Verdict.RESERVES, unread)
