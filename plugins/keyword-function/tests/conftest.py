"""A step's context and a checked payload for these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.testing import FakePayload, FakeReport, FakeStepContext


@pytest.fixture
async def make_context(tmp_path: Path) -> AsyncIterator[Callable[..., FakeStepContext]]:
    made: list[FakeStepContext] = []

    def make(**attributes: Any) -> FakeStepContext:
        made.append(FakeStepContext.for_processes(tmp_path, **attributes))
        return made[-1]

    yield make
    for context in made:  # as at the end of a run
        await context.aclose()


@pytest.fixture
def context(make_context: Callable[..., FakeStepContext]) -> FakeStepContext:
    return make_context()


@pytest.fixture
def make_payload(tmp_path: Path) -> Callable[..., FakePayload]:
    return lambda **fields: FakePayload(fields, tmp_path)


@pytest.fixture
def problems() -> FakeReport:
    return FakeReport()
