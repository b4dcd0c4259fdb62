"""Validators compiled to functions over our trees, with every issue of a node and not only the first.

What is compiled means exactly what strictyaml's class of that name means (held by tests with strictyaml as the oracle).
It is compiled from our descriptions; strictyaml is imported for its own validators, and for those that only it knows.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from nika_core import codes
from nika_core.document.validation.issues import ValidationIssue, add, enough, is_refused, under
from nika_core.document.validation.json_tree import plain_tree
from nika_core.document.validation.scalar_validators import (
    ANY_KIND,
    MAPPING,
    NOTHING,
    SCALAR,
    SEQUENCE,
    TEXT,
    Check,
    Compiled,
    boolean,
    empty,
    enum,
    integer,
    number,
    scalar,
)
from nika_core.document.validation.templated import templated
from nika_core.document.validation.unknown_keys import explain_key
from nika_core.document.yaml.source_map import RefusedKey
from nika_core.plugin.fields import (
    Anything,
    Bool,
    Checked,
    EmptyDict,
    EmptyList,
    Enum,
    FixedSeq,
    Float,
    Int,
    Map,
    MapPattern,
    Scalar,
    Seq,
    Str,
    Templated,
    TextFile,
    UniqueSeq,
    strict,
)
from nika_core.plugin.fields.validator import Either

_COMPILED: Final = "_compiled_by_nika"  # the attribute of a validator that holds its compiled form


def compile_schema(validator: Any) -> Compiled:
    """Compile a validator, once: it keeps the result, which may be used at any time and by several threads."""
    compiled = getattr(validator, _COMPILED, None)
    if not isinstance(compiled, Compiled):
        compiled = _compile(validator)
        with contextlib.suppress(AttributeError):  # an author's validator may have slots
            setattr(validator, _COMPILED, compiled)
    return compiled


def _compile(validator: Any) -> Compiled:
    for described in type(validator).__mro__:
        if described in _COMPILERS:
            return _COMPILERS[described](validator)
    from nika_core.document.validation.strictyaml_validators import compile_strict

    return compile_strict(strict(validator))


def anything() -> Compiled:
    """Accept any text, list or mapping."""
    return Compiled(lambda node, _: plain_tree(node), ANY_KIND, "anything")


def _map(validator: Map) -> Compiled:
    inner = {key: member.validator for key, (_, member) in validator._members.items()}
    defaults = {
        key: _default(key, member.validator, member.default)
        for key, (_, member) in validator._members.items()
        if member.default is not None
    }
    optional = {key for key, (may_be_missing, _) in validator._members.items() if may_be_missing}
    return mapping(inner, [key for key in inner if key not in optional and key not in defaults], defaults)


def _default(key: str, validator: Any, default: Any) -> Any:
    """Return a default as it is read from a document. Raises ValueError if the validator does not accept it."""
    while isinstance(validator, Templated):
        validator = validator._inner
    try:
        if isinstance(validator, Scalar):
            return validator.parse(validator.to_text(default))
        if isinstance(validator, Enum) and default in validator._texts:
            return default
        from nika_core.document.validation.strictyaml_validators import read_default

        return read_default(strict(validator), default)
    except Exception as error:  # whatever an author's validator says of it
        raise ValueError(f"the default of `{key}` is refused by its own validator: {error}") from error


def mapping(
    validators: Mapping[Any, Any],
    required: Iterable[Any],
    defaults: Mapping[Any, Any],
    names: Check | None = None,
    other: Check | None = None,
) -> Compiled:
    """Accept a mapping.

    Args:
        validators: of the values, by key.
        required: the keys that may not be missing.
        defaults: the values of keys that may be missing.
        names: what keys have to be, other than texts.
        other: what the values of other keys have to be; without it there are no others.
    """
    inner = {key: compile_schema(value) for key, value in validators.items()}
    checks = {key: found.check for key, found in inner.items()}
    required = tuple(required)

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if type(node) is not dict:
            add(issues, node, "a mapping")
            return None
        made: dict[Any, Any] = {}
        for key, value in node.items():
            since = len(issues)
            known = checks.get(key)
            if known is not None and names is None:  # nearly always
                made[key] = known(value, issues)
                if len(issues) > since:
                    under(issues, since, key)
                    if enough(issues):
                        break
                continue
            if type(key) is RefusedKey:
                continue
            name = key
            if names is not None:
                name = names(key, issues)
                if len(issues) > since:
                    under(issues, since, key)
                    for issue in issues[since:]:
                        issue.at_key = True
                    continue
            found = checks.get(name, other)
            if found is None:
                hint = explain_key(key, checks) or _known(checks)
                issues.append(ValidationIssue(f"unknown key `{_cut(key)}`", hint, [key], True, code=codes.UNKNOWN_KEY))
                if enough(issues):
                    break
                continue
            made[name] = found(value, issues)
            if len(issues) > since:
                under(issues, since, key)
                if enough(issues):
                    break
        for name, default in defaults.items():
            if name not in node:
                made[name] = copy.deepcopy(default)
        for name in required:
            if (
                name not in made
                and not any(type(key) is RefusedKey for key in node)
                and not _faulty(node, name, issues)
            ):
                issues.append(ValidationIssue(f"the key `{name}` is missing"))
        return made

    return Compiled(check, frozenset({MAPPING}), "a mapping", frozenset(map(str, checks)))


def _faulty(node: dict[Any, Any], name: str, issues: list[ValidationIssue]) -> bool:
    """Return whether an unknown key was already taken for this one: then its absence is not a second problem."""
    return name in node or any(issue.at_key and issue.hint == f"did you mean `{name}`?" for issue in issues)


def pattern(key: Any, value: Any, least: int | None, most: int | None) -> Compiled:
    """Accept a mapping with so many keys of one kind, whose values are of one kind."""
    name_of = compile_schema(key).check
    value_of = compile_schema(value).check

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if type(node) is not dict:
            add(issues, node, "a mapping")
            return None
        if most is not None and len(node) > most:
            issues.append(ValidationIssue(f"expected at most {most} keys, found {len(node)}"))
        if least is not None and len(node) < least:
            issues.append(ValidationIssue(f"expected at least {least} keys, found {len(node)}"))
        made: dict[Any, Any] = {}
        for key, value in node.items():
            if type(key) is RefusedKey:
                continue
            since = len(issues)
            name = name_of(key, issues)
            for issue in issues[since:]:
                issue.at_key = True
            found = value_of(value, issues)
            if len(issues) > since:
                under(issues, since, key)
                if enough(issues):
                    break
            else:
                made[name] = found
        return made

    return Compiled(check, frozenset({MAPPING}), "a mapping")


def sequence(items: Any, *, unique: bool = False) -> Compiled:
    """Accept a list of values of one kind, perhaps without one that stands there twice."""
    item_of = compile_schema(items).check

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if type(node) is not list:
            add(issues, node, "a list", f"write `[{node}]`" if isinstance(node, str) and 0 < len(node) < 40 else None)
            return None
        made = []
        seen: set[str] = set()
        for index, item in enumerate(node):
            since = len(issues)
            value = item_of(item, issues)
            if len(issues) == since and (value is not None or not is_refused(item)):
                made.append(value)
            if unique and isinstance(item, str):
                if item in seen:
                    issues.append(ValidationIssue(f"`{_cut(item)}` stands in this list twice"))
                seen.add(item)
            if len(issues) > since:
                under(issues, since, index)
                if enough(issues):
                    break
        return made

    return Compiled(check, frozenset({SEQUENCE}), "a list")


def fixed_sequence(validators: Sequence[Any]) -> Compiled:
    """Accept a list with one value for each validator."""
    items = [compile_schema(inner).check for inner in validators]
    expects = f"a list of {len(items)}"

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if type(node) is not list:
            add(issues, node, expects)
            return None
        if len(node) != len(items):
            issues.append(ValidationIssue(f"expected {expects}, found a list of {len(node)}"))
            return None
        made = []
        for index, (item, item_of) in enumerate(zip(node, items, strict=True)):
            since = len(issues)
            made.append(item_of(item, issues))
            if len(issues) > since:
                under(issues, since, index)
        return made

    return Compiled(check, frozenset({SEQUENCE}), expects)


def either(one: Any, another: Any) -> Compiled:
    """Accept what one of two validators accepts."""
    first, second = compile_schema(one), compile_schema(another)
    expects = " or ".join(dict.fromkeys(found for found in (first.expects, second.expects) if found != NOTHING))

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        kind = MAPPING if type(node) is dict else SEQUENCE if type(node) is list else SCALAR
        tried: list[ValidationIssue] = []
        if kind in first.kinds or kind not in second.kinds:
            made = first.check(node, tried)
            if not tried:
                return made
        again: list[ValidationIssue] = []
        made = second.check(node, again)
        if not again:
            return made
        if first.expects == NOTHING:
            issues.extend(again)  # "an empty value" is no help to who wrote a text where a list belongs
        elif kind in first.kinds and kind not in second.kinds:
            issues.extend(tried)
        elif kind not in first.kinds and second.expects == NOTHING:
            first.check(node, issues)
        elif (kind in second.kinds and kind not in first.kinds) or any(issue.path for issue in again):
            issues.extend(again)
        elif any(issue.path for issue in tried):
            issues.extend(tried)
        else:
            add(issues, node, expects, next((issue.hint for issue in (*tried, *again) if issue.hint), None))
        return None

    return Compiled(check, first.kinds | second.kinds, expects, first.fields | second.fields)


def checked(validator: Any, whole: Callable[[Any], str | None]) -> Compiled:
    """Accept what a validator accepts and a function finds nothing wrong with."""
    inner = compile_schema(validator)

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        since = len(issues)
        value = inner.check(node, issues)
        if len(issues) > since or is_refused(node):
            return value
        try:
            wrong = whole(value)
        except Exception as error:  # an author's function may raise anything
            wrong = f"the value cannot be read: {error}"
        if wrong is not None:
            issues.append(ValidationIssue(wrong))
        return value

    return Compiled(check, inner.kinds, inner.expects, inner.fields)


def _known(names: Any) -> str | None:
    known = sorted(map(str, names))
    return f"known here: {', '.join(known)}" if 0 < len(known) <= 20 else None


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


INTEGER: Final = scalar(integer, "an integer")
NUMBER: Final = scalar(number, "a number")
BOOLEAN: Final = scalar(boolean, "`true` or `false`")
_COMPILERS: Final[dict[type[Any], Callable[[Any], Compiled]]] = {
    Str: lambda _: TEXT,
    TextFile: lambda _: TEXT,
    Int: lambda _: INTEGER,
    Float: lambda _: NUMBER,
    Bool: lambda _: BOOLEAN,
    Enum: lambda validator: enum(validator._texts),
    EmptyDict: lambda _: empty(dict),
    EmptyList: lambda _: empty(list),
    Anything: lambda _: anything(),
    Scalar: lambda validator: scalar(validator.parse, validator.expects),
    Map: _map,
    MapPattern: lambda validator: pattern(
        validator._key, validator._value, validator._bounds["minimum_keys"], validator._bounds["maximum_keys"]
    ),
    UniqueSeq: lambda validator: sequence(validator._item, unique=True),
    Seq: lambda validator: sequence(validator._item),
    FixedSeq: lambda validator: fixed_sequence(validator._items),
    Either: lambda validator: either(validator.first, validator.second),
    Checked: lambda validator: checked(validator._inner, validator._check),
    Templated: lambda validator: templated(compile_schema(validator._inner), validator._before_run),
}
