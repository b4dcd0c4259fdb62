"""Looks for a regular expression in a text in a time that is bounded, whatever both are.

Python's own search tries every way in which repetitions can share a text: `(a+)+$` in forty letters `a` with another
one behind them takes hours, and nothing can end it. Here all places that can be reached are followed together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from math import log10
from typing import Any, Final, TypeAlias

_DIGITS: Final = 7  # of the number of steps that Python's own search may take at most
_NESTED: Final = 100  # more repetitions than any text but the shortest allows

_Places: TypeAlias = set[int]
_Flags: TypeAlias = tuple[int, int]  # those that a group adds, and those that it takes away
_Follow: TypeAlias = Callable[[str, _Places], _Places]

_AS_IS: Final = (0, 0)


def is_in(pattern: str, text: str) -> bool:
    """Return whether a pattern is found in a text. Raise re.error for what is not a pattern."""
    compiled, repetitions, follow = _known(pattern)
    if follow is None or log10(len(text) + 1) * (repetitions + 1) <= _DIGITS:
        return compiled.search(text) is not None
    return bool(follow(text, set(range(len(text) + 1))))


@lru_cache(maxsize=64)
def _known(pattern: str) -> tuple[re.Pattern[str], int, _Follow | None]:
    """Return a compiled pattern, how many of its repetitions can share a text, and what follows it; None: nothing can.

    What looks back at a group, or gives nothing back, is left to Python's own search.
    """
    compiled = re.compile(pattern)
    parser: Any = import_module("re._parser")  # Python's own, in each version from 3.11 on
    tree = parser.parse(pattern)
    try:
        return compiled, _repetitions(tree, inside=False), _sequence(tree, tree.state, _AS_IS)
    except NotImplementedError:
        return compiled, 0, None


def _repetitions(tree: Any, *, inside: bool) -> int:
    count = 0
    for op, value in tree:
        match str(op):
            case "MAX_REPEAT" | "MIN_REPEAT":
                many, varies = value[1] > 1, value[0] != value[1]
                if inside and varies:
                    return _NESTED
                count += varies + _repetitions(value[2], inside=inside or many)
            case "SUBPATTERN":
                count += _repetitions(value[3], inside=inside)
            case "BRANCH":
                count += _NESTED if inside else sum(_repetitions(each, inside=False) for each in value[1])
            case "ASSERT" | "ASSERT_NOT":
                count += _repetitions(value[1], inside=inside)
    return count


def _sequence(tree: Any, state: Any, flags: _Flags) -> _Follow:
    parts = [_part(op, value, state, flags) for op, value in tree]

    def follow(text: str, places: _Places) -> _Places:
        for part in parts:
            if not places:
                break
            places = part(text, places)
        return places

    return follow


def _part(op: Any, value: Any, state: Any, flags: _Flags) -> _Follow:
    match str(op):
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
            return _alone(op, value, state, flags, 1)
        case "AT":
            return _alone(op, value, state, flags, 0)
        case "SUBPATTERN":
            _, more, fewer, tree = value
            return _sequence(tree, state, ((flags[0] & ~fewer) | more, (flags[1] & ~more) | fewer))
        case "BRANCH":
            branches = [_sequence(each, state, flags) for each in value[1]]
            return lambda text, places: set().union(*(each(text, places) for each in branches))
        case "MAX_REPEAT" | "MIN_REPEAT":
            return _repeat(value[0], value[1], _sequence(value[2], state, flags))
        case "ASSERT" | "ASSERT_NOT":
            return _look(value[1], _sequence(value[1], state, flags), ahead=value[0] > 0, wanted=str(op) == "ASSERT")
    raise NotImplementedError


def _alone(op: Any, value: Any, state: Any, flags: _Flags, width: int) -> _Follow:
    """Follow what takes one letter, or none: Python's own search says where it is."""
    parser: Any = import_module("re._parser")
    compiler: Any = import_module("re._compiler")
    tree = parser.SubPattern(state, [(op, value)])
    if flags != _AS_IS:
        tree = parser.SubPattern(state, [(parser.SUBPATTERN, (None, *flags, tree))])
    here = compiler.compile(tree).match
    return lambda text, places: {place + width for place in places if here(text, place)}


def _look(tree: Any, body: _Follow, *, ahead: bool, wanted: bool) -> _Follow:
    width = 0 if ahead else tree.getwidth()[0]  # what is looked back at has one width

    def is_there(text: str, place: int) -> bool:
        if ahead:
            return bool(body(text, {place}))
        return place >= width and place in body(text, {place - width})

    return lambda text, places: {place for place in places if is_there(text, place) is wanted}


def _repeat(least: int, most: int, body: _Follow) -> _Follow:
    def follow(text: str, places: _Places) -> _Places:
        for _ in range(min(least, len(text) + 1)):  # more rounds than letters reach nothing new
            places = body(text, places)
        reached, new, rounds = set(places), places, least
        while new and rounds < most:
            new = body(text, new) - reached
            reached |= new
            rounds += 1
        return reached

    return follow
