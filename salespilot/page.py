"""The page: all that a notebook may show. Each call displays one piece, in JupyterLab and in the printed report alike.

A notebook holds calls like these and computes nothing::

    page = sp.open_page("portfolio_review", client=client, as_of=as_of, months=months, language=language)
    result = page.result
    page.title()
    page.findings()
    page.section("concentration")
    page.figure("pareto", sp.charts.pareto, result.customers, x="rank", y="cum_share")
    page.table("top_customers", result.top_customers, rows=20)
    page.method()

Words come from the report's phrases: ``<key>_section`` and ``<key>_text``, ``<key>_figure`` and ``<key>_alt``,
``<key>_table``. They may use the report's key figures and ``as_of``, ``start``, ``end``, ``months``, ``client``. In a
consultant's own notebook, which has no phrases, the key itself is shown.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython.display import display

from salespilot import dataset as datasets
from salespilot import injected, markup, results, sentences, slides
from salespilot.brand import logo_source
from salespilot.client import Brand, nearest
from salespilot.conventions import Common, SettingError, settings
from salespilot.dataset import Dataset
from salespilot.finding import Finding, Reason, Severity, leading
from salespilot.fitness import tables_of
from salespilot.phrasebook import Phrasebook
from salespilot.phrasefile import NARROW
from salespilot.reports import REPORTS
from salespilot.tables import TABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHOLE_ROWS = 300
CUT_ROWS = 100
UNCUT_ROWS = 10
KINDS = ("report", "sheet")


def open_page(
    name: str | None, *, client: str | Path, as_of: str = "", months: int = 12, language: str = "", **parameters: Any
) -> Page:
    """The page of one report on one client, its result computed or found.

    ``name``: a report of the kit; None in a consultant's own notebook, whose page has no result. ``client``: the
    client's folder, looked for from the current folder upwards. ``as_of``: an ISO date, empty for the last closed
    month. ``months``: the length of the window, 0 for all. ``language``: fr or en, empty for the client's own.
    ``parameters``: the report's own. Raises SettingError, which says what is allowed, on anything that does not fit.
    """
    injected.check()
    if name and name not in REPORTS:
        raise SettingError(f"no report {name!r}; {nearest(name, REPORTS)}")
    if not name and parameters:
        raise SettingError(f"unknown name {min(parameters)!r}: a notebook of one's own has no parameters here")
    asked = {"client": str(client), "as_of": as_of, "months": months, "language": language}
    common = settings(Common, asked, "parameters")
    module = REPORTS[name] if name else None
    own = settings(module.Parameters, parameters, f"parameters of {name}") if module else None
    dataset = datasets.open(client, as_of=common.as_of, months=common.months)
    assert dataset.client is not None
    book = Phrasebook(name or "", common.language or dataset.client.language, dataset.client.currency)
    result, found = results.of(dataset, name, own) if name else (None, [])
    return Page(dataset, name, own, result, found, book)


class Page:
    """One report as it is being shown.

    ``dataset``, ``name``, ``parameters``, ``result``, ``found`` (the findings) and ``book`` (the words) are there for
    the notebook to use; ``result`` is None in a consultant's own notebook.
    """

    def __init__(
        self,
        dataset: Dataset,
        name: str | None,
        parameters: Any,
        result: Any,
        found: Sequence[Finding],
        book: Phrasebook,
    ) -> None:
        self.dataset = dataset
        self.name = name
        self.parameters = parameters
        self.result = result
        self.found = list(found)
        self.book = book
        self._numbers: dict[tuple[str, str], int] = {}
        self._section = ""
        self._excused: dict[tuple[str, str], str] = {}
        self._is_sheet = False

    # Words

    @property
    def values(self) -> dict[str, Any]:
        """What fills the sentences of the page: conventions, thresholds, key figures, the period and the client."""
        given, window = self.dataset, self.dataset.window
        own = asdict(results.thresholds_of(given, REPORTS[self.name])) if self.name else {}
        figures = dict(self.result.key_figures) if self.result is not None else {}
        period = {"as_of": given.as_of, "start": window.start, "end": window.end, "months": given.months}
        names = {"client": self._client_name, "sales": self._named("sales_lines")}
        return asdict(given.conventions) | own | figures | period | names

    def _named(self, table: str) -> str:
        """A table as a source line names it: deals that stand in for invoices are not called invoices."""
        won = table == "sales_lines" and self.dataset.sales_basis == "won_deals"
        return self.book.say("won_deals_basis" if won else f"table_{table}")

    @property
    def _client_name(self) -> str:
        return self.dataset.client.name if self.dataset.client else "—"

    def _say(self, key: str, suffix: str, values: Mapping[str, Any]) -> str:
        if not self.name and not self.book.has(key + suffix):
            return key
        return self._known(self.book.say(key + suffix, **self.values | dict(values)))

    def _known(self, words: str) -> str:
        """The words without the sentences and the clauses whose figure could not be computed, if any is left."""
        if self.book.missing not in words:
            return words
        whole = [sentence for sentence in sentences.SENTENCE_END.split(words) if self.book.missing not in sentence]
        clauses = [clause for clause in CLAUSE_END.split(words) if self.book.missing not in clause]
        comma = f"{NARROW}; " if self.book.language == "fr" else "; "
        return " ".join(whole) or comma.join(clauses) or words

    def _label(self, kind: str, key: str) -> str:
        # The same key keeps its number when its cell is run again.
        taken = sum(1 for other, _ in self._numbers if other == kind)
        return self.book.say(kind, n=self._numbers.setdefault((kind, key), taken + 1))

    def _reason(self, key: str) -> str:
        reasons: Mapping[str, Reason] = self.result.not_computable if self.result is not None else {}
        missing = (
            {f.name for f in dataclasses.fields(self.result) if getattr(self.result, f.name) is None} if reasons else ()
        )
        wanted = [reasons[key]] if key in reasons else [reasons[name] for name in sorted(missing) if name in reasons]
        sentences = dict.fromkeys(self.book.say(reason.code, **reason.values) for reason in wanted)
        return self.book.say("not_computable", reason=" ; ".join(sentences) or self.book.say("empty"))

    # Pieces

    def title(self, heading: str | None = None, *, kind: str = "report") -> None:
        """The cover: title, client, period, author. A ``sheet`` prints a heading, without cover and contents.

        ``heading`` is the title of a consultant's own notebook; reports of the kit have theirs in the phrases.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        self._is_sheet = kind == "sheet"
        cover = self._cover(heading, kind)
        facts = "".join(
            markup.element(
                "div", markup.element("dt", markup.text(label)) + markup.element("dd", markup.text(value, 160))
            )
            for label, value in cover["facts"]
        )
        parts = [markup.element("p", markup.text(cover["eyebrow"]), "sp-eyebrow")]
        parts.append(markup.element("h1", markup.text(cover["title"], 300)))
        parts.append(markup.element("p", markup.text(cover["subtitle"]), "sp-subtitle") if cover["subtitle"] else "")
        parts.append(markup.element("dl", facts, "sp-facts"))
        _show(markup.element("header", "".join(parts), "sp-title"), cover["title"], part="title", cover=cover)

    def _cover(self, heading: str | None, kind: str) -> dict[str, Any]:
        book, client = self.book, self.dataset.client
        signed = client.brand if client else Brand()
        facts = [(book.say("client"), self._client_name), (book.say("period"), self._period())]
        facts.append((book.say("as_of"), book.date(self.dataset.as_of)))
        if self.dataset.sales_basis == "won_deals":
            facts.append((book.say("sales_basis"), book.say("won_deals_basis")))
        if getattr(self.parameters, "rep", "") and not hasattr(REPORTS.get(self.name or ""), "people"):
            reps = self.dataset.table("reps").set_index("rep_id")["display_name"]
            facts.append((book.say("shown_rep"), book.say("shown_rep_scope", name=reps.get(self.parameters.rep))))
        author = " – ".join(part for part in (signed.author, signed.firm) if part)
        return {
            "kind": kind,
            "language": book.language,
            "title": heading or self._say("title", "", {}),
            "subtitle": self._say("subtitle", "", {}) if book.has("subtitle") else "",
            "question": self._say("question", "", {}) if book.has("question") else "",
            "eyebrow": book.say("eyebrow"),
            "client": self._client_name,
            "author": author,
            "firm": signed.firm or "",
            "facts": [*facts, (book.say("prepared_by"), author)] if author else facts,
            "confidentiality": signed.confidentiality or "",
            "contents": book.say("contents"),
            "sort": book.say("sort_hint"),
            "logo": logo_source(signed.logo),
            "colours": {"primary": signed.primary, "accent": signed.accent},
        }

    def _period(self) -> str:
        window = self.dataset.window
        if self.dataset.months == 0:
            return self.book.say("period_until", end=window.end)
        between = self.book.say("period_between", start=window.start, end=window.end)
        return f"{between} ({self.book.say('partial_month')})" if window.is_partial else between

    def findings(
        self, limit: int = 5, codes: Sequence[str] | None = None, found: Sequence[Finding] | None = None
    ) -> None:
        """What matters most: severity, stake, observation and action of the first findings, gravest first, then the
        biggest of each rule.

        ``codes`` keeps only these findings, without a heading, to show them beside their evidence; ``found`` shows
        these instead, of whatever report, in their order.
        """
        kept = leading(one for one in self.found if codes is None or one.code in codes) if found is None else found
        is_aside = codes is not None or found is not None
        if is_aside and not kept:
            return
        cards = "".join(self._card(finding) for finding in kept[:limit])
        body = markup.element("div", cards, "sp-cards") if cards else markup.note(self.book.say("no_finding"))
        heading = markup.element("h2", markup.text(self.book.say("findings_section"))) if not is_aside else ""
        _show(heading + body, self.book.say("findings_section"), part="findings")

    def _card(self, finding: Finding) -> str:
        badge = markup.element("span", markup.text(self.book.value(finding.severity.value)), "sp-badge")
        stake = markup.element("span", markup.text(self._stake(finding)), "sp-stake") if self._stake(finding) else ""
        # A name as long as a page would push the next finding off it.
        observed = sentences.observation(finding, self.book, markup.LONGEST_CELL)
        action = sentences.action(finding, self.book, markup.LONGEST_CELL)
        parts = [markup.element("div", badge + stake, "sp-card-head")]
        parts.append(markup.element("p", markup.text(observed), "sp-observation"))
        if action:
            label = markup.element("b", markup.text(self.book.say("action")))
            parts.append(markup.element("p", f"{label} {markup.text(action)}", "sp-action"))
        return markup.element("article", "".join(parts), f"sp-card sp-{finding.severity.value}")

    def _stake(self, finding: Finding) -> str:
        if finding.stake is None:
            return "" if finding.severity is Severity.GOOD else self.book.say("stake_unpriced")
        stake = self.book.say("stake_per_year", stake=finding.stake, kind=self.book.say(f"stake_{finding.stake_kind}"))
        if finding.stake_low is None or finding.stake_high is None:
            return stake
        return f"{stake} ({self.book.money_short(finding.stake_low)} – {self.book.money_short(finding.stake_high)})"

    def key_figures(self, *names: str) -> None:
        """A strip of key figures, each with its heading; one that cannot be computed says so, alone if none can."""
        if all(self.result.key_figures[name] is None for name in names):
            self._absent(names[0], "")
            return
        tiles = []
        for name in names:
            shown = self.book.cell(name, self.result.key_figures[name])
            value = markup.element("dd", markup.text(shown))
            tiles.append(markup.element("div", markup.element("dt", markup.text(self.book.heading(name))) + value))
        _show(markup.element("dl", "".join(tiles), "sp-figures"), part="key_figures")

    def section(self, key: str, **values: Any) -> None:
        """A numbered heading, and its paragraph where the phrases have one."""
        self._section = key
        heading = self._say(key, "_section", values)
        body = markup.element("h2", markup.text(heading, 200))
        if self.book.has(f"{key}_text"):
            body += markup.element("p", markup.text(self._say(key, "_text", values)))
        _show(body, heading, part="section")

    def text(self, *keys: str, **values: Any) -> None:
        """A paragraph a key: its phrase."""
        for key in keys:
            sentence = self._say(key, "", values)
            _show(markup.element("p", markup.text(sentence)), sentence, part="text")

    def figure(self, key: str, chart: Callable[..., Figure], frame: pd.DataFrame | None, **options: Any) -> None:
        """A numbered picture with its message, an alternative text and its source.

        ``chart(frame, book, **options)`` draws it. Without a frame, a line says why it cannot be drawn.
        """
        if frame is None:
            self._absent(key, "_figure")
            return
        from matplotlib import pyplot

        drawn = chart(frame, self.book, **options)
        image = markup.svg(drawn)
        slides.keep(drawn, image, f"{self.name or 'notebook'}--{key}")
        pyplot.close(drawn)
        title, alt = self._say(key, "_figure", {}), self._say(key, "_alt", {})
        parts = markup.caption(self._label("figure", key), title) + markup.picture(image, alt)
        parts += markup.note(self.book.say("source_line", source=self._source(key)))
        _show(markup.element("figure", parts, "sp-figure"), f"{title} {alt}", part="figure", key=key)

    def _source(self, key: str) -> str:
        module = REPORTS.get(self.name or "")
        needs = tables_of(module.NEEDS) if module else ()
        if self.book.has(f"{key}_source"):
            unread = {self.book.say(f"table_{name}").casefold() for name in TABLES if not self.dataset.has(name)}
            pieces = self._say(key, "_source", {}).split(", ")
            read = [piece for piece in pieces if piece.casefold() not in unread]
            if read:
                return ", ".join(read)
        tables = [name for name in needs if self.dataset.has(name)]
        named = [self._named(name) for name in tables] or [self._client_name]
        return ", ".join([*named, self._period()])

    def table(
        self,
        key: str,
        frame: pd.DataFrame | None,
        rows: int | None = None,
        columns: Sequence[str] | None = None,
        sort: str | None = None,
        bars: Sequence[str] = (),
        shades: Sequence[str] = (),
    ) -> None:
        """A numbered table, with the headings and formats of ``_columns.toml``.

        ``rows`` shows that many rows. ``columns`` chooses and orders the columns. ``sort`` names the column to sort by:
        numbers and dates fall, text rises. ``bars`` and ``shades`` name columns drawn as bars or tints as well. Above
        300 rows the first 100 are shown, and where the rest is.
        """
        if frame is None:
            self._absent(key, "_table")
            return
        field = self._field_of(frame) or key
        shown = _sorted(frame, sort)[list(columns or frame.columns)]
        # A column of "n. c." from top to bottom teaches nothing; the workbook keeps it.
        shown = shown.dropna(axis=1, how="all") if len(shown) else shown
        limit = rows if rows is not None else len(shown) if len(shown) <= WHOLE_ROWS else CUT_ROWS
        whole = "sp-whole" if min(limit, len(shown)) <= UNCUT_ROWS else "sp-long"
        title = self._say(key, "_table", {})
        if shown.empty:
            self._empty(key, title)
            return
        drawn = markup.table(shown.head(limit), self.book, name=field, bars=bars, shades=shades)
        parts = markup.caption(self._label("table", key), title) + markup.element("div", drawn, "sp-scroll")
        if limit < len(shown):
            sheet = self.book.say(f"sheet_{field}") if self.book.has(f"sheet_{field}") else field
            parts += markup.note(self.book.say("rows_cut", shown=limit, total=len(shown), sheet=sheet))
        _show(markup.element("figure", parts, f"sp-data {whole}"), title, part="table", key=key)

    def _field_of(self, frame: pd.DataFrame) -> str | None:
        fields = dataclasses.fields(self.result) if self.result is not None else ()
        return next((field.name for field in fields if getattr(self.result, field.name) is frame), None)

    def _empty(self, key: str, title: str) -> None:
        told = self.book.has(f"{key}_empty")
        heading = "" if told else markup.element("p", markup.text(title), "sp-caption")
        sentence = self._say(key, "_empty", {}) if told else self.book.say("empty")
        _show(markup.element("div", heading + markup.note(sentence), "sp-absent"), sentence, part="table")

    def _absent(self, key: str, suffix: str) -> None:
        reason = self._reason(key)
        # One reason, said once a section, however many pictures it takes away.
        if self._section and self._excused.setdefault((self._section, reason), key + suffix) != key + suffix:
            return
        title = self._say(key, "_absent", {}) if self.book.has(f"{key}_absent") else ""
        heading = markup.element("p", markup.text(title), "sp-caption") if title else ""
        _show(markup.element("div", heading + markup.note(reason), "sp-absent"), reason, part=suffix.strip("_"))

    def method(self) -> None:
        """How the figures were made: thresholds and parameters in force, what the exports gave, reserves, version."""
        from salespilot.report.method import method

        made = method(self.dataset, self.name, self.parameters, self.book, is_sheet=self._is_sheet)
        _show(made, part="method")


CLAUSE_END = re.compile(r"\s*;\s+")


def _sorted(frame: pd.DataFrame, column: str | None) -> pd.DataFrame:
    if column is None:
        return frame
    rises = not (pd.api.types.is_numeric_dtype(frame[column]) or pd.api.types.is_datetime64_any_dtype(frame[column]))
    return frame.sort_values(column, ascending=rises, kind="stable", na_position="last")


def _show(html: str, plain: str = "", **metadata: Any) -> None:
    bundle = {"text/html": markup.notebook_style() + markup.element("div", html, "sp")}
    bundle["text/plain"] = markup.clean(plain or metadata["part"])
    display(bundle, raw=True, metadata={"text/html": {"salespilot": metadata}})
