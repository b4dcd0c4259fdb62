"""Hashes of definitions, payloads and conversations: they decide whether a finished task is reused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from nika_core.model.codec import message_json
from nika_core.model.json import JsonObject
from nika_core.model.late_values import late_leaves
from nika_core.model.message import Message
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock, Task

if TYPE_CHECKING:
    from nika_core.engine.core.run_plan import Item

_SIZE: Final = 16  # bytes
_ITEMS: Final = 64  # of a list that are encoded at once
SAME: Final = "="  # the hash of a payload that is what its definition says, letter for letter


def _plain(value: Any) -> Any:
    """Turn what is not JSON by itself into it: templates, read-only mappings; anything else counts as its text."""
    if isinstance(value, Template):
        return [value.text]
    return dict(value) if isinstance(value, Mapping) else str(value)


_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain).encode


def digest(value: Any) -> str:
    """Return 32 hexadecimal digits for any JSON value; any other value counts as its text."""
    return blake2b(_encode(value).encode("utf-8", "surrogatepass"), digest_size=_SIZE).hexdigest()


def list_hash(items: Sequence[Item]) -> str:
    """Return the same of a list's items and their keys, a few at a time: all of them may be far larger than one."""
    found = blake2b(digest_size=_SIZE)
    for start in range(0, len(items), _ITEMS):
        some = [[item.value, item.key] for item in items[start : start + _ITEMS]]
        found.update(_encode(some).encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def _text_of(task: Task) -> str | None:
    """Return most definitions, texts, as one unambiguous text, in half the time of JSON; None: it is not so."""
    keyword = task.keyword
    text = f"{len(keyword)}:{keyword}"
    payload = task.payload
    for key in sorted(payload) if len(payload) > 1 else payload:
        value = payload[key]
        if type(value) is Template:
            value = value.text
            key += "{}"
        elif type(value) is not str:
            return None
        text = f"{text}{len(key)}:{key}{len(value)}:{value}"
    return text


def definition_hash(
    task: Task, agent: AgentBlock | None = None, files: str = "", sections: JsonObject | None = None
) -> str:
    """Hash what the author says the task is. `agent`: if the keyword needs a provider; `files`: a hash of those that
    belong to it; `sections`, the workflow's that it may use, e.g. the servers of `mcpServers`.

    Timeouts, retries and error rules are not in it: they change when a task fails, not what it yields when it
    succeeds, and raising a timeout to fix a run must not make its other tasks cost again.
    """
    output = task.output
    plain = output.format == "text" and task.allowed_tools is None and not (task.disallowed_tools or task.ask_tools)
    if plain and agent is None and not files and not sections and (text := _text_of(task)) is not None:
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_SIZE).hexdigest()
    found: list[Any] = [task.keyword, task.payload]
    if not plain:
        found += [output.format, output.schema, task.allowed_tools, task.disallowed_tools]
        found += [["askTools", task.ask_tools]] if task.ask_tools else []
    if agent is not None:
        found += [agent.model, agent.provider, agent.system_prompt, agent.max_turns, agent.max_tokens]
        found += [agent.temperature, agent.allowed_tools, agent.disallowed_tools]
        found += [["askTools", agent.ask_tools]] if agent.ask_tools else []
        if agent.fallback:
            found.append(["fallback", agent.fallback])
        if agent.options_json:
            found.append(["options", agent.options_json])
        if agent.effort is not None:
            found.append(["effort", agent.effort])
    if files:
        found.append(files)
    if sections:
        found.append(["sections", sections])
    return digest(found)


def payload_hash(payload: Any, written: Any, conversation: Sequence[str] = ()) -> str:
    """Hash what the task was really given: its resolved payload and the conversation that it saw.

    A secret counts by its name: its value is not known here, and belongs in no hash.

    Args:
        written: the payload as its author wrote it. Where nothing was put into it, its definition says it all.
    """
    if payload == written:
        return digest(conversation) if conversation else SAME
    if late := late_leaves(payload):
        payload = [payload, [leaf.as_json() for leaf in late]]
    return digest([payload, *conversation] if conversation else payload)


def messages_hash(messages: Iterable[Message]) -> str:
    """Hash what one task added to the main conversation."""
    return digest([message_json(message) for message in messages])
