"""Which standard table an export is, and which of its headers is which column.

A header is proposed when its words mean the column (vocabulary.py, synonyms.toml, presets) and its contents can be what
the column holds: a date column must hold dates. What is not plain is proposed as doubtful, with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from salespilot.intake import presets, wide
from salespilot.intake.computed import (
    Match,
    Rows,
    computed_sales,
    example_of,
    filled,
    identifier,
    status_of_stage,
    with_closing,
)
from salespilot.intake.recurring import Recurrence
from salespilot.intake.text import kind_of
from salespilot.intake.vocabulary import Words, fold, meaning, synonyms, unaccented
from salespilot.tables import TABLES, Column, Table

CHOOSING_ROWS = 500  # enough to tell which table it is; its columns are then judged on all rows
FITTING_SHARE = 0.8  # of the values that are not empty, how many must be readable as the column's type
_VAGUE = frozenset(
    "id name nom date type statut status state amount montant source value valeur role category categorie version"  # noqa: SIM905
    " unit low high team region order product produit currency country pays ordre etat total month mois from to au"
    " title start end comment".split()
)
_BENIGN = frozenset("net niveau level 1 ligne line erp crm sap sage principal main interne export sale vente".split())  # noqa: SIM905
_COMPACT_DAY = re.compile(  # 20250131, 310125, or the day's number in a workbook
    r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])|([0-2]\d|3[01])(0[1-9]|1[0-2])\d\d|[2-7]\d{4}"
)
_FLAGS = frozenset("true false vrai faux oui non yes no y n o 0 1 x".split())  # noqa: SIM905
_MONTHS = (
    "jan(v|vier|uary)?|fev(r|rier)?|feb(ruary)?|mar(s|ch)?|avr(il)?|apr(il)?|mai|may|juin|june?|juil(let)?|july?"
    "|aout?|aug(ust)?|sept?(embre|ember)?|oct(obre|ober)?|nov(embre|ember)?|dec(embre|ember)?"
)
_MINUTES = (
    (frozenset(("sec", "second", "seconde")), "/ 60"),
    (frozenset(("h", "hr", "hour", "heure")), "* 60"),
)
_THOUSANDS = re.compile(r"\bk ?(?:[€$£]|eur(?:os?)?\b|usd\b|gbp\b)|\bmilliers?\b|[€$£]k\b", re.IGNORECASE)
_MILLIONS = re.compile(r"\bm ?(?:[€$£]|eur(?:os?)?\b|usd\b|gbp\b)|\bmillions?\b|[€$£]m\b", re.IGNORECASE)
_SQL_NAME = re.compile(r'"[^"]+"|[^\W\d]\w*')
_PERIOD = re.compile(
    r"(19|20)\d\d[-/ ._]?(0?[1-9]|1[0-2])|(0?[1-9]|1[0-2])[-/ ._](19|20)\d\d|m(0?[1-9]|1[0-2])"
    rf"|({_MONTHS})\.?[-/ ._]?((19|20)?\d\d)?"
)


@dataclass(frozen=True)
class Proposal:
    """What an export is thought to be.

    ``table``    the standard table; None when none fits (``remark`` says why)
    ``columns``  standard column -> Match, in the order of the model
    ``missing``  columns without which the table is of no use, and that no header gives
    ``refused``  missing column -> the header that is called so, whose values cannot be the column's
    ``values``   category -> value of the export -> standard value
    ``unused``   headers that no column uses
    ``wide``     headers that are months: the figures lie side by side, and ``sql`` makes rows of them
    ``sql``      the query that makes the table, where columns alone cannot; {export} stands for the view
    ``states``   how the deals of a list come back from file to file or row to row, where they do
    """

    table: str | None
    columns: Mapping[str, Match] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    sql: str | None = None
    states: Recurrence | None = None
    preset: str | None = None
    remark: str = ""


def propose(
    headers: Sequence[str],
    samples: Rows,
    preset: str | None = None,
    table: str | None = None,
    name: str = "",
    folder: Path | None = None,
    sheet: str = "",
) -> Proposal:
    """The standard table and columns of an export with these ``headers`` and sample rows.

    ``preset`` and ``table`` fix what is otherwise recognised; ``name`` is the file's stem (or a JSON model) and
    ``sheet`` that of a workbook, hints; ``folder`` is the client's, whose own presets count. Raises PresetError on an
    unknown preset.
    """
    known = _preset(headers, preset, table, folder)
    if known is not None and known.sql is not None:
        computed = {c: Match(source, "sure", "", is_expression=True) for c, source in known.expressions.items()}
        return Proposal(known.table, computed, sql=known.sql, preset=known.preset)
    words = fold(name)
    if known is not None:
        chosen = TABLES[known.table]
    elif table is not None:
        chosen = TABLES[table]
    else:
        for kind, names in synonyms().ignored.items():
            if words and words <= names:
                return Proposal(None, unused=tuple(headers), remark=f"{kind}: no report uses them")
        turned = _turned(headers, samples, f"{name} {sheet}")
        if turned:
            return turned
        few = samples[:: max(1, len(samples) // CHOOSING_ROWS)]
        scores = {t.name: _score(t, _columns(t, headers, few), few, words) for t in TABLES.values()}
        best = max(scores, key=lambda t: scores[t])
        if scores[best] < 3:
            return Proposal(None, unused=tuple(headers), remark="no standard table has such columns")
        chosen = TABLES[best]
    return _complete(chosen, headers, samples, known, words)


def needed_columns(table: Table) -> tuple[str, ...]:
    """The columns a table is of no use without: its key, unless it can be made, and the essential ones."""
    return tuple(dict.fromkeys([*(() if table.made_key else table.key), *table.essential]))


def _preset(
    headers: Sequence[str], preset: str | None, table: str | None, folder: Path | None
) -> presets.PresetTable | None:
    if preset is None:
        known = presets.recognise(headers, folder)
        return known if known and table in (None, known.table) else None
    return presets.find(preset, table, headers, folder)


def _complete(
    table: Table, headers: Sequence[str], samples: Rows, known: presets.PresetTable | None, words: Words
) -> Proposal:
    """All that is known of an export once its table is: columns, expressions, translations, what is left over."""
    columns = _columns(table, headers, samples)
    values: dict[str, Mapping[str, str]] = {}
    if table.made_key and _repeats(table, columns, samples):
        columns = {column: match for column, match in columns.items() if column not in table.key}
    if known is not None:
        for column, source in (known.columns_for(headers) | known.dangerous_for(headers)).items():
            columns[column] = _of_preset(known, column, source, samples)
    if table.name == "sales_lines":
        columns |= computed_sales(columns, headers, samples)
    for category in table.columns:
        match = columns.get(category.name)
        if match is None or not category.choices or match.is_expression:
            continue
        given = dict(known.values.get(category.name, {})) if known else {}
        translated, unknown = _translate(table, category, match, samples, given)
        seen = set(filled(match.source, samples))
        if match.confidence == "doubtful" and category.name == "status":
            columns["status"] = status_of_stage(match, translated)
            continue
        if table.name == "opportunity_events" and category.name == "field" and len(unknown) < len(seen):
            unknown = []  # fields that no report follows: set aside when they are read
        if unknown:
            why = f"no translation known for {', '.join(map(repr, unknown[:5]))}"
            columns[category.name] = replace(match, confidence="doubtful", why=why)
        if translated:
            values[category.name] = translated
    states = known.recurrence_for(headers) if known else None
    if states:  # the moment of the change is no date of the deal
        columns = {column: match for column, match in columns.items() if match.source != states.value}
    if table.name == "opportunities":
        columns = with_closing(columns, values, samples)
    for place, meanings in synonyms().named.items():
        named_table, column = place.split(".")
        said = [value for value, names in meanings.items() if words & names]
        if named_table == table.name and column not in columns and len(said) == 1:
            why = "no column says it: the file's name does, for all rows"
            columns[column] = Match(f"'{said[0]}'", "doubtful", "", why, is_expression=True)
    if not set(needed_columns(table)) - set(columns) - set(synonyms().assumed[table.name]):
        for column, (source, why) in synonyms().assumed[table.name].items():
            columns.setdefault(column, Match(source, "doubtful", "", why, is_expression=True))
    missing = tuple(c for c in needed_columns(table) if c not in columns or columns[c].is_dangerous)
    called = {s.words: c for c in missing for s in synonyms().columns[table.name][c] if s.rank < 2}
    used = {word for m in columns.values() for word in (_SQL_NAME.findall(m.source) if m.is_expression else [m.source])}
    return Proposal(
        table.name,
        {c: columns[c] for c in table.column_names if c in columns},
        missing,
        {called[fold(h)]: h for h in headers if fold(h) in called and filled(h, samples)},
        values,
        tuple(h for h in headers if h not in used and identifier(h) not in used),
        states=states,
        preset=known.preset if known else None,
    )


def _turned(headers: Sequence[str], samples: Rows, named: str) -> Proposal | None:
    """Sales by customer or targets by salesperson whose months lie side by side; None when it is neither."""
    months = wide.months(headers, named)
    if not months or not wide.are_figures(samples, months):
        return None
    rest, few, words = [header for header in headers if header not in months], samples[:CHOOSING_ROWS], fold(named)
    tables = reversed(wide.TABLES_OF) if words & synonyms().files["targets"] else wide.TABLES_OF
    for name, month, figure, holder in tables:
        if _match(TABLES[name], TABLES[name][month], {header: fold(header) for header in rest}, few):
            continue  # each row has its own day
        rows = wide.as_rows(few, months, month, figure)
        made = _complete(TABLES[name], [*rest, month, figure], rows, None, words)
        if holder in made.columns and not made.columns[holder].is_dangerous:
            columns = dict(made.columns)
            why = "nothing says that VAT is excluded" if name == "sales_lines" else ""
            for column, doubt in ((month, ""), (figure, why)):
                confidence = "doubtful" if doubt else "sure"
                columns[column] = Match(column, confidence, example_of(column, rows), doubt, is_expression=True)
            sql = wide.query(months, columns[holder].source, month, figure)
            return replace(made, columns=columns, wide=tuple(months), sql=sql)
    return None


def _score(table: Table, columns: Mapping[str, Match], samples: Rows, words: Words) -> float:
    """How well an export fits a table: columns found, most for those it cannot do without, and the file's name."""
    needed = needed_columns(table)
    found = {c: m for c, m in columns.items() if not m.is_dangerous}
    if sum(c in found for c in needed) < len(needed) / 2:
        return 0.0
    score = 0.0
    for column, match in found.items():
        weight = 1.0 if match.confidence == "sure" else 0.5
        weight *= 0.4 if fold(match.source) <= _VAGUE else 1.0
        score += weight * (3.0 if column in needed else 1.0)
    score -= 2.0 * sum(c not in found and c not in synonyms().assumed[table.name] for c in needed)
    if not table.made_key and all(c in found for c in table.key):
        score -= 4.0 * _repeats(table, found, samples)  # a key that repeats is another table's
    return score + 3.0 * bool(words & synonyms().files.get(table.name, frozenset()))


def _repeats(table: Table, columns: Mapping[str, Match], samples: Rows) -> bool:
    """Whether what is taken for the table's key is the same in many rows (the line's number within its order)."""
    if not all(column in columns for column in table.key):
        return False
    keys = [tuple(row.get(columns[c].source, "") for c in table.key) for row in samples]
    return len(set(keys)) < 0.9 * len(keys)


# --- one column ------------------------------------------------------------------------------------------------------


def _columns(table: Table, headers: Sequence[str], samples: Rows) -> dict[str, Match]:
    folded = {header: fold(_MILLIONS.sub(" ", _THOUSANDS.sub(" ", header))) for header in headers}
    found = {c.name: _match(table, c, folded, samples) for c in table.columns}
    return {column: match for column, match in found.items() if match is not None}


def _match(table: Table, column: Column, folded: Mapping[str, Words], samples: Rows) -> Match | None:
    known = synonyms().columns[table.name][column.name]
    for synonym in known:
        for header, words in folded.items():
            if words == synonym.words and _holds(table, column, header, samples, synonym.rank):
                return _judge(column, header, synonym.rank, synonym.why, samples)
    plain = {s.words for name, other in synonyms().columns[table.name].items() if name != column.name for s in other}
    folded = {header: words for header, words in folded.items() if words not in plain}  # these name another column
    own = synonyms().files.get(table.name, frozenset())  # "Affaire - Valeur" is the value, in a table of deals
    for benign, is_sure in ((own, True), (_BENIGN | own, False)):
        for synonym in known:
            for header, words in folded.items():
                if synonym.rank == 2 or not words > synonym.words or not words - synonym.words <= benign:
                    continue
                if is_sure and _holds(table, column, header, samples, synonym.rank):
                    return _judge(column, header, synonym.rank, synonym.why, samples)
                is_plain = synonym.rank == 0 and not synonym.words <= _VAGUE
                if not is_sure and is_plain and _holds(table, column, header, samples, 1):
                    return Match(header, "doubtful", example_of(header, samples), "close to the column's usual name")
    return None


def _judge(column: Column, header: str, rank: int, why: str, samples: Rows) -> Match:
    example = example_of(header, samples)
    if rank == 1 and column.type == "id" and "id" not in fold(header) and _are_codes(header, samples):
        return Match(header, "sure", example)  # a column called "Client" that holds codes
    factor = next((f for words, f in _MINUTES if words & fold(header)), "") if column.name.endswith("_min") else ""
    if column.type == "money":
        factor = "* 1000" if _THOUSANDS.search(header) else "* 1000000" if _MILLIONS.search(header) else ""
    if factor and rank < 2:
        why = why if column.type == "money" else ""
        confidence = "doubtful" if why else "sure"
        return Match(f"{identifier(header)} {factor}", confidence, example, why, is_expression=True)
    if column.type == "share" and _are_percents(header, samples):
        return Match(f"{identifier(header)} / 100", "sure", example, is_expression=True)
    if column.name == "discount" and _are_rates(header, samples):
        return Match(header, "doubtful", example, "these look like rates; the column holds money", is_dangerous=True)
    if rank:
        return Match(header, "doubtful", example, why, is_dangerous=rank == 2)
    return Match(header, "sure", example)


def _of_preset(known: presets.PresetTable, column: str, source: str, samples: Rows) -> Match:
    is_expression = column in known.expressions
    why = known.dangerous.get(column) or known.doubtful.get(column) or ""
    example = "" if is_expression else example_of(source, samples)
    if TABLES[known.table][column].type == "share" and not is_expression and _are_percents(source, samples):
        source, is_expression = f"{identifier(source)} / 100", True
    confidence = "doubtful" if why else "sure"
    return Match(source, confidence, example, why, column in known.dangerous, is_expression)


def _holds(table: Table, column: Column, header: str, samples: Rows, rank: int) -> bool:
    """Whether the header's values can be the column's. Empty columns pass, unless the header is a stand-in."""
    values = filled(header, samples)
    if not values:
        return rank == 0
    if column.choices:
        known = synonyms().values.get(f"{table.name}.{column.name}", {})
        seen = Counter(v in column.choices or meaning(known, v) is not None for v in values)
        if rank:  # a stage is a status only when it names won and lost deals
            return bool({meaning(known, v) for v in values} & {"won", "lost"})
        return seen[True] > 0
    if column.name.endswith("name") and _are_codes(header, samples):
        return False
    return sum(_fits(column, value) for value in values) >= FITTING_SHARE * len(values)


def _fits(column: Column, value: str) -> bool:
    kind = kind_of(value)
    if column.type in ("date", "timestamp"):
        return kind == "date" or bool(_COMPACT_DAY.fullmatch(value)) or _is_period(value)
    if column.type in ("money", "number", "share", "integer"):
        return kind == "number"
    if column.type == "flag":
        return value.lower() in _FLAGS
    if column.type == "id":
        return kind != "date" and not re.fullmatch(r"-?\d+[.,]\d*[1-9]\d*", value)
    return kind == "text" or not column.name.endswith("name")


def _are_codes(header: str, samples: Rows) -> bool:
    values = filled(header, samples)
    return bool(values) and sum(bool(re.fullmatch(r"\S*\d\S*", v)) for v in values) >= FITTING_SHARE * len(values)


def _are_rates(header: str, samples: Rows) -> bool:
    values = [v.replace(",", ".") for v in filled(header, samples)]
    return bool(values) and all(v.endswith("%") or re.fullmatch(r"0?\.\d+|[01](\.0+)?", v) for v in values)


def _are_percents(header: str, samples: Rows) -> bool:
    """Whether shares are written 0 to 100 without a % sign."""
    values = [v.replace(",", ".") for v in filled(header, samples)]
    return not any("%" in v for v in values) and any(re.fullmatch(r"\d+(\.\d+)?", v) and float(v) > 1 for v in values)


def _translate(
    table: Table, column: Column, match: Match, samples: Rows, given: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Translations of the values seen, and the values without one. ``given`` (a preset's) come first."""
    known = synonyms().values.get(f"{table.name}.{column.name}", {})
    by_words = {fold(value): standard for value, standard in given.items()}
    translated, unknown = {}, []
    for value in dict.fromkeys(filled(match.source, samples)):
        standard = by_words.get(fold(value)) or meaning(known, value)
        if standard is None and value not in column.choices:
            unknown.append(value)
        elif standard is not None and standard != value:
            translated[value] = standard
    return translated, unknown


def _is_period(text: str) -> bool:
    return _PERIOD.fullmatch(unaccented(text).strip().lower()) is not None
