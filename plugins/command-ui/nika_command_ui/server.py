"""The server: pages and JSON. It reads histories, and writes nothing but answers to questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

import nika_core as nika
from nika_command_ui.access import Access, Guard
from nika_command_ui.changes import Changes
from nika_command_ui.comparison import compare
from nika_command_ui.graphs import graph_view
from nika_command_ui.history import History
from nika_command_ui.views import MOST_ROWS, children_view, run_view, spending, task_view, timeline_view
from nika_core.plugin import codes

MOST_BYTES: Final = 1_000_000  # of an answer
_STATIC: Final = Path(str(resources.files("nika_command_ui") / "static"))
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

Handler = Callable[[Request], Awaitable[Response]]


def make_app(history: History, access: Access) -> ASGIApp:
    """Return the application, which answers only requests that have the token."""
    pages = _Pages(history)
    get = [
        ("/api/runs", pages.runs),
        ("/api/questions", pages.questions),
        ("/api/changes", pages.changes),
        ("/api/compare", pages.compare),
        ("/api/runs/{run}", pages.run),
        ("/api/runs/{run}/graph", pages.graph),
        ("/api/runs/{run}/timeline", pages.timeline),
        ("/api/runs/{run}/spending", pages.spending),
        ("/api/runs/{run}/task", pages.task),
        ("/api/runs/{run}/children", pages.children),
        ("/api/runs/{run}/output", pages.output),
        ("/api/runs/{run}/conversations", pages.conversations),
        ("/api/runs/{run}/payload", pages.payload),
    ]
    routes = [Route(path, _told(handler), methods=["GET"]) for path, handler in get]
    routes.append(Route("/api/runs/{run}/answer", _told(pages.answer), methods=["POST"]))
    routes.append(Route("/{path:path}", _static, methods=["GET"]))
    return Guard(Starlette(routes=routes), access)


class _Pages:
    def __init__(self, history: History) -> None:
        self._history = history
        self._changes = Changes(history.stamp, history.let_go)
        # One large run is read at a time: each takes 20 MB while it is read, and fifty pages ask at once.
        self._reading = asyncio.Lock()

    async def runs(self, request: Request) -> Response:
        return await self._read(lambda: {"project": self._history.project, "runs": self._history.runs()})

    async def run(self, request: Request) -> Response:
        return await self._of_run(request, run_view)

    async def task(self, request: Request) -> Response:
        task = request.query_params.get("id", "")
        return await self._of_run(request, lambda snapshot: task_view(snapshot, task))

    async def children(self, request: Request) -> Response:
        query = request.query_params
        wanted: dict[str, Any] = {"sort": query.get("sort", "order"), "state": query.get("state", "")}
        wanted |= {"offset": _number(query.get("offset"), 0), "limit": _number(query.get("limit"), MOST_ROWS)}
        return await self._of_run(request, lambda snapshot: children_view(snapshot, query.get("id", ""), **wanted))

    async def timeline(self, request: Request) -> Response:
        return await self._of_run(request, timeline_view)

    async def spending(self, request: Request) -> Response:
        return await self._of_run(request, spending)

    async def graph(self, request: Request) -> Response:
        return await self._of_run(request, lambda snapshot: graph_view(snapshot, self._history.folder))

    async def compare(self, request: Request) -> Response:
        query = request.query_params
        return await self._read(
            lambda: compare(
                self._history.snapshot(query.get("before", "")), self._history.snapshot(query.get("after", ""))
            )
        )

    async def output(self, request: Request) -> Response:
        run, task = request.path_params["run"], request.query_params.get("id", "")
        return await self._read(lambda: {"output": self._history.output(run, task)})

    async def conversations(self, request: Request) -> Response:
        run, task = request.path_params["run"], request.query_params.get("id", "")
        return await self._read(lambda: self._history.conversations(run, task))

    async def payload(self, request: Request) -> Response:
        run, task = request.path_params["run"], request.query_params.get("id", "")
        return await self._read(lambda: self._history.payload(run, task))

    async def questions(self, request: Request) -> Response:
        return await self._read(lambda: {"questions": self._history.questions(request.query_params.get("run"))})

    async def answer(self, request: Request) -> Response:
        given = await _body(request)
        run, task, digest = request.path_params["run"], given.get("task"), given.get("digest")
        if not isinstance(task, str) or not isinstance(digest, str) or "answer" not in given:
            return _problem("an answer has `task`, `digest` and `answer`", 400)
        await run_in_threadpool(self._history.answer, run, task, given["answer"], digest)
        return _json({"answered": task})

    async def changes(self, request: Request) -> Response:
        return StreamingResponse(self._changes.told(), media_type="text/event-stream")

    async def _of_run(self, request: Request, view: Callable[[Any], Any]) -> Response:
        run = request.path_params["run"]
        return await self._read(lambda: view(self._history.snapshot(run)))

    async def _read(self, read: Callable[[], Any]) -> Response:
        async with self._reading:
            found = await run_in_threadpool(read)
        return _json(found)


def _told(handler: Handler) -> Handler:
    """Return the handler, which answers with what is wrong, as JSON, instead of failing."""

    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except KeyError:
            return _problem("this run has no such task", 404)
        except nika.JournalError as error:
            return _problem(str(error), 404 if error.code == codes.UNKNOWN_RUN else 422, error.hint)
        except nika.UsageError as error:
            return _problem(str(error), 409, error.hint)
        except nika.NikaError as error:
            return _problem(str(error), 422)

    return told


async def _static(request: Request) -> Response:
    name = request.path_params["path"] or "index.html"
    path = (_STATIC / name).resolve()
    if not path.is_relative_to(_STATIC.resolve()) or path.suffix not in _TYPES or not path.is_file():
        return _problem("there is no such page", 404)
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix])  # at once: a thread would take longer


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise nika.UsageError("an answer is JSON: send it as `application/json`")
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > MOST_BYTES:
            raise nika.UsageError(f"an answer may have {MOST_BYTES:,} bytes")
    try:
        given = json.loads(read)
    except (ValueError, RecursionError) as error:
        raise nika.UsageError("the answer is not JSON") from error
    if not isinstance(given, dict):
        raise nika.UsageError("an answer is a JSON object")
    return given


def _number(text: str | None, default: int) -> int:
    return min(int(text), 10**9) if text is not None and text.isdecimal() and len(text) < 12 else default


def _json(value: Any, status: int = 200) -> Response:
    return JSONResponse(value, status)


def _problem(message: str, status: int, hint: str | None = None) -> Response:
    return _json({"problem": message, **({"hint": hint} if hint else {})}, status)
