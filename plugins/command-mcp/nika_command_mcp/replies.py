"""What a client is told of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mcp_types import CallToolResult, TextContent

import nika_core as nika
from nika_command_mcp.runs import ServedRun
from nika_core import NikaError, OpenQuestion, ProblemsError, RunResult


def reply(run: ServedRun, wait: float, questions: Iterable[OpenQuestion] = ()) -> CallToolResult:
    """Return how a run stands, after it was waited for so many seconds, and what it asks while it goes on."""
    if run.error is not None:
        return refusal(run.error, run.run_id)
    if run.result is not None:
        return ended(run.result, run.mask)
    asked = [nika.to_json(each) for each in questions]
    text = (
        f"The run is still going on after {wait:g} s ({run.done} of {run.total} tasks have ended). "
        f"Call nika_result with runId {run.run_id} for its result."
    )
    if asked:
        text += " " + _asks(run.run_id, asked)
    shown = {"runId": run.run_id, "status": "running", "progress": {"done": run.done, "total": run.total}}
    return _result(text, shown | ({"questions": asked} if asked else {}))


def paused(run_id: str, questions: Iterable[OpenQuestion]) -> CallToolResult:
    """Return what a run asks that no process works on."""
    asked = [nika.to_json(each) for each in questions]
    return _result(_asks(run_id, asked), {"runId": run_id, "status": "paused", "questions": asked})


def ended(result: RunResult, mask: Any) -> CallToolResult:
    """Return how a run has ended."""
    found = mask(nika.to_json(result))
    shown: dict[str, Any] = {"runId": result.run_id, "status": found["status"], "usage": found.get("usage", {})}
    if "output" in found:
        shown["output"] = found["output"]
    if result.succeeded:
        output = found.get("output", "")
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
        return _result(text, shown)
    if found["status"] == "paused":
        shown["questions"] = found.get("questions", [])
        return _result(_asks(result.run_id, shown["questions"]), shown)
    shown["error"] = _failures(found) or f"the run was {found['status']}"
    return _result(f"{shown['error']} (run {result.run_id})", shown, is_error=True)


def _asks(run_id: str, questions: list[Any]) -> str:
    if not questions:
        return f"The run waits for something outside: nika runs show {run_id}"
    asked = "; ".join(f"{each['task']}: {each['message']}" for each in questions)
    return f"The run waits for answers ({asked}). Call nika_answer with runId {run_id}, the task and the answer."


def _failures(found: Any) -> str:
    errors = [f"{task['id']}: {task['error']['message']}" for task in found.get("tasks", ()) if task.get("error")]
    failure = found.get("failure") or found.get("error")
    return "; ".join([*errors, *([failure["message"]] if isinstance(failure, dict) else [])])


def refusal(error: NikaError, run_id: str = "") -> CallToolResult:
    """Return what is wrong, and how to fix it."""
    problems = error.problems if isinstance(error, ProblemsError) else (error.problem(),)
    lines = [f"{each.message}" + (f" ({each.hint})" if each.hint else "") for each in problems]
    text = "\n".join(lines)
    return _result(text, {"runId": run_id, "status": "failed", "error": text}, is_error=True)


def _result(text: str, value: dict[str, Any], *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=value, is_error=is_error)
