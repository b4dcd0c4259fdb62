"""Nothing that a process started outlives the call: real processes that try to."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.toolbox.process import ProcessResult, run, sweep
from nika_core.toolbox.process.process_tree import reap_strays
from nika_core.toolbox.process.table import PsTable, descendants, process_table

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="orphans are adopted on Linux only"),
]


@pytest.fixture
def sh(tmp_path: Path) -> Callable[..., Any]:
    async def sh_(script: str, **changes: Any) -> ProcessResult:
        options: dict[str, Any] = {"run_id": "test", "cwd": tmp_path, "env": dict(os.environ), "keep": 10_000}
        return await run(["sh", "-c", script], **options | changes)

    return sh_


def _gone(pid: int) -> bool:
    """Neither running nor a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


QUICK = {"linger": 0.05, "grace": 0.1}
WAIT = "\nuntil [ -e ready ]; do sleep 0.01; done; cat pids"
QUIET = ">/dev/null 2>&1"
ESCAPES = {
    "a background child": "sleep 60 & echo $! > pids; : > ready",
    "a child without the pipes": f"sleep 60 {QUIET} & echo $! > pids; : > ready",
    "a child in a session of its own": "setsid sh -c 'echo $$ > pids; : > ready; exec sleep 60' &",
    "one without the pipes": f"setsid sh -c 'echo $$ > pids; : > ready; exec sleep 60' {QUIET} &",
    "a daemon": f"(setsid sh -c 'setsid sh -c \"echo \\$\\$ > pids; : > ready; exec sleep 60\" {QUIET} &' &)",
    "a child with a child": "setsid sh -c 'echo $$ > pids; sleep 60 & echo $! >> pids; : > ready; wait' &",
    "one that ignores TERM": "setsid sh -c 'trap \"\" TERM; sleep 60 & echo $$ $! > pids; : > ready; wait; wait' &",
}


@pytest.mark.parametrize("escape", ESCAPES)
async def test_what_is_left_when_the_process_ends_is_ended(sh: Any, escape: str) -> None:
    ended = await sh(ESCAPES[escape] + WAIT, **QUICK)
    assert ended.left_behind
    pids = [int(pid) for pid in ended.stdout.text().split()]
    assert pids
    assert all(map(_gone, pids))


async def test_a_process_that_ends_with_its_children_left_nothing_behind(sh: Any) -> None:
    assert not (await sh("sleep 0.01 & wait; (sleep 0.01; true)")).left_behind


STUBBORN = {
    "a sleeping one": "sleep 60 & echo $!; echo $$; wait",
    "one that ignores TERM": "trap '' TERM; echo $$; sleep 60 & echo $!; wait; sleep 60",
    "a session of its own": "setsid sh -c 'echo $$; exec sleep 60' & echo $$; wait",
    "one without an environment": "env -i setsid sh -c 'echo $$; exec sleep 60' & echo $$; wait",
    "a daemon": "(setsid sh -c 'setsid sh -c \"echo \\$\\$; exec sleep 60\" &' &) ; echo $$; sleep 60",
    "stopped ones": "sleep 60 & kill -STOP $!; echo $!; echo $$; kill -STOP $$",
}


@pytest.mark.parametrize("kind", STUBBORN)
async def test_cancelling_ends_everything(sh: Any, kind: str) -> None:
    shown: list[str] = []
    task = asyncio.ensure_future(sh(STUBBORN[kind], show=shown.append, grace=0.1))
    while len("".join(shown).split()) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(_gone(int(pid)) for pid in "".join(shown).split())


async def test_a_process_has_time_to_end_well(sh: Any, tmp_path: Path) -> None:
    shown: list[str] = []
    task = asyncio.ensure_future(sh("trap 'echo bye > end; exit' TERM; echo up; sleep 60 & wait", show=shown.append))
    while not shown:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "end").read_text() == "bye\n"


async def test_cancelled_once_more_it_does_not_wait(sh: Any) -> None:
    shown: list[str] = []
    task = asyncio.ensure_future(sh("trap '' TERM; echo $$; sleep 600; sleep 600", show=shown.append, grace=600.0))
    while not shown:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.05)
    task.cancel()
    async with asyncio.timeout(120):  # far less than its grace
        with pytest.raises(asyncio.CancelledError):
            await task
    assert _gone(int(shown[0]))


async def test_two_calls_of_one_run_do_not_end_each_others_processes(sh: Any) -> None:
    shown: list[str] = []
    long = asyncio.ensure_future(
        sh("setsid sh -c 'echo $$; exec sleep 60 >/dev/null 2>&1' & sleep 60", show=shown.append, grace=0.1)
    )
    while not shown:
        await asyncio.sleep(0.01)
    await sh("setsid sleep 60 >/dev/null 2>&1 &", grace=0.1)
    assert not _gone(int(shown[0]))
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long
    assert _gone(int(shown[0]))


async def test_orphans_that_end_by_themselves_become_no_zombies(sh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(process_table().children(os.getpid()))  # what other tests have left in this session
    await sh("for i in 1 2 3; do (true &); (setsid true &); done; sleep 0.1")
    for _ in range(2):  # at the second look, seconds later, nobody else has claimed them
        monkeypatch.setattr("nika_core.toolbox.process.process_tree._last_look", -10.0)
        reap_strays()
    seen = [process_table().look(pid) for pid in process_table().children(os.getpid()) if pid not in before]
    assert [one for one in seen if one and one.zombie] == []


async def test_children_that_others_started_are_left_to_them(sh: Any) -> None:
    foreign = subprocess.Popen(["sh", "-c", "exit 7"], start_new_session=True)
    plain = subprocess.Popen(["sleep", "60"])
    await sh("sleep 0.1; setsid sleep 60 >/dev/null 2>&1 &", grace=0.1)
    assert foreign.wait(timeout=60) == 7
    assert plain.poll() is None
    plain.kill()
    plain.wait()


async def test_a_sweep_ends_what_a_killed_program_without_a_guardian_left(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import asyncio, os, pathlib
        from nika_core.toolbox.process import forker, run
        forker._unavailable = "this test wants none"
        asyncio.run(run(["sh", "-c", "setsid sleep 60 & echo $! $$; wait"], run_id="swept run", cwd=pathlib.Path("."),
                        env=dict(os.environ), keep=100, show=lambda text: print(text, end="", flush=True)))
    """)
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        pids = [int(pid) for pid in killed.stdout.readline().split()]
        killed.kill()
    try:
        assert not any(map(_gone, pids))
        assert await sweep("another run", grace=0.5) == 0
        assert await sweep("swept run", grace=0.5) == 2
        assert await sweep("swept run") == 0
    finally:
        for pid in pids:
            if not _gone(pid):
                os.kill(pid, signal.SIGKILL)


async def test_a_sweep_kills_what_does_not_listen(tmp_path: Path) -> None:
    environment = {**os.environ, "NIKA_PROCESS": "stubborn/1"}
    child = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; sleep 60; sleep 60"], env=environment, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert await sweep("stubborn", grace=0.1) >= 1
    assert child.wait(timeout=60) == -signal.SIGKILL
    child.stdout.close()


def test_a_nika_within_a_nika_keeps_both_marks(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import asyncio, os, pathlib
        from nika_core.toolbox.process import run
        ended = asyncio.run(run(["sh", "-c", "echo $NIKA_PROCESS"], run_id="inner", cwd=pathlib.Path("."),
                                env=dict(os.environ), keep=100))
        print(ended.stdout.text())
    """)
    environment = {**os.environ, "NIKA_PROCESS": "outer/1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    outer, inner = ended.stdout.split()
    assert outer == "outer/1"
    assert inner.startswith("inner/")


PORTABLE = """
    import asyncio, os, pathlib, sys
    from nika_core.toolbox.process import process_tree, table
    from nika_core.toolbox.process import forker, run, supervised, sweep, sweeping
    forker._unavailable = "there is no guardian elsewhere"
    for module in (process_tree, supervised, sweeping):
        module.process_table = table.PsTable

    async def main():
        options = dict(run_id="ps", cwd=pathlib.Path("."), env=dict(os.environ), keep=100, grace=0.2)
        ended = await run(["sh", "-c", "sleep 60 & echo $!"], linger=0.01, **options)
        pids = [int(ended.stdout.text())]
        shown = []
        script = "setsid sh -c 'echo $$; exec sleep 60' & sleep 60"
        task = asyncio.ensure_future(run(["sh", "-c", script], show=shown.append, **options))
        while not shown:
            await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        pids.append(int(shown[0]))
        script = "setsid sh -c 'echo $$ > f; mv f pid; exec sleep 60 >/dev/null 2>&1' &\\n"
        ended = await run(["sh", "-c", script + "until [ -e pid ]; do sleep 0.01; done; cat pid"], **options)
        pids.append(int(ended.stdout.text()))
        await sweep("ps", grace=0.2)
        for pid in pids:
            for _ in range(100):
                seen = table.PsTable().look(pid)
                if seen is None or seen.zombie:
                    break
                await asyncio.sleep(0.02)
            else:
                print("still there:", pid)

    asyncio.run(main())
"""


def test_elsewhere_ps_finds_them(tmp_path: Path) -> None:
    prctl = ctypes.CDLL(None).prctl
    prctl(36, 0, 0, 0, 0)  # this process shall not get, and keep, the orphans
    try:
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PORTABLE)], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
    finally:
        prctl(36, 1, 0, 0, 0)
    assert (ended.stdout, ended.returncode) == ("", 0), ended.stderr


async def test_both_tables_see_the_same(sh: Any) -> None:
    shown: list[str] = []
    task = asyncio.ensure_future(sh("sh -c 'sleep 60; true' & echo $$; wait", show=shown.append, run_id="both"))
    while not shown:
        await asyncio.sleep(0.01)
    leader = int(shown[0])
    proc, portable = process_table(), PsTable()
    while len(descendants(proc, [leader])) < 2:
        await asyncio.sleep(0.01)
    assert descendants(proc, [leader]) == descendants(portable, [leader])
    assert len(descendants(proc, [leader])) == 2
    assert proc.marks(leader) == portable.marks(leader)
    one, other = proc.look(leader), portable.look(leader)
    assert one is not None
    assert other is not None
    assert (one.parent, one.session, one.zombie) == (other.parent, other.session, other.zombie)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert proc.look(leader) is None
    assert portable.look(leader) is None


def test_a_thousand_processes_run_at_once_although_few_files_may_be_open(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import asyncio, os, pathlib, resource
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        from nika_core.toolbox.process import run, sweep
        async def main():
            options = dict(run_id="many", cwd=pathlib.Path("."), env=dict(os.environ), keep=100)
            ended = await asyncio.gather(*(run(["sh", "-c", f"sleep 1; echo {n}"], **options) for n in range(1000)))
            assert [int(one.stdout.data) for one in ended] == list(range(1000))
            assert await sweep("many") == 0
            print(len(os.listdir("/dev/fd")) < 20)
        asyncio.run(main())
    """)
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert (ended.stdout, ended.returncode) == ("True\n", 0), ended.stderr
