"""Files of environment variables: `KEY=VALUE` lines, as shells and containers read them."""

from __future__ import annotations

import re
from typing import Final

from nika_core import codes
from nika_core.errors import Place, UsageError

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_REFUSED: Final = ("NIKA_TRUST", "NIKA_POLICY")  # who is trusted is not for a file of a project to say


def env_variables(text: str, path: str) -> dict[str, str]:
    """Return the variables of a file. Raise UsageError with the line of what is wrong.

    A value is what follows the `=`, without the space around it and without a comment behind a space and `#`. In single
    quotes it is taken as it is. In double quotes `\\n`, `\\t`, `\\r`, `\\"` and `\\\\` mean what they mean elsewhere.
    Nothing is expanded, and a value has one line.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise _wrong(
                "this is not of the form KEY=VALUE", path, number, "write e.g. API_KEY=abc, or # for a comment"
            )
        name, value = match[1], match[2]
        if name in _REFUSED:
            raise _wrong(f"{name} cannot be set by a file", path, number, "set it in the environment")
        if name in found:
            raise _wrong(f"{name} is there twice", path, number, "remove one of the two lines")
        if value[:1] in ("'", '"'):
            value = _quoted(value, path, number)
        else:
            value = re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip()
        if "\0" in value:
            raise _wrong(f"{name} has a NUL character", path, number, "remove it")
        found[name] = value
    return found


def _quoted(value: str, path: str, number: int) -> str:
    quote = value[0]
    body = r"[^']*" if quote == "'" else r'(?:[^"\\]|\\.)*'
    match = re.fullmatch(rf"{quote}({body}){quote}\s*(?:#.*)?", value)
    if match is None:
        raise _wrong(f"the value's quote {quote} does not end here", path, number, "a value has one line")
    if quote == "'":
        return match[1]
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), match[1])


def _wrong(message: str, path: str, number: int, hint: str) -> UsageError:
    return UsageError(f"--env-file: {message}", code=codes.BAD_INPUT, place=Place(path, number, 1), hint=hint)
