from __future__ import annotations

import sys
from pathlib import Path

from nika_core.testing import KeywordConformance

SERVER = str(Path(__file__).with_name("small_mcp_server.py"))


class TestMcp(KeywordConformance):
    word = "mcp"
    root = {"mcpServers": {"small": {"command": sys.executable, "args": [SERVER]}}}
    payload = {"reference": "small::say", "args": {"text": "hello"}}
    slow = {"reference": "small::wait", "args": {"folder": ".", "seconds": 600}}
    secret = {"reference": "small::say", "args": {"text": "${env.NIKA_CONFORMANCE_TOKEN}"}}
