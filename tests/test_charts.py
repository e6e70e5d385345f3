"""The forms: what is written on them, that nothing is cut, and that odd frames do no harm."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from pace import paced

from salespilot import charts
from salespilot.charts import style
from salespilot.phrasebook import Phrasebook

N = "\u202f"
FR, EN = Phrasebook("_house", "fr"), Phrasebook("_house", "en")
LONG = "Société anonyme de mécanique générale et d’outillage de précision du Val-de-Loire et Cie" * 3
NAMES = [
    "Ateliers Noël",
    "Établissements Kervadec",
    LONG,
    "A $1$ & <b>\n\u202e{{7}}",
    "Îles 🚀",
    "Menuiserie",
    "X",
    "Y",
]


def customers(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    revenue = np.sort(rng.lognormal(9, 1.5, n))[::-1]
    share = revenue.cumsum() / revenue.sum()
    before = np.concatenate([[0], share[:-1]])
    return pd.DataFrame(
        {
            "name": [NAMES[i % len(NAMES)] for i in range(n)],
            "rank": range(1, n + 1),
            "net_revenue": np.where(np.arange(n) % 9 == 8, 0.0, revenue),
            "cum_share": share,
            "abc_class": np.where(before < 0.8, "A", np.where(before < 0.95, "B", "C")),
            "contact_status": rng.choice(["seen", "remote_only", "not_seen"], n),
            "visits": rng.poisson(4, n),
            "potential": revenue * rng.lognormal(1, 1, n),
            "gap_days": rng.integers(10, 400, n),
            "mean_gap_days": rng.integers(10, 90, n).astype(float),
            "coverage_rate": rng.random(n),
            "low": 0.1,
            "high": 0.9,
            "segment": rng.choice(["core", "develop", "economy"], n),
        }
    )


def cells() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "revenue_class": ["A", "A", "B", "P"],
            "potential_class": ["1", "2", "3", "1"],
            "segment": ["core_develop", "core", "economy", "conquest"],
            "customer_count": [12, 8, 1234, 40],
            "net_revenue": [1.2e6, 3.4e5, 45e3, 0.0],
            "headroom": [2e6, 1e5, 3e3, 8e5],
            "visits": [120, 80, 30, 4],
            "misalignment": [0.12, -0.08, 0.01, None],
        }
    )


def months(n: int = 24) -> pd.DataFrame:
    month = pd.date_range("2024-07-01", periods=n, freq="MS")
    parts = [pd.DataFrame({"month": month, "net_revenue": 1e5 * (i + 1), "segment": s}) for i, s in enumerate("ab")]
    return pd.concat(parts).assign(partial=lambda frame: frame["month"] == month[-1])


def lorenz() -> pd.DataFrame:
    x = np.linspace(0, 1, 30)
    parts = [("revenue", 6), ("visits", 4), ("headroom", 2)]
    return pd.concat(
        [pd.DataFrame({"customer_share": x, "cum_share": 1 - (1 - x) ** k, "measure": name}) for name, k in parts]
    )


def moves() -> pd.DataFrame:
    pairs = [(a, b) for a in "ABCZ" for b in "ABCZ"]
    return pd.DataFrame(
        {"class_from": [a for a, _ in pairs], "class_to": [b for _, b in pairs], "customer_count": range(16)}
    )


def bridge() -> pd.DataFrame:
    return pd.DataFrame(
        {"step": ["previous", "lost", "growing", "new", "current"], "amount": [1e6, -3e5, 4e5, 1e5, 1.2e6]}
    )


def deciles() -> pd.DataFrame:
    return pd.DataFrame(
        {"decile": range(1, 11), "visits_per_customer": np.linspace(9, 0.2, 10), "headroom": np.linspace(1e5, 2e6, 10)}
    )


def horizons() -> pd.DataFrame:
    return pd.DataFrame(
        {"gap_days": [91, 61, 30, 7], "coverage_rate": [0.3, 0.12, 0.05, 0.01], "low": [-0.4, -0.2, -0.1, -0.02],
         "high": [0.9, 0.5, 0.2, 0.04]}
    )  # fmt: skip


def contest() -> pd.DataFrame:
    start = pd.date_range("2025-06-01", periods=8, freq="MS")
    frame = pd.DataFrame({"date": start + pd.Timedelta(days=14), "start_date": start})
    frame = frame.assign(end_date=start + pd.offsets.MonthEnd(0), net_revenue=1e5, expected=9e4)
    frame = frame.assign(expected_low=8e4, expected_high=1.1e5)
    return frame.assign(contest_phase=["rest", "rest", "pre", "during", "during", "post", "rest", "rest"])


def stages() -> pd.DataFrame:
    entrants = np.array([200, 150, 90, 40, 12])
    parts = {"advanced": entrants * 0.6, "open": entrants * 0.15, "lost": entrants * 0.25}
    frame = pd.DataFrame({"stage": NAMES[:5], "entrants": entrants, "entered_value": entrants * 9e3})
    for part, size in parts.items():
        frame[f"{part}_count"], frame[f"{part}_value"] = size.round(), size * 9e3
    return frame


def stays() -> pd.DataFrame:
    days = np.arange(1.0, 60)
    parts = [(name, days**k * np.exp(-days / 8)) for k, name in enumerate(NAMES[:4])]
    return pd.concat(
        [pd.DataFrame({"stage": name, "days": days, "advanced_share": rate / rate.sum()}) for name, rate in parts]
    )


def still_there() -> pd.DataFrame:
    ages = {"stage": NAMES[:4] * 5, "stage_age_days": range(5, 305, 15), "stalled_days": 45.0}
    return pd.DataFrame(ages).assign(
        age_status=lambda frame: np.where(frame["stage_age_days"] > 45, "stalled", "fresh")
    )


def landing() -> pd.DataFrame:
    date = pd.date_range("2025-12-31", periods=13, freq="ME")
    done, rest = np.arange(13) * 1e6, np.clip(np.arange(13) - 6, 0, None)
    frame = pd.DataFrame({"date": date, "actual": done, "target": done * 1.2, "previous": done * 0.97})
    frame["actual"] = frame["actual"].where(frame.index <= 6)
    for name, pace in (("landing_p10", 8e5), ("landing_p50", 1e6), ("landing_p90", 1.3e6)):
        frame[name] = np.where(frame.index >= 6, 6e6 + rest * pace, np.nan)
    return frame


def weeks() -> pd.DataFrame:
    week, rng = pd.date_range("2026-01-05", periods=24, freq="7D"), np.random.default_rng(3)
    parts = [pd.DataFrame({"week": week, "owner_name": name, "weekly_rate": rng.poisson(9, 24)}) for name in NAMES]
    frame = pd.concat(parts, ignore_index=True).assign(centre=9.0, lower=0.0, upper=18.0)
    return frame.assign(
        signal=np.where(frame["weekly_rate"] > 15, "high", np.where(frame["weekly_rate"] < 4, "low", ""))
    )


def places(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"lat": rng.uniform(44, 49, n), "lon": rng.uniform(-2, 7, n)})
    frame["owner_name"] = [NAMES[i % len(NAMES)] if i % 9 else None for i in range(n)]
    return frame.assign(owner_after=[NAMES[i % 5] for i in range(n)])


def bases() -> pd.DataFrame:
    return pd.DataFrame({"name": NAMES, "lat": np.linspace(44, 49, len(NAMES)), "lon": 3.0})


def solutions() -> pd.DataFrame:
    names = ["current", "stability", "balanced", "proximity", "intermediate", "intermediate"]
    frame = pd.DataFrame({"scenario": names, "relation_moved": [0, 0.02, 0.08, 0.3, 0.05, 0.4]})
    return frame.assign(load_cv=[0.3, 0.12, 0.02, 0.13, 0.05, 0.01], travel_km=[9e5, 8e5, 7e5, 5e5, 7.5e5, 6e5])


def chain() -> pd.DataFrame:
    steps = ["calls", "conversations", "visits", "quotes"]
    frame = pd.DataFrame({"basis": steps, "from_count": [51234, 3000, 800, 9], "success_count": [3000, 700, 90, 0]})
    frame["rate"] = frame["success_count"] / frame["from_count"]
    return frame.assign(rate_low=[0.05, 0.2, 0.1, None], rate_high=[0.07, 0.3, 0.2, None], point_value=1e4, rank=3)


def trials() -> pd.DataFrame:
    frame = pd.DataFrame({"name": NAMES, "equivalent_count": np.linspace(3, 900, len(NAMES)), "peer_rate": 0.3})
    return frame.assign(adjusted_rate=np.linspace(0, 0.6, len(NAMES)), is_signal=[True, None] * 4, step="rate_order")


def scored() -> pd.DataFrame:
    frame = pd.DataFrame({"indicator": NAMES, "decision": ["keep", "drop", "trial", "replace"] * 2})
    gains = [0.12, -0.4, None, 0.01, 0.0, -0.02, 0.3, None]
    return frame.assign(predictive_gain=gains, why="proven", hours_to_collect=[0, 12.5] * 4, level="activity")


def squads() -> pd.DataFrame:
    pairs = [(name, step) for name in NAMES[:4] for step in ("calls", "visits", "quotes")]
    frame = pd.DataFrame(pairs, columns=["name", "basis"])
    frame["starts_per_day"], frame["peer_starts_per_day"] = [9.0, 2.0, 0.1] * 4, [4.0, 2.5, 0.2] * 4
    return frame.assign(shrunk_rate=0.2, peer_rate=0.3, is_signal=frame["basis"] == "visits")


def agenda() -> pd.DataFrame:
    start = pd.date_range("2026-01-05", periods=len(NAMES), freq="23D")
    frame = pd.DataFrame({"name": NAMES, "start_date": start, "due_date": start + pd.Timedelta(days=70)})
    frame.loc[2, "due_date"] = pd.NaT
    states = ["in_progress", "planned", "done", "planned"] * 2
    return frame.assign(status=states, progress=[0.5, 0.0, 1.0, None] * 2, owner=NAMES[::-1])


FORMS = {
    "bars": (charts.bars, customers, {"x": "net_revenue", "y": "name", "reference": 5000, "reference_label": "today"}),
    "bars with intervals": (
        charts.bars,
        customers,
        {"x": "coverage_rate", "y": "name", "low": "low", "high": "high", "limit": 12},
    ),
    "behaviour": (charts.behaviour, weeks, {"x": "week", "y": "weekly_rate", "panel": "owner_name"}),
    "behaviour alone": (
        charts.behaviour,
        lambda: weeks().head(24),
        {"x": "week", "y": "weekly_rate", "marks": pd.DataFrame({"week": ["2026-03-02"], "label": [LONG]})},
    ),
    "cone": (
        charts.cone,
        horizons,
        {
            "x": "gap_days",
            "y": "coverage_rate",
            "low": "low",
            "high": "high",
            "reference_label": "today",
            "inner": "total",
            "outer": "other",
        },
    ),
    "counterfactual": (charts.counterfactual, contest, {"y": "net_revenue"}),
    "curves": (charts.curves, lorenz, {}),
    "decile_bars": (charts.decile_bars, deciles, {"line": "headroom"}),
    "dot_map": (charts.dot_map, places, {"homes": bases(), "ground": bases().assign(department="2A")}),
    "dot_map alone": (charts.dot_map, places, {"panels": ("owner_after",)}),
    "dots": (
        charts.dots,
        customers,
        {
            "x": "coverage_rate",
            "y": "name",
            "low": "low",
            "high": "high",
            "reference": 0.5,
            "reference_label": "today",
            "zone": (0.4, 0.6),
            "colour": "segment",
            "count": "visits",
        },
    ),
    "dots without more": (charts.dots, customers, {"x": "net_revenue", "y": "name", "sort": True, "limit": 8}),
    "fan": (charts.fan, landing, {}),
    "fan without target": (charts.fan, landing, {"target": None, "previous": None}),
    "flow": (charts.flow, moves, {"source": "class_from", "target": "class_to", "order": list("ABCZ")}),
    "flow without order": (charts.flow, moves, {"source": "class_from", "target": "class_to"}),
    "frontier": (
        charts.frontier,
        solutions,
        {"x": "relation_moved", "y": "load_cv", "label": "scenario", "colour": "travel_km"},
    ),
    "funnel": (charts.funnel, chain, {"side": ("rank", "point_value")}),
    "funnel without more": (charts.funnel, chain, {"low": None, "high": None}),
    "funnels": (charts.funnels, squads, {}),
    "heat": (charts.heat, customers, {"x": "segment", "y": "name", "value": "net_revenue"}),
    "heat with frames": (
        charts.heat,
        squads,
        {"x": "basis", "y": "name", "value": "starts_per_day", "framed": "is_signal"},
    ),
    "gantt": (
        charts.gantt,
        agenda,
        {"y": "name", "colour": "status", "note": "owner", "today": pd.Timestamp("2026-03-01"), "limit": 6},
    ),
    "gantt without more": (charts.gantt, agenda, {"y": "name", "colour": "status", "progress": None}),
    "histogram": (charts.histogram, customers, {"x": "coverage_rate", "reference": 1.3, "reference_label": "today"}),
    "histogram without more": (charts.histogram, customers, {"x": "net_revenue"}),
    "limits": (charts.limits, trials, {}),
    "lines": (charts.lines, months, {"series": "segment", "partial": "partial"}),
    "matrix": (charts.matrix, cells, {"colour_labels": ("today", "total")}),
    "overdue": (charts.overdue, customers, {"amount": "net_revenue"}),
    "pareto": (
        charts.pareto,
        customers,
        {"zone": "abc_class", "band": "contact_status", "band_order": ("seen", "remote_only", "not_seen")},
    ),
    "reliability": (
        charts.reliability,
        customers,
        {"x": "cum_share", "y": "coverage_rate", "low": "low", "high": "high", "count": "visits"},
    ),
    "ridges": (charts.ridges, stays, {}),
    "ridges with dots": (charts.ridges, stays, {"dots": still_there()}),
    "river": (charts.river, stages, {}),
    "scatter": (
        charts.scatter,
        customers,
        {"x": "net_revenue", "y": "potential", "shares": (0.1, 1), "x_cuts": {"A": 20000, "C": 0}, "colour": "segment"},
    ),
    "scatter with zones": (
        charts.scatter,
        customers,
        {"x": "net_revenue", "y": "visits", "zone_above": (1e-3, "today"), "zone_below": (1e-5, "total")},
    ),
    "scatter with corners": (
        charts.scatter,
        customers,
        {"x": "coverage_rate", "y": "low", "log": False, "corners": ("today", "total", "today", "total")},
    ),
    "scorecard": (charts.scorecard, scored, {}),
    "scorecard without more": (charts.scorecard, scored, {"side": ()}),
    "stacked": (charts.stacked, customers, {"x": "net_revenue", "y": "name", "series": "abc_class", "order": "ABC"}),
    "waterfall": (charts.waterfall, bridge, {}),
}


def texts(figure: Figure) -> list[str]:
    """All that is written on a figure, once it is laid out."""
    figure.draw_without_rendering()
    return [
        text.get_text().replace(r"\$", "$") for text in figure.findobj(Text) if text.get_visible() and text.get_text()
    ]


def assert_whole(figure: Figure) -> None:
    """Nothing passes the edge, and no text is smaller than the house allows."""
    texts(figure)
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    assert width * 2.54 == pytest.approx(17)
    assert height * 2.54 < 25, "higher than a page"
    assert box.x0 > -0.06, f"cut at the left: {box}"
    assert box.y0 > -0.06, f"cut at the foot: {box}"
    assert box.x1 < width + 0.06, f"cut at the right: {box}"
    assert box.y1 < height + 0.06, f"cut at the top: {box}"
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 7.5


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("book", paced([FR, EN], FR), ids=["fr", "en"])
def test_a_form_is_whole_and_in_its_language(name, book):
    form, sample, options = FORMS[name]
    figure = form(sample(), book, **options)
    assert_whole(figure)
    written = texts(figure)
    assert not [text for text in written if re.search(r"\d[.,]\d{5}|nan|None", text)]
    if book is FR:
        assert not [text for text in written if "€" in text and f"{N}" not in text]
    else:
        assert not [text for text in written if re.search(r"\d\s?[%€]", text.replace("%", "", 1)) and "€" in text]


@pytest.mark.parametrize("name", FORMS)
def test_a_frame_without_rows_gives_a_quiet_note(name):
    form, sample, options = FORMS[name]
    figure = form(sample().head(0), FR, **options)
    assert_whole(figure)
    assert texts(figure) == ["Aucune donnée à représenter"]


@pytest.mark.parametrize("name", FORMS)
def test_a_frame_without_values_does_no_harm(name):
    form, sample, options = FORMS[name]
    frame = sample()
    for column in frame.select_dtypes("number"):
        if column not in ("rank", "decile"):
            frame[column] = float("nan")
    assert_whole(form(frame, FR, **options))


@pytest.mark.parametrize("name", FORMS)
def test_one_row_is_enough(name):
    form, sample, options = FORMS[name]
    assert_whole(form(sample().iloc[[1]], FR, **options))


@pytest.mark.parametrize("name", FORMS)
def test_missing_values_are_left_out(name):
    form, sample, options = FORMS[name]
    frame = sample()
    for column in frame.select_dtypes("number"):
        if column not in ("rank", "decile"):
            frame[column] = frame[column].astype(float).where(np.arange(len(frame)) % 3 > 0)
    assert_whole(form(frame, FR, **options))


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ("curves", "pareto", "flow")])
def test_negative_values_are_drawn(name):
    form, sample, options = FORMS[name]
    frame = sample()
    for column in frame.select_dtypes("number"):
        if column not in ("rank", "decile"):
            frame[column] = -frame[column].astype(float)
    assert_whole(form(frame, FR, **options))


@pytest.mark.parametrize("name", paced(FORMS, *list(FORMS)[::4]))
def test_the_same_figure_is_the_same_svg(name):
    form, sample, options = FORMS[name]
    first, second = (style.svg(form(sample(), FR, **options)) for _ in range(2))
    assert first == second
    assert first.startswith("<svg")
    assert "<text" not in first
    assert not re.search(r'(?:href|src)="(?!#|data:)', first)


def test_a_notebook_shows_the_figure_by_itself():
    figure = charts.bars(customers(), FR, x="net_revenue", y="name")
    assert figure._repr_svg_() == style.svg(figure)


def test_hostile_and_long_names_stay_plain_text():
    written = texts(charts.bars(customers(8), FR, x="net_revenue", y="name"))
    assert {"A $1$ & <b> {{7}}", "Îles □"} <= set(written)
    assert any(text.startswith("Société anonyme") and text.endswith("…") and len(text) <= 30 for text in written)


def test_small_funnels_stand_beside_their_peers():
    figure = charts.funnels(squads(), FR)
    panels = [axes for axes in figure.axes if axes.patches]
    assert len(panels) == 4
    own, peers = panels[0].patches[:2]
    assert own.get_width() / peers.get_width() == pytest.approx(9**0.5 / 4**0.5)
    bold = [text.get_text() for text in panels[0].texts if text.get_fontweight() == "bold"]
    assert bold == [f"20,0{N}% (30,0{N}%)"]


def test_flagged_cells_are_framed():
    figure = charts.heat(squads(), FR, x="basis", y="name", value="starts_per_day", framed="is_signal")
    frames = [patch for patch in figure.axes[0].patches if patch.get_edgecolor() != (0, 0, 0, 0)]
    assert [int(frame.get_x()) for frame in frames] == [1] * 4


def test_pareto_names_its_classes_and_its_band():
    frame = customers(40)
    written = texts(charts.pareto(frame, FR, zone="abc_class", band="contact_status", band_order=("seen",)))
    assert {"Vu", "Non vu", "À distance seulement", "Rang", "Part cumulée"} <= set(written)
    for word, count in frame["abc_class"].value_counts().items():
        assert f"{word}{N}: {count}" in written
    assert f"80{N}%" in written


def test_bars_say_their_values_and_what_was_cut():
    frame = pd.DataFrame({"name": [f"n{i}" for i in range(40)], "net_revenue": np.arange(40) * 1000.0})
    written = texts(charts.bars(frame, EN, x="net_revenue", y="name", limit=10))
    assert {"€9,000", "n9", "The first 10 rows of 40."} <= set(written)
    assert "n10" not in written


def test_waterfall_cuts_totals_that_would_dwarf_the_steps():
    close = pd.DataFrame({"step": ["previous", "new", "lost", "current"], "amount": [20.4e6, 0.4e6, -0.3e6, 20.5e6]})
    axes = charts.waterfall(close, FR).axes[0]
    assert axes.get_ylim()[0] > 19e6
    assert FR.say("scale_cut") in axes.figure.get_supxlabel()
    assert charts.waterfall(bridge(), FR).axes[0].get_ylim()[0] <= 0


def test_waterfall_hangs_each_step_where_the_last_one_ended():
    axes = charts.waterfall(bridge(), FR).axes[0]
    bars = [(bar.get_y(), bar.get_height()) for bar in axes.patches]
    assert bars == [(0, 1e6), (1e6, -3e5), (7e5, 4e5), (1.1e6, 1e5), (0, 1.2e6)]
    written = texts(axes.figure)
    assert {"N-1", "Perdu", f"−300{N}k€", f"+400{N}k€", f"1,2{N}M€"} <= set(written)


def test_matrix_writes_each_cell():
    written = texts(charts.matrix(cells(), FR, colour_labels=("today", "total")))
    assert {"A1", "C3", "Fonds + développement", f"Clients{N}: 12", f"CA net{N}: 1,2{N}M€", "▲", "▼"} <= set(written)
    assert written.count("–") == 8


def test_matrix_can_have_a_column_of_unknown_potential():
    frame = cells().assign(potential_class=["1", "2", "?", "1"])
    figure = charts.matrix(frame, FR, columns=("1", "2", "3", "?"))
    assert_whole(figure)
    assert "B?" in texts(figure)


def test_flow_shows_each_side_with_its_total():
    written = texts(charts.flow(moves(), FR, source="class_from", target="class_to", order=list("ABCZ")))
    left = moves().groupby("class_from")["customer_count"].sum()
    right = moves().groupby("class_to")["customer_count"].sum()
    assert {f"A{N}: {left['A']}", f"Z{N}: {right['Z']}"} <= set(written)


def test_curves_name_each_line_in_the_empty_corner():
    figure = charts.curves(lorenz(), FR)
    assert {"CA", "Visites", "Reste à gagner", "répartition égale"} <= set(texts(figure))
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert all(x > y for word, (x, y) in places.items() if word != "répartition égale")


def test_scatter_puts_what_is_not_positive_in_a_gutter():
    frame = pd.DataFrame({"name": list("abc"), "net_revenue": [0.0, 1e3, 1e5], "potential": [1e4, 2e4, 3e5]})
    figure = charts.scatter(frame, FR, x="net_revenue", y="potential")
    left, middle, _ = figure.axes[0].collections[0].get_offsets()[:, 0]
    assert 0 < left < middle
    assert f"0{N}€" in texts(figure)
    frame.loc[0, "net_revenue"] = -500.0
    assert "≤ 0" in texts(charts.scatter(frame, FR, x="net_revenue", y="potential"))


def test_scatter_names_the_classes_that_it_shows():
    frame = pd.DataFrame({"name": list("ab"), "net_revenue": [2e3, 2e5], "potential": [1e4, 2e4]})
    figure = charts.scatter(frame, FR, x="net_revenue", y="potential", x_cuts={"A": 1e5, "B": 1e3, "C": 0, "S": 1e9})
    assert {"A", "B"} == {text for text in texts(figure) if len(text) == 1 and text.isupper()}


def test_five_thousand_points_are_one_picture():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"name": "n", "net_revenue": rng.lognormal(9, 1, 5000), "potential": rng.lognormal(10, 1, 5000)}
    )
    figure = charts.scatter(frame, FR, x="net_revenue", y="potential")
    assert_whole(figure)
    drawn = style.svg(figure)
    assert drawn.count("<image") == 1
    assert len(drawn) < 400_000


def test_scatter_labels_do_not_overlap():
    figure = charts.scatter(customers(300), FR, x="net_revenue", y="potential", top=15)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) >= 5
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_spread_moves_as_little_as_needed():
    assert style.spread([0.0, 1.0, 5.0], 1) == [0.0, 1.0, 5.0]
    assert style.spread([2.0, 2.0, 9.0], 1) == [1.5, 2.5, 9.0]
    assert style.spread([3.0, 2.9, 2.8], 1) == pytest.approx([3.9, 2.9, 1.9])
    assert style.spread([], 1) == []


def test_lightness_parts_the_steps_of_a_ladder():
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255

    for one, other in [(style.INK, style.PALE), (style.PALE, style.WARM), (style.INK, style.WARM)]:
        assert abs(lightness(one) - lightness(other)) > 0.15


def test_drawing_leaves_no_state_behind():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    style.svg(charts.bars(customers(), FR, x="net_revenue", y="name"))
    assert dict(mpl.rcParams) == before
