"""Exports whose months lie side by side, one column each: which headers are months, and the query that makes rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from salespilot.intake.computed import Rows, identifier
from salespilot.intake.dates import look, settled
from salespilot.intake.text import kind_of

MONTHS = 4  # fewer side by side are columns of their own
TABLES_OF = (
    ("sales_lines", "invoice_date", "amount_net", "customer_id"),
    ("targets", "period_start", "value", "entity_id"),
)
"""What such an export may be: table, its columns for month and figure, and the one that must stand beside them."""
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_TOTAL = r"(?i)^\W*((grand|sous)[ -]?)?tota(l|ux)(\W+g[ée]n[ée]ral)?\W*$"


def months(headers: Sequence[str], named: str) -> dict[str, date]:
    """Headers that are months -> their first day; empty when there are fewer than four, or a month comes twice.

    Months without a year ("Janvier", "M01") take the one year of ``named``, the names of the file and its sheet.
    """
    years = set(_YEAR.findall(named))
    year = years.pop() if len(years) == 1 else ""
    found: dict[str, date] = {}
    for header in headers:
        month = re.sub(r"^[mM](?=\d\d?$)", "", header.strip())
        day = settled(look(month, 1, "month"), "") or settled(look(f"{month} {year}", 1, "month"), "")
        if day is None and year and month.isdigit():
            day = settled(look(f"{month}/{year}", 1, "month"), "")
        if day is not None and day.day == 1:
            found[header] = day
    return found if len(found) >= MONTHS and len(set(found.values())) == len(found) else {}


def as_rows(samples: Rows, found: Mapping[str, date], month: str, figure: str) -> list[dict[str, str]]:
    """The sample rows as :func:`query` makes them."""
    kept = [{header: value for header, value in row.items() if header not in found} for row in samples]
    return [
        {**rest, month: _day(day, month), figure: row.get(header, "")}
        for row, rest in zip(samples, kept, strict=True)
        for header, day in found.items()
    ]


def are_figures(samples: Rows, found: Mapping[str, date]) -> bool:
    """Whether what stands below the months is numbers."""
    kinds = {kind_of(row.get(header, "")) for row in samples for header in found} - {""}
    return kinds == {"number"}


def query(found: Mapping[str, date], label: str, month: str, figure: str) -> str:
    """SQL over {export}: one row a cell that is filled, without the rows whose ``label`` is a total."""
    places = ",\n        ".join(f"{identifier(header)} as '{_day(day, month)}'" for header, day in found.items())
    label = identifier(label)
    return (
        f"\nselect *\nfrom (unpivot {{export}} on\n        {places}\n"
        f"    into name {month} value {figure})\n"
        f"where {figure} <> '' and {label} <> '' and not regexp_matches({label}, '{_TOTAL}')\n"
    )


def _day(first: date, column: str) -> str:
    """The day that stands for a month: its first where a period starts, else its last, on which it is complete."""
    following = (first + timedelta(days=31)).replace(day=1)
    return (first if column.endswith("_start") else following - timedelta(days=1)).isoformat()
