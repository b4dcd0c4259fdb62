"""What a scan has found so far: where each placeholder stands, and which of them cannot stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from nika_keyword_shell.commands import Fed, Finding, Word


class Quoting(Enum):
    """What stands around a placeholder whose value can be put there as data."""

    NONE = "none"
    DOUBLE = "double"
    SINGLE = "single"
    COMMENT = "comment"


@dataclass(slots=True)
class Frame:
    """Something that was opened and not yet closed."""

    kind: str  # command | double | parameter | arithmetic
    name: str  # for messages
    first_mark: int
    refuses: str | None = None  # why no value may stand in it
    quoted: bool = False  # parameter: inside double quotes
    parentheses: int = 0  # arithmetic: open ones
    substitution: bool = False  # command: `$(`, a part of a word of the frame below
    array: bool = False  # command: `name=(`
    words: list[Word] = field(default_factory=list)
    word: Word | None = None
    target: str = ""  # the redirection whose target the next word is
    fed: Fed = field(default_factory=Fed)  # what comes to the command through its stdin
    cases: list[str] = field(default_factory=list)  # word, in, pattern, body
    brackets: bool = False  # inside [[ ]]


class Record:
    """Findings of one scan. After `lose` nothing is sure any more, and every placeholder is refused."""

    def __init__(self) -> None:
        self.quoting: list[Quoting] = []
        self.findings: list[Finding] = []
        self.lost: str | None = None
        self._refused: set[int] = set()

    def refuse(self, mark: int, why: str) -> None:
        """Record a reason; the first one counts."""
        if mark not in self._refused:
            self._refused.add(mark)
            self.findings.append(Finding(mark, why, fatal=True))

    def add(self, finding: Finding) -> None:
        if finding.fatal:
            self.refuse(finding.mark, finding.why)
        else:
            self.findings.append(finding)

    def lose(self, what: str) -> None:
        """Note that from here on shells may read the command in different ways."""
        self.lost = self.lost or what

    def sorted(self) -> tuple[Finding, ...]:
        """By placeholder; warnings only where nothing worse is known."""
        kept = {one for one in self.findings if one.fatal or one.mark not in self._refused}
        return tuple(sorted(kept, key=lambda one: (one.mark, one.why)))
