"""Where YAML events come from: libyaml, or PyYAML's pure parser where libyaml is missing."""

from __future__ import annotations

import warnings
from typing import Any, Final

import yaml
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


def new_parser(data: bytes, *, pure: bool = False) -> Any:
    """A parser whose `get_event()` gives events with marks; UTF-8 in."""
    if C_PARSER and not pure:
        return _C_PARSER(data)
    if not pure:
        warnings.warn(
            "PyYAML has no C parser here: workflows are read by the pure Python one, about fifteen times slower",
            RuntimeWarning,
            stacklevel=2,
        )
    return _PureParser(data)


YamlError: Final = yaml.YAMLError
