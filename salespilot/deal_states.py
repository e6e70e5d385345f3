"""The SQL of deals as they stood at one date, rebuilt from the changes recorded of them.

What a field held on a day is what its last change up to that day wrote, else what its first change after it replaced. A
field never changed holds what the export says. The outcome is told by changes of ``status``, else by the stages
declared as won or lost, else by the closing date; a deal that only its changes name is derived from them.
"""

from __future__ import annotations

from datetime import date

from salespilot.tables import TABLES

TOLD_AT_CLOSING = ("probability_declared", "loss_reason_code", "loss_reason_source", "competitor")

_CHANGED = {"stage_code": "stage", "amount": "amount", "expected_close_date": "close_date"}
_CHANGED |= {"forecast_category": "category", "rep_id": "owner"}
_LEFT_BY_CLOSING = ("amount", "expected_close_date")  # what a closing leaves as it is, unless a change says otherwise
_ENDED = "in ('won', 'lost', 'cancelled')"

_STATE = """
    coalesce(bool_or(field = '{field}'), false) as has_{field},
    nullif(max(value_then) filter (field = '{field}'), '') as {field}_then,
    nullif(max(value_now) filter (field = '{field}'), '') as {field}_now,
    coalesce(max(changes_since) filter (field = '{field}'), 0) as {field}_changes_since,
    max(last_day) filter (field = '{field}') as {field}_day"""

_DEALS = """
with kinds as (
    select stage_code, coalesce(kind, 'open') as kind from raw_stages
    where exists (select 1 from raw_stages where kind in ('won', 'lost'))
), changes as (
    select opportunity_id, field, event_ts, event_id, old_value, new_value
    from raw_opportunity_events where event_ts is not null
    union all
    select opportunity_id, 'kind', event_ts, event_id,
        case when old_value is not null then coalesce(o.kind, 'open') end, coalesce(n.kind, 'open')
    from raw_opportunity_events e
        left join kinds n on n.stage_code = e.new_value left join kinds o on o.stage_code = e.old_value
    where field = 'stage' and event_ts is not null and exists (select 1 from kinds)
), moves as (
    select opportunity_id, field, count(*) filter (event_ts::date > {day}) as changes_since,
        max(event_ts::date) filter (event_ts::date <= {day}) as last_day,
        coalesce(
            arg_max(coalesce(new_value, ''), (event_ts, event_id)) filter (event_ts::date <= {day}),
            arg_min(coalesce(old_value, ''), (event_ts, event_id)) filter (event_ts::date > {day})) as value_then,
        arg_max(coalesce(new_value, ''), (event_ts, event_id)) as value_now
    from changes group by all
), states as (
    select opportunity_id, {states} from moves group by opportunity_id
), firsts as (
    select opportunity_id, min(event_ts)::date as first_day from raw_opportunity_events
    where opportunity_id is not null group by opportunity_id
), listed as (
    select r.* replace (case when has_outcome then r.status else coalesce(r.status, k.kind) end as status)
    from raw_opportunities r left join kinds k using (stage_code)
        cross join (select coalesce(bool_or(status is not null), false) as has_outcome from raw_opportunities)
    union all by name
    select opportunity_id, first_day as created_date from firsts
    where opportunity_id not in (select opportunity_id from raw_opportunities where opportunity_id is not null)
), told as (
    select l.*, f.first_day, s.* exclude (opportunity_id),
        case when has_status then status_then else kind_then end as told_then,
        case when has_status then status_day else kind_day end as told_day,
        case when has_status then status_changes_since else kind_changes_since end as told_since,
        coalesce(l.status, case when has_status then status_now else kind_now end) as status_in_the_end
    from listed l left join states s using (opportunity_id) left join firsts f using (opportunity_id)
    where coalesce(l.created_date, f.first_day, {day}) <= {day}
), known as (
    select *, case
        when told_since > 0 and (told_day is not null or told_then is not null) then told_then
        when closed_date > {day} or told_since > 0 and closed_date is null then coalesce(told_then, 'open')
        else status_in_the_end end as outcome
    from told
), deals as (
    select *, coalesce(outcome {ended}, false) as has_ended,
        coalesce(not coalesce(outcome {ended}, false) and status_in_the_end {ended}, false) as ends_later,
        outcome is distinct from status_in_the_end as ends_otherwise
    from known
)
select {chosen} from deals
"""


def opportunities(as_of: date) -> str:
    """SQL: the deals known at ``as_of`` as they stood that day, with every column of the model.

    Reads ``raw_opportunities``, ``raw_opportunity_events`` and ``raw_stages``. Of a deal that ends later, what its
    closing wrote is unknown: stage, category and probability, and without changes followed amount and expected date.
    """
    spec, day = TABLES["opportunities"], f"date '{as_of}'"
    ended = f"case when closed_date <= {day} then closed_date else told_day end"
    columns = {"status": "outcome", "closed_date": f"case when has_ended then {ended} end"}
    columns |= {column: f"case when not ends_otherwise then {column} end" for column in TOLD_AT_CLOSING}
    for column, field in _CHANGED.items():
        is_tracked = f"first_day is not null and exists (select 1 from moves where field = '{field}')"
        kept = f"not ends_later or {is_tracked}" if column in _LEFT_BY_CLOSING else "not ends_later"
        kept = "true" if column == "rep_id" else kept
        then = f"try_cast({field}_then as {spec[column].sql_type})"
        columns[column] = (
            f"case when has_{field} then coalesce({then}, case when has_ended then {column} end)"
            f" when {kept} then {column} end"
        )
    chosen = ", ".join(f"{columns[c]} as {c}" if c in columns else c for c in spec.column_names)
    states = ", ".join(_STATE.format(field=field) for field in (*_CHANGED.values(), "status", "kind"))
    return _DEALS.format(day=day, states=states, chosen=chosen, ended=_ENDED)
