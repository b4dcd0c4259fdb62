"""A run's progress on stderr: a line for each event."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from nika_core.cli.console import coloured, json_text, plain, print_message, style
from nika_core.cli.group_progress import GroupProgress, Groups
from nika_core.model.bounded import shorten
from nika_core.model.codec import usage_json
from nika_core.model.events import LIVE, Event, EventKind
from nika_core.model.ids import definition_path
from nika_core.model.usage import money_text, tokens_text
from nika_core.model.workflow import Workflow

ENDS: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_SKIPPED})
_SHOWN: Final = 300  # characters of what a tool was given, and of what it gave
_NOTICES: Final = frozenset({EventKind.DECISION, EventKind.NOTICE, EventKind.CONTEXT_SUMMARIZED})


class View(Protocol):
    """Shows how a run goes; paused, it prints nothing."""

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

    With `verbose` it prints one for each node.
    """

    def __init__(self, workflow: Workflow, *, verbose: int = 0, write: Callable[[str], None] = print_message) -> None:
        self._keywords = {task.id: task.keyword for task in workflow.tasks}
        self._width = max((len(task.id) for task in workflow.tasks), default=0)
        self._verbose = verbose
        self.ignores = LIVE | {EventKind.TASK_READY} | ({EventKind.MODEL_CALLED} if not verbose else set())
        self._printer = write
        self._held: list[str] | None = None
        self._lock = threading.RLock()
        self._style = style if coloured(sys.stderr) else _uncoloured
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
        """Return the event as one line, or None if it needs none."""
        data = event.data
        group, ended = self.groups.take(event)
        if group is not None and event.task != group.task:
            if not self._verbose and not (event.kind in _NOTICES and group.names_notice()):
                return self._inside(group, event) if ended else None
            group = None
        match event.kind:
            case EventKind.TASK_STARTED:
                if data.get("attempt", 1) > 1:
                    return None
                about = data.get("reason") or (group.started() if group is not None else "")
                again = f": {about}" if about else ""
                return self._line(self._style("▶", "blue"), event, self._style(f"started{again}", "dim"))
            case EventKind.TASK_SUCCEEDED:
                if group is not None and "error" not in data:
                    figures = self._ended({**data, "usage": usage_json(group.usage)})
                    return self._line(self._style("✓", "green"), event, f"{group.at_end()}, {figures}")
                if "error" in data:
                    stands_in = f"{self._ended(data)}, failed: the value of `onError` stands in"
                    return self._line(self._style("!", "yellow"), event, stands_in)
                return self._line(self._style("✓", "green"), event, self._ended(data))
            case EventKind.TASK_REUSED:
                return self._line(self._style("↻", "cyan"), event, f"reused: {data.get('reason', 'unchanged')}")
            case EventKind.TASK_FAILED if data.get("reused"):
                return self._line(self._style("↻", "cyan"), event, f"not repeated: {data.get('reason')}")
            case EventKind.TASK_FAILED:
                return self._line(self._style("✗", "red"), event, self._failure(data.get("error") or {}))
            case EventKind.TASK_RETRYING:
                delay = duration_text(float(data.get("delay", 0)))
                failure = self._failure(data.get("error") or {}, hint=False)
                return self._line(self._style("…", "yellow"), event, f"{failure}; again in {delay}")
            case EventKind.TASK_SKIPPED:
                return self._line(self._style("○", "dim"), event, self._style(f"skipped ({data.get('reason')})", "dim"))
            case EventKind.TOOL_CALLED:
                failed = self._style(" failed", "red") if data.get("isError") else ""
                text = f"tool {plain(str(data.get('tool')))}{failed}"
                return self._line(self._style("·", "dim"), event, text + (tool_text(data) if self._verbose else ""))
            case kind if kind in _NOTICES:
                message = data.get("message") or " ".join(f"{key}={value}" for key, value in data.items())
                return self._line(self._style("!", "yellow"), event, plain(str(message)))
            case EventKind.MODEL_CALLED if self._verbose:
                usage = data.get("usage") or {}
                tokens = _tokens(f"{usage.get('inputTokens', 0)} + {usage.get('outputTokens', 0)}", usage)
                return self._line(self._style("·", "dim"), event, f"{plain(str(data.get('model')))}: {tokens}")
        return None

    def _inside(self, group: GroupProgress, event: Event) -> str | None:
        """Return the line for what happens inside a group: a failed item, or how far it is."""
        if event.kind is EventKind.TASK_FAILED and "failed" in group.ended and group.names_failure:
            error = event.data.get("error") or {}
            if error.get("category") != "cancelled":
                return self._line(self._style("✗", "red"), event, self._failure(error, hint=False))
        if group.at_milestone and group.done != group.total:
            return self._line(
                self._style("…", "dim"), event._replace(task=group.task), self._style(group.so_far(), "dim")
            )
        return None

    def _line(self, mark: str, event: Event, rest: str) -> str:
        task = event.task or ""
        keyword = self._keywords.get(task)
        if keyword is None and task:  # an item, a round or an inner task: the event of its start says it
            definition = definition_path(task)
            keyword = self._keywords[definition] = event.data.get("keyword") or self._keywords.get(definition, "")
        return f"{mark} {task.ljust(self._width)}  {(keyword or '').ljust(8)}  {rest}".rstrip()

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

    def _failure(self, error: Any, *, hint: bool = True) -> str:
        text = f"[{error.get('code')}] {plain(str(error.get('message')))}"
        if hint and error.get("hint"):
            text += f"\n    {self._style('hint', 'cyan')}: {plain(str(error['hint']))}"
        return text


def tool_text(data: Mapping[str, Any]) -> str:
    """Return what a tool was given and gave, in short and on lines of their own."""
    given = json_text(data["arguments"]) if "arguments" in data else ""
    gave = plain(str(data.get("content", data.get("message", ""))))
    parts = [(name, " ".join(text.split())) for name, text in (("given", given), ("gave", gave))]
    return "".join(f"\n    {name} {shorten(text, _SHOWN)}" for name, text in parts if text)


def _uncoloured(text: str, *names: str) -> str:
    return text


def _tokens(total: int | str, usage: Mapping[str, Any]) -> str:
    return tokens_text(total, usage.get("cachedTokens", 0), usage.get("cacheWriteTokens", 0))
