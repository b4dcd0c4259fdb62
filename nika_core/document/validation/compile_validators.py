"""strictyaml validators compiled to functions over our trees, with every issue of a node and not only the first.

What is compiled means exactly what strictyaml's own class means (held by tests with strictyaml as the oracle). Any
other validator, an author's own included, runs as it is, on a chunk of ours that looks like strictyaml's.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any, Final

import strictyaml
from strictyaml.compound import MapCombined
from strictyaml.yamllocation import YAMLChunk

from nika_core import codes
from nika_core.document.validation.issues import ValidationIssue, add, enough, is_refused, under
from nika_core.document.validation.json_tree import plain_tree
from nika_core.document.validation.scalar_validators import (
    ANY_KIND,
    MAPPING,
    NOTHING,
    SCALAR,
    SEQUENCE,
    Compiled,
    boolean,
    enum,
    integer,
    number,
    scalar,
    text,
)
from nika_core.document.validation.strictyaml_validators import adapt
from nika_core.document.validation.synonyms import explain_key
from nika_core.document.validation.templated import templated
from nika_core.document.yaml.source_map import RefusedKey
from nika_core.plugin.fields import strict
from nika_core.plugin.fields.strict_classes import CheckedValidator, DocumentedMap, ScalarOf, TemplatedValidator

_COMPILED: Final = "_compiled_by_nika"  # the attribute of a validator that holds its compiled form


def compile_schema(validator: Any) -> Compiled:
    """Compile a validator, once: it keeps the result, which may be used at any time and by several threads."""
    compiled = getattr(validator, _COMPILED, None)
    if not isinstance(compiled, Compiled):
        plain = strict(validator)
        compiled = _COMPILERS.get(type(plain), adapt)(plain)
        with contextlib.suppress(AttributeError):  # an author's validator may have slots
            setattr(validator, _COMPILED, compiled)
    return compiled


def _enum(validator: Any) -> Compiled:
    texts = type(validator._item_validator) is strictyaml.Str
    return enum(validator) if texts else adapt(validator)


def _anything(_: Any) -> Compiled:
    return Compiled(lambda node, _: plain_tree(node), ANY_KIND, "anything")


def _defaults(validator: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, default in validator._defaults.items():
        inner = validator.get_validator(key)
        found[key] = inner(YAMLChunk(inner.to_yaml(default))).data
    return found


def _map(validator: Any) -> Compiled:
    open_ended = isinstance(validator, MapCombined)
    inner = {key: compile_schema(value) for key, value in validator._validator_dict.items()}
    checks = {key: found.check for key, found in inner.items()}
    other = compile_schema(validator._value_validator).check if open_ended else None
    required = tuple(validator._required_keys)
    defaults = _defaults(validator)
    names = None if type(validator._key_validator) is strictyaml.Str else compile_schema(validator._key_validator).check

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
    """Return whether an unknown key was already taken for this one: then its absence is no second problem."""
    return name in node or any(issue.at_key and issue.hint == f"did you mean `{name}`?" for issue in issues)


def _pattern(validator: Any) -> Compiled:
    name_of = compile_schema(validator._key_validator).check
    value_of = compile_schema(validator._value_validator).check
    least, most = validator._minimum_keys, validator._maximum_keys

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


def _sequence(validator: Any) -> Compiled:
    item_of = compile_schema(validator._validator).check
    unique = type(validator) is strictyaml.UniqueSeq

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


def _fixed_sequence(validator: Any) -> Compiled:
    items = [compile_schema(inner).check for inner in validator._validators]
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


def _either(validator: Any) -> Compiled:
    first, second = compile_schema(validator._validator_a), compile_schema(validator._validator_b)
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


def _checked(validator: CheckedValidator) -> Compiled:
    inner = compile_schema(validator.inner)

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        since = len(issues)
        value = inner.check(node, issues)
        if len(issues) > since or is_refused(node):
            return value
        try:
            wrong = validator.check(value)
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


_COMPILERS: Final[dict[type[Any], Callable[[Any], Compiled]]] = {
    strictyaml.Str: text,
    strictyaml.Int: lambda _: scalar(integer, "an integer"),
    strictyaml.Float: lambda _: scalar(number, "a number"),
    strictyaml.Bool: lambda _: scalar(boolean, "`true` or `false`"),
    strictyaml.Enum: _enum,
    strictyaml.Any: _anything,
    strictyaml.Map: _map,
    MapCombined: _map,
    DocumentedMap: _map,
    ScalarOf: lambda validator: scalar(validator.scalar.parse, validator.scalar.expects),
    CheckedValidator: _checked,
    TemplatedValidator: lambda validator: templated(compile_schema(validator.inner), validator.before_run),
    strictyaml.MapPattern: _pattern,
    strictyaml.Seq: _sequence,
    strictyaml.UniqueSeq: _sequence,
    strictyaml.FixedSeq: _fixed_sequence,
    strictyaml.OrValidator: _either,
}
