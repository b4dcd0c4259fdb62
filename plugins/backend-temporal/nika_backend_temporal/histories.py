"""What the history of a run begins with."""

from __future__ import annotations

from typing import Any

from temporalio.client import Client, WorkflowHandle

from nika_core.plugin import JsonObject, UsageError


async def definition_in(client: Client, handle: WorkflowHandle[Any, Any]) -> JsonObject:
    """Return the definition of a run. Raise UsageError if it is not there."""
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        [start] = await client.data_converter.decode(payloads)
        definition: JsonObject = start["definition"]
        return definition
    raise UsageError(f"the run {handle.id} has no history")
