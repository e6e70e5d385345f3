"""What an account of the demo client is, and the accounts planted by hand.

An ``Account`` is the plan of a customer (net revenue per 12-month window, potential, visits, owner) that the other
modules turn into invoices, visits and deals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from demo_world import AS_OF, START, working_day


@dataclass(frozen=True)
class Credit:
    """A credit note written by hand: its day, its (negative) amount, the day of the invoice it corrects."""

    day: date
    amount: float
    original_day: date


@dataclass(frozen=True)
class Account:
    """The plan of one customer or prospect.

    ``revenue``: net revenue of the three windows, euros. ``potential``: accessible, a year; None unknown.
    ``orders``: order days a year, unless ``order_days`` lists them. ``visits``, ``remote``: contacts done in the last
    window. ``first``, ``last``: bounds of the order days. ``project``: a single line added on one day.
    """

    customer_id: str
    cell: str
    rep: str
    revenue: tuple[float, float, float]
    potential: float | None
    visits: int = 0
    remote: int = 4
    orders: int = 12
    planted: bool = False
    name: str = ""
    parent: str | None = None
    status: str = "customer"
    first: date = START
    last: date = AS_OF
    order_days: tuple[date, ...] = ()
    credits: tuple[Credit, ...] = ()
    project: tuple[date, float] | None = None
    potential_from: date = date(2026, 1, 15)
    method: str = "driver"
    confidence: str = "med"
    older_potential: tuple[date, float] | None = None
    visits_logged_on: str | None = None
    owners: tuple[tuple[str, date, date | None], ...] = field(default=())

    def owner_on(self, day: date) -> str | None:
        """Who holds the account on that day; None for an orphan."""
        return next((rep for rep, since, until in self.owners if since <= day <= (until or date.max)), None)


def _plant(customer_id: str, cell: str, rep: str, w1: float, w2: float, w3: float, potential: float | None,
           visits: int, remote: int, orders: int = 12, **more: object) -> Account:  # fmt: skip
    """A planted account, its revenue and potential in thousands of euros."""
    money = None if potential is None else potential * 1000
    revenue = (w1 * 1000, w2 * 1000, w3 * 1000)
    return Account(customer_id, cell, rep, revenue, money, visits, remote, orders, planted=True, **more)  # type: ignore[arg-type]


def _each_year(*month_days: tuple[int, int, int]) -> tuple[date, ...]:
    return tuple(working_day(date(*d)) for d in month_days)


# id, planned cell, owner, net revenue of the three windows (k€), potential (k€), visits and remote contacts done in
# the last window, orders a year. What each is for: demo_truths_sales.py, demo_truths_people.py.
PLANTED = (
    _plant("000101", "a1", "R01", 1790, 1860, 1930, 2900, 30, 26, 52, method="declared", confidence="high"),
    # T01-R1 and its decoys
    _plant("000123", "a1", "R02", 290, 300, 310, 560, 2, 6, 30),
    _plant("000187", "a2", "R06", 66, 68, 70, 96, 3, 5, 20),
    _plant("000241", "a1", "R07", 140, 146, 150, 360, 4, 4, 24),
    _plant("000266", "a1", "R12", 90, 93, 95, 220, 9, 6, 20),
    _plant("000211", "a1", "R05", 200, 205, 210, 350, 12, 10, 26),
    _plant("000213", "a1", "R05", 150, 152, 158, 300, 11, 8, 26),
    _plant("000212", "a1", "R02", 175, 178, 182, 330, 10, 10, 26),
    _plant("000301", "b1", "R03", 29, 30, 31, 150, 36, 20, 14),
    _plant("000302", "a1", "R03", 112, 116, 120, 260, 0, 0, 24, parent="000301", visits_logged_on="000301"),
    _plant("000303", "a1", "R03", 85, 88, 90, 200, 0, 0, 24, parent="000301", visits_logged_on="000301"),
    # T01-R2, T10-R3 and their decoys
    _plant("000131", "c1", "R04", 5.6, 5.9, 6.1, 240, 1, 2, 5),
    _plant("000132", "c1", "R06", 8.2, 8.8, 9.1, 310, 1, 2, 6),
    _plant("000133", "p1", "R02", 9.5, 7.0, 0, 190, 0, 1, 6, last=date(2025, 3, 20)),
    _plant("000134", "c3", "R08", 4.1, 4.2, 8.4, 10.5, 0, 3, 5),
    _plant("000135", "c3", "R04", 0.46, 0.45, 0.72, 0.9, 0, 1, 3),
    _plant("000136", "c?", "R03", 4.9, 5.0, 5.1, None, 0, 2, 5),
    _plant("000137", "c?", "R02", 3.7, 3.8, 3.9, 0, 0, 2, 4),
    _plant("000138", "c2", "R06", 3.0, 3.0, 3.2, 72, 1, 4, 4),
    _plant("000139", "n", "R08", 7, 3, 0, 4, 0, 1, 6, last=date(2025, 2, 10),
           credits=(Credit(date(2025, 9, 16), -640, date(2025, 2, 10)),)),
    _plant("000140", "n", "R04", 9, 5, 0, 6, 0, 2, 6, last=date(2025, 5, 12),
           credits=(Credit(date(2025, 8, 26), -1850, date(2025, 5, 12)),)),
    _plant("000145", "c1", "R10", 12.2, 12.4, 12.6, 115, 6, 6, 8),
    # T01-R3 and its decoys
    _plant("000141", "c3", "R06", 2.7, 2.6, 2.6, 2.8, 9, 6, 4),
    _plant("000142", "c3", "R02", 3.3, 3.4, 3.4, 3.4, 8, 10, 4),
    _plant("000143", "c1", "R10", 4.8, 4.9, 5.0, 195, 11, 8, 4),
    _plant("000144", "c3", "R02", 10.7, 10.8, 10.9, 11.8, 0, 3, 6),
    _plant("000146", "c3", "R09", 1.4, 1.4, 1.4, 1.7, 0, 2, 3),
    # T01-R4 and its decoys
    _plant("000151", "b3", "R06", 61, 60, 27, 64, 4, 6, 24, last=date(2025, 11, 20)),
    _plant("000152", "c2", "R04", 33, 34, 9.5, 60, 2, 3, 18, last=date(2025, 10, 8)),
    _plant("000124", "a2", "R03", 47, 48, 49, 66, 8, 8,
           order_days=_each_year((2023, 11, 14), (2024, 11, 19), (2025, 11, 18))),
    _plant("000153", "p3", "R08", 3.8, 1.9, 0, 2.4, 0, 1, 5, last=date(2024, 12, 12)),
    _plant("000154", "b3", "R02", 20, 20.5, 21, 24, 2, 5,
           order_days=_each_year(*[(y, m, 11) for y in (2023, 2024, 2025, 2026) for m in (1, 4, 7, 10)
                                   if (2023, 7) <= (y, m) <= (2026, 4)])),
    # T01-R5 and its decoys
    _plant("000161", "a1", "R01", 430, 420, 270, 520, 14, 12, 40),
    _plant("000162", "a1", "R04", 128, 131, 86, 190, 12, 10, 26),
    _plant("000163", "b2", "R06", 78, 75, 37, 82, 6, 6, 20),
    _plant("000164", "a1", "R02", 184, 190, 178, 300, 13, 12, 26,
           credits=(Credit(date(2025, 9, 9), -78000, date(2025, 5, 20)),),
           project=(date(2025, 5, 20), 82000)),
    _plant("000165", "a2", "R03", 50, 104, 53, 80, 8, 8,
           order_days=_each_year((2023, 7, 6), (2023, 7, 20), (2024, 7, 4), (2024, 7, 18), (2025, 6, 12),
                                 (2025, 6, 26), (2026, 6, 11), (2026, 6, 25))),
    _plant("000166", "a2", "R06", 0, 0, 68, 92, 9, 10,
           order_days=_each_year((2025, 9, 9), (2025, 9, 30), (2025, 10, 21), (2025, 11, 18), (2026, 1, 20),
                                 (2026, 3, 17), (2026, 5, 19), (2026, 6, 16)), first=date(2025, 9, 9)),
    _plant("000167", "c3", "R03", 13.6, 13.4, 9.9, 13.8, 0, 3, 8),
    _plant("000168", "a2", "R04", 61, 62, 63, 88, 9, 8, 20, project=(date(2024, 10, 15), 98000)),
    # T01-R6 and its decoys
    _plant("000171", "a3", "R04", 48.4, 48.9, 49.5, 49.8, 14, 8, 20),
    _plant("000172", "b3", "R02", 21.5, 21.8, 22.0, 22.3, 9, 6, 14),
    _plant("000173", "a1", "R03", 248, 255, 262, 640, 19, 14, 30),
    _plant("000174", "a3", "R06", 48.2, 48.6, 49.0, 49.7, 6, 6, 18),
    # T10-R4, T10-R5 and their decoys
    _plant("000181", "a2", "R03", 89, 90, 92, 98, 8, 8, 24),
    _plant("000182", "a2", "R04", 57, 58, 59, 97, 8, 8, 20),
    _plant("000183", "b3", "R04", 32, 32.5, 33, 34.6, 2, 6, 14),
    _plant("000184", "a3", "R02", 73, 70, 49.2, 49.9, 6, 7, 20),
    # T10-R6 and its decoys
    _plant("000191", "a1", "R04", 188, 192, 198, 620, 13, 12, 26, confidence="low", method="declared"),
    _plant("000192", "a1", "R06", 162, 167, 172, 580, 13, 12, 26, potential_from=date(2024, 9, 16)),
    _plant("000193", "b3", "R03", 24, 24.6, 25, 33, 2, 6, 12, confidence="low", potential_from=date(2024, 3, 4)),
    _plant("000194", "a1", "R06", 205, 210, 216, 590, 14, 12, 28, confidence="high",
           potential_from=date(2026, 2, 9), older_potential=(date(2024, 5, 13), 480000)),
    # T10-R7: revenue and potential are set on the cuts by _settle_near_cuts
    _plant("000195", "b2", "R02", 41, 41.5, 42, 80, 11, 8, 16),
    _plant("000196", "c2", "R03", 14, 14, 14, 50, 2, 4, 8),
)  # fmt: skip
