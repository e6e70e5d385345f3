"""The register of actions as a workbook: lists to choose from, dates that are dates, late rows in colour.

Row 1 (hidden) holds the codes of the columns, row 2 their headings; :mod:`salespilot.intake.register` reads them back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import ceil
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from salespilot.intake import register_cells as cells
from salespilot.intake.register import OPEN, Register, Row
from salespilot.phrasebook import Phrasebook
from salespilot.report.workbook import CREATED, HEADER, OPTIONS, sheet_names

ORDER = (
    *("status", "title", "owner_rep_id", "start_date", "due_date", "progress", "done_on", "observation"),
    *("stake", "stake_kind", "hours_planned", "budget", "probability", "impact_low", "impact_mode", "impact_high"),
    *("metric", "baseline", "target_value", "unit", "review_cadence_days", "last_review_date", "stop_rule"),
    *("actual_impact", "source", "plan_id", "decided_on", "first_seen", "last_seen", "is_found", "targets", "report"),
    *("rule", "action_id"),
)
PRINTED = 10  # the first columns; a page holds no more
WRAPPED = ("title", "observation", "stop_rule")
LINE = 15.0  # points: LibreOffice fits no height to wrapped text by itself
WIDTHS: Mapping[str, int] = {"title": 60, "observation": 60, "stop_rule": 30, "owner_rep_id": 26, "targets": 24}
FIRST = cells.HEADER_ROWS
SPARE = 500  # rows below the last that still offer their lists
COLOURS = {"late": "#fdecea", "draft": "#f3f4f6", "done": "#e8f5e9", "dropped": "#eceff1", "broken": "#ffd6d6"}


def write(path: Path, register: Register, owners: Mapping[str, str], book: Phrasebook) -> Path:
    """Write the register: the actions, the drafts no longer found, and what was written in a hidden sheet.

    ``owners``: rep_id -> name, the people that may be chosen. Headings and words are those of ``book``.
    """
    names = sheet_names(("actions", "gone"), book)
    made = xlsxwriter.Workbook(str(path), OPTIONS)
    made.set_properties({"title": book.say("title"), "created": CREATED})
    sheet = _Sheet(made, book, owners)
    try:
        sheet.fill(made.add_worksheet(names["actions"]), register.rows)
        sheet.fill(made.add_worksheet(names["gone"]), register.gone)
        hidden = made.add_worksheet(cells.MEMORY)
        hidden.very_hidden()
        for place, line in enumerate(_memory(register, sheet.labels, sheet.words, book)):
            for column, text in enumerate(line):
                hidden.write_string(place, column, text)
    finally:
        made.close()
    return path


def _memory(
    register: Register, labels: Mapping[str, str], words: Mapping[tuple[str, str], str], book: Phrasebook
) -> list[tuple[str, str, str]]:
    lines = [("gone", sheet_names(("actions", "gone"), book)["gone"], "")]
    lines += [("as_of", register.as_of.isoformat() if register.as_of else "", "")]
    lines += [("owner", id, label) for id, label in labels.items()]
    lines += [(column, code, word) for (column, code), word in words.items()]
    lines += [("heading", name, book.heading(name, "actions")) for name in ORDER]
    lines += [("imported", id, "") for id in sorted(register.imported)]
    for row in (*register.rows, *register.gone):
        values = json.dumps(row.values, ensure_ascii=False, default=date.isoformat)
        lines.append(("edited" if row.is_edited else "row", row.id, values))
    return lines


class _Sheet:
    """Writes rows of the register, with the formats of one workbook."""

    def __init__(self, made: xlsxwriter.Workbook, book: Phrasebook, owners: Mapping[str, str]) -> None:
        self.book = book
        self.labels = {id: id if name == id else f"{id} – {name}" for id, name in owners.items()}
        self.words: dict[tuple[str, str], str] = {}
        day = "dd/mm/yyyy" if book.language == "fr" else "d mmm yyyy"
        top = {"valign": "top"}
        self.header = made.add_format(HEADER)
        self.text = made.add_format(top | {"num_format": "@"})
        self.wrapped = made.add_format(top | {"num_format": "@", "text_wrap": True})
        self.masks = {
            "date": made.add_format(top | {"num_format": day}),
            "share": made.add_format(top | {"num_format": "0 %" if book.language == "fr" else "0%"}),
            "money": made.add_format(top | {"num_format": "#,##0"}),
            "number": made.add_format(top | {"num_format": "#,##0.##"}),
            "integer": made.add_format(top | {"num_format": "0"}),
        }
        self.broken = made.add_format(top | {"bg_color": COLOURS["broken"], "text_wrap": True})
        self.tints = {name: made.add_format({"bg_color": colour}) for name, colour in COLOURS.items()}

    def fill(self, sheet: Worksheet, rows: Sequence[Row]) -> None:
        """Write codes, headings and rows, then what helps to edit them."""
        extras = list(dict.fromkeys(name for row in rows for name in row.extra))
        for place, name in enumerate((*ORDER, *extras)):
            is_ours = name in cells.COLUMNS
            sheet.write_string(0, place, name if is_ours else "")
            sheet.write_string(1, place, self.book.heading(name, "actions") if is_ours else name, self.header)
            sheet.set_column(place, place, WIDTHS.get(name, 14), self._format(name) if is_ours else None)
        for number, row in enumerate(rows, start=FIRST):
            self._row(sheet, number, row, extras)
        last = FIRST + len(rows) + SPARE
        self._lists(sheet, last)
        self._tints(sheet, last, len(ORDER) + len(extras) - 1)
        sheet.set_row(0, None, None, {"hidden": True})
        sheet.set_row(1, 32)
        sheet.freeze_panes(FIRST, 2)
        sheet.autofilter(1, 0, max(FIRST, FIRST + len(rows) - 1), len(ORDER) + len(extras) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.print_area(0, 0, max(FIRST, FIRST + len(rows) - 1), PRINTED - 1)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(1)

    def _row(self, sheet: Worksheet, number: int, row: Row, extras: Sequence[str]) -> None:
        broken = {cell.column: cell for cell in row.broken}
        sheet.set_row(number, LINE * max(ceil(len(row.values.get(name) or "") / WIDTHS[name]) or 1 for name in WRAPPED))
        for place, name in enumerate(ORDER):
            if name in broken:
                sheet.write_string(number, place, broken[name].text, self.broken)
                remedy = self.book.say("cell_refused", reason=self.book.value(broken[name].reason))
                sheet.write_comment(number, place, remedy)
            else:
                self._cell(sheet, number, place, row.values.get(name), name)
        for place, name in enumerate(extras, start=len(ORDER)):
            self._free(sheet, number, place, row.extra.get(name))

    def _format(self, name: str) -> Format:
        """How a column of ours is shown; text stays text, so that a code typed keeps its zeros."""
        return self.masks.get(cells.COLUMNS[name].type, self.wrapped if name in WRAPPED else self.text)

    def _cell(self, sheet: Worksheet, number: int, place: int, value: Any, name: str) -> None:
        kind = cells.COLUMNS[name].type
        if value is None or value == "":
            sheet.write_blank(number, place, None, self._format(name))
        elif name == "owner_rep_id":
            sheet.write_string(number, place, self.labels.get(str(value), str(value)), self.text)
        elif kind == "date":
            sheet.write_datetime(number, place, datetime(value.year, value.month, value.day), self.masks["date"])
        elif kind == "flag":
            sheet.write_string(number, place, self.book.flag(value), self.text)
        elif kind in self.masks:
            sheet.write_number(number, place, float(value), self.masks[kind])
        else:
            text = self._word(name, value) if name in cells.WORDS else value
            sheet.write_string(number, place, text, self._format(name))

    def _word(self, column: str, code: str) -> str:
        """The word for a code, remembered so that it can be read back."""
        return self.words.setdefault((column, code), self.book.value(code, column, "actions"))

    def _free(self, sheet: Worksheet, number: int, place: int, value: Any) -> None:
        if isinstance(value, date):
            sheet.write_datetime(number, place, datetime(value.year, value.month, value.day), self.masks["date"])
        elif isinstance(value, int | float) and not isinstance(value, bool):
            sheet.write_number(number, place, value)
        elif value not in (None, ""):
            sheet.write_string(number, place, str(value), self.text)

    def _lists(self, sheet: Worksheet, last: int) -> None:
        """What each column offers or accepts; Excel warns, and the next run says what it could not read."""
        for place, name in enumerate(ORDER):
            kind = cells.COLUMNS[name].type
            rule: dict[str, Any] | None = None
            if cells.COLUMNS[name].choices:
                words = [self._word(name, code) for code in cells.COLUMNS[name].choices]
                rule = {"validate": "list", "source": words}
            elif name == "owner_rep_id" and self.labels:
                rule = {"validate": "list", "source": f"={cells.MEMORY}!$C$2:$C${len(self.labels) + 1}"}
            elif kind == "date":
                rule = {"validate": "date", "criteria": ">", "value": date(1990, 1, 1)}
            elif kind == "share":
                rule = {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 1}
            elif kind in ("money", "number", "integer"):
                rule = {"validate": "decimal", "criteria": "between", "minimum": -1e15, "maximum": 1e15}
            if rule:
                message = self.book.say("cell_warning", column=self.book.heading(name, "actions"))
                sheet.data_validation(FIRST, place, last, place, rule | {"error_message": message[:255]})

    def _tints(self, sheet: Worksheet, last: int, width: int) -> None:
        status, due = (f"${xl_col_to_name(ORDER.index(name))}{FIRST + 1}" for name in ("status", "due_date"))
        words = {code: self._word("status", code) for code in cells.COLUMNS["status"].choices}
        open_now = " , ".join(f'{status}="{words[word]}"' for word in OPEN)
        rules = {"late": f'AND({due}<>"",{due}<TODAY(),OR({open_now}))'}
        rules |= {word: f'{status}="{words[word]}"' for word in ("draft", "done", "dropped")}
        for name, formula in rules.items():
            sheet.conditional_format(
                FIRST, 0, last, width, {"type": "formula", "criteria": f"={formula}", "format": self.tints[name]}
            )
