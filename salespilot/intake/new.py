"""``salespilot new``: look at exports, say what each column is, and write the client.toml that reads them.

Nothing is asked. What is sure is written; what is doubtful and would at worst leave a gap or a poorer label is written
as an active line with a ``# doubtful:`` comment; what is dangerous (a company's size taken for sales, an amount with
VAT) is written as a comment only, for the consultant to settle.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from salespilot.client import FILE, ClientError
from salespilot.intake.computed import Match, example_of, identifier
from salespilot.intake.files import workbook
from salespilot.intake.mapping import Proposal, propose
from salespilot.intake.presets import PresetError
from salespilot.intake.recurring import Recurrence, recurrence
from salespilot.intake.snapshots import DEALS, LOG, without_day
from salespilot.intake.sniff import Layout, SniffError, layouts, sample
from salespilot.intake.vocabulary import fold, language_of, synonyms
from salespilot.tables import TABLES

SAMPLE_ROWS = 20_000  # of one file; sniff reads no further than the head anyway
SAMPLE_FILES = 24  # of a group of alike files
SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP"}
_DAY_MONTH = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](?:19|20)?\d\d\b")
SINCE_EVER = "'1990-01-01'"


@dataclass(frozen=True)
class Export:
    """Alike files (same headers): their layout (of the first), and sample rows of several, by the file's stem."""

    files: tuple[Path, ...]
    layout: Layout
    samples: Mapping[str, Sequence[dict[str, str]]]

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """The sample rows of all files."""
        return [row for rows in self.samples.values() for row in rows]

    @property
    def name(self) -> str:
        """What the export is called: its JSON model, or the words its files' names share."""
        return self.layout.model or _start([file.stem for file in self.files]) or self.files[0].stem


def new(folder: Path, exports: list[Path]) -> str:
    """Write ``folder``/client.toml from the ``exports`` and return the report: mapped, doubtful, missing, line by line.

    Raises ClientError when the client exists already (the message holds the lines to add by hand), when no export can
    be read, or when one of the client's own presets is broken.
    """
    groups, unreadable = _look(exports)
    try:
        found = _once([(export, proposal) for export in groups for proposal in _proposals(export, folder)])
    except PresetError as error:
        raise ClientError(str(error)) from error
    used = [(export, proposal) for export, proposal in found if proposal.table]
    order = _order(used)
    blocks = [_source_block(folder, export, proposal, order) for export, proposal in used]
    path = folder / FILE
    if path.exists():
        raise ClientError(
            f"{path} exists and is left as it is. Lines to add for these exports:\n\n" + "\n".join(blocks)
        )
    if not groups:
        raise ClientError("none of the exports can be read:\n" + "\n".join(unreadable))
    heading, said = _heading(folder, groups)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([heading, *blocks, _FOOT]), encoding="utf-8")
    lines = [f"{path} written."]
    for export, proposal in found:
        lines += ["", *_told(folder, export, proposal, order)]
    for file in dict.fromkeys(export.files[0] for export, _ in found if export.layout.sheet):
        read = [export.layout.sheet for export, _ in found if file in export.files]
        others = [_plain(name, 60) for name in workbook(file).sheet_names if name not in read]
        lines += [
            f'not read: sheet {other} of {_plain(file.name, 60)}: add a [[source]] with sheet = "..."'
            for other in others
        ]
    lines += ["", *(f"not readable: {line}" for line in unreadable)] if unreadable else []
    repeating = {p.table for _, p in used if p.states}
    for table, count in Counter(p.table for _, p in used).items():
        if count > 1 and table not in repeating:
            lines.append(f"{count} sources feed {table}: their rows add up; remove one if it is a copy of another.")
    return "\n".join([*lines, "", said, f"Next: settle what is doubtful in {path}, then salespilot check {folder}"])


def _look(exports: Sequence[Path]) -> tuple[list[Export], list[str]]:
    """Exports grouped by headers, in the order given, and a line for each file that cannot be read."""
    groups: dict[tuple[object, ...], list[tuple[Path, Layout]]] = {}
    unreadable = []
    files = [file for path in exports for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    for file in dict.fromkeys(f for f in files if f.is_file() and f.name != FILE):
        try:
            for seen in layouts(file):
                groups.setdefault((seen.format, seen.headers, seen.model, seen.sheet, file.parent), []).append(
                    (file, seen)
                )
        except (SniffError, OSError, ValueError) as error:
            unreadable.append(_plain(str(error), 200))
    made = []
    for alike in groups.values():
        step = max(1, len(alike) // SAMPLE_FILES)
        samples = {file.stem: sample(file, seen, SAMPLE_ROWS) for file, seen in alike[::step]}
        made.append(Export(tuple(file for file, _ in alike), alike[0][1], samples))
    return made, unreadable


def _once(found: Sequence[tuple[Export, Proposal]]) -> list[tuple[Export, Proposal]]:
    """Without the sheets of a workbook that show what another holds (a pivot of it), or no table.

    Sheets of the same headers, one a year, add up.
    """
    kept: list[tuple[Export, Proposal]] = []
    for export, proposal in found:
        beside = [(e, p) for e, p in kept if set(e.files) & set(export.files) and e.layout.sheet != export.layout.sheet]
        is_new = proposal.table not in [None, *(p.table for _, p in beside)] and not proposal.missing
        if (
            not export.layout.sheet
            or not beside
            or is_new
            or export.layout.headers in [e.layout.headers for e, _ in beside]
        ):
            kept.append((export, proposal))
    return kept


def _proposals(export: Export, folder: Path) -> list[Proposal]:
    """What an export is; a customer file that names the salesperson of each customer is portfolios too."""
    proposal = propose(
        export.layout.headers, export.rows, name=export.name, folder=folder, sheet=export.layout.sheet or ""
    )
    proposal = _recurring(export, folder) or proposal
    if proposal.table != "customers" or "customer_id" not in proposal.columns:
        return [proposal]
    meant = [synonym.words for synonym in synonyms().columns["customer_assignments"]["rep_id"]]
    holder = next((h for h in proposal.unused if fold(h) in meant), None)
    if holder is None:
        return [proposal]
    example = next((row[holder] for row in export.rows if row[holder].strip()), "")
    since = proposal.columns.get("created_date")
    columns = {
        "customer_id": proposal.columns["customer_id"],
        "rep_id": Match(holder, "sure", example),
        "valid_from": replace(since, confidence="doubtful", why="the portfolio's date is not given: the customer's own")
        if since
        else Match(
            SINCE_EVER, "doubtful", "", "the portfolio's date is not given: held since ever", is_expression=True
        ),
    }
    rest = replace(proposal, unused=tuple(h for h in proposal.unused if h != holder))
    return [rest, Proposal("customer_assignments", columns)]


def _recurring(export: Export, folder: Path) -> Proposal | None:
    """A list of deals that shows each several times; None when it is none."""
    first = next(iter(export.samples.values()), [])
    once = propose(export.layout.headers, first, name=export.name, folder=folder)
    if once.sql or once.table not in (DEALS, LOG, None) or (once.table == LOG and "new_value" in once.columns):
        return None
    whole = propose(export.layout.headers, export.rows, table=DEALS, folder=folder)
    found = recurrence(whole.columns, export.layout.headers, export.samples)
    if found is None or (once.table != DEALS and (found.value == "file" or "stage_code" not in whole.columns)):
        return None
    return replace(whole, states=found, unused=tuple(h for h in whole.unused if h != found.value))


# --- client.toml -----------------------------------------------------------------------------------------------------


_FOOT = """
# What else this file may say:
# exported_on = 2026-07-03          day of the export (default: the files' dates); top of the file
# complete_until = 2026-06-30       last day for which everything is invoiced; top of the file
# snapshot = "file"                 in a [[source]] of deals: several exports of one list, dated in the files' names,
#                                   or by the column named here; changed_at = COLUMN: one row a change of a deal
# [control]
# net_revenue = {2025 = 12345678.90}    the accounts' figure, compared with the exports'
# [privacy]
# reps = "alias"                    Commercial 07 instead of names
"""


def _heading(folder: Path, groups: Sequence[Export]) -> tuple[str, str]:
    """The top of client.toml, and the sentence that says how language and currency were chosen."""
    headers = tuple(header for export in groups for header in export.layout.headers)
    told = language_of(headers)
    language = told or "en"
    symbol = Counter(SYMBOLS[c] for text in _texts(groups) for c in text if c in SYMBOLS).most_common(1)
    currency = symbol[0][0] if symbol else "EUR"
    why = "its sign is in the exports" if symbol else "no currency sign found: the default"
    said = f"Language {language} ({'the headers' if told else 'the default'}), currency {currency} ({why})."
    return (
        f"name = {_quoted(folder.resolve().name)}\n"
        f'language = "{language}"\n'
        f'currency = "{currency}"    # {why}\n'
        '# country = "FR"    # whose public holidays count\n'
    ), said


def _texts(groups: Sequence[Export]) -> Iterable[str]:
    for export in groups:
        yield from export.layout.headers
        for row in export.rows[:200]:
            yield from (value for value in row.values() if len(value) < 25)


def _source_block(folder: Path, export: Export, proposal: Proposal, order: str | None) -> str:
    lines = [f"# {_described(export)}", "[[source]]", f'table = "{proposal.table}"']
    lines.append(f"files = [{', '.join(_quoted(p) for p in _patterns(folder, export.files, proposal.states))}]")
    if export.layout.model:
        lines.append(f"model = {_quoted(export.layout.model)}")
    if export.layout.sheet:
        lines.append(f"sheet = {_quoted(export.layout.sheet)}")
    if order and _undecided(export, proposal):
        lines.append(
            f'date_order = "{order}"    # doubtful: nothing tells the day from the month; as in the other exports'
        )
    if proposal.sql:
        of = f"from the preset {proposal.preset}" if proposal.preset else "the months lie side by side: a row for each"
        lines += [f"# {of}", f"sql = '''{_filled_in(proposal.sql, export)}'''"]
    if proposal.sql and not proposal.wide:
        lines += ["[source.columns]"] if proposal.columns else []
        lines += [f"{column} = {_quoted(match.source)}" for column, match in proposal.columns.items()]
        return "\n".join([*lines, ""])
    if proposal.states:
        lines.append(
            f"{proposal.states.option} = {_quoted(proposal.states.value)}    # {_plain(proposal.states.why, 200)}"
        )
    lines.append("[source.columns]")
    for column, match in proposal.columns.items():
        note = f"    # doubtful: {_plain(match.why, 200)}" if match.why else ""
        lines.append(f"{'# ' if match.is_dangerous else ''}{column} = {_quoted(match.source)}{note}")
    lines += [f'# {column} = ""    # missing: needed' for column in proposal.missing if column not in proposal.columns]
    if proposal.unused:
        lines.append(f"# not used: {_plain(', '.join(proposal.unused), 1000)}")
    for column, translation in proposal.values.items():
        lines.append(f"[source.values.{column}]")
        lines += [f"{_quoted(value)} = {_quoted(standard)}" for value, standard in translation.items()]
    undecided = _undecided(export, proposal)
    if undecided and not order:
        order = "dmy" if language_of(export.layout.headers) == "fr" else "mdy"
        lines += ["# doubtful: nothing in these dates tells the day from the month; uncomment what is true:"]
        lines += ["# [source.formats]", *(f'# {c} = "{order}"    # {_plain(v, 40)}' for c, v in undecided.items())]
    return "\n".join([*lines, ""])


def _order(found: Sequence[tuple[Export, Proposal]]) -> str | None:
    """The order of day and month that the exports prove together; None when none proves it, or not all the same."""
    proven = set()
    for export, proposal in found:
        for value in {row[header].strip() for header in _dated(proposal).values() for row in export.rows}:
            parts = _DAY_MONTH.match(value)
            if parts and int(parts[1]) > 12:
                proven.add("dmy")
            elif parts and int(parts[2]) > 12:
                proven.add("mdy")
    return proven.pop() if len(proven) == 1 else None


def _dated(proposal: Proposal) -> dict[str, str]:
    """The columns of dates with their headers."""
    columns = TABLES[str(proposal.table)]
    plain = {c: m.source for c, m in proposal.columns.items() if not m.is_expression}
    return {column: header for column, header in plain.items() if columns[column].type in ("date", "timestamp")}


def _undecided(export: Export, proposal: Proposal) -> dict[str, str]:
    """Date columns where nothing tells the day from the month, with such a value (03/04/2025).

    One date of the export that tells (31/12/2025) is enough for all its columns.
    """
    found: dict[str, str] = {}
    for column, header in _dated(proposal).items():
        for value in dict.fromkeys(row[header].strip() for row in export.rows):
            parts = _DAY_MONTH.match(value)
            if parts and max(int(parts[1]), int(parts[2])) > 12:
                return {}
            if parts and parts[1] != parts[2]:
                found.setdefault(column, value)
    return found


def _filled_in(sql: str, export: Export) -> str:
    views = [identifier(file.stem) for file in export.files]
    union = " union all by name ".join(f"select * from {view}" for view in views)
    return sql.replace("{export}", views[0] if len(views) == 1 else f"({union})")


def _patterns(folder: Path, files: Sequence[Path], states: Recurrence | None = None) -> list[str]:
    """Globs relative to the client folder: one for alike names when it finds these files and no other, else each.

    The glob of lists that come back stands for any date, so that the next one is read too.
    """
    parent = files[0].parent
    names = [file.name for file in files]
    if len(names) > 1:
        start = without_day(names[0]) if states and states.value == "file" else _start(names)
        end = _start([name[len(start) :][::-1] for name in names])[::-1]
        pattern = f"{glob.escape(start)}*{glob.escape(end)}"
        if {path.name for path in parent.glob(pattern)} == set(names):
            return [_relative(folder, parent) + pattern]
    return [_relative(folder, parent) + glob.escape(name) for name in names]


def _start(names: Sequence[str]) -> str:
    """The characters that all the names begin with."""
    shortest = min(names, key=len)
    differing = (i for i, c in enumerate(shortest) if any(name[i] != c for name in names))
    return shortest[: next(differing, len(shortest))]


def _relative(folder: Path, parent: Path) -> str:
    try:
        path = os.path.relpath(parent.resolve(), folder.resolve())
    except ValueError:  # another drive
        path = str(parent.resolve())
    path = glob.escape(Path(path).as_posix())
    return "" if path == "." else f"{path}/"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- the report ------------------------------------------------------------------------------------------------------


def _told(folder: Path, export: Export, proposal: Proposal, order: str | None) -> list[str]:
    patterns = _patterns(folder, export.files, proposal.states)
    where = ", ".join(patterns[:3])
    if len(patterns) > 3:
        where += ", ..."
    head = f"{proposal.table or 'not used'}  <-  {_plain(where, 200)}  ({_described(export)})"
    if proposal.table is None:
        return [head, f"  {proposal.remark}; headers: {_plain(', '.join(proposal.unused), 160)}"]
    lines = [head + (f"  [preset {proposal.preset}]" if proposal.preset else "")]
    if proposal.sql and not proposal.wide:
        return [*lines, "  mapped    by the preset's query"]
    if proposal.wide:
        first, last = proposal.wide[0], proposal.wide[-1]
        seen = f"{len(proposal.wide)} months side by side, {first} ... {last}"
        lines.append(f"  mapped    {seen}: the query in {FILE} makes rows of them")
    if proposal.states:
        option, value = proposal.states.option, _plain(proposal.states.value, 60)
        lines.append(f"  mapped    {option:<22} {value:<32} -- {_plain(proposal.states.why, 200)}")
    for state in ("sure", "doubtful"):
        for column, match in proposal.columns.items():
            if match.confidence == state:
                word = "mapped" if state == "sure" else "doubtful"
                why = f"  -- {match.why}" if match.why else ""
                off = "  -- NOT ACTIVE" if match.is_dangerous else ""
                source, example = _plain(match.source, 60), _plain(match.sample, 30)
                lines.append(f"  {word:<9} {column:<22} {source:<32} {example!r}{off}{why}")
    for column in proposal.missing:
        header = proposal.refused.get(column)
        said = f"{header} is called so, but holds {example_of(header, export.rows)}" if header else "no header gives it"
        lines.append(f"  missing   {column:<22} needed: {_plain(said, 100)}")
    for column, value in _undecided(export, proposal).items():
        answer = f"{order}, as in the other exports" if order else f"see {FILE}"
        lines.append(f"  doubtful  {column:<22} day or month first? {_plain(value, 30)!r} does not tell: {answer}")
    absent = [c for c in TABLES[proposal.table].column_names if c not in proposal.columns and c not in proposal.missing]
    if absent:
        lines.append(f"  missing   (optional) {', '.join(absent)}")
    if proposal.unused:
        lines.append(f"  not used  {_plain(', '.join(proposal.unused), 300)}")
    return lines


def _described(export: Export) -> str:
    seen = export.layout
    parts = [f"{len(export.files)} files" if len(export.files) > 1 else "1 file", seen.format]
    parts += [seen.encoding] if seen.encoding and seen.format == "csv" else []
    named = {"\t": "tab", "whitespace": "blanks"}
    parts += [f"separator {named.get(seen.separator, repr(seen.separator))}"] if seen.separator else []
    parts += [f"sheet {_plain(seen.sheet, 60)}"] if seen.sheet else []
    parts += [f"model {_plain(seen.model, 60)}"] if seen.model else []
    if seen.format in ("csv", "xlsx"):
        parts.append(f"header on line {seen.header_row}" if seen.header_row else "no header")
    return ", ".join(parts)


def _plain(text: str, width: int) -> str:
    """Text of an export made fit for a terminal and a comment: one line, printable, not too long."""
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() or c.isspace() else "?" for c in text)).strip()
    return line if len(line) <= width else line[: width - 1] + "…"
