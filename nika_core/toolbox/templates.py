"""Templates and conditions for commands that rewrite workflows as text: compiled as the kernel compiles them."""

from nika_core.model.bounded import why_not_an_id
from nika_core.model.nearest import nearest
from nika_core.model.template import Template
from nika_core.template import ConditionSyntaxError, TemplateSyntaxError, compile_condition, compile_template

__all__ = [
    "ConditionSyntaxError",
    "Template",
    "TemplateSyntaxError",
    "compile_condition",
    "compile_template",
    "nearest",
    "why_not_an_id",
]
