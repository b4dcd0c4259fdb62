"""`${error.task.message}`: what is known before a run, and what a value is in it."""

from __future__ import annotations

import pytest
from nika_template_error.plugin import nika_template_sources
from nika_template_error.source import ErrorSource

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder
from nika_core.model.workflow import Task
from nika_core.plugin import Scope, Values
from nika_core.testing import Workbench


def placeholder(path: str) -> Placeholder:
    return Placeholder("error", tuple(path.split(".")), MISSING, 0, 0, f"${{error.{path}}}")


def problems(path: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        found.append((message, hint))

    ErrorSource().check(placeholder(path), Scope({"load": Task("load", "http", {})}), report)
    return found


def test_its_placeholders_wait_for_tasks_and_need_no_output():
    (found,) = nika_template_sources()
    assert (found.name, found.optional, found.may_be_missing) == ("error", True, True)
    assert tuple(ErrorSource().depends_on(placeholder("load.code"))) == ("load",)


@pytest.mark.parametrize("path", ["load.message", "load.code", "load.output.a.0", "load.task", "load.items.0.message"])
def test_the_fields_of_an_error_are_fine(path: str):
    assert problems(path) == []


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("laod.message", "there is no task 'laod'", "did you mean 'load'?"),
        ("zzz.message", "there is no task 'zzz'", "the tasks are: load"),
        ("load", "which part of the error is meant?", "write ${error.load.message}"),
        ("load.mesage", "an error has no 'mesage'", "did you mean 'message'?"),
        ("load.zzz", "an error has no 'zzz'", "message, code, category, output, task, items"),
        ("load.code.x", "the code of an error is text and has no 'x'", "end the path there"),
    ],
)
def test_what_no_error_has_is_reported(path: str, message: str, hint: str):
    ((found, how),) = problems(path)
    assert found == message
    assert hint in (how or "")


def test_values_are_fields_of_the_error_and_paths_into_them():
    values = Values(errors={"load": {"message": "m", "items": [{"code": "NIKA-083"}]}})
    assert ErrorSource().resolve(placeholder("load.message"), values) == "m"
    assert ErrorSource().resolve(placeholder("load.items.0.code"), values) == "NIKA-083"
    for path in ("load.output", "other.message"):
        with pytest.raises(TemplateValueError) as caught:
            ErrorSource().resolve(placeholder(path), values)
        assert caught.value.code == codes.MISSING_VALUE


def test_a_failure_is_data_for_the_tasks_that_ask_for_it():
    outcome = Workbench().run("""
        tasks:
          - {id: load, echo: x, output: {format: json, schema: {type: integer}}, onError: continue}
          - {id: fine, echo: y}
          - {id: why, echo: {value: ["${error.load.message}", "${error.load.output}", "${error.fine.code ?? null}"]}}
    """)
    message, output, other = outcome.output
    assert "the output is not the JSON that is asked for" in message
    assert (output, other) == ("x", None)


def test_the_error_of_a_task_that_did_not_fail_is_missing():
    outcome = Workbench().run("""
        tasks:
          - {id: load, echo: x}
          - {id: why, echo: "${error.load.message}"}
    """)
    failure = outcome.task("why").failure
    assert failure is not None
    assert (failure.category.value, "did not fail" in failure.message) == ("template", True)


def test_a_condition_that_compares_with_another_word_than_a_category_is_refused():
    (problem,) = Workbench().validate("""
        tasks:
          - {id: load, echo: x}
          - {id: again, echo: x, when: "${error.load.category ?? ''} in ['timeout', 'netwrok']"}
    """)
    assert (problem.code, problem.hint) == ("NIKA-023", "did you mean 'network'?")
