"""Nothing that a run starts outlives it, however it leaves and however Nika ends. All daemons in one run each time."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nika_core.toolbox.process.table import process_table

from .daemons import (
    DAEMONS,
    END_WITH_THE_RUN,
    STAY_IF_NIKA_IS_KILLED,
    command_of,
    number_of,
    possible_daemons,
)
from .plugins import PLUGIN_DAEMONS, plugin_text

pytestmark = [
    pytest.mark.beside,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="elsewhere there is no guardian"),
]

NIKA = Path(sys.executable).with_name("nika")
PATIENCE = 60.0
ONE_IN = 8  # of the daemons are in the normal run, at each moment
FUNCTION = """
    import os, subprocess, time

    def start(program, words):
        subprocess.Popen([program, words], env={}, start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
        while not os.path.exists(f"{os.path.dirname(program)}/ready/{words.rpartition('.')[2]}"):
            time.sleep(0.02)  # with its task, it ends: until then it has to say that it was there
"""
SERVER = """
    import json, subprocess, sys
    program, token, child, own = sys.argv[1:]
    subprocess.Popen([program, f"{token}.{child}"], env={}, start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
    open(f"ready/{own}", "w").close()
    about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
    answers = {
        "initialize": {**about, "serverInfo": {"name": "s", "version": "1"}},
        "tools/list": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": "ok"}]},
    }
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            answer = {"jsonrpc": "2.0", "id": asked["id"], "result": answers.get(asked["method"], {})}
            print(json.dumps(answer), flush=True)
    while True:
        __import__("time").sleep(600)
"""


class Den:
    """A folder with a workflow in which each task starts a daemon, and then does `after`."""

    def __init__(self, folder: Path, daemons: list[str]) -> None:
        self.folder = folder
        self.daemons = daemons
        self.token = str(random.SystemRandom().randrange(10**8, 10**9))
        self._started: list[subprocess.Popen[str]] = []
        self._ready = folder / "ready"
        self._ready.mkdir()
        (folder / "pids").mkdir()
        self._program = folder / "stay"
        self._program.write_text(f'#!/bin/sh\n: > {self._ready}/"${{1##*.}}"\nexec /bin/sleep "$1"\n')
        self._program.chmod(0o755)
        (folder / "f.py").write_text(textwrap.dedent(FUNCTION))
        (folder / "server.py").write_text(textwrap.dedent(SERVER))
        info = folder / "starting-1.0.dist-info"
        info.mkdir()
        (folder / "starting.py").write_text(plugin_text())
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: starting\nVersion: 1.0\nRequires-Dist: nika-core>=5\n"
        )
        (info / "entry_points.txt").write_text(
            "[nika.keywords]\nstart = starting\n[nika.template_sources]\nstarting = starting\n"
        )
        self._pipe = folder / "pipe"
        os.mkfifo(self._pipe)
        self._reader = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        os.close(self._reader)
        for nika in self._started:
            nika.kill()
            nika.wait()
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def write(self, after: str, **fields: Any) -> None:
        """Write the workflow. When its daemon is up, each task says so through a pipe and does `after`."""
        tasks: list[dict[str, Any]] = []
        flows: list[dict[str, str]] = []
        for name in self.daemons:
            number = number_of(name)
            up = f"cd {self.folder}; until [ -e ready/{number} ]; do echo; sleep 0.02; done; echo up > pipe"
            task: dict[str, Any] = {"id": f"t{number}"}
            if DAEMONS[name] == "function":
                task["function"] = {
                    "reference": "f.py::start",
                    "args": {"program": str(self._program), "words": f"{self.token}.{number}"},
                }
                tasks.append(task)
                task = {"id": f"u{number}"}
                start = ":"
            elif DAEMONS[name] == "mcp":
                task["mcp"] = {"reference": "s::t"}
                tasks.append(task)
                task = {"id": f"u{number}"}
                start = ":"
            elif DAEMONS[name] == "plugin":
                words = {"program": str(self._program), "words": f"{self.token}.{number}"}
                if PLUGIN_DAEMONS[name] == "source":
                    task["set"] = f"${{starting.n{number}}}"
                else:
                    task["start"] = {"way": name, **words}
                tasks.append(task)
                if "of a function" in self.daemons:  # which reads to the end of a pipe that a fork would keep open
                    flows.append({"source": f"t{number_of('of a function')}", "target": task["id"]})
                task = {"id": f"u{number}"}
                start = ":"
            else:
                start = command_of(name, self.token, str(self._program))
            if task["id"].startswith("u"):
                flows.append({"source": f"t{number}", "target": task["id"]})
            command = f"[ ! -e resumed ] || exit 0\nREADY={self._ready}\n{start}\n{up}\n{after}"
            tasks.append({**task, "shell": {"command": command}, **fields})
        server = [str(self.folder / "server.py"), str(self._program), self.token]
        server += [number_of("of an MCP server"), number_of("the MCP server itself")]
        document: dict[str, Any] = {"tasks": tasks, "flows": flows}
        if any(DAEMONS[name] == "mcp" for name in self.daemons):
            document["mcpServers"] = {"s": {"command": sys.executable, "args": server}}
        (self.folder / "w.nika.yaml").write_text(json.dumps(document))
        nested = f"exec {self._program} {self.token}.{number_of('of a Nika that a plugin has started')}"
        (self.folder / "inner.nika.yaml").write_text(json.dumps({"tasks": [{"id": "inner", "shell": nested}]}))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environ = {**os.environ, "NIKA_MAX_CONCURRENT": "100", "NIKA_SHELL_TIMEOUT": "100s"}
        environ |= {"PYTHONPATH": str(self.folder), "STAY": str(self._program), "TOKEN": self.token}
        with (self.folder / "out").open("w") as out:  # no pipes, which who stays would hold open
            command = [NIKA, *arguments]
            nika = subprocess.Popen(command, cwd=self.folder, env=environ, stdout=out, stderr=out, text=True)
        self._started.append(nika)
        return nika

    def output(self) -> str:
        return (self.folder / "out").read_text()

    def wait_until_up(self) -> None:
        """Wait until every task has said that its daemon is up."""
        heard = b""
        until = time.monotonic() + PATIENCE
        while heard.count(b"up") < len(self.daemons):
            left = until - time.monotonic()
            assert left > 0, self.missing()
            assert select.select([self._reader], [], [], left)[0], (self.missing(), self.output())
            heard += os.read(self._reader, 10_000)

    def staying(self) -> set[str]:
        """Return those that stay as long as the tasks wait: a function has ended by then."""
        return {name for name in self.daemons if DAEMONS[name] != "function"}

    def missing(self) -> set[str]:
        up = {path.name for path in self._ready.iterdir()}
        return {name for name in self.daemons if number_of(name) not in up}

    def alive(self) -> dict[int, str]:
        """Return the daemons that are there: pid and name."""
        found: dict[int, str] = {}
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
                for name in self.daemons:
                    if f"{self.token}.{number_of(name)}" in line or (
                        DAEMONS[name] == "mcp" and name.startswith("the") and f"server.py\0{self._program}" in line
                    ):
                        found[pid] = name
        for path in (self.folder / "pids").iterdir():  # forks of Nika, which have its words
            seen = process_table().look(int(path.read_text() or 0))
            if seen is not None and not seen.zombie:
                found[seen.pid] = list(DAEMONS)[int(path.name)]
        return found

    def wait_until_gone(self) -> set[str]:
        """Return the names of those that do not end."""
        until = time.monotonic() + PATIENCE
        while left := self.alive():
            pid, name = next(iter(left.items()))
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                try:
                    if not select.select([descriptor], [], [], max(until - time.monotonic(), 0))[0]:
                        return {name}
                finally:
                    os.close(descriptor)
        return set()


def _part(moment: int) -> list[str]:
    return [name for index, name in enumerate(possible_daemons()) if index % ONE_IN == moment]


def _den(folder: Path, daemons: list[str]) -> Iterator[Den]:
    den = Den(folder, daemons)
    try:
        yield den
    finally:
        den.close()


@pytest.fixture(params=["some", pytest.param("all", marks=pytest.mark.long)])
def den(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Den]:
    moment = list(MOMENTS).index(request.function.__name__)
    yield from _den(tmp_path, possible_daemons() if request.param == "all" else _part(moment))


def test_daemons_end_with_the_task(den: Den) -> None:
    den.daemons = [name for name in den.daemons if name not in END_WITH_THE_RUN]
    den.write(":")
    document = json.loads((den.folder / "w.nika.yaml").read_text())
    last = {"id": "last", "shell": f"ps -eww -o args | grep -F '{den.token}.' | grep -v grep || true"}
    flows = document["flows"] + [{"source": task["id"], "target": "last"} for task in document["tasks"]]
    (den.folder / "w.nika.yaml").write_text(
        json.dumps({**document, "tasks": [*document["tasks"], last], "flows": flows})
    )
    nika = den.start("run", "w.nika.yaml", "--no-journal", "--format", "json")
    assert nika.wait(PATIENCE) == 0, den.output()
    assert den.missing() == set()
    assert set(den.alive().values()) == set()
    shown = den.output()
    assert '"last"' in shown
    assert den.token not in shown, shown


def test_daemons_end_with_the_run(den: Den) -> None:
    den.write(":")
    nika = den.start("run", "w.nika.yaml", "--no-journal")
    assert nika.wait(PATIENCE) == 0, den.output()
    assert den.missing() == set()
    assert set(den.alive().values()) == set()


def test_daemons_end_at_a_timeout(den: Den) -> None:
    den.write("exec sleep 600", idleTimeout="5s")  # a task says something until its daemon is up
    nika = den.start("run", "w.nika.yaml", "--no-journal")
    assert nika.wait(PATIENCE) == 1, den.output()
    assert den.missing() == set()
    assert set(den.alive().values()) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_daemons_end_at_a_signal(den: Den, number: signal.Signals) -> None:
    den.write("exec sleep 600")
    nika = den.start("run", "w.nika.yaml", "--no-journal")
    den.wait_until_up()
    assert set(den.alive().values()) == den.staying()
    nika.send_signal(number)
    assert nika.wait(PATIENCE) not in {0, 1}, den.output()
    assert set(den.alive().values()) == set()


def test_daemons_end_when_nika_is_killed(den: Den) -> None:
    den.daemons = [name for name in den.daemons if name not in STAY_IF_NIKA_IS_KILLED]
    den.write("exec sleep 600")
    nika = den.start("run", "w.nika.yaml")
    den.wait_until_up()
    assert set(den.alive().values()) == den.staying()
    nika.kill()
    nika.wait()
    assert den.wait_until_gone() == set()


def test_daemons_end_on_resuming_if_the_guardian_was_killed_with_nika(den: Den) -> None:
    # Without the tag, or without what it is read from, nothing of them is left to be found by. And what is forked
    # without Python's knowledge holds the lock of the run.
    without = {"without the tag", "of a plugin with fork of the C library", *STAY_IF_NIKA_IS_KILLED}
    den.daemons = [name for name in den.daemons if name not in without]
    den.write("exec sleep 600")
    nika = den.start("run", "w.nika.yaml")
    den.wait_until_up()
    guardians = [pid for pid, line in _below(nika.pid).items() if b"guardian.main" in line]
    assert len(guardians) >= 2
    nika.send_signal(signal.SIGSTOP)
    for pid in guardians:
        os.kill(pid, signal.SIGKILL)
    nika.kill()
    nika.wait()
    assert {name for name in den.staying() if DAEMONS[name] != "mcp"} <= set(den.alive().values())
    (den.folder / "resumed").touch()
    run = json.loads(subprocess.check_output([NIKA, "runs", "list", "--format", "json"], cwd=den.folder))
    resumed = den.start("resume", (run["runs"] if isinstance(run, dict) else run)[0]["runId"])
    assert resumed.wait(PATIENCE) == 0, den.output()
    assert set(den.alive().values()) == set()


def _below(root: int) -> dict[int, bytes]:
    children: dict[int, list[int]] = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            children.setdefault(int(fields[1]), []).append(pid)
    below: dict[int, bytes] = {}
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            waiting.append(pid)
            with contextlib.suppress(OSError):
                below[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
    return below


MOMENTS = [name for name in dict(globals()) if name.startswith("test_")]
