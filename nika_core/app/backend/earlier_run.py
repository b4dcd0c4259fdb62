"""A run on a backend that is resumed: a new run begins, and reuses what the earlier one has finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from nika_core import codes
from nika_core.app.resuming import check_node, node_of
from nika_core.app.run_options import RunOptions
from nika_core.errors import UsageError
from nika_core.model.events import KINDS, Event, EventKind
from nika_core.model.ids import NodeId
from nika_core.model.json import JsonObject
from nika_core.model.workflow import Workflow
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """See the module.

    Attributes:
        run_id: the earlier run.
        options: those that it was started with, some replaced.
        path: the workflow's file on this machine.
        events: of the earlier run and of those that it had resumed itself, as JSON.
        rerun_from: run this node and all that depends on it again.
    """

    run_id: str
    options: RunOptions
    path: Path
    events: tuple[JsonObject, ...]
    rerun_from: NodeId | None = None

    @classmethod
    def of(
        cls,
        definition: JsonObject,
        events: Iterable[JsonObject],
        *,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        rerun_from: str | None = None,
        workflow: Path | None = None,
    ) -> Self:
        """Return the run of a definition.

        Args:
            events: of the run itself.
            inputs, timeout, workflow: in place of the earlier ones.

        Raises:
            UsageError: its workflow is not on this machine, an event is missing, or `rerun_from` is not an id.
        """
        events = tuple(events)
        _require_whole(definition["run"], events)
        options = {**definition["options"]}
        if timeout is not None:
            options["timeout"] = timeout
        path = workflow or Path(definition.get("path", ""))
        if not path.is_file():
            raise UsageError(
                f"the workflow of run {definition['run']} is not on this machine: {path}",
                code=codes.NOT_RESUMABLE,
                hint=f"nika resume {definition['run']} --workflow FILE",
            )
        all_inputs = {**definition["inputs"], **(inputs or {})}
        before = (definition.get("earlier") or {}).get("events", ())
        return cls(
            definition["run"],
            RunOptions(inputs=all_inputs, **options),
            path.absolute(),
            (*before, *events),
            node_of(rerun_from),
        )

    def check(self, workflow: Workflow) -> None:
        """Raise UsageError if `rerun_from` names what neither the workflow nor the earlier run has."""
        check_node(self.rerun_from, workflow, self.run_id, earlier_events({"earlier": self.as_json()}))

    def as_json(self) -> JsonObject:
        """Return what a definition has of it."""
        return {"run": self.run_id, "events": list(self.events), "from": self.rerun_from}


def _require_whole(run: str, events: Sequence[JsonObject]) -> None:
    """Raise UsageError if an event is missing: what was done then would be done, and paid for, again."""
    gap = next((before for before, event in enumerate(events) if event["seq"] != before + 1), None)
    if gap is not None or not any(event["kind"] == EventKind.RUN_FINISHED for event in events):
        after = len(events) if gap is None else gap
        raise UsageError(
            f"what the run {run} did after its event {after} is not known, so it would be done and paid for again",
            code=codes.NOT_RESUMABLE,
            hint="start a worker of the version with which the run began, and try again",
        )


def earlier_events(definition: JsonObject) -> tuple[Event, ...]:
    """Return the events of the run that a definition resumes."""
    earlier = definition.get("earlier") or {"events": ()}
    return tuple(
        Event(number, earlier["run"], data["at"], KINDS.get(data["kind"], data["kind"]), data["task"], data["data"])
        for number, data in enumerate(earlier["events"], 1)
    )
