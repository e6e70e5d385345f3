"""Control totals: the net revenue of the exports set against the figure of the client's accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from salespilot.client import Client
from salespilot.finding import Reason
from salespilot.intake import Intake


@dataclass(frozen=True)
class ControlTotal:
    """A fiscal year's net revenue, in the accounts (``expected``) and in the exports (``found``)."""

    year: int
    expected: float
    found: float

    @property
    def gap(self) -> float:
        """Exports less accounts."""
        return round(self.found - self.expected, 4)

    @property
    def gap_share(self) -> float | None:
        """The gap as a share of the accounting figure."""
        return self.gap / self.expected if self.expected else None

    @property
    def values(self) -> dict[str, str | float | None]:
        """What fills a sentence about it."""
        amounts = {"expected": self.expected, "found": self.found, "gap": self.gap, "gap_share": self.gap_share}
        return {"year": str(self.year), **amounts}

    @property
    def reason(self) -> Reason:
        """The sentence that says it."""
        return Reason("control_total", self.values)


def control_totals(intake: Intake, client: Client) -> tuple[ControlTotal, ...]:
    """Net revenue of each fiscal year of ``[control]``, as the accounts and as the exported sales lines have it.

    A fiscal year is named after the year in which it ends; intercompany lines are not in the tables. Empty when
    there is no control figure or no sales line.
    """
    path = intake.tables.get("sales_lines")
    expected = client.control.get("net_revenue", {})
    if path is None or not expected or not {"invoice_date", "amount_net"} <= set(intake.columns["sales_lines"]):
        return ()
    totals = []
    with duckdb.connect() as connection:
        for year, amount in sorted(expected.items()):
            start, end = fiscal_year(year, client.first_fiscal_month)
            answer = connection.execute(
                "select coalesce(sum(amount_net), 0) from read_parquet(?) where invoice_date >= ? and invoice_date < ?",
                [str(path), start, end],
            ).fetchone()
            totals.append(ControlTotal(year, amount, float(answer[0]) if answer else 0.0))
    return tuple(totals)


def fiscal_year(year: int, first_month: int) -> tuple[date, date]:
    """The first day of the fiscal year that ends in ``year``, and the day after its last."""
    begins = year if first_month == 1 else year - 1
    return date(begins, first_month, 1), date(begins + 1, first_month, 1)
