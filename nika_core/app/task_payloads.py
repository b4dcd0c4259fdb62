"""What a task of a recorded run was given: its payload after its references were filled in, as far as it can be told.

History has the hash of a payload and not the payload. It is made again from what the run was started with and from the
outputs of the tasks before it, and shown only if its hash is the recorded one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nika_core.app.inner_runs import inner_requests
from nika_core.app.own_runs import is_own
from nika_core.app.prepared_run import PreparedRun, prepare_run
from nika_core.app.rendering import rendering
from nika_core.app.results import TaskPayload
from nika_core.app.resuming import recorded_options_of
from nika_core.app.run_folder import RunFolder
from nika_core.app.task_reasons import no_such_task
from nika_core.app.trust import trusted_by_variable
from nika_core.app.workspace import Workspace
from nika_core.document.checks.check_context import depends_on
from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.retracing import Retraced, retrace
from nika_core.engine.core.run_plan import RunRequest
from nika_core.engine.core.task_usage import with_identity
from nika_core.engine.local.run_plan import run_plan
from nika_core.engine.local.services import Services
from nika_core.errors import NikaError, UsageError
from nika_core.journal import Journal, Recorded
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import NodeId, node_id_of
from nika_core.model.json import JsonObject
from nika_core.model.limits import LimitKind, Limits
from nika_core.registry import Kind
from nika_core.values import replace

_COUNTS: Final = frozenset({LimitKind.ITEMS, LimitKind.NODES})  # the run has kept to them
_NAMED: Final = 5  # tasks in a message
_AT_ONCE: Final = 64  # payloads that are made at once, if the run is not bounded


def task_payload(workspace: Workspace, journal: Journal, run: str, task: str) -> TaskPayload:
    """Return what a task was given. Raise JournalError, and UsageError if the run has no such task."""
    try:
        node = node_id_of(task)
    except ValueError as error:
        raise UsageError(str(error)) from None
    recorded = journal.load(run, lazy=True)
    with journal.damage_told(recorded.run.id):
        began = _began(recorded.events, node)
        if began is None and not any(event.task == node for event in recorded.events):
            raise no_such_task(recorded, node)
        problem = _why_not_made(workspace, journal, recorded, began)
        if began is None or problem:
            return TaskPayload(recorded.run.id, node, None, problem)
        try:
            payload, problem = _made_again(workspace, journal, recorded, node, began)
        except NikaError as error:
            payload, problem = None, f"the run cannot be prepared here any more: {workspace.masker.text(error.message)}"
    return TaskPayload(recorded.run.id, node, payload, problem)


def _began(events: Iterable[Event], node: NodeId) -> Mapping[str, Any] | None:
    """Return the data of a node's last start, or of the result that was taken in its place; None: it has not begun."""
    began: dict[str, Mapping[str, Any]] = {}  # by identity: in a resumed run, an item may have another place
    last = ""
    for event, identity in with_identity(events):
        if event.task == node:
            last = identity
        started = event.kind is EventKind.TASK_STARTED and event.data.get("attempt", 1) == 1
        if started or "cachedFrom" in event.data:
            began[identity] = event.data
    return began.get(last)


def _why_not_made(workspace: Workspace, journal: Journal, recorded: Recorded, began: Mapping[str, Any] | None) -> str:
    if began is None:
        return "it has not begun, so it was given nothing"
    if "group" in began:
        return "it stands for others, each of which was given something of its own"
    if not began.get("payload"):
        return "the history does not say what it was given"
    own = is_own(recorded.info, journal, recorded.run.id)
    if not own and trusted_by_variable(workspace.environ, journal.path) is not True:
        return "the run was not recorded here by you, so nothing of it is made again"
    return ""


def _made_again(
    workspace: Workspace, journal: Journal, recorded: Recorded, node: NodeId, began: Mapping[str, Any]
) -> tuple[JsonObject | None, str]:
    """Return the payload, or why there is none. Raise NikaError."""
    info = recorded.info
    options = recorded_options_of(recorded, {}, None)
    text = info.document.encode("utf-8", "replace")
    loaded = workspace.load(Path(info.path), text=text, model=options.model)
    prepared = prepare_run(workspace, loaded, options, elsewhere=True)  # no model is called: no key is needed
    folder = RunFolder(journal.run_folder(recorded.run.id), makes=False)
    plan = run_plan(_request(prepared, recorded.run.id), _services(prepared, folder))
    plan = replace(plan, max_concurrent=plan.max_concurrent or _AT_ONCE)
    found = retrace(plan, recorded.events, node)
    if found.call is None:
        return None, _why_not_reached(found)
    for part in ("definition", "payload"):
        if found.started.get(part) != began.get(part):
            return None, _why_another(part, found)
    return _shown(prepared, found.call), ""


def _request(prepared: PreparedRun, run_id: str) -> RunRequest:
    only = prepared.options.only
    limits = Limits(limit for limit in prepared.limits if limit.measure not in _COUNTS)
    return RunRequest(
        run_id=run_id,
        workflow=prepared.workflow,
        graph=prepared.graph,
        limits=limits,
        inputs=prepared.inputs,
        environ=prepared.workspace.environ,
        agent=prepared.agent,
        inner=inner_requests(prepared, None),
        no_slot=prepared.asking,
        files=prepared.files,
        sections=prepared.sections,
        fail_fast=prepared.options.fail_fast,
        only=None if only is None else only.task,
        taken={} if only is None else only.taken,
    )


def _services(prepared: PreparedRun, folder: RunFolder) -> Services:
    catalog = prepared.workspace.registry
    render, resolve = rendering(prepared, folder)
    return Services(
        keyword=catalog.keyword,
        step=catalog.new_step,
        facets=catalog.facets,
        render=render,
        resolve=resolve,
        depends_on=lambda placeholder: depends_on(catalog, placeholder),
        settings=prepared.workspace.settings,
        distribution=lambda word: catalog.record(Kind.KEYWORD, word).distribution,
    )


def _why_not_reached(found: Retraced) -> str:
    if found.without_output:
        return f"the output of {_named(found.without_output)}, which it depends on, is not in the history"
    return "what the run's history has does not lead to it"


def _why_another(part: str, found: Retraced) -> str:
    """Say why what was made is not what the task was given."""
    if found.without_output:
        return f"it cannot be made again: history does not have the output of {_named(found.without_output)}"
    if part == "definition":
        return "it cannot be made again: a file of the workflow, the project file or a plugin is another one now"
    return "it cannot be made again: a secret, an environment variable or a file that it reads has another value now"


def _named(tasks: Sequence[str]) -> str:
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    return ", ".join(f"`{task}`" for task in tasks[:_NAMED]) + more


def _shown(prepared: PreparedRun, call: TaskCall) -> JsonObject:
    """Return the payload as it may be shown."""
    shown: JsonObject = prepared.masker.json(prepared.workspace.registry.facets(call.keyword).redact(call.payload))
    return shown
