"""Potential classes and contact policy of the cross matrix, on tables made by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from salespilot import cells
from salespilot.conventions import Conventions
from salespilot.dataset import Dataset, Window

AS_OF = date(2026, 6, 30)


def sales(revenue: dict[str, float], day: str = "2026-01-15") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "line_id": [f"{day}-{i}" for i in range(len(revenue))],
            "invoice_date": pd.Timestamp(day),
            "customer_id": list(revenue),
            "amount_net": list(revenue.values()),
        }
    )


def stated(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "valid_from", "potential_accessible"])
    return frame.assign(valid_from=pd.to_datetime(frame["valid_from"]), method="declared", confidence="med")


def opened(conventions: Conventions | None = None, **tables: pd.DataFrame) -> Dataset:
    lines = [sales({"x": 1.0}, "2024-07-01"), tables.pop("sales_lines", sales({}))]
    lines.append(sales({"x": 0.0}, "2026-06-30"))
    every = {"sales_lines": pd.concat(lines, ignore_index=True), **tables}
    return Dataset.from_frames(every, as_of=AS_OF, conventions=conventions)


def classes(dataset: Dataset, window: Window | None = None) -> pd.DataFrame:
    return cells.potential_classes(dataset, window or dataset.window).set_index("customer_id")


def test_classes_follow_the_cumulated_share_of_all_known_potentials():
    given = stated(*[(f"c{i}", "2026-01-01", v) for i, v in enumerate([50, 25, 10, 8, 5, 2])])
    assert classes(opened(customer_potential=given))["potential_class"].to_dict() == {
        "c0": "1", "c1": "1", "c2": "1", "c3": "2", "c4": "2", "c5": "3", "x": "?",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("cumshare", ["1", "1", "2", "2", "3"]),
        ("headcount", ["1", "2", "2", "3", "3"]),
        ("bands", ["1", "1", "2", "3", "3"]),
    ],
)
def test_three_modes(mode, expected):
    amounts = [500.0, 300.0, 100.0, 60.0, 40.0]
    given = stated(*[(f"c{i}", "2026-01-01", v) for i, v in enumerate(amounts)])
    conventions = Conventions(abc_mode=mode, abc_a_band=200.0, abc_b_band=80.0, abc_b_share=0.94)
    found = classes(opened(conventions, customer_potential=given))["potential_class"]
    assert found[[f"c{i}" for i in range(5)]].tolist() == expected


def test_a_zero_or_missing_potential_is_unknown():
    found = classes(opened(customer_potential=stated(("a", "2026-01-01", 0.0), ("b", "2026-01-01", 100.0))))
    assert found["potential_class"].to_dict() == {"a": "?", "b": "1", "x": "?"}
    assert np.isnan(found.loc["a", "potential_accessible"])


def test_a_potential_below_revenue_is_raised_and_flagged():
    found = classes(opened(sales_lines=sales({"a": 300.0}), customer_potential=stated(("a", "2026-01-01", 200.0))))
    assert found.loc["a", "potential_accessible"] == 300.0
    assert found.loc["a", "is_raised"]


def test_the_last_version_known_counts_and_ages():
    given = stated(("a", "2025-01-01", 50.0), ("a", "2025-06-29", 80.0), ("a", "2026-07-01", 999.0))
    found = classes(opened(customer_potential=given)).loc["a"]
    assert found["potential_accessible"] == 80.0
    assert found["potential_age_months"] == 12.0
    assert found["is_stale"]
    assert not classes(opened(customer_potential=stated(("a", "2025-06-30", 80.0)))).loc["a", "is_stale"]


def test_an_earlier_window_sees_the_potentials_of_its_end():
    dataset = opened(customer_potential=stated(("a", "2025-01-01", 50.0), ("a", "2026-01-01", 80.0)))
    assert classes(dataset, dataset.previous).loc["a", "potential_accessible"] == 50.0


def test_accessible_is_total_times_addressable_where_only_those_are_given():
    given = stated(("a", "2026-01-01", np.nan)).assign(potential_total=1000.0, addressable_share=0.4)
    assert classes(opened(customer_potential=given)).loc["a", "potential_accessible"] == 400.0


def test_a_group_potential_stated_at_each_site_is_counted_once():
    customers = pd.DataFrame({"customer_id": ["p", "s", "o"], "parent_customer_id": [None, "p", None]})
    given = stated(("p", "2026-01-01", 1000.0), ("s", "2026-01-01", 1000.0), ("o", "2026-01-01", 1000.0))
    found = classes(opened(sales_lines=sales({"p": 300.0}), customers=customers, customer_potential=given))
    assert found.loc[["p", "s"], "potential_accessible"].tolist() == [650.0, 350.0]
    assert found["is_shared"].to_dict() == {"p": True, "s": True, "o": False, "x": False}


def test_peers_estimate_only_where_no_potential_is_exported():
    size = pd.DataFrame(
        {
            "customer_id": [f"c{i:02d}" for i in range(20)] + ["p", "q"],
            "sector_code": ["s"] * 10 + ["t"] * 10 + ["s", "u"],
            "employees": [10] * 20 + [100, 100],
            "status": ["customer"] * 20 + ["prospect"] * 2,
        }
    )
    revenue = {f"c{i:02d}": 10.0 * (i + 1) for i in range(20)}
    found = classes(opened(sales_lines=sales(revenue), customers=size))
    own, everyone = np.quantile(np.arange(1, 11), 0.8), np.quantile(np.arange(1, 21), 0.8)
    assert found.loc["p", "potential_accessible"] == pytest.approx(100 * own)
    assert found.loc["q", "potential_accessible"] == pytest.approx(100 * everyone)
    assert found.loc["p", ["potential_method", "potential_confidence"]].tolist() == ["peer", "low"]
    assert found.loc["x", "potential_class"] == "?"
    exported = classes(
        opened(sales_lines=sales(revenue), customers=size, customer_potential=stated(("p", "2026-01-01", 5.0)))
    )
    assert exported["potential_accessible"].notna().sum() == 1


def test_too_few_peers_estimate_nothing():
    size = pd.DataFrame({"customer_id": ["a", "b"], "employees": [10, 20]})
    assert (classes(opened(sales_lines=sales({"a": 5.0}), customers=size))["potential_class"] == "?").all()


def test_who_is_known():
    customers = pd.DataFrame(
        {
            "customer_id": ["late", "buyer", "ours", "old"],
            "created_date": pd.to_datetime(["2026-05-01", "2026-05-01", "2020-01-01", "2020-01-01"]),
            "is_intercompany": [False, False, True, None],
        }
    )
    dataset = opened(sales_lines=sales({"buyer": 10.0, "ours": 10.0}, "2025-01-15"), customers=customers)
    assert list(classes(dataset).index) == ["buyer", "late", "old", "x"]
    assert list(classes(dataset, dataset.previous).index) == ["buyer", "old", "x"]


def test_years_of_a_period():
    assert cells.years(Window(date(2025, 7, 1), date(2026, 6, 30))) == 1.0
    assert cells.years(Window(date(2026, 4, 1), date(2026, 6, 30))) == 0.25
    assert cells.years(Window(date(2025, 7, 2), date(2026, 7, 1))) == pytest.approx(365 / 365.25)


def test_policy_is_the_clients_filled_by_the_methods():
    given = pd.DataFrame({"cell": ["A1", "c2"], "f2f_per_year": [20.0, 3.0], "visit_min": [90.0, None]})
    table = cells.policy(opened(coverage_policy=given)).set_index("cell")
    assert len(table) == 16
    assert table.loc["a1", ["f2f_per_year", "remote_per_year", "visit_min"]].tolist() == [20.0, 12.0, 90.0]
    assert table.loc["b1", "f2f_per_year"] == 10.0
    assert table.loc["c_unknown"].equals(table.loc["c2"])
    assert table.loc["c_unknown", "f2f_per_year"] == 3.0


def test_cell_of():
    found = cells.cell_of(pd.Series(["A", "Z", "N", "C"]), pd.Series(["1", "2", "3", "?"]))
    assert found.tolist() == ["a1", "p2", "n3", "c_unknown"]
