"""Does the plugin keep what the interface promises?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nika_core.testing import NotifierConformance


class TestCommand(NotifierConformance):
    word = "notify"
    settings = [{"command": ["sh", "-c", "cat > /dev/null"]}, {"command": ["true"]}]
    failing = [{"command": ["false"]}, {"command": ["no-such-program-anywhere"]}, {"command": ["${env.NOT_SET}"]}]
    slow = [{"command": ["sleep", "60"]}]


class Slow(BaseHTTPRequestHandler):
    """Answers at once, but on `/slow`, where it waits until the test is over."""

    over = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/slow":
            self.over.wait(120)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Has room for all who come at once."""

    request_queue_size = 64


class TestUrl(NotifierConformance):
    word = "notify"
    failing = [
        {"url": "http://127.0.0.1:1/", "allow": ["127.0.0.1"]},
        {"url": "http://127.0.0.1:1/"},
        {"url": "${env.NOT_SET}"},
        {"url": "http://[bad/", "headers": {"X-Key": "${env.PATH}"}},
    ]

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        Slow.over.clear()
        with Server(("127.0.0.1", 0), Slow) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            url, allow = f"http://127.0.0.1:{server.server_address[1]}", ["127.0.0.1"]
            self.settings = [{"url": url, "allow": allow, "headers": {"X-Key": "x"}}]
            self.slow = [{"url": f"{url}/slow", "allow": allow}]
            yield
            Slow.over.set()
            server.shutdown()
            thread.join()
