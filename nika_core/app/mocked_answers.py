"""Answers in place of a person's: for mocked runs (`--answers`) and for tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from nika_core import codes
from nika_core.errors import Category, TaskError, UsageError
from nika_core.model.ids import node_id_of, top_task
from nika_core.model.json import Json
from nika_core.model.nearest import nearest
from nika_core.model.question import AnswerError, Question, check_answer

_ALL = re.compile(r"\[\*\]|\.\*(?=/|$)|@\*")


def checked_answers(answers: Mapping[str, Json], tasks: Iterable[str]) -> dict[str, Json]:
    """Return answers by the ids of nodes, `review.3` as `review[3]`. Raise UsageError for what names no task.

    Args:
        tasks: the workflow's.
    """
    checked: dict[str, Json] = {}
    known = tuple(tasks)
    for key, answer in answers.items():
        try:
            node = _node(key)
        except ValueError:
            raise UsageError(
                f"the answers: '{key}' is not a task of a run",
                code=codes.BAD_INPUT,
                hint="write e.g. approve, approve[3], approve[*], review@2, review@*, sections[2]/approve",
            ) from None
        if top_task(node) not in known:
            near = nearest(top_task(node), known)
            hint = f"did you mean '{near}'?" if near else f"its tasks: {', '.join(known[:10])}"
            raise UsageError(
                f"the answers: the workflow has no task '{top_task(node)}'", code=codes.BAD_INPUT, hint=hint
            )
        checked[node] = answer
    return checked


def mocked_answer(answers: Mapping[str, Json], node: str, question: Question) -> Json:
    """Return the answer for a node: its own, else that of the first pattern it matches. Raise TaskError."""
    key = node if node in answers else next((key for key in answers if _pattern(key).fullmatch(node)), None)
    if key is None:
        example = "yes" if question.form is None else f"{{{', '.join(f'{name}: ...' for name in question.form)}}}"
        raise TaskError(
            f"`{node}` asks “{question.message:.100}”, and there is no answer for it",
            category=Category.CONFIG,
            hint=f"nobody is asked in a mocked run or a test: add `{node}: {example}` to the answers (--answers FILE)",
        )
    try:
        return check_answer(question, answers[key])
    except AnswerError as error:
        message = f"the answer for `{key}` does not fit the question of `{node}`: {error}"
        raise TaskError(message, category=Category.CONFIG, hint="correct it in the answers (--answers FILE)") from None


def _node(key: str) -> str:
    """Return a node's id, or a pattern of ids, `[*]` and `@*` for all items and rounds. Raise ValueError."""
    if "*" not in key:
        return node_id_of(key)
    node_id_of(_ALL.sub(lambda found: "@1" if found[0] == "@*" else "[0]", key))
    return re.sub(r"\.\*(?=/|$)", "[*]", key)


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(r"\*", "[0-9]+"))
