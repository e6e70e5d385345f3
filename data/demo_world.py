"""The demo client's world: its calendar, its salespeople, its customers and what was planted among them.

Every customer is an ``Account``: a plan (net revenue per 12-month window, potential, visits, owner) that the other
modules turn into invoices, visits and deals. Ordinary accounts are drawn at random inside the cell of the cross
matrix that they are meant for; planted accounts are written by hand in ``PLANTED``.

The plan is drawn so that, with the default conventions (80/95 cumulated shares), the cuts fall near:
revenue A/B 45 k€, B/C 13 k€; potential 1/2 120 k€, 2/3 56 k€.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd

START = date(2023, 7, 1)
AS_OF = date(2026, 6, 30)
EXPORTED_ON = date(2026, 7, 3)
CALENDAR_END = date(2026, 12, 31)
LEFT_ON = date(2026, 2, 28)  # R12's last day
NEW_SINCE = date(2026, 3, 1)  # R11's first day
STOPPED_LOGGING = date(2025, 4, 1)  # R05
LOGGED_SHARE = 0.2  # what R05 still logs
SEASON = (0.95, 0.97, 1.10, 1.02, 0.93, 1.12, 0.92, 0.55, 1.12, 1.15, 1.08, 0.90)  # January to December

# face-to-face and remote contacts a year, by cell (methods, section 11 c)
POLICY = {
    "a1": (12, 12), "a2": (8, 8), "a3": (6, 6),
    "b1": (10, 8), "b2": (6, 6), "b3": (2, 6),
    "c1": (6, 6), "c2": (1, 4), "c3": (0, 2),
    "p1": (4, 8), "p2": (0, 4), "p3": (0, 1),
}  # fmt: skip


def stream(seed: int, name: str) -> np.random.Generator:
    """A random stream of its own for each table, so that changing one table leaves the others alone."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


# --- calendar -------------------------------------------------------------------------------------------------------


def _easter(year: int) -> date:
    """Easter Sunday, Gregorian (Meeus)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


@cache
def holidays(year: int) -> dict[date, str]:
    """French public holidays of a year."""
    easter = _easter(year)
    return {
        date(year, 1, 1): "Jour de l’an",
        easter + timedelta(1): "Lundi de Pâques",
        date(year, 5, 1): "Fête du Travail",
        date(year, 5, 8): "Victoire 1945",
        easter + timedelta(39): "Ascension",
        easter + timedelta(50): "Lundi de Pentecôte",
        date(year, 7, 14): "Fête nationale",
        date(year, 8, 15): "Assomption",
        date(year, 11, 1): "Toussaint",
        date(year, 11, 11): "Armistice 1918",
        date(year, 12, 25): "Noël",
    }


@cache
def is_working(day: date) -> bool:
    """Monday to Friday, no holiday."""
    return day.weekday() < 5 and day not in holidays(day.year)


def working_day(day: date, latest: date = AS_OF) -> date:
    """The day itself or the next working day; the one before when that would fall after ``latest``."""
    step = timedelta(1)
    later = day
    while not is_working(later):
        later += step
    if later <= latest:
        return later
    day = min(day, latest)
    while not is_working(day):
        day -= step
    return day


def days(first: date, last: date) -> list[date]:
    """All days of a closed interval."""
    return [first + timedelta(i) for i in range((last - first).days + 1)]


def months(first: date, count: int) -> list[date]:
    """``count`` first days of month from ``first`` on."""
    start = first.year * 12 + first.month - 1
    return [date((start + i) // 12, (start + i) % 12 + 1, 1) for i in range(count)]


def month_end(month: date) -> date:
    """The last day of the month."""
    return (month.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)


def window_of(day: date) -> int:
    """0, 1, 2: the 12-month window (July to June) of a day from ``START`` on."""
    return ((day.year - START.year) * 12 + day.month - START.month) // 12


def calendar() -> pd.DataFrame:
    """Table ``calendar``: every day from the first invoice to the end of 2026."""
    every = days(START, CALENDAR_END)
    return pd.DataFrame(
        {
            "date": every,
            "is_working_day": [is_working(d) for d in every],
            "holiday": [holidays(d.year).get(d) for d in every],
            "fiscal_period": [f"{d.year}-{d.month:02d}" for d in every],
        }
    )


# --- salespeople ----------------------------------------------------------------------------------------------------

REPS = pd.DataFrame(
    [
        ("R01", "Maëlle Quéméneur", "EST", "M1", "kam", date(2016, 9, 1), None, 1.0, 92000, "69003", 0),
        ("R02", "Thibault Rozière", "EST", "M1", "field", date(2018, 3, 1), None, 1.0, 71000, "38000", 0),
        ("R03", "Gaëtan Lespinasse", "EST", "M1", "field", date(2019, 1, 7), None, 1.0, 74000, "42000", 0),
        ("R04", "Bérengère Vauclair", "EST", "M1", "field", date(2020, 5, 4), None, 1.0, 68000, "01000", 0),
        ("R05", "Loïc Marchadier", "EST", "M1", "field", date(2014, 2, 3), None, 1.0, 76000, "07100", 0),
        ("R06", "Célestine Ducrocq", "EST", "M1", "field", date(2021, 9, 1), None, 1.0, 66000, "73000", 0),
        ("R07", "Aurélien Tasset", "OUEST", "M2", "field", date(2017, 6, 1), None, 1.0, 72000, "44000", 0),
        ("R08", "Anaïs Kerbrat", "OUEST", "M2", "field", date(2019, 10, 1), None, 0.6, 43000, "35000", 0),
        ("R09", "Noémie Fauvarque", "OUEST", "M2", "inside", date(2022, 1, 3), None, 1.0, 52000, "44800", 0),
        ("R10", "Jérôme Estaque", "OUEST", "M2", "hunter", date(2021, 4, 6), None, 1.0, 78000, "33000", 0),
        ("R11", "Zoé Brémontier", "OUEST", "M2", "field", NEW_SINCE, None, 1.0, 64000, "37000", 6),
        ("R12", "François Hauterive", "OUEST", "M2", "field", date(2015, 11, 2), LEFT_ON, 1.0, 75000, "49000", 0),
    ],
    columns=[
        "rep_id", "display_name", "team_id", "manager_id", "role", "start_date", "end_date", "fte", "annual_cost",
        "home_postcode", "ramp_months",
    ],
)  # fmt: skip
REP_IDS = tuple(REPS["rep_id"])
TEAMS = dict(zip(REPS["rep_id"], REPS["team_id"], strict=True))
FTE = dict(zip(REPS["rep_id"], REPS["fte"], strict=True))


def at_work(rep_id: str, day: date) -> bool:
    """Whether the salesperson is employed on that day."""
    if rep_id == "R11":
        return day >= NEW_SINCE
    return rep_id != "R12" or day <= LEFT_ON


ABSENT = {5: 2, 7: 4, 8: 9, 12: 4}  # usual days of leave by month; up to two more at random, in every month


@cache
def absences(seed: int) -> frozenset[tuple[str, date]]:
    """Salesperson and day of every absence on a working day: August from the 3rd on, December and July at the end."""
    rng = stream(seed, "absences")
    away = set()
    for rep in REP_IDS:
        for month in months(START, 42):
            worked = [d for d in days(month, month_end(month)) if is_working(d) and at_work(rep, d)]
            count = min(len(worked), ABSENT.get(month.month, 0) + int(rng.integers(0, 3)))
            if month.month in (7, 12):
                chosen = worked[-count:] if count else []
            elif month.month == 8:
                chosen = [d for d in worked if d.day >= 3][:count]
            else:
                chosen = [worked[int(i)] for i in rng.choice(len(worked), count, replace=False)] if count else []
            away |= {(rep, d) for d in chosen}
    return frozenset(away)


def at_desk(rep_id: str, day: date, seed: int) -> bool:
    """Whether the salesperson works on that day: employed, a working day, not away."""
    return is_working(day) and at_work(rep_id, day) and (rep_id, day) not in absences(seed)


# --- accounts -------------------------------------------------------------------------------------------------------


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
# the last window, orders a year. What each is for: demo_truths.py.
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

# How many ordinary accounts by planned cell; e2: on the edge between a2 and b2, visited so that it hardly matters
ORDINARY = {
    "a1": 36, "a2": 18, "a3": 5, "a?": 3,
    "e2": 6, "b1": 12, "b2": 20, "b3": 46, "b?": 10,
    "c1": 2, "c2": 12, "c3": 90, "c?": 52,
    "p3": 24,  # former customers: nothing in the last window
}  # fmt: skip
# visits done as a share of those due, by planned cell: too many to the large, too few to B1, C1 and P1
SERVED = {"a1": (1.05, 2.0), "a2": (1.0, 1.7), "a3": (0.9, 1.0), "a?": (1.0, 1.5), "e2": (0.9, 1.0), "b1": (0.3, 0.7),
          "b2": (0.4, 1.0), "b3": (0.0, 1.0), "b?": (0.2, 0.8), "c1": (0.1, 0.3), "p1": (0.2, 0.8)}  # fmt: skip
NEW_CUSTOMERS = {"a2": 2, "b2": 4, "b3": 4}
PROSPECTS = {"p1": 22, "p2": 57, "p3": 53, "p?": 18}
GOALS = {
    "R01": 5.5,
    "R02": 2.0,
    "R03": 2.0,
    "R04": 1.9,
    "R05": 2.0,
    "R06": 1.9,
    "R07": 2.1,
    "R08": 1.1,
    "R10": 0.8,
    "R12": 1.9,
}  # M€ that large customers are dealt out to reach
# portfolio sizes that ordinary accounts are dealt out to reach
PORTFOLIOS = {"R01": 18, "R02": 38, "R03": 38, "R04": 36, "R05": 34, "R06": 38, "R07": 64, "R08": 22, "R09": 60,
              "R10": 18, "R12": 34}  # fmt: skip
INSIDE_CELLS = ("c3", "c?", "b3", "p3")  # what the inside salesperson R09 holds
LATE = 9  # ordinary customers silent for twice to three times their usual gap
UNSEEN_BY_R07 = 0.36  # share of R07's portfolio without any contact
NOWHERE = "000183"  # a customer to visit whose place nobody wrote down
GROUPS = 16  # besides the planted one
MANY_ORDERS = ("R02", 1.8)  # whose ordinary customers order more often, so smaller: T02-R3

_KINDS = ("Ateliers", "Mécanique", "Usinages", "Fonderie", "Chaudronnerie", "Laiterie", "Papeterie", "Scierie",
          "Carrières", "Tôlerie", "Forges", "Minoterie", "Plasturgie", "Hydraulique", "Emboutissage", "Câblerie",
          "Verrerie", "Brasserie", "Robinetterie", "Outillage", "Décolletage", "Engrenages")  # fmt: skip
_PLACES = ("Aubépin", "Belcastel", "Brézolles", "Caudéran", "Champlémy", "Châteloup", "Courvière", "Drômelle",
           "Égletons-le-Haut", "Entraigues", "Fontvieille", "Garrigade", "Hérouval", "Île-Barbe", "Joinvaux",
           "Kerguénec", "Lachênaie", "Malaucourt", "Méjannes", "Noirétable", "Orgelette", "Plouézoc", "Quincampoix",
           "Rochetaillade", "Saint-Cœur", "Saint-Évroult", "Tréguennac", "Ussel-la-Forêt", "Vaucresson-Bas",
           "Verdelière", "Villechétive", "Yèvrecourt")  # fmt: skip
_FORMS = ("SAS", "SA", "SARL", "& Fils", "Industrie", "et Associés")
_DEPARTMENTS = {"01": (46.2, 5.2), "07": (44.7, 4.6), "26": (44.9, 5.0), "35": (48.1, -1.7), "37": (47.4, 0.7),
                "38": (45.2, 5.7), "42": (45.4, 4.4), "44": (47.2, -1.6), "49": (47.5, -0.6), "63": (45.8, 3.1),
                "69": (45.8, 4.8), "73": (45.6, 5.9), "74": (45.9, 6.1), "85": (46.7, -1.4)}  # fmt: skip
_SECTORS = ("10.51C", "16.10A", "17.12Z", "22.29A", "23.70Z", "24.51Z", "25.11Z", "25.62B", "28.15Z", "29.32Z")


def _draw(cell: str, rng: np.random.Generator) -> tuple[float, float | None]:
    """Revenue of the last window and potential of an ordinary account of a cell, in euros."""
    row, column = cell
    if row == "a":
        if column in "1":
            revenue = float(np.clip(rng.lognormal(np.log(165e3), 0.75), 66e3, 1.1e6))
        else:
            revenue = float(rng.uniform(*{"2": (52e3, 74e3), "3": (47.5e3, 51e3), "?": (50e3, 120e3)}[column]))
    else:
        low, high, power = {
            "e": (41.5e3, 46.5e3, 1.0),
            "b": (15.5e3, 40.5e3, 1.0),
            "c": (1.3e3, 13.8e3, 1.6),
            "p": (0, 0, 1),
        }[row]
        revenue = low + (high - low) * float(rng.random()) ** power
    if column == "?":
        return revenue, None
    if column == "1":
        potential = max(revenue * rng.uniform(1.6, 3.2), 128e3) if row == "a" else float(rng.uniform(125e3, 330e3))
        if row == "p":
            potential = float(np.clip(rng.lognormal(np.log(520e3), 0.6), 160e3, 1.6e6))
    elif column == "2":
        potential = max(revenue * rng.uniform(1.3, 1.55), float(rng.uniform(56e3, 104e3)))
        potential = min(potential, max(96e3, revenue * 1.28)) if row == "a" else potential
    else:
        potential = revenue * rng.uniform(1.0, 1.03) if row == "a" else revenue * rng.uniform(1.06, 1.3)
        potential = min(potential, 48e3) if row != "a" else potential
        if row == "p":
            potential = float(rng.uniform(2e3, 11e3))
    return revenue, potential


def _done(cell: str, rng: np.random.Generator) -> tuple[int, int]:
    """Visits and remote contacts of an ordinary account in the last window."""
    face, remote = POLICY[cell.replace("?", "2").replace("e", "a")]
    low, high = SERVED.get(cell, (0.0, 0.0))
    visits = round(face * rng.uniform(low, high))
    if cell == "c2":
        visits = int(rng.random() < 0.4)
    return visits, max(1, round(remote * rng.uniform(0.5, 1.1)))


def _ordinary(seed: int) -> list[Account]:
    """The accounts drawn at random, without owner, name or group."""
    rng = stream(seed, "accounts")
    taken = {a.customer_id for a in PLANTED}
    numbers = [f"{n:06d}" for n in range(101, 101 + 420) if f"{n:06d}" not in taken]
    rng.shuffle(numbers)
    made = []
    for cell, count in ORDINARY.items():
        for _ in range(count):
            revenue, potential = _draw(cell, rng)
            visits, remote = _done(cell, rng)
            growth = np.clip(rng.normal(0.03, 0.05, 2), -0.07, 0.14)
            path = (revenue / (1 + growth[0]) / (1 + growth[1]), revenue / (1 + growth[1]), revenue)
            orders = {"a": int(np.clip(revenue / 6500, 18, 52)), "b": int(rng.integers(10, 19)), "e": 18,
                      "c": int(rng.integers(3, 8)), "p": int(rng.integers(3, 7))}[cell[0]]  # fmt: skip
            account = Account(numbers.pop(), cell, "", path, potential, visits, remote, orders)
            if cell == "p3":  # bought little, then stopped
                last = date(2024, 3, 1) + timedelta(int(rng.integers(0, 400)))
                second = rng.uniform(800, 3000) if last >= date(2024, 9, 1) else 0.0
                path = (float(rng.uniform(1500, 5000)), float(second), 0.0)
                last = last if second else min(last, date(2024, 6, 28))
                account = replace(account, revenue=path, last=last, potential=float(rng.uniform(2e3, 9e3)))
            made.append(account)
    for cell, count in NEW_CUSTOMERS.items():
        for _ in range(count):
            revenue, potential = _draw(cell, rng)
            visits, remote = _done(cell, rng)
            first = date(2025, 8, 1) + timedelta(int(rng.integers(0, 150)))
            path = (0.0, 0.0, revenue)
            made.append(Account(numbers.pop(), cell, "", path, potential, visits, remote, 18, first=first))
    return made


def _deal_out(ordinary: list[Account], seed: int) -> list[Account]:
    """Give every ordinary account an owner: large ones to who is furthest from the goal, small ones by room left."""
    rng = stream(seed, "owners")
    room, earned = dict(PORTFOLIOS), dict.fromkeys(PORTFOLIOS, 0.0)
    for account in PLANTED:
        room[account.rep] -= 1
        earned[account.rep] += account.revenue[2] / 1e6
    owners: dict[str, str] = {}
    for account in sorted(ordinary, key=lambda a: -a.revenue[2]):
        if account.cell[0] == "a":
            rep = max((r for r in GOALS if room[r] > 0), key=lambda r: 1 - earned[r] / GOALS[r])
        elif account.cell in INSIDE_CELLS and room["R09"] > 0 and rng.random() < 0.32:
            rep = "R09"
        else:
            field_reps = [r for r in room if r not in ("R01", "R09") and room[r] > 0] or ["R09"]
            weights = np.array([room[r] for r in field_reps], float)
            rep = str(rng.choice(field_reps, p=weights / weights.sum()))
        owners[account.customer_id] = rep
        room[rep] -= 1
        earned[rep] += account.revenue[2] / 1e6
    return [replace(a, rep=owners[a.customer_id]) for a in ordinary]


def _group(accounts: list[Account], seed: int) -> list[Account]:
    """Make some large customers heads of a group: two to four small sites each, mostly of the same owner."""
    rng = stream(seed, "groups")
    heads = [a for a in accounts if a.cell == "a1" and not a.planted][:GROUPS]
    free = [a for a in accounts if a.cell in ("b2", "b3", "c3", "c2") and not a.planted and a.first == START]
    parents: dict[str, Account] = {}
    for rank, head in enumerate(heads):
        near = [a for a in free if a.rep == head.rep and a.customer_id not in parents]
        near += [a for a in free if a.rep != head.rep and a.customer_id not in parents]
        for number in range(int(rng.integers(2, 5))):
            site = near[-1] if rank in (3, 9) and number == 0 else near[number]  # two groups are split over owners
            parents[site.customer_id] = head
    return [replace(a, parent=parents[a.customer_id].customer_id) if a.customer_id in parents else a for a in accounts]


def _leave_unseen(accounts: list[Account], seed: int) -> list[Account]:
    """Take every contact from the small customers of R07's too large portfolio, and from a few others."""
    rng = stream(seed, "unseen")
    small = [a for a in accounts if a.rep == "R07" and a.cell in ("c1", "c2", "c3", "c?", "p3", "b3")]
    count = round(UNSEEN_BY_R07 * sum(a.rep == "R07" for a in accounts))
    unseen = {a.customer_id for a in sorted(small, key=lambda a: (a.planted, a.revenue[2]))[:count] if not a.planted}
    few = [a for a in accounts if not a.planted and a.cell in ("c3", "c?", "p3")]
    unseen |= {a.customer_id for a in few if rng.random() < 0.05}
    return [replace(a, visits=0, remote=0) if a.customer_id in unseen else a for a in accounts]


def _make_late(accounts: list[Account], seed: int) -> list[Account]:
    """Stop a few regular buyers early enough to be late today, too late to be called dormant."""
    rng = stream(seed, "late")
    regular = [a for a in accounts if not a.planted and a.cell in ("a2", "b2", "b3") and 11 <= a.orders <= 18]
    late = {str(i) for i in rng.choice([a.customer_id for a in regular if a.first == START], LATE, replace=False)}
    return [
        replace(a, last=working_day(AS_OF - timedelta(round(rng.uniform(2.25, 2.6) * 365 / a.orders))))
        if a.customer_id in late
        else a
        for a in accounts
    ]


def _own(account: Account, seed: int) -> Account:
    """Date the owners: R12's customers go to R11 or stay orphans, a dozen moved at the start of 2025."""
    begin = date(2023, 1, 2) if account.first == START else account.first
    if account.rep == "R12":
        rng = stream(seed, "leaver" + account.customer_id)
        kept: tuple[tuple[str, date, date | None], ...] = (("R12", begin, LEFT_ON),)
        if account.customer_id != "000266" and (account.cell[0] in "abp" or rng.random() < 0.5):
            kept += (("R11", max(NEW_SINCE, begin), None),)
        return replace(account, owners=kept)
    is_mover = account.status == "customer" and not account.planted and int(account.customer_id[1:]) % 6 == 0
    if is_mover and account.rep in ("R02", "R03") and begin.year < 2024:
        other = {"R02": "R03", "R03": "R02"}[account.rep]
        return replace(account, owners=((other, begin, date(2024, 12, 31)), (account.rep, date(2025, 1, 1), None)))
    return replace(account, owners=((account.rep, begin, None),))


def _prospects(seed: int) -> list[Account]:
    """150 prospects, a third of them with the hunter R10."""
    rng = stream(seed, "prospects")
    made = []
    for cell, count in PROSPECTS.items():
        for _ in range(count):
            _, potential = _draw(cell, rng)
            visits, remote = _done(cell, rng)
            rep = "R10" if rng.random() < 0.33 else str(rng.choice(["R02", "R03", "R04", "R05", "R06", "R07", "R08"]))
            number = f"P{len(made) + 1:04d}"
            account = Account(number, cell, rep, (0.0, 0.0, 0.0), potential, visits, remote, 0, status="prospect")
            if number == "P0002":  # T10-R6: a large potential that nobody has checked
                account = replace(account, potential=820e3, confidence="low", method="external", planted=True)
            if number == "P0003":  # decoy of T01-R2: a prospect is no customer
                account = replace(account, potential=540e3, confidence="high", planted=True, visits=3)
            made.append(account)
    return made


def class_cuts(values: list[float]) -> tuple[float, float]:
    """The smallest value of the first and of the second class, by cumulated share before (80 %, 95 %)."""
    ranked = np.sort(np.array([v for v in values if v > 0]))[::-1]
    before = (np.cumsum(ranked) - ranked) / ranked.sum()
    return float(ranked[before < 0.80].min()), float(ranked[before < 0.95].min())


def _settle_near_cuts(accounts: list[Account]) -> list[Account]:
    """Put the two customers of T10-R7 on the cuts of revenue and potential."""
    revenue = class_cuts([a.revenue[2] for a in accounts])
    potential = class_cuts([max(a.potential, a.revenue[2]) for a in accounts if a.potential])
    near = {"000195": (revenue[0], potential[0]), "000196": (revenue[1], potential[1])}
    near = {key: (r * 1.003, p * 1.003) for key, (r, p) in near.items()}  # no ties
    return [
        replace(a, revenue=(near[a.customer_id][0] * 0.97,) * 2 + (near[a.customer_id][0],),
                potential=near[a.customer_id][1]) if a.customer_id in near else a
        for a in accounts
    ]  # fmt: skip


def _christen(accounts: list[Account], seed: int) -> list[Account]:
    """A name of its own for each account."""
    rng = stream(seed, "names")
    names = [f"{kind} {place}" for kind in _KINDS for place in _PLACES]
    rng.shuffle(names)
    return [replace(a, name=f"{names[i]} {rng.choice(_FORMS)}") for i, a in enumerate(accounts)]


def _more_orders(account: Account) -> Account:
    regular = not account.planted and account.first == START and account.last == AS_OF and account.orders > 0
    if account.rep != MANY_ORDERS[0] or not regular:
        return account
    return replace(account, orders=round(account.orders * MANY_ORDERS[1]))


@cache
def accounts(seed: int) -> tuple[Account, ...]:
    """Customers, then prospects, sorted by id."""
    ordinary = _deal_out(_ordinary(seed), seed)
    customers = _make_late(_leave_unseen(_group([*PLANTED, *ordinary], seed), seed), seed)
    everyone = _settle_near_cuts(customers + _prospects(seed))
    everyone = [_more_orders(a) for a in everyone]
    everyone = sorted(everyone, key=lambda a: (a.status == "prospect", a.customer_id))
    return tuple(_own(a, seed) for a in _christen(everyone, seed))


def customers(seed: int) -> pd.DataFrame:
    """Table ``customers``, with the intercompany customer."""
    rng = stream(seed, "customers")
    rows = []
    for a in accounts(seed):
        department = str(rng.choice(list(_DEPARTMENTS)))
        lat, lon = _DEPARTMENTS[department]
        size = max(a.potential or 0.0, a.revenue[2], 3000.0)
        employees = max(2, int(size / 1800 * rng.lognormal(0, 0.4)))
        created = a.first if a.first > START else date(2008, 1, 7) + timedelta(int(rng.integers(0, 5500)))
        status = "lost" if a.status == "customer" and a.last < date(2024, 7, 1) else a.status
        rows.append(
            {
                "customer_id": a.customer_id,
                "name": a.name,
                "parent_customer_id": a.parent,
                "legal_id": f"{int(rng.integers(5_000_000, 999_999_999)):09d}",
                "status": status,
                "created_date": created,
                "sector_code": str(rng.choice(_SECTORS)),
                "employees": employees,
                "company_revenue": round(employees * 165_000 * float(rng.lognormal(0, 0.3)), -3),
                "postcode": department + f"{int(rng.integers(1, 95)) * 10:03d}",
                "country": "FR",
                "lat": round(lat + float(rng.normal(0, 0.25)), 4),
                "lon": round(lon + float(rng.normal(0, 0.3)), 4),
                "channel": "à distance" if a.rep == "R09" else "terrain",
                "is_intercompany": False,
                "legacy_unit": f"Agence {'Rhône' if TEAMS.get(a.rep) == 'EST' else 'Loire'}",
            }
        )
    for row in rows:
        if row["customer_id"] == NOWHERE:
            row.update(postcode=None, lat=None, lon=None)
    rows.append(
        {**rows[0], "customer_id": INTERCOMPANY, "name": "Ferrandière Logistique SAS", "parent_customer_id": None,
         "legal_id": "000512348", "is_intercompany": True, "channel": "interne"}
    )  # fmt: skip
    return pd.DataFrame(rows).sort_values("customer_id", ignore_index=True)


INTERCOMPANY = "000900"


def customer_potential(seed: int) -> pd.DataFrame:
    """Table ``customer_potential``: one version for most, an older one for a few; none where nobody knows."""
    rng = stream(seed, "potential")
    rows = []
    for a in accounts(seed):
        since, method, confidence = a.potential_from, a.method, a.confidence
        if not a.planted:
            since = date(2025, 9, 1) + timedelta(int(rng.integers(0, 240)))
            method = str(rng.choice(["declared", "driver", "peer", "external"], p=[0.35, 0.35, 0.2, 0.1]))
            confidence = str(rng.choice(["med", "high"], p=[0.7, 0.3]))
            small = a.cell in ("b3", "c3", "p3")
            if small and rng.random() < 0.25:
                confidence, since = "low", date(2024, 2, 1) + timedelta(int(rng.integers(0, 300)))
        versions = [(since, a.potential)]
        if a.older_potential:
            versions.insert(0, a.older_potential)
        elif a.potential and not a.planted and rng.random() < 0.35:
            versions.insert(0, (date(2024, 1, 8) + timedelta(int(rng.integers(0, 20))), a.potential * 0.92))
        for valid_from, potential in versions:
            if potential is None:
                continue
            accessible = round(potential, -2) if potential > 20_000 else round(potential, 2)
            addressable = float(rng.choice([0.5, 0.6, 0.65, 0.7, 0.8]))
            spread = {"low": 0.4, "med": 0.2, "high": 0.1}[confidence]
            rows.append(
                {
                    "customer_id": a.customer_id,
                    "valid_from": valid_from,
                    "potential_total": round(accessible / addressable, 2),
                    "addressable_share": addressable,
                    "potential_accessible": accessible,
                    "method": method,
                    "confidence": confidence,
                    "low": round(accessible * (1 - spread), 2),
                    "high": round(accessible * (1 + spread), 2),
                }
            )
    return pd.DataFrame(rows)


def customer_assignments(seed: int) -> pd.DataFrame:
    """Table ``customer_assignments``: dated owners; ten large customers share R09's support."""
    rows = []
    supported = [a.customer_id for a in accounts(seed) if a.cell == "a2" and len(a.owners) == 1 and a.rep != "R12"][:10]
    for a in accounts(seed):
        for rep, since, until in a.owners:
            share = 0.8 if a.customer_id in supported else 1.0
            rows.append((a.customer_id, rep, since, until, "owner", share))
        if a.customer_id in supported:
            rows.append((a.customer_id, "R09", a.owners[0][1], None, "support", 0.2))
    columns = ["customer_id", "rep_id", "valid_from", "valid_to", "role", "split_share"]
    return pd.DataFrame(rows, columns=columns)
