"""The exports of one source side by side: one DuckDB view of text columns over all its files.

Headers are matched without regard to case, accents, blanks or punctuation, so that the files of several years are one
table although "Montant HT" was once "MONTANT  HT".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from salespilot.intake.source import Export
from salespilot.intake.store import show
from salespilot.intake.words import named, normal, quoted


@dataclass(frozen=True)
class Relation:
    """A view with ``_file`` (position in ``exports``), ``_record`` and one text column (never null) a header.

    ``headers``  the names of the view's columns.
    ``given``    for each header, the positions of the files that have it.
    ``numeric``  headers that are numbers already in all files, null where the cell is empty -> the decimal mark that
                 they prove ("" where none).
    """

    view: str
    exports: tuple[Export, ...]
    headers: tuple[str, ...]
    given: Mapping[str, frozenset[int]]
    numeric: Mapping[str, str] = field(default_factory=dict)

    def cell(self, header: str) -> str:
        """SQL of a cell as text, over ``r``."""
        reference = f"r.{named(header)}"
        return f"coalesce(cast({reference} as varchar), '')" if header in self.numeric else reference

    def find(self, written: str) -> str | None:
        """The header that a name means; None when no file has it."""
        if written in self.given:
            return written
        wanted = normal(written)
        return next((h for h in self.headers if normal(h) == wanted), None) if wanted else None

    @property
    def record_key(self) -> str:
        """SQL of the key made from file and record, for tables whose export has none."""
        stems = ", ".join(quoted(export.stem) for export in self.exports)
        return f"[{stems}][r._file + 1] || ':' || r._record"

    def suggest(self, written: str) -> str:
        """The end of a message about a header that no file has."""
        by_norm = {normal(h): h for h in self.headers}
        near = difflib.get_close_matches(normal(written), by_norm, n=1)
        if near:
            return f"did you mean {by_norm[near[0]]!r}?"
        return f"the headers are {', '.join(map(repr, self.headers))}"


def relate(connection: Any, view: str, exports: Sequence[Export]) -> Relation:
    """Create the view over the exports and say which headers it has."""
    canonical: dict[str, str] = {}
    own: list[dict[str, str]] = []
    for export in exports:
        mine: dict[str, str] = {}
        for header in export.layout.headers:
            key = normal(header) or header
            while key in mine:
                key += " again"  # two headers of one file that differ only by accents or blanks
            mine[key] = header
            canonical.setdefault(key, header)
        own.append(mine)
    given = {name: frozenset(n for n, mine in enumerate(own) if key in mine) for key, name in canonical.items()}
    numeric = _numeric(exports, canonical, own)
    parts = []
    for number, (export, mine) in enumerate(zip(exports, own, strict=True)):
        source = f"{view}_{number}"
        show(connection, source, export.text)
        cells = []
        for key, name in canonical.items():
            cell = named(mine[key]) if key in mine else "''"
            if key in mine and mine[key] in export.numeric and name not in numeric:
                cell = f"coalesce(cast({cell} as varchar), '')"  # another file has this column as text
            cells.append(f"{cell} as {named(name)}")
        chosen = ", ".join(cells)
        parts.append(f"select {number}::smallint as _file, _record{', ' + chosen if chosen else ''} from {source}")
    connection.execute(f"create or replace view {view} as {' union all '.join(parts)}")
    return Relation(view, tuple(exports), tuple(canonical.values()), given, numeric)


def _numeric(
    exports: Sequence[Export], canonical: Mapping[str, str], own: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """The headers that are numbers in every file -> a decimal mark that they prove."""
    found = {}
    for key, name in canonical.items():
        marks = [export.numeric.get(mine.get(key, "")) for export, mine in zip(exports, own, strict=True)]
        if None not in marks:
            found[name] = max(str(mark) for mark in marks)
    return found
