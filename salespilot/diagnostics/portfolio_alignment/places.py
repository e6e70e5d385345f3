"""Where accounts and salespeople are, and how far apart: coordinates, postcodes, great circles."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset

EARTH_KM = 6371.0088
FRANCE = ("FR", "FRA", "FRANCE")
BASES = ("coordinates", "postcode", "department")


@cache
def departments() -> pd.DataFrame:
    """Centres of the French departments, by code ("01" ... "95", "2A", "971"): lat, lon. Origin: departments.csv."""
    path = Path(__file__).parent / "departments.csv"
    return pd.read_csv(path, comment="#", dtype={"department": str}).set_index("department")


def department_of(postcodes: pd.Series) -> pd.Series:
    """The department of a French postcode: its first two digits, three overseas, 2A or 2B in Corsica."""
    code = postcodes.astype("string").fillna("").str.strip().str.upper().str.replace(" ", "")
    code = code.where(~code.str.fullmatch(r"\d{4}"), "0" + code)  # the zero that spreadsheets eat
    found = code.str[:2].mask(code.str[:2].isin(["97", "98"]), code.str[:3])
    corsica = code.str[:3].map({"200": "2A", "201": "2A"}).fillna("2B")
    found = found.mask(code.str[:2] == "20", corsica)
    return found.where(code.str.fullmatch(r"(\d{5}|2[AB]\d{3})")).astype(object)


def located(dataset: Dataset) -> pd.DataFrame:
    """Where each customer is, by customer_id: lat, lon, basis (coordinates, postcode, department; missing: nowhere).

    Its own coordinates; else the mean of those of customers with the same postcode; else, in France, the centre of its
    department. Coordinates at 0, 0 or out of range are none.
    """
    customers = dataset.sql("select customer_id, lat, lon, postcode, country from customers order by customer_id")
    customers = customers.set_index(pd.Index(customers.pop("customer_id"), dtype=object, name="customer_id"))
    lat, lon = customers["lat"].astype(float), customers["lon"].astype(float)
    is_given = lat.between(-90, 90) & lon.between(-180, 180) & ((lat.abs() + lon.abs()) > 1e-6)
    own = pd.DataFrame({"lat": lat.where(is_given), "lon": lon.where(is_given)})
    frame = _filled(own, own, customers["postcode"], _is_french(customers["country"], dataset))
    frame.loc[is_given, "basis"] = "coordinates"
    return frame


def homes(dataset: Dataset, customers: pd.DataFrame, owner: pd.Series, weight: pd.Series) -> pd.DataFrame:
    """Where each salesperson starts from, by rep_id: lat, lon, basis (postcode, department, portfolio; missing).

    ``customers``: what :func:`located` gives; ``owner``, ``weight``: who holds each of them and how often it is
    visited. A salesperson without a usable home postcode starts from the centre of the portfolio held now.
    """
    reps = dataset.table("reps").set_index("rep_id")
    codes = dataset.sql("select customer_id, postcode from customers").set_index("customer_id")["postcode"]
    exact = customers[customers["basis"] == "coordinates"]
    empty = pd.DataFrame({"lat": np.nan, "lon": np.nan}, index=reps.index)
    is_french = _is_french(pd.Series(None, index=reps.index, dtype=object), dataset)
    frame = _filled(empty, exact[["lat", "lon"]], reps["home_postcode"], is_french, codes.reindex(exact.index))
    held = customers.dropna(subset="lat").join(owner.rename("rep_id")).join(weight.rename("weight"))
    held = held.assign(weight=held["weight"].fillna(0.0) + 1e-3)
    sums = held[["lat", "lon"]].mul(held["weight"], axis=0).groupby(held["rep_id"]).sum()
    centre = sums.div(held.groupby("rep_id")["weight"].sum(), axis=0).reindex(frame.index)
    missing = frame["lat"].isna() & centre["lat"].notna()
    frame.loc[missing, ["lat", "lon"]] = centre.loc[missing, ["lat", "lon"]]
    frame.loc[missing, "basis"] = "portfolio"
    return frame


def _is_french(country: pd.Series, dataset: Dataset) -> pd.Series:
    usual = dataset.client.country if dataset.client else "FR"
    return country.fillna(usual).astype(str).str.strip().str.upper().isin(FRANCE)


def _filled(
    own: pd.DataFrame,
    known: pd.DataFrame,
    postcodes: pd.Series,
    is_french: pd.Series,
    known_postcodes: pd.Series | None = None,
) -> pd.DataFrame:
    """``own`` completed by the mean of ``known`` places with the same postcode, then by department."""
    codes = postcodes if known_postcodes is None else known_postcodes
    by_code = known.groupby(codes.reindex(known.index)).mean()
    department = department_of(postcodes).where(is_french)
    frame = own.assign(basis=pd.Series(None, index=own.index, dtype=object))
    for basis, table, key in (("postcode", by_code, postcodes), ("department", departments(), department)):
        found = table.reindex(pd.Index(key)).set_axis(own.index)
        fits = frame["lat"].isna() & found["lat"].notna()
        frame.loc[fits, ["lat", "lon"]] = found.loc[fits, ["lat", "lon"]]
        frame.loc[fits, "basis"] = basis
    return frame


def distances(points: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Great-circle kilometres (haversine) from each of ``points`` to each of ``others`` (lat, lon in degrees)."""
    lat1, lon1 = (np.radians(points[c].to_numpy(dtype=float))[:, None] for c in ("lat", "lon"))
    lat2, lon2 = (np.radians(others[c].to_numpy(dtype=float))[None, :] for c in ("lat", "lon"))
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))
