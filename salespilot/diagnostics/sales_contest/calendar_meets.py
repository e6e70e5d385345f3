"""What of the calendar meets a contest, and whether the figure that it scores is well kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from salespilot.dataset import Dataset, Window, month_start
from salespilot.diagnostics.sales_contest.choice import Contest
from salespilot.diagnostics.sales_contest.ledger import Ledger, worked_between
from salespilot.diagnostics.sales_contest.model import Thresholds
from salespilot.periods import period_of

PEAK = 1.10
ABSENCE = 0.10
SELLS, LOGS = 0.5, 1 / 3
DAY = timedelta(days=1)


def clashes(dataset: Dataset, contest: Contest, others: Sequence[Contest], sold: Ledger) -> pd.DataFrame:
    """One row a thing that meets the contest: clash, date, share, is_problem.

    ``clash``: quarter_end or year_end (bonuses fall due), target_end, other_contest, high_season (``share``: sales a
    working day then over the year's, last time), absences (share of working days), change (an intervention).
    """
    rows: list[tuple[str, date | None, float | None, bool]] = []
    for kind, name in (("quarter", "quarter_end"), ("year", "year_end")):
        end = period_of(dataset, contest.start, kind).end
        if end <= contest.end:
            rows.append((name, end, None, True))
    targets = dataset.table("targets")
    ends = targets.loc[(targets["entity_level"] == "rep") & _inside(targets["period_end"], contest), "period_end"]
    days = ends - targets.loc[ends.index, "period_start"]
    long = ends[days.dt.days > 45]
    if len(long):
        rows.append(("target_end", long.min().date(), None, True))
    rows += [
        ("other_contest", max(o.start, contest.start), None, True)
        for o in others
        if o.overlap(contest.start, contest.end)
    ]
    season = _season(sold, contest)
    if season is not None and not PEAK > season > 1 / PEAK:
        rows.append(("high_season" if season > 1 else "low_season", contest.start, season - 1, season > 1))
    away = _absences(dataset, contest)
    if away is not None and away > ABSENCE:
        rows.append(("absences", contest.start, away, True))
    changes = dataset.table("interventions")
    for change in changes[_inside(changes["date"], contest)].to_dict("records"):
        if (change["date"].date() - contest.start).days != 0:  # the contest itself, as a register of changes notes it
            rows.append(("change", change["date"].date(), None, True))
    frame = pd.DataFrame(rows, columns=["clash", "date", "share", "is_problem"])
    return frame.assign(date=pd.to_datetime(frame["date"]), share=frame["share"].astype(float))


def season(sold: Ledger, known: Sequence[Contest]) -> pd.DataFrame:
    """One row a month of the last years and of the contests: year, calendar_month (m01 to m12), pace_index (sales a
    working day over the mean of the months shown; missing for months not whole or to come), has_contest.
    """
    end = max([sold.last, *(contest.end for contest in known)])
    months = pd.period_range(max(sold.first, sold.last - 3 * 365 * DAY), end, freq="M")
    frame = pd.DataFrame({"year": months.year, "calendar_month": [f"m{month:02d}" for month in months.month]})
    spans = [(month.start_time.date(), month.end_time.date()) for month in months]
    pace = pd.Series([_pace(sold, *span) if sold.holds(*span) else np.nan for span in spans], dtype=float)
    frame["pace_index"] = pace / pace.mean() if pace.mean() > 0 else np.nan
    frame["has_contest"] = [any(contest.overlap(*span) for contest in known) for span in spans]
    order = frame["calendar_month"].drop_duplicates().sort_values()  # the columns come in the order of the year
    blank = pd.DataFrame({"year": months.year.min(), "calendar_month": order, "has_contest": False})
    whole = pd.concat([frame, blank]).drop_duplicates(["year", "calendar_month"])
    return whole.sort_values(["year", "calendar_month"], ignore_index=True)


def _inside(days: pd.Series, contest: Contest) -> pd.Series:
    return (days >= pd.Timestamp(contest.start)) & (days <= pd.Timestamp(contest.end))


def _season(sold: Ledger, contest: Contest) -> float | None:
    """Sales a working day on the contest's dates over those of the twelve months around, the year before."""
    for years in (1, 2):
        start, end = contest.start - years * 365 * DAY, contest.end - years * 365 * DAY
        first, last = start - 182 * DAY, start + 182 * DAY
        if sold.holds(first, min(last, sold.last)) and end <= sold.last and (sold.last - first).days >= 364:
            inside, year = _pace(sold, start, end), _pace(sold, first, first + 364 * DAY)
            return inside / year if year > 0 else None
    return None


def _pace(sold: Ledger, start: date, end: date) -> float:
    days = sold.worked[sold.place(end + DAY)] - sold.worked[sold.place(start)]
    return float(sold.between(start, end).sum() / max(days, 1))


def _absences(dataset: Dataset, contest: Contest) -> float | None:
    months = dataset.table("rep_capacity")
    known = months[
        (months["month"] >= pd.Timestamp(month_start(contest.start))) & (months["month"] <= pd.Timestamp(contest.end))
    ]
    known = known.dropna(subset=["working_days", "absence_days"])
    whole = float(known["working_days"].sum())
    return float(known["absence_days"].sum()) / whole if whole > 0 else None


def capture(dataset: Dataset, contest: Contest, sold: Ledger, thresholds: Thresholds) -> pd.DataFrame:
    """One row a doubt about the measure scored, over the last 12 months: doubt, share, limit, is_problem."""
    start = month_start(dataset.window.end, -11)
    window = Window(start, dataset.window.end)
    rows = [("unnamed_sales", sold.unnamed, thresholds.unattributed_limit)]
    sums = dataset.mart("customer_sales", window)[["net_revenue", "margin_revenue"]].sum()
    if contest.metric == "margin":
        whole = float(sums["net_revenue"])
        rows.append(
            (
                "unknown_margin",
                1 - float(sums["margin_revenue"]) / whole if whole else 1.0,
                thresholds.unattributed_limit,
            )
        )
    if contest.metric == "visits" or contest.rule == "points":
        rows.append(("unlogged", _unlogged(dataset, window), 0.0))
    if contest.metric_told is not None and contest.metric == "revenue":
        is_known = contest.metric_told.strip().lower() in ("revenue", "ca", "turnover", "sales", "chiffre d’affaires")
        if not is_known:
            rows.append(("unknown_metric", 1.0, 0.0))
    changes = dataset.table("interventions")
    broken = changes[(changes["kind"] == "definition_break") & (changes["date"] >= pd.Timestamp(start))]
    words = {contest.metric, contest.metric_told}
    if broken["metric"].isin(words).any():
        rows.append(("redefined", 1.0, 0.0))
    frame = pd.DataFrame(rows, columns=["doubt", "share", "limit"])
    return frame.assign(is_problem=frame["share"] > frame["limit"])


def _unlogged(dataset: Dataset, window: Window) -> float:
    """The share of salespeople who sell half of the median or more and log less than a third of its activities."""
    sold = (
        dataset.mart("rep_months", window).dropna(subset="rep_id_booked").groupby("rep_id_booked")["net_revenue"].sum()
    )
    logged = dataset.mart("rep_activities", window).groupby("rep_id")["activity_count"].sum()
    logged = logged.reindex(sold.index).fillna(0.0).astype(float)
    is_silent = (sold >= SELLS * sold.median()) & (logged < LOGS * logged.median())
    return float(is_silent.mean()) if len(sold) else 1.0


def cycle_days(dataset: Dataset) -> float | None:
    """The median days from creation to winning of the deals won in the last 24 months; None with fewer than five."""
    deals = dataset.table("opportunities")
    since = pd.Timestamp(month_start(dataset.as_of, -24))
    won = deals[(deals["status"] == "won") & (deals["closed_date"] >= since)].dropna(subset=["created_date"])
    days = (won["closed_date"] - won["created_date"]).dt.days
    days = days[days >= 0]
    return float(np.median(days)) if len(days) >= dataset.conventions.small_n_hide else None


def worked(dataset: Dataset, contest: Contest) -> int:
    """The working days of the contest."""
    return worked_between(dataset, contest.start, contest.end)
