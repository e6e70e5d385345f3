"""Sentences and numbers in the reader's language: the only place where a number becomes text.

Every sentence of a report is in ``phrases/<report>.toml``, French and English side by side under one key; words that
all reports share are in ``phrases/_house.toml``, headings and formats of columns in ``phrases/_columns.toml``. ::

    [dependence_observation]
    fr = "{name} pèse {share:percent} du CA, soit {stake:money}."
    en = "{name} is {share:percent} of revenue, or {stake:money}."

A placeholder is ``{name}`` (text) or ``{name:kind}``, where kind is one of `KINDS`. What fills it is inserted as it
is, once: braces or markup in a customer's name stay characters. Everything returned is plain text; whoever puts it
on an HTML page escapes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, get_currency_precision, get_currency_symbol

from salespilot.phrasefile import KINDS, LANGUAGES, NARROW, PLACEHOLDER, PhraseError, phrases

LOCALES: Mapping[str, Locale] = {"fr": Locale("fr", "FR"), "en": Locale("en", "GB")}
MISSING = {"fr": "n. c.", "en": "n/a"}

MINUS = "\u2212"
SCALES = {
    "fr": ((Decimal(10) ** 9, "Md"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k")),
    "en": ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k")),
}
DAYS = {"fr": ("jour", "jours", "j"), "en": ("day", "days", "d")}


def is_missing(value: Any) -> bool:
    """None, NaN, NaT, pandas' NA and the infinities: what is printed as not available."""
    if isinstance(value, (str, bool)) or not pd.api.types.is_scalar(value):
        return False
    return bool(pd.isna(value)) or (isinstance(value, (float, Decimal)) and not math.isfinite(value))


def is_flag(value: object) -> bool:
    """True or false, be it Python's or numpy's."""
    return isinstance(value, (bool, np.bool_))


class Phrasebook:
    """The words of one report in one language.

    ``name``: the report; its sentences are looked up in ``phrases/<name>.toml``, then in ``_house.toml``.
    ``language``: fr or en. ``currency``: ISO code of all money.
    """

    def __init__(self, name: str, language: str, currency: str = "EUR") -> None:
        if language not in LANGUAGES:
            raise PhraseError(f"no phrases in {language!r}; languages are {', '.join(LANGUAGES)}")
        self.name = name
        self.language = language
        self.currency = currency
        self.locale = LOCALES[language]
        self.symbol: str = get_currency_symbol(currency, locale=self.locale)
        self.missing = MISSING[language]
        self._percent_sign = f"{NARROW}%" if language == "fr" else "%"

    # Sentences

    def has(self, key: str) -> bool:
        """Whether the report or the house has this sentence."""
        return key in phrases(self.name) or key in phrases("_house")

    def say(self, key: str, /, **values: object) -> str:
        """The sentence of that key, filled. Values that no placeholder asks for are ignored.

        Raises PhraseError when the key is in neither file, when a placeholder has no value, or when a number is
        given to a placeholder of text.
        """
        for file in (self.name, "_house"):
            if key in phrases(file):
                return self._fill(f"phrases/{file}.toml: [{key}]", phrases(file)[key][self.language], values)
        raise PhraseError(f"phrases/{self.name}.toml has no [{key}], nor has phrases/_house.toml")

    def _fill(self, where: str, text: str, values: Mapping[str, object]) -> str:
        def fill(match: re.Match[str]) -> str:
            name, kind = match.groups()
            if name not in values:
                raise PhraseError(f"{where} asks for {{{name}}}, which was not given")
            try:
                return self.format(kind or "text", values[name])
            except (TypeError, ValueError, ArithmeticError) as error:
                raise PhraseError(f"{where} {{{match.group()[1:-1]}}}: {error}") from error

        return PLACEHOLDER.sub(fill, text)

    # Columns

    def knows(self, column: str, table: str | None = None) -> bool:
        """Whether ``_columns.toml`` has this column."""
        return self._column(column, table) is not None

    def heading(self, column: str, table: str | None = None) -> str:
        """The column's heading; ``table.column`` goes before ``column``. Raises PhraseError when a report of the kit
        shows an unknown column; in a consultant's own notebook (no phrase file) the column's name stands in."""
        entry = self._column(column, table)
        if entry is not None:
            return entry[self.language]
        if phrases(self.name):
            raise PhraseError(f"phrases/_columns.toml has no [{column}], shown by {self.name}")
        return column.replace("_", " ").capitalize()

    def format_of(self, column: str, table: str | None = None) -> str | None:
        """The column's kind (one of `KINDS`), or None when the column is unknown."""
        entry = self._column(column, table)
        return None if entry is None else entry.get("format", "text")

    def cell(self, column: str, value: object, table: str | None = None, digits: int | None = None) -> str:
        """The value as it stands in a cell of that column: dates and units short, listed words translated, numbers,
        days and hours with ``digits`` decimals if given."""
        kind = self.format_of(column, table) or _kind_of(value)
        if kind == "value":
            return self.value(value, column, table)
        if kind in ("number", "days", "hours"):
            return {"number": self.number, "days": self.days_short, "hours": self.hours}[kind](value, digits)
        if kind == "percent":
            return self.percent(value, trim=False)
        return {"date": self.date_short, "month": self.month_short}.get(kind, partial(self.format, kind))(value)

    def _column(self, column: str, table: str | None) -> Mapping[str, str] | None:
        return phrases("_columns").get(f"{table}.{column}") or phrases("_columns").get(column)

    def value(self, word: object, column: str | None = None, table: str | None = None) -> str:
        """A word of a closed list (status, segment, class ...) in the reader's language; any other word as it is.

        ``[value.<table>.<column>.<word>]`` goes before ``[value.<column>.<word>]``, which goes before
        ``[value.<word>]``.
        """
        if is_missing(word) or is_flag(word):
            return self.flag(word)
        for scope in (f"{table}.{column}.", f"{column}.", ""):
            if self.has(f"value.{scope}{word}"):
                return self.say(f"value.{scope}{word}")
        return self.text(word)

    # Numbers, dates, text

    def format(self, kind: str, value: object) -> str:
        """The value written as its kind says (one of `KINDS`); missing values are "n. c." or "n/a"."""
        if kind not in KINDS:
            raise PhraseError(f"unknown kind {kind!r}; kinds are {', '.join(sorted(KINDS))}")
        return str(getattr(self, kind)(value))

    def text(self, value: object) -> str:
        """Text as it is. Raises TypeError on a number or a date, which would print in nobody's language."""
        if is_missing(value):
            return self.missing
        if is_flag(value):
            return self.flag(value)
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is not text: the placeholder or column needs a kind")
        return str(value)

    def id(self, value: object) -> str:
        """A code as it is; a whole number (a year) without separators."""
        return str(int(value)) if isinstance(value, (int, np.integer)) and not is_flag(value) else self.text(value)

    def column(self, value: object) -> str:
        """Names of standard columns, parted by commas, as their headings."""
        return ", ".join(self.heading(c) if self.knows(c) else c for c in self.text(value).split(", "))

    def flag(self, value: object) -> str:
        """Yes or no."""
        return self.missing if is_missing(value) else self.say("yes" if value else "no")

    def number(self, value: object, digits: int | None = None) -> str:
        """A number with that many decimals; without ``digits``, at most two and no trailing zero (0,73; 12)."""
        places = 2 if digits is None else digits
        return self.missing if is_missing(value) else self._decimal(_exact(value), places, trim=digits is None)

    def count(self, value: object) -> str:
        """A whole number: 12 345."""
        return self.number(value, 0)

    def decimal(self, value: object) -> str:
        """A number with one decimal, whole or not: 3,0; 12,5."""
        return self.number(value, 1)

    def percent(self, value: object, digits: int = 1, *, trim: bool = True) -> str:
        """A fraction as a percentage: 0.757 is 75,7 % in French, 75.7% in English; exactly 0.8 is 80 %."""
        if is_missing(value):
            return self.missing
        share = _exact(value) * 100
        is_whole = trim and share == share.to_integral_value()
        return self._decimal(share, 0 if is_whole else digits) + self._percent_sign

    def points(self, value: object) -> str:
        """A difference between two percentages, signed: 0.031 is +3,1 pts."""
        text = self.percent(value, trim=False).replace(self._percent_sign, f"{NARROW}pts")
        return f"+{text}" if not is_missing(value) and _exact(value) > 0 else text

    def money(self, value: object) -> str:
        """An amount: whole units from 100 on (12 345 €), the currency's decimals below unless it is whole (12,50 €)."""
        if is_missing(value):
            return self.missing
        amount = _exact(value)
        fine = abs(amount) < 100 and amount != amount.to_integral_value()
        return self._price(amount, get_currency_precision(self.currency) if fine else 0)

    def money_short(self, value: object) -> str:
        """An amount for the eye: 840 €, 8,4 k€, 345 k€, 1,23 M€ in French; €840, €8.4k, €345k, €1.23M in English."""
        return self._scaled(value, lambda part, scale: (abs(part) < 10) + (abs(part) < 100 and scale != "k"))

    def date(self, value: object) -> str:
        """A day in a sentence: 1er juin 2026, 1 June 2026."""
        if is_missing(value):
            return self.missing
        day = _day(value)
        text: str = format_date(day, "d MMMM y", locale=self.locale)
        return text.replace("1 ", "1er ", 1) if self.language == "fr" and day.day == 1 else text

    def date_short(self, value: object) -> str:
        """A day in a cell: 01/06/2026 in French; 1 Jun 2026 in English, where 01/06 would be read in two ways."""
        return self._dated(value, "dd/MM/y" if self.language == "fr" else "d MMM y")

    def month(self, value: object) -> str:
        """The month of a day: juin 2026."""
        return self._dated(value, "MMMM y")

    def month_short(self, value: object) -> str:
        """The month of a day, short: janv. 2026, Jan 2026."""
        return self._dated(value, "MMM y")

    def days(self, value: object, digits: int | None = None) -> str:
        """A length in days, without ``digits`` one decimal under ten: 45 jours, 1 jour, 7,5 jours."""
        if is_missing(value):
            return self.missing
        number = _exact(value)
        one, many, _ = DAYS[self.language]
        single = abs(number) < 2 if self.language == "fr" else number == 1
        places = digits if digits is not None else 1 if abs(number) < 10 else 0
        return f"{self._decimal(number, places, trim=digits is None)} {one if single else many}"

    def days_short(self, value: object, digits: int | None = None) -> str:
        """A length in days, in a cell: 45 j, 45 d."""
        words = self.days(value, digits)
        return words if is_missing(value) else words.split(" ")[0] + NARROW + DAYS[self.language][2]

    def hours(self, value: object, digits: int | None = None) -> str:
        """A length in hours, without ``digits`` at most one decimal: 12,5 h."""
        places = 1 if digits is None else digits
        return (
            self.missing
            if is_missing(value)
            else f"{self._decimal(_exact(value), places, trim=digits is None)}{NARROW}h"
        )

    def axis(self, kind: str) -> Callable[[float, object], str]:
        """A formatter of matplotlib ticks, ``(value, position) -> text``, of that kind.

        Money ticks are scaled with up to two decimals and percentages trimmed, so that neighbours never read alike.
        """

        def tick(value: float, _: object = None) -> str:
            if kind in ("money", "money_short"):
                return self._scaled(value, lambda *_: 2)
            if kind == "percent":
                return self._decimal(_exact(value) * 100, 2, trim=True) + self._percent_sign
            if kind in ("month", "date"):  # matplotlib counts days since 1 January 1970
                day = pd.Timestamp(int(value), unit="D")
                return self.month_short(day) if kind == "month" else self.date_short(day)
            return str(
                getattr(self, {"days": "days_short", "count": "number", "decimal": "number"}.get(kind, kind))(value)
            )

        return tick

    def _decimal(self, value: Decimal, digits: int, *, trim: bool = False) -> str:
        # Rounded here, half up as accountants do: Babel would round half to even, and write minus zero.
        value = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        pattern = "#,##0" + ("." + ("#" if trim else "0") * digits if digits else "")
        text: str = format_decimal(abs(value), format=pattern, locale=self.locale)
        return (MINUS if value < 0 else "") + text

    def _price(self, amount: Decimal, digits: int, scale: str = "", *, trim: bool = False) -> str:
        text = self._decimal(amount, digits, trim=trim)
        if self.language == "fr":
            # Codes made of letters (CHF) would run into the scale: "1,2 MCHF".
            gap = NARROW if scale and self.symbol[0].isalpha() else ""
            return f"{text}{NARROW}{scale}{gap}{self.symbol}"
        gap = NARROW if self.symbol[-1].isalpha() else ""
        sign, text = (MINUS, text[1:]) if text.startswith(MINUS) else ("", text)
        return f"{sign}{self.symbol}{gap}{text}{scale}"

    def _scaled(self, value: object, digits_of: Callable[[Decimal, str], int]) -> str:
        if is_missing(value):
            return self.missing
        amount = _exact(value)
        # 999 950 is a million: the limit of each scale is where the one below would round to a thousand.
        for size, scale in SCALES[self.language]:
            if abs(amount) >= size * Decimal("0.9995"):
                return self._price(amount / size, digits_of(amount / size, scale), scale, trim=True)
        return self.money(amount)

    def _dated(self, value: object, pattern: str) -> str:
        return self.missing if is_missing(value) else str(format_date(_day(value), pattern, locale=self.locale))


def _kind_of(value: object) -> str:
    """The kind of a value whose column is unknown."""
    if is_flag(value):
        return "flag"
    return "date" if isinstance(value, date) else "text" if isinstance(value, str) else "number"


def _exact(value: object) -> Decimal:
    """The number as a decimal, as it is written: 0.1 is 0.1. Raises TypeError or ArithmeticError on anything else."""
    if is_flag(value) or isinstance(value, str):
        raise TypeError(f"{value!r} is not a number")
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))  # type: ignore[arg-type]


def _day(value: object) -> date:
    """The calendar day of a date, timestamp or period. Raises TypeError on anything else."""
    if isinstance(value, pd.Period):
        value = value.to_timestamp()
    elif isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise TypeError(f"{value!r} is not a date")
    return value
