"""Runs one process with bounded pipes, and ends it with all that it started."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nika_core.toolbox.process.fork_servers import ForkServer
from nika_core.toolbox.process.pipes import Capture, LineShow, Reader, Writer
from nika_core.toolbox.process.process_tree import GRACE
from nika_core.toolbox.process.supervised import Supervised
from nika_core.values import dataclass

CHANNEL: Final = "NIKA_CHANNEL"  # environment variable: the number of the descriptor for a third output
LINGER: Final = 0.5  # seconds that a background child may hold the pipes when the process itself has ended


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
    server: ForkServer | None = None,
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

        server: forks the process in place of starting `argv`, as long as it is usable.

    Raises:
        TaskError: it cannot be started.
    """
    channel = None if keep_channel is None else CHANNEL
    process = await Supervised.start(
        argv, run_id, cwd, env, with_stdin=stdin is not None, merge_stderr=merge_stderr, channel=channel, server=server
    )
    output = _Output(process, keep, stdin, show, on_output, keep_channel)
    try:
        await process.end_of_leader()
        left_behind = await output.settle(linger, grace)
    except BaseException:
        await process.end_for_sure(grace)
        raise
    finally:
        output.close()
        process.close()
    return output.result(process.leader.ended.result(), left_behind)


class _Output:
    """What a process reads and writes, kept up to a bound."""

    def __init__(
        self,
        process: Supervised,
        keep: int,
        stdin: bytes | None,
        show: Callable[[str], None] | None,
        on_output: Callable[[], None] | None,
        keep_channel: int | None,
    ) -> None:
        self._process = process
        self.stdout, self.stderr, self.channel = Capture(keep), Capture(keep), Capture(keep_channel or 0)
        self._shows: list[LineShow] = []
        to_stdin, stdout, stderr, channel = process.pipes.ours
        sinks = [(stdout, self._sink(self.stdout, show))]
        if stderr is not None:
            sinks.append((stderr, self._sink(self.stderr, show)))
        if channel is not None:
            sinks.append((channel, self.channel.feed))
        self._readers = [Reader(pipe, sink if on_output is None else _noted(sink, on_output)) for pipe, sink in sinks]
        self._writer = Writer(to_stdin, stdin) if to_stdin is not None and stdin is not None else None

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

    async def settle(self, linger: float, grace: float) -> bool:
        """Read the rest of the output and end what is left. Return whether there was something."""
        open_pipes = [reader.ended for reader in self._readers if not reader.ended.done()]
        if open_pipes:
            await asyncio.wait(open_pipes, timeout=linger)
        if not self._process.family.anyone():
            return False
        await self._process.family.end(grace)
        return True

    def close(self) -> None:
        if self._writer:
            self._writer.close()
        for reader in self._readers:
            reader.close()
        for lines in self._shows:
            lines.flush()

    def result(self, code: int, left_behind: bool) -> ProcessResult:
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
