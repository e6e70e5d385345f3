"""A run made again: what has not changed is kept, what has is made, and the folder's index stays whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import salespilot as sp
from salespilot.cli import main
from salespilot.client import load
from salespilot.intake.cache import digest
from salespilot.report import run as runs
from salespilot.report.draft import PREFIX, Draft, Job
from salespilot.report.keys import key
from salespilot.report.plan import Plan
from salespilot.report.progress import Estimate
from salespilot.report.run import Entry, run
from salespilot.reports import REPORTS

LINES = "N;Date;Client;Vendeur;Montant\n" + "".join(
    f"F{n};{n % 28 + 1:02d}/{n % 12 + 1:02d}/2025;C{n % 9};R{n % 3};{100 + n},50\n" for n in range(120)
)
PEOPLE = "rep_id;nom\nR0;Ève\nR1;Noé\nR2;Zoé\n"
TOML = """name = "Petit"
exported_on = 2026-01-05
complete_until = 2025-12-31
[[source]]
table = "sales_lines"
files = ["exports/lignes*.csv"]
[source.columns]
invoice_id = "N"
invoice_date = "Date"
customer_id = "Client"
rep_id_booked = "Vendeur"
amount_net = "Montant"
[[source]]
table = "reps"
files = ["exports/reps.csv"]
[source.columns]
rep_id = "rep_id"
display_name = "nom"
"""


@pytest.fixture
def client(tmp_path) -> Path:
    folder = tmp_path / "petit"
    (folder / "exports").mkdir(parents=True)
    (folder / "exports" / "lignes.csv").write_text(LINES, encoding="utf-8")
    (folder / "exports" / "reps.csv").write_text(PEOPLE, encoding="utf-8")
    (folder / "client.toml").write_text(TOML, encoding="utf-8")
    return folder


@pytest.fixture
def drawn(monkeypatch) -> list[str]:
    """The names of the documents made, in turn: each is a page that says its name, without kernel and printer."""
    names: list[str] = []

    def draft(job: Job) -> Draft:
        names.append(job.plan.name)
        place = Path(tempfile.mkdtemp(dir=job.folder, prefix=PREFIX))
        page = place / f"{job.plan.name}.html"
        page.write_text(job.plan.name, encoding="utf-8")
        return Draft(place, {page.name: digest(page)}, seconds=1.0)

    monkeypatch.setattr(runs, "draft", draft)
    monkeypatch.setattr(runs.results, "of", lambda *_: (None, []))
    return names


def states(folder: Path) -> dict[str, str]:
    return {name: one["state"] for name, one in json.loads((folder / "run.json").read_text("utf-8"))["reports"].items()}


def test_nothing_unchanged_is_made_again(client, drawn):
    first = run(client, formats=("html",))
    assert {"portfolio_review", "one_to_one", "one_to_one--R1"} <= set(drawn)
    assert len(drawn) == len(set(drawn))
    made = list(drawn)
    second = run(client, formats=("html",))
    assert drawn == made
    assert [(one.name, one.state) for one in first.entries] == [(one.name, one.state) for one in second.entries]
    assert all(one.is_kept for one in second.entries if one.state == "done")
    run(client, formats=("html",), force=True)
    assert sorted(drawn) == sorted(made * 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: (c / "exports" / "lignes.csv").write_text(LINES.replace("100,50", "100,51"), "utf-8"),
        lambda c: (c / "exports" / "lignes2.csv").write_text(LINES.replace("F", "G"), "utf-8"),
        lambda c: (c / "exports" / "unread.csv").write_text("a;b\n1;2\n", "utf-8"),
        lambda c: (c / "client.toml").write_text(TOML + '[brand]\nfirm = "Cabinet"\n', "utf-8"),
        lambda c: (c / "client.toml").write_text(TOML + '[privacy]\nreps = "alias"\n', "utf-8"),
        lambda c: (c / "client.toml").write_text(TOML + "[conventions]\nlost_days = 700\n", "utf-8"),
        lambda c: (c / "client.toml").write_text(TOML.replace("2026-01-05", "2026-01-06"), "utf-8"),
        lambda c: (c / "reports" / "2025-12-31" / "fr" / "portfolio_review.html").write_text("half", "utf-8"),
        lambda c: (c / "reports" / "2025-12-31" / "fr" / "portfolio_review.html").unlink(),
        lambda c: shutil.rmtree(c / ".salespilot"),
    ],
)
def test_what_a_report_rests_on_or_left_has_changed(client, drawn, change):
    run(client, ["portfolio_review"], formats=("html",))
    assert CliRunner().invoke(main, ["run", str(client), "portfolio_review", "--format", "html"]).exit_code == 0
    assert drawn == ["portfolio_review"]
    change(client)
    assert CliRunner().invoke(main, ["run", str(client), "portfolio_review", "--format", "html"]).exit_code == 0
    assert drawn == ["portfolio_review"] * 2


def test_other_arguments_make_other_documents(client, drawn):
    run(client, ["portfolio_review"], formats=("html",))
    for other in ({"months": 6}, {"language": "en"}, {"formats": ("html", "xlsx")}, {"parameters": {"rep": "R1"}}):
        run(client, ["portfolio_review"], **{"formats": ("html",), **other})
    assert len(drawn) == 5


def users(name: str) -> set[str]:
    """The reports that a threshold of one of them touches: itself and those that use it, at any remove."""
    found = {name}
    while more := {other for other, module in REPORTS.items() if set(module.USES) & found} - found:
        found |= more
    return found


def test_one_threshold_touches_exactly_the_reports_that_rest_on_it(client):
    opened = sp.open(client)

    def keys(thresholds) -> dict[str, str]:
        changed = replace(opened, client=replace(opened.client, thresholds=thresholds))
        return {name: key(changed, Plan(name, REPORTS[name].Parameters()), "fr", ("html",)) for name in REPORTS}

    before = keys({})
    assert keys({}) == before
    for name, option, value in (
        ("portfolio_review", "nugget_growth_share", 0.11),
        ("sales_cycle", "silent_days", 7),
        ("one_to_one", "facts_shown", 2),
        ("synthesis", "shown", 4),
        ("data_fitness", "orphan_share", 0.02),
    ):
        after = keys({name: {option: value}})
        touched = set(REPORTS) if name == "data_fitness" else users(name)  # the verdict on the data is in every report
        assert {report for report in REPORTS if before[report] != after[report]} == touched, name


def test_a_key_is_the_same_in_another_process(client):
    code = (
        "import sys, salespilot as sp\n"
        "from salespilot.report.keys import key\n"
        "from salespilot.report.plan import Plan\n"
        "ds = sp.open(sys.argv[1])\n"
        "print([key(ds, Plan(n, m.Parameters()), 'fr', ('pdf', 'html')) for n, m in sp.REPORTS.items()])"
    )
    opened = sp.open(client)
    said = [key(opened, Plan(name, module.Parameters()), "fr", ("html", "pdf")) for name, module in REPORTS.items()]
    done = subprocess.run(
        [sys.executable, "-c", code, client],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(said), done.stderr


def test_one_report_leaves_the_others_in_the_index(client, drawn):
    whole = run(client, formats=("html",))
    before = states(whole.folder)
    drawn.clear()
    run(client, ["portfolio_review"], formats=("html", "xlsx"))
    assert drawn == ["portfolio_review"]
    assert states(whole.folder) == before
    page = (whole.folder / "index.html").read_text("utf-8")
    assert "abc_cross_matrix.html" in page
    assert "one_to_one--R1.html" in page
    names = list(before)
    assert [names.index(name) for name in REPORTS] == sorted(names.index(name) for name in REPORTS)


@pytest.mark.usefixtures("drawn")
def test_documents_of_people_no_longer_there_disappear(client):
    folder = run(client, ["one_to_one"], formats=("html",)).folder
    assert (folder / "one_to_one--R1.html").exists()
    lines = re.sub(r"^.*;R1;.*\n", "", LINES, flags=re.M)
    (client / "exports" / "lignes.csv").write_text(lines, "utf-8")
    (client / "exports" / "reps.csv").write_text(PEOPLE.replace("R1;Noé\n", ""), "utf-8")
    run(client, ["portfolio_review"], formats=("html",))
    assert not list(folder.glob("one_to_one--R1.*"))
    assert "one_to_one--R1" not in (folder / "index.html").read_text("utf-8")
    run(client, ["one_to_one"], formats=("html",))
    assert sorted(path.name for path in folder.glob("*--*")) == ["one_to_one--R0.html", "one_to_one--R2.html"]


def test_a_report_that_failed_is_tried_again(client, drawn, monkeypatch):
    draw = runs.draft

    def fail(_: Job) -> Draft:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "draft", fail)
    answer = CliRunner().invoke(main, ["run", str(client), "portfolio_review", "--format", "html"])
    assert answer.exit_code == 1
    assert "failed   portfolio_review: OSError: [Errno 28] No space left on device" in answer.output
    monkeypatch.setattr(runs, "draft", draw)
    assert not run(client, ["portfolio_review"], formats=("html",)).failed
    assert drawn == ["portfolio_review"]


def test_what_a_killed_run_left_half_made_is_swept(client, drawn):
    folder = run(client, ["portfolio_review"], formats=("html",)).folder
    (folder / f"{PREFIX}portfolio_review-abcd").mkdir()
    (folder / f"{PREFIX}run.json").write_text("{", "utf-8")
    run(client, ["portfolio_review"], formats=("html",))
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "portfolio_review.html", "run.json"]
    assert drawn == ["portfolio_review"]


def test_a_run_stopped_leaves_what_is_finished_and_goes_on_from_there(client, drawn, monkeypatch):
    draw = runs.draft

    def stop(job: Job) -> Draft:
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return draw(job)

    monkeypatch.setattr(runs, "draft", stop)
    with pytest.raises(KeyboardInterrupt):
        run(client, formats=("html",))
    folder = client / "reports" / "2025-12-31" / "fr"
    assert [name for name, state in states(folder).items() if state == "done"] == drawn
    assert len(drawn) == 2
    assert all(f"{name}.html" in (folder / "index.html").read_text("utf-8") for name in drawn)
    monkeypatch.setattr(runs, "draft", draw)
    done = run(client, formats=("html",))
    assert len(drawn) == len(set(drawn)) == sum(one.state == "done" for one in done.entries)


@pytest.mark.usefixtures("drawn")
def test_the_same_run_again_imports_no_reader_of_data(client):
    arguments = ["run", str(client), "portfolio_review", "--format", "html"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    code = (
        "import sys; from salespilot.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'pandas', 'duckdb', 'numpy', 'papermill', 'nbconvert', 'matplotlib', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("index.html")


def test_a_run_starts_without_what_takes_seconds_to_load():
    code = (
        "import sys, salespilot.report.run\n"
        "print({'rfc3987_syntax.syntax_helpers', 'scipy.stats', 'scipy.optimize', 'matplotlib'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.usefixtures("drawn")
def test_progress_for_machines_is_one_object_a_line(client):
    answer = CliRunner().invoke(
        main, ["run", str(client), "portfolio_review", "sales_cycle", "--format", "html", "--json"]
    )
    said = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [one["event"] for one in said] == ["start", "document", "document", "end"]
    documents = {one["name"]: one for one in said if one["event"] == "document"}
    assert documents["sales_cycle"]["state"] == "not_run"
    assert documents["portfolio_review"]["files"][0].endswith("portfolio_review.html")
    assert documents["portfolio_review"]["done"] == 2
    assert (said[-1]["made"], said[-1]["not_run"]) == (1, 1)
    assert answer.exit_code == 2  # a report asked for by name cannot be made


@pytest.mark.usefixtures("drawn")
def test_a_run_that_is_not_watched_says_only_what_went_wrong(client):
    answer = CliRunner().invoke(main, ["run", str(client), "portfolio_review", "--format", "html"])
    assert answer.output.splitlines() == [str(client / "reports" / "2025-12-31" / "fr" / "index.html")]


def entry(name: str, seconds: float) -> Entry:
    return Entry(name, name, "done", seconds=seconds)


def test_the_time_left_is_said_when_there_is_ground_for_it(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("salespilot.report.progress.time.monotonic", lambda: clock[0])
    unknown = Estimate({}, {"a", "b", "c"}, 1, clock[0])
    assert unknown.left() is None
    clock[0] += 4
    unknown.ended(entry("a", 4.0))
    assert unknown.left() == pytest.approx(8.0)
    known = Estimate({"a": 2.0, "b": 10.0, "c": 2.0}, {"a", "b", "c"}, 2, clock[0])
    assert known.left() == pytest.approx(7.0)
    clock[0] += 4
    known.ended(entry("a", 4.0))  # twice as slow as the last time
    assert known.left() == pytest.approx(24.0)
    for name in "bc":
        known.ended(entry(name, 1.0))
    assert known.left() == 0.0


def test_the_exports_of_a_client_whose_files_lie_in_its_own_folder_are_not_what_runs_write(client, drawn):
    for path in (client / "exports").iterdir():
        path.rename(client / path.name)
    (client / "client.toml").write_text(TOML.replace("exports/", "").replace("lignes*.csv", "lignes.csv"), "utf-8")
    run(client, ["portfolio_review"], formats=("html",))
    assert (client / "actions.xlsx").exists()
    assert sp.open(client).intake.unmatched == ()
    run(client, ["portfolio_review"], formats=("html",))
    assert drawn == ["portfolio_review"]
    assert load(client).sources
