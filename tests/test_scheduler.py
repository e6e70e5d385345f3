"""Reports made on a Dask cluster: a scheduler and two workers started here, one of them killed in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT, module

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

DOCUMENTS = 60
"""One a person, and their index."""


def test_a_worker_killed_in_the_middle_costs_no_document(tmp_path):
    runs = module(ROOT / "benchmarks" / "runs.py")
    folder = Path(runs.client(DOCUMENTS - 1, tmp_path))
    with runs.cluster() as (address, workers):
        said = list(runs.on_cluster(folder, address, workers))
    documents = [one for one in said if one["event"] == "document"]
    names = [one["name"] for one in documents]
    assert len(names) == len(set(names)) == DOCUMENTS
    assert {one["state"] for one in documents} == {"done"}
    place = Path(said[-1]["index"]).parent
    assert {path.stem for path in place.glob("one_to_one*.html")} == set(names)
    assert not [path for path in place.iterdir() if path.name.startswith(".")]
