"""How one column writes its dates: day or month first, judged on the whole column.

Every distinct value is looked at in Python (a column of dates has few) and becomes a row of a dictionary table that
DuckDB joins; so what is read is exactly what is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from salespilot.intake.words import is_empty, normal

MINORITY = 0.02  # of the proofs: fewer than that are slips of the pen, not a second order
ORDERS = ("dmy", "mdy", "ymd")
YEARS = 12  # with two digits for the year, no export spans more: then what was taken for the year is the day
EXCEL_START = datetime(1899, 12, 30)
EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119: five digits in a date column
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier janv jan january",
            "fevrier fevr fev february feb",
            "mars mar march",
            "avril avr april apr",
            "mai may",
            "juin june jun",
            "juillet juil july jul",
            "aout august aug",
            "septembre sept sep september",
            "octobre oct october",
            "novembre nov november",
            "decembre dec december",
        ),
        start=1,
    )
    for name in names.split()
}
_TIME = re.compile(
    r"[T ]+(\d{1,2})[:h](\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?"
    r"\s*(Z|UTC|[-+]\d{2}:?\d{2}|[-+]\d{2})?$"
)
_PARTS = re.compile(r"(\d{1,4})([-/. ])(\d{1,2})\2(\d{1,4})")
_DAY_NAME = re.compile(
    r"^(lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lun|mer|jeu|ven|sam|dim"
    r"|(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?)\.?,? +",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Value:
    """One distinct value: the days it may be, by order of its parts; one entry "sure" when it needs no judgement."""

    text: str
    count: int
    days: Mapping[str, date]
    time: timedelta = timedelta()

    @property
    def settles(self) -> str | None:
        """The order that this value proves, if it can be only one of dmy and mdy."""
        orders = [order for order in ("dmy", "mdy") if order in self.days]
        return orders[0] if len(orders) == 1 else None

    @property
    def is_doubtful(self) -> bool:
        """Whether both orders give a day, and not the same."""
        return "dmy" in self.days and "mdy" in self.days and self.days["dmy"] != self.days["mdy"]


@dataclass
class Votes:
    """The values of one column of one file, and what they prove about the order of day and month."""

    values: list[Value] = field(default_factory=list)

    def proofs(self) -> dict[str, int]:
        """Order -> number of values that allow no other."""
        found = {"dmy": 0, "mdy": 0}
        for value in self.values:
            if value.settles:
                found[value.settles] += value.count
        return found

    def doubtful(self) -> list[Value]:
        """The values that could be either."""
        return [value for value in self.values if value.is_doubtful]


def weigh(values: Iterable[tuple[str, int]], column: str, told: str | None = None) -> Votes:
    """Look at (text, count) pairs. ``told``: a strptime format to read them by; orders are told to :func:`order`."""
    return Votes([look(text, count, column, told) for text, count in values if not is_empty(text)])


def order(votes: Iterable[Votes]) -> str | None:
    """dmy, mdy or ymd as the values of all these files prove; "" when nothing needs it; None when either may be."""
    files = list(votes)
    days = [value.days for vote in files for value in vote.values if value.days]
    if days and all("ymd" in read for read in days):
        years = {name: {read[name].year for read in days if name in read} for name in ("dmy", "ymd")}
        if len(years["dmy"]) > YEARS >= len(years["ymd"]):
            return "ymd"
    total = {"dmy": 0, "mdy": 0}
    for vote in files:
        for name, count in vote.proofs().items():
            total[name] += count
    few, many = sorted(total, key=lambda name: total[name])
    if total[few]:
        return many if total[few] <= MINORITY * total[many] else None
    if total[many]:
        return many
    return None if any(vote.doubtful() for vote in files) else ""


def settled(value: Value, chosen: str) -> date | None:
    """The day of a value once the column's order is chosen; None when it cannot be read so."""
    if "sure" in value.days:
        return value.days["sure"]
    if chosen in value.days:
        return value.days[chosen]
    if not chosen and value.days:
        return next(iter(value.days.values()))
    return None


def look(text: str, count: int, column: str, told: str | None = None) -> Value:
    """The days that one text may be in a column of this name."""
    clean = " ".join(text.split()).replace("\u202f", " ")
    if told and "%" in told:
        try:
            moment = datetime.strptime(clean, told)
        except ValueError:
            return Value(text, count, {})
        return Value(
            text, count, {"sure": moment.date()}, moment - datetime.combine(moment.date(), datetime.min.time())
        )
    clean, time = _without_time(clean)
    clean = _DAY_NAME.sub("", clean)
    return Value(text, count, _days(clean, column), time)


def _without_time(text: str) -> tuple[str, timedelta]:
    match = _TIME.search(text)
    if not match or match.start() == 0:
        return text, timedelta()
    hour, minute, second, fraction, half, zone = match.groups()
    hours = int(hour) % 12 + (12 if half[0] in "pP" else 0) if half else int(hour)
    time = timedelta(hours=hours, minutes=int(minute), seconds=int(second or 0))
    time += timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
    if zone and zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        time -= offset if zone[0] == "+" else -offset
    return text[: match.start()].rstrip(" ,"), time


def _days(text: str, column: str) -> dict[str, date]:
    parts = _PARTS.fullmatch(text)
    if parts:
        return _from_parts(parts[1], parts[3], parts[4])
    if re.fullmatch(r"\d{8}", text):
        sure = _made(text[:4], text[4:6], text[6:])
        if sure and 1900 <= sure.year <= 2100:
            return {"sure": sure}
        return _orders(text[:2], text[2:4], text[4:])
    if re.fullmatch(r"\d{5}(\.\d+)?", text) and EXCEL_DAYS[0] <= float(text) <= EXCEL_DAYS[1]:
        return {"sure": (EXCEL_START + timedelta(days=float(text))).date()}
    whole = _period(text, column)
    if whole:
        return {"sure": whole}
    if re.fullmatch(r"\d{6}", text):
        return _from_parts(text[:2], text[2:4], text[4:])
    words = re.findall(r"[A-Za-zÀ-ÿ]+|\d+", text)
    names = [w for w in words if normal(w) in _MONTHS]
    numbers = [w for w in words if w.isdigit()]
    if len(names) == 1 and len(numbers) == 2 and len(words) <= 4:
        day, year = (numbers[1], numbers[0]) if len(numbers[0]) == 4 else numbers
        sure = _made(year, str(_MONTHS[normal(names[0])]), day)
        return {"sure": sure} if sure else {}
    return {}


def _from_parts(first: str, second: str, third: str) -> dict[str, date]:
    if len(first) == 4:
        sure = _made(first, second, third)
        return {"sure": sure} if sure else {}
    if len(first) == 3 or len(third) in (1, 3):
        return {}
    found = _orders(first, second, third)
    year_first = _made(first, second, third) if len(third) <= 2 and len(first) == 2 else None
    if year_first:
        found["ymd"] = year_first
    return found


def _orders(first: str, second: str, year: str) -> dict[str, date]:
    made = {"dmy": _made(year, second, first), "mdy": _made(year, first, second)}
    return {order: day for order, day in made.items() if day}


def _made(year: str, month: str, day: str) -> date | None:
    number = int(year)
    if len(year) <= 2:
        number += 2000 if number < 69 else 1900
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None


def _period(text: str, column: str) -> date | None:
    """A month (2024-01, 01/2024, 202401, janv. 2024) or, in a column of periods, a year: its first or last day."""
    found = re.fullmatch(r"((?:19|20)\d\d)[-/. ]?(0?[1-9]|1[0-2])", text)
    backward = re.fullmatch(r"(0?[1-9]|1[0-2])[-/. ]((?:19|20)\d\d)", text)
    year, month = (found[1], found[2]) if found else (backward[2], backward[1]) if backward else (None, None)
    if year is None:
        words = re.findall(r"[A-Za-zÀ-ÿ]+|\d+", text)
        if len(words) == 2 and normal(words[0]) in _MONTHS and re.fullmatch(r"\d{4}|\d{2}", words[1]):
            month, year = str(_MONTHS[normal(words[0])]), words[1]
        elif column.startswith("period") and re.fullmatch(r"(19|20)\d\d", text):
            return date(int(text), 12, 31) if column.endswith("_end") else date(int(text), 1, 1)
    if year is None or month is None:
        return None
    first = _made(year, month, "1")
    if first and column.endswith("_end"):
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return following - timedelta(days=1)
    return first


def moment(value: Value, day: date) -> datetime:
    """The instant (UTC, naive) of a value read on a day."""
    return (datetime.combine(day, datetime.min.time(), UTC) + value.time).replace(tzinfo=None)
