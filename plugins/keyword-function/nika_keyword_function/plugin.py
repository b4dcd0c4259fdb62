"""Declares the function keyword. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, fields, hookimpl

NIKA_API: Final = 1

FUNCTION: Final = Keyword(
    name="function",
    summary="Calls a Python or Node function in a process of its own and gives what it returns.",
    primary="reference",
    payload=fields.Map(
        {
            "reference": fields.field(
                fields.Str(),
                "path/to/file.py::name (also .js, .mjs, .ts) from the workflow's folder, or package.module::name.",
            ),
            fields.Optional("args"): fields.field(
                fields.Anything(), "Arguments by name; they are fitted to the parameters' annotations."
            ),
        }
    ),
    step="nika_keyword_function.step:FunctionStep",
    facets="nika_keyword_function.facets:FunctionFacets",
    json_fields=frozenset({"args"}),
    rendered_fields=frozenset({"reference"}),
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the function keyword."""
    return (FUNCTION,)
