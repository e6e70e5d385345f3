from pathlib import Path

import pytest

from salespilot import embedded


def test_what_does_not_fit_goes_to_disk_and_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "MOST_MB", 64)
    spill = tmp_path / "spill"
    with embedded.connect(spill) as connection:
        connection.execute("create table lines as select range as n, md5(range::varchar) as code from range(1_500_000)")
        assert any(spill.iterdir())
        assert connection.execute("select count(*), max(length(code)) from lines").fetchone() == (1_500_000, 32)
    assert not spill.exists()


def test_half_of_a_small_machine_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small:
        total = 1 << 30

    monkeypatch.setattr(embedded.psutil, "virtual_memory", Small)
    with embedded.connect(tmp_path / "spill") as connection:
        assert connection.execute("select current_setting('memory_limit')").fetchone() == ("488.2 MiB",)
