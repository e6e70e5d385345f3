"""Headers become standard columns: folding, synonyms, contents, presets, and the traps that must stay doubtful."""

from __future__ import annotations

import pytest

from salespilot.intake import presets
from salespilot.intake.mapping import identifier, propose
from salespilot.intake.vocabulary import fold, language_of, synonyms
from salespilot.tables import TABLES


def rows(headers, *lines):
    return [dict(zip(headers, line, strict=True)) for line in lines]


def mapped(proposal):
    return {column: match.source for column, match in proposal.columns.items()}


@pytest.mark.parametrize(
    "headers",
    [
        ("N° client", "NUM_CLIENT", "numéro de client", "CodeClient", "CODECLIENT", "client no", "Clients : n°"),
        ("InvoiceNo", "invoice_number", "Invoice #", "INVOICE ID", "invoice code"),
        ("Montant H.T.", "montant_ht", "MTHT", "Montant HT (€)", "Mt HT"),
        ("Date de facture", "DATEFACT", "date_facture", "Facture - date"),
        ("NumberOfEmployees", "number of employees", "employee count", "nb employees"),
    ],
)
def test_headers_that_mean_the_same_fold_alike(headers):
    assert len({fold(header) for header in headers}) == 1


@pytest.mark.parametrize(("one", "other"), [("Montant HT", "Montant TTC"), ("valid from", "valid to"), ("Nom", "N°")])
def test_headers_that_differ_stay_apart(one, other):
    assert fold(one) != fold(other)


def test_every_standard_name_means_its_column():
    for table in TABLES.values():
        for column in table.columns:
            assert any(
                s.words == fold(column.name) and s.rank == 0 for s in synonyms().columns[table.name][column.name]
            )


def test_synonyms_name_only_what_exists():
    from salespilot.intake import vocabulary

    for table, columns in vocabulary._raw().items():
        if table in ("files", "ignored", "moments", "prices", "assumed", "named", "values"):
            continue
        assert set(columns) <= set(TABLES[table].column_names), table
    for column, values in vocabulary._raw()["values"].items():
        table, name = column.split(".")
        assert set(values) == set(TABLES[table][name].choices) or set(values) < set(TABLES[table][name].choices), column


def test_language_of_headers():
    assert language_of(("N° facture", "Date", "Montant HT", "Code client")) == "fr"
    assert language_of(("InvoiceNo", "InvoiceDate", "CustomerID")) == "en"
    assert language_of(("x", "y")) is None


FRENCH = ("N° pièce", "Type pièce", "Date pièce", "Code tiers", "Raison sociale", "Commercial", "Réf. article", "Qté")
FRENCH_ROWS = (
    ("FA001", "Facture", "03/01/2025", "C0012", "Dupré SARL", "MARTIN Paul", "A-1", "12"),
    ("AV002", "Avoir", "17/01/2025", "C0040", "Œuvre & Cie", "DURAND Zoé", "A-2", "-3"),
)


def french(extra, values):
    headers = (*FRENCH, *extra)
    return propose(headers, rows(headers, *(r + v for r, v in zip(FRENCH_ROWS, values, strict=True))))


def test_french_invoices():
    proposal = french(("Montant TTC", "Montant HT"), [("12,00", "10,00"), ("-6,00", "-5,00")])
    assert proposal.table == "sales_lines"
    assert mapped(proposal) == {
        "invoice_id": "N° pièce",
        "invoice_date": "Date pièce",
        "doc_type": "Type pièce",
        "customer_id": "Code tiers",
        "customer_name": "Raison sociale",
        "rep_id_booked": "Commercial",
        "rep_name": "Commercial",
        "product_id": "Réf. article",
        "quantity": "Qté",
        "amount_net": "Montant HT",
    }
    assert proposal.columns["amount_net"].confidence == "sure"
    assert proposal.columns["rep_id_booked"].confidence == "doubtful"
    assert proposal.values == {"doc_type": {"Facture": "invoice", "Avoir": "credit_note"}}
    assert (proposal.missing, proposal.unused) == ((), ("Montant TTC",))


def test_an_amount_with_vat_is_never_active():
    proposal = french(("Montant TTC",), [("12,00",), ("-6,00",)])
    assert proposal.columns["amount_net"].is_dangerous
    assert "VAT" in proposal.columns["amount_net"].why
    assert proposal.missing == ("amount_net",)


def test_a_price_beats_an_amount_with_vat():
    proposal = french(("PU HT", "Total TTC"), [("1,00", "14,40"), ("1,00", "-3,60")])
    amount = proposal.columns["amount_net"]
    assert (amount.source, amount.confidence, amount.is_expression) == ('"Qté" * "PU HT"', "doubtful", True)


def test_an_unnamed_vat_is_doubtful():
    amount = french(("Montant",), [("10,00",), ("-5,00",)]).columns["amount_net"]
    assert (amount.source, amount.confidence, amount.is_dangerous) == ("Montant", "doubtful", False)


@pytest.mark.parametrize(("beside", "confidence"), [("taxamt", "sure"), ("Tax", "sure"), ("taxi", "doubtful")])
def test_a_subtotal_beside_the_tax_is_before_it(beside, confidence):
    proposal = propose(
        ("orderid", "orderdate", "customerid", "subtotal", beside),
        rows(("orderid", "orderdate", "customerid", "subtotal", beside), ("1", "2025-01-02", "7", "10.5", "2.1")),
    )
    assert proposal.columns["amount_net"].confidence == confidence


def test_contents_decide():
    headers = ("Date", "Date facture", "Client", "CA HT")
    proposal = propose(
        headers, rows(headers, ("3", "03/01/2025", "00012", "10,0"), ("4", "04/01/2025", "00014", "1,0"))
    )
    assert mapped(proposal)["invoice_date"] == "Date facture"
    assert proposal.columns["customer_id"].confidence == "sure"  # a column called Client that holds codes
    assert "customer_name" not in proposal.columns
    text = propose(("Date facture", "Code client", "Montant HT"), [{"Date facture": "x", "Code client": "1"}])
    assert "invoice_date" not in text.columns


@pytest.mark.parametrize("header", ["revenue", "Chiffre d'affaires", "CA", "AnnualRevenue"])
def test_the_size_of_a_company_is_neither_sales_nor_potential(header):
    headers = ("account", "sector", "employees", header)
    proposal = propose(headers, rows(headers, ("Acme", "it", "12", "1100.04"), ("Beta", "food", "7", "251.41")))
    assert proposal.table == "customers"
    size = proposal.columns["company_revenue"]
    assert (size.source, size.confidence, size.is_dangerous) == (header, "doubtful", True)
    assert "neither sales nor potential" in size.why


def test_credit_notes_by_their_numbers():
    headers = ("InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
    lines = [(f"5363{i}", "6", "2010-12-01 08:26:00", "2.55", "17850.0") for i in range(10)]
    proposal = propose(headers, rows(headers, *lines, ("C536379", "-1", "2010-12-01 09:41:00", "27.5", "14527.0")))
    assert proposal.table == "sales_lines"
    assert mapped(proposal)["amount_net"] == "Quantity * UnitPrice"
    assert mapped(proposal)["doc_type"] == "case when InvoiceNo like 'C%' then 'credit_note' else 'invoice' end"
    assert "doc_type" not in propose(headers, rows(headers, *lines)).columns


DEALS = ("opportunity_id", "sales_agent", "account", "deal_stage", "engage_date", "close_date", "close_value")


def test_deals_without_a_status_take_it_from_the_stage():
    lines = [
        ("A1", "Moses", "Cancity", "Won", "2016-10-20", "2017-03-01", "1054"),
        ("A2", "Zoe", "Isdom", "Lost", "2016-10-20", "2017-03-01", "0"),
        ("A3", "Zoe", "Isdom", "Engaging", "2016-10-20", "", ""),
    ]
    proposal = propose(DEALS, rows(DEALS, *lines))
    assert proposal.table == "opportunities"
    assert proposal.columns["stage_code"].source == "deal_stage"
    status = (
        "case when deal_stage in ('Won') then 'won' when deal_stage in ('Lost') then 'lost'"
        " when deal_stage <> '' then 'open' end"
    )
    assert proposal.columns["status"].source == status
    assert mapped(proposal)["closed_date"] == "close_date"
    assert "expected_close_date" not in proposal.columns


def test_open_deals_that_carry_the_close_date_expect_it():
    lines = [
        ("A1", "Moses", "Cancity", "Won", "2016-10-20", "2017-03-01", "1054"),
        ("A3", "Zoe", "Isdom", "Engaging", "2016-10-20", "2017-09-01", "500"),
    ]
    found = mapped(propose(DEALS, rows(DEALS, *lines)))
    assert found["expected_close_date"] == "close_date"
    assert found["closed_date"] == "case when deal_stage in ('Won') then close_date end"


def test_statuses_are_translated_and_the_unknown_said():
    headers = ("N° affaire", "Code client", "Montant", "Statut")
    lines = [
        ("1", "C1", "10", "Gagnée"),
        ("2", "C1", "10", "Perdue"),
        ("3", "C2", "5", "En cours"),
        ("4", "C", "1", "Zzz"),
    ]
    proposal = propose(headers, rows(headers, *lines))
    assert proposal.values["status"] == {"Gagnée": "won", "Perdue": "lost", "En cours": "open"}
    assert proposal.columns["status"].confidence == "doubtful"
    assert "'Zzz'" in proposal.columns["status"].why


def test_percents_become_shares():
    headers = ("Id opportunité", "Montant", "Statut", "Probabilité")
    found = mapped(propose(headers, rows(headers, ("O1", "10", "Gagnée", "90"), ("O2", "10", "Perdue", "0"))))
    assert found["probability_declared"] == '"Probabilité" / 100'


def test_rates_are_no_discounts_in_money():
    proposal = french(("Montant HT", "Remise"), [("10,00", "0,2"), ("-5,00", "0")])
    assert proposal.columns["discount"].is_dangerous


def test_months_side_by_side():
    headers = ("Code client", "Client", "janv. 2025", "févr. 2025", "mars 2025", "avr. 2025")
    proposal = propose(headers, rows(headers, ("C1", "Dupré", "1", "2", "3", "4")))
    assert (proposal.table, proposal.wide, proposal.missing) == ("sales_lines", headers[2:], ())


def test_months_without_a_year_take_it_from_the_name():
    headers = ("Commercial", "Janvier", "Février", "Mars", "Avril", "Total")
    lines = rows(headers, ("Zara", "1", "2", "3", "4", "10"))
    proposal = propose(headers, lines, name="objectifs 2026")
    assert (proposal.table, proposal.columns["period_start"].sample) == ("targets", "2026-01-01")
    assert propose(headers, lines, name="objectifs").table is None


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("products", ("product", "series", "sales_price")),
        ("x", ("age", "job", "marital")),
        ("contacts", ("Id", "Name")),
    ],
)
def test_what_no_report_uses(name, headers):
    proposal = propose(headers, rows(headers, tuple("12345"[: len(headers)])), name=name)
    assert (proposal.table, proposal.unused) == (None, headers)
    assert proposal.remark


def test_a_key_that_repeats_is_another_table_s():
    headers = ("StoreID", "Name", "SalesPersonID")
    assert (
        propose(headers, rows(headers, ("1", "a", "7"), ("2", "b", "7"), ("3", "c", "8")), name="Store").table is None
    )


SALESFORCE = ("Id", "AccountId", "Name", "StageName", "Amount", "Probability", "CloseDate", "IsClosed", "IsWon")


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        (
            "account_move",
            {
                "Numéro": "FAC/2025/1",
                "Partenaire": "Dupré SARL",
                "Date de facturation": "2025-01-03",
                "Total HT": "1200.5",
            },
            {"invoice_id": "Numéro", "customer_id": "Partenaire", "amount_net": "Total HT"},
        ),
        (
            "export",
            {
                "Document - Numéro du document": "F1",
                "Document - Date": "03/01/2025",
                "Client - Code": "C1",
                "HT net": "1",
            },
            {"invoice_id": "Document - Numéro du document", "customer_id": "Client - Code", "amount_net": "HT net"},
        ),
        (
            "deals",
            {"Affaire - ID": "1", "Affaire - Valeur": "1000", "Affaire - Statut": "Gagné", "Affaire - Étape": "Négo"},
            {"opportunity_id": "Affaire - ID", "amount": "Affaire - Valeur", "status": "Affaire - Statut"},
        ),
        (
            "VBRK",
            {"Billing Document": "9", "Billing Date": "20250103", "Sold-to Party": "1", "Net Value": "12.50"},
            {"invoice_id": "Billing Document", "invoice_date": "Billing Date", "amount_net": "Net Value"},
        ),
        (
            "hubspot-deals",
            {
                "ID de fiche d'informations": "901",
                "Nom de la transaction": "Fours",
                "Phase de la transaction": "Fermé gagné",
                "Date de fermeture": "2025-03-04 10:11",
                "Propriétaire de la transaction": "Zara Ito",
                "Montant": "12000",
                "Date de création": "2025-01-02 09:00",
            },
            {
                "opportunity_id": "ID de fiche d'informations",
                "amount": "Montant",
                "created_date": "Date de création",
                "stage_code": "Phase de la transaction",
                "status": "case when \"Phase de la transaction\" in ('Fermé gagné') then 'won'"
                " when \"Phase de la transaction\" <> '' then 'open' end",
            },
        ),
        (
            "crm.lead",
            {"Opportunité": "Fours", "Revenu espéré": "1200.0", "Étape": "Gagné", "Vendeur": "Zara", "Client": "Acme"},
            {"opportunity_id": "Opportunité", "amount": "Revenu espéré", "rep_id": "Vendeur"},
        ),
        (
            "Deals",
            {"Record Id": "z1", "Amount": "9", "Stage": "Closed Lost", "Created Time": "2025-01-02 09:00:00"}
            | {"Closing Date": "2025-03-04", "Reason For Loss": "Price"},
            {"created_date": "Created Time", "loss_reason_code": "Reason For Loss"},
        ),
        (
            "online_retail_II",
            {"Invoice": "489434", "Quantity": "12", "InvoiceDate": "2009-12-01 07:45:00", "Price": "6.95"}
            | {"Customer ID": "13085.0"},
            {"amount_net": "Quantity * Price", "customer_id": "Customer ID"},
        ),
        (
            "orders",
            {"OrderID": "10248", "CustomerID": "VINET", "EmployeeID": "5", "OrderDate": "1996-07-04"}
            | {"UnitPrice": "14", "Quantity": "12", "Discount": "0.15"},
            {"amount_net": "Quantity * UnitPrice * (1 - coalesce(Discount, 0))", "rep_id_booked": "EmployeeID"},
        ),
        (
            "visites",
            {"Date visite": "15/01/2025", "Commercial": "Zara", "Client": "Acme", "Durée (h)": "1,5"},
            {"type": "'visit'", "duration_min": '"Durée (h)" * 60'},
        ),
        (
            "quotas",
            {"Sales Rep": "Zara", "Month": "2025-01", "Quota": "100000"},
            {"entity_id": "Sales Rep", "entity_level": "'rep'", "metric": "'revenue'", "value": "Quota"},
        ),
        (
            "journal des ventes",
            {"Type de document": "Facture comptabilisée", "N° pièce": "FA1", "Date": "311224", "N° tiers": "00012"}
            | {"Représentant": "Zara", "Montant HT": "1 234,50", "Montant TTC": "1 481,40"},
            {"invoice_date": "Date", "doc_type": "Type de document", "customer_id": "N° tiers"},
        ),
        (
            "bc_Posted Sales Invoice Lines",
            {"Document No.": "PSI-1", "Posting Date": "2025-01-31", "Sell-to Customer No.": "C1", "No.": "1900-S"}
            | {"Line Amount Excl. VAT": "12.5", "Salesperson Code": "ZI"},
            {"invoice_id": "Document No.", "customer_id": "Sell-to Customer No.", "rep_id_booked": "Salesperson Code"},
        ),
        (
            "SE16",
            {"VBELN": "0090001", "FKDAT": "31.01.2025", "FKART": "G2", "KUNAG": "0001", "NETWR": "1.234,50-"},
            {"invoice_date": "FKDAT", "customer_id": "KUNAG", "amount_net": "NETWR"},
        ),
        (
            "export",
            {"NUMFAC": "7", "DATFAC": "20250131", "CODCLI": "0012", "NOMCLI": "ACME", "MTHT": "12,50", "SENS": "C"},
            {"invoice_date": "DATFAC", "customer_name": "NOMCLI", "amount_net": "MTHT", "doc_type": "SENS"},
        ),
        (
            "orders_export_1",
            {"Name": "#1001", "Created at": "2025-01-31 10:00:00 +0100", "Subtotal": "100.00", "Taxes": "20.00"}
            | {"Total": "120.00", "Billing Company": "Acme", "Company": "Acme"},
            {"amount_net": "Subtotal"},
        ),
        (
            "factures",
            {"Réf. facture": "F1", "Date": "45688", "Client": "Acme", "CA HT (k€)": "1,5"},
            {
                "invoice_id": "Réf. facture",
                "invoice_date": "Date",
                "amount_net": '"CA HT (k€)" * 1000',
            },
        ),
        (
            "activities-14372",
            {"Activité - Type": "Appel", "Activité - Date d'échéance": "2025-01-31", "Activité - Organisation": "Acme"}
            | {"Activité - Attribué à l'utilisateur": "Zara Ito"},
            {"done_date": "Activité - Date d'échéance", "rep_id": "Activité - Attribué à l'utilisateur"},
        ),
        (
            "agenda",
            {
                "Objet": "RDV Acme",
                "Date de début": "31/1/2025",
                "Heure de début": "09:30:00",
                "Date de fin": "31/1/2025",
            }
            | {"Organisateur d'une réunion": "Zara Ito", "Catégories": "Visite client"},
            {"done_date": "Date de début", "rep_id": "Organisateur d'une réunion", "type": "Catégories"},
        ),
        (
            "Toutes les opportunités",
            {
                "(Ne pas modifier) Opportunité": "7a-1",
                "Rubrique": "Fours",
                "Client potentiel": "Acme",
                "Statut": "Perdue",
            }
            | {"Date de clôture est.": "31/01/2025", "Revenu est.": "1200", "Propriétaire": "Zara"},
            {"opportunity_id": "(Ne pas modifier) Opportunité", "amount": "Revenu est.", "status": "Statut"},
        ),
    ],
)
def test_the_ways_of_well_known_systems(name, row, expected):
    found = mapped(propose(tuple(row), [row] * 3, name=name))
    assert expected.items() <= found.items()


def test_a_header_that_names_one_column_is_not_close_to_another():
    headers = ("Réf. facture", "Date facture", "Client", "CA HT")
    assert "product_id" not in propose(headers, rows(headers, ("F1", "31/01/2025", "Acme", "1,50")) * 3).columns


def test_the_number_of_a_line_within_its_order_is_no_key():
    headers = ("ORDERNUMBER", "ORDERLINENUMBER", "SALES", "ORDERDATE", "CUSTOMERNAME")
    lines = [(str(10100 + n // 4), str(n % 4 + 1), "2871", "2/24/2003 0:00", f"Customer {n}") for n in range(20)]
    proposal = propose(headers, rows(headers, *lines), name="sales")
    assert "line_id" not in proposal.columns
    assert "ORDERLINENUMBER" in proposal.unused


def test_salesforce_is_recognised():
    line = ("006A", "001A", "Big deal", "Closed Won", "15000", "100", "02/03/24", "TRUE", "TRUE")
    proposal = propose(SALESFORCE, rows(SALESFORCE, line))
    assert (proposal.table, proposal.preset) == ("opportunities", "salesforce")
    assert mapped(proposal)["closed_date"].startswith("case when lower(IsClosed)")
    assert mapped(proposal)["probability_declared"] == "Probability / 100"
    assert proposal.unused == ("Name",)


def test_salesforce_history_has_one_row_a_change():
    headers = ("Id", "OpportunityId", "CreatedDate", "StageName", "Amount", "CloseDate", "ForecastCategory")
    line = ("1", "006A", "2026-01-02", "Closed Won", "5", "2026-03-31", "Closed")
    proposal = propose(headers, rows(headers, line, (*line[:3], "Prospecting", *line[4:])))
    assert (proposal.table, proposal.states.option, proposal.states.value) == (
        "opportunities",
        "changed_at",
        "CreatedDate",
    )
    found = mapped(proposal)
    assert "created_date" not in found
    assert found["status"] == "case when StageName in ('Closed Won') then 'won' when StageName <> '' then 'open' end"


def test_salesforce_field_history_maps_straight():
    headers = ("Id", "OpportunityId", "CreatedDate", "Field", "OldValue", "NewValue")
    proposal = propose(headers, rows(headers, ("1", "006A", "2025-01-02", "StageName", "A", "B")))
    assert mapped(proposal)["old_value"] == "OldValue"
    assert proposal.values == {"field": {"StageName": "stage"}}


def test_presets_name_only_what_exists():
    for name in ("cegid", "event_log", "fec", "french_erp", "salesforce", "sap"):
        assert presets.load(name)
    with pytest.raises(presets.PresetError, match=r"no preset 'sage'; there are cegid, event_log, .*, sap"):
        presets.load("sage")


def test_a_client_s_own_preset(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "own.toml").write_text(
        '[[table]]\ntable = "sales_lines"\nheaders = ["ZZ1", "ZZ2", "ZZ3"]\n'
        '[table.columns]\ncustomer_id = "ZZ1"\ninvoice_date = "ZZ2"\namount_net = "ZZ3"\n'
    )
    headers = ("zz1", "zz2", "zz3")
    proposal = propose(headers, rows(headers, ("a", "2025-01-01", "1")), folder=tmp_path)
    assert mapped(proposal) == {"invoice_date": "zz2", "customer_id": "zz1", "amount_net": "zz3"}
    (tmp_path / "presets" / "bad.toml").write_text('[[table]]\ntable = "sales"\nheaders = []\n')
    with pytest.raises(presets.PresetError, match="unknown table 'sales'"):
        presets.load("bad", tmp_path)


@pytest.mark.parametrize(
    ("header", "written"), [("UnitPrice", "UnitPrice"), ("N° x", '"N° x"'), ('a"b', '"a""b"'), ("order", '"order"')]
)
def test_identifiers(header, written):
    assert identifier(header) == written
