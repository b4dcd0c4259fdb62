"""Tools whose first operand is a subcommand, and options whose names say that they take code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from nika_keyword_shell.options import Grammar, parse
from nika_keyword_shell.programs import subcommand
from nika_keyword_shell.words import EXPANSION, MARK, UNTAINTED, Finding, Taint, Word

if TYPE_CHECKING:
    from nika_keyword_shell.evaluators import Evaluators

_TAKES_CODE: Final = re.compile(r"--?([\w-]+-)?(eval|exec|execute|command|cmd)\Z")
# A complete name before the value, so that only a version or a tag is left to it: `app:`, `pkg==`, `pkg[extra]>=1.`.
_NAMED: Final = re.compile(
    r"(?!git\+|\.{0,2}/|\w+:/)[\w@](?:[\w@./:-]*\w)?(\[[\w,-]*\])?(?P<by>@|:|==|~=|>=|<=|!=|>|<|=)v?[\w.-]*"
)


def judge_subcommand(
    judge: Evaluators, name: str, outer: Grammar, words: Sequence[Word], stdin: Taint
) -> Iterator[Finding]:
    """Judge the arguments of a tool by the grammar of its subcommand."""
    at = parse(outer, words).program
    if at is None:
        yield from judge.program(name, outer, words, stdin)
        return
    only_options = replace(outer, operands=("data*",), flags=outer.flags - {"stdin"})
    yield from judge.program(name, only_options, words[:at], UNTAINTED)
    command, arguments = words[at], words[at + 1 :]
    shown = name.replace("/", " ")
    inner = subcommand(name, command.text)
    if command.led_by_value:
        yield from judge.report([command], f"its value decides what `{shown}` does", fatal=False)
    elif inner is None:
        described = replace(outer, operands=outer.coded, flags=outer.flags - {"stdin", "commands"})
        yield from judge.program(shown, described, words[at:], stdin)
    elif "commands" in inner.flags:
        yield from judge_subcommand(judge, f"{name}/{command.text}", inner, arguments, stdin)
        return
    else:
        yield from judge.program(f"{shown} {command.text}", inner, arguments, stdin)
        return
    yield from judge.shells_among(arguments, stdin)
    yield from options_with_code(judge, arguments)


def options_with_code(judge: Evaluators, words: Sequence[Word]) -> Iterator[Finding]:
    """Warn of values behind `--eval`, `--post-command` and the like of a program that is not known."""
    why = "the name of the option before it says that it is run as code"
    for before, word in pairwise([Word(), *words]):
        name, equals, _ = word.text.partition("=")
        follows = _TAKES_CODE.match(before.text) and not word.text.startswith("-")
        if follows or (equals and _TAKES_CODE.match(name)):
            yield from judge.report([word], why, fatal=False)


def is_named(package: Word, *, versions: bool) -> bool:
    """Return whether the name of a package does not depend on the value.

    Args:
        package: the operand.
        versions: whether what stands behind `@` is only a version; for npm and pip it can be an address.
    """
    before = re.split(f"[{MARK}{EXPANSION}]", package.text, maxsplit=1)[0]
    named = _NAMED.fullmatch(before)
    return named is not None and (versions or named["by"] != "@")
