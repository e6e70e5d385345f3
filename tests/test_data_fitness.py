"""The data fitness page: what was planted in the demo's exports, small clients with one fault each, and the words."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import salespilot as sp
from salespilot import reports, results
from salespilot.dataset import Dataset
from salespilot.diagnostics import data_fitness
from salespilot.finding import Severity
from salespilot.phrasebook import Phrasebook, phrases

ROOT = Path(__file__).parent.parent
TRUTHS = tomllib.loads((ROOT / "data" / "demo" / "truths" / "data_fitness.toml").read_text(encoding="utf-8"))
ASIDE = ("blank", "title", "total", "repeated_header", "intercompany")
TABLES = ("sales_lines", "customers", "customer_potential", "activities")


@pytest.fixture(scope="module")
def demo(demo_client) -> data_fitness.Result:
    return results.of(sp.open(demo_client), data_fitness.NAME)[0]


def total(frame: pd.DataFrame, column: str, **where: str) -> float:
    for name, value in where.items():
        frame = frame[frame[name] == value]
    return frame[column].sum()


# --- the demo: what was planted is found, and nothing else ---------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_the_rows_planted_are_rejected(demo, table):
    assert total(demo.conservation, "rows_rejected", table=table) == TRUTHS[table].get("rejected", 0)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("kind", ASIDE)
def test_the_rows_planted_are_set_aside(demo, table, kind):
    assert total(demo.set_aside, "count", table=table, kind=kind) == TRUTHS[table].get(kind, 0)


@pytest.mark.parametrize("table", ["customers", "activities"])
def test_second_copies_of_keyed_rows_are_set_aside(demo, table):
    assert total(demo.set_aside, "count", table=table, kind="duplicate") == TRUTHS[table]["duplicate"]


def test_duplicate_lines_are_kept_counted_and_priced(demo):
    found = demo.issues[demo.issues["issue"] == "duplicate_lines"]
    assert found["count"].tolist() == [TRUTHS["sales_lines"]["duplicate"]]
    assert found["amount"].tolist() == [pytest.approx(TRUTHS["sales_lines_amounts"]["duplicate"])]


@pytest.mark.parametrize(
    ("issue", "planted", "amount"),
    [
        ("intercompany", "intercompany", "intercompany"),
        ("lines_without_customer", "without_customer", None),
        ("orphan_keys", "orphan_customer", None),
    ],
)
def test_lines_planted_are_counted_and_priced(demo, issue, planted, amount):
    found = demo.issues[demo.issues["issue"] == issue]
    assert found["count"].tolist() == [TRUTHS["sales_lines"][planted]]
    assert found["amount"].notna().all()
    if amount:
        assert found["amount"].tolist() == [pytest.approx(TRUTHS["sales_lines_amounts"][amount])]


def test_no_other_file_lost_a_row(demo):
    spoilt = demo.conservation["table"].isin(TABLES)
    assert demo.conservation.loc[~spoilt, ["rows_rejected", "rows_set_aside"]].sum().tolist() == [0, 0]


def test_rows_read_are_those_written_and_all_accounted_for(demo):
    read = demo.conservation.set_index("file")
    assert (read["rows_read"] == read[["rows_kept", "rows_rejected", "rows_set_aside"]].sum(axis=1)).all()
    titles = demo.set_aside[demo.set_aside["kind"] == "title"].set_index("file")["count"]
    below = read["rows_read"].sub(titles, fill_value=0)
    written = pd.Series(TRUTHS["rows_written"])
    blank_above = below - written
    assert set(written.index) == set(read.index)
    assert blank_above.drop("clients.xlsx").eq(0).all()


def test_the_control_totals(demo):
    control = demo.control.set_index("year")
    assert control["control_revenue"].to_dict() == {
        2024: TRUTHS["control"]["accounts_2024"],
        2025: TRUTHS["control"]["accounts_2025"],
    }
    assert control["gap"].to_dict() == pytest.approx(
        {2024: TRUTHS["control"]["gap_2024"], 2025: TRUTHS["control"]["gap_2025"]}, abs=0.01
    )
    assert demo.key_figures["control_gap"] == pytest.approx(TRUTHS["control"]["gap_2025"], abs=0.01)


def test_the_demo_is_fit_with_reserves(demo):
    assert set(demo.verdicts["verdict"]) == {"fit_with_reserves"}
    figures = demo.key_figures
    assert (figures["reports_reserved"], figures["reports_unfit"]) == (len(demo.verdicts), 0)
    assert (figures["months_covered"], figures["month_gaps"]) == (36, 0)
    assert demo.unmatched["file"].tolist() == TRUTHS["unmatched"]
    assert not any(item.severity is Severity.ALERT for item in data_fitness.findings(demo))


def test_months_are_whole(demo):
    assert demo.months["month"].is_monotonic_increasing
    assert not demo.months[["is_partial", "is_gap"]].any(axis=None)
    assert demo.months["net_revenue"].sum() == pytest.approx(demo.key_figures["amount_kept"])


# --- small clients, one fault each -----------------------------------------------------------------------------------

LINES = ("01/04/2026;C1;A;100,00", "15/05/2026;C2;B;200,00", "30/06/2026;C1;C;300,00")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Writes a client of one invoice file; ``lines`` replace its lines, ``toml`` is added to its settings.

    The only reports are those that need invoices and nothing else.
    """
    fed = {name: module for name, module in reports.REPORTS.items() if module.NEEDS in ((), ("sales_lines",))}
    monkeypatch.setattr(reports, "REPORTS", fed)

    def write(*lines: str, header: str = "Date;Client;Ligne;Montant", toml: str = "", mapping: str = "") -> Path:
        (tmp_path / "f.csv").write_text("\n".join([header, *(lines or LINES)]) + "\n", encoding="utf-8")
        columns = 'invoice_date = "Date"\ncustomer_id = "Client"\nline_id = "Ligne"\namount_net = "Montant"\n'
        (tmp_path / "client.toml").write_text(
            f'exported_on = 2026-07-01\n{toml}\n[[source]]\ntable = "sales_lines"\nfiles = ["f.csv"]\n'
            f"[source.columns]\n{mapping or columns}",
            encoding="utf-8",
        )
        return tmp_path

    return write


def judged(path: Path) -> data_fitness.Result:
    return data_fitness.compute(sp.open(path))


def test_a_clean_client_is_fit(folder):
    result = judged(folder())
    assert set(result.verdicts["verdict"]) == {"fit"}
    assert data_fitness.findings(result) == []
    assert result.not_computable["control"].code == "no_control_figure"
    assert result.control is None
    assert result.key_figures["rows_kept"] == 3
    assert result.key_figures["amount_kept"] == 600.0


def test_a_column_left_out_starves_and_says_so(folder):
    mapping = 'invoice_date = "Date"\nline_id = "Ligne"\namount_net = "Montant"\n'
    result = judged(folder(mapping=mapping))
    assert set(result.verdicts["verdict"]) == {"not_fed"}
    assert set(result.verdicts["column"]) == {"customer_id"}
    needed = result.feeds[result.feeds["use"] == "needed"]
    assert set(needed["state"]) == {"incomplete"}
    assert set(needed["missing_columns"]) == {"customer_id"}
    gaps = result.gaps.set_index("table")
    assert gaps.loc["sales_lines", ["state", "missing_columns"]].tolist() == ["incomplete", "customer_id"]
    assert gaps.loc["sales_lines", "stopped_count"] == len(needed)
    assert gaps.loc["customers", ["stopped_count", "served_count"]].tolist() == [0, len(needed)]
    assert {item.code for item in data_fitness.findings(result)} == {"column_not_exported"}


def test_dates_that_read_in_two_ways_block_until_settled(folder):
    lines = ("03/04/2026;C1;A;100,00", "05/04/2026;C2;B;200,00", "06/06/2026;C1;C;300,00")
    result = judged(folder(*lines))
    assert set(result.verdicts["verdict"]) == {"unfit"}
    assert set(result.verdicts["issue"]) == {"ambiguous_dates"}
    assert set(result.verdicts["mender"]) == {"consultant"}
    found = data_fitness.findings(result)
    assert [(item.code, item.severity) for item in found] == [("ambiguous_dates", Severity.ALERT)]
    assert "[source.formats]" in Phrasebook("data_fitness", "fr").say("ambiguous_dates_action", **found[0].values)


def test_too_many_rejects_block(folder):
    spoilt = (*LINES, "31/02/2026;C1;D;1,00")
    result = judged(folder(*spoilt))
    assert set(result.verdicts["issue"]) == {"too_many_rejects"}
    assert result.key_figures["rows_rejected"] == 1
    result = judged(folder(*spoilt, toml="max_rejected_share = 0.5"))
    assert set(result.verdicts["verdict"]) == {"fit_with_reserves"}


def test_a_gap_in_the_months_and_a_partial_month_are_seen(folder):
    result = judged(folder("30/04/2026;C1;A;100,00", "30/06/2026;C2;B;200,00", "01/07/2026;C1;C;300,00"))
    assert result.months["line_count"].tolist() == [1, 0, 1, 1]
    assert result.months["is_gap"].tolist() == [False, True, False, False]
    assert result.months["is_partial"].tolist() == [False, False, False, True]
    assert result.key_figures["month_gaps"] == 1


def test_thresholds_given_are_those_applied(folder):
    path = folder(toml="[control]\nnet_revenue = {2026 = 630.0}\n")
    dataset = sp.open(path)
    strict = data_fitness.compute(dataset)
    assert strict.key_figures["reports_reserved"] == len(strict.verdicts)
    loose = data_fitness.Thresholds(control_gap_share=0.1)
    result = data_fitness.compute(dataset, thresholds=loose)
    assert set(result.verdicts["verdict"]) == {"fit"}
    assert [item.code for item in data_fitness.findings(result, loose)] == ["control_agrees"]


def test_a_fiscal_year_bears_the_year_in_which_it_ends(folder):
    toml = "first_fiscal_month = 5\n[control]\nnet_revenue = {2026 = 100.0, 2027 = 500.0}\n"
    control = judged(folder(toml=toml)).control
    assert control[["year", "net_revenue", "gap"]].values.tolist() == [[2026, 100.0, 0.0], [2027, 500.0, 0.0]]


def test_what_was_corrected_is_listed(folder):
    path = folder()
    text = "table;key;column;value;reason\nsales_lines;B;amount_net;250,00;faute de frappe\n"
    (path / "corrections.csv").write_text(text, encoding="utf-8")
    result = judged(path)
    assert result.corrections[["record", "column", "new_value"]].values.tolist() == [["B", "amount_net", "250,00"]]
    assert result.key_figures["amount_kept"] == 650.0
    assert "correction_applied" not in set(result.issues["issue"])


def test_under_aliases_no_code_of_the_client_is_shown(folder):
    spoilt = (*LINES, "Dupont SA;C1;D;1,00")
    result = judged(folder(*spoilt, toml='[privacy]\ncustomers = "alias"\n'))
    shown = " ".join(frame.to_csv() for frame in vars(result).values() if isinstance(frame, pd.DataFrame))
    assert "Dupont" not in shown
    assert "Dupont" not in repr(data_fitness.findings(result))


def test_a_dataset_of_frames_has_no_exports_to_judge():
    frame = pd.DataFrame(
        {"line_id": ["a"], "customer_id": ["c"], "invoice_date": pd.to_datetime(["2026-06-30"]), "amount_net": [5.0]}
    )
    result = data_fitness.compute(Dataset.from_frames({"sales_lines": frame}))
    assert data_fitness.findings(result) == []
    assert result.months["net_revenue"].tolist() == [5.0]
    empty = {key for key, value in result.key_figures.items() if value is None}
    assert empty <= set(result.not_computable)
    absent = data_fitness.compute(Dataset.from_frames({"reps": pd.DataFrame({"rep_id": ["r"]})}, as_of="2026-06-30"))
    assert absent.months is None
    assert absent.not_computable["months"].code == "absent_table"


# --- words ------------------------------------------------------------------------------------------------------------


RAISING = {"Issue", "issue", "_issue", "refuse", "_note"}


def literals(node: ast.expr) -> set[str]:
    """A text, or both texts of ``a if b else c``."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) | literals(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def codes_in(source: str) -> set[str]:
    """The codes that a source may raise: first argument of what raises one, or what ``code`` and ``CODES`` name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found |= literals(node.args[0]) if name in RAISING else set()
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            found |= literals(node.value) if name == "code" else set()
            if name == "CODES" and isinstance(node.value, ast.Dict):
                found |= set().union(*map(literals, node.value.values))
    return found


def codes() -> set[str]:
    """Every code of an issue that the package may raise."""
    sources = [*sorted((ROOT / "salespilot" / "intake").glob("*.py")), ROOT / "salespilot" / "fitness.py"]
    return set().union(*(codes_in(path.read_text(encoding="utf-8")) for path in sources))


def test_the_codes_are_found_in_the_sources():
    assert {"unreadable_values", "ambiguous_dates", "control_gap", "duplicate_lines_dropped"} <= codes()


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_issue_has_its_words(code):
    assert f"issue_{code}" in phrases("_house")
    own = phrases("data_fitness")
    for key in (f"value.issue.{code}", f"value.remedy.{code}", f"{code}_observation", f"{code}_action"):
        assert key in own, key


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_finding_and_reserve_of_the_demo_can_be_said(demo, language):
    book = Phrasebook("data_fitness", language)
    for item in data_fitness.findings(demo):
        assert book.say(f"{item.code}_observation", **item.values)
        if item.severity is not Severity.GOOD:
            assert book.say(f"{item.code}_action", **item.values)
    for judged_issue in demo.judged.issues:
        assert book.say(judged_issue.reason.code, **judged_issue.reason.values)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_frame_has_headings_and_sheets(demo, language):
    book = Phrasebook("data_fitness", language)
    for name, frame in vars(demo).items():
        if isinstance(frame, pd.DataFrame):
            assert book.say(f"sheet_{name}")
            assert all(book.heading(column, name) for column in frame.columns)
    assert all(book.heading(name) for name in demo.key_figures)
