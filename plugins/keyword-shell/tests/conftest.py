"""A step's context and a checked payload for these tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from nika_core.model.clock import SystemClock
from nika_core.testing import FakePayload, FakeReport, FakeStepContext


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., FakeStepContext]:
    """With real processes, the time is real, and each run is another one."""
    run = f"run-{uuid4().hex}"
    defaults = {"folder": tmp_path, "run_id": run, "key": f"{run}/task#1", "timeout": 30.0, "max_output": 100 * 1024}

    def make(**changes: object) -> FakeStepContext:
        return FakeStepContext(**{**defaults, "environ": dict(os.environ), "clock": SystemClock(), **changes})  # type: ignore[arg-type]  # its attributes

    return make


@pytest.fixture
def context(make_context: Callable[..., FakeStepContext]) -> FakeStepContext:
    return make_context()


@pytest.fixture
def make_payload(tmp_path: Path) -> Callable[..., FakePayload]:
    return lambda **fields: FakePayload(fields, tmp_path)


@pytest.fixture
def problems() -> FakeReport:
    return FakeReport()
