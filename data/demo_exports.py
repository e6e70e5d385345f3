"""The exports of the demo client: which file holds a table, under which headers and in which habits of writing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import pandas as pd

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


def money(value: float, style: str, trailing_minus: bool = False) -> str:
    """An amount in one of the file's habits: 1234,50; 1 234,50; 1 234,50 €; 1 234,50-."""
    if style == "plain":
        return _number(value, 2)
    space = NARROW if style == "euro" else NBSP
    text = f"{abs(value):,.2f}".replace(",", space).replace(".", ",")
    if value < 0:
        text = text + "-" if trailing_minus else "-" + text
    return text + NARROW + "€" if style == "euro" else text


def text_of(value: object, column: str, export: Export, trailing_minus: bool = False) -> str:
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
            return money(float(value), export.money, trailing_minus)
        return _number(float(value))
    return str(value)


def rows_of(frame: pd.DataFrame, export: Export, trailing_minus: bool = False) -> list[Row]:
    columns = list(export.headers)
    return [
        [text_of(value, column, export, trailing_minus) for column, value in zip(columns, record, strict=True)]
        for record in frame[columns].astype(object).itertuples(index=False, name=None)
    ]
