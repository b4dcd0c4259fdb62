"""Reading what follows a reference after `|`."""

from __future__ import annotations

import re
from typing import Final

from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.nearest import nearest
from nika_core.model.template import PipeCall
from nika_core.template.errors import TemplateSyntaxError
from nika_core.template.literals import LiteralError, begins_literal, read_literal
from nika_core.template.pipes import PIPES, pipe_example

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*+")
_SPACE: Final = re.compile(r"\s*+")
_MAX_PIPES: Final = 100


def begins_pipe(text: str, at: int) -> bool:
    """Return whether a pipe stands at `at`; `||` of a condition does not begin one."""
    return text.startswith("|", at) and not text.startswith("||", at)


def read_pipes(text: str, at: int) -> tuple[tuple[PipeCall, ...], int]:
    """Return the pipes from `at` on, and where the last one ends, with the space after it.

    Raises:
        TemplateSyntaxError: at the character at fault.
    """
    pipes: list[PipeCall] = []
    while begins_pipe(text, at):
        if len(pipes) == _MAX_PIPES:
            raise TemplateSyntaxError(f"more than {_MAX_PIPES} pipes follow one reference", at, "use a `function` task")
        pipe, at = _read_pipe(text, _skip_space(text, at + 1))
        pipes.append(pipe)
        at = _skip_space(text, at)
    if text.startswith("??", at):
        raise TemplateSyntaxError(
            "`??` stands after a pipe", at, "write the default before the first pipe, which applies to the whole chain"
        )
    return tuple(pipes), at


def _read_pipe(text: str, at: int) -> tuple[PipeCall, int]:
    word = _WORD.match(text, at)
    if not word:
        raise TemplateSyntaxError("the name of a pipe is missing after `|`", at, f"the pipes are: {', '.join(PIPES)}")
    name = word[0]
    pipe = PIPES.get(name)
    if pipe is None:
        near = nearest(name, PIPES)
        guess = f"did you mean `{near}`?" if near else f"the pipes are: {', '.join(PIPES)}; or use a `function` task"
        raise TemplateSyntaxError(f"there is no pipe `{shorten(name, 40)}`", at, guess)
    arguments, end = _read_arguments(text, word.end(), name)
    if len(arguments) != len(pipe.arguments):
        wanted = len(pipe.arguments)
        many = f"{wanted} argument{'s' if wanted != 1 else ''}" if wanted else "no arguments"
        raise TemplateSyntaxError(f"`{name}` takes {many}, and here are {len(arguments)}", at, pipe_example(name))
    for kind, argument in zip(pipe.arguments, arguments, strict=True):
        if not _fits(kind, argument):
            wanted_kind = {"count": "a whole number from 0", "path": "a path in quotes", "text": "text in quotes"}[kind]
            raise TemplateSyntaxError(f"`{name}` takes {wanted_kind}", at, pipe_example(name))
    return PipeCall(name, tuple(arguments)), end


def _read_arguments(text: str, at: int, name: str) -> tuple[list[Json], int]:
    opening = _skip_space(text, at)
    if not text.startswith("(", opening):
        return [], at
    arguments: list[Json] = []
    at = _skip_space(text, opening + 1)
    while not text.startswith(")", at) or arguments:
        if not begins_literal(text, at):
            raise TemplateSyntaxError(f"the arguments of `{name}` are literals", min(at, len(text)), pipe_example(name))
        try:
            argument, at = read_literal(text, at)
        except LiteralError as error:
            raise TemplateSyntaxError(
                f"an argument of `{name}` is not JSON: {error.why}", error.at, error.hint or pipe_example(name)
            ) from None
        arguments.append(argument)
        at = _skip_space(text, at)
        if text.startswith(")", at):
            break
        if not text.startswith(",", at):
            raise TemplateSyntaxError(
                f"the arguments of `{name}` are not closed", min(at, len(text)), pipe_example(name)
            )
        at = _skip_space(text, at + 1)
    return arguments, at + 1


def _fits(kind: str, argument: Json) -> bool:
    if kind == "count":
        return isinstance(argument, int) and not isinstance(argument, bool) and argument >= 0
    if kind == "literal":
        return True
    return isinstance(argument, str) and (kind == "text" or all(argument.split(".")))


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
