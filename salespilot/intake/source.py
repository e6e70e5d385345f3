"""Any export as text: every cell a string, streamed to a file on disk, never whole in memory.

The rows of an :class:`Export` are numbered from 1 below the header (``_record``), blank lines included, so that each
can be found again in the client's file. Numbers and dates that a file holds typed (workbooks, Parquet, JSON, databases)
are written so that they can be read in one way only: ISO dates, decimal points, never exactly three decimals.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from salespilot.intake import delimited
from salespilot.intake.files import SniffError, best_sheet, cell_text, open_binary, records, workbook
from salespilot.intake.model import IntakeError
from salespilot.intake.native import Native
from salespilot.intake.sniff import Layout
from salespilot.intake.store import BATCH_ROWS, write_rows

_THREE_DECIMALS = re.compile(r"[-+]?\d+\.\d{3}")
_ARROW_THREE_DECIMALS = r"^([-+]?\d+\.\d{3})$"


@dataclass(frozen=True)
class Export:
    """One export read as text.

    ``name``      as messages show it; ``stem`` names its view and the line ids made from it.
    ``text``      the file (see :mod:`.store`) that holds ``_record`` and one text column a header.
    ``records``   rows below the header, blank and misfit ones included.
    ``above``     lines above the header: title, blank, repeated_header -> count.
    ``misfits``   rows with more filled cells than there are columns: (record, the raw line).
    ``spoilt``    whether bytes that are not of the encoding were replaced by U+FFFD.
    ``odd_blanks``  whether cells may hold blanks other than plain spaces (tabs, no-break spaces).
    ``numeric``   headers whose cells the reader has turned into numbers, empty ones null -> the decimal mark they
                  prove ("" where all are whole).
    ``composed``  whether all text is Unicode NFC already, as that of the old Western encodings is.
    """

    path: Path
    name: str
    stem: str
    sha256: str
    layout: Layout
    text: Path
    records: int
    above: dict[str, int] = field(default_factory=dict)
    misfits: tuple[tuple[int, str], ...] = ()
    spoilt: bool = False
    odd_blanks: bool = True
    composed: bool = False
    numeric: Mapping[str, str] = field(default_factory=dict)

    def lines(self, wanted: Iterable[int]) -> dict[int, int]:
        """The physical line (or sheet row) of each record."""
        head = self.layout.header_row
        numbers = sorted(set(wanted))
        found = {number: head + number for number in numbers}
        if self.layout.format != "csv" or not numbers or not self.layout.quote:
            return found
        # Quoted line breaks make records longer than lines: only then must the file be walked again.
        stream = io.TextIOWrapper(open_binary(self.path), self.layout.encoding or "utf-8", "replace", newline="")
        with stream:
            for _ in range(head):
                stream.readline()
            line, record = head + 1, 0
            separator = self.layout.separator if len(self.layout.separator or "") == 1 else "\t"
            try:
                for _ in (reader := csv.reader(stream, delimiter=separator or ",", quotechar=self.layout.quote)):
                    record += 1
                    if record in found:
                        found[record] = line
                    if record >= numbers[-1]:
                        break
                    line = head + reader.line_num + 1
            except csv.Error:
                pass  # a quote that never closes: the plain count is the best that can be said
        return found


def read_export(
    path: Path, name: str, stem: str, sha256: str, layout: Layout, text: Path, native: Native | None = None
) -> Export:
    """Read one file into the file ``text``. Raises IntakeError when it cannot be read as its layout says.

    ``native`` names the columns to be read as numbers if all their values let it.
    """
    try:
        if layout.format == "csv":
            found = delimited.read(path, layout, text, native or Native({}))
            return Export(path, name, stem, sha256, layout, text, **vars(found))
        if layout.format == "parquet":
            count = write_rows(text, layout.headers, (), _parquet_batches(path))
            return Export(path, name, stem, sha256, layout, text, count)
        if layout.format in ("json", "jsonl"):
            headers = tuple(dict.fromkeys(key for record in records(path, layout.model) for key in record))
            rows = ([machine_text(r.get(h)) for h in headers] for r in records(path, layout.model))
            layout = Layout(layout.format, layout.encoding, None, 0, None, layout.model, headers)
            return Export(path, name, stem, sha256, layout, text, write_rows(text, headers, rows))
        grid = _sheet_rows(path, layout.sheet)
        above: dict[str, int] = {}
        for _ in range(layout.header_row):
            delimited.count_above(above, next(grid), layout.headers)
        if above.get("repeated_header"):
            above["repeated_header"] -= 1  # the header itself
        count = write_rows(text, layout.headers, grid)
        return Export(path, name, stem, sha256, layout, text, count, {k: n for k, n in above.items() if n})
    except SniffError as error:
        raise IntakeError(str(error)) from error
    except (pa.ArrowInvalid, UnicodeError, EOFError, OSError) as error:
        raise IntakeError(f"{name}: cannot be read as {layout.format}: {error}") from error


def machine_text(value: object) -> str:
    """A typed value as text that reads in one way only: 1.234 becomes 1.2340, never a thousand."""
    text = cell_text(value)
    if not isinstance(value, str) and _THREE_DECIMALS.fullmatch(text):
        return text + "0"
    return text


def _sheet_rows(path: Path, sheet: str | None) -> Iterator[list[str]]:
    book = workbook(path)
    found = book.get_sheet_by_name(sheet or best_sheet(path, book))
    offset = [""] * (found.start[1] if found.start else 0)
    for row in found.iter_rows():
        yield [*offset, *(machine_text(value) for value in row)]


def _parquet_batches(path: Path) -> Iterator[Any]:
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS):
        yield pa.RecordBatch.from_arrays([_as_text(column) for column in batch.columns], names=batch.schema.names)


def _as_text(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return pa.array([cell_text(value) for value in column.to_pylist()], pa.string())
    text = pc.fill_null(pc.cast(column, pa.string()), "")
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        text = pc.replace_substring_regex(text, _ARROW_THREE_DECIMALS, r"\10")
        return pc.if_else(pc.equal(text, "nan"), "", text)
    return text
