"""The demo client's CRM and agenda: deals with their history, quotes, evidence, activities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

import numpy as np
import pandas as pd
from demo_world import (
    AS_OF,
    FTE,
    LEFT_ON,
    LOGGED_SHARE,
    NEW_SINCE,
    REP_IDS,
    START,
    STOPPED_LOGGING,
    Account,
    accounts,
    at_work,
    days,
    is_working,
    month_end,
    months,
    stream,
    working_day,
)

# code, order, French, English, kind, mean days in stage, chance of passing it, exit criteria
STAGES = (
    ("J1", 1, "Contact qualifié", "Qualified contact", "open", 14, 0.82, "besoin exprimé;décideur nommé"),
    ("J2", 2, "Besoin validé", "Need validated", "open", 20, 0.74, "cahier des charges reçu;budget confirmé"),
    ("J3", 3, "Offre remise", "Offer sent", "open", 26, 0.62, "offre présentée au décideur"),
    ("J4", 4, "Négociation", "Negotiation", "open", 24, 0.74, "accord technique écrit;conditions discutées"),
    ("J5", 5, "Accord de principe", "Verbal agreement", "open", 12, 0.90, "bon de commande annoncé"),
    ("GAG", 6, "Gagnée", "Won", "won", 0, 0.0, ""),
    ("PER", 7, "Perdue", "Lost", "lost", 0, 0.0, ""),
)  # fmt: skip
CATEGORY = {"J1": "pipeline", "J2": "pipeline", "J3": "best_case", "J4": "commit", "J5": "commit"}
PROBABILITY = {"J1": 0.1, "J2": 0.25, "J3": 0.5, "J4": 0.7, "J5": 0.9}
DEALS_A_MONTH = 22
WEAK_CLOSER = ("R06", "J4", 0.40)  # loses in negotiation
QUOTE_FOLLOW_UP = ("J3", date(2025, 10, 1), 0.78)  # every quote called back within a week: intervention I5 works
WEAK_EVIDENCE = "R03"  # moves deals on without evidence
SMALL_BASKET = ("R02", 0.6)
PUSH_DAYS = 38  # how far a passed close date is pushed
PURGE_DAY, PURGE_REP, PURGED = date(2025, 12, 19), "R03", 24  # a bulk clean-up that fakes losses
STALLED_SHARE = 0.07  # deals that nobody touches any more
# said by the salesperson: price comes first, whatever the truth
LOSS_REASONS = {"prix": 0.46, "sans décision": 0.24, "délai": 0.08, "technique": 0.07, "relation": 0.05,
                "budget": 0.06, "offre tardive": 0.04}  # fmt: skip
SOURCES = {"prospection": 0.5, "appel entrant": 0.25, "salon": 0.1, "recommandation": 0.15}
COMPETITORS = ("Rhodafluid", "Hydro-Vallée", "Normafix", None, None)

ACTIVITIES_A_DAY = 4.3  # logged per worked day of a full-time salesperson
LOW_VOLUME = ("R04", 0.75)
SILENT_WEEKS = ("R08", date(2026, 6, 1))  # activity falls from then on: the early warning of T07


@dataclass
class _Deal:
    """One deal being lived through."""

    number: str
    account: Account
    rep: str
    created: date
    kind: str
    source: str
    family: str
    amount: float
    expected: date
    stage: str = "J1"
    status: str = "open"
    closed: date | None = None
    reason: str | None = None
    reached_offer: date | None = None
    decided: date | None = None


def stages() -> pd.DataFrame:
    """Table ``stages``."""
    columns = ["stage_code", "stage_order", "name_fr", "name_en", "kind", "exit_criteria"]
    return pd.DataFrame([(*s[:5], s[7] or None) for s in STAGES], columns=columns)


def _instant(day: date, rng: np.random.Generator) -> datetime:
    return datetime.combine(day, time(int(rng.integers(8, 18)), int(rng.integers(0, 60))))


def _live(deal: _Deal, rng: np.random.Generator) -> Iterator[tuple[datetime, str, str | None, str]]:
    """The deal's events up to ``AS_OF``; the deal is left in its last state."""
    day, stage_days = deal.created, {s[0]: s[5] for s in STAGES}
    codes = [s[0] for s in STAGES if s[4] == "open"]
    stalls_at = str(rng.choice(codes[1:4])) if rng.random() < STALLED_SHARE else None
    yield _instant(day, rng), "stage", None, "J1"
    yield _instant(day, rng), "category", None, "pipeline"
    for code, following in zip(codes, [*codes[1:], "GAG"], strict=True):
        day = working_day(day + timedelta(int(rng.gamma(2.0, stage_days[code] / 2) + 1)), date.max)
        while day > deal.expected or (code == stalls_at and deal.expected < AS_OF - timedelta(60)):
            moved = working_day(deal.expected + timedelta(1), date.max)
            pushed = deal.expected + timedelta(int(PUSH_DAYS * rng.uniform(0.6, 1.5)))
            if moved > AS_OF or (code == stalls_at and rng.random() < 0.5):
                break
            yield _instant(moved, rng), "close_date", deal.expected.isoformat(), pushed.isoformat()
            deal.expected = pushed
        if day > AS_OF or code == stalls_at:
            return
        passing = {s[0]: s[6] for s in STAGES}[code]
        if (deal.rep, code) == WEAK_CLOSER[:2]:
            passing = WEAK_CLOSER[2]
        if code == QUOTE_FOLLOW_UP[0] and day >= QUOTE_FOLLOW_UP[1]:
            passing = QUOTE_FOLLOW_UP[2]
        if deal.kind == "renewal":
            passing = min(0.97, passing + 0.12)
        if rng.random() > passing:
            deal.status, following = "lost", "PER"
            deal.reason = str(rng.choice(list(LOSS_REASONS), p=list(LOSS_REASONS.values())))
            if rng.random() < 0.06:
                deal.status, deal.reason = "cancelled", None
        yield _instant(day, rng), "stage", code, following
        deal.stage = following
        if following in ("GAG", "PER"):
            deal.closed = deal.decided = day
            deal.status = "won" if following == "GAG" else deal.status
            yield _instant(day, rng), "status", "open", deal.status
            return
        if following == "J3":
            deal.reached_offer = day
        if CATEGORY[following] != CATEGORY[code]:
            yield _instant(day, rng), "category", CATEGORY[code], CATEGORY[following]
        if following in ("J3", "J4") and rng.random() < 0.35:
            changed = round(deal.amount * rng.uniform(0.82, 1.12), -1)
            yield _instant(day, rng), "amount", f"{deal.amount:.2f}", f"{changed:.2f}"
            deal.amount = changed


@cache
def _deals(seed: int) -> tuple[tuple[_Deal, ...], pd.DataFrame]:
    """All deals in their state at ``AS_OF``, and their events."""
    rng = stream(seed, "deals")
    able = [a for a in accounts(seed) if (a.visits > 0 or a.remote > 2) and (a.potential or 0) > 5000]
    weight = np.array([(a.potential or 0) ** 0.5 for a in able])
    families = ("Pompes", "Vannes et robinets", "Filtration", "Vérins et distributeurs", "Prestations d’atelier")
    deals: list[_Deal] = []
    events: list[tuple] = []
    for month in months(START, 36):
        for _ in range(int(rng.poisson(DEALS_A_MONTH))):
            account = able[int(rng.choice(len(able), p=weight / weight.sum()))]
            created = working_day(month + timedelta(int(rng.integers(0, 28))))
            rep = account.owner_on(created)
            if rep is None or not at_work(rep, created):
                continue
            amount = float(np.clip(rng.lognormal(np.log(11e3), 0.9), 900, 180e3))
            amount = round(amount * (SMALL_BASKET[1] if rep == SMALL_BASKET[0] else 1.0), -1)
            kind = "new" if account.status == "prospect" else "expansion" if rng.random() < 0.75 else "renewal"
            source = str(rng.choice(list(SOURCES), p=list(SOURCES.values())))
            expected = created + timedelta(int(rng.integers(45, 110)))
            deal = _Deal(f"OPP-{len(deals) + 1:05d}", account, rep, created, kind, source, str(rng.choice(families)),
                         amount, expected)  # fmt: skip
            deals.append(deal)
            events += [(deal.number, *event) for event in _live(deal, rng)]
    for deal in deals:
        if deal.rep == "R12" and deal.status == "open":
            deal.rep = deal.account.owner_on(AS_OF) or "R12"
            if deal.rep != "R12":
                events.append((deal.number, datetime.combine(NEW_SINCE, time(9)), "owner", "R12", deal.rep))
    old = [d for d in deals if d.status == "open" and d.rep == PURGE_REP and d.created < PURGE_DAY]
    old += [d for d in deals if d.closed and d.rep == PURGE_REP and d.closed > PURGE_DAY and d.created < PURGE_DAY]
    extra = [d for d in deals if d.rep == PURGE_REP and d.status == "lost" and d.closed and d.closed < PURGE_DAY]
    for deal in (old + sorted(extra, key=lambda d: d.closed, reverse=True))[:PURGED]:  # type: ignore[arg-type,return-value]
        events = _purge(deal, events)
    frame = pd.DataFrame(events, columns=["opportunity_id", "event_ts", "field", "old_value", "new_value"])
    frame = frame.sort_values(["event_ts", "opportunity_id"], kind="stable", ignore_index=True)
    frame.insert(0, "event_id", [f"H{i + 1:06d}" for i in range(len(frame))])
    return tuple(deals), frame


def _purge(deal: _Deal, events: list[tuple]) -> list[tuple]:
    """Close a deal as lost in the bulk clean-up: what came after it, or its own end, is undone."""
    at = datetime.combine(PURGE_DAY, time(18, 5))
    ended = {e for e in events if e[0] == deal.number and (e[1] >= at or e[2] == "status" or e[4] in ("GAG", "PER"))}
    events = [e for e in events if e not in ended]
    stages_seen = [e[4] for e in events if e[0] == deal.number and e[2] == "stage"]
    undone = sorted((e for e in ended if e[2] == "amount"), key=lambda e: e[1])
    if undone:
        deal.amount = float(undone[0][3])
    deal.stage, deal.status, deal.closed, deal.reason = "PER", "lost", PURGE_DAY, "autre"
    return [*events, (deal.number, at, "stage", stages_seen[-1], "PER"), (deal.number, at, "status", "open", "lost")]


def opportunities(seed: int) -> pd.DataFrame:
    """Table ``opportunities``: each deal as it stands on the day of the export."""
    rng = stream(seed, "deal details")
    rows = []
    for d in _deals(seed)[0]:
        lost = d.status == "lost"
        buyer_said = lost and rng.random() < 0.12
        is_open = d.status == "open"
        next_step = None
        if is_open and rng.random() < 0.72:
            next_step = working_day(AS_OF + timedelta(int(rng.integers(-12, 35))), date.max)
        rows.append(
            {
                "opportunity_id": d.number,
                "customer_id": d.account.customer_id,
                "customer_name": d.account.name,
                "rep_id": d.rep,
                "created_date": d.created,
                "type": d.kind,
                "source": d.source,
                "product_family": d.family,
                "amount": d.amount,
                "probability_declared": PROBABILITY.get(d.stage, 1.0 if d.status == "won" else 0.0),
                "expected_close_date": d.closed or d.expected,
                "stage_code": d.stage,
                "forecast_category": CATEGORY.get(d.stage, "closed" if d.status == "won" else "omitted"),
                "status": d.status,
                "closed_date": d.closed,
                "loss_reason_code": d.reason,
                "loss_reason_source": ("buyer" if buyer_said else "rep") if d.reason else None,
                "competitor": rng.choice(np.array(COMPETITORS, object)) if d.reason in ("prix", "technique") else None,
                "next_step_date": next_step,
                "currency": "EUR",
            }
        )
    return pd.DataFrame(rows)


def opportunity_events(seed: int) -> pd.DataFrame:
    """Table ``opportunity_events``."""
    return _deals(seed)[1]


def milestone_evidence(seed: int) -> pd.DataFrame:
    """Table ``milestone_evidence``: criteria met when a deal passed a milestone; often missing with one salesperson."""
    rng = stream(seed, "evidence")
    events = _deals(seed)[1]
    rep = {d.number: d.rep for d in _deals(seed)[0]}
    criteria = {s[0]: [c for c in s[7].split(";") if c] for s in STAGES}
    rows = []
    passed = events[(events["field"] == "stage") & events["old_value"].notna() & (events["new_value"] != "PER")]
    for e in passed.itertuples():
        for criterion in criteria[e.old_value]:
            if rng.random() < (0.5 if rep[e.opportunity_id] == WEAK_EVIDENCE else 0.9):
                rows.append((e.opportunity_id, criterion, e.event_ts.date()))
    return pd.DataFrame(rows, columns=["opportunity_id", "criterion", "met_date"])


@cache
def quotes(seed: int) -> pd.DataFrame:
    """Table ``quotes``: one to three revisions for each deal that reached the offer."""
    rng = stream(seed, "quotes")
    rows = []
    for d in _deals(seed)[0]:
        if d.reached_offer is None:
            continue
        revisions = 1 + int(rng.binomial(2, 0.25))
        sent = d.reached_offer
        for revision in range(revisions):
            latest = revision == revisions - 1
            status = {"won": "accepted", "lost": "refused", "cancelled": "expired", "open": "sent"}[d.status]
            amount = round(d.amount * (1.0 if latest else float(rng.uniform(1.02, 1.15))), 2)
            state = status if latest else "expired"
            rows.append(
                (d.number, d.account.customer_id, d.rep, sent, amount, state, d.closed if latest else None, latest)
            )
            if not latest:
                sent = min(working_day(sent + timedelta(int(rng.integers(3, 12)))), d.closed or AS_OF)
    columns = ["opportunity_id", "customer_id", "rep_id", "sent_date", "amount", "status", "decided_date", "is_latest"]
    frame = pd.DataFrame(rows, columns=columns).sort_values(["sent_date", "opportunity_id"], kind="stable")
    frame.insert(0, "quote_id", [f"DEV{i + 1:05d}" for i in range(len(frame))])
    return frame.reset_index(drop=True)


# --- activities -----------------------------------------------------------------------------------------------------


def _spread(count: int, first: date, last: date, rng: np.random.Generator) -> list[date]:
    """``count`` working days spread evenly over an interval, give or take."""
    span = (last - first).days
    marks = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / max(count, 1) * span
    return [working_day(first + timedelta(int(m)), last) for m in marks]


def _contacts(account: Account, rng: np.random.Generator) -> Iterator[tuple[str | None, date, str]]:
    """Rep, day and type of the contacts made with an account in the three windows."""
    if account.visits_logged_on:  # those of the head of the group hold its own and theirs
        return
    for k in range(3):
        first, last = date(START.year + k, 7, 1), date(START.year + k + 1, 6, 30)
        first = max(first, account.first) if account.status == "customer" else first
        if account.revenue[k] <= 0 and k < 2 and account.first > last:
            continue
        factor = 1.0 if k == 2 else float(rng.uniform(0.85, 1.1))
        visits = round(account.visits * factor)
        remote = account.remote if k == 2 else round(account.remote * factor)
        for day in _spread(visits, first, last, rng):
            yield account.owner_on(day), day, "demo" if rng.random() < 0.06 else "visit"
        if account.remote and account.rep == "R12":  # an early call, so that its orphans are not uncontacted
            yield account.owner_on(first), working_day(first + timedelta(20)), "call_connected"
        for day in _spread(remote, first, last, rng):
            yield account.owner_on(day), day, "remote_meeting" if rng.random() < 0.2 else "call_connected"


_MINUTES = {"visit": (75, 20), "demo": (110, 25), "remote_meeting": (40, 10), "call_connected": (9, 4),
            "call_attempt": (2, 1), "email": (6, 2), "quote": (45, 15), "event": (360, 60), "admin": (190, 50),
            "training": (300, 90), "travel": (120, 40)}  # fmt: skip
_OUTCOMES = {"visit": ("rdv suivant", "besoin détecté", "commande", "sans suite"),
             "demo": ("besoin détecté", "sans suite"), "call_connected": ("rdv pris", "rappeler", "sans suite"),
             "remote_meeting": ("besoin détecté", "rappeler")}  # fmt: skip


def _logged(rep: str, day: date, rng: np.random.Generator) -> bool:
    """Whether the salesperson wrote it down: R05 mostly stopped, R08 went silent in the last weeks."""
    if rep == "R05" and day >= STOPPED_LOGGING:
        return bool(rng.random() < LOGGED_SHARE)
    return not (rep == SILENT_WEEKS[0] and day >= SILENT_WEEKS[1] and rng.random() < 0.5)


def _own_time(
    rep: str, portfolio: list[str], busy: dict[tuple[str, date], int], rng: np.random.Generator
) -> list[tuple]:
    """What fills a salesperson's months besides contacts: attempts, mails, administration, training, travel."""
    rows = []
    pace = ACTIVITIES_A_DAY * FTE[rep] * (LOW_VOLUME[1] if rep == LOW_VOLUME[0] else 1.0)
    for month in months(START, 36):
        worked = [d for d in days(month, month_end(month)) if is_working(d) and at_work(rep, d)]
        if not worked:
            continue
        weeks = sorted({d.isocalendar().week: d for d in worked if d.weekday() >= 3}.values())
        rows += [(rep, None, d, "admin") for d in weeks]
        if rng.random() < 0.15:
            rows.append((rep, None, worked[-1], "training"))
        if month.month in (3, 10):
            rows.append((rep, None, worked[len(worked) // 2], "event"))
        missing = int(rng.normal(pace, 0.15) * len(worked)) - sum(busy.get((rep, d), 0) for d in worked) - len(weeks)
        for _ in range(max(0, missing)):
            kind = "call_attempt" if rng.random() < 0.62 else "email"
            customer = str(rng.choice(portfolio)) if rng.random() < 0.85 else None
            rows.append((rep, customer, worked[int(rng.integers(len(worked)))], kind))
    return rows


@cache
def activities(seed: int) -> pd.DataFrame:
    """Table ``activities``: contacts, quotes, own time; some cancelled, no-shows, and what is planned for July."""
    rng = stream(seed, "activities")
    rows: list[tuple] = []
    for account in accounts(seed):
        rows += [(rep, account.customer_id, day, kind) for rep, day, kind in _contacts(account, rng)
                 if rep and at_work(rep, day)]  # fmt: skip
    rows += [(q.rep_id, q.customer_id, q.sent_date, "quote") for q in quotes(seed).itertuples()
             if at_work(q.rep_id, q.sent_date)]  # fmt: skip
    busy: dict[tuple[str, date], int] = defaultdict(int)
    for rep, _, day, _ in rows:
        busy[rep, day] += 1
    for rep in REP_IDS:
        known = LEFT_ON if rep == "R12" else AS_OF
        portfolio = [a.customer_id for a in accounts(seed) if a.owner_on(known) == rep and a.remote]
        rows += _own_time(rep, portfolio, busy, rng)
    rows = [r for r in rows if _logged(r[0], r[2], rng)]
    rows.sort(key=lambda r: (r[2], r[0], r[1] or "", r[3]))
    deals = defaultdict(list)
    for d in _deals(seed)[0]:
        deals[d.account.customer_id].append((d.created, d.closed or AS_OF, d.number))
    made = []
    for rep, customer, day, kind in rows:
        deal = next((n for since, until, n in deals.get(customer, ()) if since <= day <= until), None)
        deal = deal if deal and kind in ("visit", "demo", "remote_meeting", "call_connected", "quote") else None
        made.append(_detail(rep, customer, deal, kind, day, "done", rng))
        if kind in ("visit", "demo") and rng.random() < 0.07:  # one more that fell through
            missed = working_day(day + timedelta(int(rng.integers(2, 12))))
            status = "no_show" if rng.random() < 0.3 else "cancelled"
            made.append(_detail(rep, customer, deal, kind, missed, status, rng))
    seen = [a for a in accounts(seed) if a.visits and a.owner_on(AS_OF)]
    for _ in range(70):
        account = seen[int(rng.integers(len(seen)))]
        day = working_day(AS_OF + timedelta(int(rng.integers(1, 28))), date.max)
        made.append(_detail(account.owner_on(AS_OF) or "", account.customer_id, None, "visit", day, "planned", rng))
    columns = ["rep_id", "customer_id", "opportunity_id", "type", "planned_date", "done_date", "status",
               "duration_min", "travel_min", "outcome"]  # fmt: skip
    frame = pd.DataFrame(made, columns=columns)
    frame.insert(0, "activity_id", [f"A{i + 1:06d}" for i in range(len(frame))])
    return frame


def _detail(rep: str, customer: str | None, deal: str | None, kind: str, day: date, status: str,
            rng: np.random.Generator) -> tuple:  # fmt: skip
    """One activity with its minutes and outcome."""
    mean, spread = _MINUTES[kind]
    planned = None
    if kind in ("visit", "demo", "remote_meeting", "event", "training"):
        planned = day if status != "done" else day - timedelta(int(rng.choice([0, 0, 0, 1, 7])))
    is_done = status == "done"
    step = 5 if mean > 15 else 1
    minutes = max(1, round(float(rng.normal(mean, spread)) / step) * step)
    travel = max(10, round(float(rng.gamma(4, 14)) / 5) * 5) if kind in ("visit", "demo") and rep != "R09" else None
    outcome = str(rng.choice(_OUTCOMES[kind])) if is_done and kind in _OUTCOMES and rng.random() < 0.8 else None
    return (rep, customer, deal, kind, planned, day if is_done else None, status, minutes if is_done else None,
            travel if is_done else None, outcome)  # fmt: skip
