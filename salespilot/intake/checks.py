"""What is wrong with tables that could be read: across tables, over time, in money. Each finding is an Issue.

All codes of intake, for their sentences ``issue_<code>``. Every issue has ``count``, and in ``values`` an ``effect``
(blocks, weakens, informs) besides what is listed here; amounts are money of the client.

=========================  ==========================================================================================
files and columns
-------------------------  ------------------------------------------------------------------------------------------
no_file                    pattern, remedy                  a glob of client.toml finds nothing
unreadable_file            reason                           a file that cannot be read at all; blocks its table
same_file_twice            original                         count rows of a byte-for-byte copy, set aside
spoilt_bytes               encoding                         bytes that are not of the encoding, shown as U+FFFD
header_absent              header, files                    count files that lack a mapped header
key_unmapped               columns, remedy                  no column gives the table's key
too_many_cells             line, value, width               count rows with more cells than headers, rejected
-------------------------  ------------------------------------------------------------------------------------------
values
-------------------------  ------------------------------------------------------------------------------------------
unreadable_values          line, value, header              count rows rejected for this column
dates_before_1990          line, value, header              count rows rejected for this column
missing_key                line, value, header              count rows rejected for want of a key
unknown_values             value, distinct, choices, remedy a closed list has other words in the export
ambiguous_numbers          value, first, second, remedy,    refused: decimal comma gives first, point gives second
                           other_remedy
ambiguous_dates            value, first, second, dmy_proof, refused: day first gives first, month first gives second
                           mdy_proof, remedy, other_remedy
conflicting_dates          as ambiguous_dates               refused: dmy_proof is only dmy, mdy_proof only mdy
decimals_destroyed         value, remedy                    "0125" beside "1250": decimals were lost before the export
mixed_decimals             (examples)                       1,5 and 1.5 in one column, each read in its own way
decimal_from_neighbour     value, mark                      1,234 read like the other columns of the file
order_from_neighbour       value, order                     03/04 read like the other dates of the file
read_as_percent            top                              a share written 0 to 100
-------------------------  ------------------------------------------------------------------------------------------
rows
-------------------------  ------------------------------------------------------------------------------------------
key_conflict               key, first, second               count keys with two contents; both shown; blocks
identical_rows             files                            count rows that repeat another of the same key, set aside
duplicate_lines            dropped (0), remedy              count rows the same in all columns, kept
duplicate_lines_dropped    dropped, remedy                  ... set aside as client.toml asks
intercompany               -                                count sales lines to the client's own group, set aside
doc_type_derived           rule (sign, prefix)              no column says which lines are credit notes
credit_sign_negated        columns                          count credit notes, all positive: negated
credit_sign_mixed          -                                count positive credit notes among negative ones, as they are
history_rebuilt            lists, day, last_date            count changes found between dated lists of deals
deals_left_out             share, opportunity_id            count open deals that the later lists no longer hold
no_sales_counted           header, remedy                   count rows that the export calls drafts or cancelled
other_fields               -                                count changes of fields that no report follows, set aside
correction_applied         key, old, new, reason            one value of corrections.csv
correction_unmatched       key, new, line                   no row has this key
-------------------------  ------------------------------------------------------------------------------------------
made here
-------------------------  ------------------------------------------------------------------------------------------
empty_values               share                            count rows without a value in an essential column
lines_without_customer     share (of the money)             count sales lines that name no customer
orphan_keys                references, distinct, share      count rows whose key the other table does not have
dates_after_export         latest, exported_on              count rows dated after the day of the export
mixed_currencies           currencies, currency, share      count rows in another currency; blocks above 1 %
two_owners                 rep_ids, date                    count customers held by two at once
partial_last_month         month, last_date                 count lines of a month that is not over
month_gap                  months                           count months without a line between the first and the last
few_stage_events           share                            count deals without any stage event (above 20 %)
potential_below_revenue    customer_id, potential, revenue  count customers who buy more than their potential
stale_open_deals           oldest, share                    count open deals expected to close before the export
closed_before_created      opportunity_id                   count deals whose close date precedes their creation
undated_closed_deals       share                            count deals won or lost without a close date
activity_outliers          rep_id, day, top                 count salesperson-days with more than 40 activities
control_gap                year, expected, found, gap       the client's own figure of one year against the lines
-------------------------  ------------------------------------------------------------------------------------------
the register, actions.xlsx
-------------------------  ------------------------------------------------------------------------------------------
register_cell              line, value, reason              one cell that could not be read; the value before it holds
register_column            value                            one column deleted; its values hold
register_row               value                            one decided action deleted; it holds
register_target            value                            a customer aimed at that no export knows
register_twice             line, value                      one id twice; the second row gets a new one
register_unreadable        reason                           the file cannot be opened at all
=========================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from salespilot.client import Client
from salespilot.intake.assemble import Assembly
from salespilot.intake.model import Issue, money
from salespilot.tables import TABLES

CURRENCY_SHARE = 0.01
CONTROL_SHARE = 0.01
STAGE_EVENTS_SHARE = 0.8
MOST_ACTIVITIES = 40  # a day: more is an import, not a day's work
SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP"}
SHOWN = 5


def check(
    connection: Any, client: Client, exported_on: date, assemblies: Mapping[str, Assembly], changes: str | None = None
) -> list[Issue]:
    """Everything found in the tables that were not refused; ``changes``: the table of those found between lists."""
    return _Checks(connection, client, exported_on, assemblies, changes).run()


class _Checks:
    def __init__(
        self,
        connection: Any,
        client: Client,
        exported_on: date,
        assemblies: Mapping[str, Assembly],
        changes: str | None,
    ) -> None:
        self.connection, self.client, self.exported_on = connection, client, exported_on
        self.tables = {name: assembly for name, assembly in assemblies.items() if not assembly.refused}
        is_logged = self._has("opportunity_events", "opportunity_id", "field")
        self.changes = self._rows("opportunity_events") if is_logged else changes
        self.found: list[Issue] = []

    def run(self) -> list[Issue]:
        for name in self.tables:
            self._empty(name)
            self._orphans(name)
            self._after_export(name)
            self._currencies(name)
        self._unattributed()
        self._owners()
        self._months()
        self._deals()
        self._potential()
        self._activities()
        self._control()
        return self.found

    # ---- tools ----

    def _has(self, table: str, *columns: str) -> bool:
        return table in self.tables and set(columns) <= set(self.tables[table].columns)

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(query).fetchall())

    def _rows(self, table: str) -> str:
        return self.tables[table].rows

    def _note(
        self,
        code: str,
        table: str,
        count: int,
        values: Mapping[str, Any],
        column: str | None = None,
        amount: Decimal | float | None = None,
        examples: tuple[str, ...] = (),
        effect: str = "weakens",
    ) -> None:
        weight = None if amount is None else money(amount)
        told = {"effect": effect, **values}
        self.found.append(Issue(code, table, None, column, count, weight, told, examples[:SHOWN]))

    def _count_where(self, table: str, condition: str) -> tuple[int, Decimal | None, int]:
        """Rows that meet a condition, their weight, and all rows."""
        row = self._fetch(
            f"select count(*) filter ({condition}), sum({self.tables[table].priced}) filter ({condition}), count(*)"
            f" from {self._rows(table)}"
        )[0]
        return row[0], row[1], row[2]

    # ---- every table ----

    def _empty(self, name: str) -> None:
        spec = TABLES[name]
        columns = [c for c in dict.fromkeys((*spec.essential, *spec.dated_by[:1])) if self._has(name, c)]
        if name == "sales_lines":
            columns = [c for c in columns if c != "customer_id"]  # told by lines_without_customer, with its money
        if not columns:
            return
        counts = ", ".join(f"count(*) filter ({c} is null)" for c in columns)
        row = self._fetch(f"select count(*), {counts} from {self._rows(name)}")[0]
        for column, count in zip(columns, row[1:], strict=True):
            if count:
                # Without its amount or its day a line of sales counts for nothing; elsewhere empty may be the rule.
                is_loss = name == "sales_lines" and count > self.client.max_rejected_share * row[0]
                effect = "weakens" if is_loss else "informs"
                self._note("empty_values", name, count, {"share": count / row[0]}, column, effect=effect)

    def _orphans(self, name: str) -> None:
        for column in TABLES[name].columns:
            other = column.references
            if other is None or not self._has(name, column.name) or other not in self.tables or other == name:
                continue
            key = TABLES[other].key[0]
            orphan = (
                f"{column.name} is not null and {column.name} not in"
                f" (select {key} from {self._rows(other)} where {key} is not null)"
            )
            count, amount, rows = self._count_where(name, orphan)
            if count:
                seen = self._fetch(
                    f"select {column.name}, count(*) from {self._rows(name)} where {orphan}"
                    " group by 1 order by 2 desc, 1"
                )
                values = {"references": other, "distinct": len(seen), "share": count / rows}
                examples = tuple(str(row[0]) for row in seen)
                self._note("orphan_keys", name, count, values, column.name, amount, examples)

    def _after_export(self, name: str) -> None:
        spec = TABLES[name]
        for column in spec.columns:
            if (
                column.type not in ("date", "timestamp")
                or column.name in spec.exempt
                or not self._has(name, column.name)
            ):
                continue
            late = f"{column.name} >= date '{self.exported_on + timedelta(days=1)}'"
            count, amount, _ = self._count_where(name, late)
            if count:
                latest = self._fetch(f"select max({column.name})::date from {self._rows(name)}")[0][0]
                values = {"latest": latest.isoformat(), "exported_on": self.exported_on.isoformat()}
                self._note("dates_after_export", name, count, values, column.name, amount)

    def _currencies(self, name: str) -> None:
        if not self._has(name, "currency"):
            return
        seen: dict[str, list[Any]] = {}
        priced = self.tables[name].priced
        for code, count, amount in self._fetch(
            f"select currency, count(*), sum(abs({priced})) from {self._rows(name)} where currency is not null"
            " group by 1 order by 2 desc, 1"
        ):
            entry = seen.setdefault(SYMBOLS.get(code, code.upper()), [0, Decimal(0)])
            entry[0] += count
            entry[1] += amount or 0
        foreign = {code: entry for code, entry in seen.items() if code != self.client.currency}
        if not foreign:
            return
        rows = sum(entry[0] for entry in foreign.values())
        share = rows / sum(entry[0] for entry in seen.values())
        values = {"currencies": ", ".join(seen), "currency": self.client.currency, "share": share}
        effect = "blocks" if share > CURRENCY_SHARE else "weakens"
        amount = sum((entry[1] for entry in foreign.values()), Decimal(0))
        self._note("mixed_currencies", name, rows, values, "currency", amount, tuple(foreign), effect)

    # ---- one table or two ----

    def _unattributed(self) -> None:
        if not self._has("sales_lines", "customer_id", "amount_net"):
            return
        count, amount, _ = self._count_where("sales_lines", "customer_id is null")
        if count:
            total = self._fetch(f"select sum(amount_net) from {self._rows('sales_lines')}")[0][0]
            share = float((amount or 0) / total) if total else 0.0
            self._note("lines_without_customer", "sales_lines", count, {"share": share}, "customer_id", amount or 0)

    def _owners(self) -> None:
        name = "customer_assignments"
        if not self._has(name, "customer_id", "rep_id", "valid_from"):
            return
        columns = self.tables[name].columns
        until = "valid_to" if "valid_to" in columns else "null::date"
        role = "coalesce(role, 'owner') = 'owner'" if "role" in columns else "true"
        split = "split_share" if "split_share" in columns else "null::double"
        owners = (
            f"select customer_id, rep_id, valid_from as since, coalesce({until}, date '9999-12-31') as until,"
            f" {split} as split from {self._rows(name)} where {role}"
        )
        seen = self._fetch(
            f"with owners as ({owners}) select a.customer_id, min(a.rep_id || ' + ' || b.rep_id),"
            " min(greatest(a.since, b.since)) from owners a join owners b on a.customer_id = b.customer_id"
            " and a.rep_id < b.rep_id and a.since <= b.until and b.since <= a.until"
            " where abs(coalesce(a.split, 1) + coalesce(b.split, 1) - 1) > 0.001 group by 1 order by 1"
        )
        if seen:
            values = {"rep_ids": seen[0][1], "date": seen[0][2].isoformat()}
            self._note("two_owners", name, len(seen), values, "rep_id", None, tuple(str(row[0]) for row in seen))

    def _months(self) -> None:
        if not self._has("sales_lines", "invoice_date"):
            return
        months = self._fetch(
            "select year(invoice_date) * 12 + month(invoice_date) - 1 as m, count(*), max(invoice_date),"
            f" sum({self.tables['sales_lines'].priced}) from {self._rows('sales_lines')}"
            f" where invoice_date <= date '{self.exported_on}' group by 1 order by 1"
        )
        if not months:
            return
        index, count, last, amount = months[-1]
        end = date(index // 12 + (index % 12 == 11), (index + 1) % 12 + 1, 1) - timedelta(days=1)
        closes = end - timedelta(days=max(0, end.weekday() - 4))
        told = self.client.complete_until
        if (told < end) if told else (last < closes):
            values = {"month": last.replace(day=1).isoformat(), "last_date": last.isoformat()}
            self._note("partial_last_month", "sales_lines", count, values, "invoice_date", amount, effect="informs")
        held = {row[0] for row in months}
        gaps = [m for m in range(months[0][0], index) if m not in held]
        if gaps:
            named = [f"{m // 12}-{m % 12 + 1:02d}" for m in gaps]
            values = {"months": ", ".join(named[:12])}
            self._note("month_gap", "sales_lines", len(gaps), values, "invoice_date", None, tuple(named))

    def _deals(self) -> None:
        name = "opportunities"
        if self._has(name, "opportunity_id") and self.changes:
            followed = f"select opportunity_id from {self.changes} where field = 'stage'"
            count, _, rows = self._count_where(
                name, f"opportunity_id not in ({followed} and opportunity_id is not null)"
            )
            if rows and count > (1 - STAGE_EVENTS_SHARE) * rows:
                self._note("few_stage_events", name, count, {"share": 1 - count / rows})
        if self._has(name, "status", "expected_close_date"):
            stale = f"status = 'open' and expected_close_date < date '{self.exported_on}'"
            count, amount, _ = self._count_where(name, stale)
            if count:
                opened, _, _ = self._count_where(name, "status = 'open'")
                oldest = self._fetch(f"select min(expected_close_date) from {self._rows(name)} where {stale}")[0][0]
                values = {"oldest": oldest.isoformat(), "share": count / opened}
                self._note("stale_open_deals", name, count, values, "expected_close_date", amount)
        if self._has(name, "created_date", "closed_date"):
            wrong = "closed_date < created_date"
            count, amount, _ = self._count_where(name, wrong)
            if count:
                seen = self._fetch(
                    f"select opportunity_id from {self._rows(name)} where {wrong} order by 1 limit {SHOWN}"
                )
                codes = tuple(str(row[0]) for row in seen)
                self._note(
                    "closed_before_created", name, count, {"opportunity_id": codes[0]}, "closed_date", amount, codes
                )
        if self._has(name, "status", "closed_date"):
            count, amount, _ = self._count_where(name, "status in ('won', 'lost') and closed_date is null")
            if count:
                closed, _, _ = self._count_where(name, "status in ('won', 'lost')")
                self._note("undated_closed_deals", name, count, {"share": count / closed}, "closed_date", amount)

    def _potential(self) -> None:
        column = next(
            (c for c in ("potential_total", "potential_accessible") if self._has("customer_potential", c)), None
        )
        if column is None or not self._has("sales_lines", "customer_id", "invoice_date", "amount_net"):
            return
        potentials, lines = self._rows("customer_potential"), self._rows("sales_lines")
        seen = self._fetch(
            f"with known as (select customer_id, arg_max({column}, valid_from) as potential from {potentials}"
            f" where {column} is not null group by 1),"
            f" last as (select least(max(invoice_date), date '{self.exported_on}') as day from {lines}),"
            f" bought as (select customer_id, sum(amount_net) as revenue from {lines}, last"
            " where invoice_date > last.day - interval 1 year and invoice_date <= last.day group by 1)"
            " select customer_id, potential, revenue from known join bought using (customer_id)"
            " where potential < revenue order by revenue - potential desc, 1"
        )
        if seen:
            code, potential, revenue = seen[0]
            values = {"customer_id": code, "potential": money(potential), "revenue": money(revenue)}
            amount = sum((row[2] - row[1] for row in seen), Decimal(0))
            codes = tuple(str(row[0]) for row in seen)
            self._note("potential_below_revenue", "customer_potential", len(seen), values, column, amount, codes)

    def _activities(self) -> None:
        if not self._has("activities", "rep_id", "done_date"):
            return
        seen = self._fetch(
            f"select rep_id, done_date, count(*) from {self._rows('activities')} where done_date is not null"
            f" group by 1, 2 having count(*) > {MOST_ACTIVITIES} order by 3 desc, 1, 2"
        )
        if seen:
            values = {"rep_id": seen[0][0] or "", "day": seen[0][1].isoformat(), "top": seen[0][2]}
            self._note("activity_outliers", "activities", len(seen), values, "done_date")

    def _control(self) -> None:
        if not self._has("sales_lines", "invoice_date", "amount_net"):
            return
        first = self.client.first_fiscal_month
        for year, expected in sorted(self.client.control.get("net_revenue", {}).items()):
            start, end = (date(year, first, 1), date(year + 1, first, 1))
            if first > 1:  # the fiscal year is named after the calendar year in which it ends
                start, end = date(year - 1, first, 1), date(year, first, 1)
            inside = f"invoice_date >= date '{start}' and invoice_date < date '{end}'"
            count, amount, _ = self._count_where("sales_lines", inside)
            found = money(amount)
            gap = found - expected
            share = abs(gap) / abs(expected) if expected else float(found != 0)
            values = {"year": year, "expected": expected, "found": found, "gap": gap, "share": share}
            effect = "weakens" if share > CONTROL_SHARE else "informs"
            self._note("control_gap", "sales_lines", count, values, "amount_net", gap, effect=effect)
