"""What was really sold: by salesperson, team and company, between any two days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, month_start

COMPANY = "company"
BASES = {
    "invoiced": "select rep_id_booked as rep_id, invoice_date as day, amount_net as amount from sales_lines",
    "won_deals": "select rep_id, closed_date as day, amount from opportunities where status = 'won'",
}
DAILY = "select rep_id, day, sum(amount)::double as amount from ({lines}) where day is not null group by all"


@dataclass(frozen=True)
class Actuals:
    """Sums of actual sales. ``basis``: invoiced or won_deals; known from ``first`` to ``last``, both included.

    ``running``: cumulated amounts, one row a day with sales, one column a (level, entity). ``present``: rep_id ->
    first and last day of presence (columns since, until; missing: no limit known).
    """

    basis: str
    first: pd.Timestamp
    last: pd.Timestamp
    running: pd.DataFrame
    present: pd.DataFrame

    def of(self, level: pd.Series, entity: pd.Series, start: pd.Series, end: pd.Series) -> pd.Series:
        """The actual of each entity between two days, both included.

        Missing where the days are not all known, or where a salesperson was not there from the first to the last.
        Somebody known who never sold anything sold nothing, unless the lines name nobody.
        """
        where = self.running.columns.get_indexer(pd.MultiIndex.from_arrays([level, entity]))
        days = self.running.index.to_numpy()
        sums = np.vstack([np.zeros(self.running.shape[1]), self.running.to_numpy(dtype=float)])
        opening = sums[np.searchsorted(days, start.to_numpy(), side="left"), where]
        closing = sums[np.searchsorted(days, end.to_numpy(), side="right"), where]
        since, until = (entity.map(self.present[column]) for column in ("since", "until"))
        absent = (level == "rep") & ((since > start) | (until < end))
        idle = (level == "rep") & entity.isin(self.present.index) & ("rep" in self.running.columns.get_level_values(0))
        known = ((where >= 0) | idle) & (start >= self.first) & (end <= self.last) & ~absent
        return pd.Series(np.where(where >= 0, closing - opening, 0.0), index=level.index).where(known).round(4)


def bases(dataset: Dataset) -> list[str]:
    """What may stand for actual sales, the best first: invoices where exported, then deals won."""
    invoiced = ["invoiced"] if dataset.sales_basis == "invoiced" and dataset.has("sales_lines") else []
    won = {"status", "closed_date", "amount"} <= set(dataset.columns("opportunities"))
    return [*invoiced, *(["won_deals"] if won and dataset.has("opportunities") else [])]


def actuals(dataset: Dataset, basis: str) -> Actuals | None:
    """The actual sales known at ``as_of`` up to the end of the period reported on; None without any.

    A salesperson's results are those booked on the lines: they follow who held the customer then.
    """
    daily = dataset.sql(DAILY.format(lines=BASES[basis]))
    if daily.empty:
        return None
    daily["day"] = pd.to_datetime(daily["day"])
    reps = dataset.table("reps").set_index("rep_id")
    teams = daily["rep_id"].map(reps["team_id"])
    parts = [
        daily.assign(level="rep", entity_id=daily["rep_id"]),
        daily.assign(level="team", entity_id=teams),
        daily.assign(level=COMPANY, entity_id=COMPANY),
    ]
    wide = pd.concat(parts).dropna(subset="entity_id")
    running = wide.pivot_table(index="day", columns=["level", "entity_id"], values="amount", aggfunc="sum")
    return Actuals(
        basis,
        pd.Timestamp(month_start(daily["day"].min().date())),
        pd.Timestamp(_closed(dataset)),
        running.sort_index().fillna(0.0).cumsum(),
        _presence(daily, reps),
    )


def _closed(dataset: Dataset) -> date:
    """The last day that is known whole: of a month in progress, nothing is."""
    window = dataset.window
    return month_start(window.end) - timedelta(days=1) if window.is_partial else window.end


def _presence(daily: pd.DataFrame, reps: pd.DataFrame) -> pd.DataFrame:
    first_sale = daily.groupby("rep_id")["day"].min()
    since = reps["start_date"].fillna(first_sale.reindex(reps.index))
    return pd.DataFrame({"since": since, "until": reps["end_date"]})
