"""The three pillars of commercial performance [S3]: what people say of them, beside what the data show.

Self-assessed: ratings 1 to 5 whose skill is one of the pillars, as a share of the highest. Measured are proxies of this
kit [J], shares of the decided actions: plan, those with an indicator, a target, an owner and a due date; means, those
with hours planned and an owner in post; steering, those reviewed within their own rhythm.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.intake.register import OPEN

PILLARS = ("plan", "means", "steering")
GRACE_DAYS = 7


def pillars(dataset: Dataset) -> pd.DataFrame:
    """One row a pillar: self_assessed and measured (0 to 1, missing where nothing says), and their counts."""
    ratings = dataset.table("rep_assessments")
    ratings = ratings[ratings["skill_code"].isin(PILLARS)]
    latest = ratings[ratings["date"] == ratings["date"].max()]
    said = latest.groupby("skill_code")["rating"].agg(["mean", "size"])
    shown = _measures(dataset)
    rows = [
        {
            "pillar": pillar,
            "self_assessed": float(said["mean"].get(pillar, np.nan)) / 5,
            "rating_count": int(said["size"].get(pillar, 0)),
            "measured": shown.get(pillar, np.nan),
            "action_count": int(shown["count"]),
        }
        for pillar in PILLARS
    ]
    return pd.DataFrame(rows)


def _measures(dataset: Dataset) -> dict[str, float]:
    actions = dataset.table("actions")
    own = actions[actions["status"].isin(OPEN)]
    if own.empty:
        return {"count": 0.0}
    has = {name: own[name].notna() for name in ("metric", "target_value", "owner_rep_id", "due_date", "hours_planned")}
    reps = dataset.table("reps")
    present = reps.loc[reps["end_date"].isna() | (reps["end_date"] >= pd.Timestamp(dataset.as_of)), "rep_id"]
    since = (pd.Timestamp(dataset.as_of) - own["last_review_date"].fillna(own["start_date"])).dt.days
    on_time = since <= own["review_cadence_days"].astype(float) + GRACE_DAYS
    return {
        "count": float(len(own)),
        "plan": float((has["metric"] & has["target_value"] & has["owner_rep_id"] & has["due_date"]).mean()),
        "means": float((has["hours_planned"] & own["owner_rep_id"].isin(present)).mean()),
        "steering": float(on_time.mean()),
    }
