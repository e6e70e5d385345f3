"""Notebooks executed by Papermill with the engine of ``salespilot.engine``, each within limits of time and memory."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from salespilot import engine

TIME_LIMIT = 600.0
"""Seconds that the cells of a report may take together (seuil retenu)."""
MEMORY_LIMIT = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if sys.platform == "linux" else None
"""Bytes that the kernel of a report may allocate: the machine's memory."""
WANT_OF_MEMORY = {"MemoryError", "_ArrayMemoryError", "ArrowMemoryError", "OutOfMemoryException"}

# Papermill finds the engine by its entry point; where the package is on the path without being installed there is none.
papermill_engines.register("salespilot", engine)


class ExecutionError(Exception):
    """A notebook failed; the message is one line. The executed notebook is the evidence."""


def execute(
    notebook: Path,
    target: Path,
    parameters: Mapping[str, Any],
    *,
    time_limit: float | None = TIME_LIMIT,
    memory_limit: int | None = MEMORY_LIMIT,
) -> Path:
    """Execute ``notebook`` with these parameters into ``target``; raises ExecutionError with one clear line.

    ``time_limit``: seconds for all its cells; ``memory_limit``: bytes that its kernel may allocate (bounded on Linux
    only); None: no limit. Whatever ends the notebook, ``target`` holds what it had shown by then, except where that
    cannot be written: then there is no file.
    """
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                notebook,
                target,
                dict(parameters),
                engine_name="salespilot",
                kernel_name="python3",
                progress_bar=False,
                extra_arguments=["--log-level=CRITICAL"],
                time_limit=time_limit,
                memory_limit=memory_limit,
            )
    except PapermillExecutionError as error:
        if error.ename in WANT_OF_MEMORY and memory_limit:
            raise ExecutionError(f"it needs more than the {memory_limit / 2**30:.1f} GiB it may have") from error
        lines = str(error.evalue).strip().splitlines() or [""]
        raise ExecutionError(f"{error.ename}: {lines[0]}") from error
    except TimeoutError as error:
        raise ExecutionError(str(error)) from error
    except RuntimeError as error:
        raise ExecutionError(f"the kernel died or did not start: {error}") from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise ExecutionError(f"{error.filename or target.name}: {os.strerror(error.errno or errno.EIO)}") from error
    return target
