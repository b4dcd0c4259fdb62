"""Scripts so plain that no value in them is evaluated: most commands need no closer look than this one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from nika_keyword_shell.files import is_obeyed
from nika_keyword_shell.record import Quoting
from nika_keyword_shell.words import MARK

# Programs that take every argument as data, whatever it is.
_PROGRAMS: Final = "cat|cp|echo|egrep|fgrep|grep|ls|mkdir|mv|rm|touch|which"
_QUOTED: Final = r'"[^"$`\\\x01-\x1f\x7f]*+"'
_WORD: Final = rf"(?:[A-Za-z0-9_@%+:,./{MARK}-]|{_QUOTED})++"
_LINE: Final = rf"[ \t]*+(?:(?:{_PROGRAMS})(?:[ \t]++(?:>>?[ \t]*+)?{_WORD})*+[ \t]*+)?"
_SCRIPT: Final = re.compile(rf"{_LINE}(?:\n{_LINE})*+")
_PLACES: Final = re.compile(rf"{_QUOTED}|{MARK}")


def quoting_in_plain(literals: Sequence[str]) -> tuple[Quoting, ...] | None:
    """Return how each placeholder between the literals is quoted; None for a script that is not plain.

    A plain script has lines of a program, words, words in double quotes without expansions, and files to write to
    that no program runs because of their path.
    """
    text = MARK.join(literals)
    if text.count(MARK) != len(literals) - 1 or _SCRIPT.fullmatch(text) is None:
        return None
    if any(is_obeyed(word) for word in text.replace('"', "").replace(">", " ").split()):
        return None
    return tuple(
        quoting
        for place in _PLACES.findall(text)
        for quoting in [Quoting.NONE if place == MARK else Quoting.DOUBLE] * place.count(MARK)
    )
