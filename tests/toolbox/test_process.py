"""Processes are run, bounded and ended: real ones."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.errors import Category, TaskError
from nika_core.toolbox.process import MARK, ProcessResult, run
from nika_core.toolbox.process.pipes import Capture, LineShow


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    async def start_(*argv: str, **changes: Any) -> ProcessResult:
        options: dict[str, Any] = {"run_id": "test", "cwd": tmp_path, "env": dict(os.environ), "keep": 100_000}
        return await run(list(argv), **options | changes)

    return start_


@pytest.fixture
def sh(start: Any) -> Callable[..., Any]:
    return lambda script, **changes: start("sh", "-c", script, **changes)


async def test_a_process_gives_its_outputs_and_its_exit_code(sh: Any) -> None:
    ended = await sh("printf out; printf err >&2; exit 3")
    assert (ended.exit_code, ended.signal, ended.left_behind) == (3, None, False)
    assert (ended.stdout.data, ended.stderr.data, ended.stdout.complete) == (b"out", b"err", True)


async def test_a_signal_is_named_and_counts_as_a_shell_counts_it(sh: Any) -> None:
    ended = await sh("kill -9 $$")
    assert (ended.exit_code, ended.signal_name) == (137, "SIGKILL")


async def test_merged_outputs_keep_their_order(sh: Any) -> None:
    ended = await sh("echo a; echo b >&2; echo c", merge_stderr=True)
    assert (ended.stdout.data, ended.stderr.total) == (b"a\nb\nc\n", 0)


async def test_output_is_read_to_its_end_and_kept_to_its_bound(sh: Any) -> None:
    ended = await sh("head -c 3000000 /dev/zero; printf end", keep=10)
    assert (ended.stdout.data, ended.stdout.total) == (b"\0" * 10, 3_000_003)
    assert ended.stdout.tail.endswith(b"\0end")
    assert len(ended.stdout.tail) == 4096


async def test_much_stdin_and_much_stdout_do_not_block_each_other(sh: Any) -> None:
    data = os.urandom(1_000_000)
    ended = await sh("cat", stdin=data, keep=2_000_000)
    assert ended.stdout.data == data


async def test_stdin_that_nobody_reads_is_no_error(sh: Any) -> None:
    assert (await sh("exec <&-; sleep 0.05", stdin=b"x" * 1_000_000)).exit_code == 0


async def test_without_stdin_there_is_nothing_to_read(sh: Any) -> None:
    assert (await sh("cat")).stdout.data == b""


async def test_the_environment_is_what_was_given_and_the_mark(start: Any) -> None:
    ended = await start("/usr/bin/env", env={"A": "ä"}, run_id="a run/1")
    lines = ended.stdout.text().splitlines()
    assert lines[0] == "A=ä"
    assert lines[1].startswith(f"{MARK}=a_run_1/")
    assert len(lines) == 2


async def test_lines_are_shown_as_they_come(sh: Any) -> None:
    shown: list[str] = []
    await sh("printf 'a\\nb'; sleep 0.05; printf 'c\\n\\303'; sleep 0.05; printf '\\244'", show=shown.append)
    assert shown == ["a\n", "bc\n", "ä"]


async def test_no_more_is_shown_than_is_kept(sh: Any) -> None:
    shown: list[str] = []
    await sh("yes | head -c 1000000", show=shown.append, keep=1000)
    assert len("".join(shown)) <= 100_000


async def test_a_channel_is_a_third_output(start: Any) -> None:
    code = "import os; os.write(int(os.environ['NIKA_CHANNEL']), b'result'); print('printed')"
    ended = await start(sys.executable, "-c", code, keep_channel=100)
    assert (ended.channel.data, ended.stdout.data) == (b"result", b"printed\n")


@pytest.mark.parametrize(
    ("argv", "told", "category"),
    [
        (["nosuchprogram"], "command not found: 'nosuchprogram' (PATH is ", Category.CONFIG),
        (["./nosuchfile"], "command not found: './nosuchfile'", Category.CONFIG),
        (["./plain"], "'./plain' may not be executed", Category.CONFIG),
        (["./noformat"], "'./noformat' is not a program that this machine can run", Category.CONFIG),
        (["./nointerpreter"], "command not found: './nointerpreter'", Category.CONFIG),
        (["./folder"], "'./folder' may not be executed", Category.CONFIG),
        (["echo", "x" * 3_000_000], "the arguments and environment of 'echo' are too large", Category.VALIDATION),
        (["echo", "a\0b"], "argument 1 holds a NUL byte", Category.VALIDATION),
        (["echo", "\ud800"], "argument 1 has a character that is not text", Category.VALIDATION),
        ([], "there is no command to run", Category.CONFIG),
        ([""], "there is no command to run", Category.CONFIG),
    ],
)
async def test_what_cannot_be_started_is_told(
    start: Any, tmp_path: Path, argv: list[str], told: str, category: Category
) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    for name, content in [("noformat", "\1\2\3"), ("nointerpreter", "#!/no/such/interpreter\n")]:
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "folder").mkdir()
    before = _open_files()
    with pytest.raises(TaskError) as caught:
        await start(*argv)
    assert told in caught.value.message
    assert caught.value.category is category
    assert _open_files() == before


async def test_a_bad_folder_or_environment_is_told(start: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"cwd": tmp_path / "none"}, "none does not exist"),
        ({"cwd": tmp_path / "file"}, "file is not a folder"),
        ({"env": {"A=B": ""}}, "'A=B' cannot be the name"),
        ({"env": {"": ""}}, "'' cannot be the name"),
        ({"env": {"A": "\0"}}, "variable 'A' holds a NUL byte"),
    ]
    for changes, told in cases:
        with pytest.raises(TaskError, match=told):
            await start("true", **changes)


async def test_a_character_that_the_locale_lacks_is_told_as_that(start: Any, tmp_path: Path) -> None:
    code = """
import asyncio, pathlib
from nika_core.errors import TaskError
from nika_core.toolbox.process import run
try:
    asyncio.run(run(["echo", "\\u20ac"], run_id="test", cwd=pathlib.Path("."), env={}, keep=100))
except TaskError as error:
    print(error.message, error.hint)
"""
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0"}
    ended = await start(sys.executable, "-c", code, env={"PATH": os.environ["PATH"], **locale})
    assert "argument 1 has '\\u20ac', which the locale's encoding (ascii) does not have" in ended.stdout.text()
    assert "LC_ALL=C.UTF-8" in ended.stdout.text()
    with pytest.raises(TaskError, match="not text \\(a lone surrogate\\)"):
        await start("echo", "\ud800")


async def test_no_file_stays_open(sh: Any) -> None:
    await sh("true")
    before = _open_files()
    for _ in range(5):
        await sh("cat; sleep 9 & echo a", stdin=b"x", linger=0.01)
    assert _open_files() == before


async def test_without_pidfd_a_thread_waits(sh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert (await sh("exit 3")).exit_code == 3
    task = asyncio.ensure_future(sh("sleep 60"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_capture_keeps_the_beginning_and_the_end() -> None:
    capture = Capture(4)
    for piece in (b"ab", b"cdef", b"g" * 5000, b"h"):
        capture.feed(piece)
    assert (capture.head, capture.total, len(capture.tail)) == (b"abcd", 5007, 4096)
    assert capture.tail.endswith(b"gh")


def test_a_long_line_is_shown_in_pieces() -> None:
    shown: list[str] = []
    lines = LineShow(shown.append)
    lines.feed(b"x" * 5000)
    lines.feed(b"y")
    lines.flush()
    assert shown == ["x" * 5000, "y"]


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))
