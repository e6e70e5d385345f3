"""What Papermill gave a notebook: a misspelt parameter would be a new variable that nobody reads."""

from __future__ import annotations

import ast
from itertools import pairwise

from IPython import get_ipython

from salespilot.client import nearest
from salespilot.conventions import COMMON, SettingError

MARK = "# Parameters\n"


def check() -> None:
    """Raise SettingError where Papermill injected a parameter that the cell before it does not declare."""
    shell = get_ipython()
    cells: list[str] = list(shell.user_ns.get("In", ())) if shell else []
    for before, cell in pairwise(cells):
        declared = _assigned(before)
        if cell.startswith(MARK) and declared:
            for name in _assigned(cell):
                if name not in declared:
                    known = [*(one for one in declared if one not in COMMON), *COMMON[1:]]
                    raise SettingError(f"unknown parameter {name!r}; {nearest(name, known)}")


def _assigned(source: str) -> list[str]:
    """The names that a cell sets at its top level; none for a cell that is not plain Python."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return []
    targets: list[ast.expr] = [s.target for s in statements if isinstance(s, ast.AnnAssign)]
    targets += [target for s in statements if isinstance(s, ast.Assign) for target in s.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]
