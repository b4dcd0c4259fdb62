"""Checks the types of a description. Python does not check them, and an error here would otherwise appear much later
and look like a fault of other code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from nika_core.model.workflow import ROOT_KEYS, Binding, KeywordCategory
from nika_core.plugin import Explanation, Keyword
from nika_core.plugin.fields.validator import Validator
from nika_core.plugin.keyword import NO_STEP
from nika_core.registry.kinds import Kind, load_named

_OBJECT: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*-\d{3}\Z")
_SECTION: Final = re.compile(r"[A-Za-z][\w-]{0,63}\Z", re.ASCII)
_KERNEL: Final = "NIKA-"

Rule: TypeAlias = tuple[str, Callable[[Any], bool]]
Rules: TypeAlias = Mapping[str, Rule]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_named_object(value: Any) -> bool:
    return isinstance(value, str) and _OBJECT.match(value) is not None


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _is_validator(value: Any) -> bool:
    return (callable(value) or isinstance(value, Validator)) and not isinstance(value, type)


def _are_names(value: Any) -> bool:
    return isinstance(value, frozenset | set | tuple | list) and all(map(_is_text, value))


def _are_validators(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_text(key) and _is_validator(each) for key, each in value.items())


_TEXT: Final[Rule] = ("a text", _is_text)
_OBJECT_NAME: Final[Rule] = ('"package.module:Class"', _is_named_object)
_TRUTH: Final[Rule] = ("True or False", lambda value: isinstance(value, bool))
_NAMES: Final[Rule] = ("names, in a set or a tuple", _are_names)
_COUNT: Final[Rule] = ("a whole number from 1 on, or None", _is_count)

_OPTIONAL_VALIDATOR: Final = (
    "a validator of nika_core.plugin.fields, or None",
    lambda value: value is None or _is_validator(value),
)
KEYWORD: Final[Rules] = {
    "name": _TEXT,
    "summary": _TEXT,
    "category": ("a KeywordCategory", lambda value: isinstance(value, KeywordCategory)),
    "primary": _TEXT,
    "short_form_only": _TRUTH,
    "payload": ("a validator of nika_core.plugin.fields", _is_validator),
    "step": _OBJECT_NAME,
    "facets": _OBJECT_NAME,
    "json_fields": _NAMES,
    "verbatim_fields": _NAMES,
    "rendered_fields": _NAMES,
    "file_fields": _NAMES,
    "folder_fields": _NAMES,
    "needs_provider": _TRUTH,
    "only_asks": _TRUTH,
    "in_place": _TRUTH,
    "same_worker": _TRUTH,
    "refused_keys": (
        "keys of a task, each with the text of what to write instead",
        lambda value: isinstance(value, Mapping) and all(_is_text(key) and _is_text(fix) for key, fix in value.items()),
    ),
    "pure": _TRUTH,
    "default_timeout": ("seconds, more than 0", _is_seconds),
    "default_max_output": _COUNT,
    "sections": ("root keys, each with a validator of nika_core.plugin.fields", _are_validators),
    "settings": _OPTIONAL_VALIDATOR,
    "widening_settings": _NAMES,
    "synonyms": _NAMES,
    "explanations": (
        "Explanation values in a tuple",
        lambda value: isinstance(value, tuple | list) and all(isinstance(each, Explanation) for each in value),
    ),
}
PROVIDER: Final[Rules] = {
    "name": _TEXT,
    "summary": _TEXT,
    "models": _NAMES,
    "secrets": _NAMES,
    "optional_secrets": _NAMES,
    "secrets_unless": _NAMES,
    "client": _OBJECT_NAME,
    "requests_per_minute": _COUNT,
    "tokens_per_minute": _COUNT,
    "options": _OPTIONAL_VALIDATOR,
    "settings": _OPTIONAL_VALIDATOR,
    "widening_settings": _NAMES,
    "stands_in": _TRUTH,
}
TEMPLATE_SOURCE: Final[Rules] = {
    "name": _TEXT,
    "summary": _TEXT,
    "source": _OBJECT_NAME,
    "default_source": _TRUTH,
    "optional": _TRUTH,
    "known_before_run": _TRUTH,
    "binding": ("a Binding, or None", lambda value: value is None or isinstance(value, Binding)),
    "secret": _TRUTH,
    "late": _TRUTH,
    "may_be_missing": _TRUTH,
}
LIMIT_POLICY: Final[Rules] = {"name": _TEXT, "summary": _TEXT, "policy": _OBJECT_NAME}
NOTIFIER: Final[Rules] = {
    "name": _TEXT,
    "summary": _TEXT,
    "notifier": _OBJECT_NAME,
    "settings": ("a validator of nika_core.plugin.fields", _is_validator),
    "widening_settings": _NAMES,
    "timeout": ("seconds, more than 0", _is_seconds),
}
SECRET_SOURCE: Final[Rules] = {
    "name": _TEXT,
    "summary": _TEXT,
    "source": _OBJECT_NAME,
    "settings": _OPTIONAL_VALIDATOR,
    "widening_settings": _NAMES,
    "timeout": ("seconds, more than 0", _is_seconds),
    "order": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
}
BACKEND: Final[Rules] = {"name": _TEXT, "summary": _TEXT, "backend": _OBJECT_NAME, "example": _TEXT}
OBSERVER: Final[Rules] = {
    "name": _TEXT,
    "summary": _TEXT,
    "observer": _OBJECT_NAME,
    "settings": ("a validator of nika_core.plugin.fields", _is_validator),
    "widening_settings": _NAMES,
    "live": _TRUTH,
    "traces": _TRUTH,
    "timeout": ("seconds, more than 0", _is_seconds),
}
PROJECT_TEMPLATE: Final[Rules] = {
    "name": _TEXT,
    "summary": _TEXT,
    "files": ('"package.module:function"', _is_named_object),
}
COMMAND: Final[Rules] = {"name": _TEXT, "summary": _TEXT, "app": _OBJECT_NAME}


def description_error(kind: Kind, description: object) -> str | None:
    """Return what is wrong with a description, as the rest of a sentence that begins with the plugin; None: nothing."""
    rules: Rules = load_named(kind.value.rules)
    for name, (wanted, holds) in rules.items():
        value = getattr(description, name, None)
        if not holds(value):
            return f"sets `{name}` to {_shown(value)}, not {wanted}"
    if isinstance(description, Keyword):
        if description.step == NO_STEP and description.category is not KeywordCategory.GROUP:
            return "names no `step`, and only a keyword of category GROUP needs none"
        return _sections_error(description) or _explanations_error(description)
    return None


def _sections_error(keyword: Keyword) -> str | None:
    for name in keyword.sections:
        if name in ROOT_KEYS:
            return f"has the section `{name}`, which is a root key of Nika itself in every workflow"
        if not _SECTION.match(name):
            return f"has the section {name!r:.60}, where a name of letters, digits, `-` and `_` is wanted"
    return None


def _explanations_error(keyword: Keyword) -> str | None:
    for each in keyword.explanations:
        texts = (each.code, each.title, each.meaning, each.example, each.fix)
        if not all(map(_is_text, texts)):
            return f"explains {_shown(each.code)} with something that is not text"
        if each.code.startswith(_KERNEL):
            return f"explains {each.code}, and the codes that begin with {_KERNEL} are Nika's own"
        if not _CODE.match(each.code):
            return f"explains {each.code!r:.40}: a code is a prefix of the plugin's own and three digits, as ACME-001"
    return None


def _shown(value: object) -> str:
    try:
        return f"{value!r:.60}"
    except Exception:  # its own repr may fail, too
        return f"a {type(value).__name__}"
