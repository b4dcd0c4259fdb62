"""An observer as the kernel calls it: whatever a plugin does wrong there is one error with its name."""

from __future__ import annotations

from collections.abc import Callable

from nika_core.errors import NikaError
from nika_core.model.events import Event
from nika_core.plugin import Observer
from nika_core.registry.loading import broken, one_line
from nika_core.registry.scan import PluginRecord


class GuardedObserver:
    """Guard `own`, an object of `record`. Errors meant for the user pass; all else is the plugin's fault."""

    def __init__(self, own: Observer, record: PluginRecord) -> None:
        self._own = own
        self.record = record

    def observe(self, event: Event) -> None:
        """Show an event. Raise NikaError if that fails."""
        self._call("observe", lambda: self._own.observe(event))

    def close(self) -> None:
        """Say that no more events come. Raise NikaError if that fails."""
        self._call("close", self._own.close)

    def _call(self, method: str, call: Callable[[], None]) -> None:
        try:
            call()
        except NikaError:
            raise
        except BaseException as error:  # not even its SystemExit may end a run
            raise broken(self.record, f"fails in `{method}`: {one_line(error)}") from error
