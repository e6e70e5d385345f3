"""Sales lines that their software calls drafts or cancelled: they count, aloud, until the consultant has decided."""

from __future__ import annotations

from salespilot.intake.assemble import Assembly, Part
from salespilot.intake.model import Issue, money
from salespilot.intake.plan import joined
from salespilot.intake.words import in_list, named, normal

STATES = frozenset(("statut", "etat", "status", "state"))
"""Words of a header that says where a document stands."""
NO_SALES = frozenset(
    ("brouillon", "draft", "provisoire", "proforma", "pro forma", "annule", "annulee", "cancelled", "canceled", "void")
)


def tell(assembly: Assembly) -> None:
    """Add the issue ``no_sales_counted`` for each column of an export that says so of rows with an amount."""
    if assembly.table.name == "sales_lines":
        for part in assembly.parts:
            read = {plan.source for plan in part.reading.plans}
            for header in part.relation.headers:
                if header not in read and STATES & set(normal(header).split()):
                    _tell(assembly, part, header)


def _tell(assembly: Assembly, part: Part, header: str) -> None:
    cell = part.relation.cell(header)
    written = assembly.fetch(f"select distinct {cell} from {part.relation.view} r")
    words = sorted(word for (word,) in written if normal(word) in NO_SALES)
    if not words:
        return
    amount = next((p.typed for p in part.reading.plans if p.column.name == assembly.table.money_column), "null")
    count, total = assembly.fetch(
        f"select count(*), sum({amount}) from {part.relation.view} r {joined(part.reading.plans)}"
        f" where {part.sifted.keeps} and {in_list(cell, words)} and {amount} is not null"
    )[0]
    if not count:
        return
    exports = part.relation.exports
    rows = " union all by name ".join(f"from {named(export.stem)}" for export in exports)
    rows = rows if len(exports) == 1 else f"from ({rows})"
    values = {
        "effect": "weakens",
        "header": header,
        "remedy": f"sql = '''{rows} where not {in_list(named(header), words)}'''",
    }
    file = exports[0].name if len(exports) == 1 else None
    issue = Issue("no_sales_counted", "sales_lines", file, None, count, money(total), values, tuple(words))
    assembly.issues.append(issue)
