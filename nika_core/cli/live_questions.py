"""Questions of a run that goes on at a terminal: asked one after the other, while its view is paused."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from nika_core import codes
from nika_core.cli.console import plain, print_error, print_message, style
from nika_core.cli.progress import ENDS, View
from nika_core.cli.prompting import LeftOpenError, TerminalReader, WithdrawnError, ask_here
from nika_core.cli.waiting import sender_text
from nika_core.errors import NikaError
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json
from nika_core.model.question import OpenQuestion, answer_text, is_question, question_of


class Answerable(Protocol):
    """A run whose questions can be answered."""

    def answer(self, task: str, answer: Json) -> object:
        """Answer a question. Raise NikaError if that cannot be."""
        ...

    def leave_open(self) -> None:
        """Do not stay for answers."""
        ...


class LiveQuestions:
    """Asks each question of a run when it is opened. An observer of the run's events.

    Ctrl-C at a question leaves it open, and all that come after it: the run does what it can, and is paused.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._execution: Answerable | None = None
        self._open: dict[str, OpenQuestion] = {}
        self._todo: deque[str] = deque()
        self._changed = threading.Condition()
        self._asking = ""
        self._closed = False
        self._left = False
        self._reader = TerminalReader()
        self._thread = threading.Thread(target=self._work, name="nika-questions", daemon=True)

    def attach(self, execution: Answerable) -> None:
        """Answer the questions of this run."""
        self._execution = execution
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Learn of a question that is opened, answered or withdrawn."""
        task = event.task
        if task is None:
            return
        if event.kind is EventKind.TASK_WAITING and is_question(event.data.get("about") or {}):
            about = event.data["about"]
            asked = OpenQuestion(
                run_id=event.run_id,
                workflow="",
                run_status="running",
                task=task,
                question=question_of(about),
                digest=about["digest"],
                since=event.at,
                deadline=event.data.get("deadline"),
            )
            with self._changed:
                self._open[task] = asked
                self._todo.append(task)
                self._changed.notify()
        elif event.kind is EventKind.SIGNAL_RECEIVED:
            sender = event.data.get("sender") or {}
            by = sender_text(sender)
            self._withdraw(task, f"the answer is {answer_text(event.data.get('payload'))}{by}")
        elif event.kind in ENDS:
            error = event.data.get("error") or {}
            self._withdraw(task, str(error.get("message") or event.data.get("reason") or "it has ended"))

    def leave(self) -> bool:
        """Leave open what is being asked; return whether anything is."""
        with self._changed:
            if not self._asking:
                return False
            self._reader.stop(LeftOpenError())
            return True

    def close(self) -> None:
        """Ask no more."""
        with self._changed:
            self._closed = True
            self._todo.clear()
            self._changed.notify()
        self._reader.stop(WithdrawnError("the run has ended"))
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _withdraw(self, task: str, why: str) -> None:
        with self._changed:
            if self._open.pop(task, None) is not None and self._asking == task:
                self._reader.stop(WithdrawnError(why))

    def _next(self) -> OpenQuestion | None:
        """Wait for a question that is still open, and return it; None: there is nothing to ask any more."""
        with self._changed:
            while True:
                while self._todo and not self._left:
                    asked = self._open.get(self._todo.popleft())
                    if asked is not None:
                        self._asking = asked.task
                        return asked
                self._view.resume()
                if self._closed:
                    return None
                self._changed.wait()

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            self._view.pause()
            try:
                self._ask(asked)
            finally:
                with self._changed:
                    self._asking = ""

    def _begin(self, task: str) -> bool:
        """Return whether a question is still to be asked; from now on its withdrawal ends the reading."""
        with self._changed:
            self._reader.begin()
            return task in self._open

    def _ask(self, asked: OpenQuestion) -> None:
        assert self._execution is not None
        try:
            while self._begin(asked.task):
                answer = ask_here(asked, self._reader)
                with self._changed:
                    mine = self._open.pop(asked.task, None)
                try:
                    self._execution.answer(asked.task, answer)
                    print_message(f"{style('answered', 'green')}: {plain(asked.task)} {plain(answer_text(answer))}")
                except NikaError as error:
                    print_error(error)
                    if error.code != codes.SIGNAL_REFUSED and mine is not None:  # it can be answered otherwise
                        self._open[asked.task] = mine
        except WithdrawnError as error:
            print_message(f"\n{plain(asked.task)} is not asked any more: {plain(str(error))}")
        except LeftOpenError:
            self._left = True
            print_message(f"\n{plain(asked.task)} is left open; the run does what it can without it")
            self._execution.leave_open()
