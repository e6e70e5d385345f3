"""Whether a customer's cell survives other cut-offs and another potential: seeded draws, all customers at once.

Cut-offs are moved as amounts (the revenue and the potential at which the class changes), so that the three modes of
classing are tried alike. A customer that no draw can move is not drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from salespilot.diagnostics.abc_cross_matrix.model import Thresholds
from salespilot.inference import wilson

CHUNK = 1000
"""Customers drawn at once: a few megabytes of draws."""

CUTS = ["first_cut", "second_cut"]
ROW = {"A": 0, "B": 1, "C": 2, "P": 3}
NAMES = np.array([f"{row}{column}" for row in "abcp" for column in "123"])


def stability(frame: pd.DataFrame, axes: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """How often each cell holds, indexed like ``frame``: ``stability`` (share of draws) and ``second_cell``.

    ``frame``: revenue_a_year, potential_accessible, revenue_class, potential_class, cell; ``axes``: the cut-offs.
    Missing where the potential is unknown; ``second_cell`` is the other cell found most often, None without one.
    """
    cuts = axes.set_index("axis")
    noise, spread, draws = thresholds.cut_noise_share, thresholds.potential_noise_share, thresholds.robust_draws
    rng = np.random.default_rng(thresholds.robust_seed)
    moved = rng.uniform(1 - noise, 1 + noise, (4, draws))
    revenue_cuts = _ordered(moved[:2], cuts.loc["revenue", CUTS].to_numpy(dtype=float))
    potential_cuts = _ordered(moved[2:], cuts.loc["potential", CUTS].to_numpy(dtype=float))

    known = frame[frame["potential_class"] != "?"]
    revenue, potential = known["revenue_a_year"].clip(lower=0).to_numpy(), known["potential_accessible"].to_numpy()
    row = known["revenue_class"].map(ROW).to_numpy()
    code = (row * 3 + known["potential_class"].astype(int).to_numpy() - 1).astype(np.int8)
    near = np.zeros(len(known), dtype=bool)
    for values, axis_cuts, reach in ((revenue, revenue_cuts, 0.0), (potential, potential_cuts, spread)):
        for cut in axis_cuts:
            near |= (values * (1 + reach) >= cut.min()) & (values * (1 - reach) <= cut.max()) & (cut.max() > 0)

    held = np.ones(len(known))
    second = np.full(len(known), -1)
    uncertain = np.arange(len(known))[near]
    for start in range(0, len(uncertain), CHUNK):
        some = uncertain[start : start + CHUNK]
        factor = 1 - spread + 2 * spread * rng.random((draws, len(some)), dtype=np.float32)
        drawn = np.maximum(potential[some] * factor, revenue[some])
        across = _class(drawn, potential_cuts)
        down = np.where(row[some] == ROW["P"], ROW["P"], _class(revenue[some], revenue_cuts))
        found = (down * 3 + across).astype(np.int8)
        held[some] = (found == code[some]).mean(axis=0)
        counts = np.stack([(found == cell).sum(axis=0) for cell in range(len(NAMES))])
        counts[code[some], np.arange(len(some))] = 0
        second[some] = np.where(counts.max(axis=0) > 0, counts.argmax(axis=0), -1)
    answer = pd.DataFrame(index=known.index)
    answer["stability"] = held
    answer["second_cell"] = pd.Series(NAMES[second], index=known.index, dtype=object).where(second >= 0, None)
    return answer.reindex(frame.index)


def _ordered(moved: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """The two cut-offs of each draw; the upper one is never under the lower one."""
    drawn = moved * cuts[:, None]
    return np.stack([np.maximum(drawn[0], drawn[1]), drawn[1]])


def _class(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """0, 1, 2 for the first to the third class; ``values`` (draws, customers) or (customers,), cuts (2, draws)."""
    return (values < cuts[0][:, None]).astype(np.int8) + (values < cuts[1][:, None])


def by_cell(frame: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a cell of known potential: account_count, robust_count, robust_share with its 95 % interval."""
    known = frame.dropna(subset="stability")
    robust = known["stability"] >= thresholds.robust_min_share
    table = robust.groupby(known["cell"]).agg(account_count="size", robust_count="sum")
    table["robust_share"] = table["robust_count"] / table["account_count"]
    low, high = wilson(table["robust_count"], table["account_count"])
    table["robust_low"], table["robust_high"] = low, high
    return table.reset_index()
