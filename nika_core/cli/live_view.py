"""A live view of a run on a terminal: what runs, below the lines of what has happened."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from nika_core.cli.console import plain
from nika_core.cli.progress import ENDS, ProgressLines, duration_text
from nika_core.model.events import Event, EventKind
from nika_core.model.workflow import Workflow

if TYPE_CHECKING:
    from types import TracebackType

_REFRESH_SECONDS: Final = 0.25
_ROWS: Final = 20
_TAIL: Final = 120  # characters of a stream that are shown


class LiveView:
    """The lines of ProgressLines above a live view of what is running, redrawn at most four times a second."""

    def __init__(self, workflow: Workflow, *, verbose: int = 0, refresh_seconds: float = _REFRESH_SECONDS) -> None:
        self._refresh_seconds = refresh_seconds
        self._running: dict[str, tuple[float, str, str]] = {}  # since when, how far, what it wrote last
        self._console = _SharedConsole(
            file=cast("TextIO", _Terminal(sys.stderr)), highlight=False, markup=False, emoji=False
        )
        self._lines = ProgressLines(workflow, verbose=verbose, write=self._print)
        self._live: Live | None = None
        self._closed = threading.Event()
        self._start()
        threading.Thread(target=self._redraw, name="nika-live-view", daemon=True).start()

    def __call__(self, event: Event) -> None:
        """Print one event."""
        text = self._lines.text(event)
        task = event.task or ""
        group = self._lines.groups.of(task)
        top = task if group is None else group.task
        if event.kind is EventKind.TASK_STARTED and task == top:
            self._running[task] = (time.monotonic(), "", "")
        elif event.kind is EventKind.CHUNK and top in self._running:
            since, progress, tail = self._running[top]
            self._running[top] = (since, progress, (tail + str(event.data.get("text", "")))[-_TAIL:])
        elif event.kind is EventKind.PROGRESS and top in self._running:
            since, _, tail = self._running[top]
            self._running[top] = (since, _progress_text(event.data), tail)
        elif event.kind in ENDS or (event.kind is EventKind.TASK_WAITING and task == top):
            self._running.pop(task, None)
        if text is not None and (event.kind is not EventKind.TASK_STARTED or event.data.get("reason")):
            self._lines.write(text)

    def pause(self) -> None:
        """Leave the terminal to something else; what is to be printed is held back."""
        self._lines.pause()
        self._stop()

    def resume(self) -> None:
        """Draw the view again, below what was held back."""
        self._start()
        self._lines.resume()

    def close(self) -> None:
        """Restore the terminal."""
        self._closed.set()
        self._stop()
        self._lines.resume()

    def _start(self) -> None:
        with self._console.turn:
            if self._live is None:  # always a new one: one that is started again erases as many lines as it had
                self._live = Live(console=self._console, auto_refresh=False, transient=True, get_renderable=self._rows)
                self._live.start()

    def _stop(self) -> None:
        with self._console.turn:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def _redraw(self) -> None:
        while not self._closed.wait(self._refresh_seconds):
            with self._console.turn:
                if self._live is not None:
                    self._live.refresh()

    def _print(self, text: str) -> None:
        with self._console:  # before Rich looks whether there is a view
            self._console.print(Text.from_ansi(text), soft_wrap=True)

    def _rows(self) -> Text:
        now = time.monotonic()
        rows = []
        for task, (since, progress, tail) in list(self._running.items())[:_ROWS]:
            group = self._lines.groups.of(task)
            counts = "" if group is None else f"{group.so_far()}  "
            shown = plain(" ".join(f"{progress} {tail}".split()))
            rows.append(f"▶ {task}  {counts}{duration_text(now - since)}  {shown}"[: self._console.width - 1])
        return Text("\n".join(rows), no_wrap=True, overflow="ellipsis")


class _SharedConsole(Console):
    """A console whose users take turns: what one prints is on the terminal before the next begins.

    Rich works out how far to go back before it writes, so two threads that print at the same time can erase a line
    that is not the view's.
    """

    def __init__(self, **options: Any) -> None:
        self.turn = threading.RLock()  # taken before any lock of Rich's own
        super().__init__(**options)

    def __enter__(self) -> Self:
        self.turn.acquire()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        finally:
            self.turn.release()


class _Terminal:
    """A stream whose other end may be closed, as a terminal's window is: what is written is then dropped, and the run
    continues.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _progress_text(data: Any) -> str:
    """Return how far a step is: `3/10 reading`."""
    of = "" if data.get("total") is None else f"/{data['total']:g}"
    return f"{data['done']:g}{of} {data.get('text', '')}"
