"""The key figures of the sales cycle: those promised, and why one is not there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from salespilot.diagnostics.sales_cycle.scope import Figures
from salespilot.finding import Reason, absent

PROMISED = (
    "deals", "won", "lost", "cancelled", "open", "win_rate_closed", "win_rate_all", "won_value", "lost_value",
    "cycle_days_median_won", "cycle_days_mean_won", "cycle_days_median", "cycle_days_mean", "win_probability",
    "win_probability_low", "win_probability_high", "undecided_share", "horizon", "win_low", "win_high",
    "slippage_rate", "slipped_value", "due_value", "stalled_deals", "watched_deals", "aged_deals",
    "no_decision_share", "no_decision_count", "no_decision_base", "late_loss_share", "late_loss_count",
    "staged_losses", "late_loss_value", "avoidable_lost_value", "avoidable_reason_value", "avoidable_stage_value",
    "cleanup_losses", "cleanup_value", "born_closed", "zero_amounts", "foreign_deals", "stage_deals", "history_share",
    "signature_change", "signature_changed", "signature_known", "next_step_share", "evidence_share",
    "evidence_required", "misalignment", "misalignment_limit", "open_value", "weighted_value", "weighted_low",
    "weighted_high", "past_close_deals", "pushed_deals", "doubtful_deals", "win_rate_strict",
    "silent_deals", "silent_value", "no_decision_value", "price_share", "price_count", "price_base",
    "buyer_confirmed_share", "other_share", "reasoned_losses", "lost_kept", "pursuit_hours", "pursuit_cost",
    "bridge_gap", "bridge_start", "bridge_end", "first_entrants", "last_entrants", "river_lost", "river_lost_value",
    "due_start", "due_end", "deals_per_rep", "kept_win_rate", "kept_lost", "slipped_deal_value", "backward_deals",
    "skipped_deals", "late_entry",
)  # fmt: skip
"""Those not measured are None."""

ORIGINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "slippage": (
            "slippage_rate",
            "slipped_value",
            "due_value",
            "slipped_deal_value",
        ),
        "evidence": (
            "evidence_share",
            "evidence_required",
        ),
        "effort": ("misalignment",),
        "pursuit": ("pursuit_hours",),
        "bridge": (
            "bridge_gap",
            "bridge_start",
            "bridge_end",
        ),
        "pushes": ("pushed_deals",),
        "late_loss": ("late_loss_share",),
        "loss_reps": ("avoidable_stage_value",),
        "stages": (
            "backward_deals",
            "first_entrants",
            "last_entrants",
            "river_lost",
            "river_lost_value",
            "skipped_deals",
            "stage_deals",
            "history_share",
        ),
        "bridge_due": (
            "due_start",
            "due_end",
        ),
        "ageing": ("stalled_deals", "doubtful_deals", "win_rate_strict"),
    }
)
"""A frame (or part of one) -> the figures that come from it."""


def named(figures: Figures) -> Figures:
    """The figures with None for each one promised and not measured."""
    return dict.fromkeys(PROMISED) | figures


def missing_figure(name: str, why: Mapping[str, Reason], has_outcomes: bool) -> Reason:
    """Why a figure is not there: the reason of the frame it comes from, or what the deals lack."""
    for origin, made in ORIGINS.items():
        if name in made and origin in why:
            return why[origin]
    if not has_outcomes and not name.startswith("cycle"):
        return Reason("no_outcome")
    if name.startswith("win_probability") or name in ("undecided_share", "horizon"):
        return Reason("no_win")
    if name.endswith("_won") or name.startswith("cycle"):
        return Reason("no_cycle")
    if name in ("pursuit_cost",):
        return absent("costs")
    if name in ("next_step_share",):
        return Reason("absent_column", {"table": "opportunities", "column": "next_step_date"})
    if name.startswith(("no_decision", "avoidable", "price", "buyer", "other")):
        return why.get("loss_reasons", Reason("no_reason_given"))
    if name.startswith(("late_", "staged")):
        return Reason("no_stage_of_death")
    return Reason("no_amount") if "value" in name else Reason("no_deal")
