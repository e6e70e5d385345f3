"""How many hours each customer needs, how many each salesperson has, and how many people that makes."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from salespilot.cells import attributed, cell_of, classified, policy, years
from salespilot.classes import abc_classes
from salespilot.dataset import Dataset, Window, month_end, month_start
from salespilot.diagnostics.portfolio_alignment import places
from salespilot.diagnostics.portfolio_alignment.model import Thresholds
from salespilot.periods import worked_days, working_days

SPEED_KMH = 60.0
MIN_TIMED = 30


def accounts(dataset: Dataset) -> pd.DataFrame:
    """Every customer and prospect that counts, by customer_id: cell, revenue, potential, owner, place, policy.

    ``owner_id`` is missing where nobody in post holds it; ``is_separating``: classes mean something (the same in every
    row). ``is_house``: buys, and nobody ever held it or sold to it (a shop's or web site's customer).
    """
    sales = attributed(dataset.mart("customer_sales"))
    frame, _ = classified(dataset, dataset.window, sales)
    frame["net_revenue"] = sales["net_revenue"].reindex(frame.index).fillna(0.0) / years(dataset.window)
    made = abc_classes(frame["net_revenue"], dataset.conventions)
    classes = made.frame["abc_class"]
    frame["revenue_class"] = classes.map({"Z": "P"}).fillna(classes)
    frame["is_separating"] = made.is_separating
    # A customer credited for more than it bought is served like a small one: the matrix has no row for it.
    frame["cell"] = cell_of(classes.replace({"N": "C"}), frame["potential_class"])
    frame["headroom"] = (frame["potential_accessible"] - frame["net_revenue"].clip(lower=0)).clip(lower=0)
    known = dataset.sql(
        "select customer_id, name, status, parent_customer_id, legacy_unit, channel, excluded_reps, required_skill, "
        "coalesce(is_locked, false) as is_asked from customers"
    )
    known = attributed(known).reindex(frame.index)
    frame = frame.join(known)
    frame["is_asked"] = frame["is_asked"].astype("boolean").fillna(False).astype(bool)
    frame["name"] = frame["name"].fillna(frame.index.to_series())
    frame["is_buyer"] = frame["revenue_class"] != "P"
    frame = frame[frame["is_buyer"] | (frame["status"] != "lost")]
    owners = attributed(dataset.owners).reindex(frame.index)
    is_gone = owners["is_orphan"].astype("boolean").fillna(False).astype(bool)
    frame["owner_id"] = owners["rep_id"].where(~is_gone)
    frame["is_house"] = frame["is_buyer"] & ~frame.index.isin(_ever_held(dataset))
    if frame["owner_id"].isna().all():
        frame["is_house"] = False  # nobody is known to hold anything: all is to be attributed
    frame["group_id"] = groups(frame.index, frame["parent_customer_id"])
    return frame.join(places.located(dataset))


def _ever_held(dataset: Dataset) -> pd.Index:
    """Customers that some salesperson held or sold to one day."""
    held = dataset.table("customer_assignments")["customer_id"]
    sold = dataset.mart("customer_reps", dataset.history)["customer_id"]
    return pd.Index(pd.concat([held, sold]).dropna().unique(), dtype=object)


def groups(customers: pd.Index, parent: pd.Series) -> pd.Series:
    """The group of each customer: its topmost parent; itself where it has none. Circles end at their smallest code."""
    above = parent.where(parent.notna(), customers.to_series()).astype(object)
    top = customers.to_series().astype(object)
    for _ in range(20):
        higher = above.reindex(top).to_numpy()
        higher = np.where(pd.isna(higher), top.to_numpy(), higher)  # a parent that is no customer is the top
        if (higher == top.to_numpy()).all():
            return pd.Series(top, index=customers, name="group_id")
        top = pd.Series(higher, index=customers)
    # What still moves is in a circle: who holds whom is unknown, so each stays by itself.
    still = above.reindex(top).fillna(top.set_axis(top)).to_numpy() != top.to_numpy()
    return top.mask(still, customers.to_series()).rename("group_id")


def with_reserve(frame: pd.DataFrame, people: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The accounts with is_reserve and reserve_reason: prospects without known potential, or beyond what can be held;
    and house accounts, which are served without a salesperson.

    Kept are the biggest potentials, ``prospects_per_fte`` a full-time salesperson.
    """
    prospect = ~frame["is_buyer"]
    unknown = prospect & ~(frame["potential_accessible"] > 0)
    room = int(thresholds.prospects_per_fte * people["fte"].sum())
    ranked = frame[prospect & ~unknown].sort_index().sort_values("potential_accessible", ascending=False, kind="stable")
    beyond = pd.Series(frame.index.isin(ranked.index[room:]), index=frame.index)
    house = frame["is_house"]
    why = pd.Series(np.select([house, unknown, beyond], ["house", "unknown_potential", "beyond_capacity"], ""))
    reason = why.replace("", None).set_axis(frame.index)
    return frame.assign(is_reserve=house | unknown | beyond, reserve_reason=reason)


def durations(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """What a customer of each account's cell takes: contact_mode, f2f_per_year, remote_per_year, visit_min, prep_min.

    The length of a visit is the mean of those logged in its revenue class where at least thirty say it, else that of
    the policy.
    """
    table = policy(dataset).set_index("cell")
    own = table.reindex(frame["cell"]).set_axis(frame.index)
    contacts = attributed(dataset.mart("customer_contacts")).reindex(frame.index)
    sums = contacts.groupby(frame["revenue_class"])[["f2f_minutes", "f2f_timed"]].sum()
    mean = (sums["f2f_minutes"] / sums["f2f_timed"]).where(sums["f2f_timed"] >= MIN_TIMED)
    own["visit_min"] = frame["revenue_class"].map(mean).astype(float).fillna(own["visit_min"])
    return own


def travel(dataset: Dataset, frame: pd.DataFrame, nearest_km: pd.Series, thresholds: Thresholds) -> pd.Series:
    """Minutes on the road for one visit: logged for the customer (three visits or more), else the mean logged, else by
    distance from the nearest salesperson in rounds of ``visits_per_tour``, else the threshold."""
    contacts = attributed(dataset.mart("customer_contacts")).reindex(frame.index)
    is_logged = contacts["travel_minutes"].notna() & (contacts["f2f_count"] > 0)
    own = (contacts["travel_minutes"] / contacts["f2f_count"]).where(is_logged & (contacts["f2f_count"] >= 3))
    logged = contacts[is_logged]
    if len(logged):
        return own.fillna(float(logged["travel_minutes"].sum() / logged["f2f_count"].sum()))
    by_distance = 2 * nearest_km / SPEED_KMH * 60 / thresholds.visits_per_tour
    return own.fillna(by_distance).fillna(thresholds.travel_minutes)


def related(dataset: Dataset, frame: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Adds former_id, tenure_months, relation (revenue x min(tenure, 3 years)/3), is_locked (R4), is_care (R5)."""
    held = dataset.table("customer_assignments")
    held = held[held["role"].fillna("owner") == "owner"].sort_values("valid_from", kind="stable")
    last = held.drop_duplicates("customer_id", keep="last").set_index("customer_id")["rep_id"].reindex(frame.index)
    owners = attributed(dataset.owners)["rep_id"].reindex(frame.index)
    frame["former_id"] = owners.fillna(last).where(frame["owner_id"].isna())
    since = held.set_index("customer_id")
    own = since[since["rep_id"] == frame["owner_id"].reindex(since.index)]
    start = own["valid_from"].groupby(level=0).max().reindex(frame.index)
    first = dataset.mart("customer_starts", dataset.history)
    start = start.fillna(attributed(first)["first_date"].reindex(frame.index))
    months = (pd.Timestamp(dataset.as_of) - start).dt.days / 30.4375
    frame["tenure_months"] = months.clip(lower=0).where(frame["owner_id"].notna())
    tenure = (frame["tenure_months"] / 12).clip(upper=thresholds.disruption_years) / thresholds.disruption_years
    frame["relation"] = (frame["net_revenue"].clip(lower=0) * tenure).fillna(0.0)
    frame["sector_code"] = attributed(dataset.sql("select customer_id, sector_code from customers"))[
        "sector_code"
    ].reindex(frame.index)
    before = None
    if dataset.previous is not None:
        sales = attributed(dataset.mart("customer_sales", dataset.previous))["net_revenue"].reindex(frame.index)
        before = sales.fillna(0.0) * 12 / max(dataset.months, 1)
    frame["net_revenue_previous"] = np.nan if before is None else before
    holds = frame["net_revenue"] >= (1 + thresholds.lock_trend_share) * frame["net_revenue_previous"]
    is_old = frame["tenure_months"] >= thresholds.lock_tenure_months
    frame["is_locked"] = (frame["revenue_class"] == "A") & is_old & holds
    top = frame["headroom"].rank(pct=True, ascending=False) <= thresholds.top_headroom_share
    frame["is_care"] = ((frame["revenue_class"] == "A") | (top & (frame["headroom"] > 0))).astype(bool)
    return frame


def hours(frame: pd.DataFrame, need: pd.DataFrame, travel_min: pd.Series, thresholds: Thresholds) -> pd.Series:
    """Hours a year an account needs: visits x (length + travel + preparation) + remote contacts + administration.

    W = f_s (d_s + travel + prep_s) + f_remote d_remote + admin [S29][S31]; nothing for an account in reserve.
    """
    visit = (need["visit_min"] + need["prep_min"] + travel_min) / 60
    needed = need["f2f_per_year"] * visit + need["remote_per_year"] * thresholds.remote_minutes / 60
    needed += np.where(frame["is_buyer"], thresholds.admin_hours, 0.0)
    return needed.where(~frame["is_reserve"], 0.0)


def people(dataset: Dataset, frame: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The salespeople of the programme, by rep_id: name, role, team_id, skills, fte, ramp, capacity_hours,
    has_capacity.

    In post at ``as_of`` and either holding an account or with a role or a capacity of their own (an office that only
    manages is none). Capacity [G]: worked days x hours a day x field share (x FTE, in the worked days) x ramp, over the
    twelve months that end with the last capacity known, else the coming twelve.
    """
    reps = dataset.table("reps").set_index("rep_id")
    as_of = pd.Timestamp(dataset.as_of)
    reps = reps[(reps["end_date"].isna() | (reps["end_date"] > as_of))]
    reps = reps[reps["start_date"].isna() | (reps["start_date"] <= as_of)]
    months = dataset.table("rep_capacity").dropna(subset="working_days")
    holds = reps.index.isin(frame["owner_id"].dropna().unique())
    listed = reps["role"].notna() | reps.index.isin(months["rep_id"].unique())
    leads = reps.index.isin(dataset.table("reps")["manager_id"].dropna().unique())
    reps = reps[holds | (listed & ~leads)]
    window = _capacity_window(dataset, months)
    table = worked_days(dataset, window)
    table = table[table["rep_id"].isin(reps.index)]
    told = months.assign(month_index=months["month"].dt.year * 12 + months["month"].dt.month)
    is_told = pd.MultiIndex.from_frame(table[["rep_id", "month_index"]]).isin(
        pd.MultiIndex.from_frame(told[["rep_id", "month_index"]])
    )
    whole = working_days(dataset, window.start, window.end)
    # A month without a capacity of its own knows no leave.
    given = 1 - min(thresholds.leave_days / max(whole, 1), 1.0)
    worked = table["hours"].where(is_told, table["hours"] * given)
    field = (table["field_hours"] / table["hours"]).fillna(thresholds.field_share)
    sums = (worked * field).groupby(table["rep_id"]).sum()
    frame = reps[["display_name", "role", "team_id", "skills"]].assign(fte=reps["fte"].fillna(1.0))
    frame["name"] = frame.pop("display_name").fillna(frame.index.to_series())
    arrival = reps["start_date"].where(reps["start_date"] > pd.Timestamp(window.start), pd.Timestamp(window.start))
    share = [working_days(dataset, day.date(), window.end) / max(whole, 1) if pd.notna(day) else 1.0 for day in arrival]
    frame["ramp"] = _ramp(reps, as_of)
    yearly = sums.reindex(frame.index).fillna(0.0) / np.clip(share, 1 / 12, 1)
    frame["capacity_hours"] = yearly * frame["ramp"]
    frame["has_capacity"] = frame.index.isin(table.loc[is_told, "rep_id"].unique())
    return frame.sort_index()


def _capacity_window(dataset: Dataset, months: pd.DataFrame) -> Window:
    first = month_start(dataset.as_of + timedelta(days=1))
    last = month_end(month_start(first, 11))
    if len(months):
        last = min(last, month_end(months["month"].max().date()))
        last = max(last, month_end(month_start(dataset.as_of)))
    return Window(month_start(last, -11), last)


def _ramp(reps: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Mean share of full capacity over the coming year of who is still learning."""
    tenure = ((as_of - reps["start_date"]).dt.days / 30.4375).fillna(1e3).clip(lower=0)
    ramp = reps["ramp_months"].astype(float).fillna(0).clip(lower=1e-9)
    return pd.concat([((tenure + k + 0.5) / ramp).clip(upper=1) for k in range(12)], axis=1).mean(axis=1)


def people_needed(visits: float, weeks: float, days: float, visits_a_day: float) -> float:
    """Salespeople for that many visits a year: visits / (weeks x field days a week x visits a day) [S29][S30].

    Round up to hire: 492x4 + 198x2 + 230 = 2 594 visits over 45 x 4 x 3 = 540 make 4.80, five people.
    """
    return visits / (weeks * days * visits_a_day)


def talley(customers: float, frequency: float, length: float, available: float) -> float:
    """Salespeople by Talley's workload method: NS = customers x frequency x length / time available [S31]."""
    return customers * frequency * length / available


def sizing(frame: pd.DataFrame, team: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """How many full-time salespeople, by three readings: sizing_method, needed, available_each, needed_fte.

    ``workload``: hours over the capacity of a full-time salesperson; ``visits``: visits over what a year of field days
    holds; ``current``: those in post.
    """
    fte = float((team["fte"] * team["ramp"]).sum())
    capacity, hours_needed = float(team["capacity_hours"].sum()), float(frame["workload_hours"].sum())
    visits = float(frame.loc[~frame["is_reserve"], "f2f_per_year"].sum())
    year = (thresholds.weeks_a_year, thresholds.field_days_a_week, thresholds.visits_per_day)
    rows = [
        ("workload", hours_needed, capacity / fte, talley(1, 1, hours_needed, capacity / fte)),
        ("visits", visits, float(np.prod(year)), people_needed(visits, *year)),
        ("in_post", capacity, capacity / fte, fte),
    ]
    return pd.DataFrame(rows, columns=["sizing_method", "needed", "available_each", "needed_fte"])
