"""Rules about commands: words count only if no shell makes more of them."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_shell.facets import ShellFacets
from nika_keyword_shell.facets import _payload as payload_of

CHARACTERS = st.sampled_from([*list("ab -./='\"$`\\;&|<>(){}*?[]~#!\n\t%^:,@_"), "é", "git", "\u202e"])


def words(**arguments: Any) -> Any:
    return ShellFacets().call_fields(payload_of(arguments)).get("argv")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git log", ["git", "log"]),
        ("  git   log --oneline ", ["git", "log", "--oneline"]),
        ("git log 'a b' \"c d\"e", ["git", "log", "a b", "c de"]),
        ("git log ''", ["git", "log", ""]),
        ("'A=b' c", ["A=b", "c"]),
        ("printf '%s' -v", ["printf", "%s", "-v"]),
        ("test -f 'a[$(x)]'", ["test", "-f", "a[$(x)]"]),
    ],
)
def test_a_plain_command_has_words(command: str, expected: list[str]) -> None:
    assert words(command=command) == expected


@pytest.mark.parametrize(
    "command",
    [
        *("git log; rm x", "git log && rm x", "git log | sh", "git log > x", "git log < x", "git log &", "(git log)"),
        *("git log $HOME", "git log $(rm x)", "git log `rm x`", 'git log "$x"', "git log *", "git log ~", "git log ?"),
        *("PAGER=x git log", "git log # x", "git log\nrm x", "git log \\", "git log {a,b}", "git log [a]", "!git log"),
        *("eval 'git log; rm x'", "command rm x", "exec rm x", ". ./x", "source x", "trap 'rm x' EXIT", "time rm x"),
        *("printf -v 'a[$(rm x)]' y", "test -v 'a[$(rm x)]'", "[ -v 'a[$(rm x)]' ]", "unset 'a[$(rm x)]'", "'eval' x"),
        *("git log 'a", 'git log "a', "git log 'a\nb'", "git\u00a0log", "{ git log; }", "", "  "),
    ],
)
def test_a_command_of_which_a_shell_makes_more_has_none(command: str) -> None:
    assert words(command=command) is None


@given(st.lists(CHARACTERS, min_size=1, max_size=8).map("".join))
def test_words_are_what_the_shell_runs(command: str) -> None:
    found = words(command=command)
    if found is None:
        return
    assert found == shlex.split(command)
    shown = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True
    ).stdout
    assert shown.split("\0")[:-1] == found


def test_argv_is_its_words_and_another_folder_has_none() -> None:
    assert words(argv=["git", "log; rm x"]) == ["git", "log; rm x"]
    assert words(argv=["git", "log"], workingDir="/tmp/other") is None
    assert words(command="git log", workingDir="other") is None
    assert words(command="git log", workingDir=".") == ["git", "log"]
