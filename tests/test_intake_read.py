"""Intake from end to end on small hand-made exports: every trap, and where each row went."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_kit import LINES, client, codes, issue, rows, take
from pace import paced

from salespilot.client import ClientError, load
from salespilot.intake import assemble, delimited, native, read, store


@pytest.fixture(autouse=True, params=["small", "large"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large exports go another way (numbers while parsing, text as Parquet, rows viewed, in runs) to the same end."""
    if request.param == "large":
        monkeypatch.setattr(native, "WORTH_BYTES", 0)
        monkeypatch.setattr(store, "LARGE_BYTES", 0)
        monkeypatch.setattr(assemble, "VIEWED", -1)
        monkeypatch.setattr(assemble, "RUN_ROWS", 2)


CSV = "Facture;Date;Client;Montant\n"
GOOD = CSV + "F1;31/01/2024;0042;1 234,50 €\nF2;15/02/2024;0043;-12,00\n"


def listed(folder: Path) -> list[dict[str, str]]:
    with (folder / "rejects.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=";"))


# ---- encodings, separators, formats ----


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "Facture;Date;Client;Montant\nF1;31/01/2024;Élysée – cœur;12,50 €\n"
    made = take(client(tmp_path, a__csv=text.encode(encoding)))
    assert rows(made, "customer_id, amount_net") == [("Élysée – cœur", Decimal("12.5000"))]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(tmp_path: Path, separator: str) -> None:
    text = f"Facture{separator}Date{separator}Client{separator}Montant\n" + "".join(
        f"F{n}{separator}2024-01-{n:02d}{separator}C{n}{separator}{n}.5\n" for n in range(10, 20)
    )
    made = take(client(tmp_path, a__csv=text))
    assert rows(made, "sum(amount_net)") == [(Decimal("150.0000"),)]


def test_runs_of_blanks(tmp_path: Path) -> None:
    text = " Client  Date  Montant\n" + "".join(f" {n:05d} 1997010{n}   {n}.77\n" for n in range(1, 8))
    toml = LINES.replace('invoice_id = "Facture"\n', "")
    made = take(client(tmp_path, toml, a__csv=text))
    assert rows(made, "customer_id, invoice_date, amount_net")[0] == ("00001", date(1997, 1, 1), Decimal("1.7700"))


def test_gzip(tmp_path: Path) -> None:
    made = take(client(tmp_path, LINES.replace("*.csv", "*.gz"), a__csv__gz=gzip.compress(GOOD.encode("cp1252"))))
    assert rows(made, "amount_net") == [(Decimal("-12.0000"),), (Decimal("1234.5000"),)]


def test_spoilt_bytes_are_told_and_cost_no_row(tmp_path: Path) -> None:
    lines = "".join(f"F{n};31/01/2024;Société {n};{n},50\n" for n in range(50))
    content = (CSV + lines).encode("utf-8").replace("Société 7;".encode(), b"Soci\xe9t\xe9 7;")
    made = take(client(tmp_path, a__csv=content))
    assert rows(made, "count(*)") == [(50,)]
    assert "spoilt_bytes" in codes(made)


def test_bytes_that_no_old_encoding_has_are_told(tmp_path: Path) -> None:
    content = (CSV + "F1;31/01/2024;Société;1,50\nF2;31/01/2024;Béa;2,50\n").encode("cp1252")
    toml = LINES.replace("[source.columns]", 'encoding = "cp1252"\n[source.columns]')
    assert "spoilt_bytes" not in codes(take(client(tmp_path, toml, a__csv=content)))
    assert "spoilt_bytes" in codes(take(client(tmp_path, toml, a__csv=content.replace(b"B\xe9a", b"B\x81a"))))


def test_workbook_with_title_total_and_real_dates(tmp_path: Path) -> None:
    client(tmp_path, LINES.replace("*.csv", "*.xlsx"))
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet("Factures")
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write(0, 1, "Factures 2024")
    sheet.write_row(2, 1, ["Facture", "Date", "Client", "Montant"])
    sheet.write_row(3, 1, ["F1", "", "0042", 1.234])
    sheet.write_datetime(3, 2, date(2024, 1, 31), day)
    sheet.write_row(4, 1, ["F2", "", 17850.0, "1 234,50 €"])
    sheet.write_datetime(4, 2, date(2024, 2, 1), day)
    sheet.write_row(5, 1, ["F3", 45321, "C3", -5])
    sheet.write_row(6, 1, ["Total général", "", "", 1230.734])
    book.close()
    made = take(tmp_path)
    assert rows(made, "invoice_id, invoice_date, customer_id, amount_net") == [
        ("F1", date(2024, 1, 31), "0042", Decimal("1.2340")),
        ("F2", date(2024, 2, 1), "17850", Decimal("1234.5000")),
        ("F3", date(2024, 1, 30), "C3", Decimal("-5.0000")),
    ]
    assert made.counts[0].set_aside == {"title": 1, "blank": 1, "total": 1}
    assert made.counts[0].amount_set_aside == 1230.734


def test_large_tables_are_written_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "RUN_ROWS", 3)
    text = "".join(f"F{n};31/01/2024;00{n};{n},50\n" for n in range(1, 6))
    first, second = CSV + text, CSV + text.replace("F", "G").replace("G5;31/01/2024;", "G5;31/13/2024;")
    made = take(client(tmp_path, a__csv=first, b__csv=second, c__csv=CSV + "H1;31/01/2024;009;1,00\n"))
    folder = made.tables["sales_lines"]
    assert [len(pd.read_parquet(path)) for path in sorted(folder.iterdir())] == [3, 2, 3, 2]
    assert rows(made, "count(*), count(distinct line_id), sum(amount_net)") == [(10, 10, Decimal("30.5000"))]
    assert read(load(tmp_path)) == made


def test_bytes_of_western_exports() -> None:
    for content in (b"plain", bytes(range(0xA0, 0x100)), bytes(range(0x20, 0x100)), "é€œ".encode("cp1252") * 9):
        stream = delimited._Utf8(io.BytesIO(content), "cp1252", blanks=False)
        assert stream.read().decode() == content.decode("cp1252", "replace")


def test_parquet_and_json(tmp_path: Path) -> None:
    table = pa.table(
        {
            "Facture": ["F1", "F2"],
            "Date": pa.array([date(2024, 1, 31), None]),
            "Client": pa.array([17850.0, 17851.0]),
            "Montant": pa.array([1.234, 1234.5]),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    made = take(client(tmp_path, LINES.replace("*.csv", "*.parquet")))
    expected = [("F1", "17850", Decimal("1.2340")), ("F2", "17851", Decimal("1234.5000"))]
    assert rows(made, "invoice_id, customer_id, amount_net") == expected
    records = [
        {"model": "erp.line", "fields": {"Facture": "F1", "Client": {"code": "C1"}, "Montant": 1.234}},
        {"model": "erp.other", "fields": {"x": 1}},
        {
            "model": "erp.line",
            "fields": {"Facture": "F2", "Client": {"code": "C2"}, "Montant": 7, "Date": "2024-02-01"},
        },
    ]
    toml = """
[[source]]
table = "sales_lines"
files = ["a.json*"]
model = "erp.line"
[source.columns]
invoice_id = "fields.Facture"
invoice_date = "fields.Date"
customer_id = "fields.Client.code"
amount_net = "fields.Montant"
"""
    expected = [("F1", "C1", None, Decimal("1.2340")), ("F2", "C2", date(2024, 2, 1), Decimal("7.0000"))]
    made = take(client(tmp_path / "array", toml, a__json=json.dumps(records)))
    assert rows(made, "invoice_id, customer_id, invoice_date, amount_net") == expected
    made = take(client(tmp_path / "lines", toml, a__jsonl="\n".join(map(json.dumps, records))))
    assert rows(made, "invoice_id, customer_id, invoice_date, amount_net") == expected


def test_headers_are_matched_without_case_accents_or_blanks(tmp_path: Path) -> None:
    old = "N° Facture;DATE  FACTURE;Code client;Montant H.T.\nF1;31/01/2023;0001;10,50\n"
    new = "n° facture;Date facture;CODE CLIENT;montant h.t.;Remise\nF2;31/01/2024;0002;20,50;1\n"
    toml = """
[[source]]
table = "sales_lines"
files = ["*.csv"]
[source.columns]
invoice_id = "n° Facture"
invoice_date = "Date facture"
customer_id = "code client"
amount_net = "Montant H.T."
discount = "Remise"
"""
    made = take(client(tmp_path, toml, a2023__csv=old, a2024__csv=new))
    assert rows(made, "invoice_id, amount_net, discount") == [
        ("F1", Decimal("10.5000"), None),
        ("F2", Decimal("20.5000"), Decimal("1.0000")),
    ]
    assert issue(made, "header_absent").values["files"] == "a2023.csv"


# ---- what is no data ----


def test_titles_totals_headers_blanks_and_footers_are_set_aside(tmp_path: Path) -> None:
    text = (
        "Export des factures;;;\n;;;\nFacture;Date;Client;Montant\n"
        "F1;31/01/2024;C1;10,00\nSous-total C1;;;10,00\n\nFacture;Date;Client;Montant\n"
        "F2;15/02/2024;C2;20,00\nF3;;C3;5,00\n;;;30,00\nTotal général;;;35,00\nÉdité le 3 juillet;;;\n"
    )
    made = take(client(tmp_path, a__csv=text))
    count = made.counts[0]
    assert rows(made, "invoice_id") == [("F1",), ("F2",), ("F3",)]
    assert count.set_aside == {"title": 2, "blank": 2, "total": 3, "repeated_header": 1}
    assert (count.amount_kept, count.amount_set_aside, count.rows_rejected) == (35.0, 75.0, 0)
    assert issue(made, "empty_values").column == "invoice_date"


def test_a_customer_named_total_is_a_customer(tmp_path: Path) -> None:
    toml = """
[[source]]
table = "customers"
files = ["*.csv"]
[source.columns]
customer_id = "Code"
name = "Nom"
employees = "Effectif"
"""
    text = "Code;Nom;Effectif;Ville\nTOTAL01;Total Énergies;100;Paris\nC2;Sous-traitance SA;5;Lyon\nTotal;;105;\n"
    made = take(client(tmp_path, toml, a__csv=text))
    assert rows(made, "customer_id, name", "customers") == [("C2", "Sous-traitance SA"), ("TOTAL01", "Total Énergies")]
    assert made.counts[0].set_aside == {"total": 1}


def test_rows_too_short_are_filled_and_rows_too_long_rejected(tmp_path: Path) -> None:
    text = CSV + "F1;31/01/2024;C1;10,00\n" * 3 + "F2;31/01/2024;C2\nF3;31/01/2024;C3;5,00;;\nF4;31/01/2024;C4;a;b;c\n"
    text += "F5;31/02/2024;C5;1,00\n"
    made = take(client(tmp_path, a__csv=text))
    assert rows(made, "line_id, invoice_id, amount_net", order="line_id") == [
        ("a:1", "F1", Decimal("10.0000")),
        ("a:2", "F1", Decimal("10.0000")),
        ("a:3", "F1", Decimal("10.0000")),
        ("a:4", "F2", None),
        ("a:5", "F3", Decimal("5.0000")),
    ]
    found = [(row["line"], row["column"], row["value"], row["reason"]) for row in listed(tmp_path)]
    assert found == [("7", "", "F4;31/01/2024;C4;a;b;c", "too_many_cells"), ("8", "Date", "31/02/2024", "unreadable")]


# ---- rejects ----


def test_rejects_name_file_line_column_and_value(tmp_path: Path) -> None:
    text = (
        "Titre\nFacture;Date;Client;Montant\n"
        'F1;31/01/2024;"C1\nbis";10,00\n\nF2;31/11/2024;C2;20,00\nF3;15/02/2024;C3;=1+2\nF4;01/01/1900;C4;1,00\n'
    )
    made = take(client(tmp_path, a__csv=text))
    assert sorted((r["line"], r["column"], r["value"], r["reason"]) for r in listed(tmp_path)) == [
        ("6", "Date", "31/11/2024", "unreadable"),
        ("7", "Montant", "'=1+2", "unreadable"),
        ("8", "Date", "01/01/1900", "before_1990"),
    ]
    count = made.counts[0]
    assert (count.rows_kept, count.rows_rejected, count.amount_rejected) == (1, 3, 21.0)
    assert (tmp_path / "rejects.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert {"unreadable_values", "dates_before_1990"} <= codes(made)


def test_a_missing_key_rejects_an_empty_value_does_not(tmp_path: Path) -> None:
    toml = """
[[source]]
table = "customers"
files = ["*.csv"]
[source.columns]
customer_id = "Code"
name = "Nom"
employees = "Effectif"
"""
    made = take(client(tmp_path, toml, a__csv="Code;Nom;Effectif\nC1;A;\n;B;12\nC3;;n/a\n"))
    assert rows(made, "customer_id, name, employees", "customers") == [("C1", "A", None), ("C3", None, None)]
    assert issue(made, "missing_key").values["line"] == 3


def test_a_line_without_customer_is_kept_and_priced(tmp_path: Path) -> None:
    made = take(client(tmp_path, a__csv=CSV + "F1;31/01/2024;;10,00\nF2;15/02/2024;C2;30,00\n"))
    found = issue(made, "lines_without_customer")
    assert (found.count, found.amount, found.values["share"]) == (1, 10.0, 0.25)


# ---- judgement on the whole column ----


def test_ambiguous_dates_refuse_the_table_until_settled(tmp_path: Path) -> None:
    text = CSV + "F1;03/04/2024;C1;10,00\nF2;05/06/2024;C2;20,00\n"
    made = take(client(tmp_path, a__csv=text))
    found = issue(made, "ambiguous_dates")
    assert made.tables == {}
    assert (found.effect, found.column) == ("blocks", "invoice_date")
    assert (found.values["first"], found.values["second"]) == ("2024-04-03", "2024-03-04")
    assert found.values["remedy"] == '[source.formats] invoice_date = "dmy"'
    made = take(client(tmp_path, LINES + '[source.formats]\ninvoice_date = "mdy"\n', a__csv=text))
    assert rows(made, "invoice_date") == [(date(2024, 3, 4),), (date(2024, 5, 6),)]


def test_a_date_takes_the_proven_order_of_its_neighbour_aloud(tmp_path: Path) -> None:
    text = "Facture;Date;Client;Montant;Commande\nF1;03/04/2024;C1;1,5;25/03/2024\nF2;05/06/2024;C2;2,5;30/05/2024\n"
    made = take(client(tmp_path, LINES + 'order_date = "Commande"\n', a__csv=text))
    assert rows(made, "invoice_date") == [(date(2024, 4, 3),), (date(2024, 6, 5),)]
    assert issue(made, "order_from_neighbour").column == "invoice_date"


def test_each_file_may_have_its_own_way(tmp_path: Path) -> None:
    french = CSV + "F1;25/03/2024;C1;1.234,50\n"
    english = 'Facture,Date,Client,Montant\nF2,03/25/2024,C2,"1,234.50"\n'
    made = take(client(tmp_path, fr__csv=french, en__csv=english))
    assert rows(made, "invoice_date, amount_net") == [(date(2024, 3, 25), Decimal("1234.5000"))] * 2


def test_ambiguous_amounts_refuse_the_table_until_settled(tmp_path: Path) -> None:
    text = CSV + "F1;31/01/2024;C1;1.234\nF2;15/02/2024;C2;5.678\n"
    made = take(client(tmp_path, a__csv=text))
    found = issue(made, "ambiguous_numbers")
    assert made.tables == {}
    assert (found.values["first"], found.values["second"]) == ("1234", "1.234")
    for mark, total in ((",", "6912.0000"), (".", "6.9120")):
        settled = take(client(tmp_path, LINES + f'[source.formats]\namount_net = "{mark}"\n', a__csv=text))
        assert rows(settled, "sum(amount_net)") == [(Decimal(total),)]


def test_an_ambiguous_side_column_is_left_out_not_the_table(tmp_path: Path) -> None:
    text = "Facture;Date;Client;Montant;Marge\nF1;31/01/2024;C1;10;1.234\nF2;15/02/2024;C2;20;5.678\n"
    made = take(client(tmp_path, LINES + 'margin = "Marge"\n', a__csv=text))
    assert "margin" not in made.columns["sales_lines"]
    assert issue(made, "ambiguous_numbers").effect == "weakens"


def test_a_number_takes_the_proven_mark_of_its_neighbour_aloud(tmp_path: Path) -> None:
    text = "Facture;Date;Client;Montant;Qté\nF1;31/01/2024;C1;10,50;1,000\nF2;15/02/2024;C2;20,5;2,000\n"
    made = take(client(tmp_path, LINES + 'quantity = "Qté"\n', a__csv=text))
    assert rows(made, "quantity") == [(1.0,), (2.0,)]
    assert issue(made, "decimal_from_neighbour").column == "quantity"


def test_destroyed_decimals_are_not_read_as_millions(tmp_path: Path) -> None:
    text = CSV + "F1;31/01/2024;C1;9.575.775\nF2;15/02/2024;C2;26196\nF3;15/02/2024;C2;7319\n"
    made = take(client(tmp_path, a__csv=text))
    assert made.tables == {}
    assert issue(made, "decimals_destroyed").effect == "blocks"


def test_codes_stay_text(tmp_path: Path) -> None:
    text = "Facture;Date;Client;Montant;Article\n" + "".join(
        f"F{n};2024-01-31;{code};1;{item}\n"
        for n, (code, item) in enumerate([("17850.0", "0071"), ("", "10.0"), ("12.0", "A-1"), ("13", "10.50")])
    )
    made = take(client(tmp_path, LINES + 'product_id = "Article"\n', a__csv=text))
    assert rows(made, "customer_id, product_id", order="product_id") == [
        ("17850", "0071"),
        (None, "10.0"),
        ("13", "10.50"),
        ("12", "A-1"),
    ]


def test_text_is_composed_and_trimmed(tmp_path: Path) -> None:
    made = take(client(tmp_path, a__csv=CSV + "F1;31/01/2024;\u00a0Le\u0301a\u202f ;1,5\nF2;31/01/2024;NULL;1,5\n"))
    assert rows(made, "customer_id") == [("Léa",), (None,)]


def test_shares_and_percents(tmp_path: Path) -> None:
    toml = """
[[source]]
table = "opportunities"
files = ["*.csv"]
[source.columns]
opportunity_id = "Id"
probability_declared = "P"
"""
    made = take(client(tmp_path / "a", toml, a__csv="Id;P\n1;12,5 %\n2;0,5\n3;\n"))
    assert rows(made, "probability_declared", "opportunities", "opportunity_id") == [(0.125,), (0.5,), (None,)]
    made = take(client(tmp_path / "b", toml, a__csv="Id;P\n1;10\n2;90\n3;1\n"))
    assert rows(made, "probability_declared", "opportunities", "opportunity_id") == [(0.1,), (0.9,), (0.01,)]
    assert "read_as_percent" in codes(made)


def test_lists_flags_and_translations(tmp_path: Path) -> None:
    toml = """
[[source]]
table = "customers"
files = ["*.csv"]
[source.columns]
customer_id = "Code"
status = "Statut"
is_intercompany = "Groupe"
channel = "Canal"
[source.values.status]
"Actif" = "customer"
"Ancien" = "lost"
[source.values.channel]
"W" = "web"
"""
    text = "Code;Statut;Groupe;Canal\n1;ACTIF;Oui;W\n2;prospect;non;Z\n3;ancien;;\n4;Bizarre;0;\n5;n/a;vrai;\n"
    made = take(client(tmp_path, toml, a__csv=text))
    assert rows(made, "customer_id, status, is_intercompany, channel", "customers") == [
        ("1", "customer", True, "web"),
        ("2", "prospect", False, "Z"),
        ("3", "lost", None, None),
        ("5", None, True, None),
    ]
    found = issue(made, "unknown_values")
    assert found.values["remedy"] == '[source.values.status] "Bizarre" = "..."'
    assert listed(tmp_path)[0]["value"] == "Bizarre"


# ---- computed columns and SQL ----


def test_computed_columns(tmp_path: Path) -> None:
    text = "No;Date;Client;Qté;PU;Type\nC1;31/01/2024;A;-2;1 234,505;Avoir\n2;15/02/2024;B;3;0,1;Facture\n"
    toml = """
[[source]]
table = "sales_lines"
files = ["*.csv"]
[source.columns]
invoice_id = "No"
invoice_date = "Date"
customer_id = "upper(Client) || '-' || Type"
amount_net = '"Qté" * PU'
doc_type = "case when Type = 'Avoir' then 'credit_note' else 'invoice' end"
currency = "'EUR'"
"""
    made = take(client(tmp_path, toml, a__csv=text))
    assert rows(made, "customer_id, amount_net, doc_type, currency") == [
        ("A-Avoir", Decimal("-2469.0100"), "credit_note", "EUR"),
        ("B-Facture", Decimal("0.3000"), "invoice", "EUR"),
    ]


def test_an_unreadable_input_of_a_computed_column_rejects_its_row(tmp_path: Path) -> None:
    toml = LINES.replace('"Montant"', '"Montant * 2"')
    made = take(client(tmp_path, toml, a__csv=CSV + "F1;31/01/2024;C1;1,5\nF2;31/01/2024;C1;x\n"))
    assert rows(made, "amount_net") == [(Decimal("3.0000"),)]
    assert listed(tmp_path)[0]["column"] == "Montant * 2"


@pytest.mark.parametrize(
    "expression",
    [
        "Montnat",
        "sum(Montant)",
        "(select 1)",
        "random()",
        "read_text('/etc/passwd')",
        "Montant; drop table x",
        "Montant * Prix",
        "current_setting('x')",
        "row_number() over ()",
        "*",
    ],
)
def test_a_bad_expression_is_an_error_of_client_toml(tmp_path: Path, expression: str) -> None:
    folder = client(tmp_path, LINES.replace('"Montant"', f'"{expression}"'), a__csv=GOOD)
    with pytest.raises(ClientError) as caught:
        take(folder)
    for part in ("client.toml", "sales_lines", "amount_net"):
        assert part in str(caught.value)
    if expression == "Montnat":
        assert "did you mean 'Montant'" in str(caught.value)


def test_a_table_as_one_query_over_the_exports(tmp_path: Path) -> None:
    toml = '''
[[source]]
table = "sales_lines"
files = ["wide.csv", "clients 2024.csv"]
sql = """
select c.code as customer_id, m.month as invoice_date, replace(m.amount, ',', '.')::decimal(18, 3) as amount_net
from (unpivot wide on "2024-01", "2024-02" into name month value amount) m join "clients 2024" c on c.nom = m."Nom"
"""
'''
    folder = client(tmp_path, toml, wide__csv="Nom;2024-01;2024-02\nLéa;1,234;2,5\nBob;3,5;4,5\n")
    (folder / "clients 2024.csv").write_text("nom;code\nLéa;01\nBob;02\n", encoding="utf-8")
    made = take(folder)
    assert rows(made, "customer_id, invoice_date, amount_net") == [
        ("01", date(2024, 1, 1), Decimal("1.2340")),
        ("01", date(2024, 2, 1), Decimal("2.5000")),
        ("02", date(2024, 1, 1), Decimal("3.5000")),
        ("02", date(2024, 2, 1), Decimal("4.5000")),
    ]


def test_a_query_reads_its_exports_and_nothing_else(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")
    toml = f"""
[[source]]
table = "customers"
files = ["a.csv"]
sql = "select a as customer_id from '{secret}'"
"""
    with pytest.raises(ClientError, match="sql"):
        take(client(tmp_path / "c", toml, a__csv="a;b\n1;2\n"))


def test_one_view_for_each_model_of_a_json_file(tmp_path: Path) -> None:
    records = [
        {"pk": 1, "model": "shop.buyer", "fields": {"name": "Léa"}},
        {"pk": 7, "model": "shop.order", "fields": {"buyer": 1, "total": 12.5, "day": "2024-01-31"}},
    ]
    toml = '''
[[source]]
table = "sales_lines"
files = ["a.json"]
sql = """select o."fields.total" as amount_net, o."fields.day" as invoice_date, b."fields.name" as customer_id
from "shop.order" o join "shop.buyer" b on b.pk = o."fields.buyer" """
'''
    made = take(client(tmp_path, toml, a__json=json.dumps(records)))
    assert rows(made, "customer_id, amount_net") == [("Léa", Decimal("12.5000"))]


# ---- keys, duplicates, copies ----

DEALS = """
[[source]]
table = "opportunities"
files = ["*.csv"]
[source.columns]
opportunity_id = "Id"
customer_id = "Client"
amount = "Montant"
status = "Statut"
"""


def test_identical_rows_of_a_keyed_table_are_one_row(tmp_path: Path) -> None:
    one = "Id;Client;Montant;Statut\n1;A;10,0;won\n2;B;20,5;lost\n2;B;20,50;lost\n"
    two = "Id;Client;Montant;Statut\n1;A;10;Won\n3;;;open\n"
    made = take(client(tmp_path, DEALS, one__csv=one, two__csv=two))
    assert [row[0] for row in rows(made, "opportunity_id", "opportunities")] == ["1", "2", "3"]
    assert [count.set_aside for count in made.counts] == [{"duplicate": 1}, {"duplicate": 1}]
    assert [count.amount_set_aside for count in made.counts] == [20.5, 10.0]
    assert issue(made, "identical_rows").count == 2


def test_columns_that_one_export_lacks_do_not_make_a_conflict(tmp_path: Path) -> None:
    toml = DEALS.replace('"*.csv"', '"one.csv"') + (
        '[[source]]\ntable = "opportunities"\nfiles = ["two.csv"]\n'
        '[source.columns]\nopportunity_id = "Id"\ncompetitor = "Concurrent"\n'
    )
    one, two = "Id;Client;Montant;Statut\n1;A;10,5;won\n", "Id;Concurrent\n1;Rival\n2;Autre\n"
    made = take(client(tmp_path, toml, one__csv=one, two__csv=two))
    assert rows(made, "opportunity_id, customer_id, competitor", "opportunities") == [
        ("1", "A", "Rival"),
        ("2", None, "Autre"),
    ]


def test_one_key_with_two_contents_refuses_the_table_and_shows_both(tmp_path: Path) -> None:
    text = "Id;Client;Montant;Statut\n1;A;10;won\n2;B;20;lost\n2;B;25;lost\n"
    made = take(client(tmp_path, DEALS, a__csv=text))
    found = issue(made, "key_conflict")
    assert made.tables == {}
    assert (found.effect, found.values["key"]) == ("blocks", "2")
    assert found.examples == ("a.csv:3 amount=20.0000", "a.csv:4 amount=25.0000")
    assert [row["line"] for row in listed(tmp_path)] == ["3", "4"]
    assert made.counts[0].rows_rejected == 3


def test_a_table_without_its_key_is_refused(tmp_path: Path) -> None:
    made = take(
        client(tmp_path, DEALS.replace('opportunity_id = "Id"\n', ""), a__csv="Id;Client;Montant;Statut\n1;A;1;won\n")
    )
    assert issue(made, "key_unmapped").effect == "blocks"


def test_duplicate_lines_are_kept_counted_and_dropped_on_demand(tmp_path: Path) -> None:
    text = CSV + "F1;31/01/2024;C1;10,5\n" * 3 + "F2;31/01/2024;C1;7\n"
    made = take(client(tmp_path, a__csv=text))
    found = issue(made, "duplicate_lines")
    assert (found.count, found.amount, made.counts[0].rows_kept) == (2, 21.0, 4)
    assert rows(made, "line_id") == [("a:1",), ("a:2",), ("a:3",), ("a:4",)]
    made = take(
        client(tmp_path, LINES.replace("[source.columns]", 'duplicates = "drop"\n[source.columns]'), a__csv=text)
    )
    assert (made.counts[0].rows_kept, made.counts[0].set_aside) == (2, {"duplicate": 2})
    assert made.counts[0].amount_set_aside == 21.0


def test_a_copied_file_counts_once(tmp_path: Path) -> None:
    made = take(client(tmp_path, a__csv=GOOD, copie__csv=GOOD))
    assert rows(made, "count(*), sum(amount_net)") == [(2, Decimal("1222.5000"))]
    assert made.counts[1].set_aside == {"duplicate": 2}
    assert issue(made, "same_file_twice").values["original"] == "a.csv"


def test_wide_months_from_one_file_have_their_own_lines(tmp_path: Path) -> None:
    source = '[[source]]\ntable = "sales_lines"\nfiles = ["a.csv"]\n[source.columns]\ncustomer_id = "Client"\n'
    toml = (
        source
        + 'amount_net = "Jan"\ninvoice_date = "\'2024-01-31\'"\n'
        + (source + 'amount_net = "Feb"\ninvoice_date = "\'2024-02-29\'"\n')
    )
    made = take(client(tmp_path, toml, a__csv="Client;Jan;Feb\nA;1,5;2,5\n"))
    assert rows(made, "line_id, invoice_date, amount_net") == [
        ("a#2:1", date(2024, 2, 29), Decimal("2.5000")),
        ("a:1", date(2024, 1, 31), Decimal("1.5000")),
    ]


# ---- credit notes, groups ----


def test_credit_notes_all_positive_are_negated_aloud(tmp_path: Path) -> None:
    text = "Facture;Date;Client;Montant;Type\nF1;31/01/2024;A;10,5;Facture\nA1;31/01/2024;A;4,5;Avoir\n"
    made = take(client(tmp_path, LINES + 'doc_type = "Type"\n', a__csv=text))
    assert rows(made, "invoice_id, amount_net") == [("A1", Decimal("-4.5000")), ("F1", Decimal("10.5000"))]
    found = issue(made, "credit_sign_negated")
    assert (found.count, found.amount) == (1, 4.5)
    mixed = text + "A2;31/01/2024;A;-1;Avoir\n"
    made = take(client(tmp_path, LINES + 'doc_type = "Type"\n', a__csv=mixed))
    assert issue(made, "credit_sign_mixed").count == 1


def test_credit_notes_are_told_by_sign_or_by_a_leading_c(tmp_path: Path) -> None:
    made = take(client(tmp_path / "sign", a__csv=GOOD))
    assert rows(made, "invoice_id, doc_type") == [("F1", "invoice"), ("F2", "credit_note")]
    lines = "".join(f"{536365 + n};31/01/2024;A;10,5\n" for n in range(5)) + "C536379;31/01/2024;A;-1,0\n"
    made = take(client(tmp_path / "prefix", a__csv=CSV + lines))
    assert issue(made, "doc_type_derived").values["rule"] == "prefix"
    assert rows(made, "count(*) filter (doc_type = 'credit_note')") == [(1,)]


def test_drafts_count_aloud_until_the_line_that_leaves_them_out(tmp_path: Path) -> None:
    head = "Facture;Date;Client;Montant;Statut facture\n"
    lines = "F1;31/01/2024;A;10,5;Payée\nF2;31/01/2024;A;4,5;Brouillon\nF3;31/01/2024;B;2;ANNULÉE\nTotal;;;17;\n"
    made = take(client(tmp_path, a__csv=head + lines))
    found = issue(made, "no_sales_counted")
    assert (found.count, found.amount, found.examples) == (2, 6.5, ("ANNULÉE", "Brouillon"))
    sold = LINES.replace('"Montant"', """ "case when \\\"Statut facture\\\" = 'Payée' then Montant end" """)
    assert "no_sales_counted" not in codes(take(client(tmp_path, sold)))
    made = take(client(tmp_path, LINES.replace("[source.columns]", found.values["remedy"] + "\n[source.columns]")))
    assert rows(made, "invoice_id, amount_net") == [("F1", Decimal("10.5000"))]
    assert "no_sales_counted" not in codes(made)


def test_sales_to_the_own_group_are_set_aside(tmp_path: Path) -> None:
    toml = LINES.replace("*.csv", "lines.csv") + (
        '[[source]]\ntable = "customers"\nfiles = ["clients.csv"]\n'
        '[source.columns]\ncustomer_id = "Code"\nis_intercompany = "Groupe"\n'
    )
    made = take(client(tmp_path, toml, lines__csv=GOOD, clients__csv="Code;Groupe\n0042;Oui\n0043;Non\n"))
    count = next(c for c in made.counts if c.table == "sales_lines")
    assert (count.rows_kept, count.set_aside, count.amount_set_aside) == (1, {"intercompany": 1}, 1234.5)


# ---- corrections ----


def test_corrections_mend_values_and_save_rejected_rows(tmp_path: Path) -> None:
    text = CSV + "F1;31/01/2024;C1;12O50,00\nF2;31/01/2024;C2;10,5\nF3;31/02/2024;C3;1,5\n"
    corrections = (
        "table;key;column;value;reason\nsales_lines;a:1;amount_net;12050,00;lettre O\n"
        "sales_lines;a:2;customer_id;C9;fusion\nsales_lines;a:99;amount_net;1;perdu\n"
    )
    made = take(client(tmp_path, a__csv=text, corrections__csv=corrections.encode("cp1252")))
    assert rows(made, "line_id, customer_id, amount_net") == [
        ("a:1", "C1", Decimal("12050.0000")),
        ("a:2", "C9", Decimal("10.5000")),
    ]
    applied = [one for one in made.issues if one.code == "correction_applied"]
    assert [(one.column, one.values["old"], one.values["new"]) for one in applied] == [
        ("amount_net", "12O50,00", "12050,00"),
        ("customer_id", "C2", "C9"),
    ]
    assert issue(made, "correction_unmatched").values["key"] == "a:99"
    assert made.counts[0].rows_rejected == 1


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("sale_lines;a:1;amount_net;1;x", "did you mean 'sales_lines'"),
        ("sales_lines;a:1;amount;1;x", "did you mean 'amount_net'"),
        ("sales_lines;a:1;line_id;1;x", "key"),
        ("sales_lines;a:1;amount_net;1.234;x", "two ways"),
        ("sales_lines;a:1;invoice_date;03/04/2024;x", "two ways"),
        ("sales_lines;a:1;doc_type;bon;x", "credit_note"),
        ("sales_lines;;doc_type;invoice;x", "key"),
    ],
)
def test_a_bad_correction_names_its_line(tmp_path: Path, line: str, part: str) -> None:
    folder = client(tmp_path, a__csv=GOOD, corrections__csv=f"table;key;column;value;reason\n{line}\n")
    with pytest.raises(ClientError) as caught:
        take(folder)
    assert "corrections.csv: line 2" in str(caught.value)
    assert part in str(caught.value)


# ---- files ----


def test_a_glob_that_finds_nothing_blocks_its_table(tmp_path: Path) -> None:
    made = take(client(tmp_path))
    assert (issue(made, "no_file").effect, made.tables) == ("blocks", {})


@pytest.mark.parametrize("place", paced([150, 1500, 2990], 150))
def test_a_quote_that_never_closes_swallows_no_row(tmp_path: Path, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "RUN_ROWS", 1000)
    lines = [f"F{n};{n % 28 + 1:02d}/05/2025;C1;{n},50" for n in range(3000)]
    lines[place] = lines[place].replace("C1", '"C1')
    made = take(client(tmp_path, a__csv="\n".join(["Facture;Date;Client;Montant", *lines]) + "\n"))
    assert made.counts[0].rows_kept == 3000


def test_a_cell_of_several_lines_stays_one_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "RUN_ROWS", 200)
    note = '"Machine; livrée, posée\npuis reprise; à revoir"'
    lines = [f"F{n};{n % 28 + 1:02d}/05/2025;{note};{n},50" for n in range(500)]
    made = take(client(tmp_path, a__csv="\n".join(["Facture;Date;Client;Montant", *lines]) + "\n"))
    assert made.counts[0].rows_kept == 500


def test_an_unreadable_file_blocks_its_table_and_not_the_others(tmp_path: Path) -> None:
    toml = LINES.replace("*.csv", "*.xlsx") + DEALS
    made = take(
        client(tmp_path, toml, b__xlsx=b"PK\x03\x04 not a workbook", a__csv="Id;Client;Montant;Statut\n1;A;1;won\n")
    )
    assert issue(made, "unreadable_file").table == "sales_lines"
    assert list(made.tables) == ["opportunities"]


def test_files_that_feed_nothing_are_told(tmp_path: Path) -> None:
    toml = LINES.replace("*.csv", "exports/factures_*.csv")
    folder = client(tmp_path, toml)
    (folder / "exports").mkdir()
    for name in ("factures_2024.csv", "autre.csv", "~$factures_2024.csv", ".hidden"):
        (folder / "exports" / name).write_text(GOOD, encoding="utf-8")
    assert take(folder).unmatched == ("exports/autre.csv",)


def test_an_empty_export_gives_an_empty_table(tmp_path: Path) -> None:
    made = take(client(tmp_path, a__csv=CSV))
    assert rows(made, "count(*)") == [(0,)]


def test_globs_may_name_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.csv").write_text(GOOD, encoding="utf-8")
    folder = client(tmp_path / "c", LINES.replace("*.csv", "${EXPORTS_OF_TEST}/a.csv"))
    with pytest.raises(ClientError, match="EXPORTS_OF_TEST"):
        take(folder)
    monkeypatch.setenv("EXPORTS_OF_TEST", str(elsewhere))
    assert rows(take(folder), "count(*)") == [(2,)]


# ---- the cache ----


def test_an_unchanged_client_is_not_parsed_twice_and_a_changed_byte_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = client(tmp_path, a__csv=GOOD)
    first = take(folder)
    monkeypatch.setattr("salespilot.intake.gather.read_export", lambda *_: pytest.fail("parsed again"))
    (folder / "rejects.csv").unlink()
    second = take(folder)
    assert second == first
    assert (folder / "rejects.csv").is_file()
    monkeypatch.undo()
    (folder / "a.csv").write_text(GOOD.replace("-12,00", "-13,00"), encoding="utf-8")
    third = take(folder)
    assert third.fingerprint != first.fingerprint
    assert rows(third, "min(amount_net)") == [(Decimal("-13.0000"),)]
    client(folder, LINES + 'discount = "Montant"\n', a__csv=GOOD)
    assert take(folder).fingerprint != first.fingerprint


def test_a_client_that_moved_is_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = take(client(tmp_path / "here", a__csv=GOOD))
    moved = (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.setattr("salespilot.intake.gather.read_export", lambda *_: pytest.fail("parsed again"))
    second = take(moved)
    assert second.fingerprint == first.fingerprint
    assert rows(second, "min(amount_net)") == [(Decimal("-12.0000"),)]


def test_what_a_killed_reading_left_goes_after_a_day(tmp_path: Path) -> None:
    home = client(tmp_path, a__csv=GOOD) / ".salespilot"
    for name in ("reading-dead", "reading-alive"):
        (home / name).mkdir(parents=True)
        (home / name / "0.parquet").touch()
    os.utime(home / "reading-dead", (0, 0))
    take(tmp_path)
    assert [path.name for path in home.glob("reading-*")] == ["reading-alive"]


def test_a_broken_cache_is_made_again(tmp_path: Path) -> None:
    folder = client(tmp_path, a__csv=GOOD)
    first = take(folder)
    (first.folder / "intake.json").write_text("{", encoding="utf-8")
    assert take(folder) == first


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    take(client(tmp_path, a__csv=GOOD))
    assert [p.name for p in (tmp_path / ".salespilot").iterdir()] == ["tables"]
    with pytest.raises(ClientError):
        take(client(tmp_path, LINES.replace('"Montant"', '"Prix"'), a__csv=GOOD))
    assert [p.name for p in (tmp_path / ".salespilot").iterdir()] == ["tables"]


def test_the_day_of_the_export_is_that_of_the_newest_file(tmp_path: Path) -> None:
    folder = client(tmp_path, head="", a__csv=GOOD)
    os.utime(folder / "a.csv", (1_700_000_000, 1_700_000_000))
    assert take(folder).exported_on == date(2023, 11, 14)


# ---- conservation, whatever the file ----

WORDS = "A|Total|10,50|-3|x;y|31/01/2024|31/02/2024|03/04/2024|1 234,5 €|Facture|Date|Client|Montant|NULL|Sous-total"
cells = st.sampled_from(["", " ", '"', "é", "1.234", "a\nb", *WORDS.split("|")])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cells, min_size=0, max_size=6), max_size=25))
def test_every_row_goes_somewhere(tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]) -> None:
    """Rows read are the records below and the lines above the header; kept, rejected and set aside add up to them."""
    folder = tmp_path_factory.mktemp("conserve")
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as stream:
        stream.write(CSV + "F1;25/12/2024;C1;10,50\n")
        csv.writer(stream, delimiter=";", lineterminator="\n").writerows(table)
    hints = 'separator = ";"\nencoding = "utf-8"\nheader_row = 1\n[source.columns]'
    made = take(client(folder, LINES.replace("[source.columns]", hints)))
    with (folder / "a.csv").open(encoding="utf-8", newline="") as stream:
        assert made.counts[0].rows_read == sum(1 for _ in csv.reader(stream, delimiter=";")) - 1
    price = duckdb.sql(f"select sum(amount_net) from '{made.tables['sales_lines']}'").fetchall()[0][0]
    assert made.counts[0].amount_kept == float(price or 0)


def test_an_old_customer_is_no_absurdity(tmp_path: Path) -> None:
    toml = DEALS.split("[source.columns]")[0].replace("opportunities", "customers")
    toml += '[source.columns]\ncustomer_id = "Code"\ncreated_date = "Le"\n'
    made = take(client(tmp_path, toml, a__csv="Code;Le\nC1;31/01/1985\n"))
    assert rows(made, "customer_id, created_date", "customers") == [("C1", date(1985, 1, 31))]


def test_two_runs_at_once_read_the_same(tmp_path: Path) -> None:
    lines = "".join(f"F{n};31/01/2024;C{n % 50};{n},50\n" for n in range(20_000))
    folder = client(tmp_path, a__csv=CSV + lines)
    code = f"import salespilot.client as c, salespilot.intake as i; print(i.read(c.load({str(folder)!r})).counts)"
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [run.communicate(timeout=120)[0] for run in runs]
    assert all(run.returncode == 0 for run in runs)
    assert len(set(answers)) == 1
    assert "rows_kept=20000" in answers[0]
    assert [p.name for p in (tmp_path / ".salespilot").iterdir()] == ["tables"]
    assert len(list((tmp_path / ".salespilot" / "tables").iterdir())) == 1


def test_groups_that_count_their_rows_and_averages_are_set_aside(tmp_path: Path) -> None:
    content = (
        "Date;Facture;Client;Montant\nBertin & fils (2);;;30,00\n31/01/2024;F1;Bertin & fils;10,00\n"
        "31/01/2024;F2;Bertin & fils;20,00\nNombre;;;2\nMoyenne;;;15,00\n"
    )
    made = take(client(tmp_path, v__csv=content))
    assert made.counts[0].set_aside == {"total": 3}
    assert rows(made, "sum(amount_net)") == [(Decimal("30.0000"),)]
