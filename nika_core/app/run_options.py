"""What a caller adds to a workflow for one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nika_core.model.workflow import Workflow
from nika_core.values import dataclass, field, replace

if TYPE_CHECKING:
    from nika_core.app.only_task import OnlyTask
    from nika_core.app.recording.recording import Recording
    from nika_core.app.single_start import IfRunning


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a caller adds to a workflow. None: the workflow, the project or the limits decide.

    Attributes:
        timeout: seconds for the whole run; None: no bound.
        answers: to questions, by task, for a mocked run.
        record: the folder in which what steps and models are given and give is recorded.
        recording: what they gave, in place of asking them; the run is a mocked one.
        errors: how tasks fail, by task, each a message or `{category, message, code}`; goes with `outputs`.
        outputs: what tasks give, by task, in place of doing them; unless the run is recorded, it is a mocked one.
        key: names this run: with the same key, no second one is started.
        if_running: what becomes of it if another run of the workflow is under way; None: it runs beside it.
        only: the one task that is run; the rest is taken from an earlier run.
        no_cache: no result of another run is taken, and none is kept, whatever `cache` says.
        refresh: no result of another run is taken; those of this one are kept.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    model: str | None = None
    max_concurrent: int | None = None
    timeout: float | None = None
    fail_fast: bool = False
    mock: bool = False
    economy: bool = False
    answers: Mapping[str, Any] | None = None
    record: Path | None = None
    recording: Recording | None = None
    outputs: Mapping[str, Any] | None = None
    errors: Mapping[str, Any] | None = None
    key: str | None = None
    if_running: IfRunning | None = None
    only: OnlyTask | None = None
    no_cache: bool = False
    refresh: bool = False

    def prepared(self, workflow: Workflow) -> Workflow:
        """Return a workflow as it is run: what replays a recording waits between no two rounds."""
        if not self.replays:
            return workflow
        tasks = tuple(
            replace(task, repeat=replace(task.repeat, every=0.0)) if task.repeat is not None else task
            for task in workflow.tasks
        )
        return replace(workflow, tasks=tasks)

    @property
    def replays(self) -> bool:
        """Whether something stands in for what tasks do."""
        return self.recording is not None or (
            self.record is None and (self.outputs is not None or self.errors is not None)
        )
