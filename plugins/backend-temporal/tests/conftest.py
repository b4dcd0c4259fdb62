"""A real Temporal server, on a database of its own, and real workers: processes that a test may kill."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from nika_core.cli import main

ROOT = Path(__file__).parents[3]
START = 60.0  # seconds that a process has to be there
NAMESPACES = 24  # that tests may have for themselves on the server that all share
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

    def __init__(self, popen: subprocess.Popen[bytes] | ForkedProcess, log: Path) -> None:
        self.log = log
        self.popen = popen

    @classmethod
    def of(cls, arguments: list[str], log: Path, environ: dict[str, str] | None = None) -> Process:
        """Start a program."""
        with log.open("wb") as file:
            return cls(
                subprocess.Popen(
                    arguments,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, **(environ or {})},
                    start_new_session=True,
                ),
                log,
            )

    def said(self, text: str) -> bool:
        """Return whether it has printed this."""
        assert self.popen.poll() is None, self.log.read_text(errors="replace")
        return self.log.exists() and text in self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it with `kill -9`: it alone, not what it has started."""
        self.popen.kill()
        self.popen.wait()

    def terminate(self, seconds: float = 30.0) -> int:
        """Tell it to end, and return its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(seconds)


# What the child of a process that has imported everything does to become `nika ARGUMENTS`.
FORKED = """
import os, sys
from nika_core.cli import command_line
os.setsid()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 1)
os.dup2(1, 2)
os.environ.update(environ)
sys.argv = ["nika", *arguments]
command_line()
"""


class Forks:
    """Starts processes of `nika` as forks of one that has imported what a worker needs: each saves a second."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        entry_points = [each for found in importlib.metadata.distributions() for each in found.entry_points]
        plugins = {each.module for each in entry_points if each.group.startswith("nika.")}
        mine = ("pytest", "nika_core.cli.program", "nika_core.cli.worker_command", "nika_core.api.backends")
        needed = (
            "nika_core.app.backend.kernel",
            "nika_backend_temporal.backend",
            "nika_backend_temporal.serving",
            "openai",
        )
        self._context.set_forkserver_preload([*mine, *needed, *sorted(plugins)])

    def start(self, arguments: list[str], log: Path, environ: dict[str, str]) -> ForkedProcess:
        """Start one in a group of its own; `log` has what it prints."""
        given = {"arguments": arguments, "log": str(log), "environ": environ}
        child = self._context.Process(target=exec, args=(FORKED, given))
        child.start()
        return ForkedProcess(child)


class ForkedProcess:
    """What `Popen` is for other processes."""

    def __init__(self, child: multiprocessing.process.BaseProcess) -> None:
        self._child = child
        self.pid = cast("int", child.pid)

    def poll(self) -> int | None:
        """Return the exit code; None: it has not ended."""
        return self._child.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Wait until it ends, and return the exit code."""
        self._child.join(seconds)
        assert self._child.exitcode is not None, f"it did not end within {seconds} s"
        return self._child.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with `kill -9`."""
        self._child.kill()


class Server:
    """A server on a port and a database that stay the same when it is started again."""

    def __init__(self, folder: Path, namespaces: int = 0) -> None:
        self._folder = folder
        self._namespaces = [f"test-{number}" for number in range(namespaces)]
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
        arguments += [word for name in self._namespaces for word in ("--namespace", name)]
        arguments += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
        self._process = Process.of(arguments, self._folder / f"server-{self._starts}.log")
        until(self._listens, "the server's start")
        # It listens before it knows its namespace, and a worker in the test's process is faster than that.
        last = ["default", *self._namespaces][-1]
        about = [program, "operator", "namespace", "describe", last, "--address", f"127.0.0.1:{self.port}"]
        until(lambda: subprocess.run(about, capture_output=True, check=False).returncode == 0, "the namespace")

    def own_namespace(self) -> Namespace:
        """Return a namespace that nobody else is given: no worker and no run of another test is there."""
        return Namespace(f"temporal://127.0.0.1:{self.port}/{self._namespaces.pop()}")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.popen.poll() is None, self._process.log.read_text(errors="replace")
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it with `kill -9`."""
        assert self._process is not None
        self._process.kill()


@dataclass(frozen=True)
class Namespace:
    """Where runs and workers are on a server."""

    url: str


class Workers:
    """Starts workers; all that are left end with the test."""

    def __init__(self, url: str, folder: Path, forks: Forks) -> None:
        self._url = url
        self._folder = folder
        self._forks = forks
        self._started: list[Process] = []

    def start(self, *options: str, environ: dict[str, str] | None = None, url: str | None = None) -> Process:
        """Start one, and wait until it takes work. `url`: another address of the same place."""
        [worker] = self.start_several(environ or {}, options=options, url=url)
        return worker

    def start_several(
        self, *environs: dict[str, str], options: tuple[str, ...] = (), url: str | None = None
    ) -> list[Process]:
        """Start one with each environment, at the same time, and wait until all take work."""
        begun = []
        for environ in environs:
            log = self._folder / f"worker-{len(self._started) + 1}.log"
            begun.append(self._begun(["worker", "--on", url or self._url, *options], log, environ))
            self._started.append(begun[-1])
        until(lambda: all(worker.said("worker on") for worker in begun), "the workers' start")
        return begun

    def _begun(self, arguments: list[str], log: Path, environ: dict[str, str]) -> Process:
        if environ.keys() & {"PATH", "PYTHONPATH"}:  # it is to find other programs or plugins
            return Process.of([str(Path(sys.executable).with_name("nika")), *arguments], log, environ)
        return Process(self._forks.start(arguments, log, environ), log)

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
    server = Server(tmp_path_factory.mktemp("temporal"), NAMESPACES)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the tests share with `worker`."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def forks() -> Forks:
    """Return what starts processes of `nika`."""
    return Forks()


@pytest.fixture(scope="session")
def worker(server: Server, shared: Path, forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Return a worker for all tests that do not kill it."""
    workers = Workers(server.url, tmp_path_factory.mktemp("workers"), forks)
    # The examples' MCP servers need this Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    yield workers.start("--shared", str(shared), environ={"PATH": path})
    workers.end()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """Return a server of this test alone, which may kill it."""
    if temporal_program() is None:
        pytest.skip("there is no Temporal server: .ci/test installs one, or NIKA_TEMPORAL_CLI names one")
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_namespace(server: Server) -> Namespace:
    """Return a namespace of this test alone, on the server that all share."""
    return server.own_namespace()


@pytest.fixture
def workers(request: pytest.FixtureRequest, tmp_path: Path, forks: Forks) -> Iterator[Workers]:
    """Start workers of this test alone, in its own namespace or on its own server."""
    own = "own_server" if "own_server" in request.fixturenames else "own_namespace"
    workers = Workers(request.getfixturevalue(own).url, tmp_path, forks)
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
