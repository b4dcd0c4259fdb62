from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nika_core.document import LoadedWorkflow, load_workflow


def test_what_other_systems_call_a_keyword_is_its_plugins_to_say(catalog: Any, make_limits: Callable[..., Any]) -> None:
    known = catalog.keyword("shell")

    class Calling(type(catalog)):  # type: ignore[misc]  # the fixture's own class
        def keyword(self, word: str) -> Any:
            return replace(known, synonyms=frozenset({"run"})) if word == "shell" else catalog.keyword(word)

    calling = Calling(known)
    text = b"tasks:\n  - id: a\n    run: ls\n"
    loaded: LoadedWorkflow = load_workflow(Path("w.nika.yaml"), calling, make_limits(), text=text)
    (problem,) = loaded.problems
    assert problem.hint == "did you mean `shell`?"
