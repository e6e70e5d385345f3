"""Measures over time, each line named at its end."""

from __future__ import annotations

from typing import Any

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook


@style.form
def lines(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    x: str = "month",
    y: str = "net_revenue",
    series: str | None = None,
    partial: str | None = None,
    reference: float | None = None,
    reference_label: str | None = None,
) -> Figure:
    """``frame``: one row a moment (and series). ``x``: a date; ``y``: the measure; ``series``: the column that parts
    the lines. ``partial``: a column of flags; these moments are hatched. ``reference``: a level, named by the phrase
    ``reference_label`` (filled by ``value``).
    """
    drawn, axes = style.figure(7.4)
    frame = frame.dropna(subset=[x]).sort_values(x)
    frame = frame.assign(**{x: pd.to_datetime(frame[x])})
    groups = list(frame.groupby(series, sort=False, observed=True)) if series else [(None, frame)]
    for i, (_, rows) in enumerate(groups):
        options: dict[str, Any] = {"marker": "o", "markersize": 3} if len(rows) <= 40 else {}
        dash = style.DASHES[i % len(style.DASHES)]
        axes.plot(rows[x], rows[y].astype(float), color=style.SERIES[i % len(style.SERIES)], linestyle=dash, **options)
    kind = book.format_of(x)
    many = frame[x].nunique()
    if kind == "month":
        span = (frame[x].max() - frame[x].min()).days / 30.4
        step = next((step for step in (1, 2, 3, 6) if span / step <= 8), 12)
        axes.xaxis.set_major_locator(
            mdates.MonthLocator(range(1, 13, step), interval=max(1, round(span / 96)) if step == 12 else 1)
        )
    else:
        axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=min(2, many), maxticks=8))
    axes.xaxis.set_major_formatter(book.axis("month" if kind == "month" else "date"))
    if many < 2:
        axes.set_xticks(frame[x].unique())
    style.tick_axis(axes, "y", book.format_of(y), book)
    style.grid(axes, "y")
    axes.set_ylabel(book.heading(y))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0), high)
    if low < 0 < high:
        axes.axhline(0, color=style.GREY, linewidth=0.8)
    if partial:
        _hatch(axes, frame.loc[frame[partial].fillna(False).astype(bool), x], book)
    if reference is not None:
        axes.axhline(reference, color=style.WARM, linewidth=1.2, linestyle=(0, (4, 2)))
        if reference_label:
            text = style.plain(book.say(reference_label, value=reference))
            spot = {
                "transform": axes.get_yaxis_transform(),
                "va": "bottom",
                "fontsize": 8,
                "path_effects": style.halo(),
            }
            axes.text(0.005, reference, text, color=style.WARM, fontweight="bold", **spot)
    if series:
        _ends(axes, groups, book, y, series)
    return drawn


def _hatch(axes: Axes, moments: pd.Series, book: Phrasebook) -> None:
    for moment in moments.drop_duplicates():
        axes.axvspan(
            moment - pd.Timedelta(days=15),
            moment + pd.Timedelta(days=15),
            facecolor="none",
            hatch="////",
            edgecolor=style.GREY,
            alpha=0.5,
        )
    if len(moments):
        spot = (moments.max(), 1.0)
        axes.annotate(
            style.plain(book.say("partial_month")),
            spot,
            xycoords=("data", "axes fraction"),
            ha="right",
            va="bottom",
            color=style.QUIET,
            fontsize=style.SMALL,
        )


def _ends(axes: Axes, groups: list[tuple[Any, pd.DataFrame]], book: Phrasebook, y: str, series: str) -> None:
    """Names at the right of the plot, moved apart where the lines end together."""
    kept = [(i, word, rows.dropna(subset=[y])) for i, (word, rows) in enumerate(groups)]
    kept = [entry for entry in kept if len(entry[2])]
    low, high = axes.get_ylim()
    levels = [float(rows[y].iloc[-1]) for _, _, rows in kept]
    places = style.spread(levels, 0.062 * (high - low))
    for (i, word, _), place in zip(kept, places, strict=True):
        axes.annotate(
            style.short(book.value(word, series), 24),
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=style.SERIES[i % len(style.SERIES)],
            fontweight="bold",
            annotation_clip=False,
        )
