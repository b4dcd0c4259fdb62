"""The source of YAML events: libyaml, or PyYAML's pure Python parser if libyaml is missing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml.events import ScalarEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner


def _c_parser() -> Any:
    try:
        from yaml._yaml import CParser
    except ImportError:  # a platform without a wheel
        return None
    return CParser


_C_PARSER: Final = _c_parser()
C_PARSER: Final = _C_PARSER is not None


class _PureParser(Reader, Scanner, Parser):
    def __init__(self, stream: bytes) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)


# Line breaks in YAML 1.1, and so in libyaml; ordinary characters in YAML 1.2, and here.
_OLD_BREAKS: Final = "\x85\u2028\u2029"
_PRIVATE: Final = range(0xE000, 0xF8FF)


def new_parser(data: bytes, *, pure: bool = False) -> Any:
    """Return a parser of UTF-8 whose `get_event()` returns events with marks."""
    if C_PARSER and not pure:
        return _C_PARSER(data)
    if not pure:
        warnings.warn(
            "PyYAML has no C parser here: workflows are read by the pure Python one, about fifteen times slower",
            RuntimeWarning,
            stacklevel=2,
        )
    return _PureParser(data)


def parser_events(data: bytes, text: str, *, pure: bool = False) -> Callable[[], Any]:
    """Return a function that returns the next event. Marks count characters of `text`, which is `data` in UTF-8."""
    breaks = [character for character in _OLD_BREAKS if character in text]
    if not breaks:
        get: Callable[[], Any] = new_parser(data, pure=pure).get_event
        return get
    free = (chr(code) for code in _PRIVATE if chr(code) not in text)
    there = dict(zip(map(ord, breaks), free, strict=False))
    back = {ord(stand_in): chr(code) for code, stand_in in there.items()}
    hidden = new_parser(text.translate(there).encode("utf-8", "surrogatepass"), pure=pure).get_event

    def restored() -> Any:
        event = hidden()
        if type(event) is ScalarEvent:
            event.value = event.value.translate(back)
        return event

    return restored


YamlError: Final = yaml.YAMLError
