"""A map without a map: accounts as dots where they are, coloured by who holds them, before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

MARKS = ("o", "s", "^", "D", "v", "P", "X")
NAMED = 20
MANY = 1000


@style.form
def dot_map(
    frame: pd.DataFrame,
    book: Phrasebook,
    *,
    lat: str = "lat",
    lon: str = "lon",
    panels: Sequence[str] = ("owner_name", "owner_after"),
    homes: pd.DataFrame | None = None,
    name: str = "name",
    ground: pd.DataFrame | None = None,
) -> Figure:
    """``frame``: one row an account: ``lat``, ``lon`` in degrees, and a column of names for each of the ``panels``,
    drawn side by side. ``homes``: one row a salesperson: ``name``, lat, lon, marked and named. ``ground``: places that
    help to find one's way (department, lat, lon), written in grey. No tile, no outline, no network.

    A salesperson keeps colour and mark from one panel to the other; accounts that nobody holds are hollow.
    """
    frame = frame.dropna(subset=[lat, lon])
    if frame.empty:
        return style.blank(book)
    middle = np.radians(float(frame[lat].median()))
    width, height = float(np.ptp(frame[lon])) * np.cos(middle) or 1.0, float(np.ptp(frame[lat])) or 1.0
    tall = float(np.clip(style.WIDTH / len(panels) * height / width * 0.95 + 2.4, 6.0, 15.0))
    drawn, grid = style.figure(tall, ncols=len(panels), squeeze=False, sharex=True, sharey=True)
    people = pd.unique(pd.concat([frame[column] for column in panels]).dropna())
    if homes is not None:
        people = pd.unique(pd.concat([homes[name], pd.Series(people, dtype=object)]).dropna())
    looks = {who: (style.SERIES[k % 6], MARKS[(k + k // 6) % 7]) for k, who in enumerate(people)}
    for axes, column in zip(grid[0], panels, strict=True):
        _ground(axes, ground, lat, lon, frame)
        _dots(axes, frame, column, lat, lon, looks)
        axes.set_aspect(1 / np.cos(middle))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(style.plain(book.heading(column)), fontsize=9, fontweight="bold", loc="left", color=style.INK)
    if homes is not None and len(homes) <= NAMED:
        _key(drawn, [who for who in homes[name] if who in looks], looks)
    if homes is not None:
        for axes in grid[0]:
            _homes(axes, homes, name, lat, lon, looks)
    return drawn


def _dots(axes: Axes, frame: pd.DataFrame, column: str, lat: str, lon: str, looks: dict[str, tuple[str, str]]) -> None:
    many = len(frame) > MANY
    loose = frame[frame[column].isna()]
    axes.scatter(loose[lon], loose[lat], s=12, facecolors="none", edgecolors=style.TEXT, linewidths=0.6, zorder=3)
    for who, rows in frame.groupby(column):
        colour, mark = looks[str(who)]
        axes.scatter(
            rows[lon], rows[lat], s=4 if many else 13, c=colour, marker=mark, alpha=0.75, linewidths=0, rasterized=many
        )


def _homes(axes: Axes, homes: pd.DataFrame, name: str, lat: str, lon: str, looks: dict[str, tuple[str, str]]) -> None:
    for row in homes.dropna(subset=[lat, lon]).to_dict("records"):
        colour, mark = looks.get(row[name], (style.GREY, "o"))
        axes.scatter([row[lon]], [row[lat]], s=85, c=colour, marker=mark, edgecolors="white", linewidths=1.3, zorder=5)


def _ground(axes: Axes, ground: pd.DataFrame | None, lat: str, lon: str, frame: pd.DataFrame) -> None:
    if ground is None:
        return
    near = ground[ground[lat].between(frame[lat].min() - 0.3, frame[lat].max() + 0.3)]
    near = near[near[lon].between(frame[lon].min() - 0.3, frame[lon].max() + 0.3)]
    for row in near.to_dict("records"):
        axes.text(
            row[lon],
            row[lat],
            str(row["department"]),
            fontsize=style.SMALL,
            color="#b9c3cc",
            ha="center",
            va="center",
            zorder=0,
        )


def _key(drawn: Figure, people: Sequence[str], looks: dict[str, tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], linestyle="", marker=looks[who][1], color=looks[who][0], markersize=5.5, label=style.short(who, 24)
        )
        for who in people
    ]
    drawn.legend(
        handles=handles, loc="outside lower center", ncols=4, fontsize=style.SMALL, frameon=False, handletextpad=0.3
    )
