"""Published counts and sums of real exports, each with its settled ``client.toml``."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from intake_kit import codes, issue, rows, take

Copy = Callable[[str], Path]


@pytest.fixture(scope="module")
def expected(real_data: Path) -> dict[str, dict]:
    return {case["id"]: case["expected"] for case in json.loads((real_data / "expected.json").read_text("utf-8"))}


def test_online_retail(real_client: Copy, expected: dict) -> None:
    want = expected["D-RETAIL-DEC10"]
    made = take(real_client("retail"))
    found = rows(
        made,
        "count(*), sum(amount_net), count(distinct customer_id), count(*) filter (customer_id is null),"
        " count(*) filter (doc_type = 'credit_note')",
    )
    assert found == [
        (
            want["rows"],
            Decimal(str(want["amount"])),
            want["customers"],
            want["lines without customer"],
            want["credit-note lines (C)"],
        )
    ]
    assert rows(made, "customer_id", order="customer_id")[0] == ("12347",)
    assert len(made.counts) == 20


def test_cdnow(real_client: Copy, expected: dict) -> None:
    want = expected["D-CDNOW-MASTER"]
    made = take(real_client("cdnow"))
    assert rows(made, "count(*), sum(amount_net), count(distinct customer_id), sum(quantity)::int") == [
        (want["transactions"], Decimal(str(want["revenue"])), want["customers"], want["cds"])
    ]
    assert rows(made, "count(*) filter (amount_net = 0), min(customer_id)") == [(want["zero_amount"], "00001")]
    assert issue(made, "duplicate_lines").count == want["dup_lines"]


def test_superstore(real_client: Copy, expected: dict) -> None:
    want = expected["D-SUPERSTORE"]
    made = take(real_client("superstore"))
    assert rows(made, "count(*), sum(amount_net), count(distinct customer_id), sum(quantity)::int") == [
        (want["rows"], Decimal(str(want["sales"])), want["customers"], want["quantity"])
    ]
    assert rows(made, "count(distinct coalesce(order_id, invoice_id))") == [(want["orders"],)]
    assert rows(made, "year(min(invoice_date)), year(max(invoice_date))") == [(2019, 2022)]


def test_maven_crm(real_client: Copy, expected: dict) -> None:
    want = expected["D-MAVEN"]
    made = take(real_client("crm"))
    found = rows(
        made,
        "count(*), count(*) filter (status = 'won'), count(*) filter (status = 'lost'),"
        " sum(amount) filter (status = 'won')",
        "opportunities",
    )
    assert found == [(want["opportunities"], want["won"], want["lost"], Decimal(want["won_revenue"]))]
    assert issue(made, "identical_rows").count == 6711


def test_chinook(real_client: Copy, expected: dict) -> None:
    want = expected["D-CHINOOK"]
    made = take(real_client("chinook"))
    assert rows(made, "count(distinct invoice_id), sum(amount_net), count(distinct customer_id)") == [
        (want["invoices"], Decimal(str(want["revenue"])), want["customers"])
    ]


def test_french_csv(real_client: Copy, expected: dict) -> None:
    want = expected["D-FRCSV"]
    made = take(real_client("french_csv"))
    count = made.counts[0]
    assert count.set_aside == {"repeated_header": 2, "duplicate": want["nb_duplicates"]}
    assert count.rows_kept == want["total_lines"] - want["nb_duplicates"]
    assert rows(made, "customer_id", "customers")[0] == ("01001",)


def test_wholesale(real_client: Copy, expected: dict) -> None:
    made = take(real_client("wholesale"))
    assert rows(made, "count(*)", "customers") == [(expected["D-WHOLESALE"]["rows"],)]
    assert "key_conflict" not in codes(made)


def test_a_file_with_unquoted_commas_is_refused_with_its_lines(real_data: Path, tmp_path: Path) -> None:
    """Store.csv of AdventureWorks: XML with commas that no quote protects."""
    path = real_data / "adventureworks_oltp" / "Store.csv"
    (tmp_path / "client.toml").write_text(
        f'[[source]]\ntable = "customers"\nfiles = ["{path}"]\n'
        '[source.columns]\ncustomer_id = "BusinessEntityID"\nname = "Name"\n',
        encoding="utf-8",
    )
    found = issue(take(tmp_path), "too_many_cells")
    assert found.values["line"] == 91
