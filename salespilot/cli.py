"""The command line: a shell over the functions of the package.

Exit codes: 0 done, 1 a report failed, 2 bad arguments or client.toml, 3 the data are not fit, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import salespilot
from salespilot.report.made import DEFAULT_FORMATS, Run

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from salespilot.report.progress import Progress
    from salespilot.report.repeat import Request

F = TypeVar("F", bound=Callable[..., Any])
FAILED, BAD, UNFIT, INTERRUPTED = 1, 2, 3, 130
CONNECTING = "10s"


def _plain_errors(command: F) -> F:
    """Print the kit's own errors, and those of files and folders, as one line, exit 2; Ctrl-C stops at once."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from salespilot.client import PlainError

        try:
            return command(*args, **kwargs)
        except PlainError as error:
            click.echo(f"salespilot: {error}", err=True)
            sys.exit(BAD)
        except KeyboardInterrupt:
            click.echo("salespilot: stopped; what was finished is kept, the same command goes on from there", err=True)
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # a page that is being printed would be waited for
        except BrokenPipeError:
            raise
        except OSError as error:  # a folder that cannot be written, a disk that is full
            click.echo(f"salespilot: {error.filename or ''}: {error.strerror or error}", err=True)
            sys.exit(BAD)

    return wrapped  # type: ignore[return-value]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(salespilot.__version__)
def main() -> None:
    """From a client's raw sales exports to client-ready reports on the steering of the sales force."""


def _how(command: F) -> F:
    """The options of commands that make reports."""
    options = (
        click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Documents made at once."),
        click.option("--force", is_flag=True, help="Make again what has not changed."),
        click.option("--quiet", is_flag=True, help="No progress; what could not be made is said all the same."),
        click.option("--json", is_flag=True, help="Progress as one JSON object a line, for other programs."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("folder", default="demo", type=click.Path(path_type=Path))
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@_how
@_plain_errors
def demo(folder: Path, language: str, jobs: int, **how: Any) -> None:
    """Copy the invented demo client to FOLDER (default ./demo) and make every report of it."""
    from salespilot.places import shared

    source = shared("data") / "demo"
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("truths"))
    _run(folder, (), jobs=jobs, how=how, language=language, formats=DEFAULT_FORMATS)


@main.command()
@click.argument("client", type=click.Path(path_type=Path))
@click.argument("exports", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@_plain_errors
def new(client: Path, exports: tuple[Path, ...]) -> None:
    """Look at EXPORTS, say what each column is, and write CLIENT/client.toml."""
    from salespilot.intake.new import new as write

    click.echo(write(client, list(exports)))


@main.command()
@click.argument("client", type=click.Path(path_type=Path))
@click.option("--language", type=click.Choice(["fr", "en"]))
@_plain_errors
def check(client: Path, language: str | None) -> None:
    """Read everything, say what it is good for, make the fitness page; exit 3 when fit for no report."""
    from salespilot import dataset, fitness
    from salespilot.phrasebook import Phrasebook
    from salespilot.report.twin import counts
    from salespilot.reports import REPORTS

    opened = dataset.open(client)
    assert opened.client is not None
    assert opened.intake is not None
    for table, total in counts(opened).items():
        click.echo(
            f"{table:24} {total['rows_read']} read = {total['rows_kept']} kept "
            f"+ {total['rows_rejected']} rejected + {total['rows_set_aside']} set aside"
        )
    book = Phrasebook("data_fitness", language or opened.client.language, opened.client.currency)
    judged = fitness.assess(opened.intake, {name: REPORTS[name].NEEDS for name in REPORTS}, opened.client)
    for name, judgement in judged.judgements.items():
        why = judged.obstacle(name) or (judgement.main.reason if judgement.main else None)
        click.echo(
            f"{name:24} {book.value(judgement.verdict)}" + (f": {book.say(why.code, **why.values)}" if why else "")
        )
    _run(client, ("data_fitness",), how={}, language=language, formats=DEFAULT_FORMATS)


@main.command()
@click.argument("client", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1)
@click.option("--as-of", help="As-of date, like 2026-06-30; default: the end of the last closed month.")
@click.option("--language", type=click.Choice(["fr", "en"]), help="Default: that of client.toml.")
@click.option(
    "--format", "formats", multiple=True, default=["html,pdf,xlsx"], show_default=True, help="html, pdf, xlsx, svg."
)
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; see `salespilot params`.")
@click.option("--scheduler", metavar="ADDRESS", help="Make them on a Dask cluster that sees the folder of CLIENT.")
@_how
@_plain_errors
def run(
    client: Path,
    names: tuple[str, ...],
    as_of: str | None,
    language: str | None,
    formats: tuple[str, ...],
    given: tuple[str, ...],
    jobs: int,
    **how: Any,
) -> None:
    """Make reports of CLIENT: every one, or those NAMED (also notebooks of CLIENT/notebooks).

    What lies there whole and rests on nothing that has changed is not made again.
    """
    parameters = _parameters(given)
    common = {"as_of": as_of, "language": language}
    common = {name: value or parameters.pop(name, None) for name, value in common.items()}
    if "months" in parameters:
        common["months"] = parameters.pop("months")
    wanted = tuple(name.strip() for name in ",".join(formats).split(",") if name.strip())
    _run(client, names, jobs=jobs, how=how, **common, formats=wanted, parameters=parameters)


@main.command()
@click.argument("client", type=click.Path(path_type=Path))
@_plain_errors
def load(client: Path) -> None:
    """Write the large tables of CLIENT's exports to the engine that its client.toml names."""
    from salespilot import engines
    from salespilot.client import load as read_settings
    from salespilot.intake import read

    settings = read_settings(client)
    for name in engines.load(settings, read(settings)):
        click.echo(f"{name} loaded")


@main.command("list")
@click.option("--language", type=click.Choice(["fr", "en"]), default="en", show_default=True)
def list_reports(language: str) -> None:
    """The reports of the kit, with the tables they need."""
    from salespilot.phrasebook import Phrasebook
    from salespilot.reports import REPORTS

    for name, module in REPORTS.items():
        title = Phrasebook(name, language).say("title")
        needs = (need if isinstance(need, str) else " | ".join(need) for need in module.NEEDS)
        click.echo(f"{name:24} {title:36} {', '.join(needs) or '-'}")


@main.command()
@click.argument("name")
@_plain_errors
def params(name: str) -> None:
    """The parameters and thresholds of a report: type, default, unit, meaning and choices."""
    from salespilot.conventions import Common, Conventions, SettingError, kind, meaning
    from salespilot.reports import REPORTS

    if name not in REPORTS:
        raise SettingError(f"no report named {name!r}; reports are {', '.join(REPORTS)}")
    module = REPORTS[name]
    groups = {
        "parameters": (Common, module.Parameters),
        f"thresholds ([thresholds.{name}])": (module.Thresholds,),
        "[conventions]": (Conventions,),
    }
    for title, holders in groups.items():
        click.echo(title)
        for spec in (spec for holder in holders for spec in dataclasses.fields(holder)):
            default = ", ".join(spec.default) if isinstance(spec.default, tuple) else spec.default
            unit = f"{spec.metadata['unit']}: " if spec.metadata.get("unit") else ""
            click.echo(f"  {spec.name:28} {kind(spec):5} = {default!s:10} {unit}{meaning(spec)}")


@main.command()
@click.argument("client", type=click.Path(path_type=Path))
@click.argument("name", default="explore")
@click.option("--no-open", is_flag=True, help="Write the notebook, do not start JupyterLab.")
@_plain_errors
def lab(client: Path, name: str, no_open: bool) -> None:
    """Open JupyterLab on a copy of notebook NAME (default: explore) with CLIENT's parameters set."""
    from salespilot.report.lab import copy

    notebook = copy(client, name)
    click.echo(notebook)
    if not no_open:
        subprocess.run([sys.executable, "-m", "jupyterlab", str(notebook)], check=False)


def _parameters(given: tuple[str, ...]) -> dict[str, Any]:
    from salespilot.conventions import Common, SettingError, from_text

    parameters: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"-p {text}: write it as NAME=VALUE")
        parameters[name] = from_text(value, Common.months, "parameter months") if name == "months" else value
    return parameters


def _run(client: Path, names: tuple[str, ...], *, jobs: int = 1, how: Mapping[str, Any], **asked: Any) -> None:
    """Answer a run from what it left, or make it; ``how``: force, quiet, json, scheduler."""
    from salespilot.report import repeat

    request = repeat.Request(names, **asked)
    is_new = how.get("force") or how.get("json")
    made = (None if is_new else repeat.answer(client, request)) or _made(client, request, jobs, how)
    if not how.get("json"):
        for entry in made.entries:
            if entry.state != "done":
                click.echo(f"{entry.state:8} {entry.name}: {entry.reason}", err=True)
        for remark in made.remarks:
            click.echo(remark, err=True)
        click.echo(made.index)
    if made.failed:
        sys.exit(FAILED)
    if not made.is_fit:
        sys.exit(UNFIT)
    if any(entry.state == "not_run" and entry.name in names for entry in made.entries):
        sys.exit(BAD)


def _made(client: Path, request: Request, jobs: int, how: Mapping[str, Any]) -> Run:
    from salespilot.report.run import run as make

    with _executor(how.get("scheduler")) as executor:
        return make(
            client,
            request.names,
            as_of=request.as_of,
            months=request.months,
            language=request.language,
            formats=request.formats,
            parameters=request.parameters,
            jobs=jobs,
            force=bool(how.get("force")),
            executor=executor,
            progress=_progress(how),
        )


def _progress(how: Mapping[str, Any]) -> Progress:
    from rich.console import Console

    from salespilot.report.progress import Lines, Progress, Screen

    console = Console(stderr=True, highlight=False)
    if how.get("json"):
        return Lines()
    return Progress() if how.get("quiet") or not console.is_terminal else Screen(console)


@contextmanager
def _executor(scheduler: str | None) -> Iterator[Executor | None]:
    """A Dask cluster's executor; None where no cluster is asked for."""
    if not scheduler:
        yield None
        return
    from salespilot.report.plan import RunError

    try:
        from distributed import Client
    except ImportError as error:
        raise RunError("--scheduler needs Dask: pip install 'salespilot[dask]'") from error
    try:
        cluster = Client(scheduler, timeout=CONNECTING)
    except (OSError, TimeoutError, ValueError) as error:
        raise RunError(f"no Dask scheduler answers at {scheduler}") from error
    with cluster:
        yield cluster.get_executor(pure=False, retries=2)


if __name__ == "__main__":
    main()
