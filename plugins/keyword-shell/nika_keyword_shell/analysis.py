"""Where the values of a shell task stand, and what is wrong with them, in `command` and in `argv`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from nika_keyword_shell import flow
from nika_keyword_shell.plain_scripts import quoting_in_plain
from nika_keyword_shell.record import Command, Quoting, Record, Redirections
from nika_keyword_shell.scanner import read
from nika_keyword_shell.words import MARK, UNTAINTED, Finding, Taint, Word

STDIN: Final = "stdin"
_ENV: Final = "env."


@dataclass(frozen=True, slots=True)
class Scan:
    """`quoting` has one item for each placeholder; `findings` says which ones cannot stay, or should not."""

    quoting: tuple[Quoting, ...]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.fatal)


def scan(literals: Sequence[str], env: Collection[str] = (), *, stdin: bool = False) -> Scan:
    """Scan a command whose placeholders stand between the literals: there is one placeholder less.

    Args:
        literals: the texts around the placeholders.
        env: the variables of the task's `env` that have a value in them.
        stdin: whether the task's `stdin` has one.
    """
    quoting = quoting_in_plain(literals)
    return Scan(quoting, ()) if quoting is not None else scan_closely(literals, env, stdin=stdin)


def scan_closely(literals: Sequence[str], env: Collection[str] = (), *, stdin: bool = False) -> Scan:
    """Scan a command word by word, as `scan` does if it is not plain."""
    return _judged(read(literals), env, stdin)


def scan_arguments(arguments: Sequence[Sequence[str]], env: Collection[str] = (), *, stdin: bool = False) -> Scan:
    """Scan `argv`, whose arguments are the texts around their placeholders; these are numbered through."""
    record = Record()
    words: list[Word] = []
    for literals in arguments:
        marks = range(len(record.quoting), len(record.quoting) + len(literals) - 1)
        record.quoting += [Quoting.NONE] * len(marks)
        words.append(Word([MARK.join(literal.replace(MARK, "") for literal in literals)], quoted=True, marks=[*marks]))
    record.structure.commands.append(Command([Word(["command"]), Word(["--"]), *words], Redirections()))
    return _judged(record, env, stdin)


def env_source(source: int | str) -> str | None:
    """Return the variable of the task's `env` that a finding is about."""
    return source.removeprefix(_ENV) if isinstance(source, str) and source.startswith(_ENV) else None


def _judged(record: Record, env: Collection[str], stdin: bool) -> Scan:
    variables: dict[str, Taint] = {name: frozenset({(_ENV + name, True)}) for name in env}
    fed: Taint = frozenset({(STDIN, True)}) if stdin else UNTAINTED
    flow.judge(record, read, variables, fed)
    return Scan(tuple(record.quoting), record.sorted())
