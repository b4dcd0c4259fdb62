"""Text of models while it comes: whoever watches a run sees it, and the run's history never has it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from nika_backend_temporal.address import Address
from nika_backend_temporal.connecting import connect
from nika_backend_temporal.large_payloads import LargePayloads
from nika_backend_temporal.live_text import LiveText, WatchedTexts

import nika_core as nika

pytestmark = pytest.mark.beside


def chunk(text: str) -> dict[str, Any]:
    return {"kind": "task.chunk", "task": "one", "at": 1.0, "data": {"text": text}}


def texts(events: tuple[Any, ...]) -> str:
    return "".join(event["data"]["text"] for event in events)


def test_who_watches_is_shown_each_part_of_a_text_once() -> None:
    live, watched = LiveText(1), WatchedTexts()
    parts = []
    for text in ("Once ", "upon ", "a time"):
        live.take(chunk(text))
        details = json.loads(json.dumps(live.details()))
        parts += [texts(watched.news([details])), texts(watched.news([details]))]

    assert parts == ["Once ", "", "upon ", "", "a time", ""]


def test_the_text_of_another_attempt_is_shown_from_its_beginning() -> None:
    first, second, watched = LiveText(1), LiveText(2), WatchedTexts()
    first.take(chunk("a long beginning"))
    watched.news([first.details()])
    second.take(chunk("another and longer beginning"))

    assert texts(watched.news([second.details()])) == "another and longer beginning"


def test_of_a_text_that_comes_faster_than_it_is_seen_the_end_is_shown() -> None:
    live, watched = LiveText(1), WatchedTexts()
    for number in range(10_000):
        live.take(chunk(f"{number} "))
    seen = texts(watched.news([live.details()]))

    assert seen.endswith("9998 9999 ")
    assert len(seen) == 2000


def test_progress_is_shown_when_it_changes() -> None:
    live, watched = LiveText(1), WatchedTexts()
    live.take({"kind": "task.progress", "task": "one", "at": 1.0, "data": {"done": 1}})

    assert [event["data"] for event in watched.news([live.details()])] == [{"done": 1}]
    assert watched.news([live.details()]) == ()


class Slow(ThreadingHTTPServer):
    """A model that says the first words, and the last ones when it may."""

    daemon_threads = True

    def __init__(self) -> None:
        self.may_end = threading.Event()
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(BaseHTTPRequestHandler):
    server: Slow

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._say({"content": "the first words, "})
        self.server.may_end.wait(60)
        self._say({"content": "the last words"})
        self._say({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _say(self, delta: dict[str, str], finish: str | None = None) -> None:
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        self.wfile.write(f"data: {json.dumps({**head, 'choices': choices})}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def model() -> Iterator[Slow]:
    """Return a model that can be told to go on."""
    server = Slow()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.may_end.set()
    server.shutdown()
    server.server_close()
    thread.join()


async def test_text_is_shown_while_the_model_speaks_and_is_not_in_the_history(
    own_namespace: Any, workers: Any, folder: Path, model: Slow
) -> None:
    url = f"http://127.0.0.1:{model.server_port}/v1"
    workers.start("--keywords", "llm", environ={"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": url})
    path = folder / "w.nika.yaml"
    path.write_text("agent: {provider: openai, model: gpt-4o, maxTokens: 50}\ntasks:\n  - {id: one, llm: speak}\n")
    workspace = nika.Workspace.open(path)
    submission = nika.backends.submission(nika.prepare(path, workspace=workspace, elsewhere=True))
    backend = nika.backends.connect(own_namespace.url, workspace=workspace)

    await backend.submit(submission)
    shown, kinds = "", []
    async for update in backend.events(submission.run_id):
        kinds += [event["kind"] for event in update.events]
        shown += texts(update.live)
        if "the first words" in shown and not model.may_end.is_set():
            while_it_spoke = shown
            model.may_end.set()
        if update.result is not None:
            result = nika.backends.result(update.result)
    await backend.close()
    client = await connect(Address(own_namespace.url, {}), LargePayloads(None))
    history = await client.get_workflow_handle(submission.run_id).fetch_history()

    assert while_it_spoke == "the first words, "
    assert result.task("one").output == "the first words, the last words"
    assert "task.chunk" not in kinds
    heartbeats = [
        payload for event in history.events for payload in [event.SerializeToString()] if b'"count":' in payload
    ]
    assert heartbeats == []
