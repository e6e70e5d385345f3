"""What the contest costs in all, and what it must bring in to pay."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window, month_start
from salespilot.diagnostics.sales_contest.choice import Contest
from salespilot.diagnostics.sales_contest.model import Thresholds

LIFTS = np.array([0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.10, 0.15])


def charge_rate(dataset: Dataset, thresholds: Thresholds) -> tuple[float, bool]:
    """Contributions due on prizes, as a share of them, and whether the client's own: ``costs``, else the usual rate."""
    costs = dataset.table("costs").set_index("role")["prize_charge_rate"].dropna()
    if "all" in costs.index:
        return float(costs["all"]), True
    return (float(costs.mean()), True) if len(costs) else (thresholds.charge_rate, False)


def cost(dataset: Dataset, contest: Contest, thresholds: Thresholds) -> pd.DataFrame | None:
    """One row a part of the full cost: prizes, charges, running (animation and administration), total; None where
    neither prizes nor a budget are known.

    Full cost = prizes × (1 + charges) + running. Where a budget is known, what prizes and charges leave of it runs the
    contest; where only a budget is known, prizes are what charges and running leave.
    """
    rate, _ = charge_rate(dataset, thresholds)
    prizes = contest.prize_total
    if prizes <= 0:
        if contest.budget is None:
            return None
        prizes = contest.budget / (1 + rate + thresholds.running_share)
    charges = prizes * rate
    running = thresholds.running_share * prizes
    if contest.budget is not None:
        running = max(contest.budget - prizes - charges, 0.0)
    rows = [("prizes", prizes), ("charges", charges), ("running", running), ("total", prizes + charges + running)]
    return pd.DataFrame(rows, columns=["part", "amount"])


def margin_rate(dataset: Dataset) -> float | None:
    """Gross margin over the revenue of the lines that state one, last 12 months; None where it is not known or nil."""
    start = month_start(dataset.window.end, -11)
    sums = dataset.mart("customer_sales", Window(start, dataset.window.end))[["margin", "margin_revenue"]].sum()
    if sums["margin_revenue"] <= 0 or sums["margin"] <= 0:
        return None
    return float(sums["margin"] / sums["margin_revenue"])


def break_even(full_cost: float, margin: float, baseline: float) -> pd.DataFrame:
    """One row a lift: lift, margin_gained, full_cost, left_over (margin less cost), is_paid."""
    frame = pd.DataFrame({"lift": LIFTS, "margin_gained": LIFTS * baseline * margin, "full_cost": full_cost})
    frame["left_over"] = frame["margin_gained"] - frame["full_cost"]
    return frame.assign(is_paid=frame["left_over"] >= 0)
