"""Deals as exports give them: lists of several dates, lists with one row a change, logs of changes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from intake_kit import client, codes, issue, rows, take

from salespilot import dataset
from salespilot.client import ClientError, load
from salespilot.intake import Intake
from salespilot.intake.snapshots import day_in

LIST = """
[[source]]
table = "opportunities"
files = ["deals_*.csv"]
{how}
[source.columns]
opportunity_id = "Affaire"
created_date = "Créée le"
amount = "Montant"
stage_code = "Étape"
rep_id = "Commercial"
expected_close_date = "Prévue le"
status = "État"
closed_date = "Close le"
[source.values.status]
"Ouverte" = "open"
"Gagnée" = "won"
"Perdue" = "lost"
"""
HEADER = "Affaire;Créée le;Montant;Étape;Commercial;Prévue le;État;Close le\n"
JANUARY = HEADER + (
    "A1;05/01/2026;1 000,00;J1;R1;31/03/2026;Ouverte;\n"
    "A2;10/01/2026;500,00;J1;R2;28/02/2026;Ouverte;\n"
    "A3;12/01/2026;70,00;J2;R2;28/02/2026;Ouverte;\n"
    "A9;20/12/2025;90,00;GAG;R1;05/01/2026;Gagnée;05/01/2026\n"
)
FEBRUARY = HEADER + (
    "A1;05/01/2026;1 200,00;J2;R1;30/04/2026;Ouverte;\n"
    "A2;10/01/2026;450,00;GAG;R2;20/02/2026;Gagnée;20/02/2026\n"
    "A4;15/02/2026;300,00;J1;R1;31/05/2026;Ouverte;\n"
    "A9;20/12/2025;90,00;GAG;R1;05/01/2026;Gagnée;05/01/2026\n"
)
MARCH = FEBRUARY.replace("A1;05/01/2026;1 200,00;J2;R1;30/04/2026", "A1;05/01/2026;1 200,00;J2;R2;30/04/2026")
FILES = {"deals_2026-01-31__csv": JANUARY, "deals_2026-02-28__csv": FEBRUARY, "deals_2026-03-31__csv": MARCH}
BY_FILE = LIST.format(how='snapshot = "file"')


def movements(made: Intake) -> list[tuple]:
    return rows(
        made, "opportunity_id, event_ts::date::varchar, field, old_value, new_value", "opportunity_events", "event_id"
    )


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("deals_2026-01-31", date(2026, 1, 31)),
        ("20260131 pipeline", date(2026, 1, 31)),
        ("affaires 31-01-2026", date(2026, 1, 31)),
        ("export_31.01.2026_v2", date(2026, 1, 31)),
        ("deals_202602", date(2026, 2, 28)),
        ("pipeline-2024-02", date(2024, 2, 29)),
        ("affaires_janvier_2026", date(2026, 1, 31)),
        ("deals", None),
        ("deals_v2", None),
        ("CRM2026", None),
        ("lot_1234567890", None),
    ],
)
def test_the_day_in_a_name(name, day):
    assert day_in(name) == day


def test_dated_lists_become_movements(tmp_path: Path) -> None:
    made = take(client(tmp_path, BY_FILE, **FILES))
    found = movements(made)
    assert ("A1", "2026-01-31", "stage", None, "J1") in found
    assert ("A1", "2026-02-28", "stage", "J1", "J2") in found
    assert ("A1", "2026-02-28", "amount", "1000.0000", "1200.0000") in found
    assert ("A1", "2026-02-28", "close_date", "2026-03-31", "2026-04-30") in found
    assert ("A1", "2026-03-31", "owner", "R1", "R2") in found
    assert ("A2", "2026-02-20", "status", "open", "won") in found  # the day it closed, not that of the list
    assert ("A9", "2026-01-05", "status", None, "won") in found
    assert [row for row in found if row[1] == "2026-03-31"] == [("A1", "2026-03-31", "owner", "R1", "R2")]
    last = "opportunity_id, amount::double, stage_code, rep_id, status"
    assert rows(made, last, "opportunities") == [
        ("A1", 1200.0, "J2", "R2", "open"),
        ("A2", 450.0, "GAG", "R2", "won"),
        ("A3", 70.0, "J2", "R2", None),
        ("A4", 300.0, "J1", "R1", "open"),
        ("A9", 90.0, "GAG", "R1", "won"),
    ]
    told = issue(made, "history_rebuilt")
    assert told.effect == "weakens"  # durations are known to within one list: a reserve of every report on deals
    assert (told.values["lists"], told.values["day"], told.values["last_date"]) == (3, "2026-01-31", "2026-03-31")
    assert {count.file: dict(count.set_aside) for count in made.counts}["deals_2026-01-31.csv"] == {"earlier_state": 3}


def test_a_deal_left_out_of_later_lists_is_not_lost(tmp_path: Path) -> None:
    made = take(client(tmp_path, BY_FILE, **FILES))
    told = issue(made, "deals_left_out")
    assert (told.count, told.amount, told.examples) == (1, 70.0, ("A3",))
    assert ("A3", "2026-02-28", "status", "open", None) in movements(made)


def test_time_travel_through_lists(tmp_path: Path) -> None:
    folder = client(tmp_path, BY_FILE, **FILES)

    def known(day: str) -> dict[str, tuple]:
        frame = dataset.open(folder, day).table("opportunities").set_index("opportunity_id")
        frame = frame[["status", "stage_code", "amount"]].astype(object)
        return {
            code: tuple(row) for code, row in zip(frame.index, frame.where(frame.notna(), None).values, strict=True)
        }

    assert dataset.open(folder, "2026-03-31").deal_history == "snapshots"
    assert known("2026-02-10")["A1"] == ("open", "J1", 1000.0)
    assert known("2026-02-10")["A2"] == ("open", "J1", 500.0)
    assert known("2026-02-20")["A2"] == ("won", "GAG", 450.0)
    assert known("2026-02-10")["A3"] == ("open", "J2", 70.0)
    assert known("2026-03-01")["A3"] == (None, "J2", 70.0)
    assert known("2026-01-20")["A1"] == ("open", None, None)  # before the first list nothing is known of it
    assert known("2026-01-20")["A9"] == ("won", "GAG", 90.0)
    assert "A4" not in known("2026-02-10")


def test_a_column_dates_the_lists(tmp_path: Path) -> None:
    one = HEADER.replace("\n", ";Photo du\n")
    for day, text in (("31/01/2026", JANUARY), ("28/02/2026", FEBRUARY), ("31/03/2026", MARCH)):
        one += "".join(f"{line};{day}\n" for line in text.splitlines()[1:])
    by_column = take(client(tmp_path / "column", LIST.format(how='snapshot = "Photo du"'), deals_all__csv=one))
    by_file = take(client(tmp_path / "file", BY_FILE, **FILES))
    assert movements(by_column) == movements(by_file)
    assert rows(by_column, "*", "opportunities") == rows(by_file, "*", "opportunities")


def test_one_list_is_no_history_and_a_list_of_today_ends_it(tmp_path: Path) -> None:
    made = take(client(tmp_path / "one", BY_FILE, **{"deals_2026-01-31__csv": JANUARY}))
    assert "opportunity_events" not in made.tables
    plain = BY_FILE + LIST.format(how="").replace("deals_*.csv", "today.csv")
    today = HEADER + "A1;05/01/2026;1 500,00;GAG;R1;15/06/2026;Gagnée;15/06/2026\n"
    folder = client(tmp_path / "two", plain, **{"deals_2026-01-31__csv": JANUARY, "today__csv": today})
    made = take(folder)
    assert ("A1", "2026-06-15", "stage", "J1", "GAG") in movements(made)
    assert rows(made, "opportunity_id, status", "opportunities")[0] == ("A1", "won")
    assert "deals_left_out" not in codes(made)  # today's list is another list


def test_the_same_list_twice_on_two_days_is_two_lists(tmp_path: Path) -> None:
    made = take(client(tmp_path, BY_FILE, **{"deals_2026-01-31__csv": JANUARY, "deals_2026-02-28__csv": JANUARY}))
    assert issue(made, "history_rebuilt").values["lists"] == 2
    assert "same_file_twice" not in codes(made)
    assert {row[1] for row in movements(made)} == {"2026-01-05", "2026-01-31"}


def test_one_deal_twice_in_one_list_is_a_conflict(tmp_path: Path) -> None:
    twice = JANUARY + "A1;05/01/2026;2 000,00;J1;R1;31/03/2026;Ouverte;\n"
    made = take(client(tmp_path, BY_FILE, **{"deals_2026-01-31__csv": twice, "deals_2026-02-28__csv": FEBRUARY}))
    assert issue(made, "key_conflict").effect == "blocks"
    assert "opportunities" not in made.tables


def test_a_column_that_older_lists_lack_is_no_change(tmp_path: Path) -> None:
    short = "\n".join(";".join(line.split(";")[:4]) for line in JANUARY.splitlines()) + "\n"
    made = take(client(tmp_path, BY_FILE, **{"deals_2026-01-31__csv": FEBRUARY, "deals_2026-02-28__csv": short}))
    known = {row[0]: row[1:] for row in rows(made, "opportunity_id, rep_id, status", "opportunities")}
    assert known["A1"] == ("R1", "open")  # the last list does not say: what was known holds
    assert not [row for row in movements(made) if row[2] == "owner" and row[1] == "2026-02-28"]


def test_the_option_is_checked(tmp_path: Path) -> None:
    for how, message in (
        ('snapshot = "file"\nchanged_at = "x"', "give either"),
        ('snapshot = "Photo"', "snapshot = 'Photo': no header"),
    ):
        folder = client(tmp_path / str(len(how)), LIST.format(how=how), **FILES)
        with pytest.raises(ClientError, match=message):
            take(folder)
    folder = client(tmp_path / "none", BY_FILE, deals_x__csv=JANUARY)
    with pytest.raises(ClientError, match="no date in the name deals_x"):
        take(folder)
    with pytest.raises(ClientError, match="only a list of deals"):
        load(client(tmp_path / "other", '[[source]]\ntable = "reps"\nfiles = ["a.csv"]\nsnapshot = "file"\n'))


HISTORY = (
    "Deal,Saved,Stage,Amount,Close,Category\n"
    "D1,01/05/2026 10:00 AM,Lead,100,03/31/2026,Pipeline\n"
    "D1,02/05/2026 10:00 AM,Quote,100,03/31/2026,Best Case\n"
    "D1,02/05/2026 10:00 AM,Quote,150,04/30/2026,Best Case\n"
    "D2,02/06/2026 08:00 PM,Lead,70,05/31/2026,Pipeline\n"
)


def test_one_row_a_change(tmp_path: Path) -> None:
    toml = """
[[source]]
table = "opportunities"
files = ["history.csv"]
changed_at = "Saved"
[source.columns]
opportunity_id = "Deal"
stage_code = "Stage"
amount = "Amount"
expected_close_date = "Close"
forecast_category = "Category"
"""
    folder = client(tmp_path, toml, history__csv=HISTORY)
    made = take(folder)
    found = [row for row in movements(made) if row[0] == "D1"]
    assert [row[1:] for row in found if row[1] == "2026-02-05"] == [
        ("2026-02-05", "category", "pipeline", "best_case"),
        ("2026-02-05", "stage", "Lead", "Quote"),
        ("2026-02-05", "amount", "100.0000", "150.0000"),
        ("2026-02-05", "close_date", "2026-03-31", "2026-04-30"),
    ]
    assert rows(made, "opportunity_id, amount::double", "opportunities") == [("D1", 150.0), ("D2", 70.0)]
    assert "deals_left_out" not in codes(made)
    assert dataset.open(folder, "2026-03-31").deal_history == "events"


LOG = """
[[source]]
table = "opportunity_events"
files = ["log.csv"]
[source.columns]
opportunity_id = "Affaire"
event_ts = "Date"
field = "Champ"
old_value = "Avant"
new_value = "Après"
[[source]]
table = "opportunities"
files = ["today.csv"]
[source.columns]
opportunity_id = "Affaire"
status = "État"
amount = "Montant"
[source.values.status]
Chaude = "open"
"""
TODAY = "Affaire;État;Montant\nA1;Chaude;1 200,50\n"


def test_values_of_a_log_are_read_by_their_field(tmp_path: Path) -> None:
    log = (
        "Affaire;Date;Champ;Avant;Après\n"
        "A1;15/02/2026;Montant;1 000,00 €;1 200,50 €\n"
        "A1;15/02/2026;Clôture prévue;31/03/2026;30/04/2026\n"
        "A1;15/02/2026;Catégorie;Pipeline;Meilleur cas\n"
        "A1;16/02/2026;Statut;Perdue;Chaude\n"
        "A1;16/02/2026;Commentaire;bla;bla bla\n"
        "A1;17/02/2026;Montant;;beaucoup\n"
        "A1;18/02/2026;Montant;autant;1,5\n"
    )
    made = take(client(tmp_path, LOG, log__csv=log, today__csv=TODAY))
    assert [row[2:] for row in movements(made)] == [
        ("amount", "1000.00", "1200.50"),
        ("close_date", "2026-03-31", "2026-04-30"),
        ("category", "pipeline", "best_case"),
        ("status", "lost", "open"),
        ("amount", None, "1.5"),
    ]
    assert issue(made, "unreadable_values").examples == ("beaucoup",)
    assert issue(made, "other_fields").count == 1
    (count,) = [count for count in made.counts if count.table == "opportunity_events"]
    assert (count.rows_read, count.rows_kept, count.rows_rejected, dict(count.set_aside)) == (
        7,
        5,
        1,
        {"other_field": 1},
    )


def test_what_a_log_leaves_open_is_said(tmp_path: Path) -> None:
    log = (
        "Affaire;Date;Champ;Avant;Après\n"
        "A1;25/02/2026;Clôture prévue;01/03/2026;02/04/2026\n"
        "A1;25/02/2026;Montant;;1.234\n"
        "A1;25/02/2026;Statut;;Tiède\n"
    )
    made = take(client(tmp_path / "a", LOG, log__csv=log, today__csv=TODAY))
    assert {"ambiguous_dates", "ambiguous_numbers", "unknown_values"} <= codes(made)
    assert not any(found.effect == "blocks" for found in made.issues)
    settled = LOG.replace('files = ["log.csv"]', 'files = ["log.csv"]\ndate_order = "dmy"\ndecimal = ","')
    made = take(client(tmp_path / "b", settled, log__csv=log, today__csv=TODAY))
    assert [row[2:] for row in movements(made)] == [
        ("close_date", "2026-03-01", "2026-04-02"),
        ("amount", None, "1234"),
    ]


def test_changes_of_one_day_keep_the_order_of_the_file(tmp_path: Path) -> None:
    log = "Affaire;Date;Champ;Avant;Après\n" + "".join(f"A1;25/02/2026;Étape;J{n};J{n + 1}\n" for n in range(1, 12))
    folder = client(tmp_path, LOG, log__csv=log, today__csv=TODAY)
    take(folder)
    assert dataset.open(folder, "2026-02-28").table("opportunities")["stage_code"].to_list() == ["J12"]


def test_a_log_beside_dated_lists_is_the_history(tmp_path: Path) -> None:
    toml = LOG.split('[[source]]\ntable = "opportunities"')[0] + BY_FILE
    log = "Affaire;Date;Champ;Avant;Après\nA1;25/02/2026;Étape;J1;J2\n"
    folder = client(tmp_path, toml, log__csv=log, **FILES)
    made = take(folder)
    assert len(movements(made)) == 1
    assert dataset.open(folder, "2026-03-31").deal_history == "events"


def test_lists_without_a_status_say_what_is_left_out(tmp_path: Path) -> None:
    lines = [line for line in BY_FILE.splitlines() if not line.startswith(("status", "closed_date"))]
    toml = "\n".join(lines).split("[source.values.status]")[0]
    made = take(client(tmp_path, toml, **FILES))
    assert issue(made, "deals_left_out").count == 1
    assert "status" not in {row[2] for row in movements(made)}
    assert pd.read_parquet(made.tables["opportunities"])["opportunity_id"].to_list() == ["A1", "A2", "A3", "A4", "A9"]


def test_lists_of_few_of_the_deals_are_said(tmp_path: Path) -> None:
    """Nine of ten deals are only in today's list: no stage of theirs is dated."""
    plain = BY_FILE + LIST.format(how="").replace("deals_*.csv", "today.csv")
    today = HEADER + "".join(f"B{n};15/01/2026;1,00;J1;R1;31/03/2026;Ouverte;\n" for n in range(20))
    folder = client(tmp_path, plain, **{"deals_2026-01-31__csv": JANUARY, "today__csv": today})
    told = issue(take(folder), "few_stage_events")
    assert (told.count, told.values["share"]) == (20, pytest.approx(4 / 24))
