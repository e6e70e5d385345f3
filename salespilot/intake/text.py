"""How a text export is written: its encoding, its separator and quotes, and the line of its header."""

from __future__ import annotations

import csv
import gzip
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from salespilot.intake.files import HEAD_BYTES, HEAD_ROWS, open_binary

SEPARATORS = ("\t", ";", "|", ",")  # from the least to the most likely to occur inside a value
CELL_LINES = 20  # a longer cell is a quote that never closes
HEADER_WITHIN = 40  # a header lower than this is not looked for

_NUMBER = re.compile(r"[-+(]?\s*[€$£]?\s*\d[\d\s.,'’]*\)?\s*-?\s*(€|\$|£|%|EUR|USD|GBP|CHF)?", re.IGNORECASE)
_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?"
    r"|\d{1,2}[- ][A-Za-zéû]{3,9}\.?[- ]\d{2,4}"
    r"|[A-Z][a-z]{2,8} \d{1,2},? \d{4}.*"
)
_PERIOD = re.compile(
    r"(19|20)\d\d(-\d\d-01|[-/. ]?(0?[1-9]|1[0-2]|[QTS][1-4]))?|(0?[1-9]|1[0-2])[-/.](19|20)?\d\d|[QTS][1-4].*"
)
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = bytes(range(128))
_LEGACY = ("cp1252", "iso8859_15", "cp850", "mac_roman")
_COMMON = frozenset("éèêëàâäîïôöûüùçœæÉÈÊÀÂÎÔÛÇŒñáíóúßÜÖÄ€£°²’«»…–—\u00a0\u202f")

Rows = list[tuple[int, list[str]]]  # each record with the physical line on which it ends


def encoding_of(path: Path) -> str:
    """The encoding of a text file: UTF-8 when its accents are UTF-8, else the likeliest older table."""
    with open_binary(path) as stream:
        head = stream.read(HEAD_BYTES)
        if head.startswith(b"\xef\xbb\xbf"):
            return "utf-8"
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        start = head[:4096]
        if start.count(0) > len(start) // 4:
            return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
        blocks = [head]
        if path.stat().st_size > 3 * HEAD_BYTES and stream.seekable() and not isinstance(stream, gzip.GzipFile):
            stream.seek(path.stat().st_size // 2)
            blocks.append(stream.read(HEAD_BYTES))
            stream.seek(HEAD_BYTES)
        while all(block.isascii() for block in blocks):
            block = stream.read(HEAD_BYTES)
            if not block:
                return "utf-8"
            blocks = [block + stream.read(4)]  # an accent may straddle two blocks
    return _judge_encoding(b"".join(re.sub(rb"^[\x80-\xbf]{1,3}", b"", block) for block in blocks))


def _judge_encoding(content: bytes) -> str:
    others, valid = _UTF8_SEQUENCE.subn(b"", content)
    rest = Counter(others.translate(None, _ASCII))
    spoilt = rest.total()
    if valid and spoilt <= valid // 10:  # a few spoilt bytes do not make a file cp1252; the reader names their lines
        return "utf-8"
    return max(_LEGACY, key=lambda name: _plausibility(rest, name))


def _plausibility(bytes_: Counter[int], encoding: str) -> int:
    """Letters that French and its neighbours use, less the signs that betray a wrong table. Ties go to the first."""
    counts: Counter[str] = Counter()
    for byte, count in bytes_.items():
        counts[bytes([byte]).decode(encoding, errors="replace")] += count
    common = sum(n for c, n in counts.items() if c in _COMMON)
    odd = ("Cc", "So", "Sm", "Sk", "No")
    wrong = sum(n for c, n in counts.items() if c == "\ufffd" or unicodedata.category(c) in odd)
    return common - 2 * wrong


def head_text(path: Path, encoding: str) -> str:
    """The first lines of a text file; a cut last line is left out."""
    with open_binary(path) as stream:
        raw = stream.read(HEAD_BYTES)
        whole = not stream.read(1)
    text = raw.decode(encoding, errors="replace").removeprefix("\ufeff")
    if not whole and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    return text


def split(text: str, separator: str, quote: str) -> Iterator[tuple[int, list[str]]]:
    """Records of a text with the physical line on which each ends."""
    if separator == "whitespace":
        for number, blank_separated in enumerate(io.StringIO(text, newline=""), start=1):
            yield number, blank_separated.split()
        return
    options: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, **options)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field beyond the csv module's limit: a quote that never closes
            return
        yield reader.line_num, cells


def dialect(head: str, separator: str | None) -> tuple[str, str, Rows, int]:
    """Separator, quote, first records and header line that make the most regular table of ``head``."""
    candidates = [separator] if separator else [s for s in SEPARATORS if s in head]
    best: tuple[float, str, str, Rows, int] | None = None
    for candidate in candidates:
        for quote in ('"', "") if '"' in head else ('"',):
            rows = list(islice(split(head, candidate, quote), HEAD_ROWS))
            header_row = find_header(rows)
            score = _regularity(rows, header_row) - (0.2 if not quote else 0.0)
            score -= 0.5 if quote and _is_swallowed(head, candidate, rows) else 0.0
            if best is None or score > best[0] + 0.02:
                best = (score, candidate, quote, rows, header_row)
    if separator and best:
        return best[1:]
    if best is None or best[0] < 0.5:
        rows = list(islice(split(head, "whitespace", ""), HEAD_ROWS))
        header_row = find_header(rows)
        if _regularity(rows, header_row) > 0.5 and _is_mostly_measured(rows, header_row):
            return "whitespace", '"', rows, header_row
    if best is None or best[0] <= 0:  # one column: any separator that does not occur
        unused = next(s for s in (*SEPARATORS, "\x1f") if s not in head or s == "\x1f")
        rows = list(islice(split(head, unused, '"'), HEAD_ROWS))
        return unused, '"', rows, find_header(rows)
    return best[1:]


def _regularity(rows: Rows, header_row: int) -> float:
    """Share of records as wide as the header; less when there is none, or lines above it, or one column only."""
    full = [cells for line, cells in rows if any(cells) and line >= header_row]
    width = len(full[0]) if full else 0
    if width < 2:
        return 0.0
    share = sum(len(cells) == width for cells in full) / len(full)
    above = sum(1 for line, cells in rows if any(cells) and line < header_row)
    return share - (0.0 if header_row else 0.3) - min(0.02 * above, 0.2)


def _is_swallowed(head: str, separator: str, rows: Rows) -> bool:
    """Whether quotes that open and never close swallow records: ill-made quoting, and cells of several lines."""
    if not any("\n" in cell for _, cells in rows for cell in cells):
        return False
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=separator, strict=True)
    ended = 0
    try:
        for _ in islice(reader, HEAD_ROWS):
            ended = reader.line_num
    except csv.Error as error:  # the head may stop within a cell, but a cell has no dozens of lines
        return "end of data" not in str(error) or reader.line_num - ended > CELL_LINES
    return False


def _is_mostly_measured(rows: Rows, header_row: int) -> bool:
    """Whether at least half of the data cells are numbers or dates: blanks between words do not make a table."""
    kinds = Counter(kind_of(cell) for line, cells in rows if line > header_row for cell in cells)
    return kinds["number"] + kinds["date"] >= kinds["text"]


def find_header(rows: Rows) -> int:
    """The line of the header: the first row as filled as the data, whose cells do not look like theirs; 0 if none."""
    filled = [sum(1 for cell in cells if cell.strip()) for _, cells in rows]
    widths = Counter(n for n in filled if n)
    if not widths:
        return 0
    usual = max(widths, key=lambda n: (widths[n] * (n > 1), n))
    needed = 0
    for position, (line, cells) in enumerate(rows[:HEADER_WITHIN]):
        if filled[position] < max(0.6 * usual, 1):
            continue
        below = [other for _, other in rows[position + 1 : position + 60] if any(other) and other != cells]
        evidence = _evidence(cells, below)
        if evidence >= needed and any(kind_of(cell) == "text" for cell in cells):
            repeats = takewhile(lambda row: row[1] == cells, rows[position + 1 :])  # noqa: B023 - consumed here
            return max((number for number, _ in repeats), default=line)
        if evidence == -filled[position]:
            return 0  # nothing but data: the file begins without a header
        needed = 1  # below a row of data, only a row that plainly differs from its followers is a header
    return 0


def _evidence(cells: Sequence[str], below: Sequence[Sequence[str]]) -> int:
    """Columns that speak for a row being the header (text above figures), less those against (a figure above others).

    A year or month above figures speaks neither way: it heads a column of a wide table.
    """
    balance = 0
    for index, cell in enumerate(cells):
        kind = kind_of(cell)
        others = Counter(kind_of(row[index]) for row in below if index < len(row))
        others.pop("", None)
        if not kind or not others:
            continue
        usual, count = others.most_common(1)[0]
        if count < 0.6 * others.total():
            continue
        if kind == "text":
            balance += usual != "text"
        elif not _PERIOD.fullmatch(cell.strip()):
            balance -= 1
    return balance


def kind_of(cell: str) -> str:
    """What a cell's text looks like: "number", "date", "text", or "" when empty."""
    text = cell.strip()
    if not text:
        return ""
    if _DATE.fullmatch(text):
        return "date"
    return "number" if _NUMBER.fullmatch(text) else "text"
