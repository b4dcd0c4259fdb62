"""What is wrong with the text of a template or of a condition."""

from __future__ import annotations

from nika_core import codes
from nika_core.errors import NikaError
from nika_core.model.template import Template


class TemplateSyntaxError(NikaError):
    """A text is not a valid template. `offset` counts characters from the start of the text, from 0.

    Attributes:
        further: what else is wrong with the text, in its order.
        rest: the text with the templates in it that could be read.
    """

    exit_code = 2
    error_code = codes.TEMPLATE_SYNTAX

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(self.error_code, message, hint=hint)
        self.offset = offset
        self.further: tuple[TemplateSyntaxError, ...] = ()
        self.rest: Template | str = ""


class ConditionSyntaxError(TemplateSyntaxError):
    """A text is not a valid condition. `offset` as above."""

    error_code = codes.BAD_CONDITION
