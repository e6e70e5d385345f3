"""What is known of each deal at the as-of date, and of its stays in the stages, whatever history the client has."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset

CLEANUP_LOSSES = 20
"""Losses of one salesperson on one day from which they are a clean-up of the list, not losses of that day."""

ENDED = ("won", "lost", "cancelled")

_DEALS = """
with moved as (
    select opportunity_id, event_ts, event_id, try_cast(new_value as date) as new_date,
        coalesce(try_cast(old_value as date), lag(try_cast(new_value as date)) over (
            partition by opportunity_id order by event_ts, event_id)) as old_date
    from opportunity_events where field = 'close_date'
), pushes as (
    select m.opportunity_id,
        count(*) filter (new_date > old_date) as push_count,
        arg_min(coalesce(old_date, new_date), (event_ts, event_id)) as first_expected_date
    from moved m join opportunities o using (opportunity_id)
    where o.closed_date is null or m.event_ts::date < o.closed_date
    group by 1
), values_then as (
    select e.opportunity_id,
        coalesce(
            arg_max(try_cast(new_value as double), (event_ts, event_id))
                filter (field = 'amount' and event_ts::date < o.closed_date),
            arg_min(try_cast(old_value as double), (event_ts, event_id))
                filter (field = 'amount' and event_ts::date >= o.closed_date)) as amount_before,
        coalesce(
            arg_max(try_cast(new_value as double), (event_ts, event_id))
                filter (field = 'amount' and event_ts::date <= o.closed_date),
            arg_min(try_cast(old_value as double), (event_ts, event_id))
                filter (field = 'amount' and event_ts::date > o.closed_date)) as amount_at_close,
        coalesce(
            arg_max(new_value, (event_ts, event_id)) filter (field = 'owner' and event_ts::date <= o.closed_date),
            arg_min(old_value, (event_ts, event_id)) filter (field = 'owner' and event_ts::date > o.closed_date)
            ) as owner_at_close,
        count(*) filter (field = 'stage') as stage_changes
    from opportunity_events e join opportunities o using (opportunity_id)
    group by 1
), touched as (
    select opportunity_id, max(done_date) as last_activity_date from activities
    where coalesce(status, 'done') = 'done' and done_date is not null and opportunity_id is not null
    group by 1
)
select o.*, cast(o.amount as double) as amount_now, p.push_count, p.first_expected_date, v.amount_before,
    v.amount_at_close, v.owner_at_close, coalesce(v.stage_changes, 0) as stage_changes, t.last_activity_date
from opportunities o left join pushes p using (opportunity_id) left join values_then v using (opportunity_id)
    left join touched t using (opportunity_id)
order by o.opportunity_id
"""

_DATES = ("created_date", "closed_date", "expected_close_date", "first_expected_date", "next_step_date")
_COLUMNS = [
    "opportunity_id", "customer_id", "customer_name", "rep_id", "team_id", "created_date", "closed_date", "status",
    "type", "source", "product_family", "amount", "amount_at_close", "amount_before", "stage_code", "stage_order",
    "expected_close_date", "first_expected_date", "probability_declared", "forecast_category", "stage_age_days",
    "age_days", "push_count", "last_activity_date", "next_step_date", "loss_reason_code", "loss_reason_source",
    "competitor", "has_history", "is_cleanup", "is_born_closed", "is_foreign",
]  # fmt: skip


def once(compute: Callable[[Dataset], pd.DataFrame]) -> Callable[[Dataset], pd.DataFrame]:
    """A frame of a Dataset that many measures ask for: computed once for each Dataset."""

    @wraps(compute)
    def known(dataset: Dataset) -> pd.DataFrame:
        return dataset.once(compute, lambda: compute(dataset))

    return known


def deal_history(dataset: Dataset) -> str | None:
    """What level of data the client has on its deals: "events" (each change), "snapshots" (several dated exports of
    one list, turned into changes), "export" (one list of today), or None without deals."""
    known = getattr(dataset, "deal_history", None)
    if known is not None:
        return str(known)
    if dataset.has("opportunity_events"):
        return "events"
    return "export" if dataset.has("opportunities") else None


@once
def stage_table(dataset: Dataset) -> pd.DataFrame:
    """One row a stage in order: stage_code, stage_order, kind, name_fr, name_en, criteria, order_basis.

    ``kind``: open, won or lost. ``criteria``: the exit criteria, a tuple. ``order_basis``: "stages" where the client
    exported them; else "history" (the mean place at which deals first enter it), "probability" (the mean probability
    that open deals in it declare), or "unknown", with no stage_order. Stages seen in deals but not listed come after.
    """
    given = dataset.table("stages")
    seen = dataset.sql(
        "select distinct stage_code from (select stage_code from opportunities union all "
        "select new_value from opportunity_events where field = 'stage' union all "
        "select old_value from opportunity_events where field = 'stage') where stage_code is not null order by 1"
    )["stage_code"]
    other = seen[~seen.isin(given["stage_code"])]
    frame = given.assign(order_basis="stages")[
        ["stage_code", "stage_order", "kind", "name_fr", "name_en", "exit_criteria", "order_basis"]
    ]
    if len(other):
        frame = pd.concat([frame, _inferred(dataset, other, is_alone=given.empty)], ignore_index=True)
    frame["stage_order"] = frame["stage_order"].astype(float)
    listed = frame.pop("exit_criteria").fillna("").astype(str)
    frame["criteria"] = [tuple(part.strip() for part in text.split(";") if part.strip()) for text in listed]
    frame["kind"] = frame["kind"].fillna("open")
    return frame.sort_values(["stage_order", "stage_code"], ignore_index=True, na_position="last")


def stage_names(dataset: Dataset) -> pd.Series:
    """The name of each stage in the client's language, indexed by code; the code where it has none."""
    stages = stage_table(dataset).set_index("stage_code")
    language = dataset.client.language if dataset.client else "fr"
    other = "en" if language == "fr" else "fr"
    name = stages[f"name_{language}"].fillna(stages[f"name_{other}"])
    return name.fillna(stages.index.to_series()).astype(str)


def _inferred(dataset: Dataset, codes: pd.Series, is_alone: bool) -> pd.DataFrame:
    """Stages that the client did not list: what the deals in them say of their kind and order."""
    counted = dataset.sql(
        "select stage_code, count(*) filter (status = 'won') as won, count(*) filter (status in ('lost', 'cancelled')) "
        "as lost, count(*) filter (status = 'open') as open, avg(probability_declared) filter (status = 'open') as "
        "probability from opportunities where stage_code is not null group by 1"
    ).set_index("stage_code")
    counted = counted.reindex(codes.to_numpy())
    total = counted[["won", "lost"]].sum()
    is_won = (counted["open"] == 0) & (counted["lost"] == 0) & (counted["won"] > 0.5 * total["won"])
    is_lost = (counted["open"] == 0) & (counted["won"] == 0) & (counted["lost"] > 0.5 * total["lost"])
    kind = pd.Series(np.select([is_won, is_lost], ["won", "lost"], "open"), index=counted.index)
    place = _places(dataset).reindex(counted.index)
    basis = "unknown"
    rank = pd.Series(np.nan, index=counted.index)
    if is_alone and place.notna().any():
        rank, basis = place, "history"
    elif is_alone and counted.loc[kind == "open", "probability"].nunique() > 1:
        rank, basis = counted["probability"].where(kind == "open"), "probability"
    if basis != "unknown":
        last = rank.max() + 1
        rank = rank.mask(kind == "won", last).mask(kind == "lost", last + 1).rank(method="first")
    return pd.DataFrame(
        {
            "stage_code": counted.index, "stage_order": rank.to_numpy(), "kind": kind.to_numpy(), "name_fr": None,
            "name_en": None, "exit_criteria": None, "order_basis": basis,
        }
    )  # fmt: skip


def _places(dataset: Dataset) -> pd.Series:
    """The mean place, 0 to 1, at which deals first enter each stage."""
    return dataset.sql(
        """
        with firsts as (
            select opportunity_id, new_value as stage_code, min(event_ts) as entered, min(event_id) as first_id
            from opportunity_events where field = 'stage' and new_value is not null group by 1, 2
        ), ranked as (
            select stage_code, row_number() over (partition by opportunity_id order by entered, first_id) as place,
                count(*) over (partition by opportunity_id) as steps
            from firsts
        )
        select stage_code, avg((place - 1) / greatest(steps - 1, 1)) as place from ranked group by 1
        """
    ).set_index("stage_code")["place"]


@once
def spells(dataset: Dataset) -> pd.DataFrame:
    """One row a stay of a deal in a stage of the cycle, won and lost stages apart, in order of time.

    opportunity_id, stage_code, entered (the creation of the deal for the first stay, where no change tells), exited
    (missing: still there), exit_to (the next stage, or how the deal ended: won, lost, cancelled; None: still there),
    is_backward (the next stage comes earlier in the cycle). Stages skipped have no row; stages gone back to have one
    row a stay. Empty without history.
    """
    frame = dataset.mart("stage_spells", dataset.history)
    ends = dataset.sql(
        "select opportunity_id, created_date, closed_date, status from opportunities order by opportunity_id"
    )
    stages = stage_table(dataset).set_index("stage_code")
    frame = frame.merge(ends, on="opportunity_id", how="left").sort_values(
        ["opportunity_id", "entered", "exited"], na_position="first", ignore_index=True, kind="stable"
    )
    for column in ("entered", "exited", "created_date", "closed_date"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    is_open = frame["stage_code"].map(stages["kind"]).fillna("open") == "open"
    frame["entered"] = frame["entered"].fillna(frame["created_date"])
    kind_to = frame["exit_to"].map(stages["kind"])
    frame["exit_to"] = frame["exit_to"].astype(object).mask(kind_to == "won", "won")
    ended = frame["status"].where(frame["status"].isin(["lost", "cancelled"]), "lost")
    frame["exit_to"] = frame["exit_to"].mask(kind_to == "lost", ended)
    # Deals closed without a change of stage leave their last one on the day they closed.
    closing = frame["exited"].isna() & frame["status"].isin(ENDED) & is_open
    frame["exit_to"] = frame["exit_to"].mask(closing, frame["status"])
    frame["exited"] = frame["exited"].mask(closing, frame["closed_date"])
    frame["exited"] = frame["exited"].where(
        frame["exited"].isna() | ~(frame["exited"] < frame["entered"]), frame["entered"]
    )
    order = stages["stage_order"]
    frame["is_backward"] = frame["exit_to"].map(order).astype(float) < frame["stage_code"].map(order).astype(float)
    frame["exit_to"] = frame["exit_to"].where(frame["exit_to"].notna(), None)
    kept = ["opportunity_id", "stage_code", "entered", "exited", "exit_to", "is_backward"]
    return frame.loc[is_open, kept].reset_index(drop=True)


@once
def deals(dataset: Dataset) -> pd.DataFrame:
    """One row a deal known at ``as_of``, sorted by opportunity_id.

    ``rep_id``          its owner: at its closing for a closed deal (a leaver's successor wins nothing afterwards)
    ``status``          open, won, lost, cancelled, or None where the client records no outcome
    ``amount``          money: at closing for a deal won; before the day it closed for one lost or cancelled (lists are
                        often set to zero on losing); else today's. Missing in another currency (``is_foreign``)
    ``amount_before``   money the day before it closed, where history tells; ``amount_at_close`` likewise
    ``stage_code``, ``stage_order``  the stage it is in, or for a closed deal the last open one, where history tells
    ``stage_age_days``  days in that stage up to as_of, for open deals; missing without history
    ``age_days``        days since its creation, up to its closing; never negative
    ``push_count``      later moves of the expected close date before the day it closed; missing without history
    ``has_history``     at least one change of stage is known
    ``is_cleanup``      lost among ``CLEANUP_LOSSES`` or more of one salesperson on one day
    ``is_born_closed``  created on the day it closed, or later

    and as exported: customer_id, customer_name, team_id, created_date, closed_date, type, source, product_family,
    expected_close_date, first_expected_date, probability_declared, forecast_category, last_activity_date,
    next_step_date, loss_reason_code, loss_reason_source, competitor.
    """
    frame = dataset.sql(_DEALS)
    for column in (*_DATES, "last_activity_date"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    closed = frame["status"].isin(ENDED)
    frame["rep_id"] = frame["owner_at_close"].where(closed & frame["owner_at_close"].notna(), frame["rep_id"])
    at_close = frame["amount_at_close"].fillna(frame["amount_now"])
    before = frame["amount_before"].fillna(frame["amount_now"])
    frame["amount"] = np.select([frame["status"] == "won", closed], [at_close, before], frame["amount_now"])
    frame["is_foreign"] = _foreign(dataset, frame["currency"])
    for column in ("amount", "amount_before", "amount_at_close"):
        frame[column] = frame[column].astype(float).mask(frame["is_foreign"])
    frame["team_id"] = frame["rep_id"].map(dataset.table("reps").set_index("rep_id")["team_id"])
    as_of = pd.Timestamp(dataset.as_of)
    end = frame["closed_date"].where(closed, as_of)
    frame["age_days"] = (end - frame["created_date"]).dt.days.clip(lower=0).astype(float)
    frame["is_born_closed"] = closed & (frame["closed_date"] <= frame["created_date"])
    frame["has_history"] = frame["stage_changes"] > 0
    frame["push_count"] = frame["push_count"].astype(float)
    if dataset.has("opportunity_events"):
        frame["push_count"] = frame["push_count"].fillna(0.0)
    stays = spells(dataset).drop_duplicates("opportunity_id", keep="last").set_index("opportunity_id")
    last = stays.reindex(frame["opportunity_id"]).reset_index(drop=True)
    frame["stage_code"] = frame["stage_code"].where(~closed | last["stage_code"].isna(), last["stage_code"])
    frame["stage_order"] = (
        frame["stage_code"].map(stage_table(dataset).set_index("stage_code")["stage_order"]).astype(float)
    )
    stayed = (as_of - last["entered"].dt.normalize()).dt.days.astype(float)
    frame["stage_age_days"] = stayed.where((frame["status"] == "open") & last["exited"].isna())
    frame["is_cleanup"] = _cleanups(frame)
    return frame[_COLUMNS]


def _foreign(dataset: Dataset, currency: pd.Series) -> pd.Series:
    """Deals in another currency than the client's: their amounts add up with no other."""
    known = currency.dropna()
    if known.empty:
        return pd.Series(False, index=currency.index)
    own = dataset.client.currency if dataset.client else known.mode().iloc[0]
    return currency.notna() & (currency != own)


def _cleanups(frame: pd.DataFrame) -> pd.Series:
    lost = frame[(frame["status"] == "lost") & frame["closed_date"].notna()]
    size = lost.groupby(["rep_id", "closed_date"], dropna=False)["opportunity_id"].transform("size")
    return (size >= CLEANUP_LOSSES).reindex(frame.index, fill_value=False)
