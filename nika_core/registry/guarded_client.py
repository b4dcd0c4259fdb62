"""A provider's client as the kernel asks it: whatever a plugin does wrong there is one error with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_core.errors import NikaError, PluginError
from nika_core.plugin import Client, Health, ModelInfo, ModelRequest, TokenEstimate
from nika_core.registry.figures import is_count, model_problem
from nika_core.registry.loading import broken, one_line
from nika_core.registry.scan import PluginRecord

_UNGUARDED: Final = ("stream", "submit_batch", "poll_batch", "find_batch", "prices")


class GuardedClient:
    """Guard `own`, an object of `record`. What happens during a call is the engine's to judge, and not guarded."""

    def __init__(self, own: Client, record: PluginRecord) -> None:
        self._own = own
        self.record = record
        self.counts_by_asking = getattr(own, "counts_by_asking", False) is True
        for name in _UNGUARDED:
            if hasattr(own, name):
                setattr(self, name, getattr(own, name))

    def _failed(self, name: str, error: BaseException) -> PluginError:
        return broken(self.record, f"fails in `{name}`: {one_line(error)}")

    def _require_model(self, name: str, given: object) -> None:
        if not isinstance(given, ModelInfo):
            raise broken(self.record, f"returns {type(given).__name__} from `{name}`, not ModelInfo")
        if (problem := model_problem(given)) is not None:
            raise broken(self.record, f"returns from `{name}` {problem}")

    def info(self, model: str) -> ModelInfo:
        try:
            found = self._own.info(model)
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # not even its SystemExit may end a command
            raise self._failed("info", error) from error
        self._require_model("info", found)
        return found

    def models(self) -> Sequence[ModelInfo]:
        try:
            found = tuple(self._own.models())
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # see `info`
            raise self._failed("models", error) from error
        for each in found:
            self._require_model("models", each)
        return found

    def check_environment(self) -> None:
        """Raise TaskError if the client says that no request can be sent with what the environment has."""
        check = getattr(self._own, "check_environment", None)
        try:
            if check is not None:
                check()
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # see `info`
            raise self._failed("check_environment", error) from error

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        found = await self._own.estimate(request)
        if not isinstance(found, TokenEstimate) or not is_count(found.input_tokens):
            raise broken(self.record, f"returns {found!r:.60} from `estimate`, not a TokenEstimate of a whole number")
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
