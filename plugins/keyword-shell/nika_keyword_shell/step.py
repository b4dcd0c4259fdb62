"""Runs the command."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from typing import Final

from nika_core.plugin import Category, Json, JsonObject, StepContext, StepOutput, TaskError, bound, codes
from nika_core.toolbox.process import Captured, ProcessResult, run
from nika_keyword_shell.working_folder import resolved

SHELL: Final = "/bin/sh"
_MIN_KEEP: Final = 1024
_TOLD_BYTES: Final = 600  # of the end of stderr, in an error's message


class ShellStep:
    """One process group for each call; nothing of it is left when the call is over."""

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput | Json:
        """Run it. Raises TaskError (`execution`) for an exit code other than 0, unless `capture` is json."""
        argv, values = _command(payload)
        capture = payload.get("capture", "stdout")
        ended = await run(
            argv,
            run_id=context.run_id,
            cwd=resolved(payload, context.folder),
            env={**context.environ, **context.env, **payload.get("env", {}), **values, **context.task_env},
            keep=max(context.max_output, _MIN_KEEP),
            stdin=_stdin(payload),
            merge_stderr=capture == "both",
            show=context.emit_text,
            on_output=context.heartbeat,
        )
        if ended.left_behind:
            context.notice("the command had left processes running in the background; they were ended with it")
        if capture == "json":
            return _as_json(ended, context.max_output)
        captured = ended.stderr if capture == "stderr" else ended.stdout
        output = _text(captured)
        if ended.exit_code:
            raise _failure(ended, output)
        return output


def _command(payload: JsonObject) -> tuple[list[str], Mapping[str, str]]:
    """Return what to run, and the variables that hold the command's values."""
    if "argv" in payload:
        return list(payload["argv"]), {}
    command = payload["command"]
    if isinstance(command, str):
        return [SHELL, "-c", command], {}
    if payload.get("trust"):
        return [SHELL, "-c", command["text"]], {}
    if command["script"] is None:
        raise TaskError(
            str(command.get("unsafe", "a value stands in a place that cannot be made safe")),
            category=Category.TEMPLATE,
            code=codes.UNSAFE_POSITION,
            hint="give the value through argv, env or stdin",
        )
    return [SHELL, "-c", command["script"]], command["values"]


def _stdin(payload: JsonObject) -> bytes | None:
    if "stdin" not in payload:
        return None
    value = payload["stdin"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise TaskError(
            "stdin has a character that is not text (a lone surrogate)", category=Category.VALIDATION
        ) from None


def _text(captured: Captured) -> StepOutput:
    return StepOutput(captured.text().rstrip(), None if captured.complete else captured.total)


def _as_json(ended: ProcessResult, max_output: int) -> StepOutput:
    """Return `{exitCode, stdout, stderr}`, whose texts are cut so far that all of it is within the limit."""
    room = max_output
    while True:
        # Neither is cut for the other's sake as long as both fit; else stderr has at least a quarter.
        spare = room - ended.stdout.total
        errors = bound(ended.stderr.text().rstrip(), max(room // 4, spare, 0), _total(ended.stderr))
        left = max(room - len(errors.text.encode("utf-8", "replace")), 0)
        output = bound(ended.stdout.text().rstrip(), left, _total(ended.stdout))
        value = {"exitCode": ended.exit_code, "stdout": output.text, "stderr": errors.text}
        size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
        if size <= max_output or room <= 0:
            cut = output.truncated or errors.truncated
            whole = output.original_bytes + errors.original_bytes
            return StepOutput(value, max(whole, max_output + 1) if cut else None)
        room = min(room - (size - max_output), room * max_output // size)


def _total(captured: Captured) -> int | None:
    return None if captured.complete else captured.total


def _failure(ended: ProcessResult, output: StepOutput) -> TaskError:
    if ended.signal_name:
        what = f"the command was killed by {ended.signal_name}"
    else:
        what = f"the command failed with exit code {ended.exit_code}"
        if ended.exit_code > 128 and (name := _signal_name(ended.exit_code - 128)):
            what += f" (as after {name})"
    excerpt = _end_of(ended.stderr) or _end_of(ended.stdout)
    hint = None
    if ended.exit_code == 127:
        hint = "the shell did not find a program: install it, or correct its name"
    elif ended.exit_code == 126:
        hint = "the shell may not execute a program: chmod +x, or run it with its interpreter"
    # What is not there will not be there at the next attempt either.
    retriable = False if ended.exit_code in {126, 127} else None
    return TaskError(what + (f": {excerpt}" if excerpt else ""), hint=hint, output=output.value, retriable=retriable)


def _end_of(captured: Captured) -> str:
    """Return the last lines, whole ones if there are any."""
    tail = captured.tail[-_TOLD_BYTES:]
    cut = len(tail) < captured.total
    if cut and b"\n" in tail.rstrip():
        tail, cut = tail[tail.index(b"\n") + 1 :], False
    text = tail.decode("utf-8", "replace").strip()
    return f"…{text}" if cut and text else text


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
