"""A live view of a run on a terminal: what runs, below the lines of what has happened."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TextIO, cast

from nika_core.cli.console import message_text, style
from nika_core.cli.live_layout import Line, layout
from nika_core.cli.live_screen import Screen
from nika_core.cli.live_state import LiveState
from nika_core.cli.marks import marks_for
from nika_core.cli.progress import ProgressLines
from nika_core.model.events import Event, EventKind
from nika_core.model.limits import Limits
from nika_core.model.workflow import Workflow

_GATHER_SECONDS: Final = 0.05  # for which lines are gathered before they are drawn
_TICK_SECONDS: Final = 1.0  # the clocks go on, even if nothing happens
_LONGEST_LINE: Final = 100_000  # characters; what is longer is broken
_SHARE: Final = 20  # drawing takes at most this part of the time


class LiveView:
    """The lines of ProgressLines, and below them a head and a row for what runs. An observer of the run's events.

    It draws in a thread of its own: what it is told of is never held up by the terminal. What else is printed to
    stderr or stdout meanwhile appears as lines above.
    """

    def __init__(
        self,
        workflow: Workflow,
        *,
        verbose: int = 0,
        limits: Limits | None = None,
        gather_seconds: float = _GATHER_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        stream = sys.stderr
        self._gather_seconds = gather_seconds
        self._clock = clock
        self._marks = marks_for(stream)
        self._screen = Screen(stream)
        self._columns, self._rows = self._screen.size()
        self.lines = ProgressLines(
            workflow, verbose=verbose, write=self._print, columns=lambda: self._columns, rows=True
        )
        self._state = LiveState(workflow, self.lines.groups, limits)
        self.ignores = frozenset({EventKind.TASK_READY, EventKind.MODEL_ASKED})
        self.told = self.lines.told
        self._stay: list[str] = []
        self._lock = threading.Lock()  # what is to be drawn
        self._turn = threading.RLock()  # who draws
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._paused = True
        self._caught: tuple[_Above, TextIO, TextIO] | None = None  # and the streams in whose place it is
        self.resume()
        self._thread = threading.Thread(target=self._work, name="nika-live-view", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        with self._lock:
            text = self.lines.text(event)
            self._state.take(event)
            if text is not None:
                self._stay.append(text)
        if not self._changed.is_set():
            self._changed.set()

    def draw(self) -> None:
        """Draw what there is now, without waiting for more."""
        with self._turn:
            if not self._paused:
                self._draw(with_area=True)

    def pause(self) -> None:
        """Leave the terminal to something else; what is to be printed is held back."""
        with self._turn:
            if not self._paused:
                self._end_lines()
                self._draw(with_area=False)
                self._paused = True
                self._give_streams_back()

    def resume(self) -> None:
        """Draw the view again, below what was held back."""
        with self._turn:
            if self._paused and not self._closed.is_set():
                self._paused = False
                self._take_streams()
                self._changed.set()

    def close(self) -> None:
        """Print what is left, and restore the terminal."""
        with self._turn:
            self._closed.set()
            self._end_lines()
            self._draw(with_area=False)
            self._paused = True
            self._give_streams_back()
        self._changed.set()

    def _print(self, text: str) -> None:
        with self._lock:
            self._stay.append(text)
        self._changed.set()

    def _work(self) -> None:
        pause = self._gather_seconds
        while not self._closed.is_set():
            self._changed.wait(_TICK_SECONDS)
            self._changed.clear()
            with self._turn:
                if not self._paused:
                    begun = time.thread_time()
                    self._draw(with_area=True)
                    pause = max(self._gather_seconds, _SHARE * (time.thread_time() - begun))
            if pause:
                self._closed.wait(pause)

    def _draw(self, *, with_area: bool) -> None:
        self._columns, self._rows = width, height = self._screen.size()
        with self._lock:
            stay = "".join(f"{line}\n" for line in self._stay)
            self._stay.clear()
            area = layout(self._state, width - 1, height, self._clock(), self._marks) if with_area else []
        self._screen.draw(stay, [_coloured(line) for line in area])

    def _take_streams(self) -> None:
        """Catch what is printed; stdout only where it leads to stderr, as in a command."""
        ours = _Above(sys.stderr, self._print)
        self._caught = ours, sys.stderr, sys.stdout
        if sys.stdout is sys.stderr:
            sys.stdout = cast("TextIO", ours)
        sys.stderr = cast("TextIO", ours)

    def _end_lines(self) -> None:
        if self._caught is not None:
            self._caught[0].end()

    def _give_streams_back(self) -> None:
        if self._caught is not None:
            _, sys.stderr, sys.stdout = self._caught
            self._caught = None


class _Above:
    """Stands for a stream while the view is drawn: what is written to it appears above the view, line by line.

    A program that still has it when the view is gone writes to the stream itself.
    """

    def __init__(self, stream: TextIO, print_line: Callable[[str], None]) -> None:
        self._stream = stream
        self._print_line = print_line
        self._begun = ""
        self._open = True
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            if not self._open:
                return self._stream.write(text)
            *lines, begun = (self._begun + text).split("\n")
            self._begun = begun.rpartition("\r")[2]  # as a terminal shows a bar that is written again and again
            if len(self._begun) > _LONGEST_LINE:
                lines.append(self._begun)
                self._begun = ""
            for line in lines:
                self._print_line(message_text(line.rstrip("\r")))
        return len(text)

    def flush(self) -> None:
        """Show nothing yet: a line that has begun is shown when it has ended."""
        if not self._open:
            self._stream.flush()

    def end(self) -> None:
        """Print a line that has begun, and take no more."""
        with self._lock:
            self._open = False
            if self._begun:
                self._print_line(message_text(self._begun))
                self._begun = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _coloured(line: Line) -> str:
    return "".join(style(text, name) if name else text for text, name in line)
