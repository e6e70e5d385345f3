"""Where the visits go against where the headroom is, and what is known of each customer's last contacts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.cells import attributed
from salespilot.dataset import Dataset
from salespilot.diagnostics.abc_cross_matrix.matrix import KNOWN
from salespilot.diagnostics.abc_cross_matrix.model import Thresholds
from salespilot.inference import misalignment
from salespilot.marts import FACE_TO_FACE, REMOTE


def contacted(dataset: Dataset, frame: pd.DataFrame, silent: frozenset[str]) -> pd.DataFrame:
    """The customers with visits, remote_count, last_contact_date and contact_status.

    ``contact_status``: met, remote_only, not_seen; unknown where no activity was exported or the owner logs too little
    for silence to mean anything.
    """
    contacts = attributed(dataset.mart("customer_contacts")).reindex(frame.index)
    frame["last_contact_date"] = contacts["last_contact_date"]
    if not dataset.has("activities"):
        return frame.assign(visits=np.nan, remote_count=np.nan, contact_status="unknown")
    frame["visits"] = contacts["f2f_count"].fillna(0).astype(float)
    frame["remote_count"] = contacts["remote_count"].fillna(0).astype(float)
    unseen = np.where(frame["owner_id"].isin(silent), "unknown", "not_seen")
    frame["contact_status"] = np.select(
        [frame["visits"] > 0, frame["remote_count"] > 0], ["met", "remote_only"], unseen
    )
    return frame


def who_does_not_log(dataset: Dataset, thresholds: Thresholds) -> frozenset[str]:
    """Salespeople whose logged contacts a month of presence are under ``unlogged_ratio`` times the median.

    Months are those of the period in which the salesperson was employed, times working share. Fewer than three
    salespeople have no median to be compared with.
    """
    activities = dataset.mart("rep_activities")
    contacts = activities[activities["type"].isin([*FACE_TO_FACE, *REMOTE])]
    done = contacts.groupby("rep_id")["activity_count"].sum()
    reps = dataset.table("reps").set_index("rep_id")
    start, end = (pd.Timestamp(day) for day in (dataset.window.start, dataset.window.end))
    arrived = reps["start_date"].where(reps["start_date"] > start, start)
    left = reps["end_date"].where(reps["end_date"] < end, end)
    months = ((left - arrived).dt.days + 1) / 30.4375 * reps["fte"].fillna(1.0)
    held = reps.index.isin(dataset.owners["rep_id"].dropna().unique())
    pace = (done.reindex(reps.index).fillna(0) / months)[(months >= 1) & held]
    if len(pace) < 3 or pace.median() == 0:
        return frozenset()
    return frozenset(pace[pace < thresholds.unlogged_ratio * pace.median()].index)


def by_cell(frame: pd.DataFrame, cells: pd.DataFrame, silent: frozenset[str]) -> tuple[pd.DataFrame, float]:
    """Visits against headroom by cell of known potential, and the misalignment D of the whole.

    Customers of salespeople who do not log are left out of both sides. Columns: cell, segment, account_count, visits,
    headroom, visit_share, headroom_share, misalignment (visit share less headroom share).
    """
    logged = frame[~frame["owner_id"].isin(silent)]
    sums = logged.groupby("cell")[["visits", "headroom"]].sum().reindex(list(KNOWN), fill_value=0.0)
    table = cells.set_index("cell").loc[list(KNOWN), ["segment", "account_count"]]
    table["visits"], table["headroom"] = sums["visits"], sums["headroom"]
    table["visit_share"] = sums["visits"] / sums["visits"].sum()
    table["headroom_share"] = sums["headroom"] / sums["headroom"].sum()
    table["misalignment"] = table["visit_share"] - table["headroom_share"]
    return table.reset_index(), misalignment(sums["visits"], sums["headroom"])
