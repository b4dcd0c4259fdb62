"""What a caller adds to a workflow for one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core.values import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a caller adds to a workflow. None: the workflow, the project or the limits decide.

    Attributes:
        timeout: seconds for the whole run; None: no bound.
        answers: to questions, by task, for a mocked run.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    model: str | None = None
    max_concurrent: int | None = None
    timeout: float | None = None
    fail_fast: bool = False
    mock: bool = False
    economy: bool = False
    answers: Mapping[str, Any] | None = None
