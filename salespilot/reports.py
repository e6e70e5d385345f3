"""The reports of the kit, in reading order: adding one is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from salespilot.diagnostics import (
    abc_cross_matrix,
    activity_productivity,
    continuous_improvement,
    data_fitness,
    dynamic_steering,
    forecast_accuracy,
    portfolio_alignment,
    portfolio_review,
    sales_contest,
    sales_cycle,
)
from salespilot.plans import one_to_one, pac_preparation, synthesis

REPORTS: Mapping[str, ModuleType] = MappingProxyType(
    {
        module.NAME: module
        for module in (
            synthesis,
            data_fitness,
            portfolio_review,
            abc_cross_matrix,
            activity_productivity,
            portfolio_alignment,
            sales_contest,
            dynamic_steering,
            sales_cycle,
            forecast_accuracy,
            continuous_improvement,
            pac_preparation,
            one_to_one,
        )
    }
)

READS_ACTIONS = frozenset(
    {"data_fitness", "portfolio_review", "continuous_improvement", "pac_preparation", "one_to_one", "synthesis"}
)
"""The reports that read actions: an action decided remakes these, and no other."""
