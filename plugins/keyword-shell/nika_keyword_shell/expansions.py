"""What shells evaluate when they expand a variable: arithmetic, subscripts, and names that are kept in variables."""

from __future__ import annotations

import re
from typing import Final

from nika_keyword_shell.record import Structure
from nika_keyword_shell.words import EXPANSION, POSITIONAL, Word

_NAMES: Final = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z_][A-Za-z0-9_]*|(?<=\$)[@*0-9]|(?<=\$\{)[@*0-9]")
_EXPANDED: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*|[@*0-9])")
_PARAMETER: Final = re.compile(r"([!#]?)([A-Za-z_][A-Za-z0-9_]*|[@*#?$!0-9-])(.*)", re.DOTALL)

_SUBSCRIPT: Final = re.compile(r"[A-Za-z_]\w*\[(.*)\](\+?=)?", re.DOTALL)
_TAKE_NAMES: Final = frozenset(
    {
        *("unset", "read", "printf", "declare", "typeset", "local", "export", "readonly"),
        *("test", "[", "[[", "mapfile", "let", "wait"),
    }
)


def names_in_subscript(command: str, text: str) -> frozenset[str]:
    """Return what could be a variable's name in the subscript of a word, if the command takes it as a variable's."""
    found = _SUBSCRIPT.match(text)
    if found is None or (found[2] is None and command not in _TAKE_NAMES):
        return frozenset()
    return names_in(found[1]) | frozenset(expanded_in(found[1])) | {EXPANSION}


def names_in(text: str) -> frozenset[str]:
    """Return all that could be a variable's name."""
    return frozenset(POSITIONAL if name in "@*0123456789" else name for name in _NAMES.findall(text))


def expanded_in(text: str) -> set[str]:
    """Return the names of the variables that `$name` and `${name` in a text expand."""
    return {POSITIONAL if name in "@*0123456789" else name for name in _EXPANDED.findall(text)}


def arithmetic_used(structure: Structure, text: str) -> None:
    """Note the variables of an arithmetic expression: bash evaluates their values."""
    structure.evaluated.append((names_in(text), "arithmetic evaluates it as an expression"))


def parameter_used(structure: Structure, text: str) -> frozenset[str]:
    """Read what stands in `${...}`; note what it evaluates, and return the names of the variables it expands."""
    match = _PARAMETER.match(text)
    if match is None:
        return names_in(text)
    prefix, name, rest = match.groups()
    name = POSITIONAL if name in "@*0123456789" else name
    if prefix == "!" and rest not in {"*", "@"} and rest[:3] not in {"[@]", "[*]"}:
        structure.evaluated.append((frozenset({name}), "`${!...}` takes it as a variable's name"))
    if rest.endswith("@P"):
        structure.evaluated.append((frozenset({name}), "`@P` expands it as a prompt, with its substitutions"))
    if rest.startswith("[") or (rest.startswith(":") and rest[1:2] not in tuple("-=?+")):
        structure.evaluated.append((names_in(rest), "bash evaluates a subscript or an offset as an expression"))
    if rest.startswith(("=", ":=")):
        structure.defaults.append((name, names_in(rest)))
    return names_in(rest) | {name}


def expand(structure: Structure, words: list[Word], text: str) -> None:
    """Note what `${text}` expands in the words that hold it."""
    names = parameter_used(structure, text)
    for word in words:
        word.variables |= names
