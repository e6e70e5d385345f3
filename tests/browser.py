"""A real headless browser for the tests of the printed page; tests that need it are skipped by name without one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from salespilot.report.pdf import BROWSERS

BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium, Chrome or Edge (make system)")


def dom(page: Path, profile: Path, *options: str) -> str:
    """The document as the browser holds it once its scripts have run."""
    command = [BROWSER, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"]
    command += ["--virtual-time-budget=4000", "--dump-dom", *options]
    if os.geteuid() == 0:
        command.append("--no-sandbox")
    done = subprocess.run([*command, page.as_uri()], check=True, capture_output=True, timeout=120)
    return done.stdout.decode("utf-8", "replace")
