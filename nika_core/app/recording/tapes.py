"""The tape of a run: a recorder, or a replayer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nika_core.app.mocked_answers import MockedAnswers
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.recording.recorder import Recorder
from nika_core.app.recording.replayer import Replayer
from nika_core.app.recording.requests import Requests
from nika_core.app.recording.stand_ins import StandIns
from nika_core.app.run_folder import RunFolder
from nika_core.engine.core.ports import ModelCaller
from nika_core.engine.task.tape import Tape
from nika_core.model.state import RunResult


class RunTape(Tape, Protocol):
    """What records or replays one run.

    Attributes:
        replays: whether nothing is called.
    """

    replays: bool

    @property
    def missing(self) -> list[str]:
        """What was asked of a recording that does not have it, a message each."""
        ...

    def on(self, caller: ModelCaller) -> ModelCaller:
        """Return a caller whose calls go by way of this tape."""
        ...

    def gaps(self, result: RunResult) -> Sequence[str]:
        """Return what the user should know of what the recording does not have, since it did not run."""
        ...

    def finish(self) -> str:
        """Write what was recorded, at the end of the run; return what the user should know if that fails, else ""."""
        ...


def tape_of(prepared: PreparedRun, folder: Callable[[], RunFolder], answers: MockedAnswers | None) -> RunTape | None:
    """Return what records or replays a run; None: neither was asked for."""
    options = prepared.options
    requests, stand_ins = Requests(prepared, folder), StandIns(options.outputs or {}, options.errors or {})
    if options.replays:
        return Replayer(options.recording, stand_ins, requests, answers)
    return None if options.record is None else Recorder(options.record, prepared.workflow.name, requests, stand_ins)
