"""The tokens of a condition, each with its offset."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from nika_core.model.bounded import shorten
from nika_core.model.json import refuse_constant
from nika_core.model.template import Placeholder
from nika_core.template.errors import ConditionSyntaxError, TemplateSyntaxError
from nika_core.template.placeholder import DOLLAR_OPENS, read_placeholder

_SPACE: Final = re.compile(r"\s*+")
_OPERATOR: Final = re.compile(r"===|!==|<>|==|!=|<=|>=|&&|\|\||[<>!()\[\],]")
_STRING: Final = re.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+\"""", re.DOTALL)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.])")
_WORD: Final = re.compile(r"[^\W\d][\w.-]*+")
_ESCAPED: Final = re.compile(r"\\?\{\{|\\?\$\{|\\.|\"", re.DOTALL)

_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_WORD_HINTS: Final = {
    "and": "write &&",
    "or": "write ||",
    "not": "write !(...)",
    "is": "write ==",
    "eq": "write ==",
    "ne": "write !=",
    "none": "write null",
    "undefined": "write null, or add a default to the template: {{task.field ?? null}}",
}
_OPERATOR_HINTS: Final = {"===": "==", "!==": "!=", "<>": "!=", "=": "==", "&": "&&", "|": "||"}


class Token(NamedTuple):
    """`kind`: value (a literal), placeholder, operator, end. `value`: what it stands for."""

    kind: str
    value: Any
    start: int
    end: int


_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant, strict=False)


def tokens(text: str) -> Iterator[Token]:
    """Yield all tokens, then one of kind `end`. Raises ConditionSyntaxError at the first character that begins none."""
    at = 0
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at >= len(text):
            yield Token("end", "the end", len(text), len(text))
            return
        token = _token(text, at)
        yield token
        at = token.end


def _token(text: str, at: int) -> Token:
    if text.startswith("{{", at) or DOLLAR_OPENS.match(text, at):
        return _placeholder(text, at)
    character = text[at]
    if character in "'\"":
        return _string(text, at)
    if character == "{":
        return _object(text, at)
    number = _NUMBER.match(text, at)
    if number:
        return Token("value", _number(number[0], at), at, number.end())
    operator = _OPERATOR.match(text, at)
    if operator:
        if operator[0] in _OPERATOR_HINTS:
            raise ConditionSyntaxError(
                f"'{operator[0]}' is not an operator", at, f"write {_OPERATOR_HINTS[operator[0]]}"
            )
        return Token("operator", operator[0], at, operator.end())
    word = _WORD.match(text, at)
    if word:
        return _word(text, word)
    raise _no_token(text, at)


def _placeholder(text: str, at: int) -> Token:
    try:
        placeholder: Placeholder = read_placeholder(text, at)
    except TemplateSyntaxError as error:
        raise ConditionSyntaxError(error.message, error.offset, error.hint) from None
    return Token("placeholder", placeholder, at, placeholder.end)


def _string(text: str, at: int) -> Token:
    """Return a JSON string, or one in single quotes, where `\\'` is a quote. `\\{{` and `\\${` are literal."""
    match = _STRING.match(text, at)
    if not match:
        raise ConditionSyntaxError("the text that begins here is never closed", at, f"close it with {text[at]}")

    def as_json(part: re.Match[str]) -> str:
        escape = part[0]
        if escape == "{{" or (escape == "${" and DOLLAR_OPENS.match(text, at + 1 + part.start())):
            raise ConditionSyntaxError(
                "a template inside quotes is not replaced",
                at + 1 + part.start(),
                "write it without the quotes: {{task.state}} == 'open'; "
                f"for the characters themselves write \\{escape}",
            )
        if escape in ("\\{{", "\\${", "\\'"):
            return escape[1:]
        return '\\"' if escape == '"' else escape

    body = _ESCAPED.sub(as_json, match[0][1:-1])
    try:
        value = json.loads(f'"{body}"', strict=False)
    except ValueError as error:
        raise ConditionSyntaxError(
            f"{match[0][:60]} is not text: {str(error).partition(':')[0].lower()}", at, r"a backslash is written \\"
        ) from None
    return Token("value", value, at, match.end())


def _object(text: str, at: int) -> Token:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        raise ConditionSyntaxError("this object is nested too deeply", at) from None
    except json.JSONDecodeError as error:
        raise ConditionSyntaxError(
            f"what begins with '{{' here is not JSON: {error.msg.lower()}",
            min(error.pos, len(text)),
            "a template has two braces: {{task}}",
        ) from None
    except ValueError as error:
        raise ConditionSyntaxError(f"this object is not JSON: {str(error).partition(';')[0]}", at) from None
    return Token("value", value, at, end)


def _number(text: str, at: int) -> int | float:
    try:
        value = int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        value = math.inf
    if isinstance(value, float) and not math.isfinite(value):
        raise ConditionSyntaxError("this number is too large", at)
    return value


def _word(text: str, match: re.Match[str]) -> Token:
    word = match[0]
    if word in _CONSTANTS:
        return Token("value", _CONSTANTS[word], match.start(), match.end())
    if word == "in":
        return Token("operator", "in", match.start(), match.end())
    shown = shorten(word, 40)
    if text.startswith("(", match.end()) and word.lower() not in _WORD_HINTS:
        raise ConditionSyntaxError(
            f"'{shown}(' would be a call, and a condition can call nothing",
            match.start(),
            "compute it in a task of its own, and compare that task's output",
        )
    hint = _WORD_HINTS.get(word.lower())
    if hint is None and word.lower() in _CONSTANTS:
        hint = f"write {word.lower()}"
    raise ConditionSyntaxError(
        f"'{shown}' means nothing here",
        match.start(),
        hint or f"put text in quotes: '{shown}'; a task's output is {{{{{shown}}}}}",
    )


def _no_token(text: str, at: int) -> ConditionSyntaxError:
    character = text[at]
    if character in _OPERATOR_HINTS:
        return ConditionSyntaxError(f"'{character}' is not an operator", at, f"write {_OPERATOR_HINTS[character]}")
    if character in "+-*/%":
        return ConditionSyntaxError(
            f"'{character}' is not an operator: a condition compares, it does not calculate",
            at,
            "operators: == != < <= > >= && || ! in",
        )
    if character.isdigit() or character == ".":
        return ConditionSyntaxError(
            "this is not a number", at, "write numbers as in JSON: 10, -0.5, 1e3; put text in quotes"
        )
    if character == "$":
        return ConditionSyntaxError(
            "'$' does not open a template here", at, "an input is ${input.name}, a task's output {{task}}"
        )
    if character == "\\":
        return ConditionSyntaxError("nothing can be escaped outside of quotes", at, "put text in quotes: 'text'")
    return ConditionSyntaxError(
        f"{character!r} means nothing here", at, "operators: == != < <= > >= && || ! in; put text in quotes"
    )
