"""`promptFile`: a prompt that is a file, with problems at their places in that file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]
HEAD = "inputs: {n: {type: int, default: 2}}\nagent: {model: mock-small, provider: mock}\ntasks:\n"


@pytest.mark.parametrize("keyword", ["llm", "agent", "subagent"])
def test_the_text_is_the_prompt_and_the_plan_names_the_file(nika: Nika, write: Write, keyword: str) -> None:
    write("w.nika.yaml", f"{HEAD}- {{id: a, shell: echo hi}}\n- {{id: b, {keyword}: {{promptFile: p/b.md}}}}\n")
    write("p/b.md", "Say ${input.n} and {{a}}\n")
    task = nika("plan", "w.nika.yaml", "--format", "json").json["tasks"][1]
    assert task["payload"] == {"promptFile": "p/b.md", "prompt": "Say 2 and {{a}}\n"}
    assert task["dependsOn"] == ["a"]
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.json["output"] == "mock: Say 2 and hi"


def test_lists_and_loops_take_one_too(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        f"{HEAD}- {{id: each, forEach: [x, y], llm: {{promptFile: each.md}}}}\n"
        "- {id: loop, repeat: {until: '{{loop}} != 1', max: 2}, llm: {promptFile: loop.md}}\n"
        "outputs: ['{{each}}', '{{loop}}']\n",
    )
    write("each.md", "Do ${each.item}")
    write("loop.md", "Round ${last.round ?? 0}")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.json["output"] == [["mock: Do x", "mock: Do y"], "mock: Round 0"]


def test_an_edited_file_is_a_changed_task(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", f"{HEAD}- {{id: a, llm: {{promptFile: a.md}}}}\n- {{id: b, llm: {{promptFile: b.md}}}}\n")
    write("a.md", "one")
    write("b.md", "two")
    assert nika("run", "w.nika.yaml").code == 0
    write("b.md", "three")
    done = nika("resume", "last", "--format", "json")
    assert {name: task["reused"] for name, task in done.tasks.items()} == {"a": True, "b": False}
    assert done.json["output"] == "mock: three"


@pytest.mark.parametrize(
    ("payload", "text", "problem"),
    [
        ("{promptFile: p.md}", "a\n\nb {{nix}}", "p.md:3:3: error NIKA-050: {{nix}}: there is no task 'nix'"),
        ("{promptFile: p.md}", "a\né ${input.x}", "p.md:2:3: error NIKA-050: ${input.x}: there is no input 'x'"),
        ("{promptFile: p.md}", "a\r\n  {{b", "p.md:2:3: error NIKA-051: '{{b' is never closed"),
        ("{promptFile: p.md}", "{{b}}", "p.md:1:1: error NIKA-040"),
        ("{promptFile: p.md}", "", "w.nika.yaml:4:29: error NIKA-014: `prompt` is empty"),
        ("{promptFile: p.md}", "x" * 100_001, "w.nika.yaml:4:29: error NIKA-068: `prompt` has 100,001 characters"),
        ("{promptFile: nix.md}", "", "w.nika.yaml:4:29: error NIKA-014: the file `nix.md` does not exist"),
        ("{promptFile: ../p.md}", "", "w.nika.yaml:4:29: error NIKA-014: the file `../p.md` lies outside"),
        (
            "{promptFile: /etc/hostname}",
            "",
            "w.nika.yaml:4:29: error NIKA-014: the file `/etc/hostname` is an absolute path",
        ),
        ("{promptFile: link.md}", "", "w.nika.yaml:4:29: error NIKA-014: the file `link.md` lies outside"),
        ("{promptFile: '${input.n}'}", "", "w.nika.yaml:4:29: error NIKA-014: a file is named by the author"),
        ("{promptFile: [p.md]}", "", "w.nika.yaml:4:29: error NIKA-014: expected a text, found a list"),
        ("{promptFile: .}", "", "w.nika.yaml:4:29: error NIKA-014: the file `.` is a directory"),
        ("{promptFile: p.md, prompt: x}", "", "w.nika.yaml:4:17: error NIKA-014: `prompt` and `promptFile` are both"),
        ("{temperature: 1}", "", "w.nika.yaml:4:16: error NIKA-014: the key `prompt` is missing (add `prompt`, or"),
        ("{promptFil: p.md}", "", "w.nika.yaml:4:17: error NIKA-014: unknown key `promptFil` (did you mean `promptFil"),
    ],
)
def test_a_problem_has_the_place_where_it_is(
    nika: Nika, write: Write, folder: Path, payload: str, text: str, problem: str
) -> None:
    write("w.nika.yaml", f"{HEAD}- {{id: b, llm: {payload}}}\n")
    (folder / "p.md").write_bytes(text.encode())
    (folder / "link.md").symlink_to("/etc/hostname")
    done = nika("validate", "w.nika.yaml", "--format", "compact")
    (line,) = [line for line in done.out.splitlines() if ": error " in line]
    assert (done.code, line.startswith(problem)) in [(2, True), (3, True)], line


def test_a_file_that_is_no_text_is_refused_at_the_byte(nika: Nika, write: Write, folder: Path) -> None:
    write("w.nika.yaml", f"{HEAD}- {{id: b, llm: {{promptFile: p.md}}}}\n")
    (folder / "p.md").write_bytes(b"a\nb\xff")
    done = nika("validate", "w.nika.yaml", "--format", "compact")
    assert done.out.startswith("p.md:2:2: error NIKA-014: the file `p.md` is not UTF-8")
