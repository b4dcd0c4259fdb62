from __future__ import annotations

from collections.abc import Callable

import pytest

from nika_core import codes
from nika_core.document import LoadedWorkflow

FILES = {
    "flat, of v4.5": ("tasks:\n  - {id: a, http: 'https://x.example', method: GET}\n", 2, "nika migrate"),
    "config, of v4.7": ("tasks:\n  - {id: a, shell: {command: ls}, config: {timeout: 5}}\n", 2, "nika migrate"),
    "a folder within the keyword": ("tasks:\n  - {id: a, shell: {command: ls, cwd: x}}\n", 2, "nika migrate"),
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
