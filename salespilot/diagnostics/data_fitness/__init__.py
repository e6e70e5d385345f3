"""Data fitness: what the exports are good for, report by report, and who can mend the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import fsum
from typing import Any

import pandas as pd

from salespilot import fitness
from salespilot.conventions import Settings
from salespilot.dataset import Dataset
from salespilot.diagnostics.data_fitness import evidence
from salespilot.finding import Finding, Reason, Severity, absent
from salespilot.fitness import Effect, Fitness, Judgement, Verdict

NAME = fitness.REPORT
NEEDS: fitness.Needs = ()
USES: tuple[str, ...] = ()

SEVERITIES = tuple(Severity)


@dataclass(frozen=True)
class Parameters(Settings):
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
    ``corrections``   one row a value replaced by ``corrections.csv``: table, column, record (its key), old_value,
                      new_value, reason.
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
    corrections: pd.DataFrame | None
    conservation: pd.DataFrame | None
    set_aside: pd.DataFrame | None
    months: pd.DataFrame | None
    control: pd.DataFrame | None
    columns: pd.DataFrame | None
    unmatched: pd.DataFrame | None

    @property
    def gaps(self) -> pd.DataFrame | None:
        """One row a table of ``feeds`` that is absent, refused or without a column that serves: how many reports it
        stops (stopped_count) and how many it would enrich (served_count), the most needed first."""
        if self.feeds is None:
            return None
        lacking = self.feeds[self.feeds["state"] != "exported"]
        is_needed = lacking["use"] == "needed"
        counted = lacking.assign(stopped_count=is_needed, served_count=~is_needed)
        by_table = counted.groupby(["table", "state", "missing_columns"], sort=False)
        found = by_table[["stopped_count", "served_count"]].sum().reset_index()
        return found.sort_values(["stopped_count", "served_count"], ascending=False, kind="stable", ignore_index=True)


def compute(
    dataset: Dataset,
    parameters: Parameters = Parameters(),  # noqa: ARG001 - every diagnostic is called alike
    thresholds: Thresholds = Thresholds(),
) -> Result:
    """The verdict on every report of the kit, and the evidence. A Dataset made of frames has no exports to judge."""
    # The registry lists this module too: asked when called, not when imported.
    from salespilot.reports import REPORTS

    months = evidence.months(dataset)
    if dataset.intake is None or dataset.client is None:
        return _of_frames(dataset, months)
    intake = dataset.intake
    needs = {name: module.NEEDS for name, module in REPORTS.items()}
    judged = fitness.assess(intake, needs, dataset.client, thresholds)
    control = evidence.control(judged) if judged.control else None
    missing: dict[str, Reason] = {}
    if control is None:
        absence = Reason("no_control_figure") if intake.tables.get("sales_lines") else absent("sales_lines")
        missing |= dict.fromkeys(("control", "control_gap", "control_gap_share"), absence)
    if "sales_lines" not in intake.tables:
        missing |= dict.fromkeys(evidence.AMOUNTS, absent("sales_lines"))
    if months is None:
        missing |= dict.fromkeys(("months", "months_covered", "month_gaps"), absent("sales_lines"))
    elif len(months) < 2:
        missing["months"] = Reason("one_month")
    return Result(
        key_figures=_figures(dataset, judged, months),
        not_computable=missing,
        judged=judged,
        verdicts=evidence.verdicts(judged),
        feeds=evidence.feeds(judged, needs, intake),
        issues=evidence.issues(judged),
        corrections=evidence.corrections(judged),
        conservation=evidence.conservation(intake),
        set_aside=evidence.set_aside(intake),
        months=None if "months" in missing else months,
        control=control,
        columns=evidence.columns(dataset),
        unmatched=pd.DataFrame({"file": list(intake.unmatched)}, dtype=str),
    )


def findings(
    result: Result,
    thresholds: Thresholds = Thresholds(),  # noqa: ARG001 - compute has judged by them
) -> list[Finding]:
    """What blocks a report, weakens one or leaves one unfed, and the control totals that agree; the gravest first."""
    if result.judged is None:
        return []
    judged = result.judged
    found = []
    standing = [item for one in judged.judgements.values() for item in one.weakening if item not in judged.issues]
    for item in (*standing[:1], *evidence.gravest(judged)):
        # A fault in a table that no report uses is in the list of issues, and raises no alarm.
        blocked = sum(item in judgement.blocking for judgement in judged.judgements.values())
        weakened = sum(item in judgement.weakening for judgement in judged.judgements.values())
        if blocked or weakened:
            subject = ":".join([item.issue.table, item.issue.column or "", item.issue.file or ""])
            severity = Severity.ALERT if blocked else Severity.WATCH
            found.append(_about(item.issue.code, severity, subject, item.values))
    found += [_unfed(item) for item in judged.judgements.values() if item.verdict is Verdict.NOT_FED]
    for item in judged.control:
        if item.effect is Effect.INFORMS:
            found.append(_about("control_agrees", Severity.GOOD, f"control:{item.issue.values['year']}", item.values))
    return sorted(found, key=lambda item: SEVERITIES.index(item.severity))


def _unfed(judgement: Judgement) -> Finding:
    missing = judgement.missing[0]
    values = {"report": judgement.report, "table": missing.table, "column": missing.column}
    code = "table_not_exported" if missing.column is None else "column_not_exported"
    return _about(code, Severity.WATCH, f"{judgement.report}:{missing.table}", values)


def _about(code: str, severity: Severity, subject: str, values: Mapping[str, Any]) -> Finding:
    return Finding(NAME, f"{NAME}-{code}", code, severity, "company", subject, stake_kind="cost", values=values)


def _of_frames(dataset: Dataset, months: pd.DataFrame | None) -> Result:
    figures = dict.fromkeys(FIGURES) | (_month_figures(months) if months is not None else {})
    frames = {"months": months, "columns": evidence.columns(dataset)}
    absent_frames = [f.name for f in fields(Result) if f.type == "pd.DataFrame | None" and f.name not in frames]
    unknown = [name for name, value in figures.items() if value is None]
    missing = dict.fromkeys((*unknown, *absent_frames), Reason("no_exports"))
    if months is None:
        missing["months"] = absent("sales_lines")
    return Result(figures, missing, None, **dict.fromkeys(absent_frames), **frames)


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
    widest = max((item.issue.values for item in judged.control), key=lambda v: v["share"], default=None)
    serious = [item for item in judged.issues if item.effect is not Effect.INFORMS]
    return {
        "rows_read": sum(source.rows_read for source in counts),
        "rows_kept": sum(source.rows_kept for source in counts),
        "rows_rejected": sum(source.rows_rejected for source in counts),
        "rows_set_aside": sum(sum(source.set_aside.values()) for source in counts),
        **{name: round(fsum(getattr(s, name) for s in priced), 4) if priced else None for name in evidence.AMOUNTS},
        "control_gap": widest["gap"] if widest else None,
        "control_gap_share": widest["share"] if widest else None,
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
