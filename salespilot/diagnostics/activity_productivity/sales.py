"""Orders and revenue by salesperson: who is credited, what an order is, which orders are set apart."""

from __future__ import annotations

import pandas as pd

from salespilot.dataset import Dataset, Window

ORDER_KEY = "coalesce(order_id, invoice_id, customer_id || '@' || invoice_date, line_id)"
_ORDERS = """
with orders as (
    select {key} as order_key, arg_min(rep_id_booked, invoice_date) as rep_id,
        arg_min(customer_id, invoice_date) as customer_id, min(invoice_date) as day,
        cast(sum(amount_net) as double) as amount, cast(sum(margin) as double) as margin
    from sales_lines
    where coalesce(doc_type, 'invoice') = 'invoice' and invoice_date between date '{start}' and date '{end}'
    group by 1
)
"""


def orders(dataset: Dataset, window: Window) -> pd.DataFrame:
    """One row a salesperson booked, customer and month: order_count, order_value, margin and largest_order.

    An order is what one order number (else invoice, else customer and day) brought in invoices; those of no positive
    amount are not counted.
    """
    return dataset.sql(
        f"""{_ORDERS.format(key=ORDER_KEY, start=window.start, end=window.end)}
        select rep_id, customer_id, year(day) * 12 + month(day) as month_index, count(*) as order_count,
            sum(amount) as order_value, sum(margin) as margin, max(amount) as largest_order
        from orders where amount > 0 group by 1, 2, 3 order by 1, 2, 3
        """
    )


def credits(dataset: Dataset, window: Window) -> pd.DataFrame:
    """What is not in the orders: credit notes, rebates, orders of no positive amount. rep_id, customer_id,
    month_index, credit_value (mostly negative)."""
    return dataset.sql(
        f"""{_ORDERS.format(key=ORDER_KEY, start=window.start, end=window.end)}, everything as (
            select rep_id, customer_id, year(day) * 12 + month(day) as month_index, amount
            from orders where not amount > 0
            union all
            select rep_id_booked, customer_id, year(invoice_date) * 12 + month(invoice_date), cast(amount_net as double)
            from sales_lines where doc_type in ('credit_note', 'rebate')
                and invoice_date between date '{window.start}' and date '{window.end}'
        )
        select rep_id, customer_id, month_index, sum(amount) as credit_value from everything
        group by 1, 2, 3 order by 1, 2, 3
        """
    )


def credited(dataset: Dataset, frame: pd.DataFrame, sums: list[str], by: tuple[str, ...] = ()) -> pd.DataFrame:
    """The ``sums`` of rows by rep_id, customer_id, month_index and ``by``, given to whoever the customer was with then.

    A customer shared between several (``split_share``) is split between them, whoever was booked; else the row goes to
    the salesperson booked, else to the owner at the time. Returns rep_id, customer_id, month_index, ``by``, the sums.
    """
    held = _held(dataset, frame)
    is_shared = held.groupby(["customer_id", "month_index"])["rep_id"].transform("size") > 1
    keys = ["customer_id", "month_index"]
    split = frame.merge(held[is_shared], on=keys, how="left", suffixes=("", "_held"))
    owner = held[~is_shared].drop_duplicates(keys)[[*keys, "rep_id"]]
    split = split.merge(owner, on=keys, how="left", suffixes=("", "_owner"))
    # _held: NaN where the customer is not shared.
    split["rep_id"] = split["rep_id_held"].fillna(split["rep_id"]).fillna(split["rep_id_owner"])
    share = split["share"].fillna(1.0)
    for column in sums:
        split[column] = split[column] * share
    return split.groupby(["rep_id", *keys, *by], dropna=False)[sums].sum().reset_index()


def _held(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """Who held each customer of the frame in each of its months: customer_id, month_index, rep_id, share (sums to 1).

    Two owners in one month without shares stated are a hand-over, not a sharing: the later one holds it.
    """
    columns = ["customer_id", "month_index", "rep_id", "share"]
    given = dataset.table("customer_assignments").dropna(subset=["customer_id", "rep_id"])
    if given.empty:
        return pd.DataFrame(columns=columns).astype({"month_index": "int64", "share": float})
    pairs = frame[["customer_id", "month_index"]].drop_duplicates().dropna()
    held = pairs.merge(given[["customer_id", "rep_id", "valid_from", "valid_to", "split_share"]], on="customer_id")
    year, month = (held["month_index"] - 1) // 12, (held["month_index"] - 1) % 12 + 1
    middle = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": 15}))
    held = held[(held["valid_from"] <= middle) & (held["valid_to"].isna() | (held["valid_to"] >= middle))]
    held = held.sort_values("valid_from", kind="stable").drop_duplicates(
        ["customer_id", "month_index", "rep_id"], keep="last"
    )
    keys = ["customer_id", "month_index"]
    stated = held["split_share"].between(0, 1, inclusive="neither")
    is_split = stated.groupby([held[key] for key in keys]).transform("any")
    held = held[is_split | ~held.duplicated(keys, keep="last")]
    share = held["split_share"].where(is_split, 1.0).fillna(0.0)
    total = share.groupby([held[key] for key in keys]).transform("sum")
    held = held.assign(share=(share / total).where(total > 0))
    return held.dropna(subset="share")[columns].reset_index(drop=True)


def giants(dataset: Dataset, window: Window, times: float, share: float) -> pd.DataFrame:
    """Orders too big to say anything of a way of selling: beyond ``times`` the median order and ``share`` of the
    revenue of the salesperson booked. rep_id, customer_id, month_index, order_count, order_value."""
    return dataset.sql(
        f"""{_ORDERS.format(key=ORDER_KEY, start=window.start, end=window.end)}, ranked as (
            select *, sum(amount) over (partition by rep_id) as total, (select median(amount) from orders
                where amount > 0) as usual
            from orders where amount > 0
        )
        select rep_id, customer_id, year(day) * 12 + month(day) as month_index, count(*) as order_count,
            sum(amount) as order_value
        from ranked where amount > {times} * usual and amount > {share} * total group by 1, 2, 3 order by 1, 2, 3
        """
    )
