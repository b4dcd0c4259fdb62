"""A provider's client as the kernel asks it: whatever a plugin does wrong there is one error with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_core.errors import NikaError, PluginError
from nika_core.plugin import Client, Health, ModelInfo
from nika_core.registry.loading import broken, one_line
from nika_core.registry.scan import PluginRecord

_UNGUARDED: Final = ("stream", "estimate", "submit_batch", "poll_batch", "find_batch")


class GuardedClient:
    """Guard `own`, an object of `record`. What happens during a call is the engine's to judge, and not guarded."""

    def __init__(self, own: Client, record: PluginRecord) -> None:
        self._own = own
        self._record = record
        for name in _UNGUARDED:
            if hasattr(own, name):
                setattr(self, name, getattr(own, name))

    def _failed(self, name: str, error: BaseException) -> PluginError:
        return broken(self._record, f"fails in `{name}`: {one_line(error)}")

    def _wrong(self, name: str, given: object) -> PluginError:
        return broken(self._record, f"returns {type(given).__name__} from `{name}`, not ModelInfo")

    def info(self, model: str) -> ModelInfo:
        try:
            found = self._own.info(model)
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # not even its SystemExit may end a command
            raise self._failed("info", error) from error
        if not isinstance(found, ModelInfo):
            raise self._wrong("info", found)
        return found

    def models(self) -> Sequence[ModelInfo]:
        try:
            found = tuple(self._own.models())
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # see `info`
            raise self._failed("models", error) from error
        for each in found:
            if not isinstance(each, ModelInfo):
                raise self._wrong("models", each)
        return found

    async def health(self) -> Health:
        try:
            found = await self._own.health()
        except Exception as error:
            return Health(False, f"its health check fails: {one_line(error)}")
        return found if isinstance(found, Health) else Health(False, f"its health check returns {type(found).__name__}")

    async def close(self) -> None:
        try:
            await self._own.close()
        except SystemExit as error:
            raise self._failed("close", error) from error
