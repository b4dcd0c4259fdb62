"""A project with runs, and `nika ui` beside it, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with two runs of a workflow that wait for an answer."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "demo.nika.yaml").write_text(WORKFLOW)
    for topic in ("spring", "a much longer text about the autumn, the winter and the summer"):
        assert "to answer" in run_nika(folder, "run", "demo.nika.yaml", "-i", f"topic={topic}").stderr
    return folder


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Path], Served]]:
    """Return a function that starts `nika ui` in a folder."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, *arguments: str) -> Served:
        process: Any = subprocess.Popen(
            [NIKA, "ui", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=-3, text=True
        )
        started.append(process)
        return Served(folder, process.stdout.readline().strip())

    yield start
    for process in started:
        process.terminate()
        assert process.stdout is not None
        process.stdout.close()
        process.wait(60)


@pytest.fixture(scope="module")
def served(project: Path, serve: Callable[[Path], Served]) -> Served:
    """Return the server of the project."""
    return serve(project)
