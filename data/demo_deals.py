"""The demo client's deals, each lived through from its first contact to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache

import numpy as np
import pandas as pd
from demo_accounts import accounts
from demo_planted import Account
from demo_world import AS_OF, NEW_SINCE, START, at_work, months, stream, working_day

# code, order, French, English, kind, mean days in stage, exit criteria
STAGES = (
    ("J1", 1, "Contact qualifié", "Qualified contact", "open", 9, "besoin exprimé;décideur nommé"),
    ("J2", 2, "Besoin validé", "Need validated", "open", 13, "cahier des charges reçu;budget confirmé"),
    ("J3", 3, "Offre remise", "Offer sent", "open", 17, "offre présentée au décideur"),
    ("J4", 4, "Négociation", "Negotiation", "open", 16, "accord technique écrit;conditions discutées"),
    ("J5", 5, "Accord de principe", "Verbal agreement", "open", 8, "bon de commande annoncé"),
    ("GAG", 6, "Gagnée", "Won", "won", 0, ""),
    ("PER", 7, "Perdue", "Lost", "lost", 0, ""),
)  # fmt: skip
OPEN_STAGES = tuple(s[0] for s in STAGES if s[4] == "open")
CATEGORY = {"J1": "pipeline", "J2": "pipeline", "J3": "best_case", "J4": "commit", "J5": "commit"}
PROBABILITY = {"J1": 0.1, "J2": 0.25, "J3": 0.5, "J4": 0.7, "J5": 0.9}
DEALS_A_MONTH = 30
RENEWAL_BONUS = 0.12  # a renewal passes each stage more easily
WEAK_CLOSER = ("R06", "J4", 0.15)  # loses in negotiation: T09-R4
BUSIEST = ("R06", 1.6)  # works more deals than its accounts would give
QUOTE_FOLLOW_UP = ("J3", date(2025, 6, 2), 0.28)  # every quote called back within a week: intervention I5 works
WEAK_EVIDENCE = "R03"  # moves deals on without evidence
SMALL_BASKET = ("R02", 0.5)
PUSH_DAYS = 45  # how far a passed close date is pushed
PURGE_DAY, PURGE_REP, PURGED = date(2025, 12, 19), "R03", 24  # a bulk clean-up that fakes losses
STALLED_SHARE = 0.03  # deals that nobody touches any more
SKIPPED, WENT_BACK = 0.05, 0.04  # moves that jump a stage, moves that fall back one
CHANGED_AT_SIGNATURE = 0.15  # won deals whose amount changes on the day they are signed
NEXT_STEP_SHARE = 0.72  # open deals with a dated next step, some of them in the past
SOURCES = {"prospection": 0.5, "appel entrant": 0.25, "salon": 0.1, "recommandation": 0.15}
FOUGHT = ("prix", "technique")
COMPETITORS = ("Rhodafluid", "Hydro-Vallée", "Normafix", None, None)
BORN_WON = (("000164", 18e3), ("000187", 9e3), ("000123", 22e3), ("000192", 31e3), ("000212", 12e3), ("000181", 15e3))
ZERO_AMOUNT = ("000131", "000145", "000183", "000193", "000166", "000134")
REOPENED = ("000163", "000194", "000173")
ZEROED = ("000184", "000195")  # lost, their amount set to zero that day
IN_DOLLARS = "OPP-90002"
GIANT_DEAL = ("000101", 300e3)  # one order of R01, twenty times the usual


@dataclass(frozen=True)
class Market:
    """How deals end: chance of passing each stage, reasons that salespeople give for losses, days to the first
    expected close date, and whether that date is where the deal ends."""

    passing: tuple[tuple[str, float], ...]
    reasons: tuple[tuple[str, float], ...]
    expected_days: tuple[int, int]
    dates_hold: bool = False


# said by the salesperson: price comes first, whatever the truth
USUAL = Market(
    passing=(("J1", 0.82), ("J2", 0.74), ("J3", 0.62), ("J4", 0.74), ("J5", 0.90)),
    reasons=(("prix", 0.59), ("sans décision", 0.13), ("délai", 0.08), ("technique", 0.07), ("relation", 0.04),
             ("budget", 0.05), ("offre tardive", 0.04)),
    expected_days=(18, 50),
)  # fmt: skip
# the variant "late_losses": deals die in negotiation, for want of a decision; close dates hold
LATE = Market(
    passing=(("J1", 0.93), ("J2", 0.90), ("J3", 0.86), ("J4", 0.42), ("J5", 0.75)),
    reasons=(("prix", 0.20), ("sans décision", 0.52), ("délai", 0.08), ("technique", 0.07), ("relation", 0.05),
             ("budget", 0.04), ("offre tardive", 0.04)),
    expected_days=(18, 50),
    dates_hold=True,
)  # fmt: skip


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
    next_step: date | None = None
    by_hand: bool = False


def _instant(day: date, rng: np.random.Generator) -> datetime:
    return datetime.combine(day, time(int(rng.integers(8, 18)), int(rng.integers(0, 60))))


def _passing(deal: _Deal, code: str, day: date, market: Market) -> float:
    """The chance that the deal passes its stage."""
    chance = dict(market.passing)[code]
    if (deal.rep, code) == WEAK_CLOSER[:2]:
        chance = WEAK_CLOSER[2]
    if code == QUOTE_FOLLOW_UP[0] and day >= QUOTE_FOLLOW_UP[1]:
        chance = min(0.97, chance + QUOTE_FOLLOW_UP[2])
    return min(0.97, chance + RENEWAL_BONUS) if deal.kind == "renewal" else chance


def _live(deal: _Deal, market: Market, rng: np.random.Generator) -> Iterator[tuple[datetime, str, str | None, str]]:
    """The deal's events up to ``AS_OF``; the deal is left in its last state."""
    day, stage_days = deal.created, {s[0]: s[5] for s in STAGES}
    stalls_at = str(rng.choice(OPEN_STAGES[1:4])) if rng.random() < STALLED_SHARE else None
    yield _instant(day, rng), "stage", None, "J1"
    yield _instant(day, rng), "category", None, "pipeline"
    code = "J1"
    while True:
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
        rank, luck = OPEN_STAGES.index(code), rng.random()
        following = (*OPEN_STAGES, "GAG")[rank + 1]
        if luck > _passing(deal, code, day, market):
            deal.status, following = "lost", "PER"
            names, shares = zip(*market.reasons, strict=True)
            deal.reason = str(rng.choice(names, p=shares))
            if rng.random() < 0.06:
                deal.status, deal.reason = "cancelled", None
        elif code in ("J1", "J2") and luck < SKIPPED:
            following = OPEN_STAGES[rank + 2]
        elif code in ("J3", "J4") and luck < WENT_BACK:
            following = OPEN_STAGES[rank - 1]
        yield _instant(day, rng), "stage", code, following
        deal.stage = following
        if following == "GAG" and rng.random() < CHANGED_AT_SIGNATURE:
            signed = round(deal.amount * rng.uniform(0.80, 0.97), -1)
            yield _instant(day, rng), "amount", f"{deal.amount:.2f}", f"{signed:.2f}"
            deal.amount = signed
        if following in ("GAG", "PER"):
            deal.closed = deal.decided = day
            deal.status = "won" if following == "GAG" else deal.status
            yield _instant(day, rng), "status", "open", deal.status
            return
        if following == "J3" and deal.reached_offer is None:
            deal.reached_offer = day
        if CATEGORY[following] != CATEGORY[code]:
            yield _instant(day, rng), "category", CATEGORY[code], CATEGORY[following]
        if following in ("J3", "J4") and rng.random() < 0.35:
            changed = round(deal.amount * rng.uniform(0.82, 1.12), -1)
            yield _instant(day, rng), "amount", f"{deal.amount:.2f}", f"{changed:.2f}"
            deal.amount = changed
        code = following


@cache
def deals(seed: int, market: Market = USUAL) -> tuple[tuple[_Deal, ...], pd.DataFrame]:
    """All deals in their state at ``AS_OF``, and their events."""
    rng = stream(seed, "deals")
    able = [a for a in accounts(seed) if (a.visits > 0 or a.remote > 2) and (a.potential or 0) > 5000]
    weight = np.array([(a.potential or 0) ** 0.5 * (BUSIEST[1] if a.rep == BUSIEST[0] else 1.0) for a in able])
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
            amount = float(np.clip(rng.lognormal(np.log(11e3), 0.7), 1500, 90e3))
            amount = round(amount * (SMALL_BASKET[1] if rep == SMALL_BASKET[0] else 1.0), -1)
            kind = "new" if account.status == "prospect" else "expansion" if rng.random() < 0.75 else "renewal"
            source = str(rng.choice(list(SOURCES), p=list(SOURCES.values())))
            expected = created + timedelta(int(rng.integers(*market.expected_days)))
            deal = _Deal(f"OPP-{len(deals) + 1:05d}", account, rep, created, kind, source, str(rng.choice(families)),
                         amount, expected)  # fmt: skip
            deals.append(deal)
            if market.dates_hold:
                ghost = replace(deal, expected=date.max)
                assert list(_live(ghost, market, stream(seed, deal.number)))
                deal.expected = (ghost.closed or AS_OF + timedelta(40)) + timedelta(3)
            # a stream of its own for each deal, so that one more does not change the others
            events += [(deal.number, *e) for e in _live(deal, market, stream(seed, deal.number))]
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
    for deal, lived in _by_hand(seed):
        deals.append(deal)
        events += [(deal.number, datetime.combine(day, time(10)), *change) for day, *change in lived]
    frame = pd.DataFrame(events, columns=["opportunity_id", "event_ts", "field", "old_value", "new_value"])
    frame = frame.sort_values(["event_ts", "opportunity_id"], kind="stable", ignore_index=True)
    frame.insert(0, "event_id", [f"H{i + 1:06d}" for i in range(len(frame))])
    return tuple(deals), frame


_Lived = list[tuple[date, str, str | None, str]]  # day, field, old value, new value


def _walk(*steps: tuple[str, date]) -> _Lived:
    """The events of a deal that enters stages on given days; the first is its creation."""
    lived: _Lived = []
    before: str | None = None
    for code, day in steps:
        lived.append((day, "stage", before, code))
        category, was = CATEGORY.get(code), CATEGORY.get(before or "")
        if code in ("GAG", "PER"):
            lived.append((day, "status", "open", "won" if code == "GAG" else "lost"))
        elif category and category != was:
            lived.append((day, "category", was, category))
        before = code
    return lived


def _pushes(first: date, *moves: tuple[date, date]) -> _Lived:
    """Later and later expected close dates: the day of each push and the new date."""
    dates = [first, *(new for _, new in moves)]
    return [(day, "close_date", dates[i].isoformat(), new.isoformat()) for i, (day, new) in enumerate(moves)]


def _by_hand(seed: int) -> list[tuple[_Deal, _Lived]]:
    """Deals written by hand: those that T09-R3 must name or leave alone, and the traps."""
    known = {a.customer_id: a for a in accounts(seed)}
    made: list[tuple[_Deal, _Lived]] = []

    def add(customer: str, amount: float, expected: date, lived: _Lived, next_step: date | None = None,
            kind: str = "expansion", reason: str | None = None) -> None:  # fmt: skip
        created = lived[0][0]
        account = known[customer]
        last = [e for e in lived if e[1] == "stage"][-1]
        status = {"GAG": "won", "PER": "lost"}.get(last[3], "open")
        offer = next((e[0] for e in lived if e[3] == "J3"), None)
        closed = last[0] if status != "open" else None
        made.append((
            _Deal(f"OPP-9{len(made) + 1:04d}", account, account.owner_on(created) or "R12", created, kind,
                  "prospection", "Pompes", amount, expected, last[3], status, closed, reason, offer, closed,
                  next_step, by_hand=True),
            sorted(lived, key=lambda e: e[0]),
        ))  # fmt: skip

    # T09-R3. OPP-90001 stalled in J3 for 200 days; 90002 pushed three times; 90003 nobody knows the next step
    soon, stop = date(2026, 7, 9), date(2026, 7, 24)
    add(
        "000173",
        64e3,
        stop,
        _walk(("J1", date(2025, 11, 3)), ("J2", date(2025, 11, 24)), ("J3", date(2025, 12, 11))),
        soon,
    )
    push = _pushes(date(2026, 5, 12), (date(2026, 5, 11), date(2026, 6, 2)), (date(2026, 6, 1), date(2026, 6, 23)),
                   (date(2026, 6, 22), stop))  # fmt: skip
    add("000161", 58e3, stop, [*_walk(("J1", date(2026, 4, 20)), ("J2", date(2026, 5, 4)), ("J3", date(2026, 6, 3)),
                                      ("J4", date(2026, 6, 18))), *push], soon)  # fmt: skip
    add("000191", 41e3, stop, _walk(("J1", date(2026, 6, 1)), ("J2", date(2026, 6, 11)), ("J3", date(2026, 6, 22))))
    # decoys: 90004 healthy, pushed once; 90005 old, but it entered J4 this month; 90006 won after three pushes
    add("000194", 52e3, stop, [
        *_walk(("J1", date(2026, 5, 11)), ("J2", date(2026, 5, 20)), ("J3", date(2026, 6, 8)),
               ("J4", date(2026, 6, 19))),
        *_pushes(date(2026, 7, 3), (date(2026, 6, 19), stop))], soon)  # fmt: skip
    add("000182", 47e3, stop, _walk(("J1", date(2025, 12, 1)), ("J2", date(2026, 1, 9)), ("J3", date(2026, 2, 20)),
                                    ("J4", date(2026, 6, 16))), soon)  # fmt: skip
    push = _pushes(date(2026, 2, 10), (date(2026, 2, 9), date(2026, 3, 10)), (date(2026, 3, 9), date(2026, 4, 9)),
                   (date(2026, 4, 8), date(2026, 5, 5)))  # fmt: skip
    add("000101", 72e3, date(2026, 4, 29), [
        *_walk(("J1", date(2025, 12, 8)), ("J2", date(2026, 1, 6)), ("J3", date(2026, 2, 4)), ("J4", date(2026, 3, 12)),
               ("J5", date(2026, 4, 14)), ("GAG", date(2026, 4, 29))), *push], kind="renewal")  # fmt: skip
    # traps: born won (created on the day they are signed), amount zero, reopened after a loss, one giant order
    for i, (customer, amount) in enumerate(BORN_WON):
        day = working_day(date(2025, 8, 20) + timedelta(38 * i))
        add(customer, amount, day, [(day, "stage", None, "GAG"), (day, "status", "open", "won")], kind="renewal")
    for i, customer in enumerate(ZERO_AMOUNT):
        day = working_day(date(2025, 10, 6) + timedelta(47 * i))
        end = working_day(day + timedelta(33))
        if i % 2:
            add(customer, 0.0, end, _walk(("J1", day), ("PER", end)), reason="budget")
        else:
            add(customer, 0.0, stop, _walk(("J1", day), ("J2", end)), soon)
    for i, customer in enumerate(REOPENED):
        day = working_day(date(2025, 9, 15) + timedelta(60 * i))
        dead, back, won = (working_day(day + timedelta(n)) for n in (32, 75, 128))
        lived = [*_walk(("J1", day), ("J2", working_day(day + timedelta(12))), ("PER", dead)),
                 (back, "stage", "PER", "J3"), (back, "status", "lost", "open"),
                 (back, "category", "pipeline", "best_case"), (won, "stage", "J3", "GAG"),
                 (won, "status", "open", "won")]  # fmt: skip
        add(customer, 24e3, won, lived)
    for i, customer in enumerate(ZEROED):
        day = working_day(date(2025, 11, 4) + timedelta(70 * i))
        end = working_day(day + timedelta(48))
        lived = _walk(("J1", day), ("J2", working_day(day + timedelta(9))), ("J3", working_day(day + timedelta(25))),
                      ("PER", end))  # fmt: skip
        add(customer, 0.0, end, [*lived, (end, "amount", f"{19e3 + 8e3 * i:.2f}", "0.00")], reason="prix")
    customer, amount = GIANT_DEAL
    add(customer, amount, date(2026, 3, 26), _walk(
        ("J1", date(2025, 11, 17)), ("J2", date(2025, 12, 15)), ("J3", date(2026, 1, 22)), ("J4", date(2026, 2, 19)),
        ("J5", date(2026, 3, 17)), ("GAG", date(2026, 3, 26))))  # fmt: skip
    return made


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
