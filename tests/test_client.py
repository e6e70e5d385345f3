"""client.toml is read strictly: every mistake names the file, the key and the remedy."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from salespilot.client import ClientError, load


@pytest.fixture(autouse=True)
def _no_user_brand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SALESPILOT_BRAND", raising=False)


def client(folder: Path, text: str):
    (folder / "client.toml").write_text(text, encoding="utf-8")
    return load(folder)


FULL = """
name = "Fournitures Delorme"
language = "en"
currency = "CHF"
country = "CH"
exported_on = 2026-07-03
complete_until = "2026-06-30"
max_rejected_share = 0
[[source]]
table = "sales_lines"
files = ["exports/factures_*.csv"]
separator = "whitespace"
date_order = "%b %d %Y"
header_row = 3
duplicates = "drop"
[source.columns]
amount_net = "Quantity * UnitPrice"
[source.formats]
invoice_date = "dmy"
[source.values.doc_type]
"Facture" = "invoice"
[[source]]
table = "customers"
url = "sqlite:///${DB}"
query = "select * from clients"
[control]
net_revenue = {2025 = 12345678.90, 2024 = 10}
[thresholds.portfolio_review]
dependence_alert_share = 0.15
[privacy]
reps = "alias"
[brand]
firm = "Cabinet X"
primary = "#0b3a5b"
"""


def test_everything_is_read(tmp_path: Path) -> None:
    made = client(tmp_path, FULL)
    assert (made.name, made.language, made.currency, made.folder) == ("Fournitures Delorme", "en", "CHF", tmp_path)
    assert (made.exported_on, made.complete_until) == (date(2026, 7, 3), date(2026, 6, 30))
    lines, customers = made.sources
    assert lines.hints == {"separator": "whitespace", "date_order": "%b %d %Y", "header_row": 3}
    assert lines.values == {"doc_type": {"Facture": "invoice"}}
    assert customers.url == "sqlite:///${DB}"
    assert made.control == {"net_revenue": {2025: 12345678.90, 2024: 10.0}}
    assert made.privacy == {"reps": "alias", "customers": "names"}
    assert made.brand.firm == "Cabinet X"


def test_an_empty_file_is_a_client_named_after_its_folder(tmp_path: Path) -> None:
    made = client(tmp_path, "")
    assert (made.name, made.language, made.sources) == (tmp_path.name, "fr", ())


S = '[[source]]\ntable = "sales_lines"\nfiles = ["a.csv"]\n'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('langage = "fr"', ["langage", "did you mean 'language'"]),
        ('language = "de"', ["language", "fr, en"]),
        ('currency = "euro"', ["currency", "EUR"]),
        ("exported_on = '03/07/2026'", ["exported_on", "2026-06-30"]),
        ("max_rejected_share = 2", ["max_rejected_share", "between 0 and 1"]),
        ("max_rejected_share = true", ["max_rejected_share", "not True"]),
        ("first_fiscal_month = 13", ["first_fiscal_month"]),
        ("source = [1]", ["[[source]]"]),
        ('[[source]]\ntable = "sale_lines"\nfiles = ["a.csv"]', ["did you mean 'sales_lines'"]),
        ('[[source]]\ntable = "sales_lines"', ["files", "database url"]),
        ('[[source]]\ntable = "sales_lines"\nurl = "sqlite://"', ["query"]),
        (S + 'seperator = ";"', ["[[source]] 1 (sales_lines)", "seperator", "did you mean 'separator'"]),
        (S + 'separator = "::"', ["separator", "whitespace"]),
        (S + 'decimal = ";"', ["decimal"]),
        (S + 'date_order = "ydm"', ["date_order", "dmy"]),
        (S + "header_row = -1", ["header_row"]),
        (S + 'format = "pdf"', ["format", "xlsx"]),
        (S + 'duplicates = "no"', ["duplicates", "keep, drop"]),
        (S + '[source.columns]\namount = "Montant"', ["columns", "amount", "did you mean 'amount_net'"]),
        (S + '[source.formats]\ninvoice_dat = "dmy"', ["formats", "'invoice_date'"]),
        (S + '[source.values.doc_type]\nAvoir = "credit"', ["values", "doc_type", "'Avoir'", "'credit_note'"]),
        ("[control]\nnet_revenue = {total = 3}", ["control", "total", "year"]),
        ("[control]\nrevenue = {2025 = 3}", ["control", "'net_revenue'"]),
        ('[engine]\nurl = "local[2]"\nfoldr = "lake"', ["[engine]", "foldr", "did you mean 'folder'"]),
        ('[engine]\nschema = "erp"', ["[engine]", "url", "postgresql://"]),
        ('[engine]\nurl = "postgresql://erp:secret@host/erp"', ["[engine]", "url", "${NAME}"]),
        ('[engine]\nurl = "postgresql://erp@host/erp"\nfolder = "lake"', ["[engine]", "folder", "Spark", "schema"]),
        ('[privacy]\nreps = "hide"', ["privacy", "names, alias"]),
        ('[brand]\nprimary = "blue"', ["brand", "primary", "#0b3a5b"]),
        ('[brand]\nlogo = "logo.svg"', ["brand", "logo", "no such file"]),
        ('[brand]\nlogo = "logo.exe"', ["brand", "logo", ".svg"]),
        ("name = ", ["not valid TOML"]),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(ClientError) as caught:
        client(tmp_path, text)
    for part in ["client.toml", *parts]:
        assert part in str(caught.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="salespilot new"):
        load(tmp_path / "nobody")


def test_the_clients_brand_wins_over_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('firm = "Mine"\nauthor = "Me"\n', encoding="utf-8")
    monkeypatch.setenv("SALESPILOT_BRAND", str(mine))
    made = client(tmp_path, '[brand]\nfirm = "Theirs"')
    assert (made.brand.firm, made.brand.author) == ("Theirs", "Me")


def test_the_users_brand_is_found_in_the_configuration_folder(tmp_path: Path) -> None:
    (tmp_path / "config" / "salespilot").mkdir(parents=True)
    (tmp_path / "config" / "salespilot" / "brand.toml").write_text('firm = "Mine"', encoding="utf-8")
    assert client(tmp_path, "").brand.firm == "Mine"


def test_a_named_brand_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESPILOT_BRAND", str(tmp_path / "none.toml"))
    with pytest.raises(ClientError, match="SALESPILOT_BRAND"):
        client(tmp_path, "")
