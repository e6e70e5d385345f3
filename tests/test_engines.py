"""The same client on DuckDB at home, on PostgreSQL through Ibis and on Spark: equal marts, results and reports."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

from salespilot import dataset, engines, results
from salespilot.client import ClientError, load
from salespilot.dataset import Dataset
from salespilot.intake import read
from salespilot.marts import MARTS
from salespilot.report.run import run
from salespilot.reports import REPORTS

ROOT = Path(__file__).parent.parent
Copy = Callable[..., Path]


@pytest.fixture(scope="module", params=["postgresql", "spark"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The ``[engine]`` of each kind, in the words of client.toml; its password is in the environment."""
    if request.param == "spark":
        pytest.importorskip("pyspark")
        if shutil.which("java") is None:
            pytest.skip("no Java: apt-get install default-jre-headless")
        yield f'[engine]\nurl = "local[2]"\nfolder = "{tmp_path_factory.mktemp("lake").as_posix()}"\n'
        return
    pytest.importorskip("ibis")
    port, password = request.getfixturevalue("postgresql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_PASSWORD", password)
        url = f"postgresql://erp:${{WAREHOUSE_PASSWORD}}@127.0.0.1:{port}/postgres"
        yield f'[engine]\nurl = "{url}"\nschema = "demo"\n'


@pytest.fixture(scope="module")
def copy(demo_client: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """``copy(text, without=...)``: the demo client, already read, with more in its client.toml."""

    def copied(text: str = "", without: str = "") -> Path:
        folder = Path(shutil.copytree(demo_client, tmp_path_factory.mktemp("engine") / "demo"))
        shutil.rmtree(folder / ".salespilot" / "results", ignore_errors=True)
        path = folder / "client.toml"
        blocks = path.read_text(encoding="utf-8").split("[[source]]")
        kept = [block for block in blocks if not without or f'table = "{without}"' not in block]
        path.write_text("[[source]]".join(kept) + "\n" + text, encoding="utf-8")
        return folder

    return copied


def loaded(folder: Path) -> Path:
    client = load(folder)
    assert engines.load(client, read(client)) == ["sales_lines", "activities"]
    return folder


def equal(one: object, other: object, place: str, rtol: float = 0.0) -> None:
    """The same to the last digit, or within ``rtol``; frames in their types too."""
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, rtol=rtol, atol=0, obj=place)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, rtol=rtol, atol=0, obj=place)
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            equal(getattr(one, field.name), getattr(other, field.name), f"{place}.{field.name}", rtol)
    elif isinstance(one, Mapping):
        assert list(one) == list(other), place
        for key, value in one.items():
            equal(value, other[key], f"{place}[{key}]", rtol)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for number, value in enumerate(one):
            equal(value, other[number], f"{place}[{number}]", rtol)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=rtol, abs=0, nan_ok=True), place
    else:
        assert repr(one) == repr(other), place


def equal_marts(home: Dataset, there: Dataset) -> None:
    assert (there.as_of, there.window, there.previous) == (home.as_of, home.window, home.previous)
    for window in (home.window, home.history):
        for name in MARTS:
            assert not home.mart(name, window).empty
            equal(home.mart(name, window), there.mart(name, window), name)
    equal(home.owners, there.owners, "owners")
    assert all(there.has(name) for name in engines.PARTIES)
    for name in ("customers", "reps"):
        equal(home.table(name), there.table(name), name)


@pytest.mark.slow
def test_marts_are_equal(engine: str, copy: Copy) -> None:
    folder = loaded(copy(engine))
    equal_marts(dataset.open(copy()), dataset.open(folder))
    assert not (folder / ".salespilot" / "engine").exists()  # no line was fetched


@pytest.mark.slow
def test_marts_are_equal_under_aliases_and_other_dating(engine: str, copy: Copy) -> None:
    settings = '[privacy]\nreps = "alias"\ncustomers = "alias"\n[conventions]\ncredit_note_dating = "original"\n'
    home, there = dataset.open(copy(settings)), dataset.open(loaded(copy(settings + engine)))
    equal_marts(home, there)
    equal_marts(home.at("2025-06-30"), there.at("2025-06-30"))
    assert there.mart("customer_sales")["customer_id"].dropna().str.startswith("Client ").all()


@pytest.mark.slow
def test_results_and_reports_are_equal(engine: str, copy: Copy) -> None:
    home, there = copy(), loaded(copy(engine))
    one, other = dataset.open(home), dataset.open(there)
    for name in REPORTS:
        result, found = results.of(one, name)
        again, found_again = results.of(other, name)
        equal(result, again, name, rtol=1e-9)  # sums of floats follow the order of the rows
        equal(found, found_again, name, rtol=1e-9)
    assert {path.name.split("-")[0] for path in (there / ".salespilot" / "engine").iterdir()} == set(engines.PARTIES)
    twins = [run(folder, ["abc_cross_matrix"], formats=["html"]).folder for folder in (home, there)]
    texts = [json.loads((folder / "abc_cross_matrix.json").read_text(encoding="utf-8")) for folder in twins]
    assert texts[0] == texts[1]


@pytest.mark.slow
def test_views_with_our_names_feed_a_client_that_exports_no_invoices(
    postgresql: tuple[int, str], copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ibis")
    import psycopg

    port, password = postgresql
    url = f"postgresql://erp:{password}@127.0.0.1:{port}/postgres"
    monkeypatch.setenv("WAREHOUSE_PASSWORD", password)
    text = f'[engine]\nurl = "{url.replace(password, "${WAREHOUSE_PASSWORD}")}"\nschema = "erp"\n'
    loaded(copy(text))
    shown = text.replace('"erp"', '"ours"')
    with psycopg.connect(url) as connection:
        connection.execute("create schema ours")
        connection.execute(
            "create view ours.sales_lines as select line_id::char(20), invoice_id, invoice_date::timestamp, doc_type,"
            " customer_id, rep_id_booked, amount_net::float8, margin, product_family, 'kept out' as note"
            " from erp.sales_lines"
        )
        connection.execute("create view ours.stages as select 'S' as stage_code, 1 as stage_order, 'open' as kind")
    folder = copy(shown, without="sales_lines")
    home, there = dataset.open(copy()), dataset.open(folder)
    assert there.columns("sales_lines")[0] == "line_id"
    assert not {"note", "quantity"} & set(there.columns("sales_lines"))
    assert there.table("stages")["stage_code"].tolist() == ["S"]
    equal(home.mart("customer_months"), there.mart("customer_months"), "customer_months")
    total = "select sum(amount_net) as amount, count(*) as n from sales_lines"
    equal(home.sql(total), there.sql(total), "fetched")
    (counted,) = (count for count in there.intake.counts if count.table == "sales_lines")
    assert counted.rows_kept == there.sql(total)["n"].iloc[0]
    (entry,) = run(folder, ["portfolio_review"], formats=["html"]).entries
    assert entry.state == "done", entry.reason
    before = there.intake.fingerprint
    with psycopg.connect(url) as connection:
        connection.execute("update erp.sales_lines set amount_net = amount_net + 1 where customer_id is not null")
    assert dataset.open(folder).intake.fingerprint != before
    with pytest.raises(ClientError, match="is not a table"):
        loaded(copy(shown))


@pytest.mark.slow
def test_what_stands_in_the_way_is_one_sentence(engine: str, copy: Copy) -> None:
    empty = engine.replace('"demo"', '"none"') if "schema" in engine else engine.replace("/lake", "/none")
    with pytest.raises(ClientError, match=r"\[engine\]: no standard table is there; `salespilot load demo`"):
        dataset.open(copy(empty))
    folder = loaded(copy(engine))
    export = next((folder / "exports").glob("factures_*.csv"))
    lines = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join(lines[:-3]))
    with pytest.raises(ClientError, match=r"sales_lines has \d+ rows there and \d+ in the exports; `salespilot load"):
        dataset.open(folder)
    assert loaded(folder)
    assert dataset.open(folder).mart("customer_sales").shape[0] > 0


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named_without_its_password(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ibis")
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "s3cr3t")
    folder = copy('[engine]\nurl = "postgresql://erp:${WAREHOUSE_PASSWORD}@127.0.0.1:1/erp"\n')
    with pytest.raises(ClientError, match=r"\[engine\] url: .*127\.0\.0\.1.*") as caught:
        dataset.open(folder)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(("module", "url"), [("ibis", "postgresql://erp@host/erp"), ("pyspark", "local[2]")])
def test_a_missing_extra_is_named(module: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "client.toml").write_text(f'[engine]\nurl = "{url}"\n', encoding="utf-8")
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    extra = {"ibis": "warehouse", "pyspark": "spark"}[module]
    with pytest.raises(ClientError, match=rf'{module}.* is missing; pip install "salespilot\[{extra}\]"'):
        dataset.open(tmp_path)


def test_load_without_an_engine_says_where_to_name_it(tmp_path: Path) -> None:
    (tmp_path / "client.toml").write_text("", encoding="utf-8")
    client = load(tmp_path)
    with pytest.raises(ClientError, match=r"no \[engine\] says where to load the tables; see docs/scale.md"):
        engines.load(client, read(client))


def test_every_engine_shown_in_the_docs_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    shown = [block.split("```")[0] for block in text.split("```toml\n")[1:]]
    assert len(shown) >= 3
    for block in shown:
        (tmp_path / "client.toml").write_text(block, encoding="utf-8")
        assert load(tmp_path).engine == engines.Engine(**tomllib.loads(block)["engine"])
