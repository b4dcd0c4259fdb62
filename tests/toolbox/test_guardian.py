"""The guardian of a run: what it starts, what it may end, and what happens without it. Real processes."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.errors import TaskError
from nika_core.toolbox.process import ProcessResult, forker, guardian, guardian_client, open_process, proc, run, sweep
from nika_core.toolbox.process.guardian_client import guardian_of, why_unguarded
from nika_core.toolbox.process.table import process_table

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there are guardians on Linux only"),
]
NIKA = Path(sys.executable).with_name("nika")
CLEAN = "env -i setsid -f sh -c 'echo $$ > pid; exec sleep 600' >/dev/null 2>&1\nuntil [ -s pid ]; do sleep 0.01; done"


@pytest.fixture
def sh(tmp_path: Path) -> Callable[..., Any]:
    async def sh_(script: str, **changes: Any) -> ProcessResult:
        options: dict[str, Any] = {"run_id": "guarded", "cwd": tmp_path, "env": dict(os.environ), "keep": 10_000}
        return await run(["sh", "-c", script], **options | changes)

    return sh_


def _alive(pid: int) -> bool:
    seen = process_table().look(pid)
    return seen is not None and not seen.zombie


async def _guardian(run_id: str = "guarded") -> guardian_client.Guardian:
    found = await guardian_of(run_id)
    assert found is not None
    return found


async def test_what_it_starts_is_below_it_and_not_below_us(sh: Any) -> None:
    ended = await sh("echo $PPID")
    assert int(ended.stdout.data) == (await _guardian()).pid


async def test_a_process_has_the_limits_folder_mask_and_descriptors_that_a_child_would_have(sh: Any) -> None:
    code = (
        "import os, resource; print(os.getcwd(), os.umask(0), resource.getrlimit(resource.RLIMIT_NOFILE), "
        "sorted(os.listdir('/proc/self/fd'))[:-1], os.getsid(0) == os.getpid(), *open('/proc/self/status'))"
    )
    told = ("Umask", "Groups", "NoNewPrivs", "Seccomp", "SigPnd", "SigBlk", "SigIgn", "SigCgt", "Cap")
    ways = []
    for run_id in ("guarded", "unguarded"):
        if run_id == "unguarded":
            guardian_client._notices["unguarded"] = "this test wants none"
        ended = await sh(f'exec {sys.executable} -I -S -c "{code}"', run_id=run_id)
        assert ended.exit_code == 0, ended.stderr.text()
        first, *status = ended.stdout.text().splitlines()
        # 32 and 33 are the C library's own.
        ignored = [int(line.split()[1], 16) & 0x7FFFFFFF for line in status if line.startswith(" SigIgn")]
        status = [line for line in status if line.strip().startswith(told) and not line.startswith(" SigIgn")]
        ways.append((first.rpartition("Name")[0], ignored, status))
    why_unguarded("unguarded")
    assert ways[0] == ways[1]
    assert len(ways[0][2]) > 8


async def test_a_process_with_a_clean_environment_ends_with_its_own_task_only(sh: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shown: list[str] = []
    long = asyncio.ensure_future(sh(f"{CLEAN}\ncat pid; exec sleep 600", cwd=other, show=shown.append, grace=0.1))
    while not shown:
        await asyncio.sleep(0.01)
    ended = await sh(CLEAN)
    assert ended.left_behind
    assert not _alive(int((tmp_path / "pid").read_text()))
    assert _alive(int(shown[0]))
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long
    assert not _alive(int(shown[0]))


async def test_it_and_the_run_end_together(sh: Any) -> None:
    found = await _guardian()
    script = "ulimit -S -x 9; env -i setsid -f sleep 600 >/dev/null 2>&1"
    results = await asyncio.gather(
        *(open_process(["bash", "-c", script + "; cat"], **_options(Path.cwd())) for _ in range(2))
    )
    for process in results:
        process.stdin.write(b"up\n")
        assert await process.stdout.readline() == b"up\n"
    assert await sweep("guarded") == 4
    while _alive(found.pid):  # it says that all is over, and then ends
        await asyncio.sleep(0.01)
    for process in results:
        assert await process.wait() < 0
        process.close()


def _options(folder: Path) -> dict[str, Any]:
    return {"run_id": "guarded", "cwd": folder, "env": dict(os.environ)}


async def test_a_conversation_ends_when_its_stdin_is_closed(tmp_path: Path) -> None:
    process = await open_process(["sh", "-c", "cat; echo bye >&2; exit 3"], **_options(tmp_path))
    process.stdin.write(b"hello\n")
    assert await process.stdout.readline() == b"hello\n"
    assert process.returncode is None
    await process.end()
    assert (process.returncode, await process.wait()) == (3, 3)


async def test_a_conversation_that_does_not_listen_is_killed_with_what_it_started(tmp_path: Path) -> None:
    script = "trap '' TERM; env -i setsid -f sleep 600 >/dev/null 2>&1; echo $$; while :; do sleep 600; done"
    process = await open_process(["sh", "-c", script], **_options(tmp_path))
    assert int(await process.stdout.readline()) == process.pid
    await process.end(grace=0.1)
    assert process.returncode == -signal.SIGKILL


async def test_another_run_and_what_we_did_not_start_stay(sh: Any, tmp_path: Path) -> None:
    foreign = subprocess.Popen(["sleep", "600"], start_new_session=True, env={})
    other = await open_process(["cat"], **_options(tmp_path) | {"run_id": "another"})
    await sh(CLEAN)
    await sweep("guarded")
    assert foreign.poll() is None
    assert other.returncode is None
    assert _alive((await _guardian("another")).pid)
    foreign.kill()
    foreign.wait()
    await other.end()
    await sweep("another")


def test_a_number_that_is_another_process_by_now_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        status = proc.read_status(process.pid)
        assert status is not None
        for one in (proc.signal_process, proc._signal_number):
            one(process.pid, status[-1] - 1, signal.SIGKILL)
        assert process.poll() is None
        proc._signal_number(process.pid, status[-1], signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
    proc.signal_process(process.pid, status[-1], signal.SIGKILL)


async def test_a_killed_guardian_breaks_nothing_and_is_told_once(sh: Any) -> None:
    shown: list[str] = []
    script = "echo up; until [ -e go ]; do sleep 0.01; done; exit 7"
    waiting = [asyncio.ensure_future(sh(script, show=shown.append)) for _ in range(3)]
    while len(shown) < 3:
        await asyncio.sleep(0.01)
    killed = (await _guardian()).pid
    os.kill(killed, signal.SIGKILL)
    while _alive(killed):
        await asyncio.sleep(0.01)
    assert (await sh("sleep 0.05; sleep 600 & : > go; exit 5", linger=0.01, grace=0.1)).exit_code == 5
    assert [one.exit_code for one in await asyncio.gather(*waiting)] == [7, 7, 7]
    assert await sweep("guarded") == 0
    assert why_unguarded("guarded") == "its guardian process was killed"
    assert why_unguarded("guarded") == ""
    assert (await sh("exit 4")).exit_code == 4
    await sweep("guarded")


async def test_a_killed_forker_is_started_again(sh: Any) -> None:
    await sh("true", run_id="first")
    os.kill(forker.forker_pid(), signal.SIGKILL)
    while _alive(forker.forker_pid()):
        await asyncio.sleep(0.01)
    assert (await sh("echo $PPID", run_id="second")).stdout.data.strip().isdigit()
    assert (await guardian_of("second")) is not None
    await sweep("first")
    await sweep("second")


async def test_a_process_that_is_cancelled_while_it_is_started_is_not_left(sh: Any, tmp_path: Path) -> None:
    await _guardian()
    task = asyncio.ensure_future(sh("echo $$ > pid; exec sleep 600"))
    for _ in range(100):
        await asyncio.sleep(0)
        if guardian_client._guardians["guarded"][-1]._asked:
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await sweep("guarded") == 0


async def test_what_the_system_refuses_is_told_as_if_it_were_started_here(sh: Any, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    with pytest.raises(TaskError, match="too large for this machine"):
        await run(["echo", "x" * 3_000_000], keep=1, **_options(tmp_path))
    (tmp_path / "closed").mkdir(mode=0)
    for argv, told in ((["nothing"], "command not found"), (["./gone"], "may not be executed")):
        with pytest.raises(TaskError, match=told):
            await run(argv, keep=1, **_options(tmp_path))
    assert (await sh("echo $0; exit 2")).exit_code == 2


def test_its_program_needs_nothing_but_modules_in_c() -> None:
    folder = str(Path(guardian.__file__).parent)
    code = f"import sys; sys.path.append({folder!r}); import guardian; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-I", "-S", "-c", code], text=True).split()
    assert {"enum", "contextlib", "socket", "signal", "subprocess", "ctypes", "typing"}.isdisjoint(loaded)


def test_a_run_without_a_guardian_says_so_and_works(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo one}\n  - {id: b, shell: echo two}\n")
    code = "from nika_core.toolbox.process import forker\n{}\n"
    code += "from nika_core.cli import command_line; command_line()"
    broken = "forker._CODE = forker._CODE.replace('guardian.main', '{}; guardian.main')"
    ways = {
        "setattr(sys.modules['proc'], chr(95) + 'PR_SET_CHILD_SUBREAPER', 9999)": "does not allow prctl",
        "raise SystemExit": "was killed",
    }
    for way, why in ways.items():
        done = subprocess.run(
            [sys.executable, "-c", code.format(broken.format(way.replace("'", '"'))), "run", "w.nika.yaml"],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("may outlive it: ") == 1, done.stderr
        assert why in done.stderr


def test_its_tag_is_not_enforced_by_the_system(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(proc.RLIMIT_LOCKS)
    code = "import fcntl, sys\nfor i in range(50): fcntl.lockf(open(f'{i}', 'w'), fcntl.LOCK_EX)"
    resource.setrlimit(proc.RLIMIT_LOCKS, (1, hard))
    try:
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    finally:
        resource.setrlimit(proc.RLIMIT_LOCKS, (soft, hard))
