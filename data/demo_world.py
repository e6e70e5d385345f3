"""The demo client's world: its calendar, its salespeople, and the constants that every other module draws with."""

from __future__ import annotations

import zlib
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
