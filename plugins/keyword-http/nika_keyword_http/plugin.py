"""Declares the http keyword. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import strictyaml as sy

from nika_core.plugin import Keyword, hookimpl
from nika_core.toolbox.network import parse_allow_entry

NIKA_API: Final = 1


class AllowEntry(sy.ScalarValidator):  # type: ignore[misc]  # strictyaml has no types
    """`host`, `host:port` or a CIDR block, in the project file."""

    def validate_scalar(self, chunk: Any) -> str:
        try:
            parse_allow_entry(chunk.contents)
        except ValueError as error:
            chunk.expecting_but_found("when expecting what http may call", str(error))
        return str(chunk.contents)


HTTP: Final = Keyword(
    name="http",
    summary="Sends a request to a public address and gives the body of the answer.",
    primary="url",
    payload=sy.Map(
        {
            "url": sy.Str(),
            sy.Optional("method"): sy.Str(),
            sy.Optional("headers"): sy.EmptyDict() | sy.MapPattern(sy.Str(), sy.Str()),
            sy.Optional("query"): sy.Any(),
            sy.Optional("json"): sy.Any(),
            sy.Optional("body"): sy.Str(),
            sy.Optional("form"): sy.Any(),
            sy.Optional("followRedirects"): sy.Bool(),
            sy.Optional("expectStatus"): sy.Str() | sy.Seq(sy.Str()),
            sy.Optional("response"): sy.Enum(["body", "full"]),
            sy.Optional("idempotencyKey"): sy.Bool(),
        }
    ),
    step="nika_keyword_http.step:HttpStep",
    facets="nika_keyword_http.facets:HttpFacets",
    json_fields=frozenset({"query", "json", "form"}),
    verbatim_fields=frozenset({"followRedirects", "expectStatus", "response", "idempotencyKey"}),
    rendered_fields=frozenset({"url"}),
    default_timeout=10.0,
    settings=sy.Map({sy.Optional("allow"): sy.EmptyList() | sy.Seq(AllowEntry())}),
    field_docs={
        "url": "Where the request goes; a value is percent-encoded for the part of the URL in which it stands.",
        "method": "GET (default; POST where json, body or form is given), PUT, PATCH, DELETE, HEAD or another.",
        "headers": "Names and values; a line break in a value is an error.",
        "query": "Parameters added to the URL: a list repeats its name, null leaves it out.",
        "json": "Any JSON, sent as the body with Content-Type: application/json.",
        "body": "A text, sent as the body in UTF-8.",
        "form": "Fields, sent as the body like an HTML form's (application/x-www-form-urlencoded).",
        "followRedirects": "Follow up to 10 redirects, each guarded like the first request (default: false).",
        "expectStatus": "Statuses that are a success: 204, 2xx (default), 200-299, or a list of these.",
        "response": "body (default), or full for {status, headers, body}.",
        "idempotencyKey": "Send Idempotency-Key, the same for all attempts of this task (default: false).",
    },
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """The http keyword."""
    return (HTTP,)
