"""A copy of a notebook to play with in JupyterLab."""

from __future__ import annotations

from pathlib import Path

import papermill

from salespilot import dataset
from salespilot.client import load
from salespilot.places import shared
from salespilot.report.plan import RunError


def copy(folder: Path, name: str = "explore") -> Path:
    """Copy a notebook of the kit to ``CLIENT/notebooks/lab_<name>.ipynb`` with this client's parameters set.

    A copy that is already there is left as it is. Raises RunError when the kit has no such notebook.
    """
    client = load(folder)
    source = shared("notebooks") / f"{name}.ipynb"
    if not source.exists():
        known = ", ".join(sorted(path.stem for path in source.parent.glob("*.ipynb")))
        raise RunError(f"no notebook named {name!r}; notebooks are {known}")
    target = client.folder / "notebooks" / f"lab_{name}.ipynb"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        parameters = {
            "client": str(client.folder),
            "as_of": dataset.open(client).as_of.isoformat(),
            "language": client.language,
        }
        papermill.execute_notebook(source, target, parameters, prepare_only=True, progress_bar=False)
    return target
