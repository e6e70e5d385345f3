"""What tests share: the true tables of the demo client, the demo folder, and the real data where they are."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

import salespilot as sp

settings.register_profile("salespilot", deadline=None, derandomize=True)
settings.load_profile("salespilot")

ROOT = Path(__file__).parent.parent
gc.set_threshold(50_000)  # tests leave few cycles: to look for them after every 700 objects takes 5 % of the time


def module(path: Path):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = made
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="session")
def make_demo():
    """The module that writes the demo client."""
    return module(ROOT / "data" / "make_demo.py")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; skips where neither the variable nor the usual place holds it."""
    place = Path(os.environ.get("SALESPILOT_REAL_DATA", ROOT.parent / "shared" / "real-data")).resolve()
    if not place.is_dir():
        pytest.skip("no real data: set SALESPILOT_REAL_DATA")
    os.environ["SALESPILOT_REAL_DATA"] = str(place)
    return place


@pytest.fixture
def real_client(real_data, tmp_path):
    """``real_client(case)``: a copy of ``tests/clients/<case>``, whose exports are real data."""
    assert real_data.is_dir()

    def copy(case: str) -> Path:
        return Path(shutil.copytree(ROOT / "tests" / "clients" / case, tmp_path / case))

    return copy


@pytest.fixture(scope="session")
def demo_client(tmp_path_factory) -> Path:
    """A copy of the demo client, read and reported on by many tests; its exports are read once, whoever runs first.

    The copies keep their results in one place, so that each is computed once.
    """
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    read = place / "demo-read"
    with FileLock(place / "demo-read.lock"):
        if not read.exists():
            begun = Path(shutil.copytree(ROOT / "data" / "demo", tmp_path_factory.mktemp("reading") / "demo"))
            sp.open(begun)
            begun.rename(read)
    client = Path(shutil.copytree(read, tmp_path_factory.mktemp("client") / "demo"))
    (place / "demo-results").mkdir(exist_ok=True)
    (client / ".salespilot" / "results").symlink_to(place / "demo-results")
    return client


@pytest.fixture(scope="session")
def postgresql() -> Iterator[tuple[int, str]]:
    """Port and password of a PostgreSQL of our own; skipped where Debian's package is absent."""
    pytest.importorskip("psycopg")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    binaries = found[-1].parent
    home = Path(tempfile.mkdtemp(prefix="pg"))
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_other:
        shutil.chown(home, "postgres")
    password = "mot de passe".replace(" ", "")
    secret = home / "password"
    secret.write_text(password, encoding="ascii")
    if as_other:
        shutil.chown(secret, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = home / "data"

    def run(*command: str) -> None:
        subprocess.run([*as_other, *command], check=True, capture_output=True, cwd="/", timeout=120)

    run(str(binaries / "initdb"), "-D", str(data), "-A", "scram-sha-256", "-U", "erp", "--pwfile", str(secret),
        "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    run(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")
    try:
        yield port, password
    finally:
        run(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)
