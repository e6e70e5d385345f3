"""How wrong each source is, what each hand-over adds, and how the error grows with the horizon."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from salespilot.diagnostics.forecast_accuracy import snapshots
from salespilot.diagnostics.forecast_accuracy.actuals import COMPANY
from salespilot.diagnostics.forecast_accuracy.ground import Ground
from salespilot.diagnostics.forecast_accuracy.measures import accuracy, gain

MEASURES = ["n", "bias", "wape", "mape", "mase", "tracking_signal"]
STEP = ["fva_step", "fva_step_low", "fva_step_high"]


def by_source(ground: Ground) -> tuple[pd.DataFrame, int | None]:
    """One row a level and source, naive forecasts first; and the lag of the MASE at the main level.

    Columns: level, source, is_main, n (entities × periods), periods, bias, wape, mape, mase, tracking_signal, fva
    (against naive), fva_seasonal, step_from (the source it took over from), fva_step and its interval. All on the rows
    where the whole chain and the naive forecast are known; the statistical and seasonal ones on theirs among them.
    """
    made, lag = _level(ground, ground.level)
    if ground.level != COMPANY and (ground.rows["level"] == COMPANY).any():
        company, _ = _level(ground, COMPANY)
        made = pd.concat([made, company], ignore_index=True)
    return made, lag


def _level(ground: Ground, level: str) -> tuple[pd.DataFrame, int | None]:
    wide = ground.compared(level)
    chain = [source for source in ground.chain if source in wide]
    train, lag = ground.before(level)
    before = "naive"
    rows = []
    extra = [source for source in ("statistical",) if source in wide and source not in chain]
    sources = ["naive", "seasonal", *chain, *extra]
    whole = [source for source in sources if wide[source].notna().all()]
    together = accuracy(wide, whole, train, lag)
    for source in sources:
        own = wide.dropna(subset=source)
        if own.empty:
            continue
        row: dict[str, Any] = {
            "level": level,
            "source": source,
            "is_main": level == ground.level,
            "periods": own["ds"].nunique(),
        }
        found = together if source in whole else accuracy(own, [source], train, lag)
        row |= dict(found.loc[source, MEASURES])
        if source in (*chain, *extra):
            row["fva"] = gain(own, source, "naive")["fva"]
            row["fva_seasonal"] = gain(own, source, "seasonal")["fva"]
            row["step_from"] = "naive" if source in extra else before
            row |= dict(zip(STEP, gain(own, source, str(row["step_from"])).values(), strict=True))
            before = source
        rows.append(row)
    columns = ["level", "source", "is_main", "periods", *MEASURES, "fva", "fva_seasonal", "step_from", *STEP]
    return pd.DataFrame(rows).reindex(columns=columns), lag


def by_horizon(ground: Ground) -> pd.DataFrame:
    """One row a horizon, the furthest first, for the last source of the chain at the main level.

    Columns: horizon_days (before the start; negative within the period), days_before_end (median), n, bias, wape,
    mape, mase, tracking_signal, wape_naive, fva, error_median, error_low, error_high (share of actual; 8 in 10 errors
    lie between the bounds).
    """
    train, lag = ground.before(ground.level)
    table = ground.table.merge(ground.periods, on=["period_start", "period_end"])
    rows = []
    for days in snapshots.horizons(table):
        judged = ground.judged(days)
        judged = judged[(judged["level"] == ground.level) & (judged["source"] == ground.last)]
        wide = ground.wide(ground.level, judged).dropna(subset=["y", ground.last])
        models = [ground.last, *(["naive"] if wide["naive"].notna().any() else [])]
        wide = wide.dropna(subset=models)
        if wide.empty:
            continue
        lead = (judged["period_end"] - judged["snapshot_date"]).dt.days.median()
        row: dict[str, Any] = {"horizon_days": days, "days_before_end": int(lead)}
        found = accuracy(wide, models, train, lag)
        row |= dict(found.loc[ground.last, MEASURES])
        row["wape_naive"] = found["wape"].get("naive", np.nan)
        row["fva"] = row["wape_naive"] - row["wape"]
        error = ((wide[ground.last] - wide["y"]) / wide["y"].where(wide["y"] > 0)).dropna()
        row |= {"error_median": error.median(), "error_low": error.quantile(0.1), "error_high": error.quantile(0.9)}
        rows.append(row)
    return (
        pd.DataFrame(rows)
        .drop_duplicates("days_before_end")
        .sort_values("days_before_end", ascending=False, ignore_index=True)
    )


def course(ground: Ground) -> pd.DataFrame:
    """One row a period and series: month (the period's first day), series (actual, naive, each source of the chain),
    amount: the sums of the main level, over the entities that every series knows."""
    wide = ground.compared(ground.level)
    series = [source for source in ground.chain if source in wide]
    kept = ["naive"] if wide["naive"].notna().any() else []
    sums = wide.groupby("ds")[["y", *series, *kept]].sum().rename(columns={"y": "actual"})
    made = sums.rename_axis("month").reset_index().melt("month", var_name="series", value_name="amount")
    return made.sort_values("month", kind="stable", ignore_index=True)


def committed(ground: Ground) -> pd.DataFrame:
    """One row a period: the forecasts' own commit category against what was sold, where the deals' history is not
    known; columns as :func:`wins.committed`, without what was won of the commitment itself."""
    rows = ground.rows[(ground.rows["level"] == ground.level)].dropna(subset=["commit", "actual"])
    first = next((source for source in ground.chain if (rows["source"] == source).any()), ground.chain[0])
    made = (
        rows[rows["source"] == first]
        .groupby(["period_start", "period_end"], as_index=False)
        .agg(commit_value=("commit", "sum"), won_value=("actual", "sum"))
    )
    made["commit_won"] = made["commit_kept"] = float("nan")
    made["commit_conversion"] = made["won_value"] / made["commit_value"].where(made["commit_value"] > 0)
    return made[
        ["period_start", "period_end", "commit_value", "commit_won", "won_value", "commit_conversion", "commit_kept"]
    ]
