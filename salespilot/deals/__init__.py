"""Deals, shared by the reports on them: what is known of each, its stays in the stages, its chance of being won."""

from salespilot.deals.chances import landing_draws, push_band, push_record, win_probabilities
from salespilot.deals.history import CLEANUP_LOSSES, ENDED, deal_history, deals, spells, stage_names, stage_table
from salespilot.deals.incidence import cumulative_incidence, incidence_at, observed_from

__all__ = [
    "CLEANUP_LOSSES",
    "ENDED",
    "cumulative_incidence",
    "deal_history",
    "deals",
    "incidence_at",
    "landing_draws",
    "observed_from",
    "push_band",
    "push_record",
    "spells",
    "stage_names",
    "stage_table",
    "win_probabilities",
]
