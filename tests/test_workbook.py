"""The Excel twin: every table, in the reader's words, with real numbers and dates, and nothing but text in text."""

import re
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from salespilot import phrasefile
from salespilot.finding import Finding, Severity
from salespilot.phrasebook import Phrasebook, phrases
from salespilot.report.workbook import FINDING_COLUMNS, sheet_names, workbook

HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "@SUM(A1)",
    "http://example.com",
    "<script>",
    "{{7*7}}",
    "\x00\x07bell",
    "12",
]


@dataclass(frozen=True)
class Result:
    customers: pd.DataFrame | None = None
    cells: pd.DataFrame | None = None
    key_figures: dict = field(default_factory=dict)
    not_computable: dict = field(default_factory=dict)


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A made-up report's words beside those of the house."""
    for name in ("_house", "_columns"):
        (tmp_path / f"{name}.toml").write_bytes((phrasefile.FOLDER / f"{name}.toml").read_bytes())
    (tmp_path / "r.toml").write_text(
        """
        [title]
        fr = "Revue"
        en = "Review"
        [sheet_customers]
        fr = "Clients"
        en = "Customers"
        [late_observation]
        fr = "{name} se tait depuis {gap:days}."
        en = "{name} has been silent for {gap:days}."
        [late_action]
        fr = "Appeler {name}."
        en = "Call {name}."
        [fine_observation]
        fr = "Tout va bien."
        en = "All is well."
        """,
        encoding="utf-8",
    )
    monkeypatch.setattr(phrasefile, "FOLDER", tmp_path)
    phrases.cache_clear()
    yield Phrasebook("r", "fr")
    phrases.cache_clear()


def customers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["00042", "=1+1", "17850", None],
            "name": ["Ateliers Noël", *HOSTILE[:2], None],
            "net_revenue": [Decimal("1234.5"), 0.0, np.float64(-3.25), np.nan],
            "share": [0.757, 0.1, 0.143, np.inf],
            "last_order_date": [date(2026, 6, 30), pd.Timestamp("2025-01-02 13:00"), pd.NaT, date(1850, 1, 1)],
            "month": [pd.Period("2026-01", "M"), None, None, None],
            "status": ["customer", "prospect", "Grand compte", None],
            "is_new": [True, False, np.True_, None],
            "rank": [1, 2, 3, 4],
        }
    )


def rows(path, sheet):
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_name(sheet).to_python()


def xml(path) -> str:
    with zipfile.ZipFile(path) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist() if name.endswith((".xml", ".rels")))


def test_every_table_is_a_sheet_and_what_is_missing_is_none(tmp_path, book):
    path = workbook(tmp_path / "r.xlsx", Result(customers(), None), book)
    assert CalamineWorkbook.from_path(str(path)).sheet_names == ["Constats", "Clients"]


def test_headings_words_numbers_and_dates(tmp_path, book):
    path = workbook(tmp_path / "r.xlsx", Result(customers()), book)
    head, first, second, third, last = rows(path, "Clients")
    assert head == [
        *("Client", "CA net", "Part", "Dernière commande", "Mois", "Statut", "Nouveau client", "Rang", "Code client")
    ]
    assert first == ["Ateliers Noël", 1234.5, 0.757, date(2026, 6, 30), date(2026, 1, 1), "Client", "oui", 1.0, "00042"]
    assert second[3:7] == [date(2025, 1, 2), "", "Prospect", "non"]
    assert third[1] == -3.25
    assert third[5:7] == ["Grand compte", "oui"]
    assert last == ["", "", "", "1850-01-01", "", "", "", 4.0, ""]


@pytest.mark.usefixtures("book")
def test_in_english(tmp_path):
    path = workbook(tmp_path / "r.xlsx", Result(customers()), Phrasebook("r", "en", "USD"))
    head, first, *_ = rows(path, "Customers")
    assert head[:3] == ["Customer", "Net revenue", "Share"]
    assert first[5:7] == ["Customer", "yes"]
    assert '"US$"#,##0' in xml(path).replace("&quot;", '"')


def test_number_formats_follow_the_kind(tmp_path, book):
    written = xml(workbook(tmp_path / "r.xlsx", Result(customers()), book)).replace("&quot;", '"')
    for mask in ('#,##0\\ "€"', "0.0%", "dd/mm/yyyy", "mmm yyyy"):
        assert f'formatCode="{mask}' in written
    assert 'state="frozen"' in written
    assert '<autoFilter ref="A1:I5"' in written


def test_hostile_text_stays_text(tmp_path, book):
    frame = pd.DataFrame({"customer_id": HOSTILE, "name": HOSTILE, "status": HOSTILE})
    path = workbook(tmp_path / "r.xlsx", Result(frame), book)
    written = xml(path)
    assert not re.search(r"<f[ >]", written)
    assert "<hyperlink" not in written.replace("<HyperlinksChanged>", "")
    assert "relationships/hyperlink" not in written
    for name, status, code in rows(path, "Clients")[1:]:
        assert name == status == code
        assert isinstance(code, str)
    assert [row[0] for row in rows(path, "Clients")[1:]] == [*HOSTILE[:6], "bell", "12"]


@pytest.mark.parametrize("text", ["x" * 40_000, "🚀" * 20_000])
def test_long_text_is_cut_where_excel_ends(tmp_path, book, text):
    path = workbook(tmp_path / "r.xlsx", Result(pd.DataFrame({"name": [text]})), book)
    [cell] = rows(path, "Clients")[1]
    assert cell.endswith("…")
    assert 32_000 < len(cell.encode("utf-16-le")) / 2 <= 32_767


def test_findings_say_their_sentences(tmp_path, book):
    values = {"name": "Noël", "gap": 45}
    found = [
        Finding("r", "T01-R4", "late", Severity.ALERT, "customer", "00042", "R1", 12000.0, values=values),
        Finding("r", "T01-R9", "fine", Severity.GOOD, "team", "all"),
    ]
    path = workbook(tmp_path / "r.xlsx", Result(), book, found=found)
    head, late, fine = rows(path, "Constats")
    assert len(head) == len(FINDING_COLUMNS)
    assert late[:5] == ["Alerte", "Noël se tait depuis 45 jours.", "Appeler Noël.", 12000.0, ""]
    assert late[-4:] == ["T01-R4", "00042", "R1", found[0].id]
    assert fine[:4] == ["Point fort", "Tout va bien.", "", ""]


def test_a_table_without_rows_keeps_its_headings(tmp_path, book):
    path = workbook(tmp_path / "r.xlsx", Result(customers().head(0)), book)
    assert rows(path, "Clients") == [
        ["Client", "CA net", "Part", "Dernière commande", "Mois", "Statut", "Nouveau client", "Rang", "Code client"]
    ]


def test_the_same_result_gives_the_same_bytes(tmp_path, book):
    one = workbook(tmp_path / "a.xlsx", Result(customers()), book).read_bytes()
    assert one == workbook(tmp_path / "b.xlsx", Result(customers()), book).read_bytes()


def test_sheet_names_are_valid_and_unique(book):
    fields = ["customers", "a/b:c*[d]?", "'quoted'", "x" * 40, "x" * 39, "Clients", "history"]
    names = sheet_names(fields, book)
    assert names["customers"] == "Clients"
    assert names["Clients"] == "Clients (2)"
    assert names["history"] == "history (2)"
    assert names["'quoted'"] == "quoted"
    assert len({name.lower() for name in names.values()}) == len(fields)
    assert all(len(name) <= 31 and not re.search(r"[\[\]:*?/\\]", name) for name in names.values())


def test_more_rows_than_a_sheet_holds_is_an_error(tmp_path, book):
    frame = pd.DataFrame({"name": pd.Series("x", index=range(1_048_576))})
    with pytest.raises(ValueError, match="customers: 1048576 rows"):
        workbook(tmp_path / "r.xlsx", Result(frame), book)


@pytest.mark.usefixtures("book")
def test_columns_of_an_own_notebook_are_written_by_their_type(tmp_path):
    frame = pd.DataFrame({"my_day": [datetime(2026, 1, 2)], "my_text": ["x"], "my_number": [1.5], "my_flag": [True]})
    path = workbook(tmp_path / "r.xlsx", Result(frame), Phrasebook("own", "fr"))
    assert rows(path, "customers") == [
        ["My day", "My text", "My number", "My flag"],
        [date(2026, 1, 2), "x", 1.5, "oui"],
    ]
