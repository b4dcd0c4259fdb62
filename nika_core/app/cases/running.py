"""Running the cases of a test file: replayed, or for real to record them anew."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

from nika_core import codes
from nika_core.app.admission import check_admission
from nika_core.app.cases.checking import CaseRun, Unmet
from nika_core.app.cases.judging import Judge
from nika_core.app.execution import Execution, carry_out
from nika_core.app.forecasting import forecast
from nika_core.app.prepared_run import PreparedRun, prepare_run
from nika_core.app.recording.recording import Recording, check_folder
from nika_core.app.run_options import RunOptions
from nika_core.app.workspace import Workspace
from nika_core.document import LoadedWorkflow
from nika_core.document.reading.cases_file import check_nodes
from nika_core.errors import NikaError, Problem, ProblemsError, UsageError, exit_code_of
from nika_core.model.cases import CasesFile, Expects, WorkflowCase
from nika_core.model.events import Event
from nika_core.model.ids import node_id_of, top_task
from nika_core.model.state import RunResult
from nika_core.model.usage import NOTHING, Usage
from nika_core.template.json_check import import_validator
from nika_core.values import dataclass, field


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case ended.

    Attributes:
        file: the test file.
        case: the case.
        unmet: what was not as expected.
        problems: why it could not be run, or what it asked for that was not recorded.
        result: the run; None: nothing ran.
        usage: what was really spent: nothing, unless it was recorded anew.
        seconds: how long it took.
    """

    file: Path
    case: WorkflowCase
    unmet: tuple[Unmet, ...] = ()
    problems: tuple[Problem, ...] = ()
    result: RunResult | None = field(default=None, repr=False)
    usage: Usage = NOTHING
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.unmet and not self.problems


@dataclass(frozen=True, slots=True)
class UpdateForecast:
    """What it would cost to record cases anew.

    Attributes:
        cases: how many cases have a recording.
        cost_low, cost_high: US dollars; None: not bounded.
        unpriced: models whose price is not known: their cost is in neither.
    """

    cases: int
    cost_low: float
    cost_high: float | None
    unpriced: tuple[str, ...] = ()


class FileRun:
    """Runs the cases of one file."""

    def __init__(
        self,
        cases: CasesFile,
        recordings: dict[Path, Recording],
        environ: Mapping[str, str] | None,
        plugins: Iterable[object],
    ) -> None:
        """Load the workflow. Raise ProblemsError if it is invalid, or a case names a task that it does not have.

        Args:
            recordings: those that are open, by their folders: files may share one.
            environ, plugins: as for a run.
        """
        self.cases = cases
        self._workspace = Workspace.open(cases.workflow, environ=environ, plugins=tuple(plugins))
        self._loaded: LoadedWorkflow = self._workspace.load(cases.workflow)
        if self._loaded.workflow is None or exit_code_of(self._loaded.problems):
            raise ProblemsError(self._loaded.problems)
        check_nodes(cases, [task.id for task in self._loaded.workflow.tasks], lambda name: top_task(node_id_of(name)))
        self._recordings = recordings

    async def replay(self, case: WorkflowCase) -> CaseResult:
        """Run a case; nothing is called. Raises nothing that is wrong with the case."""
        return await self._run(case, update=False)

    async def record(self, case: WorkflowCase) -> CaseResult:
        """Run a case for real, and record it; one without a recording is replayed as always."""
        return await self._run(case, update=case.recording is not None)

    def forecast(self) -> UpdateForecast:
        """Return what it would cost at least and at most to record all cases. Raise NikaError. Nothing is called."""
        recorded = [case for case in self.cases.cases if case.recording is not None]
        found = [forecast(self._prepared(case, update=True)) for case in recorded]
        low = sum(float(each.cost_low or 0) for each in found)
        bounded = all(each.cost_high is not None for each in found)
        high = sum(float(each.cost_high or 0) for each in found) if bounded else None
        return UpdateForecast(
            len(recorded), low, high, tuple(dict.fromkeys(one for each in found for one in each.unpriced))
        )

    # ---- one case

    async def _run(self, case: WorkflowCase, *, update: bool) -> CaseResult:
        begun = time.monotonic()
        try:
            prepared = self._prepared(case, update=update)
            check_admission(prepared)
            if update and case.recording is not None:
                check_folder(case.recording, prepared.workflow.name)
            result, unmet, missing, usage = await self._checked(case, prepared, update=update)
        except ProblemsError as error:
            return CaseResult(self.cases.path, case, problems=error.problems, seconds=time.monotonic() - begun)
        except NikaError as error:
            return CaseResult(self.cases.path, case, problems=(error.problem(),), seconds=time.monotonic() - begun)
        seconds = time.monotonic() - begun
        problems = tuple(Problem(codes.NOT_RECORDED, text, case.place, _UPDATE) for text in missing)
        # What follows from a request that was not recorded is not worth a word.
        return CaseResult(self.cases.path, case, () if problems else unmet, problems, result, usage, seconds)

    def _prepared(self, case: WorkflowCase, *, update: bool) -> PreparedRun:
        given: dict[str, Any] = {"inputs": case.inputs, "answers": case.answers, "outputs": case.outputs}
        given["errors"] = case.errors
        if update:
            options = RunOptions(**given, record=case.recording)
        else:
            options = RunOptions(**given, mock=True, recording=self._recording(case))
        return prepare_run(self._workspace, self._loaded, options)

    def _recording(self, case: WorkflowCase) -> Recording | None:
        folder = case.recording
        if folder is None:
            return None
        folder = Path(os.path.normpath(folder))
        if folder not in self._recordings:
            try:
                self._recordings[folder] = Recording.open(folder)
            except UsageError as error:
                error.place = error.place or case.place
                error.hint = _UPDATE if not os.path.lexists(folder) else error.hint
                raise
        return self._recordings[folder]

    async def _checked(
        self, case: WorkflowCase, prepared: PreparedRun, *, update: bool
    ) -> tuple[RunResult, tuple[Unmet, ...], tuple[str, ...], Usage]:
        events: list[Event] = []
        execution = Execution(prepared, None, [events.append])
        result = await carry_out(execution)  # if it is interrupted, what has run is recorded
        judge = Judge(prepared)
        ended = CaseRun(result, events)
        unmet: list[Unmet | None] = []
        for each in case.expect:
            if each.about is Expects.JUDGE:
                value = ended.value(each)
                found = Unmet(each, value) if isinstance(value, str) else await judge.unmet(each, value[0])
            else:
                if each.about is Expects.SCHEMA:
                    await import_validator()
                found = ended.unmet(each)
            unmet.append(found)
        spent = result.usage + judge.usage if update else NOTHING
        return result, tuple(filter(None, unmet)), execution.not_recorded, spent


_UPDATE = "record it: nika test --update"


async def run_cases(runs: Iterable[FileRun], *, update: bool = False) -> AsyncIterator[CaseResult]:
    """Yield how each case of these files ended, as it ends."""
    for each in runs:
        for case in each.cases.cases:
            yield await (each.record(case) if update else each.replay(case))
