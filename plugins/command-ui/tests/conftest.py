"""A project with runs, and `nika ui` beside it, as a user starts it."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from nika_command_ui.access import Access
from nika_command_ui.command import server_of
from nika_command_ui.history import History

import nika_core as nika
from nika_core.toolbox.serving import listen_on_loopback

from .far_runs import apart, far, place

__all__ = ["apart", "far", "place"]
NIKA = Path(sys.executable).with_name("nika")
WORKFLOW = """\
name: demo
inputs:
  topic: {type: string, default: spring}
agent: {model: mock-small, provider: mock, maxTokens: 50}
tasks:
  - id: words
    set: {list: [one, two, three]}
  - id: many
    forEach: "{{words.list}}"
    llm: "Say ${each.item} about ${input.topic}"
  - id: bad
    shell: "exit 3"
    onError: continue
  - id: sure
    ask: "Ship {{many}}?"
flows:
  - {source: bad, target: sure}
"""


def run_nika(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Return what a `nika` command has done in a folder."""
    return subprocess.run(
        [NIKA, *arguments],
        cwd=folder,
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@dataclass(frozen=True, slots=True)
class Served:
    """A server under way. `address` is what it has printed, with the token."""

    folder: Path
    address: str

    @property
    def host(self) -> str:
        """The host and the port."""
        return urlsplit(self.address).netloc

    @property
    def token(self) -> str:
        """The token of its address."""
        return urlsplit(self.address).query.removeprefix("token=")

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Send a request, with the token unless `authorization` says otherwise. Return status, headers and body."""
        connection = HTTPConnection(self.host, timeout=60)
        try:
            sent = {"Authorization": f"Bearer {self.token}"} | {
                name.replace("_", "-").title(): text for name, text in headers.items()
            }
            connection.request(method, path, body, {name: text for name, text in sent.items() if text})
            response = connection.getresponse()
            received = {name.lower(): text for name, text in response.getheaders()}
            return response.status, received, response.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with two runs of a workflow that wait for an answer."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "demo.nika.yaml").write_text(WORKFLOW)
    for topic in ("spring", "a much longer text about the autumn, the winter and the summer"):
        assert apart(nika.run, folder / "demo.nika.yaml", inputs={"topic": topic}).status == "paused"
    return folder


@pytest.fixture(scope="session")
def served(project: Path) -> Iterator[Served]:
    """Return the server of the project: a process, as a user starts it."""
    with subprocess.Popen([NIKA, "ui"], cwd=project, stdout=subprocess.PIPE, stderr=-3, text=True) as process:
        assert process.stdout is not None
        yield Served(project, process.stdout.readline().strip())
        process.kill()


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Served]]:
    """Return a function that serves the runs of a folder from a thread: the same server, without the start-up."""
    started: list[tuple[Any, History, threading.Thread]] = []

    def start(folder: Path) -> Served:
        listener = listen_on_loopback(0)
        port = listener.getsockname()[1]
        history = History(folder)
        server = server_of(history, Access(token="token", port=port))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        started.append((server, history, thread))
        return Served(folder, f"http://127.0.0.1:{port}/?token=token")

    yield start
    for server, _, _ in started:
        server.should_exit = True
    for _, history, thread in started:
        thread.join(60)
        if thread.is_alive():
            faulthandler.dump_traceback(sys.__stderr__)
        assert not thread.is_alive(), f"the server of {history.project} has not ended"
        history.let_go()
