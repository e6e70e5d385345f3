"""What intake hands on: the standard tables as Parquet, the count of every row read, and everything found wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any


class IntakeError(ValueError):
    """An export cannot be read at all; the message names it, says why and what to do."""


@dataclass(frozen=True)
class SourceCount:
    """Where the rows of one export went: ``rows_read`` = ``rows_kept`` + ``rows_rejected`` + the sum of ``set_aside``.

    Amounts are sums of the table's money column (0.0 where it has none) over the readable values, exact to the cent.
    """

    table: str
    file: str
    sha256: str
    rows_read: int
    rows_kept: int
    rows_rejected: int
    set_aside: Mapping[str, int]
    amount_kept: float = 0.0
    amount_rejected: float = 0.0
    amount_set_aside: float = 0.0


@dataclass(frozen=True)
class Issue:
    """Something found in the exports. ``issue_<code>`` is its sentence, filled by ``values``.

    ``count`` is in rows unless the code says otherwise; ``amount`` is what they weigh in money, None when unknown.
    ``values["effect"]`` is ``blocks`` (the table cannot be used), ``weakens`` or ``informs``.
    """

    code: str
    table: str
    file: str | None = None
    column: str | None = None
    count: int = 0
    amount: float | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    @property
    def effect(self) -> str:
        """What the issue does to reports that use the table: blocks, weakens or informs."""
        return str(self.values.get("effect", "weakens"))


@dataclass(frozen=True)
class Intake:
    """The result of reading a client: ``tables`` maps each standard table to its Parquet file (or its engine).

    ``exports_fingerprint`` stands for the exports alone where actions decided in the register are among the tables.
    """

    fingerprint: str
    folder: Path
    tables: Mapping[str, Any]
    columns: Mapping[str, tuple[str, ...]]
    counts: tuple[SourceCount, ...]
    issues: tuple[Issue, ...]
    unmatched: tuple[str, ...]
    exported_on: date
    exports_fingerprint: str | None = None


@dataclass(frozen=True)
class Reject:
    """One value (or row) that could not be used. ``line`` is the physical line in the file, from 1."""

    table: str
    file: str
    line: int
    column: str
    value: str
    reason: str


def money(value: Decimal | int | float | None) -> float:
    """An exact sum as the nearest float, for display and JSON."""
    return float(value or 0)
