"""One row a customer: what it buys, its class, its rhythm, its potential, who holds it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from salespilot import cells
from salespilot.classes import AbcClasses, abc_classes
from salespilot.dataset import Dataset, Window, month_end, month_start
from salespilot.diagnostics.portfolio_review.settings import Thresholds
from salespilot.inference import silence_probability

BEFORE = 24
NEVER = Window(date(1900, 1, 1), date(1900, 1, 1))


def totals(dataset: Dataset, window: Window | None) -> pd.DataFrame:
    """Sales by customer over a period, indexed by customer_id; unattributed lines under the index ``None``'s NaN."""
    return dataset.mart("customer_sales", window or NEVER).set_index("customer_id")


def reference_day(dataset: Dataset, history: pd.DataFrame) -> pd.Timestamp:
    """The day from which silence is counted: ``as_of``, or the end of the data where they stop before it."""
    last = history["last_date"].max()
    known = max(pd.Timestamp(dataset.window.end), last) if pd.notna(last) else pd.Timestamp(dataset.window.end)
    return min(pd.Timestamp(dataset.as_of), known)


def population(dataset: Dataset, history: pd.DataFrame) -> pd.DataFrame:
    """Every customer of the portfolio: whoever ever bought, and whoever the exports list as one.

    Indexed by customer_id: customer_name, parent_customer_id, group_id, status, sector_code, owner_id, owner_name,
    is_orphan (its salesperson has left), in_portfolio (held by a salesperson who is there). Prospects are left out.
    """
    listed = dataset.table("customers").set_index("customer_id")
    owners = dataset.owners.set_index("customer_id").reindex(listed.index)
    has_bought = history.index.get_indexer(listed.index) >= 0
    is_customer = ((listed["status"] == "customer") | (listed["status"] == "lost")).to_numpy(dtype=bool)
    is_ours = ~listed["is_intercompany"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    kept = has_bought | (is_customer & is_ours & dataset.has("customers"))
    listed, owners = listed[kept], owners[kept]
    frame = pd.DataFrame(index=listed.index)
    frame["customer_name"] = listed["name"].fillna(pd.Series(listed.index, index=listed.index))
    frame["parent_customer_id"] = listed["parent_customer_id"]
    frame["group_id"] = roots(listed["parent_customer_id"])
    frame["status"] = listed["status"]
    frame["sector_code"] = listed["sector_code"]
    frame["owner_id"] = owners["rep_id"]
    frame["owner_name"] = owners["rep_id"].map(dataset.names("reps"))
    frame["is_orphan"] = owners["is_orphan"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    frame["in_portfolio"] = frame["owner_id"].notna() & ~frame["is_orphan"] & (frame["status"] != "lost")
    return frame


def roots(parents: pd.Series) -> pd.Series:
    """The head of each customer's group: its parent's parent's ... parent, itself without one; cycles are cut."""
    head = parents.fillna(pd.Series(parents.index, index=parents.index)).astype(object)
    for _ in range(5):
        above = head.map(parents).astype(object)
        head = above.where(above.notna(), head)
    return head


def base(dataset: Dataset, thresholds: Thresholds) -> tuple[pd.DataFrame, AbcClasses]:
    """Sales, class, rhythm and potential of every customer, indexed by customer_id, and how the classes were made.

    ``net_revenue`` and its companions are of the period; ``..._previous`` of the equally long one before (NaN without
    one); ``past_revenue`` of the last 24 months, ``past_yearly`` the same brought to a year.
    ``potential_accessible`` and ``headroom`` are money a year.
    """
    history = totals(dataset, dataset.history)
    frame = population(dataset, history)
    now = totals(dataset, dataset.window).reindex(frame.index)
    frame["has_lines"] = now["line_count"].notna()
    frame["is_active"] = now["positive_lines"].fillna(0) > 0
    for column in ("net_revenue", "positive_revenue", "largest_line"):
        frame[column] = now[column].fillna(0.0)
    frame["gross_margin"] = _gross_margin(now)
    frame["credits"] = (frame["positive_revenue"] - frame["net_revenue"]).clip(lower=0)
    _compare(frame, dataset)
    frame["is_one_off"] = _is_one_off(frame, thresholds.one_off_share)
    years = cells.years(dataset.window)
    classes = abc_classes(frame["net_revenue"] / years, dataset.conventions)
    frame[["abc_class", "share", "cum_before", "cum_share", "rank"]] = classes.frame[
        ["abc_class", "share", "cum_before", "cum_share", "rank"]
    ]
    if dataset.previous:
        frame["class_from"] = abc_classes(frame["net_revenue_previous"] / years, dataset.conventions).frame["abc_class"]
    frame["first_order_date"] = history["first_date"].reindex(frame.index)
    frame["is_new"] = _is_new(frame["first_order_date"], dataset)
    _rhythm(frame, dataset, reference_day(dataset, history))
    _potential(frame, dataset, years)
    frame["past_revenue"] = _past(frame, dataset)
    frame["past_yearly"] = frame["past_revenue"].clip(lower=0) / _past_years(dataset)
    return frame, classes


def _gross_margin(sales: pd.DataFrame) -> pd.Series:
    """Margin of the lines that state one, at the same rate on those that do not; NaN where none does."""
    rate = sales["margin"] / sales["margin_revenue"].where(sales["margin_revenue"].abs() > 0)
    rest = (sales["net_revenue"] - sales["margin_revenue"]).fillna(0.0)
    return sales["margin"] + (rate * rest).where(rest.abs() > 0.005, 0.0)


def _compare(frame: pd.DataFrame, dataset: Dataset) -> None:
    before = totals(dataset, dataset.previous).reindex(frame.index) if dataset.previous else None
    for column in ("net_revenue", "positive_revenue", "largest_line"):
        frame[f"{column}_previous"] = np.nan if before is None else before[column].fillna(0.0)
    frame["net_revenue_change"] = frame["net_revenue"] - frame["net_revenue_previous"]
    frame["growth_rate"] = frame["net_revenue_change"] / frame["net_revenue_previous"].where(
        frame["net_revenue_previous"] > 0
    )


def _is_one_off(frame: pd.DataFrame, share: float) -> pd.Series:
    """One line is most of the year, and the year before was not like it: a project, not a yearly purchase."""
    bought = frame["positive_revenue"]
    is_usual = frame["positive_revenue_previous"] >= share * bought
    return (bought > 0) & (frame["largest_line"] > share * bought) & ~is_usual


def _is_new(first: pd.Series, dataset: Dataset) -> pd.Series:
    """First bought in the last 12 months; nobody is where the history is no longer than that."""
    since = month_start(dataset.window.end, 1 - dataset.conventions.new_customer_months)
    begun = dataset.first_transaction
    if begun is None or begun >= since:
        return pd.Series(False, index=first.index)
    return first >= pd.Timestamp(since)


def _rhythm(frame: pd.DataFrame, dataset: Dataset, today: pd.Timestamp) -> None:
    """Silence against the customer's own rhythm, and its ``buying_status``: on_time, late, dormant or lost."""
    conventions = dataset.conventions
    rhythm = dataset.mart("order_rhythm", dataset.history).set_index("customer_id").reindex(frame.index)
    orders = rhythm["order_days"].fillna(0)
    span = (rhythm["last_order"] - rhythm["first_order"]).dt.days
    has_rhythm = orders >= conventions.rhythm_min_orders
    frame["order_days"] = orders.astype(int)
    frame["last_order_date"] = rhythm["last_order"]
    frame["mean_gap_days"] = (span / (orders - 1)).where(has_rhythm)
    frame["gap_days"] = (today - rhythm["last_order"]).dt.days.astype(float)
    frame["gap_ratio"] = frame["gap_days"] / frame["mean_gap_days"]
    frame["order_probability"] = silence_probability(frame["gap_days"], frame["mean_gap_days"])
    gap, ratio = frame["gap_days"], frame["gap_ratio"]
    is_dormant = np.where(
        has_rhythm,
        (ratio > conventions.dormant_factor) & (gap >= conventions.dormant_min_days),
        gap > conventions.few_orders_days,
    )
    is_late = has_rhythm & (ratio > conventions.late_factor)
    status = np.select([gap >= conventions.lost_days, is_dormant, is_late], ["lost", "dormant", "late"], "on_time")
    frame["buying_status"] = pd.Series(status, index=frame.index).where(orders > 0)


def _potential(frame: pd.DataFrame, dataset: Dataset, years: float) -> None:
    """Potential, headroom and cell; an estimate by peers is not enough to judge one customer: left unknown."""
    known = cells.potential_classes(dataset, dataset.window).set_index("customer_id").reindex(frame.index)
    is_stated = known["potential_accessible"].notna() & ~known["is_estimated"].astype("boolean").fillna(False)
    frame["potential_accessible"] = known["potential_accessible"].astype(float).where(is_stated)
    frame["potential_class"] = known["potential_class"].where(is_stated, "?")
    frame["potential_confidence"] = known["potential_confidence"].where(is_stated)
    frame["is_stale"] = is_stated & known["is_stale"].astype("boolean").fillna(False)
    frame["headroom"] = (frame["potential_accessible"] - frame["net_revenue"].clip(lower=0) / years).clip(lower=0)
    # Whoever is credited more than it buys is served like whoever buys nothing: the matrix has no row for it.
    frame["cell"] = cells.cell_of(frame["abc_class"].replace("N", "Z"), frame["potential_class"])


def _past(frame: pd.DataFrame, dataset: Dataset) -> pd.Series:
    """Net revenue of the last 24 months, as far as known."""
    window = Window(month_start(dataset.window.end, 1 - BEFORE), dataset.window.end)
    both = dataset.previous and dataset.previous.start == window.start and month_end(window.end) == window.end
    if both:
        return frame["net_revenue"] + frame["net_revenue_previous"]
    return totals(dataset, window)["net_revenue"].reindex(frame.index).fillna(0.0)


def _past_years(dataset: Dataset) -> float:
    """How much of the last 24 months is known, in years; at least one month."""
    begun = dataset.first_transaction
    known = (dataset.window.end - begun).days / 365.25 if begun else 0.0
    return min(BEFORE / 12, max(known, 1 / 12))
