"""The layout of exports: hand-made files for each trap, random tables in random dialects, real files."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import date

import pandas as pd
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salespilot.intake.sniff import SniffError, layout, models, sample

INVOICES = (
    "N° facture;Date;Client;Montant HT\nF001;03/04/2025;Société Générale;1 234,50\nF002;17/04/2025;Œuvre;-12,00\n"
)


@pytest.fixture
def write(tmp_path):
    """``write(text or bytes, name)``: a file of that content."""

    def make(content, name="export.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return make


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("mac_roman", "mac_roman"),
    ],
)
def test_encodings(write, encoding, named):
    path = write(INVOICES, encoding=encoding)
    seen = layout(path, {})
    assert (seen.encoding, seen.separator, seen.header_row) == (named, ";", 1)
    assert seen.headers == ("N° facture", "Date", "Client", "Montant HT")
    assert sample(path, seen)[1]["Client"] == "Œuvre"


def test_cp850_of_an_old_erp(write):
    path = write("Code;Libellé;Qté\n1;Événement à côté;2\n2;Crème brûlée;3\n", encoding="cp850")
    assert layout(path, {}).headers == ("Code", "Libellé", "Qté")


def test_cp1252_keeps_the_euro_sign(write):
    path = write("Client;Solde en €\nDupré;12,00 €\n", encoding="cp1252")
    seen = layout(path, {})
    assert seen.headers == ("Client", "Solde en €")
    assert sample(path, seen)[0]["Solde en €"] == "12,00 €"


def test_an_accent_far_below_plain_ascii_is_seen(write):
    lines = b"code;name;amount\n" + b"1;plain;2.50\n" * 300_000
    assert layout(write(lines + "2;Zoé;3.00\n".encode("cp1252")), {}).encoding == "cp1252"
    assert layout(write(lines + "2;Zoé;3.00\n".encode()), {}).encoding == "utf-8"


def test_a_few_spoilt_bytes_do_not_change_the_encoding(write):
    content = "code;name\n" + "".join(f"{i};Zoé\n" for i in range(50))
    assert layout(write(content.encode() + b"51;Zo\xe9\n"), {}).encoding == "utf-8"


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_separators(write, separator):
    text = "\n".join(separator.join(cells) for cells in [("id", "name", "when"), ("1", "Ada", "2025-01-02")] * 1)
    seen = layout(write(text + "\n"), {})
    assert (seen.separator, seen.headers) == (separator, ("id", "name", "when"))


def test_decimal_commas_do_not_pass_for_separators(write):
    text = "Code;CA\n" + "".join(f"{i:03};{i},50\n" for i in range(30))
    assert layout(write(text), {}).separator == ";"


def test_blanks_as_separator(write):
    seen = layout(write(" customer_id  date  amount\n 00001 19970101   11.77\n 00002 19970112  5.00\n"), {})
    assert (seen.separator, seen.headers) == ("whitespace", ("customer_id", "date", "amount"))


def test_one_column_of_names_is_not_cut_at_blanks(write):
    path = write("nom complet\nJean Dupont\nAda Lovelace\n")
    seen = layout(path, {})
    assert seen.headers == ("nom complet",)
    assert [row["nom complet"] for row in sample(path, seen)] == ["Jean Dupont", "Ada Lovelace"]


def test_the_line_that_tells_excel_the_separator(write):
    seen = layout(write("sep=|\nid|a,b|c,d\n1|2,3|4,5\n"), {})
    assert (seen.separator, seen.header_row, seen.headers) == ("|", 2, ("id", "a,b", "c,d"))


def test_titles_above_the_header(write):
    path = write("Société Delorme\nÉtat des factures;;;\n\n" + INVOICES)
    seen = layout(path, {})
    assert (seen.header_row, seen.headers[0]) == (4, "N° facture")
    assert sample(path, seen)[0]["N° facture"] == "F001"


def test_headers_repeated_at_the_top_and_below(write):
    header, first, second = INVOICES.splitlines()
    path = write("\n".join([header, header, first, header, second]) + "\n")
    seen = layout(path, {})
    assert seen.header_row == 2
    assert [row["N° facture"] for row in sample(path, seen)] == ["F001", "F002"]


def test_no_header(write):
    path = write("00004 0001 19970101  2   29.33\n00004 0001 19970118  2   29.73\n")
    seen = layout(path, {})
    assert (seen.header_row, seen.headers) == (0, tuple(f"column_{n}" for n in range(1, 6)))
    assert sample(path, seen)[0]["column_5"] == "29.33"


def test_years_and_months_may_be_headers(write):
    seen = layout(write("Client;2023;2024;01/2025\nDupont;10,00;20,00;5,00\nDurand;1,00;2,00;3,00\n"), {})
    assert (seen.header_row, seen.headers) == (1, ("Client", "2023", "2024", "01/2025"))


def test_quotes_with_newlines_and_separators(write):
    path = write('id,"note\nlong",n\n1,"a, ""b""\nc",2\n3,d,4\n')
    seen = layout(path, {})
    assert (seen.headers, seen.quote, seen.header_row) == (("id", "note long", "n"), '"', 2)
    assert sample(path, seen)[0] == {"id": "1", "note long": 'a, "b"\nc', "n": "2"}


def test_quotes_that_never_close_are_plain_text(write):
    rows = "".join(f'{i};"Vis 10 pouces;{i},50\n' if i % 7 == 3 else f"{i};Vis;{i},50\n" for i in range(200))
    path = write("id;article;prix\n" + rows)
    seen = layout(path, {})
    assert (seen.quote, seen.separator) == ("", ";")
    assert len(sample(path, seen, 500)) == 200


def test_addresses_of_several_lines_are_no_ill_made_quotes(write):
    rows = "".join(f'{i},"12 rue A, bâtiment B,\n75001, Paris, France",{i}.50\n' for i in range(50))
    path = write("id,adresse,prix\n" + rows)
    seen = layout(path, {})
    assert (seen.quote, len(sample(path, seen))) == ('"', 50)


def test_empty_and_repeated_headers(write):
    seen = layout(write("a;a;;b;;\n1;2;3;4;;\n5;6;7;8;;note\n"), {})
    assert seen.headers == ("a", "a_2", "column_3", "b", "column_5", "column_6")


def test_gzip_whatever_its_name(write):
    seen = layout(write(gzip.compress(INVOICES.encode("cp1252")), "export.csv.gz"), {})
    assert (seen.format, seen.encoding, len(seen.headers)) == ("csv", "cp1252", 4)


def test_hints_win(write):
    path = write("x;y\ntitle;one\na,b;c,d\n1,2;3,4\n")
    seen = layout(path, {"separator": ",", "header_row": 3, "encoding": "cp1252"})
    assert (seen.separator, seen.header_row, seen.encoding) == (",", 3, "cp1252")
    assert seen.headers == ("a", "b;c", "d")


@pytest.mark.parametrize(
    ("content", "hints", "said"),
    [
        (b"", {}, "empty"),
        (b"\xef\xbb\xbf \n\n", {}, "empty"),
        (b"a;b\n1;2\n", {"encoding": "no-such"}, "unknown encoding"),
        (b"PK\x03\x04broken", {}, "workbook"),
        (b'[{"a": 1}, {"a": ', {}, "broken JSON"),
        (b"a;b\n1;2\n", {"format": "pdf"}, "unknown format"),
    ],
)
def test_refusals_name_the_file(write, content, hints, said):
    with pytest.raises(SniffError, match=rf"export\.csv.*{said}"):
        layout(write(content), hints)


def test_workbook_with_notice_title_and_dates(tmp_path):
    path = tmp_path / "ventes.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        notice = book.add_worksheet("Notice")
        notice.write_row(0, 0, ["Édité le", "03/07/2026"])
        sheet = book.add_worksheet("Factures")
        sheet.write(0, 0, "Société Delorme")
        sheet.write_row(3, 0, ["N° facture", "Date", "Montant HT"])
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for row in range(4, 60):
            sheet.write_string(row, 0, f"{row:05}")
            sheet.write_datetime(row, 1, pd.Timestamp("2025-04-03"), day)
            sheet.write_number(row, 2, 12.5 if row % 2 else 12)
    seen = layout(path, {})
    assert (seen.format, seen.sheet, seen.header_row) == ("xlsx", "Factures", 4)
    assert sample(path, seen, 2) == [
        {"N° facture": "00004", "Date": "2025-04-03", "Montant HT": "12"},
        {"N° facture": "00005", "Date": "2025-04-03", "Montant HT": "12.5"},
    ]
    assert layout(path, {"sheet": "Notice"}).sheet == "Notice"
    with pytest.raises(SniffError, match="no sheet 'Absent'"):
        layout(path, {"sheet": "Absent"})


def test_parquet(tmp_path):
    path = tmp_path / "lines.parquet"
    pd.DataFrame({"id": ["001"], "day": [date(2025, 1, 2)], "amount": [1.5], "none": [None]}).to_parquet(path)
    seen = layout(path, {})
    assert (seen.format, seen.headers) == ("parquet", ("id", "day", "amount", "none"))
    assert sample(path, seen) == [{"id": "001", "day": "2025-01-02", "amount": "1.5", "none": ""}]


def test_json_lines_are_flattened(write):
    lines = [{"id": 1, "who": {"name": "Zoé", "tags": ["a"]}}, {"id": 2, "extra": None}]
    path = write("\n".join(json.dumps(line) for line in lines), "deals.jsonl")
    seen = layout(path, {})
    assert (seen.format, seen.headers) == ("jsonl", ("id", "who.name", "who.tags", "extra"))
    assert sample(path, seen)[0] == {"id": "1", "who.name": "Zoé", "who.tags": '["a"]', "extra": ""}


def test_fixtures_have_one_layout_a_model(write):
    records = [
        {"model": "shop.invoice", "pk": 1, "fields": {"customer": 7, "total": 1.5}},
        {"model": "shop.customer", "pk": 7, "fields": {"name": "Zoé"}},
    ]
    path = write(json.dumps(records), "dump.json")
    assert models(path) == ("shop.invoice", "shop.customer")
    seen = layout(path, {"model": "shop.customer"})
    assert (seen.model, seen.headers) == ("shop.customer", ("model", "pk", "fields.name"))
    assert sample(path, seen) == [{"model": "shop.customer", "pk": "7", "fields.name": "Zoé"}]
    with pytest.raises(SniffError, match="no record of model"):
        layout(path, {"model": "shop.absent"})


WORDS = st.text("abcdefghijklmnopqrstuvwxyzéèàç", min_size=3, max_size=10)
TEXTS = st.one_of(WORDS, st.tuples(WORDS, st.sampled_from([" ", ", ", "; ", '"', "\n", "| "]), WORDS).map("".join))
COLUMNS = {
    "text": TEXTS,
    "number": st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: f"{x:.2f}"),
    "comma": st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: f"{x:.2f}".replace(".", ",")),
    "date": st.dates(date(2000, 1, 1), date(2030, 1, 1)).map(lambda d: d.strftime("%d/%m/%Y")),
    "code": st.integers(0, 99999).map("{:05}".format),
}


@st.composite
def tables(draw):
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=6))
    headers = draw(st.lists(WORDS, min_size=len(kinds), max_size=len(kinds), unique=True))
    rows = draw(st.lists(st.tuples(*(COLUMNS[kind] for kind in kinds)), min_size=4, max_size=20))
    return headers, rows


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables(),
    separator=st.sampled_from([";", ",", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    titles=st.integers(0, 2),
)
def test_round_trip_of_any_dialect(tmp_path, table, separator, encoding, newline, quoting, titles):
    headers, rows = table
    text = io.StringIO(newline="")
    text.write(f"Titre du fichier{newline}" * titles)
    csv.writer(text, delimiter=separator, lineterminator=newline, quoting=quoting).writerows([headers, *rows])
    path = tmp_path / "any.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    seen = layout(path, {})
    assert seen.headers == tuple(headers)
    assert seen.header_row == titles + 1
    assert list(sample(path, seen)[0].values()) == list(rows[0])


def test_the_published_french_file(real_data):
    told = next(case for case in json.loads((real_data / "expected.json").read_text()) if case["id"] == "D-FRCSV")
    path = real_data / "french_csv" / "a_test_file.csv"
    seen = layout(path, {})
    rows = sample(path, seen, 10_000)
    assert seen.separator == told["expected"]["separator"]
    assert seen.header_row - 1 == told["expected"]["header_row_idx"]
    assert len(rows) == told["expected"]["total_lines"]
    assert len(rows) - len({tuple(row.values()) for row in rows}) == told["expected"]["nb_duplicates"]
    assert len(seen.headers) == told["expected"]["columns"]
    assert list(seen.headers) == json.loads(path.with_suffix(".json").read_text())["header"]
    assert rows[0]["NUMCOM"] == "01001"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("cdnow/CDNOW_master.txt", ("csv", "utf-8", "whitespace", 1, 4)),
        ("cdnow/CDNOW_sample.txt", ("csv", "utf-8", "whitespace", 0, 5)),
        ("superstore/Sample_Superstore.csv", ("csv", "utf-8", ",", 1, 21)),
        ("wholesale_customers/wholesale_customers_data.csv", ("csv", "cp1252", ",", 1, 12)),
        ("bank_calls/bank-additional.csv", ("csv", "utf-8", ";", 1, 21)),
        ("event_logs/receipt.csv.gz", ("csv", "utf-8", ",", 1, 6)),
        ("adventureworks_oltp/pg_SalesPerson.tsv", ("csv", "utf-8", "\t", 0, 9)),
        ("french_csv/file.xlsx", ("xlsx", None, None, 2, 60)),
        ("french_csv/file.xls", ("xlsx", None, None, 1, 8)),
        ("french_csv/file.ods", ("xlsx", None, None, 1, 5)),
    ],
)
def test_real_files(real_data, file, expected):
    seen = layout(real_data / file, {})
    found = (seen.format, seen.encoding, seen.separator, seen.header_row)
    assert found == expected[:4]
    if seen.format == "csv" or seen.sheet != "REI_1987":
        assert len(seen.headers) == expected[4]


def test_real_chinook_has_its_models(real_data):
    path = real_data / "chinook" / "initial_data.json"
    assert "chinook.invoiceline" in models(path)
    seen = layout(path, {"model": "chinook.invoice"})
    assert "fields.customer" in seen.headers
    assert len(sample(path, seen, 1000)) == 412


def test_a_shorter_table_beside_another_is_told_apart(tmp_path):
    rows = [f"F{n};A{n % 3};{n},50;;{f'A{n};Zara' if n < 3 else ';'}" for n in range(9)]
    path = tmp_path / "v.csv"
    path.write_text("Facture;Client;Montant HT;;Client;Commercial\n" + "\n".join(rows))
    assert layout(path, {}).headers[4:] == ("Client_2 (table 2)", "Commercial (table 2)")
    noted = [f"F{n};A{n % 3};{n},50;;{'to check' if n % 4 == 1 else ''}" for n in range(9)]
    path.write_text("Facture;Client;Montant HT;;Note\n" + "\n".join(noted))
    assert layout(path, {}).headers[4] == "Note"
