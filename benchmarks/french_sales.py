"""A big French sales export: cp1252, semicolons, decimal commas, dd/mm/yyyy; same seed, same bytes.

    python benchmarks/french_sales.py 1000000 FOLDER

writes FOLDER/exports/ventes.csv, its UTF-8 copy FOLDER/utf8.csv (for the bare scan), and FOLDER/client.toml.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

CHUNK = 500_000
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


def chunk(rng: np.random.Generator, first: int, size: int, customers: int) -> pd.DataFrame:
    """``size`` lines from invoice number ``first`` on; customers are drawn with a heavy tail."""
    customer = (customers * rng.random(size) ** 2.5).astype(int)
    cents = rng.lognormal(8, 1, size).astype(np.int64) * np.where(rng.random(size) < 0.02, -1, 1)
    days = pd.Timestamp("2023-07-01") + pd.to_timedelta(rng.integers(0, 1096, size), unit="D")
    whole = pd.Series(np.abs(cents) // 100).astype(str)
    text = np.where(cents < 0, "-", "") + whole + "," + pd.Series(np.abs(cents) % 100).astype(str).str.zfill(2)
    margin = pd.Series(np.abs(cents) // 300).astype(str) + ",00"
    return pd.DataFrame(
        {
            "N° facture": "F" + pd.Series(first + np.arange(size) // 4).astype(str),
            "Date facture": days.strftime("%d/%m/%Y"),
            "Code client": pd.Series(customer).astype(str).str.zfill(6),
            "Raison sociale": "Société Générique " + pd.Series(customer).astype(str),
            "Code commercial": "R" + pd.Series(customer % 200).astype(str).str.zfill(3),
            "Famille": "Fam " + pd.Series(rng.integers(0, 12, size)).astype(str),
            "Quantité": rng.integers(1, 50, size),
            "Montant HT": text,
            "Marge": margin,
        }
    )


def write(lines: int, folder: Path, seed: int = 7) -> Path:
    """The client folder of that many lines; kept when it is already there."""
    if (folder / "client.toml").exists():
        return folder
    (folder / "exports").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    customers = max(1_000, lines // 200)
    for place, encoding in ((folder / "exports" / "ventes.csv", "cp1252"), (folder / "utf8.csv", "utf-8")):
        place.unlink(missing_ok=True)
        rng = np.random.default_rng(seed)
        for start in range(0, lines, CHUNK):
            part = chunk(rng, start, min(CHUNK, lines - start), customers)
            part.to_csv(place, sep=";", index=False, encoding=encoding, mode="a", header=start == 0)
    (folder / "client.toml").write_text(CLIENT, encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(write(int(sys.argv[1]), Path(sys.argv[2])))
