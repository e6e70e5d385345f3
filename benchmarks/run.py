"""Speed and memory as ratios against a peer or a floor in the same run.

    make bench            or            python benchmarks/run.py [NAME...]     (data.py: those of large data)

Each comparison runs A B A B ... as whole processes, after one warm-up of each, and prints the medians of CPU seconds,
wall seconds and peak memory, and the ratios A/B pair by pair. Goals are printed beside what was reached.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import french_sales

import salespilot

ROOT = Path(__file__).parent.parent
WORK = Path(tempfile.gettempdir()) / "salespilot-benchmarks"
PAIRS = 3

PANDAS = """
import pandas as pd
lines = pd.read_csv({csv!r}, sep=";", decimal=",", encoding="cp1252", dtype={{"Code client": str}})
lines["Date facture"] = pd.to_datetime(lines["Date facture"], format="%d/%m/%Y")
months = lines.groupby(["Code client", lines["Date facture"].dt.to_period("M")])["Montant HT"].sum()
assert len(months)
"""
DUCKDB = """
import duckdb
answer = duckdb.sql('''select "Code client", date_trunc('month', "Date facture"), sum("Montant HT")
    from read_csv({csv!r}, delim=';', decimal_separator=',', dateformat='%d/%m/%Y',
    types={{'Code client': 'VARCHAR', 'Montant HT': 'DECIMAL(18,2)', 'Date facture': 'DATE'}})
    group by all''').fetchall()
assert answer
"""
INTAKE = """
import shutil
from pathlib import Path
import salespilot as sp
shutil.rmtree(Path({folder!r}) / ".salespilot", ignore_errors=True)
ds = sp.open({folder!r})
review, matrix = sp.portfolio_review.compute(ds), sp.abc_cross_matrix.compute(ds)
assert ds.sql("select count(*) as n from sales_lines")["n"][0] == {lines}
assert review.key_figures["net_revenue"] and matrix.key_figures["net_revenue"]
"""
OPEN_FIRST = """
import shutil, time
from pathlib import Path
from salespilot.dataset import open as opened
shutil.rmtree(Path({folder!r}) / ".salespilot", ignore_errors=True)
begun = time.process_time()
opened({folder!r})
print("cpu", time.process_time() - begun)
"""
OPEN_AGAIN = """
import time
from salespilot.dataset import open as opened
begun = time.process_time()
opened({folder!r})
print("cpu", time.process_time() - begun)
"""
REPORT = """
from pathlib import Path
from salespilot.report.run import run
made = run({folder!r}, ["portfolio_review"], formats=("html",), force=True)
assert made.entries[0].state == "done", made.entries[0].reason
assert made.entries[0].files["html"].read_text(encoding="utf-8").count("<figure") >= 5
"""
SCRIPT = """
import subprocess, sys, time
import nbformat
from jupyter_client.manager import start_new_kernel
from IPython.core.interactiveshell import InteractiveShell
manager, client = start_new_kernel()
client.stop_channels(); manager.shutdown_kernel(now=True)
shell = InteractiveShell.instance()
notebook = nbformat.read({notebook!r}, as_version=4)
for cell in notebook.cells:
    if cell.cell_type == "code":
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += "\\nclient = {folder!r}"
        assert shell.run_cell(cell.source).success
"""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    cpu: float
    wall: float
    peak: float


def cost(code: str, python: str = sys.executable) -> Cost:
    """Run Python code as a process of its own (of another ``python`` for a peer): CPU and wall seconds, peak MiB.

    Code that prints ``cpu`` and a number gives its own CPU seconds, without the start of the process.
    """
    # Modules are compiled before, as wherever the package is installed.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(WORK / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        process = subprocess.Popen([python, "-c", code], stdout=said, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        errors.seek(0)
        said.seek(0)
        if status:
            raise SystemExit(errors.read().decode()[-2000:])
        printed = re.fullmatch(r"cpu (\S+)", said.read().decode().strip())
    own = float(printed[1]) if printed else usage.ru_utime + usage.ru_stime
    return Cost(own, wall, usage.ru_maxrss / 1024)


def compare(title: str, goal: str, ours: str, theirs: str, peer: str = sys.executable) -> None:
    """Run two codes in turn and print medians and the ratios ours/theirs, pair by pair."""
    pairs = [(cost(ours), cost(theirs, peer)) for _ in range(PAIRS + 1)][1:]
    median = statistics.median
    sides = [
        f"{median(s.cpu for s in side):8.2f} {median(s.wall for s in side):8.2f} {median(s.peak for s in side):6.0f}"
        for side in zip(*pairs, strict=True)
    ]
    ratios = []
    for kind in ("cpu", "wall", "peak"):
        found = [getattr(a, kind) / getattr(b, kind) for a, b in pairs]
        ratios.append(f"{median(found):6.3f} [{min(found):.3f}-{max(found):.3f}]")
    print(f"{title:44} {' '.join(sides)} {' '.join(ratios)}  {goal}", flush=True)


def header() -> None:
    """Print what is measured on, and the heads of the columns of :func:`compare`."""
    print(f"salespilot {salespilot.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores")
    side = f"{'cpu s':>8} {'wall s':>8} {'MiB':>6}"
    print(
        f"{'':44} {side} {side.replace('  c', 'p c')}  ratios of cpu, wall, MiB: median [least-most]  goal", flush=True
    )


def sales(lines: int) -> Path:
    """A generated client of that many lines."""
    return french_sales.write(lines, WORK / f"sales-{lines}")


def intake_against_pandas() -> None:
    """All of intake, marts and both diagnostics on 1 M lines, against pandas reading and grouping the file."""
    folder = sales(1_000_000)
    ours = INTAKE.format(folder=str(folder), lines=1_000_000)
    compare(
        "intake + marts + diagnostics 1M / pandas",
        "<= 1.5, <= 1 GiB",
        ours,
        PANDAS.format(csv=str(folder / "exports" / "ventes.csv")),
    )


def intake_against_scan() -> None:
    """The same against a bare DuckDB scan-and-group of the UTF-8 copy."""
    folder = sales(1_000_000)
    ours = INTAKE.format(folder=str(folder), lines=1_000_000)
    compare("intake + marts + diagnostics 1M / scan", "<= 15", ours, DUCKDB.format(csv=str(folder / "utf8.csv")))


def intake_grows_linearly() -> None:
    """4 M lines against 1 M."""
    four, one = sales(4_000_000), sales(1_000_000)
    compare(
        "intake + marts + diagnostics 4M / 1M",
        "<= 4.2",
        INTAKE.format(folder=str(four), lines=4_000_000),
        INTAKE.format(folder=str(one), lines=1_000_000),
    )


def open_again() -> None:
    """A second ``sp.open`` hashes the exports and parses nothing."""
    folder = str(sales(1_000_000))
    compare("second open / first, 1M", "<= 0.15", OPEN_AGAIN.format(folder=folder), OPEN_FIRST.format(folder=folder))


def one_report() -> None:
    """One report, start to HTML, against the same cells in a plain script plus one kernel start."""
    folder = WORK / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "data" / "demo", folder)
    salespilot.open(folder)
    script = SCRIPT.format(folder=str(folder), notebook=str(ROOT / "notebooks" / "portfolio_review.ipynb"))
    compare("one report to HTML / script + kernel start", "<= 1.6", REPORT.format(folder=str(folder)), script)


ALL: Sequence[Callable[[], None]] = (
    intake_against_pandas,
    intake_against_scan,
    intake_grows_linearly,
    open_again,
    one_report,
)


def main(names: Sequence[str], comparisons: Sequence[Callable[[], None]] = ALL) -> None:
    """Run the comparisons named, or all."""
    WORK.mkdir(exist_ok=True)
    header()
    for comparison in comparisons:
        if not names or comparison.__name__ in names:
            comparison()


if __name__ == "__main__":
    main(sys.argv[1:])
