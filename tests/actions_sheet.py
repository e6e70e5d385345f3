"""The register ``actions.xlsx`` in a person's hands: read as a sheet, changed as Excel would change it."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
import xlsxwriter
from python_calamine import CalamineWorkbook


def sheet(folder, number: int = 0) -> pd.DataFrame:
    """The visible sheet as a frame headed by the hidden codes (or the user's own headings)."""
    lines = CalamineWorkbook.from_path(folder / "actions.xlsx").get_sheet_by_index(number).to_python(False)
    heads = [code or heading for code, heading in zip(lines[0], lines[1], strict=True)]
    return pd.DataFrame(lines[2:], columns=heads, dtype=object).set_index("action_id", drop=False)


def edit(folder, changes, rows=None, drop=(), extra=None) -> None:
    """Do to the file what a person does in Excel: everything is written anew, hidden sheet included."""
    path = folder / "actions.xlsx"
    book = CalamineWorkbook.from_path(path)
    sheets = {name: book.get_sheet_by_name(name).to_python(False) for name in book.sheet_names}
    first = next(iter(sheets.values()))
    codes = first[0]
    for (id, column), value in changes.items():
        line = next(line for line in first[2:] if line[codes.index("action_id")] == id)
        line[codes.index(column)] = value
    for id in rows or ():
        first[:] = [line for line in first if line[codes.index("action_id")] != id]
    if extra:
        for line, value in zip(first, ["", extra[0], *extra[1:]], strict=False):
            line.append(value)
    kept = [place for place, code in enumerate(codes) if code not in drop] + ([len(codes)] if extra else [])
    first[:] = [[line[place] if place < len(line) else "" for place in kept] for line in first]
    with xlsxwriter.Workbook(str(path), {"strings_to_numbers": False}) as made:
        day = made.add_format({"num_format": "dd/mm/yyyy"})
        for name, lines in sheets.items():
            written = made.add_worksheet(name)
            for number, line in enumerate(lines):
                for place, value in enumerate(line):
                    if isinstance(value, datetime | date):
                        written.write_datetime(number, place, value, day)
                    elif value != "":
                        written.write(number, place, value)
