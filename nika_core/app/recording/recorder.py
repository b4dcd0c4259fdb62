"""Recording a run: what every step and every call to a model was given and gave, written when the run has ended.

Nothing is written before: a secret that a step learns only later must be masked everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nika_core.app.recording.recording import Entry, recorded_entry, write_entries
from nika_core.app.recording.requests import Requests
from nika_core.app.recording.results import error_json, model_json, returned_json
from nika_core.app.recording.stand_ins import StandIns
from nika_core.app.recording.taped_caller import TapedCaller
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.ports import CallScope, ModelCaller
from nika_core.engine.task.outputs import fork
from nika_core.engine.task.tape import TapedContext
from nika_core.errors import TaskError
from nika_core.model.files import FileError
from nika_core.model.json import JsonObject
from nika_core.model.state import RunResult
from nika_core.plugin import Keyword, ModelReply, ModelRequest, WaitFor

_NAMED: Final = 5  # tasks that a message names


@dataclass
class _Kept:
    """One request of a step, or of a model that no step has called."""

    request: JsonObject
    run_id: str
    computed: bool = False
    gave: JsonObject | None = None
    calls: list[JsonObject] = field(default_factory=list)
    conversation: list[JsonObject] = field(default_factory=list)  # of the last call to a model


class Recorder:
    """A `Tape` that keeps. One run."""

    replays = False
    missing: list[str] = []  # noqa: RUF012  # nothing is ever added

    def __init__(self, directory: Path, workflow: str, requests: Requests, stand_ins: StandIns) -> None:
        """Prepare to record.

        Args:
            directory: where to.
            workflow: its name.
            stand_ins: in place of what tasks would do; of these nothing is kept.
        """
        self.directory = directory
        self._stand_ins = stand_ins
        self._workflow = workflow
        self._requests = requests
        self._kept: list[_Kept] = []
        self._open: dict[str, _Kept] = {}  # by the keys of calls, the steps that run
        self._last: dict[str, _Kept] = {}  # by the keys of calls, their last attempts

    async def step(
        self, call: TaskCall, keyword: Keyword, context: TapedContext, run: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Run the step, and keep what it was given and gave."""
        given = self._stand_ins.find(call.node)
        if given is not None:
            return given[0]
        request: JsonObject = fork(self._requests.of_step(call, keyword))
        kept = _Kept(request, call.run_id, keyword.in_place and not keyword.only_asks)
        self._kept.append(kept)
        self._open[call.key] = self._last[call.key] = kept
        try:
            returned = await run()
        finally:
            self._open.pop(call.key, None)
        if not isinstance(returned, WaitFor):
            kept.gave = fork(returned_json(returned))
        return returned

    def failed(self, call: TaskCall, error: TaskError) -> None:
        """Keep how the attempt failed, unless its step had returned."""
        kept = self._last.get(call.key)
        if kept is not None and kept.gave is None:
            kept.gave = fork(error_json(error))

    def tool_called(self, key: str, data: Mapping[str, Any], content: str) -> None:
        """Keep a call of a tool with the step that has made it."""
        kept = self._of(key)
        if kept is not None:
            call = {"tool": data["tool"], "arguments": fork(data["arguments"]), "gave": content}
            kept.calls.append({**call, "isError": True} if data["isError"] else call)

    def on(self, caller: ModelCaller) -> ModelCaller:
        """Return a caller whose calls go by way of this tape."""
        return TapedCaller(caller, self)

    async def complete(self, caller: ModelCaller, request: ModelRequest, call: CallScope) -> ModelReply:
        """Call a model, and keep what it was asked and gave."""
        reply = await caller.complete(request, call)
        self._model_called(request, call, reply)
        return reply

    def _model_called(self, request: ModelRequest, scope: CallScope, reply: ModelReply) -> None:
        """Keep a call to a model: with the step that has made it, else by itself."""
        asked: JsonObject = fork(self._requests.of_model(request, scope))
        gave = dict(model_json(reply))
        kept = self._of(scope.key)
        if kept is None:
            self._kept.append(_Kept(asked, scope.run_id, gave={"model": gave}))
            return
        given, messages = asked["given"], asked["given"].get("messages", [])
        before, kept.conversation = kept.conversation, messages
        if before and messages[: len(before)] == before:  # the turns of an agent: each says only what is new
            given = {"model": given.get("model"), "after": len(before), "messages": messages[len(before) :]}
        kept.calls.append({"model": gave.pop("model"), "digest": digest(asked["given"]), "given": given, "gave": gave})

    def _of(self, key: str) -> _Kept | None:
        """Return the attempt that a call belongs to: that of the step, or of the one that has it as a tool."""
        while key not in self._open:
            key, slash, _ = key.rpartition("/")
            if not slash:
                return None
        return self._open[key]

    def entries(self) -> list[Entry]:
        """Return what was kept, each request once, masked as it is now."""
        gave: dict[str, list[JsonObject]] = {}
        requests: dict[str, _Kept] = {}
        for kept in self._kept:
            if kept.gave is None:
                continue  # it waited for something outside, was cancelled, or never ended
            request = self._requests.hidden(kept.request, kept.run_id)
            result = self._requests.hidden({**kept.gave, **({"calls": kept.calls} if kept.calls else {})}, kept.run_id)
            key = digest(request)
            requests.setdefault(key, _Kept(request, kept.run_id, kept.computed))
            gave.setdefault(key, []).append(result)
        return [recorded_entry(kept.request, gave[key], computed=kept.computed) for key, kept in requests.items()]

    def gaps(self, result: RunResult) -> list[str]:
        """Say which tasks were reused and are not in the folder from an earlier life of the run, either."""
        missing = [
            task.id
            for task in result.tasks
            if task.reused and not any(True for _ in self.directory.glob(f"{task.id}[.-]*"))
        ]
        if not missing:
            return []
        named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else "")
        return [
            f"the recording in {self.directory} has nothing of {named}: reused, not run. To record all tasks, "
            f"record a new run, or resume from the first one: nika resume {result.run_id} --from {missing[0]} --record"
        ]

    def finish(self) -> str:
        """Write what was kept; return what the user should know if that fails, else ""."""
        try:
            write_entries(self.directory, self._workflow, self.entries())
        except (OSError, FileError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            return f"the recording could not be written to {self.directory}: {reason}"
        return ""
