"""An installed wheel finds its notebooks, template, presets and demo data, far from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_makes_the_demo(tmp_path):
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("notebooks/portfolio_review.ipynb", "templates/salespilot/conf.json", "data/demo/client.toml"):
        assert f"salespilot/_shared/{part}" in names
    place = tmp_path / "installed"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", place, wheel)
    environment = os.environ | {"PYTHONPATH": str(place)}
    code = "import salespilot.cli as c, sys; assert c.__file__.startswith(sys.argv.pop(1)); c.main()"
    said = run(sys.executable, "-c", code, place, "demo", tmp_path / "demo", cwd=tmp_path, env=environment)
    index = Path(said.strip().splitlines()[-1])
    assert index.is_file()
    assert {path.suffix for path in index.parent.iterdir()} >= {".html", ".xlsx", ".json", ".ipynb"}
