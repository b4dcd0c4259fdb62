"""`nika` as processes in a project with notifiers: the built-in one, a third party's, and a server that is told."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from ..signals.conftest import Project

MODULE = """
import asyncio, json, os, signal, sys, time
from nika_core.plugin import NotifierDescription, TaskError, fields, hookimpl

NIKA_API = 1


class Pigeon:
    def __init__(self, setup):
        self.file = setup.folder / setup.settings["file"]
        self.does = setup.settings["does"]

    async def notify(self, notice):
        if self.does == "be_killed_before" and not (self.file.parent / "killed").exists():
            (self.file.parent / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        with self.file.open("a") as file:
            file.write(json.dumps(notice.as_json()) + "\\n")
        await getattr(self, self.does)()

    async def tell(self): ...
    be_killed_before = tell
    async def refuse(self):
        raise TaskError("the pigeon is tired")
    async def fail(self):
        raise ZeroDivisionError("no feathers")
    async def leave(self):
        sys.exit(3)
    async def cancel(self):
        raise asyncio.CancelledError
    async def hang(self):
        await asyncio.Event().wait()
    async def sleep_in_thread(self):
        await asyncio.to_thread(time.sleep, 60)
    async def block(self):
        time.sleep(60)
    async def wait_for_file(self):
        while not (self.file.parent / "go").exists():  # it blocks its event loop, as careless plugins do
            time.sleep(0.01)
    async def be_killed(self):
        if len(self.file.read_text().splitlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)


@hookimpl
def nika_notifiers():
    settings = fields.Map({
        "file": fields.field(fields.NonEmptyStr(), "Where it writes.", default="pigeon"),
        "does": fields.field(fields.Str(), "What it does then.", default="tell"),
    })
    return [NotifierDescription(name="pigeon", summary="Flies.", notifier="acme_pigeon:Pigeon", settings=settings,
                                timeout=0.5)]
"""


class Server:
    """What was posted to it: the headers and the JSON."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], Any]] = []
        self.status = 204
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                server.received.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(content)))
                self.send_response(server.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project and, on PYTHONPATH beside it, a notifier of a third party."""
    site = tmp_path / "site"
    info = site / "acme_pigeon-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nika.notifiers]\npigeon = acme_pigeon\n")
    (site / "acme_pigeon.py").write_text(MODULE)
    folder = tmp_path / "project"
    folder.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}
    return Project(folder, {**environ, "PYTHONPATH": str(site), "NO_COLOR": "1", "NIKA_TRUST": str(folder)})


@pytest.fixture
def configure(project: Project) -> Callable[[str], None]:
    """Write the project file."""
    return lambda text: (project.folder / "nika.yaml").write_text(dedent(text)) and None


@pytest.fixture
def told(project: Project) -> Callable[..., list[Any]]:
    """Return the notices in a file of the project."""

    def read(name: str = "told") -> list[Any]:
        path = project.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read
