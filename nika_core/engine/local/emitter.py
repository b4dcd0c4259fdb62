"""What a run tells: events into history and to the observers, masked on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from nika_core.engine.core.messages import Command, Emit
from nika_core.engine.core.ports import MaskedStream, unmasked
from nika_core.engine.core.run_plan import RunRequest
from nika_core.engine.local.observers import Observers
from nika_core.engine.local.services import Services
from nika_core.errors import JournalError
from nika_core.model.bounded import bound
from nika_core.model.codec import figures
from nika_core.model.events import NO_DATA, Event, EventKind
from nika_core.model.json import JsonObject
from nika_core.model.large_values import LargeValue
from nika_core.model.limits import LimitKind
from nika_core.model.masking import masked_fields, masked_number
from nika_core.model.state import Failure

_GIVEN_ON: Final = ("output", "messages")  # what other tasks are given of a task, also when the run is resumed


class Emitter:
    """Numbers events, and has them recorded and shown.

    Attributes:
        watched: whether somebody wants text as it comes.
        last_at: the time of the last event, in seconds since the epoch.
    """

    def __init__(self, request: RunRequest, services: Services, observers: Observers) -> None:
        self._run_id = request.run_id
        self._seq = request.seq
        self._services = services
        self._observers = observers
        self._max_error = request.limits.counts.get(LimitKind.ERROR_BYTES)
        self._history_lost = False
        self.last_at = 0.0
        self._has_mask = services.mask is not unmasked
        self.watched = observers.chunks
        self._shown = observers.any

    def emit(self, kind: str, node: str | None = None, data: Mapping[str, Any] = NO_DATA) -> None:
        """Write an event into history, and show it to the observers."""
        self.emit_all((Emit(0, kind, node, data),))

    def emit_all(self, commands: Iterable[Command]) -> None:
        """Do so with what of the core's commands is to be told. What follows from one event has one time."""
        at = self.last_at = self._services.clock.time()
        events, masks = [], self.masks
        for command in commands:
            if not isinstance(command, Emit):
                continue
            data = command.data
            if masks and data:
                data = self._without_secrets(data)
            self._seq += 1
            events.append(Event(self._seq, self._run_id, at, command.kind, command.task, data))
        if not events:
            return
        try:
            self._services.record(events)
        except Exception as error:  # the run's result matters more than its history
            self.history_lost(error)
        if self._shown:
            self._observers.show(events)

    def notice(
        self,
        message: str,
        node: str | None = None,
        kind: str = EventKind.NOTICE,
        data: JsonObject | None = None,
    ) -> None:
        """Tell the user something; `data` is added to the event's."""
        text = bound(self.mask(message), self._max_error).text
        self.emit(kind, node, {**(data or {}), "message": text})

    def show_text(self, node: str, text: str) -> None:
        """Show text as it comes to the observers only; best effort, never in history."""
        self._show(EventKind.CHUNK, node, {"text": text})

    def show_progress(self, node: str, data: JsonObject) -> None:
        """Show how far a step is to the observers only; best effort, never in history."""
        self._show(EventKind.PROGRESS, node, self._without_secrets(data) if self.masks else data)

    def _show(self, kind: EventKind, node: str, data: JsonObject) -> None:
        if self.watched:
            self._observers.show([Event(0, self._run_id, self._services.clock.time(), kind, node, data)])

    async def barrier(self) -> None:
        """Wait until history is durable. A history that cannot be written is told once and stops nothing."""
        try:
            await self._services.barrier()
        except JournalError as error:
            self.history_lost(error)

    def history_lost(self, error: Exception) -> None:
        """Tell that the run goes on without a history, and can be resumed only up to here."""
        if not self._history_lost:
            self._history_lost = True
            self.notice(f"the run's history cannot be written, it goes on without: {error}")

    # ---- masking

    @property
    def masks(self) -> bool:
        """Whether there is anything to mask."""
        return self._has_mask and self._services.masks()

    def add_secrets(self, values: Iterable[str]) -> None:
        """Mask these values from now on."""
        self._services.add_secrets(values)

    def mask(self, text: str) -> str:
        """Return a text with secret values replaced."""
        return self._services.mask(text)

    def mask_stream(self) -> MaskedStream | None:
        """Return what masks a text that comes in pieces; None: each piece is masked by itself."""
        return None if self._services.mask_stream is None else self._services.mask_stream()

    def masked(self, value: Any) -> Any:
        """Return any JSON with the secrets in its texts (keys, too) and numbers replaced."""
        return _masked(value, self.mask)

    def lasting_mask(self) -> Callable[[Any], Any]:
        """Return the same as a function that is of use, and keeps nothing of the run, after its end."""
        return partial(_masked, mask=self._services.mask)

    def failure(self, failure: Failure) -> Failure:
        """Return a failure masked and bounded."""
        message, hint = failure.message, failure.hint
        if self.masks:
            message, hint = self.mask(message), hint and self.mask(hint)
        return Failure(failure.code, failure.category, bound(message, self._max_error).text, hint)

    def _without_secrets(self, data: Mapping[str, Any]) -> JsonObject:
        # The names are the engine's own, and a secret may be one of these words.
        masked: dict[str, Any] = {name: self.masked(value) for name, value in data.items()}
        masked |= figures(data, self.mask)
        if any(name in data and masked[name] != data[name] for name in _GIVEN_ON):
            masked["withheld"] = True
        return masked


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return masked_fields(value, mask, partial(_masked, mask=mask))
    if isinstance(value, list | tuple):
        return [_masked(item, mask) for item in value]
    if isinstance(value, LargeValue):
        plain = value.get()
        masked = _masked(plain, mask)
        return value if masked == plain else masked
    return masked_number(value, mask)
