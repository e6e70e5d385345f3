"""The front page of a run: what the data are worth, what each report found, and where its files are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from salespilot import sentences
from salespilot.brand import logo_source
from salespilot.client import Client
from salespilot.finding import Finding, leading
from salespilot.fitness import Fitness, Verdict
from salespilot.markup import element, text
from salespilot.phrasebook import Phrasebook
from salespilot.places import shared
from salespilot.plans import synthesis
from salespilot.report.print import STATIC, brand_style

if TYPE_CHECKING:
    from salespilot.report.made import Entry

FITNESS = "data_fitness"
SHOWN = 3
FILES = {"html": "HTML", "pdf": "PDF", "xlsx": "Excel", "json": "JSON"}
POLICY = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; base-uri 'none'"


def index(
    folder: Path,
    entries: Sequence[Entry],
    book: Phrasebook,
    *,
    client: Client,
    as_of: date,
    fitness: Fitness | None = None,
) -> Path:
    """Write ``index.html`` in the run's folder and return its path.

    The page stands alone and asks nothing of any machine. It opens on the synthesis, with the first findings of each
    of its lists; then come the verdict on the data (when there is one), a card for each report made or failed, with its
    first findings and links to its files, and last the reports that were not run, and why.
    """
    people = [entry for entry in entries if entry.person]
    made = [entry for entry in entries if entry.state != "not_run" and not entry.person]
    left = [entry for entry in entries if entry.state == "not_run"]
    cards = [
        *(_synthesis(e, book) for e in made if e.name == synthesis.NAME),
        _fitness(fitness, entries, book) if fitness and fitness.judgements else "",
        *(_card(e, [p for p in people if p.report == e.report], book) for e in made if e.name != synthesis.NAME),
        *_alone(people, made, book),
    ]
    if left:
        reasons = "".join(element("dt", text(e.title)) + element("dd", text(e.reason or "")) for e in left)
        cards.append(_section("index_not_run_section", element("dl", reasons), book))
    if not any(cards):
        cards = [_section("index_title", element("p", text(book.say("empty"))), book)]
    path = folder / "index.html"
    draft = folder / ".draft-index.html"
    draft.write_text(_page("".join(cards), book, client, as_of), encoding="utf-8")
    return draft.replace(path)


def _page(cards: str, book: Phrasebook, client: Client, as_of: date) -> str:
    brand = client.brand
    title = book.say("index_title")
    style = brand_style(brand.primary, brand.accent)
    style += (shared("templates") / STATIC / "index.css").read_text(encoding="utf-8")
    logo = f'<img src="{logo_source(brand.logo)}" alt="{text(brand.firm or "")}">' if brand.logo else ""
    sign = element("div", logo + element("span", text(brand.firm or "salespilot")), "ix-sign")
    heading = element("h1", text(client.name, 300)) + element("p", text(title))
    heading += element("p", text(book.say("index_subtitle", as_of=as_of)))
    foot = " – ".join(part for part in (brand.author, brand.confidentiality) if part)
    return (
        f'<!DOCTYPE html>\n<html lang="{book.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)} – {text(client.name, 300)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + element("header", element("div", sign + heading))
        + element("main", cards)
        + element("footer", text(foot))
        + "\n</body>\n</html>\n"
    )


def _section(title: str, body: str, book: Phrasebook) -> str:
    return element("section", element("h2", text(book.say(title))) + body)


def _fitness(fitness: Fitness, entries: Sequence[Entry], book: Phrasebook) -> str:
    """How many reports the data can feed, verdict by verdict, and the way to the fitness page."""
    count = Counter(judgement.verdict for judgement in fitness.judgements.values())
    pills = ""
    for verdict in Verdict:
        if count[verdict]:
            words = book.say("index_fitness_count", verdict=book.value(verdict.value), n=count[verdict])
            pills += element("li", text(words), f"ix-state ix-{verdict.value}")
    pages = [entry.files["html"] for entry in entries if entry.name == FITNESS and "html" in entry.files]
    link = "".join(_link(page, book.say("index_fitness_link")) for page in pages)
    body = element("ul", pills, "ix-counts") + (element("p", link, "ix-files") if link else "")
    return _section("index_fitness", body, book)


def _synthesis(entry: Entry, book: Phrasebook) -> str:
    """The card of the synthesis: what there is to gain, what is at risk and what to check, the first of each."""
    words = Phrasebook(entry.report, book.language, book.currency)
    body = _title(entry, book)
    for name in synthesis.LISTS:
        own = [finding for finding in entry.found if synthesis.list_of(finding) == name]
        heading = element("h3", text(words.value(name, "list")))
        items = "".join(_finding(finding, words) for finding in own[:SHOWN])
        body += heading + element("ul", items, "ix-found") if own else ""
    return element("section", body + _links(entry, book))


def _alone(people: Sequence[Entry], made: Sequence[Entry], book: Phrasebook) -> list[str]:
    """Cards of people's documents made without their report's own page: one person was asked for."""
    reports = {entry.report for entry in made}
    return [_card(entry, [], book) for entry in people if entry.report not in reports]


def _titled(entry: Entry) -> str:
    page = next((entry.files[kind] for kind in ("html", "pdf", "xlsx") if kind in entry.files), None)
    return _link(page, entry.title) if page else text(entry.title)


def _card(entry: Entry, people: Sequence[Entry], book: Phrasebook) -> str:
    """The card of a report, with the documents of each person under it."""
    body = _title(entry, book)
    words = Phrasebook(entry.report, book.language, book.currency)
    first = leading(entry.found)[:SHOWN]
    if first:
        body += element("ul", "".join(_finding(finding, words) for finding in first), "ix-found")
    if len(entry.found) > SHOWN:
        body += element("p", text(book.say("index_more", n=len(entry.found) - SHOWN)), "ix-more")
    body += _links(entry, book)
    failed = element("span", text(book.say("index_failed")), "ix-state ix-failed")
    each = "".join(element("li", _titled(own) + (failed if own.state == "failed" else "")) for own in people)
    return element("section", body + (element("ul", each, "ix-people") if each else ""))


def _title(entry: Entry, book: Phrasebook) -> str:
    state = element("span", text(book.say(f"index_{entry.state}")), f"ix-state ix-{entry.state}")
    reason = element("p", text(entry.reason), "ix-reason") if entry.reason else ""
    return element("div", element("h2", _titled(entry)) + state, "ix-head") + reason


def _links(entry: Entry, book: Phrasebook) -> str:
    named = FILES | {"ipynb": book.say("index_notebook")}
    links = "".join(_link(entry.files[kind], label) for kind, label in named.items() if kind in entry.files)
    return element("p", links, "ix-files") if links else ""


def _finding(finding: Finding, words: Phrasebook) -> str:
    observed = element("span", text(sentences.observation(finding, words)), f"ix-{finding.severity.value}")
    if finding.stake is None:
        return element("li", observed)
    kind = words.say(f"stake_{finding.stake_kind}")
    return element("li", observed + element("b", text(words.say("stake_per_year", stake=finding.stake, kind=kind))))


def _link(path: Path, label: str) -> str:
    return element("a", text(label), href=quote(path.name))
