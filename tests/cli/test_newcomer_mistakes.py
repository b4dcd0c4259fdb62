"""What people write on their first day: each mistake is one error at its place, with the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Nika = Callable[..., Any]
Write = Callable[[str, str], Path]
Found = list[tuple[str, str, str]]  # place, a part of the message, a part of the hint

MISPLACED: dict[str, tuple[str, Found]] = {
    "fields of the payload beside a short keyword": (
        """\
        agent: {model: mock}
        tasks:
          - id: a
            llm: hi
            model: mock
            temperatur: 1
          - id: b
            shell: ls
            cwd: sub
        """,
        [
            ("5:5", "`model` belongs under `llm:`", "`llm: {prompt: ..., model: ...}`"),
            ("6:5", "`temperatur`", "`llm: {prompt: ..., temperature: ...}`"),
            ("9:5", "`cwd`", "`shell: {command: ..., workingDir: ...}`"),
        ],
    ),
    "keys of v4 in a file that is not v4, and all else that is wrong with it": (
        """\
        agent: {model: mock}
        tasks:
          - id: a
            http: https://x.example
            method: POST
          - id: b
            shell: {command: "echo {{nope}}", timeout: 3s}
            config: {retry: {max: 2}}
        flows: [{source: a, target: zz}]
        outputs: "{{b}}"
        """,
        [
            ("5:5", "`method` belongs under `http:`", "`http: {url: ..., method: ...}`"),
            ("7:28", "no task 'nope'", "the tasks are"),
            ("7:39", "`timeout`", "stands on the task, beside `shell`"),
            ("8:5", "`config`", "`nika migrate FILE`"),
            ("9:29", "'zz' is not a task", "the tasks are"),
        ],
    ),
}


@pytest.mark.parametrize("case", MISPLACED)
def test_a_key_in_the_wrong_place_is_reported_with_the_right_one(case: str, nika: Nika, write: Write) -> None:
    check(nika, write, *MISPLACED[case])


SLIPS: dict[str, tuple[str, str, str, str]] = {  # a third task, its column, a part of the message and of the hint
    "a misspelt pipe": ("""shell: "echo {{list | joun(', ')}}\"""", "35", "no pipe `joun`", "`join`"),
    "an item in double braces": ('forEach: "{{list}}", shell: "echo {{each.item}}"', "47", "'each'", "${each.item}"),
    "an undeclared input": ('shell: "echo ${input.x}"', "26", "no input 'x'", "declare it under `inputs`"),
    "a list as a word": ("forEach: list, shell: ls", "22", "one template, or a list", 'forEach: "{{files}}"'),
    "until of another task": (
        """shell: ls, repeat: {until: "{{text}} == 'x'", max: 3}""", "40", "`until` does not ask", "{{c.done}}",
    ),
    "a loop without a bound": (
        """shell: ls, repeat: {until: "{{c}} == 'x'"}""", "32", "`max` is missing", "`repeat: {until: ..., max: 5}`",
    ),
    "an index in brackets": ('shell: "echo {{list[0]}}"', "32", "expected }} before '['", "{{task.items.0}}"),
    "text without quotes": ('shell: ls, when: "{{text}} == ok"', "43", "'ok' means nothing", "'ok'"),
    "one equals sign": ("""shell: ls, when: "{{text}} = 'ok'\"""", "40", "'=' is not an operator", "write =="),
    "and": ("""shell: ls, when: "{{text}} == 'x' and {{list}}\"""", "47", "'and' means nothing", "write &&"),
    "or": ("""shell: ls, when: "{{text}} == 'x' or {{list}}\"""", "47", "'or' means nothing", "write ||"),
    "not": ('shell: ls, when: "not {{text}}"', "31", "'not' means nothing", "write !"),
    "nothing to run": ("shell: {}", "20", "nothing to run", "shell: npm test"),
    "a keyword in another case": ("Shell: ls", "13", "`Shell`", "did you mean `shell`?"),
    "a condition without quotes": ("shell: ls, when: {{text}} == 'x'", "30", "must be in quotes", "in quotes"),
}  # fmt: skip


@pytest.mark.parametrize("case", SLIPS)
def test_a_slip_is_one_error_at_its_place_with_the_fix(case: str, nika: Nika, write: Write) -> None:
    task, column, message, hint = SLIPS[case]
    write(
        "w.nika.yaml",
        "inputs: {y: {}}\ntasks:\n  - {id: list, set: [1, 2]}\n  - {id: text, shell: ls}\n  - {id: c, " + task + "}\n",
    )
    problems = nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"]
    errors = [problem for problem in problems if problem["severity"] == "error"]
    assert [(each["line"], each["column"]) for each in errors] == [(5, int(column))], errors
    assert message in errors[0]["message"]
    assert hint in errors[0]["hint"]


def test_the_length_of_a_list_as_a_field_gets_the_pipe_as_its_fix(nika: Nika, write: Write) -> None:
    for known, code in (("set: [1, 2]", 2), ("shell: 'echo [1]'", 1)):
        write("w.nika.yaml", f'tasks:\n  - {{id: a, {known}}}\n  - {{id: b, set: "{{{{a.length}}}}"}}\n')
        done = nika("run", "w.nika.yaml", "--no-journal")
        assert (done.code, "write | length" in done.err) == (code, True), done.err


def check(nika: Nika, write: Write, text: str, expected: Found) -> None:
    """Check that these are all problems, in this order."""
    write("w.nika.yaml", text)
    problems = nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"]
    shown = "\n".join(map(str, problems))
    assert [f"{each['line']}:{each['column']}" for each in problems] == [place for place, _, _ in expected], shown
    for problem, (_, message, hint) in zip(problems, expected, strict=True):
        assert message in problem["message"], shown
        assert hint in problem.get("hint", ""), shown
