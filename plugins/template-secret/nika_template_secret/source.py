"""`${secret.name}`: a secret, filled in when the task that uses it starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Json, Placeholder, Scope, SourceReport, TemplateValueError, Values, read_path, shorten

_LONGEST: Final = 200  # characters of a name


class SecretTemplates:
    """The first step of the path is the secret's name; further ones read a secret that is JSON."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report a name that no secret can have. Whether a source has it is known only in a run."""
        name = placeholder.path[0]
        if not name.strip() or not name.isprintable():
            report("a secret's name is text without control characters", hint="write ${secret.name}")
        elif len(name) > _LONGEST:
            report(f"the name '{shorten(name, 40)}' has {len(name)} characters; a secret's has at most {_LONGEST}")

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Depend on no task."""
        return ()

    def secrets(self, placeholder: Placeholder) -> Iterable[str]:
        """Return the one name."""
        return (placeholder.path[0],)

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the secret, or a part of it. Raise TemplateValueError."""
        name = placeholder.path[0]
        if name not in values.secrets:
            raise TemplateValueError(f"the secret '{shorten(name, 80)}' is known only when its task starts")
        value, path, subject = values.secrets[name], placeholder.path[1:], f"the secret '{shorten(name, 80)}'"
        if path and not value.lstrip().startswith(("{", "[")):
            hint = "name it whole, or store a JSON object under this name"
            raise TemplateValueError(f"{subject} is text, and has no part '{shorten(path[0], 80)}'", hint=hint)
        return read_path(value, path, max_depth=values.max_depth, subject=subject)
