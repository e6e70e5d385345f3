"""What the portfolio review measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from salespilot.finding import Reason


@dataclass(frozen=True)
class Grounds:
    """What the rules judge on, and no table shows.

    ``customers``: one row a customer, indexed by customer_id, with every measure. ``people``: one row a salesperson
    who is there, or None without activities. ``abc_mode``: the mode of the classes in force. ``is_separating``: they
    mean something. ``years``, ``activity_years``: the length of the period, and of the part with logged activities.
    ``loss``: the share of class A's revenue that a year takes away, increases apart, with its 95 % bounds.
    """

    customers: pd.DataFrame
    people: pd.DataFrame | None
    abc_mode: str
    is_separating: bool
    years: float
    activity_years: float | None
    loss: tuple[float, float, float] | None


@dataclass(frozen=True)
class Result:
    """What was measured. Frames are None where they cannot be computed; ``not_computable`` says why.

    customers        one row a customer, biggest first: all that is known of it, and the decision proposed
    concentration    one row a period: this one and the previous one
    coverage         one row an ABC class and the total
    reps             one row a salesperson who is there: logging and coverage of the portfolio held
    groups           one row a customer of several sites: the same, rolled up
    deciles          one row a decile of revenue: visits and headroom
    service          one row a customer: revenue, visits done and due
    curves           one row a point: shares of revenue, visits and headroom by rank of revenue
    bridge           one row a step from the previous period's revenue to this one's
    retention        one row a class of the previous period and the total
    rep_retention    one row a salesperson
    life_cycle       one row a stage: start, growth, mature, ageing
    migration        one row a pair of classes
    overdue          one row a customer late or dormant on its own rhythm
    sleeping         one row a customer: euros that nobody goes after, the 20 biggest
    costs            one row an ABC class: cost to serve against margin
    loss_makers      one row a customer whose service costs more than its margin
    decisions        one row a decision: how many customers, how much revenue
    decided          one row a customer that calls for a decision
    reallocation     one row a salesperson: hours that could move, and what they would bring
    actions          one row an action decided at an earlier review
    """

    customers: pd.DataFrame
    concentration: pd.DataFrame
    coverage: pd.DataFrame | None
    reps: pd.DataFrame | None
    groups: pd.DataFrame | None
    deciles: pd.DataFrame | None
    service: pd.DataFrame | None
    curves: pd.DataFrame | None
    bridge: pd.DataFrame | None
    retention: pd.DataFrame | None
    rep_retention: pd.DataFrame | None
    life_cycle: pd.DataFrame | None
    migration: pd.DataFrame | None
    overdue: pd.DataFrame
    sleeping: pd.DataFrame | None
    costs: pd.DataFrame | None
    loss_makers: pd.DataFrame | None
    decisions: pd.DataFrame
    decided: pd.DataFrame
    reallocation: pd.DataFrame | None
    actions: pd.DataFrame | None
    key_figures: Mapping[str, float | int | None]
    not_computable: Mapping[str, Reason]
    grounds: Grounds
