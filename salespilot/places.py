"""Where the notebooks, the template and the demo data lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import hashlib
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shared(kind: str) -> Path:
    """The folder ``notebooks``, ``templates`` or ``data`` of this installation."""
    checkout = PACKAGE.parent / kind
    packed = PACKAGE / "_shared" / kind
    return packed if packed.is_dir() else checkout


@cache
def edition() -> str:
    """A hash of all that makes a report but its notebook and the client.

    The package with its phrases, the template, the presets, Python and the libraries that the package requires: what
    one edition made, another makes again.
    """
    sources = [path for path in PACKAGE.rglob("*") if "_shared" not in path.parts and "__pycache__" not in path.parts]
    sources += [*shared("templates").rglob("*"), *(shared("data") / "presets").rglob("*")]
    digest = hashlib.sha256(repr([sys.version_info[:3], _libraries()]).encode())
    for source in sorted(path for path in sources if path.is_file()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:20]


def _libraries() -> list[tuple[str, str]]:
    found = []
    for requirement in requires("salespilot") or ():
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found
