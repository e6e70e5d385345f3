"""One run, end to end: what it leaves, what it refuses, and what it does when a report fails."""

from __future__ import annotations

import html
import json
import shutil
import zipfile
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest
from click.testing import CliRunner
from pace import paced

import salespilot as sp
from salespilot.cli import main
from salespilot.plans import one_to_one
from salespilot.report.plan import Plan
from salespilot.reports import REPORTS

ROOT = Path(__file__).parent.parent
LINES = '[[source]]\ntable = "sales_lines"\nfiles = ["lines.csv"]\n[source.columns]\n'
LINES += "".join(f'{name} = "{name}"\n' for name in ("invoice_id", "invoice_date", "customer_id", "amount_net"))


def call(*arguments: object):
    """Run the command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def small(tmp_path) -> Path:
    """A client of 40 customers and 24 months, given as one file of invoice lines and nothing else."""
    rows = ["invoice_id;invoice_date;customer_id;amount_net"]
    for month in range(24):
        for customer in range(40):
            if (month + customer) % 3 == 0:
                day = f"{28 if month % 12 == 1 else 30}/{month % 12 + 1:02d}/{2024 + month // 12}"
                rows.append(f"F{month}-{customer};{day};{customer:04d};{20000 // (customer + 1)},50")
    (tmp_path / "lines.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "client.toml").write_text(
        'name = "Petit"\nlanguage = "fr"\nexported_on = 2026-01-05\ncomplete_until = 2025-12-31\n' + LINES, "utf-8"
    )
    return tmp_path


@pytest.mark.parametrize("asked", paced([("portfolio_review", "sales_cycle"), ()], ("portfolio_review", "sales_cycle")))
def test_a_run_leaves_reports_index_and_twins_and_no_name_under_aliases(demo_client, tmp_path, make_demo, asked):
    """Of two reports, and of all of them."""
    client = shutil.copytree(demo_client, tmp_path / "demo", ignore=shutil.ignore_patterns("reports", "actions*.xlsx"))
    with (client / "client.toml").open("a", encoding="utf-8") as file:
        file.write('\n[privacy]\nreps = "alias"\ncustomers = "alias"\n')
    answer = call("run", client, *asked, "--format", "html,xlsx", "--jobs", 2)
    assert answer.exit_code == 0, answer.output
    folder = client / "reports" / "2026-06-30" / "fr"
    names = {path.name for path in folder.iterdir()}
    people = [Plan(one_to_one.NAME, {}, rep).name for rep in one_to_one.people(sp.open(client))]
    assert len(people) == 11
    assert names == {"index.html", "run.json"} | {
        f"{name}.{kind}" for name in asked or (*REPORTS, *people) for kind in ("html", "xlsx", "ipynb", "json")
    }
    assert str(folder / "index.html") in answer.output
    for name in asked or REPORTS:
        content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        assert content["as_of"] == "2026-06-30"
        assert content["data"]["sales_lines"]["rows_kept"] > 15_000
        nulls = {key for key, value in content["key_figures"].items() if value is None}
        assert nulls <= set(content["not_computable"])
        assert all(item["observation"] for item in content["findings"])
        assert all(item["action"] for item in content["findings"] if item["severity"] != "good")
    assert named_in(folder, client, make_demo.frames(7)) == {}
    assert "Commercial 07" in (folder / "portfolio_review.html").read_text("utf-8")
    assert (client / "aliases.xlsx").exists()


def named_in(folder: Path, client: Path, true: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    """The files left by a run that name a customer or salesperson, and whom."""
    telling = [n for n in (*true["customers"]["name"].dropna(), *true["reps"]["display_name"]) if len(n) > 5]
    assert len(telling) >= 400
    told = {path.name: _text(path) for path in (*folder.iterdir(), client / "actions.xlsx")}
    return {file: named for file, text in told.items() if (named := [name for name in telling if name in text])}


def _text(path: Path) -> str:
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return html.unescape("".join(book.read(name).decode("utf-8", "replace") for name in book.namelist()))
    return html.unescape(path.read_text("utf-8"))


def test_only_invoice_lines_give_reports_that_say_what_is_missing(small):
    answer = call("run", small, "--format", "html", "--jobs", 2)
    assert answer.exit_code == 0, answer.output
    folder = small / "reports" / "2025-12-31" / "fr"
    review = json.loads((folder / "portfolio_review.json").read_text(encoding="utf-8"))
    assert review["key_figures"]["coverage_rate"] is None
    assert "Activités" in review["not_computable"]["coverage_rate"]
    page = (folder / "portfolio_review.html").read_text(encoding="utf-8")
    assert "Non calculable" in page
    assert "Traceback" not in page


def test_all_numbers_stay_when_the_file_is_given_twice_over(small):
    """Rows shuffled: the same figures."""
    ds = sp.open(small)
    before = sp.portfolio_review.compute(ds).key_figures
    head, *rows = (small / "lines.csv").read_text("utf-8").splitlines()
    (small / "lines.csv").write_text("\n".join([head, *reversed(rows)]) + "\n", "utf-8")
    after = sp.portfolio_review.compute(sp.open(small)).key_figures
    assert {k: pytest.approx(v, nan_ok=True) for k, v in before.items() if v is not None} == {
        k: v for k, v in after.items() if v is not None
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["portfolio_revue"], "did you mean 'portfolio_review'?"),
        (["portfolio_review", "-p", "repp=R1"], "unknown parameter 'repp'"),
        (["portfolio_review", "-p", "months=twelve"], "months must be of type int"),
        (["portfolio_review", "--as-of", "30/06/2026"], "as_of must be a date like 2026-06-30"),
        (["portfolio_review", "--as-of", "9999-12-31"], "as_of must lie between 1990-01-01 and 2199-12-31"),
        (["portfolio_review", "--as-of", "2010-06-30"], "lies before the first sale of the exports, 2024-01-30"),
        (["portfolio_review", "-p", "months=100000"], "months must be 0 (everything) to 1200"),
        (["portfolio_review", "--format", "docx"], "unknown format 'docx'"),
        (["portfolio_review", "-p", "rep"], "write it as NAME=VALUE"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_two(small, arguments, said):
    answer = call("run", small, *arguments)
    assert answer.exit_code == 2
    assert said in answer.output
    assert "Traceback" not in answer.output


def test_a_bad_client_file_is_one_line_and_exit_two(small):
    (small / "client.toml").write_text('nam = "x"\n', "utf-8")
    answer = call("run", small)
    assert answer.exit_code == 2
    assert "name" in answer.output


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[thresholds.portfolio_reviews]\nlost_days = 3\n", "did you mean 'portfolio_review'?"),
        ("[thresholds.portfolio_review]\ngrowth_shar = 0.2\n", "did you mean 'growth_share'?"),
        ("[conventions]\nabc_a_share = 80\n", "from 0 to 1 (0.15 for 15 %), not 80.0"),
    ],
)
def test_a_threshold_that_would_be_lost_is_one_line_and_exit_two(small, section, said):
    with (small / "client.toml").open("a", encoding="utf-8") as file:
        file.write(section)
    answer = call("check", small)
    assert answer.exit_code == 2
    assert said in answer.output


def test_a_folder_that_cannot_be_made_is_one_line_and_exit_two(small):
    answer = call("new", small / "lines.csv", small / "lines.csv")
    assert answer.exit_code == 2
    assert answer.output.startswith("salespilot: ")
    assert "lines.csv" in answer.output


def test_no_client_is_one_line_and_exit_two(tmp_path):
    answer = call("run", tmp_path / "nobody")
    assert answer.exit_code == 2
    assert "client.toml" in answer.output


def own_notebook(folder: Path, name: str, code: str) -> None:
    cells = [
        nbformat.v4.new_code_cell(
            'client: str = "."\nas_of: str = ""\nmonths: int = 12\nlanguage: str = "fr"\nword: str = "bonjour"',
            metadata={"tags": ["parameters"]},
        ),
        nbformat.v4.new_code_cell(code),
    ]
    (folder / "notebooks").mkdir(exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "notebooks" / f"{name}.ipynb")


def test_a_notebook_of_ones_own_runs_and_prints_like_any_report(small):
    own_notebook(
        small,
        "mine",
        "import salespilot as sp\n"
        "page = sp.open_page(None, client=client, as_of=as_of, months=months, language=language)\n"
        "page.title('Mon étude')\nfrom IPython.display import HTML, display\ndisplay(HTML(f'<p>{word} tous</p>'))",
    )
    answer = call("run", small, "mine", "--format", "html", "-p", "word=007")
    assert answer.exit_code == 0, answer.output
    page = (small / "reports" / "2025-12-31" / "fr" / "mine.html").read_text("utf-8")
    assert "Mon étude" in page
    assert "007 tous" in page


def test_a_report_that_fails_leaves_its_notebook_and_the_others_go_on(small):
    own_notebook(small, "broken", "raise ValueError('le jour se lève')")
    answer = call("run", small, "broken", "data_fitness", "--format", "html")
    assert answer.exit_code == 1
    assert "ValueError: le jour se lève" in answer.output
    folder = small / "reports" / "2025-12-31" / "fr"
    assert (folder / "broken.ipynb").exists()
    assert not (folder / "broken.html").exists()
    assert (folder / "data_fitness.html").exists()
    assert "le jour se lève" in (folder / "index.html").read_text("utf-8")


def test_a_report_without_its_tables_is_not_run(small):
    (small / "lines.csv").rename(small / "reps.csv")
    (small / "reps.csv").write_text("rep_id;display_name\n01;Zoé\n", "utf-8")
    toml = 'name = "x"\nlanguage = "fr"\n[[source]]\ntable = "reps"\nfiles = ["reps.csv"]\n'
    toml += '[source.columns]\nrep_id = "rep_id"\ndisplay_name = "display_name"\n'
    (small / "client.toml").write_text(toml, "utf-8")
    answer = call("run", small, "portfolio_review", "--format", "html")
    assert answer.exit_code in (2, 3)
    assert "not_run" in answer.output


def test_an_export_without_rows_is_unfit_and_no_report_of_zeros(small):
    (small / "lines.csv").write_text("invoice_id;invoice_date;customer_id;amount_net\n", encoding="utf-8")
    answer = call("run", small, "portfolio_review", "--format", "html")
    assert answer.exit_code == 3, answer.output
    assert "lines.csv n’a que des en-têtes" in answer.output


def test_the_key_of_a_correction_or_a_conflict_can_be_said(small):
    (small / "customers.csv").write_text("customer_id;name\n0001;A\n0001;B\n", encoding="utf-8")
    (small / "corrections.csv").write_text("table;key;column;value;reason\nsales_lines;NO;amount_net;1;x\n", "utf-8")
    columns = '[source.columns]\ncustomer_id = "customer_id"\nname = "name"\n'
    with (small / "client.toml").open("a", encoding="utf-8") as file:
        file.write(f'[[source]]\ntable = "customers"\nfiles = ["customers.csv"]\n{columns}')
    answer = call("run", small, "data_fitness", "portfolio_review", "--format", "html")
    assert "Traceback" not in answer.output
    assert answer.exit_code == 0, answer.output


def test_a_client_without_an_export_still_has_its_fitness_page(small):
    (small / "lines.csv").unlink()
    answer = call("check", small)
    assert answer.exit_code == 3, answer.output
    assert list((small / "reports").glob("*/fr/data_fitness.html"))


def test_check_says_what_the_data_are_good_for(small):
    (small / "lines.csv").write_text((small / "lines.csv").read_text("utf-8") + "F9;31/11/2025;0001;5,00\n", "utf-8")
    answer = call("check", small, "--language", "en")
    assert answer.exit_code == 0, answer.output
    assert "sales_lines              321 read = 320 kept + 1 rejected + 0 set aside" in answer.output
    assert "portfolio_review         Fit with reserves: " in answer.output
    assert "31/11/2025" in answer.output


def test_two_runs_at_once_are_refused(small):
    from filelock import FileLock

    (small / ".salespilot").mkdir()
    with FileLock(small / ".salespilot" / "lock"):
        answer = call("run", small, "data_fitness")
    assert answer.exit_code == 2
    assert "another run" in answer.output


def test_plain_papermill_works_and_is_strict(demo_client, tmp_path):
    notebook = ROOT / "notebooks" / "abc_cross_matrix.ipynb"
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(notebook, out, {"client": str(demo_client)}, progress_bar=False)
    assert out.exists()
    with pytest.raises(papermill.PapermillExecutionError, match=r"unknown parameter 'repp'; did you mean 'rep'\?"):
        papermill.execute_notebook(notebook, out, {"client": str(demo_client), "repp": "R07"}, progress_bar=False)


def test_figures_as_files(small):
    answer = call("run", small, "portfolio_review", "--format", "svg", "--format", "html")
    assert answer.exit_code == 0, answer.output
    assert (small / "reports" / "2025-12-31" / "fr" / "portfolio_review.html").exists()
    figures = small / "reports" / "2025-12-31" / "fr" / "figures"
    kinds = {path.suffix for path in figures.iterdir()}
    assert kinds == {".svg", ".png"}


def test_lab_copies_a_notebook_once(small):
    for name in ("explore", "portfolio_review"):
        answer = call("lab", small, name, "--no-open")
        assert answer.exit_code == 0, answer.output
        copy = small / "notebooks" / f"lab_{name}.ipynb"
        sources = [cell.source for cell in nbformat.read(copy, 4).cells]
        assert any(str(small) in source for source in sources)
    copy.write_text("mine", "utf-8")
    call("lab", small, "portfolio_review", "--no-open")
    assert copy.read_text("utf-8") == "mine"


@pytest.mark.slow
def test_the_guided_tour_runs(demo_client, tmp_path):
    papermill.execute_notebook(
        ROOT / "notebooks" / "explore.ipynb", tmp_path / "out.ipynb", {"client": str(demo_client)}, progress_bar=False
    )


def test_list_and_params_say_what_there_is():
    assert all(name in call("list").output for name in REPORTS)
    for name in REPORTS:
        said = call("params", name).output
        assert "months" in said
        assert "abc_a_share" in said
    said = " ".join(call("params", "portfolio_alignment").output.split())
    assert "as_of date = as-of date, like 2026-06-30; empty: end of the last closed month" in said
    assert "months int = 12 months: closed months reported on" in said
    assert "scenario text = balanced scenario whose moves are listed (stability, balanced, proximity)" in said
    assert "locks list = codes of the customers" in said
    assert call("params", "nothing").exit_code == 2


def test_a_kernel_that_dies_costs_one_report(small):
    own_notebook(small, "dead", "import os\nos._exit(9)")
    answer = call("run", small, "dead", "data_fitness", "--format", "html", "--jobs", 2)
    assert answer.exit_code == 1
    assert "failed   dead: the kernel died" in answer.output
    assert (small / "reports" / "2025-12-31" / "fr" / "data_fitness.html").exists()


def test_many_kernels_start_at_once(small):
    for number in range(8):
        own_notebook(small, f"n{number}", f"print({number})")
    answer = call("run", small, *(f"n{number}" for number in range(8)), "--format", "html", "--jobs", 8)
    assert answer.exit_code == 0, answer.output
