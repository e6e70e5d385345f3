"""Who is seen: contacts against the policy, customer by customer, and whether each salesperson logs them at all."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from salespilot import cells
from salespilot.dataset import Dataset
from salespilot.diagnostics.portfolio_review.settings import Thresholds
from salespilot.inference import shrunk_rates, wilson

INTERNAL = ("admin", "training", "travel")
LATE_START_DAYS = 45


def activity_years(dataset: Dataset, activities: pd.DataFrame) -> float:
    """The part of the period over which activities were logged, in years: the whole, unless logging began later."""
    window = dataset.window
    begun = activities["first_date"].min()
    if pd.notna(begun) and (begun - pd.Timestamp(window.start)).days > LATE_START_DAYS:
        return ((pd.Timestamp(window.end) - begun).days + 1) / 365.25
    return cells.years(window)


def reps(dataset: Dataset, activities: pd.DataFrame, customers: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a salesperson with customers or activity: worked days, what is logged, and ``is_logging``.

    Indexed by rep_id: owner_name, team_id, role, is_there (has not left), is_ramping, worked_days, activity_count,
    activities_per_day, activity_ratio and revenue_ratio (to the median of peers, of the same role where there are
    enough), is_logging (False: logs far less than peers with normal revenue, so that what it has not logged proves
    nothing).
    """
    window, conventions = dataset.window, dataset.conventions
    people = dataset.table("reps").set_index("rep_id")
    logged = activities[~activities["type"].isin(INTERNAL)].groupby("rep_id")["activity_count"].sum()
    seen = people.index.isin(logged.index) | people.index.isin(customers["owner_id"].dropna().unique())
    people = people[seen]
    frame = pd.DataFrame(index=people.index)
    frame["owner_name"] = dataset.names("reps").reindex(frame.index)
    frame["team_id"], frame["role"] = people["team_id"], people["role"]
    frame["is_there"] = ~(people["end_date"] < pd.Timestamp(dataset.as_of))
    ramp = people["ramp_months"].astype(float).fillna(conventions.ramp_months).clip(lower=conventions.ramp_months)
    tenure = (pd.Timestamp(window.end) - people["start_date"]).dt.days / 30.4
    frame["is_ramping"] = (tenure < ramp).fillna(False).astype(bool)
    frame["worked_days"] = worked_days(dataset, people)
    frame["activity_count"] = logged.reindex(frame.index).fillna(0).astype(int)
    frame["net_revenue"] = _rep_revenue(dataset, customers).reindex(frame.index).fillna(0.0)
    frame["activities_per_day"] = frame["activity_count"] / frame["worked_days"]
    ranked = frame["is_there"] & ~frame["is_ramping"] & (frame["net_revenue"] > 0) & (frame["worked_days"] > 0)
    revenue_a_day = frame["net_revenue"] / frame["worked_days"]
    frame["activity_ratio"] = frame["activities_per_day"] / _median(
        frame["activities_per_day"], frame["role"], ranked, thresholds
    )
    frame["revenue_ratio"] = revenue_a_day / _median(revenue_a_day, frame["role"], ranked, thresholds)
    frame["is_logging"] = ~(
        ranked
        & (frame["activity_ratio"] < thresholds.silent_log_share)
        & (frame["revenue_ratio"] >= thresholds.normal_revenue_share)
    )
    return frame


def worked_days(dataset: Dataset, people: pd.DataFrame) -> pd.Series:
    """Days worked in the period, full-time equivalent: working days minus absences, times FTE; NaN when not there.

    From ``rep_capacity``; for those it leaves out, Mondays to Fridays of the time they were employed.
    """
    window = dataset.window
    first, last = pd.Timestamp(window.start), pd.Timestamp(window.end)
    start = people["start_date"].where(people["start_date"] > first, first)
    end = people["end_date"].where(people["end_date"] < last, last)
    weekdays = np.maximum(
        np.busday_count(
            start.to_numpy().astype("datetime64[D]"), (end + pd.Timedelta(days=1)).to_numpy().astype("datetime64[D]")
        ),
        0,
    )
    days = pd.Series(weekdays.astype(float), index=people.index)
    capacity = dataset.table("rep_capacity")
    inside = capacity["month"].between(pd.Timestamp(window.start), pd.Timestamp(window.end))
    capacity = capacity[inside & capacity["working_days"].notna()]
    net = (capacity["working_days"] - capacity["absence_days"].fillna(0)).groupby(capacity["rep_id"]).sum()
    days = net.reindex(days.index).fillna(days) * people["fte"].astype(float).fillna(1.0)
    return days.where(days > 0)


def _rep_revenue(dataset: Dataset, customers: pd.DataFrame) -> pd.Series:
    """What each sold in the period: booked on its code at the time, else what its customers of today bought."""
    if "rep_id_booked" in dataset.columns("sales_lines") or dataset.sales_basis == "won_deals":
        booked = dataset.mart("rep_months").dropna(subset="rep_id_booked")
        return booked.groupby("rep_id_booked")["net_revenue"].sum()
    return customers.groupby("owner_id")["net_revenue"].sum()


def _median(values: pd.Series, role: pd.Series, ranked: pd.Series, thresholds: Thresholds) -> pd.Series:
    """The median of each one's peers: those of its role where there are enough, else all; NaN for too few in all."""
    peers = values[ranked]
    if len(peers) < thresholds.min_peers:
        return pd.Series(np.nan, index=values.index)
    by_role = peers.groupby(role[ranked]).agg(["median", "size"])
    own = by_role["median"].where(by_role["size"] >= thresholds.min_peers)
    return role.map(own).astype(float).fillna(peers.median())


def contacts(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """Contacts done in the period by customer, counted on the billed customer where they were logged on the one
    delivered, which is billed nothing itself. Indexed like ``frame``; zeros where nothing was logged."""
    done = dataset.mart("customer_contacts").dropna(subset="customer_id").set_index("customer_id")
    if "delivery_customer_id" in dataset.columns("sales_lines"):
        delivered = dataset.mart("customer_deliveries").sort_values("net_revenue", ascending=False, kind="stable")
        head = delivered.drop_duplicates("delivery_customer_id").set_index("delivery_customer_id")["customer_id"]
        billed = done.index.to_series().map(head)
        is_site = billed.notna() & ~done.index.isin(frame.index[frame["has_lines"]])
        dates = ["last_f2f_date", "last_contact_date"]
        how = {column: "max" if column in dates else "sum" for column in done.columns}
        done = done.groupby(billed.where(is_site, done.index.to_series()).to_numpy()).agg(how)
    done = done.reindex(frame.index)
    numbers = done.columns.difference(["last_f2f_date", "last_contact_date"])
    done[numbers] = done[numbers].fillna(0.0)
    return done


def cover(
    frame: pd.DataFrame, done: pd.DataFrame, policy: pd.DataFrame, logging: pd.Series, years: float, window_start: date
) -> None:
    """Add to the customers what was done for them against the policy of their cell.

    f2f_count, remote_count, visit_hours, target_f2f, compliance (done / target), over_service (extra visits),
    contact_status (met, met_group: another site is, remote_only, not_seen, unknown), plan_hours (visit and
    preparation), and the same targets and contacts summed over the group. A customer new in the period is owed
    visits since its first order only. Where the owner does not log, the status is unknown.
    """
    plan = policy.set_index("cell").reindex(frame["cell"]).set_index(frame.index)
    since = (frame["first_order_date"] - pd.Timestamp(window_start)).dt.days.clip(lower=0).fillna(0) / 365.25
    exposure = (years - since.where(frame["is_new"], 0.0)).clip(lower=0.0)
    frame["f2f_count"] = done["f2f_count"].astype(int)
    frame["remote_count"] = done["remote_count"].astype(int)
    frame["last_f2f_date"], frame["last_contact_date"] = done["last_f2f_date"], done["last_contact_date"]
    frame["visit_hours"] = done["f2f_minutes"] / 60
    frame["target_f2f"] = plan["f2f_per_year"].astype(float) * exposure
    frame["compliance"] = frame["f2f_count"] / frame["target_f2f"].where(frame["target_f2f"] > 0)
    frame["over_service"] = (frame["f2f_count"] - frame["target_f2f"]).clip(lower=0)
    frame["plan_hours"] = (plan["visit_min"] + plan["prep_min"]).astype(float) / 60
    group = frame.groupby("group_id")
    frame["group_f2f"] = group["f2f_count"].transform("sum")
    frame["group_target"] = group["target_f2f"].transform("sum")
    frame["group_contacts"] = frame["group_f2f"] + group["remote_count"].transform("sum")
    frame["is_logged"] = frame["owner_id"].map(logging).astype("boolean").fillna(True).astype(bool)
    frame["contact_status"] = np.select(
        [frame["f2f_count"] > 0, ~frame["is_logged"], frame["group_f2f"] > 0, frame["remote_count"] > 0],
        ["met", "unknown", "met_group", "remote_only"],
        "not_seen",
    )


def service_zone(frame: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """under_served, in_line, over_served, or unknown where the owner does not log or the policy plans no visit."""
    extra = frame["over_service"] >= thresholds.over_service_min_visits
    return pd.Series(
        np.select(
            [
                ~frame["is_logged"] | ((frame["target_f2f"] <= 0) & (frame["f2f_count"] == 0)),
                frame["compliance"] < thresholds.secure_visit_share,
                extra & ~(frame["compliance"] < thresholds.over_service_factor),
            ],
            ["unknown", "under_served", "over_served"],
            "in_line",
        ),
        index=frame.index,
    )


def by_class(frame: pd.DataFrame, thresholds: Thresholds, small: int) -> pd.DataFrame:
    """Coverage of the portfolios held by salespeople who are there, by ABC class and in total.

    abc_class, customer_count, met_count, coverage_rate with coverage_low and coverage_high (Wilson 95 %), contact_rate
    (any mode), revenue_covered_share, potential_covered_share, compliance, over_service_rate,
    is_on_target (the marks of the thresholds). Rates of classes are NaN under ``small`` customers.
    """
    held = frame[frame["in_portfolio"]]
    keys = [*(word for word in "ABCZN" if (held["abc_class"] == word).any()), "total"]
    rows = [_covered(held if key == "total" else held[held["abc_class"] == key]) | {"abc_class": key} for key in keys]
    table = pd.DataFrame(rows)
    table["coverage_low"], table["coverage_high"] = wilson(table["met_count"], table["customer_count"])
    rates = [column for column in table if column not in ("abc_class", "customer_count", "met_count")]
    table.loc[(table["customer_count"] < small) & (table["abc_class"] != "total"), rates] = np.nan
    table["is_on_target"] = _on_target(table, thresholds)
    return table[
        [
            "abc_class",
            "customer_count",
            "met_count",
            "coverage_rate",
            "coverage_low",
            "coverage_high",
            "contact_rate",
            "revenue_covered_share",
            "potential_covered_share",
            "compliance",
            "over_service_rate",
            "is_on_target",
        ]
    ]


def _on_target(table: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """A and B met, C contacted in any mode, and visits in line with the policy in total; missing elsewhere."""
    reached = {
        "A": table["coverage_rate"] >= thresholds.coverage_a_min_share,
        "B": table["coverage_rate"] >= thresholds.coverage_b_min_share,
        "C": table["contact_rate"] >= thresholds.coverage_c_min_share,
        "total": (table["compliance"] >= thresholds.compliance_min_share)
        & (table["over_service_rate"] <= thresholds.over_service_max_share),
    }
    verdict = pd.Series(pd.NA, index=table.index, dtype="boolean")
    for word, flags in reached.items():
        chosen = (table["abc_class"] == word) & table["contact_rate"].notna()
        verdict = verdict.mask(chosen, flags)
    return verdict


def _covered(held: pd.DataFrame) -> dict[str, float]:
    is_met = held["f2f_count"] > 0
    revenue = held["net_revenue"].clip(lower=0)
    target, done = held["target_f2f"], held["f2f_count"]
    return {
        "customer_count": len(held),
        "met_count": int(is_met.sum()),
        "coverage_rate": _ratio(is_met.sum(), len(held)),
        "contact_rate": _ratio(((done + held["remote_count"]) > 0).sum(), len(held)),
        "revenue_covered_share": _ratio(revenue[is_met].sum(), revenue.sum()),
        "potential_covered_share": _ratio(
            held.loc[is_met, "potential_accessible"].sum(), held["potential_accessible"].sum()
        ),
        "compliance": _ratio(np.minimum(done, target).sum(), target.sum()),
        "over_service_rate": _ratio(held["over_service"].sum(), done.sum()),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else np.nan


def portfolios(frame: pd.DataFrame, people: pd.DataFrame, small: int) -> pd.DataFrame:
    """Coverage by salesperson who is there: counts, rate with its interval, and the rate drawn towards the team's.

    Indexed by rep_id. ``no_contact_count``: customers without any contact, in any mode, of themselves or their group;
    rates are NaN under ``small`` customers, and for
    who does not log.
    """
    held = frame[frame["in_portfolio"]]
    table = people[people["is_there"]].copy()
    group = held.groupby("owner_id")
    table["customer_count"] = group.size().reindex(table.index).fillna(0).astype(int)
    table["portfolio_revenue"] = group["net_revenue"].sum().reindex(table.index)
    counted = {
        "met_count": held["f2f_count"] > 0,
        "no_contact_count": (held["f2f_count"] + held["remote_count"] + held["group_contacts"]) == 0,
    }
    for column, flags in counted.items():
        table[column] = flags.groupby(held["owner_id"]).sum().reindex(table.index).fillna(0).astype(int)
    table = table[table["customer_count"] > 0]
    counts = table["customer_count"]
    table["coverage_rate"] = table["met_count"] / counts
    table["coverage_low"], table["coverage_high"] = wilson(table["met_count"], counts)
    table["coverage_shrunk"] = shrunk_rates(table["met_count"], counts)
    table["no_contact_share"] = table["no_contact_count"] / counts
    table["no_contact_low"], table["no_contact_high"] = wilson(table["no_contact_count"], counts)
    table["no_contact_shrunk"] = shrunk_rates(table["no_contact_count"], counts)
    done, target = held["f2f_count"], held["target_f2f"]
    table["compliance"] = _by_owner(target.clip(upper=done), held) / _by_owner(target, held)
    table["over_service_rate"] = _by_owner(held["over_service"], held) / _by_owner(done.astype(float), held)
    rates = [c for c in table.columns if c.startswith(("coverage_", "no_contact_")) and c != "no_contact_count"]
    rates += ["compliance", "over_service_rate"]
    table.loc[(counts < small) | ~table["is_logging"], rates] = np.nan
    return table


def _by_owner(values: pd.Series, held: pd.DataFrame) -> pd.Series:
    total = values.groupby(held["owner_id"]).sum()
    return total.where(total > 0)


def groups(frame: pd.DataFrame) -> pd.DataFrame:
    """The other view: customers of several sites rolled up, biggest first. One row a group of two sites or more.

    customer_id and customer_name of its head, site_count, net_revenue, share, f2f_count, target_f2f, compliance,
    head_f2f_count (visits logged on the head).
    """
    sizes = frame.groupby("group_id").size()
    inside = frame[frame["group_id"].map(sizes) > 1]
    table = inside.groupby("group_id").agg(
        site_count=("cell", "size"),
        net_revenue=("net_revenue", "sum"),
        share=("share", "sum"),
        f2f_count=("f2f_count", "sum"),
        target_f2f=("target_f2f", "sum"),
    )
    table["compliance"] = table["f2f_count"] / table["target_f2f"].where(table["target_f2f"] > 0)
    table["head_f2f_count"] = frame["f2f_count"].reindex(table.index).fillna(0)
    table.insert(0, "customer_name", frame["customer_name"].reindex(table.index).fillna(table.index.to_series()))
    table = table.sort_values("net_revenue", ascending=False, kind="stable")
    return table.rename_axis("customer_id").reset_index()
