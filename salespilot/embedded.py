"""The embedded DuckDB that computes, bounded in memory: what does not fit goes to disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import psutil

MOST_MB = 2560  # leaves a process of 4 GiB room for what pandas and pyarrow hold


def connect(spill: Path) -> Any:
    """A DuckDB that holds no more than half of the machine's memory and spills into ``spill``, a folder made for it."""
    memory = min(MOST_MB, psutil.virtual_memory().total >> 21)
    return duckdb.connect(
        config={"temp_directory": str(spill), "memory_limit": f"{memory}MB", "preserve_insertion_order": "false"}
    )
