"""What a step or a model is given, as JSON that people read: the same on every machine, and without secrets.

Its digest is the name under which the recording has what was given back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from nika_core.app.prepared_run import PreparedRun
from nika_core.app.run_folder import RunFolder
from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.ports import CallScope
from nika_core.model.codec import message_json
from nika_core.model.ids import definition_path
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message
from nika_core.model.workflow import AgentBlock, KeywordCategory
from nika_core.plugin import Keyword, ModelRequest

RUN_ID: Final = "<nika:run-id>"
RUN_FOLDER: Final = "<nika:run-folder>"
PROJECT: Final = "<nika:project>"
_BYTES: Final = ("image", "document")
_WITHOUT_TOOLS: Final = (KeywordCategory.TOOL, KeywordCategory.GROUP)


class Requests:
    """Makes the requests of one run."""

    def __init__(self, prepared: PreparedRun, folder: Callable[[], RunFolder]) -> None:
        """Prepare for a run.

        Args:
            folder: returns the folder of the run.
        """
        self._prepared = prepared
        self._folder = folder

    def of_step(self, call: TaskCall, keyword: Keyword) -> JsonObject:
        """Return what a step is given: all that decides what it does, and nothing that differs from run to run."""
        path = definition_path(call.node)
        given: dict[str, Any] = {"payload": dict(call.payload)}
        if call.output.format != "text":
            given["output"] = {"format": call.output.format} | (
                {"schema": call.output.schema} if call.output.schema else {}
            )
        if keyword.needs_provider:
            given["agent"] = _agent_json(call.agent)
        for name, entries in (
            ("allowedTools", call.allowed_tools),
            ("disallowedTools", call.disallowed_tools),
            ("askTools", call.ask_tools),
        ):
            if entries:
                given[name] = list(entries)
        if call.messages:
            given["conversation"] = [_message(message) for message in call.messages]
        tools = keyword.category not in _WITHOUT_TOOLS and (call.allowed_tools or call.agent.allowed_tools)
        names = call.sections if tools else [name for name in keyword.sections if name in call.sections]
        if names:
            given["sections"] = {name: call.sections[name] for name in names}
        if call.env and not keyword.in_place:
            given["env"] = dict(call.env)
        if files := self._files(path):
            given["files"] = files
        return {"task": path, "keyword": keyword.name, "given": given}

    def of_model(self, request: ModelRequest, scope: CallScope) -> JsonObject:
        """Return what a model is asked."""
        asked: dict[str, Any] = {
            "model": request.model or scope.agent.model,
            "system": request.system,
            "messages": [_message(message) for message in request.messages],
            "tools": [
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
                for tool in request.tools
            ],
            "maxTokens": request.max_tokens,
            "temperature": request.temperature,
            "outputSchema": request.output_schema,
            "effort": request.effort,
            "options": request.options,
            "fallback": list(request.fallback or ()),
        }
        given = {name: value for name, value in asked.items() if value not in (None, "", [], {})}
        return {"task": definition_path(scope.task_id), "keyword": "", "given": given}

    def _files(self, path: str) -> str:
        """Return a hash of the files that belong to a task; "" if there are none."""
        prepared, (*callers, task) = self._prepared, path.split("/")
        for caller in callers:
            inner = prepared.inner.get(caller)
            if inner is None:
                return ""
            prepared = inner
        return prepared.files.get(task, "")

    def hidden(self, value: Json, run_id: str) -> Any:
        """Return a value without secrets, and without what differs from run to run and from machine to machine."""
        return _replaced(self._prepared.masker.json(value), lambda text: self._hide(text, run_id))

    def shown(self, value: Json, run_id: str) -> Any:
        """Return a recorded value with the names of this run and of this machine."""

        def show(text: str) -> str:
            if "<nika:" not in text:
                return text
            if RUN_FOLDER in text:
                text = text.replace(RUN_FOLDER, self._folder().path())
            return text.replace(PROJECT, str(self._project)).replace(RUN_ID, run_id)

        return _replaced(value, show)

    def _hide(self, text: str, run_id: str) -> str:
        folder = self._folder().made
        if folder is not None and folder in text:
            text = text.replace(folder, RUN_FOLDER)
        if str(self._project) in text:
            text = self._in_project.sub(lambda _: PROJECT, text)
        return text.replace(run_id, RUN_ID) if run_id in text else text

    @cached_property
    def _project(self) -> Path:
        return self._prepared.workspace.project_folder.absolute()

    @cached_property
    def _in_project(self) -> re.Pattern[str]:
        folder = str(self._project)
        return re.compile(rf"(?<![\w./-]){re.escape(folder)}(?![\w-])") if len(folder) > 1 else re.compile(r"(?!)")


def _agent_json(agent: AgentBlock) -> JsonObject:
    found: dict[str, Any] = {
        "model": agent.model,
        "provider": agent.provider,
        "systemPrompt": agent.system_prompt,
        "maxTurns": agent.max_turns,
        "maxTokens": agent.max_tokens,
        "temperature": agent.temperature,
        "effort": agent.effort,
        "options": agent.options_json,
        "fallback": list(agent.fallback),
        "allowedTools": list(agent.allowed_tools or ()),
        "disallowedTools": list(agent.disallowed_tools),
        "askTools": list(agent.ask_tools),
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _message(message: Message) -> JsonObject:
    """Return a message; of files only their digests."""
    found = dict(message_json(message))
    if isinstance(found["content"], list):
        found["content"] = [_without_bytes(part) for part in found["content"]]
    return found


def _without_bytes(part: JsonObject) -> JsonObject:
    if part["type"] not in _BYTES:
        return part
    digest = hashlib.sha256(part["data"].encode()).hexdigest()
    return {**{name: value for name, value in part.items() if name != "data"}, "digest": digest}


def _replaced(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(str.__str__(value))
    if isinstance(value, Mapping):
        return {change(key): _replaced(item, change) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_replaced(item, change) for item in value]
    return value
