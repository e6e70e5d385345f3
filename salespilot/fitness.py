"""What is wrong with the data, and what it costs each report: fit, fit with reserves, unfit, or not fed at all.

Intake says what it found, not how bad it is. Here each issue is judged (it blocks, weakens or only informs), set
against the tables that a report needs, and given to whoever can mend it. No notebook is executed: the command line
asks for the verdict first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from salespilot.client import Client
from salespilot.conventions import Settings, settings, threshold
from salespilot.finding import Reason
from salespilot.intake import Intake, Issue
from salespilot.tables import TABLES
from salespilot.views import SEEN

REPORT = "data_fitness"
HIDDEN = "•••"
DATES = frozenset({"latest", "exported_on", "oldest", "last_date", "day", "date", "month"})
"""Values of an issue that are days."""

TELLING = frozenset(
    "value key old new reason first second dmy_proof mdy_proof customer_id rep_id rep_ids".split()  # noqa: SIM905
)
"""Values of an issue that quote the client's data."""

STAND_INS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {"sales_lines": ("opportunities", ("status", "closed_date", "amount", "customer_id"))}
)
"""A needed table that was not exported -> the table that may stand in for it, and the columns it then needs."""

Needs = tuple[str | tuple[str, ...], ...]
"""The tables that a report cannot do without; an inner tuple: any one of these will do."""

COMPANIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sales_lines": (
            "customers",
            "customer_potential",
            "customer_assignments",
            "reps",
            "activities",
            "coverage_policy",
            "costs",
        ),
        "opportunities": ("opportunity_events", "stages", "milestone_evidence", "quotes", "customers", "reps"),
        "opportunity_events": ("opportunities", "stages", "milestone_evidence", "customers", "reps"),
        "activities": ("customers", "reps", "rep_capacity", "calendar", "targets"),
        "reps": ("rep_capacity", "customer_assignments", "targets"),
        "targets": ("reps", "rep_capacity", "actions", "action_targets", "opportunities"),
        "forecast_snapshots": ("sales_lines", "opportunities", "targets", "reps"),
        "contests": ("contest_participants", "contest_prizes"),
    }
)
"""A needed table -> the tables that enrich the reports made from it: their faults weaken, their absence is no fault."""

NEVER_KEPT = frozenset({"forecast_snapshots"})
"""Tables that no system keeps unless told to: where absent, they are to be recorded from today."""


class Verdict(StrEnum):
    """What the data are worth to one report. NOT_FED: a table or column that it needs was not exported."""

    FIT = "fit"
    RESERVES = "fit_with_reserves"
    UNFIT = "unfit"
    NOT_FED = "not_fed"


class Effect(StrEnum):
    """What an issue does to a report that needs its table."""

    BLOCKS = "blocks"
    WEAKENS = "weakens"
    INFORMS = "informs"


class Mender(StrEnum):
    """Who can put it right: the client's ERP or CRM team, its sales management, or the consultant's client.toml."""

    ERP = "erp"
    CRM = "crm"
    MANAGEMENT = "management"
    CONSULTANT = "consultant"


ERP_TABLES = frozenset({"sales_lines", "orders_backlog", "customers", "costs", "calendar"})
CRM_TABLES = frozenset(
    {
        "customer_potential",
        "customer_assignments",
        "opportunities",
        "opportunity_events",
        "stages",
        "milestone_evidence",
        "quotes",
        "activities",
        "forecast_snapshots",
    }
)


@dataclass(frozen=True)
class Gates(Settings):
    """Where an issue stops being a reserve and blocks, or starts being worth a word.

    The gate of rejected rows is ``max_rejected_share`` in ``client.toml``.
    """

    orphan_share: float = threshold(
        0.01, "share of the table's rows", "more unknown codes and the join loses whole customers or salespeople"
    )
    control_gap_share: float = threshold(
        0.01, "share of the accounting figure", "a larger gap is no matter of cut-off dates: a file or a sign is wrong"
    )


CONTROL, ORPHANS = "control_gap", "orphan_keys"
SIDE_LINKS = frozenset({"parent_customer_id", "delivery_customer_id"})
"""Links on which no revenue is shared out: unknown codes there weaken, however many."""

SETTLED_BY_CONSULTANT = frozenset((
    "ambiguous_dates", "ambiguous_numbers", "conflicting_dates", "correction_unmatched", "duplicate_lines",
    "key_unmapped", "no_file", "no_sales_counted", "decimal_from_neighbour", "mixed_decimals",
    "order_from_neighbour", "read_as_percent", "unknown_values",
))  # fmt: skip
"""Issues that a line of client.toml settles; the others go to whoever keeps the table."""


@dataclass(frozen=True)
class Judged:
    """An issue with its effect on the reports that need its table, who can mend it, and its share of the rows.

    ``file``: the issue's file, else the files that feed its table.
    """

    issue: Issue
    effect: Effect
    mender: Mender
    share: float | None
    file: str

    @property
    def values(self) -> dict[str, Any]:
        """All that may fill a sentence about the issue: its own values, and what every issue has."""
        issue = self.issue
        common: dict[str, Any] = {"table": issue.table, "file": self.file, "column": issue.column}
        common |= {"count": issue.count, "amount": issue.amount, "share": self.share}
        own = {name: _dated(value) if name in DATES else value for name, value in issue.values.items()}
        return common | {"examples": ", ".join(issue.examples)} | own

    @property
    def reason(self) -> Reason:
        """The sentence that says it."""
        return Reason(f"issue_{self.issue.code}", self.values)


@dataclass(frozen=True)
class Missing:
    """A table that a report needs and that was not exported, or (``column``) one of its columns."""

    table: str
    column: str | None = None

    @property
    def reason(self) -> Reason:
        """The sentence that says it."""
        if self.column is None:
            return Reason("absent_record" if self.table in NEVER_KEPT else "absent_table", {"table": self.table})
        return Reason("absent_column", {"table": self.table, "column": self.column})


@dataclass(frozen=True)
class Judgement:
    """The verdict on one report: what blocks it, what weakens it, what it lacks.

    Issues of the tables that it needs come before those of the tables that enrich it; then the dearest, then the most
    frequent come first.
    """

    report: str
    verdict: Verdict
    blocking: tuple[Judged, ...] = ()
    weakening: tuple[Judged, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def main(self) -> Judged | None:
        """The issue that decides: the first that blocks, else the first that weakens."""
        return next(iter(self.blocking or self.weakening), None)


@dataclass(frozen=True)
class Fitness:
    """The verdict on every report that needs a table, and every issue judged."""

    judgements: Mapping[str, Judgement]
    issues: tuple[Judged, ...]

    @property
    def control(self) -> tuple[Judged, ...]:
        """The control totals: one a fiscal year, whose values are year, expected, found, gap and share (of the gap)."""
        return tuple(judged for judged in self.issues if judged.issue.code == CONTROL)

    def obstacle(self, report: str) -> Reason | None:
        """Why a report must not be made (None: it may be): a phrase of the house and what fills it."""
        judgement = self.judgements.get(report)
        if judgement is None or judgement.verdict in (Verdict.FIT, Verdict.RESERVES):
            return None
        if judgement.blocking:
            return judgement.main.reason if judgement.main else None
        return judgement.missing[0].reason

    def reserves(self, report: str) -> tuple[Reason, ...]:
        """What to print at the foot of a report: its reserves, and every control total.

        Where the report needs no table, or is a consultant's own, the reserves are those on all that was exported.
        """
        judgement = self.judgements.get(report)
        concerning = judgement.blocking + judgement.weakening if judgement else self.issues
        told = [judged for judged in concerning if judged.effect is not Effect.INFORMS]
        told += [judged for judged in self.control if judged not in told]
        return tuple(judged.reason for judged in told)

    def is_any_fit(self, reports: Iterable[str] = ()) -> bool:
        """Whether one of the reports can be made; when none is named, or the page of this verdict, one of all."""
        asked = [name for name in reports if name != REPORT] or list(self.judgements)
        judged = [name for name in asked if name in self.judgements]
        return not judged or any(self.obstacle(name) is None for name in judged)

    def count(self, *verdicts: Verdict) -> int:
        """How many reports got one of these verdicts."""
        return sum(judgement.verdict in verdicts for judgement in self.judgements.values())


def _dated(value: Any) -> Any:
    # The cache of intake holds dates as ISO text.
    return date.fromisoformat(value) if isinstance(value, str) else value


def gates(client: Client) -> Gates:
    """The gates in force: those of the house, overridden by ``[thresholds.data_fitness]`` of the client."""
    return settings(Gates, client.thresholds.get(REPORT, {}), f"client.toml [thresholds.{REPORT}]")


def assess(intake: Intake, needs: Mapping[str, Needs], client: Client, limits: Gates | None = None) -> Fitness:
    """The verdict on each report of ``needs`` (report -> the tables it cannot do without).

    Reports that need no table are not judged. ``limits`` defaults to the gates of the client. Raises SettingError on
    a bad ``[thresholds.data_fitness]``.
    """
    limits = limits or gates(client)
    found = [*intake.issues, *_rejects(intake, client), *_without_rows(intake)]
    hides = "alias" in client.privacy.values()
    judged = tuple(_judge(_discreet(issue) if hides else issue, intake, limits) for issue in found)
    return Fitness(
        {name: _verdict(name, needed(tables, intake), intake, judged) for name, tables in needs.items() if tables},
        judged,
    )


def _rejects(intake: Intake, client: Client) -> list[Issue]:
    """Tables of which more rows were rejected than ``max_rejected_share`` allows."""
    found = []
    for table in intake.tables:  # of a refused table every row is rejected, for a reason that has its own issue
        sources = [source for source in intake.counts if source.table == table]
        read, rejected = (sum(getattr(s, name) for s in sources) for name in ("rows_read", "rows_rejected"))
        if rejected > client.max_rejected_share * read:
            values = {"effect": "blocks", "rejected_share": rejected / read, "limit": client.max_rejected_share}
            amount = sum(source.amount_rejected for source in sources)
            found.append(Issue("too_many_rejects", table, count=rejected, amount=amount, values=values))
    return found


def _without_rows(intake: Intake) -> list[Issue]:
    """Tables of which the exports hold headers and nothing below them: zeros would say that nothing was sold."""
    read = {source.table for source in intake.counts if source.rows_kept or source.rows_rejected}
    counted = {source.table for source in intake.counts}
    return [Issue("no_rows", table, values={"effect": "blocks"}) for table in intake.tables if table in counted - read]


def _discreet(issue: Issue) -> Issue:
    """The issue without the client's own words: under aliases, a value shown as an example may be a name."""
    values = {key: HIDDEN if key in TELLING else value for key, value in issue.values.items()}
    return replace(issue, values=values, examples=(HIDDEN,) if issue.examples else ())


def _judge(issue: Issue, intake: Intake, limits: Gates) -> Judged:
    sources = [source for source in intake.counts if source.table == issue.table]
    rows = sum(source.rows_kept + source.rows_rejected for source in sources)
    share = min(issue.count / rows, 1.0) if rows else None
    effect = Effect(issue.effect)
    if issue.code == CONTROL:
        effect = Effect.INFORMS if issue.values["share"] <= limits.control_gap_share else Effect.WEAKENS
    elif issue.code == ORPHANS and issue.column not in SIDE_LINKS and share is not None:
        effect = Effect.BLOCKS if share > limits.orphan_share else effect
    files = tuple(dict.fromkeys(source.file for source in sources))
    file = issue.file or ", ".join(files[:3]) + (" …" if len(files) > 3 else "")
    mender = Mender.CONSULTANT if issue.code in SETTLED_BY_CONSULTANT else keeper(issue.table)
    return Judged(issue, effect, mender, share, file)


def keeper(table: str) -> Mender:
    """Who keeps a table at the client's."""
    if table in ERP_TABLES:
        return Mender.ERP
    return Mender.CRM if table in CRM_TABLES else Mender.MANAGEMENT


def tables_of(needs: Needs) -> tuple[str, ...]:
    """Every table that is named, alternatives included."""
    return tuple(table for need in needs for table in ((need,) if isinstance(need, str) else need))


def needed(needs: Needs, intake: Intake) -> tuple[str, ...]:
    """The tables that a report needs of these exports: of alternatives, those that are whole, else the first given."""
    chosen: list[str] = []
    for need in needs:
        if isinstance(need, str):
            chosen.append(need)
            continue
        given = [table for table in need if table in intake.tables]
        whole = [table for table in given if not _missing(table, needed_columns(table), intake)]
        chosen += whole or given[:1] or need[:1]
    return tuple(dict.fromkeys(chosen))


def _missing(table: str, columns: Iterable[str], intake: Intake) -> list[Missing]:
    given = intake.columns.get(table)
    return [Missing(table, column) for column in columns if given is not None and column not in given]


def needed_columns(table: str) -> tuple[str, ...]:
    """The columns without which a table is of no use: its key unless it can be made, and the essential ones."""
    spec = TABLES[table]
    return tuple(dict.fromkeys([*(() if spec.made_key else spec.key), *spec.essential]))


def _standing_in(code: str, table: str, origin: str, intake: Intake) -> Judged:
    """The reserve that ``origin`` stands in for a table that was not exported."""
    sources = [source for source in intake.counts if source.table == origin]
    files = ", ".join(dict.fromkeys(source.file for source in sources))
    kept = sum(source.rows_kept for source in sources)
    return Judged(Issue(code, table, count=kept, values={"origin": origin}), Effect.WEAKENS, keeper(table), None, files)


def _verdict(report: str, needs: tuple[str, ...], intake: Intake, issues: tuple[Judged, ...]) -> Judgement:
    refused = {j.issue.table for j in issues if j.effect is Effect.BLOCKS} - set(intake.tables)
    missing: list[Missing] = []
    standing: list[Judged] = []
    tables: list[str] = []
    for table in needs:
        other, columns = STAND_INS.get(table, ("", ()))
        if table in intake.tables or table in refused:
            tables.append(table)
            missing += _missing(table, needed_columns(table), intake)
        elif other in intake.tables:
            tables.append(other)
            missing += _missing(other, columns, intake)
            standing.append(_standing_in("won_deals_basis", table, other, intake))
        elif seen := [o for o, column, _ in SEEN.get(table, ()) if column in intake.columns.get(o, ())]:
            standing.append(_standing_in("derived_table", table, seen[0], intake))
        else:
            missing.append(Missing(table))
    near = {companion for table in tables for companion in COMPANIONS.get(table, ())} - set(tables)
    ranked = sorted(
        issues, key=lambda j: (j.issue.table not in tables, -abs(j.issue.amount or 0), -j.issue.count, j.issue.code)
    )
    blocking = tuple(j for j in ranked if j.issue.table in tables and j.effect is Effect.BLOCKS)
    weakening = tuple(
        j
        for j in ranked
        if (j.issue.table in tables and j.effect is Effect.WEAKENS)
        or (j.issue.table in near and j.effect is not Effect.INFORMS)
    )
    if blocking:
        verdict = Verdict.UNFIT
    elif missing:
        verdict = Verdict.NOT_FED
    else:
        verdict = Verdict.RESERVES if weakening or standing else Verdict.FIT
    return Judgement(report, verdict, blocking, (*standing, *weakening), tuple(missing))
