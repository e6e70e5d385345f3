"""What the sales of a contest are worth: credit notes, discounts, margin, deals taken from later, past winners."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.sales_contest.choice import Contest
from salespilot.diagnostics.sales_contest.ledger import Ledger
from salespilot.diagnostics.sales_contest.model import Thresholds

DAY = timedelta(days=1)
RISING_IS_BAD = ("credit_notes", "discount", "late_invoices", "other_sellers")


def quality(dataset: Dataset, contest: Contest, before: int, after: int, thresholds: Thresholds) -> pd.DataFrame:
    """One row a measure: measure, usual, now, drift, is_problem.

    ``credit_notes``: credit notes on the invoices of the period (where they name them; else dated in it or in the days
    after) over what was invoiced; ``discount``: discounts over list prices; ``margin``: margin over revenue. Usual:
    the 12 months before the contest and the days around it. Only measures that the exports give.
    """
    end = min(contest.end, dataset.as_of)
    usual_end = contest.start - (before + 1) * DAY
    now = _measures(dataset, contest.start, end, after)
    usual = _measures(dataset, usual_end - 364 * DAY, usual_end, after)
    frame = pd.DataFrame({"measure": list(now), "usual": [usual[name] for name in now], "now": list(now.values())})
    frame = frame.dropna(subset=["usual", "now"]).reset_index(drop=True)
    frame["drift"] = frame["now"] - frame["usual"]
    is_worse = frame["measure"].isin(RISING_IS_BAD) & (frame["drift"] > thresholds.quality_drift)
    return frame.assign(
        is_problem=is_worse | ((frame["measure"] == "margin") & (frame["drift"] < -thresholds.quality_drift))
    )


def _measures(dataset: Dataset, start: date, end: date, after: int) -> dict[str, float]:
    given = dataset.columns("sales_lines")
    inside = f"l.invoice_date between date '{start}' and date '{end}'"
    until = f"date '{min(end + after * DAY, dataset.as_of)}'"
    row = dataset.sql(
        f"""select sum(case when {inside} and amount_net > 0 then amount_net end)::double as invoiced,
            sum(case when {inside} and amount_net > 0 then discount end)::double as discounts,
            sum(case when {inside} and margin is not null then margin end)::double as margin,
            sum(case when {inside} and margin is not null then amount_net end)::double as margin_revenue,
            -sum(case when amount_net < 0 and doc_type = 'credit_note' and l.original_invoice_id is null
                and l.invoice_date between date '{start}' and {until} then amount_net end)::double as loose_credits,
            count(case when doc_type = 'credit_note' or amount_net < 0 then 1 end)::double as any_credit
        from sales_lines l"""
    ).iloc[0]
    invoiced = float(row["invoiced"]) if pd.notna(row["invoiced"]) and row["invoiced"] > 0 else np.nan
    credits = float(np.nan_to_num(row["loose_credits"]))
    if "original_invoice_id" in given:
        tied = dataset.sql(
            f"""select -sum(c.amount_net)::double as amount from sales_lines c join (
                select distinct invoice_id from sales_lines l where {inside} and amount_net > 0) i
                on c.original_invoice_id = i.invoice_id
            where c.amount_net < 0 and c.invoice_date <= {until}"""
        )["amount"].iloc[0]
        credits += float(np.nan_to_num(tied))
    discounts = float(row["discounts"]) if pd.notna(row["discounts"]) else np.nan
    margin = row["margin"] / row["margin_revenue"] if row["margin_revenue"] and row["margin_revenue"] > 0 else np.nan
    return {
        "credit_notes": credits / invoiced if row["any_credit"] > 0 else np.nan,
        "discount": discounts / (invoiced + discounts),
        "margin": float(margin),
    }


def early_signs(dataset: Dataset, contest: Contest) -> list[tuple[str, float, float]]:
    """Further signs while the contest runs (measure, usual, now): sales booked on another than the holder."""
    if not dataset.has("customer_assignments"):
        return []
    shares = []
    for start, end in (
        (contest.start - 365 * DAY, contest.start - DAY),
        (contest.start, min(contest.end, dataset.as_of)),
    ):
        row = dataset.sql(
            f"""select sum(case when a.rep_id <> l.rep_id_booked then amount_net end)::double as elsewhere,
                sum(amount_net)::double as whole
            from sales_lines l join customer_assignments a on a.customer_id = l.customer_id
                and coalesce(a.role, 'owner') = 'owner' and coalesce(a.split_share, 1) > 0.5
                and (a.valid_from is null or a.valid_from <= l.invoice_date)
                and (a.valid_to is null or a.valid_to >= l.invoice_date)
            where l.invoice_date between date '{start}' and date '{end}' and amount_net > 0
                and l.rep_id_booked is not null"""
        ).iloc[0]
        shares.append(float(np.nan_to_num(row["elsewhere"])) / row["whole"] if row["whole"] else np.nan)
    return [] if np.isnan(shares).any() else [("other_sellers", shares[0], shares[1])]


def pulled_deals(dataset: Dataset, start: date, end: date) -> tuple[int, int] | None:
    """Deals won from ``start`` to ``end``, and those of them expected, at ``start``, to close after ``end``.

    None without a history of expected closing dates: today's date was moved with the deal.
    """
    if not dataset.has("opportunity_events"):
        return None
    row = dataset.sql(
        f"""with moves as (
            select opportunity_id, event_ts, try_cast(old_value as date) as old_day,
                try_cast(new_value as date) as new_day
            from opportunity_events where field = 'close_date'
        ), then_known as (
            select opportunity_id, arg_max(new_day, event_ts) as day from moves
            where event_ts < date '{start}' group by 1
        ), first_move as (
            select opportunity_id, arg_min(old_day, event_ts) as day from moves
            where event_ts >= date '{start}' group by 1
        )
        select count(*) as won, count(case when coalesce(t.day, f.day, o.expected_close_date) > date '{end}' then 1 end)
            as later
        from opportunities o left join then_known t using (opportunity_id) left join first_move f using (opportunity_id)
        where o.status = 'won' and o.closed_date between date '{start}' and date '{end}'
            and o.created_date < date '{start}'"""
    ).iloc[0]
    return int(row["won"]), int(row["later"])


def prize_shares(
    known: Sequence[Contest], sold: Ledger, ranked: dict[str, pd.DataFrame], winners: dict[str, int]
) -> pd.DataFrame:
    """One row a contest over: contest_id, date (end), participant_count, winner_count, top_seller_prizes (share won by
    the quarter of participants who sold most in the 12 months before).

    ``ranked``: contest_id -> everyone by place; ``winners``: contest_id -> how many won.
    """
    rows = []
    for contest in known:
        if contest.contest_id not in ranked:
            continue
        table = ranked[contest.contest_id]
        ids = list(table["rep_id"])
        volume = sold.only(ids).between(contest.start - 365 * DAY, contest.start - DAY)
        best = (
            {ids[i] for i in np.argsort(-volume, kind="stable")[: max(round(len(ids) / 4), 1)]} if len(ids) else set()
        )
        count = winners[contest.contest_id]
        won = [rep for rep, place in zip(table["rep_id"], table["place"], strict=True) if place <= count]
        share = len(best.intersection(won)) / len(won) if won else np.nan
        rows.append((contest.contest_id, pd.Timestamp(contest.end), len(ids), len(won), share))
    columns = ["contest_id", "end_date", "participant_count", "winner_count", "top_seller_prizes"]
    return pd.DataFrame(rows, columns=columns)
