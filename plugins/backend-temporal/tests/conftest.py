"""A real Temporal server, on a database of its own, and real workers: processes that a test may kill."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nika_core.cli import main

ROOT = Path(__file__).parents[3]
START = 60.0  # seconds that a process has to be there
LIFTED = ("history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000")


def temporal_program() -> str | None:
    """Return the path of `temporal`: that of NIKA_TEMPORAL_CLI, or the one that .ci/test installs."""
    named = os.environ.get("NIKA_TEMPORAL_CLI")
    return named or shutil.which("temporal", path=str(ROOT / ".venv" / "temporal" / "bin"))


def until(holds: Callable[[], object], what: str, seconds: float = START) -> None:
    """Wait until something holds; there is nobody who would say when."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., None]:
    """Return `until`: test files of plugins cannot import it."""
    return until


class Process:
    """A process in a group of its own. `log` has what it prints."""

    def __init__(self, arguments: list[str], log: Path, environ: dict[str, str] | None = None) -> None:
        self.log = log
        self._file = log.open("wb")
        self.popen = subprocess.Popen(
            arguments,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )

    def said(self, text: str) -> bool:
        """Return whether it has printed this."""
        assert self.popen.poll() is None, self.log.read_text(errors="replace")
        return text in self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it with `kill -9`: it alone, not what it has started."""
        self.popen.kill()
        self.popen.wait()
        self._file.close()

    def terminate(self, seconds: float = 30.0) -> int:
        """Tell it to end, and return its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        code = self.popen.wait(seconds)
        self._file.close()
        return code


class Server:
    """A server on a port and a database that stay the same when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"temporal://127.0.0.1:{self.port}/default"
        self._process: Process | None = None
        self._starts = 0

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        program = temporal_program()
        assert program is not None
        self._starts += 1
        arguments = [program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)]
        arguments += ["--db-filename", str(self._folder / "temporal.db"), "--log-level", "error"]
        arguments += [word for value in LIFTED for word in ("--dynamic-config-value", value)]
        arguments += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
        self._process = Process(arguments, self._folder / f"server-{self._starts}.log")
        until(self._listens, "the server's start")
        # It listens before it knows its namespace, and a worker in the test's process is faster than that.
        about = [program, "operator", "namespace", "describe", "default", "--address", f"127.0.0.1:{self.port}"]
        until(lambda: subprocess.run(about, capture_output=True, check=False).returncode == 0, "the namespace")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.popen.poll() is None, self._process.log.read_text(errors="replace")
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it with `kill -9`."""
        assert self._process is not None
        self._process.kill()


class Workers:
    """Starts workers; all that are left end with the test."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._started: list[Process] = []

    def start(self, *options: str, environ: dict[str, str] | None = None) -> Process:
        """Start one, and wait until it takes work."""
        [worker] = self.start_several(environ or {}, options=options)
        return worker

    def start_several(self, *environs: dict[str, str], options: tuple[str, ...] = ()) -> list[Process]:
        """Start one with each environment, at the same time, and wait until all take work."""
        nika = str(Path(sys.executable).with_name("nika"))
        begun = []
        for environ in environs:
            log = self._folder / f"worker-{len(self._started) + 1}.log"
            begun.append(Process([nika, "worker", "--on", self._server.url, *options], log, environ))
            self._started.append(begun[-1])
        until(lambda: all(worker.said("worker on") for worker in begun), "the workers' start")
        return begun

    def end(self) -> None:
        """Kill all that are left."""
        for worker in self._started:
            if worker.popen.poll() is None:
                worker.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server for all tests that do not kill it."""
    if temporal_program() is None:
        pytest.skip("there is no Temporal server: .ci/test installs one, or NIKA_TEMPORAL_CLI names one")
    server = Server(tmp_path_factory.mktemp("temporal"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the tests share with `worker`."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def worker(server: Server, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Return a worker for all tests that do not kill it."""
    workers = Workers(server, tmp_path_factory.mktemp("workers"))
    # The examples' MCP servers need this Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    yield workers.start("--shared", str(shared), environ={"PATH": path})
    workers.end()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """Return a server of this test alone."""
    if temporal_program() is None:
        pytest.skip("there is no Temporal server: .ci/test installs one, or NIKA_TEMPORAL_CLI names one")
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def workers(own_server: Server, tmp_path: Path) -> Iterator[Workers]:
    """Start workers of this test alone, on its own server."""
    workers = Workers(own_server, tmp_path)
    yield workers
    workers.end()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that belongs to no project."""
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def nika(capfd: pytest.CaptureFixture[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line in a folder, in this process: a new one would import the same again for each call."""

    def call(*arguments: str, folder: Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        code: Any = 0
        capfd.readouterr()
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
            patch.setenv("NO_COLOR", "1")
            for name, value in (environ or {}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["nika", *arguments])
            try:
                main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return subprocess.CompletedProcess(arguments, code, captured.out, captured.err)

    return call


class BatchServer:
    """Takes batches as OpenAI does. `batches`: the requests of each that was sent, which is what is paid for.

    `cut_off`: the next batch is taken, and nobody is told its id. `done`: batches have ended.
    """

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.marks: list[Any] = []
        self.done = False
        self.cut_off = False
        self._files: list[list[dict[str, Any]]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(owner.taken(self.path, data))

            def do_GET(self) -> None:
                self._answer(owner.shown(self.path))

            def _answer(self, answer: Any) -> None:
                if answer is None:  # the connection ends without a word
                    return
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._cut: threading.Event = threading.Event()
        self.environ = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self._server.server_port}/v1",
            "OPENAI_API_KEY": "none",
            "NIKA_OPENAI_BATCH": "yes",
        }

    def taken(self, path: str, data: bytes) -> Any:
        """Return the answer to a POST; None: there is none."""
        if path.endswith("/files"):
            lines = [line for line in data.splitlines() if line.startswith(b"{")]
            self._files.append([json.loads(line) for line in lines])
            return {"id": f"file-{len(self._files) - 1}", "object": "file"}
        asked = json.loads(data)
        self.batches.append(self._files[int(asked["input_file_id"].rpartition("-")[2])])
        self.marks.append(asked.get("metadata"))
        if self.cut_off:
            self.cut_off = False
            self._cut.wait(START)
            return None
        return self._batch(len(self.batches) - 1)

    def shown(self, path: str) -> Any:
        """Return the answer to a GET."""
        path = path.partition("?")[0]
        if path.endswith("/batches"):
            return {"data": [self._batch(n) for n in reversed(range(len(self.batches)))], "has_more": False}
        number = int(path.removesuffix("/content").rpartition("-")[2])
        if path.endswith("/content"):
            return "\n".join(json.dumps(self._reply(each)) for each in self.batches[number]).encode()
        return self._batch(number)

    def _batch(self, number: int) -> dict[str, Any]:
        ended = {"status": "completed", "output_file_id": f"out-{number}"} if self.done else {"status": "in_progress"}
        about = {"created_at": int(time.time()), "metadata": self.marks[number]}
        return {"id": f"batch-{number}", "object": "batch", **about, **ended}

    def _reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        text = asked["body"]["messages"][-1]["content"]
        choice = {"index": 0, "message": {"role": "assistant", "content": f"re: {text}"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        body = {"id": "x", "object": "chat.completion", "model": "gpt-4o", "choices": [choice], "usage": usage}
        return {"custom_id": asked["custom_id"], "response": {"status_code": 200, "body": body}}

    def close(self) -> None:
        """End it."""
        self._cut.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def batch_server() -> Iterator[BatchServer]:
    """Return a provider of batches."""
    server = BatchServer()
    yield server
    server.close()
