"""What was planted among people, their effort and their plans: rules that must fire, decoys on which they must not."""

from __future__ import annotations

from demo_truths_sales import Line, Variant

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
