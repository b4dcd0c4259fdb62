"""What a step asks a person, checked and masked; and the answer, which may come from any process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nika_core.engine.task.outputs import checked_json
from nika_core.engine.task.services import Reporter
from nika_core.errors import Category, TaskError
from nika_core.model.json import Json
from nika_core.model.masking import masked_number
from nika_core.model.question import AnswerError, Question, check_answer
from nika_core.model.workflow import InputSpec
from nika_core.values import replace

LARGEST_QUESTION: Final = 4 * 1024 * 1024  # bytes of what is shown


def checked_question(question: Question, reporter: Reporter, max_depth: int, word: str) -> Question:
    """Return a question as people are shown it, without secrets. Raise TaskError if it cannot be asked."""
    whose = f"`{word}` asks, and"
    if not isinstance(question, Question):
        raise _wrong(f"`{word}` asks with {type(question).__name__}, not with a Question")
    if not isinstance(question.message, str) or not question.message.strip():
        raise TaskError(f"`{word}` asks without words: the message is empty", category=Category.VALIDATION)
    form = question.form
    if form is not None and (not isinstance(form, Mapping) or not form):
        raise _wrong(f"{whose} `form` has no field")
    if any(not isinstance(name, str) or not isinstance(spec, InputSpec) for name, spec in (form or {}).items()):
        raise _wrong(f"{whose} `form` is not a mapping of names to InputSpec values")
    if not isinstance(question.words, tuple) or not all(map(_is_word, question.words)):
        raise _wrong(f"{whose} `words` is not a tuple of words of lower-case letters other than yes and no")
    show = _masked(checked_json(question.show, max_depth, f"{whose} `show`"), reporter)
    size = len(json.dumps([question.message, show], ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > LARGEST_QUESTION:
        raise TaskError(
            f"what `{word}` shows with its question has {size} bytes; at most {LARGEST_QUESTION} can be shown",
            category=Category.VALIDATION,
            hint="show a summary, and write the whole to a file in ${run.folder}",
        )
    asked = replace(
        question,
        message=reporter.mask(question.message),
        show=show,
        form=None if form is None else {name: _field_masked(spec, reporter) for name, spec in form.items()},
    )
    if asked.has_default:
        try:
            asked = replace(asked, default=check_answer(asked, asked.default, max_depth))
        except AnswerError as error:
            message = f"the default of the question does not fit it: {error}"
            raise TaskError(message, category=Category.VALIDATION) from None
    return asked


def checked_reply(question: Question, answer: Json, max_depth: int, word: str) -> Json:
    """Return an answer with its types. Raise TaskError if it does not fit, as only a signal by other means can be."""
    try:
        return check_answer(question, answer, max_depth)
    except AnswerError as error:
        message = f"`{word}` was given an answer that does not fit its question: {error}"
        raise TaskError(message, category=Category.VALIDATION, hint="answer with `nika answer`") from None


def _is_word(word: object) -> bool:
    if not isinstance(word, str) or word in ("yes", "no", "y", "n", "true", "false"):
        return False
    return word.isascii() and word.isalpha() and word.islower()


def _masked(value: Any, reporter: Reporter) -> Any:
    if isinstance(value, str):
        return reporter.mask(value)
    if isinstance(value, Mapping):
        return {reporter.mask(key): _masked(item, reporter) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, reporter) for item in value]
    return masked_number(value, reporter.mask)


def _field_masked(spec: InputSpec, reporter: Reporter) -> InputSpec:
    default, enum = _masked(spec.default, reporter), _masked(spec.enum, reporter)
    return replace(
        spec, description=reporter.mask(spec.description), default=default, enum=None if enum is None else tuple(enum)
    )


def _wrong(what: str) -> TaskError:
    return TaskError(what, category=Category.UNKNOWN, hint="this is a fault of the plugin")
