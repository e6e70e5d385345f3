"""What became of the deals due, and how the pipeline of one day becomes that of another, to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, month_end, month_start
from salespilot.deals import push_band, push_record, stage_table
from salespilot.diagnostics.sales_cycle.settings import Thresholds

MONTHS = 12
LANDED = ("on_time", "one_month_late", "two_months_late", "later", "lost", "still_open")
STEPS = ("start", "created", "reopened", "pulled_in", "amount_change", "pushed_out", "won", "lost", "cleanup",
         "cancelled", "unexplained", "end")  # fmt: skip

_STATES = """
with days(day) as (values {days}), changes as (
    select opportunity_id, event_ts::date as on_day, (event_ts, event_id) as at_time, field, old_value, new_value
    from opportunity_events where field in ('amount', 'close_date', 'stage', 'status')
)
select d.day, o.opportunity_id,
    try_cast(coalesce(
        arg_max(new_value, at_time) filter (field = 'amount' and on_day < d.day),
        arg_min(old_value, at_time) filter (field = 'amount' and on_day >= d.day)) as double) as amount_then,
    try_cast(coalesce(
        arg_max(new_value, at_time) filter (field = 'close_date' and on_day < d.day),
        arg_min(old_value, at_time) filter (field = 'close_date' and on_day >= d.day)) as date) as due_then,
    arg_max(new_value, at_time) filter (field = 'status' and on_day < d.day) as status_then,
    arg_max(new_value, at_time) filter (field = 'stage' and on_day < d.day) as stage_then,
    try_cast(arg_min(coalesce(old_value, new_value), at_time) filter (field = 'amount') as double) as first_amount
from days d join opportunities o on (o.created_date is null or o.created_date < d.day)
    left join changes c using (opportunity_id)
group by 1, 2
order by 1, 2
"""


def states(dataset: Dataset, frame: pd.DataFrame, days: Sequence[date]) -> pd.DataFrame:
    """One row a day and deal created before it, as it stood on the eve: is_open_then, amount_then, due_then,
    first_amount (at its creation). ``frame``: the deals as known today."""
    listed = ", ".join(f"(date '{day}')" for day in days)
    table = dataset.sql(_STATES.format(days=listed))
    table["day"], table["due_then"] = pd.to_datetime(table["day"]), pd.to_datetime(table["due_then"])
    columns = ["opportunity_id", "status", "closed_date", "amount", "expected_close_date", "is_foreign"]
    table = table.merge(frame[columns], on="opportunity_id")
    for column in ("amount_then", "first_amount"):
        table[column] = table[column].fillna(table["amount"]).mask(table["is_foreign"]).fillna(0.0)
    table["due_then"] = table["due_then"].fillna(table["expected_close_date"])
    kinds = stage_table(dataset).set_index("stage_code")["kind"]
    over = table["stage_then"].map(kinds).isin(["won", "lost"]) | table["status_then"].isin(
        ["won", "lost", "cancelled"]
    )
    over &= ~table["status_then"].eq("open")
    ended = (table["status"] != "open") & (table["closed_date"] < table["day"])
    # A deal open today was closed then only if its history says so; one closed today, if it closed before.
    table["is_open_then"] = np.where(table["status"] == "open", ~over, ~ended & table["status"].notna())
    return table


def slipped(dataset: Dataset, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What became of the deals due in each of the last months of the period: by month, and deal by deal.

    By month: due_month, due_count, due_value, won_value, lost_value, slipped_count, slipped_value, slippage_rate
    (value still open when the month ended / value due when it began). Deal by deal: opportunity_id, due_month,
    amount, landed: on_time, one_month_late, two_months_late, later (won), lost (with cancelled), still_open;
    is_slipped.
    """
    last = dataset.window.end
    span = min(dataset.months or MONTHS, MONTHS)
    starts = [month_start(last, -k) for k in range(span - 1, -1, -1)]
    starts = [day for day in starts if month_end(day) <= dataset.as_of]
    empty = pd.DataFrame(columns=["opportunity_id", "due_month", "amount", "landed", "is_slipped"])
    table = states(dataset, frame, starts) if starts else empty
    if table.empty:
        table = empty
    else:
        end = table["day"] + pd.offsets.MonthEnd(0)
        table = table[table["is_open_then"] & table["due_then"].between(table["day"], end)].copy()
        end = table["day"] + pd.offsets.MonthEnd(0)
        closed = table["closed_date"].where(table["status"] != "open")
        late = (closed.dt.year - table["day"].dt.year) * 12 + closed.dt.month - table["day"].dt.month
        table["landed"] = np.select(
            [table["status"] == "open", table["status"] != "won", late == 0, late == 1, late == 2],
            ["still_open", "lost", "on_time", "one_month_late", "two_months_late"],
            "later",
        )
        table["is_slipped"] = closed.isna() | (closed > end)
        table = table.rename(columns={"day": "due_month"}).assign(amount=table["amount_then"])
    each = table[["opportunity_id", "due_month", "amount", "landed", "is_slipped"]].reset_index(drop=True)
    rows = each.assign(
        won=each["amount"].where(each["landed"].eq("on_time"), 0.0),
        dead=each["amount"].where(~each["is_slipped"].astype(bool) & each["landed"].eq("lost"), 0.0),
        slid=each["amount"].where(each["is_slipped"].astype(bool), 0.0),
    )
    months = rows.groupby("due_month").agg(
        due_count=("opportunity_id", "size"), due_value=("amount", "sum"), won_value=("won", "sum"),
        lost_value=("dead", "sum"), slipped_count=("is_slipped", "sum"), slipped_value=("slid", "sum"),
    )  # fmt: skip
    months["slippage_rate"] = months["slipped_value"] / months["due_value"].where(months["due_value"] > 0)
    return months.reset_index(), each


def matrix(each: pd.DataFrame) -> pd.DataFrame:
    """One row a month due and landing (method's slippage matrix): deal_count, amount; every pair, in order."""
    pairs = pd.MultiIndex.from_product([sorted(each["due_month"].unique()), LANDED], names=["due_month", "landed"])
    counted = each.groupby(["due_month", "landed"]).agg(deal_count=("opportunity_id", "size"), amount=("amount", "sum"))
    return counted.reindex(pairs).reset_index()


def pushes(dataset: Dataset, frame: pd.DataFrame, hide: int) -> pd.DataFrame:
    """One row a number of pushes (0, 1, 2, 3+), on the client's own record: deals won, lost and open with that number,
    open_value, and whether pushing tells anything: observed_share won after having been seen in that state (none under
    ``hide`` deals), expected_share by the stage and age they were in. Clean-ups left out of the counts.
    """
    rows = frame[frame["status"].isin(["won", "lost", "open"]) & ~frame["is_cleanup"] & ~frame["is_born_closed"]]
    band = push_band(rows["push_count"]).rename("pushes")
    table = pd.crosstab(band, rows["status"]).reindex(columns=["won", "lost", "open"], fill_value=0)
    record = push_record(dataset).set_index("pushes").reindex(table.index)
    table["deal_count"] = record["deal_count"].fillna(0).astype(int)
    for column in ("observed_share", "expected_share"):
        table[column] = record[column].astype(float).where(table["deal_count"] >= hide)
    table["open_value"] = rows[rows["status"] == "open"].groupby(band)["amount"].sum().reindex(table.index).fillna(0.0)
    table.columns.name = None
    return table.reset_index()


def bridge(
    dataset: Dataset, frame: pd.DataFrame, start: date, end: date, due_by: date | None = None
) -> tuple[pd.DataFrame, int]:
    """From the open pipeline on the eve of ``start`` to that of the evening of ``end``: step, amount, deal_count.

    ``due_by``: only deals expected to close by that date belong to the pipeline, so that some are pulled in and pushed
    out. In whole cents throughout; the second answer is what is left over, in cents: it must be 0.
    """
    both = states(dataset, frame, [start, end + timedelta(days=1)])
    first, second = (both[both["day"] == pd.Timestamp(day)] for day in (start, end + timedelta(days=1)))
    table = second.merge(
        first[["opportunity_id", "is_open_then", "amount_then", "due_then"]], on="opportunity_id", how="left",
        suffixes=("", "_before"),
    ).merge(frame[["opportunity_id", "is_cleanup"]], on="opportunity_id")  # fmt: skip
    limit = pd.Timestamp(due_by or date.max.replace(year=2199))
    existed = table["is_open_then_before"].notna()
    was_open = table["is_open_then_before"].eq(True)
    was_in = was_open & (table["due_then_before"].isna() | (table["due_then_before"] <= limit))
    is_open = table["is_open_then"].astype(bool)
    is_in = is_open & (table["due_then"].isna() | (table["due_then"] <= limit))
    closed = ~is_open & table["closed_date"].between(pd.Timestamp(start), pd.Timestamp(end))
    closed &= table["status"].isin(["won", "lost", "cancelled"])

    before, then = _cents(table["amount_then_before"]), _cents(table["amount_then"])
    # The amount that leaves with a closed deal is that of the day that counts (see deals.deals).
    leaving = np.where(is_open, then, _cents(table["amount"]))
    goes_on = is_in | closed
    entry = np.select(
        [was_in, ~existed & goes_on, existed & ~was_open & goes_on, was_open & goes_on],
        ["start", "created", "reopened", "pulled_in"],
        "",
    )
    status = table["status"].where(~(table["is_cleanup"] & (table["status"] == "lost")), "cleanup").fillna("")
    way_out = np.select([is_in, closed, is_open], ["end", status, "pushed_out"], "unexplained")
    arriving = np.where(entry == "created", _cents(table["first_amount"]), before)
    kept = entry != ""
    flows = pd.DataFrame({"entry": entry, "exit": way_out, "arriving": arriving, "leaving": leaving})[kept]
    amounts = dict.fromkeys(STEPS, 0) | flows.groupby("entry")["arriving"].sum().to_dict()
    counts = dict.fromkeys(STEPS, 0) | flows.groupby("entry").size().to_dict()
    amounts["amount_change"] = int(flows["leaving"].sum() - flows["arriving"].sum())
    counts["amount_change"] = int((flows["leaving"] != flows["arriving"]).sum())
    for step, rows in flows[flows["exit"] != "end"].groupby("exit"):
        amounts[step], counts[step] = -int(rows["leaving"].sum()), len(rows)
    # Independent of the flows: the pipeline as it stands at the end.
    amounts["end"], counts["end"] = int(then[is_in.to_numpy()].sum()), int(is_in.sum())
    gap = int(amounts["end"] - sum(int(amounts[step]) for step in STEPS[:-1]))
    steps = [step for step in STEPS if counts[step] or step in ("start", "end", "created", "won", "lost")]
    answer = pd.DataFrame({"step": steps, "amount": [int(amounts[step]) / 100 for step in steps]})
    return answer.assign(deal_count=[int(counts[step]) for step in steps]), gap


def _cents(amount: pd.Series) -> np.ndarray:
    return (amount.fillna(0.0) * 100).round().astype("int64").to_numpy()


def bridge_period(dataset: Dataset, thresholds: Thresholds) -> tuple[date, date, date]:
    """The months over which deals due soon are followed, and the date by which they are due."""
    end = dataset.window.end
    return month_start(end, 1 - thresholds.bridge_months), end, month_end(month_start(end, thresholds.bridge_months))
