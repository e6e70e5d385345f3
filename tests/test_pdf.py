"""The PDF of a printed page, by WeasyPrint and by a browser."""

from __future__ import annotations

import re

import pytest
import sample_page as sample
from browser import needs_browser
from pypdf import PdfReader

from salespilot.report import pdf as printer
from salespilot.report.print import html

needs_pango = pytest.mark.skipif(printer._weasyprint() is None, reason="no Pango for WeasyPrint (make system)")
A4 = (595, 842)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pdf")


@pytest.fixture(scope="module")
def source(folder):
    """The HTML of the sample in French."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return html(sample.printed(monkeypatch, folder))


@pytest.fixture(scope="module")
def made(source, folder):
    """The sample's PDF by WeasyPrint."""
    if printer._weasyprint() is None:
        pytest.skip("no Pango for WeasyPrint (make system)")
    target = folder / "sample.pdf"
    assert printer.pdf(source, target) == "WeasyPrint"
    return target


@pytest.fixture(scope="module")
def texts(made):
    return [page.extract_text() for page in PdfReader(made).pages]


def contents_of(text: str) -> dict[str, int]:
    """Number of a heading -> page, as the contents tell them."""
    return {number: int(page) for number, page in re.findall(r"^([\d.]+)\s.+?\s(\d+)$", text, re.MULTILINE)}


def marks_of(reader: PdfReader) -> dict[str, int]:
    """Number of a heading -> page, as the bookmarks tell them."""
    entries = [entry for entry in flat(reader.outline) if entry["/Title"][0].isdigit()]
    return {entry["/Title"].split()[0]: reader.get_destination_page_number(entry) + 1 for entry in entries}


def flat(outline):
    """The entries of bookmarks within bookmarks."""
    for entry in outline:
        if isinstance(entry, list):
            yield from flat(entry)
        else:
            yield entry


def test_a4_with_cover_first_and_contents_second(made, texts):
    reader = PdfReader(made)
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in reader.pages} == {A4}
    assert "Revue d’essai du portefeuille" in texts[0]
    assert "Maison Crémieux & Associés" in texts[0]
    assert "Sommaire" in texts[1]
    assert f"1 / {len(texts)}" not in texts[0]


def test_contents_give_true_page_numbers(made, texts):
    told = contents_of(texts[1])
    assert list(told) == ["1", "2", "3", "4", "4.1", "4.2", "4.3", "4.4", "4.5"]
    assert told == marks_of(PdfReader(made))
    assert "Concentration du chiffre d’affaires\n" in texts[told["2"] - 1]


def test_page_x_of_y_and_running_chapter(texts):
    for place, text in enumerate(texts[1:], start=2):
        assert f"{place} / {len(texts)}" in text
    assert "1 L’essentiel" in texts[2]
    assert "3 Rythme d’achat" in texts[6]


def test_tagged_and_named_for_readers_by_ear(made):
    reader = PdfReader(made)
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "fr"
    assert "pdfuaid" in root["/Metadata"].get_object().get_data().decode("utf-8", "replace")
    assert reader.metadata.title == "Revue d’essai du portefeuille – Maison Crémieux & Associés"
    alternatives = [tag["/Alt"] for tag in tags(root["/StructTreeRoot"]) if "/Alt" in tag]
    assert any(text.startswith("Courbe de la part cumulée") for text in alternatives)


def tags(node):
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from tags(child)
    elif isinstance(node, dict):
        yield node
        if "/K" in node:
            yield from tags(node["/K"])


def test_fonts_are_embedded(made):
    fonts = [
        font.get_object()
        for page in PdfReader(made).pages
        for font in page["/Resources"].get("/Font", {}).get_object().values()
    ]
    names = {font["/BaseFont"] for font in fonts}
    assert all("Inter" in name for name in names), names
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


def test_headings_of_a_long_table_repeat_and_a_short_one_is_not_cut(texts):
    pages = [place for place, text in enumerate(texts) if "Client 100" in text or "Client 170" in text]
    assert len(pages) == 2
    for place in pages:
        assert "Code client" in texts[place]
    title = next(place for place, text in enumerate(texts) if "Les premiers clients et leur poids" in text)
    assert "Ateliers Noël" in texts[title]
    assert "Client 020" in texts[title]


def test_no_heading_is_left_alone_at_the_foot_of_a_page(texts):
    for text in texts[2:]:
        body = re.sub(r"\nMaison Crémieux & Associés.*", "", text, flags=re.DOTALL)
        last = body.strip().splitlines()[-1]
        assert not re.match(r"^\d(\.\d)? [A-ZÉ]", last), last


@needs_pango
def test_a_sheet_starts_at_once(monkeypatch, tmp_path):
    source = html(sample.printed(monkeypatch, tmp_path, "en", "sheet"))
    printer.pdf(source, tmp_path / "sheet.pdf")
    first = PdfReader(tmp_path / "sheet.pdf").pages[0].extract_text()
    assert "Sample review of the portfolio" in first
    assert re.search(r"1\s+The essentials", first)
    assert "Contents" not in first


@needs_pango
def test_nothing_outside_the_file_is_read(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret", encoding="utf-8")
    source = tmp_path / "asks.html"
    source.write_text(
        f'<link rel="attachment" href="{secret.as_uri()}"><img src="{secret.as_uri()}" alt="x"><p>kept</p>',
        encoding="utf-8",
    )
    printer.pdf(source, tmp_path / "asks.pdf")
    assert b"the secret" not in (tmp_path / "asks.pdf").read_bytes()
    assert not PdfReader(tmp_path / "asks.pdf").attachments


@needs_browser
def test_a_browser_prints_where_pango_is_missing(source, tmp_path, monkeypatch):
    monkeypatch.setattr(printer, "_weasyprint", lambda: None)
    assert printer.pdf(source, tmp_path / "sample.pdf") == "Chromium"
    reader = PdfReader(tmp_path / "sample.pdf")
    texts = [page.extract_text() for page in reader.pages]
    assert round(reader.pages[0].mediabox.width) == A4[0]
    assert f"3 / {len(texts)}" in texts[2]
    assert contents_of(texts[1]) == marks_of(reader)


def test_without_an_engine_there_is_no_file(tmp_path, monkeypatch):
    for engine in ("_weasyprint", "_chromium"):
        monkeypatch.setattr(printer, engine, lambda: None)
    assert printer.pdf(tmp_path / "any.html", tmp_path / "any.pdf") is None
    assert not list(tmp_path.iterdir())
