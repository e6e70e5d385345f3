"""What was planted in the demo client for each report: rules that must fire, decoys on which they must not.

The numbers behind each subject are in ``demo_world.PLANTED`` and in the constants at the head of the other modules;
tests/test_demo_data.py recomputes the premises.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import demo_agenda as agenda
import demo_crm as crm
import demo_plans as plans
import demo_sales as sales
import demo_world as world
import numpy as np
from demo_files import Spoilt

Line = tuple[str, str, str, str]  # rule, kind of subject, subject, why

PORTFOLIO_TRUTHS: tuple[Line, ...] = (
    ("T01-R1", "customer", "000123", "class A1, 2 visits done of 12 due"),
    ("T01-R1", "customer", "000187", "class A2, 3 visits done of 8 due"),
    ("T01-R1", "customer", "000241", "class A1, 4 visits done of 12 due, in R07's too large portfolio"),
    ("T01-R1", "customer", "000266", "class A1, 6 visits done of 12 due: an orphan since R12 left on 2026-02-28"),
    ("T01-R2", "customer", "000131", "class C, potential 240 k€ (class 1)"),
    ("T01-R2", "customer", "000132", "class C, potential 310 k€ (class 1)"),
    ("T01-R2", "customer", "000133", "class Z (nothing in 12 months), potential 190 k€ (class 1)"),
    ("T01-R2", "customer", "000134", "class C, revenue doubled from 4.2 to 8.4 k€"),
    ("T01-R3", "customer", "000141", "class C, 9 visits for 2.6 k€ of revenue, potential nearly reached"),
    ("T01-R3", "customer", "000142", "class C, 8 visits for 3.4 k€ of revenue, potential reached"),
    ("T01-R4", "customer", "000151", "bought every fortnight, 60 k€ a year, silent since 2025-11-20"),
    ("T01-R4", "customer", "000152", "bought every three weeks, 34 k€ a year, silent since 2025-10-08"),
    ("T01-R5", "customer", "000161", "420 to 270 k€"),
    ("T01-R5", "customer", "000162", "131 to 86 k€"),
    ("T01-R5", "customer", "000163", "75 to 37 k€"),
    ("T01-R6", "customer", "000171", "14 visits done of 6 due, potential reached"),
    ("T01-R6", "customer", "000172", "9 visits done of 2 due, potential reached"),
    ("T01-R8", "rep", "R07", "more than a third of 64 customers without any contact in 12 months, activity normal"),
    ("T01-R9", "rep", "R05", "logs a fifth of what the team logs, revenue normal"),
)
PORTFOLIO_DECOYS: tuple[Line, ...] = (
    ("T01-R1", "customer", "000212", "class A1, 10 visits of 12: above 80 %"),
    ("T01-R1", "customer", "000211", "class A, but its salesperson R05 does not log: no verdict on coverage"),
    ("T01-R1", "customer", "000213", "class A, but its salesperson R05 does not log: no verdict on coverage"),
    ("T01-R1", "customer", "000302", "class A site whose visits are logged on the head of its group, 000301"),
    ("T01-R1", "customer", "000303", "class A site whose visits are logged on the head of its group, 000301"),
    ("T01-R2", "customer", "000135", "class C, +60 % but 270 € only"),
    ("T01-R2", "customer", "000136", "class C, potential unknown: unknown is not class 1"),
    ("T01-R2", "customer", "000137", "class C, potential given as zero: to be qualified"),
    ("T01-R2", "customer", "000138", "class C, potential 72 k€ is class 2"),
    ("T01-R2", "customer", "000140", "class N: a credit note only"),
    ("T01-R2", "customer", "P0003", "a prospect with 540 k€ of potential is no customer"),
    ("T01-R3", "customer", "000143", "class C, costs more than it earns, but its potential is 195 k€"),
    ("T01-R3", "customer", "000144", "class C served by phone: it earns more than it costs"),
    ("T01-R4", "customer", "000124", "buys once a year, in November"),
    ("T01-R4", "customer", "000154", "buys every quarter, last in April"),
    ("T01-R4", "customer", "000153", "lost, but it was small"),
    ("T01-R4", "customer", "000140", "class N: a credit note is no order"),
    ("T01-R5", "customer", "000164", "a credit note of 78 k€ on an invoice of the year before: not a decline"),
    ("T01-R5", "customer", "000165", "buys in June or July only: two seasons fell in the year before, one in this one"),
    ("T01-R5", "customer", "000166", "first invoice in September 2025: a new customer never declines"),
    ("T01-R5", "customer", "000167", "-26 % but 3.5 k€, under 1 % of its salesperson's revenue"),
    ("T01-R5", "customer", "000168", "one project of 98 k€ (more than half of its year) ended; the rest is stable"),
    ("T01-R6", "customer", "000173", "19 visits of 12, but 378 k€ of headroom"),
    ("T01-R6", "customer", "000174", "no headroom, but visits at policy"),
    ("T01-R7", "customer", "000101", "the largest customer, under 15 %"),
    ("T01-R8", "rep", "R05", "does not log: R9 first"),
    ("T01-R8", "rep", "R03", "has visits logged on the head of a group"),
    ("T01-R9", "rep", "R08", "part-time: fewer activities, as many per hour of work"),
    ("T01-R9", "rep", "R11", "arrived in March 2026"),
    ("T01-R9", "rep", "R12", "left in February 2026"),
    ("T01-R9", "rep", "R04", "25 % fewer activities than the team, above half"),
)
MATRIX_TRUTHS: tuple[Line, ...] = (
    ("T10-R1", "segment", "a3", "visited at policy, but no headroom at all"),
    ("T10-R1", "segment", "b3", "visits share far above its headroom share"),
    ("T10-R2", "segment", "c1", "a fortieth of headroom, hardly any visit"),
    ("T10-R2", "segment", "p1", "a third of headroom, few visits"),
    ("T10-R3", "customer", "000131", "C1, share 2.5 %"),
    ("T10-R3", "customer", "000132", "C1, share 2.9 %"),
    ("T10-R3", "customer", "000143", "C1, share 2.6 %"),
    ("T10-R4", "customer", "000181", "class A, share 94 %"),
    ("T10-R4", "customer", "000174", "class A, share 99 %"),
    ("T10-R5", "customer", "000184", "A3, from 70 to 49 k€"),
    ("T10-R6", "customer", "000191", "headroom 422 k€, low confidence"),
    ("T10-R6", "customer", "000192", "headroom 408 k€, evaluated in September 2024"),
    ("T10-R6", "customer", "P0002", "prospect, headroom 820 k€, low confidence"),
    ("T10-R7", "customer", "000195", "on the cut between A and B and on that between potentials 1 and 2"),
    ("T10-R7", "customer", "000196", "on the cut between B and C and on that between potentials 2 and 3"),
    ("T10-R8", "rep", "R03", "official target 2026 half above what its cells give"),
)
MATRIX_DECOYS: tuple[Line, ...] = (
    ("T10-R1", "segment", "a2", "visits share far above its headroom share, but not a cell to release hours from"),
    ("T10-R1", "segment", "b2", "visits share far above its headroom share, but not a cell to release hours from"),
    ("T10-R1", "segment", "c2", "hardly visited"),
    ("T10-R2", "segment", "b1", "a development cell visited in proportion to its headroom"),
    ("T10-R2", "segment", "b2", "visits share above its headroom share"),
    ("T10-R2", "segment", "p2", "headroom without visits, but not a development cell"),
    ("T10-R3", "customer", "000145", "C1, share 11 %"),
    ("T10-R3", "customer", "000138", "share 4 %, but C2"),
    ("T10-R3", "customer", "000137", "potential zero is unknown, not a share"),
    ("T10-R4", "customer", "000182", "class A, share 61 %"),
    ("T10-R4", "customer", "000183", "share 95 %, but class B"),
    ("T10-R5", "customer", "000174", "A3, stable"),
    ("T10-R5", "customer", "000161", "falls, but A1"),
    ("T10-R6", "customer", "000193", "stale and low confidence, but 8 k€ of headroom"),
    ("T10-R6", "customer", "000194", "old evaluation replaced by a fresh one, high confidence"),
    ("T10-R7", "customer", "000101", "far from every cut"),
    ("T10-R7", "customer", "000146", "far from every cut"),
    ("T10-R8", "rep", "R04", "official target 2026 as its cells give"),
)
Variant = tuple[str, str, tuple[Line, ...], tuple[Line, ...]]  # name, what changes, truths, decoys
PORTFOLIO_VARIANTS: tuple[Variant, ...] = (
    ("dependence", "000101 weighs 19 % of positive revenue",
     (("T01-R7", "customer", "000101", "share above 15 %"),), ()),
    ("flat", "every customer buys about 50 k€: Gini under 0.25, no class-based finding",
     (), (("T01-R1", "customer", "*", "ABC separates little"), ("T01-R2", "customer", "*", "ABC separates little"),
          ("T01-R3", "customer", "*", "ABC separates little"))),
)  # fmt: skip
MATRIX_VARIANTS: tuple[Variant, ...] = (
    ("giant", "000101 weighs 83 %: class A by share would hold one customer; bands instead, and said so", (), ()),
)


# --- deals and forecasts ---------------------------------------------------------------------------------------------

FORECAST_TRUTHS: tuple[Line, ...] = (
    ("T09-R1", "kpi", "final", "the last hand-over adds 13 % of noise, each month, to the managers' forecasts"),
    ("T09-R2", "rep", "R03", "announces 24 % too much, every month"),
    ("T09-R2", "rep", "R10", "announces 20 % too little, every month"),
)
FORECAST_DECOYS: tuple[Line, ...] = (
    ("T09-R1", "kpi", "rep", "the salespeople beat the naive forecast by far"),
    ("T09-R1", "kpi", "manager", "the managers take two thirds of everyone's own bias out"),
    ("T09-R2", "rep", "R08", "nearly always above, but by 5 %"),
    ("T09-R2", "rep", "R06", "errors of 20 %, both ways"),
    ("T09-R2", "rep", "R11", "40 % too much, but four months are no evidence"),
    ("T09-R2", "rep", "R12", "left in February 2026"),
    ("T09-R2", "rep", "R01", "no bias"),
)
CYCLE_TRUTHS: tuple[Line, ...] = (
    ("T09-R3", "opportunity", "OPP-90001", "offer sent 200 days ago, everything else in order"),
    ("T09-R3", "opportunity", "OPP-90002", "close date pushed three times (and its amount is in dollars)"),
    ("T09-R3", "opportunity", "OPP-90003", "no next step"),
    ("T09-R4", "stage", "J4", "R06 brings 15 % of deals through negotiation, the others three in four"),
    ("T09-R8", "company", "all", "close dates set short and pushed by a month and a half"),
    ("T09-R9", "company", "all", "price is said of more than half of the losses"),
)
CYCLE_DECOYS: tuple[Line, ...] = (
    ("T09-R3", "opportunity", "OPP-90004", "young, one push, a next step"),
    ("T09-R3", "opportunity", "OPP-90005", "created seven months ago, but two weeks in its stage"),
    ("T09-R3", "opportunity", "OPP-90006", "pushed three times, then won"),
    ("T09-R4", "stage", "J1", "all salespeople alike"),
    ("T09-R4", "stage", "J2", "all salespeople alike"),
    ("T09-R4", "stage", "J3", "all salespeople alike, but for the clean-up of R03"),
    ("T09-R4", "stage", "J5", "all salespeople alike"),
    ("T09-R5", "company", "all", "a quarter of losses in the last two stages"),
    ("T09-R6", "company", "all", "one loss in six without decision"),
)
CYCLE_VARIANTS: tuple[Variant, ...] = (
    ("late_losses", "deals die in negotiation for want of a decision; close dates hold",
     (("T09-R5", "company", "all", "three losses in four in the last two stages"),
      ("T09-R6", "company", "all", "half of the losses without decision")),
     (("T09-R8", "company", "all", "deals close when they were said to"),
      ("T09-R9", "company", "all", "price is said of one loss in six"))),
)  # fmt: skip
STEERING_TRUTHS: tuple[Line, ...] = (
    ("T07-R1", "company", "all", "target 12 % above any landing"),
    ("T07-R1", "rep", "R03", "target half above what the portfolio can give"),
    ("T07-R2", "stage", "J1", "the gap to the target is ten times what the open deals can bring; six months are left"),
    ("T07-R2", "stage", "J4", "likewise"),
    ("T07-R4", "rep", "R08", "calls and mails stop on 2026-04-20, sales hold"),
    ("T07-R6", "rep", "R03", "the target takes twice the pace"),
    ("T07-R7", "kpi", "deals_created", "announces nothing"),
    ("T07-R7", "kpi", "created_amount", "announces nothing"),
    ("T09-R7", "stage", "J1", "first stage whose date comes"),
)
STEERING_DECOYS: tuple[Line, ...] = (
    ("T07-R1", "rep", "R11", "ramping up"),
    ("T07-R2", "stage", "GAG", "closed"),
    ("T07-R3", "stage", "J1", "its last useful date is in October"),
    ("T07-R3", "stage", "J5", "its last useful date is in December"),
    ("T07-R4", "rep", "R04", "always low, no fall"),
    ("T07-R4", "rep", "R05", "stopped logging more than a year ago"),
    ("T07-R4", "rep", "R10", "as usual"),
    ("T07-R5", "company", "all", "the methods agree"),
    ("T07-R6", "company", "all", "the target takes 1.3 times the pace"),
    ("T07-R6", "rep", "R01", "1.2 times the pace"),
    ("T07-R7", "kpi", "visits", "leads sales by two months"),
    ("T07-R7", "kpi", "quoted_amount", "redefined in September 2024: not to be tested"),
)
STEERING_VARIANTS: tuple[Variant, ...] = (
    ("halved", "sales of 2026 at 45 %",
     (("T07-R1", "company", "all", "the target is out of sight"),
      ("T07-R5", "company", "all", "the methods no longer agree"),
      ("T07-R6", "company", "all", "four times the pace")), ()),
    ("reachable", "revenue targets of 2026 at 80 %", (),
     (("T07-R1", "company", "all", "the target will be passed"),
      ("T07-R2", "stage", "J1", "nothing is missing"),
      ("T07-R6", "company", "all", "less than the present pace is enough"),
      ("T09-R7", "stage", "J1", "nothing is missing"))),
    ("year_end", "revenue targets of 2025 at 115 %, read in the first week of December",
     (("T07-R1", "company", "all", "too much is missing"),
      ("T07-R2", "stage", "J5", "deals agreed now still count"),
      ("T07-R3", "stage", "J4", "the last stage whose last useful date has passed: too late for new deals")),
     (("T07-R2", "stage", "J1", "its last useful date has passed"),
      ("T07-R2", "stage", "J3", "its last useful date has passed"),
      ("T07-R3", "stage", "J5", "there is still time for deals agreed"))),
)  # fmt: skip

# --- people and effort -----------------------------------------------------------------------------------------------

ACTIVITY_TRUTHS: tuple[Line, ...] = (
    ("T02-R1", "rep", "R04", "0.75 visit a day for 1.15, eaten by administration"),
    ("T02-R2", "rep", "R06", "loses in negotiation, and gets no appointment on the phone"),
    ("T02-R3", "rep", "R02", "orders a quarter smaller, deals half as large"),
    ("T02-R4", "rep", "R07", "one call in five finds its man, one in three elsewhere"),
    ("T02-R4", "rep", "R06", "4 % of conversations give an appointment for 27 %; one quote in eight is won for 43 %"),
    ("T02-R5", "segment", "c3", "margin of a visit under its cost"),
    ("T02-R6", "rep", "R10", "three visits in ten fall through"),
    ("T02-R7", "kpi", "appointments", "says what visits say"),
    ("T02-R7", "kpi", "revenue", "a result"),
    ("T02-R7", "kpi", "conversations", "announces nothing"),
    ("T02-R8", "rep", "R04", "45 % of the time on administration"),
)
ACTIVITY_DECOYS: tuple[Line, ...] = (
    ("T02-R1", "rep", "R05", "does not log: few visits are on record"),
    ("T02-R1", "rep", "R08", "part-time: fewer days, not fewer visits a day"),
    ("T02-R1", "rep", "R11", "arrived in March 2026"),
    ("T02-R1", "rep", "R12", "left in February 2026"),
    ("T02-R1", "rep", "R09", "inside: no peer in the field"),
    ("T02-R2", "rep", "R07", "orders as others do"),
    ("T02-R3", "rep", "R04", "orders as large as others'"),
    ("T02-R3", "rep", "R06", "orders as large as others'"),
    ("T02-R4", "rep", "R04", "fewer actions, as good as others'"),
    ("T02-R4", "rep", "R10", "160 calls of a few seconds are no conversations"),
    ("T02-R4", "rep", "R05", "logs one in five of everything: rates as others'"),
    ("T02-R5", "segment", "a1", "margin of a visit far above its cost"),
    ("T02-R6", "rep", "R02", "7 % fall through"),
    ("T02-R6", "rep", "R06", "7 % fall through"),
    ("T02-R7", "kpi", "visits", "leads sales by two months"),
    ("T02-R8", "rep", "R02", "an hour a day at most"),
    ("T02-R8", "rep", "R06", "an hour a day at most"),
)
ALIGNMENT_TRUTHS: tuple[Line, ...] = (
    ("T03-R2", "company", "all", "three quarters of the hours are needed"),
    ("T03-R3", "company", "all", "seven portfolios of eleven outside 15 %"),
    ("T03-R3", "rep", "R07", "64 customers"),
    ("T03-R3", "rep", "R09", "60 customers, little time outside"),
    ("T03-R3", "rep", "R08", "too few customers even for part-time"),
    ("T03-R3", "rep", "R10", "18 customers"),
    ("T03-R4", "company", "all", "class A held for two years and not falling, 000101 among them, keep their contact"),
    ("T03-R5", "customer", "000266", "class A, an orphan since R12 left"),
    ("T03-R6", "customer", "000308", "a group split over two salespeople"),
    ("T03-R6", "customer", "000489", "a group split over two salespeople"),
    ("T03-R7", "rep", "R11", "a new portfolio to be filled"),
    ("T03-R8", "segment", "b1", "13 customers"),
    ("T03-R8", "segment", "p1", "22 prospects, no revenue"),
)
ALIGNMENT_DECOYS: tuple[Line, ...] = (
    ("T03-R1", "company", "all", "hours to spare"),
    ("T03-R3", "rep", "R01", "within 15 %"),
    ("T03-R3", "rep", "R02", "within 15 %"),
    ("T03-R3", "rep", "R03", "within 15 %"),
    ("T03-R4", "customer", "000161", "class A but falling by a third: nothing to lock"),
    ("T03-R5", "customer", "000101", "kept where it is"),
    ("T03-R5", "customer", "000146", "small"),
    ("T03-R6", "customer", "000301", "a group of three sites with one salesperson"),
    ("T03-R7", "rep", "R01", "keeps the portfolio"),
    ("T03-R8", "segment", "a1", "four fifths of revenue"),
    ("T03-R8", "segment", "c3", "little revenue, but a quarter of customers"),
    ("T03-R9", "rep", "R05", "no contractual sector is known"),
)
ALIGNMENT_VARIANTS: tuple[Variant, ...] = (
    ("overloaded", "the policy promises 2.2 times as many contacts",
     (("T03-R1", "company", "all", "one and a half times the hours there are"),),
     (("T03-R2", "company", "all", "no hour to spare"),)),
    ("contractual", "R05 has a sector in the contract",
     (("T03-R9", "rep", "R05", "gives and takes customers"),), (("T03-R9", "rep", "R06", "no contractual sector"),)),
)  # fmt: skip
CONTEST_TRUTHS: tuple[Line, ...] = (
    ("T04-R6", "contest", "CH25", "sales moved: what was sold more was missing before and after"),
    ("T04-R7", "contest", "CH25", "five points of discount more"),
    ("T04-R8", "contest", "all", "three contests in twelve months"),
    ("T04-R9", "contest", "CH26", "four winners by rounded scores: one draw in five ends in a tie"),
)
CONTEST_DECOYS: tuple[Line, ...] = (
    ("T04-R1", "contest", "CH26", "scored by own volatility: fair"),
    ("T04-R2", "contest", "CH26", "four winners of eleven: all may hope"),
    ("T04-R3", "contest", "CH26", "pays from 1 % more sales"),
    ("T04-R4", "contest", "CH26", "75 days for a cycle of 63"),
    ("T04-R5", "contest", "CH26", "revenue is well kept"),
)
CONTEST_VARIANTS: tuple[Variant, ...] = (
    ("contest_before", "reads the flash contest of December",
     (("T04-R1", "contest", "CH26F", "attainment of targets that are not alike: R03's is half above reach"),
      ("T04-R2", "contest", "CH26F", "one winner of eleven"),
      ("T04-R3", "contest", "CH26F", "60 k€ for twelve days: pays from a third more sales"),
      ("T04-R4", "contest", "CH26F", "12 days for a cycle of 63")),
     (("T04-R9", "contest", "CH26F", "one winner by exact scores"),)),
    ("contest_visits", "reads the contest on visits",
     (("T04-R5", "contest", "CH26V", "scores visits, of which R05 logs one in five"),), ()),
    ("contest_null", "reads the contest of winter 2024",
     (("T04-R6", "contest", "CH24", "nothing happened"),), (("T04-R7", "contest", "CH24", "discounts as usual"),)),
    ("contest_created", "reads the contest of spring 2025", (),
     (("T04-R6", "contest", "CH25P", "18 % more sales, none of them missing afterwards"),
      ("T04-R7", "contest", "CH25P", "discounts as usual"))),
    ("sober_contests", "without the contest on visits and the flash", (),
     (("T04-R8", "contest", "all", "never three contests in twelve months"),)),
)  # fmt: skip

IMPROVEMENT_TRUTHS: tuple[Line, ...] = (
    ("T06-R1", "rep", "R03", "sells a quarter more a day than before: customers were swapped in January 2025"),
    ("T06-R2", "kpi", "revenue_per_day", "steady, and an eighth below its target"),
    ("T06-R4", "intervention", "I5", "every quote called back: offers accepted go from 62 to 90 %, and stay there"),
    ("T06-R5", "intervention", "I7", "orders are no larger a year later"),
)
IMPROVEMENT_DECOYS: tuple[Line, ...] = (
    ("T06-R1", "rep", "R04", "steady"),
    ("T06-R4", "intervention", "I1", "outside event"),
    ("T06-R4", "intervention", "I2", "definition changed"),
    ("T06-R4", "intervention", "I6", "four months are too few"),
    ("T06-R4", "intervention", "I7", "no effect"),
    ("T06-R5", "intervention", "I1", "outside event"),
    ("T06-R5", "intervention", "I2", "definition changed"),
    ("T06-R5", "intervention", "I5", "worked"),
    ("T06-R5", "intervention", "I6", "four months are too few"),
)
IMPROVEMENT_VARIANTS: tuple[Variant, ...] = (
    ("reachable", "revenue targets of 2026 at 80 %", (),
     (("T06-R2", "kpi", "revenue_per_day", "steady above its target"),)),
)  # fmt: skip

# how a variant is to be read, where not at the usual date with default parameters
READ_AT = {"year_end": date(2025, 12, 7)}
READ_WITH: dict[str, dict[str, str]] = {
    "contest_before": {"contest": "CH26F"}, "contest_visits": {"contest": "CH26V"}, "contest_null": {"contest": "CH24"},
    "contest_created": {"contest": "CH25P"}, "contractual": {"contractual": "R05"},
}  # fmt: skip


def _known() -> dict[str, dict[str, object]]:
    """What a report should recover, by report: the constants that the demo client was drawn with."""
    passing = dict(crm.USUAL.passing)
    later = passing | {crm.QUOTE_FOLLOW_UP[0]: passing[crm.QUOTE_FOLLOW_UP[0]] + crm.QUOTE_FOLLOW_UP[2]}
    chances = {"": passing, "_with_follow_up": later}
    won = {f"win_probability_{s}{when}": round(float(np.prod([p[c] for c in crm.OPEN_STAGES[i:]])), 4)
           for when, p in chances.items() for i, s in enumerate(crm.OPEN_STAGES)}  # fmt: skip
    return {
        "forecast_accuracy": {
            **{f"bias_{rep}": bias for rep, (bias, _) in plans.FORECAST_BIAS.items()},
            "manager_knows": plans.MANAGER_KNOWS, "final_noise": plans.FINAL_NOISE,
            **{f"declared_{s}": p for s, p in crm.PROBABILITY.items()}, **won,
        },
        "sales_cycle": {
            **{f"passing_{s}": p for s, p in crm.USUAL.passing}, **won, "renewal_bonus": crm.RENEWAL_BONUS,
            "weak_closer": crm.WEAK_CLOSER[0], "weak_closer_passing": crm.WEAK_CLOSER[2],
            "follow_up_since": crm.QUOTE_FOLLOW_UP[1], "follow_up_gain": crm.QUOTE_FOLLOW_UP[2],
            "clean_up_day": crm.PURGE_DAY, "clean_up_rep": crm.PURGE_REP, "clean_up_deals": crm.PURGED,
            "born_won": len(crm.BORN_WON), "reopened": len(crm.REOPENED), "in_dollars": crm.IN_DOLLARS,
            **{f"late_passing_{s}": p for s, p in crm.LATE.passing},
        },
        "dynamic_steering": {
            "leading_indicator": "visits", "lead_months": agenda.LEADS_BY,
            "lead_elasticity": round(1 / agenda.LEADS_TIMES, 3), "stretched_rep": plans.STRETCHED[0],
            "stretched_factor": plans.STRETCHED[1], "quiet_rep": agenda.QUIET_WEEKS[0],
            "quiet_since": agenda.QUIET_WEEKS[1],
        },
        "activity_productivity": {
            "connect_rate": agenda.CONNECT_RATE, f"connect_rate_{agenda.LOW_CONNECT[0]}": agenda.LOW_CONNECT[1],
            f"appointment_rate_{agenda.LOW_APPOINTMENT[0]}": agenda.LOW_APPOINTMENT[1],
            "fell_through": agenda.FELL_THROUGH,
            **{f"fell_through_{rep}": share for rep, share in agenda.FALLS_THROUGH.items()},
            "gaming_rep": agenda.GAMED_CALLS[0], "gamed_calls": agenda.GAMED_CALLS[1],
            **{f"admin_minutes_a_day_{rep}": minutes for rep, (_, minutes) in agenda.ADMIN_A_DAY.items()},
            "basket_rep": crm.SMALL_BASKET[0], "basket_factor": crm.SMALL_BASKET[1],
        },
        "portfolio_alignment": {"without_place": world.NOWHERE, "orphan_of": "R12", "ramping": "R11"},
        "sales_contest": {
            "created_contest": "CH25P", "created_lift": round(sales.CONTEST_CREATED[0][2] - 1, 3),
            "moved_contest": "CH25", "moved_lift": round(sales.CONTEST_MOVED[1][2] - 1, 3),
            "moved_before": round(sales.CONTEST_MOVED[0][2] - 1, 3),
            "moved_after": round(sales.CONTEST_MOVED[2][2] - 1, 3), "moved_net_effect": 0.0, "null_contest": "CH24",
            "discount_points": sales.CONTEST_DISCOUNT,
        },
    }  # fmt: skip


# by report: truths, decoys, variants
PAC_TRUTHS: tuple[Line, ...] = (
    ("T05-R1", "kpi", "pac_rule_1", "most actions start in busy months or at their end"),
    ("T05-R1", "kpi", "pac_rule_5", "five actions have neither start nor aim"),
    ("T05-R1", "kpi", "pac_rule_9", "two reviews of three are late"),
    ("T05-R1", "kpi", "pac_rule_10", "half of the open actions have no stop rule"),
    ("T05-R2", "company", "all", "no plan that the hours allow closes a gap of a tenth of the target"),
    ("T05-R4", "intervention", "ACT011", "68 % done, due since May"),
    ("T05-R4", "intervention", "ACT021", "40 % done when two thirds of the time are gone"),
    ("T05-R4", "intervention", "ACT025", "half done, due since November"),
    ("T05-R4", "intervention", "ACT035", "69 % done, due since March"),
    ("T05-R4", "intervention", "ACT039", "30 % done when two thirds of the time are gone"),
    ("T05-R7", "intervention", "ACT018", "nobody owns it"),
    ("T05-R7", "intervention", "ACT023", "its owner R12 left in February"),
    ("T05-R7", "intervention", "ACT029", "nobody owns it"),
    ("T05-R7", "intervention", "ACT033", "nobody owns it"),
    ("T05-R7", "intervention", "ACT035", "its owner R12 left in February"),
)
PAC_DECOYS: tuple[Line, ...] = (
    ("T05-R1", "kpi", "pac_rule_2", "targets of the company, teams and people add up and were set in time"),
    ("T05-R4", "intervention", "ACT028", "due since January but 80 % done: 20 points late, no more"),
    ("T05-R4", "intervention", "ACT006", "91 % done"),
    ("T05-R4", "intervention", "ACT036", "on pace"),
    ("T05-R4", "intervention", "ACT034", "dropped: decided against, not late"),
    ("T05-R5", "intervention", "ACT039", "began in March: too early to judge"),
    ("T05-R7", "intervention", "ACT001", "owned by R09"),
)
ONE_TO_ONE_TRUTHS: tuple[Line, ...] = (
    ("T08-R3", "rep", "R03", "few orders a visit, visits as many as the peers'"),
    ("T08-R4", "rep", "R08", "calls and mails stopped on 2026-04-20, and the rating in closing is good"),
    ("T08-R5", "rep", "R11", "arrived in March 2026"),
    ("T08-R7", "rep", "R03", "forecasts a quarter too high"),
    ("T08-R7", "rep", "R10", "forecasts a fifth too low"),
    ("T08-R8", "rep", "R05", "logs a fifth of what the team logs"),
)
ONE_TO_ONE_DECOYS: tuple[Line, ...] = (
    ("T08-R1", "rep", "R07", "its commitments are not due yet"),
    ("T08-R1", "rep", "R04", "one action, dropped by both: neither kept nor due"),
    ("T08-R2", "rep", "R05", "logs too little for its effort to be judged"),
    ("T08-R2", "rep", "R04", "few visits, but as many as it always made"),
    ("T08-R4", "rep", "R07", "activity as usual"),
    ("T08-R5", "rep", "R08", "part-time, not new"),
    ("T08-R7", "rep", "R06", "wrong both ways"),
    ("T08-R7", "rep", "R08", "nearly always above, by little"),
    ("T08-R7", "rep", "R11", "four months are no evidence"),
    ("T08-R8", "rep", "R08", "part-time: fewer activities, as many per hour of work"),
    ("T08-R8", "rep", "R11", "arrived in March 2026"),
)
SYNTHESIS_TRUTHS: tuple[Line, ...] = (
    ("T07-R1", "company", "all", "the landing lies far below the target: the first risk that a director reads"),
)
SYNTHESIS_DECOYS: tuple[Line, ...] = (
    ("T01-R7", "customer", "000101", "the largest customer, under 15 %: no report says a word of it"),
)
PLANTED: dict[str, tuple[tuple[Line, ...], tuple[Line, ...], tuple[Variant, ...]]] = {
    "synthesis": (SYNTHESIS_TRUTHS, SYNTHESIS_DECOYS, ()),
    "portfolio_review": (PORTFOLIO_TRUTHS, PORTFOLIO_DECOYS, PORTFOLIO_VARIANTS),
    "abc_cross_matrix": (MATRIX_TRUTHS, MATRIX_DECOYS, MATRIX_VARIANTS),
    "activity_productivity": (ACTIVITY_TRUTHS, ACTIVITY_DECOYS, ()),
    "portfolio_alignment": (ALIGNMENT_TRUTHS, ALIGNMENT_DECOYS, ALIGNMENT_VARIANTS),
    "sales_contest": (CONTEST_TRUTHS, CONTEST_DECOYS, CONTEST_VARIANTS),
    "continuous_improvement": (IMPROVEMENT_TRUTHS, IMPROVEMENT_DECOYS, IMPROVEMENT_VARIANTS),
    "dynamic_steering": (STEERING_TRUTHS, STEERING_DECOYS, STEERING_VARIANTS),
    "sales_cycle": (CYCLE_TRUTHS, CYCLE_DECOYS, CYCLE_VARIANTS),
    "forecast_accuracy": (FORECAST_TRUTHS, FORECAST_DECOYS, ()),
    "pac_preparation": (PAC_TRUTHS, PAC_DECOYS, ()),
    "one_to_one": (ONE_TO_ONE_TRUTHS, ONE_TO_ONE_DECOYS, ()),
}


def _table(name: str, line: Line, indent: str = "") -> str:
    keys = zip(("rule", "subject_kind", "subject_id", "why"), line, strict=True)
    return f"{indent}[[{name}]]\n" + "".join(f'{indent}{key} = "{value}"\n' for key, value in keys)


def _toml(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _page(heading: str, name: str) -> str:
    truths, decoys, variants = PLANTED[name]
    parts = [heading]
    known = _known().get(name, {})
    if known:
        lines = "".join(f"{key} = {_toml(value)}\n" for key, value in known.items())
        parts.append(f"[parameters]  # what the demo client was drawn with\n{lines}")
    parts += [_table("truth", line) for line in truths]
    parts += [_table("decoy", line) for line in decoys]
    for variant, change, more_truths, more_decoys in variants:
        text = f'[[variant]]\nname = "{variant}"\nchange = "{change}"\n'
        if variant in READ_AT:
            text += f"as_of = {READ_AT[variant]}\n"
        if variant in READ_WITH:
            given = ", ".join(f'{key} = "{value}"' for key, value in READ_WITH[variant].items())
            text += f"parameters = {{ {given} }}\n"
        text += "".join(_table("variant.truth", line, "  ") for line in more_truths)
        text += "".join(_table("variant.decoy", line, "  ") for line in more_decoys)
        parts.append(text)
    return "\n".join(parts)


def _fitness(spoilt: Spoilt) -> str:
    """The spoilt rows as counted while they were written."""
    parts = [
        "# Rows spoilt on purpose in the exports, counted as they were written.\n"
        "# rejected = missing key + unreadable value; the other kinds are set aside or kept, as intake says.\n"
        "# without_customer and orphan_customer lines are kept. The tables of make_demo.frames() hold neither the\n"
        "# rejected rows, nor the second copies, nor the intercompany lines.\n"
        'unmatched = ["exports/notes.txt"]\n'
    ]
    for table, kinds in spoilt.counts.items():
        parts.append(f"[{table}]\n" + "".join(f"{kind} = {number}\n" for kind, number in sorted(kinds.items())))
    amounts = "".join(f"{kind} = {amount:.2f}\n" for kind, amount in sorted(spoilt.amounts.items()))
    parts.append("[sales_lines_amounts]  # euros\n" + amounts)
    control = spoilt.control
    gap = round(spoilt.amounts["duplicate"] - spoilt.amounts["unreadable_truth"], 2)
    parts.append(
        "[control]  # net revenue read, less that of the accounts\n"
        f"accounts_2024 = {control[2024]:.2f}\ngap_2024 = 0.0\n"
        f"accounts_2025 = {control[2025]:.2f}\ngap_2025 = {gap:.2f}\n"
    )
    parts.append("[rows_written]  # below the header, titles not counted\n"
                 + "".join(f'"{name}" = {number}\n' for name, number in spoilt.rows_written.items()))  # fmt: skip
    return "\n".join(parts)


def write(folder: Path, spoilt: Spoilt) -> None:
    """Write one truths file per report."""
    folder.mkdir(parents=True, exist_ok=True)
    note = (
        "# Planted in the demo client at as_of 2026-06-30, 12 months, default conventions.\n"
        "# A decoy must be named by no alert and no watch; good news of the same rule is not a fault.\n"
    )
    together = "# T10-R7 may be one finding for the company: its targets then hold the customers named here.\n"
    for name in PLANTED:
        text = _page(note + (together if name == "abc_cross_matrix" else ""), name)
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    (folder / "data_fitness.toml").write_text(_fitness(spoilt), encoding="utf-8")
