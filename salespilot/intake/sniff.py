"""What a raw export looks like: its format, encoding, separator, and where its header is.

Only the head of a file is parsed; its encoding is judged on the whole file when the head is plain ASCII, because one
accent on line 200,000 is enough to lose a row. Nothing is typed here: every cell stays text.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import pyarrow.parquet

from salespilot.intake.files import (
    HEAD_ROWS,
    SniffError,
    best_sheet,
    cell_text,
    clean_header,
    format_of,
    models,
    records,
    sheet_rows,
    visible_sheets,
    workbook,
)
from salespilot.intake.text import HEADER_WITHIN, Rows, dialect, encoding_of, find_header, head_text, split

__all__ = ["Layout", "SniffError", "layout", "layouts", "models", "sample"]

SAME_TABLE = 0.8  # of the rows of the longest table: with fewer, columns behind an empty one are another table's
JSON_ROWS = 1000  # records whose keys make the headers


@dataclass(frozen=True)
class Layout:
    """How one export is laid out.

    ``format``      csv, xlsx (any workbook), parquet, jsonl or json.
    ``encoding``    of text files, as Python names it; a byte-order mark is not part of the name.
    ``separator``   of text files: one character, or "whitespace" for runs of blanks.
    ``header_row``  1-based physical line (text) or row (workbook) on which the header ends; 0 when there is none.
                    Of headers repeated one under the other the last counts: the data begin below it.
    ``headers``     names of all columns, blanks collapsed; an unnamed one is ``column_N``, a second one ``name_2``.
    ``quote``       quoting character of text files; "" when quotes are plain text.
    """

    format: str
    encoding: str | None
    separator: str | None
    header_row: int
    sheet: str | None
    model: str | None
    headers: tuple[str, ...]
    quote: str = '"'


def layout(path: Path, hints: Mapping[str, object]) -> Layout:
    """The layout of the file at ``path``.

    ``hints`` are the reading options of a ``[[source]]`` (format, encoding, separator, header_row, sheet, model); each
    wins over what the file shows. Raises SniffError when the file is empty, unreadable or not a table.
    """
    kind = str(hints.get("format") or format_of(path))
    if kind == "parquet":
        names = _unique(pyarrow.parquet.read_schema(path).names)
        return Layout("parquet", None, None, 0, None, None, names)
    if kind in ("json", "jsonl"):
        return _json_layout(path, kind, hints)
    if kind == "xlsx":
        return _workbook_layout(path, hints)
    if kind == "csv":
        return _text_layout(path, hints)
    raise SniffError(f"{path.name}: unknown format {kind!r} (csv, xlsx, parquet, jsonl or json)")


def layouts(path: Path) -> list[Layout]:
    """What a file holds: its table, or its JSON models, or the tables of its visible sheets, the largest first.

    Raises SniffError as :func:`layout` does; sheets without a table are left out.
    """
    found = [layout(path, {"model": model} if model else {}) for model in models(path) or (None,)]
    for sheet in visible_sheets(workbook(path)) if found[0].sheet else ():
        try:
            found += [layout(path, {"sheet": sheet})] if sheet != found[0].sheet else []
        except SniffError:
            continue
    return found


def sample(path: Path, layout: Layout, rows: int = 200) -> list[dict[str, str]]:
    """The first ``rows`` data rows as text, a dict each keyed by header, without blank and repeated headers."""
    if layout.format == "parquet":
        batch = next(pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=rows), None)
        found: Iterable[Sequence[str]] = []
        if batch is not None:
            found = [[cell_text(v) for v in row] for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
    elif layout.format in ("json", "jsonl"):
        return [
            {header: cell_text(record.get(header)) for header in layout.headers}
            for record in islice(records(path, layout.model), rows)
        ]
    elif layout.format == "xlsx":
        found = islice(sheet_rows(path, layout.sheet), layout.header_row, layout.header_row + 2 * rows + HEADER_WITHIN)
    else:
        head = head_text(path, layout.encoding or "utf-8")
        lines = islice(io.StringIO(head, newline=""), layout.header_row, None)
        found = (cells for _, cells in split("".join(lines), layout.separator or ",", layout.quote))
    kept = (row for row in found if any(row) and not _is_header(row, layout.headers))
    padding = [""] * len(layout.headers)
    return [dict(zip(layout.headers, [*row, *padding], strict=False)) for row in islice(kept, rows)]


def _json_layout(path: Path, kind: str, hints: Mapping[str, object]) -> Layout:
    model = str(hints["model"]) if hints.get("model") else None
    headers: dict[str, None] = {}
    for record in islice(records(path, model), JSON_ROWS):
        headers.update(dict.fromkeys(record))
    if not headers:
        raise SniffError(f"{path.name}: no record" + (f" of model {model!r}" if model else ""))
    return Layout(kind, "utf-8", None, 0, None, model, tuple(headers))


def _text_layout(path: Path, hints: Mapping[str, object]) -> Layout:
    encoding = str(hints.get("encoding") or encoding_of(path))
    try:
        head = head_text(path, encoding)
    except LookupError as error:
        raise SniffError(f"{path.name}: unknown encoding {encoding!r}") from error
    if not head.strip():
        raise SniffError(f"{path.name}: the file is empty")
    told = re.match(r"sep=(.)\r?\n", head)  # the line by which Excel is told the separator
    wanted = hints.get("separator") or (told[1] if told else None)
    separator, quote, rows, header_row = dialect(head, str(wanted) if wanted else None)
    if hints.get("header_row") is not None:
        header_row = _header_hint(hints)
    return Layout("csv", encoding, separator, header_row, None, None, _headers(rows, header_row), quote)


def _header_hint(hints: Mapping[str, object]) -> int:
    return int(str(hints["header_row"]))


def _headers(rows: Rows, header_row: int) -> tuple[str, ...]:
    found = next((cells for line, cells in rows if line == header_row), []) if header_row else []
    data = [cells for line, cells in rows if line > header_row and any(cells)]
    widths = Counter(len(cells) for cells in data)
    width = max(len(found), widths.most_common(1)[0][0] if widths else 0)
    while width > len(found) and not any(len(c) >= width and c[width - 1].strip() for c in data):
        width -= 1
    return _apart(_unique([*found, *[""] * (width - len(found))]), data)


def _apart(headers: tuple[str, ...], data: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The headers, those of a shorter table beside the longest one, behind an empty column, marked "(table 2)".

    A column that is filled here and there is a part of the longest table, not one of its own.
    """
    columns = [[index < len(cells) and bool(cells[index].strip()) for cells in data] for index in range(len(headers))]
    is_blank = [header == f"column_{n}" and not any(columns[n - 1]) for n, header in enumerate(headers, start=1)]
    blocks = [list(block) for blank, block in groupby(range(len(headers)), is_blank.__getitem__) if not blank]
    filled = [[any(cells) for cells in zip(*(columns[index] for index in block), strict=True)] for block in blocks]
    sizes = [sum(rows) for rows in filled]
    made = list(headers)
    for number, (block, rows, size) in enumerate(zip(blocks, filled, sizes, strict=True), start=1):
        if size < SAME_TABLE * max(sizes) and all(rows[:size]):
            for index in block:
                made[index] = f"{headers[index]} (table {number})"
    return tuple(made)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Headers cleaned, the unnamed numbered, the repeated suffixed: no two alike."""
    made: list[str] = []
    for position, name in enumerate(names, start=1):
        base = clean_header(name) or f"column_{position}"
        unique, copy = base, 1
        while unique in made:
            copy += 1
            unique = f"{base}_{copy}"
        made.append(unique)
    return tuple(made)


def _is_header(row: Sequence[str], headers: Sequence[str]) -> bool:
    named = [(cell, header) for cell, header in zip(row, headers, strict=False) if cell.strip()]
    return len(named) > 1 and all(clean_header(cell) == header for cell, header in named)


def _workbook_layout(path: Path, hints: Mapping[str, object]) -> Layout:
    book = workbook(path)
    sheet = str(hints.get("sheet") or best_sheet(path, book))
    if sheet not in book.sheet_names:
        raise SniffError(f"{path.name}: no sheet {sheet!r}; it has {', '.join(map(repr, book.sheet_names))}")
    grid = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False, nrows=HEAD_ROWS)
    rows = [(number, [cell_text(value) for value in row]) for number, row in enumerate(grid, start=1)]
    if not any(any(cells) for _, cells in rows):
        raise SniffError(f"{path.name}: sheet {sheet!r} is empty")
    header_row = _header_hint(hints) if hints.get("header_row") is not None else find_header(rows)
    return Layout("xlsx", None, None, header_row, sheet, None, _headers(rows, header_row))
