"""The chance that an open deal is won, from what became of the client's own deals seen in the same state."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from salespilot.dataset import Dataset, month_start
from salespilot.deals.history import ENDED, deals, spells
from salespilot.deals.incidence import cumulative_incidence, incidence_at
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
    """One row a deal and past month end at which it was open: stage, age, push_band, type, outcome, left_days."""
    as_of = pd.Timestamp(dataset.as_of)
    known = everyone[everyone["created_date"].notna() & everyone["status"].isin([*ENDED, "open"])]
    known = known[(known["status"] == "open") | known["closed_date"].notna()]
    ends = [pd.Timestamp(month_start(dataset.as_of, -k)) - pd.Timedelta(days=1) for k in range(LOOKBACK_MONTHS)]
    pushes = dataset.sql(
        "select opportunity_id, event_ts::date as day from opportunity_events where field = 'close_date' "
        "and try_cast(new_value as date) > try_cast(old_value as date)"
    )
    pushes["day"] = pd.to_datetime(pushes["day"])
    parts = []
    for end in ends:
        alive = known[(known["created_date"] <= end) & ((known["status"] == "open") | (known["closed_date"] > end))]
        if alive.empty:
            continue
        row = alive[["opportunity_id", "status", "type"]].copy()
        row["left_days"] = (alive["closed_date"].where(alive["status"] != "open", as_of) - end).dt.days.astype(float)
        row["age"] = (end - alive["created_date"]).dt.days.astype(float)
        row["stage"] = ""
        if len(stays):
            then = stays[(stays["entered"] < end + pd.Timedelta(days=1))]
            then = then[then["exited"].isna() | (then["exited"] >= end + pd.Timedelta(days=1))]
            then = then.drop_duplicates("opportunity_id", keep="last").set_index("opportunity_id")
            row = row[row["opportunity_id"].isin(then.index)]
            there = then.loc[row["opportunity_id"]]
            row["stage"] = there["stage_code"].to_numpy()
            row["age"] = (end - there["entered"].dt.normalize()).dt.days.to_numpy(dtype=float)
        counted = pushes[pushes["day"] <= end].groupby("opportunity_id").size()
        row["push_count"] = row["opportunity_id"].map(counted).fillna(0.0).astype(float)
        parts.append(row)
    columns = ["opportunity_id", "status", "type", "left_days", "age", "stage", "push_count"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


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
    bands = {
        (stage, band): rate
        for stage, rows in panel.groupby("stage")
        for band, rate in _rates(rows, "age_band", horizon, stages[stage]).items()
    }

    def start(frame: pd.DataFrame) -> np.ndarray:
        keys = zip(frame["stage"], frame["age_band"], strict=True)
        return _logit(np.array([bands.get(key, stages.get(key[0], overall)) for key in keys], dtype=float))

    return start


def _won(rows: pd.DataFrame, horizon: float) -> float:
    curve = cumulative_incidence(rows["left_days"], rows["status"])
    return float(incidence_at(curve, horizon)["won"])


def _rates(panel: pd.DataFrame, by: str, horizon: float, centre: float) -> dict[Hashable, float]:
    """The share won by the horizon of each group of one column, drawn towards ``centre`` as far as its size calls."""
    groups: dict[Hashable, pd.DataFrame] = dict(list(panel.groupby(by)))
    n = np.array([rows["opportunity_id"].nunique() for rows in groups.values()], dtype=float)
    won = np.array([_won(rows, horizon) for rows in groups.values()])
    return dict(zip(groups, shrunk_rates(won * n, n, centre=centre), strict=True))


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
