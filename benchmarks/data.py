"""Large data, as ratios: intake and marts of tens of millions of lines, a slice of them, a workbook, the fitness page.

    python benchmarks/data.py [--peers] [NAME...]

Measured as in :mod:`run`. Files are generated once, under the temporary folder (50 M lines: 8 GB). ``--peers`` makes
an environment there for the peers that cannot live beside pandas 3 or are not needed otherwise (ydata-profiling,
openpyxl); their comparisons are skipped without it.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import xlsxwriter
from run import DUCKDB, PANDAS, WORK, compare, header, sales

MILLION = 1_000_000
PEERS = {
    "workbook_against_openpyxl": ("openpyxl",),
    "page_against_profiling": ("ydata-profiling", "setuptools<81"),
}
MARTS = """
import shutil
from pathlib import Path
import salespilot as sp
folder = Path({folder!r})
shutil.rmtree(folder / ".salespilot", ignore_errors=True)
ds = sp.open(folder, months=0)
sold = ds.mart("customer_sales", ds.history)
for mart in ("order_rhythm", "customer_months", "rep_months", "customer_families"):
    assert len(ds.mart(mart, ds.history)), mart
assert sold["line_count"].sum() == {lines}
assert round(100 * sold["net_revenue"].sum()) == int((folder / "cents.txt").read_text())
"""
WHOLE = (
    MARTS.replace("months=0", "months=12")
    + """
fitness, review, matrix = (report.compute(ds) for report in (sp.data_fitness, sp.portfolio_review, sp.abc_cross_matrix))
assert review.key_figures["net_revenue"] == matrix.key_figures["net_revenue"]
"""
)
SLICE = """
import time
import salespilot as sp
ds = sp.open({folder!r})
begun = time.process_time()
lines = ds.sql("select * from sales_lines where rep_id_booked = 'R123'")
print("cpu", time.process_time() - begun)
assert {lines} / 1000 < len(lines) < {lines} / 20 and set(lines["customer_id"].astype(int) % 200) == {{123}}
"""
WORKBOOK = """
import shutil
from pathlib import Path
import salespilot as sp
folder = Path({folder!r})
shutil.rmtree(folder / ".salespilot", ignore_errors=True)
assert sp.open(folder).sql("select count(*) as n, sum(amount_net) as total from sales_lines")["n"][0] == {lines}
"""
OPENPYXL = """
import openpyxl
sheet = openpyxl.load_workbook({book!r}, read_only=True).active
assert sum(row[7] is not None for row in sheet.iter_rows(values_only=True)) == {lines} + 1
"""
PAGE = """
import shutil
from pathlib import Path
from salespilot.report.run import run
folder = Path({folder!r})
for made in (".salespilot", "reports"):
    shutil.rmtree(folder / made, ignore_errors=True)
made = run(folder, ["data_fitness"], formats=("html",))
assert made.entries[0].state == "done", made.entries[0].reason
shutil.copy(made.entries[0].files["html"], folder / "ours.html")
"""
PROFILE = """
import pandas as pd
from ydata_profiling import ProfileReport
lines = pd.read_csv({csv!r}, sep=";", decimal=",", encoding="cp1252", dtype={{"Code client": str}})
assert lines.shape == (100_000, 12)
ProfileReport(lines, minimal=True, progress_bar=False).to_file({page!r})
"""


def intake_against_pandas() -> None:
    """Intake with all checks and the marts of sales over 10 M lines, against pandas reading and grouping the file."""
    folder = sales(10 * MILLION)
    ours = MARTS.format(folder=str(folder), lines=10 * MILLION)
    peer = PANDAS.format(csv=str(folder / "exports" / "ventes.csv"))
    compare("intake + marts 10M / pandas", "<= 0.8, memory <= 0.6", ours, peer)


def intake_against_scan() -> None:
    """The same against a bare DuckDB scan-and-group of the UTF-8 copy."""
    folder = sales(10 * MILLION)
    ours = MARTS.format(folder=str(folder), lines=10 * MILLION)
    compare("intake + marts 10M / scan", "<= 12", ours, DUCKDB.format(csv=str(folder / "utf8.csv")))


def _growth(many: int, few: int, goal: str) -> None:
    large, small = (WHOLE.format(folder=str(sales(n * MILLION)), lines=n * MILLION) for n in (many, few))
    compare(f"intake + marts + fitness + T01 + T10 {many}M / {few}M", goal, large, small)


def ten_against_one() -> None:
    """Intake, marts, fitness, portfolio review and cross matrix: 10 M lines against 1 M."""
    _growth(10, 1, "<= 10.5")


def fifty_against_ten() -> None:
    """The same: 50 M lines against 10 M."""
    _growth(50, 10, "<= 5.25, <= 4 GiB")


def slice_of_one_rep() -> None:
    """One salesperson's lines out of 10 M in the cache, against pandas reading the export."""
    folder = sales(10 * MILLION)
    ours = SLICE.format(folder=str(folder), lines=10 * MILLION)
    compare("one salesperson of 10M / reading", "<= 0.01", ours, PANDAS.format(csv=str(folder / "exports/ventes.csv")))


def workbook_against_openpyxl(peer: str) -> None:
    """All of intake on an Excel export of 200,000 rows, against openpyxl only reading it."""
    folder = WORK / "workbook"
    book = folder / "exports" / "ventes.xlsx"
    if not (folder / "client.toml").exists():
        book.parent.mkdir(parents=True, exist_ok=True)
        lines = _lines(200_000)
        with xlsxwriter.Workbook(book, {"constant_memory": True}) as made:
            sheet = made.add_worksheet("Ventes")
            sheet.write_row(0, 0, lines.columns)
            for number, row in enumerate(lines.itertuples(index=False), start=1):
                sheet.write_row(number, 0, row)
        _settle(folder, "ventes.xlsx")
    ours = WORKBOOK.format(folder=str(folder), lines=200_000)
    compare("workbook of 200k rows / openpyxl", "<= 0.2", ours, OPENPYXL.format(book=str(book), lines=200_000), peer)


def page_against_profiling(peer: str) -> None:
    """The data fitness page of 100,000 x 12 from start to HTML, against a minimal profile by ydata-profiling."""
    folder = WORK / "page"
    csv = folder / "exports" / "ventes.csv"
    if not (folder / "client.toml").exists():
        csv.parent.mkdir(parents=True, exist_ok=True)
        lines = _lines(100_000).assign(Dépôt="Lyon", Devise="EUR", Remise=range(100_000))
        lines.to_csv(csv, sep=";", decimal=",", index=False, encoding="cp1252")
        _settle(folder, "ventes.csv")
    profile = PROFILE.format(csv=str(csv), page=str(folder / "profile.html"))
    compare("fitness page 100k x 12 / ydata-profiling", "<= 0.2", PAGE.format(folder=str(folder)), profile, peer)
    ours, theirs = ((folder / name).stat().st_size for name in ("ours.html", "profile.html"))
    print(f"{'size of the page / of the profile':44} {ours:,} / {theirs:,} bytes = {ours / theirs:.3f}  <= 0.25")


def _lines(count: int) -> pd.DataFrame:
    return pd.read_csv(
        sales(count) / "exports" / "ventes.csv", sep=";", decimal=",", encoding="cp1252", dtype={"Code client": str}
    )


def _settle(folder: Path, name: str) -> None:
    text = (sales(100_000) / "client.toml").read_text(encoding="utf-8")
    (folder / "client.toml").write_text(text.replace("ventes.csv", name), encoding="utf-8")


def peers(name: str) -> str | None:
    """The Python of an environment of that comparison's peers, made when it is not there; None where it cannot be."""
    home = WORK / "peers" / name
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True)
        if subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[name]], check=False).returncode:
            return None
        (home / "ready").touch()
    return str(python)


ALONE: Sequence[Callable[[], None]] = (
    intake_against_pandas,
    intake_against_scan,
    ten_against_one,
    fifty_against_ten,
    slice_of_one_rep,
)
WITH_PEERS: Sequence[Callable[[str], None]] = (workbook_against_openpyxl, page_against_profiling)


def main(arguments: Sequence[str]) -> None:
    """Run the comparisons named, or all."""
    names = [name for name in arguments if name != "--peers"]
    header()
    for comparison in ALONE:
        if not names or comparison.__name__ in names:
            comparison()
    for compared in WITH_PEERS:
        name = compared.__name__
        if names and name not in names:
            continue
        if "--peers" in arguments and (python := peers(name)):
            compared(python)
        else:
            print(f"{name}: skipped, no environment of the peers (--peers makes it)")


if __name__ == "__main__":
    main(sys.argv[1:])
