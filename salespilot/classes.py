"""Customers classed by what they bring: A, B and C, with Z and N for nothing and for less than nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salespilot.conventions import Conventions
from salespilot.inference import gini

TIE = 1e-9


@dataclass(frozen=True)
class AbcClasses:
    """Classes of customers: ``frame`` indexed like the input with ``abc_class``, ``share``, ``cum_share``, ``rank``.

    ``mode`` is the mode in force (bands when one customer alone passes the A cut), ``is_separating`` is False
    where concentration is too low for classes to mean something.
    """

    frame: pd.DataFrame
    mode: str
    is_separating: bool


def abc_classes(net: pd.Series, conventions: Conventions) -> AbcClasses:
    """Class each value A, B or C (positive), Z (zero) or N (negative); tied values get the same class.

    In cumshare mode a customer is A while the customers above it hold less than ``abc_a_share`` of the positive base,
    so that the one who crosses the line is kept. Where a single customer passes that line, bands take over.
    """
    values = net.astype(float).round(6)
    positive = values[values > 0].sort_values(ascending=False, kind="stable")
    base = positive.sum()
    frame = pd.DataFrame(index=net.index)
    frame["share"] = values.where(values > 0, 0.0) / base if base > 0 else np.nan
    better = positive.groupby(positive).sum().sort_index(ascending=False).cumsum().shift(fill_value=0.0)
    frame["cum_before"] = values.map(better / base) if base > 0 else np.nan
    frame["cum_share"] = (positive.cumsum() / base).reindex(net.index)
    frame["rank"] = values.where(values > 0).rank(ascending=False, method="min")
    mode = conventions.abc_mode
    if mode == "cumshare" and len(positive) > 1 and positive.iloc[0] / base > conventions.abc_a_share:
        mode = "bands"
    if mode == "cumshare":
        measure, a_cut, b_cut = frame["cum_before"], conventions.abc_a_share, conventions.abc_b_share
    elif mode == "headcount":
        measure = (frame["rank"] - 1) / max(len(positive), 1)
        a_cut, b_cut = conventions.abc_a_headcount, conventions.abc_b_headcount
    else:
        measure, a_cut, b_cut = -values, -conventions.abc_a_band, -conventions.abc_b_band
    frame["abc_class"] = np.select(
        [values < 0, values == 0, measure < a_cut - TIE, measure < b_cut - TIE], ["N", "Z", "A", "B"], "C"
    )
    is_separating = len(positive) > 1 and gini(positive) >= conventions.low_concentration_gini
    return AbcClasses(frame, mode, bool(is_separating))
