"""Whole runs through the real command line, against servers that none of us wrote and the mock provider's scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from llmock.scenarios import Match, Reply

from nika_core.cli import main

NIKA = str(Path(sys.executable).with_name("nika"))
KEY = "sk-test-secret-0123456789"


@dataclass(frozen=True)
class Done:
    """How a call of the command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def tasks(self) -> dict[str, Any]:
        return {task["id"]: task for task in self.json["tasks"]}

    def events(self, kind: str) -> list[Any]:
        return [line for line in self.lines if line["event"] == kind]


Nika = Callable[..., Done]
Write = Callable[[str, str], Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and retries without a wait."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("NIKA_RETRY_DELAY", "1ms")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NIKA_TRUST", str(tmp_path))  # the prices of a test are its own
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nika(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Nika:
    """Call the command line in this process; no traceback may ever be seen."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["nika", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err  # on stdout it may be what a function of the test itself wrote
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a file of the working directory."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def script(write: Write, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Path]:
    """What the mock provider answers."""

    def play(replies: Any) -> Path:
        path = write("mock.json", json.dumps(replies))
        monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(path))
        return path

    return play


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `nika` as a process of its own; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [NIKA, *map(str, arguments)],
            cwd=folder,
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def the_run(nika: Nika) -> Callable[[], str]:
    """The id of the newest run."""

    def newest() -> str:
        return str(nika("runs", "list", "--format", "json").json["runs"][0]["runId"])

    return newest


class Wire:
    """llmock, which speaks both wire formats; one of them is used."""

    def __init__(self, llmock: Any, provider: str) -> None:
        self.mock = llmock
        self.provider = provider
        self.model = {"claude": "claude-sonnet-5", "openai": "gpt-4o"}[provider]
        self._path = {"claude": "/messages", "openai": "/chat/completions"}[provider]

    @property
    def calls(self) -> list[Any]:
        """The bodies of all calls to a model (not of counting tokens)."""
        return [each.body for each in self.mock.requests if each.path.endswith(self._path)]

    @property
    def conversations(self) -> list[list[tuple[str, str]]]:
        """Call by call: who said what."""
        return [[(message["role"], _said(message["content"])) for message in body["messages"]] for body in self.calls]

    def add(self, *behaviors: Any) -> None:
        """What happens to the next calls; counting tokens is none."""
        self.mock.add(*(replace(each, match=Match(stream=True)) for each in behaviors))

    def say(self, *texts: str) -> None:
        """What the model answers next."""
        self.add(*(Reply(text=text) for text in texts))


def _said(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(block.get("text") or block.get("content") or block["type"]) for block in content or ())


@pytest.fixture(params=["claude", "openai"])
def wire(folder: Path, llmock: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Wire:
    """A scripted server in both wire formats."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llmock.base_url("anthropic"))
    monkeypatch.setenv("OPENAI_BASE_URL", llmock.base_url("openai"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return Wire(llmock, request.param)


@pytest.fixture(scope="module")
def mock_ai_api() -> Iterator[str]:
    """mock-ai-api's Anthropic server on a free port."""
    import uvicorn

    app = import_module("app.anthropic_app").create_app()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 120
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
