"""The demo client's CRM: tables of deals, their history, evidence, quotes."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
from demo_deals import (
    CATEGORY,
    COMPETITORS,
    FOUGHT,
    IN_DOLLARS,
    NEXT_STEP_SHARE,
    PROBABILITY,
    STAGES,
    USUAL,
    WEAK_EVIDENCE,
    Market,
    deals,
)
from demo_world import AS_OF, stream, working_day


def stages() -> pd.DataFrame:
    """Table ``stages``."""
    columns = ["stage_code", "stage_order", "name_fr", "name_en", "kind", "exit_criteria"]
    return pd.DataFrame([(*s[:5], s[6] or None) for s in STAGES], columns=columns)


def opportunities(seed: int, market: Market = USUAL) -> pd.DataFrame:
    """Table ``opportunities``: each deal as it stands on the day of the export."""
    rng = stream(seed, "deal details")
    rows = []
    for d in deals(seed, market)[0]:
        lost = d.status == "lost"
        buyer_said = lost and rng.random() < 0.12
        is_open = d.status == "open"
        is_fought = d.reason in FOUGHT or d.status == "won"
        next_step = d.next_step
        if is_open and not d.by_hand and rng.random() < NEXT_STEP_SHARE:
            next_step = working_day(AS_OF + timedelta(int(rng.integers(-12, 35))), date.max)
        rows.append(
            {
                "opportunity_id": d.number,
                "customer_id": d.account.customer_id,
                "customer_name": d.account.name,
                "rep_id": d.rep,
                "created_date": d.created,
                "type": d.kind,
                "source": d.source,
                "product_family": d.family,
                "amount": d.amount,
                "probability_declared": PROBABILITY.get(d.stage, 1.0 if d.status == "won" else 0.0),
                "expected_close_date": d.closed or d.expected,
                "stage_code": d.stage,
                "forecast_category": CATEGORY.get(d.stage, "closed" if d.status == "won" else "omitted"),
                "status": d.status,
                "closed_date": d.closed,
                "loss_reason_code": d.reason,
                "loss_reason_source": ("buyer" if buyer_said else "rep") if d.reason else None,
                "competitor": rng.choice(np.array(COMPETITORS, object)) if is_fought else None,
                "next_step_date": next_step,
                "currency": "USD" if d.number == IN_DOLLARS else "EUR",
            }
        )
    return pd.DataFrame(rows)


def opportunity_events(seed: int, market: Market = USUAL) -> pd.DataFrame:
    """Table ``opportunity_events``."""
    return deals(seed, market)[1]


def milestone_evidence(seed: int, market: Market = USUAL) -> pd.DataFrame:
    """Table ``milestone_evidence``: criteria met when a deal passed a milestone; often missing with one salesperson."""
    rng = stream(seed, "evidence")
    events = deals(seed, market)[1]
    rep = {d.number: d.rep for d in deals(seed, market)[0]}
    criteria = {s[0]: [c for c in s[6].split(";") if c] for s in STAGES}
    rows: list[tuple[str, str, date]] = []
    met: set[tuple[str, str]] = set()
    passed = events[(events["field"] == "stage") & events["old_value"].notna() & (events["new_value"] != "PER")]
    for e in passed.itertuples():
        for criterion in criteria[e.old_value]:
            if (e.opportunity_id, criterion) in met:
                continue
            if rng.random() < (0.5 if rep[e.opportunity_id] == WEAK_EVIDENCE else 0.9):
                rows.append((e.opportunity_id, criterion, e.event_ts.date()))
                met.add((e.opportunity_id, criterion))
    return pd.DataFrame(rows, columns=["opportunity_id", "criterion", "met_date"])


@cache
def quotes(seed: int, market: Market = USUAL) -> pd.DataFrame:
    """Table ``quotes``: one to three revisions for each deal that reached the offer."""
    rng = stream(seed, "quotes")
    rows = []
    for d in deals(seed, market)[0]:
        if d.reached_offer is None:
            continue
        revisions = 1 + int(rng.binomial(2, 0.25))
        sent = d.reached_offer
        for revision in range(revisions):
            latest = revision == revisions - 1
            status = {"won": "accepted", "lost": "refused", "cancelled": "expired", "open": "sent"}[d.status]
            amount = round(d.amount * (1.0 if latest else float(rng.uniform(1.02, 1.15))), 2)
            state = status if latest else "expired"
            rows.append(
                (d.number, d.account.customer_id, d.rep, sent, amount, state, d.closed if latest else None, latest)
            )
            if not latest:
                sent = min(working_day(sent + timedelta(int(rng.integers(3, 12)))), d.closed or AS_OF)
    columns = ["opportunity_id", "customer_id", "rep_id", "sent_date", "amount", "status", "decided_date", "is_latest"]
    frame = pd.DataFrame(rows, columns=columns).sort_values(["sent_date", "opportunity_id"], kind="stable")
    frame.insert(0, "quote_id", [f"DEV{i + 1:05d}" for i in range(len(frame))])
    return frame.reset_index(drop=True)


@cache
def deal_spans(seed: int, market: Market = USUAL) -> dict[str, list[tuple[date, date, str]]]:
    """By customer, the first day, last day and number of its deals."""
    spans: dict[str, list[tuple[date, date, str]]] = defaultdict(list)
    for d in deals(seed, market)[0]:
        spans[d.account.customer_id].append((d.created, d.closed or AS_OF, d.number))
    return spans
