"""Calls the function in a worker of its own and says what came of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nika_core.plugin import Category, Json, JsonObject, StepContext, StepOutput, TaskError, codes
from nika_core.toolbox.process import ProcessResult, run
from nika_keyword_function.preloading import preload_of
from nika_keyword_function.reference import HOW, Reference, parse
from nika_keyword_function.servers import server_for
from nika_keyword_function.source import why_unreadable

_HERE: Final = Path(__file__).parent
_HEAD_BYTES: Final = 8 * 1024
_STRIPS_TYPES: Final = (22, 6)  # the first Node that can leave out a .ts file's types
_STRIPS_TYPES_UNASKED: Final = (23, 6)


class FunctionStep:
    """One worker process for each call; it ends with the call, whatever the function does.

    On Linux it is forked from one that has already started Python.
    """

    def __init__(self) -> None:
        self._node_version: tuple[int, ...] | None = None

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput | Json:
        """Call it. Raises TaskError."""
        reference, path = _resolve(payload["reference"], context.folder)
        args = _arguments(payload.get("args"))
        if not isinstance(args, Mapping):
            raise TaskError(
                f"args is {_kind(args)}, and arguments are passed by name",
                category=Category.VALIDATION,
                code=codes.BAD_PAYLOAD,
                hint="write args: {name: value}",
            )
        request = {
            "kind": reference.kind,
            "where": reference.where,
            "path": str(path),
            "stem": path.stem if path else "",
            "beside": str(path.parent) if path else "",
            "name": reference.name,
            "folder": str(context.folder.absolute()),
        }
        worker = await self._worker(reference, context)
        environment = _environment(context)
        server = None
        if reference.kind != "node":
            source = path or reference.path(context.folder)
            preload = preload_of(source) if source else None
            server = await server_for(context, worker, environment, request, preload)
        ended = await run(
            worker,
            run_id=context.run_id,
            cwd=context.folder,
            env={**environment, **context.task_env},
            keep=context.max_output,
            stdin=_encoded({**request, "args": args}),
            show=context.emit_text,
            on_output=context.heartbeat,
            keep_channel=context.max_output + _HEAD_BYTES,
            server=server,
        )
        if ended.left_behind:
            context.notice("the function had left processes running in the background; they were ended with it")
        return _answer(ended, payload["reference"])

    async def _worker(self, reference: Reference, context: StepContext) -> list[str]:
        if reference.kind != "node":
            if not sys.executable:
                raise TaskError("there is no Python interpreter to run functions with", category=Category.CONFIG)
            return [sys.executable, "-P", "-X", "utf8", str(_HERE / "worker.py")]
        node = shutil.which("node", path=_environment(context).get("PATH", os.defpath))
        if node is None:
            raise TaskError(
                f"{reference.where} needs Node, which is not installed",
                category=Category.CONFIG,
                hint="install Node 18 or newer, so that `node` is on the PATH",
            )
        options: list[str] = []
        if reference.where.endswith(".ts"):
            version = await self._version(node, context)
            if version < _STRIPS_TYPES:
                raise TaskError(
                    f"{reference.where} needs Node 22.6 or newer, and this is Node {'.'.join(map(str, version))}",
                    category=Category.CONFIG,
                    hint="install a newer Node, or compile the file to .js or .mjs",
                )
            if version < _STRIPS_TYPES_UNASKED:
                options = ["--experimental-strip-types", "--no-warnings"]
        return [node, *options, str(_HERE / "worker.mjs")]

    async def _version(self, node: str, context: StepContext) -> tuple[int, ...]:
        if self._node_version is None:
            asked = await run(
                [node, "--version"], run_id=context.run_id, cwd=context.folder, env=_environment(context), keep=100
            )
            numbers = asked.stdout.text().strip().removeprefix("v").split("-")[0].split(".")
            self._node_version = tuple(int(one) for one in numbers if one.isdigit())
        return self._node_version


def _environment(context: StepContext) -> dict[str, str]:
    return {**context.environ, **context.env}


def _resolve(text: str, folder: Path) -> tuple[Reference, Path | None]:
    try:
        reference = parse(text)
    except ValueError as error:
        raise TaskError(str(error), category=Category.CONFIG, code=codes.BAD_PAYLOAD, hint=HOW) from None
    if reference.kind == "module":
        return reference, None
    path = (folder / reference.where).absolute()
    reason = why_unreadable(path, folder)
    if reason is not None:
        raise TaskError(
            f"the file {reference.where} {reason}", category=Category.CONFIG, hint=f"the folder is {folder}"
        )
    return reference, path


def _arguments(args: Json) -> Json:
    """Return the arguments; an object may also come as JSON text, as a task's output often does."""
    if args is None:
        return {}
    if isinstance(args, str) and args.lstrip().startswith("{"):
        try:
            found: Json = json.loads(args)
        except (ValueError, RecursionError):
            return args
        return found
    return args


def _encoded(request: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(request, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskError(f"args is not JSON: {error}", category=Category.VALIDATION) from None


def _answer(ended: ProcessResult, reference: str) -> StepOutput:
    head_line, separator, body = ended.channel.data.partition(b"\n")
    if not separator:
        raise _no_answer(ended, reference)
    head = json.loads(head_line)
    if head["status"] == "value":
        arrived = ended.channel.total - len(head_line) - 1
        if arrived < head["bytes"]:
            raise _no_answer(ended, reference)
        if len(body) < head["bytes"]:
            return StepOutput(body.decode("utf-8", "ignore"), head["bytes"])
        text = body[: head["bytes"]].decode()
        return StepOutput(json.loads(text) if head["json"] else text)
    raise _failure(head, reference)


def _failure(head: Mapping[str, Any], reference: str) -> TaskError:
    status, message = head["status"], head["message"]
    text = f"{head['type']}: {message}" if "type" in head and message else head.get("type", message)
    hint = f"it was raised at {head['where']}" if head.get("where") else None
    if status == "raised":
        return TaskError(f"{reference} raised {text}", hint=hint)
    if status == "import":
        return TaskError(f"{reference} cannot be loaded: {text}", category=Category.CONFIG, hint=hint)
    if status == "exit":
        return TaskError(
            f"{reference} ended its process with {message}", hint="a function returns a value, or raises an error"
        )
    if status == "arguments":
        return TaskError(
            f"the arguments do not fit {reference}: {message}",
            category=Category.VALIDATION,
            code=codes.BAD_PAYLOAD,
            hint="fix `args`",
        )
    if status == "missing":
        names = ", ".join(head.get("names", ()))
        return TaskError(message, category=Category.CONFIG, hint=f"it has {names}" if names else None)
    return TaskError(
        f"what {reference} returned cannot be the task's output: {message}",
        category=Category.VALIDATION,
        hint="return text, numbers, true, false, null, lists and objects",
    )


def _no_answer(ended: ProcessResult, reference: str) -> TaskError:
    if ended.signal_name:
        what = f"{reference} crashed: its process was killed by {ended.signal_name}"
    else:
        what = f"{reference} ended its process with exit code {ended.exit_code}, without a result"
    tail = ended.stderr.tail[-600:].decode("utf-8", "replace").strip()
    if tail and ended.stderr.total > 600:
        tail = f"…{tail}"
    return TaskError(what, hint=f"it wrote: {tail}" if tail else "a function returns a value, or raises an error")


def _kind(value: Json) -> str:
    return {str: "a text", bool: "true or false", int: "a number", float: "a number"}.get(type(value), "a list")
