"""Computed columns: a client's SQL expression over headers, made safe and given numbers where it computes with them.

Only scalar expressions whose answer depends on the row alone are let through: no query, no aggregate, no file, no
clock. A header that stands where a number is wanted (an operand of ``*``, the result of an amount) is read as the
numbers of its whole column; anywhere else it is the text of the export.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ARITHMETIC = frozenset(("+", "-", "*", "/", "//", "%", "**", "^", "abs", "round", "ceil", "floor", "sign", "sqrt"))
_PASSING = frozenset(("coalesce", "ifnull", "greatest", "least", "nullif", "if"))
_CLASSES = frozenset(
    ("COLUMN_REF", "CONSTANT", "FUNCTION", "CAST", "OPERATOR", "COMPARISON", "CONJUNCTION", "CASE", "BETWEEN", "TYPE")
)
_FORBIDDEN = ("current_", "get_current", "getvariable", "txid_", "pg_", "has_", "in_search_path", "parse_duckdb_log")


class ExpressionError(ValueError):
    """The expression is not SQL, not a scalar one, or names an unknown header."""


@dataclass(frozen=True)
class Computed:
    """A checked expression: its SQL with a slot for each header, and the headers it reads each way."""

    sql: str
    as_numbers: tuple[str, ...]
    as_text: tuple[str, ...]

    def filled(self, number: Callable[[str], str], text: Callable[[str], str]) -> str:
        """The SQL with each slot replaced by what these functions write for its header."""
        slots = {_slot("n", place): number(h) for place, h in enumerate(self.as_numbers)}
        slots |= {_slot("t", place): text(h) for place, h in enumerate(self.as_text)}
        return re.sub(r"slot_[nt]_\d+_of_row", lambda match: f"({slots[match[0]]})", self.sql)


def _slot(kind: str, place: int) -> str:
    return f"slot_{kind}_{place}_of_row"


def compute(
    connection: Any, expression: str, find: Callable[[str], str | None], is_number: bool, suggest: Callable[[str], str]
) -> Computed:
    """Check an expression and say which headers it needs as numbers.

    ``find`` gives the header meant by a name (None: unknown), ``suggest`` the end of the message about an unknown one,
    ``is_number`` tells that the result is a number. Raises ExpressionError.
    """
    tree = _parse(connection, expression)
    _refuse(connection, tree)
    numbers: dict[str, None] = {}
    texts: dict[str, None] = {}
    _walk(tree, is_number, find, suggest, numbers, texts)
    statement = {"error": False, "statements": [_statement(connection, tree)]}
    sql = connection.execute("select json_deserialize_sql(?)", [json.dumps(statement)]).fetchone()[0]
    return Computed(sql.removeprefix("SELECT "), tuple(numbers), tuple(texts))


def _parse(connection: Any, expression: str) -> dict[str, Any]:
    if ";" in expression or "--" in expression or "/*" in expression:
        raise ExpressionError("neither ; nor comments may stand in an expression")
    answer = json.loads(connection.execute("select json_serialize_sql(?)", [f"select {expression}"]).fetchone()[0])
    if answer.get("error"):
        raise ExpressionError(f"not a SQL expression ({answer.get('error_message')})")
    node = answer["statements"][0]["node"]
    if node["type"] != "SELECT_NODE" or len(node["select_list"]) != 1 or node["from_table"]["type"] != "EMPTY":
        raise ExpressionError("one scalar expression is wanted, over the headers of this export")
    plain = node.get("where_clause") or node.get("group_expressions") or node.get("having") or node.get("modifiers")
    if plain or node["select_list"][0].get("alias"):
        raise ExpressionError("one scalar expression is wanted, without clauses or alias")
    return dict(node["select_list"][0])


def _statement(connection: Any, tree: dict[str, Any]) -> dict[str, Any]:
    answer = json.loads(connection.execute("select json_serialize_sql('select 1')").fetchone()[0])
    statement = dict(answer["statements"][0])
    statement["node"]["select_list"] = [tree]
    return statement


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _refuse(connection: Any, tree: dict[str, Any]) -> None:
    for node in _nodes(tree):
        kind = node["class"]
        if kind not in _CLASSES:
            raise ExpressionError(
                f"{kind.lower().replace('_', ' ')} is not allowed: only a scalar expression of the row"
            )
        if kind == "FUNCTION":
            name = node["function_name"].lower()
            row = connection.execute(
                "select bool_and(function_type in ('scalar', 'macro') and coalesce(stability, 'CONSISTENT') ="
                " 'CONSISTENT') from duckdb_functions() where function_name = ? and function_type <> 'aggregate'"
                " having count(*) > 0 or ? in ('coalesce', 'nullif', 'ifnull', 'if')",
                [name, name],
            ).fetchone()
            known = row is not None and row[0] is not False
            if not known or name.startswith(_FORBIDDEN):
                raise ExpressionError(f"function {name} is not allowed: only scalar functions of the row")


def _walk(
    node: dict[str, Any],
    wants_number: bool,
    find: Callable[[str], str | None],
    suggest: Callable[[str], str],
    numbers: dict[str, None],
    texts: dict[str, None],
) -> None:
    """Name each column reference by the header it means, as number or as text by where it stands."""

    def go(child: Any, number: bool) -> None:
        _walk(child, number, find, suggest, numbers, texts)

    def inner(value: Any) -> dict[str, Any]:
        return value["expression"] if "expression" in value and "class" not in value else value

    kind = node["class"]
    if kind == "COLUMN_REF":
        written = ".".join(node["column_names"])
        header = find(written)
        if header is None:
            raise ExpressionError(f"no header {written!r}; {suggest(written)}")
        kind, seen = ("n", numbers) if wants_number else ("t", texts)
        seen[header] = None
        node["column_names"] = [_slot(kind, list(seen).index(header))]
    elif kind == "FUNCTION":
        name = node["function_name"].lower()
        number = name in _ARITHMETIC or (wants_number and name in _PASSING)
        for position, argument in enumerate(node["arguments"]):
            go(inner(argument), number and not (name == "if" and position == 0))
    elif kind == "CASE":
        for check in node["case_checks"]:
            go(check["when_expr"], False)
            go(check["then_expr"], wants_number)
        if node.get("else_expr"):
            go(node["else_expr"], wants_number)
    elif kind == "CAST":
        go(node["child"], False)
    elif kind == "COMPARISON":
        sides = [node["left"], node["right"]]
        number = any(_is_number(side) for side in sides)
        for side in sides:
            go(side, number)
    elif kind == "BETWEEN":
        parts = [node[key] for key in ("input", "lower", "upper")]
        number = any(_is_number(part) for part in parts)
        for part in parts:
            go(part, number)
    else:  # CONJUNCTION, OPERATOR (coalesce, in, not, is null ...), CONSTANT, TYPE
        children = node.get("children", [])
        number = (wants_number and "COALESCE" in node["type"]) or (
            node["type"] in ("COMPARE_IN", "COMPARE_NOT_IN") and any(_is_number(child) for child in children)
        )
        for child in children:
            go(child, number)


def _is_number(node: Mapping[str, Any]) -> bool:
    if node["class"] == "CONSTANT":
        literal = node.get("literal") or node.get("value") or {}
        kind = str(literal.get("kind") or literal.get("type", {}).get("id", ""))
        return kind in ("INTEGER", "NUMERIC", "DECIMAL", "DOUBLE", "FLOAT", "BIGINT")
    return node["class"] == "FUNCTION" and node["function_name"] in _ARITHMETIC
