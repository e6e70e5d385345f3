"""Words of exports: how headers and closed lists are compared, and SQL literals are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from salespilot.intake.vocabulary import fold, synonyms
from salespilot.tables import Column

MARKERS = ("null", "(null)", "nan", "#n/a", "n/a", "na", "<na>", "none", "\\n", "-", "–", "—", "(vide)")
_TRUE = frozenset(("true", "vrai", "yes", "oui", "y", "o", "1", "x", "t"))
_FALSE = frozenset(("false", "faux", "no", "non", "n", "0", "f"))


def normal(text: str) -> str:
    """A header or word as it is compared: no case, no accents, no punctuation, single blanks."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE")).casefold()
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split())


def quoted(text: object) -> str:
    """A SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def named(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def in_list(expression: str, values: Iterable[str]) -> str:
    """SQL: whether an expression is one of the values."""
    return f"{expression} in ({', '.join(quoted(value) for value in values)})"


def is_empty(text: str) -> bool:
    """Whether a cell of a closed list, date or number holds nothing: blank, or a marker such as NULL or n/a."""
    return text.strip().lower() in ("", *MARKERS)


def flag(text: str) -> str | None:
    """ "true" or "false" for a yes or no in French or English; None when it is neither."""
    word = normal(text)
    return "true" if word in _TRUE else "false" if word in _FALSE else None


def choice(text: str, table: str, column: Column, translation: Mapping[str, str]) -> str | None:
    """The member of the column's closed list that a text means: by the client's translation, its name, a synonym.

    "" where the translation says that it means nothing; None when it is unknown.
    """
    known = {normal(c): c for c in column.choices} | {normal(written): meant for written, meant in translation.items()}
    if normal(text) in known:
        return known[normal(text)]
    return synonyms().values.get(f"{table}.{column.name}", {}).get(fold(text))
