"""A limit policy as the kernel asks it: failing to name its bounds is an error, failing to admit is a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from nika_core import codes
from nika_core.errors import NikaError, UsageError
from nika_core.model.limits import Limit
from nika_core.plugin import Admission, Keyword, Policy, Refusal
from nika_core.registry.loading import one_line
from nika_core.registry.scan import PluginRecord


class GuardedPolicy(Policy):
    """Guard `own`, an object of `record`. `admits`: it decides about single tasks and calls, not only sets limits."""

    def __init__(self, own: Policy, record: PluginRecord) -> None:
        self._own = own
        self.record = record
        self.admits = type(own).admit is not Policy.admit

    def limits(self, environ: Mapping[str, str]) -> tuple[Limit, ...]:
        """The policy's bounds, with its name. Raises UsageError."""
        return self._bounds(lambda: self._own.limits(environ))

    def keyword_limits(self, keyword: Keyword, environ: Mapping[str, str]) -> tuple[Limit, ...]:
        """The policy's bounds of a keyword, with its name. Raises UsageError."""
        return self._bounds(lambda: self._own.keyword_limits(keyword, environ))

    def _bounds(self, ask: Callable[[], Iterable[Limit]]) -> tuple[Limit, ...]:
        try:
            return tuple(replace(limit, policy=self.record.word) for limit in ask())
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # not even its SystemExit may end a command
            raise UsageError(
                self._failure(error), code=codes.PLUGIN_BROKEN, hint=f"upgrade or remove {self.record.distribution}"
            ) from error

    def admit(self, request: Admission) -> Refusal | None:
        """The policy's refusal, with a code. A policy that raises refuses."""
        try:
            refusal = self._own.admit(request)
            if refusal is not None and not isinstance(refusal, Refusal):
                raise TypeError(f"`admit` returns {type(refusal).__name__}, not Refusal or None")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # not even its SystemExit may end a run
            refusal = Refusal(self._failure(error))
        return None if refusal is None else replace(refusal, code=refusal.code or codes.POLICY_REFUSED)

    def _failure(self, error: BaseException) -> str:
        return f"the limit policy '{self.record.word}' ({self.record.origin}) fails: {one_line(error)}"
