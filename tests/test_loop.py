"""The loop: what a run proposes, people accept, the next runs measure, recall and learn from."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from actions_sheet import edit, sheet

import salespilot as sp
from salespilot import results
from salespilot.diagnostics import continuous_improvement
from salespilot.plans import one_to_one, pac_preparation
from salespilot.report.register import Found, update

DECIDED, STARTED, JUDGED = date(2026, 6, 30), date(2026, 7, 1), date(2027, 3, 31)
EFFECT, TARGETED = 0.40, 25
WORKED, FAILED = "R07", ("R02", "R05")
HEADINGS = {
    "invoice_id": "N° facture", "doc_type": "Type pièce", "invoice_date": "Date facture",
    "customer_id": "Code client", "customer_name": "Raison sociale", "rep_id_booked": "Code commercial",
    "product_family": "Famille article", "quantity": "Qté", "amount_net": "Montant HT", "margin": "Marge brute",
}  # fmt: skip


def drawn(lines: pd.DataFrame, lifted: list[str]) -> pd.DataFrame:
    """The nine months that follow: those of a year before, give or take 10 %, and the effect on who it is meant for."""
    day = lines["invoice_date"]
    year_ago = lines[(day > "2025-06-30") & (day <= "2026-03-31") & (lines["doc_type"] == "invoice")]
    chance = np.random.default_rng(3).lognormal(0.0, 0.10, len(year_ago))
    factor = chance * np.where(year_ago["customer_id"].isin(lifted), 1 + EFFECT, 1.0)
    return year_ago.assign(
        invoice_id="N" + year_ago["invoice_id"],
        invoice_date=year_ago["invoice_date"] + pd.DateOffset(years=1),
        doc_type="Facture",
        amount_net=(year_ago["amount_net"] * factor).round(2),
        margin=(year_ago["margin"] * factor).round(2),
    )


def export(lines: pd.DataFrame, folder) -> None:
    """Leave the lines beside those of the ERP, and say until when they are whole."""
    lines = lines[list(HEADINGS)].rename(columns=HEADINGS)
    place = folder / "exports" / "factures_2027.csv"
    lines.to_csv(place, sep=";", decimal=",", index=False, encoding="cp1252", date_format="%d/%m/%Y")
    toml = (folder / "client.toml").read_text(encoding="utf-8")
    toml = toml.replace("exported_on = 2026-07-03", "exported_on = 2027-04-02")
    toml = toml.replace("complete_until = 2026-06-30", "complete_until = 2027-03-31")
    (folder / "client.toml").write_text(toml, encoding="utf-8")


def propose(dataset) -> list[Found]:
    return [Found("abc_cross_matrix", results.of(dataset, "abc_cross_matrix")[1])]


def free_customers(dataset, rep: str) -> list[str]:
    """Customers of a salesperson who bought in both halves of the year and whom no action touches."""
    owners = dataset.owners
    touched = set(dataset.table("action_targets")["customer_id"])
    bought = dataset.sql(
        "select customer_id from sales_lines where invoice_date > date '2025-06-30' and customer_id is not null "
        "group by 1 having count(distinct date_trunc('month', invoice_date)) >= 6 order by 1"
    )["customer_id"]
    own = set(owners.loc[owners["rep_id"] == rep, "customer_id"]) - touched
    return [customer for customer in bought if customer in own]


@pytest.fixture(scope="module")
def loop(demo_client, tmp_path_factory) -> SimpleNamespace:
    """Two runs of one client, nine months apart; three of the proposals of the first are accepted in between."""
    folder = tmp_path_factory.mktemp("loop") / "demo"
    shutil.copytree(demo_client, folder)
    (folder / "actions.xlsx").unlink(missing_ok=True)
    then = sp.open(folder, DECIDED)
    update(then, propose(then))
    drafts = sheet(folder).query("status == 'Proposée'")
    accepted = {rep: drafts.index[drafts["owner_rep_id"].str.startswith(rep)][0] for rep in (WORKED, *FAILED)}
    aimed = {rep: free_customers(then, rep)[:TARGETED] for rep in accepted}
    cells = {}
    for rep, id in accepted.items():
        kept = {"status": "Décidée", "source": "Point individuel", "decided_on": datetime(2026, 6, 30)}
        kept |= {"start_date": datetime(2026, 7, 1), "due_date": datetime(2027, 2, 28)}
        kept |= {"impact_mode": 50_000.0, "metric": "CA", "targets": "; ".join(f"customer:{one}" for one in aimed[rep])}
        cells |= {(id, column): value for column, value in kept.items()}
    edit(folder, cells)

    export(drawn(then.sql("select * from sales_lines"), aimed[WORKED]), folder)
    ids = list(accepted.values())
    cells = {(ids[0], "status"): "Faite", (ids[0], "done_on"): datetime(2027, 2, 15)}
    cells |= {(ids[1], "status"): "Faite", (ids[2], "status"): "En cours"}
    edit(folder, cells)
    now = sp.open(folder, JUDGED)
    assert not [issue for issue in now.issues if issue.code.startswith("register_")]
    update(now, propose(now))
    return SimpleNamespace(folder=folder, then=then, now=now, accepted=accepted, aimed=aimed)


def test_the_register_shows_the_three(loop):
    shown = sheet(loop.folder).loc[list(loop.accepted.values())]
    assert shown["status"].tolist() == ["Faite", "Faite", "En cours"]
    assert shown["start_date"].tolist() == [STARTED] * 3
    assert shown["done_on"].tolist() == [date(2027, 2, 15), JUDGED, ""]  # undated: the run that first saw it done
    assert shown["first_seen"].tolist() == [DECIDED] * 3


def test_what_is_decided_is_seen_from_its_day_on(loop):
    ids = set(loop.accepted.values())
    known = {day: loop.now.at(day).table("actions").set_index("action_id") for day in ("2026-06-29", "2026-12-31")}
    assert not ids & set(known["2026-06-29"].index)
    assert set(known["2026-12-31"].loc[list(ids), "status"]) == {"in_progress"}  # two were done later


def test_the_plan_measures_the_one_that_worked_and_not_the_others(loop):
    impacts = pac_preparation.compute(loop.now, {}).impacts.set_index("action_id")
    worked, *failed = (impacts.loc[id] for id in loop.accepted.values())
    sales = loop.now.sql("select customer_id, invoice_date, amount_net from sales_lines")
    after = sales["invoice_date"] >= pd.Timestamp(STARTED)
    sold = sales.loc[after & sales["customer_id"].isin(loop.aimed[WORKED]), "amount_net"].sum()
    planted = sold * EFFECT / (1 + EFFECT) * 12 / 9
    assert worked["verdict"] == "effective"
    assert worked["impact_low"] < planted < worked["impact_high"]
    assert worked["impact"] == pytest.approx(planted, rel=0.25)
    assert all(one["verdict"] != "effective" and one["impact_low"] < 0 < one["impact_high"] for one in failed)


def test_the_ledger_adopts_one_and_drops_two(loop):
    made = continuous_improvement.compute(loop.now)
    ledger = made.changes.set_index("change_id").loc[list(loop.accepted.values())]
    assert ledger["decision"].tolist() == ["adopt", "abandon", "abandon"]
    assert ledger["start_date"].dt.date.tolist() == [STARTED] * 3
    assert ledger["indicator"].tolist() == ["revenue_per_day"] * 3
    assert ledger["target_count"].tolist() == [TARGETED] * 3
    assert ledger["after_count"].tolist() == [9] * 3
    assert ledger["effect"].iloc[0] == pytest.approx(EFFECT, abs=0.1)


@pytest.mark.parametrize(("place", "state"), [(0, "kept"), (1, "done_late"), (2, "missed")])
def test_each_one_to_one_recalls_its_commitment(loop, place, state):
    rep, id = list(loop.accepted.items())[place]
    made = one_to_one.compute(loop.now, {}, one_to_one.Parameters(rep=rep))
    own = made.commitments.set_index("action_id")
    assert own.loc[id, "commitment_state"] == state
    assert DECIDED in made.meetings["decided_on"].dt.date.tolist()
