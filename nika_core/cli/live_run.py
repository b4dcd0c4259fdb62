"""Runs what is prepared, and shows how it goes and how it ended."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

import nika_core as nika
from nika_core.cli import owns_process
from nika_core.cli.annotations import annotate_failures
from nika_core.cli.console import is_live, mask_with, plain, print_data, print_json, print_message, style
from nika_core.cli.library_messages import catch_library_messages
from nika_core.cli.progress import ProgressLines, View, duration_text
from nika_core.cli.prompting import at_a_terminal
from nika_core.cli.waiting import answer_command_text, needs_signal, waits_for_text
from nika_core.errors import NikaError, Place
from nika_core.model.answer_line import shell_id
from nika_core.model.codec import result_json
from nika_core.model.events import Event
from nika_core.model.question import is_question
from nika_core.model.state import RunResult, RunStatus, SkipReason, TaskResult
from nika_core.model.text import time_text
from nika_core.model.usage import money_text, tokens_text

if TYPE_CHECKING:
    from nika_core.cli.live_questions import LiveQuestions

Observer: TypeAlias = Callable[[Event], object]
LOG_VARIABLE: Final = "NIKA_LOG"
_ENDING: Final = tuple(  # Ctrl-C, the system, a terminal that is closed
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_NAMED: Final = 5  # tasks that a line names
_NOT_STARTED: Final = "not started"
EXIT_CODES: Final = {RunStatus.SUCCEEDED: 0, RunStatus.FAILED: 1, RunStatus.PAUSED: 4, RunStatus.CANCELLED: 130}


def show_run(prepared: nika.PreparedRun, format_: str, verbose: int = 0, *, journal: bool = True) -> int:
    """Run what is prepared, print how it goes and how it ended, and return the exit code."""
    mask_with(prepared.masker)
    catch_library_messages()
    observers, view, close = observers_of(prepared, format_, verbose)
    questions = None
    if view is not None and format_ == "pretty" and at_a_terminal():
        from nika_core.cli.live_questions import LiveQuestions

        questions = LiveQuestions(view)
        observers.append(questions)
    try:
        execution = nika.start(
            prepared,
            journal=journal,
            on_event=observers,
            on_stall=print_warning,
            attended=questions is not None,
            owns_process=owns_process(),
        )
        if questions is not None:
            questions.attach(execution)
        result = nika.run_to_end(_with_signals(execution, questions))
    finally:
        if questions is not None:
            questions.close()
        close()
    print_result(result, format_, prepared, execution, told=() if view is None else view.told)
    return EXIT_CODES[result.status]


def print_warning(text: str) -> None:
    """Print a warning to stderr."""
    print_message(f"{style('warning', 'yellow')}: {plain(text)}", wrapped=True)


async def _with_signals(execution: nika.Execution, questions: LiveQuestions | None) -> RunResult:
    """Run; a first signal cancels in good order and keeps the history, a second one waits for nothing.

    While a person is asked, Ctrl-C leaves the question open.
    """
    loop = asyncio.get_running_loop()
    asked = 0

    def interrupt(number: int) -> None:
        nonlocal asked
        if number == signal.SIGINT and questions is not None and questions.leave():
            return
        asked += 1
        if asked == 1:
            print_message(
                style("interrupted: ending what is running (again: do not wait for it)", "yellow"), wrapped=True
            )
            execution.cancel("interrupted")
        else:
            execution.cancel("interrupted twice")

    for number in _ENDING:
        if number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup: the run has to outlive its terminal
        try:
            loop.add_signal_handler(number, interrupt, number)
        except NotImplementedError:  # Windows: only KeyboardInterrupt works
            break
    try:
        return await execution.run()
    except NikaError as error:
        if asked:  # before the run had begun: it waited for another one, or for the history, which another one held
            error.exit_code = EXIT_CODES[RunStatus.CANCELLED]
        raise


def observers_of(
    prepared: nika.PreparedRun, format_: str, verbose: int
) -> tuple[list[Observer], View | None, Callable[[], None]]:
    """Return the observers of the events, the view among them, and what to call at the end.

    A log on stderr replaces the progress.
    """
    found: list[Observer] = []
    if format_ == "jsonl":
        found.append(lambda event: print_json(nika.to_json(event), indent=None))
    style_of_log = prepared.workspace.environ.get(LOG_VARIABLE, "")
    if style_of_log or verbose > 1:
        from nika_core.cli.event_log import logging_observer

        found.append(logging_observer(style_of_log or "text", prepared.masker.text))
    elif format_ == "pretty" and is_live(sys.stderr):
        from nika_core.cli.live_view import LiveView

        live = LiveView(prepared.workflow, verbose=verbose, limits=prepared.limits)
        return [live], live, live.close
    elif format_ == "pretty" or verbose:
        lines = ProgressLines(prepared.workflow, verbose=verbose)
        return [*found, lines], lines, _nothing
    return found, None, _nothing


def _nothing() -> None:
    pass


def print_result(
    result: RunResult,
    format_: str,
    prepared: nika.PreparedRun,
    execution: nika.Execution | None = None,
    *,
    told: Collection[str] = (),
) -> None:
    """Print how a run ended.

    Args:
        execution: None if it was on a backend.
        told: the tasks whose failures were printed when they happened; those of others are printed now.
    """
    if format_ == "json":
        print_json(result_json(result, read=False))
    elif format_ == "jsonl":
        line = {"event": "result", "runId": result.run_id, "data": result_json(result, read=False)}
        print_json(line, indent=None, inside=3)
    else:
        _print_pretty(result, prepared, told)
    annotate_failures(result, prepared.workflow)
    if execution is None:
        return
    for warning in execution.warnings:
        print_warning(warning)
    if format_ == "pretty" and result.status is not RunStatus.SUCCEEDED and execution.resumable:
        print_message(f"to resume it: nika resume {result.run_id}")


def _waiting(tasks: Iterable[TaskResult]) -> Iterator[TaskResult]:
    """Yield what waits, of the tasks and of what is inside them."""
    for task in tasks:
        if task.waits_for is not None:
            yield task
        yield from _waiting(task.children)


def _nothing_has_changed(result: RunResult, prepared: nika.PreparedRun) -> bool:
    """Return whether the run had succeeded before, and nothing of it ran again."""
    if prepared.resumed is None or prepared.resumed.recorded.run.status != RunStatus.SUCCEEDED:
        return False
    return result.succeeded and all(_is_reused(task) or task.state == "skipped" for task in result.tasks)


def _is_reused(task: TaskResult) -> bool:
    """Return whether a task was reused: of a list, a loop or a workflow all that is in it."""
    inside = [each for each in task.children if each.state != "skipped"]
    return task.reused or (task.state == "success" and bool(inside) and all(map(_is_reused, inside)))


def _counts(result: RunResult) -> str:
    """Return how many tasks ended how; of those that failed, their names."""
    ended = Counter(map(_end, result.tasks))
    failed = [task.id for task in result.tasks if task.state == "failed"]
    names = ", ".join(failed[:_NAMED]) + (f", +{len(failed) - _NAMED} more" if len(failed) > _NAMED else "")
    stopped = "cancelled" if result.status is RunStatus.FAILED else "interrupted"
    reused = sum(_is_reused(task) and task.state == "success" for task in result.tasks)
    words = {"failed": f"failed ({names})", "cancelled": stopped}
    if reused:
        words["success"] = f"success ({reused} reused)"
    states = ("success", "failed", "waiting", "cancelled", "skipped", _NOT_STARTED)
    return ", ".join(f"{ended[state]} {words.get(state, state)}" for state in states if ended[state])


def _end(task: TaskResult) -> str:
    if any(_waiting((task,))):
        return "waiting"
    return _NOT_STARTED if task.skip_reason == SkipReason.RUN_CANCELLED else task.state


def _print_failures(result: RunResult, prepared: nika.PreparedRun, told: Collection[str]) -> None:
    """Print the failures that have not been told, and why tasks were cancelled if nobody asked for that."""
    places: dict[str, Place] = {task.id: task.place for task in prepared.workflow.tasks}
    stopped: dict[str, list[str]] = {}
    for task in result.tasks:
        if task.failure is None:
            continue
        if task.state == "cancelled":
            stopped.setdefault(task.failure.message, []).append(task.id)
        elif task.id not in told:
            message = f"[{task.failure.code}] {plain(task.failure.message)}"
            print_message(f"  {plain(str(places[task.id]))}: {style(task.id, 'bold')} {message}", wrapped=True)
            if task.failure.hint:
                print_message(f"    {style('hint', 'cyan')}: {plain(task.failure.hint)}", wrapped=True)
    if result.status is RunStatus.FAILED:
        for message, tasks in stopped.items():
            which = ", ".join(tasks) if len(tasks) <= _NAMED else f"{len(tasks)} tasks"
            print_message(f"  {which}: {plain(message)}", wrapped=True)


def _print_pretty(result: RunResult, prepared: nika.PreparedRun, told: Collection[str]) -> None:
    colour = {RunStatus.SUCCEEDED: "green", RunStatus.FAILED: "red"}.get(result.status, "yellow")
    parts = [f"{style(result.status.value, 'bold', colour)} in {duration_text(result.duration)}: {_counts(result)}"]
    if tokens := result.usage.total_tokens:
        parts.append(tokens_text(tokens, result.usage.cached_tokens, result.usage.cache_write_tokens))
    if result.usage.cost_usd:
        parts.append(money_text(float(result.usage.cost_usd)))
    if result.usage.saved_usd:
        parts.append(f"{money_text(float(result.usage.saved_usd))} saved by batches")
    if result.usage.unpriced:
        parts.append(f"unpriced: {plain(', '.join(result.usage.unpriced))}")
    print_message(", ".join(parts), wrapped=True)
    if _nothing_has_changed(result, prepared):
        print_message(
            "nothing has changed since the run succeeded, so no task ran; "
            f"to repeat a task and what depends on it: nika resume {result.run_id} --from TASK"
        )
    _print_failures(result, prepared, told)
    for asked in result.questions:
        expires = f" (expires at {time_text(asked.deadline)})" if asked.deadline is not None else ""
        message = waits_for_text({"message": asked.question.message})
        print_message(f"  {style(asked.task, 'bold')} asks: {message}{expires}", wrapped=True)
        print_message(f"    to answer: {plain(answer_command_text(asked))}")
    questions = {asked.task for asked in result.questions}
    for task in _waiting(result.tasks):
        assert task.waits_for is not None
        if task.id in questions:
            continue
        print_message(f"  {style(task.id, 'bold')} waits for {waits_for_text(task.waits_for)}")
        if is_question(task.waits_for):  # it would be in `result.questions` if the journal could be written
            print_message("    the question is not in the history, so it cannot be answered; resuming asks it again")
        elif needs_signal(task.waits_for):
            print_message(f"    to answer: nika signal {result.run_id} {shell_id(task.id)} JSON")
    if result.failure is not None:
        print_message(f"  [{result.failure.code}] {plain(result.failure.message)}", wrapped=True)
    if result.has_output and result.output != "":
        output = result.output
        if isinstance(output, str):
            print_data(plain(output))
        else:
            print_json(output)
