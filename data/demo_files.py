"""The demo client's files: the standard tables as a French ERP, CRM and agenda would export them, a little spoilt.

Each ``Export`` says which file holds a table, under which headers and in which habits of writing; ``client.toml`` is
written from the same list, so that the two agree.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import xlsxwriter
from demo_world import EXPORTED_ON, INTERCOMPANY, PLANTED, stream, working_day

NAME = "Ferrandière Industrie"
NBSP, NARROW = "\u00a0", "\u202f"

Row = list[str]


@dataclass(frozen=True)
class Export:
    """One exported file (or one per year): table, file, habits, French header of each standard column."""

    table: str
    file: str
    headers: Mapping[str, str]
    comment: str
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    encoding: str = "cp1252"
    money: str = "plain"  # plain 1234,50 | spaced 1 234,50 | euro 1 234,50 €
    where: Callable[[pd.DataFrame], pd.Series] | None = None
    title: tuple[str, ...] = ()
    sheet: str | None = None


_YES = {"Oui": "true", "Non": "false"}
_ENTITY = {"Commercial": "rep", "Équipe": "team", "Société": "company"}

EXPORTS = (
    Export("sales_lines", "factures_{year}.csv", {
        "invoice_id": "N° facture", "doc_type": "Type pièce", "invoice_date": "Date facture",
        "customer_id": "Code client", "customer_name": "Raison sociale", "delivery_customer_id": "Client livré",
        "rep_id_booked": "Code commercial", "product_id": "Code article", "product_family": "Famille article",
        "quantity": "Qté", "amount_net": "Montant HT", "margin": "Marge brute", "discount": "Remise",
        "order_id": "N° commande", "order_date": "Date commande", "original_invoice_id": "Facture d’origine",
        "currency": "Devise",
    }, "Lignes de facture, un fichier par année (ERP). Avoirs négatifs ; en 2025 le signe est à droite.",
        {"doc_type": {"Facture": "invoice", "Avoir": "credit_note", "RFA": "rebate"}}, money="spaced"),
    Export("customers", "clients.xlsx", {
        "customer_id": "Code client", "name": "Raison sociale", "parent_customer_id": "Code groupe",
        "legal_id": "SIREN", "status": "Statut", "created_date": "Date création", "sector_code": "Code NAF",
        "employees": "Effectif", "company_revenue": "CA entreprise (€)", "postcode": "Code postal", "country": "Pays",
        "lat": "Latitude", "lon": "Longitude", "channel": "Canal", "is_intercompany": "Interne groupe",
        "legacy_unit": "Agence",
    }, "Fichier clients (ERP) : deux lignes de titre au-dessus des en-têtes, un total en bas. "
       "« CA entreprise » est la taille de l’entreprise, pas ce qu’elle nous achète.",
        {"status": {"Client": "customer", "Perdu": "lost"}, "is_intercompany": _YES},
        where=lambda t: t["status"] != "prospect", sheet="Clients",
        title=("Fichier clients – Ferrandière Industrie", "Extraction du 03/07/2026")),
    Export("customers", "prospects.csv", {
        "customer_id": "Code prospect", "name": "Société", "legal_id": "SIREN", "status": "Statut",
        "created_date": "Créé le", "sector_code": "NAF", "employees": "Effectif", "postcode": "CP", "country": "Pays",
    }, "Prospects du CRM.", {"status": {"Prospect": "prospect"}}, encoding="utf-8-sig",
        where=lambda t: t["status"] == "prospect"),
    Export("customer_potential", "potentiels.csv", {
        "customer_id": "Code client", "valid_from": "Évalué le", "potential_total": "Potentiel total HT",
        "addressable_share": "Part adressable", "potential_accessible": "Potentiel accessible HT",
        "method": "Méthode", "confidence": "Fiabilité", "low": "Fourchette basse", "high": "Fourchette haute",
    }, "Potentiels annuels, avec méthode, date et fiabilité ; montants « 1 234,50 € ».",
        {"method": {"Déclaré": "declared", "Ratio": "driver", "Pairs": "peer", "Étude": "external"},
         "confidence": {"Faible": "low", "Moyenne": "med", "Élevée": "high"}}, encoding="utf-8-sig", money="euro"),
    Export("customer_assignments", "affectations.csv", {
        "customer_id": "Code client", "rep_id": "Code commercial", "valid_from": "Du", "valid_to": "Au",
        "role": "Rôle", "split_share": "Part",
    }, "Qui suit quel client, de quand à quand.",
        {"role": {"Titulaire": "owner", "Appui": "support", "Sédentaire": "inside"}}),
    Export("reps", "commerciaux.csv", {
        "rep_id": "Code commercial", "display_name": "Nom", "team_id": "Équipe", "manager_id": "Chef des ventes",
        "role": "Fonction", "start_date": "Entrée", "end_date": "Sortie", "fte": "ETP", "annual_cost": "Coût annuel",
        "home_postcode": "CP domicile", "ramp_months": "Mois de montée en charge",
    }, "Les douze commerciaux : une est partie en cours de route, une vient d’arriver, une est à temps partiel.",
        {"role": {"Grands comptes": "kam", "Itinérant": "field", "Sédentaire": "inside", "Conquête": "hunter"}}),
    Export("activities", "activites_{year}.csv", {
        "activity_id": "Réf", "rep_id": "Commercial", "customer_id": "Code client", "opportunity_id": "Affaire",
        "type": "Type", "planned_date": "Prévu le", "done_date": "Fait le", "status": "État",
        "duration_min": "Durée (min)", "travel_min": "Trajet (min)", "outcome": "Résultat",
    }, "Agenda commercial, un fichier par an.",
        {"type": {"Visite": "visit", "Démonstration": "demo", "Appel abouti": "call_connected",
                  "Tentative": "call_attempt", "Courriel": "email", "Visio": "remote_meeting", "Devis": "quote",
                  "Salon": "event", "Administratif": "admin", "Formation": "training", "Déplacement": "travel"},
         "status": {"Fait": "done", "Prévu": "planned", "Annulé": "cancelled", "Lapin": "no_show"}}),
    Export("opportunities", "affaires.csv", {
        "opportunity_id": "N° affaire", "customer_id": "Code client", "customer_name": "Compte",
        "rep_id": "Commercial", "created_date": "Créée le", "type": "Nature", "source": "Origine",
        "product_family": "Famille", "amount": "Montant HT", "probability_declared": "Probabilité",
        "expected_close_date": "Clôture prévue", "stage_code": "Jalon", "forecast_category": "Catégorie prévision",
        "status": "État", "closed_date": "Clôturée le", "loss_reason_code": "Motif de perte",
        "loss_reason_source": "Motif donné par", "competitor": "Concurrent", "next_step_date": "Prochaine étape le",
        "currency": "Devise",
    }, "Affaires du CRM, dans leur état au jour de l’export.",
        {"type": {"Conquête": "new", "Développement": "expansion", "Renouvellement": "renewal"},
         "forecast_category": {"Engagé": "commit", "Meilleur cas": "best_case", "Portefeuille": "pipeline",
                               "Écarté": "omitted", "Clos": "closed"},
         "status": {"Ouverte": "open", "Gagnée": "won", "Perdue": "lost", "Abandonnée": "cancelled"},
         "loss_reason_source": {"Commercial": "rep", "Client": "buyer", "Tiers": "third_party"}},
        encoding="utf-8-sig", money="spaced"),
    Export("opportunity_events", "affaires_historique.csv", {
        "event_id": "Id", "opportunity_id": "N° affaire", "event_ts": "Modifié le", "field": "Champ",
        "old_value": "Ancienne valeur", "new_value": "Nouvelle valeur",
    }, "Historique des affaires : chaque changement de jalon, montant, échéance, catégorie, propriétaire, état.",
        {"field": {"Jalon": "stage", "Montant": "amount", "Clôture prévue": "close_date", "Catégorie": "category",
                   "Propriétaire": "owner", "État": "status"}}, encoding="utf-8-sig"),
    Export("stages", "jalons.csv", {
        "stage_code": "Code jalon", "stage_order": "Ordre", "name_fr": "Libellé", "name_en": "Libellé anglais",
        "kind": "Nature", "exit_criteria": "Critères de passage",
    }, "Jalons du cycle de vente.", {"kind": {"Ouvert": "open", "Gagné": "won", "Perdu": "lost"}}),
    Export("milestone_evidence", "preuves.csv", {
        "opportunity_id": "N° affaire", "criterion": "Critère", "met_date": "Constaté le",
    }, "Critères de passage constatés.", encoding="utf-8-sig"),
    Export("quotes", "devis.csv", {
        "quote_id": "N° devis", "opportunity_id": "N° affaire", "customer_id": "Code client",
        "rep_id": "Code commercial", "sent_date": "Date devis", "amount": "Total HT", "status": "État",
        "decided_date": "Décidé le", "is_latest": "Dernière version",
    }, "Devis et leurs révisions.",
        {"status": {"Envoyé": "sent", "Accepté": "accepted", "Refusé": "refused", "Expiré": "expired"},
         "is_latest": _YES}, money="spaced"),
    Export("forecast_snapshots", "previsions.csv", {
        "snapshot_date": "Photo du", "period_start": "Début", "period_end": "Fin", "entity_level": "Niveau",
        "entity_id": "Entité", "source": "Auteur", "category": "Catégorie", "amount": "Montant",
    }, "Prévisions mensuelles : du commercial, du chef des ventes, finale, statistique.",
        {"entity_level": _ENTITY,
         "source": {"Commercial": "rep", "Chef des ventes": "manager", "Finale": "final",
                    "Statistique": "statistical"},
         "category": {"Prévision": "call", "Engagé": "commit", "Meilleur cas": "best_case"}}),
    Export("targets", "objectifs.xlsx", {
        "period_start": "Début", "period_end": "Fin", "entity_level": "Niveau", "entity_id": "Entité",
        "metric": "Indicateur", "version": "Version", "value": "Objectif", "unit": "Unité", "set_date": "Fixé le",
    }, "Objectifs, avec leurs versions.",
        {"entity_level": _ENTITY,
         "metric": {"CA": "revenue", "Marge": "margin", "Commandes": "orders", "Nouveaux clients": "new_customers",
                    "Visites": "visits"}}, sheet="Objectifs"),
    Export("rep_capacity", "capacite.csv", {
        "rep_id": "Code commercial", "month": "Mois", "working_days": "Jours ouvrés", "absence_days": "Absences",
        "field_share": "Part terrain", "hours_per_day": "Heures par jour",
    }, "Temps de travail par commercial et par mois."),
    Export("orders_backlog", "carnet.csv", {
        "order_line_id": "N° ligne", "customer_id": "Code client", "rep_id": "Code commercial",
        "order_date": "Date commande", "due_date": "Livraison prévue", "remaining": "Reste à facturer HT",
    }, "Carnet de commandes.", money="spaced"),
    Export("actions", "actions.csv", {
        "action_id": "N° action", "plan_id": "Plan", "source": "Source", "title": "Action", "metric": "Indicateur",
        "baseline": "Départ", "target_value": "Cible", "unit": "Unité", "owner_rep_id": "Responsable",
        "start_date": "Début", "due_date": "Échéance", "status": "État", "progress": "Avancement",
        "hours_planned": "Heures prévues", "budget": "Budget", "impact_low": "Impact bas",
        "impact_mode": "Impact probable", "impact_high": "Impact haut", "probability": "Probabilité",
        "actual_impact": "Impact constaté", "review_cadence_days": "Revue tous les (j)",
        "last_review_date": "Dernière revue", "stop_rule": "Règle d’arrêt", "decided_on": "Décidée le",
    }, "Registre des actions.",
        {"source": {"PAC": "pac", "Point individuel": "one_to_one", "Progrès": "improvement",
                    "Revue de portefeuille": "portfolio", "Matrice ABC": "abc", "Affaires": "pipeline",
                    "Challenge": "contest", "Passation": "handover"},
         "status": {"Brouillon": "draft", "Planifiée": "planned", "En cours": "in_progress", "Faite": "done",
                    "Abandonnée": "dropped"}}),
    Export("action_targets", "actions_cibles.csv", {
        "action_target_id": "N°", "action_id": "N° action", "customer_id": "Code client",
        "opportunity_id": "N° affaire",
    }, "Clients et affaires que touchent les actions."),
    Export("coverage_policy", "politique_visites.csv", {
        "cell": "Case", "contact_mode": "Mode de contact", "f2f_per_year": "Visites par an",
        "remote_per_year": "Contacts à distance par an", "visit_min": "Durée visite (min)",
        "prep_min": "Préparation (min)",
    }, "Fréquences de contact par case de la matrice ABC croisée."),
    Export("interventions", "evenements.csv", {
        "intervention_id": "N°", "date": "Date", "scope": "Périmètre", "description": "Description",
        "metric": "Indicateur", "expected_direction": "Effet attendu", "kind": "Nature",
    }, "Ce qui a changé dans la façon de vendre.",
        {"expected_direction": {"Hausse": "up", "Baisse": "down"},
         "kind": {"Changement": "change", "Rupture de définition": "definition_break", "Extérieur": "external"}}),
    Export("contests", "challenges.csv", {
        "contest_id": "Code", "name": "Challenge", "start_date": "Début", "end_date": "Fin", "metric": "Indicateur",
        "score_rule": "Règle", "winners": "Gagnants", "budget": "Budget",
    }, "Challenges commerciaux.",
        {"score_rule": {"Progression": "lift", "Écart réduit": "zscore", "Taux d’atteinte": "attainment",
                        "Points": "points"}}),
    Export("contest_participants", "challenges_participants.csv", {
        "contest_id": "Code", "rep_id": "Code commercial", "baseline": "Référence", "sigma": "Variabilité",
        "result": "Résultat",
    }, "Participants et résultats.", money="spaced"),
    Export("contest_prizes", "challenges_dotations.csv", {
        "contest_id": "Code", "rank_from": "Du rang", "rank_to": "Au rang", "value": "Dotation",
    }, "Dotations."),
    Export("rep_assessments", "evaluations.csv", {
        "rep_id": "Code commercial", "date": "Date", "assessor": "Évaluateur", "skill_code": "Compétence",
        "rating": "Note",
    }, "Entretiens annuels : notes du chef des ventes et du commercial.",
        {"assessor": {"Chef des ventes": "manager", "Commercial": "self"}}),
    Export("calendar", "calendrier.csv", {
        "date": "Jour", "is_working_day": "Ouvré", "holiday": "Férié", "fiscal_period": "Période",
    }, "Jours ouvrés.", {"is_working_day": _YES}),
    Export("costs", "couts.csv", {
        "role": "Fonction", "visit_cost": "Coût visite", "call_cost": "Coût appel", "order_cost": "Coût commande",
        "prize_charge_rate": "Charges sur primes", "hourly_cost": "Coût horaire",
    }, "Coûts par fonction.",
        {"role": {"Tous": "all", "Itinérant": "field", "Grands comptes": "kam", "Conquête": "hunter",
                  "Sédentaire": "inside"}}, encoding="utf-8-sig", money="euro"),
)  # fmt: skip

MONEY = {
    "amount_net", "margin", "discount", "company_revenue", "potential_total", "potential_accessible", "low", "high",
    "remaining", "amount", "annual_cost", "budget", "impact_low", "impact_mode", "impact_high", "actual_impact",
    "baseline", "sigma", "result", "value", "visit_cost", "call_cost", "order_cost", "hourly_cost",
}  # fmt: skip


# --- how one value is written ---------------------------------------------------------------------------------------


def _number(value: float, decimals: int | None = None) -> str:
    text = f"{value:.{decimals}f}" if decimals is not None else f"{value:.6f}".rstrip("0").rstrip(".")
    return text.replace(".", ",")


def _money(value: float, style: str, trailing_minus: bool = False) -> str:
    """An amount in one of the file's habits: 1234,50; 1 234,50; 1 234,50 €; 1 234,50-."""
    if style == "plain":
        return _number(value, 2)
    space = NARROW if style == "euro" else NBSP
    text = f"{abs(value):,.2f}".replace(",", space).replace(".", ",")
    if value < 0:
        text = text + "-" if trailing_minus else "-" + text
    return text + NARROW + "€" if style == "euro" else text


def _text(value: object, column: str, export: Export, trailing_minus: bool = False) -> str:
    """One value as the export writes it; nothing for an absent one."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if column in export.values:
        known = {english: french for french, english in export.values[column].items()}
        return known[str(value).lower() if isinstance(value, bool | np.bool_) else str(value)]
    if isinstance(value, pd.Timestamp | datetime):
        return value.strftime("%d/%m/%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, bool | np.bool_):
        return "Oui" if value else "Non"
    if isinstance(value, int | float | np.integer | np.floating):
        if column in MONEY and not (export.table == "actions" and column == "baseline"):
            return _money(float(value), export.money, trailing_minus)
        return _number(float(value))
    return str(value)


def _rows(frame: pd.DataFrame, export: Export, trailing_minus: bool = False) -> list[Row]:
    columns = list(export.headers)
    return [
        [_text(value, column, export, trailing_minus) for column, value in zip(columns, record, strict=True)]
        for record in frame[columns].astype(object).itertuples(index=False, name=None)
    ]


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
                text = _text(value, column, export)
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


@dataclass
class Spoilt:
    """What was spoilt on purpose: counts by table and kind, and the amounts concerned."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)
    control: dict[int, float] = field(default_factory=dict)
    rows_written: dict[str, int] = field(default_factory=dict)

    def count(self, table: str, kind: str, number: int = 1) -> None:
        """Add to the count of one kind."""
        kinds = self.counts.setdefault(table, {})
        kinds[kind] = kinds.get(kind, 0) + number


SPOILT_AGENDA = 2025  # the year whose agenda holds a few bad rows
DUPLICATED = 4  # whole lines of 2025 that the ERP wrote twice
INTERCOMPANY_LINES = 6  # in each of 2025 and 2026
UNREADABLE = (("12O50,00", 12050.0), ("#VALEUR!", 8430.0))  # what the cell shows, what it was


def _spoil_invoices(
    year: int, rows: list[Row], frame: pd.DataFrame, export: Export, spoilt: Spoilt, seed: int
) -> list[Row]:
    """The invoices of one year with what real exports suffer: each year has its own illness."""
    rng = stream(seed, f"spoil {year}")
    header = list(export.headers.values())
    at = {c: i for i, c in enumerate(export.headers)}
    middle = len(rows) // 2

    def total(label: str, amount: float) -> Row:
        row = [""] * len(header)
        row[0], row[at["amount_net"]] = label, _money(amount, export.money)
        return row

    if year == 2023:
        rows = [*rows[:middle], header, *rows[middle : middle + 40], [""] * len(header), *rows[middle + 40 :]]
        spoilt.count("sales_lines", "repeated_header")
        spoilt.count("sales_lines", "blank")
    if year == 2024:
        half = frame[[d.month <= 6 for d in frame["invoice_date"]]]
        rows = [*rows[: len(half)], total("Sous-total 1er semestre", half["amount_net"].sum()), *rows[len(half) :]]
        spoilt.count("sales_lines", "total")
    if year == 2025:
        largest = frame["amount_net"].to_numpy().argsort()[::-1]
        ordinary = [int(i) for i in largest if not _is_planted(frame["customer_id"].iloc[i])][:DUPLICATED]
        spoilt.amounts["duplicate"] = round(float(frame["amount_net"].iloc[ordinary].sum()), 2)
        spoilt.count("sales_lines", "duplicate", DUPLICATED)
        bad = [list(rows[i]) for i in (middle, middle + 900, middle + 1800)]
        for row, (shown, _) in zip(bad, UNREADABLE, strict=False):
            row[at["amount_net"]] = shown
        bad[2][at["invoice_date"]] = "31/11/2025"
        spoilt.amounts["unreadable_truth"] = sum(truth for _, truth in UNREADABLE)
        spoilt.amounts["impossible_date"] = round(float(frame["amount_net"].iloc[middle + 1800]), 2)
        spoilt.count("sales_lines", "unreadable_amount", len(UNREADABLE))
        spoilt.count("sales_lines", "impossible_date")
        spoilt.count("sales_lines", "rejected", len(bad))
        again = {i: rows[i] for i in ordinary}
        rows = [r for i, row in enumerate(rows) for r in ([row, again[i]] if i in again else [row])]
        for number, row in enumerate(bad):
            rows.insert(middle + 700 * number, row)
    if year in (2025, 2026):
        for i in range(INTERCOMPANY_LINES):
            day = working_day(date(year, 1 + i, 12))
            amount = round(float(rng.uniform(2000, 9000)), 2)
            row = list(rows[10])
            fills = {"invoice_id": f"FI{year % 100}{i:04d}", "doc_type": "Facture", "customer_id": INTERCOMPANY,
                     "customer_name": "Ferrandière Logistique SAS", "delivery_customer_id": "",
                     "invoice_date": day.strftime("%d/%m/%Y"), "order_date": "", "order_id": "",
                     "amount_net": _money(amount, export.money), "margin": _money(0, export.money),
                     "original_invoice_id": ""}  # fmt: skip
            for column, value in fills.items():
                row[at[column]] = value
            rows.insert(200 * (i + 1), row)
            spoilt.amounts["intercompany"] = round(spoilt.amounts.get("intercompany", 0.0) + amount, 2)
            spoilt.count("sales_lines", "intercompany")
    if year == 2026:
        rows = [*rows, total("Total général", frame["amount_net"].sum())]
        spoilt.count("sales_lines", "total")
    return rows


def _is_planted(customer_id: object) -> bool:
    return customer_id in {a.customer_id for a in PLANTED}


def _spoil_others(export: Export, rows: list[Row], spoilt: Spoilt) -> list[Row]:
    """A few bad rows in the other files."""
    at = {c: i for i, c in enumerate(export.headers)}
    if export.file == "prospects.csv":  # a prospect that lost its code
        row = ["", "Minoterie des Trois Évêques", *rows[3][2:]]
        spoilt.count("customers", "missing_key")
        spoilt.count("customers", "rejected")
        return [*rows[:40], row, *rows[40:]]
    if export.table == "customer_potential":  # two that the salesperson has yet to look at
        known = {r[0] for r in rows}
        bad = []
        for code in ("000136", "000102"):
            row = list(rows[0])
            row[0], row[at["potential_accessible"]], row[at["valid_from"]] = code, "à voir", "17/03/2026"
            bad.append(row)
        assert "000136" not in known
        spoilt.count("customer_potential", "unreadable_amount", 2)
        spoilt.count("customer_potential", "rejected", 2)
        return [*rows[:100], bad[0], *rows[100:200], bad[1], *rows[200:]]
    if export.table == "activities":
        impossible, unreadable = list(rows[500]), list(rows[900])
        impossible[0], impossible[at["done_date"]] = "A900001", "30/02/2026"
        unreadable[0], unreadable[at["duration_min"]] = "A900002", "une heure"
        spoilt.count("activities", "impossible_date")
        spoilt.count("activities", "unreadable_number")
        spoilt.count("activities", "rejected", 2)
        spoilt.count("activities", "duplicate", 3)
        return [*rows[:1000], impossible, *rows[1000:2000], unreadable, *rows[2000:], *rows[300:303]]
    return rows


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
                rows = _rows(part, export, trailing_minus=year == 2025)
                rows = _spoil_invoices(int(year), rows, part, export, spoilt, seed)
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
                rows = _rows(frame[of_year == year], export)
                rows = _spoil_others(export, rows, spoilt) if year == SPOILT_AGENDA else rows
                name = export.file.format(year=year)
                _write_csv(exports / name, header, rows, export.encoding)
                spoilt.rows_written[name] = len(rows)
        else:
            rows = _spoil_others(export, _rows(frame, export), spoilt)
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
