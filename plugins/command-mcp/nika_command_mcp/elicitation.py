"""Questions of runs, put to the user of the client: as requests to it, or in the reply to its call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequests, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from nika_command_mcp.schemas import inputs_schema
from nika_core import OpenQuestion

_YES: Final = "answer"  # the one field of a question without a form
_PLAIN: Final = ("type", "description", "default", "enum", "minimum", "maximum", "minLength", "maxLength", "format")


def shows_forms(context: Any) -> bool:
    """Return whether the client can put forms to its user."""
    capabilities = context.session.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        return False
    return capabilities.elicitation.form is not None or capabilities.elicitation.url is None


def asks_in_reply(context: Any) -> bool:
    """Return whether what a server asks is in its reply to a call, and not in a request of its own."""
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


def questions_reply(run_id: str, questions: Iterable[OpenQuestion]) -> InputRequiredResult | None:
    """Return the reply that asks; None: none of the questions can be a form."""
    requests: InputRequests = {
        each.task: ElicitRequest(params=ElicitRequestFormParams(message=_message(each), requested_schema=schema))
        for each in questions
        if (schema := _form(each.question.form)) is not None
    }
    return InputRequiredResult(input_requests=requests, request_state=run_id) if requests else None


def answers_in(responses: Mapping[str, Any] | None, questions: Iterable[OpenQuestion]) -> dict[str, Any]:
    """Return the answers, by task, that came with the next call. What was declined is left open."""
    given = responses or {}
    return {
        each.task: _answer(each, result)
        for each in questions
        if isinstance(result := given.get(each.task), ElicitResult) and result.action == "accept"
    }


async def asked(context: Any, questions: Iterable[OpenQuestion]) -> dict[str, Any]:
    """Ask the client, and return the answers, by task. What is declined, or cannot be a form, is left open."""
    answers: dict[str, Any] = {}
    for each in questions if context.session.can_send_request else ():
        schema = _form(each.question.form)
        if schema is None:
            continue
        try:
            given = await context.session.elicit_form(_message(each), schema, related_request_id=context.request_id)
        except (MCPError, ValidationError):  # the client says that it can, and cannot: the question is in the result
            continue
        if given.action == "accept":
            answers[each.task] = _answer(each, given)
    return answers


def _answer(question: OpenQuestion, result: ElicitResult) -> Any:
    content = dict(result.content or {})
    return bool(content.get(_YES)) if question.question.form is None else content


def _message(question: OpenQuestion) -> str:
    shown = question.question.show
    return question.question.message if shown is None else f"{question.question.message}\n\n{shown}"


def _form(form: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a form's schema, which may have plain fields only; None: it has others."""
    if form is None:
        return {"type": "object", "properties": {_YES: {"type": "boolean"}}, "required": [_YES]}
    schema = inputs_schema(form)
    if any("type" not in field or field["type"] == "array" for field in schema["properties"].values()):
        return None
    properties = {
        name: {key: value for key, value in field.items() if key in _PLAIN}
        for name, field in schema["properties"].items()
    }
    return {"type": "object", "properties": properties, "required": schema.get("required", [])}
