"""A question to the main agent as JSON and back: what a worker on another machine is sent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nika_core.engine.core.calls import agent_of
from nika_core.engine.core.messages import AskDecision, InnerBudget
from nika_core.model.codec import failure_of
from nika_core.model.ids import NodeId
from nika_core.model.json import JsonObject


def decision_json(command: AskDecision) -> JsonObject:
    """Return the command as JSON, without the budgets of the workflows around it."""
    return {
        "node": command.node,
        "epoch": command.epoch,
        "failure": command.failure.as_json(),
        "mayRetry": command.may_retry,
        "about": command.about,
        "agent": {**asdict(command.agent), "mode": command.agent.mode.value},
        "identity": command.identity,
    }


def decision_of(data: JsonObject, budgets: tuple[InnerBudget, ...] = ()) -> AskDecision:
    """Return the command that `decision_json` wrote."""
    about: Any = data["about"]
    return AskDecision(
        NodeId(data["node"]),
        data["epoch"],
        failure_of(data["failure"]),
        data["mayRetry"],
        about,
        agent_of(data["agent"]),
        data["identity"],
        budgets,
    )
