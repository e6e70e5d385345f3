"""The accounting file of every French company as a fallback for invoices: recognised, read, counted to the cent."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from intake_kit import rows

from salespilot import dataset
from salespilot.client import load
from salespilot.intake import read
from salespilot.intake.new import new

FIELDS = re.findall(
    r"\w+",
    "JournalCode JournalLib EcritureNum EcritureDate CompteNum CompteLib CompAuxNum CompAuxLib PieceRef PieceDate"
    " EcritureLib Debit Credit EcritureLet DateLet ValidDate Montantdevise Idevise",
)


def line(
    number: str, day: str, account: str, ref: str, debit: str = "0,00", credit: str = "0,00", aux: str = ""
) -> list:
    label = {"411": "Clients", "707": "Ventes de marchandises", "706": "Prestations", "709": "RRR accordés"}
    name = {"C001": "Dupré SA", "C002": "Œuvre SARL"}.get(aux, "")
    head = ["VE", "Ventes", number, day, account, label.get(account[:3], "Autre"), aux, name, ref, day]
    return [*head, f"Pièce {ref}", debit, credit, "", "", day, "", ""]


ENTRIES = [
    # An invoice with two lines of sales and VAT.
    line("1", "20250115", "411000", "F1", debit="1800,00", aux="C001"),
    line("1", "20250115", "707100", "F1", credit="1000,00"),
    line("1", "20250115", "706000", "F1", credit="500,00"),
    line("1", "20250115", "445710", "F1", credit="300,00"),
    # A credit note, and a rebate at the end of the year.
    line("2", "20250220", "411000", "A1", credit="240,00", aux="C001"),
    line("2", "20250220", "707100", "A1", debit="200,00"),
    line("3", "20251231", "411000", "R1", credit="120,00", aux="C002"),
    line("3", "20251231", "709700", "R1", debit="100,00"),
    # An invoice with a line in its own reduction is no credit note.
    line("4", "20250305", "411000", "F2", debit="1080,00", aux="C002"),
    line("4", "20250305", "707100", "F2", credit="1000,00"),
    line("4", "20250305", "707100", "F2", debit="100,00"),
    # One number a line: the document joins them.
    line("5", "20250306", "411000", "F3", debit="96,00", aux="C002"),
    line("6", "20250306", "707100", "F3", credit="80,00"),
    # A cash sale and an accrual: no customer.
    line("7", "20250310", "530000", "T1", debit="12,00"),
    line("7", "20250310", "707100", "T1", credit="10,00"),
    line("8", "20251231", "418100", "FAE", debit="60,00"),
    line("8", "20251231", "707100", "FAE", credit="50,00"),
    # One entry for the day, two documents; and a document of two customers, which tells none.
    line("9", "20250401", "411000", "F4", debit="12,00", aux="C001"),
    line("9", "20250401", "707100", "F4", credit="10,00"),
    line("9", "20250401", "411000", "F5", debit="24,00", aux="C002"),
    line("9", "20250401", "707100", "F5", credit="20,00"),
    line("10", "20250402", "411000", "F6", debit="12,00", aux="C001"),
    line("10", "20250402", "411000", "F6", debit="12,00", aux="C002"),
    line("10", "20250402", "707100", "F6", credit="20,00"),
    # A customer with an account of his own.
    line("11", "20250403", "411DUVAL", "F7", debit="36,00"),
    line("11", "20250403", "707100", "F7", credit="30,00"),
    # A purchase is no sale.
    line("12", "20250404", "607000", "X1", debit="999,00"),
    line("12", "20250404", "401000", "X1", credit="999,00", aux="F009"),
]
NET = Decimal("1000") + 500 - 200 - 100 + 900 + 80 + 10 + 50 + 10 + 20 + 20 + 30


def write(path: Path, entries: list, separator: str, encoding: str) -> None:
    text = "".join(separator.join(cells) + "\r\n" for cells in [FIELDS, *entries])
    path.write_bytes(text.encode(encoding))


@pytest.mark.parametrize(("separator", "encoding"), [("\t", "utf-8"), ("|", "cp1252"), (";", "utf-8-sig")])
def test_a_fec_is_recognised_and_read(tmp_path: Path, separator: str, encoding: str) -> None:
    write(tmp_path / "732829320FEC20251231.txt", ENTRIES, separator, encoding)
    report = new(tmp_path / "c", [tmp_path / "732829320FEC20251231.txt"])
    assert "[preset fec]" in report
    made = read(load(tmp_path / "c"))
    found = rows(made, "invoice_id, doc_type, customer_id, amount_net", order="invoice_id, amount_net desc")
    assert found == [
        ("A1", "credit_note", "C001", Decimal("-200.0000")),
        ("F1", "invoice", "C001", Decimal("1000.0000")),
        ("F1", "invoice", "C001", Decimal("500.0000")),
        ("F2", "invoice", "C002", Decimal("1000.0000")),
        ("F2", "invoice", "C002", Decimal("-100.0000")),
        ("F3", "invoice", "C002", Decimal("80.0000")),
        ("F4", "invoice", "C001", Decimal("10.0000")),
        ("F5", "invoice", "C002", Decimal("20.0000")),
        ("F6", "invoice", None, Decimal("20.0000")),
        ("F7", "invoice", "411DUVAL", Decimal("30.0000")),
        ("FAE", "invoice", None, Decimal("50.0000")),
        ("R1", "rebate", "C002", Decimal("-100.0000")),
        ("T1", "invoice", None, Decimal("10.0000")),
    ]
    (count,) = made.counts
    assert (count.rows_rejected, count.amount_kept) == (0, float(NET))
    names = dict(rows(made, "distinct customer_id, customer_name"))
    assert (names["C001"], names["C002"]) == ("Dupré SA", "Œuvre SARL")
    families = dict(rows(made, "distinct substr(product_family, 1, 3), product_family"))
    assert set(families.values()) == {"Ventes de marchandises", "Prestations", "RRR accordés"}


def test_several_years_number_their_entries_anew(tmp_path: Path) -> None:
    earlier = [
        line("1", "20240115", "411000", "F1", debit="120,00", aux="C002"),
        line("1", "20240115", "707100", "F1", credit="100,00"),
    ]
    write(tmp_path / "732829320FEC20241231.txt", earlier, "\t", "utf-8")
    write(tmp_path / "732829320FEC20251231.txt", ENTRIES, "\t", "utf-8")
    new(tmp_path / "c", sorted(tmp_path.glob("*.txt")))
    made = read(load(tmp_path / "c"))
    assert rows(made, "invoice_id, customer_id, amount_net", order="invoice_date")[0] == (
        "F1",
        "C002",
        Decimal("100.0000"),
    )
    assert made.counts[0].amount_kept == float(NET + 100)
    assert len(set(rows(made, "line_id"))) == made.counts[0].rows_kept == 14
    opened = dataset.open(tmp_path / "c", "2025-12-31")
    assert opened.mart("customer_sales", opened.history)["net_revenue"].sum() == float(NET + 100)


def test_amounts_that_cannot_be_read_are_rejected_not_lost(tmp_path: Path) -> None:
    broken = [*ENTRIES, line("13", "20250404", "707100", "F8", credit="douze")]
    write(tmp_path / "FEC.txt", broken, "\t", "utf-8")
    new(tmp_path / "c", [tmp_path / "FEC.txt"])
    (count,) = read(load(tmp_path / "c")).counts
    assert (count.rows_rejected, count.amount_kept) == (1, float(NET))
