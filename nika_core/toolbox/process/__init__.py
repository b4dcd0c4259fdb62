"""Runs processes for plugins: bounded output, one process group each, and nothing that outlives the call.

    ended = await run(
        ["git", "log"],
        run_id=context.run_id,
        cwd=context.folder,
        env={**context.environ, **context.env},  # with the variables of the workflow's `env`
        keep=100_000,
        on_output=context.heartbeat,  # it is not idle while it writes
    )

Whatever happens (the process ends, its time is over, the task is cancelled, `run` itself fails), the process, its group
and everything else that it started is gone when `run` is left: TERM, a grace period, KILL.

A program that takes long to start can be a `fork_server`, which forks a process for each call.

`GRACE` is that period, in seconds. `MARK` is the environment variable by which everything that a run started is found
again, and `CHANNEL` the one that names the descriptor of a third output, if one was asked for. `FORKING` is the path of
the module by which a program becomes a fork server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nika_core.toolbox.process.conversation import RunningProcess, open_process
    from nika_core.toolbox.process.fork_servers import FORKING, ForkServer, fork_server
    from nika_core.toolbox.process.proc import MARK
    from nika_core.toolbox.process.process_tree import GRACE
    from nika_core.toolbox.process.running import CHANNEL, Captured, ProcessResult, run
    from nika_core.toolbox.process.sweeping import marked, sweep

__all__ = [
    "CHANNEL",
    "FORKING",
    "GRACE",
    "MARK",
    "Captured",
    "ForkServer",
    "ProcessResult",
    "RunningProcess",
    "fork_server",
    "marked",
    "open_process",
    "run",
    "sweep",
]
# The command line needs one module of this package for each run, and the rest only if something is started.
_MODULES = {
    "FORKING": "fork_servers",
    "ForkServer": "fork_servers",
    "GRACE": "process_tree",
    "MARK": "proc",
    "RunningProcess": "conversation",
    "fork_server": "fork_servers",
    "marked": "sweeping",
    "open_process": "conversation",
    "sweep": "sweeping",
}


if not TYPE_CHECKING:  # a type checker that sees it takes every misspelt name for right

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'running')}"), name)
        globals()[name] = value
        return value
