"""What orders and deals say of the rest of the period (M4): the backlog, the open deals, what is not yet created."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.deals import deals, spells, win_probabilities
from salespilot.diagnostics.dynamic_steering.model import Thresholds
from salespilot.diagnostics.dynamic_steering.series import Timeline

MAX_LAG = 365


@dataclass(frozen=True)
class Book:
    """Orders and deals of someone at the as-of date.

    ``backlog``       ordered and due within the period; None: unknown. ``rolled_backlog``: of it, dated in the past
    ``deals``         one row an open deal: amounts, chances, whether it can still count in the period
    ``closed``        every deal, for the history of what was won from where
    ``lag_days``      from winning a deal to invoicing it; ``until``: the last day on which a win counts
    """

    backlog: float | None
    rolled_backlog: float
    deals: pd.DataFrame
    closed: pd.DataFrame
    lag_days: int
    until: date

    @property
    def weighted(self) -> float:
        """What the open deals should bring within the period."""
        return float(self.deals["weighted_amount"].sum())


def invoicing_lag(dataset: Dataset) -> int:
    """Median days from order to invoice; 0 where won deals are the sales, or no order is dated."""
    if dataset.sales_basis != "invoiced" or "order_date" not in dataset.columns("sales_lines"):
        return 0
    row = dataset.sql(
        "select median(invoice_date - order_date) as lag from sales_lines "
        "where order_date is not null and amount_net > 0 and invoice_date >= order_date"
    )
    lag = row["lag"].iloc[0]
    return 0 if pd.isna(lag) else int(min(lag, MAX_LAG))


def remaining_days(dataset: Dataset, everyone: pd.DataFrame) -> pd.DataFrame:
    """How long won deals took from first entering each stage to winning: stage_code, p50_days, p75_days, n.

    The row of stage_code "" is the whole cycle, from creation.
    """
    won = everyone[(everyone["status"] == "won") & everyone["closed_date"].notna() & ~everyone["is_born_closed"]]
    whole = (won["closed_date"] - won["created_date"]).dt.days
    parts = [pd.DataFrame({"stage_code": "", "days": whole})]
    stays = spells(dataset)
    if len(stays):
        firsts = stays.groupby(["opportunity_id", "stage_code"], as_index=False)["entered"].min()
        firsts = firsts.merge(won[["opportunity_id", "closed_date"]], on="opportunity_id")
        firsts["days"] = (firsts["closed_date"] - firsts["entered"].dt.normalize()).dt.days
        parts.append(firsts[["stage_code", "days"]])
    days = pd.concat(parts).dropna().query("days >= 0").groupby("stage_code")["days"]
    return pd.DataFrame({"p50_days": days.median(), "p75_days": days.quantile(0.75), "n": days.size()}).reset_index()


def open_deals(dataset: Dataset, everyone: pd.DataFrame, until: date) -> pd.DataFrame:
    """The open deals and what they may bring by ``until``, one row each.

    Adds win_probability (by ``until``), is_overdue (expected to close before the as-of date), due_date (the expected
    one; of an overdue deal, today plus the third quartile of what its stage still takes), is_counted (not overdue, or
    due by ``until`` all the same) and weighted_amount (amount x chance, 0 where it is not counted).
    """
    table = everyone[(everyone["status"] == "open") & (everyone["amount"] > 0)].copy()
    chance = win_probabilities(dataset, until) if until > dataset.as_of else None
    if chance is None or table.empty:
        table["win_probability"] = 0.0
    else:
        table["win_probability"] = table["opportunity_id"].map(
            chance.set_index("opportunity_id")["win_probability"]
        ).astype(float).fillna(0.0)  # fmt: skip
    as_of = pd.Timestamp(dataset.as_of)
    left = remaining_days(dataset, everyone).set_index("stage_code")["p75_days"]
    usual = float(left.get("", 0.0))
    rolled = as_of + pd.to_timedelta(table["stage_code"].map(left).astype(float).fillna(usual).round(), unit="D")
    table["is_overdue"] = table["expected_close_date"] < as_of
    table["due_date"] = table["expected_close_date"].mask(table["is_overdue"], rolled)
    table["is_counted"] = ~table["is_overdue"] | (table["due_date"] <= pd.Timestamp(until))
    table["weighted_amount"] = (table["amount"] * table["win_probability"]).where(table["is_counted"], 0.0)
    return table


def booked(dataset: Dataset, time: Timeline, reps: set[str] | None) -> Book:
    """The book of the company (``reps`` None) or of some salespeople."""
    lag = invoicing_lag(dataset)
    until = time.period.end - timedelta(days=lag)
    everyone = deals(dataset)
    waiting = open_deals(dataset, everyone, until)
    if reps is not None:
        everyone, waiting = everyone[everyone["rep_id"].isin(reps)], waiting[waiting["rep_id"].isin(reps)]
    if not dataset.has("orders_backlog") or dataset.sales_basis != "invoiced":
        return Book(None, 0.0, waiting, everyone, lag, until)
    orders = dataset.table("orders_backlog")
    if reps is not None:
        orders = orders[orders["rep_id"].isin(reps)]
    as_of = pd.Timestamp(dataset.as_of)
    late = orders["due_date"] <= as_of
    # A date that has passed says nothing: such orders are expected after the usual time from order to invoice.
    due = orders["due_date"].mask(late, as_of + pd.Timedelta(days=max(lag, 1)))
    inside = due <= pd.Timestamp(time.period.end)
    total, rolled = orders.loc[inside, "remaining"].sum(), orders.loc[inside & late, "remaining"].sum()
    return Book(float(total), float(rolled), waiting, everyone, lag, until)


def ordered_before(dataset: Dataset, day: date, end: date, reps: set[str] | None) -> float | None:
    """What was ordered by a day and invoiced after it up to ``end``; None where orders are not dated."""
    if dataset.sales_basis != "invoiced" or "order_date" not in dataset.columns("sales_lines"):
        return None
    rows = dataset.sql(
        "select rep_id_booked as rep_id, sum(amount_net)::double as amount from sales_lines where order_date <= "
        f"date '{day}' and invoice_date > date '{day}' and invoice_date <= date '{end}' group by 1"
    )
    return float(rows.loc[rows["rep_id"].isin(reps) if reps is not None else slice(None), "amount"].sum())


def won_between(closed: pd.DataFrame, day: date, until: date) -> tuple[float, float]:
    """What was won after a day and up to ``until``: from deals open that day, and from deals created later."""
    after, last = pd.Timestamp(day), pd.Timestamp(until)
    won = closed[(closed["status"] == "won") & (closed["closed_date"] > after) & (closed["closed_date"] <= last)]
    is_old = won["created_date"] <= after
    return float(won.loc[is_old, "amount"].sum()), float(won.loc[~is_old, "amount"].sum())


@dataclass(frozen=True)
class Rest:
    """What the rest of the period is made of, seen at one date: the parts add up to the rest.

    ``created`` is won from deals not yet created; ``other`` comes outside orders and deals known at the date.
    """

    backlog: float
    pipeline: float
    created: float
    other: float


def rest_at(dataset: Dataset, time: Timeline, book: Book, back: int, rest: float, reps: set[str] | None) -> Rest:
    """What the rest of an earlier period turned out to be made of."""
    day, end = time.date_at(back), time.end_at(back)
    held = ordered_before(dataset, day, end, reps) if book.backlog is not None else None
    backlog = held or 0.0
    pipeline, created = won_between(book.closed, day, end - timedelta(days=book.lag_days))
    return Rest(backlog, pipeline, created, rest - backlog - pipeline - created)


def expected_rest(
    dataset: Dataset, time: Timeline, amount: np.ndarray, book: Book, back: int, reps: set[str] | None
) -> Rest | None:
    """M4 at a date ``back`` slots ago (0: now): what each part of the rest was expected to bring.

    What is not yet created brings what it brought a year before from the same point on, times g' (as in M3). None
    where the deals or the sales do not reach back a year.
    """
    year = 12 * time.step
    start = time.known - time.elapsed - back
    first = start - year
    if first < 0 or np.isnan(amount[first : first + time.length]).any():
        return None
    before, now = amount[first : first + time.elapsed].sum(), amount[start : start + time.elapsed].sum()
    known_since = book.closed["created_date"].min()
    if before <= 0 or pd.isna(known_since) or known_since > pd.Timestamp(time.date_at(back + year)):
        return None
    rest = float(amount[first + time.elapsed : first + time.length].sum())
    past = rest_at(dataset, time, book, back + year, rest, reps)
    growth = 1 + (now / before - 1) * time.elapsed / time.length
    if back == 0:
        held, weighted = book.backlog or 0.0, book.weighted
    else:
        then = dataset.at(time.date_at(back))
        until = time.end_at(back) - timedelta(days=book.lag_days)
        waiting = open_deals(then, deals(then), until)
        if reps is not None:
            waiting = waiting[waiting["rep_id"].isin(reps)]
        held = 0.0
        if book.backlog is not None:
            held = ordered_before(dataset, time.date_at(back), time.end_at(back), reps) or 0.0
        weighted = float(waiting["weighted_amount"].sum())
    return Rest(held, weighted, past.created * growth, past.other * growth)


def forecasts(
    dataset: Dataset, time: Timeline, amount: np.ndarray, book: Book, reps: set[str] | None, thresholds: Thresholds
) -> tuple[dict[int, float], Rest | None]:
    """What M4 says of the rest, now and at earlier dates two months apart, by ``back``; and its parts now."""
    parts = expected_rest(dataset, time, amount, book, 0, reps)
    if parts is None:
        return {}, None
    said = {0: _total(parts)}
    left = -(-(time.length - time.elapsed) // time.step) * time.step
    for turn in range(thresholds.pipeline_origins):
        back = left + 2 * turn * time.step
        if back + 12 * time.step > time.known - time.elapsed:
            break
        then = expected_rest(dataset, time, amount, book, back, reps)
        if then is not None:
            said[back] = _total(then)
    return {back: rest for back, rest in said.items() if rest > 0}, parts


def _total(parts: Rest) -> float:
    return parts.backlog + parts.pipeline + parts.created + parts.other
