"""Checks of a secret source: it returns what it has, None for what it has not, and no error shows a secret."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nika_core.errors import TaskError
from nika_core.plugin import SecretSource, SecretSourceSetup
from nika_core.registry import Kind, Registry
from nika_core.registry.loading import make as make_object
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.settings_checks import checked_settings

RETURNS: Final = "returns"
ANY_NAME: Final = "any name"
FAILS_WELL: Final = "fails well"
AT_ONCE: Final = "at once"
PLACES: Final = "places"
LEAVES: Final = "leaves"
QUIET: Final = "quiet"

_MANY: Final = 20
_NAMES: Final = (
    "",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "a/b",
    "a\x00b",
    "a\nb",
    "é",
    "\ud800",
    "x" * 5000,
    "'; rm -rf /",
)

Make = Callable[[], SecretSource]


def make_source(word: str, settings: Any, environ: Mapping[str, str], folder: Path) -> SecretSource:
    """Return the source as the kernel makes it. Raise NotConformant if it refuses its own settings.

    Args:
        settings: what stands under its key in the project file; None: nothing.
    """
    checked = None
    if settings is not None:
        checked = checked_settings(word, settings, folder)
    registry = Registry()
    record = registry.record(Kind.SECRET_SOURCE, word)
    source: SecretSource = make_object(
        record, registry.secret_source(word).source, SecretSourceSetup(checked, environ, folder)
    )
    return source


def check_returns(make: Make, name: str, value: str, absent: str, timeout: float) -> None:
    """Check that a secret is returned as it is, and None for one that is not there, without a word on stdout.

    Raises:
        NotConformant: with what it does in its place, never with a secret.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        source = make()
        found = _fetched(source, name, timeout, RETURNS)
        missing = _fetched(source, absent, timeout, RETURNS)
    require(found == value, RETURNS, f"for '{name}' it returns {_described(found)}, not the value of the sample")
    require(missing is None, RETURNS, f"for '{absent}', which is not there, it returns {_described(missing)}, not None")
    require(not printed.getvalue(), QUIET, "it writes to stdout, which is for data")


def check_any_name(make: Make, timeout: float) -> None:
    """Check that whatever a workflow names is answered with None, or refused with TaskError.

    Raises:
        NotConformant: with the name.
    """
    source = make()
    for name in _NAMES:
        try:
            found = asyncio.run(asyncio.wait_for(source.fetch(name), timeout))
        except TaskError:
            continue
        except Exception as error:
            raise NotConformant(ANY_NAME, f"it raises {type(error).__name__} for the name {name[:40]!r}") from error
        require(found is None, ANY_NAME, f"it returns {_described(found)} for the name {name[:40]!r}")


def check_many_fetches(make: Make, name: str, value: str, timeout: float) -> None:
    """Check that 20 calls at once return what one does, block nothing for good, and leave no task.

    Raises:
        NotConformant: with the first failure.
    """

    async def all_of(source: SecretSource) -> None:
        ended = await asyncio.wait_for(
            asyncio.gather(*(source.fetch(name) for _ in range(_MANY)), return_exceptions=True), timeout * _MANY
        )
        wrong = [one for one in ended if one != value]
        require(not wrong, AT_ONCE, f"of {_MANY} calls at once {len(wrong)} do not return the secret")
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.cancelling()]
        require(not left, LEAVES, "it leaves tasks running when it has returned")

    asyncio.run(all_of(make()))


def check_places(make: Make, name: str, value: str) -> None:
    """Check that it says where it looks, in one line, and shows no secret there.

    Raises:
        NotConformant: with what it says.
    """
    for each in (name, *_NAMES):
        places = make().places(each)
        require(isinstance(places, str) and bool(places.strip()), PLACES, f"`places` returns {_described(places)}")
        require(value not in places, PLACES, "`places` shows the secret")
    require("\n" not in make().places(name), PLACES, "`places` returns more than one line")


def check_fetch_failure(make: Make, name: str, value: str, timeout: float) -> None:
    """Check that a secret that is there and cannot be had raises TaskError with a message without it, in time.

    Raises:
        NotConformant: with what it does in its place.
    """
    try:
        found = asyncio.run(asyncio.wait_for(make().fetch(name), timeout))
    except TaskError as error:
        require(error.message.strip(), FAILS_WELL, "it raises TaskError without a message")
        require(value not in f"{error.message} {error.hint}", FAILS_WELL, "its error shows the secret")
    except TimeoutError as error:
        raise NotConformant(FAILS_WELL, f"it does not fail within {timeout:g} s") from error
    except Exception as error:
        raise NotConformant(FAILS_WELL, f"it raises {type(error).__name__}, not TaskError") from error
    else:
        raise NotConformant(FAILS_WELL, f"it returns {_described(found)} in place of an error")


def _fetched(source: SecretSource, name: str, timeout: float, rule: str) -> str | None:
    try:
        return asyncio.run(asyncio.wait_for(source.fetch(name), timeout))
    except TimeoutError as error:
        raise NotConformant(rule, f"it does not return '{name}' within {timeout:g} s") from error
    except Exception as error:
        raise NotConformant(rule, f"it fails with its sample '{name}': {type(error).__name__}") from error


def _described(value: object) -> str:
    if value is None:
        return "None"
    return f"a text of {len(value)} characters" if isinstance(value, str) else f"a {type(value).__name__}"


__all__ = [
    "check_any_name",
    "check_fetch_failure",
    "check_many_fetches",
    "check_places",
    "check_returns",
    "make_source",
]
