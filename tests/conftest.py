"""What tests share: the true tables of the demo client, the demo folder, and the real data where they are."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

import salespilot as sp

settings.register_profile("salespilot", deadline=None, derandomize=True)
settings.load_profile("salespilot")

ROOT = Path(__file__).parent.parent


def _module(path: Path):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_demo():
    """The module that writes the demo client."""
    return _module(ROOT / "data" / "make_demo.py")


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
    """A copy of the demo client, read and reported on by many tests; its exports are read once, whoever runs first."""
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    read = place / "demo-read"
    with FileLock(place / "demo-read.lock"):
        if not read.exists():
            begun = Path(shutil.copytree(ROOT / "data" / "demo", tmp_path_factory.mktemp("reading") / "demo"))
            sp.open(begun)
            begun.rename(read)
    return Path(shutil.copytree(read, tmp_path_factory.mktemp("client") / "demo"))
