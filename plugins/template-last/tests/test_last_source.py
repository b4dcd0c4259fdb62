"""`${last.output}`: what is known before a run, and what a value is in each round of a loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nika_template_last.plugin import nika_template_sources
from nika_template_last.source import LastSource

from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.plugin import Json, Scope, Values, codes
from nika_core.template import compile_template, resolve
from nika_core.testing import run_workflow, validate_workflow


def placeholder(path: str, default: Any = MISSING) -> Placeholder:
    return Placeholder("last", tuple(path.split(".")), default, 0, 0, f"${{last.{path}}}")


def problems(path: str, *bindings: str, default: Any = MISSING) -> list[tuple[str, str | None]]:
    reported: list[tuple[str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        reported.append((message, hint))

    LastSource().check(placeholder(path, default), Scope(bindings=frozenset(bindings)), report)
    return reported


def value(path: str, bound: dict[str, Json], default: Any = MISSING) -> Any:
    return resolve(placeholder(path, default), Values(bindings={"round": bound}), lambda _: LastSource())


def test_its_values_are_not_known_before_a_run_and_name_no_task() -> None:
    (description,) = nika_template_sources()
    assert (description.name, description.known_before_run, description.binding) == ("last", False, "round")
    assert tuple(LastSource().depends_on(placeholder("output"))) == ()


@pytest.mark.parametrize("path", ["output", "output.a.0", "round"])
def test_in_a_loop_every_key_is_fine_and_elsewhere_none_is(path: str) -> None:
    assert problems(path, "round", default=0) == []
    for bindings in ((), ("item",)):
        ((message, hint),) = problems(path, *bindings, default=0)
        assert message == "there is no round here"
        assert hint == "only a task that repeats has rounds: `repeat: {until: ..., max: 5}`"


@pytest.mark.parametrize("path", ["output", "output.a", "round"])
def test_without_a_default_the_first_round_would_fail(path: str) -> None:
    assert problems(path, "round") == [
        ("the first round has no round before it", f'write a default: ${{last.{path} ?? ""}}')
    ]


@pytest.mark.parametrize("text", ["${last.output ?? input.draft}", "${input.draft ?? last.output}"])
def test_another_reference_stands_in_for_the_first_round_as_well(text: str) -> None:
    template = compile_template(text)
    assert isinstance(template, Template)
    (member,) = [member for member in template.placeholders[0].members if member.source == "last"]
    reported: list[str] = []
    LastSource().check(member, Scope(bindings=frozenset({"round"})), lambda message, **_: reported.append(message))
    assert reported == []


def test_an_unknown_key_is_reported_with_the_known_ones() -> None:
    known = "known here: output, round; a field of the output is read as ${last.output."
    assert problems("score", "round") == [("a round has no 'score'", f"{known}score}}")]
    assert problems("ouput", "round") == [("a round has no 'ouput'", f"did you mean 'output'? {known}ouput}}")]
    with pytest.raises(TemplateValueError, match="a round has no 'score'") as caught:
        value("score", {"score": 1})
    assert caught.value.code == codes.UNKNOWN_REFERENCE


def test_a_path_into_the_number_of_a_round_is_reported() -> None:
    assert problems("round.x", "round") == [("'round' has no 'x'", "write ${last.round}, or ${last.output.x}")]


def test_a_place_in_the_file_is_reported_outside_of_a_loop() -> None:
    (problem,) = validate_workflow("tasks:\n  - id: a\n    set: [1, '${last.output ?? 1}']\n")
    assert problem.code == codes.UNKNOWN_REFERENCE
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (3, 15)


def test_the_first_round_has_the_default() -> None:
    assert value("output", {}, "none") == "none"
    assert value("round", {}, 0) == 0
    with pytest.raises(TemplateValueError, match="the first round has no round before it") as caught:
        value("output", {})
    assert caught.value.code == codes.MISSING_VALUE


@pytest.mark.parametrize("output", [{"score": [90]}, '{"score": [90]}'])
def test_later_rounds_have_the_output_before_them_and_its_parts(output: Any) -> None:
    assert value("output", {"round": 1, "output": output}) == output
    assert value("output.score.0", {"round": 1, "output": output}) == 90
    assert value("round", {"round": 3, "output": output}) == 3


def test_a_round_that_failed_has_no_output() -> None:
    assert value("output", {"round": 2}, "none") == "none"
    with pytest.raises(TemplateValueError, match="round 2 has no output"):
        value("output", {"round": 2})


def test_a_part_that_is_not_there_is_named() -> None:
    with pytest.raises(TemplateValueError, match="the output of the last round has no field 'b'") as caught:
        value("output.b", {"round": 1, "output": {"a": 1}})
    assert caught.value.code == codes.MISSING_VALUE


def test_without_a_loop_there_is_no_value() -> None:
    with pytest.raises(TemplateValueError, match="there is no round here"):
        LastSource().resolve(placeholder("output"), Values(bindings={"item": {}}))


def test_each_round_sees_the_one_before_it() -> None:
    ran = run_workflow("""
        tasks:
          - id: grow
            repeat: {until: "{{grow.rounds}} == 2", max: 5, collect: true}
            set: {rounds: "${last.round ?? 0}", before: "${last.output.rounds ?? null}"}
        """)
    assert ran.output == [{"rounds": 0, "before": None}, {"rounds": 1, "before": 0}, {"rounds": 2, "before": 1}]


def test_an_item_of_a_list_has_no_rounds() -> None:
    (problem,) = validate_workflow("tasks:\n  - {id: a, forEach: [1], set: '${last.round ?? 0}'}\n")
    assert "there is no round here" in problem.message


def test_until_sees_the_round_before_beside_its_own_round(tmp_path: Path) -> None:
    until = "{{a}} == ${last.output ?? 'none'} || ${last.round ?? 0} >= 9"
    text = f"""
        outputs: "{{{{a}}}}"
        tasks:
          - id: a
            repeat: {{until: "{until}", max: 10, collect: true}}
            shell: {{command: 'echo x >> lines; head -3 lines | wc -l | tr -d " "'}}
    """

    assert run_workflow(text, folder=tmp_path).output == ["1", "2", "3", "3"]
