"""How much of a family of like cases each `make test` runs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def paced(cases: Iterable, *fast) -> list:
    """The cases of a family, those not named as fast being marked slow."""
    known = list(cases)
    assert all(case in known for case in fast), fast
    return [case if case in fast else pytest.param(case, marks=pytest.mark.slow) for case in known]
