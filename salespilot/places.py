"""Where the notebooks, the template and the demo data lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shared(kind: str) -> Path:
    """The folder ``notebooks``, ``templates`` or ``data`` of this installation."""
    checkout = PACKAGE.parent / kind
    packed = PACKAGE / "_shared" / kind
    return packed if packed.is_dir() else checkout
