"""The chain by cohort: of what was started, how much led to the next step, and after how many days.

A start is judged once the usual delay of its step has passed, and followed to the next step of the same customer
(or quote, or deal), wherever in the calendar it falls: never orders of a month over quotes of the month. One success
counts for one start, the last before it, so that four calls and one appointment make one in four; how many
*customers* came to the next step is another figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.deals import deals
from salespilot.diagnostics.activity_productivity.model import STEPS, NotComputable, Thresholds
from salespilot.finding import Reason, absent
from salespilot.marts import FACE_TO_FACE

KEYS = ["rep_id", "customer_id", "type", "source"]
_MET = ", ".join(f"'{kind}'" for kind in FACE_TO_FACE)
_DONE = "coalesce(status, 'done') = 'done' and done_date is not null"
CONVERSATION = "type = 'call_connected' and (duration_min is null or duration_min * 60 >= {seconds})"
APPOINTMENT = f"type in ({_MET}) and (planned_date is not null or status in ('cancelled', 'no_show'))"

BOOKED = "rdv|rendez-?vous|appointment|meeting"
NOT_BOOKED = "annul|refus|sans|pas de|cancel|declin|no meeting|no appointment"
"""Words in which salespeople log that a call ended in an appointment, in French and English."""

_FOLLOWED = """
with marks as (
    select rep_id, customer_id, day, 0 as step from ({starts}) where customer_id is not null and day is not null
    union all
    select null, customer_id, day, 1 from ({ends}) where customer_id is not null and day is not null
), ordered as (
    select *, lead(step) over line as next_step, lead(day) over line - day as delay
    from marks window line as (partition by customer_id order by day, step, rep_id)
)
"""


@dataclass(frozen=True)
class Step:
    """One step over its cohort: ``counts`` has one row a salesperson and customer, with ``from_count`` (starts),
    ``success_count``, ``from_value`` and ``success_value`` (money, where the start has an amount).

    ``start`` and ``end`` bound the days of the starts; ``horizon_days`` is the wait after which each is judged (0: at
    once); ``basis`` says what a start is: calls, conversations, appointments, visits, quotes, deals.
    """

    name: str
    basis: str
    counts: pd.DataFrame
    start: date
    end: date
    horizon_days: int = 0
    median_days: float | None = None


def steps(dataset: Dataset, thresholds: Thresholds) -> tuple[dict[str, Step], dict[str, Reason]]:
    """The steps that these data allow, by name in the order of the chain; and why the others cannot be computed."""
    makers: dict[str, Callable[[Dataset, Thresholds], Step]] = {
        "rate_conversation": conversations,
        "rate_appointment": appointments,
        "rate_visit": lambda dataset, _: honoured(dataset),
        "rate_quote": quoted,
        "rate_order": ordered,
    }
    found, reasons = {}, {}
    untold = unlogged(dataset)
    for name, make in makers.items():
        if untold and name in STEPS[:3]:
            reasons[name] = untold
            continue
        try:
            step = make(dataset, thresholds)
            if step.counts["from_count"].sum() == 0:
                raise NotComputable(Reason("no_start"))
        except NotComputable as refusal:
            reasons[name] = refusal.reason
        else:
            found[name] = step
    return found, reasons


def unlogged(dataset: Dataset) -> Reason | None:
    """Why nothing is known of calls and visits, if so: no activities, or activities whose types are not told."""
    if not dataset.has("activities"):
        return absent("activities")
    typed = dataset.sql("select count(*) as n from activities where type is not null and type <> 'other'")["n"].iloc[0]
    return None if typed else Reason("no_type")


def conversations(dataset: Dataset, thresholds: Thresholds) -> Step:
    """Calls that became a conversation; a call under ``short_call_seconds`` is an attempt whatever its type says."""
    window = dataset.window
    talk = CONVERSATION.format(seconds=thresholds.short_call_seconds)
    counts = dataset.sql(
        f"""
        select rep_id, customer_id, count(*) as from_count, count(*) filter ({talk}) as success_count
        from activities where type in ('call_attempt', 'call_connected') and {_DONE} and {_within("done_date", window)}
        group by 1, 2 order by 1, 2
        """
    )
    tried = dataset.sql("select count(*) as n from activities where type = 'call_attempt'")["n"].iloc[0]
    if not tried and counts["from_count"].sum() == counts["success_count"].sum():
        raise NotComputable(Reason("no_attempt"))
    return Step("rate_conversation", "calls", _typed(counts), window.start, window.end)


def appointments(dataset: Dataset, thresholds: Thresholds) -> Step:
    """Conversations that led to an appointment.

    As their outcome says, where outcomes name appointments (of the conversations that state one); else those that an
    appointment with the same customer followed, kept or not.
    """
    window = dataset.window
    talk = CONVERSATION.format(seconds=thresholds.short_call_seconds)
    booked = f"regexp_matches(lower(outcome), '{BOOKED}') and not regexp_matches(lower(outcome), '{NOT_BOOKED}')"
    told = dataset.sql(
        f"""
        select rep_id, customer_id, count(*) as from_count, count(*) filter ({booked}) as success_count
        from activities where {talk} and {_DONE} and outcome is not null and {_within("done_date", window)}
        group by 1, 2 order by 1, 2
        """
    )
    if told["success_count"].sum() > 0:
        return Step("rate_appointment", "conversations", _typed(told), window.start, window.end)
    starts = f"select rep_id, customer_id, done_date as day from activities where {talk} and {_DONE}"
    ends = f"select customer_id, coalesce(planned_date, done_date) as day from activities where type in ({_MET})"
    return _cohort(dataset, "rate_appointment", "conversations", starts, ends, thresholds)


def honoured(dataset: Dataset) -> Step:
    """Appointments that took place, of those that took place, were cancelled or missed.

    Appointments still "planned" after their day are left out: nobody said what became of them.
    """
    window = dataset.window
    counts = dataset.sql(
        f"""
        select rep_id, customer_id, count(*) as from_count, count(*) filter ({_DONE}) as success_count,
            count(*) filter (status in ('cancelled', 'no_show')) as missed
        from activities where {APPOINTMENT} and coalesce(status, 'done') <> 'planned'
            and {_within("coalesce(done_date, planned_date)", window)}
        group by 1, 2 order by 1, 2
        """
    )
    if counts["missed"].sum() == 0:
        raise NotComputable(Reason("no_missed_appointment"))
    return Step("rate_visit", "appointments", _typed(counts), window.start, window.end)


def quoted(dataset: Dataset, thresholds: Thresholds) -> Step:
    """Visits that led to a quote for the same customer; the revisions of one quote are one quote."""
    _require(dataset, "activities")
    starts = f"select rep_id, customer_id, done_date as day from activities where type in ({_MET}) and {_DONE}"
    if dataset.has("quotes"):
        ends = f"select customer_id, sent_date as day from ({QUOTES})"
    else:
        ends = f"select distinct customer_id, done_date as day from activities where type = 'quote' and {_DONE}"
        if dataset.sql(f"select count(*) as n from ({ends})")["n"].iloc[0] == 0:
            raise NotComputable(absent("quotes"))
    return _cohort(dataset, "rate_quote", "visits", starts, ends, thresholds)


QUOTES = """
    select coalesce(opportunity_id, quote_id) as thread, any_value(opportunity_id) as opportunity_id,
        arg_max(customer_id, rank) as customer_id, arg_min(rep_id, rank) as rep_id, min(sent_date) as sent_date,
        cast(arg_max(amount, rank) as double) as amount, arg_max(status, rank) as status,
        arg_max(decided_date, rank) as decided_date
    from (select *, row_number() over (order by coalesce(is_latest, true), sent_date, quote_id) as rank from quotes
        where opportunity_id is not null or coalesce(is_latest, true))
    group by 1 order by 1
"""
"""SQL: quotes without their revisions: one row a deal quoted, or a latest quote without a deal; dated by the first
version, with the amount and status of the last."""


def ordered(dataset: Dataset, thresholds: Thresholds) -> Step:
    """Quotes that became an order, by their day of sending; deals, by their creation, where no quote was exported.

    An order without a quote is no success of any quote. Deals lost in a clean-up of the list are left out.
    """
    if dataset.has("quotes"):
        table, basis = _quotes(dataset), "quotes"
    elif dataset.has("opportunities"):
        table, basis = _deals(dataset), "deals"
    else:
        raise NotComputable(Reason("no_quote_no_deal"))
    table = table.dropna(subset="day")
    table["delay"] = (table["decided"] - table["day"]).dt.days
    delay = table.loc[table["is_won"], "delay"].clip(lower=0)
    old = table["day"] <= pd.Timestamp(dataset.as_of - timedelta(days=thresholds.horizon_max_days))
    settled = delay[old.reindex(delay.index)]
    horizon, median = _horizon(settled if settled.count() >= thresholds.horizon_min_count else delay, thresholds)
    start, end = _shifted(dataset.window, horizon)
    cohort = table[table["day"].between(pd.Timestamp(start), pd.Timestamp(end))]
    # An order whose day is not known is in time: most are.
    won = cohort["is_won"] & ~(cohort["delay"] > horizon)
    counted = cohort.assign(
        from_count=1, success_count=won.astype(int), from_value=cohort["amount"], success_value=cohort["amount"] * won
    )
    sums = ["from_count", "success_count", "from_value", "success_value"]
    counts = counted.groupby(KEYS, dropna=False)[sums].sum().reset_index()
    return Step("rate_order", basis, counts, start, end, horizon, median)


def _quotes(dataset: Dataset) -> pd.DataFrame:
    """Quotes: rep_id, customer_id, type, source, day, decided, is_won, amount."""
    table = dataset.sql(QUOTES)
    known = deals(dataset).set_index("opportunity_id") if dataset.has("opportunities") else None
    says_status = table["status"].notna().any()
    if known is None and not says_status:
        raise NotComputable(Reason("quotes_without_outcome"))
    table["day"], table["decided"] = pd.to_datetime(table["sent_date"]), pd.to_datetime(table["decided_date"])
    as_of = pd.Timestamp(dataset.as_of)
    table["is_won"] = (table["status"] == "accepted") & ~(table["decided"] > as_of)
    table["type"] = table["source"] = None
    if known is not None:
        deal = table["opportunity_id"].map
        won = deal(known["status"]) == "won"
        table["decided"] = table["decided"].where(table["is_won"], deal(known["closed_date"]))
        table["is_won"] |= won
        table["type"], table["source"] = deal(known["type"]), deal(known["source"])
        table["rep_id"] = table["rep_id"].fillna(deal(known["rep_id"]))
        table["customer_id"] = table["customer_id"].fillna(deal(known["customer_id"]))
        table["amount"] = table["amount"].fillna(deal(known["amount"]))
        table = table[~deal(known["is_cleanup"]).fillna(False).astype(bool)]
    return table


def _deals(dataset: Dataset) -> pd.DataFrame:
    """Deals in the same form as the quotes."""
    table = deals(dataset)
    table = table[~table["is_cleanup"] & table["status"].notna()]
    return table.assign(day=table["created_date"], decided=table["closed_date"], is_won=table["status"] == "won")


def _cohort(dataset: Dataset, name: str, basis: str, starts: str, ends: str, thresholds: Thresholds) -> Step:
    followed = _FOLLOWED.format(starts=starts, ends=ends)
    delays = f"from ordered where step = 0 and next_step = 1 and delay <= {thresholds.horizon_max_days}"
    settled = f"{delays} and day <= date '{dataset.as_of - timedelta(days=thresholds.horizon_max_days)}'"
    measures = f"count(*) as n, quantile_cont(delay, {thresholds.horizon_share}) as late, median(delay) as usual"
    told = dataset.sql(f"{followed} select {measures} {settled}").iloc[0]
    if told["n"] < thresholds.horizon_min_count:
        told = dataset.sql(f"{followed} select {measures} {delays}").iloc[0]
    horizon, median = _bounded(int(told["n"]), told["late"], told["usual"], thresholds)
    start, end = _shifted(dataset.window, horizon)
    counts = dataset.sql(
        f"""{followed}
        select rep_id, customer_id, count(*) as from_count,
            count(*) filter (next_step = 1 and delay <= {horizon}) as success_count
        from ordered where step = 0 and {_within("day", Window(start, end))} group by 1, 2 order by 1, 2
        """
    )
    return Step(name, basis, _typed(counts), start, end, horizon, median)


def _horizon(delays: pd.Series, thresholds: Thresholds) -> tuple[int, float | None]:
    delays = delays.dropna()
    late = float(delays.quantile(thresholds.horizon_share)) if len(delays) else np.nan
    return _bounded(len(delays), late, delays.median() if len(delays) else np.nan, thresholds)


def _bounded(count: int, late: float, median: float, thresholds: Thresholds) -> tuple[int, float | None]:
    if count < thresholds.horizon_min_count:
        return thresholds.horizon_default_days, None
    days = int(np.ceil(float(late)))
    return min(max(days, thresholds.horizon_min_days), thresholds.horizon_max_days), float(median)


def _shifted(window: Window, days: int) -> tuple[date, date]:
    """The period, moved back so that the last start has had its wait."""
    back = timedelta(days=days)
    return window.start - back, window.end - back


def _within(column: str, window: Window) -> str:
    return f"{column} between date '{window.start}' and date '{window.end}'"


def _typed(counts: pd.DataFrame) -> pd.DataFrame:
    empty = {"type": None, "source": None, "from_value": np.nan, "success_value": np.nan}
    return counts.assign(**empty)


def _require(dataset: Dataset, table: str) -> None:
    if not dataset.has(table):
        raise NotComputable(absent(table))
