"""The register of actions: what a run writes, what people do to it, what the next run makes of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, datetime

import pandas as pd
import pytest
import xlsxwriter
from actions_sheet import edit, sheet
from python_calamine import CalamineWorkbook

import salespilot as sp
from salespilot import results
from salespilot.client import load
from salespilot.finding import Finding, Severity
from salespilot.intake import register as registers
from salespilot.intake.register_cells import COLUMNS
from salespilot.report import register
from salespilot.report.register import Found, update
from salespilot.reports import READS_ACTIONS, REPORTS

EXPORT = """N° facture;Date;Code client;Commercial;Montant HT
F1;15/01/2026;C1;R1;100,00
F2;10/06/2026;C2;R2;200,00
F3;30/06/2026;C1;R1;300,00
"""
TOML = """name = "Petit client"
language = "{language}"
[[source]]
table = "sales_lines"
files = ["exports/factures.csv"]
[source.columns]
invoice_id = "N° facture"
invoice_date = "Date"
customer_id = "Code client"
rep_id_booked = "Commercial"
amount_net = "Montant HT"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "factures.csv").write_text(EXPORT, encoding="utf-8")
    (tmp_path / "client.toml").write_text(TOML.format(language="fr"), encoding="utf-8")
    (tmp_path / "exports" / "reps.csv").write_text("rep_id;nom\nR1;Ève Dupont\nR2;Noé Martin\n", encoding="utf-8")
    with (tmp_path / "client.toml").open("a", encoding="utf-8") as toml:
        toml.write('[[source]]\ntable = "reps"\nfiles = ["exports/reps.csv"]\n[source.columns]\n')
        toml.write('rep_id = "rep_id"\ndisplay_name = "nom"\n')
    return tmp_path


def finding(subject: str = "C1", owner: str | None = "R1", stake: float | None = 1000.0, **options) -> Finding:
    values = {"customer": subject, "days": 70, "usual_days": 20, "past_revenue": 1000.0, "customer_name": subject}
    base = Finding("portfolio_review", "T01-R9", "under_logging", Severity.WATCH, "customer", subject, owner)
    return replace(base, stake=stake, hours=2.0, targets=(("customer", subject),), values=values, **options)


@pytest.fixture(autouse=True)
def sentences(monkeypatch):
    """Every finding has an action, worded by its code: the sentences themselves are tested with their reports."""
    say, has = sp.Phrasebook.say, sp.Phrasebook.has
    made = {"under_logging_action": "Agir sur {}", "under_logging_observation": "Constat sur {}"}
    monkeypatch.setattr(sp.Phrasebook, "has", lambda self, key: key in made or has(self, key))
    monkeypatch.setattr(
        sp.Phrasebook,
        "say",
        lambda self, key, /, **v: made[key].format(v["customer"]) if key in made else say(self, key, **v),
    )


def run(folder, *found: Finding, as_of: str = "2026-06-30", is_whole: bool = True) -> str | None:
    return update(sp.open(folder, as_of), [Found("portfolio_review", found, is_whole)])


def complaints(folder) -> list:
    return [issue for issue in sp.open(folder).issues if issue.code.startswith("register_")]


def ids(*subjects: str) -> list[str]:
    return [finding(subject).id for subject in subjects]


def test_a_first_run_writes_drafts_in_the_words_of_the_client(folder):
    assert run(folder, finding("C1"), finding("C2", "R2", 9000.0)) is None
    shown = sheet(folder)
    assert list(shown["action_id"]) == ids("C2", "C1")  # the dearest hour first
    assert list(shown["status"]) == ["Proposée", "Proposée"]
    assert list(shown["title"]) == ["Agir sur C2", "Agir sur C1"]
    assert list(shown["owner_rep_id"]) == ["R2 – Noé Martin", "R1 – Ève Dupont"]
    assert CalamineWorkbook.from_path(folder / "actions.xlsx").sheet_names == ["Actions", "Disparus", "salespilot"]


def test_drafts_change_no_report_and_decisions_do(folder):
    before = sp.open(folder, "2026-06-30")
    run(folder, finding())
    drafted = sp.open(folder, "2026-06-30")
    assert drafted.intake.fingerprint == before.intake.fingerprint
    assert not drafted.has("actions")
    edit(folder, {(ids("C1")[0], "status"): "Décidée", (ids("C1")[0], "start_date"): datetime(2026, 6, 20)})
    decided = sp.open(folder, "2026-06-30")
    assert decided.intake.fingerprint != before.intake.fingerprint
    (row,) = decided.table("actions").to_dict("records")
    assert (row["action_id"], row["status"], row["owner_rep_id"]) == (ids("C1")[0], "planned", "R1")
    assert row["decided_on"] == pd.Timestamp("2026-06-20")
    assert list(decided.table("action_targets")["customer_id"]) == ["C1"]
    changed = {name for name in REPORTS if results.key(before, name) != results.key(decided, name)}
    assert changed == READS_ACTIONS
    edit(folder, {(ids("C1")[0], "start_date"): "demain"})
    broken = sp.open(folder, "2026-06-30")  # told on every report
    assert all(results.key(before, name) != results.key(broken, name) for name in REPORTS)


def test_what_is_decided_after_the_as_of_date_is_invisible(folder):
    run(folder, finding(), as_of="2026-06-30")
    edit(folder, {(ids("C1")[0], "status"): "Décidée", (ids("C1")[0], "decided_on"): datetime(2026, 7, 5)})
    assert not sp.open(folder, "2026-06-30").has("actions")
    assert sp.open(folder, "2026-07-31").has("actions")


def test_a_second_run_updates_and_never_doubles(folder):
    run(folder, finding("C1", stake=1000.0))
    run(folder, finding("C1", stake=5000.0), finding("C2", "R2"), as_of="2026-07-31")
    shown = sheet(folder)
    assert sorted(shown["action_id"]) == sorted(ids("C1", "C2"))
    assert shown.loc[ids("C1")[0], "stake"] == 5000.0
    assert shown.loc[ids("C1")[0], "first_seen"] == date(2026, 6, 30)
    assert shown.loc[ids("C1")[0], "last_seen"] == date(2026, 7, 31)


def test_an_untouched_draft_no_longer_found_is_moved_and_an_edited_one_stays(folder):
    run(folder, finding("C1"), finding("C2", "R2"))
    edit(folder, {(ids("C1")[0], "stop_rule"): "Arrêt en août"})
    run(folder, as_of="2026-07-31")
    shown = sheet(folder)
    assert list(shown["action_id"]) == ids("C1")
    assert shown.loc[ids("C1")[0], "is_found"] == "non"
    assert shown.loc[ids("C1")[0], "stop_rule"] == "Arrêt en août"
    assert list(sheet(folder, 1)["action_id"]) == ids("C2")
    run(folder, finding("C1"), finding("C2", "R2"), as_of="2026-08-31")  # found again: back, edits and dates kept
    assert sorted(sheet(folder)["action_id"]) == sorted(ids("C1", "C2"))
    assert sheet(folder).loc[ids("C1")[0], "stop_rule"] == "Arrêt en août"
    assert sheet(folder).loc[ids("C2")[0], "first_seen"] == date(2026, 6, 30)
    assert sheet(folder, 1).empty


def test_a_run_of_part_of_the_team_takes_nothing_away(folder):
    run(folder, finding("C1"), finding("C2", "R2"))
    run(folder, finding("C1"), is_whole=False)
    assert sorted(sheet(folder)["action_id"]) == sorted(ids("C1", "C2"))


def test_a_manager_may_own_an_action(folder):
    with (folder / "exports" / "reps.csv").open("w", encoding="utf-8") as reps:
        reps.write("rep_id;nom;manager\nR1;Ève Dupont;M1\nR2;Noé Martin;M1\n")
    toml = (folder / "client.toml").read_text(encoding="utf-8")
    (folder / "client.toml").write_text(toml + 'manager_id = "manager"\n', encoding="utf-8")
    run(folder, finding("R1", owner=None))
    assert list(sheet(folder)["owner_rep_id"]) == ["M1"]
    assert not complaints(folder)


def test_at_most_ten_drafts_an_owner_the_dearest_first(folder):
    many = [finding(f"C{n}", "R1", 1000.0 * n) for n in range(1, 15)]
    run(folder, *many, finding("X", "R2", 1.0))
    shown = sheet(folder)
    assert len(shown) == 11
    assert set(ids(*(f"C{n}" for n in range(5, 15)), "X")) == set(shown["action_id"])


def test_columns_of_the_user_are_kept(folder):
    run(folder, finding("C1"), finding("C2", "R2"))
    order = list(sheet(folder)["action_id"])
    edit(folder, {}, extra=("Mon avis", "oui", "à revoir"))
    run(folder, finding("C1"), finding("C2", "R2"))
    assert sheet(folder).loc[order, "Mon avis"].tolist() == ["oui", "à revoir"]


def test_an_earlier_run_does_not_write(folder):
    run(folder, finding(), as_of="2026-07-31")
    before = (folder / "actions.xlsx").read_bytes()
    assert run(folder, as_of="2026-06-30") == "register_earlier"
    assert (folder / "actions.xlsx").read_bytes() == before


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("due_date", "bientôt", "not_a_date"),
        ("owner_rep_id", "Personne", "unknown_owner"),
        ("status", "peut-être", "unknown_word"),
        ("hours_planned", "beaucoup", "not_a_number"),
        ("probability", 7.0, "not_a_share"),
    ],
)
def test_a_broken_cell_is_refused_and_nothing_is_lost(folder, column, value, reason):
    run(folder, finding(lead_days=30))
    before = registers.read(load(folder)).rows[0].values[column]
    edit(folder, {(ids("C1")[0], column): value, (ids("C1")[0], "stop_rule"): "jamais"})
    (issue,) = complaints(folder)
    assert (issue.code, issue.column, issue.values["reason"], issue.values["line"]) == (
        "register_cell",
        column,
        reason,
        3,
    )
    assert sp.Phrasebook("data_fitness", "fr").say("issue_register_cell", **issue.values, column=issue.column)
    run(folder, finding(lead_days=30))
    shown = sheet(folder)
    assert shown.loc[ids("C1")[0], column] in (value, "7")  # still there to be mended
    assert shown.loc[ids("C1")[0], "stop_rule"] == "jamais"
    (row,) = registers.read(load(folder)).rows
    assert row.values[column] == before
    assert row.is_edited


def test_a_deleted_column_and_a_deleted_decision_come_back(folder):
    run(folder, finding("C1"), finding("C2", "R2"))
    edit(folder, {(ids("C1")[0], "status"): "En cours"})
    run(folder, finding("C1"), finding("C2", "R2"))
    edit(folder, {}, rows=ids("C1"), drop=("hours_planned",))
    assert {issue.code for issue in complaints(folder)} == {"register_column", "register_row"}
    run(folder, finding("C1"), finding("C2", "R2"))
    shown = sheet(folder)
    assert shown["hours_planned"].tolist() == [2.0, 2.0]
    assert shown.loc[ids("C1")[0], "status"] == "En cours"
    assert not complaints(folder)


def test_what_people_do_to_a_sheet_loses_nothing(folder):
    run(folder, finding("C1"), finding("C2", "R2"))
    path = folder / "actions.xlsx"
    edit(folder, {(ids("C1")[0], "owner_rep_id"): "noé martin", (ids("C2")[0], "owner_rep_id"): "r1"})
    book = CalamineWorkbook.from_path(path)
    sheets = {name: book.get_sheet_by_name(name).to_python(False) for name in book.sheet_names}
    first = sheets.pop("Actions")
    first[:1] = [["Comité du 3 juillet"]]  # a title in the place of the hidden codes: the headings tell
    erased = first[1].index("Code action")
    for line in first[2:]:
        line[erased] = ""
    with xlsxwriter.Workbook(str(path)) as made:
        made.add_worksheet("Notes").write(0, 0, "Ordre du jour")
        for name, lines in {"Plan": first, **sheets}.items():
            written = made.add_worksheet(name)
            for number, line in enumerate(lines):
                for place, value in enumerate(line):
                    written.write(number, place, str(value) if isinstance(value, date) else value)
    read = registers.read(load(folder))
    assert not read.issues
    assert {row.id: row.values["owner_rep_id"] for row in read.rows} == {ids("C1")[0]: "R2", ids("C2")[0]: "R1"}


def test_merged_cells_sorted_rows_and_hidden_columns_lose_nothing(folder):
    run(folder, finding("C1"), finding("C2", "R2"), finding("C3", "R2"))
    first, second, third = ids("C1", "C2", "C3")
    edit(folder, {(third, "stop_rule"): "Arrêt le 30/09/2026"})
    path = folder / "actions.xlsx"
    book = CalamineWorkbook.from_path(path)
    sheets = {name: book.get_sheet_by_name(name).to_python(False) for name in book.sheet_names}
    codes = sheets["Actions"][0]
    place = {code: number for number, code in enumerate(codes)}
    rows = {line[place["action_id"]]: line for line in sheets["Actions"][2:]}
    sheets["Actions"][2:] = [rows[third], rows[first], rows[second]]  # sorted, so that the last is the first
    with xlsxwriter.Workbook(str(path)) as made:
        for name, lines in sheets.items():
            written = made.add_worksheet(name)
            for number, line in enumerate(lines):
                for at, value in enumerate(line):
                    written.write(number, at, str(value) if isinstance(value, date) else value)
        plan = made.get_worksheet_by_name("Actions")
        plan.merge_range(3, place["status"], 4, place["status"], "Décidée")  # one decision for two rows
        plan.merge_range(3, place["action_id"], 4, place["action_id"], first)
        plan.merge_range(2, place["stop_rule"], 2, place["stop_rule"] + 1, rows[third][place["stop_rule"]])
        plan.merge_range(2, place["title"], 2, place["owner_rep_id"], rows[third][place["title"]])
        plan.set_column(place["targets"], place["targets"], None, None, {"hidden": True})
        plan.autofilter(1, 0, 4, len(codes) - 1)
        plan.filter_column(place["status"], "x == Décidée")
        plan.set_row(2, None, None, {"hidden": True})
    read = registers.read(load(folder))
    assert not read.issues
    found = {row.id: row for row in read.rows}
    assert {id: row.status for id, row in found.items()} == {first: "planned", second: "planned", third: "draft"}
    assert {id: row.values["owner_rep_id"] for id, row in found.items()} == {first: "R1", second: "R2", third: "R2"}
    assert found[third].values["stop_rule"] == "Arrêt le 30/09/2026"
    assert [found[id].values["targets"] for id in (first, second)] == ["customer:C1", "customer:C2"]
    run(folder, finding("C1"), finding("C2", "R2"), finding("C3", "R2"))
    assert not complaints(folder)
    assert set(sheet(folder).index) == {first, second, third}


def test_a_customer_that_nobody_knows_is_said(folder):
    run(folder, finding())
    edit(folder, {(ids("C1")[0], "status"): "Décidée", (ids("C1")[0], "targets"): "C2; C77"})
    assert [(issue.code, issue.values["value"]) for issue in complaints(folder)] == [("register_target", "C77")]
    assert list(sp.open(folder).table("action_targets")["customer_id"]) == ["C2", "C77"]


def test_what_is_done_is_dated_by_the_run_that_first_sees_it(folder):
    run(folder, finding("C1"), finding("C2", "R2"))
    rows = {(id, "status"): "Faite" for id in ids("C1", "C2")}
    edit(folder, rows | {(id, "decided_on"): datetime(2026, 6, 1) for id in ids("C1", "C2")})
    edit(folder, {(ids("C2")[0], "done_on"): datetime(2026, 7, 10)})
    seen = sp.open(folder, "2026-07-31")
    dates = seen.table("actions").set_index("action_id")["done_on"].dt.date
    assert dates[ids("C1", "C2")].tolist() == [date(2026, 7, 31), date(2026, 7, 10)]
    run(folder, finding("C1"), finding("C2", "R2"), as_of="2026-07-31")
    assert sheet(folder).loc[ids("C1", "C2"), "done_on"].tolist() == [date(2026, 7, 31), date(2026, 7, 10)]
    assert sp.open(folder, "2026-08-31").table("actions")["done_on"].dt.date.max() == date(2026, 7, 31)
    then = sp.open(folder, "2026-06-30").table("actions")
    assert then["status"].tolist() == ["in_progress"] * 2  # done since
    assert then["done_on"].isna().all()


def test_an_unreadable_or_open_register_is_left_alone(folder):
    (folder / "actions.xlsx").write_bytes(b"not a workbook")
    assert run(folder, finding()) == "register_locked"
    assert (folder / "actions.xlsx").read_bytes() == b"not a workbook"
    assert (folder / "actions-2026-06-30.xlsx").exists()
    assert [issue.code for issue in complaints(folder)] == ["register_unreadable"]
    (folder / "actions.xlsx").unlink()
    run(folder, finding())
    before = (folder / "actions.xlsx").read_bytes()
    (folder / ".~lock.actions.xlsx#").touch()
    assert run(folder, finding(), finding("C2")) == "register_locked"
    assert (folder / "actions.xlsx").read_bytes() == before


def test_exported_actions_are_taken_in_once(folder):
    (folder / "exports" / "actions.csv").write_text(
        "action_id;titre;statut;debut;cible\nA1;Relancer;planifiée;01/06/2026;C1\n", encoding="utf-8"
    )
    with (folder / "client.toml").open("a", encoding="utf-8") as toml:
        toml.write('[[source]]\ntable = "actions"\nfiles = ["exports/actions.csv"]\n[source.columns]\n')
        toml.write('action_id = "action_id"\ntitle = "titre"\nstatus = "statut"\nstart_date = "debut"\n')
    before = sp.open(folder).intake
    run(folder)
    assert list(sheet(folder)["action_id"]) == ["A1"]
    assert sp.open(folder).intake == before  # nothing decided that the exports do not say: nothing to make again
    edit(folder, {("A1", "status"): "Faite"})
    run(folder)
    assert list(sheet(folder)["status"]) == ["Faite"]
    assert list(sp.open(folder).table("actions")["status"]) == ["done"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_word_written_is_read_back(folder, language):
    (folder / "client.toml").write_text(
        (folder / "client.toml").read_text(encoding="utf-8").replace('language = "fr"', f'language = "{language}"'),
        encoding="utf-8",
    )
    statuses = COLUMNS["status"].choices
    rows = [registers.Row({"action_id": f"A{n}", "status": word}, is_edited=True) for n, word in enumerate(statuses)]
    sources = COLUMNS["source"].choices
    rows += [registers.Row({"action_id": f"S{n}", "source": word}, is_edited=True) for n, word in enumerate(sources)]
    book = sp.Phrasebook("_register", language)
    register.write(folder / "actions.xlsx", registers.Register(tuple(rows), as_of=date(2026, 6, 30)), {}, book)
    read = registers.read(load(folder))
    assert not read.issues
    assert [row.values["status"] for row in read.rows[: len(statuses)]] == list(statuses)
    assert [row.values["source"] for row in read.rows[len(statuses) :]] == list(sources)


def test_aliases_stay_aliases_outside_and_codes_inside(folder):
    with (folder / "client.toml").open("a", encoding="utf-8") as toml:
        toml.write('[privacy]\nreps = "alias"\ncustomers = "alias"\n')
    opened = sp.open(folder, "2026-06-30")
    (rep, customer) = (opened.table(t)[f"{t[:-1]}_id"].iloc[0] for t in ("reps", "customers"))
    run(folder, finding(customer, rep))
    edit(folder, {(finding(customer).id, "status"): "Décidée"})
    assert "Dupont" not in str(sheet(folder).to_dict())
    decided = sp.open(folder, "2026-06-30")
    assert list(decided.table("actions")["owner_rep_id"]) == [rep]
    assert list(decided.table("action_targets")["customer_id"]) == [customer]


def test_a_run_of_the_command_line_leaves_a_register(demo_client, tmp_path):
    place = tmp_path / "demo"
    shutil.copytree(demo_client, place)
    (place / "actions.xlsx").unlink(missing_ok=True)
    sp.run(place, ["data_fitness"], formats=("html",))
    assert (place / "actions.xlsx").exists()
