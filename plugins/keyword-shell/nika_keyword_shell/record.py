"""What a scan has found so far: the commands, what flows from one to another, and which placeholders cannot stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from nika_keyword_shell.words import UNTAINTED, Finding, Source, Taint, Word


class Quoting(Enum):
    """What stands around a placeholder whose value can be put there as data."""

    NONE = "none"
    DOUBLE = "double"
    SINGLE = "single"
    COMMENT = "comment"


@dataclass(slots=True)
class Redirections:
    """`inputs` are operators with their words, `<<` with the variables of the here-document; `outputs` are files."""

    inputs: list[tuple[str, Word]] = field(default_factory=list)
    outputs: list[Word] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.inputs or self.outputs)


@dataclass(slots=True)
class Command:
    """A simple command. `fed`: the values that can come through its standard input."""

    words: list[Word]
    redirections: Redirections
    fed: Taint = UNTAINTED


@dataclass(slots=True)
class Compound:
    """A group, loop or condition that is not closed yet, and the pipeline in which it stands."""

    kind: str
    element: int
    piped: range | None
    function: str | None


@dataclass(slots=True)
class Frame:
    """Something that was opened and not yet closed."""

    kind: str  # command | double | parameter | arithmetic
    name: str  # for messages
    first_mark: int
    refuses: str | None = None  # why no value may stand in it
    begins: int = 0  # where in the text
    quoted: bool = False  # parameter: inside double quotes
    parentheses: int = 0  # arithmetic: open ones
    substitution: bool = False  # command: `$(`, a part of a word of the frame below
    array: bool = False  # command: `name=(`
    written_to: bool = False  # command: `>(`
    words: list[Word] = field(default_factory=list)
    word: Word | None = None
    target: str = ""  # the redirection whose target the next word is
    redirections: Redirections = field(default_factory=Redirections)
    cases: list[str] = field(default_factory=list)  # word, in, pattern, body
    brackets: bool = False  # inside [[ ]]
    timed: bool = False  # after `time`
    names_function: bool = False  # after `function`
    first: int = 0  # command: the number of its first simple command
    element: int = 0  # ... of the first of this element of a pipeline
    piped: range | None = None  # the commands whose output this element reads
    function: str | None = None  # whose body comes
    compounds: list[Compound] = field(default_factory=list)


@dataclass(slots=True)
class Structure:
    """The simple commands in their order, and what connects them; ranges are of the commands' numbers."""

    commands: list[Command] = field(default_factory=list)
    pipes: list[tuple[range, range]] = field(default_factory=list)
    redirected: list[tuple[Redirections, range]] = field(default_factory=list)  # of compound commands
    functions: dict[str, list[range]] = field(default_factory=dict)
    written_to: list[range] = field(default_factory=list)  # what stands in >( )
    substituted: list[tuple[Word, range]] = field(default_factory=list)  # words with `$( )` in them
    evaluated: list[tuple[frozenset[str], str]] = field(default_factory=list)  # names of variables, and by what
    defaults: list[tuple[str, frozenset[str]]] = field(default_factory=list)  # `${name:=$other}`
    arrays: set[str] = field(default_factory=set)
    coprocess: bool = False

    def take(self, other: Structure) -> None:
        """Add the commands of a part that was read by itself."""
        number = len(self.commands)

        def moved(numbers: range) -> range:
            return range(numbers.start + number, numbers.stop + number)

        self.commands += other.commands
        self.pipes += [(moved(one), moved(two)) for one, two in other.pipes]
        self.redirected += [(redirections, moved(numbers)) for redirections, numbers in other.redirected]
        self.substituted += [(word, moved(body)) for word, body in other.substituted]
        self.written_to += map(moved, other.written_to)
        for name, bodies in other.functions.items():
            self.functions.setdefault(name, []).extend(map(moved, bodies))
        self.evaluated += other.evaluated
        self.defaults += other.defaults
        self.arrays |= other.arrays
        self.coprocess = self.coprocess or other.coprocess


class Record:
    """Findings of one scan. After `lose` nothing is sure any more, and every placeholder is refused."""

    def __init__(self) -> None:
        self.quoting: list[Quoting] = []
        self.structure = Structure()
        self.findings: list[Finding] = []
        self.lost: str | None = None
        self._refused: set[Source] = set()

    def refuse(self, mark: Source, why: str) -> None:
        """Record a reason; the first one counts."""
        if mark not in self._refused:
            self._refused.add(mark)
            self.findings.append(Finding(mark, why, fatal=True))

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if finding.fatal:
                self.refuse(finding.mark, finding.why)
            else:
                self.findings.append(finding)

    def lose(self, what: str) -> None:
        """Note that from here on shells may read the command in different ways."""
        if self.lost is None:
            self.lost = what
            why = f"{what} comes after it, and shells read what follows in different ways"
            self.findings += [
                Finding(mark, why, fatal=False)
                for mark, quoting in enumerate(self.quoting)
                if quoting is not Quoting.COMMENT
            ][:1]

    def sorted(self) -> tuple[Finding, ...]:
        """Sort by placeholder; keep one warning for each, and only if nothing worse is known."""
        kept: dict[tuple[Source, bool], Finding] = {}
        for one in self.findings:
            if one.fatal or one.mark not in self._refused:
                kept.setdefault((one.mark, one.fatal), one)
        return tuple(sorted(kept.values(), key=lambda one: (str(one.mark).zfill(9), one.why)))
