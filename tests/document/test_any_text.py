"""Whatever stands in a file, and however broken it is: problems with places, never a traceback."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nika_core import codes
from nika_core.app.workspace import Workspace
from nika_core.document import load_workflow
from nika_core.document.diagnostics import file_json, render_pretty

HERE = Path(__file__).parent
SEEDS = [path.read_text() for folder in ("valid", "invalid") for path in sorted((HERE / folder).glob("*.nika.yaml"))]
PIECES = st.sampled_from(
    [*"\n   :,-[]{}'\"|>#&*!%@`?ab01~.\t\\$é\u2028\r", "- ", ": ", "---\n", "{{", "}}", "${", "*a", "&a "]
)


@pytest.fixture(scope="module")
def nika() -> Workspace:
    return Workspace.open(HERE, environ={})


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_text_is_read_or_refused(nika: Workspace, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SEEDS))
    for _ in range(data.draw(st.integers(0, 4))):
        at, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 4))
        text = text[:at] + data.draw(PIECES | st.just("")) + text[at + cut :]
    loaded = load_workflow(Path("w.nika.yaml"), nika.registry, nika.limits, text=text.encode(), environ={})
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (loaded.workflow is None) == bool(errors)
    assert not {problem.code for problem in loaded.problems} & {codes.INTERNAL, codes.PLUGIN_BROKEN}
    lines = loaded.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in loaded.problems:
        assert problem.message
        if problem.place and problem.place.line:
            assert 1 <= (problem.place.column or 1) <= len(lines[problem.place.line - 1]) + 1
    for problem in loaded.problems:
        render_pretty(problem, loaded.text)
    json.dumps(file_json(Path("w.nika.yaml"), loaded))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(nika: Workspace, data: bytes) -> None:
    loaded = load_workflow(Path("w.nika.yaml"), nika.registry, nika.limits, text=data, environ={})
    assert loaded.workflow is None
    assert loaded.problems


def test_a_fault_of_a_plugin_is_told_and_not_thrown(nika: Workspace) -> None:
    class Fails(type(nika.registry)):  # type: ignore[misc]  # a fixture's own class
        def keywords(self) -> list[str]:
            raise KeyError("broken")

    catalog = Fails.__new__(Fails)
    loaded = load_workflow(Path("w"), catalog, nika.limits, text=b"tasks: [{id: a, shell: x}]")
    assert [problem.code for problem in loaded.problems] == [codes.INTERNAL]
