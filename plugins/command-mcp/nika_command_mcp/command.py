"""`nika mcp`: serves workflows as MCP tools, over stdio or on this machine over HTTP, until it is stopped."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvicorn
from mcp.server.stdio import stdio_server

from nika_command_mcp.catalog import served_workflows
from nika_command_mcp.http import PATH, make_app
from nika_command_mcp.runs import ServedRuns
from nika_command_mcp.server import WorkflowServer
from nika_command_mcp.stdio import ClientLines, ServerLines, own_stdin
from nika_core import UsageError
from nika_core.plugin import CommandContext, Terminal
from nika_core.toolbox.serving import LOOPBACK, listen_on_loopback

TOKEN_VARIABLE: Final = "NIKA_MCP_TOKEN"  # noqa: S105  # the name of a variable
_TOKEN_BYTES: Final = 24
_SHORTEST: Final = 16  # characters of a token
_WAIT: Final = 50.0  # seconds: many clients give up after 60
_MOST: Final = 10
_SHUTDOWN_SECONDS: Final = 1


def mcp(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]...", help="Workflow files and folders; without one, those of this folder."),
    ] = None,
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP on 127.0.0.1, in place of stdio.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --http: the port; 0: any that is free.")] = 0,
    wait: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Seconds after which a call returns and its run goes on.")
    ] = _WAIT,
    max_runs: Annotated[int, typer.Option("--max-runs", min=1, help="Runs at once.")] = _MOST,
) -> None:
    """Serve workflows as MCP tools: their inputs are the arguments, their outputs the results.

    Over stdio, stdout belongs to the protocol, and the server ends with its client. Over HTTP, clients need the printed
    token, or that of NIKA_MCP_TOKEN.
    """
    nika: CommandContext = context.obj
    if port and not http:
        raise UsageError("--port is for --http", hint="give --http, too")
    workflows = served_workflows(files or [nika.folder], nika.workspace)
    runs = ServedRuns([each.path.absolute() for each in workflows.values()], max_runs)
    server = WorkflowServer(workflows, runs, wait, version("nika-command-mcp"))
    nika.terminal.print_message(f"Serving {', '.join(workflows)}")
    if http:
        token = _token(nika.environ.get(TOKEN_VARIABLE))
        with listen_on_loopback(port) as listener:
            number = listener.getsockname()[1]
            nika.terminal.print_message(f"address: http://{LOOPBACK}:{number}{PATH}/")
            if TOKEN_VARIABLE not in nika.environ:
                nika.terminal.print_message(f"header:  Authorization: Bearer {token}")
            asyncio.run(_serve_http(server, runs, listener, token))
    else:
        asyncio.run(_serve_stdio(server, runs, nika.terminal))


def _token(given: str | None) -> str:
    if given is None:
        return secrets.token_urlsafe(_TOKEN_BYTES)
    if len(given) < _SHORTEST or not given.isascii() or not given.isprintable() or " " in given:
        raise UsageError(f"{TOKEN_VARIABLE} must be at least {_SHORTEST} printable ASCII characters without a space")
    return given


async def _serve_stdio(server: WorkflowServer, runs: ServedRuns, terminal: Terminal) -> None:
    loop = asyncio.get_running_loop()
    lines = ServerLines(terminal)
    serving = asyncio.ensure_future(_over_stdio(server.server, lines))
    lines.when_gone = serving.cancel
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        pass  # stopped by a signal, or the client has gone
    finally:
        await runs.close()
    if lines.fault is not None:
        raise lines.fault


async def _over_stdio(server: Any, lines: ServerLines) -> None:
    with own_stdin() as stream:
        read: Any = ClientLines(stream, lines)
        written: Any = lines
        async with stdio_server(stdin=read, stdout=written) as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


async def _serve_http(server: WorkflowServer, runs: ServedRuns, listener: socket.socket, token: str) -> None:
    config = uvicorn.Config(
        make_app(server.server, token, listener.getsockname()[1], runs.close),
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    await uvicorn.Server(config).serve(sockets=[listener])
