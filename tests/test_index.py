"""The front page of a run: states, first findings, links, verdict; and nothing that runs or asks for anything."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from salespilot import phrasefile
from salespilot.client import Brand, Client
from salespilot.finding import Finding, Severity
from salespilot.fitness import Fitness, Judgement, Verdict
from salespilot.phrasebook import Phrasebook, phrases
from salespilot.report.index import index
from salespilot.report.made import Entry
from salespilot.report.plan import Plan

HOSTILE = '<script>alert(1)</script>" onclick="x" {{7*7}} </title>'


def entry(
    name="review", state="done", title="Revue", reason=None, kinds=("html", "pdf", "xlsx", "json"), found=(), person=""
):
    stem = f"{name}--{person}" if person else name
    files = {kind: Path(f"{stem}.{kind}") for kind in kinds}
    return Entry(stem, title, state, reason, files, found, 1.0, name, person)


def finding(severity=Severity.ALERT, stake=12000.0, name="Noël"):
    return Finding("review", "T01-R1", "late", severity, "customer", name, stake=stake, values={"name": name})


class Page(HTMLParser):
    """The page's tags, links, classes and text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.links, self.classes, self.words, self.skip = [], {}, [], [], False
        self.raw = path.read_text(encoding="utf-8")
        self.feed(self.raw)
        self.text = " ".join(" ".join(self.words).split(" "))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self.classes += given.get("class", "").split()
        self.open = given.get("href") if tag == "a" else None
        self.skip = tag == "style"

    def handle_endtag(self, _):
        self.skip = False
        self.open = None

    def handle_data(self, data):
        if self.skip or not data.strip():
            return
        self.words.append(data.strip())
        if getattr(self, "open", None):
            self.links[data] = self.open


@pytest.fixture
def book(tmp_path, monkeypatch):
    for name in ("_house", "_columns"):
        (tmp_path / f"{name}.toml").write_bytes((phrasefile.FOLDER / f"{name}.toml").read_bytes())
    sentence = '[late_observation]\nfr = "{name} se tait"\nen = "{name} is silent"\n'
    (tmp_path / "review.toml").write_text(sentence, encoding="utf-8")
    monkeypatch.setattr(phrasefile, "FOLDER", tmp_path)
    phrases.cache_clear()
    yield Phrasebook("_house", "fr")
    phrases.cache_clear()


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path, "Delorme & fils")


def make(tmp_path, entries, book, client, fitness=None):
    folder = tmp_path / "reports"
    folder.mkdir()
    path = index(folder, entries, book, client=client, as_of=date(2026, 6, 30), fitness=fitness)
    assert path == folder / "index.html"
    assert [file.name for file in folder.iterdir()] == ["index.html"]
    return Page(path)


def test_a_report_that_is_done_links_its_files_and_says_its_first_findings(tmp_path, book, client):
    found = [finding(Severity.GOOD, None, "Bon")] + [finding(stake=1000.0 * k, name=f"C{k}") for k in range(1, 5)]
    page = make(tmp_path, [entry(found=found)], book, client)
    assert page.links["Revue"] == "review.html"
    assert [page.links[kind] for kind in ("PDF", "Excel", "JSON")] == ["review.pdf", "review.xlsx", "review.json"]
    assert re.findall(r"(\w+) se tait", page.text) == ["C4", "C3", "C2"]
    assert "4\u202f000\u202f€ par an à gagner" in page.text
    assert "Autres constats dans le rapport\u202f: 2" in page.text
    assert "Prêt" in page.text


def test_the_head_names_client_and_date(tmp_path, book, client):
    page = make(tmp_path, [entry()], book, client)
    assert "Delorme & fils" in page.words
    assert "Arrêté au 30 juin 2026" in page.words


def test_a_report_that_failed_says_why_and_keeps_its_notebook(tmp_path, book, client):
    page = make(tmp_path, [entry(state="failed", reason="ValueError: non", kinds=("ipynb",))], book, client)
    assert "Échec" in page.words
    assert "ValueError: non" in page.words
    assert page.links == {"Carnet": "review.ipynb"}


def test_reports_not_run_are_listed_with_the_reason(tmp_path, book, client):
    page = make(tmp_path, [entry(state="not_run", reason="table absente", kinds=())], book, client)
    assert page.words.index("Revue") < page.words.index("table absente")
    assert ("dl", {}) in page.tags
    assert not page.links


def test_the_verdict_on_the_data_stands_on_top(tmp_path, book, client):
    verdicts = {"a": Verdict.FIT, "b": Verdict.FIT, "c": Verdict.RESERVES, "d": Verdict.UNFIT, "e": Verdict.NOT_FED}
    fitness = Fitness({name: Judgement(name, verdict) for name, verdict in verdicts.items()}, ())
    entries = [entry(), entry("data_fitness", title="Données", found=())]
    page = make(tmp_path, entries, book, client, fitness)
    counts = [word for word in page.words if re.search(r"\u202f: \d$", word)]
    assert [word[-1] for word in counts] == ["2", "1", "1", "1"]
    assert page.words.index(counts[0]) < page.words.index("Revue")
    assert page.links["Voir l’examen des données"] == "data_fitness.html"


def test_in_english(tmp_path, client, book):
    page = make(tmp_path, [entry(found=[finding()])], Phrasebook("_house", "en", book.currency), client)
    assert ("html", {"lang": "en"}) in page.tags
    assert "Noël is silent" in page.words
    assert "€12,000 a year to gain" in page.words
    assert "Ready" in page.words


def test_hostile_text_stays_text(tmp_path, book):
    found = [finding(name=HOSTILE)]
    hostile = Client(tmp_path, HOSTILE, brand=Brand(firm=HOSTILE, author=HOSTILE, confidentiality=HOSTILE))
    entries = [entry("a b#c", title=HOSTILE, state="failed", reason=HOSTILE), entry(found=found)]
    page = make(tmp_path, entries, book, hostile)
    frame = {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer"}
    assert {tag for tag, _ in page.tags} <= frame | {"div", "span", "h1", "h2", "p", "ul", "li", "b", "a"}
    assert all(
        set(given) <= {"class", "href", "lang", "charset", "http-equiv", "content", "name"} for _, given in page.tags
    )
    assert page.links["PDF"] in ("a%20b%23c.pdf", "review.pdf")
    assert page.text.count("<script>alert(1)</script>") >= 5


def test_the_page_asks_for_nothing(tmp_path, book, client):
    page = make(tmp_path, [entry()], book, client)
    assert not re.search(r"https?://|@import|<script|<link", page.raw)
    assert all(source.startswith("data:") for source in re.findall(r"url\(([^)]*)\)", page.raw))
    assert any("default-src 'none'" in given.get("content", "") for _, given in page.tags)


def test_the_brand_signs_the_page(tmp_path, book):
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    brand = Brand(firm="Cabinet X", logo=logo, primary="#123456", accent="#abcdef", confidentiality="Secret")
    page = make(tmp_path, [entry()], book, Client(tmp_path, "D", brand=brand))
    assert "--sp-primary:#123456" in page.raw
    assert {"Cabinet X", "Secret"} <= set(page.words)
    assert [given["src"][:26] for tag, given in page.tags if tag == "img"] == ["data:image/svg+xml;base64,"]


def test_a_run_without_reports_says_so(tmp_path, book, client):
    page = make(tmp_path, [], book, client)
    assert "Rien à montrer ici." in page.words


def test_the_documents_of_people_stand_under_their_report(book, tmp_path):
    entries = [entry(), entry(person="R01", title="Ève"), entry(person="R02", title="Noé", state="failed", kinds=())]
    page = Page(index(tmp_path, entries, book, client=Client(tmp_path, "Client"), as_of=date(2026, 6, 30)))
    assert page.links["Ève"] == "review--R01.html"
    assert "Noé" in page.text
    assert page.classes.count("ix-people") == 1
    alone = Page(index(tmp_path, entries[1:2], book, client=Client(tmp_path, "Client"), as_of=date(2026, 6, 30)))
    assert alone.links["Ève"] == "review--R01.html"


def test_two_people_never_share_a_file():
    names = {Plan("one_to_one", None, person).name for person in ("R 1", "R_1", "R/1", "R01")}
    assert len(names) == 4
    assert "one_to_one--R01" in names
    assert not any(set("/ ") & set(name) for name in names)
