"""Headers as words: folding, by which "N° Client", "CodeClient" and "client_no" are one, and synonyms by table."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from salespilot.tables import TABLES

Words = frozenset[str]

_STOP = frozenset("de du des la le les l d the of a en et fields eur euro euros usd gbp chf dollar".split())  # noqa: SIM905
_SAME = {
    "id": "num no nr n numero number identifiant identifier code cod cd key cle pk ident",
    "date": "dt dte dat",
    "montant": "mt mtt mnt montants",
    "amount": "amt",
    "quantite": "qte qt qtes",
    "quantity": "qty",
    "client": "cli clt clients",
    "facture": "fac fact facturee facturees",
    "livre": "livree livrees",
    "commande": "cde cmde cmd",
    "article": "art",
    "famille": "fam",
    "reference": "ref",
    "libelle": "lib lbl",
    "rep": "repr representant",
    "vendeur": "vdr vend",
    "customer": "cust",
    "account": "acct acc",
    "invoice": "inv",
    "opportunity": "opp oppty opty",
    "opportunite": "oppor",
    "count": "nb nbre nombre",
    "pct": "percent percentage pourcentage",
    "sale person": "salesperson",
    "prix unitaire": "pu",
    "raison": "rais",
    "sociale": "soc",
    "montant ht": "mtht mntht",
    "montant ttc": "mtttc mntttc",
}
_FOLDED = {short: word.split() for word, shorts in _SAME.items() for short in shorts.split()}


@dataclass(frozen=True)
class Synonym:
    """One way to name a standard column. ``rank``: sure 0, doubtful 1, dangerous 2; ``why`` explains the last two."""

    words: Words
    rank: int
    why: str = ""


@dataclass(frozen=True)
class Synonyms:
    """The synonyms of synonyms.toml, folded.

    ``columns``  table -> standard column -> its synonyms, the best first
    ``files``    table -> words of a file's name; ``ignored`` the same for exports that no report uses
    ``moments``  option of client.toml -> headers that date the states of a deal
    ``prices``   headers of unit prices
    ``assumed``  table -> standard column -> the SQL that stands for it where no header gives it, and why
    ``named``    "table.column" -> standard value -> words of a file's name that say it of every row
    ``values``   "table.column" -> folded value -> standard value
    """

    columns: Mapping[str, Mapping[str, tuple[Synonym, ...]]]
    files: Mapping[str, Words]
    ignored: Mapping[str, Words]
    moments: Mapping[str, frozenset[Words]]
    prices: frozenset[Words]
    assumed: Mapping[str, Mapping[str, tuple[str, str]]]
    named: Mapping[str, Mapping[str, Words]]
    values: Mapping[str, Mapping[Words, str]]
    french: Words
    english: Words


def fold(text: str) -> Words:
    """The words of a header or value, without accents, case, order, plurals or small words; abbreviations spelled out.

    A word written together ("CODECLIENT", "invoicedate") is cut where the vocabulary of the synonyms allows it.
    """
    return frozenset(piece for token in _tokens(text) for piece in _cut(token))


def meaning(known: Mapping[Words, str], value: str) -> str | None:
    """The standard value of a category's value; what a bracket adds ("Closed won (Sales pipeline)") changes nothing."""
    return known.get(fold(value)) or known.get(fold(re.sub(r"\s*\([^()]*\)$", "", value)))


def unaccented(text: str) -> str:
    """The text without accents and ligatures."""
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text.replace("œ", "oe").replace("Œ", "OE")


@cache
def synonyms() -> Synonyms:
    """The synonyms shipped with the package."""
    raw = _raw()
    columns = {
        table.name: {c.name: _of_column(c.name, raw.get(table.name, {}).get(c.name, {})) for c in table.columns}
        for table in TABLES.values()
    }
    words = {
        language: frozenset(
            token
            for name in TABLES
            for entry in raw.get(name, {}).values()
            for header in entry.get(language, [])
            for token in _tokens(header)
        )
        for language in ("fr", "en")
    }
    return Synonyms(
        columns,
        {table: _all_words(names) for table, names in raw["files"].items()},
        {kind: _all_words(names) for kind, names in raw["ignored"].items()},
        {option: frozenset(map(fold, headers)) for option, headers in raw["moments"].items()},
        frozenset(map(fold, raw["prices"]["unit"])),
        {
            name: {
                place.split(".")[1]: (entry["value"], entry["why"])
                for place, entry in raw["assumed"].items()
                if place.startswith(f"{name}.")
            }
            for name in TABLES
        },
        {
            column: {value: _all_words(names) for value, names in entry.items()}
            for column, entry in raw["named"].items()
        },
        {
            column: {fold(value): standard for standard, values in entry.items() for value in [standard, *values]}
            for column, entry in raw["values"].items()
        },
        words["fr"] - words["en"],
        words["en"] - words["fr"],
    )


def language_of(headers: tuple[str, ...]) -> str | None:
    """ "fr" or "en", the language of most words of the headers; None when they do not tell."""
    words = [word for header in headers for word in fold(header)]
    french = sum(word in synonyms().french for word in words)
    english = sum(word in synonyms().english for word in words)
    if french == english:
        return None
    return "fr" if french > english else "en"


def _of_column(name: str, entry: Mapping[str, object]) -> tuple[Synonym, ...]:
    def listed(key: str) -> list[str]:
        found = entry.get(key, [])
        return [str(item) for item in found] if isinstance(found, list) else []

    why, danger = str(entry.get("why", "")), str(entry.get("danger", entry.get("why", "")))
    made = [Synonym(fold(header), 0) for header in [name, *listed("fr"), *listed("en")]]
    made += [Synonym(fold(header), 1, why) for header in listed("doubtful")]
    made += [Synonym(fold(header), 2, danger) for header in listed("dangerous")]
    return tuple(made)


def _all_words(names: list[str]) -> Words:
    return frozenset(word for name in names for word in fold(name))


@cache
def _raw() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "synonyms.toml").read_text(encoding="utf-8"))


@cache
def _vocabulary() -> frozenset[str]:
    headers = [name for table in TABLES.values() for name in table.column_names] + _raw()["prices"]["unit"]
    for name in TABLES:
        for entry in _raw().get(name, {}).values():
            headers += [header for key in ("fr", "en", "doubtful", "dangerous") for header in entry.get(key, [])]
    plain = {token for header in headers for token in _tokens(header)}
    return frozenset({token for token in plain if len(token) > 1} | {short for short in _FOLDED if len(short) > 1})


@cache
def _tokens(text: str) -> tuple[str, ...]:
    text = re.sub(r"\b([A-Za-z])\.([A-Za-z])(?:\.([A-Za-z]))?\b\.?", r"\1\2\3", text)
    text = re.sub(r"[nN][°º]|#", " num ", text).replace("%", " pct ")
    text = re.sub(r"__c\b", "", unaccented(text))
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text).lower()
    text = re.sub(r"chiffres?[ _]*d?['’ _]*affaires?", "ca", text)
    text = re.sub(r"\bnumber[ _]of\b", "count", text)
    tokens = re.findall(r"[a-z0-9]+", text)
    kept = [token for token in tokens if token not in _STOP] or tokens
    return tuple(word for token in kept for word in _FOLDED.get(token, [_singular(token)]))


def _singular(token: str) -> str:
    return token[:-1] if len(token) > 3 and token.endswith("s") and not token.endswith("ss") else token


@cache
def _cut(token: str) -> tuple[str, ...]:
    """The known words that a token is made of; the token itself when it is known or cannot be cut."""
    vocabulary = _vocabulary()
    if token in vocabulary or len(token) < 5:
        return (token,)

    def pieces(rest: str) -> list[str] | None:
        if not rest:
            return []
        for size in range(len(rest), 1, -1):
            if rest[:size] in vocabulary or _singular(rest[:size]) in vocabulary:
                following = pieces(rest[size:])
                if following is not None:
                    return [rest[:size], *following]
        return None

    found = pieces(token)
    is_abbreviated = found is not None and min(map(len, found)) > 2 and any(piece in _FOLDED for piece in found)
    if found is None or (max(map(len, found)) < 4 and not is_abbreviated):
        return (token,)
    return tuple(word for piece in found for word in _FOLDED.get(piece, [_singular(piece)]))
