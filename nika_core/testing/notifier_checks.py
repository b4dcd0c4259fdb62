"""Checks of a notifier: whatever the notice says, it tells it or raises TaskError, in time, and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nika_core.errors import TaskError
from nika_core.plugin import Notifier, NotifierSetup, QuestionNotice
from nika_core.registry import Kind, Registry
from nika_core.registry.loading import make
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.own_time import own_seconds
from nika_core.testing.settings_checks import checked_settings

TELLS: Final = "tells"
ANY_NOTICE: Final = "any notice"
FAILS_WELL: Final = "fails well"
AT_ONCE: Final = "at once"
CANCEL: Final = "cancel"
BLOCKS: Final = "blocks"
LEAVES: Final = "leaves"
QUIET: Final = "quiet"

_MOST_LAG: Final = 0.25  # seconds for which the event loop may stand still
_BEAT: Final = 0.01
_BUSY: Final = 0.3  # seconds after which a slow one is cancelled
_AFTER_CANCEL: Final = 5.0  # seconds in which it then has to end
_MANY: Final = 20

Make = Callable[[], Sequence[Notifier]]


def notice(number: int = 1, **more: Any) -> QuestionNotice:
    """Return a plain notice."""
    return QuestionNotice(
        **{
            "key": f"{number:032x}",
            "run_id": "20261126-090000-ab12cd",
            "workflow": "release",
            "task": "approve",
            "message": "Release 1.4.0?",
            "command": "nika answer 20261126-090000-ab12cd approve --digest 0123456789ab yes (or no)",
            "digest": "0123456789abcdef0123456789abcdef",
            "since": 1_795_683_600.0,
            **more,
        }
    )


def notices() -> list[QuestionNotice]:
    """Return notices with all that a question may have, and with texts that are hard to pass on."""
    form = {"target": {"type": "string", "required": True, "enum": ["a", "b"]}}
    texts = (
        "é" * 2000,
        "two\nlines\r\n",
        "a\x00b",
        "\x1b[31mred",
        "\ud800",
        "'; rm -rf / #",
        '"{}"',
        "${env.HOME} {{x}}",
    )
    return [
        notice(1),
        notice(2, form=form, expires_at=1_795_700_000.0, show='{"n":1}', attended=True, task="review[3]"),
        *(notice(3 + index, message=text, show=text) for index, text in enumerate(texts)),
    ]


def setups(word: str, settings: Any, environ: Mapping[str, str], folder: Path) -> list[NotifierSetup]:
    """Return what the kernel makes the notifiers with, one for each entry if the settings are a list.

    Raises:
        NotConformant: the notifier's own validator refuses the settings.
    """
    checked = checked_settings(word, settings, folder)
    entries = checked if isinstance(checked, list) else [checked]
    return [NotifierSetup(entry, environ, folder) for entry in entries]


def make_all(word: str, settings: Any, environ: Mapping[str, str], folder: Path) -> list[Notifier]:
    """Return the notifiers of these settings, as the kernel makes them. Raise NotConformant."""
    registry = Registry()
    record = registry.record(Kind.NOTIFIER, word)
    name = registry.notifier(word).notifier
    return [make(record, name, setup) for setup in setups(word, settings, environ, folder)]


def check_tells(make: Make, timeout: float) -> None:
    """Check that a plain notice is told in time, without a failure and without a word on stdout.

    Raises:
        NotConformant: with how it fails.
    """
    printed = io.StringIO()
    for notifier in make():
        try:
            with contextlib.redirect_stdout(printed):
                asyncio.run(asyncio.wait_for(notifier.notify(notice()), timeout))
        except TimeoutError as error:
            raise NotConformant(TELLS, f"it does not return within {timeout:g} s") from error
        except Exception as error:
            raise NotConformant(TELLS, f"it fails with its sample: {error!r:.300}") from error
    require(not printed.getvalue(), QUIET, f"it writes to stdout, which is for data: {printed.getvalue()[:200]!r}")


def check_any_notice(make: Make, timeout: float) -> None:
    """Check that whatever a notice says is told, or refused with TaskError.

    Raises:
        NotConformant: with the notice.
    """
    for notifier in make():
        for each in notices():
            try:
                asyncio.run(asyncio.wait_for(notifier.notify(each), timeout))
            except TaskError:
                continue
            except Exception as error:
                raise NotConformant(ANY_NOTICE, f"it raises {error!r:.200} for {each!r:.300}") from error


def check_at_once(make: Make, timeout: float) -> None:
    """Check that 20 notices at once are told as well as one.

    Raises:
        NotConformant: with the first failure.
    """

    async def all_of(notifier: Notifier) -> None:
        ended = await asyncio.wait_for(
            asyncio.gather(*(notifier.notify(notice(n)) for n in range(_MANY)), return_exceptions=True), timeout * _MANY
        )
        failures = [failure for failure in ended if isinstance(failure, BaseException)]
        require(not failures, AT_ONCE, f"of {_MANY} notices at once {len(failures)} fail: {failures[:1]!r:.300}")

    for notifier in make():
        asyncio.run(all_of(notifier))


def check_reports_failure(make: Make, timeout: float) -> None:
    """Check that what cannot be told raises TaskError with a message, in time.

    Raises:
        NotConformant: with what it does in its place.
    """
    for notifier in make():
        try:
            asyncio.run(asyncio.wait_for(notifier.notify(notice()), timeout))
        except TaskError as error:
            require(str(error).strip(), FAILS_WELL, "it raises TaskError without a message")
        except TimeoutError as error:
            raise NotConformant(FAILS_WELL, f"it does not fail within {timeout:g} s") from error
        except Exception as error:
            raise NotConformant(FAILS_WELL, f"it raises {error!r:.200}, not TaskError") from error
        else:
            raise NotConformant(FAILS_WELL, "it returns, as if somebody had been told")


def check_leaves_nothing(make: Make, timeout: float) -> None:
    """Check that no task of it is left when `notify` has returned, and that it does not block the event loop.

    Raises:
        NotConformant: with the task or the time.
    """

    async def one(notifier: Notifier) -> float:
        lag = _Lag()
        with contextlib.suppress(TaskError, TimeoutError):
            await asyncio.wait_for(notifier.notify(notice()), timeout)
        longest = await lag.end()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.cancelling()]
        names = ", ".join(getattr(task.get_coro(), "__qualname__", "a coroutine") for task in left)
        require(not left, LEAVES, f"it leaves tasks running when it has returned: {names}")
        return longest

    for notifier in make():
        # Of two tries the better counts: the first one may import what it needs.
        longest = min(asyncio.run(one(notifier)) for _ in range(2))
        require(
            longest < _MOST_LAG,
            BLOCKS,
            f"it blocks the event loop for {longest:.1f} s: await, or use asyncio.to_thread for what blocks",
        )


def check_cancel(make: Make) -> None:
    """Check that a slow `notify` ends when it is cancelled.

    Raises:
        NotConformant: it goes on, or was not slow.
    """

    async def one(notifier: Notifier) -> None:
        sending = asyncio.ensure_future(notifier.notify(notice()))
        done, _ = await asyncio.wait({sending}, timeout=_BUSY)
        require(not done, CANCEL, f"the sample that should be slow ends within {_BUSY} s")
        sending.cancel()
        begun = time.monotonic()
        done, _ = await asyncio.wait({sending}, timeout=_AFTER_CANCEL)
        require(done, CANCEL, f"it goes on for {time.monotonic() - begun:.0f} s after it was cancelled")
        require(sending.cancelled(), CANCEL, "it catches its cancellation: let CancelledError pass")

    for notifier in make():
        asyncio.run(one(notifier))


class _Lag:
    """Measures for how long the event loop stands still."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._task = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        while True:
            begun = own_seconds()
            await asyncio.sleep(_BEAT)
            self._longest = max(self._longest, own_seconds() - begun - _BEAT)

    async def end(self) -> float:
        """Return the longest time, in seconds."""
        await asyncio.sleep(2 * _BEAT)
        self._task.cancel()
        await asyncio.wait({self._task})
        return self._longest


__all__ = [
    "check_any_notice",
    "check_at_once",
    "check_cancel",
    "check_leaves_nothing",
    "check_reports_failure",
    "check_tells",
    "make_all",
    "notice",
    "notices",
    "setups",
]
