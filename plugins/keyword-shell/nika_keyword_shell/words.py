"""A word of a command, and what is wrong with a value that stands in one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

MARK: Final = "\0"  # stands for a placeholder in a word's text
EXPANSION: Final = "\1"  # stands for what a shell expands
POSITIONAL: Final = "@"  # the name under which `$1`, `$@` and `$*` are looked up

Source: TypeAlias = int | str  # the number of a placeholder in the command, or the field of the task that has the value
Origin: TypeAlias = tuple[Source, bool]  # with True if the value surely is in the word, and not only perhaps
Taint: TypeAlias = frozenset[Origin]

UNTAINTED: Final[Taint] = frozenset()
_MOST_ORIGINS: Final = 4  # of one word; one is enough to refuse a command

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?\+?=")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a value, as the end of a sentence. Not `fatal`: a warning."""

    mark: Source
    why: str
    fatal: bool


@dataclass(slots=True)
class Word:
    """A word of a command, quotes removed.

    `marks` are the placeholders in it, `nested` those in its substitutions, and `variables` what it expands.
    """

    pieces: list[str] = field(default_factory=list)
    quoted: bool = False
    dynamic: bool = False  # something in it is expanded
    split: bool = False  # ... without quotes, or `"$@"`: it can become several words, or none
    bracket: bool = False  # an unquoted [ is open
    process: bool = False  # there is a <( or >( in it
    marks: list[int] = field(default_factory=list)
    nested: list[int] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    origins: Taint = UNTAINTED  # of what was put into it by another command, such as `xargs`

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
        return not self.quoted and not self.literal_is_partial

    @property
    def literal_is_partial(self) -> bool:
        """Whether its text is not known before the command runs."""
        return self.dynamic or bool(self.marks) or bool(self.origins)

    @property
    def values(self) -> list[int]:
        return self.marks + self.nested

    @property
    def led_by_value(self) -> bool:
        """Whether what is not known decides if it is an option."""
        return self.text.startswith((MARK, EXPANSION))

    def cut(self, start: int) -> Word:
        """Return the word without the first characters of its text."""
        return Word(
            [self.text[start:]],
            self.quoted,
            self.dynamic,
            self.split,
            False,
            self.process,
            self.marks,
            self.nested,
            self.variables,
            self.origins,
        )


def assigned_name(word: Word) -> str | None:
    """Return the variable's name of `name=...` and `name[...]=...`."""
    match = _ASSIGNMENT.match(word.text)
    return match[1] if match else None


def program_name(word: Word) -> str:
    """Return the name of the program, without its folder; empty if it is not known."""
    name = word.text.rpartition("/")[2]
    if not name or MARK in name or EXPANSION in name or word.origins:
        return ""
    return name.lower().removesuffix(".exe")


def joined(taints: Iterable[Taint]) -> Taint:
    """Return the origins of all, or the first of them if they are many."""
    result = UNTAINTED
    for taint in taints:
        if taint and not taint <= result:
            result |= taint
    return limited(result)


def limited(taint: Taint) -> Taint:
    """Return the first origins of many, those that are certain before the others."""
    if len(taint) <= _MOST_ORIGINS:
        return taint
    return frozenset(sorted(taint, key=lambda origin: (not origin[1], str(origin[0]).zfill(9)))[:_MOST_ORIGINS])


def uncertain(taint: Taint) -> Taint:
    """Return the origins of what was kept in a variable or a file in between."""
    return frozenset((source, False) for source, _ in taint)


def taint_of(word: Word, variables: Mapping[str, Taint]) -> Taint:
    """Return the values that can be in the word."""
    if not (word.marks or word.nested or word.variables or word.origins):
        return UNTAINTED
    direct = frozenset((mark, True) for mark in word.values[:_MOST_ORIGINS])
    return joined([direct, word.origins, *(variables.get(name, UNTAINTED) for name in word.variables)])
