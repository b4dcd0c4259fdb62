"""What the command line shows and keeps never holds a secret, nor a part of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECRET = "Zq9vLm3XtR7pWc5KbN2hJd8sYf4gQa6e"
LEAST = 6

Nika = Callable[..., Any]
Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", SECRET)


def parts_in(text: str) -> set[str]:
    """Return the parts of the secret that a text holds."""
    return {part for start in range(len(SECRET) - LEAST + 1) if (part := SECRET[start : start + LEAST]) in text}


@pytest.mark.parametrize(
    "arguments",
    [
        [SECRET],
        ["run", "w.nika.yaml", f"--bogus-{SECRET}"],
        ["run", "w.nika.yaml", "--format", SECRET],
        ["schema", SECRET],
        ["validate", SECRET],
        ["limits", SECRET],
        ["run", "w.nika.yaml", "--timeout", SECRET],
    ],
)
def test_a_usage_error_shows_no_secret(nika: Nika, arguments: list[str]) -> None:
    done = nika(*arguments)
    assert done.code == 2
    assert "***" in done.out + done.err
    assert not parts_in(done.out + done.err)


@pytest.mark.parametrize(
    "command",
    [
        "run w.nika.yaml --NAME",
        "run w.nika.yaml --max-concurrent NAME",
        "run NAME",
        "runs show NAME",
        "runs rm NAME",
        "resume NAME",
        "signal last NAME 1",
        "plugins show NAME",
        "limits NAME",
        "migrate NAME",
        "init /proc/NAME",
        "explain NAME",
    ],
)
def test_what_the_project_file_calls_a_secret_is_in_no_message(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("ACME_TOKEN")
    monkeypatch.setenv("ACME_CODE", SECRET)
    write("nika.yaml", "secrets: [ACME_CODE]\n")
    write("w.nika.yaml", "tasks: [{id: a, ask: m}]\n")
    nika("run", "w.nika.yaml") if "last" in command else None
    done = nika(*command.replace("NAME", SECRET).split())
    assert done.code != 0
    assert not parts_in(done.out + done.err)


@pytest.mark.parametrize("format_", ["pretty", "json", "jsonl"])
def test_a_model_that_is_called_like_a_secret_is_masked_in_figures(nika: Nika, write: Write, format_: str) -> None:
    block = {"model": "m", "provider": "mock", "systemPrompt": "s"}
    write("w.nika.yaml", json.dumps({"agent": block, "tasks": [{"id": "a", "llm": "x"}]}))
    done = nika("run", "w.nika.yaml", "-m", SECRET, "--format", format_)
    assert done.code == 0, done.err
    assert not parts_in(done.out + done.err)


@pytest.mark.parametrize(
    "task",
    [
        {"shell": "printf '%s%0570d' \"$ACME_TOKEN\" 0 >&2; exit 3"},
        {"shell": "printf '%0102330d%s%099d' 0 \"$ACME_TOKEN\" 0"},
        {"shell": "printf '%0175d%s' 0 \"$ACME_TOKEN\"", "output": {"format": "json"}},
        {"function": {"reference": "f.py::leave", "args": {"n": 170}}},
        {"function": {"reference": "f.py::crash", "args": {"n": 570}}},
        {"http": {"url": "http://127.0.0.1:9/", "method": "xxxxxxxxxxxxxxxxxxxx${env.ACME_TOKEN}"}},
    ],
)
def test_nothing_of_a_secret_is_left_where_a_step_cut_a_text(
    nika: Nika, write: Write, folder: Path, task: dict[str, Any]
) -> None:
    write(
        "f.py",
        """
        import os, sys
        def leave(n: int): sys.exit("x" * n + os.environ["ACME_TOKEN"])
        def crash(n: int):
            sys.stderr.write(os.environ["ACME_TOKEN"] + "x" * n); sys.stderr.flush(); os._exit(3)
        """,
    )
    write("w.nika.yaml", json.dumps({"tasks": [{"id": "a", **task}]}))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert not parts_in(done.out + done.err)
    for kept in (folder / ".nika").rglob("*"):
        assert kept.is_dir() or not parts_in(kept.read_bytes().decode("latin-1"))
