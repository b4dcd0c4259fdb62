"""Runs on a backend, from the machine that submits them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nika_core import codes
from nika_core.app.backend.definition import definition_of
from nika_core.app.backend.earlier_run import EarlierRun
from nika_core.app.backend.kernel import Kernel
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.signalling import checked_payload
from nika_core.app.workspace import Workspace
from nika_core.errors import UsageError
from nika_core.journal import new_run_id
from nika_core.model.events import KINDS, Event
from nika_core.model.ids import NodeId, top_task
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind
from nika_core.model.question import AnswerError, OpenQuestion, check_answer, is_question, question_of
from nika_core.model.state import RunResult, RunStatus, TaskResult
from nika_core.plugin import BackendDescription, BackendSetup, Submission
from nika_core.registry import Kind, Registry
from nika_core.registry.loading import make_guarded

if TYPE_CHECKING:
    from nika_core.registry.guarded_backend import GuardedRunBackend

_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*)://")


def open_backend(
    workspace: Workspace, url: str, *, shared: Path | None = None, notice: Callable[[str], None] | None = None
) -> GuardedRunBackend:
    """Return the backend of a URL. Raise UsageError or PluginError if there is none.

    Args:
        shared: a folder that all machines share, with the same path.
        notice: shows the user a sentence.
    """
    match = _URL.match(url)
    words = workspace.registry.words(Kind.BACKEND)
    examples = [_description(workspace.registry, word).example or f"{word}://..." for word in words]
    there = f"there are: {', '.join(examples)}" if words else "no backend is installed; one is nika-backend-temporal"
    if match is None:
        raise UsageError(f"{url!r} is not the address of a backend", code=codes.USAGE, hint=there)
    if match[1] not in words:
        raise UsageError(f"no installed backend has addresses that begin with {match[0]}", code=codes.USAGE, hint=there)
    if shared is not None and not shared.is_dir():
        raise UsageError(f"--shared: there is no folder {str(shared)!r}", code=codes.USAGE)
    setup = BackendSetup(
        url=url,
        environ=workspace.environ,
        kernel=Kernel(workspace),
        shared=None if shared is None else str(shared.absolute()),
        notice=notice,
    )
    record = workspace.registry.record(Kind.BACKEND, match[1])
    backend: GuardedRunBackend = make_guarded(record, _description(workspace.registry, match[1]), "backend", setup)
    return backend


def _description(registry: Registry, word: str) -> BackendDescription:
    description = registry.description(registry.record(Kind.BACKEND, word))
    assert isinstance(description, BackendDescription)
    return description


def submission_of(
    prepared: PreparedRun, *, url: str | None = None, shared: Path | None = None, earlier: EarlierRun | None = None
) -> Submission:
    """Return a run to be submitted. Raise NikaError if something of it cannot travel.

    Args:
        url: the address of the backend, for the commands that people are told.
        earlier: the run that it resumes.
    """
    if earlier is not None:
        earlier.check(prepared.workflow)
    run_id = new_run_id(prepared.workspace.clock.time())
    definition = definition_of(prepared, run_id, None if shared is None else str(shared.absolute()), earlier, url)
    registry = prepared.workspace.registry
    words = dict.fromkeys(task.keyword for each in prepared.everywhere() for task in each.workflow.tasks)
    needed = [word for word in words if not (registry.keyword(word).in_place or _is_group(prepared, word))]
    return Submission(run_id=run_id, workflow=prepared.workflow.name, definition=definition, keywords=tuple(needed))


def _is_group(prepared: PreparedRun, word: str) -> bool:
    tasks = [task for each in prepared.everywhere() for task in each.workflow.tasks if task.keyword == word]
    return all(task.inner is not None for task in tasks)


def event_of(run_id: str, data: JsonObject) -> Event:
    """Return an event of a `RunUpdate`."""
    return Event(data["seq"], run_id, data["at"], KINDS.get(data["kind"], data["kind"]), data["task"], data["data"])


def paused_result(run_id: str, workflow: str, waiting: tuple[JsonObject, ...]) -> RunResult:
    """Return the result of a run that goes on when something comes that it waits for."""
    questions = waiting_questions(run_id, workflow, waiting)
    asked = {question.task for question in questions}
    others = tuple(
        TaskResult(wait["task"], wait.get("keyword", ""), "cancelled", waits_for=wait["about"])
        for wait in waiting
        if wait["task"] not in asked
    )
    return RunResult(run_id, workflow, RunStatus.PAUSED, others, questions=questions)


def waiting_questions(run_id: str, workflow: str, waiting: tuple[JsonObject, ...]) -> tuple[OpenQuestion, ...]:
    """Return the questions among what a run waits for."""
    return tuple(
        OpenQuestion(
            run_id=run_id,
            workflow=workflow,
            run_status="running",
            task=wait["task"],
            question=question_of(wait["about"]),
            digest=wait["key"],
            since=wait["since"],
            deadline=wait.get("deadline"),
        )
        for wait in waiting
        if is_question(wait.get("about") or {})
    )


def answer_signal(workspace: Workspace, asked: OpenQuestion, answer: Json, sender: str) -> JsonObject:
    """Return the signal that answers a question. Raise UsageError if the answer does not fit."""
    try:
        payload = check_answer(asked.question, answer, workspace.limits.counts.get(LimitKind.JSON_DEPTH))
    except AnswerError as error:
        fields = "" if asked.question.form is None else "; give each field with -i FIELD=VALUE"
        raise UsageError(
            f"the answer does not fit the question of '{asked.task}': {error}",
            code=codes.BAD_INPUT,
            hint=f"the question is still open{fields}",
        ) from None
    values: dict[str, Any] = {"node": asked.task, "key": asked.digest, "payload": payload, "sender": {"by": sender}}
    return values


def plain_signal(
    workspace: Workspace, node: str, payload: Json, definition: JsonObject, wait: JsonObject | None, sender: str
) -> JsonObject:
    """Return a signal for a task. Raise UsageError if the task asks a question, or there is none such.

    Args:
        definition: of the run.
        wait: what the task waits for; None: nothing yet.
    """
    if wait is not None and is_question(wait.get("about") or {}):
        raise UsageError(
            f"'{node}' asks a question",
            code=codes.SIGNAL_REFUSED,
            hint=f"answer it: nika answer {definition['run']} {node}",
        )
    tasks = [task.id for task in Kernel(workspace).opened(definition).workflow.tasks]
    if wait is None and top_task(NodeId(node)) not in tasks:
        raise UsageError(
            f"the run {definition['run']} has no task '{node}'", hint=f"its tasks: {', '.join(tasks[:10])}"
        )
    payload = checked_payload(workspace, payload)
    key = "" if wait is None else wait["key"]
    return {"node": node, "key": key, "payload": payload, "sender": {"by": sender}}
