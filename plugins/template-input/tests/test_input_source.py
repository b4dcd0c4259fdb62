"""`${input.name}`: what is known before a run, and what a value is in it."""

from __future__ import annotations

import pytest
from nika_template_input.plugin import NIKA_API, nika_template_sources
from nika_template_input.source import InputSource

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder
from nika_core.model.workflow import InputSpec
from nika_core.plugin import Scope, Values
from nika_core.testing import validate_workflow

INPUTS = {"topic": InputSpec("topic"), "count": InputSpec("count", "int"), "data": InputSpec("data", "json")}


def placeholder(path: str) -> Placeholder:
    return Placeholder("input", tuple(path.split(".")), MISSING, 0, 0, f"${{input.{path}}}")


def problems(path: str, inputs: dict[str, InputSpec] | None) -> list[tuple[str, str, str | None]]:
    found: list[tuple[str, str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        found.append((code, message, hint))

    InputSource().check(placeholder(path), Scope(inputs=inputs), report)
    return found


def test_the_plugin_declares_one_source():
    (found,) = nika_template_sources()
    assert (found.name, found.default_source, NIKA_API) == ("input", False, 1)


def test_any_input_is_accepted_where_none_are_declared():
    assert problems("whatever.x", None) == []


def test_declared_inputs_are_fine():
    assert [problems(path, INPUTS) for path in ("topic", "data.a.0", "topic.a")] == [[], [], []]


def test_an_input_that_is_not_declared_is_reported_with_the_nearest_name():
    assert problems("topik", INPUTS) == [
        (codes.UNKNOWN_REFERENCE, "there is no input 'topik'", "did you mean 'topic'?")
    ]
    ((_, _, hint),) = problems("zzz", {})
    assert hint == "declare it under `inputs`; declared: none"


def test_a_path_into_a_number_is_reported():
    ((_, message, hint),) = problems("count.x", INPUTS)
    assert message == "the input 'count' is of type int and has no 'x'"
    assert hint == "write ${input.count}, or declare it with type: json"


@pytest.mark.parametrize(
    ("spec", "path", "schema"),
    [
        (InputSpec("a"), "a", {"type": "string"}),
        (InputSpec("a", "int", enum=(1, 2)), "a", {"type": "integer", "enum": [1, 2]}),
        (InputSpec("a", "json"), "a", {}),
        (InputSpec("a", "json"), "a.b", None),
        (InputSpec("a", many=True, enum=("x",)), "a", {"type": "array"}),
        (InputSpec("b"), "a", None),
    ],
)
def test_what_an_input_can_be_is_known_from_its_declaration(spec, path, schema):
    assert InputSource().schema(placeholder(path), Scope(inputs={spec.name: spec})) == schema
    assert InputSource().schema(placeholder(path), Scope()) is None


def test_a_condition_cannot_compare_with_what_the_enum_of_an_input_lacks():
    inputs = "inputs: {env: {enum: [staging, prod], default: prod}, size: {type: int, enum: [1, 2], default: 1}}\n"
    when = "${input.env} in ['prod'] && ${input.size} == '1' || ${input.env} == 'production'"
    found = validate_workflow(f'{inputs}tasks: [{{id: a, set: 1, when: "{when}"}}]\n')
    assert [each.message for each in found] == ["${input.env} is never the text 'production'"]


def test_values_keep_their_type_and_missing_ones_say_how_to_give_them():
    values = Values(inputs={"count": 3, "data": {"a": [True]}, "text": '{"b": 1}'})
    assert InputSource().resolve(placeholder("count"), values) == 3
    assert InputSource().resolve(placeholder("data.a.0"), values) is True
    assert InputSource().resolve(placeholder("text.b"), values) == 1
    with pytest.raises(TemplateValueError, match="the input 'x' is not given") as caught:
        InputSource().resolve(placeholder("x"), values)
    assert "-i x=VALUE" in (caught.value.hint or "")


def test_it_depends_on_no_task():
    assert tuple(InputSource().depends_on(placeholder("x"))) == ()
