"""Many tasks at once: budgets hold over workers, lists are done whole, and the server's bounds are kept."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.testing.backend_checks import BackendRuns

pytestmark = pytest.mark.beside
# What a call to gpt-4o really takes, in tokens and US dollars; the list of prices is part of the test environment.
TOKENS_IN, TOKENS_OUT = 9, 50
COST = Decimal(TOKENS_IN) * Decimal("2.5e-6") + Decimal(TOKENS_OUT) * Decimal("1e-5")


class Models(ThreadingHTTPServer):
    """Speaks OpenAI's format. `calls`: how many it has answered, by the key of the one who asked."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Answer(BaseHTTPRequestHandler):
    server: Models
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls[self.headers["Authorization"].removeprefix("Bearer ")] += 1
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT}
        events = [
            {**head, "choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**head, "choices": [], "usage": usage},
        ]
        body = "".join(f"data: {data}\n\n" for data in [*map(json.dumps, events), "[DONE]"]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def models() -> Iterator[Models]:
    """Return a server of models."""
    server = Models()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("count", [120, pytest.param(1000, marks=pytest.mark.long)])
def test_calls_at_once_over_three_workers_never_overspend(
    own_namespace: Any, workers: Any, folder: Path, models: Models, count: int
) -> None:
    keys = [{"OPENAI_API_KEY": f"worker-{number}", "OPENAI_BASE_URL": models.url} for number in range(3)]
    # Each is given no more at once than a third: so the others have to do their share.
    workers.start_several(*keys, options=("--keywords", "llm", "--concurrency", str(min(100, count // 3))))
    budget = COST * (count // 3)
    path = folder / "w.nika.yaml"
    path.write_text(
        f"""
agent: {{provider: openai, model: gpt-4o, maxTokens: 100}}
tasks:
  - id: many
    forEach: {{items: {json.dumps(list(range(count)))}, onItemError: continue}}
    llm: "Is ${{each.item}} a number?"
"""
    )
    limits = {"NIKA_MAX_CONCURRENT": str(count), "NIKA_MAX_TOKENS_TOTAL": "10000000", "NIKA_MAX_COST": str(budget)}
    workspace = nika.Workspace.open(path, environ={**os.environ, **limits})
    prepared = nika.prepare(path, workspace=workspace, elsewhere=True)

    result, _ = BackendRuns(own_namespace.url, folder).run_prepared(prepared, seconds=300)

    task = result.task("many")
    answered, called = task.output.count("yes"), models.calls.total()
    assert COST * called <= budget
    assert len(task.output) == count
    assert answered <= called  # on a busy machine an attempt may be lost with its answer, and is charged whole
    assert result.usage.cost_usd >= COST * answered
    assert called >= 0.8 * count / 3  # it was spent, but for what the last calls might have cost
    assert len(models.calls) == 3  # each worker did its share
