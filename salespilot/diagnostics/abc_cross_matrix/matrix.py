"""Where each customer stands: revenue class, potential class, cell, headroom, and the sums by cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salespilot.cells import COLUMNS, ROWS, attributed, cell_of, classified, years
from salespilot.classes import AbcClasses, abc_classes
from salespilot.conventions import Conventions
from salespilot.dataset import Dataset, Window, month_start
from salespilot.diagnostics.abc_cross_matrix.model import Thresholds
from salespilot.finding import Reason

CELLS = tuple(f"{row}{'_' * (column == 'unknown')}{column}" for row in ROWS for column in COLUMNS)
KNOWN = tuple(cell for cell in CELLS if not cell.endswith("unknown"))

SALES = {"net_revenue": 0.0, "margin": np.nan, "margin_revenue": 0.0, "line_count": 0}


@dataclass(frozen=True)
class Placed:
    """Where customers stood in one period.

    ``frame``: one row a customer or prospect known at its end, by customer_id: sales, classes, cell, headroom.
    ``revenue_a_year`` is net revenue brought to a year; potential and headroom are a year's. Class N has no cell of the
    matrix: its cell is named n1 ... n_unknown. ``revenue``, ``potential``: the classes behind each axis.
    ``unattributed``: net revenue of the lines without a customer.
    """

    frame: pd.DataFrame
    revenue: AbcClasses
    potential: AbcClasses
    unattributed: float


def placed(dataset: Dataset, window: Window) -> Placed:
    """Every customer and prospect in its cell, by the sales of the period and the potentials known at its end."""
    lines = dataset.mart("customer_sales", window)
    sales = attributed(lines)
    frame, potential = classified(dataset, window, sales)
    sales = sales[list(SALES)].reindex(frame.index)
    for column, empty in SALES.items():
        frame[column] = sales[column].fillna(empty).astype(type(empty))
    frame["revenue_a_year"] = frame["net_revenue"] / years(window)
    revenue = abc_classes(frame["revenue_a_year"], dataset.conventions)
    frame["abc_class"] = revenue.frame["abc_class"]
    frame["revenue_class"] = frame["abc_class"].map({"A": "A", "B": "B", "C": "C", "Z": "P", "N": "N"})
    frame["cell"] = cell_of(frame["abc_class"], frame["potential_class"])
    frame["headroom"] = (frame["potential_accessible"] - frame["revenue_a_year"].clip(lower=0)).clip(lower=0)
    frame["share_of_wallet"] = frame["revenue_a_year"].clip(lower=0) / frame["potential_accessible"]
    unattributed = float(lines.loc[lines["customer_id"].isna(), "net_revenue"].sum())
    return Placed(frame, revenue, potential, unattributed)


def described(dataset: Dataset, frame: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The placed customers with name, owner, age as a customer, margin rate and segment."""
    known = attributed(dataset.sql("select customer_id, name, status from customers")).reindex(frame.index)
    frame["name"] = known["name"].fillna(frame.index.to_series())
    frame["status"] = known["status"].fillna("customer")
    frame["is_former"] = (frame["revenue_class"] == "P") & ~frame["status"].isin(["prospect", "suspect"])
    owners = attributed(dataset.owners).reindex(frame.index)
    frame["owner_id"] = owners["rep_id"].where(~owners["is_orphan"].astype("boolean").fillna(False).astype(bool))
    frame["owner_name"] = frame["owner_id"].map(dataset.names("reps"))
    _describe_new(dataset, frame)
    frame["margin_rate"] = _margin_rate(frame)
    frame["segment"] = frame["cell"].map(segments(thresholds))
    return frame


def segments(thresholds: Thresholds) -> dict[str, str]:
    """The segment of each cell; the cells that sources dispute are settled by the thresholds."""
    fixed = {"a2": "core", "a3": "core", "b1": "develop_first", "b3": "economy", "c1": "develop_second"}
    fixed |= {"c3": "economy", "p1": "conquest"}
    chosen = {cell: str(getattr(thresholds, f"segment_{cell}")) for cell in ("a1", "b2", "c2", "p2", "p3")}
    return {cell: (fixed | chosen).get(cell, "qualify") for cell in CELLS}


def _describe_new(dataset: Dataset, frame: pd.DataFrame) -> None:
    """Adds is_new (first bought within a year) and, after three months, annualised_revenue.

    Nobody is new where the sales known do not go back beyond a year.
    """
    conventions = dataset.conventions
    since = month_start(dataset.as_of, 1 - conventions.new_customer_months)
    frame["is_new"], frame["annualised_revenue"] = False, np.nan
    if dataset.first_transaction is None or dataset.first_transaction >= since:
        return
    first = dataset.mart("customer_starts", dataset.history)
    first_date = attributed(first)["first_date"].reindex(frame.index)
    frame["is_new"] = first_date >= pd.Timestamp(since)
    months = (pd.Timestamp(dataset.as_of) - first_date).dt.days / 30.4375
    is_old_enough = frame["is_new"] & (months >= conventions.new_customer_min_months)
    frame["annualised_revenue"] = (frame["revenue_a_year"] * 12 / months.clip(upper=12)).where(is_old_enough)


def _margin_rate(frame: pd.DataFrame) -> pd.Series:
    base = frame["margin_revenue"].sum()
    if base <= 0 or frame["margin"].isna().all():
        return pd.Series(np.nan, index=frame.index)
    own = (frame["margin"] / frame["margin_revenue"]).where(frame["margin_revenue"] > 0)
    return own.fillna(frame["margin"].sum() / base).clip(0, 1)


def _cut_offs(values: pd.Series, classes: pd.Series) -> tuple[float, float]:
    """The amounts at which A ends and B ends: half-way between the lowest of a class and the highest of the next.

    0 where nobody stands below.
    """
    cuts = []
    for kept in (["A"], ["A", "B"]):
        above, below = values[classes.isin(kept)], values[~classes.isin(kept)]
        cuts.append(float(above.min() + below.max()) / 2 if len(above) and len(below) else 0.0)
    return cuts[0], cuts[1]


def axes(place: Placed, conventions: Conventions) -> pd.DataFrame:
    """One row an axis: axis, mode, is_fallback (one value above 80 %), is_separating, first_cut and second_cut.

    The mode and the cuts are missing on an axis where nobody has a value.
    """
    rows: list[tuple[object, ...]] = []
    for axis, column, made in (
        ("revenue", "revenue_a_year", place.revenue),
        ("potential", "potential_accessible", place.potential),
    ):
        values = place.frame[column]
        values = values[values > 0]
        upper, lower = conventions.abc_a_band, conventions.abc_b_band
        if made.mode != "bands":
            upper, lower = _cut_offs(values, made.frame["abc_class"][values.index])
        mode, upper, lower = (made.mode, upper, lower) if len(values) else (None, np.nan, np.nan)
        rows.append((axis, mode, made.mode != conventions.abc_mode, made.is_separating, upper, lower))
    columns = ["axis", "mode", "is_fallback", "is_separating", "first_cut", "second_cut"]
    return pd.DataFrame(rows, columns=columns)


def by_cell(frame: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a cell (16), zeros where nobody stands; headroom and potential are missing where unknown."""
    groups = frame.groupby("cell")
    table = pd.DataFrame(index=pd.Index(CELLS, name="cell"))
    table["revenue_class"] = [cell[0].upper() for cell in CELLS]
    table["potential_class"] = [cell[1:].replace("_unknown", "?") for cell in CELLS]
    table["segment"] = table.index.map(segments(thresholds))
    table["account_count"] = groups.size().reindex(CELLS, fill_value=0)
    prospects = frame[frame["status"] == "prospect"].groupby("cell").size()
    table["prospect_count"] = prospects.reindex(CELLS, fill_value=0)
    table["net_revenue"] = groups["net_revenue"].sum().reindex(CELLS, fill_value=0.0)
    unknown = (table["potential_class"] == "?") | (not frame["headroom"].notna().any())
    for column in ("potential_accessible", "headroom"):
        table[column] = groups[column].sum().reindex(CELLS, fill_value=0.0).mask(unknown)
    table["share_of_wallet"] = (groups["revenue_a_year"].sum().reindex(CELLS) / table["potential_accessible"]).where(
        table["potential_accessible"] > 0
    )
    table["revenue_share"] = table["net_revenue"] / table["net_revenue"].sum()
    table["headroom_share"] = table["headroom"] / table["headroom"].sum()
    return table.reset_index()


def by_class(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of the matrix, their sums and shares.

    Columns: revenue_class, account_count, prospect_count, unknown_potential_count, net_revenue, headroom, visits,
    revenue_share, headroom_share, visit_share.
    """
    table = cells.groupby("revenue_class")[["account_count", "prospect_count"]].sum()
    unknown = cells[cells["potential_class"] == "?"].set_index("revenue_class")["account_count"]
    table["unknown_potential_count"] = unknown.reindex(table.index)
    table["net_revenue"] = cells.groupby("revenue_class")["net_revenue"].sum()
    for column in ("headroom", "visits"):
        table[column] = cells.groupby("revenue_class")[column].sum(min_count=1)
    # A row whose potentials are all unknown has an unknown headroom, not none.
    table["headroom"] = table["headroom"].mask(
        table["account_count"].eq(table["unknown_potential_count"]) & (unknown > 0)
    )
    for share, of in (("revenue_share", "net_revenue"), ("headroom_share", "headroom"), ("visit_share", "visits")):
        table[share] = table[of] / table[of].sum()
    return table.reset_index()


def by_segment(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a segment that someone stands in: segment, account_count, net_revenue, revenue_share, headroom."""
    table = frame.groupby("segment").agg(
        account_count=("cell", "size"),
        net_revenue=("net_revenue", "sum"),
        headroom=("headroom", lambda values: values.sum(min_count=1)),
    )
    table["revenue_share"] = table["net_revenue"] / table["net_revenue"].sum()
    return table.sort_values("net_revenue", ascending=False, kind="stable").reset_index()


def bridge(frame: pd.DataFrame, outside: pd.DataFrame, unattributed: float) -> pd.DataFrame:
    """From the matrix to total net revenue: step, net_revenue."""
    steps = {f"row_{row.lower()}": frame.loc[frame["revenue_class"] == row, "net_revenue"].sum() for row in "ABC"}
    steps |= {"negative": outside["net_revenue"].sum(), "unattributed": unattributed}
    steps["net_total"] = sum(steps.values())
    return pd.DataFrame({"step": list(steps), "net_revenue": [float(value) for value in steps.values()]})


def headroom_curve(frame: pd.DataFrame) -> pd.DataFrame:
    """Cumulated headroom, biggest first: rank, name, headroom, headroom_cum_share, cell."""
    curve = frame[frame["headroom"] > 0].reset_index()
    curve = curve.sort_values(["headroom", "customer_id"], ascending=[False, True])
    curve = curve[["customer_id", "name", "cell", "headroom"]].reset_index(drop=True)
    curve.insert(0, "rank", np.arange(1, len(curve) + 1))
    curve["headroom_cum_share"] = curve["headroom"].cumsum() / curve["headroom"].sum()
    return curve


def figures(
    frame: pd.DataFrame, cells: pd.DataFrame, total: float, has_potential_table: bool
) -> tuple[dict[str, float | int | None], dict[str, Reason]]:
    """The key figures of the matrix, and why those that are None could not be computed.

    ``potential`` and ``headroom`` are over customers and prospects whose potential is known, ``share_of_wallet`` over
    those of them who buy.
    """
    known = frame["potential_accessible"].notna()
    buyers = known & (frame["net_revenue"] > 0)
    is_row_p = frame["revenue_class"] == "P"
    found: dict[str, float | int | None] = {
        "customers": int((frame["line_count"] > 0).sum()),
        "prospects": int((frame["status"] == "prospect").sum()),
        "net_revenue": total,
        "potential": float(frame.loc[known, "potential_accessible"].sum()),
        "headroom": float(frame.loc[known, "headroom"].sum()),
        "share_of_wallet": _ratio(
            frame.loc[buyers, "revenue_a_year"].sum(), frame.loc[buyers, "potential_accessible"].sum()
        ),
        "unknown_potential_count": int((~known).sum()),
        "unknown_potential_share": _ratio(frame.loc[~known, "net_revenue"].sum(), frame["net_revenue"].sum()),
        "estimated_count": int(frame["is_estimated"].sum()),
        "raised_count": int(frame["is_raised"].sum()),
        "shared_count": int(frame["is_shared"].sum()),
        "stale_count": int(frame["is_stale"].sum()),
        "former_count": int(frame["is_former"].sum()),
        "new_count": int(frame["is_new"].sum()),
        "placed_count": len(frame),
        "buyer_count": int((~is_row_p).sum()),
    }
    reasons: dict[str, Reason] = {}
    nothing = Reason("no_potential" if has_potential_table else "no_potential_no_size")
    for cell in cells.to_dict("records"):
        name, is_unknown = f"cell_{cell['cell']}", cell["potential_class"] == "?"
        found[f"{name}_count"] = int(cell["account_count"])
        found[f"{name}_revenue"] = float(cell["net_revenue"])
        found[f"{name}_headroom"] = None if is_unknown else float(cell["headroom"])
        if is_unknown:
            reasons[f"{name}_headroom"] = Reason("unknown_potential")
        elif not known.any():
            for measure in ("count", "revenue", "headroom"):
                found[f"{name}_{measure}"] = None
                reasons[f"{name}_{measure}"] = nothing
    if not known.any():
        for measure in ("potential", "headroom", "share_of_wallet"):
            found[measure] = None
            reasons[measure] = nothing
    elif found["share_of_wallet"] is None:
        reasons["share_of_wallet"] = Reason("no_buyer_of_known_potential")
    if found["unknown_potential_share"] is None:
        reasons["unknown_potential_share"] = Reason("no_revenue")
    return found, reasons


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None
