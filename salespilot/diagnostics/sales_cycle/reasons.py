"""Reasons of loss: the client's own words, classed in four buckets."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

BUCKETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "no_purchase": ("budget", "need", "timing", "authority"),
        "competitor": ("price", "function", "relationship", "delivery", "competitor"),
        "status_quo": ("no_decision", "status_quo", "in_house"),
        "own_process": ("late", "unqualified", "no_bid"),
        "other": ("other",),
    }
)
"""Bucket -> codes of the kit (method, section 10 c3; the merge is ours)."""

NO_DECISION = ("no_decision", "status_quo", "timing")
"""The buyer chose nobody."""

AVOIDABLE = ("late", "unqualified", "no_bid", "relationship")
"""What better work of our own would have avoided."""

# Words of the client's code (without accents) -> code of the kit, the first that fits; codes of the kit stand as given.
_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("no_decision", ("sans decision", "no decision", "abandon", "evapor", "pas de decision", "sans suite", "no answer",
                     "unresponsive", "injoignable", "silence", "sans reponse")),
    ("late", ("tardi", "too late", "late ", "hors delai", "slow")),
    ("unqualified", ("non qualifi", "mal qualifi", "unqualified", "bad fit", "hors cible", "not a fit")),
    ("no_bid", ("no bid", "no go", "non repondu", "desist", "renonc")),
    ("price", ("prix", "price", "cher", "tarif", "expensive", "cost", "cout")),
    ("budget", ("budget", "financement", "funding", "credit")),
    ("timing", ("report", "timing", "postpon", "gel", "frozen", "calendrier", "differe")),
    ("authority", ("decideur", "authority", "decision maker")),
    ("need", ("besoin", "need", "projet annule", "project cancel")),
    ("relationship", ("relation", "confiance", "trust", "incumbent", "fournisseur en place")),
    ("delivery", ("delai", "delivery", "livraison", "lead time", "stock", "disponib")),
    ("function", ("techni", "fonction", "function", "feature", "produit", "product", "qualit", "gamme")),
    ("in_house", ("interne", "in house", "internal", "fait maison")),
    ("status_quo", ("statu quo", "status quo", "inertie", "garde l")),
    ("competitor", ("concurren", "competit")),
)  # fmt: skip

_BUCKET_OF = {code: bucket for bucket, codes in BUCKETS.items() for code in codes}


def classed(given: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The kit's code and bucket of each reason as the client words it; None where no reason is given.

    A word that fits none is "other".
    """
    codes = {word: _code(word) for word in given.dropna().unique()}
    code = given.map(codes).astype(object)
    code = code.where(code.notna(), None)
    return code, code.map(_BUCKET_OF).astype(object).where(code.notna(), None)


def _code(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold()).encode("ascii", "ignore").decode()
    if plain.strip() in _BUCKET_OF:
        return plain.strip()
    spaced = " ".join(plain.replace("_", " ").replace("-", " ").replace("/", " ").split()) + " "
    return next((code for code, words in _WORDS if any(piece in spaced for piece in words)), "other")
