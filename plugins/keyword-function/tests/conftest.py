"""A step's context and a checked payload, small enough to see through."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nika_core.errors import Place, Problem, Severity
from nika_core.model.clock import SystemClock
from nika_core.model.workflow import AgentBlock, OutputSpec


class FakeContext:
    """What a step sees; what it shows is in `chunks` and `notices`."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.run_id = f"run-{os.getpid()}-{id(self)}"
        self.task_id = "task"
        self.key = f"{self.run_id}/task#1"
        self.attempt = 1
        self.folder = folder
        self.timeout = 30.0
        self.max_output = 100 * 1024
        self.max_json_depth = 50
        self.output = OutputSpec()
        self.agent = AgentBlock()
        self.settings: Mapping[str, Any] = {}
        self.sections: Mapping[str, Any] = {}
        self.messages = ()
        self.environ: Mapping[str, str] = dict(os.environ)
        self.clock = SystemClock()
        self.chunks: list[str] = []
        self.notices: list[str] = []
        for name, value in changes.items():
            setattr(self, name, value)

    def mask(self, text: str) -> str:
        return text

    def chunk(self, text: str) -> None:
        self.chunks.append(text)

    def notice(self, message: str) -> None:
        self.notices.append(message)


class FakePayload:
    """A payload whose places are (path, offset) of one line."""

    def __init__(self, folder: Path, fields: Mapping[str, Any]) -> None:
        self.task_id = "task"
        self.fields = fields
        self.folder = folder
        self.agent = AgentBlock()
        self.sections: Mapping[str, Any] = {}
        self.settings: Mapping[str, Any] = {}
        self.output = OutputSpec()
        self.max_tokens = None

    def at(self, *path: str | int) -> Place:
        offset = path[-1] if path and isinstance(path[-1], int) else 0
        return Place("/".join(map(str, path)), 1, offset + 1)

    def text(self, field: str) -> str | None:
        value = self.fields.get(field)
        return getattr(value, "text", value)


class Problems(list[Problem]):
    """A report that keeps what it is told."""

    def __call__(
        self,
        message: str,
        place: Place,
        *,
        code: str = "NIKA-014",
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.append(Problem(code, message, place, hint, severity))


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., FakeContext]:
    return lambda **changes: FakeContext(tmp_path, **changes)


@pytest.fixture
def make_payload(tmp_path: Path) -> Callable[..., FakePayload]:
    return lambda **fields: FakePayload(tmp_path, fields)


@pytest.fixture
def problems() -> Problems:
    return Problems()
