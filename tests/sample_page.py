"""A report made up for the tests of the printed page: its words, its result, and a notebook of its outputs.

It shows every piece of a page, in both languages, without any diagnostic of the kit.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
from matplotlib import pyplot

from salespilot import page as pages
from salespilot import phrasefile
from salespilot.client import Brand, Client
from salespilot.conventions import Conventions, Settings, parameter, threshold
from salespilot.dataset import Window
from salespilot.finding import Finding, Severity, absent
from salespilot.intake import Intake, SourceCount
from salespilot.phrasebook import Phrasebook
from salespilot.report import method

PHRASES = """
[title]
fr = "Revue d'essai du portefeuille"
en = "Sample review of the portfolio"
[subtitle]
fr = "Concentration, dépendance et rythme d'achat"
en = "Concentration, dependence and buying rhythm"
[question]
fr = "Sur quels clients repose le chiffre d'affaires, et lesquels s'éloignent ?"
en = "Which customers does revenue rest on, and which are drifting away?"
[dependence_observation]
fr = "{name} pèse {share:percent} du CA, soit {stake:money} sur la période."
en = "{name} is {share:percent} of revenue, or {stake:money} over the period."
[dependence_action]
fr = "Ouvrir un deuxième interlocuteur chez {name} avant la fin du trimestre."
en = "Open a second contact at {name} before the end of the quarter."
[late_observation]
fr = "{n:count} clients réguliers ont dépassé deux fois leur rythme d'achat habituel."
en = "{n:count} regular customers are past twice their usual buying rhythm."
[late_action]
fr = "Les rappeler dans l'ordre de la liste, en commençant par les classes A."
en = "Call them back in the order of the list, class A first."
[retention_observation]
fr = "La rétention du CA atteint {share:percent}, au-dessus du seuil retenu."
en = "Revenue retention reaches {share:percent}, above the threshold."
[concentration_section]
fr = "Concentration du chiffre d'affaires"
en = "Concentration of revenue"
[concentration_text]
fr = "Les {customers:count} clients actifs sont classés par CA net décroissant, de {start:date} à {end:date}."
en = "The {customers:count} active customers are ranked by falling net revenue, from {start:date} to {end:date}."
[rhythm_section]
fr = "Rythme d'achat"
en = "Buying rhythm"
[pareto_figure]
fr = "20 % des clients font {top20pct_share:percent} du chiffre d'affaires"
en = "20% of customers make {top20pct_share:percent} of revenue"
[pareto_alt]
fr = "Courbe de la part cumulée du CA selon la part cumulée des clients ; elle monte vite puis s'aplatit."
en = "Curve of the cumulated share of revenue by cumulated share of customers; it rises fast, then flattens."
[bars_figure]
fr = "Trois clients dépassent le seuil de dépendance"
en = "Three customers exceed the threshold of dependence"
[bars_alt]
fr = "Barres horizontales du CA des dix premiers clients."
en = "Horizontal bars of the revenue of the ten biggest customers."
[coverage_figure]
fr = "Couverture"
en = "Coverage"
[coverage_alt]
fr = "Couverture"
en = "Coverage"
[top_customers_table]
fr = "Les premiers clients et leur poids"
en = "The biggest customers and their weight"
[customers_table]
fr = "Tous les clients"
en = "All customers"
[sheet_customers]
fr = "Clients"
en = "Customers"
[closing]
fr = "Ces résultats se lisent avec les réserves de la dernière section."
en = "These results are to be read with the reserves of the last section."
[threshold_dependence_share]
fr = "Part du CA au-delà de laquelle un client est une dépendance"
en = "Share of revenue above which a customer is a dependence"
[threshold_late_days]
fr = "Silence au-delà duquel un client est en retard"
en = "Silence after which a customer is late"
[parameter_rep]
fr = "Commercial montré"
en = "Salesperson shown"
"""


@dataclass(frozen=True)
class Parameters(Settings):
    rep: str = parameter("", "show one salesperson")


@dataclass(frozen=True)
class Thresholds(Settings):
    dependence_share: float = threshold(0.15, "share of revenue", "a loss that the year would not absorb")
    late_days: int = threshold(60, "days", "twice the usual gap")


@dataclass(frozen=True)
class Result:
    customers: pd.DataFrame
    top_customers: pd.DataFrame
    coverage: pd.DataFrame | None
    key_figures: dict = field(default_factory=dict)
    not_computable: dict = field(default_factory=dict)


NAME = "page_sample"
MODULE = SimpleNamespace(NAME=NAME, NEEDS=("sales_lines",), Parameters=Parameters, Thresholds=Thresholds)
FIRST = ("Ateliers Noël", "Établissements Kervadec", "Groupe Grégoire", "Menuiserie de l’Étoile", "Pâtisseries Forêt")


def customers(count: int = 180, first: tuple[str, ...] = FIRST) -> pd.DataFrame:
    """Customers by falling revenue; the first bear the given names."""
    rank = np.arange(1, count + 1)
    revenue = 960_000 / rank**1.1
    names = [*first, *(f"Client {place:03d}" for place in rank[len(first) :])][:count]
    return pd.DataFrame(
        {
            "customer_id": [f"{place:05d}" for place in rank],
            "name": names,
            "abc_class": np.where(rank < 25, "A", np.where(rank < 80, "B", "C")),
            "net_revenue": revenue,
            "revenue_share": revenue / revenue.sum(),
            "cum_share": revenue.cumsum() / revenue.sum(),
            "last_order_date": pd.Timestamp("2026-06-30") - pd.to_timedelta(rank * 3, unit="D"),
        }
    )


def dataset(name: str = "Maison Crémieux & Associés", brand: Brand | None = None) -> SimpleNamespace:
    """What a page asks of a Dataset, with two exports read."""
    read = {"rows_read": 41_210, "rows_kept": 41_176, "rows_rejected": 12, "set_aside": {"total": 1, "blank": 21}}
    counts = tuple(
        SourceCount("sales_lines", f"factures_{year}.csv", sha256=str(year) * 16, **read) for year in (2025, 2026)
    )
    return SimpleNamespace(
        sales_basis="invoiced",
        client=Client(Path(), name, brand=brand or Brand()),
        intake=Intake("", Path(), {}, {}, counts, (), (), date(2026, 7, 3)),
        conventions=Conventions(),
        as_of=date(2026, 6, 30),
        months=12,
        window=Window(date(2025, 7, 1), date(2026, 6, 30)),
        has=lambda table: table == "sales_lines",
    )


def result(frame: pd.DataFrame) -> Result:
    """The Result of the sample: one frame cannot be computed, for want of activities."""
    figures = {"customers": len(frame), "net_revenue": frame["net_revenue"].sum(), "top20pct_share": 0.757}
    figures |= {"gini": 0.684, "coverage_rate": None}
    why = {"coverage": absent("activities"), "coverage_rate": absent("activities")}
    return Result(frame, frame.drop(columns="cum_share").head(20), None, figures, why)


def found(name: str = FIRST[0]) -> list[Finding]:
    """Three findings, one of each severity, the gravest about a customer of that name."""
    values = {"name": name, "share": 0.187, "stake": 960_000.0}
    prices = {"stake": 84_000.0, "stake_low": 52_000.0, "stake_high": 120_000.0, "stake_kind": "at_risk"}
    return [
        Finding(NAME, "T00-R3", "retention", Severity.GOOD, "company", "all", values={"share": 0.943}),
        Finding(NAME, "T00-R2", "late", Severity.WATCH, "team", "all", values={"n": 17}, **prices),
        Finding(NAME, "T00-R1", "dependence", Severity.ALERT, "customer", "00001", stake=960_000.0, values=values),
    ]


def pareto(frame, book, *, x, y):
    """A curve, as a chart form draws it."""
    figure, axes = pyplot.subplots(figsize=(7.2, 3.1), layout="constrained")
    axes.plot(frame[x] if x in frame else np.linspace(0, 1, len(frame)), frame[y])
    axes.yaxis.set_major_formatter(book.axis("percent"))
    return figure


def bars(frame, book, *, x, y):
    """Horizontal bars, as a chart form draws them."""
    figure, axes = pyplot.subplots(figsize=(7.2, 3.4), layout="constrained")
    axes.barh(frame[y].str.slice(0, 40), frame[x])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(book.axis("money_short"))
    return figure


def install(monkeypatch, tmp_path: Path) -> None:
    """Make the kit know the sample: its module, and its phrases beside the true ones."""
    folder = tmp_path / "phrases"
    shutil.copytree(phrasefile.FOLDER, folder)
    (folder / f"{NAME}.toml").write_text(PHRASES, encoding="utf-8")
    monkeypatch.setattr(phrasefile, "FOLDER", folder)
    phrasefile.phrases.cache_clear()
    for module in (pages, method):
        monkeypatch.setattr(module, "REPORTS", {NAME: MODULE})


def collect(monkeypatch) -> list[nbformat.NotebookNode]:
    """The outputs displayed from now on, in order."""
    outputs: list[nbformat.NotebookNode] = []

    def display(bundle, raw, metadata):
        assert raw
        outputs.append(nbformat.v4.new_output("display_data", bundle, metadata=metadata))

    monkeypatch.setattr(pages, "display", display)
    return outputs


def show(page: pages.Page, kind: str = "report") -> None:
    """Every piece of a page."""
    page.title(kind=kind)
    page.findings()
    page.key_figures("net_revenue", "customers", "gini", "coverage_rate")
    page.section("concentration")
    page.figure("pareto", pareto, page.result.customers, x="revenue_share_rank", y="cum_share")
    page.table("top_customers", page.result.top_customers, bars=["net_revenue"], shades=["revenue_share"])
    page.section("rhythm")
    page.figure("bars", bars, page.result.top_customers.head(10), x="net_revenue", y="name")
    page.figure("coverage", bars, page.result.coverage)
    page.text("closing")
    page.table("customers", page.result.customers)
    page.method()


def notebook(path: Path, outputs: list, extra: tuple = ()) -> Path:
    """An executed notebook of these outputs, one a cell."""
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell("page.piece()", outputs=[output]) for output in outputs] + list(extra)
    nbformat.write(book, path)
    return path


def printed(monkeypatch, tmp_path: Path, language: str = "fr", kind: str = "report", **parts) -> Path:
    """The executed notebook of the whole sample in one language."""
    frame = parts.get("frame", customers())
    install(monkeypatch, tmp_path)
    outputs = collect(monkeypatch)
    words = Phrasebook(NAME, language)
    holder = parts.get("dataset", dataset())
    told = parts.get("found", found())
    show(pages.Page(holder, NAME, Parameters(), result(frame), told, words), kind)
    return notebook(tmp_path / f"{NAME}_{language}.ipynb", outputs)
