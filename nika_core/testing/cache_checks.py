"""Checks of a client that asks its provider to cache prompts."""

from __future__ import annotations

import json
from typing import Final

from nika_core.errors import TaskError
from nika_core.model.message import ToolSpec
from nika_core.plugin import Client, ModelInfo
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.fault_server import FaultServer
from nika_core.testing.provider_checks import ABILITIES, in_time, read_stream, small_request

_SYSTEM: Final = "You answer in one word. " * 200


async def check_prompt_cache(
    client: Client, model: str, info: ModelInfo, tool: ToolSpec, server: FaultServer | None
) -> None:
    """Check that a request which is to be cached says so, and is the same bytes each time.

    Args:
        tool: what the model may call.
        server: sees the requests; None: not looked at.

    Raises:
        NotConformant: with what was sent.
    """
    if not info.prompt_cache:
        return
    sent: list[str] = []
    for cache_prompt in (False, True, True):
        tools = (tool,) if info.tools else ()
        request = small_request(model, system=_SYSTEM, tools=tools, cache_prompt=cache_prompt)
        try:
            await in_time(read_stream(client, request), ABILITIES)
        except TaskError as error:
            message = f"it says `prompt_cache`, and refuses {cache_prompt}: {error.message}"
            raise NotConformant(ABILITIES, message) from error
        if server is not None:
            sent.append(json.dumps(next(each.body for each in reversed(server.requests) if each.method == "POST")))
    if sent:
        require(sent[0] != sent[1], ABILITIES, "it says `prompt_cache`, and does not ask for it")
        require(sent[1] == sent[2], ABILITIES, "the same request is not the same bytes twice: no cache can hold it")
