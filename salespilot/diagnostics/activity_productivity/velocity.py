"""Sales velocity: deals in hand × win rate × average deal won / cycle, in money a day, and what changed it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.deals import deals
from salespilot.diagnostics.activity_productivity.model import NotComputable
from salespilot.finding import Reason, absent
from salespilot.inference import lmdi, wilson

LEVERS = ("open_deals", "win_rate", "average_won", "cycle_days")


def velocity(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """One row a period (previous, current): open_deals at its end, closed_count, won_count, win_rate with its 95 %
    interval, average_won, cycle_days (median, from creation to winning) and velocity; and, where both periods have
    one, the change in velocity by lever (step, amount), exactly additive. [S61b]"""
    if not dataset.has("opportunities"):
        raise NotComputable(absent("opportunities"))
    known = deals(dataset)
    known = known[~known["is_cleanup"]]
    windows = {"previous": dataset.previous, "current": dataset.window}
    rows = [{"period": name} | _of(known, window) for name, window in windows.items() if window is not None]
    table = pd.DataFrame(rows)
    if table["velocity"].isna().all():
        raise NotComputable(Reason("no_deal_won"))
    if len(table) < 2 or table["velocity"].isna().any():
        return table, None
    factors = table[list(LEVERS)].astype(float).assign(cycle_days=1 / table["cycle_days"].astype(float)).to_numpy()
    parts = lmdi(factors[1], factors[0])
    before, now = table["velocity"].tolist()
    steps = [("previous", before), *zip(LEVERS, parts.tolist(), strict=True), ("current", now)]
    return table, pd.DataFrame(steps, columns=["step", "amount"])


def _of(known: pd.DataFrame, window: Window) -> dict[str, float]:
    start, end = pd.Timestamp(window.start), pd.Timestamp(window.end)
    closed = known[known["status"].isin(["won", "lost", "cancelled"]) & known["closed_date"].between(start, end)]
    held = known[(known["created_date"] <= end) & ~(known["closed_date"] <= end)]
    won = closed[closed["status"] == "won"]
    low, high = wilson(len(won), len(closed))
    cycle = (won["closed_date"] - won["created_date"]).dt.days
    days = max(float(cycle.median()), 1.0) if cycle.notna().any() else np.nan
    rate = len(won) / len(closed) if len(closed) else np.nan
    mean = float(won["amount"].mean()) if len(won) else np.nan
    return {
        "open_deals": len(held), "closed_count": len(closed), "won_count": len(won), "win_rate": rate,
        "rate_low": float(low), "rate_high": float(high), "average_won": mean, "cycle_days": days,
        "velocity": len(held) * rate * mean / days,
    }  # fmt: skip
