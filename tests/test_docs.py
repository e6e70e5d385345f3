"""The documentation says what the code does: pages made from it are fresh, commands and files it names exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from salespilot.cli import main
from salespilot.reports import REPORTS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WRITTEN = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)
PAGES = generate.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_the_code_is_fresh(name):
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name], "make docs"


def test_no_page_outlives_its_report():
    assert {f"methods/{path.name}" for path in (DOCS / "methods").glob("*.md")} == {
        *(name for name in PAGES if name.startswith("methods/")),
        "methods/sources.md",
    }


def test_every_threshold_and_key_figure_is_on_its_page():
    text = PAGES["methods/abc_cross_matrix.md"]
    assert "| `release_ratio` | `1.5` | times the share of headroom | visits beyond are released |" in text
    assert "| `share_of_wallet` | Share of wallet | Part de marché client |" in text
    assert "- `segments`: one row a segment" in text
    assert "Bring these visits back" in text
    assert "Ramener ces visites" in text


def unknown(command: str) -> str:
    """What a command line names that the program does not have; nothing when all of it exists."""
    words = shlex.split(command.replace("...", ""))
    if len(words) < 2 or words[1].startswith("-"):
        return ""
    if words[1] not in main.commands:
        return words[1]
    options = [name for one in main.commands[words[1]].params if isinstance(one, click.Option) for name in one.opts]
    given = [word.partition("=")[0] for word in words[2:] if word.startswith("-")]
    named = [word for word in words[2:] if word in REPORTS or re.fullmatch(r"[a-z]+_[a-z_]+", word)]
    return next((word for word in given if word not in options), next((w for w in named if w not in REPORTS), ""))


def commands(text: str) -> list[str]:
    """Every ``salespilot ...`` of a page: in its blocks, one a line without the comment, and between its backticks."""
    blocks = re.findall(r"```(?:bash|sh)?\n(.*?)```", text, re.DOTALL)
    lines = [re.split(r"\s{2,}#|\s+\|\s+", line)[0] for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`(salespilot [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line for line in (*lines, *inline) if line.startswith("salespilot ")]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_command_named_exists(path):
    assert [command for command in commands(path.read_text(encoding="utf-8")) if unknown(command)] == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_link_and_file_named_exists(path):
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    for link in links:
        file, _, anchor = link.partition("#")
        target = path.parent / file
        assert target.exists(), link
        if anchor:
            assert f"\n## {anchor}\n" in target.read_text(encoding="utf-8").lower(), link
    for file in re.findall(r"`((?:salespilot|data|docs|tests|notebooks|benchmarks)/[\w./-]*)`", text):
        assert "NAME" in file or (ROOT / file).exists(), file


def test_every_make_target_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for path in WRITTEN:
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{path.name}: make {target}"


def test_the_readme_names_every_report_and_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in REPORTS if f"`{name}`" not in text] == []
    assert [name for name in main.commands if not re.search(rf"salespilot [\w| ]*\b{name}\b", text)] == []
    assert len(text.splitlines()) <= 80


def test_the_walk_over_commands_has_teeth():
    assert unknown("salespilot rnu CLIENT") == "rnu"
    assert unknown("salespilot run CLIENT --asof 2026-06-30") == "--asof"
    assert unknown("salespilot run CLIENT abc_cross_matrices") == "abc_cross_matrices"
    assert unknown("salespilot run CLIENT abc_cross_matrix --as-of 2026-06-30 -p months=24") == ""
    assert commands("```\nsalespilot check X      # reads\n```\nand `salespilot lab X`, `salespilot`") == [
        "salespilot check X",
        "salespilot lab X",
    ]
