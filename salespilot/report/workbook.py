"""The Excel twin of a report: every table of its Result, as a list that can be sorted, filtered and loaded back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from salespilot import sentences
from salespilot.finding import Finding
from salespilot.markup import DATED, NUMERIC
from salespilot.phrasebook import Phrasebook, is_flag, is_missing

ROWS = 1_048_575
CHARACTERS = 32_767
SHEET_NAME = 31
FINDINGS = "findings"
FINDING_COLUMNS = (
    *("severity", "rule", "observation", "action", "stake", "stake_low", "stake_high", "stake_kind", "stake_basis"),
    *("hours", "probability", "lead_days", "subject_kind", "subject_id", "owner_id", "id"),
)
# Nothing in a cell is anything but what it is written as. The date of creation is fixed: same Result, same bytes.
OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
CREATED = datetime(2000, 1, 1)
HEADER = {"bold": True, "font_color": "#ffffff", "bg_color": "#0b3a5b", "text_wrap": True, "valign": "vcenter"}
UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def workbook(path: Path, result: Any, book: Phrasebook, *, found: Sequence[Finding] = (), title: str = "") -> Path:
    """Write the findings and every DataFrame of ``result`` (a dataclass) to ``path``, one sheet each; returns the path.

    Headings are in the reader's language; numbers and dates are numbers and dates; words of closed lists are
    translated; codes are text, in the last columns, so that a list can be loaded back into the CRM. Missing values
    are empty cells. ``title``: the document's title (default: the report's).

    Raises ValueError on a table with more rows than a sheet can hold.
    """
    sheets = {FINDINGS: _findings(found, book)} | _frames(result)
    names = sheet_names(sheets, book)
    made = xlsxwriter.Workbook(str(path), OPTIONS)
    title = title or (book.say("title") if book.has("title") else book.name)
    made.set_properties({"title": _text(title)[:255], "created": CREATED})
    styles = _Styles(made, book)
    try:
        for field, frame in sheets.items():
            if len(frame) > ROWS:
                raise ValueError(f"{field}: {len(frame)} rows; a sheet holds {ROWS}")
            _write(made.add_worksheet(names[field]), frame, field, book, styles)
    finally:
        made.close()
    return path


def sheet_names(sheets: Mapping[str, Any] | Sequence[str], book: Phrasebook) -> dict[str, str]:
    """Each table's sheet: the phrase ``sheet_<field>``, else the field, made valid for Excel and unique."""
    names: dict[str, str] = {}
    for field in sheets:
        name = book.say(f"sheet_{field}") if book.has(f"sheet_{field}") else field
        name = (
            re.sub(r"[\[\]:*?/\\]", " ", UNWRITABLE.sub("", name)).strip(" '")[:SHEET_NAME].strip(" '")
            or field[:SHEET_NAME]
        )
        taken = {other.lower() for other in names.values()} | {"history"}
        number, single = 2, name
        while name.lower() in taken:
            name, number = f"{single[: SHEET_NAME - 4]} ({number})", number + 1
        names[field] = name
    return names


def _frames(result: Any) -> dict[str, pd.DataFrame]:
    values = {field.name: getattr(result, field.name) for field in fields(result)}
    return {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}


def _findings(found: Sequence[Finding], book: Phrasebook) -> pd.DataFrame:
    """One row a finding, with its sentences; ``owner_id`` is a code, as is ``subject_id``."""
    rows = []
    for finding in found:
        rows.append(
            {name: value for name, value in asdict(finding).items() if name in FINDING_COLUMNS}
            | {
                "severity": finding.severity.value,
                "observation": sentences.observation(finding, book),
                "action": sentences.action(finding, book),
                "owner_id": finding.owner,
                "id": finding.id,
            }
        )
    return pd.DataFrame(rows, columns=list(FINDING_COLUMNS))


class _Styles:
    """The cell formats of a workbook, each made once."""

    def __init__(self, made: xlsxwriter.Workbook, book: Phrasebook) -> None:
        french = book.language == "fr"
        symbol = f'"{book.symbol}"'
        money = f"#,##0\\ {symbol}" if french else f"{symbol}#,##0"
        self.header: Format = made.add_format(HEADER)
        self.top: Format = made.add_format({"valign": "top"})
        self.wrapped: Format = made.add_format({"valign": "top", "text_wrap": True})
        masks = {
            "money": f"{money};-{money}",
            "percent": "0.0%",
            "points": "+0.0%;-0.0%;0.0%",
            "count": "#,##0",
            "number": "#,##0.00",
            "decimal": "#,##0.0",
            "days": "#,##0",
            "hours": "#,##0.0",
            "date": "dd/mm/yyyy" if french else "d mmm yyyy",
            "month": "mmm yyyy",
        }
        self.masks = {kind: made.add_format({"num_format": mask, "valign": "top"}) for kind, mask in masks.items()}

    def of(self, kind: str) -> Format:
        """The format of a kind of column."""
        return self.masks.get(kind.removesuffix("_short"), self.top)


def _write(sheet: Worksheet, frame: pd.DataFrame, field: str, book: Phrasebook, styles: _Styles) -> None:
    kinds = {column: _kind(frame, column, field, book) for column in frame.columns}
    columns = sorted(frame.columns, key=lambda column: kinds[column] == "id")  # stable: codes go last
    for place, column in enumerate(columns):
        kind, heading = kinds[column], _text(book.heading(column, field))
        style = styles.wrapped if kind == "text" else styles.of(kind)
        sheet.write_string(0, place, heading, styles.header)
        longest = min(len(heading), 16)
        for row, value in enumerate(frame[column].tolist(), start=1):
            written = _put(sheet, row, place, value, kind, style, book, (column, field))
            longest = max(longest, written)
        sheet.set_column(place, place, min(max(longest, 8) + 3, 60))
    if columns:
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(frame), len(columns) - 1)
        sheet.set_row(0, 32)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _kind(frame: pd.DataFrame, column: str, field: str, book: Phrasebook) -> str:
    """The column's kind: as ``_columns.toml`` has it, else as its values suggest."""
    known = book.format_of(column, field)
    if known is not None:
        return "count" if known == "number" and pd.api.types.is_integer_dtype(frame[column]) else known
    if pd.api.types.is_bool_dtype(frame[column]):
        return "flag"
    if pd.api.types.is_datetime64_any_dtype(frame[column]):
        return "date"
    return "number" if pd.api.types.is_numeric_dtype(frame[column]) else "text"


def _put(
    sheet: Worksheet,
    row: int,
    place: int,
    value: Any,
    kind: str,
    style: Format,
    book: Phrasebook,
    where: tuple[str, str],
) -> int:
    """Writes one cell as its kind asks; returns the width it takes, in characters."""
    if is_missing(value):
        return 0
    if isinstance(value, pd.Period):
        value = value.to_timestamp()
    if kind in DATED and isinstance(value, date) and value.year > 1900:
        sheet.write_datetime(row, place, datetime(value.year, value.month, value.day), style)
        return 11
    if kind in NUMERIC and not isinstance(value, (str, date)) and not is_flag(value):
        sheet.write_number(row, place, float(value), style)
        return len(book.format(kind, value))
    text = _text(book.value(value, *where) if kind == "value" else _plain(value, kind, book))
    sheet.write_string(row, place, text, style)
    return min(max(map(len, text.split("\n")), default=0), 57)


def _plain(value: Any, kind: str, book: Phrasebook) -> str:
    if kind == "flag" or is_flag(value):
        return book.flag(value)
    return book.id(value) if kind == "id" and isinstance(value, int) else str(value)


def _text(text: str) -> str:
    """Text that Excel can hold: no control characters, at most 32,767 UTF-16 units, cut with an ellipsis."""
    text = UNWRITABLE.sub("", text)
    units = text.encode("utf-16-le")
    if len(units) <= 2 * CHARACTERS:
        return text
    return units[: 2 * (CHARACTERS - 1)].decode("utf-16-le", errors="ignore") + "…"
