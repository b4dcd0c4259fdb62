"""The seam at which a run is recorded and replayed: every step and every tool call passes it, whatever its keyword."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from nika_core.engine.core.messages import TaskCall
from nika_core.errors import TaskError
from nika_core.model.usage import Usage
from nika_core.plugin import Keyword


class TapedContext(Protocol):
    """What a step's context can be told of a call that is only played back."""

    def replay(self, kind: str, data: Mapping[str, Any], usage: Usage = ...) -> None:
        """Report a call as it was recorded, and count what it had used."""
        ...


class Tape(Protocol):
    """Keeps what steps are given and give, or gives in their place what was kept. One run, one event loop."""

    async def step(
        self, call: TaskCall, keyword: Keyword, context: TapedContext, run: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Return what the step of a call returns. Raise what it raises; or TaskError if nothing is recorded of it.

        Args:
            run: runs the step. The secrets of its payload are fetched then, and not before.
        """
        ...

    def failed(self, call: TaskCall, error: TaskError) -> None:
        """Keep how the attempt of a call failed that `step` was asked for last, if nothing is kept of it yet."""
        ...

    def tool_called(self, key: str, data: Mapping[str, Any], content: str) -> None:
        """Keep a call of a tool.

        Args:
            key: that of the step that has called it: the task's, with a suffix for what runs inside it as a tool.
            data: of the event.
            content: what the tool told the model.
        """
        ...
