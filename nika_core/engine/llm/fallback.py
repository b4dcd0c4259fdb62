"""The chain of models that one call may go to: which they are, and when the next one is asked.

The chain is gone through within one attempt of the task. Where an attempt was given a reply, its later calls begin: the
model that answered goes on. The next attempt begins with the first model again, but for one that hung until the task's
time was over. While a reply of a reasoning model waits for the results of its tools, nobody else is asked: its state
means nothing to another model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from nika_core.engine.llm.breaker import Breaker
from nika_core.engine.llm.connections import Connection
from nika_core.errors import Category, TaskError
from nika_core.model.json import JsonObject
from nika_core.model.json_text import json_instruction
from nika_core.model.message import ReasoningPart, ToolCall, kinds_of
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import ModelInfo, ModelRequest
from nika_core.values import dataclass, replace

_GONE: Final = frozenset({Category.NETWORK, Category.RATE_LIMIT, Category.TIMEOUT, Category.CIRCUIT_OPEN})
_WHY: Final = {
    Category.NETWORK: "cannot be reached",
    Category.RATE_LIMIT: "has had too many requests",
    Category.TIMEOUT: "did not answer in time",
    Category.CIRCUIT_OPEN: "is not called for now",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that a call may go to. `name` is that of the call to this model, in its task's call cache."""

    connection: Connection
    info: ModelInfo
    breaker: Breaker
    request: ModelRequest
    name: str


class Progress:
    """How far each task is in its chains. One event loop."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, int, tuple[str, ...]], int] = {}
        self._hung: dict[tuple[str, tuple[str, ...]], int] = {}

    def first(self, key: str, attempt: int, chain: tuple[str, ...]) -> int:
        """Return the place in its chain of the model that a task's next call goes to."""
        return max(self._answered.get((key, attempt, chain), 0), self._hung.get((key, chain), 0))

    def answered(self, key: str, attempt: int, chain: tuple[str, ...], place: int) -> None:
        """Keep which model answered: the rest of the attempt is its own."""
        if place:
            self._answered[key, attempt, chain] = place

    def hung(self, key: str, chain: tuple[str, ...], place: int) -> None:
        """Keep that a model was silent until the task's time was over: the next attempt asks the one after it."""
        self._hung[key, chain] = place + 1


def chain_of(request: ModelRequest, agent: AgentBlock) -> tuple[str, ...]:
    """Return the names of the models in the order in which they are asked; empty if none is named."""
    model = request.model or agent.model
    if not model:
        return ()
    fallback = request.fallback
    if fallback is None:
        fallback = () if request.model else agent.fallback
    return (model, *fallback)


def options_of(request: ModelRequest, agent: AgentBlock) -> JsonObject:
    """Return the options as the workflow has them: they belong to the model that is named beside them."""
    own = request.options or {}
    return own if request.model or not agent.options_json else {**json.loads(agent.options_json), **own}


def holds_state(request: ModelRequest) -> bool:
    """Return whether a model has called tools with reasoning that only it can read."""
    return ReasoningPart in kinds_of(request.messages) and any(
        ToolCall in message.kinds and ReasoningPart in message.kinds for message in request.messages
    )


def in_words(request: ModelRequest, info: ModelInfo) -> ModelRequest:
    """Return a request for JSON in a schema as words, for a fallback that has no way of its own to answer so."""
    schema = request.output_schema
    if schema is None or info.json_schema:
        return request
    words = json_instruction(schema)
    if words in (request.system or ""):
        return replace(request, output_schema=None)
    return replace(request, output_schema=None, system="\n\n".join(filter(None, [request.system, words])))


def is_gone(error: TaskError, *, batch: bool) -> bool:
    """Return whether a failure speaks of a model that cannot answer now, not of the request.

    Args:
        batch: it was to go into a batch, which may have arrived all the same: only a refusal is clear.
    """
    if batch:
        return error.category in {Category.RATE_LIMIT, Category.CIRCUIT_OPEN}
    return error.category in _GONE or (error.category is Category.PROVIDER and error.retriable)


def notice_of(failed: Candidate, error: TaskError, following: Candidate) -> str:
    """Return what the user is told when the next model is asked."""
    why = _WHY.get(error.category, "failed")
    if error.category is Category.CIRCUIT_OPEN:
        return f"The model '{failed.info.name}' {why}: '{following.info.name}' is asked instead."
    return f"The model '{failed.info.name}' {why}, and '{following.info.name}' is asked instead: {error.message}"


def none_answered(failures: Sequence[tuple[str, TaskError]]) -> TaskError:
    """Return the one error of a chain: that of the first model which may answer another time, with all the others'."""
    if len(failures) == 1:
        return failures[0][1]
    retried = [error for _, error in failures if error.category.retried and error.retriable]
    chief = retried[0] if retried else failures[0][1]
    told = "; ".join(f"{model}: {error.message}" for model, error in failures)
    return TaskError(
        f"None of the {len(failures)} models that were asked has answered. {told}",
        category=chief.category,
        code=chief.code,
        hint=chief.hint,
        retry_after=min((error.retry_after or 0.0 for error in retried), default=None) or None,
        retriable=bool(retried),
        output=next((error.output for _, error in reversed(failures) if error.output is not None), None),
    )
