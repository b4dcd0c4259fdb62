"""What `{{list | length}}` and the like mean: a closed list of pure functions with literal arguments.

`where`, `join`, `lines`, `sum` and `average` leave nulls out; `pluck` keeps them; `length` counts them. Every function
takes time linear in the size of its value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.json import Json
from nika_core.model.path import read_path
from nika_core.model.template import PipeCall
from nika_core.template.condition_operators import describe_value, equal, truth
from nika_core.values import dataclass

_KIND_OF_TYPE: Final = {"string": "text", "array": "list", "object": "object", "null": "null"}
_NAMES: Final = {"object": "an object", "boolean": "true or false", "integer": "a number"}
_compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Pipe:
    """One pipe of the language.

    Attributes:
        takes: the kinds of values that it takes: `list`, `text`, `object`, `any`.
        returns: the kind of value that it returns; `same`: the kind that it was given.
        arguments: the kinds of its arguments: `text`, `path`, `count`, `literal`.
        apply: the value and the arguments to the result.
    """

    takes: tuple[str, ...]
    returns: str
    arguments: tuple[str, ...]
    apply: Callable[..., Json]


def _items(value: Json) -> list[Json]:
    return [item for item in value if item is not None] if isinstance(value, list | tuple) else []


def _text(value: Json) -> str:
    return value if isinstance(value, str) else _compact(value)


def _length(value: Any) -> Json:
    return len(value)


def _join(value: Json, separator: str) -> Json:
    return separator.join(map(_text, _items(value)))


def _lines(value: Json, prefix: str) -> Json:
    return "\n".join(f"{prefix}{_text(item)}" for item in _items(value))


def _first(value: Any, count: int) -> Json:
    return value[:count]  # type: ignore[no-any-return]  # a part of JSON is JSON


def _last(value: Any, count: int) -> Json:
    return value[-count:] if count else value[:0]  # type: ignore[no-any-return]  # a part of JSON is JSON


def _part(item: Json, path: str) -> Json:
    return None if item is None else read_path(item, path.split("."), subject="an item")


def _part_or_null(item: Json, path: str) -> Json:
    try:
        return _part(item, path)
    except TemplateValueError as error:
        if error.code == codes.MISSING_VALUE:
            return None
        raise


def _pluck(value: Any, path: str) -> Json:
    return [_part(item, path) for item in value]


def _where(value: Json, path: str, wanted: Json) -> Json:
    return [item for item in _items(value) if equal(_part_or_null(item, path), wanted)]


def _flatten(value: Any) -> Json:
    flat: list[Json] = []
    for item in value:
        flat.extend(item) if isinstance(item, list | tuple) else flat.append(item)
    return flat


def _unique(value: Any) -> Json:
    seen: set[str] = set()
    distinct: list[Json] = []
    for item in value:
        text = json.dumps(item, sort_keys=True)
        if text not in seen:
            seen.add(text)
            distinct.append(item)
    return distinct


def _numbers(value: Json, pipe: str) -> list[int | float]:
    numbers: list[int | float] = []
    for item in _items(value):
        if isinstance(item, bool) or not isinstance(item, int | float):
            raise TemplateValueError(
                f"`{pipe}` takes a list of numbers, and one item is {describe_value(item)}",
                code=codes.VALUE_NOT_ALLOWED_HERE,
                hint="take the numbers out of the items first: `| pluck('price')`",
            )
        numbers.append(item)
    return numbers


def _total(numbers: Sequence[int | float], pipe: str) -> int | float:
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    try:
        return math.fsum(numbers)
    except OverflowError:
        raise TemplateValueError(
            f"`{pipe}` of these numbers is too large", code=codes.VALUE_NOT_ALLOWED_HERE, hint="use a `function` task"
        ) from None


def _sum(value: Json) -> Json:
    return _total(_numbers(value, "sum"), "sum")


def _average(value: Json) -> Json:
    numbers = _numbers(value, "average")
    if not numbers:
        return None
    total = _total(numbers, "average")
    try:
        return total / len(numbers)
    except OverflowError:
        raise TemplateValueError("`average` of these numbers is too large", code=codes.VALUE_NOT_ALLOWED_HERE) from None


def _then(value: Json, if_true: Json, if_false: Json) -> Json:
    return if_true if truth(value) else if_false


PIPES: Final[Mapping[str, Pipe]] = {
    "length": Pipe(("text", "list", "object"), "number", (), _length),
    "join": Pipe(("list",), "text", ("text",), _join),
    "lines": Pipe(("list",), "text", ("text",), _lines),
    "first": Pipe(("list", "text"), "same", ("count",), _first),
    "last": Pipe(("list", "text"), "same", ("count",), _last),
    "pluck": Pipe(("list",), "list", ("path",), _pluck),
    "where": Pipe(("list",), "list", ("path", "literal"), _where),
    "flatten": Pipe(("list",), "list", (), _flatten),
    "unique": Pipe(("list",), "list", (), _unique),
    "sum": Pipe(("list",), "number", (), _sum),
    "average": Pipe(("list",), "number", (), _average),
    "compact": Pipe(("list",), "list", (), lambda value: _items(value)),
    "then": Pipe(("any",), "any", ("literal", "literal"), _then),
    "json": Pipe(("any",), "text", (), _compact),
    "trim": Pipe(("text",), "text", (), lambda value: value.strip()),
}


_EXAMPLES: Final = {
    "join": "(', ')",
    "lines": "('- ')",
    "first": "(3)",
    "last": "(3)",
    "pluck": "('name')",
    "where": "('state', 'open')",
    "then": "('yes', 'no')",
}


def pipe_example(name: str) -> str:
    """Return a hint that shows how a pipe is written."""
    return f"e.g. {{{{task | {name}{_EXAMPLES.get(name, '')}}}}}"


def why_not_piped(pipes: Sequence[PipeCall], types: Collection[str]) -> str | None:
    """Return why pipes cannot take a value whose JSON Schema types are known; None if they may.

    Args:
        types: of the value, e.g. `{"array"}`; empty: not known.
    """
    kinds = {_KIND_OF_TYPE.get(one, one) for one in types} - {"null"}
    for name, _ in pipes:
        pipe = PIPES[name]
        # Text may be that of a list or an object, which is read as such.
        if kinds and pipe.takes != ("any",) and not kinds & {*pipe.takes, "text"}:
            found = " or ".join(sorted(_NAMES.get(one, f"a {one}") for one in kinds))
            return f"`{name}` takes {_takes(pipe)}, and the value is {found}"
        if pipe.returns != "same":
            kinds = set() if pipe.returns == "any" else {pipe.returns}
    return None


def _takes(pipe: Pipe) -> str:
    return " or ".join(_NAMES.get(taken, f"a {taken}") for taken in pipe.takes)


def apply_pipes(pipes: Sequence[PipeCall], value: Json, max_depth: int = 50) -> Json:
    """Return what pipes make of a value, from left to right. Raise TemplateValueError."""
    for name, arguments in pipes:
        value = apply_pipe(name, value, arguments, max_depth)
    return value


def apply_pipe(name: str, value: Json, arguments: Sequence[Json], max_depth: int = 50) -> Json:
    """Return what a pipe makes of a value. Text that is a JSON list or object counts as such if the pipe takes one.

    Raises:
        TemplateValueError: the value is of a kind that the pipe does not take.
    """
    pipe = PIPES[name]
    kind = _kind(value)
    if kind == "text" and "text" not in pipe.takes and pipe.takes != ("any",):
        value = _structure(value, max_depth)
        kind = _kind(value)
    if kind not in pipe.takes and pipe.takes != ("any",):
        hint = "`output: lines` makes a list of a text's lines" if kind == "text" else None
        raise TemplateValueError(
            f"`{name}` takes {_takes(pipe)}, and the value is {describe_value(value)}",
            code=codes.VALUE_NOT_ALLOWED_HERE,
            hint=hint,
        )
    return pipe.apply(value, *arguments)


def _kind(value: Json) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "list"
    return "object" if isinstance(value, Mapping) else "other"


def _structure(value: Json, max_depth: int) -> Json:
    """Return the JSON list or object that a text is; the text if it is neither."""
    text = str(value).strip()
    if text[:1] not in ("[", "{"):
        return value
    try:
        return read_path({"value": json.loads(text)}, ("value",), max_depth=max_depth)
    except (ValueError, RecursionError):
        return value
