"""`${last.output}`: what the round before returned, or a path into it; and `${last.round}`, that round's number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import (
    Binding,
    Json,
    Placeholder,
    Scope,
    Source,
    SourceReport,
    TemplateValueError,
    Values,
    codes,
    nearest,
    read_path,
)

NAME: Final = "last"
OUTPUT: Final = "output"
KEYS: Final = (OUTPUT, "round")
_OUTSIDE: Final = "there is no round here"
_FIRST: Final = "the first round has no round before it"


class LastSource(Source):
    """Rounds of loops. The first step of the path is one of `KEYS`."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report an unknown key, a path into a number, a task that does not repeat, and a missing default."""
        key, *path = placeholder.path
        written = ".".join((NAME, *placeholder.path))
        if key not in KEYS:
            report(_unknown(key), hint=_which(key))
        elif path and key != OUTPUT:
            report(f"'{key}' has no '{path[0]}'", hint=f"write ${{{NAME}.{key}}}, or ${{{NAME}.{OUTPUT}.{path[0]}}}")
        elif Binding.ROUND not in scope.bindings:
            report(_OUTSIDE, hint="only a task that repeats has rounds: `repeat: {until: ..., max: 5}`")
        elif not placeholder.is_optional:
            report(_FIRST, hint=f'write a default: ${{{written} ?? ""}}')

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return nothing: the round before is the task's own."""
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the value. Raise TemplateValueError if there is none."""
        key, *path = placeholder.path
        if key not in KEYS:
            raise TemplateValueError(_unknown(key), code=codes.UNKNOWN_REFERENCE, hint=_which(key))
        bound = values.bindings.get(Binding.ROUND)
        if not isinstance(bound, dict):
            raise TemplateValueError(_OUTSIDE)
        if key not in bound:
            raise TemplateValueError(f"round {bound['round']} has no output" if "round" in bound else _FIRST)
        return read_path(bound[key], path, max_depth=values.max_depth, subject=f"the {key} of the last round")


def _unknown(key: str) -> str:
    return f"a round has no '{key}'"


def _which(key: str) -> str:
    near = nearest(key, KEYS)
    known = f"known here: {', '.join(KEYS)}; a field of the output is read as ${{{NAME}.{OUTPUT}.{key}}}"
    return f"did you mean '{near}'? {known}" if near else known
