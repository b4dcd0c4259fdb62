"""Questions to people: what is asked, what an answer may be, and the digest that binds an answer to what was shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from nika_core.model.input_values import compact, input_json, input_spec, read_field, shown_value
from nika_core.model.json import Json, JsonObject
from nika_core.model.nearest import did_you_mean
from nika_core.model.text import iso_time
from nika_core.model.workflow import InputSpec
from nika_core.values import dataclass, field

QUESTION_KIND: Final = "question"
_YES: Final = frozenset({"yes", "y", "true"})
_NO: Final = frozenset({"no", "n", "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person is asked; see `StepContext.ask`.

    Attributes:
        message: the question itself.
        show: any value that is shown with it, as it is; None: there is none.
        form: the fields of the answer, by name, as `inputs:` declares them; None: the answer is yes or no.
        seconds: how long, from when it was first shown; then `default` is the answer, or the task fails (`timeout`).
            None: for ever.
        default: the answer when the time is over.
        has_default: whether there is a `default`.
        words: words that may be answered in place of the form's fields, or of yes and no, e.g. `("decline",)`, so that
            a person need not fill in a form; then the word is the answer. They are lower-case letters.
        calls: by field of the form, the tool call that it approves, and the rule by which it is asked about. The
            engine fills it in for `askTools`; empty: the question is about something else.
    """

    message: str
    show: Json = None
    form: Mapping[str, InputSpec] | None = None
    seconds: float | None = None
    default: Json = None
    has_default: bool = False
    words: tuple[str, ...] = ()
    calls: Mapping[str, JsonObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A question that a task of a run asks.

    Attributes:
        task: the task's id, e.g. `approve[3]`.
        question: what is asked, as it was shown.
        digest: of what was shown; an answer is bound to it.
        since: when it was first shown, in seconds since the epoch.
        deadline: when it expires; None: never.
        answer: the answer that the run has not taken yet, if somebody has given one; then `answered_by` says who.
    """

    run_id: str
    workflow: str
    run_status: str
    task: str
    question: Question
    digest: str
    since: float
    deadline: float | None = None
    answer: Json = None
    answered_by: str = ""
    answered_at: float | None = None


class AnswerError(ValueError):
    """An answer does not fit its question. `problems` says what is wrong, a sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def question_json(question: Question, tool_call: str = "") -> JsonObject:
    """Return what people are shown of a question as JSON, with its digest; `question_of` reads it.

    Args:
        tool_call: which call of a tool asks, if one does: equal questions of two calls are two questions.
    """
    found: dict[str, Any] = {"kind": QUESTION_KIND, "message": question.message}
    if question.show is not None:
        found["show"] = question.show
    if question.form is not None:
        found["form"] = {name: input_json(spec) for name, spec in question.form.items()}
    if question.words:
        found["words"] = list(question.words)
    if tool_call:
        found["toolCall"] = tool_call
    if question.has_default:
        found["default"] = question.default
    if question.calls:
        found["calls"] = dict(question.calls)
    found["digest"] = question_digest(found)
    return found


def question_of(about: JsonObject) -> Question:
    """Return the question that `question_json` wrote, as it was shown."""
    form: Any = about.get("form")
    return Question(
        message=about["message"],
        show=about.get("show"),
        form=None
        if form is None
        else {name: input_spec(name, fields, _as_it_is, checked=False) for name, fields in form.items()},
        default=about.get("default"),
        has_default="default" in about,
        words=tuple(about.get("words", ())),
        calls=about.get("calls", {}),
    )


def is_question(about: Mapping[str, Any]) -> bool:
    """Return whether what a task waits for is a person's answer."""
    return about.get("kind") == QUESTION_KIND and isinstance(about.get("message"), str)


def question_digest(shown: Mapping[str, Any]) -> str:
    """Return a digest of exactly what was shown, message, value, form and words, and of the call that asks."""
    parts = [shown["message"], shown.get("show"), shown.get("form")]
    if shown.get("words") or shown.get("toolCall"):
        parts += [shown.get("words"), shown.get("toolCall")]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def check_answer(question: Question, answer: Json, max_depth: int | None = None) -> Json:
    """Return an answer with its types and defaults. Raise AnswerError with all that is wrong with it.

    A text is read as the declared type, as a workflow's input is; yes and no may be texts, too. One word about tool
    calls is about all of them.
    """
    if question.words and isinstance(answer, str) and answer.strip().lower() in question.words:
        return answer.strip().lower()
    if question.form is None:
        return _yes_or_no(answer, question.words)
    if question.calls and isinstance(answer, str | bool):
        word = ("yes" if answer else "no") if isinstance(answer, bool) else answer.strip().lower()
        answer = dict.fromkeys(question.form, word)
    names = ", ".join(question.form)
    if not isinstance(answer, Mapping):
        instead = f", or is {' or '.join(question.words)}" if question.words else ""
        what = f"the answer has the fields {names}{instead}, and is not {shown_value(answer)}"
        raise AnswerError((what,))
    problems = [
        f"there is no field `{name}`; {did_you_mean(name, question.form) or f'the fields are {names}'}"
        for name in answer
        if name not in question.form
    ]
    values: dict[str, Json] = {}
    for name, spec in question.form.items():
        try:
            if name in answer:
                values[name] = read_field(spec, answer[name], max_depth)
            elif spec.has_default:
                values[name] = spec.default
            elif spec.required:
                about = f" ({spec.description})" if spec.description else ""
                problems.append(f"the field `{name}` is missing{about}")
        except ValueError as error:
            problems.append(f"`{name}`: {error}")
    if problems:
        raise AnswerError(tuple(problems))
    return values


def answer_text(answer: Json) -> str:
    """Return an answer for people: yes, no, a word, or its fields as JSON."""
    if isinstance(answer, str):
        return answer
    return ("yes" if answer else "no") if isinstance(answer, bool) else compact(answer)


def _yes_or_no(answer: Json, words: tuple[str, ...]) -> bool:
    if isinstance(answer, bool):
        return answer
    word = answer.strip().lower() if isinstance(answer, str) else ""
    if word in _YES or word in _NO:
        return word in _YES
    raise AnswerError((f"the answer is {' or '.join(('yes', 'no', *words))}, and not {shown_value(answer)}",))


def _as_it_is(type_: str, value: Json) -> Json:
    return value


def open_question_json(asked: OpenQuestion) -> JsonObject:
    """Return an entry of a result's `questions`."""
    found: dict[str, Any] = {"task": asked.task, "message": asked.question.message}
    if asked.question.form is not None:
        found["form"] = {name: input_json(spec) for name, spec in asked.question.form.items()}
    if asked.question.words:
        found["words"] = list(asked.question.words)
    if asked.question.calls:
        found["calls"] = dict(asked.question.calls)
    found["since"] = iso_time(asked.since)
    if asked.deadline is not None:
        found["expiresAt"] = iso_time(asked.deadline)
    found["digest"] = asked.digest
    return found
