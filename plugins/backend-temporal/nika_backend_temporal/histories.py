"""What the histories of a run say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowHistoryEventFilterType
from temporalio.service import RPCError, RPCStatusCode

from nika_core.plugin import JsonObject, UsageError


async def definition_in(client: Client, handle: WorkflowHandle[Any, Any]) -> JsonObject:
    """Return the definition of a run. Raise UsageError if it is not there."""
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        [start] = await client.data_converter.decode(payloads)
        definition: JsonObject = start["definition"]
        return definition
    raise UsageError(f"the run {handle.id} has no history")


async def earlier_histories(client: Client, description: Any) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """Yield the histories that a run has filled, from the first; none if the server has removed it."""
    next_id = description.raw_description.workflow_execution_info.first_run_id
    closing = WorkflowHistoryEventFilterType.CLOSE_EVENT
    while next_id and next_id != description.run_id:
        handle = client.get_workflow_handle(description.id, run_id=next_id)
        next_id = ""
        try:
            async for event in handle.fetch_history_events(event_filter_type=closing):
                next_id = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return
        yield handle
