"""Which lever explains each gap: revenue as a product of levers, compared with the peers and with last year.

Every decomposition is additive to the cent: logarithmic means (LMDI) for the levers that multiply, plain differences
for what is set apart (giant orders, credit notes). A lever is a *signal* when its interval, drawn from the months of
the period and shrunk towards the peers, excludes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window
from salespilot.deals import deals
from salespilot.diagnostics.activity_productivity import sales
from salespilot.diagnostics.activity_productivity.chain import QUOTES
from salespilot.diagnostics.activity_productivity.model import NotComputable, Thresholds
from salespilot.diagnostics.activity_productivity.team import EVERYONE, compared
from salespilot.finding import Reason, absent
from salespilot.inference import lmdi
from salespilot.marts import FACE_TO_FACE
from salespilot.periods import worked_days

ADDITIVE = ("giant_orders", "credit_notes")
STEERED = ("visits_per_day", "orders_per_visit", "orders_per_day", "average_order", "deals_per_day", "win_rate")
"""Levers that somebody may act on; days of presence and the portfolio handed over are nobody's fault."""
QUADRANTS = (("visits_per_day", "orders_per_visit", "average_order"), ("deals_per_day", "win_rate", "average_won"))
"""The lever of volume, then those of quality: of invoices and of deals."""


def revenue_months(dataset: Dataset, window: Window, classes: pd.Series, thresholds: Thresholds) -> pd.DataFrame:
    """What each salesperson was credited with, month by month and by class of customer.

    rep_id, month_index, abc_class, order_count and order_value (giant orders apart), giant_orders, credit_notes.
    """
    if dataset.sales_basis is None:
        raise NotComputable(absent("sales_lines"))
    bought = sales.credited(dataset, sales.orders(dataset, window), ["order_count", "order_value"])
    big = sales.giants(dataset, window, thresholds.giant_times, thresholds.giant_share)
    big = sales.credited(dataset, big, ["order_count", "order_value"])
    lost = sales.credited(dataset, sales.credits(dataset, window), ["credit_value"])
    big = big.assign(giant_orders=big["order_value"], order_count=-big["order_count"], order_value=-big["order_value"])
    parts = [bought, big, lost.rename(columns={"credit_value": "credit_notes"})]
    table = pd.concat([part for part in parts if len(part)] or [bought], ignore_index=True)
    table = table.reindex(columns=["rep_id", "customer_id", "month_index", "order_count", "order_value", *ADDITIVE])
    table["abc_class"] = table["customer_id"].map(classes).fillna("new") if len(classes) else EVERYONE
    sums = ["order_count", "order_value", *ADDITIVE]
    return table.groupby(["rep_id", "month_index", "abc_class"])[sums].sum().reset_index()


def visit_months(dataset: Dataset, window: Window) -> pd.DataFrame:
    """Face-to-face visits done: rep_id, month_index, visits."""
    kinds = ", ".join(f"'{kind}'" for kind in FACE_TO_FACE)
    return dataset.sql(
        f"""
        select rep_id, year(done_date) * 12 + month(done_date) as month_index, count(*) as visits from activities
        where type in ({kinds}) and coalesce(status, 'done') = 'done'
            and done_date between date '{window.start}' and date '{window.end}'
        group by 1, 2 order by 1, 2
        """
    )


def invoiced(dataset: Dataset, team: pd.DataFrame, months: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Gap of each salesperson in revenue: days × visits a day × orders a visit × average order, in long form.

    The average order is read at the same mix of customers; the mix itself is the lever ``portfolio``. Where visits are
    not known (no activities, or a salesperson who does not log), orders a day replace visits and orders a visit.
    ``months``: the :func:`revenue_months` of the window.
    """
    visits = visit_months(dataset, dataset.window)
    worked = worked_days(dataset, dataset.window)[["rep_id", "month_index", "worked_days"]]
    sums = ["order_count", "order_value", *ADDITIVE]
    table = worked.merge(visits, on=["rep_id", "month_index"], how="outer")
    table = table.merge(
        months.groupby(["rep_id", "month_index"])[sums].sum().reset_index(), on=["rep_id", "month_index"], how="outer"
    )
    table = table.fillna(dict.fromkeys([*sums, "visits", "worked_days"], 0.0))
    mix = months.groupby(["rep_id", "abc_class"])[["order_count", "order_value"]].sum().reset_index()
    parts = []
    for role, own in team.groupby("peers"):
        free = own.index[compared(own)]
        logged = bool(table.loc[table["rep_id"].isin(free), "visits"].sum() > 0)
        free = free if logged else own.index[compared(own, with_silent=True)]
        shown = own.index[compared(own, with_silent=True)]
        if len(free) < thresholds.peers_min or role is None:
            continue
        expected = _expected(mix, free, "order_value", "order_count", "abc_class")
        for chosen, with_visits in ((free, logged), (shown.difference(free), False)):
            levers: tuple[tuple[str, str, str], ...] = (("orders_per_day", "order_count", "worked_days"),)
            if with_visits:
                levers = (("visits_per_day", "visits", "worked_days"), ("orders_per_visit", "order_count", "visits"))
            parts.append(
                _against(table, free, chosen, levers, ("average_order", "order_value", "order_count"), expected,
                         thresholds).assign(basis="invoiced", peers=role)
            )  # fmt: skip
    if not parts:
        raise NotComputable(Reason("no_peers"))
    return pd.concat(parts, ignore_index=True)


def won(dataset: Dataset, team: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Gap of each salesperson in business won: days × deals closed a day × win rate × average deal won.

    The win rate is read at the same mix of kinds and sources of deals; the mix is the lever ``portfolio``. Quotes
    decided stand in for deals that were not exported.
    """
    closed = _closed(dataset)
    worked = worked_days(dataset, dataset.window)[["rep_id", "month_index", "worked_days"]]
    by_month = closed.groupby(["rep_id", "month_index"])[["closed", "won", "won_value"]].sum().reset_index()
    table = worked.merge(by_month, on=["rep_id", "month_index"], how="outer")
    table = table.fillna(dict.fromkeys(["worked_days", "closed", "won", "won_value"], 0.0))
    mix = closed.groupby(["rep_id", "segment"])[["closed", "won"]].sum().reset_index()
    parts = []
    for role, own in team.groupby("peers"):
        free = own.index[compared(own, with_silent=True)]
        if len(free) < thresholds.peers_min:
            continue
        expected = _expected(mix, free, "won", "closed", "segment")
        levers = (("deals_per_day", "closed", "worked_days"),)
        last = ("average_won", "won_value", "won")
        found = _against(table, free, free, levers, ("win_rate", "won", "closed"), expected, thresholds, last)
        parts.append(found.assign(basis="won", peers=role))
    if not parts:
        raise NotComputable(Reason("no_peers"))
    return pd.concat(parts, ignore_index=True)


def _closed(dataset: Dataset) -> pd.DataFrame:
    """Deals (else quotes) decided in the window: rep_id, month_index, segment, closed, won, won_value; shared ones by
    share of the value."""
    if dataset.has("opportunities"):
        table = deals(dataset)
        table = table[table["status"].isin(["won", "lost", "cancelled"]) & ~table["is_cleanup"]]
        table = table.assign(is_won=table["status"] == "won", day=table["closed_date"])
    elif dataset.has("quotes"):
        table = dataset.sql(QUOTES)
        table["day"] = pd.to_datetime(table["decided_date"])
        table = table[table["status"].isin(["accepted", "refused", "expired"])]
        table = table.assign(is_won=table["status"] == "accepted", type=None, source=None)
    else:
        raise NotComputable(Reason("no_quote_no_deal"))
    start, end = pd.Timestamp(dataset.window.start), pd.Timestamp(dataset.window.end)
    table = table[table["day"].between(start, end)].reset_index(drop=True)
    if not table["is_won"].any():
        raise NotComputable(Reason("no_deal_won"))
    table["segment"] = table["type"].fillna("?").astype(str) + "|" + table["source"].fillna("?").astype(str)
    table["month_index"] = table["day"].dt.year * 12 + table["day"].dt.month
    table["closed"], table["won"] = 1.0, table["is_won"].astype(float)
    table["won_value"] = table["amount"].fillna(0.0) * table["won"]
    keys = ["rep_id", "customer_id", "month_index", "segment"]
    counts = table.groupby(keys, dropna=False)[["closed", "won", "won_value"]].sum().reset_index()
    return sales.credited(dataset, counts, ["closed", "won", "won_value"], by=("segment",))


def _expected(mix: pd.DataFrame, peers: pd.Index, over: str, under: str, by: str) -> pd.Series:
    """By salesperson: the ratio ``over`` / ``under`` that the peers' ratios give on its own mix."""
    theirs = mix[mix["rep_id"].isin(peers)].groupby(by)[[over, under]].sum()
    overall = theirs[over].sum() / theirs[under].sum() if theirs[under].sum() else np.nan
    ratio = (theirs[over] / theirs[under].where(theirs[under] > 0)).reindex(mix[by].unique()).fillna(overall)
    weighted = mix[under] * mix[by].map(ratio)
    total = mix.groupby("rep_id")[under].sum()
    return weighted.groupby(mix["rep_id"]).sum() / total.where(total > 0)


Lever = tuple[str, str, str]


def _against(
    table: pd.DataFrame,
    peers: pd.Index,
    chosen: pd.Index,
    levers: Sequence[Lever],
    mixed: Lever,
    expected: pd.Series,
    thresholds: Thresholds,
    last: Lever | None = None,
) -> pd.DataFrame:
    """Long form: one row a salesperson of ``chosen`` and lever: value, reference, contribution, is_signal, with the
    salesperson's revenue, reference_revenue and gap.

    ``levers`` and ``last`` are (name, numerator, denominator); ``mixed`` is the lever read at the expected ratio of the
    mix. Everyone is set against the mean of the ``peers``.
    """
    additive = [name for name in ADDITIVE if name in table]
    measures = ["worked_days", *dict.fromkeys(c for lever in [*levers, mixed, *([last] if last else [])]
                                              for c in lever[1:])]  # fmt: skip
    measures = list(dict.fromkeys([*measures, *additive]))
    sums = table.groupby("rep_id")[measures].sum()
    reference = sums.reindex(peers).fillna(0.0).mean()
    own = sums.reindex(chosen).fillna(0.0)
    own = own[own["worked_days"] > 0]
    if own.empty:
        return pd.DataFrame()
    named = [*levers, *([mixed, last] if last else [mixed])]
    factors: dict[str, np.ndarray] = {"days": own["worked_days"].to_numpy()}
    level: dict[str, float] = {"days": float(reference["worked_days"])}
    for name, over, under in named:
        level[name] = _ratio(reference[over], reference[under])
        value = (own[over] / own[under].where(own[under] > 0)).fillna(0.0 if not own[over].any() else np.nan)
        # Nothing to divide by: the zero is upstream, this lever is that of the peers.
        factors[name] = value.where(own[under] > 0, level[name]).to_numpy()
        if name == mixed[0]:
            usual = expected.reindex(own.index).fillna(level[name]).clip(lower=0)
            usual = usual.where(usual > 0, level[name])
            factors["portfolio"], level["portfolio"] = usual.to_numpy(), level[name]
            factors[name], level[name] = factors[name] / usual.to_numpy(), 1.0
    order = ["days", *(lever[0] for lever in levers), "portfolio", *(lever[0] for lever in named[len(levers) :])]
    parts = lmdi(np.column_stack([factors[name] for name in order]), np.array([level[name] for name in order]))
    signal = _signals(table, own.index, peers, named, level, expected, mixed[0], thresholds)
    money = last[1] if last else mixed[1]
    revenue = own[money] + own[additive].sum(axis=1)
    rows: list[dict[str, Any]] = []
    about = float(reference[money] + reference[additive].sum())
    for place, rep in enumerate(own.index):
        head = {"rep_id": rep, "revenue": revenue[rep], "reference_revenue": about, "gap": revenue[rep] - about}
        rows += [
            head | {"lever": name, "value": factors[name][place], "reference": level[name],
                    "contribution": parts[place, k], "is_signal": bool(signal.get((rep, name), False))}
            for k, name in enumerate(order)
        ]  # fmt: skip
        rows += [
            head | {"lever": name, "value": own[name][rep], "reference": reference[name],
                    "contribution": own[name][rep] - reference[name], "is_signal": False}
            for name in additive
        ]  # fmt: skip
    found = pd.DataFrame(rows)
    # Readers know an average order in money, not as a multiple of what the mix gives.
    is_mixed = found["lever"] == mixed[0]
    mean = found["rep_id"].map((own[mixed[1]] / own[mixed[2]].where(own[mixed[2]] > 0)).astype(float))
    found["value"] = found["value"].where(~is_mixed, mean)
    found["reference"] = found["reference"].where(~is_mixed, _ratio(reference[mixed[1]], reference[mixed[2]]))
    return found


def _ratio(over: float, under: float) -> float:
    return float(over / under) if under else 0.0


def _signals(
    table: pd.DataFrame,
    chosen: pd.Index,
    peers: pd.Index,
    named: Sequence[Lever],
    level: dict[str, float],
    expected: pd.Series,
    mixed: str,
    thresholds: Thresholds,
) -> dict[tuple[str, str], bool]:
    """Whether each lever of each salesperson is a signal.

    The log gap of a lever and its error (jackknife over the months) are drawn towards the peers, whose own spread says
    how much; the interval of ``signal_interval_share`` must exclude zero.
    """
    reach = NormalDist().inv_cdf(0.5 + thresholds.signal_interval_share / 2)
    answers: dict[tuple[str, str], bool] = {}
    everyone = chosen.union(peers)
    for name, over, under in named:
        wide = table[table["rep_id"].isin(everyone)].pivot_table(
            [over, under], "rep_id", "month_index", aggfunc="sum", fill_value=0.0
        )
        top, bottom = wide[over].to_numpy(dtype=float), wide[under].to_numpy(dtype=float)
        count = len(wide[over].columns)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.log(top.sum(axis=1) / bottom.sum(axis=1))
            without = np.log((top.sum(axis=1)[:, None] - top) / (bottom.sum(axis=1)[:, None] - bottom))
            usual = expected.reindex(wide.index).to_numpy(dtype=float) if name == mixed else np.array(level[name])
            far = gap - np.log(usual)
            error2 = (count - 1) / count * ((without - without.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        far[~np.isfinite(far) | ~np.isfinite(error2)] = np.nan
        among = wide.index.isin(peers) & np.isfinite(far)
        spread2 = max(float(np.mean(far[among] ** 2 - error2[among])), 0.0) if among.any() else 0.0
        if spread2 == 0:
            continue
        weight = spread2 / (spread2 + error2)
        stands = np.abs(far) * weight > reach * np.sqrt(weight * error2)
        answers |= {(rep, name): bool(flag) for rep, flag in zip(wide.index, stands, strict=True)}
    return answers


def summary(levers: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """One row a salesperson and basis: revenue, reference_revenue, gap, and the first lever that pulls it down.

    ``lever`` and ``contribution``: of the levers that can be acted on, the most negative one; ``is_signal`` says
    whether it stands, and weighs at least ``gap_min_share`` of the peers' revenue. "none" where none is negative.
    """
    keys = ["rep_id", "basis"]
    table = levers.drop_duplicates(keys)[[*keys, "peers", "revenue", "reference_revenue", "gap"]]
    pulled = levers[levers["lever"].isin([*STEERED, "average_won"]) & (levers["contribution"] < 0)]
    worst = pulled.sort_values("contribution", kind="stable").drop_duplicates(keys)
    columns = [*keys, "lever", "contribution", "value", "reference", "is_signal"]
    table = table.merge(worst[columns], on=keys, how="left")
    weighs = table["contribution"].abs() >= thresholds.gap_min_share * table["reference_revenue"]
    table["is_signal"] = table["is_signal"].fillna(False).astype(bool) & weighs
    table["lever"] = table["lever"].astype(object).where(table["lever"].notna(), "none")
    return table.sort_values(["basis", "gap", "rep_id"], ignore_index=True)


def volume_quality(levers: pd.DataFrame) -> pd.DataFrame | None:
    """One row a salesperson: ``volume_index``, actions a day worked over the peers', and ``quality_index``, what each
    brings over what it brings the peers at an equal portfolio; of visits and invoices where known, else of deals."""
    values = levers.assign(ratio=levers["value"] / levers["reference"].where(levers["reference"] != 0))
    for volume, *quality in QUADRANTS:
        own = values[values["lever"].isin([volume, *quality, "portfolio"])]
        table = own.pivot_table("ratio", ["basis", "rep_id", "name"], "lever").reset_index()
        if {volume, *quality} <= set(table):
            table = table.dropna(subset=[volume, *quality]).sort_values("name", ignore_index=True)
            index = table[quality].prod(axis=1) / table["portfolio"]
            table = table.assign(volume_index=table[volume], quality_index=index)
            return table[["rep_id", "name", "volume_index", "quality_index"]]
    return None


def company(dataset: Dataset, team: pd.DataFrame, months: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """From the previous period's revenue to this one's: step (previous, levers, current), amount; exactly additive.

    Salespeople who do not log now are a step of their own: their visits would fall and their orders a visit soar.
    """
    if dataset.previous is None:
        raise NotComputable(Reason("no_previous_period"))
    silent = set(team.index[team["is_silent"]])
    before = revenue_months(dataset, dataset.previous, pd.Series(dtype=object), thresholds)
    now, then = _company(dataset, dataset.window, silent, months), _company(dataset, dataset.previous, silent, before)
    levers = ["visits_per_day", "orders_per_visit"] if now["visits"] > 0 and then["visits"] > 0 else ["orders_per_day"]
    names = ["days", *levers, "average_order"]
    ratio = {
        "days": ("worked_days", None), "visits_per_day": ("visits", "worked_days"),
        "orders_per_visit": ("order_count", "visits"), "orders_per_day": ("order_count", "worked_days"),
        "average_order": ("order_value", "order_count"),
    }  # fmt: skip

    def factor(values: pd.Series, name: str) -> float:
        over, under = ratio[name]
        return float(values[over]) if under is None else _ratio(values[over], values[under])

    parts = lmdi([factor(now, name) for name in names], [factor(then, name) for name in names])
    rest = ["silent_reps", "unattributed", *ADDITIVE]
    rows = [("previous", float(then["total"])), *zip(names, parts.tolist(), strict=True)]
    rows += [(name, float(now[name] - then[name])) for name in rest if now[name] or then[name]]
    return pd.DataFrame([*rows, ("current", float(now["total"]))], columns=["step", "amount"])


def _company(dataset: Dataset, window: Window, silent: set[str], months: pd.DataFrame) -> pd.Series:
    total = dataset.mart("customer_sales", window)["net_revenue"].sum()
    is_silent = months["rep_id"].isin(silent)
    sums = months.loc[~is_silent, ["order_count", "order_value", *ADDITIVE]].sum()
    apart = float(months.loc[is_silent, ["order_value", *ADDITIVE]].sum().sum())
    values = dict(sums.astype(float)) | {"silent_reps": apart, "total": float(total)}
    values["unattributed"] = float(total) - float(sums[["order_value", *ADDITIVE]].sum()) - apart
    if abs(values["unattributed"]) < 0.005:
        values["unattributed"] = 0.0
    visits = visit_months(dataset, window)
    worked = worked_days(dataset, window)
    values["visits"] = float(visits.loc[~visits["rep_id"].isin(silent), "visits"].sum())
    values["worked_days"] = float(worked.loc[~worked["rep_id"].isin(silent), "worked_days"].sum())
    return pd.Series(values)
