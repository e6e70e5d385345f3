"""The demo client's files: the standard tables as a French ERP, CRM and agenda would export them, a little spoilt.

Each ``Export`` says which file holds a table, under which headers and in which habits of writing; ``client.toml`` is
written from the same list, so that the two agree.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import xlsxwriter
from demo_exports import EXPORTS, Export, Row, rows_of, text_of
from demo_spoils import SPOILT_AGENDA, Spoilt, spoil_invoices, spoil_others
from demo_world import EXPORTED_ON

NAME = "Ferrandière Industrie"


# --- files ----------------------------------------------------------------------------------------------------------


def _write_csv(path: Path, header: Row, rows: list[Row], encoding: str) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ';"\n') else cell

    lines = [";".join(quoted(c) for c in row) for row in [header, *rows]]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))


def _write_xlsx(path: Path, export: Export, frame: pd.DataFrame, total: Row | None) -> None:
    """A workbook with real dates and numbers, codes as text, its title above the headers and its total below."""
    with xlsxwriter.Workbook(str(path), {"default_date_format": "dd/mm/yyyy"}) as book:
        book.set_properties({"author": NAME, "created": datetime(2026, 7, 3, 8, 0)})
        sheet = book.add_worksheet(export.sheet)
        bold = book.add_format({"bold": True})
        line = 0
        for title in export.title:
            sheet.write_string(line, 0, title, bold)
            line += 1
        line += 1 if export.title else 0
        for j, header in enumerate(export.headers.values()):
            sheet.write_string(line, j, header, bold)
        columns = list(export.headers)
        for record in frame[columns].astype(object).itertuples(index=False, name=None):
            line += 1
            for j, (column, value) in enumerate(zip(columns, record, strict=True)):
                text = text_of(value, column, export)
                if not text:
                    continue
                if isinstance(value, date):
                    sheet.write_datetime(line, j, datetime(value.year, value.month, value.day))
                elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
                    sheet.write_number(line, j, float(value))
                else:
                    sheet.write_string(line, j, text)
        for j, cell in enumerate(total or []):
            sheet.write_string(line + 1, j, cell, bold)


def write(tables: Mapping[str, pd.DataFrame], folder: Path, seed: int) -> Spoilt:
    """Write ``exports/`` and ``client.toml`` into the folder; return what was spoilt."""
    exports = folder / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    spoilt = Spoilt()
    for export in EXPORTS:
        frame = tables[export.table]
        header = list(export.headers.values())
        if export.where is not None:
            frame = frame[export.where(frame)]
        if export.table == "sales_lines":
            of_year = pd.Series([d.year for d in frame["invoice_date"]], frame.index)
            for year in sorted(of_year.unique()):
                part = frame[of_year == year]
                rows = rows_of(part, export, trailing_minus=year == 2025)
                rows = spoil_invoices(int(year), rows, part, export, spoilt, seed)
                name = export.file.format(year=year)
                _write_csv(exports / name, header, rows, export.encoding)
                spoilt.rows_written[name] = len(rows)
        elif export.file.endswith(".xlsx"):
            total = None
            if export.title:
                frame = pd.concat([frame, frame.iloc[[30]]])
                total = ["Total", f"{len(frame) - 1} clients"]
                spoilt.count("customers", "duplicate")
                spoilt.count("customers", "title", len(export.title))
                spoilt.count("customers", "blank")
                spoilt.count("customers", "total")
            _write_xlsx(exports / export.file, export, frame, total)
            spoilt.rows_written[export.file] = len(frame) + (total is not None)
        elif export.table == "activities":
            day = frame["done_date"].fillna(frame["planned_date"])
            of_year = pd.Series([d.year for d in day], frame.index)
            for year in sorted(of_year.unique()):
                rows = rows_of(frame[of_year == year], export)
                rows = spoil_others(export, rows, spoilt) if year == SPOILT_AGENDA else rows
                name = export.file.format(year=year)
                _write_csv(exports / name, header, rows, export.encoding)
                spoilt.rows_written[name] = len(rows)
        else:
            rows = spoil_others(export, rows_of(frame, export), spoilt)
            _write_csv(exports / export.file, header, rows, export.encoding)
            spoilt.rows_written[export.file] = len(rows)
    (exports / "notes.txt").write_text(
        "Export du 03/07/2026.\nLe fichier des litiges suivra : voir avec la comptabilité.\n", encoding="utf-8"
    )
    lines = tables["sales_lines"]
    for year in (2024, 2025):
        of_year = [d.year == year for d in lines["invoice_date"]]
        spoilt.control[year] = round(float(lines.loc[of_year, "amount_net"].sum()), 2)
    spoilt.control[2025] = round(spoilt.control[2025] + spoilt.amounts["unreadable_truth"], 2)
    spoilt.count("sales_lines", "without_customer", int(lines["customer_id"].isna().sum()))
    orphans = lines["customer_id"].notna() & ~lines["customer_id"].isin(tables["customers"]["customer_id"])
    spoilt.count("sales_lines", "orphan_customer", int(orphans.sum()))
    (folder / "client.toml").write_text(_client(spoilt), encoding="utf-8")
    return spoilt


# --- client.toml ----------------------------------------------------------------------------------------------------

_HEAD = """# Le client de démonstration : comment ses exports se lisent.
# Tout chemin est relatif à ce fichier. Écrit par data/make_demo.py ; chaque réglage peut se changer à la main.

name = "{name}"
language = "fr"
currency = "EUR"
country = "FR"
exported_on = {exported_on:%Y-%m-%d}
complete_until = 2026-06-30  # juin 2026 est entièrement facturé

# Chiffre d’affaires net HT de la comptabilité : 2024 tombe juste ; en 2025 deux montants illisibles manquent à
# l’export et quatre lignes y sont en double.
[control]
net_revenue = {{ 2024 = {control_2024:.2f}, 2025 = {control_2025:.2f} }}

[brand]
firm = "Cabinet de démonstration"
author = "salespilot"
confidentiality = "Document de démonstration : société et personnes inventées"
"""


def _toml_key(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _client(spoilt: Spoilt) -> str:
    """The text of ``client.toml``: one ``[[source]]`` per export, every header mapped."""
    parts = [_HEAD.format(name=NAME, exported_on=EXPORTED_ON, control_2024=spoilt.control[2024],
                          control_2025=spoilt.control[2025])]  # fmt: skip
    for export in EXPORTS:
        lines = [
            "",
            *textwrap.wrap(export.comment, 110, initial_indent="# ", subsequent_indent="# "),
            "[[source]]",
            f'table = "{export.table}"',
        ]
        lines.append(f'files = ["exports/{export.file.format(year="*")}"]')
        if export.file.endswith(".xlsx"):
            lines += ['format = "xlsx"', f'sheet = "{export.sheet}"']
            lines += [f"header_row = {len(export.title) + 2}"] if export.title else []
        else:
            lines += [f'encoding = "{export.encoding}"', 'separator = ";"', 'decimal = ","', 'date_order = "dmy"']
        lines.append("[source.columns]")
        lines += [f"{column} = {_toml_key(header)}" for column, header in export.headers.items()]
        for column, mapping in export.values.items():
            lines.append(f"[source.values.{column}]")
            lines += [f"{_toml_key(french)} = {_toml_key(english)}" for french, english in mapping.items()]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)
