"""Choices that all reports of one client share, so that class A is the same everywhere.

Overridden by ``[conventions]`` in ``client.toml``. A diagnostic's own thresholds live in its module.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from salespilot.client import PlainError

T = TypeVar("T")


class SettingError(PlainError):
    """A parameter, threshold or convention has an unknown name or a value that does not fit."""


def threshold(default: Any, unit: str, reason: str, source: str = "J") -> Any:
    """A dataclass field that judges: its default, unit, reason, and where it comes from.

    ``source`` is a provenance tag: J a choice of this kit, G general knowledge, S12 a numbered source of the method.
    """
    return field(default=default, metadata={"unit": unit, "reason": reason, "source": source})


def parameter(default: Any, help: str, choices: tuple[Any, ...] = ()) -> Any:
    """A dataclass field that says what to report: its default, help text and, where closed, its choices."""
    return field(default=default, metadata={"help": help, "choices": choices})


def settings(cls: type[T], given: Mapping[str, Any], where: str) -> T:
    """An instance of a parameters or thresholds dataclass with the given values, strictly checked.

    Raises SettingError on an unknown name (with the nearest known one), on a value whose type is not that of the
    default, or outside the choices. ``where`` names the place of the values in messages.
    """
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    values = {}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known) or 'none'}"
            raise SettingError(f"{where}: unknown name {name!r}{hint}")
        values[name] = _fitting(known[name], value, where)
    return cls(**values)


def from_text(text: str, default: Any, where: str) -> Any:
    """A value given as text (on a command line) in the type of ``default``: codes stay text, leading zeros too."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise SettingError(f"{where} must be true or false, not {text!r}")
        return text.lower() == "true"
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError as error:
            raise SettingError(f"{where} must be of type {type(default).__name__}, not {text!r}") from error
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _fitting(spec: dataclasses.Field[Any], value: Any, where: str) -> Any:
    default = spec.default
    if isinstance(default, tuple) and isinstance(value, list):
        value = tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wanted = type(default)
    unit = str(spec.metadata.get("unit") or "")
    if unit.startswith("share") and isinstance(value, float) and not 0 <= value <= 1:
        raise SettingError(f"{where}: {spec.name} is a {unit}, from 0 to 1 (0.15 for 15 %), not {value!r}")
    if default is not None and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
        raise SettingError(f"{where}: {spec.name} must be of type {wanted.__name__} (as {default!r}), not {value!r}")
    choices = spec.metadata.get("choices", ())
    if choices and value not in choices:
        raise SettingError(f"{where}: {spec.name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


@dataclass(frozen=True)
class Conventions:
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
