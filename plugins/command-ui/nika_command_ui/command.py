"""`nika ui`: serves a page with the project's runs on this machine, until it is stopped."""

from __future__ import annotations

import secrets
import webbrowser
from typing import Annotated, Final

import typer
import uvicorn

from nika_command_ui.access import Access
from nika_command_ui.history import History
from nika_command_ui.server import make_app
from nika_core.plugin import CommandContext
from nika_core.toolbox.serving import LOOPBACK, listen_on_loopback

TOKEN_BYTES: Final = 24
SHUTDOWN_SECONDS: Final = 1  # for pages that are open; they connect again


def ui(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = 0,
    open_: Annotated[bool, typer.Option("--open", help="Also open the page in the browser.")] = False,
) -> None:
    """Show the project's runs in the browser.

    The page is served on 127.0.0.1 only, and only to those who have the printed address, which contains a token.
    Nothing on the page changes a run but the answers to its questions.
    """
    nika: CommandContext = context.obj
    history = History(nika.folder)
    with listen_on_loopback(port) as listener:
        number = listener.getsockname()[1]
        access = Access(token=secrets.token_urlsafe(TOKEN_BYTES), port=number)
        server = server_of(history, access)
        address = f"http://{LOOPBACK}:{number}/?token={access.token}"
        nika.terminal.print_message(f"Runs of {history.project}, until you press Ctrl-C:")
        nika.terminal.print_data(address)
        if open_ and not webbrowser.open(address):
            nika.terminal.print_message("No browser could be opened: open the address yourself.")
        try:
            server.run(sockets=[listener])
        finally:
            history.let_go()


def server_of(history: History, access: Access) -> uvicorn.Server:
    """Return the server of a history, to be run with a socket that listens."""
    return uvicorn.Server(
        uvicorn.Config(
            make_app(history, access),
            loop="asyncio",
            http="h11",
            ws="none",  # there are none, and what serves them takes 4 MB
            log_config=None,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
