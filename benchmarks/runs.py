"""Whole runs of one-to-ones, as ratios: the same run again, five times as many people.

    python benchmarks/runs.py [NAME...]

Measured as in :mod:`run`, from the start of the process to the index page, HTML only, two workers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from run import WORK, compare, main

LINES_EACH = 120
RUN = """
import shutil, subprocess, sys
from pathlib import Path
folder = Path({folder!r})
if {is_first}:
    for place in ("reports", ".salespilot", "actions.xlsx"):
        shutil.rmtree(folder / place) if (folder / place).is_dir() else (folder / place).unlink(missing_ok=True)
command = [sys.executable, "-m", "salespilot.cli", "run", str(folder), "one_to_one", "--format", "html", "--jobs", "2"]
subprocess.run([*command, "--quiet"], check=True, stdout=subprocess.DEVNULL)
assert len(list(folder.glob("reports/*/*/one_to_one--*.html"))) == {people}
"""
CLIENT = """
name = "{people} people"
exported_on = 2026-01-05
complete_until = 2025-12-31
[[source]]
table = "sales_lines"
files = ["lignes.csv"]
[source.columns]
invoice_id = "N"
invoice_date = "Date"
customer_id = "Client"
rep_id_booked = "Vendeur"
amount_net = "Montant"
"""


def client(people: int) -> str:
    """The folder of a client with that many salespeople and two years of invoices."""
    folder = WORK / f"people-{people}"
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for n in range(LINES_EACH * people):
        day = f"{n % 28 + 1:02d}/{n % 12 + 1:02d}/{2024 + n % 24 // 12}"
        lines.append(f"F{n};{day};C{n % (7 * people)};R{n % people:03d};{90 + n % 50}")
    (folder / "lignes.csv").write_text("\n".join(["N;Date;Client;Vendeur;Montant", *lines, ""]), encoding="utf-8")
    (folder / "client.toml").write_text(CLIENT.format(people=people), encoding="utf-8")
    return str(folder)


def _run(people: int, is_first: bool) -> str:
    return RUN.format(folder=str(WORK / f"people-{people}"), people=people, is_first=is_first)


def nothing_changed() -> None:
    """Twenty one-to-ones asked for again, each time after they were made."""
    client(20)
    compare("20 one-to-ones again / first", "wall <= 0.05", _run(20, False), _run(20, True))


def hundred_people() -> None:
    """A hundred one-to-ones against twenty."""
    client(100)
    client(20)
    compare("100 one-to-ones / 20", "wall <= 5.2", _run(100, True), _run(20, True))


ALL: Sequence[Callable[[], None]] = (nothing_changed, hundred_people)


if __name__ == "__main__":
    main(sys.argv[1:], ALL)
