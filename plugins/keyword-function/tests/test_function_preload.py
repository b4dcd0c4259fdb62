"""Calls that are forked: what they share, and that they share nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_function.facets import FunctionFacets
from nika_keyword_function.preloading import preload_of
from nika_keyword_function.step import FunctionStep

from nika_core.errors import TaskError
from nika_core.plugin import Severity, StepOutput

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere each call is started by itself")
PRELOAD = "# nika: preload: true\n"
WHO = "import os\nLOADED = os.getpid()\ndef f(): return [LOADED, os.getpid(), os.getppid()]"


@pytest.fixture
def call(context: Any) -> Any:
    async def call_(code: str | None = None, *, name: str = "f", **args: Any) -> Any:
        path = context.folder / "tools" / "mine.py"
        path.parent.mkdir(exist_ok=True)
        if code is not None:
            path.write_text(code)
        output = await FunctionStep().run({"reference": f"tools/mine.py::{name}", "args": args}, context)
        assert isinstance(output, StepOutput)
        return output.value

    return call_


async def test_a_file_that_asks_for_it_is_imported_once_and_each_call_is_a_process(call: Any) -> None:
    first, second = await call(PRELOAD + WHO), await call()
    assert first[0] == second[0] == first[2] == second[2]
    assert len({first[0], first[1], second[1]}) == 3


async def test_any_other_file_is_imported_by_each_call(call: Any) -> None:
    first, second = await call(WHO), await call()
    assert first[0] == first[1]
    assert second[0] == second[1] != first[1]


async def test_what_a_call_changes_is_not_seen_by_another(call: Any) -> None:
    code = """
        import os
        SEEN = []
        def f(x):
            SEEN.append(x)
            os.environ["SEEN"] = x
            os.chdir("/")
            return SEEN
        def g(): return [SEEN, os.environ.get("SEEN"), os.getcwd()]
    """
    assert await call(PRELOAD + textwrap.dedent(code), x="a") == ["a"]
    assert await call(x="b") == ["b"]
    assert (await call(name="g"))[:2] == [[], None]
    assert (await call(name="g"))[2] != "/"


async def test_a_changed_file_is_imported_anew(call: Any) -> None:
    assert await call(PRELOAD + "def f(): return 1") == 1
    assert await call(PRELOAD + "def f(): return 22") == 22


async def test_a_file_is_imported_anew_if_a_module_that_it_has_imported_has_changed(call: Any, context: Any) -> None:
    beside = context.folder / "tools" / "beside.py"
    beside.parent.mkdir()
    beside.write_text("A = 1")
    assert await call(PRELOAD + "import beside\ndef f(): return beside.A") == 1
    beside.write_text("A = 22")
    assert await call() == 22


async def test_a_file_that_starts_a_thread_is_not_preloaded_and_this_is_told_once(call: Any, context: Any) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    first, second = await call(PRELOAD + code + WHO), await call()
    assert first[0] == first[1]
    assert second[0] == second[1]
    (notice,) = context.notices
    assert notice.message == "tools/mine.py is not preloaded: importing it starts threads, which a fork does not have"


@pytest.mark.parametrize(
    "code", ["raise ValueError('no')", "import sys; sys.exit(3)", "import os; os._exit(3)", "def f(:"]
)
async def test_a_file_that_cannot_be_imported_fails_as_without_preloading(call: Any, code: str) -> None:
    with pytest.raises(TaskError) as plain:
        await call("#\n" + code)
    with pytest.raises(TaskError) as preloaded:
        await call(PRELOAD + code)
    assert preloaded.value.message == plain.value.message


async def test_a_call_has_the_environment_of_its_task_and_no_descriptor_of_others(call: Any, context: Any) -> None:
    code = """
        import os, sys
        def f():
            open_ = sorted(int(name) for name in os.listdir("/proc/self/fd"))
            names = ("NIKA_TASK_KEY", "NIKA_CHANNEL")
            own = os.getsid(0) == os.getpgrp() == os.getpid()
            return [open_[:-1], [os.environ.get(name) for name in names], own, os.read(0, 1) == b"", sys.argv]
    """
    for _ in range(2):
        results = await asyncio.gather(*(call(PRELOAD + textwrap.dedent(code)) for _ in range(3)))
        assert results == [[[0, 1, 2, 3], [context.key, None], True, True, ["tools/mine.py"]]] * 3


async def test_a_forked_call_is_killed_with_all_that_it_started(call: Any, context: Any) -> None:
    code = """
        import os, signal, time
        def f():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = os.fork()
            if child == 0:
                os.setsid()
                time.sleep(60)
            print(os.getpid(), child, flush=True)
            while True: pass
        def g(): return os.getppid()
    """
    task = asyncio.ensure_future(call(PRELOAD + textwrap.dedent(code)))
    while not context.chunks:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for pid in context.chunks[0].split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    server = await call(name="g")
    await context.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


async def test_calls_go_on_if_the_fork_server_is_killed(call: Any) -> None:
    loaded, _, server = await call(PRELOAD + WHO)
    assert loaded == server
    os.kill(server, signal.SIGKILL)
    while Path(f"/proc/{server}").exists():
        await asyncio.sleep(0.01)
    loaded, process, _ = await call()
    assert loaded == process


async def test_a_module_of_the_folder_comes_before_one_that_only_the_worker_has_imported(
    call: Any, context: Any
) -> None:
    (context.folder / "token.py").write_text("OURS = 7")
    assert await call("import token\ndef f(): return token.OURS") == 7
    assert await call(PRELOAD + "import token\ndef f(): return token.OURS") == 7


async def test_async_functions_and_exceptions_of_a_preloaded_file_are_as_ever(call: Any) -> None:
    code = (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return __name__, __file__.rpartition('/')[2]\n"
    )
    assert await call(PRELOAD + code) == ["mine", "mine.py"]
    with pytest.raises(TaskError, match="raised KeyError: 'a'") as caught:
        await call(PRELOAD + "def f(): return {}['a']")
    assert "mine.py:2 in f" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("# nika: preload: true\nx = 1\n", True),
        ("#!/usr/bin/env python\n# coding: utf-8\n\n#nika:preload:true\n", True),
        ("# nika: preload: false\n", False),
        ("x = 1\n# nika: preload: true\n", False),
        ("'''\n# nika: preload: true\n'''\n", False),
        ("# preload: true\n", False),
    ],
)
def test_only_the_comment_above_the_first_statement_counts(tmp_path: Path, text: str, asks: bool) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert (preload_of(path) is not None) is asks


def test_a_comment_for_nika_that_it_does_not_know_is_a_warning(make_payload: Any, problems: Any) -> None:
    payload = make_payload(reference="mine.py::f")
    (payload.folder / "mine.py").write_text("# nika: preload: yes\ndef f(): pass\n")
    FunctionFacets().check(payload, problems)
    (problem,) = problems
    assert problem.severity is Severity.WARNING
    assert "'# nika: preload: yes'" in problem.message
    assert problem.hint == "write `# nika: preload: true`, or remove it"
