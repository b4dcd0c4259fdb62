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
    {"sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "rbash", "fish", "csh", "tcsh", "yash"}
)
_CODE_OPTION: Final = re.compile(r"-[A-Za-z]*c[A-Za-z]*\Z")
_TAKES_NEXT: Final = re.compile(r"[-+][A-Za-z]*[oO]\Z|--(?:rcfile|init-file)\Z")
_STDIN_OPTION: Final = re.compile(r"-[A-Za-z]*s[A-Za-z]*\Z")
_TAKE_COMMAND: Final = frozenset({"su", "runuser", "script", "flock"})  # `-c text` is given to a shell
_PREFIXES: Final = frozenset({"command", "builtin", "exec", "nohup"})
_WRAPPERS: Final = frozenset(
    {"sudo", "doas", "timeout", "nice", "ionice", "setsid", "stdbuf", "xargs", "env", "chroot", "strace", "unbuffer"}
)
_RUN_NOTHING: Final = frozenset(
    {
        "echo",
        "printf",
        "grep",
        "test",
        "[",
        "ls",
        "cat",
        "cp",
        "mv",
        "rm",
        "mkdir",
        "touch",
        "which",
        "type",
        "set",
        "for",
    }
)
_EVALUATE: Final = frozenset({"eval", "trap", "let", "alias", "watch", "compgen", "complete", "bind", "enable", "fc"})
# What a shell expands, or reads as commands, whenever it comes by.
_EXPANDED_VARIABLES: Final = frozenset({"ENV", "BASH_ENV", "PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND"})
_DECLARE: Final = frozenset({"export", "readonly", "declare", "typeset", "local"})
_NAMES_VARIABLES: Final = frozenset({"unset", "getopts", "mapfile", "readarray", "integer", "nameref", "wait"})
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


_RUN_BY_WRAPPERS: Final = frozenset({"ssh", "rsh", "watch"}) | _TAKE_COMMAND | _INTERPRETERS.keys()


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with placeholder number `mark`, as the end of a sentence. Not `fatal`: a warning."""

    mark: int
    why: str
    fatal: bool


@dataclass(slots=True)
class Fed:
    """The placeholders whose values a command can read from its standard input. `taken`: they have been refused."""

    piped: range = range(0)
    words: list[int] = field(default_factory=list)
    taken: bool = False

    def __bool__(self) -> bool:
        return bool(self.piped or self.words)


@dataclass(slots=True)
class Word:
    """A word of a command, quotes removed. `marks`: the placeholders in it; `nested`: those in its substitutions."""

    pieces: list[str] = field(default_factory=list)
    quoted: bool = False
    dynamic: bool = False  # something in it is expanded: `text` is not all
    bracket: bool = False  # an unquoted [ is open
    process: bool = False  # there is a <( or >( in it
    marks: list[int] = field(default_factory=list)
    nested: list[int] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.pieces.append(text)

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def ends_with(self, character: str) -> bool:
        return bool(self.pieces) and self.pieces[-1].endswith(character)

    @property
    def plain(self) -> bool:
        return not self.quoted and not self.dynamic and not self.marks

    @property
    def values(self) -> list[int]:
        return self.marks + self.nested

    @property
    def led_by_value(self) -> bool:
        """Whether a value decides if it is an option."""
        return bool(self.pieces) and self.text.startswith(MARK)


def is_assignment(word: Word) -> bool:
    """Whether it is `name=...`."""
    return _ASSIGNMENT.match(word.text) is not None


def judge(words: Sequence[Word], fed: Fed) -> Iterator[Finding]:
    """Return what is wrong with the placeholders in a simple command's words (redirections are not among them)."""
    for word in words:
        if is_assignment(word) and word.text.partition("=")[0].rstrip("+") in _EXPANDED_VARIABLES:
            yield from _all([word], "a shell expands the value of this variable as code")
    start = next((index for index, word in enumerate(words) if not is_assignment(word)), len(words))
    if start < len(words) and words[start].text not in _RUN_NOTHING:
        yield from _shells(words, fed)
    while start + 1 < len(words) and words[start].text in _PREFIXES:
        start += 1
        while start + 1 < len(words) and words[start].text.startswith("-"):
            start += 1
    commands = words[start:]
    if commands and commands[0].nested and not commands[0].text:
        yield from _all(commands[:1], "what the substitution prints is the command")
    elif commands and commands[0].led_by_value:
        yield from _program(commands, fed)
    elif commands and not commands[0].dynamic and not commands[0].marks:
        yield from _command(commands)


def _shells(words: Sequence[Word], fed: Fed) -> Iterator[Finding]:
    """Check for a shell anywhere among the words, since many commands run another one."""
    for index, word in enumerate(words):
        name = _name(word)
        if name not in _SHELLS:
            continue
        findings, has_code, reads = _shell(name, words, index + 1)
        yield from findings
        if reads and not fed.taken:
            fed.taken = True
            for mark in (*fed.piped, *fed.words):
                yield Finding(mark, f"`{name}` reads it as code from its standard input", fatal=True)
        if has_code:
            break  # what follows the code is data


def _program(words: Sequence[Word], fed: Fed) -> Iterator[Finding]:
    """Report a value that is the command itself."""
    first = words[0].marks[0]
    if fed or any(word.values for word in words[1:]):
        yield Finding(
            first, "its value is the name of a program, and with `eval` another value would be code", fatal=True
        )
    else:
        why = "its value is the name of a program, as one word; a whole command line in a value needs `trust: true`"
        yield Finding(first, why, fatal=False)


def _command(words: Sequence[Word]) -> Iterator[Finding]:
    name, command, arguments = _name(words[0]), words[0], words[1:]
    if name in _WRAPPERS:
        run = next((index for index, word in enumerate(arguments) if _name(word) in _RUN_BY_WRAPPERS), None)
        if run is not None:
            yield from _command(arguments[run:])
    if name in _EVALUATE:
        yield from _all(arguments, f"`{name}` takes it as code")
    elif name in {".", "source"}:
        for word in arguments[:1]:
            if word.process:
                yield from _all([word], f"`{name}` takes it as code")
    elif name in {"for", "select"}:
        yield from _all(arguments[:1], f"it stands where `{name}` needs a variable's name")
    elif name in _DECLARE:
        yield from _declare(name, arguments)
    elif name in _NAMES_VARIABLES:
        yield from _all(arguments, f"`{name}` takes it as a variable's name, whose subscript bash evaluates")
    elif name == "read":
        named = [one for before, one in pairwise([command, *arguments]) if before.text != "-p"]
        yield from _all(named, "`read` takes it as a variable's name, whose subscript bash evaluates")
    elif name == "printf":
        yield from _printf(arguments)
    elif name in {"test", "["}:
        yield from _test(arguments)
    elif name in {"ssh", "rsh"}:
        yield from _ssh(name, arguments)
    elif name == "env":
        yield from _after_option(arguments, {"-S", "--split-string"}, "`env -S` splits it into words")
    elif name in _TAKE_COMMAND:
        yield from _after_option(arguments, {"-c", "--command"}, f"`{name} -c` gives it to a shell")
    elif name in _INTERPRETERS:
        yield from _interpreter(name, arguments)


def _name(word: Word) -> str:
    return "" if word.dynamic or word.marks else word.text.rpartition("/")[2]


def _all(words: Sequence[Word], why: str) -> Iterator[Finding]:
    for word in words:
        for mark in word.values:
            yield Finding(mark, why, fatal=True)


def _shell(name: str, words: Sequence[Word], start: int) -> tuple[list[Finding], bool, bool]:
    """`sh -c CODE name data...`, `sh -- FILE data...`, `sh FILE data...`, `sh` alone.

    Gives the findings, whether there is code among the words, and whether code comes through stdin.
    """
    findings: list[Finding] = []
    code = reads = argument = False
    for index in range(start, len(words)):
        word = words[index]
        if argument and not word.values:
            argument = False
            continue
        if word.text == "--" and not code:
            return findings, False, index + 1 == len(words)
        option = word.text.startswith(("-", "+"))
        if word.led_by_value or (option and word.values):
            why = f"`{name}` could take it as an option or as code; write `{name} --` before the name of a file"
            findings += _all([word], why)
        elif code and not option:
            why = f'`{name} -c` takes it as code; give it after the code, and use it there as "$1"'
            return [*findings, *_all([word], why)], True, reads
        elif not option:
            if word.process:
                findings += _all([word], f"`{name}` takes it as code")
            return findings, code, reads
        argument = bool(_TAKES_NEXT.match(word.text))
        reads = reads or bool(_STDIN_OPTION.match(word.text))
        code = code or (option and bool(_CODE_OPTION.match(word.text)))
    return findings, code, reads or not code


def _declare(name: str, arguments: Sequence[Word]) -> Iterator[Finding]:
    evaluating = any(re.match(r"-[A-Za-z]*[in]", word.text) for word in arguments) and name != "export"
    for word in arguments:
        if evaluating or not is_assignment(word):
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


def _ssh(name: str, arguments: Sequence[Word]) -> Iterator[Finding]:
    host = False
    value_follows = False
    for word in arguments:
        if value_follows:
            value_follows = False
        elif word.led_by_value and not host:
            yield from _all([word], f"`{name}` could take it as an option; write user@ before a host")
            host = True
        elif host:
            yield from _all([word], f"`{name}` gives it to a shell on the other machine")
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
        operands = (
            word
            for before, word in pairwise([Word(), *arguments])
            if not word.text.startswith("-") and before.text not in {"-v", "-F"}
        )
        programs += list(operands)[:1]
    for word in programs:
        for mark in word.values:
            yield Finding(
                mark,
                f"`{name}` takes it as a part of its program; an environment variable (`env`) would be data",
                fatal=False,
            )
