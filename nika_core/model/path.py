"""Reading a value by path: what `{{task.items.0.name}}` means once the output of `task` is there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.bounded import is_cut
from nika_core.model.json import Json
from nika_core.model.nearest import nearest

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_LENGTH: Final = "write | length for how long it is"
_TEXT_INSIDE: Final = "only a whole output that is JSON text is read by path, not text inside of one"
_DECODER: Final = json.JSONDecoder()
_MAX_NAMES: Final = 8


def nesting(value: Json, most: int) -> int:
    """Return the nesting depth: 0 for a scalar, 1 for a flat list. Stops counting past `most`."""
    depth = 0
    level: list[Any] = [value] if isinstance(value, dict | list | tuple) else []
    while level and depth <= most:
        depth += 1
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list | tuple)
        ]
    return depth


def read_path(value: Json, path: Sequence[str], *, max_depth: int = 50, subject: str = "the value") -> Json:
    """Return the part of `value` that `path` leads to; text that is a JSON object or array is read as such.

    Args:
        path: keys of objects and indexes (from 0) of arrays.
        max_depth: nesting at which JSON text is refused.
        subject: what `value` is, for messages, e.g. "the output of 'fetch'".

    Raises:
        TemplateValueError: there is no such part (MISSING_VALUE), or it is nested too deeply (DEPTH_LIMIT).
    """
    if not path:
        return value
    if isinstance(value, str):
        value = _parsed(value, max_depth, subject)
    is_list = isinstance(value, list | tuple)
    for taken, step in enumerate(path):
        if taken == 1 and is_list and isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            value = _parsed(value, max_depth, f"'{path[0]}' of {subject}")  # an item that is JSON text: JSON Lines
        if isinstance(value, Mapping):
            if step not in value:
                raise _no_key(value, path, taken, subject)
            value = value[step]
        elif isinstance(value, list | tuple):
            if not _INDEX.fullmatch(step):
                reason = f"is a list, and '{step}' is not an index"
                raise _missing(path, taken, subject, reason, list_hint(path[taken:]))
            if int(step) >= len(value):
                raise _missing(path, taken, subject, f"has {len(value)} items, none at index {step} (the first is 0)")
            value = value[int(step)]
        else:
            why = text_hint(step) if isinstance(value, str) and (step == "length" or value[:1] in "{[") else None
            raise _missing(path, taken, subject, f"is {_kind(value)}, which has no '{step}'", why)
    return value


def list_hint(rest: Sequence[str]) -> str:
    """Return what to write instead of such a path into a list."""
    if list(rest) == ["length"]:
        return _LENGTH
    return f"write .0 for the first item, or | pluck('{'.'.join(rest)}') for a list of that part of all items"


def text_hint(step: str) -> str:
    """Return what to write instead of a path with such a step into a text."""
    return _LENGTH if step == "length" else _TEXT_INSIDE


def _parsed(text: str, max_depth: int, subject: str) -> Json:
    stripped = text.strip()
    if stripped[:1] not in ("{", "["):
        raise TemplateValueError(
            f"{subject} is text, not a JSON object or list, and cannot be read by path",
            hint="use it whole, or make the task's output JSON",
        )
    # What is short enough to be asked for often is kept; a long text is parsed for each of its readers.
    parse = _parse_kept if len(stripped) <= 65_536 else _parse
    result = parse(stripped, max_depth)
    if isinstance(result, str):
        if is_cut(text):
            raise TemplateValueError(
                f"{subject} was cut at its limit, and cannot be read by path any more",
                hint="raise the limit (`nika limits`), or let the task return less",
            )
        code = codes.DEPTH_LIMIT if result.startswith("it is nested") else codes.MISSING_VALUE
        raise TemplateValueError(f"{subject} cannot be read by path: {result}", code=code)
    return result


def _parse(text: str, max_depth: int) -> Json:
    """Return the value, or (a str) why there is none."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        return f"it is nested deeper than {max_depth} levels"
    except ValueError as error:
        return f"it begins like JSON but is not JSON: {error}"
    if text.count("[") + text.count("{") > max_depth and nesting(value, max_depth) > max_depth:
        return f"it is nested deeper than {max_depth} levels"
    return value  # type: ignore[no-any-return]  # a decoder gives JSON


_parse_kept = lru_cache(maxsize=64)(_parse)


def _no_key(value: Mapping[str, Any], path: Sequence[str], taken: int, subject: str) -> TemplateValueError:
    step = path[taken]
    near = nearest(step, [str(key) for key in list(value)[:200]])
    names = ", ".join(str(key) for key in list(value)[:_MAX_NAMES]) + (", ..." if len(value) > _MAX_NAMES else "")
    hint = f"did you mean '{near}'?" if near else f"it has: {names}" if names else None
    return _missing(path, taken, subject, f"has no field '{step}'", hint)


def _missing(path: Sequence[str], taken: int, subject: str, what: str, hint: str | None = None) -> TemplateValueError:
    where = f"'{'.'.join(path[:taken])}' of {subject}" if taken else subject
    return TemplateValueError(f"{where} {what}", hint=hint)


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "text" if isinstance(value, str) else "a number"
