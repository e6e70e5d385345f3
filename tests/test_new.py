"""``salespilot new``: the client.toml it writes is read back, says its doubts, and is never written twice."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from salespilot.client import ClientError, load
from salespilot.intake import read
from salespilot.intake.new import new

INVOICES = (
    "N° facture;Type pièce;Date facture;Code client;Raison sociale;Montant HT;Montant TTC\n"
    "F001;Facture;03/04/2025;00012;Dupré;1 234,50 €;1 481,40 €\n"
    "A002;Avoir;17/04/2025;00040;Œuvre;-12,00 €;-14,40 €\n"
)
CUSTOMERS = (
    "Code client;Raison sociale;Code postal;Commercial;Date création;Chiffre d'affaires\n"
    "00012;Dupré;69001;MARTIN Paul;01/02/2019;12000000\n00040;Œuvre;75002;DURAND Zoé;03/05/2020;800000\n"
)


@pytest.fixture
def exports(tmp_path):
    """A folder of French exports: two years of invoices, customers, products and one file that is none of it."""
    folder = tmp_path / "received"
    folder.mkdir()
    (folder / "factures_2024.csv").write_text(INVOICES, encoding="cp1252")
    (folder / "factures_2025.csv").write_text(INVOICES, encoding="cp1252")
    (folder / "clients.csv").write_text(CUSTOMERS, encoding="utf-8-sig")
    (folder / "produits.csv").write_text("Code;Libellé;Prix\nA1;Vis;1,00\n")
    (folder / "empty.csv").write_text("")
    return folder


def test_french_exports(exports, tmp_path):
    report = new(tmp_path / "delorme", sorted(exports.iterdir()))
    client = load(tmp_path / "delorme")
    assert (client.name, client.language, client.currency) == ("delorme", "fr", "EUR")
    assert [source.table for source in client.sources] == ["customers", "customer_assignments", "sales_lines"]
    customers, portfolios, sales = client.sources
    assert customers.files == ("../received/clients.csv",)
    assert sales.files == ("../received/factures_202*.csv",)
    assert sales.columns["amount_net"] == "Montant HT"
    assert sales.values["doc_type"] == {"Facture": "invoice", "Avoir": "credit_note"}
    assert "company_revenue" not in customers.columns
    assert portfolios.columns == {"customer_id": "Code client", "rep_id": "Commercial", "valid_from": "Date création"}
    text = (tmp_path / "delorme" / "client.toml").read_text(encoding="utf-8")
    assert '# company_revenue = "Chiffre d\'affaires"' in text
    assert "# not used: Montant TTC" in text
    lines = report.splitlines()
    assert any("mapped" in line and "amount_net" in line and "'1 234,50 €'" in line for line in lines)
    assert any("NOT ACTIVE" in line and "company_revenue" in line for line in lines)
    assert any(line.startswith("not used") and "produits.csv" in line for line in lines)
    assert any(line.startswith("not readable: empty.csv") for line in lines)
    assert "currency EUR (its sign is in the exports)" in report


def test_exports_inside_the_client_folder(exports, tmp_path):
    folder = tmp_path / "inside"
    shutil.copytree(exports, folder / "exports")
    new(folder, [folder / "exports"])
    assert load(folder).sources[0].files == ("exports/clients.csv",)


def test_an_existing_client_is_refused_and_the_lines_printed(exports, tmp_path):
    new(tmp_path / "delorme", [exports / "clients.csv"])
    before = (tmp_path / "delorme" / "client.toml").read_bytes()
    with pytest.raises(ClientError, match="exists") as refusal:
        new(tmp_path / "delorme", [exports / "factures_2025.csv"])
    assert '[[source]]\ntable = "sales_lines"\nfiles = ["../received/factures_2025.csv"]' in str(refusal.value)
    assert (tmp_path / "delorme" / "client.toml").read_bytes() == before


def test_nothing_readable_writes_nothing(exports, tmp_path):
    with pytest.raises(ClientError, match=r"empty\.csv"):
        new(tmp_path / "none", [exports / "empty.csv"])
    assert not (tmp_path / "none").exists()


def test_a_broken_preset_of_the_client_is_said(exports, tmp_path):
    (tmp_path / "delorme" / "presets").mkdir(parents=True)
    (tmp_path / "delorme" / "presets" / "own.toml").write_text("[[table]\n")
    with pytest.raises(ClientError, match=r"own\.toml: not a TOML file"):
        new(tmp_path / "delorme", [exports / "clients.csv"])


def test_a_glob_that_would_catch_another_file_is_not_written(exports, tmp_path):
    (exports / "factures_2023_brouillon.csv").write_text("a;b\n1;2\n")
    new(tmp_path / "delorme", [exports / "factures_2024.csv", exports / "factures_2025.csv"])
    files = ("../received/factures_2024.csv", "../received/factures_2025.csv")
    assert load(tmp_path / "delorme").sources[0].files == files


def test_names_with_brackets_stay_names(exports, tmp_path):
    (exports / "ventes [2025].csv").write_text(INVOICES, encoding="utf-8")
    new(tmp_path / "delorme", [exports / "ventes [2025].csv"])
    (pattern,) = load(tmp_path / "delorme").sources[0].files
    assert [path.name for path in exports.glob(pattern.removeprefix("../received/"))] == ["ventes [2025].csv"]


def test_hostile_headers_and_values_stay_text(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(
        '"Code ""client""\n[[source]]";Date facture;Montant HT;\x1b[31mrouge\n"\x1b]0;x\x07";03/01/2025;"1,0";"]\n#"\n'
        'C2;04/01/2025;2,0;"</title>"\n'
    )
    report = new(tmp_path / "c", [path])
    assert "\x1b" not in report
    assert len(load(tmp_path / "c").sources) == 1


def test_months_side_by_side_become_rows(tmp_path):
    path = tmp_path / "CA par client.csv"
    path.write_text(
        "CA HT 2025;;;;;;\nCode client;Commercial;janv. 2025;févr. 2025;mars 2025;avr. 2025;Total\n"
        "C1;Zara;1,50;2,00;;4,00;7,50\nC2;Zara;;1,00;-3,00;;-2,00\nTotal général;;1,50;3,00;-3,00;4,00;5,50\n",
        encoding="utf-8",
    )
    report = new(tmp_path / "c", [path])
    assert "4 months side by side, janv. 2025 ... avr. 2025" in report
    made = read(load(tmp_path / "c"))
    frame = pd.read_parquet(made.tables["sales_lines"])
    assert frame["amount_net"].sum() == Decimal("5.50")
    assert sorted(frame["invoice_date"].astype(str).unique()) == [
        "2025-01-31",
        "2025-02-28",
        "2025-03-31",
        "2025-04-30",
    ]


def test_months_beside_a_day_of_their_own_stay_columns(tmp_path):
    path = tmp_path / "ventes.csv"
    path.write_text(
        "Code client;Date facture;janv. 2025;févr. 2025;mars 2025;avr. 2025;Montant HT\n1;03/01/2025;1;2;3;4;5\n"
    )
    new(tmp_path / "c", [path])
    assert load(tmp_path / "c").sources[0].sql is None


def test_dates_that_tell_no_order_are_left_to_settle(tmp_path):
    path = tmp_path / "factures.csv"
    path.write_text("Code client;Date facture;Montant HT\n1;03/04/2025;5,00\n2;01/12/2025;6,00\n")
    report = new(tmp_path / "c", [path])
    assert "day or month first? '03/04/2025'" in report
    text = (tmp_path / "c" / "client.toml").read_text(encoding="utf-8")
    assert '# [source.formats]\n# invoice_date = "dmy"    # 03/04/2025' in text
    (tmp_path / "c" / "client.toml").write_text(text.replace("# [source", "[source").replace("# invoice_", "invoice_"))
    assert load(tmp_path / "c").sources[0].formats == {"invoice_date": "dmy"}


def test_two_sources_of_one_table_are_said(exports, tmp_path):
    (exports / "old.csv").write_text("InvoiceNo,InvoiceDate,CustomerID,Net amount\n1,2024-01-02,7,5.00\n")
    report = new(tmp_path / "delorme", [exports / "old.csv", exports / "factures_2025.csv"])
    assert "2 sources feed sales_lines" in report


def test_the_demo_client_is_found_again(tmp_path):
    """Every table and column that the demo's client.toml maps by hand, but the company's size, left to settle."""
    demo = Path(__file__).parent.parent / "data" / "demo"
    new(tmp_path / "again", sorted((demo / "exports").iterdir()))
    told, found = load(demo), load(tmp_path / "again")

    def columns(client):
        return {
            (source.table, tuple(sorted(path.name for glob in source.files for path in client.folder.glob(glob)))): {
                column: header for column, header in source.columns.items() if column != "company_revenue"
            }
            for source in client.sources
        }

    assert columns(found) == columns(told)


def test_settled_clients_of_real_data_are_sound():
    cases = [load(path) for path in sorted((Path(__file__).parent / "clients").iterdir())]
    assert len(cases) >= 8
    assert all(pattern.startswith("${SALESPILOT_REAL_DATA}/") for c in cases for s in c.sources for pattern in s.files)


def test_retail(real_data, tmp_path):
    files = sorted((real_data / "online_retail_2010_12").glob("*.csv"))
    new(tmp_path / "retail", files)
    client = load(tmp_path / "retail")
    (sales,) = client.sources
    assert (client.language, len(sales.files)) == ("en", 1)
    assert sales.columns["amount_net"] == "Quantity * UnitPrice"
    lines = pd.read_parquet(read(client).tables["sales_lines"])
    assert (len(lines), lines.amount_net.sum()) == (42481, Decimal("748957.02"))
    assert (lines.doc_type == "credit_note").sum() == 728
    assert (lines.customer_id.nunique(), lines.customer_id.isna().sum()) == (948, 15631)


def test_crm(real_data, tmp_path):
    report = new(tmp_path / "crm", sorted((real_data / "maven_crm").glob("*.csv")))
    client = load(tmp_path / "crm")
    sources = {source.table: source for source in client.sources}
    assert set(sources) == {"customers", "opportunities", "reps"}
    assert sources["customers"].columns["customer_id"] == "account"
    assert sources["opportunities"].files[0].endswith("/sales_pipeline*.csv")
    assert "products: no report uses them" in report
    deals = pd.read_parquet(read(client).tables["opportunities"])
    assert deals.status.value_counts().to_dict() == {"won": 4238, "lost": 2473, "open": 2089}
    assert deals.amount[deals.status == "won"].sum() == 10005534


def test_salesforce(real_data, tmp_path):
    new(tmp_path / "sf", sorted((real_data / "salesforce_sample").glob("*.csv")))
    sources = {source.table: source for source in load(tmp_path / "sf").sources}
    assert set(sources) == {"customers", "opportunities"}
    assert sources["opportunities"].changed_at == "CreatedDate"
    found = read(load(tmp_path / "sf"))
    assert len(pd.read_parquet(found.tables["opportunities"])) == 36
    assert not [issue for issue in found.issues if issue.effect == "blocks"]


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ("cdnow", {"sales_lines": 69659}),
        ("superstore", {"sales_lines": 10194}),
        ("retail", {"sales_lines": 42481}),
        ("chinook", {"sales_lines": 2240, "customers": 59, "customer_assignments": 59, "reps": 8}),
        ("wholesale", {"sales_lines": 2640, "customers": 440}),
        ("salesforce_sample", {"customers": 18, "opportunities": 36, "opportunity_events": 237, "stages": 10}),
        ("receipt", {"opportunity_events": 8577}),
        (
            "adventureworks_oltp",
            {"customers": 19820, "customer_assignments": 1126, "sales_lines": 406, "targets": 163, "reps": 17},
        ),
        ("french_csv", {"customers": 397}),
        ("crm", {"customers": 85, "opportunities": 8800, "reps": 35}),
    ],
)
def test_settled_clients_leave_nothing_out(real_client, case, rows):
    found = read(load(real_client(case)))
    assert {table: len(pd.read_parquet(path)) for table, path in found.tables.items()} == rows
    assert sum(count.rows_rejected for count in found.counts) == 0
    assert not [issue for issue in found.issues if issue.effect == "blocks"]


DEALS = "N° affaire;Créée le;Montant HT;Étape;Commercial;Statut;Clôturée le\n"
LISTS = {
    "affaires_2026-01-31": "A1;05/01/2026;1 000,00;Devis;R1;Ouverte;\nA2;13/01/2026;50,00;Devis;R2;Ouverte;\n",
    "affaires_2026-02-28": "A1;05/01/2026;1 200,00;Offre;R1;Ouverte;\nA2;13/01/2026;50,00;Fin;R2;Gagnée;20/02/2026\n",
    "affaires_2026-03-31": "A1;05/01/2026;1 200,00;Offre;R1;Ouverte;\nA3;13/03/2026;70,00;Devis;R1;Ouverte;\n",
}


def history(folder):
    return {
        (row.opportunity_id, row.field, row.old_value, row.new_value)
        for row in pd.read_parquet(read(load(folder)).tables["opportunity_events"]).itertuples()
    }


def test_dated_lists_of_the_same_deals_are_states_of_one(tmp_path):
    for name, rows in LISTS.items():
        (tmp_path / f"{name}.csv").write_text(DEALS + rows, encoding="utf-8")
    report = new(tmp_path / "c", sorted(tmp_path.glob("*.csv")))
    (source,) = load(tmp_path / "c").sources
    assert (source.table, source.snapshot, source.files) == ("opportunities", "file", ("../affaires_*.csv",))
    assert "3 dated files with the same deals" in report
    assert ("A1", "stage", "Devis", "Offre") in history(tmp_path / "c")


def test_dated_lists_of_different_deals_are_not(tmp_path):
    for year in (2024, 2025):
        rows = "".join(f"D{year}{n};13/01/{year};50,00;Devis;R2;Ouverte;\n" for n in range(9))
        (tmp_path / f"affaires_{year}-12-31.csv").write_text(DEALS + rows, encoding="utf-8")
    new(tmp_path / "c", sorted(tmp_path.glob("*.csv")))
    assert load(tmp_path / "c").sources[0].snapshot is None


@pytest.mark.parametrize(("header", "option"), [("Photo du", "snapshot"), ("Modifiée le", "changed_at")])
def test_a_column_that_dates_the_states_is_found(tmp_path, header, option):
    text = DEALS.replace("\n", f";{header}\n")
    for name, rows in LISTS.items():
        day = "/".join(reversed(name.removeprefix("affaires_").split("-")))
        text += "".join(f"{line};{day}\n" for line in rows.splitlines())
    (tmp_path / "affaires.csv").write_text(text, encoding="utf-8")
    new(tmp_path / "c", [tmp_path / "affaires.csv"])
    (source,) = load(tmp_path / "c").sources
    assert (source.table, getattr(source, option)) == ("opportunities", header)
    assert ("A1", "amount", "1000.0000", "1200.0000") in history(tmp_path / "c")


def test_a_log_of_stages_names_no_field(tmp_path):
    (tmp_path / "history.csv").write_text(
        "Opportunity ID,From Stage,To Stage,Last Modified\nD1,Lead,Quote,2026-01-13\nD1,Quote,Order,2026-02-13\n"
    )
    report = new(tmp_path / "c", [tmp_path / "history.csv"])
    assert "every row is taken for a change of stage" in report
    assert history(tmp_path / "c") == {("D1", "stage", "Lead", "Quote"), ("D1", "stage", "Quote", "Order")}


def test_fields_that_no_report_follows_are_no_doubt(tmp_path):
    (tmp_path / "history.csv").write_text(
        "Deal ID,Date,Field,Old Value,New Value\nD1,2026-01-13,Stage,Lead,Quote\nD1,2026-01-14,Next step,call,visit\n"
    )
    assert "  doubtful" not in new(tmp_path / "c", [tmp_path / "history.csv"])
    assert history(tmp_path / "c") == {("D1", "stage", "Lead", "Quote")}


def test_the_other_exports_tell_the_day_from_the_month(exports, tmp_path):
    (exports / "capacite.csv").write_text("Code commercial;Mois;Jours ouvrés\nR1;01/02/2025;20\n", encoding="utf-8")
    report = new(tmp_path / "c", sorted(exports.iterdir()))
    assert "'01/02/2025' does not tell: dmy, as in the other exports" in report
    (capacity,) = [source for source in load(tmp_path / "c").sources if source.table == "rep_capacity"]
    assert capacity.hints["date_order"] == "dmy"
    assert not [issue for issue in read(load(tmp_path / "c")).issues if issue.table == "rep_capacity"]


def test_an_event_log(real_data, tmp_path):
    report = new(tmp_path / "c", [real_data / "event_logs" / "receipt.csv.gz"])
    assert "[preset event_log]" in report
    assert len(pd.read_parquet(read(load(tmp_path / "c")).tables["opportunity_events"])) == 8577


def test_sheets_of_one_workbook_are_read_and_a_pivot_of_them_is_not(tmp_path):
    path = tmp_path / "ventes.xlsx"
    lines = pd.DataFrame({"N° facture": ["F1", "F2"], "Date facture": pd.to_datetime(["2024-01-31", "2024-02-29"])})
    lines = lines.assign(**{"Code client": ["C1", "C2"], "Montant HT": [10.5, 20.0]})
    pivot = pd.DataFrame({"Code client": ["C1"], "2024-01": [10.5], "2024-02": [20], "2024-03": [0], "2024-04": [0]})
    with pd.ExcelWriter(path, engine="xlsxwriter") as book:
        lines.to_excel(book, sheet_name="2024", index=False)
        lines.to_excel(book, sheet_name="2025", index=False)
        pivot.to_excel(book, sheet_name="TCD", index=False)
        pd.DataFrame({"Code client": ["C1"], "Code postal": ["69001"]}).to_excel(
            book, sheet_name="Clients", index=False
        )
        pd.DataFrame().to_excel(book, sheet_name="Vide", index=False)
    report = new(tmp_path / "c", [path])
    client = load(tmp_path / "c")
    assert {(s.table, s.hints["sheet"]) for s in client.sources} == {
        ("sales_lines", "2024"),
        ("sales_lines", "2025"),
        ("customers", "Clients"),
    }
    assert "not read: sheet TCD of ventes.xlsx" in report
    assert pd.read_parquet(read(client).tables["sales_lines"])["amount_net"].sum() == Decimal("61.0")


def test_a_header_whose_values_are_not_the_columns_is_named(tmp_path):
    path = tmp_path / "ventes.csv"
    path.write_text("Date facture;Client;CA HT\n31/01/2025;Acme;12,5 (milliers)\n", encoding="utf-8")
    report = new(tmp_path / "c", [path])
    assert "needed: CA HT is called so, but holds 12,5 (milliers)" in report
