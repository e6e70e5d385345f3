"""The printed page: an executed notebook as one HTML file, with cover, contents and numbered headings.

``jupyter nbconvert --to salespilot NOTEBOOK`` does the same. The file asks nothing of any machine: style, fonts and
pictures are in it, its policy forbids the rest, and its one script is allowed by its fingerprint.
"""

from __future__ import annotations

import base64
import hashlib
import html as markup
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters.html import HTMLExporter
from nbconvert.filters.ansi import strip_ansi
from nbformat import NotebookNode
from traitlets import default

from salespilot.brand import colours
from salespilot.markup import UNPRINTABLE, clean, notebook_style, pieces_style
from salespilot.places import shared
from salespilot.report.guard import guard

STATIC = Path("salespilot") / "static"
HEADING = re.compile(r"<h([1-6])\b[^>]*>(.*?)</h\1>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
DEEPEST = 4
LONGEST_RUNNING = 90
PICTURES = {"image/svg+xml": "svg+xml", "image/png": "png", "image/jpeg": "jpeg"}
# The cover when the notebook shows no title.
UNTITLED: Mapping[str, Any] = {"kind": "report", "language": "en", "contents": "Contents"}


@dataclass(frozen=True)
class Entry:
    """One line of the contents: ``number`` is 2 or 2.1, ``level`` 1 or 2, ``slug`` the id of the heading."""

    number: str
    text: str
    slug: str
    level: int


@dataclass(frozen=True)
class Numbered:
    """The body of a report with its headings numbered, and its contents."""

    html: str
    contents: tuple[Entry, ...]


class SalespilotExporter(HTMLExporter):
    """Prints an executed notebook as a report that can be handed to a client."""

    export_from_notebook = "Salespilot report"

    @default("template_name")
    def _template_name_default(self) -> str:
        return "salespilot"

    @default("extra_template_basedirs")
    def _extra_template_basedirs_default(self) -> list[str]:
        # nbconvert's own default is the current folder, where a client's folder could pass for a template.
        return [str(shared("templates"))]

    @default("exclude_anchor_links")
    def _exclude_anchor_links_default(self) -> bool:
        return True

    @property
    def default_config(self) -> Any:
        config = super().default_config
        config.NbConvertBase.display_data_priority = [*PICTURES, "text/html", "text/markdown", "text/plain"]
        return config

    def default_filters(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        """The filters of the template: the guard, the pieces of the page, the numbers of the headings."""
        yield from super().default_filters()
        yield "guard", guard
        yield "html", _html
        yield "part", _part
        yield "image", _image
        yield "plain", _plain
        yield "number_headings", number_headings

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """The report of an executed notebook, as (HTML, resources)."""
        cover = {**UNTITLED, **_cover(nb)}
        shown = nb.copy()
        shown.cells = [cell for cell in nb.cells if _is_printed(cell, cover["language"])]
        resources = dict(resources or {})
        resources["report"] = _report(cover)
        return super().from_notebook_node(shown, resources, **kw)


def html(notebook: Path, target: Path | None = None) -> Path:
    """Print an executed notebook to ``target`` (default: the same name, ``.html``); written whole or not at all."""
    target = target or notebook.with_suffix(".html")
    page, _ = SalespilotExporter().from_notebook_node(nbformat.read(notebook, as_version=4))
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(page)
    Path(temporary).chmod(0o644)
    return Path(temporary).replace(target)


def _is_printed(cell: NotebookNode, language: str) -> bool:
    """Cells tagged ``screen`` are for whoever opens the notebook, those tagged ``lang-xx`` for one language."""
    tags = cell.metadata.get("tags", [])
    others = [tag for tag in tags if tag.startswith("lang-") and tag != f"lang-{language}"]
    return "screen" not in tags and not others


def _page_metadata(output: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the page wrote beside one of its pieces; empty for any other output."""
    told = output.get("metadata", {}).get("text/html", {})
    return told.get("salespilot", {}) if isinstance(told, dict) else {}


def _part(output: Mapping[str, Any]) -> str:
    return str(_page_metadata(output).get("part", ""))


def _cover(nb: NotebookNode) -> Mapping[str, Any]:
    outputs = (output for cell in nb.cells for output in cell.get("outputs", []))
    return next((_page_metadata(output)["cover"] for output in outputs if _part(output) == "title"), {})


def _html(output: Mapping[str, Any]) -> str:
    shown = guard(output["data"]["text/html"].removeprefix(notebook_style()))
    return shown if _part(output) else f'<div class="sp">{shown}</div>'


def _plain(words: str) -> str:
    """What a cell printed, escaped, without the colours of a terminal."""
    return markup.escape(UNPRINTABLE.sub("", strip_ansi(words)))


def _image(output: Mapping[str, Any], kind: str) -> str:
    """A picture that a cell of the consultant's own displayed. An SVG cannot run anything inside an ``<img>``."""
    data, told = output["data"][kind], output.get("metadata", {}).get(kind, {})
    content = base64.b64encode(data.encode()).decode() if kind == "image/svg+xml" else re.sub(r"\s", "", data)
    if not re.fullmatch(r"[A-Za-z0-9+/=]*", content):
        return ""
    alt = markup.escape(clean(told.get("alt", "") if isinstance(told, dict) else ""))
    return f'<div class="sp"><img src="data:{kind};base64,{content}" alt="{alt}"></div>'


def number_headings(body: str) -> Numbered:
    """The headings of the body numbered 1, 1.1 ... , with an id each; the highest one found becomes ``<h2>``.

    The cover holds the only ``<h1>``, and no level is skipped, as readers by ear need.
    """
    top = min((int(level) for level, _ in HEADING.findall(body)), default=2)
    counts: list[int] = []
    contents: list[Entry] = []

    def numbered(match: re.Match[str]) -> str:
        inner = match[2].strip()
        words = markup.unescape(TAG.sub("", inner)).strip()
        level = min(int(match[1]) - top, len(counts), DEEPEST - 2)
        del counts[level + 1 :]
        counts[level:] = [counts[level] + 1 if level < len(counts) else 1]
        number = ".".join(map(str, counts))
        slug = _slug(f"{number} {words}")
        if level < 2:
            contents.append(Entry(number, words, slug, level + 1))
        return f'<h{level + 2} id="{slug}"><span class="sp-number">{number}</span> {inner}</h{level + 2}>'

    return Numbered(HEADING.sub(numbered, body), tuple(contents))


def _slug(words: str) -> str:
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return "s" + re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")


def _report(cover: Mapping[str, Any]) -> dict[str, Any]:
    """What the template prints around the body. Everything else than style, script and policy is escaped there."""
    static = shared("templates") / STATIC
    script = (static / "tables.js").read_text(encoding="utf-8")
    fingerprint = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    title, client = clean(cover.get("title", ""), 300), clean(cover.get("client", ""), 160)
    told = {
        name: clean(cover.get(name, "")) for name in ("subtitle", "question", "eyebrow", "author", "confidentiality")
    }
    return told | {
        "kind": cover["kind"] if cover["kind"] in ("report", "sheet") else "report",
        "language": clean(cover["language"], 12),
        "title": title,
        "page_title": " – ".join(part for part in (title, client) if part) or "salespilot",
        "firm": clean(cover.get("firm", ""), 160),
        "facts": [(clean(label, 80), clean(value, 160)) for label, value in cover.get("facts", ())],
        "contents": clean(cover["contents"], 80),
        "sort": clean(cover.get("sort", ""), 80),
        "logo": cover.get("logo", ""),
        "style": _style(cover, static, title, client),
        "script": script,
        "policy": "; ".join(
            (
                "default-src 'none'",
                "img-src data:",
                "font-src data:",
                "style-src 'unsafe-inline'",
                f"script-src 'sha256-{fingerprint}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    }


def _style(cover: Mapping[str, Any], static: Path, title: str, client: str) -> str:
    chosen = cover.get("colours", {})
    running = f"@page{{@top-left{{content:{css_string(title)}}}@bottom-left{{content:{css_string(client)}}}}}\n"
    report = (static / "report.css").read_text(encoding="utf-8")
    return brand_style(chosen.get("primary"), chosen.get("accent")) + pieces_style() + report + running


def brand_style(primary: str | None, accent: str | None) -> str:
    """The page's fonts, whole, and the brand's colours as CSS variables."""
    fonts = shared("templates") / STATIC / "fonts"
    faces = "".join(
        f'@font-face{{font-family:"Inter";font-weight:{weight};font-display:block;'
        f"src:url(data:font/woff2;base64,{base64.b64encode((fonts / file).read_bytes()).decode()})"
        ' format("woff2")}\n'
        for weight, file in ((400, "Inter-Regular.woff2"), (600, "Inter-SemiBold.woff2"))
    )
    return (
        faces + ":root{" + "".join(f"--sp-{name}:{value};" for name, value in colours(primary, accent).items()) + "}\n"
    )


def css_string(words: str) -> str:
    """The words as a CSS string that nothing can leave: all but letters and digits are written as numbers."""
    short = clean(words, LONGEST_RUNNING)
    return '"' + "".join(c if c.isalnum() else f"\\{ord(c):06x}" for c in short) + '"'
