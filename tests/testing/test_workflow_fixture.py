"""The pytest fixture `nika_workflow`: runs that call nothing, in a test suite without a subprocess."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika

FLOW = 'inputs: {name: {type: string}}\ntasks:\n  - {id: it, shell: "echo x >> called; echo hello ${input.name}"}\n'


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "flow.nika.yaml"
    path.write_text(FLOW)
    nika.run(path, inputs={"name": "Ada"}, record=tmp_path / "rec", journal=False)
    (tmp_path / "called").unlink()
    return path


def test_a_recording_is_replayed(nika_workflow: Callable[[Any], Any], flow: Path):
    result = nika_workflow(flow).run(inputs={"name": "Ada"}, recording=flow.parent / "rec")
    assert result.output == "hello Ada"
    assert not (flow.parent / "called").exists()


def test_what_was_not_recorded_fails_the_test_with_the_difference(nika_workflow: Callable[[Any], Any], flow: Path):
    with pytest.raises(pytest.fail.Exception, match=r"(?s)-.*echo hello Ada.*\+.*echo hello Bob"):
        nika_workflow(flow).run(inputs={"name": "Bob"}, recording=flow.parent / "rec")


def test_without_a_recording_nothing_is_called_either(nika_workflow: Callable[[Any], Any], flow: Path):
    assert nika_workflow(flow).run(inputs={"name": "Ada"}, outputs={"it": "given"}).output == "given"
    failed = nika_workflow(flow).run(inputs={"name": "Ada"}, errors={"it": "boom"})
    assert failed.status is nika.RunStatus.FAILED
    nika_workflow(flow).run(inputs={"name": "Ada"})
    assert not (flow.parent / "called").exists()


def test_paths_are_relative_to_the_file_of_the_test(nika_workflow: Callable[[Any], Any]):
    assert nika_workflow("x.nika.yaml").path == Path(__file__).parent / "x.nika.yaml"
