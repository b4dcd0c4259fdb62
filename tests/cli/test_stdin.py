"""`-` is standard input wherever a file is taken: read once, for one of a command's files."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .conftest import Nika

TEXT = "inputs: {a: {default: b}}\ntasks:\n  - {id: t, set: '${input.a}'}\n"
CASES = "workflow: w.nika.yaml\ncases:\n  - {name: says b, expect: [{equals: b}]}\n"
V4 = "tasks:\n  - id: build\n    shell:\n      command: make build\n    config: {timeout: 10m}\n"


Feed = Callable[..., None]


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Feed:
    (folder / "w.nika.yaml").write_text(TEXT)

    def feed(text: str, kind: type[io.TextIOWrapper] = io.TextIOWrapper) -> None:
        monkeypatch.setattr(sys, "stdin", kind(io.BytesIO(text.encode())))

    return feed


def test_a_workflow_is_validated_planned_and_drawn(nika: Nika, feed: Feed) -> None:
    feed(TEXT)
    assert nika("validate", "-", "--format", "json").json["files"][0]["valid"] is True
    feed("tasks:\n  - {id: x, sett: 1}")
    bad = nika("validate", "-")
    assert (bad.code, "<text>:2" in bad.out + bad.err) == (2, True)
    feed(TEXT)
    assert "t  set" in nika("plan", "-").out
    feed(TEXT)
    assert nika("graph", "-").out.split() == ["<text>", "○", "t", "set"]


def test_files_are_validated_beside_it(nika: Nika, feed: Feed) -> None:
    feed(TEXT)
    assert [each["path"] for each in nika("validate", "w.nika.yaml", "-", "--format", "json").json["files"]] == [
        "w.nika.yaml",
        "<text>",
    ]


def test_a_test_file_is_run_and_has_to_name_its_workflow(nika: Nika, feed: Feed) -> None:
    feed(CASES)
    passed = nika("test", "-")
    assert (passed.code, "says b" in passed.out) == (0, True)
    feed(CASES.partition("\n")[2])
    unnamed = nika("test", "-")
    assert (unnamed.code, "names its workflow" in unnamed.err) == (2, True)


def test_the_report_for_ci_goes_to_standard_output_alone(nika: Nika, feed: Feed, folder: Path) -> None:
    feed(CASES)
    done = nika("test", "-", "--junit", "-")
    assert ET.fromstring(done.out).find("testsuite/testcase").get("name") == "says b"  # our own
    assert "all passed" in done.err
    assert not (folder / "-").exists()
    feed(CASES)
    both = nika("test", "-", "--junit", "-", "--format", "json")
    assert (both.code, "both write to stdout" in both.err) == (2, True)


def test_a_file_of_v4_is_migrated_like_a_filter(nika: Nika, feed: Feed, folder: Path) -> None:
    feed(V4)
    shown = nika("migrate", "-")
    assert shown.out.startswith("--- <stdin>")
    feed(V4)
    new = nika("migrate", "-", "--write").out
    (folder / "old.nika.yaml").write_text(V4)
    nika("migrate", "old.nika.yaml", "--write")
    assert new == (folder / "old.nika.yaml").read_text()
    assert not (folder / "-").exists()


@pytest.mark.parametrize(
    ("arguments", "text", "takers"),
    [
        (("run", "-", "-i", "a=@-"), TEXT, "-i a=@-, and for the workflow"),
        (("run", "w.nika.yaml", "-i", "a=@-", "-i", "b=@-"), "", "-i a=@-, and for -i b=@-"),
        (("run", "w.nika.yaml", "--inputs", "-", "-i", "a=@-"), "a: 1", "--inputs, and for -i a=@-"),
        (("run", "-", "--env-file", "-"), "A=1", "--env-file, and for the workflow"),
        (("plan", "-", "--inputs", "-"), "a: 1", "--inputs, and for the workflow"),
    ],
)
def test_it_is_not_taken_twice_and_the_error_names_both(
    arguments: tuple[str, ...], text: str, takers: str, nika: Nika, feed: Feed
) -> None:
    feed(text)
    done = nika(*arguments)
    assert done.code == 2
    assert f"standard input is taken twice: for {takers}" in done.err


def test_a_second_command_of_the_same_process_reads_it_again(nika: Nika, feed: Feed) -> None:
    for _ in range(2):
        feed("text")
        assert nika("run", "w.nika.yaml", "-i", "a=@-").out == "text\n"


def test_on_a_terminal_the_command_says_that_it_waits(nika: Nika, feed: Feed) -> None:
    feed(TEXT, Terminal)
    done = nika("validate", "-")
    assert (done.code, "reading the workflow from the terminal" in done.err) == (0, True)
    feed(TEXT)
    assert "terminal" not in nika("validate", "-").err


@pytest.mark.parametrize("option", [("--key", "k"), ("--if-running", "skip"), ("--only", "t")])
def test_a_workflow_that_is_read_has_no_history_which_the_error_says(
    option: tuple[str, str], nika: Nika, feed: Feed
) -> None:
    feed(TEXT)
    done = nika("run", "-", *option)
    assert (done.code, f"{option[0]} needs the history" in done.err) == (2, True)
    assert "standard input" in done.err
    assert "--no-journal" not in done.err


def test_what_needs_a_file_says_so(nika: Nika, feed: Feed) -> None:
    nika("run", "w.nika.yaml")
    feed(TEXT)
    resumed = nika("resume", "last", "--workflow", "-")
    assert (resumed.code, "--workflow names a file" in resumed.err) == (2, True)
    served = nika("mcp", "-")
    assert (served.code, "is a file" in served.err) == (2, True)
