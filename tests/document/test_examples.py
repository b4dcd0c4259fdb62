"""One example file for each code that a document can raise, read with the plugins that are installed."""

import re
from pathlib import Path

import pytest

from nika_core.app.workspace import Workspace
from nika_core.document import LoadedWorkflow, load_workflow
from nika_core.explanations import EXPLANATIONS

HERE = Path(__file__).parent
INVALID = sorted((HERE / "invalid").glob("*.nika.yaml"))
# Codes of a run, of which a file can be the example all the same.
AT_RUN_TIME = {"NIKA-061", "NIKA-080", "NIKA-081", "NIKA-084", "NIKA-088"}


@pytest.fixture(scope="module")
def nika() -> Workspace:
    return Workspace.open(HERE, environ={})


def read(nika: Workspace, path: Path, text: bytes | None = None) -> LoadedWorkflow:
    return load_workflow(path, nika.registry, nika.limits, text=text, environ={})


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.name)
def test_an_example_raises_exactly_its_code(nika: Workspace, path: Path) -> None:
    loaded = read(nika, path)
    assert {problem.code for problem in loaded.problems} == {path.name[:8]}
    for problem in loaded.problems:
        assert problem.place is not None
        assert problem.place.line or problem.code in {"NIKA-003", "NIKA-060"}
        assert problem.hint or "expected" in problem.message


def test_every_code_that_a_document_can_raise_has_an_example() -> None:
    with_example = {path.name[:8] for path in INVALID}
    of_documents = {code for code in EXPLANATIONS if "NIKA-001" <= code <= "NIKA-057"}
    # Values that are only known when a task runs, and a code that nothing reports any more.
    elsewhere = {"NIKA-030", "NIKA-053", "NIKA-057"}
    assert of_documents - with_example <= elsewhere


@pytest.mark.parametrize(
    "code", [code for code, found in EXPLANATIONS.items() if re.match(r"(tasks|agent|inputs):.*\n", found.example)]
)
def test_the_example_of_an_explanation_causes_its_code(nika: Workspace, code: str) -> None:
    loaded = read(nika, HERE / "example.nika.yaml", EXPLANATIONS[code].example.encode())
    if code in AT_RUN_TIME:
        assert not any(problem.severity == "error" for problem in loaded.problems)
    else:
        assert code in {problem.code for problem in loaded.problems}
