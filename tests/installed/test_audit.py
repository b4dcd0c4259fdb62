"""The audit of the locks reports, and never fails: not for what it finds, nor if the service answers nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from ..environments import ROOT

FOUND = {"id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-01-01T00:00:00Z"}
DETAILS = {
    **FOUND,
    "summary": "Lets everybody in",
    "affected": [
        {
            "package": {"name": "pyyaml", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}],
        }
    ],
}


class Database(BaseHTTPRequestHandler):
    """OSV, in which PyYAML has a vulnerability and nothing else has."""

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.answer({"results": [{"vulns": [FOUND]} if q["package"]["name"] == "pyyaml" else {} for q in queries]})

    def do_GET(self) -> None:
        self.answer(DETAILS)

    def answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Database) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci" / "audit"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_known_vulnerability_is_reported_with_its_package_and_fix(database: str) -> None:
    done = audit(database, "100")

    assert done.returncode == 0, done.stderr
    assert "GHSA-aaaa-bbbb-cccc: Lets everybody in" in done.stdout
    assert "Fixed in: 999" in done.stdout
    assert done.stdout.count("known vulnerability:") == 1


def test_a_service_that_never_answers_ends_the_audit_after_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = audit(f"http://127.0.0.1:{silent.getsockname()[1]}", "1")

    assert done.returncode == 0
    assert "audit: not done: " in done.stderr
    assert "timed out after 1" in done.stderr


def test_a_service_that_cannot_be_reached_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = audit(f"http://127.0.0.1:{port}", "100")

    assert done.returncode == 0
    assert "audit: not done: " in done.stderr
    assert done.stdout == ""
