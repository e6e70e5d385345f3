"""Columns that the CSV reader may turn into numbers while it reads, which spares large exports a second look.

Only where a sample leaves nothing to judge: every value plain, one decimal mark proven. The reader refuses any value
written otherwise (a thousands mark, a blank, another decimal mark), and the column then stays text and is judged as
a whole; so what is read is the same either way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from salespilot.client import Source
from salespilot.intake import numbers
from salespilot.intake.sniff import Layout, sample
from salespilot.intake.words import normal
from salespilot.tables import Table

WORTH_BYTES = 8 << 20  # smaller exports are read as text: there is nothing to gain
SAMPLED = 2000
_PLAIN = re.compile(r"-?\d+(?:[.,]\d+)?", re.ASCII)
DECIMAL = {"money": pa.decimal128(18, 4), "number": pa.decimal128(18, 6)}


@dataclass(frozen=True)
class Native:
    """How the reader turns columns into numbers: header -> Arrow type, and the decimal mark of all of them."""

    types: Mapping[str, Any]
    mark: str = "."

    def without(self, header: str) -> Native:
        """The same less one column."""
        return Native({name: kind for name, kind in self.types.items() if name != header}, self.mark)


def guess(path: Path, layout: Layout, source: Source, table: Table, columns: Mapping[str, str]) -> Native:
    """The columns of a text export that may be read as numbers; ``columns``: standard column -> header or expression.

    A header that another column or an expression uses, or whose values are translated, stays text.
    """
    headers = {normal(header): header for header in layout.headers}
    wanted: dict[str, str] = {}
    for name, written in columns.items():
        header = written if written in layout.headers else headers.get(normal(written))
        if header is not None and table[name].type in DECIMAL and name not in source.values:
            wanted[header] = name
    used = [written for name, written in columns.items() if name not in wanted.values()]
    if not wanted:
        return Native({})
    rows = sample(path, layout, SAMPLED)
    marks: dict[str, str] = {}
    types: dict[str, Any] = {}
    for header, name in wanted.items():
        values = [value for row in rows if (value := row[header])]
        if _is_named_in(header, used) or not all(map(_PLAIN.fullmatch, values)):
            continue
        shapes = Counter(map(numbers.shape_of, values))
        votes = numbers.weigh((shape, count, shape) for shape, count in shapes.items())
        told = source.formats.get(name) or source.hints.get("decimal")
        mark = votes.decimal()
        if votes.destroyed or votes.padded or mark in (None, "mixed") or (told and told != mark):
            continue
        whole = not (votes.proof["."] or votes.proof[","])
        types[header] = pa.int64() if whole else DECIMAL[table[name].type]
        if not whole:
            marks[header] = str(mark)
    chosen = max(marks.values(), key=list(marks.values()).count, default=".")
    return Native({h: kind for h, kind in types.items() if marks.get(h, chosen) == chosen}, chosen)


def _is_named_in(header: str, written: Sequence[str]) -> bool:
    return any(header.lower() in text.lower() or normal(header) == normal(text) for text in written)
