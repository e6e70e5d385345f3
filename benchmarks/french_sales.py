"""A big French sales export: cp1252, semicolons, decimal commas, dd/mm/yyyy; same seed, same bytes.

    python benchmarks/french_sales.py 1000000 FOLDER

writes FOLDER/exports/ventes.csv, its UTF-8 copy FOLDER/utf8.csv (for the bare scan), FOLDER/cents.txt (the sum of
"Montant HT" in cents) and FOLDER/client.toml.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

CHUNK = 500_000
HEADER = "N° facture;Date facture;Code client;Raison sociale;Code commercial;Famille;Quantité;Montant HT;Marge\n"
CLIENT = """\
name = "Banc d'essai"
language = "fr"
exported_on = 2026-07-03

[[source]]
table = "sales_lines"
files = ["exports/ventes.csv"]

[source.columns]
invoice_id = "N° facture"
invoice_date = "Date facture"
customer_id = "Code client"
customer_name = "Raison sociale"
rep_id_booked = "Code commercial"
product_family = "Famille"
quantity = "Quantité"
amount_net = "Montant HT"
margin = "Marge"
"""


def chunk(rng: np.random.Generator, first: int, size: int, customers: int) -> tuple[bytes, int]:
    """``size`` lines from invoice number ``first`` on, as UTF-8, and their cents; customers have a heavy tail."""
    customer = (customers * rng.random(size) ** 2.5).astype(int)
    cents = rng.lognormal(8, 1, size).astype(np.int64) * np.where(rng.random(size) < 0.02, -1, 1)
    days = pd.date_range("2023-07-01", periods=1096).strftime("%d/%m/%Y")
    columns = [
        _joined("F", first + np.arange(size) // 4),
        _chosen(days, rng.integers(0, 1096, size)),
        pc.utf8_lpad(_text(customer), 6, "0"),
        _joined("Société Générique ", customer),
        _chosen([f"R{n:03d}" for n in range(200)], customer % 200),
        _joined("Fam ", rng.integers(0, 12, size)),
        _text(rng.integers(1, 50, size)),
        _joined(_chosen(["", "-"], (cents < 0).astype(int)), np.abs(cents) // 100, ",", _cents(np.abs(cents) % 100)),
        _joined(np.abs(cents) // 300, ",00\n"),
    ]
    lines = pc.binary_join_element_wise(*columns, ";")
    return bytes(lines.buffers()[2]), int(cents.sum())


def _text(numbers: Any) -> Any:
    return pc.cast(pa.array(numbers), pa.string())


def _chosen(words: Any, places: Any) -> Any:
    return pa.array(words, pa.string()).take(pa.array(places))


def _cents(numbers: Any) -> Any:
    return _chosen([f"{n:02d}" for n in range(100)], numbers)


def _joined(*parts: Any) -> Any:
    return pc.binary_join_element_wise(*(_text(p) if isinstance(p, np.ndarray) else p for p in parts), "")


def write(lines: int, folder: Path, seed: int = 7) -> Path:
    """The client folder of that many lines; kept when it is already there."""
    if (folder / "client.toml").exists():
        return folder
    (folder / "exports").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    customers = max(1_000, lines // 200)
    total = 0
    with (folder / "exports" / "ventes.csv").open("wb") as export, (folder / "utf8.csv").open("wb") as copy:
        copy.write(HEADER.encode())
        export.write(HEADER.encode("cp1252"))
        for first in range(0, lines, CHUNK):
            text, cents = chunk(rng, first, min(CHUNK, lines - first), customers)
            copy.write(text)
            export.write(text.decode().encode("cp1252"))
            total += cents
    (folder / "cents.txt").write_text(str(total), encoding="utf-8")
    (folder / "client.toml").write_text(CLIENT, encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(write(int(sys.argv[1]), Path(sys.argv[2])))
