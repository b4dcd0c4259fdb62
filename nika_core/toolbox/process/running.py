"""Runs one process with bounded pipes, and ends it with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nika_core.toolbox.process.family import (
    GRACE,
    Family,
    leader_ended,
    leader_started,
    mark_prefix,
    reap_strays,
    sweep,
)
from nika_core.toolbox.process.pipes import Capture, LineShow, Reader, Writer
from nika_core.toolbox.process.start import start_process
from nika_core.toolbox.process.table import MARK
from nika_core.values import dataclass

__all__ = ["CHANNEL", "GRACE", "MARK", "Captured", "ProcessResult", "marked", "run", "sweep"]

CHANNEL: Final = "NIKA_CHANNEL"  # environment variable: the number of the descriptor for a third output
LINGER: Final = 0.5  # seconds that a background child may hold the pipes when the process itself has ended
_BURY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Captured:
    """What came through one pipe.

    Attributes:
        data: the first bytes, as many as were asked for.
        tail: the last 4 KiB.
        total: how many bytes came in all.
    """

    data: bytes = b""
    tail: bytes = b""
    total: int = 0

    @property
    def complete(self) -> bool:
        """Return whether nothing was left out."""
        return self.total == len(self.data)

    def text(self) -> str:
        """Return the first bytes as UTF-8; invalid ones become U+FFFD."""
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a process ended.

    Attributes:
        exit_code: 128 + `signal` if a signal ended it, as a shell says.
        signal: the number of the signal that ended it; None: it ended by itself.
        stdout, stderr: what it wrote.
        channel: what it wrote to the third output.
        left_behind: whether something that it had started was still there, and was ended.
    """

    exit_code: int
    signal: int | None
    stdout: Captured
    stderr: Captured
    channel: Captured
    left_behind: bool

    @property
    def signal_name(self) -> str | None:
        """Return the name of the signal that ended it (`SIGKILL`), or None."""
        if self.signal is None:
            return None
        try:
            return signal.Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"


def marked(env: Mapping[str, str], run_id: str) -> dict[str, str]:
    """Return `env` with a new mark of the run, for a process that is not started by `run`.

    At the end of the run it and everything that it started are ended, see `sweep`.
    """
    mark = mark_prefix(run_id) + secrets.token_hex(8)
    outer = os.environ.get(MARK, "")  # this Nika may itself be a task of another one
    environment = {name: value for name, value in env.items() if name != MARK}
    return environment | {MARK: f"{outer} {mark}".strip()}


async def run(
    argv: Sequence[str],
    *,
    run_id: str,
    cwd: Path,
    env: Mapping[str, str],
    keep: int,
    stdin: bytes | None = None,
    merge_stderr: bool = False,
    show: Callable[[str], None] | None = None,
    on_output: Callable[[], None] | None = None,
    keep_channel: int | None = None,
    grace: float = GRACE,
    linger: float = LINGER,
) -> ProcessResult:
    """Run a process to its end.

    Args:
        run_id: of the run that it belongs to; see `sweep`.
        env: its whole environment. `NIKA_PROCESS` is added to it.
        keep: bytes of stdout, and as many of stderr, that are kept. All is read: a process never waits for us.
        stdin: what it can read; None: nothing.
        merge_stderr: both into `stdout`, in the order in which they came.
        show: is given stdout and stderr line by line as they come, up to `keep` bytes.
        on_output: called whenever it has written something: `StepContext.heartbeat`.
        keep_channel: bytes to keep of a third output, whose descriptor the variable `NIKA_CHANNEL` names.
        grace: seconds between TERM and KILL.
        linger: seconds that background children may hold the pipes after the process itself has ended.

    Raises:
        TaskError: it cannot be started.
    """
    child = _Child(argv, run_id, cwd, env, keep, stdin, merge_stderr, show, on_output, keep_channel)
    try:
        await child.end_of_leader()
        left_behind = await child.settle(linger, grace)
    except BaseException:
        await _to_the_end(child.end(grace), child.kill_now)
        raise
    finally:
        child.close()
    return child.result(left_behind)


class _Child:
    def __init__(
        self,
        argv: Sequence[str],
        run_id: str,
        cwd: Path,
        env: Mapping[str, str],
        keep: int,
        stdin: bytes | None,
        merge_stderr: bool,
        show: Callable[[str], None] | None,
        on_output: Callable[[], None] | None,
        keep_channel: int | None,
    ) -> None:
        environment = marked(env, run_id)
        mark = environment[MARK].split()[-1]
        started = start_process(
            argv, cwd, environment, stdin is not None, merge_stderr, CHANNEL if keep_channel else None
        )
        self._popen = started.popen
        leader_started(self._popen.pid)
        self._family = Family(self._popen.pid, mark)
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watched: int | None = None
        self.stdout, self.stderr, self.channel = Capture(keep), Capture(keep), Capture(keep_channel or 0)
        self._shows: list[LineShow] = []
        sinks = [(started.stdout, self._sink(self.stdout, show))]
        if started.stderr is not None:
            sinks.append((started.stderr, self._sink(self.stderr, show)))
        if started.channel is not None:
            sinks.append((started.channel, self.channel.feed))
        self._readers = [Reader(pipe, sink if on_output is None else _noted(sink, on_output)) for pipe, sink in sinks]
        self._writer = Writer(started.stdin, stdin) if started.stdin is not None and stdin is not None else None
        self._watch()

    def _sink(self, capture: Capture, show: Callable[[str], None] | None) -> Callable[[bytes], None]:
        if show is None:
            return capture.feed
        lines = LineShow(show)
        self._shows.append(lines)

        def sink(data: bytes) -> None:
            was_full = capture.full
            capture.feed(data)
            if not was_full:
                lines.feed(data)

        return sink

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._watched = os.pidfd_open(self._popen.pid)
        except (AttributeError, OSError):  # not Linux, or an old kernel, or no descriptor left: a thread waits

            def wait() -> None:
                self._popen.wait()
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(self._bury)

            import threading

            threading.Thread(target=wait, name=f"wait-{self._popen.pid}", daemon=True).start()
        else:
            loop.add_reader(self._watched, self._bury)

    def _bury(self) -> None:
        code = self._popen.poll()
        if code is None:
            return
        leader_ended(self._popen.pid)
        self._unwatch()
        if not self._ended.done():
            self._ended.set_result(code)

    def _unwatch(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            os.close(self._watched)
            self._watched = None

    async def end_of_leader(self) -> None:
        while not self._ended.done():
            await asyncio.wait({self._ended}, timeout=_BURY_SECONDS)
            reap_strays(_BURY_SECONDS)

    async def settle(self, linger: float, grace: float) -> bool:
        """Read the rest of the output and end what is left. Return whether there was something."""
        open_pipes = [reader.ended for reader in self._readers if not reader.ended.done()]
        if open_pipes:
            await asyncio.wait(open_pipes, timeout=linger)
        if not self._family.anyone():
            return False
        await self._family.end(grace)
        return True

    async def end(self, grace: float) -> None:
        await self._family.end(grace)

    def kill_now(self) -> None:
        self._family.kill_now()

    def close(self) -> None:
        if self._writer:
            self._writer.close()
        for reader in self._readers:
            reader.close()
        for lines in self._shows:
            lines.flush()
        self._bury()
        self._unwatch()

    def result(self, left_behind: bool) -> ProcessResult:
        code = self._ended.result()
        return ProcessResult(
            exit_code=128 - code if code < 0 else code,
            signal=-code if code < 0 else None,
            stdout=_captured(self.stdout),
            stderr=_captured(self.stderr),
            channel=_captured(self.channel),
            left_behind=left_behind,
        )


def _noted(sink: Callable[[bytes], None], on_output: Callable[[], None]) -> Callable[[bytes], None]:
    def noted(data: bytes) -> None:
        on_output()
        sink(data)

    return noted


def _captured(capture: Capture) -> Captured:
    return Captured(capture.head, capture.tail, capture.total)


async def _to_the_end(work: Awaitable[None], hurry: Callable[[], None]) -> None:
    """Wait for `work` although this task is cancelled; if it is cancelled again, call `hurry`."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            hurry()
        except Exception:  # the gentle way has failed; what made us end is what is raised
            hurry()
