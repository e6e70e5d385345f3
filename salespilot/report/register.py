"""The register of actions: after a run, ``CLIENT/actions.xlsx`` holds what was decided and the best that was proposed.

Every finding with an action is a candidate (``draft``). People decide in Excel or LibreOffice; the next run reads the
sheet back (:mod:`salespilot.intake.register`), refreshes it and loses nothing that anyone wrote.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from salespilot import sentences
from salespilot.dataset import Dataset
from salespilot.finding import Finding
from salespilot.intake import register as registers
from salespilot.intake.register import Register, Row
from salespilot.intake.register_cells import COLUMNS
from salespilot.phrasebook import Phrasebook
from salespilot.report.register_sheet import write

DRAFTS_PER_OWNER = 10
ORDER = ("in_progress", "planned", "draft", "done", "dropped")
SOURCES: Mapping[str, str] = {
    "portfolio_review": "portfolio",
    "abc_cross_matrix": "abc",
    "portfolio_alignment": "handover",
    "sales_contest": "contest",
    "sales_cycle": "pipeline",
    "forecast_accuracy": "pipeline",
    "dynamic_steering": "pipeline",
    "one_to_one": "one_to_one",
    "continuous_improvement": "improvement",
    "activity_productivity": "improvement",
}


@dataclass(frozen=True)
class Found:
    """What one report of a run found; ``is_whole``: made for the whole team, so that what it no longer says is gone."""

    report: str
    findings: Sequence[Finding]
    is_whole: bool = True


def update(dataset: Dataset, found: Sequence[Found]) -> str | None:
    """Bring the register of the dataset's client up to date; returns the code of what to say about it, if anything.

    Codes: ``register_earlier`` (the run is dated before the register's last: nothing is written),
    ``register_locked`` (the file is open elsewhere or cannot be read: written beside it).
    """
    client = dataset.client
    assert client is not None
    known = registers.read(client).dated(dataset.as_of)
    if known.as_of and dataset.as_of < known.as_of:
        return "register_earlier"
    merged = _merged(known, dataset, found)
    path = registers.path_of(client)
    owners = {str(row.values["owner_rep_id"]): "" for row in merged.rows if row.values.get("owner_rep_id")}
    owners |= {str(id): str(name) for id, name in dataset.names("reps").items()}
    owners = {id: name or id for id, name in owners.items()}
    book = Phrasebook("_register", client.language, client.currency)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".actions-", suffix=".xlsx")
    os.close(handle)
    write(Path(draft), merged, owners, book)
    try:
        return _publish(Path(draft), path, known, dataset.as_of)
    finally:
        Path(draft).unlink(missing_ok=True)


def _publish(draft: Path, path: Path, known: Register, as_of: date) -> str | None:
    beside = path.with_name(f"actions-{as_of.isoformat()}.xlsx")
    if not known.is_readable or _is_open(path):
        draft.replace(beside)
        return "register_locked"
    if path.exists():
        shutil.copy2(path, path.parent / ".salespilot" / "actions-previous.xlsx")
    try:
        draft.replace(path)
    except PermissionError:
        draft.replace(beside)
        return "register_locked"
    return None


def _is_open(path: Path) -> bool:
    """Whether LibreOffice or Excel left their mark beside the file: saving there would undo what is written here."""
    return any((path.parent / f"{mark}{path.name}{tail}").exists() for mark, tail in ((".~lock.", "#"), ("~$", "")))


def _merged(known: Register, dataset: Dataset, found: Sequence[Found]) -> Register:
    candidates = _candidates(dataset, found)
    whole = {one.report for one in found if one.is_whole}
    kept: list[Row] = []
    gone = {row.id: row for row in known.gone if row.id not in candidates}
    waiting: dict[str, Row] = {}
    for row in known.rows:
        fresh = candidates.pop(row.id, None)
        is_lost = fresh is None and row.values.get("report") in whole
        if row.status != "draft" or row.is_edited:
            kept.append(_seen(row, fresh, is_lost, dataset.as_of))
        elif fresh is not None:
            first = row.values.get("first_seen") or dataset.as_of
            waiting[row.id] = replace(fresh, values={**fresh.values, "first_seen": first}, extra=row.extra)
        elif is_lost:
            gone[row.id] = replace(row, values={**row.values, "is_found": False})
        else:
            waiting[row.id] = row
    for row in known.gone:
        if row.id in candidates:
            first = row.values.get("first_seen") or dataset.as_of
            candidates[row.id] = replace(
                candidates[row.id], values={**candidates[row.id].values, "first_seen": first}, extra=row.extra
            )
    imported = _imported(known, dataset)
    kept += imported
    drafts = _best({**waiting, **candidates}.values(), kept)
    ids = known.imported | {row.id for row in imported}
    rows = sorted([*kept, *drafts], key=lambda row: ORDER.index(row.status))
    return replace(known, rows=tuple(rows), gone=tuple(gone.values()), imported=ids, as_of=dataset.as_of)


def _seen(row: Row, fresh: Row | None, is_lost: bool, as_of: date) -> Row:
    if fresh is not None:
        own = {name: fresh.values[name] for name in ("stake", "stake_kind", "targets")}
        return replace(row, values={**row.values, **own, "last_seen": as_of, "is_found": True})
    return replace(row, values={**row.values, "is_found": False}) if is_lost else row


def _candidates(dataset: Dataset, found: Sequence[Found]) -> dict[str, Row]:
    client = dataset.client
    assert client is not None
    rows = {}
    managers = _managers(dataset)
    names = {"customer": dataset.names("customers").to_dict(), "rep": dataset.names("reps").to_dict()}
    for one in found:
        book = Phrasebook(one.report, client.language, client.currency)
        for finding in one.findings:
            title = sentences.action(finding, book)
            if title:
                name = str(names.get(finding.subject_kind, {}).get(finding.subject_id, ""))
                title = title if name in title else f"{name} – {title}"
                rows[finding.id] = _candidate(finding, title, book, dataset.as_of, managers)
    return rows


def _managers(dataset: Dataset) -> dict[str, str]:
    reps = dataset.table("reps")
    known = reps[reps["manager_id"].notna()]
    by_rep = dict(zip(known["rep_id"], known["manager_id"], strict=True))
    return by_rep | known.drop_duplicates("team_id").set_index("team_id")["manager_id"].to_dict()


def _candidate(finding: Finding, title: str, book: Phrasebook, as_of: date, managers: Mapping[str, str]) -> Row:
    owner = finding.owner or managers.get(finding.subject_id)
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    values |= {
        "action_id": finding.id,
        "source": SOURCES.get(finding.report, "pac"),
        "title": title,
        "observation": sentences.observation(finding, book),
        "metric": finding.stake_basis,
        "unit": book.currency,
        "owner_rep_id": owner,
        "due_date": as_of + timedelta(days=finding.lead_days) if finding.lead_days else None,
        "status": "draft",
        "hours_planned": finding.hours,
        "probability": finding.probability,
        "impact_low": finding.stake_low,
        "impact_mode": finding.stake,
        "impact_high": finding.stake_high,
        "stake": finding.stake,
        "stake_kind": finding.stake_kind,
        "targets": "; ".join(f"{kind}:{id}" for kind, id in finding.targets),
        "report": finding.report,
        "rule": finding.rule,
        "first_seen": as_of,
        "last_seen": as_of,
        "is_found": True,
    }
    return Row(values)


def _imported(known: Register, dataset: Dataset) -> list[Row]:
    """The actions of the exports that were never taken in; those of the register are known by their ids."""
    if not dataset.has("actions"):
        return []
    ids = {row.id for row in known.rows} | known.imported
    frame = dataset.table("actions")
    targets = dataset.table("action_targets") if dataset.has("action_targets") else pd.DataFrame()
    rows = []
    for record in frame[~frame["action_id"].isin(ids)].to_dict("records"):
        values: dict[str, Any] = dict.fromkeys(COLUMNS)
        values |= {str(name): _plain(value) for name, value in record.items()}
        if len(targets):
            own = targets[targets["action_id"] == record["action_id"]]
            named = [f"customer:{id}" for id in own["customer_id"].dropna()]
            named += [f"opportunity:{id}" for id in own["opportunity_id"].dropna()]
            values["targets"] = "; ".join(named)
        rows.append(Row(values | {"first_seen": dataset.as_of, "last_seen": dataset.as_of}, is_edited=True))
    return rows


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.date() if isinstance(value, pd.Timestamp) else value


def _best(rows: Iterable[Row], kept: Sequence[Row]) -> list[Row]:
    """At most ten drafts an owner, those that people edited included, by stake per hour of work."""
    taken = Counter(row.values.get("owner_rep_id") for row in kept if row.status == "draft")
    chosen = []
    for row in sorted(rows, key=_worth):
        owner = row.values.get("owner_rep_id")
        if taken[owner] < DRAFTS_PER_OWNER:
            taken[owner] += 1
            chosen.append(row)
    return chosen


def _worth(row: Row) -> tuple[float, str]:
    return -(row.values.get("stake") or 0.0) / max(row.values.get("hours_planned") or 1.0, 0.25), row.id
