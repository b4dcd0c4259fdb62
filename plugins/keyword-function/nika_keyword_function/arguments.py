"""Fits JSON values to a function's annotations, in the worker. Imports nothing of Nika."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping

TYPE_CHECKING = False  # typing takes longer to import than all the rest, and few functions need it
if TYPE_CHECKING:
    from typing import Any

_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class BadArgumentError(Exception):
    """An argument is missing, unknown or of the wrong type; the message says which and shows the signature."""


class _MisfitError(Exception):
    """A value does not fit; the message says what is expected."""


def fitted(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as the function wants them. Raise BadArgumentError."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some written in C have none
        return dict(given)
    hints = _hints(function, signature)
    parameters = {name: one for name, one in signature.parameters.items() if one.kind in _BY_NAME}
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in signature.parameters.values())
    problems = []
    for name, one in signature.parameters.items():
        if one.kind is inspect.Parameter.POSITIONAL_ONLY and one.default is inspect.Parameter.empty:
            problems.append(f"'{name}' can only be given by position, and arguments are passed by name")
        elif name in parameters and name not in given and one.default is inspect.Parameter.empty:
            problems.append(f"'{name}' is missing")
    fitting = {}
    for name, value in given.items():
        if name not in parameters and not takes_all:
            problems.append(f"there is no parameter '{name}'")
            continue
        try:
            fitting[name] = fit(value, hints.get(name, object) if name in parameters else object)
        except _MisfitError as misfit:
            problems.append(f"'{name}': {misfit}")
        except Exception as error:  # the annotation's own type refuses the value
            problems.append(f"'{name}': {type(error).__name__}: {error}")
    if problems:
        name = getattr(function, "__name__", "function")
        raise BadArgumentError(f"{'; '.join(problems)}. The function is {name}{signature}")
    return fitting


def _hints(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    annotated = {
        name: one.annotation
        for name, one in signature.parameters.items()
        if one.annotation is not inspect.Parameter.empty
    }
    if not annotated or all(
        annotation in {str, int, float, bool} for annotation in annotated.values() if _hashable(annotation)
    ):
        return annotated
    import typing

    try:
        return typing.get_type_hints(inspect.unwrap(function))
    except Exception:  # a name that is there for type checkers only
        return {name: one for name, one in annotated.items() if not isinstance(one, str)}


def _hashable(value: Any) -> bool:
    return isinstance(value, type | str)


def fit(value: Any, wanted: Any) -> Any:
    """Fit `value` to `wanted`. Raise _MisfitError."""
    simple = _SIMPLE.get(wanted) if isinstance(wanted, type) else None
    if simple is not None:
        return simple(value)
    if wanted is object:
        return value
    if wanted is None or wanted is type(None):
        if value is None:
            return None
        raise _misfit("null", value)
    return _fit_other(value, wanted)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise _MisfitError("a text is expected, not null; write '\"null\"' for the text")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        try:
            return int(value)
        except ValueError:  # thousands of digits
            pass
    raise _misfit("an int", value)


def _float(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    raise _misfit("a float", value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise _misfit("a bool (true or false)", value)


def _list(value: Any) -> list[Any]:
    found = _from_json_text(value)
    if isinstance(found, list):
        return found
    raise _misfit("a list", value)


def _dict(value: Any) -> dict[str, Any]:
    found = _from_json_text(value)
    if isinstance(found, dict):
        return found
    raise _misfit("an object", value)


def _from_json_text(value: Any) -> Any:
    """Parse a text as JSON if it is an object or a list: a task's output is often JSON as text."""
    if isinstance(value, str) and value.strip()[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


_SIMPLE: dict[type, Callable[[Any], Any]] = {
    str: _text,
    int: _integer,
    float: _float,
    bool: _boolean,
    list: _list,
    dict: _dict,
}


def _fit_other(value: Any, wanted: Any) -> Any:
    import collections.abc
    import enum
    import pathlib
    import types
    import typing

    if wanted is typing.Any:
        return value
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Annotated:
        return fit(value, arguments[0])
    if origin in {typing.Union, types.UnionType}:
        return _fit_union(value, arguments)
    if origin is typing.Literal:
        return _fit_literal(value, arguments)
    if hasattr(wanted, "__supertype__"):
        return fit(value, wanted.__supertype__)
    kind: Any = origin or wanted
    if not isinstance(kind, type):
        return value
    if kind in {tuple, set, frozenset}:
        return kind(
            _fit_items(_list(value), (arguments[:1] if arguments[1:] == (...,) or kind is not tuple else arguments))
        )
    if kind in {list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection}:
        return _fit_items(_list(value), arguments)
    if kind in {dict, collections.abc.Mapping, collections.abc.MutableMapping}:
        inner = arguments[1] if len(arguments) == 2 else object
        outer = arguments[0] if len(arguments) == 2 else object
        return {fit(key, outer): fit(one, inner) for key, one in _dict(value).items()}
    if typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind)
        return {key: fit(one, hints.get(key, object)) for key, one in _dict(value).items()}
    if issubclass(kind, enum.Enum):
        return _fit_enum(value, kind)
    if issubclass(kind, pathlib.PurePath) or kind.__name__ == "PathLike":
        if isinstance(value, str):
            made: Any = pathlib.Path if kind.__name__ == "PathLike" else kind
            return made(value)
        raise _misfit("a path", value)
    if hasattr(kind, "__dataclass_fields__"):
        return _fit_dataclass(_dict(value), kind)
    return value


def _fit_items(values: list[Any], arguments: tuple[Any, ...]) -> list[Any]:
    if not arguments:
        return values
    if len(arguments) > 1 and len(arguments) != len(values):
        raise _MisfitError(f"{len(arguments)} items are expected, not {len(values)}")
    wanted = list(arguments) if len(arguments) > 1 else [arguments[0]] * len(values)
    items = []
    for number, (value, one) in enumerate(zip(values, wanted, strict=True)):
        try:
            items.append(fit(value, one))
        except _MisfitError as misfit:
            raise _MisfitError(f"item {number}: {misfit}") from None
    return items


def _fit_union(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:  # what it already is, before anything is made of it
        if isinstance(choice, type) and type(value) is choice:
            return value
    if value is None and type(None) in choices:
        return None
    problems = []
    # A text fits everything, so it comes last.
    for choice in sorted(choices, key=lambda one: one is str):
        try:
            return fit(value, choice)
        except _MisfitError as misfit:
            problems.append(str(misfit))
    raise _MisfitError(" or ".join(dict.fromkeys(problems)))


def _fit_literal(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
    for choice in choices:
        try:
            if type(choice) in _SIMPLE and fit(value, type(choice)) == choice:
                return choice
        except _MisfitError:
            continue
    raise _misfit("one of " + ", ".join(map(repr, choices)), value)


def _fit_enum(value: Any, kind: Any) -> Any:
    for member in kind:
        if type(member.value) is type(value) and member.value == value:
            return member
    if isinstance(value, str) and value in kind.__members__:
        return kind[value]
    raise _misfit("one of " + ", ".join(repr(member.value) for member in kind), value)


def _fit_dataclass(values: dict[str, Any], kind: Any) -> Any:
    import dataclasses
    import typing

    hints = typing.get_type_hints(kind)
    fields = {one.name: one for one in dataclasses.fields(kind) if one.init}
    for name in values:
        if name not in fields:
            raise _MisfitError(f"{kind.__name__} has no field '{name}'; it has {', '.join(fields)}")
    for name, one in fields.items():
        if name not in values and one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise _MisfitError(f"{kind.__name__} needs the field '{name}'")
    fitting = {}
    for name, value in values.items():
        try:
            fitting[name] = fit(value, hints.get(name, object))
        except _MisfitError as misfit:
            raise _MisfitError(f"field '{name}': {misfit}") from None
    return kind(**fitting)


def _misfit(expected: str, value: Any) -> _MisfitError:
    shown = json.dumps(value, ensure_ascii=False, default=repr)
    return _MisfitError(f"{expected} is expected, not {shown if len(shown) <= 60 else shown[:57] + '...'}")
