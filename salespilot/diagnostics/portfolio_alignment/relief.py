"""Bringing hours and capacity together (T03-R1, R2), and what calls bring."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.cells import attributed, years
from salespilot.conventions import SettingError
from salespilot.dataset import Dataset
from salespilot.diagnostics.portfolio_alignment.model import Thresholds
from salespilot.diagnostics.portfolio_alignment.response import Curve, allocate, fitted, judged
from salespilot.finding import Reason

CLASSES = ("A", "B", "C")
HALF = 0.5
DEVELOPED = ("a1", "b1", "c1", "p1")


def relief(frame: pd.DataFrame, capacity: float, capacity_each: float, thresholds: Thresholds) -> pd.DataFrame | None:
    """The steps, in their order, that bring ΣW/ΣCap back to 1: relief_step, account_count, hours, load_rate_after,
    people. None where the load is within its bounds.

    Too much (R1): halve the visits of the accounts that bring least an hour (class C and prospects, their revenue and
    headroom over hours), then serve these remotely, then the people still missing. Too little (R2): raise the visits
    of the development cells, as far as hours go; or leave vacant posts vacant.
    """
    needed = float(frame["workload_hours"].sum())
    if capacity <= 0 or thresholds.load_low <= needed / capacity <= thresholds.load_high:
        return None
    if needed / capacity < thresholds.load_low:
        return _spare(frame, needed, capacity, capacity_each)
    over = needed - capacity
    visits = frame["f2f_per_year"] * frame["visit_hours"]
    small = frame[frame["revenue_class"].isin(["C", "N", "P"]) & (visits > 0) & ~frame["is_reserve"]]
    worth = (small["net_revenue"].clip(lower=0) + 0.1 * small["headroom"].fillna(0)) / small["workload_hours"]
    order = worth.sort_index().sort_values(kind="stable").index
    rows = []
    left = over
    for step, share in (("halve_visits", HALF), ("remote", HALF)):
        saved = (visits[order] * share).cumsum()
        count = min(int((saved < left).sum()) + 1, len(order)) if left > 0 and len(order) else 0
        hours = float(saved.iloc[count - 1]) if count else 0.0
        left = max(left - hours, 0.0)
        rows.append((step, count, hours, (capacity + left) / capacity, np.nan))
    rows.append(("hire", 0, left, 1.0, left / capacity_each))
    return pd.DataFrame(rows, columns=["relief_step", "account_count", "hours", "load_rate_after", "people"])


def _spare(frame: pd.DataFrame, needed: float, capacity: float, capacity_each: float) -> pd.DataFrame:
    spare = capacity - needed
    developed = frame[frame["cell"].isin(DEVELOPED) & ~frame["is_reserve"]]
    doubled = float((developed["f2f_per_year"] * developed["visit_hours"]).sum())
    used = min(spare, doubled)
    return pd.DataFrame(
        [
            ("raise_visits", len(developed), used, (needed + used) / capacity, np.nan),
            ("vacant_posts", 0, spare, needed / capacity, spare / capacity_each),
        ],
        columns=["relief_step", "account_count", "hours", "load_rate_after", "people"],
    )


def responses(
    dataset: Dataset, frame: pd.DataFrame, thresholds: Thresholds
) -> tuple[pd.DataFrame | None, dict[str, Curve], Reason | None]:
    """The response of sales to visits by revenue class, by judgement where given, else by history where it shows one.

    Columns: revenue_class, response_basis, n, sales_none, sales_half, sales_more, sales_double, sales_saturated,
    p_value.
    """
    curves: dict[str, Curve] = {}
    rows, tried = [], 0
    history = _history(dataset, frame)
    for name in CLASSES:
        given = getattr(thresholds, f"response_{name.lower()}")
        curve: Curve | None = None
        if given:
            curve = _judged(name, given)
        elif history is not None:
            own = history[history["revenue_class"] == name]
            tried = max(tried, len(own))
            if len(own) >= thresholds.response_min:
                curve = fitted(own["calls"], own["sales"])
                if curve is not None and not curve.p_value < thresholds.response_p:
                    curve = None
        if curve is None:
            continue
        curves[name] = curve
        half, more, double = (float(curve.at(x)) for x in (0.5, 1.5, 2.0))
        rows.append(
            (name, curve.basis, curve.n or None, curve.none, half, more, double, curve.saturated, curve.p_value)
        )
    columns = ["revenue_class", "response_basis", "n", "sales_none", "sales_half", "sales_more", "sales_double"]
    if not rows:
        reason = Reason("no_response" if history is not None else "no_response_history", {"n": tried})
        return None, {}, reason
    return pd.DataFrame(rows, columns=[*columns, "sales_saturated", "p_value"]), curves, None


def _judged(name: str, given: tuple[float, ...]) -> Curve:
    try:
        none, half_more, saturated = (float(value) for value in given)
        return judged(none, half_more, saturated)
    except (TypeError, ValueError) as error:
        where = (
            f"response_{name.lower()}: three numbers such as 0.6, 1.15, 1.4 (sales without visits, with half as many"
        )
        raise SettingError(f"{where} more, with any, over today's), not {given!r}: {error}") from error


def _history(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Calls and sales of this period over those of the one before, by customer met in both."""
    if dataset.previous is None or not dataset.has("activities"):
        return None
    calls = [attributed(dataset.mart("customer_contacts", window)) for window in (dataset.window, dataset.previous)]
    sales = [attributed(dataset.mart("customer_sales", window)) for window in (dataset.window, dataset.previous)]
    rate = years(dataset.previous) / years(dataset.window)
    table = pd.DataFrame(
        {
            "calls": calls[0]["f2f_count"].reindex(frame.index).fillna(0) * rate
            / calls[1]["f2f_count"].reindex(frame.index),
            "sales": sales[0]["net_revenue"].reindex(frame.index) * rate
            / sales[1]["net_revenue"].reindex(frame.index).where(lambda value: value > 0),
            "revenue_class": frame["revenue_class"],
        }
    )  # fmt: skip
    table = table[np.isfinite(table["calls"].astype(float)) & np.isfinite(table["sales"].astype(float))]
    # A customer met once last year and five times this year says nothing of visits: ratios beyond four are left out.
    return table[(table["calls"] <= 4) & table["sales"].between(0, 4)].astype({"calls": float, "sales": float})


def allocation(dataset: Dataset, frame: pd.DataFrame, curves: dict[str, Curve]) -> pd.DataFrame | None:
    """Visits moved between classes to where an hour brings most, within the hours of today.

    Columns: revenue_class, hours, hours_planned, visits_over_today, margin, margin_planned (revenue where no margin is
    known). None where fewer than two classes have a curve.
    """
    sales = dataset.mart("customer_sales")
    base = float(sales["margin_revenue"].sum())
    margin_rate = float(sales["margin"].sum()) / base if base > 0 else 1.0
    names = [name for name in CLASSES if name in curves]
    visits = frame["f2f_per_year"] * frame["visit_hours"]
    hours = [float(visits[frame["revenue_class"] == name].sum()) for name in names]
    worth = [float(frame.loc[frame["revenue_class"] == name, "net_revenue"].sum()) * margin_rate for name in names]
    if len(names) < 2 or sum(hours) <= 0:
        return None
    made = allocate([curves[name] for name in names], worth, hours, sum(hours))
    return pd.DataFrame(
        {
            "revenue_class": names,
            "hours": hours,
            "hours_planned": made["hours"],
            "visits_over_today": made["calls"],
            "margin": worth,
            "margin_planned": made["margin"],
        }
    )
