"""`${state.task}`: what is known before a run, and what a value is in it."""

from __future__ import annotations

import pytest
from nika_template_state.plugin import nika_template_sources
from nika_template_state.source import StateSource

from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder
from nika_core.model.workflow import Task
from nika_core.plugin import Scope, Values
from nika_core.testing import Workbench


def placeholder(path: str) -> Placeholder:
    return Placeholder("state", tuple(path.split(".")), MISSING, 0, 0, f"${{state.{path}}}")


def problems(path: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        found.append((message, hint))

    StateSource().check(placeholder(path), Scope({"load": Task("load", "http", {})}), report)
    return found


def test_its_placeholders_wait_for_tasks_and_need_no_output():
    (found,) = nika_template_sources()
    assert (found.name, found.optional) == ("state", True)
    assert tuple(StateSource().depends_on(placeholder("load"))) == ("load",)


def test_only_tasks_have_states_and_a_state_has_no_fields():
    assert problems("load") == []
    assert problems("laod") == [("there is no task 'laod'", "did you mean 'load'?")]
    assert problems("zzz") == [("there is no task 'zzz'", "the tasks are: load")]
    ((message, hint),) = problems("load.message")
    assert message == "the state of 'load' is a word and has no 'message'"
    assert "${error.load.message}" in (hint or "")


def test_a_task_that_has_not_ended_has_none():
    assert StateSource().resolve(placeholder("load"), Values(states={"load": "failed"})) == "failed"
    with pytest.raises(TemplateValueError, match="has not ended"):
        StateSource().resolve(placeholder("load"), Values())


@pytest.mark.parametrize(("schema", "handled"), [("string", "success"), ("integer", "skipped")])
def test_a_failure_handler_runs_without_a_flow_only_after_a_failure(schema: str, handled: str):
    outcome = Workbench().run(f"""
        tasks:
          - {{id: load, echo: 5, output: {{format: json, schema: {{type: {schema}}}}}, onError: continue}}
          - {{id: handle, echo: "load is ${{state.load}}", when: "${{state.load}} == 'failed'"}}
    """)
    assert outcome.task("handle").state == handled
    assert outcome.task("handle").output == ("load is failed" if handled == "success" else None)


def test_a_condition_that_compares_with_another_word_than_a_state_is_refused():
    (problem,) = Workbench().validate("""
        tasks:
          - {id: load, echo: x}
          - {id: handle, echo: x, when: "${state.load} == 'failure'"}
    """)
    assert (problem.code, problem.message) == ("NIKA-023", "${state.load} is never the text 'failure'")
    assert problem.hint is not None
    assert "failed" in problem.hint


def test_a_flow_cannot_ask_for_the_state_of_its_own_source():
    (problem,) = Workbench().validate("""
        tasks:
          - {id: load, echo: x}
          - {id: handle, echo: x}
        flows:
          - {source: load, target: handle, condition: "${state.load} == 'failed'"}
    """)
    assert problem.code == "NIKA-023"
    assert "`when` of 'handle'" in (problem.hint or "")
