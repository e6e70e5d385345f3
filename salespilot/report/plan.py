"""What a run is to make: one document a report, or one a salesperson, with parameters checked before anything runs."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill

from salespilot.client import Client, PlainError
from salespilot.conventions import COMMON, from_text, settings
from salespilot.dataset import Dataset
from salespilot.places import shared
from salespilot.reports import REPORTS

UNSAFE = re.compile(r"[^\w.-]+")


class RunError(PlainError):
    """The run cannot start: unknown report or format, or a client folder in use. The message says what to do."""


@dataclass(frozen=True)
class Plan:
    """One document to make: its report (or own notebook), the parameters, and whose it is (a rep_id) where a report
    is made once for each salesperson."""

    report: str
    parameters: Any
    person: str = ""

    @property
    def name(self) -> str:
        """The name of its files; a code that no file may bear gets one that no other person has."""
        if not self.person:
            return self.report
        safe = UNSAFE.sub("_", self.person)
        mark = hashlib.sha1(self.person.encode(), usedforsecurity=False).hexdigest()[:4]
        return f"{self.report}--{safe if safe == self.person else f'{safe}-{mark}'}"

    @property
    def own(self) -> dict[str, Any]:
        """The parameters by name, as Papermill and JSON know them, without those that all reports share."""
        given = self.parameters if isinstance(self.parameters, dict) else dataclasses.asdict(self.parameters)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}

    def notebook(self, folder: Path) -> Path:
        """Its notebook: the kit's, or that of the client's folder."""
        home = shared("notebooks") if self.report in REPORTS else folder / "notebooks"
        return home / f"{self.report}.ipynb"


def plan(client: Client, names: Sequence[str], given: Mapping[str, Any]) -> list[Plan]:
    """Each report's own parameters, checked: every parameter given is known to one of them.

    Raises RunError on an unknown report or parameter, SettingError on a value that does not fit.
    """
    plans: list[Plan] = []
    used: set[str] = set()
    for name in names:
        if name in REPORTS:
            cls = REPORTS[name].Parameters
            defaults = {spec.name: spec.default for spec in dataclasses.fields(cls)}
        else:
            cls, defaults = None, _declared(_own_notebook(client, name))
        values = {
            key: from_text(value, defaults[key], f"parameter {key}") if isinstance(value, str) else value
            for key, value in given.items()
            if key in defaults
        }
        used |= set(values)
        plans.append(Plan(name, settings(cls, values, f"parameters of {name}") if cls else values))
    for key in set(given) - used:
        known = sorted({key for plan in plans for key in plan.own})
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join((*COMMON[1:], *known))}"
        raise RunError(f"unknown parameter {key!r} for {', '.join(names)}: {hint}")
    return plans


def again(client: Client, report: str, parameters: Mapping[str, Any], person: str) -> Plan | None:
    """The plan of a document made earlier; None where the report, its notebook or its parameters are no more."""
    if report not in REPORTS:
        made = Plan(report, dict(parameters), person)
        return made if made.notebook(client.folder).exists() else None
    try:
        return Plan(report, settings(REPORTS[report].Parameters, parameters, report), person)
    except ValueError:
        return None


def expanded(asked: Plan, dataset: Dataset, previous: str) -> list[Plan]:
    """A report made once for each salesperson becomes its page for the manager and one document for each.

    ``previous``: the as-of date of the last earlier run, for a report that compares with it.
    """
    if getattr(asked.parameters, "since", None) == "":
        asked = dataclasses.replace(asked, parameters=dataclasses.replace(asked.parameters, since=previous))
    if not is_by_person(asked.report):
        return [asked]
    if asked.parameters.rep:
        return [dataclasses.replace(asked, person=asked.parameters.rep)]
    each = [dataclasses.replace(asked.parameters, rep=person) for person in REPORTS[asked.report].people(dataset)]
    return [asked, *(dataclasses.replace(asked, parameters=own, person=own.rep) for own in each)]


def is_by_person(report: str) -> bool:
    """Whether a report is made once for each salesperson."""
    return callable(getattr(REPORTS.get(report), "people", None))


def _declared(notebook: Path) -> dict[str, Any]:
    """The parameters that a notebook declares in its first cell, with their defaults."""
    try:
        declared = papermill.inspect_notebook(notebook)
    except ValueError as error:
        raise RunError(f"{notebook}: {error} Open it once in JupyterLab and save it.") from error
    return {key: _literal(spec["default"]) for key, spec in declared.items() if key not in COMMON}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _own_notebook(client: Client, name: str) -> Path:
    path = client.folder / "notebooks" / f"{name}.ipynb"
    if path.exists():
        return path
    known = [*REPORTS, *(own.stem for own in sorted(path.parent.glob("*.ipynb")))]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"reports are {', '.join(known)}"
    raise RunError(f"no report named {name!r}: {hint}")
