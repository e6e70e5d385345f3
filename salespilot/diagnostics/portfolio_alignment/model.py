"""What the alignment of portfolios reports, how it judges, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from salespilot.conventions import Settings, parameter, threshold
from salespilot.diagnostics.portfolio_alignment import places
from salespilot.finding import Reason

NAME = "portfolio_alignment"
SCENARIOS = ("current", "stability", "balanced", "proximity")
OPTIMISED = SCENARIOS[1:]


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report, and what is not to be touched. Lists are separated by commas."""

    scenario: str = parameter("balanced", "scenario whose moves are listed", OPTIMISED)
    rep: str = parameter("", "salesperson whose moves are shown, given or received; empty: everyone")
    locks: tuple[str, ...] = parameter(
        (), "codes of the customers that keep their salesperson, besides those exported as locked"
    )
    bans: tuple[str, ...] = parameter((), "pairs customer:salesperson not to be made, besides those exported")
    contractual: tuple[str, ...] = parameter(
        (), "salespeople with a contractual sector or VRP status, besides those exported"
    )


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge (method, section 4)."""

    band_share: float = threshold(0.15, "share of the target", "load and potential within ±15 % of the mean", "S38")
    load_high: float = threshold(1.05, "load rate", "above, hours are missing")
    load_low: float = threshold(0.85, "load rate", "below, hours are left")
    remote_minutes: float = threshold(20.0, "minutes", "a call or remote meeting, prepared and logged")
    admin_hours: float = threshold(1.0, "hours a year", "orders, disputes and reporting of a customer who buys")
    travel_minutes: float = threshold(30.0, "minutes a visit", "where neither travel nor places are known")
    field_share: float = threshold(0.5, "share of working hours", "with customers or on the road, where not exported")
    leave_days: float = threshold(30.0, "days a year", "leave, training, sickness, where absences are not exported")
    prospects_per_fte: int = threshold(30, "prospects", "more cannot be followed: the others are in reserve")
    weeks_a_year: float = threshold(45.0, "weeks", "52 less leave, training, fairs and sickness", "S29")
    field_days_a_week: float = threshold(4.0, "days a week", "the fifth is spent at the office", "S29")
    visits_per_day: float = threshold(3.0, "visits a field day", "a usual day on the road", "S29")
    visits_per_tour: float = threshold(3.0, "visits a round", "a round visits several customers before coming home")
    max_segments: int = threshold(8, "segments", "more cannot be told apart by those who serve them")
    small_revenue_share: float = threshold(0.03, "share of revenue", "a smaller segment is merged")
    small_customer_share: float = threshold(0.05, "share of customers", "a smaller segment is merged")
    lock_tenure_months: int = threshold(24, "months", "a class A relation as old is kept where sales hold")
    lock_trend_share: float = threshold(0.0, "change of revenue", "sales of a year before, at least")
    inside_max_visits: float = threshold(2.0, "visits a year", "an inside salesperson takes no customer due more")
    disruption_years: float = threshold(3.0, "years", "a relation as old weighs its whole revenue")
    move_weight: float = threshold(0.25, "times revenue moved", "a move costs something even where little is sold")
    potential_price: float = threshold(5.0, "times the imbalance", "potential outside the band, soft")
    stability_balance: float = threshold(0.0, "weight", "scenario stability: the band only")
    stability_travel: float = threshold(0.1, "weight", "scenario stability: of two moves, the nearer")
    stability_disruption: float = threshold(1.0, "weight", "scenario stability: the fewest and lightest moves")
    balanced_balance: float = threshold(1.0, "weight", "scenario balanced: even loads")
    balanced_travel: float = threshold(0.5, "weight", "scenario balanced: half the weight of balance")
    balanced_disruption: float = threshold(0.5, "weight", "scenario balanced: half the weight of balance")
    proximity_balance: float = threshold(0.0, "weight", "scenario proximity: the band only")
    proximity_travel: float = threshold(1.0, "weight", "scenario proximity: the least travel")
    proximity_disruption: float = threshold(0.05, "weight", "scenario proximity: of two equals, the one in place")
    inherit_share: float = threshold(0.35, "share of a portfolio", "more new customers leave less time to prospect")
    top_headroom_share: float = threshold(0.10, "share of customers", "the biggest headrooms, handed over with care")
    loss_planned: float = threshold(0.07, "share of revenue moved", "a planned hand-over, half of a departure")
    loss_low: float = threshold(0.132, "share of revenue moved", "sales lost when a salesperson left, low", "S39")
    loss_high: float = threshold(0.176, "share of revenue moved", "sales lost when a salesperson left, high", "S39")
    response_a: tuple[float, ...] = threshold((), "sales over today's", "class A: without visits, with +50 %, with any")
    response_b: tuple[float, ...] = threshold((), "sales over today's", "class B: without visits, with +50 %, with any")
    response_c: tuple[float, ...] = threshold((), "sales over today's", "class C: without visits, with +50 %, with any")
    response_min: int = threshold(30, "customers", "fewer give no curve of their own history")
    response_p: float = threshold(0.05, "probability", "a curve that chance explains as often is not used")
    index_workload: float = threshold(0.5, "weight", "alignment index: workload weighs most", "S37")
    index_potential: float = threshold(0.3, "weight", "alignment index: potential", "S37")
    index_sales: float = threshold(0.2, "weight", "alignment index: own sales", "S37")
    wave_days: int = threshold(45, "days", "from one wave of hand-overs to the next")
    joint_visit_days: int = threshold(15, "days", "the joint visit takes place before the hand-over by")
    large_units: int = threshold(2000, "accounts", "beyond, the frontier keeps its scenarios only")
    named: int = threshold(10, "findings a rule", "the rest stands in the tables")
    lead_days: int = threshold(90, "days", "a quarter to hand over")


@dataclass(frozen=True)
class Result:
    """What was measured; a frame is None where ``not_computable`` says why. Money and hours are a year's.

    ``accounts``    one row a customer or prospect: segment, hours, potential, owner now and in each scenario
    ``portfolios``  one row a salesperson: capacity, load, potential and indices, now and in the chosen scenario
    ``loads``       one row a salesperson and scenario: hours, load rate, potential, revenue, customers, kilometres
    ``scenarios``   one row a scenario: balance, travel, moves, revenue at risk, proven gap
    ``frontier``    one row a point of the balance x travel x disruption frontier
    ``moves``       one row an account that changes hands in the chosen scenario: why, and its wave
    ``flows``       revenue by old unit (or salesperson) and new portfolio
    ``handover``    one row a step of a hand-over: candidate actions with dates, owner and hours
    ``waves``       one row a wave: accounts, revenue
    ``at_risk``     one row a loss rate: revenue at risk by scenario
    ``segments``    one row an operating segment: policy, accounts, revenue, hours
    ``joined``      one row a merge of the segmentation recipe, and why
    ``sizing``      one row a method: people needed
    ``relief``      one row a step that would bring hours and capacity together (R1, R2)
    ``responses``   one row a revenue class: response curve of sales to visits
    ``allocation``  one row a revenue class: visits where they bring most, within the hours of today
    ``groups``      one row a group of customers shared between salespeople
    ``reserve``     one row a prospect or former customer left out of the programme, and why
    ``unplaced``    one row an account without a place on the map
    ``homes``       one row a salesperson's starting point
    ``chosen``      the scenario whose moves are listed; ``contractual``: salespeople with a contractual sector
    ``band``        the band of balance in force
    """

    accounts: pd.DataFrame
    segments: pd.DataFrame
    joined: pd.DataFrame
    reserve: pd.DataFrame
    unplaced: pd.DataFrame
    groups: pd.DataFrame
    homes: pd.DataFrame
    portfolios: pd.DataFrame | None = None
    loads: pd.DataFrame | None = None
    scenarios: pd.DataFrame | None = None
    sizing: pd.DataFrame | None = None
    at_risk: pd.DataFrame | None = None
    frontier: pd.DataFrame | None = None
    moves: pd.DataFrame | None = None
    flows: pd.DataFrame | None = None
    handover: pd.DataFrame | None = None
    waves: pd.DataFrame | None = None
    relief: pd.DataFrame | None = None
    responses: pd.DataFrame | None = None
    allocation: pd.DataFrame | None = None
    chosen: str = "balanced"
    contractual: tuple[str, ...] = ()
    band: float = 0.15
    key_figures: Mapping[str, float | int | None] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    COMPARED: ClassVar = (
        "name", "capacity_hours", "account_count", "account_count_after", "load_rate", "load_rate_after",
        "potential_index", "potential_index_after", "alignment_index_after", "new_share",
    )  # fmt: skip
    WEIGHED: ClassVar = (
        "scenario", "load_cv", "outside_count", "potential_cv", "travel_km", "moved_count", "moved_share",
        "revenue_moved", "revenue_moved_share", "gap",
    )  # fmt: skip
    EXPLAINED: ClassVar = (
        "name", "cell", "net_revenue", "from_name", "to_name", "move_reason", "km_saved", "wave", "same_sector_count",
    )  # fmt: skip
    SHARED: ClassVar = ("name", "account_count", "rep_count", "net_revenue", "main_name", "main_share")
    SERVED: ClassVar = (
        "operating_segment", "service_mode", "account_count", "net_revenue", "headroom", "hours_needed",
        "revenue_share", "hours_share",
    )  # fmt: skip
    DATED: ClassVar = ("due_date", "handover_step", "name", "from_name", "owner_name", "hours", "wave")

    @property
    def zone(self) -> tuple[float, float]:
        """The load indices between which a portfolio is balanced."""
        return 1 - self.band, 1 + self.band

    @property
    def balance(self) -> pd.DataFrame | None:
        """Load and potential of each portfolio, now and in the chosen scenario: name (now only), moment (now, after),
        load_index, potential_index; the farthest from the target first. None where potential is not known."""
        if self.portfolios is None or self.portfolios["potential_index"].isna().all():
            return None
        measures = ["load_index", "potential_index"]
        now = self.portfolios[["name", *measures]].assign(moment="now")
        after = self.portfolios[[f"{one}_after" for one in measures]].set_axis(measures, axis=1)
        far = (now[measures] - 1).abs().max(axis=1)
        return pd.concat([now.loc[far.sort_values(ascending=False).index], after.assign(moment="after")])

    @property
    def square(self) -> dict[str, object]:
        """How ``balance`` is drawn: the limits of the band on both scales."""
        edges = {"": 1 - self.band, " ": 1 + self.band}
        scales = {"x": "load_index", "y": "potential_index", "x_cuts": edges, "y_cuts": edges, "log": False}
        return scales | {"colour": "moment", "colour_order": ("now", "after")}

    @property
    def promises(self) -> pd.DataFrame:
        """One row a segment and channel: operating_segment, channel, contacts_per_account (a year)."""
        channels = {"f2f_per_year": "face_to_face", "remote_per_year": "remote"}
        table = self.segments.melt("operating_segment", list(channels), "channel", "contacts_per_account")
        return table.assign(channel=table["channel"].map(channels))

    @property
    def ground(self) -> pd.DataFrame:
        """Centres of the French departments, to find one's way on the map: department, lat, lon."""
        return places.departments().reset_index()

    @property
    def map(self) -> pd.DataFrame | None:
        """The accounts with a place on the map, biggest revenue first, or None where too few have one."""
        if "map" in self.not_computable or "owner_after" not in self.accounts:
            return None
        shown = self.accounts[self.accounts["lat"].notna() & ~self.accounts["is_reserve"]]
        return shown.rename(columns={"owner_name": "owner_now"})
