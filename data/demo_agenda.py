"""The demo client's agenda: visits, calls, mails and the rest of each salesperson's time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
from demo_accounts import accounts
from demo_crm import deal_spans, quotes
from demo_deals import USUAL, Market
from demo_planted import Account
from demo_sales import sales_lines
from demo_world import (
    AS_OF,
    FTE,
    LEFT_ON,
    LOGGED_SHARE,
    REP_IDS,
    START,
    STOPPED_LOGGING,
    at_desk,
    at_work,
    days,
    month_end,
    months,
    stream,
    window_of,
    working_day,
)

ACTIVITIES_A_DAY = 3.9  # logged per worked day of a full-time salesperson
LOW_VOLUME = ("R04", 0.75)
ADMIN_A_DAY = {"R04": (1.0, 205)}  # pieces of administration a worked day and their minutes: T02-R8; others one a week
CONNECT_RATE = 0.36  # conversations / calls dialled
LOW_CONNECT = ("R07", 0.20)  # T02-R4
LOW_APPOINTMENT = ("R06", 0.04)  # conversations that end in an appointment; others 0.27: T02-R4
FALLS_THROUGH = {"R10": 0.34}  # visits cancelled or missed for one done: T02-R6
FELL_THROUGH = 0.07  # with everybody else
OFF_FILE_VISITS = {"R02": 85, "R03": 85, "R06": 85, "R07": 85, "R08": 115, "R10": 85}  # a year, to nobody on file
GAMED_CALLS = ("R10", 160)  # calls of a few seconds logged as conversations in the last year
QUIET_WEEKS = ("R08", date(2026, 4, 20), 0.2)  # what R08 still does besides known visits from then on: T07-R4
# visits lead the company's sales by two months: sales 1 % above the season follow visits 1.5 % above theirs
LEADS_BY, LEADS_TIMES, LEADS_NOISE = 2, 1.5, 0.01


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
            "training": (300, 90), "travel": (120, 40), "gamed": (0.25, 0.06)}  # fmt: skip
_OUTCOMES = {"visit": ("rdv suivant", "besoin détecté", "commande", "sans suite"),
             "demo": ("besoin détecté", "sans suite"), "call_connected": ("rdv pris", "rappeler", "sans suite"),
             "remote_meeting": ("besoin détecté", "rappeler")}  # fmt: skip


def _logged(rep: str, day: date, kind: str, planted: bool, rng: np.random.Generator) -> bool:
    """Whether the salesperson did it and wrote it down: R05 mostly stopped, R08 does little but visits of late."""
    if rep == "R05" and day >= STOPPED_LOGGING:
        return bool(rng.random() < LOGGED_SHARE)
    quiet, since, kept = QUIET_WEEKS
    spared = planted or kind in ("visit", "demo")
    return not (rep == quiet and day >= since and not spared and rng.random() > kept)


@cache
def lead(seed: int) -> dict[date, float]:
    """By month, the swing of visits: that of deseasonalised company sales two months later, times ``LEADS_TIMES``."""
    lines = sales_lines(seed)
    month = [d.replace(day=1) for d in lines["invoice_date"]]
    sales = lines.groupby(month)["amount_net"].sum()
    sales = sales[sales.index >= START]
    window = np.arange(len(sales)) // 12
    share = sales / sales.groupby(window).transform("sum")
    swing = share / share.groupby([m.month for m in sales.index]).transform("mean") - 1
    rng = stream(seed, "lead")
    every = months(START, 36)
    return {m: float(np.clip(LEADS_TIMES * swing.iloc[i + LEADS_BY] + rng.normal(0, LEADS_NOISE), -0.5, 0.5))
            if i + LEADS_BY < len(swing) else 0.0 for i, m in enumerate(every)}  # fmt: skip


def _own_time(rep: str, portfolio: list[str], talked: float, busy: float, seed: int) -> list[tuple]:
    """What fills a salesperson's months besides contacts: attempts, mails, administration, training, travel.

    ``talked``, ``busy``: conversations and all contacts a worked day, on average.
    """
    rng = stream(seed, "own time" + rep)
    rows: list[tuple] = []
    rate = LOW_CONNECT[1] if rep == LOW_CONNECT[0] else CONNECT_RATE
    attempts = talked * (1 - rate) / rate
    pace = ACTIVITIES_A_DAY * FTE[rep] * (LOW_VOLUME[1] if rep == LOW_VOLUME[0] else 1.0)
    mails = max(0.25, pace - busy - attempts - 0.2)
    for month in months(START, 36):
        worked = [d for d in days(month, month_end(month)) if at_desk(rep, d, seed)]
        if not worked:
            continue
        if rep in ADMIN_A_DAY:
            rows += [(rep, None, d, "admin") for d in worked if rng.random() < ADMIN_A_DAY[rep][0]]
        else:
            weeks = sorted({d.isocalendar().week: d for d in worked if d.weekday() >= 3}.values())
            rows += [(rep, None, d, "admin") for d in weeks]
        if rng.random() < 0.15:
            rows.append((rep, None, worked[-1], "training"))
        if month.month in (3, 10):
            rows.append((rep, None, worked[len(worked) // 2], "event"))
        counts = {
            "call_attempt": int(rng.normal(attempts, 0.1 * attempts) * len(worked) + rng.random()),
            "email": max(0, int(rng.normal(mails, 0.12 * mails) * len(worked))),
        }
        for kind, count in counts.items():
            for _ in range(count):
                customer = str(rng.choice(portfolio)) if rng.random() < 0.85 else None
                rows.append((rep, customer, worked[int(rng.integers(len(worked)))], kind))
    return rows


def _off_file(known: list[tuple], seed: int) -> list[tuple]:
    """Visits to companies that are on no file yet: as many each month as the visits to known ones leave wanting for
    all visits together to announce sales (``lead``)."""
    rng = stream(seed, "off file")
    every = months(START, 36)
    desk = {m: sum(at_desk(r, d, seed) for r in REP_IDS for d in days(m, month_end(m))) for m in every}
    usual = {n: float(np.mean([desk[m] for m in every if m.month == n])) for n in range(1, 13)}
    done: dict[date, int] = dict.fromkeys(every, 0)
    for _, _, day, kind in known:
        done[day.replace(day=1)] += kind in ("visit", "demo")
    recent = every[-12:]
    a_year = sum(OFF_FILE_VISITS.values()) + sum(done[m] for m in recent)
    wanted = {m: a_year * usual[m.month] / sum(usual.values()) * (1 + lead(seed)[m]) for m in every}
    names = list(OFF_FILE_VISITS)
    shares = np.array(list(OFF_FILE_VISITS.values())) / sum(OFF_FILE_VISITS.values())
    rows = []
    for month in every:
        for _ in range(max(0, round(wanted[month]) - done[month])):
            rep = str(rng.choice(names, p=shares))
            if rep == QUIET_WEEKS[0] and month >= QUIET_WEEKS[1].replace(day=1):
                rep = names[0]
            worked = [d for d in days(month, month_end(month)) if at_desk(rep, d, seed)]
            if worked:
                rows.append((rep, None, worked[int(rng.integers(len(worked)))], "visit"))
    return rows


def _gamed(seed: int) -> list[tuple]:
    """Calls of a few seconds that one salesperson logs as conversations, on nobody in particular."""
    rep, count = GAMED_CALLS
    rng = stream(seed, "gamed")
    worked = [d for d in days(date(2025, 7, 1), AS_OF) if at_desk(rep, d, seed)]
    return [(rep, None, worked[int(i)], "gamed") for i in rng.integers(0, len(worked), count)]


def _moved(rep: str, day: date, seed: int) -> date:
    """The day itself, or the nearest earlier or later one in the same year at which the salesperson works."""
    for step in range(40):
        for near in (day + timedelta(step), day - timedelta(step)):
            if START <= near <= AS_OF and window_of(near) == window_of(day) and at_desk(rep, near, seed):
                return near
    return day


@cache
def activities(seed: int, market: Market = USUAL) -> pd.DataFrame:
    """Table ``activities``: contacts, quotes, own time; some cancelled, no-shows, and what is planned for July."""
    rng = stream(seed, "activities")
    rows: list[tuple] = []
    for account in accounts(seed):
        rows += [(rep, account.customer_id, _moved(rep, day, seed), kind) for rep, day, kind in _contacts(account, rng)
                 if rep and at_work(rep, day)]  # fmt: skip
    rows += [(q.rep_id, q.customer_id, q.sent_date, "quote") for q in quotes(seed, market).itertuples()
             if at_work(q.rep_id, q.sent_date)]  # fmt: skip
    recent = date(2025, 7, 1)
    for rep in REP_IDS:
        known = LEFT_ON if rep == "R12" else AS_OF
        portfolio = [a.customer_id for a in accounts(seed) if a.owner_on(known) == rep and a.remote]
        worked = sum(at_desk(rep, d, seed) for d in days(recent, AS_OF))
        done = [kind for who, _, day, kind in rows if who == rep and day >= recent]
        rows += _own_time(rep, portfolio, done.count("call_connected") / worked, len(done) / worked, seed)
    rows += _gamed(seed)
    planted = {a.customer_id for a in accounts(seed) if a.planted}
    rows = [r for r in rows if _logged(r[0], r[2], r[3], r[1] in planted, rng)]
    rows += _off_file(rows, seed)
    rows.sort(key=lambda r: (r[2], r[0], r[1] or "", r[3]))
    deals = deal_spans(seed, market)
    made = []
    for rep, customer, day, kind in rows:
        deal = next((n for since, until, n in deals.get(customer, ()) if since <= day <= until), None)
        deal = deal if deal and kind in ("visit", "demo", "remote_meeting", "call_connected", "quote") else None
        made.append(_detail(rep, customer, deal, kind, day, "done", rng))
        if kind in ("visit", "demo") and rng.random() < FALLS_THROUGH.get(rep, FELL_THROUGH):  # one more fell through
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
    if kind == "admin" and rep in ADMIN_A_DAY:
        mean = ADMIN_A_DAY[rep][1]
    planned = None
    if kind in ("visit", "demo", "remote_meeting", "event", "training"):
        planned = day if status != "done" else day - timedelta(int(rng.choice([0, 0, 0, 1, 7])))
    is_done = status == "done"
    step = 5 if mean > 15 else 1
    minutes = max(1, round(float(rng.normal(mean, spread)) / step) * step)
    travel = max(10, round(float(rng.gamma(4, 14)) / 5) * 5) if kind in ("visit", "demo") and rep != "R09" else None
    outcome = str(rng.choice(_OUTCOMES[kind])) if is_done and kind in _OUTCOMES and rng.random() < 0.8 else None
    if kind == "gamed":
        minutes, outcome = round(float(np.clip(rng.normal(mean, spread), 0.1, 0.45)), 2), None
    if outcome == "rdv pris" and rep == LOW_APPOINTMENT[0] and rng.random() > LOW_APPOINTMENT[1] / 0.27:
        outcome = "rappeler"
    return (rep, customer, deal, "call_connected" if kind == "gamed" else kind, planned, day if is_done else None,
            status, minutes if is_done else None, travel if is_done else None, outcome)  # fmt: skip
