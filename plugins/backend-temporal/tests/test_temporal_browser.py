"""A run on Temporal in the browser: `nika ui` knows it as a run on a backend, and follows it while it goes on."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from nika_command_ui.access import Access
from nika_command_ui.command import server_of
from nika_command_ui.history import History

import nika_core as nika_api
from nika_core.testing.backend_checks import ASKING
from nika_core.toolbox.serving import listen_on_loopback

pytestmark = pytest.mark.beside


@pytest.fixture
def page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that asks the server of the folder's runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    listener = listen_on_loopback(0)
    port = listener.getsockname()[1]
    history = History(folder)
    server = server_of(history, Access(token="token", port=port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def ask(path: str, body: Any = None) -> Any:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": "Bearer token", "Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
        response = connection.getresponse()
        found = json.loads(response.read())
        connection.close()
        assert response.status == 200, found
        return found

    yield ask
    server.should_exit = True
    thread.join()
    history.let_go()


def test_a_run_on_temporal_is_shown_and_answered_in_the_browser_and_one_without_a_server_says_so(
    server: Any, worker: Any, folder: Path, page: Any, nika: Any, until: Any
) -> None:
    (folder / "w.nika.yaml").write_text(ASKING)
    begun = nika("run", "--on", server.url, "w.nika.yaml", folder=folder)  # it leaves the run that asks
    assert begun.returncode not in (0, 1, 2), begun.stderr
    (run,) = page("/api/runs")["runs"]
    path = f"/api/runs/{run['runId']}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = urlsplit(server.url)._replace(netloc=f"127.0.0.1:{free.getsockname()[1]}").geturl()
        index = nika_api.backends.index(workspace=nika_api.Workspace.open(folder))
        index.note(run_id="20200101-000000-aaaaaa", url=nowhere, workflow="lost", submitted_at=0.0, shared=None)

        until(lambda: page(path)["tasks"], "the run's tasks")
        shown = page(path)
        assert [(row["id"], row["state"]) for row in shown["tasks"]] == [("approve", "waiting")]
        assert (shown["backend"], shown["notice"], shown["live"]) == (server.url, "", True)
        (asked,) = page(f"/api/questions?run={run['runId']}")["questions"]
        page(f"{path}/answer", {"task": "approve", "digest": asked["digest"], "answer": True})
        until(lambda: page(path)["status"] == "succeeded", "the run's end")
        assert page(f"{path}/task?id=go")["output"] == "the answer is true"

        lost = "/api/runs/20200101-000000-aaaaaa"
        until(lambda: not page(lost)["notice"].startswith("waiting for"), "the reason")
    shown = page(lost)
    assert (shown["workflow"], shown["tasks"]) == ("lost", [])
    assert urlsplit(nowhere).netloc in shown["notice"]
    assert "Traceback" not in shown["notice"]
