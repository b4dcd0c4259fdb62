"""Validators that are not compiled: strictyaml's rarer ones, and authors' own. They run as they are."""

from __future__ import annotations

import re
from typing import Any, Final

import strictyaml

from nika_core.document.validation.issues import ValidationIssue, add, is_refused
from nika_core.document.validation.scalar_validators import ANY_KIND, NOTHING, SCALAR, Compiled
from nika_core.document.validation.strictyaml_chunk import YAMLValidationError, validate_chunk

_SHORT: Final = 40
_MOST_KNOWN: Final = 256
_UNCHANGING: Final = (str, int, float)


def adapt(validator: Any) -> Compiled:
    """Compile any other validator: strictyaml itself runs it.

    What it makes of a short text is kept where it cannot be changed: the same few numbers and words come again and
    again, and a validator gives the same value for the same text.
    """
    scalar = isinstance(validator, strictyaml.ScalarValidator)
    own_call = type(validator).__call__ is not strictyaml.ScalarValidator.__call__
    known: dict[str, Any] = {}

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if scalar and not own_call:
            if not isinstance(node, str):  # it would refuse it, at length
                add(issues, node, _rule(validator))
                return None
            if node in known:
                return known[node]
        if is_refused(node):
            return None
        try:
            found = validate_chunk(validator, node)
            if (
                scalar
                and not own_call
                and len(node) < _SHORT
                and len(known) < _MOST_KNOWN
                and isinstance(found, _UNCHANGING)
            ):
                known[str(node)] = found
            return found
        except YAMLValidationError as error:
            chunk = error._chunk
            expected = str(error.context or "").removeprefix("when expecting ").removeprefix("while parsing ")
            message = f"expected {expected}, {error.problem}" if expected else str(error.problem)
            at_key = getattr(chunk, "at_key", False)
            issues.append(ValidationIssue(message, path=list(reversed(getattr(chunk, "path", ()))), at_key=at_key))
        except Exception as error:  # an author's validator may raise anything
            issues.append(
                ValidationIssue(f"the value cannot be read: {error}" if str(error) else "the value cannot be read")
            )
        return None

    return Compiled(
        check, frozenset({SCALAR}) if scalar else ANY_KIND, _rule(validator) if scalar else "something else"
    )


_RULES: Final = {
    strictyaml.EmptyNone: NOTHING,
    strictyaml.EmptyDict: NOTHING,
    strictyaml.EmptyList: NOTHING,
    strictyaml.NullNone: "`null`",
    strictyaml.Decimal: "a number",
    strictyaml.HexInt: "a hexadecimal number",
    strictyaml.Datetime: "a date and time",
    strictyaml.Url: "a URL",
    strictyaml.Email: "an e-mail address",
    strictyaml.CommaSeparated: "texts with commas between them",
}


def _rule(validator: Any) -> str:
    if type(validator) is strictyaml.Regex:
        return f"a text that matches `{validator._regex}`"
    known = _RULES.get(type(validator))
    if known is not None:
        return known
    rule = str(getattr(validator, "rule_description", "another text"))
    return "an " + rule.removeprefix("a ") if re.match("a [aeiou]", rule) else rule
