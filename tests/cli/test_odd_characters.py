"""JSON is JSON whatever the locale, and no invisible character of an argument reaches a terminal."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core.cli.console import print_json
from nika_core.model.text import UNSAFE
from tests.cli.conftest import Nika

ODD = "\u202e\u200b\u2066\x1b[31m\u2028x\u2029\x85\ufeff"
VALUE = {"é": "ö 😀 \u2028\u2029\u202e\x85 +AGE- \\ \ud800"}


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "UTF8", "ascii", "latin-1", "utf-16", "utf-32", "utf-7", "cp037", "utf-8-sig", "shift_jis", "gb18030"],
)
@pytest.mark.parametrize("errors", ["strict", "ignore", "replace", "surrogateescape"])
def test_json_is_utf_8_whatever_the_encoding_of_stdout(
    monkeypatch: pytest.MonkeyPatch, encoding: str, errors: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, errors=errors))
    print_json(VALUE, indent=None)
    text = written.getvalue().decode("utf-8")
    assert json.loads(text) == VALUE
    assert len(text.splitlines()) == 1
    assert not UNSAFE.search(text.rstrip("\n"))


@pytest.mark.parametrize(
    "command",
    ["run NAME", "validate NAME", "plan NAME", "runs list", "runs show", "resume last", "plugins lock", "migrate NAME"],
)
def test_the_names_of_files_and_folders_show_no_invisible_character(
    nika: Nika, write: Callable[[str, str], Path], folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    odd = "w\u202e\u3164\u200b\x1b[31m"
    write(f"{odd}/{odd}.nika.yaml", "tasks: [{id: a, fail: no}]\n")
    monkeypatch.chdir(folder / odd)
    shown = nika("runs", "list") if command == "runs list" else nika("run", f"{odd}.nika.yaml")
    assert not UNSAFE.search(shown.out + shown.err)
    done = nika(*command.replace("NAME", f"{odd}.nika.yaml").split())
    assert "Traceback" not in done.err
    assert not UNSAFE.search(done.out + done.err)


@pytest.mark.parametrize(
    "arguments",
    [
        [ODD],
        [f"--{ODD}"],
        ["run", f"--{ODD}"],
        ["run", "-\u202e"],
        ["run", "w.nika.yaml", ODD],
        ["run", "w.nika.yaml", f"--mock{ODD}"],
        ["run", "w.nika.yaml", "--format", ODD],
        ["run", "w.nika.yaml", f"--format={ODD}"],
        ["run", "w.nika.yaml", "--max-concurrent", ODD],
        ["run", "w.nika.yaml", "-i", ODD],
        ["run", ODD],
        ["run", "-C", ODD],
        ["runs", ODD],
        ["runs", "show", ODD],
        ["runs", "list", "--older-than", ODD],
        ["plugins", "list", f"--{ODD}"],
        ["explain", ODD],
        ["graph", "w.nika.yaml", "--format", ODD],
        ["schema", ODD],
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:40],
)
def test_a_usage_error_shows_invisible_characters_as_escapes(
    nika: Nika, write: Callable[[str, str], Path], arguments: list[str]
) -> None:
    write("w.nika.yaml", "tasks: [{id: a, set: 1}]\n")
    done = nika(*arguments)
    assert done.code == 2
    shown = done.out + done.err
    assert not UNSAFE.search(shown)
    assert "202e" in shown.lower()
