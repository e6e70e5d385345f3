"""Whole runs of one-to-ones, as ratios: the same run again, five times as many people, a cluster that loses a worker.

    python benchmarks/runs.py [NAME...]

Measured as in :mod:`run`, from the start of the process to the index page, HTML only, two workers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
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
ON_CLUSTER = """
import shutil, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import runs
folder = Path({folder!r})
shutil.rmtree(folder / "reports", ignore_errors=True)
with runs.cluster() as (address, workers):
    said = list(runs.on_cluster(folder, address, workers if {is_disturbed} else []))
assert len([one for one in said if one.get("state") == "done"]) == {people}
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


def client(people: int, place: Path = WORK) -> str:
    """The folder of a client with that many salespeople and two years of invoices."""
    folder = place / f"people-{people}"
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


@contextmanager
def cluster() -> Iterator[tuple[str, list[psutil.Popen]]]:
    """The address of a Dask scheduler of our own and its two workers; no process of theirs may outlive it."""
    with tempfile.TemporaryDirectory() as place:
        told = Path(place) / "scheduler.json"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1"]
        started = [psutil.Popen([*dask, "--port", "0", "--scheduler-file", told], **quiet)]
        while not told.exists():
            assert started[0].poll() is None
            time.sleep(0.1)
        dask = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard", "--nthreads", "1"]
        for n in range(2):
            command = [*dask, "--scheduler-file", told, "--local-directory", Path(place) / str(n)]
            started.append(psutil.Popen(command, **quiet))
        try:
            yield json.loads(told.read_text())["address"], started[1:]
        finally:
            processes = [one for process in started for one in (process, *process.children(recursive=True))]
            for process in reversed(started):
                process.terminate()
            _, left = psutil.wait_procs(processes, timeout=60)
            for process in left:
                process.kill()
            assert not left


def on_cluster(
    folder: Path, address: str, killed: Sequence[psutil.Popen], after: int = 15
) -> Iterator[dict[str, object]]:
    """What a run of all one-to-ones says, as it says it; the first of ``killed`` loses its worker in the middle.

    A worker process is a child of the one that was started, which replaces it; its kernels must end with it.
    """
    command = [sys.executable, "-m", "salespilot.cli", "run", str(folder), "one_to_one", "--format", "html", "--force"]
    run = psutil.Popen([*command, "--scheduler", address, "--json"], stdout=subprocess.PIPE, text=True)
    kernels: list[psutil.Process] = []
    for number, line in enumerate(run.stdout):
        if number == after and killed:
            (worker,) = (one for one in killed[0].children() if "spawn_main" in " ".join(one.cmdline()))
            kernels = worker.children(recursive=True)
            assert kernels
            worker.kill()
        yield json.loads(line)
    assert run.wait() == 0
    assert not psutil.wait_procs(kernels, timeout=10)[1]


def worker_lost() -> None:
    """Sixty one-to-ones on a cluster of two workers, one killed in the middle, against the same undisturbed."""
    options = {"here": str(Path(__file__).parent), "folder": client(59), "people": 60}
    compare(
        "60 one-to-ones, one of 2 workers killed / not",
        "wall <= 1.25",
        ON_CLUSTER.format(is_disturbed=True, **options),
        ON_CLUSTER.format(is_disturbed=False, **options),
    )


ALL: Sequence[Callable[[], None]] = (nothing_changed, hundred_people, worker_lost)


if __name__ == "__main__":
    main(sys.argv[1:], ALL)
