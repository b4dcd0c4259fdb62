"""Answers in place of a person's: for mocked runs (`--answers`) and for tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from nika_core import codes
from nika_core.app.run_options import RunOptions
from nika_core.errors import Category, TaskError, UsageError
from nika_core.model.ids import node_id_of, top_task
from nika_core.model.json import Json
from nika_core.model.nearest import nearest
from nika_core.model.question import AnswerError, Question, check_answer
from nika_core.model.state import RunResult

_ALL = re.compile(r"\[\*\]|\.\*(?=/|$)|@\*")


def checked_answers(answers: Mapping[str, Json], tasks: Iterable[str], what: str = "answers") -> dict[str, Json]:
    """Return values by the ids of nodes, `review.3` as `review[3]`. Raise UsageError for what names no task.

    Args:
        tasks: the workflow's.
        what: what the values are, for messages.
    """
    checked: dict[str, Json] = {}
    known = tuple(tasks)
    for key, answer in answers.items():
        try:
            node = _node(key)
        except ValueError:
            raise UsageError(
                f"the {what}: '{key}' is not a task of a run",
                code=codes.BAD_INPUT,
                hint="write e.g. approve, approve[3], approve[*], review@2, review@*, sections[2]/approve",
            ) from None
        if top_task(node) not in known:
            near = nearest(top_task(node), known)
            hint = f"did you mean '{near}'?" if near else f"its tasks: {', '.join(known[:10])}"
            raise UsageError(
                f"the {what}: the workflow has no task '{top_task(node)}'", code=codes.BAD_INPUT, hint=hint
            )
        checked[node] = answer
    return checked


class NodeValues:
    """Values by the ids of nodes, or by patterns of ids; knows which of them nothing asked for."""

    def __init__(self, values: Mapping[str, Json]) -> None:
        self._values = values
        self._used: set[str] = set()

    def find(self, node: str) -> tuple[str, Json] | None:
        """Return the key and the value for a node: its own, else that of the first pattern it matches."""
        keys = self._values
        key = node if node in keys else next((key for key in keys if _pattern(key).fullmatch(node)), None)
        if key is None:
            return None
        self._used.add(key)
        return key, keys[key]

    @property
    def unused(self) -> tuple[str, ...]:
        """The keys of the values that nothing asked for, in their order."""
        return tuple(key for key in self._values if key not in self._used)


class MockedAnswers:
    """Answers each question of a run, and knows which answers nothing asked for."""

    def __init__(self, answers: Mapping[str, Json]) -> None:
        self._answers = NodeValues(answers)

    def has(self, node: str) -> bool:
        """Return whether there is an answer for a node."""
        return self._answers.find(node) is not None

    def __call__(self, node: str, question: Question) -> Json:
        """Return the answer for a node: its own, else that of the first pattern it matches. Raise TaskError."""
        found = self._answers.find(node)
        if found is None:
            example = "yes" if question.form is None else f"{{{', '.join(f'{name}: ...' for name in question.form)}}}"
            raise TaskError(
                f"`{node}` asks “{question.message:.100}”, and there is no answer for it",
                category=Category.CONFIG,
                hint="nobody is asked in a mocked run or a test: "
                f"add `{node}: {example}` to the answers (--answers FILE)",
            )
        key, answer = found
        try:
            return check_answer(question, answer)
        except AnswerError as error:
            message = f"the answer for `{key}` does not fit the question of `{node}`: {error}"
            hint = "correct it in the answers (--answers FILE)"
            raise TaskError(message, category=Category.CONFIG, hint=hint) from None

    @property
    def unused(self) -> tuple[str, ...]:
        """The keys of the answers that no question took, in their order."""
        return self._answers.unused


def answers_of(options: RunOptions) -> MockedAnswers | None:
    """Return what answers the questions of a run, or None if a person does."""
    answers = {} if options.answers is None and options.mock else options.answers
    return None if answers is None else MockedAnswers(answers)


def unused_answers(answers: MockedAnswers | None, result: RunResult) -> list[str]:
    """Return a warning if the run came to its end and nothing asked for some of the answers."""
    if answers is None or not answers.unused or not result.succeeded:
        return []
    return [f"nothing asked for these answers: {', '.join(answers.unused)}"]


def _node(key: str) -> str:
    """Return a node's id, or a pattern of ids, `[*]` and `@*` for all items and rounds. Raise ValueError."""
    if "*" not in key:
        return node_id_of(key)
    node_id_of(_ALL.sub(lambda found: "@1" if found[0] == "@*" else "[0]", key))
    return re.sub(r"\.\*(?=/|$)", "[*]", key)


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(r"\*", "[0-9]+"))
