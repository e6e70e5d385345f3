"""The raw contents of exports: bytes, workbook rows and JSON records, as text and one after the other."""

from __future__ import annotations

import gzip
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

import python_calamine

HEAD_BYTES = 1 << 20
HEAD_ROWS = 400


class SniffError(ValueError):
    """The file cannot be understood as a table; the message names it and says why."""


def open_binary(path: Path) -> IO[bytes]:
    """The bytes of a file, decompressed when it is gzip, whatever its name."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def format_of(path: Path) -> str:
    """csv, xlsx, parquet, json or jsonl, by content: names lie. Raises SniffError when the file is empty."""
    with open_binary(path) as stream:
        head = stream.read(4096)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t"):
        raise SniffError(f"{path.name}: the file is empty")
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:4] == b"PK\x03\x04" or head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "xlsx"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"\[\s*(\{|\])", text):
        return "json"
    return "jsonl" if re.match(rb'\{\s*("|\})', text) else "csv"


def cell_text(value: object) -> str:
    """A typed cell (of a workbook, Parquet or JSON) as the text an export would hold: ISO dates, whole floats bare."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() and value.tzinfo is None else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def clean_header(text: str) -> str:
    """A header as the rest of the house knows it: Unicode NFC, blanks (no-break, newlines) collapsed, trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).replace("\ufeff", "").split())


def models(path: Path) -> tuple[str, ...]:
    """The values of ``model`` in a JSON file of records that name one (Django fixtures), in order; else ()."""
    if format_of(path) not in ("json", "jsonl"):
        return ()
    return tuple(dict.fromkeys(str(r["model"]) for r in _objects(path) if "model" in r and "fields" in r))


def records(path: Path, model: str | None = None) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array or JSON lines file, flattened to dotted names; of one ``model`` when given.

    Streams: the file is never whole in memory. Lists stay as JSON text. Raises SniffError on broken JSON.
    """
    for record in _objects(path):
        if model is None or record.get("model") == model:
            yield dict(_flat(record))


def sheet_rows(path: Path, sheet: str | None) -> Iterator[list[str]]:
    """The rows of a workbook's sheet as text, from its first row on; ``sheet`` None takes the only or best one."""
    book = workbook(path)
    for row in book.get_sheet_by_name(sheet or best_sheet(path, book)).to_python(skip_empty_area=False):
        yield [cell_text(value) for value in row]


def workbook(path: Path) -> Any:
    try:  # by content: an .xls is often an .xlsx under another name
        return python_calamine.load_workbook(io.BytesIO(path.read_bytes()))
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise SniffError(f"{path.name}: not a readable workbook ({error})") from error


def visible_sheets(book: Any) -> list[str]:
    """The names of the sheets that are not hidden; all names where the workbook does not tell."""
    return [s.name for s in book.sheets_metadata if "Visible" in str(s.visible)] or list(book.sheet_names)


def best_sheet(path: Path, book: Any) -> str:
    """The visible sheet with the largest table."""
    visible = visible_sheets(book)
    if len(visible) == 1:
        return str(visible[0])

    def size(name: str) -> int:
        sheet = book.get_sheet_by_name(name)
        filled = [sum(1 for value in row if value != "") for row in sheet.to_python(nrows=HEAD_ROWS)]
        return int(sheet.total_height) * Counter(n for n in filled if n).most_common(1)[0][0] if any(filled) else 0

    if not visible:
        raise SniffError(f"{path.name}: a workbook without a sheet")
    return str(max(visible, key=size))


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array or of JSON lines, one after the other, from a buffer that never holds the file."""
    decoder = json.JSONDecoder()
    with io.TextIOWrapper(open_binary(path), encoding="utf-8-sig") as stream:
        buffer, start, ended = "", 0, False
        while True:
            gap = re.compile(r"[\s,\[\]]*").match(buffer, start)
            start = gap.end() if gap else start
            try:
                if start == len(buffer) and not ended:
                    raise json.JSONDecodeError("more to read", buffer, start)
                if start == len(buffer):
                    return
                record, start = decoder.raw_decode(buffer, start)
            except json.JSONDecodeError as error:
                block = stream.read(HEAD_BYTES)
                if not block and ended:
                    raise SniffError(f"{path.name}: broken JSON ({error.msg})") from error
                ended = not block
                buffer, start = buffer[start:] + block, 0
                continue
            if not isinstance(record, dict):
                raise SniffError(f"{path.name}: a list of {type(record).__name__}, not of records")
            yield record


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
