"""A task's call as JSON and back: what an executor on another machine is sent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from nika_core.engine.core.messages import InnerBudget, TaskCall
from nika_core.model.approval import ToolGrant
from nika_core.model.codec import message_json, message_of
from nika_core.model.ids import NodeId
from nika_core.model.json import JsonObject
from nika_core.model.late_values import LateLeaf
from nika_core.model.limits import Limit, Limits, Unit
from nika_core.model.workflow import AgentBlock, Mode, OutputSpec, Retry


def call_json(call: TaskCall) -> JsonObject:
    """Return a call as JSON: all that an attempt needs to know of its run. What is as usual is left out.

    A backend may keep it for each task of a long list, and read many at once: a third of the length is a third of that.
    """
    values = _whole_json(call)
    values["agent"] = _unusual(values["agent"], _USUAL["agent"])
    return _unusual(values, {**_USUAL, "agent": {}})


def _unusual(values: JsonObject, usual: JsonObject) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in usual or value != usual[name]}


def _whole_json(call: TaskCall) -> dict[str, Any]:
    values: dict[str, Any] = call._asdict()
    values["output"] = {"format": call.output.format, "schema": call.output.schema}
    values["retry"] = {"max": call.retry.max, "backoff": call.retry.backoff}
    values["allowed_tools"] = None if call.allowed_tools is None else list(call.allowed_tools)
    values["disallowed_tools"] = list(call.disallowed_tools)
    values["ask_tools"] = list(call.ask_tools)
    values["grants"] = [list(grant) for grant in call.grants]
    values["messages"] = [message_json(message) for message in call.messages]
    values["agent"] = {**asdict(call.agent), "mode": call.agent.mode.value}
    values["env"] = dict(call.env)
    values["sections"] = dict(call.sections)
    values["limits"] = [_limit_json(limit) for limit in call.limits]
    values["signals"] = dict(call.signals)
    values["deadlines"] = dict(call.deadlines)
    values["budgets"] = [budget._asdict() for budget in call.budgets]
    values["late"] = [leaf.as_json() for leaf in call.late]
    return values


def _limit_json(limit: Limit) -> JsonObject:
    values = {**asdict(limit), "unit": limit.unit.value}
    del values["purpose"]  # for people: an attempt has no use for it
    return values


def call_of(data: JsonObject) -> TaskCall:
    """Return the call that `call_json` wrote, now or in a version that left nothing out."""
    data = {**_USUAL, **data, "agent": {**_USUAL["agent"], **data.get("agent", {})}}
    values: dict[str, Any] = dict(data)
    values["node"] = NodeId(data["node"])
    values["output"] = OutputSpec(**data["output"])
    values["retry"] = Retry(**data["retry"])
    values["allowed_tools"] = _names(data["allowed_tools"])
    values["disallowed_tools"] = tuple(data["disallowed_tools"])
    values["ask_tools"] = tuple(data["ask_tools"])
    values["grants"] = tuple(ToolGrant(*grant) for grant in data["grants"])
    values["messages"] = tuple(message_of(message) for message in data["messages"])
    values["agent"] = agent_of(data["agent"])
    values["limits"] = Limits(Limit(**{**limit, "unit": Unit(limit["unit"])}) for limit in data["limits"])
    values["budgets"] = tuple(InnerBudget(**budget) for budget in data["budgets"])
    values["late"] = tuple(map(LateLeaf.of, data["late"]))
    return TaskCall(**values)


def agent_of(data: JsonObject) -> AgentBlock:
    """Return an agent block that was written as JSON."""
    values: dict[str, Any] = {**data, "mode": Mode(data["mode"])}
    values["allowed_tools"] = _names(data["allowed_tools"])
    values["disallowed_tools"] = tuple(data["disallowed_tools"])
    values["ask_tools"] = tuple(data["ask_tools"])
    values["fallback"] = tuple(data.get("fallback", ()))
    return AgentBlock(**values)


def _names(names: Any) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


_REQUIRED: Final = tuple(name for name in TaskCall._fields if name not in TaskCall._field_defaults)
_USUAL: Final[JsonObject] = {
    name: value
    for name, value in _whole_json(TaskCall(NodeId("usual"), "", 0, "", {})).items()
    if name not in _REQUIRED
}
