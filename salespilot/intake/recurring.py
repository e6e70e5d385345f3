"""Whether an export of deals shows each deal several times: dated lists of the same deals, or one row a change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from salespilot.intake.computed import Match, Rows, filled
from salespilot.intake.snapshots import day_in
from salespilot.intake.text import kind_of
from salespilot.intake.vocabulary import fold, synonyms

SHARED = 0.1  # of the deals of one list, how many another must show too: lists of different deals share none
ONCE = 0.98  # of the rows of one list, how many show a deal of their own
DATED = 0.8  # of the values of a column of moments, how many are dates


@dataclass(frozen=True)
class Recurrence:
    """The option of client.toml that says it (``snapshot`` or ``changed_at``), its value, and what was seen."""

    option: str
    value: str
    why: str


def recurrence(columns: Mapping[str, Match], headers: Sequence[str], files: Mapping[str, Rows]) -> Recurrence | None:
    """How the deals of these files (stem -> sample rows) come back; None where each is there once."""
    key = columns.get("opportunity_id")
    if key is None or key.is_expression:
        return None
    return _by_file(key.source, files) or _by_column(key.source, headers, [r for rows in files.values() for r in rows])


def _by_file(key: str, files: Mapping[str, Rows]) -> Recurrence | None:
    days = [day_in(stem) for stem in files]
    if len(files) < 2 or None in days or len(set(days)) < len(days):
        return None
    codes = [filled(key, rows) for rows in files.values()]
    if not all(codes) or any(len(set(found)) < ONCE * len(found) for found in codes):
        return None
    seen = Counter(code for found in codes for code in set(found))
    again = sum(count > 1 for count in seen.values())
    if again < SHARED * min(len(set(found)) for found in codes):
        return None
    return Recurrence("snapshot", "file", f"{len(files)} dated files with the same deals: states of one list")


def _by_column(key: str, headers: Sequence[str], rows: Rows) -> Recurrence | None:
    codes = filled(key, rows)
    if len(set(codes)) >= ONCE * len(codes):
        return None
    for option, meant in synonyms().moments.items():
        for header in headers:
            if fold(header) not in meant:
                continue
            values = filled(header, rows)
            pairs = [(row.get(key, ""), row.get(header, "")) for row in rows]
            is_dated = sum(kind_of(value) == "date" for value in values) >= DATED * max(len(rows), 1)
            if is_dated and (option == "changed_at" or len(set(pairs)) >= ONCE * len(pairs)):
                what = "dates the lists" if option == "snapshot" else "dates the changes"
                return Recurrence(option, header, f"deals come back, and {header} {what}")
    return None
