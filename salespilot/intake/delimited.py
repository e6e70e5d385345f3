"""Text exports (CSV and its kin) read by pyarrow, in blocks, whatever their encoding and separator.

Nothing is lost on the way: blank lines keep their number, rows too short are filled up, rows that hold more cells than
there are columns are handed back as they stand.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from salespilot.intake.files import clean_header, open_binary
from salespilot.intake.native import Native
from salespilot.intake.sniff import Layout
from salespilot.intake.store import BATCH_ROWS, Writer, holds, schema

BLOCK_BYTES = 1 << 20  # small blocks stay in the processor's cache: twice as fast as 16 MB ones
MAX_BLOCK_BYTES = 1 << 28


@dataclass(frozen=True)
class Delimited:
    """What was found in a text export; the fields are those of :class:`.source.Export`."""

    records: int
    above: dict[str, int]
    misfits: tuple[tuple[int, str], ...]
    spoilt: bool
    odd_blanks: bool
    composed: bool
    numeric: Mapping[str, str] = field(default_factory=dict)


class _RaggedError(pa.ArrowInvalid):
    """Rows to be mended by hand stand among columns read as numbers."""


class _Utf8(io.RawIOBase):
    """A text export as a stream of UTF-8 bytes: decodes older encodings; ``spoilt``: bytes were read as U+FFFD."""

    def __init__(self, raw: Any, encoding: str, blanks: bool) -> None:
        self._raw, self._blanks = raw, blanks
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._is_cp1252 = codecs.lookup(encoding).name == "cp1252"
        self._rest, self._start, self._ended = "", True, False
        self.spoilt = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At least one byte while there is more; a little more than ``size`` where decoding makes it longer."""
        while not self._ended:
            block = self._raw.read(size if size > 0 else BLOCK_BYTES)
            self._ended = not block
            if self._is_cp1252 and block and not _has_c1(block):
                text = block.decode("latin-1")  # the same characters, four times as fast
            else:
                text = self._decoder.decode(block, final=self._ended)
            if self._start and text:
                text, self._start = text.removeprefix("\ufeff"), False
            self.spoilt = self.spoilt or "\ufffd" in text
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


def _has_c1(block: bytes) -> bool:
    """Whether bytes hold one from 0x80 to 0x9F, where cp1252 differs from Latin-1."""
    return bool(np.frombuffer(block, np.int8).min() < -96)


def read(path: Path, layout: Layout, text: Path, native: Native) -> Delimited:
    """Write the records below the header of a text export to ``text``, its ``native`` columns as numbers.

    Columns whose values do not let themselves be read so stay text. Raises ArrowInvalid on a broken file.
    """
    block, replaces = BLOCK_BYTES, False
    quoted, odd_blanks = _look(path, layout)
    while True:
        try:
            count, misfits, spoilt = _stream_text(path, layout, text, block, replaces, quoted, native)
            if not (quoted and _swallowed(text, layout)):
                break
            quoted = False  # a quote that never closes: read again, quotes as they stand
        except pa.ArrowInvalid as error:
            refused = re.match(r"In CSV column #(\d+)", str(error))
            if refused and layout.headers[int(refused[1])] in native.types:
                native = native.without(layout.headers[int(refused[1])])  # a value to be judged: text, then
            elif native.types and isinstance(error, _RaggedError):
                native = Native({})
            elif "UTF8" in str(error) and not replaces:
                replaces = True  # a few bytes are not UTF-8: read again, replacing them
            elif "straddling" in str(error) and block < MAX_BLOCK_BYTES:
                block *= 16  # a record longer than a block
            else:
                raise
    above: dict[str, int] = {}
    with io.TextIOWrapper(open_binary(path), layout.encoding or "utf-8", "replace", newline="") as head:
        for _ in range(layout.header_row - 1):
            line = head.readline().strip("\ufeff\r\n")
            count_above(above, next(_cells(line, layout), []), layout.headers)
    return Delimited(
        records=count,
        above=above,
        misfits=tuple(misfits),
        spoilt=spoilt,
        odd_blanks=odd_blanks,
        composed=_is_western(layout),
        numeric={header: "" if kind == pa.int64() else native.mark for header, kind in native.types.items()},
    )


def count_above(above: dict[str, int], cells: Sequence[str], headers: Sequence[str]) -> None:
    """Count a line above the header: a title, blank, or the header itself once more."""
    filled = [clean_header(cell) for cell in cells if cell.strip()]
    if not filled:
        kind = "blank"
    else:
        kind = "repeated_header" if filled == [h for h in headers if h in filled] and len(filled) > 1 else "title"
    above[kind] = above.get(kind, 0) + 1


def _look(path: Path, layout: Layout) -> tuple[bool, bool]:
    """Whether a text file quotes cells, and whether it holds blanks other than plain spaces."""
    odd: tuple[bytes, ...] = () if layout.separator in ("\t", "whitespace") else (b"\t",)
    if _is_western(layout):
        odd += (b"\xa0",)
    elif codecs.lookup(layout.encoding or "utf-8").name in ("utf-8", "utf-8-sig"):
        odd += (b"\xc2\xa0", b"\xe2\x80")
    else:
        return bool(layout.quote), True
    quoted = is_odd = False
    with open_binary(path) as stream:
        for part in iter(lambda: stream.read(BLOCK_BYTES), b""):
            quoted = quoted or b'"' in part
            is_odd = is_odd or any(blank in part for blank in odd)
    return quoted and bool(layout.quote), is_odd


def _swallowed(text: Path, layout: Layout) -> bool:
    """Whether a cell holds whole rows of the file, as after a quote that never closes."""
    if not holds(text, "\n"):
        return False
    import pyarrow.dataset  # rarely needed, slow to load

    # Fewer than three separators may well stand in a comment of several lines.
    row = rf"\n(?:[^\n]*?{re.escape(layout.separator or ',')}){{{max(len(layout.headers) - 1, 3)}}}"
    batches = pyarrow.dataset.dataset(str(text), format=text.suffix.removeprefix(".")).to_batches()
    return any(
        pa.compute.any(pa.compute.match_substring_regex(column, row)).as_py()
        for batch in batches
        for column in batch.columns
        if pa.types.is_string(column.type)
    )


def _is_western(layout: Layout) -> bool:
    return codecs.lookup(layout.encoding or "utf-8").name in ("cp1252", "iso8859-1", "iso8859-15")


def _is_foreign(layout: Layout) -> bool:
    return codecs.lookup(layout.encoding or "utf-8").name not in ("utf-8", "utf-8-sig")


def _cells(text: str, layout: Layout) -> Iterator[list[str]]:
    if layout.separator == "whitespace":
        return iter([text.split()])
    options: dict[str, Any] = {"quotechar": layout.quote} if layout.quote else {"quoting": csv.QUOTE_NONE}
    return csv.reader([text], delimiter=layout.separator or ",", **options)


def _stream_text(
    path: Path, layout: Layout, text: Path, block: int, replaces: bool, quoted: bool, native: Native
) -> tuple[int, list[tuple[int, str]], bool]:
    """Write the records below the header; returns how many, those that fit no column, whether bytes were replaced."""
    blanks = layout.separator == "whitespace"
    raw = open_binary(path)
    stream = _Utf8(raw, layout.encoding or "utf-8", blanks) if replaces or blanks or _is_foreign(layout) else raw
    odd: list[tuple[int, str]] = []

    def keep(row: Any) -> str:
        odd.append((row.number - layout.header_row, row.text))
        return "skip"

    types = {header: native.types.get(header, pa.string()) for header in layout.headers}
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
    converting = pyarrow.csv.ConvertOptions(
        column_types=types, strings_can_be_null=False, null_values=[""], decimal_point=native.mark
    )
    last = 0
    with stream, Writer(text, schema(types.items())) as writer:
        try:
            batches = pyarrow.csv.open_csv(stream, reading, parsing, converting)
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error):
                raise
            batches = []
        pending = 0
        for batch in batches:
            numbers, last, pending = _numbers(batch.num_rows, last, odd, pending)
            writer.write(numbers, batch.columns)
        mended, misfits = _mend(odd, layout)
        if mended and native.types:
            raise _RaggedError("rows of another width: read them as text")
        for start in range(0, len(mended), BATCH_ROWS):
            rows = mended[start : start + BATCH_ROWS]
            columns = [pa.array(column, pa.string()) for column in zip(*(cells for _, cells in rows), strict=True)]
            numbers = pa.array([number for number, _ in rows], pa.int64())
            writer.write(numbers, columns)
    return max(last, odd[-1][0] if odd else 0), misfits, isinstance(stream, _Utf8) and stream.spoilt


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
