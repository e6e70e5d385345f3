"""What a diagnostic has to say, as data: codes and values, no sentence and no language."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

Value = str | int | float | bool | date | None


class Severity(StrEnum):
    """How much a finding matters. GOOD has no action and never enters a plan."""

    ALERT = "alert"
    WATCH = "watch"
    GOOD = "good"


@dataclass(frozen=True)
class Reason:
    """Why a figure or a section cannot be computed: the code of a phrase and the values that fill it."""

    code: str
    values: Mapping[str, Value] = field(default_factory=dict)


def absent(table: str) -> Reason:
    """The reason that a table was not exported."""
    return Reason("absent_table", {"table": table})


@dataclass(frozen=True)
class Finding:
    """One observation with what to do about it.

    ``code`` names the two sentences ``<code>_observation`` and ``<code>_action`` of the report's phrases, filled by
    ``values``. ``stake`` is a year's money (None: cannot be priced); ``stake_kind`` is gain, at_risk or cost and the
    three are never added together; ``stake_basis`` is revenue or margin. ``targets`` are the (kind, id) that the
    action touches, so that no customer is counted twice. ``subject_id`` is a key, never a name. ``owner`` is the
    rep_id of who acts; None means the manager of the subject's team.
    """

    report: str
    rule: str
    code: str
    severity: Severity
    subject_kind: str
    subject_id: str
    owner: str | None = None
    stake: float | None = None
    stake_low: float | None = None
    stake_high: float | None = None
    stake_kind: str = "gain"
    stake_basis: str = "revenue"
    targets: tuple[tuple[str, str], ...] = ()
    hours: float | None = None
    probability: float | None = None
    lead_days: int | None = None
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Ten hex digits that stay the same from run to run for the same report, code and subject."""
        text = f"{self.report}|{self.code}|{self.subject_kind}|{self.subject_id}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:10]


def leading(found: Iterable[Finding]) -> list[Finding]:
    """The findings in the order in which a reader should meet them: gravest first, and among the equally grave the
    biggest of each rule before the second of any, by stake."""
    gravity = list(Severity)
    ranked = sorted(found, key=lambda finding: (gravity.index(finding.severity), -(finding.stake or 0)))
    seen: Counter[tuple[Severity, str]] = Counter()
    order = {}
    for finding in ranked:
        key = (finding.severity, finding.rule)
        order[id(finding)] = (gravity.index(finding.severity), seen[key])
        seen[key] += 1
    return sorted(ranked, key=lambda finding: order[id(finding)])
