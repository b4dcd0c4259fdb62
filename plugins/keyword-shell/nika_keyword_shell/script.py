"""A command with placeholders and its values -> a script that has none of the values in it, and the values."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from nika_core.plugin import Json, JsonObject, Placeholder, Template, TemplateValueError, codes
from nika_keyword_shell.analysis import Scan, scan
from nika_keyword_shell.record import Quoting

MAX_VARIABLE_BYTES: Final = 128 * 1024  # of `NAME=value` and its end, on Linux; the same everywhere, to be portable
_HEADROOM_BYTES: Final = 64 * 1024  # of the environment and the script
_HOW_ELSE: Final = (
    "give it to the command through `stdin`, through `env`, or as an element of `argv`; "
    "or write `trust: true` if only those who may run commands here choose the value"
)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_REFERENCES: Final = {
    Quoting.NONE: '"${%s}"',
    Quoting.DOUBLE: "${%s}",
    Quoting.SINGLE: "'\"${%s}\"'",
    Quoting.COMMENT: "${%s}",
}


def scanned(template: Template) -> Scan:
    """Return where the placeholders of a command stand."""
    return _scanned(tuple(literals(template)))


def put_together(template: Template | str, values: Sequence[Json]) -> JsonObject:
    """Return `{"script", "values", "text", "unsafe"}`: what runs, its variables, and what would run with `trust: true`.

    `unsafe` says why `script` is None. Raises TemplateValueError for a value that no command can be given.
    """
    if isinstance(template, str):
        return {"script": template, "values": {}, "text": template}
    found = scanned(template)
    names: dict[str, str] = {}
    variables: dict[str, str] = {}
    script: list[str] = []
    text: list[str] = []
    number = 0
    for part in template.parts:
        if not isinstance(part, Placeholder):
            script.append(part)
            text.append(part)
            continue
        name = names.setdefault(part.text, f"NIKA_V{len(names)}")
        variables[name] = _value(values[number], part, name)
        script.append(_REFERENCES[found.quoting[number]] % name)
        text.append(variables[name])
        number += 1
    _check_total(variables)
    rendered: dict[str, Json] = {"script": "".join(script), "values": variables, "text": "".join(text)}
    if found.refused:
        first = found.refused[0]
        written = template.placeholders[first.mark].text if isinstance(first.mark, int) else "a value"
        rendered["script"] = None
        rendered["unsafe"] = f"{written} cannot be made safe: {first.why}"
    return rendered


def how_else() -> str:
    """Return what to do instead of putting a value into a command."""
    return _HOW_ELSE


@lru_cache(maxsize=1024)
def _scanned(texts: tuple[str, ...]) -> Scan:
    return scan(texts)


def literals(template: Template | str) -> list[str]:
    """Return the texts around the placeholders."""
    if isinstance(template, str):
        return [template]
    texts = [""]
    for part in template.parts:
        if isinstance(part, Placeholder):
            texts.append("")
        else:
            texts[-1] += part
    return texts


def _value(value: Json, placeholder: Placeholder, name: str) -> str:
    try:
        text = value if isinstance(value, str) else _ENCODER.encode(value)
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise TemplateValueError(
            f"the value of {placeholder.text} has a character that is not text (a lone surrogate)",
            code=codes.VALUE_NOT_ALLOWED_HERE,
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise TemplateValueError(f"the value of {placeholder.text} is not JSON: {error}") from None
    if "\0" in text:
        raise TemplateValueError(
            f"the value of {placeholder.text} holds a NUL byte, which no command can be given",
            code=codes.VALUE_NOT_ALLOWED_HERE,
            hint="give it through `stdin`",
        )
    if size + len(name) + 2 > MAX_VARIABLE_BYTES:
        raise TemplateValueError(
            f"the value of {placeholder.text} has {size} bytes, and a command can be given {MAX_VARIABLE_BYTES}",
            code=codes.VALUE_TOO_LARGE,
            hint=f'give it through `stdin`: stdin: "{placeholder.text}"',
        )
    return text


def _check_total(variables: dict[str, str]) -> None:
    allowed = max(MAX_VARIABLE_BYTES, os.sysconf("SC_ARG_MAX") - _HEADROOM_BYTES)
    total = sum(len(name) + len(value.encode()) + 2 for name, value in variables.items())
    if total > allowed:
        raise TemplateValueError(
            f"the values in the command have {total} bytes together, and this machine can give a command {allowed}",
            code=codes.VALUE_TOO_LARGE,
            hint="give large values through `stdin`",
        )
