"""The engine: the same notebooks as Papermill's own, kernels that share nothing, and whatever ends one costs one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tomllib
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pace import paced
from papermill.exceptions import PapermillExecutionError

from salespilot.engine import forked
from salespilot.report.execute import ExecutionError, execute

ROOT = Path(__file__).parent.parent
FORK = sys.platform == "linux"
TIMINGS = ("start_time", "end_time", "duration")

pytestmark = pytest.mark.skipif(not FORK, reason="kernels are forked on Linux only")


@pytest.fixture
def plain(monkeypatch):
    """Kernels are started as where they cannot be forked."""
    monkeypatch.setattr(forked, "fork", lambda *_: None)


@pytest.fixture(params=["forked", "plain"])
def way(request):
    """Both ways to a kernel."""
    return request.getfixturevalue("plain") if request.param == "plain" else None


def written(path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    notebook = new_notebook(cells=[new_code_cell("n = 1", metadata={"tags": ["parameters"]})])
    notebook.cells += [new_code_cell(cell, metadata={"tags": list(tags)}) for cell in cells]
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, path)
    return path


def run(tmp_path: Path, *cells: str, **limits) -> str:
    """What the last cell printed."""
    notebook = written(tmp_path / "in.ipynb", *cells)
    done = nbformat.read(execute(notebook, tmp_path / "out.ipynb", {}, **limits), as_version=4)
    return "".join(output.get("text", "") for output in done.cells[-1].outputs).strip()


def bare(notebook) -> list:
    """The cells without what differs from run to run: ids of new cells and times."""
    cells = []
    for cell in notebook.cells:
        metadata = {key: value for key, value in cell.metadata.items() if key not in ("papermill", "execution")}
        status = {key: value for key, value in cell.metadata.get("papermill", {}).items() if key not in TIMINGS}
        timed = set(cell.metadata.get("execution", {}))
        kept = {key: cell.get(key) for key in ("cell_type", "source", "execution_count", "outputs")}
        cells.append((kept, metadata, status, timed))
    return cells


CELLS = (
    "import os, sys\nfrom IPython.display import display, HTML, update_display\nprint('é')",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4])\nplt.show()\nplt.figure()\nplt.plot([1, 2]);",
    "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "display(HTML('<b>1</b>'), display_id='x')\nupdate_display(HTML('<b>2</b>'), display_id='x')",
    "import asyncio\nawait asyncio.sleep(0.01)\nprint('é', file=sys.stderr)\nn",
    "import multiprocessing as mp\nwith mp.get_context('spawn').Pool(1) as pool:\n    print(pool.map(abs, [-3]))",
    "from salespilot.charts import pareto\nimport numpy as np, seaborn as sns\nsns.histplot(x=[1, 2, 2, 3]);",
    "sys.path[0], plt.get_backend(), __name__, sys.modules['__main__'].__spec__, os.getcwd()",
    "%timeit -n1 -r1 -q 1\n!echo shell\n1/0",
    "'never reached'",
)


WHOLE = CELLS[:4]


def executed(folder: Path, cells: tuple[str, ...], engine: str | None):
    """The notebook that this engine leaves of these cells."""
    notebook = nbformat.read(written(folder / "in.ipynb", *cells), as_version=4)
    notebook.cells.insert(1, new_markdown_cell("# Words"))
    nbformat.write(notebook, folder / "in.ipynb")
    with suppress(PapermillExecutionError):
        papermill.execute_notebook(
            folder / "in.ipynb", folder / "out.ipynb", {"n": 7}, engine_name=engine, progress_bar=False
        )
    return nbformat.read(folder / "out.ipynb", as_version=4)


@pytest.fixture(scope="module", params=paced([CELLS, WHOLE], CELLS), ids=["error", "whole"])
def cells_and_papermills(request, tmp_path_factory):
    """Cells, and what Papermill's own engine makes of them."""
    return request.param, executed(tmp_path_factory.mktemp("own"), request.param, None)


@pytest.mark.usefixtures("way")
def test_the_notebook_is_papermills_own_cell_for_cell(tmp_path, cells_and_papermills):
    cells, theirs = cells_and_papermills
    ours = executed(tmp_path, cells, "salespilot")
    assert bare(ours) == bare(theirs)
    outputs = [output for cell in ours.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    assert any(output.output_type == "error" for output in outputs) == (cells is CELLS)
    assert ours.metadata.language_info == theirs.metadata.language_info
    assert ours.metadata.papermill.exception == theirs.metadata.papermill.exception


def test_a_kernel_is_forked_with_the_imports_done(tmp_path):
    said = run(tmp_path, "import os, sys; print('salespilot.page' in sys.modules, os.getppid() != os.getpid())")
    assert said == "True True"
    assert run(tmp_path, "import os; print(os.getppid())") != str(os.getpid())


@pytest.mark.usefixtures("plain")
def test_a_plain_kernel_has_nothing_imported(tmp_path):
    assert run(tmp_path, "import os, sys; print('pandas' in sys.modules, os.getppid())") == f"False {os.getpid()}"


def test_nothing_of_one_notebook_is_seen_by_the_next(tmp_path):
    run(
        tmp_path,
        "import os, random, sys, numpy, pandas, matplotlib\n"
        "os.environ['LEFT'] = '1'; os.chdir('/'); sys.path.append('left'); pandas.concat = None\n"
        "matplotlib.rcParams['figure.dpi'] = 7; pandas.set_option('display.max_rows', 3); numpy.random.seed(1)",
    )
    asked = "import os, sys, pandas, matplotlib; print('LEFT' in os.environ, os.getcwd(), 'left' in sys.path, "
    asked += "pandas.concat is None, matplotlib.rcParams['figure.dpi'] == 7, pandas.get_option('display.max_rows'))"
    assert run(tmp_path, asked) == f"False {Path.cwd()} False False False 60"


def test_a_kernel_has_the_callers_environment_and_folder_and_its_own_luck(tmp_path, monkeypatch):
    run(tmp_path, "1")
    monkeypatch.setenv("SALESPILOT_TOLD", "é now")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.chdir(tmp_path)
    asked = "import os; print(os.environ['SALESPILOT_TOLD'], os.environ['OMP_NUM_THREADS'], 'OPENBLAS_NUM_THREADS' in "
    assert run(tmp_path, asked + "os.environ, os.getcwd())") == f"é now 3 False {tmp_path}"
    draw = "import random, numpy; print(random.random(), numpy.random.random())"
    first, second = run(tmp_path, draw).split(), run(tmp_path, draw).split()
    assert first[0] != second[0]
    assert first[1] != second[1]


@pytest.mark.usefixtures("way")
def test_an_exit_hook_is_run(tmp_path):
    mark = tmp_path / "left"
    run(tmp_path, f"import atexit, pathlib; atexit.register(pathlib.Path({str(mark)!r}).touch)")
    assert mark.exists()


@pytest.mark.parametrize("modules", [("stray",), ("no_such_module", "stray")])
def test_a_parent_with_a_thread_of_unknown_kind_forks_nothing(tmp_path, modules):
    (tmp_path / "stray.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    )
    zygote = forked.Zygote({**os.environ, "PYTHONPATH": str(tmp_path)}, modules)
    assert zygote.fork(["-f", "none.json"], os.environ, str(tmp_path)) is None
    assert zygote.is_worth_asking  # asked again rather than started again: it answers at once
    zygote.process.kill()
    zygote.close()


def test_a_parent_that_dies_costs_its_kernels_and_the_next_has_a_new_one(tmp_path):
    with pytest.raises(ExecutionError, match="the kernel died"):
        run(tmp_path, "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(30)")
    assert run(tmp_path, "import sys; print('pandas' in sys.modules)") == "True"


def test_no_process_outlives_a_client_that_is_killed(tmp_path):
    pids = tmp_path / "pids"
    code = f"import os, time, pathlib\npathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{os.getppid()}}')"
    written(tmp_path / "in.ipynb", code, "while True:\n    try: time.sleep(60)\n    except BaseException: pass")
    script = "import sys; from pathlib import Path; from salespilot.report.execute import execute; "
    script += "execute(Path(sys.argv[1]), Path(sys.argv[2]), {})"
    client = subprocess.Popen([sys.executable, "-c", script, tmp_path / "in.ipynb", tmp_path / "out.ipynb"])
    assert within(60, lambda: pids.exists() and len(pids.read_text().split()) == 2)
    client.kill()
    client.wait()
    assert within(10, lambda: not any(is_running(int(pid)) for pid in pids.read_text().split()))


def within(seconds: float, true) -> bool:
    ends = time.monotonic() + seconds
    while not true() and time.monotonic() < ends:
        time.sleep(0.05)
    return true()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


ENDS = {
    "exit": ("import os; os._exit(3)", "DeadKernelError", "it ended itself with status 3"),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "DeadKernelError", "want of memory"),
    "fault": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "DeadKernelError", "Segmentation fault"),
    "hang": ("while True: pass", "CellTimeoutError", "took more than the 2 s"),
    "deaf": ("import time\nwhile True:\n  try: time.sleep(9)\n  except BaseException: pass", "CellTimeoutError", "2 s"),
    "frozen": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "CellTimeoutError", "2 s"),
    "memory": ("b = bytearray(3 << 30)", "MemoryError", "more than the 2.0 GiB"),
    "frame": ("import pandas as pd; pd.DataFrame({'a': 1.0}, index=range(1 << 29)) * 2", "MemoryError", "the 2.0 GiB"),
    "duckdb": ("import duckdb; duckdb.sql('select list(i) from range(1 << 29) t(i)').fetchall()", "OutOfMemory", "2.0"),
    "growth": ("a = []\nwhile True: a.append(bytes(1 << 26))", "MemoryError", "more than the 2.0 GiB"),
    "disk": ("open('/dev/full', 'w').write('x' * 100000)", "OSError", "No space left"),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_notebook_costs_one_with_its_evidence_and_one_line(tmp_path, end):
    cell, name, said = ENDS[end]
    limit = 2 if name == "CellTimeoutError" else 30
    with pytest.raises(ExecutionError) as caught:
        run(tmp_path, "print('so far')", cell, "print('after')", time_limit=limit, memory_limit=2 << 30)
    assert "\n" not in str(caught.value)
    assert said in str(caught.value)
    left = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    outputs = [output for made in left.cells for output in made.get("outputs", ())]
    assert outputs[0].text == "so far\n"
    assert outputs[-1].output_type == "error"
    assert name in outputs[-1].ename
    assert run(tmp_path, "print('next')") == "next"


@pytest.mark.usefixtures("plain")
def test_a_plain_kernel_has_the_same_limits(tmp_path):
    for cell in ("while True: pass", "b = bytearray(3 << 30)"):
        with pytest.raises(ExecutionError, match=r"2 s|2\.0 GiB"):
            run(tmp_path, cell, time_limit=2, memory_limit=2 << 30)


def test_papermill_is_told_what_its_own_engine_tells(tmp_path):
    source, target = written(tmp_path / "in.ipynb", "import os; os._exit(1)"), tmp_path / "out.ipynb"
    with pytest.raises(DeadKernelError):
        papermill.execute_notebook(source, target, engine_name="salespilot", progress_bar=False)
    source = written(tmp_path / "in.ipynb", "while True: pass")
    with pytest.raises(CellTimeoutError):
        papermill.execute_notebook(source, target, engine_name="salespilot", progress_bar=False, execution_timeout=1)


def test_a_full_disk_costs_one_and_leaves_no_half_file(tmp_path):
    (tmp_path / "out.ipynb").symlink_to("/dev/full")
    with pytest.raises(ExecutionError, match=r"out.ipynb: No space left on device"):
        run(tmp_path, "print('x' * 100_000)")
    assert not (tmp_path / "out.ipynb").is_symlink()


def test_many_at_once_are_all_well(tmp_path):
    said = {}

    def one(number: int) -> None:
        place = tmp_path / str(number)
        place.mkdir()
        said[number] = run(place, f"import os; print({number})")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number: str(number) for number in range(6)}


def test_a_long_temporary_folder_gives_no_address_too_long(tmp_path, monkeypatch):
    place = tmp_path / ("long" * 30)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert run(tmp_path, "print('here')") == "here"


def test_plain_papermill_has_the_engine_and_jupyter_the_provisioner(tmp_path):
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    module, name = points["jupyter_client.kernel_provisioners"]["salespilot"].split(":")
    assert getattr(import_module(module), name).__name__ == "Provisioner"
    info = tmp_path / "own" / "engine_only-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: engine-only\nVersion: 1\n")
    point = points["papermill.engine"]["salespilot"]
    (info / "entry_points.txt").write_text(f"[papermill.engine]\nsalespilot = {point}\n")
    source = written(tmp_path / "in.ipynb", "import os, sys; print('salespilot.page' in sys.modules)")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "own"), str(ROOT)])}
    command = [sys.executable, "-m", "papermill", "--engine", "salespilot", source, tmp_path / "out.ipynb"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    left = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert left.cells[-1].outputs[0].text == "True\n"
    command = [sys.executable, "-c", "import salespilot.engine.notebook"]  # which loads Papermill, which loads engines
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stderr == ""


def test_a_signal_for_the_client_does_not_reach_the_parent_of_kernels(tmp_path):
    run(tmp_path, "1")
    zygote = list(forked._zygotes.values())[-1]
    assert os.getsid(zygote.process.pid) == zygote.process.pid
