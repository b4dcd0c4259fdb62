"""A command that serves listens on this machine only, and a port that it cannot have is a clear error."""

from __future__ import annotations

import os
import socket

import pytest

from nika_core.errors import UsageError
from nika_core.toolbox.serving import LOOPBACK, listen_on_loopback


def test_it_listens_on_this_machine_alone() -> None:
    with listen_on_loopback(0) as listener:
        host, port = listener.getsockname()
        with socket.create_connection((LOOPBACK, port), timeout=60):
            assert host == "127.0.0.1"


def test_a_port_that_is_taken_is_named_with_a_way_out() -> None:
    with listen_on_loopback(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken") as failed:
            listen_on_loopback(port)
    assert "--port" in str(failed.value.hint)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every port")
def test_a_port_that_this_user_may_not_use_is_named() -> None:
    with pytest.raises(UsageError, match="port 1 may not be used"):
        listen_on_loopback(1)
