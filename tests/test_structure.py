"""The architecture as assertions: what a report brings, who may import whom, and the lists that must agree."""

from __future__ import annotations

import ast
import dataclasses
import graphlib
import re
import tomllib
from pathlib import Path

import nbformat
import pytest

from salespilot.conventions import threshold
from salespilot.fitness import tables_of
from salespilot.reports import READS_ACTIONS, REPORTS
from salespilot.tables import TABLES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "salespilot"
DISPLAY = {"matplotlib", "seaborn", "papermill", "nbconvert", "IPython", "babel", "weasyprint", "xlsxwriter", "click"}
IN = (
    "tables",
    "places",
    "client",
    "exports",
    "embedded",
    "intake",
    "fitness",
    "marts",
    "deal_states",
    "views",
    "aliases",
    "engines",
    "dataset",
    "cells",
    "deals",
    "periods",
)
JUDGE = ("finding", "conventions", "classes", "inference", "behaviour", "diagnostics", "plans", "reports", "results")
OUT = (
    *("phrasebook", "phrasefile", "phrases", "charts", "page", "markup", "sentences", "slides", "brand", "injected"),
    *("engine", "report", "cli"),
)
SHARED = ("finding", "conventions", "classes", "inference", "behaviour")


def imports(source: str | ast.AST) -> set[str]:
    """The modules that a source imports, at any depth, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(source) if isinstance(source, str) else source):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def own(names: set[str]) -> set[str]:
    """The modules of this package among them, by their first part: dataset, intake, report ..."""
    return {name.split(".")[1] for name in names if name.startswith("salespilot.")}


def display_imports(source: str) -> set[str]:
    return {name.split(".")[0] for name in imports(source)} & DISPLAY


def upward_imports(layer: str, source: str) -> set[str]:
    forbidden = {"in": {*JUDGE, *OUT} - set(SHARED), "judge": set(OUT)}[layer]
    return own(imports(source)) & forbidden


def sources(names: tuple[str, ...]) -> list[Path]:
    found = []
    for name in names:
        module = PACKAGE / f"{name}.py"
        found += [module] if module.exists() else sorted((PACKAGE / name).rglob("*.py"))
    return found


@pytest.mark.parametrize("path", sources(IN), ids=str)
def test_in_never_imports_upward_nor_display(path):
    source = path.read_text(encoding="utf-8")
    assert upward_imports("in", source) == set()
    assert display_imports(source) == ({"xlsxwriter"} if path.stem == "aliases" else set())  # a key kept as a workbook


@pytest.mark.parametrize("path", sources(JUDGE), ids=str)
def test_judge_never_imports_display(path):
    source = path.read_text(encoding="utf-8")
    assert upward_imports("judge", source) == set()
    assert display_imports(source) == set()


def test_the_import_tests_have_teeth():
    assert display_imports("def f():\n    from matplotlib import pyplot") == {"matplotlib"}
    assert upward_imports("in", "from salespilot.report.run import run") == {"report"}
    assert upward_imports("judge", "from salespilot import phrasebook") == {"phrasebook"}
    assert upward_imports("judge", "import salespilot.charts.pareto") == {"charts"}


def test_every_module_is_in_one_layer():
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = packages | {path.stem for path in PACKAGE.glob("*.py")}
    assert modules <= {*IN, *JUDGE, *OUT, "__init__"}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_remade_for_an_action_where_it_reads_actions(name):
    module = REPORTS[name]
    files = sources((module.__name__.removeprefix("salespilot.").replace(".", "/"),))
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    reads = bool(re.search(r"\bactions\b|\baction_targets\b", re.sub(r'"""[\s\S]*?"""|#.*', "", text)))
    # data_fitness judges every table that is there, whatever its name
    assert (reads or name == "data_fitness") == (name in READS_ACTIONS)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_brings_its_five_files(name):
    module = REPORTS[name]
    kind = module.__name__.split(".")[1]
    assert (PACKAGE / kind / f"{name}.py").exists() or (PACKAGE / kind / name / "__init__.py").exists()
    assert (PACKAGE / "phrases" / f"{name}.toml").exists()
    assert (ROOT / "notebooks" / f"{name}.ipynb").exists()
    assert (ROOT / "tests" / f"test_{name}.py").exists()
    assert (ROOT / "data" / "demo" / "truths" / f"{name}.toml").exists()


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_keeps_the_contract(name):
    module = REPORTS[name]
    assert name == module.NAME
    assert module.__doc__
    assert set(tables_of(module.NEEDS)) <= set(TABLES)
    assert set(module.USES) <= set(REPORTS)
    for cls in (module.Parameters, module.Thresholds, module.Result):
        assert dataclasses.is_dataclass(cls)
        assert cls.__dataclass_params__.frozen
    assert {"key_figures", "not_computable"} <= {field.name for field in dataclasses.fields(module.Result)}
    assert undocumented(module.Thresholds) == []
    assert callable(module.compute)
    assert callable(module.findings)


def undocumented(cls) -> list[str]:
    return [f.name for f in dataclasses.fields(cls) if not (f.metadata.get("reason") or f.metadata.get("help"))]


def test_an_undocumented_threshold_is_seen():
    @dataclasses.dataclass(frozen=True)
    class Thresholds:
        good: float = threshold(0.5, "share", "half")
        bad: float = 0.5

    assert undocumented(Thresholds) == ["bad"]


def readings(source: str) -> tuple[set[str], list[str]]:
    """The attributes and words that a source names, and a pattern for each word it builds: f"win_{row}" is win_.+."""
    names, patterns = set(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = [re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in node.values]
            patterns.append("".join(parts))
    return names, patterns


def unread(fields: list[str], source: str) -> list[str]:
    names, patterns = readings(source)
    if ".+_.+" in patterns:  # a word of two, both of which the source names
        names |= {f"{one}_{other}" for one in names for other in names}
    patterns = [pattern for pattern in patterns if re.search(r"[a-z]{3}", pattern)]
    return [f for f in fields if f not in names and not any(re.fullmatch(pattern, f) for pattern in patterns)]


@pytest.mark.parametrize("name", REPORTS)
def test_every_setting_of_a_report_is_read(name):
    kind, module = REPORTS[name].__name__.split(".")[1], REPORTS[name]
    paths = [PACKAGE / "fitness.py", *(PACKAGE / kind).glob(f"{name}.py"), *(PACKAGE / kind / name).rglob("*.py")]
    source = "\n".join(path.read_text(encoding="utf-8").replace("from __future__", "from future") for path in paths)
    fields = [f.name for cls in (module.Parameters, module.Thresholds) for f in dataclasses.fields(cls)]
    assert unread(fields, source) == []


def test_a_setting_that_nothing_reads_is_seen():
    source = 'limit: float = 1.0\nhard: float = 2.0\nx = th.limit\ny = getattr(th, f"win_{row}")'
    assert unread(["limit", "hard", "win_a", "loss_a"], source) == ["hard", "loss_a"]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_notebook_is_thin_and_stored_bare(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "parameters" in code[0].metadata.get("tags", [])
    if path.stem in REPORTS:
        lines = [line for cell in code for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 45
        assert not re.search(r"\b(query|groupby|merge|pivot|read_csv|def |for |lambda )", "\n".join(lines))


def requirement(text: str) -> tuple[str, str]:
    name, limits = re.match(r"([\w.-]+)(?:\[\w+\])?\s*(.*)", text).groups()
    renamed = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base", "seaborn": "seaborn-base"}
    renamed["nbconvert"] = "nbconvert-core"
    return renamed.get(name, name), limits


def test_environment_agrees_with_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {requirement(text) for text in project["dependencies"]}
    lines = re.findall(r"^  - ([\w-]+[<>=].*)$", (ROOT / "environment.yml").read_text(), re.M)
    given = {requirement(line) for line in lines}
    assert given - wanted == {("python", project["requires-python"])}
    assert wanted - given == set()
    by_pip = re.findall(r"^      - (.+?)(?:  #.*)?$", (ROOT / "environment.yml").read_text(), re.M)
    assert by_pip == ["--editable ."]  # conda hands these lines to pip as a requirements file


def locked(name: str) -> set[tuple[str, str]]:
    """The (package, version) of a lock in which every package has hashes and none an address."""
    lock = (ROOT / name).read_text()
    assert "://" not in lock
    found = re.findall(r"^([\w.-]+)==(\S+).*\\\n\s+--hash=sha256:", lock, re.M)
    assert len(found) == len(re.findall(r"^\w", lock, re.M))
    return set(found)


def test_locks_hold_every_dependency_and_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    default, scale = locked("requirements.lock"), locked("requirements-scale.lock")
    names = {name for name, _ in default}
    extras = {requirement(text)[0] for texts in project["optional-dependencies"].values() for text in texts}
    assert extras <= {name for name, _ in scale}
    assert {re.match(r"[\w.-]+", text).group() for text in project["dependencies"]} <= names
    assert {pair for pair in scale if pair[0] in names} <= default
    assert {"ibis-framework", "pyspark", "distributed"} & names == set()


def test_pins_that_were_tried_hold():
    import matplotlib as mpl

    assert tuple(map(int, mpl.__version__.split(".")[:2])) < (3, 13)


@pytest.mark.slow
def test_pins_of_the_extras_hold():
    ibis, sqlglot = pytest.importorskip("ibis"), pytest.importorskip("sqlglot")
    assert ibis.__version__.startswith("12.0.")
    assert tuple(map(int, sqlglot.__version__.split(".")[:2])) < (30, 18)


def modules(root: Path) -> dict[str, Path]:
    """Every module under a folder by its dotted name; the name begins with the folder's where that is a package."""
    base = root.parent if (root / "__init__.py").exists() else root
    paths = {path: path.relative_to(base).with_suffix("").parts for path in sorted(root.rglob("*.py"))}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in paths.items()}


def too_long(paths: list[Path]) -> dict[str, int]:
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    return {name: length for name, length in lengths.items() if length > 400}


# Who lists all reports imports each; the page that judges all reports asks that list, when it is called.
OPEN_RINGS = {("salespilot.diagnostics.data_fitness", "salespilot.reports")}


class RunTime(ast.NodeTransformer):
    """Takes away what is imported for the type checker only."""

    def visit_If(self, node: ast.If) -> ast.AST:
        is_for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return ast.Pass() if is_for_types else self.generic_visit(node)


def cycle(root: Path) -> list[str]:
    """A ring of modules that import one another, at the head or inside a function; none where there is no ring."""
    known = modules(root)
    graph = {}
    for name, path in known.items():
        tree = RunTime().visit(ast.parse(path.read_text(encoding="utf-8")))
        met = imports(tree) & set(known)
        packages = {other.rpartition(".")[0] for other in met}  # "from package import module" asks for the module
        graph[name] = {other for other in met - packages - {name} if (name, other) not in OPEN_RINGS}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_no_module_is_too_long():
    trees = [PACKAGE, ROOT / "data", ROOT / "benchmarks"]
    assert too_long([path for tree in trees for path in modules(tree).values()]) == {}


@pytest.mark.parametrize("root", [PACKAGE, ROOT / "data", ROOT / "benchmarks", ROOT / "tests"], ids=lambda p: p.name)
def test_no_modules_import_one_another(root):
    assert cycle(root) == []


def test_the_tests_of_length_and_cycles_have_teeth(tmp_path):
    (tmp_path / "long.py").write_text("x = 1\n" * 401)
    (tmp_path / "short.py").write_text("x = 1\n" * 400)
    assert too_long(list(modules(tmp_path).values())) == {str(tmp_path / "long.py"): 401}
    package = tmp_path / "house"
    (package / "attic").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "attic" / "__init__.py").write_text("from house.cellar import coal")
    (package / "cellar.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.attic")
    assert cycle(package) == []
    (package / "cellar.py").write_text("def coal():\n    from house import attic")
    assert set(cycle(package)) == {"house.attic", "house.cellar"}
