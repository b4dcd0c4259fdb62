"""What is known of an http task before it runs, and the keyword as an agent's tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from nika_core.plugin import (
    Category,
    Effect,
    Facets,
    Json,
    JsonObject,
    Payload,
    PayloadValue,
    Place,
    Report,
    RuleField,
    Severity,
    StepContext,
    TaskError,
    Template,
    Tool,
    ToolSpec,
    codes,
)
from nika_core.toolbox.network import allow_variable, parse_allow_entry, split_entries
from nika_keyword_http import request as requests
from nika_keyword_http import urls

_ARGUMENTS: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "description": "An absolute http:// or https:// URL of a public host"},
        "method": {
            "type": "string",
            "enum": list(requests.METHODS),
            "description": "GET if it is not given, POST with a body",
        },
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "query": {"type": "object", "description": "Parameters that are added to the URL"},
        "json": {"description": "A body, sent as JSON"},
        "body": {"type": "string", "description": "A body, sent as text"},
        "followRedirects": {"type": "boolean"},
    },
    "required": ["url"],
    "additionalProperties": False,
}
_FULL: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": {"type": "string"},
        "encoding": {"const": "base64"},
        "truncated": {"const": True},
    },
    "required": ["status", "headers", "body"],
    "additionalProperties": False,
}
_WHOLE: Final = ("", "*")  # references that mean the one tool there is
_ALLOW_VARIABLE: Final = allow_variable("http")
_ENTRIES: Final = (
    f"write hosts, host:port or CIDR blocks with commas between: {_ALLOW_VARIABLE}=localhost:8000,10.0.0.0/8"
)
_ALONE: Final = "write http alone"


class HttpFacets(Facets):
    """Pure: nothing here connects to anything."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report bad URLs, values where none may stand, several bodies, bad methods, headers and statuses.

        And a list of allowed hosts that cannot be read.
        """
        fields = payload.fields
        _check_allowed(payload, report)
        self._check_url(payload, report)
        self._check_method(payload, report)
        self._check_headers(payload, report)
        bodies = [field for field in requests.BODIES if field in fields]
        for extra in bodies[1:]:
            report(
                f"{bodies[0]} and {extra} are both given, and a request has one body",
                payload.at(extra),
                code=codes.BAD_PAYLOAD,
                hint="keep one of json, body and form",
            )
        for field in ("query", "form"):
            value = fields.get(field, {})
            if not isinstance(value, Mapping) and not (isinstance(value, Template) and value.single is not None):
                report(
                    f"{field} is names and values",
                    payload.at(field),
                    code=codes.BAD_PAYLOAD,
                    hint=f"write {field}: {{name: value}}, or one placeholder whose value is an object",
                )
        try:
            expected: Any = fields.get("expectStatus")
            requests.statuses(expected)
        except TaskError as error:
            report(error.message, payload.at("expectStatus"), code=codes.BAD_PAYLOAD, hint=error.hint)

    def _check_url(self, payload: Payload, report: Report) -> None:
        url = payload.fields.get("url", "")
        if not isinstance(url, str | Template):
            return
        for problem in urls.problems(url):
            if problem.placeholder is None:
                report(problem.message, payload.at("url"), code=codes.BAD_PAYLOAD, hint=problem.hint)
                continue
            place = payload.at("url", problem.placeholder.start)
            if place.column is not None:
                place = replace(place, end_column=place.column + len(problem.placeholder.text))
            report(problem.message, place, code=codes.VALUE_NOT_ALLOWED_HERE, hint=problem.hint)

    def _check_method(self, payload: Payload, report: Report) -> None:
        value = payload.fields.get("method")
        if not isinstance(value, str):
            return
        try:
            method = requests.method_of(value)
        except TaskError as error:
            report(error.message, payload.at("method"), code=codes.BAD_PAYLOAD, hint=error.hint)
            return
        near = get_close_matches(method, requests.METHODS, 1) if method not in requests.METHODS else []
        if near:
            report(
                f"'{method}' is an unusual method",
                payload.at("method"),
                code=codes.BAD_PAYLOAD,
                hint=f"did you mean {near[0]}?",
                severity=Severity.WARNING,
            )

    def _check_headers(self, payload: Payload, report: Report) -> None:
        headers = payload.fields.get("headers")
        if not isinstance(headers, Mapping):
            return
        seen: dict[str, str] = {}
        for name, value in headers.items():
            why = requests.why_not_a_header(name)
            if why is None and name.lower() in seen:
                why = f"the headers '{seen[name.lower()]}' and '{name}' are the same one"
            seen[name.lower()] = name
            if why is not None:
                report(why, payload.at("headers", name), code=codes.BAD_PAYLOAD)
            elif isinstance(value, str) and any(character in value for character in "\r\n\0"):
                report(
                    f"the value of the header '{name}' has a line break in it",
                    payload.at("headers", name),
                    code=codes.VALUE_NOT_ALLOWED_HERE,
                    hint="a header is one line",
                )

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return the host that the request goes to."""
        url = payload.fields.get("url")
        if isinstance(url, Template):
            if urls.has_base(url):
                return (Effect("host", f"the host of {url.placeholders[0].text}"),)
            if url.single is not None:
                return (Effect("host", f"the host of {url.text}"),)
            return (Effect("host", urls.host_of("".join(p if isinstance(p, str) else p.text for p in url.parts))),)
        return (Effect("host", urls.host_of(str(url))),)

    def output_schema(self, fields: Mapping[str, PayloadValue]) -> JsonObject | None:
        """Return what `response: full` returns."""
        return _FULL if fields.get("response") == "full" else None

    def mock(self, payload: JsonObject) -> Json:
        """Return `mock`, or for `response: full` an answer of the first status that is asked for."""
        if payload.get("response") != "full":
            return "mock"
        try:
            status = requests.statuses(payload.get("expectStatus")).ranges[0][0]
        except TaskError:
            status = 200
        return {"status": status, "headers": {"content-type": "text/plain"}, "body": "mock"}

    def redact(self, payload: JsonObject) -> JsonObject:
        """Without the values of headers that carry secrets, and without a password in the URL."""
        shown: dict[str, Any] = dict(payload)
        headers = payload.get("headers")
        if isinstance(headers, Mapping):
            shown["headers"] = {
                name: "***" if requests.SENSITIVE_HEADER.search(name) else value for name, value in headers.items()
            }
        return shown

    def render(self, field: str, template: Template | str, values: Sequence[Json]) -> Json:
        """Return the url, its values percent-encoded. Raise TemplateValueError."""
        return urls.render(template, values)

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a reference (http is one tool, and has none below it), and a list of hosts that cannot be read."""
        _check_allowed(payload, report)
        if reference not in _WHOLE:
            report(_no_tool(reference), payload.at(), code=codes.UNKNOWN_TOOL, hint=_ALONE)

    def check_disallowed_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a reference, with stars or without."""
        self.check_tool(reference, payload, report)

    def rule_fields(self) -> Mapping[str, RuleField]:
        """Return the host and the method of a request."""
        return {"host": RuleField.TEXT, "method": RuleField.TEXT}

    def check_rule(self, fields: Mapping[str, Json], payload: Payload, report: Report) -> None:
        """Report a host that is not a host's name, and a method that no request has."""
        host, method = fields.get("host"), fields.get("method")
        if isinstance(host, str) and host != urls.rule_host(f"https://{host}/"):
            report(
                f"'{host}' is not a host as rules have it",
                payload.at("host"),
                code=codes.UNKNOWN_TOOL,
                hint="write the name alone, in small letters, and a port if it is not the usual one: api.example.com",
            )
        if isinstance(method, str) and method not in requests.METHODS:
            near = get_close_matches(method.upper(), requests.METHODS, 1)
            report(
                f"no request of a model has the method '{method}'",
                payload.at("method"),
                code=codes.UNKNOWN_TOOL,
                hint=f"did you mean {near[0]}?" if near else f"one of {', '.join(requests.METHODS)}",
            )

    def call_fields(self, payload: JsonObject) -> Mapping[str, Json]:
        """Return the host and the method, but of a request that follows redirects: those may lead anywhere."""
        if payload.get("followRedirects"):
            return {}
        try:
            method = requests.build(payload, "").method  # as it is sent: a body makes it POST if none is given
        except TaskError:  # it is not sent
            return {}
        host = urls.rule_host(str(payload.get("url")))
        return {"method": method} if host is None else {"host": host, "method": method}

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """Return the tool `http`, under the same guard as any task."""
        if reference not in _WHOLE:
            raise TaskError(_no_tool(reference), category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint=_ALONE)
        return (
            Tool(
                "http",
                "http",
                ToolSpec("http", "Send an HTTP request to a public host and get the body of the answer.", _ARGUMENTS),
                _payload,
            ),
        )


def _check_allowed(payload: Payload, report: Report) -> None:
    """Report bad entries in the environment; those in the project file are its validator's."""
    for entry in split_entries(payload.environ.get(_ALLOW_VARIABLE)):
        try:
            parse_allow_entry(entry)
        except ValueError as error:
            report(f"{_ALLOW_VARIABLE}: {error}", Place(_ALLOW_VARIABLE), code=codes.BAD_CONFIGURATION, hint=_ENTRIES)


def _no_tool(reference: str) -> str:
    return f"there is no tool http::{reference}"


def _payload(arguments: JsonObject) -> JsonObject:
    """Return a model's arguments as a payload. Raise ValueError with a sentence for the model."""
    known = _ARGUMENTS["properties"]
    for name in arguments:
        if name not in known:
            raise ValueError(f"http has no argument '{name}'; it has {', '.join(known)}")
    if not isinstance(arguments.get("url"), str):
        raise ValueError("url is a text: the absolute URL to call")
    given = {name: value for name, value in arguments.items() if value is not None or name == "json"}
    headers = given.get("headers", {})
    if not isinstance(headers, Mapping):
        raise ValueError("headers is an object of names and texts")
    try:
        requests.build(given, "")
    except TaskError as error:
        raise ValueError(f"{error.message}. {error.hint or ''}".strip()) from None
    return given
