"""What can be compared: forecasts and actual sales of the same entities and periods, on the same scope."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from salespilot.dataset import Dataset
from salespilot.diagnostics.forecast_accuracy import snapshots
from salespilot.diagnostics.forecast_accuracy.actuals import COMPANY, Actuals, actuals, bases
from salespilot.diagnostics.forecast_accuracy.model import Parameters, Thresholds
from salespilot.diagnostics.forecast_accuracy.snapshots import A_YEAR, CHAIN, LEVELS
from salespilot.finding import Reason, absent

LEAST_DIFFERENCES = 3
EARLIER_PERIODS = 60


@dataclass(frozen=True)
class Ground:
    """Forecasts ready to be judged.

    ``table``: every snapshot of the chosen length of periods; ``rows``: the standing forecasts of the periods counted,
    with actual and naive (see :func:`snapshots.judged`); ``future``: those of the periods to come, the latest snapshot
    of each; ``periods``: the periods counted (period_start, period_end); ``chain``: the sources that hand forecasts
    over, in order; ``level``: the lowest that they all share; ``unknown``: standing forecasts without actual.
    """

    table: pd.DataFrame
    rows: pd.DataFrame
    future: pd.DataFrame
    periods: pd.DataFrame
    actual: Actuals
    teams: pd.Series
    kind: str
    chain: tuple[str, ...]
    level: str
    unknown: pd.DataFrame

    @property
    def last(self) -> str:
        """The last source of the chain: the forecast that the company goes by."""
        return self.chain[-1]

    def judged(self, horizon_days: int) -> pd.DataFrame:
        """The forecasts of the periods counted as they stood at another horizon."""
        table = self.table.merge(self.periods, on=["period_start", "period_end"])
        return snapshots.judged(snapshots.standing(table, horizon_days), self.actual, self.teams)

    def wide(self, level: str, rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """One row an entity of a level and period: unique_id, ds, y, a column a source, naive and seasonal.

        The naive forecasts are those known when the last source of the chain was set down.
        """
        frame = self.rows if rows is None else rows
        frame = frame[frame["level"] == level].dropna(subset="actual")
        keys = ["entity_id", "period_start"]
        made = frame.pivot(index=keys, columns="source", values="forecast")
        told = frame.assign(place=frame["source"].map({s: i for i, s in enumerate(self.chain)}).fillna(-1))
        told = told.sort_values("place").drop_duplicates(keys, keep="last").set_index(keys)
        made = made.join(told[["actual", "naive", "seasonal"]]).reset_index()
        return made.rename(columns={"entity_id": "unique_id", "period_start": "ds", "actual": "y"})

    def compared(self, level: str) -> pd.DataFrame:
        """The rows of :meth:`wide` that are compared: the whole chain known, and the naive forecast where any is."""
        wide = self.wide(level)
        wide = wide.dropna(subset=["y", *(source for source in self.chain if source in wide)])
        with_naive = wide.dropna(subset="naive")
        return with_naive if len(with_naive) else wide

    def before(self, level: str) -> tuple[pd.DataFrame, int | None]:
        """The actuals before the first period counted (unique_id, ds, y), and the lag that scales the MASE.

        The lag is a year where the history leaves three differences at least, else one period, else None.
        """
        entities = pd.DataFrame({"unique_id": self.rows.loc[self.rows["level"] == level, "entity_id"].unique()})
        past = snapshots.earlier(self.periods.iloc[0], EARLIER_PERIODS)
        train = entities.merge(past, how="cross")
        levels = pd.Series(level, index=train.index)
        train["y"] = self.actual.of(levels, train["unique_id"], train["period_start"], train["period_end"])
        train = train.rename(columns={"period_start": "ds"})[["unique_id", "ds", "y"]].dropna()
        longest = int(train.groupby("unique_id").size().max()) if len(train) else 0
        lags = [A_YEAR.get(self.kind, 1), 1]
        return train, next((lag for lag in lags if longest >= lag + LEAST_DIFFERENCES), None)


def ground(dataset: Dataset, parameters: Parameters, thresholds: Thresholds) -> Ground | Reason:
    """What forecasts and actuals can be compared, or why none can.

    Invoices stand for actual sales, unless the forecasts are of another order of size and the deals won are not.
    """
    if not dataset.has("forecast_snapshots"):
        return Reason("no_snapshots")
    table = snapshots.announced(dataset)
    kind = parameters.period or (table["kind"].mode()[0] if len(table) else "")
    table = table[table["kind"] == kind]
    if table.empty:
        return Reason("no_such_period")
    teams = dataset.table("reps").set_index("rep_id")["team_id"]
    why: Reason | None = None
    for basis in bases(dataset):
        actual = actuals(dataset, basis)
        if actual is None:
            continue
        found = _on(dataset, table, kind, actual, teams, parameters, thresholds)
        if isinstance(found, Ground):
            return found
        why = why or found
    return why or absent("sales_lines")


def _on(
    dataset: Dataset, table: pd.DataFrame, kind: str, actual: Actuals, teams: pd.Series, parameters: Parameters,
    thresholds: Thresholds,
) -> Ground | Reason:  # fmt: skip
    standing = snapshots.standing(table, parameters.horizon_days)
    if standing.empty:
        return Reason("no_snapshot_so_early", {"days": parameters.horizon_days})
    every = snapshots.judged(standing, actual, teams)
    known = every.dropna(subset="actual")
    closed = known[["period_start", "period_end"]].drop_duplicates().sort_values("period_start", ignore_index=True)
    if closed.empty:
        return Reason("no_closed_period")
    window = dataset.window
    inside = closed["period_start"].ge(pd.Timestamp(window.start)) & closed["period_end"].le(pd.Timestamp(window.end))
    is_enough = inside.sum() >= thresholds.min_periods or not dataset.months
    periods = closed[inside] if is_enough else closed.tail(max(thresholds.usual_periods, int(inside.sum())))
    periods = periods.reset_index(drop=True)
    rows = known.merge(periods, on=["period_start", "period_end"])
    chain, level = _chain(rows)
    compared = rows[(rows["level"] == level) & (rows["source"] == chain[-1])]
    announced, sold = float(compared["forecast"].sum()), float(compared["actual"].sum())
    if sold > 0 and not 1 / thresholds.scope_ratio <= announced / sold <= thresholds.scope_ratio:
        return Reason("scope_mismatch", {"announced": announced, "sold": sold})
    open_periods = table[table["period_end"] > actual.last]
    future = snapshots.judged(snapshots.standing(open_periods, -366), actual, teams)
    unknown = every[every["actual"].isna() & (every["period_end"] <= actual.last)]
    return Ground(table, rows, future, periods, actual, teams, kind, chain, level, unknown)


def _chain(rows: pd.DataFrame) -> tuple[tuple[str, ...], str]:
    """The sources that hand over, and the lowest level that they share (else the one with most of them)."""
    present = {level: set(rows.loc[rows["level"] == level, "source"]) for level in LEVELS}
    seen = set().union(*present.values())
    chain = tuple(source for source in CHAIN if source in seen) or ("statistical",)
    level = next((level for level in LEVELS if set(chain) <= present[level]), None)
    if level is None:
        level = max(LEVELS, key=lambda one: len(present[one] & set(chain)))
        chain = tuple(source for source in chain if source in present[level])
    return chain, level


def scope(ground: Ground) -> pd.DataFrame:
    """What is compared with what: check, row_count, forecast, actual, share (forecast / actual, or part covered).

    compared: all that is judged; covered: actual of those who forecast, against the whole company's; left_out:
    forecasts of closed periods without actual (someone not there all along, sales not known) or nothing to compare to.
    """
    given = ground.rows[(ground.rows["level"] == ground.level) & (ground.rows["source"] == ground.last)]
    main = ground.compared(ground.level)
    announced, sold = main[ground.last].sum(), main["y"].sum()
    periods = ground.periods
    company = pd.Series(COMPANY, index=periods.index)
    whole = ground.actual.of(company, company, periods["period_start"], periods["period_end"]).sum()
    unknown = ground.unknown[(ground.unknown["level"] == ground.level) & (ground.unknown["source"] == ground.last)]
    inside = unknown["period_start"].between(periods["period_start"].min(), periods["period_end"].max())
    table = pd.DataFrame(
        {
            "check": ["compared", "covered", "left_out"],
            "row_count": [len(main), len(main), int(inside.sum()) + len(given) - len(main)],
            "forecast": [announced, None, unknown.loc[inside, "forecast"].sum() + given["forecast"].sum() - announced],
            "actual": [sold, whole, None],
            "share": [announced / sold if sold else None, sold / whole if whole else None, None],
        }
    )
    return table.astype({"forecast": float, "actual": float, "share": float})
