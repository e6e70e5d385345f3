"""What was planted among customers, deals and forecasts: rules that must fire, decoys on which they must not."""

from __future__ import annotations

Line = tuple[str, str, str, str]  # rule, kind of subject, subject, why
Variant = tuple[str, str, tuple[Line, ...], tuple[Line, ...]]  # name, what changes, truths, decoys


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
