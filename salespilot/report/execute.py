"""Notebooks executed by Papermill, with parameters checked before anything starts."""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config


class ExecutionError(Exception):
    """A notebook failed; the message is one line. The executed notebook is the evidence."""


def execute(notebook: Path, target: Path, parameters: Mapping[str, Any]) -> Path:
    """Execute ``notebook`` with these parameters into ``target``; raises ExecutionError with one clear line."""
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="sp-") as place:
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                notebook,
                target,
                dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=False,
                extra_arguments=["--log-level=CRITICAL"],
                config=_channels(Path(place)),
            )
    except PapermillExecutionError as error:
        lines = str(error.evalue).strip().splitlines() or [""]
        raise ExecutionError(f"{error.ename}: {lines[0]}") from error
    except RuntimeError as error:
        raise ExecutionError(f"the kernel died or did not start: {error}") from error
    return target


def _channels(place: Path) -> Config:
    """Kernels talk through files of their own: two that start at once race for the same TCP ports."""
    if sys.platform == "win32":
        return Config()
    return Config({"KernelManager": {"transport": "ipc", "ip": str(place / "k")}})
