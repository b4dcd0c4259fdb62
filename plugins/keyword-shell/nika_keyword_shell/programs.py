"""Programs that are known to evaluate arguments or their standard input, and how they read their arguments.

A line, which can go on in indented ones, is: names | operands | operands if an option gives the code | options | flags.
The second to fourth are read by `options`. The flags:

- `stdin`: reads code from its standard input if no argument has or names any; `always-stdin`: in any case;
- `bare-shell`: without a program to run, starts a shell that reads its standard input;
- `permutes`: options may stand behind operands; `words`: an option is a whole word, `-eval`; `plus`: options may
  begin with `+`; `old style`: the first operand can be options without a dash; `dash-ends`: so does a lone `-`;
- `assigns`: `NAME=value` may stand before the program; `runs-shells`: joins its arguments for a shell;
- `text`: its code runs no program; `quiet`: a value that could be an option is not worth a warning;
- `refuses`: a value that could be an option is an error;
- `commands`: the first operand is a subcommand, whose grammar is that of `NAME/SUBCOMMAND`;
- `exact`: no option can be abbreviated;
- `versions`: what stands behind `@` in the name of a package is only a version.

`docker,podman/run,container/run` are the names of four grammars.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Final

from nika_keyword_shell.languages import EDITORS_AND_DATABASES, INTERPRETERS, SHELLS
from nika_keyword_shell.multi_command import CLOUDS_AND_RUNNERS, CONTAINERS, PACKAGES
from nika_keyword_shell.options import Grammar, grammar
from nika_keyword_shell.tools import OTHERS
from nika_keyword_shell.wrappers import WRAPPERS

# Calls by which a program in another language runs a text: with a value among its arguments, worth a warning.
_RUNS_TEXT: Final = {
    "python": r"\b(eval|exec\w*|system|popen|spawn\w*|subprocess|__import__|import_module|runpy|pty|compile)\b",
    "node": r"\b(eval|Function|child_process|exec\w*|spawn\w*|vm)\b",
    "perl": r"\b(eval|exec|system|qx|open|do|require)\b|`|<(ARGV)?>|/\w*e\w*\s*[;}]",
    "ruby": r"\b(\w*eval|exec|system|spawn|open\w*|popen\w*|send|require|load)\b|`|%x",
    "php": r"\b(eval|exec|system|passthru|shell_exec|p\w*open|assert|create_function|include\w*|require\w*)\b|`",
    "awk": r"\b(system|getline)\b|\bprintf?\b[^|;}\n]*\|(?!\|)|[\"']\s*\|(?!\|)",
}
_RUNS_TEXT_ELSEWHERE: Final = r"\b(eval\w*|exec\w*|system|\w*open|shell\w*|do\w*|load\w*|source|spawn\w*|run\w*)\b|`"
_MULTICALL: Final = frozenset({"busybox", "toybox"})
_SUFFIX: Final = re.compile(r"[-.]?[0-9][0-9.]*\Z")
_TABLES: Final = (
    SHELLS,
    INTERPRETERS,
    EDITORS_AND_DATABASES,
    WRAPPERS,
    OTHERS,
    CONTAINERS,
    PACKAGES,
    CLOUDS_AND_RUNNERS,
)


def _lines(table: str) -> list[str]:
    """Return the lines of a table; one that begins with a blank belongs to the line above it."""
    return [line for line in re.sub(r"\n +", " ", table).splitlines() if line]


@cache
def programs() -> Mapping[str, Grammar]:
    """Return the grammar of each program."""
    table: dict[str, Grammar] = {}
    for line in _lines("".join(_TABLES)):
        names, operands, coded, options, flags = (part.strip() for part in line.split("|"))
        for name in (spelled for written in names.split() for spelled in _spelled(written)):
            outer = table.get(name.rpartition("/")[0])
            inherited = outer.options if outer is not None else {}
            described = grammar(operands, coded, options, f"{flags} exact" if "/" in name else flags)
            table[name] = replace(described, options={**inherited, **described.options}) if inherited else described
    return table


def _spelled(names: str) -> list[str]:
    tools, slash, subcommands = names.partition("/")
    return [tool + slash + one for tool, one in product(tools.split(","), subcommands.split(","))]


def lookup(name: str) -> Grammar | None:
    """Return the grammar of a program: `python3.11` is python, and Homebrew's `gsed` is sed."""
    table = programs()
    for spelling in (name, _SUFFIX.sub("", name)):
        found = table.get(spelling) or (table.get(spelling[1:]) if spelling[:1] == "g" else None)
        if found is not None:
            return found
    return None


def subcommand(name: str, text: str) -> Grammar | None:
    """Return the grammar of a tool's subcommand; `name` can be one itself, `docker/compose`."""
    table = programs()
    return table.get(f"{name}/{text}") or table.get(f"{_SUFFIX.sub('', name)}/{text}")


def runs_text(name: str, code: str) -> bool:
    """Return whether a program's code has calls that could run an argument or a variable as code."""
    base = _SUFFIX.sub("", name).removesuffix("js").removeprefix("pypy")
    base = {"gawk": "awk", "mawk": "awk", "nawk": "awk", "": "python"}.get(base, base)
    return re.search(_RUNS_TEXT.get(base, _RUNS_TEXT_ELSEWHERE), code) is not None


def is_shell(name: str) -> bool:
    """Return whether a program is a shell."""
    return name in shells() or _SUFFIX.sub("", name) in shells()


@cache
def shells() -> frozenset[str]:
    """Return the names of shells."""
    return frozenset(name for line in _lines(SHELLS) for name in line.partition("|")[0].split()) - _MULTICALL
