"""The report as it is being made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from salespilot.diagnostics.sales_contest.model import Figures
from salespilot.finding import Reason


@dataclass
class Report:
    """The result as it is being made."""

    figures: Figures = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)

    def lack(self, names: Sequence[str], reason: Reason) -> None:
        """Says why for each figure or frame of the list that is still unknown."""
        for name in names:
            if self.figures.get(name) is None and name not in self.frames:
                self.reasons.setdefault(name, reason)
