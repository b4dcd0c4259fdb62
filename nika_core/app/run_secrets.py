"""The secrets of one run: fetched from the secret sources when a task that starts needs them, and kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from nika_core import codes
from nika_core.app.plugin_thread import PluginThread
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.workspace import Workspace
from nika_core.engine.core.ports import LateValues, MissingSecretError
from nika_core.errors import Category, NikaError, TaskError
from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.masking import MASK
from nika_core.model.secret_forms import MIN_LENGTH
from nika_core.model.template import Placeholder
from nika_core.plugin import LateSource, SecretSourceSetup, Source, Values
from nika_core.registry import Kind
from nika_core.registry.guarded_secret_source import GuardedSecretSource

_CLOSING: Final = 2.0  # seconds that a source has to end what it does
_LONGEST_VALUE: Final = 1024 * 1024  # characters
_SHOWN: Final = 80  # characters of a name
_SHORTEST_LINE: Final = 16  # characters of a line of a secret that is masked by itself


def late_values(prepared: PreparedRun, notice: Callable[[str], None]) -> LateValues:
    """Return what gets the secrets of a run; a mocked run is given stand-ins, and asks no source.

    Args:
        notice: tells the user something.
    """
    if prepared.options.mock:
        return MockedSecrets()
    registry = prepared.workspace.registry
    return RunSecrets(prepared.workspace, registry.source, prepared.masker.add, notice)


class MockedSecrets:
    """Stands in for every secret."""

    async def resolve(self, placeholder: Placeholder) -> Json:
        return MASK

    async def secret(self, name: str) -> str:
        return MASK

    async def close(self) -> None: ...


class RunSecrets:
    """Asks the secret sources in their order, each in a thread of its own; each name once.

    What failed is kept, too, unless another attempt may fix it. Used from the run's event loop.
    """

    def __init__(
        self,
        workspace: Workspace,
        source: Callable[[str], Source],
        on_secret: Callable[[Iterable[str]], None],
        notice: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._on_secret = on_secret
        self._notice = notice
        self._values: dict[str, asyncio.Task[str]] = {}
        self._threads: dict[str, _SourceThread] = {}

    async def resolve(self, placeholder: Placeholder) -> Json:
        """Return the value of one reference. Raise NikaError, MissingSecretError if no source has the secret."""
        source: Any = self._source(placeholder.source)
        assert isinstance(source, LateSource)
        secrets = {name: await self.secret(name) for name in source.secrets(placeholder)}
        return source.resolve(placeholder, Values(secrets=secrets))

    async def secret(self, name: str) -> str:
        """Return a secret. Raise like `resolve`."""
        asking = self._values.get(name)
        if asking is None or (asking.done() and _may_be_tried_again(asking)):
            asking = self._values[name] = asyncio.get_running_loop().create_task(self._find(name))
            asking.add_done_callback(_looked_at)
        return await asyncio.shield(asking)  # the task that asked first may be cancelled, and others wait

    async def close(self) -> None:
        """End what is being asked, and the threads."""
        pending = [asking for asking in self._values.values() if not asking.done()]
        for asking in pending:
            asking.cancel()
        if pending:
            await asyncio.wait(pending)
        self._values.clear()
        await asyncio.gather(*(thread.close() for thread in self._threads.values()))

    async def _find(self, name: str) -> str:
        registry = self._workspace.registry
        asked: list[str] = []
        for word in registry.secret_sources():
            thread = self._threads.get(word)
            if thread is None:
                thread = self._threads[word] = _SourceThread(word, self._workspace)
            value = await thread.fetch(name, asked)
            if value is None:
                places = thread.places(name)
                asked.append(f"{word} ({places})" if places else word)
                continue
            return self._checked(name, value, word)
        raise _missing(name, asked, registry.installed(Kind.SECRET_SOURCE))

    def _checked(self, name: str, value: str, word: str) -> str:
        self._on_secret((value, *_lines(value)))
        problem = None
        if not value:
            problem = "is empty"
        elif "\0" in value:
            problem = "is not text: it has a NUL character"
        elif len(value) > _LONGEST_VALUE:
            problem = f"has {len(value):,} characters; at most {_LONGEST_VALUE:,} are taken"
        if problem:
            raise TaskError(
                f"the secret '{_shown(name)}' of the secret source '{word}' {problem}", category=Category.CONFIG
            )
        if len(value) < MIN_LENGTH:
            self._notice(f"the secret '{_shown(name)}' has fewer than {MIN_LENGTH} characters: it is not masked")
        return value


class _SourceThread:
    """One secret source at work. It is made in its thread, with the first secret that it is asked for."""

    def __init__(self, word: str, workspace: Workspace) -> None:
        self._word = word
        self._workspace = workspace
        self._timeout = workspace.registry.secret_source(word).timeout
        settings: Mapping[str, Any] = workspace.checked_project.settings
        self._setup = SecretSourceSetup(settings.get(word), workspace.environ, workspace.project_folder)
        self._thread = PluginThread(f"nika-secrets-{word}")
        self._source: GuardedSecretSource | None = None

    async def fetch(self, name: str, asked: Sequence[str]) -> str | None:
        """Return a secret; None if the source does not have it. Raise NikaError.

        Args:
            asked: the sources that do not have it, for the error.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(self._thread.run(partial(self._fetch, name)))
        except TimeoutError:
            message = f"the secret source '{self._word}' did not return '{_shown(name)}' within {self._timeout:g} s"
            raise _also_asked(TaskError(message, category=Category.TIMEOUT), asked) from None
        except NikaError as error:
            raise _also_asked(error, asked) from None

    def places(self, name: str) -> str:
        """Return where it looks, for a message."""
        return "" if self._source is None else self._source.places(name)

    async def close(self) -> None:
        """End the thread."""
        await self._thread.close(_CLOSING)

    async def _fetch(self, name: str) -> str | None:
        if self._source is None:
            self._source = self._workspace.registry.new_secret_source(self._word, self._setup)
        return await self._source.fetch(name)


def _also_asked(error: NikaError, asked: Sequence[str]) -> NikaError:
    """Return the error of a source as it is told, with the sources that were asked before it."""
    before = f" (asked before it, without result: {', '.join(asked)})"
    if asked and not error.message.endswith(before):
        error.message += before
    return error


def _lines(value: str) -> list[str]:
    """Return the lines of a secret that has several, such as a private key: a program may show some of them."""
    lines = value.splitlines()
    return [line for line in lines if len(line) >= _SHORTEST_LINE and "-----" not in line] if len(lines) > 1 else []


def _may_be_tried_again(asking: asyncio.Task[str]) -> bool:
    if asking.cancelled():
        return True
    error = asking.exception()
    return isinstance(error, TaskError) and error.retriable


def _looked_at(asking: asyncio.Task[str]) -> None:
    """Take the exception, so that nobody is told that none did: all who waited may have been cancelled."""
    if not asking.cancelled():
        asking.exception()


def _missing(name: str, asked: list[str], installed: list[str]) -> MissingSecretError:
    if not asked:
        why = "no secret source may be used" if installed else "no secret source is installed"
        hint = "`nika plugins list` shows what is there; nika-secret-files reads secrets from files"
    else:
        why = f"no secret source has it; asked: {', '.join(asked)}"
        hint = "store it in one of these, or correct its name"
    return MissingSecretError(
        f"the secret '{_shown(name)}': {why}", category=Category.CONFIG, code=codes.MISSING_SECRET, hint=hint
    )


def _shown(name: str) -> str:
    return shorten(name, _SHOWN)
