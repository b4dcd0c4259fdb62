"""What a simple command does with its words: which ones it evaluates as code, so that no value may stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

MARK: Final = "\0"  # stands for a placeholder in a word's text

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_SHELLS: Final = frozenset(
    {"sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "rbash", "rsh", "fish", "csh", "tcsh", "yash"}
)
_CODE_OPTION: Final = re.compile(r"-[A-Za-z]*c[A-Za-z]*\Z")
_TAKE_COMMAND: Final = frozenset({"su", "runuser", "script", "flock"})  # `-c text` is given to a shell
_PREFIXES: Final = frozenset({"command", "builtin", "exec", "nohup"})
_DECLARE: Final = frozenset({"export", "readonly", "declare", "typeset", "local"})
_NAMES_VARIABLES: Final = frozenset({"unset", "getopts", "mapfile", "readarray", "integer", "nameref"})
_SSH_OPTIONS_WITH_VALUE: Final = frozenset("BbcDEeFIiJLlmOopQRSWw")

# Interpreters of other languages: the option that takes a program, or None where it is the first operand.
_INTERPRETERS: Final = {
    "python": "-c",
    "python3": "-c",
    "pypy3": "-c",
    "perl": "-e",
    "ruby": "-e",
    "node": "-e",
    "php": "-r",
    "lua": "-e",
    "psql": "-c",
    "mysql": "-e",
    "osascript": "-e",
    "Rscript": "-e",
    "awk": None,
    "gawk": None,
    "mawk": None,
    "sed": None,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with placeholder number `mark`, as the end of a sentence. Not `fatal`: a warning."""

    mark: int
    why: str
    fatal: bool


@dataclass(slots=True)
class Word:
    """A word of a command, quotes removed. `marks`: the placeholders in it; `nested`: those in its substitutions."""

    text: str = ""
    quoted: bool = False
    dynamic: bool = False  # something in it is expanded: `text` is not all
    bracket: bool = False  # an unquoted [ is open
    marks: list[int] = field(default_factory=list)
    nested: list[int] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        return not self.quoted and not self.dynamic and not self.marks

    @property
    def values(self) -> list[int]:
        return self.marks + self.nested

    @property
    def led_by_value(self) -> bool:
        """Whether a value decides if it is an option."""
        return self.text.startswith(MARK)


def judge(words: Sequence[Word]) -> Iterator[Finding]:
    """What is wrong with the placeholders in a simple command's words (redirections are not among them)."""
    for index, word in enumerate(words):  # anywhere, since so many commands run another one
        if _name(word) in _SHELLS:
            findings, has_code = _shell(_name(word), words[index + 1 :])
            yield from findings
            if has_code:
                break  # what follows the code is data
    words = _without_assignments(words)
    while words and words[0].text in _PREFIXES and len(words) > 1:
        words = words[1:]
    if not words:
        return
    command, arguments = words[0], words[1:]
    if command.led_by_value:
        yield Finding(
            command.marks[0],
            "its value is the name of a program, as one word; a whole command line in a value needs `trust: true`",
            fatal=False,
        )
        return
    if command.dynamic or command.marks:
        return
    name = _name(command)
    if name in {"eval", "trap", "let", "alias", "watch"}:
        yield from _all(arguments, f"`{name}` takes it as code")
    elif name in {"for", "select"}:
        yield from _all(arguments[:1], f"it stands where `{name}` needs a variable's name")
    elif name in _DECLARE:
        yield from _declare(name, arguments)
    elif name in _NAMES_VARIABLES:
        yield from _all(arguments, f"`{name}` takes it as a variable's name, whose subscript bash evaluates")
    elif name == "read":
        named = [one for before, one in zip([command, *arguments], arguments, strict=False) if before.text != "-p"]
        yield from _all(named, "`read` takes it as a variable's name, whose subscript bash evaluates")
    elif name == "printf":
        yield from _printf(arguments)
    elif name in {"test", "["}:
        yield from _test(arguments)
    elif name == "ssh":
        yield from _ssh(arguments)
    elif name == "env":
        yield from _after_option(arguments, {"-S", "--split-string"}, "`env -S` splits it into words")
    elif name in _TAKE_COMMAND:
        yield from _after_option(arguments, {"-c", "--command"}, f"`{name} -c` gives it to a shell")
    elif name in _INTERPRETERS:
        yield from _interpreter(name, arguments)


def _name(word: Word) -> str:
    return "" if word.dynamic or word.marks else word.text.rpartition("/")[2]


def _without_assignments(words: Sequence[Word]) -> Sequence[Word]:
    for index, word in enumerate(words):
        if not _ASSIGNMENT.match(word.text):
            return words[index:]
    return ()


def _all(words: Sequence[Word], why: str) -> Iterator[Finding]:
    for word in words:
        for mark in word.values:
            yield Finding(mark, why, fatal=True)


def _shell(name: str, arguments: Sequence[Word]) -> tuple[list[Finding], bool]:
    """`sh -c CODE name data...`, `sh -- FILE data...`, `sh FILE data...`; and whether there is any code."""
    findings: list[Finding] = []
    code = False
    for word in arguments:
        if word.text == "--" and not code:
            break
        option = word.text.startswith(("-", "+"))
        if word.led_by_value or (option and word.values):
            why = f"`{name}` could take it as an option or as code; write `{name} --` before the name of a file"
            findings += _all([word], why)
        elif code and not option:
            why = f'`{name} -c` takes it as code; give it after the code, and use it there as "$1"'
            return [*findings, *_all([word], why)], True
        elif not option:
            break
        code = code or (option and bool(_CODE_OPTION.match(word.text)))
    return findings, code


def _declare(name: str, arguments: Sequence[Word]) -> Iterator[Finding]:
    evaluating = any(re.match(r"-[A-Za-z]*[in]", word.text) for word in arguments) and name != "export"
    for word in arguments:
        if evaluating or not _ASSIGNMENT.match(word.text):
            yield from _all([word], f"`{name}` takes it as a variable's name or as an expression")


def _printf(arguments: Sequence[Word]) -> Iterator[Finding]:
    if not arguments:
        return
    if arguments[0].text == "-v":
        yield from _all(arguments[1:2], "`printf -v` takes it as a variable's name, whose subscript bash evaluates")
    elif arguments[0].led_by_value and any(word.values for word in arguments[1:]):
        yield from _all(arguments[:1], "`printf` could take it as an option; write printf '%s' first")


def _test(arguments: Sequence[Word]) -> Iterator[Finding]:
    for before, word in pairwise(arguments):
        if word.values and (before.text in {"-v", "-R"} or before.led_by_value):
            yield from _all([word], "`test` could take the word before it as an operator that evaluates it")


def _ssh(arguments: Sequence[Word]) -> Iterator[Finding]:
    host = False
    value_follows = False
    for word in arguments:
        if value_follows:
            value_follows = False
        elif word.led_by_value and not host:
            yield from _all([word], "`ssh` could take it as an option; write user@ before a host")
            host = True
        elif host:
            yield from _all([word], "`ssh` gives it to a shell on the other machine")
        elif word.text.startswith("-"):
            value_follows = len(word.text) > 1 and word.text[-1] in _SSH_OPTIONS_WITH_VALUE
        else:
            host = True


def _after_option(arguments: Sequence[Word], options: set[str], why: str) -> Iterator[Finding]:
    for index, word in enumerate(arguments):
        if word.text in options:
            yield from _all(arguments[index + 1 : index + 2], why)
        elif any(word.text.startswith(option + "=") for option in options if option.startswith("--")):
            yield from _all([word], why)


def _interpreter(name: str, arguments: Sequence[Word]) -> Iterator[Finding]:
    """Another language's code: the shell does not evaluate it, but the author should know."""
    option = _INTERPRETERS[name]
    programs: list[Word] = []
    if option is not None:
        for index, word in enumerate(arguments):
            if word.text == option:
                programs += arguments[index + 1 : index + 2]
    elif not any(word.text in {"-f", "-e", "--file"} for word in arguments):
        programs += [word for word in arguments if not word.text.startswith("-")][:1]
    for word in programs:
        for mark in word.values:
            yield Finding(
                mark,
                f"`{name}` takes it as a part of its program; an environment variable (`env`) would be data",
                fatal=False,
            )
