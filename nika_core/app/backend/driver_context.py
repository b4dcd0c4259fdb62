"""What the driver of a run is made of: its plan, its events, and the steps that it runs in place."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, Final

from nika_core.app.backend.earlier_run import earlier_events
from nika_core.app.backend.in_place import run_in_place
from nika_core.app.backend.opening import run_folder
from nika_core.app.batchable_tasks import BatchableTasks
from nika_core.app.inner_runs import inner_requests
from nika_core.app.mocked_answers import answers_of
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.run_folder import RunFolder
from nika_core.app.run_services import run_services
from nika_core.engine.core.decisions_json import decision_json
from nika_core.engine.core.grants import granted_in
from nika_core.engine.core.messages import NO_LIMITS, AskDecision, CoreEvent, TaskCall, TaskEnded, TaskWaits
from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.engine.core.run_plan import RunRequest
from nika_core.engine.llm.budget import Budget
from nika_core.engine.local.observers import Observers
from nika_core.engine.local.run_context import RunContext
from nika_core.engine.local.run_plan import run_plan
from nika_core.journal.encoding import decode, encode
from nika_core.model.events import Event
from nika_core.model.json import JsonObject
from nika_core.registry import Kind
from nika_core.values import replace

_KEPT: Final = 20_000  # events that can still be shown; of a longer run the earliest are not
TOLD_TO_STOP: Final = "the run was cancelled"  # what a worker knows of the reason
_CARRIED: Final = 500  # of them, in a snapshot


class _DriverClock:
    """The backend's time. Nothing sleeps by it: waiting is an action of the driver."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def time(self) -> float:
        return self._now()

    def monotonic(self) -> float:
        return self._now()

    async def sleep(self, seconds: float) -> None:
        raise RuntimeError(
            f"nothing can wait {seconds:g} s where a run is driven: only a worker, or a timer of the run"
        )


class DriverContext:
    """See the module. `last_at`: the time of the last event."""

    def __init__(
        self,
        prepared: PreparedRun,
        definition: JsonObject,
        now: Callable[[], float],
        post: Callable[[CoreEvent], None],
    ) -> None:
        self._prepared = prepared
        self._now = now
        self.clock = _DriverClock(now)
        folder = RunFolder(run_folder(definition))
        services = run_services(
            prepared, Budget(prepared.bounds), folder, notice=self.notice, answers=answers_of(prepared.options)
        )
        services = replace(services, record=self._record, clock=self.clock, attended=True)
        request = run_request(prepared, definition)
        self.plan = run_plan(request, services)
        self._context = RunContext(request, services, Observers((), None), post)
        self.emitter = self._context.emitter
        self._events: deque[JsonObject] = deque(maxlen=_KEPT)
        self._seq = 0
        self.last_at = 0.0

    # ---- steps

    def in_place(self, call: TaskCall) -> TaskEnded | TaskWaits | None:
        """Run a step that only computes; None: it is another one, or cannot be run here."""
        keyword = self._prepared.workspace.registry.keyword(call.keyword)
        if not keyword.in_place or call.late:
            return None
        return run_in_place(self._context.task_services, call)

    def as_sent(self, call: TaskCall) -> TaskCall:
        """Return a call without what each machine knows by itself: the run's limits, and where its files lie."""
        folder = os.path.relpath(call.folder, self._prepared.workspace.project_folder)
        return call._replace(budgets=(), folder=folder, limits=NO_LIMITS)

    def calls_models(self, word: str) -> bool:
        """Return whether the steps of a keyword call models."""
        return self._prepared.workspace.registry.keyword(word).needs_provider

    @cached_property
    def notifies(self) -> bool:
        """Whether somebody is told of questions."""
        options, workspace = self._prepared.options, self._prepared.workspace
        return not options.mock and options.answers is None and bool(workspace.used(Kind.NOTIFIER))

    def stays_with(self, word: str) -> str:
        """Return what the tasks of a keyword share on a worker; "": nothing."""
        registry = self._prepared.workspace.registry
        return registry.record(Kind.KEYWORD, word).distribution if registry.keyword(word).same_worker else ""

    @staticmethod
    def decision_json(command: AskDecision) -> JsonObject:
        """Return a question to the main agent as JSON."""
        return decision_json(command)

    # ---- events

    def notice(self, message: str, node: str | None = None) -> None:
        """Tell the user something."""
        self.emitter.notice(message, node)

    def _record(self, events: Sequence[Event]) -> None:
        for event in events:
            self._add(event.kind, event.task, event.at, event.data)

    def _add(self, kind: str, task: str | None, at: float, data: Any) -> None:
        self._seq += 1
        self.last_at = at
        self._events.append({"seq": self._seq, "at": at, "kind": str(kind), "task": task, "data": decode(encode(data))})

    def add_events(self, events: Iterable[JsonObject]) -> None:
        """Take over what happened on a worker, as of now."""
        for event in events:
            self._add(event["kind"], event["task"], self._now(), event["data"])

    def events_after(self, number: int) -> list[JsonObject]:
        """Return the events after this number, as far as they are kept."""
        if not self._events:
            return []
        first = int(self._events[0]["seq"])
        return [self._events[index] for index in range(max(0, number + 1 - first), len(self._events))]

    def events_snapshot(self) -> JsonObject:
        """Return what a snapshot keeps of the events."""
        kept = list(self._events)[-_CARRIED:]
        return {"seq": self._seq, "events": kept}

    def restore_events(self, snapshot: JsonObject) -> None:
        """Take over what `events_snapshot` returned."""
        self._seq = snapshot["seq"]
        self._events.extend(snapshot["events"])


def batchable_in(prepared: PreparedRun, definition: JsonObject) -> BatchableTasks | None:
    """Return the tasks that may wait for a batch; None: none does."""
    tasks = definition.get("batchable")
    return None if tasks is None else BatchableTasks(prepared, tasks)


def run_request(prepared: PreparedRun, definition: JsonObject) -> RunRequest:
    """Return what the engine is given of a run on a backend."""
    earlier = earlier_events(definition)
    batchable = batchable_in(prepared, definition)
    workflow = prepared.workflow if batchable is None else batchable.with_sending_time(prepared.workflow)
    bounds = [each for each in (prepared.options.timeout, prepared.workflow.timeout) if each is not None]
    return RunRequest(
        run_id=definition["run"],
        workflow=workflow,
        graph=prepared.graph,
        limits=prepared.limits,
        inputs=prepared.inputs,
        environ=definition["environ"],
        agent=prepared.agent,
        inner=inner_requests(prepared, batchable),
        no_slot=frozenset(batchable.inside() if batchable else ()) | prepared.asking,
        files=prepared.files,
        sections=prepared.sections,
        fail_fast=prepared.options.fail_fast,
        timeout=min(bounds) if bounds else None,
        can_pause=False,
        previous=previous_tasks(earlier) if earlier else {},
        grants=granted_in(earlier),
        rerun_from=(definition.get("earlier") or {}).get("from"),
    )
