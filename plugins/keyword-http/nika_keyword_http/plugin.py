"""Declares the http keyword. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, fields, hookimpl
from nika_core.toolbox.network import parse_allow_entry

NIKA_API: Final = 1


class AllowEntry(fields.Scalar):
    """Accept `host`, `host:port` or a CIDR block, in the project file."""

    expects = "what http may call"

    def parse(self, text: str) -> str:
        parse_allow_entry(text)
        return text


HTTP: Final = Keyword(
    name="http",
    summary="Sends a request to a public address and gives the body of the answer.",
    primary="url",
    payload=fields.Map(
        {
            "url": fields.field(
                fields.Str(),
                "Where the request goes; a value is percent-encoded for the part of the URL in which it stands.",
            ),
            fields.Optional("method"): fields.field(
                fields.Str(),
                "GET (default; POST where json, body or form is given), PUT, PATCH, DELETE, HEAD or another.",
            ),
            fields.Optional("headers"): fields.field(
                fields.EmptyDict() | fields.MapPattern(fields.Str(), fields.Str()),
                "Names and values; a line break in a value is an error.",
            ),
            fields.Optional("query"): fields.field(
                fields.Anything(), "Parameters added to the URL: a list repeats its name, null leaves it out."
            ),
            fields.Optional("json"): fields.field(
                fields.Anything(), "Any JSON, sent as the body with Content-Type: application/json."
            ),
            fields.Optional("body"): fields.field(fields.Str(), "A text, sent as the body in UTF-8."),
            fields.Optional("form"): fields.field(
                fields.Anything(), "Fields, sent as the body like an HTML form's (application/x-www-form-urlencoded)."
            ),
            fields.Optional("followRedirects"): fields.field(
                fields.Bool(), "Follow up to 10 redirects, each guarded like the first request (default: false)."
            ),
            fields.Optional("expectStatus"): fields.field(
                fields.Str() | fields.Seq(fields.Str()),
                "Statuses that are a success: 204, 2xx (default), 200-299, or a list of these.",
            ),
            fields.Optional("response"): fields.field(
                fields.Enum(["body", "full"]), "body (default), or full for {status, headers, body}."
            ),
            fields.Optional("idempotencyKey"): fields.field(
                fields.Bool(), "Send Idempotency-Key, the same for all attempts of this task (default: false)."
            ),
        }
    ),
    step="nika_keyword_http.step:HttpStep",
    facets="nika_keyword_http.facets:HttpFacets",
    json_fields=frozenset({"query", "json", "form"}),
    verbatim_fields=frozenset({"followRedirects", "expectStatus", "response", "idempotencyKey"}),
    rendered_fields=frozenset({"url"}),
    default_timeout=10.0,
    settings=fields.Map({fields.Optional("allow"): fields.EmptyList() | fields.Seq(AllowEntry())}),
    widening_settings=frozenset({"allow"}),
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the http keyword."""
    return (HTTP,)
