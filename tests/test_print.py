"""The printed page: one file that asks nothing, with cover, contents and numbered headings."""

from __future__ import annotations

import base64
import hashlib
import re

import nbformat
import pandas as pd
import pytest
import sample_page as sample
from browser import dom, needs_browser
from nbconvert.exporters import get_exporter

from salespilot.brand import INK, colours, contrast
from salespilot.client import Brand
from salespilot.report.guard import guard
from salespilot.report.print import SalespilotExporter, css_string, html, number_headings

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def printed(monkeypatch, tmp_path):
    """``printed(language, kind)``: the sample's HTML."""

    def make(language="fr", kind="report", **parts):
        return html(sample.printed(monkeypatch, tmp_path, language, kind, **parts)).read_text(encoding="utf-8")

    return make


def page_of(cells) -> str:
    """The HTML of a notebook made of these cells."""
    page, _ = SalespilotExporter().from_notebook_node(nbformat.v4.new_notebook(cells=list(cells)))
    return page


def cell(kind, data, **metadata):
    output = nbformat.v4.new_output("display_data", {kind: data}, metadata={kind: metadata} if metadata else {})
    return nbformat.v4.new_code_cell("secret = 1", outputs=[output])


def main_of(page: str) -> str:
    return page.partition("<main>")[2].partition("</main>")[0]


def test_the_exporter_is_registered():
    assert get_exporter("salespilot") is SalespilotExporter


def test_one_file_that_asks_nothing(printed):
    page = printed()
    assert set(re.findall(r'\bsrc="([^:"]*)', page)) == {"data"}
    assert all(address.startswith("#") for address in re.findall(r'\bhref="([^"]*)"', page))
    assert not re.findall(r"url\((?!data:|%23)", page)
    assert "@import" not in page
    assert "<link" not in page
    assert len(page.encode()) < 250_000


def test_its_policy_allows_its_own_script_and_nothing_else(printed):
    page = printed()
    policy = re.search(r'Content-Security-Policy"', page) and re.search(r'content="(default-src[^"]+)"', page)[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    fingerprint = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{fingerprint}'" in policy
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_cover_contents_and_numbered_headings(printed):
    page = printed("en")
    assert '<html lang="en">' in page
    assert page.count("<h1>") == 1
    assert "<title>Sample review of the portfolio – Maison Crémieux &amp; Associés</title>" in page
    headings = re.findall(r'<h2 id="([^"]+)"><span class="sp-number">(\d)</span> ([^<]+)</h2>', page)
    assert [number for _, number, _ in headings] == ["1", "2", "3", "4"]
    assert [words for *_, words in headings][:2] == ["The essentials", "Concentration of revenue"]
    for slug, *_ in headings:
        assert f'href="#{slug}"' in page
    assert re.search(r'<h3 id="[^"]+"><span class="sp-number">4\.1</span> Thresholds used</h3>', page)


def test_a_sheet_has_neither_contents_nor_cover_page(printed):
    page = printed(kind="sheet")
    assert "<nav" not in page
    assert 'class="sp-sheet"' in page


def test_the_style_of_the_notebook_is_dropped(printed):
    assert printed().count("<style>") == 1


def test_code_and_warnings_are_hidden_and_output_is_text():
    noisy = nbformat.v4.new_code_cell(
        "secret = 1",
        outputs=[
            nbformat.v4.new_output("stream", name="stderr", text="a warning"),
            nbformat.v4.new_output("stream", name="stdout", text="\x1b[31m<b>said</b>\x1b[0m"),
            nbformat.v4.new_output("error", ename="ValueError", evalue="<i>bad</i>", traceback=["/home/me"]),
        ],
    )
    page = main_of(page_of([noisy]))
    assert "secret" not in page
    assert "a warning" not in page
    assert "&lt;b&gt;said&lt;/b&gt;" in page
    assert "ValueError: &lt;i&gt;bad&lt;/i&gt;" in page
    assert "/home/me" not in page


def test_cells_for_the_screen_or_for_another_language_are_not_printed():
    words = {"all": [], "screen": ["screen"], "english": ["lang-en"], "french": ["lang-fr"]}
    cells = [nbformat.v4.new_markdown_cell(word, metadata={"tags": tags}) for word, tags in words.items()]
    page = main_of(page_of(cells))
    assert [word for word in words if word in page] == ["all", "english"]


def test_headings_of_any_level_start_at_two_and_skip_none():
    numbered = number_headings("<h1>Été &amp; hiver</h1><h4>a</h4><h2>b</h2><h1>Été &amp; hiver</h1>")
    assert re.findall(r'<(h\d) id="[^"]*"><span class="sp-number">([\d.]+)', numbered.html) == [
        ("h2", "1"),
        ("h3", "1.1"),
        ("h3", "1.2"),
        ("h2", "2"),
    ]
    assert [entry.text for entry in numbered.contents] == ["Été & hiver", "a", "b", "Été & hiver"]
    assert [entry.slug for entry in numbered.contents] == ["s1-ete-hiver", "s1-1-a", "s1-2-b", "s2-ete-hiver"]


def test_pictures_of_ones_own_are_printed_as_data_with_their_text():
    page = main_of(page_of([cell("image/png", PIXEL + "\n", alt="A <pixel>"), cell("image/svg+xml", "<svg/>")]))
    assert f'src="data:image/png;base64,{PIXEL}"' in page
    assert 'alt="A &lt;pixel&gt;"' in page
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page


def test_a_styler_of_ones_own_keeps_its_colours():
    frame = pd.DataFrame({"Marge": [1.0, 2.0]})
    drawn = frame.style.background_gradient().to_html()
    kept = main_of(page_of([cell("text/html", drawn)]))
    assert "background-color: #" in kept
    assert "#T_" in kept


def test_a_style_that_is_not_a_stylers_is_dropped():
    for rules in (
        "body{display:none}",
        "#T_a, body {color:red}",
        "#T_a {background:url(data:x)}",
        "#T_a{}@import 'x';",
    ):
        assert "<style>" not in guard(f'<style type="text/css">\n{rules}\n</style><p>kept</p>')


def test_templates_of_the_current_folder_are_not_taken(monkeypatch, tmp_path):
    for name in ("salespilot", "base"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "conf.json").write_text("{}", encoding="utf-8")
        (tmp_path / name / "index.html.j2").write_text("taken", encoding="utf-8")
        (tmp_path / name / "display_priority.j2").write_text("taken", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert "taken" not in page_of([nbformat.v4.new_markdown_cell("# Mine")])


def test_brand_signs_the_cover(printed, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(base64.b64decode(PIXEL))
    brand = Brand("Cabinet & Cie", "A. Martin", logo, "#5b0b3a", "#f2c230", "Confidentiel <interne>")
    page = printed(dataset=sample.dataset(brand=brand))
    assert "--sp-primary:#5b0b3a;" in page
    assert "--sp-accent:#f2c230;" in page
    assert f'src="data:image/png;base64,{PIXEL}"' in page
    assert "A. Martin – Cabinet &amp; Cie" in page
    assert "Confidentiel &lt;interne&gt;" in page


@pytest.mark.parametrize("colour", ["#ffff00", "#2e86c1", "#ffffff", "#000000"])
def test_text_stays_legible_whatever_the_brand(colour):
    chosen = colours(colour, colour)
    assert chosen["primary"] == colour
    for text, ground in (("on-primary", colour), ("heading", "#ffffff"), ("label", "#ffffff")):
        assert contrast(chosen[text], ground) >= (4.5 if text != "on-primary" else 3.5)


def test_what_is_not_a_colour_gives_way():
    assert colours("red;}body{display:none", None)["primary"] == colours()["primary"]
    assert INK in colours("#ffff00").values()


def test_css_strings_cannot_be_left():
    assert css_string('a"}</style>\\') == '"a\\000022\\00007d\\00003c\\00002fstyle\\00003e\\00005c"'
    assert len(css_string("é" * 5000)) < 100


def test_a_notebook_without_a_title_prints_without_a_cover():
    page = page_of([nbformat.v4.new_markdown_cell("# Alone")])
    assert "sp-cover" not in page.partition("<body")[2]
    assert "Alone" in main_of(page)


@needs_browser
def test_tables_sort_on_a_click_on_their_heading(printed, tmp_path):
    page = printed(frame=sample.customers(12))
    unlocked = re.sub(r'<meta[^>]*http-equiv="Content-Security-Policy"[^>]*>', "", page)
    click = (
        "<script>document.querySelectorAll('figure.sp-data')[1].querySelectorAll('th')[COLUMN].click()</script></body>"
    )
    for column, expected in ((1, "Pâtisseries Forêt"), (3, "Ateliers Noël"), (6, "Ateliers Noël")):
        (tmp_path / "sorted.html").write_text(
            unlocked.replace("</body>", click.replace("COLUMN", str(column))), encoding="utf-8"
        )
        found = dom(tmp_path / "sorted.html", tmp_path / "profile")
        table = found.split("<figure")[4]
        assert 'aria-sort="descending"' in table
        assert re.findall(r"<td[^>]*>(.*?)</td>", table)[1] == expected
