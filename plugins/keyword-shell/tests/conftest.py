"""A step's context and a checked payload for these tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from nika_core.testing import FakePayload, FakeReport, FakeStepContext


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., FakeStepContext]:
    return partial(FakeStepContext.for_processes, tmp_path)


@pytest.fixture
def context(make_context: Callable[..., FakeStepContext]) -> FakeStepContext:
    return make_context()


@pytest.fixture
def make_payload(tmp_path: Path) -> Callable[..., FakePayload]:
    return lambda **fields: FakePayload(fields, tmp_path)


@pytest.fixture
def problems() -> FakeReport:
    return FakeReport()
