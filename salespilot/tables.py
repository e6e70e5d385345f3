"""The standard tables: what every export becomes, whatever the client's software called it.

A table states its grain, its key and its columns; a column states its type. The data model is that of the kit's
method (customers, sales lines, deals, activities ...). Types:

==========  =======================================================  =====================
type        meaning                                                  in Parquet
==========  =======================================================  =====================
id          a code, kept as text (leading zeros matter)              VARCHAR
text        free text, Unicode NFC                                   VARCHAR
date        a calendar day                                           DATE
timestamp   an instant, UTC                                          TIMESTAMP
money       the client's currency, excluding VAT, signed             DECIMAL(18,4)
share       a fraction, 0 to 1                                       DOUBLE
number      any other number                                         DOUBLE
integer     a whole number                                           BIGINT
flag        true or false                                            BOOLEAN
==========  =======================================================  =====================

A category is a text column with a closed list of ``choices``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SQL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "id": "VARCHAR",
        "text": "VARCHAR",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "money": "DECIMAL(18,4)",
        "share": "DOUBLE",
        "number": "DOUBLE",
        "integer": "BIGINT",
        "flag": "BOOLEAN",
    }
)


@dataclass(frozen=True)
class Column:
    """One column of a standard table.

    ``choices`` closes the list of a category. ``references`` names the table whose key the column holds.
    """

    name: str
    type: str
    choices: tuple[str, ...] = ()
    references: str | None = None

    @property
    def sql_type(self) -> str:
        """The column's type in DuckDB and Parquet."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """One standard table.

    ``key``        the columns that tell two rows apart; a row without them is rejected.
    ``made_key``   the key may be made from file and record when the export has none.
    ``essential``  columns without which the table is of no use (said by ``salespilot new``).
    ``dated_by``   the columns whose first non-empty value dates the row: rows after ``as_of`` are set aside.
    ``exempt``     date columns that may lie in the future or before 1990.
    ``is_large``   may hold millions of rows: never enters pandas whole.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    essential: tuple[str, ...] = ()
    dated_by: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    made_key: bool = False
    is_large: bool = False

    def __getitem__(self, column: str) -> Column:
        return next(c for c in self.columns if c.name == column)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names, in the order of the model."""
        return tuple(column.name for column in self.columns)

    @property
    def money_column(self) -> str | None:
        """The column by which rows are priced: the first of type money."""
        return next((c.name for c in self.columns if c.type == "money"), None)


REFERENCES = {
    "customer_id": "customers",
    "parent_customer_id": "customers",
    "delivery_customer_id": "customers",
    "rep_id": "reps",
    "rep_id_booked": "reps",
    "owner_rep_id": "reps",
    "opportunity_id": "opportunities",
    "stage_code": "stages",
    "contest_id": "contests",
    "action_id": "actions",
}


def _table(name: str, grain: str, key: str, columns: str, **options: object) -> Table:
    made = []
    for line in columns.strip().splitlines():
        column, kind, *choices = line.split()
        reference = REFERENCES.get(column)
        own = column in key.split() and reference == name
        made.append(Column(column, kind, tuple(choices), None if own else reference))
    return Table(name, grain, tuple(key.split()), tuple(made), **options)  # type: ignore[arg-type]


_ALL = (
    _table(
        "customers",
        "one row a customer, prospect or site",
        "customer_id",
        """
        customer_id id
        name text
        parent_customer_id id
        legal_id id
        status text customer prospect suspect lost
        created_date date
        sector_code id
        employees integer
        company_revenue money
        postcode id
        country text
        lat number
        lon number
        channel text
        is_intercompany flag
        legacy_unit text
        """,
        dated_by=("created_date",),
    ),
    _table(
        "customer_potential",
        "one row a customer and date from which the potential holds",
        "customer_id valid_from",
        """
        customer_id id
        valid_from date
        potential_total money
        addressable_share share
        potential_accessible money
        method text declared driver peer external
        confidence text low med high
        low money
        high money
        """,
        essential=("potential_accessible",),
        dated_by=("valid_from",),
    ),
    _table(
        "customer_assignments",
        "one row a customer, salesperson and date from which the salesperson holds it",
        "customer_id rep_id valid_from",
        """
        customer_id id
        rep_id id
        valid_from date
        valid_to date
        role text owner support inside
        split_share share
        """,
        dated_by=("valid_from",),
        exempt=("valid_from", "valid_to"),
    ),
    _table(
        "sales_lines",
        "one row a line of invoice, credit note or rebate",
        "line_id",
        """
        line_id id
        invoice_id id
        invoice_date date
        doc_type text invoice credit_note rebate
        original_invoice_id id
        customer_id id
        customer_name text
        delivery_customer_id id
        rep_id_booked id
        rep_name text
        product_id id
        product_family text
        quantity number
        amount_net money
        margin money
        discount money
        order_id id
        order_date date
        currency text
        """,
        essential=("invoice_date", "amount_net", "customer_id"),
        dated_by=("invoice_date",),
        made_key=True,
        is_large=True,
    ),
    _table(
        "orders_backlog",
        "one row an order line not yet invoiced",
        "order_line_id",
        """
        order_line_id id
        customer_id id
        rep_id id
        order_date date
        due_date date
        remaining money
        """,
        essential=("remaining", "due_date"),
        dated_by=("order_date",),
        exempt=("due_date",),
        made_key=True,
    ),
    _table(
        "opportunities",
        "one row a deal, as it stands on the day of the export",
        "opportunity_id",
        """
        opportunity_id id
        customer_id id
        customer_name text
        rep_id id
        rep_name text
        created_date date
        type text new expansion renewal
        source text
        product_family text
        amount money
        probability_declared share
        expected_close_date date
        stage_code id
        forecast_category text commit best_case pipeline omitted closed
        status text open won lost cancelled
        closed_date date
        loss_reason_code text
        loss_reason_source text rep buyer third_party
        competitor text
        next_step_date date
        currency text
        """,
        essential=("status", "amount"),
        dated_by=("created_date",),
        exempt=("expected_close_date", "next_step_date"),
    ),
    _table(
        "opportunity_events",
        "one row a change of one field of a deal",
        "event_id",
        """
        event_id id
        opportunity_id id
        event_ts timestamp
        field text stage amount close_date category owner status
        old_value text
        new_value text
        """,
        essential=("opportunity_id", "event_ts", "field", "new_value"),
        dated_by=("event_ts",),
        made_key=True,
    ),
    _table(
        "stages",
        "one row a milestone of the sales cycle",
        "stage_code",
        """
        stage_code id
        stage_order integer
        name_fr text
        name_en text
        kind text open won lost
        exit_criteria text
        """,
        essential=("stage_order",),
    ),
    _table(
        "milestone_evidence",
        "one row a deal and exit criterion met",
        "opportunity_id criterion",
        """
        opportunity_id id
        criterion text
        met_date date
        """,
        dated_by=("met_date",),
    ),
    _table(
        "quotes",
        "one row a quote or revision of a quote",
        "quote_id",
        """
        quote_id id
        opportunity_id id
        customer_id id
        rep_id id
        sent_date date
        amount money
        status text sent accepted refused expired
        decided_date date
        is_latest flag
        """,
        essential=("sent_date",),
        dated_by=("sent_date",),
        made_key=True,
    ),
    _table(
        "activities",
        "one row a visit, call, mail or other piece of a salesperson's time",
        "activity_id",
        """
        activity_id id
        rep_id id
        customer_id id
        opportunity_id id
        type text call_attempt call_connected email visit remote_meeting demo quote event admin training travel
        planned_date date
        done_date date
        status text planned done cancelled no_show
        duration_min number
        travel_min number
        outcome text
        """,
        essential=("rep_id", "type", "done_date"),
        dated_by=("done_date", "planned_date"),
        exempt=("planned_date",),
        made_key=True,
        is_large=True,
    ),
    _table(
        "forecast_snapshots",
        "one row a snapshot date, period, entity, source and category",
        "snapshot_date period_start entity_level entity_id source category",
        """
        snapshot_date date
        period_start date
        period_end date
        entity_level text rep team company
        entity_id id
        source text rep manager final statistical
        category text closed commit best_case pipeline call
        amount money
        """,
        essential=("amount",),
        dated_by=("snapshot_date",),
        exempt=("period_start", "period_end"),
    ),
    _table(
        "targets",
        "one row a period, entity, metric and version",
        "period_start entity_level entity_id metric version",
        """
        period_start date
        period_end date
        entity_level text rep team company
        entity_id id
        metric text revenue margin orders new_customers visits
        version integer
        value money
        unit text
        set_date date
        """,
        essential=("value",),
        dated_by=("set_date",),
        exempt=("period_start", "period_end"),
    ),
    _table(
        "reps",
        "one row a salesperson",
        "rep_id",
        """
        rep_id id
        display_name text
        team_id id
        manager_id id
        role text field inside kam hunter farmer
        start_date date
        end_date date
        fte share
        annual_cost money
        home_postcode id
        ramp_months integer
        """,
        dated_by=("start_date",),
        exempt=("start_date", "end_date"),
    ),
    _table(
        "rep_capacity",
        "one row a salesperson and month",
        "rep_id month",
        """
        rep_id id
        month date
        working_days number
        absence_days number
        field_share share
        hours_per_day number
        """,
        essential=("working_days",),
        exempt=("month",),
    ),
    _table(
        "actions",
        "one row an action decided or proposed",
        "action_id",
        """
        action_id id
        plan_id id
        source text pac one_to_one improvement portfolio abc pipeline contest handover
        title text
        metric text
        baseline number
        target_value number
        unit text
        owner_rep_id id
        start_date date
        due_date date
        status text draft planned in_progress done dropped
        progress share
        hours_planned number
        budget money
        impact_low money
        impact_mode money
        impact_high money
        probability share
        actual_impact money
        review_cadence_days integer
        last_review_date date
        stop_rule text
        decided_on date
        """,
        dated_by=("decided_on", "start_date"),
        exempt=("start_date", "due_date"),
    ),
    _table(
        "action_targets",
        "one row an action and customer or deal it touches",
        "action_target_id",
        """
        action_target_id id
        action_id id
        customer_id id
        opportunity_id id
        """,
        essential=("action_id",),
        made_key=True,
    ),
    _table(
        "coverage_policy",
        "one row a cell of the cross matrix, a1 to p3",
        "cell",
        """
        cell id
        contact_mode text
        f2f_per_year number
        remote_per_year number
        visit_min number
        prep_min number
        """,
        essential=("f2f_per_year",),
    ),
    _table(
        "interventions",
        "one row a change made to the way of selling, or an outside event",
        "intervention_id",
        """
        intervention_id id
        date date
        scope text
        description text
        metric text
        expected_direction text up down
        kind text change definition_break external
        """,
        essential=("date",),
        dated_by=("date",),
        made_key=True,
    ),
    _table(
        "contests",
        "one row a sales contest",
        "contest_id",
        """
        contest_id id
        name text
        start_date date
        end_date date
        metric text
        score_rule text attainment lift zscore leagues points
        winners integer
        budget money
        """,
        essential=("start_date", "end_date"),
        exempt=("start_date", "end_date"),
    ),
    _table(
        "contest_participants",
        "one row a contest and salesperson",
        "contest_id rep_id",
        """
        contest_id id
        rep_id id
        baseline money
        sigma money
        result money
        """,
    ),
    _table(
        "contest_prizes",
        "one row a contest and range of ranks",
        "contest_id rank_from",
        """
        contest_id id
        rank_from integer
        rank_to integer
        value money
        """,
    ),
    _table(
        "rep_assessments",
        "one row a salesperson, date, assessor and skill",
        "rep_id date assessor skill_code",
        """
        rep_id id
        date date
        assessor text manager self
        skill_code id
        rating integer
        """,
        essential=("rating",),
        dated_by=("date",),
    ),
    _table(
        "calendar",
        "one row a day",
        "date",
        """
        date date
        is_working_day flag
        holiday text
        fiscal_period text
        """,
        essential=("is_working_day",),
        exempt=("date",),
    ),
    _table(
        "costs",
        "one row a role",
        "role",
        """
        role text all field inside kam hunter farmer
        visit_cost money
        call_cost money
        order_cost money
        prize_charge_rate share
        hourly_cost money
        """,
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _ALL})
