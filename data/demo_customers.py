"""The demo client's customers: who they are, what they could buy, who holds them."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
from demo_accounts import accounts
from demo_world import START, TEAMS, stream

NOWHERE = "000183"  # a customer to visit whose place nobody wrote down
INTERCOMPANY = "000900"
_DEPARTMENTS = {"01": (46.2, 5.2), "07": (44.7, 4.6), "26": (44.9, 5.0), "35": (48.1, -1.7), "37": (47.4, 0.7),
                "38": (45.2, 5.7), "42": (45.4, 4.4), "44": (47.2, -1.6), "49": (47.5, -0.6), "63": (45.8, 3.1),
                "69": (45.8, 4.8), "73": (45.6, 5.9), "74": (45.9, 6.1), "85": (46.7, -1.4)}  # fmt: skip
_SECTORS = ("10.51C", "16.10A", "17.12Z", "22.29A", "23.70Z", "24.51Z", "25.11Z", "25.62B", "28.15Z", "29.32Z")


def customers(seed: int) -> pd.DataFrame:
    """Table ``customers``, with the intercompany customer."""
    rng = stream(seed, "customers")
    rows = []
    for a in accounts(seed):
        department = str(rng.choice(list(_DEPARTMENTS)))
        lat, lon = _DEPARTMENTS[department]
        size = max(a.potential or 0.0, a.revenue[2], 3000.0)
        employees = max(2, int(size / 1800 * rng.lognormal(0, 0.4)))
        created = a.first if a.first > START else date(2008, 1, 7) + timedelta(int(rng.integers(0, 5500)))
        status = "lost" if a.status == "customer" and a.last < date(2024, 7, 1) else a.status
        rows.append(
            {
                "customer_id": a.customer_id,
                "name": a.name,
                "parent_customer_id": a.parent,
                "legal_id": f"{int(rng.integers(5_000_000, 999_999_999)):09d}",
                "status": status,
                "created_date": created,
                "sector_code": str(rng.choice(_SECTORS)),
                "employees": employees,
                "company_revenue": round(employees * 165_000 * float(rng.lognormal(0, 0.3)), -3),
                "postcode": department + f"{int(rng.integers(1, 95)) * 10:03d}",
                "country": "FR",
                "lat": round(lat + float(rng.normal(0, 0.25)), 4),
                "lon": round(lon + float(rng.normal(0, 0.3)), 4),
                "channel": "à distance" if a.rep == "R09" else "terrain",
                "is_intercompany": False,
                "legacy_unit": f"Agence {'Rhône' if TEAMS.get(a.rep) == 'EST' else 'Loire'}",
            }
        )
    for row in rows:
        if row["customer_id"] == NOWHERE:
            row.update(postcode=None, lat=None, lon=None)
    rows.append(
        {**rows[0], "customer_id": INTERCOMPANY, "name": "Ferrandière Logistique SAS", "parent_customer_id": None,
         "legal_id": "000512348", "is_intercompany": True, "channel": "interne"}
    )  # fmt: skip
    return pd.DataFrame(rows).sort_values("customer_id", ignore_index=True)


def customer_potential(seed: int) -> pd.DataFrame:
    """Table ``customer_potential``: one version for most, an older one for a few; none where nobody knows."""
    rng = stream(seed, "potential")
    rows = []
    for a in accounts(seed):
        since, method, confidence = a.potential_from, a.method, a.confidence
        if not a.planted:
            since = date(2025, 9, 1) + timedelta(int(rng.integers(0, 240)))
            method = str(rng.choice(["declared", "driver", "peer", "external"], p=[0.35, 0.35, 0.2, 0.1]))
            confidence = str(rng.choice(["med", "high"], p=[0.7, 0.3]))
            small = a.cell in ("b3", "c3", "p3")
            if small and rng.random() < 0.25:
                confidence, since = "low", date(2024, 2, 1) + timedelta(int(rng.integers(0, 300)))
        versions = [(since, a.potential)]
        if a.older_potential:
            versions.insert(0, a.older_potential)
        elif a.potential and not a.planted and rng.random() < 0.35:
            versions.insert(0, (date(2024, 1, 8) + timedelta(int(rng.integers(0, 20))), a.potential * 0.92))
        for valid_from, potential in versions:
            if potential is None:
                continue
            accessible = round(potential, -2) if potential > 20_000 else round(potential, 2)
            addressable = float(rng.choice([0.5, 0.6, 0.65, 0.7, 0.8]))
            spread = {"low": 0.4, "med": 0.2, "high": 0.1}[confidence]
            rows.append(
                {
                    "customer_id": a.customer_id,
                    "valid_from": valid_from,
                    "potential_total": round(accessible / addressable, 2),
                    "addressable_share": addressable,
                    "potential_accessible": accessible,
                    "method": method,
                    "confidence": confidence,
                    "low": round(accessible * (1 - spread), 2),
                    "high": round(accessible * (1 + spread), 2),
                }
            )
    return pd.DataFrame(rows)


def customer_assignments(seed: int) -> pd.DataFrame:
    """Table ``customer_assignments``: dated owners; ten large customers share R09's support."""
    rows = []
    supported = [a.customer_id for a in accounts(seed) if a.cell == "a2" and len(a.owners) == 1 and a.rep != "R12"][:10]
    for a in accounts(seed):
        for rep, since, until in a.owners:
            share = 0.8 if a.customer_id in supported else 1.0
            rows.append((a.customer_id, rep, since, until, "owner", share))
        if a.customer_id in supported:
            rows.append((a.customer_id, "R09", a.owners[0][1], None, "support", 0.2))
    columns = ["customer_id", "rep_id", "valid_from", "valid_to", "role", "split_share"]
    return pd.DataFrame(rows, columns=columns)
