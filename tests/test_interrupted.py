"""Runs cut short by Ctrl-C or kill -9: what is finished stays, nothing is half made, the next run completes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from salespilot.intake.cache import digest

LINES = "N;Date;Client;Montant\n" + "".join(
    f"F{n};{n % 28 + 1:02d}/{n % 12 + 1:02d}/2025;C{n % 9};100\n" for n in range(90)
)
COLUMNS = {"invoice_id": "N", "invoice_date": "Date", "customer_id": "Client", "amount_net": "Montant"}
TOML = 'name = "x"\nexported_on = 2026-01-05\ncomplete_until = 2025-12-31\n[[source]]\ntable = "sales_lines"\n'
TOML += 'files = ["exports/lignes.csv"]\n[source.columns]\n' + "".join(f'{k} = "{v}"\n' for k, v in COLUMNS.items())
MOMENTS = 30

pytestmark = pytest.mark.slow


def notebook(client: Path, name: str, code: str) -> None:
    """A notebook of the consultant's own: it starts a kernel and loads nothing."""
    cells = [
        nbformat.v4.new_code_cell(
            'client: str = "."\nas_of: str = ""\nmonths: int = 12\nlanguage: str = "fr"',
            metadata={"tags": ["parameters"]},
        ),
        nbformat.v4.new_code_cell(code),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), client / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def client(tmp_path) -> Path:
    for folder in ("exports", "notebooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "exports" / "lignes.csv").write_text(LINES, encoding="utf-8")
    (tmp_path / "client.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def started(client: Path, *arguments: str) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "salespilot.cli",
        "run",
        str(client),
        "--jobs",
        "2",
        "--format",
        "html",
        *arguments,
    ]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background inherit it ignored
    )


def lying(client: Path) -> dict[str, Path]:
    """The visible files of the reports' folder, by name."""
    folders = list((client / "reports").glob("*/*"))
    return {path.name: path for folder in folders for path in folder.iterdir() if not path.name.startswith(".")}


def is_whole(path: Path) -> bool:
    text = path.read_text("utf-8")
    if path.suffix in (".ipynb", ".json"):
        return bool(json.loads(text))
    return text.rstrip().endswith("</html>")


def waited(condition, seconds: float = 240.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_ctrl_c_stops_at_once_and_the_next_run_goes_on_from_there(client):
    notebook(client, "quick", "print('fini')")
    notebook(client, "slow", f"import time, pathlib\npathlib.Path({str(client / 'begun')!r}).touch()\ntime.sleep(600)")
    process = started(client, "quick", "slow", "--json")
    assert process.stdout is not None
    assert next(line for line in process.stdout if json.loads(line)["event"] == "document")
    assert waited((client / "begun").exists)
    kernels = psutil.Process(process.pid).children(recursive=True)
    assert kernels
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - begun < 10
    assert process.returncode == 130
    assert said.strip().endswith("the same command goes on from there")
    assert waited(lambda: not any(kernel.is_running() and kernel.status() != "zombie" for kernel in kernels), 5)
    folder = lying(client)["run.json"].parent
    assert json.loads((folder / "run.json").read_text("utf-8"))["reports"]["quick"]["state"] == "done"
    assert "quick.html" in (folder / "index.html").read_text("utf-8")
    made = digest(folder / "quick.html")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    notebook(client, "slow", "print('fini aussi')")
    assert started(client, "quick", "slow").wait(400) == 0
    assert digest(folder / "quick.html") == made
    assert "fini aussi" in (folder / "slow.html").read_text("utf-8")


def test_killed_at_any_moment_nothing_is_half_made_and_a_second_run_completes(client):
    names = [f"n{number}" for number in range(3)]
    for name in names:
        notebook(client, name, f"print('{name} est fini')")
    process = started(client, *names)
    begun = time.monotonic()
    assert process.wait(400) == 0, process.stderr.read()
    lasts = time.monotonic() - begun
    wanted = set(lying(client))
    assert {"index.html", "run.json", "n0.html", "n2.ipynb"} <= wanted
    moments = random.Random(7)
    for _ in range(MOMENTS):
        process = started(client, *names, "--force")
        time.sleep(moments.uniform(0, lasts))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert [name for name, path in lying(client).items() if not is_whole(path)] == []
    process = started(client, *names)
    assert process.wait(400) == 0, process.stderr.read()
    assert set(lying(client)) == wanted
    assert all(is_whole(path) for path in lying(client).values())
    folder = lying(client)["index.html"].parent
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    mine = [p for p in psutil.process_iter() if p.status() != "zombie" and str(client) in " ".join(p.cmdline())]
    assert waited(lambda: not [p for p in mine if p.is_running()], 10)
