"""Tool calls that wait for a person: all that one step makes at once are one question, and each answer is for one call.

A call is known by the idempotency key that it is made with, and so by its tool, its arguments, and how often the same
one was made before. What a question was about is kept in the call cache; the answer comes as a signal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import TaskCall, Wait
from nika_core.engine.core.ports import Suspended
from nika_core.engine.task.questions import checked_question, checked_reply
from nika_core.engine.task.services import BoundKeyword, TaskServices
from nika_core.engine.task.waits import checked_wait
from nika_core.model.approval import ALWAYS, YES, CallToApprove, ToolGrant, approval_question
from nika_core.model.json import Json
from nika_core.model.question import question_json
from nika_core.plugin import WaitFor

_PREFIX: Final = "approval"
_YES: Final = (YES, ALWAYS)


class Asker(Protocol):
    """The context of a step whose tool calls are asked about."""

    task_call: TaskCall
    task_id: str
    key: str
    keyword: BoundKeyword
    signals: Mapping[str, Json]
    max_json_depth: int


class PendingCall(NamedTuple):
    """A call without an answer: what a person is shown, and the names under which its answer is looked for."""

    shown: CallToApprove
    key: str
    call: str

    @property
    def id(self) -> str:
        """The call's idempotency key."""
        return f"{self.key}/{self.call}"


class ApprovalNeeded(Suspended):
    """A step cannot go on before a person has said what may be called."""

    def __init__(self, wait: Wait, calls: Sequence[PendingCall]) -> None:
        super().__init__(wait)
        self.calls = tuple(calls)


class Approvals:
    """The calls of one step that a person is asked about. The step waits only once all its other calls have ended."""

    def __init__(self, services: TaskServices, context: Asker) -> None:
        self._services = services
        self._context = context
        self._pending: dict[str, PendingCall] = {}
        self._other: Suspended | None = None  # what a tool waits for, and no approval
        self._busy = 0
        self._idle = asyncio.Event()
        self.raised: Suspended | None = None

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a call as one that is being made."""
        self._busy += 1
        try:
            yield
        finally:
            self._done()

    async def approved(self, call: CallToApprove, name: str) -> bool:
        """Return whether a person has said yes to a call. Raise Suspended if nobody has said anything yet.

        Args:
            name: the call's name in the call cache.
        """
        context, services = self._context, self._services
        if services.answer is not None:
            asked = checked_question(
                approval_question([call]), services.reporter, context.max_json_depth, context.keyword.spec.name
            )
            given = services.answer(context.task_id, asked)
            answer = checked_reply(asked, given, context.max_json_depth, context.keyword.spec.name)
            return isinstance(answer, Mapping) and answer.get("answer") in _YES
        kept: Any = services.call_cache.get(context.key, f"{_PREFIX}/{name}")
        if isinstance(kept, dict) and kept.get("wait") in context.signals:
            answer = context.signals[kept["wait"]]
            field = str(kept.get("field"))
            if isinstance(answer, Mapping) and field in answer:
                return answer[field] in _YES
        # A no to this very call counts more, and what was asked before may have one that the run has not taken yet.
        if kept is None and call.grantable and ToolGrant(call.tool, call.rule) in context.task_call.grants:
            return True
        return await self.wait(PendingCall(call, context.key, name))

    async def wait(self, needed: PendingCall | Suspended) -> NoReturn:
        """Raise Suspended for all that this step waits for, once nothing else of it is under way."""
        if isinstance(needed, ApprovalNeeded):
            self._pending |= {call.id: call for call in needed.calls}
        elif isinstance(needed, Suspended):
            self._other = self._other or needed
        else:
            self._pending[needed.id] = needed
        self._done()
        try:
            await asyncio.sleep(0)  # what is called at once is asked about at once
            while self._busy:
                self._idle.clear()
                await self._idle.wait()
            if self.raised is None:
                self.raised = self._other or await self._all()
            raise self.raised
        finally:
            self._busy += 1  # it is still under way for whoever counts it

    def _done(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._idle.set()

    async def _all(self) -> ApprovalNeeded:
        """Return one question about all calls, whose place in it is kept for when they are made again."""
        context, services = self._context, self._services
        word, depth = context.keyword.spec.name, context.max_json_depth
        calls = list(self._pending.values())
        key = digest(sorted([call.id, call.shown.rule] for call in calls))
        asked = checked_question(approval_question([call.shown for call in calls]), services.reporter, depth, word)
        for field, call in zip(asked.form or {}, calls, strict=True):
            services.call_cache.put(call.key, f"{_PREFIX}/{call.call}", {"wait": key, "field": field})
        await services.reporter.barrier()
        patience = None if services.attended else 0.0
        wanted = WaitFor(key, {**question_json(asked), "digest": key}, patience=patience)
        wait = checked_wait(wanted, None, services.clock.time(), depth, f"keyword `{word}`")
        return ApprovalNeeded(wait, calls)
