"""The rules for every keyword, tried on shell."""

from __future__ import annotations

import pytest

from nika_core.model.json import JsonObject
from nika_core.testing.keyword_kit import KeywordConformance

COMMAND: JsonObject = {"command": "printf '%s\\n' hello", "env": {"A": "b"}, "capture": "stdout"}
ARGV: JsonObject = {"argv": ["printf", "%s", "hello"], "stdin": {"a": [1]}, "workingDir": ".", "capture": "json"}
SLOW: JsonObject = {"command": "setsid sleep 60 & sleep 60"}
LARGE: JsonObject = {"command": "head -c 110000000 /dev/zero | tr '\\0' x"}


@pytest.mark.measures_processes
class TestShell(KeywordConformance):
    word = "shell"
    payload = COMMAND
    slow = SLOW
    large = LARGE


class TestArgv(KeywordConformance):
    word = "shell"
    payload = ARGV
