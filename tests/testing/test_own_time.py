"""The clock of the kits: sleeping counts, and waiting for a processor that others use does not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nika_core.testing import own_time
from nika_core.testing.own_time import own_seconds


def test_who_sleeps_uses_its_own_time() -> None:
    begun = own_seconds()
    time.sleep(0.05)
    assert own_seconds() - begun >= 0.05


def test_waiting_for_the_processor_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = tmp_path / "schedstat"
    monkeypatch.setattr(own_time, "_WAITED", figures)
    figures.write_text("1000 0 3\n")
    begun, real = own_seconds(), time.perf_counter()
    figures.write_text("1000 600000000000 4\n")
    assert own_seconds() - begun == pytest.approx(time.perf_counter() - real - 600, abs=300)


@pytest.mark.parametrize("figures", [None, b"", b"none\n", b"1 x 2"])
def test_without_figures_it_is_a_clock(figures: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_time, "_WAITED", tmp_path / "schedstat")
    if figures is not None:
        (tmp_path / "schedstat").write_bytes(figures)
    before = time.perf_counter()
    assert before <= own_seconds() <= time.perf_counter()
