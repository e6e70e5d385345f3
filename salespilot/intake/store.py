"""Where the text of exports waits on disk, to be scanned by DuckDB as often as it takes.

Small texts are Arrow files mapped into memory: nothing is faster. Large ones are Parquet, which DuckDB reads in parts,
so that an export of any size passes through a bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from salespilot.intake.words import named, quoted

BATCH_ROWS = 20_000
GROUP_ROWS = 120_000
DICTIONARY_BYTES = 1 << 16  # of a column's distinct values; to look for repeats among more costs more than it saves
LARGE_BYTES = 320 << 20  # of an export: its text no longer belongs in memory
ARROW, PARQUET = ".arrow", ".parquet"


def suffix(size: int) -> str:
    """The kind of file for the text of an export of ``size`` bytes."""
    return PARQUET if size > LARGE_BYTES else ARROW


def schema(headers: Iterable[tuple[str, Any]]) -> Any:
    """The schema of a text: the record number and the columns (name, type)."""
    return pa.schema([("_record", pa.int64()), *headers])


class Writer:
    """Writes record batches of one schema to a text file, Arrow or Parquet by its suffix."""

    def __init__(self, path: Path, schema: Any) -> None:
        self._sink = pa.OSFile(str(path), "wb")
        self._schema = schema
        self._waiting: list[Any] = []
        if path.suffix == ARROW:
            self._writer = pa.ipc.new_file(self._sink, schema)
            self._group = 0
        else:
            self._writer = pyarrow.parquet.ParquetWriter(
                self._sink,
                schema,
                compression="NONE",
                write_statistics=["_record"],
                dictionary_pagesize_limit=DICTIONARY_BYTES,
            )
            self._group = GROUP_ROWS

    def write(self, numbers: Any, columns: Sequence[Any]) -> None:
        """Add rows: their record numbers and one array a column."""
        batch = pa.RecordBatch.from_arrays([numbers, *columns], schema=self._schema)
        if not self._group:
            self._writer.write_batch(batch)
            return
        self._waiting.append(batch)
        if sum(b.num_rows for b in self._waiting) >= self._group:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting = []

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
        self._sink.close()


def write_rows(
    path: Path, headers: Sequence[str], rows: Iterable[Sequence[str]], batches: Iterable[Any] | None = None
) -> int:
    """Write rows of text (or ready Arrow batches) numbered from 1; returns how many."""
    count = 0
    with Writer(path, schema((header, pa.string()) for header in headers)) as writer:
        for columns, size in _columns(headers, rows) if batches is None else ((b.columns, b.num_rows) for b in batches):
            writer.write(pa.array(np.arange(count + 1, count + size + 1, dtype=np.int64)), columns)
            count += size
    return count


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


def show(connection: Any, name: str, path: Path) -> None:
    """Give DuckDB a text under a name."""
    if path.suffix == ARROW:
        connection.register(name, pa.ipc.open_file(pa.memory_map(str(path))).read_all())
    else:
        connection.execute(f"create or replace view {named(name)} as from read_parquet({quoted(path)})")


def holds(path: Path, text: str) -> bool:
    """Whether a text (never compressed) holds a string."""
    wanted = text.encode()
    with pa.OSFile(str(path), "rb") as source:
        return any(wanted in part for part in iter(lambda: source.read(1 << 20), b""))
