"""The phrase files: every sentence of every report, French and English side by side, read and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "phrases"
LANGUAGES = ("fr", "en")
NARROW = "\u202f"
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z_]+))?\}")
# fmt: off
KINDS = frozenset({
    "text", "id", "flag", "value", "number", "count", "decimal", "percent", "points", "money", "money_short", "date",
    "date_short", "month", "month_short", "days", "hours", "column",
})
# fmt: on
"""What a placeholder or a column may be; each is a method of Phrasebook."""


class PhraseError(LookupError):
    """A sentence that is missing, badly written or lacks a value. The message names the file and the key."""


def typeset(text: str, language: str) -> str:
    """The text with the apostrophes and, in French, the narrow no-break spaces that print asks for.

    Phrase files may thus be typed on a plain keyboard. A space must be there to be made narrow: none is added.
    """
    text = re.sub(r"(?<=\w)'(?=\w|\{|«)", "’", text)
    if language != "fr":
        return text
    text = re.sub(r"[ \u00a0]([;:!?%»€])", NARROW + r"\1", text)
    return re.sub(r"«[ \u00a0]", "«" + NARROW, text)


@lru_cache
def phrases(name: str) -> Mapping[str, Mapping[str, str]]:
    """The entries of one phrase file: key -> {"fr": ..., "en": ...} and what else the entry holds.

    Nested tables have dotted keys (``[value.customer]`` is ``value.customer``). Empty when there is no such file: a
    consultant's own notebook needs none. Raises PhraseError on an entry without both languages, on placeholders that
    differ between them, on an unknown kind and on a stray brace.
    """
    file = FOLDER / f"{name}.toml"
    if not file.exists():
        return {}
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PhraseError(f"phrases/{name}.toml: {error}") from error
    entries = {}
    for key, entry in _flatten(tree):
        for language in LANGUAGES:
            if not isinstance(entry.get(language), str) or not entry[language].strip():
                raise PhraseError(f"phrases/{name}.toml: [{key}] has no {language}")
            _check_braces(f"phrases/{name}.toml: [{key}] {language}", entry[language])
        asked = [sorted(set(PLACEHOLDER.findall(entry[language]))) for language in LANGUAGES]
        if asked[0] != asked[1]:
            raise PhraseError(f"phrases/{name}.toml: [{key}] does not have the same placeholders in fr and en")
        entries[key] = entry | {language: typeset(entry[language], language) for language in LANGUAGES}
    return entries


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for key, entry in tree.items():
        if not isinstance(entry, dict):
            continue
        if not entry or any(language in entry for language in LANGUAGES):
            yield prefix + key, {k: v for k, v in entry.items() if not isinstance(v, dict)}
        yield from _flatten(entry, f"{prefix}{key}.")


def _check_braces(where: str, text: str) -> None:
    for _, kind in PLACEHOLDER.findall(text):
        if kind and kind not in KINDS:
            raise PhraseError(f"{where}: unknown kind {kind!r}; kinds are {', '.join(sorted(KINDS))}")
    if re.search(r"[{}]", PLACEHOLDER.sub("", text)):
        raise PhraseError(f"{where}: a brace that opens or closes no placeholder")
