"""The demo client's steering: forecasts, targets, capacity, policy, actions, contests, assessments, costs."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
from demo_accounts import accounts, class_cuts
from demo_crm import opportunities
from demo_deals import QUOTE_FOLLOW_UP
from demo_sales import sales_lines
from demo_world import (
    AS_OF,
    FTE,
    LEFT_ON,
    NEW_SINCE,
    POLICY,
    REP_IDS,
    SEASON,
    TEAMS,
    absences,
    at_work,
    days,
    is_working,
    month_end,
    months,
    stream,
    working_day,
)

# what each salesperson's forecasts are worth: mean error and its spread
FORECAST_BIAS = {
    "R03": (0.24, 0.08),  # happy ears
    "R10": (-0.20, 0.07),  # sandbagging
    "R08": (0.05, 0.03),  # nearly always above, by little: under the 10 % that matter
    "R06": (0.01, 0.20),  # wrong both ways
    "R11": (0.40, 0.05),  # far above, but four months are no evidence
}
FORECAST_NOISE = 0.07
MANAGER_KNOWS = 0.65  # share of each salesperson's own bias that the manager takes out: this hand-over helps
FINAL_NOISE = 0.13  # the last hand-over adds noise: T09-R1
FIRST_FORECAST = date(2024, 7, 1)
FORECAST_PERIODS = 27  # up to September 2026
STRETCHED = ("R03", 1.50)  # official target far above what the cells can give: T10-R8
REACHABLE = ("R02", 0.93)  # at pace with its target, while its activity falls: T07-R4
CAPTURE = {"a1": 0.10, "b1": 0.15, "c1": 0.10}  # share of headroom that the cell rules expect
PILLARS = {"plan": 3.7, "means": 2.3, "steering": 3.1}  # what salespeople think of each, 1 to 5
SKILLS = ("preparation", "discovery", "offer", "negotiation", "closing", "follow_up")


@cache
def _monthly_revenue(seed: int) -> dict[tuple[str, date], float]:
    """Net revenue by salesperson booked and month."""
    lines = sales_lines(seed)
    month = [d.replace(day=1) for d in lines["invoice_date"]]
    return lines.groupby(["rep_id_booked", month])["amount_net"].sum().to_dict()


def _owner_now(account: object) -> str:
    """Owner at ``AS_OF``; the leaver for an orphan."""
    return account.owner_on(AS_OF) or "R12"  # type: ignore[attr-defined]


def forecast_snapshots(seed: int) -> pd.DataFrame:
    """Table ``forecast_snapshots``: on the first of the month, two months before and at the start of each period."""
    rng = stream(seed, "forecasts")
    actual = _monthly_revenue(seed)
    rows = []
    for period in months(FIRST_FORECAST, FORECAST_PERIODS):
        for ahead in (2, 1, 0):
            day = _months_before(period, ahead)
            if day > AS_OF:
                continue
            calls: dict[tuple[str, str, str], float] = {}
            for rep in REP_IDS:
                if not at_work(rep, day):
                    continue
                truth = actual.get((rep, period)) or _trend(actual, rep, period)
                bias, spread = FORECAST_BIAS.get(rep, (0.01, FORECAST_NOISE))
                call = truth * (1 + bias + float(rng.normal(0, spread * (1 + 0.25 * ahead))))
                managed = call / (1 + MANAGER_KNOWS * bias) * (1 + float(rng.normal(0, 0.02)))
                final = managed * (1 + float(rng.normal(0, FINAL_NOISE)))
                for source, amount in (("rep", call), ("manager", managed), ("final", final)):
                    for level, entity in (("rep", rep), ("team", TEAMS[rep]), ("company", "ALL")):
                        key = (level, entity, source)
                        calls[key] = calls.get(key, 0.0) + amount
                for category, share in (("commit", 0.82), ("best_case", 1.12)):
                    value = call * share * (1 + float(rng.normal(0, 0.04)))
                    rows.append((day, period, month_end(period), "rep", rep, "rep", category, round(value, 2)))
            naive = sum(actual.get((rep, _months_before(period, 12)), 0.0) for rep in REP_IDS)
            calls["company", "ALL", "statistical"] = naive * 1.03
            rows += [(day, period, month_end(period), level, entity, source, "call", round(amount, 2))
                     for (level, entity, source), amount in calls.items()]  # fmt: skip
    columns = [
        "snapshot_date", "period_start", "period_end", "entity_level", "entity_id", "source", "category", "amount"
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _months_before(month: date, count: int) -> date:
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def _trend(actual: dict[tuple[str, date], float], rep: str, period: date) -> float:
    """A guess where nothing is known yet: last year's month, else the average of the last months."""
    before = actual.get((rep, _months_before(period, 12)))
    recent = [actual.get((rep, m), 0.0) for m in months(date(2026, 3, 1), 4)]
    return (before or float(np.mean(recent))) * 1.02


@cache
def cell_targets(seed: int) -> dict[str, float]:
    """A year's revenue by salesperson from the cell rules: hold the present, capture a share of headroom."""
    everyone = accounts(seed)
    revenue_cuts = class_cuts([a.revenue[2] for a in everyone])
    potential_cuts = class_cuts([max(a.potential, a.revenue[2]) for a in everyone if a.potential])
    total = dict.fromkeys(REP_IDS, 0.0)
    for a in everyone:
        revenue, potential = a.revenue[2], max(a.potential or 0, a.revenue[2])
        row = "a" if revenue >= revenue_cuts[0] else "b" if revenue >= revenue_cuts[1] else "c" if revenue > 0 else "p"
        column = "1" if a.potential and potential >= potential_cuts[0] else "x"
        total[_owner_now(a)] += revenue + CAPTURE.get(row + column, 0.0) * (potential - revenue)
    return total


def targets(seed: int) -> pd.DataFrame:
    """Table ``targets``: monthly revenue 2024 to 2026 by salesperson, team and company; other metrics a year."""
    rng = stream(seed, "targets")
    actual = _monthly_revenue(seed)
    rows = []

    def put(year: int, version: int, set_on: date, yearly: dict[str, float], first_month: int = 1) -> None:
        levels: dict[tuple[str, str], float] = {}
        for rep, value in yearly.items():
            for key in (("rep", rep), ("team", TEAMS[rep]), ("company", "ALL")):
                levels[key] = levels.get(key, 0.0) + value * (1.0 if key[0] == "rep" else 1 / 1.03)
        for month in months(date(year, first_month, 1), 13 - first_month):
            share = SEASON[month.month - 1] / sum(SEASON)
            for (level, entity), value in levels.items():
                amount = round(value * share, -1)
                rows.append((month, month_end(month), level, entity, "revenue", version, amount, "EUR", set_on))

    for year in (2024, 2025):
        done = {rep: sum(v for (r, m), v in actual.items() if r == rep and m.year == year) for rep in REP_IDS}
        put(year, 1, date(year - 1, 12, 4),
            {rep: v * float(rng.uniform(0.96, 1.08)) for rep, v in done.items() if v > 0 and rep != "R11"})  # fmt: skip
    cells = cell_targets(seed)
    wanted = {rep: v * float(rng.uniform(0.98, 1.03)) for rep, v in cells.items()}
    wanted[STRETCHED[0]] = cells[STRETCHED[0]] * STRETCHED[1]
    wanted[REACHABLE[0]] = cells[REACHABLE[0]] * REACHABLE[1]
    # the first version knew nothing of R12's leaving; the second moves the rest of the year to R11
    both = {"R12": wanted["R11"] + wanted["R12"]}
    put(2026, 1, date(2025, 12, 3), {rep: v for rep, v in (wanted | both).items() if rep != "R11"})
    put(2026, 2, date(2026, 3, 5), wanted | {"R12": 0.0}, first_month=3)
    for rep in REP_IDS:
        if rep == "R12":
            continue
        year, end, set_on = date(2026, 1, 1), date(2026, 12, 31), date(2025, 12, 3)
        set_on = max(set_on, NEW_SINCE) if rep == "R11" else set_on
        rows.append((year, end, "rep", rep, "margin", 1, round(wanted[rep] * 0.28, -2), "EUR", set_on))
        rows.append((year, end, "rep", rep, "new_customers", 1, float(rng.integers(1, 7)), "clients", set_on))
        rows.append((year, end, "rep", rep, "visits", 1, round(180 * FTE[rep]), "visites", set_on))
    columns = [
        "period_start", "period_end", "entity_level", "entity_id", "metric", "version", "value", "unit", "set_date"
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def rep_capacity(seed: int) -> pd.DataFrame:
    """Table ``rep_capacity``: every month employed, to the end of 2026; leave falls in August and at Christmas."""
    rows = []
    for rep in REP_IDS:
        for month in months(date(2023, 7, 1), 42):
            worked = [d for d in days(month, month_end(month)) if is_working(d) and at_work(rep, d)]
            if not worked:
                continue
            absence = sum((rep, d) in absences(seed) for d in worked)
            rows.append((rep, month, float(len(worked)), float(absence), 0.15 if rep == "R09" else 0.45, 7.8))
    columns = ["rep_id", "month", "working_days", "absence_days", "field_share", "hours_per_day"]
    return pd.DataFrame(rows, columns=columns)


def coverage_policy() -> pd.DataFrame:
    """Table ``coverage_policy``: the default frequencies of each cell."""
    modes = {"a": "terrain", "b": "mixte", "c": "téléphone", "p": "prospection"}
    rows = [
        (cell, "terrain" if cell in ("b1", "c1") else modes[cell[0]], float(face), float(remote), 75.0, 30.0)
        for cell, (face, remote) in POLICY.items()
    ]
    columns = ["cell", "contact_mode", "f2f_per_year", "remote_per_year", "visit_min", "prep_min"]
    return pd.DataFrame(rows, columns=columns)


_TITLES = {
    "pac": ("Conquérir trois comptes P1", "orders"), "portfolio": ("Sécuriser un client A", "visits"),
    "abc": ("Ouvrir une deuxième famille chez un client B1", "revenue"), "pipeline": ("Relancer une offre", "orders"),
    "one_to_one": ("Préparer chaque visite par écrit", "visits"), "handover": ("Présenter le successeur", "visits"),
    "improvement": ("Relancer tout devis sous sept jours", "orders"), "contest": ("Suivi du challenge", "orders"),
}  # fmt: skip


@cache
def actions(seed: int) -> pd.DataFrame:
    """Table ``actions``: forty actions of the last eighteen months, some without owner, target or review."""
    rng = stream(seed, "actions")
    rows = []
    for i in range(40):
        source = list(_TITLES)[int(rng.integers(len(_TITLES)))]
        title, metric = _TITLES[source]
        start = working_day(date(2025, 1, 6) + timedelta(int(rng.integers(0, 540))))
        due = working_day(start + timedelta(int(rng.integers(30, 170))), date.max)
        over = due <= AS_OF
        status = str(rng.choice(["done", "dropped", "in_progress"], p=[0.6, 0.15, 0.25])) if over else "in_progress"
        if start > AS_OF - timedelta(20):
            status = str(rng.choice(["draft", "planned"]))
        owner = str(rng.choice([r for r in REP_IDS if at_work(r, start)])) if status != "draft" else None
        mode = round(float(rng.lognormal(np.log(18e3), 0.6)), -2)
        complete = rng.random() < 0.75
        elapsed = min(1.0, max(0.0, (AS_OF - start).days / (due - start).days))
        progress = 1.0 if status == "done" else round(elapsed * float(rng.uniform(0.4, 1.0)), 2)
        reviewed = min(due, AS_OF) - timedelta(int(rng.integers(0, 70)))
        rows.append(
            {
                "action_id": f"ACT{i + 1:03d}",
                "plan_id": f"PAC{start.year}" if source in ("pac", "abc", "portfolio") else None,
                "source": source,
                "title": title,
                "metric": metric,
                "baseline": float(rng.integers(0, 8)) if complete else None,
                "target_value": float(rng.integers(8, 20)) if complete else None,
                "unit": {"revenue": "EUR", "visits": "visites", "orders": "commandes"}[metric],
                "owner_rep_id": owner,
                "start_date": start,
                "due_date": due,
                "status": status,
                "progress": 0.0 if status in ("draft", "planned") else progress,
                "hours_planned": float(rng.integers(4, 60)),
                "budget": round(float(rng.integers(0, 12)) * 250.0, 2),
                "impact_low": round(mode * 0.4, -2),
                "impact_mode": mode,
                "impact_high": round(mode * 1.8, -2),
                "probability": float(rng.choice([0.4, 0.5, 0.6, 0.7, 0.8])),
                "actual_impact": round(mode * float(rng.uniform(-0.1, 1.3)), -2) if status == "done" else None,
                "review_cadence_days": int(rng.choice([15, 30, 30, 60])),
                "last_review_date": reviewed if reviewed > start else None,
                "stop_rule": "Arrêt si moins de la moitié à mi-parcours" if rng.random() < 0.5 else None,
                "decided_on": min(start, AS_OF) - timedelta(int(rng.integers(2, 20))),
            }
        )
    return pd.DataFrame(rows)


def action_targets(seed: int) -> pd.DataFrame:
    """Table ``action_targets``: one to four customers each, a deal for the actions on the pipeline."""
    rng = stream(seed, "action targets")
    rows = []
    deals = opportunities(seed)["opportunity_id"].to_numpy()
    customers = [a.customer_id for a in accounts(seed) if a.cell in ("a1", "a2", "b1", "c1", "p1")]
    for action in actions(seed).itertuples():
        if action.source in ("one_to_one", "contest"):
            continue
        for _ in range(int(rng.integers(1, 5))):
            is_deal = action.source in ("pipeline", "improvement")
            rows.append((action.action_id, None if is_deal else str(rng.choice(customers)),
                         str(rng.choice(deals)) if is_deal else None))  # fmt: skip
    frame = pd.DataFrame(rows, columns=["action_id", "customer_id", "opportunity_id"])
    frame = frame.drop_duplicates(ignore_index=True)
    frame.insert(0, "action_target_id", [f"CIB{i + 1:04d}" for i in range(len(frame))])
    return frame


def interventions() -> pd.DataFrame:
    """Table ``interventions``: what changed, announced with its hypothesis or not."""
    rows = [
        ("I1", date(2024, 1, 2), "company", "Hausse tarifaire de 3 %", "revenue", "up", "external"),
        ("I2", date(2024, 9, 2), "company", "Passage au nouveau CRM : définition du devis changée", "quotes", None,
         "definition_break"),
        ("I3", date(2025, 1, 2), "EST", "Échange de douze clients entre R02 et R03", "revenue", None, "change"),
        ("I4", date(2025, 9, 15), "company", "Challenge d’automne", "revenue", "up", "change"),
        ("I7", date(2025, 5, 5), "company", "Argumentaire imprimé remis à chaque visite", "avg_order_value", "up",
         "change"),
        ("I5", QUOTE_FOLLOW_UP[1], "company", "Relance de tout devis sous sept jours", "win_rate", "up", "change"),
        ("I6", date(2026, 3, 1), "OUEST", "Départ d’un commercial, reprise partielle", "revenue", "down", "change"),
    ]  # fmt: skip
    columns = ["intervention_id", "date", "scope", "description", "metric", "expected_direction", "kind"]
    return pd.DataFrame(rows, columns=columns)


def contests() -> pd.DataFrame:
    """Table ``contests``: one without effect, one that created sales, one that moved them; three to come."""
    rows = [
        ("CH24", "Challenge d’hiver 2024", date(2024, 1, 15), date(2024, 3, 1), "revenue", "lift", 3, 8000.0),
        ("CH25P", "Challenge de printemps 2025", date(2025, 3, 3), date(2025, 5, 30), "revenue", "lift", 3, 8000.0),
        ("CH25", "Challenge d’automne 2025", date(2025, 9, 15), date(2025, 11, 30), "revenue", "lift", 3, 9000.0),
        ("CH26", "Challenge de rentrée 2026", date(2026, 9, 14), date(2026, 11, 27), "revenue", "zscore", 4, 10000.0),
        ("CH26V", "Challenge visites 2026", date(2026, 10, 5), date(2026, 11, 27), "visites", "points", 4, 3000.0),
        ("CH26F", "Flash de fin d’année 2026", date(2026, 12, 7), date(2026, 12, 18), "revenue", "attainment", 1,
         60000.0),
    ]  # fmt: skip
    columns = ["contest_id", "name", "start_date", "end_date", "metric", "score_rule", "winners", "budget"]
    return pd.DataFrame(rows, columns=columns)


def contest_participants(seed: int) -> pd.DataFrame:
    """Table ``contest_participants``: baselines, and results of the past contest."""
    own = dict(list(sales_lines(seed).groupby("rep_id_booked")))

    def sold(rep: str, first: date, last: date) -> float:
        lines = own[rep]
        return float(lines.loc[(lines["invoice_date"] >= first) & (lines["invoice_date"] <= last), "amount_net"].sum())

    rows = []
    for contest in contests().itertuples():
        is_past = contest.end_date <= AS_OF
        for rep in REP_IDS:
            if not at_work(rep, contest.start_date) or (rep == "R12" and contest.start_date > LEFT_ON):
                continue
            back = contest.start_date.replace(year=contest.start_date.year - 1)
            base = sold(rep, back, contest.end_date.replace(year=contest.end_date.year - 1))
            result = round(sold(rep, contest.start_date, contest.end_date), 2) if is_past else None
            told = (round(base, 2), round(max(base, 30_000) * 0.11, 2))
            # for the next contest nobody has set references yet: those of the report are fair
            rows.append((contest.contest_id, rep, *(told if contest.contest_id != "CH26" else (None, None)), result))
    return pd.DataFrame(rows, columns=["contest_id", "rep_id", "baseline", "sigma", "result"])


def contest_prizes() -> pd.DataFrame:
    """Table ``contest_prizes``: ranked prizes in the past, equal ones in the next contest."""
    ranked = [(rank, rank, value) for rank, value in ((1, 3000.0), (2, 1500.0), (3, 800.0))]
    rows = [(contest, *prize) for contest in ("CH24", "CH25P", "CH25") for prize in ranked]
    rows += [("CH26", 1, 4, 1200.0), ("CH26V", 1, 4, 300.0), ("CH26F", 1, 1, 30000.0)]
    return pd.DataFrame(rows, columns=["contest_id", "rank_from", "rank_to", "value"])


def rep_assessments(seed: int) -> pd.DataFrame:
    """Table ``rep_assessments``: manager and self, every January, 1 to 5; in 2026 the three pillars too, self only."""
    rng = stream(seed, "assessments")
    rows = []
    for year in (2025, 2026):
        for rep in REP_IDS:
            if not at_work(rep, date(year, 1, 15)):
                continue
            for skill in SKILLS:
                level = 2 if (rep, skill) == ("R06", "negotiation") else int(np.clip(rng.normal(3.4, 0.8), 1, 5))
                rows.append((rep, date(year, 1, 15), "manager", skill, level))
                rows.append((rep, date(year, 1, 15), "self", skill, int(np.clip(level + rng.integers(-1, 2), 1, 5))))
    rng = stream(seed, "pillars")
    for rep in (r for r in REP_IDS if at_work(r, date(2026, 1, 15))):
        for pillar, level in PILLARS.items():
            rating = int(np.clip(round(float(rng.normal(level, 0.7))), 1, 5))
            rows.append((rep, date(2026, 1, 15), "self", pillar, rating))
    return pd.DataFrame(rows, columns=["rep_id", "date", "assessor", "skill_code", "rating"])


def costs() -> pd.DataFrame:
    """Table ``costs``: what a visit, a call and an order cost, by role."""
    rows = [
        ("all", 185.0, 12.0, 24.0, 0.65, 52.0),
        ("field", 185.0, 12.0, 24.0, 0.65, 52.0),
        ("kam", 240.0, 18.0, 24.0, 0.65, 64.0),
        ("hunter", 195.0, 12.0, 24.0, 0.65, 55.0),
        ("inside", 150.0, 9.0, 24.0, 0.65, 38.0),
    ]
    columns = ["role", "visit_cost", "call_cost", "order_cost", "prize_charge_rate", "hourly_cost"]
    return pd.DataFrame(rows, columns=columns)
