"""Choices that all reports of one client share, so that class A is the same everywhere.

Overridden by ``[conventions]`` in ``client.toml``. A diagnostic's own thresholds live in its module.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, TypeVar

from salespilot.client import LANGUAGES, PlainError, nearest

T = TypeVar("T")


class SettingError(PlainError):
    """A parameter, threshold or convention has an unknown name or a value that does not fit."""


def threshold(default: Any, unit: str, reason: str, source: str = "J") -> Any:
    """A dataclass field that judges: its default, unit, reason, and where it comes from.

    ``source`` is a provenance tag: J a choice of this kit, G general knowledge, S12 a numbered source of the method.
    """
    return field(default=default, metadata={"unit": unit, "reason": reason, "source": source})


def parameter(default: Any, help: str, choices: tuple[Any, ...] = (), unit: str = "", is_date: bool = False) -> Any:
    """A dataclass field that says what to report: its default, help text and, where closed, its choices.

    The type is that of the default: text, a whole number, a number, true or false, or a list of texts (a tuple).
    ``is_date``: the text is an ISO date or empty. A number is not negative.
    """
    given = {"help": help, "choices": choices, "unit": unit, "is_date": is_date}
    return field(default=default, metadata=given)


class Settings:
    """Base of parameters and thresholds: frozen dataclasses whose values are checked wherever they are made.

    Raises SettingError on a value whose type is not that of the default, or outside the choices. None is the default.
    """

    def __post_init__(self) -> None:
        for spec in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, spec.name, _fitting(spec, getattr(self, spec.name)))


@dataclass(frozen=True)
class Common(Settings):
    """What every report is asked."""

    client: str = parameter("demo", "folder of the client")
    as_of: str = parameter("", "as-of date, like 2026-06-30; empty: end of the last closed month", is_date=True)
    months: int = parameter(12, "closed months reported on; 0: everything up to as_of", unit="months")
    language: str = parameter("fr", "language of the report; empty: the client's own", ("", *LANGUAGES))


COMMON = tuple(spec.name for spec in fields(Common))


def settings(cls: type[T], given: Mapping[str, Any], where: str) -> T:
    """An instance of a parameters or thresholds dataclass with the given values, strictly checked.

    Raises SettingError on an unknown name (with the nearest known one) and on a value that does not fit. ``where``
    names the place of the values in messages.
    """
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise SettingError(f"{where}: unknown name {name!r}; {nearest(name, known)}")
    try:
        return cls(**given)
    except SettingError as error:
        raise SettingError(f"{where}: {error}") from error


def from_text(text: str, default: Any, where: str) -> Any:
    """A value given as text (on a command line) in the type of ``default``: codes stay text, leading zeros too."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise SettingError(f"{where} must be true or false, not {text!r}")
        return text.lower() == "true"
    if isinstance(default, int | float):
        try:
            return type(default)(text) if text else default
        except ValueError as error:
            raise SettingError(f"{where} must be of type {type(default).__name__}, not {text!r}") from error
    return _listed(text) if isinstance(default, tuple) else text


def kind(spec: dataclasses.Field[Any]) -> str:
    """The type of a parameter or threshold in a word: text, date, list, int, float or bool."""
    if spec.metadata.get("is_date"):
        return "date"
    return {"str": "text", "tuple": "list"}.get(type(spec.default).__name__, type(spec.default).__name__)


def meaning(spec: dataclasses.Field[Any]) -> str:
    """What a parameter or threshold is for, with its choices."""
    choices = ", ".join(str(choice) for choice in spec.metadata.get("choices", ()) if choice != "")
    text = spec.metadata.get("reason") or spec.metadata.get("help", "")
    return f"{text} ({choices})" if choices else text


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _fitting(spec: dataclasses.Field[Any], value: Any) -> Any:
    default, name = spec.default, spec.name
    if value is None or default is None:
        return default if value is None else value
    if isinstance(default, tuple) and isinstance(value, list | str):
        value = _listed(value) if isinstance(value, str) else tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if spec.metadata.get("is_date"):
        return _day(name, value)
    wanted = type(default)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        hint = "; a code is text: in quotes, or with -r where Papermill has -p" if wanted is str else ""
        raise SettingError(f"{name} must be of type {wanted.__name__} (as {default!r}), not {value!r}{hint}")
    if isinstance(value, tuple) and default == ():
        parts, said = ((int, float), "numbers") if "float" in str(spec.type) else (str, "texts")
        if not all(isinstance(part, parts) for part in value):
            raise SettingError(f"{name} must be a list of {said}, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingError(f"{name} must be a number, not {value!r}")
    unit = str(spec.metadata.get("unit") or "")
    if unit.startswith("share") and isinstance(value, float) and not 0 <= value <= 1:
        raise SettingError(f"{name} is a {unit}, from 0 to 1 (0.15 for 15 %), not {value!r}")
    if "help" in spec.metadata and isinstance(value, int | float) and value < 0:
        raise SettingError(f"{name} must not be negative, not {value!r}")
    choices = spec.metadata.get("choices", ())
    if choices and value not in choices:
        raise SettingError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


def _day(name: str, value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()[:10]
    try:
        return date.fromisoformat(value).isoformat() if value != "" else ""
    except (ValueError, TypeError) as error:
        raise SettingError(f"{name} must be a date like 2026-06-30, not {value!r}") from error


@dataclass(frozen=True)
class Conventions(Settings):
    """The shared choices (method, section 1 and 14)."""

    abc_mode: str = parameter("cumshare", "how customers are classed", ("cumshare", "headcount", "bands"))
    abc_a_share: float = threshold(0.80, "share of revenue", "customers that make 80 % of revenue", "S1")
    abc_b_share: float = threshold(0.95, "share of revenue", "the next 15 %", "S1")
    abc_a_headcount: float = threshold(0.20, "share of customers", "the first 20 % of customers", "S1")
    abc_b_headcount: float = threshold(0.50, "share of customers", "the next 30 %", "S1")
    abc_a_band: float = threshold(50_000.0, "money a year", "absolute band, to adapt to the client", "S1")
    abc_b_band: float = threshold(10_000.0, "money a year", "absolute band, to adapt to the client", "S1")
    low_concentration_gini: float = threshold(0.25, "Gini", "below, ABC classes separate little")
    credit_note_dating: str = parameter("issue", "date of a credit note", ("issue", "original"))
    late_factor: float = threshold(2.0, "times the mean gap", "silence of 13 % chance for a healthy buyer")
    dormant_factor: float = threshold(3.0, "times the mean gap", "silence of 5 % chance for a healthy buyer")
    dormant_min_days: int = threshold(60, "days", "no customer is dormant before")
    rhythm_min_orders: int = threshold(3, "order days", "fewer give no rhythm of one's own")
    few_orders_days: int = threshold(365, "days", "silence of a customer without a rhythm")
    lost_days: int = threshold(730, "days", "silence after which a customer is lost")
    new_customer_months: int = threshold(12, "months", "a younger customer is new, never declining")
    new_customer_min_months: int = threshold(3, "months", "history needed to annualise a new customer")
    ramp_months: int = threshold(6, "months", "a younger salesperson is shown, not ranked")
    misalignment_ok: float = threshold(0.15, "share of effort", "below, effort follows the stake")
    misalignment_act: float = threshold(0.30, "share of effort", "above, act")
    small_n_hide: int = threshold(5, "cases", "fewer: counts only, no rate")
    stale_potential_months: int = threshold(12, "months", "an older potential is stale")
    peer_quantile: float = threshold(0.80, "quantile", "revenue per employee that a good buyer reaches")
    peer_min: int = threshold(10, "customers", "the quantile of fewer peers is nearly their maximum")
    fiscal_weeks: str = parameter("", "weeks of the months of a fiscal quarter", ("", "4-4-5", "4-5-4", "5-4-4"))
