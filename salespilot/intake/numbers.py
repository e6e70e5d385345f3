"""How one column writes its numbers: which mark is the decimal one, judged on the whole column.

"1.234" alone can be read twice; "1.234,50" or "12,5" in the same column settles it. The one grammar below serves the
judgement (Python, on the few shapes that a column's values have) and the reading (DuckDB, on every value).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from salespilot.intake.words import MARKERS, in_list, quoted

GROUPERS = " \u00a0\u202f\u2009'’"
BLANK = "[ \\t\u00a0\u202f\u2009]*"
CURRENCY = "(?:€|\\$|£|EUR|USD|GBP|CHF|CAD|(?:€ )?HT)"
MINUS = "-−–"
SIGN = f"(?:[{MINUS}+]?{BLANK}{CURRENCY}?|{CURRENCY}{BLANK}[{MINUS}+])"
_SCIENTIFIC = re.compile(r"[-+]?\d+(?:([.,])\d+)?[eE][-+]?\d+", re.ASCII)
_DRESS = re.compile(
    f"{BLANK}\\(?{BLANK}{SIGN}{BLANK}"
    f"(?P<body>[\\d.,{GROUPERS}]*\\d[\\d.,]*){BLANK}%?{BLANK}-?{BLANK}{CURRENCY}?{BLANK}-?{BLANK}\\)?{BLANK}",
    re.ASCII,
)
MINORITY = 0.01  # of the proofs: fewer than that are slips of the pen, not a second way of writing


def grammar(decimal: str) -> str:
    """The regular expression of a number whose decimal mark is ``decimal``; the other mark may group thousands."""
    group = "." if decimal == "," else ","
    return (
        f"{BLANK}\\(?{BLANK}{SIGN}{BLANK}"
        f"(?:(?:[1-9]\\d{{0,2}}(?:[{GROUPERS}{group}]\\d{{3}})+|\\d+)(?:[{decimal}]\\d*)?|[{decimal}]\\d+)"
        f"{BLANK}%?{BLANK}-?{BLANK}{CURRENCY}?{BLANK}-?{BLANK}\\)?{BLANK}"
    )


def parse(text: str, decimal: str = ",") -> Decimal | None:
    """The number that a text writes with this decimal mark, as the SQL of :func:`typed` reads it; None if none."""
    if _SCIENTIFIC.fullmatch(text):
        try:
            return Decimal(text.replace(decimal, ".")) if decimal in text or not re.search("[.,]", text) else None
        except InvalidOperation:
            return None
    if not re.fullmatch(grammar(decimal), text, re.ASCII):
        return None
    digits = re.sub(f"[^0-9{decimal}]", "", text).replace(decimal, ".")
    value = Decimal(digits)
    return -value if re.search(f"[{MINUS}(]", text) else value


@dataclass
class Votes:
    """What the values of a column say about its decimal mark, in numbers of values.

    ``proof[m]`` values that only make sense with decimal mark ``m``; ``doubt[m]`` values where ``m`` may be either
    (one mark before exactly three digits); ``unread`` values that are no number; ``padded`` whole numbers with leading
    zeros, of ``padded_lengths``; ``grouped`` numbers with several marks of one kind; ``long`` whole numbers of four
    digits and more without any grouping; ``looked`` whether shapes were looked at, else counts alone settled it.
    """

    present: int = 0
    proof: dict[str, int] = field(default_factory=lambda: {".": 0, ",": 0})
    doubt: dict[str, int] = field(default_factory=lambda: {".": 0, ",": 0})
    unread: int = 0
    padded: int = 0
    padded_lengths: set[int] = field(default_factory=set)
    grouped: int = 0
    long: int = 0
    percent: int = 0
    looked: bool = False
    example: dict[str, str] = field(default_factory=dict)

    def add(self, other: Votes) -> None:
        """Add the votes of another file."""
        for name in ("present", "unread", "padded", "grouped", "long", "percent"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mark in ".,":
            self.proof[mark] += other.proof[mark]
            self.doubt[mark] += other.doubt[mark]
        self.padded_lengths |= other.padded_lengths
        self.looked = self.looked or other.looked
        self.example = {**other.example, **self.example}

    def examples(self) -> list[str]:
        """A value of each kind, the doubtful first."""
        kinds = ("doubt.", "doubt,", "proof.", "proof,", "group.", "group,", "plain", "unread")
        return [self.example[kind] for kind in kinds if kind in self.example]

    @property
    def destroyed(self) -> bool:
        """Whether decimals were lost before the export: "0125" beside "1250", or "9.575.775" beside "26196"."""
        return (self.padded > 0 and len(self.padded_lengths) > 1) or (self.grouped > 0 and self.long > 0)

    def decimal(self) -> str | None:
        """The column's decimal mark; "mixed" when each value settles itself; None when it could be either."""
        dot, comma = self.proof["."], self.proof[","]
        doubtful = self.doubt["."] + self.doubt[","]
        if dot and comma:
            if not doubtful:
                return "mixed"
            few, many = sorted((dot, comma))
            return ("." if dot == many else ",") if few <= MINORITY * many else None
        if dot or comma:
            return "." if dot else ","
        if not doubtful:
            return "."
        if self.doubt["."] and self.doubt[","]:
            return None
        # Long numbers without grouping: the mark does not group thousands here.
        return ("." if self.doubt["."] else ",") if self.long else None


def weigh(shapes: Iterable[tuple[str, int, str]]) -> Votes:
    """The votes of (shape, count, example); a shape is a value with digits as 9, a leading zero as 0."""
    votes = Votes(looked=True)
    for shape, count, example in shapes:
        votes.present += count
        kind = _vote(shape)
        votes.example.setdefault(kind, example)
        votes.percent += count if "%" in shape else 0
        if kind == "unread":
            votes.unread += count
        elif kind.startswith("doubt"):
            votes.doubt[kind[-1]] += count
        elif kind.startswith(("proof", "group")):
            votes.proof[kind[-1]] += count
            votes.grouped += count if kind.startswith("group") else 0
        else:
            digits = re.sub(r"\D", "", shape)
            bare = re.fullmatch(r"[-+]?\d+", shape)
            votes.long += count if bare and len(digits) > 3 and digits[0] != "0" else 0
            if bare and len(digits) > 1:
                votes.padded += count if digits[0] == "0" else 0
                votes.padded_lengths.add(len(digits))
    return votes


def _vote(shape: str) -> str:
    """plain, unread, or proof, group or doubt followed by the mark: "proof," says the comma is decimal."""
    scientific = _SCIENTIFIC.fullmatch(shape)
    if scientific:
        return f"proof{scientific[1]}" if scientific[1] else "plain"
    match = _DRESS.fullmatch(shape)
    if not match:
        return "unread"
    body = match["body"].strip(GROUPERS)
    marks = [c for c in body if c in ".,"]
    for decimal in ".,":
        if parse(shape, decimal) is None and len(set(marks)) == 2 and marks[-1] == decimal:
            return "unread"
    if not marks:
        return "plain" if parse(shape, ".") is not None else "unread"
    last = marks[-1]
    if len(set(marks)) == 2:
        return f"proof{last}"
    other = "," if last == "." else "."
    readable = {mark: parse(shape, mark) is not None for mark in ".,"}
    if len(marks) > 1:
        return f"group{other}" if readable[other] else "unread"
    whole, fraction = body.split(last)
    if len(fraction) != 3 or whole.startswith("0") or any(c in whole for c in GROUPERS) or not readable[other]:
        return f"proof{last}" if readable[last] else "unread"
    return f"doubt{last}"


def counts(text: str) -> str:
    """SQL: the cheap counts from which most columns are decided without looking at shapes (see :func:`quick`)."""
    mark = f"substr({text}, -4, 1)"
    plain = f"try_cast(replace({text}, ',', '.') as decimal(18, 4))"
    return (
        f"count(*) filter ({text} = ''), count(*) filter (contains({text}, '.')),"
        f" count(*) filter (contains({text}, ',')), count(*) filter ({plain} is null),"
        f" count(*) filter ({mark} in ('.', ',')),"
        f" count(*) filter ({text} >= '00' and {text} < '0:' and substr({text}, 2, 1) between '0' and '9')"
    )


def quick(rows: int, blank: int, dots: int, commas: int, unread: int, thirds: int, padded: int) -> Votes | None:
    """The votes that the counts of :func:`counts` settle by themselves; None when the shapes must be looked at."""
    marked = dots + commas
    if unread > blank or padded or (dots and commas) or (marked and marked == thirds):
        return None
    votes = Votes(present=rows - blank)
    if marked:
        votes.proof["." if dots else ","] = marked - thirds
    return votes


def shape_of(text: str) -> str:
    """The shape of one value (see :func:`weigh`)."""
    return re.sub(r"[0-9]", "9", re.sub(r"^([^0-9]*)0", r"\1⓪", text)).replace("⓪", "0")


def shape(text: str) -> str:
    """SQL: the shape of a value (see :func:`weigh`)."""
    leading = f"regexp_replace({text}, '^([^0-9]*)0', '\\1⓪')"
    return f"replace(regexp_replace({leading}, '[0-9]', '9', 'g'), '⓪', '0')"


def typed(text: str, decimal: str, sql_type: str, votes: Votes) -> str:
    """SQL: the value of a text column with this decimal mark; null where it is no number.

    Values written plainly are cast directly; only the others go through the grammar.
    """
    if decimal == "mixed":
        return f"coalesce({_careful(text, ',', sql_type)}, {_careful(text, '.', sql_type)})"
    if decimal == ".":
        fast = f"try_cast({text} as {sql_type})"
    else:
        fast = f"try_cast(replace({text}, ',', '.') as {sql_type})"
        if votes.looked:
            fast = f"case when not contains({text}, '.') then {fast} end"
    if sql_type == "DOUBLE":
        fast = f"case when isfinite({fast}) then {fast} end" if votes.unread else fast
    if not votes.looked:  # the counts said that every value is plain
        return fast
    return f"coalesce({fast}, {_careful(text, decimal, sql_type)})"


def _careful(text: str, decimal: str, sql_type: str) -> str:
    digits = f"replace(regexp_replace({text}, {quoted(f'[^0-9{decimal}]')}, '', 'g'), ',', '.')"
    sign = f"case when regexp_matches({text}, {quoted(f'[{MINUS}(]')}) then '-' else '' end"
    return (
        f"case when regexp_full_match({text}, {quoted(grammar(decimal))}) then try_cast({sign} || {digits}"
        f" as {sql_type}) end"
    )


def is_present(text: str) -> str:
    """SQL: whether a cell holds something, markers of nothing (NULL, n/a, -) left aside."""
    return f"(trim({text}) <> '' and not {in_list(f'lower(trim({text}))', MARKERS)})"


def readings(example: str) -> Mapping[str, str]:
    """The two numbers that a doubtful value may be: {"." : as decimal point, "," : as decimal comma}."""
    return {mark: f"{parse(example, mark):f}" for mark in ".," if parse(example, mark) is not None}
