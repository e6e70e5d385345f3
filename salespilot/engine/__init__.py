"""A Papermill engine: each notebook in a kernel of its own, forked from a process in which the imports are done.

``papermill --engine salespilot in.ipynb out.ipynb`` makes, cell for cell, the notebook that Papermill's own engine
makes, in a third of its time. This module is the engine: Papermill asks it for these three functions. It imports
Papermill when they are called and not before, because Papermill loads all engines in the middle of its own import.
"""

from __future__ import annotations

from typing import Any


def execute_notebook(nb: Any, kernel_name: str, output_path: str | None = None, **options: Any) -> Any:
    """Execute a notebook node and return it; options as for Papermill's own engine, and those of ``Client``."""
    from salespilot.engine.notebook import Engine

    return Engine.execute_notebook(nb, kernel_name, output_path, **options)


def nb_kernel_name(nb: Any, name: str | None = None) -> str:
    """The name of the kernel to use."""
    from papermill.engines import Engine

    return Engine.nb_kernel_name(nb, name)


def nb_language(nb: Any, language: str | None = None) -> str:
    """The language of the notebook."""
    from papermill.engines import Engine

    return Engine.nb_language(nb, language)
