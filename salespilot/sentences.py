"""What a finding says, in the words of its own report: its observation, and its action where it has one."""

from __future__ import annotations

import re
from typing import Any

from salespilot import markup
from salespilot.finding import Finding, Severity
from salespilot.phrasebook import Phrasebook

SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-ZÀ-Ý])")


def observation(finding: Finding, book: Phrasebook, longest: int | None = None) -> str:
    """The finding's observation in the book's language; names cut at ``longest`` characters where it is given.

    Of a value that is not known, the sentence is left out, unless it is the first.
    """
    said = _book(finding, book).say(f"{finding.code}_observation", **_values(finding, longest))
    first, *more = SENTENCE_END.split(said)
    return " ".join([first, *(sentence for sentence in more if book.missing not in sentence)])


def action(finding: Finding, book: Phrasebook, longest: int | None = None) -> str | None:
    """What the finding asks to be done; None where it asks nothing, as what is good does."""
    own, key = _book(finding, book), f"{finding.code}_action"
    if finding.severity is Severity.GOOD or not own.has(key):
        return None
    return own.say(key, **_values(finding, longest))


def _book(finding: Finding, book: Phrasebook) -> Phrasebook:
    return book if book.name == finding.report else Phrasebook(finding.report, book.language, book.currency)


def _values(finding: Finding, longest: int | None) -> dict[str, Any]:
    if longest is None:
        return dict(finding.values)
    return {k: markup.clean(v, longest) if isinstance(v, str) else v for k, v in finding.values.items()}
