"""Write ``docs/methods``, one page a report, and ``docs/tables.md`` from docstrings, thresholds, notebooks and phrases.

    python -m docs.generate

Nothing on these pages is written by hand: whoever changes a threshold or a sentence makes them again (pre-commit does),
and tests/test_docs.py fails until then.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from salespilot.conventions import Conventions
from salespilot.fitness import COMPANIONS, tables_of
from salespilot.phrasebook import Phrasebook
from salespilot.phrasefile import phrases
from salespilot.reports import REPORTS
from salespilot.tables import TABLES

DOCS = Path(__file__).parent
PROVENANCE = {"J": "a choice of this kit", "G": "general knowledge"}
MADE = "<!-- made by docs/generate.py: change the module, its phrases or its notebook, then make it again -->"
OBSERVATION = "_observation"


def pages() -> dict[str, str]:
    """File name in ``docs`` -> text."""
    made = {f"methods/{name}.md": page(name, module) for name, module in REPORTS.items()}
    made |= {"methods/README.md": contents(), "methods/conventions.md": conventions(), "tables.md": tables()}
    return {name: text + "\n" for name, text in made.items()}


def contents() -> str:
    """The list of methods, in reading order."""
    rows = [(f"[{title(name)}]({name}.md)", f"`{name}`", question(name, "en")) for name in REPORTS]
    return "\n\n".join(
        [
            MADE,
            "# Methods",
            "What each report asks, what it needs, how it judges and what it says. Choices that all reports share are "
            "[conventions](conventions.md); a threshold taken from the field names its [source](sources.md).",
            table(("report", "name", "question"), rows),
        ]
    )


def conventions() -> str:
    """The choices that all reports of a client share."""
    intro = (
        "One client, one reading: class A is the same in every report. Overridden by `[conventions]` in `client.toml`."
    )
    return "\n\n".join([MADE, "# Conventions", intro, table(SETTINGS, settings(Conventions))])


def tables() -> str:
    """The standard tables, their columns and types."""
    parts = [
        MADE,
        "# Standard tables",
        "An export fills the columns that it has; reports say what the others would add. A row without its key is "
        "rejected; without its essential columns a table is of no use. "
        "Money is the client's currency, excluding VAT, signed; a share is a fraction, 0 to 1; instants are UTC.",
    ]
    for spec in TABLES.values():
        rows = []
        for column in spec.columns:
            marks = ["key"] * (column.name in spec.key) + ["essential"] * (column.name in spec.essential)
            about = [*marks, *([f"one of {', '.join(column.choices)}"] if column.choices else [])]
            about += [f"of `{column.references}`"] if column.references else []
            rows.append((f"`{column.name}`", column.type, "; ".join(about)))
        parts += [f"## {spec.name}", spec.grain, table(("column", "type", ""), rows)]
    return "\n\n".join(parts)


def page(name: str, module: ModuleType) -> str:
    """The method of one report."""
    parts = [MADE, f"# {title(name)}", f"`{name}` · {question(name, 'en')}", f"*{question(name, 'fr')}*"]
    parts.append("## What it reads")
    parts += [f"- {line}" for line in reads(module)]
    given = [(f"`{f.name}`", plain(f.default), f.metadata["help"]) for f in dataclasses.fields(module.Parameters)]
    if given:
        parts += ["## Parameters", "Besides `client`, `as_of`, `months` and `language`, which all reports have."]
        parts.append(table(("parameter", "default", "meaning"), given))
    parts += ["## What it measures", *measures(module.Result), "Key figures on the page; `NAME.json` holds all."]
    parts.append(table(("key figure", "English", "French"), key_figures(name)))
    entries = phrases(name)
    if "method_text" in entries:
        parts += ["## How", entries["method_text"]["en"], f"*{entries['method_text']['fr']}*"]
    judged = settings(module.Thresholds)
    if judged:
        parts += ["## How it judges", f"Overridden by `[thresholds.{name}]` in `client.toml`.", table(SETTINGS, judged)]
    said = list(rules(name))
    if said:
        parts += ["## What it says", "By `code`, as in `NAME.json`: what is observed, then what to do.", *said]
    return join(parts)


def title(name: str) -> str:
    return Phrasebook(name, "en").say("title")


def question(name: str, language: str) -> str:
    """What the report answers; its subtitle where its phrases ask nothing."""
    book = Phrasebook(name, language)
    return book.say("question" if book.has("question") else "subtitle")


def reads(module: ModuleType) -> Iterator[str]:
    """Tables without which there is no report, tables that enrich it, reports whose results it reads."""
    needed = [" or ".join(f"`{t}`" for t in ([need] if isinstance(need, str) else need)) for need in module.NEEDS]
    yield f"Cannot do without: {', '.join(needed) or 'nothing'}."
    tables = tables_of(module.NEEDS)
    more = dict.fromkeys(other for one in tables for other in COMPANIONS.get(one, ()) if other not in tables)
    if more:
        yield f"Enriched by: {', '.join(f'`{one}`' for one in more)}."
    if module.USES:
        yield f"Reads what these reports found: {', '.join(f'[{one}]({one}.md)' for one in module.USES)}."


SETTINGS = ("setting", "default", "unit", "reason", "provenance")


def settings(cls: type) -> list[tuple[str, ...]]:
    """A row a threshold; those without a unit are choices among words."""
    rows = []
    for spec in dataclasses.fields(cls):
        about = spec.metadata
        choices = ", ".join(map(plain, about.get("choices", ())))
        unit = about.get("unit") or (f"one of {choices}" if choices else "")
        source = about.get("source", "J")
        named = PROVENANCE.get(source) or f"[{source}](sources.md#{source.lower()})"
        rows.append((f"`{spec.name}`", plain(spec.default), unit, about.get("reason") or about["help"], named))
    return rows


def plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(plain, value)) or "none"
    return f"`{value}`" if value != "" else "empty"


def measures(result: type) -> Iterator[str]:
    """The docstring of the Result: its sentences, then the frames it names, as a list."""
    for block in inspect.cleandoc(result.__doc__ or "").split("\n\n"):
        if block.startswith("``"):
            named = re.split(r"\n(?=``)", block)
            lines = (re.sub(r"^(``.*?``)\s+", r"\1: ", one, flags=re.DOTALL) for one in named)
            yield "\n".join("- " + re.sub(r"\s+", " ", line).replace("``", "`") for line in lines)
        else:
            yield re.sub(r"\s+", " ", block).replace("``", "`")


def key_figures(name: str) -> list[tuple[str, str, str]]:
    """The key figures that the notebook shows, with their headings."""
    notebook = json.loads((DOCS.parent / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    shown = [
        ast.literal_eval(argument)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "key_figures"
        for argument in node.args
    ]
    books = [Phrasebook(name, language) for language in ("en", "fr")]
    return [(f"`{one}`", *(book.heading(one) for book in books)) for one in dict.fromkeys(shown)]


def rules(name: str) -> Iterator[str]:
    """Each finding by its code: the sentences in both languages, placeholders as they are filled."""
    entries = phrases(name)
    for key in entries:
        if key.endswith(OBSERVATION):
            code = key.removesuffix(OBSERVATION)
            yield f"**`{code}`**"
            said = [entries[key], entries.get(f"{code}_action")]
            lines = [" → ".join(one[language] for one in said if one) for language in ("en", "fr")]
            yield "\n".join(f"- {escaped(line)}" for line in lines)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heads)]
    lines += [["---"] * len(lines[0]), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


def join(parts: list[str]) -> str:
    """Paragraphs parted by a blank line, the points of a list by none."""
    return re.sub(r"(?m)^(- .*)\n\n(?=- )", r"\1\n", "\n\n".join(parts))


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
