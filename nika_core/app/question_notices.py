"""Tells the project's notifiers of the questions of a run, each of each question once.

A question is told of when it is in the run's history, and what a notifier has taken is recorded there. What is not
recorded is told when the run is resumed and the question is still open: because Nika was killed in between, the
notifier failed or its time was over, or its settings have changed since. So a notice may arrive twice, but is never
lost; its `key` tells.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from nika_core.app.notifier_thread import NotifierThread
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.task_histories import TaskHistory, task_histories
from nika_core.engine.core.messages import AwaitExternal
from nika_core.engine.task.services import Reporter
from nika_core.errors import NikaError
from nika_core.journal import Recorded
from nika_core.model.answer_line import answer_command_line
from nika_core.model.bounded import bound
from nika_core.model.events import Event, EventKind
from nika_core.model.input_values import compact
from nika_core.model.json import JsonObject
from nika_core.model.question import is_question, question_of
from nika_core.plugin import NotifierSetup, QuestionNotice
from nika_core.registry import Kind

LONGEST_TEXT: Final = 4096  # bytes of a message and of a shown value
_LONGEST_CHOICES: Final = 1000  # characters of a field's choices in the command, which is put into one variable
_MARGIN: Final = 2.0  # seconds beyond a notifier's time, for what is made and cancelled


def question_notices(
    prepared: PreparedRun, run_id: str, recorded: Recorded | None, *, attended: bool, on: str = ""
) -> QuestionNotices | None:
    """Return what tells of a run's questions; None if the project has no notifier or the run is mocked.

    Args:
        recorded: the run so far, if it is resumed.
        attended: whether a person is asked at the run's terminal.
        on: the address of the backend that the run is on; "": it is on this machine.

    Raises:
        NikaError: the project's settings are wrong.
    """
    workspace, options = prepared.workspace, prepared.options
    if options.mock or options.answers is not None:
        return None
    threads = [thread for word in workspace.used(Kind.NOTIFIER) for thread in _threads(prepared, word)]
    events = () if recorded is None else recorded.events
    return QuestionNotices(threads, prepared, run_id, events, attended=attended, on=on) if threads else None


def _threads(prepared: PreparedRun, word: str) -> Iterator[NotifierThread]:
    """Yield a notifier; if its settings are a list, one for each entry."""
    workspace = prepared.workspace
    registry, timeout = workspace.registry, workspace.registry.notifier(word).timeout
    raw: Any = workspace.project.settings[word]
    settings: Any = workspace.checked_project.settings[word]
    entries = [(word, raw, settings)]
    if isinstance(raw, list) and isinstance(settings, list):
        entries = [(f"{word}[{index}]", *entry) for index, entry in enumerate(zip(raw, settings, strict=True))]
    for name, text, checked in entries:
        setup = NotifierSetup(checked, workspace.environ, workspace.project_folder)
        yield NotifierThread(name, _digest(word, compact(text)), timeout, partial(registry.new_notifier, word, setup))


class QuestionNotices:
    """The notices of one run. Used from its event loop."""

    def __init__(
        self,
        threads: Iterable[NotifierThread],
        prepared: PreparedRun,
        run_id: str,
        events: Sequence[Event] = (),
        *,
        attended: bool = False,
        on: str = "",
    ) -> None:
        self._threads = tuple(threads)
        self._prepared = prepared
        self._run_id = run_id
        self._attended = attended
        self._on = on
        self._events = events
        self._histories: Mapping[str, TaskHistory] | None = None
        self._begun = {
            (event.data["settings"], event.data["key"]) for event in events if event.kind == EventKind.QUESTION_NOTIFIED
        }
        self._sending: set[asyncio.Task[None]] = set()
        self._answered = 0  # notices that a notifier has taken or refused
        self._abandoned: Counter[str] = Counter()  # by notifier
        self._reporter: Reporter | None = None

    def opened(self, command: AwaitExternal, at: float, reporter: Reporter) -> None:
        """Tell of the question that a node asks, if it asks one, every notifier that has not been told of it.

        A question whose time was over while nothing ran is not told.
        """
        deadline = command.wait.deadline
        if not is_question(command.wait.about) or (deadline is not None and deadline <= at):
            return
        self._reporter = reporter
        key, since = self._key(command), self._since(command, at)
        for thread in self._threads:
            if (thread.settings, key) not in self._begun:
                self._begun.add((thread.settings, key))
                sending = asyncio.get_running_loop().create_task(self._tell(thread, command, key, since, reporter))
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)

    def abandon(self) -> None:
        """Do not wait for what is being sent."""
        for sending in self._sending:
            sending.cancel()

    async def end(self) -> None:
        """Wait until all is sent, as long as a notifier takes something within its time. Raise nothing."""
        patience = max((thread.timeout for thread in self._threads), default=0.0) + _MARGIN
        answered, still_since = self._answered, time.monotonic()
        while self._sending and (left := still_since + patience - time.monotonic()) > 0:
            await asyncio.wait(self._sending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if self._answered != answered:
                answered, still_since = self._answered, time.monotonic()
        if self._sending:
            self.abandon()
            await asyncio.wait(self._sending)
        for word, count in self._abandoned.items():
            assert self._reporter is not None
            questions = "a question" if count == 1 else f"{count} questions"
            self._reporter.notice(f"the notifier '{word}' was not waited for: it may not have told of {questions}")
        await asyncio.gather(*(thread.close(_MARGIN) for thread in self._threads))

    async def _tell(
        self, thread: NotifierThread, command: AwaitExternal, key: str, since: float, reporter: Reporter
    ) -> None:
        node = command.node
        try:
            await reporter.barrier()  # whatever happens now, the question is in the run's history
            await asyncio.wrap_future(thread.send(self._notice(command, key, since)))
        except asyncio.CancelledError:
            self._abandoned[thread.name] += 1
        except TimeoutError:
            reporter.notice(f"{_who(thread, node)} within {thread.timeout:g} s", node)
        except NikaError as error:
            self._answered += 1
            reporter.notice(f"{_who(thread, node)}: {error.message}", node)
        except Exception as error:  # what a keyword waits for may only look like a question
            reporter.notice(f"{_who(thread, node)}: {type(error).__name__}: {error}", node)
        else:
            self._answered += 1
            data: JsonObject = {"notifier": thread.name, "key": key, "settings": thread.settings}
            reporter.emit(EventKind.QUESTION_NOTIFIED, node, data)

    def _key(self, command: AwaitExternal) -> str:
        return _digest(self._run_id, command.identity or command.node, str(command.epoch), command.wait.key)

    def _notice(self, command: AwaitExternal, key: str, since: float) -> QuestionNotice:
        masker, wait = self._prepared.masker, command.wait
        question = question_of(wait.about)
        return QuestionNotice(
            key=key,
            run_id=self._run_id,
            workflow=masker.text(self._prepared.workflow.name),
            task=masker.text(command.node),
            message=_cut(masker.text(question.message)),
            show="" if question.show is None else _cut(masker.text(_text(question.show))),
            form=masker.json(wait.about.get("form")),
            words=question.words,
            command=masker.text(
                answer_command_line(self._run_id, command.node, question, wait.key, _LONGEST_CHOICES, self._on)
            ),
            digest=wait.key,
            since=since,
            expires_at=wait.deadline,
            attended=self._attended,
        )

    def _since(self, command: AwaitExternal, at: float) -> float:
        """Return when a question was first shown, in this life of the run or in an earlier one."""
        if self._histories is None:
            self._histories = task_histories(self._events)
        history = self._histories.get(command.node)
        wait = None if history is None or history.epoch != command.epoch else history.waits.get(command.wait.key)
        return at if wait is None else wait.since


def _digest(*parts: str) -> str:
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _who(thread: NotifierThread, node: str) -> str:
    return f"the notifier '{thread.name}' has not told of the question of `{node}`"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)


def _cut(text: str) -> str:
    return bound(text, LONGEST_TEXT).text
