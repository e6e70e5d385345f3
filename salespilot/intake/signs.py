"""Credit notes: which lines are, where the export does not say so, and which sign they carry."""

from __future__ import annotations

from dataclasses import replace

from salespilot.intake.assemble import Assembly
from salespilot.intake.model import Issue, money
from salespilot.intake.plan import Plan, Reading, Scope
from salespilot.tables import TABLES

SALES = "sales_lines"
CREDIT_PREFIX = "^[Cc][0-9]+$"
PLAIN_SHARE = 0.5  # of numbered invoices: then those that begin with C are their credit notes
NEGATED = ("amount_net", "margin", "discount", "quantity")


def with_kind(scope: Scope, reading: Reading) -> Reading:
    """A sales reading that says which lines are credit notes: by a leading C of the number, else by the sign."""
    plans = {plan.column.name: plan for plan in reading.plans}
    if scope.table.name != SALES or "amount_net" not in plans:
        return reading
    amount = plans["amount_net"].typed
    guess = f"case when {amount} < 0 then 'credit_note' when {amount} is not null then 'invoice' end"
    known = plans.get("doc_type")
    if known is not None:
        if not known.empty:
            return reading
        filled = replace(known, typed=f"coalesce({known.typed}, {guess})", empty=0)
        return replace(reading, plans=tuple(filled if plan is known else plan for plan in reading.plans))
    rule = "sign"
    invoice = plans.get("invoice_id")
    if invoice is not None and _uses_prefix(scope, invoice):
        rule = "prefix"
        guess = f"case when regexp_matches({invoice.typed}, '{CREDIT_PREFIX}') then 'credit_note' else {guess} end"
    column = TABLES[SALES]["doc_type"]
    made = Plan(column, "", guess, "''", "false", "false", given=plans["amount_net"].given)
    issue = Issue("doc_type_derived", SALES, None, "doc_type", 0, None, {"effect": "informs", "rule": rule})
    return Reading((*reading.plans, made), (*reading.issues, issue))


def _uses_prefix(scope: Scope, invoice: Plan) -> bool:
    text = invoice.text
    begins = f"({text} >= 'C' and {text} < 'D' or {text} >= 'c' and {text} < 'd')"
    prefixed = f"{begins} and regexp_matches({text}, '{CREDIT_PREFIX}')"
    if not scope.fetch(f"select 1 from {scope.view} r where {prefixed} limit 1"):
        return False
    numbered, rows = scope.fetch(
        f"select count(*) filter (regexp_full_match({text}, '[0-9]+')), count(*) from {scope.view} r"
    )[0]
    return bool(numbered >= PLAIN_SHARE * rows)


def settle(assembly: Assembly) -> None:
    """Negate the credit notes of a file that writes them all positive; tell where only some are."""
    if assembly.table.name != SALES or not {"doc_type", "amount_net"} <= set(assembly.columns):
        return
    columns = [column for column in NEGATED if column in assembly.columns]
    sums = ", ".join(f"count(*) filter ({c} > 0), count(*) filter ({c} < 0)" for c in columns)
    rows = assembly.fetch(
        f"select {sums}, sum(amount_net) filter (amount_net > 0) from {assembly.rows} where doc_type = 'credit_note'"
    )
    positive, negative = rows[0][0], rows[0][1]
    if not positive:
        return
    amount = money(rows[0][-1])
    if negative:
        issue = Issue("credit_sign_mixed", SALES, None, "amount_net", positive, amount, {"effect": "weakens"})
    else:
        wrong = [c for n, c in enumerate(columns) if rows[0][2 * n] and not rows[0][2 * n + 1]]
        assigned = ", ".join(f"{column} = -{column}" for column in wrong)
        assembly.hold()
        assembly.connection.execute(f"update {assembly.rows} set {assigned} where doc_type = 'credit_note'")
        values = {"effect": "weakens", "columns": ", ".join(wrong)}
        issue = Issue("credit_sign_negated", SALES, None, "amount_net", positive, amount, values)
    assembly.issues.append(issue)
