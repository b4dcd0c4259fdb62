"""A secret source as the kernel calls it: whatever a plugin does wrong there is one error with its name."""

from __future__ import annotations

from contextlib import suppress

from nika_core.errors import PluginError
from nika_core.plugin import SecretSource
from nika_core.registry.guarded_call import guarded_call
from nika_core.registry.loading import broken
from nika_core.registry.scan import PluginRecord


class GuardedSecretSource:
    """Guard `own`, an object of `record`. Errors meant for the user pass; all else is the plugin's fault.

    Of those, only the type is told: the text of an unexpected error may have the secret in it.
    """

    def __init__(self, own: SecretSource, record: PluginRecord) -> None:
        self._own = own
        self.record = record

    def _failed(self, error: BaseException) -> PluginError:
        return broken(self.record, f"fails in `fetch` with {type(error).__name__}")

    async def fetch(self, name: str) -> str | None:
        """Return a secret; None if the source does not have it. Raise NikaError if that fails."""
        value = await guarded_call(lambda: self._own.fetch(name), self._failed)
        if value is not None and type(value) is not str:
            raise broken(self.record, f"returns {type(value).__name__} in `fetch`, not a text or None")
        return value

    def places(self, name: str) -> str:
        """Return where it looks; "" if it cannot say."""
        with suppress(Exception):
            places = self._own.places(name)
            if isinstance(places, str):
                return places
        return ""
