"""One run: the engine with everything that it needs, and the history that is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from nika_core.app.answering import open_questions, send_answer
from nika_core.app.batchable_tasks import BatchableTasks
from nika_core.app.default_output import passed_over
from nika_core.app.earlier_answers import EarlierAnswers
from nika_core.app.inner_runs import inner_requests
from nika_core.app.mocked_answers import answers_of, unused_answers
from nika_core.app.own_runs import signed
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.question_notices import QuestionNotices, question_notices
from nika_core.app.received_signals import ReceivedSignals, TakeSignals, arrived_of
from nika_core.app.results import SentSignal
from nika_core.app.run_folder import RunFolder
from nika_core.app.run_info import run_info
from nika_core.app.run_observers import RunObservers
from nika_core.app.run_policies import RunPolicies, run_policies
from nika_core.app.run_processes import end_processes, give_process_to
from nika_core.app.run_services import run_services
from nika_core.app.signalling import sender_here
from nika_core.app.watchdogs import loop_watchdog
from nika_core.engine.core.grants import granted_in
from nika_core.engine.core.messages import PATIENCE_OVER, Signal
from nika_core.engine.core.ports import InMemoryCallCache
from nika_core.engine.core.previous_tasks import PreviousTask, previous_tasks
from nika_core.engine.core.run_plan import RunRequest
from nika_core.engine.core.task_usage import usage_by_task
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.recorded_usage import charge_earlier
from nika_core.engine.local.host import Run
from nika_core.engine.local.services import EventListener, Services
from nika_core.engine.task.services import nothing_arrived
from nika_core.errors import JournalError
from nika_core.journal import Journal, RunRecorder, new_run_id
from nika_core.model.approval import ToolGrant
from nika_core.model.events import Event
from nika_core.model.ids import NodeId
from nika_core.model.json import Json
from nika_core.model.state import RunResult, RunStatus
from nika_core.model.trace_context import TraceContext
from nika_core.model.usage import Usage
from nika_core.values import replace

if TYPE_CHECKING:
    from nika_core.app.recording.tapes import RunTape
    from nika_core.app.result_cache import RunCache

_HERE: Final = "the run's terminal"


class Execution:
    """One run of one workflow. Await `run` once; call `cancel` from the same event loop.

    Attributes:
        warnings: what the user should know about the run's history, after it has ended.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        journal: Journal | None = None,
        observers: Iterable[EventListener] = (),
        *,
        on_stall: Callable[[str], None] | None = None,
        signals: TakeSignals | None = None,
        attended: bool = False,
        owns_process: bool = False,
    ) -> None:
        """Prepare to run; nothing happens yet.

        Args:
            journal: where the run's history is kept; a resumed run keeps its own.
            on_stall: called from another thread with a sentence when a plugin blocks the event loop.
            signals: returns what tasks that wait are given, in place of the history's signals.
            attended: a person is shown questions while the run goes on, and it stays for the answers.
            owns_process: this process is there for the run alone: what is started in it ends with the run.
        """
        resumed = prepared.resumed
        self._prepared = prepared
        self._journal = journal if resumed is None else resumed.journal
        self._observers = list(observers)
        self._recorded = None if resumed is None else resumed.recorded
        self._on_stall = on_stall
        self._signals = signals
        self._attended = attended
        self._owns_process = owns_process and not prepared.options.mock
        self._budget = Budget(prepared.bounds)
        self._previous: Mapping[str, PreviousTask] = {}
        self._grants: tuple[ToolGrant, ...] = ()
        self._run: Run | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._batchable = BatchableTasks(prepared) if prepared.options.economy else None
        self._cancelled: str | None = None
        self._log: RunRecorder | None = None
        self._gone = False
        self._over = False
        self._of_another = False  # the result is that of an earlier run, which has the same key
        self._folder = RunFolder(None)
        self._earlier_answers = EarlierAnswers(())
        self._answers = answers_of(prepared.options)
        self._tape: RunTape | None = None
        if prepared.options.replays or prepared.options.record is not None:
            from nika_core.app.recording.tapes import tape_of  # other runs do without the import

            self._tape = tape_of(prepared, lambda: self._folder, self._answers)
        self._notices: QuestionNotices | None = None
        self._policies: RunPolicies | None = None
        self._cache: RunCache | None = None
        self.warnings: list[str] = []

    @property
    def not_recorded(self) -> tuple[str, ...]:
        """What a run that replays a recording has asked for and the recording does not have, a message each."""
        return () if self._tape is None else tuple(self._tape.missing)

    @property
    def resumable(self) -> bool:
        """Whether the run can be resumed."""
        return self._of_another or (self._log is not None and not self._gone)

    def cancel(self, reason: str) -> None:
        """Start no more tasks and cancel those that run; called again, stop waiting for them.

        A run in which a task waits for something outside is paused, not cancelled.
        """
        if self._cancelled is not None and self._notices is not None:
            self._notices.abandon()
        self._cancelled = reason
        if self._journal is not None:
            self._journal.hurry()
        if self._run is not None:
            self._run.cancel(reason)

    def answer(self, task: str, answer: Json) -> SentSignal:
        """Answer a question of this run, from any thread: first into its history, then it is taken at once.

        Raise UsageError or JournalError as `nika_core.answer` does.
        """
        run, loop = self._run, self._loop
        assert run is not None
        assert loop is not None
        if self._log is None or self._journal is None:
            signal = Signal(NodeId(task), "", answer, {"by": sender_here(_HERE)})
            loop.call_soon_threadsafe(run.post, signal)
            return SentSignal(run.context.request.run_id, task, "running")
        with self._journal.again() as journal:
            sent = send_answer(self._prepared.workspace, journal, self._log.run_id, task, answer, how=_HERE)
        loop.call_soon_threadsafe(run.look_for_signals)
        return sent

    def leave_open(self) -> None:
        """Do not stay for the person who was asked: with nothing else to do, the run is paused. From any thread."""
        if self._run is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._run.post, PATIENCE_OVER)

    async def run(self) -> RunResult:
        """Run to the end. Raise JournalError if the recorded run cannot be resumed."""
        if self._on_stall is None:
            return await self._carry_out()
        records = tuple(self._prepared.workspace.registry.usable())
        with loop_watchdog(records, self._on_stall):
            return await self._carry_out()

    async def _carry_out(self) -> RunResult:
        self._loop = asyncio.get_running_loop()
        begun = await self._begun()
        if isinstance(begun, RunResult):
            return begun
        self._log = begun
        run_id = self._log.run_id if self._log else new_run_id(self._prepared.workspace.clock.time())
        self._folder = RunFolder(self._journal.run_folder(run_id) if self._log and self._journal else None)
        budget = self._budget
        if self._recorded is not None:
            await end_processes(run_id, of_a_killed_nika=True)
        if self._owns_process:
            give_process_to(run_id)
        try:
            if self._log is not None:
                self._notices = question_notices(self._prepared, run_id, self._recorded, attended=self._attended)
            if self._log is not None and self._journal is not None and self._prepared.caches:
                from nika_core.app.result_cache import result_cache  # other runs do without the import

                self._cache = result_cache(self._prepared, self._journal, self._notice)
            self._policies = run_policies(self._prepared, run_id, self._notice, partial(self._spent, budget))
            observing = RunObservers(self._prepared, run_id, self._recorded)
            services = self._services(budget, observing.trace)
            self._run = Run(self._request(run_id), services, [*self._observers, *observing.plugins])
            if self._batchable is not None and not self._batchable.tasks:
                self.warnings.append("--economy changed nothing: no task has a model with batches")
            for warning in self.warnings:  # now, while the user may still stop the run, and again at the end
                self._run.context.emitter.notice(warning)
            if self._cancelled is not None:
                self._run.cancel(self._cancelled)
            result = await self._result(self._run)
            self.warnings += [*observing.warnings(), *budget.ledger.overdrafts()]
            self.warnings += passed_over(self._prepared.workflow, result)
            self.warnings += unused_answers(self._answers, result)
            self.warnings += () if self._tape is None else self._tape.gaps(result)
            await self._finish(result)
            if result.status is RunStatus.PAUSED and self._journal is not None:
                with suppress(JournalError):  # `finish` has told it
                    result = replace(result, questions=open_questions(self._journal, run_id))
        finally:
            self.warnings += filter(None, [await end_processes(run_id)])
            if self._tape is not None:
                self.warnings += filter(None, [await asyncio.to_thread(self._tape.finish)])
            if self._cache is not None:
                self.warnings += filter(None, [await asyncio.to_thread(self._cache.close)])
            await asyncio.to_thread(self._close)
        return result

    async def _result(self, run: Run) -> RunResult:
        """Run to the end. The limit policies know of all that was spent before and after this."""
        policies, kept = self._policies, self._log or InMemoryCallCache()
        if policies is None:
            return await run.result()
        if self._recorded is not None:
            policies.settle_earlier(self._recorded.memo, kept)
        status = RunStatus.CANCELLED
        try:
            result = await run.result()
            status = result.status
            return result
        finally:
            self._over = True
            await policies.end(status.value, kept)

    def _spent(self, budget: Budget) -> Usage:
        """Return what the run has used in all its lives; of calls whose usage nobody knows, the most that it can be."""
        called = Usage(budget.ledger.spent_tokens, 0, budget.ledger.spent_usd)
        return called if self._run is None else called + self._run.context.own

    # ---- history

    async def _begun(self) -> RunRecorder | RunResult | None:
        """Begin; or return the result of the run that was started with the same key."""
        options = self._prepared.options
        if self._recorded is not None or (options.key is None and options.if_running is None):
            return await asyncio.to_thread(self._begin)  # it may wait for another process
        from nika_core.app.single_start import RunOfKey, begin_once  # others do without

        begun = await begin_once(
            self._prepared,
            self._journal,
            self._new_recorder,
            tell=self._on_stall,
            is_cancelled=lambda: self._cancelled is not None,
        )
        if not isinstance(begun, RunOfKey):
            return begun
        self.warnings += begun.notes
        self._of_another = True
        await asyncio.to_thread(self._close)
        return begun.result

    def _new_recorder(self) -> RunRecorder:
        """Begin a new run. Raise JournalError."""
        assert self._journal is not None
        info = run_info(self._prepared)
        run_id = new_run_id(info.started)
        return self._journal.begin(signed(info, self._journal, run_id), run_id, self._prepared.masker.text)

    def _begin(self) -> RunRecorder | None:
        if self._journal is None:
            return None
        mask = self._prepared.masker.text
        if self._recorded is not None:
            run_id = self._recorded.run.id
            log = self._journal.resume(run_id, mask, signed(run_info(self._prepared), self._journal, run_id))
            if log.position != self._recorded.position:  # another process has worked on it since it was read
                self._recorded = self._journal.load(run_id, lazy=True)
            self._recorded = replace(self._recorded, memo=log.kept_before())  # there may be more without an event
            try:
                with self._journal.damage_told(run_id):
                    events = self._recorded.events
                    spent = usage_by_task(events)
                    self._previous, self._grants = previous_tasks(events, spent), granted_in(events)
                    self._earlier_answers = EarlierAnswers(events)
                    charge_earlier(self._budget, spent, self._recorded.memo)
                    log.know(events)
            except JournalError:
                log.release()
                raise
            return log
        try:
            return self._new_recorder()
        except JournalError as error:
            self.warnings.append(f"this run has no history and cannot be resumed: {error.message} {error.hint or ''}")
            return None

    async def _finish(self, result: RunResult) -> None:
        if self._log is None:
            return
        if self._prepared.options.key is not None:
            from nika_core.app.single_start import keep_result  # others do without

            keep_result(self._log, result)
        try:
            await self._log.finish(result.status.value, self._prepared.workspace.clock.time())
            if self._journal is not None and not self._journal.exists:
                self.warnings.append(f"the run's history is gone: something has removed {self._journal.path}")
                self._gone = True
        except JournalError as error:
            self.warnings.append(f"the run's history is not complete: {error.message}")

    def _close(self) -> None:
        self._folder.close()
        if self._log is not None and not self._log.finished:
            self._log.release()
        if self._journal is not None:
            with suppress(JournalError):  # `finish` has told it
                self._journal.close()

    def _durable(self) -> int:
        """Return the number of the last durable event; called in an observer's thread, so that nothing else waits."""
        assert self._log is not None
        until = self._log.last_seq
        with suppress(JournalError):
            self._log.flush()
        return until

    # ---- what the engine is given

    def _request(self, run_id: str) -> RunRequest:
        prepared, batchable = self._prepared, self._batchable
        workflow = prepared.workflow if batchable is None else batchable.with_sending_time(prepared.workflow)
        return RunRequest(
            run_id=run_id,
            workflow=workflow,
            graph=prepared.graph,
            limits=prepared.limits,
            inputs=prepared.inputs,
            environ=prepared.workspace.environ,
            agent=prepared.agent,
            inner=inner_requests(prepared, batchable),
            no_slot=frozenset(batchable.inside() if batchable else ()) | prepared.asking,
            files=prepared.files,
            sections=prepared.sections,
            fail_fast=prepared.options.fail_fast,
            timeout=_shorter(prepared.options.timeout, prepared.workflow.timeout),
            can_pause=self._log is not None,
            previous=self._previous,
            grants=self._grants,
            only=None if (only := prepared.options.only) is None else only.task,
            taken={} if only is None else only.taken,
            cache=self._cache,
            rerun_from=None if prepared.resumed is None else prepared.resumed.rerun_from,
            seq=0 if self._recorded is None else self._recorded.seq,
        )

    def _services(self, budget: Budget, trace: TraceContext | None) -> Services:
        prepared, log = self._prepared, self._log
        services = run_services(
            prepared,
            budget,
            self._folder,
            notice=self._notice,
            policies=self._policies,
            batchable=self._batchable,
            answers=self._answers,
            tape=self._tape,
        )
        signals = self._signals
        arrived = nothing_arrived if signals is None else arrived_of(signals)
        if signals is None and log is not None:
            received = ReceivedSignals(log, self._earlier_answers, self._notice)
            signals, arrived = received.take, received.arrived
        services = replace(
            services,
            signals=signals,
            notices=self._notices,
            attended=self._attended,
            arrived=arrived,
            trace=trace,
        )
        if log is None:
            return services
        record = log.record if self._cache is None else partial(_record, log.record, self._cache.record)
        return replace(services, record=record, barrier=log.barrier, durable=self._durable, call_cache=log)

    def _notice(self, message: str, node: str | None = None) -> None:
        if self._run is None or self._over:  # nobody is shown events any more
            self.warnings.append(message)
        else:
            self._run.context.emitter.notice(message, node)


async def carry_out(execution: Execution) -> RunResult:
    """Await a run. Cancelling this cancels the run in good order; a second time, without waiting for what runs."""
    work = asyncio.ensure_future(execution.run())
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            execution.cancel("cancelled again by the program" if cancelled else "cancelled by the program")
            cancelled = True
    if cancelled:
        with suppress(BaseException):  # it is known why, and that it has ended
            work.result()
        raise asyncio.CancelledError
    return work.result()


def _record(
    record: Callable[[Sequence[Event]], None], keep: Callable[[Sequence[Event]], None], events: Sequence[Event]
) -> None:
    record(events)
    keep(events)


def _shorter(one: float | None, other: float | None) -> float | None:
    bounds = [seconds for seconds in (one, other) if seconds is not None]
    return min(bounds) if bounds else None
