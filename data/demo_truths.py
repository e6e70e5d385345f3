"""What was planted in the demo client for each report: rules that must fire, decoys on which they must not.

The numbers behind each subject are in ``demo_planted.PLANTED`` and in the constants at the head of the other modules;
tests/test_demo_data.py recomputes the premises.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import demo_agenda as agenda
import demo_customers as customers
import demo_deals as deals
import demo_plans as plans
import demo_sales as sales
import numpy as np
from demo_spoils import Spoilt
from demo_truths_people import (
    ACTIVITY_DECOYS,
    ACTIVITY_TRUTHS,
    ALIGNMENT_DECOYS,
    ALIGNMENT_TRUTHS,
    ALIGNMENT_VARIANTS,
    CONTEST_DECOYS,
    CONTEST_TRUTHS,
    CONTEST_VARIANTS,
    IMPROVEMENT_DECOYS,
    IMPROVEMENT_TRUTHS,
    IMPROVEMENT_VARIANTS,
    ONE_TO_ONE_DECOYS,
    ONE_TO_ONE_TRUTHS,
    PAC_DECOYS,
    PAC_TRUTHS,
    SYNTHESIS_DECOYS,
    SYNTHESIS_TRUTHS,
)
from demo_truths_sales import (
    CYCLE_DECOYS,
    CYCLE_TRUTHS,
    CYCLE_VARIANTS,
    FORECAST_DECOYS,
    FORECAST_TRUTHS,
    MATRIX_DECOYS,
    MATRIX_TRUTHS,
    MATRIX_VARIANTS,
    PORTFOLIO_DECOYS,
    PORTFOLIO_TRUTHS,
    PORTFOLIO_VARIANTS,
    STEERING_DECOYS,
    STEERING_TRUTHS,
    STEERING_VARIANTS,
    Line,
    Variant,
)

# how a variant is to be read, where not at the usual date with default parameters
READ_AT = {"year_end": date(2025, 12, 7)}
READ_WITH: dict[str, dict[str, str]] = {
    "contest_before": {"contest": "CH26F"}, "contest_visits": {"contest": "CH26V"}, "contest_null": {"contest": "CH24"},
    "contest_created": {"contest": "CH25P"}, "contractual": {"contractual": "R05"},
}  # fmt: skip


def _known() -> dict[str, dict[str, object]]:
    """What a report should recover, by report: the constants that the demo client was drawn with."""
    passing = dict(deals.USUAL.passing)
    later = passing | {deals.QUOTE_FOLLOW_UP[0]: passing[deals.QUOTE_FOLLOW_UP[0]] + deals.QUOTE_FOLLOW_UP[2]}
    chances = {"": passing, "_with_follow_up": later}
    won = {f"win_probability_{s}{when}": round(float(np.prod([p[c] for c in deals.OPEN_STAGES[i:]])), 4)
           for when, p in chances.items() for i, s in enumerate(deals.OPEN_STAGES)}  # fmt: skip
    return {
        "forecast_accuracy": {
            **{f"bias_{rep}": bias for rep, (bias, _) in plans.FORECAST_BIAS.items()},
            "manager_knows": plans.MANAGER_KNOWS, "final_noise": plans.FINAL_NOISE,
            **{f"declared_{s}": p for s, p in deals.PROBABILITY.items()}, **won,
        },
        "sales_cycle": {
            **{f"passing_{s}": p for s, p in deals.USUAL.passing}, **won, "renewal_bonus": deals.RENEWAL_BONUS,
            "weak_closer": deals.WEAK_CLOSER[0], "weak_closer_passing": deals.WEAK_CLOSER[2],
            "follow_up_since": deals.QUOTE_FOLLOW_UP[1], "follow_up_gain": deals.QUOTE_FOLLOW_UP[2],
            "clean_up_day": deals.PURGE_DAY, "clean_up_rep": deals.PURGE_REP, "clean_up_deals": deals.PURGED,
            "born_won": len(deals.BORN_WON), "reopened": len(deals.REOPENED), "in_dollars": deals.IN_DOLLARS,
            **{f"late_passing_{s}": p for s, p in deals.LATE.passing},
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
            "basket_rep": deals.SMALL_BASKET[0], "basket_factor": deals.SMALL_BASKET[1],
        },
        "portfolio_alignment": {"without_place": customers.NOWHERE, "orphan_of": "R12", "ramping": "R11"},
        "sales_contest": {
            "created_contest": "CH25P", "created_lift": round(sales.CONTEST_CREATED[0][2] - 1, 3),
            "moved_contest": "CH25", "moved_lift": round(sales.CONTEST_MOVED[1][2] - 1, 3),
            "moved_before": round(sales.CONTEST_MOVED[0][2] - 1, 3),
            "moved_after": round(sales.CONTEST_MOVED[2][2] - 1, 3), "moved_net_effect": 0.0, "null_contest": "CH24",
            "discount_points": sales.CONTEST_DISCOUNT,
        },
    }  # fmt: skip


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
