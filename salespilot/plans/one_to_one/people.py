"""Who has a sheet: salespeople in post, and what is known of their presence."""

from __future__ import annotations

import pandas as pd

from salespilot.dataset import Dataset

SELLING = """
select distinct rep_id from (
    select rep_id_booked as rep_id from sales_lines where invoice_date >= date '{since}'
    union all select rep_id from opportunities where status = 'open' or created_date >= date '{since}'
    union all select entity_id from targets where entity_level = 'rep' and period_end >= date '{since}'
) where rep_id is not null
"""


def people(dataset: Dataset) -> list[str]:
    """The rep_ids of those in post at ``as_of`` who sell: hold customers, deals, sales or a target, or are new.

    Where nobody can be tied to a sale, all in post: a sheet that says what is missing is worth more than none.
    """
    present = presence(dataset)
    present = present[present["presence"].ne("left")]
    owners = dataset.owners
    since = dataset.window.start.isoformat()
    selling = {*dataset.sql(SELLING.format(since=since))["rep_id"], *owners["rep_id"].dropna()}
    kept = present[present["rep_id"].isin(selling) | present["presence"].eq("new")]
    return [str(rep) for rep in (kept if len(kept) else present)["rep_id"]]


def presence(dataset: Dataset) -> pd.DataFrame:
    """One row a salesperson ever seen, in alphabetical order: rep_id, rep_name, team_id, start_date, end_date, presence
    (new, in_post, leaving, left)."""
    reps = dataset.table("reps")
    as_of = pd.Timestamp(dataset.as_of)
    ramp = reps["ramp_months"].astype(float).fillna(dataset.conventions.ramp_months)
    months = (as_of.year - reps["start_date"].dt.year) * 12 + as_of.month - reps["start_date"].dt.month
    own = reps[["rep_id", "team_id", "start_date", "end_date"]].copy()
    own["rep_name"] = reps["display_name"].fillna(reps["rep_id"])
    own["presence"] = "in_post"
    own.loc[reps["start_date"].notna() & (months < ramp), "presence"] = "new"
    own.loc[reps["end_date"].notna(), "presence"] = "leaving"
    own.loc[reps["end_date"] < as_of, "presence"] = "left"
    return own.sort_values(["rep_name", "rep_id"], key=lambda names: names.str.casefold(), ignore_index=True)
