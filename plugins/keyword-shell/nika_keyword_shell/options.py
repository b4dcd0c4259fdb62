"""How programs read their arguments: which word is an option, which is an option's argument, and which is code.

A grammar is written as three texts. `operands` has a role for each operand; the last one is repeated if it ends
with `*`. `coded` are the operands if an option has given the code. `options` lists options that take an argument, with
its role, and those that change what follows:

- `-e:code` takes an argument in the same word or in the next one, `-i?:data` only in the same word, `-o+:data`
  always in the next one, and `--arg%:data` in the next two; `-e,--env:data` are two options;
- `-c=coded` makes the first operand code, `-i=shell` all operands, `-x=program` begins a command,
  `-s=stdin` makes the program read code from
  its standard input, and `-V=inert` makes it run nothing; `--=program` is for what ends the options;
- `!` after a role ends the options.

An option that is not listed takes no argument. The roles are `ROLES`: `entry` is a program that gets the arguments of
the one that follows, `package` names what is fetched and run, `output` is a file that is written, `pipe` is a file
whose name is a command if it begins with `|`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from nika_keyword_shell.words import EXPANSION, MARK, Word, assigned_name

ROLES: Final = frozenset(
    {
        *("data", "code", "shell", "joined", "file", "module", "program", "setting", "replace"),
        *("entry", "package", "output", "pipe"),
    }
)
CODE_ROLES: Final = frozenset({"code", "shell", "joined"})
_EXECUTED: Final = CODE_ROLES | {"file", "module", "setting"}
_STDIN: Final = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_UNKNOWN: Final = frozenset({MARK, EXPANSION})


@dataclass(frozen=True, slots=True)
class Option:
    """`argument`: none, any (in this word or the next), attached, next, or pair (the next two)."""

    role: str
    argument: str
    ends: bool


@dataclass(frozen=True, slots=True)
class Grammar:
    """The arguments of one program. `flags` are among those that are described in `programs`."""

    operands: tuple[str, ...]
    coded: tuple[str, ...]
    options: Mapping[str, Option]
    flags: frozenset[str]

    @property
    def evaluates(self) -> bool:
        """Whether one of its options takes code."""
        return any(option.role in _EXECUTED or option.role == "coded" for option in self.options.values())


@dataclass(frozen=True, slots=True)
class Part:
    """A word, or the rest of one, and its role. `led`: a value at its beginning could make it an option."""

    role: str
    word: Word
    led: bool = False
    unsure: bool = False  # what stands before it can be anything, so its role is not certain


@dataclass(slots=True)
class Arguments:
    """Words that were read; `program` is where the words of another command begin."""

    parts: list[Part] = field(default_factory=list)
    assignments: list[Word] = field(default_factory=list)
    program: int | None = None
    program_led: bool = False  # a value at its beginning could make it an option
    reads_code: bool = False  # from the standard input
    inert: bool = False


@lru_cache(maxsize=512)
def grammar(operands: str, coded: str, options: str, flags: str) -> Grammar:
    """Parse a grammar's texts."""
    return Grammar(
        tuple(operands.split()) or ("data*",),
        tuple(coded.split()) or ("data*",),
        dict(option for text in options.split() for option in _options(text)),
        frozenset(flags.split()),
    )


def _options(text: str) -> Iterator[tuple[str, Option]]:
    names, colon, role = text.rpartition(":")
    for name in names.split(",") if colon else ():
        yield _option(f"{name}:{role}")
    if not colon:
        yield _option(text)


def _option(text: str) -> tuple[str, Option]:
    ends = text.endswith("!")
    text = text.rstrip("!")
    if "=" in text:
        name, _, role = text.rpartition("=")
        return name, Option(role, "none", ends)
    name, _, role = text.rpartition(":")
    argument = {"?": "attached", "+": "next", "%": "pair"}.get(name[-1], "any")
    return (name if argument == "any" else name[:-1]), Option(role or "data", argument, ends)


def parse(grammar: Grammar, words: Sequence[Word]) -> Arguments:
    """Return the roles of a program's arguments."""
    return _Parser(grammar, words).parse()


class _Parser:
    def __init__(self, grammar: Grammar, words: Sequence[Word]) -> None:
        self._grammar = grammar
        self._words = words
        self._at = 0
        self._open = True  # options may come
        self._unsure = False
        self._coded = False
        self._flag_coded = False
        self._program = False  # the next operand begins a command
        self._shell = False  # the program is a shell
        self._has_code = False
        self._operand = 0
        self._result = Arguments()

    def parse(self) -> Arguments:
        words, result = self._words, self._result
        if "old-style" in self._grammar.flags and words and words[0].text.isalpha():
            self._at = 1
            self._cluster(words[0], 0, old_style=True)
        while self._at < len(words) and result.program is None:
            word = words[self._at]
            self._at += 1
            text = word.text
            if self._open and text == "--" and not word.literal_is_partial:
                self._open = "reopens" in self._grammar.flags
                if (ending := self._grammar.options.get("--")) is not None:
                    self._flag(ending)
            elif self._open and text == "-" and "dash-ends" in self._grammar.flags:
                self._open = False
            elif self._open and self._is_option(text):
                self._read_option(word)
            else:
                self._read_operand(word)
        self._conclude()
        return result

    def _is_option(self, text: str) -> bool:
        return len(text) > 1 and (text[0] == "-" or (text[0] == "+" and "plus" in self._grammar.flags))

    def _conclude(self) -> None:
        result, flags = self._result, self._grammar.flags
        if result.inert:
            result.program = None
            return
        names_file = any(part.role == "file" for part in result.parts)
        if "stdin" in flags and not self._has_code and not names_file:
            result.reads_code = True
        if self._shell and not self._has_code:
            result.reads_code = True
        if "always-stdin" in flags or ("bare-shell" in flags and result.program is None and not self._has_code):
            result.reads_code = True

    def _add(self, role: str, word: Word, *, led: bool = False) -> None:
        if role == "file" and word.text in _STDIN:
            self._result.reads_code = True
        self._has_code = self._has_code or role in CODE_ROLES or role == "module"
        self._result.parts.append(Part(role, word, led, self._unsure))

    def _read_operand(self, word: Word) -> None:
        led = self._open and word.led_by_value and not word.process
        if self._open and word.split and not word.process:
            self._add("data", word, led=True)
            self._unsure = True
            return
        if "assigns" in self._grammar.flags and assigned_name(word) is not None:
            self._result.assignments.append(word)
            return
        coded = self._coded and not self._flag_coded and "commands" not in self._grammar.flags
        roles = self._grammar.coded if coded else self._grammar.operands
        if self._flag_coded:
            roles = ("shell", "data*")
        last = roles[-1]
        role = roles[self._operand] if self._operand < len(roles) else (last if last.endswith("*") else "data")
        self._operand += 1
        role = role.rstrip("*")
        if role == "program" or self._program:
            self._result.program = self._at - 1
            self._result.program_led = led
            return
        if role == "file" and self._result.reads_code:
            role = "data"
        self._add(role, word, led=led)
        if "permutes" not in self._grammar.flags:
            self._open = False

    def _read_option(self, word: Word) -> None:
        text = word.text
        name, equals, _ = text.partition("=")
        option = self._grammar.options.get(name) if len(name) > 2 else None
        if option is not None or text.startswith("--") or "words" in self._grammar.flags:
            if _UNKNOWN & set(name):
                self._read_partial(word, name)
                return
            option = option or self._grammar.options.get(name) or self._abbreviated(name)
            if option is None:
                if equals:
                    self._add("data", word.cut(len(name) + 1))
                return
            self._apply(option, word.cut(len(name) + 1) if equals else None)
            return
        self._cluster(word, 1)

    def _read_partial(self, word: Word, name: str) -> None:
        """Read an option whose name ends in a value: `-Bfolder` of a compiler is `-B`."""
        start = min(name.index(unknown) for unknown in _UNKNOWN & set(name))
        option = self._grammar.options.get(name[:start])
        if option is not None and option.argument == "any":
            self._give(option, word.cut(start))
            return
        options = self._grammar.options.items()
        led = any(full.startswith(name[:start]) for full, other in options if other.role in _EXECUTED)
        self._add("data", word, led=led)

    def _abbreviated(self, name: str) -> Option | None:
        exact = not self._grammar.flags.isdisjoint({"exact", "commands"})
        if exact or not name.startswith("--") or len(name) < 3:
            return None
        meant = [option for full, option in self._grammar.options.items() if full.startswith(name)]
        return next((option for option in meant if option.role in _EXECUTED), meant[0] if meant else None)

    def _cluster(self, word: Word, start: int, *, old_style: bool = False) -> None:
        text = word.text
        for index in range(start, len(text)):
            if text[index] in _UNKNOWN:
                self._add("data", word, led=True)
                return
            option = self._grammar.options.get("-" + text[index])
            if option is None:
                continue
            rest = word.cut(index + 1) if index + 1 < len(text) else None
            if option.argument == "none" or option.argument == "next" or old_style:
                self._apply(option, None)
                continue
            self._apply(option, rest)
            return

    def _apply(self, option: Option, attached: Word | None) -> None:
        if option.argument == "none":
            self._flag(option)
        elif attached is not None:
            self._give(option, attached)
        elif option.argument != "attached" and self._at < len(self._words):
            self._at += 1
            self._give(option, self._words[self._at - 1])
            if option.argument == "pair" and self._at < len(self._words):
                self._at += 1
                self._give(option, self._words[self._at - 1])
        if option.ends:
            self._open = False

    def _flag(self, option: Option) -> None:
        if option.role == "coded":
            self._coded = self._flag_coded = True
        elif option.role == "stdin":
            self._result.reads_code = True
        elif option.role == "program":
            self._program = True
        elif option.role == "shell":
            self._coded = self._shell = True
        elif option.role == "inert":
            self._result.inert = True

    def _give(self, option: Option, word: Word) -> None:
        if option.role in CODE_ROLES or option.role in {"file", "module"}:
            self._coded = True
        self._add(option.role, word)
