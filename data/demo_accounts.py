"""All accounts of the demo client: those planted by hand, and ordinary ones drawn at random inside a cell.

The plan is drawn so that, with the default conventions (80/95 cumulated shares), the cuts fall near:
revenue A/B 45 k€, B/C 13 k€; potential 1/2 120 k€, 2/3 56 k€.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
from demo_planted import PLANTED, Account
from demo_world import AS_OF, LEFT_ON, NEW_SINCE, POLICY, START, stream, working_day

# How many ordinary accounts by planned cell; e2: on the edge between a2 and b2, visited so that it hardly matters
ORDINARY = {
    "a1": 36, "a2": 18, "a3": 5, "a?": 3,
    "e2": 6, "b1": 12, "b2": 20, "b3": 46, "b?": 10,
    "c1": 2, "c2": 12, "c3": 90, "c?": 52,
    "p3": 24,  # former customers: nothing in the last window
}  # fmt: skip
# visits done as a share of those due, by planned cell: too many to the large, too few to B1, C1 and P1
SERVED = {"a1": (1.05, 2.0), "a2": (1.0, 1.7), "a3": (0.9, 1.0), "a?": (1.0, 1.5), "e2": (0.9, 1.0), "b1": (0.3, 0.7),
          "b2": (0.4, 1.0), "b3": (0.0, 1.0), "b?": (0.2, 0.8), "c1": (0.1, 0.3), "p1": (0.2, 0.8)}  # fmt: skip
NEW_CUSTOMERS = {"a2": 2, "b2": 4, "b3": 4}
PROSPECTS = {"p1": 22, "p2": 57, "p3": 53, "p?": 18}
GOALS = {
    "R01": 5.5,
    "R02": 2.0,
    "R03": 2.0,
    "R04": 1.9,
    "R05": 2.0,
    "R06": 1.9,
    "R07": 2.1,
    "R08": 1.1,
    "R10": 0.8,
    "R12": 1.9,
}  # M€ that large customers are dealt out to reach
# portfolio sizes that ordinary accounts are dealt out to reach
PORTFOLIOS = {"R01": 18, "R02": 38, "R03": 38, "R04": 36, "R05": 34, "R06": 38, "R07": 64, "R08": 22, "R09": 60,
              "R10": 18, "R12": 34}  # fmt: skip
INSIDE_CELLS = ("c3", "c?", "b3", "p3")  # what the inside salesperson R09 holds
LATE = 9  # ordinary customers silent for twice to three times their usual gap
UNSEEN_BY_R07 = 0.36  # share of R07's portfolio without any contact
GROUPS = 16  # besides the planted one
MANY_ORDERS = ("R02", 1.8)  # whose ordinary customers order more often, so smaller: T02-R3

_KINDS = ("Ateliers", "Mécanique", "Usinages", "Fonderie", "Chaudronnerie", "Laiterie", "Papeterie", "Scierie",
          "Carrières", "Tôlerie", "Forges", "Minoterie", "Plasturgie", "Hydraulique", "Emboutissage", "Câblerie",
          "Verrerie", "Brasserie", "Robinetterie", "Outillage", "Décolletage", "Engrenages")  # fmt: skip
_PLACES = ("Aubépin", "Belcastel", "Brézolles", "Caudéran", "Champlémy", "Châteloup", "Courvière", "Drômelle",
           "Égletons-le-Haut", "Entraigues", "Fontvieille", "Garrigade", "Hérouval", "Île-Barbe", "Joinvaux",
           "Kerguénec", "Lachênaie", "Malaucourt", "Méjannes", "Noirétable", "Orgelette", "Plouézoc", "Quincampoix",
           "Rochetaillade", "Saint-Cœur", "Saint-Évroult", "Tréguennac", "Ussel-la-Forêt", "Vaucresson-Bas",
           "Verdelière", "Villechétive", "Yèvrecourt")  # fmt: skip
_FORMS = ("SAS", "SA", "SARL", "& Fils", "Industrie", "et Associés")


def _draw(cell: str, rng: np.random.Generator) -> tuple[float, float | None]:
    """Revenue of the last window and potential of an ordinary account of a cell, in euros."""
    row, column = cell
    if row == "a":
        if column in "1":
            revenue = float(np.clip(rng.lognormal(np.log(165e3), 0.75), 66e3, 1.1e6))
        else:
            revenue = float(rng.uniform(*{"2": (52e3, 74e3), "3": (47.5e3, 51e3), "?": (50e3, 120e3)}[column]))
    else:
        low, high, power = {
            "e": (41.5e3, 46.5e3, 1.0),
            "b": (15.5e3, 40.5e3, 1.0),
            "c": (1.3e3, 13.8e3, 1.6),
            "p": (0, 0, 1),
        }[row]
        revenue = low + (high - low) * float(rng.random()) ** power
    if column == "?":
        return revenue, None
    if column == "1":
        potential = max(revenue * rng.uniform(1.6, 3.2), 128e3) if row == "a" else float(rng.uniform(125e3, 330e3))
        if row == "p":
            potential = float(np.clip(rng.lognormal(np.log(520e3), 0.6), 160e3, 1.6e6))
    elif column == "2":
        potential = max(revenue * rng.uniform(1.3, 1.55), float(rng.uniform(56e3, 104e3)))
        potential = min(potential, max(96e3, revenue * 1.28)) if row == "a" else potential
    else:
        potential = revenue * rng.uniform(1.0, 1.03) if row == "a" else revenue * rng.uniform(1.06, 1.3)
        potential = min(potential, 48e3) if row != "a" else potential
        if row == "p":
            potential = float(rng.uniform(2e3, 11e3))
    return revenue, potential


def _done(cell: str, rng: np.random.Generator) -> tuple[int, int]:
    """Visits and remote contacts of an ordinary account in the last window."""
    face, remote = POLICY[cell.replace("?", "2").replace("e", "a")]
    low, high = SERVED.get(cell, (0.0, 0.0))
    visits = round(face * rng.uniform(low, high))
    if cell == "c2":
        visits = int(rng.random() < 0.4)
    return visits, max(1, round(remote * rng.uniform(0.5, 1.1)))


def _ordinary(seed: int) -> list[Account]:
    """The accounts drawn at random, without owner, name or group."""
    rng = stream(seed, "accounts")
    taken = {a.customer_id for a in PLANTED}
    numbers = [f"{n:06d}" for n in range(101, 101 + 420) if f"{n:06d}" not in taken]
    rng.shuffle(numbers)
    made = []
    for cell, count in ORDINARY.items():
        for _ in range(count):
            revenue, potential = _draw(cell, rng)
            visits, remote = _done(cell, rng)
            growth = np.clip(rng.normal(0.03, 0.05, 2), -0.07, 0.14)
            path = (revenue / (1 + growth[0]) / (1 + growth[1]), revenue / (1 + growth[1]), revenue)
            orders = {"a": int(np.clip(revenue / 6500, 18, 52)), "b": int(rng.integers(10, 19)), "e": 18,
                      "c": int(rng.integers(3, 8)), "p": int(rng.integers(3, 7))}[cell[0]]  # fmt: skip
            account = Account(numbers.pop(), cell, "", path, potential, visits, remote, orders)
            if cell == "p3":  # bought little, then stopped
                last = date(2024, 3, 1) + timedelta(int(rng.integers(0, 400)))
                second = rng.uniform(800, 3000) if last >= date(2024, 9, 1) else 0.0
                path = (float(rng.uniform(1500, 5000)), float(second), 0.0)
                last = last if second else min(last, date(2024, 6, 28))
                account = replace(account, revenue=path, last=last, potential=float(rng.uniform(2e3, 9e3)))
            made.append(account)
    for cell, count in NEW_CUSTOMERS.items():
        for _ in range(count):
            revenue, potential = _draw(cell, rng)
            visits, remote = _done(cell, rng)
            first = date(2025, 8, 1) + timedelta(int(rng.integers(0, 150)))
            path = (0.0, 0.0, revenue)
            made.append(Account(numbers.pop(), cell, "", path, potential, visits, remote, 18, first=first))
    return made


def _deal_out(ordinary: list[Account], seed: int) -> list[Account]:
    """Give every ordinary account an owner: large ones to who is furthest from the goal, small ones by room left."""
    rng = stream(seed, "owners")
    room, earned = dict(PORTFOLIOS), dict.fromkeys(PORTFOLIOS, 0.0)
    for account in PLANTED:
        room[account.rep] -= 1
        earned[account.rep] += account.revenue[2] / 1e6
    owners: dict[str, str] = {}
    for account in sorted(ordinary, key=lambda a: -a.revenue[2]):
        if account.cell[0] == "a":
            rep = max((r for r in GOALS if room[r] > 0), key=lambda r: 1 - earned[r] / GOALS[r])
        elif account.cell in INSIDE_CELLS and room["R09"] > 0 and rng.random() < 0.32:
            rep = "R09"
        else:
            field_reps = [r for r in room if r not in ("R01", "R09") and room[r] > 0] or ["R09"]
            weights = np.array([room[r] for r in field_reps], float)
            rep = str(rng.choice(field_reps, p=weights / weights.sum()))
        owners[account.customer_id] = rep
        room[rep] -= 1
        earned[rep] += account.revenue[2] / 1e6
    return [replace(a, rep=owners[a.customer_id]) for a in ordinary]


def _group(accounts: list[Account], seed: int) -> list[Account]:
    """Make some large customers heads of a group: two to four small sites each, mostly of the same owner."""
    rng = stream(seed, "groups")
    heads = [a for a in accounts if a.cell == "a1" and not a.planted][:GROUPS]
    free = [a for a in accounts if a.cell in ("b2", "b3", "c3", "c2") and not a.planted and a.first == START]
    parents: dict[str, Account] = {}
    for rank, head in enumerate(heads):
        near = [a for a in free if a.rep == head.rep and a.customer_id not in parents]
        near += [a for a in free if a.rep != head.rep and a.customer_id not in parents]
        for number in range(int(rng.integers(2, 5))):
            site = near[-1] if rank in (3, 9) and number == 0 else near[number]  # two groups are split over owners
            parents[site.customer_id] = head
    return [replace(a, parent=parents[a.customer_id].customer_id) if a.customer_id in parents else a for a in accounts]


def _leave_unseen(accounts: list[Account], seed: int) -> list[Account]:
    """Take every contact from the small customers of R07's too large portfolio, and from a few others."""
    rng = stream(seed, "unseen")
    small = [a for a in accounts if a.rep == "R07" and a.cell in ("c1", "c2", "c3", "c?", "p3", "b3")]
    count = round(UNSEEN_BY_R07 * sum(a.rep == "R07" for a in accounts))
    unseen = {a.customer_id for a in sorted(small, key=lambda a: (a.planted, a.revenue[2]))[:count] if not a.planted}
    few = [a for a in accounts if not a.planted and a.cell in ("c3", "c?", "p3")]
    unseen |= {a.customer_id for a in few if rng.random() < 0.05}
    return [replace(a, visits=0, remote=0) if a.customer_id in unseen else a for a in accounts]


def _make_late(accounts: list[Account], seed: int) -> list[Account]:
    """Stop a few regular buyers early enough to be late today, too late to be called dormant."""
    rng = stream(seed, "late")
    regular = [a for a in accounts if not a.planted and a.cell in ("a2", "b2", "b3") and 11 <= a.orders <= 18]
    late = {str(i) for i in rng.choice([a.customer_id for a in regular if a.first == START], LATE, replace=False)}
    return [
        replace(a, last=working_day(AS_OF - timedelta(round(rng.uniform(2.25, 2.6) * 365 / a.orders))))
        if a.customer_id in late
        else a
        for a in accounts
    ]


def _own(account: Account, seed: int) -> Account:
    """Date the owners: R12's customers go to R11 or stay orphans, a dozen moved at the start of 2025."""
    begin = date(2023, 1, 2) if account.first == START else account.first
    if account.rep == "R12":
        rng = stream(seed, "leaver" + account.customer_id)
        kept: tuple[tuple[str, date, date | None], ...] = (("R12", begin, LEFT_ON),)
        if account.customer_id != "000266" and (account.cell[0] in "abp" or rng.random() < 0.5):
            kept += (("R11", max(NEW_SINCE, begin), None),)
        return replace(account, owners=kept)
    is_mover = account.status == "customer" and not account.planted and int(account.customer_id[1:]) % 6 == 0
    if is_mover and account.rep in ("R02", "R03") and begin.year < 2024:
        other = {"R02": "R03", "R03": "R02"}[account.rep]
        return replace(account, owners=((other, begin, date(2024, 12, 31)), (account.rep, date(2025, 1, 1), None)))
    return replace(account, owners=((account.rep, begin, None),))


def _prospects(seed: int) -> list[Account]:
    """150 prospects, a third of them with the hunter R10."""
    rng = stream(seed, "prospects")
    made = []
    for cell, count in PROSPECTS.items():
        for _ in range(count):
            _, potential = _draw(cell, rng)
            visits, remote = _done(cell, rng)
            rep = "R10" if rng.random() < 0.33 else str(rng.choice(["R02", "R03", "R04", "R05", "R06", "R07", "R08"]))
            number = f"P{len(made) + 1:04d}"
            account = Account(number, cell, rep, (0.0, 0.0, 0.0), potential, visits, remote, 0, status="prospect")
            if number == "P0002":  # T10-R6: a large potential that nobody has checked
                account = replace(account, potential=820e3, confidence="low", method="external", planted=True)
            if number == "P0003":  # decoy of T01-R2: a prospect is no customer
                account = replace(account, potential=540e3, confidence="high", planted=True, visits=3)
            made.append(account)
    return made


def class_cuts(values: list[float]) -> tuple[float, float]:
    """The smallest value of the first and of the second class, by cumulated share before (80 %, 95 %)."""
    ranked = np.sort(np.array([v for v in values if v > 0]))[::-1]
    before = (np.cumsum(ranked) - ranked) / ranked.sum()
    return float(ranked[before < 0.80].min()), float(ranked[before < 0.95].min())


def _settle_near_cuts(accounts: list[Account]) -> list[Account]:
    """Put the two customers of T10-R7 on the cuts of revenue and potential."""
    revenue = class_cuts([a.revenue[2] for a in accounts])
    potential = class_cuts([max(a.potential, a.revenue[2]) for a in accounts if a.potential])
    near = {"000195": (revenue[0], potential[0]), "000196": (revenue[1], potential[1])}
    near = {key: (r * 1.003, p * 1.003) for key, (r, p) in near.items()}  # no ties
    return [
        replace(a, revenue=(near[a.customer_id][0] * 0.97,) * 2 + (near[a.customer_id][0],),
                potential=near[a.customer_id][1]) if a.customer_id in near else a
        for a in accounts
    ]  # fmt: skip


def _christen(accounts: list[Account], seed: int) -> list[Account]:
    """A name of its own for each account."""
    rng = stream(seed, "names")
    names = [f"{kind} {place}" for kind in _KINDS for place in _PLACES]
    rng.shuffle(names)
    return [replace(a, name=f"{names[i]} {rng.choice(_FORMS)}") for i, a in enumerate(accounts)]


def _more_orders(account: Account) -> Account:
    regular = not account.planted and account.first == START and account.last == AS_OF and account.orders > 0
    if account.rep != MANY_ORDERS[0] or not regular:
        return account
    return replace(account, orders=round(account.orders * MANY_ORDERS[1]))


@cache
def accounts(seed: int) -> tuple[Account, ...]:
    """Customers, then prospects, sorted by id."""
    ordinary = _deal_out(_ordinary(seed), seed)
    customers = _make_late(_leave_unseen(_group([*PLANTED, *ordinary], seed), seed), seed)
    everyone = _settle_near_cuts(customers + _prospects(seed))
    everyone = [_more_orders(a) for a in everyone]
    everyone = sorted(everyone, key=lambda a: (a.status == "prospect", a.customer_id))
    return tuple(_own(a, seed) for a in _christen(everyone, seed))
