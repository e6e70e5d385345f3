"""The demo client's invoices, credit notes, rebates and order backlog, drawn from the accounts' plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
from demo_accounts import accounts
from demo_planted import Account
from demo_world import AS_OF, LEFT_ON, SEASON, START, at_work, stream, window_of, working_day

FAMILIES = {  # family: gross margin rate
    "Raccords et tubes": 0.29, "Joints et étanchéité": 0.38, "Vannes et robinets": 0.31, "Pompes": 0.24,
    "Filtration": 0.35, "Vérins et distributeurs": 0.27, "Outillage": 0.33, "Prestations d’atelier": 0.42,
}  # fmt: skip
PRODUCTS_PER_FAMILY = 9
LINES_AN_INVOICE = 0.35  # on average, besides the first
CREDIT_SHARE = 0.02  # invoices of ordinary customers that get a credit note
REBATE_RATE = 0.012  # year-end rebate of the largest customers, on the calendar year
REBATED_ABOVE = 250_000
PRICE_RISE = 1.03  # each January, in list prices
# What two contests did to sales, as factors by interval. CH25P created sales; CH25 moved them: what customers
# held back before it and what is missing after it make up for what was sold during it. CH24 changed nothing.
CONTEST_CREATED = ((date(2025, 3, 3), date(2025, 5, 30), 1.18),)
CONTEST_MOVED = (
    (date(2025, 8, 18), date(2025, 9, 14), 0.95),
    (date(2025, 9, 15), date(2025, 11, 30), 1.14),
    (date(2025, 12, 1), date(2026, 1, 15), 0.75),
)
CONTEST_DISCOUNT = 0.05  # more discount on the invoices of CH25: T04-R7
COUNTER_SALES = 3  # lines without customer
ORPHAN_LINES = 2  # lines of a code that no file knows
ORPHAN_CODE = "099999"


@dataclass(frozen=True)
class _Piece:
    """One invoice, credit note or rebate before it is cut into lines."""

    account: Account
    day: date
    amount: float
    doc_type: str = "invoice"
    original: int | None = None  # position of the corrected invoice


def _order_days(account: Account, rng: np.random.Generator) -> list[date]:
    """Order days: those written by hand, else one every 365 / orders days, give or take 15 %."""
    if account.order_days:
        return [d for d in account.order_days if d <= AS_OF]
    gap = 365 / account.orders
    span = (account.last - account.first).days
    steps = np.arange(rng.uniform(0.05, 0.7) * gap if account.first == START else 0.0, span, gap)
    steps = np.clip(steps + rng.normal(0, 0.12 * gap, len(steps)), 0, span)
    found = {working_day(account.first + timedelta(int(s)), account.last) for s in steps}
    if account.last < AS_OF:
        found.add(working_day(account.last, account.last))
    return sorted(found)


def _season(day: date) -> float:
    effects = [f for first, last, f in (*CONTEST_CREATED, *CONTEST_MOVED) if first <= day <= last]
    return SEASON[day.month - 1] * float(np.prod(effects))


def _pieces(account: Account, seed: int) -> Iterator[_Piece]:
    """The account's pieces in order of making; the invoices of a window add up to its planned net revenue."""
    rng = stream(seed, "sales" + account.customer_id)
    order_days = _order_days(account, rng)
    spread = 0.08 if account.order_days else 0.30
    weights = np.array([_season(d) * rng.lognormal(0, spread) for d in order_days])
    if account.order_days:
        weights = np.ones(len(order_days))
    window = np.array([window_of(d) for d in order_days])
    invoices: list[_Piece] = []
    for k, planned in enumerate(account.revenue):
        inside = np.flatnonzero(window == k)
        if planned > 0:
            amounts = weights[inside] / weights[inside].sum() * planned
            invoices += [_Piece(account, order_days[i], float(x)) for i, x in zip(inside, amounts, strict=True)]
    if account.project:
        invoices.append(_Piece(account, *account.project))
    invoices.sort(key=lambda p: p.day)
    yield from invoices
    for credit in account.credits:
        near = [(abs(p.day - credit.original_day), -p.amount, i) for i, p in enumerate(invoices)]
        yield _Piece(account, credit.day, credit.amount, "credit_note", min(near)[2])
    if account.planted:
        return
    for i, invoice in enumerate(invoices):
        day = working_day(invoice.day + timedelta(int(rng.integers(8, 40))))
        if rng.random() < CREDIT_SHARE and invoice.day < day <= AS_OF:
            yield _Piece(account, day, -invoice.amount * float(rng.uniform(0.05, 0.35)), "credit_note", i)
    for year in (2023, 2024, 2025):
        turnover = sum(p.amount for p in invoices if p.day.year == year)
        if turnover > REBATED_ABOVE:
            yield _Piece(account, working_day(date(year + 1, 1, 20)), -turnover * REBATE_RATE, "rebate")


def _booked_by(account: Account, day: date) -> str:
    """Owner of the day; the leaver's code stays on the invoices of orphans."""
    return account.owner_on(day) or account.owners[-1][0]


@cache
def sales_lines(seed: int) -> pd.DataFrame:
    """Table ``sales_lines``, sorted by date and invoice, without intercompany and without the spoilt rows."""
    rng = stream(seed, "lines")
    family_names = list(FAMILIES)
    made: list[tuple[_Piece, tuple[int, int]]] = []
    for a in (a for a in accounts(seed) if a.status == "customer"):
        start = len(made)
        for piece in _pieces(a, seed):
            made.append((piece, (start, len(made))))
    order = sorted(range(len(made)), key=lambda i: (made[i][0].day, made[i][0].account.customer_id, i))
    numbers: dict[int, str] = {}
    counts: dict[tuple[str, int], int] = {}
    for i in order:
        piece = made[i][0]
        key = ("FA" if piece.doc_type == "invoice" else "AV", piece.day.year)
        counts[key] = counts.get(key, 0) + 1
        numbers[i] = f"{key[0]}{piece.day.year % 100:02d}{counts[key]:05d}"
    bought = {a.customer_id: rng.choice(family_names, int(rng.integers(2, 6)), replace=False) for a in accounts(seed)}
    sites = {a.parent: a.customer_id for a in accounts(seed) if a.parent}
    rows = []
    for i in order:
        piece, (start, _) = made[i]
        a = piece.account
        cut = 1 if piece.doc_type != "invoice" or (a.project and piece.day == a.project[0]) else 0
        count = cut or 1 + int(rng.poisson(min(LINES_AN_INVOICE, abs(piece.amount) / 5000)))
        parts = rng.dirichlet(np.full(count, 2.5)) if count > 1 else np.ones(1)
        cents = np.floor(parts * piece.amount * 100).astype(int)
        cents[-1] += round(piece.amount * 100) - cents.sum()
        original = None if piece.original is None else numbers[start + piece.original]
        delivery = sites.get(a.customer_id) if rng.random() < 0.2 else None
        ordered = working_day(piece.day - timedelta(int(rng.integers(3, 15))), piece.day)
        for cent in cents:
            amount = int(cent) / 100
            family = str(rng.choice(bought[a.customer_id])) if piece.doc_type != "rebate" else None
            product = None
            quantity = discount = None
            rate = 1.0
            if family:
                number = int(rng.integers(0, PRODUCTS_PER_FAMILY))
                product = f"0{family_names.index(family) + 1}{number:03d}"
                price = (8 + 37 * number) * PRICE_RISE ** (piece.day.year - 2023)
                sign = 1 if piece.doc_type == "invoice" else -1
                quantity = float(sign * max(1, round(abs(amount) / price)))
                given = float(rng.choice([0, 0.03, 0.05, 0.08, 0.12]))
                first, last, _ = CONTEST_MOVED[1]
                given += CONTEST_DISCOUNT if first <= piece.day <= last else 0.0
                discount = round(max(0.0, amount) * given, 2)
                slope = 0.04 if a.cell[0] == "a" else 0.0  # large customers pay less
                rate = FAMILIES[family] - slope + float(rng.normal(0, 0.025))
            rows.append(
                (
                    numbers[i], piece.day, piece.doc_type, original, a.customer_id, a.name, delivery,
                    _booked_by(a, piece.day), product, family, quantity, amount, round(amount * rate, 2), discount,
                    None if piece.doc_type != "invoice" else f"CC{numbers[i][2:]}",
                    None if piece.doc_type != "invoice" else ordered, "EUR",
                )
            )  # fmt: skip
    rows += _strays(seed)
    columns = [
        "invoice_id", "invoice_date", "doc_type", "original_invoice_id", "customer_id", "customer_name",
        "delivery_customer_id", "rep_id_booked", "product_id", "product_family", "quantity", "amount_net", "margin",
        "discount", "order_id", "order_date", "currency",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns).sort_values(["invoice_date", "invoice_id"], kind="stable")
    frame = frame[frame["amount_net"] != 0].reset_index(drop=True)
    line = frame.groupby("invoice_id").cumcount() + 1
    frame.insert(0, "line_id", frame["invoice_id"] + "-" + line.astype(str))
    return frame


def _strays(seed: int) -> list[tuple]:
    """Counter sales without customer, and a customer code that no file knows: kept by intake, not errors."""
    rng = stream(seed, "strays")
    rows = []
    for i in range(COUNTER_SALES + ORPHAN_LINES):
        orphan = i >= COUNTER_SALES
        day = working_day(date(2025, 9, 2) + timedelta(31 * i))
        amount = round(float(rng.uniform(350, 1900)), 2)
        number = f"FA{day.year % 100:02d}9{i:04d}"
        rows.append(
            (number, day, "invoice", None, ORPHAN_CODE if orphan else None, None if not orphan else "Client inconnu",
             None, "R09", "07002", "Outillage", 4.0, amount, round(amount * 0.33, 2), 0.0, None, None, "EUR")
        )  # fmt: skip
    return rows


def orders_backlog(seed: int) -> pd.DataFrame:
    """Table ``orders_backlog``: orders of the last weeks, due from July to December, some dated optimistically."""
    rng = stream(seed, "backlog")
    buyers = [a for a in accounts(seed) if a.status == "customer" and a.revenue[2] > 20_000 and a.last == AS_OF]
    rows = []
    for i in range(160):
        a = buyers[int(rng.integers(len(buyers)))]
        ordered = working_day(AS_OF - timedelta(int(rng.integers(0, 75))))
        due = ordered + timedelta(int(rng.integers(10, 150)))
        rep = a.owner_on(AS_OF) if at_work(a.rep, AS_OF) else a.owner_on(LEFT_ON)
        remaining = round(a.revenue[2] / 20 * float(rng.lognormal(0, 0.6)), 2)
        rows.append((f"CL26{i + 1:05d}", a.customer_id, a.owner_on(AS_OF) or rep, ordered, due, remaining))
    columns = ["order_line_id", "customer_id", "rep_id", "order_date", "due_date", "remaining"]
    return pd.DataFrame(rows, columns=columns)
