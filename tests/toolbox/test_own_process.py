"""A process that is there for one run alone: what is started in it, by any means, is the run's. Real processes."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nika_core.toolbox.process.proc import RLIMIT_LOCKS
from nika_core.toolbox.process.table import process_table
from nika_core.toolbox.process.tags import new_tag

pytestmark = [
    pytest.mark.alone,
    pytest.mark.measures_processes,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="elsewhere there are only marks"),
]
PATIENCE = 30.0
BEGIN = """
    import asyncio, functools, multiprocessing, os, signal, subprocess, sys, time
    from nika_core.app.run_processes import end_processes
    from nika_core.toolbox.process.own_process import own_process

    from nika_core.toolbox.process import sweeping

    sweeping._GUARDIAN_SECONDS = 1e6  # nothing may wait for the guardian that watches this process
    print = functools.partial(print, flush=True)

    def stay(**options):
        process = subprocess.Popen(["sleep", "600"], start_new_session=True, env={}, stdout=-3, **options)
        print(process.pid)
        return process

    async def main():
"""


def _start(body: str, **options: object) -> subprocess.Popen[str]:
    code = textwrap.dedent(BEGIN) + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\nasyncio.run(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=options.get("preexec_fn"),  # type: ignore[arg-type]  # of a test with one thread
    )


def _run(body: str) -> list[str]:
    with _start(body) as process:
        words = process.communicate(timeout=PATIENCE)[0].split()
        assert process.returncode == 0
    return words


def _gone(pid: int) -> bool:
    """Wait until a process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE)[0])
    finally:
        os.close(descriptor)


def _alive(pid: int) -> bool:
    seen = process_table().look(pid)
    return seen is not None and not seen.zombie


def test_what_was_there_before_the_run_and_what_is_started_after_another_one_stay() -> None:
    body = """
        first = stay()
        own_process("run")
        second = stay()
        await end_processes("another run")
        print(second.poll())
        await end_processes("run")
        print(first.poll(), second.wait())
    """
    first, _second, before, earlier, later = _run(body)
    assert (before, earlier, later) == ("None", "None", str(-signal.SIGTERM))
    os.kill(int(first), signal.SIGKILL)


def test_a_program_that_does_not_ask_for_it_keeps_what_it_starts_during_a_run() -> None:
    body = """
        import nika_core as nika
        child = stay()
        result = await nika.arun("tasks:\\n  - {id: a, shell: 'true'}\\n")
        print(result.status.value, child.poll())
    """
    pid, status, code = _run(body)
    assert (status, code) == ("succeeded", "None")
    os.kill(int(pid), signal.SIGKILL)


def test_what_is_started_after_the_run_ends_with_the_process() -> None:
    (pid,) = _run("own_process('run'); await end_processes('run'); stay()")
    assert _gone(int(pid))


def test_a_start_that_nobody_was_told_of_is_noticed() -> None:
    body = """
        own_process("run")
        from nika_core.toolbox.process import own_process as own
        own._hook = None  # the one that was added stays
        owner, own._owner = own._owner, None
        stay()
        own._owner = owner
        print(owner.noticed)
        owner.look()
        print(owner.noticed)
        await asyncio.sleep(600)
    """
    with _start(body) as process:
        assert process.stdout is not None
        pid, before, after = (process.stdout.readline().strip() for _ in range(3))
        assert (before, after) == ("False", "True")
        process.kill()
    assert _gone(int(pid))


def test_a_helper_that_a_thread_is_still_importing_has_started_no_process() -> None:
    body = """
        import types
        own_process("run")
        from nika_core.toolbox.process import own_process as own
        for name in ("guardian_client", "forker"):
            module = f"nika_core.toolbox.process.{name}"
            sys.modules[module] = types.ModuleType(module)
        print(sorted(own._owner.helpers()))
    """
    assert _run(body) == ["[]"]


@pytest.mark.parametrize("start", ["stay()", "os.system('setsid sleep 600 >/dev/null & echo $!')"])
def test_a_process_ends_if_nika_is_killed_right_after_its_start(start: str) -> None:
    with _start(f"own_process('run'); {start}; os.kill(os.getpid(), signal.SIGKILL)") as process:
        pid = int(process.communicate(timeout=PATIENCE)[0])
    assert _gone(pid)


def test_without_a_tag_the_mark_tells_whose_a_process_is() -> None:
    def lower() -> None:
        resource.setrlimit(RLIMIT_LOCKS, (1000, 1000))

    body = """
        own_process("run")
        process = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=-3)
        print(process.pid)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with _start(body, preexec_fn=lower) as process:
        pid = int(process.communicate(timeout=PATIENCE)[0])
    assert _gone(pid)


def test_within_another_nika_the_outer_tag_stays() -> None:
    outer = new_tag("outer")

    def tag() -> None:
        resource.setrlimit(RLIMIT_LOCKS, (outer, -1))

    body = f"import resource; own_process('run'); print(resource.getrlimit({RLIMIT_LOCKS})[0] == {outer})"
    with _start(body, preexec_fn=tag) as process:
        assert process.communicate(timeout=PATIENCE)[0] == "True\n"


def test_a_fork_gets_the_signals_that_it_is_sent_and_its_parent_does_not() -> None:
    body = """
        own_process("run")
        heard = []
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard.append, "parent")
        process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        process.start()
        process.terminate()
        await asyncio.to_thread(process.join, 20)
        print(process.exitcode, heard)
        os.kill(os.getpid(), signal.SIGTERM)
        while not heard:
            await asyncio.sleep(0)
    """
    assert _run(body) == [str(-signal.SIGTERM), "[]"]


def test_a_process_whose_first_thread_has_ended_is_not_taken_for_ended() -> None:
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=lambda: print('up', flush=True) or time.sleep(600)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        while b") Z " not in Path(f"/proc/{process.pid}/stat").read_bytes():
            os.sched_yield()
        assert _alive(process.pid)
        process.kill()


def test_a_mocked_run_and_a_validation_take_no_notice(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo one}\n")
    code = (
        "import sys; from nika_core.cli import command_line\n"
        "try: command_line()\nfinally: print([name for name in sys.modules if 'toolbox.process' in name])"
    )
    for words in (["validate"], ["run", "--mock"]):
        command = [sys.executable, "-c", code, *words, "w.nika.yaml"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
