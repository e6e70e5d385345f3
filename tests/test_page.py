"""What each piece of a page shows, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest
import sample_page as sample

from salespilot import markup
from salespilot.conventions import SettingError
from salespilot.page import Page, open_page
from salespilot.phrasebook import Phrasebook


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """The outputs displayed by the pieces, and a kit that knows the sample."""
    sample.install(monkeypatch, tmp_path)
    return sample.collect(monkeypatch)


def a_page(language="fr", frame=None, **changes) -> Page:
    result = replace(sample.result(sample.customers() if frame is None else frame), **changes)
    words = Phrasebook(sample.NAME, language)
    return Page(sample.dataset(), sample.NAME, sample.Parameters(), result, sample.found(), words)


def html(output) -> str:
    """The HTML of an output, without the style that goes before it."""
    return output["data"]["text/html"].removeprefix(markup.notebook_style())


def rows_of(output) -> list[list[str]]:
    body = html(output).partition("<tbody>")[2]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body.split("</tr>")[:-1]]


def test_each_piece_carries_its_own_style_and_a_plain_text(shown):
    sample.show(a_page())
    assert all(output["data"]["text/html"].startswith("<style>") for output in shown)
    assert all(output["data"]["text/plain"].strip() for output in shown)
    parts = [output["metadata"]["text/html"]["salespilot"]["part"] for output in shown]
    assert parts[:3] == ["title", "findings", "key_figures"]
    assert parts[-1] == "method"


def test_title_tells_client_and_period(shown):
    a_page("en").title()
    cover = shown[0]["metadata"]["text/html"]["salespilot"]["cover"]
    assert cover["title"] == "Sample review of the portfolio"
    assert cover["kind"] == "report"
    assert ["Client", "Maison Crémieux & Associés"] in [list(fact) for fact in cover["facts"]]
    assert "Maison Crémieux &amp; Associés" in html(shown[0])


@pytest.mark.usefixtures("shown")
def test_title_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match="report, sheet"):
        a_page().title(kind="poster")


def test_findings_gravest_first_and_good_last_without_action(shown):
    a_page().findings()
    cards = html(shown[0]).split("<article")[1:]
    assert [re.search(r"sp-card sp-(\w+)", card)[1] for card in cards] == ["alert", "watch", "good"]
    assert "960\u202f000\u202f€ par an" in cards[0]
    assert "52\u202fk€ – 120\u202fk€" in cards[1]
    assert "sp-action" not in cards[2]


def test_findings_limited_and_chosen_by_code(shown):
    page = a_page()
    page.findings(limit=1)
    page.findings(codes=["late"])
    page.findings(codes=["nothing"])
    assert html(shown[0]).count("<article") == 1
    assert "17 clients" in html(shown[1])
    assert "<h2" not in html(shown[1])
    assert len(shown) == 2, "beside its evidence, no finding says nothing"


def test_a_key_figure_that_cannot_be_computed_says_so(shown):
    a_page().key_figures("coverage_rate", "gini")
    assert re.findall(r"<dd>(.*?)</dd>", html(shown[0])) == ["n. c.", "0,68"]


def test_section_fills_its_words_with_key_figures_and_period(shown):
    a_page("en").section("concentration")
    assert "<h2>Concentration of revenue</h2>" in html(shown[0])
    assert "The 180 active customers" in html(shown[0])
    assert "1 July 2025 to 30 June 2026" in html(shown[0])


def test_figure_has_number_message_alternative_text_and_source(shown):
    page = a_page()
    page.figure("pareto", sample.pareto, page.result.customers, x="rank", y="cum_share")
    found = html(shown[0])
    assert "Figure 1" in found
    assert "20\u202f% des clients font 75,7\u202f% du chiffre d’affaires" in found
    assert re.search(r'<img src="data:image/svg\+xml,%3Csvg[^"]+" alt="Courbe de la part[^"]+" width="\d+"', found)
    assert "Source\u202f: Lignes de facture, du 1er juillet 2025 au 30 juin 2026" in found


@pytest.mark.usefixtures("shown")
def test_a_source_without_any_of_its_tables_names_those_of_the_report(monkeypatch):
    monkeypatch.setattr(Phrasebook, "has", lambda _, key: key == "pareto_source")
    monkeypatch.setattr(Page, "_say", lambda *_: "devis")
    assert a_page()._source("pareto") == "Lignes de facture, du 1er juillet 2025 au 30 juin 2026"


def test_figures_are_the_same_bytes_every_time(shown):
    page = a_page()
    for _ in range(2):
        page.figure("pareto", sample.pareto, page.result.customers, x="rank", y="cum_share")
    assert html(shown[0]) == html(shown[1])


def test_a_piece_keeps_its_number_when_its_cell_is_run_again(shown):
    page = a_page()
    for key in ("top_customers", "customers", "top_customers"):
        page.table(key, page.result.customers)
    assert [re.search(r"Tableau \d", html(output))[0] for output in shown] == ["Tableau 1", "Tableau 2", "Tableau 1"]


def test_a_missing_frame_gives_its_reason(shown):
    page = a_page()
    page.figure("coverage", sample.bars, page.result.coverage)
    page.table("customers", None)
    for output in shown:
        assert "Non calculable" in html(output)
        assert "Activités" in html(output)


@pytest.mark.usefixtures("shown")
def test_figures_left_as_files_where_a_run_asks_for_them(monkeypatch, tmp_path):
    monkeypatch.setenv("SALESPILOT_FIGURES", str(tmp_path / "figures"))
    page = a_page()
    page.figure("pareto", sample.pareto, page.result.customers, x="rank", y="cum_share")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "page_sample--pareto.png",
        "page_sample--pareto.svg",
    ]


def test_table_formats_aligns_and_scopes(shown):
    page = a_page()
    page.table("top_customers", page.result.top_customers.head(1), columns=["name", "net_revenue", "last_order_date"])
    found = html(shown[0])
    assert '<th class="num" scope="col">CA net</th>' in found
    assert '<td class="num" data-v="960000">960\u202f000\u202f€</td>' in found
    assert '<td class="date" data-v="2026-06-27">27/06/2026</td>' in found
    assert "Ateliers Noël</td>" in found


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("mase", [1.0, 0.5, 1.234], ["1,00", "0,50", "1,23"]),
        ("mase", [1.0, 12.0, None], ["1", "12", "n. c."]),
        ("mase", [1.5, 1200.0], ["1,5", "1\u202f200"]),
        ("gap_days", [8.1, 12.0], ["8\u202fj", "12\u202fj"]),
        ("gap_days", [8.1, 2.0], ["8,1\u202fj", "2,0\u202fj"]),
        ("hours", [8.25, 2.0], ["8,3\u202fh", "2,0\u202fh"]),
        ("share", [0.8, 0.123], ["80,0\u202f%", "12,3\u202f%"]),
    ],
)
def test_a_column_has_one_number_of_decimals(column, values, expected):
    drawn = markup.table(pd.DataFrame({column: values}), Phrasebook("_house", "fr"))
    assert re.findall("<td[^>]*>([^<]*)</td>", drawn) == expected


def test_table_sorts_numbers_down_and_text_up(shown):
    page = a_page(frame=sample.customers(5))
    page.table("customers", page.result.customers, columns=["net_revenue"], sort="net_revenue", rows=1)
    page.table("customers", page.result.customers, columns=["name"], sort="name", rows=1)
    assert rows_of(shown[0]) == [["960\u202f000\u202f€"]]
    assert rows_of(shown[1]) == [["Ateliers Noël"]]


@pytest.mark.parametrize(("count", "kept"), [(300, 300), (301, 100)])
def test_a_table_is_whole_up_to_300_rows(shown, count, kept):
    page = a_page(frame=sample.customers(count))
    page.table("customers", page.result.customers)
    assert len(rows_of(shown[0])) == kept
    assert ("la suite est dans la feuille «\u202fClients\u202f»" in html(shown[0])) is (kept < count)


def test_an_empty_table_says_so_and_takes_no_number(shown):
    page = a_page(frame=sample.customers(5))
    page.table("top_customers", page.result.customers.head(0))
    page.table("customers", page.result.customers)
    assert "Rien à montrer" in html(shown[0])
    assert "Tableau 1" in html(shown[1])


def test_bars_and_shades_stay_in_the_cell(shown):
    frame = pd.DataFrame({"net_revenue": [100.0, 50.0, None, -20.0], "revenue_share": [0.5, 0.25, 0.0, None]})
    page = a_page()
    page.table("customers", frame, bars=["net_revenue"], shades=["revenue_share"])
    found = html(shown[0])
    assert "linear-gradient(90deg,#cfe0ee 50%,#fff 50%)" in found
    assert "transparent" not in found
    assert found.count("style=") == 4


def test_method_prints_thresholds_parameters_and_data(shown):
    a_page().method()
    found = html(shown[0])
    assert "Part du CA au-delà de laquelle un client est une dépendance" in found
    assert "<dd>15\u202f%</dd>" in found
    assert "<dd>60 jours</dd>" in found
    assert "factures_2025.csv" in found
    assert "41\u202f176" in found
    assert "202520252025" in found
    assert "salespilot" in found


def test_a_sheet_prints_its_own_settings_and_counts_reserves(shown):
    page = a_page()
    page.title(kind="sheet")
    page.method()
    found = html(shown[-1])
    assert "Part du CA au-delà de laquelle un client est une dépendance" in found
    assert "Aucune réserve sur les données" in found
    assert "factures_2025.csv" not in found


def test_own_notebook_shows_its_own_words(shown):
    page = Page(sample.dataset(), None, None, None, [], Phrasebook("", "fr"))
    page.title("Où perd-on de la marge ?")
    page.section("Par famille")
    page.table("Marge par famille", pd.DataFrame({"Famille": ["<b>Vis</b>"], "Marge": [12.5]}))
    page.method()
    assert "Où perd-on de la marge" in html(shown[0])
    assert "<h2>Par famille</h2>" in html(shown[1])
    assert "&lt;b&gt;Vis&lt;/b&gt;" in html(shown[2])


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "page_simple"}, "did you mean 'page_sample'"),
        ({"months": "12"}, "months must be of type int"),
        ({"months": True}, "months must be of type int"),
        ({"language": "de"}, "'fr', 'en'"),
        ({"as_of": 20260630}, "as_of must be a date"),
        ({"repp": "007"}, "did you mean 'rep'"),
        ({"rep": 7}, "rep must be of type str .* a code is text"),
        ({"name": None, "rep": "007"}, "unknown name 'rep'"),
    ],
)
def test_open_page_refuses_what_does_not_fit(tmp_path, arguments, message):
    with pytest.raises(SettingError, match=message):
        open_page(arguments.pop("name", sample.NAME), client=tmp_path, **arguments)


def test_text_loses_marks_that_turn_the_line_and_what_is_too_long():
    assert markup.text("a\u202eb\u200f\x00c\ud800") == "abc"
    assert len(markup.clean("x" * 5000)) == markup.LONGEST_TEXT
    assert markup.text("<a href='x'>\"&") == "&lt;a href=&#x27;x&#x27;&gt;&quot;&amp;"
