"""Keys and duplicates of one table: rows that say the same are one, one key with two contents refuses the table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa

from salespilot.intake.assemble import Assembly
from salespilot.intake.model import Issue, Reject, money
from salespilot.intake.rejects import MOST

REPEATED = "repeated_rows"
TELLING = ("invoice_id", "product_id", "amount_net", "customer_id", "done_date", "quantity")  # rarely the same


def settle(assembly: Assembly) -> None:
    """Refuse a key with two contents; make rows that say the same one row; count or drop duplicates without a key."""
    table = assembly.table
    missing = [column for column in table.key if column not in assembly.columns]
    if table.made_key and not assembly.has_own_key:
        _duplicates(assembly)
    elif missing:
        remedy = f'[source.columns] {missing[0]} = "..."'
        values = {"effect": "blocks", "columns": ", ".join(missing), "remedy": remedy}
        assembly.refuse(Issue("key_unmapped", table.name, None, missing[0], 0, None, values))
    else:
        _repeated(assembly)


def _repeated(assembly: Assembly) -> None:
    key = ", ".join(assembly.table.key)
    twice = f"select {key} from {assembly.rows} group by {key} having count(*) > 1"
    if not assembly.fetch(f"{twice} limit 1"):
        return
    assembly.connection.execute(
        f"create or replace temp table {REPEATED} as"
        f" select t.* from {assembly.rows} t semi join ({twice}) using ({key})"
    )
    others = [column for column in assembly.columns if column not in assembly.table.key]
    # Two exports are compared on the columns that both have; an empty cell is a content like another.
    differs = []
    for column in others:
        both = f"_export in ({_listed(assembly.gives[column])})"
        differs.append(f"count(distinct coalesce(cast({column} as varchar), '')) filter ({both}) > 1")
    clashes = f"select {key} from {REPEATED} group by {key} having {' or '.join(differs) or 'false'}"
    found = int(assembly.fetch(f"select count(*) from ({clashes})")[0][0])
    if found:
        _show(assembly, key, others, clashes, found)
    else:
        _merge(assembly, key, others)


def _show(assembly: Assembly, key: str, others: Sequence[str], clashes: str, found: int) -> None:
    """Refuse the table: list every row of the keys in conflict, and show the first two side by side."""
    columns = [*assembly.table.key, *others]
    rows = assembly.fetch(
        f"select _export, _record, {', '.join(columns)} from {REPEATED} semi join ({clashes}) using ({key})"
        f" order by {key}, _export, _record limit {MOST}"
    )
    width = len(assembly.table.key)
    lines = assembly.lines((row[0], row[1]) for row in rows)
    for row in rows:
        code = " | ".join(map(str, row[2 : 2 + width]))
        file = assembly.exports[row[0]].name
        assembly.listed.append(Reject(assembly.table.name, file, lines[row[0], row[1]], key, code, "key_conflict"))
    first = rows[0]
    second = next(row for row in rows[1:] if row[2:] != first[2:])
    unlike = [n for n, (a, b) in enumerate(zip(first[2:], second[2:], strict=True)) if a != b]
    told = [
        f"{assembly.exports[row[0]].name}:{lines[row[0], row[1]]} "
        + ", ".join(f"{columns[n]}={'' if row[2 + n] is None else row[2 + n]}" for n in unlike)
        for row in (first, second)
    ]
    code = " | ".join(map(str, first[2 : 2 + width]))
    values = {"effect": "blocks", "key": code, "first": told[0], "second": told[1]}
    name = assembly.table.name
    assembly.refuse(Issue("key_conflict", name, None, assembly.table.key[0], found, None, values, tuple(told)))


def _merge(assembly: Assembly, key: str, others: Sequence[str]) -> None:
    """One row for each key that appears several times with the same content."""
    counted = assembly.fetch(
        f"select _export, count(*), sum({assembly.priced}) from (select *, row_number() over (partition by {key}"
        f" order by _export, _record) as place from {REPEATED}) where place > 1 group by all order by all"
    )
    for export, rows, amount in counted:
        assembly.tallies[export].add("duplicate", rows, amount)
    merged = "".join(f", max({column}) as {column}" for column in others)
    assembly.replace_rows(
        f"select * from {assembly.rows} anti join (select distinct {key} from {REPEATED}) using ({key})"
        f" union all by name select min(_export) as _export, min(_record) as _record, {key}{merged}"
        f" from {REPEATED} group by {key}"
    )
    total = sum(row[1] for row in counted)
    values = {"effect": "informs", "files": len(counted)}
    assembly.issues.append(
        Issue("identical_rows", assembly.table.name, None, assembly.table.key[0], total, None, values)
    )


def _duplicates(assembly: Assembly) -> None:
    """Rows that are the same in every column, where no key tells them apart: kept and counted, or dropped."""
    columns = [column for column in assembly.columns if column not in assembly.table.key]
    if not columns:
        return
    same = ", ".join(columns)
    # A hash of the telling columns finds the few candidates; only those are compared in full.
    telling = ", ".join([c for c in TELLING if c in columns] or columns)
    hashes = assembly.connection.execute(f"select hash({telling}) as h from {assembly.rows}").fetchnumpy()["h"]
    hashes.sort()  # far cheaper than to group by them
    again = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    if not again.size:
        return
    assembly.connection.register("again", pa.table({"h": again}))
    assembly.connection.execute(
        f"create or replace temp table {REPEATED} as select *, row_number() over (partition by {same} order by _export,"
        f" _record) as place from {assembly.rows} where hash({telling}) in (from again)"
    )
    counted = assembly.fetch(
        f"select _export, count(*), sum({assembly.priced}) from {REPEATED} where place > 1 group by all order by all"
    )
    total = sum(row[1] for row in counted)
    if not total:
        return
    droppable = [n for n, part in enumerate(assembly.part_of_export()) if part.source.duplicates == "drop"]
    dropped = [row for row in counted if row[0] in droppable]
    for export, rows, amount in dropped:
        assembly.tallies[export].add("duplicate", rows, amount)
    if dropped:
        assembly.hold()
        assembly.connection.execute(
            f"delete from {assembly.rows} where (_export, _record) in (select (_export, _record) from {REPEATED}"
            f" where place > 1 and _export in ({_listed(droppable)}))"
        )
    amount = sum((row[2] or Decimal(0) for row in counted), Decimal(0))
    code = "duplicate_lines_dropped" if dropped else "duplicate_lines"
    values = {"effect": "informs", "dropped": sum(row[1] for row in dropped), "remedy": 'duplicates = "drop"'}
    priced = money(amount) if assembly.table.money_column else None
    assembly.issues.append(Issue(code, assembly.table.name, None, None, total, priced, values))


def _listed(values: Sequence[int] | set[int]) -> str:
    return ", ".join(map(str, sorted(values)))
