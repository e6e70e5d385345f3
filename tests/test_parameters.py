"""Parameters: declared once, and refused on every door before anything runs."""

from __future__ import annotations

import ast
import dataclasses
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import papermill
import pytest

from salespilot import injected
from salespilot.conventions import Common, Conventions, SettingError, Settings, kind, meaning, parameter
from salespilot.diagnostics import forecast_accuracy, portfolio_alignment, sales_contest
from salespilot.plans import synthesis
from salespilot.report.plan import RunError, plan
from salespilot.report.run import run
from salespilot.reports import REPORTS

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
WRITTEN = {"text": "str", "date": "str", "list": "list", "int": "int", "float": "float", "bool": "bool"}


@pytest.fixture
def client(tmp_path) -> Path:
    (tmp_path / "client.toml").write_text('name = "x"\n', "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", REPORTS)
def test_settings_are_checked_wherever_they_are_made(name):
    assert issubclass(REPORTS[name].Parameters, Settings)
    assert issubclass(REPORTS[name].Thresholds, Settings)
    assert issubclass(Conventions, Settings)


@pytest.mark.parametrize(
    ("report", "given", "said"),
    [
        (sales_contest, {"start": "14/09/2026"}, "start must be a date like 2026-06-30, not '14/09/2026'"),
        (sales_contest, {"end": 20260914}, "end must be a date"),
        (synthesis, {"since": "2026-02-30"}, "since must be a date"),
        (sales_contest, {"winners": 2.5}, "winners must be of type int"),
        (sales_contest, {"winners": -1}, "winners must not be negative"),
        (sales_contest, {"winners": True}, "winners must be of type int"),
        (sales_contest, {"budget": float("nan")}, "budget must be a number, not nan"),
        (sales_contest, {"rule": "fair"}, "rule must be one of"),
        (sales_contest, {"contest": 7}, "contest must be of type str .* a code is text"),
        (portfolio_alignment, {"locks": [7, 8]}, "locks must be a list of texts"),
        (portfolio_alignment, {"locks": 7}, "locks must be of type tuple"),
        (forecast_accuracy, {"horizon_days": "30"}, "horizon_days must be of type int"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_python_and_by_a_run(client, report, given, said):
    with pytest.raises(SettingError, match=said):
        report.Parameters(**given)
    if not isinstance(next(iter(given.values())), str):  # a run reads text, as the command line gives it
        with pytest.raises(SettingError, match=f"parameters of {report.NAME}: {said}"):
            run(client, [report.NAME], parameters=given)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"as_of": "30/06/2026"}, "as_of must be a date"),
        ({"months": "12"}, "months must be of type int"),
        ({"months": -1}, "months must not be negative"),
        ({"language": "de"}, "language must be one of"),
        ({"parameters": {"horizon_days": "soon"}}, "parameter horizon_days must be of type int, not 'soon'"),
        ({"parameters": {"period": "day"}}, "period must be one of"),
        ({"parameters": {"horizon": "3"}}, "unknown parameter 'horizon' .* did you mean 'horizon_days'"),
    ],
)
def test_a_run_refuses_before_it_reads_or_writes_anything(client, asked, said):
    with pytest.raises((SettingError, RunError), match=said):
        run(client, ["forecast_accuracy"], **asked)
    assert [path.name for path in client.iterdir()] == ["client.toml"]


def test_codes_dates_lists_and_not_set():
    assert sales_contest.Parameters(rep="007").rep == "007"
    assert sales_contest.Parameters(start=date(2026, 9, 14)).start == "2026-09-14"
    assert portfolio_alignment.Parameters(locks=["001", "002"]).locks == ("001", "002")
    assert portfolio_alignment.Parameters(locks="001, 002").locks == ("001", "002")
    unset = dict.fromkeys(field.name for field in dataclasses.fields(sales_contest.Parameters))
    assert sales_contest.Parameters(**unset) == sales_contest.Parameters()


def test_the_command_line_gives_text_and_parameters_keep_their_type():
    given = {"rep": "007", "start": "2026-09-14", "winners": "3", "budget": "1500.5", "end": ""}
    (made,) = plan(None, ["sales_contest"], given)
    assert made.own == {
        "rep": "007",
        "start": "2026-09-14",
        "winners": 3,
        "budget": 1500.5,
        "end": "",
        "rule": "",
        "contest": "",
    }
    (made,) = plan(None, ["portfolio_alignment"], {"locks": "001,002", "bans": ""})
    assert (made.parameters.locks, made.parameters.bans) == (("001", "002"), ())
    assert made.own["locks"] == ["001", "002"]  # Papermill writes a tuple as text


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_first_cell_of_a_notebook_is_the_declaration(path):
    own = [REPORTS[path.stem].Parameters] if path.stem in REPORTS else []
    declared = {field.name: field for holder in (Common, *own) for field in dataclasses.fields(holder)}
    shown = papermill.inspect_notebook(path)
    assert list(shown) == list(declared)
    for name, field in declared.items():
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        assert ast.literal_eval(shown[name]["default"]) == default, name
        assert shown[name]["inferred_type_name"] == WRITTEN[kind(field)], name
        assert shown[name]["help"] == meaning(field), name


CELL = 'client: str = "demo"  # folder\nrep: str = ""'


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([CELL, '# Parameters\nclient = "x"\nrepp = "R1"\n'], "unknown parameter 'repp'; did you mean 'rep'"),
        ([CELL, '# Parameters\nclient = "x"\nrep = "R1"\n', "other = 1"], None),
        (["%matplotlib inline", "# Parameters\nanything = 1\n"], None),
        ([CELL, "own = 1"], None),
    ],
)
def test_a_name_that_papermill_injected_and_nobody_declared_is_refused(monkeypatch, cells, said):
    monkeypatch.setattr(injected, "get_ipython", lambda: SimpleNamespace(user_ns={"In": ["", *cells]}))
    if said is None:
        injected.check()
        return
    with pytest.raises(SettingError, match=said):
        injected.check()


def test_outside_a_kernel_nothing_was_injected():
    injected.check()


def test_what_a_parameter_is_for_names_its_choices():
    @dataclasses.dataclass(frozen=True)
    class Asked(Settings):
        mode: str = parameter("", "which; empty: any", ("", "a", "b"))
        day: str = parameter("", "when", is_date=True)

    mode, day = dataclasses.fields(Asked)
    assert (kind(mode), meaning(mode)) == ("text", "which; empty: any (a, b)")
    assert kind(day) == "date"
