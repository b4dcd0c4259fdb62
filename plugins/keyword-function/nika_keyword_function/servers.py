"""The fork servers of a run: one for each environment, folder and preloaded file. Linux only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from nika_core.plugin import StepContext
from nika_core.toolbox.process import FORKING, ForkServer, fork_server
from nika_keyword_function.preloading import Preload

_MOST: Final = 8  # in a run; each takes some 10 MB
_Wanted = tuple[str, frozenset[tuple[str, str]], Preload | None]


class _Known:
    """The numbers of the servers that a run has."""

    def __init__(self) -> None:
        self.numbers: dict[_Wanted, int] = {}
        self.count = 0
        self.refused: set[Preload] = set()

    def number(self, wanted: _Wanted) -> int | None:
        """Return the number of a server, perhaps a new one; None: there are enough."""
        if wanted not in self.numbers:
            if self.count == _MOST:
                return None
            self.count += 1
            self.numbers[wanted] = self.count
        return self.numbers[wanted]


@asynccontextmanager
async def _known() -> AsyncIterator[_Known]:
    yield _Known()


async def server_for(
    context: StepContext,
    worker: Sequence[str],
    env: Mapping[str, str],
    request: Mapping[str, str],
    preload: Preload | None,
) -> ForkServer | None:
    """Return what forks a process for a call; None: it is started by itself.

    Args:
        worker: the program.
        env: of all calls: without the variables of a task.
        request: which function is called, without its arguments.
        preload: the file that is to be loaded first.
    """
    known = await context.resource("function:servers", _known)
    variables = frozenset(env.items())
    while True:
        if preload in known.refused:
            preload = None
        wanted: _Wanted = (str(context.folder), variables, preload)
        number = known.number(wanted)
        if number is None:
            return None
        loaded = {name: request[name] for name in ("kind", "where", "path", "stem", "beside", "folder")}
        argv = [*worker, FORKING, json.dumps(loaded if preload else {})]
        server = await context.resource(
            f"function:server:{number}",
            lambda argv=argv: fork_server(argv, run_id=context.run_id, cwd=context.folder, env=env),  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )
        if server is None:
            return None
        if preload and server.reason:
            if preload not in known.refused:
                known.refused.add(preload)
                context.notice(f"{request['where']} is not preloaded: {server.reason}")
        elif preload and server.usable and server.outdated():
            if known.numbers.get(wanted) == number:
                del known.numbers[wanted]
        else:
            return server
