"""Columns that no header gives outright: amounts, kinds of document, outcomes of deals, as SQL expressions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from salespilot.intake.text import kind_of
from salespilot.intake.vocabulary import fold, meaning, synonyms

Rows = Sequence[Mapping[str, str]]

_TAX = re.compile(r"(?i)(^|[^a-z])(tax|taxe|tva|vat)(es|s|[^a-z]|amount|amt|$)")
_BEFORE_TAX = ("subtotal", "sub total", "sous-total", "total hors taxe")
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)

_RESERVED = frozenset(
    "all and any as asc both case cast check collate column constraint create cross default desc distinct do else end"  # noqa: SIM905
    " except false fetch for foreign from full grant group having in inner into is join lateral leading left like"
    " limit not null offset on only or order outer primary references right select some table then to trailing true"
    " union unique using when where window with".split()
)


@dataclass(frozen=True)
class Match:
    """A column found: its header or SQL expression, "sure" or "doubtful", a value of it, and why it is doubtful.

    ``is_dangerous``: likelier wrong than right, so that only a comment proposes it. ``is_expression`` tells SQL.
    """

    source: str
    confidence: str
    sample: str
    why: str = ""
    is_dangerous: bool = False
    is_expression: bool = False


def identifier(header: str) -> str:
    """A header as SQL names it: bare when it can be, else between double quotes."""
    if _WORD.fullmatch(header) and header.lower() not in _RESERVED:
        return header
    return '"' + header.replace('"', '""') + '"'


def filled(header: str, samples: Rows) -> list[str]:
    return [value.strip() for row in samples if (value := row.get(header, "")).strip()]


def example_of(header: str, samples: Rows) -> str:
    return next(iter(filled(header, samples)), "")


def computed_sales(columns: Mapping[str, Match], headers: Sequence[str], samples: Rows) -> dict[str, Match]:
    """Expressions for what invoices do not say outright: the amount of a line, and which are credit notes."""
    made: dict[str, Match] = {}
    price = next((h for h in headers if fold(h) in synonyms().prices and _are_numbers(h, samples)), None)
    amount = columns.get("amount_net")
    if amount and amount.why and fold(amount.source) in map(fold, _BEFORE_TAX) and any(_TAX.search(h) for h in headers):
        amount = made["amount_net"] = replace(amount, confidence="sure", why="")  # the tax stands beside it
    if price and "quantity" in columns and (amount is None or amount.is_dangerous):
        quantity = columns["quantity"].source
        example = f"{example_of(quantity, samples)} × {example_of(price, samples)}"
        source = f"{identifier(quantity)} * {identifier(price)}"
        why = "no amount in this export: quantity times unit price; VAT and discounts as in the price"
        rate = columns.get("discount")
        if rate and rate.is_dangerous and not any("%" in value for value in filled(rate.source, samples)):
            source += f" * (1 - coalesce({identifier(rate.source)}, 0))"
            why = "no amount in this export: quantity times unit price less the discount's rate; VAT as in the price"
        made["amount_net"] = Match(source, "doubtful", example, why, is_expression=True)
    signed = columns.get("quantity") or amount
    if "doc_type" not in columns and "invoice_id" in columns and signed is not None:
        invoice = columns["invoice_id"].source
        prefix = _credit_prefix(invoice, signed.source, samples)
        if prefix:
            source = f"case when {identifier(invoice)} like '{prefix}%' then 'credit_note' else 'invoice' end"
            example = next(v for v in filled(invoice, samples) if v.startswith(prefix))
            why = f"numbers that begin with {prefix} go with negative figures"
            made["doc_type"] = Match(source, "doubtful", example, why, is_expression=True)
    return made


def _are_numbers(header: str, samples: Rows) -> bool:
    return all(kind_of(value) == "number" for value in filled(header, samples)[:100])


def _credit_prefix(invoice: str, signed: str, samples: Rows) -> str | None:
    """The letters that begin the numbers of credit notes: those whose figures are negative, where others' are not."""
    signs: dict[str, Counter[bool]] = {}
    for row in samples:
        letters = re.match(r"[A-Za-z]*", row.get(invoice, "").strip())
        figure = row.get(signed, "").strip()
        if letters and figure:
            signs.setdefault(letters[0], Counter())[figure.startswith(("-", "("))] += 1
    negative = [letters for letters, count in signs.items() if letters and count[True] >= 0.9 * count.total()]
    others = sum((count for letters, count in signs.items() if letters not in negative), Counter())
    return negative[0] if len(negative) == 1 and others[False] >= 0.9 * others.total() > 0 else None


def status_of_stage(match: Match, translated: Mapping[str, str]) -> Match:
    """Won, lost and cancelled by stage; any other stage, even one not seen yet, is open."""
    cases = [
        f"when {identifier(match.source)} in ({_listed(stages)}) then '{status}'"
        for status in ("won", "lost", "cancelled")
        if (stages := [stage for stage, standard in translated.items() if standard == status])
    ]
    return replace(
        match,
        source=f"case {' '.join(cases)} when {identifier(match.source)} <> '' then 'open' end",
        is_expression=True,
    )


def with_closing(
    columns: Mapping[str, Match], values: Mapping[str, Mapping[str, str]], samples: Rows
) -> dict[str, Match]:
    """The columns, where one header is both the expected and the actual close date settled by who carries it.

    Where open deals carry it, it is the expected date of all deals and the actual date of closed ones; else it is the
    actual date only.
    """
    made = dict(columns)
    closed, expected, stage = (columns.get(c) for c in ("closed_date", "expected_close_date", "stage_code"))
    if closed is None or expected is None or expected.source != closed.source:
        return made
    status = columns.get("status")
    header = status.source if status and not status.is_expression else stage.source if stage else None
    if header is None:
        return made
    known = {**synonyms().values["opportunities.status"], **{fold(k): v for k, v in values.get("status", {}).items()}}
    over = [v for v in dict.fromkeys(filled(header, samples)) if (meaning(known, v) or "open") != "open"]
    is_dated = [bool(row.get(closed.source, "").strip()) for row in samples if row.get(header, "").strip() not in over]
    if sum(is_dated) < 0.5 * len(is_dated) or not is_dated:
        del made["expected_close_date"]
    elif over:
        source = f"case when {identifier(header)} in ({_listed(over)}) then {identifier(closed.source)} end"
        why = "open deals carry the same date: it is theirs to come"
        made["closed_date"] = Match(source, "doubtful", closed.sample, why, is_expression=True)
    return made


def _listed(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
