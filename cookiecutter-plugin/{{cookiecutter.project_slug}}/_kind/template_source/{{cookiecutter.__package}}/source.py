"""Resolves `${name.key}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nika_core.plugin import (
    Json,
    Placeholder,
    Scope,
    Source,
    SourceReport,
    TemplateValueError,
    Values,
    codes,
    read_path,
)

PREFIX: Final = "{{cookiecutter.__variable}}_"


class {{cookiecutter.__class}}Source(Source):
    """The key `region` is the variable with the prefix and `REGION`. A path can read a part of a JSON value."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report a variable that is not set and has no default, before anything runs."""
        if _value(placeholder, scope.environ) is None and not placeholder.is_optional:
            report(_missing(placeholder), code=codes.ENV_NOT_SET, hint=_hint(placeholder))

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return nothing: it names no task."""
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the value. Raises TemplateValueError if there is none."""
        value = _value(placeholder, values.environ)
        if value is None:
            raise TemplateValueError(_missing(placeholder), code=codes.ENV_NOT_SET, hint=_hint(placeholder))
        return read_path(value, placeholder.path[1:], max_depth=values.max_depth, subject=_variable(placeholder))


def _variable(placeholder: Placeholder) -> str:
    return PREFIX + placeholder.path[0].replace("-", "_").upper()


def _value(placeholder: Placeholder, environ: Mapping[str, str]) -> str | None:
    return environ.get(_variable(placeholder))


def _missing(placeholder: Placeholder) -> str:
    return f"the variable {_variable(placeholder)} is not set"


def _hint(placeholder: Placeholder) -> str:
    return f'set it, or write a default: {placeholder.text[:-1].rstrip()} ?? ""}}'
