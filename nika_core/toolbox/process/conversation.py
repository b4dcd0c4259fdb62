"""A process that one talks to for as long as the run needs it, such as a server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from nika_core.toolbox.process.process_tree import GRACE
from nika_core.toolbox.process.supervised import Supervised


class RunningProcess:
    """A process with its three pipes. Call `end` when it is no longer needed; otherwise it is ended with the run.

    Attributes:
        stdin: what it reads; writing raises ConnectionError if it has ended.
        stdout, stderr: what it writes. It waits if nobody reads.
    """

    def __init__(
        self,
        process: Supervised,
        stdin: asyncio.StreamWriter,
        stdout: tuple[asyncio.StreamReader, asyncio.ReadTransport],
        stderr: tuple[asyncio.StreamReader, asyncio.ReadTransport],
    ) -> None:
        self._process = process
        self.stdin = stdin
        self.stdout, self._stdout_pipe = stdout
        self.stderr, self._stderr_pipe = stderr

    @property
    def pid(self) -> int:
        """Return its number, which is also that of its process group and session."""
        return self._process.leader.pid

    @property
    def returncode(self) -> int | None:
        """Return its exit code, or the negative number of the signal that ended it; None: it still runs."""
        ended = self._process.leader.ended
        if not ended.done():
            return None
        return -9 if ended.exception() is not None else ended.result()

    async def wait(self) -> int:
        """Return its exit code when it has ended, even if others hold its pipes open."""
        return await asyncio.shield(self._process.leader.ended)

    async def end(self, grace: float = GRACE) -> None:
        """Close its stdin, give it `grace` seconds to end, then end it and all that it started: TERM, `grace`, KILL."""
        self.stdin.close()
        try:
            if self.returncode is None:
                await asyncio.wait({self._process.leader.ended}, timeout=grace)
            if self.returncode is None or self._process.family.anyone():
                await self._process.family.end(grace)
        except BaseException:
            await self._process.end_for_sure(0.0)
            raise
        finally:
            self.close()

    def kill(self) -> None:
        """Kill it and all that it started, at once."""
        self._process.family.kill_now()

    def close(self) -> None:
        """Close its pipes, and look after it no longer."""
        for pipe in (self.stdin.transport, self._stdout_pipe, self._stderr_pipe):
            pipe.close()
        self._process.close()


async def open_process(
    argv: Sequence[str], *, run_id: str, cwd: Path, env: Mapping[str, str], limit: int = 65_536
) -> RunningProcess:
    """Start a process in a session of its own.

    Args:
        run_id: of the run that it belongs to, at whose end it is ended at the latest, also if Nika is killed.
        env: its whole environment. `NIKA_PROCESS` is added to it.
        limit: bytes that are read ahead.

    Raises:
        TaskError: it cannot be started.
    """
    process = await Supervised.start(argv, run_id, cwd, env, with_stdin=True)
    to_stdin, from_stdout, from_stderr, _ = process.pipes.ours
    assert to_stdin is not None
    assert from_stderr is not None
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), loop=loop),
            os.fdopen(to_stdin, "wb", 0),
        )
        stdin = asyncio.StreamWriter(transport, protocol, None, loop)
        return RunningProcess(process, stdin, await _reader(from_stdout, limit), await _reader(from_stderr, limit))
    except BaseException:
        await process.end_for_sure(0.0)
        process.close()
        raise


async def _reader(descriptor: int, limit: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    pipe = os.fdopen(descriptor, "rb", 0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader, loop=loop), pipe)
    return reader, transport
