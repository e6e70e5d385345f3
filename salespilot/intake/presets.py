"""Presets: header mappings of known systems, recognised by their headers. Their format is told in salesforce.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from salespilot.intake.recurring import Recurrence
from salespilot.intake.vocabulary import Words, fold
from salespilot.places import shared
from salespilot.tables import TABLES


class PresetError(ValueError):
    """A preset does not exist or does not say what it should."""


@dataclass(frozen=True)
class PresetTable:
    """What a preset knows of one export; see salesforce.toml for the meaning of each field."""

    preset: str
    table: str
    headers: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)
    dangerous: Mapping[str, str] = field(default_factory=dict)
    changed_at: str | None = None
    sql: str | None = None

    def recognises(self, headers: Sequence[str]) -> bool:
        """Whether an export with these headers is the one meant."""
        return {fold(h) for h in self.headers} <= {fold(h) for h in headers}

    def columns_for(self, headers: Sequence[str]) -> dict[str, str]:
        """Standard column -> header as the export writes it, or expression, without what is dangerous.

        Columns whose header is absent are left out.
        """
        found = self._written(headers) | dict(self.expressions)
        return {column: source for column, source in found.items() if column not in self.dangerous}

    def dangerous_for(self, headers: Sequence[str]) -> dict[str, str]:
        """The columns that may only be proposed: standard column -> header as the export writes it."""
        return {column: header for column, header in self._written(headers).items() if column in self.dangerous}

    def recurrence_for(self, headers: Sequence[str]) -> Recurrence | None:
        """How the deals of the export come back, where it has one row a change."""
        wanted = fold(self.changed_at or "")
        header = next((h for h in headers if self.changed_at and fold(h) == wanted), None)
        return Recurrence("changed_at", header, "one row a change of a deal") if header else None

    def _written(self, headers: Sequence[str]) -> dict[str, str]:
        written: dict[Words, str] = {}
        for header in headers:
            written.setdefault(fold(header), header)
        return {column: written[fold(header)] for column, header in self.columns.items() if fold(header) in written}


def load(name: str, folder: Path | None = None) -> tuple[PresetTable, ...]:
    """The tables of preset ``name``: ``folder``/presets (a client's own) first, then those shipped.

    Raises PresetError when there is none of that name, or when it names an unknown table, column or key.
    """
    for place in _places(folder):
        path = place / f"{name}.toml"
        if path.is_file():
            return _read(path)
    known = ", ".join(sorted({path.stem for place in _places(folder) for path in place.glob("*.toml")}))
    raise PresetError(f"no preset {name!r}; there are {known}")


def find(name: str, table: str | None, headers: Sequence[str], folder: Path | None = None) -> PresetTable | None:
    """What preset ``name`` knows of an export with these headers, as ``table`` when it is told; None when nothing.

    Raises PresetError as load does.
    """
    fitting = [t for t in load(name, folder) if table in (None, t.table) and t.recognises(headers)]
    return max(fitting, key=lambda t: len(t.headers), default=None)


def recognise(headers: Sequence[str], folder: Path | None = None) -> PresetTable | None:
    """The preset's table that asks the most headers, all of them there; None when no preset fits."""
    names = dict.fromkeys(path.stem for place in _places(folder) for path in sorted(place.glob("*.toml")))
    fitting = [table for name in names for table in load(name, folder) if table.recognises(headers)]
    return max(fitting, key=lambda table: len(table.headers), default=None)


def _places(folder: Path | None) -> list[Path]:
    return [*([folder / "presets"] if folder else []), shared("data") / "presets"]


@cache
def _read(path: Path) -> tuple[PresetTable, ...]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PresetError(f"{path}: not a TOML file in UTF-8 ({error})") from error
    made = []
    for entry in raw.get("table", []):
        table = TABLES.get(entry.get("table"))
        if table is None:
            raise PresetError(f"{path.name}: unknown table {entry.get('table')!r}")
        columns = set(entry.get("columns", {})) | set(entry.get("expressions", {})) | set(entry.get("values", {}))
        for column in sorted(columns - set(table.column_names)):
            raise PresetError(f"{path.name}: {table.name} has no column {column!r}")
        try:
            made.append(PresetTable(path.stem, **{**entry, "headers": tuple(entry["headers"])}))
        except (TypeError, KeyError) as error:
            raise PresetError(f"{path.name}: {error}") from error
    return tuple(made)
