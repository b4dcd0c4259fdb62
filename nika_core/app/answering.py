"""Questions that runs ask, and the answers to them: each bound to what was shown, the first one counts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from nika_core import codes
from nika_core.app.results import SentSignal
from nika_core.app.signalling import checked_payload, load_node, refuse_ended, refused, sender_here, write_signal
from nika_core.app.task_histories import TaskHistory, task_histories
from nika_core.app.workspace import Workspace
from nika_core.errors import JournalError, UsageError
from nika_core.journal import Journal, Recorded, RecordedSignal
from nika_core.journal.values import INTERRUPTED, RUNNING
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind
from nika_core.model.question import AnswerError, OpenQuestion, check_answer, is_question, question_of
from nika_core.model.state import RunStatus

_MAY_WAIT = frozenset({RunStatus.PAUSED.value, RUNNING, INTERRUPTED})


def open_questions(journal: Journal, run: str | None = None) -> tuple[OpenQuestion, ...]:
    """Return the questions that a run asks, or all runs, the newest first. Raise JournalError."""
    if run is not None:
        return questions_of(journal.load(run), journal)
    found: list[OpenQuestion] = []
    for summary in journal.runs():
        if summary.status in _MAY_WAIT:
            with suppress(JournalError):  # a damaged run, as the list of runs says, hides no question of another
                found += questions_of(journal.load(summary.id), journal)
    return tuple(found)


def questions_of(recorded: Recorded, journal: Journal) -> tuple[OpenQuestion, ...]:
    """Return the questions that a run asks, in the order in which they were asked."""
    if recorded.run.status not in _MAY_WAIT:
        return ()
    with journal.damage_told(recorded.run.id):
        return _questions_of(recorded, journal)


def _questions_of(recorded: Recorded, journal: Journal) -> tuple[OpenQuestion, ...]:
    run = recorded.run
    found: list[OpenQuestion] = []
    pending: list[RecordedSignal] | None = None
    for task, history in task_histories(recorded.events).items():
        wait = history.waiting_for
        if wait is None or not is_question(wait.about):
            continue
        pending = journal.signals(run.id) if pending is None else pending
        given = _given(pending, task, history, wait.key)
        found.append(
            OpenQuestion(
                run_id=run.id,
                workflow=run.workflow,
                run_status=run.status,
                task=task,
                question=question_of(wait.about),
                digest=wait.key,
                since=wait.since,
                deadline=wait.deadline,
                answer=None if given is None else given.payload,
                answered_by="" if given is None else given.sender,
                answered_at=None if given is None else given.at,
            )
        )
    return tuple(found)


def _given(pending: Iterable[RecordedSignal], task: str, history: TaskHistory, key: str) -> RecordedSignal | None:
    nodes = (task, history.identity or task)
    return next((signal for signal in pending if signal.node in nodes and signal.key in ("", key)), None)


def send_answer(
    workspace: Workspace,
    journal: Journal,
    run: str,
    task: str,
    answer: Json,
    *,
    digest: str | None = None,
    how: str = "nika answer",
) -> SentSignal:
    """Write an answer durably. Raise UsageError or JournalError if it is refused; the question is then still open.

    Args:
        run: a run's id, a unique beginning of it, or `last`.
        task: a task's id; `review.3` means `review[3]`.
        answer: True, False, or the form's fields; texts are read as the declared types.
        digest: that of the question which was shown, or its beginning; None: the question as it is now.
        how: by what means, for the run's history.
    """
    recorded, node, history = load_node(journal, run, task)
    wait, now = history.latest_wait, workspace.clock.time()
    if wait is None or not is_question(wait.about):
        refuse_ended(recorded, node, history, now)
        what = f"waits for something else: nika signal {recorded.run.id} {node}" if wait else "has not asked anything"
        raise refused(f"'{node}' {what}", f"nika answer --list {recorded.run.id} shows the open questions")
    with journal.damage_told(recorded.run.id):
        question = question_of(wait.about)
    if digest is not None and not (len(digest) >= 8 and wait.key.startswith(digest)):
        raise refused(
            f"the answer is for another question than '{node}' asks now: its digest is {wait.key[:12]}, and the "
            f"answer has {digest[:32]}",
            f"look at the question again: nika answer {recorded.run.id} {node}",
        )
    try:
        payload = checked_payload(
            workspace, check_answer(question, answer, workspace.limits.counts.get(LimitKind.JSON_DEPTH)), "answer"
        )
    except AnswerError as error:
        fields = "" if question.form is None else "; give each field with -i FIELD=VALUE"
        raise UsageError(
            f"the answer does not fit the question of '{node}': {error}",
            code=codes.BAD_INPUT,
            hint=f"the question is still open{fields}",
        ) from None
    if wait.received is None:
        refuse_ended(recorded, node, history, now)
    # Its task may be at work again, and ask something else next.
    return write_signal(journal, recorded, node, history, payload, sender_here(how), now, "answer", wait.key)
