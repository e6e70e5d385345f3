"""Whether a deal declared at 70 % is won seven times in ten: Brier score, reliability by band, what to say instead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.finding import Reason, absent
from salespilot.inference import wilson

BANDS = 10
OVERWRITTEN = 0.9
"""Share of won deals at 100 %, or of lost ones at 0 %, from which the declared value is that of the closing."""
PRIOR_DEALS = 20.0
"""Weight of the declared probability, in deals, against what came true."""

STAGE_ENTRIES = """
with declared as (
    select stage_code, median(probability_declared) as probability
    from opportunities where status = 'open' and probability_declared between 0.01 and 0.99 and stage_code is not null
    group by stage_code
), entered as (
    select opportunity_id, new_value as stage_code, min(event_ts)::date as day
    from opportunity_events where field = 'stage' group by all
)
select e.opportunity_id, e.day, d.probability, o.status, o.closed_date
from entered e join declared d using (stage_code) join opportunities o using (opportunity_id)
order by e.opportunity_id, e.day, d.probability
"""


@dataclass(frozen=True)
class Declared:
    """Declared probabilities with their outcomes: ``cases`` (probability, is_won); ``is_by_stage``: read from the
    stages' usual probability because the deals' own was overwritten; ``open_count``: cases left out, still open."""

    cases: pd.DataFrame
    is_by_stage: bool
    open_count: int = 0


def declared(dataset: Dataset, quantile: float) -> Declared | Reason:
    """Declared probabilities against what came true, or why none can be had.

    Deals closed in the period, at the probability they still carry. Where closing overwrites it (0 or 100 %), each
    stage's probability among open deals is set against the fate of the deals that entered that stage, those entered
    so long ago that the ``quantile`` of deals has closed by then; the few still open are left out and counted.
    """
    if not dataset.has("opportunities"):
        return absent("opportunities")
    if "probability_declared" not in dataset.columns("opportunities"):
        return Reason("no_probability")
    deals = dataset.table("opportunities")
    window = dataset.window
    closed = deals[deals["status"].isin(["won", "lost", "cancelled"]) & deals["probability_declared"].notna()]
    closed = closed[closed["closed_date"].between(pd.Timestamp(window.start), pd.Timestamp(window.end))]
    is_won = closed["status"] == "won"
    at_end = closed["probability_declared"].where(is_won, 1 - closed["probability_declared"]) >= 0.99
    if not closed.empty and not any(at_end[mask].mean() >= OVERWRITTEN for mask in (is_won, ~is_won) if mask.any()):
        return Declared(pd.DataFrame({"probability": closed["probability_declared"], "is_won": is_won}), False)
    if not dataset.has("opportunity_events"):
        return Reason("probability_overwritten" if len(closed) else "no_probability")
    return _by_stage(dataset, quantile)


def _by_stage(dataset: Dataset, quantile: float) -> Declared | Reason:
    entries = dataset.sql(STAGE_ENTRIES)
    for column in ("day", "closed_date"):
        entries[column] = pd.to_datetime(entries[column])
    is_closed = entries["status"].isin(["won", "lost", "cancelled"])
    ages = (entries["closed_date"] - entries["day"])[is_closed].dt.days
    if ages.dropna().empty:
        return Reason("probability_overwritten")
    ripe = pd.Timedelta(days=float(np.ceil(ages.quantile(quantile))))
    last = pd.Timestamp(dataset.window.end) - ripe
    first = pd.Timestamp(dataset.window.start) - ripe if dataset.months else pd.Timestamp.min
    cohort = entries["day"].between(first, last)
    kept = entries[cohort & is_closed]
    cases = pd.DataFrame({"probability": kept["probability"], "is_won": kept["status"] == "won"})
    return Declared(cases.reset_index(drop=True), True, int((cohort & ~is_closed).sum()))


def brier(cases: pd.DataFrame) -> float:
    """Mean of (declared − outcome)², 0 best; NaN without a case."""
    return float(((cases["probability"] - cases["is_won"]) ** 2).mean())


def reliability(cases: pd.DataFrame, small: int) -> pd.DataFrame:
    """One row a band of ten points that holds a case.

    Columns: probability_band_low, probability_band_high, probability_declared (mean), n, won_count, won_rate, won_low,
    won_high (Wilson, 95 %), probability_empirical (what to say instead: the rate, with the declared value counting for
    twenty deals), is_off (the interval misses the declared value). Fewer than ``small`` cases: counts only.
    """
    band = np.minimum(np.floor(cases["probability"].to_numpy() * BANDS + 1e-9), BANDS - 1)
    made = cases.groupby(band).agg(
        probability_declared=("probability", "mean"), n=("is_won", "size"), won_count=("is_won", "sum")
    )
    made["probability_declared"] = made["probability_declared"].round(9)
    low, high = wilson(made["won_count"], made["n"])
    made["won_rate"], made["won_low"], made["won_high"] = made["won_count"] / made["n"], low, high
    made["probability_empirical"] = (made["won_count"] + PRIOR_DEALS * made["probability_declared"]) / (
        made["n"] + PRIOR_DEALS
    )
    shown = made["n"] >= small
    rates = ["won_rate", "won_low", "won_high", "probability_empirical"]
    made[rates] = made[rates].where(shown)
    missed = (made["probability_declared"] < made["won_low"]) | (made["probability_declared"] > made["won_high"])
    made["is_off"] = shown & missed
    made.insert(0, "probability_band_low", made.index / BANDS)
    made.insert(1, "probability_band_high", (made.index + 1) / BANDS)
    return made.reset_index(drop=True)


def weighted(dataset: Dataset, bands: pd.DataFrame) -> tuple[float, float]:
    """Value of the open deals weighted by the declared probability, and by what comes true in its band."""
    deals = dataset.table("opportunities")
    deals = deals[deals["status"] == "open"].dropna(subset=["amount", "probability_declared"])
    declared = deals["probability_declared"]
    place = np.minimum(np.floor(declared * BANDS + 1e-9), BANDS - 1) / BANDS
    true = place.round(6).map(bands.set_index(bands["probability_band_low"].round(6))["probability_empirical"])
    return float((deals["amount"] * declared).sum()), float((deals["amount"] * true.fillna(declared)).sum())
