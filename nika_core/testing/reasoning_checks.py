"""Checks of a client whose models reason: an effort reaches the server, and reasoning goes back as it came, unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nika_core.errors import TaskError
from nika_core.model.effort import EFFORTS
from nika_core.model.message import Message, Role, ToolResultPart, ToolSpec
from nika_core.plugin import Client, ModelInfo, ModelRequest
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.fault_server import REASONING, FaultServer
from nika_core.testing.provider_checks import ABILITIES, in_time, read_stream, small_request
from nika_core.values import replace

_TOKENS: Final = 4096  # of an answer: room to think


async def check_efforts(
    client: Client, model: str, info: ModelInfo, tool: ToolSpec, server: FaultServer | None
) -> None:
    """Check that each effort of `info` makes a request of its own, and what comes of a reply that has reasoning.

    Args:
        tool: what the model may call.
        server: sees the requests, and answers those with an effort and tools with `REASONING`; None: not looked at.

    Raises:
        NotConformant: with the effort.
    """
    for effort in info.efforts:
        require(effort in EFFORTS, ABILITIES, f"`efforts` has {effort!r}; there are {', '.join(EFFORTS)}")
    sent: dict[str, str] = {}
    for effort in ("", *info.efforts) if info.efforts else ():
        request = small_request(model, max_tokens=_TOKENS, effort=effort or None)
        try:
            await in_time(read_stream(client, request), ABILITIES)
        except TaskError as error:
            raise NotConformant(ABILITIES, f"it says `efforts`, and refuses {effort!r}: {error.message}") from error
        if server is not None:
            body = json.dumps(_last_body(server), sort_keys=True)
            same = sent.setdefault(body, effort or "none")
            require(same == (effort or "none"), ABILITIES, f"it sends the same for the efforts {same} and {effort}")
    if server is not None and info.efforts and info.tools:
        await _check_reasoning(client, small_request(model, max_tokens=_TOKENS, tools=(tool,)), info, server)


async def _check_reasoning(client: Client, request: ModelRequest, info: ModelInfo, server: FaultServer) -> None:
    request = replace(request, effort=info.efforts[-1])
    texts, end = await in_time(read_stream(client, request), ABILITIES)
    if REASONING.encode() not in b"".join(server.answers[-1].parts):
        return  # a wire without any
    require(REASONING not in "".join(texts), ABILITIES, "it shows what the model thinks as a part of the answer")
    require(bool(end.tool_calls), ABILITIES, "a call after what the model thinks is lost")
    results = [Message(Role.TOOL, [ToolResultPart(call.id, "sunny")]) for call in end.tool_calls]
    following = (*request.messages, Message(Role.ASSISTANT, end.parts), *results)
    await in_time(read_stream(client, replace(request, messages=following)), ABILITIES)
    require(
        REASONING in json.dumps(_last_body(server), ensure_ascii=False),
        ABILITIES,
        "what the model thinks before it calls a tool does not go back with the tool's result: yield it in "
        "`Finished.parts`, and send the `ReasoningPart` of a message",
    )


def _last_body(server: FaultServer) -> Mapping[str, Any]:
    return next((request.body for request in reversed(server.requests) if request.method == "POST"), {})
