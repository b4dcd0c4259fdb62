"""`options:` beside a model: what a provider's own validator makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core import codes
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue
from nika_core.errors import Category, TaskError
from nika_core.model.json import JsonObject
from nika_core.plugin import Provider


def check_options(provider: Provider, options: Mapping[str, Any], issues: list[ValidationIssue]) -> JsonObject:
    """Return options as the provider's validator returns them; add what is wrong with them to `issues`."""
    if not options:
        return {}
    if provider.options is None:
        message = f"the provider '{provider.name}' has no options"
        issues.append(ValidationIssue(message, at_key=True, code=codes.MODEL_CANNOT, hint="remove `options`"))
        return {}
    checked: JsonObject = compile_schema(provider.options).check(options, issues) or {}
    return checked


def provider_options(provider: Provider, options: Mapping[str, Any]) -> JsonObject:
    """Return options as the provider's client is given them. Raise TaskError if they are not as they should be."""
    issues: list[ValidationIssue] = []
    checked = check_options(provider, options, issues)
    if issues:
        where = ".".join(map(str, ("options", *reversed(issues[0].path))))
        message = f"`{where}` for the provider '{provider.name}': {issues[0].message}"
        raise TaskError(message, category=Category.CONFIG, code=codes.MODEL_CANNOT, hint=issues[0].hint)
    return checked
