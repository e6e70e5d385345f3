"""What is spoilt on purpose in the demo client's files: rows that intake must reject, set aside or reconcile."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pandas as pd
from demo_customers import INTERCOMPANY
from demo_exports import Export, Row, money
from demo_planted import PLANTED
from demo_world import stream, working_day


@dataclass
class Spoilt:
    """What was spoilt on purpose: counts by table and kind, and the amounts concerned."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)
    control: dict[int, float] = field(default_factory=dict)
    rows_written: dict[str, int] = field(default_factory=dict)

    def count(self, table: str, kind: str, number: int = 1) -> None:
        """Add to the count of one kind."""
        kinds = self.counts.setdefault(table, {})
        kinds[kind] = kinds.get(kind, 0) + number


SPOILT_AGENDA = 2025  # the year whose agenda holds a few bad rows
DUPLICATED = 4  # whole lines of 2025 that the ERP wrote twice
INTERCOMPANY_LINES = 6  # in each of 2025 and 2026
UNREADABLE = (("12O50,00", 12050.0), ("#VALEUR!", 8430.0))  # what the cell shows, what it was


def spoil_invoices(
    year: int, rows: list[Row], frame: pd.DataFrame, export: Export, spoilt: Spoilt, seed: int
) -> list[Row]:
    """The invoices of one year with what real exports suffer: each year has its own illness."""
    rng = stream(seed, f"spoil {year}")
    header = list(export.headers.values())
    at = {c: i for i, c in enumerate(export.headers)}
    middle = len(rows) // 2

    def total(label: str, amount: float) -> Row:
        row = [""] * len(header)
        row[0], row[at["amount_net"]] = label, money(amount, export.money)
        return row

    if year == 2023:
        rows = [*rows[:middle], header, *rows[middle : middle + 40], [""] * len(header), *rows[middle + 40 :]]
        spoilt.count("sales_lines", "repeated_header")
        spoilt.count("sales_lines", "blank")
    if year == 2024:
        half = frame[[d.month <= 6 for d in frame["invoice_date"]]]
        rows = [*rows[: len(half)], total("Sous-total 1er semestre", half["amount_net"].sum()), *rows[len(half) :]]
        spoilt.count("sales_lines", "total")
    if year == 2025:
        largest = frame["amount_net"].to_numpy().argsort()[::-1]
        ordinary = [int(i) for i in largest if not _is_planted(frame["customer_id"].iloc[i])][:DUPLICATED]
        spoilt.amounts["duplicate"] = round(float(frame["amount_net"].iloc[ordinary].sum()), 2)
        spoilt.count("sales_lines", "duplicate", DUPLICATED)
        bad = [list(rows[i]) for i in (middle, middle + 900, middle + 1800)]
        for row, (shown, _) in zip(bad, UNREADABLE, strict=False):
            row[at["amount_net"]] = shown
        bad[2][at["invoice_date"]] = "31/11/2025"
        spoilt.amounts["unreadable_truth"] = sum(truth for _, truth in UNREADABLE)
        spoilt.amounts["impossible_date"] = round(float(frame["amount_net"].iloc[middle + 1800]), 2)
        spoilt.count("sales_lines", "unreadable_amount", len(UNREADABLE))
        spoilt.count("sales_lines", "impossible_date")
        spoilt.count("sales_lines", "rejected", len(bad))
        again = {i: rows[i] for i in ordinary}
        rows = [r for i, row in enumerate(rows) for r in ([row, again[i]] if i in again else [row])]
        for number, row in enumerate(bad):
            rows.insert(middle + 700 * number, row)
    if year in (2025, 2026):
        for i in range(INTERCOMPANY_LINES):
            day = working_day(date(year, 1 + i, 12))
            amount = round(float(rng.uniform(2000, 9000)), 2)
            row = list(rows[10])
            fills = {"invoice_id": f"FI{year % 100}{i:04d}", "doc_type": "Facture", "customer_id": INTERCOMPANY,
                     "customer_name": "Ferrandière Logistique SAS", "delivery_customer_id": "",
                     "invoice_date": day.strftime("%d/%m/%Y"), "order_date": "", "order_id": "",
                     "amount_net": money(amount, export.money), "margin": money(0, export.money),
                     "original_invoice_id": ""}  # fmt: skip
            for column, value in fills.items():
                row[at[column]] = value
            rows.insert(200 * (i + 1), row)
            spoilt.amounts["intercompany"] = round(spoilt.amounts.get("intercompany", 0.0) + amount, 2)
            spoilt.count("sales_lines", "intercompany")
    if year == 2026:
        rows = [*rows, total("Total général", frame["amount_net"].sum())]
        spoilt.count("sales_lines", "total")
    return rows


def _is_planted(customer_id: object) -> bool:
    return customer_id in {a.customer_id for a in PLANTED}


def spoil_others(export: Export, rows: list[Row], spoilt: Spoilt) -> list[Row]:
    """A few bad rows in the other files."""
    at = {c: i for i, c in enumerate(export.headers)}
    if export.file == "prospects.csv":  # a prospect that lost its code
        row = ["", "Minoterie des Trois Évêques", *rows[3][2:]]
        spoilt.count("customers", "missing_key")
        spoilt.count("customers", "rejected")
        return [*rows[:40], row, *rows[40:]]
    if export.table == "customer_potential":  # two that the salesperson has yet to look at
        known = {r[0] for r in rows}
        bad = []
        for code in ("000136", "000102"):
            row = list(rows[0])
            row[0], row[at["potential_accessible"]], row[at["valid_from"]] = code, "à voir", "17/03/2026"
            bad.append(row)
        assert "000136" not in known
        spoilt.count("customer_potential", "unreadable_amount", 2)
        spoilt.count("customer_potential", "rejected", 2)
        return [*rows[:100], bad[0], *rows[100:200], bad[1], *rows[200:]]
    if export.table == "activities":
        impossible, unreadable = list(rows[500]), list(rows[900])
        impossible[0], impossible[at["done_date"]] = "A900001", "30/02/2026"
        unreadable[0], unreadable[at["duration_min"]] = "A900002", "une heure"
        spoilt.count("activities", "impossible_date")
        spoilt.count("activities", "unreadable_number")
        spoilt.count("activities", "rejected", 2)
        spoilt.count("activities", "duplicate", 3)
        return [*rows[:1000], impossible, *rows[1000:2000], unreadable, *rows[2000:], *rows[300:303]]
    return rows
