"""The cross matrix shared by all reports: the potential class of each customer, and the contact policy of each cell.

A cell is the revenue class in lower case and the potential class: ``a1`` to ``c3``, ``p1`` to ``p3`` for those who
bought nothing, ``a_unknown`` where the potential is unknown. A potential of zero is an unknown one, never class 3.
"""

from __future__ import annotations

from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd

from salespilot.classes import AbcClasses, abc_classes
from salespilot.conventions import Conventions
from salespilot.dataset import Dataset, Window, month_end, month_start

ROWS = ("a", "b", "c", "p")
COLUMNS = ("1", "2", "3", "unknown")
VISIT_MINUTES = 60.0
PREPARATION_MINUTES = 30.0

# Contact mode, face-to-face and remote contacts a year where the client has no policy (method, section 11 c).
DEFAULTS = MappingProxyType(
    {
        "a1": ("face_to_face", 12, 12),
        "a2": ("face_to_face", 8, 8),
        "a3": ("face_to_face", 6, 6),
        "b1": ("face_to_face", 10, 8),
        "b2": ("mixed", 6, 6),
        "b3": ("phone", 2, 6),
        "c1": ("mixed", 6, 6),
        "c2": ("phone", 1, 4),
        "c3": ("remote", 0, 2),
        "p1": ("mixed", 4, 8),
        "p2": ("remote", 0, 4),
        "p3": ("watch_list", 0, 1),
    }
)


def years(window: Window) -> float:
    """How many years a period lasts: months / 12 where it is made of whole months, else days / 365.25."""
    if window.start == month_start(window.start) and window.end == month_end(window.end):
        return ((window.end.year - window.start.year) * 12 + window.end.month - window.start.month + 1) / 12
    return window.days / 365.25


def cell_of(abc_class: pd.Series, potential_class: pd.Series) -> pd.Series:
    """The cell of each customer from its classes ("A", "B", "C", "Z", "N") and ("1", "2", "3", "?").

    Class Z, nothing bought, is row p. Class N, more credited than bought, is a row of its own, out of the matrix.
    """
    row = abc_class.str.lower().replace({"z": "p"})
    column = potential_class.replace({"?": "_unknown"})
    return (row + column).rename("cell")


def potential_classes(dataset: Dataset, window: Window) -> pd.DataFrame:
    """What each customer and prospect known at the time could buy in a year, one row each, sorted by customer_id.

    ``potential_accessible``  money a year, never below the revenue of the period brought to a year; NaN unknown
    ``potential_method``      declared, driver, peer, external; "peer" also where it is estimated here
    ``potential_confidence``  low, med, high
    ``potential_age_months``  whole months since it holds
    ``is_stale``              older than ``stale_potential_months``
    ``potential_class``       "1", "2", "3" by the conventions' mode, or "?"
    ``is_raised``             the stated potential was below the revenue
    ``is_shared``             one potential stated at several sites of a group, counted once
    ``is_estimated``          from revenue per employee of peers: only where no potential at all was exported

    For the dataset's own window the potentials are those known at ``as_of``, for another one at the end of it.
    """
    return classified(dataset, window, attributed(dataset.mart("customer_sales", window)))[0].reset_index()


def attributed(mart: pd.DataFrame) -> pd.DataFrame:
    """A mart of one row a customer, indexed by customer_id, without the row of no customer."""
    mart = mart.dropna(subset="customer_id")
    return mart.set_index(pd.Index(mart["customer_id"], dtype=object)).drop(columns="customer_id")


def classified(dataset: Dataset, window: Window, sales: pd.DataFrame) -> tuple[pd.DataFrame, AbcClasses]:
    """What :func:`potential_classes` gives, indexed by customer_id, and the classes behind it.

    ``sales``: the attributed sales of the window.
    """
    known_at = dataset.as_of if window == dataset.window else window.end
    customers = _known(dataset, known_at, sales.index)
    revenue = (sales["net_revenue"].reindex(customers.index).fillna(0.0) / years(window)).clip(lower=0)
    stated = _stated(dataset, known_at).reindex(customers.index)
    conventions = dataset.conventions

    amount, is_shared = _counted_once(stated, customers["parent_customer_id"], revenue)
    is_estimated = pd.Series(False, index=customers.index)
    if not (amount > 0).any():
        amount = peer_estimates(customers, revenue, conventions)
        is_estimated = amount > 0
    amount = amount.where(amount > 0)
    is_raised = (amount < revenue - 0.005) & ~is_estimated
    amount = amount.clip(lower=revenue.where(amount.notna()))

    frame = pd.DataFrame(index=customers.index)
    frame["potential_accessible"] = amount
    frame["potential_method"] = stated["method"].where(~is_estimated, "peer").where(amount.notna())
    frame["potential_confidence"] = stated["confidence"].where(~is_estimated, "low").where(amount.notna())
    age = _whole_months(stated["valid_from"], known_at).where(~is_estimated, 0.0)
    frame["potential_age_months"] = age.where(amount.notna())
    limit = pd.Timestamp(known_at) - pd.DateOffset(months=conventions.stale_potential_months)
    frame["is_stale"] = (stated["valid_from"] < limit) & amount.notna()
    classes = abc_classes(amount.fillna(0.0), conventions)
    frame["potential_class"] = classes.frame["abc_class"].map({"A": "1", "B": "2", "C": "3", "Z": "?"})
    frame["is_raised"], frame["is_shared"], frame["is_estimated"] = is_raised, is_shared, is_estimated
    return frame, classes


def peer_estimates(customers: pd.DataFrame, revenue: pd.Series, conventions: Conventions) -> pd.Series:
    """A potential by comparison: what the best buyers of the same sector buy per employee, times employees.

    ``customers``: indexed by id, with sector_code and employees; ``revenue``: their yearly revenue. The reference is
    the ``peer_quantile`` of revenue per employee among the buyers of the sector, or among all buyers where the sector
    has fewer than ``peer_min``; NaN where the size is unknown, everywhere when there are too few buyers of known size.
    """
    size = customers["employees"].astype(float)
    size = size.where(size > 0)
    ratio = (revenue / size).where(revenue > 0)
    if ratio.count() < conventions.peer_min:
        return pd.Series(np.nan, index=customers.index)
    sector = customers["sector_code"]
    own = ratio.groupby(sector).quantile(conventions.peer_quantile)
    own = own.where(ratio.groupby(sector).count() >= conventions.peer_min)
    return size * sector.map(own).astype(float).fillna(ratio.quantile(conventions.peer_quantile))


def policy(dataset: Dataset) -> pd.DataFrame:
    """How often each cell is to be met: one row a cell (16, unknown potential included, as column 2 of its row).

    Columns: cell, contact_mode, f2f_per_year, remote_per_year, visit_min, prep_min. From ``coverage_policy``; what it
    leaves out is filled with the default frequencies of the method and the usual durations.
    """
    frame = pd.DataFrame.from_dict(
        dict(DEFAULTS), orient="index", columns=["contact_mode", "f2f_per_year", "remote_per_year"]
    ).astype({"f2f_per_year": float, "remote_per_year": float})
    frame["visit_min"], frame["prep_min"] = VISIT_MINUTES, PREPARATION_MINUTES
    given = dataset.table("coverage_policy")
    given = given.assign(cell=given["cell"].str.strip().str.lower()).drop_duplicates("cell").set_index("cell")
    frame = given.reindex(frame.index)[frame.columns].combine_first(frame)[list(frame.columns)]
    unknown = frame.loc[[f"{row}2" for row in ROWS]].set_axis([f"{row}_unknown" for row in ROWS])
    return pd.concat([frame, unknown]).rename_axis("cell").reset_index()


def _known(dataset: Dataset, day: date, buyers: pd.Index) -> pd.DataFrame:
    """Customers created by the day or who bought by then, whatever their date of creation; no company of ours."""
    customers = dataset.sql(
        "select customer_id, parent_customer_id, sector_code, employees, created_date, is_intercompany from customers"
    )
    customers = customers.set_index(pd.Index(customers.pop("customer_id"), dtype=object))
    is_ours = customers["is_intercompany"].astype("boolean").fillna(False).astype(bool)
    outside = buyers.difference(customers.index[is_ours])
    created = pd.to_datetime(customers["created_date"])
    is_known = created.isna() | (created <= pd.Timestamp(day)) | (outside.get_indexer(customers.index) >= 0)
    index = customers.index[is_known & ~is_ours].union(outside).rename("customer_id")
    return customers.reindex(index)


def _stated(dataset: Dataset, day: date) -> pd.DataFrame:
    """The last potential stated at the day, by customer: amount, method, confidence, valid_from."""
    frame = dataset.table("customer_potential")
    frame = frame[frame["valid_from"] <= pd.Timestamp(day)].sort_values("valid_from", kind="stable")
    frame = frame.drop_duplicates("customer_id", keep="last")
    frame = frame.set_index(pd.Index(frame["customer_id"], dtype=object))
    derived = frame["potential_total"] * frame["addressable_share"]
    return frame.assign(amount=frame["potential_accessible"].fillna(derived))[
        ["amount", "method", "confidence", "valid_from"]
    ]


def _counted_once(stated: pd.DataFrame, parent: pd.Series, revenue: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Amounts where a group's potential, stated alike and on the same day at several sites, is counted once.

    Each of the sites gets its revenue and an equal part of what the group could buy besides. Returns the amounts, and
    which ones were shared.
    """
    amount = stated["amount"].astype(float)
    is_shared = pd.Series(False, index=amount.index)
    is_head = parent.isna() & (pd.Index(parent.dropna().unique(), dtype=object).get_indexer(parent.index) >= 0)
    group = parent.mask(is_head, parent.index.to_series())
    members = group[group.notna() & (amount > 0)]
    keys = [members, stated.loc[members.index, "valid_from"], amount[members.index]]
    count = amount[members.index].groupby(keys).transform("size")
    shared = count[count > 1].index
    if shared.empty:
        return amount, is_shared
    total = revenue[members.index].groupby(keys).transform("sum")
    rest = (amount[shared] - total[shared]).clip(lower=0) / count[shared]
    is_shared[shared] = True
    return amount.where(~is_shared, revenue + rest), is_shared


def _whole_months(since: pd.Series, day: date) -> pd.Series:
    since = pd.to_datetime(since)
    months = (day.year - since.dt.year) * 12 + day.month - since.dt.month
    return (months - (since.dt.day > day.day)).astype(float)
