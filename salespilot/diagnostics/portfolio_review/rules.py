"""What the portfolio review has to say: the rules T01-R1 to T01-R9 over the measures, as findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import pandas as pd
import scipy

from salespilot.diagnostics.portfolio_review.flags import flags
from salespilot.diagnostics.portfolio_review.result import Result
from salespilot.diagnostics.portfolio_review.settings import NAME, Thresholds
from salespilot.finding import Finding, Severity, Value

RECEIVERS = 3
ENOUGH_YEARS = 0.75
WEIGHT = {Severity.ALERT: 0, Severity.WATCH: 1, Severity.GOOD: 2}


def findings(result: Result, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """What was found, gravest first, then by stake; at most ``max_findings`` a rule, the biggest."""
    marks = flags(result.grounds.customers, thresholds, result.grounds.is_separating)
    judge = _Judge(result, marks, thresholds)
    rules: tuple[Callable[[], Iterable[Finding]], ...] = (
        judge.secure,
        judge.nuggets,
        judge.loss_makers,
        judge.dormant,
        judge.erosion,
        judge.over_served,
        judge.dependence,
        judge.uncovered,
        judge.unlogged,
        judge.low_concentration,
    )
    found = []
    for rule in rules:
        found += sorted(rule(), key=_rank)[: thresholds.max_findings]
    return sorted(found, key=_rank)


def _rank(finding: Finding) -> tuple[int, float, str]:
    return WEIGHT[finding.severity], -(finding.stake or 0.0), finding.subject_id


def plain(value: Any) -> Value:
    """A value of a frame as a finding may hold it: Python's own types, None for missing."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.date()
    return value if isinstance(value, str | bool | date) else value.item() if hasattr(value, "item") else value


def _rows(frame: pd.DataFrame) -> Iterable[Any]:
    return frame.itertuples()


class _Judge:
    """The rules over one Result; each yields its findings."""

    def __init__(self, result: Result, marks: pd.DataFrame, thresholds: Thresholds) -> None:
        self.result, self.marks, self.thresholds = result, marks, thresholds
        self.customers, self.years = result.grounds.customers, result.grounds.years

    def _finding(
        self, rule: int, code: str, severity: Severity, kind: str, subject: str, values: dict[str, Any], **more: Any
    ) -> Finding:
        money: dict[str, Any] = {
            key: plain(more.pop(key)) for key in ("stake", "stake_low", "stake_high", "hours") if key in more
        }
        filled = {key: plain(value) for key, value in values.items()}
        more.setdefault("targets", ((kind, subject),))
        return Finding(NAME, f"T01-R{rule}", code, severity, kind, subject, values=filled, **money, **more)

    def _of_customer(
        self, rule: int, code: str, severity: Severity, row: Any, values: dict[str, Any], **more: Any
    ) -> Finding:
        owner = None if row.is_orphan or not isinstance(row.owner_id, str) else row.owner_id
        values = {"name": row.customer_name, "net_revenue": row.net_revenue} | values
        return self._finding(rule, code, severity, "customer", row.Index, values, owner=owner, **more)

    def _rows(self, *names: str, by: str) -> Iterable[Any]:
        """The biggest customers that a rule speaks of."""
        chosen = self.customers[self.marks[list(names)].any(axis=1)]
        return _rows(chosen.sort_values(by, ascending=False, kind="stable").head(self.thresholds.max_findings))

    @property
    def _loss(self) -> tuple[float, float, float]:
        """The share of a class A customer's revenue that a year takes away, and its bounds, as class A just showed;
        the default without history."""
        usual = self.thresholds.default_loss_share
        return self.result.grounds.loss or (usual, usual / 2, usual * 2)

    def _at_risk(self, revenue: float) -> dict[str, Any]:
        rate, low, high = self._loss
        a_year = max(revenue, 0.0) / self.years
        return {
            "stake": a_year * rate,
            "stake_low": a_year * low,
            "stake_high": a_year * high,
            "stake_kind": "at_risk",
        }

    def secure(self) -> Iterable[Finding]:
        """R1: class A, visited less than planned."""
        for row in self._rows("secure", by="net_revenue"):
            yield self._of_customer(
                1,
                "secure" if row.f2f_count > 0 else "secure_unseen",
                Severity.ALERT,
                row,
                {
                    "done": row.f2f_count,
                    "target": row.target_f2f,
                    "compliance": row.compliance,
                    "rank": row.rank,
                    "loss_rate": self._loss[0],
                    "lead_days": self.thresholds.secure_lead_days,
                },
                hours=(row.target_f2f - row.f2f_count) * row.hours_per_visit,
                lead_days=self.thresholds.secure_lead_days,
                **self._at_risk(row.net_revenue),
            )

    def nuggets(self) -> Iterable[Finding]:
        """R2: small today, with much to win, or taking off."""
        limits = self.thresholds
        served = "f2f_count" in self.customers
        for row in self._rows("nugget", by="headroom"):
            missing = max(row.target_f2f - row.f2f_count, 0.0) if served else None
            more: dict[str, Any] = {"hours": missing * row.hours_per_visit} if missing is not None else {}
            yield self._of_customer(
                2,
                self._nugget(row) if served else "nugget_potential_unknown_visits",
                Severity.WATCH,
                row,
                {
                    "potential": row.potential_accessible,
                    "headroom": row.headroom,
                    "capture": limits.capture_share,
                    "abc_class": row.abc_class,
                    "done": row.f2f_count if served else None,
                    "target": row.target_f2f if served else None,
                },
                stake=row.headroom * limits.capture_share,
                stake_low=row.headroom * limits.capture_low_share,
                stake_high=row.headroom * limits.capture_high_share,
                **more,
            )
        for row in self._rows("growing_nugget", by="net_revenue_change"):
            yield self._of_customer(
                2,
                "nugget_growth",
                Severity.WATCH,
                row,
                {
                    "growth": row.growth_rate,
                    "change": row.net_revenue_change,
                    "before": row.net_revenue_previous,
                    "abc_class": row.abc_class,
                },
                stake=row.net_revenue_change / self.years,
            )

    @staticmethod
    def _nugget(row: Any) -> str:
        if not row.is_logged:
            return "nugget_potential_unknown_visits"
        return "nugget_potential" if row.f2f_count < row.target_f2f else "nugget_served"

    def loss_makers(self) -> Iterable[Finding]:
        """R3: class C without potential, whose service costs more than its margin."""
        if not self.marks["loss_making"].any():
            return
        for row in self._rows("loss_making", by="cost_to_serve"):
            yield self._of_customer(
                3,
                "loss_making",
                Severity.WATCH,
                row,
                {
                    "cost": row.cost_to_serve,
                    "margin": row.gross_margin,
                    "loss": -row.net_contribution,
                    "visits": row.f2f_count,
                    "hours_freed": row.f2f_count * row.actual_hours_per_visit / self.years,
                    "affordable": row.max_affordable_visits,
                },
                stake=-row.net_contribution / self.years,
                stake_kind="cost",
                stake_basis="margin",
            )

    def dormant(self) -> Iterable[Finding]:
        """R4: dormant, and once worth half of the customers who buy."""
        table = self.customers["order_probability"].dropna()
        alarms = scipy.stats.false_discovery_control(table.to_numpy()) if len(table) else table.to_numpy()
        sure = set(table.index[alarms <= self.thresholds.false_alarm_share])
        for row in self._rows("dormant", by="past_revenue"):
            has_rhythm = pd.notna(row.mean_gap_days)
            yield self._of_customer(
                4,
                "dormant" if has_rhythm else "dormant_few_orders",
                Severity.ALERT if row.Index in sure else Severity.WATCH,
                row,
                {
                    "past": row.past_revenue,
                    "gap": row.gap_days,
                    "rhythm": row.mean_gap_days,
                    "ratio": row.gap_ratio,
                    "orders": row.order_days,
                    "last": row.last_order_date,
                    "probability": math.ceil(row.order_probability * 1000) / 1000 if has_rhythm else None,
                },
                stake=row.past_yearly,
                probability=self.thresholds.reactivated_share,
            )

    def erosion(self) -> Iterable[Finding]:
        """R5: buys clearly less than last year."""
        if not self.marks["eroding"].any():
            return
        losses = -self.customers["net_revenue_change"]
        chosen = losses[self.marks["eroding"]].sort_values(ascending=False, kind="stable")
        for row in _rows(self.customers.loc[chosen.index].head(self.thresholds.max_findings)):
            loss = row.net_revenue_previous - row.net_revenue
            yield self._of_customer(
                5,
                "erosion",
                Severity.ALERT if row.class_from == "A" else Severity.WATCH,
                row,
                {
                    "before": row.net_revenue_previous,
                    "loss": loss,
                    "change": row.growth_rate,
                    "abc_class": row.class_from,
                },
                stake=loss / self.years,
                stake_kind="at_risk",
            )

    def over_served(self) -> Iterable[Finding]:
        """R6: visited beyond the policy though nothing is left to win; the visits go to R1 and R2 of the same owner."""
        if not self.marks["over_served"].any():
            return
        receives = self.marks[["secure", "nugget", "growing_nugget"]].any(axis=1)
        waiting = self.customers[receives].sort_values("net_revenue", ascending=False, kind="stable")
        has_costs = "visit_cost" in self.customers
        for row in self._rows("over_served", by="over_service"):
            names = waiting.loc[waiting["owner_id"] == row.owner_id, "customer_name"].head(RECEIVERS)
            extra = row.over_service / self.years
            yield self._of_customer(
                6,
                "over_served" if len(names) else "over_served_no_receiver",
                Severity.WATCH,
                row,
                {
                    "done": row.f2f_count,
                    "target": row.target_f2f,
                    "extra": row.over_service,
                    "headroom": row.headroom,
                    "potential": row.potential_accessible,
                    "hours_freed": extra * row.actual_hours_per_visit,
                    "receivers": ", ".join(names),
                },
                stake=extra * row.visit_cost if has_costs else None,
                stake_kind="cost",
                stake_basis="margin",
            )

    def dependence(self) -> Iterable[Finding]:
        """R7: one customer, or one group of sites, weighs too much."""
        rate = self._loss[0]
        for row in self._rows("dependent", by="net_revenue"):
            values = {"share": row.share, "loss_rate": rate, "alert": self.thresholds.dependence_alert_share}
            code = "dependence_critical" if row.share > self.thresholds.dependence_critical_share else "dependence"
            yield self._of_customer(7, code, Severity.ALERT, row, values, **self._at_risk(row.net_revenue))
        group = self.customers.groupby("group_id")
        share, sites = group["share"].sum(), group.size()
        heavy = share[(share > self.thresholds.dependence_alert_share) & (sites > 1)]
        alone = set(self.customers.loc[self.marks["dependent"], "group_id"])
        for head in [head for head in heavy.index if head not in alone]:
            inside = self.customers[self.customers["group_id"] == head]
            revenue = inside["net_revenue"].sum()
            first = self.customers.loc[head] if head in self.customers.index else inside.iloc[0]
            yield self._finding(
                7,
                "dependence_group",
                Severity.ALERT,
                "customer",
                str(head),
                {
                    "name": first["customer_name"],
                    "net_revenue": revenue,
                    "share": heavy[head],
                    "sites": len(inside),
                    "loss_rate": rate,
                    "alert": self.thresholds.dependence_alert_share,
                },
                owner=first["owner_id"] if isinstance(first["owner_id"], str) and not first["is_orphan"] else None,
                targets=tuple(("customer", site) for site in inside.index),
                **self._at_risk(revenue),
            )

    def uncovered(self) -> Iterable[Finding]:
        """R8: too many customers of one portfolio without any contact."""
        table = self.result.grounds.people
        if table is None or (self.result.grounds.activity_years or 0.0) < ENOUGH_YEARS:
            return
        limit = self.thresholds.uncovered_share
        table = table[table["is_logging"] & table["no_contact_share"].notna()]
        if table.empty:
            return
        chance = scipy.stats.binom.sf(table["no_contact_count"] - 1, table["customer_count"], limit)
        sure = scipy.stats.false_discovery_control(chance) <= self.thresholds.false_alarm_share
        table = table.assign(is_sure=sure)
        table = table[(table["no_contact_share"] > limit) & (table["no_contact_shrunk"] > limit)]
        for row in _rows(table):
            held = self.customers[(self.customers["owner_id"] == row.rep_id) & self.customers["in_portfolio"]]
            left = held[(held["group_contacts"] + held["f2f_count"] + held["remote_count"]) == 0]
            yield self._finding(
                8,
                "uncovered",
                Severity.ALERT if row.is_sure else Severity.WATCH,
                "rep",
                row.rep_id,
                {
                    "name": row.owner_name,
                    "count": row.no_contact_count,
                    "customers": row.customer_count,
                    "share": row.no_contact_share,
                    "low": row.no_contact_low,
                    "high": row.no_contact_high,
                    "revenue": left["net_revenue"].clip(lower=0).sum(),
                    "limit": limit,
                },
                owner=None,
                targets=tuple(("customer", customer) for customer in left.index),
                **self._at_risk(left["net_revenue"].clip(lower=0).sum()),
            )

    def unlogged(self) -> Iterable[Finding]:
        """R9: logs far less than peers while selling normally: a matter of data, no verdict on coverage."""
        table = self.result.grounds.people
        if table is None:
            return
        for row in _rows(table[~table["is_logging"]]):
            yield self._finding(
                9,
                "unlogged",
                Severity.WATCH,
                "rep",
                row.rep_id,
                {
                    "name": row.owner_name,
                    "per_day": row.activities_per_day,
                    "ratio": row.activity_ratio,
                    "revenue_ratio": row.revenue_ratio,
                    "customers": row.customer_count,
                },
                owner=None,
            )

    def low_concentration(self) -> Iterable[Finding]:
        """Classes that separate little: said, and no rule on classes is applied."""
        value = self.result.key_figures["gini"]
        if (
            self.result.grounds.is_separating
            or value is None
            or (self.result.key_figures["positive_customers"] or 0) < 2
        ):
            return
        figures = self.result.key_figures
        values = {"gini": value, "customers": figures["positive_customers"], "share": figures["top20pct_share"]}
        yield self._finding(0, "low_concentration", Severity.GOOD, "company", "company", values, targets=())
