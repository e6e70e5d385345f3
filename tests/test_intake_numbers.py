"""Numbers as people write them: one grammar, judged on the whole column, read alike in Python and in SQL."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salespilot.intake import numbers

NARROW, NBSP = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 234,50 €", "1234.50"),
        (f"1{NARROW}234{NARROW}567,89", "1234567.89"),
        (f"1{NBSP}234,5 EUR", "1234.5"),
        ("1.234.567,8", "1234567.8"),
        ("1'234,50 CHF", "1234.50"),
        ("12,5-", "-12.5"),
        ("-12,5", "-12.5"),
        ("−12,5", "-12.5"),
        ("(1 234,50)", "-1234.50"),
        ("+7", "7"),
        (",5", "0.5"),
        ("€ 12", "12"),
        ("12 %", "12"),
        ("1,5E+3", "1500"),
        ("0,001", "0.001"),
    ],
)
def test_french_numbers(text: str, expected: str) -> None:
    assert numbers.parse(text, ",") == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "expected"), [("1,234.50", "1234.50"), ("$1,234,567", "1234567"), ("-0.5", "-0.5"), ("1.5E3", "1500")]
)
def test_english_numbers(text: str, expected: str) -> None:
    assert numbers.parse(text, ".") == Decimal(expected)


@pytest.mark.parametrize("text", ["", "abc", "12O50,00", "1 2 3", "1.2.3", "12,5,6", "#VALEUR!", "01/02/2024", "--5"])
def test_what_is_no_number(text: str) -> None:
    assert numbers.parse(text, ",") is None
    assert numbers.parse(text, ".") is None


def decide(*values: str) -> str | None:
    return numbers.weigh((numbers.shape_of(v), 1, v) for v in values).decimal()


@pytest.mark.parametrize(
    ("values", "decimal"),
    [
        (["1.234", "12,50"], ","),  # another value settles it
        (["1.234", "1.234.567"], ","),  # points group
        (["1,234", "12.5"], "."),
        (["1,234", "1,234,567"], "."),
        (["1.234,5"], ","),
        (["1 234,567"], ","),  # blanks group, so the comma is decimal
        (["0.123"], "."),  # no thousand begins with zero
        (["1234.567"], "."),
        (["1.234", "12345"], "."),  # long numbers are not grouped here
        (["12", "1500"], "."),
        (["1.5", "2,5"], "mixed"),  # each settles itself
        (["1.234", "5.678"], None),
        (["1,234", "567"], None),
        (["1.234", "1,234"], None),
        (["1.5", "2,5", "1.234"], None),
    ],
)
def test_the_whole_column_decides(values: list[str], decimal: str | None) -> None:
    assert decide(*values) == decimal


def test_one_slip_among_many_does_not_undo_the_column() -> None:
    votes = numbers.weigh([("99,99", 500, "12,50"), ("9.9", 1, "1.5"), ("9.999", 3, "1.234")])
    assert votes.decimal() == ","


@pytest.mark.parametrize(
    ("values", "destroyed"),
    [
        (["9.575.775", "26196", "73194"], True),  # points put where a program saw thousands
        (["02", "015", "1250"], True),  # 0,2 and 0,15 without their comma
        (["0012", "1250"], False),  # padded to one width
        (["1.234.567", "12"], False),
        (["12", "1500"], False),
    ],
)
def test_decimals_destroyed_upstream_show(values: list[str], destroyed: bool) -> None:
    assert numbers.weigh((numbers.shape_of(v), 1, v) for v in values).destroyed is destroyed


amounts = st.decimals(-(10**11), 10**11, places=2)


def french(value: Decimal, space: str, style: int) -> str:
    whole, fraction = f"{abs(value):.2f}".split(".")
    grouped = f"{int(whole):,}".replace(",", space)
    text = f"{grouped},{fraction}"
    if value >= 0:
        return text
    return (f"-{text}", f"{text}-", f"({text})", f"−{text}")[style]


@given(amounts, st.sampled_from(["", " ", NBSP, NARROW, ".", "'"]), st.integers(0, 3), st.sampled_from(["", " €", "€"]))
def test_what_is_written_in_french_is_read_back(value: Decimal, space: str, style: int, unit: str) -> None:
    text = french(value, space, style)
    if not text.endswith(("-", ")")):
        text += unit
    assert numbers.parse(text, ",") == value


@given(st.lists(amounts, min_size=1, max_size=30), st.sampled_from(["", " ", ".", NARROW]), st.integers(0, 3))
def test_the_column_is_recognised_whatever_its_dress(values: list[Decimal], space: str, style: int) -> None:
    assert decide(*(french(v, space, style) for v in values)) == ","


texts = st.one_of(
    st.text("0123456789.,-() €'%" + NARROW, max_size=12),
    st.from_regex(numbers.grammar(","), fullmatch=True).map(lambda t: t[:25]),
    st.from_regex(numbers.grammar("."), fullmatch=True).map(lambda t: t[:25]),
)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@settings(max_examples=50)
@given(st.lists(texts, min_size=1, max_size=20), st.sampled_from([",", "."]))
def test_sql_reads_what_python_reads(connection, values: list[str], decimal: str) -> None:
    """The typed column of DuckDB against the grammar of Python, value by value."""
    votes = numbers.Votes(looked=True, unread=1)
    sql = numbers.typed("v", decimal, "DECIMAL(38,6)", votes)
    column = connection.execute(f"select {sql} from (select unnest(?::varchar[]) as v)", [values]).fetchall()
    for value, (read,) in zip(values, column, strict=True):
        expected = numbers.parse(value, decimal)
        if expected is None:
            assert read is None or value.strip(" ") != value or "e" in value.lower(), (value, read)
        elif read is not None:
            assert abs(read - expected) <= Decimal("0.000001"), value
        else:
            assert abs(expected) >= Decimal(10) ** 30, value


@settings(max_examples=50)
@given(st.lists(texts, min_size=1, max_size=15))
def test_the_quick_counts_agree_with_the_shapes(connection, values: list[str]) -> None:
    """Where counts alone settle a column, looking at its shapes settles it the same way."""
    listed = ", ".join("('" + v.replace("'", "''") + "')" for v in values)
    row = connection.execute(f"select count(*), {numbers.counts('v')} from (values {listed}) t(v)").fetchone()
    quick = numbers.quick(*row)
    if quick is None or all(v == "" for v in values):
        return
    looked = numbers.weigh((numbers.shape_of(v.strip()), 1, v.strip()) for v in values if v.strip())
    assert not looked.unread
    assert looked.decimal() == quick.decimal()
