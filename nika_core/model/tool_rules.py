"""Entries of `allowedTools`, `disallowedTools` and `askTools`: names of tools, and rules about what a call is given.

An entry is a text: a name, or the JSON object of a rule with sorted keys. That text is what is hashed, recorded and
shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nika_core.model.json import Json
from nika_core.model.path_globs import covers_glob, match_paths
from nika_core.model.tools import covers, may_overlap
from nika_core.values import dataclass

ANY_MORE: Final = "*"  # as the last of a rule's words: further words may follow


class Match(Enum):
    """Whether a call matches an entry. What is not sure does not count as allowed, and counts as forbidden or asked."""

    NO = "no"
    UNSURE = "unsure"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class ToolRule:
    """A rule about calls of the tools that `tool` names; all of `fields` must match.

    A list of words is compared word by word, a text letter by letter, and a mapping has a glob for each path.
    """

    tool: str
    fields: Mapping[str, Json]


def entry_text(entry: Any) -> str:
    """Return an entry of a list as its text. Raise ValueError with a sentence if it is not an entry."""
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, Mapping):
        raise ValueError("an entry is the name of a tool, or a mapping with `tool`")
    if not isinstance(entry.get("tool"), str) or not entry["tool"].strip():
        raise ValueError("the rule names no tool")
    if len(entry) == 1:
        return str(entry["tool"])
    return json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(", ", ": "))


@lru_cache(maxsize=1024)
def rule_of(entry: str) -> ToolRule | None:
    """Return the rule that an entry is; None: it is a name."""
    if not entry.startswith("{"):
        return None
    try:
        fields = json.loads(entry)
    except ValueError:  # a name, of whatever kind
        return None
    return ToolRule(fields.pop("tool"), fields) if isinstance(fields.get("tool"), str) else None


def tool_of(entry: str) -> str:
    """Return the name of the tools that an entry is about."""
    rule = rule_of(entry)
    return entry if rule is None else rule.tool


def covers_entry(outer: str, inner: str) -> bool:
    """Return whether every call that matches `inner` surely matches `outer`."""
    if not covers(tool_of(outer), tool_of(inner)):
        return False
    rule = rule_of(outer)
    if rule is None:
        return True
    narrower = rule_of(inner)
    return narrower is not None and all(
        name in narrower.fields and _implies(narrower.fields[name], wanted) for name, wanted in rule.fields.items()
    )


def may_overlap_entry(one: str, other: str) -> bool:
    """Return whether some call may match both entries; in doubt it may."""
    if not may_overlap(tool_of(one), tool_of(other)):
        return False
    first, second = rule_of(one), rule_of(other)
    if first is None or second is None:
        return True
    return not any(
        _exclude(wanted, second.fields[name]) for name, wanted in first.fields.items() if name in second.fields
    )


def _exclude(one: Json, other: Json) -> bool:
    """Return whether no call can match both values of a field, not even in doubt."""
    if isinstance(one, str) and isinstance(other, str):
        return one != other
    if not isinstance(one, list) or not isinstance(other, list) or not one or not other:
        return False
    (first, first_open), (second, second_open) = _words(one), _words(other)
    if (len(first) < len(second) and not first_open) or (len(second) < len(first) and not second_open):
        return True
    both = min(len(first), len(second))
    return _program(first[0]) != _program(second[0]) or first[1:both] != second[1:both]


def match_fields(entry: str, described: Mapping[str, Json], folder: Path) -> Match:
    """Return whether what a call is given matches an entry, whatever its tool; a name matches anything.

    Args:
        described: the call's fields, as the keyword's `Facets.call_fields` describes them.
        folder: what relative paths are relative to.
    """
    rule = rule_of(entry)
    if rule is None:
        return Match.YES
    return _all(_match(wanted, described.get(name), folder) for name, wanted in rule.fields.items())


def _all(matches: Iterable[Match]) -> Match:
    found = set(matches)
    return Match.NO if Match.NO in found else Match.UNSURE if Match.UNSURE in found else Match.YES


def _match(wanted: Json, given: Json, folder: Path) -> Match:
    if isinstance(wanted, str):
        return Match.UNSURE if not isinstance(given, str) else Match.YES if given == wanted else Match.NO
    if isinstance(wanted, list):
        return _match_words(wanted, given)
    if not isinstance(wanted, Mapping) or not isinstance(given, Mapping):
        return Match.UNSURE
    return _all(_of_paths(glob, given[name], folder) if name in given else Match.NO for name, glob in wanted.items())


def _of_paths(glob: Json, value: Json, folder: Path) -> Match:
    """Match one argument: of a list of paths, all must match."""
    values = value if isinstance(value, list) else [value]
    if not isinstance(glob, str) or not all(isinstance(each, str) for each in values):
        return Match.UNSURE
    found = {match_paths(glob, str(each), folder) for each in values}
    if found == {True}:
        return Match.YES
    return Match.NO if found <= {False} else Match.UNSURE


def _match_words(wanted: list[Any], given: Json) -> Match:
    if not isinstance(given, list | tuple) or not given or not all(isinstance(word, str) for word in given):
        return Match.UNSURE
    begin, is_open = _words(wanted)
    count = len(begin)
    if (len(given) < count) if is_open else (len(given) != count):
        return Match.NO
    if list(given[:count]) == begin:
        return Match.YES
    other_place = _program(given[0]) == _program(begin[0]) and list(given[1:count]) == begin[1:]
    return Match.UNSURE if other_place else Match.NO


def _words(wanted: list[Any]) -> tuple[list[Any], bool]:
    """Return the words that a rule fixes, and whether others may follow."""
    return (wanted[:-1], True) if len(wanted) > 1 and wanted[-1] == ANY_MORE else (wanted, False)


def _program(word: Any) -> str:
    """Return a program's name without its folder: `/bin/rm` may well be `rm`."""
    return PurePosixPath(str(word)).name.casefold()


def _implies(narrower: Json, wanted: Json) -> bool:
    """Return whether what matches one field's rule surely matches the other one."""
    if narrower == wanted:
        return True
    if isinstance(narrower, list) and isinstance(wanted, list):
        (inner, _), (outer, outer_open) = _words(narrower), _words(wanted)
        return outer_open and inner[: len(outer)] == outer
    if isinstance(narrower, Mapping) and isinstance(wanted, Mapping):
        return all(name in narrower and covers_glob(str(glob), str(narrower[name])) for name, glob in wanted.items())
    return False
