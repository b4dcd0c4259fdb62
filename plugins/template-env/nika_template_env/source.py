"""`${env.NAME}`: an environment variable, as it was when the run started."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import Json, Placeholder, Scope, SourceReport, TemplateValueError, Values, codes, read_path


class EnvironmentSource:
    """The environment. The first step of the path is the variable's name; further ones read a variable that is JSON."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report a variable that is not set and has no default."""
        name = placeholder.path[0]
        if name not in scope.environ and not placeholder.is_optional:
            report(_not_set(name), code=codes.ENV_NOT_SET, hint=_hint(name))

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Depend on no task."""
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the variable's value. Raise TemplateValueError."""
        name = placeholder.path[0]
        if name not in values.environ:
            raise TemplateValueError(_not_set(name), code=codes.ENV_NOT_SET, hint=_hint(name))
        return read_path(
            values.environ[name],
            placeholder.path[1:],
            max_depth=values.max_depth,
            subject=f"the environment variable {name}",
        )


def _not_set(name: str) -> str:
    return f"the environment variable {name} is not set"


def _hint(name: str) -> str:
    return f'set it, or write a default: ${{env.{name} ?? ""}}'
