"""The first example of the README, run as it stands against a tracker on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ..cli.conftest import Nika, folder, nika
from ..docs.pages import blocks
from ..environments import ROOT

__all__ = ["folder", "nika"]


class Tracker(ThreadingHTTPServer):
    """Answers with one issue."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.state = "open"
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Tracker

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = json.dumps({"state": self.server.state, "title": "It's slow; rm -rf ."}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep what the test prints readable."""


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    with Tracker() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def example(folder: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The README's text, with this machine's tracker in place of the one that it names."""
    monkeypatch.setenv("NIKA_HTTP_ALLOW", tracker.address)
    (text,) = [block.text for block in blocks(ROOT / "README.md") if "name: triage" in block.text]
    assert text.count("https://api.example.com") == 1
    path = folder / "triage.nika.yaml"
    path.write_text(text.replace("https://api.example.com", f"http://{tracker.address}"))
    return path


@pytest.mark.parametrize(("state", "ends"), [("closed", ("skipped", "condition")), ("open", ("success", None))])
def test_the_answer_is_asked_for_only_if_the_issue_is_open(
    nika: Nika, example: Path, tracker: Tracker, state: str, ends: tuple[str, str | None]
) -> None:
    tracker.state = state
    done = nika("run", example, "-i", "number=7", "-p", "mock", "-m", "mock-small", "--format", "json")
    assert done.code == 0, done.err
    assert tracker.asked == ["/issues/7"]
    answer = done.tasks["answer"]
    assert (answer["state"], answer.get("skipReason")) == ends
    assert {name: task["state"] for name, task in done.tasks.items() if name != "answer"} == {
        "issue": "success",
        "size": "success",
    }
    assert done.tasks["size"]["output"] == "0"
    assert ("usage" in answer) is (state == "open")
