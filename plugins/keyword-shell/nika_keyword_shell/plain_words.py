"""The words of a command that a shell changes in no way, for rules about which commands a model may run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from nika_core.plugin import JsonObject
from nika_keyword_shell.builtins import JUDGES

_CONTROL: Final = r"\x00-\x1f\x7f"
_UNQUOTED: Final = r"[A-Za-z0-9_@%+=:,./-]+"  # what no shell reads as anything but itself
_PART: Final = re.compile(rf"({_UNQUOTED})|'([^'{_CONTROL}]*)'|\"([^\"$`\\!{_CONTROL}]*)\"")
_PREFIXES: Final = frozenset({"time", "coproc"})  # words of the shell's grammar, before a command
_SPACES: Final = re.compile(r"[ \t]+")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


def plain_words(payload: JsonObject) -> list[str] | None:
    """Return the words of a call as a tool; None: a shell may do more than they say.

    That is so with operators, redirections, expansions, globs, assignments, comments, several lines and escapes, and
    with commands of the shell itself that evaluate their words once more; also if the call runs in another folder,
    whose own configuration decides what a program does there.
    """
    if payload.get("workingDir", ".") not in ("", "."):
        return None
    argv, command = payload.get("argv"), payload.get("command")
    if argv is not None:
        return [str(word) for word in argv] if command is None else None
    script = command.get("script") if isinstance(command, Mapping) else command
    words = _words(script.strip(" \t")) if isinstance(script, str) else None
    return None if words is None or _evaluated(words) else words


def _evaluated(words: Sequence[str]) -> bool:
    """Return whether some shell evaluates the words once more: `eval 'git log; rm x'`, `printf -v 'a[$(rm x)]' y`."""
    name, *following = words
    if name == "printf":
        return bool(following) and following[0].startswith("-v")
    if name in ("test", "["):
        return "-v" in following or "-R" in following
    return name in JUDGES or name in _PREFIXES


def _words(script: str) -> list[str] | None:
    words: list[str] = []
    at = 0
    while at < len(script):
        word, start = "", at
        while (part := _PART.match(script, at)) is not None:
            word += next(text for text in part.groups() if text is not None)
            at = part.end()
        if at == start or (not words and _ASSIGNMENT.match(script, start)):
            return None
        words.append(word)
        spaces = _SPACES.match(script, at)
        if spaces is None:
            return words if at == len(script) else None
        at = spaces.end()
    return words or None
