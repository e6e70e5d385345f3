"""Tables that come from a database: SQLite, and a real PostgreSQL started here on the loopback."""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from intake_kit import client, rows, take

from salespilot.client import ClientError

QUERY = "select no as invoice_id, day as invoice_date, customer as customer_id, amount as amount_net from lines"


def toml(url: str, query: str = QUERY) -> str:
    return f'[[source]]\ntable = "sales_lines"\nurl = "{url}"\nquery = "{query}"\n'


@pytest.fixture
def sqlite_client(tmp_path: Path) -> Path:
    folder = client(tmp_path, toml("sqlite:///${SALES_DB}"))
    with sqlite3.connect(folder / "erp.db") as connection:
        connection.execute("create table lines (no text, day text, customer text, amount real)")
        connection.execute("insert into lines values ('F1', '2024-01-31', '0042', 1.234), ('F2', null, null, 1234.5)")
    connection.close()
    return folder


def test_sqlite(sqlite_client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClientError, match="SALES_DB"):
        take(sqlite_client)
    monkeypatch.setenv("SALES_DB", "erp.db")
    made = take(sqlite_client)
    assert rows(made, "invoice_id, invoice_date, customer_id, amount_net") == [
        ("F1", date(2024, 1, 31), "0042", Decimal("1.2340")),
        ("F2", None, None, Decimal("1234.5000")),
    ]
    assert take(sqlite_client) == made
    with sqlite3.connect(sqlite_client / "erp.db") as connection:
        connection.execute("update lines set amount = 2 where no = 'F1'")
    connection.close()
    assert take(sqlite_client).fingerprint != made.fingerprint


def test_a_bad_query_is_an_error_of_client_toml(sqlite_client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_DB", "erp.db")
    client(sqlite_client, toml("sqlite:///erp.db", "select * from absent"))
    with pytest.raises(ClientError, match="no such table: absent"):
        take(sqlite_client)
    client(sqlite_client, toml("sqlite:///none.db"))
    with pytest.raises(ClientError, match="no such file"):
        take(sqlite_client)


def test_a_password_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("PGPASSWORD_TEST", "s3cr3t")
    folder = client(tmp_path, toml("postgresql+psycopg://erp:${PGPASSWORD_TEST}@127.0.0.1:1/erp"))
    with pytest.raises(ClientError) as caught:
        take(folder)
    assert "the query failed" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_postgresql(tmp_path: Path, postgresql: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    port, password = postgresql
    monkeypatch.setenv("ERP_PASSWORD", password)
    with psycopg.connect(f"postgresql://erp:{password}@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute("create table lines (no text, day date, customer text, amount numeric(18, 3), paid boolean)")
        connection.execute(
            "insert into lines select 'F' || n, date '2024-01-01' + n % 300, lpad((n % 50)::text, 4, '0'), n + 0.001,"
            " true from generate_series(1, 25000) n"
        )
    made = take(client(tmp_path, toml(f"postgresql+psycopg://erp:${{ERP_PASSWORD}}@127.0.0.1:{port}/postgres")))
    assert made.counts[0].rows_kept == 25_000
    assert rows(made, "sum(amount_net), min(customer_id), max(invoice_date)") == [
        (Decimal("312512525.0000"), "0000", date(2024, 10, 26))
    ]
