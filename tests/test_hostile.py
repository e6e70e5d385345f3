"""Hostile text stays text: names, headings and a careless consultant's own HTML harm neither the page nor the PDF."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import nbformat
import pandas as pd
import pytest
import sample_page as sample
from browser import dom, needs_browser
from pypdf import PdfReader

from salespilot.page import Page
from salespilot.phrasebook import Phrasebook
from salespilot.places import shared
from salespilot.report import pdf as printer
from salespilot.report.print import html

FIRE = "document.documentElement.setAttribute('data-fired','1')"
ELSEWHERE = "http://127.0.0.1:PORT"
# What a name in an export, or a cell of a notebook of one's own, might hold.
VECTORS = (
    f"<script>{FIRE}</script>",
    f"<SCRIPT/x>{FIRE}</SCRIPT>",
    f"</title><script>{FIRE}</script>",
    f"</style><script>{FIRE}</script>",
    f"</script><script>{FIRE}</script>",
    f"</textarea><script>{FIRE}</script>",
    f"--><script>{FIRE}</script><!--",
    f"]]><script>{FIRE}</script>",
    f'"><img src=x onerror="{FIRE}">',
    f"' onerror='{FIRE}' x='",
    f"<img src=x onerror={FIRE}>",
    f"<svg onload={FIRE}>",
    f"<svg><script>{FIRE}</script></svg>",
    f"<svg><animate onbegin={FIRE} attributeName=x dur=1s>",
    f"<body onload={FIRE}>",
    f"<input autofocus onfocus={FIRE}>",
    f"<details open ontoggle={FIRE}><summary>x</summary></details>",
    f"<video><source onerror={FIRE}></video>",
    f"<audio src=x onerror={FIRE}>",
    f"<marquee onstart={FIRE}>x</marquee>",
    f'<iframe srcdoc="<script>parent.{FIRE}</script>"></iframe>',
    f'<object data="data:text/html,<script>parent.{FIRE}</script>"></object>',
    f'<math><mtext><table><mglyph><style><img src=x onerror="{FIRE}">',
    f'<table><style><img title="</style><img src=x onerror={FIRE}>">',
    f'<noscript><p title="</noscript><img src=x onerror={FIRE}>">',
    f'<a href="javascript:{FIRE}">x</a>',
    f"[x](javascript:{FIRE})",
    f'<a href="data:text/html,<script>{FIRE}</script>">x</a>',
    f"<form action=javascript:{FIRE}><button>x</button></form>",
    f'<meta http-equiv="refresh" content="0;url={ELSEWHERE}/refresh">',
    f'<base href="{ELSEWHERE}/base/">',
    f'<link rel="stylesheet" href="{ELSEWHERE}/link">',
    f"<style>@import url({ELSEWHERE}/import);</style>",
    f"<style>body{{background:url({ELSEWHERE}/ground)}}</style>",
    f'<p style="background:url({ELSEWHERE}/inline)">x</p>',
    f'<img src="{ELSEWHERE}/picture">',
    f"![x]({ELSEWHERE}/markdown)",
    f'<img srcset="{ELSEWHERE}/set 1x">',
    f'<iframe src="{ELSEWHERE}/frame"></iframe>',
    "<style>body{display:none}</style>",
    '<p style="position:fixed;top:0;left:0;width:100%;height:100%;background:#000">x</p>',
    "{{7*7}}",
    "{% for x in () %}{{ cycler.__init__.__globals__ }}{% endfor %}",
    '=HYPERLINK("http://example.org";"x")',
    "\u202eevil\u202c \u2066x\u2069 \u200fשלום",
    "🦊👩‍👩‍👧 Société Émoji",
    "&lt;b&gt; &amp; <b>",
    "\x00\x08\x1b[31m\ufffe",
    "N" * 5000,
    "long name " * 500,
)
STATIC = shared("templates") / "salespilot" / "static"
SHEETS = [(STATIC / name).read_text(encoding="utf-8") for name in ("pieces.css", "report.css")]
OUR_TAGS = """
a article b body dd div dl dt figcaption figure h1 h2 h3 head header html i img li main meta nav ol p script span style
table tbody td th thead title tr ul
"""


class Tags(HTMLParser):
    """Counts the tags of a page and gathers its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.count[tag] += 1
        self.attributes += attrs


def check_harmless(page: str) -> None:
    tags = Tags(page)
    assert set(tags.count) <= set(OUR_TAGS.split())
    assert tags.count["script"] == tags.count["title"] == tags.count["style"] == tags.count["body"] == 1
    for name, value in tags.attributes:
        assert not name.startswith("on")
        assert name not in ("srcset", "srcdoc", "action")
        if name in ("src", "href"):
            assert value.startswith(("data:image/", "#")), value


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A machine that must not be asked: its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def aimed(at: str) -> list[str]:
    return [vector.replace(ELSEWHERE, at) for vector in VECTORS]


@pytest.fixture
def hostile(monkeypatch, tmp_path):
    """``hostile(vectors)``: a notebook whose names, and whose own cells, are the vectors."""

    def make(vectors):
        frame = sample.customers(len(vectors) + 5, tuple(vectors))
        sample.install(monkeypatch, tmp_path)
        outputs = sample.collect(monkeypatch)
        words = Phrasebook(sample.NAME, "fr")
        page = Page(
            sample.dataset(vectors[2] + vectors[3]), sample.NAME, sample.Parameters(), sample.result(frame), [], words
        )
        for vector in vectors:
            page.found += sample.found(vector)
        sample.show(page)
        page.findings(limit=1000)
        own = Page(sample.dataset(vectors[0]), None, None, None, [], Phrasebook("", "fr"))
        for vector in vectors:
            own.section(vector)
            own.text(vector)
            own.table(vector, pd.DataFrame({vector: [vector]}))
        cells = []
        for vector in vectors:
            cells.append(nbformat.v4.new_markdown_cell(vector))
            raw = dict.fromkeys(("text/html", "text/markdown", "text/plain", "image/png"), vector)
            for kind, data in raw.items():
                output = nbformat.v4.new_output("display_data", {kind: data}, metadata={"image/png": {"alt": vector}})
                cells.append(nbformat.v4.new_code_cell("", outputs=[output]))
            picture = f"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>{vector}</svg>"
            output = nbformat.v4.new_output("display_data", {"image/svg+xml": picture})
            cells.append(nbformat.v4.new_code_cell("", outputs=[output]))
            stream = nbformat.v4.new_output("stream", name="stdout", text=vector)
            error = nbformat.v4.new_output("error", ename=vector, evalue=vector, traceback=[vector])
            cells.append(nbformat.v4.new_code_cell("", outputs=[stream, error]))
        return html(sample.notebook(tmp_path / "hostile.ipynb", outputs, tuple(cells)))

    return make


@needs_browser
def test_the_vectors_are_live(tmp_path):
    """On a page without a guard they do fire and ask: or the tests below would prove nothing."""
    with elsewhere() as (address, asked):
        fired = 0
        for place, vector in enumerate(aimed(address)[:12:3]):
            (tmp_path / "bare.html").write_text(f"<!DOCTYPE html><p>{vector}", encoding="utf-8")
            fired += "data-fired" in dom(tmp_path / "bare.html", tmp_path / f"profile{place}").partition("<head")[0]
        (tmp_path / "bare.html").write_text(f"<!DOCTYPE html><img src='{address}/x'>", encoding="utf-8")
        dom(tmp_path / "bare.html", tmp_path / "profile")
    assert fired >= 3
    assert asked == ["/x"]


@needs_browser
def test_nothing_fires_and_nobody_is_asked_even_without_the_policy(hostile, tmp_path):
    with elsewhere() as (address, asked):
        printed = hostile(aimed(address))
        bare = tmp_path / "bare.html"
        page = printed.read_text(encoding="utf-8")
        bare.write_text(re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", page), encoding="utf-8")
        assert "Content-Security-Policy" not in bare.read_text(encoding="utf-8")
        for file in (printed, bare):
            seen = dom(file, tmp_path / f"profile-{file.stem}")
            assert "data-fired" not in seen.partition("<head")[0]
            assert "&lt;script&gt;" in seen
            assert "{{7*7}}" in seen
    assert asked == []


def test_only_our_own_tags_and_data_reach_the_page(hostile):
    names = [vector for vector in VECTORS if "data-fired" in vector or not vector.isprintable() or len(vector) > 1000]
    page = hostile(VECTORS[:1] + tuple(names)).read_text(encoding="utf-8")
    tags = Tags(page)
    assert tags.count["script"] == 1
    assert not {"iframe", "object", "embed", "svg", "math", "form", "input", "video", "audio", "base", "link"} & set(
        tags.count
    )
    assert not [name for name, _ in tags.attributes if name.startswith("on")]


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_a_hostile_client_leaves_the_cover_and_the_frame_whole(monkeypatch, tmp_path, vector):
    sample.install(monkeypatch, tmp_path)
    outputs = sample.collect(monkeypatch)
    page = Page(sample.dataset(vector), None, None, None, [], Phrasebook("", "fr"))
    page.title(vector)
    page.section(vector)
    printed = html(sample.notebook(tmp_path / "client.ipynb", outputs)).read_text(encoding="utf-8")
    check_harmless(printed)
    assert "\u202e" not in printed
    assert "N" * 500 not in printed
    # Neither more rules nor fewer: the names in the margins of a page stay in their strings.
    assert printed.count("@page") == 1 + sum(sheet.count("@page") for sheet in SHEETS)


# pypdf cannot read a font in which an emoji is used, so that one has a document of its own, below.
PRINTED = tuple(vector for vector in VECTORS[:4] + VECTORS[25:30] + VECTORS[-9:] if "🦊" not in vector)
FEW = (VECTORS[0], *VECTORS[25:27], "{{7*7}}")


@pytest.mark.skipif(printer._weasyprint() is None, reason="no Pango for WeasyPrint (make system)")
@pytest.mark.parametrize("vectors", [FEW, pytest.param(PRINTED, marks=pytest.mark.slow)], ids=["few", "all"])
def test_the_pdf_prints_them_as_text(hostile, tmp_path, vectors):
    printer.pdf(hostile(vectors), tmp_path / "hostile.pdf")
    reader = PdfReader(tmp_path / "hostile.pdf")
    text = "".join(page.extract_text() for page in reader.pages)
    assert "<script>" in text
    assert "{{7*7}}" in text
    assert not reader.attachments
    addresses = [
        note.get_object().get("/A", {}).get("/URI", "")
        for page in reader.pages
        for note in page.get("/Annots", []) or []
    ]
    assert not [address for address in addresses if address and not address.startswith(("http", "mailto"))]


@pytest.mark.skipif(printer._weasyprint() is None, reason="no Pango for WeasyPrint (make system)")
def test_an_emoji_and_other_scripts_print(monkeypatch, tmp_path):
    name = next(vector for vector in VECTORS if "🦊" in vector) + " שלום 株式会社"
    sample.install(monkeypatch, tmp_path)
    outputs = sample.collect(monkeypatch)
    page = Page(sample.dataset(name), None, None, None, [], Phrasebook("", "fr"))
    page.title(name)
    page.section(name)
    page.table(name, pd.DataFrame({name: [name]}))
    printer.pdf(html(sample.notebook(tmp_path / "emoji.ipynb", outputs)), tmp_path / "emoji.pdf")
    assert len(PdfReader(tmp_path / "emoji.pdf").pages) >= 2
