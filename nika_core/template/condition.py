"""A flow's condition: compiled to a list of steps once, evaluated in time linear in its size.

    or         = and { "||" and }
    and        = operand { "&&" operand }
    operand    = "!" operand | value [ comparison value ]
    comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in"
    value      = literal | template | "(" or ")" | "[" [ or { "," or } ] "]"

Two comparisons in a row (`1 < {{a}} < 3`) and `!` before one (`!{{a}} == 1`) are refused: languages differ in what
they mean by it. Neither compiling nor evaluating recurses, so no nesting exhausts Python's stack.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

from nika_core.errors import NikaError, TemplateValueError
from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.template import Placeholder
from nika_core.template.condition_operators import contains, equal, ordered, truth
from nika_core.values import dataclass

_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """`steps` work on a stack: push a value or a placeholder's, apply an operator, skip what needs no asking.

    A step is an operation and its argument: `value` and a JSON value, `placeholder`, `list` and its length, `and`
    and `or` with the index at which to go on when the left side decides, `truth`, `!`, and the comparisons.
    """

    text: str
    placeholders: tuple[Placeholder, ...]
    steps: tuple[tuple[str, Any], ...]
    depth: int = 0  # of nested parentheses and lists
    starts: tuple[int, ...] = ()  # where in the text each step was written

    def comparisons(self) -> Iterator[tuple[Placeholder, tuple[tuple[Json, int], ...]]]:
        """Yield each placeholder that is compared with literals by `==`, `!=` or `in`: these, and their offsets."""
        for at, (step, _) in enumerate(self.steps):
            if step not in ("==", "!=", "in"):
                continue
            count = 1
            if step == "in":
                if self.steps[at - 1][0] != "list":
                    continue
                count = self.steps[at - 1][1]
                at -= 1
            operands = range(at - count - 1, at)
            if operands.start < 0:
                continue
            kinds = [self.steps[index][0] for index in operands]
            placeholders = [index for index, kind in zip(operands, kinds, strict=True) if kind == "placeholder"]
            if len(placeholders) == 1 and kinds.count("value") == count and (step != "in" or kinds[0] == "placeholder"):
                literals = tuple((self.steps[i][1], self.starts[i]) for i in operands if i != placeholders[0])
                yield self.steps[placeholders[0]][1], literals

    def evaluate(self, resolve: Callable[[Placeholder], Json]) -> bool:
        """Return whether the condition is true. What `&&` and `||` need not know is not resolved.

        Raises:
            TemplateValueError: a value is missing, cannot be compared, or is neither true nor false.
        """
        try:
            return truth(_run(self.steps, resolve))
        except NikaError as error:
            message = f"in the condition `{shorten(self.text, 80)}`: {error.message}"
            raise TemplateValueError(message, code=error.code, hint=error.hint) from error


def _run(steps: tuple[tuple[str, Any], ...], resolve: Callable[[Placeholder], Json]) -> Json:
    stack: list[Json] = []
    at = 0
    while at < len(steps):
        step, argument = steps[at]
        at += 1
        if step == "value":
            stack.append(argument)
        elif step == "placeholder":
            stack.append(resolve(argument))
        elif step in ("and", "or"):
            decided = truth(stack.pop())
            if decided is (step == "or"):
                stack.append(decided)
                at = argument
        elif step == "truth":
            stack.append(truth(stack.pop()))
        elif step == "!":
            stack.append(not truth(stack.pop()))
        elif step == "list":
            start = len(stack) - argument
            stack[start:] = [stack[start:]]
        else:
            right = stack.pop()
            stack.append(_compared(stack.pop(), step, right))
    return stack.pop()


def _compared(left: Json, step: str, right: Json) -> bool:
    if step == "==":
        return equal(left, right)
    if step == "!=":
        return not equal(left, right)
    if step == "in":
        return contains(left, right)
    one, other = ordered(left, right, step)
    return _ORDER[step](one, other)
