"""Any export as text: every cell a string, streamed into an Arrow file on disk, never whole in memory.

The rows of an :class:`Export` are numbered from 1 below the header (``_record``), blank lines included, so that each
can be found again in the client's file. Numbers and dates that a file holds typed (workbooks, Parquet, JSON, databases)
are written so that they can be read in one way only: ISO dates, decimal points, never exactly three decimals.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet

from salespilot.intake.files import SniffError, best_sheet, cell_text, clean_header, open_binary, records, workbook
from salespilot.intake.model import IntakeError
from salespilot.intake.sniff import Layout

BLOCK_BYTES = 1 << 20  # small blocks stay in the processor's cache: twice as fast as 16 MB ones
MAX_BLOCK_BYTES = 1 << 28
BATCH_ROWS = 20_000
MAPPED_BYTES = 200 << 20
_THREE_DECIMALS = re.compile(r"[-+]?\d+\.\d{3}")
_ARROW_THREE_DECIMALS = r"^([-+]?\d+\.\d{3})$"


@dataclass(frozen=True)
class Export:
    """One export read as text.

    ``name``      as messages show it; ``stem`` names its view and the line ids made from it.
    ``text``      the Arrow file: ``_record`` and one text column a header.
    ``records``   rows below the header, blank and misfit ones included.
    ``above``     lines above the header: title, blank, repeated_header -> count.
    ``misfits``   rows with more filled cells than there are columns: (record, the raw line).
    ``spoilt``    whether bytes that are not of the encoding were replaced by U+FFFD.
    ``odd_blanks``  whether cells may hold blanks other than plain spaces (tabs, no-break spaces).
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

    def arrow(self) -> Any:
        """The text for DuckDB to scan: mapped where it is small (fast, in parallel), else read in parts."""
        if self.text.stat().st_size <= MAPPED_BYTES:
            return pa.ipc.open_file(pa.memory_map(str(self.text))).read_all()
        return pyarrow.dataset.dataset(self.text, format="ipc")

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


def read_export(path: Path, name: str, stem: str, sha256: str, layout: Layout, text: Path) -> Export:
    """Read one file into the Arrow file ``text``. Raises IntakeError when it cannot be read as its layout says."""
    try:
        if layout.format == "csv":
            return _read_text(path, name, stem, sha256, layout, text)
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
            _count_above(above, next(grid), layout.headers)
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


def write_rows(
    path: Path, headers: Sequence[str], rows: Iterable[Sequence[str]], batches: Iterable[Any] | None = None
) -> int:
    """Write rows of text (or ready Arrow batches) with their record numbers; returns how many."""
    schema = _schema(headers)
    count = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for columns, size in _columns(headers, rows) if batches is None else ((b.columns, b.num_rows) for b in batches):
            numbers = pa.array(np.arange(count + 1, count + size + 1, dtype=np.int64))
            writer.write_batch(pa.RecordBatch.from_arrays([numbers, *columns], schema=schema))
            count += size
    return count


def _schema(headers: Sequence[str]) -> Any:
    return pa.schema([("_record", pa.int64()), *((header, pa.string()) for header in headers)])


def _columns(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[tuple[list[Any], int]]:
    width = len(headers)
    block: list[list[str]] = []
    for row in rows:
        block.append([*row[:width], *[""] * (width - len(row))])
        if len(block) == BATCH_ROWS:
            yield [pa.array(column, pa.string()) for column in zip(*block, strict=True)], len(block)
            block = []
    if block:
        yield [pa.array(column, pa.string()) for column in zip(*block, strict=True)], len(block)


def _count_above(above: dict[str, int], cells: Sequence[str], headers: Sequence[str]) -> None:
    filled = [clean_header(cell) for cell in cells if cell.strip()]
    if not filled:
        kind = "blank"
    else:
        kind = "repeated_header" if filled == [h for h in headers if h in filled] and len(filled) > 1 else "title"
    above[kind] = above.get(kind, 0) + 1


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


# ---- text files -----------------------------------------------------------------------------------------------------


class _Utf8(io.RawIOBase):
    """A text export as a stream of UTF-8 bytes: decodes older encodings, spoilt bytes become U+FFFD."""

    def __init__(self, raw: Any, encoding: str, blanks: bool) -> None:
        self._raw, self._blanks = raw, blanks
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest, self._start, self._ended = "", True, False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At least one byte while there is more; a little more than ``size`` where decoding makes it longer."""
        while not self._ended:
            block = self._raw.read(size if size > 0 else BLOCK_BYTES)
            self._ended = not block
            text = self._decoder.decode(block, final=self._ended)
            if self._start and text:
                text, self._start = text.removeprefix("\ufeff"), False
            if self._blanks:
                text = self._tabs(text)
            if text:
                return text.encode()
        return b""

    def _tabs(self, text: str) -> str:
        """Whole lines with each run of blanks as one tab; what follows the last line break waits."""
        text = self._rest + text
        cut = len(text) if self._ended else text.rfind("\n") + 1
        self._rest, text = text[cut:], text[:cut]
        return re.sub(r"[ \t]+", "\t", re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text))

    def close(self) -> None:
        self._raw.close()
        super().close()


def _read_text(path: Path, name: str, stem: str, sha256: str, layout: Layout, text: Path) -> Export:
    block, spoilt = BLOCK_BYTES, False
    odd = _odd_blanks(layout)
    quoted, odd_blanks = False, not odd
    with open_binary(path) as stream:
        for part in iter(lambda: stream.read(BLOCK_BYTES), b""):
            quoted = quoted or b'"' in part
            odd_blanks = odd_blanks or any(blank in part for blank in odd)
    quoted = quoted and bool(layout.quote)
    while True:
        try:
            count, misfits = _stream_text(path, layout, text, block, spoilt, quoted)
            break
        except pa.ArrowInvalid as error:
            if "UTF8" in str(error) and not spoilt:
                spoilt = True  # a few bytes are not UTF-8: read again, replacing them
            elif "straddling" in str(error) and block < MAX_BLOCK_BYTES:
                block *= 16  # a record longer than a block
            else:
                raise
    above: dict[str, int] = {}
    with io.TextIOWrapper(open_binary(path), layout.encoding or "utf-8", "replace", newline="") as head:
        for _ in range(layout.header_row - 1):
            line = head.readline().strip("\ufeff\r\n")
            _count_above(above, next(_cells(line, layout), []), layout.headers)
    spoilt = spoilt or (_is_foreign(layout) and _holds_replacement(text))
    return Export(path, name, stem, sha256, layout, text, count, above, tuple(misfits), spoilt, odd_blanks)


def _odd_blanks(layout: Layout) -> tuple[bytes, ...]:
    """The bytes that betray blanks other than a space; none where they cannot be told."""
    tab = () if layout.separator in ("\t", "whitespace") else (b"\t",)
    name = codecs.lookup(layout.encoding or "utf-8").name
    if name in ("cp1252", "iso8859-1", "iso8859-15"):
        return (b"\xa0", *tab)
    if name in ("utf-8", "utf-8-sig"):
        return (b"\xc2\xa0", b"\xe2\x80", b"\xef\xbb\xbf", *tab)
    return ()


def _is_foreign(layout: Layout) -> bool:
    return codecs.lookup(layout.encoding or "utf-8").name not in ("utf-8", "utf-8-sig")


def _holds_replacement(text: Path) -> bool:
    with pa.OSFile(str(text), "rb") as source:
        return any("\ufffd".encode() in part for part in iter(lambda: source.read(BLOCK_BYTES), b""))


def _cells(text: str, layout: Layout) -> Iterator[list[str]]:
    if layout.separator == "whitespace":
        return iter([text.split()])
    options: dict[str, Any] = {"quotechar": layout.quote} if layout.quote else {"quoting": csv.QUOTE_NONE}
    return csv.reader([text], delimiter=layout.separator or ",", **options)


def _stream_text(
    path: Path, layout: Layout, text: Path, block: int, spoilt: bool, quoted: bool
) -> tuple[int, list[tuple[int, str]]]:
    """Write the records below the header; returns how many there are, and those that fit no column."""
    blanks = layout.separator == "whitespace"
    raw = open_binary(path)
    stream = _Utf8(raw, layout.encoding or "utf-8", blanks) if spoilt or blanks or _is_foreign(layout) else raw
    odd: list[tuple[int, str]] = []

    def keep(row: Any) -> str:
        odd.append((row.number - layout.header_row, row.text))
        return "skip"

    types = {header: pa.string() for header in layout.headers}
    # Threads of the reader cost more than they save here, and without them invalid rows are numbered.
    reading = pyarrow.csv.ReadOptions(
        column_names=layout.headers, skip_rows=layout.header_row, block_size=block, use_threads=False
    )
    parsing = pyarrow.csv.ParseOptions(
        delimiter="\t" if blanks else layout.separator,
        quote_char=layout.quote if quoted else False,
        newlines_in_values=quoted,
        ignore_empty_lines=False,
        invalid_row_handler=keep,
    )
    converting = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    schema = _schema(layout.headers)
    last = 0
    with stream, pa.OSFile(str(text), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        try:
            batches = pyarrow.csv.open_csv(stream, reading, parsing, converting)
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error):
                raise
            batches = []
        pending = 0
        for batch in batches:
            numbers, last, pending = _numbers(batch.num_rows, last, odd, pending)
            writer.write_batch(pa.RecordBatch.from_arrays([numbers, *batch.columns], schema=schema))
        mended, misfits = _mend(odd, layout)
        for start in range(0, len(mended), BATCH_ROWS):
            rows = mended[start : start + BATCH_ROWS]
            columns = [pa.array(column, pa.string()) for column in zip(*(cells for _, cells in rows), strict=True)]
            numbers = pa.array([number for number, _ in rows], pa.int64())
            writer.write_batch(pa.RecordBatch.from_arrays([numbers, *columns], schema=schema))
    return max(last, odd[-1][0] if odd else 0), misfits


def _numbers(size: int, last: int, odd: list[tuple[int, str]], pending: int) -> tuple[Any, int, int]:
    """Record numbers of a batch's rows: those after ``last`` that are not of odd rows (known up to here)."""
    waiting = [number for number, _ in odd[pending:]]
    span = np.arange(last + 1, last + 1 + size + len(waiting), dtype=np.int64)
    numbers = np.setdiff1d(span, np.array(waiting, dtype=np.int64), assume_unique=True)[:size] if waiting else span
    last = int(numbers[-1]) if size else last
    passed = sum(1 for number in waiting if number < last)
    return pa.array(numbers), last, pending + passed


def _mend(odd: list[tuple[int, str]], layout: Layout) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str]]]:
    """Short rows are filled up, rows too long only by empty cells are cut; the rest fit no column."""
    mended: list[tuple[int, list[str]]] = []
    misfits: list[tuple[int, str]] = []
    width = len(layout.headers)
    tabbed = Layout("csv", None, "\t", 0, None, None, (), "") if layout.separator == "whitespace" else layout
    for number, line in odd:
        try:
            cells = next(_cells(line, tabbed), [])
        except csv.Error:
            cells = [""] * width + ["?"]
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            misfits.append((number, line))
        else:
            mended.append((number, [*cells[:width], *[""] * (width - len(cells))]))
    return mended, misfits
