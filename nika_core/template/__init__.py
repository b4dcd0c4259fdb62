"""Templates and conditions: compiled once, resolved against sources, rendered without being scanned again.

What reads conditions is imported when the first one is compiled: most workflows have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nika_core.model.path import read_path
from nika_core.template.compiler import compile_template
from nika_core.template.condition import CompiledCondition
from nika_core.template.condition_operators import describe_value, equal
from nika_core.template.errors import ConditionSyntaxError, TemplateSyntaxError
from nika_core.template.pipes import why_not_piped
from nika_core.template.rendering import render, to_text
from nika_core.template.resolution import render_payload, render_text, resolve, resolve_early

if TYPE_CHECKING:
    from nika_core.template.condition_parser import compile_condition

__all__ = [
    "CompiledCondition",
    "ConditionSyntaxError",
    "TemplateSyntaxError",
    "compile_condition",
    "compile_template",
    "describe_value",
    "equal",
    "read_path",
    "render",
    "render_payload",
    "render_text",
    "resolve",
    "resolve_early",
    "to_text",
    "why_not_piped",
]


if not TYPE_CHECKING:  # a type checker that sees it takes every misspelt name for right

    def __getattr__(name: str) -> object:
        if name != "compile_condition":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from nika_core.template import condition_parser

        return condition_parser.compile_condition
