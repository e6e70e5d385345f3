"""The attribution of one client: what may go to whom, at what price, in each scenario, and what comes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salespilot.conventions import SettingError
from salespilot.diagnostics.portfolio_alignment import attribution
from salespilot.diagnostics.portfolio_alignment.attribution import Balance, Solution
from salespilot.diagnostics.portfolio_alignment.model import OPTIMISED, SCENARIOS, Thresholds

NOBODY = -1
WEIGHTS = ("balance", "travel", "disruption")
BLENDS = (0.0, 0.02, 0.1, 0.3, 1.0, 3.0)
"""Prices of disruption at which the frontier is drawn, balance and travel weighing as in the balanced scenario."""
LARGE_PAIRS = 500_000
"""Pairs of unit and salesperson beyond which branch and bound is left out: it gains little and takes minutes."""


@dataclass(frozen=True)
class Programme:
    """The programme before any scenario's weights. Units are accounts, or whole groups; people are salespeople.

    ``unit_of``: unit of each account (-1: in reserve); ``accounts``, ``people``: their codes, in order.
    ``hours``, ``potential``: of each unit; ``owner``: who holds most of it now (-1: nobody in post). By unit and
    person: ``held`` (accounts held now), ``relation`` (revenue weighed by tenure, of these), ``km`` (kilometres a year
    if that person served the unit), ``allowed``.
    ``capacity``: of each person. ``band``: the band asked for; ``feasible_band``: the smallest that can be held where
    it cannot; ``free_band``: the same without locks.
    """

    accounts: pd.Index
    people: pd.Index
    unit_of: np.ndarray
    hours: np.ndarray
    potential: np.ndarray
    owner: np.ndarray
    held: np.ndarray
    relation: np.ndarray
    km: np.ndarray
    allowed: np.ndarray
    capacity: np.ndarray
    band: float
    feasible_band: float
    free_band: float
    heaviest: int
    has_potential: bool
    has_travel: bool

    @property
    def load_target(self) -> np.ndarray:
        """λ·Cap_r, λ = ΣW / ΣCap: the hours each person should hold."""
        return np.asarray(self.hours.sum() * self.capacity / self.capacity.sum())

    @property
    def potential_target(self) -> np.ndarray:
        """The potential each person should hold, in proportion to capacity."""
        return np.asarray(self.potential.sum() * self.capacity / self.capacity.sum())


def programme(
    frame: pd.DataFrame,
    team: pd.DataFrame,
    km: np.ndarray,
    locks: frozenset[str],
    bans: frozenset[tuple[str, str]],
    has_travel: bool,
    thresholds: Thresholds,
) -> Programme:
    """The programme of the accounts not in reserve and the salespeople with capacity.

    ``km``: (accounts, people) kilometres a year if that person served that account. ``locks``: accounts that stay.
    """
    active = (~frame["is_reserve"]).to_numpy()
    units, inverse = np.unique(frame.loc[active, "group_id"].to_numpy(dtype=str), return_inverse=True)
    unit_of = np.full(len(frame), NOBODY)
    unit_of[active] = inverse
    people = team.index
    n, m = len(units), len(people)
    rows = np.flatnonzero(active)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(inverse, weights=np.nan_to_num(values[rows]), minlength=n)

    owner = people.get_indexer(pd.Index(frame["owner_id"]))
    hours = summed(frame["workload_hours"].to_numpy(dtype=float))
    relation, held = np.zeros((n, m)), np.zeros((n, m))
    owned = rows[owner[rows] >= 0]
    np.add.at(relation, (unit_of[owned], owner[owned]), np.nan_to_num(frame["relation"].to_numpy(dtype=float)[owned]))
    np.add.at(held, (unit_of[owned], owner[owned]), 1.0)
    main = np.where(held.sum(axis=1) > 0, (relation + 1e-6 * held).argmax(axis=1), NOBODY)
    allowed = np.ones((n, m), dtype=bool)
    fits = _suited(frame, team, thresholds) & skilled(frame, team)
    for row in rows:
        allowed[unit_of[row]] &= fits[row]
    allowed[np.arange(n)[main >= 0], main[main >= 0]] = True  # who holds it today has the skill
    for customer, rep in bans:
        row, person = frame.index.get_indexer(pd.Index([customer]))[0], people.get_indexer(pd.Index([rep]))[0]
        if row < 0 or person < 0:
            raise SettingError(f"bans: no customer {customer!r} or no salesperson in post {rep!r}")
        if unit_of[row] >= 0:
            allowed[unit_of[row], person] = False
    allowed[~allowed.any(axis=1)] = True  # nobody has the skill: anybody may take it
    free = allowed.copy()
    locked = np.zeros(n, dtype=bool)
    locked[unit_of[frame.index.isin(list(locks)) & active]] = True
    locked &= (main >= 0) & free[np.arange(n), main]
    allowed[locked] = False
    allowed[locked, main[locked]] = True

    potential = summed(frame["potential_accessible"].to_numpy(dtype=float))
    total = np.zeros((n, m))
    np.add.at(total, unit_of[rows], np.nan_to_num(km[rows]))
    capacity = team["capacity_hours"].to_numpy(dtype=float)
    target = hours.sum() * capacity / capacity.sum()
    band, free_band, heaviest = _feasible(hours, target, allowed, free, thresholds)
    return Programme(
        frame.index, people, unit_of, hours, potential, main, held, relation, total, allowed, capacity,
        thresholds.band_share, band, free_band, heaviest, bool((potential > 0).any()), has_travel,
    )  # fmt: skip


def _suited(frame: pd.DataFrame, team: pd.DataFrame, thresholds: Thresholds) -> np.ndarray:
    """(accounts, people): an inside salesperson takes no account due many visits, a key account manager only class A
    or the first class of potential, a farmer no prospect."""
    visits = frame["f2f_per_year"].to_numpy(dtype=float)
    is_key = ((frame["revenue_class"] == "A") | (frame["potential_class"] == "1")).to_numpy()
    buys = frame["is_buyer"].to_numpy(dtype=bool)
    every = np.ones(len(frame), dtype=bool)
    by_role = {"inside": visits <= thresholds.inside_max_visits, "kam": is_key, "farmer": buys}
    return np.column_stack([by_role.get(str(role), every) for role in team["role"]])


def skilled(frame: pd.DataFrame, team: pd.DataFrame) -> np.ndarray:
    """(accounts, people): who has every skill that the account asks for."""
    needed = [listed(told) for told in frame["required_skill"]]
    able = np.ones((len(frame), len(team)), dtype=bool)
    for skill in frozenset[str]().union(*needed):
        asks = np.array([skill in words for words in needed])
        able[asks] &= np.array([skill in listed(told) for told in team["skills"]], dtype=bool)
    return able


def listed(told: object) -> frozenset[str]:
    """The words of a cell that holds several, separated by commas, semicolons, bars or slashes; none where empty."""
    words = re.split(r"[,;|/]", told) if isinstance(told, str) else []
    return frozenset(word.strip().casefold() for word in words if word.strip())


def _feasible(
    hours: np.ndarray, target: np.ndarray, allowed: np.ndarray, free: np.ndarray, thresholds: Thresholds
) -> tuple[float, float, int]:
    """The band that can be held (the one asked for, or the smallest), the same without locks, and the heaviest unit."""
    asked = thresholds.band_share
    heaviest = int((hours[:, None] / target).min(axis=1).argmax()) if len(hours) else NOBODY
    found, _ = attribution.smallest_band(hours, target, allowed, asked)
    if found <= asked:
        return asked, asked, heaviest
    without, _ = attribution.smallest_band(hours, target, free, asked)
    return found * (1 + 1e-6), max(min(without, found), asked), heaviest


def weights(name: str, thresholds: Thresholds) -> dict[str, float]:
    """What balance, travel and disruption weigh in a scenario, from the thresholds."""
    return {what: float(getattr(thresholds, f"{name}_{what}")) for what in WEIGHTS}


def solved(
    given: Programme, weight: dict[str, float], thresholds: Thresholds, start: np.ndarray | None, is_quick: bool = False
) -> Solution:
    """The best attribution of the programme at these weights; ``is_quick``: good enough to draw a frontier.

    Each part of the price is a share, so that weights compare: the mean imbalance of load and potential, kilometres
    over those of today, revenue weighed by the relation that changes hands over all revenue.
    """
    m = len(given.people)
    cost = np.zeros(given.allowed.shape)
    if given.has_travel and weight["travel"] > 0:
        cost += weight["travel"] * given.km / max(reference_km(given), 1e-9)
    # Disruption is what the others lose when a unit goes to one person.
    lost = _lost(given.relation) + thresholds.move_weight * _lost(given.held)
    cost += weight["disruption"] * lost
    cost[~given.allowed] = np.inf
    band = np.full(m, given.feasible_band)
    balances = [Balance(given.hours, given.load_target, band, band, 0.6 * weight["balance"] / m, np.inf)]
    if given.has_potential:
        asked = np.full(m, given.band)
        price = thresholds.potential_price * max(weight.values()) / m
        balances.append(
            Balance(given.potential, given.potential_target, asked, asked, 0.4 * weight["balance"] / m, price)
        )
    return attribution.solve(cost, balances, start, is_quick=is_quick or cost.size > LARGE_PAIRS)


def _lost(held: np.ndarray) -> np.ndarray:
    """(units, people): what leaves the others' hands, over all that is held."""
    return np.asarray((held.sum(axis=1, keepdims=True) - held) / max(float(held.sum()), 1e-9))


def reference_km(given: Programme) -> float:
    """Kilometres of today's portfolios, those nobody holds served by the nearest."""
    held = given.owner >= 0
    now = given.km[np.arange(len(given.hours))[held], given.owner[held]].sum()
    return float(now + given.km[~held].min(axis=1).sum()) if len(given.hours) else 0.0


def all_scenarios(given: Programme, thresholds: Thresholds) -> dict[str, Solution]:
    """The solution of each scenario that can be computed: proximity needs places."""
    start = given.owner if (given.owner >= 0).all() else None
    names = [name for name in OPTIMISED if given.has_travel or name != "proximity"]
    return {name: solved(given, weights(name, thresholds), thresholds, start) for name in names}


def owners_by_account(given: Programme, frame: pd.DataFrame, solution: Solution | None) -> pd.Series:
    """Who holds each account, by code: in a solution, or now (None). Accounts in reserve keep theirs."""
    now = frame["owner_id"].where(frame["owner_id"].isin(given.people))
    if solution is None:
        return now
    active = given.unit_of >= 0
    new = now.astype(object).copy()
    new[active] = given.people.to_numpy(dtype=object)[solution.owner[given.unit_of[active]]]
    return new


def loads(
    frame: pd.DataFrame, team: pd.DataFrame, km: np.ndarray, owners: dict[str, pd.Series], given: Programme
) -> pd.DataFrame:
    """One row a scenario and salesperson: scenario, rep_id, name, account_count, new_count, workload_hours,
    capacity_hours, load_rate, load_index, potential_accessible, potential_index, net_revenue, travel_km."""
    rows = []
    active = ~frame["is_reserve"]
    total_hours = float(frame["workload_hours"].sum())
    total_potential = float(frame.loc[active, "potential_accessible"].sum())
    capacity = team["capacity_hours"]
    for name in [s for s in SCENARIOS if s in owners]:
        owner = owners[name]
        table = pd.DataFrame({"scenario": name, "name": team["name"]}, index=team.index)
        held = active & owner.notna()
        by = owner[held]
        table["account_count"] = by.value_counts().reindex(team.index, fill_value=0)
        came = held & (owners["current"] != owner)
        table["new_count"] = owner[came].value_counts().reindex(team.index, fill_value=0)
        for column in ("workload_hours", "potential_accessible", "net_revenue"):
            table[column] = frame.loc[held, column].groupby(by).sum().reindex(team.index, fill_value=0.0)
        table["capacity_hours"] = capacity
        table["load_rate"] = table["workload_hours"] / capacity
        table["load_index"] = table["workload_hours"] / (total_hours * capacity / capacity.sum())
        table["potential_index"] = (
            table["potential_accessible"] / (total_potential * capacity / capacity.sum())
            if given.has_potential
            else np.nan
        )
        table["sales_index"] = (
            table["net_revenue"] / max(frame.loc[active, "net_revenue"].sum(), 1e-9) * (capacity.sum() / capacity)
        )
        table["travel_km"] = travelled(frame, team, km, owner) if given.has_travel else np.nan
        rows.append(table.rename_axis("rep_id").reset_index())
    return pd.concat(rows, ignore_index=True)


def travelled(frame: pd.DataFrame, team: pd.DataFrame, km: np.ndarray, owner: pd.Series) -> pd.Series:
    """Kilometres a year of each salesperson."""
    place = team.index.get_indexer(pd.Index(owner))
    held = (place >= 0) & ~frame["is_reserve"].to_numpy()
    sums = np.bincount(place[held], weights=np.nan_to_num(km[held, place[held]]), minlength=len(team))
    return pd.Series(sums, index=team.index)


def summary(
    frame: pd.DataFrame, table: pd.DataFrame, owners: dict[str, pd.Series], solutions: dict[str, Solution],
    thresholds: Thresholds,
) -> pd.DataFrame:  # fmt: skip
    """One row a scenario: scenario, load_cv, load_min, load_max, potential_cv, outside_count, travel_km, moved_count,
    moved_share, attached_count, revenue_moved, revenue_moved_share, relation_moved, gap, is_feasible.

    Coefficients of variation are those of load over its target and potential over its target. Moved: accounts of
    somebody in post that change hands; attached: those that nobody held.
    """
    rows = []
    active = ~frame["is_reserve"]
    now = owners["current"]
    held = active & now.notna()
    revenue = frame["net_revenue"].clip(lower=0)
    relation = frame["relation"].where(held, 0.0)
    for name, part in table.groupby("scenario", sort=False):
        owner = owners[str(name)]
        moved = held & (owner != now)
        solution = solutions.get(str(name))
        index = part["load_index"]
        rows.append(
            {
                "scenario": name,
                "load_cv": _cv(index),
                "load_min": part["load_rate"].min(),
                "load_max": part["load_rate"].max(),
                "potential_cv": _cv(part["potential_index"]),
                "outside_count": int(((index - 1).abs() > thresholds.band_share + 1e-6).sum()),
                "travel_km": part["travel_km"].sum(min_count=1),
                "moved_count": int(moved.sum()),
                "moved_share": float(moved.sum() / held.sum()) if held.any() else np.nan,
                "attached_count": int((active & now.isna() & owner.notna()).sum()),
                "revenue_moved": float(revenue[moved].sum()),
                "revenue_moved_share": float(revenue[moved].sum() / revenue[held].sum()) if held.any() else np.nan,
                "relation_moved": float(relation[moved].sum() / relation.sum()) if relation.sum() > 0 else np.nan,
                "gap": solution.gap if solution else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _cv(values: pd.Series) -> float:
    mean = float(values.mean())
    return float(values.std(ddof=0) / mean) if mean > 0 else float("nan")


def portfolios(loads: pd.DataFrame, chosen: str, team: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a salesperson, the most loaded first: capacity, then load, potential and alignment now and after.

    Alignment index AI = w1·load index + w2·potential index + w3·own-sales index [S37]. ``move_low``, ``move_high``: the
    load index before and after, in order. ``new_share``: accounts that come from others or from nobody.
    """
    now, then = (loads[loads["scenario"] == name].set_index("rep_id") for name in ("current", chosen))
    table = team[["name", "role", "team_id", "fte", "capacity_hours"]].copy()
    columns = [
        "account_count",
        "workload_hours",
        "load_rate",
        "load_index",
        "potential_index",
        "net_revenue",
        "travel_km",
    ]
    for end, part in (("", now), ("_after", then)):
        table = table.join(part[columns].add_suffix(end))
        weighed = (
            (thresholds.index_workload, part["load_index"]),
            (thresholds.index_potential, part["potential_index"]),
            (thresholds.index_sales, part["sales_index"]),
        )
        table[f"alignment_index{end}"] = sum(weight * index for weight, index in weighed)
    table["move_low"] = table[["load_index", "load_index_after"]].min(axis=1)
    table["move_high"] = table[["load_index", "load_index_after"]].max(axis=1)
    table["new_count"] = then["new_count"]
    table["new_share"] = table["new_count"] / table["account_count_after"].where(table["account_count_after"] > 0)
    table = table.rename_axis("rep_id").reset_index()
    return table.sort_values(["load_rate", "rep_id"], ascending=[False, True], ignore_index=True)


def frontier(
    given: Programme, frame: pd.DataFrame, team: pd.DataFrame, km: np.ndarray, owners: dict[str, pd.Series],
    thresholds: Thresholds,
) -> pd.DataFrame:  # fmt: skip
    """Points between keeping everything and balancing everything: solutions at growing prices of disruption."""
    found = {}
    if len(given.hours) <= thresholds.large_units:
        base = weights("balanced", thresholds)
        start = given.owner if (given.owner >= 0).all() else None
        for blend in BLENDS:
            weight = base | {"disruption": base["disruption"] * blend}
            if blend != 1.0:
                found[f"price_{blend:g}"] = solved(given, weight, thresholds, start, is_quick=True)
    named = owners | {name: owners_by_account(given, frame, solution) for name, solution in found.items()}
    rows = []
    held = ~frame["is_reserve"] & named["current"].notna()
    relation = frame["relation"].where(held, 0.0)
    for name, owner in named.items():
        sums = frame["workload_hours"].groupby(owner).sum().reindex(team.index, fill_value=0.0)
        index = sums / team["capacity_hours"]
        moved = held & (owner != named["current"])
        rows.append(
            {
                "scenario": name if name in SCENARIOS else "intermediate",
                "relation_moved": float(relation[moved].sum() / relation.sum()) if relation.sum() > 0 else 0.0,
                "load_cv": _cv(index),
                "travel_km": float(travelled(frame, team, km, owner).sum()) if given.has_travel else np.nan,
                "moved_count": int(moved.sum()),
            }
        )
    table = pd.DataFrame(rows).drop_duplicates(["relation_moved", "load_cv", "travel_km"])
    return table.sort_values(["relation_moved", "load_cv"], ignore_index=True)
