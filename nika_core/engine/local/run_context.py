"""What all tasks of one run have in common while it runs: words, limits, history, observers, time, resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nika_core.engine.core.messages import Command, CoreEvent, Emit, quick
from nika_core.engine.core.ports import unmasked
from nika_core.engine.local.observers import Observers
from nika_core.engine.local.resources import Resources
from nika_core.engine.local.services import RunRequest, Services
from nika_core.engine.local.start_throttle import StartThrottle
from nika_core.engine.task.deadlines import Deadlines
from nika_core.errors import JournalError
from nika_core.model.bounded import bound
from nika_core.model.codec import figures
from nika_core.model.events import NO_DATA, Event, EventKind
from nika_core.model.json import JsonObject
from nika_core.model.limits import LimitKind, output_of, timeout_of
from nika_core.model.masking import masked_number
from nika_core.model.state import Failure
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import Keyword, Step

_DEFAULT_DEPTH: Final = 50
_GIVEN_ON: Final = ("output", "messages")  # what other tasks are given of a task, also when the run is resumed


@dataclass(frozen=True, slots=True)
class BoundKeyword:
    """A keyword, ready to be used by the tasks of this run."""

    spec: Keyword
    step: Step
    settings: JsonObject
    timeout: float
    max_output: int | None


class RunContext:
    """Made once per run."""

    def __init__(
        self, request: RunRequest, services: Services, observers: Observers, post: Callable[[CoreEvent], None]
    ) -> None:
        limits = request.limits
        self.request = request
        self.services = services
        self.post = post
        self.clock = services.clock
        self.folder = request.workflow.folder
        self.deadlines = Deadlines(services.clock)
        self.resources = Resources()
        self.start_throttle = StartThrottle()
        self.agent = request.agent or request.workflow.agent or AgentBlock()
        self.max_error = limits.count(LimitKind.ERROR_BYTES)
        self.max_depth = limits.count(LimitKind.JSON_DEPTH) or _DEFAULT_DEPTH
        self.max_attempts = limits.count(LimitKind.ATTEMPTS)
        self.backoff = limits.amount(LimitKind.RETRY_DELAY, 1.0) or 0.0
        self.spent: Usage = NOTHING
        self.show = observers.show
        self.masks = services.mask is not unmasked
        self.task_states: Callable[[], JsonObject] = dict  # task -> the name of its state, for who must know
        self._seq = request.seq
        self._run_id = request.run_id  # these four: looked up for every event
        self._time = services.clock.time
        self._record = services.record
        self.watched = observers.any
        self.contexts: dict[str, type[Any]] = {}  # by keyword: see `context_class`
        self._keywords: dict[str, BoundKeyword] = {}
        self._history_lost = False

    # ---- words

    def keyword(self, name: str) -> BoundKeyword:
        """Raises NikaError, or whatever a broken plugin raises."""
        found = self._keywords.get(name)
        if found is None:
            found = self._keywords[name] = self._look_up(name)
        return found

    def _look_up(self, name: str) -> BoundKeyword:
        keyword = self.services.keyword(name)
        limits = self.request.limits
        timeout = limits.amount(timeout_of(name), keyword.default_timeout) or keyword.default_timeout
        sizes = [limits.count(output_of(name)), limits.count(LimitKind.OUTPUT_BYTES)]
        if sizes[0] is None:
            sizes[0] = keyword.default_max_output
        known = [size for size in sizes if size is not None]
        step = self.services.step(name)
        return BoundKeyword(keyword, step, self.services.settings(name), timeout, min(known) if known else None)

    # ---- history

    def emit(self, kind: EventKind, task: str | None = None, data: Mapping[str, Any] = NO_DATA) -> None:
        """Into history, and to the observers; masked on the way."""
        self.emit_all((Emit(0, kind, task, data),))

    def emit_all(self, commands: Iterable[Command]) -> None:
        """What of the core's commands is to be told. What follows from one event has one time."""
        at = self._time()
        for command in commands:
            if type(command) is Emit:
                _, kind, task, data = command
                seq = self._seq = self._seq + 1
                if self.masks and data:
                    data = self._without_secrets(data)
                event = quick(Event, (seq, self._run_id, at, kind, task, data))
                try:
                    self._record(event)
                except Exception as error:  # the run's result matters more than its history
                    self.history_lost(error)
                if self.watched:
                    self.show(event)

    def notice(
        self,
        message: str,
        task: str | None = None,
        kind: EventKind = EventKind.NOTICE,
        data: JsonObject | None = None,
    ) -> None:
        """Tell the user something; `data` is added to the event's."""
        text = bound(self.services.mask(message), self.max_error).text
        self.emit(kind, task, {**(data or {}), "message": text})

    async def barrier(self) -> None:
        """Wait until history is durable. A history that cannot be written is told once and stops nothing."""
        try:
            await self.services.barrier()
        except JournalError as error:
            self.history_lost(error)

    def history_lost(self, error: Exception) -> None:
        """The run goes on, and can be resumed only up to here."""
        if not self._history_lost:
            self._history_lost = True
            self.notice(f"the run's history cannot be written, it goes on without: {error}")

    def _without_secrets(self, data: Mapping[str, Any]) -> JsonObject:
        masked: dict[str, Any] = {**self.masked(data), **figures(data, self.services.mask)}
        if any(name in data and masked[name] != data[name] for name in _GIVEN_ON):
            masked["withheld"] = True
        return masked

    # ---- values

    def masked(self, value: Any) -> Any:
        """Any JSON with the secrets in its texts (keys, too) and numbers replaced."""
        if isinstance(value, str):
            return self.services.mask(value)
        if isinstance(value, Mapping):
            return {self.services.mask(key): self.masked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.masked(item) for item in value]
        return masked_number(value, self.services.mask)

    def failure(self, failure: Failure) -> Failure:
        """Masked and bounded."""
        message, hint = failure.message, failure.hint
        if self.masks:
            message, hint = self.services.mask(message), hint and self.services.mask(hint)
        return Failure(failure.code, failure.category, bound(message, self.max_error).text, hint)

    def spend(self, usage: Usage) -> None:
        """Count for the whole run what was really used."""
        self.spent = self.spent + usage
