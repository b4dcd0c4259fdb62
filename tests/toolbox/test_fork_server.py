"""A fork server: its processes are processes of the run like any others. Real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from nika_core.errors import TaskError
from nika_core.toolbox.process import FORKING, ForkServer, fork_server, run, sweep
from nika_core.toolbox.process.guardian_client import guardian_of
from nika_core.toolbox.process.table import process_table

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is no guardian")

PROGRAM = f"""
import os, sys, time
sys.path.insert(0, {str(Path(FORKING).parent)!r})
import forking
LOADED = os.getpid()
exec(sys.argv[1])  # what it does before it serves
forking.serve([])
exec(sys.stdin.read())
"""
Open = Callable[..., AbstractAsyncContextManager[ForkServer | None]]
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        open('pid', 'w').write(str(os.getpid()))
        os.execve('/bin/sleep', ['sleep', '600'], {})
    os._exit(0)
while not (os.path.exists('pid') and open('pid').read()): time.sleep(0.01)
"""


@pytest.fixture
def run_id() -> str:
    return f"run-{uuid4().hex}"


@pytest.fixture
def open_(tmp_path: Path, run_id: str) -> Open:
    def opened(first: str = "", **changes: Any) -> AbstractAsyncContextManager[ForkServer | None]:
        options: dict[str, Any] = {"run_id": run_id, "cwd": tmp_path, "env": dict(os.environ)}
        return fork_server([sys.executable, "-c", PROGRAM, first], **options | changes)

    return opened


@pytest.fixture
def call(tmp_path: Path, run_id: str) -> Any:
    async def call_(server: ForkServer | None, code: str, **changes: Any) -> str:
        options: dict[str, Any] = {"run_id": run_id, "cwd": tmp_path, "env": dict(os.environ), "keep": 10_000}
        ended = await run(["/bin/false"], stdin=code.encode(), server=server, **options | changes)
        return f"{ended.exit_code} {ended.signal_name} {ended.stdout.text()}{ended.stderr.text()}".strip()

    return call_


def _alive(pid: int) -> bool:
    seen = process_table().look(pid)
    return seen is not None and not seen.zombie


async def test_each_call_is_a_process_of_its_own_forked_from_what_has_been_loaded(open_: Open, call: Any) -> None:
    async with open_() as server:
        code = "print(LOADED == os.getppid(), os.getsid(0) == os.getpgrp() == os.getpid(), os.getpid())"
        answers = await asyncio.gather(*(call(server, code) for _ in range(20)))
    assert {answer.rpartition(" ")[0] for answer in answers} == {"0 None True True"}
    assert len(set(answers)) == 20


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("sys.exit(3)", "3 None"),
        ("os._exit(4)", "4 None"),
        ("os.kill(os.getpid(), 9)", "137 SIGKILL"),
        ("print('out'); print('err', file=sys.stderr)", "0 None out\nerr"),
        ("print(sorted(os.listdir('/proc/self/fd'))[:-1])", "0 None ['0', '1', '2', '3']"),
    ],
)
async def test_how_it_ends_and_what_it_writes_is_known(open_: Open, call: Any, code: str, told: str) -> None:
    async with open_() as server:
        assert await call(server, code) == told


async def test_a_call_has_the_environment_and_the_folder_that_it_is_given(
    open_: Open, call: Any, tmp_path: Path
) -> None:
    (tmp_path / "inner").mkdir()
    env = {"PATH": "/bin", "A": "ä\udcff"}
    async with open_(env={"PATH": "/bin", "B": "2"}) as server:
        code = "print([os.environ.get('A') == 'ä\\udcff', os.environ.get('B') is None], os.getcwd())"
        told = await call(server, code, env=env, cwd=tmp_path / "inner")
        assert told == f"0 None [True, True] {tmp_path / 'inner'}"
        (tmp_path / "inner").rmdir()
        with pytest.raises(TaskError, match="does not exist"):
            await call(server, code, cwd=tmp_path / "inner")


async def test_a_daemon_with_a_clean_environment_ends_with_the_call(open_: Open, call: Any, tmp_path: Path) -> None:
    async with open_() as server:
        waiting = asyncio.ensure_future(call(server, "time.sleep(600)"))  # whose daemon it is has to be told
        assert await call(server, DAEMON) == "0 None"
        assert not _alive(int((tmp_path / "pid").read_text()))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_the_server_ends_with_its_context_and_with_it_what_it_has_started(
    open_: Open, call: Any, tmp_path: Path, run_id: str
) -> None:
    async with open_(DAEMON) as server:
        pid = int((await call(server, "print(LOADED)")).split()[-1])
        assert _alive(pid)
    assert not _alive(pid)
    assert not _alive(int((tmp_path / "pid").read_text()))
    assert await sweep(run_id) == 0


async def test_calls_under_way_go_on_when_the_server_is_killed_and_are_ended(open_: Open, call: Any) -> None:
    async with open_() as server:
        pid = int((await call(server, "print(LOADED)")).split()[-1])
        calling = asyncio.ensure_future(call(server, "open('pid', 'w').write(str(os.getpid())); time.sleep(600)"))
        file = Path((await call(server, "print(os.getcwd())")).split()[-1], "pid")
        while not (file.exists() and file.read_text()):
            await asyncio.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(TaskError, match="the process that started it was killed"):
            await calling
        assert not _alive(int(file.read_text()))
        assert await call(server, "") == "1 None"  # /bin/false itself


async def test_a_program_may_say_why_it_cannot_serve(open_: Open, call: Any) -> None:
    async with open_("forking.refuse('it is Monday')") as server:
        assert server is not None
        assert (server.reason, server.usable) == ("it is Monday", False)
        assert await call(server, "") == "1 None"


async def test_a_server_is_outdated_when_a_file_that_it_names_has_changed(open_: Open, tmp_path: Path) -> None:
    file = tmp_path / "loaded.py"
    file.write_text("1")
    first = "s = os.stat('loaded.py'); forking.serve([('loaded.py', s.st_mtime_ns, s.st_size)])"
    async with open_(first.replace("'loaded.py', s.", f"{str(file)!r}, s.")) as server:
        assert server is not None
        assert not server.outdated()
        file.write_text("22")
        assert server.outdated()
        file.unlink()
        assert server.outdated()


async def test_there_is_none_if_its_program_cannot_be_started_or_there_is_no_guardian(
    open_: Open, call: Any, tmp_path: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fork_server(["/nowhere/program"], run_id=run_id, cwd=tmp_path, env={}) as server:
        assert server is None
    guardian = await guardian_of(run_id)
    assert guardian is not None
    monkeypatch.delattr(os, "pidfd_open")
    async with open_() as server:
        assert server is None
