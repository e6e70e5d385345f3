"""What the sales cycle measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from salespilot.finding import Reason


@dataclass(frozen=True)
class Result:
    """What was measured; a frame is None where ``not_computable`` says why.

    outcomes           one row a way to count the deals of the period: the two win rates with their denominators
    incidence          one row a day of age: share of deals won, lost, otherwise ended, still open
    stages             one row a stage: the deals that entered it in the period, what became of them
    incidence_marks    one row an age and outcome: share of the deals that had it by then
    cohorts            one row a quarter of creation and stage: conversion of the mature ones
    stage_times        one row a stage: time taken by deals that advanced, ages of watch and stall
    durations          one row a stage and length of stay: how many took it
    open_deals         one row an open deal, biggest expected value first: age, pushes, next step, faults
    hygiene            one row a fault of the list of open deals
    pushes             one row a number of pushes: what became of the deals
    slippage           one row a month: value due, won, lost, pushed out
    slippage_matrix    one row a month due and landing
    bridge             one row a step from the open pipeline at the start of the period to that at its end
    bridge_due         the same over the last months, for the deals due soon: pulled in, pushed out
    evidence           one row a stage and exit criterion: how often it was proven when the stage was passed
    evidence_reps      one row a salesperson: exit criteria met of those required
    reps               one row a salesperson: load, upkeep, win rate
    effort             one row a stage: hours against value at stake
    pursuit            one row an outcome: hours and cost of the deals that ended
    losses             one row a deal lost in the period, biggest first
    loss_stages        one row a stage of death: value lost, beyond that of the better colleagues
    loss_reps          one row a stage and salesperson: passage against the third quartile
    loss_cells         one row a stage of death, reason and competitor
    loss_heat          one row a stage of death and class of reasons
    loss_reasons       one row a reason as worded by the client: its class, count, value
    reason_sources     one row a reason: share among those said by salespeople and by buyers
    competitors        one row a competitor named: won, lost, win rate
    cleanups           one row a bulk clean-up of the list
    deals              one row a deal of the period
    """

    outcomes: pd.DataFrame | None
    incidence: pd.DataFrame | None
    incidence_marks: pd.DataFrame | None
    stages: pd.DataFrame | None
    cohorts: pd.DataFrame | None
    stage_times: pd.DataFrame | None
    durations: pd.DataFrame | None
    open_deals: pd.DataFrame | None
    hygiene: pd.DataFrame | None
    pushes: pd.DataFrame | None
    slippage: pd.DataFrame | None
    slippage_matrix: pd.DataFrame | None
    bridge: pd.DataFrame | None
    bridge_due: pd.DataFrame | None
    evidence: pd.DataFrame | None
    evidence_reps: pd.DataFrame | None
    reps: pd.DataFrame | None
    effort: pd.DataFrame | None
    pursuit: pd.DataFrame | None
    losses: pd.DataFrame | None
    loss_stages: pd.DataFrame | None
    loss_reps: pd.DataFrame | None
    loss_cells: pd.DataFrame | None
    loss_heat: pd.DataFrame | None
    loss_reasons: pd.DataFrame | None
    reason_sources: pd.DataFrame | None
    competitors: pd.DataFrame | None
    cleanups: pd.DataFrame | None
    deals: pd.DataFrame
    history: str | None = None
    years: float = 1.0
    key_figures: Mapping[str, Any] = field(default_factory=dict)
    not_computable: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def passages(self) -> pd.DataFrame | None:
        """The stages, as the page shows them: counts and rates of passage."""
        shown = ["stage", "entrants", "mature", "converted", "conversion", "conversion_low", "conversion_high"]
        return None if self.stages is None else self.stages[shown]

    @property
    def top_deals(self) -> pd.DataFrame | None:
        """The open deals, as the page shows them."""
        if self.open_deals is None:
            return None
        age = "age_days" if self.stage_times is None else "stage_age_days"
        shown = ["name", "owner_name", "stage", "amount", "win_probability", age, "age_status", "push_count"]
        return self.open_deals[[*shown, "next_step_date"]]

    @property
    def top_losses(self) -> pd.DataFrame | None:
        """The losses, as the page shows them: clean-ups apart; None where no loss has an amount to rank it by."""
        shown = ["name", "owner_name", "closed_date", "stage", "loss_reason", "competitor", "amount"]
        if self.losses is None or not self.losses["amount"].gt(0).any():
            return None
        return self.losses.loc[~self.losses["is_cleanup"], shown]

    @property
    def team(self) -> pd.DataFrame | None:
        """The salespeople, as the page shows them."""
        if self.reps is None:
            return None
        shown = ["owner_name", "open_count", "open_value", "stalled_count", "next_step_share", "won", "lost"]
        shown += ["win_rate_closed", "win_low", "win_high", "shrunk_rate", "cycle_days"]
        return self.reps[[column for column in shown if column in self.reps]]

    @property
    def weak_stages(self) -> pd.DataFrame | None:
        """The stages of death, as the page shows them."""
        shown = [
            "stage",
            "lost_count",
            "lost_value",
            "lost_share",
            "team_rate",
            "q3_rate",
            "below_count",
            "excess_loss",
        ]
        return None if self.loss_stages is None else self.loss_stages[shown]
