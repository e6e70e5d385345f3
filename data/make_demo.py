"""Write the demo client, an invented French industrial supplier, from a seed: same seed, same bytes.

    python data/make_demo.py [--out data/demo] [--seed 7]

``frames(seed)`` gives the true standard tables, before they are written as a French ERP, CRM and agenda would write
them; tests compare them with what intake reads. The truths planted for each report are in ``demo_truths``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))

import demo_agenda as agenda
import demo_crm as crm
import demo_customers as customers
import demo_deals as deals
import demo_files
import demo_plans as plans
import demo_sales as sales
import demo_truths
import demo_world as world

DEPENDENT = ("000101", 0.19)  # variant "dependence": the largest customer's share of positive revenue
GIANT = ("000101", 0.83)  # variant "giant": one customer above 80 %, A/B/C by share loses its meaning
HALVED = 0.45  # variant "halved": what is left of the sales of 2026
REACHABLE = 0.80  # variant "reachable": factor on the revenue targets of 2026
AMBITIOUS = 1.15  # variant "year_end", to be read at 2025-12-07: factor on the revenue targets of 2025
OVERLOADED = 2.2  # variant "overloaded": factor on the contacts promised to each cell
SOBER = ("CH24", "CH25P", "CH25", "CH26")  # variant "sober_contests": the contests that remain
SALES_VARIANTS = ("dependence", "flat", "giant", "halved")
TABLE_VARIANTS = ("reachable", "year_end", "late_losses", "overloaded", "sober_contests")
# the same tables, read with other parameters: demo_truths.READ_WITH
READINGS = ("contest_before", "contest_visits", "contest_null", "contest_created", "contractual")
VARIANTS = (*SALES_VARIANTS, *TABLE_VARIANTS, *READINGS)


def frames(seed: int = 7, variant: str | None = None) -> dict[str, pd.DataFrame]:
    """The true standard tables (names and columns of salespilot/tables.py), as intake should read them.

    Without the spoilt rows, the doubled lines and the intercompany lines of the files; with the counter sales and the
    orphan lines, which intake keeps. ``variant`` changes the sales (``dependence``: one customer at 19 %; ``flat``: all
    customers alike, Gini under 0.25; ``giant``: one customer above 80 %; ``halved``: 2026 sells less than half), or
    other tables (``reachable``, ``year_end``: targets; ``late_losses``: deals; ``overloaded``: coverage policy;
    ``sober_contests``: fewer contests). The variants of ``READINGS`` change no table.
    """
    if variant is not None and variant not in VARIANTS:
        raise ValueError(f"unknown variant {variant!r}; known: {', '.join(VARIANTS)}")
    market = deals.LATE if variant == "late_losses" else deals.USUAL
    tables = {
        "customers": customers.customers(seed),
        "customer_potential": customers.customer_potential(seed),
        "customer_assignments": customers.customer_assignments(seed),
        "sales_lines": sales.sales_lines(seed).copy(),
        "orders_backlog": sales.orders_backlog(seed),
        "opportunities": crm.opportunities(seed, market),
        "opportunity_events": crm.opportunity_events(seed, market).copy(),
        "stages": crm.stages(),
        "milestone_evidence": crm.milestone_evidence(seed, market),
        "quotes": crm.quotes(seed, market).copy(),
        "activities": agenda.activities(seed, market).copy(),
        "forecast_snapshots": plans.forecast_snapshots(seed),
        "targets": plans.targets(seed),
        "reps": world.REPS.copy(),
        "rep_capacity": plans.rep_capacity(seed),
        "actions": plans.actions(seed).copy(),
        "action_targets": plans.action_targets(seed),
        "coverage_policy": plans.coverage_policy(),
        "interventions": plans.interventions(),
        "contests": plans.contests(),
        "contest_participants": plans.contest_participants(seed),
        "contest_prizes": plans.contest_prizes(),
        "rep_assessments": plans.rep_assessments(seed),
        "calendar": world.calendar(),
        "costs": plans.costs(),
    }
    if variant in SALES_VARIANTS:
        tables["sales_lines"] = _scaled_sales(tables["sales_lines"], str(variant), seed)
    elif variant in TABLE_VARIANTS:
        _change(tables, str(variant))
    return tables


def _scaled_sales(lines: pd.DataFrame, variant: str, seed: int) -> pd.DataFrame:
    """Scale the lines so that the last 12 months, or the year begun, have the shape of the variant."""
    recent = lines[lines["invoice_date"] > world.AS_OF.replace(year=world.AS_OF.year - 1)]
    net = recent.groupby("customer_id")["amount_net"].sum()
    if variant == "halved":
        scale = pd.Series([HALVED if d.year == world.AS_OF.year else 1.0 for d in lines["invoice_date"]], lines.index)
    else:
        if variant == "flat":
            rng = world.stream(seed, "flat")
            factor = pd.Series(50_000 * rng.uniform(0.75, 1.25, len(net)), net.index) / net.where(net > 0)
        else:
            customer, share = DEPENDENT if variant == "dependence" else GIANT
            others = net[net > 0].sum() - net[customer]
            factor = pd.Series({customer: share / (1 - share) * others / net[customer]})
        scale = lines["customer_id"].map(factor).astype(float).fillna(1.0)
    scaled = {column: np.round(lines[column] * scale, 2) for column in ("amount_net", "margin", "discount")}
    return lines.assign(**scaled)


def _change(tables: dict[str, pd.DataFrame], variant: str) -> None:
    """Change the tables of a variant other than the sales and the deals, in place."""
    if variant in ("reachable", "year_end"):
        year, factor = (2026, REACHABLE) if variant == "reachable" else (2025, AMBITIOUS)
        goals = tables["targets"]
        meant = (goals["metric"] == "revenue") & np.array([d.year == year for d in goals["period_start"]])
        tables["targets"] = goals.assign(value=goals["value"].where(~meant, goals["value"] * factor))
    elif variant == "overloaded":
        promised = tables["coverage_policy"]
        more = {column: promised[column] * OVERLOADED for column in ("f2f_per_year", "remote_per_year")}
        tables["coverage_policy"] = promised.assign(**more)
    elif variant == "sober_contests":
        for name in ("contests", "contest_participants", "contest_prizes"):
            table = tables[name]
            tables[name] = table[table["contest_id"].isin(SOBER)].reset_index(drop=True)


def main() -> None:
    """Command line: write the exports, ``client.toml`` and the truths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "demo")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    spoilt = demo_files.write(frames(options.seed), options.out, options.seed)
    demo_truths.write(options.out / "truths", spoilt)


if __name__ == "__main__":
    main()
