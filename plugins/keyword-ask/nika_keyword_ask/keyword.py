"""Asks with `context.ask`; without a form, a no declines the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import (
    AnswerError,
    Category,
    Declined,
    Effect,
    Facets,
    InputSpec,
    Json,
    JsonObject,
    Payload,
    PayloadValue,
    Question,
    Report,
    Step,
    StepContext,
    TaskError,
    Template,
    check_answer,
    input_spec,
)

_TYPES: Final = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}


class AskStep(Step):
    """Asks."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json | Declined:
        """Return the answer; a gate that is refused is declined."""
        answer = await context.ask(_question(payload))
        return Declined() if answer is False else answer


class AskFacets(Facets):
    """It asks a person, and touches nothing."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report a form that cannot be filled in, and a default that does not fit it."""
        form: Any = payload.fields.get("form")
        complete = _check_form(form, payload, report) if isinstance(form, Mapping) else True
        if "default" not in payload.fields:
            return
        if "expires" not in payload.fields:
            hint = "add `expires`, after which it is the answer, or remove `default`"
            report(
                "`default` is the answer when the time is over, and the question does not expire",
                payload.at("default"),
                hint=hint,
            )
        default: Any = payload.fields["default"]
        if not complete or _has_template(default) or _has_template(form):
            return
        try:
            check_answer(Question(message="?", form=_form(form)), default)
        except AnswerError as error:
            for problem in error.problems:
                report(f"the default: {problem}", payload.at("default"))

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return the person."""
        return (Effect("person", "is asked"),)

    def may_decline(self, payload: Payload) -> bool:
        """Return whether it is a gate."""
        return "form" not in payload.fields

    def unread(self, payload: Payload) -> str:
        """Return why a form whose answer nothing reads makes no sense; a gate decides by itself."""
        return "" if self.may_decline(payload) else "its answer decides nothing, since nothing reads it"

    def output_schema(self, fields: Mapping[str, PayloadValue]) -> JsonObject | None:
        """Return the fields of the form."""
        form: Any = fields.get("form")
        if not isinstance(form, Mapping):
            return None
        properties = {name: {} if _has_template(field) else _field_schema(field) for name, field in form.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def mock(self, payload: JsonObject) -> Json:
        """Return an answer of the right shape."""
        question = _question(payload)
        if question.form is None:
            return True
        return {name: _sample(spec) for name, spec in question.form.items()}


def _question(payload: JsonObject) -> Question:
    try:
        form = _form(payload.get("form"))
    except ValueError as error:  # a template's value may not fit
        raise TaskError(f"the form of the question makes no sense: {error}", category=Category.TEMPLATE) from None
    return Question(
        message=payload["message"],
        show=payload.get("show"),
        form=form,
        seconds=payload.get("expires"),
        default=payload.get("default"),
        has_default="default" in payload,
    )


def _form(form: Any) -> dict[str, InputSpec] | None:
    return None if form is None else {name: input_spec(name, fields) for name, fields in form.items()}


def _check_form(form: Mapping[str, Any], payload: Payload, report: Report) -> bool:
    """Report fields that make no sense; return whether there are none."""
    complete = True
    if not form:
        hint = "declare a field, e.g. form: {target: {type: string}}, or leave `form` out: the answer is then yes or no"
        report("`form` has no field", payload.at("form"), hint=hint)
        return False
    for name, fields in form.items():
        if _has_template(fields):
            continue
        try:
            input_spec(name, fields)
        except ValueError as error:
            complete = False
            field = str(getattr(error, "field", "type"))
            report(f"the {field} of `{name}`: {error}", payload.at("form", name, field))
    return complete


def _field_schema(field: Mapping[str, Any]) -> JsonObject:
    """Return the schema of a field of a form; nothing of one that makes no sense, which `check` reports."""
    try:
        spec = input_spec("field", field)
    except ValueError:
        return {}
    kind = _TYPES.get(spec.type)
    return ({} if kind is None else {"type": kind}) | ({"enum": list(spec.enum)} if spec.enum else {})


def _has_template(tree: Any) -> bool:
    if isinstance(tree, Mapping):
        return any(map(_has_template, tree.values()))
    if isinstance(tree, list | tuple):
        return any(map(_has_template, tree))
    return isinstance(tree, Template)


def _sample(spec: InputSpec) -> Json:
    if spec.has_default:
        return spec.default
    if spec.enum:
        return spec.enum[0]
    least: Json = spec.least or 0
    samples: dict[str, Json] = {"string": "mock", "int": least, "float": least, "bool": True, "json": None}
    return samples[spec.type]
