"""Executing and printing reports, as ratios: against plain Papermill, the bare cells, and the WeasyPrint call alone.

    python benchmarks/reports.py [NAME...]

Measured as in :mod:`run`. What each report computes is known before (``.salespilot/results``), on both sides: these
are the costs of kernels, drawings and printing. Pages, figures and cells are counted in every timed run.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from run import ROOT, WORK, compare, main

import salespilot
from salespilot.report.execute import execute
from salespilot.report.print import html

AS_OF = ("2026-06-30", "2026-05-31")
DOCUMENTS = 20
MEGABYTE = "print('x' * 1_000_000)"

OURS = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from salespilot.report.execute import execute
from salespilot.report.print import html

def make(document):
    number, parameters = document
    target = Path({target!r}) / f"ours-{{number}}.ipynb"
    return html(execute(Path({notebook!r}), target, parameters), target.with_suffix(".html"))

with ThreadPoolExecutor({workers}) as pool:
    pages = list(pool.map(make, enumerate({documents!r})))
assert sum(page.read_text(encoding="utf-8").count("<figure") for page in pages) == {figures}
"""
PLAIN = """
import warnings
warnings.simplefilter("ignore")
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import papermill
from nbconvert import HTMLExporter

warm = threading.local()

def make(document):
    number, parameters = document
    target = Path({target!r}) / f"plain-{{number}}.ipynb"
    papermill.execute_notebook({notebook!r}, target, parameters, progress_bar=False)
    if not hasattr(warm, "exporter"):
        warm.exporter = HTMLExporter()
    page = target.with_suffix(".html")
    page.write_text(warm.exporter.from_filename(str(target))[0], encoding="utf-8")
    return page

with ThreadPoolExecutor({workers}) as pool:
    pages = list(pool.map(make, enumerate({documents!r})))
assert sum(page.read_text(encoding="utf-8").count("<figure") for page in pages) == {figures}
"""
FLOOR = """
from pathlib import Path
import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from salespilot.report.print import html

notebook = nbformat.read({notebook!r}, as_version=4)
codes = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
figures, shell = 0, InteractiveShell.instance()
for number, parameters in enumerate({documents!r}):
    shell.reset()
    with capture_output() as shown:
        for code in (codes[0], "\\n".join(f"{{name}} = {{value!r}}" for name, value in parameters.items()), *codes[1:]):
            assert shell.run_cell(code).success
    figures += sum(output.data.get("text/html", "").count("<figure") for output in shown.outputs)
    html(Path({target!r}) / f"ours-{{number}}.ipynb", Path({target!r}) / f"floor-{{number}}.html")
assert figures == {figures}
"""
LARGE = """
import warnings
warnings.simplefilter("ignore")
import papermill
made = papermill.execute_notebook({notebook!r}, {target!r}, engine_name={engine!r}, progress_bar=False)
assert sum(len(shown.text) for cell in made.cells for shown in cell.outputs) == {cells} * 1_000_001
"""
PDF = """
from pathlib import Path
from pypdf import PdfReader
from salespilot.report.pdf import pdf
target = Path({page!r}).with_suffix(".ours.pdf")
pdf(Path({page!r}), target)
assert len(PdfReader(target).pages) == {pages}
"""
WEASYPRINT = """
from pathlib import Path
import weasyprint
from pypdf import PdfReader
target = Path({page!r}).with_suffix(".plain.pdf")
weasyprint.HTML({page!r}).write_pdf(target, pdf_variant="pdf/ua-1")
assert len(PdfReader(target).pages) == {pages}
"""


def demo() -> Path:
    """A copy of the demo client, read."""
    folder = WORK / "demo"
    if not folder.exists():
        shutil.copytree(ROOT / "data" / "demo", folder)
    return folder


def one_to_ones() -> dict[str, object]:
    """Twenty one-to-ones, everything computed: their notebook and parameters, where they go, their figures in all."""
    folder, notebook, target = demo(), ROOT / "notebooks" / "one_to_one.ipynb", WORK / "documents"
    target.mkdir(exist_ok=True)
    reps = [
        (rep, as_of) for as_of in AS_OF for rep in salespilot.one_to_one.people(salespilot.open(folder, as_of=as_of))
    ]
    documents = [{"client": str(folder), "as_of": as_of, "rep": rep} for rep, as_of in reps[:DOCUMENTS]]
    figures = 0
    for number, parameters in enumerate(documents):
        page = html(execute(notebook, target / f"ours-{number}.ipynb", parameters), target / f"ours-{number}.html")
        figures += page.read_text(encoding="utf-8").count("<figure")
    assert len(documents) == DOCUMENTS
    assert figures >= DOCUMENTS
    return {"notebook": str(notebook), "target": str(target), "documents": documents, "figures": figures}


def twenty_against_papermill() -> None:
    """Two workers against plain Papermill and one warm nbconvert, one after another."""
    work = one_to_ones()
    compare(
        "20 one-to-ones, 2 workers / plain Papermill, 1",
        "wall <= 0.25",
        OURS.format(workers=2, **work),
        PLAIN.format(workers=1, **work),
    )


def twenty_against_papermill_with_two() -> None:
    """The same, two workers on both sides."""
    work = one_to_ones()
    compare(
        "20 one-to-ones, 2 workers / plain Papermill, 2",
        "wall <= 0.45",
        OURS.format(workers=2, **work),
        PLAIN.format(workers=2, **work),
    )


def twenty_against_the_floor() -> None:
    """One worker against the same cells and prints in one process without a kernel."""
    work = one_to_ones()
    compare(
        "20 one-to-ones, 1 worker / no kernel at all",
        "cpu <= 1.45, then 1.25",
        OURS.format(workers=1, **work),
        FLOOR.format(**work),
    )


def the_same_notebooks() -> None:
    """Cell by cell what plain Papermill makes, images included; prints how many were compared."""
    work = one_to_ones()
    with tempfile.TemporaryDirectory() as place:
        exec(PLAIN.format(workers=1, **(work | {"target": place})), {})
        cells = 0
        for number in range(DOCUMENTS):
            ours = nbformat.read(Path(str(work["target"])) / f"ours-{number}.ipynb", as_version=4)
            plain = nbformat.read(Path(place) / f"plain-{number}.ipynb", as_version=4)
            for one, other in zip(ours.cells, plain.cells, strict=True):
                kept = ("cell_type", "source", "execution_count", "outputs")
                assert [one.get(key) for key in kept] == [other.get(key) for key in kept]
                cells += 1
    print(f"{DOCUMENTS} notebooks, {cells} cells, {work['figures']} figures: identical to plain Papermill's")


def large(cells: int) -> str:
    """A notebook of that many cells with an output of 1 MB each."""
    notebook = new_notebook(cells=[new_code_cell(MEGABYTE) for _ in range(cells)])
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    path = WORK / f"large-{cells}.ipynb"
    nbformat.write(notebook, path)
    return str(path)


def large_outputs() -> None:
    """Sixty cells of 1 MB against plain Papermill, which writes the whole notebook at each."""
    options = {"notebook": large(60), "target": str(WORK / "large.ipynb"), "cells": 60}
    compare(
        "60 cells of 1 MB / plain Papermill",
        "wall <= 0.15",
        LARGE.format(engine="salespilot", **options),
        LARGE.format(engine=None, **options),
    )


def large_outputs_grow_linearly() -> None:
    """Sixty cells of 1 MB against thirty."""
    target = str(WORK / "large.ipynb")
    compare(
        "60 cells of 1 MB / 30",
        "wall <= 2.2",
        LARGE.format(engine="salespilot", notebook=large(60), target=target, cells=60),
        LARGE.format(engine="salespilot", notebook=large(30), target=target, cells=30),
    )


def pdf_against_weasyprint() -> None:
    """The PDF of a long report against WeasyPrint's own call on that page."""
    from pypdf import PdfReader

    from salespilot.report.pdf import pdf

    notebook, target = ROOT / "notebooks" / "portfolio_review.ipynb", WORK / "long.ipynb"
    page = html(execute(notebook, target, {"client": str(demo())}), target.with_suffix(".html"))
    pdf(page, page.with_suffix(".pdf"))
    pages = len(PdfReader(page.with_suffix(".pdf")).pages)
    options = {"page": str(page), "pages": pages}
    compare(f"PDF of {pages} pages / WeasyPrint alone", "<= 1.15", PDF.format(**options), WEASYPRINT.format(**options))


ALL: Sequence[Callable[[], None]] = (
    twenty_against_papermill,
    twenty_against_papermill_with_two,
    twenty_against_the_floor,
    the_same_notebooks,
    large_outputs,
    large_outputs_grow_linearly,
    pdf_against_weasyprint,
)


if __name__ == "__main__":
    main(sys.argv[1:], ALL)
