"""A notifier as the kernel calls it: whatever a plugin does wrong there is one error with its name."""

from __future__ import annotations

from nika_core.errors import PluginError
from nika_core.plugin import Notifier, QuestionNotice
from nika_core.registry.guarded_call import guarded_call
from nika_core.registry.loading import broken, one_line
from nika_core.registry.scan import PluginRecord


class GuardedNotifier:
    """Guard `own`, an object of `record`. Errors meant for the user pass; all else is the plugin's fault."""

    def __init__(self, own: Notifier, record: PluginRecord) -> None:
        self._own = own
        self.record = record

    def _failed(self, error: BaseException) -> PluginError:
        return broken(self.record, f"fails in `notify`: {one_line(error)}")

    async def notify(self, notice: QuestionNotice) -> None:
        """Tell of a question. Raise NikaError if that fails."""
        await guarded_call(lambda: self._own.notify(notice), self._failed)
