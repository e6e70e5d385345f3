"""Which rows are data: titles, repeated headers, totals, blanks and footers set aside, unreadable rows rejected.

Only rows that look odd are looked at: those without a key or date, and those with a value that cannot be read. The
rest, nearly all, is kept without further ado, so that the cost of a clean export is one count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from salespilot.intake.plan import Plan, joined
from salespilot.intake.relation import Relation
from salespilot.intake.words import quoted
from salespilot.tables import Table

TOTAL = (
    r"(^|\|)\W*((grand|sous|sub|report)[ -]?)?(tota(l|ux)|somme|sum|cumul|sous-tot\.?)"
    r"( (general|g[ée]n[ée]ral|ht|ttc|net|page|mois|client|facture|[0-9/ -]+|[A-Z]+[0-9]+))*\W*(\||$|:| )"
    r"|(^|\|)\W*(nombre|count|moyenne|average)\W*(\||$)"
)
GROUP = r"(^|\|)[^|]*[^|0-9 ][^|]* \([0-9]+\)(\||$)"  # "Dupont (12)": a group and how many rows it holds
FIGURE = r"\s*\(?\s*[-+−]?\s*[€$£]?[0-9][0-9\s\x{00a0}\x{202f}.,'’]*\s*[€$£%]?\s*-?\s*\)?\s*"
LABELS = 3  # a total line holds its label and little other text
REJECTED = "rejected"


@dataclass(frozen=True)
class Sifted:
    """The odd rows of one relation: a table ``aside`` (_file, _record, reason, amount), or none."""

    aside: str | None

    @property
    def keeps(self) -> str:
        """SQL: the condition, over ``r``, of the rows that are data."""
        if self.aside is None:
            return "true"
        return f"(r._file, r._record) not in (select (_file, _record) from {self.aside})"


def sift(connection: Any, table: Table, relation: Relation, plans: Sequence[Plan]) -> Sifted:
    """Look at the odd rows and name the reason why each is not data, or "rejected"."""
    by_name = {plan.column.name: plan for plan in plans}
    keys = [by_name[name] for name in table.key if name in by_name and not table.made_key]
    anchors = [*keys, *(by_name[name] for name in table.dated_by[:1] if name in by_name)]
    anchors = anchors or [by_name[name] for name in table.essential if name in by_name] or list(plans[:1])
    labelled = [p for p in keys if p.column.type == "id"]
    looks = [p for p in plans if p.unread] + [p for p in anchors if p.empty]
    odd_keys = _odd_keys(connection, relation, labelled)
    if not looks and not odd_keys:
        return Sifted(None)
    suspicious = [*(p.is_unread for p in plans if p.unread), *(p.is_empty for p in anchors if p.empty)]
    suspicious += [_is_label(p) for p in labelled] if odd_keys else []
    aside = f"{relation.view}_aside"
    connection.execute(
        f"create or replace temp table {aside} as select * from ("
        f"select r._file, r._record, {_reason(relation, plans, keys, anchors, labelled)} as reason,"
        f" {_amount(table, by_name)} as amount from {relation.view} r {joined(plans)}"
        f" where {' or '.join(suspicious)}) where reason is not null"
    )
    return Sifted(aside)


def _amount(table: Table, plans: dict[str, Plan]) -> str:
    plan = plans.get(table.money_column or "")
    return plan.typed if plan else "cast(null as decimal(18,4))"


def _is_label(plan: Plan) -> str:
    """SQL: whether a key holds the word for a total, or its own header."""
    text = f"lower(trim({plan.text}))"
    begins = " or ".join(
        f"starts_with({text}, {quoted(w)})"
        for w in ("total", "sous", "sub", "grand", "somme", "cumul", "nombre", "count", "moyenne", "average")
    )
    return f"({begins} or {text} = lower({quoted(plan.source)}))"


def _odd_keys(connection: Any, relation: Relation, keys: Sequence[Plan]) -> bool:
    if not keys:
        return False
    condition = " or ".join(_is_label(plan) for plan in keys)
    return bool(connection.execute(f"select 1 from {relation.view} r where {condition} limit 1").fetchall())


def _reason(
    relation: Relation,
    plans: Sequence[Plan],
    keys: Sequence[Plan],
    anchors: Sequence[Plan],
    labelled: Sequence[Plan],
) -> str:
    """SQL: why an odd row is no data; null when it is data after all."""
    cells = [f"trim({relation.cell(h)})" for h in relation.headers]
    filled = " + ".join(f"({cell} <> '')::int" for cell in cells)
    figures = " + ".join(f"regexp_full_match({cell}, {quoted(FIGURE)})::int" for cell in cells)
    heads = " + ".join(
        f"({cell} <> '' and lower({cell}) = lower({quoted(h)}))::int"
        for cell, h in zip(cells, relation.headers, strict=True)
    )
    everything = f"concat_ws('|', {', '.join(cells)})"
    label = f"regexp_matches({everything}, {quoted('(?i)' + TOTAL)})"
    lost = " or ".join(f"{p.is_empty} or {p.is_unread}" for p in anchors)
    in_key = " or ".join(f"regexp_matches({p.text}, {quoted('(?i)' + TOTAL)})" for p in labelled) or "false"
    ids = [p for p in plans if p.column.type in ("id", "date", "timestamp")]
    nameless = " and ".join(p.is_empty for p in ids) or "false"
    money = " or ".join(f"not {p.is_empty}" for p in plans if p.column.type == "money") or "false"
    missing = " or ".join(p.is_empty for p in keys) or "false"
    unread = " or ".join(p.is_unread for p in plans if p.unread) or "false"
    return (
        f"case when {filled} = 0 then 'blank'"
        f" when {heads} >= 0.6 * ({filled}) then 'repeated_header'"
        f" when ({lost} or {in_key}) and {label} and {filled} - ({figures}) <= {LABELS}"
        f" and ({nameless} or {filled} - ({figures}) <= 1 or {in_key}) then 'total'"
        f" when ({lost}) and ({nameless}) and {filled} = {figures} and ({money}) then 'total'"
        f" when ({lost}) and {filled} - ({figures}) = 1 and {figures} > 0"
        f" and regexp_matches({everything}, {quoted(GROUP)}) then 'total'"
        f" when ({lost}) and {filled} = 1 and {len(cells)} > 2 and {figures} = 0 then 'title'"
        f" when {missing} or {unread} then '{REJECTED}' end"
    )
