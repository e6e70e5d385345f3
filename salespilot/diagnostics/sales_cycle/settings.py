"""What the sales cycle reports, and how it judges (method, section 10)."""

from __future__ import annotations

from dataclasses import dataclass

from salespilot.conventions import Settings, parameter, threshold

NAME = "sales_cycle"


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "rep_id of the salesperson whose deals are listed; empty: the whole team")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge."""

    horizon_days: int = threshold(365, "days", "the chance to win a deal within a year of its creation")
    watch_quantile: float = threshold(0.75, "quantile", "older in its stage than 3 in 4 of the deals that advanced")
    stalled_quantile: float = threshold(0.90, "quantile", "older in its stage than 9 in 10 of the deals that advanced")
    fallback_factor: float = threshold(2.0, "times the median", "stands for the quantiles where few deals advanced")
    min_stays: int = threshold(10, "stays", "fewer give a median, no upper quantile")
    maturity_quantile: float = threshold(0.90, "quantile", "a younger stay may still lead on", "S67")
    history_min_share: float = threshold(0.80, "share of deals", "with a stage history; below, no ageing")
    lookback_months: int = threshold(36, "months", "how far back stays and chances to advance are measured")
    push_act: int = threshold(2, "pushes", "a deal pushed as often is to be re-qualified")
    next_step_min_share: float = threshold(0.90, "share of open deals", "with a dated next step to come")
    evidence_min_share: float = threshold(0.80, "share of exit criteria", "below, milestones are not proven")
    slippage_act_share: float = threshold(0.30, "share of value due", "pushed out of the month it was due in")
    late_loss_act_share: float = threshold(0.40, "share of losses", "in the last two open stages: qualified too late")
    no_decision_act_share: float = threshold(0.35, "share of losses", "no decision or silence")
    price_act_share: float = threshold(0.40, "share of losses", "price, said by salespeople: to be checked with buyers")
    big_losses: int = threshold(10, "deals", "the biggest losses, whose buyers are asked")
    silent_days: int = threshold(30, "days", "past its close date and without activity: silent")
    silent_factor: float = threshold(2.0, "times the median stay", "without activity for longer: silent")
    load_low: int = threshold(15, "open deals", "a workable list begins about here (software sales)", "S63")
    load_high: int = threshold(20, "open deals", "and ends about here (software sales)", "S63")
    bridge_months: int = threshold(3, "months", "followed back, and ahead, for deals pulled in or out")
    decide_days: int = threshold(14, "days", "to advance, re-qualify or close a stalled deal")
    lead_days: int = threshold(90, "days", "to change a way of selling")
    max_findings: int = threshold(100, "findings a rule", "the biggest first; the tables hold all")
