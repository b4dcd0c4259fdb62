"""Replaying: steps and models give what was recorded, or what a test says, and nothing is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from nika_core import codes
from nika_core.app.mocked_answers import MockedAnswers
from nika_core.app.recording.recording import Recording, difference
from nika_core.app.recording.requests import Requests
from nika_core.app.recording.results import recorded_reply, replay_calls, returned_of
from nika_core.app.recording.stand_ins import StandIns
from nika_core.app.recording.taped_caller import TapedCaller
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.ports import CallScope, ModelCaller
from nika_core.engine.task.tape import TapedContext
from nika_core.errors import Category, TaskError
from nika_core.model.json import JsonObject
from nika_core.model.state import RunResult
from nika_core.plugin import Keyword, ModelReply, ModelRequest

_NUMBERS: Final = re.compile(r"\[\d+\]|@\d+")  # of items and rounds, in the id of a node


class Replayer:
    """A `Tape` that plays. One run."""

    replays = True

    @property
    def missing(self) -> list[str]:
        """What was asked for and was not recorded: once for each task, however many of its items or rounds asked."""
        return [
            message.replace("` asks for", f"` and {len(nodes)} more of the same task ask for", 1) if nodes else message
            for message, *nodes in self._missing.values()
        ]

    def __init__(
        self,
        recording: Recording | None,
        stand_ins: StandIns,
        requests: Requests,
        answers: MockedAnswers | None,
    ) -> None:
        """Prepare to play.

        Args:
            recording: None: what no output is given for plays its part as in a mocked run.
            stand_ins: in place of what tasks would do.
            answers: to questions; what none of them answers is answered as it was recorded.
        """
        self._recording = recording
        self._stand_ins = stand_ins
        self._requests = requests
        self._answers = answers
        self._asked: Counter[str] = Counter()
        self._missing: dict[str, list[str]] = {}  # the nodes of each task, the first one's message in front

    async def step(
        self, call: TaskCall, keyword: Keyword, context: TapedContext, run: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Return what a step gave when it was recorded. Raise what it raised, or TaskError."""
        given = self._stand_ins.find(call.node)
        if given is not None:
            return given[0]
        if keyword.in_place and not keyword.only_asks:  # it only computes
            return await run()
        if keyword.only_asks and self._answers is not None and self._answers.has(call.node):
            return await run()
        if self._recording is None:
            return await run()
        found = self._entry(call, keyword)
        if found is not None:
            replay_calls(found.get("calls", ()), context)
            return returned_of(found)
        if keyword.only_asks:
            return await run()  # which says that there is no answer
        raise self._unknown(call.node, self._request(call, keyword))

    def failed(self, call: TaskCall, error: TaskError) -> None:
        """Do nothing: it is known."""

    def tool_called(self, key: str, data: Mapping[str, Any], content: str) -> None:
        """Do nothing: it is known."""

    def on(self, caller: ModelCaller) -> ModelCaller:
        """Return a caller whose calls go by way of this tape."""
        return TapedCaller(caller, self)

    async def complete(self, caller: ModelCaller, request: ModelRequest, call: CallScope) -> ModelReply:
        """Return the recorded reply to a call that no step makes. Raise TaskError."""
        if self._recording is None:
            return await caller.complete(request, call)
        asked = self._requests.hidden(self._requests.of_model(request, call), call.run_id)
        found = self._take(asked, call.run_id)
        if found is None:
            raise self._unknown(call.task_id, asked)
        reply = recorded_reply(found["model"])
        call.on_usage(reply.usage)
        return reply

    def gaps(self, result: RunResult) -> tuple[str, ...]:
        """Return nothing: it records nothing."""
        return ()

    def finish(self) -> str:
        """Return "": there is nothing to write."""
        return ""

    def _request(self, call: TaskCall, keyword: Keyword) -> JsonObject:
        request: JsonObject = self._requests.hidden(self._requests.of_step(call, keyword), call.run_id)
        return request

    def _entry(self, call: TaskCall, keyword: Keyword) -> JsonObject | None:
        return self._take(self._request(call, keyword), call.run_id)

    def _take(self, request: JsonObject, run_id: str) -> JsonObject | None:
        """Return what was given back when it was asked for as often; None: it was not."""
        entry = None if self._recording is None else self._recording.find(request)
        if entry is None:
            return None
        key = digest(request)
        number = self._asked[key]
        self._asked[key] += 1
        if number >= len(entry.gave):
            return None
        found: JsonObject = self._requests.shown(entry.gave[number], run_id)
        return found

    def _unknown(self, node: str, request: JsonObject) -> TaskError:
        """Return the error for a request that was not recorded, with the nearest one that was."""
        recording = self._recording
        assert recording is not None
        message = f"`{node}` asks for what the recording in {recording.path} does not have"
        known = self._missing.setdefault(_NUMBERS.sub("", node), [])
        if known:  # of a long list that has changed, the nearest of one item says enough
            known.append(node)
            return self._error(f"{message}, as another one of its task does")
        near = recording.nearest(request)
        if near is not None and near.digest == digest(request):
            message += f": it was asked {len(near.gave)} times when it was recorded ({near.name}), and is asked again"
        elif near is not None:
            message += f"; the nearest that it has is {near.name}:\n{difference(near.request, request)}"
        else:
            message += f"; it has nothing of the keyword `{request['keyword']}`" if request["keyword"] else ""
        known.append(message)
        return self._error(message)

    def _error(self, message: str) -> TaskError:
        hint = "if the change is meant, record again: nika run --record DIR, or nika test --update"
        return TaskError(message, category=Category.CONFIG, code=codes.NOT_RECORDED, hint=hint, retriable=False)
