"""Files that cannot be read, and bytes that are no text: one clear problem each."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core import codes
from nika_core.document import load_workflow
from nika_core.document.yaml.parser_events import parser_events
from nika_core.errors import Place, Problem


@pytest.fixture
def problem_of(catalog: Any, make_limits: Callable[..., Any]) -> Callable[..., Problem]:
    def problem_of(path: Path, **limits: float) -> Problem:
        loaded = load_workflow(path, catalog, make_limits(**limits))
        assert loaded.workflow is None
        (problem,) = loaded.problems
        return problem

    return problem_of


def test_a_missing_file_names_the_one_that_may_be_meant(tmp_path: Path, problem_of: Callable[..., Problem]) -> None:
    (tmp_path / "release.nika.yaml").write_text("tasks: []")
    problem = problem_of(tmp_path / "relaese.nika.yaml")
    assert problem.code == codes.FILE_UNREADABLE
    assert "release.nika.yaml" in (problem.hint or "")


def test_a_missing_file_names_the_one_in_a_folder_above(tmp_path: Path, problem_of: Callable[..., Problem]) -> None:
    (tmp_path / "release.nika.yaml").write_text("tasks: []")
    (tmp_path / "texts").mkdir()
    assert "texts/../release.nika.yaml`?" in (problem_of(tmp_path / "texts" / "release.nika.yaml").hint or "")


def test_a_directory_is_refused(tmp_path: Path, problem_of: Callable[..., Problem]) -> None:
    assert "directory" in problem_of(tmp_path).message


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, problem_of: Callable[..., Problem]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert problem_of(tmp_path / "pipe").code == codes.FILE_UNREADABLE


def test_a_name_that_no_file_can_have_is_refused(problem_of: Callable[..., Problem]) -> None:
    assert problem_of(Path("a\0b")).code == codes.FILE_UNREADABLE


@pytest.mark.parametrize("data", [b"", b"\n\n  \n", b"\xef\xbb\xbf", b"# only a comment\n", b"---\n...\n"])
def test_an_empty_file_is_refused(tmp_path: Path, problem_of: Callable[..., Problem], data: bytes) -> None:
    (tmp_path / "w.yaml").write_bytes(data)
    problem = problem_of(tmp_path / "w.yaml")
    assert problem.code in (codes.FILE_UNREADABLE, codes.BAD_VALUE)
    line = 2 if data.startswith(b"---") else 1  # what is wrong with a file as a whole begins with it
    assert problem.place == Place(str(tmp_path / "w.yaml"), line, 1)


def test_bytes_that_are_not_utf_8_are_refused_at_their_place(
    tmp_path: Path, problem_of: Callable[..., Problem]
) -> None:
    (tmp_path / "w.yaml").write_bytes("tasks:\n  - é".encode() + b"\xff\n")
    problem = problem_of(tmp_path / "w.yaml")
    assert (problem.code, problem.place and (problem.place.line, problem.place.column)) == (
        codes.FILE_UNREADABLE,
        (2, 6),
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_refused(tmp_path: Path, problem_of: Callable[..., Problem], encoding: str) -> None:
    (tmp_path / "w.yaml").write_bytes("tasks:\n- {id: a, shell: é}\n".encode(encoding))
    assert problem_of(tmp_path / "w.yaml").code in (codes.FILE_UNREADABLE, codes.YAML_SYNTAX)


def test_a_file_over_the_limit_is_not_read(
    tmp_path: Path, problem_of: Callable[..., Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.yaml").write_bytes(b"x" * 2000)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("opened")

    monkeypatch.setattr(Path, "open", never)
    problem = problem_of(tmp_path / "w.yaml", yaml_bytes=1000)
    assert problem.code == codes.SIZE_LIMIT
    assert "NIKA_MAX_YAML_SIZE" in problem.message


def test_a_byte_order_mark_and_windows_line_ends_are_taken(load: Callable[..., Any]) -> None:
    loaded = load(b"\xef\xbb\xbftasks:\r\n- id: a\r\n  shell: echo hi\r\n  timout: 3\r\n")
    (problem,) = loaded.problems
    assert (problem.place.line, problem.place.column) == (4, 3)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ufffe"])
def test_control_characters_are_refused_and_the_rest_is_still_checked(load: Callable[..., Any], character: str) -> None:
    loaded = load(f"tasks:\n- id: a\n  shell: x{character}y\n  timout: 3\n")
    assert [problem.code for problem in loaded.problems] == [codes.YAML_SYNTAX, codes.UNKNOWN_KEY]
    assert (loaded.problems[0].place.line, loaded.problems[0].place.column) == (3, 11)
    escape = f"\\u{ord(character):04x}" if character == "\ufffe" else f"\\x{ord(character):02x}"
    assert f'"{escape}"' in loaded.problems[0].hint


def test_line_breaks_of_yaml_1_1_are_characters_of_the_value(load: Callable[..., Any]) -> None:
    loaded = load("tasks:\n- {id: a, shell: \"x\x85y\u2028z\"}\n- {id: b, shell: 'p\u2029q'}\n")
    assert [task.payload["command"] for task in loaded.workflow.tasks] == ["x\x85y\u2028z", "p\u2029q"]


def test_the_pure_parser_says_that_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nika_core.document.yaml.parser_events.C_PARSER", False)
    with pytest.warns(RuntimeWarning, match="no C parser"):
        parser_events(b"a: 1", "a: 1")
