"""What a compiled validator is, and the scalar ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from nika_core.document.validation.issues import ValidationIssue, add, is_refused, mismatch
from nika_core.model.nearest import did_you_mean
from nika_core.values import dataclass

Check: TypeAlias = Callable[[Any, list[ValidationIssue]], Any]

SCALAR: Final = "scalar"
MAPPING: Final = "mapping"
SEQUENCE: Final = "sequence"
NOTHING: Final = "nothing"
ANY_KIND: Final = frozenset({SCALAR, MAPPING, SEQUENCE})

_INTEGER: Final = re.compile(r"[-+]?[0-9_]+\Z")
_DECIMAL: Final = re.compile(r"[-+]?[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9_]+)?\Z")
_INFINITE: Final = re.compile(r"([-+]?\.?(?:inf|Inf|INF)|\.?(?:nan|NaN|NAN))\Z")
_TRUE: Final = frozenset({"yes", "true", "on", "1", "y"})
_FALSE: Final = frozenset({"no", "false", "off", "0", "n"})


@dataclass(frozen=True, slots=True)
class Compiled:
    """`check` returns the value and adds issues; `kinds` it may accept; `expects` says what, in a few words."""

    check: Check
    kinds: frozenset[str]
    expects: str
    fields: frozenset[str] = frozenset()


def _text(node: Any, issues: list[ValidationIssue]) -> Any:
    if type(node) is str:
        return node
    if isinstance(node, str):
        return str(node)
    add(issues, node, "a text")
    return None


TEXT: Final = Compiled(_text, frozenset({SCALAR}), "a text")


def empty(made: Callable[[], Any]) -> Compiled:
    """Accept nothing at all, and return what `made` makes."""

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if node == "" and not is_refused(node):
            return made()
        add(issues, node, NOTHING)
        return None

    return Compiled(check, frozenset({SCALAR}), NOTHING)


def scalar(parse: Callable[[str], Any], expects: str) -> Compiled:
    """Accept a scalar that `parse` reads; it raises ValueError, with what is wrong or without words."""

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if not isinstance(node, str):
            add(issues, node, expects)
            return None
        try:
            return parse(str(node))
        except ValueError as error:
            if not is_refused(node):
                issues.append(ValidationIssue(str(error)) if str(error) else mismatch(node, expects))
            return None

    return Compiled(check, frozenset({SCALAR}), expects)


def integer(text: str) -> int:
    """Read an integer as strictyaml does. Raises ValueError, without words if none are needed."""
    digits = text.removesuffix("\n")
    if not _INTEGER.match(digits) or len(digits) > 4000:
        raise ValueError
    try:
        return int(digits.replace("_", ""))
    except ValueError:
        raise ValueError from None


def number(text: str) -> float:
    """Read a number as strictyaml does. Raises ValueError."""
    digits = text.removesuffix("\n")
    if _INFINITE.match(digits):
        return float(digits.replace(".", ""))
    if not _DECIMAL.match(digits):
        raise ValueError
    try:
        return float(digits.replace("_", ""))
    except ValueError:
        raise ValueError from None


def boolean(text: str) -> bool:
    """Read a truth value as strictyaml does. Raises ValueError."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError


def enum(words: Sequence[str]) -> Compiled:
    """Accept one of several texts."""
    expects = "one of " + ", ".join(f"`{word}`" for word in words)

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if not isinstance(node, str):
            add(issues, node, expects)
            return None
        if node not in words:
            add(issues, node, expects, did_you_mean(node, map(str, words)))
            return None
        return str(node)

    return Compiled(check, frozenset({SCALAR}), expects)
