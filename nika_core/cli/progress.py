"""A run's progress on stderr: a line for each event."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from nika_core.cli.cells import wrap
from nika_core.cli.console import INDENT, coloured, paint, print_message
from nika_core.cli.group_progress import GroupProgress, Groups
from nika_core.cli.marks import marks_for
from nika_core.cli.tool_text import tool_details, tool_text
from nika_core.model.codec import usage_json
from nika_core.model.events import LIVE, Event, EventKind
from nika_core.model.ids import definition_path, top_task
from nika_core.model.state import SkipReason
from nika_core.model.usage import money_text, tokens_text
from nika_core.model.workflow import Workflow

ENDS: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_SKIPPED})
_ID_SHARE: Final = 4  # ids take at most this part of a terminal before others are out of line
_CANCELLED: Final = "cancelled"
_NOTICES: Final = frozenset({EventKind.DECISION, EventKind.NOTICE, EventKind.CONTEXT_SUMMARIZED})


class View(Protocol):
    """Shows how a run goes; paused, it prints nothing.

    Attributes:
        told: the tasks whose failures it has shown.
    """

    told: set[str]

    def pause(self) -> None: ...
    def resume(self) -> None: ...


def duration_text(seconds: float) -> str:
    """Return a duration as `3 ms`, `1.2 s` or `4 min 5 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


class ProgressLines:
    """Prints a line for each task that starts or ends; of what a list, a loop or an inner workflow has, only failures.

    With `verbose` it prints one for each node. Tasks that are ended with the run have none: how the run ended says it.

    Attributes:
        told: the tasks whose failures were printed.
    """

    def __init__(
        self,
        workflow: Workflow,
        *,
        verbose: int = 0,
        write: Callable[[str], None] = print_message,
        columns: Callable[[], int] | None = None,
        rows: bool = False,
    ) -> None:
        """Begin.

        Args:
            columns: returns the width of the terminal; None: lines are not wrapped.
            rows: whether something else shows what runs: then no line tells that a task has started, or how far a list
                is.
        """
        self._keywords = {task.id: task.keyword for task in workflow.tasks}
        self._places = {task.id: str(task.place) for task in workflow.tasks if task.place.line is not None}
        self._columns = columns
        self._rows = rows
        self._marks = marks_for(sys.stderr)
        self.told: set[str] = set()
        self._inner_failures: dict[str, list[str]] = {}  # of a group: those that were printed
        self._width = max((len(task.id) for task in workflow.tasks), default=0)
        self._verbose = verbose
        self.ignores = (
            LIVE | {EventKind.TASK_READY, EventKind.MODEL_ASKED} | ({EventKind.MODEL_CALLED} if not verbose else set())
        )
        self._printer = write
        self._held: list[str] | None = None
        self._lock = threading.RLock()
        self._style = paint if coloured(sys.stderr) else _uncoloured
        self.groups = Groups()

    def __call__(self, event: Event) -> None:
        """Print one event."""
        text = self.text(event)
        if text is not None:
            self.write(text)

    def write(self, text: str) -> None:
        """Print a line, or hold it back."""
        with self._lock:
            if self._held is None:
                self._printer(text)
            else:
                self._held.append(text)

    def pause(self) -> None:
        """Hold back what is to be printed."""
        with self._lock:
            self._held = [] if self._held is None else self._held

    def resume(self) -> None:
        """Print what was held back."""
        with self._lock:
            held, self._held = self._held, None
            for text in held or ():
                self._printer(text)

    def text(self, event: Event) -> str | None:
        """Return the event as one line, or a few if it failed or is wrapped; None: it needs none."""
        if event.kind in self.ignores:
            return None
        text = self._text(event)
        return text if text is None or self._columns is None else wrap(text, self._columns(), INDENT)

    def _text(self, event: Event) -> str | None:
        data, marks = event.data, self._marks
        group, ended = self.groups.take(event)
        if group is not None and event.task != group.task:
            if not self._verbose and not (event.kind in _NOTICES and group.names_notice()):
                return self._inside(group, event) if ended else None
            group = None
        match event.kind:
            case EventKind.TASK_STARTED:
                if data.get("attempt", 1) > 1 or (self._rows and not data.get("reason")):
                    return None
                about = data.get("reason") or (group.started() if group is not None else "")
                again = f": {about}" if about else ""
                return self._line(marks.started, "blue", event, self._style(f"started{again}", "dim"))
            case EventKind.TASK_SUCCEEDED:
                if group is not None and "error" not in data:
                    figures = self._ended({**data, "usage": usage_json(group.usage)})
                    return self._line(marks.succeeded, "green", event, f"{group.at_end()}, {figures}")
                if "error" in data:
                    stands_in = f"{self._ended(data)}, failed: the value of `onError` stands in"
                    return self._line(marks.notice, "yellow", event, stands_in)
                return self._line(marks.succeeded, "green", event, self._ended(data))
            case EventKind.TASK_REUSED:
                return self._line(marks.reused, "cyan", event, f"reused: {data.get('reason', 'unchanged')}")
            case EventKind.TASK_FAILED if data.get("reused"):
                return self._line(marks.reused, "cyan", event, f"not repeated: {data.get('reason')}")
            case EventKind.TASK_FAILED:
                return self._failed(event, data.get("error") or {})
            case EventKind.TASK_RETRYING:
                delay = duration_text(float(data.get("delay", 0)))
                failure = self._failure(data.get("error") or {})
                return self._line(marks.retrying, "yellow", event, f"{failure}; again in {delay}")
            case EventKind.TASK_SKIPPED if data.get("reason") != SkipReason.RUN_CANCELLED or self._verbose:
                return self._line(marks.skipped, "dim", event, self._style(f"skipped ({data.get('reason')})", "dim"))
            case EventKind.TOOL_CALLED:
                mark, failed = marks.detail, bool(data.get("isError"))
                if not self._verbose:
                    return self._line(mark, "yellow" if failed else "dim", event, f"tool {marks.line(tool_text(data))}")
                name = f"tool {marks.line(str(data.get('tool')))}{self._style(' failed', 'red') if failed else ''}"
                return self._line(mark, "dim", event, name + marks.text(tool_details(data)))
            case kind if kind in _NOTICES:
                message = data.get("message") or " ".join(f"{key}={value}" for key, value in data.items())
                return self._line(marks.notice, "yellow", event, marks.text(str(message)))
            case EventKind.MODEL_CALLED if self._verbose:
                usage = data.get("usage") or {}
                tokens = _tokens(f"{usage.get('inputTokens', 0)} + {usage.get('outputTokens', 0)}", usage)
                return self._line(marks.detail, "dim", event, f"{marks.line(str(data.get('model')))}: {tokens}")
        return None

    def _inside(self, group: GroupProgress, event: Event) -> str | None:
        """Return the line for what happens inside a group: a failed item, or how far it is."""
        if event.kind is EventKind.TASK_FAILED and "failed" in group.ended and group.names_failure:
            error = event.data.get("error") or {}
            if error.get("category") != _CANCELLED:
                self._inner_failures.setdefault(group.task, []).append(str(error.get("message")))
                return self._line(self._marks.failed, "red", event, self._failure(error))
        if not self._rows and group.at_milestone and group.done != group.total:
            return self._line(
                self._marks.retrying, "dim", event._replace(task=group.task), self._style(group.so_far(), "dim")
            )
        return None

    def _line(self, mark: str, colour: str, event: Event, rest: str) -> str:
        task = event.task or ""
        keyword = self._keywords.get(task)
        if keyword is None and task:  # an item, a round or an inner task: the event of its start says it
            definition = definition_path(task)
            keyword = self._keywords[definition] = event.data.get("keyword") or self._keywords.get(definition, "")
        width = self._width if self._columns is None else min(self._width, self._columns() // _ID_SHARE)
        return f"{self._style(mark, colour)} {task.ljust(width)}  {(keyword or '').ljust(8)}  {rest}".rstrip()

    def _ended(self, data: Any) -> str:
        parts = [duration_text(data.get("durationMs", 0) / 1000)]
        if data.get("attempts", 1) > 1:
            parts.append(f"{data['attempts']} attempts")
        usage = data.get("usage") or {}
        tokens = usage.get("inputTokens", 0) + usage.get("outputTokens", 0)
        if tokens:
            parts.append(_tokens(tokens, usage))
        if float(usage.get("costUsd", 0)):
            parts.append(money_text(float(usage["costUsd"])))
        if data.get("truncated"):
            parts.append(self._style("output cut", "yellow"))
        return ", ".join(parts)

    def _failed(self, event: Event, error: Mapping[str, Any]) -> str | None:
        """Return a failure with its place and its fix."""
        if error.get("category") == _CANCELLED and not self._verbose:
            return None
        task = event.task or ""
        self.told.add(task)
        failure = self._failure(error)
        group, message = self.groups.of(task), str(error.get("message"))
        if group is not None and any(each in message for each in self._inner_failures.get(task, ())):
            failure = f"[{error.get('code')}] {group.at_end()}"  # which one failed, and why, was printed
        lines = [self._line(self._marks.failed, "red", event, failure)]
        place = self._places.get(top_task(task))
        if place is not None:
            lines.append(self._style(self._marks.line(f"at {place}"), "dim"))
        if error.get("hint"):
            lines.append(f"{self._style('hint', 'cyan')}: {self._marks.text(str(error['hint']))}")
        return f"\n{' ' * INDENT}".join(lines)

    def _failure(self, error: Mapping[str, Any]) -> str:
        return f"[{error.get('code')}] {self._marks.text(str(error.get('message')))}"


def _uncoloured(text: str, *names: str) -> str:
    return text


def _tokens(total: int | str, usage: Mapping[str, Any]) -> str:
    return tokens_text(total, usage.get("cachedTokens", 0), usage.get("cacheWriteTokens", 0))
