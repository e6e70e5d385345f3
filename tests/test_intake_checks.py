"""What is wrong across tables, over time and in money: detected, counted, priced."""

from __future__ import annotations

from pathlib import Path

from intake_kit import LINES, client, codes, issue, take

TABLES = """
[[source]]
table = "sales_lines"
files = ["lines.csv"]
[source.columns]
invoice_date = "Date"
customer_id = "Client"
amount_net = "Montant"
currency = "Devise"
[[source]]
table = "customers"
files = ["clients.csv"]
[source.columns]
customer_id = "Code"
"""
LINES_CSV = (
    "Date;Client;Montant;Devise\n31/01/2024;A;10,5;EUR\n31/03/2024;B;20;€\n15/04/2024;X;30;eur\n13/08/2026;A;40;EUR\n"
)


def test_orphans_future_dates_gaps_and_partial_month(tmp_path: Path) -> None:
    made = take(client(tmp_path, TABLES, lines__csv=LINES_CSV, clients__csv="Code\nA\nB\n"))
    orphans = issue(made, "orphan_keys")
    assert (orphans.count, orphans.amount, orphans.examples) == (1, 30.0, ("X",))
    assert orphans.values["share"] == 0.25
    late = issue(made, "dates_after_export")
    assert (late.count, late.amount, late.values["latest"]) == (1, 40.0, "2026-08-13")
    assert issue(made, "month_gap").values["months"] == "2024-02"
    partial = issue(made, "partial_last_month")
    assert (partial.values["month"], partial.values["last_date"]) == ("2024-04-01", "2024-04-15")
    assert "mixed_currencies" not in codes(made)


def test_an_emptied_column_of_amounts_weakens_what_is_made_of_it(tmp_path: Path) -> None:
    whole = "Facture;Date;Client;Montant\n" + "".join(f"F{n};15/01/2024;C{n};10,00\n" for n in range(100))
    spoilt = whole.replace("10,00", "N/A", 3)
    trace = issue(take(client(tmp_path / "trace", a__csv=whole.replace("10,00", "N/A", 2))), "empty_values")
    much = issue(take(client(tmp_path / "much", a__csv=spoilt)), "empty_values")
    assert (trace.column, trace.values["effect"]) == ("amount_net", "informs")
    assert (much.count, much.values["effect"]) == (3, "weakens")


def test_complete_until_overrides_the_partial_month(tmp_path: Path) -> None:
    head = "exported_on = 2026-07-03\ncomplete_until = 2024-04-30\n"
    made = take(client(tmp_path, TABLES, head=head, lines__csv=LINES_CSV, clients__csv="Code\nA\nB\n"))
    assert "partial_last_month" not in codes(made)


def test_a_month_whose_last_weekday_is_there_is_over(tmp_path: Path) -> None:
    # 30 August 2024 is a Friday, the 31st a Saturday.
    text = "Facture;Date;Client;Montant\nF1;30/08/2024;A;1,5\nF2;13/08/2024;A;1,5\n"
    assert "partial_last_month" not in codes(take(client(tmp_path, a__csv=text)))


def test_another_currency_blocks_unless_it_is_a_trace(tmp_path: Path) -> None:
    text = "Date;Client;Montant;Devise\n" + "31/01/2024;A;10,5;EUR\n" * 150 + "31/01/2024;A;10,5;USD\n"
    made = take(client(tmp_path / "trace", TABLES, lines__csv=text, clients__csv="Code\nA\n"))
    found = issue(made, "mixed_currencies")
    assert (found.effect, found.count, found.amount) == ("weakens", 1, 10.5)
    made = take(client(tmp_path / "much", TABLES, lines__csv=LINES_CSV.replace("€", "$"), clients__csv="Code\nA\n"))
    assert issue(made, "mixed_currencies").effect == "blocks"


def test_two_owners_at_once(tmp_path: Path) -> None:
    toml = """
[[source]]
table = "customer_assignments"
files = ["*.csv"]
[source.columns]
customer_id = "Client"
rep_id = "Rep"
valid_from = "Du"
valid_to = "Au"
role = "Rôle"
split_share = "Part"
"""
    text = (
        "Client;Rep;Du;Au;Rôle;Part\n"
        "A;R1;01/01/2024;31/12/2024;owner;\nA;R2;31/12/2024;;owner;\n"  # one day too long
        "B;R1;01/01/2024;31/12/2024;owner;\nB;R2;01/01/2025;;owner;\n"  # handed over
        "C;R1;01/01/2024;;owner;50%\nC;R2;01/01/2024;;owner;50%\n"  # shared
        "D;R1;01/01/2024;;owner;\nD;R2;01/01/2024;;support;\n"  # helped
    )
    found = issue(take(client(tmp_path, toml, a__csv=text)), "two_owners")
    assert (found.count, found.examples, found.values["rep_ids"]) == (1, ("A",), "R1 + R2")
    assert found.values["date"] == "2024-12-31"


def test_deals_without_events_stale_or_closed_before_created(tmp_path: Path) -> None:
    toml = """
[[source]]
table = "opportunities"
files = ["deals.csv"]
[source.columns]
opportunity_id = "Id"
status = "Statut"
amount = "Montant"
created_date = "Créée"
closed_date = "Close"
expected_close_date = "Prévue"
[[source]]
table = "opportunity_events"
files = ["events.csv"]
[source.columns]
opportunity_id = "Id"
event_ts = "Quand"
field = "Champ"
new_value = "Valeur"
"""
    deals = (
        "Id;Statut;Montant;Créée;Close;Prévue\n1;open;10,5;13/01/2024;;31/01/2024\n2;open;1;13/01/2024;;31/12/2027\n"
        "3;won;5;13/01/2024;31/12/2023;\n4;lost;7;13/01/2024;;\n"
    )
    events = "Id;Quand;Champ;Valeur\n1;2024-01-13 10:00;stage;x\n2;2024-01-13 10:00;amount;9\n"
    made = take(client(tmp_path, toml, deals__csv=deals, events__csv=events))
    assert (issue(made, "few_stage_events").count, issue(made, "few_stage_events").values["share"]) == (3, 0.25)
    stale = issue(made, "stale_open_deals")
    assert (stale.count, stale.amount, stale.values["share"]) == (1, 10.5, 0.5)
    assert issue(made, "closed_before_created").values["opportunity_id"] == "3"
    assert issue(made, "undated_closed_deals").amount == 7.0


def test_potential_below_revenue_and_control_gap(tmp_path: Path) -> None:
    toml = LINES.replace("*.csv", "lines.csv") + (
        '[[source]]\ntable = "customer_potential"\nfiles = ["potential.csv"]\n[source.columns]\n'
        'customer_id = "Client"\nvalid_from = "Du"\npotential_total = "Potentiel"\n'
    )
    head = "exported_on = 2026-07-03\n[control]\nnet_revenue = {2025 = 100, 2026 = 1}\n"
    lines = "Facture;Date;Client;Montant\nF1;31/03/2025;A;99,5\nF2;30/04/2026;B;50\nF3;30/04/2026;C;10\n"
    potential = "Client;Du;Potentiel\nA;31/01/2024;10\nB;31/01/2024;100\nB;31/01/2025;40\nC;31/01/2024;10\n"
    made = take(client(tmp_path, toml, head=head, lines__csv=lines, potential__csv=potential))
    found = issue(made, "potential_below_revenue")
    assert (found.examples, found.amount) == (("B",), 10.0)
    gaps = {one.values["year"]: one for one in made.issues if one.code == "control_gap"}
    assert (gaps[2025].values["gap"], gaps[2025].effect) == (-0.5, "informs")
    assert (gaps[2026].values["found"], gaps[2026].effect) == (60.0, "weakens")


def test_too_many_activities_in_a_day(tmp_path: Path) -> None:
    toml = '[[source]]\ntable = "activities"\nfiles = ["*.csv"]\n[source.columns]\nrep_id = "Rep"\ndone_date = "Fait"\n'
    text = "Rep;Fait\n" + "R1;31/01/2024\n" * 41 + "R2;31/01/2024\n" * 40
    found = issue(take(client(tmp_path, toml, a__csv=text)), "activity_outliers")
    assert (found.count, found.values["rep_id"], found.values["top"]) == (1, "R1", 41)


def test_every_code_is_listed_for_the_phrases() -> None:
    """The docstring of the checks names each code that intake can give, and no other."""
    import re

    from salespilot.intake import checks

    package = Path(checks.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    used = set(re.findall(r'(?:Issue|issue|_note|refuse)\(\s*"(\w+)"', source))
    used |= {"ambiguous_dates", "conflicting_dates", "duplicate_lines", "duplicate_lines_dropped"}
    used |= {"unreadable_values", "missing_key", "dates_before_1990", "too_many_cells"}
    listed = set(re.findall(r"^([a-z_0-9]+) {2,}", checks.__doc__ or "", re.MULTILINE))
    listed |= {code for code in used if re.search(rf"^{code} ", checks.__doc__ or "", re.MULTILINE)}
    assert used <= listed, used - listed
    assert listed <= used, listed - used
