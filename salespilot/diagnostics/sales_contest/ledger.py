"""Sales by day and salesperson, as an account that gives the sum of any period at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.periods import working_day_table

METRICS = {"revenue": "sum(amount_net)", "margin": "sum(margin)"} | {
    "orders": "count(distinct case when amount_net > 0 then coalesce(order_id, invoice_id, line_id) end)",
    "new_customers": "count(distinct case when invoice_date = first_day then customer_id end)",
}
WORDS = {
    "revenue": "revenue", "ca": "revenue", "turnover": "revenue", "sales": "revenue", "chiffre d’affaires": "revenue",
    "chiffre d'affaires": "revenue", "margin": "margin", "marge": "margin", "orders": "orders", "commandes": "orders",
    "new_customers": "new_customers", "nouveaux clients": "new_customers", "visits": "visits", "visites": "visits",
}  # fmt: skip
COMPANY = "company"
MONEY = ("revenue", "margin")
HOLDERS = """
select customer_id, rep_id from (
    select customer_id, rep_id, row_number() over (
        partition by customer_id order by coalesce(split_share, 1) desc, valid_from desc, rep_id) as place
    from customer_assignments
    where coalesce(role, 'owner') = 'owner' and (valid_from is null or valid_from <= date '{day}')
      and (valid_to is null or valid_to >= date '{day}')
) where place = 1"""


@dataclass(frozen=True)
class Ledger:
    """A measure by day, both ends of the span included.

    ``days``: every day; ``people``: who sold, by code; ``sums``: amounts cumulated, one row a day boundary (days + 1),
    one column a person; ``worked``: working days cumulated, alike. ``unnamed``: share of the whole that names nobody.
    """

    days: pd.DatetimeIndex
    people: tuple[str, ...]
    sums: np.ndarray
    worked: np.ndarray
    unnamed: float = 0.0

    @property
    def first(self) -> date:
        """The first day."""
        return self.days[0].date()

    @property
    def last(self) -> date:
        """The last day."""
        return self.days[-1].date()

    def place(self, day: date) -> int:
        """How many days lie before a day, within the span."""
        return int(np.clip((pd.Timestamp(day) - self.days[0]).days, 0, len(self.days)))

    def between(self, start: date, end: date) -> np.ndarray:
        """The measure of each person from ``start`` to ``end``, both included; 0 outside the span."""
        upper = self.place(end + pd.Timedelta(days=1))
        return self.sums[max(upper, self.place(start))] - self.sums[self.place(start)]

    def holds(self, start: date, end: date) -> bool:
        """Whether the period lies within the span."""
        return self.first <= start and end <= self.last

    def only(self, people: list[str]) -> Ledger:
        """The same for these people, in this order; nothing for those who are not in it."""
        places = {person: i for i, person in enumerate(self.people)}
        chosen = [self.sums[:, places[person]] if person in places else np.zeros(len(self.sums)) for person in people]
        sums = np.column_stack(chosen) if chosen else np.zeros((len(self.sums), 0))
        return Ledger(self.days, tuple(people), sums, self.worked, self.unnamed)

    def until(self, last: date) -> Ledger:
        """The same, as far as a day."""
        upper = self.place(last + pd.Timedelta(days=1))
        return Ledger(self.days[:upper], self.people, self.sums[: upper + 1], self.worked[: upper + 1], self.unnamed)


def metric_of(text: object) -> str:
    """The measure that a contest is run on; revenue where the export's word is not known."""
    return WORDS.get(str(text).strip().lower(), "revenue") if isinstance(text, str) else "revenue"


def worked_between(dataset: Dataset, start: date, end: date) -> int:
    """Working days, both ends included."""
    return int(working_day_table(dataset, start, end)["is_working_day"].sum()) if end >= start else 0


def ledger(dataset: Dataset, metric: str = "revenue", held_on: date | None = None) -> Ledger | None:
    """The measure by day and salesperson up to the as-of date; None without sales.

    ``held_on``: sales go to whoever holds the customer on that day, where assignments say so: a portfolio that changed
    hands is then compared with itself. Otherwise, and for customers whom nobody holds, to the one booked on the line.
    """
    frame = _activities(dataset) if metric == "visits" else _sales(dataset, metric, held_on)
    return None if frame.empty else _account(dataset, frame)


def _account(dataset: Dataset, frame: pd.DataFrame) -> Ledger:
    last = max(frame["day"].max(), pd.Timestamp(dataset.window.end))
    days = pd.date_range(frame["day"].min(), min(last, pd.Timestamp(dataset.as_of)), freq="D")
    frame = frame[frame["day"] <= days[-1]]
    whole, named = float(frame["amount"].abs().sum()), frame.dropna(subset="rep_id")
    table = named.pivot_table("amount", "day", "rep_id", aggfunc="sum").reindex(days).fillna(0.0)
    sums = np.vstack([np.zeros(len(table.columns)), table.to_numpy(dtype=float).cumsum(axis=0)])
    worked = working_day_table(dataset, days[0].date(), days[-1].date())["is_working_day"].to_numpy(dtype=float)
    unnamed = 1 - float(named["amount"].abs().sum()) / whole if whole else 0.0
    people = tuple(str(name) for name in table.columns)
    return Ledger(days, people, sums, np.concatenate([[0.0], worked.cumsum()]), unnamed)


def company_ledger(dataset: Dataset) -> Ledger | None:
    """Revenue by day as if one person sold it all, for lines that name nobody; None without sales."""
    frame = _sales(dataset, "revenue", None)
    return None if frame.empty else _account(dataset, frame.assign(rep_id=COMPANY))


def _sales(dataset: Dataset, metric: str, held_on: date | None) -> pd.DataFrame:
    held = HOLDERS.format(day=(held_on or dataset.as_of).isoformat())
    lines, person = "sales_lines as l", "l.rep_id_booked"
    if held_on is not None and dataset.has("customer_assignments"):
        lines, person = (
            f"sales_lines as l left join ({held}) as h using (customer_id)",
            "coalesce(h.rep_id, l.rep_id_booked)",
        )
    if metric == "new_customers":
        lines += (
            " join (select customer_id, min(invoice_date) as first_day from sales_lines group by 1) using (customer_id)"
        )
    frame = dataset.sql(
        f"select invoice_date as day, {person} as rep_id, ({METRICS[metric]})::double as amount from {lines} "
        "where invoice_date is not null and (customer_id is null or customer_id not in "
        "(select customer_id from customers where is_intercompany)) group by 1, 2 order by 1, 2"
    )
    frame["day"] = pd.to_datetime(frame["day"])
    return frame.dropna(subset="amount")


def _activities(dataset: Dataset) -> pd.DataFrame:
    frame = dataset.sql(
        "select done_date as day, rep_id, count(*)::double as amount from activities where done_date is not null "
        "and type in ('visit', 'demo') and coalesce(status, 'done') = 'done' group by 1, 2 order by 1, 2"
    )
    frame["day"] = pd.to_datetime(frame["day"])
    return frame


def points(dataset: Dataset, weights: dict[str, float], window: Window) -> pd.DataFrame:
    """Points of activities by person and month: rep_id, month_index, points."""
    cases = " ".join(f"when '{kind}' then {weight}" for kind, weight in weights.items())
    return dataset.sql(
        f"select rep_id, year(done_date) * 12 + month(done_date) as month_index, sum(case type {cases} else 0 end)"
        "::double as points from activities where coalesce(status, 'done') = 'done' and rep_id is not null and "
        f"done_date between date '{window.start}' and date '{window.end}' group by 1, 2 order by 1, 2"
    )
