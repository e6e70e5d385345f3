"""The foot of a report: thresholds and parameters in force, what the exports gave, reserves and version."""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from typing import Any

import pandas as pd

from salespilot import __version__, fitness, markup
from salespilot.dataset import Dataset
from salespilot.phrasebook import Phrasebook
from salespilot.reports import REPORTS
from salespilot.results import thresholds_of

SHOWN_FILES = 60
DIGITS_OF_HASH = 12
NOTHING = "—"
FITNESS = "data_fitness"
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
ABC_CUTS = {
    "cumshare": ("abc_a_share", "abc_b_share"),
    "headcount": ("abc_a_headcount", "abc_b_headcount"),
    "bands": ("abc_a_band", "abc_b_band"),
}


def method(dataset: Dataset, name: str | None, parameters: Any, book: Phrasebook, *, is_sheet: bool = False) -> str:
    """The section as HTML. ``name`` None: a consultant's own notebook, which has no thresholds.

    A sheet has room for its own settings only: the other reports print the conventions, the files and the reserves.
    """
    parts = [markup.element("h2", markup.text(book.say("method_section")))]
    if book.has("method_text"):
        parts.append(markup.element("p", markup.text(book.say("method_text"))))
    thresholds = _settings(thresholds_of(dataset, REPORTS[name]), "threshold", book) if name else {}
    own = _settings(parameters, "parameter", book) if parameters is not None else {}
    if is_sheet:
        parts.append(markup.pairs(thresholds | own))
        reserves = len(_reserves(dataset, name, book))
        said = book.say("reserves_elsewhere", n=reserves) if reserves else book.say("no_reserve")
        parts.append(markup.note(said))
    else:
        parts += _subsection(book.say("thresholds"), thresholds)
        if name and name != FITNESS:
            parts += _subsection(book.say("conventions"), _conventions(dataset, book))
        parts += _subsection(book.say("parameters"), _period(dataset, book) | own)
        parts += _data(dataset, book)
        parts += _listed(_reserves(dataset, name, book), book)
    parts.append(markup.note(book.say("made_by", version=__version__)))
    return "".join(parts)


def _subsection(heading: str, rows: dict[str, str]) -> list[str]:
    whole = markup.element("h3", markup.text(heading)) + markup.pairs(rows)
    return [markup.element("div", whole, "sp-whole")] if rows else []


def _settings(holder: Any, kind: str, book: Phrasebook) -> dict[str, str]:
    return {
        book.say(f"{kind}_{field.name}"): _in_unit(field, getattr(holder, field.name), book)
        for field in dataclasses.fields(holder)
    }


def _conventions(dataset: Dataset, book: Phrasebook) -> dict[str, str]:
    """The conventions that have a label; of the cuts of ABC classes, those of the mode asked for."""
    conventions = dataset.conventions
    idle = [cut for mode, cuts in ABC_CUTS.items() if mode != conventions.abc_mode for cut in cuts]
    return {
        book.say(f"convention_{field.name}"): _in_unit(field, getattr(conventions, field.name), book)
        for field in dataclasses.fields(conventions)
        if field.name not in idle and book.has(f"convention_{field.name}")
    }


def _in_unit(field: dataclasses.Field[Any], value: Any, book: Phrasebook) -> str:
    unit = field.metadata.get("unit", "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if unit.startswith("money"):
            return book.money(value)
        if unit.startswith("share"):
            return book.percent(value)
    if value == "" and book.has(f"parameter_{field.name}_empty"):
        return book.say(f"parameter_{field.name}_empty")
    return written(field.name, value, book)


def written(name: str, value: Any, book: Phrasebook) -> str:
    """A setting as it is printed: its unit is in its name (``_share``, ``_days``, ``_hours``)."""
    if isinstance(value, tuple | list):
        return ", ".join(written(name, part, book) for part in value) or NOTHING
    if isinstance(value, bool):
        return book.flag(value)
    if isinstance(value, str) and ISO_DATE.fullmatch(value):
        return book.date(date.fromisoformat(value))
    if isinstance(value, int | float):
        for unit, write in (("_share", book.percent), ("_days", book.days), ("_hours", book.hours)):
            if name.endswith(unit):
                return write(value)
        return book.number(value)
    if isinstance(value, str):
        return book.value(value) if value else NOTHING
    return book.date(value)


def _period(dataset: Dataset, book: Phrasebook) -> dict[str, str]:
    window = dataset.window
    return {
        book.say("as_of"): book.date(dataset.as_of),
        book.say("period"): book.say("period_between", start=window.start, end=window.end),
    }


def _data(dataset: Dataset, book: Phrasebook) -> list[str]:
    if dataset.intake is None:
        return []
    rows = [
        {
            "file": source.file,
            "table": source.table,
            "rows_read": source.rows_read,
            "rows_kept": source.rows_kept,
            "rows_rejected": source.rows_rejected,
            "rows_set_aside": sum(source.set_aside.values()),
            "sha256": source.sha256[:DIGITS_OF_HASH],
        }
        for source in dataset.intake.counts
    ]
    frame = pd.DataFrame(rows)
    if frame.empty:
        return []
    parts = [markup.element("h3", markup.text(book.say("data")))]
    parts.append(markup.element("div", markup.table(frame.head(SHOWN_FILES), book, style="sp-small"), "sp-scroll"))
    if len(frame) > SHOWN_FILES:
        parts.append(markup.note(book.say("more_files", n=len(frame) - SHOWN_FILES)))
    return parts


def _reserves(dataset: Dataset, name: str | None, book: Phrasebook) -> list[str]:
    if dataset.intake is None or dataset.client is None:
        return []
    needs = {report: module.NEEDS for report, module in REPORTS.items()}
    reasons = fitness.assess(dataset.intake, needs, dataset.client).reserves(name or "")
    return list(dict.fromkeys(book.say(reason.code, **reason.values) for reason in reasons))


def _listed(sentences: list[str], book: Phrasebook) -> list[str]:
    heading = markup.element("h3", markup.text(book.say("reserves")))
    if not sentences:
        return [heading, markup.element("p", markup.text(book.say("no_reserve")))]
    items = "".join(markup.element("li", markup.text(sentence)) for sentence in sentences)
    return [heading, markup.element("ul", items)]
