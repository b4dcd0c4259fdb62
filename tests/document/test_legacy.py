from __future__ import annotations

from collections.abc import Callable

import pytest

from nika_core import codes
from nika_core.document import LoadedWorkflow

V4 = "agent: {model: m}\nflows: []\n"  # what such a file always has
FILES = {
    "flat, of v4.5": (f"{V4}tasks:\n  - {{id: a, http: 'https://x.example', method: GET}}\n", 4, "nika migrate"),
    "config, of v4.7": (
        f"{V4}tasks:\n  - {{id: a, shell: {{command: ls}}, config: {{timeout: 5}}}}\n",
        4,
        "nika migrate",
    ),
    "a folder within the keyword": (f"{V4}tasks:\n  - {{id: a, shell: {{command: ls, cwd: x}}}}\n", 4, "nika migrate"),
    "of a later line": ("nika: 1\ntasks: []\n", 1, "the Nika that it was written for"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_of_another_version_is_recognized_at_once_with_the_way_out(
    case: str, load: Callable[..., LoadedWorkflow]
) -> None:
    text, line, way_out = FILES[case]
    (problem,) = load(text).problems
    assert problem.code == codes.V4_DOCUMENT
    assert problem.place is not None
    assert problem.place.line == line
    assert way_out in (problem.hint or "")


@pytest.mark.parametrize("new", ["outputs: '{{a}}'", "inputs: {}", "timeout: 3s", "env: {A: b}"])
def test_a_file_with_a_root_key_that_is_new_is_not_of_an_earlier_version(
    new: str, load: Callable[..., LoadedWorkflow]
) -> None:
    problems = load(f"{V4}tasks:\n  - {{id: a, shell: ls, config: {{timeout: 5}}}}\n{new}\n").problems
    assert [problem.code for problem in problems] == [codes.UNKNOWN_KEY]
    assert "nika migrate" in (problems[0].hint or "")


@pytest.mark.parametrize(
    "text",
    [
        f"{V4}tasks:\n  - {{id: a, shell: {{command: ls, cwd: x}}}}\n  - {{id: b, shel: ls, when: 'true'}}\n",
        "agent: {model: m}\ntasks:\n  - {id: a, http: x, method: GET}\n  - {id: b, shel: ls}\n",
        "flows: []\ntasks:\n  - {id: a, http: x, config: {timeout: 3}}\n  - {id: b, shel: ls}\n",
    ],
)
def test_one_key_of_an_earlier_version_hides_no_other_problem(text: str, load: Callable[..., LoadedWorkflow]) -> None:
    found = [problem.code for problem in load(text).problems]
    assert codes.V4_DOCUMENT not in found
    assert len(found) == 2
    assert found[1] == codes.UNKNOWN_KEYWORD
