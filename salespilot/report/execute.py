"""Notebooks executed by Papermill, with parameters checked before anything starts."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
from papermill.exceptions import PapermillExecutionError


class ExecutionError(Exception):
    """A notebook failed; the message is one line. The executed notebook is the evidence."""


def execute(notebook: Path, target: Path, parameters: Mapping[str, Any]) -> Path:
    """Execute ``notebook`` with these parameters into ``target``; raises ExecutionError with one clear line."""
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                notebook,
                target,
                dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=False,
                extra_arguments=["--log-level=CRITICAL"],
            )
    except PapermillExecutionError as error:
        lines = str(error.evalue).strip().splitlines() or [""]
        raise ExecutionError(f"{error.ename}: {lines[0]}") from error
    return target
