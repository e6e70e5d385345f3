"""The chance that an open deal is won, from what became of the client's own deals seen in the same state."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from salespilot.dataset import Dataset, month_start
from salespilot.deals.history import ENDED, deals, spells
from salespilot.deals.incidence import won_by
from salespilot.inference import shrunk_rates

LOOKBACK_MONTHS = 36
KAPPA = 20.0


def push_band(push_count: pd.Series) -> pd.Series:
    """The number of pushes as a word: 0, 1, 2, 3+ (missing: None)."""
    count = push_count.clip(upper=3)
    return count.map({0.0: "0", 1.0: "1", 2.0: "2", 3.0: "3+"})


def win_probabilities(dataset: Dataset, until: date | None = None) -> pd.DataFrame:
    """The chance of each open deal to be won: ever (as far as the client's history reaches), or by ``until``.

    The client's deals are looked at as they stood at each past month end: in which stage, for how long (quarters of
    the stays seen in it), how often pushed, of which type; and what became of them, open ones being censored. The
    estimate of a stage is drawn towards that of all deals, that of an age band towards its stage, and the number of
    pushes and the type shift it as far as their own record tells: few cases change little. Without history the age
    of the deal stands for stage and stay.

    One row an open deal, sorted by opportunity_id: win_probability, basis (the state used: stage | age band | pushes),
    n (past deals seen in the same stage and age band).
    """
    today, panel = _seen(dataset)
    horizon = float(panel["left_days"].max()) if len(panel) else 0.0
    if until is not None:
        horizon = float((until - dataset.as_of).days)
    return _estimated(today, panel, horizon)


def push_record(dataset: Dataset) -> pd.DataFrame:
    """What became of deals pushed 0, 1, 2, 3+ times, against deals of the same stage and age: one row a number.

    deal_count (past deals seen in that state), observed_share won from then on, expected_share: what the stage and age
    they were in would have given. The win rate by final number of pushes says nothing: only a deal that lives long
    gets pushed often. Empty where no deal was ever won.
    """
    _, panel = _seen(dataset)
    columns = ["pushes", "deal_count", "observed_share", "expected_share"]
    if not panel["status"].eq("won").any():
        return pd.DataFrame(columns=columns)
    horizon = float(panel["left_days"].max())
    expected = _share(_started(panel, horizon)(panel))
    rows = []
    for word, places in panel.groupby(push_band(panel["push_count"])).indices.items():
        seen = panel.iloc[places]
        rows.append((word, seen["opportunity_id"].nunique(), _won(seen, horizon), float(expected[places].mean())))
    return pd.DataFrame(rows, columns=columns)


def _seen(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The open deals, and the deals as they stood at past month ends, each in its stage and age band."""
    everyone = deals(dataset)
    today = everyone[everyone["status"] == "open"].copy()
    stays = spells(dataset)
    panel = _panel(dataset, everyone, stays)
    today["age"] = today["stage_age_days"].fillna(today["age_days"])
    today["stage"] = today["stage_code"].fillna("") if len(stays) else ""
    cuts = pd.DataFrame()
    if len(panel):
        cuts = panel.groupby("stage")["age"].quantile(np.array([0.25, 0.5, 0.75])).unstack()
    today["age_band"], panel["age_band"] = _banded(today, cuts), _banded(panel, cuts)
    return today, panel


def _panel(dataset: Dataset, everyone: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """One row a deal and past month end at which it was open.

    Columns: opportunity_id, status, type, left_days (to its closing, or to as_of), age (days in its stage), stage,
    push_count (so far). Deals whose stage that day is unknown are left out, unless no stage is.
    """
    as_of = pd.Timestamp(dataset.as_of)
    known = everyone[everyone["created_date"].notna() & everyone["status"].isin([*ENDED, "open"])]
    known = known[(known["status"] == "open") | known["closed_date"].notna()]
    months = [pd.Timestamp(month_start(dataset.as_of, -k)) for k in range(LOOKBACK_MONTHS - 1, -1, -1)]
    ends = pd.DatetimeIndex(months) - pd.Timedelta(days=1)
    closed = known["closed_date"].where(known["status"] != "open", as_of)
    row = _at_each(ends, known["created_date"], known["closed_date"].where(known["status"] != "open"))
    panel = known[["opportunity_id", "status", "type", "created_date"]].iloc[row["place"]].reset_index(drop=True)
    panel["end"] = ends[row["turn"]]
    panel["left_days"] = (closed.iloc[row["place"]].reset_index(drop=True) - panel["end"]).dt.days.astype(float)
    panel["stage"], since = "", panel.pop("created_date")
    if len(stays):
        there = _at_each(ends, stays["entered"].dt.normalize(), stays["exited"].dt.normalize())
        then = stays[["opportunity_id", "stage_code", "entered"]].iloc[there["place"]].assign(end=ends[there["turn"]])
        then = then.drop_duplicates(["opportunity_id", "end"], keep="last")
        panel = panel.drop(columns="stage").merge(then, on=["opportunity_id", "end"])
        panel = panel.rename(columns={"stage_code": "stage"})
        since = panel.pop("entered").dt.normalize()
    panel["age"] = (panel["end"] - since).dt.days.astype(float)
    panel["push_count"] = _pushed(dataset, panel)
    return panel[["opportunity_id", "status", "type", "left_days", "age", "stage", "push_count"]]


def _at_each(ends: pd.DatetimeIndex, since: pd.Series, until: pd.Series) -> pd.DataFrame:
    """One row a lifetime (from the day ``since`` to the eve of ``until``) and day of ``ends`` in it: place, turn."""
    first = ends.searchsorted(since.to_numpy(), side="left")
    last = np.where(until.isna(), len(ends), ends.searchsorted(until.to_numpy(), side="left"))
    count = np.clip(last - first, 0, None)
    place = np.repeat(np.arange(len(since)), count)
    turn = np.arange(len(place)) - np.repeat(np.cumsum(count) - count - first, count)
    return pd.DataFrame({"place": place, "turn": turn})


def _pushed(dataset: Dataset, panel: pd.DataFrame) -> pd.Series:
    """How often each deal of the panel had been pushed by the day it is seen."""
    pushes = dataset.sql(
        "select opportunity_id, event_ts::date as day, count(*) as pushed from opportunity_events "
        "where field = 'close_date' and try_cast(new_value as date) > try_cast(old_value as date) "
        "group by all order by day"
    )
    pushes["so_far"] = pushes.groupby("opportunity_id")["pushed"].cumsum().astype(float)
    pushes = pushes.astype({"day": panel["end"].dtype, "opportunity_id": panel["opportunity_id"].dtype})
    seen = panel[["opportunity_id", "end"]].reset_index().sort_values("end", kind="stable")
    found = pd.merge_asof(seen, pushes.rename(columns={"day": "end"}), on="end", by="opportunity_id")
    return found.set_index("index")["so_far"].reindex(panel.index).fillna(0.0)


def _banded(frame: pd.DataFrame, cuts: pd.DataFrame) -> pd.Series:
    """The quarter of the stays of its stage that a deal is in, 1 to 4; 0 where its age is unknown."""
    if frame.empty or cuts.empty:
        return pd.Series(0, index=frame.index, dtype=int)
    limits = cuts.reindex(frame["stage"]).to_numpy(dtype=float)
    band = 1 + (frame["age"].to_numpy(dtype=float)[:, None] > limits).sum(axis=1)
    known = frame["age"].notna().to_numpy() & np.isfinite(limits).all(axis=1)
    return pd.Series(np.where(known, band, 0), index=frame.index)


def _estimated(today: pd.DataFrame, panel: pd.DataFrame, horizon: float) -> pd.DataFrame:
    answer = today[["opportunity_id"]].reset_index(drop=True)
    if not panel["status"].eq("won").any():
        return answer.assign(win_probability=np.nan, basis="", n=0)
    start = _started(panel, horizon)
    now, then = start(today), start(panel)
    panel["pushes"], today["pushes"] = push_band(panel["push_count"]), push_band(today["push_count"])
    for factor in ("pushes", "type"):
        shift = {}
        for word, places in panel.groupby(factor).indices.items():
            rows, expected = panel.iloc[places], float(_share(then[places]).mean())
            n = rows["opportunity_id"].nunique()
            drawn = (n * _won(rows, horizon) + KAPPA * expected) / (n + KAPPA)
            shift[word] = float((_logit(np.array([drawn])) - _logit(np.array([expected])))[0])
        now = now + today[factor].map(shift).fillna(0.0).to_numpy(dtype=float)
        then = then + panel[factor].map(shift).fillna(0.0).to_numpy(dtype=float)
    size = panel.groupby(["stage", "age_band"])["opportunity_id"].nunique().to_dict()
    counts = [size.get(key, 0) for key in zip(today["stage"], today["age_band"], strict=True)]
    said = today["stage"] + "|" + today["age_band"].astype(str) + "|" + today["pushes"].fillna("").astype(str)
    return answer.assign(win_probability=_share(now), basis=said.to_numpy(), n=np.array(counts, dtype=int))


def _started(panel: pd.DataFrame, horizon: float) -> Callable[[pd.DataFrame], np.ndarray]:
    """What the stage and the age band of a deal give, as a logit: a function of frames with both columns."""
    overall = _won(panel, horizon)
    stages = _rates(panel, "stage", horizon, overall)
    bands = pd.Series(
        {
            (stage, band): rate
            for stage, rows in panel.groupby("stage")
            for band, rate in _rates(rows, "age_band", horizon, stages[stage]).items()
        }
    )

    def start(frame: pd.DataFrame) -> np.ndarray:
        found = bands.reindex(pd.MultiIndex.from_frame(frame[["stage", "age_band"]])).to_numpy(dtype=float)
        general = frame["stage"].map(stages).fillna(overall).to_numpy(dtype=float)
        return _logit(np.where(np.isnan(found), general, found))

    return start


def _won(rows: pd.DataFrame, horizon: float) -> float:
    return won_by(rows["left_days"], rows["status"], horizon)


def _rates(panel: pd.DataFrame, by: str, horizon: float, centre: float) -> dict[Hashable, float]:
    """The share won by the horizon of each group of one column, drawn towards ``centre`` as far as its size calls."""
    groups, told = panel.groupby(by), panel[["left_days", "status"]]
    n = groups["opportunity_id"].nunique().astype(float)
    won = np.array([_won(told.iloc[groups.indices[name]], horizon) for name in n.index])
    return dict(zip(n.index, shrunk_rates(won * n.to_numpy(), n.to_numpy(), centre=centre), strict=True))


def _logit(share: np.ndarray) -> np.ndarray:
    inside = np.clip(share, 0.002, 0.998)
    return np.log(inside / (1 - inside))


def _share(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def landing_draws(amount: ArrayLike, probability: ArrayLike, draws: int = 10_000, seed: int = 20) -> np.ndarray:
    """What the open deals may bring in all: one total a draw, each deal won or not on its own (method, F8).

    Independent deals: a common cause (a budget frozen everywhere) widens the true spread.
    """
    money, chance = np.asarray(amount, dtype=float), np.asarray(probability, dtype=float)
    generator = np.random.default_rng(seed)
    total = np.zeros(draws)
    for value, p in zip(money, chance, strict=True):
        total += value * (generator.random(draws) < p)
    return total
