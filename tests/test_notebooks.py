"""Notebooks run as a newcomer opens them: in their folder, beside a copy of the demo client.

That every one of them runs on the demo client is seen by tests/test_run.py, through Papermill.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("which", ["data_fitness", pytest.param("*", marks=pytest.mark.slow)])
def test_notebooks_run_under_nbval(demo_client, tmp_path, which):
    (tmp_path / "notebooks").mkdir()
    for notebook in (ROOT / "notebooks").glob(f"{which}.ipynb"):
        shutil.copy(notebook, tmp_path / "notebooks")
    shutil.copytree(demo_client, tmp_path / "demo", ignore=shutil.ignore_patterns("reports"))
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path]
    done = subprocess.run([*command, tmp_path / "notebooks"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
