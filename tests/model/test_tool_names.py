"""Names in allowedTools."""

from __future__ import annotations

import pytest

from nika_core.model.tools import covers


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("shell", "shell", True),
        ("shell", "shells", False),
        ("mcp", "mcp::files::read", True),
        ("mcp::files", "mcp::files::read", True),
        ("mcp::file", "mcp::files::read", False),
        ("mcp::files::*", "mcp::files::read", True),
        ("mcp::files::*", "mcp::files::*", True),
        ("mcp::files::*", "mcp::other::read", False),
        ("mcp::*", "mcp::files::*", True),
        ("mcp::files::*", "mcp::*", False),
        ("mcp::files::re*", "mcp::files::read", True),
        ("*", "anything::at::all", True),
        ("mcp::*::delete", "mcp::files::delete", True),
        ("mcp::*::delete", "mcp::files::read", False),
        ("mcp::*::delete", "mcp::files::*", False),
        ("mcp::files::[rw]*", "mcp::files::read", False),
        ("mcp::files::read", "mcp::files", False),
    ],
)
def test_a_name_covers_itself_and_what_stands_below_it(outer: str, inner: str, expected: bool):
    assert covers(outer, inner) is expected
