"""The tables of the data fitness page: each takes what was judged or read, and gives a tidy frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from salespilot import fitness
from salespilot.dataset import Dataset, last_closed_month, month_end, month_start
from salespilot.fitness import COMPANIONS, STAND_INS, Effect, Fitness, Judged, Judgement, Verdict
from salespilot.intake import Intake
from salespilot.tables import TABLES

AMOUNTS = ("amount_kept", "amount_rejected", "amount_set_aside")
PRICED = ("sales_lines", "orders_backlog", "opportunities", "quotes")  # whose money is sold or to be sold
EFFECTS = tuple(Effect)
CORRECTED = "correction_applied"
USE_ORDER = ("needed", "stands_in", "enriches")
# fmt: off
ISSUE_COLUMNS = [
    "effect", "issue", "table", "file", "column", "count", "share", "amount", "remedy", "mender", "examples",
]
# fmt: on


def gravest(judged: Fitness) -> list[Judged]:
    """The issues, those that block first, then in the order in which they weigh on a report, then the others."""
    ranks: dict[int, int] = {}
    for judgement in judged.judgements.values():
        for rank, item in enumerate(judgement.blocking + judgement.weakening):
            ranks[id(item)] = min(rank, ranks.get(id(item), rank))
    last = len(judged.issues)
    return sorted(
        judged.issues, key=lambda i: (EFFECTS.index(i.effect), ranks.get(id(i), last), -i.issue.count, i.issue.code)
    )


def verdicts(judged: Fitness) -> pd.DataFrame:
    """Each report with its verdict, what decides it and who can mend that."""
    rows = [
        {
            "report": judgement.report,
            "verdict": judgement.verdict.value,
            **_decisive(judgement),
            "blocking_count": len(judgement.blocking),
            "weakening_count": len(judgement.weakening),
        }
        for judgement in judged.judgements.values()
    ]
    return pd.DataFrame(rows)


def _decisive(judgement: Judgement) -> dict[str, Any]:
    """What decides a verdict: the first lack, else the main issue, else nothing."""
    if judgement.verdict is Verdict.NOT_FED:
        lack = judgement.missing[0]
        code, table, column = "no_table" if lack.column is None else "no_column", lack.table, lack.column
        amount, mender = None, fitness.keeper(lack.table).value
    elif judgement.main is not None:
        issue = judgement.main.issue
        code, table, column = issue.code, issue.table, issue.column
        amount, mender = issue.amount, judgement.main.mender.value
    else:
        code, table, column, amount, mender = "none", "", "", None, ""
    found = {"issue": code, "table": table, "column": column or "", "amount": amount}
    return found | {"remedy": code, "mender": mender}


def feeds(judged: Fitness, needs: Mapping[str, fitness.Needs], intake: Intake) -> pd.DataFrame:
    """Each report with the tables that it needs or that enrich it, and what the exports give of them."""
    rows = []
    for report in judged.judgements:
        needed = fitness.needed(needs[report], intake)
        standing = [STAND_INS[t][0] for t in needed if t in STAND_INS and t not in intake.tables]
        enriching = dict.fromkeys(other for table in (*needed, *standing) for other in COMPANIONS.get(table, ()))
        uses = (
            dict.fromkeys(enriching, "enriches")
            | dict.fromkeys(standing, "stands_in")
            | dict.fromkeys(needed, "needed")
        )
        for table in sorted(uses, key=lambda t: (USE_ORDER.index(uses[t]), list(TABLES).index(t))):
            rows.append({"report": report, "table": table, "use": uses[table], **_state(table, judged, intake)})
    return pd.DataFrame(rows)


def _state(table: str, judged: Fitness, intake: Intake) -> dict[str, Any]:
    given = intake.columns.get(table, ())
    kept = sum(source.rows_kept for source in intake.counts if source.table == table)
    lacking = [column for column in fitness.needed_columns(table) if column not in given]
    if table not in intake.tables:
        blocks = any(item.issue.table == table and item.effect is Effect.BLOCKS for item in judged.issues)
        return {"state": "refused" if blocks else "not_exported", "row_count": None, "missing_columns": ""}
    state = "incomplete" if lacking else "exported"
    return {"state": state, "row_count": kept, "missing_columns": ", ".join(lacking)}


def issues(judged: Fitness) -> pd.DataFrame:
    """Every issue, the gravest first; corrections and control totals that agree have tables of their own."""
    rows = [
        {
            "effect": item.effect.value,
            "issue": item.issue.code,
            "table": item.issue.table,
            "file": item.file,
            "column": item.issue.column or "",
            "count": item.issue.count,
            "share": item.share,
            "amount": item.issue.amount,
            "remedy": item.issue.code,
            "mender": item.mender.value,
            "examples": ", ".join(item.issue.examples),
        }
        for item in gravest(judged)
        if item.issue.code != CORRECTED and not (item.issue.code == fitness.CONTROL and item.effect is Effect.INFORMS)
    ]
    return pd.DataFrame(rows, columns=ISSUE_COLUMNS)


def corrections(judged: Fitness) -> pd.DataFrame:
    """The values that ``corrections.csv`` replaced."""
    rows = [
        {
            "table": item.issue.table,
            "column": item.issue.column,
            "record": item.values["key"],
            "old_value": item.values["old"],
            "new_value": item.values["new"],
            "reason": item.values["reason"],
        }
        for item in judged.issues
        if item.issue.code == CORRECTED
    ]
    return pd.DataFrame(rows, columns=["table", "column", "record", "old_value", "new_value", "reason"])


def conservation(intake: Intake) -> pd.DataFrame:
    """Where the rows and the money of each file went."""
    rows = [
        {
            "table": source.table,
            "file": source.file,
            "rows_read": source.rows_read,
            "rows_kept": source.rows_kept,
            "rows_rejected": source.rows_rejected,
            "rows_set_aside": sum(source.set_aside.values()),
            "amount_kept": source.amount_kept,
            "amount_rejected": source.amount_rejected,
            "amount_set_aside": source.amount_set_aside,
        }
        for source in intake.counts
    ]
    names = ["table", "file", "rows_read", "rows_kept", "rows_rejected", "rows_set_aside", *AMOUNTS]
    frame = pd.DataFrame(rows, columns=names)
    for column in AMOUNTS:
        frame[column] = frame[column].where(frame["table"].isin(PRICED))
    return frame


def set_aside(intake: Intake) -> pd.DataFrame:
    """The rows of each file that are no data, by kind."""
    rows = [
        {"table": source.table, "file": source.file, "kind": kind, "count": count}
        for source in intake.counts
        for kind, count in source.set_aside.items()
        if count
    ]
    return pd.DataFrame(rows, columns=["table", "file", "kind", "count"])


def control(judged: Fitness) -> pd.DataFrame:
    """Net revenue in the exports and in the accounts, by fiscal year."""
    rows = [item.issue.values for item in judged.control]
    frame = pd.DataFrame(
        {
            "year": [row["year"] for row in rows],
            "control_revenue": [row["expected"] for row in rows],
            "net_revenue": [row["found"] for row in rows],
            "gap": [round(row["gap"], 4) for row in rows],
        }
    )
    return frame.assign(gap_share=frame["gap"] / frame["control_revenue"].where(frame["control_revenue"] != 0))


def months(dataset: Dataset) -> pd.DataFrame | None:
    """Every month from the first to the last one with sales, days after the export left out."""
    source = "raw_sales_lines" if dataset.sales_basis == "invoiced" else "sales_lines"
    until = f"and invoice_date <= date '{dataset.intake.exported_on}'" if dataset.intake else ""
    seen = dataset.sql(
        f"""select cast(date_trunc('month', invoice_date) as date) as month, count(*) as line_count,
            cast(sum(amount_net) as double) as net_revenue, max(invoice_date) as last_date
        from {source} where invoice_date is not null {until} group by 1 order by 1"""
    )
    if seen.empty:
        return None
    last = seen["last_date"].max().date()
    closed = last_closed_month(month_end(last), last, dataset.client.complete_until if dataset.client else None)
    spine = pd.date_range(seen["month"].min(), seen["month"].max(), freq="MS")
    frame = seen.set_index(pd.to_datetime(seen["month"])).reindex(spine)
    return pd.DataFrame(
        {
            "month": spine,
            "line_count": frame["line_count"].fillna(0).astype(int).to_numpy(),
            "net_revenue": frame["net_revenue"].fillna(0.0).to_numpy(),
            "is_partial": spine > pd.Timestamp(month_start(closed)),
            "is_gap": frame["line_count"].isna().to_numpy(),
        }
    )


def columns(dataset: Dataset) -> pd.DataFrame:
    """How empty each exported column is, the emptiest first."""
    rows = []
    for table, exported in dataset.exported.items():
        if not exported:
            continue
        counted = ", ".join(f'count("{column}")' for column in exported)
        total, *filled = dataset.sql(f"select count(*), {counted} from raw_{table}").iloc[0].tolist()
        rows += [
            {"table": table, "column": column, "row_count": int(total), "empty_count": int(total - n)}
            for column, n in zip(exported, filled, strict=True)
        ]
    frame = pd.DataFrame(rows, columns=["table", "column", "row_count", "empty_count"])
    frame["empty_share"] = frame["empty_count"] / frame["row_count"].where(frame["row_count"] > 0)
    return frame.sort_values(["empty_share", "table", "column"], ascending=[False, True, True], ignore_index=True)
