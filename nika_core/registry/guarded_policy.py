"""A limit policy as the kernel asks it: failing to name its limits is an error, failing to admit is a refusal."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from nika_core import codes
from nika_core.errors import NikaError, UsageError
from nika_core.model.limits import Limit
from nika_core.plugin import Admission, Keyword, Policy, Refusal, Spending, Stage
from nika_core.registry.loading import one_line
from nika_core.registry.scan import PluginRecord

T = TypeVar("T")


class GuardedPolicy(Policy):
    """Guard `own`, an object of `record`. `decides`: it is asked about single tasks and calls, not only for limits."""

    def __init__(self, own: Policy, record: PluginRecord) -> None:
        self._own = own
        self.record = record
        asked = ("admit", "sending", "settle", "ended")
        self.decides = any(getattr(type(own), name, None) is not getattr(Policy, name) for name in asked)

    def limits(self, environ: Mapping[str, str]) -> tuple[Limit, ...]:
        """Return the policy's bounds, with its name. Raise UsageError."""
        return self._bounds(lambda: self._own.limits(environ))

    def keyword_limits(self, keyword: Keyword, environ: Mapping[str, str]) -> tuple[Limit, ...]:
        """Return the policy's bounds of a keyword, with its name. Raise UsageError."""
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
        """Return the policy's refusal, with a code. A policy that raises refuses."""
        try:
            refusal = self._own.admit(request)
            if refusal is not None and not isinstance(refusal, Refusal):
                raise TypeError(f"`admit` returns {type(refusal).__name__}, not Refusal or None")
            if refusal is not None and refusal.retry_after is not None and not _is_pause(refusal.retry_after):
                raise TypeError(f"`admit` asks to wait {refusal.retry_after!r} seconds")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # not even its SystemExit may end a run
            refusal = Refusal(self._failure(error), error.hint if isinstance(error, NikaError) else None)
        return None if refusal is None else replace(refusal, code=refusal.code or codes.POLICY_REFUSED)

    def stages(self, limits: Mapping[str, float]) -> frozenset[Stage]:
        """Return the stages at which the policy is asked. Raise UsageError."""
        if not self.decides:
            return frozenset()

        def ask() -> frozenset[Stage]:
            stages: Collection[Stage] = self._own.stages(limits)
            if isinstance(stages, str):  # a stage is a text, and a text a collection of letters
                raise TypeError("`stages` returns a text, not a collection of stages")
            return frozenset(Stage(stage) for stage in stages)

        return self._or_usage_error(ask)

    def sending(self, request: Admission) -> None:
        """Tell the policy that a call is about to be sent. Raises UsageError if the policy raises."""
        self._or_usage_error(lambda: self._own.sending(request))

    def settle(self, spending: Spending) -> None:
        """Tell the policy what a call has taken. Raises UsageError if the policy raises."""
        self._or_usage_error(lambda: self._own.settle(spending))

    def ended(self, spending: Spending) -> None:
        """Tell the policy what a run has taken. Raises UsageError if the policy raises."""
        self._or_usage_error(lambda: self._own.ended(spending))

    def left(self, request: Admission) -> Mapping[str, float]:
        """Return what is left of shared limits. Raise UsageError if the policy raises."""

        def ask() -> dict[str, float]:
            found = dict(self._own.left(request))
            if any(type(key) is not str or not isinstance(value, int | float) for key, value in found.items()):
                raise TypeError("`left` returns something else than numbers by measure")
            return found

        return self._or_usage_error(ask)

    def _or_usage_error(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # not even its SystemExit may end a run
            hint = error.hint if isinstance(error, NikaError) else None
            raise UsageError(
                self._failure(error),
                code=error.code if isinstance(error, NikaError) else codes.PLUGIN_BROKEN,
                hint=hint or f"upgrade or remove {self.record.distribution}",
            ) from error

    def _failure(self, error: BaseException) -> str:
        whose = f"the limit policy '{self.record.word}' ({self.record.origin})"
        if isinstance(error, NikaError):  # meant for the user
            return f"{whose}: {error.message}"
        return f"{whose} fails: {one_line(error)}"


def _is_pause(seconds: object) -> bool:
    return isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0
