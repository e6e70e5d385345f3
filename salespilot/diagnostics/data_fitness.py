"""Data fitness: what the exports are good for, report by report, and who can mend the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salespilot import fitness
from salespilot.dataset import Dataset, last_closed_month, month_end, month_start
from salespilot.finding import Finding, Reason, Severity, absent
from salespilot.fitness import COMPANIONS, STAND_INS, Effect, Fitness, Judged, Judgement, Verdict
from salespilot.intake import Intake
from salespilot.tables import TABLES

NAME = fitness.REPORT
NEEDS: tuple[str, ...] = ()
USES: tuple[str, ...] = ()

AMOUNTS = ("amount_kept", "amount_rejected", "amount_set_aside")
EFFECTS = tuple(Effect)
SEVERITIES = tuple(Severity)


@dataclass(frozen=True)
class Parameters:
    """This page always shows everything that was read."""


@dataclass(frozen=True)
class Thresholds(fitness.Gates):
    """The gates of the verdict, so that the command line and this page judge alike."""


@dataclass(frozen=True)
class Result:
    """What the exports are worth. Money is that of ``amount_net``, or of the first money column of another table.

    ``verdicts``      one row a report: verdict, issue (that decides), table, column, amount (concerned), remedy,
                      mender, blocking_count, weakening_count.
    ``feeds``         one row a report and table that it needs or that enriches it: use, state, row_count,
                      missing_columns.
    ``issues``        one row an issue: effect, issue, table, file, column, count, share (of the rows), amount,
                      remedy, mender, examples (hidden where the client asks for aliases).
    ``conservation``  one row a file: rows and amounts read, kept, rejected, set aside.
    ``set_aside``     one row a file and kind of row set aside: count.
    ``months``        one row a month, from the first to the last with sales: line_count, net_revenue, is_partial,
                      is_gap.
    ``control``       one row a fiscal year: control_revenue (accounts), net_revenue (exports), gap, gap_share.
    ``columns``       one row a column exported: empty_count, row_count, empty_share.
    ``unmatched``     one row a file of the client's folder that no source reads.

    A frame is None where ``not_computable`` says why.
    """

    key_figures: Mapping[str, float | int | None]
    not_computable: Mapping[str, Reason]
    judged: Fitness | None
    verdicts: pd.DataFrame | None
    feeds: pd.DataFrame | None
    issues: pd.DataFrame | None
    conservation: pd.DataFrame | None
    set_aside: pd.DataFrame | None
    months: pd.DataFrame | None
    control: pd.DataFrame | None
    columns: pd.DataFrame | None
    unmatched: pd.DataFrame | None


def compute(
    dataset: Dataset,
    parameters: Parameters = Parameters(),  # noqa: ARG001 - every diagnostic is called alike
    thresholds: Thresholds = Thresholds(),
) -> Result:
    """The verdict on every report of the kit, and the evidence. A Dataset made of frames has no exports to judge."""
    # The registry lists this module too: asked when called, not when imported.
    from salespilot.reports import REPORTS

    months = _months(dataset)
    if dataset.intake is None or dataset.client is None:
        return _of_frames(dataset, months)
    intake = dataset.intake
    needs = {name: module.NEEDS for name, module in REPORTS.items()}
    judged = fitness.assess(intake, needs, dataset.client, thresholds)
    control = _control(judged) if judged.control else None
    missing: dict[str, Reason] = {}
    if control is None:
        absence = Reason("no_control_figure") if intake.tables.get("sales_lines") else absent("sales_lines")
        missing |= dict.fromkeys(("control", "control_gap", "control_gap_share"), absence)
    if "sales_lines" not in intake.tables:
        missing |= dict.fromkeys(AMOUNTS, absent("sales_lines"))
    if months is None:
        missing |= dict.fromkeys(("months", "months_covered", "month_gaps"), absent("sales_lines"))
    return Result(
        key_figures=_figures(dataset, judged, months),
        not_computable=missing,
        judged=judged,
        verdicts=_verdicts(judged),
        feeds=_feeds(judged, needs, intake),
        issues=_issues(judged),
        conservation=_conservation(intake),
        set_aside=_set_aside(intake),
        months=months,
        control=control,
        columns=_columns(dataset),
        unmatched=pd.DataFrame({"file": list(intake.unmatched)}, dtype=str),
    )


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """What blocks, what weakens, what cannot be fed, and the control totals that agree; gravest and dearest first."""
    if result.judged is None:
        return []
    judged = result.judged
    found = [_finding(item, judged) for item in _gravest(judged) if item.effect is not Effect.INFORMS]
    found += [_unfed(item) for item in judged.judgements.values() if item.verdict is Verdict.NOT_FED]
    for total in judged.control:
        share = total.gap_share
        if share is not None and abs(share) <= thresholds.control_gap_share:
            values = {"year": str(total.year), "expected": total.expected, "gap": total.gap, "gap_share": share}
            found.append(_about("control_agrees", Severity.GOOD, f"control:{total.year}", values))
    return sorted(found, key=lambda item: SEVERITIES.index(item.severity))


def _gravest(judged: Fitness) -> list[Judged]:
    """The issues, those that block first, then those that concern most money, then most rows."""
    return sorted(
        judged.issues, key=lambda i: (EFFECTS.index(i.effect), -abs(i.issue.amount or 0), -i.issue.count, i.issue.code)
    )


def _finding(item: Judged, judged: Fitness) -> Finding:
    # What an issue does depends on who needs the table: a fault in a table that no report needs raises no alarm.
    blocked = sum(item in judgement.blocking for judgement in judged.judgements.values())
    weakened = sum(item in judgement.weakening for judgement in judged.judgements.values())
    severity = Severity.ALERT if blocked else Severity.WATCH
    subject = ":".join([item.issue.table, item.issue.column or "", item.issue.file or ""])
    values = item.values | {"blocked": blocked, "weakened": weakened}
    return _about(item.issue.code, severity, subject, values)


def _unfed(judgement: Judgement) -> Finding:
    missing = judgement.missing[0]
    values = {"report": judgement.report, "table": missing.table, "column": missing.column}
    code = "table_not_exported" if missing.column is None else "column_not_exported"
    return _about(code, Severity.WATCH, f"{judgement.report}:{missing.table}", values)


def _about(code: str, severity: Severity, subject: str, values: Mapping[str, Any]) -> Finding:
    return Finding(NAME, f"{NAME}-{code}", code, severity, "company", subject, stake_kind="cost", values=values)


def _of_frames(dataset: Dataset, months: pd.DataFrame | None) -> Result:
    figures: dict[str, float | int | None] = dict.fromkeys(FIGURES)
    reason = Reason("no_exports")
    frames = ("verdicts", "feeds", "issues", "conservation", "set_aside", "control", "unmatched")
    missing = dict.fromkeys((*FIGURES, *frames), reason)
    if months is None:
        missing["months"] = absent("sales_lines")
    else:
        figures |= _month_figures(months)
        missing = {key: why for key, why in missing.items() if key not in _month_figures(months)}
    return Result(figures, missing, None, None, None, None, None, None, months, None, _columns(dataset), None)


FIGURES = (
    "rows_read",
    "rows_kept",
    "rows_rejected",
    "rows_set_aside",
    "amount_kept",
    "amount_rejected",
    "amount_set_aside",
    "control_gap",
    "control_gap_share",
    "reports_fit",
    "reports_reserved",
    "reports_unfit",
    "reports_not_fed",
    "issues",
    "blocking_issues",
    "files_read",
    "files_unmatched",
    "months_covered",
    "month_gaps",
)


def _figures(dataset: Dataset, judged: Fitness, months: pd.DataFrame | None) -> dict[str, float | int | None]:
    """Rows over all tables, amounts of the sales lines alone: those of other tables are not revenue."""
    assert dataset.intake is not None
    counts = dataset.intake.counts
    priced = [source for source in counts if source.table == "sales_lines"]
    gaps = [total for total in judged.control if total.gap_share is not None]
    widest = max(gaps, key=lambda total: abs(total.gap), default=None)
    serious = [item for item in judged.issues if item.effect is not Effect.INFORMS]
    return {
        "rows_read": sum(source.rows_read for source in counts),
        "rows_kept": sum(source.rows_kept for source in counts),
        "rows_rejected": sum(source.rows_rejected for source in counts),
        "rows_set_aside": sum(sum(source.set_aside.values()) for source in counts),
        **{name: sum(getattr(source, name) for source in priced) if priced else None for name in AMOUNTS},
        "control_gap": widest.gap if widest else None,
        "control_gap_share": widest.gap_share if widest else None,
        "reports_fit": judged.count(Verdict.FIT),
        "reports_reserved": judged.count(Verdict.RESERVES),
        "reports_unfit": judged.count(Verdict.UNFIT),
        "reports_not_fed": judged.count(Verdict.NOT_FED),
        "issues": len(serious),
        "blocking_issues": sum(item.effect is Effect.BLOCKS for item in judged.issues),
        "files_read": len({source.file for source in counts}),
        "files_unmatched": len(dataset.intake.unmatched),
        **(_month_figures(months) if months is not None else {"months_covered": None, "month_gaps": None}),
    }


def _month_figures(months: pd.DataFrame) -> dict[str, float | int | None]:
    return {"months_covered": int((~months["is_gap"]).sum()), "month_gaps": int(months["is_gap"].sum())}


def _verdicts(judged: Fitness) -> pd.DataFrame:
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
    frame = pd.DataFrame(rows)
    frame.insert(frame.columns.get_loc("mender"), "remedy", frame["issue"])
    return frame


def _decisive(judgement: Judgement) -> dict[str, Any]:
    """What decides a verdict: the first lack, else the main issue, else nothing."""
    if judgement.verdict is Verdict.NOT_FED:
        lack = judgement.missing[0]
        code, who = "no_table" if lack.column is None else "no_column", fitness.keeper(lack.table)
        return {"issue": code, "table": lack.table, "column": lack.column or "", "amount": None, "mender": who.value}
    item = judgement.main
    if item is None:
        return {"issue": "none", "table": "", "column": "", "amount": None, "mender": ""}
    where = {"issue": item.issue.code, "table": item.issue.table, "column": item.issue.column or ""}
    return where | {"amount": item.issue.amount, "mender": item.mender.value}


def _feeds(judged: Fitness, needs: Mapping[str, tuple[str, ...]], intake: Intake) -> pd.DataFrame:
    rows = []
    for report in judged.judgements:
        needed = needs[report]
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


USE_ORDER = ("needed", "stands_in", "enriches")


def _state(table: str, judged: Fitness, intake: Intake) -> dict[str, Any]:
    given = intake.columns.get(table, ())
    kept = sum(source.rows_kept for source in intake.counts if source.table == table)
    lacking = [column for column in fitness.needed_columns(table) if column not in given]
    if table not in intake.tables:
        blocks = any(item.issue.table == table and item.effect is Effect.BLOCKS for item in judged.issues)
        return {"state": "refused" if blocks else "not_exported", "row_count": None, "missing_columns": ""}
    state = "incomplete" if lacking else "exported"
    return {"state": state, "row_count": kept, "missing_columns": ", ".join(lacking)}


def _issues(judged: Fitness) -> pd.DataFrame:
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
        for item in _gravest(judged)
    ]
    return pd.DataFrame(rows, columns=ISSUE_COLUMNS)


ISSUE_COLUMNS = [
    "effect",
    "issue",
    "table",
    "file",
    "column",
    "count",
    "share",
    "amount",
    "remedy",
    "mender",
    "examples",
]


def _conservation(intake: Intake) -> pd.DataFrame:
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
    frame = pd.DataFrame(rows)
    for column in AMOUNTS:
        # A table without money has no amount: nothing is not zero.
        frame[column] = frame[column].where(frame["table"].map(lambda name: TABLES[name].money_column is not None))
    return frame


def _set_aside(intake: Intake) -> pd.DataFrame:
    rows = [
        {"table": source.table, "file": source.file, "kind": kind, "count": count}
        for source in intake.counts
        for kind, count in source.set_aside.items()
        if count
    ]
    return pd.DataFrame(rows, columns=["table", "file", "kind", "count"])


def _control(judged: Fitness) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "year": total.year,
                "control_revenue": total.expected,
                "net_revenue": total.found,
                "gap": total.gap,
                "gap_share": total.gap_share,
            }
            for total in judged.control
        ]
    )


def _months(dataset: Dataset) -> pd.DataFrame | None:
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


def _columns(dataset: Dataset) -> pd.DataFrame:
    """How empty each exported column is, the emptiest first."""
    rows = []
    for table, columns in dataset.exported.items():
        if not columns:
            continue
        counted = ", ".join(f'count("{column}")' for column in columns)
        total, *filled = dataset.sql(f"select count(*), {counted} from raw_{table}").iloc[0].tolist()
        rows += [
            {"table": table, "column": column, "row_count": int(total), "empty_count": int(total - n)}
            for column, n in zip(columns, filled, strict=True)
        ]
    frame = pd.DataFrame(rows, columns=["table", "column", "row_count", "empty_count"])
    frame["empty_share"] = frame["empty_count"] / frame["row_count"].where(frame["row_count"] > 0)
    return frame.sort_values(["empty_share", "table", "column"], ascending=[False, True, True], ignore_index=True)
