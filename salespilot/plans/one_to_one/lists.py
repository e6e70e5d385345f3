"""What to decide on: deals, customers; and what became of what was decided before."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.finding import Reason, absent
from salespilot.plans.one_to_one.model import NotComputable, Results, Thresholds

DEAL_COLUMNS = (
    "name", "stage", "amount", "win_probability", "weighted_amount", "why", "next_step_date", "expected_close_date",
    "opportunity_id",
)  # fmt: skip
CUSTOMER_COLUMNS = (
    "customer_name", "why", "net_revenue", "headroom", "gap_ratio", "score", "last_order_date", "customer_id",
)  # fmt: skip
COMMITMENT_COLUMNS = ("decided_on", "title", "due_date", "progress", "commitment_state", "action_id")
OVERDUE = ("late", "dormant")
NOTHING_TO_DECIDE = ("keep",)


def deals(results: Results, rep: str, thresholds: Thresholds) -> pd.DataFrame:
    """Open deals that are stalled, without a next step to come, or past their expected close, dearest value × chance of
    winning first [T09]; ``why`` is the first of the three. At most ``deals_shown``."""
    cycle = results.get("sales_cycle")
    if cycle is None:
        raise NotComputable(Reason("absent_report", {"report": "sales_cycle"}))
    if cycle[0].open_deals is None:
        raise NotComputable(cycle[0].not_computable.get("open_deals", absent("opportunities")))
    own = cycle[0].open_deals
    own = own[own["rep_id"] == rep].copy()
    # What is not known (deals known from events alone have no next step to read) blocks nothing.
    blocked = {"stalled": own["is_stalled"].eq(True), "past_close": own["is_past_close"].eq(True)}
    blocked |= {"no_next_step": own["has_next_step"].eq(False)}
    own["why"] = np.select(list(blocked.values()), list(blocked), "")
    own["worth"] = own["weighted_amount"].fillna(0.0)
    own = own[own["why"] != ""].sort_values(["worth", "opportunity_id"], ascending=[False, True])
    return own.reindex(columns=list(DEAL_COLUMNS)).head(thresholds.deals_shown).reset_index(drop=True)


def customers(results: Results, rep: str, thresholds: Thresholds) -> pd.DataFrame:
    """Customers held that call for a decision, at most ``customers_shown``.

    Those silent beyond their own rhythm weigh headroom × silence over their mean gap, counted up to that of a dormant
    customer [T01]; those that the portfolio review would decide on, headroom or revenue, whichever is bigger. Then
    those that the cross matrix would take up. Where no potential is known, revenue stands in for headroom.
    """
    review, matrix = results.get("portfolio_review"), results.get("abc_cross_matrix")
    if review is None and matrix is None:
        raise NotComputable(Reason("absent_report", {"report": "portfolio_review"}))
    parts = []
    if review is not None:
        own = review[0].customers
        parts.append(_weighed(own[own["owner_id"] == rep], thresholds))
    candidates = matrix[0].candidates if matrix is not None else None
    if candidates is not None:
        chosen = candidates[candidates["owner_id"] == rep].rename(columns={"name": "customer_name", "objective": "why"})
        parts.append(chosen.assign(score=np.nan))
    kept = [part.reindex(columns=list(CUSTOMER_COLUMNS)) for part in parts if len(part)]
    if not kept:
        return pd.DataFrame(columns=list(CUSTOMER_COLUMNS))
    together = pd.concat([part.astype(object) for part in kept], ignore_index=True)
    together = together.drop_duplicates("customer_id").head(thresholds.customers_shown).reset_index(drop=True)
    numbers = dict.fromkeys(("net_revenue", "headroom", "gap_ratio", "score"), float)
    return together.astype(numbers).assign(last_order_date=pd.to_datetime(together["last_order_date"]))


def _weighed(own: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The customers of the portfolio review that call for a decision, the weightiest first."""
    gap_ratio = own["gap_days"].astype(float) / own["mean_gap_days"].astype(float)
    revenue = own[["net_revenue", "net_revenue_previous"]].astype(float).max(axis=1)
    headroom = own["headroom"].astype(float)
    is_late = own["buying_status"].isin(OVERDUE) & gap_ratio.notna()
    is_decided = own["decision"].notna() & ~own["decision"].isin(NOTHING_TO_DECIDE)
    score = np.where(
        is_late,
        headroom.fillna(revenue).clip(lower=0.0) * gap_ratio.clip(upper=thresholds.overdue_most),
        np.fmax(headroom, revenue),
    )
    why = own["decision"].where(is_decided, own["buying_status"])
    own = own.assign(gap_ratio=gap_ratio, score=score, why=why)[is_late | is_decided]
    return own.sort_values(["score", "customer_id"], ascending=[False, True])


def commitments(dataset: Dataset, thresholds: Thresholds) -> pd.DataFrame | None:
    """Actions decided at one-to-ones of the last ``commitments_days``, of everyone, the latest meeting first; None
    without a register.

    kept: done in time (or on a day that nobody knows); done_late; missed: due and not done; pending: not yet due;
    dropped: given up by both, neither kept nor due.
    """
    if not dataset.has("actions"):
        return None
    own = dataset.table("actions")
    as_of = pd.Timestamp(dataset.as_of)
    own = own[(own["source"] == "one_to_one") & own["status"].isin(("planned", "in_progress", "done", "dropped"))]
    own = own[own["owner_rep_id"].notna() & own["decided_on"].notna() & (own["decided_on"] <= as_of)].copy()
    own = own[own["decided_on"] >= as_of - pd.Timedelta(days=thresholds.commitments_days)]
    is_done = own["status"] == "done"
    states = {"done_late": is_done & (own["done_on"] > own["due_date"]), "kept": is_done}
    states |= {"dropped": own["status"] == "dropped", "missed": own["due_date"] < as_of}
    own["commitment_state"] = np.select(list(states.values()), list(states), "pending")
    own = own.sort_values(["decided_on", "due_date", "action_id"], ascending=[False, True, True])
    return own[[*COMMITMENT_COLUMNS, "owner_rep_id"]].reset_index(drop=True)


def meetings(own: pd.DataFrame) -> pd.DataFrame:
    """One row a one-to-one (the distinct ``decided_on``), the latest first: actions decided, due, kept, completion."""
    state = own["commitment_state"]
    counted = own.assign(due_actions=state.isin(("kept", "done_late", "missed")), kept_count=state == "kept")
    grouped = counted.groupby("decided_on").agg(
        decided_actions=("action_id", "size"), due_actions=("due_actions", "sum"), kept_count=("kept_count", "sum")
    )
    grouped["commitment_completion"] = grouped["kept_count"] / grouped["due_actions"].where(grouped["due_actions"] > 0)
    return grouped.sort_index(ascending=False).reset_index()
