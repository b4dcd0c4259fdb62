"""From text to a compiled condition, by operator precedence with its own stack (`condition.py` has the grammar)."""

from __future__ import annotations

from typing import Any, Final

from nika_core.errors import TemplateValueError
from nika_core.model.template import Placeholder
from nika_core.template.condition import CompiledCondition
from nika_core.template.condition_operators import describe_value, truth
from nika_core.template.condition_tokens import Token, tokens
from nika_core.template.errors import ConditionSyntaxError

_BINDS: Final = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "!": 4}
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_LOGIC: Final = {"&&": "and", "||": "or"}
_CLOSES: Final = {"(": ")", "[": "]"}


def compile_condition(text: str, max_depth: int | None = None) -> CompiledCondition:
    """Return the compiled condition.

    Args:
        max_depth: how deep parentheses and lists may stand in one another; None: not bounded.

    Raises:
        ConditionSyntaxError: with the offset of the character.
    """
    return _Parser(text, max_depth).condition()


class _Parser:
    """`waiting` holds operators whose right side is not complete, and open brackets, each with where it stands.

    The third of each entry: for `&&` and `||` the index of the step that skips the right side; for `[` the items.
    """

    def __init__(self, text: str, max_depth: int | None) -> None:
        self.text = text
        self.max_depth = max_depth
        self.depth = 0
        self.deepest = 0
        self.steps: list[tuple[str, Any]] = []
        self.starts: list[int] = []  # offset of the token that made each step
        self.placeholders: list[Placeholder] = []
        self.waiting: list[tuple[str, int, int]] = []

    def condition(self) -> CompiledCondition:
        operand_next = True
        last = Token("end", "", 0, 0)
        for token in tokens(self.text):
            if token.kind == "end":
                self._end(token, operand_next, last)
            operand_next = self._operand(token, last) if operand_next else self._operator(token)
            last = token
        return CompiledCondition(
            self.text, tuple(self.placeholders), tuple(self.steps), self.deepest, tuple(self.starts)
        )

    def _operand(self, token: Token, last: Token) -> bool:
        """Take a token where a value must come; return whether one must still come."""
        if token.kind == "value":
            self._emit("value", token.value, token.start)
            return False
        if token.kind == "placeholder":
            self.placeholders.append(token.value)
            self._emit("placeholder", token.value, token.start)
            return False
        if token.kind == "operator":
            if token.value == "!":
                self.waiting.append(("!", token.start, 0))
                return True
            if token.value in _CLOSES:
                self._open(token)
                return True
            if token.value == "]" and self.waiting and self.waiting[-1][0] == "[" and last.value == "[":
                self.depth -= 1
                self._emit("list", 0, self.waiting.pop()[1])
                return False
        after = f" after '{last.value}'" if last.kind == "operator" else ""
        raise ConditionSyntaxError(
            f"a value is missing{after} before {_shown(token)}", token.start, "e.g. {{task.state}} == 'open'"
        )

    def _operator(self, token: Token) -> bool:
        """Take a token where an operator must come; return whether a value must come next."""
        value = token.value
        if token.kind == "end":
            return False
        if token.kind != "operator" or value in ("!", "(", "["):
            hint = "write !(a in b)" if value == "!" else "join two comparisons with && or ||"
            raise ConditionSyntaxError(f"an operator is missing before {_shown(token)}", token.start, hint)
        if value in (")", "]", ","):
            return self._close(token)
        if value in _COMPARISONS and self.waiting:
            top = self.waiting[-1][0]
            if top in _COMPARISONS:
                raise ConditionSyntaxError(
                    f"'{top}' and '{value}' cannot be chained", token.start, "join two comparisons with &&"
                )
            if top == "!":
                raise ConditionSyntaxError(
                    f"'!' before a value and then '{value}' can be read in two ways",
                    token.start,
                    f"write !(a {value} b), or (!a) {value} b",
                )
        self._apply_down_to(_BINDS[value])
        skip = 0
        if value in _LOGIC:
            self._must_be_truth()
            skip = len(self.steps)
            self._emit(_LOGIC[value], 0, token.start)
        self.waiting.append((value, token.start, skip))
        return True

    def _open(self, token: Token) -> None:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        if self.max_depth is not None and self.depth > self.max_depth:
            raise ConditionSyntaxError(
                f"the condition is nested deeper than {self.max_depth} levels",
                token.start,
                "make it flatter, or raise NIKA_MAX_RECURSION",
            )
        self.waiting.append((token.value, token.start, 0))

    def _close(self, token: Token) -> bool:
        self._apply_down_to(0)
        if not self.waiting:
            raise ConditionSyntaxError(f"{_shown(token)} closes nothing", token.start)
        opening, start, items = self.waiting.pop()
        if token.value == "," and opening == "[":
            self.waiting.append((opening, start, items + 1))
            return True
        if token.value != _CLOSES[opening]:
            raise ConditionSyntaxError(
                f"expected '{_CLOSES[opening]}' before {_shown(token)}", token.start, f"it closes the '{opening}'"
            )
        self.depth -= 1
        if opening == "[":
            self._emit("list", items + 1, start)
        return False

    def _end(self, token: Token, operand_next: bool, last: Token) -> None:
        if operand_next:
            if last.kind == "end":
                raise ConditionSyntaxError("the condition is empty", 0, "e.g. {{task.state}} == 'open'")
            self._operand(token, last)
        self._apply_down_to(0)
        if self.waiting:
            opening, start, _ = self.waiting[-1]
            raise ConditionSyntaxError(f"this '{opening}' is never closed", start, f"close it with {_CLOSES[opening]}")
        self._must_be_truth()

    def _apply_down_to(self, binds: int) -> None:
        """Apply the operators whose right side is complete now: those that bind at least as strongly."""
        while self.waiting and self.waiting[-1][0] in _BINDS and _BINDS[self.waiting[-1][0]] >= max(binds, 1):
            name, start, skip = self.waiting.pop()
            if name in _LOGIC:
                self._must_be_truth()
                self._emit("truth", None, start)
                self.steps[skip] = (_LOGIC[name], len(self.steps))
            else:
                if name == "!":
                    self._must_be_truth()
                self._emit(name, None, start)

    def _must_be_truth(self) -> None:
        """Check now whether a literal on top of the stack, which is about to be tested, is true or false."""
        step, value = self.steps[-1]
        try:
            if step == "value":
                truth(value)
            elif step == "list":
                truth([])
        except TemplateValueError as error:
            message = error.message if step == "value" else "a list is neither true nor false"
            raise ConditionSyntaxError(message, self.starts[-1], error.hint) from None

    def _emit(self, step: str, argument: Any, start: int) -> None:
        self.steps.append((step, argument))
        self.starts.append(start)


def _shown(token: Token) -> str:
    if token.kind == "end":
        return "the end"
    if token.kind == "placeholder":
        return str(token.value.text)
    return f"'{token.value}'" if token.kind == "operator" else describe_value(token.value)
