"""What the portfolio review reports, and how it judges (method, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

from salespilot.conventions import Settings, parameter, threshold

NAME = "portfolio_review"


@dataclass(frozen=True)
class Parameters(Settings):
    """What to report."""

    rep: str = parameter("", "rep_id of the salesperson whose customers are shown; empty: the whole team")


@dataclass(frozen=True)
class Thresholds(Settings):
    """How to judge."""

    dependence_alert_share: float = threshold(0.15, "share of revenue", "no customer above 15 %", "S20")
    dependence_critical_share: float = threshold(0.25, "share of revenue", "quoted as an example of fragility")
    coverage_a_min_share: float = threshold(0.95, "share of customers", "class A is met face to face")
    coverage_b_min_share: float = threshold(0.80, "share of customers", "class B is met face to face")
    coverage_c_min_share: float = threshold(0.50, "share of customers", "class C is contacted, in any mode")
    compliance_min_share: float = threshold(0.85, "share of planned visits", "visits follow the policy, all classes")
    over_service_max_share: float = threshold(0.15, "share of visits", "visits beyond the policy, all classes")
    secure_visit_share: float = threshold(0.80, "share of planned visits", "below, a class A customer is to be secured")
    secure_lead_days: int = threshold(30, "days", "a customer to secure is visited within")
    growth_share: float = threshold(0.10, "change of revenue", "growing above, declining below minus this")
    nugget_growth_share: float = threshold(0.30, "growth", "a small customer that takes off")
    nugget_growth_min: float = threshold(1000.0, "money a year", "least extra revenue that counts as taking off")
    capture_share: float = threshold(0.10, "share of headroom", "headroom won in a year where a customer is developed")
    capture_low_share: float = threshold(0.05, "share of headroom", "low reading of the same")
    capture_high_share: float = threshold(0.20, "share of headroom", "high reading of the same")
    no_headroom_share: float = threshold(0.10, "share of potential", "less left to win is no headroom")
    over_service_factor: float = threshold(1.25, "times the policy", "above, a customer is over-served")
    over_service_min_visits: float = threshold(2.0, "visits", "fewer extra visits are no over-service")
    erosion_kept_share: float = threshold(0.80, "share of last year's revenue", "below, a customer erodes")
    erosion_rep_share: float = threshold(0.01, "share of the portfolio's revenue", "smaller losses are not discussed")
    one_off_share: float = threshold(0.50, "share of a year's invoices", "one line above is a one-off project")
    seasonal_share: float = threshold(0.60, "share of revenue in 3 months", "above, a customer buys by season")
    seasonal_shift_months: int = threshold(2, "months", "how far a seasonal purchase may slip")
    uncovered_share: float = threshold(0.20, "share of customers", "more without any contact: portfolio too large")
    silent_log_share: float = threshold(0.50, "of the median of peers", "fewer logged activities a day: not logging")
    normal_revenue_share: float = threshold(0.70, "of the median of peers", "revenue a day above is normal")
    min_peers: int = threshold(3, "salespeople", "fewer give no median to compare with")
    timed_visits_share: float = threshold(0.80, "share of visits", "enough have a duration to count effort in hours")
    default_travel_minutes: float = threshold(30.0, "minutes", "travel to a visit where none was ever logged")
    default_loss_share: float = threshold(0.10, "share a year", "chance of losing a customer, without history")
    reactivated_share: float = threshold(0.20, "chance", "a dormant customer that is called buys again")
    selling_share: float = threshold(0.25, "share of gross margin", "gross margin that may be spent on visits")
    family_min_share: float = threshold(0.20, "share of the sector's buyers", "a family that concerns the sector")
    false_alarm_share: float = threshold(0.10, "share", "false alarms accepted among alerts (Benjamini-Hochberg)", "G")
    response_none_share: float = threshold(0.80, "of revenue at the policy", "what a year without any visit leaves")
    response_more_share: float = threshold(
        1.05, "of revenue at the policy", "what half as many visits again would bring"
    )
    response_max_share: float = threshold(1.10, "of revenue at the policy", "what no number of visits would pass")
    max_findings: int = threshold(20, "findings a rule", "the biggest first; the tables hold all")
