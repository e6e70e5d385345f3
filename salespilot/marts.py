"""The marts: the only computing on invoice lines and activities, as Narwhals expressions.

Each mart is a function of lazy frames (named like the tables it reads) and of the ``start`` and ``end`` of a period
(dates, both included). The same expressions run on DuckDB, pandas, Spark or, through Ibis, a warehouse; hence only
what answers alike everywhere: sums in decimal cast to float at the end, months as 12·year + month, no date
arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

import narwhals as nw

Frame = nw.LazyFrame
FACE_TO_FACE = ("visit", "demo")
REMOTE = ("call_connected", "remote_meeting")


def _between(frame: Frame, column: str, start: date, end: date) -> Frame:
    return frame.filter((nw.col(column) >= nw.lit(start)) & (nw.col(column) <= nw.lit(end)))


def _sum(column: str) -> nw.Expr:
    return nw.col(column).sum().cast(nw.Float64)


def _kept(column: str, condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.col(column))


def _count(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))


def customer_sales(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a customer (None: unattributed) with at least one line in the period.

    net_revenue, positive_revenue (positive lines only), margin (of the lines that state one), margin_revenue (net
    revenue of those lines), line_count, credit_note_lines, positive_lines, largest_line, first_date, last_date.
    """
    return (
        _between(sales_lines, "invoice_date", start, end)
        .with_columns(
            _positive=_kept("amount_net", nw.col("amount_net") > 0),
            _with_margin=_kept("amount_net", ~nw.col("margin").is_null()),
            _is_credit=_count(nw.col("doc_type") == "credit_note"),
            _is_positive=_count(nw.col("amount_net") > 0),
        )
        .group_by("customer_id")
        .agg(
            net_revenue=_sum("amount_net"),
            positive_revenue=_sum("_positive"),
            margin=_sum("margin"),
            margin_revenue=_sum("_with_margin"),
            line_count=nw.len(),
            credit_note_lines=_sum("_is_credit"),
            positive_lines=_sum("_is_positive"),
            largest_line=nw.col("amount_net").max().cast(nw.Float64),
            first_date=nw.col("invoice_date").min(),
            last_date=nw.col("invoice_date").max(),
        )
    )


def customer_starts(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a customer: first_date."""
    lines = _between(sales_lines, "invoice_date", start, end)
    return lines.group_by("customer_id").agg(first_date=nw.col("invoice_date").min())


def order_rhythm(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a customer with an order day in the period: a distinct date whose net is positive, credit notes apart.

    order_days (count), first_order, last_order (dates). The mean gap is (last − first) / (order_days − 1).
    """
    days = (
        _between(sales_lines, "invoice_date", start, end)
        .filter((nw.col("doc_type") != "credit_note") | nw.col("doc_type").is_null())
        .group_by("customer_id", "invoice_date")
        .agg(_net=nw.col("amount_net").sum())
        .filter(nw.col("_net") > 0)
    )
    return days.group_by("customer_id").agg(
        order_days=nw.len(), first_order=nw.col("invoice_date").min(), last_order=nw.col("invoice_date").max()
    )


def _months(sales_lines: Frame, key: str, start: date, end: date) -> Frame:
    day = nw.col("invoice_date").dt
    return (
        _between(sales_lines, "invoice_date", start, end)
        .with_columns(month_index=(day.year() * 12 + day.month()).cast(nw.Int64))
        .group_by(key, "month_index")
        .agg(net_revenue=_sum("amount_net"), margin=_sum("margin"))
    )


def customer_months(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a customer and month: ``month_index`` (12·year + month), net_revenue, margin."""
    return _months(sales_lines, "customer_id", start, end)


def rep_months(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a salesperson booked on the lines and month: ``month_index``, net_revenue, margin."""
    return _months(sales_lines, "rep_id_booked", start, end)


def customer_reps(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a customer and salesperson booked on its lines: net_revenue."""
    return (
        _between(sales_lines, "invoice_date", start, end)
        .filter(~nw.col("customer_id").is_null() & ~nw.col("rep_id_booked").is_null())
        .group_by("customer_id", "rep_id_booked")
        .agg(net_revenue=_sum("amount_net"))
    )


def customer_deliveries(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a customer billed and another one delivered for it: net_revenue."""
    return (
        _between(sales_lines, "invoice_date", start, end)
        .filter(nw.col("delivery_customer_id") != nw.col("customer_id"))
        .group_by("customer_id", "delivery_customer_id")
        .agg(net_revenue=_sum("amount_net"))
    )


def customer_families(sales_lines: Frame, start: date, end: date) -> Frame:
    """One row a customer and product family: net_revenue."""
    return (
        _between(sales_lines, "invoice_date", start, end)
        .filter(~nw.col("product_family").is_null())
        .group_by("customer_id", "product_family")
        .agg(net_revenue=_sum("amount_net"))
    )


def _done(activities: Frame, start: date, end: date) -> Frame:
    done = (nw.col("status") == "done") | nw.col("status").is_null()
    return _between(activities, "done_date", start, end).filter(done)


def customer_contacts(activities: Frame, start: date, end: date) -> Frame:
    """One row a customer with a contact done in the period; e-mails and call attempts are no contact.

    f2f_count, f2f_timed (of them with a duration), f2f_minutes, travel_minutes, remote_count, remote_minutes,
    last_f2f_date, last_contact_date.
    """
    face = nw.col("type").is_in(FACE_TO_FACE)
    remote = nw.col("type").is_in(REMOTE)
    return (
        _done(activities, start, end)
        .filter(face | remote)
        .with_columns(
            _f2f=_count(face),
            _timed=_count(face & ~nw.col("duration_min").is_null()),
            _f2f_minutes=_kept("duration_min", face),
            _travel=_kept("travel_min", face),
            _remote=_count(remote),
            _remote_minutes=_kept("duration_min", remote),
            _f2f_date=_kept("done_date", face),
        )
        .group_by("customer_id")
        .agg(
            f2f_count=_sum("_f2f"),
            f2f_timed=_sum("_timed"),
            f2f_minutes=_sum("_f2f_minutes"),
            travel_minutes=_sum("_travel"),
            remote_count=_sum("_remote"),
            remote_minutes=_sum("_remote_minutes"),
            last_f2f_date=nw.col("_f2f_date").max(),
            last_contact_date=nw.col("done_date").max(),
        )
    )


def rep_activities(activities: Frame, start: date, end: date) -> Frame:
    """One row a salesperson and type of activity done in the period: activity_count, minutes, first_date, last_date."""
    return (
        _done(activities, start, end)
        .group_by("rep_id", "type")
        .agg(
            activity_count=nw.len(),
            minutes=_sum("duration_min"),
            first_date=nw.col("done_date").min(),
            last_date=nw.col("done_date").max(),
        )
    )


def stage_spells(opportunity_events: Frame, start: date, end: date) -> Frame:
    """One row a stay of a deal in a stage that overlaps the period, from the changes known at its end.

    opportunity_id, stage_code, entered (None: before the first change known), exited (None: still there), exit_to (the
    next stage, None likewise). A change to the stage the deal is already in is no change.
    """
    order = ("event_ts", "event_id")

    def neighbour(column: str, steps: int) -> nw.Expr:
        return nw.col(column).shift(steps).over("opportunity_id", order_by=order)

    changes = (
        opportunity_events.filter(
            (nw.col("field") == "stage")
            & ~nw.col("new_value").is_null()
            & (nw.col("event_ts").cast(nw.Date) <= nw.lit(end))
        )
        .with_columns(_before=neighbour("new_value", 1))
        .filter(nw.col("_before").is_null() | (nw.col("_before") != nw.col("new_value")))
        .with_columns(exited=neighbour("event_ts", -1), exit_to=neighbour("new_value", -1))
    )
    entered = changes.select(
        "opportunity_id", nw.col("event_ts").alias("entered"), "exited", "exit_to", stage_code=nw.col("new_value")
    )
    begun = changes.filter(nw.col("_before").is_null() & (nw.col("old_value") != nw.col("new_value"))).select(
        "opportunity_id",
        _kept("event_ts", nw.col("_before") != nw.col("_before")).alias("entered"),
        nw.col("event_ts").alias("exited"),
        nw.col("new_value").alias("exit_to"),
        stage_code=nw.col("old_value"),
    )
    columns = ["opportunity_id", "stage_code", "entered", "exited", "exit_to"]
    spells = nw.concat([entered.select(columns), begun.select(columns)])
    return spells.filter(nw.col("exited").is_null() | (nw.col("exited").cast(nw.Date) >= nw.lit(start)))


MARTS: Mapping[str, tuple[str, Callable[[Frame, date, date], Frame]]] = MappingProxyType(
    {
        "customer_sales": ("sales_lines", customer_sales),
        "customer_starts": ("sales_lines", customer_starts),
        "order_rhythm": ("sales_lines", order_rhythm),
        "customer_months": ("sales_lines", customer_months),
        "rep_months": ("sales_lines", rep_months),
        "customer_reps": ("sales_lines", customer_reps),
        "customer_deliveries": ("sales_lines", customer_deliveries),
        "customer_families": ("sales_lines", customer_families),
        "customer_contacts": ("activities", customer_contacts),
        "rep_activities": ("activities", rep_activities),
        "stage_spells": ("opportunity_events", stage_spells),
    }
)
