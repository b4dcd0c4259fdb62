"""Whether a run was as expected, and what differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any, Final

from nika_core.app.cases.json_paths import PathError, at_path
from nika_core.errors import TaskError
from nika_core.model.bounded import shorten
from nika_core.model.cases import Expectation, Expects
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json
from nika_core.model.state import Failure, RunResult, TaskResult
from nika_core.model.usage import Usage, money_text
from nika_core.template import to_text
from nika_core.template.json_check import value_problems
from nika_core.values import dataclass

_SHOWN: Final = 400  # characters of a value in a message
_LINES: Final = 40  # of a difference


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that a run did not meet.

    Attributes:
        expectation: which.
        message: what was found.
        diff: what differs, as lines with `-` (expected) and `+` (found); "": nothing to show.
    """

    expectation: Expectation
    message: str
    diff: str = ""


class CaseRun:
    """A run that has ended, with its events."""

    def __init__(self, result: RunResult, events: Sequence[Event]) -> None:
        self.result = result
        self._events = events

    def unmet(self, expectation: Expectation) -> Unmet | None:
        """Return what is not as expected; None: it is. What `judge` asks is not looked at here."""
        task: TaskResult | None = None
        if expectation.task is not None:
            try:
                task = self.result.task(expectation.task)
            except LookupError:
                return Unmet(expectation, f"the run has no `{expectation.task}`")
        met, found, diff = _CHECKS[expectation.about](self, expectation, task)
        if met is not expectation.negated:
            return None
        return Unmet(expectation, found, "" if expectation.negated else diff)

    def value(self, expectation: Expectation) -> tuple[Json] | str:
        """Return the output that an expectation is about, as a tuple; or why there is none, as a text."""
        result: RunResult | TaskResult = self.result
        if expectation.task is not None:
            result = self.result.task(expectation.task)
        if not result.has_output:
            state = self.result.status.value if isinstance(result, RunResult) else result.state
            why = f": {shorten(result.failure.message, _SHOWN)}" if result.failure is not None else ""
            return f"there is no output, it is {state}{why}"
        try:
            return (at_path(result.output, expectation.path),)
        except PathError as error:
            return str(error)

    def called(self, kind: str, task: str | None) -> Iterator[Mapping[str, Any]]:
        """Yield the data of the calls of one kind, in order: of the whole run, or of a node and what is inside it."""
        for event in self._events:
            if event.kind == kind and (task is None or _belongs(event.task, task)):
                yield event.data

    def started(self) -> list[str]:
        """Return the nodes in the order in which they began."""
        found = [event.task for event in self._events if event.kind == EventKind.TASK_STARTED and event.task]
        return list(dict.fromkeys(found))


def _belongs(node: str | None, task: str) -> bool:
    return node is not None and node.startswith(task) and (node == task or node[len(task)] in "[@/")


_Found = tuple[bool, str, str]  # whether it is so, what was found, and the difference


def _status(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    status = run.result.status.value
    failed = [each for each in run.result.tasks if each.failure is not None]
    why = f" (`{failed[0].id}`: {_first_line(failed[0].failure)})" if failed and failed[0].failure is not None else ""
    return status == expectation.value, f"the run is {status}{why}", ""


def _state(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    assert task is not None
    why = f" ({_first_line(task.failure)})" if task.failure is not None else ""
    why = f" ({task.skip_reason.value})" if task.skip_reason is not None else why
    return task.state == expectation.value, f"`{task.id}` is {task.state}{why}", ""


def _skipped(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    assert task is not None
    reason = None if task.skip_reason is None else task.skip_reason.value
    met = task.state == "skipped" and expectation.value in (True, reason)
    return met, f"`{task.id}` is {task.state}{f' ({reason})' if reason else ''}", ""


def _order(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    started = [node for node in run.started() if node in expectation.value]
    missing = [node for node in expectation.value if node not in started]
    found = f"{', '.join(missing)} did not start" if missing else f"they started as {', '.join(started)}"
    return started == expectation.value, found, ""


def _error(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    assert task is not None
    if task.failure is None:
        return False, f"`{task.id}` did not fail, it is {task.state}", ""
    text = f"{task.failure.code} {task.failure.category.value}: {task.failure.message}"
    return expectation.value in text, f"it failed with {shorten(text, _SHOWN)}", ""


def _exists(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    value = run.value(expectation)
    return not isinstance(value, str), value if isinstance(value, str) else _shown(value[0]), ""


def _equals(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    value = run.value(expectation)
    if isinstance(value, str):
        return False, value, ""
    met = _same(value[0], expectation.value)
    return met, f"it is {_shown(value[0])}", "" if met else difference_of(expectation.value, value[0])


def _contains(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    value = run.value(expectation)
    if isinstance(value, str):
        return False, value, ""
    return expectation.value in to_text(value[0]), f"it is {_shown(value[0])}", ""


def _schema(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    value = run.value(expectation)
    if isinstance(value, str):
        return False, value, ""
    try:
        problems = value_problems(value[0], expectation.value)
    except TaskError as error:
        return expectation.negated, error.message, ""
    return not problems, "; ".join(problems) or "it fits the schema", ""


def _usage(run: CaseRun, task: TaskResult | None) -> Usage:
    return run.result.usage if task is None else task.usage


def _cost(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    usage = _usage(run, task)
    unpriced = f", without what {', '.join(usage.unpriced)} cost" if usage.unpriced else ""
    found = f"it cost {money_text(usage.cost_usd)}{unpriced}, expected {expectation.value}"
    return expectation.value.hold(float(usage.cost_usd)), found, ""


def _tokens(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    tokens = _usage(run, task).total_tokens
    return expectation.value.hold(tokens), f"it took {tokens} tokens, expected {expectation.value}", ""


def _calls(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    calls = sum(1 for _ in run.called(EventKind.MODEL_CALLED, expectation.task))
    return expectation.value.hold(calls), f"models were called {calls} times, expected {expectation.value}", ""


def _tools(run: CaseRun, expectation: Expectation, task: TaskResult | None) -> _Found:
    tools = [str(data["tool"]) for data in run.called(EventKind.TOOL_CALLED, expectation.task)]
    diff = "" if tools == expectation.value else difference_of(expectation.value, tools)
    return tools == expectation.value, f"the tools used were {', '.join(tools) or 'none'}", diff


_CHECKS: Final[dict[Expects, Callable[[CaseRun, Expectation, TaskResult | None], _Found]]] = {
    Expects.STATUS: _status,
    Expects.STATE: _state,
    Expects.SKIPPED: _skipped,
    Expects.ORDER: _order,
    Expects.ERROR: _error,
    Expects.EXISTS: _exists,
    Expects.EQUALS: _equals,
    Expects.CONTAINS: _contains,
    Expects.SCHEMA: _schema,
    Expects.COST: _cost,
    Expects.TOKENS: _tokens,
    Expects.CALLS: _calls,
    Expects.TOOLS: _tools,
}


def _first_line(failure: Failure) -> str:
    return shorten(failure.message.partition("\n")[0], _SHOWN)


def _same(one: Json, other: Json) -> bool:
    """Return whether two JSON values are equal; `true` is not a number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _shown(value: Json) -> str:
    return shorten(json.dumps(value, ensure_ascii=False), _SHOWN)


def difference_of(expected: Json, found: Json) -> str:
    """Return what differs between two values, as lines with `-` (expected) and `+` (found)."""
    one, other = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
        for value in (expected, found)
    )
    lines = list(unified_diff(one.splitlines(), other.splitlines(), n=2, lineterm=""))[2:]
    more = len(lines) - _LINES
    return "\n".join([*lines[:_LINES], *([f"… and {more} more lines"] if more > 0 else [])])
