"""For authors of commands that serve something to programs on the same machine: where they listen."""

from __future__ import annotations

import errno
import socket
from typing import Final

from nika_core.errors import UsageError

__all__ = ["LOOPBACK", "listen_on_loopback"]

LOOPBACK: Final = "127.0.0.1"


def listen_on_loopback(port: int) -> socket.socket:
    """Return a socket that listens on `LOOPBACK`, so that a port that is taken is an error before anything is printed.

    Args:
        port: 0 takes a free one.

    Raises:
        UsageError: the port is taken, or this user may not use it.
    """
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            reason = "is taken" if error.errno == errno.EADDRINUSE else "may not be used"
            raise UsageError(f"port {port} {reason}", hint="name another one, or leave `--port` out") from error
        raise UsageError(f"cannot listen on {LOOPBACK}: {error.strerror or error}") from error
    return listener
